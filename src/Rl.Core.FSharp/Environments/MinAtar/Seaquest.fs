/// MinAtar's Seaquest: a submarine hunts fish and submarines, picks up divers and must come up for air.
namespace Rl.Core.Environments.MinAtar

open System
open System.Runtime.InteropServices
open Rl.Core.Environments

/// The submarine, all that swims, and the clocks.
[<Struct; StructLayout(LayoutKind.Sequential, Pack = 1); NoEquality; NoComparison>]
type SeaquestState =
    internal
        {
            mutable Turn: Turn
            mutable Fish: ManySwimmers
            mutable Subs: ManySwimmers
            /// The bullets of enemy submarines.
            mutable Torpedoes: ManySwimmers
            mutable Divers: FewSwimmers
            /// The player's bullets.
            mutable Bullets: FewSwimmers
            mutable Row: sbyte
            mutable Column: sbyte
            mutable FacesRight: bool
            /// The submarine came up and has not left row 0 since.
            mutable IsSurfaced: bool
            /// Steps of air left.
            mutable Oxygen: int16
            mutable DiversAboard: sbyte
            /// Steps until the submarine can fire again.
            mutable Reload: sbyte
            /// Steps until an enemy comes, and between two that come.
            mutable UntilEnemy: sbyte
            mutable EnemyInterval: sbyte
            /// Steps until a diver comes.
            mutable UntilDiver: sbyte
            /// Steps that enemies rest between two moves.
            mutable EnemyRest: sbyte
            /// How often the game has grown harder.
            mutable Ramps: int16
        }

