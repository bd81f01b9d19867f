/// Numbers too small for an exponent of their own: processors take a hundred times as long over them as over others.
namespace Rl.Core.Foundations

open System
open System.Numerics
open System.Runtime.InteropServices

/// Averages that nothing is added to any more decay to subnormal numbers and stay there: 0.9 times one of the smallest
/// is rounded to itself.
[<RequireQualifiedAccess>]
module internal Subnormal =

    // All ones where a number has an exponent, is infinite or NaN; the sign is kept in any case.
    let private exponent, sign = 0x7F800000u, 0x80000000u

    /// Copies numbers, the subnormal ones (|x| < 2⁻¹²⁶) as 0 of their sign. `target` has as many, else
    /// `ArgumentException`.
    let copyWithout (source: ReadOnlySpan<float32>) (target: Span<float32>) : unit =
        Guard.length (nameof target) source.Length target.Length
        let source = MemoryMarshal.Cast<float32, uint32> source
        let target = MemoryMarshal.Cast<float32, uint32> target
        let exponents, signs = Vector exponent, Vector sign
        let mutable i = 0

        while i <= source.Length - Vector<uint32>.Count do
            let x = Vector<uint32>(source.Slice i)
            let none = Vector.Equals(x &&& exponents, Vector<uint32>.Zero)
            (Vector.ConditionalSelect(none, x &&& signs, x)).CopyTo(target.Slice i)
            i <- i + Vector<uint32>.Count

        while i < source.Length do
            let x = source[i]
            target[i] <- if x &&& exponent = 0u then x &&& sign else x
            i <- i + 1
