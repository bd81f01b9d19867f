/// What algorithms see of environments: N copies stepped together, with episodes restarted in the same step.
namespace Rl.Core.Environments

open System
open Rl.Core.Foundations
open Rl.Core.Environments.Rendering
open Rl.Core.Experience

/// The memory that a batch step writes, one row a copy, allocated once by the caller. Rows may be slices of a longer
/// rollout, and several buffers may share `FinalObservations` where it is read after every step.
[<Sealed>]
type StepBuffers
    (
        observations: Memory<float32>,
        finalObservations: Memory<float32>,
        rewards: Memory<float32>,
        terminated: Memory<bool>,
        truncated: Memory<bool>,
        episodeReturns: Memory<float>,
        episodeLengths: Memory<int>,
        exactRewards: Memory<float>
    ) =
    /// Without exact rewards.
    new(observations, finalObservations, rewards, terminated, truncated, episodeReturns, episodeLengths) =
        StepBuffers(
            observations,
            finalObservations,
            rewards,
            terminated,
            truncated,
            episodeReturns,
            episodeLengths,
            Memory.Empty
        )

    /// [N, observationSize]: the observation to act on next; after an episode's end, the first one of the next episode.
    member _.Observations = observations
    /// [N, observationSize]: the true last observation of each episode that ended in this step; other rows are left
    /// alone.
    member _.FinalObservations = finalObservations
    /// [N]: the rewards.
    member _.Rewards = rewards
    /// [N]: the episode reached a terminal state: do not bootstrap.
    member _.Terminated = terminated
    /// [N]: the episode was cut, by the time limit or by the environment, and did not terminate: bootstrap from
    /// `FinalObservations`.
    member _.Truncated = truncated
    /// [N]: the undiscounted return of the episode that ended in this step; NaN where none did.
    member _.EpisodeReturns = episodeReturns
    /// [N]: the number of steps of the episode that ended in this step; 0 where none did.
    member _.EpisodeLengths = episodeLengths

    /// [N]: the rewards before they are rounded to float32, for wrappers; empty where nobody asks for them.
    member _.ExactRewards = exactRewards

    /// New memory for a batch, without exact rewards.
    static member Allocate(count: int, observationSize: int) = StepBuffers.Allocate(count, observationSize, false)

    /// New memory for a batch.
    static member Allocate(count: int, observationSize: int, isExact: bool) =
        Guard.positive (nameof count) count
        Guard.positive (nameof observationSize) observationSize

        StepBuffers(
            Memory(Array.zeroCreate (count * observationSize)),
            Memory(Array.zeroCreate (count * observationSize)),
            Memory(Array.zeroCreate count),
            Memory(Array.zeroCreate count),
            Memory(Array.zeroCreate count),
            Memory(Array.create count nan),
            Memory(Array.zeroCreate count),
            Memory(Array.zeroCreate (if isExact then count else 0))
        )

    /// Requires the sizes of a batch of `count` copies.
    member internal _.Check(count: int, observationSize: int) =
        Guard.length "Observations" (count * observationSize) observations.Length
        Guard.length "FinalObservations" (count * observationSize) finalObservations.Length
        Guard.length "Rewards" count rewards.Length
        Guard.length "Terminated" count terminated.Length
        Guard.length "Truncated" count truncated.Length
        Guard.length "EpisodeReturns" count episodeReturns.Length
        Guard.length "EpisodeLengths" count episodeLengths.Length

        if exactRewards.Length > 0 then
            Guard.length "ExactRewards" count exactRewards.Length

/// When the next episode of a copy begins.
type AutoresetMode =
    /// In the step that ends the episode: its last observation is in `FinalObservations`, the first of the next one in
    /// `Observations`.
    | SameStep = 0
    /// In the step after the one that ends the episode: that step's action is ignored and its reward is 0.
    | NextStep = 1

/// The whole state of a batch as a value: what a checkpoint saves.
type BatchSnapshot =
    {
        /// The id of the environment that it belongs to.
        EnvironmentId: string
        /// The number of copies.
        Count: int
        /// The wrappers around it as texts, the innermost first.
        Wrappers: string list
        /// The statistics that these wrappers have learnt, the innermost first.
        Statistics: RunningStatistics list
        /// States, streams, elapsed steps and episode returns, little-endian, in an order known to the batch.
        Bytes: byte[]
        /// Copies of users' environments that can be cloned; empty for others. No file holds them.
        Instances: obj list
    }