/// Every 20 steps an enemy comes into a random row from a random side, unless one in that row swims the other way: a
/// submarine with probability 1/3, else a fish; every 30 steps a diver. All move every 6 steps, submarines shoot every
/// 11, bullets fly one cell a step. A shot enemy gives reward 1. Air lasts for 200 steps under water. Coming up with
/// divers refills it and unloads one, or all of six, which give reward 1 for each lit cell of the air gauge. Coming up
/// without a diver, the touch of an enemy or its bullet, and running out of air terminate the game. At every surfacing
/// (ramping) the interval between enemies shrinks by one, to no less than 1, and at every other one the rest between
/// their moves, to no less than 2.
[<Struct>]
type SeaquestRules =

    static member private FullOxygen = 200s
    static member private MaximumDivers = 6y
    static member private LowestRow = 8y
    static member private DiverRest = 5
    static member private SubReload = 10
    static member private GaugeRow = 9

    /// Whether something in a cell touches the front of the submarine.
    static member private Touches(state: inref<SeaquestState>, swimmer: Swimmer) =
        swimmer.Column = int state.Column && swimmer.Row = int state.Row

    /// Cells of the gauge that are lit, of 10.
    static member private OxygenCells(state: inref<SeaquestState>) =
        max 0 (int state.Oxygen * Cells.Side / int SeaquestRules.FullOxygen)

    static member private SwimsAgainst(swarm: Swarm, row: int, toRight: bool) =
        let mutable found = false

        for index in 0 .. swarm.Count - 1 do
            found <- found || (swarm[index].Row = row && swarm[index].ToRight <> toRight)

        found

    static member private SpawnEnemy<'Draws when 'Draws: struct and 'Draws :> IDraws>
        (state: byref<SeaquestState>, draws: byref<'Draws>)
        =
        let toRight = draws.Uniform() < 0.5
        let isSub = draws.Uniform() < 1.0 / 3.0
        let row = 1 + draws.Below 8
        let column = if toRight then 0 else Cells.Side - 1
        let fish = Swarm &state.Fish
        let subs = Swarm &state.Subs

        if not (SeaquestRules.SwimsAgainst(fish, row, toRight) || SeaquestRules.SwimsAgainst(subs, row, toRight)) then
            if isSub then
                subs.Add(Swimmer(row, column, toRight, int state.EnemyRest, SeaquestRules.SubReload))
            else
                fish.Add(Swimmer(row, column, toRight, int state.EnemyRest, 0))

    static member private SpawnDiver<'Draws when 'Draws: struct and 'Draws :> IDraws>
        (state: byref<SeaquestState>, draws: byref<'Draws>)
        =
        let toRight = draws.Uniform() < 0.5
        let row = 1 + draws.Below 8
        let column = if toRight then 0 else Cells.Side - 1
        (Swarm &state.Divers).Add(Swimmer(row, column, toRight, SeaquestRules.DiverRest, 0))

    static member private Act(state: byref<SeaquestState>, action: MinAtarAction) =
        match action with
        | MinAtarAction.Fire when state.Reload = 0y ->
            (Swarm &state.Bullets).Add(Swimmer(int state.Row, int state.Column, state.FacesRight, 0, 0))
            state.Reload <- 5y
        | MinAtarAction.Left ->
            state.Column <- max 0y (state.Column - 1y)
            state.FacesRight <- false
        | MinAtarAction.Right ->
            state.Column <- min 9y (state.Column + 1y)
            state.FacesRight <- true
        | MinAtarAction.Up -> state.Row <- max 0y (state.Row - 1y)
        | MinAtarAction.Down -> state.Row <- min SeaquestRules.LowestRow (state.Row + 1y)
        | _ -> ()

    /// Moves the player's bullets; the number of enemies that they hit.
    static member private MoveBullets(state: byref<SeaquestState>) : int =
        let bullets = Swarm &state.Bullets
        let fish = Swarm &state.Fish
        let subs = Swarm &state.Subs
        let mutable hits = 0
        let mutable index = 0

        while index < bullets.Count do
            let bullet = bullets[index]
            let column = bullet.Ahead
            let hitFish = if Cells.isInside column then fish.IndexIn(bullet.Row, column) else -1
            let hitSub = if Cells.isInside column then subs.IndexIn(bullet.Row, column) else -1

            if hitFish >= 0 then fish.RemoveAt hitFish
            elif hitSub >= 0 then subs.RemoveAt hitSub

            if hitFish >= 0 || hitSub >= 0 then
                hits <- hits + 1
                bullets.RemoveAt index
            elif not (Cells.isInside column) then
                bullets.RemoveAt index
            else
                bullets.Put(index, bullet.At column)
                index <- index + 1

        hits

    /// Moves the divers; those that touch the submarine come aboard while there is room.
    static member private MoveDivers(state: byref<SeaquestState>) =
        let divers = Swarm &state.Divers
        let mutable index = 0

        while index < divers.Count do
            let diver = divers[index]
            let hasRoom = state.DiversAboard < SeaquestRules.MaximumDivers

            let next =
                if diver.Rest > 0 then
                    diver.Resting(diver.Rest - 1)
                elif Cells.isInside diver.Ahead then
                    (diver.At diver.Ahead).Resting SeaquestRules.DiverRest
                else
                    diver

            let isLeaving = diver.Rest = 0 && not (Cells.isInside diver.Ahead)

            if hasRoom && (SeaquestRules.Touches(&state, diver) || SeaquestRules.Touches(&state, next)) then
                state.DiversAboard <- state.DiversAboard + 1y
                divers.RemoveAt index
            elif isLeaving then
                divers.RemoveAt index
            else
                divers.Put(index, next)
                index <- index + 1

    /// Moves fish or submarines, which may swim into a bullet; the number of those that do. `isHit` ← true if one
    /// touches the submarine.
    static member private MoveEnemies
        (state: byref<SeaquestState>, enemies: Swarm, shoot: bool, isHit: byref<bool>)
        : int =
        let bullets = Swarm &state.Bullets
        let torpedoes = Swarm &state.Torpedoes
        let mutable hits = 0
        let mutable index = 0

        while index < enemies.Count do
            let enemy = enemies[index]
            let moves = enemy.Rest = 0
            let isLeaving = moves && not (Cells.isInside enemy.Ahead)

            let moved =
                if not moves then enemy.Resting(enemy.Rest - 1)
                elif isLeaving then enemy
                else (enemy.At enemy.Ahead).Resting(int state.EnemyRest)

            let touches = SeaquestRules.Touches(&state, moved)
            isHit <- isHit || touches || SeaquestRules.Touches(&state, enemy)

            let bullet =
                if moves && not isLeaving && not touches then
                    bullets.IndexIn(moved.Row, moved.Column)
                else
                    -1

            let shoots = shoot && moved.Reload = 0

            if shoots && not isLeaving then
                torpedoes.Add(Swimmer(moved.Row, moved.Column, moved.ToRight, 0, 0))

            if bullet >= 0 then
                bullets.RemoveAt bullet
                hits <- hits + 1

            if isLeaving || bullet >= 0 then
                enemies.RemoveAt index
            else
                let next =
                    if shoots then moved.Reloading SeaquestRules.SubReload
                    elif shoot then moved.Reloading(moved.Reload - 1)
                    else moved

                enemies.Put(index, next)

                index <- index + 1

        hits

    /// Moves the enemies' bullets; whether one touches the submarine before or after it has moved.
    static member private MoveTorpedoes(state: byref<SeaquestState>) : bool =
        let torpedoes = Swarm &state.Torpedoes
        let mutable isHit = false
        let mutable index = 0

        while index < torpedoes.Count do
            let torpedo = torpedoes[index]
            isHit <- isHit || SeaquestRules.Touches(&state, torpedo)

            if Cells.isInside torpedo.Ahead then
                let next = torpedo.At torpedo.Ahead
                isHit <- isHit || SeaquestRules.Touches(&state, next)
                torpedoes.Put(index, next)
                index <- index + 1
            else
                torpedoes.RemoveAt index

        isHit

    static member private Ramp(state: byref<SeaquestState>) =
        if state.EnemyInterval > 1y || state.EnemyRest > 2y then
            if state.EnemyRest > 2y && state.Ramps % 2s = 1s then
                state.EnemyRest <- state.EnemyRest - 1y

            if state.EnemyInterval > 1y then state.EnemyInterval <- state.EnemyInterval - 1y

            state.Ramps <- state.Ramps + 1s

    /// Uses up air or takes it in; whether the submarine is lost. `reward` ← it and what six divers bring.
    static member private Breathe(state: byref<SeaquestState>, ramping: bool, reward: byref<float>) : bool =
        if state.Row > 0y then
            state.Oxygen <- state.Oxygen - 1s
            state.IsSurfaced <- false
            state.Oxygen < 0s
        elif state.IsSurfaced then
            false
        elif state.DiversAboard = 0y then
            true
        else
            state.IsSurfaced <- true

            if state.DiversAboard = SeaquestRules.MaximumDivers then
                reward <- reward + float (SeaquestRules.OxygenCells &state)
                state.DiversAboard <- 0y
            else
                state.DiversAboard <- state.DiversAboard - 1y

            state.Oxygen <- SeaquestRules.FullOxygen

            if ramping then SeaquestRules.Ramp &state

            false

    /// Lights the cells of a list, and those that they came from.
    static member private PaintSwarm(swarm: Swarm, channel: int, hasTrail: bool, observation: Span<float32>) =
        for index in 0 .. swarm.Count - 1 do
            let swimmer = swarm[index]
            Cells.light channel swimmer.Row swimmer.Column observation

            if hasTrail && Cells.isInside swimmer.Behind then
                Cells.light 3 swimmer.Row swimmer.Behind observation

    interface IMinAtarRules<SeaquestState> with
        member _.Name = "Seaquest"

        member _.Channels =
            [|
                MinAtarScene.shown "sub_front" 255 214 92
                MinAtarScene.shown "sub_back" 214 160 64
                MinAtarScene.shown "friendly_bullet" 240 240 244
                MinAtarScene.shown "trail" 52 70 96
                MinAtarScene.shown "enemy_bullet" 255 132 104
                MinAtarScene.shown "enemy_fish" 220 96 150
                MinAtarScene.shown "enemy_sub" 214 80 80
                MinAtarScene.shown "oxygen_guage" 110 190 235
                MinAtarScene.shown "diver_guage" 132 210 140
                MinAtarScene.shown "diver" 132 210 140
            |]

        member _.PaintOrder = [| 3; 7; 8; 9; 5; 6; 4; 2; 1; 0 |]
        member _.MinimalActions = Enum.GetValues<MinAtarAction>()

        member _.Start(_: byref<'Draws>) =
            let mutable state = Unchecked.defaultof<SeaquestState>
            state.Column <- 5y
            state.IsSurfaced <- true
            state.Oxygen <- SeaquestRules.FullOxygen
            state.UntilEnemy <- 20y
            state.EnemyInterval <- 20y
            state.UntilDiver <- 30y
            state.EnemyRest <- 5y
            state

        member _.Advance(state, action, ramping, draws: byref<'Draws>) =
            if state.UntilEnemy = 0y then
                SeaquestRules.SpawnEnemy(&state, &draws)
                state.UntilEnemy <- state.EnemyInterval

            if state.UntilDiver = 0y then
                SeaquestRules.SpawnDiver(&state, &draws)
                state.UntilDiver <- 30y

            SeaquestRules.Act(&state, action)
            let mutable isHit = false
            let shot = SeaquestRules.MoveBullets &state
            SeaquestRules.MoveDivers &state
            let rammedSubs = SeaquestRules.MoveEnemies(&state, Swarm &state.Subs, true, &isHit)
            isHit <- SeaquestRules.MoveTorpedoes &state || isHit
            let rammedFish = SeaquestRules.MoveEnemies(&state, Swarm &state.Fish, false, &isHit)
            state.UntilEnemy <- state.UntilEnemy - 1y
            state.UntilDiver <- state.UntilDiver - 1y
            state.Reload <- max 0y (state.Reload - 1y)
            let mutable reward = float (shot + rammedSubs + rammedFish)
            let isLost = SeaquestRules.Breathe(&state, ramping, &reward)
            { Reward = reward; Terminated = isHit || isLost; Truncated = false }

        member _.Turn(state) = &state.Turn

        member _.Paint(state, observation) =
            // Copied, because a list over memory needs that memory to be writable.
            let mutable state = state
            let row, column = int state.Row, int state.Column
            Cells.light 0 row column observation
            Cells.light 1 row (if state.FacesRight then column - 1 else column + 1) observation
            SeaquestRules.PaintSwarm(Swarm &state.Bullets, 2, false, observation)
            SeaquestRules.PaintSwarm(Swarm &state.Torpedoes, 4, false, observation)
            SeaquestRules.PaintSwarm(Swarm &state.Fish, 5, true, observation)
            SeaquestRules.PaintSwarm(Swarm &state.Subs, 6, true, observation)
            SeaquestRules.PaintSwarm(Swarm &state.Divers, 9, true, observation)

            for cell in 0 .. SeaquestRules.OxygenCells &state - 1 do
                Cells.light 7 SeaquestRules.GaugeRow cell observation

            for diver in 1 .. int state.DiversAboard do
                Cells.light 8 SeaquestRules.GaugeRow (9 - diver) observation

/// Seaquest: channels sub_front, sub_back, friendly_bullet, trail, enemy_bullet, enemy_fish, enemy_sub, oxygen_guage,
/// diver_guage and diver; actions noop, left, up, right, down, fire.
[<Sealed>]
type Seaquest(options: MinAtarOptions) =
    inherit MinAtarEnvironment<SeaquestRules, SeaquestState>(options)
