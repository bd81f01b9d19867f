/// Learning from demonstrations and exploring: what discriminators, schedules, noise and bonuses are for.
[<FsCheck.Xunit.Properties(Replay = "(1414219,562379)")>]
module Rl.Tests.Objectives.ImitationTests

#nowarn "3391" // arrays convert to spans

open System
open FsCheck.Xunit
open Rl.Core.Autodiff
open Rl.Core.Foundations
open Rl.Core.Networks
open Rl.Core.Objectives
open Xunit

let private random (shape: Shape) (scale: float) (seed: uint64) : Expr =
    let struct (values, _) = Initialiser.sample shape (Initialiser.Normal(0.0, scale)) (Rng.create seed)
    Expr.constant (Tensor.create shape values)

let private numbers (x: Expr) = (Reference.evaluate x).ToArray()
let private number (x: Expr) = (Reference.evaluate x).Scalar

let private near (tolerance: float) (expected: float) (actual: float) =
    if not (abs (expected - actual) <= tolerance * (1.0 + abs expected)) then
        Assert.Fail $"{actual:R} instead of {expected:R}"

let private refused (name: string) (action: unit -> obj) =
    let error = Assert.ThrowsAny<ArgumentException>(fun () -> action () |> ignore)
    Assert.Equal(name, error.ParamName)

// --- Demonstrations
// -----------------------------------------------------------------------------------------------------

/// Occupancies of six pairs under the expert and under the policy.
let private occupancies (seed: uint64) =
    Expr.softmax -1 (random [| 6 |] 1.0 seed), Expr.softmax -1 (random [| 6 |] 1.0 (seed + 1UL))

/// E_expert[loss on its pairs] + E_policy[loss on its pairs] of log-odds for each pair.
let private discriminatorLoss (expert: Expr) (policy: Expr) (logits: Expr) =
    let struct (onExpert, onPolicy) = Regression.gailDiscriminator logits logits
    Expr.sum (expert * onExpert + policy * onPolicy)

[<Property>]
let ``GAIL's discriminator is best at ln(d_E/d_π), where its loss is 2 ln 2 less twice the Jensen-Shannon divergence``
    (seed: uint64)
    =
    let expert, policy = occupancies seed
    let best = Expr.fresh (Expr.log expert - Expr.log policy)
    let loss = discriminatorLoss expert policy
    let gradients = Diff.gradients (loss best) [| best |]
    Assert.All(numbers gradients[0], (fun slope -> near 1e-12 0.0 slope))
    let other = best + random [| 6 |] 1.0 (seed + 2UL)
    Assert.True(number (loss other) > number (loss best))
    let middle = 0.5 * (expert + policy)
    let kl p = number (Expr.sum (p * (Expr.log p - Expr.log middle)))
    near 1e-12 (2.0 * log 2.0 - kl expert - kl policy) (number (loss best))

[<Property>]
let ``GAIL's reward at the best discriminator is ln(1 + d_E/d_π): ln 2 where the policy is the expert`` (seed: uint64) =
    let expert, policy = occupancies seed
    let reward = numbers (Regression.gailReward (Expr.log expert - Expr.log policy))
    Array.iter2 (near 1e-12) (numbers (Expr.log (1.0 + expert / policy))) reward
    // Its mean under the policy is at most ln 2, by Jensen's inequality, and less unless the policy is the expert.
    let mean = Array.fold2 (fun total p r -> total + p * r) 0.0 (numbers policy) reward
    Assert.True(mean < log 2.0)
    Assert.All(reward, (fun r -> Assert.True(r > 0.0)))
    let equal = numbers (Regression.gailReward (Expr.log policy - Expr.log policy))
    Assert.All(equal, (fun r -> near 1e-15 (log 2.0) r))

[<Property>]
let ``DAgger's mixing starts with the expert alone and decays geometrically, so that its average vanishes``
    (seed: uint64)
    (first: byte)
    (second: byte)
    =
    let struct (decay, _) = Rng.uniformIn 0.01 0.99 (Rng.create seed)
    let i, j = int first % 40, int second % 40
    Assert.Equal(1.0, Regression.daggerMixing decay 0)

    near
        1e-12
        (Regression.daggerMixing decay i * Regression.daggerMixing decay j)
        (Regression.daggerMixing decay (i + j))
    // The condition of the theorem: (1/N) Σ β → 0, since Σ β ≤ 1/(1 − decay).
    let total = Seq.sum (seq { for round in 0..500 -> Regression.daggerMixing decay round })
    Assert.True(total <= 1.0 / (1.0 - decay) + 1e-9)
    // Decay 0 is the parameter-free version: the expert in round 0, the learner ever after.
    Assert.Equal((if i = 0 then 1.0 else 0.0), Regression.daggerMixing 0.0 i)
    Assert.Equal(1.0, Regression.daggerMixing 1.0 i)

// --- Noise
// --------------------------------------------------------------------------------------------------------------

