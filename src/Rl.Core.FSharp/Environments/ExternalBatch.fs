/// Copies of a user's environment that are stepped together by one call, adapted at the edge.
namespace Rl.Core.Environments

open System
open Rl.Core.Foundations

/// Copies of an environment that keep their states to themselves and are stepped together: in another process, say,
/// where a call costs more than a step. All spans are those of the range of copies that a call is about; several
/// threads may call for ranges that do not overlap at once. An exception that is of one copy has its index in
/// `Exception.Data["copy"]`.
type IMutableBatch =
    /// What a copy shows.
    abstract ObservationSpace: Space
    /// What can be done in a copy.
    abstract ActionSpace: Space
    /// The number of steps after which an episode is truncated; 0 for no limit.
    abstract MaxEpisodeSteps: int
    /// Whether `ActionMasks` may be asked.
    abstract HasActionMasks: bool

    /// Starts an episode in the copies from `first` on, one a seed, from which all its randomness comes, and writes
    /// their first observations.
    abstract Reset: first: int * seeds: ReadOnlySpan<uint64> * observations: Span<float32> -> unit

    /// Steps the copies from `first` on, one a seed. A copy whose episode ends begins the next one from its seed: its
    /// row of `observations` is the first of that, its row of `finalObservations` the last of the one that ended; the
    /// other rows of these are left alone.
    abstract Step:
        first: int *
        actions: ReadOnlySpan<float32> *
        seeds: ReadOnlySpan<uint64> *
        outcomes: Span<Outcome> *
        observations: Span<float32> *
        finalObservations: Span<float32> ->
            unit

    /// Writes which choices are possible now in the copies from `first` on, as many as `masks` has rows.
    abstract ActionMasks: first: int * masks: Span<bool> -> unit

