/// Laws of wrappers, over random compositions of up to three around environments of different spaces.
[<FsCheck.Xunit.Properties(Replay = "(4719101,4719103)")>]
module Rl.Tests.Wrappers.WrapperTests

open System
open Rl.Core.Foundations
open Rl.Core.Environments
open Rl.Core.Wrappers
open Rl.Tests.Environments
open Xunit
open FsCheck.Xunit

/// A colour image of 3 × 4 pixels and a number that counts the steps, for wrappers of images and dictionaries; two bits and an integer as actions.
type private Picture() =
    interface IEnvironment<ScriptedState> with
        member _.Id = "Picture-v0"

        member _.ObservationSpace =
            Space.dict [ "image", Space.image 3 3 4; "steps", Space.discrete 40; "draw", Space.boxOf 0.0 1.0 [| 2 |] ]

        member _.ActionSpace = Space.tuple [ Space.multiBinary [| 2 |]; Space.discreteFrom 1 3 ]
        member _.MaxEpisodeSteps = 30
        member _.RewardThreshold = nan

        member _.Reset(rng) =
            let struct (draw, rng) = Rng.uniform rng
            struct ({ Steps = 0; Draw = draw }, rng)

        member _.Step(state, action, rng) =
            let struct (noise, rng) = Rng.uniform rng
            let reward = float action[0] + float action[2] + noise
            let steps = state.Steps + 1
            struct ({ state with Steps = steps }, { Reward = reward; Terminated = noise < 0.1; Truncated = false }, rng)

        member _.Observe(state, observation) =
            for i in 0..35 do
                observation[i] <- float32 ((i * 7 + state.Steps * 11) % 256)

            observation[36] <- float32 state.Steps
            observation[37] <- float32 state.Draw
            observation[38] <- 1.0f - float32 state.Draw

/// A colour image of 3 × 4 pixels alone, for the wrappers of images.
type private Screen() =
    interface IEnvironment<ScriptedState> with
        member _.Id = "Screen-v0"
        member _.ObservationSpace = Space.image 3 3 4
        member _.ActionSpace = Space.discrete 3
        member _.MaxEpisodeSteps = 30
        member _.RewardThreshold = nan

        member _.Reset(rng) =
            let struct (draw, rng) = Rng.uniform rng
            struct ({ Steps = 0; Draw = draw }, rng)

        member _.Step(state, action, rng) =
            let struct (noise, rng) = Rng.uniform rng
            let outcome = { Reward = float action[0] + noise; Terminated = noise < 0.1; Truncated = false }
            struct ({ state with Steps = state.Steps + 1 }, outcome, rng)

        member _.Observe(state, observation) =
            for i in 0..35 do
                observation[i] <- float32 ((i * 5 + state.Steps * 13 + int (100.0 * state.Draw)) % 256)

let private clampTo (limit: float32) =
    RowTransform(fun source destination ->
        for i in 0 .. source.Length - 1 do
            destination[i] <- Math.Clamp(source[i], -limit, limit))

let private halve =
    RowTransform(fun source destination ->
        for i in 0 .. source.Length - 1 do
            destination[i] <- 0.5f * source[i])

/// One or more of every wrapper.
let private all: Wrapper[] =
    [|
        Wrapper.TimeLimit 7
        Wrapper.RecordEpisodeStatistics
        Wrapper.NormalizeObservation 1e-8
        Wrapper.NormalizeReward(0.9, 1e-8)
        Wrapper.transformObservation "clamp" None (clampTo 1e4f)
        Wrapper.transformReward "double" (fun reward -> 2.0 * reward)
        Wrapper.transformAction "halve" None halve
        Wrapper.ClipAction
        Wrapper.ClipReward(-0.5, 0.5)
        Wrapper.RescaleAction([| -1.0 |], [| 1.0 |])
        Wrapper.RescaleObservation([| 0.0 |], [| 1.0 |])
        Wrapper.FrameStackObservation(3, FramePadding.Reset)
        Wrapper.FrameStackObservation(2, FramePadding.Zero)
        Wrapper.TimeAwareObservation(true, false)
        Wrapper.TimeAwareObservation(false, true)
        Wrapper.DelayObservation 2
        Wrapper.DelayObservation 0
        Wrapper.FlattenObservation
        Wrapper.FilterObservation [ "image" ]
        Wrapper.FilterObservation [ "draw"; "steps" ]
        Wrapper.ReshapeObservation [| 3; 12 |]
        Wrapper.GrayscaleObservation true
        Wrapper.ResizeObservation(2, 3)
        Wrapper.DiscretizeObservation([| 3 |], true)
        Wrapper.DiscretizeAction([| 5 |], false)
        Wrapper.MaxAndSkipObservation 3
        Wrapper.RepeatAction 2
        Wrapper.StickyAction(0.3, 1, 3)
        Wrapper.PassiveEnvironmentChecker
        Wrapper.NextStepAutoreset
    |]

