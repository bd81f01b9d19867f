/// What algorithms from replayed steps supply, and what they may ask of rounds besides.
namespace Rl.Core.Algorithms

open System
open Rl.Core.Acting
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks

/// What an off-policy algorithm supplies. Its functions may use workspaces: between `Load` and `Store` they hold what
/// the updates move.
[<NoEquality; NoComparison>]
type OffPolicyParts =
    {
        /// For example "dqn".
        Algorithm: string
        /// The options as named texts.
        Options: (string * string) list
        /// The number of environment steps that training is planned for.
        TotalSteps: int64
        /// What acts.
        Actor: Actor
        /// Of θ, which begins with the actor's parameters.
        Layout: Layout
        /// In what units actions are drawn at random.
        ActionScaling: ActionScaling
        /// Give networks observations of running mean 0 and variance 1, clipped to ± 10.
        NormaliseObservations: bool
        /// The arrays that states carry beside θ, with their first values.
        Arrays: (string * float32[]) list
        /// Those of the arrays that begin as copies of parts of θ: target networks.
        Targets: (string * Part) list
        /// How actions follow once those at random are over.
        Explore: ExploreAction
        /// Takes θ and the arrays in.
        Load: Draft -> unit
        /// θ that is acted by, or the actor's part of it, as updates have left it; after `Load`, as the state has it.
        Policy: unit -> ReadOnlyMemory<float32>
        /// All copies have taken the vector steps after the first number up to the second, counted from the first step
        /// of training on. Called before the updates that follow them.
        Stepped: int64 -> int64 -> unit
        /// One update from drawn transitions (`TransitionBatch`), whose observations are normalised where they are to
        /// be, after so many environment steps: the generator that follows.
        Learn: Samples -> int64 -> Rng -> Rng
        /// The errors δ of the last update's transitions, in their order, that priorities follow.
        Errors: unit -> ReadOnlyMemory<float32>
        /// Writes θ and the arrays back.
        Store: Draft -> unit
        /// What to report of the updates since `Load`, in a fixed order, after so many environment steps.
        Metrics: int64 -> struct (string * float)[]
    }

/// Sequences of steps of one copy, in place of single transitions.
type SequenceOptions =
    {
        /// L, all their steps.
        Length: int
        /// How many of them, the first, only warm a recurrent network up.
        BurnIn: int
    }

/// What learns from the memory beside the updates and gives them some of their samples, such as a model of the world.
[<NoEquality; NoComparison>]
type OffPolicyCompanion =
    {
        /// Of its part of θ, which follows that of the algorithm.
        Layout: Layout
        /// The arrays that states carry for it, with their first values.
        Arrays: (string * float32[]) list
        /// Takes θ and the arrays in.
        Load: Draft -> unit
        /// Called once learning may start, before the updates that follow some steps, with the memory, the statistics
        /// of observations, and the number of environment steps before those and now: the generator that follows.
        Study: Replay -> RunningStatistics -> struct (int64 * int64) -> Rng -> Rng
        /// May replace some of the drawn transitions, before observations and rewards are normalised: the generator
        /// that follows.
        Amend: Samples -> Rng -> Rng
        /// Writes θ and the arrays back.
        Store: Draft -> unit
        /// What to report of it, in a fixed order.
        Metrics: unit -> struct (string * float)[]
    }

/// What some off-policy algorithms ask for.
[<NoEquality; NoComparison>]
type OffPolicyExtras =
    {
        /// Samples have the column `ReplayColumns.masks` of environments with masks.
        RemembersMasks: bool
        /// An episode of this copy has ended. Copies may be told at the same time.
        EpisodeEnded: int -> unit
        /// Rewards of samples are divided by the running standard deviation of the discounted return.
        NormalisesRewards: bool
        /// Updates learn from sequences (`SequenceBatch`), of which `BatchSize` is the number; samples then have the
        /// column `ReplayColumns.firstStates`, and errors that priorities follow are a sequence's each. Transitions are
        /// of one step.
        Sequences: SequenceOptions option
        /// What learns beside the updates. It gives transitions of one step, all drawn alike.
        Companion: OffPolicyCompanion option
    }

/// Makes a learner of an algorithm's parts: from the steps that it takes itself, or from recorded ones.
type OffPolicyBinding = OffPolicyExtras -> OffPolicyOptions -> OffPolicyParts -> BatchEnvironment -> Workers -> Learner

/// Copies of an environment that act and remember elsewhere, in other processes.
type internal IMemoriesElsewhere =
    /// Makes the learner that learns from what is drawn there.
    abstract Bind:
        extras: OffPolicyExtras * options: OffPolicyOptions * parts: OffPolicyParts * workers: Workers -> Learner
