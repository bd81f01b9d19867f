/// QR-DQN: quantiles of returns in place of action values, from replayed steps.
namespace Rl.Core.Algorithms

open Rl.Core.Acting
open Rl.Core.Autodiff
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Objectives

/// Options of QR-DQN (Dabney et al. 2018).
type QrDqnOptions =
    {
        Plan: PlanOptions
        OffPolicy: OffPolicyOptions
        Network: NetworkOptions
        Rate: RateOptions
        Values: ValueOptions
        /// The online network chooses the next action, whose quantiles the target network gives (van Hasselt et al.
        /// 2016); else the target network does both.
        Double: bool
        /// K: a distribution is the places of so many quantiles.
        Quantiles: int
        /// Errors up to this cost their square, further ones their size; 0: all their size, and then places are the
        /// quantiles themselves.
        HuberThreshold: float
    }

/// Defaults, rows, checks and texts.
[<RequireQualifiedAccess>]
module QrDqnOptions =

    /// DQN's, with 32 quantiles, the paper's threshold of 1, and 0.01 of a batch as Adam's ε.
    let defaults: QrDqnOptions =
        {
            Plan = { TotalSteps = 50_000L }
            OffPolicy = ValueOptions.replayed
            Network = ValueOptions.network
            Rate = { LearningRate = 6.3e-4; AnnealLearningRate = true }
            Values = { ValueOptions.defaults with AdamEpsilon = 7.8125e-5 }
            Double = false
            Quantiles = 32
            HuberThreshold = 1.0
        }

    /// A row an option, in the order of files.
    let rows: OptionRow<QrDqnOptions> list =
        let d = defaults
        let plan rows = Options.group (fun (c: QrDqnOptions) -> c.Plan) (fun v c -> { c with Plan = v }) rows

        let replayed rows =
            Options.group (fun (c: QrDqnOptions) -> c.OffPolicy) (fun v c -> { c with OffPolicy = v }) rows

        let network rows = Options.group (fun (c: QrDqnOptions) -> c.Network) (fun v c -> { c with Network = v }) rows
        let rate rows = Options.group (fun (c: QrDqnOptions) -> c.Rate) (fun v c -> { c with Rate = v }) rows
        let values rows = Options.group (fun (c: QrDqnOptions) -> c.Values) (fun v c -> { c with Values = v }) rows

        [
            yield! plan PlanOptions.rows
            yield!
                replayed OffPolicyOptions.rows
                |> Options.meaning
                    (nameof d.OffPolicy.PriorityExponent)
                    ("α: a transition is drawn with a probability proportional to the power α of its loss "
                     + "(prioritised replay); 0 draws all alike.")
            yield! rate RateOptions.rows
            yield!
                values ValueOptions.rows
                |> Options.meaning
                    (nameof d.Values.Dueling)
                    ("Quantiles are those of the state plus advantages of mean 0, from one last layer "
                     + "(Wang et al. 2016).")
            Options.flag (nameof d.Double) _.Double (fun v c -> { c with Double = v })
            Options.whole (nameof d.Quantiles) (Range.atLeast 1.0) _.Quantiles (fun v c -> { c with Quantiles = v })
            Options.number (nameof d.HuberThreshold) Range.notNegative _.HuberThreshold (fun v c ->
                { c with HuberThreshold = v })
            yield! network NetworkOptions.normaliseObservations
            yield!
                network NetworkOptions.layers
                |> Options.meaning (nameof d.Network.Hidden) "Widths of the hidden layers before the quantiles."
            yield! values ValueOptions.layers
        ]

    /// Fails for the first option that is out of its range, naming it.
    let validate (c: QrDqnOptions) : unit =
        Options.validate rows c
        OffPolicyOptions.validate c.OffPolicy

    /// The options as named texts.
    let toPairs (options: QrDqnOptions) : (string * string) list = Options.toPairs rows options

    /// The defaults with the named options replaced; names are matched whatever their case.
    let ofPairs (pairs: (string * string) list) : QrDqnOptions = Options.ofPairs rows pairs defaults

