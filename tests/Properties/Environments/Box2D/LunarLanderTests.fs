/// LunarLander: Box2D's own flights, the heuristic controller's score, and the contract's corners.
[<FsCheck.Xunit.Properties(Replay = "(4719311,4719313)", MaxTest = 10)>]
module Rl.Tests.Environments.LunarLanderTests

open System
open System.Numerics
open Rl.Core.Foundations
open Rl.Core.Environments
open Rl.Core.Environments.Box2D
open Rl.Core.Environments.Rendering
open Rl.Tests.Golden
open Xunit
open FsCheck.Xunit

/// A controller of angle and hover: the action for an observation.
let private heuristic (isContinuous: bool) (o: float32[]) : float32[] =
    let x, y, velocityX, velocityY = float o[0], float o[1], float o[2], float o[3]
    let hasContact = o[6] + o[7] > 0.0f
    let wantedAngle = Math.Clamp(0.5 * x + velocityX, -0.4, 0.4)
    let wantedHeight = 0.55 * abs x
    let turn = if hasContact then 0.0 else 0.5 * (wantedAngle - float o[4]) - float o[5]
    let lift = (if hasContact then 0.0 else 0.5 * (wantedHeight - y)) - 0.5 * velocityY

    if isContinuous then
        [| float32 (Math.Clamp(20.0 * lift - 1.0, -1.0, 1.0)); float32 (Math.Clamp(-20.0 * turn, -1.0, 1.0)) |]
    elif lift > abs turn && lift > 0.05 then
        [| 2.0f |]
    elif turn < -0.05 then
        [| 3.0f |]
    elif turn > 0.05 then
        [| 1.0f |]
    else
        [| 0.0f |]

/// Mean return of the heuristic and the share of landings.
let private score (options: LunarLanderOptions) (episodes: int) =
    let environment = LunarLander options :> IEnvironment<LunarLanderState>
    let inPlace = environment :?> IInPlace<LunarLanderState>
    let observation = Array.zeroCreate<float32> 8
    let mutable rng, total, landings = Rng.create 11UL, 0.0, 0

    for _ in 1..episodes do
        let struct (start, next) = environment.Reset rng
        rng <- next
        let mutable state, step, isOver = start, 0, false

        while not isOver do
            environment.Observe(state, Span observation)
            let action = heuristic options.IsContinuous observation
            let outcome = inPlace.StepInPlace(&state, ReadOnlySpan action, &rng)
            total <- total + outcome.Reward
            step <- step + 1
            isOver <- outcome.Terminated || step = environment.MaxEpisodeSteps

            if outcome.Terminated && outcome.Reward = 100.0 then landings <- landings + 1

    total / float episodes, float landings / float episodes

[<Fact>]
let ``free flights are Box2D's`` () =
    Golden.verify "box2d_lunar_lander" (fun case ->
        let isContinuous = case.Flag "continuous"
        let options = if isContinuous then LunarLander.ContinuousV3 else LunarLander.V3
        let model = LunarLanderModel.world options.Gravity
        let draws, force, dispersion = case.Floats "heights", case.Floats "force", case.Floats "dispersion"
        let actions, rewards = case.Floats "actions", case.Floats "rewards"
        let observations = case.Floats "observations" |> Array.chunkBySize 8
        let push = Vector2(float32 force[0], float32 force[1])

        let mutable state =
            LunarLanderModel.reset options model (ReadOnlySpan draws) push 0 0 dispersion[0] dispersion[1]

        let observe () =
            let observation = Array.zeroCreate<float> 8
            LunarLanderModel.observe model &state (Span observation)
            observation

        Golden.close 1e-5 0.0 case "observations[0]" observations[0] (observe ())

        for step in 1 .. rewards.Length do
            let action =
                if isContinuous then
                    [| float32 actions[2 * step - 2]; float32 actions[2 * step - 1] |]
                else
                    [| float32 actions[step - 1] |]

            let engines = LunarLanderModel.engines options (ReadOnlySpan action)

            let outcome =
                LunarLanderModel.advance options model engines dispersion[2 * step] dispersion[2 * step + 1] &state

            Golden.close 1e-5 0.0 case $"observations[{step}]" observations[step] (observe ())
            Golden.closeNumber 2e-3 0.0 case $"rewards[{step - 1}]" rewards[step - 1] outcome.Reward
            Assert.False outcome.Terminated)

[<Fact>]
let ``the heuristic controller lands as often and as well as on Box2D`` () =
    // Box2D 2.3.1 over 3,000 episodes: 237.1 (standard error 1.9), landing in 91.4 % (0.5). Here over 3,000 from this
    // seed: 233.7 (2.0) and
    // 90.6 % (0.5); over these 1,500: 233.4 (2.8) and 90.8 % (0.7). The bounds are those that 3,000 episodes must keep:
    // 238 ± 6, 91 % ± 2 %.
    let mean, landings = score LunarLander.V3 1500
    Assert.InRange(mean, 232.0, 244.0)
    Assert.InRange(landings, 0.89, 0.93)
    // With throttles, over 3,000 episodes: 282.8 (0.4), landing in 99.8 % (0.1). Over 300 the standard errors are 1.3
    // and 0.3 %: the bounds are 3 of them.
    let mean, landings = score LunarLander.ContinuousV3 300
    Assert.InRange(mean, 278.8, 286.8)
    Assert.InRange(landings, 0.989, 1.0)