/// Standard normal numbers of a generator, and the one that follows.
let private normals count (rng: Rng) =
    let mutable rng = rng

    let drawn =
        Array.init count (fun _ ->
            let struct (z, next) = Rng.normal rng
            rng <- next
            z)

    struct (drawn, rng)

[<Property>]
let ``Gaussian noise that is drawn is that which is given, kept within the bounds`` (seed: uint64) =
    let action = numbers (random [| 7 |] 1.0 seed)
    let struct (noise, expectedNext) = normals 7 (Rng.create seed)
    let free = Array.zeroCreate<float> 7
    Exploration.gaussian 0.8 noise action free
    let noisy = Array.copy action
    let next = Exploration.gaussianWith 0.8 -0.5 0.9 noisy (Rng.create seed)
    Assert.Equal<float[]>(free |> Array.map (fun x -> Math.Clamp(x, -0.5, 0.9)), noisy)
    Assert.Equal(expectedNext, next)
    let quiet = Array.copy action
    Exploration.gaussianWith 0.0 -9.0 9.0 quiet (Rng.create seed) |> ignore
    Assert.Equal<float[]>(action, quiet)

[<Property(MaxTest = 10)>]
let ``perturbing parameters adds independent noise of variance σ² to each`` (seed: uint64) =
    let count = 4000
    let parameters = numbers (random [| count |] 3.0 seed)
    let moved = Array.copy parameters
    let next = Exploration.perturb 0.2 moved (Rng.create (seed + 1UL))
    let struct (noise, expectedNext) = normals count (Rng.create (seed + 1UL))
    Array.iteri2 (fun i before after -> near 1e-12 (before + 0.2 * noise[i]) after) parameters moved
    Assert.Equal(expectedNext, next)
    let changes = Array.map2 (fun after before -> (after - before) / 0.2) moved parameters
    // Six standard deviations of the estimates.
    Assert.InRange(Array.average changes, -6.0 / sqrt 4000.0, 6.0 / sqrt 4000.0)
    let variance = changes |> Array.averageBy (fun change -> change * change)
    Assert.InRange(variance, 1.0 - 6.0 * sqrt (2.0 / 4000.0), 1.0 + 6.0 * sqrt (2.0 / 4000.0))
    let neighbours = Array.pairwise changes |> Array.averageBy (fun (a, b) -> a * b)
    Assert.InRange(neighbours, -6.0 / sqrt 4000.0, 6.0 / sqrt 4000.0)

[<Property>]
let ``the adapted deviation brings the distance of policies to the target, within a factor, and keeps it there``
    (seed: uint64)
    =
    // A distance that grows with the deviation, as that between policies does.
    let struct (sensitivity, _) = Rng.uniformIn 0.1 10.0 (Rng.create seed)
    let factor, target = 1.05, 0.3
    let adapt deviation = Exploration.adaptDeviation factor target (sensitivity * deviation) deviation
    let mutable deviation = 1.0

    for _ in 1..200 do
        deviation <- adapt deviation

    for _ in 1..20 do
        Assert.InRange(sensitivity * deviation, target / factor - 1e-12, target * factor + 1e-12)
        let next = adapt deviation
        near 1e-12 (if sensitivity * deviation < target then factor else 1.0 / factor) (next / deviation)
        deviation <- next

[<Property>]
let ``count bonuses fall as 1/√n, and those of n visits sum to at most 2 β √n`` (visits: byte) (scale: byte) =
    let beta, n = float scale / 16.0, 1 + int visits
    near 1e-12 beta (Exploration.countBonus beta 1.0)
    near 1e-12 (beta * beta) (float n * Exploration.countBonus beta (float n) ** 2.0)
    let total = Seq.sum (seq { for k in 1..n -> Exploration.countBonus beta (float k) })
    Assert.True(total <= 2.0 * beta * sqrt (float n) + 1e-12)
    Assert.True(total >= 2.0 * beta * (sqrt (float n + 1.0) - 1.0) - 1e-12)

[<Fact>]
let ``bad schedules, noise and counts are refused by name`` () =
    let two = [| 0.0; 0.0 |]
    refused "decay" (fun () -> Regression.daggerMixing 1.1 1)
    refused "round" (fun () -> Regression.daggerMixing 0.5 -1)
    refused "deviation" (fun () -> Exploration.gaussianWith -1.0 0.0 1.0 two (Rng.create 1UL))
    refused "low" (fun () -> Exploration.gaussianWith 1.0 1.0 0.0 two (Rng.create 1UL))
    refused "deviation" (fun () -> Exploration.perturb nan two (Rng.create 1UL))
    refused "factor" (fun () -> Exploration.adaptDeviation 0.9 1.0 1.0 1.0)
    refused "target" (fun () -> Exploration.adaptDeviation 1.1 0.0 1.0 1.0)
    refused "distance" (fun () -> Exploration.adaptDeviation 1.1 1.0 nan 1.0)
    refused "deviation" (fun () -> Exploration.adaptDeviation 1.1 1.0 1.0 -1.0)
    refused "scale" (fun () -> Exploration.countBonus -1.0 1.0)
    refused "count" (fun () -> Exploration.countBonus 1.0 0.0)
