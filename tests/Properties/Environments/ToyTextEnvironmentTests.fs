/// FrozenLake, CliffWalking and Taxi as environments: Gymnasium's trajectories, masks, rain, fickle passengers and
/// random maps.
[<FsCheck.Xunit.Properties(Replay = "(4719101,4719103)")>]
module Rl.Tests.Environments.ToyTextEnvironmentTests

open System
open Rl.Core.Foundations
open Rl.Core.Tabular
open Rl.Core.Environments
open Rl.Core.Environments.Finite
open Rl.Core.Environments.ToyText
open Rl.Tests.Golden
open Xunit
open FsCheck.Xunit

let private at state : FiniteState = { State = state; LastAction = -1; Phase = EpisodePhase.Running }

/// A generator whose first uniform number lies in [low, high): the drawn number need not be Gymnasium's, only its
/// place.
let private rngWithin low high =
    Seq.initInfinite (fun seed -> Rng.create (uint64 seed))
    |> Seq.find (fun rng ->
        let struct (uniform, _) = Rng.uniform rng
        uniform >= low && uniform < high)

/// The interval of uniform numbers that choose the same index as `uniform`.
let private interval (uniform: float) (probabilities: float[]) =
    let sums = Array.scan (+) 0.0 probabilities
    let index = sums |> Array.tail |> Array.findIndex (fun sum -> sum > uniform)
    sums[index], sums[index + 1]

let private keywords (case: GoldenNode) =
    [
        for name, node in case["kwargs"].Members do
            match name with
            | "desc" ->
                let rows = [ for row in node.Items -> string (row.Element.GetString()) ]
                name, KeywordValue.Text(String.Join("/", rows))
            | "reward_schedule" -> name, KeywordValue.Text(String.Join(", ", node.AsArray.Values))
            | "map_name" -> name, KeywordValue.Text(string (node.Element.GetString()))
            | "success_rate" -> name, KeywordValue.Number node.AsFloat
            | _ -> name, KeywordValue.Flag(node.AsFloat = 1.0)
    ]

let private finite (environment: AnyEnvironment) : FiniteMdpEnvironment =
    environment.Accept
        { new IEnvironmentVisitor<FiniteMdpEnvironment> with
            member _.Visit environment = unbox<FiniteMdpEnvironment>(box environment)
        }

