/// The options of the natural policy gradient: what they are, their defaults and their ranges.
namespace Rl.Core.Algorithms

open Rl.Core.Foundations
open Rl.Core.Networks

/// Options of the natural policy gradient (Kakade 2001).
type NpgOptions =
    {
        Plan: PlanOptions
        Rollout: OnPolicyOptions
        Network: NetworkOptions
        Exploration: ExplorationOptions
        Solver: ConjugateGradientOptions
        ValueFit: ValueFitOptions
        /// δ: the divergence of a step by its quadratic model, from which the step's length follows.
        TargetKl: float
        /// α of θ ← θ + α F⁻¹∇J as Kakade has it; 0 for the length that δ gives.
        LearningRate: float
    }

/// Defaults, rows, checks and texts.
[<RequireQualifiedAccess>]
module NpgOptions =

    /// Those of TRPO in Stable Baselines3's contributions, without its line search.
    let defaults =
        {
            Plan = { TotalSteps = 100_000L }
            Rollout = OnPolicyOptions.defaults 256 0.95
            Network = NetworkOptions.defaults [ 64; 64 ]
            Exploration = { InitialLogStandardDeviation = 0.0 }
            Solver = { CgSteps = 15; CgDamping = 0.1 }
            ValueFit = { ValueEpochs = 10; ValueMinibatchSize = 128; ValueLearningRate = 1e-3 }
            TargetKl = 0.01
            LearningRate = 0.0
        }

    /// A row an option, in the order of files.
    let rows: OptionRow<NpgOptions> list =
        let d = defaults
        let plan rows = Options.group (fun (c: NpgOptions) -> c.Plan) (fun v c -> { c with Plan = v }) rows
        let rollout rows = Options.group (fun (c: NpgOptions) -> c.Rollout) (fun v c -> { c with Rollout = v }) rows
        let network rows = Options.group (fun (c: NpgOptions) -> c.Network) (fun v c -> { c with Network = v }) rows

        let exploration rows =
            Options.group (fun (c: NpgOptions) -> c.Exploration) (fun v c -> { c with Exploration = v }) rows

        let solver rows = Options.group (fun (c: NpgOptions) -> c.Solver) (fun v c -> { c with Solver = v }) rows
        let valueFit rows = Options.group (fun (c: NpgOptions) -> c.ValueFit) (fun v c -> { c with ValueFit = v }) rows

        [
            yield! plan PlanOptions.rows
            yield! rollout OnPolicyOptions.steps
            Options.number (nameof d.TargetKl) Range.positive _.TargetKl (fun v c -> { c with TargetKl = v })
            yield! solver ConjugateGradientOptions.rows
            Options.number (nameof d.LearningRate) Range.notNegative _.LearningRate (fun v c ->
                { c with LearningRate = v })
            yield! valueFit ValueFitOptions.rows
            yield! rollout OnPolicyOptions.credit
            yield! rollout OnPolicyOptions.normaliseAdvantages
            yield! network NetworkOptions.normaliseObservations
            yield! rollout OnPolicyOptions.normaliseRewards
            yield! network NetworkOptions.layers
            yield! exploration ExplorationOptions.rows
            yield! network NetworkOptions.actionScaling
        ]

    /// Fails for the first option that is out of its range, naming it.
    let validate (options: NpgOptions) = Options.validate rows options

    /// The options as named texts.
    let toPairs (options: NpgOptions) : (string * string) list = Options.toPairs rows options

    /// The defaults with the named options replaced; names are matched whatever their case.
    let ofPairs (pairs: (string * string) list) : NpgOptions = Options.ofPairs rows pairs defaults