let private environments: (int -> BatchEnvironment) list =
    [
        fun count -> (Registry.make "CartPole-v1").Vectorise(count, 20)
        fun count -> (Registry.make "Pendulum-v1").Vectorise(count, 20)
        fun count -> Vectorised(Picture(), count)
        fun count -> Vectorised(Screen(), count)
        fun count -> Vectorised(Scripted { Scripted.Quiet with Limit = 12; TerminateAt = 9 }, count)
        fun count -> External("Mine-v0", nan, count, fun _ -> MutableScripted({ Scripted.Quiet with Limit = 6 }, 0))
    ]

/// Up to three wrappers chosen by number, each left out where it does not fit.
let private compose (choices: int list) (count: int) (environment: int) : BatchEnvironment =
    let wrap (batch: BatchEnvironment) choice =
        match all[(choice &&& 0xFFFFFF) % all.Length] with
        // Halves of integers are no actions.
        | Wrapper.TransformAction _ when not batch.ActionSpace.IsBox -> batch
        | wrapper ->
            try
                Wrapper.wrap batch wrapper
            with :? ArgumentException ->
                batch

    choices |> List.truncate 3 |> List.fold wrap (environments[environment] count)

let private forEach (choices: int list) (law: (int -> BatchEnvironment) -> bool) =
    [ 0 .. environments.Length - 1 ]
    |> List.forall (fun environment ->
        let make count = compose choices count environment

        law make || failwith $"{(make 1).Id} within {(make 1).Wrappers}")

/// The wrappers of `all` by number, around environment 3, the screen.
let private aroundScreen (numbers: int list) = compose numbers 2 3

[<Fact>]
let ``each wrapper fits one of the environments, and those of images are composed with each other`` () =
    for number in 0 .. all.Length - 1 do
        let isBound environment = not (compose [ number ] 1 environment).Wrappers.IsEmpty
        Assert.True(List.exists isBound [ 0 .. environments.Length - 1 ], string all[number])

    let number wrapper = Array.findIndex ((=) wrapper) all
    let gray, resize = number (Wrapper.GrayscaleObservation true), number (Wrapper.ResizeObservation(2, 3))
    let reshape = number (Wrapper.ReshapeObservation [| 3; 12 |])

    Assert.Equal<int[]>([| 1; 2; 3 |], (aroundScreen [ gray; resize ]).ObservationSpace.Shape)

    Assert.Equal(
        2,
        (aroundScreen [ resize; reshape ]).Wrappers.Length
        + (aroundScreen [ reshape; resize ]).Wrappers.Length
    )

    Assert.Equal<int[]>([| 3; 12 |], (aroundScreen [ reshape ]).ObservationSpace.Shape)

    let stacked = aroundScreen [ gray; resize; number (Wrapper.FrameStackObservation(3, FramePadding.Reset)) ]
    Assert.Equal<int[]>([| 3; 1; 2; 3 |], stacked.ObservationSpace.Shape)

let private randomActions (batch: BatchEnvironment) seed steps =
    let mutable rng = Rng.create seed

    [|
        for _ in 1..steps do
            let actions = Array.zeroCreate<float32>(batch.Count * batch.ActionSize)

            for copy in 0 .. batch.Count - 1 do
                rng <- batch.ActionSpace.Sample(rng, Span(actions, copy * batch.ActionSize, batch.ActionSize))

            actions
    |]

