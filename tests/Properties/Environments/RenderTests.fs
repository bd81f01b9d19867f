/// Looking at environments: it changes nothing, shows the right state, and shows the end of an episode too.
namespace Rl.Tests.Environments

open System
open Xunit
open Rl.Core.Foundations
open Rl.Core.Tabular
open Rl.Core.Environments
open Rl.Core.Environments.ClassicControl
open Rl.Core.Environments.Rendering
open Rl.Core.Environments.ToyText
open Rl.Core.Training

/// `Scripted`, whose picture is as wide as it has taken steps, plus one.
type Drawn(script: Script) =
    let inner = Scripted script :> IEnvironment<ScriptedState>

    interface IEnvironment<ScriptedState> with
        member _.Id = "CartPole-drawn"
        member _.ObservationSpace = inner.ObservationSpace
        member _.ActionSpace = inner.ActionSpace
        member _.MaxEpisodeSteps = inner.MaxEpisodeSteps
        member _.RewardThreshold = nan
        member _.Reset rng = inner.Reset rng
        member _.Step(state, action, rng) = inner.Step(state, action, rng)
        member _.Observe(state, observation) = inner.Observe(state, observation)

    interface IRenderable<ScriptedState> with
        member _.Render state = { Width = state.Steps + 1; Height = 1; Background = Colour.white; Figures = [] }

/// The same as a user's mutable environment, which counts how often it is looked at.
type MutableDrawn(script: Script) =
    let inner = MutableScripted(script, 0) :> IMutableEnvironment
    let mutable steps = 0
    member val Looks = 0 with get, set

    interface IMutableEnvironment with
        member _.ObservationSpace = inner.ObservationSpace
        member _.ActionSpace = inner.ActionSpace
        member _.MaxEpisodeSteps = inner.MaxEpisodeSteps

        member _.Reset(seed, observation) =
            steps <- 0
            inner.Reset(seed, observation)

        member _.Step(action, observation) =
            steps <- steps + 1
            inner.Step(action, observation)

    interface IMutableRenderable with
        member _.CanRender = true

        member this.Render() =
            this.Looks <- this.Looks + 1
            { Width = steps + 1; Height = 1; Background = Colour.white; Figures = [] }

        member _.FramesPerSecond = 12.0

