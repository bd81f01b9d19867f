/// Getting ahead in a plane: HalfCheetah, Hopper, Walker2d and Swimmer.
namespace Rl.Core.Environments.Robots

open System
open Rl.Core.Foundations

/// What may vary in the tasks of getting ahead.
type internal RunnerOptions =
    {
        Settings: TaskSettings
        ForwardRewardWeight: float
        ControlCostWeight: float
        /// For each step in which the robot is healthy; 0 where health is not asked for.
        HealthyReward: float
        TerminateWhenUnhealthy: bool
        /// Bounds, exclusive, of height, of the trunk's angle, and of all other numbers of the state.
        HealthyHeight: Bounds
        HealthyAngle: Bounds
        HealthyState: Bounds
        ResetNoiseScale: float
        /// How many of the first positions (where the robot is along the ground) are not seen.
        Hidden: int
        /// Velocities are seen within ±10.
        ClipsVelocities: bool
        /// First velocities are drawn from a normal distribution instead of a uniform one.
        NormalVelocities: bool
        /// The healthy reward is paid on the last step too, as in version 4.
        PaysLastStep: bool
        /// Unhealthy states end the episode; false for robots that cannot fall.
        HasHealth: bool
    }

/// The reward is the speed along x, plus the healthy reward, less the squares of the controls. Source: Gymnasium's
/// `half_cheetah_v5.py`, `hopper_v5.py`, `walker2d_v5.py`, `swimmer_v5.py`.
[<Sealed>]
type internal RunnerTask(options: RunnerOptions) =
    inherit RobotTask(options.Settings)
    let model = RobotModels.find options.Settings.Robot
    let positions, dofs = model.PositionCount, model.DofCount

    /// Whether the robot stands as it should.
    let isHealthy (w: Workspace) =
        let mutable isHealthy =
            options.HealthyHeight.IsWithin w.Position[1] && options.HealthyAngle.IsWithin w.Position[2]

        for index in 2 .. positions - 1 do
            isHealthy <- isHealthy && options.HealthyState.IsWithin w.Position[index]

        for velocity in w.Velocity do
            isHealthy <- isHealthy && options.HealthyState.IsWithin velocity

        isHealthy

    override _.ObservationSize = positions - options.Hidden + dofs
    override _.MemorySize = 1

    override _.Reset(position, velocity, rng) =
        let rng = TaskParts.addUniform (ReadOnlySpan model.Positions0) options.ResetNoiseScale position rng

        if options.NormalVelocities then
            TaskParts.normal options.ResetNoiseScale velocity rng
        else
            velocity.Clear()
            TaskParts.addUniform (Span.op_Implicit velocity) options.ResetNoiseScale velocity rng

    override _.Remember(w, memory) = memory[0] <- w.Position[0]

    override _.Observe(w, observation) =
        TaskParts.copyFrom w.Position options.Hidden TaskParts.noBounds observation
        let bounds = if options.ClipsVelocities then TaskParts.tenBounds else TaskParts.noBounds
        TaskParts.copyFrom w.Velocity 0 bounds (observation.Slice(positions - options.Hidden))

    override this.Judge(w, before, after, action) =
        let speed = (after[0] - before[0]) / this.Duration
        let cost = options.ControlCostWeight * TaskParts.squares action
        let isHealthy = not options.HasHealth || isHealthy w
        let isPaid = isHealthy || options.PaysLastStep && options.TerminateWhenUnhealthy
        let healthy = if isPaid then options.HealthyReward else 0.0
        struct (options.ForwardRewardWeight * speed + healthy - cost, options.TerminateWhenUnhealthy && not isHealthy)
