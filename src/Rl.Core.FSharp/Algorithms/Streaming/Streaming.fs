/// What algorithms share that learn from each step when it is taken and then forget it: options, one step at a time,
/// traces.
namespace Rl.Core.Algorithms

open System
open System.Collections.Generic
open Rl.Core.Acting
open Rl.Core.Autodiff
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Optimisers

/// What streaming algorithms share.
type StreamOptions =
    {
        /// The discount γ.
        Discount: float
        /// λ: traces decay by γλ a step. 0 credits the present step alone.
        Lambda: float
        /// Divide rewards by the running standard deviation of the discounted return, clipped to ± 10.
        NormaliseRewards: bool
        /// Normalise the output of each hidden layer before its activation (Ba, Kiros and Hinton 2016).
        LayerNormalisation: bool
        /// The part of each unit's weights that start at 0, rounded up and drawn at random; one weight at least does
        /// not.
        Sparsity: float
        /// Environment steps, over all copies, between reports, rounded up to a multiple of the copies. They change
        /// nothing that is learned: each step is learned from when it is taken.
        RoundSteps: int
    }

/// Defaults and rows.
[<RequireQualifiedAccess>]
module StreamOptions =
    let private o = Unchecked.defaultof<StreamOptions>

    /// The authors'.
    let defaults: StreamOptions =
        {
            Discount = 0.99
            Lambda = 0.8
            NormaliseRewards = true
            LayerNormalisation = true
            Sparsity = 0.9
            RoundSteps = 1_000
        }

    let credit: OptionRow<StreamOptions> list =
        [
            Options.number (nameof o.Discount) Range.fraction _.Discount (fun v c -> { c with Discount = v })
            Options.number (nameof o.Lambda) Range.fraction _.Lambda (fun v c -> { c with Lambda = v })
        ]

    let scales: OptionRow<StreamOptions> list =
        [ Options.flag (nameof o.NormaliseRewards) _.NormaliseRewards (fun v c -> { c with NormaliseRewards = v }) ]

    let layers: OptionRow<StreamOptions> list =
        [
            Options.flag (nameof o.LayerNormalisation) _.LayerNormalisation (fun v c ->
                { c with LayerNormalisation = v })
            Options.number (nameof o.Sparsity) Range.belowOne _.Sparsity (fun v c -> { c with Sparsity = v })
        ]

    let rounds: OptionRow<StreamOptions> list =
        [
            Options.whole (nameof o.RoundSteps) (Range.atLeast 1.0) _.RoundSteps (fun v c -> { c with RoundSteps = v })
        ]

    /// A perceptron with the start and the normalisation of the options.
    let apply (options: StreamOptions) (layers: Mlp) : Mlp =
        let start = Initialiser.Sparse options.Sparsity

        { layers with
            Graph = layers.Graph |> Option.map (LayerGraph.withWeights start)
            HiddenWeight = start
            OutputWeight = start
            LayerNormalisation = options.LayerNormalisation
        }

/// The columns of a step that is learned from. Rewards and observations are normalised where they are to be.
type StreamColumns =
    {
        Transitions: TransitionColumns
        /// What is possible at s, where the environment has masks.
        Masks: Column option
        /// What is possible at s′, where the environment has masks.
        NextMasks: Column option
    }

/// What a streaming algorithm supplies.
[<NoEquality; NoComparison>]
type StreamParts =
    {
        /// For example "stream-q".
        Algorithm: string
        /// The options as named texts.
        Options: (string * string) list
        Plan: PlanOptions
        Stream: StreamOptions
        Rate: RateOptions
        /// Further rates that losses read.
        Rates: Rate list
        NormaliseObservations: bool
        /// What acts.
        Actor: Actor
        /// Of θ, which begins with the actor's parameters.
        Layout: Layout
        /// The groups of θ that updates move; the first is acted by.
        Groups: string list
        /// How actions follow, from the number of steps taken so far.
        Explorer: (unit -> int64) -> Explorer
        /// Whether a copy's last action was none that the policy would have taken: nothing before it is credited with
        /// what it led to.
        Explored: int -> bool
        /// A copy's update from one step, with the traces of that copy.
        Update: StreamColumns -> int -> UpdatePlan
        /// The terms to report the means of.
        Terms: string list
        /// What else to report, after so many environment steps.
        Metrics: int64 -> struct (string * float)[]
    }

