/// Batches: the same numbers as single copies, however they are split; ends of episodes; snapshots; bad input.
[<FsCheck.Xunit.Properties(Replay = "(4719013,4719015)")>]
module Rl.Tests.Environments.BatchTests

open System
open System.Threading.Tasks
open Rl.Core.Foundations
open Rl.Core.Environments
open Rl.Core.Environments.ClassicControl
open Xunit
open FsCheck.Xunit

/// Everything that one step wrote.
let private written (buffers: StepBuffers) =
    let bits (values: float32[]) = values |> Array.map BitConverter.SingleToInt32Bits

    (bits (buffers.Observations.ToArray()), bits (buffers.FinalObservations.ToArray())),
    bits (buffers.Rewards.ToArray()),
    (buffers.Terminated.ToArray(), buffers.Truncated.ToArray(), buffers.EpisodeLengths.ToArray()),
    buffers.EpisodeReturns.ToArray() |> Array.map BitConverter.DoubleToInt64Bits

/// Random actions of every step, [steps][N · actionSize].
let private randomActions (environment: BatchEnvironment) seed steps =
    let mutable rng = Rng.create seed

    [|
        for _ in 1..steps do
            let actions = Array.zeroCreate<float32>(environment.Count * environment.ActionSize)

            for copy in 0 .. environment.Count - 1 do
                let row = Span(actions, copy * environment.ActionSize, environment.ActionSize)
                rng <- environment.ActionSpace.Sample(rng, row)

            yield actions
    |]

/// Runs the actions, each step in the ranges that `ranges` gives.
let private run (environment: BatchEnvironment) (actions: float32[][]) (ranges: (int * int) list) =
    let buffers = environment.AllocateBuffers()

    [
        for row in actions do
            for first, count in ranges do
                environment.Step(first, count, ReadOnlySpan row, buffers)

            yield written buffers
    ]

let private whole (environment: BatchEnvironment) = [ 0, environment.Count ]

let private batch id count seed =
    let environment = (Registry.make id).Vectorise(count, (if RegistryCases.isRobot id then 17 else 30))
    environment.Reset(Rng.create seed)
    environment

/// As many steps as a property looks at, but fewer of a robot.
let private stepsOf id most = if RegistryCases.isRobot id then min most 24 else most

