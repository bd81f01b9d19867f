/// Vectors of 256 bits, as .NET maps them to the hardware.
namespace Rl.Core.Kernels

open System.Runtime.CompilerServices
open System.Runtime.Intrinsics
open System.Runtime.Intrinsics.X86
open Microsoft.FSharp.NativeInterop

#nowarn "9"
#nowarn "3535"
#nowarn "3536"

/// 8 float32 or 4 float64.
[<Struct>]
type internal Lanes256<'T when 'T: unmanaged> =
    interface ILanes<Vector256<'T>, 'T> with
        static member Count = Vector256<'T>.Count

        static member Registers =
            if Processor.HasVectors512 || System.Runtime.Intrinsics.Arm.AdvSimd.IsSupported then
                32
            else
                16

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Load(address, index) = Memory.read<Vector256<'T>>(Memory.at<'T> address index)

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Read(address, index) = Vector256.Create<'T>(Memory.read<'T>(Memory.at<'T> address index))

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Store(address, index, value) = Memory.write<Vector256<'T>> (Memory.at<'T> address index) value

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Mask count =
            if sizeof<'T> = 4 then
                Vector256.LessThan(Vector256<float32>.Indices, Vector256.Create(float32 count)).As<float32, 'T>()
            else
                Vector256.LessThan(Vector256<float>.Indices, Vector256.Create(float count)).As<float, 'T>()

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member LoadMasked(address, index, mask) =
            let address = Memory.at<'T> address index

            if not Avx.IsSupported then
                Memory.loadLanes sizeof<'T> address mask
            elif sizeof<'T> = 4 then
                Avx.MaskLoad(NativePtr.ofNativeInt<float32> address, mask.As<'T, float32>()).As<float32, 'T>()
            else
                Avx.MaskLoad(NativePtr.ofNativeInt<float> address, mask.As<'T, float>()).As<float, 'T>()

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member StoreMasked(address, index, value, mask) =
            let address = Memory.at<'T> address index

            if not Avx.IsSupported then
                Memory.storeLanes sizeof<'T> address value mask
            elif sizeof<'T> = 4 then
                Avx.MaskStore(NativePtr.ofNativeInt<float32> address, mask.As<'T, float32>(), value.As<'T, float32>())
            else
                Avx.MaskStore(NativePtr.ofNativeInt<float> address, mask.As<'T, float>(), value.As<'T, float>())

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Broadcast value = Vector256.Create<'T>(value)

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Constant value =
            if sizeof<'T> = 4 then
                Vector256.Create(float32 value).As<float32, 'T>()
            else
                Vector256.Create(float value).As<float, 'T>()

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Add(a, b) = Vector256.Add<'T>(a, b)

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Subtract(a, b) = Vector256.Subtract<'T>(a, b)

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Multiply(a, b) = Vector256.Multiply<'T>(a, b)

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Divide(a, b) = Vector256.Divide<'T>(a, b)

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Fma(a, b, c) =
            if sizeof<'T> = 4 then
                Vector256
                    .FusedMultiplyAdd(a.As<'T, float32>(), b.As<'T, float32>(), c.As<'T, float32>())
                    .As<float32, 'T>()
            else
                Vector256.FusedMultiplyAdd(a.As<'T, float>(), b.As<'T, float>(), c.As<'T, float>()).As<float, 'T>()

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member NegativeFma(a, b, c) =
            if sizeof<'T> = 4 then
                Vector256
                    .FusedMultiplyAdd(Vector256.Negate(a.As<'T, float32>()), b.As<'T, float32>(), c.As<'T, float32>())
                    .As<float32, 'T>()
            else
                Vector256
                    .FusedMultiplyAdd(Vector256.Negate(a.As<'T, float>()), b.As<'T, float>(), c.As<'T, float>())
                    .As<float, 'T>()

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Sqrt x = Vector256.Sqrt<'T>(x)

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Floor x =
            if sizeof<'T> = 4 then
                Vector256.Floor(x.As<'T, float32>()).As<float32, 'T>()
            else
                Vector256.Floor(x.As<'T, float>()).As<float, 'T>()

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Absolute x = Vector256.Abs<'T>(x)

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Negate x = Vector256.Negate<'T>(x)

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member CopySign(magnitude, sign) = Vector256.CopySign<'T>(magnitude, sign)

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Minimum(a, b) = Vector256.Min<'T>(a, b)

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Maximum(a, b) = Vector256.Max<'T>(a, b)

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member AtMost(bound, x) = Vector256.MinNative<'T>(bound, x)

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member AtLeast(bound, x) = Vector256.MaxNative<'T>(bound, x)

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Less(a, b) = Vector256.LessThan<'T>(a, b)

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member LessOrEqual(a, b) = Vector256.LessThanOrEqual<'T>(a, b)

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Equal(a, b) = Vector256.Equals<'T>(a, b)

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Select(mask, a, b) = Vector256.ConditionalSelect<'T>(mask, a, b)

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member And(a, b) = Vector256.BitwiseAnd<'T>(a, b)

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member AndNot(mask, x) = Vector256.AndNot<'T>(x, mask)

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Flags(address, index) =
            let address = address + nativeint index

            if not Avx2.IsSupported then
                Memory.spreadFlags<Vector256<'T>> sizeof<'T> address
            elif sizeof<'T> = 4 then
                let bytes = Vector128.CreateScalarUnsafe(Memory.read<uint64> address).AsByte()
                let wide = Avx2.ConvertToVector256Int32 bytes
                Vector256.GreaterThan(wide, Vector256<int>.Zero).As<int, 'T>()
            else
                let bytes = Vector128.CreateScalarUnsafe(Memory.read<uint32> address).AsByte()
                let wide = Avx2.ConvertToVector256Int64 bytes
                Vector256.GreaterThan(wide, Vector256<int64>.Zero).As<int64, 'T>()

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Any mask =
            if sizeof<'T> = 4 then
                not (Vector256.EqualsAll(mask.As<'T, int>(), Vector256<int>.Zero))
            else
                not (Vector256.EqualsAll(mask.As<'T, int64>(), Vector256<int64>.Zero))

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member WritePlaces(address, first, mask) =
            Memory.writePlaces address first (uint64 (Vector256.ExtractMostSignificantBits<'T> mask))

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Scale(x, n) =
            if sizeof<'T> = 4 then
                let n = Vector256.ConvertToInt32Native(n.As<'T, float32>())
                Vector256.Add(x.As<'T, int>(), Vector256.ShiftLeft(n, 23)).As<int, 'T>()
            else
                let n = Vector256.ConvertToInt64Native(n.As<'T, float>())
                Vector256.Add(x.As<'T, int64>(), Vector256.ShiftLeft(n, 52)).As<int64, 'T>()

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Exponent x =
            if sizeof<'T> = 4 then
                let above = Vector256.Subtract(x.As<'T, int>(), Vector256.Create 0x3F3504F3)
                Vector256.ConvertToSingle(Vector256.ShiftRightArithmetic(above, 23)).As<float32, 'T>()
            else
                let above = Vector256.Subtract(x.As<'T, int64>(), Vector256.Create 0x3FE6A09E667F3BCDL)
                Vector256.ConvertToDouble(Vector256.ShiftRightArithmetic(above, 52)).As<float, 'T>()

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Evens(a, b) =
            if sizeof<'T> = 4 then
                Vector256.Narrow(a.As<'T, uint64>(), b.As<'T, uint64>()).As<uint32, 'T>()
            else
                let a = a.As<'T, float>()
                let b = b.As<'T, float>()
                Vector256.Create(a.GetElement 0, a.GetElement 2, b.GetElement 0, b.GetElement 2).As<float, 'T>()

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Odds(a, b) =
            if sizeof<'T> = 4 then
                let a = Vector256.ShiftRightLogical(a.As<'T, uint64>(), 32)
                let b = Vector256.ShiftRightLogical(b.As<'T, uint64>(), 32)
                Vector256.Narrow(a, b).As<uint32, 'T>()
            else
                let a = a.As<'T, float>()
                let b = b.As<'T, float>()
                Vector256.Create(a.GetElement 1, a.GetElement 3, b.GetElement 1, b.GetElement 3).As<float, 'T>()

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Sum x = Vector256.Sum<'T>(x)

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Largest x =
            let x = Vector128.Max<'T>(x.GetLower(), x.GetUpper())
            Halves.largest<'T> x

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member ToFloat x = Bits.toFloat<'T> x

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member OfFloat x = Bits.ofFloat<'T> x
