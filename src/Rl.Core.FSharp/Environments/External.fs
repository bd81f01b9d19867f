/// N instances of a user's mutable environment, adapted at the edge.
namespace Rl.Core.Environments

open System
open System.Runtime.InteropServices
open Rl.Core.Foundations
open Rl.Core.Environments.Rendering

/// An environment that keeps its state to itself. `MaxEpisodeSteps` is 0 for no limit.
type IMutableEnvironment =
    abstract ObservationSpace: Space
    abstract ActionSpace: Space
    abstract MaxEpisodeSteps: int
    /// Starts an episode whose randomness all comes from `seed`, and writes its first observation.
    abstract Reset: seed: uint64 * observation: Span<float32> -> unit
    /// Takes an action and writes the next observation.
    abstract Step: action: ReadOnlySpan<float32> * observation: Span<float32> -> Outcome

/// What a mutable environment can offer besides: a look at it.
type IMutableRenderable =
    /// What the present state looks like. It changes nothing.
    abstract Render: unit -> Scene
    /// The steps a second that look like its own time; greater than 0.
    abstract FramesPerSecond: float

/// A batch over user environments, one instance a copy; instance i is made by `create i` and used by one thread at a time.
/// An exception of an instance is wrapped in `EnvironmentFailure`. Copies can be looked at if the instances are `IMutableRenderable`; after
/// the first look, the last states of episodes are drawn too.
/// `Capture` cannot see inside the instances: it records the streams and counts, and `Restore` starts a new episode in every copy.
[<Sealed>]
type External(id: string, rewardThreshold: float, count: int, create: Func<int, IMutableEnvironment>) =
    inherit BatchEnvironment()
    do Guard.positive (nameof count) count
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

    /// Starts an episode of a copy in the row that holds its present observation.
    let reset (copy: int) =
        let entry = &episodes.Progress[copy]
        let struct (seed, stream) = Rng.bits entry.Stream
        entry.Stream <- stream
        entry.Elapsed <- 0
        entry.Return <- 0.0
        let row = Span(current, copy * observationSize, observationSize)

        try
            instances[copy].Reset(seed, row)
        with error ->
            episodes.Fail(copy, true, error)

        episodes.CheckObservations(copy, Span.op_Implicit row, true)

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
        | :? IMutableRenderable as renderable -> ValueSome(renderable.Render())
        | _ -> ValueNone

    override this.Render(copy: int) =
        Guard.inIntRange (nameof copy) 0 (count - 1) copy
        episodes.RequireReady(copy, 1)
        isWatched[copy] <- true
        this.Draw copy

    override _.RenderFinal(copy: int) =
        Guard.inIntRange (nameof copy) 0 (count - 1) copy
        if episodes.Progress[copy].Elapsed = 0 then finals[copy] else ValueNone

    override this.FramesPerSecond =
        match instances[0] with
        | :? IMutableRenderable as renderable -> renderable.FramesPerSecond
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
        let rewards = result.Rewards.Span
        let terminated = result.Terminated.Span
        let truncated = result.Truncated.Span
        let returns = result.EpisodeReturns.Span
        let lengths = result.EpisodeLengths.Span

        for copy in first .. first + steps - 1 do
            let row = Span(current, copy * observationSize, observationSize)
            let action = actions.Slice(copy * actionSize, actionSize)
            let mutable outcome = Unchecked.defaultof<Outcome>

            try
                outcome <- instances[copy].Step(action, row)
            with error ->
                episodes.Fail(copy, false, error)

            episodes.CheckObservations(copy, Span.op_Implicit row, false)

            if episodes.Record(copy, outcome, rewards, terminated, truncated, returns, lengths) then
                row.CopyTo(finalObservations.Slice(copy * observationSize, observationSize))

                if isWatched[copy] then finals[copy] <- this.Draw copy

                reset copy

            row.CopyTo(observations.Slice(copy * observationSize, observationSize))

    override _.Capture() =
        episodes.RequireReady()
        let bytes = MemoryMarshal.AsBytes(Span episodes.Progress).ToArray()
        { EnvironmentId = id; Count = count; Bytes = bytes }

    override _.Restore(snapshot: BatchSnapshot) =
        let progress = MemoryMarshal.AsBytes(Span episodes.Progress)
        episodes.CheckSnapshot(snapshot, progress.Length)
        Span(snapshot.Bytes).CopyTo progress
        episodes.SetReady()
        Array.fill finals 0 count ValueNone

        for copy in 0 .. count - 1 do
            reset copy
