/// One versioned, checksummed file that holds the record of a training failure, with the batch that it happened in.
namespace Rl.Core.Training

open System
open System.Buffers.Binary
open System.IO
open System.IO.Hashing
open Rl.Core.Learning

/// Reading and writing of failure records: 8 bytes of magic, the version (int32), the record, a CRC-32 over all that
/// comes before it.
[<RequireQualifiedAccess>]
module FailureFile =

    /// The version that is written and can be read.
    [<Literal>]
    let FormatVersion = 1

    let private magic = [| 0x8Buy; byte 'R'; byte 'L'; byte 'F'; 13uy; 10uy; 26uy; 10uy |]
    let private headerSize = magic.Length + 4

    /// The file's bytes.
    let toBytes (record: FailureRecord) : byte[] =
        let output = BinaryOut()
        output.Raw(ReadOnlySpan magic)
        output.Int FormatVersion
        output.Text record.Algorithm
        output.Long record.Update
        output.Text record.Step
        output.Int record.Epoch
        output.Int record.Minibatch
        output.Text record.Operation
        output.Int record.Operands.Length

        for operand in record.Operands do
            output.Text operand

        output.Ints record.Index
        output.Float record.Value
        output.Int record.RolloutStep
        output.Int record.Copy
        output.Int record.Inputs.Length

        for name, shape, values in record.Inputs do
            output.Text name
            output.Ints shape
            output.Singles values

        let body = output.ToArray()
        Array.append body (Crc32.Hash(ReadOnlySpan body))

    /// The record in a file's bytes; `name` is what errors call the file. `InvalidDataException` says what is wrong
    /// with a file that is cut, damaged, of another kind, or of a newer version.
    let ofBytes (name: string) (bytes: byte[]) : FailureRecord =
        let damaged (complaint: string) =
            $"{name} is a damaged failure file: {complaint}. Train again to reproduce the failure."

        let refuse (complaint: string) : unit = raise (InvalidDataException $"{name} {complaint}")

        if bytes.Length < headerSize + 4 || not (bytes.AsSpan(0, magic.Length).SequenceEqual magic) then
            refuse "is not a failure file; choose one that a failed training run has written."

        let crc = Crc32.Hash(ReadOnlySpan(bytes, 0, bytes.Length - 4))

        if not (crc.AsSpan().SequenceEqual(bytes.AsSpan(bytes.Length - 4))) then
            raise (InvalidDataException(damaged "its checksum does not match its contents"))

        let version = BinaryPrimitives.ReadInt32LittleEndian(ReadOnlySpan(bytes, magic.Length, 4))

        if version <> FormatVersion then
            refuse (
                $"has format version {version}; this library reads version {FormatVersion}. Use the version of "
                + "the library that wrote it."
            )

        let input = BinaryIn(bytes, headerSize, bytes.Length - headerSize - 4, damaged)

        let many read =
            let count = input.Int()

            if count < 0 || count > input.Remaining then
                input.Fail $"it announces {count} parts"

            List.init count (fun _ -> read ())

        let algorithm = input.Text()
        let update = input.Long()
        let step = input.Text()
        let epoch = input.Int()
        let minibatch = input.Int()
        let operation = input.Text()
        let operands = many input.Text
        let index = input.Ints()
        let value = input.Float()
        let rolloutStep = input.Int()
        let copy = input.Int()

        let inputs =
            many (fun () ->
                let name = input.Text()
                let shape = input.Ints()
                name, shape, input.Singles())

        input.End()

        {
            Algorithm = algorithm
            Update = update
            Step = step
            Epoch = epoch
            Minibatch = minibatch
            Operation = operation
            Operands = operands
            Index = index
            Value = value
            RolloutStep = rolloutStep
            Copy = copy
            Inputs = inputs
        }