/// One vector step at a time, in memory that the next one overwrites. Not thread-safe.
[<Sealed>]
type internal StepStream
    (
        actor: Actor,
        layout: Layout,
        environment: BatchEnvironment,
        explorer: (unit -> int64) -> Explorer,
        normalise: bool,
        workers: Workers
    ) =
    let copies = environment.Count
    let transitions = TransitionColumns.ofEnvironment environment
    let choices = if environment.HasActionMasks then actor.Distribution.Choices else 0
    let masks = if choices > 0 then Some(ReplayColumns.masks choices) else None
    let nextMasks = if choices > 0 then Some(ReplayColumns.nextMasks choices) else None

    let data =
        transitions.All @ Option.toList masks @ Option.toList nextMasks
        |> List.map (fun column -> column, Array.zeroCreate<float32>(copies * column.Numbers))

    let memoryOf (column: Column) = data |> List.find (fun (other, _) -> other.Name = column.Name) |> snd
    let memoryOfMask = Option.map memoryOf >> Option.defaultValue [||]
    let observations, next = memoryOf transitions.Observations, memoryOf transitions.NextObservations
    let episodeReturns = Array.zeroCreate<float> copies
    let episodeLengths = Array.zeroCreate<int> copies
    let episodes = List<EpisodeResult>()
    let mutable steps = 0L
    let mutable statistics = RunningStatistics.create 0

    let actors =
        Actors(actor, None, layout, environment, explorer (fun () -> steps), normalise, workers.Count, workers)

    let sinks: ISink[] =
        actors.Shares
        |> Array.map (fun share ->
            InteractionSink(
                share,
                TransitionSink(share, copies, 1, transitions, data),
                environment,
                ignore,
                memoryOfMask masks,
                memoryOfMask nextMasks,
                [||],
                episodeReturns,
                episodeLengths
            ))

    let normaliseRows (rows: float32[]) = Encoding.normalise statistics Encoding.Limit (ReadOnlySpan rows) (Span rows)

    /// Its columns.
    member _.Columns: StreamColumns = { Transitions = transitions; Masks = masks; NextMasks = nextMasks }
    /// The last vector step by column, a row a copy.
    member _.Data = data
    /// The data of a column.
    member _.Memory(column: Column) : float32[] = memoryOf column
    /// Environment steps so far, over all copies.
    member _.Steps = steps
    /// Those that ended since `Begin`, in order of time, then of copy.
    member _.Episodes = episodes.ToArray()

    /// Takes over what acting starts from.
    member _.Begin(state: TrainingState) : unit =
        actors.Begin(state, sinks)
        steps <- state.Steps
        statistics <- state.Observations
        episodes.Clear()

    /// Lets each copy take one step. The statistics take in what was acted on before anything is normalised by them: s,
    /// s′, and what is acted on next.
    member _.Continue() : unit =
        actors.Continue()
        steps <- steps + int64 copies

        for copy in 0 .. copies - 1 do
            if episodeLengths[copy] > 0 then
                episodes.Add { Return = episodeReturns[copy]; Length = episodeLengths[copy] }

        if normalise then
            statistics <- RunningStatistics.update (ReadOnlySpan observations) statistics
            actors.Normalise statistics
            normaliseRows observations
            normaliseRows next

    /// θ, or the actor's part of it, that is acted by from now on.
    member _.Follow(theta: ReadOnlySpan<float32>) : unit = actors.Follow theta

    /// The state with all that acting moved on.
    member _.End(state: TrainingState) : TrainingState =
        { actors.End state with Steps = steps; Observations = statistics }

