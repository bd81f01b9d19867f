/// What offline losses mean on finite processes: expectile values between Sarsa's and the best of the data,
/// conservative values below the true ones, weights and penalties as they are written.
module Rl.Tests.Objectives.OfflineTests

open System
open FsCheck.Xunit
open Rl.Core.Autodiff
open Rl.Core.Foundations
open Rl.Core.Objectives
open Rl.Core.Tabular
open Rl.Tests.Theorems
open Xunit

let private numbers (x: Expr) = (Reference.evaluate x).ToArray()
let private matrix rows columns (values: float[]) = Expr.constant (Tensor.create [| rows; columns |] values)

/// V(s) that minimises Σₐ β(a|s) · the expectile's loss of Q(s, a), found where the loss's derivative is 0.
let private expectiles (level: float) (states: int) (actions: int) (behaviour: float[]) (actionValues: float[]) =
    let weights, values = matrix states actions behaviour, matrix states actions actionValues
    let input = Expr.input "v" [| states |]
    let repeated = Expr.broadcastTo [| states; actions |] (Expr.expandAxis -1 input)
    let loss = Expr.sum (weights * Offline.expectileLoss level repeated values)
    let slope = (Diff.gradients loss [| input |])[0]
    let low = Array.init states (fun s -> Array.min actionValues[s * actions .. (s + 1) * actions - 1])
    let high = Array.init states (fun s -> Array.max actionValues[s * actions .. (s + 1) * actions - 1])

    for _ in 1..60 do
        let middle = Array.map2 (fun l h -> (l + h) / 2.0) low high
        let slopes = (Reference.evaluateMany (fun _ -> Tensor.vector middle) [| slope |]).[0].ToArray()

        for s in 0 .. states - 1 do
            if slopes[s] < 0.0 then low[s] <- middle[s] else high[s] <- middle[s]

    low

/// The values that implicit Q-learning comes to: V the expectile of Q = r + γ P V over the data's actions.
let private implicitValues (level: float) (mdp: Mdp) (behaviour: TabularPolicy) rounds =
    let mutable values = Array.zeroCreate<float> mdp.States

    for _ in 1..rounds do
        values <-
            expectiles level mdp.States mdp.Actions (behaviour.Probabilities.ToArray()) (Mdp.actionValues mdp values)

    values

let private process' seed =
    let struct (mdp, rng) = Generators.dense 4 3 0.6 (Rng.create seed)
    let struct (policy, _, _) = TabularPolicy.random 1.0 4 3 rng
    mdp, policy

[<Fact>]
let ``implicit Q-learning with the expectile of a half is Sarsa: it evaluates the data's policy`` () =
    let mdp, behaviour = process' 11UL
    Expect.close 1e-8 "V" (Exact.values mdp behaviour) (implicitValues 0.5 mdp behaviour 45)

[<Fact>]
let ``implicit Q-learning rises with its expectile, to the best that the data's actions can do`` () =
    let mdp, behaviour = process' 12UL

    // One action of each state is never in the data.
    let table =
        behaviour.Probabilities.ToArray()
        |> Array.mapi (fun index p -> if index % mdp.Actions = index / mdp.Actions % mdp.Actions then 0.0 else p)

    let supported =
        table
        |> Array.mapi (fun index p ->
            let row = index / mdp.Actions * mdp.Actions
            p / Array.sum table[row .. row + mdp.Actions - 1])

    let behaviour = TabularPolicy.create mdp.States mdp.Actions supported

    // The best values with those actions alone.
    let best =
        (Array.zeroCreate<float> mdp.States, [ 1..200 ])
        ||> List.fold (fun values _ ->
            let q = Mdp.actionValues mdp values

            Array.init mdp.States (fun s ->
                seq { 0 .. mdp.Actions - 1 }
                |> Seq.filter (fun a -> behaviour[s, a] > 0.0)
                |> Seq.map (fun a -> q[s * mdp.Actions + a])
                |> Seq.max))

    let levels = [ 0.5; 0.7; 0.9; 0.99; 0.999999 ]
    let values = levels |> List.map (fun level -> implicitValues level mdp behaviour 45)

    for before, after in List.pairwise values do
        Assert.True(Array.forall2 (fun b a -> a >= b - 1e-9) before after)

    Assert.True(Array.forall2 (fun v b -> v <= b + 1e-9) (List.last values) best)
    Expect.close 1e-4 "V near 1" best (List.last values)

