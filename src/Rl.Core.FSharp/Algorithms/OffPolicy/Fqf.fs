/// FQF: the quantile function of returns at levels that a network of its own proposes for each state, from replayed
/// steps.
namespace Rl.Core.Algorithms

open Rl.Core.Acting
open Rl.Core.Autodiff
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Objectives
open Rl.Core.Optimisers

/// What moves the network that proposes fractions.
[<RequireQualifiedAccess>]
type FractionOptimiser =
    /// RMSprop with averages over 20 gradients (a decay of 0.95) and ε = 10⁻⁵.
    | RmsProp
    /// Adam with PyTorch's constants.
    | Adam

/// Which slope of the Wasserstein distance the bounds of fractions descend.
[<RequireQualifiedAccess>]
type FractionSlope =
    /// That of quantiles in order (`QuantileFractions.slope`).
    | Ordered
    /// That with signs where quantiles cross (`QuantileFractions.signedSlope`).
    | Signed

/// Options of fully parameterised quantile functions (Yang et al. 2019).
type FqfOptions =
    {
        Values: ValueOptions
        /// The online network chooses the next action, whose quantiles the target network gives (van Hasselt et al.
        /// 2016); else the target network does both. The fractions are the online network's.
        Double: bool
        /// N: fractions of [0, 1], in the middle of each of which is the level of a quantile.
        Fractions: int
        /// n: a level τ comes into the network as cos(π i τ), i = 1 … n.
        Cosines: int
        /// Errors up to this cost their square, further ones their size; 0: all their size, and then places are the
        /// quantiles themselves.
        HuberThreshold: float
        /// The step size of the network that proposes fractions.
        FractionLearningRate: RateSchedule
        /// What moves it: RMSprop with a decay of 0.95 and ε of 10⁻⁵, or Adam.
        FractionOptimiser: FractionOptimiser
        /// The slope of the Wasserstein distance that it descends: that of quantiles in order, or that with other signs
        /// where quantiles cross.
        FractionSlope: FractionSlope
        /// The weight of the fractions' entropy, which keeps them from all going to one place; 0 for none.
        FractionEntropy: RateSchedule
    }

