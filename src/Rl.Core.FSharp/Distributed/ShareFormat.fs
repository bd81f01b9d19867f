/// How descriptions, requests and answers are laid out: what acts, what it starts from, what it did.
namespace Rl.Core.Distributed

open System
open System.IO
open System.IO.Hashing
open System.Runtime.InteropServices
open Rl.Core.Foundations
open Rl.Core.Experience
open Rl.Core.Networks
open Rl.Core.Training

/// What stays the same from request to request: who acts in what, and how much.
type internal ShareDescription = { Contract: ShareContract; Network: ActorCritic; Options: CollectorOptions }

/// What some copies start from.
type internal ShareRequest =
    {
        /// The hash of the description.
        Key: uint64
        /// The first copy, among those of all.
        First: int
        /// How many.
        Number: int
        Parameters: float32[]
        Observations: RunningStatistics
        Keys: Rng[]
        Recurrent: float32[]
        /// The bytes of their snapshot.
        Environments: byte[]
    }

/// What went wrong with some copies.
[<RequireQualifiedAccess>]
type internal ShareFailure =
    /// The environment broke its contract; the copy's index is the one among all.
    | Environment of message: string * id: string * copy: int * step: int * index: int * value: float
    /// The network made a number that is not finite, in a step and for a copy among all.
    | NonFinite of step: int * copy: int

/// What some copies did: how their streams, recurrent states and environments are afterwards; the rollout follows.
type internal ShareAnswer =
    {
        Keys: Rng[]
        Recurrent: float32[]
        Environments: byte[]
        /// What the copies show now.
        Shown: float32[]
        /// Whether episodes began anew, of an environment that keeps its states to itself.
        HasRestarted: bool
        /// Episodes that ended since the last answer because numbers lost their sense.
        Blowups: int64
        /// How long it took.
        Seconds: float
    }

