/// Corners of programs that random expressions seldom meet: numbers spread by views, carried values that are each
/// other, many axes, empty ones.
module Rl.Tests.Autodiff.CornerTests

open System
open Rl.Core.Autodiff
open Rl.Core.Foundations
open Xunit

let private reference inputs (x: Expr) = (Reference.evaluateWith inputs x).ToArray()

/// The program's value at float64 and float32 against the reference.
let private agrees (inputs: (string * Tensor) list) (x: Expr) =
    let expected = reference inputs x

    let run (program: Program<'T>) (ofFloat: float -> 'T) =
        for name, value in inputs do
            if program.HasInput name then
                program.Set(name, ReadOnlySpan(value.ToArray() |> Array.map ofFloat))

        program.Run()
        program.Output("x").ToArray()

    Assert.Equal<float[]>(expected, run (Program.ofOutputs<float> [ "x", x ]) id)
    let single = run (Program.ofOutputs<float32> [ "x", x ]) float32

    let near (e: float) (a: float32) =
        if Double.IsNaN e then
            Assert.True(Single.IsNaN a)
        else
            Assert.Equal(e, float a, 1e-6 * (1.0 + abs e))

    Array.iter2 near expected single

[<Fact>]
let ``an input that is not bound is named, with those that are`` () =
    let x = Expr.input "x" [| 2 |]
    let refusal inputs = Assert.Throws<ArgumentException>(fun () -> reference inputs x |> ignore).Message
    Assert.StartsWith("The expression needs the input x, which is not bound; nothing is bound.", refusal [])
    Assert.Contains("bound are: a, b.", refusal [ "a", Tensor.scalar 1.0; "b", Tensor.scalar 2.0 ])

[<Fact>]
let ``a number that a view has spread is there for every reader of a loop`` () =
    let a, x = Expr.input "a" [||], Expr.input "x" [| 6 |]
    let inputs = [ "a", Tensor.scalar 2.0; "x", Tensor.vector [ 0.0; 1.0; 2.0; 3.0; 4.0; 5.0 ] ]
    let spread = Expr.broadcastTo [| 7 |] (Expr.reshape [| 1 |] a) |> Expr.slice 0 1 7
    agrees inputs (Expr.maximum (Expr.minimum x spread) (Expr.sin spread))
    agrees inputs (Expr.sin spread + x * spread)
    let scale = Expr.reshape [| 6 |] (Expr.broadcastTo [| 3; 2; 1 |] (Expr.reshape [| 1; 1; 1 |] (Expr.exp a)))
    agrees inputs (Expr.minimum x scale - Expr.log scale)

[<Fact>]
let ``carried values are those before the run, also where they are each other`` () =
    let a, b, s = Expr.input "a" [| 2 |], Expr.input "b" [| 2 |], Expr.input "s" [| 4 |]

    let program = Program.compile<float> { Outputs = [ "o", a + b ]; Carried = [ a, b; b, a ] }
    program.Set("a", ReadOnlySpan [| 1.0; 2.0 |])
    program.Set("b", ReadOnlySpan [| 10.0; 20.0 |])
    program.Run()
    Assert.Equal<float[]>([| 10.0; 20.0 |], program.Input("a").ToArray())
    Assert.Equal<float[]>([| 1.0; 2.0 |], program.Input("b").ToArray())

    let half first = Expr.slice 0 first (first + 2) s
    let program = Program.compile<float> { Outputs = []; Carried = [ half 0, half 2 + 1.0; half 2, half 0 ] }
    program.Set("s", ReadOnlySpan [| 1.0; 2.0; 30.0; 40.0 |])
    program.Run()
    Assert.Equal<float[]>([| 31.0; 41.0; 1.0; 2.0 |], program.Input("s").ToArray())

    // A shift register.
    let program = Program.compile<float> { Outputs = []; Carried = [ a, Expr.sin (a + b); b, a ] }
    program.Set("a", ReadOnlySpan [| 1.0; 2.0 |])
    program.Set("b", ReadOnlySpan [| 0.5; 0.25 |])
    program.Run()
    Assert.Equal<float[]>([| 1.0; 2.0 |], program.Input("b").ToArray())
    Assert.Equal<float[]>([| sin 1.5; sin 2.25 |], program.Input("a").ToArray())

[<Fact>]
let ``tensors may have many axes`` () =
    for rank in [ 8; 9; 12 ] do
        let shape = Array.create rank 2
        let x = Expr.input "x" shape
        let value = Tensor.init shape float
        agrees [ "x", value ] (Expr.permute [| rank - 1 .. -1 .. 0 |] x)
        agrees [ "x", value ] (Expr.permute [| rank - 1 .. -1 .. 0 |] x + x)

