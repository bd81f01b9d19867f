/// The equations of motion of the acrobot and their integration, for one and for eight.
namespace Rl.Core.Environments.ClassicControl

open System
open System.Runtime.CompilerServices
open System.Runtime.InteropServices
open System.Runtime.Intrinsics
open System.Runtime.Intrinsics.X86
open Rl.Core.Environments

/// The first link's angle from hanging down and the second's from the first (rad, in [−π, π]), and their velocities
/// (rad/s).
[<Struct>]
type AcrobotState = { Angle1: float; Angle2: float; Velocity1: float; Velocity2: float }

/// Which of the two published sets of equations moves the links.
type AcrobotDynamics =
    /// Sutton and Barto's book (1998).
    | Book = 0
    /// The NIPS paper (1996), which lacks a centrifugal term.
    | Nips = 1

/// Links of 1 m and 1 kg with their centres in the middle and moments of inertia 1, g = 9.8: with these, the equations
/// of Gymnasium's `acrobot.py` are, for s₂ = sin θ₂ and c₂ = cos θ₂,
/// d₁ = 3.5 + c₂, d₂ = 1.25 + c₂/2, φ₂ = 4.9 sin(θ₁ + θ₂), φ₁ = −s₂ (ω₂²/2 + ω₁ ω₂) + 14.7 sin θ₁ + φ₂,
/// ω̇₂ = (τ + φ₁ d₂/d₁ − s₂ ω₁²/2 − φ₂) / (1.25 − d₂²/d₁) and ω̇₁ = −(d₂ ω̇₂ + φ₁)/d₁.
[<RequireQualifiedAccess>]
module internal AcrobotMotion =
    [<Literal>]
    let MaxVelocity1 = 12.566370614359172 // 4π

    [<Literal>]
    let MaxVelocity2 = 28.274333882308138 // 9π

    [<Literal>]
    let private TimeStep = 0.2

    [<Literal>]
    let private Turn = 6.283185307179586

    let private centrifugalOf dynamics = if dynamics = AcrobotDynamics.Book then 0.5 else 0.0

    /// The accelerations; `centrifugal` is 1/2 for the book's equations and 0 for the paper's.
    let private accelerations (centrifugal: float) (torque: float) (state: AcrobotState) : struct (float * float) =
        let struct (sine1, cosine1) = SineCosine.scalar state.Angle1
        let struct (sine2, cosine2) = SineCosine.scalar state.Angle2
        let d1 = 3.5 + cosine2
        let d2 = 1.25 + 0.5 * cosine2
        let phi2 = 4.9 * (sine1 * cosine2 + cosine1 * sine2)

        let phi1 =
            14.7 * sine1 + phi2
            - sine2 * (0.5 * (state.Velocity2 * state.Velocity2) + state.Velocity1 * state.Velocity2)

        let second =
            (torque + d2 / d1 * phi1 - centrifugal * (state.Velocity1 * state.Velocity1) * sine2 - phi2)
            / (1.25 - d2 * d2 / d1)

        struct (-(d2 * second + phi1) / d1, second)

    /// x + h f, with the accelerations as the velocities' rates.
    let private moved (state: AcrobotState) (h: float) (rate: AcrobotState) : AcrobotState =
        {
            Angle1 = state.Angle1 + h * rate.Angle1
            Angle2 = state.Angle2 + h * rate.Angle2
            Velocity1 = state.Velocity1 + h * rate.Velocity1
            Velocity2 = state.Velocity2 + h * rate.Velocity2
        }

    let private wrap (angle: float) =
        let mutable angle = angle

        while angle > Math.PI do
            angle <- angle - Turn

        while angle < -Math.PI do
            angle <- angle + Turn

        angle

    /// One step of the classical Runge-Kutta method over 0.2 s, angles wrapped to [−π, π] and velocities clipped.
    let advance (dynamics: AcrobotDynamics) (state: AcrobotState) (torque: float) : AcrobotState =
        let centrifugal = centrifugalOf dynamics

        let rate (at: AcrobotState) : AcrobotState =
            let struct (first, second) = accelerations centrifugal torque at
            { Angle1 = at.Velocity1; Angle2 = at.Velocity2; Velocity1 = first; Velocity2 = second }

        let k1 = rate state
        let k2 = rate (moved state (TimeStep / 2.0) k1)
        let k3 = rate (moved state (TimeStep / 2.0) k2)
        let k4 = rate (moved state TimeStep k3)
        let inline total a b c d = TimeStep / 6.0 * (a + 2.0 * b + 2.0 * c + d)

        {
            Angle1 = wrap (state.Angle1 + total k1.Angle1 k2.Angle1 k3.Angle1 k4.Angle1)
            Angle2 = wrap (state.Angle2 + total k1.Angle2 k2.Angle2 k3.Angle2 k4.Angle2)
            Velocity1 =
                Math.Clamp(
                    state.Velocity1 + total k1.Velocity1 k2.Velocity1 k3.Velocity1 k4.Velocity1,
                    -MaxVelocity1,
                    MaxVelocity1
                )
            Velocity2 =
                Math.Clamp(
                    state.Velocity2 + total k1.Velocity2 k2.Velocity2 k3.Velocity2 k4.Velocity2,
                    -MaxVelocity2,
                    MaxVelocity2
                )
        }

    /// Whether the tip is more than 1 m above the fixed joint.
    let isTerminal (state: AcrobotState) =
        let struct (_, cosine1) = SineCosine.scalar state.Angle1
        let struct (_, cosineSum) = SineCosine.scalar (state.Angle2 + state.Angle1)
        -cosine1 - cosineSum > 1.0

    let observe (state: AcrobotState) (observation: Span<float32>) =
        let struct (sine1, cosine1) = SineCosine.scalar state.Angle1
        let struct (sine2, cosine2) = SineCosine.scalar state.Angle2
        observation[0] <- float32 cosine1
        observation[1] <- float32 sine1
        observation[2] <- float32 cosine2
        observation[3] <- float32 sine2
        observation[4] <- float32 state.Velocity1
        observation[5] <- float32 state.Velocity2

    let inline private all (value: float) = Vector512.Create value

    /// `accelerations` for eight states.
    [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
    let private accelerationsEight
        (
            centrifugal: Vector512<float>,
            torque: Vector512<float>,
            angle1: Vector512<float>,
            angle2: Vector512<float>,
            velocity1: Vector512<float>,
            velocity2: Vector512<float>,
            first: byref<Vector512<float>>,
            second: byref<Vector512<float>>
        ) =
        let mutable sine1 = Vector512<float>.Zero
        let mutable cosine1 = Vector512<float>.Zero
        let mutable sine2 = Vector512<float>.Zero
        let mutable cosine2 = Vector512<float>.Zero
        SineCosine.vector512 (angle1, &sine1, &cosine1)
        SineCosine.vector512 (angle2, &sine2, &cosine2)
        let d1 = all 3.5 + cosine2
        let d2 = all 1.25 + all 0.5 * cosine2
        let phi2 = all 4.9 * (sine1 * cosine2 + cosine1 * sine2)

        let phi1 = all 14.7 * sine1 + phi2 - sine2 * (all 0.5 * (velocity2 * velocity2) + velocity1 * velocity2)

        second <-
            (torque + d2 / d1 * phi1 - centrifugal * (velocity1 * velocity1) * sine2 - phi2)
            / (all 1.25 - d2 * d2 / d1)

        first <- -(d2 * second + phi1) / d1

    /// `wrap` for eight angles.
    let private wrapEight (angle: Vector512<float>) =
        let turn = all Turn
        let mutable angle = angle

        while Vector512.GreaterThanAny(angle, all Math.PI) do
            let over = Vector512.GreaterThan(angle, all Math.PI)
            angle <- Vector512.ConditionalSelect(over, angle - turn, angle)

        while Vector512.LessThanAny(angle, all -Math.PI) do
            let under = Vector512.LessThan(angle, all -Math.PI)
            angle <- Vector512.ConditionalSelect(under, angle + turn, angle)

        angle

    /// `advance` for eight states in place; the terminal ones as ones in the result.
    let advanceEight (dynamics: AcrobotDynamics) (states: Span<Vector512<float>>) (torque: Vector512<float>) =
        let centrifugal = all (centrifugalOf dynamics)
        let mutable angle1 = Vector512<float>.Zero
        let mutable angle2 = Vector512<float>.Zero
        let mutable velocity1 = Vector512<float>.Zero
        let mutable velocity2 = Vector512<float>.Zero
        StateLanes.unpackFour (Span.op_Implicit states, &angle1, &angle2, &velocity1, &velocity2)
        let mutable at1 = angle1
        let mutable at2 = angle2
        let mutable speed1 = velocity1
        let mutable speed2 = velocity2
        // k₁ + 2 k₂ + 2 k₃ + k₄, added from the left.
        let mutable sum1 = Vector512<float>.Zero
        let mutable sum2 = Vector512<float>.Zero
        let mutable sum3 = Vector512<float>.Zero
        let mutable sum4 = Vector512<float>.Zero
        let mutable rate3 = Vector512<float>.Zero
        let mutable rate4 = Vector512<float>.Zero

        for stage in 0..3 do
            accelerationsEight (centrifugal, torque, at1, at2, speed1, speed2, &rate3, &rate4)
            let rate1 = speed1
            let rate2 = speed2
            let weight = all (if stage = 1 || stage = 2 then 2.0 else 1.0)
            sum1 <- if stage = 0 then rate1 else sum1 + weight * rate1
            sum2 <- if stage = 0 then rate2 else sum2 + weight * rate2
            sum3 <- if stage = 0 then rate3 else sum3 + weight * rate3
            sum4 <- if stage = 0 then rate4 else sum4 + weight * rate4
            let h = all (if stage = 2 then TimeStep else TimeStep / 2.0)
            at1 <- angle1 + h * rate1
            at2 <- angle2 + h * rate2
            speed1 <- velocity1 + h * rate3
            speed2 <- velocity2 + h * rate4

        let sixth = all (TimeStep / 6.0)

        let inline clamp value limit = Vector512.Min(Vector512.Max(value, all -limit), all limit)

        let first = wrapEight (angle1 + sixth * sum1)
        let second = wrapEight (angle2 + sixth * sum2)

        StateLanes.packFour (
            first,
            second,
            clamp (velocity1 + sixth * sum3) MaxVelocity1,
            clamp (velocity2 + sixth * sum4) MaxVelocity2,
            states
        )

        let mutable sine = Vector512<float>.Zero
        let mutable cosine1 = Vector512<float>.Zero
        let mutable cosineSum = Vector512<float>.Zero
        SineCosine.vector512 (first, &sine, &cosine1)
        SineCosine.vector512 (second + first, &sine, &cosineSum)
        Vector512.GreaterThan(-cosine1 - cosineSum, all 1.0)

    /// Where element i of output vector v comes from: one of two vectors that hold cosines and sines, or the
    /// velocities.
    let private picks =
        let pick choose =
            Array.init 3 (fun v ->
                Vector512.Create<int>(
                    values =
                        Array.init 16 (fun i ->
                            let place = 16 * v + i
                            choose i (place / 6) (place % 6))
                ))

        let ofAngles = pick (fun _ lane quantity -> if quantity < 4 then 8 * quantity + lane else 0)

        let ofAll = pick (fun i lane quantity -> if quantity < 4 then i else 16 + 8 * (quantity - 4) + lane)

        struct (ofAngles, ofAll)

    /// The observations of eight states, 48 numbers.
    let observeEight (states: ReadOnlySpan<AcrobotState>) (observations: Span<float32>) =
        let numbers = MemoryMarshal.Cast<AcrobotState, Vector512<float>> states
        let mutable angle1 = Vector512<float>.Zero
        let mutable angle2 = Vector512<float>.Zero
        let mutable velocity1 = Vector512<float>.Zero
        let mutable velocity2 = Vector512<float>.Zero
        StateLanes.unpackFour (numbers, &angle1, &angle2, &velocity1, &velocity2)
        let mutable sine1 = Vector512<float>.Zero
        let mutable cosine1 = Vector512<float>.Zero
        let mutable sine2 = Vector512<float>.Zero
        let mutable cosine2 = Vector512<float>.Zero
        SineCosine.vector512 (angle1, &sine1, &cosine1)
        SineCosine.vector512 (angle2, &sine2, &cosine2)
        let first = Vector512.Narrow(cosine1, sine1)
        let second = Vector512.Narrow(cosine2, sine2)
        let velocities = Vector512.Narrow(velocity1, velocity2)
        let struct (ofAngles, ofAll) = picks
        let rows = MemoryMarshal.Cast<float32, Vector512<float32>> observations

        for v in 0..2 do
            let angles = Avx512F.PermuteVar16x32x2(first, ofAngles[v], second)
            rows[v] <- Avx512F.PermuteVar16x32x2(angles, ofAll[v], velocities)
