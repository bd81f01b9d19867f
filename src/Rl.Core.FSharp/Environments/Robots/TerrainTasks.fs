/// Crossing a course of slopes, stairs, gaps and hurdles that is seen ahead: TerrainBiped and TerrainQuadruped.
namespace Rl.Core.Environments.Robots

open System
open Rl.Core.Foundations

/// What may vary in the tasks on terrain.
type internal TerrainOptions =
    {
        Settings: TaskSettings
        Course: CourseOptions
        /// For each m/s along the course.
        ForwardRewardWeight: float
        /// For a trunk that is upright: times the z component of its axis.
        UprightRewardWeight: float
        /// For each m by which the trunk is higher or lower above its lowest foot than in the reference pose.
        HeightCostWeight: float
        /// For the squares of the controls.
        ControlCostWeight: float
        /// For the square of the distance from the middle of the course.
        DeviationCostWeight: float
        FallCost: float
        /// How high the trunk must be above the highest ground around, and how upright, not to have fallen.
        LeastHeight: float
        LeastUpright: float
        ResetNoiseScale: float
    }

/// A robot that crosses a course. An episode's ground is drawn with it and part of its state. Seen are the heights of
/// the ground at places ahead (nearer ones are closer together), relative to the trunk, then positions and velocities
/// without the place along the course. The reward is the speed along the course, plus a little for an upright trunk,
/// less costs for controls, for deviating and for crouching; the episode ends with a fall or beyond the finish. Source:
/// Heess et al. 2017, "Emergence of Locomotion Behaviours in Rich Environments", sections 3 and 4 and appendix B.
[<AbstractClass>]
type internal TerrainTask(options: TerrainOptions) =
    inherit RobotTask(options.Settings)
    let model = RobotModels.find options.Settings.Robot
    let columns = model.HeightFields[0].Columns

    /// Where the ground is looked at, in m before the trunk for legs of 1 m.
    static let ahead =
        [| -0.5; -0.3; -0.15; 0.0; 0.1; 0.2; 0.3; 0.4; 0.5; 0.6; 0.7; 0.8; 0.9; 1.0; 1.15; 1.3; 1.5; 1.75; 2.1; 2.5 |]

    /// How many heights are seen.
    static member Heights = ahead.Length
    member _.Options = options
    /// The profile of the ground that is in a workspace.
    member _.Profile(w: Workspace) : ReadOnlySpan<float> = ReadOnlySpan(w.Heights[0], 0, columns)
    /// The z component of the trunk's axis.
    abstract Upright: w: Workspace -> float
    /// The height of the trunk.
    abstract TrunkHeight: w: Workspace -> float
    /// The distance from the middle of the course.
    abstract Deviation: w: Workspace -> float
    /// The height of the lowest foot.
    abstract LowestFoot: w: Workspace -> float
    /// The height of the trunk above the feet in the reference pose.
    abstract StandingHeight: float

    override _.TerrainSize = columns
    override _.DrawTerrain(terrain, rng) = TerrainCourse.draw options.Course terrain rng

    override _.PlaceTerrain(terrain, heights) =
        for row in 0 .. model.HeightFields[0].Rows - 1 do
            terrain.CopyTo(Span(heights[0], row * columns, columns))

    override _.MemorySize = 1
    override _.Remember(w, memory) = memory[0] <- w.Position[0]

    /// Writes the heights that are seen.
    member this.ObserveGround(w: Workspace, observation: Span<float>) =
        let profile = this.Profile w
        let x, z = w.Position[0], this.TrunkHeight w

        for index in 0 .. ahead.Length - 1 do
            let height = TerrainCourse.heightAt options.Course profile (x + options.Course.Scale * ahead[index])
            // Deep gaps are as deep as they need be.
            observation[index] <- Math.Max(height - z, -3.0 * options.Course.Scale)

    override this.Judge(w, before, after, action) =
        let speed = (after[0] - before[0]) / this.Duration
        let x, z, upright = w.Position[0], this.TrunkHeight w, this.Upright w
        let around = TerrainCourse.highestAround options.Course (this.Profile w) x (0.5 * options.Course.Scale)
        let deviation = this.Deviation w

        let hasFallen =
            z - around < options.LeastHeight
            || upright < options.LeastUpright
            || abs deviation > model.HeightFields[0].HalfY
            // Before the start there is no ground for long.
            || x < options.Course.First + 1.0

        let crouch =
            if options.HeightCostWeight = 0.0 then
                0.0
            else
                abs (z - this.LowestFoot w - this.StandingHeight)

        let reward =
            options.ForwardRewardWeight * speed + options.UprightRewardWeight * upright
            - options.HeightCostWeight * crouch
            - options.ControlCostWeight * TaskParts.squares action
            - options.DeviationCostWeight * deviation * deviation
            - (if hasFallen then options.FallCost else 0.0)

        struct (reward, hasFallen || x >= options.Course.Finish)

