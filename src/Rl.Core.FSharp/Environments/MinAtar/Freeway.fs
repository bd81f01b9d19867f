/// MinAtar's Freeway: a chicken crosses eight lanes of traffic.
namespace Rl.Core.Environments.MinAtar

open System
open System.Runtime.InteropServices
open Rl.Core.Environments

/// The chicken's row and what the eight lanes (rows 1 to 8) hold, a byte each.
[<Struct; StructLayout(LayoutKind.Sequential, Pack = 1)>]
type FreewayState =
    internal
        {
            mutable Turn: Turn
            /// The columns of the cars.
            mutable Columns: uint64
            /// Steps until the cars move.
            mutable Rests: uint64
            /// Steps between two moves less one, in 1 … 5, plus 8 for a car that drives to the right.
            mutable Speeds: uint64
            mutable ChickenRow: sbyte
            /// Steps until the chicken can move again.
            mutable ChickenRest: sbyte
            /// Steps until the game ends.
            mutable StepsLeft: int16
        }

/// The chicken moves up or down at most every third step; at the top (reward 1) it goes back to the bottom and all cars
/// draw a new speed and direction; a car that hits it sends it back too. Cars leave at one side and enter at the other.
/// The game terminates in its step 2501 (the paper says 2500).
[<Struct>]
type FreewayRules =

    static member private Lanes = 8
    static member private ChickenColumn = 4
    static member private Bottom = 9y

    /// The column next to another one, around the edge.
    static member private Beside(column: int, toRight: bool) = (column + (if toRight then 1 else 9)) % Cells.Side

    /// Sends the chicken back if the car of a lane is in its cell.
    static member private Collide(state: byref<FreewayState>, lane: int, column: int) =
        if column = FreewayRules.ChickenColumn && int state.ChickenRow = lane + 1 then
            state.ChickenRow <- FreewayRules.Bottom

    /// New speeds 1 … 5 and directions of all cars, which stay where they are.
    static member private DrawTraffic<'Draws when 'Draws: struct and 'Draws :> IDraws>
        (state: byref<FreewayState>, draws: byref<'Draws>)
        =
        for lane in 0 .. FreewayRules.Lanes - 1 do
            let speed = 1 + draws.Below 5
            state.Speeds <- EightBytes.set lane speed state.Speeds
            state.Rests <- EightBytes.set lane speed state.Rests

        for lane in 0 .. FreewayRules.Lanes - 1 do
            if draws.Uniform() >= 0.5 then
                state.Speeds <- state.Speeds ||| (8UL <<< (8 * lane))

    interface IMinAtarRules<FreewayState> with
        member _.Name = "Freeway"

        member _.Channels =
            [|
                MinAtarScene.shown "chicken" 255 214 92
                MinAtarScene.shown "car" 226 98 84
                MinAtarScene.shown "speed1" 150 74 66
                MinAtarScene.shown "speed2" 126 68 64
                MinAtarScene.shown "speed3" 104 62 62
                MinAtarScene.shown "speed4" 84 56 60
                MinAtarScene.shown "speed5" 66 50 58
            |]

        member _.PaintOrder = [| 6; 5; 4; 3; 2; 1; 0 |]
        member _.MinimalActions = [| MinAtarAction.Noop; MinAtarAction.Up; MinAtarAction.Down |]

        member _.Start(draws: byref<'Draws>) =
            let mutable state =
                {
                    Turn = Turn.First
                    Columns = 0UL
                    Rests = 0UL
                    Speeds = 0UL
                    ChickenRow = FreewayRules.Bottom
                    ChickenRest = 3y
                    StepsLeft = 2500s
                }

            FreewayRules.DrawTraffic(&state, &draws)
            state

        member _.Advance(state, action, _, draws: byref<'Draws>) =
            let step =
                match action with
                | MinAtarAction.Up -> -1y
                | MinAtarAction.Down -> 1y
                | _ -> 0y

            // A push against the lower edge counts as a move.
            if step <> 0y && state.ChickenRest = 0y then
                state.ChickenRow <- min FreewayRules.Bottom (state.ChickenRow + step)
                state.ChickenRest <- 3y

            let hasCrossed = state.ChickenRow = 0y

            if hasCrossed then
                FreewayRules.DrawTraffic(&state, &draws)
                state.ChickenRow <- FreewayRules.Bottom

            for lane in 0 .. FreewayRules.Lanes - 1 do
                let column = EightBytes.get lane state.Columns
                let speed = EightBytes.get lane state.Speeds
                let rest = EightBytes.get lane state.Rests

                FreewayRules.Collide(&state, lane, column)

                if rest > 0 then
                    state.Rests <- EightBytes.set lane (rest - 1) state.Rests
                else
                    let column = FreewayRules.Beside(column, speed >= 8)
                    state.Rests <- EightBytes.set lane (speed &&& 7) state.Rests
                    state.Columns <- EightBytes.set lane column state.Columns
                    FreewayRules.Collide(&state, lane, column)

            state.ChickenRest <- max 0y (state.ChickenRest - 1y)
            state.StepsLeft <- state.StepsLeft - 1s
            { Reward = (if hasCrossed then 1.0 else 0.0); Terminated = state.StepsLeft < 0s; Truncated = false }

        member _.Turn(state) = &state.Turn

        member _.Paint(state, observation) =
            Cells.light 0 (int state.ChickenRow) FreewayRules.ChickenColumn observation

            for lane in 0 .. FreewayRules.Lanes - 1 do
                let column = EightBytes.get lane state.Columns
                let speed = EightBytes.get lane state.Speeds
                Cells.light 1 (lane + 1) column observation
                // The trail's channel tells the speed: `speed1` moves every second step, `speed5` every sixth.
                Cells.light (1 + (speed &&& 7)) (lane + 1) (FreewayRules.Beside(column, speed < 8)) observation

/// Freeway: channels chicken, car, speed1 … speed5 (where the car was, in the channel of its speed); actions noop, up,
/// down.
[<Sealed>]
type Freeway(options: MinAtarOptions) =
    inherit MinAtarEnvironment<FreewayRules, FreewayState>(options)
