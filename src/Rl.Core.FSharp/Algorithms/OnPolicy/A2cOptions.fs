/// The options of advantage actor-critic: what they are, their defaults and their ranges.
namespace Rl.Core.Algorithms

open Rl.Core.Foundations
open Rl.Core.Networks

/// Options of synchronous advantage actor-critic (Mnih et al. 2016).
type A2cOptions =
    {
        Plan: PlanOptions
        Rollout: OnPolicyOptions
        Network: NetworkOptions
        Exploration: ExplorationOptions
        Rate: RateOptions
        /// RMSprop's decay of the average of squared gradients.
        RmsDecay: float
        /// RMSprop's ε.
        RmsEpsilon: float
        /// Divide by √(v + ε) with v starting at 1, as TensorFlow's RMSprop, instead of by √v + ε.
        EpsilonInsideRoot: bool
        /// The weight of the entropy bonus.
        EntropyCoefficient: float
        /// The weight of ½ (V − R)²; 1 is Stable Baselines3's 0.5 on the whole square.
        ValueCoefficient: float
        /// The gradient is scaled down to this norm.
        MaxGradientNorm: float
    }

/// Defaults, rows, checks and texts.
[<RequireQualifiedAccess>]
module A2cOptions =

    /// Stable Baselines3's, with 8 copies as its zoo has them: rollouts of 5 steps, λ = 1, RMSprop of PyTorch's kind
    /// with ε = 10⁻⁵.
    let defaults =
        {
            Plan = { TotalSteps = 500_000L }
            Rollout = { OnPolicyOptions.defaults 5 1.0 with NormaliseAdvantages = false }
            Network = NetworkOptions.defaults [ 64; 64 ]
            Exploration = { InitialLogStandardDeviation = 0.0 }
            Rate = { LearningRate = 7e-4; AnnealLearningRate = false }
            RmsDecay = 0.99
            RmsEpsilon = 1e-5
            EpsilonInsideRoot = false
            EntropyCoefficient = 0.0
            ValueCoefficient = 1.0
            MaxGradientNorm = 0.5
        }

    /// A row an option, in the order of files.
    let rows: OptionRow<A2cOptions> list =
        let d = defaults
        let plan rows = Options.group (fun (c: A2cOptions) -> c.Plan) (fun v c -> { c with Plan = v }) rows
        let rollout rows = Options.group (fun (c: A2cOptions) -> c.Rollout) (fun v c -> { c with Rollout = v }) rows
        let network rows = Options.group (fun (c: A2cOptions) -> c.Network) (fun v c -> { c with Network = v }) rows

        let exploration rows =
            Options.group (fun (c: A2cOptions) -> c.Exploration) (fun v c -> { c with Exploration = v }) rows

        let rate rows = Options.group (fun (c: A2cOptions) -> c.Rate) (fun v c -> { c with Rate = v }) rows

        [
            yield! plan PlanOptions.rows
            yield! rollout OnPolicyOptions.steps
            yield! rate RateOptions.rows |> Options.meaning (nameof d.Rate.LearningRate) "RMSprop's step size."
            Options.number (nameof d.RmsDecay) Range.belowOne _.RmsDecay (fun v c -> { c with RmsDecay = v })
            Options.number (nameof d.RmsEpsilon) Range.positive _.RmsEpsilon (fun v c -> { c with RmsEpsilon = v })
            Options.flag (nameof d.EpsilonInsideRoot) _.EpsilonInsideRoot (fun v c -> { c with EpsilonInsideRoot = v })
            yield! rollout OnPolicyOptions.credit
            yield! rollout OnPolicyOptions.normaliseAdvantages
            Options.number (nameof d.EntropyCoefficient) Range.notNegative _.EntropyCoefficient (fun v c ->
                { c with EntropyCoefficient = v })
            Options.number (nameof d.ValueCoefficient) Range.notNegative _.ValueCoefficient (fun v c ->
                { c with ValueCoefficient = v })
            Options.number (nameof d.MaxGradientNorm) Range.positive _.MaxGradientNorm (fun v c ->
                { c with MaxGradientNorm = v })
            yield! network NetworkOptions.normaliseObservations
            yield! rollout OnPolicyOptions.normaliseRewards
            yield! network NetworkOptions.layers
            yield! exploration ExplorationOptions.rows
            yield! network NetworkOptions.actionScaling
        ]

    /// Fails for the first option that is out of its range, naming it.
    let validate (options: A2cOptions) = Options.validate rows options

    /// The options as named texts.
    let toPairs (options: A2cOptions) : (string * string) list = Options.toPairs rows options

    /// The defaults with the named options replaced; names are matched whatever their case.
    let ofPairs (pairs: (string * string) list) : A2cOptions = Options.ofPairs rows pairs defaults
