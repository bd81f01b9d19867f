/// Draws at both ends of the unit interval, which only one number in 2⁵³ reaches; probabilities that are 0; and what a
/// mixture's components are responsible for.
module Rl.Tests.Distributions.EdgeDrawTests

#nowarn "3391" // arrays convert to spans

open System
open Rl.Core.Autodiff
open Rl.Core.Distributions
open Rl.Core.Environments
open Rl.Core.Foundations
open Rl.Core.Networks
open Rl.Core.Tabular
open Xunit

/// x with x ⊕ (x ≫ shift) = value.
let private unshift (shift: int) (value: uint64) =
    let mutable x = value

    for _ in 1..64 do
        x <- value ^^^ (x >>> shift)

    x

/// The inverse of an odd factor modulo 2⁶⁴ (Newton).
let private inverse (factor: uint64) = Seq.fold (fun (x: uint64) _ -> x * (2UL - factor * x)) 1UL [ 1..7 ]

/// A generator whose next word is the given one: SplitMix64 backwards.
let private beforeWord (word: uint64) : Rng =
    let state =
        word
        |> unshift 31
        |> (*) (inverse 0x94D049BB133111EBUL)
        |> unshift 27
        |> (*) (inverse 0xBF58476D1CE4E5B9UL)
        |> unshift 30

    let gamma = 0x9E3779B97F4A7C15UL
    Rng(state - gamma, gamma)

/// Words that stand for 0, the least above it, and the largest below 1.
let private edges = [ 0UL; 2047UL; 2048UL; UInt64.MaxValue ]

[<Fact>]
let ``the words come as they were asked for`` () =
    for word in edges @ [ 12345UL; 1UL <<< 63 ] do
        let struct (drawn, _) = Rng.bits (beforeWord word)
        Assert.Equal(word, drawn)

    let struct (least, _) = Rng.uniform (beforeWord 0UL)
    let struct (largest, _) = Rng.uniform (beforeWord UInt64.MaxValue)
    Assert.Equal((0.0, 1.0 - Math.ScaleB(1.0, -53)), (least, largest))

[<Fact>]
let ``no action of probability 0 is drawn, first, last or between`` () =
    let never = -infinityf

    for logits in
        [
            [| never; 0.0f; never; 1.0f; never |]
            [| never; never; 2.0f |]
            [| 3.0f; never; never |]
            [| never; -200.0f; 0.0f; -200.0f; never |]
            Array.append [| never |] (Array.append (Array.create 10 0.1f) [| never |])
        ] do
        let total = logits |> Array.sumBy (fun logit -> exp (float logit))
        let sizes = [| logits.Length; logits.Length |]

        for word in edges do
            let struct (action, logProbability, _) = Categorical.sample logits (beforeWord word)
            Assert.True(Single.IsFinite logits[action], $"{word} draws {action}")
            Assert.Equal(float logits[action] - log total, float logProbability, 1e-5)

            let both, drawn = Array.append logits logits, Array.zeroCreate<int> 2
            let struct (_, _) = MultiCategorical.sample sizes both drawn (beforeWord word)
            Assert.All(drawn, (fun action -> Assert.True(Single.IsFinite logits[action])))

[<Fact>]
let ``no outcome of probability 0 is drawn, though the others do not quite sum to 1`` () =
    // Ten tenths are 1 − 2⁻⁵³.
    let tenths = Array.create 10 0.1

    for probabilities in
        [
            [| 0.0; 0.5; 0.0; 0.5; 0.0 |]
            [| 0.0; 0.0; 1.0; 0.0 |]
            Array.append tenths [| 0.0 |]
            Array.append [| 0.0 |] tenths
            Array.concat [ tenths; [| 0.0; 0.0 |] ]
        ] do
        let states = probabilities.Length
        let row = [| probabilities |]
        let mdp = Mdp.create 0.9 probabilities (Array.create states row) (Array.create states [| 1.0 |])

        for word in edges do
            let struct (arm, _) = Bandits.draw probabilities (beforeWord word)
            let struct (start, _) = Mdp.sampleStart mdp (beforeWord word)
            let struct (_, outcome, _) = Mdp.sample mdp 0 0 (beforeWord word)

            for index in [ arm; start; outcome.Next ] do
                Assert.True(probabilities[index] > 0.0, $"{word} draws {index} of {probabilities.Length}")

