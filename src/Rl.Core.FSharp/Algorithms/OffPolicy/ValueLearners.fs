/// What learners of action values from replayed steps share: actions that are greedy with ε of random ones, updates, a
/// target network, and rounds.
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
        /// The terms of the update whose means are reported.
        Reported: Update -> string list
        /// The update for batches of drawn transitions, and what is possible at s′ in environments with masks.
        Update: TransitionColumns -> Column option -> UpdatePlan
        /// Where steps come from.
        Bind: OffPolicyBinding
    }

/// The functions of learners of action values that do not depend on what is learned of an action.
[<RequireQualifiedAccess>]
module ValueLearner =

    let private rateColumn = Column.scalar "learningRate"

    /// The learning rate as it is annealed.
    let internal learningRate: Schedule = Schedule.input rateColumn.Name

    /// What an update calls the errors that priorities follow.
    [<Literal>]
    let internal Errors = "errors"

    /// What noisy networks act by.
    [<Literal>]
    let private Acting = "acting"

    /// What the loss of an update is called.
    [<Literal>]
    let internal Loss = "valueLoss"

    /// The mean of Q(s, a) in reports.
    [<Literal>]
    let internal ActionValue = "actionValue"

    /// The terms of an update: costs [rows], of which those that are minimised count by the weights w of the samples,
    /// the errors that priorities follow, and the mean of Q(s, a), each [rows].
    let internal termsOf (values: ValueOptions) mask (batch: Batch) (costs: Term list) error actionValue : Term list =
        // Where an episode was cut, nobody knows what is possible at its last state: it teaches nothing.
        let known (x: Expr) =
            match mask with
            | Some mask -> Expr.maxOver [| -1 |] batch[mask] * x
            | None -> x

        [
            for cost in costs do
                if Term.isReport cost then
                    cost
                else
                    { cost with PerSample = known batch[DrawnColumns.weights] * cost.PerSample }
            if values.OffPolicy.PriorityExponent > 0.0 then Term.each Errors (known error)
            Term.report ActionValue actionValue
        ]

    /// The terms of an update: mean(w · cost), the errors that priorities follow, and the mean of Q(s, a), each [rows].
    let terms (values: ValueOptions) (mask: Column option) (batch: Batch) (cost: Expr) error actionValue : Term list =
        termsOf values mask batch [ Term.mean Loss 1.0 cost ] error actionValue

    /// The update of a loss; `proposal` is what moves the proposal of fractions, of networks that have one.
    let internal planWith (proposal: GroupMotion) (values: ValueOptions) (network: Actor) loss : UpdatePlan =
        let layout = ValueNetwork.valueLayout values network

        let optimiser =
            OptimiserOptions.transform learningRate values.AdamEpsilon values.Optimiser
            |> NetworkOptions.constrain values.Network

        {
            Name = "value step"
            Groups =
                [
                    ParameterGroup.ofPart
                        ValueNetwork.Online
                        { First = 0; Layout = layout }
                        (GroupMotion.Learns("optimiser", optimiser))
                    match network.Fractions with
                    | Some own ->
                        let own = Layout.under ValueNetwork.Proposal (FractionProposal.layout own)
                        ParameterGroup.ofPart ValueNetwork.Proposal { First = layout.Count; Layout = own } proposal
                    | None -> ()
                    ParameterGroup.target ValueNetwork.Target layout GroupMotion.Stays
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
    let private explore (values: ValueOptions) (distribution: ActionDistribution) (copies: int) : ExploreAction =
        if values.NoisyNetworks.IsOff then
            ExploreAction(fun steps copy outputs _ possible action rng ->
                let rate = Exploration.ladder (explorationRate values steps) values.ExplorationLadder copy copies
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
            Reported =
                fun _ ->
                    [
                        Loss
                        ActionValue
                        "gradientNorm"
                        if network.Fractions.IsSome then
                            "fractionLoss"
                            "fractionEntropy"
                    ]
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
        let theta () = update.Group ValueNetwork.Online
        let drawn = DrawnNoise.Uniform(parts.Drawn, replayed.BatchSize)
        let layout, ofValues = ValueNetwork.layout values parts.Actor, ValueNetwork.valueLayout values parts.Actor

        // What acts, where that is two groups.
        let whole = Array.zeroCreate<float32>(if parts.Actor.Fractions.IsSome then layout.Count else 0)
        let mutable means = Means(update, [])

        let noise =
            match ValueNetwork.noisy values parts.Actor with
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
                update.Set(ValueNetwork.onlineNoise network.Count, sample.Values)
                toDraw <- ValueSome(sample.Draw ofTarget)
                update.Set(ValueNetwork.targetNoise network.Count, sample.Values)
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

                (update.Group ValueNetwork.Proposal)
                    .Span.CopyTo(Span(whole, online.Length, whole.Length - online.Length))

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
                Targets = (ValueNetwork.Target, { First = 0; Layout = ofValues }) :: noisyTargets
                Explore = explore values parts.Actor.Distribution environment.Count
                Load =
                    fun draft ->
                        update.Load draft
                        update.Set(rateColumn, RateSchedule.at 0.0 values.Rate.LearningRate)
                        means <- Means(update, parts.Reported update)
                        toDraw <- ValueNone
                        if noise.IsSome then (draft.Current Acting).CopyTo(Span acting)
                Policy = policy
                Stepped =
                    fun before after ->
                        let interval = values.TargetUpdateInterval

                        for _ in 1 .. Replayed.due interval environment.Count before after do
                            let target = (update.Group ValueNetwork.Target).Span
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
