/// IMPALA: one joint step of actor and critic on each rollout, of whichever older policy it is, corrected by V-trace.
namespace Rl.Core.Algorithms

open Rl.Core.Acting
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Objectives
open Rl.Core.Optimisers

/// Options of the importance weighted actor-learner architecture (Espeholt et al. 2018).
type ImpalaOptions =
    {
        Plan: PlanOptions
        Rollout: OnPolicyOptions
        Network: NetworkOptions
        Exploration: ExplorationOptions
        Rate: RateOptions
        /// Adam's ε.
        AdamEpsilon: float
        Optimiser: OptimiserOptions
        Correction: VTraceOptions
        /// The weight of the entropy bonus.
        EntropyCoefficient: RateSchedule
        /// The weight of ½ (V − vs)².
        ValueCoefficient: float
        /// The gradient is scaled down to this norm; 0 for no bound.
        MaxGradientNorm: float
        /// Actor and critic share the hidden layers; with images they always do.
        SharedTrunk: bool
        /// Layers for observations that are images: those of DQN for Atari for 36 pixels and more, else those of
        /// MinAtar; or layers of your own, or none.
        Convolutions: Convolutions
        /// A recurrent layer after what actor and critic share, for environments that are partially observed; gradients
        /// flow through whole rollouts.
        Recurrence: RecurrentCell option
        /// Units of the recurrent layer.
        RecurrentUnits: int
    }

    /// What the network is made of.
    member internal this.Layers: LayerOptions =
        {
            Design = this.Network.Network
            Hidden = this.Network.Hidden
            Activation = this.Network.Activation
            SharedTrunk = this.SharedTrunk
            Convolutions = this.Convolutions
            Recurrence = this.Recurrence
            RecurrentUnits = this.RecurrentUnits
            OrthogonalInitialisation = true
            InitialLogStandardDeviation = this.Exploration.InitialLogStandardDeviation
            StateDependentExploration = false
        }

    /// T of a recurrent network, which learns from whole rollouts; else 0.
    member internal this.Sequence = if this.Recurrence.IsSome then this.Rollout.RolloutSteps else 0