/// Two legs in a plane.
[<Sealed>]
type internal TerrainBipedTask(options: TerrainOptions) =
    inherit TerrainTask(options)
    let model = RobotModels.find options.Settings.Robot
    let positions, dofs = model.PositionCount, model.DofCount
    let feet = [| RobotModel.body "foot" model; RobotModel.body "foot_left" model |]

    let standing =
        let w = Workspace model
        Kinematics.place w
        model.Positions0[1] - w.BodyPosition[feet[0]].Z

    override _.Upright(w) = Math.Cos w.Position[2]
    override _.TrunkHeight(w) = w.Position[1]
    override _.Deviation(_) = 0.0
    override _.StandingHeight = standing
    override _.LowestFoot(w) = Math.Min(w.BodyPosition[feet[0]].Z, w.BodyPosition[feet[1]].Z)
    override _.ObservationSize = TerrainTask.Heights + positions - 2 + dofs

    override _.Reset(position, velocity, rng) =
        let rng = TaskParts.addUniform (ReadOnlySpan model.Positions0) options.ResetNoiseScale position rng
        velocity.Clear()
        TaskParts.addUniform (Span.op_Implicit velocity) options.ResetNoiseScale velocity rng

    override this.Observe(w, observation) =
        this.ObserveGround(w, observation)
        TaskParts.copyFrom w.Position 2 TaskParts.noBounds (observation.Slice TerrainTask.Heights)
        let rest = observation.Slice(TerrainTask.Heights + positions - 2)
        TaskParts.copyFrom w.Velocity 0 TaskParts.tenBounds rest

/// Four legs in space.
[<Sealed>]
type internal TerrainQuadrupedTask(options: TerrainOptions) =
    inherit TerrainTask(options)
    let model = RobotModels.find options.Settings.Robot
    let positions, dofs = model.PositionCount, model.DofCount

    override _.Upright(w) =
        // The z component of the image of the z axis.
        1.0 - 2.0 * (w.Position[4] * w.Position[4] + w.Position[5] * w.Position[5])

    override _.TrunkHeight(w) = w.Position[2]
    override _.Deviation(w) = w.Position[1]
    override _.StandingHeight = model.Positions0[2]
    override _.LowestFoot(_) = 0.0
    override _.ObservationSize = TerrainTask.Heights + 1 + positions - 3 + dofs

    override _.Reset(position, velocity, rng) =
        let rng = TaskParts.addUniform (ReadOnlySpan model.Positions0) options.ResetNoiseScale position rng
        TaskParts.normal options.ResetNoiseScale velocity rng

    override this.Observe(w, observation) =
        this.ObserveGround(w, observation)
        observation[TerrainTask.Heights] <- w.Position[1]
        TaskParts.copyFrom w.Position 3 TaskParts.noBounds (observation.Slice(TerrainTask.Heights + 1))
        let rest = observation.Slice(TerrainTask.Heights + 1 + positions - 3)
        TaskParts.copyFrom w.Velocity 0 TaskParts.tenBounds rest
