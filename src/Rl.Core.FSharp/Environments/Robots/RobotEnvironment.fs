/// Tasks of robots as environments on states that are plain values.
namespace Rl.Core.Environments.Robots

open System
open System.Runtime.CompilerServices
open System.Runtime.InteropServices
open System.Threading
open Rl.Core.Foundations
open Rl.Core.Environments

/// Room for a state of 32 numbers.
[<Struct; InlineArray(32); NoEquality; NoComparison>]
type internal RobotState32 =
    [<DefaultValue(false)>]
    val mutable private first: float

/// Room for a state of 64 numbers.
[<Struct; InlineArray(64); NoEquality; NoComparison>]
type internal RobotState64 =
    [<DefaultValue(false)>]
    val mutable private first: float

/// Room for a state of 160 numbers.
[<Struct; InlineArray(160); NoEquality; NoComparison>]
type internal RobotState160 =
    [<DefaultValue(false)>]
    val mutable private first: float

/// Room for a state of 640 numbers.
[<Struct; InlineArray(640); NoEquality; NoComparison>]
type internal RobotState640 =
    [<DefaultValue(false)>]
    val mutable private first: float

/// Room for a state of 456 numbers.
[<Struct; InlineArray(456); NoEquality; NoComparison>]
type internal RobotState456 =
    [<DefaultValue(false)>]
    val mutable private first: float

