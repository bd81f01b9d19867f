/// Options of Q-learning with a bounded discrepancy from the data.
namespace Rl.Core.Algorithms

open Rl.Core.Acting
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks

/// By what samples of two policies are compared.
[<RequireQualifiedAccess>]
type DiscrepancyKernel =
    /// exp(−|x − y| / 2σ), the sum over the numbers of actions.
    | Laplacian
    /// exp(−|x − y|² / 2σ).
    | Gaussian

/// Options of BEAR (Kumar et al. 2019).
type BearOptions =
    {
        Plan: PlanOptions
        Replayed: OffPolicyOptions
        Recorded: RecordedOptions
        Network: NetworkOptions
        /// The actor's.
        Rate: RateOptions
        /// Adam's step size α for the critics.
        CriticLearningRate: RateSchedule
        /// Adam's step size α for the generator of actions.
        GeneratorLearningRate: RateSchedule
        /// Adam's step size α for the logarithm of the weight that keeps the discrepancy at its bound.
        MultiplierLearningRate: RateSchedule
        /// The number of critics, of which the actor follows the least.
        Critics: int
        /// The share τ of the online networks in their targets after each step.
        TargetRate: float
        /// Actions of the policy at s′, of which the best value counts.
        ActionSamples: int
        /// λ: what the least of the critics' values at s′ counts beside the largest, which counts 1 − λ.
        LeastShare: float
        /// Actions of the policy, and of the generator, that are compared in a state.
        DiscrepancySamples: int
        /// By what they are compared.
        Kernel: DiscrepancyKernel
        /// σ of the kernel.
        KernelDeviation: float
        /// ε: the discrepancy that is allowed.
        DiscrepancyBound: float
        /// What the discrepancy counts beside values at first.
        InitialMultiplier: float
        /// What values count beside the discrepancy; 0 at first lets the policy come near the data.
        ValueWeight: RateSchedule
        /// What the divergence of latent numbers from normal ones counts beside the squared errors of actions.
        DivergenceWeight: float
        /// The least ln σ of the policy.
        LeastLogDeviation: float
        /// The largest ln σ of the policy.
        LargestLogDeviation: float
        /// Layers for observations that are images, of each network: those of DQN for Atari for 36 pixels and more,
        /// else those of MinAtar; or layers of your own, or none.
        Convolutions: Convolutions
    }

