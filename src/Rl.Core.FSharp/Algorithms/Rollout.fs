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
        /// [T + 1, N, observationSize], before normalisation.
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

/// Collects rollouts; its memory is used again by each, so a rollout is valid until the next. The result does not depend on the
/// number of threads: each copy has its own streams, and each row of a network's output is computed in the same way.
[<Sealed>]
type internal Collector
    (network: ActorCritic, layout: Layout, environment: BatchEnvironment, steps: int, normalise: bool, workers: Workers)
    =
    let copies = environment.Count
    let observationSize = environment.ObservationSize
    let actionSize = environment.ActionSize
    let space = environment.ActionSpace
    let head = network.Head
    let outputs = PolicyHead.outputs head
    let count = steps * copies
    let finals = Array.zeroCreate<float32>(copies * observationSize)
    let environmentActions = Array.zeroCreate<float32>(copies * actionSize)

    let rollout =
        {
            Steps = steps
            Copies = copies
            Observations = Array.zeroCreate (count * observationSize)
            RawObservations = Array.zeroCreate (count * observationSize + copies * observationSize)
            Actions = Array.zeroCreate (count * actionSize)
            LogProbabilities = Array.zeroCreate count
            Values = Array.zeroCreate count
            NextValues = Array.zeroCreate count
            Rewards = Array.zeroCreate count
            Terminated = Array.zeroCreate count
            Truncated = Array.zeroCreate count
            EpisodeReturns = Array.zeroCreate count
            EpisodeLengths = Array.zeroCreate count
        }

    let buffers =
        Array.init steps (fun t ->
            let rows (array: 'T[]) size = Memory<'T>(array, t * copies * size, copies * size)
            let next = Memory(rollout.RawObservations, (t + 1) * copies * observationSize, copies * observationSize)

            StepBuffers(
                next,
                Memory finals,
                rows rollout.Rewards 1,
                rows rollout.Terminated 1,
                rows rollout.Truncated 1,
                rows rollout.EpisodeReturns 1,
                rows rollout.EpisodeLengths 1
            ))

    // Each share of copies has a program of its own.
    let shares =
        let number = min workers.Count copies

        Array.init number (fun share ->
            let first = share * copies / number
            let last = (share + 1) * copies / number
            struct (first, last - first, ActingProgram(network, layout, last - first, observationSize)))

    let mutable statistics = RunningStatistics.create 0
    let mutable keys: Rng[] = [||]

    let prepare (source: ReadOnlySpan<float32>) (destination: Span<float32>) =
        if normalise then
            RunningStatistics.normalise statistics 10.0f source destination
        else
            source.CopyTo destination

    let rows (array: 'T[]) t first number size = Span<'T>(array, (t * copies + first) * size, number * size)

    let collectShare share =
        let struct (first, number, program) = shares[share]

        for t in 0 .. steps - 1 do
            let raw: Span<float32> = rows rollout.RawObservations t first number observationSize
            let seen: Span<float32> = rows rollout.Observations t first number observationSize
            prepare (Span.op_Implicit raw) seen
            seen.CopyTo program.Observations
            program.Run()
            program.Value.CopyTo(rows rollout.Values t first number 1)

            // The step before led here, unless its episode ended.
            if t > 0 then
                for n in first .. first + number - 1 do
                    let before = (t - 1) * copies + n

                    if not rollout.Truncated[before] then
                        rollout.NextValues[before] <- program.Value[n - first]

            let policy = program.Policy
            let deviation = program.LogStandardDeviation

            for n in first .. first + number - 1 do
                let row = n - first
                let action: Span<float32> = rows rollout.Actions t n 1 actionSize

                let struct (logProbability, key) =
                    Policy.sample head (policy.Slice(row * outputs, outputs)) deviation action keys[n]

                keys[n] <- key
                rollout.LogProbabilities[t * copies + n] <- logProbability
                let target = Span<float32>(environmentActions, n * actionSize, actionSize)
                Policy.toEnvironment space (Span.op_Implicit action) target

            environment.Step(first, number, ReadOnlySpan environmentActions, buffers[t])

            // A time limit cuts the episode but not the value: V of the true last observation.
            let mutable cut = false

            for n in first .. first + number - 1 do
                if rollout.Truncated[t * copies + n] then cut <- true

            if cut then
                let final = ReadOnlySpan<float32>(finals, first * observationSize, number * observationSize)
                prepare final program.Observations
                program.Run()

                for n in first .. first + number - 1 do
                    if rollout.Truncated[t * copies + n] then
                        rollout.NextValues[t * copies + n] <- program.Value[n - first]

        let raw: Span<float32> = rows rollout.RawObservations steps first number observationSize
        prepare (Span.op_Implicit raw) program.Observations
        program.Run()

        for n in first .. first + number - 1 do
            let last = (steps - 1) * copies + n

            if not rollout.Truncated[last] then
                rollout.NextValues[last] <- program.Value[n - first]

    let collectShare = Action<int> collectShare
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
        statistics <- observationStatistics
        keys <- Array.copy actionKeys
        environment.Observe(Span<float32>(rollout.RawObservations, 0, copies * observationSize))

        for struct (_, _, program) in shares do
            parameters.CopyTo program.Theta

        workers.Run(shares.Length, collectShare)
        let snapshot = environment.Capture()
        present <- Some snapshot
        struct (rollout, keys, snapshot)
