/// Layers that are something else in training than in acting, and weights of length 1: theorems, and derivatives
/// against differences.
[<FsCheck.Xunit.Properties(Replay = "(4718095,4718099)", MaxTest = 40)>]
module Rl.Tests.Networks.TrainingLayerTests

open System
open FsCheck.Xunit
open Rl.Core.Foundations
open Rl.Core.Autodiff
open Rl.Core.Networks
open Xunit

let private random (shape: Shape) (seed: uint64) =
    let struct (values, _) = Initialiser.sample shape (Initialiser.Normal(0.0, 1.0)) (Rng.create (seed + 91UL))
    Tensor.create shape values

let private uniform (shape: Shape) (seed: uint64) =
    let struct (values, _) = Initialiser.sample shape (Initialiser.Uniform(0.0, 1.0)) (Rng.create (seed + 17UL))
    Tensor.create shape values

let private value (x: Expr) = Reference.evaluate x

let private near tolerance (expected: Tensor) (actual: Tensor) =
    Assert.Equal<int[]>(expected.Shape, actual.Shape)

    for i in 0 .. expected.Count - 1 do
        if not (abs (expected[i] - actual[i]) <= tolerance * (1.0 + abs expected[i])) then
            Assert.Fail $"[{i}] is {actual[i]:R} instead of {expected[i]:R}."

let private close expected actual = near 1e-12 expected actual

/// The derivative of a function's weighted sum is that of central differences, in every element of x.
let private checkSlope (f: Expr -> Expr) (x: Tensor) =
    let at (x: Tensor) = f (Expr.fresh (Expr.constant x))
    let weights = random (at x).Shape 5UL
    let objective y = Expr.dot y (Expr.constant weights)
    let input = Expr.fresh (Expr.constant x)
    let slope = value (Array.head (Diff.gradients (objective (f input)) [| input |]))
    let step = 1e-6

    let moved i change =
        let values = x.ToArray()
        values[i] <- values[i] + change
        (value (objective (at (Tensor.create x.Shape values))))[0]

    let differences = Tensor.init x.Shape (fun i -> (moved i step - moved i -step) / (2.0 * step))
    near 1e-6 differences slope

let private start (layout: Layout) (seed: uint64) =
    let struct (values, _) = Layout.initialise (Rng.create seed) layout
    Parameters.create layout (Expr.vector (values |> Array.mapi (fun i value -> value + 0.1 * sin (float i))))

// --- Batch renormalisation
// -------------------------------------------------------------------------------------------------------------

let private renorm: BatchRenormalisation =
    {
        Features = 3
        Momentum = 0.25
        Epsilon = 1e-3
        WarmUp = 2
        MaximumRatio = 1.5
        MaximumShift = 0.4
    }

let private plainStart (layer: BatchRenormalisation) =
    let layout = BatchRenormalisation.layout layer
    let struct (theta, _) = Layout.initialise (Rng.create 1UL) layout
    Parameters.create layout (Expr.vector theta)

let private statisticsOf batches (seed: uint64) : BatchStatistics =
    {
        Mean = Expr.constant (random [| 3 |] (seed + 1UL))
        Variance = Expr.square (Expr.constant (random [| 3 |] (seed + 2UL))) + 0.5
        Batches = Expr.number batches
    }

[<Property>]
let ``while it warms up, a batch has mean 0 and its unbiased variance is nearly 1`` (seed: uint64) =
    let x = 2.0 * Expr.constant (random [| 7; 3 |] seed) + 5.0

    for batches in [ 0.0; 1.0; 2.0 ] do
        let struct (y, _) = BatchRenormalisation.train renorm (plainStart renorm) (statisticsOf batches seed) x

        close (Tensor.full [| 3 |] 0.0) (value (Expr.meanOver [| 0 |] y))
        let variance z = Expr.sumOver [| 0 |] (Expr.square (z - Expr.meanOver [| 0 |] z)) / 6.0
        close (value (variance x / (variance x + 1e-3))) (value (variance y))

