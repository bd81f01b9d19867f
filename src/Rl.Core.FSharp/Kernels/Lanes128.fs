/// Vectors of 128 bits, which every processor has: Arm's, and x64's where wider ones are missing or not compiled for.
namespace Rl.Core.Kernels

open System.Runtime.CompilerServices
open System.Runtime.Intrinsics
open System.Runtime.Intrinsics.Arm
open System.Runtime.Intrinsics.X86
open Microsoft.FSharp.NativeInterop

#nowarn "9"
#nowarn "3535"
#nowarn "3536"

/// The last steps of a reduction over the lanes of a vector.
[<RequireQualifiedAccess>]
module internal Halves =

    /// The largest lane; NaN if any is NaN.
    let inline largest<'T when 'T: unmanaged> (x: Vector128<'T>) : 'T =
        if sizeof<'T> = 4 then
            let x = x.AsSingle()
            let x = Vector128.Max(x, Vector128.Shuffle(x, Vector128.Create(2, 3, 0, 1)))
            Unsafe.BitCast<float32, 'T>(System.MathF.Max(x.ToScalar(), x.GetElement 1))
        else
            let x = x.AsDouble()
            Unsafe.BitCast<float, 'T>(System.Math.Max(x.ToScalar(), x.GetElement 1))

/// a·b + c of hardware that rounds the product as well.
[<RequireQualifiedAccess>]
module internal Fused128 =

    /// a·b + c of the exact product, rounded to the neighbour with an odd last bit where it is not exact; so a second
    /// rounding to 29 bits fewer gives what one would (Boldo and Melquiond, Emulation of FMA and correctly rounded
    /// sums, 2008).
    let inline private toOdd (a: Vector128<float>) (b: Vector128<float>) (c: Vector128<float>) : Vector128<float> =
        let product = Vector128.Multiply(a, b)
        let sum = Vector128.Add(product, c)
        let part = Vector128.Subtract(sum, product)

        let lost =
            Vector128.Add(Vector128.Subtract(product, Vector128.Subtract(sum, part)), Vector128.Subtract(c, part))

        let zero, one = Vector128<float>.Zero, Vector128<int64>.One
        let inexact = Vector128.BitwiseOr(Vector128.LessThan(lost, zero), Vector128.GreaterThan(lost, zero))
        let even = Vector128.Equals(Vector128.BitwiseAnd(sum.AsInt64(), one), Vector128<int64>.Zero)
        let towardsZero = Vector128.LessThan(Vector128.Xor(sum, lost).AsInt64(), Vector128<int64>.Zero)

        let step =
            Vector128.BitwiseAnd(Vector128.BitwiseOr(towardsZero, one), Vector128.BitwiseAnd(inexact.AsInt64(), even))

        Vector128.Add(sum.AsInt64(), step).AsDouble()

    /// a·b + c with one rounding, as a fused multiply-add has it, through float64, which holds products of float32
    /// exactly.
    [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
    let multiplyAdd (a: Vector128<float32>, b: Vector128<float32>, c: Vector128<float32>) : Vector128<float32> =
        Vector128.Narrow(
            toOdd (Vector128.WidenLower a) (Vector128.WidenLower b) (Vector128.WidenLower c),
            toOdd (Vector128.WidenUpper a) (Vector128.WidenUpper b) (Vector128.WidenUpper c)
        )

/// Masked accesses of hardware that has none. Nearly all masks are of the first lanes; others go lane by lane.
[<RequireQualifiedAccess>]
module internal Masked128 =

    /// The lanes that the mask has set, 0 in the others.
    let inline load<'T when 'T: unmanaged> (address: nativeint) (mask: Vector128<'T>) : Vector128<'T> =
        let lanes = Vector128.ExtractMostSignificantBits mask

        if sizeof<'T> = 4 then
            match lanes with
            | 0u -> Vector128<'T>.Zero
            | 1u -> Vector128.CreateScalar(Memory.read<uint32> address).As<uint32, 'T>()
            | 3u -> Vector128.CreateScalar(Memory.read<uint64> address).As<uint64, 'T>()
            | 7u ->
                let third = uint64 (Memory.read<uint32>(address + 8n))
                Vector128.Create(Memory.read<uint64> address, third).As<uint64, 'T>()
            | 15u -> Memory.read<Vector128<'T>> address
            | _ -> Memory.loadLanes 4 address mask
        else
            match lanes with
            | 0u -> Vector128<'T>.Zero
            | 1u -> Vector128.CreateScalar(Memory.read<uint64> address).As<uint64, 'T>()
            | 3u -> Memory.read<Vector128<'T>> address
            | _ -> Memory.loadLanes 8 address mask

    /// Writes the lanes that the mask has set.
    let inline store<'T when 'T: unmanaged> (address: nativeint) (value: Vector128<'T>) (mask: Vector128<'T>) : unit =
        let lanes = Vector128.ExtractMostSignificantBits mask

        if sizeof<'T> = 4 then
            match lanes with
            | 0u -> ()
            | 1u -> Memory.write address (value.As<'T, uint32>().ToScalar())
            | 3u -> Memory.write address (value.As<'T, uint64>().ToScalar())
            | 7u ->
                Memory.write address (value.As<'T, uint64>().ToScalar())
                Memory.write (address + 8n) (value.As<'T, uint32>().GetElement 2)
            | 15u -> Memory.write address value
            | _ -> Memory.storeLanes 4 address value mask
        else
            match lanes with
            | 0u -> ()
            | 1u -> Memory.write address (value.As<'T, uint64>().ToScalar())
            | 3u -> Memory.write address value
            | _ -> Memory.storeLanes 8 address value mask

/// 4 float32 or 2 float64.
[<Struct>]
type internal Lanes128<'T when 'T: unmanaged> =
    interface ILanes<Vector128<'T>, 'T> with
        static member Count = Vector128<'T>.Count

        static member Registers = if Processor.HasVectors512 || AdvSimd.IsSupported then 32 else 16

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Load(address, index) = Memory.read<Vector128<'T>>(Memory.at<'T> address index)

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Read(address, index) = Vector128.Create<'T>(Memory.read<'T>(Memory.at<'T> address index))

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Store(address, index, value) = Memory.write<Vector128<'T>> (Memory.at<'T> address index) value

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Mask count =
            if sizeof<'T> = 4 then
                Vector128.LessThan(Vector128<float32>.Indices, Vector128.Create(float32 count)).As<float32, 'T>()
            else
                Vector128.LessThan(Vector128<float>.Indices, Vector128.Create(float count)).As<float, 'T>()

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member LoadMasked(address, index, mask) =
            let address = Memory.at<'T> address index

            if not Avx.IsSupported then
                Masked128.load address mask
            elif sizeof<'T> = 4 then
                Avx.MaskLoad(NativePtr.ofNativeInt<float32> address, mask.As<'T, float32>()).As<float32, 'T>()
            else
                Avx.MaskLoad(NativePtr.ofNativeInt<float> address, mask.As<'T, float>()).As<float, 'T>()

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member StoreMasked(address, index, value, mask) =
            let address = Memory.at<'T> address index

            if not Avx.IsSupported then
                Masked128.store address value mask
            elif sizeof<'T> = 4 then
                Avx.MaskStore(NativePtr.ofNativeInt<float32> address, mask.As<'T, float32>(), value.As<'T, float32>())
            else
                Avx.MaskStore(NativePtr.ofNativeInt<float> address, mask.As<'T, float>(), value.As<'T, float>())

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Broadcast value = Vector128.Create<'T>(value)

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Constant value =
            if sizeof<'T> = 4 then
                Vector128.Create(float32 value).As<float32, 'T>()
            else
                Vector128.Create(float value).As<float, 'T>()

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Add(a, b) = Vector128.Add<'T>(a, b)

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Subtract(a, b) = Vector128.Subtract<'T>(a, b)

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Multiply(a, b) = Vector128.Multiply<'T>(a, b)

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Divide(a, b) = Vector128.Divide<'T>(a, b)

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Fma(a, b, c) =
            if sizeof<'T> = 4 then
                let a, b, c = a.As<'T, float32>(), b.As<'T, float32>(), c.As<'T, float32>()

                if Fma.IsSupported || AdvSimd.IsSupported then
                    Vector128.FusedMultiplyAdd(a, b, c).As<float32, 'T>()
                else
                    Fused128.multiplyAdd(a, b, c).As<float32, 'T>()
            else
                Vector128.FusedMultiplyAdd(a.As<'T, float>(), b.As<'T, float>(), c.As<'T, float>()).As<float, 'T>()

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member NegativeFma(a, b, c) =
            if sizeof<'T> = 4 then
                let a, b, c = Vector128.Negate(a.As<'T, float32>()), b.As<'T, float32>(), c.As<'T, float32>()

                if Fma.IsSupported || AdvSimd.IsSupported then
                    Vector128.FusedMultiplyAdd(a, b, c).As<float32, 'T>()
                else
                    Fused128.multiplyAdd(a, b, c).As<float32, 'T>()
            else
                Vector128
                    .FusedMultiplyAdd(Vector128.Negate(a.As<'T, float>()), b.As<'T, float>(), c.As<'T, float>())
                    .As<float, 'T>()

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Sqrt x = Vector128.Sqrt<'T>(x)

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Floor x =
            if sizeof<'T> = 4 then
                Vector128.Floor(x.As<'T, float32>()).As<float32, 'T>()
            else
                Vector128.Floor(x.As<'T, float>()).As<float, 'T>()

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Absolute x = Vector128.Abs<'T>(x)

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Negate x = Vector128.Negate<'T>(x)

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member CopySign(magnitude, sign) = Vector128.CopySign<'T>(magnitude, sign)

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Minimum(a, b) = Vector128.Min<'T>(a, b)

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Maximum(a, b) = Vector128.Max<'T>(a, b)

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member AtMost(bound, x) = Vector128.MinNative<'T>(bound, x)

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member AtLeast(bound, x) = Vector128.MaxNative<'T>(bound, x)

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Less(a, b) = Vector128.LessThan<'T>(a, b)

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member LessOrEqual(a, b) = Vector128.LessThanOrEqual<'T>(a, b)

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Equal(a, b) = Vector128.Equals<'T>(a, b)

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Select(mask, a, b) = Vector128.ConditionalSelect<'T>(mask, a, b)

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member And(a, b) = Vector128.BitwiseAnd<'T>(a, b)

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member AndNot(mask, x) = Vector128.AndNot<'T>(x, mask)

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Flags(address, index) =
            let address = address + nativeint index

            if sizeof<'T> = 4 then
                let bytes = Vector128.CreateScalar(Memory.read<uint32> address).AsByte()
                let wide = Vector128.WidenLower(Vector128.WidenLower bytes)
                Vector128.GreaterThan(wide.AsInt32(), Vector128<int>.Zero).As<int, 'T>()
            else
                let bytes = Vector128.CreateScalar(Memory.read<uint16> address).AsByte()
                let wide = Vector128.WidenLower(Vector128.WidenLower(Vector128.WidenLower bytes))
                Vector128.GreaterThan(wide.AsInt64(), Vector128<int64>.Zero).As<int64, 'T>()

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Any mask =
            if sizeof<'T> = 4 then
                not (Vector128.EqualsAll(mask.As<'T, int>(), Vector128<int>.Zero))
            else
                not (Vector128.EqualsAll(mask.As<'T, int64>(), Vector128<int64>.Zero))

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member WritePlaces(address, first, mask) =
            Memory.writePlaces address first (uint64 (Vector128.ExtractMostSignificantBits<'T> mask))

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Scale(x, n) =
            if sizeof<'T> = 4 then
                let n = Vector128.ConvertToInt32Native(n.As<'T, float32>())
                Vector128.Add(x.As<'T, int>(), Vector128.ShiftLeft(n, 23)).As<int, 'T>()
            else
                let n = Vector128.ConvertToInt64Native(n.As<'T, float>())
                Vector128.Add(x.As<'T, int64>(), Vector128.ShiftLeft(n, 52)).As<int64, 'T>()

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Exponent x =
            if sizeof<'T> = 4 then
                let above = Vector128.Subtract(x.As<'T, int>(), Vector128.Create 0x3F3504F3)
                Vector128.ConvertToSingle(Vector128.ShiftRightArithmetic(above, 23)).As<float32, 'T>()
            else
                let above = Vector128.Subtract(x.As<'T, int64>(), Vector128.Create 0x3FE6A09E667F3BCDL)
                Vector128.ConvertToDouble(Vector128.ShiftRightArithmetic(above, 52)).As<float, 'T>()

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Evens(a, b) =
            if sizeof<'T> = 4 then
                Vector128.Narrow(a.As<'T, uint64>(), b.As<'T, uint64>()).As<uint32, 'T>()
            else
                Vector128.Create(a.As<'T, float>().GetElement 0, b.As<'T, float>().GetElement 0).As<float, 'T>()

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Odds(a, b) =
            if sizeof<'T> = 4 then
                let a = Vector128.ShiftRightLogical(a.As<'T, uint64>(), 32)
                let b = Vector128.ShiftRightLogical(b.As<'T, uint64>(), 32)
                Vector128.Narrow(a, b).As<uint32, 'T>()
            else
                Vector128.Create(a.As<'T, float>().GetElement 1, b.As<'T, float>().GetElement 1).As<float, 'T>()

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Sum x = Vector128.Sum<'T>(x)

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Largest x = Halves.largest<'T> x

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member ToFloat x = Bits.toFloat<'T> x

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member OfFloat x = Bits.ofFloat<'T> x
