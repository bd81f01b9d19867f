/// What each wrapper does, and what it refuses.
[<FsCheck.Xunit.Properties(Replay = "(4719101,4719103)")>]
module Rl.Tests.Wrappers.EachWrapperTests

open System
open Rl.Core.Foundations
open Rl.Core.Environments
open Rl.Core.Wrappers
open Rl.Tests.Environments
open Rl.Tests.Wrappers.Compositions
open Xunit
open FsCheck.Xunit

let private pendulum list seed =
    let batch = Wrapper.apply list ((Registry.make "Pendulum-v1").Vectorise(3, 20))
    batch.Reset(Rng.create seed)
    batch

/// The rewards of Pendulum, which depend on its actions, under the same outer actions.
let private rewards list (actions: float32[][]) =
    run (pendulum list 4UL) actions |> List.map (List.map (fun (_, (reward, _, _), _) -> reward))

let private unit seed = randomActions (pendulum [ Wrapper.RescaleAction([| -1.0 |], [| 1.0 |]) ] 1UL) seed 30

[<Property(MaxTest = 20)>]
let ``rescaled actions are the inner ones that they stand for, and rescaling back is nothing`` (seed: uint64) =
    let actions = unit seed
    let rescale = Wrapper.RescaleAction([| -1.0 |], [| 1.0 |])
    // Pendulum's torques lie in ± 2.
    let doubled = actions |> Array.map (Array.map (fun action -> 2.0f * action))
    let back = Wrapper.RescaleAction([| -2.0 |], [| 2.0 |])

    rewards [ rescale ] actions = rewards [] doubled
    && rewards [ rescale; back ] doubled = rewards [] doubled

[<Property(MaxTest = 20)>]
let ``clipping changes nothing inside the bounds, and twice is once`` (seed: uint64) =
    let inside = unit seed
    let outside = inside |> Array.map (Array.map (fun action -> 5.0f * action))

    rewards [ Wrapper.ClipAction ] inside = rewards [] inside
    && rewards [ Wrapper.ClipReward(-1.0, 0.0); Wrapper.ClipReward(-1.0, 0.0) ] outside =
        rewards [ Wrapper.ClipReward(-1.0, 0.0) ] outside

[<Fact>]
let ``returns are the environment's own, or with RecordEpisodeStatistics those at its place`` () =
    let half = Wrapper.transformReward "half" (fun reward -> 0.5 * reward)

    let returns list =
        let batch = pendulum list 3UL

        run batch (randomActions batch 1UL 20)
        |> List.last
        |> List.map (fun (_, _, (value, length)) -> BitConverter.Int64BitsToDouble value, length)

    let own = returns []
    Assert.Equal<(float * int) list>(own, returns [ half ])
    Assert.Equal<(float * int) list>(own, returns [ Wrapper.RecordEpisodeStatistics; half ])

    for (value, length), (original, _) in List.zip (returns [ half; Wrapper.RecordEpisodeStatistics ]) own do
        Assert.Equal(0.5 * original, value, 9)
        Assert.Equal(20, length)

[<Fact>]
let ``a time limit reports the episodes that it cuts, and the limit is the smaller`` () =
    let batch = pendulum [ Wrapper.RepeatAction 2; Wrapper.TimeLimit 3; Wrapper.RecordEpisodeStatistics ] 3UL
    let steps = run batch (randomActions batch 1UL 6)
    Assert.Equal(3, batch.MaxEpisodeSteps)
    let ends = steps |> List.map (fun rows -> let _, (_, _, truncated), (_, length) = rows[0] in truncated, length)

    Assert.Equal<(bool * int) list>([ false, 0; false, 0; true, 3; false, 0; false, 0; true, 3 ], ends)
    // Without RecordEpisodeStatistics the environment counts its own steps.
    let below = pendulum [ Wrapper.RepeatAction 2; Wrapper.TimeLimit 3 ] 3UL
    let _, _, (_, length) = (run below (randomActions below 1UL 3) |> List.last)[0]
    Assert.Equal(6, length)