[<Fact>]
let ``conservative values lie below the true ones of their policy, and are equal only for the data's`` () =
    let mdp, behaviour = process' 13UL
    let n, k = mdp.States, mdp.Actions
    let beta = behaviour.Probabilities.ToArray()
    let weight = 0.3
    let input = Expr.input "q" [| n; k |]

    // E over the data's actions of α (ln Σ exp q − q(s, a)) + ½ (q(s, a) − y)², y constant.
    let gap =
        List.init k (fun a ->
            let own = input |> Expr.slice 1 a (a + 1) |> Expr.squeeze 1
            let share = Expr.vector [ for s in 0 .. n - 1 -> beta[s * k + a] ]
            share * Offline.conservativeGap 1.0 input own)
        |> List.reduce (+)
        |> Expr.sum

    let slope = (Diff.gradients gap [| input |])[0]
    let mutable q = Array.zeroCreate<float>(n * k)

    let policyOf (q: float[]) = TabularPolicy.softmax k q

    let valuesOf (q: float[]) =
        let policy = policyOf q
        Array.init n (fun s -> Seq.sum (seq { for a in 0 .. k - 1 -> policy[s, a] * q[s * k + a] }))

    // Steps to where β (q − y) + α · slope = 0.
    let residual (q: float[]) =
        let target = Mdp.actionValues mdp (valuesOf q)
        let slopes = (Reference.evaluateMany (fun _ -> Tensor.create [| n; k |] q) [| slope |]).[0].ToArray()
        Array.init (n * k) (fun i -> q[i] - target[i] + weight * slopes[i] / beta[i])

    for _ in 1..4000 do
        q <- Array.map2 (fun x r -> x - 0.1 * r) q (residual q)

    Assert.True(Array.forall (fun r -> abs r < 1e-9) (residual q))
    let policy = policyOf q
    let held, real = valuesOf q, Exact.values mdp policy
    Assert.True(Array.forall2 (fun h r -> h < r) held real)

    // How far below: what the policy pays for each step, Σ (π − β)² / β, discounted along its way.
    let pays =
        Array.init n (fun s ->
            Seq.sum (seq { for a in 0 .. k - 1 -> weight * (policy[s, a] - beta[s * k + a]) ** 2.0 / beta[s * k + a] }))

    let paid = Mdp.withRewards (fun s _ _ -> pays[s]) mdp
    Expect.close 1e-7 "the gap" (Array.map2 (-) real held) (Exact.values paid policy)

[<Property(MaxTest = 50)>]
let ``the conservative gap is at least 0 where the data's action is compared too`` (seed: uint64) =
    let values = Array.zeroCreate<float32> 12
    Rng.normals (Span values) (Rng.create seed) |> ignore
    let others = matrix 3 4 (Array.map float values)
    let own = Expr.slice 1 2 3 others |> Expr.squeeze 1
    Assert.All(numbers (Offline.conservativeGap 0.7 others own), (fun gap -> Assert.True(gap >= 0.0)))

[<Fact>]
let ``weights of advantages are exponentials up to a bound, ones and zeros, or shares of the batch`` () =
    let advantage = Expr.vector [ -1.0; 0.0; 0.5; 9.0 ]
    Expect.close 1e-12 "exp" [| exp -2.0; 1.0; exp 1.0; 20.0 |] (numbers (Offline.exponentialWeight 2.0 20.0 advantage))
    Expect.close 0.0 "binary" [| 0.0; 0.0; 1.0; 1.0 |] (numbers (Offline.binaryWeight advantage))
    let shares = numbers (Offline.normalisedWeight 2.0 advantage)
    Expect.closeNumber 1e-12 "mean" 1.0 (Array.average shares)
    Expect.closeNumber 1e-12 "ratio" (exp 2.0) (shares[1] / shares[0])

[<Fact>]
let ``values of any size count the same beside cloning, and none where all are 0`` () =
    let values, policy, data =
        Expr.vector [ 3.0; -5.0 ], matrix 2 2 [| 0.1; 0.2; 0.3; 0.4 |], matrix 2 2 [| 0.0; 0.0; 0.3; 0.0 |]

    let loss scaled = numbers (Offline.clonedActorLoss (Offline.valueScale 2.5 1e-6 scaled) scaled policy data)

    Expect.close 1e-9 "any size" (loss values) (loss (1000.0 * values))
    Expect.close 1e-12 "TD3+BC" [| -2.5 * 3.0 / 4.0 + 0.025; 2.5 * 5.0 / 4.0 + 0.08 |] (loss values)
    Expect.close 1e-12 "no values" [| 0.025; 0.08 |] (loss (Expr.zeros [| 2 |]))

    let regularised = Offline.regularisedActorLoss 0.5 (Expr.number 2.0) values policy data
    Expect.close 1e-12 "ReBRAC" [| -6.0 + 0.025; 10.0 + 0.08 |] (numbers regularised)

    let target =
        Offline.regularisedTarget 0.5 (Expr.vector [ 1.0; 1.0 ]) (Expr.vector [ 0.9; 0.0 ]) values policy data

    Expect.close 1e-12 "its target" [| 1.0 + 0.9 * (3.0 - 0.025); 1.0 |] (numbers target)

