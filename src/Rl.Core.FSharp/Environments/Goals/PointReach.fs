/// A point mass on a table that is to be brought to a goal and kept there.
namespace Rl.Core.Environments.Goals

open System
open System.Globalization
open Rl.Core.Foundations
open Rl.Core.Environments
open Rl.Core.Environments.Rendering

/// Position (m), velocity (m/s) and goal (m).
[<Struct>]
type PointReachState = { X: float; Y: float; VelocityX: float; VelocityY: float; GoalX: float; GoalY: float }

/// What may vary in PointReach.
type PointReachOptions =
    {
        Id: string
        /// Pays minus the distance instead of −1 and 0.
        IsDense: bool
        /// The distance within which the goal counts as reached, m.
        Tolerance: float
    }

module private PointReachConstants =
    [<Literal>]
    let TimeStep = 0.1

    [<Literal>]
    let HalfWidth = 1.0

    [<Literal>]
    let MaxAcceleration = 2.0

    [<Literal>]
    let MaxSpeed = 1.0

    let place = Space.boxOf -HalfWidth HalfWidth [| 2 |]

    let observationSpace =
        Space.dict
            [
                "observation",
                Space.box
                    [| -HalfWidth; -HalfWidth; -MaxSpeed; -MaxSpeed |]
                    [| HalfWidth; HalfWidth; MaxSpeed; MaxSpeed |]
                    [| 4 |]
                GoalSpace.AchievedName, place
                GoalSpace.DesiredName, place
            ]

    let actionSpace = Space.boxOf -1.0 1.0 [| 2 |]

    /// Position and velocity along one axis after a step; a wall takes the velocity.
    let advance (position: float) (velocity: float) (action: float32) : struct (float * float) =
        let acceleration = MaxAcceleration * Math.Clamp(float action, -1.0, 1.0)
        let velocity = Math.Clamp(velocity + TimeStep * acceleration, -MaxSpeed, MaxSpeed)
        let position = position + TimeStep * velocity

        if abs position > HalfWidth then
            struct (Math.Clamp(position, -HalfWidth, HalfWidth), 0.0)
        else
            struct (position, velocity)

    let draw (tolerance: float) (state: PointReachState) : Scene =
        let size = 400
        let scale = 170.0
        let at x y = Figure.point (200.0 + scale * x) (190.0 + scale * y)
        let point, goal = at state.X state.Y, at state.GoalX state.GoalY
        let corner = at -HalfWidth -HalfWidth
        let opposite = at HalfWidth HalfWidth
        let speed = Math.Sqrt(state.VelocityX * state.VelocityX + state.VelocityY * state.VelocityY)
        let dx, dy = state.X - state.GoalX, state.Y - state.GoalY
        let distance = Math.Sqrt(dx * dx + dy * dy).ToString("F2", CultureInfo.InvariantCulture)

        {
            Width = size
            Height = size
            Background = Palette.paper
            Figures =
                [
                    Figure.rectangle corner.X corner.Y opposite.X opposite.Y Palette.ice
                    Figure.Disc(goal, max 4.0 (scale * tolerance), Palette.green)
                    if speed > 0.05 then
                        yield!
                            Sketch.arrow
                                point
                                (at (state.X + 0.4 * state.VelocityX) (state.Y + 0.4 * state.VelocityY))
                                3.0
                                Palette.yellow
                    Figure.Disc(point, 6.0, Palette.blue)
                    Sketch.caption size $"distance {distance} m"
                ]
        }

open PointReachConstants

/// A point mass in the square [−1, 1]² m, moved for 0.1 s a step by accelerations a = 2 m/s² · action, with actions in
/// [−1, 1]²: along each axis v ← v + 0.1 a, clipped to ±1 m/s, then x ← x + 0.1 v; at a wall x stops and v becomes 0.
/// Starts are at rest, uniform in the square, and so are goals. The reward of a step is 0 where it leads to within the
/// tolerance of the goal (0.05 m) and −1 elsewhere; in the dense variant minus the distance, in m. Reaching the goal
/// does not terminate the episode, as in Gymnasium-Robotics' FetchReach, which this is modelled on: 50 steps of 0.1 s.
/// Observations are a Dict of `observation` (x, y in m, their velocities in m/s), `achieved_goal` (x, y) and
/// `desired_goal`.
[<Sealed>]
type PointReach(options: PointReachOptions) =
    do Guard.positiveNumber "tolerance" options.Tolerance

    /// The reward of goals as they are observed, in float32: a step must pay the same as hindsight would.
    let reward (x: float32) (y: float32) (goalX: float32) (goalY: float32) =
        let dx, dy = float x - float goalX, float y - float goalY
        let distance = Math.Sqrt(dx * dx + dy * dy)

        if options.IsDense then -distance
        elif distance <= options.Tolerance then 0.0
        else -1.0

    /// `PointReach-v0`: −1 and 0, within 0.05 m.
    static member V0: PointReachOptions = { Id = "PointReach-v0"; IsDense = false; Tolerance = 0.05 }

    /// `PointReachDense-v0`: minus the distance.
    static member DenseV0: PointReachOptions = { PointReach.V0 with Id = "PointReachDense-v0"; IsDense = true }

    interface IEnvironment<PointReachState> with
        member _.Id = options.Id
        member _.ObservationSpace = observationSpace
        member _.ActionSpace = actionSpace
        member _.MaxEpisodeSteps = 50
        member _.RewardThreshold = nan

        member _.Reset(rng) =
            let struct (x, rng) = Rng.uniformIn -HalfWidth HalfWidth rng
            let struct (y, rng) = Rng.uniformIn -HalfWidth HalfWidth rng
            let struct (goalX, rng) = Rng.uniformIn -HalfWidth HalfWidth rng
            let struct (goalY, rng) = Rng.uniformIn -HalfWidth HalfWidth rng
            struct ({ X = x; Y = y; VelocityX = 0.0; VelocityY = 0.0; GoalX = goalX; GoalY = goalY }, rng)

        member _.Step(state, action, rng) =
            for index in 0..1 do
                if Single.IsNaN action[index] then
                    Guard.fail (nameof action) $"{options.Id}: action[{index}] is NaN; it must be a number in [-1, 1]."

            let struct (x, velocityX) = advance state.X state.VelocityX action[0]
            let struct (y, velocityY) = advance state.Y state.VelocityY action[1]
            let next = { state with X = x; Y = y; VelocityX = velocityX; VelocityY = velocityY }
            let paid = reward (float32 x) (float32 y) (float32 state.GoalX) (float32 state.GoalY)
            struct (next, { Reward = paid; Terminated = false; Truncated = false }, rng)

        member _.Observe(state, observation) =
            observation[0] <- float32 state.X
            observation[1] <- float32 state.Y
            observation[2] <- float32 state.VelocityX
            observation[3] <- float32 state.VelocityY
            observation[4] <- float32 state.X
            observation[5] <- float32 state.Y
            observation[6] <- float32 state.GoalX
            observation[7] <- float32 state.GoalY

    interface IGoalEnvironment with
        member _.HasGoals = true
        member _.ComputeReward(achieved, desired) = reward achieved[0] achieved[1] desired[0] desired[1]
        member _.ComputeTerminated(_, _) = false

    interface IRenderable<PointReachState> with
        member _.Render(state) = draw options.Tolerance state
