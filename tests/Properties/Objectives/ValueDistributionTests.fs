/// Properties of value distributions: projections, distances, quantiles, and where their derivatives flow.
[<FsCheck.Xunit.Properties(Replay = "(1414213,562373)")>]
module Rl.Tests.Objectives.ValueDistributionTests

#nowarn "3391" // arrays convert to spans

open System
open FsCheck.Xunit
open Rl.Core.Foundations
open Rl.Core.Autodiff
open Rl.Core.Distributions
open Rl.Core.Networks
open Rl.Core.Objectives
open Rl.Tests.Objectives.EstimatorTests
open Xunit

let private atoms = Transforms.linearAtoms -3.0 3.0 13
let private probabilities shape seed = Expr.softmax -1 (random shape 1.5 seed)


[<Property>]
let ``a projection keeps the total, is nowhere negative, and keeps the mean of what lies inside`` (seed: uint64) =
    let p = probabilities [| 4; 7 |] seed
    let from = 2.9 * Expr.tanh (random [| 4; 7 |] 1.0 (seed + 1UL))
    let projected = ValueDistributions.project from p atoms
    near 1e-12 (Expr.ones [| 4 |]) (Expr.sumOver [| -1 |] projected)
    Assert.All(numbers projected, fun x -> Assert.InRange(x, 0.0, 1.0 + 1e-12))
    near 1e-12 (Expr.sumOver [| -1 |] (p * from)) (Expr.sumOver [| -1 |] (projected * atoms))

[<Property>]
let ``projecting onto the same atoms changes nothing`` (seed: uint64) =
    let p = probabilities [| 4; 13 |] seed
    near 1e-12 p (ValueDistributions.project atoms p atoms)

[<Property>]
let ``the projection onto even atoms is the general one, with its derivatives, on atoms and beyond the ends too``
    (seed: uint64)
    =
    let p = probabilities [| 4; 7 |] seed
    let drawn = 4.0 * Expr.tanh (random [| 4; 5 |] 1.0 (seed + 1UL))
    let from = Expr.concat -1 [ drawn; Expr.full [| 4; 1 |] -3.0; Expr.full [| 4; 1 |] 3.0 ]
    let even = ValueDistributions.projectEvenly -3.0 3.0 13
    near 1e-12 (ValueDistributions.project from p atoms) (even from p)
    let ends = Expr.vector [ -3.0; 3.0 ]
    near 1e-12 (ValueDistributions.project from p ends) (ValueDistributions.projectEvenly -3.0 3.0 2 from p)
    let weights = random [| 4; 13 |] 1.0 (seed + 2UL)
    let gradient project = (Diff.gradients (Expr.sum (weights * project p)) [| p |])[0]
    near 1e-12 (gradient (fun p -> ValueDistributions.project from p atoms)) (gradient (even from))

[<Fact>]
let ``a place that is not a number shows in its row alone`` () =
    let from = Expr.constant (Tensor.matrix [| [| 0.0; nan |]; [| 1.0; infinity |]; [| -infinity; 0.5 |] |])
    let projected = numbers (ValueDistributions.projectEvenly -1.0 1.0 3 from (Expr.full [| 3; 2 |] 0.5))
    Assert.Contains(projected[0..2], fun x -> Double.IsNaN x)
    Assert.Equal<float[]>([| 0.0; 0.0; 1.0; 0.5; 0.25; 0.25 |], projected[3..])

[<Property>]
let ``the distributional backup contracts the Wasserstein distance by γ`` (seed: uint64) =
    let p, q = probabilities [| 5; 13 |] seed, probabilities [| 5; 13 |] (seed + 1UL)
    let fine = Expr.sumKeep [| -1 |] atoms + 0.5 * atoms + 0.2
    // Moving the atoms is exact, so the factor is γ itself.
    near 1e-12 (0.5 * ValueDistributions.wasserstein atoms p q) (ValueDistributions.wasserstein fine p q)