[<Fact>]
let ``critics are diverse by the cosines of what they learn from actions`` () =
    let one, other = matrix 1 2 [| 3.0; 0.0 |], matrix 1 2 [| 0.0; 0.1 |]
    let diversity gradients = numbers (Offline.diversity gradients)
    // Two directions: 2 cos. Three of which two agree: (2 · 1 + 0) / 2.
    Expect.close 1e-9 "orthogonal" [| 0.0 |] (diversity [ one; other ])
    Expect.close 1e-9 "the same" [| 2.0 |] (diversity [ one; 7.0 * one ])
    Expect.close 1e-9 "three" [| 1.0 |] (diversity [ one; other; 2.0 * one ])

    Assert.Throws<ArgumentException>(fun () -> Offline.diversity [ one ] |> ignore)

[<Fact>]
let ``the mixed value lies between the least and the largest critic, and latents of N(0, 1) cost nothing`` () =
    let values = [ Expr.vector [ 1.0; 4.0 ]; Expr.vector [ 3.0; 2.0 ] ]
    Expect.close 1e-12 "mixed" [| 1.5; 2.5 |] (numbers (Offline.mixedValue 0.75 values))
    let zeros = Expr.zeros [| 1; 3 |]
    Expect.close 1e-12 "none" [| 0.0 |] (numbers (Offline.latentDivergence zeros zeros))
    let cost = Offline.latentDivergence (matrix 1 2 [| 1.0; 0.0 |]) (matrix 1 2 [| 0.0; Math.Log 2.0 |])
    Expect.close 1e-12 "some" [| (0.5 + 0.5 * (4.0 - 1.0 - 2.0 * Math.Log 2.0)) / 2.0 |] (numbers cost)

[<Fact>]
let ``choices are permitted whose probability is near enough to the largest`` () =
    let logits = Expr.log (matrix 2 3 [| 0.6; 0.3; 0.1; 0.2; 0.2; 0.6 |])
    let permitted = Offline.permitted 0.4 logits
    Expect.close 0.0 "permitted" [| 1.0; 1.0; 0.0; 0.0; 0.0; 1.0 |] (numbers permitted)
    let best = Offline.bestPermitted (matrix 2 3 [| 1.0; 2.0; 9.0; 9.0; 9.0; -5.0 |]) permitted
    Expect.close 0.0 "best" [| 1.0; 2.0 |] (numbers best)
    Expect.close 0.0 "all" (Array.create 6 1.0) (numbers (Offline.permitted 0.0 logits))

/// The values [S, A] of Q-learning that chooses among permitted actions alone.
let private permittedValues (threshold: float) (mdp: Mdp) (behaviour: TabularPolicy) =
    let n, k = mdp.States, mdp.Actions
    let logits = matrix n k (behaviour.Probabilities.ToArray() |> Array.map log)
    let permitted = Offline.permitted threshold logits
    let mutable q = Array.zeroCreate<float>(n * k)

    for _ in 1..50 do
        let best = numbers (Offline.bestPermitted (matrix n k q) permitted)
        q <- Mdp.actionValues mdp (Array.init n (fun s -> q[s * k + int best[s]]))

    Array.init n (fun s -> q[s * k + int (numbers (Offline.bestPermitted (matrix n k q) permitted)).[s]])

[<Property(MaxTest = 5)>]
let ``batch-constrained values are the best of the actions that are likely enough, and fall as the threshold rises``
    (seed: uint64)
    =
    let mdp, behaviour = process' seed
    let k = mdp.Actions

    /// Value iteration over the actions of more than a share of the likeliest one's probability.
    let restricted threshold =
        (Array.zeroCreate<float> mdp.States, [ 1..200 ])
        ||> List.fold (fun values _ ->
            let q = Mdp.actionValues mdp values

            Array.init mdp.States (fun s ->
                let likeliest = Seq.max (seq { for a in 0 .. k - 1 -> behaviour[s, a] })

                seq { 0 .. k - 1 }
                |> Seq.filter (fun a -> behaviour[s, a] > threshold * likeliest)
                |> Seq.map (fun a -> q[s * k + a])
                |> Seq.max))

    let thresholds = [ 0.0; 0.2; 0.5; 0.8; 0.999999 ]
    let values = thresholds |> List.map (fun threshold -> permittedValues threshold mdp behaviour)

    for threshold, values in List.zip thresholds values do
        Expect.close 1e-9 $"V at {threshold}" (restricted threshold) values

    for low, high in List.pairwise values do
        Assert.True(Array.forall2 (fun l h -> h <= l + 1e-9) low high)

    // Everything is permitted: the best there is. The likeliest alone: the value of doing it.
    let optimal = Bellman.iterate 200 (Bellman.optimality mdp) (Array.zeroCreate mdp.States)
    Expect.close 1e-9 "all" optimal values.Head

    let likeliest =
        Array.init mdp.States (fun s -> Seq.maxBy (fun a -> behaviour[s, a]) (seq { 0 .. k - 1 }))
        |> TabularPolicy.deterministic k

    Expect.close 1e-9 "one" (Exact.values mdp likeliest) (List.last values)

