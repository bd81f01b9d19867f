/// N instances of a user's mutable environment, adapted at the edge.
namespace Rl.Core.Environments

open System
open System.Runtime.InteropServices
open Rl.Core.Foundations

/// An environment that keeps its state to itself. `MaxEpisodeSteps` is 0 for no limit.
type IMutableEnvironment =
    abstract ObservationSpace: Space
    abstract ActionSpace: Space
    abstract MaxEpisodeSteps: int
    /// Starts an episode whose randomness all comes from `seed`, and writes its first observation.
    abstract Reset: seed: uint64 * observation: Span<float32> -> unit
    /// Takes an action and writes the next observation.
    abstract Step: action: ReadOnlySpan<float32> * observation: Span<float32> -> Outcome

/// A batch over user environments, one instance a copy; instance i is made by `create i` and used by one thread at a time.
/// An exception of an instance is wrapped in `EnvironmentFailure`.
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

    override _.Reset(rng: Rng) =
        episodes.Start rng

        for copy in 0 .. count - 1 do
            reset copy

    override _.Observe(observations: Span<float32>) =
        episodes.RequireReady()
        Guard.length (nameof observations) current.Length observations.Length
        Span(current).CopyTo observations

    override _.Step(first: int, steps: int, actions: ReadOnlySpan<float32>, result: StepBuffers) =
        episodes.CheckStep(first, steps, actions, result)
        let observations = result.Observations.Span
        let finals = result.FinalObservations.Span
        let rewards = result.Rewards.Span
        let exact = result.ExactRewards.Span
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

            if episodes.Record(copy, outcome, rewards, exact, terminated, truncated, returns, lengths) then
                row.CopyTo(finals.Slice(copy * observationSize, observationSize))
                reset copy

            row.CopyTo(observations.Slice(copy * observationSize, observationSize))

    override _.Cut(copy: int, result: StepBuffers) =
        episodes.RequireReady(copy, 1)
        episodes.Cut(copy, result)
        reset copy

        Span(current, copy * observationSize, observationSize)
            .CopyTo(result.Observations.Span.Slice(copy * observationSize, observationSize))

    override _.RestoresEpisodes = false

    override _.Capture() =
        episodes.RequireReady()
        let bytes = MemoryMarshal.AsBytes(Span episodes.Progress).ToArray()
        episodes.Snapshot bytes

    override _.Restore(snapshot: BatchSnapshot) =
        let progress = MemoryMarshal.AsBytes(Span episodes.Progress)
        episodes.CheckSnapshot(snapshot, progress.Length)
        Span(snapshot.Bytes).CopyTo progress
        episodes.SetReady()

        for copy in 0 .. count - 1 do
            reset copy
