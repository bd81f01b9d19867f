/// Batch-constrained Q-learning of choices: double Q-learning among the actions that the data's policy makes.
namespace Rl.Core.Algorithms

open Rl.Core.Acting
open Rl.Core.Autodiff
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Objectives

/// Options of batch-constrained Q-learning of choices (Fujimoto et al. 2019).
type DiscreteBcqOptions =
    {
        Values: ValueOptions
        Recorded: RecordedOptions
        /// What errors cost: Huber's loss or the square.
        Loss: ValueError
        /// τ: an action counts whose probability in the data is more than this share of the likeliest one's.
        ProbabilityThreshold: float
        /// What the mean square of the logits of the data's policy counts beside its likelihood.
        LogitPenalty: float
    }

/// Defaults, rows, checks and texts.
[<RequireQualifiedAccess>]
module DiscreteBcqOptions =
    let private v = Unchecked.defaultof<ValueOptions>

    /// The paper's τ and penalty; the target follows slowly.
    let defaults: DiscreteBcqOptions =
        {
            Values =
                { ValueOptions.defaults with
                    OffPolicy = RecordedOptions.replayed
                    Network.NormaliseObservations = true
                    Rate = { LearningRate = RateSchedule.Constant 3e-4 }
                    TargetRate = 0.005
                    Exploration = { ExplorationRate = RateSchedule.Constant 0.05 }
                    MaxGradientNorm = 0.0
                }
            Recorded = RecordedOptions.defaults
            Loss = ValueError.Huber
            ProbabilityThreshold = 0.3
            LogitPenalty = 0.01
        }

    /// Those of action values but how they are replayed, dueling networks, whose outputs are others, and noise.
    let private own: OptionRow<ValueOptions> list =
        ValueOptions.around id (fun value _ -> value) []
        |> Options.without
            [
                for row in OffPolicyOptions.rows do
                    row.Name
                nameof v.Plan.TotalSteps
                nameof v.TargetUpdateInterval
                nameof v.Dueling
                nameof v.ExplorationLadder
                nameof v.NoisyNetworks
                nameof v.NoiseDeviation
            ]
        |> Options.meaning
            (nameof v.Exploration.ExplorationRate)
            "ε, the probability of a random action in the environment, after OfflineSteps."
        |> Options.meaning (nameof v.TargetRate) "The share τ of the network in its target after each step."
        |> Options.meaning
            (nameof v.Network.Hidden)
            "Widths of the hidden layers, which action values and the data's policy share."

    /// A row an option, in the order of files.
    let rows: OptionRow<DiscreteBcqOptions> list =
        let d = defaults

        let values rows =
            Options.group (fun (c: DiscreteBcqOptions) -> c.Values) (fun v c -> { c with Values = v }) rows

        let plan: OptionRow<ValueOptions> list =
            Options.group _.Plan (fun v (c: ValueOptions) -> { c with Plan = v }) RecordedOptions.planRows

        let replayed: OptionRow<ValueOptions> list =
            Options.group _.OffPolicy (fun v (c: ValueOptions) -> { c with OffPolicy = v }) RecordedOptions.replayedRows

        [
            yield! values plan
            yield! values replayed
            yield!
                Options.group _.Recorded (fun v (c: DiscreteBcqOptions) -> { c with Recorded = v }) RecordedOptions.rows
            Options.choice ValueError.names (nameof d.Loss) _.Loss (fun v c -> { c with Loss = v })
            Options.number (nameof d.ProbabilityThreshold) Range.belowOne _.ProbabilityThreshold (fun v c ->
                { c with ProbabilityThreshold = v })
            Options.number (nameof d.LogitPenalty) Range.notNegative _.LogitPenalty (fun v c ->
                { c with LogitPenalty = v })
            yield! values own
        ]

    /// Fails for the first option that is out of its range, naming it.
    let validate (options: DiscreteBcqOptions) : unit = NetworkOptions.validate rows defaults options

    /// The options as named texts.
    let toPairs (options: DiscreteBcqOptions) : (string * string) list = Options.toPairs rows options

    /// The defaults with the named options replaced; names are matched whatever their case.
    let ofPairs (pairs: (string * string) list) : DiscreteBcqOptions = Options.ofPairs rows pairs defaults

