/// Options of batch-constrained Q-learning.
namespace Rl.Core.Algorithms

open Rl.Core.Acting
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks

/// Options of batch-constrained Q-learning (Fujimoto, Meger and Precup 2019).
type BcqOptions =
    {
        Plan: PlanOptions
        Replayed: OffPolicyOptions
        Recorded: RecordedOptions
        Network: NetworkOptions
        /// The perturbation's.
        Rate: RateOptions
        /// Adam's step size α for the critics.
        CriticLearningRate: RateSchedule
        /// Adam's step size α for the generator of actions.
        GeneratorLearningRate: RateSchedule
        /// The number of critics; the first chooses actions.
        Critics: int
        /// The share τ of the online networks in their targets after each step.
        TargetRate: float
        /// Φ: how far a number of an action is moved from what the generator makes, in units of the half-range.
        PerturbationReach: float
        /// Actions that are proposed in a state, of which the best is taken and the best value counts.
        ActionSamples: int
        /// λ: what the least of the critics' values counts beside the largest, which counts 1 − λ.
        LeastShare: float
        /// What the divergence of latent numbers from normal ones counts beside the squared errors of actions.
        DivergenceWeight: float
        /// The standard deviation of the noise on actions in the environment, after OfflineSteps.
        ExplorationDeviation: float
        /// Layers for observations that are images, of each network: those of DQN for Atari for 36 pixels and more,
        /// else those of MinAtar; or layers of your own, or none.
        Convolutions: Convolutions
    }

/// Defaults, rows, checks and texts.
[<RequireQualifiedAccess>]
module BcqOptions =

    /// The paper's, with layers and batches of the other algorithms from recorded steps.
    let defaults: BcqOptions =
        {
            Plan = { TotalSteps = 50_000L }
            Replayed = RecordedOptions.replayed
            Recorded = RecordedOptions.defaults
            Network =
                { NetworkOptions.defaults [ 256; 256 ] with
                    Activation = Activation.Relu
                    NormaliseObservations = true
                }
            Rate = { LearningRate = RateSchedule.Constant 1e-3 }
            CriticLearningRate = RateSchedule.Constant 1e-3
            GeneratorLearningRate = RateSchedule.Constant 1e-3
            Critics = 2
            TargetRate = 0.005
            PerturbationReach = 0.05
            ActionSamples = 10
            LeastShare = 0.75
            DivergenceWeight = 0.5
            ExplorationDeviation = 0.1
            Convolutions = Convolutions.Automatic
        }

    /// A row an option, in the order of files.
    let rows: OptionRow<BcqOptions> list =
        let d = defaults
        let network rows = Options.group (fun (c: BcqOptions) -> c.Network) (fun v c -> { c with Network = v }) rows

        [
            yield! Options.group _.Plan (fun v (c: BcqOptions) -> { c with Plan = v }) RecordedOptions.planRows
            yield!
                Options.group _.Replayed (fun v (c: BcqOptions) -> { c with Replayed = v }) RecordedOptions.replayedRows
            yield! Options.group _.Recorded (fun v (c: BcqOptions) -> { c with Recorded = v }) RecordedOptions.rows
            yield!
                RateOptions.rows
                |> Options.meaning (nameof d.Rate.LearningRate) "Adam's step size α for the perturbation."
                |> Options.group _.Rate (fun v (c: BcqOptions) -> { c with Rate = v })
            Options.rate (nameof d.CriticLearningRate) _.CriticLearningRate (fun v c ->
                { c with CriticLearningRate = v })
            Options.rate (nameof d.GeneratorLearningRate) _.GeneratorLearningRate (fun v c ->
                { c with GeneratorLearningRate = v })
            Options.whole (nameof d.Critics) (Range.within 1.0 100.0) _.Critics (fun v c -> { c with Critics = v })
            Options.number (nameof d.TargetRate) Range.positiveFraction _.TargetRate (fun v c ->
                { c with TargetRate = v })
            Options.number (nameof d.PerturbationReach) (Range.within 0.0 2.0) _.PerturbationReach (fun v c ->
                { c with PerturbationReach = v })
            Options.whole (nameof d.ActionSamples) (Range.within 1.0 1000.0) _.ActionSamples (fun v c ->
                { c with ActionSamples = v })
            Options.number (nameof d.LeastShare) Range.fraction _.LeastShare (fun v c -> { c with LeastShare = v })
            Options.number (nameof d.DivergenceWeight) Range.notNegative _.DivergenceWeight (fun v c ->
                { c with DivergenceWeight = v })
            Options.number (nameof d.ExplorationDeviation) Range.notNegative _.ExplorationDeviation (fun v c ->
                { c with ExplorationDeviation = v })
            yield! network NetworkOptions.normaliseObservations
            yield!
                NetworkOptions.layers
                |> NetworkOptions.ofOne (
                    "of generator and perturbation, and of critics each, which share no parameters; they take actions "
                    + "or latent numbers as a branch after the others, or where the first dense layer comes"
                )
                |> network
            Options.convolutions (nameof d.Convolutions) _.Convolutions (fun v c -> { c with Convolutions = v })
        ]
        |> Options.meaning (nameof d.Network.Hidden) "Widths of the hidden layers of each network."

    let internal perturbationRate (c: BcqOptions) = Rate.create (nameof c.Rate.LearningRate) c.Rate.LearningRate
    let internal criticRate (c: BcqOptions) = Rate.create (nameof c.CriticLearningRate) c.CriticLearningRate

    let internal generatorRate (c: BcqOptions) = Rate.create (nameof c.GeneratorLearningRate) c.GeneratorLearningRate

    /// Fails for the first option that is out of its range, naming it.
    let validate (options: BcqOptions) : unit = NetworkOptions.validate rows defaults options

    /// The options as named texts.
    let toPairs (options: BcqOptions) : (string * string) list = Options.toPairs rows options

    /// The defaults with the named options replaced; names are matched whatever their case.
    let ofPairs (pairs: (string * string) list) : BcqOptions = Options.ofPairs rows pairs defaults
