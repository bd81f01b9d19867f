/// Cloning of the data's best episodes: the plain measure that algorithms with values must beat.
namespace Rl.Core.Algorithms

open System
open Rl.Core.Acting
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Objectives

/// Options of cloning the best episodes.
type FilteredCloningOptions =
    {
        Plan: PlanOptions
        Replayed: OffPolicyOptions
        Network: NetworkOptions
        Rate: RateOptions
        Exploration: ExplorationOptions
        /// The share of episodes that are cloned, those of the largest undiscounted returns; 1 for all.
        BestShare: float
        /// Layers for observations that are images: those of DQN for Atari for 36 pixels and more, else those of
        /// MinAtar; or layers of your own, or none.
        Convolutions: Convolutions
    }

/// Defaults, rows, checks and texts.
[<RequireQualifiedAccess>]
module FilteredCloningOptions =

    /// The best tenth.
    let defaults: FilteredCloningOptions =
        {
            Plan = { TotalSteps = 50_000L }
            Replayed = RecordedOptions.replayed
            Network =
                { NetworkOptions.defaults [ 256; 256 ] with
                    Activation = Activation.Relu
                    NormaliseObservations = true
                }
            Rate = { LearningRate = RateSchedule.Constant 3e-4 }
            Exploration = { InitialLogStandardDeviation = -1.0 }
            BestShare = 0.1
            Convolutions = Convolutions.Automatic
        }

    /// A row an option, in the order of files.
    let rows: OptionRow<FilteredCloningOptions> list =
        let d = defaults

        let network rows =
            Options.group (fun (c: FilteredCloningOptions) -> c.Network) (fun v c -> { c with Network = v }) rows

        [
            yield!
                Options.group _.Plan (fun v (c: FilteredCloningOptions) -> { c with Plan = v }) RecordedOptions.planRows
            yield!
                RecordedOptions.replayedRows
                |> Options.without [ nameof d.Replayed.Discount ]
                |> Options.group _.Replayed (fun v (c: FilteredCloningOptions) -> { c with Replayed = v })
            yield! Options.group _.Rate (fun v (c: FilteredCloningOptions) -> { c with Rate = v }) RateOptions.rows
            Options.number (nameof d.BestShare) Range.positiveFraction _.BestShare (fun v c -> { c with BestShare = v })
            yield!
                Options.group
                    _.Exploration
                    (fun v (c: FilteredCloningOptions) -> { c with Exploration = v })
                    ExplorationOptions.rows
            yield! network NetworkOptions.normaliseObservations
            yield! network (NetworkOptions.ofOne "of the policy" NetworkOptions.layers)
            Options.convolutions (nameof d.Convolutions) _.Convolutions (fun v c -> { c with Convolutions = v })
        ]

    /// Fails for the first option that is out of its range, naming it.
    let validate (options: FilteredCloningOptions) = NetworkOptions.validate rows defaults options

    /// The options as named texts.
    let toPairs (options: FilteredCloningOptions) : (string * string) list = Options.toPairs rows options

    /// The defaults with the named options replaced; names are matched whatever their case.
    let ofPairs (pairs: (string * string) list) : FilteredCloningOptions = Options.ofPairs rows pairs defaults

