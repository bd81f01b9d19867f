/// DAgger: act with the learner, ask the expert what it would have done, learn from all answers so far.
namespace Rl.Core.Algorithms

open System
open System.Collections.Generic
open Rl.Core.Acting
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Objectives

/// Options of data-set aggregation (Ross, Gordon and Bagnell 2011).
type DaggerOptions =
    {
        Plan: PlanOptions
        /// Environment steps of a round, over all copies, all of which the expert labels; rounded up to whole steps of
        /// the copies.
        RoundSteps: int
        /// Gradient steps after each round, on all labels so far.
        GradientSteps: int
        /// β₁: in round i the expert acts in a share of βⁱ of the steps, drawn anew in each, and the learner in the
        /// others; 0: the expert in round 0, the learner ever after.
        ExpertDecay: float
        /// Rounds after which the expert acts no more, its share falling in a line from 1; 0: it falls by
        /// `ExpertDecay` instead.
        ExpertRounds: int
        /// Labels that are remembered; the oldest are forgotten first.
        BufferSize: int
        Cloning: CloningOptions
    }

/// Defaults, rows, checks and texts.
[<RequireQualifiedAccess>]
module DaggerOptions =

    /// Fifty rounds of 2,000 steps, the first of which the expert takes alone.
    let defaults =
        {
            Plan = { TotalSteps = 100_000L }
            RoundSteps = 2_000
            GradientSteps = 500
            ExpertDecay = 0.0
            ExpertRounds = 0
            BufferSize = 1_000_000
            Cloning = CloningOptions.defaults
        }

    /// A row an option, in the order of files.
    let rows: OptionRow<DaggerOptions> list =
        let d = defaults

        [
            yield! Options.group _.Plan (fun v (c: DaggerOptions) -> { c with Plan = v }) PlanOptions.rows
            Options.whole (nameof d.RoundSteps) (Range.atLeast 1.0) _.RoundSteps (fun v c -> { c with RoundSteps = v })
            Options.whole (nameof d.GradientSteps) (Range.atLeast 1.0) _.GradientSteps (fun v c ->
                { c with GradientSteps = v })
            Options.number (nameof d.ExpertDecay) Range.fraction _.ExpertDecay (fun v c -> { c with ExpertDecay = v })
            Options.whole (nameof d.ExpertRounds) (Range.atLeast 0.0) _.ExpertRounds (fun v c ->
                { c with ExpertRounds = v })
            Options.whole (nameof d.BufferSize) (Range.atLeast 1.0) _.BufferSize (fun v c -> { c with BufferSize = v })
            yield! Options.group _.Cloning (fun v (c: DaggerOptions) -> { c with Cloning = v }) CloningOptions.rows
        ]

    /// Fails for the first option that is out of its range, naming it.
    let validate (options: DaggerOptions) =
        NetworkOptions.validate rows defaults options
        NetworkDesign.only options.Cloning.Network.Network |> ignore
        CloningOptions.validate options.Cloning

        if options.ExpertRounds > 0 && options.ExpertDecay > 0.0 then
            Guard.fail
                (nameof options.ExpertRounds)
                ($"ExpertRounds is {options.ExpertRounds} and ExpertDecay {options.ExpertDecay}; the expert's share "
                 + "falls in a line or by a factor: leave one of them at 0.")

    /// The options as named texts.
    let toPairs (options: DaggerOptions) : (string * string) list = Options.toPairs rows options

    /// The defaults with the named options replaced; names are matched whatever their case.
    let ofPairs (pairs: (string * string) list) : DaggerOptions = Options.ofPairs rows pairs defaults

    /// The expert's share β of round i.
    let share (options: DaggerOptions) (round: int) : float =
        if options.ExpertRounds > 0 then
            Regression.daggerRampdown options.ExpertRounds round
        else
            Regression.daggerMixing options.ExpertDecay round

