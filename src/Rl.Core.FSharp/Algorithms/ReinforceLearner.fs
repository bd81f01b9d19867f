/// REINFORCE as a learner: trajectories in, one policy step and a few baseline steps out.
namespace Rl.Core.Algorithms

open System
open System.Collections.Generic
open System.Runtime.InteropServices
open Rl.Core.Acting
open Rl.Core.Foundations
open Rl.Core.Autodiff
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Networks
open Rl.Core.Optimisers

/// The learner: see `Reinforce.create`.
[<Sealed>]
type internal ReinforceLearner(c: ReinforceConfiguration, environment: BatchEnvironment, workers: Workers) =
    inherit Learner()

    let observationSize = Encoding.size environment.ObservationSpace

    let network =
        let head = Policy.headFor c.InitialLogStandardDeviation environment.ActionSpace

        ActorCritic.separate c.Activation observationSize c.Hidden head
        |> Policy.scaled c.ActionScaling environment.ActionSpace

    let layout = ActorCritic.layout network

    let collector =
        TrajectoryCollector(
            network,
            layout,
            environment,
            c.EpisodesPerUpdate,
            c.MaxTrajectorySteps,
            c.NormaliseObservations,
            workers
        )

    let policyVariables = Optimiser.state layout.Count (ReinforceStep.policyOptimiser c)
    let valueVariables = Optimiser.state layout.Count (ReinforceStep.valueOptimiser c)
    let policyStateSize = policyVariables |> List.sumBy (fun variable -> Shape.count variable.Shape)

    // Programs by what they fit (true: the policy) and padded size.
    let programs = Dictionary<struct (bool * int), Program<float32>>()

    let source isPolicy size =
        (if isPolicy then ReinforceStep.policy else ReinforceStep.value)
            c
            network
            observationSize
            environment.HasActionMasks
            size

    let program isPolicy size =
        match programs.TryGetValue(struct (isPolicy, size)) with
        | true, program -> program
        | _ ->
            let program = Program.compile<float32>(source isPolicy size)
            programs[struct (isPolicy, size)] <- program
            program

    let load (step: Program<float32>) (theta: float32[]) (variables: StateVariable list) (state: Span<float32>) =
        step.Set("theta", ReadOnlySpan theta)
        let mutable offset = 0

        for variable in variables do
            let target = step.Input("optimiser." + variable.Name)
            state.Slice(offset, target.Length).CopyTo target
            offset <- offset + target.Length

    let isFinite (step: Program<float32>) =
        Single.IsFinite(step.Scalar(fst step.Outputs.Head))
        && TrainingFailure.isFinite (Span.op_Implicit (step.Input "theta"))

    /// Runs a step program of the transition `update` some times on θ and the optimiser's variables, which are read and written in place.
    let run update isPolicy size (theta: float32[]) (variables: StateVariable list) (state: Span<float32>) times =
        let step = program isPolicy size
        load step theta variables state

        for _ in 1..times do
            step.Run workers

        if not (isFinite step) then
            load step theta variables state
            let name = if isPolicy then "policy step" else "value step"
            let none _ = ValueNone
            let noSample _ = struct (-1, -1)

            for number in 1..times do
                let before = TrainingFailure.inputs step
                step.Run workers

                if not (isFinite step) then
                    let source = source isPolicy size
                    raise (TrainingFailure.find "reinforce" update name 0 number source none noSample before)

        (step.Input "theta").CopyTo(Span theta)
        let mutable offset = 0

        for variable in variables do
            let source = step.Input("optimiser." + variable.Name)
            source.CopyTo(state.Slice offset)
            offset <- offset + source.Length

    /// Writes the trajectories' rows, then zeros, into a step's inputs.
    let fill (step: Program<float32>) (trajectories: Trajectory[]) (credit: float[][]) (weight: float32) =
        let write name (rows: Trajectory -> List<float32>) =
            let target = step.Input name
            target.Clear()
            let mutable offset = 0

            for trajectory in trajectories do
                let rows = rows trajectory
                CollectionsMarshal.AsSpan(rows).CopyTo(target.Slice offset)
                offset <- offset + rows.Count

        write "observations" (fun trajectory -> trajectory.Observations)

        // The baseline's step does not ask for the actions.
        if step.HasInput "actions" then
            write "actions" (fun trajectory -> trajectory.Actions)

        if step.HasInput "masks" then write "masks" (fun trajectory -> trajectory.Masks)

        let credits = step.Input "credit"
        let weights = step.Input "weights"
        credits.Clear()
        weights.Clear()
        let mutable row = 0

        for values in credit do
            for value in values do
                credits[row] <- float32 value
                weights[row] <- weight
                row <- row + 1

    /// Fits the learned baseline to the returns, moving θ and its part of the optimiser's state; returns its last loss.
    let fitValues update size trajectories (returns: float[][]) samples theta (optimiser: float32[]) =
        let step = program false size
        fill step trajectories returns (1.0f / float32 samples)
        run update false size theta valueVariables (optimiser.AsSpan policyStateSize) c.ValueSteps
        float (step.Scalar "valueLoss")

    let standardise (advantages: float[][]) =
        let all = Array.concat advantages
        let mean = Array.average all
        let deviation = sqrt (all |> Array.averageBy (fun value -> (value - mean) * (value - mean)))
        advantages |> Array.map (Array.map (fun value -> (value - mean) / (deviation + 1e-8)))

    let observe (statistics: RunningStatistics) (trajectories: Trajectory[]) =
        trajectories
        |> Array.fold
            (fun statistics trajectory ->
                RunningStatistics.update (ReadOnlySpan(trajectory.RawObservations.ToArray())) statistics)
            statistics

    override _.Algorithm = "reinforce"
    override _.Environment = environment
    override _.Network = network.Actor
    override _.Configuration = ReinforceConfiguration.toPairs c
    override _.TotalSteps = c.TotalSteps

    override _.Initialise(key: Rng) =
        Learners.initialise layout (policyVariables @ valueVariables) environment c.NormaliseObservations false key

    override _.Transition(state: TrainingState) =
        let struct (trajectories, actionKeys, environments) =
            try
                collector.Collect(state.Parameters, state.Observations, state.ActionKeys, state.Environments)
            with :? NonFiniteActing as failure ->
                raise (failure.Told("reinforce", state.Updates + 1L))

        let learned = c.Baseline = ReturnBaseline.Learned

        let returns =
            trajectories
            |> Array.map (fun trajectory ->
                // Only a learned value can stand for what a cut trajectory would still have earned.
                let bootstrap = if learned then float trajectory.Bootstrap else 0.0
                Credit.returns c.Estimate c.Discount bootstrap (trajectory.Rewards.ToArray() |> Array.map float))

        let baselines =
            match c.Baseline with
            | ReturnBaseline.None -> returns |> Array.map (Array.map (fun _ -> 0.0))
            | ReturnBaseline.Average -> Credit.averageBaseline c.Estimate returns
            | ReturnBaseline.Learned ->
                trajectories |> Array.map (fun trajectory -> trajectory.Values.ToArray() |> Array.map float)

        let advantages = Array.map2 (Array.map2 (-)) returns baselines
        let advantages = if c.NormaliseAdvantages then standardise advantages else advantages
        let samples = trajectories |> Array.sumBy (fun trajectory -> trajectory.Length)
        let size = ReinforceStep.paddedSize samples
        let theta = Array.copy state.Parameters
        let optimiser = Array.copy state.Optimiser

        // (1/N) Σ over trajectories of Σ over steps: eq. 8 of the lecture.
        let step = program true size
        fill step trajectories advantages (1.0f / float32 trajectories.Length)
        let update = state.Updates + 1L
        run update true size theta policyVariables (Span(optimiser, 0, policyStateSize)) 1
        let metric name = float (step.Scalar name)
        let meanEntropy = metric "entropy" * float trajectories.Length / float samples

        let metrics =
            [|
                struct ("policyLoss", metric "policyLoss")
                struct ("entropy", meanEntropy)
                struct ("gradientNorm", metric "gradientNorm")
                if learned then
                    struct ("valueLoss", fitValues update size trajectories returns samples theta optimiser)
                    let values = trajectories |> Seq.collect (fun trajectory -> trajectory.Values) |> Seq.toArray
                    let targets = returns |> Array.concat |> Array.map float32
                    struct ("explainedVariance", Learners.explainedVariance values targets)
            |]

        let next =
            {
                Steps = state.Steps + int64 samples
                Updates = state.Updates + 1L
                Parameters = theta
                Optimiser = optimiser
                Observations = observe state.Observations trajectories
                Rewards = state.Rewards
                DiscountedReturns = state.DiscountedReturns
                Key = state.Key
                ActionKeys = actionKeys
                Extras = state.Extras
                Environments = environments
            }

        let report =
            {
                Steps = next.Steps
                Updates = next.Updates
                Episodes =
                    trajectories
                    |> Array.map (fun trajectory -> trajectory.Episode)
                    |> Array.filter (fun episode -> episode.Length > 0)
                Metrics = metrics
            }

        struct (next, report)

/// REINFORCE (Williams, "Simple statistical gradient-following algorithms for connectionist reinforcement learning", 1992;
/// slides 8, 14 and 15).
[<RequireQualifiedAccess>]
module Reinforce =

    /// Binds a configuration to environments. `workers` share the work; the results do not depend on their number.
    let create (configuration: ReinforceConfiguration) (environment: BatchEnvironment) (workers: Workers) : Learner =
        ReinforceConfiguration.validate configuration
        new ReinforceLearner(configuration, environment, workers)