[<Property>]
let ``where neither bound acts, training gives what acting gives`` (seed: uint64) =
    // r and d then turn the batch's statistics into the running ones; ε, which the deviations are made with, must be
    // small for that.
    let layer = { renorm with MaximumRatio = 1e9; MaximumShift = 1e9; Epsilon = 1e-12 }
    let parameters = start (BatchRenormalisation.layout layer) seed
    let statistics = statisticsOf 3.0 seed
    let x = Expr.constant (random [| 6; 3 |] seed)
    let struct (y, _) = BatchRenormalisation.train layer parameters statistics x
    near 1e-9 (value (BatchRenormalisation.apply layer parameters statistics x)) (value y)

[<Property>]
let ``with ratio 1 and shift 0 it is batch normalisation however many batches there were`` (seed: uint64) =
    let layer = { renorm with MaximumRatio = 1.0; MaximumShift = 0.0 }
    let parameters = start (BatchRenormalisation.layout layer) seed
    let x = Expr.constant (random [| 6; 3 |] seed)
    let after batches = BatchRenormalisation.train layer parameters (statisticsOf batches seed) x
    let struct (early, _) = after 0.0
    let struct (late, _) = after 1e6
    close (value early) (value late)

[<Property>]
let ``the slope of a normalised batch is that of differences, with r and d held`` (seed: uint64) =
    let parameters = start (BatchRenormalisation.layout renorm) seed
    let x = random [| 5; 3 |] seed

    let train (layer: BatchRenormalisation) batches (x: Expr) =
        let struct (y, _) = BatchRenormalisation.train layer parameters (statisticsOf batches seed) x
        y

    // In warm-up everything moves; later r and d are held, which differences see only where both are at a bound.
    checkSlope (train renorm 0.0) x
    checkSlope (train { renorm with MaximumRatio = 1.0; MaximumShift = 1e-9 } 5.0) x

[<Fact>]
let ``running statistics approach those of a constant stream as the closed form says`` () =
    let x = Expr.constant (random [| 6; 3 |] 3UL)
    let mean = Expr.meanOver [| 0 |] x
    let variance = Expr.sumOver [| 0 |] (Expr.square (x - mean)) / 5.0

    let step (statistics: BatchStatistics) =
        let struct (_, next) = BatchRenormalisation.train renorm (plainStart renorm) statistics x

        {
            Mean = Expr.constant (value next.Mean)
            Variance = Expr.constant (value next.Variance)
            Batches = Expr.constant (value next.Batches)
        }
        : BatchStatistics

    let last = Seq.fold (fun statistics _ -> step statistics) (BatchRenormalisation.start renorm) [ 1..9 ]
    let rest = 0.75 ** 9.0
    close (value ((1.0 - rest) * mean)) (value last.Mean)
    close (value ((1.0 - rest) * variance + rest)) (value last.Variance)
    Assert.Equal(9.0, (value last.Batches)[0])

[<Fact>]
let ``a feature that is the same in all rows has a finite derivative`` () =
    let x = Expr.fresh (Expr.constant (Tensor.create [| 3; 3 |] [| 1.0; 2.0; 0.0; -1.0; 2.0; 0.0; 0.5; 2.0; 0.0 |]))

    for batches in [ 0.0; 3.0 ] do
        let struct (y, _) = BatchRenormalisation.train renorm (plainStart renorm) (statisticsOf batches 4UL) x

        let slope = value (Array.head (Diff.gradients (Expr.sum (Expr.square y + y)) [| x |]))
        Assert.All(slope.ToArray(), (fun number -> Assert.True(Double.IsFinite number)))

