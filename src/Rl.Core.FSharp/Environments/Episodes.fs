/// The bookkeeping that every batch shares: checking actions, time limits, returns and lengths of episodes.
namespace Rl.Core.Environments

open System
open System.Numerics
open System.Runtime.InteropServices
open Rl.Core.Foundations

/// The progress of one copy's episode and its random stream.
[<Struct>]
type internal Progress = { mutable Stream: Rng; mutable Return: float; mutable Elapsed: int; mutable Unused: int }

/// The episodes of N copies. Methods that take a copy's index touch nothing of the other copies.
[<Sealed>]
type internal Episodes(id: string, count: int, maxEpisodeSteps: int, observationSize: int, actionSpace: Space) =
    let progress = Array.zeroCreate<Progress> count
    let actionSize = actionSpace.Size
    let actionParts = Array.ofList (Space.layout actionSpace)
    // By copy, so that a failure of one is no failure of those that other threads step.
    let ready = Array.zeroCreate<bool> count

    /// Whether every element is finite: x·0 is NaN for the others.
    static let allFinite (values: ReadOnlySpan<float32>) =
        let vectors = MemoryMarshal.Cast<float32, Vector<float32>> values
        let mutable sum = Vector<float32>.Zero

        for index in 0 .. vectors.Length - 1 do
            sum <- sum + vectors[index] * Vector<float32>.Zero

        let mutable rest = Vector.Sum sum

        for index in vectors.Length * Vector<float32>.Count .. values.Length - 1 do
            rest <- rest + values[index] * 0.0f

        rest = 0.0f

    do
        Guard.positive "count" count
        Guard.notNegative "maxEpisodeSteps" maxEpisodeSteps

    member _.Progress = progress

    /// Gives each copy its stream and starts its first episode.
    member _.Start(rng: Rng) =
        let struct (streams, _) = Rng.splitMany count rng

        for copy in 0 .. count - 1 do
            progress[copy] <- { Stream = streams[copy]; Return = 0.0; Elapsed = 0; Unused = 0 }

        Array.fill ready 0 count true

    /// Refuses to go on with copies that have not been reset yet, or have failed since.
    member _.RequireReady(first: int, copies: int) =
        if Span(ready, first, copies).Contains false then
            invalidOp $"The batch of {id} has not been reset (or has failed); call Reset or Restore first."

    /// The same for every copy.
    member this.RequireReady() = this.RequireReady(0, count)

    /// A restored batch is ready.
    member _.SetReady() = Array.fill ready 0 count true

    /// Requires a range of copies and buffers that fit, and valid actions for the range.
    member this.CheckStep(first: int, steps: int, actions: ReadOnlySpan<float32>, result: StepBuffers) =
        Guard.notNegative "first" first
        Guard.inIntRange "count" 0 (count - first) steps
        this.RequireReady(first, steps)
        Guard.length "actions" (count * actionSize) actions.Length
        result.Check(count, observationSize)
        let chosen = actions.Slice(first * actionSize, steps * actionSize)

        match actionSpace with
        | Space.Box _ ->
            if not (allFinite chosen) then
                this.RefuseAction(first, chosen, Guard.indexOfNonFinite chosen, "it must be a finite number")
        | Space.Discrete(choices, start) ->
            let low, high = float32 start, float32 (start + choices - 1)
            let mutable index = 0

            while index < chosen.Length
                  && chosen[index] >= low
                  && chosen[index] <= high
                  && float32 (int chosen[index]) = chosen[index] do
                index <- index + 1

            if index < chosen.Length then
                this.RefuseAction(first, chosen, index, $"it must be an integer in [{start}, {start + choices - 1}]")
        | Space.MultiDiscrete _
        | Space.MultiBinary _
        | Space.Tuple _
        | Space.Dict _ ->
            for row in 0 .. steps - 1 do
                for part in actionParts do
                    let offset = row * actionSize + part.Offset
                    let values = chosen.Slice(offset, part.Size)

                    match part.Space with
                    | Space.Box _ ->
                        if not (allFinite values) then
                            let index = offset + Guard.indexOfNonFinite values
                            this.RefuseAction(first, chosen, index, "it must be a finite number")
                    | space ->
                        let outside = space.IndexOfOutside values

                        if outside >= 0 then
                            let where = if part.Path = "" then "" else $"{part.Path} of "
                            let remedy = $"it must be an integer that lies in {where}{actionSpace}"
                            this.RefuseAction(first, chosen, offset + outside, remedy)

    member private _.RefuseAction(first: int, actions: ReadOnlySpan<float32>, index: int, remedy: string) =
        let copy = first + index / actionSize
        let step = progress[copy].Elapsed + 1

        Guard.fail
            "actions"
            $"{id}: the action of copy {copy} at step {step} of its episode has {actions[index]} as component \
              {index % actionSize}; {remedy}."

    /// Refuses NaN and infinities in the rows of the copies from `first` on; `isReset`: rows of fresh episodes.
    member _.CheckObservations(first: int, observations: ReadOnlySpan<float32>, isReset: bool) =
        if not (allFinite observations) then
            let index = Guard.indexOfNonFinite observations
            let copy = first + index / observationSize
            let step = if isReset then 0 else progress[copy].Elapsed + 1
            ready[copy] <- false
            raise (EnvironmentFailure.Observation(id, copy, step, index % observationSize, float observations[index]))

    /// Wraps an exception of a user's environment.
    member _.Fail(copy: int, isReset: bool, error: exn) : unit =
        ready[copy] <- false
        raise (EnvironmentFailure.Thrown(id, copy, (if isReset then 0 else progress[copy].Elapsed + 1), error))

    member private _.RefuseReward(copy: int, reward: float) : unit =
        ready[copy] <- false
        raise (EnvironmentFailure.Reward(id, copy, progress[copy].Elapsed + 1, reward))

    /// Books one step of a copy into row `copy` of the spans; true when its episode has ended and it must be reset.
    member this.Record
        (
            copy: int,
            outcome: Outcome,
            rewards: Span<float32>,
            terminated: Span<bool>,
            truncated: Span<bool>,
            episodeReturns: Span<float>,
            episodeLengths: Span<int>
        ) =
        if not (Double.IsFinite outcome.Reward) then
            this.RefuseReward(copy, outcome.Reward)

        let entry = &progress[copy]
        let elapsed = entry.Elapsed + 1
        let total = entry.Return + outcome.Reward
        let cut = not outcome.Terminated && (outcome.Truncated || elapsed = maxEpisodeSteps)
        rewards[copy] <- float32 outcome.Reward
        terminated[copy] <- outcome.Terminated
        truncated[copy] <- cut

        if outcome.Terminated || cut then
            episodeReturns[copy] <- total
            episodeLengths[copy] <- elapsed
            entry.Elapsed <- 0
            entry.Return <- 0.0
            true
        else
            episodeReturns[copy] <- nan
            episodeLengths[copy] <- 0
            entry.Elapsed <- elapsed
            entry.Return <- total
            false

    /// Requires a snapshot of this environment, this many copies and `size` bytes.
    member _.CheckSnapshot(snapshot: BatchSnapshot, size: int) =
        if snapshot.EnvironmentId <> id then
            Guard.fail "snapshot" $"snapshot is of {snapshot.EnvironmentId}; it must be of {id}."

        if snapshot.Count <> count then
            Guard.fail "snapshot" $"snapshot holds {snapshot.Count} copies; this batch has {count}."

        Guard.length "snapshot.Bytes" size snapshot.Bytes.Length
