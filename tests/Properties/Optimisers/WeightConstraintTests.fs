/// Weights of hidden layers after each step: of length 1, or with a largest singular value of 1, which power iterations
/// find; other parameters move as they would without it.
module Rl.Tests.Optimisers.WeightConstraintTests

open System
open MathNet.Numerics.LinearAlgebra
open Rl.Core.Autodiff
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Optimisers
open Rl.Tests.Autodiff
open Xunit

/// Standard normal numbers from a seed.
let private normals (seed: uint64) count =
    Array.unfold
        (fun struct (rng, left) ->
            if left = 0 then
                None
            else
                let struct (value, next) = Rng.normal rng
                Some(value, struct (next, left - 1)))
        (struct (Rng.create seed, count))

let private singularValues rows columns (values: float[]) =
    (Matrix<float>.Build.DenseOfRowMajor(rows, columns, values)).Svd(true)

[<Theory; InlineData(3, 5); InlineData(5, 3); InlineData(1, 4); InlineData(4, 1); InlineData(12, 12)>]
let ``power iterations find the largest singular value and its vector, from below`` (rows: int) (columns: int) =
    let values = normals 3UL (rows * columns)
    let matrix = Expr.constant (Tensor.create [| rows; columns |] values)
    let start = Expr.constant (Tensor.vector (Array.create columns 1.0))
    let exact = singularValues rows columns values
    let largest = exact.S[0]
    let mutable before = 0.0

    for iterations in [ 0; 1; 3; 10; 400 ] do
        let struct (size, vector) = SpectralNorm.iterate iterations matrix start
        let found = Reference.evaluate size
        Assert.InRange(found[0], before - 1e-12, largest * (1.0 + 1e-12))
        before <- found[0]

        if iterations = 400 then
            Assert.Equal(largest, found[0], 1e-9 * largest)
            let v = (Reference.evaluate vector).ToArray()
            let along = Seq.sum (seq { for i in 0 .. columns - 1 -> v[i] * exact.VT[0, i] })
            Assert.Equal(1.0, abs along, 1e-9)

/// θ after each gradient: two numbers, a dense layer's matrix [3, 4], a number, a convolution's [2, 2].
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

let private places =
    [
        { First = 2; Rows = 3; Columns = 4; UnitsAreRows = false }
        { First = 15; Rows = 2; Columns = 2; UnitsAreRows = true }
    ]

let private matrices (theta: float[]) =
    [
        for place in places ->
            place, Array.chunkBySize place.Columns theta[place.First .. place.First + place.Rows * place.Columns - 1]
    ]

let private largest (matrix: float[][]) = (Matrix<float>.Build.DenseOfRowArrays matrix).Svd(true).S[0]
let private length (x: float[]) = sqrt (Array.sumBy (fun x -> x * x) x)
let private ofLength1 (x: float[]) = x |> Array.map (fun number -> number / length x)

/// The weights of each unit.
let private units (place: MatrixPlace, matrix: float[][]) =
    if place.UnitsAreRows then matrix else Array.transpose matrix

let private adam = Optimiser.adam (Schedule.constant 0.01) 1e-8

let private constrained kind =
    let options = { NetworkOptions.defaults [] with WeightConstraint = kind }
    (NetworkOptions.constrain options adam).ForMatrices.Value places

let private isFree place = List.contains place [ 0; 1; 14 ]

[<Fact>]
let ``steps leave singular values or lengths at 1, and move all else as without a constraint`` () =
    let theta = normals 5UL 19
    let gradients = [ for step in 1..60 -> normals (uint64 (100 + step)) 19 ]

    for _, evaluator in ("the reference", Evaluator.reference) :: Evaluator.doubles do
        let plain = run evaluator adam theta gradients |> List.toArray

        for kind in [ WeightConstraint.SpectralNorm; WeightConstraint.UnitNorm ] do
            let path = run evaluator (constrained kind) theta gradients |> List.toArray

            // The first step of both is the same: what is put back is where it leads.
            for (place, placed), (_, moved) in List.zip (matrices path[0]) (matrices plain[0]) do
                let parts matrix = if kind.IsUnitNorm then units (place, matrix) else [| Array.concat matrix |]

                for own, other in Array.zip (parts placed) (parts moved) do
                    Array.iter2 (fun (x: float) y -> Assert.Equal(x, y, 1e-12)) (ofLength1 own) (ofLength1 other)

            for step in 0..59 do
                for place in Seq.filter isFree [ 0..18 ] do
                    Assert.Equal(plain[step].[place], path[step].[place], 1e-12)

                for place, matrix in matrices path[step] do
                    if kind.IsUnitNorm then
                        for unit in units (place, matrix) do
                            Assert.Equal(1.0, length unit, 1e-12)
                    elif step >= 20 then
                        Assert.Equal(1.0, largest matrix, 1e-3)

            Assert.NotEqual(plain[59].[3], path[59].[3], 1e-3)

[<Fact>]
let ``without gradients a matrix is divided by what is to be 1, and zeros stay zeros`` () =
    let theta = Array.append (normals 7UL 15) (Array.zeroCreate 4)
    let still = List.replicate 80 (Array.zeroCreate<float> 19)

    for kind in [ WeightConstraint.SpectralNorm; WeightConstraint.UnitNorm ] do
        let last = run Evaluator.reference (constrained kind) theta still |> List.last
        let _, before = List.head (matrices theta)

        let sizes =
            if kind.IsUnitNorm then
                Array.transpose before |> Array.map length
            else
                Array.create 4 (largest before)

        for place in 0..18 do
            let isMoved = place >= 2 && place <= 13
            let expected = if isMoved then theta[place] / sizes[(place - 2) % 4] else theta[place]
            Assert.Equal(expected, last[place], 1e-7)

[<Fact>]
let ``a matrix of one row or column is divided by its length`` () =
    let theta = normals 9UL 7

    for place in
        [
            { First = 1; Rows = 1; Columns = 5; UnitsAreRows = false }
            { First = 1; Rows = 5; Columns = 1; UnitsAreRows = false }
        ] do
        let optimiser =
            NetworkOptions.constrain
                { NetworkOptions.defaults [] with WeightConstraint = WeightConstraint.SpectralNorm }
                adam

        let last =
            run Evaluator.reference (optimiser.ForMatrices.Value [ place ]) theta [ Array.zeroCreate 7 ]
            |> List.last

        Assert.Equal(1.0, length last[1..5], 1e-12)
        Assert.Equal(theta[0], last[0])
        Assert.Equal(theta[6], last[6])

[<Fact>]
let ``a vector that does not fit the matrix is refused`` () =
    let error =
        Assert.ThrowsAny<ArgumentException>(fun () ->
            SpectralNorm.iterate 1 (Expr.input "w" [| 2; 3 |]) (Expr.input "v" [| 2 |]) |> ignore)

    Assert.Contains("[2, 3]", error.Message)
