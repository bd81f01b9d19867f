/// What learners of action values from replayed steps share: networks that act greedily with ε of random actions,
/// updates, a target network, and rounds.
namespace Rl.Core.Algorithms

open System
open Rl.Core.Acting
open Rl.Core.Autodiff
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Objectives
open Rl.Core.Optimisers

/// Sequences of steps that a learner of action values learns from.
type ValueSequences =
    {
        Steps: SequenceOptions
        /// η: a sequence's priority follows η times the largest of its errors plus 1 − η times their mean.
        PriorityMaximum: float
    }

/// What a learner of action values supplies.
[<NoEquality; NoComparison>]
type ValueLearnerParts =
    {
        /// For example "dqn".
        Algorithm: string
        /// The options as named texts.
        Options: (string * string) list
        Values: ValueOptions
        /// What acts.
        Actor: Actor
        /// Columns that the update reads beside those of transitions, of numbers drawn uniformly from [0, 1).
        Drawn: Column list
        /// Those in place of single transitions, for networks with a memory.
        Sequences: ValueSequences option
        /// Further rates that the update reads.
        Rates: Rate list
        /// The update for batches of drawn transitions, and what is possible at s′ in environments with masks.
        Update: TransitionColumns -> Column option -> UpdatePlan
        /// Where steps come from.
        Bind: OffPolicyBinding
    }

/// Samples of the noise of a network, in memory of its own.
[<Sealed>]
type internal NoiseSample(network: NoisyNetwork) =
    let normals = Array.zeroCreate<float> network.Normals
    let wide = Array.zeroCreate<float> network.Count
    let values = Array.zeroCreate<float32> network.Count

    /// The last sample [Count].
    member _.Values: ReadOnlySpan<float32> = ReadOnlySpan values

    /// Draws another; the generator that follows.
    member _.Draw(rng: Rng) : Rng =
        let mutable rng = rng

        for index in 0 .. normals.Length - 1 do
            let struct (drawn, next) = Rng.normal rng
            normals[index] <- drawn
            rng <- next

        network.Spread(ReadOnlySpan normals, Span wide)

        for index in 0 .. values.Length - 1 do
            values[index] <- float32 wide[index]

        rng

