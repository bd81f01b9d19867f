/// MinAtar's Asterix: collect gold and avoid enemies that cross the board.
namespace Rl.Core.Environments.MinAtar

open System
open System.Runtime.InteropServices
open Rl.Core.Environments

/// The player, the rows 1 to 8 (one thing a row) and the clocks.
[<Struct; StructLayout(LayoutKind.Sequential, Pack = 1)>]
type AsterixState =
    internal
        {
            mutable Turn: Turn
            /// A byte a row: the column, plus 16 to the right, plus 32 for gold, plus 64 for anything at all; 0: the
            /// row is free.
            mutable Rows: uint64
            mutable PlayerRow: sbyte
            mutable PlayerColumn: sbyte
            /// Steps until something comes, and between two that come.
            mutable UntilSpawn: sbyte
            mutable SpawnInterval: sbyte
            /// Steps until all things move, and between two moves.
            mutable UntilMove: sbyte
            mutable MoveInterval: sbyte
            /// Steps until the game grows harder.
            mutable UntilRamp: int16
            /// How often it has grown harder.
            mutable Ramps: int16
        }

/// Every 10 steps something comes into a random free row from a random side: gold with probability 1/3, else an enemy;
/// all of it moves every 5 steps. Gold gives reward 1; an enemy's touch terminates the game. Every 102 steps (ramping)
/// the spawn interval shrinks by one and, every other time, the move interval, both to no less than 1.
[<Struct>]
type AsterixRules =

    static member private RowCount = 8
    static member private Right = 16
    static member private Gold = 32
    static member private Present = 64

    static member private Column(thing: int) = thing &&& 15

    /// The index of the n-th free row, from 0.
    static member private FreeRow(rows: uint64, n: int) =
        let mutable row = -1
        let mutable left = n

        while left >= 0 do
            row <- row + 1

            if EightBytes.get row rows = 0 then left <- left - 1

        row

    static member private Spawn<'Draws when 'Draws: struct and 'Draws :> IDraws>
        (state: byref<AsterixState>, draws: byref<'Draws>)
        =
        let fromLeft = draws.Uniform() < 0.5
        let isGold = draws.Uniform() < 1.0 / 3.0
        let mutable free = 0

        for row in 0 .. AsterixRules.RowCount - 1 do
            if EightBytes.get row state.Rows = 0 then free <- free + 1

        if free > 0 then
            let row = AsterixRules.FreeRow(state.Rows, draws.Below free)

            let thing =
                AsterixRules.Present
                ||| (if fromLeft then AsterixRules.Right else Cells.Side - 1)
                ||| (if isGold then AsterixRules.Gold else 0)

            state.Rows <- EightBytes.set row thing state.Rows

    /// Takes the gold that the player stands on; whether it stands on an enemy.
    static member private Touch(state: byref<AsterixState>, reward: byref<float>) =
        let row = int state.PlayerRow - 1
        let thing = EightBytes.get row state.Rows

        if thing = 0 || AsterixRules.Column thing <> int state.PlayerColumn then
            false
        elif thing &&& AsterixRules.Gold <> 0 then
            state.Rows <- EightBytes.set row 0 state.Rows
            reward <- reward + 1.0
            false
        else
            true

    static member private MoveAll(state: byref<AsterixState>) =
        for row in 0 .. AsterixRules.RowCount - 1 do
            let thing = EightBytes.get row state.Rows

            if thing <> 0 then
                let step = if thing &&& AsterixRules.Right <> 0 then 1 else -1
                let isLeaving = not (Cells.isInside (AsterixRules.Column thing + step))
                state.Rows <- EightBytes.set row (if isLeaving then 0 else thing + step) state.Rows

    static member private Ramp(state: byref<AsterixState>) =
        if state.SpawnInterval > 1y || state.MoveInterval > 1y then
            if state.UntilRamp >= 0s then
                state.UntilRamp <- state.UntilRamp - 1s
            else
                if state.MoveInterval > 1y && state.Ramps % 2s = 1s then
                    state.MoveInterval <- state.MoveInterval - 1y

                if state.SpawnInterval > 1y then state.SpawnInterval <- state.SpawnInterval - 1y

                state.Ramps <- state.Ramps + 1s
                state.UntilRamp <- 100s

    interface IMinAtarRules<AsterixState> with
        member _.Name = "Asterix"

        member _.Channels =
            [|
                MinAtarScene.shown "player" 120 200 255
                MinAtarScene.shown "enemy" 224 88 96
                MinAtarScene.shown "trail" 72 76 96
                MinAtarScene.shown "gold" 255 208 80
            |]

        member _.PaintOrder = [| 2; 3; 1; 0 |]

        member _.MinimalActions =
            [| MinAtarAction.Noop; MinAtarAction.Left; MinAtarAction.Up; MinAtarAction.Right; MinAtarAction.Down |]

        member _.Start(_: byref<'Draws>) =
            {
                Turn = Turn.First
                Rows = 0UL
                PlayerRow = 5y
                PlayerColumn = 5y
                UntilSpawn = 10y
                SpawnInterval = 10y
                UntilMove = 5y
                MoveInterval = 5y
                UntilRamp = 100s
                Ramps = 0s
            }

        member _.Advance(state, action, ramping, draws: byref<'Draws>) =
            if state.UntilSpawn = 0y then
                AsterixRules.Spawn(&state, &draws)
                state.UntilSpawn <- state.SpawnInterval

            match action with
            | MinAtarAction.Left -> state.PlayerColumn <- max 0y (state.PlayerColumn - 1y)
            | MinAtarAction.Right -> state.PlayerColumn <- min 9y (state.PlayerColumn + 1y)
            | MinAtarAction.Up -> state.PlayerRow <- max 1y (state.PlayerRow - 1y)
            | MinAtarAction.Down -> state.PlayerRow <- min 8y (state.PlayerRow + 1y)
            | _ -> ()

            let mutable reward = 0.0
            let mutable isHit = AsterixRules.Touch(&state, &reward)

            if state.UntilMove = 0y then
                state.UntilMove <- state.MoveInterval
                AsterixRules.MoveAll &state
                isHit <- AsterixRules.Touch(&state, &reward) || isHit

            state.UntilSpawn <- state.UntilSpawn - 1y
            state.UntilMove <- state.UntilMove - 1y

            if ramping then AsterixRules.Ramp &state

            { Reward = reward; Terminated = isHit; Truncated = false }

        member _.Turn(state) = &state.Turn

        member _.Paint(state, observation) =
            Cells.light 0 (int state.PlayerRow) (int state.PlayerColumn) observation

            for index in 0 .. AsterixRules.RowCount - 1 do
                let thing = EightBytes.get index state.Rows

                if thing <> 0 then
                    let row, column = index + 1, AsterixRules.Column thing
                    let behind = if thing &&& AsterixRules.Right <> 0 then column - 1 else column + 1
                    Cells.light (if thing &&& AsterixRules.Gold <> 0 then 3 else 1) row column observation

                    if Cells.isInside behind then Cells.light 2 row behind observation

/// Asterix: channels player, enemy, trail (where enemies and gold were) and gold; actions noop, left, up, right, down.
[<Sealed>]
type Asterix(options: MinAtarOptions) =
    inherit MinAtarEnvironment<AsterixRules, AsterixState>(options)
