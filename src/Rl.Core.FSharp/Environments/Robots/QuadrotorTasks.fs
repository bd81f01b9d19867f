/// A quadrotor that is to hover at a place, or to fly through several one after the other.
namespace Rl.Core.Environments.Robots

open System
open Rl.Core.Foundations

/// What may vary in the tasks of the quadrotor.
type internal QuadrotorOptions =
    {
        Settings: TaskSettings
        /// The places to fly to, 1 to 5; at the last it is to stay. One place alone is (0, 0, 1) m.
        Waypoints: int
        /// The distance within which a place counts as reached, m.
        Tolerance: float
    }

/// The quadrotor of `quadrotor.xml`, whose controls are the thrusts of four rotors in N. Seen are the way to the place
/// (m), the rotation matrix row by row, the velocity (m/s) and the angular velocity in the body's axes (rad/s). A step
/// pays e^(−2d) / (1 + |ω|²/20) for a distance d from the place, and 10 where it reaches one that is not the last.
/// Episodes end on the ground, upside down, and 2.5 m from the place that was flown to. Figures: Förster (2015), System
/// Identification of the Crazyflie 2.0 Nano Quadrocopter, chapter 3.
[<Sealed>]
type internal QuadrotorTask(options: QuadrotorOptions) =
    inherit RobotTask(options.Settings)

    do
        Guard.inIntRange "waypoints" 1 5 options.Waypoints
        Guard.positiveNumber "tolerance" options.Tolerance

    let model = RobotModels.find options.Settings.Robot
    let body = RobotModel.body "quadrotor" model
    let target = model.Geoms |> Array.findIndex (fun geom -> geom.Name = "target")
    let place (memory: ReadOnlySpan<float>) = Vector3D(memory[0], memory[1], memory[2])

    /// How far a place is from the present one.
    let away (w: Workspace) (memory: ReadOnlySpan<float>) = Vector3D.length (place memory - w.BodyPosition[body])

    let turning (w: Workspace) = Vector3D(w.Velocity[3], w.Velocity[4], w.Velocity[5])

    /// The centre of all that is flown to.
    static let centre = Vector3D(0.0, 0.0, 1.0)

    static let drawVector (range: float) (rng: Rng) : struct (Vector3D * Rng) =
        let struct (x, rng) = Rng.uniformIn -range range rng
        let struct (y, rng) = Rng.uniformIn -range range rng
        let struct (z, rng) = Rng.uniformIn -range range rng
        struct (Vector3D(x, y, z), rng)

    override _.ObservationSize = 18
    // The place, the distance from it, how many have been reached, those that follow.
    override _.MemorySize = 5 + 3 * (options.Waypoints - 1)

    override _.Reset(position, velocity, rng) =
        let struct (offset, rng) = drawVector 0.5 rng
        let struct (tilt, rng) = drawVector 0.4 rng
        let struct (yaw, rng) = Rng.uniformIn -Math.PI Math.PI rng
        let struct (speed, rng) = drawVector 0.5 rng
        let struct (spin, rng) = drawVector 1.0 rng
        let turn = Quaternion.ofAxis (Vector3D.unit 2) yaw * Quaternion.ofVector (Vector3D(tilt.X, tilt.Y, 0.0))
        TaskParts.putVector (centre + offset) position
        position[3] <- turn.W
        position[4] <- turn.X
        position[5] <- turn.Y
        position[6] <- turn.Z
        TaskParts.putVector speed velocity
        TaskParts.putVector spin (velocity.Slice 3)
        rng

    override _.ResetMemory(memory, rng) =
        if options.Waypoints = 1 then
            TaskParts.putVector centre memory
            rng
        else
            let mutable rng = rng

            for waypoint in 0 .. options.Waypoints - 1 do
                let struct (offset, next) = drawVector 0.6 rng
                let first = if waypoint = 0 then 0 else 5 + 3 * (waypoint - 1)
                TaskParts.putVector (centre + offset) (memory.Slice first)
                rng <- next

            rng

    override _.Remember(w, memory) =
        Kinematics.place w
        let reached = int memory[4]

        if reached < options.Waypoints - 1 && away w (Span.op_Implicit memory) <= options.Tolerance then
            memory.Slice(5 + 3 * reached, 3).CopyTo memory
            memory[4] <- float (reached + 1)

        memory[3] <- away w (Span.op_Implicit memory)

    override _.Observe(w, observation) =
        TaskParts.putVector (place (ReadOnlySpan w.Notes) - w.BodyPosition[body]) observation
        let turn = w.BodyRotation[body]

        for row in 0..2 do
            observation[3 + 3 * row] <- turn.X[row]
            observation[4 + 3 * row] <- turn.Y[row]
            observation[5 + 3 * row] <- turn.Z[row]

        w.Velocity.AsSpan().CopyTo(observation.Slice 12)

    override _.Judge(w, before, after, _) =
        let here = w.BodyPosition[body]
        let distance = away w before
        let spin = turning w
        let steady = Math.Exp(-2.0 * distance) / (1.0 + Vector3D.dot spin spin / 20.0)
        let reward = steady + 10.0 * (after[4] - before[4])
        let isUpsideDown = w.BodyRotation[body].Z.Z < 0.0
        struct (reward, here.Z <= 0.03 || isUpsideDown || distance > 2.5)

    override _.Show(w, memory) = w.GeomPosition[target] <- place memory
    override _.InfoNames = [ "is_success"; "distance"; "waypoints" ]

    override _.ReadInfo(memory, values) =
        let atLast = int memory[4] = options.Waypoints - 1
        values[0] <- if atLast && memory[3] <= options.Tolerance then 1.0 else 0.0
        values[1] <- memory[3]
        values[2] <- memory[4]
