/// The gradient step of proximal policy optimisation as one compiled program: forward, loss, gradient, clipping, Adam.
namespace Rl.Core.Algorithms

open System
open Rl.Core.Acting
open Rl.Core.Autodiff
open Rl.Core.Networks
open Rl.Core.Objectives
open Rl.Core.Optimisers

/// What a minibatch step computes.
[<RequireQualifiedAccess>]
module PpoStep =

    /// Minibatches are cut into this many parts, whatever the number of threads, so that threads never change a result.
    let lanes (minibatchSize: int) = Math.Clamp(minibatchSize / 64, 1, 16)

    /// The optimiser of clipped gradients; its learning rate is the program's input "learningRate".
    let optimiser (c: PpoConfiguration) = Optimiser.adam (Schedule.input "learningRate") c.AdamEpsilon

    /// The number of sides, the parts of the parameters with a loss of their own: one, or two (the actor's, then the critic's) where actor and critic
    /// share no parameters.
    let sideCount (network: ActorCritic) = if network.IsShared then 1 else 2

    /// How many parts the samples of each side are cut into, where they come in `units` that are not to be cut. Lane p · sides + s is that of part p of
    /// side s, and its samples are the units p · units / parts … (p + 1) · units / parts − 1.
    let parts (network: ActorCritic) (units: int) (minibatchSize: int) =
        max 1 (min units (lanes minibatchSize) / sideCount network)

    /// The input that a side's observations are. Each has its own, so that two threads need not read what one of them has just written.
    let observationsOf (side: int) = if side = 0 then "observations" else "valueObservations"

    /// One side: all of the parameters, or the actor's or the critic's.
    type private Side =
        {
            /// The elements of θ.
            First: int
            Count: int
            /// θ of the side and the samples → the network's output as far as this side knows it.
            Apply: Expr -> Samples -> ActorCriticOutput
            HasPolicy: bool
            HasValue: bool
        }

    /// Observations [M, o]; of a recurrent network [L, B, o], with the episodes' starts [L, B] and the first states [B, s].
    and private Samples = { Observations: Expr; Keep: Expr; State: Expr }

    /// Two sides let two threads own half of θ each: gradients and moments need not travel between their caches.
    let private sides (network: ActorCritic) =
        let whole = ActorCritic.layout network

        if network.IsShared then
            let apply theta (samples: Samples) =
                let parameters = Parameters.create whole theta

                if network.Memory.IsSome then
                    ActorCritic.unroll network parameters samples.Keep samples.Observations samples.State
                else
                    ActorCritic.apply network parameters samples.Observations

            [ { First = 0; Count = whole.Count; Apply = apply; HasPolicy = true; HasValue = true } ]
        else
            let critic = Layout.under "critic" (Mlp.layout network.Critic)
            let actor = Actor.layout network.Actor
            let nothing = Expr.number 0.0

            let applyActor theta (samples: Samples) =
                ActorCritic.actor network (Parameters.create actor theta) samples.Observations

            let applyCritic theta (samples: Samples) =
                {
                    Policy = nothing
                    LogStandardDeviation = None
                    Features = None
                    Value = ActorCritic.value network (Parameters.create critic theta) samples.Observations
                }

            [
                { First = 0; Count = actor.Count; Apply = applyActor; HasPolicy = true; HasValue = false }
                {
                    First = actor.Count
                    Count = critic.Count
                    Apply = applyCritic
                    HasPolicy = false
                    HasValue = true
                }
            ]

    /// −L of each sample: the surrogate that the configuration asks for.
    let private surrogate (c: PpoConfiguration) clipRange penalty (ratio: Expr) (advantage: Expr) (kl: Expr) =
        if c.ClipRange = 0.0 then
            PolicyGradients.penalisedSurrogate penalty ratio advantage kl
        else
            let clipped =
                if c.DualClip > 0.0 then
                    PolicyGradients.dualClippedSurrogate clipRange c.DualClip ratio advantage
                else
                    PolicyGradients.clippedSurrogate clipRange ratio advantage

            if c.KlPenalty > 0.0 then clipped + penalty * kl else clipped

    /// The step for M samples: single ones, or, of a recurrent network, M / L sequences of L steps. Inputs: theta, the optimiser's state
    /// ("optimiser." + name), learningRate, clipRange, klPenalty, observations [M, o] (and the same as valueObservations, where actor and
    /// critic share nothing), actions [M, a], masks [M, choices] if there are any, oldLogProbabilities, advantages, returns, oldValues [M]; with recurrence these are [L, M / L, …], and keep [L, M / L] (0
    /// where an episode starts) and states [M / L, s] are there too. Outputs: policyLoss, valueLoss, entropy, approximateKl,
    /// clipFraction, gradientNorm. A run moves theta and the optimiser's state on.
    let source (c: PpoConfiguration) (network: ActorCritic) (hasMasks: bool) (m: int) : ProgramSource =
        let layout = ActorCritic.layout network
        let theta = Expr.input "theta" [| layout.Count |]
        let transform = optimiser c
        let state = Optimiser.inputs "optimiser." layout.Count transform
        let clipRange = Expr.input "clipRange" Shape.scalar
        let penalty = Expr.input "klPenalty" Shape.scalar
        let isRecurrent = network.Memory.IsSome
        let units = m / c.Sequence
        let rows = if isRecurrent then [| c.Sequence; units |] else [| m |]
        let actions = Expr.input "actions" (Array.append rows [| network.Head.ActionSize |])
        let masks = Expr.input "masks" (Array.append rows [| max 1 network.Head.Choices |])
        let keep = Expr.input "keep" rows
        let states = Expr.input "states" [| units; max 1 network.StateSize |]
        let oldLogProbabilities = Expr.input "oldLogProbabilities" rows
        let advantages = Expr.input "advantages" rows
        let returns = Expr.input "returns" rows
        let oldValues = Expr.input "oldValues" rows

        let standardised =
            if c.NormaliseAdvantages then
                PolicyGradients.standardise advantages
            else
                advantages

        let sides = sides network
        let parts = parts network units m
        let lanes = parts * sides.Length
        let inLane lane x = if lanes = 1 then x else Expr.lane lane x

        let observations =
            List.init sides.Length (fun side ->
                Expr.input (observationsOf side) (Array.append rows [| ActorCritic.inputs network |]))

        let elements (side: Side) (x: Expr) = Expr.slice 0 side.First (side.First + side.Count) x
        let mean (x: Expr) = Expr.sum x * (1.0 / float m)
        let sampleAxis = if isRecurrent then 1 else 0

        // The loss of one side on one part of the samples, each mean over all m; and what is reported of it.
        let partLoss (side: Side) (observations: Expr) (sideTheta: Expr) part lane : Expr * (string * Expr) list =
            let first, last = part * units / parts, (part + 1) * units / parts
            let cut axis x = Expr.slice axis first last x |> inLane lane

            // Rows of samples, whether or not they come in sequences.
            let take (x: Expr) =
                let own = cut sampleAxis x

                if isRecurrent then
                    Expr.reshape (Array.append [| own.Shape[0] * own.Shape[1] |] own.Shape[2..]) own
                else
                    own

            let output =
                side.Apply
                    sideTheta
                    {
                        Observations = cut sampleAxis observations
                        Keep = if isRecurrent then cut 1 keep else keep
                        State = if isRecurrent then cut 0 states else states
                    }

            let policy =
                if not side.HasPolicy then
                    []
                else
                    let output = if hasMasks then Policy.maskOutput network.Head (take masks) output else output
                    let struct (logProbability, entropy) = Policy.evaluate network.Head output (take actions)
                    let old = take oldLogProbabilities
                    let ratio = PolicyGradients.ratio logProbability old
                    let kl = PolicyGradients.approximateKl logProbability old

                    [
                        "policyLoss", mean (surrogate c clipRange penalty ratio (take standardised) kl)
                        "entropy", mean (Expr.broadcastTo logProbability.Shape entropy)
                        "approximateKl", mean kl
                        "clipFraction", mean (PolicyGradients.isClipped clipRange ratio)
                    ]

            let value =
                if not side.HasValue then
                    []
                elif c.ValueClipRange > 0.0 then
                    let range = Expr.number c.ValueClipRange
                    let old = take oldValues
                    [ "valueLoss", mean (PolicyGradients.clippedValueLoss range output.Value old (take returns)) ]
                else
                    [ "valueLoss", mean (PolicyGradients.valueLoss output.Value (take returns)) ]

            let metrics = policy @ value

            let weight name =
                match name with
                | "policyLoss" -> 1.0
                | "valueLoss" -> c.ValueCoefficient
                | "entropy" -> -c.EntropyCoefficient
                | _ -> 0.0

            let loss =
                metrics
                |> List.filter (fun (name, _) -> weight name <> 0.0)
                |> List.map (fun (name, metric) -> weight name * metric)
                |> List.fold (+) (Expr.number 0.0)

            loss, metrics

        // Gradient and metrics of each side, summed over the parts.
        let computed =
            sides
            |> List.mapi (fun index side ->
                let sideTheta = elements side theta

                let results =
                    List.init parts (fun part ->
                        let lane = part * sides.Length + index
                        let loss, metrics = partLoss side observations[index] sideTheta part lane
                        (Diff.gradients loss [| sideTheta |])[0], metrics)

                // The side's own lane adds them, the same that moves its elements of θ on: so they go to one cache, and once.
                let gradient = results |> List.map (fst >> inLane index) |> List.reduce (+)

                let metrics =
                    results |> List.map snd |> List.reduce (List.map2 (fun (name, a: Expr) (_, b) -> name, a + b))

                side, gradient, metrics)

        let norm =
            computed
            |> List.map (fun (_, gradient, _) -> Expr.sum (Expr.square gradient))
            |> List.reduce (+)
            |> Expr.sqrt

        let bounded gradient lane =
            if c.MaxGradientNorm > 0.0 then
                let factor = Expr.minimum (Expr.number 1.0) (c.MaxGradientNorm / (norm + 1e-6))
                Scaled.times (inLane lane factor) (Scaled.ofVector gradient)
            else
                Scaled.ofVector gradient

        let metrics = computed |> List.collect (fun (_, _, metrics) -> metrics)

        // Each side moves its own elements of θ and of the optimiser's vectors; the count of updates is one for all.
        let carried =
            computed
            |> List.mapi (fun index (side, gradient, _) ->
                let own (x: Expr) = if x.Rank = 0 then x else elements side x
                let places = state |> List.map own
                let clipped = bounded gradient index
                let struct (newTheta, newState) = Optimiser.updateScaled transform clipped places (elements side theta)
                let moved = (elements side theta, newTheta) :: List.zip places newState

                if index = 0 then
                    moved
                else
                    moved |> List.filter (fun (place, _) -> place.Rank > 0))
            |> List.concat

        let metric name = name, metrics |> List.find (fun (known, _) -> known = name) |> snd

        {
            Outputs =
                [
                    metric "policyLoss"
                    metric "valueLoss"
                    metric "entropy"
                    metric "approximateKl"
                    metric "clipFraction"
                    "gradientNorm", norm
                ]
            Carried = carried
        }

    /// The names of the outputs, in the order of reports.
    let metrics = [| "policyLoss"; "valueLoss"; "entropy"; "approximateKl"; "clipFraction"; "gradientNorm" |]