[<Fact>]
let ``sticky actions repeat as often as they should`` () =
    let batch = pendulum [ Wrapper.StickyAction(0.25, 1, 1) ] 7UL
    let plain = pendulum [] 7UL
    let mutable repeated, taken = 0, 0
    // The torque of a step shows in the next angular velocity: the plain one has another where an action was repeated.
    let buffers, other = batch.AllocateBuffers(), plain.AllocateBuffers()

    for actions in randomActions batch 1UL 3000 do
        plain.Restore
            { batch.Capture() with
                Wrappers = []
                Bytes = Array.truncate (plain.Capture().Bytes.Length) (batch.Capture().Bytes)
            }

        batch.StepAll(ReadOnlySpan actions, buffers)
        plain.StepAll(ReadOnlySpan actions, other)

        for copy in 0..2 do
            taken <- taken + 1

            if buffers.Rewards.Span[copy] <> other.Rewards.Span[copy] then
                repeated <- repeated + 1

    // The first action of each of the episodes of 20 steps is always taken.
    Assert.InRange(float repeated / float taken, 0.25 * 0.95 - 0.02, 0.25 * 0.95 + 0.02)

[<Fact>]
let ``images are resized by the mean over each new pixel's area`` () =
    let transform = Images.resize 2 4 1 2
    let target = Array.zeroCreate<float32> 2
    transform.Invoke(ReadOnlySpan [| 1f; 2f; 3f; 4f; 5f; 6f; 7f; 8f |], Span target)
    Assert.Equal<float32[]>([| 3.5f; 5.5f |], target)
    // Three columns onto two: each new one covers one and a half.
    let transform = Images.resize 1 3 1 2
    transform.Invoke(ReadOnlySpan [| 3f; 6f; 9f |], Span target)
    Assert.Equal<float32[]>([| 4f; 8f |], target)

[<Fact>]
let ``Atari's preprocessing stacks four grey frames of 84 by 84`` () =
    let batch = Wrapper.apply (Wrapper.FilterObservation [ "image" ] :: []) (Vectorised(Picture(), 2))

    // The image alone, without its name.
    let space = Space.image 3 3 4

    let image = Wrapper.wrap batch (Wrapper.transformObservation "image" (Some space) (clampTo 255f))

    let batch = Wrapper.apply Wrapper.atariPreprocessing image
    batch.Reset(Rng.create 1UL)
    let buffers = batch.AllocateBuffers()
    let actions = randomActions batch 1UL 1
    batch.StepAll(ReadOnlySpan actions[0], buffers)
    Assert.Equal(Space.boxOf 0.0 1.0 [| 4; 84; 84 |], batch.ObservationSpace)
    Assert.All(buffers.Observations.ToArray(), fun value -> Assert.InRange(value, 0.0f, 1.0f))

    let small = Wrapper.apply (Wrapper.atariPreprocessingOf 2 6 3) (Vectorised(Screen(), 2))
    Assert.Equal(Space.boxOf 0.0 1.0 [| 3; 6; 6 |], small.ObservationSpace)

[<Fact>]
let ``wrappers that do not fit are refused, and the message says what they need`` () =
    let refused (fragment: string) (list: Wrapper list) id =
        let error =
            Assert.ThrowsAny<ArgumentException>(fun () -> Wrapper.apply list ((Registry.make id).Vectorise 2) |> ignore)

        Assert.Contains(fragment, error.Message)

    refused "it needs a box" [ Wrapper.ClipAction ] "CartPole-v1"
    refused "a box with finite bounds" [ Wrapper.RescaleObservation([| 0.0 |], [| 1.0 |]) ] "CartPole-v1"
    refused "images" [ Wrapper.GrayscaleObservation true ] "CartPole-v1"
    refused "the part \"x\"" [ Wrapper.FilterObservation [ "x" ] ] "CartPole-v1"
    refused "skip" [ Wrapper.MaxAndSkipObservation 0 ] "CartPole-v1"
    refused "probability" [ Wrapper.StickyAction(1.5, 1, 1) ] "CartPole-v1"
    refused "longest" [ Wrapper.StickyAction(0.5, 3, 2) ] "CartPole-v1"
    refused "low is 1" [ Wrapper.ClipReward(1.0, 0.0) ] "CartPole-v1"
    refused "the lower below the upper" [ Wrapper.RescaleAction([| 1.0 |], [| 1.0 |]) ] "Pendulum-v1"
    refused "use fewer bins" [ Wrapper.DiscretizeObservation([| 1000 |], false) ] "Pendulum-v1"
    refused "below the normalisation" [ Wrapper.NormalizeObservation 1e-8; Wrapper.RepeatAction 2 ] "Pendulum-v1"
    refused "put it below" [ Wrapper.NextStepAutoreset; Wrapper.TimeLimit 3 ] "Pendulum-v1"
    let missing = Wrapper.TransformReward(UserFunction("mine", None, None))
    refused "\"mine\"" [ missing ] "Pendulum-v1"

