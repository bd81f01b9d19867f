/// MinAtar's Space Invaders: a cannon against a block of aliens that comes down.
namespace Rl.Core.Environments.MinAtar

open System
open System.Runtime.InteropServices
open Rl.Core.Environments

/// Sets of cells (bit 10·row + column), the cannon's column, and the clocks.
[<Struct; StructLayout(LayoutKind.Sequential, Pack = 1)>]
type SpaceInvadersState =
    internal
        {
            mutable Turn: Turn
            mutable Aliens: UInt128
            /// The cannon's bullets, which fly upwards.
            mutable Bullets: UInt128
            /// The aliens' bullets, which fall.
            mutable Bombs: UInt128
            mutable CannonColumn: sbyte
            mutable AliensGoRight: bool
            /// Steps until the aliens move.
            mutable UntilMove: sbyte
            /// Steps between two moves, as long as there are that many aliens.
            mutable MoveInterval: sbyte
            /// Steps until an alien shoots.
            mutable UntilBomb: sbyte
            /// Steps until the cannon can fire again.
            mutable Reload: sbyte
            /// How often the game has grown harder.
            mutable Ramps: int16
        }

module private SpaceInvadersCells =
    let leftEdge = Cells.column 0
    let rightEdge = Cells.column (Cells.Side - 1)
    let bottom = Cells.row (Cells.Side - 1)

    /// Rows 0 to 3, columns 2 to 7.
    let block =
        Seq.fold
            (fun cells row -> cells ||| (UInt128.op_Implicit 0xFCu <<< (Cells.Side * row)))
            UInt128.Zero
            (seq { 0..3 })

    let inline up (cells: Cells) = cells >>> Cells.Side

    let inline down (cells: Cells) = (cells <<< Cells.Side) &&& Cells.all

    /// The lowest alien of the column nearest to `column`, the left one of two; there is at least one alien.
    let nearest (column: int) (aliens: Cells) : Cells =
        let mutable found = UInt128.Zero
        let mutable distance = 0

        while Cells.isEmpty found do
            let left, right = column - distance, column + distance

            if left >= 0 then found <- aliens &&& (leftEdge <<< left)

            if Cells.isEmpty found && right < Cells.Side then
                found <- aliens &&& (leftEdge <<< right)

            distance <- distance + 1

        UInt128.One <<< (127 - int (UInt128.LeadingZeroCount found))

open SpaceInvadersCells

/// A shot alien gives reward 1. The aliens move sideways every min(12, their number) steps; at an edge they come down
/// one row and turn around. Every 10 steps the lowest alien of the column nearest to the cannon (the left one of two)
/// shoots. The cannon fires every fifth step at most. An alien or a bullet in the cannon's cell, and aliens that would
/// come down below the board, terminate the game. A new block follows the last alien and (ramping) moves every 11, 10,
/// … and at last every 6 steps.
[<Struct>]
type SpaceInvadersRules =

    interface IMinAtarRules<SpaceInvadersState> with
        member _.Name = "SpaceInvaders"

        member _.Channels =
            [|
                MinAtarScene.shown "cannon" 120 200 255
                MinAtarScene.unseen "alien"
                MinAtarScene.shown "alien_left" 150 206 120
                MinAtarScene.shown "alien_right" 104 184 140
                MinAtarScene.shown "friendly_bullet" 240 240 244
                MinAtarScene.shown "enemy_bullet" 240 108 92
            |]

        member _.PaintOrder = [| 2; 3; 4; 5; 0 |]

        member _.MinimalActions = [| MinAtarAction.Noop; MinAtarAction.Left; MinAtarAction.Right; MinAtarAction.Fire |]

        member _.Start(_: byref<'Draws>) =
            {
                Turn = Turn.First
                Aliens = block
                Bullets = UInt128.Zero
                Bombs = UInt128.Zero
                CannonColumn = 5y
                AliensGoRight = false
                UntilMove = 12y
                MoveInterval = 12y
                UntilBomb = 10y
                Reload = 0y
                Ramps = 0s
            }

        member _.Advance(state, action, ramping, _: byref<'Draws>) =
            let place = Cells.one (Cells.Side - 1) (int state.CannonColumn)

            match action with
            | MinAtarAction.Fire when state.Reload = 0y ->
                state.Bullets <- state.Bullets ||| place
                state.Reload <- 5y
            | MinAtarAction.Left -> state.CannonColumn <- max 0y (state.CannonColumn - 1y)
            | MinAtarAction.Right -> state.CannonColumn <- min 9y (state.CannonColumn + 1y)
            | _ -> ()

            let cannon = Cells.one (Cells.Side - 1) (int state.CannonColumn)
            state.Bullets <- up state.Bullets
            state.Bombs <- down state.Bombs
            let mutable isHit = not (Cells.isEmpty (cannon &&& (state.Bombs ||| state.Aliens)))

            if state.UntilMove = 0y then
                state.UntilMove <- min state.MoveInterval (sbyte (Cells.count state.Aliens))
                let edge = if state.AliensGoRight then rightEdge else leftEdge

                if not (Cells.isEmpty (state.Aliens &&& edge)) then
                    state.AliensGoRight <- not state.AliensGoRight

                    if Cells.isEmpty (state.Aliens &&& bottom) then
                        state.Aliens <- down state.Aliens
                    else
                        isHit <- true
                elif state.AliensGoRight then
                    state.Aliens <- state.Aliens <<< 1
                else
                    state.Aliens <- state.Aliens >>> 1

                isHit <- isHit || not (Cells.isEmpty (cannon &&& state.Aliens))

            if state.UntilBomb = 0y then
                state.UntilBomb <- 10y
                state.Bombs <- state.Bombs ||| nearest (int state.CannonColumn) state.Aliens

            let shot = state.Aliens &&& state.Bullets
            state.Aliens <- state.Aliens ^^^ shot
            state.Bullets <- state.Bullets ^^^ shot
            state.Reload <- max 0y (state.Reload - 1y)
            state.UntilMove <- state.UntilMove - 1y
            state.UntilBomb <- state.UntilBomb - 1y

            if Cells.isEmpty state.Aliens then
                state.Aliens <- block

                if ramping && state.MoveInterval > 6y then
                    state.MoveInterval <- state.MoveInterval - 1y
                    state.Ramps <- state.Ramps + 1s

            { Reward = float (Cells.count shot); Terminated = isHit; Truncated = false }

        member _.Turn(state) = &state.Turn

        member _.Paint(state, observation) =
            Cells.light 0 (Cells.Side - 1) (int state.CannonColumn) observation
            Cells.write 1 state.Aliens observation
            Cells.write (if state.AliensGoRight then 3 else 2) state.Aliens observation
            Cells.write 4 state.Bullets observation
            Cells.write 5 state.Bombs observation

/// Space Invaders: channels cannon, alien, alien_left and alien_right (the aliens again, in the channel of their
/// direction), friendly_bullet and enemy_bullet; actions noop, left, right, fire.
[<Sealed>]
type SpaceInvaders(options: MinAtarOptions) =
    inherit MinAtarEnvironment<SpaceInvadersRules, SpaceInvadersState>(options)
