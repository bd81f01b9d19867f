/// Phasic policy gradient: phases of PPO with separate networks, and auxiliary phases that teach the policy's
/// features to predict values.
namespace Rl.Core.Algorithms

open System
open Rl.Core.Acting
open Rl.Core.Autodiff
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Objectives
open Rl.Core.Optimisers

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
        LearningRate: RateSchedule
        /// Adam's ε.
        AdamEpsilon: float
        Optimiser: OptimiserOptions
        /// The surrogate's ε: ratios are clipped to [1 − ε, 1 + ε].
        ClipRange: RateSchedule
        /// The weight of the entropy bonus.
        EntropyCoefficient: RateSchedule
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
            LearningRate = RateSchedule.Constant 1e-3
            AdamEpsilon = 1e-5
            Optimiser = OptimiserOptions.defaults
            ClipRange = RateSchedule.Constant 0.2
            EntropyCoefficient = RateSchedule.Constant 0.0
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

        let optimiser rows =
            Options.group (fun (c: PpgOptions) -> c.Optimiser) (fun v c -> { c with Optimiser = v }) rows

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
            Options.rate (nameof d.LearningRate) _.LearningRate (fun v c -> { c with LearningRate = v })
            Options.number (nameof d.AdamEpsilon) Range.positive _.AdamEpsilon (fun v c -> { c with AdamEpsilon = v })
            yield! optimiser OptimiserOptions.rows
            Options.schedule (nameof d.ClipRange) Range.positive _.ClipRange (fun v c -> { c with ClipRange = v })
            yield! rollout OnPolicyOptions.credit
            yield! rollout OnPolicyOptions.normaliseAdvantages
            Options.schedule (nameof d.EntropyCoefficient) Range.notNegative _.EntropyCoefficient (fun v c ->
                { c with EntropyCoefficient = v })
            Options.number (nameof d.MaxGradientNorm) Range.positive _.MaxGradientNorm (fun v c ->
                { c with MaxGradientNorm = v })
            yield! network NetworkOptions.normaliseObservations
            yield! rollout OnPolicyOptions.normaliseRewards
            yield!
                network (NetworkOptions.ofTwo NetworkOptions.layers)
                |> Options.meaning
                    (nameof d.Network.Hidden)
                    ("Widths of the hidden layers of actor and critic; at least one, whose features the auxiliary "
                     + "phase trains.")
            yield! exploration ExplorationOptions.rows
            yield! network NetworkOptions.actionScaling
        ]

    /// Fails for the first option that is out of its range, naming it.
    let validate (c: PpgOptions) =
        NetworkOptions.validate rows defaults c

        if c.Network.Hidden.IsEmpty && c.Network.Network.IsAutomatic then
            Guard.fail
                (nameof c.Network.Hidden)
                "Hidden is empty; the auxiliary phase needs at least one hidden layer to train."

    /// The options as named texts.
    let toPairs (options: PpgOptions) : (string * string) list = Options.toPairs rows options

    /// The defaults with the named options replaced; names are matched whatever their case.
    let ofPairs (pairs: (string * string) list) : PpgOptions = Options.ofPairs rows pairs defaults

