/// Parallelised Q-learning: act ε-greedily in many copies, regress Q on the λ-returns of what they did, and forget it.
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

/// Options of parallelised Q-learning (Gallici et al. 2025).
type PqnOptions =
    {
        Plan: PlanOptions
        /// Steps of each copy between updates, T.
        RolloutSteps: int
        /// The discount γ.
        Discount: float
        /// λ: 0 regresses on one reward and the greatest value after it, 1 on all rewards to the end of the rollout.
        Lambda: float
        /// Samples of a gradient step; a rollout's T·N samples are cut into minibatches of this size or a little less.
        MinibatchSize: int
        /// Passes over a rollout.
        Epochs: int
        Network: NetworkOptions
        Rate: RateOptions
        /// Rectified Adam's ε.
        AdamEpsilon: float
        Exploration: EpsilonGreedyOptions
        /// The gradient is scaled down to this norm; 0 for no bound.
        MaxGradientNorm: float
        /// Normalise the output of each hidden layer, convolutions too, before its activation (Ba, Kiros and Hinton
        /// 2016). It stands in for the target network that there is not.
        LayerNormalisation: bool
        /// Layers for observations that are images: those of DQN for Atari for 36 pixels and more, else those of
        /// MinAtar; or layers of your own, or none.
        Convolutions: Convolutions
    }

/// Defaults, rows, checks and texts.
[<RequireQualifiedAccess>]
module PqnOptions =

    /// Narrower layers and more, smaller steps than purejaxql has for CartPole, found by trial.
    let defaults: PqnOptions =
        {
            Plan = { TotalSteps = 500_000L }
            RolloutSteps = 32
            Discount = 0.99
            Lambda = 0.95
            MinibatchSize = 32
            Epochs = 4
            Network = { NetworkOptions.defaults [ 64; 64 ] with Activation = Activation.Relu }
            Rate = { LearningRate = RateSchedule.linear 1e-3 0.0 }
            AdamEpsilon = 1e-8
            Exploration = { ExplorationRate = RateSchedule.Linear(1.0, 0.02, 0.2) }
            MaxGradientNorm = 10.0
            LayerNormalisation = true
            Convolutions = Convolutions.Automatic
        }

    /// A row an option, in the order of files.
    let rows: OptionRow<PqnOptions> list =
        let d = defaults
        let plan rows = Options.group (fun (c: PqnOptions) -> c.Plan) (fun v c -> { c with Plan = v }) rows
        let network rows = Options.group (fun (c: PqnOptions) -> c.Network) (fun v c -> { c with Network = v }) rows
        let rate rows = Options.group (fun (c: PqnOptions) -> c.Rate) (fun v c -> { c with Rate = v }) rows

        let exploration rows =
            Options.group (fun (c: PqnOptions) -> c.Exploration) (fun v c -> { c with Exploration = v }) rows

        [
            yield! plan PlanOptions.rows
            Options.whole (nameof d.RolloutSteps) (Range.atLeast 1.0) _.RolloutSteps (fun v c ->
                { c with RolloutSteps = v })
            Options.number (nameof d.Discount) Range.fraction _.Discount (fun v c -> { c with Discount = v })
            Options.number (nameof d.Lambda) Range.fraction _.Lambda (fun v c -> { c with Lambda = v })
            Options.whole (nameof d.MinibatchSize) (Range.atLeast 1.0) _.MinibatchSize (fun v c ->
                { c with MinibatchSize = v })
            Options.whole (nameof d.Epochs) (Range.atLeast 1.0) _.Epochs (fun v c -> { c with Epochs = v })
            yield!
                rate RateOptions.rows
                |> Options.meaning (nameof d.Rate.LearningRate) "Rectified Adam's step size α."
            Options.number (nameof d.AdamEpsilon) Range.positive _.AdamEpsilon (fun v c -> { c with AdamEpsilon = v })
            yield! exploration EpsilonGreedyOptions.rows
            Options.number (nameof d.MaxGradientNorm) Range.notNegative _.MaxGradientNorm (fun v c ->
                { c with MaxGradientNorm = v })
            yield! network NetworkOptions.normaliseObservations
            yield!
                network (NetworkOptions.ofOne "of the values of actions" NetworkOptions.layers)
                |> Options.meaning (nameof d.Network.Hidden) "Widths of the hidden layers of the action values."
            Options.flag (nameof d.LayerNormalisation) _.LayerNormalisation (fun v c ->
                { c with LayerNormalisation = v })
            Options.convolutions (nameof d.Convolutions) _.Convolutions (fun v c -> { c with Convolutions = v })
        ]

    /// Fails for the first option that is out of its range, naming it.
    let validate (c: PqnOptions) : unit = NetworkOptions.validate rows defaults c

    /// The options as named texts.
    let toPairs (options: PqnOptions) : (string * string) list = Options.toPairs rows options

    /// The defaults with the named options replaced; names are matched whatever their case.
    let ofPairs (pairs: (string * string) list) : PqnOptions = Options.ofPairs rows pairs defaults

