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

/// What training of a learner of action values is planned for, how it replays, its layers, step size, targets and
/// exploration; see `ValueLearner`.
type ValueOptions =
    {
        Plan: PlanOptions
        OffPolicy: OffPolicyOptions
        Network: NetworkOptions
        Rate: RateOptions
        /// Adam's ε.
        AdamEpsilon: float
        Optimiser: OptimiserOptions
        /// Environment steps between updates of the target network.
        TargetUpdateInterval: int
        /// How far the target network then moves to the other: 1 copies it.
        TargetRate: float
        Exploration: EpsilonGreedyOptions
        /// α: copy i of N acts at random with the probability ε^(1 + α i / (N − 1)) in place of ε, so that each
        /// explores in its own way (Horgan et al. 2018, with ε = 0.4 and α = 7); 0: all alike.
        ExplorationLadder: float
        /// Q is a value of the state plus advantages of mean 0, from one last layer (Wang et al. 2016).
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

/// Defaults, rows and checks.
[<RequireQualifiedAccess>]
module ValueOptions =

    /// An update of 128 transitions for each step and a copy of the network every 250, as RL Baselines3 Zoo has them
    /// for Acrobot and LunarLander, with a learning rate that falls to 0, and ε that falls from 1 to 0.05 over the
    /// first fifth.
    let defaults: ValueOptions =
        {
            Plan = { TotalSteps = 50_000L }
            OffPolicy = { OffPolicyOptions.defaults with GradientSteps = -1 }
            Network = { NetworkOptions.defaults [ 256; 256 ] with Activation = Activation.Relu }
            Rate = { LearningRate = RateSchedule.linear 6.3e-4 0.0 }
            AdamEpsilon = 1e-8
            Optimiser = OptimiserOptions.defaults
            TargetUpdateInterval = 250
            TargetRate = 1.0
            Exploration = { ExplorationRate = RateSchedule.Linear(1.0, 0.05, 0.2) }
            ExplorationLadder = 0.0
            Dueling = false
            MaxGradientNorm = 10.0
            NoisyNetworks = NoisyNetworks.Off
            NoiseDeviation = 0.5
            Convolutions = Convolutions.Automatic
        }

    /// Those of learners of distributions of returns: Adam's ε is 0.01 of a batch.
    let ofDistributions: ValueOptions = { defaults with AdamEpsilon = 7.8125e-5 }

    let private d = defaults

    let private kinds =
        [ "off", NoisyNetworks.Off; "factorised", NoisyNetworks.Factorised; "independent", NoisyNetworks.Independent ]

    let private network rows =
        Options.group (fun (c: ValueOptions) -> c.Network) (fun v c -> { c with Network = v }) rows

    /// Rows of plan, replay, step size, targets and exploration.
    let private learning: OptionRow<ValueOptions> list =
        [
            yield! Options.group _.Plan (fun v (c: ValueOptions) -> { c with Plan = v }) PlanOptions.rows
            yield! Options.group _.OffPolicy (fun v (c: ValueOptions) -> { c with OffPolicy = v }) OffPolicyOptions.rows
            yield! Options.group _.Rate (fun v (c: ValueOptions) -> { c with Rate = v }) RateOptions.rows
            Options.number (nameof d.AdamEpsilon) Range.positive _.AdamEpsilon (fun v c -> { c with AdamEpsilon = v })
            yield! Options.group _.Optimiser (fun v (c: ValueOptions) -> { c with Optimiser = v }) OptimiserOptions.rows
            Options.whole (nameof d.TargetUpdateInterval) (Range.atLeast 1.0) _.TargetUpdateInterval (fun v c ->
                { c with TargetUpdateInterval = v })
            Options.number (nameof d.TargetRate) Range.positiveFraction _.TargetRate (fun v c ->
                { c with TargetRate = v })
            Options.number (nameof d.MaxGradientNorm) Range.notNegative _.MaxGradientNorm (fun v c ->
                { c with MaxGradientNorm = v })
            yield!
                EpsilonGreedyOptions.rows
                |> Options.meaning
                    (nameof d.Exploration.ExplorationRate)
                    "ε, the probability of a random action; noisy networks have none."
                |> Options.group _.Exploration (fun v (c: ValueOptions) -> { c with Exploration = v })
            Options.number (nameof d.ExplorationLadder) Range.notNegative _.ExplorationLadder (fun v c ->
                { c with ExplorationLadder = v })
            Options.flag (nameof d.Dueling) _.Dueling (fun v c -> { c with Dueling = v })
            Options.choice kinds (nameof d.NoisyNetworks) _.NoisyNetworks (fun v c -> { c with NoisyNetworks = v })
            Options.number (nameof d.NoiseDeviation) Range.notNegative _.NoiseDeviation (fun v c ->
                { c with NoiseDeviation = v })
        ]

    /// Rows of what networks see and their layers.
    let private networks: OptionRow<ValueOptions> list =
        [
            yield! network NetworkOptions.normaliseObservations
            yield! network (NetworkOptions.ofOne "of the values of actions" NetworkOptions.layers)
            Options.convolutions (nameof d.Convolutions) _.Convolutions (fun v c -> { c with Convolutions = v })
        ]

    /// A row an option, in the order of files, of options that have these as a field: those of an algorithm alone stand
    /// before those of networks.
    let around
        (get: 'C -> ValueOptions)
        (set: ValueOptions -> 'C -> 'C)
        (own: OptionRow<'C> list)
        : OptionRow<'C> list =
        Options.group get set learning @ own @ Options.group get set networks

    /// Rows of an algorithm whose priorities follow losses in place of errors.
    let prioritisedByLoss (rows: OptionRow<'C> list) : OptionRow<'C> list =
        rows
        |> Options.meaning
            (nameof d.OffPolicy.PriorityExponent)
            ("α: a transition is drawn with a probability proportional to the power α of its loss (prioritised "
             + "replay); 0 draws all alike.")

    /// Fails for options that do not go together.
    let validate (options: ValueOptions) : unit = OffPolicyOptions.validate options.OffPolicy

    /// The options with which tests are quick.
    let internal small: (string * string) list =
        OffPolicyOptions.small @ [ "GradientSteps", "1"; "TargetUpdateInterval", "24" ]
