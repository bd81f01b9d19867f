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

/// `MutableScripted` that copies itself.
type private Cloneable(script: Script, inner: MutableScripted, past: (float32[] * uint64) list) =
    let mutable past = past
    let environment = inner :> IMutableEnvironment

    interface ICloneableEnvironment with
        member _.ObservationSpace = environment.ObservationSpace
        member _.ActionSpace = environment.ActionSpace
        member _.MaxEpisodeSteps = environment.MaxEpisodeSteps

        member _.Reset(seed, observation) =
            past <- [ [||], seed ]
            environment.Reset(seed, observation)

        member _.Step(action, observation) =
            past <- (action.ToArray(), 0UL) :: past
            environment.Step(action, observation)

        // What has happened is done again.
        member _.Clone() =
            let copy = MutableScripted(script, 0) :> IMutableEnvironment
            let observation = Array.zeroCreate<float32> 2

            for action, seed in List.rev past do
                if action.Length = 0 then
                    copy.Reset(seed, Span observation)
                else
                    copy.Step(ReadOnlySpan action, Span observation) |> ignore

            Cloneable(script, copy :?> MutableScripted, past)

[<Fact>]
let ``a snapshot of environments that clone themselves continues exactly, as often as it is restored`` () =
    let script = { Scripted.Quiet with Limit = 9 }
    let create = Func<int, IMutableEnvironment>(fun _ -> Cloneable(script, MutableScripted(script, 0), []))
    let environment = External("Mine-v0", nan, 2, create)
    environment.Reset(Rng.create 1UL)
    Assert.True environment.RestoresEpisodes
    trace environment 4 |> ignore
    let snapshot = environment.Capture()
    let show steps = trace environment steps |> List.map (fun (observations, _, ends) -> observations, ends)
    let first = show 7
    environment.Restore snapshot
    Assert.True((show 7 = first))
    environment.Restore snapshot
    Assert.True((show 7 = first))
    // A file holds no instances.
    environment.Restore { snapshot with Instances = [] }
    Assert.False environment.RestoresEpisodes

[<Fact>]
let ``a step that takes too long is named`` () =
    let slow =
        { new IMutableEnvironment with
            member _.ObservationSpace = Space.unbounded [| 1 |]
            member _.ActionSpace = Space.unbounded [| 2 |]
            member _.MaxEpisodeSteps = 0
            member _.Reset(_, observation) = observation[0] <- 1.0f

            member _.Step(action, observation) =
                if action[0] > 0.0f then Threading.Thread.Sleep 3000
                observation[0] <- 2.0f
                { Reward = 0.5; Terminated = false; Truncated = false }
        }

    let environment = External("Slow-v0", nan, 1, (fun _ -> slow), TimeSpan.FromSeconds 0.5)
    environment.Reset(Rng.create 1UL)
    let buffers = environment.AllocateBuffers()
    environment.StepAll(ReadOnlySpan [| 0f; 0f |], buffers)
    Assert.Equal((2.0f, 0.5f), (buffers.Observations.Span[0], buffers.Rewards.Span[0]))
    let error = Assert.Throws<EnvironmentFailure>(fun () -> environment.StepAll(ReadOnlySpan [| 1f; 0f |], buffers))
    Assert.Equal(("Slow-v0", 0, 2), (error.EnvironmentId, error.Copy, error.Step))
    Assert.IsType<TimeoutException>(error.InnerException) |> ignore

    Assert.Throws<ArgumentException>(fun () -> External("Slow-v0", nan, 1, (fun _ -> slow), TimeSpan.Zero) |> ignore)
    |> ignore

[<Fact>]
let ``a queue before other threads is no time that an environment took`` () =
    // The pool's threads are all taken for longer than the timeout, and as many tasks wait before the environment's.
    let mutable workers, others = 0, 0
    Threading.ThreadPool.GetMinThreads(&workers, &others)
    let busy = Array.init (4 * workers + 4) (fun _ -> Threading.Tasks.Task.Run(fun () -> Threading.Thread.Sleep 600))
    let create = Func<int, IMutableEnvironment>(fun _ -> MutableScripted(Scripted.Quiet, 0))
    let environment = External("Mine-v0", 7.0, 1, create, TimeSpan.FromSeconds 0.3)
    environment.Reset(Rng.create 1UL)
    let buffers = environment.AllocateBuffers()
    environment.StepAll(ReadOnlySpan [| 0.0f; 0.0f |], buffers)
    Threading.Tasks.Task.WaitAll busy