[<RequireQualifiedAccess>]
module internal ShareFormat =

    [<Literal>]
    let private DescriptionMark = 0x44534C52

    [<Literal>]
    let private RequestMark = 0x52534C52

    [<Literal>]
    let private AnswerMark = 0x41534C52

    let private reader (what: string) (bytes: byte[]) =
        BinaryIn(bytes, 0, bytes.Length, (fun complaint -> $"The {what} of a share of copies is damaged: {complaint}."))

    let private requireMark (mark: int) (input: BinaryIn) =
        let found = input.Int()

        if found <> mark then
            input.Fail $"it begins with {found:X8} instead of {mark:X8}"

    let private raw (values: 'T[]) (output: BinaryOut) =
        output.Bytes(Span.op_Implicit (MemoryMarshal.AsBytes(Span<'T> values)))

    let private readRaw<'T when 'T: unmanaged and 'T: struct and 'T: (new: unit -> 'T) and 'T :> ValueType>
        (count: int)
        (input: BinaryIn)
        : 'T[] =
        let bytes = input.Bytes()
        let values = MemoryMarshal.Cast<byte, 'T>(ReadOnlySpan bytes).ToArray()

        if values.Length <> count then
            input.Fail $"it has {values.Length} values where {count} are needed"

        values

    /// Tells descriptions apart.
    let key (description: byte[]) : uint64 = XxHash64.HashToUInt64(ReadOnlySpan description)

    let writeDescription (description: ShareDescription) : byte[] =
        if not BitConverter.IsLittleEndian then
            invalidOp "Copies act in several processes on machines of little-endian byte order only."

        let output = BinaryOut()
        output.Int DescriptionMark
        output.Int ShareContract.Format
        output.Text description.Contract.Version
        ShareContract.write output description.Contract
        NetworkFormat.writeActor output description.Network.Actor
        LayerFormat.writeMlp output description.Network.Critic
        output.Int description.Options.Steps
        output.Byte(if description.Options.Normalise then 1 else 0)
        output.Int description.Options.SequenceLength
        output.Int description.Options.ExplorationSteps
        output.ToArray()

    /// Reads a description of the same version; `ShareRefusal` for another.
    let readDescription (bytes: byte[]) : ShareDescription =
        let input = reader "description" bytes
        requireMark DescriptionMark input
        let format = input.Int()
        let version = input.Text()

        if format <> ShareContract.Format || version <> ShareContract.version then
            raise (ShareRefusal(ShareContract.otherVersion version))

        let contract = ShareContract.read version input
        let actor = NetworkFormat.readActor input
        let critic = LayerFormat.readMlp input
        let steps = input.Int()
        let normalise = input.Byte() <> 0
        let sequence = input.Int()
        let exploration = input.Int()

        if steps < 1 || sequence < 1 || steps % sequence <> 0 || exploration < 0 then
            input.Fail $"it asks for {steps} steps in sequences of {sequence}, with new noise after {exploration}"

        input.End()

        {
            Contract = contract
            Network = { Actor = actor; Critic = critic }
            Options =
                { Steps = steps; Normalise = normalise; SequenceLength = sequence; ExplorationSteps = exploration }
        }

    let writeRequest (request: ShareRequest) : byte[] =
        let output = BinaryOut()
        output.Int RequestMark
        output.Word request.Key
        output.Int request.First
        output.Int request.Number
        output.Singles request.Parameters
        output.Float request.Observations.Count
        output.Floats request.Observations.Mean
        output.Floats request.Observations.SquaredDeviation
        raw request.Keys output
        output.Singles request.Recurrent
        output.Bytes(ReadOnlySpan request.Environments)
        output.ToArray()

    let readRequest (bytes: byte[]) : ShareRequest =
        let input = reader "request" bytes
        requireMark RequestMark input
        let key = input.Word()
        let first = input.Int()
        let number = input.Int()

        if first < 0 || number < 1 then
            input.Fail $"it asks for {number} copies from {first} on"

        let parameters = input.Singles()
        let count = input.Float()
        let mean = input.Floats()
        let squared = input.Floats()
        let keys = readRaw<Rng> number input
        let recurrent = input.Singles()
        let environments = input.Bytes()
        input.End()

        {
            Key = key
            First = first
            Number = number
            Parameters = parameters
            Observations = { Count = count; Mean = mean; SquaredDeviation = squared }
            Keys = keys
            Recurrent = recurrent
            Environments = environments
        }

    let writeAnswer (answer: ShareAnswer) (rows: CopyRows list) : byte[] =
        let output = BinaryOut()
        output.Int AnswerMark
        output.Byte 0
        raw answer.Keys output
        output.Singles answer.Recurrent
        output.Bytes(ReadOnlySpan answer.Environments)
        output.Singles answer.Shown
        output.Byte(if answer.HasRestarted then 1 else 0)
        output.Long answer.Blowups
        output.Float answer.Seconds

        // Rollouts are long: each of their bytes is copied once.
        let mutable place = output.Length
        let bytes = output.ToArrayWithRoom(rows |> List.sumBy (fun part -> int64 part.Bytes.Length))

        for part in rows do
            let source = part.Bytes
            source.CopyTo(Span(bytes, place, source.Length))
            place <- place + source.Length

        bytes

    let writeFailure (failure: ShareFailure) : byte[] =
        let output = BinaryOut()
        output.Int AnswerMark

        match failure with
        | ShareFailure.Environment(message, id, copy, step, index, value) ->
            output.Byte 1
            output.Text message
            output.Text id
            output.Int copy
            output.Int step
            output.Int index
            output.Float value
        | ShareFailure.NonFinite(step, copy) ->
            output.Byte 2
            output.Int step
            output.Int copy

        output.ToArray()

    /// The answer of so many copies with the bytes of its rollout; or what went wrong.
    let readAnswer (bytes: byte[]) (number: int) (rollout: int64) =
        let input = reader "answer" bytes
        requireMark AnswerMark input

        match input.Byte() with
        | 0 ->
            let keys = readRaw<Rng> number input
            let recurrent = input.Singles()
            let environments = input.Bytes()
            let shown = input.Singles()
            let restarted = input.Byte() <> 0
            let blowups = input.Long()
            let seconds = input.Float()

            if int64 input.Remaining <> rollout then
                input.Fail $"its rollout has {input.Remaining} bytes where {rollout} are needed"

            let answer =
                {
                    Keys = keys
                    Recurrent = recurrent
                    Environments = environments
                    Shown = shown
                    HasRestarted = restarted
                    Blowups = blowups
                    Seconds = seconds
                }

            Ok(struct (answer, ReadOnlyMemory(bytes, bytes.Length - input.Remaining, input.Remaining)))
        | 1 ->
            let message = input.Text()
            let id = input.Text()
            let copy = input.Int()
            let step = input.Int()
            let index = input.Int()
            Error(ShareFailure.Environment(message, id, copy, step, index, input.Float()))
        | 2 ->
            let step = input.Int()
            Error(ShareFailure.NonFinite(step, input.Int()))
        | kind -> input.Fail $"it is of the unknown kind {kind}"
