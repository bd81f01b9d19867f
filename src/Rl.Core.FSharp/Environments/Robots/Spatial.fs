/// Vectors, rotations and spatial vectors of float64, as values.
namespace Rl.Core.Environments.Robots

open System
open Rl.Core.Environments

/// A vector of three numbers.
[<Struct; NoComparison>]
type Vector3D(x: float, y: float, z: float) =
    /// The component along x.
    member _.X = x
    /// The component along y.
    member _.Y = y
    /// The component along z.
    member _.Z = z

    /// The component along axis 0, 1 or 2.
    member this.Item
        with get (axis: int) =
            match axis with
            | 0 -> x
            | 1 -> y
            | _ -> z

    /// The sum.
    static member (+)(a: Vector3D, b: Vector3D) = Vector3D(a.X + b.X, a.Y + b.Y, a.Z + b.Z)
    /// The difference.
    static member (-)(a: Vector3D, b: Vector3D) = Vector3D(a.X - b.X, a.Y - b.Y, a.Z - b.Z)
    /// The opposite.
    static member (~-)(a: Vector3D) = Vector3D(-a.X, -a.Y, -a.Z)
    /// A multiple.
    static member (*)(s: float, a: Vector3D) = Vector3D(s * a.X, s * a.Y, s * a.Z)

/// Products of vectors.
[<RequireQualifiedAccess>]
module internal Vector3D =
    let zero = Vector3D(0.0, 0.0, 0.0)

    /// The unit vector along axis 0, 1 or 2.
    let unit (axis: int) =
        Vector3D((if axis = 0 then 1.0 else 0.0), (if axis = 1 then 1.0 else 0.0), (if axis = 2 then 1.0 else 0.0))

    let inline dot (a: Vector3D) (b: Vector3D) = a.X * b.X + a.Y * b.Y + a.Z * b.Z

    let inline cross (a: Vector3D) (b: Vector3D) =
        Vector3D(a.Y * b.Z - a.Z * b.Y, a.Z * b.X - a.X * b.Z, a.X * b.Y - a.Y * b.X)

    let inline length (a: Vector3D) = Math.Sqrt(dot a a)

    /// a/|a|; `fallback` where |a| is below 1e-15.
    let normaliseOr (fallback: Vector3D) (a: Vector3D) =
        let size = length a
        if size < 1e-15 then fallback else (1.0 / size) * a

/// A rotation matrix by its columns: the images of the three axes.
[<Struct; NoComparison>]
type Rotation(x: Vector3D, y: Vector3D, z: Vector3D) =
    /// The image of the x axis.
    member _.X = x
    /// The image of the y axis.
    member _.Y = y
    /// The image of the z axis.
    member _.Z = z

    /// The image of axis 0, 1 or 2.
    member _.Column(axis: int) =
        match axis with
        | 0 -> x
        | 1 -> y
        | _ -> z

/// Turning vectors.
[<RequireQualifiedAccess>]
module internal Rotation =
    let identity = Rotation(Vector3D.unit 0, Vector3D.unit 1, Vector3D.unit 2)

    /// R v.
    let inline apply (r: Rotation) (v: Vector3D) = v.X * r.X + v.Y * r.Y + v.Z * r.Z

    /// Rᵀ v.
    let inline applyInverse (r: Rotation) (v: Vector3D) =
        Vector3D(Vector3D.dot r.X v, Vector3D.dot r.Y v, Vector3D.dot r.Z v)

    /// A B.
    let inline compose (a: Rotation) (b: Rotation) = Rotation(apply a b.X, apply a b.Y, apply a b.Z)

    /// The nine numbers, row by row.
    let rows (r: Rotation) = [| r.X.X; r.Y.X; r.Z.X; r.X.Y; r.Y.Y; r.Z.Y; r.X.Z; r.Y.Z; r.Z.Z |]

/// A quaternion w + xi + yj + zk; those of length 1 are rotations.
[<Struct; NoComparison>]
type Quaternion(w: float, x: float, y: float, z: float) =
    /// The real part: the cosine of half the angle.
    member _.W = w
    /// The part of i.
    member _.X = x
    /// The part of j.
    member _.Y = y
    /// The part of k.
    member _.Z = z

    /// The product: first `b`, then `a`.
    static member (*)(a: Quaternion, b: Quaternion) =
        Quaternion(
            a.W * b.W - a.X * b.X - a.Y * b.Y - a.Z * b.Z,
            a.W * b.X + a.X * b.W + a.Y * b.Z - a.Z * b.Y,
            a.W * b.Y - a.X * b.Z + a.Y * b.W + a.Z * b.X,
            a.W * b.Z + a.X * b.Y - a.Y * b.X + a.Z * b.W
        )