/// The λ-returns of a rollout of action values.
type ActionValueReturns =
    {
        /// [T, N]: Gₜ.
        Returns: float32[]
        /// [T, N]: 1 where Gₜ can be known, else 0.
        Weights: float32[]
    }

/// Parallelised Q-learning (Gallici, Fellows, Ellis, Pou, Masmitja, Foerster, Martin, "Simplifying deep temporal
/// difference learning", 2025, algorithm 1): no replay and no target network.
[<RequireQualifiedAccess>]
module Pqn =

    let private learningRate = Column.scalar "learningRate"
    let private targets = Column.number "returns"
    let private weights = Column.number "weights"
    let private group = "network"

    /// The network of action values, which acts greedily.
    let network (c: PqnOptions) (observations: Space) (actions: Space) : Actor =
        match actions with
        | Space.Discrete(count, _) ->
            let distribution = GreedyPolicy.create count
            let own = NetworkDesign.only c.Network.Network

            PolicyNetwork.valuesOf own c.Convolutions c.Network.Activation c.Network.Hidden observations distribution
            |> if c.LayerNormalisation then PolicyNetwork.normalised else id
        | _ ->
            Guard.fail
                "environment"
                ("pqn compares the values of a few actions, so it needs a Discrete action space; the actions are "
                 + $"{actions}. ppo, a2c, trpo and cem take any action space.")

    /// Q(λ)-returns [T, N] of a rollout whose values are maxₐ Q(s, a), backwards:
    ///
    ///   Gₜ = rₜ + γ [not terminated] [λ Gₜ₊₁ + (1 − λ) maxₐ Q(sₜ₊₁, a)],
    ///
    /// and maxₐ Q(sₜ₊₁, a) alone after the last step. A time limit cuts λ, not the value: that of the true last
    /// observation. In rollouts with masks nobody knows which actions are possible there: such a step weighs nothing,
    /// and the step before it takes its value for its return. discount, lambda ∈ [0, 1].
    let returns (discount: float) (lambda: float) (rollout: Rollout) : ActionValueReturns =
        let count, copies = rollout.Rewards.Length, rollout.Copies
        let isKnown index = rollout.Masks.Length = 0 || rollout.Terminated[index] || not rollout.Truncated[index]
        let discounts, traces = Array.zeroCreate<float32> count, Array.zeroCreate<float32> count
        Returns.Discounts(float32 discount, rollout.Terminated, discounts)
        Returns.Traces(float32 lambda, rollout.Terminated, rollout.Truncated, traces)

        for index in copies .. count - 1 do
            if not (isKnown index) then traces[index - copies] <- 0.0f

        let steps =
            Steps(
                copies,
                ReadOnlySpan rollout.Rewards,
                ReadOnlySpan discounts,
                ReadOnlySpan rollout.NextValues,
                ReadOnlySpan traces
            )

        let result = Array.zeroCreate<float32> count
        Recurrence.Lambda(&steps, ReadOnlySpan.Empty, Span result)
        { Returns = result; Weights = Array.init count (fun index -> if isKnown index then 1.0f else 0.0f) }

    /// What it minimises: mean ½ (Q(s, a) − G)².
    let private loss (network: Actor) (columns: TransitionColumns) (hasMasks: bool) (batch: Batch) =
        let q = Actor.policy network (batch.Parameters group) batch[columns.Observations]
        let chosen = ValueLearning.chosen (Expr.squeeze -1 batch[columns.Actions]) q
        let cost = 0.5 * Expr.square (ValueLearning.error chosen batch[targets])

        [
            Term.mean "valueLoss" 1.0 (if hasMasks then batch[weights] * cost else cost)
            Term.report "actionValue" chosen
        ]

    /// The update for minibatches of `size` steps.
    let plan (c: PqnOptions) (network: Actor) (columns: TransitionColumns) (hasMasks: bool) (size: int) : UpdatePlan =
        let part = { First = 0; Layout = Actor.layout network }

        let optimiser =
            Optimiser.rAdam (Schedule.input learningRate.Name) 0.9 0.999 c.AdamEpsilon 0.0
            |> NetworkOptions.constrain c.Network

        {
            Name = "minibatch step"
            Groups = [ ParameterGroup.ofPart group part (GroupMotion.Learns("optimiser", optimiser)) ]
            Shape = SampleShape.steps size
            MaxGradientNorm = c.MaxGradientNorm
            Loss = loss network columns hasMasks
        }

    let private metrics = [ "valueLoss"; "actionValue"; "gradientNorm" ]

    let private bind (c: PqnOptions) (environment: BatchEnvironment) (workers: Workers) : Learner =
        let network = network c environment.ObservationSpace environment.ActionSpace
        let layout, copies = Actor.layout network, environment.Count
        let columns = TransitionColumns.ofEnvironment environment
        let samples = RolloutSize.samples c.RolloutSteps environment
        let minibatches = Minibatches.OfLargest(samples, c.MinibatchSize)
        let update = Update.create (plan c network columns environment.HasActionMasks minibatches.Size)

        // The steps before the rollout that is being collected.
        let before = ref 0L

        let explore =
            ChooseAction(fun step _ outputs _ possible action rng ->
                let steps = before.Value + int64 step * int64 copies
                let rate = EpsilonGreedyOptions.after c.Plan steps c.Exploration
                EpsilonGreedyActions.choose rate network.Distribution outputs possible action rng)

        let collector =
            let options: CollectorOptions =
                {
                    Steps = c.RolloutSteps
                    Normalise = c.Network.NormaliseObservations
                    SequenceLength = 1
                    ExplorationSteps = 0
                }

            Collector(
                network,
                StateValues.GreatestOutput,
                layout,
                Explorer.Choose explore,
                environment,
                options,
                workers
            )

        let collect (state: TrainingState) : struct (Rollout * TrainingState) =
            before.Value <- state.Steps
            let struct (rollout, acted) = collector.Collect state

            struct (rollout,
                    { acted with
                        Steps = state.Steps + int64 samples
                        Updates = state.Updates + 1L
                        Observations = Learners.observe state.Observations rollout
                    })

        let learn (state: TrainingState) (struct (rollout: Rollout, acted: TrainingState)) =
            let credited = returns c.Discount c.Lambda rollout

            let all =
                Samples.OfRollout(
                    copies,
                    [
                        columns.Observations, rollout.Observations
                        columns.Actions, rollout.Actions
                        targets, credited.Returns
                        weights, credited.Weights
                    ]
                )

            let rate = RateOptions.after c.Plan state.Steps c.Rate
            let draft = Draft acted
            update.Load draft
            update.Set(learningRate, rate)
            let means = Means(update, metrics)

            let step (minibatch: Minibatch) =
                update.Choose(all, minibatch)
                update.Run workers
                means.Add()

            let key = minibatches.Run(c.Epochs, state.Key, step)
            update.Store draft
            let next = { draft.Onto acted with Key = key }

            let report: Report =
                {
                    Steps = next.Steps
                    Updates = next.Updates
                    Episodes = rollout.Episodes
                    Metrics =
                        [|
                            yield! means.All
                            struct ("explainedVariance", OnPolicy.explainedVariance rollout.Values credited.Returns)
                            struct ("explorationRate", EpsilonGreedyOptions.after c.Plan next.Steps c.Exploration)
                            struct ("learningRate", float (float32 rate))
                        |]
                }

            struct (next, report)

        Learner.ofFunctions
            {
                Algorithm = "pqn"
                Environment = environment
                Network = network
                Options = PqnOptions.toPairs c
                TotalSteps = c.Plan.TotalSteps
                Arrays = update.Arrays
                Start = Learners.start layout environment c.Network.NormaliseObservations false
                Collect = collect
                Learn = learn
            }

    /// Binds options to environments. `workers` share the work; the results do not depend on their number.
    let create (options: PqnOptions) (environment: BatchEnvironment) (workers: Workers) : Learner =
        PqnOptions.validate options
        bind options environment workers

    /// What there is to know of it.
    let entry =
        AlgorithmEntry.create
            {
                Id = "pqn"
                Name = "Parallelised Q-learning"
                Summary =
                    "Action values of normalised layers regressed on λ-returns, without replay (Gallici et al. 2025)."
                Source = "Gallici et al., \"Simplifying deep temporal difference learning\" (2025)"
                Family = AlgorithmFamily.OnPolicy
            }
            PqnOptions.defaults
            PqnOptions.rows
            [ "RolloutSteps", "32"; "MinibatchSize", "96"; "Hidden", "16" ]
            PqnOptions.validate
            create
        |> AlgorithmEntry.withActions _.IsDiscrete
        |> AlgorithmEntry.withParameters PqnOptions.ofPairs (fun c observations actions ->
            (Actor.layout (network c observations actions)).Count)
