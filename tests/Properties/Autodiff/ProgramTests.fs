/// Compiled programs against the reference evaluator over random expressions (law 8), and what programs promise
/// besides.
[<FsCheck.Xunit.Properties(Replay = "(4718115,4718117)")>]
module Rl.Tests.Autodiff.ProgramTests

open System
open FsCheck.Xunit
open Rl.Core.Foundations
open Rl.Core.Kernels
open Rl.Core.Autodiff
open Xunit

/// A random expression with every kind of node, and its gradient: values by the reference, and by an evaluator.
let private compare (random: RandomExpression) (evaluator: Evaluator) =
    let inputs = Map.ofArray random.Inputs
    let nodes = RandomExpression.inputNodes random
    // Every intermediate node too, so that each must be stored; then the output alone, so that all fuses.
    let weights = Tensor.init random.Output.Shape (fun index -> cos (float index + 0.3))
    let gradients = Diff.pullback random.Output (Expr.constant weights) nodes
    let roots = Array.concat [ [| random.Output |]; random.Steps; gradients ]
    let expected = Evaluator.reference inputs roots
    let alone = Array.map2 Evaluator.distance [| expected[0] |] (evaluator inputs [| random.Output |]) |> Array.max
    Array.map2 Evaluator.distance expected (evaluator inputs roots) |> Array.fold max alone

[<Property(Arbitrary = [| typeof<RandomExpressionsOfEverything> |], MaxTest = 150)>]
let ``a program compiled at float64 has the reference's values and gradients, at every width``
    (random: RandomExpression)
    =

    Evaluator.doubles |> List.forall (fun (_, evaluator) -> compare random evaluator <= 1e-9)

[<Property(Arbitrary = [| typeof<RandomExpressionsOfEverything> |], MaxTest = 100)>]
let ``a program compiled at float32 has the reference's values and gradients to 1e-3, at every width``
    (random: RandomExpression)
    =

    Evaluator.singles |> List.forall (fun (_, evaluator) -> compare random evaluator <= 1e-3)

[<Property(Arbitrary = [| typeof<RandomExpressionsOfEverything> |], MaxTest = 200)>]
let ``simplification changes no value`` (random: RandomExpression) =
    let inputs = Map.ofArray random.Inputs
    let gradients = Diff.gradients (Expr.sum random.Output) (RandomExpression.inputNodes random)
    let roots = Array.append [| random.Output |] gradients
    let expected = Evaluator.reference inputs roots
    let simplified = Evaluator.reference inputs (Simplify.run roots)
    let lowered = Evaluator.reference inputs (roots |> Simplify.run |> JoinedOperations.all)

    Array.forall2 (fun e a -> Evaluator.distance e a <= 1e-12) expected simplified
    && Array.forall2 (fun e a -> Evaluator.distance e a <= 1e-9) expected lowered

[<Property>]
let ``every rewriting of sums, products, signs and choices keeps the value`` (a: int8) (b: int8) =
    let x, y = Expr.input "x" [| 2 |], Expr.input "y" [| 2 |]
    let nonzero (value: int8) = if value = 0y then 0.5 else float value
    let point value = Tensor.create [| 2 |] [| nonzero value; 1.5 |]
    let inputs = Map.ofArray [| "x", point a; "y", point b |]
    let zero, one, minusOne = Expr.number 0.0, Expr.number 1.0, Expr.number -1.0

    let roots =
        [|
            x + zero
            zero + x
            x - zero
            zero - x
            x * one
            one * x
            x / one
            x * minusOne
            minusOne * x
            x + -y
            -x + y
            x - -y
            -x * y
            x * -y
            -x / y
            x / -y
            x * x
            -(-x)
            Expr.select one x y
            Expr.select zero x y
        |]

    let expected = Evaluator.reference inputs roots

    Assert.True(
        Array.forall2
            (fun e a -> Evaluator.distance e a = 0.0)
            expected
            (Evaluator.reference inputs (Simplify.run roots))
    )

[<Property(Arbitrary = [| typeof<RandomExpressionsOfEverything> |], MaxTest = 100)>]
let ``simplification is idempotent in size`` (random: RandomExpression) =
    let once = Simplify.run [| random.Output |]
    let twice = Simplify.run once
    (Graph.topological twice).Length <= (Graph.topological once).Length

/// Compiled at float64 for the widest vectors.
let private double = snd Evaluator.doubles.Head