/// Phasic policy gradient (Cobbe, Hilton, Klimov, Schulman, "Phasic policy gradient", 2021). A transition is a whole
/// phase, so that no rollout need be remembered between two.
[<RequireQualifiedAccess>]
module Ppg =

    let private learningRate (c: PpgOptions) = Rate.create (nameof c.LearningRate) c.LearningRate
    let private clipRange (c: PpgOptions) = Rate.create (nameof c.ClipRange) c.ClipRange
    let private entropyCoefficient (c: PpgOptions) = Rate.create (nameof c.EntropyCoefficient) c.EntropyCoefficient
    let private rates (c: PpgOptions) = [ learningRate c; clipRange c; entropyCoefficient c ]

    let private optimiser (c: PpgOptions) : Transform =
        OptimiserOptions.transform (Rate.stepSize (learningRate c)) c.AdamEpsilon c.Optimiser
        |> NetworkOptions.constrain c.Network

    let private learns (c: PpgOptions) name = GroupMotion.Learns(name, optimiser c)

    /// What the policy phase minimises: PPO's clipped surrogate − c · entropy.
    let private policyLoss (c: PpgOptions) (network: ActorCritic) (columns: RolloutColumns) (batch: Batch) =
        let output = Forward.policy network columns batch
        let struct (logProbability, entropy) = Policy.evaluate network.Head output batch[columns.Actions]
        let old = batch[columns.OldLogProbabilities]
        let ratio = PolicyGradients.ratio logProbability old
        let range = Rate.value batch (clipRange c)

        [
            Term.mean "policyLoss" 1.0 (PolicyGradients.clippedSurrogate range ratio batch[columns.Advantages])
            yield! Rate.bonus Term.mean batch (entropyCoefficient c) "entropy" entropy
            Term.report "approximateKl" (PolicyGradients.approximateKl logProbability old)
            Term.report "clipFraction" (PolicyGradients.isClipped range ratio)
        ]

    /// A linear value of the actor's features; only learning needs it, so it is kept beside θ.
    let private auxiliaryHead (network: ActorCritic) : StateVariable list =
        [
            { Name = "output/weight"; Shape = [| Mlp.features network.Actor.Layers; 1 |]; Initial = 0.0 }
            { Name = "output/bias"; Shape = [| 1 |]; Initial = 0.0 }
        ]

    /// What the auxiliary phase minimises: ½ (V_aux(s) − R)² + β KL(π_old ‖ π).
    let private auxiliaryLoss (c: PpgOptions) (network: ActorCritic) (columns: RolloutColumns) (batch: Batch) =
        let actor = Parameters.at "actor" (batch.Parameters "actor")
        let features = Mlp.hidden network.Actor.Layers actor batch[columns.Observations]
        let head name = batch.Block("auxiliaryHead", "output/" + name)
        let value = Heads.value (Expr.matmul features (head "weight") + head "bias")
        let old = Divergence.ofColumns network.Head batch |> Forward.masked network columns batch
        let output = Forward.policy network columns batch

        [
            Term.mean "auxiliaryLoss" 1.0 (PolicyGradients.valueLoss value batch[columns.Returns])
            Term.mean "cloneKl" c.CloneCoefficient (Divergence.kl network.Head old output)
        ]

    let private bind (c: PpgOptions) (environment: BatchEnvironment) (workers: Workers) : Learner =
        let network = OnPolicy.network (OnPolicy.apart c.Network) c.Exploration environment
        let source = RolloutSource(network, environment, OnPolicy.rollouts c.Rollout c.Network, workers)
        let columns, samples = source.Columns, source.Samples
        let minibatches = Minibatches.OfLargest(samples, c.MinibatchSize)
        let auxiliaryMinibatches = Minibatches.OfSize(c.PolicyRollouts * samples, minibatches.Size)

        let update name groups loss =
            Update.create
                {
                    Name = name
                    Groups = groups
                    Shape = SampleShape.steps minibatches.Size
                    MaxGradientNorm = c.MaxGradientNorm
                    Loss = loss c network columns
                }

        let actor = Part.actor network
        let policy = update "policy step" [ ParameterGroup.ofPart "actor" actor (learns c "policy") ] policyLoss

        let value = OnPolicy.valueUpdate network columns (optimiser c) c.MaxGradientNorm minibatches.Size

        let auxiliary =
            let motion = learns c "auxiliary"
            let head = ParameterGroup.beside "auxiliaryHead" (auxiliaryHead network) motion
            update "auxiliary step" [ ParameterGroup.ofPart "actor" actor motion; head ] auxiliaryLoss

        // What the auxiliary phase sees again of the phase's rollouts.
        let outputs = PolicyOutputs(network, samples, workers)
        let struct (outputColumn, deviationColumn) = Divergence.columns network.Head
        let rows (column: Column) = Array.zeroCreate<float32>(c.PolicyRollouts * samples * column.Numbers)
        let kept = columns.Returns :: columns.Conditions |> List.map (fun column -> column, rows column)
        let oldOutputs = rows outputColumn
        let phase = Samples.OfRollout(environment.Count, (outputColumn, oldOutputs) :: kept)

        let keep (rollout: CreditedRollout) index =
            for column, data in kept do
                Array.Copy(rollout.Samples[column], 0, data, index * samples * column.Numbers, samples * column.Numbers)

        /// PPO on one rollout, policy and value function each with epochs of their own.
        let policyPhase (metrics: Means) (valueMetrics: Means) (rollout: CreditedRollout) (draft: Draft) key =
            let epochs (update: Update) (means: Means) count (data: Samples) key =
                update.Load draft

                let key =
                    minibatches.Run(
                        count,
                        key,
                        fun minibatch ->
                            update.Choose(data, minibatch)
                            update.Run workers
                            means.Add()
                    )

                update.Store draft
                key

            epochs policy metrics c.PolicyEpochs (OnPolicy.samples columns c.Rollout.NormaliseAdvantages rollout) key
            |> epochs value valueMetrics c.ValueEpochs rollout.Samples

        /// Distillation of values into the policy's features, which leaves the policy where it is; the value function
        /// learns on.
        let auxiliaryPhase (metrics: Means) (draft: Draft) key =
            for rollout in 0 .. c.PolicyRollouts - 1 do
                let width = samples * columns.Observations.Numbers
                let seen = ReadOnlySpan<float32>(phase[columns.Observations], rollout * width, width)
                let result = Span<float32>(oldOutputs, rollout * samples * outputs.Width, samples * outputs.Width)
                outputs.Run(draft.Theta, seen, result)

            auxiliary.Load draft
            value.Load draft
            auxiliary.Set(deviationColumn, ReadOnlySpan(outputs.LogStandardDeviation draft.Theta))

            let key =
                auxiliaryMinibatches.Run(
                    c.AuxiliaryEpochs,
                    key,
                    fun minibatch ->
                        for update in [ auxiliary; value ] do
                            update.Choose(phase, minibatch)
                            update.Run workers

                        metrics.Add()
                )

            auxiliary.Store draft
            value.Store draft
            key

        // A transition is a policy phase of several rollouts and an auxiliary phase.
        let learn (start: TrainingState) () =
            let metrics = Means(policy, [ "policyLoss"; "entropy"; "approximateKl"; "clipFraction"; "gradientNorm" ])
            let valueMetrics = Means(value, [ "valueLoss" ])
            let auxiliaryMetrics = Means(auxiliary, [ "auxiliaryLoss"; "cloneKl" ])

            Rate.set c.Plan start.Steps (rates c) [ policy; value; auxiliary ]

            let learnRollout (state: TrainingState) index =
                let rollout = source.Collect state
                keep rollout index
                let draft = Draft rollout.State
                let key = policyPhase metrics valueMetrics rollout draft state.Key
                let variance = OnPolicy.explainedVariance rollout.Rollout.Values rollout.Returns
                struct (rollout.Rollout.Episodes, variance), { draft.Onto rollout.State with Key = key }

            let rollouts, state = List.mapFold learnRollout start [ 0 .. c.PolicyRollouts - 1 ]
            let draft = Draft state
            let key = auxiliaryPhase auxiliaryMetrics draft state.Key
            let next = { draft.Onto state with Updates = start.Updates + 1L; Key = key }
            let struct (_, variance) = List.last rollouts

            struct (next,
                    {
                        Steps = next.Steps
                        Updates = next.Updates
                        Episodes = rollouts |> Seq.collect (fun (struct (episodes, _)) -> episodes) |> Seq.toArray
                        Metrics =
                            [|
                                yield! metrics.All
                                yield! valueMetrics.All
                                yield! auxiliaryMetrics.All
                                struct ("explainedVariance", variance)
                                yield! Rate.metrics c.Plan start.Steps (rates c)
                            |]
                    })

        Learner.ofFunctions
            {
                Algorithm = "ppg"
                Environment = environment
                Network = network.Actor
                Options = PpgOptions.toPairs c
                TotalSteps = c.Plan.TotalSteps
                Arrays = policy.Arrays @ value.Arrays @ auxiliary.Arrays
                Start = source.Start
                Collect = ignore
                Learn = learn
            }

    /// Binds options to environments. `workers` share the work; the results do not depend on their number.
    let create (options: PpgOptions) (environment: BatchEnvironment) (workers: Workers) : Learner =
        PpgOptions.validate options
        bind options environment workers

    /// What there is to know of it.
    let entry =
        AlgorithmEntry.create
            {
                Id = "ppg"
                Name = "Phasic policy gradient"
                Summary =
                    ("PPO's policy phases, and auxiliary phases that distil the value function into the policy's "
                     + "features (Cobbe et al. 2021).")
                Source = "Cobbe, Hilton, Klimov, Schulman, \"Phasic policy gradient\" (2021)"
                Family = AlgorithmFamily.OnPolicy
            }
            PpgOptions.defaults
            PpgOptions.rows
            [
                "RolloutSteps", "32"
                "PolicyRollouts", "2"
                "AuxiliaryEpochs", "2"
                "PolicyEpochs", "1"
                "MinibatchSize", "96"
            ]
            PpgOptions.validate
            create
        |> AlgorithmEntry.withParameters PpgOptions.ofPairs (fun c ->
            OnPolicy.parameters (OnPolicy.apart c.Network) c.Exploration)
