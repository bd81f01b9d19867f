/// How copies that act and remember in a worker are asked and answer, as bytes.
namespace Rl.Core.Distributed

open System
open System.Runtime.InteropServices
open Rl.Core.Algorithms
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Training

/// What stays the same from request to request: whose copies, by which algorithm.
type internal MemoryDescription =
    {
        Contract: ShareContract
        /// The algorithm's id, from whose options a worker makes the same parts.
        Algorithm: string
        Options: (string * string) list
        /// N: the copies of all workers.
        Copies: int
    }

/// What copies begin with in a worker that does not have them, with an empty memory.
type internal MemoryStart =
    {
        Keys: Rng[]
        /// The bytes of their snapshot.
        Environments: byte[]
    }

/// θ and the arrays that the errors of steps follow from.
type internal MemoryJudge = { Parameters: float32[]; Arrays: (string * float32[]) list }

/// Steps that copies are to take.
type internal MemoryAct =
    {
        /// Of copies that begin here.
        Start: MemoryStart voption
        /// Environment steps of all copies before.
        Steps: int64
        /// What acts, or the first of θ.
        Acting: float32[]
        Observations: RunningStatistics
        /// What rewards are multiplied with before they are learned from.
        RewardScale: float32
        /// The noise that exploration carries from step to step, of all copies.
        Noise: float32[]
        /// By what new steps get their first priorities; none where rows are drawn alike.
        Judge: MemoryJudge voption
    }

/// What some copies and their memory are asked for, in this order: new priorities, steps, draws.
type internal MemoryRequest =
    {
        /// The hash of the description.
        Key: uint64
        /// The first copy, among those of all.
        First: int
        Number: int
        /// Which beginning of theirs it goes on from.
        Life: int64
        /// Rows that an update has learned from, by their numbers of all ever remembered, with their errors.
        Learned: int64[]
        Errors: float32[]
        Act: MemoryAct voption
        /// Where to draw: parts of the memory's mass when it is drawn from, in [0, 1), or points of that mass.
        Points: float[]
        AreParts: bool
    }

/// What copies did.
[<NoEquality; NoComparison>]
type internal MemoryActed = { Rows: NotedSteps; Noise: float32[] }

/// Rows that were drawn: their numbers of all ever remembered, their p^α, and the data of each column, of one row after
/// the other.
[<NoEquality; NoComparison>]
type internal MemoryDrawn = { Numbers: int64[]; Powers: float[]; Columns: ReadOnlyMemory<byte>[] }

/// What some copies and their memory answer.
[<NoEquality; NoComparison>]
type internal MemoryAnswer =
    {
        /// Σ p^α, or the number of rows where all are drawn alike.
        Mass: float
        Count: int
        Acted: MemoryActed voption
        Drawn: MemoryDrawn
    }

