/// Between eight states in a row and one quantity a vector, for the SIMD kernels of classic control.
namespace Rl.Core.Environments.ClassicControl

open System
open System.Runtime.CompilerServices
open System.Runtime.InteropServices
open System.Runtime.Intrinsics
open System.Runtime.Intrinsics.X86


/// Needs AVX-512; states are two or four float64 numbers, an outcome is a reward and 8 bytes of flags.
[<RequireQualifiedAccess>]
module internal StateLanes =

    /// Eight states of two numbers: the first numbers, then the second.
    [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
    let unpackTwo
        (states: ReadOnlySpan<Vector512<float>>, first: byref<Vector512<float>>, second: byref<Vector512<float>>)
        =
        let even = Vector512.Create(0L, 2L, 4L, 6L, 8L, 10L, 12L, 14L)
        let odd = Vector512.Create(1L, 3L, 5L, 7L, 9L, 11L, 13L, 15L)
        first <- Avx512F.PermuteVar8x64x2(states[0], even, states[1])
        second <- Avx512F.PermuteVar8x64x2(states[0], odd, states[1])

    /// The inverse of `unpackTwo`.
    [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
    let packTwo (first: Vector512<float>, second: Vector512<float>, states: Span<Vector512<float>>) =
        let low = Vector512.Create(0L, 8L, 1L, 9L, 2L, 10L, 3L, 11L)
        let high = Vector512.Create(4L, 12L, 5L, 13L, 6L, 14L, 7L, 15L)
        states[0] <- Avx512F.PermuteVar8x64x2(first, low, second)
        states[1] <- Avx512F.PermuteVar8x64x2(first, high, second)

    /// Eight outcomes that are not truncated; `terminated` is all ones or zeros a lane.
    [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
    let packOutcomes (rewards: Vector512<float>, terminated: Vector512<float>, outcomes: Span<Vector512<float>>) =
        packTwo (rewards, terminated &&& Vector512.Create(1L).AsDouble(), outcomes)

    /// Eight states of four numbers: the first numbers, the second, the third and the fourth.
    [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
    let unpackFour
        (
            states: ReadOnlySpan<Vector512<float>>,
            first: byref<Vector512<float>>,
            second: byref<Vector512<float>>,
            third: byref<Vector512<float>>,
            fourth: byref<Vector512<float>>
        ) =
        // Two states a vector to one quantity a vector.
        let evens = Vector512.Create(0L, 4L, 8L, 12L, 1L, 5L, 9L, 13L)
        let odds = Vector512.Create(2L, 6L, 10L, 14L, 3L, 7L, 11L, 15L)
        let lowerHalves = Vector512.Create(0L, 1L, 2L, 3L, 8L, 9L, 10L, 11L)
        let upperHalves = Vector512.Create(4L, 5L, 6L, 7L, 12L, 13L, 14L, 15L)
        let a = Avx512F.PermuteVar8x64x2(states[0], evens, states[1])
        let b = Avx512F.PermuteVar8x64x2(states[2], evens, states[3])
        let c = Avx512F.PermuteVar8x64x2(states[0], odds, states[1])
        let d = Avx512F.PermuteVar8x64x2(states[2], odds, states[3])
        first <- Avx512F.PermuteVar8x64x2(a, lowerHalves, b)
        second <- Avx512F.PermuteVar8x64x2(a, upperHalves, b)
        third <- Avx512F.PermuteVar8x64x2(c, lowerHalves, d)
        fourth <- Avx512F.PermuteVar8x64x2(c, upperHalves, d)

    /// The inverse of `unpackFour`.
    [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
    let packFour
        (
            first: Vector512<float>,
            second: Vector512<float>,
            third: Vector512<float>,
            fourth: Vector512<float>,
            states: Span<Vector512<float>>
        ) =
        let lowerHalves = Vector512.Create(0L, 1L, 2L, 3L, 8L, 9L, 10L, 11L)
        let upperHalves = Vector512.Create(4L, 5L, 6L, 7L, 12L, 13L, 14L, 15L)
        let a = Avx512F.PermuteVar8x64x2(first, lowerHalves, second)
        let b = Avx512F.PermuteVar8x64x2(first, upperHalves, second)
        let c = Avx512F.PermuteVar8x64x2(third, lowerHalves, fourth)
        let d = Avx512F.PermuteVar8x64x2(third, upperHalves, fourth)
        let firstPair = Vector512.Create(0L, 4L, 8L, 12L, 1L, 5L, 9L, 13L)
        let secondPair = Vector512.Create(2L, 6L, 10L, 14L, 3L, 7L, 11L, 15L)
        states[0] <- Avx512F.PermuteVar8x64x2(a, firstPair, c)
        states[1] <- Avx512F.PermuteVar8x64x2(a, secondPair, c)
        states[2] <- Avx512F.PermuteVar8x64x2(b, firstPair, d)
        states[3] <- Avx512F.PermuteVar8x64x2(b, secondPair, d)

    /// Every number of the states as float32, in order: the observations of environments that show their state.
    let narrow (values: ReadOnlySpan<float>) (observations: Span<float32>) =
        let pairs = MemoryMarshal.Cast<float, Vector512<float>> values
        let rows = MemoryMarshal.Cast<float32, Vector512<float32>> observations

        for index in 0 .. pairs.Length / 2 - 1 do
            rows[index] <- Vector512.Narrow(pairs[2 * index], pairs[2 * index + 1])

        for index in pairs.Length / 2 * 16 .. values.Length - 1 do
            observations[index] <- float32 values[index]