/// What a step wrote, rows of copies that did not end aside.
let private written copies (buffers: StepBuffers) =
    let size = buffers.Observations.Length / buffers.Rewards.Length
    let terminated, truncated = buffers.Terminated.ToArray(), buffers.Truncated.ToArray()

    [
        for copy in 0 .. copies - 1 do
            let hasEnded = terminated[copy] || truncated[copy]
            let row (memory: Memory<float32>) = memory.Slice(copy * size, size).ToArray()

            yield
                (row buffers.Observations, (if hasEnded then row buffers.FinalObservations else [||])),
                (buffers.Rewards.Span[copy], terminated[copy], truncated[copy]),
                (BitConverter.DoubleToInt64Bits buffers.EpisodeReturns.Span[copy], buffers.EpisodeLengths.Span[copy])
    ]

let private runRanges (batch: BatchEnvironment) (actions: float32[][]) ranges =
    let buffers = batch.AllocateBuffers()

    [
        for row in actions do
            for first, count in ranges do
                batch.Step(first, count, ReadOnlySpan row, buffers)

            yield written batch.Count buffers
    ]

let private run (batch: BatchEnvironment) actions = runRanges batch actions [ 0, batch.Count ]

let private started (make: int -> BatchEnvironment) count (seed: uint64) =
    let batch = make count
    batch.Reset(Rng.create seed)
    batch

[<Property(MaxTest = 60)>]
let ``any composition honours the contract of a batch`` (choices: int list) (seed: uint64) =
    forEach choices (fun make ->
        let batch = started make 3 seed
        let buffers = batch.AllocateBuffers()
        let space, size = batch.ObservationSpace, batch.ObservationSize
        let seen = Array.zeroCreate<float32>(3 * size)
        // Rescaling rounds: a bound may be passed by the last bit.
        let near (row: float32[]) =
            match space with
            | Space.Box(low, high, _) ->
                Array.forall Single.IsFinite row
                && Array.zip3 low row high
                   |> Array.forall (fun (low, value, high) -> float value >= low - 1e-4 && float value <= high + 1e-4)
            | _ -> space.Contains(ReadOnlySpan row)

        size = space.Size
        && batch.ActionSize = batch.ActionSpace.Size
        && randomActions batch seed 25
           |> Array.forall (fun actions ->
               batch.StepAll(ReadOnlySpan actions, buffers)
               batch.Observe(Span seen)
               let ended = [ for copy in 0..2 -> buffers.Terminated.Span[copy] || buffers.Truncated.Span[copy] ]

               seen = buffers.Observations.ToArray()
               && [ 0..2 ]
                  |> List.forall (fun copy ->
                      let row (memory: Memory<float32>) = memory.Slice(copy * size, size).ToArray()

                      near (row buffers.Observations)
                      && (not ended[copy] || near (row buffers.FinalObservations))
                      && Single.IsFinite buffers.Rewards.Span[copy]
                      && not (buffers.Terminated.Span[copy] && buffers.Truncated.Span[copy])
                      && ended[copy] = (buffers.EpisodeLengths.Span[copy] > 0)
                      && ended[copy] = Double.IsFinite buffers.EpisodeReturns.Span[copy])))

[<Property(MaxTest = 60)>]
let ``a captured composition continues with the same numbers, and the same seed gives the same``
    (choices: int list)
    (seed: uint64)
    =
    forEach choices (fun make ->
        let original, other = started make 3 seed, started make 3 (seed + 1UL)
        let before = randomActions original 1UL 13
        let actions = randomActions original 2UL 20
        run original before |> ignore
        let snapshot = original.Capture()
        let continued = run original actions
        let again = started make 3 seed
        run again before |> ignore

        if original.RestoresEpisodes then
            other.Restore snapshot
            let restored = run other actions
            original.Restore snapshot

            continued = restored && continued = run original actions && continued = run again actions
        else
            // New episodes, but the same ones each time; the statistics stay.
            other.Restore snapshot
            let restored = run other actions
            original.Restore snapshot

            original.Statistics = snapshot.Statistics
            && restored = run original actions
            && continued = run again actions)

