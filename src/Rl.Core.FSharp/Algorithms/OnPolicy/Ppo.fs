/// Proximal policy optimisation: collect a rollout, estimate advantages, take several epochs of clipped minibatch
/// steps.
namespace Rl.Core.Algorithms

open Rl.Core.Acting
open Rl.Core.Autodiff
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Objectives
open Rl.Core.Optimisers

/// PPO with a clipped surrogate (Schulman, Wolski, Dhariwal, Radford, Klimov, "Proximal policy optimization
/// algorithms", 2017; slides 18 to 20).
[<RequireQualifiedAccess>]
module Ppo =

    let private learningRate = Column.scalar "learningRate"
    let private clipRange = Column.scalar "clipRange"
    let private klPenalty = Column.scalar "klPenalty"
    let private valueClipRange (c: PpoOptions) = Rate.create (nameof c.ValueClipRange) c.ValueClipRange
    let private entropyCoefficient (c: PpoOptions) = Rate.create (nameof c.EntropyCoefficient) c.EntropyCoefficient

    /// −L of each sample: the surrogate that the options ask for.
    let private surrogate (c: PpoOptions) (range: Expr) (penalty: Expr) (ratio: Expr) (advantage: Expr) (kl: Expr) =
        if RateSchedule.isZero c.ClipRange then
            PolicyGradients.penalisedSurrogate penalty ratio advantage kl
        else
            let clipped =
                if c.DualClip > 0.0 then
                    PolicyGradients.dualClippedSurrogate range c.DualClip ratio advantage
                else
                    PolicyGradients.clippedSurrogate range ratio advantage

            if c.KlPenalty > 0.0 then clipped + penalty * kl else clipped

    /// What it minimises: mean(−surrogate + v · ½ (V(s) − R)² − c · entropy).
    let private loss (c: PpoOptions) (network: ActorCritic) (columns: RolloutColumns) (batch: Batch) =
        let output = Forward.output network columns batch
        let struct (logProbability, entropy) = Policy.evaluate network.Head output batch[columns.Actions]
        let ratio = PolicyGradients.ratio logProbability batch[columns.OldLogProbabilities]
        let kl = PolicyGradients.approximateKl logProbability batch[columns.OldLogProbabilities]
        let range, penalty = batch[clipRange], batch[klPenalty]

        let advantages =
            if c.Rollout.NormaliseAdvantages then
                batch.Own(PolicyGradients.standardise (batch.All columns.Advantages))
            else
                batch[columns.Advantages]

        let valueLoss =
            if RateSchedule.isZero c.ValueClipRange then
                PolicyGradients.valueLoss output.Value batch[columns.Returns]
            else
                let valueRange = Rate.value batch (valueClipRange c)
                let old = batch[columns.OldValues]
                PolicyGradients.clippedValueLoss valueRange output.Value old batch[columns.Returns]

        // Without clipping nothing is clipped, wherever the ratio lies.
        let widest = if RateSchedule.isZero c.ClipRange then range + infinity else range

        [
            Term.mean "policyLoss" 1.0 (surrogate c range penalty ratio advantages kl)
            if RateSchedule.isZero c.EntropyCoefficient then
                Term.report "entropy" entropy
            else
                yield! Rate.bonus Term.mean batch (entropyCoefficient c) "entropy" entropy
            Term.report "approximateKl" kl
            Term.report "clipFraction" (PolicyGradients.isClipped widest ratio)
            Term.mean "valueLoss" c.ValueCoefficient valueLoss
        ]

    /// The update that minimises a loss over minibatches of `units` single steps, or sequences of a recurrent network.
    let private planOf loss (c: PpoOptions) (network: ActorCritic) (hasMasks: bool) (units: int) : UpdatePlan =
        let optimiser =
            OptimiserOptions.transform (Schedule.input learningRate.Name) c.AdamEpsilon c.Optimiser
            |> NetworkOptions.constrain c.Network

        {
            Name = "minibatch step"
            Groups = ParameterGroup.ofNetwork network (GroupMotion.Learns("optimiser", optimiser))
            Shape = { SampleShape.steps units with Sequence = if network.Memory.IsSome then c.Sequence else 0 }
            MaxGradientNorm = c.MaxGradientNorm
            Loss = loss network (RolloutColumns.create network hasMasks)
        }

    /// The update for minibatches of `units` single steps, or sequences of a recurrent network.
    let plan (c: PpoOptions) (network: ActorCritic) (hasMasks: bool) (units: int) : UpdatePlan =
        planOf (loss c) c network hasMasks units

    /// What it collects.
    let private rollouts (c: PpoOptions) : RolloutOptions =
        {
            Steps = c.Rollout.RolloutSteps
            Discount = c.Rollout.Discount
            GaeLambda = c.Rollout.GaeLambda
            NormaliseObservations = c.Network.NormaliseObservations
            NormaliseRewards = c.Rollout.NormaliseRewards
            RewardClip = c.RewardClip
            Sequence = if c.Recurrence.IsSome then c.Sequence else 0
            ExplorationSteps = c.ExplorationSteps
        }

    /// A rollout is cut into minibatches of equal size; the few samples left over are other ones in each epoch.
    let private minibatches (c: PpoOptions) (samples: int) =
        let units = samples / c.Sequence
        // Advantages are standardised within a minibatch, which takes two samples.
        let most = if c.Rollout.NormaliseAdvantages && c.Sequence = 1 then samples / 2 else units
        Minibatches.OfCount(units, min most (1 + (samples - 1) / c.MinibatchSize))

    let private metrics = [ "policyLoss"; "valueLoss"; "entropy"; "approximateKl"; "clipFraction"; "gradientNorm" ]

    /// PPO's own loss for an algorithm of this name and these options as texts.
    let internal objectiveOf (algorithm: string) (texts: (string * string) list) (c: PpoOptions) : PolicyObjective =
        { Algorithm = algorithm; Options = texts; Loss = loss c; Metrics = fun _ -> metrics }

    let private objective (c: PpoOptions) : PolicyObjective = objectiveOf "ppo" (PpoOptions.toPairs c) c

    let private network (c: PpoOptions) (observations: Space) (actions: Space) : ActorCritic =
        PolicyNetwork.create c.Layers observations actions |> Policy.scaled c.Network.ActionScaling actions

    /// The length of θ for these spaces.
    let internal parameters (c: PpoOptions) (observations: Space) (actions: Space) : int =
        (ActorCritic.layout (network c observations actions)).Count

    /// A learner with PPO's epochs and minibatches. Its actions are paid for by the environment, or by a judge for the
    /// network that is made; its rollouts are those of the present policy, or others that are corrected for it.
    let private bindWith
        (judgeOf: ActorCritic -> RolloutJudge option)
        (correctionOf: ActorCritic -> RolloutOptions -> RolloutCorrection option)
        (objective: PolicyObjective)
        (c: PpoOptions)
        (environment: BatchEnvironment)
        (workers: Workers)
        : Learner =
        let network = network c environment.ObservationSpace environment.ActionSpace
        let judge = judgeOf network
        let correction = correctionOf network (rollouts c)

        let source =
            match correction with
            | Some correction -> correction.Source
            | None -> RolloutSource(network, environment, rollouts c, Option.map _.Around judge, workers)

        let minibatches = minibatches c source.Samples
        let update = Update.create (planOf objective.Loss c network environment.HasActionMasks minibatches.Size)
        let metrics = objective.Metrics update

        let collect (state: TrainingState) : CreditedRollout =
            match judge, correction with
            | None, None -> source.Collect state
            | None, Some correction -> correction.Collect state
            | Some _, _ ->
                let struct (rollout, acted) = source.Act state
                // Its rewards are learned first.
                { source.Credit(state, rollout, acted, rollout.Rewards) with State = acted }

        let learn (state: TrainingState) (collected: CreditedRollout) =
            let rate = RateOptions.after c.Plan state.Steps c.Rate
            let clip = PlanOptions.after c.Plan state.Steps c.ClipRange
            let targetKl = PlanOptions.after c.Plan state.Steps c.TargetKl
            let draft = Draft collected.State

            let struct (rollout, judged, key) =
                match judge with
                | None -> struct (collected, [||], state.Key)
                | Some judge ->
                    let verdict = judge.Judge draft state collected.Rollout
                    let credited = source.Credit(state, collected.Rollout, collected.State, verdict.Rewards)
                    struct (credited, verdict.Metrics, verdict.Key)

            let penalty = if c.KlPenalty > 0.0 then (draft.Array klPenalty.Name)[0] else 0.0f
            update.Load draft
            update.Set(learningRate, rate)
            update.Set(clipRange, clip)
            Rate.set c.Plan state.Steps [ valueClipRange c; entropyCoefficient c ] [ update ]
            update.Set(klPenalty, float penalty)
            update.Set(PolicyObjective.planLeft, PlanOptions.left c.Plan state.Steps)

            let means = Means(update, metrics)
            let total, kl = ref 0.0, ref 0.0

            let step (minibatch: Minibatch) =
                update.Choose(rollout.Samples, minibatch)
                update.Run workers
                means.Add()

            let isFar () =
                let before = total.Value
                total.Value <- means.Sum "approximateKl"
                kl.Value <- (total.Value - before) / float minibatches.Count
                targetKl > 0.0 && kl.Value > 1.5 * targetKl

            let struct (epochs, key) = minibatches.RunUntil(c.Epochs, key, step, isFar)
            update.Store draft

            if c.KlPenaltyTarget > 0.0 then
                (draft.Array klPenalty.Name)[0] <-
                    float32 (PolicyGradients.adaptCoefficient c.KlPenaltyTarget kl.Value (float penalty))

            let next = { draft.Onto rollout.State with Key = key }

            struct (next,
                    OnPolicy.report
                        next
                        rollout
                        means.All
                        [|
                            yield! judged
                            struct ("learningRate", float (float32 rate))
                            struct ("epochs", float epochs)
                            if c.KlPenalty > 0.0 then struct ("klPenalty", float penalty)

                            match correction with
                            | Some correction -> yield! correction.Metrics()
                            | None -> ()

                            yield!
                                [
                                    Rate.create (nameof c.ClipRange) c.ClipRange
                                    valueClipRange c
                                    entropyCoefficient c
                                    Rate.create (nameof c.TargetKl) c.TargetKl
                                ]
                                |> Rate.metrics c.Plan state.Steps
                        |])

        Learner.ofFunctions
            {
                Algorithm = objective.Algorithm
                Environment = environment
                Network = network.Actor
                Options = objective.Options
                TotalSteps = c.Plan.TotalSteps
                Arrays =
                    [
                        yield! update.Arrays
                        if c.KlPenalty > 0.0 then klPenalty.Name, [| float32 c.KlPenalty |]
                        yield! source.Arrays
                        for judge in Option.toList judge do
                            yield! judge.Arrays

                        for correction in Option.toList correction do
                            yield! correction.Arrays
                    ]
                Start = judge |> Option.map (fun judge -> judge.Start source.Start) |> Option.defaultValue source.Start
                Collect = collect
                Learn = learn
            }

    /// The same with a judge, or none.
    let internal bindJudged judgeOf objective c environment workers : Learner =
        bindWith judgeOf (fun _ _ -> None) objective c environment workers

    /// The same with rollouts that are corrected.
    let internal bindCorrected correctionOf objective c environment workers : Learner =
        bindWith
            (fun _ -> None)
            (fun network rollouts -> Some(correctionOf network rollouts))
            objective
            c
            environment
            workers

    /// A learner with PPO's rollouts, epochs and minibatches.
    let internal bind objective c environment workers : Learner =
        bindJudged (fun _ -> None) objective c environment workers

    /// Binds options to environments. `workers` share the work; the results do not depend on their number.
    let create (options: PpoOptions) (environment: BatchEnvironment) (workers: Workers) : Learner =
        PpoOptions.validate options
        bind (objective options) options environment workers

    /// What there is to know of it.
    let entry =
        AlgorithmEntry.create
            {
                Id = "ppo"
                Name = "Proximal policy optimisation"
                Summary = "Clipped policy-gradient steps over several epochs of minibatches (Schulman et al. 2017)."
                Source =
                    "Schulman, Wolski, Dhariwal, Radford, Klimov, \"Proximal policy optimization algorithms\" (2017)"
                Family = AlgorithmFamily.OnPolicy
            }
            PpoOptions.defaults
            PpoOptions.rows
            [ "RolloutSteps", "32"; "MinibatchSize", "96" ]
            PpoOptions.validate
            create
        |> AlgorithmEntry.withParameters PpoOptions.ofPairs parameters
