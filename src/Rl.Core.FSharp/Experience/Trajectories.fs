/// Whole trajectories of a stochastic policy: what Monte-Carlo methods learn from.
namespace Rl.Core.Algorithms

open System
open System.Collections.Generic
open Rl.Core.Acting
open Rl.Core.Foundations
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Networks

/// One trajectory from its first step to its end.
[<Sealed>]
type internal Trajectory() =
    /// [T, observationSize], as the policy saw them.
    member val Observations = List<float32>() with get
    /// [T, observationSize], before normalisation.
    member val RawObservations = List<float32>() with get
    /// [T, actionSize], the policy's.
    member val Actions = List<float32>() with get
    /// [T, choices]: 1 for choices that were possible, else 0; empty if all always are.
    member val Masks = List<float32>() with get
    /// [T]
    member val Rewards = List<float32>() with get
    /// V(s) [T].
    member val Values = List<float32>() with get
    /// V of what follows the last step: 0 after a terminal state.
    member val Bootstrap = 0.0f with get, set
    /// The environment's episode ended with it; otherwise it was cut.
    member val Episode = { Return = nan; Length = 0 } with get, set
    /// The copy that made it.
    member val Copy = -1 with get, set
    /// The number of steps.
    member this.Length = this.Rewards.Count

/// Collects a fixed number of trajectories from each copy, so that short ones are not preferred. Neither threads nor other
/// copies change what a copy does.
[<Sealed>]
type internal TrajectoryCollector
    (
        network: ActorCritic,
        layout: Layout,
        environment: BatchEnvironment,
        trajectories: int,
        maxSteps: int,
        normalise: bool,
        workers: Workers
    ) =
    do
        environment.RequireSameStep()

        if environment.IsCoupled then
            Guard.fail
                (nameof environment)
                $"{environment.Id} has wrappers that couple its copies, and whole episodes are collected copy by copy; leave out NormalizeObservation and NormalizeReward, or restore their statistics frozen."

    let copies = environment.Count
    let space = environment.ObservationSpace
    let isIdentity = Encoding.isIdentity space
    let rawSize = environment.ObservationSize
    let observationSize = Encoding.size space
    let actionSize = environment.ActionSize
    let choices = if environment.HasActionMasks then network.Head.Choices else 0
    let masks = Array.zeroCreate<bool>(copies * choices)
    let buffers = environment.AllocateBuffers()
    let environmentActions = Array.zeroCreate<float32>(copies * actionSize)
    let present = Array.zeroCreate<float32>(copies * observationSize)
    let final = Array.zeroCreate<float32>(copies * observationSize)
    let collected = Array.init copies (fun _ -> List<Trajectory>())
    let quota copy = trajectories / copies + (if copy < trajectories % copies then 1 else 0)

    let shares =
        let number = if environment.IsCoupled then 1 else min workers.Count copies

        Array.init number (fun share ->
            let first = share * copies / number
            let last = (share + 1) * copies / number
            struct (first, last - first, ActingProgram(network, layout, last - first, observationSize)))

    let mutable statistics = RunningStatistics.create 0
    let mutable keys: Rng[] = [||]

    let prepare (source: ReadOnlySpan<float32>) (destination: Span<float32>) =
        Encoding.normalise statistics Encoding.Limit source destination

    /// One observation of the environment into the row of a copy.
    let take copy (observation: ReadOnlySpan<float32>) =
        Encoding.encode space isIdentity observation (Span<float32>(present, copy * observationSize, observationSize))

    let add (target: List<float32>) (values: ReadOnlySpan<float32>) = target.AddRange(values.ToArray())

    /// The value of one observation, computed in row 0.
    let valueOf (program: ActingProgram) step copy (observation: ReadOnlySpan<float32>) =
        prepare observation (program.Observations.Slice(0, observationSize))
        program.Run(step, copy)
        program.Value[0]

    /// One step of a copy whose policy outputs stand in `row` of the program.
    let step (program: ActingProgram) row copy (seen: ReadOnlySpan<float32>) value (trajectory: Trajectory) =
        let raw = Span<float32>(present, copy * observationSize, observationSize)
        add trajectory.Observations seen
        add trajectory.RawObservations (Span.op_Implicit raw)
        trajectory.Values.Add value
        let action = Span<float32>(environmentActions, copy * actionSize, actionSize)
        let mask = Span<bool>(masks, copy * choices, choices)

        if choices > 0 then
            environment.ActionMasks(copy, 1, Span masks)

            for isPossible in mask do
                trajectory.Masks.Add(if isPossible then 1.0f else 0.0f)

        let policy = program.PolicyOf(row, Span.op_Implicit mask)
        let struct (_, key) = Policy.sample network.Head policy (program.DeviationOf row) action keys[copy]
        keys[copy] <- key
        add trajectory.Actions (Span.op_Implicit action)
        Policy.toEnvironment network.Actor.Actions environment.ActionSpace (Span.op_Implicit action) action
        environment.Step(copy, 1, ReadOnlySpan environmentActions, buffers)
        trajectory.Rewards.Add(buffers.Rewards.Span[copy])
        take copy (Span.op_Implicit (buffers.Observations.Span.Slice(copy * rawSize, rawSize)))

    let collectShare share =
        let struct (first, number, program) = shares[share]
        let running = Array.init number (fun row -> if quota (first + row) > 0 then Some(Trajectory()) else None)
        let seen = Array.zeroCreate<float32>(number * observationSize)
        let values = Array.zeroCreate<float32> number

        let mutable taken = 0

        while Array.exists Option.isSome running do
            prepare (ReadOnlySpan<float32>(present, first * observationSize, number * observationSize)) (Span seen)
            seen.CopyTo program.Observations
            program.Run(taken, first)
            program.Value.CopyTo(Span values)

            for row in 0 .. number - 1 do
                match running[row] with
                | None -> ()
                | Some trajectory ->
                    let copy = first + row
                    let observation = ReadOnlySpan<float32>(seen, row * observationSize, observationSize)
                    step program row copy observation values[row] trajectory

            // Values of what follows a cut overwrite the program's outputs, so they come after all actions.
            for row in 0 .. number - 1 do
                match running[row] with
                | None -> ()
                | Some trajectory ->
                    let copy = first + row
                    let at (memory: Memory<'T>) = memory.Span[copy]
                    let terminated, truncated = at buffers.Terminated, at buffers.Truncated
                    let ended = terminated || truncated

                    if ended || trajectory.Length >= maxSteps then
                        if ended then
                            trajectory.Episode <-
                                { Return = at buffers.EpisodeReturns; Length = at buffers.EpisodeLengths }

                        if not terminated then
                            let following = Span<float32>(final, copy * observationSize, observationSize)

                            if truncated then
                                let last = buffers.FinalObservations.Span.Slice(copy * rawSize, rawSize)
                                Encoding.encode space isIdentity (Span.op_Implicit last) following
                            else
                                Span<float32>(present, copy * observationSize, observationSize).CopyTo following

                            trajectory.Bootstrap <- valueOf program (taken + 1) copy (Span.op_Implicit following)

                        collected[copy].Add trajectory
                        running[row] <- if collected[copy].Count < quota copy then Some(Trajectory()) else None

            taken <- taken + 1

    let collectShare = Action<int> collectShare

    /// The step within its trajectory, and the copy, of a row of trajectories one after the other; −1 after the last.
    static member Place (trajectories: Trajectory[]) (row: int) : struct (int * int) =
        let mutable index, first = 0, 0

        while index < trajectories.Length && row >= first + trajectories[index].Length do
            first <- first + trajectories[index].Length
            index <- index + 1

        if index < trajectories.Length then
            struct (row - first, trajectories[index].Copy)
        else
            struct (-1, -1)

    /// Runs the policy θ: struct (trajectories by copy, then by time; action streams; environments afterwards).
    member _.Collect
        (parameters: float32[], observationStatistics: RunningStatistics, actionKeys: Rng[], environments: BatchSnapshot) : struct (
            Trajectory[] * Rng[] * BatchSnapshot
        )
        =
        environment.Restore environments
        statistics <- if normalise then observationStatistics else RunningStatistics.create 0
        keys <- Array.copy actionKeys
        environment.Observe buffers.Observations.Span

        for copy in 0 .. copies - 1 do
            take copy (Span.op_Implicit (buffers.Observations.Span.Slice(copy * rawSize, rawSize)))

        for list in collected do
            list.Clear()

        for struct (_, _, program) in shares do
            parameters.CopyTo program.Theta

        workers.Run(shares.Length, collectShare)
        struct (collected |> Seq.concat |> Seq.toArray, keys, environment.Capture())
