/// Numbers of eight copies of a robot side by side, one copy a lane of a vector.
namespace Rl.Core.Environments.Robots

open System
open System.Runtime.CompilerServices
open System.Runtime.InteropServices
open System.Runtime.Intrinsics

/// One number of each of eight copies. A mask has all bits of a lane set, or none. Every operation rounds once, as IEEE
/// 754 says, so a formula has the bits of the same formula on one number, on hardware with vectors of any width.
type internal Lanes = Vector512<float>

/// Operations on lanes.
[<RequireQualifiedAccess>]
module internal Lane =

    /// The number of lanes.
    [<Literal>]
    let Count = 8

    let inline all (value: float) : Lanes = Vector512.Create value
    let zero: Lanes = Lanes.Zero
    /// mask ? a : b.
    let inline select (mask: Lanes) (a: Lanes) (b: Lanes) : Lanes = Vector512.ConditionalSelect(mask, a, b)
    let inline less (a: Lanes) (b: Lanes) : Lanes = Vector512.LessThan(a, b)
    let inline atMost (a: Lanes) (b: Lanes) : Lanes = Vector512.LessThanOrEqual(a, b)
    let inline isZero (a: Lanes) : Lanes = Vector512.Equals(a, Lanes.Zero)
    let inline both (a: Lanes) (b: Lanes) : Lanes = Vector512.BitwiseAnd(a, b)
    let inline either (a: Lanes) (b: Lanes) : Lanes = Vector512.BitwiseOr(a, b)
    /// a and not b.
    let inline without (a: Lanes) (b: Lanes) : Lanes = Vector512.AndNot(a, b)
    let inline any (mask: Lanes) : bool = not (Vector512.EqualsAll(mask.AsInt64(), Vector512<int64>.Zero))
    let inline abs (a: Lanes) : Lanes = Vector512.Abs a
    let inline sqrt (a: Lanes) : Lanes = Vector512.Sqrt a

    /// The mask of a lane's number.
    let isSet (mask: Lanes) (lane: int) : bool = BitConverter.DoubleToInt64Bits(mask.GetElement lane) <> 0L

    /// The mask of the first `count` lanes.
    let first (count: int) : Lanes = Vector512.LessThan(Lanes.Indices, Vector512.Create(float count))

