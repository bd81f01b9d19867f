/// What every bound wrapper is: a batch around a batch, with hooks for what it changes and memory of its own that
/// snapshots hold.
namespace Rl.Core.Wrappers

open System
open Rl.Core.Foundations
open Rl.Core.Environments

/// A batch around a batch. A wrapper overrides the hooks of what it changes; the rest passes. Rows of different copies
/// may be stepped by different threads at once, unless the wrapper or one below couples them. Nothing is allocated by a
/// step.
[<AbstractClass>]
type WrappedBatch
    internal (wrapper: Wrapper, inner: BatchEnvironment, observations: Space option, actions: Space option) =
    inherit BatchEnvironment()
    let count = inner.Count
    let innerSize, innerActionSize = inner.ObservationSize, inner.ActionSize
    let observationSpace = defaultArg observations inner.ObservationSpace
    let actionSpace = defaultArg actions inner.ActionSpace
    let size, actionSize = observationSpace.Size, actionSpace.Size
    let actionParts = Array.ofList (Space.layout actionSpace)
    let goals = inner.Goals |> Result.bind (WrappedGoals.through wrapper inner.ObservationSpace)
    let isNextStep = inner.Autoreset = AutoresetMode.NextStep
    let below = StepBuffers.Allocate(count, innerSize, true)
    let innerActions = Array.zeroCreate<float32>(if actions.IsSome then count * innerActionSize else 0)
    // The present observations; a wrapper may make the next from them.
    let current = Array.zeroCreate<float32>(if observations.IsSome then count * size else 0)
    // With autoreset in the next step: whose next step begins an episode.
    let pending = Array.zeroCreate<bool>(if isNextStep then count else 0)
    let memory = WrapperMemory()
    let text = string wrapper
    let wrappers = inner.Wrappers @ [ text ]

    do
        memory.Add current
        memory.Add pending

    let refuse index (value: float32) remedy =
        Guard.fail
            "actions"
            $"{inner.Id} within {wrapper}: the action of copy {index / actionSize} has {value} as component \
              {index % actionSize}; {remedy}."

    /// Refuses what is no action, before any copy of the range moves.
    let checkActions first copies (actions: ReadOnlySpan<float32>) =
        for copy in first .. first + copies - 1 do
            for part in actionParts do
                let offset = copy * actionSize + part.Offset
                let row = actions.Slice(offset, part.Size)

                match part.Space with
                | Space.Box _ ->
                    let index = Guard.indexOfNonFinite row

                    if index >= 0 then
                        refuse (offset + index) row[index] "it must be a finite number"
                | space ->
                    let index = space.IndexOfOutside row

                    if index >= 0 then
                        refuse (offset + index) row[index] $"it must lie in {actionSpace}"

    let innerRow (rows: Memory<float32>) copy : ReadOnlySpan<float32> =
        Span.op_Implicit (rows.Span.Slice(copy * innerSize, innerSize))

    let outerRow (rows: Memory<float32>) copy : Span<float32> = rows.Span.Slice(copy * size, size)

    /// Whether a copy's episode ended in the step, and whether the next one has begun in it.
    let hasEnded copy = below.Terminated.Span[copy] || below.Truncated.Span[copy]

    let restarts copy = not isNextStep && hasEnded copy

    /// The batch that is wrapped.
    member _.Inner = inner
    /// What this batch does to it.
    member _.Wrapper = wrapper

    /// Adds an array to the state that snapshots hold.
    member internal _.Remember(array: 'T[]) : 'T[] =
        memory.Add array
        array

    /// Adds memory to the state that snapshots hold.
    member internal _.RememberMemory(numbers: Memory<float32>) : unit = memory.AddMemory numbers

    /// Writes what becomes of an observation; `destination` still holds the one before. `isFirst`: it begins an
    /// episode.
    abstract OnObservation:
        copy: int * isFirst: bool * source: ReadOnlySpan<float32> * destination: Span<float32> -> unit

    default _.OnObservation(_, _, source, destination) = source.CopyTo destination
    /// Writes what becomes of an action.
    abstract OnAction: copy: int * source: ReadOnlySpan<float32> * destination: Span<float32> -> unit
    default _.OnAction(_, source, destination) = source.CopyTo destination
    /// What becomes of a reward.
    abstract OnReward: reward: float -> float
    default _.OnReward reward = reward
    /// What becomes of the reward of a copy's step.
    abstract OnStepReward: copy: int * reward: float -> float
    default this.OnStepReward(_, reward) = this.OnReward reward
    /// Takes in an observation before any is transformed; `EndLearning` follows after those of all copies.
    abstract LearnObservation: observation: ReadOnlySpan<float32> -> unit
    default _.LearnObservation _ = ()
    /// Takes in a reward before any is transformed; `EndLearning` follows after those of all copies.
    abstract LearnReward: copy: int * reward: float * terminated: bool -> unit
    default _.LearnReward(_, _, _) = ()
    /// Takes in the observation that a copy's step led to, before rewards are transformed; `EndLearning` follows after
    /// those of all copies.
    abstract LearnOutcome: copy: int * observation: ReadOnlySpan<float32> -> unit
    default _.LearnOutcome(_, _) = ()
    /// What was taken in since the last call, of all copies, becomes part of the statistics.
    abstract EndLearning: unit -> unit
    default _.EndLearning() = ()
    /// Called when the rows of a copy are written; `isReset`: the step only began an episode; `hasEnded`: its episode
    /// ended.
    abstract OnStep: copy: int * isReset: bool * hasEnded: bool * result: StepBuffers -> unit
    default _.OnStep(_, _, _, _) = ()
    /// Called when an episode of a copy begins, after its first observation.
    abstract OnBegin: copy: int -> unit
    default _.OnBegin _ = ()
    /// Resets the inner batch; one that draws splits the generator.
    abstract OnReset: rng: Rng -> unit
    default _.OnReset rng = inner.Reset rng
    /// Steps the inner batch, which writes into `result`.
    abstract StepInner: first: int * copies: int * actions: ReadOnlySpan<float32> * result: StepBuffers -> unit
    default _.StepInner(first, copies, actions, result) = inner.Step(first, copies, actions, result)

    /// Makes the present observation of a copy from the inner one and shows it in `result`.
    member private this.Show(copy, isFirst, source: ReadOnlySpan<float32>, result: Span<float32>) =
        if observations.IsSome then
            let row = Span(current, copy * size, size)
            this.OnObservation(copy, isFirst, source, row)
            row.CopyTo result
        else
            source.CopyTo result

    /// The observations that the step led to, then those that begin episodes.
    member private this.ShowObservations(first, copies, result: StepBuffers) =
        let mutable ends = false

        for copy in first .. first + copies - 1 do
            let isEnd = restarts copy
            ends <- ends || isEnd
            this.LearnObservation(innerRow (if isEnd then below.FinalObservations else below.Observations) copy)

        this.EndLearning()

        for copy in first .. first + copies - 1 do
            if restarts copy then
                this.Show(copy, false, innerRow below.FinalObservations copy, outerRow result.FinalObservations copy)
            else
                let isFirst = isNextStep && pending[copy]
                let row = outerRow result.Observations copy
                this.Show(copy, isFirst, innerRow below.Observations copy, row)
                if hasEnded copy then row.CopyTo(outerRow result.FinalObservations copy)

        if ends then
            for copy in first .. first + copies - 1 do
                if restarts copy then this.LearnObservation(innerRow below.Observations copy)

            this.EndLearning()

            for copy in first .. first + copies - 1 do
                if restarts copy then
                    this.Show(copy, true, innerRow below.Observations copy, outerRow result.Observations copy)

    member private this.ShowRewards(first, copies, result: StepBuffers) =
        let rewards = result.Rewards.Span
        let exact = result.ExactRewards.Span
        let inner = below.ExactRewards.Span
        let terminated = below.Terminated.Span

        for copy in first .. first + copies - 1 do
            if not (isNextStep && pending[copy]) then
                this.LearnReward(copy, inner[copy], terminated[copy])
                let led = if restarts copy then below.FinalObservations else below.Observations
                this.LearnOutcome(copy, innerRow led copy)

        this.EndLearning()

        for copy in first .. first + copies - 1 do
            let reward =
                if isNextStep && pending[copy] then
                    inner[copy]
                else
                    this.OnStepReward(copy, inner[copy])

            rewards[copy] <- float32 reward
            if exact.Length > 0 then exact[copy] <- reward

    override _.Id = inner.Id
    override _.Count = count
    override _.ObservationSpace = observationSpace
    override _.ActionSpace = actionSpace
    override _.ObservationSize = size
    override _.ActionSize = actionSize
    override _.MaxEpisodeSteps = inner.MaxEpisodeSteps
    override _.RewardThreshold = inner.RewardThreshold
    override _.Blowups = inner.Blowups
    override _.Autoreset = inner.Autoreset
    override _.IsCoupled = inner.IsCoupled
    override _.Wrappers = wrappers
    override _.Innermost = inner.Innermost
    override _.Release() = inner.Release()
    override _.Statistics = inner.Statistics
    override _.RestoreStatistics(statistics, isFrozen) = inner.RestoreStatistics(statistics, isFrozen)
    // A wrapper that changes the space of actions has other choices.
    override _.HasActionMasks = actionSpace = inner.ActionSpace && inner.HasActionMasks

    override this.ActionMasks(first, copies, masks) =
        if this.HasActionMasks then
            inner.ActionMasks(first, copies, masks)
        else
            base.ActionMasks(first, copies, masks)

    override _.Goals = goals
    override _.Render copy = inner.Render copy
    override _.RenderFinal copy = inner.RenderFinal copy
    override _.InfoNames = inner.InfoNames
    override _.ReadInfo(copy, isFinal, values) = inner.ReadInfo(copy, isFinal, values)
    override _.ReturnSoFar copy = inner.ReturnSoFar copy
    override _.FramesPerSecond = inner.FramesPerSecond

    override this.Reset(rng: Rng) =
        this.OnReset rng
        Array.Clear pending

        if observations.IsSome then
            inner.Observe below.Observations.Span

            for copy in 0 .. count - 1 do
                this.LearnObservation(innerRow below.Observations copy)

            this.EndLearning()

            for copy in 0 .. count - 1 do
                this.OnObservation(copy, true, innerRow below.Observations copy, Span(current, copy * size, size))

        for copy in 0 .. count - 1 do
            this.OnBegin copy

    override _.Observe(rows: Span<float32>) =
        if observations.IsSome then
            Guard.length "observations" current.Length rows.Length
            ReadOnlySpan(current).CopyTo rows
        else
            inner.Observe rows

    override this.Step(first, copies, actionRows, result) =
        Guard.notNegative "first" first
        Guard.inIntRange "count" 0 (count - first) copies

        if this.IsCoupled && copies < count then
            Guard.fail
                "count"
                $"count is {copies}; {text} couples the copies of {inner.Id}, so that all {count} are stepped at once."

        Guard.length "actions" (count * actionSize) actionRows.Length
        result.Check(count, size)

        if actions.IsSome then
            checkActions first copies actionRows

            for copy in first .. first + copies - 1 do
                this.OnAction(
                    copy,
                    actionRows.Slice(copy * actionSize, actionSize),
                    Span(innerActions, copy * innerActionSize, innerActionSize)
                )

            this.StepInner(first, copies, ReadOnlySpan innerActions, below)
        else
            this.StepInner(first, copies, actionRows, below)

        this.ShowRewards(first, copies, result)
        this.ShowObservations(first, copies, result)

        for copy in first .. first + copies - 1 do
            result.Terminated.Span[copy] <- below.Terminated.Span[copy]
            result.Truncated.Span[copy] <- below.Truncated.Span[copy]
            result.EpisodeReturns.Span[copy] <- below.EpisodeReturns.Span[copy]
            result.EpisodeLengths.Span[copy] <- below.EpisodeLengths.Span[copy]
            let isReset = isNextStep && pending[copy]
            this.OnStep(copy, isReset, hasEnded copy, result)
            if isReset || restarts copy then this.OnBegin copy
            if isNextStep then pending[copy] <- hasEnded copy

    override this.Cut(copy, result) =
        inner.Cut(copy, below)
        let row = outerRow result.Observations copy
        row.CopyTo(outerRow result.FinalObservations copy)
        this.LearnObservation(innerRow below.Observations copy)
        this.EndLearning()
        this.Show(copy, true, innerRow below.Observations copy, row)
        result.Truncated.Span[copy] <- true
        result.EpisodeReturns.Span[copy] <- below.EpisodeReturns.Span[copy]
        result.EpisodeLengths.Span[copy] <- below.EpisodeLengths.Span[copy]
        this.OnCut(copy, result)
        this.OnBegin copy

    /// Called when a wrapper above has cut the episode of a copy.
    abstract OnCut: copy: int * result: StepBuffers -> unit
    default _.OnCut(_, _) = ()

    override this.Capture() =
        let snapshot = inner.Capture()
        let bytes = Array.zeroCreate<byte>(snapshot.Bytes.Length + memory.Size)
        snapshot.Bytes.CopyTo(bytes, 0)
        memory.Save bytes
        { snapshot with Wrappers = this.Wrappers; Statistics = this.Statistics; Bytes = bytes }

    override _.CopyBytes = inner.CopyBytes |> Result.map (fun below -> below @ memory.CopyBytes count)

    override this.Restore(snapshot) =
        if snapshot.Wrappers <> this.Wrappers then
            let join (texts: string list) = if texts.IsEmpty then "no wrapper" else String.Join(", ", texts)

            Guard.fail
                (nameof snapshot)
                ($"snapshot is of {snapshot.EnvironmentId} within {join snapshot.Wrappers}; it must be of "
                 + $"{inner.Id} within {join this.Wrappers}.")

        let own = memory.Size

        if snapshot.Bytes.Length < own then
            Guard.fail
                (nameof snapshot)
                $"snapshot has {snapshot.Bytes.Length} bytes; {text} alone has {own}. Use a snapshot of this batch."

        let below = snapshot.Bytes.Length - own
        let innerStatistics = List.truncate inner.Statistics.Length snapshot.Statistics

        inner.Restore
            { snapshot with
                Wrappers = inner.Wrappers
                Statistics = innerStatistics
                Bytes = Array.sub snapshot.Bytes 0 below
            }

        memory.Load snapshot.Bytes
        this.OnRestore(List.skip innerStatistics.Length snapshot.Statistics)
        if not inner.RestoresEpisodes then this.BeginAll()

    /// Takes up the episodes that an inner batch, which cannot go on with those of a snapshot, has begun in their
    /// place.
    member private this.BeginAll() =
        Array.Clear pending

        if observations.IsSome then inner.Observe below.Observations.Span

        for copy in 0 .. count - 1 do
            if observations.IsSome then
                this.OnObservation(copy, true, innerRow below.Observations copy, Span(current, copy * size, size))

            this.OnBegin copy

    override _.RestoresEpisodes = inner.RestoresEpisodes

    /// Takes over the wrapper's own statistics, if it has any.
    abstract OnRestore: own: Rl.Core.Experience.RunningStatistics list -> unit
    default _.OnRestore _ = ()

/// A wrapper that changes each observation by itself.
[<Sealed>]
type internal RowWrapper(wrapper: Wrapper, inner: BatchEnvironment, space: Space, transform: RowTransform) =
    inherit WrappedBatch(wrapper, inner, Some space, None)

    let isUsers =
        match wrapper with
        | Wrapper.TransformObservation _ -> true
        | _ -> false

    override _.OnObservation(_, _, source, destination) =
        transform.Invoke(source, destination)

        if isUsers then
            let index = Guard.indexOfNonFinite (Span.op_Implicit destination: ReadOnlySpan<float32>)

            if index >= 0 then
                Guard.fail
                    "observation"
                    ($"{wrapper} made {destination[index]} as component {index} of an observation of {inner.Id}; "
                     + "an observation must be finite.")
