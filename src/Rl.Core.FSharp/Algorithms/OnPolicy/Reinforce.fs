/// REINFORCE: run whole episodes, credit each action with a return, step along ∇log π · credit.
namespace Rl.Core.Algorithms

open System
open System.Collections.Generic
open System.Runtime.InteropServices
open Rl.Core.Acting
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Objectives
open Rl.Core.Optimisers

/// Options of REINFORCE (Williams 1992).
type ReinforceOptions =
    {
        Plan: PlanOptions
        Network: NetworkOptions
        Exploration: ExplorationOptions
        /// Whole episodes, over all copies, between updates.
        EpisodesPerUpdate: int
        /// A trajectory is cut after this many steps.
        MaxTrajectorySteps: int
        /// What an action is credited with.
        Estimate: ReturnEstimate
        /// What is subtracted from the credit.
        Baseline: ReturnBaseline
        /// The discount γ.
        Discount: float
        /// Adam's step size for the policy.
        LearningRate: RateSchedule
        /// Adam's step size for a learned baseline.
        ValueLearningRate: RateSchedule
        Optimiser: OptimiserOptions
        /// Gradient steps of a learned baseline after each update.
        ValueSteps: int
        /// Subtract the mean of an update's advantages and divide by their standard deviation.
        NormaliseAdvantages: bool
        /// The weight of the entropy bonus.
        EntropyCoefficient: RateSchedule
        /// The gradient is scaled down to this norm.
        MaxGradientNorm: float
    }

/// Defaults, rows, checks and texts.
[<RequireQualifiedAccess>]
module ReinforceOptions =

    /// Rewards-to-go with a learned baseline.
    let defaults =
        {
            Plan = { TotalSteps = 300_000L }
            Network = NetworkOptions.defaults [ 64; 64 ]
            Exploration = { InitialLogStandardDeviation = 0.0 }
            EpisodesPerUpdate = 16
            MaxTrajectorySteps = 10_000
            Estimate = ReturnEstimate.RewardToGo
            Baseline = ReturnBaseline.Learned
            Discount = 0.99
            LearningRate = RateSchedule.Constant 3e-3
            ValueLearningRate = RateSchedule.Constant 3e-3
            Optimiser = OptimiserOptions.defaults
            ValueSteps = 20
            NormaliseAdvantages = true
            EntropyCoefficient = RateSchedule.Constant 0.0
            MaxGradientNorm = 0.5
        }

    /// A row an option, in the order of files.
    let rows: OptionRow<ReinforceOptions> list =
        let d = defaults
        let plan rows = Options.group (fun (c: ReinforceOptions) -> c.Plan) (fun v c -> { c with Plan = v }) rows

        let network rows =
            Options.group (fun (c: ReinforceOptions) -> c.Network) (fun v c -> { c with Network = v }) rows

        let exploration rows =
            Options.group (fun (c: ReinforceOptions) -> c.Exploration) (fun v c -> { c with Exploration = v }) rows

        let optimiser rows =
            Options.group (fun (c: ReinforceOptions) -> c.Optimiser) (fun v c -> { c with Optimiser = v }) rows

        [
            yield! plan PlanOptions.rows
            Options.whole (nameof d.EpisodesPerUpdate) (Range.atLeast 1.0) _.EpisodesPerUpdate (fun v c ->
                { c with EpisodesPerUpdate = v })
            Options.whole (nameof d.MaxTrajectorySteps) (Range.atLeast 1.0) _.MaxTrajectorySteps (fun v c ->
                { c with MaxTrajectorySteps = v })
            Options.choice ReturnEstimate.names (nameof d.Estimate) _.Estimate (fun v c -> { c with Estimate = v })
            Options.choice ReturnBaseline.names (nameof d.Baseline) _.Baseline (fun v c -> { c with Baseline = v })
            Options.number (nameof d.Discount) Range.fraction _.Discount (fun v c -> { c with Discount = v })
            Options.rate (nameof d.LearningRate) _.LearningRate (fun v c -> { c with LearningRate = v })
            Options.rate (nameof d.ValueLearningRate) _.ValueLearningRate (fun v c -> { c with ValueLearningRate = v })
            yield! optimiser OptimiserOptions.rows
            Options.whole (nameof d.ValueSteps) (Range.atLeast 1.0) _.ValueSteps (fun v c -> { c with ValueSteps = v })
            Options.flag (nameof d.NormaliseAdvantages) _.NormaliseAdvantages (fun v c ->
                { c with NormaliseAdvantages = v })
            Options.schedule (nameof d.EntropyCoefficient) Range.notNegative _.EntropyCoefficient (fun v c ->
                { c with EntropyCoefficient = v })
            Options.number (nameof d.MaxGradientNorm) Range.positive _.MaxGradientNorm (fun v c ->
                { c with MaxGradientNorm = v })
            yield! network NetworkOptions.normaliseObservations
            yield!
                network (NetworkOptions.ofTwo NetworkOptions.layers)
                |> Options.meaning (nameof d.Network.Hidden) "Widths of the hidden layers."
            yield! exploration ExplorationOptions.rows
            yield! network NetworkOptions.actionScaling
        ]

    /// Fails for the first option that is out of its range, naming it.
    let validate (options: ReinforceOptions) = NetworkOptions.validate rows defaults options

    /// The options as named texts.
    let toPairs (options: ReinforceOptions) : (string * string) list = Options.toPairs rows options

    /// The defaults with the named options replaced; names are matched whatever their case.
    let ofPairs (pairs: (string * string) list) : ReinforceOptions = Options.ofPairs rows pairs defaults