[<Fact>]
let ``draws at the ends are numbers, and inside their intervals`` () =
    let numbers (values: float seq) = Assert.All(values, (fun value -> Assert.True(Double.IsFinite value)))

    for word in edges do
        let rng = beforeWord word
        let struct (normal, _) = Rng.normal rng
        let struct (own, _) = Normal.sample 1.0 2.0 rng
        numbers [ normal; own ]

        for low, high in [ -0.05, 0.05; 1e9, 1e9 + 2.4e-7; 0.0, 1e-300 ] do
            let struct (value, _) = Rng.uniformIn low high rng
            Assert.True(value >= low && value < high)

        for bound in [ 1; 2; 3; 7; Int32.MaxValue ] do
            let struct (value, _) = Rng.below bound rng
            Assert.InRange(value, 0, bound - 1)

        let struct (never, _) = Rng.bernoulli 0.0 rng
        let struct (always, _) = Rng.bernoulli 1.0 rng
        Assert.Equal((false, true), (never, always))

        for low, high in [ -1.0, 2.0; 5.0, 6.0; -6.0, -5.0; 9.0, 12.0; -infinity, 1.0 ] do
            let struct (value, _) = TruncatedNormal.sample low high 0.0 1.0 rng
            Assert.InRange(value, max low -1e9, high)

        for alpha, beta in [ 1.0, 1.0; 0.3, 4.0; 50.0, 0.2 ] do
            let struct (share, _) = Beta.sample alpha beta rng
            Assert.True(share > 0.0 && share < 1.0)

        let drawn, mean, deviation, logits = Array.zeroCreate<float32> 1, [| 0.5f |], [| 0.3f |], [| 1e4f; -1e4f |]
        let struct (log, _) = SquashedNormal.sample -1.0f 3.0f mean deviation drawn rng
        numbers [ float log ]
        Assert.InRange(drawn[0], -1.0f, 3.0f)
        let bits = Array.zeroCreate<float32> 2
        let struct (log, _) = Bernoulli.sample logits bits rng
        Assert.Equal<float32[]>([| 1.0f; 0.0f |], bits)
        Assert.Equal(0.0f, log)

[<Fact>]
let ``values of a space that are drawn at the ends lie in it, masks too`` () =
    let spaces =
        [
            Space.discreteFrom -3 5
            Space.multiDiscreteFrom [| 5; 0 |] [| 3; 2 |]
            Space.multiBinary [| 3 |]
            Space.boxOf -0.1 0.3 [| 2 |]
            Space.box [| -infinity; 0.0; -infinity |] [| 1.0; infinity; infinity |] [| 3 |]
        ]

    for space in spaces do
        for word in edges do
            let value = Array.zeroCreate<float32> space.Size
            space.Sample(beforeWord word, Span value) |> ignore
            Assert.True(space.Contains value, $"{value} is not in {space}")

    // Each first and each last choice is impossible.
    let space = Space.tuple [ Space.discreteFrom 4 4; Space.multiDiscrete [| 3; 3 |] ]
    let mask = [| false; true; true; false; false; true; false; false; true; false |]

    for word in edges do
        let value = Array.zeroCreate<float32> space.Size
        space.Sample(beforeWord word, ReadOnlySpan mask, Span value) |> ignore
        Assert.InRange(value[0], 5.0f, 6.0f)
        Assert.Equal<float32[]>([| 1.0f; 1.0f |], value[1..])

// --- Quantities
// -----------------------------------------------------------------------------------------------------------

