/// What the twins that learn action values share: noise in layers, choices, a target that follows.
namespace Rl.Tests.Algorithms.Twins

open Rl.Core.Acting
open Rl.Core.Algorithms
open Rl.Core.Environments
open Rl.Core.Foundations
open Rl.Core.Learning

/// Plain noise in dense layers: each of their numbers w has a deviation σ, later in θ, and counts as w + σ ε (Fortunato
/// et al. 2018, equations 9 to 11).
[<RequireQualifiedAccess>]
module PlainNoisyLayers =

    let private normals count key =
        [| 1..count |]
        |> Array.mapFold
            (fun key _ ->
                let struct (drawn, key) = Rng.normal key
                drawn, key)
            key

    /// ε of each deviation.
    let draw (kind: NoisyNetworks) (layers: PlainLayer list) (key: Rng) : float[] * Rng =
        let f x = float (sign x) * sqrt (abs x)

        let ofLayer key (layer: PlainLayer) =
            match kind with
            | NoisyNetworks.Off -> [||], key
            | NoisyNetworks.Independent -> normals ((layer.Inputs + 1) * layer.Outputs) key
            | NoisyNetworks.Factorised ->
                let before, key = normals layer.Inputs key
                let after, key = normals layer.Outputs key

                Array.append
                    [|
                        for i in before do
                            for j in after -> f i * f j
                    |]
                    (Array.map f after),
                key

        let noise, key = List.mapFold ofLayer key layers
        Array.concat noise, key

    /// w + σ ε; θ itself without noise.
    let apply (noise: float[]) (theta: Scalar[]) : Scalar[] =
        if noise.Length = 0 then
            theta
        else
            Array.init noise.Length (fun i -> theta[i] + noise[i] * theta[noise.Length + i])

/// How the last numbers of θ are moved, which propose fractions of quantiles.
[<NoEquality; NoComparison>]
type PlainProposal =
    {
        Count: int
        /// struct (the loss, the entropy) from parameters, an observation and an action.
        Loss: Scalar[] -> float[] -> float[] -> struct (Scalar * Scalar)
        /// The numbers after a step of a rate along a gradient.
        Step: float -> float[] -> float[] -> float[]
        Arrays: unit -> (string * float[]) list
    }

/// What a plain learner of action values is made of. Observations are as the network sees them.
[<NoEquality; NoComparison>]
type PlainValueLearner =
    {
        Values: ValueOptions
        /// Q(s, ·) from parameters and an observation, component after component of an action.
        ActionValues: Scalar[] -> float[] -> Scalar[]
        /// How many levels are drawn for each transition, in several lists.
        Levels: int list
        /// What up to n steps should lead to, from the parameters that learn, those of the target, what makes an
        /// observation one that the network sees, and levels; none where that cannot be known.
        Target: Scalar[] -> Scalar[] -> (float[] -> float[]) -> float[] list -> PlainTransition list -> float[] option
        /// From parameters, an observation, levels and an action: what is reported as its value.
        Estimate: Scalar[] -> float[] -> float[] list -> float[] -> Scalar
        /// What that costs beside the target, and the error that its priority follows.
        Cost: Scalar[] -> float[] -> float[] list -> float[] -> float[] -> struct (Scalar * float)
        Proposal: (TrainingState -> PlainProposal) option
    }