/// The steps of all copies with the expert's answers, in the policy's units, as transitions.
[<Sealed>]
type private LabelSink
    (
        share: ActorShare,
        steps: int,
        ask: int -> unit,
        labels: float32[],
        transitions: ISink,
        actions: float32[],
        episodes: List<EpisodeResult>
    ) =
    let rows, size = share.Number, share.ActionSize

    interface ISink with
        member _.NeedsFinals = true
        member _.Acts _ = true
        member _.Asks(_, t) = t < steps

        member _.Before(share, t) =
            ask t
            transitions.Before(share, t)

        member _.After(share, t) =
            transitions.After(share, t)
            // What is learned from is what the expert would have done, whoever acted.
            Array.Copy(labels, 0, actions, t * rows * size, rows * size)

            for row in 0 .. rows - 1 do
                if share.EpisodeLengths[row] > 0 then
                    episodes.Add { Return = share.EpisodeReturns[row]; Length = share.EpisodeLengths[row] }

        member _.Cut(share, t) = transitions.Cut(share, t)

/// Data-set aggregation (Ross, Gordon and Bagnell, "A reduction of imitation learning and structured prediction to
/// no-regret online learning", 2011; slides 2 and 11).
[<RequireQualifiedAccess>]
module Dagger =

    let private roundsOf (c: DaggerOptions) (copies: int) = (c.RoundSteps + copies - 1) / copies

    let private bind (c: DaggerOptions) (environment: BatchEnvironment) (workers: Workers) : Learner =
        let place = ExpertPlace "dagger"
        let copies, space = environment.Count, environment.ActionSpace
        let actor = Cloning.actor c.Cloning environment.ObservationSpace space
        let layout = Actor.layout actor
        let columns = TransitionColumns.ofEnvironment environment
        let plan = TransitionColumns.plan environment columns
        let steps = roundsOf c copies
        let size = environment.ActionSize
        let choices = if environment.HasActionMasks then actor.Distribution.Choices else 0

        let data =
            columns.All
            |> List.map (fun column -> column, Array.zeroCreate<float32>(steps * copies * column.Numbers))

        let dataOf (column: Column) = data |> List.find (fun (known, _) -> known.Name = column.Name) |> snd
        let shown = Array.zeroCreate<float32>(copies * environment.ObservationSize)
        let masks = Array.zeroCreate<bool>(copies * choices)
        let answers = Array.zeroCreate<float32>(copies * size)
        let labels = Array.zeroCreate<float32>(copies * size)
        let episodes = List<EpisodeResult>()
        // Of the round: the share of the expert, the steps of a copy before it, and who has acted.
        let mutable share, before, byExpert = 0.0, 0L, 0

        let ask t =
            environment.Observe(Span shown)
            if choices > 0 then environment.ActionMasks(0, copies, Span masks)

            Expert.askForPossible
                place.Expert
                space
                (before + int64 t)
                (ReadOnlySpan shown)
                (ReadOnlySpan masks)
                (Span answers)


            for copy in 0 .. copies - 1 do
                let label = Span(labels, copy * size, size)
                Policy.ofEnvironment actor.Actions space (ReadOnlySpan(answers, copy * size, size)) label

        let choose =
            ChooseAction(fun _ copy outputs _ _ action rng ->
                let struct (u, rng) = Rng.uniform rng

                if u < share then
                    byExpert <- byExpert + 1
                    Span(labels, copy * size, size).CopyTo action
                else
                    Policy.mode actor.Distribution outputs action

                rng)

        // One share: an expert is asked by one thread, for all copies at once.
        let actors =
            Actors(
                actor,
                None,
                layout,
                environment,
                Explorer.Choose choose,
                c.Cloning.Network.NormaliseObservations,
                1,
                workers
            )

        let sink =
            let own = actors.Shares[0]
            let transitions = TransitionSink(own, copies, steps, columns, data)
            LabelSink(own, steps, ask, labels, transitions, dataOf columns.Actions, episodes)

        let update = Cloning.update c.Cloning actor columns
        let rates = [ Cloning.learningRate c.Cloning ]
        let batch = TransitionBatch(columns, [], c.Cloning.BatchSize, 1, 0.0)
        let means = Cloning.metrics

        let start =
            let plain = Learners.start layout environment c.Cloning.Network.NormaliseObservations false
            let empty = Replay.ofPlan plan copies c.BufferSize

            { plain with
                Replay = Some empty
                Initialise = fun arrays key -> { plain.Initialise arrays key with Replay = Some empty }
            }

        let collect (state: TrainingState) : TrainingState =
            share <- DaggerOptions.share c (int (min state.Updates (int64 Int32.MaxValue)))
            before <- state.Steps / int64 copies
            byExpert <- 0
            episodes.Clear()
            let acted = actors.Collect(state, [| sink |])
            let statistics = RunningStatistics.update (ReadOnlySpan(dataOf columns.Observations)) state.Observations

            { acted with
                Steps = state.Steps + int64 (steps * copies)
                Updates = state.Updates + 1L
                Observations = statistics
                Replay = Some(Replay.append data (Option.get state.Replay))
            }

        let learn (state: TrainingState) (acted: TrainingState) =
            let draft = Draft acted
            let replay = Option.get acted.Replay
            let reported = Means(update, means)
            update.Load draft
            Rate.set c.Plan state.Steps rates [ update ]
            let mutable key = acted.Key

            for _ in 1 .. c.GradientSteps do
                key <- batch.Draw(replay, key)
                let observations = batch.Samples[columns.Observations]
                Encoding.normalise acted.Observations Encoding.Limit (ReadOnlySpan observations) (Span observations)
                update.ChooseAll batch.Samples
                update.Run workers
                reported.Add()

            update.Store draft
            let next = { draft.Onto acted with Key = key }

            struct (next,
                    {
                        Steps = next.Steps
                        Updates = next.Updates
                        Episodes = episodes.ToArray()
                        Metrics =
                            [|
                                yield! reported.All
                                struct ("expertShare", float byExpert / float (steps * copies))
                                struct ("labels", float replay.Count)
                                yield! Rate.metrics c.Plan state.Steps rates
                            |]
                    })

        let inner =
            Learner.ofFunctions
                {
                    Algorithm = "dagger"
                    Environment = environment
                    Network = actor
                    Options = DaggerOptions.toPairs c
                    TotalSteps = c.Plan.TotalSteps
                    Arrays = update.Arrays
                    Start = start
                    Collect = collect
                    Learn = learn
                }

        new LearnerWithExpert(inner, place)

    /// Binds options to environments; `LearnerExpert.Give` gives it the expert. Training fails with `ExpertFailure`
    /// where there is none, where it throws and where it answers what is no action.
    let create (options: DaggerOptions) (environment: BatchEnvironment) (workers: Workers) : Learner =
        DaggerOptions.validate options
        let steps = roundsOf options environment.Count * environment.Count

        if steps > options.BufferSize then
            Guard.fail
                (nameof options.BufferSize)
                ($"BufferSize is {options.BufferSize}; it must hold a round of {steps} steps at least: use a larger "
                 + "buffer or shorter rounds.")

        bind options environment workers

    /// What there is to know of it.
    let entry =
        AlgorithmEntry.create
            {
                Id = "dagger"
                Name = "Data-set aggregation"
                Summary =
                    ("Acts, asks an expert what it would have done in the states it meets, and learns from all answers "
                     + "so far (Ross, Gordon and Bagnell 2011).")
                Source =
                    ("Ross, Gordon, Bagnell, \"A reduction of imitation learning and structured prediction to "
                     + "no-regret online learning\" (2011)")
                Family = AlgorithmFamily.Imitation
            }
            DaggerOptions.defaults
            DaggerOptions.rows
            [ "RoundSteps", "60"; "GradientSteps", "10"; "BatchSize", "16"; "Hidden", "16" ]
            DaggerOptions.validate
            create
        |> AlgorithmEntry.withExpert
        |> AlgorithmEntry.withParameters DaggerOptions.ofPairs (fun c -> Cloning.parameters c.Cloning)
