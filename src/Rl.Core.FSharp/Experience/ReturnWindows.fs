/// Drawn windows of recorded episodes with what was still earned from each step on: what a decision transformer learns
/// from.
namespace Rl.Core.Experience

open System
open Rl.Core.Environments
open Rl.Core.Foundations

/// The columns of windows, each of steps.
type WindowColumns =
    {
        /// What networks see.
        Observations: Column
        /// In a policy's units.
        Actions: Column
        /// With integers one-hot.
        EncodedActions: Column
        /// The rewards from the step to the end of its episode, in units of the scale of returns.
        Returns: Column
        /// The number of the step in its episode, from 0.
        Steps: Column
        /// 1 where there is a step, 0 before the episode.
        Present: Column
    }

/// What is known of the returns of recorded episodes.
[<RequireQualifiedAccess>]
module RecordedReturns =

    /// Σ r from each row to the end of its episode.
    let toGo (columns: TransitionColumns) (replay: Replay) : float32[] =
        let result = Array.zeroCreate<float32> replay.Count
        let mutable sum = 0.0

        for row in replay.Count - 1 .. -1 .. 0 do
            let isLast = row = replay.Count - 1 || replay.Step(row + 1) = 0
            sum <- float (replay.Number(columns.Rewards, row)) + (if isLast then 0.0 else sum)
            result[row] <- float32 sum

        result

    /// The return of an episode than which a share `quantile` of the episodes have none that is higher; 1: the best.
    let target (quantile: float) (returns: float32[]) (replay: Replay) : float32 =
        Guard.inRange (nameof quantile) 0.0 1.0 quantile
        let ofEpisodes = RecordedReplay.episodes replay |> Array.map (fun (struct (first, _)) -> returns[first])
        Array.sortInPlace ofEpisodes
        ofEpisodes[int (Math.Round(quantile * float (ofEpisodes.Length - 1)))]

    /// The largest size of a return from any row on; 1 where all are 0.
    let scale (returns: float32[]) : float32 =
        let largest = returns |> Array.fold (fun size value -> max size (abs value)) 0.0f
        if largest > 0.0f then largest else 1.0f

/// B windows of K steps of a recorded replay (`RecordedReplay`), drawn again and again into the same memory: each ends
/// at a row that is drawn with equal probability, and begins K − 1 rows before it, or with its episode, of which
/// earlier places are empty. Sample k · B + b is place k of window b. Not thread-safe.
[<Sealed>]
type ReturnWindows(observations: Space, actions: Space, windows: int, length: int) =
    do
        Guard.positive (nameof windows) windows
        Guard.positive (nameof length) length

    let recorded = TransitionColumns.ofSizes (Encoding.size observations) actions.Size
    let policySpace = Encoding.ofPolicy actions
    let isIdentity = Encoding.isIdentity policySpace

    let columns =
        {
            Observations = recorded.Observations
            Actions = recorded.Actions
            EncodedActions = Column.step "encodedActions" (Encoding.size actions)
            Returns = Column.number "returnsToGo"
            Steps = Column.number "steps"
            Present = Column.number "present"
        }

    let count = windows * length
    let memory (column: Column) = Array.zeroCreate<float32>(count * column.Numbers)
    let seen, acted, encoded = memory columns.Observations, memory columns.Actions, memory columns.EncodedActions
    let returns, steps, present = memory columns.Returns, memory columns.Steps, memory columns.Present
    // Empty places hold the row of the window's first step, and numbers that are 0.
    let rows = Array.zeroCreate<int> count
    let mutable known: struct (Replay * float32[]) voption = ValueNone

    let samples =
        Samples(
            windows,
            (fun row -> struct (rows[row], 0)),
            [
                columns.Observations, seen
                columns.Actions, acted
                columns.EncodedActions, encoded
                columns.Returns, returns
                columns.Steps, steps
                columns.Present, present
            ]
        )

    let returnsOf (replay: Replay) =
        match known with
        | ValueSome(struct (last, returns)) when obj.ReferenceEquals(last, replay) -> returns
        | _ ->
            let made = RecordedReturns.toGo recorded replay
            known <- ValueSome(struct (replay, made))
            made

    let clear (column: Column) (values: float32[]) sample = Array.Clear(values, sample * column.Numbers, column.Numbers)

    member _.Columns = columns
    /// The drawn windows, valid until the next draw.
    member _.Samples = samples
    /// Σ r from each row of a replay to the end of its episode.
    member _.ReturnsToGo(replay: Replay) : float32[] = returnsOf replay

    /// Draws the next windows; observations are normalised by statistics, if there are any, and returns divided by
    /// their scale. The generator that follows.
    member _.Draw(replay: Replay, statistics: RunningStatistics, scale: float32, key: Rng) : Rng =
        let toGo = returnsOf replay
        let mutable key = key

        for window in 0 .. windows - 1 do
            let struct (last, next) = Rng.below replay.Count key
            key <- next
            let before = min (replay.Step last) (length - 1)

            for place in 0 .. length - 1 do
                let sample = place * windows + window
                let ago = length - 1 - place
                let row = last - min ago before
                let isPresent = ago <= before
                rows[sample] <- row
                present[sample] <- if isPresent then 1.0f else 0.0f
                steps[sample] <- if isPresent then float32 (replay.Step row) else 0.0f
                returns[sample] <- if isPresent then toGo[row] / scale else 0.0f

        replay.Read(columns.Observations, ReadOnlySpan rows, Span seen)
        replay.Read(columns.Actions, ReadOnlySpan rows, Span acted)
        Encoding.encode policySpace isIdentity (ReadOnlySpan acted) (Span encoded)
        Encoding.normalise statistics Encoding.Limit (ReadOnlySpan seen) (Span seen)

        for sample in 0 .. count - 1 do
            if present[sample] = 0.0f then
                clear columns.Observations seen sample
                clear columns.EncodedActions encoded sample

        key
