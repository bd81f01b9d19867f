/// Layouts name parts of one vector without gaps or overlaps; initialisers have their theorems' moments.
[<FsCheck.Xunit.Properties(Replay = "(4718091,4718093)")>]
module Rl.Tests.Networks.LayoutTests

open System
open FsCheck.Xunit
open Rl.Core.Foundations
open Rl.Core.Autodiff
open Rl.Core.Networks
open Xunit

/// A layout with a block for each byte, of rank 0 to 3 and lengths 0 to 3.
let private layoutOf (bytes: byte[]) =
    bytes
    |> Array.truncate 6
    |> Array.indexed
    |> Array.fold
        (fun layout (index, byte) ->
            let shape = Array.init (int byte % 4) (fun axis -> (int byte >>> (2 + 2 * axis)) % 4)
            Layout.add $"block{index}" shape (Initialiser.Normal(0.0, 1.0)) layout)
        Layout.empty

let private values (layout: Layout) seed =
    let struct (values, _) = Layout.initialise (Rng.create seed) layout
    values

let private refused (parts: string list) (action: unit -> 'T) =
    let error = Assert.ThrowsAny<ArgumentException>(fun () -> action () |> ignore)

    for part in parts do
        Assert.Contains(part, error.Message)

[<Property>]
let ``the blocks lie one after the other and fill the vector`` (bytes: byte[]) =
    let layout = layoutOf bytes
    let ends = layout.Blocks |> Seq.scan (fun position block -> position + block.Count) 0 |> Seq.toList
    Assert.Equal(Layout.count layout, List.last ends)
    Assert.Equal<int list>(List.take layout.Blocks.Count ends, [ for block in layout.Blocks -> block.Offset ])

[<Property>]
let ``unpacking and packing give the vector back`` (bytes: byte[]) (seed: uint64) =
    let layout = layoutOf bytes
    let theta = values layout seed
    Assert.Equal<float[]>(theta, Layout.unpack layout theta |> Array.rev |> Layout.pack layout)

[<Property>]
let ``a block that is written is read back, and no other changes`` (bytes: byte[]) (seed: uint64) =
    let layout = layoutOf (Array.append bytes [| 21uy |])
    let theta = values layout seed
    let target = layout.Blocks[int (seed % uint64 layout.Blocks.Count)]
    let value = Tensor.init target.Shape float
    let written = Layout.write target.Name value layout theta

    for block in layout.Blocks do
        let expected = if block.Name = target.Name then value else Layout.read block.Name layout theta
        Assert.Equal(expected, Layout.read block.Name layout written)

[<Property>]
let ``the expression of a block has the values that are read by its name`` (bytes: byte[]) (seed: uint64) =
    let layout = layoutOf bytes
    let theta = values layout seed
    let input = Expr.input "theta" [| layout.Count |]

    for block in layout.Blocks do
        let actual = Layout.block block.Name layout input |> Reference.evaluateWith [ "theta", Tensor.vector theta ]
        Assert.Equal(Layout.read block.Name layout theta, actual)
        let part = Layout.part block.Name layout (ReadOnlySpan(Array.map float32 theta))
        Assert.Equal<float32[]>(Array.map float32 (actual.ToArray()), part.ToArray())

[<Property>]
let ``more blocks at the end change no value before them`` (bytes: byte[]) (seed: uint64) =
    let layout = layoutOf bytes
    let longer = layout |> Layout.add "more" [| 5 |] (Initialiser.Uniform(0.0, 1.0))
    Assert.Equal<float[]>(values layout seed, Array.take layout.Count (values longer seed))

[<Property>]
let ``parts under prefixes are found through parameters of their path`` (bytes: byte[]) (seed: uint64) =
    let part = layoutOf (Array.append [| 21uy |] bytes)
    let whole = Layout.merge [ "first", part; "second", Layout.under "inner" part ]
    Assert.Equal(2 * part.Count, whole.Count)
    let theta = values whole seed
    let top = Parameters.create whole (Expr.vector theta)
    let inner = top |> Parameters.at "second" |> Parameters.at "inner"

    for block in part.Blocks do
        let read name = Layout.read name whole theta

        Assert.Equal(
            read ("first/" + block.Name),
            Reference.evaluate (Parameters.block block.Name (Parameters.at "first" top))
        )

        Assert.Equal(read ("second/inner/" + block.Name), Reference.evaluate (Parameters.block block.Name inner))

[<Fact>]
let ``mistaken names and lengths are refused by name`` () =
    let layout = Layout.empty |> Layout.add "weight" [| 2; 3 |] (Initialiser.Constant 0.0)
    let zeros = Array.zeroCreate<float> 6
    refused [ "\"bias\""; "weight" ] (fun () -> layout["bias"])
    refused [ "\"weight\"" ] (fun () -> Layout.add "weight" [| 1 |] (Initialiser.Constant 0.0) layout)
    refused [ "\"weight\"" ] (fun () -> Layout.append layout layout)
    refused [ "blank" ] (fun () -> Layout.add " " [| 1 |] (Initialiser.Constant 0.0) layout)
    refused [ "\"weight\""; "missing" ] (fun () -> Layout.pack layout [])

    refused [ "\"weight\""; "twice" ] (fun () ->
        Layout.pack layout (List.replicate 2 ("weight", Tensor.full [| 2; 3 |] 0.0)))

    refused [ "[3, 2]"; "[2, 3]" ] (fun () -> Layout.write "weight" (Tensor.full [| 3; 2 |] 0.0) layout zeros)
    refused [ "5"; "6" ] (fun () -> Layout.read "weight" layout (Array.zeroCreate 5))
    refused [ "[7]"; "[6]" ] (fun () -> Parameters.create layout (Expr.zeros [| 7 |]))

// --- Initialisers
// -------------------------------------------------------------------------------------------------------

let private sample shape initialiser seed =
    let struct (values, _) = Initialiser.sample shape initialiser (Rng.create seed)
    values

[<Property>]
let ``an orthogonal block has QᵀQ = gain² I over its shorter side``
    (rows: byte)
    (columns: byte)
    (gain: byte)
    (seed: uint64)
    =
    let rows, columns, gain = 1 + int rows % 12, 1 + int columns % 12, float gain / 64.0

    let q =
        Expr.constant (
            Tensor.create [| rows; columns |] (sample [| rows; columns |] (Initialiser.Orthogonal gain) seed)
        )

    let product =
        if rows >= columns then
            Expr.matmul (Expr.transpose q) q
        else
            Expr.matmul q (Expr.transpose q)

    let n = min rows columns
    let actual = Reference.evaluate product

    for i in 0 .. n * n - 1 do
        let expected = if i / n = i % n then gain * gain else 0.0
        Assert.InRange(actual[i], expected - 1e-12 * (1.0 + gain * gain), expected + 1e-12 * (1.0 + gain * gain))

/// Householder's Q of the Gaussian numbers that a stream begins with, a column at a time: what the panels must give bit
/// for bit.
let private columnByColumn rows columns (seed: uint64) =
    let long, short = max rows columns, min rows columns
    let mutable rng = Rng.create seed

    let a =
        Array.init short (fun _ ->
            Array.init long (fun _ ->
                let struct (value, next) = Rng.normal rng
                rng <- next
                value))

    let dot (x: float[]) (y: float[]) start =
        let mutable total = 0.0

        for i in start .. x.Length - 1 do
            total <- total + x[i] * y[i]

        total

    let reflect (v: float[]) (x: float[]) start =
        let factor = 2.0 * dot v x start

        for i in start .. x.Length - 1 do
            x[i] <- x[i] - factor * v[i]

    let signs = Array.zeroCreate<float> short

    let reflectors =
        Array.init short (fun k ->
            let v = a[k] |> Array.mapi (fun i value -> if i < k then 0.0 else value)
            let norm = sqrt (dot v v k)
            let diagonal = if v[k] > 0.0 then -norm else norm
            v[k] <- v[k] - diagonal
            let length = sqrt (dot v v k)

            if length > 0.0 then
                for i in k .. long - 1 do
                    v[i] <- v[i] / length

            signs[k] <- if diagonal < 0.0 then -1.0 else 1.0

            for j in k + 1 .. short - 1 do
                reflect v a[j] k

            v)

    let q =
        Array.init short (fun k ->
            let column = Array.zeroCreate<float> long
            column[k] <- signs[k]

            for j in short - 1 .. -1 .. 0 do
                reflect reflectors[j] column j

            column)

    Array.init (rows * columns) (fun i ->
        let row, column = i / columns, i % columns
        if rows >= columns then q[column][row] else q[row][column])

[<Theory;
  InlineData(1, 1);
  InlineData(7, 3);
  InlineData(32, 32);
  InlineData(33, 65);
  InlineData(100, 70);
  InlineData(64, 2);
  InlineData(3, 130);
  InlineData(1500, 100)>]
let ``orthogonal blocks have the bits of Householder's method a column at a time`` (rows: int, columns: int) =
    let bits = Array.map BitConverter.DoubleToInt64Bits
    // Zeros have either sign.
    let expected = columnByColumn rows columns 11UL |> Array.map (fun value -> 1.0 * value + 0.0)
    let actual = sample [| rows; columns |] (Initialiser.Orthogonal 1.0) 11UL |> Array.map (fun value -> value + 0.0)
    Assert.Equal<int64[]>(bits expected, bits actual)

[<Fact>]
let ``a wide orthogonal block takes seconds`` () =
    let watch = Diagnostics.Stopwatch.StartNew()
    let n = 1024
    let q = sample [| n; n |] (Initialiser.Orthogonal 1.0) 5UL
    let norm = q |> Array.sumBy (fun value -> value * value)
    Assert.InRange(norm, float n - 1e-8, float n + 1e-8)
    Assert.True(watch.Elapsed.TotalSeconds < 6.0, $"{watch.Elapsed}")

[<Fact>]
let ``orthogonal matrices are uniform: the trace has mean 0 and variance 1, every entry variance 1/n`` () =
    // E tr Q = 0 and E (tr Q)² = 1 for the uniform distribution on O(n); Q of a QR without the signs of R has another
    // trace.
    let n, draws = 4, 20_000
    let matrices = Array.init draws (fun seed -> sample [| n; n |] (Initialiser.Orthogonal 1.0) (uint64 seed))
    let trace (matrix: float[]) = Seq.sum (seq { for i in 0 .. n - 1 -> matrix[i * n + i] })
    Assert.InRange(matrices |> Array.averageBy trace, -0.03, 0.03)
    Assert.InRange(matrices |> Array.averageBy (fun matrix -> trace matrix ** 2.0), 0.95, 1.05)

    for entry in 0 .. n * n - 1 do
        Assert.InRange(matrices |> Array.averageBy (fun matrix -> matrix[entry]), -0.02, 0.02)
        Assert.InRange(matrices |> Array.averageBy (fun matrix -> matrix[entry] ** 2.0), 0.24, 0.26)

[<Fact>]
let ``each initialiser has the variance and the bounds of its paper`` () =
    let moments shape initialiser =
        let values = sample shape initialiser 5UL
        let mean = Array.average values

        struct (mean,
                values |> Array.averageBy (fun value -> (value - mean) ** 2.0),
                values |> Array.map abs |> Array.max)

    let check shape initialiser variance bound =
        let struct (mean, actual, largest) = moments shape initialiser
        let error = sqrt (variance / float (Shape.count shape))
        Assert.InRange(mean, -4.0 * error, 4.0 * error)
        Assert.InRange(actual / variance, 0.97, 1.03)

        match bound with
        | Some bound -> Assert.InRange(largest, 0.98 * bound, bound)
        | None -> Assert.True(largest > 3.0 * sqrt variance)

    let dense = [| 300; 100 |]
    check dense (Initialiser.XavierUniform 2.0) (4.0 * 2.0 / 400.0) (Some(2.0 * sqrt (6.0 / 400.0)))
    check dense (Initialiser.XavierNormal 2.0) (4.0 * 2.0 / 400.0) None
    check dense (Initialiser.KaimingUniform 1.5) (2.25 / 300.0) (Some(1.5 * sqrt (3.0 / 300.0)))
    check dense (Initialiser.KaimingNormal 1.5) (2.25 / 300.0) None
    check dense (Initialiser.TorchLinear 300) (1.0 / 900.0) (Some(1.0 / sqrt 300.0))
    check dense (Initialiser.Normal(0.0, 0.3)) 0.09 None
    check dense (Initialiser.Uniform(-0.5, 0.5)) (1.0 / 12.0) (Some 0.5)
    let convolution = [| 64; 32; 5; 4 |]
    check convolution (Initialiser.KaimingNormal 1.0) (1.0 / 640.0) None
    check convolution (Initialiser.XavierUniform 1.0) (2.0 / (640.0 + 1280.0)) (Some(sqrt (6.0 / 1920.0)))
    Assert.Equal<float[]>(Array.create 6 0.25, sample [| 2; 3 |] (Initialiser.Constant 0.25) 1UL)

[<Fact>]
let ``of a sparse start each output keeps a few inputs, of the size of a dense one`` () =
    let check (shape: Shape) sparsity zeros (inputsOf: float[] -> float[][]) =
        let units = inputsOf (sample shape (Initialiser.Sparse sparsity) 5UL)
        let inputs = units[0].Length
        let bound = 1.0 / sqrt (float inputs)

        for unit in units do
            Assert.Equal(zeros, unit |> Array.filter ((=) 0.0) |> Array.length)
            Assert.All(unit, (fun value -> Assert.InRange(value, -bound, bound)))

        // Which inputs they are is drawn, each as often as the others.
        let kept = Array.init inputs (fun i -> units |> Array.filter (fun unit -> unit[i] <> 0.0) |> Array.length)
        let share = float (inputs - zeros) / float inputs
        let error = 5.0 * sqrt (share * (1.0 - share) / float units.Length) + 1e-9

        for count in kept do
            Assert.InRange(float count / float units.Length, share - error, share + error)

        let values = units |> Array.concat |> Array.filter ((<>) 0.0)
        let variance = values |> Array.averageBy (fun value -> value * value)
        Assert.InRange(variance * float inputs * 3.0, 0.8, 1.2)

    let columns count (values: float[]) = values |> Array.chunkBySize count |> Array.transpose
    check [| 40; 500 |] 0.9 36 (columns 500)
    check [| 25; 600 |] 0.3 8 (columns 600)
    // One input at least stays.
    check [| 4; 800 |] 0.9 3 (columns 800)
    check [| 5; 300 |] 0.0 0 (columns 300)
    check [| 600; 3; 2; 4 |] 0.5 12 (Array.chunkBySize 24)

[<Fact>]
let ``a shape without fans is refused with its shape`` () =
    refused [ "[3]" ] (fun () -> sample [| 3 |] (Initialiser.XavierUniform 1.0) 1UL)
    refused [ "[3]" ] (fun () -> sample [| 3 |] (Initialiser.Orthogonal 1.0) 1UL)
