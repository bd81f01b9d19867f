/// The projection of return distributions onto evenly spaced atoms, on plain memory.
namespace Rl.Core.Objectives

open System
open Rl.Core.Foundations

/// The data side of C51's target: `ValueDistributions.project` is the same for any atoms, as an expression.
[<AbstractClass; Sealed>]
type CategoricalProjection =

    /// Projects distributions with atoms `from` [M, J] and `probabilities` [M, J] onto the K atoms low, …, high at equal distances Δ: each
    /// probability is shared between the two atoms beside its place, clipped to [low, high], in proportion to nearness;
    /// `result` [M, K] has the sums of each row of `probabilities`. K ≥ 2 (`atoms`), low < high, no NaN in `from` (Bellemare, Dabney and
    /// Munos 2017, algorithm 1). Work proportional to M·J.
    static member Evenly
        (
            columns: int,
            low: float32,
            high: float32,
            atoms: int,
            from: ReadOnlySpan<float32>,
            probabilities: ReadOnlySpan<float32>,
            result: Span<float32>
        ) : unit =
        Guard.positive (nameof columns) columns
        Guard.inIntRange (nameof atoms) 2 Int32.MaxValue atoms

        if not (low < high && Single.IsFinite(high - low)) then
            Guard.fail (nameof low) $"low is {low} and high is {high}; both must be finite and low less than high."

        let rows = from.Length / columns
        Guard.length (nameof from) (rows * columns) from.Length
        Guard.length (nameof probabilities) from.Length probabilities.Length
        Guard.length (nameof result) (rows * atoms) result.Length
        result.Clear()
        let scale = float32 (atoms - 1) / (high - low)
        let last = float32 (atoms - 1)

        for row in 0 .. rows - 1 do
            let target = result.Slice(row * atoms, atoms)
            let places = from.Slice(row * columns, columns)
            let weights = probabilities.Slice(row * columns, columns)

            for j in 0 .. places.Length - 1 do
                let place = MathF.Min(last, MathF.Max(0.0f, (places[j] - low) * scale))

                if Single.IsNaN place then
                    Guard.fail (nameof from) $"from[{row * columns + j}] is NaN; a return has a place among the atoms."

                // The top atom has no upper neighbour: the one below takes a share of 0 instead.
                let below = Math.Min(int place, atoms - 2)
                let share = (place - float32 below) * weights[j]
                target[below] <- target[below] + (weights[j] - share)
                target[below + 1] <- target[below + 1] + share
