/// Learners made of functions: what an algorithm remembers, collects and learns.
namespace Rl.Core.Learning

open System
open Rl.Core.Algorithms
open Rl.Core.Environments
open Rl.Core.Foundations
open Rl.Core.Networks

/// An algorithm bound to environments. Its functions may use workspaces, but all that matters is in the state.
type LearnerFunctions<'Experience> =
    {
        /// For example "ppo".
        Algorithm: string
        /// The copies that it trains on.
        Environment: BatchEnvironment
        /// What acts; its parameters are a state's θ.
        Network: ActorCritic
        /// The options as named texts.
        Configuration: (string * string) list
        /// The number of environment steps that training is planned for.
        TotalSteps: int64
        /// The arrays that its states carry beside θ, with their first values.
        Arrays: (string * float32[]) list
        /// The first state with those arrays.
        Initialise: (string * float32[]) list -> Rng -> TrainingState
        /// Acts with the state's policy. What it gives is valid until the next time.
        Collect: TrainingState -> 'Experience
        /// Learns from what was collected: the next state. May be called again with the same arguments, and then does
        /// the same again.
        Learn: TrainingState -> 'Experience -> struct (TrainingState * Report)
    }

/// A state's arrays as a learner expects them.
[<RequireQualifiedAccess>]
module internal StateArrays =

    let private refuse (algorithm: string) (complaint: string) : 'T =
        Guard.fail
            "state"
            $"The state {complaint}, which is not what {algorithm} with these options keeps; it was saved by another algorithm or with other options."

    /// The arrays of a file of version 2, which had names for a few only, by the expected names and lengths.
    let private named
        (algorithm: string)
        (expected: (string * float32[]) list)
        (state: TrainingState)
        (all: float32[])
        =
        let known = state.Arrays |> List.filter (fun (name, _) -> name <> ArrayNames.Unnamed)
        let isKnown name = known |> List.exists (fun (other, _) -> other = name)

        let arrays, used =
            expected
            |> List.mapFold
                (fun first (name, initial: float32[]) ->
                    if isKnown name then
                        (name, NamedArrays.find name known), first
                    elif first + initial.Length > all.Length then
                        refuse algorithm $"has {all.Length} optimiser's numbers"
                    else
                        (name, Array.sub all first initial.Length), first + initial.Length)
                0

        if used <> all.Length then
            refuse algorithm $"has {all.Length} optimiser's numbers"

        arrays

    /// The state with arrays of the expected names and lengths; fails if it has others.
    let adopt (algorithm: string) (expected: (string * float32[]) list) (state: TrainingState) : TrainingState =
        let state =
            match state.Arrays |> List.tryFind (fun (name, _) -> name = ArrayNames.Unnamed) with
            | Some(_, all) -> { state with Arrays = named algorithm expected state all }
            | None -> state

        let sizes arrays = arrays |> List.map (fun (name: string, values: float32[]) -> struct (name, values.Length))

        if sizes state.Arrays <> sizes expected then
            let list = String.Join(", ", state.Arrays |> List.map (fun (name, values) -> $"{name} ({values.Length})"))

            refuse algorithm $"has the arrays {list}"

        state

/// The only implementation of `Learner`.
[<Sealed>]
type internal FunctionLearner<'Experience>(functions: LearnerFunctions<'Experience>) =
    inherit Learner()
    let algorithm = functions.Algorithm
    override _.Algorithm = algorithm
    override _.Environment = functions.Environment
    override _.Network = functions.Network
    override _.Configuration = functions.Configuration
    override _.TotalSteps = functions.TotalSteps
    override _.Initialise key = functions.Initialise functions.Arrays key

    override _.Transition given =
        let state = StateArrays.adopt algorithm functions.Arrays given

        try
            let experience = functions.Collect state

            try
                let struct (next, report) = functions.Learn state experience
                TrainingFailure.requireFinite algorithm state next
                struct (next, report)
            with :? NonFiniteStep as failure ->
                // Learning is a function of the state and of what was collected: done again, it fails at the same
                // place, under observation.
                failure.Update.Watch(algorithm, state.Updates + 1L)

                try
                    functions.Learn state experience |> ignore

                    invalidOp
                        $"An update of {algorithm} was not finite, and was when it was done again from the same numbers."
                finally
                    failure.Update.Unwatch()
        with :? NonFiniteActing as failure ->
            raise (failure.Told(algorithm, state.Updates + 1L))

/// Making learners.
[<RequireQualifiedAccess; CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
module Learner =

    /// A learner that collects and learns by the functions. A number that is not finite stops it with
    /// `TrainingFailure`, which tells the operation and the sample.
    let ofFunctions (functions: LearnerFunctions<'Experience>) : Learner = new FunctionLearner<'Experience>(functions)
