/// Iterations on velocities (sequential impulses): the same formulas for one world and for a vector with a world a
/// lane. Source: Catto, "Iterative dynamics with temporal coherence", GDC 2005, and "Modeling and solving constraints",
/// GDC 2009; the blocks of two points, and of a hinge with its limit, as in Box2D 2.3.
namespace Rl.Core.Environments.Box2D

open System
open System.Runtime.CompilerServices
open System.Runtime.InteropServices
open Rl.Core.Kernels

#nowarn "3535"
#nowarn "3536"

/// Masks of one world: numbers of which all bits are ones or zeros.
[<RequireQualifiedAccess>]
module internal LaneMask =

    let ofBool (isSet: bool) : float32 = BitConverter.Int32BitsToSingle(if isSet then -1 else 0)
    let isSet (mask: float32) : bool = BitConverter.SingleToInt32Bits mask <> 0

/// The unknowns that velocity iterations change, four numbers a row: a row a body (vx, vy, ω, –), a joint (impulse x,
/// y, limit, motor) and a contact (normal impulses of its two points, tangent impulses of its two points). An iteration
/// is a function of this memory alone.
type internal Unknowns = Span<float32>

/// A body's row of unknowns: numbers of one world, or vectors with a world a lane.
[<Struct>]
type internal BodyRow<'N> = { mutable X: 'N; mutable Y: 'N; mutable Angular: 'N; mutable Unused: 'N }

/// A joint's row of unknowns.
[<Struct>]
type internal JointRow<'N> = { mutable X: 'N; mutable Y: 'N; mutable Limit: 'N; mutable Motor: 'N }

/// A contact's row of unknowns.
[<Struct>]
type internal ContactRow<'N> = { mutable Normal1: 'N; mutable Normal2: 'N; mutable Tangent1: 'N; mutable Tangent2: 'N }

