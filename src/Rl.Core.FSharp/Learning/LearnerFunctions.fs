/// Learners made of functions: what an algorithm remembers, collects and learns.
namespace Rl.Core.Learning

open System
open Rl.Core.Acting
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Networks

/// An algorithm bound to environments. Its functions may use workspaces, but all that matters is in the state.
type LearnerFunctions<'Experience> =
    {
        /// For example "ppo".
        Algorithm: string
        /// The copies that it trains on.
        Environment: BatchEnvironment
        /// What acts; its parameters are the first of θ.
        Network: Actor
        /// The options as named texts.
        Options: (string * string) list
        /// The number of environment steps that training is planned for.
        TotalSteps: int64
        /// The arrays that its states carry beside θ, with their first values.
        Arrays: (string * float32[]) list
        /// How its states begin.
        Start: StateStart
        /// Acts with the state's policy. What it gives is valid until the next time.
        Collect: TrainingState -> 'Experience
        /// Learns from what was collected: the next state. May be called again with the same arguments, and then does
        /// the same again.
        Learn: TrainingState -> 'Experience -> struct (TrainingState * Report)
    }

/// A state's arrays as a learner expects them.
[<RequireQualifiedAccess>]
module internal StateArrays =

    /// The arrays of a file of version 2, which had names for a few only, by the expected names and lengths; nothing if
    /// they do not fill them.
    let private named (expected: (string * float32[]) list) (state: TrainingState) (all: float32[]) =
        let known = state.Arrays |> List.filter (fun (name, _) -> name <> ArrayNames.Unnamed)
        let isKnown name = known |> List.exists (fun (other, _) -> other = name)

        let cuts, used =
            expected
            |> List.mapFold
                (fun first (name, initial: float32[]) ->
                    if isKnown name then
                        struct (name, -1, 0), first
                    else
                        struct (name, first, initial.Length), first + initial.Length)
                0

        if used <> all.Length then
            None
        else
            cuts
            |> List.map (fun (struct (name, first, length)) ->
                name, (if first < 0 then NamedArrays.find name known else Array.sub all first length))
            |> Some

    /// The state with arrays of the expected names and lengths, or what is different.
    let fit (expected: (string * float32[]) list) (state: TrainingState) : Result<TrainingState, string> =
        let sizes arrays = arrays |> List.map (fun (name: string, values: float32[]) -> struct (name, values.Length))

        let list arrays =
            match sizes arrays with
            | [] -> "no arrays"
            | sizes ->
                let texts = sizes |> List.map (fun (struct (name, length)) -> $"{name} ({length})")
                "the arrays " + String.Join(", ", texts)

        let arrays =
            match state.Arrays |> List.tryFind (fun (name, _) -> name = ArrayNames.Unnamed) with
            | Some(_, all) -> named expected state all |> Option.defaultValue state.Arrays
            | None -> state.Arrays

        if sizes arrays = sizes expected then
            Ok { state with Arrays = arrays }
        else
            Error $"its training state has {list arrays}, and its options need {list expected}"

    /// `fit`, which fails where it does not.
    let adopt (algorithm: string) (expected: (string * float32[]) list) (state: TrainingState) : TrainingState =
        match fit expected state with
        | Ok state -> state
        | Error complaint ->
            Guard.fail
                "state"
                ($"The state is not one of {algorithm} with these options: {complaint}. It was saved by another "
                 + "algorithm or with other options.")

/// A state's memory of steps as a learner expects it.
[<RequireQualifiedAccess>]
module internal StateReplay =

    let private print (replay: Replay) =
        let columns = replay.Columns |> List.map (fun column -> $"{column.Name} ({column.Numbers})")
        let list = String.Join(", ", columns)
        $"a replay of {replay.Capacity} steps of {replay.Copies} copies with {list}"

    /// What of a memory is not as it should be, whatever it holds.
    let misfit (wanted: Replay option) (given: Replay option) : string option =
        match wanted, given with
        | None, _ -> None
        | Some wanted, None -> Some $"it has no replay, and its options need {print wanted}"
        | Some wanted, Some given ->
            if wanted.Plan = given.Plan && wanted.Copies = given.Copies && wanted.Capacity = given.Capacity then
                None
            else
                Some $"it has {print given}, and its options need {print wanted}"

/// The only implementation of `Learner`.
[<Sealed>]
type internal FunctionLearner<'Experience>(functions: LearnerFunctions<'Experience>) =
    inherit Learner()
    let algorithm = functions.Algorithm

    let isBlock (layout: Layout) (frozen: FrozenBlock) =
        layout.Contains frozen.Name
        && layout[frozen.Name].Offset = frozen.First
        && layout[frozen.Name].Count = frozen.Count

    /// What is frozen must stay, whatever moves θ.
    let requireFrozen (state: TrainingState) (next: TrainingState) =
        if not state.Frozen.IsEmpty then
            match FrozenBlocks.moved state.Frozen state.Parameters next.Parameters with
            | Some name ->
                invalidOp (
                    $"{algorithm} moved the block {name}, which is frozen: it moves parameters otherwise than by an "
                    + "Update and does not look at the state's Frozen. Unfreeze the block, or have the algorithm keep "
                    + "it (FrozenBlocks.keep)."
                )
            | None -> ()

    override _.Algorithm = algorithm
    override _.Environment = functions.Environment
    override _.Network = functions.Network
    override _.Layout = functions.Start.Layout
    override _.Options = functions.Options
    override _.TotalSteps = functions.TotalSteps
    override _.Initialise key = functions.Start.Initialise functions.Arrays key

    override _.Misfit state =
        match StateArrays.fit functions.Arrays state with
        | Error complaint -> Some complaint
        | Ok state ->
            let wanted = functions.Start

            if state.Parameters.Length <> wanted.Layout.Count then
                Some $"it has {state.Parameters.Length} parameters, and its options need {wanted.Layout.Count}"
            elif state.Observations.Size <> wanted.Observations then
                Some(
                    $"it has statistics of {state.Observations.Size} observed numbers, and its options need "
                    + $"{wanted.Observations}"
                )
            elif state.Rewards.Size <> wanted.Rewards then
                Some $"it has statistics of {state.Rewards.Size} rewards, and its options need {wanted.Rewards}"
            else
                match state.Frozen |> List.tryFind (isBlock wanted.Layout >> not) with
                | Some unknown -> Some $"its frozen block \"{unknown.Name}\" is none of its parameters"
                | None -> StateReplay.misfit wanted.Replay state.Replay

    override _.Transition given =
        let state = StateArrays.adopt algorithm functions.Arrays given

        match StateReplay.misfit functions.Start.Replay state.Replay with
        | Some complaint -> Guard.fail "state" $"The state is not one of {algorithm} with these options: {complaint}."
        | None -> ()

        try
            let experience = functions.Collect state

            try
                let struct (next, report) = functions.Learn state experience
                TrainingFailure.requireFinite algorithm state next
                requireFrozen state next
                struct (next, report)
            with :? NonFiniteStep as failure ->
                // Learning is a function of the state and of what was collected: done again, it fails at the same
                // place, under observation.
                failure.Update.Watch(algorithm, state.Updates + 1L)

                try
                    functions.Learn state experience |> ignore

                    invalidOp (
                        $"An update of {algorithm} was not finite, and was when it was done again from the same "
                        + "numbers."
                    )
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
