/// What the tasks of robots refuse, how they start, and what a state is.
module Rl.Tests.Environments.Robots.RobotEnvironmentTests

open System
open Rl.Core.Foundations
open Rl.Core.Environments
open Rl.Core.Environments.Robots
open Rl.Tests.Environments.Robots.RobotCases
open Xunit

let private make (id: string) = Registry.make id

/// An environment with the state's type that it has.
let private typed<'State
    when 'State: unmanaged and 'State: struct and 'State: (new: unit -> 'State) and 'State :> ValueType>
    (id: string)
    : RobotEnvironment<'State> =
    (make id).Accept
        { new IEnvironmentVisitor<RobotEnvironment<'State>> with
            member _.Visit environment = unbox<RobotEnvironment<'State>>(box environment)
        }

let private step (environment: RobotEnvironment<'State>) (state: 'State) (action: float32[]) =
    let struct (next, outcome, _) =
        (environment :> IEnvironment<'State>).Step(state, ReadOnlySpan action, Rng.create 0UL)

    next, outcome

let private position (environment: RobotEnvironment<'State>) (state: 'State) =
    let mutable state = state
    (environment.Layout.Position(stateNumbers &state)).ToArray()

let private fails<'Error when 'Error :> exn> (parts: string list) (act: unit -> unit) =
    let error = Assert.ThrowsAny<'Error>(act)

    for part in parts do
        Assert.Contains(part, error.Message)

[<Fact>]
let ``a control that is not a number is refused by its name`` () =
    let cheetah = typed<RobotState64> "HalfCheetah-v5"
    let state = cheetah.StateOf(ReadOnlySpan(Array.zeroCreate 9), ReadOnlySpan(Array.zeroCreate 9))
    let action = Array.zeroCreate<float32> 6
    action[4] <- nanf
    fails<ArgumentException> [ "action[4]"; "fshin"; "NaN"; "[-1, 1]" ] (fun () -> step cheetah state action |> ignore)
    let hopper = typed<RobotState32> "Hopper-v5"
    let state = hopper.StateOf(ReadOnlySpan (model "hopper").Positions0, ReadOnlySpan(Array.zeroCreate 6))
    fails<ArgumentException> [ "foot_joint" ] (fun () -> step hopper state [| 0.0f; 0.0f; nanf |] |> ignore)
    fails<ArgumentException> [ "2 elements"; "3" ] (fun () -> step hopper state [| 0.0f; 0.0f |] |> ignore)

[<Fact>]
let ``a state that loses its sense ends the episode in the reference pose`` () =
    let cheetah = typed<RobotState64> "HalfCheetah-v5"

    for speed in [ 1e11; nan; -infinity ] do
        let velocity = Array.zeroCreate<float> 9
        let mutable state = cheetah.StateOf(ReadOnlySpan(Array.zeroCreate 9), ReadOnlySpan velocity)
        (cheetah.Layout.Velocity(stateNumbers &state))[2] <- speed
        let next, outcome = step cheetah state (Array.zeroCreate 6)
        Assert.True(outcome.Terminated)
        Assert.Equal(0.0, outcome.Reward)
        Assert.True((cheetah :> IBlowups<RobotState64>).HasBlownUp next)
        Assert.Equal<float[]>((model "half_cheetah").Positions0, position cheetah next)

        fails<InvalidOperationException> [ "terminal"; "reset" ] (fun () ->
            step cheetah next (Array.zeroCreate 6) |> ignore)

[<Fact>]
let ``falling is an end of the task's, and no blow-up`` () =
    let hopper = typed<RobotState32> "Hopper-v5"
    let fallen = Array.copy (model "hopper").Positions0
    fallen[2] <- 1.0
    let state = hopper.StateOf(ReadOnlySpan fallen, ReadOnlySpan(Array.zeroCreate 6))
    let next, outcome = step hopper state (Array.zeroCreate 3)
    Assert.True(outcome.Terminated)
    Assert.False((hopper :> IBlowups<RobotState32>).HasBlownUp next)

[<Fact>]
let ``standing up is paid by the height over the simulation's time step, and contacts cost at most 10`` () =
    let robot = typed<RobotState456> "HumanoidStandup-v5"
    let raised = Array.copy (model "humanoid_standup").Positions0
    raised[2] <- 3.0
    let state = robot.StateOf(ReadOnlySpan raised, ReadOnlySpan(Array.zeroCreate 23))
    let next, outcome = step robot state (Array.zeroCreate 17)
    let cost = (position robot next)[2] / 0.003 + 1.0 - outcome.Reward
    Assert.InRange(cost, 0.0, 10.0)
    Assert.False outcome.Terminated
    // Fallen from that height, it lies and is hit.
    let mutable state = next

    for _ in 1..100 do
        let next, outcome = step robot state (Array.zeroCreate 17)
        state <- next
        let cost = (position robot next)[2] / 0.003 + 1.0 - outcome.Reward
        Assert.InRange(cost, 0.0, 10.0)
        Assert.False outcome.Terminated

[<Fact>]
let ``huge controls act as the largest, and cost what was asked for`` () =
    let hopper = typed<RobotState32> "Hopper-v5"
    let state = hopper.StateOf(ReadOnlySpan (model "hopper").Positions0, ReadOnlySpan(Array.zeroCreate 6))
    let largest, first = step hopper state [| 1.0f; -1.0f; 1.0f |]
    let huge, second = step hopper state [| 7.0f; -5.0f; 1.0f |]
    Assert.Equal<float[]>(position hopper largest, position hopper huge)
    Assert.Equal(first.Reward - 0.001 * (49.0 + 25.0 - 2.0), second.Reward, 1e-9)

[<Fact>]
let ``keywords that mean nothing are refused by name`` () =
    let refuses id name value parts =
        fails<ArgumentException> (name :: parts) (fun () -> Registry.makeWith [ name, value ] id |> ignore)

    refuses "Hopper-v5" "healthy_z_range" (KeywordValue.Text "1") [ "\"1\""; "two numbers" ]
    refuses "Hopper-v5" "healthy_z_range" (KeywordValue.Text "2, 1") [ "the first below the second" ]
    refuses "Hopper-v5" "healthy_z_range" (KeywordValue.Text "a, 1") [ "two numbers" ]
    refuses "Hopper-v5" "frame_skip" (KeywordValue.Number 0.0) [ "0" ]
    refuses "Hopper-v5" "frame_skip" (KeywordValue.Number 2.5) [ "whole number" ]
    refuses "Ant-v5" "main_body" (KeywordValue.Text "tail") [ "\"tail\""; "torso" ]
    refuses "Ant-v5" "main_body" (KeywordValue.Text "99") [ "1 to 13" ]
    refuses "Ant-v5" "reset_noise_scale" (KeywordValue.Number nan) []
    refuses "Ant-v4" "main_body" (KeywordValue.Text "torso") []

/// Start states of a task: positions and velocities less the reference pose, for several seeds.
let private starts (id: string) (count: int) =
    (make id).Accept
        { new IEnvironmentVisitor<(float[] * float[])[]> with
            member _.Visit<'State
                when 'State: unmanaged and 'State: struct and 'State: (new: unit -> 'State) and 'State :> ValueType>
                (environment: IEnvironment<'State>)
                =
                let robot = unbox<RobotEnvironment<'State>>(box environment)
                let mutable rng = Rng.create 3UL

                [|
                    for _ in 1..count do
                        let struct (state, next) = environment.Reset rng
                        rng <- next
                        let mutable state = state
                        let velocity = (robot.Layout.Velocity(stateNumbers &state)).ToArray()
                        Array.map2 (-) (position robot state) robot.Task.Model.Positions0, velocity
                |]
        }

let private moments (values: float[]) =
    let mean = Array.average values
    mean, sqrt (values |> Array.averageBy (fun value -> (value - mean) ** 2.0))

[<Fact>]
let ``first states lie as far apart as Gymnasium's`` () =
    for id, scale, isNormal in
        [
            "HalfCheetah-v5", 0.1, true
            "Hopper-v5", 5e-3, false
            "Walker2d-v5", 5e-3, false
            "Swimmer-v5", 0.1, false
            "InvertedPendulum-v5", 0.01, false
            "InvertedDoublePendulum-v5", 0.1, true
        ] do
        let states = starts id 3000
        let positions, velocities = states |> Array.collect fst, states |> Array.collect snd
        let mean, deviation = moments positions
        Assert.InRange(mean, -0.05 * scale, 0.05 * scale)
        Assert.InRange(Array.max positions, 0.99 * scale, scale)
        Assert.InRange(deviation, 0.97 * scale / sqrt 3.0, 1.03 * scale / sqrt 3.0)
        let mean, deviation = moments velocities
        Assert.InRange(mean, -0.05 * scale, 0.05 * scale)
        let expected = if isNormal then scale else scale / sqrt 3.0
        Assert.InRange(deviation, 0.97 * expected, 1.03 * expected)

[<Fact>]
let ``targets and objects start where Gymnasium's do`` () =
    for position, velocity in starts "Reacher-v5" 500 do
        // The reference pose of the target is (0.1, −0.1).
        let x, y = position[2] + 0.1, position[3] - 0.1
        Assert.True(sqrt (x * x + y * y) < 0.2)
        Assert.InRange(abs velocity[0], 0.0, 0.005)
        Assert.Equal<float[]>([| 0.0; 0.0 |], velocity[2..])

    for position, velocity in starts "Pusher-v5" 500 do
        let y, x = position[7], position[8]
        Assert.InRange(y, -0.3, 0.0)
        Assert.InRange(x, -0.2, 0.2)
        Assert.True(sqrt (x * x + y * y) > 0.17)
        Assert.Equal<float[]>(Array.zeroCreate 7, position[..6])
        Assert.Equal<float[]>(Array.zeroCreate 4, velocity[7..])

[<Fact>]
let ``a step in place allocates nothing`` () =
    for id in [ "HalfCheetah-v5"; "Ant-v5"; "Humanoid-v5"; "Reacher-v5" ] do
        let batch = (make id).Vectorise 2
        let buffers = batch.AllocateBuffers()
        let actions = Array.create (2 * batch.ActionSize) 0.3f
        batch.Reset(Rng.create 1UL)

        for _ in 1..20 do
            batch.StepAll(ReadOnlySpan actions, buffers)

        let before = GC.GetAllocatedBytesForCurrentThread()

        for _ in 1..20 do
            batch.StepAll(ReadOnlySpan actions, buffers)

        Assert.Equal(0L, GC.GetAllocatedBytesForCurrentThread() - before)
