/// Advantage actor-critic: a few steps in several copies, then one joint step of actor and critic.
namespace Rl.Core.Algorithms

open Rl.Core.Acting
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Objectives
open Rl.Core.Optimisers

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
        EntropyCoefficient: RateSchedule
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
            Rate = { LearningRate = RateSchedule.Constant 7e-4 }
            RmsDecay = 0.99
            RmsEpsilon = 1e-5
            EpsilonInsideRoot = false
            EntropyCoefficient = RateSchedule.Constant 0.0
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
            Options.schedule (nameof d.EntropyCoefficient) Range.notNegative _.EntropyCoefficient (fun v c ->
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
    let validate (options: A2cOptions) = NetworkOptions.validate rows defaults options

    /// The options as named texts.
    let toPairs (options: A2cOptions) : (string * string) list = Options.toPairs rows options

    /// The defaults with the named options replaced; names are matched whatever their case.
    let ofPairs (pairs: (string * string) list) : A2cOptions = Options.ofPairs rows pairs defaults

/// Synchronous advantage actor-critic (Mnih et al., "Asynchronous methods for deep reinforcement learning", 2016: the
/// copies are stepped together instead of each on its own; slides 15 and 18).
[<RequireQualifiedAccess>]
module A2c =

    let private learningRate = Column.scalar "learningRate"
    let private entropyCoefficient (c: A2cOptions) = Rate.create (nameof c.EntropyCoefficient) c.EntropyCoefficient

    let private optimiser (c: A2cOptions) =
        let rate = Schedule.input learningRate.Name

        if c.EpsilonInsideRoot then
            Optimiser.rmsPropInsideRoot rate c.RmsDecay c.RmsEpsilon
        else
            Optimiser.rmsProp rate c.RmsDecay c.RmsEpsilon 0.0 0.0 false
        |> NetworkOptions.constrain c.Network

    /// What it minimises: mean(−log π(a|s) · A + v · ½ (V(s) − R)² − c · entropy).
    let private loss (c: A2cOptions) (network: ActorCritic) (columns: RolloutColumns) (batch: Batch) =
        let output = Forward.output network columns batch
        let struct (logProbability, entropy) = Policy.evaluate network.Head output batch[columns.Actions]

        [
            Term.mean "policyLoss" 1.0 (PolicyGradients.score logProbability batch[columns.Advantages])
            Term.mean "valueLoss" c.ValueCoefficient (PolicyGradients.valueLoss output.Value batch[columns.Returns])
            yield! Rate.bonus Term.mean batch (entropyCoefficient c) "entropy" entropy
        ]

    let private bind (c: A2cOptions) (environment: BatchEnvironment) (workers: Workers) : Learner =
        let network = OnPolicy.network c.Network c.Exploration environment
        let source = RolloutSource(network, environment, OnPolicy.rollouts c.Rollout c.Network, workers)
        let motion = GroupMotion.Learns("optimiser", optimiser c)

        let update =
            Update.create
                {
                    Name = "policy and value step"
                    Groups = [ ParameterGroup.ofPart "network" (Part.whole network) motion ]
                    Shape = SampleShape.steps source.Samples
                    MaxGradientNorm = c.MaxGradientNorm
                    Loss = loss c network source.Columns
                }

        let learn (state: TrainingState) (rollout: CreditedRollout) =
            let rate = RateOptions.after c.Plan state.Steps c.Rate
            let draft = Draft rollout.State
            update.Load draft
            update.Set(learningRate, rate)
            Rate.set c.Plan state.Steps [ entropyCoefficient c ] [ update ]
            update.ChooseAll(OnPolicy.samples source.Columns c.Rollout.NormaliseAdvantages rollout)
            update.Run workers
            update.Store draft
            let next = draft.Onto rollout.State

            struct (next,
                    OnPolicy.report
                        next
                        rollout
                        [|
                            for name in [ "policyLoss"; "valueLoss"; "entropy"; "gradientNorm" ] do
                                struct (name, update.Scalar name)
                            struct ("learningRate", rate)
                            yield! Rate.metrics c.Plan state.Steps [ entropyCoefficient c ]
                        |]
                        [||])

        Learner.ofFunctions
            {
                Algorithm = "a2c"
                Environment = environment
                Network = network.Actor
                Options = A2cOptions.toPairs c
                TotalSteps = c.Plan.TotalSteps
                Arrays = update.Arrays
                Start = source.Start
                Collect = source.Collect
                Learn = learn
            }

    /// Binds options to environments. `workers` share the work; the results do not depend on their number.
    let create (options: A2cOptions) (environment: BatchEnvironment) (workers: Workers) : Learner =
        A2cOptions.validate options
        bind options environment workers

    /// What there is to know of it.
    let entry =
        AlgorithmEntry.create
            {
                Id = "a2c"
                Name = "Advantage actor-critic"
                Summary =
                    "One joint step of actor and critic on each short rollout of several copies (Mnih et al. 2016)."
                Source = "Mnih et al., \"Asynchronous methods for deep reinforcement learning\" (2016)"
                Family = AlgorithmFamily.OnPolicy
            }
            A2cOptions.defaults
            A2cOptions.rows
            []
            A2cOptions.validate
            create
        |> AlgorithmEntry.withParameters A2cOptions.ofPairs (fun c -> OnPolicy.parameters c.Network c.Exploration)
