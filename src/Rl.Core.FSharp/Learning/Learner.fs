/// What every algorithm is: a transition of a training state that holds all there is to know.
namespace Rl.Core.Learning

open System
open Rl.Core.Acting
open Rl.Core.Foundations
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Networks

/// Arrays by name, in an order that stays.
[<RequireQualifiedAccess>]
module NamedArrays =

    /// The array of a name; fails if there is none.
    let find (name: string) (arrays: (string * float32[]) list) : float32[] =
        match arrays |> List.tryFind (fun (known, _) -> known = name) with
        | Some(_, values) -> values
        | None ->
            let known = String.Join(", ", arrays |> List.map fst)

            Guard.fail
                (nameof name)
                $"The state has no array \"{name}\"; it has: {known}. Was it saved by another algorithm?"

    /// The arrays with the one of that name replaced; the name must be there.
    let replace (name: string) (values: float32[]) (arrays: (string * float32[]) list) : (string * float32[]) list =
        find name arrays |> ignore
        arrays |> List.map (fun (known, old) -> known, (if known = name then values else old))

/// All that training depends on, as a value: saving and loading it changes nothing that follows (decision D7).
type TrainingState =
    {
        /// Environment steps taken, over all copies.
        Steps: int64
        /// Transitions made.
        Updates: int64
        /// θ.
        Parameters: float32[]
        /// What else the algorithm carries, by name: optimisers' variables, multipliers, recurrent states. The
        /// algorithm gives names, lengths and order.
        Arrays: (string * float32[]) list
        /// Of observations; of size 0 when they are not normalised.
        Observations: RunningStatistics
        /// Of discounted returns; of size 0 when rewards are not normalised.
        Rewards: RunningStatistics
        /// Each copy's discounted return so far, for reward normalisation.
        DiscountedReturns: float[]
        /// The stream for shuffles.
        Key: Rng
        /// Each copy's stream for drawing actions.
        ActionKeys: Rng[]
        /// What an off-policy algorithm remembers of its steps.
        Replay: Replay option
        /// The blocks of θ that learning leaves as they are (`NamedParameters.freeze`).
        Frozen: FrozenBlock list
        Environments: BatchSnapshot
    }

    /// The array of a name; fails if there is none.
    member this.Array(name: string) : float32[] = NamedArrays.find name this.Arrays

    /// The bytes that what it remembers takes once the memory is full; 0 without one.
    member this.ReplayBytes: int64 =
        match this.Replay with
        | Some replay -> Replay.bytes replay.Plan replay.Copies replay.Capacity
        | None -> 0L

/// The names of arrays that several algorithms carry.
[<RequireQualifiedAccess>]
module ArrayNames =

    /// Each copy's recurrent state [N, stateSize].
    [<Literal>]
    let RecurrentStates = "recurrentStates"

    /// What a planner carries from step to step of each copy's episode.
    [<Literal>]
    let Plans = "plans"

    /// The noise on each copy's actions that stays for a while.
    [<Literal>]
    let ExplorationNoise = "explorationNoise"

    /// The last part of the names of the traces of episodes that go on.
    [<Literal>]
    let EligibilityTrace = "eligibilityTrace"

    /// Whether the array of a name belongs to the episodes that go on, not to what was learned.
    let isOfEpisodes (name: string) : bool =
        name = RecurrentStates
        || name = ExplorationNoise
        || name = Plans
        || name.EndsWith("/" + EligibilityTrace, StringComparison.Ordinal)

    /// All arrays of a file of version 2 that had no names, one after the other; the learner that continues cuts them.
    [<Literal>]
    let Unnamed = "unnamed"

/// How the states of a learner begin, and the sizes of statistics that all of them keep.
type StateStart =
    {
        /// The names of the parts of θ, which has their length.
        Layout: Layout
        /// Components of the statistics of observations; 0 without.
        Observations: int
        /// 1 with statistics of rewards, else 0.
        Rewards: int
        /// The empty memory of an algorithm that learns from replayed steps.
        Replay: Replay option
        /// The first state with the algorithm's arrays.
        Initialise: (string * float32[]) list -> Rng -> TrainingState
    }

