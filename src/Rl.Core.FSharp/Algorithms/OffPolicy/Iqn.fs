/// IQN: the quantile function of returns, at levels drawn at random, in place of action values, from replayed steps.
namespace Rl.Core.Algorithms

open Rl.Core.Acting
open Rl.Core.Autodiff
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Objectives

/// Options of implicit quantile networks (Dabney et al. 2018b).
type IqnOptions =
    {
        Values: ValueOptions
        /// The online network chooses the next action, whose quantiles the target network gives (van Hasselt et al.
        /// 2016); else the target network does both.
        Double: bool
        /// N: levels that an update draws for each transition, whose quantiles it moves.
        Quantiles: int
        /// N′: levels that it draws for the next state, whose quantiles those are compared with.
        TargetQuantiles: int
        /// K: the next action is the best by the mean of quantiles at so many drawn levels; what acts takes the mean at
        /// as many levels at equal distances, (k + ½)/K.
        ChoiceQuantiles: int
        /// n: a level τ comes into the network as cos(π i τ), i = 1 … n.
        Cosines: int
        /// Errors up to this cost their square, further ones their size; 0: all their size, and then places are the
        /// quantiles themselves.
        HuberThreshold: float
    }

/// Defaults, rows, checks and texts.
[<RequireQualifiedAccess>]
module IqnOptions =

    /// 8 levels for each transition, each target and for choosing, the paper's threshold of 1 and 64 cosines.
    let defaults: IqnOptions =
        {
            Values = ValueOptions.ofDistributions
            Double = false
            Quantiles = 8
            TargetQuantiles = 8
            ChoiceQuantiles = 8
            Cosines = 64
            HuberThreshold = 1.0
        }

    /// A row an option, in the order of files.
    let rows: OptionRow<IqnOptions> list =
        let d = defaults

        [
            Options.flag (nameof d.Double) _.Double (fun v c -> { c with Double = v })
            Options.whole (nameof d.Quantiles) (Range.atLeast 1.0) _.Quantiles (fun v c -> { c with Quantiles = v })
            Options.whole (nameof d.TargetQuantiles) (Range.atLeast 1.0) _.TargetQuantiles (fun v c ->
                { c with TargetQuantiles = v })
            Options.whole (nameof d.ChoiceQuantiles) (Range.atLeast 1.0) _.ChoiceQuantiles (fun v c ->
                { c with ChoiceQuantiles = v })
            Options.whole (nameof d.Cosines) (Range.atLeast 1.0) _.Cosines (fun v c -> { c with Cosines = v })
            Options.number (nameof d.HuberThreshold) Range.notNegative _.HuberThreshold (fun v c ->
                { c with HuberThreshold = v })
        ]
        |> ValueOptions.around _.Values (fun v (c: IqnOptions) -> { c with Values = v })
        |> OffPolicyOptions.withoutLambda
        |> ValueOptions.prioritisedByLoss
        |> Options.meaning
            (nameof d.Values.Dueling)
            ("The quantile at a level is that of the state plus advantages of mean 0, from one last layer (Wang et al. "
             + "2016).")
        |> Options.meaning
            (nameof d.Values.Network.Hidden)
            "Widths of the hidden layers before the quantiles; levels come in after the first, with images before it."

    /// Fails for the first option that is out of its range, naming it.
    let validate (c: IqnOptions) : unit =
        NetworkOptions.validate rows defaults c
        ValueOptions.validate c.Values

    /// The options as named texts.
    let toPairs (options: IqnOptions) : (string * string) list = Options.toPairs rows options

    /// The defaults with the named options replaced; names are matched whatever their case.
    let ofPairs (pairs: (string * string) list) : IqnOptions = Options.ofPairs rows pairs defaults

/// Implicit quantile networks (Dabney, Ostrovski, Silver and Munos, "Implicit quantile networks for distributional
/// reinforcement learning", 2018, algorithm 1).
[<RequireQualifiedAccess>]
module Iqn =

    /// The network of a quantile function for each action, which acts by the largest mean over levels at equal
    /// distances.
    let network (c: IqnOptions) (observations: Space) (actions: Space) : Actor =
        ImplicitQuantiles.network "iqn" c.Values c.Cosines c.ChoiceQuantiles observations actions

    /// Levels τ of the quantiles that are moved.
    let private levels (c: IqnOptions) : Column = Column.step "levels" c.Quantiles
    /// Levels τ′ of the quantiles that they are compared with.
    let private nextLevels (c: IqnOptions) : Column = Column.step "nextLevels" c.TargetQuantiles
    /// Levels τ̃ of the quantiles whose mean chooses the next action.
    let private choiceLevels (c: IqnOptions) : Column = Column.step "choiceLevels" c.ChoiceQuantiles

    /// What it minimises: mean(w · the quantile regression of Z_τ(s, a) on r + γ Z_τ′(s′, a*)).
    let private loss c (network: Actor) (columns: TransitionColumns) (possible: Column option) (batch: Batch) =
        let struct (online, frozen) = ValueNetwork.parameters c.Values network batch
        let quantiles = ImplicitQuantiles.at c.Values network
        let levels, next = batch[levels c], batch[columns.NextObservations]
        let actions = Expr.squeeze -1 batch[columns.Actions]

        let own = quantiles online levels batch[columns.Observations] |> ValueDistributions.chosenLocations actions

        let best =
            quantiles (if c.Double then online else frozen) batch[choiceLevels c] next
            |> Expr.meanOver [| -2 |]
            |> ValueNetwork.possible possible batch
            |> Expr.argMax -1

        let targets = quantiles frozen batch[nextLevels c] next |> ImplicitQuantiles.targets columns batch best
        let cost = ValueDistributions.quantileRegression c.HuberThreshold own levels targets
        ValueLearner.terms c.Values possible batch cost cost (Expr.meanOver [| -1 |] own)

    /// The update for batches of drawn transitions.
    let plan (c: IqnOptions) (network: Actor) (columns: TransitionColumns) (possible: Column option) : UpdatePlan =
        ValueLearner.plan c.Values network (loss c network columns possible)

    /// Binds options to environments. `workers` share the work; the results do not depend on their number.
    let create (options: IqnOptions) (environment: BatchEnvironment) (workers: Workers) : Learner =
        IqnOptions.validate options
        let network = network options environment.ObservationSpace environment.ActionSpace

        let parts = ValueLearner.parts "iqn" (IqnOptions.toPairs options) options.Values network (plan options network)
        let drawn = [ levels options; nextLevels options; choiceLevels options ]
        ValueLearner.create { parts with Drawn = drawn } environment workers

    /// What there is to know of it.
    let entry =
        AlgorithmEntry.create
            {
                Id = "iqn"
                Name = "IQN"
                Summary =
                    ("Quantiles of returns at levels drawn at random, from replayed steps; double, dueling "
                     + "(Dabney et al. 2018b).")
                Source =
                    ("Dabney, Ostrovski, Silver and Munos, \"Implicit quantile networks for distributional "
                     + "reinforcement learning\" (2018)")
                Family = AlgorithmFamily.OffPolicy
            }
            IqnOptions.defaults
            IqnOptions.rows
            ValueOptions.small
            IqnOptions.validate
            create
        |> AlgorithmEntry.withActions _.IsDiscrete
        |> AlgorithmEntry.withParameters IqnOptions.ofPairs (fun c observations actions ->
            (ValueNetwork.layout c.Values (network c observations actions)).Count)
