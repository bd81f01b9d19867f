/// The random numbers that planners draw.
namespace Rl.Core.Planning

open System
open System.Runtime.InteropServices
open Rl.Core.Foundations

/// Where a planner's random numbers come from: an `Rng`, or numbers that were recorded.
type internal IDraws =
    /// values ← uniform numbers in [0, 1).
    abstract Uniforms: values: Span<float> * key: Rng -> Rng
    /// values ← standard normal numbers.
    abstract Normals: values: Span<float> * key: Rng -> Rng
    /// values ← standard normal numbers that lie in [−2, 2].
    abstract Truncated: values: Span<float> * key: Rng -> Rng
    /// A uniform permutation of 0 … count − 1.
    abstract Permutation: order: Span<int> * key: Rng -> Rng

[<RequireQualifiedAccess>]
module internal Draws =

    /// Single precision is enough for noise and much faster to draw: the singles lie in the second half of the memory
    /// of the doubles, and each is read before its place is written.
    let private normals (values: Span<float>) (key: Rng) : Rng =
        let singles = MemoryMarshal.Cast<float, float32>(values).Slice values.Length
        let next = Rng.normals singles key

        for index in 0 .. values.Length - 1 do
            values[index] <- float singles[index]

        next

    /// Draws from the key.
    let random: IDraws =
        { new IDraws with
            member _.Uniforms(values, key) =
                let mutable key = key

                for index in 0 .. values.Length - 1 do
                    let struct (value, next) = Rng.uniform key
                    values[index] <- value
                    key <- next

                key

            member _.Normals(values, key) = normals values key

            member _.Truncated(values, key) =
                let mutable key = normals values key

                // One of twenty-two lies outside and is drawn again until it does not.
                for index in 0 .. values.Length - 1 do
                    while abs values[index] > 2.0 do
                        let struct (value, next) = Rng.normal key
                        values[index] <- value
                        key <- next

                key

            member _.Permutation(order, key) =
                for index in 0 .. order.Length - 1 do
                    order[index] <- index

                Rng.shuffle order key
        }