/// The functions of streaming learners that do not depend on the algorithm.
[<RequireQualifiedAccess>]
module Streaming =

    /// The term of an update that is the temporal-difference error.
    [<Literal>]
    let Error = "temporalDifference"

    /// The largest scaled reward.
    [<Literal>]
    let private RewardLimit = 10.0

    let private learningRate = Column.scalar "learningRate"
    let private decay = Column.scalar "traceDecay"
    let private keep = Column.scalar "traceKeep"
    let private inputOf (column: Column) = Expr.input column.Name Shape.scalar

    /// A group of θ that ObGD of the factor κ moves by the error of the update, along the traces of a copy.
    let group (name: string) (part: Part) (factor: float) (copy: int) : ParameterGroup =
        let descent =
            OvershootingBound.descent
                (Schedule.input learningRate.Name)
                factor
                (inputOf decay)
                (inputOf keep)
                (Term.value Error)

        ParameterGroup.ofPart name part (GroupMotion.Learns($"{name} of copy {copy}", descent))

    /// The update of groups from one step.
    let plan (name: string) (groups: ParameterGroup list) (loss: Batch -> Term list) : UpdatePlan =
        { Name = name; Groups = groups; Shape = SampleShape.steps 1; MaxGradientNorm = 0.0; Loss = loss }

    /// The error δ as a term that moves nothing by itself.
    let errorTerm (error: Expr) : Term = Term.sum Error 0.0 (Expr.stopGradient error)

    /// A learner that takes steps of all copies and learns from each copy's, one after the other.
    let learner (parts: StreamParts) (environment: BatchEnvironment) (workers: Workers) : Learner =
        let copies = environment.Count
        let options = parts.Stream

        let stream =
            StepStream(parts.Actor, parts.Layout, environment, parts.Explorer, parts.NormaliseObservations, workers)

        let updates = Array.init copies (parts.Update stream.Columns >> Update.create)
        let all = List.ofArray updates
        // The memory of each update's groups, which is another one when the update was compiled anew.
        let groups: Memory<float32>[][] = Array.zeroCreate copies
        let rewards = stream.Memory stream.Columns.Transitions.Rewards
        let ends = stream.Memory stream.Columns.Transitions.Ends
        let rows = Array.init copies id
        let vectorSteps = (options.RoundSteps - 1) / copies + 1
        let time = ref 0
        let samples = Samples(copies, (fun copy -> struct (time.Value, copy)), stream.Data)
        let terms = List.toArray parts.Terms

        let rateAt (steps: int64) = RateOptions.after parts.Plan steps parts.Rate

        // θ goes from the update that moved it last to the next.
        let hand from into =
            if copies > 1 then
                for index in 0 .. groups[into].Length - 1 do
                    groups[from].[index].CopyTo groups[into].[index]

        let learn (state: TrainingState) () =
            let draft = Draft state

            for copy in 0 .. copies - 1 do
                updates[copy].Load draft
                groups[copy] <- parts.Groups |> List.map updates[copy].Group |> List.toArray

            stream.Begin state
            let last = copies - 1
            stream.Follow(Span.op_Implicit groups[last].[0].Span)
            let returns = Array.copy state.DiscountedReturns
            let mutable scales = state.Rewards
            let sums = Array.zeroCreate<float> terms.Length
            let mutable squares = 0.0

            for step in 0 .. vectorSteps - 1 do
                time.Value <- step
                let rate = rateAt stream.Steps
                Rate.set parts.Plan stream.Steps parts.Rates all
                stream.Continue()

                if options.NormaliseRewards then
                    scales <-
                        Learners.scaleStep
                            options.Discount
                            RewardLimit
                            (fun copy -> ends[copy] <> 0.0f)
                            scales
                            returns
                            (ReadOnlySpan rewards)
                            (Span rewards)

                for copy in 0..last do
                    let update = updates[copy]
                    hand (if copy = 0 then last else copy - 1) copy
                    update.Set(learningRate, rate)
                    update.Set(decay, (if parts.Explored copy then 0.0 else options.Discount * options.Lambda))
                    update.Set(keep, 1.0 - float ends[copy])
                    update.Choose(samples, ArraySegment(rows, copy, 1))
                    update.Run workers
                    let error = update.Scalar Error
                    squares <- squares + error * error

                    for index in 0 .. terms.Length - 1 do
                        sums[index] <- sums[index] + update.Scalar terms[index]

                stream.Follow(Span.op_Implicit groups[last].[0].Span)

            // The last update has θ as it is now.
            for update in updates do
                update.Store draft

            let next =
                { draft.Onto(stream.End state) with
                    Updates = state.Updates + 1L
                    Rewards = scales
                    DiscountedReturns = returns
                }

            let count = float (vectorSteps * copies)

            let report =
                {
                    Steps = next.Steps
                    Updates = next.Updates
                    Episodes = stream.Episodes
                    Metrics =
                        [|
                            struct ("valueLoss", 0.5 * squares / count)
                            yield! Array.map2 (fun name sum -> struct (name, sum / count)) terms sums
                            yield! parts.Metrics next.Steps
                            struct ("learningRate", rateAt next.Steps)
                            yield! Rate.metrics parts.Plan next.Steps parts.Rates
                        |]
                }

            struct (next, report)

        Learner.ofFunctions
            {
                Algorithm = parts.Algorithm
                Environment = environment
                Network = parts.Actor
                Options = parts.Options
                TotalSteps = parts.Plan.TotalSteps
                Arrays = updates |> Array.toList |> List.collect _.Arrays
                Start = Learners.start parts.Layout environment parts.NormaliseObservations options.NormaliseRewards
                Collect = ignore
                Learn = learn
            }