/// Training states that begin, and that leave their episodes.
[<RequireQualifiedAccess>]
module TrainingState =

    /// The first state of an algorithm without an optimiser that normalises nothing: θ, further arrays by name, and new
    /// episodes in the environment, which is reset. All streams follow from the key.
    let create
        (environment: BatchEnvironment)
        (parameters: float32[])
        (arrays: (string * float32[]) list)
        (key: Rng)
        : TrainingState =
        let struct (environmentKey, rest) = Rng.split key
        let struct (actionKey, key) = Rng.split rest
        let struct (actionKeys, _) = Rng.splitMany environment.Count actionKey
        environment.Reset environmentKey

        {
            Steps = 0L
            Updates = 0L
            Parameters = parameters
            Observations = RunningStatistics.create 0
            Rewards = RunningStatistics.create 0
            DiscountedReturns = [||]
            Key = key
            ActionKeys = actionKeys
            Arrays = arrays
            Replay = None
            Frozen = []
            Environments = environment.Capture()
        }

    /// The state with new episodes in an environment, which is reset: what belonged to the old episodes is forgotten.
    let startAnew (environment: BatchEnvironment) (state: TrainingState) : TrainingState =
        let struct (now, next) = Rng.split state.Key
        environment.RestoreStatistics(state.Environments.Statistics, false)
        environment.Reset now

        let forget (name: string, values: float32[]) =
            name, (if ArrayNames.isOfEpisodes name then Array.zeroCreate values.Length else values)

        { state with
            DiscountedReturns = Array.zeroCreate state.DiscountedReturns.Length
            Key = next
            Arrays = List.map forget state.Arrays
            Replay = Option.map Replay.interrupt state.Replay
            Environments = environment.Capture()
        }

    /// The state with other parameters of what acts, which are the first of θ; and with them in each array that begins
    /// with the same numbers as θ, as the targets of a first state do.
    let replaceActor (values: float32[]) (state: TrainingState) : TrainingState =
        let former = state.Parameters
        let count = values.Length

        if count < 1 || count > former.Length then
            Guard.fail
                (nameof values)
                $"The actor has {count} parameters; it needs 1 to {former.Length}, as many as the whole network."

        let replaced (array: float32[]) = Array.append values array[count..]

        let isCopy (array: float32[]) =
            array.Length >= count && array.AsSpan(0, count).SequenceEqual(former.AsSpan(0, count))

        { state with
            Parameters = replaced former
            Arrays =
                state.Arrays
                |> List.map (fun (name, array) -> name, (if isCopy array then replaced array else array))
        }

/// An episode that ended.
[<Struct>]
type EpisodeResult =
    {
        /// The undiscounted sum of its rewards.
        Return: float
        Length: int
    }

/// What one transition reports.
type Report =
    {
        /// Environment steps after the transition.
        Steps: int64
        /// Transitions so far.
        Updates: int64
        /// Episodes that ended during the transition, in order of time, then of copy.
        Episodes: EpisodeResult[]
        /// Named numbers in a fixed order, such as "policyLoss" and "entropy".
        Metrics: struct (string * float)[]
    }

/// What is needed to act: the actor, θ and the normalisation of observations.
type PolicyModel =
    {
        Network: Actor
        ObservationSpace: Space
        ActionSpace: Space
        /// The network's, and whatever parameters follow them in θ.
        Parameters: float32[]
        Observations: RunningStatistics
        /// Those of the wrappers around the environment, the innermost first; with them a wrapped environment shows
        /// what it showed in training.
        WrapperStatistics: RunningStatistics list
        /// What acts in the place of the network where an algorithm plans; none of the others.
        Plans: PlayerMaker option
    }

    /// Whether actions depend on earlier observations of the episode: a recurrent network has a state, a planner the
    /// plan of the step before.
    member this.HasMemory: bool = this.Network.StateSize > 0 || this.Plans.IsSome

/// An algorithm with its options, bound to a batch of environments. Its own memory (compiled programs, rollout
/// buffers) is a workspace: everything that matters is in the state. Not thread-safe.
[<AbstractClass>]
type Learner() =
    /// For example "ppo".
    abstract Algorithm: string
    /// The copies that it trains on.
    abstract Environment: BatchEnvironment
    /// What acts; its parameters are the first of a state's θ.
    abstract Network: Actor
    /// The names of the parts of a state's θ.
    abstract Layout: Layout
    /// The options as named texts, for files and logs; read back by the algorithm's `ofPairs`.
    abstract Options: (string * string) list
    /// The number of environment steps that training is planned for.
    abstract TotalSteps: int64
    /// What of a state is not as it keeps them: the names and lengths of arrays, the sizes of statistics.
    abstract Misfit: state: TrainingState -> string option
    /// The first state: parameters, streams and environments all follow from the key.
    abstract Initialise: key: Rng -> TrainingState
    /// One round of collecting and learning.
    abstract Transition: state: TrainingState -> struct (TrainingState * Report)
    /// What acts with a state in the place of the network, of algorithms that plan.
    abstract Plans: state: TrainingState -> PlayerMaker option
    default _.Plans _ = None
    /// Releases what its workspace holds; most hold nothing that needs it.
    abstract Dispose: unit -> unit
    default _.Dispose() = ()

    /// The policy of a state.
    member this.Policy(state: TrainingState) : PolicyModel =
        {
            Network = this.Network
            ObservationSpace = this.Environment.ObservationSpace
            ActionSpace = this.Environment.ActionSpace
            Parameters = state.Parameters
            Observations = state.Observations
            WrapperStatistics = state.Environments.Statistics
            Plans = this.Plans state
        }

    interface IDisposable with
        member this.Dispose() = this.Dispose()
