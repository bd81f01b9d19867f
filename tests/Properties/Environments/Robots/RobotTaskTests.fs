/// The tasks of robots against Gymnasium: recorded actions, each step from the recorded state before it.
module Rl.Tests.Environments.Robots.RobotTaskTests

open System
open System.Globalization
open System.Text.Json
open Rl.Core.Foundations
open Rl.Core.Environments
open Rl.Core.Environments.Robots
open Rl.Tests.Golden
open Rl.Tests.Environments.Robots.RobotCases
open Xunit

/// Recorded keywords that name files: our models have none.
let private ofFiles = set [ "xml_file" ]

let private keyword (node: GoldenNode) : KeywordValue =
    match node.Element.ValueKind with
    | JsonValueKind.True -> KeywordValue.Flag true
    | JsonValueKind.False -> KeywordValue.Flag false
    | JsonValueKind.Number -> KeywordValue.Number node.AsFloat
    | JsonValueKind.Array ->
        let bound (value: float) =
            if Double.IsInfinity value then
                (if value > 0.0 then "inf" else "-inf")
            else
                value.ToString("R", CultureInfo.InvariantCulture)

        KeywordValue.Text(String.Join(", ", node.AsArray.Values |> Array.map bound))
    | _ -> KeywordValue.Text(string (node.Element.GetString()))

let private make (case: GoldenNode) : AnyEnvironment =
    let keywords = [ for name, node in case["kwargs"].Members -> name, keyword node ]
    Registry.makeWith keywords (case.Text "env_id")

/// Actions of 64 bits are rounded to 32 here; Gymnasium adds squares of 32-bit actions in 32 bits.
let private tolerance (case: GoldenNode) (name: string) =
    match case.Id, name with
    | "float64_actions", _ -> 1e-6
    | "float32_actions", "reward" -> 1e-6
    | _ -> 1e-8

/// Every step of a case, from the recorded state before it; how many there were.
let private replay<'State
    when 'State: unmanaged and 'State: struct and 'State: (new: unit -> 'State) and 'State :> ValueType>
    (case: GoldenNode)
    (environment: IEnvironment<'State>)
    : int =
    let robot = environment :?> RobotEnvironment<'State>
    let layout = robot.Layout
    let values (name: string) = case[name].Items |> List.map (fun row -> row.AsArray.Values) |> Array.ofList
    let actions, observations = values "actions", values "obs"
    let positions, velocities = values "qpos", values "qvel"
    let rewards, terminated = case.Floats "reward", case.Flags "terminated"
    let mutable state = robot.StateOf(ReadOnlySpan(case.Floats "qpos0"), ReadOnlySpan(case.Floats "qvel0"))

    let first =
        if case.Flag "set_state" then
            case.Floats "obs0_set_state"
        else
            case.Floats "obs0"

    let seen (state: 'State) =
        let mutable state = state
        (layout.Observation(stateNumbers &state)).ToArray()

    closeTo 1e-8 case "obs0" first (seen state)

    for step in 0 .. actions.Length - 1 do
        let action = actions[step] |> Array.map float32
        // Gymnasium steps on from terminal states; here the mark is taken away for that.
        (stateNumbers &state)[0] <- 0.0
        let struct (next, outcome, _) = environment.Step(state, ReadOnlySpan action, Rng.create 0UL)
        state <- next
        closeTo (tolerance case "obs") case $"step {step}, obs" observations[step] (seen state)
        closeTo (tolerance case "reward") case $"step {step}, reward" [| rewards[step] |] [| outcome.Reward |]
        Assert.Equal(terminated[step], outcome.Terminated)
        let numbers = stateNumbers &state
        positions[step].CopyTo(layout.Position numbers)
        velocities[step].CopyTo(layout.Velocity numbers)

    actions.Length

/// Actions that are not a number and states that lose their sense are refused or end the episode here.
let private isOrdinary (case: GoldenNode) =
    not (case.Id.StartsWith "nan_")
    // A file of a robot that another version has is that version's.
    && not (case["kwargs"].Members |> List.exists (fun (name, _) -> ofFiles.Contains name))
    // Where the arm meets the object, MuJoCo 3 (and ours) is softer than 2.2.2.
    && not (case.Text "env_id" = "Pusher-v5" && case.Id = "push")

[<Theory>]
[<InlineData "inverted_pendulum">]
[<InlineData "inverted_double_pendulum">]
[<InlineData "reacher">]
[<InlineData "swimmer">]
[<InlineData "hopper">]
[<InlineData "half_cheetah">]
[<InlineData "walker2d">]
[<InlineData "ant">]
[<InlineData "humanoid">]
[<InlineData "humanoidstandup">]
[<InlineData "pusher">]
let ``a task sees, rewards and ends as Gymnasium's`` (name: string) =
    Golden.verifyWhere $"env_{name}" isOrdinary (fun case ->
        let environment = make case

        let steps =
            environment.Accept
                { new IEnvironmentVisitor<int> with
                    member _.Visit environment = replay case environment
                }

        Assert.True(steps > 0))

[<Theory>]
[<InlineData "inverted_pendulum">]
[<InlineData "inverted_double_pendulum">]
[<InlineData "reacher">]
[<InlineData "swimmer">]
[<InlineData "hopper">]
[<InlineData "half_cheetah">]
[<InlineData "walker2d">]
[<InlineData "ant">]
[<InlineData "humanoid">]
[<InlineData "humanoidstandup">]
[<InlineData "pusher">]
let ``spaces, limits and keywords are Gymnasium's`` (name: string) =
    for version in [ "spec"; "spec_v4" ] do
        let recorded = (Golden.read $"env_{name}")[version]
        let id = recorded.Text "env_id"
        let environment = Registry.make id
        Assert.Equal(recorded.Int "max_episode_steps", environment.MaxEpisodeSteps)

        let threshold =
            if recorded.Has "reward_threshold" then
                recorded.Float "reward_threshold"
            else
                nan

        Assert.Equal(threshold, environment.RewardThreshold)
        Assert.Equal<int[]>(recorded["observation_space"].Ints "shape", environment.ObservationSpace.Shape)

        match environment.ActionSpace with
        | Space.Box(low, high, _) ->
            Assert.Equal<float[]>(recorded["action_space"].Floats "low", low)
            Assert.Equal<float[]>(recorded["action_space"].Floats "high", high)
        | other -> Assert.Fail $"{id} has the actions {other}"

        let keywords = (Registry.find id).Keywords
        let defaults = recorded["defaults"].Members |> List.filter (fun (name, _) -> not (ofFiles.Contains name))
        let names = defaults |> List.map fst
        Assert.Equal<string list>(List.sort names, keywords |> List.map _.Name |> List.sort)

        for name, node in defaults do
            let own = (keywords |> List.find (fun keyword -> keyword.Name = name)).Default
            let expected = if name = "main_body" then KeywordValue.Text "1" else keyword node
            Assert.Equal(expected, own)
