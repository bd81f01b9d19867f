/// PPO and REINFORCE in their plainest form: one copy after the other, one step after the other, numbers in double
/// precision.
module Rl.Tests.Algorithms.PlainLearners

open System
open Rl.Core.Acting
open Rl.Core.Algorithms
open Rl.Core.Autodiff
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Tests.Algorithms.Twins

/// One step of one copy.
type PlainStep =
    {
        Observation: float32[]
        Raw: float32[]
        Action: float32[]
        LogProbability: float
        Value: float
        Reward: float
        Terminated: bool
        Truncated: bool
        /// V of the state that the step led to: at a time limit that of the true last observation.
        NextValue: float
    }

/// What acts: a network with parameters and statistics of observations, one row at a time.
type PlainActor(learner: Learner, state: TrainingState) =
    let environment = learner.Environment
    let network = LearnerNetwork.ofLearner learner
    let layout = ActorCritic.layout network
    let program = ActingProgram(network, layout, 1, environment.ObservationSize)
    do state.Parameters.CopyTo program.Theta

    /// What the network sees of an observation.
    member _.See(raw: float32[]) : float32[] =
        if state.Observations.Size = 0 then
            raw
        else
            let seen = Array.zeroCreate<float32> raw.Length
            RunningStatistics.normalise state.Observations 10.0f (ReadOnlySpan raw) (Span seen)
            seen

    /// V of an observation.
    member this.Value(raw: float32[]) : float =
        (this.See raw).CopyTo program.Observations
        program.Run()
        float program.Value[0]

    /// Draws an action: struct (action, its log-probability, the stream that follows).
    member this.Act (raw: float32[]) (key: Rng) : struct (float32[] * float * Rng) =
        (this.See raw).CopyTo program.Observations
        program.Run()
        let action = Array.zeroCreate<float32> environment.ActionSize

        let struct (logProbability, key) =
            Policy.sample learner.Network.Distribution program.Policy (program.DeviationOf 0) (Span action) key

        struct (action, float logProbability, key)

/// Steps one copy until `isDone` of the steps so far: its steps.
let private follow
    (learner: Learner)
    (state: TrainingState)
    copy
    (isDone: PlainStep list -> bool)
    (observation: float32[])
    key
    =
    let environment = learner.Environment
    let size, actionSize = environment.ObservationSize, environment.ActionSize
    let actor = PlainActor(learner, state)
    let buffers = environment.AllocateBuffers()
    let actions = Array.zeroCreate<float32>(environment.Count * actionSize)
    let mutable present = observation
    let mutable key = key
    let mutable steps: PlainStep list = []

    while not (isDone steps) do
        let value = actor.Value present
        let struct (action, logProbability, next) = actor.Act present key
        key <- next

        Policy.toEnvironment
            learner.Network.Actions
            environment.ActionSpace
            (ReadOnlySpan action)
            (Span(actions, copy * actionSize, actionSize))

        environment.Step(copy, 1, ReadOnlySpan actions, buffers)
        let row (memory: Memory<float32>) = memory.Slice(copy * size, size).ToArray()
        let truncated = buffers.Truncated.Span[copy]
        let following = row buffers.Observations
        let led = if truncated then row buffers.FinalObservations else following

        let step =
            {
                Observation = actor.See present
                Raw = present
                Action = action
                LogProbability = logProbability
                Value = value
                Reward = float buffers.Rewards.Span[copy]
                Terminated = buffers.Terminated.Span[copy]
                Truncated = truncated
                NextValue = actor.Value led
            }

        steps <- step :: steps
        present <- following

    struct (List.rev steps, present, key)

/// The observations [N] of a state's environments, which are put there.
let private restore (learner: Learner) (state: TrainingState) : float32[][] =
    let environment = learner.Environment
    environment.Restore state.Environments
    let observations = Array.zeroCreate<float32>(environment.Count * environment.ObservationSize)
    environment.Observe(Span observations)
    Array.chunkBySize environment.ObservationSize observations

// --- PPO
// ----------------------------------------------------------------------------------------------------------------

/// T steps of each copy [N][T].
let rollout (learner: Learner) (steps: int) (state: TrainingState) : PlainStep[][] =
    restore learner state
    |> Array.mapi (fun copy observation ->
        let struct (taken, _, _) =
            follow learner state copy (fun taken -> taken.Length = steps) observation state.ActionKeys[copy]

        List.toArray taken)

