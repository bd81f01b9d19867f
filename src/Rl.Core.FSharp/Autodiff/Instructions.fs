/// What a program executes: kernels with their addresses and sizes bound once, when it is compiled.
namespace Rl.Core.Autodiff

#nowarn "9"

open System.Runtime.Intrinsics
open Microsoft.FSharp.NativeInterop
open Rl.Core.Kernels

/// One step of a program.
[<AbstractClass>]
type internal Instruction(name: string, flops: int64, elements: int64) =
    /// For `explain`.
    member _.Name = name
    /// Arithmetic operations; an elementary function counts as one.
    member _.Flops = flops
    /// Elements read and written.
    member _.Elements = elements
    abstract Run: unit -> unit

/// Where an operand of a fused loop is: `Advance` bytes an element further for each element, 0 for a register or a
/// number.
[<Struct>]
type internal Operand = { Address: nativeint; Advance: int; Scalar: bool }

/// A step of a fused loop on one block of elements.
type internal MicroOperation =
    | OnOne of unary: UnaryOperation * x: Operand
    | OnTwo of binary: BinaryOperation * a: Operand * b: Operand
    | OnThree of ternary: TernaryOperation * a: Operand * b: Operand * c: Operand
    | OnFour of quaternary: QuaternaryOperation * a: Operand * b: Operand * c: Operand * d: Operand
    /// Writes out element (i / repeat) mod period of `source` for each i of the block.
    | Expand of source: nativeint * repeat: int * period: int

/// A step whose result can be made a few rows at a time: the bits are the same.
[<AbstractClass>]
type internal RowInstruction(name, flops, elements, rows: int, rowSize: int) =
    inherit Instruction(name, flops, elements)
    member _.Rows = rows
    /// Elements of a row of the result.
    member _.RowSize = rowSize
    /// Makes the rows first … first + count − 1, where all rows before them were made by earlier calls.
    abstract RunRows: first: int * count: int -> unit
    override this.Run() = this.RunRows(0, rows)

