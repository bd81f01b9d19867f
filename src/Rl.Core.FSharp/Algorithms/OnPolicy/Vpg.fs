/// The vanilla policy gradient: collect a rollout, credit each action with its advantage, take one step along ∇log π
/// · A, fit V.
namespace Rl.Core.Algorithms

open Rl.Core.Acting
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Objectives
open Rl.Core.Optimisers

/// Options of the vanilla policy gradient with generalised advantages (Schulman et al. 2016, in the form of OpenAI's
/// Spinning Up, 2018).
type VpgOptions =
    {
        Plan: PlanOptions
        Rollout: OnPolicyOptions
        Network: NetworkOptions
        Exploration: ExplorationOptions
        /// Adam's step size for the policy.
        LearningRate: RateSchedule
        /// Adam's step size for the value function.
        ValueLearningRate: RateSchedule
        Optimiser: OptimiserOptions
        /// Gradient steps of the value function, each on the whole rollout, after each policy step.
        ValueSteps: int
        /// The weight of the entropy bonus.
        EntropyCoefficient: RateSchedule
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
            LearningRate = RateSchedule.Constant 1e-2
            ValueLearningRate = RateSchedule.Constant 1e-3
            Optimiser = OptimiserOptions.defaults
            ValueSteps = 80
            EntropyCoefficient = RateSchedule.Constant 0.0
        }

    /// A row an option, in the order of files.
    let rows: OptionRow<VpgOptions> list =
        let d = defaults
        let plan rows = Options.group (fun (c: VpgOptions) -> c.Plan) (fun v c -> { c with Plan = v }) rows
        let rollout rows = Options.group (fun (c: VpgOptions) -> c.Rollout) (fun v c -> { c with Rollout = v }) rows
        let network rows = Options.group (fun (c: VpgOptions) -> c.Network) (fun v c -> { c with Network = v }) rows

        let exploration rows =
            Options.group (fun (c: VpgOptions) -> c.Exploration) (fun v c -> { c with Exploration = v }) rows

        let optimiser rows =
            Options.group (fun (c: VpgOptions) -> c.Optimiser) (fun v c -> { c with Optimiser = v }) rows

        [
            yield! plan PlanOptions.rows
            yield! rollout OnPolicyOptions.steps
            Options.rate (nameof d.LearningRate) _.LearningRate (fun v c -> { c with LearningRate = v })
            Options.rate (nameof d.ValueLearningRate) _.ValueLearningRate (fun v c -> { c with ValueLearningRate = v })
            yield! optimiser OptimiserOptions.rows
            Options.whole (nameof d.ValueSteps) (Range.atLeast 1.0) _.ValueSteps (fun v c -> { c with ValueSteps = v })
            yield! rollout OnPolicyOptions.credit
            yield! rollout OnPolicyOptions.normaliseAdvantages
            Options.schedule (nameof d.EntropyCoefficient) Range.notNegative _.EntropyCoefficient (fun v c ->
                { c with EntropyCoefficient = v })
            yield! network NetworkOptions.normaliseObservations
            yield! rollout OnPolicyOptions.normaliseRewards
            yield! network (NetworkOptions.ofTwo NetworkOptions.layers)
            yield! exploration ExplorationOptions.rows
            yield! network NetworkOptions.actionScaling
        ]

    /// Fails for the first option that is out of its range, naming it.
    let validate (options: VpgOptions) = NetworkOptions.validate rows defaults options

    /// The options as named texts.
    let toPairs (options: VpgOptions) : (string * string) list = Options.toPairs rows options

    /// The defaults with the named options replaced; names are matched whatever their case.
    let ofPairs (pairs: (string * string) list) : VpgOptions = Options.ofPairs rows pairs defaults