/// A batch over copies that are stepped together. It has the bits of `External` over single copies that draw the same
/// from their seeds. An exception is wrapped in `EnvironmentFailure`. `Restore` starts a new episode in every copy,
/// since nothing can be known of their states. `Release` disposes of the copies if they are `IDisposable`.
[<Sealed>]
type ExternalBatch(id: string, rewardThreshold: float, count: int, copies: IMutableBatch) =
    inherit BatchEnvironment()

    let observationSpace, actionSpace = copies.ObservationSpace, copies.ActionSpace
    let observationSize, actionSize, choices = observationSpace.Size, actionSpace.Size, actionSpace.Choices
    let maxEpisodeSteps = copies.MaxEpisodeSteps
    let episodes = Episodes(id, count, maxEpisodeSteps, observationSize, actionSpace)
    let current = Array.zeroCreate<float32>(count * observationSize)
    let seeds = Array.zeroCreate<uint64> count
    let outcomes = Array.zeroCreate<Outcome> count
    let masked = copies.HasActionMasks && choices > 0

    /// The parts of observations that are integers or bits; boxes may be left, as `Environment.checkContract` tells.
    let integers =
        Space.layout observationSpace
        |> List.filter (fun part ->
            match part.Space with
            | Space.Box _ -> false
            | _ -> true)
        |> Array.ofList

    let rows first number = Span(current, first * observationSize, number * observationSize)

    let fail first isReset (error: exn) =
        let copy =
            match error.Data["copy"] with
            | :? int as copy when copy >= 0 && copy < count -> copy
            | _ -> first

        episodes.Fail(copy, isReset, error)

    let check copy (row: Span<float32>) isReset =
        episodes.CheckObservations(copy, Span.op_Implicit row, isReset)
        episodes.CheckParts(integers, copy, Span.op_Implicit row, isReset)

    /// Starts an episode in `number` copies.
    let reset first number =
        for copy in first .. first + number - 1 do
            let struct (seed, stream) = Rng.bits episodes.Streams[copy]
            episodes.Streams[copy] <- stream
            seeds[copy] <- seed
            episodes.Begin copy

        try
            copies.Reset(first, ReadOnlySpan(seeds, first, number), rows first number)
        with error ->
            fail first true error

        for copy in first .. first + number - 1 do
            check copy (rows copy 1) true

    override _.Id = id
    override _.Count = count
    override _.ObservationSpace = observationSpace
    override _.ActionSpace = actionSpace
    override _.ObservationSize = observationSize
    override _.ActionSize = actionSize
    override _.MaxEpisodeSteps = maxEpisodeSteps
    override _.RewardThreshold = rewardThreshold
    override _.HasActionMasks = masked

    override this.ActionMasks(first: int, number: int, masks: Span<bool>) =
        if masked then
            let range = masks.Slice(first * choices, number * choices)

            try
                copies.ActionMasks(first, range)
            with error ->
                fail first false error

            for copy in first .. first + number - 1 do
                if not (actionSpace.AllowsAction(Span.op_Implicit (masks.Slice(copy * choices, choices)))) then
                    let error =
                        InvalidOperationException "its action mask allows no choice; each integer or bit needs one."

                    episodes.Fail(copy, episodes.Elapsed copy = 0, error)
        else
            base.ActionMasks(first, number, masks)

    override _.ReturnSoFar(copy: int) =
        Guard.inIntRange (nameof copy) 0 (count - 1) copy
        episodes.Return copy

    override _.Reset(rng: Rng) =
        episodes.Start rng
        reset 0 count

    override _.Observe(observations: Span<float32>) =
        episodes.RequireReady()
        Guard.length (nameof observations) current.Length observations.Length
        Span(current).CopyTo observations

    override _.Step(first: int, steps: int, actions: ReadOnlySpan<float32>, result: StepBuffers) =
        episodes.CheckStep(first, steps, actions, result)
        let finals = result.FinalObservations.Span.Slice(first * observationSize, steps * observationSize)

        // The seed of the episode that would follow; the stream moves on where it does.
        for copy in first .. first + steps - 1 do
            let struct (seed, _) = Rng.bits episodes.Streams[copy]
            seeds[copy] <- seed

        try
            copies.Step(
                first,
                actions.Slice(first * actionSize, steps * actionSize),
                ReadOnlySpan(seeds, first, steps),
                Span(outcomes, first, steps),
                rows first steps,
                finals
            )
        with error ->
            fail first false error

        let booked = StepRows.Of result

        for copy in first .. first + steps - 1 do
            let outcome = outcomes[copy]
            let row = rows copy 1
            let final = finals.Slice((copy - first) * observationSize, observationSize)
            let isOver = outcome.Terminated || outcome.Truncated
            check copy (if isOver then final else row) false

            if episodes.Record(copy, outcome, booked) then
                if isOver then
                    let struct (_, stream) = Rng.bits episodes.Streams[copy]
                    episodes.Streams[copy] <- stream
                    episodes.Begin copy
                    check copy row true
                else
                    row.CopyTo final
                    reset copy 1

        (rows first steps).CopyTo(result.Observations.Span.Slice(first * observationSize, steps * observationSize))

    override _.Cut(copy: int, result: StepBuffers) =
        episodes.RequireReady(copy, 1)
        episodes.Cut(copy, result)
        reset copy 1

        (rows copy 1).CopyTo(result.Observations.Span.Slice(copy * observationSize, observationSize))

    override _.RestoresEpisodes = false

    override _.Release() =
        match box copies with
        | :? IDisposable as copies -> copies.Dispose()
        | _ -> ()

    override _.Capture() =
        episodes.RequireReady()
        let bytes = Array.zeroCreate<byte>(Episodes.ProgressBytes count)
        episodes.CaptureProgress(Span bytes)
        episodes.Snapshot bytes

    override _.CopyBytes = Ok [ Episodes.ProgressBytes 1 ]

    override _.Restore(snapshot: BatchSnapshot) =
        episodes.CheckSnapshot(snapshot, Episodes.ProgressBytes count)
        episodes.RestoreProgress(ReadOnlySpan snapshot.Bytes)
        reset 0 count