[<Fact>]
let ``one row, other features and settings out of range are refused by name`` () =
    let fails (part: string) (action: unit -> unit) =
        let error = Assert.ThrowsAny<ArgumentException>(action)
        Assert.Contains(part, error.Message)

    let train layer rows features =
        BatchRenormalisation.train
            layer
            (plainStart renorm)
            (BatchRenormalisation.start renorm)
            (Expr.zeros [| rows; features |])
        |> ignore

    fails "at least 2" (fun () -> train renorm 1 3)
    fails "[rows, 3]" (fun () -> train renorm 4 2)
    fails "MaximumRatio" (fun () -> train { renorm with MaximumRatio = 0.9 } 4 3)
    fails "MaximumShift" (fun () -> train { renorm with MaximumShift = -1.0 } 4 3)
    fails "Momentum" (fun () -> train { renorm with Momentum = 0.0 } 4 3)
    fails "Epsilon" (fun () -> train { renorm with Epsilon = 0.0 } 4 3)
    fails "WarmUp" (fun () -> train { renorm with WarmUp = -1 } 4 3)

// --- Dropout
// -------------------------------------------------------------------------------------------------------------

[<Property>]
let ``dropout keeps what is drawn at or above the rate, and its mean is the input`` (seed: uint64) =
    let x = random [| 4; 3 |] seed
    let rate = 0.25

    // Over a grid of numbers whose share below the rate is the rate, the mean is exact.
    let outputs = [ for k in 0..7 -> Dropout.apply rate (Expr.full [| 4; 3 |] (float k / 8.0)) (Expr.constant x) ]

    close x (value (List.reduce (+) outputs / 8.0))
    let u = uniform [| 4; 3 |] seed
    let y = value (Dropout.apply rate (Expr.constant u) (Expr.constant x))
    close (Tensor.init [| 4; 3 |] (fun i -> if u[i] >= rate then x[i] / 0.75 else 0.0)) y
    close x (value (Dropout.apply 0.0 (Expr.constant u) (Expr.constant x)))
    checkSlope (fun x -> Dropout.apply rate (Expr.constant u) (Expr.square x)) x

[<Fact>]
let ``dropout refuses a rate outside [0, 1) and numbers of another shape`` () =
    let x = Expr.zeros [| 2; 3 |]

    for rate in [ -0.1; 1.0; 1.5; nan ] do
        Assert.ThrowsAny<ArgumentException>(fun () -> Dropout.apply rate x x |> ignore) |> ignore

    let error = Assert.ThrowsAny<ArgumentException>(fun () -> Dropout.apply 0.5 (Expr.zeros [| 3 |]) x |> ignore)

    Assert.Contains("uniform numbers", error.Message)

// --- Noisy dense layers
// -------------------------------------------------------------------------------------------------------------

[<Property>]
let ``factorised noise is independent noise with the matrix f(ε) f(ε′)ᵀ`` (seed: uint64) =
    let layer = NoisyDense.create ParameterNoise.Factorised 4 3
    let parameters = start (NoisyDense.layout layer) seed
    let x = Expr.constant (random [| 5; 4 |] seed)
    let before, after = random [| 4 |] (seed + 1UL), random [| 3 |] (seed + 2UL)
    let f (t: float) = float (sign t) * sqrt (abs t)
    let matrix = Tensor.init [| 4; 3 |] (fun i -> f before[i / 3] * f after[i % 3])
    let bias = Tensor.init [| 3 |] (fun i -> f after[i])

    let expected = NoisyDense.independent parameters (Expr.constant matrix) (Expr.constant bias) x
    let actual = NoisyDense.factorised parameters (Expr.constant before) (Expr.constant after) x
    close (value expected) (value actual)
    // A row with noise of its own is that row with the noise of all.
    let many (tensor: Tensor) = Expr.broadcastTo [| 5; tensor.Count |] (Expr.constant tensor)
    close (value expected) (value (NoisyDense.factorised parameters (many before) (many after) x))