/// QR-DQN (Dabney, Rowland, Bellemare and Munos, "Distributional reinforcement learning with quantile regression",
/// 2018, algorithm 1).
[<RequireQualifiedAccess>]
module QrDqn =

    /// The network of quantiles, which acts by the largest mean.
    let network (c: QrDqnOptions) (observations: Space) (actions: Space) : Actor =
        let distribution count = QuantileReturnPolicy.create c.Values.Dueling count c.Quantiles
        ValueLearner.network "qrdqn" c.Network c.Values distribution observations actions

    /// Places [rows, actions, quantiles].
    let private places (c: QrDqnOptions) (network: Actor) (parameters: Parameters) (observations: Expr) : Expr =
        Actor.policy network parameters observations
        |> ReturnOutputs.arrange c.Values.Dueling network.Distribution.Choices c.Quantiles

    /// What it minimises: mean(w · the quantile regression of θ(s, a) on r + γ θ(s′, a*)).
    let private loss c (network: Actor) (columns: TransitionColumns) (possible: Column option) (batch: Batch) =
        let struct (online, frozen) = ValueLearner.parameters c.Values network batch
        let places = places c network
        let actions = Expr.squeeze -1 batch[columns.Actions]
        let own = places online batch[columns.Observations] |> ValueDistributions.chosen actions
        let next = places frozen batch[columns.NextObservations]
        let chooser = if c.Double then places online batch[columns.NextObservations] else next
        let best = Expr.meanOver [| -1 |] chooser |> ValueLearner.possible possible batch |> Expr.argMax -1
        let column (x: Expr) = Expr.expandAxis -1 x
        let reward, discount = column batch[columns.Rewards], column batch[DrawnColumns.discounts]
        let targets = reward + discount * ValueDistributions.chosen best next
        let levels = ValueDistributions.midpointLevels c.Quantiles
        let cost = ValueDistributions.quantileRegression c.HuberThreshold own levels targets
        ValueLearner.terms c.OffPolicy possible batch cost cost (Expr.meanOver [| -1 |] own)

    /// The update for batches of drawn transitions.
    let plan (c: QrDqnOptions) (network: Actor) (columns: TransitionColumns) (possible: Column option) : UpdatePlan =
        ValueLearner.plan c.OffPolicy c.Network c.Values network (loss c network columns possible)

    /// Binds options to environments. `workers` share the work; the results do not depend on their number.
    let create (options: QrDqnOptions) (environment: BatchEnvironment) (workers: Workers) : Learner =
        QrDqnOptions.validate options
        let network = network options environment.ObservationSpace environment.ActionSpace

        let parts =
            {
                Algorithm = "qrdqn"
                Options = QrDqnOptions.toPairs options
                Plan = options.Plan
                OffPolicy = options.OffPolicy
                Network = options.Network
                Rate = options.Rate
                Values = options.Values
                Actor = network
                Drawn = []
                Sequences = None
                Update = plan options network
            }

        ValueLearner.create parts environment workers

    /// What there is to know of it.
    let entry =
        AlgorithmEntry.create
            {
                Id = "qrdqn"
                Name = "QR-DQN"
                Summary = "Quantiles of returns, from replayed steps; double, dueling (Dabney et al. 2018)."
                Source = "Dabney et al., \"Distributional reinforcement learning with quantile regression\" (2018)"
                Family = AlgorithmFamily.OffPolicy
            }
            QrDqnOptions.defaults
            QrDqnOptions.rows
            ValueOptions.small
            QrDqnOptions.validate
            create
        |> AlgorithmEntry.withActions _.IsDiscrete
        |> AlgorithmEntry.withParameters QrDqnOptions.ofPairs (fun c observations actions ->
            (ValueLearner.layout c.Values (network c observations actions)).Count)