/// Plain learning of action values: ε-greedy, a target network that follows, drawn transitions.
[<RequireQualifiedAccess>]
module PlainValues =

    /// The first of the possible actions with the largest value.
    let best (mask: bool[]) (q: Scalar[]) : int =
        [| 0 .. q.Length - 1 |]
        |> Array.filter (fun choice -> mask.Length = 0 || mask[choice])
        |> Array.maxBy (fun choice -> q[choice].Value)

    /// How many choices each component of an action has.
    let components (actions: Space) : int list =
        PlainPolicy.partsOf actions
        |> List.collect (function
            | Choice count -> [ count ]
            | Bits count -> List.replicate count 2
            | Normals _ -> invalidArg (nameof actions) "A number is no choice.")

    /// What lies side by side for all components, cut into theirs.
    let split (counts: int list) (values: 'T[]) : 'T[] list =
        List.zip (List.scan (+) 0 counts |> List.take counts.Length) counts
        |> List.map (fun (first, count) -> if values.Length = 0 then [||] else Array.sub values first count)

    /// Whether nobody knows what was possible after a step.
    let isUnknown (step: PlainTransition) : bool = step.NextMask.Length > 0 && not (Array.contains true step.NextMask)

    /// Σ γⁱ rᵢ of some steps.
    let earned (discount: float) (steps: PlainTransition list) : float =
        steps |> List.mapi (fun i step -> discount ** float i * step.Reward) |> List.sum

    /// The probability of a random action after so many steps.
    let epsilon (plan: PlanOptions) (c: EpsilonGreedyOptions) (steps: int64) : float =
        PlainRates.after plan steps c.ExplorationRate

    /// A round, and what is remembered after it. `amend` may put others in place of drawn transitions: it is told how
    /// many updates there were, how the agent would act now in a state, and the steps that were drawn.
    let transitionWith
        (amend: int -> (float[] -> Rng -> float[] * Rng) -> PlainTransition[] -> Rng -> PlainTransition[] * Rng)
        (c: PlainValueLearner)
        (view: TwinView)
        : Expected * PlainMemory =
        let state = view.State
        let world = TwinWorld(view.Environment, state)
        let values = c.Values
        let mutable theta = view.Theta
        let mutable frozen = state.Array "target" |> Array.map float
        let losses, norms, chosen = ResizeArray<float>(), ResizeArray<float>(), ResizeArray<float>()
        let isNoisy = not values.NoisyNetworks.IsOff
        let mutable acting = if isNoisy then state.Array "acting" |> Array.map float else [||]
        let noiseOf key = PlainNoisyLayers.draw values.NoisyNetworks view.Network.Actor key
        let counts = components view.Environment.ActionSpace
        let masks = if view.Environment.HasActionMasks then List.sum counts else 0

        /// For each component its number of choices, what is possible, and its action values.
        let each mask q = List.zip3 counts (split counts mask) (split counts q)

        let rateAt (steps: int64) = PlainRates.after values.Plan steps values.Rate.LearningRate

        let epsilon = epsilon values.Plan values.Exploration
        let mutable rate = PlainRates.start values.Rate.LearningRate
        let replayed = values.OffPolicy
        let priorities = PlainPriorities(replayed.PriorityExponent, replayed.BufferSize, state)

        let correction (steps: int64) = PlainRates.after values.Plan steps replayed.ImportanceExponent

        let adam = PlainAdam("optimiser", (fun () -> rate), values.AdamEpsilon, state)
        let proposal = c.Proposal |> Option.map (fun make -> make state)
        let fractionLosses, fractionEntropies = ResizeArray<float>(), ResizeArray<float>()

        let actionValues () = c.ActionValues(Array.map Scalar.constant (if isNoisy then acting else theta))

        let actBy (q: Scalar[]) (steps: int64) mask key =
            let one key (count, mask, q: Scalar[]) =
                if q.Length = 0 then
                    PlainReplayed.uniform count mask key
                elif isNoisy then
                    [| float (best mask q) |], key
                else
                    let struct (u, key) = Rng.uniform key

                    if u < epsilon steps then
                        PlainReplayed.uniform count mask key
                    else
                        [| float (best mask q) |], key

            let chosen, key = each mask q |> List.mapFold one key
            Array.concat chosen, key

        let choose _ (steps: int64) seen mask key =
            actBy (if steps < int64 replayed.LearningStarts then [||] else actionValues () seen) steps mask key

        let follow (before: int64) (after: int64) =
            let every = int64 (max 1 (values.TargetUpdateInterval / world.Copies))

            for step in before + 1L .. after do
                if step % every = 0L then
                    frozen <- frozen |> Array.mapi (fun i f -> f + values.TargetRate * (theta[i] - f))

        /// The levels of each row: list after list, row after row.
        let drawLevels rows key =
            let draw count key =
                [| 1 .. rows * count |]
                |> Array.mapFold
                    (fun key _ ->
                        let struct (u, key) = Rng.uniform key
                        float (float32 u), key)
                    key

            let lists, key =
                c.Levels
                |> List.mapFold
                    (fun key count ->
                        let drawn, key = draw count key
                        (count, drawn), key)
                    key

            Array.init rows (fun row -> [ for count, drawn in lists -> Array.sub drawn (row * count) count ]), key

        let learn memory statistics steps key =
            let rows, weights, key =
                if replayed.PriorityExponent > 0.0 then
                    priorities.Draw(replayed.BatchSize, memory, correction steps, key)
                else
                    let rows, key = PlainMemory.draw replayed.BatchSize memory key
                    rows, Array.create rows.Length 1.0, key

            let see = PlainStatistics.normalise statistics
            rate <- rateAt steps
            let drawn = rows |> Array.map (PlainMemory.ahead replayed.ReturnSteps memory)
            let behave state = actBy (actionValues () (see state)) steps [||]

            let amended, key = amend losses.Count behave (Array.map List.head drawn) key

            let drawn =
                Array.map2 (fun steps amended -> if List.head steps = amended then steps else [ amended ]) drawn amended

            let struct (stream, rest) = Rng.split key
            let ofOnline, stream = noiseOf stream
            let ofTarget, stream = noiseOf stream
            let online = Array.map Scalar.constant theta |> PlainNoisyLayers.apply ofOnline
            let still = Array.map Scalar.constant frozen |> PlainNoisyLayers.apply ofTarget

            let levels, rest = drawLevels rows.Length (if isNoisy then rest else key)

            /// What 1, 2, … of some steps should lead to, together.
            let mixed levels (steps: PlainTransition list) =
                let lambda, longest = replayed.ReturnLambda, steps.Length
                let target count = c.Target online still see levels (List.truncate count steps)

                target longest
                |> Option.map (fun whole ->
                    Seq.fold
                        (fun sum count ->
                            let share = (1.0 - lambda) * lambda ** float (count - 1)
                            Array.map2 (fun sum part -> sum + share * part) sum (target count).Value)
                        (whole |> Array.map (fun part -> lambda ** float (longest - 1) * part))
                        (if lambda < 1.0 then seq { 1 .. longest - 1 } else Seq.empty))

            let wanted =
                Array.zip drawn levels
                |> Array.map (fun (steps, levels) -> List.head steps, levels, mixed levels steps)

            let mutable errors = [||]

            let struct (terms, gradient) =
                PlainCredit.differentiate theta (fun theta ->
                    let theta = PlainNoisyLayers.apply ofOnline theta

                    let estimates =
                        wanted
                        |> Array.map (fun (step, levels, _) -> c.Estimate theta (see step.State) levels step.Action)

                    let costs =
                        wanted
                        |> Array.map (fun (step, levels, wanted) ->
                            match wanted with
                            | None -> struct (Scalar.constant 0.0, 0.0)
                            | Some wanted -> c.Cost theta (see step.State) levels step.Action wanted)

                    errors <- costs |> Array.map (fun struct (_, error) -> error)
                    let weighted = Array.map2 (fun weight struct (cost: Scalar, _) -> weight * cost) weights costs

                    [
                        PlainCredit.term "valueLoss" 1.0 (Scalar.mean weighted)
                        PlainCredit.term "actionValue" 0.0 (Scalar.mean estimates)
                        match proposal with
                        | Some own ->
                            let rows =
                                wanted |> Array.map (fun (step, _, _) -> own.Loss theta (see step.State) step.Action)

                            let mean pick = rows |> Array.map pick |> Scalar.mean
                            PlainCredit.term "fractionLoss" 1.0 (mean (fun struct (loss, _) -> loss))
                            PlainCredit.term "fractionEntropy" 0.0 (mean (fun struct (_, entropy) -> entropy))
                        | None -> ()
                    ])

            losses.Add(snd terms[0])
            chosen.Add(snd terms[1])
            norms.Add(Gradient.norm gradient)
            let clipped = Gradient.clip values.MaxGradientNorm gradient

            match proposal with
            | Some own ->
                let first = theta.Length - own.Count
                let moved = adam.Step(Array.take first theta, Array.take first clipped)
                let share = rate / PlainRates.start values.Rate.LearningRate
                theta <- Array.append moved (own.Step share theta[first..] clipped[first..])
                fractionLosses.Add(snd terms[2])
                fractionEntropies.Add(snd terms[3])
            | None -> theta <- adam.Step(theta, clipped)

            if replayed.PriorityExponent > 0.0 then priorities.Set(memory, rows, errors)

            if isNoisy then
                acting <-
                    Array.map Scalar.constant theta
                    |> PlainNoisyLayers.apply (fst (noiseOf stream))
                    |> Array.map Scalar.value

            rest

        let struct (memory, statistics, taken, key) =
            PlainReplayed.round replayed masks state world priorities choose follow learn

        let deviation = Array.averageBy abs theta[acting.Length ..]
        let mean (values: ResizeArray<float>) = if values.Count = 0 then nan else Seq.average values

        {
            Theta = theta
            Arrays =
                [
                    "target", frozen
                    yield! adam.Arrays
                    yield! priorities.Arrays
                    if isNoisy then "acting", acting
                    yield! proposal |> Option.map _.Arrays() |> Option.defaultValue []
                ]
            Observations = statistics
            Rewards = PlainStatistics.ofRunning state.Rewards
            DiscountedReturns = state.DiscountedReturns
            Key = key
            ActionKeys = world.Keys
            Metrics =
                [
                    if isNoisy then
                        "noiseDeviation", deviation
                    else
                        "explorationRate", epsilon taken
                    "learningRate", rateAt taken
                    "gradientSteps", float losses.Count
                    "remembered", float memory.Steps.Length
                    if replayed.PriorityExponent > 0.0 then "priorityCorrection", correction taken
                    if losses.Count > 0 && proposal.IsSome then
                        "fractionLoss", mean fractionLosses
                        "fractionEntropy", mean fractionEntropies
                    if losses.Count > 0 then
                        "valueLoss", mean losses
                        "actionValue", mean chosen
                        "gradientNorm", mean norms
                ]
        },
        memory

    /// A round, and what is remembered after it.
    let transition (c: PlainValueLearner) (view: TwinView) : Expected * PlainMemory =
        transitionWith (fun _ _ drawn key -> drawn, key) c view