[<Fact>]
let ``a snapshot of other wrappers is refused, and so are statistics of others`` () =
    let batch = pendulum [ Wrapper.NormalizeObservation 1e-8 ] 1UL
    let other = pendulum [ Wrapper.ClipAction ] 1UL
    let plain = pendulum [] 1UL

    let refused (fragment: string) (act: unit -> unit) =
        let error = Assert.Throws<ArgumentException>(act)
        Assert.Contains(fragment, error.Message)

    refused "within ClipAction" (fun () -> batch.Restore(other.Capture()))
    refused "wrap the environment in the same way" (fun () -> plain.Restore(batch.Capture()))
    refused "no wrapper" (fun () -> batch.Restore(plain.Capture()))
    refused "use the same wrappers" (fun () -> plain.RestoreStatistics(batch.Statistics, true))
    refused "0 entries" (fun () -> batch.RestoreStatistics([], true))

[<Fact>]
let ``the checker refuses an action outside its box and an observation outside its space`` () =
    let batch = pendulum [ Wrapper.PassiveEnvironmentChecker ] 1UL
    let buffers = batch.AllocateBuffers()

    let error = Assert.Throws<ArgumentException>(fun () -> batch.StepAll(ReadOnlySpan [| 0f; 3f; 0f |], buffers))

    Assert.Contains("copy 1", error.Message)

    let lying =
        Wrapper.apply
            [
                Wrapper.transformObservation "lie" (Some(Space.boxOf 0.0 2.5 [| 2 |])) (clampTo 100f)
                Wrapper.PassiveEnvironmentChecker
            ]
            (Vectorised(Scripted Scripted.Quiet, 1))

    lying.Reset(Rng.create 1UL)
    let buffers = lying.AllocateBuffers()
    let step () = lying.StepAll(ReadOnlySpan [| 0f; 0f |], buffers)
    step ()
    step ()
    let error = Assert.Throws<EnvironmentFailure>(step)
    Assert.Equal((3, 0, 3.0), (error.Step, error.Component, error.Value))

/// A user's environment with masks, though its actions are numbers.
type private MaskedBox() =
    interface IMaskedEnvironment with
        member _.ObservationSpace = Space.boxOf 0.0 1.0 [| 1 |]
        member _.ActionSpace = Space.boxOf 0.0 1.0 [| 1 |]
        member _.MaxEpisodeSteps = 3
        member _.Reset(_, observation) = observation[0] <- 0.0f

        member _.Step(_, observation) =
            observation[0] <- 0.0f
            { Reward = 0.0; Terminated = false; Truncated = false }

        member _.HasActionMask = true
        member _.ActionMask _ = ()

/// Counts its steps: 5 + k is impossible as the first integer where k is the remainder by 3, the bit 1 in even steps.
/// Impossible actions throw.
type private Turning() =
    let isPossible steps choice = steps % 3 <> choice

    interface IEnvironment<ScriptedState> with
        member _.Id = "Turning-v0"
        member _.ObservationSpace = Space.boxOf 0.0 100.0 [| 1 |]

        member _.ActionSpace =
            Space.tuple
                [
                    Space.multiDiscreteFrom [| 5; 0 |] [| 3; 2 |]
                    Space.multiBinary [| 1 |]
                    Space.boxOf 0.0 1.0 [| 1 |]
                ]

        member _.MaxEpisodeSteps = 20
        member _.RewardThreshold = nan
        member _.Reset(rng) = struct ({ Steps = 0; Draw = 0.0 }, rng)

        member _.Step(state, action, rng) =
            if not (isPossible state.Steps (int action[0] - 5)) || (state.Steps % 2 = 0 && action[2] = 1.0f) then
                invalidOp $"{action[0]}, {action[2]} is impossible in step {state.Steps}"

            let outcome = { Reward = 1.0; Terminated = false; Truncated = false }
            struct ({ state with Steps = state.Steps + 1 }, outcome, rng)

        member _.Observe(state, observation) = observation[0] <- float32 state.Steps

    interface IActionMasks<ScriptedState> with
        member _.ActionMask(state, mask) =
            for choice in 0..2 do
                mask[choice] <- isPossible state.Steps choice

            mask[3] <- true
            mask[4] <- true
            mask[5] <- true
            mask[6] <- state.Steps % 2 = 1