/// The vanilla policy gradient with generalised advantage estimation (Sutton et al., "Policy gradient methods for
/// reinforcement learning with function approximation", 1999; Schulman et al., "High-dimensional continuous control
/// using generalized advantage estimation", 2016; slides 14, 15 and 26).
[<RequireQualifiedAccess>]
module Vpg =

    let private learningRate (c: VpgOptions) = Rate.create (nameof c.LearningRate) c.LearningRate
    let private valueLearningRate (c: VpgOptions) = Rate.create (nameof c.ValueLearningRate) c.ValueLearningRate
    let private entropyCoefficient (c: VpgOptions) = Rate.create (nameof c.EntropyCoefficient) c.EntropyCoefficient
    let private rates (c: VpgOptions) = [ learningRate c; valueLearningRate c; entropyCoefficient c ]

    let private optimiser (c: VpgOptions) rate =
        OptimiserOptions.transform (Rate.stepSize rate) 1e-8 c.Optimiser
        |> NetworkOptions.constrain c.Network

    /// What the policy minimises: −mean(log π(a|s) · A) − c · mean entropy.
    let private loss (c: VpgOptions) (network: ActorCritic) (columns: RolloutColumns) (batch: Batch) =
        let output = Forward.policy network columns batch
        let struct (logProbability, entropy) = Policy.evaluate network.Head output batch[columns.Actions]

        [
            Term.mean "policyLoss" 1.0 (PolicyGradients.score logProbability batch[columns.Advantages])
            yield! Rate.bonus Term.mean batch (entropyCoefficient c) "entropy" entropy
        ]

    let private bind (c: VpgOptions) (environment: BatchEnvironment) (workers: Workers) : Learner =
        let network = OnPolicy.network (OnPolicy.apart c.Network) c.Exploration environment
        let source = RolloutSource(network, environment, OnPolicy.rollouts c.Rollout c.Network, workers)
        let columns = source.Columns

        let policy =
            let motion = GroupMotion.Learns("policy", optimiser c (learningRate c))

            Update.create
                {
                    Name = "policy step"
                    Groups = [ ParameterGroup.ofPart "actor" (Part.actor network) motion ]
                    Shape = SampleShape.steps source.Samples
                    MaxGradientNorm = 0.0
                    Loss = loss c network columns
                }

        let value = OnPolicy.valueUpdate network columns (optimiser c (valueLearningRate c)) 0.0 source.Samples

        let learn (state: TrainingState) (rollout: CreditedRollout) =
            let draft = Draft rollout.State
            Rate.set c.Plan state.Steps (rates c) [ policy; value ]
            policy.Load draft
            policy.ChooseAll(OnPolicy.samples columns c.Rollout.NormaliseAdvantages rollout)
            policy.Run workers
            policy.Store draft

            // Values are fitted to rewards-to-go, whatever λ the advantages were estimated with.
            value.Load draft
            value.ChooseAll(rollout.Samples.With [ columns.Returns, source.RewardsToGo rollout ])

            for _ in 1 .. c.ValueSteps do
                value.Run workers

            value.Store draft
            let next = draft.Onto rollout.State

            struct (next,
                    OnPolicy.report
                        next
                        rollout
                        [|
                            struct ("policyLoss", policy.Scalar "policyLoss")
                            struct ("valueLoss", value.Scalar "valueLoss")
                            struct ("entropy", policy.Scalar "entropy")
                            struct ("gradientNorm", policy.Scalar "gradientNorm")
                            yield! Rate.metrics c.Plan state.Steps (rates c)
                        |]
                        [||])

        Learner.ofFunctions
            {
                Algorithm = "vpg"
                Environment = environment
                Network = network.Actor
                Options = VpgOptions.toPairs c
                TotalSteps = c.Plan.TotalSteps
                Arrays = policy.Arrays @ value.Arrays
                Start = source.Start
                Collect = source.Collect
                Learn = learn
            }

    /// Binds options to environments. `workers` share the work; the results do not depend on their number.
    let create (options: VpgOptions) (environment: BatchEnvironment) (workers: Workers) : Learner =
        VpgOptions.validate options
        bind options environment workers

    /// What there is to know of it.
    let entry =
        AlgorithmEntry.create
            {
                Id = "vpg"
                Name = "Vanilla policy gradient"
                Summary = "One step along ∇log π · A a rollout, generalised advantages (Schulman et al. 2016)."
                Source =
                    ("Schulman, Moritz, Levine, Jordan, Abbeel, \"High-dimensional continuous control using "
                     + "generalized advantage estimation\" (2016)")
                Family = AlgorithmFamily.OnPolicy
            }
            VpgOptions.defaults
            VpgOptions.rows
            [ "RolloutSteps", "32"; "ValueSteps", "3" ]
            VpgOptions.validate
            create
        |> AlgorithmEntry.withParameters VpgOptions.ofPairs (fun c ->
            OnPolicy.parameters (OnPolicy.apart c.Network) c.Exploration)
