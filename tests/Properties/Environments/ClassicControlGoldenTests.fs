/// Classic control against Gymnasium's own trajectories, every step started from the recorded state before it.
module Rl.Tests.Environments.ClassicControlGoldenTests

open System
open System.Runtime.CompilerServices
open System.Runtime.InteropServices
open Rl.Core.Foundations
open Rl.Core.Environments
open Rl.Tests.Golden
open Xunit

let private keywords (case: GoldenNode) =
    [
        for group in [ "kwargs"; "attributes" ] do
            for name, node in case[group].Members do
                let value =
                    match node.Element.ValueKind with
                    | Text.Json.JsonValueKind.String -> KeywordValue.Text(string (node.Element.GetString()))
                    | Text.Json.JsonValueKind.Number -> KeywordValue.Number node.AsFloat
                    | _ -> KeywordValue.Flag(node.AsFloat = 1.0)

                yield name, value
    ]

/// Teacher-forces a case through the pure environment and counts its steps; a state is its float64 numbers in order.
let private trajectory (case: GoldenNode) =
    { new IEnvironmentVisitor<int> with
        member _.Visit<'State
            when 'State: unmanaged and 'State: struct and 'State: (new: unit -> 'State) and 'State :> ValueType>
            (environment: IEnvironment<'State>)
            =
            let dimensions = Unsafe.SizeOf<'State>() / sizeof<float>
            let ofNumbers (numbers: float[]) = MemoryMarshal.Read<'State>(MemoryMarshal.AsBytes(ReadOnlySpan numbers))

            let toNumbers (state: 'State) =
                let numbers = Array.zeroCreate<float> dimensions
                MemoryMarshal.Write(MemoryMarshal.AsBytes(Span numbers), &state)
                numbers

            let observe state =
                let observation = Array.zeroCreate<float32> environment.ObservationSpace.Size
                environment.Observe(state, Span observation)
                Array.map float observation

            let rng = Rng.create 0UL
            let states = case.Floats "states" |> Array.chunkBySize dimensions
            let observations = case.Floats "observations" |> Array.chunkBySize environment.ObservationSpace.Size
            let actions = case.Floats32 "actions"
            let before = case.Floats "initial_state"
            Assert.Equal(dimensions, before.Length)
            Golden.close 0.0 0.0 case "initial_obs" (case.Floats "initial_obs") (observe (ofNumbers before))
            let rewards = case.Floats "rewards"
            let terminated = case.Flags "terminated"
            let truncated = case.Flags "truncated"

            for step in 0 .. actions.Length - 1 do
                let before = if step = 0 then before else states[step - 1]

                let struct (after, outcome, next) =
                    environment.Step(ofNumbers before, ReadOnlySpan [| actions[step] |], rng)

                Golden.close 1e-12 1e-12 case $"states[{step}]" states[step] (toNumbers after)
                Golden.close 0.0 0.0 case $"observations[{step}]" observations[step] (observe (ofNumbers states[step]))
                Golden.closeNumber 1e-12 1e-12 case $"rewards[{step}]" rewards[step] outcome.Reward
                Assert.True(terminated[step] = outcome.Terminated, $"{case.Path}: terminated[{step}]")
                let limit = environment.MaxEpisodeSteps > 0 && step + 1 >= environment.MaxEpisodeSteps
                Assert.True(truncated[step] = (outcome.Truncated || limit), $"{case.Path}: truncated[{step}]")
                Assert.Equal(rng, next)

            actions.Length
    }

/// Cases that start in a terminal state, which the reference steps all the same and this library refuses; see
/// `Golden/README.md`.
let private refused = Set [ "acrobot-14" ]

let private verifyTrajectories topic =
    Golden.verify topic (fun case ->
        let environment = Registry.makeWith (keywords case) (case.Text "env")

        if refused.Contains case.Id then
            let error = Assert.ThrowsAny<Exception>(fun () -> environment.Accept(trajectory case) |> ignore)
            Assert.Contains("is terminal; reset the episode", error.Message)
        else
            Assert.Equal(case.Int "num_steps", environment.Accept(trajectory case)))

let private space (node: GoldenNode) =
    match node.Text "type" with
    | "Box" -> Space.box (node.Floats "low") (node.Floats "high") (node.Ints "shape")
    | "Discrete" -> Space.discreteFrom (node.Int "start") (node.Int "n")
    | other -> failwith $"{node.Path}: unknown space {other}."

let private verifySpecification topic =
    let file = Golden.read topic
    let specification: GoldenNode = file["spec"]
    let environment = Registry.make (specification.Text "id")
    Assert.Equal(space specification["observation_space"], environment.ObservationSpace)
    Assert.Equal(space specification["action_space"], environment.ActionSpace)
    Assert.Equal(specification.Int "max_episode_steps", environment.MaxEpisodeSteps)

    match specification.TryGet "reward_threshold" with
    | Some threshold -> Assert.Equal(threshold.AsFloat, environment.RewardThreshold)
    | None -> Assert.True(Double.IsNaN environment.RewardThreshold)

[<Theory>]
[<InlineData "classic_cartpole">]
[<InlineData "classic_pendulum">]
[<InlineData "classic_mountaincar">]
[<InlineData "classic_mountaincarcontinuous">]
[<InlineData "classic_acrobot">]
let ``moves as Gymnasium's, with every keyword`` (topic: string) = verifyTrajectories topic

[<Theory>]
[<InlineData "classic_cartpole">]
[<InlineData "classic_pendulum">]
[<InlineData "classic_mountaincar">]
[<InlineData "classic_mountaincarcontinuous">]
[<InlineData "classic_acrobot">]
let ``is specified as Gymnasium's`` (topic: string) = verifySpecification topic

[<Fact>]
let ``CartPole-v0 ends after 200 steps and is solved at 195`` () =
    let environment = Registry.make "CartPole-v0"
    Assert.Equal(200, environment.MaxEpisodeSteps)
    Assert.Equal(195.0, environment.RewardThreshold)
