/// Conservative Q-learning of choices: double Q-learning whose values are held down but at the data's actions.
namespace Rl.Core.Algorithms

open Rl.Core.Acting
open Rl.Core.Autodiff
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Objectives

/// Options of conservative Q-learning of choices (Kumar et al. 2020).
type DiscreteCqlOptions =
    {
        Dqn: DqnOptions
        Recorded: RecordedOptions
        /// α: what the excess of values over those of the data's actions counts beside the errors.
        ConservativeWeight: float
    }

/// Defaults, rows, checks and texts.
[<RequireQualifiedAccess>]
module DiscreteCqlOptions =
    let private v = Unchecked.defaultof<ValueOptions>
    let private n = Unchecked.defaultof<DqnOptions>

    /// Double Q-learning with Huber's loss and α = 0.5; the target follows slowly.
    let defaults: DiscreteCqlOptions =
        {
            Dqn =
                { DqnOptions.defaults with
                    Values =
                        { ValueOptions.defaults with
                            OffPolicy = RecordedOptions.replayed
                            Network.NormaliseObservations = true
                            Rate = { LearningRate = RateSchedule.Constant 3e-4 }
                            TargetRate = 0.005
                            Exploration = { ExplorationRate = RateSchedule.Constant 0.05 }
                            MaxGradientNorm = 0.0
                        }
                }
            Recorded = RecordedOptions.defaults
            ConservativeWeight = 0.5
        }

    /// DQN's but how it replays, Munchausen's constants, and noise.
    let private own: OptionRow<DqnOptions> list =
        DqnOptions.rows
        |> Options.without
            [
                for row in OffPolicyOptions.rows do
                    row.Name
                nameof v.Plan.TotalSteps
                nameof v.TargetUpdateInterval
                nameof v.ExplorationLadder
                nameof v.NoisyNetworks
                nameof v.NoiseDeviation
                nameof n.MunchausenScale
                nameof n.MunchausenTemperature
                nameof n.MunchausenFloor
            ]
        |> Options.meaning
            (nameof v.Exploration.ExplorationRate)
            "ε, the probability of a random action in the environment, after OfflineSteps."
        |> Options.meaning (nameof v.TargetRate) "The share τ of the network in its target after each step."

    let private plan: OptionRow<DqnOptions> list =
        Options.group _.Values.Plan (fun v (c: DqnOptions) -> { c with Values.Plan = v }) RecordedOptions.planRows

    let private replayed: OptionRow<DqnOptions> list =
        Options.group
            _.Values.OffPolicy
            (fun v (c: DqnOptions) -> { c with Values.OffPolicy = v })
            RecordedOptions.replayedRows

    /// A row an option, in the order of files.
    let rows: OptionRow<DiscreteCqlOptions> list =
        let d = defaults
        let dqn rows = Options.group (fun (c: DiscreteCqlOptions) -> c.Dqn) (fun v c -> { c with Dqn = v }) rows

        [
            yield! dqn plan
            yield! dqn replayed
            yield!
                Options.group _.Recorded (fun v (c: DiscreteCqlOptions) -> { c with Recorded = v }) RecordedOptions.rows
            Options.number (nameof d.ConservativeWeight) Range.notNegative _.ConservativeWeight (fun v c ->
                { c with ConservativeWeight = v })
            yield! dqn own
        ]

    /// Fails for the first option that is out of its range, naming it.
    let validate (options: DiscreteCqlOptions) =
        NetworkOptions.validate rows defaults options

        if options.Dqn.Target.IsMunchausen then
            Guard.fail (nameof options.Dqn.Target) "Target is munchausen; discrete-cql has double or maximum."

    /// The options as named texts.
    let toPairs (options: DiscreteCqlOptions) : (string * string) list = Options.toPairs rows options

    /// The defaults with the named options replaced; names are matched whatever their case.
    let ofPairs (pairs: (string * string) list) : DiscreteCqlOptions = Options.ofPairs rows pairs defaults

/// Conservative Q-learning of choices (Kumar et al., "Conservative Q-learning for offline reinforcement learning",
/// 2020, its form for discrete actions).
[<RequireQualifiedAccess>]
module DiscreteCql =

    /// α (ln Σ exp Q(s, ·) − Q(s, a)), the mean over components of an action.
    let private conservative (weight: float) (values: Expr list) (chosen: Expr list) =
        let gaps = List.map2 (Offline.conservativeGap 1.0) values chosen
        let gap = List.reduce (+) gaps * (1.0 / float gaps.Length)
        [ Term.mean "conservativeLoss" weight gap ]

    /// The target follows within the update.
    let private plan (c: DiscreteCqlOptions) network columns possible : UpdatePlan =
        let plan = Dqn.planWith (conservative c.ConservativeWeight) c.Dqn network columns possible
        let online = plan.Groups.Head.Name

        let follows (group: ParameterGroup) =
            match group.Place with
            | GroupPlace.Array _ -> { group with Motion = GroupMotion.Follows(online, c.Dqn.Values.TargetRate) }
            | GroupPlace.Theta _ -> group

        { plan with Groups = List.map follows plan.Groups }

    let private networkOf (c: DiscreteCqlOptions) (observations: Space) (actions: Space) : Actor =
        Dqn.network c.Dqn observations actions

    /// Binds options to environments, or to recorded data alone, whose actions must be choices. `workers` share the
    /// work; the results do not depend on their number.
    let create (options: DiscreteCqlOptions) (environment: BatchEnvironment) (workers: Workers) : Learner =
        DiscreteCqlOptions.validate options
        let network = networkOf options environment.ObservationSpace environment.ActionSpace
        let bind = OfflineLearning.learnerOf options.Recorded OfflineLearning.noExtras

        let parts =
            { ValueLearner.parts
                  "discrete-cql"
                  (DiscreteCqlOptions.toPairs options)
                  options.Dqn.Values
                  network
                  (fun columns _ -> plan options network columns None) with
                Bind = bind
            }

        ValueLearner.create parts environment workers

    /// What there is to know of it.
    let entry =
        AlgorithmEntry.create
            {
                Id = "discrete-cql"
                Name = "Conservative Q-learning of choices"
                Summary =
                    ("From recorded steps: double Q-learning whose values are held down where the data has no actions "
                     + "(Kumar et al. 2020).")
                Source = "Kumar et al., \"Conservative Q-learning for offline reinforcement learning\" (2020)"
                Family = AlgorithmFamily.Offline
            }
            DiscreteCqlOptions.defaults
            DiscreteCqlOptions.rows
            RecordedOptions.small
            DiscreteCqlOptions.validate
            create
        |> AlgorithmEntry.withActions (ValueNetwork.components >> Option.isSome)
        |> AlgorithmEntry.withParameters DiscreteCqlOptions.ofPairs (fun c observations actions ->
            (ValueNetwork.layout c.Dqn.Values (networkOf c observations actions)).Count)
        |> AlgorithmEntry.withData
