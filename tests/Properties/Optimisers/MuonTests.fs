/// Muon: what becomes of singular values, steps against plain arrays, and which parameters of a network are matrices.
module Rl.Tests.Optimisers.MuonTests

open System
open Rl.Core.Autodiff
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Optimisers
open Rl.Tests.Autodiff
open Xunit

type private Matrix = float[][]

let private product (a: Matrix) (b: Matrix) : Matrix =
    a
    |> Array.map (fun row -> Array.init b[0].Length (fun j -> row |> Array.mapi (fun i x -> x * b[i].[j]) |> Array.sum))

let private transpose (a: Matrix) : Matrix = Array.transpose a
let private scaled (factor: float) (a: Matrix) : Matrix = a |> Array.map (Array.map ((*) factor))
let private sum (a: Matrix) (b: Matrix) : Matrix = Array.map2 (Array.map2 (+)) a b
let private norm (a: Matrix) = a |> Array.sumBy (Array.sumBy (fun x -> x * x)) |> sqrt

let private tensor (a: Matrix) = Tensor.create [| a.Length; a[0].Length |] (Array.concat a)

let private evaluated (x: Expr) : Matrix = (Reference.evaluate x).ToArray() |> Array.chunkBySize x.Shape[1]

let private near tolerance (expected: Matrix) (actual: Matrix) =
    Array.iter2 (Array.iter2 (fun (e: float) a -> Assert.Equal(e, a, tolerance = tolerance))) expected actual

/// Turns in the plane of two of n axes.
let private turn n i j (angle: float) : Matrix =
    Array.init n (fun r ->
        Array.init n (fun c ->
            match r, c with
            | r, c when r = i && c = i -> cos angle
            | r, c when r = j && c = j -> cos angle
            | r, c when r = i && c = j -> -(sin angle)
            | r, c when r = j && c = i -> sin angle
            | r, c when r = c -> 1.0
            | _ -> 0.0))

let private left = product (turn 3 0 1 0.7) (turn 3 1 2 -1.1)
let private right = product (turn 4 0 3 0.4) (product (turn 4 1 2 2.0) (turn 4 0 2 -0.3))

/// A matrix [3, 4] of these singular values.
let private ofSingular (values: float[]) : Matrix =
    let middle = Array.init 3 (fun r -> Array.init 4 (fun c -> if r = c then values[r] else 0.0))
    product left (product middle right)

/// Five times 3.4445 x − 4.775 x³ + 2.0315 x⁵.
let private polynomial (x: float) = Seq.fold (fun x _ -> 3.4445 * x - 4.775 * x ** 3.0 + 2.0315 * x ** 5.0) x [ 1..5 ]

[<Theory; InlineData(1.0); InlineData(1e-6); InlineData(1e6)>]
let ``singular values go through the polynomial, whatever the scale, and directions stay`` (scale: float) =
    let values = [| 5.0; 1.2; 0.03 |] |> Array.map ((*) scale)
    let length = sqrt (values |> Array.sumBy (fun x -> x * x)) + 1e-7
    let expected = values |> Array.map (fun x -> polynomial (x / length)) |> ofSingular
    let matrix = ofSingular values
    near 1e-9 expected (evaluated (Muon.orthogonalise (Expr.constant (tensor matrix))))
    near 1e-9 (transpose expected) (evaluated (Muon.orthogonalise (Expr.constant (tensor (transpose matrix)))))

[<Fact>]
let ``no singular value of at least a five-hundredth of the norm is far from 1, and zeros stay`` () =
    for k in 1..2000 do
        Assert.InRange(polynomial (0.002 + float k * 0.998 / 2000.0), 0.68, 1.21)

    let zeros = Array.create 2 (Array.zeroCreate 3)
    near 0.0 zeros (evaluated (Muon.orthogonalise (Expr.constant (tensor zeros))))

let private muon = Optimiser.muon (Schedule.constant 0.1) 0.9 0.8 0.95 1e-3 0.02

/// θ after each gradient: an input of one number, a matrix [2, 3], two further numbers.
let private run (evaluator: Evaluator) (transform: Transform) (theta: float[]) (gradients: float[] list) =
    let n = theta.Length

    let struct (next, state) =
        Optimiser.update
            transform
            (Expr.input "g" [| n |])
            (Optimiser.inputs "" n transform)
            (Expr.input "theta" [| n |])

    let names = "theta" :: (Optimiser.state n transform |> List.map _.Name) |> List.toArray
    let start = Map.ofList (("theta", Tensor.vector theta) :: Optimiser.initialise n transform)

    let step (values: Map<string, Tensor>) (g: float[]) =
        evaluator (Map.add "g" (Tensor.vector g) values) (Array.ofList (next :: state))
        |> Array.zip names
        |> Map.ofArray

    gradients |> List.scan step start |> List.tail |> List.map (fun values -> values["theta"].ToArray())