[<Property>]
let ``without noise a noisy layer is its mean, and its slopes are those of differences`` (seed: uint64) =
    let layer = NoisyDense.create ParameterNoise.Independent 4 3
    let layout = NoisyDense.layout layer
    let parameters = start layout seed
    let x = Expr.constant (random [| 5; 4 |] seed)
    let zeros shape = Expr.zeros shape
    let mean = value (NoisyDense.mean parameters x)
    close mean (value (NoisyDense.independent parameters (zeros [| 4; 3 |]) (zeros [| 3 |]) x))
    close mean (value (NoisyDense.factorised parameters (zeros [| 4 |]) (zeros [| 3 |]) x))
    let weightNoise, biasNoise = random [| 4; 3 |] seed, random [| 3 |] seed
    let inputNoise = random [| 4 |] seed

    let independent theta =
        NoisyDense.independent (Parameters.create layout theta) (Expr.constant weightNoise) (Expr.constant biasNoise) x

    let factorised theta =
        NoisyDense.factorised (Parameters.create layout theta) (Expr.constant inputNoise) (Expr.constant biasNoise) x

    let theta = value parameters.Theta
    checkSlope independent theta
    checkSlope factorised theta

[<Fact>]
let ``noisy layers start as the paper says`` () =
    let check noise bound deviation =
        let layout = NoisyDense.layout (NoisyDense.create noise 16 200)
        let struct (theta, _) = Layout.initialise (Rng.create 3UL) layout
        let read name = (Layout.read name layout theta).ToArray()

        for name in [ "weight"; "bias" ] do
            let largest = read name |> Array.map abs |> Array.max
            Assert.InRange(largest, 0.95 * bound, bound)

        for name in [ "weightDeviation"; "biasDeviation" ] do
            Assert.All(read name, (fun number -> Assert.Equal(deviation, number, 12)))

    check ParameterNoise.Independent (sqrt (3.0 / 16.0)) 0.017
    check ParameterNoise.Factorised 0.25 0.125

[<Property>]
let ``a perceptron normalised over batches is its layers, acting row by row, and hands out its statistics``
    (seed: uint64)
    =
    let normalisation = { BatchRenormalisation.create 3 with Momentum = 0.3; WarmUp = 0 }

    let mlp =
        { Mlp.create 0.5 3 [ 5; 4 ] 2 with
            Activation = Activation.Silu
            BatchNormalisation = Some normalisation
        }

    let layout = Mlp.layout mlp
    let random = start layout seed

    // Variances must not be negative, and each layer is past its warm-up.
    let theta =
        Expr.concat
            0
            [
                for block in layout.Blocks do
                    let own = Expr.slice 0 block.Offset (block.Offset + block.Count) random.Theta

                    if block.Name.EndsWith "variance" then
                        Expr.abs own + 0.2
                    elif block.Name.EndsWith "batches" then
                        Expr.constant (Tensor.create [| 1 |] [| 4.0 |])
                    else
                        own
            ]

    let parameters = Parameters.create layout theta
    let x = Expr.constant (Tensor.init [| 6; 3 |] (fun i -> sin (float (i * i) + float (seed % 100UL))))
    let after = ResizeArray<Expr>()

    let layer isTraining name (x: Expr) =
        let own = Parameters.at name parameters
        let inputs = Parameters.at "inputs" own
        let settings = { normalisation with Features = x.Shape[1] }
        let statistics = BatchRenormalisation.ofBlocks inputs

        let normalised =
            if isTraining then
                let struct (y, next) = BatchRenormalisation.train settings inputs statistics x
                after.AddRange [ next.Mean; next.Variance; Expr.reshape [| 1 |] next.Batches ]
                y
            else
                BatchRenormalisation.apply settings inputs statistics x

        Expr.matmul normalised (Parameters.block "weight" own) + Parameters.block "bias" own

    let expected isTraining =
        layer isTraining "output" (Expr.silu (layer isTraining "1" (Expr.silu (layer isTraining "0" x))))

    let acting = Mlp.apply mlp parameters x
    close (value (expected false)) (value acting)
    let rows = [ for row in 0..5 -> Mlp.apply mlp parameters (Expr.slice 0 row (row + 1) x) ]
    close (value acting) (value (Expr.concat 0 rows))
    let trained = Mlp.train (fun _ y -> y) mlp parameters x
    close (value (expected true)) (value trained.Output)
    close (value (Expr.concat 0 after)) (value trained.Statistics.Value)
    Assert.Equal(Layout.count (Mlp.statistics mlp), trained.Statistics.Value.Count)
    // What is learned comes first, then what is carried.
    let firsts = layout.Blocks |> Seq.map BatchRenormalisation.isStatistic |> Seq.toList
    Assert.Equal<bool list>(List.sort firsts, firsts)

    Assert.Equal(
        Layout.count (Mlp.weights mlp),
        firsts |> List.findIndex id |> fun index -> layout.Blocks[index].Offset
    )

