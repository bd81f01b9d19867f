/// Behaviour cloning: a policy by supervised learning on recorded pairs, without an environment.
namespace Rl.Core.Algorithms

open System
open Rl.Core.Acting
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning

/// Options of behaviour cloning (Pomerleau 1989).
type BcOptions =
    {
        /// `TotalSteps` are gradient steps here: nothing acts.
        Plan: PlanOptions
        /// Gradient steps between reports. They change nothing that is learned.
        RoundSteps: int
        Cloning: CloningOptions
    }

/// Defaults, rows, checks and texts.
[<RequireQualifiedAccess>]
module BcOptions =

    /// Ten thousand steps of 128 pairs.
    let defaults = { Plan = { TotalSteps = 10_000L }; RoundSteps = 500; Cloning = CloningOptions.defaults }

    /// A row an option, in the order of files.
    let rows: OptionRow<BcOptions> list =
        let d = defaults

        [
            yield!
                Options.group _.Plan (fun v (c: BcOptions) -> { c with Plan = v }) PlanOptions.rows
                |> Options.meaning
                    (nameof d.Plan.TotalSteps)
                    "Gradient steps that training is planned for; schedules end there. Nothing acts in an environment."
            Options.whole (nameof d.RoundSteps) (Range.atLeast 1.0) _.RoundSteps (fun v c -> { c with RoundSteps = v })
            yield! Options.group _.Cloning (fun v (c: BcOptions) -> { c with Cloning = v }) CloningOptions.rows
        ]

    /// Fails for the first option that is out of its range, naming it.
    let validate (options: BcOptions) =
        NetworkOptions.validate rows defaults options
        NetworkDesign.only options.Cloning.Network.Network |> ignore
        CloningOptions.validate options.Cloning

    /// The options as named texts.
    let toPairs (options: BcOptions) : (string * string) list = Options.toPairs rows options

    /// The defaults with the named options replaced; names are matched whatever their case.
    let ofPairs (pairs: (string * string) list) : BcOptions = Options.ofPairs rows pairs defaults

/// Behaviour cloning (Pomerleau, "ALVINN: an autonomous land vehicle in a neural network", 1989; slide 1): θ minimises
/// the mean of −ln π(a|s; θ), or of ‖μ(s; θ) − a‖², over recorded pairs.
[<RequireQualifiedAccess>]
module Bc =

    let private bind (c: BcOptions) (environment: BatchEnvironment) (workers: Workers) : Learner =
        let observations, actions = environment.ObservationSpace, environment.ActionSpace
        let actor = Cloning.actor c.Cloning observations actions
        let columns = RecordedReplay.columns observations actions
        let update = Cloning.update c.Cloning actor columns
        let rates = [ Cloning.learningRate c.Cloning ]
        let batch = TransitionBatch(columns, [], c.Cloning.BatchSize, 1, 0.0)
        let known = LearnerData("bc", observations, actions)
        let normalises = c.Cloning.Network.NormaliseObservations

        let learn (given: TrainingState) () =
            let struct (data, state) = known.Adopt(given, false)

            let statistics =
                if normalises && state.Observations.Count = 0.0 then
                    RecordedReplay.observationStatistics columns data
                else
                    state.Observations

            let draft = Draft state
            let reported = Means(update, Cloning.metrics)
            update.Load draft
            Rate.set c.Plan state.Steps rates [ update ]
            let steps = int (min (int64 c.RoundSteps) (max 1L (c.Plan.TotalSteps - state.Steps)))
            let mutable key = state.Key

            for _ in 1..steps do
                key <- batch.Draw(data, key)
                let values = batch.Samples[columns.Observations]
                Encoding.normalise statistics Encoding.Limit (ReadOnlySpan values) (Span values)
                update.ChooseAll batch.Samples
                update.Run workers
                reported.Add()

            update.Store draft

            let next =
                { draft.Onto state with
                    Steps = state.Steps + int64 steps
                    Updates = state.Updates + 1L
                    Observations = statistics
                    Key = key
                }

            struct (next,
                    {
                        Steps = next.Steps
                        Updates = next.Updates
                        Episodes = [||]
                        Metrics = [| yield! reported.All; yield! Rate.metrics c.Plan state.Steps rates |]
                    })

        Learner.ofFunctions
            {
                Algorithm = "bc"
                Environment = environment
                Network = actor
                Options = BcOptions.toPairs c
                TotalSteps = c.Plan.TotalSteps
                Arrays = update.Arrays @ [ LearnerData.Name, LearnerData.Initial ]
                Start = Learners.start (Actor.layout actor) environment normalises false
                Collect = ignore
                Learn = learn
            }

    /// Binds options to spaces, of an environment or of recorded data (`RecordedSpaces`); `LearnerData.Give` gives it
    /// the data.
    let create (options: BcOptions) (environment: BatchEnvironment) (workers: Workers) : Learner =
        BcOptions.validate options
        bind options environment workers

    /// What there is to know of it.
    let entry =
        AlgorithmEntry.create
            {
                Id = "bc"
                Name = "Behaviour cloning"
                Summary =
                    "Fits a policy to recorded pairs of states and actions, as supervised learning (Pomerleau 1989)."
                Source = "Pomerleau, \"ALVINN: an autonomous land vehicle in a neural network\" (1989)"
                Family = AlgorithmFamily.Imitation
            }
            BcOptions.defaults
            BcOptions.rows
            [ "RoundSteps", "60"; "BatchSize", "16"; "Hidden", "16" ]
            BcOptions.validate
            create
        |> AlgorithmEntry.withData
        |> AlgorithmEntry.withParameters BcOptions.ofPairs (fun c -> Cloning.parameters c.Cloning)