/// Generalised advantages of one copy's steps, by their definition.
let advantages (discount: float) (lambda: float) (steps: PlainStep[]) : float[] =
    let result = Array.zeroCreate<float> steps.Length
    let mutable following = 0.0

    for t in steps.Length - 1 .. -1 .. 0 do
        let step = steps[t]
        let next = if step.Terminated then 0.0 else step.NextValue
        let error = step.Reward + discount * next - step.Value
        let goesOn = not step.Terminated && not step.Truncated
        following <- if goesOn then error + discount * lambda * following else error
        result[t] <- following

    result

/// Rewards [N][T] divided by the deviation of the discounted returns seen so far, clipped to ± 10.
let scaledRewards (discount: float) (steps: PlainStep[][]) : float[][] =
    let scaled = steps |> Array.map (Array.map _.Reward)
    let running = Array.zeroCreate<float> steps.Length
    let seen = ResizeArray<float>()

    for t in 0 .. steps[0].Length - 1 do
        for copy in 0 .. steps.Length - 1 do
            let step = steps[copy][t]
            running[copy] <- discount * running[copy] + step.Reward
            seen.Add running[copy]

        let mean = Seq.average seen
        let variance = seen |> Seq.averageBy (fun value -> (value - mean) * (value - mean))
        let variance = if seen.Count < 2 then 1.0 else variance

        for copy in 0 .. steps.Length - 1 do
            scaled[copy][t] <- Math.Clamp(scaled[copy][t] / sqrt (variance + 1e-8), -10.0, 10.0)
            let step = steps[copy][t]
            if step.Terminated || step.Truncated then running[copy] <- 0.0

    scaled

/// θ after a first transition from `state`, and the number of epochs: the compiled step on minibatches gathered by
/// hand.
let ppo (c: PpoOptions) (learner: Learner) (state: TrainingState) : struct (float[] * int) =
    let environment = learner.Environment
    let copies, samples = environment.Count, environment.Count * c.Rollout.RolloutSteps
    let steps = rollout learner c.Rollout.RolloutSteps state

    let rewards =
        if c.Rollout.NormaliseRewards then
            scaledRewards c.Rollout.Discount steps
        else
            steps |> Array.map (Array.map _.Reward)

    let paid = Array.map2 (Array.map2 (fun (step: PlainStep) reward -> { step with Reward = reward })) steps rewards

    let advantages = paid |> Array.map (advantages c.Rollout.Discount c.Rollout.GaeLambda)
    let sample index = steps[index % copies][index / copies]
    let advantage index = advantages[index % copies][index / copies]
    let count = (samples + c.MinibatchSize - 1) / c.MinibatchSize
    let size = samples / count
    let source = (UpdateSource.create (Ppo.plan c (LearnerNetwork.ofLearner learner) false size)).Program
    let program = Program.compile<float> source
    program.Set("theta", ReadOnlySpan(state.Parameters |> Array.map float))
    program.Input("learningRate")[0] <- PlainRates.after c.Plan state.Steps c.Rate.LearningRate
    program.Input("clipRange")[0] <- PlainRates.after c.Plan state.Steps c.ClipRange
    let order = Array.init samples id
    let mutable key = state.Key
    let mutable epochs = 0
    let mutable stopped = false

    while epochs < c.Epochs && not stopped do
        key <- Rng.shuffle (Span order) key
        let mutable divergence = 0.0

        for minibatch in Array.truncate count (Array.chunkBySize size order) do
            let set name (values: int -> float) = program.Set(name, ReadOnlySpan(Array.map values minibatch))

            let spread name (values: PlainStep -> float32[]) =
                program.Set(name, ReadOnlySpan(minibatch |> Array.collect (sample >> values) |> Array.map float))

            spread "observations" _.Observation

            if program.HasInput "critic/observations" then
                spread "critic/observations" _.Observation

            spread "actions" _.Action
            set "oldLogProbabilities" (fun index -> (sample index).LogProbability)
            set "advantages" advantage
            set "returns" (fun index -> advantage index + (sample index).Value)
            program.Run()
            divergence <- divergence + program.Scalar "approximateKl"

        epochs <- epochs + 1
        stopped <- PlainRates.start c.TargetKl > 0.0 && divergence / float count > 1.5 * PlainRates.start c.TargetKl

    struct ((program.Input "theta").ToArray(), epochs)

