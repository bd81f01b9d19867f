/// Judging many policies by their episodes: what the gradient-free methods share.
namespace Rl.Core.Algorithms

open System
open System.Collections.Generic
open Rl.Core.Acting
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks

/// What candidates did.
type internal PopulationResult =
    {
        /// The mean return of each candidate's episodes.
        Fitness: float[]
        /// The episodes that ended, by candidate, then by time.
        Episodes: EpisodeResult[]
        /// The state after acting, whose parameters are still to be moved.
        State: TrainingState
    }

/// One copy of the environment with a policy of its own. Deterministic: it takes the most probable action.
[<Sealed>]
type internal PopulationCopy(actor: Actor, environment: BatchEnvironment, copy: int, maxEpisodeSteps: int) =
    let space = environment.ObservationSpace
    let isIdentity = Encoding.isIdentity space
    let rawSize, inputs, actionSize = environment.ObservationSize, Encoding.size space, environment.ActionSize
    let choices = if environment.HasActionMasks then actor.Distribution.Choices else 0
    let part = Part.mode actor
    let program = ActingProgram(actor, Actor.layout actor, 1, inputs)
    let buffers = environment.AllocateBuffers()
    let present = Array.zeroCreate<float32> inputs
    let masks = Array.zeroCreate<bool>(environment.Count * choices)
    let policyAction = Array.zeroCreate<float32> actionSize
    let actions = Array.zeroCreate<float32>(environment.Count * actionSize)
    let seen = List<float32>()

    let encode (observation: ReadOnlySpan<float32>) = Encoding.encode space isIdentity observation (Span present)

    let act length =
        program.Run(length, copy)
        if choices > 0 then environment.ActionMasks(copy, 1, Span masks)
        let possible = ReadOnlySpan<bool>(masks, copy * choices, choices)
        Policy.mode actor.Distribution (program.PolicyOf(0, possible)) (Span policyAction)
        let action = Span<float32>(actions, copy * actionSize, actionSize)
        Policy.toEnvironment actor.Actions environment.ActionSpace (ReadOnlySpan policyAction) action

    /// All that was observed since `Start`, encoded, before normalisation.
    member _.Seen = seen

    /// What the copy shows now, before the first `Play`.
    member _.Start(observation: ReadOnlySpan<float32>) =
        seen.Clear()
        encode observation

    /// Runs a candidate for some episodes: struct (its mean return less `bonus` a step, the steps taken).
    member _.Play
        (candidate: float32[], episodes: int, bonus: float, statistics: RunningStatistics, ended: List<EpisodeResult>)
        : struct (float * int) =
        candidate.CopyTo(program.Theta.Slice part.First)
        let mutable total = 0.0
        let mutable steps = 0

        for _ in 1..episodes do
            let mutable length = 0
            let mutable running = true

            while running do
                seen.AddRange present
                Encoding.normalise statistics Encoding.Limit (ReadOnlySpan present) program.Observations
                act length
                environment.Step(copy, 1, ReadOnlySpan actions, buffers)
                total <- total + float buffers.Rewards.Span[copy] - bonus
                length <- length + 1
                encode (Span.op_Implicit (buffers.Observations.Span.Slice(copy * rawSize, rawSize)))

                if buffers.EpisodeLengths.Span[copy] > 0 then
                    running <- false

                    ended.Add { Return = buffers.EpisodeReturns.Span[copy]; Length = buffers.EpisodeLengths.Span[copy] }
                elif length >= maxEpisodeSteps then
                    running <- false
                    // The next candidate begins an episode of its own.
                    environment.Cut(copy, buffers)
                    encode (Span.op_Implicit (buffers.Observations.Span.Slice(copy * rawSize, rawSize)))

            steps <- steps + length

        struct (total / float episodes, steps)

