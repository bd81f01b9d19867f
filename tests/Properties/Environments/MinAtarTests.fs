/// Laws of the MinAtar games beyond the contract of every environment.
[<FsCheck.Xunit.Properties(Replay = "(4719031,4719033)")>]
module Rl.Tests.Environments.MinAtarTests

open System
open System.Runtime.CompilerServices
open System.Runtime.InteropServices
open Rl.Core.Foundations
open Rl.Core.Environments
open Rl.Core.Environments.Rendering
open Rl.Core.Environments.MinAtar
open Xunit
open FsCheck.Xunit

/// What a test does with a game whatever its state is.
type private IGameTest<'Result> =
    abstract Run<'Rules, 'State
        when 'Rules: struct
        and 'Rules :> IMinAtarRules<'State>
        and 'State: unmanaged
        and 'State: struct
        and 'State: (new: unit -> 'State)
        and 'State :> ValueType> : game: MinAtarEnvironment<'Rules, 'State> -> 'Result

let private withEveryGame (options: MinAtarOptions) (test: IGameTest<'Result>) : 'Result list =
    [
        test.Run(Asterix options)
        test.Run(Breakout options)
        test.Run(Freeway options)
        test.Run(Seaquest options)
        test.Run(SpaceInvaders options)
    ]

let private bytesOf (state: 'State) =
    let mutable state = state
    MemoryMarshal.AsBytes(MemoryMarshal.CreateSpan(&state, 1)).ToArray()

let private observe (environment: IEnvironment<'State>) state =
    let observation = Array.create environment.ObservationSpace.Size nanf
    environment.Observe(state, Span observation)
    observation

/// Random play over episodes: `visit state action outcome next` at every step.
let private randomPlay (environment: IEnvironment<'State>) seed steps visit =
    let struct (first, stream) = environment.Reset(Rng.create seed)
    let mutable state, rng, choices = first, stream, Rng.create (seed ^^^ 0x9E37UL)
    let action = Array.zeroCreate<float32> 1

    for _ in 1..steps do
        choices <- environment.ActionSpace.Sample(choices, Span action)
        let struct (next, outcome, after) = environment.Step(state, ReadOnlySpan action, rng)
        visit state action[0] outcome next
        state <- next
        rng <- after

        if outcome.Terminated then
            let struct (fresh, after) = environment.Reset rng
            state <- fresh
            rng <- after

[<Property(MaxTest = 8)>]
let ``a step in place is the step, and leaves a copy of the state alone`` (seed: uint64) (minimal: bool) =
    let test =
        { new IGameTest<bool> with
            member _.Run(game: MinAtarEnvironment<'Rules, 'State>) =
                let environment = game :> IEnvironment<'State>
                let inPlace = game :> IInPlace<'State>
                let struct (first, stream) = environment.Reset(Rng.create seed)
                let mutable state, rng, choices = first, stream, Rng.create (seed + 1UL)
                let action = Array.zeroCreate<float32> 1
                let mutable agrees = true

                for _ in 1..400 do
                    choices <- environment.ActionSpace.Sample(choices, Span action)
                    let before = bytesOf state
                    let mutable clone, cloneRng = state, rng
                    let struct (next, outcome, after) = environment.Step(state, ReadOnlySpan action, rng)
                    agrees <- agrees && before = bytesOf state
                    let sameOutcome = inPlace.StepInPlace(&clone, ReadOnlySpan action, &cloneRng) = outcome
                    agrees <- agrees && sameOutcome && cloneRng = after && bytesOf clone = bytesOf next
                    state <- next
                    rng <- after

                    if outcome.Terminated then
                        let struct (fresh, after) = environment.Reset rng
                        state <- fresh
                        rng <- after

                agrees
        }

    withEveryGame { MinAtarOptions.V0 with MinimalActionSet = minimal } test |> List.forall id

[<Property(MaxTest = 5)>]
let ``a batch is its single copies bit for bit`` (seed: uint64) =
    let count = 5

    let test =
        { new IGameTest<bool> with
            member _.Run(game: MinAtarEnvironment<'Rules, 'State>) =
                let environment = game :> IEnvironment<'State>
                let batch = Vectorised(environment, count)
                batch.Reset(Rng.create seed)
                let buffers = batch.AllocateBuffers()
                let struct (streams, _) = Rng.splitMany count (Rng.create seed)
                let states = Array.zeroCreate<'State> count
                let mutable choices = Rng.create (seed + 1UL)
                let actions = Array.zeroCreate<float32> count
                let mutable agrees = true

                let restart copy =
                    let struct (state, stream) = environment.Reset streams[copy]
                    states[copy] <- state
                    streams[copy] <- stream

                for copy in 0 .. count - 1 do
                    restart copy

                for _ in 1..150 do
                    for copy in 0 .. count - 1 do
                        choices <- environment.ActionSpace.Sample(choices, Span(actions, copy, 1))

                    batch.StepAll(ReadOnlySpan actions, buffers)

                    for copy in 0 .. count - 1 do
                        let action = ReadOnlySpan(actions, copy, 1)
                        let struct (next, outcome, stream) = environment.Step(states[copy], action, streams[copy])
                        states[copy] <- next
                        streams[copy] <- stream

                        if outcome.Terminated then restart copy

                        let row = buffers.Observations.Slice(copy * batch.ObservationSize, batch.ObservationSize)
                        let sameEnd = buffers.Terminated.Span[copy] = outcome.Terminated
                        let sameReward = buffers.Rewards.Span[copy] = float32 outcome.Reward

                        let sameRow =
                            MemoryExtensions.SequenceEqual(row.Span, ReadOnlySpan(observe environment states[copy]))

                        agrees <- agrees && sameEnd && sameReward && sameRow

                agrees
        }

    withEveryGame MinAtarOptions.V0 test |> List.forall id

[<Property(MaxTest = 100)>]
let ``a plane shows the cells of a set, one by one`` (low: uint64) (high: uint64) =
    let cells = UInt128(high &&& 0xFFFFFFFFFUL, low)
    let observation = Array.create 300 2.0f
    Cells.write 1 cells (Span observation)

    let expected =
        [|
            for row in 0..9 do
                for column in 0..9 do
                    if (cells >>> (10 * row + column)) &&& UInt128.One = UInt128.One then
                        1.0f
                    else
                        0.0f
        |]

    observation[100..199] = expected
    && Array.forall ((=) 2.0f) (Array.append observation[..99] observation[200..])

/// Every cell of Breakout asked for what is in it.
let private paintBreakout (state: BreakoutState) =
    [|
        for plane in 0..3 do
            for row in 0..9 do
                for column in 0..9 do
                    let isAt (otherRow: sbyte) (otherColumn: sbyte) = row = int otherRow && column = int otherColumn

                    let isLit =
                        match plane with
                        | 0 -> isAt 9y state.PaddleColumn
                        | 1 -> isAt state.BallRow state.BallColumn
                        | 2 -> isAt state.TrailRow state.TrailColumn
                        | _ -> row >= 1 && row <= 3 && (state.Bricks >>> (10 * (row - 1) + column)) &&& 1u = 1u

                    if isLit then 1.0f else 0.0f
    |]

[<Property(MaxTest = 10)>]
let ``Breakout's observation is what each cell holds`` (seed: uint64) =
    let environment = Breakout MinAtarOptions.V0
    let mutable holds = true
    randomPlay environment seed 300 (fun _ _ _ next -> holds <- holds && observe environment next = paintBreakout next)
    holds

[<Fact>]
let ``steps in place allocate nothing`` () =
    let test =
        { new IGameTest<int64> with
            member _.Run(game: MinAtarEnvironment<'Rules, 'State>) =
                let batch = Vectorised(game, 16)
                batch.Reset(Rng.create 1UL)
                let buffers = batch.AllocateBuffers()
                let actions = Array.init 16 (fun copy -> float32 (copy % 3))

                let run steps =
                    for _ in 1..steps do
                        batch.StepAll(ReadOnlySpan actions, buffers)

                run 2000
                let before = GC.GetAllocatedBytesForCurrentThread()
                run 2000
                GC.GetAllocatedBytesForCurrentThread() - before
        }

    for allocated in withEveryGame MinAtarOptions.V0 test do
        Assert.InRange(allocated, 0L, 2000L)

[<Fact>]
let ``long random play never leaves the board and lights only cells`` () =
    let test =
        { new IGameTest<bool> with
            member _.Run(game: MinAtarEnvironment<'Rules, 'State>) =
                let mutable holds = true

                randomPlay game 11UL 60_000 (fun _ _ outcome next ->
                    let values = observe game next

                    holds <-
                        holds
                        && outcome.Reward >= 0.0
                        && values |> Array.forall (fun value -> value = 0.0f || value = 1.0f)
                    // The agent's own plane shows exactly one cell.
                    holds <- holds && Array.sum (Array.take 100 values) = 1.0f)

                holds
        }

    Assert.All(withEveryGame MinAtarOptions.V0 test, Assert.True)

[<Fact>]
let ``a finished game and a wrong action are refused`` () =
    let test =
        { new IGameTest<bool> with
            member _.Run(game: MinAtarEnvironment<'Rules, 'State>) =
                let environment = game :> IEnvironment<'State>

                let step state (action: float32) =
                    environment.Step(state, ReadOnlySpan [| action |], Rng.create 0UL) |> ignore

                let struct (first, _) = environment.Reset(Rng.create 2UL)

                for action in [ float32 game.Actions.Length; -1.0f; 0.5f; nanf ] do
                    let error = Assert.Throws<ArgumentException>(fun () -> step first action)
                    Assert.Contains("MinAtar/", error.Message)

                let mutable terminal = first
                let mutable found = false

                randomPlay game 3UL 6000 (fun _ _ outcome next ->
                    if outcome.Terminated then
                        terminal <- next
                        found <- true)

                Assert.Throws<InvalidOperationException>(fun () -> step terminal 0.0f) |> ignore
                found
        }

    Assert.All(withEveryGame MinAtarOptions.V1 test, Assert.True)

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

[<Fact>]
let ``every game is registered with both action sets`` () =
    for game in [ "Asterix"; "Breakout"; "Freeway"; "Seaquest"; "SpaceInvaders" ] do
        let full = Registry.make $"MinAtar/{game}-v0"
        let minimal = Registry.make $"MinAtar/{game}-v1"
        let keyword = "use_minimal_action_set", KeywordValue.Flag true
        Assert.Equal(Space.discrete 6, full.ActionSpace)
        Assert.Equal(minimal.ActionSpace, (Registry.makeWith [ keyword ] $"MinAtar/{game}-v0").ActionSpace)
        Assert.Equal(0, full.MaxEpisodeSteps)
        Assert.Equal<int[]>([| 10; 10 |], Array.tail full.ObservationSpace.Shape)

[<Property(MaxTest = 4)>]
let ``the picture shows a colour where a drawn channel is lit and changes no state`` (seed: uint64) =
    let test =
        { new IGameTest<bool> with
            member _.Run(game: MinAtarEnvironment<'Rules, 'State>) =
                let colours =
                    game.Channels
                    |> Array.choose (fun channel ->
                        match channel.Colour with
                        | ValueSome colour -> Some colour
                        | ValueNone -> None)

                let mutable holds = true

                randomPlay game seed 60 (fun _ _ _ next ->
                    let before = bytesOf next
                    let scene = (game :> IRenderable<'State>).Render next
                    let values = observe game next

                    match scene.Figures with
                    | Figure.Cells(_, _, 10, 10, cells) :: _ ->
                        for cell in 0..99 do
                            let isLit =
                                Seq.exists
                                    (fun channel -> values[100 * channel + cell] = 1.0f)
                                    (seq { 0 .. game.Channels.Length - 1 })

                            holds <- holds && isLit = Array.contains cells[cell] colours
                    | _ -> holds <- false

                    holds <- holds && before = bytesOf next)

                holds
        }

    withEveryGame MinAtarOptions.V0 test |> List.forall id