/// The same with arrays: the matrix by Muon, the others by Adam.
let private plain (theta: float[]) (gradients: float[] list) =
    let theta = Array.copy theta
    let m, v = Array.zeroCreate<float> 9, Array.zeroCreate<float> 9
    let isMatrix i = i >= 1 && i < 7

    gradients
    |> List.mapi (fun index g ->
        let t = float (index + 1)
        let beta i = if isMatrix i then 0.9 else 0.8

        for i in 0..8 do
            m[i] <- beta i * m[i] + (1.0 - beta i) * g[i]
            if not (isMatrix i) then v[i] <- 0.95 * v[i] + 0.05 * g[i] * g[i]

        let ahead = [| for i in 1..6 -> 0.9 * m[i] + 0.1 * g[i] |] |> Array.chunkBySize 3
        let mutable x = scaled (1.0 / (norm ahead + 1e-7)) ahead

        for _ in 1..5 do
            let a = product x (transpose x)
            let b = sum (scaled -4.775 a) (scaled 2.0315 (product a a))
            x <- sum (scaled 3.4445 x) (product b x)

        let steps = Array.concat (scaled (0.2 * sqrt 3.0) x)

        for i in 0..8 do
            let step =
                if isMatrix i then
                    steps[i - 1]
                else
                    m[i] / (1.0 - 0.8 ** t) / (sqrt (v[i] / (1.0 - 0.95 ** t)) + 1e-3)

            theta[i] <- theta[i] - 0.1 * (step + 0.02 * theta[i])

        Array.copy theta)

let private theta = [| 0.5; 1.0; -1.0; 0.2; 0.7; -0.4; 0.1; -2.0; 0.3 |]

let private gradients =
    [ for k in 1..6 -> Array.init 9 (fun i -> sin (float (3 * k + i * i)) * 10.0 ** float (i % 3 - 1)) ]

[<Fact>]
let ``steps are those of plain arrays, with a matrix between other numbers`` () =
    let transform = muon.ForMatrices.Value [ { First = 1; Rows = 2; Columns = 3; UnitsAreRows = false } ]

    for _, evaluator in ("the reference", Evaluator.reference) :: Evaluator.doubles do
        List.iter2
            (Array.iter2 (fun (e: float) a -> Assert.Equal(e, a, 12)))
            (plain theta gradients)
            (run evaluator transform theta gradients)

[<Fact>]
let ``without matrices it is Adam with decoupled decay`` () =
    let adamW = Optimiser.adamW (Schedule.constant 0.1) 0.8 0.95 1e-3 0.02 false

    for transform in [ muon; muon.ForMatrices.Value [] ] do
        List.iter2
            (Array.iter2 (fun (e: float) a -> Assert.Equal(e, a, 12)))
            (run Evaluator.reference adamW theta gradients)
            (run Evaluator.reference transform theta gradients)

[<Fact>]
let ``matrices beyond the parameters or within each other are refused`` () =
    let refused (places: MatrixPlace list) =
        Assert.Throws<ArgumentException>(fun () ->
            run Evaluator.reference (muon.ForMatrices.Value places) theta gradients |> ignore)
        |> ignore

    refused [ { First = 4; Rows = 2; Columns = 3; UnitsAreRows = false } ]

    refused
        [
            { First = 1; Rows = 2; Columns = 2; UnitsAreRows = false }
            { First = 3; Rows = 1; Columns = 2; UnitsAreRows = false }
        ]

    refused [ { First = 1; Rows = 0; Columns = 2; UnitsAreRows = false } ]

    Assert.Throws<ArgumentException>(fun () -> Muon.orthogonalise (Expr.vector [| 1.0 |]) |> ignore)
    |> ignore