// --- REINFORCE
// ----------------------------------------------------------------------------------------------------------

/// Whole trajectories of each copy, by copy, then by time; one that grows too long is cut and its episode goes on in
/// the next.
let trajectories (c: ReinforceOptions) (learner: Learner) (state: TrainingState) : PlainStep[][] =
    let copies = learner.Environment.Count
    let ends (step: PlainStep) = step.Terminated || step.Truncated

    restore learner state
    |> Array.mapi (fun copy observation ->
        let quota = c.EpisodesPerUpdate / copies + (if copy < c.EpisodesPerUpdate % copies then 1 else 0)
        let isWhole (taken: PlainStep list) = taken <> [] && (ends taken.Head || taken.Length = c.MaxTrajectorySteps)

        List.init quota id
        |> List.mapFold
            (fun struct (observation, key) _ ->
                let struct (taken, observation, key) = follow learner state copy isWhole observation key
                List.toArray taken, struct (observation, key))
            struct (observation, state.ActionKeys[copy])
        |> fst)
    |> Seq.concat
    |> Seq.toArray

/// The policy's loss, its mean entropy, the norm of its gradient and the loss of the learned baseline before its first
/// step: of the first transition from `state`.
let reinforce (c: ReinforceOptions) (learner: Learner) (state: TrainingState) : (string * float) list =
    let trajectories = trajectories c learner state
    let learned = c.Baseline = ReturnBaseline.Learned

    let returns =
        trajectories
        |> Array.map (fun steps ->
            let last = steps[steps.Length - 1]
            let bootstrap = if learned && not last.Terminated then last.NextValue else 0.0

            let toGo =
                Array.scanBack (fun (step: PlainStep) after -> step.Reward + c.Discount * after) steps bootstrap
                |> Array.truncate steps.Length

            match c.Estimate with
            | ReturnEstimate.RewardToGo -> toGo
            | ReturnEstimate.FullReturn -> Array.create steps.Length toGo[0])

    let baseline trajectory time =
        match c.Baseline with
        | ReturnBaseline.None -> 0.0
        | ReturnBaseline.Learned ->
            let step = trajectories[trajectory][time]
            step.Value
        | ReturnBaseline.Average ->
            returns
            |> Array.filter (fun ofTrajectory -> time < ofTrajectory.Length)
            |> Array.averageBy (fun ofTrajectory -> ofTrajectory[time])

    let plain =
        returns
        |> Array.mapi (fun trajectory -> Array.mapi (fun time value -> value - baseline trajectory time))
        |> Array.concat

    let advantages =
        if c.NormaliseAdvantages then
            let mean = Array.average plain
            let deviation = sqrt (plain |> Array.averageBy (fun value -> (value - mean) * (value - mean)))
            plain |> Array.map (fun value -> (value - mean) / (deviation + 1e-8))
        else
            plain

    let steps = Array.concat trajectories

    let matrix (rows: float32[][]) =
        Expr.constant (Tensor.create [| rows.Length; rows[0].Length |] (Array.concat rows |> Array.map float))

    let theta = Expr.fresh (Expr.vector (state.Parameters |> Array.map float))
    let network = LearnerNetwork.ofLearner learner
    let parameters = Parameters.create (ActorCritic.layout network) theta
    let output = ActorCritic.apply network parameters (matrix (steps |> Array.map _.Observation))

    let struct (logProbability, entropy) = Policy.evaluate network.Head output (matrix (steps |> Array.map _.Action))

    // Σ over all steps, over the number of trajectories.
    let perTrajectory (x: Expr) = Expr.sum x / float trajectories.Length
    let loss = -(perTrajectory (logProbability * Expr.vector advantages))
    let entropy = perTrajectory (Expr.broadcastTo logProbability.Shape entropy)
    let gradient = (Diff.gradients (loss - PlainRates.start c.EntropyCoefficient * entropy) [| theta |])[0]
    let number (x: Expr) = (Reference.evaluate x).Scalar

    [
        "policyLoss", number loss
        "entropy", number entropy * float trajectories.Length / float steps.Length
        "gradientNorm", number (Expr.sqrt (Expr.sum (Expr.square gradient)))
        if learned then
            "valueLoss", number (0.5 * Expr.mean (Expr.square (output.Value - Expr.vector (Array.concat returns))))
    ]
