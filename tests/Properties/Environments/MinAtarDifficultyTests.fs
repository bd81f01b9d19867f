/// What makes the MinAtar games hard: sticky actions, ramping difficulty, air, and the clock.
module Rl.Tests.Environments.MinAtarDifficultyTests

open System
open Rl.Core.Foundations
open Rl.Core.Environments
open Rl.Core.Environments.MinAtar
open Rl.Tests.Environments.MinAtarTests
open Xunit

/// How often the last action is carried out although another was chosen, over `steps` steps of Breakout without ends.
let private stickyFrequency (probability: float) (steps: int) =
    let environment = Breakout { MinAtarOptions.V0 with StickyActionProbability = probability }
    let mutable stuck, chances = 0, 0

    randomPlay environment 21UL steps (fun (before: BreakoutState) action _ after ->
        if byte before.Turn.LastAction <> byte action then
            chances <- chances + 1

            if after.Turn.LastAction = before.Turn.LastAction then
                stuck <- stuck + 1
            else
                Assert.Equal(byte action, byte after.Turn.LastAction))

    stuck, chances

[<Fact>]
let ``actions stick as often as they should`` () =
    for probability in [ 0.1; 0.25; 0.7 ] do
        let stuck, chances = stickyFrequency probability 40_000
        let expected = probability * float chances
        let square observed expected = (observed - expected) ** 2.0 / expected
        let statistic = square (float stuck) expected + square (float (chances - stuck)) (float chances - expected)
        // The 99.9 % quantile of χ² with one degree of freedom.
        Assert.InRange(statistic, 0.0, 10.83)

    Assert.Equal(0, fst (stickyFrequency 0.0 5_000))
    let stuck, chances = stickyFrequency 1.0 5_000
    Assert.Equal(chances, stuck)

[<Fact>]
let ``a sticky action probability outside of 0 to 1 is refused`` () =
    for value in [ -0.1; 1.5; nan ] do
        let keyword = "sticky_action_prob", KeywordValue.Number value

        Assert.ThrowsAny<ArgumentException>(fun () -> Registry.makeWith [ keyword ] "MinAtar/Breakout-v0" |> ignore)
        |> ignore

/// A draw source that never brings anything: no sticking, and the last choice.
[<Struct>]
type private Still =
    interface IDraws with
        member _.Uniform() = 0.999
        member _.Below(count) = count - 1

/// Steps of Asterix in the lower left corner that enemies reach late, without a look at what kills.
let private asterixAfter (ramping: bool) (steps: int) =
    let rules = AsterixRules() :> IMinAtarRules<AsterixState>
    let mutable draws = Still()
    let mutable state = rules.Start &draws

    for _ in 1..steps do
        rules.Advance(&state, MinAtarAction.Noop, ramping, &draws) |> ignore

    state

[<Fact>]
let ``games grow harder only when they may, and not without end`` () =
    let hard, easy = asterixAfter true 3000, asterixAfter false 3000
    Assert.Equal((1y, 1y), (hard.SpawnInterval, hard.MoveInterval))
    Assert.Equal((10y, 5y), (easy.SpawnInterval, easy.MoveInterval))
    Assert.Equal((9y, 5y), (let state = asterixAfter true 150 in state.SpawnInterval, state.MoveInterval))
    Assert.Equal(9s, hard.Ramps)
    Assert.Equal(0s, easy.Ramps)

/// Waves that are shot down: the state after `count` blocks.
let private afterWaves (ramping: bool) (count: int) =
    let rules = SpaceInvadersRules() :> IMinAtarRules<SpaceInvadersState>
    let mutable draws = Still()
    let mutable state = rules.Start &draws

    for _ in 1..count do
        // One alien with a bullet below it.
        state.Aliens <- UInt128.One <<< 44
        state.Bullets <- UInt128.One <<< 54
        state.UntilMove <- 5y
        let outcome = rules.Advance(&state, MinAtarAction.Noop, ramping, &draws)
        Assert.Equal(1.0, outcome.Reward)

    state

[<Fact>]
let ``each wave of aliens is faster than the last, down to six steps`` () =
    Assert.Equal<sbyte list>(
        [ 12y; 11y; 10y; 6y; 6y ],
        [ 0; 1; 2; 6; 9 ] |> List.map (fun count -> (afterWaves true count).MoveInterval)
    )

    Assert.Equal(12y, (afterWaves false 5).MoveInterval)
    Assert.Equal(24, int (UInt128.PopCount (afterWaves true 1).Aliens))

let private seaquest (change: SeaquestState -> SeaquestState) action =
    let rules = SeaquestRules() :> IMinAtarRules<SeaquestState>
    let mutable draws = Still()
    let mutable state = change (rules.Start &draws)
    let outcome = rules.Advance(&state, action, true, &draws)
    outcome, state

[<Fact>]
let ``coming up for air unloads a diver, and six give what air is left`` () =
    let below divers oxygen (state: SeaquestState) =
        { state with Row = 1y; IsSurfaced = false; DiversAboard = divers; Oxygen = oxygen }

    let outcome, state = seaquest (below 3y 100s) MinAtarAction.Up
    Assert.Equal((0.0, false), (outcome.Reward, outcome.Terminated))
    Assert.Equal((2y, 200s, 1s, 19y), (state.DiversAboard, state.Oxygen, state.Ramps, state.EnemyInterval))
    let outcome, state = seaquest (below 6y 119s) MinAtarAction.Up
    Assert.Equal((5.0, false, 0y), (outcome.Reward, outcome.Terminated, state.DiversAboard))
    let outcome, _ = seaquest (below 0y 100s) MinAtarAction.Up
    Assert.True outcome.Terminated
    let outcome, state = seaquest (below 1y 1s) MinAtarAction.Noop
    Assert.Equal((false, 0s), (outcome.Terminated, state.Oxygen))
    let outcome, _ = seaquest (below 1y 0s) MinAtarAction.Noop
    Assert.True outcome.Terminated

[<Fact>]
let ``a batch at the highest difficulty of Seaquest never overflows its lists`` () =
    let rules = SeaquestRules() :> IMinAtarRules<SeaquestState>
    let mutable draws = RngDraws(Rng.create 5UL)
    let mutable state = rules.Start &draws
    let mutable most = 0

    for _ in 1..20_000 do
        state.EnemyInterval <- 1y
        state.EnemyRest <- 2y
        state.Oxygen <- 100s
        rules.Advance(&state, MinAtarAction.Noop, true, &draws) |> ignore
        most <- max most (int state.Fish.Length + int state.Subs.Length)

    Assert.InRange(most, 10, 46)

[<Fact>]
let ``Freeway lasts 2501 steps`` () =
    let environment = Freeway MinAtarOptions.V0
    let lengths = ResizeArray<int>()
    let mutable length = 0

    randomPlay environment 6UL 8000 (fun _ _ outcome _ ->
        length <- length + 1

        if outcome.Terminated then
            lengths.Add length
            length <- 0)

    Assert.Equal<int list>([ 2501; 2501; 2501 ], List.ofSeq lengths)
