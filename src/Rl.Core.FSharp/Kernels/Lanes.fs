/// The contract of a vector of lanes: what a kernel that is written once needs from each width and precision.
namespace Rl.Core.Kernels

open System.Numerics
open System.Runtime.CompilerServices
open System.Runtime.Intrinsics
open System.Runtime.Intrinsics.X86

#nowarn "9"
#nowarn "3535"
#nowarn "3536"

/// What the processor has.
[<AbstractClass; Sealed>]
type internal Processor =

    /// Vectors of 512 bits and 32 registers. .NET calls them accelerated only where it also prefers them to 256 bits,
    /// for fear of a lower clock in programs that use them now and then; kernels use nothing else, and run up to twice
    /// as fast (docs/performance.md).
    static member HasVectors512 =
        Vector512.IsHardwareAccelerated
        || (Avx512F.IsSupported && Avx512BW.IsSupported && Avx512DQ.IsSupported && Avx512F.VL.IsSupported)

/// A vector 'V of elements 'T (float32 or float64). Addresses are bytes, indices and counts are elements.
/// A mask is a vector whose lanes are all ones or all zeros. Every arithmetic operation rounds once, as IEEE 754 says,
/// so a formula has the same bits at every width.
type internal ILanes<'V, 'T when 'T: unmanaged> =
    /// Elements in a vector.
    static abstract Count: int
    /// Vector registers of the hardware at this width: 32 or 16.
    static abstract Registers: int
    static abstract Load: address: nativeint * index: int -> 'V
    /// One element of memory in every lane.
    static abstract Read: address: nativeint * index: int -> 'V
    static abstract Store: address: nativeint * index: int * value: 'V -> unit
    /// The mask whose first `count` lanes are set (all of them when count ≥ Count).
    static abstract Mask: count: int -> 'V
    /// Touches no memory of lanes that the mask leaves out; they are 0.
    static abstract LoadMasked: address: nativeint * index: int * mask: 'V -> 'V
    static abstract StoreMasked: address: nativeint * index: int * value: 'V * mask: 'V -> unit
    static abstract Broadcast: value: 'T -> 'V
    /// The nearest 'T to a number in every lane.
    static abstract Constant: value: float -> 'V
    static abstract Add: a: 'V * b: 'V -> 'V
    static abstract Subtract: a: 'V * b: 'V -> 'V
    static abstract Multiply: a: 'V * b: 'V -> 'V
    static abstract Divide: a: 'V * b: 'V -> 'V
    /// a·b + c with one rounding.
    static abstract Fma: a: 'V * b: 'V * c: 'V -> 'V
    /// c − a·b with one rounding.
    static abstract NegativeFma: a: 'V * b: 'V * c: 'V -> 'V
    static abstract Sqrt: x: 'V -> 'V
    static abstract Floor: x: 'V -> 'V
    static abstract Absolute: x: 'V -> 'V
    static abstract Negate: x: 'V -> 'V
    static abstract CopySign: magnitude: 'V * sign: 'V -> 'V
    /// NaN if either is NaN.
    static abstract Minimum: a: 'V * b: 'V -> 'V
    /// NaN if either is NaN.
    static abstract Maximum: a: 'V * b: 'V -> 'V
    /// One instruction: NaN if x is NaN (and `bound` is not).
    static abstract AtMost: bound: 'V * x: 'V -> 'V
    /// One instruction: NaN if x is NaN (and `bound` is not).
    static abstract AtLeast: bound: 'V * x: 'V -> 'V
    static abstract Less: a: 'V * b: 'V -> 'V
    static abstract LessOrEqual: a: 'V * b: 'V -> 'V
    static abstract Equal: a: 'V * b: 'V -> 'V
    /// mask ? a : b, lane by lane.
    static abstract Select: mask: 'V * a: 'V * b: 'V -> 'V
    static abstract And: a: 'V * b: 'V -> 'V
    /// mask ? 0 : x, lane by lane.
    static abstract AndNot: mask: 'V * x: 'V -> 'V
    /// The mask of the bytes from `address` + `index` on that are not 0.
    static abstract Flags: address: nativeint * index: int -> 'V
    static abstract Any: mask: 'V -> bool
    /// Writes first + i for each lane i that the mask has set, as int32, and returns how many they are; other bytes of
    /// the 4 · Count from `address` on may change.
    static abstract WritePlaces: address: nativeint * first: int * mask: 'V -> int
    /// x·2ⁿ for integral n, where x and x·2ⁿ are both normal.
    static abstract Scale: x: 'V * n: 'V -> 'V
    /// The integer e with x·2⁻ᵉ in [√½, √2), for normal x > 0.
    static abstract Exponent: x: 'V -> 'V
    /// The elements at even places of the 2 · Count that a and b hold together.
    static abstract Evens: a: 'V * b: 'V -> 'V
    /// The elements at odd places.
    static abstract Odds: a: 'V * b: 'V -> 'V
    static abstract Sum: x: 'V -> 'T
    /// NaN if any lane is NaN.
    static abstract Largest: x: 'V -> 'T
    static abstract ToFloat: x: 'T -> float
    static abstract OfFloat: x: float -> 'T