/// Views of states.
[<RequireQualifiedAccess>]
module internal RobotState =

    /// How many numbers a state has room for.
    let inline length<'State when 'State: struct> = Unsafe.SizeOf<'State>() / sizeof<float>

    /// The numbers of a state, to be read and written.
    let inline numbers<'State when 'State: struct> (state: byref<'State>) : Span<float> =
        MemoryMarshal.CreateSpan(&Unsafe.As<'State, float>(&state), length<'State>)

/// Where things stand in a state: whether it is terminal (2: because its numbers lost their sense), position, velocity,
/// warm start, what the next step needs to know of this one, what is seen, the ground.
[<Sealed>]
type internal StateLayout(task: RobotTask) =
    let dofs = task.Model.DofCount
    let velocity = 1 + task.Model.PositionCount
    let memory = velocity + 2 * dofs
    let observation = memory + task.MemorySize

    /// The number of numbers.
    member _.Size = observation + task.ObservationSize + task.TerrainSize
    member _.Position(numbers: Span<float>) = numbers.Slice(1, velocity - 1)
    member _.Velocity(numbers: Span<float>) = numbers.Slice(velocity, dofs)
    member _.WarmStart(numbers: Span<float>) = numbers.Slice(velocity + dofs, dofs)
    member _.Memory(numbers: Span<float>) = numbers.Slice(memory, observation - memory)
    member _.Observation(numbers: Span<float>) = numbers.Slice(observation, task.ObservationSize)
    member _.Terrain(numbers: Span<float>) = numbers.Slice(observation + task.ObservationSize, task.TerrainSize)
    /// The number of numbers that a step depends on: position, velocity and memory. The warm start only shortens the
    /// search for the forces, and the ground stays.
    member _.SmoothSize = velocity - 1 + dofs + task.MemorySize

    /// Those of a state.
    member _.ReadSmooth(numbers: Span<float>, smooth: Span<float>) : unit =
        numbers.Slice(1, velocity - 1 + dofs).CopyTo smooth
        numbers.Slice(memory, task.MemorySize).CopyTo(smooth.Slice(velocity - 1 + dofs))

    /// Sets those of a state.
    member _.WriteSmooth(smooth: ReadOnlySpan<float>, numbers: Span<float>) : unit =
        smooth.Slice(0, velocity - 1 + dofs).CopyTo(numbers.Slice 1)
        smooth.Slice(velocity - 1 + dofs).CopyTo(numbers.Slice memory)

/// A task of a robot. Actions are the actuators' controls: beyond their ranges they are clamped where they act, and
/// cost what was asked for, as in Gymnasium; NaN is refused. A state whose numbers lose their sense (NaN, or beyond
/// 1e10) ends the episode with a reward of 0, in the reference pose.
[<Sealed>]
type internal RobotEnvironment<'State
    when 'State: unmanaged and 'State: struct and 'State: (new: unit -> 'State) and 'State :> ValueType>
    (task: RobotTask) =
    let settings, model = task.Settings, task.Model
    let layout = StateLayout task
    let workspaces = new ThreadLocal<Workspace>(fun () -> Workspace model)
    let fleets = new ThreadLocal<FleetWorkspace>(fun () -> FleetWorkspace model)
    let actions = model.Actuators.Length

    do
        if layout.Size > RobotState.length<'State> then
            invalidOp $"{settings.Id} has a state of {layout.Size} numbers, more than its buffer."

    let observationSpace =
        Space.box
            (Array.create task.ObservationSize -infinity)
            (Array.create task.ObservationSize infinity)
            [| task.ObservationSize |]

    let actionSpace =
        let bound (value: Actuator -> float) = model.Actuators |> Array.map (value >> float32 >> float)
        Space.box (bound _.ControlLow) (bound _.ControlHigh) [| actions |]

    /// Writes the workspace's state and what the task notes and sees.
    let store (w: Workspace) (isTerminal: bool) (numbers: Span<float>) =
        numbers[0] <- if isTerminal then 1.0 else 0.0
        w.Position.CopyTo(layout.Position numbers)
        w.Velocity.CopyTo(layout.Velocity numbers)
        w.WarmStart.CopyTo(layout.WarmStart numbers)
        task.Observe(w, layout.Observation numbers)

    /// Puts a state's ground into a workspace's heights.
    let placeTerrain (heights: float[][]) (numbers: Span<float>) =
        if task.TerrainSize > 0 then
            task.PlaceTerrain(Span.op_Implicit (layout.Terrain numbers), heights)

    /// The state that begins at a position and velocity: everything is evaluated there.
    let start (numbers: Span<float>) =
        let w = workspaces.Value
        Array.Clear w.Control
        Array.Clear w.WarmStart
        placeTerrain w.Heights numbers

        w.Load(
            Span.op_Implicit (layout.Position numbers),
            Span.op_Implicit (layout.Velocity numbers),
            ReadOnlySpan w.WarmStart
        )

        Simulation.evaluate w
        // Forces of contacts are only known after a step.
        Array.Fill(w.ContactForce, Spatial.zero)
        task.Remember(w, layout.Memory numbers)
        store w false numbers

    let check (isTerminal: bool) (action: ReadOnlySpan<float32>) =
        if isTerminal then
            invalidOp $"{settings.Id}: the state is terminal; reset the episode instead of stepping it."

        Guard.length (nameof action) actions action.Length

        for index in 0 .. actions - 1 do
            if Single.IsNaN action[index] then
                let actuator = model.Actuators[index]
                let name = if actuator.Name = "" then model.Joints[actuator.Joint].Name else actuator.Name
                let low, high = actuator.ControlLow, actuator.ControlHigh

                Guard.fail
                    (nameof action)
                    ($"{settings.Id}: action[{index}], the control of \"{name}\", is NaN; it must be a number in "
                     + $"[{low}, {high}].")

    /// Rewards the step that led to the workspace's state, and writes that.
    let finish (w: Workspace) (numbers: Span<float>) (action: ReadOnlySpan<float32>) : Outcome =
        let after = Span(w.Notes, 0, task.MemorySize)
        task.Remember(w, after)

        let struct (reward, isTerminal) =
            task.Judge(w, Span.op_Implicit (layout.Memory numbers), Span.op_Implicit after, action)

        after.CopyTo(layout.Memory numbers)
        store w isTerminal numbers
        { Reward = reward; Terminated = isTerminal; Truncated = false }

    /// Ends an episode whose state has lost its sense.
    let lose (numbers: Span<float>) : Outcome =
        let w = workspaces.Value
        Simulation.reset w
        w.Position.CopyTo(layout.Position numbers)
        w.Velocity.CopyTo(layout.Velocity numbers)
        start numbers
        numbers[0] <- 2.0
        { Reward = 0.0; Terminated = true; Truncated = false }

    let step (numbers: Span<float>) (action: ReadOnlySpan<float32>) : Outcome =
        check (numbers[0] <> 0.0) action
        let w = workspaces.Value
        placeTerrain w.Heights numbers

        w.Load(
            Span.op_Implicit (layout.Position numbers),
            Span.op_Implicit (layout.Velocity numbers),
            Span.op_Implicit (layout.WarmStart numbers)
        )

        for index in 0 .. actions - 1 do
            w.Control[index] <- float action[index]

        let mutable isSane = true
        let mutable steps = 0

        while isSane && steps < settings.FrameSkip do
            isSane <- Simulation.step w = StepResult.Done
            steps <- steps + 1

        isSane <- isSane && Simulation.isSane w

        if isSane then
            if task.NeedsContactForces then ContactSearch.forces w
            finish w numbers action
        else
            lose numbers

    /// Steps at most `Lane.Count` states side by side.
    let stepFleet (states: Span<'State>) (actionRows: ReadOnlySpan<float32>) (outcomes: Span<Outcome>) =
        let f = fleets.Value

        for lane in 0 .. states.Length - 1 do
            let numbers = RobotState.numbers &states[lane]
            let action = actionRows.Slice(lane * actions, actions)
            check (numbers[0] <> 0.0) action
            placeTerrain f.Heights[lane] numbers
            f.Position.Load(lane, Span.op_Implicit (layout.Position numbers))
            f.Velocity.Load(lane, Span.op_Implicit (layout.Velocity numbers))
            f.WarmStart.Load(lane, Span.op_Implicit (layout.WarmStart numbers))

            for index in 0 .. actions - 1 do
                f.Control.Set(index, lane, float action[index])

        f.Alive <- Lane.first states.Length
        FleetSimulation.step f settings.FrameSkip
        if task.NeedsContactForces then FleetContacts.forces f

        for lane in 0 .. states.Length - 1 do
            let numbers = RobotState.numbers &states[lane]

            outcomes[lane] <-
                if Lane.isSet f.Alive lane then
                    FleetSimulation.save f lane task.NeedsContactForces task.NeedsBodies f.Single
                    finish f.Single numbers (actionRows.Slice(lane * actions, actions))
                else
                    lose numbers

    /// The state that begins at a position with a velocity, without memory of steps before it.
    member _.StateOf(position: ReadOnlySpan<float>, velocity: ReadOnlySpan<float>) : 'State =
        let mutable state = Unchecked.defaultof<'State>
        let numbers = RobotState.numbers &state
        position.CopyTo(layout.Position numbers)
        velocity.CopyTo(layout.Velocity numbers)
        start numbers
        state

    member _.Task = task
    member _.Layout = layout

    interface IEnvironment<'State> with
        member _.Id = settings.Id
        member _.ObservationSpace = observationSpace
        member _.ActionSpace = actionSpace
        member _.MaxEpisodeSteps = settings.MaxEpisodeSteps
        member _.RewardThreshold = settings.RewardThreshold

        member _.Reset(rng) =
            let mutable state = Unchecked.defaultof<'State>
            let numbers = RobotState.numbers &state
            let rng = task.DrawTerrain(layout.Terrain numbers, rng)
            let rng = task.Reset(layout.Position numbers, layout.Velocity numbers, rng)
            start numbers
            struct (state, rng)

        member _.Step(state, action, rng) =
            let mutable state = state
            let outcome = step (RobotState.numbers &state) action
            struct (state, outcome, rng)

        member _.Observe(state, observation) =
            let mutable state = state
            let numbers = layout.Observation(RobotState.numbers &state)

            for index in 0 .. numbers.Length - 1 do
                observation[index] <- float32 numbers[index]

    interface IContinuousState<'State> with
        member _.StateSize = layout.SmoothSize
        // What contacts do is found by iterations that end at a tolerance.
        member _.StepError = 1e-11

        member _.ReadState(state, numbers) =
            let mutable state = state
            layout.ReadSmooth(RobotState.numbers &state, numbers)

        member _.WithState(state, numbers) =
            let mutable state = state
            layout.WriteSmooth(numbers, RobotState.numbers &state)
            state

    interface IInPlaceMany<'State> with
        member _.StepInPlace(state, action, _) = step (RobotState.numbers &state) action

        member _.StepManyInPlace(states, actionRows, _, outcomes) =
            let mutable first = 0

            while first < states.Length do
                let count = min Lane.Count (states.Length - first)

                if FleetSimulation.isWorthwhile count then
                    let rows = actionRows.Slice(first * actions, count * actions)
                    stepFleet (states.Slice(first, count)) rows (outcomes.Slice(first, count))
                else
                    for index in first .. first + count - 1 do
                        let action = actionRows.Slice(index * actions, actions)
                        outcomes[index] <- step (RobotState.numbers &states[index]) action

                first <- first + count

    interface IBlowups<'State> with
        member _.HasBlownUp(state) =
            let mutable state = state
            (RobotState.numbers &state)[0] = 2.0

    interface IRenderable<'State> with
        member _.Render(state) =
            let mutable state = state
            let w = workspaces.Value
            let numbers = RobotState.numbers &state
            placeTerrain w.Heights numbers
            (layout.Position numbers).CopyTo(Span w.Position)
            Kinematics.place w
            RobotScene.render settings w

/// Environments with the smallest state that a task fits in.
[<RequireQualifiedAccess>]
module internal RobotEnvironment =

    let create (task: RobotTask) : AnyEnvironment =
        match (StateLayout task).Size with
        | size when size <= 32 -> AnyEnvironment.Pack(RobotEnvironment<RobotState32> task)
        | size when size <= 64 -> AnyEnvironment.Pack(RobotEnvironment<RobotState64> task)
        | size when size <= 160 -> AnyEnvironment.Pack(RobotEnvironment<RobotState160> task)
        | size when size <= 456 -> AnyEnvironment.Pack(RobotEnvironment<RobotState456> task)
        | _ -> AnyEnvironment.Pack(RobotEnvironment<RobotState640> task)
