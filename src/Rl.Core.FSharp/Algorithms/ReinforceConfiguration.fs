/// The options of REINFORCE, with their defaults, ranges and names.
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
    | None
    /// The average over the trajectories: of full returns, or of the rewards-to-go at the same step.
    | Average
    /// A network's V(s), fitted to the returns.
    | Learned

/// Options of REINFORCE (Williams 1992).
type ReinforceConfiguration =
    {
        /// Environment steps that training is planned for. ≥ 1.
        TotalSteps: int64
        /// Whole episodes, over all copies, between updates. ≥ 1.
        EpisodesPerUpdate: int
        /// A trajectory is cut after this many steps. ≥ 1.
        MaxTrajectorySteps: int
        Estimate: ReturnEstimate
        Baseline: ReturnBaseline
        /// γ in [0, 1].
        Discount: float
        /// Adam's step size for the policy. > 0.
        LearningRate: float
        /// Adam's step size for a learned baseline. > 0.
        ValueLearningRate: float
        /// Gradient steps of a learned baseline after each update. ≥ 1.
        ValueSteps: int
        /// Subtract the mean of an update's advantages and divide by their standard deviation.
        NormaliseAdvantages: bool
        /// The weight of the entropy bonus. ≥ 0.
        EntropyCoefficient: float
        /// The gradient is scaled down to this norm. > 0.
        MaxGradientNorm: float
        /// Give the networks observations of running mean 0 and variance 1, clipped to ± 10.
        NormaliseObservations: bool
        /// Widths of the hidden layers.
        Hidden: int list
        Activation: Activation
        /// The start of ln σ for continuous actions.
        InitialLogStandardDeviation: float
        /// The units in which the policy acts where actions are numbers.
        ActionScaling: ActionScaling
    }

