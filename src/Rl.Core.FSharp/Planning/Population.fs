/// Sequences that a planner tries at once, with what they are worth.
namespace Rl.Core.Planning

open System
open Rl.Core.Foundations

/// Memory for up to `capacity` sequences of `horizon` actions, made once. Not thread-safe.
[<Sealed>]
type internal Population(space: PlanningSpace, horizon: int, capacity: int) =
    let length = horizon * space.Size
    let width = space.Actions.Size
    let coordinates = Array.zeroCreate<float>(capacity * length)
    let actions = Array.zeroCreate<float32>(capacity * horizon * width)
    let returns = Array.zeroCreate<float> capacity
    let keys = Array.zeroCreate<float> capacity
    let eliteMean, eliteVariance = Array.zeroCreate<float> length, Array.zeroCreate<float> length
    let order = Array.zeroCreate<int> capacity

    /// [capacity, horizon, size].
    member _.Coordinates = coordinates
    /// [capacity]: what each sequence is worth, once judged.
    member _.Returns = returns
    /// The coordinates of a sequence [horizon, size].
    member _.Row(index: int) : Span<float> = Span(coordinates, index * length, length)

    /// Asks the judge about the sequences first … first + count − 1.
    member _.Judge(judge: ISequenceReturns, first: int, count: int) : unit =
        let chosen = ReadOnlySpan(coordinates, first * length, count * length)
        let into = Span(returns, first, count)

        match judge with
        | :? IExactSequenceReturns as exact when space.IsBox -> exact.JudgeExactly(chosen, horizon, into)
        | _ ->
            let rounded = Span(actions, 0, count * horizon * width)
            space.ToActions(chosen, rounded)
            judge.Judge(Span.op_Implicit rounded, horizon, into)

        for index in first .. first + count - 1 do
            if Double.IsNaN returns[index] then
                invalidOp (
                    $"The judge of sequences returned NaN for sequence {index - first} of {count}; a return must be a "
                    + "number, or -∞ for a sequence that must not be taken."
                )

    /// Orders the sequences 0 … count − 1 by their returns, the best first, of equal ones the earlier: sequence
    /// `Ranked r` has rank r.
    member _.Rank(count: int) : unit =
        for index in 0 .. count - 1 do
            keys[index] <- -returns[index]
            order[index] <- index

        Array.Sort(keys, order, 0, count)
        // The sort is not stable: of equal returns the earlier sequence goes first.
        let mutable first = 0

        while first < count do
            let mutable last = first

            while last + 1 < count && keys[last + 1] = keys[first] do
                last <- last + 1

            if last > first then Array.Sort(order, first, last - first + 1)
            first <- last + 1

    /// `EliteMean` and `EliteVariance` ← the mean of the `count` best sequences and Σ(x − mean)²/divisor, coordinate by
    /// coordinate, after `Rank`.
    member this.FitElites(count: int, divisor: float) : unit =
        Array.Clear eliteMean
        Array.Clear eliteVariance

        for rank in 0 .. count - 1 do
            let row = this.Row order[rank]

            for index in 0 .. row.Length - 1 do
                eliteMean[index] <- eliteMean[index] + row[index]

        for index in 0 .. length - 1 do
            eliteMean[index] <- eliteMean[index] / float count

        for rank in 0 .. count - 1 do
            let row = this.Row order[rank]

            for index in 0 .. row.Length - 1 do
                let deviation = row[index] - eliteMean[index]
                eliteVariance[index] <- eliteVariance[index] + deviation * deviation

        for index in 0 .. length - 1 do
            eliteVariance[index] <- eliteVariance[index] / divisor

    /// [horizon, size]: the mean that `FitElites` found.
    member _.EliteMean = eliteMean
    /// [horizon, size]: the variance that `FitElites` found.
    member _.EliteVariance = eliteVariance

    /// Brings the coordinates of a sequence within the bounds.
    member _.Clip(sequence: Span<float>) : unit =
        let mutable column = 0

        for index in 0 .. sequence.Length - 1 do
            sequence[index] <- Math.Clamp(sequence[index], space.Low[column], space.High[column])
            column <- if column + 1 = space.Size then 0 else column + 1

    /// The index of the sequence with a rank, after `Rank`.
    member _.Ranked(rank: int) : int = order[rank]
