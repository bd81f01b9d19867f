/// Fixed-length rollouts of a stochastic policy in a batch of environments, collected by all threads without waiting for each other.
namespace Rl.Core.Algorithms

open System
open System.Collections.Generic
open Rl.Core.Foundations
open Rl.Core.Autodiff
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Networks

/// What a rollout of T steps in N copies leaves: time-major arrays, row t·N + n for step t of copy n.
type Rollout =
    {
        Steps: int
        Copies: int
        /// [T, N, observationSize], as the policy saw them.
        Observations: float32[]
        /// [T, N, observationSize], before normalisation.
        RawObservations: float32[]
        /// [T, N, actionSize], the policy's.
        Actions: float32[]
        /// [T, N]: log π(a|s).
        LogProbabilities: float32[]
        /// [T, N]: V(s).
        Values: float32[]
        /// [T, N]: the value of the state that the step led to: V(s′), also across a time limit, by the true last observation; what
        /// it is at a terminal state does not matter.
        NextValues: float32[]
        /// [T, N]
        Rewards: float32[]
        Terminated: bool[]
        Truncated: bool[]
        /// [T, N]: of episodes that ended in the step; NaN and 0 elsewhere.
        EpisodeReturns: float[]
        EpisodeLengths: int[]
    }

    /// The episodes that ended, by step, then by copy.
    member this.Episodes =
        let episodes = List<EpisodeResult>()

        for index in 0 .. this.EpisodeLengths.Length - 1 do
            if this.EpisodeLengths[index] > 0 then
                episodes.Add { Return = this.EpisodeReturns[index]; Length = this.EpisodeLengths[index] }

        episodes.ToArray()

/// Policy and value for a number of rows, compiled.
[<Sealed>]
type internal ActingProgram(network: ActorCritic, layout: Layout, rows: int, observationSize: int) =
    let theta = Expr.input "theta" [| layout.Count |]
    let observations = Expr.input "observations" [| rows; observationSize |]
    let output = ActorCritic.apply network (Parameters.create layout theta) observations

    let program =
        Program.ofOutputs<float32>
            [
                "policy", output.Policy
                "value", output.Value
                match output.LogStandardDeviation with
                | Some deviation -> "logStandardDeviation", deviation
                | None -> ()
            ]

    let theta = program.InputMemory "theta"
    let observations = program.InputMemory "observations"
    let policy = program.OutputMemory "policy"
    let value = program.OutputMemory "value"

    let deviation =
        match output.LogStandardDeviation with
        | Some _ -> program.OutputMemory "logStandardDeviation"
        | None -> ReadOnlyMemory.Empty

    member _.Theta = theta.Span
    member _.Observations = observations.Span
    member _.Policy = policy.Span
    member _.Value = value.Span
    member _.LogStandardDeviation = deviation.Span
    member _.Run() = program.Run()