/// Defaults, rows, checks and texts.
[<RequireQualifiedAccess>]
module ImpalaOptions =

    /// The paper's rollouts of 20 steps, entropy bonus and ratios of at most 1; Adam in the place of RMSprop, a step
    /// and norm for losses that are means instead of sums, and λ = 0.95, which is steadier than 1.
    let defaults =
        {
            Plan = { TotalSteps = 200_000L }
            Rollout = { OnPolicyOptions.defaults 20 0.95 with NormaliseAdvantages = false }
            Network = NetworkOptions.defaults [ 64; 64 ]
            Exploration = { InitialLogStandardDeviation = 0.0 }
            Rate = { LearningRate = RateSchedule.linear 3e-3 0.0 }
            AdamEpsilon = 1e-5
            Optimiser = OptimiserOptions.defaults
            Correction = VTraceOptions.defaults
            EntropyCoefficient = RateSchedule.Constant 0.01
            ValueCoefficient = 0.5
            MaxGradientNorm = 0.5
            SharedTrunk = false
            Convolutions = Convolutions.Automatic
            Recurrence = None
            RecurrentUnits = 64
        }

    /// A row an option, in the order of files.
    let rows: OptionRow<ImpalaOptions> list =
        let d = defaults
        let plan rows = Options.group (fun (c: ImpalaOptions) -> c.Plan) (fun v c -> { c with Plan = v }) rows
        let rollout rows = Options.group (fun (c: ImpalaOptions) -> c.Rollout) (fun v c -> { c with Rollout = v }) rows
        let network rows = Options.group (fun (c: ImpalaOptions) -> c.Network) (fun v c -> { c with Network = v }) rows

        let exploration rows =
            Options.group (fun (c: ImpalaOptions) -> c.Exploration) (fun v c -> { c with Exploration = v }) rows

        let rate rows = Options.group (fun (c: ImpalaOptions) -> c.Rate) (fun v c -> { c with Rate = v }) rows

        let optimiser rows =
            Options.group (fun (c: ImpalaOptions) -> c.Optimiser) (fun v c -> { c with Optimiser = v }) rows

        let correction rows =
            Options.group (fun (c: ImpalaOptions) -> c.Correction) (fun v c -> { c with Correction = v }) rows

        [
            yield! plan PlanOptions.rows
            yield! rollout OnPolicyOptions.steps
            yield! rate RateOptions.rows
            Options.number (nameof d.AdamEpsilon) Range.positive _.AdamEpsilon (fun v c -> { c with AdamEpsilon = v })
            yield! optimiser OptimiserOptions.rows
            yield! rollout OnPolicyOptions.credit |> VTraceOptions.withTraces
            yield! correction VTraceOptions.rows
            yield! rollout OnPolicyOptions.normaliseAdvantages
            Options.schedule (nameof d.EntropyCoefficient) Range.notNegative _.EntropyCoefficient (fun v c ->
                { c with EntropyCoefficient = v })
            Options.number (nameof d.ValueCoefficient) Range.notNegative _.ValueCoefficient (fun v c ->
                { c with ValueCoefficient = v })
            Options.number (nameof d.MaxGradientNorm) Range.notNegative _.MaxGradientNorm (fun v c ->
                { c with MaxGradientNorm = v })
            yield! network NetworkOptions.normaliseObservations
            yield! rollout OnPolicyOptions.normaliseRewards
            yield! network NetworkOptions.layers
            Options.flag (nameof d.SharedTrunk) _.SharedTrunk (fun v c -> { c with SharedTrunk = v })
            Options.convolutions (nameof d.Convolutions) _.Convolutions (fun v c -> { c with Convolutions = v })
            Options.recurrence (nameof d.Recurrence) _.Recurrence (fun v c -> { c with Recurrence = v })
            Options.whole (nameof d.RecurrentUnits) Range.widths _.RecurrentUnits (fun v c ->
                { c with RecurrentUnits = v })
            yield! exploration ExplorationOptions.rows
            yield! network NetworkOptions.actionScaling
        ]

    /// Fails for the first option that is out of its range, naming it.
    let validate (c: ImpalaOptions) =
        NetworkOptions.validate rows defaults c

        if c.SharedTrunk && c.Network.Hidden.IsEmpty && c.Network.Network.IsAutomatic then
            Guard.fail (nameof c.SharedTrunk) "A shared trunk needs at least one hidden layer; Hidden is empty."

    /// The options as named texts.
    let toPairs (options: ImpalaOptions) : (string * string) list = Options.toPairs rows options

    /// The defaults with the named options replaced; names are matched whatever their case.
    let ofPairs (pairs: (string * string) list) : ImpalaOptions = Options.ofPairs rows pairs defaults