/// A pure environment without its SIMD kernel.
type private Plain<'State when 'State: unmanaged>(inner: IEnvironment<'State>) =
    interface IEnvironment<'State> with
        member _.Id = inner.Id
        member _.ObservationSpace = inner.ObservationSpace
        member _.ActionSpace = inner.ActionSpace
        member _.MaxEpisodeSteps = inner.MaxEpisodeSteps
        member _.RewardThreshold = inner.RewardThreshold
        member _.Reset(rng) = inner.Reset rng
        member _.Step(state, action, rng) = inner.Step(state, action, rng)
        member _.Observe(state, observation) = inner.Observe(state, observation)

let private kernelEqualsSteps (environment: IEnvironment<'State>) (count: int) (seed: uint64) =
    let steps = stepsOf environment.Id 200
    let limit = steps * 3 / 4
    let fast, plain = Vectorised(environment, count, limit), Vectorised(Plain environment, count, limit)
    fast.Reset(Rng.create seed)
    plain.Reset(Rng.create seed)
    let actions = randomActions fast (seed + 1UL) steps
    run fast actions (whole fast) = run plain actions (whole plain) && fast.Capture() = plain.Capture()

[<Property(MaxTest = 15)>]
let ``SIMD steps of CartPole are its single steps bit for bit``
    (seed: uint64)
    (count: byte)
    (sutton: bool)
    (semi: bool)
    =
    let options =
        { CartPole.V1 with
            SuttonBartoReward = sutton
            Integrator =
                (if semi then
                     KinematicsIntegrator.SemiImplicitEuler
                 else
                     KinematicsIntegrator.Euler)
        }

    kernelEqualsSteps (CartPole options) (1 + int count % 40) seed

[<Property(MaxTest = 15)>]
let ``SIMD steps of Pendulum are its single steps bit for bit`` (seed: uint64) (count: byte) =
    kernelEqualsSteps (Pendulum { Pendulum.V1 with Gravity = 9.81 }) (1 + int count % 40) seed

[<Property(MaxTest = 15)>]
let ``SIMD steps of the mountain cars are their single steps bit for bit`` (seed: uint64) (count: byte) =
    let velocity = float (seed % 5UL) / 100.0

    kernelEqualsSteps (MountainCar { MountainCar.V0 with GoalVelocity = velocity }) (1 + int count % 40) seed
    && kernelEqualsSteps
        (MountainCarContinuous { MountainCarContinuous.V0 with GoalVelocity = velocity })
        (1 + int count % 40)
        seed

/// Mountain cars next to the flag and acrobots in full swing, which random actions rarely reach.
let private kernelEqualsStepsFrom (environment: IEnvironment<'State>) (states: 'State[]) (seed: uint64) =
    let kernel =
        match environment with
        | :? IBatchKernel<'State> as kernel -> kernel
        | _ -> failwith $"{environment.Id} has no kernel."

    let actions = Array.zeroCreate<float32> states.Length
    let mutable rng = Rng.create seed

    for index in 0 .. states.Length - 1 do
        rng <- environment.ActionSpace.Sample(rng, Span(actions, index, 1))

    let together, outcomes = Array.copy states, Array.zeroCreate<Outcome> states.Length
    kernel.StepMany(Span together, ReadOnlySpan actions, Span outcomes)
    let size = environment.ObservationSpace.Size
    let observations = Array.zeroCreate<float32>(states.Length * size)
    kernel.ObserveMany(ReadOnlySpan together, Span observations)

    Seq.forall
        (fun index ->
            let struct (state, outcome, _) = environment.Step(states[index], ReadOnlySpan(actions, index, 1), rng)
            let observation = Array.zeroCreate<float32> size
            environment.Observe(state, Span observation)

            state = together[index]
            && outcome = outcomes[index]
            && observation = Array.sub observations (index * size) size)
        [ 0 .. states.Length - 1 ]

[<Property(MaxTest = 50)>]
let ``SIMD steps agree with single ones at flags, walls and wild swings, and reach ends`` (seed: uint64) =
    let mutable rng = Rng.create seed

    let uniform low high =
        let struct (value, next) = Rng.uniformIn low high rng
        rng <- next
        value

    let cars limit : MountainCarState[] =
        Array.init 43 (fun index ->
            if index % 2 = 0 then
                { Position = uniform (limit - 0.1) (limit - 1e-6); Velocity = uniform 0.0 0.07 }
            else
                { Position = uniform -1.2 -1.15; Velocity = uniform -0.07 0.0 })

    let swings: AcrobotState[] =
        Array.init 43 (fun _ ->
            {
                Angle1 = uniform -1.0 1.0
                Angle2 = uniform -1.0 1.0
                Velocity1 = uniform -12.5 12.5
                Velocity2 = uniform -28.0 28.0
            })

    let nips = { Acrobot.V1 with Dynamics = AcrobotDynamics.Nips }

    kernelEqualsStepsFrom (MountainCar MountainCar.V0) (cars 0.5) seed
    && kernelEqualsStepsFrom (MountainCarContinuous MountainCarContinuous.V0) (cars 0.45) seed
    && kernelEqualsStepsFrom (Acrobot Acrobot.V1) swings seed
    && kernelEqualsStepsFrom (Acrobot nips) swings seed

[<Property(MaxTest = 5)>]
let ``a batch of any registered environment does what single steps do, bit for bit`` (seed: uint64) (count: byte) =
    let differs id =
        (Registry.make id)
            .Accept(
                { new IEnvironmentVisitor<bool> with
                    member _.Visit environment = not (kernelEqualsSteps environment (1 + int count % 20) seed)
                }
            )

    Assert.Equal("", String.Join(" ", List.filter differs (RegistryCases.oneIn 3 seed)))

[<Property(MaxTest = 20)>]
let ``a copy does the same in a batch of any size`` (seed: uint64) (count: byte) =
    RegistryCases.oneIn 8 seed
    |> List.forall (fun id ->
        let many, few = batch id (4 + int count % 30) seed, batch id 3 seed
        let actions = randomActions many 1UL (stepsOf id 60)
        let fewActions = actions |> Array.map (Array.take (3 * few.ActionSize))

        let take (buffers: StepBuffers) =
            buffers.Rewards.Slice(0, 3).ToArray(), buffers.Observations.Slice(0, 3 * few.ObservationSize).ToArray()

        let manyBuffers, fewBuffers = many.AllocateBuffers(), few.AllocateBuffers()

        Array.forall2
            (fun (row: float32[]) (fewRow: float32[]) ->
                many.StepAll(ReadOnlySpan row, manyBuffers)
                few.StepAll(ReadOnlySpan fewRow, fewBuffers)
                take manyBuffers = take fewBuffers)
            actions
            fewActions)

[<Property(MaxTest = 20)>]
let ``the numbers do not depend on how a batch is split into ranges`` (seed: uint64) (cut: byte) =
    RegistryCases.oneIn 8 seed
    |> List.forall (fun id ->
        let count = if RegistryCases.isRobot id then 21 else 37
        let one, two = batch id count seed, batch id count seed
        let cut = int cut % count
        let actions = randomActions one (seed + 3UL) (stepsOf id 60)
        run one actions (whole one) = run two actions [ cut, count - cut; 0, cut ])

[<Fact>]
let ``two threads give the numbers of one`` () =
    for id in Registry.ids do
        let half = if RegistryCases.isRobot id then 12 else 32
        let one, two = batch id (2 * half) 4UL, batch id (2 * half) 4UL
        let actions = randomActions one 5UL (stepsOf id 200)
        let buffers = two.AllocateBuffers()

        let threaded =
            [
                for row in actions do
                    Parallel.For(0, 2, fun part -> two.Step(part * half, half, ReadOnlySpan row, buffers)) |> ignore
                    yield written buffers
            ]

        Assert.True((run one actions (whole one) = threaded), id)

[<Property(MaxTest = 20)>]
let ``a captured batch continues with the same numbers`` (seed: uint64) (steps: byte) =
    RegistryCases.oneIn 8 seed
    |> List.forall (fun id ->
        let original, other = batch id 13 seed, batch id 13 (seed + 1UL)
        run original (randomActions original 1UL (stepsOf id (int steps % 50))) (whole original) |> ignore

        let snapshot = original.Capture()
        let actions = randomActions original 2UL (stepsOf id 40)
        let continued = run original actions (whole original)
        other.Restore snapshot
        let restored = run other actions (whole other)
        original.Restore snapshot
        continued = restored && continued = run original actions (whole original))

[<Fact>]
let ``a snapshot of another environment, size or length is refused`` () =
    let environment = batch "CartPole-v1" 4 1UL
    let snapshot = environment.Capture()

    let refused (fragment: string) (snapshot: BatchSnapshot) =
        let error = Assert.Throws<ArgumentException>(fun () -> environment.Restore snapshot)
        Assert.Contains(fragment, error.Message)

    refused "Pendulum-v1" ((batch "Pendulum-v1" 4 1UL).Capture())
    refused "5 copies" ((batch "CartPole-v1" 5 1UL).Capture())
    refused "snapshot.Bytes" { snapshot with Bytes = Array.truncate 10 snapshot.Bytes }
    Assert.Equal(snapshot, environment.Capture())

let private scripted script count =
    let environment = Vectorised(Scripted script, count)
    environment.Reset(Rng.create 1UL)
    environment

let private noActions (environment: BatchEnvironment) = Array.zeroCreate<float32>(environment.Count * 2)

/// Steps a scripted batch with zero actions and shows copy 0 after each.
let private trace script steps (show: StepBuffers -> 'T) =
    let environment = scripted script 2
    let buffers = environment.AllocateBuffers()

    [
        for _ in 1..steps do
            environment.StepAll(ReadOnlySpan(noActions environment), buffers)
            yield show buffers
    ]

let private flags (buffers: StepBuffers) = buffers.Terminated.Span[0], buffers.Truncated.Span[0]

[<Fact>]
let ``a time limit truncates and never terminates`` () =
    let seen = trace { Scripted.Quiet with Limit = 3 } 7 flags
    let going, cut = (false, false), (false, true)
    Assert.Equal<(bool * bool) list>([ going; going; cut; going; going; cut; going ], seen)

[<Fact>]
let ``a terminal state reached at the time limit is terminal, not truncated`` () =
    let script = { Scripted.Quiet with Limit = 2; TerminateAt = 2; TruncateAt = 2 }
    Assert.Equal<(bool * bool) list>([ false, false; true, false ], trace script 2 flags)

[<Fact>]
let ``an environment may cut its own episode`` () =
    Assert.Equal<(bool * bool) list>(
        [ false, false; false, true; false, false ],
        trace { Scripted.Quiet with TruncateAt = 2 } 3 flags
    )

[<Fact>]
let ``the last observation is kept beside the first of the next episode`` () =
    let show (buffers: StepBuffers) = buffers.Observations.Span[0], buffers.FinalObservations.Span[0]
    let seen = trace { Scripted.Quiet with TerminateAt = 3 } 4 show
    Assert.Equal<(float32 * float32) list>([ 1.0f, 0.0f; 2.0f, 0.0f; 0.0f, 3.0f; 1.0f, 3.0f ], seen)

[<Fact>]
let ``the next episode draws anew`` () =
    let show (buffers: StepBuffers) = buffers.Observations.Span[1], buffers.FinalObservations.Span[1]
    let fresh, last = trace { Scripted.Quiet with TerminateAt = 1 } 1 show |> List.exactlyOne
    Assert.NotEqual(fresh, last)

[<Fact>]
let ``returns and lengths of finished episodes are reported once, in the step that ends them`` () =
    let show (buffers: StepBuffers) =
        buffers.Rewards.Span[0], buffers.EpisodeReturns.Span[0], buffers.EpisodeLengths.Span[0]

    let seen = trace { Scripted.Quiet with TerminateAt = 3 } 6 show

    for episode in List.chunkBySize 3 seen do
        let total = episode |> List.sumBy (fun (reward, _, _) -> float reward)
        let returns = episode |> List.map (fun (_, value, _) -> value)
        Assert.True(Double.IsNaN returns[0] && Double.IsNaN returns[1])
        Assert.Equal(total, returns[2], 5)
        Assert.Equal<int list>([ 0; 0; 3 ], episode |> List.map (fun (_, _, length) -> length))

[<Fact>]
let ``observing gives the states that a reset or a step left`` () =
    let environment = batch "CartPole-v1" 9 2UL
    let buffers = environment.AllocateBuffers()
    let seen = Array.zeroCreate<float32>(9 * 4)

    for row in randomActions environment 3UL 40 do
        environment.StepAll(ReadOnlySpan row, buffers)
        environment.Observe(Span seen)
        Assert.Equal<float32[]>(buffers.Observations.ToArray(), seen)

[<Fact>]
let ``bad actions are refused by copy, step and component, and no copy moves`` () =
    let refused (environment: BatchEnvironment) (index: int) (value: float32) (fragments: string list) =
        let actions = Array.zeroCreate<float32>(environment.Count * environment.ActionSize)
        let buffers = environment.AllocateBuffers()
        environment.StepAll(ReadOnlySpan actions, buffers)
        let before = environment.Capture()
        actions[index] <- value
        let error = Assert.Throws<ArgumentException>(fun () -> environment.StepAll(ReadOnlySpan actions, buffers))

        for fragment in fragments do
            Assert.Contains(fragment, error.Message)

        Assert.Equal(before, environment.Capture())

    for value in [ 2.0f; -1.0f; 0.5f; nanf; infinityf; 3e9f ] do
        refused (batch "CartPole-v1" 20 1UL) 17 value [ "CartPole-v1"; "copy 17"; "step 2"; "component 0"; "[0, 1]" ]

    for value in [ nanf; infinityf ] do
        refused (scripted Scripted.Quiet 20) 35 value [ "Scripted-v0"; "copy 17"; "step 2"; "component 1"; "finite" ]

[<Fact>]
let ``actions beyond a box are clipped by the environment`` () =
    let far, edge = batch "Pendulum-v1" 1 1UL, batch "Pendulum-v1" 1 1UL
    Assert.True((run far [| [| 9.0f |] |] [ 0, 1 ] = run edge [| [| 2.0f |] |] [ 0, 1 ]))

let private failure (environment: BatchEnvironment) steps =
    let buffers = environment.AllocateBuffers()
    let actions = noActions environment

    let error =
        Assert.Throws<EnvironmentFailure>(fun () ->
            for _ in 1..steps do
                environment.StepAll(ReadOnlySpan actions, buffers))

    Assert.Throws<InvalidOperationException>(fun () -> environment.StepAll(ReadOnlySpan actions, buffers))
    |> ignore

    environment.Reset(Rng.create 3UL)
    environment.StepAll(ReadOnlySpan actions, buffers)
    error

[<Theory>]
[<InlineData 2>]
[<InlineData 19>]
let ``a NaN reward is named, and the batch works again after a reset`` (copies: int) =
    let error = failure (scripted { Scripted.Quiet with BadRewardAt = 3 } copies) 3
    Assert.Equal(("Scripted-v0", 0, 3, -1), (error.EnvironmentId, error.Copy, error.Step, error.Component))
    Assert.True(Double.IsNaN error.Value)
    Assert.Contains("reward NaN", error.Message)
    let large = failure (scripted { Scripted.Quiet with BadRewardAt = 3; BadReward = -1e39 } copies) 3
    Assert.Equal((0, 3, -1e39), (large.Copy, large.Step, large.Value))
    Assert.Contains("32-bit", large.Message)

[<Fact>]
let ``an infinite observation is named by its component`` () =
    let error = failure (scripted { Scripted.Quiet with BadObservationAt = 2 } 2) 2
    Assert.Equal(("Scripted-v0", 0, 2, 1), (error.EnvironmentId, error.Copy, error.Step, error.Component))
    Assert.Equal(infinity, error.Value)
    Assert.Contains("component 1", error.Message)

[<Fact>]
let ``stepping before a reset, beyond the batch or into small buffers is refused`` () =
    let environment = (Registry.make "CartPole-v1").Vectorise 4
    let buffers = environment.AllocateBuffers()

    let step first count (length: int) buffers =
        environment.Step(first, count, ReadOnlySpan(Array.zeroCreate length), buffers)

    Assert.Throws<InvalidOperationException>(fun () -> step 0 4 4 buffers) |> ignore
    environment.Reset(Rng.create 0UL)
    Assert.Throws<ArgumentOutOfRangeException>(fun () -> step 2 3 4 buffers) |> ignore
    Assert.Throws<ArgumentOutOfRangeException>(fun () -> step -1 3 4 buffers) |> ignore
    Assert.Throws<ArgumentException>(fun () -> step 0 4 3 buffers) |> ignore
    Assert.Throws<ArgumentException>(fun () -> step 0 4 4 (StepBuffers.Allocate(3, 4))) |> ignore

    Assert.Throws<ArgumentOutOfRangeException>(fun () -> (Registry.make "CartPole-v1").Vectorise 0 |> ignore)
    |> ignore

[<Fact>]
let ``a step allocates nothing`` () =
    for environment in
        [
            for id in [ "CartPole-v1"; "Pendulum-v1"; "MountainCar-v0"; "Acrobot-v1"; "Taxi-v3" ] do
                batch id 33 1UL
            scripted { Scripted.Quiet with Limit = 5 } 33
        ] do
        let buffers = environment.AllocateBuffers()
        let actions = Array.zeroCreate<float32>(33 * environment.ActionSize)

        let walk () =
            for _ in 1..50 do
                environment.StepAll(ReadOnlySpan actions, buffers)

        walk ()
        let before = GC.GetAllocatedBytesForCurrentThread()
        walk ()
        Assert.Equal(0L, GC.GetAllocatedBytesForCurrentThread() - before)
