/// Random play in batches with goals: what each step paid and the goals that it led to.
module internal Rl.Tests.Environments.Goals.GoalWalks

open System
open Rl.Core.Environments
open Rl.Core.Foundations

/// What a copy's step led to.
type Seen = { Achieved: float32[]; Desired: float32[]; Paid: float32; Terminated: bool; Truncated: bool }

/// Every copy's steps of a walk at random, encoded goals as the task of the batch says.
let walk (steps: int) (seed: uint64) (batch: BatchEnvironment) (task: GoalTask) : Seen list =
    let buffers = batch.AllocateBuffers()
    let actions = Array.zeroCreate<float32>(batch.Count * batch.ActionSize)
    let encoded = Array.zeroCreate<float32>(Space.encodedSize batch.ObservationSpace)
    batch.Reset(Rng.create seed)
    let mutable key = Rng.create (seed + 1UL)

    [
        for _ in 1..steps do
            key <- batch.ActionSpace.SampleMany(key, Span actions)
            batch.StepAll(ReadOnlySpan actions, buffers)

            for copy in 0 .. batch.Count - 1 do
                let terminated, truncated = buffers.Terminated.Span[copy], buffers.Truncated.Span[copy]

                let rows =
                    if terminated || truncated then
                        buffers.FinalObservations
                    else
                        buffers.Observations

                let row = rows.Span.Slice(copy * batch.ObservationSize, batch.ObservationSize)
                Space.encode batch.ObservationSpace (Span.op_Implicit row) (Span encoded)

                {
                    Achieved = Array.sub encoded task.Space.Achieved task.Space.Size
                    Desired = Array.sub encoded task.Space.Desired task.Space.Size
                    Paid = buffers.Rewards.Span[copy]
                    Terminated = terminated
                    Truncated = truncated
                }
    ]

/// Whether a step paid what its goals are worth, and terminated wherever these say so.
let isWorth (task: GoalTask) (seen: Seen) =
    let worth = task.Reward.Invoke(ReadOnlySpan seen.Achieved, ReadOnlySpan seen.Desired)
    let isEnd = task.Terminates.Invoke(ReadOnlySpan seen.Achieved, ReadOnlySpan seen.Desired)
    abs (worth - seen.Paid) <= 1e-6f * (1.0f + abs worth) && (seen.Terminated || not isEnd)
