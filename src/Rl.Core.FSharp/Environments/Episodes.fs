/// The bookkeeping that every batch shares: checking actions, time limits, returns and lengths of episodes.
namespace Rl.Core.Environments

open System
open System.Numerics
open System.Runtime.CompilerServices
open System.Runtime.InteropServices
open System.Runtime.Intrinsics
open System.Runtime.Intrinsics.X86
open Rl.Core.Foundations

/// The buffers of a step as spans.
[<Struct; IsByRefLike>]
type internal StepRows =
    {
        Rewards: Span<float32>
        /// Empty where nobody asks for exact rewards.
        Exact: Span<float>
        Terminated: Span<bool>
        Truncated: Span<bool>
        Returns: Span<float>
        Lengths: Span<int>
    }

    /// Spans print nothing, and what the compiler would make of them no native program can load.
    override _.ToString() = nameof StepRows

    static member Of(buffers: StepBuffers) : StepRows =
        {
            Rewards = buffers.Rewards.Span
            Exact = buffers.ExactRewards.Span
            Terminated = buffers.Terminated.Span
            Truncated = buffers.Truncated.Span
            Returns = buffers.EpisodeReturns.Span
            Lengths = buffers.EpisodeLengths.Span
        }

/// The progress of one copy's episode and its random stream, as snapshots hold it.
[<Struct>]
type internal Progress = { Stream: Rng; Return: float; Elapsed: int; Unused: int }