/// The importance weighted actor-learner architecture (Espeholt et al., "IMPALA: scalable distributed deep-RL with
/// importance weighted actor-learner architectures", 2018). In one process whoever acts has the present policy, or one
/// that lags by a fixed number of updates; in a cluster workers act with what they have, and do not wait.
[<RequireQualifiedAccess>]
module Impala =

    let private learningRate (c: ImpalaOptions) = Rate.create (nameof c.Rate.LearningRate) c.Rate.LearningRate
    let private entropyCoefficient (c: ImpalaOptions) = Rate.create (nameof c.EntropyCoefficient) c.EntropyCoefficient
    let private rates (c: ImpalaOptions) = [ learningRate c; entropyCoefficient c ]

    let private network (c: ImpalaOptions) (observations: Space) (actions: Space) : ActorCritic =
        PolicyNetwork.create c.Layers observations actions |> Policy.scaled c.Network.ActionScaling actions

    let private parameters (c: ImpalaOptions) (observations: Space) (actions: Space) : int =
        (ActorCritic.layout (network c observations actions)).Count

    let private optimiser (c: ImpalaOptions) : Transform =
        OptimiserOptions.transform (Rate.stepSize (learningRate c)) c.AdamEpsilon c.Optimiser
        |> NetworkOptions.constrain c.Network

    /// What it minimises: mean(−log π(a|s) · A + v · ½ (V(s) − vs)² − c · entropy), A = ρ̃ (r + γ vs′ − V) (section
    /// 4.2).
    let private loss (c: ImpalaOptions) (network: ActorCritic) (columns: RolloutColumns) (batch: Batch) =
        let output = Forward.output network columns batch
        let struct (logProbability, entropy) = Policy.evaluate network.Head output batch[columns.Actions]

        [
            Term.mean "policyLoss" 1.0 (PolicyGradients.score logProbability batch[columns.Advantages])
            yield! Rate.bonus Term.mean batch (entropyCoefficient c) "entropy" entropy
            Term.mean "valueLoss" c.ValueCoefficient (PolicyGradients.valueLoss output.Value batch[columns.Returns])
        ]

    let private rollouts (c: ImpalaOptions) : RolloutOptions =
        let plain = OnPolicy.rollouts c.Rollout c.Network
        { plain with Sequence = c.Sequence }

    let private bind (c: ImpalaOptions) (environment: BatchEnvironment) (workers: Workers) : Learner =
        let network = network c environment.ObservationSpace environment.ActionSpace
        let correction = VTrace.correct c.Correction 1 1.0 environment workers network (rollouts c)
        let source = correction.Source

        let update =
            Update.create
                {
                    Name = "policy and value step"
                    Groups = ParameterGroup.ofNetwork network (GroupMotion.Learns("optimiser", optimiser c))
                    Shape = { SampleShape.steps (source.Samples / max 1 c.Sequence) with Sequence = c.Sequence }
                    MaxGradientNorm = c.MaxGradientNorm
                    Loss = loss c network source.Columns
                }

        let learn (state: TrainingState) (rollout: CreditedRollout) =
            let draft = Draft rollout.State
            update.Load draft
            Rate.set c.Plan state.Steps (rates c) [ update ]
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
                            yield! Rate.metrics c.Plan state.Steps (rates c)
                        |]
                        (correction.Metrics()))

        Learner.ofFunctions
            {
                Algorithm = "impala"
                Environment = environment
                Network = network.Actor
                Options = ImpalaOptions.toPairs c
                TotalSteps = c.Plan.TotalSteps
                Arrays = update.Arrays @ source.Arrays @ correction.Arrays
                Start = source.Start
                Collect = correction.Collect
                Learn = learn
            }

    /// Binds options to environments. `workers` share the work; the results do not depend on their number.
    let create (options: ImpalaOptions) (environment: BatchEnvironment) (workers: Workers) : Learner =
        ImpalaOptions.validate options
        bind options environment workers

    /// What there is to know of it.
    let entry =
        AlgorithmEntry.create
            {
                Id = "impala"
                Name = "Importance weighted actor-learner"
                Summary =
                    ("One joint step of actor and critic on each rollout of an older policy, corrected by V-trace "
                     + "(Espeholt et al. 2018).")
                Source =
                    ("Espeholt, Soyer, Munos, Simonyan, Mnih, Ward, Doron, Firoiu, Harley, Dunning, Legg, "
                     + "Kavukcuoglu, \"IMPALA: scalable distributed deep-RL with importance weighted actor-learner "
                     + "architectures\" (2018)")
                Family = AlgorithmFamily.OnPolicy
            }
            ImpalaOptions.defaults
            ImpalaOptions.rows
            []
            ImpalaOptions.validate
            create
        |> AlgorithmEntry.withParameters ImpalaOptions.ofPairs parameters