/// Defaults, checks and texts of the options.
[<RequireQualifiedAccess>]
module ReinforceConfiguration =

    /// Rewards-to-go with a learned baseline.
    let defaults =
        {
            TotalSteps = 300_000L
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
            NormaliseObservations = false
            Hidden = [ 64; 64 ]
            Activation = Activation.Tanh
            InitialLogStandardDeviation = 0.0
            ActionScaling = ActionScaling.Bounds
        }

    /// Fails for the first option that is out of its range, naming it.
    let validate (c: ReinforceConfiguration) =
        if c.TotalSteps < 1L then
            Guard.fail (nameof c.TotalSteps) $"TotalSteps is {c.TotalSteps}; it must be at least 1."

        Guard.positive (nameof c.EpisodesPerUpdate) c.EpisodesPerUpdate
        Guard.positive (nameof c.MaxTrajectorySteps) c.MaxTrajectorySteps
        Guard.inRange (nameof c.Discount) 0.0 1.0 c.Discount
        Guard.positiveNumber (nameof c.LearningRate) c.LearningRate
        Guard.positiveNumber (nameof c.ValueLearningRate) c.ValueLearningRate
        Guard.positive (nameof c.ValueSteps) c.ValueSteps
        Guard.notNegativeNumber (nameof c.EntropyCoefficient) c.EntropyCoefficient
        Guard.positiveNumber (nameof c.MaxGradientNorm) c.MaxGradientNorm
        c.Hidden |> List.iter (Guard.inIntRange (nameof c.Hidden) 1 Settings.WidestLayer)
        Guard.finite (nameof c.InitialLogStandardDeviation) c.InitialLogStandardDeviation

    let private estimates = [ "fullReturn", ReturnEstimate.FullReturn; "rewardToGo", ReturnEstimate.RewardToGo ]

    let private baselines =
        [ "none", ReturnBaseline.None; "average", ReturnBaseline.Average; "learned", ReturnBaseline.Learned ]

    let private nameOf table value = table |> List.find (fun (_, known) -> known = value) |> fst

    let private parse name table (text: string) =
        match table |> List.tryFind (fun (known: string, _) -> known.ToLowerInvariant() = text.ToLowerInvariant()) with
        | Some(_, value) -> value
        | None ->
            let names = System.String.Join(", ", List.map fst table)
            Guard.fail name $"{name} is \"{text}\"; it must be one of {names}."

    /// The options as named texts.
    let toPairs (c: ReinforceConfiguration) : (string * string) list =
        [
            nameof c.TotalSteps, Settings.ofLong c.TotalSteps
            nameof c.EpisodesPerUpdate, Settings.ofInt c.EpisodesPerUpdate
            nameof c.MaxTrajectorySteps, Settings.ofInt c.MaxTrajectorySteps
            nameof c.Estimate, nameOf estimates c.Estimate
            nameof c.Baseline, nameOf baselines c.Baseline
            nameof c.Discount, Settings.ofFloat c.Discount
            nameof c.LearningRate, Settings.ofFloat c.LearningRate
            nameof c.ValueLearningRate, Settings.ofFloat c.ValueLearningRate
            nameof c.ValueSteps, Settings.ofInt c.ValueSteps
            nameof c.NormaliseAdvantages, Settings.ofBool c.NormaliseAdvantages
            nameof c.EntropyCoefficient, Settings.ofFloat c.EntropyCoefficient
            nameof c.MaxGradientNorm, Settings.ofFloat c.MaxGradientNorm
            nameof c.NormaliseObservations, Settings.ofBool c.NormaliseObservations
            nameof c.Hidden, Settings.ofWidths c.Hidden
            nameof c.Activation, Settings.ofActivation c.Activation
            nameof c.InitialLogStandardDeviation, Settings.ofFloat c.InitialLogStandardDeviation
            nameof c.ActionScaling, Settings.ofScaling c.ActionScaling
        ]

    let private setters: (string * (string -> ReinforceConfiguration -> ReinforceConfiguration)) list =
        let d = defaults
        let int name set = name, (fun text c -> set (Settings.toInt name text) c)
        let float name set = name, (fun text c -> set (Settings.toFloat name text) c)
        let bool name set = name, (fun text c -> set (Settings.toBool name text) c)

        [
            nameof d.TotalSteps, (fun text c -> { c with TotalSteps = Settings.toLong (nameof d.TotalSteps) text })
            int (nameof d.EpisodesPerUpdate) (fun v c -> { c with EpisodesPerUpdate = v })
            int (nameof d.MaxTrajectorySteps) (fun v c -> { c with MaxTrajectorySteps = v })
            nameof d.Estimate, (fun text c -> { c with Estimate = parse (nameof d.Estimate) estimates text })
            nameof d.Baseline, (fun text c -> { c with Baseline = parse (nameof d.Baseline) baselines text })
            float (nameof d.Discount) (fun v c -> { c with Discount = v })
            float (nameof d.LearningRate) (fun v c -> { c with LearningRate = v })
            float (nameof d.ValueLearningRate) (fun v c -> { c with ValueLearningRate = v })
            int (nameof d.ValueSteps) (fun v c -> { c with ValueSteps = v })
            bool (nameof d.NormaliseAdvantages) (fun v c -> { c with NormaliseAdvantages = v })
            float (nameof d.EntropyCoefficient) (fun v c -> { c with EntropyCoefficient = v })
            float (nameof d.MaxGradientNorm) (fun v c -> { c with MaxGradientNorm = v })
            bool (nameof d.NormaliseObservations) (fun v c -> { c with NormaliseObservations = v })
            nameof d.Hidden, (fun text c -> { c with Hidden = Settings.toWidths (nameof d.Hidden) text })
            nameof d.Activation,
            (fun text c -> { c with Activation = Settings.toActivation (nameof d.Activation) text })
            float (nameof d.InitialLogStandardDeviation) (fun v c -> { c with InitialLogStandardDeviation = v })
            nameof d.ActionScaling,
            (fun text c -> { c with ActionScaling = Settings.toScaling (nameof d.ActionScaling) text })
        ]

    /// The defaults with the named options replaced; names are matched whatever their case.
    let ofPairs (pairs: (string * string) list) : ReinforceConfiguration = Settings.apply setters pairs defaults