/// Defaults, rows, checks and texts.
[<RequireQualifiedAccess>]
module FqfOptions =

    /// IQN's, with 8 fractions, which move slowly beside their quantiles.
    let defaults: FqfOptions =
        {
            Values = ValueOptions.ofDistributions
            Double = false
            Fractions = 8
            Cosines = 64
            HuberThreshold = 1.0
            FractionLearningRate = RateSchedule.linear 2.5e-5 0.0
            FractionOptimiser = FractionOptimiser.RmsProp
            FractionSlope = FractionSlope.Ordered
            FractionEntropy = RateSchedule.Constant 0.001
        }

    let private optimisers = [ "rmsProp", FractionOptimiser.RmsProp; "adam", FractionOptimiser.Adam ]
    let private slopes = [ "ordered", FractionSlope.Ordered; "signed", FractionSlope.Signed ]

    /// A row an option, in the order of files.
    let rows: OptionRow<FqfOptions> list =
        let d = defaults

        [
            Options.flag (nameof d.Double) _.Double (fun v c -> { c with Double = v })
            Options.whole (nameof d.Fractions) (Range.atLeast 2.0) _.Fractions (fun v c -> { c with Fractions = v })
            Options.whole (nameof d.Cosines) (Range.atLeast 1.0) _.Cosines (fun v c -> { c with Cosines = v })
            Options.number (nameof d.HuberThreshold) Range.notNegative _.HuberThreshold (fun v c ->
                { c with HuberThreshold = v })
            Options.rate (nameof d.FractionLearningRate) _.FractionLearningRate (fun v c ->
                { c with FractionLearningRate = v })
            Options.choice optimisers (nameof d.FractionOptimiser) _.FractionOptimiser (fun v c ->
                { c with FractionOptimiser = v })
            Options.choice slopes (nameof d.FractionSlope) _.FractionSlope (fun v c -> { c with FractionSlope = v })
            Options.schedule (nameof d.FractionEntropy) Range.notNegative _.FractionEntropy (fun v c ->
                { c with FractionEntropy = v })
        ]
        |> ValueOptions.around _.Values (fun v (c: FqfOptions) -> { c with Values = v })
        |> OffPolicyOptions.withoutLambda
        |> Options.without [ nameof d.Values.NoisyNetworks; nameof d.Values.NoiseDeviation ]
        |> ValueOptions.prioritisedByLoss
        |> Options.former
            (nameof d.Values.Rate.LearningRate)
            [
                Options.formerFall RateOptions.FormerFall (fun fall c ->
                    { c with
                        Values.Rate.LearningRate = fall c.Values.Rate.LearningRate
                        FractionLearningRate = fall c.FractionLearningRate
                    })
            ]
        |> Options.meaning
            (nameof d.Values.Dueling)
            ("The quantile at a level is that of the state plus advantages of mean 0, from one last layer (Wang et al. "
             + "2016).")
        |> Options.meaning
            (nameof d.Values.Network.Hidden)
            "Widths of the hidden layers before the quantiles; levels come in after the first, with images before it."

    /// Fails for the first option that is out of its range, naming it.
    let validate (c: FqfOptions) : unit =
        NetworkOptions.validate rows defaults c
        ValueOptions.validate c.Values

        if not c.Values.NoisyNetworks.IsOff then
            Guard.fail
                (nameof c.Values.NoisyNetworks)
                "NoisyNetworks is on, and fqf has no noise for its second network; leave it off, or use iqn."

    /// The options as named texts.
    let toPairs (options: FqfOptions) : (string * string) list = Options.toPairs rows options

    /// The defaults with the named options replaced; names are matched whatever their case.
    let ofPairs (pairs: (string * string) list) : FqfOptions = Options.ofPairs rows pairs defaults