/// Rotations as quaternions.
[<RequireQualifiedAccess>]
module internal Quaternion =
    let identity = Quaternion(1.0, 0.0, 0.0, 0.0)

    /// Of length 1; the identity for a length below 1e-15.
    let normalise (q: Quaternion) =
        let size = Math.Sqrt(q.W * q.W + q.X * q.X + q.Y * q.Y + q.Z * q.Z)

        if size < 1e-15 then
            identity
        else
            let inverse = 1.0 / size
            Quaternion(inverse * q.W, inverse * q.X, inverse * q.Y, inverse * q.Z)

    /// The turn by `angle` (rad) about a unit axis.
    let ofAxis (axis: Vector3D) (angle: float) =
        let struct (sine, cosine) = SineCosine.scalar (0.5 * angle)
        Quaternion(cosine, sine * axis.X, sine * axis.Y, sine * axis.Z)

    /// The turn of a vector w: about w/|w| by |w| (rad).
    let ofVector (w: Vector3D) =
        let size = Vector3D.length w

        if size < 1e-15 then identity else ofAxis ((1.0 / size) * w) size

    /// The matrix of a unit quaternion.
    let toRotation (q: Quaternion) =
        let ww, xx, yy, zz = q.W * q.W, q.X * q.X, q.Y * q.Y, q.Z * q.Z

        Rotation(
            Vector3D(ww + xx - yy - zz, 2.0 * (q.X * q.Y + q.W * q.Z), 2.0 * (q.X * q.Z - q.W * q.Y)),
            Vector3D(2.0 * (q.X * q.Y - q.W * q.Z), ww - xx + yy - zz, 2.0 * (q.Y * q.Z + q.W * q.X)),
            Vector3D(2.0 * (q.X * q.Z + q.W * q.Y), 2.0 * (q.Y * q.Z - q.W * q.X), ww - xx - yy + zz)
        )

    /// The unit quaternion of a rotation matrix, from its largest component.
    let ofRotation (r: Rotation) =
        let trace = r.X.X + r.Y.Y + r.Z.Z

        let q =
            if trace > 0.0 then
                Quaternion(1.0 + trace, r.Y.Z - r.Z.Y, r.Z.X - r.X.Z, r.X.Y - r.Y.X)
            elif r.X.X > r.Y.Y && r.X.X > r.Z.Z then
                Quaternion(r.Y.Z - r.Z.Y, 1.0 + r.X.X - r.Y.Y - r.Z.Z, r.X.Y + r.Y.X, r.X.Z + r.Z.X)
            elif r.Y.Y > r.Z.Z then
                Quaternion(r.Z.X - r.X.Z, r.X.Y + r.Y.X, 1.0 + r.Y.Y - r.X.X - r.Z.Z, r.Y.Z + r.Z.Y)
            else
                Quaternion(r.X.Y - r.Y.X, r.X.Z + r.Z.X, r.Y.Z + r.Z.Y, 1.0 + r.Z.Z - r.X.X - r.Y.Y)

        normalise q

    /// The shortest turn of the z axis onto a direction; half a turn about x for the opposite one.
    let ofDirection (direction: Vector3D) =
        let direction = Vector3D.normaliseOr (Vector3D.unit 2) direction
        let axis = Vector3D.cross (Vector3D.unit 2) direction
        let sine = Vector3D.length axis

        ofAxis (Vector3D.normaliseOr (Vector3D.unit 0) axis) (Math.Atan2(sine, direction.Z))

/// A motion (angular, linear velocity) or a force (torque, force) as six numbers. Source: Featherstone, Rigid Body
/// Dynamics Algorithms (2008), chapter 2.
[<Struct; NoComparison>]
type Spatial(angular: Vector3D, linear: Vector3D) =
    /// Angular velocity, or torque.
    member _.Angular = angular
    /// Linear velocity, or force.
    member _.Linear = linear
    /// The sum.
    static member (+)(a: Spatial, b: Spatial) = Spatial(a.Angular + b.Angular, a.Linear + b.Linear)
    /// A multiple.
    static member (*)(s: float, a: Spatial) = Spatial(s * a.Angular, s * a.Linear)

