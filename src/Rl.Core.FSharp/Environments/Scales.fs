/// Whether observations, actions and rewards have sizes that networks learn from.
namespace Rl.Core.Environments

open System
open System.Globalization

/// Sizes of numbers.
[<RequireQualifiedAccess>]
module internal Scales =

    /// From this mean size on numbers are large: networks start as if what they read and predict were of order 1.
    [<Literal>]
    let Largest = 1_000.0

    /// For example "1e5".
    let order (value: float) = "1e" + (int (Math.Floor(Math.Log10 value))).ToString CultureInfo.InvariantCulture

    /// The bounds of each number of a space; none for integers and bits.
    let rec bounds (space: Space) : struct (float * float) voption[] =
        match space with
        | Space.Box(low, high, _) -> Array.map2 (fun low high -> ValueSome(struct (low, high))) low high
        | Space.Discrete _
        | Space.MultiDiscrete _
        | Space.MultiBinary _ -> Array.create space.Size ValueNone
        | Space.Tuple _
        | Space.Dict _ -> space.Parts |> List.map (fun (_, part) -> bounds part) |> Array.concat

    /// The number of a space that is largest on average, if it is large: struct (its index, its mean size). Integers do
    /// not count: networks see them one-hot.
    let largest (space: Space) (sums: float[]) (rows: int64) : struct (int * float) voption =
        let bounds = bounds space
        let mutable index = -1

        for i in 0 .. sums.Length - 1 do
            if bounds[i].IsSome && (index < 0 || sums[i] > sums[index]) then index <- i

        if index >= 0 && rows > 0L && sums[index] / float rows >= Largest then
            ValueSome(struct (index, sums[index] / float rows))
        else
            ValueNone

/// Mean sizes of what a walk shows.
[<Sealed>]
type internal ScaleGauge(space: Space) =
    let sums = Array.zeroCreate<float> space.Size
    let mutable rows = 0L
    let mutable rewards = 0.0
    let mutable steps = 0L

    /// Takes in rows of observations.
    member _.Observe(values: ReadOnlySpan<float32>) =
        for i in 0 .. values.Length - 1 do
            let index = i % sums.Length

            if Single.IsFinite values[i] then
                sums[index] <- sums[index] + float (abs values[i])

        rows <- rows + int64 (values.Length / sums.Length)

    /// Takes in rewards.
    member _.Reward(values: ReadOnlySpan<float32>) =
        for value in values do
            if Single.IsFinite value then rewards <- rewards + float (abs value)

        steps <- steps + int64 values.Length

    /// The largest component of the observations, if it is large: struct (its index, its mean size).
    member _.LargeObservation = Scales.largest space sums rows

    /// The mean size of the rewards, if it is large.
    member _.LargeReward =
        if steps > 0L && rewards / float steps >= Scales.Largest then
            ValueSome(rewards / float steps)
        else
            ValueNone
