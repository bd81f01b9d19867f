/// Domain randomisation: what is drawn, that models are those of scaled texts, delay, noise, the privileged part.
[<FsCheck.Xunit.Properties(Replay = "(4719531,4719533)", MaxTest = 20)>]
module Rl.Tests.Environments.Robots.RandomisationTests

open System
open FsCheck.Xunit
open Rl.Core.Foundations
open Rl.Core.Environments
open Rl.Core.Environments.Robots
open Rl.Core.Wrappers
open Rl.Tests.Environments.Robots.RobotCases
open Xunit

let private range = DynamicsRanges.range

let private wide =
    {
        Mass = range 0.5 1.5
        Friction = range 0.4 2.0
        Damping = range 0.5 3.0
        Strength = range 0.7 1.3
        ActionDelay = range 0.0 3.0
        ObservationNoise = range 0.0 0.1
        Bodies = []
        ShowsPrivileged = false
    }

/// A batch that has been reset.
let private start (count: int) (wrappers: Wrapper list) (id: string) (seed: uint64) =
    let batch = Wrapper.apply wrappers ((Registry.make id).Vectorise count)
    batch.Reset(Rng.create seed)
    batch

let private randomised (ranges: DynamicsRanges) = [ Wrapper.RandomizeDynamics ranges ]

let private observe (batch: BatchEnvironment) =
    let observations = Array.zeroCreate<float32>(batch.Count * batch.ObservationSize)
    batch.Observe(Span observations)
    observations

let private drawn (batch: BatchEnvironment) copy =
    let values = Array.zeroCreate<float> batch.InfoNames.Length
    Assert.True(batch.ReadInfo(copy, false, Span values))
    values[..5]

/// The same actions for each step of a seed, of an actuator's size.
let private actions (size: int) (steps: int) (seed: uint64) =
    let mutable rng = Rng.create seed

    Array.init steps (fun _ ->
        Array.init size (fun _ ->
            let struct (value, next) = Rng.uniformIn -1.0 1.0 rng
            rng <- next
            float32 value))

/// What is seen and paid, step by step, and whether the episode goes on.
let private walk (batch: BatchEnvironment) (actions: float32[][]) =
    let buffers = batch.AllocateBuffers()

    actions
    |> Array.map (fun action ->
        batch.StepAll(ReadOnlySpan action, buffers)
        struct (buffers.Observations.ToArray(), buffers.Rewards.Span[0], buffers.Terminated.Span[0]))