[<Fact>]
let ``parameters of two layouts are read beside each other, whatever the path`` () =
    let first = Layout.empty |> Layout.add "weight" [| 1 |] (Initialiser.Constant 0.0) |> Layout.under "a/0"
    let second = Layout.empty |> Layout.add "mean" [| 2 |] (Initialiser.Constant 0.0) |> Layout.under "a/0"

    let parameters =
        Parameters.create first (Expr.vector [ 1.0 ])
        |> Parameters.beside (Parameters.create second (Expr.vector [ 2.0; 3.0 ]))
        |> Parameters.at "a"
        |> Parameters.at "0"

    close (Tensor.vector [ 1.0 ]) (value (Parameters.block "weight" parameters))
    close (Tensor.vector [ 2.0; 3.0 ]) (value (Parameters.block "mean" parameters))
    let error = Assert.ThrowsAny<System.ArgumentException>(fun () -> Parameters.block "none" parameters |> ignore)
    Assert.Contains("a/0/none", error.Message)

// --- Unit norm
// -------------------------------------------------------------------------------------------------------------

[<Property>]
let ``projected weights have columns of length 1 and the same directions, biases stay`` (seed: uint64) =
    let mlp = Mlp.create 1.0 3 [ 5; 4 ] 2
    let layout = Mlp.layout mlp
    let theta = (start layout seed).Theta
    let before, after = (value theta).ToArray(), (value (UnitNorm.project 1e-12 layout theta)).ToArray()

    for block in layout.Blocks do
        let old, projected = Layout.read block.Name layout before, Layout.read block.Name layout after

        if block.Name.EndsWith "weight" then
            let columns = block.Shape[1]

            for column in 0 .. columns - 1 do
                let norm =
                    seq { for row in 0 .. block.Shape[0] - 1 -> old[row * columns + column] ** 2.0 } |> Seq.sum |> sqrt

                for row in 0 .. block.Shape[0] - 1 do
                    let i = row * columns + column
                    Assert.Equal(old[i] / norm, projected[i], 10)
        else
            close old projected

[<Property>]
let ``a normalised vector has length 1, whatever its scale, and 0 has a finite derivative`` (seed: uint64) =
    let x = random [| 4; 3 |] seed
    let y = UnitNorm.normalise 1e-12 (Expr.constant x)
    close (Tensor.full [| 4 |] 1.0) (value (Expr.sumOver [| -1 |] (Expr.square y)))
    close (value y) (value (UnitNorm.normalise 1e-12 (7.0 * Expr.constant x)))
    checkSlope (UnitNorm.normalise 0.1) x
    let zero = Expr.fresh (Expr.zeros [| 2; 3 |])
    let slope = value (Array.head (Diff.gradients (Expr.sum (UnitNorm.normalise 0.1 zero)) [| zero |]))
    close (Tensor.full [| 2; 3 |] 10.0) slope
