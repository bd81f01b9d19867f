/// Memory for kernel tests: pinned, deliberately unaligned, fenced by canaries; and a way to state a law for all eight
/// sets.
module Rl.Tests.Kernels.KernelMemory

open System
open System.Numerics
open System.Runtime.InteropServices
open Rl.Core.Foundations
open Rl.Core.Kernels
open Xunit

/// The nearest element to a number.
let element<'T when 'T :> INumberBase<'T>> (value: float) : 'T = 'T.CreateTruncating value

/// An element as a number.
let number<'T when 'T :> INumberBase<'T>> (value: 'T) : float = Double.CreateTruncating value

/// The arrays of the last blocks of this thread, which their addresses do not keep alive.
[<AbstractClass; Sealed>]
type private Recent() =
    [<ThreadStatic; DefaultValue>]
    static val mutable private arrays: Array[]

    [<ThreadStatic; DefaultValue>]
    static val mutable private next: int

    static member Keep(array: Array) =
        if isNull (box Recent.arrays) then Recent.arrays <- Array.zeroCreate 64

        Recent.arrays[Recent.next % 64] <- array
        Recent.next <- Recent.next + 1

/// Elements at an address that is `offset` elements past an aligned one, between fences of a value that no kernel
/// writes.
type Block<'T when 'T: unmanaged and 'T :> IBinaryFloatingPointIeee754<'T>>(values: float[], offset: int) =
    let first = 24 + offset
    let canary = element<'T> -12345.678
    let store = GC.AllocateArray<'T>(values.Length + first + 24, pinned = true)

    do
        Array.fill store 0 store.Length canary
        values |> Array.iteri (fun i value -> store[first + i] <- element value)
        Recent.Keep store

    member _.Address: nativeint = Marshal.UnsafeAddrOfPinnedArrayElement(store, 0) + nativeint (first * sizeof<'T>)

    /// The contents, after a check that the fences stand.
    member _.Elements: 'T[] =
        for i in 0 .. store.Length - 1 do
            if i < first || i >= first + values.Length then
                Assert.True(store[i].Equals canary, $"element {i - first} of {values.Length} was written")

        Array.sub store first values.Length

    /// The contents as numbers.
    member this.Values: float[] = this.Elements |> Array.map number

/// A statement about a kernel set.
type Law =
    abstract Holds<'T when 'T: unmanaged and 'T :> IBinaryFloatingPointIeee754<'T>> : KernelSet<'T> -> unit

/// States a law for four widths of two precisions.
let everywhere (law: Law) =
    Kernels.singles |> List.iter law.Holds
    Kernels.doubles |> List.iter law.Holds

/// Numbers in [−2, 2) that float32 holds exactly.
let draws (seed: int) (count: int) : float[] =
    let mutable rng = Rng.create (uint64 seed)

    Array.init count (fun _ ->
        let struct (bits, next) = Rng.bits rng
        rng <- next
        float (int (bits >>> 44) - (1 <<< 19)) / float (1 <<< 18))

/// The rounding unit of a precision.
let epsilon<'T> : float = if sizeof<'T> = 4 then 1.2e-7 else 2.3e-16

/// Requires |actual − expected| ≤ tolerance·(1 + |expected|), NaN for NaN.
let close (context: string) (tolerance: float) (expected: float[]) (actual: float[]) =
    Assert.Equal(expected.Length, actual.Length)

    for i in 0 .. expected.Length - 1 do
        let same =
            expected[i] = actual[i]
            || (Double.IsNaN expected[i] && Double.IsNaN actual[i])
            || abs (actual[i] - expected[i]) <= tolerance * (1.0 + abs expected[i])

        Assert.True(same, $"{context}: element {i} is {actual[i]}, not {expected[i]}")

/// Requires the same numbers bit for bit, but that any NaN equals any other.
let identical (context: string) (expected: 'T[]) (actual: 'T[]) =
    Assert.Equal(expected.Length, actual.Length)

    for i in 0 .. expected.Length - 1 do
        Assert.True(
            (box expected[i]).Equals(box actual[i]) && string expected[i] = string actual[i],
            $"{context}: element {i} is {actual[i]}, not {expected[i]}"
        )

/// Bytes that `action` allocates once it is warm.
let allocated (action: unit -> unit) : int64 =
    for _ in 1..3 do
        action ()

    let before = GC.GetAllocatedBytesForCurrentThread()
    action ()
    GC.GetAllocatedBytesForCurrentThread() - before