[<Fact>]
let ``the derivative of ELU at 0 is 1`` () =
    let slope = reference [] (Diff.grad (fun x -> Expr.sum (Expr.elu x)) (Expr.vector [ -1e-9; 0.0; 1e-9; -2.0 ]))
    Array.iter2 (fun (e: float) a -> Assert.Equal(e, a, 1e-8)) [| 1.0; 1.0; 1.0; exp -2.0 |] slope

[<Fact>]
let ``what a scatter leaves out has no derivative, and indices mean the same everywhere`` () =
    let index = Expr.vector [ 0.0; 7.0; -1.0; 2.0 ]
    let f x = Expr.sum (Expr.scatterAdd 0 3 index x)
    Assert.Equal<float[]>([| 1.0; 0.0; 0.0; 1.0 |], reference [] (Diff.grad f (Expr.vector [ 1.0; 2.0; 3.0; 4.0 ])))
    let place = Expr.input "i" [| 4 |]
    let places = [ "i", Tensor.vector [ nan; -0.5; 2.7; -1.0 ] ]
    agrees places (Expr.gather 0 place (Expr.vector [ 5.0; 6.0; 7.0 ]))
    agrees places (Expr.scatterAdd 0 2 place (Expr.vector [ 1.0; 10.0; 100.0; 1000.0 ]))
    agrees [ "i", Tensor.vector [ 1.0; nan; 3.0; nan ] ] (Expr.argMax 0 place)

    Assert.Throws<ArgumentOutOfRangeException>(fun () -> Expr.scatterAdd 0 -2 index index |> ignore)
    |> ignore

[<Fact>]
let ``products over an axis of length 0 are 0`` () =
    let product = Expr.matmul (Expr.zeros [| 2; 3; 0 |]) (Expr.zeros [| 0; 4 |])
    Assert.Equal<int[]>([| 2; 3; 4 |], product.Shape)
    Assert.All(reference [] product, (fun value -> Assert.Equal(0.0, value)))

[<Fact>]
let ``the derivative of a power at base 0 and exponent 0 is 0`` () =
    let f x = Expr.sum (Expr.power x (Expr.vector [ 0.0; 0.0; 1.0; 2.0 ]))
    Assert.Equal<float[]>([| 0.0; 0.0; 1.0; 0.0 |], reference [] (Diff.grad f (Expr.vector [ 0.0; 2.0; 0.0; 0.0 ])))

[<Fact>]
let ``the difference of equal products is 0 in a program too`` () =
    let a = Expr.input "a" [| 1000 |]
    let b = Expr.input "b" [| 1000 |]
    let program = Program.ofOutputs<float32> [ "x", Expr.sqrt (a * a - b * b); "y", (a * b - b * a) * a ]
    let values = Array.init 1000 (fun i -> float32 (sin (float i)) * 3.7f)
    program.Set("a", ReadOnlySpan values)
    program.Set("b", ReadOnlySpan values)
    program.Run()
    Assert.All(program.Output("x").ToArray(), (fun value -> Assert.Equal(0.0f, value)))
    Assert.All(program.Output("y").ToArray(), (fun value -> Assert.Equal(0.0f, value)))

[<Fact>]
let ``logarithms of sums of nothing and of infinities`` () =
    let of' numbers = Array.head (reference [] (Expr.logSumExp 0 (Expr.vector numbers)))
    Assert.Equal(-infinity, of' [ -infinity; -infinity ])
    Assert.Equal(infinity, of' [ infinity; 1.0 ])
    Assert.Equal(1.0 + log 2.0, of' [ 1.0; 1.0 ], 1e-14)

[<Fact>]
let ``an axis that is not there is refused`` () =
    for axis in [ 7; -6; 3; -4 ] do
        let error = Assert.Throws<ArgumentException>(fun () -> Expr.expandAxis axis (Expr.zeros [| 2; 3 |]) |> ignore)
        Assert.Contains($"axis {axis}", error.Message)

    Assert.Equal<int[]>([| 2; 3; 1 |], (Expr.expandAxis 2 (Expr.zeros [| 2; 3 |])).Shape)
    Assert.Equal<int[]>([| 1; 2; 3 |], (Expr.expandAxis -3 (Expr.zeros [| 2; 3 |])).Shape)

[<Fact>]
let ``workers that were put away refuse work`` () =
    let workers = new Workers(2)
    (workers :> IDisposable).Dispose()
    Assert.Throws<ObjectDisposedException>(fun () -> workers.Run(4, Action<int> ignore)) |> ignore

[<Fact>]
let ``uniform numbers stay below the upper bound, however near it is`` () =
    let mutable rng = Rng.create 1UL
    let low, high = 1e9, 1e9 + 2.4e-7

    for _ in 1..2000 do
        let struct (value, next) = Rng.uniformIn low high rng
        rng <- next
        Assert.True(value >= low && value < high)
