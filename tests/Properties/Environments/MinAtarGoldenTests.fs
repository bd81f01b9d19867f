/// The MinAtar games against recorded play: every state, reward, end and random draw.
module Rl.Tests.Environments.MinAtarGoldenTests

open System
open Rl.Core.Environments
open Rl.Core.Environments.MinAtar
open Rl.Tests.Golden
open Xunit

/// A recorded draw: the number of choices (0 for a uniform number) and the result.
[<Struct>]
type private RecordedDraw = { Choices: int; Result: float }

/// Plays recorded draws back and insists that the right kind is asked for.
[<Struct>]
type private Replay =
    val Draws: RecordedDraw[]
    val mutable Next: int
    new(draws) = { Draws = draws; Next = 0 }

    member this.Take(choices: int) =
        if this.Next >= this.Draws.Length then
            failwith "The game draws more often than recorded."

        let draw = this.Draws[this.Next]

        if draw.Choices <> choices then
            failwith $"Draw {this.Next} is one of {choices} choices; recorded is one of {draw.Choices}."

        this.Next <- this.Next + 1
        draw.Result

    interface IDraws with
        member this.Uniform() = this.Take 0
        member this.Below(count) = int (this.Take count)

let private draws (node: GoldenNode) : RecordedDraw[] =
    [|
        for draw in node.Items do
            let parts = draw.Items
            let results = parts[2].AsArray.Values

            match string (parts[0].Element.GetString()) with
            | "rand" -> yield! results |> Array.map (fun result -> { Choices = 0; Result = result })
            | "randint" ->
                // The bounds as passed: (count) or (low, high).
                let bounds = parts[1].Items
                let isFromZero = bounds[1].Element.ValueKind = Text.Json.JsonValueKind.Null
                let low = if isFromZero then 0.0 else bounds[0].AsFloat
                let high = if isFromZero then bounds[0].AsFloat else bounds[1].AsFloat
                yield! results |> Array.map (fun result -> { Choices = int (high - low); Result = result - low })
            | other -> failwith $"{draw.Path}: unknown draw {other}."
    |]

let private allUsed (path: string) (replay: Replay) =
    Assert.True(
        (replay.Next = replay.Draws.Length),
        $"{path}: {replay.Draws.Length - replay.Next} draws were not made."
    )

/// The recorded indices of an observation [channels, 10, 10]: (10·row + column)·C + channel, ascending.
let private lit (channels: int) (observation: float32[]) =
    [|
        for cell in 0..99 do
            for channel in 0 .. channels - 1 do
                if observation[100 * channel + cell] = 1.0f then yield channels * cell + channel
    |]

/// Replays a case; `ramps` is how often the game has grown harder in a state.
let private play (environment: MinAtarEnvironment<'Rules, 'State>) (ramps: 'State -> int) (case: GoldenNode) =
    let contract = environment :> IEnvironment<'State>
    let names = environment.Channels |> Array.map _.Name
    let channels = names.Length

    for name, index in case["channels"].Members do
        Assert.Equal(names[int index.AsFloat], name)

    let check (path: string) (node: GoldenNode) (state: 'State) =
        if node.Element.ValueKind <> Text.Json.JsonValueKind.Null then
            let observation = Array.create (100 * channels) nanf
            contract.Observe(state, Span observation)
            Assert.True((lit channels observation = (node.AsArray.Values |> Array.map int)), $"{path}: another state.")

    let restart (drawsNode: GoldenNode) (observation: GoldenNode) =
        let struct (state, replay) = environment.StartWith(Replay(draws drawsNode))
        allUsed drawsNode.Path replay
        check observation.Path observation state
        state

    let mutable state = restart case["reset_draws"] case["initial_obs"]

    for step in case["steps"].Items do
        let parts = step.Items
        let action = [| float32 parts[0].AsFloat |]
        let struct (next, outcome, replay) = environment.StepWith(state, ReadOnlySpan action, Replay(draws parts[1]))
        allUsed step.Path replay
        Golden.closeNumber 0.0 0.0 case $"{step.Path} reward" parts[2].AsFloat outcome.Reward

        Assert.True(
            ((parts[3].AsFloat = 1.0) = outcome.Terminated),
            $"{step.Path}: terminated is {outcome.Terminated}."
        )

        Assert.False outcome.Truncated
        check step.Path parts[4] next

        if parts[5].Element.ValueKind <> Text.Json.JsonValueKind.Null then
            Assert.True((int parts[5].AsFloat = ramps next), $"{step.Path}: it has grown harder {ramps next} times.")

        state <- if outcome.Terminated then restart parts[6] parts[7] else next

let private verify topic (create: MinAtarOptions -> #MinAtarEnvironment<'Rules, 'State>) (ramps: 'State -> int) =
    Golden.verify topic (fun case ->
        let options =
            { MinAtarOptions.V0 with
                StickyActionProbability = case.Float "sticky_action_prob"
                DifficultyRamping = case.Flag "difficulty_ramping"
            }

        let environment = create options
        let minimal = (create { options with MinimalActionSet = true }).Actions |> Array.map int
        Assert.Equal<int[]>(case.Ints "minimal_action_set", minimal)
        play environment ramps case)

[<Fact>]
let ``Asterix plays as recorded`` () = verify "minatar_asterix" Asterix (fun state -> int state.Ramps)

[<Fact>]
let ``Breakout plays as recorded`` () = verify "minatar_breakout" Breakout (fun _ -> 0)

[<Fact>]
let ``Freeway plays as recorded`` () = verify "minatar_freeway" Freeway (fun _ -> 0)

[<Fact>]
let ``Seaquest plays as recorded`` () = verify "minatar_seaquest" Seaquest (fun state -> int state.Ramps)

[<Fact>]
let ``Space Invaders plays as recorded`` () =
    verify "minatar_space_invaders" SpaceInvaders (fun state -> int state.Ramps)