[<Fact>]
let ``the environments walk Gymnasium's trajectories`` () =
    Golden.verify "toytext_tables" (fun case ->
        let environment = finite (Registry.makeWith (keywords case) (case.Text "env"))
        let pure' = environment :> IEnvironment<FiniteState>
        let observation = Array.zeroCreate<float32> 1
        Assert.Equal(Space.discrete (case.Int "num_states"), pure'.ObservationSpace)
        Assert.Equal(Space.discrete (case.Int "num_actions"), pure'.ActionSpace)
        let optional name otherwise = case.TryGet name |> Option.map _.AsFloat |> Option.defaultValue otherwise
        Assert.Equal(optional "max_episode_steps" 0.0, float pure'.MaxEpisodeSteps)
        Assert.Equal(optional "reward_threshold" nan, pure'.RewardThreshold)

        for index, trajectory in List.indexed case["trajectories"].Items do
            let what = $"trajectories[{index}]"
            let resets = trajectory.Floats "reset_uniforms"
            let low, high = interval resets[0] (environment.Mdp.Start.ToArray())
            let struct (first, _) = pure'.Reset(rngWithin low high)
            Golden.closeNumber 0.0 0.0 case $"{what}/reset_state" (trajectory.Float "reset_state") (float first.State)
            let mutable state = first

            for time, step in List.indexed trajectory["steps"].Items do
                let parts = step.Items |> Array.ofList
                let action = int parts[0].AsFloat
                let outcomes = environment.Mdp.Outcomes(state.State, action).ToArray()
                let uniforms = parts[1].AsArray.Values
                let low, high = interval uniforms[0] (outcomes |> Array.map _.Probability)

                let struct (after, outcome, _) =
                    pure'.Step(state, ReadOnlySpan [| float32 action |], rngWithin low high)

                pure'.Observe(after, Span observation)
                let truncated = pure'.MaxEpisodeSteps > 0 && time + 1 >= pure'.MaxEpisodeSteps

                Golden.close
                    0.0
                    0.0
                    case
                    $"{what}/steps[{time}]"
                    [| for part in parts[2..] -> part.AsFloat |]
                    [|
                        float observation[0]
                        outcome.Reward
                        (if outcome.Terminated then 1.0 else 0.0)
                        (if truncated then 1.0 else 0.0)
                    |]

                state <- after)

[<Fact>]
let ``ids, limits and thresholds are Gymnasium's`` () =
    let expect id steps threshold =
        let environment = Registry.make id
        Assert.Equal(id, environment.Id)
        Assert.Equal(steps, environment.MaxEpisodeSteps)
        Assert.Equal(threshold, environment.RewardThreshold)

    expect "FrozenLake-v1" 100 0.7
    expect "FrozenLake8x8-v1" 200 0.85
    expect "CliffWalking-v0" 0 nan
    expect "CliffWalking-v1" 0 nan
    expect "CliffWalkingSlippery-v1" 0 nan
    expect "Taxi-v3" 200 8.0
    expect "Taxi-v4" 200 8.0

[<Fact>]
let ``the taxi's mask allows exactly what changes a state`` () =
    let mdp = (ToyText.taxi 1.0).Mdp

    for state in 0 .. mdp.States - 1 do
        // Gymnasium's mask of a wrong drop off at another place allows it: the passenger gets out.
        for action in 0 .. mdp.Actions - 1 do
            let changes = mdp.Outcomes(state, action).ToArray() |> Array.exists (fun outcome -> outcome.Next <> state)
            Assert.True((changes = ToyText.taxiMask state action), $"state {state}, action {action}")

[<Fact>]
let ``in rain the taxi goes astray to each side in a tenth of its drives unless its way is blocked, and walls hold``
    ()
    =
    let mdp = (ToyText.taxiWith true false 1.0).Mdp
    let encode row column = ((row * 5 + column) * 5 + 4) * 4 + 1

    let nexts state action =
        mdp.Outcomes(state, action).ToArray()
        |> Array.groupBy _.Next
        |> Array.map (fun (next, outcomes) -> next, Math.Round(outcomes |> Array.sumBy _.Probability, 12))
        |> Map.ofArray

    // South from the middle; east at the wall between columns 1 and 2; south from a corner.
    Assert.Equal<Map<_, _>>(Map [ encode 3 2, 0.8; encode 2 3, 0.1; encode 2 1, 0.1 ], nexts (encode 2 2) 0)
    Assert.Equal<Map<_, _>>(Map [ encode 1 1, 1.0 ], nexts (encode 1 1) 2)
    Assert.Equal<Map<_, _>>(Map [ encode 1 0, 0.8; encode 0 0, 0.1; encode 0 1, 0.1 ], nexts (encode 0 0) 0)
    // Where the wanted way is blocked, by the edge or a wall, it stays.
    Assert.Equal<Map<_, _>>(Map [ encode 0 1, 1.0 ], nexts (encode 0 1) 1)
    Assert.Equal<Map<_, _>>(Map [ encode 0 0, 1.0 ], nexts (encode 0 0) 1)
    Assert.Equal<Map<_, _>>(Map [ encode 0 1, 1.0 ], nexts (encode 0 1) 2)

    for action in [ 4; 5 ] do
        Assert.Equal(1, mdp.Outcomes(encode 2 2, action).Length)

[<Fact>]
let ``a fickle passenger changes the destination once, when the taxi moves with him, in three of ten episodes`` () =
    let table = ToyText.taxiWith false true 1.0
    let mdp = table.Mdp
    Assert.Equal(1000, mdp.States)
    Assert.Equal(0.3, Array.sum (mdp.Start.ToArray()[500..]), 12)
    let encode row column passenger destination = ((row * 5 + column) * 5 + passenger) * 4 + destination
    // Waiting: still undecided. Driving: one of the three others, and decided.
    let single = mdp.Outcomes(500 + encode 2 2 0 1, 0).ToArray() |> Array.exactlyOne
    Assert.Equal(500 + encode 3 2 0 1, single.Next)
    let aboard = mdp.Outcomes(500 + encode 2 2 4 1, 0).ToArray()
    Assert.Equal<int[]>([| encode 3 2 4 0; encode 3 2 4 2; encode 3 2 4 3 |], aboard |> Array.map _.Next)
    // Driving into a wall moves nothing.
    let blocked = mdp.Outcomes(500 + encode 0 0 4 1, 1).ToArray() |> Array.exactlyOne
    Assert.Equal(500 + encode 0 0 4 1, blocked.Next)
    // The flag is not seen.
    let environment = Taxi.create "Taxi-v3" false true true :> IEnvironment<FiniteState>
    let observation = Array.zeroCreate<float32> 1
    environment.Observe(at (500 + 123), Span observation)
    Assert.Equal(123.0f, observation[0])
    Assert.Equal(Space.discrete 500, environment.ObservationSpace)

[<Property(MaxTest = 100)>]
let ``random maps have a path, and their key decides them`` (seed: uint64) (size: byte) (frozen: byte) =
    let size, frozen = 2 + int size % 9, float frozen / 255.0
    let struct (map, next) = ToyText.randomMap size frozen (Rng.create seed)
    let struct (again, nextAgain) = ToyText.randomMap size frozen (Rng.create seed)

    map = again
    && next = nextAgain
    && map.Length = size
    && Array.forall (fun (row: string) -> row.Length = size) map
    && map[0][0] = 'S'
    && map[size - 1][size - 1] = 'G'
    && ToyText.isPassable map

[<Fact>]
let ``a map is passable along its sides, not across corners`` () =
    Assert.True(ToyText.isPassable [| "SF"; "HG" |])
    Assert.False(ToyText.isPassable [| "SH"; "HG" |])
    Assert.False(ToyText.isPassable [| "SF"; "FF" |])

[<Fact>]
let ``maps, rewards and sizes that make no sense are refused`` () =
    let refused (fragment: string) keywords =
        let error = Assert.ThrowsAny<ArgumentException>(fun () -> Registry.makeWith keywords "FrozenLake-v1" |> ignore)
        Assert.Contains(fragment, error.Message)

    refused "same length" [ "desc", KeywordValue.Text "SFF/FG" ]
    refused "no start" [ "desc", KeywordValue.Text "FF/FG" ]
    refused "no goal; mark at least one tile G" [ "desc", KeywordValue.Text "SF/FF" ]
    refused "S, F, H or G" [ "desc", KeywordValue.Text "SX/FG" ]
    refused "reward_schedule" [ "reward_schedule", KeywordValue.Text "1,0" ]
    refused "reward_schedule" [ "reward_schedule", KeywordValue.Text "1,nan,0" ]
    refused "successRate" [ "success_rate", KeywordValue.Number 1.5 ]
    refused "map_size" [ "map_name", KeywordValue.Text "random"; "map_size", KeywordValue.Number 2.5 ]
    refused "map_name" [ "map_name", KeywordValue.Text "5x5" ]

[<Fact>]
let ``an ended episode and a wrong action are refused`` () =
    let environment = FrozenLake.create FrozenLake.v1 :> IEnvironment<FiniteState>
    let step state (action: float32) = environment.Step(state, ReadOnlySpan [| action |], Rng.create 0UL) |> ignore

    Assert.Throws<InvalidOperationException>(fun () -> step { at 5 with Phase = EpisodePhase.Ended } 0.0f)
    |> ignore

    for action in [ 4.0f; -1.0f; 0.5f; nanf ] do
        Assert.Throws<ArgumentException>(fun () -> step (at 0) action) |> ignore

[<Property(MaxTest = 50)>]
let ``any process is an environment that walks as the process does`` (seed: uint64) (discount: byte) =
    let struct (mdp, rng) = Generators.absorbing 5 3 0.2 (float discount / 255.0) (Rng.create seed)
    let environment = FiniteMdpEnvironment("Random-v0", mdp) :> IEnvironment<FiniteState>
    let struct (start, afterStart) = Mdp.sampleStart mdp rng
    let struct (first, afterReset) = environment.Reset rng
    let struct (_, outcome, afterSample) = Mdp.sample mdp first.State 1 afterReset
    let struct (next, seen, afterStep) = environment.Step(first, ReadOnlySpan [| 1.0f |], afterReset)

    first.State = start
    && afterReset = afterStart
    && next.State = outcome.Next
    && next.LastAction = 1
    && afterStep = afterSample
    && seen.Reward = outcome.Reward
    && seen.Terminated = not (mdp.Continues outcome)
    && (next.Phase = EpisodePhase.Ended) = seen.Terminated

[<Fact>]
let ``labels and features that do not fit the states are refused`` () =
    let make observation =
        FiniteMdpEnvironment
            {
                Id = "X-v0"
                Mdp = Textbook.riverSwim 6 1.0
                MaxEpisodeSteps = 0
                RewardThreshold = nan
                Observation = observation
                Draw = fun _ -> { Width = 1; Height = 1; Background = Rendering.Colour.white; Figures = [] }
            }
        |> ignore

    Assert.Throws<ArgumentException>(fun () -> make (FiniteObservation.Label(2, [| 0; 1 |]))) |> ignore

    Assert.Throws<ArgumentOutOfRangeException>(fun () -> make (FiniteObservation.Label(2, Array.create 6 2)))
    |> ignore

    Assert.Throws<ArgumentException>(fun () -> make (FiniteObservation.Features(2, Array.zeroCreate 6)))
    |> ignore
