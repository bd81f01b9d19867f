/// Recorded episodes as a replay of transitions: what learners without an environment draw from.
namespace Rl.Core.Experience

open System
open System.Runtime.InteropServices
open Rl.Core.Acting
open Rl.Core.Environments
open Rl.Core.Foundations

/// The transitions of recorded episodes, one episode after the other: observations encoded and kept once, actions in a
/// policy's units, terminal ends apart from cuts. It is a replay like that of an algorithm that acts; nothing is
/// dropped.
[<RequireQualifiedAccess>]
module RecordedReplay =

    /// What is kept of a step.
    let columns (observations: Space) (actions: Space) : TransitionColumns =
        TransitionColumns.ofSizes (Encoding.size observations) actions.Size

    /// How it is kept.
    let plan (observations: Space) (actions: Space) : ReplayPlan =
        TransitionColumns.planOf observations (columns observations actions)

    /// The columns of one episode.
    let private data (observations: Space) (actions: Space) (map: ActionMap) (episode: RecordedEpisode) =
        let steps = episode.Steps
        let columns = columns observations actions
        let size, width = Encoding.size observations, actions.Size
        let encoded = Array.zeroCreate<float32>((steps + 1) * size)

        Encoding.encode
            observations
            (Encoding.isIdentity observations)
            (ReadOnlySpan episode.Observations)
            (Span encoded)

        let units = Array.zeroCreate<float32>(steps * width)

        for step in 0 .. steps - 1 do
            let action = ReadOnlySpan(episode.Actions, step * width, width)
            Policy.ofEnvironment map actions action (Span(units, step * width, width))

        let atLast value otherwise = Array.init steps (fun step -> if step = steps - 1 then value else otherwise)

        [
            columns.Observations, Array.sub encoded 0 (steps * size)
            columns.Actions, units
            columns.Rewards, Array.map float32 episode.Rewards
            columns.Continues, atLast (if episode.Terminated then 0.0f else 1.0f) 1.0f
            columns.NextObservations, Array.sub encoded size (steps * size)
            columns.Ends, atLast 1.0f 0.0f
        ]

    /// The replay of all steps of episodes, which are enumerated once. `map` is what acts' (`Actor.Actions`); `source`
    /// is what errors call the data. Fails for the first episode that does not fit the spaces
    /// (`RecordedEpisode.require`), and where there is none.
    let ofEpisodes
        (observations: Space)
        (actions: Space)
        (map: ActionMap)
        (source: string)
        (episodes: seq<RecordedEpisode>)
        : Replay =
        Guard.notNull (nameof episodes) episodes
        let mutable replay = Replay.ofPlan (plan observations actions) 1 Int32.MaxValue
        let mutable number = 0

        for episode in episodes do
            RecordedEpisode.require observations actions source number episode

            if int64 replay.Count + int64 episode.Steps > int64 Int32.MaxValue then
                Guard.fail
                    (nameof episodes)
                    $"{source} has more than {Int32.MaxValue} steps up to episode {number}; learn from a part of it."

            replay <- Replay.append (data observations actions map episode) replay
            number <- number + 1

        if number = 0 then
            Guard.fail (nameof episodes) $"{source} has no episode; record some first."

        Replay.withCapacity replay.Count replay

    let private mix (hash: uint64) (word: uint64) =
        let mixed = (hash ^^^ word) * 0x9E3779B97F4A7C15UL
        mixed ^^^ (mixed >>> 29)

    let private absorb (hash: uint64) (bytes: ReadOnlySpan<byte>) =
        let mutable hash = hash
        let words = MemoryMarshal.Cast<byte, uint64>(bytes)

        for index in 0 .. words.Length - 1 do
            hash <- mix hash words[index]

        for index in 8 * words.Length .. bytes.Length - 1 do
            hash <- mix hash (uint64 bytes[index])

        hash

    /// A number that other data, or the same in another order, has with a probability of 2⁻⁶⁴: of all that is kept.
    let fingerprint (replay: Replay) : uint64 =
        let rows, layout = replay.Rows, replay.Layout
        let mutable hash = mix 0x243F6A8885A308D3UL (uint64 replay.Count)

        for row in 0 .. replay.Count - 1 do
            hash <- mix hash (uint64 (replay.Step row))
            let isLast = row = replay.Count - 1 || replay.Step(row + 1) = 0

            // Column by column: what lies between them in memory is not the data's. The next observation is that of the
            // next row, but at an episode's end.
            for place in layout.Places do
                if place.NextOffset < 0 || isLast then
                    hash <- absorb hash (rows.Find(place, row))

        hash

    /// The statistics of the observations of all steps.
    let observationStatistics (columns: TransitionColumns) (replay: Replay) : RunningStatistics =
        let width = columns.Observations.Numbers
        let values = Array.zeroCreate<float32>(ReplayChunk.Rows * width)
        let rows = Array.zeroCreate<int> ReplayChunk.Rows
        let mutable statistics = RunningStatistics.create width

        for first in 0 .. ReplayChunk.Rows .. replay.Count - 1 do
            let count = min ReplayChunk.Rows (replay.Count - first)

            for index in 0 .. count - 1 do
                rows[index] <- first + index

            let target = Span(values, 0, count * width)
            replay.Read(columns.Observations, ReadOnlySpan(rows, 0, count), target)
            statistics <- RunningStatistics.update (Span.op_Implicit target) statistics

        statistics

    /// The statistics of the discounted sums of rewards up to each step of its episode, as algorithms that act keep
    /// them to normalise rewards.
    let returnStatistics (columns: TransitionColumns) (discount: float) (replay: Replay) : RunningStatistics =
        let returns = Array.zeroCreate<float> replay.Count
        let mutable running = 0.0

        for row in 0 .. replay.Count - 1 do
            running <-
                float (replay.Number(columns.Rewards, row))
                + (if replay.Step row = 0 then 0.0 else discount * running)

            returns[row] <- running

        RunningStatistics.updateExact (ReadOnlySpan returns) (RunningStatistics.create 1)

    /// The first and last row of each episode, in their order.
    let episodes (replay: Replay) : struct (int * int)[] =
        let starts =
            [|
                for row in 0 .. replay.Count - 1 do
                    if replay.Step row = 0 then row
            |]

        starts
        |> Array.mapi (fun index start ->
            struct (start, (if index + 1 < starts.Length then starts[index + 1] else replay.Count) - 1))