[<Fact>]
let ``a part of a concatenation may be a rearrangement of another node`` () =
    let x = Tensor.init [| 2; 3 |] (fun i -> float i)
    let turned = Expr.reshape [| 6 |] (Expr.transpose (1.0 + Expr.square (Expr.input "x" [| 2; 3 |])))
    let joined = Expr.concat 0 [ Expr.vector [ -1.0 ]; turned ]
    let value = double (Map.ofList [ "x", x ]) [| joined |]
    Assert.Equal<float[]>([| -1.0; 1.0; 10.0; 2.0; 17.0; 5.0; 26.0 |], value[0].ToArray())

[<Fact>]
let ``a lane may be opened on the value of another lane`` () =
    let x = Expr.lane 2 (Expr.input "x" [| 3 |]) |> Expr.exp
    let y = Expr.lane 0 x |> Expr.square
    let value = double (Map.ofList [ "x", Tensor.vector [ 0.0; 1.0; 2.0 ] ]) [| x; y; x + Expr.lane 0 (Expr.sin y) |]
    Array.iter2 (fun (e: float) a -> Assert.Equal(e, a, 1e-12)) [| 1.0; exp 2.0; exp 4.0 |] (value[1].ToArray())

let private network (lanes: int) (rows: int) =
    let theta = Expr.input "theta" [| 3 * 5 + 5 + 5 |]
    let x = Expr.input "x" [| rows; 3 |]

    let part lane =
        let rows = x |> Expr.slice 0 (lane * rows / lanes) ((lane + 1) * rows / lanes)
        let x = if lanes = 1 then rows else Expr.lane lane rows
        let weight = theta |> Expr.slice 0 0 15 |> Expr.reshape [| 3; 5 |]
        let bias = theta |> Expr.slice 0 15 20
        let output = theta |> Expr.slice 0 20 25 |> Expr.reshape [| 5; 1 |]
        let y = Expr.matmul (Expr.tanh (Expr.matmul x weight + bias)) output
        Expr.sum (Expr.square (y - 1.0)) * (1.0 / float x.Shape[0] / float lanes)

    let losses = Array.init lanes part
    let gradient = losses |> Array.map (fun loss -> (Diff.gradients loss [| theta |])[0]) |> Array.reduce (+)

    {
        Outputs = [ "loss", Array.reduce (+) losses; "gradient", gradient ]
        Carried = [ theta, theta - 0.1 * gradient ]
    }

let private filled (source: ProgramSource) =
    let program = Program.compile<float32> source
    let mutable rng = Rng.create 5UL

    for name, _ in program.Inputs do
        let input = program.Input name

        for index in 0 .. input.Length - 1 do
            let struct (value, next) = Rng.normal rng
            rng <- next
            input[index] <- float32 value

    program

[<Fact>]
let ``lanes on two and three threads give the bits of one thread`` () =
    let run (workers: Workers option) =
        let program = filled (network 5 40)

        for _ in 1..50 do
            match workers with
            | Some workers -> program.Run workers
            | None -> program.Run()

        (program.Input "theta").ToArray()

    let expected = run None

    for threads in 1..3 do
        use workers = new Workers(threads)
        Assert.Equal<float32[]>(expected, run (Some workers))

[<Fact>]
let ``a carried input moves on by its expression, run after run`` () =
    let program = filled (network 1 8)
    let mutable theta = (program.Input "theta").ToArray()

    for _ in 1..5 do
        program.Run()
        let gradient = (program.Output "gradient").ToArray()
        let expected = Array.map2 (fun t g -> MathF.FusedMultiplyAdd(-0.1f, g, t)) theta gradient
        theta <- (program.Input "theta").ToArray()

        Array.iter2 (fun (e: float32) (a: float32) -> Assert.Equal(e, a, 1e-6f)) expected theta

[<Fact>]
let ``outputs see the inputs as they were before carried values replace them`` () =
    let x = Expr.input "x" [| 4 |]
    let y = Expr.input "y" [| 4 |]
    // x and y change places: neither may be overwritten before the other has read it.
    let program = Program.compile<float> { Outputs = [ "old", x * 1.0; "sum", x + y ]; Carried = [ x, y; y, x ] }
    program.Set("x", ReadOnlySpan [| 1.0; 2.0; 3.0; 4.0 |])
    program.Set("y", ReadOnlySpan [| 5.0; 6.0; 7.0; 8.0 |])
    program.Run()
    Assert.Equal<float[]>([| 1.0; 2.0; 3.0; 4.0 |], (program.Output "old").ToArray())
    Assert.Equal<float[]>([| 5.0; 6.0; 7.0; 8.0 |], (program.Input "x").ToArray())
    Assert.Equal<float[]>([| 1.0; 2.0; 3.0; 4.0 |], (program.Input "y").ToArray())

