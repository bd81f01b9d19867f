/// Vectors of 512 bits, as .NET maps them to the hardware.
namespace Rl.Core.Kernels

open System.Numerics
open System.Runtime.CompilerServices
open System.Runtime.Intrinsics
open System.Runtime.Intrinsics.X86
open Microsoft.FSharp.NativeInterop

#nowarn "9"
#nowarn "3535"
#nowarn "3536"

/// √x of 16 float32 without the divider, which takes 12 cycles a vector for it and is then free for a quotient.
[<RequireQualifiedAccess>]
module internal SquareRoot512 =

    /// The correctly rounded √x: Markstein's iteration on s ≈ √x and h ≈ 1/(2√x) from an estimate of 14 bits (Cornea,
    /// Harrison and Tang, Scientific Computing on Itanium-based Systems, 2002). Vectors with a number outside [2⁻⁹⁶,
    /// 2⁹⁶), where residuals might be subnormal or the estimate infinite, take the instruction. Tests compare all
    /// significands.
    let inline rounded (x: Vector512<float32>) : Vector512<float32> =
        let smallest, span = 0x0F800000u, 0x6F800000u - 0x0F800000u

        if
            Vector512.LessThanAll(Vector512.Subtract(x.AsUInt32(), Vector512.Create smallest), Vector512.Create span)
        then
            let half = Vector512.Create 0.5f
            let estimate = Avx512F.ReciprocalSqrt14 x
            let s = Vector512.Multiply(x, estimate)
            let h = Vector512.Multiply(estimate, half)
            let error = Vector512.FusedMultiplyAdd(Vector512.Negate s, h, half)
            let s = Vector512.FusedMultiplyAdd(s, error, s)
            let h = Vector512.FusedMultiplyAdd(h, error, h)
            let residual = Vector512.FusedMultiplyAdd(Vector512.Negate s, s, x)
            Vector512.FusedMultiplyAdd(residual, h, s)
        else
            Vector512.Sqrt x

