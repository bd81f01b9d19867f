/// A mass to be brought to rest at the origin: the linear-quadratic regulator, whose optimum is known.
namespace Rl.Core.Environments.Teaching

open System
open MathNet.Numerics.LinearAlgebra
open MathNet.Numerics.LinearAlgebra.Double
open Rl.Core.Foundations
open Rl.Core.Tabular
open Rl.Core.Environments
open Rl.Core.Environments.Rendering

/// Position (m) and velocity (m/s).
[<Struct>]
type RegulatorState = { Position: float; Velocity: float }

/// What may vary in the regulator.
type RegulatorOptions =
    {
        Id: string
        MaxEpisodeSteps: int
        /// The standard deviation of the normal disturbance of the velocity at each step, m/s.
        Noise: float
    }

module private RegulatorConstants =
    [<Literal>]
    let TimeStep = 0.1

    [<Literal>]
    let PositionCost = 1.0

    [<Literal>]
    let VelocityCost = 0.1

    [<Literal>]
    let ForceCost = 0.1

    let observationSpace = Space.unbounded [| 2 |]
    let actionSpace = Space.unbounded [| 1 |]

    let draw (state: RegulatorState) : Scene =
        let width, height, rail = 600, 220, 80.0
        let x = 300.0 + 110.0 * Math.Clamp(state.Position, -2.6, 2.6)
        let speed = 60.0 * Math.Clamp(state.Velocity, -3.0, 3.0)

        {
            Width = width
            Height = height
            Background = Palette.paper
            Figures =
                [
                    Figure.segment
                        (Figure.point 10.0 (rail - 24.0))
                        (Figure.point 590.0 (rail - 24.0))
                        3.0
                        Palette.steel
                    Figure.segment
                        (Figure.point 300.0 (rail - 40.0))
                        (Figure.point 300.0 (rail + 50.0))
                        2.0
                        Palette.green
                    Figure.rectangle (x - 22.0) (rail - 22.0) (x + 22.0) (rail + 22.0) Palette.blue
                    if abs speed > 4.0 then
                        yield! Sketch.arrow (Figure.point x rail) (Figure.point (x + speed) rail) 4.0 Palette.yellow
                    Sketch.caption
                        height
                        $"position {Sketch.number 2 state.Position} m   velocity {Sketch.number 2 state.Velocity} m/s"
                ]
        }

open RegulatorConstants

/// A mass of 1 kg on a rail, pushed by a force u of any size for 0.1 s a step: x ← x + 0.1 v + 0.005 u, v ← v + 0.1 u +
/// noise. Reward −(x² + 0.1 v² + 0.1 u²) of the state before the step. Starts are uniform in ±1 in both; 100 steps. The
/// best force is −K (x, v), with K from `LinearQuadratic.solve 1.0 LinearQuadraticRegulator.Problem`, whatever the
/// noise.
[<Sealed>]
type LinearQuadraticRegulator(options: RegulatorOptions) =
    do Guard.notNegativeNumber "noise" options.Noise

    /// `LinearQuadraticRegulator-v0`: 100 steps, without noise.
    static member V0: RegulatorOptions = { Id = "LinearQuadraticRegulator-v0"; MaxEpisodeSteps = 100; Noise = 0.0 }

    /// The system and its costs, for `LinearQuadratic`.
    static member Problem: LinearQuadraticProblem =
        let matrix (rows: float list list) : Matrix<float> = DenseMatrix.OfRows(List.map List.toSeq rows)

        {
            Dynamics = matrix [ [ 1.0; TimeStep ]; [ 0.0; 1.0 ] ]
            Control = matrix [ [ 0.5 * TimeStep * TimeStep ]; [ TimeStep ] ]
            StateCost = matrix [ [ PositionCost; 0.0 ]; [ 0.0; VelocityCost ] ]
            ControlCost = matrix [ [ ForceCost ] ]
        }

    interface IEnvironment<RegulatorState> with
        member _.Id = options.Id
        member _.ObservationSpace = observationSpace
        member _.ActionSpace = actionSpace
        member _.MaxEpisodeSteps = options.MaxEpisodeSteps
        member _.RewardThreshold = nan

        member _.Reset(rng) =
            let struct (position, rng) = Rng.uniformIn -1.0 1.0 rng
            let struct (velocity, rng) = Rng.uniformIn -1.0 1.0 rng
            struct ({ Position = position; Velocity = velocity }, rng)

        member _.Step(state, action, rng) =
            if not (Single.IsFinite action[0]) then
                Guard.fail (nameof action) $"{options.Id}: the action is {action[0]}; it must be a finite force."

            let force = float action[0]
            let x, v = state.Position, state.Velocity
            let struct (disturbance, rng) = if options.Noise = 0.0 then struct (0.0, rng) else Rng.normal rng

            struct ({
                        Position = x + TimeStep * v + 0.5 * TimeStep * TimeStep * force
                        Velocity = v + TimeStep * force + options.Noise * disturbance
                    },
                    {
                        Reward = -(PositionCost * x * x + VelocityCost * v * v + ForceCost * force * force)
                        Terminated = false
                        Truncated = false
                    },
                    rng)

        member _.Observe(state, observation) =
            observation[0] <- float32 state.Position
            observation[1] <- float32 state.Velocity

    interface IContinuousState<RegulatorState> with
        member _.StateSize = 2
        member _.StepError = StepError.OfDoubles

        member _.ReadState(state, numbers) =
            numbers[0] <- state.Position
            numbers[1] <- state.Velocity

        member _.WithState(_, numbers) = { Position = numbers[0]; Velocity = numbers[1] }

    interface IRenderable<RegulatorState> with
        member _.Render(state) = draw state
