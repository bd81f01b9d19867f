/// MinAtar's Breakout: a ball, a paddle and three rows of bricks.
namespace Rl.Core.Environments.MinAtar

open System
open System.Runtime.InteropServices
open Rl.Core.Environments

/// Where everything is; rows from the top and columns from the left, from 0.
[<Struct; StructLayout(LayoutKind.Sequential, Pack = 1)>]
type BreakoutState =
    internal
        {
            mutable Turn: Turn
            /// Bit 10·(row − 1) + column: the bricks of rows 1, 2 and 3.
            mutable Bricks: uint32
            mutable PaddleColumn: sbyte
            mutable BallRow: sbyte
            mutable BallColumn: sbyte
            /// 1 downwards, -1 upwards.
            mutable BallDown: sbyte
            /// 1 to the right, -1 to the left.
            mutable BallRight: sbyte
            mutable TrailRow: sbyte
            mutable TrailColumn: sbyte
            /// The last step met a brick: the next brick is not broken but flown through.
            mutable HasStruck: bool
        }

/// The ball flies along diagonals. It breaks the brick in its way (reward 1) and turns back, is mirrored by walls, and
/// by the paddle upwards: to where it came from when the paddle's cell is the one ahead of it, onwards when the paddle
/// is below it. At the bottom row the game terminates. New bricks come when the ball falls to the paddle's row and none
/// is left.
[<Struct>]
type BreakoutRules =

    static member private AllBricks = (1u <<< 30) - 1u

    interface IMinAtarRules<BreakoutState> with
        member _.Name = "Breakout"

        member _.Channels =
            [|
                MinAtarScene.shown "paddle" 232 236 240
                MinAtarScene.shown "ball" 255 204 72
                MinAtarScene.shown "trail" 112 96 56
                MinAtarScene.shown "brick" 214 92 84
            |]

        member _.PaintOrder = [| 2; 3; 0; 1 |]
        member _.MinimalActions = [| MinAtarAction.Noop; MinAtarAction.Left; MinAtarAction.Right |]

        member _.Start(draws: byref<'Draws>) =
            let fromLeft = draws.Below 2 = 0
            let column = if fromLeft then 0y else 9y

            {
                Turn = Turn.First
                Bricks = BreakoutRules.AllBricks
                PaddleColumn = 4y
                BallRow = 3y
                BallColumn = column
                BallDown = 1y
                BallRight = if fromLeft then 1y else -1y
                TrailRow = 3y
                TrailColumn = column
                HasStruck = false
            }

        member _.Advance(state, action, _, _) =
            match action with
            | MinAtarAction.Left -> state.PaddleColumn <- max 0y (state.PaddleColumn - 1y)
            | MinAtarAction.Right -> state.PaddleColumn <- min 9y (state.PaddleColumn + 1y)
            | _ -> ()

            let row, column = state.BallRow, state.BallColumn
            state.TrailRow <- row
            state.TrailColumn <- column
            let mutable nextRow = row + state.BallDown
            let mutable nextColumn = column + state.BallRight

            if not (Cells.isInside (int nextColumn)) then
                nextColumn <- column
                state.BallRight <- -state.BallRight

            let brick =
                if nextRow >= 1y && nextRow <= 3y then
                    state.Bricks &&& (1u <<< (10 * (int nextRow - 1) + int nextColumn))
                else
                    0u

            let breaks = brick <> 0u && not state.HasStruck
            state.HasStruck <- brick <> 0u

            if nextRow < 0y then
                nextRow <- 0y
                state.BallDown <- 1y
            elif breaks then
                state.Bricks <- state.Bricks ^^^ brick
                nextRow <- row
                state.BallDown <- -state.BallDown
            elif nextRow = 9y then
                if state.Bricks = 0u then state.Bricks <- BreakoutRules.AllBricks

                if column = state.PaddleColumn || nextColumn = state.PaddleColumn then
                    if column <> state.PaddleColumn then state.BallRight <- -state.BallRight

                    state.BallDown <- -1y
                    nextRow <- row

            state.BallRow <- nextRow
            state.BallColumn <- nextColumn
            { Reward = (if breaks then 1.0 else 0.0); Terminated = (nextRow = 9y); Truncated = false }

        member _.Turn(state) = &state.Turn

        member _.Paint(state, observation) =
            Cells.light 0 9 (int state.PaddleColumn) observation
            Cells.light 1 (int state.BallRow) (int state.BallColumn) observation
            Cells.light 2 (int state.TrailRow) (int state.TrailColumn) observation
            // Rows 1, 2, 3 and two cells more, which are empty.
            Cells.spread (uint64 state.Bricks) ((Cells.plane 3 observation).Slice(Cells.Side, 32))

/// Breakout: channels paddle, ball, trail (where the ball was) and brick; actions noop, left, right.
[<Sealed>]
type Breakout(options: MinAtarOptions) =
    inherit MinAtarEnvironment<BreakoutRules, BreakoutState>(options)
