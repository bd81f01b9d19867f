/// Reductions, the place of the maximum, gathers and scatters against plain loops.
[<FsCheck.Xunit.Properties(Replay = "(4719049,4719051)")>]
module Rl.Tests.Kernels.ReduceTests

open System
open Rl.Core.Kernels
open Rl.Tests.Kernels.KernelMemory
open Xunit
open FsCheck.Xunit

let private reduce (operation: ReduceOperation) (x: float[]) outer length inner =
    Array.init (outer * inner) (fun place ->
        let o, i = place / inner, place % inner
        let column = Array.init length (fun j -> x[(o * length + j) * inner + i])

        match operation with
        | ReduceOperation.Sum -> Array.sum column
        | _ -> Array.fold (fun a b -> Math.Max(a, b)) -infinity column)

let private agrees seed outer length inner =
    let x = draws seed (outer * length * inner)

    everywhere
        { new Law with
            member _.Holds<'T when 'T: unmanaged and 'T :> Numerics.IBinaryFloatingPointIeee754<'T>>
                (kernels: KernelSet<'T>)
                =
                for operation in Enum.GetValues<ReduceOperation>() do
                    let source, target = Block<'T>(x, seed % 3), Block<'T>(Array.zeroCreate (outer * inner), 1)
                    kernels.Reduce(operation, source.Address, target.Address, outer, length, inner)

                    close
                        $"{kernels.Name} {operation} [{outer}, {length}, {inner}]"
                        (epsilon<'T> * (4.0 + sqrt (float length)))
                        (reduce operation x outer length inner)
                        target.Values
        }

[<Property(MaxTest = 150)>]
let ``reductions equal the plain loop`` (outer: byte) (length: byte) (inner: byte) (seed: byte) =
    agrees (int seed) (int outer % 7) (int length % 90) (1 + int inner % 75)

[<Property(MaxTest = 60)>]
let ``reductions of rows equal the plain loop`` (outer: byte) (length: uint16) (seed: byte) =
    agrees (int seed) (int outer % 9) (int length % 1500) 1

[<Fact>]
let ``the sum of many columns and of many short rows equals the plain loop`` () =
    for outer, length, inner in
        [ 1, 700, 64; 1, 700, 2; 1, 333, 83; 200, 2, 1; 213, 2, 1; 100, 6, 1; 100, 8, 1; 100, 9, 1; 0, 3, 2 ] do
        agrees 5 outer length inner

[<Property(MaxTest = 40)>]
let ``a row reduces to the same bits whatever stands beside it`` (length: uint16) (inner: byte) (seed: byte) =
    let outer, length, inner = 5, 1 + int length % 300, 1 + int inner % 40
    let x = draws (int seed) (outer * length * inner)

    everywhere
        { new Law with
            member _.Holds<'T when 'T: unmanaged and 'T :> Numerics.IBinaryFloatingPointIeee754<'T>>
                (kernels: KernelSet<'T>)
                =
                let together = Block<'T>(Array.zeroCreate (outer * inner), 0)
                kernels.Reduce(ReduceOperation.Sum, Block<'T>(x, 0).Address, together.Address, outer, length, inner)

                for o in 0 .. outer - 1 do
                    let alone = Block<'T>(Array.zeroCreate inner, 0)
                    let row = Block<'T>(Array.sub x (o * length * inner) (length * inner), 1)
                    kernels.Reduce(ReduceOperation.Sum, row.Address, alone.Address, 1, length, inner)
                    identical kernels.Name alone.Elements (Array.sub together.Elements (o * inner) inner)
        }

[<Property(MaxTest = 60)>]
let ``a sum of squares has the bits of the squares' sum`` (length: uint16) (seed: byte) =
    let length = 9 + int length % 5000
    let x = draws (int seed) length

    everywhere
        { new Law with
            member _.Holds<'T when 'T: unmanaged and 'T :> Numerics.IBinaryFloatingPointIeee754<'T>>
                (kernels: KernelSet<'T>)
                =
                let source, squares = Block<'T>(x, int seed % 3), Block<'T>(Array.zeroCreate length, 2)
                let expected, actual = Block<'T>([| 0.0 |], 1), Block<'T>([| 7.0 |], 3)
                kernels.Unary(UnaryOperation.Square, source.Address, squares.Address, length)
                kernels.Reduce(ReduceOperation.Sum, squares.Address, expected.Address, 1, length, 1)
                kernels.SumOfSquares(source.Address, actual.Address, length)
                identical kernels.Name expected.Elements actual.Elements
        }

[<Fact>]
let ``a float32 sum of a million is accurate to one in a million`` () =
    let x = Array.init 1_000_000 (fun i -> float (float32 (0.1 + float (i % 10) * 1e-3)))
    let expected = Array.sum x

    for kernels in Kernels.singles do
        let source, target = Block<float32>(x, 0), Block<float32>([| 0.0 |], 0)
        kernels.Reduce(ReduceOperation.Sum, source.Address, target.Address, 1, x.Length, 1)
        Assert.InRange(target.Values[0] / expected, 1.0 - 1e-6, 1.0 + 1e-6)
        let target = Block<float32>(Array.zeroCreate 2, 0)
        kernels.Reduce(ReduceOperation.Sum, source.Address, target.Address, 1, x.Length / 2, 2)
        Assert.InRange(Array.sum target.Values / expected, 1.0 - 1e-6, 1.0 + 1e-6)

[<Property(MaxTest = 60)>]
let ``a NaN anywhere makes the maximum NaN`` (length: byte) (place: byte) (inner: byte) =
    let length, inner = 1 + int length, 1 + int inner % 20
    let place = int place % length
    let x = Array.init (length * inner) (fun at -> if at / inner = place then nan else -1.0)

    everywhere
        { new Law with
            member _.Holds<'T when 'T: unmanaged and 'T :> Numerics.IBinaryFloatingPointIeee754<'T>>
                (kernels: KernelSet<'T>)
                =
                let target = Block<'T>(Array.zeroCreate inner, 0)
                kernels.Reduce(ReduceOperation.Maximum, Block<'T>(x, 0).Address, target.Address, 1, length, inner)
                Assert.All(target.Values, fun value -> Assert.True(Double.IsNaN value))
        }

[<Property(MaxTest = 60)>]
let ``the maximum is found first`` (outer: byte) (length: byte) (inner: byte) (seed: byte) =
    let outer, length, inner = int outer % 5, 1 + int length % 20, 1 + int inner % 5
    // Few distinct values, so that ties are common.
    let x = draws (int seed) (outer * length * inner) |> Array.map round

    everywhere
        { new Law with
            member _.Holds<'T when 'T: unmanaged and 'T :> Numerics.IBinaryFloatingPointIeee754<'T>>
                (kernels: KernelSet<'T>)
                =
                let target = Block<'T>(Array.zeroCreate (outer * inner), 0)
                kernels.ArgMax(Block<'T>(x, 0).Address, target.Address, outer, length, inner)

                let expected =
                    Array.init (outer * inner) (fun place ->
                        let o, i = place / inner, place % inner
                        let column = Array.init length (fun j -> x[(o * length + j) * inner + i])
                        float (Array.findIndex ((=) (Array.max column)) column))

                close kernels.Name 0.0 expected target.Values
        }

let private gathersAndScatters outer length count inner seed =
    let x = draws seed (outer * length * inner)
    let dy = draws (seed + 1) (outer * count * inner)
    // Indices from −1 to length, so that some lie outside.
    let index =
        draws (seed + 2) (outer * count * inner)
        |> Array.map (fun value -> floor ((value + 2.0) / 4.0 * float (length + 2)) - 1.0)

    everywhere
        { new Law with
            member _.Holds<'T when 'T: unmanaged and 'T :> Numerics.IBinaryFloatingPointIeee754<'T>>
                (kernels: KernelSet<'T>)
                =
                let places = Block<'T>(index, 0)
                let y = Block<'T>(Array.zeroCreate dy.Length, 1)
                kernels.Gather(Block<'T>(x, 0).Address, places.Address, y.Address, outer, length, count, inner)

                let source at =
                    let o, i = at / (count * inner), at % inner

                    if index[at] < 0.0 || index[at] >= float length then
                        -1
                    else
                        (o * length + int index[at]) * inner + i

                let expected = Array.init dy.Length (fun at -> if source at < 0 then nan else x[source at])
                close $"{kernels.Name} gather" 0.0 expected y.Values
                let dx = Block<'T>(Array.create x.Length 9.0, 1)
                kernels.ScatterAdd(Block<'T>(dy, 0).Address, places.Address, dx.Address, outer, length, count, inner)
                let sums = Array.zeroCreate x.Length

                dy
                |> Array.iteri (fun at value -> if source at >= 0 then sums[source at] <- sums[source at] + value)

                close $"{kernels.Name} scatter" (8.0 * epsilon<'T>) sums dx.Values
        }

[<Property(MaxTest = 60)>]
let ``gather reads where the index points, and scatter is its adjoint``
    (outer: byte)
    (length: byte)
    (count: byte)
    (inner: byte)
    (seed: byte)
    =
    gathersAndScatters (int outer % 4) (1 + int length % 7) (int count % 6) (1 + int inner % 4) (int seed)

[<Fact>]
let ``gather and scatter agree with plain loops for one number a row`` () =
    for rows in [ 0; 1; 70 ] do
        for length in [ 1; 2; 7 ] do
            gathersAndScatters rows length 1 1 (rows + length)
