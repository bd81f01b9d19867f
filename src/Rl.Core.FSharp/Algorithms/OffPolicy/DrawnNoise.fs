/// Random numbers for the rows of drawn samples, anew for each update.
namespace Rl.Core.Algorithms

open System
open Rl.Core.Experience
open Rl.Core.Foundations

/// Numbers in further columns of drawn samples, which `fill` draws anew for each update, beside `others`, which
/// somebody else draws. Not thread-safe.
[<Sealed>]
type internal DrawnNoise
    (fill: float32[] -> Rng -> Rng, columns: Column list, rows: int, others: (Column * float32[]) list) =
    static let normals (values: float32[]) (key: Rng) = Rng.normals (Span values) key

    static let uniforms (values: float32[]) (key: Rng) =
        let mutable key = key

        for index in 0 .. values.Length - 1 do
            let struct (value, next) = Rng.uniform key
            values[index] <- float32 value
            key <- next

        key

    let noise = columns |> List.map (fun column -> column, Array.zeroCreate<float32>(rows * column.Numbers))
    let arrays = noise |> List.map snd |> List.toArray
    let mutable whole: struct (Samples * Samples) voption = ValueNone

    /// Standard normal numbers.
    new(columns, rows, others) = DrawnNoise(normals, columns, rows, others)
    /// Standard normal numbers alone.
    new(columns, rows) = DrawnNoise(columns, rows, [])
    /// Numbers drawn uniformly from [0, 1).
    static member Uniform(columns: Column list, rows: int) = DrawnNoise(uniforms, columns, rows, [])

    /// The columns with their numbers, which stay where they are.
    member _.Columns = noise

    /// Draws all numbers, column by column: the generator that follows.
    member _.Draw(key: Rng) : Rng =
        let mutable key = key

        for values in arrays do
            key <- fill values key

        key

    /// The samples with the columns. Samples are mostly those of the time before.
    member _.With(samples: Samples) : Samples =
        match whole with
        | ValueSome(struct (known, made)) when obj.ReferenceEquals(known, samples) -> made
        | _ ->
            let made = samples.With(noise @ others)
            whole <- ValueSome(struct (samples, made))
            made
