/// How descriptions, requests and answers are laid out: what acts, what it starts from, what it did.
namespace Rl.Core.Distributed

open System
open System.IO
open System.IO.Hashing
open System.Runtime.InteropServices
open Rl.Core.Acting
open Rl.Core.Algorithms
open Rl.Core.Foundations
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Training

/// What copies are to do.
[<RequireQualifiedAccess>]
type internal ShareWork =
    /// Steps of a policy with a critic.
    | Rollouts of network: ActorCritic * options: CollectorOptions
    /// Episodes of candidates around a policy.
    | Candidates of actor: Actor * trial: CandidateTrial

    /// Who acts.
    member this.Actor =
        match this with
        | Rollouts(network, _) -> network.Actor
        | Candidates(actor, _) -> actor

    /// θ's layout.
    member this.Layout =
        match this with
        | Rollouts(network, _) -> ActorCritic.layout network
        | Candidates(actor, _) -> Actor.layout actor

/// What stays the same from request to request: who does what in which environment.
type internal ShareDescription = { Contract: ShareContract; Work: ShareWork }

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
        /// Where candidates are judged. They take the most probable actions, so that there are no keys then.
        Candidates: ShareCandidates voption
    }

/// What went wrong with some copies.
[<RequireQualifiedAccess>]
type internal ShareFailure =
    /// The environment broke its contract; the copy's index is the one among all.
    | Environment of message: string * id: string * copy: int * step: int * index: int * value: float
    /// The network made a number that is not finite, in a step and for a copy among all.
    | NonFinite of step: int * copy: int

/// What some copies did: how their streams, recurrent states and environments are afterwards; the rollout follows, or
/// what candidates did.
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

    let private readKeys (input: BinaryIn) : Rng[] =
        MemoryMarshal.Cast<byte, Rng>(ReadOnlySpan(input.Bytes())).ToArray()

    let private requireKeys (count: int) (keys: Rng[]) (input: BinaryIn) =
        if keys.Length <> count then
            input.Fail $"it has {keys.Length} streams where {count} are needed"

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
        NetworkFormat.writeActor output description.Work.Actor

        match description.Work with
        | ShareWork.Rollouts(network, options) ->
            output.Byte 0
            LayerFormat.writeMlp output network.Critic
            output.Int options.Steps
            output.Byte(if options.Normalise then 1 else 0)
            output.Int options.SequenceLength
            output.Int options.ExplorationSteps
        | ShareWork.Candidates(_, trial) ->
            output.Byte 1
            output.Int trial.Episodes
            output.Int trial.MaxEpisodeSteps
            output.Float trial.Bonus

        output.ToArray()

    let private readRollouts (actor: Actor) (input: BinaryIn) : ShareWork =
        let critic = LayerFormat.readMlp input
        let steps = input.Int()
        let normalise = input.Byte() <> 0
        let sequence = input.Int()
        let exploration = input.Int()

        if steps < 1 || sequence < 1 || steps % sequence <> 0 || exploration < 0 then
            input.Fail $"it asks for {steps} steps in sequences of {sequence}, with new noise after {exploration}"

        ShareWork.Rollouts(
            { Actor = actor; Critic = critic },
            { Steps = steps; Normalise = normalise; SequenceLength = sequence; ExplorationSteps = exploration }
        )

    let private readTrial (actor: Actor) (input: BinaryIn) : ShareWork =
        let episodes = input.Int()
        let steps = input.Int()
        let bonus = input.Float()

        if episodes < 1 || steps < 1 || not (Double.IsFinite bonus) then
            input.Fail $"it asks for {episodes} episodes of {steps} steps, less {bonus} a step"

        ShareWork.Candidates(actor, { Episodes = episodes; MaxEpisodeSteps = steps; Bonus = bonus })

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

        let work =
            match input.Byte() with
            | 0 -> readRollouts actor input
            | 1 -> readTrial actor input
            | kind -> input.Fail $"it asks for work of the unknown kind {kind}"

        input.End()
        { Contract = contract; Work = work }

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

        match request.Candidates with
        | ValueNone -> output.Byte 0
        | ValueSome candidates ->
            output.Byte 1
            ShareCandidates.write candidates output

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
        let keys = readKeys input
        let recurrent = input.Singles()
        let environments = input.Bytes()

        let candidates =
            match input.Byte() with
            | 0 -> ValueNone
            | 1 -> ValueSome(ShareCandidates.read first number input)
            | kind -> input.Fail $"it asks for work of the unknown kind {kind}"

        requireKeys (if candidates.IsSome then 0 else number) keys input
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
            Candidates = candidates
        }

    /// An answer, behind which `write` puts what the copies did.
    let writeAnswer (answer: ShareAnswer) (write: BinaryOut -> unit) : byte[] =
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
        write output
        output.ToArray()

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

    /// What went wrong with copies from `first` on among all; nothing for what is no failure of theirs.
    let failureOf (first: int) (error: exn) : ShareFailure voption =
        match error with
        | :? EnvironmentFailure as failure ->
            let copy = first + failure.Copy
            let message = failure.Message.Replace($"(copy {failure.Copy},", $"(copy {copy},")

            ShareFailure.Environment(
                message,
                failure.EnvironmentId,
                copy,
                failure.Step,
                failure.Component,
                failure.Value
            )
            |> ValueSome
        | :? NonFiniteActing as failure -> ValueSome(ShareFailure.NonFinite(failure.Step, first + failure.Copy))
        | _ -> ValueNone

    /// The answer with so many streams and what `read` makes of the rest; or what went wrong.
    let readAnswer
        (bytes: byte[])
        (streams: int)
        (read: BinaryIn -> 'T)
        : Result<struct (ShareAnswer * 'T), ShareFailure> =
        let input = reader "answer" bytes
        requireMark AnswerMark input

        match input.Byte() with
        | 0 ->
            let keys = readKeys input
            requireKeys streams keys input
            let recurrent = input.Singles()
            let environments = input.Bytes()
            let shown = input.Singles()
            let restarted = input.Byte() <> 0
            let blowups = input.Long()
            let seconds = input.Float()
            let rest = read input
            input.End()

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

            Ok(struct (answer, rest))
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