/// Rows of unknowns. They lie inside the memory by construction; these are the innermost loops of every world.
[<RequireQualifiedAccess>]
module internal Rows =

    let inline body<'V when 'V: struct> (unknowns: Span<'V>) (start: int) : byref<BodyRow<'V>> =
        &Unsafe.As<'V, BodyRow<'V>>(&Unsafe.Add(&MemoryMarshal.GetReference unknowns, start))

    let inline joint<'V when 'V: struct> (unknowns: Span<'V>) (start: int) : byref<JointRow<'V>> =
        &Unsafe.As<'V, JointRow<'V>>(&Unsafe.Add(&MemoryMarshal.GetReference unknowns, start))

    let inline contact<'V when 'V: struct> (unknowns: Span<'V>) (start: int) : byref<ContactRow<'V>> =
        &Unsafe.As<'V, ContactRow<'V>>(&Unsafe.Add(&MemoryMarshal.GetReference unknowns, start))

/// What an iteration needs of a hinge, none of which changes in the step. Masks are all ones or zeros.
[<Struct>]
type internal JointConstraint<'N> =
    {
        FirstArmX: 'N
        FirstArmY: 'N
        SecondArmX: 'N
        SecondArmY: 'N
        FirstMass: 'N
        FirstInertia: 'N
        SecondMass: 'N
        SecondInertia: 'N
        /// Mask: the angle is fixed, so that the motor has nothing to do.
        IsFixed: 'N
        /// Mask: the angle is at a limit, or fixed.
        IsLimited: 'N
        IsAtLower: 'N
        IsAtUpper: 'N
        MotorSpeed: 'N
        MaxMotorImpulse: 'N
        MotorMass: 'N
        // The matrix K of the point (1, 2) and the limit (3): what impulses change of the relative velocity.
        K11: 'N
        K12: 'N
        K13: 'N
        K22: 'N
        K23: 'N
        K33: 'N
        /// 1 / det K.
        Scale3: 'N
        /// 1 / det of the point's block of K.
        Scale2: 'N
        // K's second column × its third.
        Minor1: 'N
        Minor2: 'N
        Minor3: 'N
    }

/// What an iteration needs of one point of contact.
[<Struct>]
type internal PointConstraint<'N> =
    {
        FirstArmX: 'N
        FirstArmY: 'N
        SecondArmX: 'N
        SecondArmY: 'N
        NormalMass: 'N
        TangentMass: 'N
        /// The speed of separation to be reached, where the approach is fast enough to bounce.
        Bounce: 'N
    }

/// What an iteration needs of a touching pair, none of which changes in the step. All zeros are a contact that does
/// nothing.
[<Struct>]
type internal PairConstraint<'N> =
    {
        FirstMass: 'N
        FirstInertia: 'N
        SecondMass: 'N
        SecondInertia: 'N
        Friction: 'N
        // From the first body to the second.
        NormalX: 'N
        NormalY: 'N
        One: PointConstraint<'N>
        Two: PointConstraint<'N>
        /// Mask: two points are solved together; otherwise the first one stands for both.
        IsBlock: 'N
        // The matrix K of the block.
        K11: 'N
        K12: 'N
        K22: 'N
        /// −1 / det K.
        Scale: 'N
    }

/// The iteration on a hinge's velocities, for one world or a vector of worlds.
[<AbstractClass; Sealed>]
type internal JointIteration<'L, 'V
    when 'V: struct and 'V: (new: unit -> 'V) and 'V :> ValueType and 'L :> ILanes<'V, float32>> =

    /// The motor, then the point together with the limit. The order of operations is Box2D's, to the bit.
    static member Solve
        (joint: inref<JointConstraint<'V>>, a: byref<BodyRow<'V>>, b: byref<BodyRow<'V>>, impulses: byref<JointRow<'V>>)
        =
        let inline (+) (x: 'V) (y: 'V) = 'L.Add(x, y)
        let inline (-) (x: 'V) (y: 'V) = 'L.Subtract(x, y)
        let inline (*) (x: 'V) (y: 'V) = 'L.Multiply(x, y)
        let inline (~-) (x: 'V) = 'L.Negate x
        let mutable wa = a.Angular
        let mutable wb = b.Angular
        let old = impulses.Motor
        let wanted = old - joint.MotorMass * (wb - wa - joint.MotorSpeed)
        let most = joint.MaxMotorImpulse
        let total = 'L.Select(joint.IsFixed, old, 'L.AtLeast(-most, 'L.AtMost(wanted, most)))
        impulses.Motor <- total
        let change = total - old
        wa <- wa - joint.FirstInertia * change
        wb <- wb + joint.SecondInertia * change

        let ex = b.X - wb * joint.SecondArmY - a.X + wa * joint.FirstArmY
        let ey = b.Y + wb * joint.SecondArmX - a.Y - wa * joint.FirstArmX
        let k11, k12, k22 = joint.K11, joint.K12, joint.K22
        let mutable x = -(joint.Scale2 * (k22 * ex - k12 * ey))
        let mutable y = -(joint.Scale2 * (k11 * ey - k12 * ex))
        let mutable couple = 'L.Constant 0.0

        if 'L.Any joint.IsLimited then
            let ez = wb - wa
            let old = impulses.Limit
            // Cramer's rule.
            let k13, k23, k33 = joint.K13, joint.K23, joint.K33
            let limited = joint.IsLimited

            let push =
                -(joint.Scale3
                  * (k11 * (k22 * ez - k23 * ey) + k12 * (k23 * ex - k12 * ez) + k13 * (k12 * ey - k22 * ex)))

            let total = old + push
            let zero = 'L.Constant 0.0
            let x3 = -(joint.Scale3 * (ex * joint.Minor1 + ey * joint.Minor2 + ez * joint.Minor3))

            let y3 =
                -(joint.Scale3
                  * (k11 * (ey * k33 - ez * k23) + k12 * (ez * k13 - ex * k33) + k13 * (ex * k23 - ey * k13)))

            x <- 'L.Select(limited, x3, x)
            y <- 'L.Select(limited, y3, y)

            // A limit only pushes: where it would pull it lets go, and the point is solved without it.
            let pullsUp = 'L.And(joint.IsAtLower, 'L.Less(total, zero))
            let pullsDown = 'L.And(joint.IsAtUpper, 'L.Less(zero, total))
            let pulls = 'L.Select(joint.IsAtLower, pullsUp, pullsDown)
            let rx, ry = old * k13 - ex, old * k23 - ey
            x <- 'L.Select(pulls, joint.Scale2 * (k22 * rx - k12 * ry), x)
            y <- 'L.Select(pulls, joint.Scale2 * (k11 * ry - k12 * rx), y)
            couple <- 'L.Select(pulls, -old, 'L.And(limited, push))
            impulses.Limit <- 'L.Select(limited, 'L.AndNot(pulls, total), old)

        impulses.X <- impulses.X + x
        impulses.Y <- impulses.Y + y
        a.X <- a.X - joint.FirstMass * x
        a.Y <- a.Y - joint.FirstMass * y
        a.Angular <- wa - joint.FirstInertia * (joint.FirstArmX * y - joint.FirstArmY * x + couple)
        b.X <- b.X + joint.SecondMass * x
        b.Y <- b.Y + joint.SecondMass * y
        b.Angular <- wb + joint.SecondInertia * (joint.SecondArmX * y - joint.SecondArmY * x + couple)

/// The iteration on a contact's velocities, for one world or a vector of worlds.
[<AbstractClass; Sealed>]
type internal ContactIteration<'L, 'V
    when 'V: struct and 'V: (new: unit -> 'V) and 'V :> ValueType and 'L :> ILanes<'V, float32>> =

    /// Friction first, because not sinking matters more and is solved last. The normal impulses of a block are those x
    /// ≥ 0 of two points with speeds of separation w = K·x + b ≥ 0 and x·w = 0, by trying the four cases; the old ones
    /// where none fits.
    static member Solve
        (pair: inref<PairConstraint<'V>>, a: byref<BodyRow<'V>>, b: byref<BodyRow<'V>>, impulses: byref<ContactRow<'V>>)
        =
        let inline (+) (x: 'V) (y: 'V) = 'L.Add(x, y)
        let inline (-) (x: 'V) (y: 'V) = 'L.Subtract(x, y)
        let inline (*) (x: 'V) (y: 'V) = 'L.Multiply(x, y)
        let inline (~-) (x: 'V) = 'L.Negate x
        let zero = 'L.Constant 0.0
        let inline isPositive (x: 'V) = 'L.LessOrEqual(zero, x)
        let one = &pair.One
        let two = &pair.Two
        let ma, ia, mb, ib = pair.FirstMass, pair.FirstInertia, pair.SecondMass, pair.SecondInertia
        let nx, ny = pair.NormalX, pair.NormalY
        let tx, ty = ny, -nx
        let mutable ax = a.X
        let mutable ay = a.Y
        let mutable aw = a.Angular
        let mutable bx = b.X
        let mutable by = b.Y
        let mutable bw = b.Angular

        let old = impulses.Tangent1
        let bound = pair.Friction * impulses.Normal1

        let slip =
            (bx - bw * one.SecondArmY - ax + aw * one.FirstArmY) * tx
            + (by + bw * one.SecondArmX - ay - aw * one.FirstArmX) * ty

        let total = 'L.AtLeast(-bound, 'L.AtMost(bound, old - one.TangentMass * slip))
        impulses.Tangent1 <- total
        let x, y = (total - old) * tx, (total - old) * ty
        ax <- ax - ma * x
        ay <- ay - ma * y
        aw <- aw - ia * (one.FirstArmX * y - one.FirstArmY * x)
        bx <- bx + mb * x
        by <- by + mb * y
        bw <- bw + ib * (one.SecondArmX * y - one.SecondArmY * x)

        if 'L.Any pair.IsBlock then
            let old = impulses.Tangent2
            let bound = pair.Friction * impulses.Normal2

            let slip =
                (bx - bw * two.SecondArmY - ax + aw * two.FirstArmY) * tx
                + (by + bw * two.SecondArmX - ay - aw * two.FirstArmX) * ty

            let bounded = 'L.AtLeast(-bound, 'L.AtMost(bound, old - two.TangentMass * slip))
            let total = 'L.Select(pair.IsBlock, bounded, old)
            impulses.Tangent2 <- total
            let x, y = (total - old) * tx, (total - old) * ty
            ax <- ax - ma * x
            ay <- ay - ma * y
            aw <- aw - ia * (two.FirstArmX * y - two.FirstArmY * x)
            bx <- bx + mb * x
            by <- by + mb * y
            bw <- bw + ib * (two.SecondArmX * y - two.SecondArmY * x)

        let old1 = impulses.Normal1

        let approach =
            (bx - bw * one.SecondArmY - ax + aw * one.FirstArmY) * nx
            + (by + bw * one.SecondArmX - ay - aw * one.FirstArmX) * ny
            - one.Bounce

        let alone = 'L.AtLeast(zero, old1 - one.NormalMass * approach)

        if 'L.Any pair.IsBlock then
            let old2 = impulses.Normal2
            let k11, k12, k22 = pair.K11, pair.K12, pair.K22

            let approach2 =
                (bx - bw * two.SecondArmY - ax + aw * two.FirstArmY) * nx
                + (by + bw * two.SecondArmX - ay - aw * two.FirstArmX) * ny
                - two.Bounce

            let b1 = approach - (k11 * old1 + k12 * old2)
            let b2 = approach2 - (k12 * old1 + k22 * old2)
            let both1, both2 = pair.Scale * (k22 * b1 - k12 * b2), pair.Scale * (k11 * b2 - k12 * b1)
            let only1, only2 = -one.NormalMass * b1, -two.NormalMass * b2
            // The cases from the last that may be chosen to the first.
            let none = 'L.And(isPositive b1, isPositive b2)
            let second = 'L.And(isPositive only2, isPositive (k12 * only2 + b1))
            let first = 'L.And(isPositive only1, isPositive (k12 * only1 + b2))
            let both = 'L.And(isPositive both1, isPositive both2)
            let new1 = 'L.AndNot(second, 'L.AndNot(none, old1))
            let new2 = 'L.Select(second, only2, 'L.AndNot(none, old2))
            let new1 = 'L.Select(both, both1, 'L.Select(first, only1, new1))
            let new2 = 'L.Select(both, both2, 'L.AndNot(first, new2))
            let new1 = 'L.Select(pair.IsBlock, new1, alone)
            let new2 = 'L.Select(pair.IsBlock, new2, old2)
            impulses.Normal1 <- new1
            impulses.Normal2 <- new2
            let x1, y1 = (new1 - old1) * nx, (new1 - old1) * ny
            let x2, y2 = (new2 - old2) * nx, (new2 - old2) * ny
            let couple1a, couple2a = one.FirstArmX * y1 - one.FirstArmY * x1, two.FirstArmX * y2 - two.FirstArmY * x2

            let couple1b, couple2b =
                one.SecondArmX * y1 - one.SecondArmY * x1, two.SecondArmX * y2 - two.SecondArmY * x2

            a.X <- ax - ma * x1 - ma * x2
            a.Y <- ay - ma * y1 - ma * y2
            a.Angular <- aw - ia * couple1a - ia * couple2a
            b.X <- bx + mb * x1 + mb * x2
            b.Y <- by + mb * y1 + mb * y2
            b.Angular <- bw + ib * couple1b + ib * couple2b
        else
            impulses.Normal1 <- alone
            let x, y = (alone - old1) * nx, (alone - old1) * ny
            a.X <- ax - ma * x
            a.Y <- ay - ma * y
            a.Angular <- aw - ia * (one.FirstArmX * y - one.FirstArmY * x)
            b.X <- bx + mb * x
            b.Y <- by + mb * y
            b.Angular <- bw + ib * (one.SecondArmX * y - one.SecondArmY * x)
