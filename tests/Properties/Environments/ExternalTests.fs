/// Users' mutable environments behind the batch: the same rules, and their exceptions named.
module Rl.Tests.Environments.ExternalTests

open System
open Rl.Core.Foundations
open Rl.Core.Environments
open Xunit

let private external script throwAt count =
    let create = Func<int, IMutableEnvironment>(fun _ -> MutableScripted(script, throwAt))
    let environment = External("Mine-v0", 7.0, count, create)
    environment.Reset(Rng.create 1UL)
    environment

let private trace (environment: BatchEnvironment) steps =
    let buffers = environment.AllocateBuffers()
    let actions = Array.zeroCreate<float32>(environment.Count * 2)

    [
        for _ in 1..steps do
            environment.StepAll(ReadOnlySpan actions, buffers)

            yield
                buffers.Observations.ToArray(),
                buffers.FinalObservations.ToArray(),
                (buffers.Terminated.ToArray(), buffers.Truncated.ToArray(), buffers.EpisodeLengths.ToArray())
    ]

[<Fact>]
let ``episodes end, restart and report as those of pure environments`` () =
    let environment = external { Scripted.Quiet with Limit = 3; TerminateAt = 0 } 0 2
    let seen = trace environment 4

    let counts =
        seen
        |> List.map (fun (observations, finals, (_, truncated, lengths)) ->
            observations[0], finals[0], truncated[0], lengths[0])

    Assert.Equal<(float32 * float32 * bool * int) list>(
        [ 1.0f, 0.0f, false, 0; 2.0f, 0.0f, false, 0; 0.0f, 3.0f, true, 3; 1.0f, 3.0f, false, 0 ],
        counts
    )

    Assert.Equal(7.0, environment.RewardThreshold)
    let now = Array.zeroCreate<float32> 4
    environment.Observe(Span now)
    let last, _, _ = List.last seen
    Assert.Equal<float32[]>(last, now)

[<Fact>]
let ``copies begin with different seeds, and the same key begins the same`` () =
    let first = trace (external Scripted.Quiet 0 3) 2

    Assert.Equal<float32[]>(
        (let observations, _, _ = first[0] in observations),
        (let observations, _, _ = (trace (external Scripted.Quiet 0 3) 2)[0] in observations)
    )

    let observations, _, _ = first[0]
    Assert.NotEqual(observations[1], observations[3])

[<Fact>]
let ``an exception is wrapped with the environment, the copy and the step`` () =
    let environment = external { Scripted.Quiet with Limit = 5 } 4 2
    let error = Assert.Throws<EnvironmentFailure>(fun () -> trace environment 4 |> ignore)
    Assert.Equal(("Mine-v0", 0, 4), (error.EnvironmentId, error.Copy, error.Step))
    Assert.Contains("the motor is on fire", error.Message)
    Assert.IsType<InvalidOperationException>(error.InnerException) |> ignore
    Assert.Throws<InvalidOperationException>(fun () -> trace environment 1 |> ignore) |> ignore

[<Fact>]
let ``a NaN reward and an infinite observation are named`` () =
    let reward =
        Assert.Throws<EnvironmentFailure>(fun () ->
            trace (external { Scripted.Quiet with BadRewardAt = 2 } 0 1) 2 |> ignore)

    Assert.Equal((2, -1), (reward.Step, reward.Component))

    let observation =
        Assert.Throws<EnvironmentFailure>(fun () ->
            trace (external { Scripted.Quiet with BadObservationAt = 3 } 0 1) 3 |> ignore)

    Assert.Equal((3, 1), (observation.Step, observation.Component))

[<Fact>]
let ``a restored batch starts new episodes from the captured streams`` () =
    let environment = external { Scripted.Quiet with Limit = 4 } 0 2
    trace environment 3 |> ignore
    let snapshot = environment.Capture()
    environment.Restore snapshot
    let once = trace environment 6
    environment.Restore snapshot
    let twice = trace environment 6
    Assert.True((once |> List.map (fun (o, _, f) -> o, f) = (twice |> List.map (fun (o, _, f) -> o, f))))
    let _, _, (_, _, lengths) = once[3]
    Assert.Equal<int[]>([| 4; 4 |], lengths)

[<Fact>]
let ``instances that differ in their spaces or limits are refused`` () =
    let create = Func<int, IMutableEnvironment>(fun copy -> MutableScripted({ Scripted.Quiet with Limit = copy }, 0))
    let error = Assert.Throws<ArgumentException>(fun () -> External("Mine-v0", nan, 2, create) |> ignore)
    Assert.Contains("instance 1", error.Message)

[<Fact>]
let ``a step through the adapter allocates nothing`` () =
    let environment = external { Scripted.Quiet with Limit = 5 } 0 4
    let buffers = environment.AllocateBuffers()
    let actions = Array.zeroCreate<float32> 8

    let walk () =
        for _ in 1..50 do
            environment.StepAll(ReadOnlySpan actions, buffers)

    walk ()
    let before = GC.GetAllocatedBytesForCurrentThread()
    walk ()
    Assert.Equal(0L, GC.GetAllocatedBytesForCurrentThread() - before)