/// The episodes of N copies. Methods that take a copy's index touch nothing of the other copies.
[<Sealed>]
type internal Episodes(id: string, count: int, maxEpisodeSteps: int, observationSize: int, actionSpace: Space) =
    let streams = Lines<Rng> count
    let returns = Lines<float> count
    let elapsed = Lines<int> count
    let ended = Lines<int> count
    let actionSize = actionSpace.Size
    let actionParts = Array.ofList (Space.layout actionSpace)
    // By copy, so that a failure of one is no failure of those that other threads step.
    let ready = Array.zeroCreate<bool> count

    /// Whether every element is finite: x·0 is NaN for the others. Four sums, since each waits for its last addition.
    static let allFinite (values: ReadOnlySpan<float32>) =
        let zero = Vector<float32>.Zero
        let vectors = MemoryMarshal.Cast<float32, Vector<float32>> values
        let mutable sum0 = zero
        let mutable sum1 = zero
        let mutable sum2 = zero
        let mutable sum3 = zero
        let mutable index = 0

        while index + 4 <= vectors.Length do
            sum0 <- sum0 + vectors[index] * zero
            sum1 <- sum1 + vectors[index + 1] * zero
            sum2 <- sum2 + vectors[index + 2] * zero
            sum3 <- sum3 + vectors[index + 3] * zero
            index <- index + 4

        while index < vectors.Length do
            sum0 <- sum0 + vectors[index] * zero
            index <- index + 1

        let mutable rest = Vector.Sum((sum0 + sum1) + (sum2 + sum3))

        for index in vectors.Length * Vector<float32>.Count .. values.Length - 1 do
            rest <- rest + values[index] * 0.0f

        rest = 0.0f

    /// The number of leading elements that are integers in [low, high], in whole vectors.
    static let integersIn (low: float32) (high: float32) (values: ReadOnlySpan<float32>) =
        let vectors = MemoryMarshal.Cast<float32, Vector<float32>> values
        let low, high = Vector<float32> low, Vector<float32> high
        let mutable index = 0

        while index < vectors.Length
              && Vector.GreaterThanOrEqualAll(vectors[index], low)
              && Vector.LessThanOrEqualAll(vectors[index], high)
              && Vector.EqualsAll(Vector.Floor vectors[index], vectors[index]) do
            index <- index + 1

        index * Vector<float32>.Count

    do
        Guard.positive "count" count
        Guard.notNegative "maxEpisodeSteps" maxEpisodeSteps

    /// The copies' random streams.
    member _.Streams = streams

    /// The number of steps of a copy's running episode.
    member _.Elapsed(copy: int) = elapsed[copy]

    /// The sum of the rewards of a copy's running episode.
    member _.Return(copy: int) = returns[copy]

    /// Gives each copy its stream and starts its first episode.
    member _.Start(rng: Rng) =
        let struct (split, _) = Rng.splitMany count rng
        split.CopyTo(streams.Span())
        returns.Span().Clear()
        elapsed.Span().Clear()
        Array.fill ready 0 count true

    /// Refuses to go on with copies that have not been reset yet, or have failed since.
    member _.RequireReady(first: int, copies: int) =
        if Span(ready, first, copies).Contains false then
            invalidOp $"The batch of {id} has not been reset (or has failed); call Reset or Restore first."

    /// The same for every copy.
    member this.RequireReady() = this.RequireReady(0, count)

    /// The copy's episode begins.
    member _.Begin(copy: int) =
        returns[copy] <- 0.0
        elapsed[copy] <- 0

    /// The bytes of every copy's progress in a snapshot.
    static member ProgressBytes(count: int) = count * sizeof<Progress>

    /// Writes the progress of every copy.
    member _.CaptureProgress(bytes: Span<byte>) =
        let progress = MemoryMarshal.Cast<byte, Progress> bytes

        for copy in 0 .. count - 1 do
            progress[copy] <- { Stream = streams[copy]; Return = returns[copy]; Elapsed = elapsed[copy]; Unused = 0 }

    /// Goes on from what `CaptureProgress` wrote.
    member _.RestoreProgress(bytes: ReadOnlySpan<byte>) =
        let progress = MemoryMarshal.Cast<byte, Progress> bytes

        for copy in 0 .. count - 1 do
            let stream = progress[copy].Stream

            if progress[copy].Elapsed < 0 || not (Double.IsFinite progress[copy].Return) then
                Guard.fail
                    "snapshot"
                    ($"Copy {copy} of the snapshot is at step {progress[copy].Elapsed} of its episode with a "
                     + $"return of {progress[copy].Return}; that cannot be.")

            // The constructor makes the step odd, whatever a file held.
            streams[copy] <- Rng(stream.State, stream.Gamma)
            returns[copy] <- progress[copy].Return
            // A batch with a shorter limit, or a file that says more than there can be, ends the episode with the next
            // step.
            elapsed[copy] <-
                if maxEpisodeSteps > 0 then
                    min progress[copy].Elapsed (maxEpisodeSteps - 1)
                else
                    progress[copy].Elapsed

        Array.fill ready 0 count true

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
            let mutable index = integersIn low high chosen

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
        let step = elapsed[copy] + 1

        Guard.fail
            "actions"
            $"{id}: the action of copy {copy} at step {step} of its episode has {actions[index]} as component \
              {index % actionSize}; {remedy}."

    /// Refuses NaN and infinities in the rows of the copies from `first` on; `isReset`: rows of fresh episodes.
    member _.CheckObservations(first: int, observations: ReadOnlySpan<float32>, isReset: bool) =
        if not (allFinite observations) then
            let index = Guard.indexOfNonFinite observations
            let copy = first + index / observationSize
            let step = if isReset then 0 else elapsed[copy] + 1
            ready[copy] <- false
            raise (EnvironmentFailure.Observation(id, copy, step, index % observationSize, float observations[index]))

    /// Refuses integers and bits of a copy's row that lie outside their parts of the space.
    member _.CheckParts(parts: SpacePart[], copy: int, row: ReadOnlySpan<float32>, isReset: bool) =
        for part in parts do
            let outside = part.Space.IndexOfOutside(row.Slice(part.Offset, part.Size))

            if outside >= 0 then
                let index = part.Offset + outside
                let step = if isReset then 0 else elapsed[copy] + 1
                ready[copy] <- false
                raise (EnvironmentFailure.Outside(id, copy, step, index, float row[index], part.Space))

    /// Wraps an exception of a user's environment.
    member _.Fail(copy: int, isReset: bool, error: exn) : unit =
        ready[copy] <- false
        raise (EnvironmentFailure.Thrown(id, copy, (if isReset then 0 else elapsed[copy] + 1), error))

    member private _.RefuseReward(copy: int, reward: float) : unit =
        ready[copy] <- false
        raise (EnvironmentFailure.Reward(id, copy, elapsed[copy] + 1, reward))

    /// Books one step of a copy into its row of the buffers; true when its episode has ended and it must be reset.
    member this.Record(copy: int, outcome: Outcome, rows: StepRows) =
        let reward = float32 outcome.Reward

        if not (Single.IsFinite reward) then this.RefuseReward(copy, outcome.Reward)

        let steps = elapsed[copy] + 1
        let total = returns[copy] + outcome.Reward
        let cut = not outcome.Terminated && (outcome.Truncated || steps = maxEpisodeSteps)
        rows.Rewards[copy] <- reward
        if rows.Exact.Length > 0 then rows.Exact[copy] <- outcome.Reward
        rows.Terminated[copy] <- outcome.Terminated
        rows.Truncated[copy] <- cut

        if outcome.Terminated || cut then
            rows.Returns[copy] <- total
            rows.Lengths[copy] <- steps
            elapsed[copy] <- 0
            returns[copy] <- 0.0
            true
        else
            rows.Returns[copy] <- nan
            rows.Lengths[copy] <- 0
            elapsed[copy] <- steps
            returns[copy] <- total
            false

    /// `Record` for eight copies. Writes those whose episodes have ended and returns their number, or −1, with nothing
    /// changed, where a reward is not finite as float32. Needs AVX-512.
    member private _.RecordEight(first: int, outcomes: ReadOnlySpan<Outcome>, rows: StepRows, ended: Span<int>) : int =
        let pairs = MemoryMarshal.Cast<Outcome, Vector512<float>>(outcomes.Slice(first, 8))
        let even = Vector512.Create(0L, 2L, 4L, 6L, 8L, 10L, 12L, 14L)
        let odd = Vector512.Create(1L, 3L, 5L, 7L, 9L, 11L, 13L, 15L)
        let rewards = Avx512F.PermuteVar8x64x2(pairs[0], even, pairs[1])

        let narrow = Avx512F.ConvertToVector256Single rewards

        if not (Vector256.EqualsAll(narrow * Vector256<float32>.Zero, Vector256<float32>.Zero)) then
            -1
        else
            // The two flags, and bytes that say nothing.
            let flags = Avx512F.PermuteVar8x64x2(pairs[0], odd, pairs[1]).AsInt64() &&& Vector512.Create 0x0101L
            let steps = MemoryMarshal.Cast<int, Vector256<int>>(elapsed.Span(first, 8))
            let totals = MemoryMarshal.Cast<float, Vector512<float>>(returns.Span(first, 8))
            let next = steps[0] + Vector256.Create 1
            steps[0] <- next
            totals[0] <- totals[0] + rewards

            MemoryMarshal.Cast<float32, Vector256<float32>>(rows.Rewards.Slice(first, 8))[0] <- narrow

            if rows.Exact.Length > 0 then
                MemoryMarshal.Cast<float, Vector512<float>>(rows.Exact.Slice(first, 8))[0] <- rewards

            MemoryMarshal.Cast<bool, int64>(rows.Terminated.Slice(first, 8))[0] <- 0L
            MemoryMarshal.Cast<bool, int64>(rows.Truncated.Slice(first, 8))[0] <- 0L
            MemoryMarshal.Cast<float, Vector512<float>>(rows.Returns.Slice(first, 8))[0] <- Vector512.Create nan
            MemoryMarshal.Cast<int, Vector256<int>>(rows.Lengths.Slice(first, 8))[0] <- Vector256<int>.Zero

            let isMarked = Vector512.GreaterThan(flags, Vector512<int64>.Zero)
            let isAtLimit = Vector256.Equals(next, Vector256.Create maxEpisodeSteps)
            let limits = Vector256.ExtractMostSignificantBits isAtLimit
            let mutable endings = uint32 (Vector512.ExtractMostSignificantBits isMarked) ||| limits
            let mutable count = 0

            while endings <> 0u do
                let copy = first + BitOperations.TrailingZeroCount endings
                endings <- endings &&& (endings - 1u)
                rows.Terminated[copy] <- outcomes[copy].Terminated
                rows.Truncated[copy] <- not outcomes[copy].Terminated
                rows.Returns[copy] <- returns[copy]
                rows.Lengths[copy] <- elapsed[copy]
                elapsed[copy] <- 0
                returns[copy] <- 0.0
                ended[count] <- copy
                count <- count + 1

            count

    /// Books one step of each of `steps` copies; returns those whose episodes have ended, which must be reset.
    member this.RecordMany
        (first: int, steps: int, outcomes: ReadOnlySpan<Outcome>, rows: StepRows)
        : ReadOnlySpan<int> =
        let ended = ended.Span(first, steps)
        let mutable endings = 0
        let mutable copy = first

        while copy < first + steps do
            let found =
                if Avx512F.IsSupported && copy + 8 <= first + steps then
                    this.RecordEight(copy, outcomes, rows, ended.Slice endings)
                else
                    -1

            if found >= 0 then
                endings <- endings + found
                copy <- copy + 8
            else
                let last = min (copy + 8) (first + steps) - 1

                for index in copy..last do
                    if this.Record(index, outcomes[index], rows) then
                        ended[endings] <- index
                        endings <- endings + 1

                copy <- last + 1

        Span.op_Implicit (ended.Slice(0, endings))

    /// Books the end of a copy's running episode, which must be reset then.
    member _.Cut(copy: int, result: StepBuffers) =
        let observations = result.Observations.Span.Slice(copy * observationSize, observationSize)
        observations.CopyTo(result.FinalObservations.Span.Slice(copy * observationSize, observationSize))
        result.Truncated.Span[copy] <- true
        result.EpisodeReturns.Span[copy] <- returns[copy]
        result.EpisodeLengths.Span[copy] <- elapsed[copy]
        elapsed[copy] <- 0
        returns[copy] <- 0.0

    /// The present state as a snapshot.
    member _.Snapshot(bytes: byte[]) =
        { EnvironmentId = id; Count = count; Wrappers = []; Statistics = []; Bytes = bytes; Instances = [] }

    /// Requires a snapshot of this environment, this many copies and `size` bytes.
    member _.CheckSnapshot(snapshot: BatchSnapshot, size: int) =
        if snapshot.EnvironmentId <> id then
            Guard.fail "snapshot" $"snapshot is of {snapshot.EnvironmentId}; it must be of {id}."

        if snapshot.Count <> count then
            Guard.fail "snapshot" $"snapshot holds {snapshot.Count} copies; this batch has {count}."

        if not snapshot.Wrappers.IsEmpty then
            let wrappers = String.Join(", ", snapshot.Wrappers)
            Guard.fail "snapshot" $"snapshot is of {id} within {wrappers}; wrap the environment in the same way."

        Guard.length "snapshot.Bytes" size snapshot.Bytes.Length