/// REINFORCE (Williams, "Simple statistical gradient-following algorithms for connectionist reinforcement learning",
/// 1992; slides 8, 14 and 15).
[<RequireQualifiedAccess>]
module Reinforce =

    let private learningRate (c: ReinforceOptions) = Rate.create (nameof c.LearningRate) c.LearningRate
    let private valueLearningRate (c: ReinforceOptions) = Rate.create (nameof c.ValueLearningRate) c.ValueLearningRate

    let private entropyCoefficient (c: ReinforceOptions) =
        Rate.create (nameof c.EntropyCoefficient) c.EntropyCoefficient

    let private rates (c: ReinforceOptions) = [ learningRate c; valueLearningRate c; entropyCoefficient c ]

    /// What each step counts for in sums; 0 for the rows that fill up a program's size.
    let private weights = Column.number "weights"

    /// What the policy minimises: Σ w (−log π(a|s) · A − c · entropy).
    let private policyLoss (c: ReinforceOptions) (network: ActorCritic) (columns: RolloutColumns) (batch: Batch) =
        let output = Forward.output network columns batch
        let struct (logProbability, entropy) = Policy.evaluate network.Head output batch[columns.Actions]
        let score = PolicyGradients.score logProbability batch[columns.Advantages]

        [
            Term.sum "policyLoss" 1.0 (batch[weights] * score)
            yield! Rate.bonus Term.sum batch (entropyCoefficient c) "entropy" (batch[weights] * entropy)
        ]

    /// What the learned baseline minimises: Σ w ½ (V(s) − G)².
    let private valueLoss (network: ActorCritic) (columns: RolloutColumns) (batch: Batch) =
        let output = Forward.output network columns batch

        [ Term.sum "valueLoss" 1.0 (batch[weights] * PolicyGradients.valueLoss output.Value batch[columns.Returns]) ]

    /// The smallest power of two ≥ 64 that holds `samples`: updates are compiled for a few sizes.
    let private paddedSize (samples: int) = int (Numerics.BitOperations.RoundUpToPowerOf2(uint32 (max 64 samples)))

    /// Updates for any number of samples, by their padded size.
    let private updates (c: ReinforceOptions) (network: ActorCritic) (name: string) rate limit loss =
        let known = Dictionary<int, Update>()

        let create size =
            let optimiser =
                OptimiserOptions.transform (Rate.stepSize rate) 1e-8 c.Optimiser
                |> NetworkOptions.constrain c.Network

            Update.create
                {
                    Name = name + " step"
                    Groups =
                        [ ParameterGroup.ofPart "network" (Part.whole network) (GroupMotion.Learns(name, optimiser)) ]
                    Shape = SampleShape.steps size
                    MaxGradientNorm = limit
                    Loss = loss
                }

        fun samples ->
            let size = paddedSize samples

            match known.TryGetValue size with
            | true, update -> update
            | _ ->
                let update = create size
                known[size] <- update
                update

    /// The rows of trajectories one after the other, then zeros.
    let private rows (size: int) (column: Column) (values: Trajectory -> List<float32>) (trajectories: Trajectory[]) =
        let result = Array.zeroCreate<float32>(size * column.Numbers)
        let mutable offset = 0

        for trajectory in trajectories do
            let values = values trajectory
            CollectionsMarshal.AsSpan(values).CopyTo(result.AsSpan offset)
            offset <- offset + values.Count

        column, result

    /// Numbers of all steps one after the other, then zeros.
    let private padded (size: int) (column: Column) (values: float[][]) =
        let result = Array.zeroCreate<float32> size
        values |> Seq.concat |> Seq.iteri (fun row value -> result[row] <- float32 value)
        column, result

    let private standardise (advantages: float[][]) =
        let all = PolicyGradients.standardiseValues 0 (ReadOnlySpan(Array.concat advantages))
        let starts = advantages |> Array.scan (fun start part -> start + part.Length) 0
        advantages |> Array.mapi (fun index part -> Array.sub all starts[index] part.Length)

    let private observe (statistics: RunningStatistics) (trajectories: Trajectory[]) =
        trajectories
        |> Array.fold
            (fun statistics trajectory ->
                RunningStatistics.update (ReadOnlySpan(trajectory.RawObservations.ToArray())) statistics)
            statistics

    /// The estimate Ĝ of every step.
    let private returns (c: ReinforceOptions) (trajectories: Trajectory[]) =
        trajectories
        |> Array.map (fun trajectory ->
            // Only a learned value can stand for what a cut trajectory would still have earned.
            let bootstrap = if c.Baseline = ReturnBaseline.Learned then float trajectory.Bootstrap else 0.0
            Credit.returns c.Estimate c.Discount bootstrap (trajectory.Rewards.ToArray() |> Array.map float))

    /// Ĝ less the baseline, standardised if the options say so.
    let private advantages (c: ReinforceOptions) (trajectories: Trajectory[]) (returns: float[][]) =
        let baselines =
            match c.Baseline with
            | ReturnBaseline.None -> returns |> Array.map (Array.map (fun _ -> 0.0))
            | ReturnBaseline.Average -> Credit.averageBaseline c.Estimate returns
            | ReturnBaseline.Learned ->
                trajectories |> Array.map (fun trajectory -> trajectory.Values.ToArray() |> Array.map float)

        let advantages = Array.map2 (Array.map2 (-)) returns baselines
        if c.NormaliseAdvantages then standardise advantages else advantages

    let private bind (c: ReinforceOptions) (environment: BatchEnvironment) (workers: Workers) : Learner =
        let network = OnPolicy.network (OnPolicy.apart c.Network) c.Exploration environment
        let layout = ActorCritic.layout network
        let columns = RolloutColumns.ofEnvironment network environment
        let limit = c.MaxGradientNorm
        let policy = updates c network "policy" (learningRate c) limit (policyLoss c network columns)
        let value = updates c network "value" (valueLearningRate c) limit (valueLoss network columns)

        let collector =
            TrajectoryCollector(
                network,
                environment,
                c.EpisodesPerUpdate,
                c.MaxTrajectorySteps,
                c.Network.NormaliseObservations,
                workers
            )

        let learn (state: TrainingState) (struct (trajectories: Trajectory[], acted: TrainingState)) =
            let returns = returns c trajectories
            let advantages = advantages c trajectories returns
            let count = trajectories |> Array.sumBy (fun trajectory -> trajectory.Length)
            let size = paddedSize count

            let samples =
                let rows column values = rows size column values trajectories

                Samples(
                    environment.Count,
                    TrajectoryCollector.Place trajectories,
                    [
                        rows columns.Observations _.Observations
                        rows columns.Actions _.Actions
                        if columns.HasMasks then rows columns.Masks _.Masks
                        padded size columns.Advantages advantages
                        padded size columns.Returns returns
                    ]
                )

            let weighted weight =
                samples.With [ weights, Array.init size (fun row -> if row < count then weight else 0.0f) ]

            let run (update: Update) (draft: Draft) weight times =
                update.Load draft
                update.ChooseAll(weighted weight)

                for _ in 1..times do
                    update.Run workers

                update.Store draft

            // (1/N) Σ over trajectories of Σ over steps: eq. 8 of the lecture.
            let draft, policy, value = Draft state, policy count, value count
            Rate.set c.Plan state.Steps (rates c) [ policy; value ]
            run policy draft (1.0f / float32 trajectories.Length) 1
            let learned = c.Baseline = ReturnBaseline.Learned
            if learned then run value draft (1.0f / float32 count) c.ValueSteps

            let next =
                { draft.Onto acted with
                    Steps = state.Steps + int64 count
                    Updates = state.Updates + 1L
                    Observations = observe state.Observations trajectories
                }

            let metrics =
                [|
                    struct ("policyLoss", policy.Scalar "policyLoss")
                    struct ("entropy", policy.Scalar "entropy" * float trajectories.Length / float count)
                    struct ("gradientNorm", policy.Scalar "gradientNorm")
                    yield! Rate.metrics c.Plan state.Steps (rates c)

                    if learned then
                        struct ("valueLoss", value.Scalar "valueLoss")
                        let values = trajectories |> Seq.collect (fun trajectory -> trajectory.Values) |> Seq.toArray
                        let targets = returns |> Array.concat |> Array.map float32
                        struct ("explainedVariance", OnPolicy.explainedVariance values targets)
                |]

            struct (next,
                    {
                        Steps = next.Steps
                        Updates = next.Updates
                        Episodes =
                            trajectories
                            |> Array.map (fun trajectory -> trajectory.Episode)
                            |> Array.filter (fun episode -> episode.Length > 0)
                        Metrics = metrics
                    })

        let smallest = 1

        Learner.ofFunctions
            {
                Algorithm = "reinforce"
                Environment = environment
                Network = network.Actor
                Options = ReinforceOptions.toPairs c
                TotalSteps = c.Plan.TotalSteps
                Arrays = (policy smallest).Arrays @ (value smallest).Arrays
                Start = Learners.start layout environment c.Network.NormaliseObservations false
                Collect = collector.Collect
                Learn = learn
            }

    /// Binds options to environments. `workers` share the work; the results do not depend on their number.
    let create (options: ReinforceOptions) (environment: BatchEnvironment) (workers: Workers) : Learner =
        ReinforceOptions.validate options
        bind options environment workers

    /// What there is to know of it.
    let entry =
        AlgorithmEntry.create
            {
                Id = "reinforce"
                Name = "REINFORCE"
                Summary = "Whole episodes, each action credited with its return less a baseline (Williams 1992)."
                Source =
                    ("Williams, \"Simple statistical gradient-following algorithms for connectionist "
                     + "reinforcement learning\" (1992)")
                Family = AlgorithmFamily.OnPolicy
            }
            ReinforceOptions.defaults
            ReinforceOptions.rows
            [ "EpisodesPerUpdate", "6" ]
            ReinforceOptions.validate
            create
        |> AlgorithmEntry.withParameters ReinforceOptions.ofPairs (fun c ->
            OnPolicy.parameters (OnPolicy.apart c.Network) c.Exploration)