/// Addresses, and the masked accesses of hardware that has none.
[<RequireQualifiedAccess>]
module internal Memory =

    /// The address of element `index`.
    let inline at<'T when 'T: unmanaged> (address: nativeint) (index: int) : nativeint =
        address + nativeint index * nativeint sizeof<'T>

    let inline read<'V> (address: nativeint) : 'V = Unsafe.ReadUnaligned<'V>(address.ToPointer())

    let inline write<'V> (address: nativeint) (value: 'V) : unit = Unsafe.WriteUnaligned<'V>(address.ToPointer(), value)

    let private isSet size (mask: nativeint) lane =
        if size = 4 then
            read<int>(mask + nativeint (4 * lane)) <> 0
        else
            read<int64>(mask + nativeint (8 * lane)) <> 0L

    let private move size (source: nativeint) (target: nativeint) lane =
        if size = 4 then
            write<int> (target + nativeint (4 * lane)) (read<int>(source + nativeint (4 * lane)))
        else
            write<int64> (target + nativeint (8 * lane)) (read<int64>(source + nativeint (8 * lane)))

    /// Loads the lanes that the mask has set, one at a time.
    [<MethodImpl(MethodImplOptions.NoInlining)>]
    let loadLanes<'V when 'V: struct and 'V: (new: unit -> 'V) and 'V :> System.ValueType>
        (size: int)
        (address: nativeint)
        (mask: 'V)
        : 'V =
        let mutable mask = mask
        let mutable result = Unchecked.defaultof<'V>

        let maskAddress =
            NativeInterop.NativePtr.toNativeInt (NativeInterop.NativePtr.ofVoidPtr<byte>(Unsafe.AsPointer &mask))

        let resultAddress =
            NativeInterop.NativePtr.toNativeInt (NativeInterop.NativePtr.ofVoidPtr<byte>(Unsafe.AsPointer &result))

        for lane in 0 .. Unsafe.SizeOf<'V>() / size - 1 do
            if isSet size maskAddress lane then move size address resultAddress lane

        result

    /// The mask of the bytes from `address` on that are not 0, one at a time.
    [<MethodImpl(MethodImplOptions.NoInlining)>]
    let spreadFlags<'V when 'V: struct and 'V: (new: unit -> 'V) and 'V :> System.ValueType>
        (size: int)
        (address: nativeint)
        : 'V =
        let mutable result = Unchecked.defaultof<'V>

        let resultAddress =
            NativeInterop.NativePtr.toNativeInt (NativeInterop.NativePtr.ofVoidPtr<byte>(Unsafe.AsPointer &result))

        for lane in 0 .. Unsafe.SizeOf<'V>() / size - 1 do
            let value = if read<byte>(address + nativeint lane) <> 0uy then -1L else 0L

            if size = 4 then
                write<int> (resultAddress + nativeint (4 * lane)) (int value)
            else
                write<int64> (resultAddress + nativeint (8 * lane)) value

        result

    /// Writes first + i for each bit i that is set, as int32, and returns how many they are.
    let inline writePlaces (address: nativeint) (first: int) (bits: uint64) : int =
        let mutable rest = bits
        let mutable target = address

        while rest <> 0UL do
            write<int> target (first + BitOperations.TrailingZeroCount rest)
            target <- target + 4n
            rest <- rest &&& (rest - 1UL)

        BitOperations.PopCount bits

    /// Stores the lanes that the mask has set, one at a time.
    [<MethodImpl(MethodImplOptions.NoInlining)>]
    let storeLanes<'V when 'V: struct and 'V: (new: unit -> 'V) and 'V :> System.ValueType>
        (size: int)
        (address: nativeint)
        (value: 'V)
        (mask: 'V)
        : unit =
        let mutable mask = mask
        let mutable value = value

        let maskAddress =
            NativeInterop.NativePtr.toNativeInt (NativeInterop.NativePtr.ofVoidPtr<byte>(Unsafe.AsPointer &mask))

        let valueAddress =
            NativeInterop.NativePtr.toNativeInt (NativeInterop.NativePtr.ofVoidPtr<byte>(Unsafe.AsPointer &value))

        for lane in 0 .. Unsafe.SizeOf<'V>() / size - 1 do
            if isSet size maskAddress lane then move size valueAddress address lane
