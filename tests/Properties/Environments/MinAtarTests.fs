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
let internal randomPlay (environment: IEnvironment<'State>) seed steps visit =
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
