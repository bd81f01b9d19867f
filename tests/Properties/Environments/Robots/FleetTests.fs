/// Copies of a robot side by side: the bits of each alone, whatever the others do.
[<FsCheck.Xunit.Properties(Replay = "(4719013,4719015)")>]
module Rl.Tests.Environments.Robots.FleetTests

open System
open Rl.Core.Foundations
open Rl.Core.Environments
open Rl.Core.Environments.Robots
open Rl.Tests.Environments.Robots.RobotCases
open Xunit
open FsCheck.Xunit

let private bits (numbers: float[]) = numbers |> Array.map BitConverter.DoubleToInt64Bits

/// Two bodies on springs, a ball joint, a medium, a force range, and impedances along a curve of another power.
let private unusual =
    """<mujoco><option timestep="0.01" integrator="RK4" density="300" viscosity="0.2" wind="1 0.5 0"/>
    <default><geom solimp="0.8 0.95 0.05 0.4 3"/><joint solimplimit="0.7 0.9 0.2 0.5 1"/></default>
    <worldbody><geom type="plane" size="5 5 1"/>
      <body pos="0 0 0.25"><freejoint/><geom type="sphere" size="0.2"/>
        <body pos="0.3 0 0"><joint name="a" axis="0 1 0" stiffness="20" limited="true" range="-20 20"/>
          <geom type="capsule" size="0.05 0.2" pos="0.2 0 0" zaxis="1 0 0"/></body>
        <body pos="-0.3 0 0"><joint type="ball" damping="0.1"/>
          <geom type="capsule" size="0.05 0.2" pos="-0.2 0 0" zaxis="1 0 0.2"/></body>
      </body></worldbody>
    <actuator><position joint="a" kp="30" forcelimited="true" forcerange="-2 2"/></actuator></mujoco>"""

let private everyModel = ModelCompiler.ofText unusual :: List.map model models

/// A random state near the reference pose, the pose itself for a spread of 0.
let private scramble (spread: float) (rng: Rng) (w: Workspace) : Rng =
    let mutable rng = rng

    let draw (range: float) =
        let struct (value, next) = Rng.uniformIn -range range rng
        rng <- next
        value

    Simulation.reset w

    for index in 0 .. w.Position.Length - 1 do
        w.Position[index] <- w.Position[index] + draw spread

    for index in 0 .. w.Velocity.Length - 1 do
        w.Velocity[index] <- draw (4.0 * spread)
        w.WarmStart[index] <- draw (50.0 * spread)

    for index in 0 .. w.Control.Length - 1 do
        w.Control[index] <- draw 2.0

    rng

let private load (f: FleetWorkspace) (copies: Workspace[]) =
    f.Alive <- Lane.first copies.Length

    for lane in 0 .. copies.Length - 1 do
        f.Position.Load(lane, ReadOnlySpan copies[lane].Position)
        f.Velocity.Load(lane, ReadOnlySpan copies[lane].Velocity)
        f.WarmStart.Load(lane, ReadOnlySpan copies[lane].WarmStart)
        f.Control.Load(lane, ReadOnlySpan copies[lane].Control)

/// All that tasks read.
let private read (w: Workspace) =
    [|
        yield! w.Position
        yield! w.Velocity
        yield! w.WarmStart
        yield! w.ConstraintForce
        yield! w.Actuation
        yield! w.ContactForce |> Array.collect wrench
        yield! w.BodyVelocity |> Array.collect wrench
        yield! w.BodyPosition |> Array.collect numbers
        yield! w.BodyRotation |> Array.collect Rotation.rows
        yield! w.SubtreeCentre |> Array.collect numbers
        yield! w.SitePosition |> Array.collect numbers
        yield! w.Inertia[1..] |> Array.collect SpatialInertia.toArray
    |]

/// Steps a fleet and each copy alone; the lanes whose numbers are not the same bits.
let private differences (f: FleetWorkspace) (copies: Workspace[]) (steps: int) =
    load f copies
    FleetSimulation.step f steps
    FleetContacts.forces f

    [
        for lane in 0 .. copies.Length - 1 do
            let w = copies[lane]

            for _ in 1..steps do
                Simulation.step w |> ignore

            ContactSearch.forces w
            FleetSimulation.save f lane true true f.Single

            if not (Lane.isSet f.Alive lane) || bits (read w) <> bits (read f.Single) then
                w.Model.Name, lane
    ]

[<Property(MaxTest = 6)>]
let ``steps of a fleet are those of each copy alone, bit for bit`` (seed: uint64) =
    for model in everyModel do
        let f = FleetWorkspace model
        let copies = Array.init Lane.Count (fun _ -> Workspace model)
        let mutable rng = Rng.create seed

        for lane in 0 .. Lane.Count - 1 do
            // From poses at rest to tangles with many contacts.
            rng <- scramble (0.1 * float lane) rng copies[lane]

        for steps in [ 1; 1; 3 ] do
            Assert.Empty(differences f copies steps)

[<Fact>]
let ``a fleet of copies with and without contacts solves each as alone`` () =
    let mutable rows = 0

    for name in [ "hopper"; "half_cheetah"; "walker2d"; "ant"; "pusher" ] do
        let model = model name
        let f = FleetWorkspace model
        let copies = Array.init Lane.Count (fun _ -> Workspace model)
        let mutable rng = Rng.create 11UL

        for lane in 0 .. Lane.Count - 1 do
            rng <- scramble 0.3 rng copies[lane]
            // Every other copy is far above the ground.
            if lane % 2 = 0 && name <> "pusher" then
                copies[lane].Position[ 1 ] <- copies[lane].Position[1] + 3.0

        for _ in 1..40 do
            Assert.Empty(differences f copies 1)
            rows <- rows + f.RowCount

    Assert.True(rows > 500, $"only {rows} rows were met")