/// Judges candidates, which are vectors of the policy's parameters: candidate i plays in copy i mod N, so that what it meets depends neither on
/// threads nor on how long others play. Not thread-safe.
[<Sealed>]
type internal Population
    (actor: Actor, environment: BatchEnvironment, episodes: int, maxEpisodeSteps: int, bonus: float, workers: Workers) =
    do
        environment.RequireSameStep()

        if environment.IsCoupled then
            Guard.fail
                (nameof environment)
                $"{environment.Id} has wrappers that couple its copies, and candidates are judged copy by copy; leave out NormalizeObservation and NormalizeReward, or restore their statistics frozen."

    let copies = environment.Count
    let observationSize = environment.ObservationSize
    let own = Array.init copies (fun copy -> PopulationCopy(actor, environment, copy, maxEpisodeSteps))
    let present = Array.zeroCreate<float32>(copies * observationSize)

    /// The mean returns of candidates, observations normalised with the state's statistics, which take in what was seen afterwards.
    member _.Evaluate(state: TrainingState, candidates: float32[][]) : PopulationResult =
        environment.Restore state.Environments
        environment.Observe(Span present)
        let fitness = Array.zeroCreate<float> candidates.Length
        let steps = Array.zeroCreate<int> candidates.Length
        let ended = Array.init candidates.Length (fun _ -> List<EpisodeResult>())

        workers.Run(
            copies,
            fun copy ->
                let player = own[copy]
                player.Start(ReadOnlySpan<float32>(present, copy * observationSize, observationSize))
                let mutable index = copy

                while index < candidates.Length do
                    let struct (mean, taken) =
                        player.Play(candidates[index], episodes, bonus, state.Observations, ended[index])

                    fitness[index] <- mean
                    steps[index] <- taken
                    index <- index + copies
        )

        {
            Fitness = fitness
            Episodes = ended |> Seq.concat |> Seq.toArray
            State =
                { state with
                    Steps = state.Steps + (steps |> Array.sumBy int64)
                    Updates = state.Updates + 1L
                    Observations =
                        own
                        |> Array.fold
                            (fun statistics player ->
                                if statistics.Size = 0 then
                                    statistics
                                else
                                    RunningStatistics.update (ReadOnlySpan(player.Seen.ToArray())) statistics)
                            state.Observations
                    Environments = environment.Capture()
                }
        }

/// Searching a policy's parameters.
[<RequireQualifiedAccess>]
module internal Search =

    /// A policy for the environment's spaces.
    let network
        (activation: Activation)
        (hidden: int list)
        (scaling: ActionScaling)
        (environment: BatchEnvironment)
        : Actor =
        let head = Policy.headFor 0.0 environment.ActionSpace
        let inputs = Encoding.size environment.ObservationSpace

        Actor.create activation inputs hidden head |> Policy.scaledActor scaling environment.ActionSpace

    /// The state before the first transition; with `fromZero`, all of the policy's parameters start at 0.
    let start actor environment normaliseObservations (fromZero: bool) : StateStart =
        let start = Learners.start (Actor.layout actor) environment normaliseObservations false

        { start with
            Initialise =
                fun arrays key ->
                    let state = start.Initialise arrays key
                    if fromZero then (Part.elements (Part.mode actor) state.Parameters).Clear()
                    state
        }

    /// Directions of standard normal numbers [count, n], direction i from the i-th stream of the key: struct (directions, the generator that
    /// follows).
    let directions (workers: Workers) (count: int) (n: int) (key: Rng) : struct (float32[][] * Rng) =
        let struct (keys, key) = Rng.splitMany count key
        let directions = Array.init count (fun _ -> Array.zeroCreate<float32> n)

        workers.Run(
            count,
            fun index ->
                let mutable rng = keys[index]
                let direction = directions[index]

                for i in 0 .. n - 1 do
                    let struct (value, next) = Rng.normal rng
                    rng <- next
                    direction[i] <- float32 value
        )

        struct (directions, key)

    /// policy + scale · direction.
    let moved (policy: float32[]) (scale: float32) (direction: float32[]) : float32[] =
        Array.map2 (fun value step -> value + scale * step) policy direction

    /// θ + scale·d₀, θ − scale·d₀, θ + scale·d₁, …: two candidates a direction.
    let mirrored (policy: float32[]) (scale: float) (directions: float32[][]) : float32[][] =
        Array.init (2 * directions.Length) (fun index ->
            let sign = if index % 2 = 0 then 1.0f else -1.0f
            moved policy (sign * float32 scale) directions[index / 2])

    /// Σ wᵢ dᵢ, in the order of the directions.
    let combine (weights: float[]) (directions: float32[][]) : float[] =
        let sum = Array.zeroCreate<float> directions[0].Length

        for index in 0 .. directions.Length - 1 do
            for i in 0 .. sum.Length - 1 do
                sum[i] <- sum[i] + weights[index] * float (directions[index][i])

        sum

    /// √ of the mean squared distance from the mean.
    let deviation (values: float[]) =
        let mean = Array.average values
        sqrt (values |> Array.averageBy (fun value -> (value - mean) * (value - mean)))

    /// What to report of a transition.
    let report (result: PopulationResult) (metrics: struct (string * float)[]) : Report =
        {
            Steps = result.State.Steps
            Updates = result.State.Updates
            Episodes = result.Episodes
            Metrics =
                Array.append
                    [|
                        struct ("meanReturn", Array.average result.Fitness)
                        struct ("bestReturn", Array.max result.Fitness)
                    |]
                    metrics
        }
