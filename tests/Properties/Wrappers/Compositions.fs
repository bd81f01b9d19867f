/// What tests of wrappers share: environments of different spaces, one or more of every wrapper, and what a run of a
/// batch writes.
module Rl.Tests.Wrappers.Compositions

open System
open Rl.Core.Foundations
open Rl.Core.Environments
open Rl.Core.Wrappers
open Rl.Tests.Environments

/// A colour image of 3 × 4 pixels and a number that counts the steps, for wrappers of images and dictionaries; two bits
/// and an integer as actions.
type Picture() =
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
type Screen() =
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

let clampTo (limit: float32) =
    RowTransform(fun source destination ->
        for i in 0 .. source.Length - 1 do
            destination[i] <- Math.Clamp(source[i], -limit, limit))

let halve =
    RowTransform(fun source destination ->
        for i in 0 .. source.Length - 1 do
            destination[i] <- 0.5f * source[i])

/// One or more of every wrapper.
let all: Wrapper[] =
    [|
        Wrapper.TimeLimit 7
        Wrapper.RecordEpisodeStatistics
        Wrapper.NormalizeObservation 1e-8
        Wrapper.NormalizeReward(0.9, 1e-8)
        Wrapper.CountBonus(0.5, [| 3 |])
        Wrapper.RandomNetworkDistillation(0.5, 1e-3, 3, 7)
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

let environments: (int -> BatchEnvironment) list =
    [
        fun count -> (Registry.make "CartPole-v1").Vectorise(count, 20)
        fun count -> (Registry.make "Pendulum-v1").Vectorise(count, 20)
        fun count -> Vectorised(Picture(), count)
        fun count -> Vectorised(Screen(), count)
        fun count -> Vectorised(Scripted { Scripted.Quiet with Limit = 12; TerminateAt = 9 }, count)
        fun count -> External("Mine-v0", nan, count, fun _ -> MutableScripted({ Scripted.Quiet with Limit = 6 }, 0))
    ]

/// Up to three wrappers chosen by number, each left out where it does not fit.
let compose (choices: int list) (count: int) (environment: int) : BatchEnvironment =
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

let forEach (choices: int list) (law: (int -> BatchEnvironment) -> bool) =
    [ 0 .. environments.Length - 1 ]
    |> List.forall (fun environment ->
        let make count = compose choices count environment

        law make || failwith $"{(make 1).Id} within {(make 1).Wrappers}")

let randomActions (batch: BatchEnvironment) seed steps =
    let mutable rng = Rng.create seed

    [|
        for _ in 1..steps do
            let actions = Array.zeroCreate<float32>(batch.Count * batch.ActionSize)

            for copy in 0 .. batch.Count - 1 do
                rng <- batch.ActionSpace.Sample(rng, Span(actions, copy * batch.ActionSize, batch.ActionSize))

            actions
    |]

/// What a step wrote, rows of copies that did not end aside.
let written copies (buffers: StepBuffers) =
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

let runRanges (batch: BatchEnvironment) (actions: float32[][]) ranges =
    let buffers = batch.AllocateBuffers()

    [
        for row in actions do
            for first, count in ranges do
                batch.Step(first, count, ReadOnlySpan row, buffers)

            yield written batch.Count buffers
    ]

let run (batch: BatchEnvironment) actions = runRanges batch actions [ 0, batch.Count ]

let started (make: int -> BatchEnvironment) count (seed: uint64) =
    let batch = make count
    batch.Reset(Rng.create seed)
    batch