[<Fact>]
let ``wrappers that repeat actions stop where a mask rules the action out`` () =
    let actions = [| 6.0f; 1.0f; 0.0f; 0.5f |]

    let steps list =
        let batch = Wrapper.apply list (Vectorised(Turning(), 1))
        batch.Reset(Rng.create 1UL)
        let buffers = batch.AllocateBuffers()
        batch.StepAll(ReadOnlySpan actions, buffers)
        buffers.Rewards.Span[0], buffers.Observations.Span[0], batch.MaxEpisodeSteps

    // Choice 1 is possible in step 0, not in step 1.
    Assert.Equal((1.0f, 1.0f, 20), steps [ Wrapper.RepeatAction 4 ])
    Assert.Equal((1.0f, 1.0f, 20), steps [ Wrapper.MaxAndSkipObservation 4 ])

    // A sticky action is not taken again where it is impossible, but the agent's own.
    let batch = Wrapper.apply [ Wrapper.StickyAction(1.0, 2, 2) ] (Vectorised(Turning(), 1))

    batch.Reset(Rng.create 1UL)
    let buffers = batch.AllocateBuffers()
    let mutable rng = Rng.create 2UL
    let mask = Array.zeroCreate<bool> 7
    let action = Array.zeroCreate<float32> 4

    for _ in 1..60 do
        batch.ActionMasks(0, 1, Span mask)
        rng <- batch.ActionSpace.Sample(rng, ReadOnlySpan mask, Span action)
        batch.StepAll(ReadOnlySpan action, buffers)

[<Fact>]
let ``masks of an action without choices are none`` () =
    let batch = External("Masked", nan, 1, fun _ -> MaskedBox() :> IMutableEnvironment)
    Assert.False batch.HasActionMasks

[<Fact>]
let ``masks pass through wrappers that keep the actions, and a wrapped batch prints its wrappers`` () =
    let batch =
        pendulum
            [ Wrapper.TimeLimit 5; Wrapper.RescaleAction([| -1.0 |], [| 1.0 |]); Wrapper.NormalizeReward(0.99, 1e-8) ]
            1UL

    Assert.Equal<string list>(
        [
            "TimeLimit(maxEpisodeSteps = 5)"
            "RescaleAction(low = [-1], high = [1])"
            "NormalizeReward(discount = 0.99, epsilon = 1E-08)"
        ],
        batch.Wrappers
    )

    Assert.False batch.HasActionMasks

/// Shows one image for ever.
type private Still(space: Space, value: float32) =
    interface IMutableEnvironment with
        member _.ObservationSpace = space
        member _.ActionSpace = Space.discrete 2
        member _.MaxEpisodeSteps = 5
        member _.Reset(_, observation) = observation.Fill value

        member _.Step(_, observation) =
            observation.Fill value
            { Reward = 0.0; Terminated = false; Truncated = false }

[<Fact>]
let ``resized and grey images stay within their spaces`` () =
    for high, wrappers in
        [
            for height, width in [ 2, 2; 84, 84; 7, 3; 31, 50; 110, 84 ] do
                255.0, [ Wrapper.ResizeObservation(height, width) ]
            255.0, [ Wrapper.GrayscaleObservation true; Wrapper.ResizeObservation(5, 9) ]
            1.0, [ Wrapper.GrayscaleObservation true ]
            1e-5, [ Wrapper.GrayscaleObservation true ]
            3e-9, [ Wrapper.GrayscaleObservation false ]
            255.0, Wrapper.atariPreprocessing
        ] do
        let space = Space.boxOf 0.0 (float (float32 high)) [| 3; 210; 160 |]
        let create = Func<int, IMutableEnvironment>(fun _ -> Still(space, float32 high))
        // The checker refuses what lies outside.
        let batch =
            Wrapper.apply (wrappers @ [ Wrapper.PassiveEnvironmentChecker ]) (External("Still-v0", nan, 1, create))

        batch.Reset(Rng.create 1UL)
        let shown = Array.zeroCreate<float32> batch.ObservationSize
        batch.Observe(Span shown)
        Assert.True(batch.ObservationSpace.Contains(ReadOnlySpan shown))
