/// Arms that are to bring their tips to a goal of the episode, as hindsight needs them: ArmReach and ReacherGoal.
namespace Rl.Core.Environments.Robots

open System
open Rl.Core.Foundations
open Rl.Core.Environments

/// What may vary in tasks of arms with goals.
type internal GoalReachingOptions =
    {
        Settings: TaskSettings
        /// Pays minus the distance instead of −1 and 0.
        IsDense: bool
        /// The distance within which a goal counts as reached, m.
        Tolerance: float
    }

/// A tip and a goal in so many dimensions. Observations are a Dict of `observation`, `achieved_goal` (where the tip
/// is, m) and `desired_goal`. The reward of a step is 0 where it leads to within the tolerance of the goal and −1
/// elsewhere, or minus the distance; reaching the goal does not terminate the episode, as in Gymnasium-Robotics'
/// FetchReach. What is seen is of the state that the step led to.
[<AbstractClass>]
type internal GoalReachingTask(options: GoalReachingOptions, dimensions: int, seen: int) =
    inherit RobotTask(options.Settings)

    do Guard.positiveNumber "tolerance" options.Tolerance

    let box size = Space.box (Array.create size -infinity) (Array.create size infinity) [| size |]

    let space =
        Space.dict
            [ "observation", box seen; GoalSpace.AchievedName, box dimensions; GoalSpace.DesiredName, box dimensions ]

    /// In the numbers that are observed, in float32: a step must pay the same as hindsight would.
    let distance (achieved: ReadOnlySpan<float32>) (desired: ReadOnlySpan<float32>) =
        let mutable sum = 0.0

        for axis in 0 .. dimensions - 1 do
            let difference = float achieved[axis] - float desired[axis]
            sum <- sum + difference * difference

        Math.Sqrt sum

    let reward (distance: float) =
        if options.IsDense then -distance
        elif distance <= options.Tolerance then 0.0
        else -1.0

    /// The distance of what is remembered: the tip, then the goal.
    let remembered (memory: ReadOnlySpan<float>) =
        let mutable sum = 0.0

        for axis in 0 .. dimensions - 1 do
            let difference = float (float32 memory[axis]) - float (float32 memory[dimensions + axis])
            sum <- sum + difference * difference

        Math.Sqrt sum

    /// Where the tip of a robot that is placed is.
    abstract Tip: w: Workspace -> Vector3D
    /// Writes what is seen of the arm itself.
    abstract ObserveArm: w: Workspace * observation: Span<float> -> unit
    /// The goal of the workspace's state; that which is remembered unless it is part of the state.
    abstract Goal: w: Workspace * remembered: Vector3D -> Vector3D
    default _.Goal(_, remembered) = remembered

    override _.ObservationSize = seen + 2 * dimensions
    override _.ObservationSpace = space
    override _.MemorySize = 2 * dimensions

    override this.Remember(w, memory) =
        // The step leaves places a little behind the state; a goal is reached by where the tip is.
        Kinematics.place w
        let tip = this.Tip w
        let z = if dimensions > 2 then memory[dimensions + 2] else 0.0
        let goal = this.Goal(w, Vector3D(memory[dimensions], memory[dimensions + 1], z))

        for axis in 0 .. dimensions - 1 do
            memory[axis] <- tip[axis]
            memory[dimensions + axis] <- goal[axis]

    override this.Observe(w, observation) =
        this.ObserveArm(w, observation.Slice(0, seen))
        w.Notes.AsSpan(0, 2 * dimensions).CopyTo(observation.Slice seen)

    override _.Judge(_, _, after, _) = struct (reward (remembered after), false)
    override _.HasGoals = true
    override _.GoalReward(achieved, desired) = reward (distance achieved desired)
    override _.InfoNames = [ "is_success"; "distance" ]

    override _.ReadInfo(memory, values) =
        let distance = remembered memory
        values[0] <- if distance <= options.Tolerance then 1.0 else 0.0
        values[1] <- distance

/// The arm of `arm.xml`: four joints, whose speeds are the controls (rad/s), and a goal in space that the hand can
/// reach. Seen are the joints' angles (rad) and speeds (rad/s); places are from the shoulder, z upwards.
[<Sealed>]
type internal ArmReachTask(options: GoalReachingOptions) =
    inherit GoalReachingTask(options, 3, 8)
    let model = RobotModels.find options.Settings.Robot
    let hand = RobotModel.body "hand" model
    let target = model.Geoms |> Array.findIndex (fun geom -> geom.Name = "target")

    /// The pose that episodes begin near: the hand in front of the shoulder.
    static let start = [| 0.0; 0.4; 1.2; 0.4 |]

    /// Whether the hand may be sent to a place: in front of the column and off it, above the ground, within reach.
    static member IsGoal(place: Vector3D) : bool =
        let across = Math.Sqrt(place.X * place.X + place.Y * place.Y)
        let away = Vector3D.length place
        place.X >= 0.0 && across >= 0.2 && place.Z >= -0.2 && away >= 0.3 && away <= 0.58

    override _.Tip w = w.BodyPosition[hand]

    override _.Reset(position, velocity, rng) =
        velocity.Clear()
        TaskParts.addUniform (ReadOnlySpan start) 0.1 position rng

    override _.ResetMemory(memory, rng) =
        let mutable rng = rng
        let mutable goal = Vector3D.zero

        while not (ArmReachTask.IsGoal goal) do
            let struct (x, next) = Rng.uniformIn 0.0 0.6 rng
            let struct (y, next) = Rng.uniformIn -0.6 0.6 next
            let struct (z, next) = Rng.uniformIn -0.2 0.6 next
            rng <- next
            goal <- Vector3D(x, y, z)

        TaskParts.putVector goal (memory.Slice 3)
        rng

    override _.ObserveArm(w, observation) =
        w.Position.CopyTo observation
        w.Velocity.CopyTo(observation.Slice 4)

    override _.Show(w, memory) = w.GeomPosition[target] <- Vector3D(memory[3], memory[4], memory[5])

/// Gymnasium's Reacher with its target as a goal: the robot and the first states of `Reacher-v5`. Seen are the cosines
/// and sines of the two angles and their speeds (rad/s); places are in the plane of the arm.
[<Sealed>]
type internal ReacherGoalTask(options: GoalReachingOptions) =
    inherit GoalReachingTask(options, 2, 6)
    let model = RobotModels.find options.Settings.Robot
    let fingertip, target = RobotModel.body "fingertip" model, RobotModel.body "target" model

    override _.Tip w = w.BodyPosition[fingertip]
    override _.Goal(w, _) = w.BodyPosition[target]
    override _.Reset(position, velocity, rng) = ReacherTask.Start(model, position, velocity, rng)

    override _.ObserveArm(w, observation) =
        for joint in 0..1 do
            let struct (sine, cosine) = Math.SinCos w.Position[joint]
            observation[joint] <- cosine
            observation[2 + joint] <- sine
            observation[4 + joint] <- w.Velocity[joint]