/// Observations and rewards of a random play from one seed.
let private play (environment: AnyEnvironment) =
    let batch = environment.Vectorise 2
    let buffers = batch.AllocateBuffers()
    let actions = Array.zeroCreate<float32>(2 * batch.ActionSize)
    let mutable rng = Rng.create 3UL
    batch.Reset(Rng.create 4UL)

    [
        for _ in 1..60 do
            for copy in 0..1 do
                let own = Span(actions, copy * batch.ActionSize, batch.ActionSize)
                rng <- batch.ActionSpace.Sample(rng, own)

            batch.StepAll(ReadOnlySpan actions, buffers)
            yield buffers.Observations.ToArray(), buffers.Rewards.ToArray()
    ]

[<Fact>]
let ``continuous and hardcore are keywords too, and give what the ids of their own give`` () =
    let withFlag name value id = Registry.makeWith [ name, KeywordValue.Flag value ] id

    let same (one: AnyEnvironment) (other: AnyEnvironment) =
        Assert.Equal(other.ActionSpace, one.ActionSpace)
        Assert.True((play one = play other), $"{one.Id} and {other.Id} differ")

    same (withFlag "continuous" true "LunarLander-v3") (Registry.make "LunarLanderContinuous-v3")
    same (withFlag "continuous" false "LunarLanderContinuous-v3") (Registry.make "LunarLander-v3")
    same (withFlag "continuous" true "LunarLander-v2") (Registry.make "LunarLanderContinuous-v3")
    let hardcore = withFlag "hardcore" true "BipedalWalker-v3"
    same hardcore (Registry.make "BipedalWalkerHardcore-v3")
    same (withFlag "hardcore" false "BipedalWalkerHardcore-v3") (Registry.make "BipedalWalker-v3")
    Assert.NotEqual<(float32[] * float32[]) list>(play hardcore, play (Registry.make "BipedalWalker-v3"))
    // As in Gymnasium, the time limit is the id's.
    Assert.Equal(("BipedalWalker-v3", 1600), (hardcore.Id, hardcore.MaxEpisodeSteps))

[<Fact>]
let ``wind changes the flight and blows until a leg stands`` () =
    let flight options =
        let environment = LunarLander options :> IEnvironment<LunarLanderState>
        let struct (state, rng) = environment.Reset(Rng.create 5UL)
        let struct (state, _, _) = environment.Step(state, ReadOnlySpan [| 0.0f |], rng)
        let observation = Array.zeroCreate<float32> 8
        environment.Observe(state, Span observation)
        observation[2], observation[5]

    let velocity, turn = flight LunarLander.V3
    let velocityInWind, turnInWind = flight { LunarLander.V3 with EnableWind = true }
    Assert.NotEqual(velocity, velocityInWind)
    Assert.NotEqual(turn, turnInWind)

[<Fact>]
let ``gravity outside of (-12, 0) and negative winds are refused`` () =
    let refused (name: string) options =
        let error = Assert.ThrowsAny<ArgumentException>(fun () -> LunarLander options |> ignore)
        Assert.Equal(name, error.ParamName)

    for gravity in [ 0.0; -12.0; 3.0; nan ] do
        refused "gravity" { LunarLander.V3 with Gravity = gravity }

    refused "wind_power" { LunarLander.V3 with WindPower = -1.0 }
    refused "turbulence_power" { LunarLander.V3 with TurbulencePower = nan }

[<Fact>]
let ``bad actions and ended episodes are refused`` () =
    let environment = LunarLander LunarLander.V3 :> IEnvironment<LunarLanderState>
    let struct (state, rng) = environment.Reset(Rng.create 1UL)

    for action in [ nanf; 4.0f; -1.0f; 0.5f ] do
        Assert.Throws<ArgumentException>(fun () -> environment.Step(state, ReadOnlySpan [| action |], rng) |> ignore)
        |> ignore

    let continuous = LunarLander LunarLander.ContinuousV3 :> IEnvironment<LunarLanderState>

    Assert.Throws<ArgumentException>(fun () -> continuous.Step(state, ReadOnlySpan [| 0.0f; nanf |], rng) |> ignore)
    |> ignore

    let over = { state with IsTerminal = true }

    Assert.Throws<InvalidOperationException>(fun () -> environment.Step(over, ReadOnlySpan [| 0.0f |], rng) |> ignore)
    |> ignore

[<Fact>]
let ``older ids are understood with a notice`` () =
    Assert.Equal("LunarLander-v3", (Registry.make "LunarLander-v2").Id)
    Assert.Equal("LunarLanderContinuous-v3", (Registry.make "LunarLanderContinuous-v2").Id)
    Assert.Contains("LunarLander-v3", Option.get (Registry.notice "LunarLander-v2"))
    Assert.Equal(None, Registry.notice "LunarLander-v3")
    Assert.DoesNotContain("LunarLander-v2", Registry.ids)

[<Property>]
let ``pictures stay within reach of their frame and change no state`` (seed: uint64) =
    let environment = LunarLander LunarLander.V3
    let struct (state, _) = (environment :> IEnvironment<LunarLanderState>).Reset(Rng.create seed)
    let scene = (environment :> IRenderable<LunarLanderState>).Render state
    scene.Width = 600 && scene.Height = 400 && scene.Figures.Length > 8
