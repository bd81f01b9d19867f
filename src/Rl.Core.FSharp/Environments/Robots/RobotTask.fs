/// What makes a task of a robot: where it starts, what is seen, what is rewarded, when it ends.
namespace Rl.Core.Environments.Robots

open System
open Rl.Core.Foundations

/// An interval. Infinite bounds are none.
[<Struct>]
type internal Bounds =
    {
        Low: float
        High: float
    }

    /// low < x < high.
    member this.IsWithin(x: float) = this.Low < x && x < this.High
    member this.Clip(x: float) = Math.Min(Math.Max(x, this.Low), this.High)

/// From where a robot is looked at.
[<RequireQualifiedAccess>]
type internal View =
    /// Along y: x to the right, z upwards.
    | Side
    /// Along −z: x to the right, y upwards.
    | Above
    /// From the side and a little from above.
    | Oblique

/// What every task has.
type internal TaskSettings =
    {
        Id: string
        /// The name of the model.
        Robot: string
        /// Steps of the simulation for one of the task.
        FrameSkip: int
        MaxEpisodeSteps: int
        RewardThreshold: float
        View: View
        /// The width of the picture, in m.
        Width: float
        /// The body that the picture follows; 0 for none.
        Followed: int
    }

/// A task over a workspace, which holds the state after a step and the quantities of the last evaluation within it:
/// MuJoCo's own order of a step, which leaves places, forces and inertias a little behind the state, and Gymnasium
/// reads them so.
[<AbstractClass>]
type internal RobotTask(settings: TaskSettings) =
    let model = RobotModels.find settings.Robot

    do
        if settings.FrameSkip < 1 then
            raise (
                ArgumentOutOfRangeException(
                    "frame_skip",
                    settings.FrameSkip,
                    $"frame_skip is {settings.FrameSkip}; it must be at least 1."
                )
            )

    member _.Settings = settings
    member _.Model = model
    /// s of one step of the task.
    member _.Duration = model.Options.Timestep * float settings.FrameSkip
    abstract ObservationSize: int
    /// How many numbers of a step the next one needs.
    abstract MemorySize: int
    /// Whether the forces of contacts on bodies are seen or rewarded.
    abstract NeedsContactForces: bool
    default _.NeedsContactForces = false
    /// Whether inertias and velocities of bodies are seen or rewarded.
    abstract NeedsBodies: bool
    default _.NeedsBodies = false
    /// How many numbers of a state say what its ground is like; 0 where the ground is the model's.
    abstract TerrainSize: int
    default _.TerrainSize = 0
    /// Draws the ground of an episode, before its first state.
    abstract DrawTerrain: terrain: Span<float> * rng: Rng -> Rng
    default _.DrawTerrain(_, rng) = rng
    /// Puts a ground into the heights of the model's fields.
    abstract PlaceTerrain: terrain: ReadOnlySpan<float> * heights: float[][] -> unit
    default _.PlaceTerrain(_, _) = ()
    /// Draws the first state.
    abstract Reset: position: Span<float> * velocity: Span<float> * rng: Rng -> Rng
    /// Notes what the next step needs.
    abstract Remember: w: Workspace * memory: Span<float> -> unit
    /// Writes what is seen.
    abstract Observe: w: Workspace * observation: Span<float> -> unit

    /// The reward of a step and whether its state is terminal, from what was noted before it and after it.
    abstract Judge:
        w: Workspace * before: ReadOnlySpan<float> * after: ReadOnlySpan<float> * action: ReadOnlySpan<float32> ->
            struct (float * bool)

/// What several tasks compute alike.
[<RequireQualifiedAccess>]
module internal TaskParts =

    /// Fills with start values plus uniform noise within ±scale.
    let addUniform (start: ReadOnlySpan<float>) (scale: float) (values: Span<float>) (rng: Rng) : Rng =
        let mutable rng = rng

        for index in 0 .. values.Length - 1 do
            // The span is half open: an empty one cannot be drawn from.
            let struct (draw, next) = Rng.uniform rng
            values[index] <- start[index] + scale * (2.0 * draw - 1.0)
            rng <- next

        rng

    /// Fills with normal noise times a scale.
    let normal (scale: float) (values: Span<float>) (rng: Rng) : Rng =
        let mutable rng = rng

        for index in 0 .. values.Length - 1 do
            let struct (draw, next) = Rng.normal rng
            values[index] <- scale * draw
            rng <- next

        rng

    /// Σ aᵢ².
    let squares (action: ReadOnlySpan<float32>) : float =
        let mutable sum = 0.0

        for index in 0 .. action.Length - 1 do
            let value = float action[index]
            sum <- sum + value * value

        sum

    /// Copies numbers from an index on, clipped to bounds.
    let copyFrom (source: float[]) (first: int) (bounds: Bounds) (target: Span<float>) =
        for index in first .. source.Length - 1 do
            target[index - first] <- bounds.Clip source[index]

    let noBounds: Bounds = { Low = -infinity; High = infinity }
    let tenBounds: Bounds = { Low = -10.0; High = 10.0 }

    /// The six numbers of a spatial vector, clipped.
    let putSpatial (bounds: Bounds) (s: Spatial) (target: Span<float>) =
        for axis in 0..2 do
            target[axis] <- bounds.Clip s.Angular[axis]
            target[3 + axis] <- bounds.Clip s.Linear[axis]

    /// Σ of the squares of the contact forces on all bodies, each number clipped.
    let contactSquares (bounds: Bounds) (w: Workspace) =
        let mutable sum = 0.0

        for index in 0 .. w.ContactForce.Length - 1 do
            for axis in 0..2 do
                let torque = bounds.Clip w.ContactForce[index].Angular[axis]
                let force = bounds.Clip w.ContactForce[index].Linear[axis]
                sum <- sum + torque * torque + force * force

        sum

    let putVector (v: Vector3D) (target: Span<float>) =
        for axis in 0..2 do
            target[axis] <- v[axis]
