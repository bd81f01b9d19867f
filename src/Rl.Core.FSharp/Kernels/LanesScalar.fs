/// One element at a time: the width of machines without vectors, and of the rows too short for them.
namespace Rl.Core.Kernels

open System.Numerics
open System.Runtime.CompilerServices

#nowarn "9"
#nowarn "3535"
#nowarn "3536"

/// The bit patterns of one element; the test on the size is settled when a method is compiled for its type.
[<RequireQualifiedAccess>]
module internal Bits =

    let inline ofFloat<'T when 'T: unmanaged> (x: float) : 'T =
        if sizeof<'T> = 4 then
            Unsafe.BitCast<float32, 'T>(float32 x)
        else
            Unsafe.BitCast<float, 'T> x

    let inline toFloat<'T when 'T: unmanaged> (x: 'T) : float =
        if sizeof<'T> = 4 then
            float (Unsafe.BitCast<'T, float32> x)
        else
            Unsafe.BitCast<'T, float> x

    let inline mask<'T when 'T: unmanaged> (condition: bool) : 'T =
        if sizeof<'T> = 4 then
            Unsafe.BitCast<int, 'T>(if condition then -1 else 0)
        else
            Unsafe.BitCast<int64, 'T>(if condition then -1L else 0L)

    let inline isSet<'T when 'T: unmanaged> (mask: 'T) : bool =
        if sizeof<'T> = 4 then
            Unsafe.BitCast<'T, int> mask <> 0
        else
            Unsafe.BitCast<'T, int64> mask <> 0L

    let inline conjunction<'T when 'T: unmanaged> (a: 'T) (b: 'T) : 'T =
        if sizeof<'T> = 4 then
            Unsafe.BitCast<int, 'T>(Unsafe.BitCast<'T, int> a &&& Unsafe.BitCast<'T, int> b)
        else
            Unsafe.BitCast<int64, 'T>(Unsafe.BitCast<'T, int64> a &&& Unsafe.BitCast<'T, int64> b)

    let inline scale<'T when 'T: unmanaged> (x: 'T) (n: 'T) : 'T =
        if sizeof<'T> = 4 then
            Unsafe.BitCast<int, 'T>(Unsafe.BitCast<'T, int> x + (int (Unsafe.BitCast<'T, float32> n) <<< 23))
        else
            Unsafe.BitCast<int64, 'T>(Unsafe.BitCast<'T, int64> x + (int64 (Unsafe.BitCast<'T, float> n) <<< 52))

    let inline exponent<'T when 'T: unmanaged> (x: 'T) : 'T =
        if sizeof<'T> = 4 then
            Unsafe.BitCast<float32, 'T>(float32 ((Unsafe.BitCast<'T, int> x - 0x3F3504F3) >>> 23))
        else
            Unsafe.BitCast<float, 'T>(float ((Unsafe.BitCast<'T, int64> x - 0x3FE6A09E667F3BCDL) >>> 52))

/// One float32 or one float64.
[<Struct>]
type internal LanesScalar<'T when 'T: unmanaged and 'T :> IBinaryFloatingPointIeee754<'T>> =
    interface ILanes<'T, 'T> with
        static member Count = 1

        static member Registers = 16

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Load(address, index) = Memory.read<'T>(Memory.at<'T> address index)

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Read(address, index) = Memory.read<'T>(Memory.at<'T> address index)

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Store(address, index, value) = Memory.write<'T> (Memory.at<'T> address index) value

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Mask count = Bits.mask<'T>(count > 0)

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member LoadMasked(address, index, mask) =
            if Bits.isSet<'T> mask then
                Memory.read<'T>(Memory.at<'T> address index)
            else
                'T.Zero

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member StoreMasked(address, index, value, mask) =
            if Bits.isSet<'T> mask then Memory.write<'T> (Memory.at<'T> address index) value

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Broadcast value = value

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Constant value = Bits.ofFloat<'T> value

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Add(a, b) = a + b

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Subtract(a, b) = a - b

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Multiply(a, b) = a * b

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Divide(a, b) = a / b

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Fma(a, b, c) = 'T.FusedMultiplyAdd(a, b, c)

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member NegativeFma(a, b, c) = 'T.FusedMultiplyAdd(-a, b, c)

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Sqrt x = 'T.Sqrt x

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Floor x = 'T.Floor x

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Absolute x = 'T.Abs x

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Negate x = -x

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member CopySign(magnitude, sign) = 'T.CopySign(magnitude, sign)

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Minimum(a, b) = 'T.Min(a, b)

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Maximum(a, b) = 'T.Max(a, b)

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member AtMost(bound, x) = if 'T.op_LessThan (bound, x) then bound else x

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member AtLeast(bound, x) = if 'T.op_GreaterThan (bound, x) then bound else x

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Less(a, b) = Bits.mask<'T>('T.op_LessThan (a, b))

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member LessOrEqual(a, b) = Bits.mask<'T>('T.op_LessThanOrEqual (a, b))

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Equal(a, b) = Bits.mask<'T>('T.op_Equality (a, b))

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Select(mask, a, b) = if Bits.isSet<'T> mask then a else b

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member And(a, b) = Bits.conjunction<'T> a b

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member AndNot(mask, x) = if Bits.isSet<'T> mask then Unchecked.defaultof<'T> else x

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Flags(address, index) = Bits.mask<'T>(Memory.read<byte>(address + nativeint index) <> 0uy)

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Any mask = Bits.isSet<'T> mask

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member WritePlaces(address, first, mask) =
            Memory.writePlaces address first (if Bits.isSet<'T> mask then 1UL else 0UL)

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Scale(x, n) = Bits.scale<'T> x n

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Exponent x = Bits.exponent<'T> x

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Evens(a, _) = a

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Odds(_, b) = b

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Sum x = x

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member Largest x = x

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member ToFloat x = Bits.toFloat<'T> x

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member OfFloat x = Bits.ofFloat<'T> x
