/// One versioned, checksummed file that holds an agent and its whole training state.
namespace Rl.Core.Training

open System
open System.IO
open Rl.Core.Acting
open Rl.Core.Algorithms
open Rl.Core.Foundations
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Learning
open Rl.Core.Networks

/// All that is needed to act and to continue training.
type Checkpoint =
    {
        /// For example "ppo".
        Algorithm: string
        EnvironmentId: string
        /// The seed that training started from.
        Seed: uint64
        ObservationSpace: Space
        ActionSpace: Space
        /// What acts; its parameters are the first of the state's.
        Network: Actor
        /// The algorithm's options as named texts.
        Options: (string * string) list
        /// Whatever the writer wants to find again, as named texts.
        Notes: (string * string) list
        /// The wrappers around the environment, and what they wrap.
        Wrapping: Wrapping
        State: TrainingState
    }

    /// The policy of the state.
    member this.Policy: PolicyModel =
        let place: PlanningPlace =
            {
                Environment = this.EnvironmentId
                IsBare = this.Wrapping.Wrappers.IsEmpty
                Observations = this.ObservationSpace
                Actions = this.ActionSpace
            }

        {
            Network = this.Network
            ObservationSpace = this.ObservationSpace
            ActionSpace = this.ActionSpace
            Parameters = this.State.Parameters
            Observations = this.State.Observations
            WrapperStatistics = this.State.Environments.Statistics
            Plans =
                Catalogue.tryFind this.Algorithm
                |> Option.bind _.Plans
                |> Option.map (fun plans -> plans this.Options place this.State)
        }