let private numbers (x: Expr) = (Reference.evaluate x).ToArray()

let private single (x: Expr) =
    let program = Program.ofOutputs<float32> [ "x", x ]
    program.Run()
    program.Output("x").ToArray() |> Array.map float

let private near (tolerance: float) (expected: float[]) (actual: float[]) =
    Assert.Equal(expected.Length, actual.Length)

    for i in 0 .. expected.Length - 1 do
        if not (abs (expected[i] - actual[i]) <= tolerance * (1.0 + abs expected[i])) then
            Assert.Fail $"element {i} is {actual[i]:R} instead of {expected[i]:R}"

[<Fact>]
let ``constant logits of −∞ are probabilities of 0 in every quantity`` () =
    let rows = [ [ 0.3; -infinity; 1.1; -infinity ]; [ -infinity; 0.0; 2.0; -1.0 ]; [ 0.0; 1.0; 2.0; 3.0 ] ]
    let logits = Expr.constant (Tensor.create [| 3; 4 |] (rows |> List.concat |> Array.ofList))
    let p = Categorical.ofLogits logits
    let q = Categorical.ofLogits (logits * 0.5)

    let plain (row: float list) =
        let weights = row |> List.map exp
        weights |> List.map (fun weight -> weight / List.sum weights)

    let terms f = rows |> List.map (fun row -> plain row |> f row) |> Array.ofList

    let entropy = terms (fun _ p -> p |> List.sumBy (fun p -> if p > 0.0 then -p * log p else 0.0))

    let kl =
        terms (fun row p ->
            List.map2 (fun p q -> if p > 0.0 then p * log (p / q) else 0.0) p (plain (List.map (fun x -> 0.5 * x) row))
            |> List.sum)

    let probabilities = rows |> List.collect plain |> Array.ofList

    for evaluate, tolerance in [ numbers, 1e-12; single, 1e-5 ] do
        near tolerance probabilities (evaluate (Categorical.probabilities p))
        near tolerance entropy (evaluate (Categorical.entropy p))
        near tolerance kl (evaluate (Categorical.kl p q))
        near tolerance (Array.zeroCreate 3) (evaluate (Categorical.kl p p))
        near tolerance [| 2.0; 2.0; 3.0 |] (evaluate (Categorical.mode p))

[<Fact>]
let ``a component is responsible in proportion to its weight and its density`` () =
    let struct (values, _) = Initialiser.sample [| 4; 3 |] (Initialiser.Normal(0.0, 1.0)) (Rng.create 8UL)
    let part row = values[3 * row .. 3 * row + 2]
    let logits, means, deviations = part 0, part 1, part 2 |> Array.map (fun value -> 0.4 * value)
    let column (values: float[]) = Expr.constant (Tensor.create [| 3; 1 |] values)

    let mixture =
        Mixture.create
            (Categorical.ofLogits (Expr.vector logits))
            (DiagonalNormal.create (column means) (column deviations))

    for x in [ -2.0; 0.1; 1.7 ] do
        let weighted =
            Array.init 3 (fun k ->
                let z = (x - means[k]) / exp deviations[k]
                exp (logits[k] - 0.5 * z * z - deviations[k]))

        let expected = weighted |> Array.map (fun weight -> weight / Array.sum weighted)
        near 1e-12 expected (numbers (Mixture.responsibilities (Expr.vector [ x ]) mixture))
        // They are the derivatives of the density in the weights' logits, and those of the prior beside them.
        let free = Expr.fresh (Expr.vector logits)
        let ofFree = Mixture.create (Categorical.ofLogits free) mixture.Components
        let gradient = (Diff.gradients (Mixture.logProbability (Expr.vector [ x ]) ofFree) [| free |])[0]
        let prior = numbers (Expr.softmax -1 (Expr.vector logits))
        near 1e-12 (Array.map2 (-) expected prior) (numbers gradient)
