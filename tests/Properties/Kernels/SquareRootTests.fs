/// Square roots, and quotients by them, to the last bit.
module Rl.Tests.Kernels.SquareRootTests

open System
open System.Runtime.InteropServices
open Rl.Core.Kernels
open Xunit

let private pinned count = GC.AllocateArray<float32>(count, pinned = true)
let private address (array: float32[]) = Marshal.UnsafeAddrOfPinnedArrayElement(array, 0)

[<Fact>]
let ``the square root of every significand is correctly rounded at every width`` () =
    // [1, 4) holds every significand at an even and at an odd exponent; other exponents only move the binary point.
    let first, last = BitConverter.SingleToInt32Bits 1.0f, BitConverter.SingleToInt32Bits 4.0f
    let count = 1 <<< 16
    let x, y = pinned count, pinned count
    let expected = Array.zeroCreate<float32> count

    for start in first..count .. last - 1 do
        for i in 0 .. count - 1 do
            x[i] <- BitConverter.Int32BitsToSingle(start + i)
            expected[i] <- MathF.Sqrt x[i]

        for kernels in Kernels.singles do
            kernels.Unary(UnaryOperation.Sqrt, address x, address y, count)
            Assert.True(expected.AsSpan().SequenceEqual(y), $"{kernels.Name} from {x[0]}")

/// Every 4099th float32 from 0 to infinity, and what is none of these.
let private everyMagnitude =
    [|
        for bits in 0..4099..0x7F800000 -> BitConverter.Int32BitsToSingle bits
        yield! [| Single.Epsilon; 1.1754942e-38f; Single.MaxValue; infinityf; 0.0f; -0.0f; -1.0f; nanf; -infinityf |]
    |]

let private same (a: float32) (b: float32) =
    BitConverter.SingleToInt32Bits a = BitConverter.SingleToInt32Bits b
    || (Single.IsNaN a && Single.IsNaN b)

[<Fact>]
let ``the square root has the bits of System.MathF over the whole range`` () =
    let x, y = pinned everyMagnitude.Length, pinned everyMagnitude.Length
    everyMagnitude.CopyTo(x, 0)

    for kernels in Kernels.singles do
        kernels.Unary(UnaryOperation.Sqrt, address x, address y, x.Length)

        for i in 0 .. x.Length - 1 do
            if not (same (MathF.Sqrt x[i]) y[i]) then
                Assert.Fail $"{kernels.Name}: √{x[i]:R} is {y[i]:R}"

[<Fact>]
let ``a quotient by a root and a number is what three rounded operations give`` () =
    let count = everyMagnitude.Length
    let a, b, c, y = pinned count, pinned count, pinned 1, pinned count
    everyMagnitude.CopyTo(b, 0)

    for epsilon in [ 0.0f; 1e-8f; 1e-5f; 1.0f ] do
        c[0] <- epsilon

        for numerator in [ 0.0f; 1e-30f; -3.7e-4f; 1.0f; 2.9e5f; 1e38f ] do
            Array.Fill(a, numerator)

            for kernels in Kernels.singles do
                let operation = TernaryOperation.DivideByRoot
                kernels.Ternary(operation, address a, false, address b, false, address c, true, address y, count)

                for i in 0 .. count - 1 do
                    let truth = float numerator / (sqrt (float b[i]) + float epsilon)

                    // Each of the three is relatively within 2⁻²⁴ of what it is given.
                    let isNear = not (Single.IsNormal y[i]) || abs (float y[i] - truth) <= 3.01 * 2.0 ** -24 * abs truth

                    if not (isNear && same (numerator / (MathF.Sqrt b[i] + epsilon)) y[i]) then
                        Assert.Fail $"{kernels.Name}: {numerator:R} / (√{b[i]:R} + {epsilon:R}) is {y[i]:R}"
