/// What compiled programs do with memory: steps write over what they read last, and rows are read as they are made,
/// with the values of programs that do neither.
module Rl.Tests.Autodiff.MemoryTests

open System
open Rl.Core.Foundations
open Rl.Core.Kernels
open Rl.Core.Autodiff
open Xunit

/// Sets every input to draws from the normal distribution, by a seed and in the order of names.
let private fill (seed: uint64) (ofNumber: float -> 'T) (program: Program<'T>) =
    let mutable rng = Rng.create seed

    for name, _ in program.Inputs |> List.sortBy fst do
        for index in 0 .. program.Input(name).Length - 1 do
            let struct (value, next) = Rng.normal rng
            rng <- next
            program.Input(name)[index] <- ofNumber value

[<Fact>]
let ``rows that are read as they are made have the bits of rows that are made first`` () =
    let m, k, n = 300, 24, 64
    let a, b, bias = Expr.input "a" [| m; k |], Expr.input "b" [| k; n |], Expr.input "bias" [| n |]
    let turned = Expr.input "turned" [| n; k |]
    let images = Expr.input "images" [| 37; 3; 10; 10 |]
    let filters = Expr.input "filters" [| 16; 3; 3; 3 |]

    let channels = Expr.reshape [| 16; 1; 1 |] (Expr.input "channels" [| 16 |])

    let makers =
        [
            Expr.matmul a b + bias
            Expr.matmul a (Expr.transpose turned)
            Expr.convolve 1 0 filters images
            Expr.convolve 1 0 filters images + channels
        ]

    for made in makers do
        let read (x: Expr) = Expr.tanh (2.0 * x)

        for kernels in Kernels.singles do
            let together = Program.compileWith kernels { Outputs = [ "y", read made ]; Carried = [] }
            Assert.Contains("; elementwise", together.Explain())
            fill 5UL float32 together
            together.Run()
            let first = Program.compileWith kernels { Outputs = [ "x", made ]; Carried = [] }
            fill 5UL float32 first
            first.Run()

            let second =
                Program.compileWith kernels { Outputs = [ "y", read (Expr.input "x" made.Shape) ]; Carried = [] }

            second.Set("x", first.Output "x")
            second.Run()
            Assert.Equal<float32[]>(second.Output("y").ToArray(), together.Output("y").ToArray())

/// Σ aⱼ over j > 0 of a chain a₀ = x, aⱼ₊₁ = f(aⱼ), in which every part is read once more if `keeps`.
let private chain (keeps: bool) (length: int) (x: Expr) =
    // A product between the parts, so that each is a step of its own.
    let next (a: Expr) = Expr.tanh (Expr.matmul a (Expr.input "w" [| 16; 16 |]))
    let parts = List.scan (fun a _ -> next a) x [ 1..length ]
    if keeps then List.reduce (+) parts.Tail else List.last parts

[<Fact>]
let ``an element-wise step writes over what it reads last, and over nothing else`` () =
    let values (program: Program<float>) =
        fill 9UL (fun value -> 0.3 * value) program
        program.Run()
        program.Output("y").ToArray()

    let memory (program: Program<float>) =
        let words = program.Explain().Split("steps; ")[1]
        int64 (words.Substring(0, words.IndexOf " B").Replace(",", ""))

    let x = Expr.input "x" [| 512; 16 |]
    let size = 512L * 16L * 8L

    for keeps in [ false; true ] do
        let y = chain keeps 6 x
        let program = Program.ofOutputs<float> [ "y", y ]
        let inputs = Map.ofList [ for name, shape in program.Inputs -> name, shape ]
        let actual = values program

        let tensors = inputs |> Map.map (fun name shape -> Tensor.create shape (program.Input(name).ToArray()))

        let expected = (Evaluator.reference tensors [| y |])[0]
        Assert.True(Evaluator.distance expected (Tensor.create expected.Shape actual) < 1e-12)

        // x and y, and of the parts between them two at a time, if none is read again.
        if not keeps then Assert.InRange(memory program, 0L, 4L * size + 8L * 1024L)

[<Fact>]
let ``what an element-wise step reads by rows or columns is not written over`` () =
    let x = Expr.input "x" [| 16; 16 |]
    let made = Expr.matmul x x

    let sums = Expr.exp made + made + Expr.sumKeep [| 0 |] made

    for y in [ made + Expr.transpose made; made * Expr.slice 0 3 4 made; sums ] do
        let program = Program.ofOutputs<float> [ "y", y ]
        let values = Array.init 256 (fun index -> sin (float index))
        program.Set("x", ReadOnlySpan values)
        program.Run()
        let expected = (Evaluator.reference (Map [ "x", Tensor.create [| 16; 16 |] values ]) [| y |])[0]
        Assert.True(Evaluator.distance expected (Tensor.create expected.Shape (program.Output("y").ToArray())) < 1e-12)
