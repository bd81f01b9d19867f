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

    /// 32 quantiles, and the paper's threshold of 1.
    let defaults: QrDqnOptions =
        { Values = ValueOptions.ofDistributions; Double = false; Quantiles = 32; HuberThreshold = 1.0 }

    /// A row an option, in the order of files.
    let rows: OptionRow<QrDqnOptions> list =
        let d = defaults

        [
            Options.flag (nameof d.Double) _.Double (fun v c -> { c with Double = v })
            Options.whole (nameof d.Quantiles) (Range.atLeast 1.0) _.Quantiles (fun v c -> { c with Quantiles = v })
            Options.number (nameof d.HuberThreshold) Range.notNegative _.HuberThreshold (fun v c ->
                { c with HuberThreshold = v })
        ]
        |> ValueOptions.around _.Values (fun v (c: QrDqnOptions) -> { c with Values = v })
        |> OffPolicyOptions.withoutLambda
        |> ValueOptions.prioritisedByLoss
        |> Options.meaning
            (nameof d.Values.Dueling)
            "Quantiles are those of the state plus advantages of mean 0, from one last layer (Wang et al. 2016)."
        |> Options.meaning (nameof d.Values.Network.Hidden) "Widths of the hidden layers before the quantiles."

    /// Fails for the first option that is out of its range, naming it.
    let validate (c: QrDqnOptions) : unit =
        NetworkOptions.validate rows defaults c
        ValueOptions.validate c.Values

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
        ValueNetwork.network "qrdqn" c.Values distribution observations actions

    /// Places [rows, actions, quantiles].
    let private places (c: QrDqnOptions) (network: Actor) (parameters: Parameters) (observations: Expr) : Expr =
        Actor.policy network parameters observations
        |> ReturnOutputs.arrange c.Values.Dueling network.Distribution.Choices c.Quantiles

    /// What it minimises: mean(w · the quantile regression of θ(s, a) on r + γ θ(s′, a*)).
    let private loss c (network: Actor) (columns: TransitionColumns) (possible: Column option) (batch: Batch) =
        let struct (online, frozen) = ValueNetwork.parameters c.Values network batch
        let places = places c network
        let actions = Expr.squeeze -1 batch[columns.Actions]
        let own = places online batch[columns.Observations] |> ValueDistributions.chosen actions
        let next = places frozen batch[columns.NextObservations]
        let chooser = if c.Double then places online batch[columns.NextObservations] else next
        let best = Expr.meanOver [| -1 |] chooser |> ValueNetwork.possible possible batch |> Expr.argMax -1
        let column (x: Expr) = Expr.expandAxis -1 x
        let reward, discount = column batch[columns.Rewards], column batch[DrawnColumns.discounts]
        let targets = reward + discount * ValueDistributions.chosen best next
        let levels = ValueDistributions.midpointLevels c.Quantiles
        let cost = ValueDistributions.quantileRegression c.HuberThreshold own levels targets
        ValueLearner.terms c.Values possible batch cost cost (Expr.meanOver [| -1 |] own)

    /// The update for batches of drawn transitions.
    let plan (c: QrDqnOptions) (network: Actor) (columns: TransitionColumns) (possible: Column option) : UpdatePlan =
        ValueLearner.plan c.Values network (loss c network columns possible)

    /// Binds options to environments. `workers` share the work; the results do not depend on their number.
    let create (options: QrDqnOptions) (environment: BatchEnvironment) (workers: Workers) : Learner =
        QrDqnOptions.validate options
        let network = network options environment.ObservationSpace environment.ActionSpace

        let parts =
            ValueLearner.parts "qrdqn" (QrDqnOptions.toPairs options) options.Values network (plan options network)

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
            (ValueNetwork.layout c.Values (network c observations actions)).Count)
