/// N instances of a user's mutable environment, adapted at the edge.
namespace Rl.Core.Environments

open System
open System.Collections.Generic
open System.Runtime.ExceptionServices
open System.Runtime.InteropServices
open System.Threading
open System.Threading.Tasks
open Rl.Core.Foundations
open Rl.Core.Environments.Rendering

/// A batch over user environments, one instance a copy; instance i is made by `create i` and used by one thread at a
/// time. An exception of an instance is wrapped in `EnvironmentFailure`.
/// Snapshots hold clones of instances that are all `ICloneableEnvironment`, though files do not. Otherwise, and from a
/// file, `Capture` cannot see inside them: it records the streams and counts, and `Restore` starts a new episode in
/// every copy. `Release` disposes of the instances that are `IDisposable`; one that took too long may still be at work
/// and is left alone.
/// Goals are offered if the instances are `IGoalEnvironment`; the first is asked for the rewards of all.
/// Copies can be looked at if the instances are `IMutableRenderable`; after the first look, the last states of episodes
/// are drawn too. A reset or step that takes longer than `timeout` raises `EnvironmentFailure`; the batch must not be
/// used again.
[<Sealed>]
type External(id: string, rewardThreshold: float, count: int, create: Func<int, IMutableEnvironment>, timeout: TimeSpan)
    =
    inherit BatchEnvironment()

    do
        Guard.positive (nameof count) count

        if timeout <= TimeSpan.Zero && timeout <> Timeout.InfiniteTimeSpan then
            Guard.fail
                (nameof timeout)
                $"timeout is {timeout}; it must be longer than nothing, or Timeout.InfiniteTimeSpan for none."

    let instances = Array.init count create.Invoke
    let observationSpace, actionSpace = instances[0].ObservationSpace, instances[0].ActionSpace
    let observationSize, actionSize = observationSpace.Size, actionSpace.Size
    let maxEpisodeSteps = instances[0].MaxEpisodeSteps
    let episodes = Episodes(id, count, maxEpisodeSteps, observationSize, actionSpace)
    let current = Array.zeroCreate<float32>(count * observationSize)
    // Training draws nothing: last states are drawn only in copies that somebody has looked at.
    let isWatched = Array.zeroCreate<bool> count
    let finals: Scene voption[] = Array.create count ValueNone

    do
        for copy in 1 .. count - 1 do
            if
                instances[copy].ObservationSpace <> observationSpace
                || instances[copy].ActionSpace <> actionSpace
                || instances[copy].MaxEpisodeSteps <> maxEpisodeSteps
            then
                Guard.fail
                    (nameof create)
                    $"{id}: instance {copy} has other spaces or another time limit than instance 0; make them equal."

    let isCloneable =
        instances
        |> Array.forall (fun instance ->
            match instance with
            | :? ICloneableEnvironment -> true
            | _ -> false)

    let masked =
        match instances[0] with
        | :? IMaskedEnvironment as masked -> masked.HasActionMask && actionSpace.Choices > 0
        | _ -> false

    let goals = GoalTask.offered id observationSpace instances[0]

    /// The parts of observations that are integers or bits; boxes may be left, as `Environment.checkContract` tells.
    let integers =
        Space.layout observationSpace
        |> List.filter (fun part ->
            match part.Space with
            | Space.Box _ -> false
            | _ -> true)
        |> Array.ofList

    let hasTimeout = timeout <> Timeout.InfiniteTimeSpan
    let isLost = Array.zeroCreate<bool> count
    let mutable endsTwice = false
    let mutable blownUp = 0L
    // Whether `Restore` continues the captured episodes: the last one, or the next.
    let mutable continues = isCloneable

    /// Runs an action on another thread; false when it takes too long. Its exception is raised again. The time begins
    /// when the action does, not when it is queued, and passes in slices that count as what was asked for: a machine
    /// that is too busy to run this thread stops the clock too.
    let within (action: unit -> unit) =
        let started = new ManualResetEventSlim(false)

        let task =
            Task.Run(fun () ->
                started.Set()
                action ())

        started.Wait()
        let slices = 20
        let slice = TimeSpan.FromTicks(max 1L (timeout.Ticks / int64 slices))
        let mutable passed = 0

        while passed < slices && Task.WaitAny([| task |], slice) <> 0 do
            passed <- passed + 1

        if task.IsCompleted then task.GetAwaiter().GetResult()
        task.IsCompleted

    let late copy isReset =
        isLost[copy] <- true

        episodes.Fail(
            copy,
            isReset,
            TimeoutException(
                $"it took longer than {timeout.TotalSeconds} s; look for an endless loop, or allow it more time."
            )
        )

    /// A copy of an instance, whose failure is the environment's.
    let clone (copy: int) (original: obj) : IMutableEnvironment =
        try
            match box ((original :?> ICloneableEnvironment).Clone()) with
            | :? ICloneableEnvironment as clone -> clone
            | _ -> invalidOp "Clone must return an environment of the same kind."
        with error ->
            episodes.Fail(copy, false, error)
            raise error

    /// Starts an episode of a copy in the row that holds its present observation.
    let reset (copy: int) =
        let struct (seed, stream) = Rng.bits episodes.Streams[copy]
        episodes.Streams[copy] <- stream
        episodes.Begin copy
        let row = Span(current, copy * observationSize, observationSize)

        if not hasTimeout then
            try
                instances[copy].Reset(seed, row)
            with error ->
                episodes.Fail(copy, true, error)
        else
            let instance = instances[copy]
            let observation = Array.zeroCreate<float32> observationSize
            let mutable inTime = false

            try
                inTime <- within (fun () -> instance.Reset(seed, Span observation))
            with error ->
                episodes.Fail(copy, true, error)

            if not inTime then late copy true
            ReadOnlySpan(observation).CopyTo row

        episodes.CheckObservations(copy, Span.op_Implicit row, true)
        episodes.CheckParts(integers, copy, Span.op_Implicit row, true)

    /// A step on the copy's own thread, within the timeout.
    let watched copy (action: float32[]) : Outcome =
        let instance = instances[copy]
        let observation = Array.zeroCreate<float32> observationSize
        let outcome = [| Unchecked.defaultof<Outcome> |]
        let mutable inTime = false

        try
            inTime <- within (fun () -> outcome[0] <- instance.Step(ReadOnlySpan action, Span observation))
        with error ->
            episodes.Fail(copy, false, error)

        if not inTime then late copy false
        ReadOnlySpan(observation).CopyTo(Span(current, copy * observationSize, observationSize))
        outcome[0]

    /// Without a timeout.
    new(id, rewardThreshold, count, create) = External(id, rewardThreshold, count, create, Timeout.InfiniteTimeSpan)

    override _.Goals = goals

    override _.Simulate(places: int) =
        if isCloneable then
            let instance copy = instances[copy] :?> ICloneableEnvironment
            Ok(CloneSimulator(id, observationSpace, actionSpace, Func<_, _> instance, places))
        else
            Error(
                "it cannot be cloned; let it implement ICloneableEnvironment (a copy that shares nothing that "
                + "changes), or plan with a model of your own"
            )

    override _.HasActionMasks = masked

    override this.ActionMasks(first: int, copies: int, masks: Span<bool>) =
        if masked then
            let choices = masks.Length / count

            for copy in first .. first + copies - 1 do
                let mask = masks.Slice(copy * choices, choices)
                mask.Clear()

                try
                    (instances[copy] :?> IMaskedEnvironment).ActionMask mask
                with error ->
                    episodes.Fail(copy, episodes.Elapsed copy = 0, error)

                if not (actionSpace.AllowsAction(Span.op_Implicit mask)) then
                    let error =
                        InvalidOperationException "its action mask allows no choice; each integer or bit needs one."

                    episodes.Fail(copy, episodes.Elapsed copy = 0, error)
        else
            base.ActionMasks(first, copies, masks)

    override _.Id = id
    override _.Count = count
    override _.ObservationSpace = observationSpace
    override _.ActionSpace = actionSpace
    override _.ObservationSize = observationSize
    override _.ActionSize = actionSize
    override _.MaxEpisodeSteps = maxEpisodeSteps
    override _.RewardThreshold = rewardThreshold

    member private _.Draw(copy: int) =
        match instances[copy] with
        | :? IMutableRenderable as renderable when renderable.CanRender ->
            let mutable scene = ValueNone

            try
                scene <- ValueSome(renderable.Render())
            with error ->
                episodes.Fail(copy, episodes.Elapsed copy = 0, error)

            scene
        | _ -> ValueNone

    override this.Render(copy: int) =
        Guard.inIntRange (nameof copy) 0 (count - 1) copy
        episodes.RequireReady(copy, 1)
        isWatched[copy] <- true
        this.Draw copy

    override _.ReturnSoFar(copy: int) =
        Guard.inIntRange (nameof copy) 0 (count - 1) copy
        episodes.Return copy

    override _.RenderFinal(copy: int) =
        Guard.inIntRange (nameof copy) 0 (count - 1) copy
        if episodes.Elapsed copy = 0 then finals[copy] else ValueNone

    override this.FramesPerSecond =
        match instances[0] with
        | :? IMutableRenderable as renderable when renderable.CanRender -> renderable.FramesPerSecond
        | _ -> base.FramesPerSecond

    override _.Reset(rng: Rng) =
        episodes.Start rng
        Array.fill finals 0 count ValueNone

        for copy in 0 .. count - 1 do
            reset copy

    override _.Observe(observations: Span<float32>) =
        episodes.RequireReady()
        Guard.length (nameof observations) current.Length observations.Length
        Span(current).CopyTo observations

    override this.Step(first: int, steps: int, actions: ReadOnlySpan<float32>, result: StepBuffers) =
        episodes.CheckStep(first, steps, actions, result)
        let observations = result.Observations.Span
        let finalObservations = result.FinalObservations.Span
        let rows = StepRows.Of result

        for copy in first .. first + steps - 1 do
            let row = Span(current, copy * observationSize, observationSize)
            let action = actions.Slice(copy * actionSize, actionSize)
            let mutable outcome = Unchecked.defaultof<Outcome>

            if not hasTimeout then
                try
                    outcome <- instances[copy].Step(action, row)
                with error ->
                    episodes.Fail(copy, false, error)
            else
                outcome <- watched copy (action.ToArray())

            episodes.CheckObservations(copy, Span.op_Implicit row, false)
            episodes.CheckParts(integers, copy, Span.op_Implicit row, false)
            if outcome.Terminated && outcome.Truncated then endsTwice <- true

            if episodes.Record(copy, outcome, rows) then
                row.CopyTo(finalObservations.Slice(copy * observationSize, observationSize))

                if isWatched[copy] then finals[copy] <- this.Draw copy

                match instances[copy] with
                | :? IMutableBlowups as instance when instance.HasBlownUp -> Interlocked.Increment(&blownUp) |> ignore
                | _ -> ()

                reset copy

            row.CopyTo(observations.Slice(copy * observationSize, observationSize))

    override _.Blowups = Interlocked.Read(&blownUp)

    override this.Cut(copy: int, result: StepBuffers) =
        episodes.RequireReady(copy, 1)
        episodes.Cut(copy, result)
        if isWatched[copy] then finals[copy] <- this.Draw copy
        reset copy

        Span(current, copy * observationSize, observationSize)
            .CopyTo(result.Observations.Span.Slice(copy * observationSize, observationSize))

    override _.RestoresEpisodes = continues

    /// Whether an instance has ever said that a step both terminated and truncated its episode; the first counts.
    member internal _.EndsTwice = endsTwice

    override _.Release() =
        let errors = List<exn>()

        for copy in 0 .. count - 1 do
            match box instances[copy] with
            | :? IDisposable as instance when not isLost[copy] ->
                // One that fails to be disposed of does not keep the others.
                try
                    instance.Dispose()
                with error ->
                    errors.Add error
            | _ -> ()

        if errors.Count > 0 then ExceptionDispatchInfo.Throw errors[0]

    override _.Capture() =
        episodes.RequireReady()
        let bytes = Array.zeroCreate<byte>(Episodes.ProgressBytes count)
        episodes.CaptureProgress(Span bytes)
        let snapshot = episodes.Snapshot bytes

        if isCloneable then
            { snapshot with
                Instances =
                    [
                        for copy in 0 .. count - 1 do
                            clone copy instances[copy] :> obj
                        Array.copy current :> obj
                    ]
            }
        else
            snapshot

    override _.CopyBytes = Ok [ Episodes.ProgressBytes 1 ]

    override _.Restore(snapshot: BatchSnapshot) =
        episodes.CheckSnapshot(snapshot, Episodes.ProgressBytes count)
        episodes.RestoreProgress(ReadOnlySpan snapshot.Bytes)
        continues <- isCloneable && snapshot.Instances.Length = count + 1
        Array.fill finals 0 count ValueNone

        if continues then
            // The snapshot keeps its own: it may be restored again.
            snapshot.Instances
            |> List.iteri (fun copy item ->
                match item with
                | :? ICloneableEnvironment as instance ->
                    let replaced = instances[copy]
                    instances[copy] <- clone copy instance

                    match box replaced with
                    | :? IDisposable as replaced -> replaced.Dispose()
                    | _ -> ()
                | other -> (other :?> float32[]).CopyTo(current, 0))
        else
            for copy in 0 .. count - 1 do
                reset copy