/// A chain of element-wise operations, done block by block in cache; intermediate values never leave it.
[<Sealed>]
type internal ElementwiseInstruction<'T when 'T: unmanaged>
    (
        name: string,
        kernels: KernelSet<'T>,
        operations: MicroOperation[],
        destinations: Operand[],
        count: int,
        block: int,
        flops: int64,
        elements: int64
    ) =
    inherit Instruction(name, flops, elements)

    let size = sizeof<'T>

    let expand (source: nativeint) repeat period start length (target: nativeint) =
        if repeat = 1 then
            // One period, then doubling: each copy appends a whole number of periods.
            let first = min period length
            let position = start % period
            let head = min first (period - position)
            kernels.Copy(source + nativeint (position * size), target, head)

            if head < first then
                kernels.Copy(source, target + nativeint (head * size), first - head)

            let mutable filled = first

            while filled < length do
                let step = min filled (length - filled)
                kernels.Copy(target, target + nativeint (filled * size), step)
                filled <- filled + step
        elif repeat >= 16 then
            let mutable filled = 0
            let mutable position = start / repeat % period
            let mutable left = repeat - start % repeat

            while filled < length do
                let run = min left (length - filled)
                let value = NativePtr.get (NativePtr.ofNativeInt<'T> source) position
                kernels.Fill(value, target + nativeint (filled * size), run)
                filled <- filled + run
                left <- repeat
                position <- if position + 1 = period then 0 else position + 1
        else
            let source = NativePtr.ofNativeInt<'T> source
            let target = NativePtr.ofNativeInt<'T> target
            let mutable position = start / repeat % period
            let mutable left = repeat - start % repeat
            let mutable first = 0

            // A few of each: whole vectors of one value are stored, each over what the one before has too many.
            if sizeof<'T> = 4 && repeat <= 4 then
                while first + left + 4 <= length do
                    Vector128.Store(Vector128.Create(NativePtr.get source position), NativePtr.add target first)
                    first <- first + left
                    left <- repeat
                    position <- if position + 1 = period then 0 else position + 1

            for index in first .. length - 1 do
                NativePtr.set target index (NativePtr.get source position)
                left <- left - 1

                if left = 0 then
                    left <- repeat
                    position <- if position + 1 = period then 0 else position + 1

    override this.Run() = this.RunRange(0, count)

    /// Does it for the elements first … last − 1.
    member _.RunRange(first: int, last: int) =
        let mutable start = first

        while start < last do
            let length = min block (last - start)

            for index in 0 .. operations.Length - 1 do
                let inline at (operand: Operand) = operand.Address + nativeint start * nativeint operand.Advance
                let target = at destinations[index]

                match operations[index] with
                | OnOne(operation, x) -> kernels.Unary(operation, at x, target, length)
                | OnTwo(operation, a, b) -> kernels.Binary(operation, at a, a.Scalar, at b, b.Scalar, target, length)
                | OnThree(operation, a, b, c) ->
                    kernels.Ternary(operation, at a, a.Scalar, at b, b.Scalar, at c, c.Scalar, target, length)
                | OnFour(operation, a, b, c, d) ->
                    kernels.Quaternary(
                        operation,
                        at a,
                        a.Scalar,
                        at b,
                        b.Scalar,
                        at c,
                        c.Scalar,
                        at d,
                        d.Scalar,
                        target,
                        length
                    )
                | Expand(source, repeat, period) -> expand source repeat period start length target

            start <- start + length

/// A product of matrices, once for each member of a batch.
[<Sealed>]
type internal MatMulInstruction<'T when 'T: unmanaged>
    (
        name,
        kernels: KernelSet<'T>,
        shape: MatMulShape,
        addresses: struct (nativeint * nativeint * nativeint)[],
        bias: nativeint,
        scratch: nativeint,
        turned: nativeint,
        elements
    ) =
    inherit
        RowInstruction(
            name,
            int64 addresses.Length
            * int64 shape.M
            * int64 shape.N
            * (2L * int64 shape.K + (if bias = 0n then 0L else 1L)),
            elements,
            shape.M,
            shape.N
        )

    // B as it is, or as it is turned.
    let whole =
        if turned = 0n then
            shape
        else
            { shape with BRowStride = shape.N; BColumnStride = 1 }

    let bStrides, turnedStrides = [| shape.BRowStride; shape.BColumnStride |], [| shape.N; 1 |]
    let bShape = [| shape.K; shape.N |]

    // Of some rows, by their number.
    let shapes = Array.zeroCreate<MatMulShape | null>(shape.M + 1)

    let shapeOf count =
        match shapes[count] with
        | null ->
            let shape = { whole with M = count }
            shapes[count] <- shape
            shape
        | shape -> shape

    let turn b = kernels.CopyStrided(b, bStrides, turned, turnedStrides, bShape)

    override _.Run() =
        for index in 0 .. addresses.Length - 1 do
            let struct (a, b, c) = addresses[index]

            if turned = 0n then
                kernels.MatMul(whole, a, b, c, bias, scratch)
            else
                turn b
                kernels.MatMul(whole, a, turned, c, bias, scratch)

    override _.RunRows(first, count) =
        let size = nativeint sizeof<'T>

        for index in 0 .. addresses.Length - 1 do
            let struct (a, b, c) = addresses[index]
            if turned <> 0n && first = 0 then turn b
            let a = a + nativeint (first * shape.ARowStride) * size
            let c = c + nativeint (first * shape.CRowStride) * size
            kernels.MatMul(shapeOf count, a, (if turned = 0n then b else turned), c, bias, scratch)

/// A convolution of images, which are its rows.
[<Sealed>]
type internal ConvolveInstruction<'T when 'T: unmanaged>
    (
        name,
        kernels: KernelSet<'T>,
        geometry: ConvolutionShape,
        x: nativeint,
        weight: nativeint,
        y: nativeint,
        bias: nativeint,
        scratch: nativeint,
        flops,
        elements
    ) =
    inherit RowInstruction(name, flops, elements, geometry.Batch, geometry.OutputChannels * geometry.Positions)

    let shapes = Array.zeroCreate<ConvolutionShape | null>(geometry.Batch + 1)

    let shapeOf count =
        match shapes[count] with
        | null ->
            let shape = { geometry with Batch = count }
            shapes[count] <- shape
            shape
        | shape -> shape

    override _.Run() = kernels.Convolve(geometry, x, weight, y, bias, scratch, false)

    override this.RunRows(first, count) =
        let size = sizeof<'T>
        let x = x + nativeint (first * geometry.ImageSize * size)

        kernels.Convolve(
            shapeOf count,
            x,
            weight,
            y + nativeint (first * this.RowSize * size),
            bias,
            scratch,
            first > 0
        )

/// A step that makes rows and the element-wise one that reads them, a few rows at a time, which are then still in the
/// first-level cache.
[<Sealed>]
type internal JoinedInstruction<'T when 'T: unmanaged>
    (maker: RowInstruction, reader: ElementwiseInstruction<'T>, rowsAtOnce: int) =
    inherit Instruction($"{maker.Name}; {reader.Name}", maker.Flops + reader.Flops, maker.Elements + reader.Elements)

    override _.Run() =
        if maker.Rows <= rowsAtOnce then
            maker.Run()
            reader.Run()
        else
            let mutable first = 0

            while first < maker.Rows do
                let count = min rowsAtOnce (maker.Rows - first)
                maker.RunRows(first, count)
                reader.RunRange(first * maker.RowSize, (first + count) * maker.RowSize)
                first <- first + count

/// Two steps one after the other.
[<Sealed>]
type internal PairInstruction(first: Instruction, second: Instruction) =
    inherit Instruction($"{first.Name}; {second.Name}", first.Flops + second.Flops, first.Elements + second.Elements)

    override _.Run() =
        first.Run()
        second.Run()

/// Any other kernel, as a closed call.
[<Sealed>]
type internal CallInstruction(name, flops, elements, call: unit -> unit) =
    inherit Instruction(name, flops, elements)
    override _.Run() = call ()
