/// Options that learners of action values from replayed steps share.
namespace Rl.Core.Algorithms

open Rl.Core.Acting
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks

/// Which noise the weights of dense layers share, by which actions are then explored.
[<RequireQualifiedAccess>]
type NoisyNetworks =
    /// None: actions are random with probability ε.
    | Off
    /// A standard normal number for each input and each output of a layer (`ParameterNoise.Factorised`).
    | Factorised
    /// One for each weight (`ParameterNoise.Independent`).
    | Independent

/// How action values are learned and explored by; see `ValueLearner`.
type ValueOptions =
    {
        /// Adam's ε.
        AdamEpsilon: float
        Optimiser: OptimiserOptions
        /// Environment steps between updates of the target network.
        TargetUpdateInterval: int
        /// How far the target network then moves to the other: 1 copies it.
        TargetRate: float
        /// ε, the probability of a random action, at the first step; noisy networks have none.
        InitialExploration: float
        /// ε from the end of its fall on.
        FinalExploration: float
        /// ε falls in a straight line over this part of `TotalSteps`.
        ExplorationFraction: float
        /// What is learned of an action is something of the state plus advantages of mean 0, from one last layer (Wang
        /// et al. 2016).
        Dueling: bool
        /// The gradient is scaled down to this norm; 0 for no bound.
        MaxGradientNorm: float
        /// Dense layers have learnt noise, new for each update and after it for acting, in place of random actions;
        /// agents predict and are evaluated without it (Fortunato et al. 2018).
        NoisyNetworks: NoisyNetworks
        /// σ₀: the deviations of noisy networks start at σ₀/√inputs.
        NoiseDeviation: float
        /// Layers for observations that are images: those of DQN for Atari for 36 pixels and more, else those of
        /// MinAtar; or layers of your own, or none.
        Convolutions: Convolutions
    }

/// Defaults and rows.
[<RequireQualifiedAccess>]
module ValueOptions =

    /// A copy of the network every 250 steps, and ε that falls from 1 to 0.05 over the first fifth.
    let defaults: ValueOptions =
        {
            AdamEpsilon = 1e-8
            Optimiser = OptimiserOptions.defaults
            TargetUpdateInterval = 250
            TargetRate = 1.0
            InitialExploration = 1.0
            FinalExploration = 0.05
            ExplorationFraction = 0.2
            Dueling = false
            MaxGradientNorm = 10.0
            NoisyNetworks = NoisyNetworks.Off
            NoiseDeviation = 0.5
            Convolutions = Convolutions.Automatic
        }

    let private d = defaults

    /// The rows of updates and targets.
    let learning: OptionRow<ValueOptions> list =
        [
            Options.number (nameof d.AdamEpsilon) Range.positive _.AdamEpsilon (fun v c -> { c with AdamEpsilon = v })
            yield! Options.group _.Optimiser (fun v c -> { c with Optimiser = v }) OptimiserOptions.rows
            Options.whole (nameof d.TargetUpdateInterval) (Range.atLeast 1.0) _.TargetUpdateInterval (fun v c ->
                { c with TargetUpdateInterval = v })
            Options.number (nameof d.TargetRate) Range.positiveFraction _.TargetRate (fun v c ->
                { c with TargetRate = v })
            Options.number (nameof d.MaxGradientNorm) Range.notNegative _.MaxGradientNorm (fun v c ->
                { c with MaxGradientNorm = v })
        ]

    let private exploration: OptionRow<ValueOptions> list =
        [
            Options.number (nameof d.InitialExploration) Range.fraction _.InitialExploration (fun v c ->
                { c with InitialExploration = v })
            Options.number (nameof d.FinalExploration) Range.fraction _.FinalExploration (fun v c ->
                { c with FinalExploration = v })
            Options.number (nameof d.ExplorationFraction) Range.fraction _.ExplorationFraction (fun v c ->
                { c with ExplorationFraction = v })
        ]

    let private kinds =
        [ "off", NoisyNetworks.Off; "factorised", NoisyNetworks.Factorised; "independent", NoisyNetworks.Independent ]

    /// The rows of noisy networks.
    let noise: OptionRow<ValueOptions> list =
        [
            Options.choice kinds (nameof d.NoisyNetworks) _.NoisyNetworks (fun v c -> { c with NoisyNetworks = v })
            Options.number (nameof d.NoiseDeviation) Range.notNegative _.NoiseDeviation (fun v c ->
                { c with NoiseDeviation = v })
        ]

    /// A row an option but the layers, in the order of files.
    let rows: OptionRow<ValueOptions> list =
        [
            yield! learning
            yield! exploration
            Options.flag (nameof d.Dueling) _.Dueling (fun v c -> { c with Dueling = v })
            yield! noise
        ]

    /// The row of the layers for images.
    let layers: OptionRow<ValueOptions> list =
        [ Options.convolutions (nameof d.Convolutions) _.Convolutions (fun v c -> { c with Convolutions = v }) ]

    /// An update of 128 transitions for each step.
    let replayed: OffPolicyOptions = { OffPolicyOptions.defaults with GradientSteps = -1 }

    /// Two layers of 256.
    let network: NetworkOptions = { NetworkOptions.defaults [ 256; 256 ] with Activation = Activation.Relu }

    /// The options with which tests are quick.
    let internal small: (string * string) list =
        OffPolicyOptions.small @ [ "GradientSteps", "1"; "TargetUpdateInterval", "24" ]