/// Reading and writing of checkpoints. All numbers are little-endian.
///
/// The payload within the frame (`CheckpointFrame`) is a row of sections: a tag of 4 letters, the number of bytes
/// (int32), the bytes.
[<RequireQualifiedAccess>]
module Checkpoint =

    /// The newest version that is written and read; versions 2 and 3 can be read too.
    [<Literal>]
    let FormatVersion = CheckpointFrame.Version

    let private writeParts (checkpoint: Checkpoint) (payload: BinaryOut) =
        let state = checkpoint.State

        let section (tag: string) (write: BinaryOut -> unit) =
            for letter in tag do
                payload.Byte(int letter)

            payload.Sized write

        section "META" (fun output ->
            output.Text checkpoint.Algorithm
            output.Text checkpoint.EnvironmentId
            output.Word checkpoint.Seed
            output.Pairs checkpoint.Notes)

        section "CONF" (fun output -> output.Pairs checkpoint.Options)

        section "SPAC" (fun output ->
            CheckpointFormat.writeSpace output checkpoint.ObservationSpace
            CheckpointFormat.writeSpace output checkpoint.ActionSpace)

        section "NETW" (fun output -> NetworkFormat.writeActor output checkpoint.Network)
        section "PARM" (fun output -> output.Singles state.Parameters)
        section "ARRS" (fun output -> CheckpointFormat.writeArrays output state.Arrays)

        section "STAT" (fun output ->
            CheckpointFormat.writeStatistics output state.Observations
            CheckpointFormat.writeStatistics output state.Rewards
            output.Floats state.DiscountedReturns)

        section "PROG" (fun output ->
            output.Long state.Steps
            output.Long state.Updates
            CheckpointFormat.writeKeys output [| state.Key |]
            CheckpointFormat.writeKeys output state.ActionKeys)

        section "REPL" (fun output -> ReplayFormat.write output state.Replay)

        section "ENVS" (fun output -> CheckpointFormat.writeSnapshot output state.Environments)

        section "WRAP" (fun output -> WrapperFormat.writeWrapping output checkpoint.Wrapping)

        section "FROZ" (fun output -> CheckpointFormat.writeList CheckpointFormat.writeFrozen output state.Frozen)

    let private framed (checkpoint: Checkpoint) : BinaryOut = CheckpointFrame.around (writeParts checkpoint)

    /// The file's bytes.
    let toBytes (checkpoint: Checkpoint) : byte[] =
        let file = framed checkpoint
        use stream = new MemoryStream(file.Length + CheckpointFrame.checksumSize)
        CheckpointFrame.writeTo stream file
        stream.GetBuffer()

    /// The options of a file: before version 3 policies acted in the environment's units.
    let private optionsOf version (algorithm: string) (pairs: (string * string) list) =
        let pairs =
            match Catalogue.tryFind algorithm with
            | Some entry -> AlgorithmEntry.optionsOfFile entry pairs
            | None -> pairs

        if version < 3 then
            pairs @ [ nameof Unchecked.defaultof<NetworkOptions>.ActionScaling, "none" ]
        else
            pairs

    /// θ of a file: before version 3 the gradient-free methods had a critic too, that nobody asked.
    let private parametersOf
        (input: BinaryIn)
        (algorithm: string)
        (former: ActorCritic option)
        (parameters: float32[])
        =
        match former with
        | None -> parameters
        | Some network ->
            if NetworkFormat.denseParameters network.Actor > float parameters.Length then
                input.Fail "it has fewer parameters than its network"

            let expected = (ActorCritic.layout network).Count

            if expected <> parameters.Length then
                input.Fail $"it has {parameters.Length} parameters and its network {expected}"

            if List.contains algorithm [ "ars"; "cem"; "es" ] then
                parameters[.. (Actor.layout network.Actor).Count - 1]
            else
                parameters

    let private check (input: BinaryIn) (checkpoint: Checkpoint) =
        let state = checkpoint.State
        let observations, actions = checkpoint.ObservationSpace, checkpoint.ActionSpace
        CheckpointRules.unique input "note" (Seq.map fst checkpoint.Notes)
        CheckpointRules.unique input "option" (Seq.map fst checkpoint.Options)
        CheckpointRules.policy input observations actions checkpoint.Network state.Parameters
        CheckpointRules.state input checkpoint.Network state
        CheckpointRules.learned input checkpoint.Algorithm checkpoint.Options observations actions state
        CheckpointRules.wrapping input observations actions state.Environments checkpoint.Wrapping
        CheckpointRules.plans input checkpoint.Network (fun () -> checkpoint.Policy.Plans)
        checkpoint

    /// The checkpoint in a file's bytes; `name` is what errors call the file. `InvalidDataException` says what is wrong
    /// with a file that is empty, cut, damaged anywhere, of another kind, or of a newer version.
    let ofBytes (name: string) (bytes: byte[]) : Checkpoint =
        let struct (version, size) = CheckpointFrame.check name bytes
        let whole = BinaryIn(bytes, CheckpointFrame.headerSize, size, CheckpointFrame.damaged name)

        let section (tag: string) (read: BinaryIn -> 'T) =
            let found = String(Array.init 4 (fun _ -> char (whole.Byte())))

            if found <> tag then whole.Fail $"the section {tag} is missing (found {found})"

            let input = whole.Part(fun complaint -> CheckpointFrame.damaged name $"in section {tag} {complaint}")

            let value = read input
            input.End()
            value

        let struct (algorithm, environmentId, seed, notes) =
            section "META" (fun input ->
                let algorithm = input.Text()
                let environmentId = input.Text()
                let seed = input.Word()
                struct (algorithm, environmentId, seed, input.Pairs()))

        let options = section "CONF" (fun input -> optionsOf version algorithm (input.Pairs()))

        let struct (observationSpace, actionSpace) =
            section "SPAC" (fun input ->
                let observationSpace = CheckpointFormat.readSpace input
                struct (observationSpace, CheckpointFormat.readSpace input))

        let struct (former, actor) =
            section "NETW" (fun input ->
                if version < 3 then
                    let network = NetworkFormat.readActorCritic input
                    struct (Some network, network.Actor)
                else
                    struct (None, NetworkFormat.readActor input))

        let parameters = section "PARM" (fun input -> input.Singles()) |> parametersOf whole algorithm former

        let arrays =
            if version > 2 then
                section "ARRS" CheckpointFormat.readArrays
            else
                [ ArrayNames.Unnamed, section "OPTI" (fun input -> input.Singles()) ]

        let struct (observations, rewards, discountedReturns) =
            section "STAT" (fun input ->
                let observations = CheckpointFormat.readStatistics input
                let rewards = CheckpointFormat.readStatistics input
                struct (observations, rewards, input.Floats()))

        let struct (steps, updates, keys, actionKeys, further) =
            section "PROG" (fun input ->
                let steps = input.Long()
                let updates = input.Long()
                let keys = CheckpointFormat.readKeys input
                let actionKeys = CheckpointFormat.readKeys input
                let further = if version > 2 then [] else CheckpointFormat.readArrays input
                struct (steps, updates, keys, actionKeys, further))

        let replay = if version > 2 then section "REPL" ReplayFormat.read else None
        if keys.Length <> 1 then whole.Fail $"it has {keys.Length} main streams"
        let environments = section "ENVS" CheckpointFormat.readSnapshot

        let wrapping = section "WRAP" WrapperFormat.readWrapping

        let frozen =
            if version >= CheckpointFrame.VersionOfFrozen then
                section "FROZ" (CheckpointFormat.readList CheckpointFormat.readFrozen)
            else
                []

        whole.End()

        {
            Algorithm = algorithm
            EnvironmentId = environmentId
            Seed = seed
            ObservationSpace = observationSpace
            ActionSpace = actionSpace
            Network = actor
            Options = options
            Notes = notes
            Wrapping = wrapping
            State =
                {
                    Steps = steps
                    Updates = updates
                    Parameters = parameters
                    Arrays = arrays @ further
                    Observations = observations
                    Rewards = rewards
                    DiscountedReturns = discountedReturns
                    Key = keys[0]
                    ActionKeys = actionKeys
                    Replay = replay
                    Frozen = frozen
                    Environments = environments
                }
        }
        |> check whole

    /// The checkpoint without the rows of its replay, which may be most of a file. The file says how many are missing;
    /// training that goes on from it begins with an empty replay, and so is not what it would have been: `Warnings`
    /// tell. Nothing changes where there is no replay.
    let withoutReplay (checkpoint: Checkpoint) : Checkpoint =
        { checkpoint with State.Replay = Option.map Replay.withoutRows checkpoint.State.Replay }

    /// Writes the file. It is written under another name in the same folder and then takes its place, so that a full
    /// disk or an interruption leaves the earlier file as it was. Missing folders are made. `IOException` if it cannot
    /// be written.
    let save (path: string) (checkpoint: Checkpoint) : unit =
        Guard.notNull (nameof path) path
        let path = Path.GetFullPath path

        let file =
            try
                framed checkpoint
            with :? IOException as error ->
                // More than two gigabytes.
                raise (
                    IOException(
                        ($"The agent cannot be saved to {path}: {error.Message} Save it without its replay, or use a "
                         + "smaller BufferSize."),
                        error
                    )
                )

        try
            WholeFile.Write(path, (fun stream -> CheckpointFrame.writeTo stream file))
        with :? IOException as error ->
            let reason =
                match error.InnerException with
                | null -> error.Message
                | inner -> inner.Message

            let remedy =
                match error.InnerException with
                | :? PathTooLongException -> "Choose a shorter name"
                | _ -> "Make room there, or choose a folder that can be written"

            raise (
                IOException(
                    $"The agent cannot be saved to {path}: {reason} {remedy}; an earlier file there is untouched.",
                    error
                )
            )

    /// Requires that training can go on from the state with a learner that was made of the checkpoint's own options;
    /// `name` is what errors call the file. `InvalidDataException` says what does not fit.
    let requireFit (name: string) (learner: Learner) (checkpoint: Checkpoint) : unit =
        match CheckpointRules.misfit learner checkpoint.Network checkpoint.State with
        | Some complaint -> raise (InvalidDataException(CheckpointFrame.damaged name complaint))
        | None -> ()

    /// Reads a file. `FileNotFoundException` or another `IOException` if it cannot be read, `InvalidDataException` as
    /// for `ofBytes`.
    let load (path: string) : Checkpoint =
        Guard.notNull (nameof path) path
        let path = Path.GetFullPath path
        ofBytes path (CheckpointFrame.readFile path)
