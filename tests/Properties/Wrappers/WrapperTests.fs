/// Laws of wrappers, over random compositions of up to three around environments of different spaces.
[<FsCheck.Xunit.Properties(Replay = "(4719101,4719103)")>]
module Rl.Tests.Wrappers.WrapperTests

open System
open Rl.Core.Foundations
open Rl.Core.Environments
open Rl.Core.Wrappers
open Rl.Tests.Environments
open Rl.Tests.Wrappers.Compositions
open Xunit
open FsCheck.Xunit

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