/// The functions of learners of action values that do not depend on what is learned of an action.
[<RequireQualifiedAccess>]
module ValueLearner =

    let private rateColumn = Column.scalar "learningRate"

    /// The learning rate as it is annealed.
    let internal learningRate: Schedule = Schedule.input rateColumn.Name

    /// The groups of parameters of an update.
    [<Literal>]
    let private Online = "network"

    [<Literal>]
    let private Target = "target"

    /// What a network proposes fractions by, where it does.
    [<Literal>]
    let private Proposal = "fractions"

    /// What an update calls the errors that priorities follow.
    [<Literal>]
    let internal Errors = "errors"

    /// What noisy networks act by.
    [<Literal>]
    let private Acting = "acting"

    let private onlineNoise count = Column.shared "noise" count
    let private targetNoise count = Column.shared "targetNoise" count

    /// The network with the noise of its options, if there is any.
    let noisy (values: ValueOptions) (network: Actor) : NoisyNetwork option =
        match values.NoisyNetworks with
        | NoisyNetworks.Off -> None
        | NoisyNetworks.Factorised ->
            Some(NoisyNetwork(ParameterNoise.Factorised, values.NoiseDeviation, Actor.layout network))
        | NoisyNetworks.Independent ->
            Some(NoisyNetwork(ParameterNoise.Independent, values.NoiseDeviation, Actor.layout network))

    /// The layout of θ: the network's, with that of its deviations after it where it is noisy.
    let layout (values: ValueOptions) (network: Actor) : Layout =
        match noisy values network with
        | Some noisy -> noisy.Layout
        | None -> Actor.layout network

    /// The layout of what learns values and has a target that follows it: all of θ but the proposal of fractions.
    let private valueLayout values (network: Actor) : Layout = layout values { network with Fractions = None }

    /// How many choices each component of an action has, where all are choices: one of a Discrete space, those of a
    /// MultiDiscrete one, and two for each bit of a MultiBinary one.
    let components (actions: Space) : int list option =
        match actions with
        | Space.Discrete(count, _) -> Some [ count ]
        | Space.MultiDiscrete(counts, _) -> Some(List.ofArray counts)
        | Space.MultiBinary _ -> Some(List.replicate actions.Size 2)
        | Space.Box _
        | Space.Tuple _
        | Space.Dict _ -> None

    /// The network of an algorithm that acts by a distribution over components of so many choices each; fails where an
    /// action is anything else.
    let branches
        (algorithm: string)
        (values: ValueOptions)
        (distribution: int list -> ActionDistribution)
        (observations: Space)
        (actions: Space)
        : Actor =
        match components actions with
        | Some counts ->
            let layers = values.Network
            PolicyNetwork.values values.Convolutions layers.Activation layers.Hidden observations (distribution counts)
        | None ->
            Guard.fail
                "environment"
                ($"{algorithm} compares the values of a few choices, so it needs a Discrete, MultiDiscrete or "
                 + $"MultiBinary action space; the actions are {actions}. ppo, a2c, trpo and cem take any action "
                 + "space.")

    /// The network of an algorithm that acts by a distribution over so many actions; fails where an action is not one
    /// choice.
    let network
        (algorithm: string)
        (values: ValueOptions)
        (distribution: int -> ActionDistribution)
        (observations: Space)
        (actions: Space)
        : Actor =
        match actions with
        | Space.Discrete _ -> branches algorithm values (List.exactlyOne >> distribution) observations actions
        | _ ->
            Guard.fail
                "environment"
                ($"{algorithm} compares the values of a few actions, so it needs a Discrete action space; "
                 + $"the actions are {actions}. dqn takes several choices at once; ppo, a2c, trpo and cem take any "
                 + "action space.")

    /// The network's parameters that learn, and those of the target network, each with its noise where it is noisy.
    let parameters (values: ValueOptions) (network: Actor) (batch: Batch) : struct (Parameters * Parameters) =
        let online, target = batch.Parameters Online, batch.Parameters Target

        match noisy values network with
        | Some noisy ->
            struct (noisy.Parameters(online, batch[onlineNoise noisy.Count]),
                    noisy.Parameters(target, batch[targetNoise noisy.Count]))
        | None when network.Fractions.IsSome -> struct (Parameters.beside (batch.Parameters Proposal) online, target)
        | None -> struct (online, target)

    /// Action values [rows, choices] without those of impossible choices, for each component of an action.
    let possibleBranches (masks: Expr option) (values: Expr list) : Expr list =
        match masks with
        | Some masks ->
            let masks = Heads.split [ for q in values -> q.Shape[q.Rank - 1] ] masks
            List.map2 (fun mask q -> Expr.select mask q (Expr.number ActionDistribution.Never)) masks values
        | None -> values

    /// Action values [rows, actions] at s′ without those of impossible actions.
    let possible (mask: Column option) (batch: Batch) (values: Expr) : Expr =
        possibleBranches (mask |> Option.map (fun mask -> batch[mask])) [ values ] |> List.exactlyOne

    /// The terms of an update: mean(w · cost), the errors that priorities follow, and the mean of Q(s, a), each [rows].
    let terms (values: ValueOptions) (mask: Column option) (batch: Batch) (cost: Expr) error actionValue =
        // Where an episode was cut, nobody knows what is possible at its last state: it teaches nothing.
        let known (x: Expr) =
            match mask with
            | Some mask -> Expr.maxOver [| -1 |] batch[mask] * x
            | None -> x

        [
            Term.mean "valueLoss" 1.0 (known batch[DrawnColumns.weights] * cost)
            if values.OffPolicy.PriorityExponent > 0.0 then Term.each Errors (known error)
            Term.report "actionValue" actionValue
        ]

    /// The update of a loss; `proposal` is what moves the proposal of fractions, of networks that have one.
    let internal planWith (proposal: GroupMotion) (values: ValueOptions) (network: Actor) loss : UpdatePlan =
        let layout = valueLayout values network

        let optimiser =
            OptimiserOptions.transform learningRate values.AdamEpsilon values.Optimiser
            |> NetworkOptions.constrain values.Network

        {
            Name = "value step"
            Groups =
                [
                    ParameterGroup.ofPart
                        Online
                        { First = 0; Layout = layout }
                        (GroupMotion.Learns("optimiser", optimiser))
                    match network.Fractions with
                    | Some own ->
                        let own = Layout.under Proposal (FractionProposal.layout own)
                        ParameterGroup.ofPart Proposal { First = layout.Count; Layout = own } proposal
                    | None -> ()
                    ParameterGroup.target Target layout GroupMotion.Stays
                ]
            Shape = SampleShape.steps values.OffPolicy.BatchSize
            MaxGradientNorm = values.MaxGradientNorm
            Loss = loss
        }

    /// The update of a loss.
    let plan (values: ValueOptions) (network: Actor) (loss: Batch -> Term list) : UpdatePlan =
        planWith GroupMotion.Stays values network loss

    /// ε after so many environment steps.
    let private explorationRate (values: ValueOptions) (steps: int64) : float =
        EpsilonGreedyOptions.after values.Plan steps values.Exploration

    /// The best possible action; without noise in the network a random possible one with probability ε.
    let private explore (values: ValueOptions) (distribution: ActionDistribution) : ExploreAction =
        if values.NoisyNetworks.IsOff then
            ExploreAction(fun steps _ outputs _ possible action rng ->
                let rate = explorationRate values steps
                EpsilonGreedyActions.choose rate distribution outputs possible action rng)
        else
            ExploreAction(fun _ _ outputs _ _ action rng ->
                Policy.mode distribution outputs action
                rng)

    /// η max |δ| + (1 − η) mean |δ| over the steps of each sequence, of errors δ [steps, sequences].
    let internal mixErrors (share: float) (errors: ReadOnlySpan<float32>) (mixed: Span<float32>) : unit =
        let steps = errors.Length / mixed.Length

        for sequence in 0 .. mixed.Length - 1 do
            let mutable largest, sum = 0.0, 0.0

            for step in 0 .. steps - 1 do
                let size = Math.Abs(float errors[step * mixed.Length + sequence])
                largest <- Math.Max(largest, size)
                sum <- sum + size

            mixed[sequence] <- float32 (share * largest + (1.0 - share) * sum / float steps)

    /// The parts of a learner from single transitions, whose own options are `texts`.
    let parts (algorithm: string) texts (values: ValueOptions) (network: Actor) update : ValueLearnerParts =
        {
            Algorithm = algorithm
            Options = texts
            Values = values
            Actor = network
            Drawn = []
            Sequences = None
            Rates = []
            Update = update
            Bind = Replayed.learnerOf
        }

    /// Binds an algorithm to environments. `workers` share the work; the results do not depend on their number.
    let create (parts: ValueLearnerParts) (environment: BatchEnvironment) (workers: Workers) : Learner =
        let possible =
            if environment.HasActionMasks then
                Some(ReplayColumns.nextMasks parts.Actor.Distribution.Choices)
            else
                None

        let values, replayed = parts.Values, parts.Values.OffPolicy
        let update = Update.create (parts.Update (TransitionColumns.ofEnvironment environment) possible)
        let theta () = update.Group Online
        let drawn = DrawnNoise.Uniform(parts.Drawn, replayed.BatchSize)
        let layout, ofValues = layout values parts.Actor, valueLayout values parts.Actor

        // What acts, where that is two groups.
        let whole = Array.zeroCreate<float32>(if parts.Actor.Fractions.IsSome then layout.Count else 0)
        let mutable means = Means(update, [])

        let noise =
            match noisy values parts.Actor with
            | Some network -> ValueSome(struct (network, NoiseSample network))
            | None -> ValueNone

        // What noisy networks act by, from one update to the next; where it is to be drawn from once that is asked for.
        let acting = Array.zeroCreate<float32>(if noise.IsSome then (Actor.layout parts.Actor).Count else 0)
        let mutable toDraw: Rng voption = ValueNone

        // Noise for both networks of an update, and later for acting after it: the generator that follows.
        let drawNoise key =
            match noise with
            | ValueSome(struct (network, sample)) ->
                let struct (stream, next) = Rng.split key
                let ofTarget = sample.Draw stream
                update.Set(onlineNoise network.Count, sample.Values)
                toDraw <- ValueSome(sample.Draw ofTarget)
                update.Set(targetNoise network.Count, sample.Values)
                next
            | ValueNone -> key

        let policy () : ReadOnlyMemory<float32> =
            match noise, toDraw with
            | ValueSome(struct (network, sample)), ValueSome stream ->
                sample.Draw stream |> ignore
                network.Perturb(Span.op_Implicit (theta ()).Span, sample.Values, Span acting)
                toDraw <- ValueNone
                ReadOnlyMemory acting
            | ValueSome _, ValueNone -> ReadOnlyMemory acting
            | ValueNone, _ when whole.Length > 0 ->
                let online = theta ()
                online.Span.CopyTo(Span whole)
                (update.Group Proposal).Span.CopyTo(Span(whole, online.Length, whole.Length - online.Length))
                ReadOnlyMemory whole
            | ValueNone, _ -> Memory.op_Implicit (theta ())

        let rate (steps: int64) = RateOptions.after values.Plan steps values.Rate
        let mixed = Array.zeroCreate<float32>(if parts.Sequences.IsSome then replayed.BatchSize else 0)

        let errors () : ReadOnlyMemory<float32> =
            match parts.Sequences with
            | Some sequences ->
                mixErrors sequences.PriorityMaximum (update.Each Errors).Span (Span mixed)
                ReadOnlyMemory mixed
            | None -> update.Each Errors

        // The mean size of the deviations.
        let deviation (network: NoisyNetwork) =
            let deviations = (theta ()).Span.Slice network.Means.Count
            let mutable sum = 0.0

            for index in 0 .. deviations.Length - 1 do
                sum <- sum + Math.Abs(float deviations[index])

            sum / float deviations.Length

        let noisyArrays = if noise.IsSome then [ Acting, Array.zeroCreate<float32> acting.Length ] else []

        let noisyTargets =
            if noise.IsSome then
                [ Acting, { First = 0; Layout = Actor.layout parts.Actor } ]
            else
                []

        let reported =
            [
                "valueLoss"
                "actionValue"
                "gradientNorm"
                if parts.Actor.Fractions.IsSome then
                    "fractionLoss"
                    "fractionEntropy"
            ]

        parts.Bind
            { Replayed.noExtras with Sequences = parts.Sequences |> Option.map _.Steps }
            replayed
            {
                Algorithm = parts.Algorithm
                Options = parts.Options
                TotalSteps = values.Plan.TotalSteps
                Actor = parts.Actor
                Layout = layout
                ActionScaling = ActionScaling.None
                NormaliseObservations = values.Network.NormaliseObservations
                Arrays = update.Arrays @ noisyArrays
                Targets = (Target, { First = 0; Layout = ofValues }) :: noisyTargets
                Explore = explore values parts.Actor.Distribution
                Load =
                    fun draft ->
                        update.Load draft
                        update.Set(rateColumn, RateSchedule.at 0.0 values.Rate.LearningRate)
                        means <- Means(update, reported)
                        toDraw <- ValueNone
                        if noise.IsSome then (draft.Current Acting).CopyTo(Span acting)
                Policy = policy
                Stepped =
                    fun before after ->
                        let interval = values.TargetUpdateInterval

                        for _ in 1 .. Replayed.due interval environment.Count before after do
                            let target = (update.Group Target).Span
                            Replayed.follow values.TargetRate (Span.op_Implicit (theta ()).Span) target
                Learn =
                    fun samples steps key ->
                        if not (RateSchedule.isConstant values.Rate.LearningRate) then
                            update.Set(rateColumn, rate steps)

                        Rate.set values.Plan steps parts.Rates [ update ]
                        let next = drawn.Draw(drawNoise key)
                        update.ChooseAll(drawn.With samples)
                        update.Run workers
                        means.Add()
                        next
                Errors = errors
                Store =
                    fun draft ->
                        update.Store draft
                        if noise.IsSome then acting.CopyTo(Span(draft.Overwritten Acting))
                Metrics =
                    fun steps ->
                        [|
                            yield! means.All

                            match noise with
                            | ValueSome(struct (network, _)) -> struct ("noiseDeviation", deviation network)
                            | ValueNone -> struct ("explorationRate", explorationRate values steps)

                            struct ("learningRate", rate steps)
                            yield! Rate.metrics values.Plan steps parts.Rates
                        |]
            }
            environment
            workers
