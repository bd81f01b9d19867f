/// Hinges with motors and limits as constraints on velocities and positions (sequential impulses).
/// Source: Catto, "Modeling and solving constraints", GDC 2009; the limits are solved together with the point, as in
/// Box2D 2.3.
namespace Rl.Core.Environments.Box2D

open System
open System.Numerics
open Rl.Core.Kernels

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

/// A hinge's rows, which are the same in every world of a model.
[<Struct>]
type internal JointPlace =
    {
        /// Where the bodies' rows begin.
        First: int
        Second: int
        /// Where the joint's row begins.
        Row: int
    }

    /// Of a model's joint: rows of bodies come first, then the ground's, then those of joints.
    static member Of(model: WorldModel, index: int) : JointPlace =
        {
            First = 4 * model.Joints[index].First
            Second = 4 * model.Joints[index].Second
            Row = 4 * (model.Bodies.Length + 1 + index)
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
        (place: JointPlace)
        (state: byref<Joint>)
        (unknowns: Unknowns)
        (hinge: byref<JointConstraint<float32>>)
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
                FirstArmX = ra.X
                FirstArmY = ra.Y
                SecondArmX = rb.X
                SecondArmY = rb.Y
                FirstMass = first.InverseMass
                FirstInertia = ia
                SecondMass = second.InverseMass
                SecondInertia = ib
                IsFixed = LaneMask.ofBool (limit = LimitState.Equal)
                IsLimited = LaneMask.ofBool (limit <> LimitState.Inactive)
                IsAtLower = LaneMask.ofBool (limit = LimitState.AtLower)
                IsAtUpper = LaneMask.ofBool (limit = LimitState.AtUpper)
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

        let row = place.Row
        unknowns[row] <- state.Impulse.X
        unknowns[row + 1] <- state.Impulse.Y
        unknowns[row + 2] <- state.LimitImpulse
        unknowns[row + 3] <- state.MotorImpulse
        let x, y = state.Impulse.X, state.Impulse.Y
        let a, b = place.First, place.Second
        unknowns[a] <- unknowns[a] - first.InverseMass * x
        unknowns[a + 1] <- unknowns[a + 1] - first.InverseMass * y
        let couple = Plane.cross ra state.Impulse + state.MotorImpulse + state.LimitImpulse
        unknowns[a + 2] <- unknowns[a + 2] - ia * couple
        unknowns[b] <- unknowns[b] + second.InverseMass * x
        unknowns[b + 1] <- unknowns[b + 1] + second.InverseMass * y
        let couple = Plane.cross rb state.Impulse + state.MotorImpulse + state.LimitImpulse
        unknowns[b + 2] <- unknowns[b + 2] + ib * couple

    /// One iteration on velocities.
    let solveVelocity (place: JointPlace) (hinge: inref<JointConstraint<float32>>) (unknowns: Unknowns) =
        JointIteration<LanesScalar<float32>, float32>
            .Solve(
                &hinge,
                &Rows.body unknowns place.First,
                &Rows.body unknowns place.Second,
                &Rows.joint unknowns place.Row
            )

    /// Keeps the impulses for the next step.
    let store (row: int) (unknowns: Unknowns) (state: byref<Joint>) =
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
