/// The options of REINFORCE: what they are, their defaults and their ranges.
namespace Rl.Core.Algorithms

open Rl.Core.Foundations
open Rl.Core.Networks

/// What an action is credited with.
[<RequireQualifiedAccess>]
type ReturnEstimate =
    /// The discounted return of its whole trajectory (slide 8).
    | FullReturn
    /// The discounted rewards from its own step on: what came before does not depend on it.
    | RewardToGo

/// What is subtracted from the credit to lower its variance (slide 14).
[<RequireQualifiedAccess>]
type ReturnBaseline =
    /// Nothing.
    | None
    /// The average over the trajectories: of full returns, or of the rewards-to-go at the same step.
    | Average
    /// A network's V(s), fitted to the returns.
    | Learned

[<RequireQualifiedAccess>]
module internal ReturnEstimate =
    let names = [ "fullReturn", ReturnEstimate.FullReturn; "rewardToGo", ReturnEstimate.RewardToGo ]

[<RequireQualifiedAccess>]
module internal ReturnBaseline =
    let names = [ "none", ReturnBaseline.None; "average", ReturnBaseline.Average; "learned", ReturnBaseline.Learned ]

/// Options of REINFORCE (Williams 1992).
type ReinforceOptions =
    {
        Plan: PlanOptions
        Network: NetworkOptions
        Exploration: ExplorationOptions
        /// Whole episodes, over all copies, between updates.
        EpisodesPerUpdate: int
        /// A trajectory is cut after this many steps.
        MaxTrajectorySteps: int
        /// What an action is credited with.
        Estimate: ReturnEstimate
        /// What is subtracted from the credit.
        Baseline: ReturnBaseline
        /// The discount γ.
        Discount: float
        /// Adam's step size for the policy.
        LearningRate: float
        /// Adam's step size for a learned baseline.
        ValueLearningRate: float
        /// Gradient steps of a learned baseline after each update.
        ValueSteps: int
        /// Subtract the mean of an update's advantages and divide by their standard deviation.
        NormaliseAdvantages: bool
        /// The weight of the entropy bonus.
        EntropyCoefficient: float
        /// The gradient is scaled down to this norm.
        MaxGradientNorm: float
    }

/// Defaults, rows, checks and texts.
[<RequireQualifiedAccess>]
module ReinforceOptions =

    /// Rewards-to-go with a learned baseline.
    let defaults =
        {
            Plan = { TotalSteps = 300_000L }
            Network = NetworkOptions.defaults [ 64; 64 ]
            Exploration = { InitialLogStandardDeviation = 0.0 }
            EpisodesPerUpdate = 16
            MaxTrajectorySteps = 10_000
            Estimate = ReturnEstimate.RewardToGo
            Baseline = ReturnBaseline.Learned
            Discount = 0.99
            LearningRate = 3e-3
            ValueLearningRate = 3e-3
            ValueSteps = 20
            NormaliseAdvantages = true
            EntropyCoefficient = 0.0
            MaxGradientNorm = 0.5
        }

    /// A row an option, in the order of files.
    let rows: OptionRow<ReinforceOptions> list =
        let d = defaults
        let plan rows = Options.group (fun (c: ReinforceOptions) -> c.Plan) (fun v c -> { c with Plan = v }) rows

        let network rows =
            Options.group (fun (c: ReinforceOptions) -> c.Network) (fun v c -> { c with Network = v }) rows

        let exploration rows =
            Options.group (fun (c: ReinforceOptions) -> c.Exploration) (fun v c -> { c with Exploration = v }) rows

        [
            yield! plan PlanOptions.rows
            Options.whole (nameof d.EpisodesPerUpdate) (Range.atLeast 1.0) _.EpisodesPerUpdate (fun v c ->
                { c with EpisodesPerUpdate = v })
            Options.whole (nameof d.MaxTrajectorySteps) (Range.atLeast 1.0) _.MaxTrajectorySteps (fun v c ->
                { c with MaxTrajectorySteps = v })
            Options.choice ReturnEstimate.names (nameof d.Estimate) _.Estimate (fun v c -> { c with Estimate = v })
            Options.choice ReturnBaseline.names (nameof d.Baseline) _.Baseline (fun v c -> { c with Baseline = v })
            Options.number (nameof d.Discount) Range.fraction _.Discount (fun v c -> { c with Discount = v })
            Options.number (nameof d.LearningRate) Range.positive _.LearningRate (fun v c ->
                { c with LearningRate = v })
            Options.number (nameof d.ValueLearningRate) Range.positive _.ValueLearningRate (fun v c ->
                { c with ValueLearningRate = v })
            Options.whole (nameof d.ValueSteps) (Range.atLeast 1.0) _.ValueSteps (fun v c -> { c with ValueSteps = v })
            Options.flag (nameof d.NormaliseAdvantages) _.NormaliseAdvantages (fun v c ->
                { c with NormaliseAdvantages = v })
            Options.number (nameof d.EntropyCoefficient) Range.notNegative _.EntropyCoefficient (fun v c ->
                { c with EntropyCoefficient = v })
            Options.number (nameof d.MaxGradientNorm) Range.positive _.MaxGradientNorm (fun v c ->
                { c with MaxGradientNorm = v })
            yield! network NetworkOptions.normaliseObservations
            yield!
                network NetworkOptions.layers
                |> Options.meaning (nameof d.Network.Hidden) "Widths of the hidden layers."
            yield! exploration ExplorationOptions.rows
            yield! network NetworkOptions.actionScaling
        ]

    /// Fails for the first option that is out of its range, naming it.
    let validate (options: ReinforceOptions) = Options.validate rows options

    /// The options as named texts.
    let toPairs (options: ReinforceOptions) : (string * string) list = Options.toPairs rows options

    /// The defaults with the named options replaced; names are matched whatever their case.
    let ofPairs (pairs: (string * string) list) : ReinforceOptions = Options.ofPairs rows pairs defaults
