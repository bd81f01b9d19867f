/// The options of phasic policy gradient: what they are, their defaults and their ranges.
namespace Rl.Core.Algorithms

open Rl.Core.Foundations
open Rl.Core.Networks

/// Options of phasic policy gradient (Cobbe et al. 2021).
type PpgOptions =
    {
        Plan: PlanOptions
        Rollout: OnPolicyOptions
        Network: NetworkOptions
        Exploration: ExplorationOptions
        /// N_π: rollouts of a policy phase, between two auxiliary phases.
        PolicyRollouts: int
        /// E_π: passes of the policy over each rollout.
        PolicyEpochs: int
        /// E_V: passes of the value function over each rollout.
        ValueEpochs: int
        /// E_aux: passes of an auxiliary phase over all rollouts of the phase.
        AuxiliaryEpochs: int
        /// β_clone: the weight of KL(π_old ‖ π) in auxiliary phases.
        CloneCoefficient: float
        /// Samples of a gradient step; rollouts are cut into minibatches of this size or a little less.
        MinibatchSize: int
        /// Adam's step size.
        LearningRate: float
        /// Adam's ε.
        AdamEpsilon: float
        /// The surrogate's ε: ratios are clipped to [1 − ε, 1 + ε].
        ClipRange: float
        /// The weight of the entropy bonus.
        EntropyCoefficient: float
        /// The gradient is scaled down to this norm.
        MaxGradientNorm: float
    }

/// Defaults, rows, checks and texts.
[<RequireQualifiedAccess>]
module PpgOptions =

    /// The paper's with less of everything, for small tasks: 4 rollouts of 128 steps of each copy a phase instead of 32
    /// of 256, γ = 0.99 instead of 0.999, no entropy bonus. Rewards are normalised as there: β weighs divergences
    /// against value errors of order 1.
    let defaults =
        {
            Plan = { TotalSteps = 100_000L }
            Rollout = { OnPolicyOptions.defaults 128 0.95 with NormaliseRewards = true }
            Network = NetworkOptions.defaults [ 64; 64 ]
            Exploration = { InitialLogStandardDeviation = 0.0 }
            PolicyRollouts = 4
            PolicyEpochs = 4
            ValueEpochs = 4
            AuxiliaryEpochs = 6
            CloneCoefficient = 1.0
            MinibatchSize = 256
            LearningRate = 1e-3
            AdamEpsilon = 1e-5
            ClipRange = 0.2
            EntropyCoefficient = 0.0
            MaxGradientNorm = 0.5
        }

    /// A row an option, in the order of files.
    let rows: OptionRow<PpgOptions> list =
        let d = defaults
        let plan rows = Options.group (fun (c: PpgOptions) -> c.Plan) (fun v c -> { c with Plan = v }) rows
        let rollout rows = Options.group (fun (c: PpgOptions) -> c.Rollout) (fun v c -> { c with Rollout = v }) rows
        let network rows = Options.group (fun (c: PpgOptions) -> c.Network) (fun v c -> { c with Network = v }) rows

        let exploration rows =
            Options.group (fun (c: PpgOptions) -> c.Exploration) (fun v c -> { c with Exploration = v }) rows

        [
            yield! plan PlanOptions.rows
            yield! rollout OnPolicyOptions.steps
            Options.whole (nameof d.PolicyRollouts) (Range.atLeast 1.0) _.PolicyRollouts (fun v c ->
                { c with PolicyRollouts = v })
            Options.whole (nameof d.PolicyEpochs) (Range.atLeast 1.0) _.PolicyEpochs (fun v c ->
                { c with PolicyEpochs = v })
            Options.whole (nameof d.ValueEpochs) (Range.atLeast 1.0) _.ValueEpochs (fun v c ->
                { c with ValueEpochs = v })
            Options.whole (nameof d.AuxiliaryEpochs) (Range.atLeast 1.0) _.AuxiliaryEpochs (fun v c ->
                { c with AuxiliaryEpochs = v })
            Options.number (nameof d.CloneCoefficient) Range.notNegative _.CloneCoefficient (fun v c ->
                { c with CloneCoefficient = v })
            Options.whole (nameof d.MinibatchSize) (Range.atLeast 2.0) _.MinibatchSize (fun v c ->
                { c with MinibatchSize = v })
            Options.number (nameof d.LearningRate) Range.positive _.LearningRate (fun v c ->
                { c with LearningRate = v })
            Options.number (nameof d.AdamEpsilon) Range.positive _.AdamEpsilon (fun v c -> { c with AdamEpsilon = v })
            Options.number (nameof d.ClipRange) Range.positive _.ClipRange (fun v c -> { c with ClipRange = v })
            yield! rollout OnPolicyOptions.credit
            yield! rollout OnPolicyOptions.normaliseAdvantages
            Options.number (nameof d.EntropyCoefficient) Range.notNegative _.EntropyCoefficient (fun v c ->
                { c with EntropyCoefficient = v })
            Options.number (nameof d.MaxGradientNorm) Range.positive _.MaxGradientNorm (fun v c ->
                { c with MaxGradientNorm = v })
            yield! network NetworkOptions.normaliseObservations
            yield! rollout OnPolicyOptions.normaliseRewards
            yield!
                network NetworkOptions.layers
                |> Options.meaning
                    (nameof d.Network.Hidden)
                    "Widths of the hidden layers of actor and critic; at least one, whose features the auxiliary phase trains."
            yield! exploration ExplorationOptions.rows
            yield! network NetworkOptions.actionScaling
        ]

    /// Fails for the first option that is out of its range, naming it.
    let validate (c: PpgOptions) =
        Options.validate rows c

        if c.Network.Hidden.IsEmpty then
            Guard.fail
                (nameof c.Network.Hidden)
                "Hidden is empty; the auxiliary phase needs at least one hidden layer to train."

    /// The options as named texts.
    let toPairs (options: PpgOptions) : (string * string) list = Options.toPairs rows options

    /// The defaults with the named options replaced; names are matched whatever their case.
    let ofPairs (pairs: (string * string) list) : PpgOptions = Options.ofPairs rows pairs defaults
