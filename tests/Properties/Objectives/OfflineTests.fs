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