[<RequireQualifiedAccess>]
module internal MemoryFormat =

    [<Literal>]
    let private DescriptionMark = 0x4D534C52

    [<Literal>]
    let private RequestMark = 0x4E534C52

    let private reader (what: string) (bytes: byte[]) =
        BinaryIn(bytes, 0, bytes.Length, (fun complaint -> $"The {what} of a memory is damaged: {complaint}."))

    let private cast (values: 'T[]) (output: BinaryOut) =
        output.Bytes(Span.op_Implicit (MemoryMarshal.AsBytes(Span<'T> values)))

    let private uncast<'T when 'T: struct and 'T: (new: unit -> 'T) and 'T :> ValueType> (input: BinaryIn) : 'T[] =
        MemoryMarshal.Cast<byte, 'T>(ReadOnlySpan(input.Bytes())).ToArray()

    let private writeStatistics (statistics: RunningStatistics) (output: BinaryOut) =
        output.Float statistics.Count
        output.Floats statistics.Mean
        output.Floats statistics.SquaredDeviation

    let private readStatistics (input: BinaryIn) : RunningStatistics =
        let count = input.Float()
        let mean = input.Floats()
        { Count = count; Mean = mean; SquaredDeviation = input.Floats() }

    /// Whether a description is of copies that remember.
    let isDescription (bytes: byte[]) : bool = bytes.Length >= 4 && BitConverter.ToInt32(bytes, 0) = DescriptionMark

    let writeDescription (description: MemoryDescription) : byte[] =
        if not BitConverter.IsLittleEndian then
            invalidOp "Copies act in several processes on machines of little-endian byte order only."

        let output = BinaryOut()
        output.Int DescriptionMark
        output.Int ShareContract.Format
        output.Text description.Contract.Version
        ShareContract.write output description.Contract
        output.Text description.Algorithm
        output.Pairs description.Options
        output.Int description.Copies
        output.ToArray()

    /// Reads a description of the same version; `ShareRefusal` for another.
    let readDescription (bytes: byte[]) : MemoryDescription =
        let input = reader "description" bytes
        input.Int() |> ignore
        let format = input.Int()
        let version = input.Text()

        if format <> ShareContract.Format || version <> ShareContract.version then
            raise (ShareRefusal(ShareContract.otherVersion version))

        let contract = ShareContract.read version input
        let algorithm = input.Text()
        let options = input.Pairs()
        let copies = input.Int()

        if copies < 1 then input.Fail $"it has {copies} copies"

        input.End()
        { Contract = contract; Algorithm = algorithm; Options = options; Copies = copies }

    let private writeAct (act: MemoryAct) (output: BinaryOut) =
        match act.Start with
        | ValueNone -> output.Byte 0
        | ValueSome start ->
            output.Byte 1
            cast start.Keys output
            output.Bytes(ReadOnlySpan start.Environments)

        output.Long act.Steps
        output.Singles act.Acting
        writeStatistics act.Observations output
        output.Float(float act.RewardScale)
        output.Singles act.Noise

        match act.Judge with
        | ValueNone -> output.Byte 0
        | ValueSome judge ->
            output.Byte 1
            output.Singles judge.Parameters
            output.Int judge.Arrays.Length

            for name, values in judge.Arrays do
                output.Text name
                output.Singles values

    let private readAct (number: int) (input: BinaryIn) : MemoryAct =
        let start =
            if input.Byte() = 0 then
                ValueNone
            else
                let keys = uncast<Rng> input

                if keys.Length <> number then
                    input.Fail $"it has {keys.Length} streams where {number} are needed"

                ValueSome { Keys = keys; Environments = input.Bytes() }

        let steps = input.Long()
        let acting = input.Singles()
        let observations = readStatistics input
        let scale = float32 (input.Float())
        let noise = input.Singles()

        let judge =
            if input.Byte() = 0 then
                ValueNone
            else
                let parameters = input.Singles()
                let count = input.Int()

                if count < 0 || count > input.Remaining then
                    input.Fail $"it announces {count} arrays"

                let arrays =
                    List.init count (fun _ ->
                        let name = input.Text()
                        name, input.Singles())

                ValueSome { Parameters = parameters; Arrays = arrays }

        {
            Start = start
            Steps = steps
            Acting = acting
            Observations = observations
            RewardScale = scale
            Noise = noise
            Judge = judge
        }

    let writeRequest (request: MemoryRequest) : byte[] =
        let output = BinaryOut()
        output.Int RequestMark
        output.Word request.Key
        output.Int request.First
        output.Int request.Number
        output.Long request.Life
        cast request.Learned output
        output.Singles request.Errors

        match request.Act with
        | ValueNone -> output.Byte 0
        | ValueSome act ->
            output.Byte 1
            writeAct act output

        output.Byte(if request.AreParts then 1 else 0)
        output.Floats request.Points
        output.ToArray()

    let readRequest (bytes: byte[]) : MemoryRequest =
        let input = reader "request" bytes
        let mark = input.Int()

        if mark <> RequestMark then
            input.Fail $"it begins with {mark:X8} instead of {RequestMark:X8}"

        let key = input.Word()
        let first = input.Int()
        let number = input.Int()

        if first < 0 || number < 1 then
            input.Fail $"it asks for {number} copies from {first} on"

        let life = input.Long()
        let learned = uncast<int64> input
        let errors = input.Singles()

        if errors.Length <> learned.Length then
            input.Fail $"it has {errors.Length} errors of {learned.Length} rows"

        let act = if input.Byte() = 0 then ValueNone else ValueSome(readAct number input)
        let areParts = input.Byte() <> 0
        let points = input.Floats()
        input.End()

        {
            Key = key
            First = first
            Number = number
            Life = life
            Learned = learned
            Errors = errors
            Act = act
            Points = points
            AreParts = areParts
        }

    /// What stands behind the answer of the copies; `columns` write the drawn rows, one column after the other.
    let writeRest (answer: MemoryAnswer) (columns: float32[][]) (output: BinaryOut) : unit =
        output.Float answer.Mass
        output.Int answer.Count

        match answer.Acted with
        | ValueNone -> output.Byte 0
        | ValueSome acted ->
            output.Byte 1
            output.Singles acted.Rows.Observations
            output.Singles acted.Rows.Rewards
            output.Floats acted.Rows.EpisodeReturns
            output.Ints acted.Rows.EpisodeLengths
            output.Singles acted.Noise

        cast answer.Drawn.Numbers output
        output.Floats answer.Drawn.Powers

        for column in columns do
            output.Taken column

    /// Reads it, of copies that took so many rows of steps if they were asked to, observations of so many numbers,
    /// and of so many draws, whose columns have so many numbers each.
    let readRest
        (rows: int)
        (observed: int)
        (noise: int)
        (draws: int)
        (widths: int[])
        (input: BinaryIn)
        : MemoryAnswer =
        let require what needed found =
            if found <> needed then
                input.Fail $"it has {found} {what} where {needed} are needed"

        let mass = input.Float()
        let count = input.Int()

        if not (Double.IsFinite mass) || mass < 0.0 || count < 0 then
            input.Fail $"it has {count} rows of the mass {mass}"

        let acted =
            if input.Byte() = 0 then
                ValueNone
            else
                let observations = input.Singles()
                let rewards = input.Singles()
                let returns = input.Floats()
                let lengths = input.Ints()
                let carried = input.Singles()
                require "numbers of observations" observed observations.Length
                require "rewards" rows rewards.Length
                require "returns" rows returns.Length
                require "lengths" rows lengths.Length
                require "numbers of noise" noise carried.Length

                ValueSome
                    {
                        Rows =
                            {
                                Observations = observations
                                Rewards = rewards
                                EpisodeReturns = returns
                                EpisodeLengths = lengths
                            }
                        Noise = carried
                    }

        let numbers = uncast<int64> input
        let powers = input.Floats()
        require "drawn rows" draws numbers.Length
        require "priorities" draws powers.Length

        {
            Mass = mass
            Count = count
            Acted = acted
            Drawn =
                {
                    Numbers = numbers
                    Powers = powers
                    Columns = widths |> Array.map (fun width -> input.Raw(4 * width * draws))
                }
        }
