/// One versioned, checksummed file that holds an agent and its whole training state.
namespace Rl.Core.Training

open System
open System.Buffers.Binary
open System.IO
open System.IO.Hashing
open Rl.Core.Foundations
open Rl.Core.Environments
open Rl.Core.Networks
open Rl.Core.Algorithms

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
        Network: ActorCritic
        /// The algorithm's options as named texts.
        Configuration: (string * string) list
        /// Whatever the writer wants to find again, as named texts.
        Notes: (string * string) list
        /// The wrappers around the environment, and what they wrap.
        Wrapping: Wrapping
        State: TrainingState
    }

    /// The policy of the state.
    member this.Policy: PolicyModel =
        {
            Network = this.Network
            ObservationSpace = this.ObservationSpace
            ActionSpace = this.ActionSpace
            Parameters = this.State.Parameters
            Observations = this.State.Observations
            WrapperStatistics = this.State.Environments.Statistics
        }

/// Reading and writing of checkpoints. All numbers are little-endian.
///
/// The frame is the same in every version: 8 bytes of magic, the version (int32), the number of payload bytes (int32), the
/// payload, and a CRC-32 over all that comes before it. The payload is a row of sections: a tag of 4 letters, the number
/// of bytes (int32), the bytes.
[<RequireQualifiedAccess>]
module Checkpoint =

    /// The version that is written. Version 2, which had names for a few arrays only, can be read too; version 1 was never released.
    [<Literal>]
    let FormatVersion = 3

    let private oldestVersion = 2

    // As PNG does it: a byte above 127 and both line ends show a transfer that took the file for text.
    let private magic = [| 0x8Buy; byte 'R'; byte 'L'; byte 'A'; 13uy; 10uy; 26uy; 10uy |]

    let private headerSize = magic.Length + 8
    let private frameSize = headerSize + 4

    let private refuse (name: string) (complaint: string) : 'T = raise (InvalidDataException $"{name} {complaint}")

    let private damaged (name: string) (complaint: string) =
        $"{name} is a damaged agent file: {complaint}. Use another copy or an earlier checkpoint."

    /// The file's bytes.
    let toBytes (checkpoint: Checkpoint) : byte[] =
        let payload = BinaryOut()
        let state = checkpoint.State

        let section (tag: string) (write: BinaryOut -> unit) =
            let body = BinaryOut()
            write body

            for letter in tag do
                payload.Byte(int letter)

            payload.Bytes(ReadOnlySpan(body.ToArray()))

        section "META" (fun output ->
            output.Text checkpoint.Algorithm
            output.Text checkpoint.EnvironmentId
            output.Word checkpoint.Seed
            output.Pairs checkpoint.Notes)

        section "CONF" (fun output -> output.Pairs checkpoint.Configuration)

        section "SPAC" (fun output ->
            CheckpointFormat.writeSpace output checkpoint.ObservationSpace
            CheckpointFormat.writeSpace output checkpoint.ActionSpace)

        section "NETW" (fun output -> NetworkFormat.writeNetwork output checkpoint.Network)
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

        section "REPL" (fun output -> CheckpointFormat.writeReplay output state.Replay)

        section "ENVS" (fun output -> CheckpointFormat.writeSnapshot output state.Environments)

        section "WRAP" (fun output -> WrapperFormat.writeWrapping output checkpoint.Wrapping)
        let body = payload.ToArray()
        let file = BinaryOut()
        file.Raw(ReadOnlySpan magic)
        file.Int FormatVersion
        file.Bytes(ReadOnlySpan body)
        let framed = file.ToArray()
        let crc = Crc32.Hash(ReadOnlySpan framed)
        Array.append framed crc

    /// Requires a whole, undamaged frame of a version that can be read; gives the payload's place.
    let private checkFrame (name: string) (bytes: byte[]) =
        if bytes.Length = 0 then
            refuse name "is empty; it is not an agent file. Use another copy or an earlier checkpoint."

        let known = min bytes.Length magic.Length

        if not (bytes.AsSpan(0, known).SequenceEqual(magic.AsSpan(0, known))) then
            refuse name "is not an agent file; choose a file that Save or `rl train` has written."

        if bytes.Length < frameSize then
            raise (InvalidDataException(damaged name $"it ends after {bytes.Length} bytes"))

        let version = BinaryPrimitives.ReadInt32LittleEndian(ReadOnlySpan(bytes, magic.Length, 4))
        let announced = BinaryPrimitives.ReadInt32LittleEndian(ReadOnlySpan(bytes, magic.Length + 4, 4))

        if int64 announced <> int64 (bytes.Length - frameSize) then
            raise (
                InvalidDataException(
                    damaged name $"its length is {bytes.Length} bytes and should be {int64 announced + int64 frameSize}"
                )
            )

        let crc = Crc32.Hash(ReadOnlySpan(bytes, 0, bytes.Length - 4))

        if not (crc.AsSpan().SequenceEqual(bytes.AsSpan(bytes.Length - 4))) then
            raise (InvalidDataException(damaged name "its checksum does not match its contents"))

        if version > FormatVersion then
            refuse
                name
                $"has format version {version}; this library reads versions up to {FormatVersion}. Use a newer version of the library."

        if version < 1 then
            raise (InvalidDataException(damaged name $"its format version is {version}"))

        if version < oldestVersion then
            refuse name $"has format version {version}, which only development versions wrote; train the agent again."

        struct (version, announced)

    let private check (input: BinaryIn) (checkpoint: Checkpoint) =
        let state = checkpoint.State

        if NetworkFormat.denseParameters checkpoint.Network > float state.Parameters.Length then
            input.Fail "it has fewer parameters than its network"

        let expected = (ActorCritic.layout checkpoint.Network).Count

        if expected <> state.Parameters.Length then
            input.Fail $"it has {state.Parameters.Length} parameters and its network {expected}"

        let inputs = ActorCritic.inputs checkpoint.Network
        let observed = Encoding.size checkpoint.ObservationSpace

        if inputs <> observed then
            input.Fail $"its network reads {inputs} numbers and its observations have {observed}"

        if state.Observations.Size <> 0 && state.Observations.Size <> inputs then
            input.Fail $"its observation statistics have {state.Observations.Size} components instead of {inputs}"

        if state.ActionKeys.Length <> state.Environments.Count then
            input.Fail $"it has {state.ActionKeys.Length} action streams for {state.Environments.Count} copies"

        checkpoint

    /// The checkpoint in a file's bytes; `name` is what errors call the file. `InvalidDataException` says what is wrong with a file
    /// that is empty, cut, damaged anywhere, of another kind, or of a newer version.
    let ofBytes (name: string) (bytes: byte[]) : Checkpoint =
        let struct (version, size) = checkFrame name bytes
        let whole = BinaryIn(bytes, headerSize, size, damaged name)

        let section (tag: string) (read: BinaryIn -> 'T) =
            let found = String(Array.init 4 (fun _ -> char (whole.Byte())))

            if found <> tag then whole.Fail $"the section {tag} is missing (found {found})"

            let body = whole.Bytes()
            let input = BinaryIn(body, 0, body.Length, fun complaint -> damaged name $"in section {tag} {complaint}")
            let value = read input
            input.End()
            value

        let struct (algorithm, environmentId, seed, notes) =
            section "META" (fun input ->
                let algorithm = input.Text()
                let environmentId = input.Text()
                let seed = input.Word()
                struct (algorithm, environmentId, seed, input.Pairs()))

        let configuration = section "CONF" (fun input -> input.Pairs())

        let struct (observationSpace, actionSpace) =
            section "SPAC" (fun input ->
                let observationSpace = CheckpointFormat.readSpace input
                struct (observationSpace, CheckpointFormat.readSpace input))

        let network = section "NETW" NetworkFormat.readNetwork
        let parameters = section "PARM" (fun input -> input.Singles())

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

        let replay = if version > 2 then section "REPL" CheckpointFormat.readReplay else None
        if keys.Length <> 1 then whole.Fail $"it has {keys.Length} main streams"
        let environments = section "ENVS" CheckpointFormat.readSnapshot

        let wrapping = section "WRAP" WrapperFormat.readWrapping

        whole.End()

        {
            Algorithm = algorithm
            EnvironmentId = environmentId
            Seed = seed
            ObservationSpace = observationSpace
            ActionSpace = actionSpace
            Network = network
            Configuration = configuration
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
                    Environments = environments
                }
        }
        |> check whole

    /// Writes the file. It is written under another name in the same folder and then takes its place, so that a full disk or an
    /// interruption leaves the earlier file as it was. Missing folders are made. `IOException` if it cannot be written.
    let save (path: string) (checkpoint: Checkpoint) : unit =
        Guard.notNull (nameof path) path
        let path = Path.GetFullPath path
        let temporary = $"{path}.{Environment.ProcessId}.tmp"
        let bytes = toBytes checkpoint

        try
            match Path.GetDirectoryName path with
            | null -> ()
            | folder -> Directory.CreateDirectory folder |> ignore

            try
                do
                    use file = new FileStream(temporary, FileMode.Create, FileAccess.Write, FileShare.None)
                    file.Write(bytes, 0, bytes.Length)
                    file.Flush true

                File.Move(temporary, path, true)
            finally
                if File.Exists temporary then File.Delete temporary
        with
        | :? IOException
        | :? UnauthorizedAccessException as error ->
            raise (
                IOException(
                    $"The agent cannot be saved to {path}: {error.Message} Choose a folder that can be written; an earlier file there is untouched.",
                    error
                )
            )

    /// Reads a file. `FileNotFoundException` or another `IOException` if it cannot be read, `InvalidDataException` as for `ofBytes`.
    let load (path: string) : Checkpoint =
        Guard.notNull (nameof path) path
        let path = Path.GetFullPath path

        if not (File.Exists path) then
            raise (FileNotFoundException($"There is no agent file {path}; check the path.", path))

        if FileInfo(path).Length > int64 Array.MaxLength then
            refuse path "is too large to be an agent file; choose a file that Save or `rl train` has written."

        ofBytes path (File.ReadAllBytes path)
