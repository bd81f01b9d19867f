/// What a planner carries from one decision to the next.
namespace Rl.Core.Planning

open System
open Rl.Core.Foundations

/// The memory of a planner, and all of it: two planners with equal options and equal states decide alike. `Copy` makes
/// one that shares nothing.
[<Sealed>]
type PlannerState(horizon: int, size: int, elites: int, key: Rng) =
    /// [horizon, size]: the coordinates of the sequence that was decided on; empty of meaning before the first
    /// decision.
    member val Plan: float[] = Array.zeroCreate (horizon * size)
    /// [horizon, size]: where the next search begins.
    member val Mean: float[] = Array.zeroCreate (horizon * size)
    /// [elites, horizon, size]: the best sequences of the last search, the best first.
    member val Elites: float[] = Array.zeroCreate (elites * horizon * size)
    /// How many of `Elites` there are.
    member val EliteCount = 0 with get, set
    /// [size]: the coordinates of the last action.
    member val Past: float[] = Array.zeroCreate size
    /// The estimated return of `Plan`; NaN before the first decision, and where a plan is not judged.
    member val Value = nan with get, set
    /// The randomness of the decisions to come.
    member val Key = key with get, set

    /// The same state in memory of its own.
    member this.Copy() : PlannerState =
        let copy = PlannerState(horizon, size, elites, this.Key)
        this.Plan.CopyTo(copy.Plan, 0)
        this.Mean.CopyTo(copy.Mean, 0)
        this.Elites.CopyTo(copy.Elites, 0)
        this.Past.CopyTo(copy.Past, 0)
        copy.EliteCount <- this.EliteCount
        copy.Value <- this.Value
        copy

    /// The singles that `Write` writes.
    member this.Width = 1 + this.Mean.Length + this.Past.Length + this.Elites.Length

    /// Rounds what the next decision depends on to single precision, so that `Write` and `Read` change nothing.
    member this.Round() : unit =
        for values in [| this.Mean; this.Past; this.Elites |] do
            for index in 0 .. values.Length - 1 do
                values[index] <- float (float32 values[index])

    /// Writes what the next decision depends on beside the key: the number of elites, the mean, the last action, the
    /// elites.
    member this.Write(target: Span<float32>) : unit =
        target[0] <- float32 this.EliteCount
        let mutable place = 1

        for values in [| this.Mean; this.Past; this.Elites |] do
            for index in 0 .. values.Length - 1 do
                target[place + index] <- float32 values[index]

            place <- place + values.Length

    /// Takes over what `Write` wrote of a state of the same sizes.
    member this.Read(source: ReadOnlySpan<float32>) : unit =
        this.EliteCount <- int source[0]
        let mutable place = 1

        for values in [| this.Mean; this.Past; this.Elites |] do
            for index in 0 .. values.Length - 1 do
                values[index] <- float source[place + index]

            place <- place + values.Length

/// Sequences of coordinates, one step later.
[<RequireQualifiedAccess>]
module internal Shift =

    /// shifted[t] ← sequence[t + 1]; the last step ← `last` [size]. Both are [horizon, size]; they may be the same.
    let into (size: int) (sequence: ReadOnlySpan<float>) (last: ReadOnlySpan<float>) (shifted: Span<float>) =
        sequence.Slice(size).CopyTo shifted
        last.CopyTo(shifted.Slice(shifted.Length - size))