/// Defaults, rows, checks and texts.
[<RequireQualifiedAccess>]
module BearOptions =

    /// The paper's ε, with Gaussian kernels of σ = 20 as the authors have them.
    let defaults: BearOptions =
        {
            Plan = { TotalSteps = 50_000L }
            Replayed = RecordedOptions.replayed
            Recorded = RecordedOptions.defaults
            Network =
                { NetworkOptions.defaults [ 256; 256 ] with
                    Activation = Activation.Relu
                    NormaliseObservations = true
                }
            Rate = { LearningRate = RateSchedule.Constant 1e-4 }
            CriticLearningRate = RateSchedule.Constant 3e-4
            GeneratorLearningRate = RateSchedule.Constant 3e-4
            MultiplierLearningRate = RateSchedule.Constant 1e-3
            Critics = 2
            TargetRate = 0.005
            ActionSamples = 10
            LeastShare = 0.75
            DiscrepancySamples = 4
            Kernel = DiscrepancyKernel.Gaussian
            KernelDeviation = 20.0
            DiscrepancyBound = 0.05
            InitialMultiplier = 1.0
            ValueWeight = RateSchedule.Constant 1.0
            DivergenceWeight = 0.5
            LeastLogDeviation = -5.0
            LargestLogDeviation = 2.0
            Convolutions = Convolutions.Automatic
        }

    let private kernels = [ "laplacian", DiscrepancyKernel.Laplacian; "gaussian", DiscrepancyKernel.Gaussian ]

    /// A row an option, in the order of files.
    let rows: OptionRow<BearOptions> list =
        let d = defaults
        let network rows = Options.group (fun (c: BearOptions) -> c.Network) (fun v c -> { c with Network = v }) rows

        [
            yield! Options.group _.Plan (fun v (c: BearOptions) -> { c with Plan = v }) RecordedOptions.planRows
            yield!
                Options.group
                    _.Replayed
                    (fun v (c: BearOptions) -> { c with Replayed = v })
                    RecordedOptions.replayedRows
            yield! Options.group _.Recorded (fun v (c: BearOptions) -> { c with Recorded = v }) RecordedOptions.rows
            yield! Options.group _.Rate (fun v (c: BearOptions) -> { c with Rate = v }) ActorCritics.rateRows
            Options.rate (nameof d.CriticLearningRate) _.CriticLearningRate (fun v c ->
                { c with CriticLearningRate = v })
            Options.rate (nameof d.GeneratorLearningRate) _.GeneratorLearningRate (fun v c ->
                { c with GeneratorLearningRate = v })
            Options.rate (nameof d.MultiplierLearningRate) _.MultiplierLearningRate (fun v c ->
                { c with MultiplierLearningRate = v })
            Options.whole (nameof d.Critics) (Range.within 1.0 100.0) _.Critics (fun v c -> { c with Critics = v })
            Options.number (nameof d.TargetRate) Range.positiveFraction _.TargetRate (fun v c ->
                { c with TargetRate = v })
            Options.whole (nameof d.ActionSamples) (Range.within 1.0 1000.0) _.ActionSamples (fun v c ->
                { c with ActionSamples = v })
            Options.number (nameof d.LeastShare) Range.fraction _.LeastShare (fun v c -> { c with LeastShare = v })
            Options.whole (nameof d.DiscrepancySamples) (Range.within 1.0 100.0) _.DiscrepancySamples (fun v c ->
                { c with DiscrepancySamples = v })
            Options.choice kernels (nameof d.Kernel) _.Kernel (fun v c -> { c with Kernel = v })
            Options.number (nameof d.KernelDeviation) Range.positive _.KernelDeviation (fun v c ->
                { c with KernelDeviation = v })
            Options.number (nameof d.DiscrepancyBound) Range.notNegative _.DiscrepancyBound (fun v c ->
                { c with DiscrepancyBound = v })
            Options.number (nameof d.InitialMultiplier) Range.positive _.InitialMultiplier (fun v c ->
                { c with InitialMultiplier = v })
            Options.schedule (nameof d.ValueWeight) Range.notNegative _.ValueWeight (fun v c ->
                { c with ValueWeight = v })
            Options.number (nameof d.DivergenceWeight) Range.notNegative _.DivergenceWeight (fun v c ->
                { c with DivergenceWeight = v })
            Options.number (nameof d.LeastLogDeviation) Range.finite _.LeastLogDeviation (fun v c ->
                { c with LeastLogDeviation = v })
            Options.number (nameof d.LargestLogDeviation) Range.finite _.LargestLogDeviation (fun v c ->
                { c with LargestLogDeviation = v })
            yield! network NetworkOptions.normaliseObservations
            yield!
                NetworkOptions.layers
                |> NetworkOptions.ofOne (
                    "of actor and generator, and of critics each, which share no parameters; critics and generator "
                    + "take actions or latent numbers as a branch after the others, or where the first dense layer "
                    + "comes"
                )
                |> network
            Options.convolutions (nameof d.Convolutions) _.Convolutions (fun v c -> { c with Convolutions = v })
        ]
        |> Options.meaning (nameof d.Network.Hidden) "Widths of the hidden layers of each network."

    let internal actorRate (c: BearOptions) = Rate.create (nameof c.Rate.LearningRate) c.Rate.LearningRate
    let internal criticRate (c: BearOptions) = Rate.create (nameof c.CriticLearningRate) c.CriticLearningRate

    let internal generatorRate (c: BearOptions) = Rate.create (nameof c.GeneratorLearningRate) c.GeneratorLearningRate

    let internal multiplierRate (c: BearOptions) =
        Rate.create (nameof c.MultiplierLearningRate) c.MultiplierLearningRate

    let internal valueWeight (c: BearOptions) = Rate.create (nameof c.ValueWeight) c.ValueWeight

    /// Fails for the first option that is out of its range, naming it.
    let validate (options: BearOptions) : unit =
        NetworkOptions.validate rows defaults options

        if not (options.LeastLogDeviation < options.LargestLogDeviation) then
            Guard.fail
                (nameof options.LeastLogDeviation)
                ($"LeastLogDeviation is {options.LeastLogDeviation} and LargestLogDeviation "
                 + $"{options.LargestLogDeviation}; the first must be less.")

    /// The options as named texts.
    let toPairs (options: BearOptions) : (string * string) list = Options.toPairs rows options

    /// The defaults with the named options replaced; names are matched whatever their case.
    let ofPairs (pairs: (string * string) list) : BearOptions = Options.ofPairs rows pairs defaults