/// 16 float32 or 8 float64.
[<Struct>]
type internal Lanes512<'T when 'T: unmanaged> =
    interface ILanes<Vector512<'T>, 'T> with
        static member Count = Vector512<'T>.Count

        static member Registers =
            if Processor.HasVectors512 || System.Runtime.Intrinsics.Arm.AdvSimd.IsSupported then
                32
            else
                16

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Load(address, index) = Memory.read<Vector512<'T>>(Memory.at<'T> address index)

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Read(address, index) = Vector512.Create<'T>(Memory.read<'T>(Memory.at<'T> address index))

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Store(address, index, value) = Memory.write<Vector512<'T>> (Memory.at<'T> address index) value

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Mask count =
            if sizeof<'T> = 4 then
                Vector512.LessThan(Vector512<float32>.Indices, Vector512.Create(float32 count)).As<float32, 'T>()
            else
                Vector512.LessThan(Vector512<float>.Indices, Vector512.Create(float count)).As<float, 'T>()

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member LoadMasked(address, index, mask) =
            let address = Memory.at<'T> address index

            if not Avx512F.IsSupported then
                Memory.loadLanes sizeof<'T> address mask
            elif sizeof<'T> = 4 then
                Avx512F
                    .MaskLoad(NativePtr.ofNativeInt<float32> address, mask.As<'T, float32>(), Vector512<float32>.Zero)
                    .As<float32, 'T>()
            else
                Avx512F
                    .MaskLoad(NativePtr.ofNativeInt<float> address, mask.As<'T, float>(), Vector512<float>.Zero)
                    .As<float, 'T>()

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member StoreMasked(address, index, value, mask) =
            let address = Memory.at<'T> address index

            if not Avx512F.IsSupported then
                Memory.storeLanes sizeof<'T> address value mask
            elif sizeof<'T> = 4 then
                Avx512F.MaskStore(
                    NativePtr.ofNativeInt<float32> address,
                    mask.As<'T, float32>(),
                    value.As<'T, float32>()
                )
            else
                Avx512F.MaskStore(NativePtr.ofNativeInt<float> address, mask.As<'T, float>(), value.As<'T, float>())

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Broadcast value = Vector512.Create<'T>(value)

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Constant value =
            if sizeof<'T> = 4 then
                Vector512.Create(float32 value).As<float32, 'T>()
            else
                Vector512.Create(float value).As<float, 'T>()

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Add(a, b) = Vector512.Add<'T>(a, b)

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Subtract(a, b) = Vector512.Subtract<'T>(a, b)

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Multiply(a, b) = Vector512.Multiply<'T>(a, b)

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Divide(a, b) = Vector512.Divide<'T>(a, b)

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Fma(a, b, c) =
            if sizeof<'T> = 4 then
                Vector512
                    .FusedMultiplyAdd(a.As<'T, float32>(), b.As<'T, float32>(), c.As<'T, float32>())
                    .As<float32, 'T>()
            else
                Vector512.FusedMultiplyAdd(a.As<'T, float>(), b.As<'T, float>(), c.As<'T, float>()).As<float, 'T>()

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member NegativeFma(a, b, c) =
            if sizeof<'T> = 4 then
                Vector512
                    .FusedMultiplyAdd(Vector512.Negate(a.As<'T, float32>()), b.As<'T, float32>(), c.As<'T, float32>())
                    .As<float32, 'T>()
            else
                Vector512
                    .FusedMultiplyAdd(Vector512.Negate(a.As<'T, float>()), b.As<'T, float>(), c.As<'T, float>())
                    .As<float, 'T>()

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Sqrt x =
            if sizeof<'T> = 4 && Avx512F.IsSupported then
                SquareRoot512.rounded(x.As<'T, float32>()).As<float32, 'T>()
            else
                Vector512.Sqrt<'T>(x)

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Floor x =
            if sizeof<'T> = 4 then
                Vector512.Floor(x.As<'T, float32>()).As<float32, 'T>()
            else
                Vector512.Floor(x.As<'T, float>()).As<float, 'T>()

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Absolute x = Vector512.Abs<'T>(x)

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Negate x = Vector512.Negate<'T>(x)

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member CopySign(magnitude, sign) = Vector512.CopySign<'T>(magnitude, sign)

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Minimum(a, b) = Vector512.Min<'T>(a, b)

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Maximum(a, b) = Vector512.Max<'T>(a, b)

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member AtMost(bound, x) = Vector512.MinNative<'T>(bound, x)

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member AtLeast(bound, x) = Vector512.MaxNative<'T>(bound, x)

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Less(a, b) = Vector512.LessThan<'T>(a, b)

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member LessOrEqual(a, b) = Vector512.LessThanOrEqual<'T>(a, b)

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Equal(a, b) = Vector512.Equals<'T>(a, b)

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Select(mask, a, b) = Vector512.ConditionalSelect<'T>(mask, a, b)

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member And(a, b) = Vector512.BitwiseAnd<'T>(a, b)

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member AndNot(mask, x) = Vector512.AndNot<'T>(x, mask)

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Flags(address, index) =
            let address = address + nativeint index

            if not Avx512F.IsSupported then
                Memory.spreadFlags<Vector512<'T>> sizeof<'T> address
            elif sizeof<'T> = 4 then
                let wide = Avx512F.ConvertToVector512Int32(Memory.read<Vector128<byte>> address)
                Vector512.GreaterThan(wide, Vector512<int>.Zero).As<int, 'T>()
            else
                let bytes = Vector128.CreateScalarUnsafe(Memory.read<uint64> address).AsByte()
                let wide = Avx512F.ConvertToVector512Int64 bytes
                Vector512.GreaterThan(wide, Vector512<int64>.Zero).As<int64, 'T>()

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Any mask =
            if sizeof<'T> = 4 then
                not (Vector512.EqualsAll(mask.As<'T, int>(), Vector512<int>.Zero))
            else
                not (Vector512.EqualsAll(mask.As<'T, int64>(), Vector512<int64>.Zero))

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member WritePlaces(address, first, mask) =
            let bits = Vector512.ExtractMostSignificantBits<'T> mask

            if sizeof<'T> = 4 && Avx512F.IsSupported then
                let places = Vector512.Add(Vector512<int>.Indices, Vector512.Create first)
                Memory.write<Vector512<int>> address (Avx512F.Compress(Vector512<int>.Zero, mask.As<'T, int>(), places))
                BitOperations.PopCount bits
            else
                Memory.writePlaces address first bits

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Scale(x, n) =
            if sizeof<'T> = 4 then
                let n = Vector512.ConvertToInt32Native(n.As<'T, float32>())
                Vector512.Add(x.As<'T, int>(), Vector512.ShiftLeft(n, 23)).As<int, 'T>()
            else
                let n = Vector512.ConvertToInt64Native(n.As<'T, float>())
                Vector512.Add(x.As<'T, int64>(), Vector512.ShiftLeft(n, 52)).As<int64, 'T>()

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Exponent x =
            if sizeof<'T> = 4 then
                let above = Vector512.Subtract(x.As<'T, int>(), Vector512.Create 0x3F3504F3)
                Vector512.ConvertToSingle(Vector512.ShiftRightArithmetic(above, 23)).As<float32, 'T>()
            else
                let above = Vector512.Subtract(x.As<'T, int64>(), Vector512.Create 0x3FE6A09E667F3BCDL)
                Vector512.ConvertToDouble(Vector512.ShiftRightArithmetic(above, 52)).As<float, 'T>()

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Evens(a, b) =
            if sizeof<'T> = 4 then
                Vector512.Narrow(a.As<'T, uint64>(), b.As<'T, uint64>()).As<uint32, 'T>()
            else
                let a = a.As<'T, float>()
                let b = b.As<'T, float>()

                Vector512
                    .Create(
                        a.GetElement 0,
                        a.GetElement 2,
                        a.GetElement 4,
                        a.GetElement 6,
                        b.GetElement 0,
                        b.GetElement 2,
                        b.GetElement 4,
                        b.GetElement 6
                    )
                    .As<float, 'T>()

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Odds(a, b) =
            if sizeof<'T> = 4 then
                let a = Vector512.ShiftRightLogical(a.As<'T, uint64>(), 32)
                let b = Vector512.ShiftRightLogical(b.As<'T, uint64>(), 32)
                Vector512.Narrow(a, b).As<uint32, 'T>()
            else
                let a = a.As<'T, float>()
                let b = b.As<'T, float>()

                Vector512
                    .Create(
                        a.GetElement 1,
                        a.GetElement 3,
                        a.GetElement 5,
                        a.GetElement 7,
                        b.GetElement 1,
                        b.GetElement 3,
                        b.GetElement 5,
                        b.GetElement 7
                    )
                    .As<float, 'T>()

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Sum x = Vector512.Sum<'T>(x)

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Largest x =
            let x = Vector256.Max<'T>(x.GetLower(), x.GetUpper())
            let x = Vector128.Max<'T>(x.GetLower(), x.GetUpper())
            Halves.largest<'T> x

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member ToFloat x = Bits.toFloat<'T> x

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member OfFloat x = Bits.ofFloat<'T> x