/// Batch-constrained Q-learning of choices (Fujimoto et al., "Benchmarking batch deep reinforcement learning
/// algorithms", 2019).
[<RequireQualifiedAccess>]
module DiscreteBcq =

    let private networkOf (c: DiscreteBcqOptions) (observations: Space) (actions: Space) : Actor =
        let distribution count = PermittedGreedyPolicy.create count c.ProbabilityThreshold
        ValueNetwork.network "discrete-bcq" c.Values distribution observations actions

    /// ℓ(r + γ q̄(s′, a′) − q(s, a)) with a′ the best choice at s′ that the data's policy permits, and −ln β(a|s) with
    /// the penalty of logits.
    let private loss (c: DiscreteBcqOptions) (network: Actor) (columns: TransitionColumns) (batch: Batch) : Term list =
        let count = network.Distribution.Choices
        let struct (online, frozen) = ValueNetwork.parameters c.Values network batch
        let outputs parameters observations = Actor.policy network parameters observations
        let values, logits = PermittedGreedyPolicy.values count, PermittedGreedyPolicy.logits count
        let present, next = outputs online batch[columns.Observations], batch[columns.NextObservations]
        let ofNext = outputs online next

        let best = Offline.bestPermitted (values ofNext) (Offline.permitted c.ProbabilityThreshold (logits ofNext))

        let y =
            values (outputs frozen next)
            |> ValueLearning.chosen best
            |> OffPolicy.target batch[columns.Rewards] batch[DrawnColumns.discounts]

        let action = Expr.squeeze -1 batch[columns.Actions]
        let chosen = ValueLearning.chosen action (values present)
        let error = ValueLearning.error chosen y
        let own = logits present
        let likelihood = ValueLearning.chosen action (Expr.logSoftmax -1 own)

        [
            Term.mean ValueLearner.Loss 1.0 (ValueError.cost c.Loss error)
            Term.mean "imitationLoss" 1.0 (Regression.behaviourCloning likelihood)
            Term.mean "logitPenalty" c.LogitPenalty (Expr.meanOver [| -1 |] (Expr.square own))
            Term.report ValueLearner.ActionValue chosen
        ]

    /// The target follows within the update.
    let private plan (c: DiscreteBcqOptions) network columns : UpdatePlan =
        let plan = ValueLearner.plan c.Values network (loss c network columns)
        let online = plan.Groups.Head.Name

        let follows (group: ParameterGroup) =
            match group.Place with
            | GroupPlace.Array _ -> { group with Motion = GroupMotion.Follows(online, c.Values.TargetRate) }
            | GroupPlace.Theta _ -> group

        { plan with Groups = List.map follows plan.Groups }

    /// Binds options to environments, or to recorded data alone, whose actions must be choices. `workers` share the
    /// work; the results do not depend on their number.
    let create (options: DiscreteBcqOptions) (environment: BatchEnvironment) (workers: Workers) : Learner =
        DiscreteBcqOptions.validate options
        let network = networkOf options environment.ObservationSpace environment.ActionSpace

        let parts =
            ValueLearner.parts
                "discrete-bcq"
                (DiscreteBcqOptions.toPairs options)
                options.Values
                network
                (fun columns _ -> plan options network columns)

        ValueLearner.create
            { parts with
                Bind = OfflineLearning.learnerOf options.Recorded OfflineLearning.noExtras
                Reported = fun _ -> [ ValueLearner.Loss; "imitationLoss"; ValueLearner.ActionValue; "gradientNorm" ]
            }
            environment
            workers

    let private isChoice (actions: Space) =
        match actions with
        | Space.Discrete _ -> true
        | _ -> false

    /// What there is to know of it.
    let entry =
        AlgorithmEntry.create
            {
                Id = "discrete-bcq"
                Name = "Batch-constrained Q-learning of choices"
                Summary =
                    ("From recorded steps: double Q-learning among the actions that the data's policy makes often "
                     + "enough (Fujimoto et al. 2019).")
                Source = "Fujimoto et al., \"Benchmarking batch deep reinforcement learning algorithms\" (2019)"
                Family = AlgorithmFamily.Offline
            }
            DiscreteBcqOptions.defaults
            DiscreteBcqOptions.rows
            RecordedOptions.small
            DiscreteBcqOptions.validate
            create
        |> AlgorithmEntry.withActions isChoice
        |> AlgorithmEntry.withParameters DiscreteBcqOptions.ofPairs (fun c observations actions ->
            (ValueNetwork.layout c.Values (networkOf c observations actions)).Count)
        |> AlgorithmEntry.withData
