/// A robot whose numbers differ from episode to episode: domain randomisation around a task.
namespace Rl.Core.Environments.Robots

open System
open System.Runtime.CompilerServices
open System.Runtime.InteropServices
open System.Threading
open Rl.Core.Foundations
open Rl.Core.Environments

/// Room for a state of 1200 numbers.
[<Struct; InlineArray(1200); NoEquality; NoComparison>]
type internal RobotState1200 =
    [<DefaultValue(false)>]
    val mutable private first: float

/// Where things stand in a state: the robot's own, what was drawn, the actions that wait (the newest first), what is
/// shown of the observation.
[<Sealed>]
type internal RandomisedLayout(task: RobotTask, ranges: DynamicsRanges) =
    let inner = (StateLayout task).Size
    let actions = task.Model.Actuators.Length
    let waiting = int ranges.ActionDelay.High * actions
    let draws = DynamicsRanges.names.Length

    member _.Size = inner + draws + waiting + task.ObservationSize
    member _.Drawn(numbers: Span<float>) = numbers.Slice(inner, draws)
    member _.Waiting(numbers: Span<float>) = numbers.Slice(inner + draws, waiting)
    member _.Shown(numbers: Span<float>) = numbers.Slice(inner + draws + waiting, task.ObservationSize)

/// A task of a robot whose masses, friction, damping, strength, delay of actions and noise of observations are drawn
/// anew for each episode, after its first state, from the episode's own generator; they are part of the state, and
/// `info` tells them. Copies are stepped one after the other: a vector has one model for all of its lanes. Rewards are
/// of the true state and the action that takes effect.
[<Sealed>]
type internal RandomisedRobot<'State
    when 'State: unmanaged and 'State: struct and 'State: (new: unit -> 'State) and 'State :> ValueType>
    (task: RobotTask, ranges: DynamicsRanges, copies: int) =
    let inner = RobotEnvironment<'State> task
    let plain = inner :> IEnvironment<'State>
    let model = task.Model
    let models = PerturbedModels(model, ranges.Bodies, copies)
    let layout, own = RandomisedLayout(task, ranges), inner.Layout
    let actions = model.Actuators.Length
    let acting = new ThreadLocal<float32[]>(fun () -> Array.zeroCreate actions)
    let space = DynamicsRanges.observations ranges plain.ObservationSpace
    let struct (firstNoisy, noisyCount) = DynamicsRanges.noisy plain.ObservationSpace

    do
        if layout.Size > RobotState.length<'State> then
            invalidOp (
                $"{task.Settings.Id} has a state of {layout.Size} numbers, more than its buffer; give a shorter "
                + "actionDelay."
            )

    /// Gives the thread's workspace the model that was drawn.
    let take (numbers: Span<float>) =
        let drawn = layout.Drawn numbers
        let factors = { Mass = drawn[0]; Friction = drawn[1]; Damping = drawn[2]; Strength = drawn[3] }
        let w = inner.Workspace
        w.Model <- models.Find(factors, w)

    /// Shows the observation, with noise.
    let show (numbers: Span<float>) (rng: Rng) : Rng =
        let shown = layout.Shown numbers
        (own.Observation numbers).CopyTo shown
        let drawn = layout.Drawn numbers
        let deviation = drawn[5]
        let mutable rng = rng

        if deviation > 0.0 then
            for index in firstNoisy .. firstNoisy + noisyCount - 1 do
                let struct (noise, next) = Rng.normal rng
                shown[index] <- shown[index] + deviation * noise
                rng <- next

        rng

    /// The action that takes effect now; the given one waits.
    let delayed (numbers: Span<float>) (action: ReadOnlySpan<float32>) : ReadOnlySpan<float32> =
        let waiting = layout.Waiting numbers
        let drawn = layout.Drawn numbers
        let delay = int drawn[4]
        let now = acting.Value

        if delay = 0 then
            action.CopyTo now
        else
            for index in 0 .. actions - 1 do
                now[index] <- float32 waiting[(delay - 1) * actions + index]

        if waiting.Length > 0 then
            for index in waiting.Length - 1 .. -1 .. actions do
                waiting[index] <- waiting[index - actions]

            for index in 0 .. actions - 1 do
                waiting[index] <- float action[index]

        ReadOnlySpan now

    let step (state: byref<'State>) (action: ReadOnlySpan<float32>) (rng: byref<Rng>) : Outcome =
        let numbers = RobotState.numbers &state
        inner.Check(Span.op_Implicit numbers, action)
        take numbers
        let outcome = inner.StepNumbers(numbers, delayed numbers action)
        rng <- show numbers rng
        outcome

    interface IEnvironment<'State> with
        member _.Id = plain.Id
        member _.ObservationSpace = space
        member _.ActionSpace = plain.ActionSpace
        member _.MaxEpisodeSteps = plain.MaxEpisodeSteps
        member _.RewardThreshold = plain.RewardThreshold

        member _.Reset(rng) =
            inner.Workspace.Model <- model
            let struct (first, rng) = plain.Reset rng
            let mutable state = first
            let numbers = RobotState.numbers &state
            let rng = DynamicsRanges.draw ranges rng (layout.Drawn numbers)
            // The first state as the robot has it that was drawn.
            take numbers
            inner.Start numbers
            let rng = show numbers rng
            struct (state, rng)

        member _.Step(state, action, rng) =
            let mutable state, rng = state, rng
            let outcome = step &state action &rng
            struct (state, outcome, rng)

        member _.Observe(state, observation) =
            let mutable state = state
            let numbers = RobotState.numbers &state
            let shown = layout.Shown numbers

            for index in 0 .. shown.Length - 1 do
                observation[index] <- float32 shown[index]

            if ranges.ShowsPrivileged then
                let drawn = layout.Drawn numbers
                let exact = own.Observation numbers

                for index in 0 .. drawn.Length - 1 do
                    observation[shown.Length + index] <- float32 drawn[index]

                for index in 0 .. noisyCount - 1 do
                    observation[shown.Length + drawn.Length + index] <- float32 exact[firstNoisy + index]

    interface IInPlace<'State> with
        member _.StepInPlace(state, action, rng) = step &state action &rng

    interface IBlowups<'State> with
        member _.HasBlownUp(state) = (inner :> IBlowups<'State>).HasBlownUp state

    interface IRenderable<'State> with
        member _.Render(state) = (inner :> IRenderable<'State>).Render state

    interface IGoalEnvironment with
        member _.HasGoals = task.HasGoals
        member _.ComputeReward(achieved, desired) = task.GoalReward(achieved, desired)
        member _.ComputeTerminated(_, _) = false

    interface IInfo<'State> with
        member _.InfoNames = DynamicsRanges.names @ task.InfoNames

        member _.ReadInfo(state, values) =
            let mutable state = state
            let numbers = RobotState.numbers &state
            (layout.Drawn numbers).CopyTo values
            task.ReadInfo(Span.op_Implicit (own.Memory numbers), values.Slice DynamicsRanges.names.Length)

/// Robots with other numbers.
[<RequireQualifiedAccess>]
module internal RandomisedRobot =

    /// The environment of a task whose episodes draw within bounds, for so many copies; `ArgumentException` for bounds
    /// that make no sense and for bodies that the robot has not.
    let create (task: RobotTask) (ranges: DynamicsRanges) (copies: int) : AnyEnvironment =
        DynamicsRanges.check ranges

        match RandomisedLayout(task, ranges).Size with
        | size when size <= 64 -> AnyEnvironment.Pack(RandomisedRobot<RobotState64>(task, ranges, copies))
        | size when size <= 160 -> AnyEnvironment.Pack(RandomisedRobot<RobotState160>(task, ranges, copies))
        | size when size <= 456 -> AnyEnvironment.Pack(RandomisedRobot<RobotState456>(task, ranges, copies))
        | _ -> AnyEnvironment.Pack(RandomisedRobot<RobotState1200>(task, ranges, copies))