[<Fact>]
let ``in an update the weights of hidden layers are matrices, and all else moves as with Adam`` () =
    use workers = new Workers(2)
    let mlp = Mlp.create 1.0 3 [ 5; 4 ] 2
    let layout = Mlp.layout mlp
    let inputs = Column.step "x" 3

    let update transform =
        Update.create
            {
                Name = "step"
                Groups =
                    [
                        // A group before it that the same optimiser moves: the places of matrices are shifted.
                        ParameterGroup.beside
                            "shift"
                            [ { Name = "weight"; Shape = [| 2 |]; Initial = 1.0 } ]
                            (GroupMotion.Learns("optimiser", transform))
                        ParameterGroup.ofPart
                            "network"
                            { First = 0; Layout = layout }
                            (GroupMotion.Learns("optimiser", transform))
                    ]
                Shape = SampleShape.steps 8
                MaxGradientNorm = 0.0
                Loss =
                    fun batch ->
                        let y =
                            Mlp.apply mlp (batch.Parameters "network") batch[inputs] + batch.Block("shift", "weight")

                        [ Term.mean "loss" 1.0 (Expr.sumOver [| -1 |] (Expr.square y)) ]
            }

    let rate = 1e-3
    let schedule = Schedule.constant rate

    let moved transform =
        let update = update transform
        let struct (start, _) = Layout.initialise (Rng.create 5UL) layout
        let before = Array.map float32 start
        (ReadOnlyMemory before).CopyTo(update.Group "network")
        (ReadOnlyMemory [| 1.0f; 1.0f |]).CopyTo(update.Group "shift")
        let x = Array.init 24 (fun i -> float32 (cos (float i)))
        update.ChooseAll(Samples(8, (fun row -> struct (row, 0)), [ inputs, x ]))
        update.Run workers
        let after = (update.Group "network").ToArray()
        Array.map2 (fun a b -> float (a - b)) after before, (update.Group "shift").ToArray()

    let adam, shiftOfAdam = moved (Optimiser.adam schedule 1e-8)
    let muon, shiftOfMuon = moved (Optimiser.muon schedule 0.95 0.9 0.999 1e-8 0.0)
    let downhill, _ = moved (Optimiser.sgd (Schedule.constant 1.0) 0.0 0.0 false 0.0)
    Assert.Equal<float32[]>(shiftOfAdam, shiftOfMuon)

    for block in layout.Blocks do
        let own (values: float[]) = Array.sub values block.Offset block.Count

        if block.Name = "0/weight" || block.Name = "1/weight" then
            let size = rate * 0.2 * sqrt (float (max block.Shape[0] block.Shape[1]))
            let gradient = own downhill |> Array.chunkBySize block.Shape[1]
            let expected = evaluated (Muon.orthogonalise (Expr.constant (tensor gradient))) |> scaled size
            near (0.02 * size) expected (own muon |> Array.chunkBySize block.Shape[1])
        else
            Array.iter2 (fun (e: float) a -> Assert.Equal(e, a, tolerance = 1e-5 * rate)) (own adam) (own muon)

[<Fact>]
let ``weights of hidden layers are those of a trunk's last one too, and no deviations of noisy networks`` () =
    use workers = new Workers(2)

    let means =
        Layout.merge
            [
                "encoder", Layout.add "0/weight" [| 2; 3; 2; 2 |] (Initialiser.Orthogonal 1.0) Layout.empty
                "trunk", Mlp.layout { Mlp.trunk Activation.Tanh 3 [ 5; 4 ] with LayerNormalisation = true }
                "memory", Recurrent.layout (Recurrent.create RecurrentCell.Gru 4 4)
                "actor", Mlp.layout (Mlp.create 1.0 4 [ 6 ] 2)
            ]

    let layout = (NoisyNetwork(ParameterNoise.Factorised, 0.5, means)).Layout

    // Every number has a derivative of its own, and they have either sign.
    let slopes = Expr.vector [ for index in 1 .. layout.Count -> sin (float (index * index)) ]

    let moved transform =
        let update =
            Update.create
                {
                    Name = "step"
                    Groups =
                        [
                            ParameterGroup.ofPart
                                "network"
                                { First = 0; Layout = layout }
                                (GroupMotion.Learns("optimiser", transform))
                        ]
                    Shape = SampleShape.steps 1
                    MaxGradientNorm = 0.0
                    Loss =
                        fun batch -> [ Term.once "loss" 1.0 (Expr.sum (slopes * (batch.Parameters "network").Theta)) ]
                }

        (ReadOnlyMemory(Array.zeroCreate<float32> layout.Count)).CopyTo(update.Group "network")
        update.ChooseAll(Samples(1, (fun _ -> struct (0, 0)), []))
        update.Run workers
        (update.Group "network").ToArray()

    let adam = moved (Optimiser.adam (Schedule.constant 1.0) 1e-8)
    let muon = moved (Optimiser.muon (Schedule.constant 1.0) 0.95 0.9 0.999 1e-8 0.0)

    let otherwise =
        [
            for block in layout.Blocks do
                let own (values: float32[]) = Array.sub values block.Offset block.Count

                if Array.exists2 (fun (a: float32) b -> abs (a - b) > 1e-3f) (own adam) (own muon) then
                    block.Name
        ]

    Assert.Equal<string list>(
        [ "encoder/0/weight"; "trunk/0/weight"; "trunk/output/weight"; "actor/0/weight" ],
        otherwise
    )

[<Fact>]
let ``options name the optimisers with PyTorch's constants`` () =
    let rate, decay = Schedule.constant 0.1, 0.02

    for kind, expected in
        [
            OptimiserKind.Adam, Optimiser.adamWith rate 0.9 0.999 1e-5 decay false
            OptimiserKind.AdamW, Optimiser.adamW rate 0.9 0.999 1e-5 decay false
            OptimiserKind.RAdam, Optimiser.rAdam rate 0.9 0.999 1e-5 decay
            OptimiserKind.Muon, Optimiser.muon rate 0.95 0.9 0.999 1e-5 decay
        ] do
        let named = OptimiserOptions.transform rate 1e-5 { Optimiser = kind; WeightDecay = decay }
        let path transform = run Evaluator.reference transform theta gradients
        Assert.Equal<float[] list>(path expected, path named)
        Assert.Equal(kind.IsMuon, named.ForMatrices.IsSome)
