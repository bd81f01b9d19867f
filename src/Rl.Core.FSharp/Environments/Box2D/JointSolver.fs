/// Hinges with motors and limits as constraints on velocities and positions (sequential impulses).
/// Source: Catto, "Modeling and solving constraints", GDC 2009; the limits are solved together with the point, as in Box2D 2.3.
namespace Rl.Core.Environments.Box2D

open System
open System.Numerics
open System.Runtime.CompilerServices
open System.Runtime.InteropServices

/// A body as the solver holds it: where it is, and what its velocity answers to. The ground is one without mass.
[<Struct>]
type internal SolverBody =
    {
        mutable Centre: Vector2
        mutable Angle: float32
        mutable Sine: float32
        mutable Cosine: float32
        InverseMass: float32
        InverseInertia: float32
        /// The centre of mass in the body's coordinates.
        LocalCentre: Vector2
    }

/// The unknowns that velocity iterations change, four numbers a row: a row a body (vx, vy, ω, –), a joint (impulse x, y, limit, motor) and
/// a contact (normal impulses of its two points, tangent impulses of its two points). An iteration is a function of this memory alone.
type internal Unknowns = Span<float32>

/// A body's row of unknowns.
[<Struct>]
type internal BodyRow = { mutable X: float32; mutable Y: float32; mutable Angular: float32; mutable Unused: float32 }

/// A joint's row of unknowns.
[<Struct>]
type internal JointRow = { mutable X: float32; mutable Y: float32; mutable Limit: float32; mutable Motor: float32 }

/// What an iteration needs of a hinge, none of which changes in the step.
[<Struct>]
type internal JointConstraint =
    {
        /// Where the bodies' rows begin.
        First: int
        Second: int
        /// Where the joint's row begins.
        Row: int
        FirstArmX: float32
        FirstArmY: float32
        SecondArmX: float32
        SecondArmY: float32
        FirstMass: float32
        FirstInertia: float32
        SecondMass: float32
        SecondInertia: float32
        Limit: LimitState
        MotorSpeed: float32
        MaxMotorImpulse: float32
        MotorMass: float32
        // The matrix K of the point (1, 2) and the limit (3): what impulses change of the relative velocity.
        K11: float32
        K12: float32
        K13: float32
        K22: float32
        K23: float32
        K33: float32
        /// 1 / det K.
        Scale3: float32
        /// 1 / det of the point's block of K.
        Scale2: float32
        // K's second column × its third.
        Minor1: float32
        Minor2: float32
        Minor3: float32
    }