/// Bit by bit.
let private same (expected: struct (float32[] * float32 * bool)[]) (actual: struct (float32[] * float32 * bool)[]) =
    Assert.Equal(expected.Length, actual.Length)

    for struct (seen, reward, ended), struct (seen', reward', ended') in Array.zip expected actual do
        Assert.Equal<float32[]>(seen, seen')
        Assert.Equal(reward, reward')
        Assert.Equal(ended, ended')

let private robots =
    [
        "HalfCheetah-v5"
        "Hopper-v5"
        "Ant-v5"
        "Reacher-v5"
        "ArmReach-v0"
        "QuadrotorHover-v0"
        "TerrainBiped-v0"
    ]

[<Property>]
let ``bounds that are the model's own numbers change no bit of an episode`` (seed: uint64) =
    for id in robots do
        let plain, own = start 1 [] id seed, start 1 (randomised DynamicsRanges.none) id seed
        Assert.Equal<float32[]>(observe plain, observe own)
        let acts = actions plain.ActionSize 8 seed
        let a, b = walk plain acts, walk own acts
        // Until an episode ends, whose successor begins elsewhere in the stream.
        let length = a |> Array.tryFindIndex (fun struct (_, _, ended) -> ended) |> Option.defaultValue a.Length
        same a[.. length - 1] b[.. length - 1]

[<Fact>]
let ``what is drawn lies within its bounds, everywhere between them, and is told`` () =
    let batch = start 400 (randomised wide) "Hopper-v5" 5UL
    Assert.Equal<string list>(DynamicsRanges.names, batch.InfoNames)
    let all = Array.init 400 (drawn batch)

    DynamicsRanges.bounds wide
    |> List.iteri (fun index bounds ->
        let own = all |> Array.map (fun values -> values[index])
        Assert.All(own, fun value -> Assert.InRange(value, bounds.Low, bounds.High))
        let width = bounds.High - bounds.Low
        Assert.True(Array.max own > bounds.High - 0.05 * width && Array.min own < bounds.Low + 0.05 * width)
        // Five standard deviations of the mean of so many uniform draws, 0.29 of the width (0.37 of three steps).
        Assert.Equal(0.5 * (bounds.Low + bounds.High), Array.average own, 0.1 * width))

    let delays = all |> Array.countBy (fun values -> values[4])
    Assert.Equal<float[]>([| 0.0; 1.0; 2.0; 3.0 |], delays |> Array.map fst |> Array.sort)
    Assert.All(delays, fun (_, count) -> Assert.InRange(count, 60, 140))
    // No two numbers follow each other.
    let masses = all |> Array.map (fun values -> values[0])
    let strengths = all |> Array.map (fun values -> values[3])

    let correlation =
        let a, b = Array.average masses, Array.average strengths
        let sum f = Array.sum (Array.map2 f masses strengths)

        sum (fun x y -> (x - a) * (y - b))
        / Math.Sqrt(sum (fun x _ -> (x - a) ** 2.0) * sum (fun _ y -> (y - b) ** 2.0))

    Assert.InRange(correlation, -0.25, 0.25)

[<Fact>]
let ``an episode draws anew, and keeps what it drew`` () =
    let batch = start 1 (Wrapper.TimeLimit 4 :: []) "Hopper-v5" 1UL
    Assert.Empty batch.InfoNames
    let batch = start 1 (randomised wide @ [ Wrapper.TimeLimit 4 ]) "Hopper-v5" 1UL
    let acts = actions 3 4 1UL
    let first = drawn batch 0
    walk batch acts[..2] |> ignore
    Assert.Equal<float[]>(first, drawn batch 0)
    walk batch acts[3..] |> ignore
    let second = drawn batch 0
    Assert.All(Array.zip first[..3] second[..3], fun (a, b) -> Assert.NotEqual(a, b))
    let values = Array.zeroCreate<float> batch.InfoNames.Length
    // The last state of the episode that has ended tells what that one drew.
    Assert.True(batch.ReadInfo(0, true, Span values))
    Assert.Equal<float[]>(first, values[..5])

/// Two links on a slide over a ground, without armature, for factors of everything.
let private text (mass: float) (friction: float) (damping: float) (strength: float) =
    $"""<mujoco><compiler angle="radian"/><option timestep="0.005"/>
    <default><geom density="{1000.0 * mass}" friction="{0.8 * friction} 0.1 0.1"/>
      <joint damping="{0.7 * damping}"/></default>
    <worldbody><geom type="plane" size="5 5 1"/>
      <body name="top" pos="0 0 0.6"><joint type="slide" axis="0 0 1"/><joint name="a" axis="0 1 0"/>
        <geom type="capsule" fromto="0 0 0 0 0 -0.3" size="0.05"/>
        <body name="foot" pos="0 0 -0.3"><joint name="b" axis="0 1 0"/>
          <geom type="capsule" fromto="0 0 0 0.3 0 0" size="0.05"/></body></body></worldbody>
    <actuator><motor joint="a" gear="{30.0 * strength}"/>
      <position joint="b" kp="{20.0 * strength}"/></actuator></mujoco>"""

[<Property>]
let ``factors of a model are those of its text`` (a: byte) (b: byte) (c: byte) (d: byte) =
    let of' (value: byte) = 0.4 + float value / 128.0
    let factors = { Mass = of' a; Friction = of' b; Damping = of' c; Strength = of' d }
    let plain = ModelCompiler.ofText (text 1.0 1.0 1.0 1.0)
    let scaled = PerturbedModels(plain, [], 1).Find(factors, Workspace plain)

    let expected = ModelCompiler.ofText (text factors.Mass factors.Friction factors.Damping factors.Strength)

    let numbersOf (model: RobotModel) =
        [|
            for body in model.Bodies do
                yield! [ body.Mass; body.SubtreeMass; body.TranslationalWeight; body.RotationalWeight ]
                yield! numbers body.Inertia
            for dof in model.Dofs do
                yield! [ dof.Damping; dof.InverseWeight ]
            for pair in model.Pairs -> pair.Friction
            yield! [ model.TotalMass; model.MeanInertia ]
        |]

    closeArrays 1e-12 (numbersOf expected) (numbersOf scaled)
    // Motors and servos push with the same forces.
    let forces (model: RobotModel) =
        let w = Workspace model
        w.Position[1] <- 0.2
        w.Position[2] <- -0.3
        w.Control[0] <- 0.7
        w.Control[1] <- 0.4
        Simulation.evaluate w
        Array.append w.Actuation w.Acceleration

    closeArrays 1e-9 (forces expected) (forces scaled)

[<Property>]
let ``where everything that pushes and resists grows with the masses, nothing moves otherwise`` (a: byte) =
    let factor = 0.3 + float a / 64.0
    let plain = ModelCompiler.ofText (text 1.0 1.0 1.0 1.0)
    let factors = { Mass = factor; Friction = 1.0; Damping = factor; Strength = factor }
    let scaled = PerturbedModels(plain, [], 1).Find(factors, Workspace plain)

    let fall model =
        let w = Workspace model

        for step in 1..60 do
            w.Control[0] <- Math.Sin(0.2 * float step)
            w.Control[1] <- 0.5
            Simulation.step w |> ignore

        Array.append w.Position w.Velocity

    closeArrays 1e-6 (fall plain) (fall scaled)

[<Fact>]
let ``the mass of a body that is named changes, and that of what it is part of, alone`` () =
    let plain = RobotModels.find "hopper"
    let factors = { Mass = 2.0; Friction = 1.0; Damping = 1.0; Strength = 1.0 }
    let scaled = PerturbedModels(plain, [ "thigh" ], 1).Find(factors, Workspace plain)
    let thigh = RobotModel.body "thigh" plain

    for index in 0 .. plain.Bodies.Length - 1 do
        let factor = if index = thigh then 2.0 else 1.0
        Assert.Equal(factor * plain.Bodies[index].Mass, scaled.Bodies[index].Mass)

    Assert.Equal(plain.TotalMass + plain.Bodies[thigh].Mass, scaled.TotalMass, 1e-12)
    let torso = RobotModel.body "torso" plain
    Assert.Equal(plain.Bodies[torso].SubtreeMass + plain.Bodies[thigh].Mass, scaled.Bodies[torso].SubtreeMass, 1e-12)

[<Property>]
let ``a delay moves what actions do by so many steps`` (seed: uint64) =
    for delay in [ 1; 3 ] do
        let late = { DynamicsRanges.none with ActionDelay = range (float delay) (float delay) }
        let acts = actions 6 12 seed
        let zeros = Array.create delay (Array.zeroCreate<float32> 6)
        let plain = start 1 [] "HalfCheetah-v5" seed
        let own = start 1 (randomised late) "HalfCheetah-v5" seed
        // The cheetah never falls.
        let late = Array.append zeros (Array.truncate (12 - delay) acts)
        same (walk plain late) (walk own acts)

[<Property>]
let ``noise is on what is seen and nowhere else`` (seed: uint64) =
    let noisy = { DynamicsRanges.none with ObservationNoise = range 0.1 0.1 }
    let acts = actions 6 40 seed
    let plain, own = start 1 [] "HalfCheetah-v5" seed, start 1 (randomised noisy) "HalfCheetah-v5" seed
    let a, b = walk plain acts, walk own acts

    let errors =
        Array.map2
            (fun (struct (x: float32[], r: float32, _)) (struct (y: float32[], s: float32, _)) ->
                Assert.Equal(r, s)
                Array.map2 (fun x y -> float (y - x)) x y)
            a
            b
        |> Array.concat

    // 680 numbers of deviation 0.1: mean and deviation within five of theirs.
    Assert.InRange(Array.average errors, -0.02, 0.02)
    Assert.InRange(Math.Sqrt(errors |> Array.averageBy (fun error -> error * error)), 0.0864, 0.1136)

[<Property>]
let ``goals and their rewards are without noise`` (seed: uint64) =
    let noisy = { DynamicsRanges.none with ObservationNoise = range 0.2 0.2 }
    let acts = actions 4 20 seed
    let plain, own = start 1 [] "ArmReach-v0" seed, start 1 (randomised noisy) "ArmReach-v0" seed

    for struct (x, r, _), struct (y, s, _) in Array.zip (walk plain acts) (walk own acts) do
        Assert.Equal(r, s)
        Assert.Equal<float32[]>(x[8..], y[8..])
        Assert.All(Array.zip x[..7] y[..7], fun (x, y) -> Assert.NotEqual(x, y))

[<Property>]
let ``the privileged part is what was drawn and what is exact`` (seed: uint64) =
    for id in [ "Hopper-v5"; "ArmReach-v0" ] do
        let shown = { wide with ObservationNoise = range 0.1 0.2; ShowsPrivileged = true }
        let own = start 1 (randomised shown) id seed
        let hidden = start 1 (randomised { shown with ShowsPrivileged = false }) id seed

        let exact =
            start 1 (randomised { shown with ObservationNoise = range 0.0 0.0; ShowsPrivileged = false }) id seed

        let size = hidden.ObservationSize
        let noisy = if id = "Hopper-v5" then 11 else 8
        Assert.Equal(size + 6 + noisy, own.ObservationSize)

        match own.ObservationSpace with
        | Space.Dict entries -> Assert.Equal("privileged", fst (List.last entries))
        | space -> failwith $"{space}"

        let check () =
            let all = observe own
            Assert.Equal<float32[]>(observe hidden, all[.. size - 1])
            Assert.Equal<float32[]>(drawn own 0 |> Array.map float32, all[size .. size + 5])
            Assert.Equal<float32[]>((observe exact)[.. noisy - 1], all[size + 6 ..])

        check ()
        let acts = actions own.ActionSize 5 seed

        for action in acts do
            let ended =
                [ own; hidden; exact ]
                |> List.map (fun batch ->
                    let struct (_, _, ended) = (walk batch [| action |])[0]
                    ended)

            // The first episode alone has the same draws with noise and without.
            if not (List.contains true ended) then check ()

[<Property>]
let ``a copy does what it does among others, and a snapshot goes on with the same bits`` (seed: uint64) =
    let alone = start 1 (randomised wide) "Hopper-v5" seed
    let many = start 5 (randomised wide) "Hopper-v5" seed
    // The first copy of both draws from the same stream.
    Assert.Equal<float32[]>(observe alone, (observe many)[..10])
    let acts = actions 3 12 seed
    let before = walk alone acts[..5]
    let all = many.AllocateBuffers()

    for step in 0..5 do
        many.StepAll(ReadOnlySpan(Array.concat (Array.create 5 acts[step])), all)
        let struct (seen, reward, _) = before[step]
        Assert.Equal<float32[]>(seen, all.Observations.ToArray()[..10])
        Assert.Equal(reward, all.Rewards.Span[0])

    let snapshot = alone.Capture()
    let after = walk alone acts[6..]
    let again = start 1 (randomised wide) "Hopper-v5" (seed + 1UL)
    again.Restore snapshot
    same after (walk again acts[6..])

[<Fact>]
let ``robots with other numbers keep the contract of environments`` () =
    for id in [ "Hopper-v5"; "ArmReach-v0"; "QuadrotorWaypoints-v0" ] do
        for privileged in [ false; true ] do
            let wrapper = Wrapper.RandomizeDynamics { wide with ShowsPrivileged = privileged }

            let findings =
                Environment.checkBatch { Environment.contractDefaults with Steps = 60 } (fun count ->
                    Wrapper.wrap ((Registry.make id).Vectorise count) wrapper)

            Assert.Empty findings

[<Fact>]
let ``steps with other numbers allocate nothing but what an episode's model needs`` () =
    let batch = start 2 (randomised wide) "HalfCheetah-v5" 1UL
    let buffers = batch.AllocateBuffers()
    let action = Array.zeroCreate<float32> 12

    for _ in 1..50 do
        batch.StepAll(ReadOnlySpan action, buffers)

    let before = GC.GetAllocatedBytesForCurrentThread()

    for _ in 1..100 do
        batch.StepAll(ReadOnlySpan action, buffers)

    Assert.Equal(0L, GC.GetAllocatedBytesForCurrentThread() - before)

[<Fact>]
let ``wrong bounds, bodies and places are refused by name`` () =
    let fails (parts: string list) (id: string) (wrappers: Wrapper list) =
        let error = Assert.ThrowsAny<ArgumentException>(fun () -> start 1 wrappers id 1UL |> ignore)

        for part in parts do
            Assert.Contains(part, error.Message)

    let none = DynamicsRanges.none
    let hopper parts ranges = fails parts "Hopper-v5" (randomised ranges)
    hopper [ "mass"; "[1.5, 0.5]"; "not above" ] { none with Mass = range 1.5 0.5 }
    hopper [ "mass"; "[-1, 1]"; "above 0" ] { none with Mass = range -1.0 1.0 }
    hopper [ "mass"; "above 0" ] { none with Mass = range 0.0 1.0 }
    hopper [ "friction"; "[-0.1, 1]"; "negative" ] { none with Friction = range -0.1 1.0 }
    hopper [ "damping"; "finite" ] { none with Damping = range 1.0 nan }
    hopper [ "strength"; "finite" ] { none with Strength = range 0.0 infinity }
    hopper [ "actionDelay"; "[0, 1.5]"; "whole" ] { none with ActionDelay = range 0.0 1.5 }
    hopper [ "actionDelay"; "16" ] { none with ActionDelay = range 0.0 17.0 }
    hopper [ "observationNoise"; "negative" ] { none with ObservationNoise = range -1.0 0.0 }
    hopper [ "wing"; "torso"; "thigh" ] { none with Bodies = [ "wing" ] }
    hopper [ "world"; "no mass" ] { none with Bodies = [ "world" ] }
    hopper [ "foot"; "twice" ] { none with Bodies = [ "foot"; "foot" ] }
    fails [ "CartPole-v1"; "Hopper-v5" ] "CartPole-v1" (randomised none)
    fails [ "TimeLimit"; "next to" ] "Hopper-v5" (Wrapper.TimeLimit 5 :: randomised none)
