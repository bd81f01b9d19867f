/// Poles on a cart: InvertedPendulum and InvertedDoublePendulum.
namespace Rl.Core.Environments.Robots

open System
open Rl.Core.Foundations

/// What may vary in the tasks with poles.
type internal PoleOptions =
    {
        Settings: TaskSettings
        HealthyReward: float
        ResetNoiseScale: float
        /// Version 4: the healthy reward is paid on the last step too; the double pendulum shows all three forces.
        IsVersion4: bool
    }

/// One pole: 1 a step while it leans by no more than 0.2 rad. Source: Gymnasium's `inverted_pendulum_v5.py`.
[<Sealed>]
type internal InvertedPendulumTask(options: PoleOptions) =
    inherit RobotTask(options.Settings)
    let model = RobotModels.find options.Settings.Robot

    override _.ObservationSize = 4
    override _.MemorySize = 0

    override _.Reset(position, velocity, rng) =
        let rng = TaskParts.addUniform (ReadOnlySpan model.Positions0) options.ResetNoiseScale position rng
        velocity.Clear()
        TaskParts.addUniform (Span.op_Implicit velocity) options.ResetNoiseScale velocity rng

    override _.Remember(_, _) = ()

    override _.Observe(w, observation) =
        w.Position.CopyTo observation
        w.Velocity.CopyTo(observation.Slice 2)

    override _.Judge(w, _, _, _) =
        let isOver = abs w.Position[1] > 0.2
        struct ((if isOver && not options.IsVersion4 then 0.0 else options.HealthyReward), isOver)

/// Two poles: 10 a step while the tip is above 1 m, less its distance from above the middle and the poles' speeds.
/// Source: Gymnasium's `inverted_double_pendulum_v5.py`.
[<Sealed>]
type internal InvertedDoublePendulumTask(options: PoleOptions) =
    inherit RobotTask(options.Settings)
    let model = RobotModels.find options.Settings.Robot
    let forces = if options.IsVersion4 then 3 else 1

    override _.ObservationSize = 8 + forces
    override _.MemorySize = 0

    override _.Reset(position, velocity, rng) =
        let rng = TaskParts.addUniform (ReadOnlySpan model.Positions0) options.ResetNoiseScale position rng
        TaskParts.normal options.ResetNoiseScale velocity rng

    override _.Remember(_, _) = ()

    override _.Observe(w, observation) =
        observation[0] <- w.Position[0]

        for pole in 1..2 do
            let struct (sine, cosine) = Math.SinCos w.Position[pole]
            observation[pole] <- sine
            observation[2 + pole] <- cosine

        TaskParts.copyFrom w.Velocity 0 TaskParts.tenBounds (observation.Slice 5)

        for force in 0 .. forces - 1 do
            observation[8 + force] <- TaskParts.tenBounds.Clip w.ConstraintForce[force]

    override _.Judge(w, _, _, _) =
        let tip = w.SitePosition[0]
        let distance = 0.01 * tip.X * tip.X + (tip.Z - 2.0) * (tip.Z - 2.0)
        let speed = 1e-3 * w.Velocity[1] * w.Velocity[1] + 5e-3 * w.Velocity[2] * w.Velocity[2]
        let isOver = tip.Z <= 1.0
        let healthy = if isOver && not options.IsVersion4 then 0.0 else options.HealthyReward
        struct (healthy - distance - speed, isOver)