/// N copies of one environment. Each copy draws from its own stream, so that what happens in it depends neither on the
/// other copies nor on the threads that step them. Episodes restart in the step that ends them.
[<AbstractClass>]
type BatchEnvironment internal (source: obj | null) =
    /// Of copies of which no environment is known.
    new() = BatchEnvironment(null)
    /// The pure environment that its copies are of.
    member internal _.Source = source
    /// How often a user has taken the batch over: a learner that finds it moved by another begins from its own state
    /// again.
    member val internal Users = 0L with get, set
    /// The environment's id.
    abstract Id: string
    /// The number of copies, N.
    abstract Count: int
    /// What a copy shows.
    abstract ObservationSpace: Space
    /// What can be done in a copy.
    abstract ActionSpace: Space
    /// Elements of one observation.
    abstract ObservationSize: int
    /// Elements of one action.
    abstract ActionSize: int
    /// The number of steps after which an episode is truncated; 0 for no limit.
    abstract MaxEpisodeSteps: int
    /// The mean episode return that counts as solved; NaN for none.
    abstract RewardThreshold: float
    /// The bytes that a copy has in each part of a snapshot's `Bytes`, in the order of the parts; a part has the same
    /// number for every copy, one copy after the other. Or a clause that says why snapshots cannot be cut by copies.
    abstract CopyBytes: Result<int list, string>
    default _.CopyBytes = Error "its snapshots cannot be cut by copies"
    /// Starts every copy anew; copy i draws from the i-th stream split from `rng`.
    abstract Reset: rng: Rng -> unit
    /// Writes the present observations [N, observationSize].
    abstract Observe: observations: Span<float32> -> unit

    /// Steps the copies first … first + count − 1. `actions` [N, actionSize] and `result` are those of the whole batch;
    /// only the range's rows are read and written, so different ranges may run on different threads at once.
    /// A bad action (NaN, or an integer outside its space) raises `ArgumentException` before any copy of the range
    /// moves; a NaN or infinite reward or observation raises `EnvironmentFailure`, after which the batch must be reset
    /// or restored.
    abstract Step: first: int * count: int * actions: ReadOnlySpan<float32> * result: StepBuffers -> unit

    /// The whole state of the batch, from which `Restore` continues with the same numbers.
    abstract Capture: unit -> BatchSnapshot
    /// Whether `Restore` continues the captured episodes, or begins new ones because nothing can be known of what the
    /// environment keeps to itself.
    abstract RestoresEpisodes: bool
    default _.RestoresEpisodes = true
    /// Returns to a captured state; a snapshot of another environment or number of copies raises `ArgumentException`.
    abstract Restore: snapshot: BatchSnapshot -> unit
    /// Cuts the episode of a copy that has just been stepped without an end: its row of `Observations` moves to
    /// `FinalObservations`, the step counts as truncated, the episode's return and length are reported, and the next
    /// episode begins.
    abstract Cut: copy: int * result: StepBuffers -> unit
    default this.Cut(_, _) = invalidOp $"{this.Id} cannot cut its episodes; give it the time limit itself."
    /// When the next episode of a copy begins.
    abstract Autoreset: AutoresetMode
    default _.Autoreset = AutoresetMode.SameStep
    /// The wrappers around the environment as texts, the innermost first.
    abstract Wrappers: string list
    default _.Wrappers = []
    /// What the wrappers have learnt of observations and rewards, the innermost first.
    abstract Statistics: RunningStatistics list
    default _.Statistics = []

    /// Puts statistics in the place of those of the wrappers, the innermost first; with `isFrozen` they learn no more
    /// and no longer couple the copies. `ArgumentException` for statistics of another number or size.
    abstract RestoreStatistics: statistics: RunningStatistics list * isFrozen: bool -> unit

    default this.RestoreStatistics(statistics, _) =
        if not statistics.IsEmpty then
            Guard.fail
                (nameof statistics)
                ($"statistics has {statistics.Length} entries more than {this.Id} has wrappers that learn them; "
                 + "use the same wrappers.")

    /// The batch below all wrappers; this one if it has none.
    abstract Innermost: BatchEnvironment
    default this.Innermost = this

    /// Disposes of the users' environments that the batch was made of, where they are `IDisposable`; it cannot be
    /// used afterwards. Other batches hold nothing that must be released.
    abstract Release: unit -> unit

    default _.Release() = ()
    /// How many episodes of the batch have ended, since it was made, because the numbers of a state lost their sense
    /// (`IBlowups`); 0 where nobody tells.
    abstract Blowups: int64

    default _.Blowups = 0L
    /// Whether copies depend on each other (by shared statistics, for example): then every step must be of all copies
    /// at once.
    abstract IsCoupled: bool
    default _.IsCoupled = false
    /// Whether `ActionMasks` may be asked.
    abstract HasActionMasks: bool
    default _.HasActionMasks = false

    /// Writes which choices are possible now in the copies first … first + count − 1: `masks` [N, choices] are those of
    /// the whole batch, one element a choice of the action space.
    abstract ActionMasks: first: int * count: int * masks: Span<bool> -> unit

    default this.ActionMasks(_, _, _) = invalidOp $"{this.Id} has no action masks; ask HasActionMasks first."

    /// The goals of its observations, of any two of which it knows the reward: what hindsight needs. Or a clause that
    /// says why it offers none and what to do.
    abstract Goals: Result<GoalTask, string>

    default _.Goals = GoalTask.absent

    /// `Goals`; `ArgumentException` where there are none.
    member this.RequireGoals() : GoalTask =
        match this.Goals with
        | Ok task -> task
        | Error reason -> Guard.fail "environment" $"Hindsight cannot learn from {this.Id}: {reason}."

    /// A simulator of `places` places that begin where copies of this batch stand: what planners think ahead with. Or a
    /// clause that says why there is none and what to do.
    abstract Simulate: places: int -> Result<Simulator, string>

    default this.Simulate _ =
        Error(
            if this.Wrappers.IsEmpty then
                "its states cannot be copied; plan with a model of your own"
            else
                "its wrappers keep a memory that cannot be copied; plan in the environment without wrappers"
        )

    /// `Simulate`; `ArgumentException` where there is no simulator.
    member this.RequireSimulator(places: int) : Simulator =
        match this.Simulate places with
        | Ok simulator -> simulator
        | Error reason -> Guard.fail "environment" $"No planner can think ahead in {this.Id}: {reason}."

    /// What a copy looks like; none if the environment cannot be looked at.
    abstract Render: copy: int -> Scene voption
    default _.Render _ = ValueNone

    /// What the last state of the episode that ended in a copy's latest step looked like: `Render` shows the next
    /// episode already. None if no episode ended in that step, or the environment cannot be looked at.
    abstract RenderFinal: copy: int -> Scene voption

    default _.RenderFinal _ = ValueNone
    /// What `ReadInfo` tells of a copy beside its observation, such as `is_success`: Gymnasium's `info`.
    abstract InfoNames: string list

    default _.InfoNames = []

    /// Writes the numbers of `InfoNames` for a copy: those of its present state or, with `isFinal`, of the last state
    /// of the episode that ended in its latest step. False where no episode ended in that step.
    abstract ReadInfo: copy: int * isFinal: bool * values: Span<float> -> bool

    default this.ReadInfo(_, _, values) =
        Guard.length (nameof values) 0 values.Length
        true

    /// The sum of the rewards of a copy's running episode, the environment's own whatever wrappers show.
    abstract ReturnSoFar: copy: int -> float
    default _.ReturnSoFar _ = nan
    /// The steps a second that look like the environment's own time.
    abstract FramesPerSecond: float
    default this.FramesPerSecond = FrameRate.ofId this.Id
    /// Steps every copy.
    member this.StepAll(actions: ReadOnlySpan<float32>, result: StepBuffers) = this.Step(0, this.Count, actions, result)
    /// Memory of this batch's size for `Step`.
    member this.AllocateBuffers() = StepBuffers.Allocate(this.Count, this.ObservationSize)

    /// Refuses autoreset in the next step: the first step of each episode would be none of a policy's.
    member internal this.RequireSameStep() =
        if this.Autoreset = AutoresetMode.NextStep then
            Guard.fail
                "environment"
                ($"{this.Id} is within NextStepAutoreset, whose first steps are none of the policy's; train, "
                 + "evaluate and play with autoreset in the same step.")