/// Fully parameterised quantile functions (Yang, Zhao, Lin, Qin, Bian and Liu, "Fully parameterized quantile function
/// for distributional reinforcement learning", 2019, algorithm 1).
[<RequireQualifiedAccess>]
module Fqf =

    /// The network of a quantile function for each action and of the fractions at whose middles it is taken; it acts by
    /// the largest mean, each quantile weighed by its fraction.
    let network (c: FqfOptions) (observations: Space) (actions: Space) : Actor =
        ImplicitQuantiles.network "fqf" c.Values c.Cosines c.Fractions observations actions
        |> PolicyNetwork.proposedFractions c.Fractions

    let private fractionRate (c: FqfOptions) = Rate.create (nameof c.FractionLearningRate) c.FractionLearningRate
    // The entropy itself is reported as fractionEntropy.
    let private entropy (c: FqfOptions) : Rate = { Name = "fractionEntropyWeight"; Schedule = c.FractionEntropy }

    /// What the proposed fractions descend: Σ τᵢ ∂W₁/∂τᵢ − c H of the quantiles of the actions that were taken.
    let private fractionTerms
        (c: FqfOptions)
        (batch: Batch)
        (fractions: Fractions)
        (atBounds: Expr)
        (atMiddles: Expr)
        : Term list =
        let slope =
            match c.FractionSlope with
            | FractionSlope.Ordered -> QuantileFractions.slope
            | FractionSlope.Signed -> QuantileFractions.signedSlope

        let distance = QuantileFractions.loss (slope atBounds atMiddles) fractions.Bounds

        [
            Term.mean "fractionLoss" 1.0 (distance - Rate.value batch (entropy c) * fractions.Entropy)
            Term.report "fractionEntropy" fractions.Entropy
        ]

    /// What it minimises: mean(w · the quantile regression of Z_τ̂(s, a) on r + γ Z_τ̂′(s′, a*)) for the quantiles, the
    /// Wasserstein distance for the fractions.
    let private loss c (network: Actor) (columns: TransitionColumns) (possible: Column option) (batch: Batch) =
        let struct (online, frozen) = ValueNetwork.parameters c.Values network batch
        let quantiles = ImplicitQuantiles.at c.Values network
        let observations, next = batch[columns.Observations], batch[columns.NextObservations]
        let actions = Expr.squeeze -1 batch[columns.Actions]
        let fractions, following = Actor.fractions network online observations, Actor.fractions network online next
        let middles, nextMiddles = Expr.stopGradient fractions.Middles, Expr.stopGradient following.Middles

        let places =
            quantiles online (Expr.concat -1 [ middles; Expr.stopGradient fractions.Bounds ]) observations
            |> ValueDistributions.chosenLocations actions

        let own = Expr.slice -1 0 c.Fractions places
        let atBounds = Expr.slice -1 c.Fractions (2 * c.Fractions - 1) places
        let ahead = quantiles frozen nextMiddles next
        let chooser = if c.Double then quantiles online nextMiddles next else ahead

        let best =
            Expr.sumOver [| -2 |] (Expr.expandAxis -1 following.Sizes * chooser)
            |> ValueNetwork.possible possible batch
            |> Expr.argMax -1

        let targets = ImplicitQuantiles.targets columns batch best ahead
        let cost = ValueDistributions.quantileRegression c.HuberThreshold own middles targets
        let mean = Expr.sumOver [| -1 |] (fractions.Sizes * own)

        ValueLearner.terms c.Values possible batch cost cost mean
        @ fractionTerms c batch fractions atBounds own

    /// The update for batches of drawn transitions.
    let plan (c: FqfOptions) (network: Actor) (columns: TransitionColumns) (possible: Column option) : UpdatePlan =
        let rate: Schedule =
            match RateSchedule.ratio c.FractionLearningRate c.Values.Rate.LearningRate with
            | ValueSome ratio -> fun count -> ratio * ValueLearner.learningRate count
            | ValueNone -> Rate.stepSize (fractionRate c)

        let optimiser =
            match c.FractionOptimiser with
            | FractionOptimiser.RmsProp -> Optimiser.rmsProp rate 0.95 1e-5 0.0 0.0 false
            | FractionOptimiser.Adam -> Optimiser.adamWith rate 0.9 0.999 1e-8 0.0 false

        loss c network columns possible
        |> ValueLearner.planWith (GroupMotion.Learns("fractionOptimiser", optimiser)) c.Values network

    /// Binds options to environments. `workers` share the work; the results do not depend on their number.
    let create (options: FqfOptions) (environment: BatchEnvironment) (workers: Workers) : Learner =
        FqfOptions.validate options
        let network = network options environment.ObservationSpace environment.ActionSpace

        let parts = ValueLearner.parts "fqf" (FqfOptions.toPairs options) options.Values network (plan options network)
        let rates = [ fractionRate options; entropy options ]
        ValueLearner.create { parts with Rates = rates } environment workers

    /// What there is to know of it.
    let entry =
        AlgorithmEntry.create
            {
                Id = "fqf"
                Name = "FQF"
                Summary =
                    ("Quantiles of returns at levels that a second network proposes for each state, from replayed "
                     + "steps; double, dueling (Yang et al. 2019).")
                Source =
                    ("Yang, Zhao, Lin, Qin, Bian and Liu, \"Fully parameterized quantile function for distributional "
                     + "reinforcement learning\" (2019)")
                Family = AlgorithmFamily.OffPolicy
            }
            FqfOptions.defaults
            FqfOptions.rows
            ValueOptions.small
            FqfOptions.validate
            create
        |> AlgorithmEntry.withActions _.IsDiscrete
        |> AlgorithmEntry.withParameters FqfOptions.ofPairs (fun c observations actions ->
            (ValueNetwork.layout c.Values (network c observations actions)).Count)