[<Fact>]
let ``the best of several actions of the data is the data's value for one, rises with their number, to the best in it``
    ()
    =
    let mdp, behaviour = process' 14UL
    let n, k = mdp.States, mdp.Actions

    /// E max over so many actions of β of the mixed value of two critics that agree, by all that may be drawn.
    let expectedBest count (q: float[]) s =
        let rec draws left : (float * int list) list =
            if left = 0 then
                [ 1.0, [] ]
            else
                [
                    for a in 0 .. k - 1 do
                        for share, others in draws (left - 1) -> behaviour[s, a] * share, a :: others
                ]

        draws count
        |> List.sumBy (fun (share, drawn) ->
            let values = Expr.vector [ for a in drawn -> q[s * k + a] ]
            share * (numbers (Expr.max (Offline.mixedValue 0.75 [ values; values ]))).[0])

    let values count =
        (Array.zeroCreate<float> n, [ 1..40 ])
        ||> List.fold (fun values _ -> Array.init n (expectedBest count (Mdp.actionValues mdp values)))

    let all = [ 1; 2; 4 ] |> List.map values
    Expect.close 1e-8 "one" (Exact.values mdp behaviour) all.Head
    let best = Bellman.iterate 200 (Bellman.optimality mdp) (Array.zeroCreate n)

    for fewer, more in List.pairwise (all @ [ best ]) do
        Assert.True(Array.forall2 (fun f m -> f < m) fewer more)

[<Property(MaxTest = 50)>]
let ``a variational bound is never above the evidence, and equals it where the encoder knows the posterior``
    (seed: uint64)
    =
    let drawn = Array.zeroCreate<float32> 6
    Rng.normals (Span drawn) (Rng.create seed) |> ignore
    let x = Array.map float drawn
    // p(z) = N(0, 1), p(a|z) = N(w z + b, σ²): p(a) = N(b, w² + σ²).
    let weight, shift, logNoise, action = x[0], x[1], 0.3 * x[2], x[3]
    let noise = exp (2.0 * logNoise)
    let logNormal mean variance = -0.5 * ((action - mean) ** 2.0 / variance + log (2.0 * Math.PI * variance))
    let evidence = logNormal shift (weight * weight + noise)

    /// E ln p(a|z) − D(q ‖ p) with q = N(m, s²).
    let bound mean logDeviation =
        let spread = weight * weight * exp (2.0 * logDeviation)
        let likelihood = logNormal (weight * mean + shift) noise - 0.5 * spread / noise
        let divergence = Offline.latentDivergence (matrix 1 1 [| mean |]) (matrix 1 1 [| logDeviation |])
        likelihood - (numbers divergence).[0]

    let precision = 1.0 + weight * weight / noise
    let known = bound (weight * (action - shift) / noise / precision) (-0.5 * log precision)
    let other = bound x[4] (0.5 * x[5])
    Expect.closeNumber (1e-9 * (1.0 + abs evidence)) "the posterior's" evidence known
    Assert.True(other <= evidence + 1e-9 * (1.0 + abs evidence))

[<Property(MaxTest = 50)>]
let ``the discrepancy of samples is 0 where they are the same in any order, and above it elsewhere`` (seed: uint64) =
    let drawn = Array.zeroCreate<float32> 16
    Rng.normals (Span drawn) (Rng.create seed) |> ignore

    let samples (rows: int list) =
        [|
            for row in rows do
                yield! Array.map float drawn[2 * row .. 2 * row + 1]
        |]

    let shaped rows = Expr.constant (Tensor.create [| 1; 4; 2 |] (samples rows))

    for isGaussian in [ true; false ] do
        // Its square without the 10⁻⁶ that is added for the derivative's sake.
        let squared x y =
            let value = (numbers (Offline.discrepancy isGaussian 1.5 (shaped x) (shaped y))).[0]
            value * value - 1e-6

        Assert.True(abs (squared [ 0; 1; 2; 3 ] [ 2; 0; 3; 1 ]) < 1e-12)
        let apart = squared [ 0; 1; 2; 3 ] [ 4; 5; 6; 7 ]
        Assert.True(apart > 1e-9, $"{apart}")
        // One sample in four another: nearer.
        Assert.True(squared [ 0; 1; 2; 3 ] [ 0; 1; 2; 4 ] > 1e-12)
        Expect.closeNumber 1e-12 "of either" apart (squared [ 4; 5; 6; 7 ] [ 0; 1; 2; 3 ])