[<Property(MaxTest = 60)>]
let ``a copy of an uncoupled composition does the same in a batch of any size, split anywhere``
    (choices: int list)
    (seed: uint64)
    (cut: byte)
    =
    forEach choices (fun make ->
        let many, few = started make 7 seed, started make 2 seed
        let actions = randomActions many 3UL 25
        let fewActions = actions |> Array.map (Array.take (2 * few.ActionSize))
        let cut = int cut % 8

        if many.IsCoupled then
            let error =
                Assert.Throws<ArgumentException>(fun () ->
                    many.Step(0, 3, ReadOnlySpan actions[0], many.AllocateBuffers()))

            error.ParamName = "count"
        else
            let split = runRanges many actions [ cut, 7 - cut; 0, cut ]
            (split |> List.map (List.take 2)) = run few fewActions)

[<Property(MaxTest = 60)>]
let ``frozen statistics do not move, do not couple, and show what they showed`` (choices: int list) (seed: uint64) =
    forEach (2 :: List.truncate 2 choices) (fun make ->
        let training = started make 4 seed
        run training (randomActions training 1UL 20) |> ignore
        let statistics = training.Statistics
        let one = make 3
        one.RestoreStatistics(statistics, true)
        one.Reset(Rng.create 9UL)
        let actions = randomActions one 2UL 20
        let cut = if one.IsCoupled then [ 0, 3 ] else [ 1, 2; 0, 1 ]
        let seen = runRanges one actions cut
        let two = make 3
        two.RestoreStatistics(statistics, true)
        two.Reset(Rng.create 9UL)

        not one.IsCoupled && one.Statistics = statistics && seen = run two actions)

[<Property(MaxTest = 60)>]
let ``both modes of autoreset show the same, the next step's one step later`` (choices: int list) (seed: uint64) =
    forEach choices (fun make ->
        // The same wrappers around the same environment, with its autoreset in the next step.
        let same = started make 1 seed

        let rec around (batch: BatchEnvironment) : BatchEnvironment =
            match batch with
            | :? WrappedBatch as wrapped -> Wrapper.wrap (around wrapped.Inner) wrapped.Wrapper
            | plain -> Wrapper.wrap plain Wrapper.NextStepAutoreset

        let next =
            try
                Some(around (make 1))
            with :? ArgumentException ->
                // Time limits and repeated actions stand below.
                None

        match next with
        | None -> true
        | Some next ->
            next.Reset(Rng.create seed)
            let buffers, nextBuffers = same.AllocateBuffers(), next.AllocateBuffers()

            // A return goes on into the next episode with autoreset in the next step alone.
            let areRewardsSame = not (same.Wrappers |> List.exists _.StartsWith("NormalizeReward"))

            randomActions same 5UL 30
            |> Array.forall (fun actions ->
                same.StepAll(ReadOnlySpan actions, buffers)
                next.StepAll(ReadOnlySpan actions, nextBuffers)
                let hasEnded = buffers.Terminated.Span[0] || buffers.Truncated.Span[0]
                let led = if hasEnded then buffers.FinalObservations else buffers.Observations

                let agrees =
                    led.ToArray() = nextBuffers.Observations.ToArray()
                    && (not areRewardsSame || buffers.Rewards.Span[0] = nextBuffers.Rewards.Span[0])
                    && buffers.Terminated.Span[0] = nextBuffers.Terminated.Span[0]
                    && buffers.Truncated.Span[0] = nextBuffers.Truncated.Span[0]
                    && buffers.EpisodeLengths.Span[0] = nextBuffers.EpisodeLengths.Span[0]

                if hasEnded then next.StepAll(ReadOnlySpan actions, nextBuffers)
                agrees && buffers.Observations.ToArray() = nextBuffers.Observations.ToArray()))

[<Property(MaxTest = 60)>]
let ``a step of a composition allocates nothing`` (choices: int list) =
    forEach choices (fun make ->
        let batch = started make 4 1UL
        let buffers = batch.AllocateBuffers()
        let actions = randomActions batch 1UL 15

        let walk () =
            for row in actions do
                batch.StepAll(ReadOnlySpan row, buffers)

        walk ()
        let before = GC.GetAllocatedBytesForCurrentThread()
        walk ()
        GC.GetAllocatedBytesForCurrentThread() = before)

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