/// A share of the copies with all the memory that collecting writes, so that threads do not write to each other's cache lines.
[<Sealed>]
type internal RolloutShare
    (network: ActorCritic, layout: Layout, environment: BatchEnvironment, steps: int, first: int, number: int) =
    let copies = environment.Count
    let observationSize = environment.ObservationSize
    let actionSize = environment.ActionSize
    let head = network.Head
    let outputs = PolicyHead.outputs head
    let program = ActingProgram(network, layout, number, observationSize)
    let width = number * observationSize
    let buffers = environment.AllocateBuffers()
    let environmentActions = Array.zeroCreate<float32>(copies * actionSize)
    let raw = Array.zeroCreate<float32>((steps + 1) * width)
    let seen = Array.zeroCreate<float32>(steps * width)
    let actions = Array.zeroCreate<float32>(steps * number * actionSize)
    let logProbabilities = Array.zeroCreate<float32>(steps * number)
    let values = Array.zeroCreate<float32>(steps * number)
    let nextValues = Array.zeroCreate<float32>(steps * number)
    let rewards = Array.zeroCreate<float32>(steps * number)
    let terminated = Array.zeroCreate<bool>(steps * number)
    let truncated = Array.zeroCreate<bool>(steps * number)
    let episodeReturns = Array.zeroCreate<float>(steps * number)
    let episodeLengths = Array.zeroCreate<int>(steps * number)
    let keys = Array.zeroCreate<Rng> number

    let prepare (statistics: RunningStatistics voption) (source: ReadOnlySpan<float32>) (destination: Span<float32>) =
        match statistics with
        | ValueSome statistics -> RunningStatistics.normalise statistics 10.0f source destination
        | ValueNone -> source.CopyTo destination

    /// The rows of this share in memory of the whole batch.
    let own (memory: Memory<'T>) size : Span<'T> = memory.Span.Slice(first * size, number * size)

    /// Draws the actions of a step from the program's outputs.
    let act t =
        let policy = program.Policy
        let deviation = program.LogStandardDeviation

        for row in 0 .. number - 1 do
            let index = t * number + row
            let action = Span<float32>(actions, index * actionSize, actionSize)

            let struct (logProbability, key) =
                Policy.sample head (policy.Slice(row * outputs, outputs)) deviation action keys[row]

            keys[row] <- key
            logProbabilities[index] <- logProbability
            let target = Span<float32>(environmentActions, (first + row) * actionSize, actionSize)
            Policy.toEnvironment environment.ActionSpace (Span.op_Implicit action) target

    /// Steps the copies and keeps what they report.
    let step t =
        environment.Step(first, number, ReadOnlySpan environmentActions, buffers)
        (own buffers.Observations observationSize).CopyTo(Span<float32>(raw, (t + 1) * width, width))
        (own buffers.Rewards 1).CopyTo(Span<float32>(rewards, t * number, number))
        (own buffers.Terminated 1).CopyTo(Span<bool>(terminated, t * number, number))
        (own buffers.Truncated 1).CopyTo(Span<bool>(truncated, t * number, number))
        (own buffers.EpisodeReturns 1).CopyTo(Span<float>(episodeReturns, t * number, number))
        (own buffers.EpisodeLengths 1).CopyTo(Span<int>(episodeLengths, t * number, number))

    /// The program's values become those of the states that step t led to: of all rows that were cut there, or of all others.
    let bootstrap t (ofCut: bool) =
        for row in 0 .. number - 1 do
            let index = t * number + row
            if truncated[index] = ofCut then nextValues[index] <- program.Value[row]

    /// Copies the share's rows of [T, number, size] into those of [T, N, size].
    let publish (source: 'T[]) (target: 'T[]) size =
        let run = number * size

        if number = copies then
            Array.Copy(source, target, steps * run)
        elif run < 16 then
            // A few elements a row: a loop is quicker than a call.
            for t in 0 .. steps - 1 do
                for i in 0 .. run - 1 do
                    target[(t * copies + first) * size + i] <- source[t * run + i]
        else
            for t in 0 .. steps - 1 do
                Array.Copy(source, t * run, target, (t * copies + first) * size, run)

    /// Runs the policy θ for T steps from the batch's observations; `statistics` normalise them.
    member _.Collect
        (
            theta: float32[],
            start: ReadOnlySpan<float32>,
            actionKeys: Rng[],
            statistics: RunningStatistics voption,
            rollout: Rollout
        ) : unit =
        // The thread that acts fetches θ itself: it would otherwise travel between caches twice.
        theta.CopyTo program.Theta
        start.Slice(first * observationSize, width).CopyTo(Span raw)
        Array.Copy(actionKeys, first, keys, 0, number)

        for t in 0 .. steps - 1 do
            let row = Span<float32>(seen, t * width, width)
            prepare statistics (ReadOnlySpan<float32>(raw, t * width, width)) row
            row.CopyTo program.Observations
            program.Run()
            program.Value.CopyTo(Span<float32>(values, t * number, number))
            if t > 0 then bootstrap (t - 1) false
            act t
            step t

            // A time limit cuts the episode but not the value: V of the true last observation.
            if Array.IndexOf(truncated, true, t * number, number) >= 0 then
                prepare
                    statistics
                    (Span.op_Implicit (own buffers.FinalObservations observationSize))
                    program.Observations

                program.Run()
                bootstrap t true

        prepare statistics (ReadOnlySpan<float32>(raw, steps * width, width)) program.Observations
        program.Run()
        bootstrap (steps - 1) false
        Array.Copy(keys, 0, actionKeys, first, number)
        publish seen rollout.Observations observationSize
        publish raw rollout.RawObservations observationSize
        publish actions rollout.Actions actionSize
        publish logProbabilities rollout.LogProbabilities 1
        publish values rollout.Values 1
        publish nextValues rollout.NextValues 1
        publish rewards rollout.Rewards 1
        publish terminated rollout.Terminated 1
        publish truncated rollout.Truncated 1
        publish episodeReturns rollout.EpisodeReturns 1
        publish episodeLengths rollout.EpisodeLengths 1

/// Collects rollouts; its memory is used again by each, so a rollout is valid until the next. The result does not depend on the
/// number of threads: each copy has its own streams, and each row of a network's output is computed in the same way.
[<Sealed>]
type internal Collector
    (network: ActorCritic, layout: Layout, environment: BatchEnvironment, steps: int, normalise: bool, workers: Workers)
    =
    let copies = environment.Count
    let observationSize = environment.ObservationSize
    let count = steps * copies
    let start = Array.zeroCreate<float32>(copies * observationSize)

    let rollout =
        {
            Steps = steps
            Copies = copies
            Observations = Array.zeroCreate (count * observationSize)
            RawObservations = Array.zeroCreate (count * observationSize)
            Actions = Array.zeroCreate (count * environment.ActionSize)
            LogProbabilities = Array.zeroCreate count
            Values = Array.zeroCreate count
            NextValues = Array.zeroCreate count
            Rewards = Array.zeroCreate count
            Terminated = Array.zeroCreate count
            Truncated = Array.zeroCreate count
            EpisodeReturns = Array.zeroCreate count
            EpisodeLengths = Array.zeroCreate count
        }

    let shares =
        if environment.Autoreset = AutoresetMode.NextStep then
            Guard.fail
                (nameof environment)
                $"{environment.Id} is within NextStepAutoreset, whose first steps are none of the policy's; train with autoreset in the same step."

        // Copies that depend on each other are stepped together.
        let number = if environment.IsCoupled then 1 else min workers.Count copies

        Array.init number (fun share ->
            let first = share * copies / number
            let last = (share + 1) * copies / number
            RolloutShare(network, layout, environment, steps, first, last - first))

    let mutable statistics: RunningStatistics voption = ValueNone
    let mutable keys: Rng[] = [||]

    let mutable theta: float32[] = [||]

    let collectShare =
        Action<int>(fun share -> shares[share].Collect(theta, ReadOnlySpan start, keys, statistics, rollout))

    let mutable present: BatchSnapshot option = None

    /// Runs the policy θ for T steps from the environments' state: struct (rollout, action streams, environments afterwards).
    member _.Collect
        (parameters: float32[], observationStatistics: RunningStatistics, actionKeys: Rng[], environments: BatchSnapshot) : struct (
            Rollout * Rng[] * BatchSnapshot
        )
        =
        // The environments are usually still where the last rollout left them.
        match present with
        | Some snapshot when obj.ReferenceEquals(snapshot, environments) -> ()
        | _ -> environment.Restore environments

        present <- None
        statistics <- if normalise then ValueSome observationStatistics else ValueNone
        keys <- Array.copy actionKeys
        environment.Observe(Span start)

        theta <- parameters
        workers.Run(shares.Length, collectShare)
        let snapshot = environment.Capture()
        present <- Some snapshot
        struct (rollout, keys, snapshot)
