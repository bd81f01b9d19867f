/// Matrix products against plain loops, and the law that the bits of a row depend on that row alone.
[<FsCheck.Xunit.Properties(Replay = "(4719053,4719055)")>]
module Rl.Tests.Kernels.MatMulTests

open System
open Rl.Core.Kernels
open Rl.Tests.Kernels.KernelMemory
open Xunit
open FsCheck.Xunit

/// A shape whose matrices are stored by rows, or by columns where they are transposed.
let private shaped m n k aTransposed bTransposed cTransposed =
    {
        M = m
        N = n
        K = k
        ARowStride = if aTransposed then 1 else k
        AColumnStride = if aTransposed then m else 1
        BRowStride = if bTransposed then 1 else n
        BColumnStride = if bTransposed then k else 1
        CRowStride = if cTransposed then 1 else n
        CColumnStride = if cTransposed then m else 1
    }

let private product (kernels: KernelSet<'T>) (shape: MatMulShape) (a: float[]) (b: float[]) (bias: float[] option) =
    let left, right = Block<'T>(a, 1), Block<'T>(b, 2)
    let result = Block<'T>(Array.create (shape.M * shape.N) nan, 1)
    let scratch = Block<'T>(Array.zeroCreate (kernels.MatMulScratch shape), 0)
    let offsets = bias |> Option.map (fun values -> Block<'T>(values, 3))
    let biasAddress = offsets |> Option.map _.Address |> Option.defaultValue 0n
    kernels.MatMul(shape, left.Address, right.Address, result.Address, biasAddress, scratch.Address)
    scratch.Elements |> ignore
    result.Elements

let private agrees m n k aTransposed bTransposed cTransposed withBias =
    let shape = shaped m n k aTransposed bTransposed cTransposed
    let a, b = draws (m + 7 * n) (m * k), draws (k + 5 * n) (k * n)
    let bias = if withBias then Some(draws n n) else None
    let expected = Array.zeroCreate (m * n)

    for i in 0 .. m - 1 do
        for j in 0 .. n - 1 do
            let mutable sum = bias |> Option.map (Array.item j) |> Option.defaultValue 0.0

            for l in 0 .. k - 1 do
                sum <-
                    sum
                    + a[i * shape.ARowStride + l * shape.AColumnStride]
                      * b[l * shape.BRowStride + j * shape.BColumnStride]

            expected[i * shape.CRowStride + j * shape.CColumnStride] <- sum

    let check (sets: KernelSet<'T> list) =
        let results = sets |> List.map (fun kernels -> product kernels shape a b bias)
        let context = $"[{m}, {k}] x [{k}, {n}] {aTransposed} {bTransposed} {cTransposed} {withBias}"
        close context (epsilon<'T> * (8.0 + 2.0 * float k)) expected (results.Head |> Array.map number)
        results.Tail |> List.iter (identical $"{context}, another width" results.Head)

    check Kernels.singles
    check Kernels.doubles

[<Property(MaxTest = 250)>]
let ``a product equals the plain loop, with the same bits at every width``
    (m: byte)
    (n: byte)
    (k: byte)
    (aTransposed: bool)
    (bTransposed: bool)
    (cTransposed: bool)
    (withBias: bool)
    =
    agrees (int m % 37) (int n % 85) (int k % 41) aTransposed bTransposed cTransposed withBias

[<Fact>]
let ``products of the shapes of small networks equal the plain loop`` () =
    for batch in [ 1; 2; 3; 5; 8; 64; 100 ] do
        agrees batch 64 4 false false false true
        agrees batch 64 64 false false false true
        agrees batch 2 64 false false false true
        agrees batch 1 64 false false false true
        agrees batch 64 64 false true false false
        agrees batch 64 2 false true false false
        agrees batch 64 1 false true false false
        agrees 64 64 batch true false false false
        agrees 64 2 batch true false false false
        agrees 64 1 batch true false false true
        agrees 4 64 batch true false false false

[<Fact>]
let ``products larger than a block equal the plain loop`` () =
    agrees 40 70 700 false false false true
    agrees 40 300 530 false false false true
    agrees 33 800 600 false false false false // packed: 480,000 elements
    agrees 36 40 600 false true false true
    agrees 65 3 600 true false true true

[<Fact>]
let ``a product over no terms is the bias`` () =
    for m, n in [ 1, 1; 3, 20; 9, 70 ] do
        for cTransposed in [ false; true ] do
            agrees m n 0 false false cTransposed true
            agrees m n 0 true false cTransposed false

[<Property(MaxTest = 100)>]
let ``a row of a product has the same bits alone`` (n: byte) (k: byte) (aTransposed: bool) (bTransposed: bool) =
    let m, n, k = 21, 1 + int n % 80, 1 + int k % 50
    let a, b, bias = draws 1 (m * k), draws 2 (k * n), draws 3 n
    let shape = shaped m n k aTransposed bTransposed false

    everywhere
        { new Law with
            member _.Holds<'T when 'T: unmanaged and 'T :> Numerics.IBinaryFloatingPointIeee754<'T>>
                (kernels: KernelSet<'T>)
                =
                let together = product kernels shape a b (Some bias)

                for rows in [ 1; 2; 3; 4; 8; 13 ] do
                    let part = if aTransposed then a else Array.truncate (rows * k) a
                    let some = product kernels { shape with M = rows } part b (Some bias)
                    identical kernels.Name some (Array.truncate (rows * n) together)
        }

[<Fact>]
let ``wide rows of padded matrices leave the padding alone`` () =
    let shape =
        {
            M = 9
            N = 21
            K = 10
            ARowStride = 13
            AColumnStride = 1
            BRowStride = 30
            BColumnStride = 1
            CRowStride = 40
            CColumnStride = 1
        }

    let a, b = draws 1 (9 * 13), draws 2 (10 * 30)

    everywhere
        { new Law with
            member _.Holds<'T when 'T: unmanaged and 'T :> Numerics.IBinaryFloatingPointIeee754<'T>>
                (kernels: KernelSet<'T>)
                =
                let c = Block<'T>(Array.create (9 * 40) 0.5, 0)
                let scratch = Block<'T>(Array.zeroCreate (kernels.MatMulScratch shape), 0)
                kernels.MatMul(shape, Block<'T>(a, 0).Address, Block<'T>(b, 0).Address, c.Address, 0n, scratch.Address)

                let expected =
                    Array.init (9 * 40) (fun at ->
                        let i, j = at / 40, at % 40

                        if j >= 21 then
                            0.5
                        else
                            Seq.sum (seq { for l in 0..9 -> a[i * 13 + l] * b[l * 30 + j] }))

                close kernels.Name (20.0 * epsilon<'T>) expected c.Values
        }

[<Fact>]
let ``few products an element, and few columns, give the bits of every width`` () =
    for k in 1..4 do
        for n in [ 16; 32; 64; 96 ] do
            for m in [ 8; 31; 64 ] do
                for withBias in [ false; true ] do
                    agrees m n k false false false withBias
                    agrees m n k true false false withBias
                    agrees m n k false true false withBias

    for n in 1..5 do
        for k in [ 4; 12; 30; 64 ] do
            for m in [ 16; 48; 50 ] do
                for withBias in [ false; true ] do
                    agrees m n k false false false withBias
                    agrees m n k false true false withBias
                    agrees m n k false false true withBias