/// All orders of a list.
let rec private permutations (items: 'T list) : 'T list list =
    match items with
    | [] -> [ [] ]
    | _ ->
        [
            for index in 0 .. items.Length - 1 do
                for rest in permutations (List.removeAt index items) -> items[index] :: rest
        ]

[<Property>]
let ``the Wasserstein distance of sorted quantiles is the least cost of pairing them in any order`` (seed: uint64) =
    let draw seed = numbers (random [| 2; 4 |] 1.0 seed) |> Array.chunkBySize 4 |> Array.map Array.sort
    let x, y = draw seed, draw (seed + 1UL)
    let rows (values: float[][]) = Expr.constant (Tensor.matrix values)

    for power in [ 1.0; 2.0; 3.0 ] do
        let cost (x: float[]) (y: float list) =
            (Seq.fold2 (fun total a b -> total + abs (a - b) ** power) 0.0 x y / 4.0) ** (1.0 / power)

        let least = Array.map2 (fun x y -> permutations (List.ofArray y) |> List.map (cost x) |> List.min) x y
        near 1e-12 (Expr.vector least) (ValueDistributions.wassersteinOfQuantiles power (rows x) (rows y))
        let moved = ValueDistributions.wassersteinOfQuantiles power (rows x) (rows x - 0.7)
        near 1e-12 (Expr.full [| 2 |] 0.7) moved

[<Property>]
let ``cosine embeddings are Chebyshev's polynomials of cos πτ, and orthogonal over the middles of equal parts``
    (seed: uint64)
    =
    let tau = Expr.sigmoid (random [| 3; 5 |] 1.0 seed)
    let embedded = ValueDistributions.cosineEmbedding 6 tau
    Assert.Equal<int[]>([| 3; 5; 6 |], embedded.Shape)
    let part i = embedded |> Expr.slice -1 (i - 1) i |> Expr.squeeze -1
    near 1e-12 (Expr.cos (Math.PI * tau)) (part 1)
    near 1e-12 (2.0 * Expr.square (part 1) - 1.0) (part 2)

    for i in 2..5 do
        near 1e-12 (2.0 * part 1 * part i - part (i - 1)) (part (i + 1))

    let basis = ValueDistributions.cosineEmbedding 7 (ValueDistributions.midpointLevels 8)
    let identity = Expr.constant (Tensor.init [| 7; 7 |] (fun i -> if i % 8 = 0 then 1.0 else 0.0))
    near 1e-12 identity (Expr.matmul (Expr.transpose basis) basis / 4.0)

[<Property>]
let ``the Cramér distance is 0 only from itself, and the Wasserstein distance bounds the difference of means``
    (seed: uint64)
    =
    let p, q = probabilities [| 5; 13 |] seed, probabilities [| 5; 13 |] (seed + 1UL)
    near 1e-14 (Expr.zeros [| 5 |]) (ValueDistributions.cramer atoms p p)
    Assert.All(numbers (ValueDistributions.cramer atoms p q), fun distance -> Assert.True(distance > 0.0))
    let means = Expr.abs (Expr.sumOver [| -1 |] ((p - q) * atoms))

    Assert.All(
        numbers (ValueDistributions.wasserstein atoms p q - means),
        fun slack -> Assert.InRange(slack, -1e-12, infinity)
    )

[<Property>]
let ``quantile regression at δ = 0 is least where the locations are the quantiles of the targets`` (seed: uint64) =
    let targets = random [| 9 |] 1.0 seed
    let sorted = numbers targets |> Array.sort
    let level = Expr.vector [ 0.5 ]

    let loss location =
        (Reference.evaluate (ValueDistributions.quantileRegression 0.0 (Expr.vector [ location ]) level targets)).Scalar

    let best = loss sorted[4]
    Assert.All(sorted, fun other -> Assert.True(best <= loss other + 1e-12))

[<Property>]
let ``derivatives of distributional losses flow into the prediction alone`` (seed: uint64) =
    let next, reward = Expr.fresh (random [| 2; 13 |] 1.0 seed), Expr.fresh (random [| 2 |] 1.0 (seed + 1UL))
    let now = Expr.fresh (random [| 2; 13 |] 1.0 (seed + 2UL))
    let loss = ValueDistributions.categoricalTd atoms now reward (Expr.full [| 2 |] 0.9) atoms next |> Expr.sum
    let gradients = Diff.gradients loss [| next; reward; now |] |> Array.map numbers
    Assert.All(Array.append gradients[0] gradients[1], fun g -> Assert.Equal(0.0, g))
    Assert.Contains(gradients[2], fun g -> g <> 0.0)

/// W₁ = Σ ∫ |F(ω) − F(τ̂ᵢ)| dω between bounds, by the midpoint rule on either side of each middle, where the integrand
/// has a corner.
let private distanceOf (f: float -> float) (bounds: float[]) : float =
    let all = Array.concat [ [| 0.0 |]; bounds; [| 1.0 |] ]

    all
    |> Array.pairwise
    |> Array.sumBy (fun (first, last) ->
        let middle = 0.5 * (first + last)

        let half from =
            let step = 0.5 * (last - first) / 2_000.0
            Seq.sum (seq { for k in 0..1_999 -> step * abs (f (from + (float k + 0.5) * step) - f middle) })

        half first + half middle)

[<Fact>]
let ``the slope of fractions is that of the Wasserstein distance to the quantile function`` () =
    let f tau = tau ** 3.0 + 0.5 * exp tau
    let bounds = [| 0.15; 0.4; 0.45; 0.8 |]

    let middles =
        Array.concat [ [| 0.0 |]; bounds; [| 1.0 |] ]
        |> Array.pairwise
        |> Array.map (fun (a, b) -> (a + b) / 2.0)

    let at (levels: float[]) = Expr.vector (levels |> Array.map f)
    let numbers (x: Expr) = (Reference.evaluate x).ToArray()
    let slope = numbers (QuantileFractions.slope (at bounds) (at middles))
    // In order, both slopes are one, and the loss has it as its derivative.
    Array.iter2
        (fun (x: float) y -> Assert.Equal(x, y, 12))
        slope
        (numbers (QuantileFractions.signedSlope (at bounds) (at middles)))

    let loss levels = QuantileFractions.loss (QuantileFractions.slope (at bounds) (at middles)) levels
    Array.iter2 (fun (x: float) y -> Assert.Equal(x, y, 12)) slope (numbers (Diff.grad loss (Expr.vector bounds)))

    for i in 0 .. bounds.Length - 1 do
        // With the middles where they are, as each is the best place of its fraction: the bound alone moves.
        let moved change =
            let all = bounds |> Array.mapi (fun k bound -> if k = i then bound + change else bound)
            distanceOf f all

        let h = 1e-3
        Assert.Equal((moved h - moved -h) / (2.0 * h), slope[i], 1e-4)

[<Fact>]
let ``where quantiles fall, the signed slope is that of the falling function turned round`` () =
    let numbers (x: Expr) = (Reference.evaluate x).ToArray()
    let bounds, middles = [| 3.0; 1.0; -2.0 |], [| 4.0; 2.0; 0.0; -5.0 |]
    let signed = numbers (QuantileFractions.signedSlope (Expr.vector bounds) (Expr.vector middles))
    let turned = numbers (QuantileFractions.slope (-(Expr.vector bounds)) (-(Expr.vector middles)))
    Assert.Equal<float[]>(turned, signed)
    // F(τ₁) above its left neighbour and above its right one; F(τ₂) as well as its neighbours on the wrong sides.
    let mixed = numbers (QuantileFractions.signedSlope (Expr.vector [| 2.0; 1.0 |]) (Expr.vector [| 0.0; 5.0; 3.0 |]))
    Assert.Equal<float[]>([| (2.0 - 0.0) - (2.0 - 5.0); -(1.0 - 5.0) + (1.0 - 3.0) |], mixed)