/// Two halves of one vector, each moved in a lane by a sum that needs both: two stages.
let private stages =
    let x = Expr.input "x" [| 4096 |]
    let half index = Expr.slice 0 (2048 * index) (2048 * (index + 1)) x
    let squares index = Expr.sum (Expr.square (Expr.lane index (half index)))
    let norm = Expr.sqrt (squares 0 + squares 1)
    let moved index = half index * 0.5 - Expr.lane index norm * 0.001
    { Outputs = [ "norm", norm ]; Carried = [ half 0, moved 0; half 1, moved 1 ] }

[<Fact>]
let ``lanes of a later stage wait for the earlier one, with the bits of one thread`` () =
    let run (workers: Workers option) =
        let program = filled stages

        for _ in 1..20 do
            match workers with
            | Some workers -> program.Run workers
            | None -> program.Run()

        (program.Input "x").ToArray()

    let expected = run None

    for threads in 1..3 do
        use workers = new Workers(threads)

        for _ in 1..20 do
            Assert.Equal<float32[]>(expected, run (Some workers))

[<Fact>]
let ``slices of an input are carried in place, each by its own value`` () =
    let program = Program.compile<float> stages
    let before = Array.init 4096 (fun i -> cos (float i))
    program.Set("x", ReadOnlySpan before)
    program.Run()
    let norm = sqrt (before |> Array.sumBy (fun value -> value * value))
    Assert.Equal(norm, program.Scalar "norm", 1e-9)
    let after = (program.Input "x").ToArray()
    Array.iter2 (fun (b: float) a -> Assert.Equal(0.5 * b - 0.001 * norm, a, 1e-12)) before after
    Assert.DoesNotContain("carry", program.Explain())
    Assert.Contains("stage 1, lane 1", program.Explain())

[<Fact>]
let ``a carried value that another slice still has to read is copied at the end`` () =
    let x = Expr.input "x" [| 4 |]
    let first, second = Expr.slice 0 0 2 x, Expr.slice 0 2 4 x
    // The halves change places, one of them scaled.
    let program = Program.compile<float> { Outputs = []; Carried = [ first, 2.0 * second; second, first + 1.0 ] }
    program.Set("x", ReadOnlySpan [| 1.0; 2.0; 3.0; 4.0 |])
    program.Run()
    Assert.Equal<float[]>([| 6.0; 8.0; 2.0; 3.0 |], (program.Input "x").ToArray())

[<Fact>]
let ``running allocates nothing`` () =
    let program = filled (network 4 64)
    use workers = new Workers(2)

    for _ in 1..200 do
        program.Run()
        program.Run workers

    let before = GC.GetAllocatedBytesForCurrentThread()

    for _ in 1..100 do
        program.Run()
        program.Run workers

    Assert.Equal(0L, GC.GetAllocatedBytesForCurrentThread() - before)

[<Fact>]
let ``a program counts its arithmetic exactly and explains itself`` () =
    let a = Expr.input "a" [| 6; 7 |]
    let b = Expr.input "b" [| 7; 3 |]
    let program = Program.ofOutputs<float32> [ "c", Expr.sum (Expr.exp (Expr.matmul a b)) ]
    Assert.Equal(int64 (2 * 6 * 7 * 3 + 6 * 3 + 6 * 3), program.Flops)
    let text = program.Explain()
    Assert.Contains("matmul [6, 7] · [7, 3]", text)
    Assert.Contains("Exp", text)

[<Fact>]
let ``an unknown name lists the names there are`` () =
    let program = Program.ofOutputs<float32> [ "y", Expr.input "x" [| 2 |] * 2.0 ]
    let error = Assert.Throws<ArgumentException>(fun () -> program.InputMemory "z" |> ignore)
    Assert.Contains("x", error.Message)
    let error = Assert.Throws<ArgumentException>(fun () -> program.OutputMemory "z" |> ignore)
    Assert.Contains("y", error.Message)

[<Fact>]
let ``an input of the wrong length is refused by name`` () =
    let program = Program.ofOutputs<float32> [ "y", Expr.input "x" [| 2 |] * 2.0 ]
    let error = Assert.Throws<ArgumentException>(fun () -> program.Set("x", ReadOnlySpan [| 1.0f |]))
    Assert.Equal("x", error.ParamName)

[<Fact>]
let ``one name for two shapes is refused`` () =
    let both = Expr.sum (Expr.input "x" [| 2 |]) + Expr.sum (Expr.input "x" [| 3 |])
    let error = Assert.Throws<ArgumentException>(fun () -> Program.ofOutputs<float32> [ "y", both ] |> ignore)
    Assert.Equal("x", error.ParamName)

[<Fact>]
let ``a carried value of another shape is refused, naming both shapes`` () =
    let x = Expr.input "x" [| 2 |]
    let source = { Outputs = []; Carried = [ x, Expr.zeros [| 3 |] ] }
    let error = Assert.Throws<ArgumentException>(fun () -> Program.compile<float32> source |> ignore)
    Assert.Contains("[2]", error.Message)
    Assert.Contains("[3]", error.Message)