/// Behaviour cloning of the best episodes of the data, by the likelihood of their actions; of any action space.
[<RequireQualifiedAccess>]
module FilteredCloning =

    /// The rows of the best episodes: the given share of them, at least one, the earlier of equals first.
    let bestRows (share: float) (columns: TransitionColumns) (replay: Replay) : int[] =
        Guard.inRange (nameof share) 0.0 1.0 share
        let episodes = RecordedReplay.episodes replay

        let returnOf (struct (first, last)) =
            seq { first..last } |> Seq.sumBy (fun row -> float (replay.Number(columns.Rewards, row)))

        let count = max 1 (int (Math.Ceiling(share * float episodes.Length)))

        episodes
        |> Array.sortBy (fun episode -> -(returnOf episode))
        |> Array.truncate count
        |> Array.collect (fun (struct (first, last)) -> [| first..last |])
        |> Array.sort

    let private actorOf (c: FilteredCloningOptions) (observations: Space) (actions: Space) : Actor =
        let own = NetworkDesign.only c.Network.Network

        Policy.headFor c.Exploration.InitialLogStandardDeviation actions
        |> PolicyNetwork.valuesOf own c.Convolutions c.Network.Activation c.Network.Hidden observations
        |> Policy.scaledActor ActionScaling.Bounds actions

    /// −ln π(a|s).
    let private loss (actor: Actor) (columns: TransitionColumns) (batch: Batch) =
        let output = Actor.apply actor (batch.Parameters "actor") batch[columns.Observations]
        let struct (logProbability, entropy) = Policy.evaluate actor.Distribution output batch[columns.Actions]

        [ Term.mean "actorLoss" 1.0 (Regression.behaviourCloning logProbability); Term.report "entropy" entropy ]

    /// Binds options to environments, or to recorded data alone. `workers` share the work; the results do not depend on
    /// their number.
    let create (options: FilteredCloningOptions) (environment: BatchEnvironment) (workers: Workers) : Learner =
        FilteredCloningOptions.validate options
        let c = options
        let observations, actions = environment.ObservationSpace, environment.ActionSpace
        let actor, columns = actorOf c observations actions, RecordedReplay.columns observations actions
        let rate = Rate.create (nameof c.Rate.LearningRate) c.Rate.LearningRate

        let update =
            Update.create
                {
                    Name = "cloning step"
                    Groups =
                        [
                            ParameterGroup.ofPart
                                "actor"
                                { First = 0; Layout = Actor.layout actor }
                                (ActorCritics.learnsWith 0.9 c.Network "optimiser" rate)
                        ]
                    Shape = SampleShape.steps c.Replayed.BatchSize
                    MaxGradientNorm = 0.0
                    Loss = loss actor columns
                }

        let mutable means = Means(update, [])

        let extras = { OfflineLearning.noExtras with Rows = ValueSome(bestRows c.BestShare columns) }

        let recorded = { NormaliseRewards = false; OfflineSteps = 0L }

        OfflineLearning.learnerOf
            recorded
            extras
            Replayed.noExtras
            c.Replayed
            {
                Algorithm = "filtered-bc"
                Options = FilteredCloningOptions.toPairs c
                TotalSteps = c.Plan.TotalSteps
                Actor = actor
                Layout = Actor.layout actor
                ActionScaling = ActionScaling.Bounds
                NormaliseObservations = c.Network.NormaliseObservations
                Arrays = update.Arrays
                Targets = []
                Explore = ExploreAction(fun _ _ _ _ _ _ rng -> rng)
                Load =
                    fun draft ->
                        update.Load draft
                        means <- Means(update, [ "actorLoss"; "entropy" ])
                Policy = fun () -> Memory.op_Implicit (update.Group "actor")
                Stepped = fun _ _ -> ()
                Learn =
                    fun samples steps key ->
                        Rate.set c.Plan steps [ rate ] [ update ]
                        update.ChooseAll samples
                        update.Run workers
                        means.Add()
                        key
                Errors = fun () -> ReadOnlyMemory.Empty
                Store = update.Store
                Metrics = fun steps -> [| yield! means.All; yield! Rate.metrics c.Plan steps [ rate ] |]
            }
            environment
            workers

    let private parameters (c: FilteredCloningOptions) (observations: Space) (actions: Space) : int =
        (Actor.layout (actorOf c observations actions)).Count

    /// What there is to know of it.
    let entry =
        AlgorithmEntry.create
            {
                Id = "filtered-bc"
                Name = "Cloning of the best episodes"
                Summary =
                    ("From recorded steps: cloning of the actions of the best share of episodes, the plain measure "
                     + "that algorithms with values must beat.")
                Source = "Chen et al., \"Decision transformer\" (2021), where it is %BC"
                Family = AlgorithmFamily.Offline
            }
            FilteredCloningOptions.defaults
            FilteredCloningOptions.rows
            RecordedOptions.small
            FilteredCloningOptions.validate
            create
        |> AlgorithmEntry.withParameters FilteredCloningOptions.ofPairs parameters
        |> AlgorithmEntry.withData
