/// The projection of return distributions onto evenly spaced atoms, on plain memory.
namespace Rl.Core.Objectives

open System
open System.Numerics
open System.Runtime.InteropServices
open System.Runtime.Intrinsics
open System.Runtime.Intrinsics.X86
open FSharp.NativeInterop
open Rl.Core.Foundations
open Rl.Core.Kernels

#nowarn "9"

/// Sizes of the memory on the stack.
module private ProjectionMemory =

    /// Probabilities that are placed before any of them is added: reading them back one by one right after a vector was
    /// written is slow.
    [<Literal>]
    let Staged = 256

    /// With more target atoms than these the sums are on the heap.
    [<Literal>]
    let Atoms = 1024

open ProjectionMemory

/// The data side of C51's target: `ValueDistributions.project` is the same for any atoms, as an expression.
[<AbstractClass; Sealed>]
type CategoricalProjection =

    /// Places `count` ≤ `Staged` probabilities from `start` on, a vector at a time: `below` gets the lower neighbour's
    /// index and `parts` (what the lower neighbour takes, what the upper one takes). Both have room for a vector beyond
    /// the last. False if a place is NaN, be it one beyond the last.
    static member private Place
        (
            low: float32,
            scale: float32,
            atoms: int,
            start: int,
            count: int,
            from: ReadOnlySpan<float32>,
            probabilities: ReadOnlySpan<float32>,
            below: nativeptr<int>,
            parts: nativeptr<Vector2>
        ) : bool =
        let lanes = Vector<float32>.Count
        let lows, scales = Vector<float32> low, Vector<float32> scale
        let last = Vector<float32>(float32 (atoms - 1))
        // The top atom has no upper neighbour: the one below takes a share of 0 instead.
        let lastBelow = Vector<float32>(float32 (atoms - 2))
        let mutable notNumbers = Vector<float32>.Zero
        let mutable at = 0

        while at < count do
            // Only the end of all rows is shorter than a vector.
            let isFull = start + at + lanes <= from.Length

            let x =
                if isFull then
                    Vector<float32>(from.Slice(start + at))
                else
                    Recurrence.LoadRest(from, start + at)

            let weight =
                if isFull then
                    Vector<float32>(probabilities.Slice(start + at))
                else
                    Recurrence.LoadRest(probabilities, start + at)

            // With the bound first, NaN goes through.
            let place = Vector.MinNative(last, Vector.MaxNative(Vector<float32>.Zero, (x - lows) * scales))
            notNumbers <- notNumbers + (place - place)
            let lower = Vector.MinNative(lastBelow, Vector.Floor place)
            let share = (place - lower) * weight
            Vector.Store(Vector.ConvertToInt32Native lower, NativePtr.add below at)
            // Side by side as the halves of 64 bits.
            let mutable firstRest, lastRest = Vector<uint64>.Zero, Vector<uint64>.Zero
            let mutable firstShare, lastShare = Vector<uint64>.Zero, Vector<uint64>.Zero
            Vector.Widen(Vector.AsVectorUInt32(weight - share), &firstRest, &lastRest)
            Vector.Widen(Vector.AsVectorUInt32 share, &firstShare, &lastShare)
            let target: nativeptr<uint64> = NativePtr.ofNativeInt (NativePtr.toNativeInt (NativePtr.add parts at))
            Vector.Store(firstRest ||| Vector.ShiftLeft(firstShare, 32), target)
            Vector.Store(lastRest ||| Vector.ShiftLeft(lastShare, 32), NativePtr.add target (lanes / 2))
            at <- at + lanes

        Vector.EqualsAll(notNumbers, notNumbers)

    /// `Place` from the first element on with vectors of 16, the last of which may reach beyond `count`: the same
    /// numbers in the same places.
    static member private PlaceSixteens
        (
            low: float32,
            scale: float32,
            atoms: int,
            count: int,
            from: ReadOnlySpan<float32>,
            probabilities: ReadOnlySpan<float32>,
            below: nativeptr<int>,
            parts: nativeptr<Vector2>
        ) : bool =
        let lows, scales = Vector512.Create low, Vector512.Create scale
        let last, lastBelow = Vector512.Create(float32 (atoms - 1)), Vector512.Create(float32 (atoms - 2))
        let firstPairs = Vector512.Create(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
        let lastPairs = firstPairs + Vector512.Create 8
        let source = &MemoryMarshal.GetReference from
        let weights = &MemoryMarshal.GetReference probabilities
        let mutable notNumbers = Vector512<float32>.Zero
        let mutable at = 0

        while at < count do
            let x = Vector512.LoadUnsafe(&source, unativeint at)
            let weight = Vector512.LoadUnsafe(&weights, unativeint at)
            let place = Vector512.MinNative(last, Vector512.MaxNative(Vector512<float32>.Zero, (x - lows) * scales))
            notNumbers <- notNumbers + (place - place)
            let lower = Vector512.MinNative(lastBelow, Vector512.Floor place)
            let share = (place - lower) * weight
            let rest = Vector512.Subtract(weight, share)
            Vector512.Store(Vector512.ConvertToInt32Native lower, NativePtr.add below at)
            let target: nativeptr<float32> = NativePtr.ofNativeInt (NativePtr.toNativeInt (NativePtr.add parts at))
            Vector512.Store(Avx512F.PermuteVar16x32x2(rest, firstPairs, share), target)
            Vector512.Store(Avx512F.PermuteVar16x32x2(rest, lastPairs, share), NativePtr.add target 16)
            at <- at + 16

        Vector512.EqualsAll(notNumbers, notNumbers)

    /// result[k] = what atom k took as the lower neighbour and, of the atom before it in `sums`, the upper one. `sums`
    /// is preceded by a 0.
    static member private Join(sums: nativeptr<Vector2>, result: Span<float32>) : unit =
        let lanes = Vector<float32>.Count
        let lower: nativeptr<float32> = NativePtr.ofNativeInt (NativePtr.toNativeInt sums)
        let mutable at = 0

        while at <= result.Length - lanes do
            // Each even element is the lower part of an atom beside the upper part of the one before it.
            let inline pair from = Vector.Load(NativePtr.add lower from) + Vector.Load(NativePtr.add lower (from - 1))

            let first = Vector.AsVectorUInt64(pair (2 * at))
            let second = Vector.AsVectorUInt64(pair (2 * at + lanes))
            Vector.AsVectorSingle(Vector.Narrow(first, second)).CopyTo(result.Slice at)
            at <- at + lanes

        for atom in at .. result.Length - 1 do
            result[atom] <- NativePtr.get lower (2 * atom) + NativePtr.get lower (2 * atom - 1)

    /// Projects distributions with atoms `from` [M, J] and `probabilities` [M, J] onto the K atoms low, …, high at
    /// equal distances Δ: each probability is shared between the two atoms beside its place, clipped to [low, high], in
    /// proportion to nearness; `result` [M, K] has the sums of each row of `probabilities`. K ≥ 2 (`atoms`), low <
    /// high, no NaN in `from` (Bellemare, Dabney and Munos 2017, algorithm 1). Work proportional to M·J; allocates
    /// nothing where K ≤ 1024.
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
        let scale = float32 (atoms - 1) / (high - low)
        let below = NativePtr.stackalloc<int>(Staged + Vector512<float32>.Count)
        let parts = NativePtr.stackalloc<Vector2>(Staged + Vector512<float32>.Count)
        let onStack = NativePtr.stackalloc<Vector2>(Atoms + 1)
        let onHeap = if atoms > Atoms then Array.zeroCreate<Vector2>(atoms + 1) else [||]
        use pinned = fixed onHeap
        // One atom before the first, so that it too has an upper part before it: 0.
        let first = if atoms > Atoms then pinned else onStack
        let sums = NativePtr.add first 1

        for row in 0 .. rows - 1 do
            Span<Vector2>(NativePtr.toVoidPtr first, atoms + 1).Clear()
            let mutable start = row * columns

            while start < (row + 1) * columns do
                let count = min Staged ((row + 1) * columns - start)

                // The end of all rows is left to shorter vectors.
                let areNumbers =
                    if Processor.HasVectors512 && start + count + Vector512<float32>.Count <= from.Length then
                        CategoricalProjection.PlaceSixteens(
                            low,
                            scale,
                            atoms,
                            count,
                            from.Slice start,
                            probabilities.Slice start,
                            below,
                            parts
                        )
                    else
                        CategoricalProjection.Place(low, scale, atoms, start, count, from, probabilities, below, parts)

                if not areNumbers then
                    let mutable j = start

                    while not (Single.IsNaN from[j]) do
                        j <- j + 1

                    Guard.fail (nameof from) $"from[{j}] is NaN; a return has a place among the atoms."

                for j in 0 .. count - 1 do
                    let sum = NativePtr.add sums (NativePtr.get below j)
                    NativePtr.write sum (NativePtr.read sum + NativePtr.get parts j)

                start <- start + count

            CategoricalProjection.Join(sums, result.Slice(row * atoms, atoms))