[<Fact>]
let ``deep expressions compile without exhausting the stack`` () =
    let x = Expr.input "x" [| 3 |]
    let deep = Seq.fold (fun (y: Expr) _ -> Expr.tanh (Expr.sum y * x)) x [ 1..3000 ]
    let program = Program.ofOutputs<float32> [ "y", deep ]
    program.Set("x", ReadOnlySpan [| 0.1f; 0.2f; 0.3f |])
    program.Run()
    Assert.True(Single.IsFinite(program.Scalar "y"))

/// What the compiler makes of an expression in x, y and z, and the bits that it computes for rows of the three.
let private lowered (build: Expr -> Expr -> Expr -> Expr) (x: float32[]) (y: float32[]) (z: float32[]) =
    let input name = Expr.input name [| x.Length |]
    let output = build (input "x") (input "y") (input "z")
    let node = ([| output |] |> Simplify.run |> JoinedOperations.all)[0]
    let program = Program.ofOutputs<float32> [ "output", output ]

    for name, values in [ "x", x; "y", y; "z", z ] do
        if program.HasInput name then program.Set(name, ReadOnlySpan values)

    program.Run()
    node.Operation, (program.Output "output").ToArray()

[<Fact>]
let ``chains that pass over memory once have the bits of their operations one after the other`` () =
    let values seed = Array.init 70 (fun i -> float32 (sin (float (seed + 3 * i)) * 1.7))
    let x, y, z = values 1, values 2, values 3
    let rows f = Array.init x.Length (fun i -> f x[i] y[i] z[i])

    let check operation build (expected: float32 -> float32 -> float32 -> float32) =
        let actual, bits = lowered build x y z
        Assert.Equal(operation, actual)
        Assert.Equal<float32[]>(rows expected, bits)

    check (Quaternary QuaternaryOperation.SumOfProducts) (fun x y _ -> 0.9 * x + 0.1 * y) (fun x y _ ->
        MathF.FusedMultiplyAdd(0.9f, x, 0.1f * y))

    check (Quaternary QuaternaryOperation.SumWithSquare) (fun x y _ -> 0.99 * x + 0.01 * Expr.square y) (fun x y _ ->
        MathF.FusedMultiplyAdd(0.99f, x, 0.01f * (y * y)))

    check (Quaternary QuaternaryOperation.ScaledDifference) (fun x y _ -> y * (1.0 - Expr.square x)) (fun x y _ ->
        MathF.FusedMultiplyAdd(-x, x, 1.0f) * y)

    check (Ternary TernaryOperation.DivideByRoot) (fun x y z -> x / (Expr.sqrt (Expr.abs y) + Expr.abs z)) (fun x y z ->
        x / (MathF.Sqrt(abs y) + abs z))

[<Fact>]
let ``a number a row reaches every element of its row, however short rows are and wherever blocks end`` () =
    for columns in [ 1; 2; 3; 4; 5; 15; 16; 17 ] do
        for rows in [ 1; 2; 3; 7; 700 ] do
            let x, each = Expr.input "x" [| rows; columns |], Expr.input "each" [| rows; 1 |]
            let output = Expr.tanh x + Expr.exp (Expr.broadcastTo [| rows; columns |] each)

            let check (program: Program<'T>) (number: float -> 'T) (plain: 'T -> float) =
                let xs = Array.init (rows * columns) (fun i -> sin (float i))
                let numbers = Array.init rows (fun i -> cos (float (3 * i)))
                program.Set("x", ReadOnlySpan(Array.map number xs))
                program.Set("each", ReadOnlySpan(Array.map number numbers))
                program.Run()
                let result = (program.Output "output").ToArray() |> Array.map plain

                for i in 0 .. xs.Length - 1 do
                    Assert.Equal(tanh xs[i] + exp numbers[i / columns], result[i], 1e-5)

            check (Program.ofOutputs<float32> [ "output", output ]) float32 float
            check (Program.ofOutputs<float> [ "output", output ]) id id

[<Fact>]
let ``parts of a chain that are read elsewhere too stay operations of their own`` () =
    let x, y = Expr.input "x" [| 40 |], Expr.input "y" [| 40 |]
    let root = Expr.sqrt y
    let difference = 1.0 - Expr.square x
    let roots = [| x / (root + 0.5); root; y * difference; difference |]

    for node in roots |> Simplify.run |> JoinedOperations.all do
        match node.Operation with
        | Quaternary _
        | Ternary TernaryOperation.DivideByRoot -> Assert.Fail $"{node} computes a part again"
        | _ -> ()
