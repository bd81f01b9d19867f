/// Whole trajectories of a stochastic policy: what Monte-Carlo methods learn from.
namespace Rl.Core.Experience

open System
open System.Collections.Generic
open Rl.Core.Acting
open Rl.Core.Foundations
open Rl.Core.Environments
open Rl.Core.Learning
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

/// The steps of a share as whole trajectories: a fixed number of each copy.
[<Sealed>]
type internal TrajectorySink(share: ActorShare, quota: int -> int, maxSteps: int) =
    let number, first = share.Number, share.First
    let running = Array.create<Trajectory voption> number ValueNone
    // Trajectories that lack the value of what followed them.
    let awaiting = Array.create<Trajectory voption> number ValueNone
    let collected = Array.init number (fun _ -> List<Trajectory>())

    let addRow (target: List<float32>) (rows: ReadOnlySpan<float32>) row =
        let width = rows.Length / number
        CollectionExtensions.AddRange(target, rows.Slice(row * width, width))

    let start row =
        running[row] <-
            if collected[row].Count < quota (first + row) then
                ValueSome(Trajectory(Copy = first + row))
            else
                ValueNone

    let isRunning () = running |> Array.exists _.IsSome

    /// The value of what follows completes a trajectory.
    let complete (values: ReadOnlySpan<float32>) row =
        match awaiting[row] with
        | ValueSome trajectory ->
            trajectory.Bootstrap <- values[row]
            awaiting[row] <- ValueNone
        | ValueNone -> ()

    /// Before the first step.
    member _.Start() =
        for row in 0 .. number - 1 do
            collected[row].Clear()
            awaiting[row] <- ValueNone
            start row

    /// By copy, then by time.
    member _.Collected: seq<Trajectory> = Seq.concat collected

    interface ISink with
        member _.NeedsFinals = true
        member _.Asks(_, _) = isRunning () || awaiting |> Array.exists _.IsSome
        member _.Acts row = running[row].IsSome

        member _.Before(share, _) =
            for row in 0 .. number - 1 do
                complete share.Values row

                match running[row] with
                | ValueSome trajectory ->
                    addRow trajectory.Observations share.Seen row
                    addRow trajectory.RawObservations share.Shown row
                    trajectory.Values.Add(share.Values[row])
                | ValueNone -> ()

            isRunning ()

        member _.After(share, _) =
            for row in 0 .. number - 1 do
                match running[row] with
                | ValueSome trajectory ->
                    addRow trajectory.Actions share.Actions row
                    trajectory.Rewards.Add(share.Rewards[row])

                    for choice in 0 .. share.Choices - 1 do
                        trajectory.Masks.Add(if share.Masks[row * share.Choices + choice] then 1.0f else 0.0f)

                    let terminated = share.Terminated[row]
                    let ended = terminated || share.Truncated[row]

                    if ended || trajectory.Length >= maxSteps then
                        if ended then
                            trajectory.Episode <-
                                { Return = share.EpisodeReturns[row]; Length = share.EpisodeLengths[row] }

                        if not terminated then awaiting[row] <- ValueSome trajectory
                        collected[row].Add trajectory
                        start row
                | ValueNone -> ()

        member _.Cut(share, _) =
            for row in 0 .. number - 1 do
                if share.HasActed row && share.Truncated[row] then complete share.Values row

/// Collects a fixed number of trajectories from each copy, so that short ones are not preferred. Neither threads nor
/// other copies change what a copy does.
[<Sealed>]
type internal TrajectoryCollector
    (
        network: ActorCritic,
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
                ($"{environment.Id} has wrappers that couple its copies, and whole episodes are collected copy by "
                 + "copy; leave out NormalizeObservation and NormalizeReward, or restore their statistics frozen.")

    let copies = environment.Count
    let quota copy = trajectories / copies + (if copy < trajectories % copies then 1 else 0)

    let actors =
        Actors(
            network.Actor,
            Some network.Critic,
            ActorCritic.layout network,
            environment,
            Explorer.Sample 0,
            normalise,
            workers.Count,
            workers
        )

    let sinks = actors.Shares |> Array.map (fun share -> TrajectorySink(share, quota, maxSteps))

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

    /// Runs the state's policy: struct (trajectories by copy, then by time; the state after acting).
    member _.Collect(state: TrainingState) : struct (Trajectory[] * TrainingState) =
        for sink in sinks do
            sink.Start()

        let acted = actors.Collect(state, sinks |> Array.map (fun sink -> sink :> ISink))
        struct (sinks |> Seq.collect _.Collected |> Seq.toArray, acted)
