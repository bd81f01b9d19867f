/// Learners made of functions: what an algorithm of a user's own needs to be one.
namespace Rl.Core.Algorithms

open Rl.Core.Environments
open Rl.Core.Foundations
open Rl.Core.Networks

/// An algorithm bound to environments, as values and two functions.
[<NoEquality; NoComparison>]
type LearnerFunctions =
    {
        /// The entry's id.
        Algorithm: string
        /// The options as named texts, for files and logs.
        Options: (string * string) list
        /// The number of environment steps that training is planned for.
        TotalSteps: int64
        /// The copies that it trains on.
        Environment: BatchEnvironment
        /// What acts; its parameters are a state's θ.
        Network: ActorCritic
        /// The first state; all that is random in it follows from the key.
        Initialise: Rng -> TrainingState
        /// One round of collecting and learning: a function of the state, which stays as it was. It may fail with what stops training; a θ
        /// that is not finite becomes a `TrainingFailure`.
        Transition: TrainingState -> struct (TrainingState * Report)
    }

/// Learners of functions.
[<RequireQualifiedAccess>]
module LearnerFunctions =

    /// The learner that does what the functions do.
    let toLearner (functions: LearnerFunctions) : Learner =
        new FunctionLearner(
            functions.Algorithm,
            functions.Environment,
            functions.Network,
            functions.Options,
            functions.TotalSteps,
            functions.Initialise,
            functions.Transition
        )