/// Three numbers of each copy.
[<Struct; NoComparison; NoEquality>]
type internal LaneVector =
    val X: Lanes
    val Y: Lanes
    val Z: Lanes

    [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
    new(x, y, z) = { X = x; Y = y; Z = z }

/// Sums and multiples of vectors.
[<AutoOpen>]
module internal LaneOperators =
    let inline (+.) (a: LaneVector) (b: LaneVector) = LaneVector(a.X + b.X, a.Y + b.Y, a.Z + b.Z)
    let inline (-.) (a: LaneVector) (b: LaneVector) = LaneVector(a.X - b.X, a.Y - b.Y, a.Z - b.Z)
    let inline ( *. ) (s: Lanes) (a: LaneVector) = LaneVector(s * a.X, s * a.Y, s * a.Z)

/// Products of vectors, as in `Vector3D`.
[<RequireQualifiedAccess>]
module internal LaneVector =
    let inline all (v: Vector3D) = LaneVector(Lane.all v.X, Lane.all v.Y, Lane.all v.Z)
    let inline dot (a: LaneVector) (b: LaneVector) : Lanes = a.X * b.X + a.Y * b.Y + a.Z * b.Z

    let inline cross (a: LaneVector) (b: LaneVector) =
        LaneVector(a.Y * b.Z - a.Z * b.Y, a.Z * b.X - a.X * b.Z, a.X * b.Y - a.Y * b.X)

    let inline select (mask: Lanes) (a: LaneVector) (b: LaneVector) =
        LaneVector(Lane.select mask a.X b.X, Lane.select mask a.Y b.Y, Lane.select mask a.Z b.Z)

    /// a/|a|; the x axis where |a| is below 1e-15.
    let inline normalise (a: LaneVector) =
        let size = Lane.sqrt (dot a a)
        let isSmall = Lane.less size (Lane.all 1e-15)
        let scaled = (Lane.all 1.0 / size) *. a

        LaneVector(
            Lane.select isSmall (Lane.all 1.0) scaled.X,
            Lane.select isSmall Lane.zero scaled.Y,
            Lane.select isSmall Lane.zero scaled.Z
        )

/// A quaternion of each copy.
[<Struct; NoComparison; NoEquality>]
type internal LaneQuaternion =
    val W: Lanes
    val X: Lanes
    val Y: Lanes
    val Z: Lanes

    [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
    new(w, x, y, z) = { W = w; X = x; Y = y; Z = z }

/// Rotations, as in `Quaternion`.
[<RequireQualifiedAccess>]
module internal LaneQuaternion =

    let inline all (q: Quaternion) = LaneQuaternion(Lane.all q.W, Lane.all q.X, Lane.all q.Y, Lane.all q.Z)

    /// First `b`, then `a`.
    let inline product (a: LaneQuaternion) (b: LaneQuaternion) =
        LaneQuaternion(
            a.W * b.W - a.X * b.X - a.Y * b.Y - a.Z * b.Z,
            a.W * b.X + a.X * b.W + a.Y * b.Z - a.Z * b.Y,
            a.W * b.Y - a.X * b.Z + a.Y * b.W + a.Z * b.X,
            a.W * b.Z + a.X * b.Y - a.Y * b.X + a.Z * b.W
        )

    /// Of length 1; the identity for a length below 1e-15.
    let inline normalise (q: LaneQuaternion) =
        let size = Lane.sqrt (q.W * q.W + q.X * q.X + q.Y * q.Y + q.Z * q.Z)
        let isSmall = Lane.less size (Lane.all 1e-15)
        let inverse = Lane.all 1.0 / size

        LaneQuaternion(
            Lane.select isSmall (Lane.all 1.0) (inverse * q.W),
            Lane.select isSmall Lane.zero (inverse * q.X),
            Lane.select isSmall Lane.zero (inverse * q.Y),
            Lane.select isSmall Lane.zero (inverse * q.Z)
        )

/// `count` numbers of each of eight copies, zero at first, on cache lines of their own.
[<Sealed>]
type internal LaneArray(count: int) =
    // Pinned, so that it stays where it is.
    let store = GC.AllocateArray<float>(Lane.Count * (count + 1), pinned = true)

    static let line = nativeint (Lane.Count * sizeof<float>)

    let address =
        let first = Marshal.UnsafeAddrOfPinnedArrayElement(store, 0)
        first + (line - first % line) % line

    member _.Count = count

    /// The place of `length` numbers from an index on.
    [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
    member private _.Place(index: int, length: int) : byref<Lanes> =
        // As one comparison: indices below 0 are large.
        if uint index > uint (count - length) then raise (IndexOutOfRangeException())
        &Unsafe.AsRef<Lanes>((address + (nativeint index <<< 6)).ToPointer())

    /// A number of all copies.
    member this.Item
        with [<MethodImpl(MethodImplOptions.AggressiveInlining)>] get (index: int): Lanes = this.Place(index, 1)
        and [<MethodImpl(MethodImplOptions.AggressiveInlining)>] set (index: int) (value: Lanes) =
            this.Place(index, 1) <- value

    /// A number of one copy.
    member this.Get(index: int, lane: int) : float = Unsafe.Add(&Unsafe.As<Lanes, float>(&this.Place(index, 1)), lane)

    member this.Set(index: int, lane: int, value: float) : unit =
        Unsafe.Add(&Unsafe.As<Lanes, float>(&this.Place(index, 1)), lane) <- value

    /// Three numbers from an index on.
    [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
    member this.Vector(index: int) : LaneVector =
        let first = &this.Place(index, 3)
        LaneVector(first, Unsafe.Add(&first, 1), Unsafe.Add(&first, 2))

    [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
    member this.Put(index: int, value: LaneVector) : unit =
        let first = &this.Place(index, 3)
        first <- value.X
        Unsafe.Add(&first, 1) <- value.Y
        Unsafe.Add(&first, 2) <- value.Z

    /// Four numbers from an index on.
    [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
    member this.Quaternion(index: int) : LaneQuaternion =
        let first = &this.Place(index, 4)
        LaneQuaternion(first, Unsafe.Add(&first, 1), Unsafe.Add(&first, 2), Unsafe.Add(&first, 3))

    [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
    member this.Put(index: int, value: LaneQuaternion) : unit =
        let first = &this.Place(index, 4)
        first <- value.W
        Unsafe.Add(&first, 1) <- value.X
        Unsafe.Add(&first, 2) <- value.Y
        Unsafe.Add(&first, 3) <- value.Z

    /// Three numbers of one copy.
    member this.VectorOf(index: int, lane: int) : Vector3D =
        Vector3D(this.Get(index, lane), this.Get(index + 1, lane), this.Get(index + 2, lane))

    member this.SetVector(index: int, lane: int, value: Vector3D) : unit =
        this.Set(index, lane, value.X)
        this.Set(index + 1, lane, value.Y)
        this.Set(index + 2, lane, value.Z)

    /// All numbers of one copy.
    member this.Load(lane: int, numbers: ReadOnlySpan<float>) : unit =
        for index in 0 .. numbers.Length - 1 do
            this.Set(index, lane, numbers[index])

    member this.Save(lane: int, numbers: Span<float>) : unit =
        for index in 0 .. numbers.Length - 1 do
            numbers[index] <- this.Get(index, lane)

    /// The first `length` numbers of another array.
    member this.CopyFrom(other: LaneArray, length: int) : unit =
        for index in 0 .. length - 1 do
            this[index] <- other[index]

    member _.Clear() : unit = Array.Clear store