module RenderTests =

    let private batches () : (string * BatchEnvironment * BatchEnvironment) list =
        let script = { Scripted.Quiet with TerminateAt = 7 }

        [
            "scripted", Vectorised(Drawn script, 3), Vectorised(Drawn script, 3)
            "mutable",
            External("mutable", nan, 3, (fun _ -> MutableDrawn script)),
            External("mutable", nan, 3, (fun _ -> MutableDrawn script))
            for id in Registry.ids do
                let environment = Registry.make id
                id, environment.Vectorise 3, environment.Vectorise 3
        ]

    [<Fact>]
    let ``Rendering never changes state`` () =
        for name, looked, quiet in batches () do
            let lookedBuffers, quietBuffers = looked.AllocateBuffers(), quiet.AllocateBuffers()
            let actions = Array.zeroCreate<float32>(3 * looked.ActionSize)
            let mutable key = Rng.create 5UL
            looked.Reset(Rng.create 9UL)
            quiet.Reset(Rng.create 9UL)

            for step in 1 .. (if RegistryCases.isRobot name then 12 else 60) do
                for copy in 0..2 do
                    let first = looked.Render copy
                    Assert.Equal(first, looked.Render copy)

                    key <- looked.ActionSpace.Sample(key, Span(actions, copy * looked.ActionSize, looked.ActionSize))

                looked.StepAll(ReadOnlySpan actions, lookedBuffers)
                quiet.StepAll(ReadOnlySpan actions, quietBuffers)
                looked.RenderFinal 1 |> ignore

                Assert.True(
                    lookedBuffers.Observations.Span.SequenceEqual(Span.op_Implicit quietBuffers.Observations.Span),
                    $"{name}, step {step}: looking changed the observations"
                )

                Assert.Equal<byte>(quiet.Capture().Bytes, looked.Capture().Bytes)

    [<Fact>]
    let ``What can be looked at at its start can be looked at at its end and after each step`` () =
        for name, batch, _ in batches () do
            let buffers = batch.AllocateBuffers()
            let actions = Array.zeroCreate<float32>(3 * batch.ActionSize)
            let mutable key = Rng.create 6UL
            batch.Reset(Rng.create 1UL)
            let canRender = (batch.Render 0).IsSome
            Assert.True((batch.RenderFinal 0).IsNone, name)

            // Shaded bodies take long to draw; ends of episodes are never passed over.
            let interval = if RegistryCases.isRobot name then 50 else 1

            for step in 1..300 do
                for copy in 0..2 do
                    key <- batch.ActionSpace.Sample(key, Span(actions, copy * batch.ActionSize, batch.ActionSize))

                batch.StepAll(ReadOnlySpan actions, buffers)

                for copy in 0..2 do
                    let hasEnded = buffers.EpisodeLengths.Span[copy] > 0

                    if hasEnded || step % interval = 0 then
                        Assert.Equal(canRender, (batch.Render copy).IsSome)
                        Assert.Equal(canRender && hasEnded, (batch.RenderFinal copy).IsSome)

    [<Fact>]
    let ``Every picture has points that lie somewhere and room to lie in`` () =
        let isFinite (point: Point) = Double.IsFinite point.X && Double.IsFinite point.Y

        for name, batch, _ in batches () do
            batch.Reset(Rng.create 2UL)

            match batch.Render 0 with
            | ValueNone -> ()
            | ValueSome scene ->
                Assert.True(scene.Width >= 1 && scene.Height >= 1, name)

                for figure in scene.Figures do
                    match figure with
                    | Figure.Polygon(corners, _) ->
                        Assert.True(corners.Length >= 3 && Array.forall isFinite corners, name)
                    | Figure.Line(points, width, _) ->
                        Assert.True(points.Length >= 2 && width >= 0.0 && Array.forall isFinite points, name)
                    | Figure.Disc(centre, radius, _) -> Assert.True(isFinite centre && radius >= 0.0, name)
                    | Figure.Text(position, height, _, _, _) -> Assert.True(isFinite position && height > 0.0, name)
                    | Figure.Cells(corner, size, columns, rows, colours) ->
                        Assert.True(isFinite corner && size > 0.0 && columns * rows = colours.Length, name)

    [<Fact>]
    let ``Instances that nobody has looked at draw nothing, others their last states`` () =
        let instance = MutableDrawn { Scripted.Quiet with TerminateAt = 2 }
        let batch = External("mutable", nan, 1, (fun _ -> instance))
        let buffers = batch.AllocateBuffers()
        batch.Reset(Rng.create 1UL)

        for _ in 1..4 do
            batch.StepAll(ReadOnlySpan [| 0.0f; 0.0f |], buffers)

        Assert.Equal(0, instance.Looks)
        Assert.Equal(1, (batch.Render 0).Value.Width)

        for _ in 1..2 do
            batch.StepAll(ReadOnlySpan [| 0.0f; 0.0f |], buffers)

        Assert.Equal(3, (batch.RenderFinal 0).Value.Width)
        Assert.Equal(1, (batch.Render 0).Value.Width)
        Assert.Equal(12.0, batch.FramesPerSecond)

    [<Fact>]
    let ``A playback shows every state of whole episodes with the rewards that led to it`` () =
        let environment = Drawn { Scripted.Quiet with TerminateAt = 4 }
        let space = (environment :> IEnvironment<ScriptedState>).ActionSpace
        let run () = Playback.run (Playback.atRandom space) (Vectorised(environment, 1)) 2 (Rng.create 3UL)
        let frames = Seq.toList (run ())
        Assert.Equal<int list>([ 0; 1; 2; 3; 4; 0; 1; 2; 3; 4 ], frames |> List.map _.Step)
        Assert.Equal<int list>([ 1; 1; 1; 1; 1; 2; 2; 2; 2; 2 ], frames |> List.map _.Episode)
        Assert.Equal<int list>(frames |> List.map (fun frame -> frame.Step + 1), frames |> List.map _.Scene.Width)
        Assert.Equal<bool list>(frames |> List.map (fun frame -> frame.Step = 4), frames |> List.map _.IsLast)

        for episode in frames |> List.chunkBySize 5 do
            Assert.Equal(episode |> List.sumBy _.Reward, (List.last episode).Return, 5)

        Assert.Equal<Frame list>(frames, Seq.toList (run ()))

    [<Fact>]
    let ``A playback refuses batches of several copies and what has no picture`` () =
        let environment = Drawn Scripted.Quiet
        let player = Playback.atRandom (environment :> IEnvironment<ScriptedState>).ActionSpace
        let run batch = Playback.run player batch 1 (Rng.create 1UL) |> Seq.head |> ignore
        Assert.Throws<ArgumentException>(fun () -> run (Vectorised(environment, 2))) |> ignore
        let blind = Assert.Throws<InvalidOperationException>(fun () -> run (Vectorised(Scripted Scripted.Quiet, 1)))
        Assert.Contains("cannot be looked at", blind.Message)

    [<Fact>]
    let ``Pendulum's rod leans to the left for a positive angle, as in Gymnasium`` () =
        for angle, side in [ 0.0, 0.0; 0.5, -1.0; Math.PI / 2.0, -1.0; -0.5, 1.0; Math.PI, 0.0 ] do
            let scene =
                (Pendulum Pendulum.V1 :> IRenderable<PendulumState>).Render { Angle = angle; AngularVelocity = 0.0 }

            // The round end of the rod is the only disc that is not the hub; the rod's far corners lie around it.
            let x, y =
                scene.Figures
                |> List.pick (function
                    | Figure.Disc(centre, _, _) -> Some(centre.X - 250.0, centre.Y - 250.0)
                    | _ -> None)

            let length = sqrt (x * x + y * y)
            Assert.InRange(length, 100.0, 200.0)
            Assert.Equal(-(sin angle) * length, x, 9)
            Assert.Equal(cos angle * length, y, 9)
            Assert.Equal(side, (if abs x < 1e-9 then 0.0 else float (sign x)))

            let far =
                scene.Figures
                |> List.pick (function
                    | Figure.Polygon(corners, _) when corners.Length = 4 -> Some corners
                    | _ -> None)
                |> Array.sortByDescending (fun corner -> (corner.X - 250.0) ** 2.0 + (corner.Y - 250.0) ** 2.0)

            Assert.Equal(250.0 + x, (far[0].X + far[1].X) / 2.0, 9)
            Assert.Equal(250.0 + y, (far[0].Y + far[1].Y) / 2.0, 9)

    [<Fact>]
    let ``Blackjack's picture shows cards that are known as cards and sums as sums`` () =
        let hand cards = List.fold (fun hand card -> BlackjackHand.add card hand) BlackjackHand.empty cards

        let texts player dealer over =
            let state = { Player = hand player; Dealer = hand dealer; Showing = List.head dealer; Over = over }

            (Blackjack Blackjack.V1 :> IRenderable<BlackjackState>).Render(state).Figures
            |> List.choose (function
                | Figure.Text(_, _, _, _, text) -> Some text
                | _ -> None)

        // The dealer's second card lies on its face.
        Assert.Equal<string list>([ "dealer shows"; "A"; "player's sum"; "15"; "2 cards" ], texts [ 10; 5 ] [ 1; 9 ] 0)

        // Two cards of which one is known and the sum: the other is known.
        Assert.Equal<string list>(
            [ "dealer's sum: 20"; "A"; "9"; "player's sum"; "18"; "3 cards, an ace counts 11" ],
            texts [ 1; 5; 2 ] [ 1; 9 ] 1
        )

        Assert.Equal<string list>(
            [ "dealer's sum: 25, bust"; "6"; "and 2 more"; "player's sum"; "26, bust"; "3 cards" ],
            texts [ 10; 6; 10 ] [ 6; 9; 10 ] 1
        )

    [<Fact>]
    let ``An environment is shown at the speed of its family`` () =
        Assert.Equal(50.0, FrameRate.ofId "CartPole-v1")
        Assert.Equal(4.0, FrameRate.ofId "FrozenLake-v1")
        Assert.Equal(FrameRate.standard, FrameRate.ofId "Something-v0")
        Assert.Equal(50.0, Vectorised(Drawn Scripted.Quiet, 1).FramesPerSecond)