/// Products of spatial vectors.
[<RequireQualifiedAccess>]
module internal Spatial =
    let zero = Spatial(Vector3D.zero, Vector3D.zero)

    /// A motion times a force: power.
    let inline dot (a: Spatial) (b: Spatial) = Vector3D.dot a.Angular b.Angular + Vector3D.dot a.Linear b.Linear

    /// The rate of change of the motion `b` carried by the motion `a`: (w × w′; w × v′ + v × w′).
    let inline crossMotion (a: Spatial) (b: Spatial) =
        Spatial(
            Vector3D.cross a.Angular b.Angular,
            Vector3D.cross a.Angular b.Linear + Vector3D.cross a.Linear b.Angular
        )

    /// The rate of change of the force `b` carried by the motion `a`: (w × τ + v × f; w × f).
    let inline crossForce (a: Spatial) (b: Spatial) =
        Spatial(
            Vector3D.cross a.Angular b.Angular + Vector3D.cross a.Linear b.Linear,
            Vector3D.cross a.Angular b.Linear
        )

/// The inertia of a rigid body about a point: the rotational inertia (symmetric), mass × offset of the centre of mass,
/// mass.
[<Struct; NoComparison>]
type SpatialInertia(xx: float, yy: float, zz: float, xy: float, xz: float, yz: float, moment: Vector3D, mass: float) =
    /// The moment of inertia about x.
    member _.XX = xx
    /// The moment of inertia about y.
    member _.YY = yy
    /// The moment of inertia about z.
    member _.ZZ = zz
    /// The product of inertia −∫xy.
    member _.XY = xy
    /// The product of inertia −∫xz.
    member _.XZ = xz
    /// The product of inertia −∫yz.
    member _.YZ = yz
    /// Mass × offset of the centre of mass.
    member _.Moment = moment
    /// kg.
    member _.Mass = mass

    /// The inertia of both bodies as one.
    static member (+)(a: SpatialInertia, b: SpatialInertia) =
        SpatialInertia(
            a.XX + b.XX,
            a.YY + b.YY,
            a.ZZ + b.ZZ,
            a.XY + b.XY,
            a.XZ + b.XZ,
            a.YZ + b.YZ,
            a.Moment + b.Moment,
            a.Mass + b.Mass
        )

/// Inertias about a point.
[<RequireQualifiedAccess>]
module internal SpatialInertia =
    let zero = SpatialInertia(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, Vector3D.zero, 0.0)

    /// I = R diag(inertia) Rᵀ + m(d·d E − d dᵀ) of a body whose centre of mass lies at `d` with principal axes R.
    let create (r: Rotation) (inertia: Vector3D) (mass: float) (d: Vector3D) =
        let inline entry (i: int) (j: int) =
            inertia.X * r.X[i] * r.X[j] + inertia.Y * r.Y[i] * r.Y[j] + inertia.Z * r.Z[i] * r.Z[j]

        SpatialInertia(
            entry 0 0 + mass * (d.Y * d.Y + d.Z * d.Z),
            entry 1 1 + mass * (d.X * d.X + d.Z * d.Z),
            entry 2 2 + mass * (d.X * d.X + d.Y * d.Y),
            entry 0 1 - mass * d.X * d.Y,
            entry 0 2 - mass * d.X * d.Z,
            entry 1 2 - mass * d.Y * d.Z,
            mass * d,
            mass
        )

    /// The momentum of a motion: torque I w + md × v, force m v − md × w.
    let inline apply (i: SpatialInertia) (motion: Spatial) =
        let w, v = motion.Angular, motion.Linear

        let turned =
            Vector3D(
                i.XX * w.X + i.XY * w.Y + i.XZ * w.Z,
                i.XY * w.X + i.YY * w.Y + i.YZ * w.Z,
                i.XZ * w.X + i.YZ * w.Y + i.ZZ * w.Z
            )

        Spatial(turned + Vector3D.cross i.Moment v, i.Mass * v - Vector3D.cross i.Moment w)

    /// Writes the ten numbers: xx, yy, zz, xy, xz, yz, mass × offset, mass.
    let copyTo (i: SpatialInertia) (target: Span<float>) =
        target[0] <- i.XX
        target[1] <- i.YY
        target[2] <- i.ZZ
        target[3] <- i.XY
        target[4] <- i.XZ
        target[5] <- i.YZ
        target[6] <- i.Moment.X
        target[7] <- i.Moment.Y
        target[8] <- i.Moment.Z
        target[9] <- i.Mass

    /// The ten numbers as an array.
    let toArray (i: SpatialInertia) =
        let numbers = Array.zeroCreate<float> 10
        copyTo i (Span numbers)
        numbers
