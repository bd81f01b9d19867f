/// The options of the vanilla policy gradient: what they are, their defaults and their ranges.
namespace Rl.Core.Algorithms

open Rl.Core.Foundations
open Rl.Core.Networks

/// Options of the vanilla policy gradient with generalised advantages (Schulman et al. 2016, in the form of OpenAI's
/// Spinning Up, 2018).
type VpgOptions =
    {
        Plan: PlanOptions
        Rollout: OnPolicyOptions
        Network: NetworkOptions
        Exploration: ExplorationOptions
        /// Adam's step size for the policy.
        LearningRate: float
        /// Adam's step size for the value function.
        ValueLearningRate: float
        /// Gradient steps of the value function, each on the whole rollout, after each policy step.
        ValueSteps: int
        /// The weight of the entropy bonus.
        EntropyCoefficient: float
    }

/// Defaults, rows, checks and texts.
[<RequireQualifiedAccess>]
module VpgOptions =

    /// Spinning Up's: 4,000 steps an update (500 of each of 8 copies), 80 value steps, λ = 0.97. Its policy's step of
    /// 3e-4 is meant for millions of steps; this one learns small tasks in a few hundred thousand.
    let defaults =
        {
            Plan = { TotalSteps = 500_000L }
            Rollout = OnPolicyOptions.defaults 500 0.97
            Network = NetworkOptions.defaults [ 64; 64 ]
            Exploration = { InitialLogStandardDeviation = -0.5 }
            LearningRate = 1e-2
            ValueLearningRate = 1e-3
            ValueSteps = 80
            EntropyCoefficient = 0.0
        }

    /// A row an option, in the order of files.
    let rows: OptionRow<VpgOptions> list =
        let d = defaults
        let plan rows = Options.group (fun (c: VpgOptions) -> c.Plan) (fun v c -> { c with Plan = v }) rows
        let rollout rows = Options.group (fun (c: VpgOptions) -> c.Rollout) (fun v c -> { c with Rollout = v }) rows
        let network rows = Options.group (fun (c: VpgOptions) -> c.Network) (fun v c -> { c with Network = v }) rows

        let exploration rows =
            Options.group (fun (c: VpgOptions) -> c.Exploration) (fun v c -> { c with Exploration = v }) rows

        [
            yield! plan PlanOptions.rows
            yield! rollout OnPolicyOptions.steps
            Options.number (nameof d.LearningRate) Range.positive _.LearningRate (fun v c ->
                { c with LearningRate = v })
            Options.number (nameof d.ValueLearningRate) Range.positive _.ValueLearningRate (fun v c ->
                { c with ValueLearningRate = v })
            Options.whole (nameof d.ValueSteps) (Range.atLeast 1.0) _.ValueSteps (fun v c -> { c with ValueSteps = v })
            yield! rollout OnPolicyOptions.credit
            yield! rollout OnPolicyOptions.normaliseAdvantages
            Options.number (nameof d.EntropyCoefficient) Range.notNegative _.EntropyCoefficient (fun v c ->
                { c with EntropyCoefficient = v })
            yield! network NetworkOptions.normaliseObservations
            yield! rollout OnPolicyOptions.normaliseRewards
            yield! network NetworkOptions.layers
            yield! exploration ExplorationOptions.rows
            yield! network NetworkOptions.actionScaling
        ]

    /// Fails for the first option that is out of its range, naming it.
    let validate (options: VpgOptions) = Options.validate rows options

    /// The options as named texts.
    let toPairs (options: VpgOptions) : (string * string) list = Options.toPairs rows options

    /// The defaults with the named options replaced; names are matched whatever their case.
    let ofPairs (pairs: (string * string) list) : VpgOptions = Options.ofPairs rows pairs defaults