[<RequireQualifiedAccess>]
module internal JointSolver =

    let private arm (body: inref<SolverBody>) (anchor: Vector2) =
        Plane.rotate body.Sine body.Cosine (anchor - body.LocalCentre)

    /// The state of the limit at an angle; a new one forgets the impulse of the old one.
    let private limitState (model: JointModel) (angle: float32) =
        if MathF.Abs(model.UpperAngle - model.LowerAngle) < 2.0f * Tolerances.AngularSlop then
            LimitState.Equal
        elif angle <= model.LowerAngle then
            LimitState.AtLower
        elif angle >= model.UpperAngle then
            LimitState.AtUpper
        else
            LimitState.Inactive

    /// Writes the constraint and starts from the last step's impulses.
    let prepare
        (model: JointModel)
        (timeStep: float32)
        (first: inref<SolverBody>)
        (second: inref<SolverBody>)
        (row: int)
        (state: byref<Joint>)
        (unknowns: Unknowns)
        (hinge: byref<JointConstraint>)
        =
        let limit = limitState model (second.Angle - first.Angle)

        if limit = LimitState.Inactive || (limit <> state.Limit && limit <> LimitState.Equal) then
            state.LimitImpulse <- 0.0f

        state.Limit <- limit
        let ra, rb = arm &first model.FirstAnchor, arm &second model.SecondAnchor
        let ia, ib = first.InverseInertia, second.InverseInertia
        let mass = first.InverseMass + second.InverseMass
        let k11 = mass + ra.Y * ra.Y * ia + rb.Y * rb.Y * ib
        let k12 = -ra.Y * ra.X * ia - rb.Y * rb.X * ib
        let k13 = -ra.Y * ia - rb.Y * ib
        let k22 = mass + ra.X * ra.X * ia + rb.X * rb.X * ib
        let k23 = ra.X * ia + rb.X * ib
        let k33 = ia + ib
        let minor1 = k22 * k33 - k23 * k23
        let minor2 = k23 * k13 - k12 * k33
        let minor3 = k12 * k23 - k22 * k13

        hinge <-
            {
                First = 4 * model.First
                Second = 4 * model.Second
                Row = row
                FirstArmX = ra.X
                FirstArmY = ra.Y
                SecondArmX = rb.X
                SecondArmY = rb.Y
                FirstMass = first.InverseMass
                FirstInertia = ia
                SecondMass = second.InverseMass
                SecondInertia = ib
                Limit = limit
                MotorSpeed = state.MotorSpeed
                MaxMotorImpulse = timeStep * state.MaxMotorTorque
                MotorMass = 1.0f / k33
                K11 = k11
                K12 = k12
                K13 = k13
                K22 = k22
                K23 = k23
                K33 = k33
                Scale3 = 1.0f / (k11 * minor1 + k12 * minor2 + k13 * minor3)
                Scale2 = 1.0f / (k11 * k22 - k12 * k12)
                Minor1 = minor1
                Minor2 = minor2
                Minor3 = minor3
            }

        unknowns[row] <- state.Impulse.X
        unknowns[row + 1] <- state.Impulse.Y
        unknowns[row + 2] <- state.LimitImpulse
        unknowns[row + 3] <- state.MotorImpulse
        let x, y = state.Impulse.X, state.Impulse.Y
        let a, b = hinge.First, hinge.Second
        unknowns[a] <- unknowns[a] - first.InverseMass * x
        unknowns[a + 1] <- unknowns[a + 1] - first.InverseMass * y
        let couple = Plane.cross ra state.Impulse + state.MotorImpulse + state.LimitImpulse
        unknowns[a + 2] <- unknowns[a + 2] - ia * couple
        unknowns[b] <- unknowns[b] + second.InverseMass * x
        unknowns[b + 1] <- unknowns[b + 1] + second.InverseMass * y
        let couple = Plane.cross rb state.Impulse + state.MotorImpulse + state.LimitImpulse
        unknowns[b + 2] <- unknowns[b + 2] + ib * couple

    /// One iteration: the motor, then the point together with the limit. The order of operations is Box2D's, to the bit.
    let solveVelocity (joint: inref<JointConstraint>) (unknowns: Unknowns) =
        // Rows lie inside the unknowns by construction; this is the innermost loop of every world with joints.
        let start = &MemoryMarshal.GetReference unknowns
        let a = &Unsafe.As<float32, BodyRow>(&Unsafe.Add(&start, joint.First))
        let b = &Unsafe.As<float32, BodyRow>(&Unsafe.Add(&start, joint.Second))
        let impulses = &Unsafe.As<float32, JointRow>(&Unsafe.Add(&start, joint.Row))
        let mutable wa, wb = a.Angular, b.Angular

        if joint.Limit <> LimitState.Equal then
            let old = impulses.Motor
            let wanted = old - joint.MotorMass * (wb - wa - joint.MotorSpeed)
            let most = joint.MaxMotorImpulse
            let total = Single.MaxNative(-most, Single.MinNative(wanted, most))
            impulses.Motor <- total
            let change = total - old
            wa <- wa - joint.FirstInertia * change
            wb <- wb + joint.SecondInertia * change

        let ex = b.X - wb * joint.SecondArmY - a.X + wa * joint.FirstArmY
        let ey = b.Y + wb * joint.SecondArmX - a.Y - wa * joint.FirstArmX
        let mutable x, y, couple = 0.0f, 0.0f, 0.0f

        if joint.Limit = LimitState.Inactive then
            x <- -(joint.Scale2 * (joint.K22 * ex - joint.K12 * ey))
            y <- -(joint.Scale2 * (joint.K11 * ey - joint.K12 * ex))
        else
            let ez = wb - wa
            let old = impulses.Limit
            // Cramer's rule.
            let k11, k12, k13 = joint.K11, joint.K12, joint.K13
            let k22, k23, k33 = joint.K22, joint.K23, joint.K33

            couple <-
                -(joint.Scale3
                  * (k11 * (k22 * ez - k23 * ey) + k12 * (k23 * ex - k12 * ez) + k13 * (k12 * ey - k22 * ex)))

            let total = old + couple

            let pulls =
                (joint.Limit = LimitState.AtLower && total < 0.0f)
                || (joint.Limit = LimitState.AtUpper && total > 0.0f)

            if pulls then
                // A limit only pushes: it lets go, and the point is solved without it.
                let rx, ry = old * k13 - ex, old * k23 - ey
                x <- joint.Scale2 * (k22 * rx - k12 * ry)
                y <- joint.Scale2 * (k11 * ry - k12 * rx)
                couple <- -old
                impulses.Limit <- 0.0f
            else
                x <- -(joint.Scale3 * (ex * joint.Minor1 + ey * joint.Minor2 + ez * joint.Minor3))

                y <-
                    -(joint.Scale3
                      * (k11 * (ey * k33 - ez * k23) + k12 * (ez * k13 - ex * k33) + k13 * (ex * k23 - ey * k13)))

                impulses.Limit <- total

        impulses.X <- impulses.X + x
        impulses.Y <- impulses.Y + y
        a.X <- a.X - joint.FirstMass * x
        a.Y <- a.Y - joint.FirstMass * y
        a.Angular <- wa - joint.FirstInertia * (joint.FirstArmX * y - joint.FirstArmY * x + couple)
        b.X <- b.X + joint.SecondMass * x
        b.Y <- b.Y + joint.SecondMass * y
        b.Angular <- wb + joint.SecondInertia * (joint.SecondArmX * y - joint.SecondArmY * x + couple)

    /// Keeps the impulses for the next step.
    let store (hinge: inref<JointConstraint>) (unknowns: Unknowns) (state: byref<Joint>) =
        let row = hinge.Row
        state.Impulse <- Vector2(unknowns[row], unknowns[row + 1])
        state.LimitImpulse <- unknowns[row + 2]
        state.MotorImpulse <- unknowns[row + 3]

    let turnBy (angle: float32) (body: byref<SolverBody>) =
        if angle <> 0.0f then
            body.Angle <- body.Angle + angle
            let struct (sine, cosine) = MathF.SinCos body.Angle
            body.Sine <- sine
            body.Cosine <- cosine

    /// One iteration on positions, angle first; whether the errors were already small.
    let solvePosition (model: JointModel) (limit: LimitState) (first: byref<SolverBody>) (second: byref<SolverBody>) =
        let mutable angularError = 0.0f
        let ma, mb, ia, ib = first.InverseMass, second.InverseMass, first.InverseInertia, second.InverseInertia

        if limit <> LimitState.Inactive then
            let angle = second.Angle - first.Angle
            let most = Tolerances.MaxAngularCorrection

            let correction =
                match limit with
                | LimitState.AtLower ->
                    let error = angle - model.LowerAngle
                    angularError <- -error
                    Math.Clamp(error + Tolerances.AngularSlop, -most, 0.0f)
                | LimitState.AtUpper ->
                    let error = angle - model.UpperAngle
                    angularError <- error
                    Math.Clamp(error - Tolerances.AngularSlop, 0.0f, most)
                | _ ->
                    let error = Math.Clamp(angle - model.LowerAngle, -most, most)
                    angularError <- MathF.Abs error
                    error

            let impulse = -(1.0f / (ia + ib)) * correction
            turnBy (-ia * impulse) &first
            turnBy (ib * impulse) &second

        let ra, rb = arm &first model.FirstAnchor, arm &second model.SecondAnchor
        let error = second.Centre + rb - first.Centre - ra
        let k11 = ma + mb + ia * ra.Y * ra.Y + ib * rb.Y * rb.Y
        let k12 = -ia * ra.X * ra.Y - ib * rb.X * rb.Y
        let k22 = ma + mb + ia * ra.X * ra.X + ib * rb.X * rb.X
        let scale = -1.0f / (k11 * k22 - k12 * k12)

        let impulse = Vector2(scale * (k22 * error.X - k12 * error.Y), scale * (k11 * error.Y - k12 * error.X))

        first.Centre <- first.Centre - ma * impulse
        turnBy (-ia * Plane.cross ra impulse) &first
        second.Centre <- second.Centre + mb * impulse
        turnBy (ib * Plane.cross rb impulse) &second
        error.Length() <= Tolerances.LinearSlop && angularError <= Tolerances.AngularSlop
