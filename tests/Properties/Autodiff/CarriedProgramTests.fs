/// Random programs with carried values, lanes in several stages, views and parts that are shared, against the
/// reference: run after run, on one thread and on several, whichever lane is late.
[<FsCheck.Xunit.Properties(Replay = "(4718119,4718121)")>]
module Rl.Tests.Autodiff.CarriedProgramTests

open System
open System.Collections.Generic
open System.Threading
open FsCheck.Xunit
open Rl.Core.Foundations
open Rl.Core.Autodiff
open Xunit

/// A stream of choices.
type private Draw(seed: uint64) =
    let mutable rng = Rng.create seed

    member _.Below(bound: int) =
        let struct (value, next) = Rng.below bound rng
        rng <- next
        value

    member this.Flag() = this.Below 2 = 0
    member this.Pick(items: 'T[]) = items[this.Below items.Length]

/// What a program computes and carries: the input that a value goes to, where in it, and the value.
type private Plan =
    {
        Outputs: (string * Expr) list
        Carried: (string * int * Expr) list
        Lengths: Map<string, int>
    }

    member this.Source: ProgramSource =
        let place (name, start, value: Expr) =
            let input = Expr.input name [| this.Lengths[name] |]

            (if value.Count = input.Count then
                 input
             else
                 Expr.slice 0 start (start + value.Count) input),
            value

        { Outputs = this.Outputs; Carried = List.map place this.Carried }

/// The elements of a vector as a matrix, turned, and as a vector again: a view that must be copied.
let private turned (x: Expr) =
    let rows = [ 20; 3; 2; 1 ] |> List.find (fun rows -> x.Count % rows = 0)
    x |> Expr.reshape [| rows; -1 |] |> Expr.transpose |> Expr.reshape [| x.Count |]

/// A program over vectors "a" and "b" [n] and "s" [4n], of which quarters are carried too.
let private plan (seed: uint64) : Plan =
    let draw = Draw seed
    let n = draw.Pick [| 1; 3; 8; 21; 600 |]
    let s = Expr.input "s" [| 4 * n |]
    let quarter index = Expr.slice 0 (index * n) ((index + 1) * n) s
    let pool = List<Expr>([ Expr.input "a" [| n |]; Expr.input "b" [| n |] ])
    pool.AddRange(List.map quarter [ 0..3 ])
    let wide = List<Expr>([ Expr.slice 0 n (3 * n) s ])

    // Recent nodes more often, so that chains grow long.
    let any () =
        if draw.Flag() then
            pool[draw.Below pool.Count]
        else
            pool[pool.Count - 1 - draw.Below(min 3 pool.Count)]

    // Of some programs all nodes are loops over elements, in which inputs are read again and again.
    let kinds = if draw.Below 3 = 0 then 5 else 14

    let node () =
        match draw.Below kinds with
        | 0 -> Expr.tanh (any ())
        | 1 -> Expr.sin (any ())
        | 2 -> 0.5 * any () - 0.25 * any ()
        | 3 -> Expr.tanh (any () * any ())
        | 4 -> Expr.minimum (any ()) (any ())
        | 5 -> any () - Expr.mean (any ())
        | 6 ->
            let joined = Expr.concat 0 [ any (); any () ]
            wide.Add joined
            let start = draw.Below(n + 1)
            Expr.slice 0 start (start + n) joined
        | 7 -> turned (any ())
        | 8 ->
            let start = draw.Below(3 * n + 1)
            Expr.slice 0 start (start + n) s
        | 9
        | 10
        | 11 -> Expr.lane (draw.Below 3) (any ())
        | 12 ->
            // A part that is seen turned beside one that is not.
            let rows = [ 20; 3; 2; 1 ] |> List.find (fun rows -> n % rows = 0)
            let part = Expr.reshape [| rows; -1 |] (Expr.tanh (any ())) |> Expr.transpose
            let joined = Expr.concat 0 [ part; Expr.reshape part.Shape (any ()) ] |> Expr.reshape [| 2 * n |]
            wide.Add joined
            Expr.slice 0 (n / 2) (n / 2 + n) joined
        | _ ->
            let rows (x: Expr) = Expr.reshape [| 1; n |] x
            let product = Expr.matmul (rows (any ())) (Expr.transpose (rows (any ())))
            Expr.tanh (any () + 0.1 * Expr.reshape [||] product)

    for _ in 1 .. 4 + draw.Below 16 do
        pool.Add(node ())

    let result index = $"o{index}", (if draw.Below 4 = 0 then wide[draw.Below wide.Count] else any ())
    let halves = draw.Below 3 = 0

    {
        Outputs = List.init (1 + draw.Below 3) result
        Carried =
            [
                if halves then
                    let first = if draw.Flag() then 0 else 2
                    "s", first * n, wide[draw.Below wide.Count]
                else
                    for index in 0..3 do
                        if draw.Below 3 > 0 then "s", index * n, any ()

                if draw.Flag() then "a", 0, any ()
                if draw.Flag() then "b", 0, any ()
            ]
        Lengths = Map.ofList [ "s", 4 * n; "a", n; "b", n ]
    }

let private start (plan: Plan) (seed: uint64) =
    plan.Lengths
    |> Map.map (fun name length ->
        Array.init length (fun i -> sin (float (seed % 997UL) + 1.7 * float i + float name[0])))

let private compiled (plan: Plan) (values: Map<string, float[]>) =
    let program = Program.compile<float> plan.Source

    for name, _ in program.Inputs do
        program.Set(name, ReadOnlySpan values[name])

    program

/// What a program left: its inputs, then its outputs.
let private left (program: Program<float>) =
    [ for name, _ in List.sort program.Inputs -> name, program.Input(name).ToArray() ]
    @ [ for name, _ in List.sort program.Outputs -> name, program.Output(name).ToArray() ]

let private near (context: string) (expected: float[]) (actual: float[]) =
    Assert.Equal(expected.Length, actual.Length)

    for i in 0 .. expected.Length - 1 do
        if not (abs (expected[i] - actual[i]) <= 1e-9) then
            Assert.Fail $"{context}: element {i} is {actual[i]:R}, not {expected[i]:R}"

/// Runs a program three times beside the reference.
let private agrees (plan: Plan) (seed: uint64) =
    let mutable values = start plan seed
    let program = compiled plan values

    for run in 1..3 do
        program.Run()
        let roots = [| yield! List.map snd plan.Outputs; for _, _, value in plan.Carried -> value |]
        let expected = Evaluator.reference (values |> Map.map (fun _ value -> Tensor.vector value)) roots

        plan.Outputs
        |> List.iteri (fun index (name, _) ->
            near $"run {run}, {name}" (expected[index].ToArray()) (program.Output(name).ToArray()))

        let next = values |> Map.map (fun _ value -> Array.copy value)

        plan.Carried
        |> List.iteri (fun index (name, first, _) ->
            expected[plan.Outputs.Length + index].ToArray().CopyTo(next[name], first))

        values <- next

        for name, _ in program.Inputs do
            near $"run {run}, {name}" values[name] (program.Input(name).ToArray())

[<Property(MaxTest = 80)>]
let ``programs that carry values have the reference's outputs and inputs, run after run`` (seed: uint64) =
    agrees (plan seed) seed

/// Two vectors that move by a value of theirs, which is used beside what it replaces, in one loop.
let private besideOld (seed: uint64) : Plan =
    let draw = Draw seed
    let n = draw.Pick [| 1; 3; 8; 600; 1300 |]
    let a, b = Expr.input "a" [| n |], Expr.input "b" [| n |]

    let combine (x: Expr) (y: Expr) =
        match draw.Below 5 with
        | 0 -> Expr.tanh (x * y)
        | 1 -> 0.5 * x - 0.25 * y
        | 2 -> Expr.minimum x y
        | 3 -> Expr.sin x + Expr.tanh y
        | _ -> Expr.select (Expr.less x y) (Expr.sin y) (0.5 * x)

    // Of each vector the value that it takes, and what is made of the old and the new one.
    let moved (x: Expr) other =
        let value = combine x (if draw.Flag() then other else Expr.cos x)
        let later = if draw.Flag() then combine value x else combine x value
        value, (if draw.Flag() then combine later x else later)

    let (newA, ofA), (newB, ofB) = moved a b, moved b a

    {
        Outputs =
            match draw.Below 3 with
            | 0 -> [ "o0", ofA; "o1", ofB ]
            | 1 -> [ "o0", combine ofA ofB ]
            | _ -> [ "o0", Expr.sum ofA * 0.01; "o1", ofB ]
        Carried =
            if draw.Flag() then
                [ "a", 0, newA; "b", 0, newB ]
            else
                [ "b", 0, newB; "a", 0, newA ]
        Lengths = Map.ofList [ "a", n; "b", n ]
    }

[<Property(MaxTest = 50)>]
let ``what is made of an old value and the one that replaces it sees both`` (seed: uint64) =
    agrees (besideOld seed) seed

[<Property(MaxTest = 30)>]
let ``programs that carry values have the same bits on any number of threads`` (seed: uint64) =
    let plan = plan seed
    let values = start plan seed
    let alone = compiled plan values

    for threads in [ 2; 3 ] do
        use workers = new Workers(threads)
        let together = compiled plan values

        for _ in 1..4 do
            together.Run workers

        if threads = 2 then
            for _ in 1..4 do
                alone.Run()

        Assert.Equal<(string * float[]) list>(left alone, left together)

/// Four lanes that read parts of what is carried, in place and turned, and each move a part that others read.
let private lanes (seed: uint64) : Plan =
    let draw = Draw seed
    let n, count = 64, 4
    let s, m = Expr.input "s" [| count * n |], Expr.input "m" [| n |]
    let part index = Expr.slice 0 (index * n) ((index + 1) * n) s
    let shared = turned m
    let struct (targets, _) = Rng.permutation count (Rng.create seed)

    let value lane =
        let read () = Expr.lane lane (part (draw.Below count))
        let x = Expr.tanh (read () + 0.5 * read ())
        let y = Expr.sin (x - 0.25 * read ()) + x * read ()
        if draw.Flag() then Expr.tanh (y + shared) else y - turned (read ())

    let values = List.init count value

    {
        Outputs = []
        Carried = values |> List.mapi (fun lane value -> "s", targets[lane] * n, value)
        Lengths = Map.ofList [ "s", count * n; "m", n ]
    }

[<Fact>]
let ``whichever lane is late, it reads the inputs as they were`` () =
    for seed in 0UL .. 7UL do
        let plan = lanes seed
        let values = start plan seed
        let alone = compiled plan values
        alone.Run()

        for late in 0 .. alone.LaneCount - 1 do
            use workers = new Workers(2)
            let program = compiled plan values
            let begun = [| 0 |]

            // The others begin, and all but the last of them end, while the late one waits.
            let hold (lane: int) =
                if lane = late then
                    let others () = Volatile.Read(&begun[0]) = alone.LaneCount - 1
                    if SpinWait.SpinUntil(others, 1000) then Thread.Sleep 1
                else
                    Interlocked.Increment(&begun[0]) |> ignore

            program.Run(workers, Action<int> hold)
            Assert.Equal<(string * float[]) list>(left alone, left program)

[<Fact>]
let ``a loop over a part of rows that are made before it reads that part`` () =
    let m, k, n = 300, 24, 64
    let value shape scale = Tensor.init shape (fun i -> sin (scale * float i))
    let inputs = Map.ofList [ "a", value [| m; k |] 0.37; "b", value [| k; n |] 0.11; "c", value [| 150 * n |] 0.7 ]
    let made = Expr.matmul (Expr.input "a" [| m; k |]) (Expr.input "b" [| k; n |])
    let rows first last = Expr.slice 0 first last made

    let c = Expr.input "c" [| 150 * n |]

    let programs =
        [
            // What lies behind the part in memory, an input that is read afterwards, is left alone.
            [| Expr.tanh (rows 0 150); Expr.sum c |]
            [| Expr.tanh (rows 150 300); Expr.sum c |]
            [| Expr.tanh (rows 0 150 - rows 150 300) |]
            [| made + Expr.concat 0 [ rows 1 300; rows 0 1 ] |]
        ]

    for _, evaluator in Evaluator.doubles do
        for roots in programs do
            Array.iter2
                (fun (expected: Tensor) (actual: Tensor) -> near "rows" (expected.ToArray()) (actual.ToArray()))
                (Evaluator.reference inputs roots)
                (evaluator inputs roots)

[<Fact>]
let ``permutations of permutations and slices of slices are what they are one after the other`` () =
    let x = Expr.input "x" [| 2; 3; 4; 5 |]
    let inputs = Map.ofList [ "x", Tensor.init x.Shape float ]

    let orders =
        [|
            for a in 0..3 do
                for b in 0..3 do
                    for c in 0..3 do
                        let order = [| a; b; c; 6 - a - b - c |]
                        if Array.sort order = [| 0..3 |] then order
        |]

    let cuts = [| for axis in 0..3 -> fun (x: Expr) -> Expr.slice axis 1 x.Shape[axis] x |]

    let roots =
        [|
            for first, second in Array.allPairs orders orders -> x |> Expr.permute first |> Expr.permute second
            for first, second in Array.allPairs cuts cuts -> x |> first |> second
            for order, cut in Array.allPairs orders cuts -> x |> cut |> Expr.permute order |> cut
        |]

    let expected = Evaluator.reference inputs roots

    for results in [ Evaluator.reference inputs (Simplify.run roots); snd Evaluator.doubles.Head inputs roots ] do
        Array.iter2 (fun (e: Tensor) (a: Tensor) -> Assert.Equal<float[]>(e.ToArray(), a.ToArray())) expected results

/// What a program of float32 computes from rows x, y and z.
let private bits (outputs: (string * Expr) list) (inputs: (string * float32[]) list) (name: string) =
    let program = Program.ofOutputs<float32> outputs

    for name, values in inputs do
        if program.HasInput name then program.Set(name, ReadOnlySpan values)

    program.Run()
    program.Output(name).ToArray()

[<Fact>]
let ``a product that something else sees too is rounded before it is added`` () =
    let count = 70
    let row seed = Array.init count (fun i -> float32 (sin (float (seed + 3 * i)) * 1.7))
    let x, y, z = row 1, row 2, row 3
    let inputs = [ "x", x; "y", y; "z", z ]
    let input name = Expr.input name [| count |]

    let products: (Expr * (int -> float32)) list =
        [ input "x" * input "y", (fun i -> x[i] * y[i]); Expr.square (input "x"), (fun i -> x[i] * x[i]) ]

    let sums: ((Expr -> Expr) * (float32 -> int -> float32)) list =
        [
            (fun p -> p + input "z"), (fun p i -> p + z[i])
            (fun p -> input "z" + p), (fun p i -> z[i] + p)
            (fun p -> input "z" - p), (fun p i -> z[i] - p)
            (fun p -> p + 0.3 * input "z"), (fun p i -> MathF.FusedMultiplyAdd(0.3f, z[i], p))
            (fun p -> (input "z" - p) * input "y"), (fun p i -> (z[i] - p) * y[i])
        ]

    for product, plainProduct in products do
        for sum, plainSum in sums do
            let expected = Array.init count (fun i -> plainSum (plainProduct i) i)
            let asOutput = [ "q", sum product; "p", product ]
            let asPart = [ "q", sum product; "r", Expr.tanh product ]
            Assert.Equal<float32[]>(expected, bits asOutput inputs "q")
            Assert.Equal<float32[]>(expected, bits asPart inputs "q")