[<Fact>]
let ``copies that lose their sense leave the others alone`` () =
    let spoilers: (string * (Workspace -> unit)) list =
        [
            "hopper", fun w -> w.Position[1] <- nan
            "hopper", fun w -> w.Velocity[2] <- 1e11
            "half_cheetah", fun w -> w.Velocity[0] <- infinity
            "ant", fun w -> w.Position[2] <- -2e10
            // An acceleration that means nothing.
            "ant", fun w -> w.Velocity[6] <- 9e9
            "humanoid", fun w -> w.WarmStart[3] <- nan
            "swimmer", fun w -> w.Velocity[3] <- 9e9
        ]

    for name, spoil in spoilers do
        let model = model name
        let f = FleetWorkspace model
        let copies = Array.init Lane.Count (fun _ -> Workspace model)
        let mutable rng = Rng.create 5UL

        for lane in 0 .. Lane.Count - 1 do
            rng <- scramble 0.2 rng copies[lane]

        for lost in [ 0; 3; 7 ] do
            spoil copies[lost]
            load f copies
            FleetSimulation.step f 2

            for lane in 0 .. Lane.Count - 1 do
                let w = copies[lane]
                let mutable isSane = true
                let mutable steps = 0

                while isSane && steps < 2 do
                    isSane <- Simulation.step w = StepResult.Done
                    steps <- steps + 1

                isSane <- isSane && Simulation.isSane w
                Assert.Equal(isSane, Lane.isSet f.Alive lane)

                if isSane then
                    FleetSimulation.save f lane false false f.Single
                    Assert.Equal<int64[]>(bits w.Position, bits f.Single.Position)
                    Assert.Equal<int64[]>(bits w.Velocity, bits f.Single.Velocity)

            rng <- scramble 0.2 rng copies[lost]

/// Everything that one step wrote, and the state.
let private written (batch: BatchEnvironment) (buffers: StepBuffers) =
    let bits (values: Memory<float32>) = values.ToArray() |> Array.map BitConverter.SingleToInt32Bits

    bits buffers.Observations,
    bits buffers.FinalObservations,
    bits buffers.Rewards,
    buffers.Terminated.ToArray(),
    buffers.Truncated.ToArray(),
    batch.Capture()

let private batchIsEachAlone (seed: uint64) (count: int) (environment: IEnvironment<'State>) =
    let fleet = Vectorised(environment, count, 12) :> BatchEnvironment
    let alone = Vectorised(PlainEnvironment environment, count, 12) :> BatchEnvironment
    let fleetBuffers, aloneBuffers = fleet.AllocateBuffers(), alone.AllocateBuffers()
    fleet.Reset(Rng.create seed)
    alone.Reset(Rng.create seed)
    let mutable rng = Rng.create (seed + 1UL)
    let actions = Array.zeroCreate<float32>(count * fleet.ActionSize)

    for step in 1..20 do
        for copy in 0 .. count - 1 do
            rng <- fleet.ActionSpace.Sample(rng, Span(actions, copy * fleet.ActionSize, fleet.ActionSize))

        fleet.StepAll(ReadOnlySpan actions, fleetBuffers)
        alone.StepAll(ReadOnlySpan actions, aloneBuffers)
        // Copies begin anew at different times.
        let cut = step % count
        fleet.Cut(cut, fleetBuffers)
        alone.Cut(cut, aloneBuffers)
        Assert.Equal(written alone aloneBuffers, written fleet fleetBuffers)

    true

[<Property(MaxTest = 4)>]
let ``batches of every task are each copy alone, bit for bit`` (seed: uint64) (count: byte) =
    for entry in RobotEntries.all do
        (Registry.make entry.Id).Accept
            { new IEnvironmentVisitor<bool> with
                member _.Visit environment = batchIsEachAlone seed (1 + int count % 20) environment
            }
        |> Assert.True

[<Fact>]
let ``a fleet is worthwhile from three copies on, where there are vectors`` () =
    let has = Rl.Core.Kernels.VectorWidth.bits >= 256
    Assert.Equal<bool list>([ false; false; has; has ], List.map FleetSimulation.isWorthwhile [ 1; 2; 3; 8 ])

[<Fact>]
let ``a fleet refuses the control that is not a number, by its name`` () =
    let batch = (Registry.make "HalfCheetah-v5").Vectorise 8
    let buffers = batch.AllocateBuffers()
    batch.Reset(Rng.create 3UL)
    let actions = Array.zeroCreate<float32>(8 * 6)
    actions[3 * 6 + 4] <- nanf
    let error = Assert.ThrowsAny<exn>(fun () -> batch.StepAll(ReadOnlySpan actions, buffers))
    Assert.Contains("NaN", error.Message)

[<Fact>]
let ``a step of a fleet allocates nothing`` () =
    for id in [ "HalfCheetah-v5"; "Ant-v5"; "Humanoid-v5"; "Reacher-v5" ] do
        let batch = (Registry.make id).Vectorise 16
        let buffers = batch.AllocateBuffers()
        let actions = Array.create (16 * batch.ActionSize) 0.3f
        batch.Reset(Rng.create 1UL)

        for _ in 1..20 do
            batch.StepAll(ReadOnlySpan actions, buffers)

        let before = GC.GetAllocatedBytesForCurrentThread()

        for _ in 1..20 do
            batch.StepAll(ReadOnlySpan actions, buffers)

        Assert.Equal(0L, GC.GetAllocatedBytesForCurrentThread() - before)
