/// Bandits: the regret bound of UCB1, exact expected steps of the gradient bandit, probabilities of Thompson sampling
/// and ε-greedy.
[<FsCheck.Xunit.Properties(Replay = "(314159,265359)")>]
module Rl.Tests.Tabular.BanditTests

open System
open FsCheck.Xunit
open MathNet.Numerics.Distributions
open Rl.Core.Foundations
open Rl.Core.Autodiff
open Rl.Core.Tabular
open Rl.Tests.Theorems
open Xunit

let private uniforms (count: int) (rng: Rng) : struct (float[] * Rng) =
    let mutable rng = rng

    let values =
        Array.init count (fun _ ->
            let struct (value, next) = Rng.uniform rng
            rng <- next
            value)

    struct (values, rng)

/// The mean regret after `pulls` pulls of Bernoulli arms, over `runs` runs.
let private regret (choose: ArmEstimates -> int) (runs: int) (pulls: int) (means: float[]) (rng: Rng) : float =
    let best = Array.max means
    let mutable rng = rng
    let mutable total = 0.0

    for _ in 1..runs do
        let mutable state = Bandits.estimates means.Length

        for _ in 1..pulls do
            let arm = choose state
            let struct (won, next) = Rng.bernoulli means[arm] rng
            rng <- next
            total <- total + best - means[arm]
            state <- Bandits.observe arm (if won then 1.0 else 0.0) state

    total / float runs

/// 8 Σ (ln n)/Δ + (1 + π²/3) Σ Δ over the arms that are not best.
let private auerBound (pulls: int) (means: float[]) : float =
    let best = Array.max means

    means
    |> Array.filter (fun mean -> mean < best)
    |> Array.sumBy (fun mean ->
        let gap = best - mean
        8.0 * Math.Log(float pulls) / gap + (1.0 + Math.PI ** 2.0 / 3.0) * gap)

[<Property(MaxTest = 10)>]
let ``UCB1's regret is on average within the bound of Auer, Cesa-Bianchi and Fischer`` (seed: uint64) =
    let arms = 2 + int (seed % 4UL)
    let struct (means, rng) = uniforms arms (Rng.create seed)
    regret Bandits.ucb1 10 2000 means rng <= auerBound 2000 means

[<Fact>]
let ``the bound has teeth: without the bonus for what is uncertain it is broken`` () =
    let means = [| 0.6; 0.3 |]
    let bound = auerBound 20_000 means
    let greedy = regret (Bandits.upperConfidence 0.0) 100 20_000 means (Rng.create 1UL)
    Assert.True(greedy > bound, $"{greedy} is within {bound}")
    Assert.True(regret Bandits.ucb1 4 20_000 means (Rng.create 1UL) < 0.5 * bound)

[<Fact>]
let ``UCB1 pulls every arm once before any twice`` () =
    let state = List.fold (fun state arm -> Bandits.observe arm 1.0 state) (Bandits.estimates 4) [ 0; 1; 2 ]
    Assert.Equal(3, Bandits.ucb1 state)

[<Property>]
let ``an arm's mean is the mean of its rewards`` (rewards: FsCheck.NormalFloat list) =
    let rewards = rewards |> List.map (fun reward -> Math.Clamp(reward.Get, -1e6, 1e6))
    let state = rewards |> List.fold (fun state reward -> Bandits.observe 1 reward state) (Bandits.estimates 3)
    let mean = if rewards.IsEmpty then 0.0 else List.average rewards
    Expect.closeNumber 1e-9 "mean" mean state.Means[1]
    Expect.close 0.0 "counts" [| 0.0; float rewards.Length; 0.0 |] state.Counts

[<Property>]
let ``recent rewards weigh α (1 − α)ᵏ`` (seed: uint64) =
    let struct (rewards, _) = uniforms 12 (Rng.create seed)
    let state = rewards |> Array.fold (fun state r -> Bandits.observeRecent 0.2 0 r state) (Bandits.estimates 1)
    let expected = rewards |> Array.mapi (fun i reward -> 0.2 * 0.8 ** float (11 - i) * reward) |> Array.sum
    Expect.closeNumber 1e-12 "estimate" expected state.Means[0]

// --- ε-greedy
// ------------------------------------------------------------------------------------------------------------

/// How often each arm is drawn agrees with its probability, within five standard deviations.
let private agree (draws: int) (probabilities: float[]) (choose: Rng -> struct (int * Rng)) (rng: Rng) =
    let counts = Array.zeroCreate<float> probabilities.Length
    let mutable rng = rng

    for _ in 1..draws do
        let struct (arm, next) = choose rng
        counts[arm] <- counts[arm] + 1.0
        rng <- next

    for arm in 0 .. counts.Length - 1 do
        let p = probabilities[arm]
        let deviation = sqrt (p * (1.0 - p) / float draws)
        Assert.InRange(counts[arm] / float draws, p - 5.0 * deviation - 1e-12, p + 5.0 * deviation + 1e-12)

[<Fact>]
let ``ε-greedy gives the best arms 1 − ε in equal shares and every arm ε/A, and is drawn so`` () =
    let state =
        [ 0, 1.0; 1, 3.0; 2, 3.0; 3, 2.0 ]
        |> List.fold (fun state (arm, reward) -> Bandits.observe arm reward state) (Bandits.estimates 4)

    let probabilities = Bandits.epsilonGreedy 0.2 state
    Expect.close 1e-15 "π" [| 0.05; 0.45; 0.45; 0.05 |] probabilities
    agree 20_000 probabilities (Bandits.draw probabilities) (Rng.create 7UL)
    Expect.close 0.0 "greedy" [| 0.0; 0.5; 0.5; 0.0 |] (Bandits.epsilonGreedy 0.0 state)
    Expect.close 1e-15 "uniform" (Array.create 4 0.25) (Bandits.epsilonGreedy 1.0 state)

// --- Thompson sampling
// ---------------------------------------------------------------------------------------------------

/// P(X_a is the largest) = ∫ p_a(x) Π F_b(x) dx of independent X, by the midpoint rule.
let private bestProbabilities (low: float) (high: float) (arms: IContinuousDistribution[]) : float[] =
    let cells = 4000
    let width = (high - low) / float cells

    Array.init arms.Length (fun arm ->
        Seq.sum (
            seq {
                for cell in 0 .. cells - 1 do
                    let x = low + (float cell + 0.5) * width
                    let mutable product = width * arms[arm].Density x

                    for other in 0 .. arms.Length - 1 do
                        if other <> arm then product <- product * arms[other].CumulativeDistribution x

                    product
            }
        ))

[<Fact>]
let ``Thompson sampling chooses a Bernoulli arm with the probability that it is the best`` () =
    let beliefs =
        [ 0, 1.0; 0, 1.0; 0, 0.0; 1, 1.0; 1, 0.0; 1, 0.0; 2, 1.0 ]
        |> List.fold
            (fun beliefs (arm, reward) -> Bandits.observeBernoulli arm reward beliefs)
            (Bandits.bernoulliBeliefs 3)

    Expect.close 0.0 "α" [| 3.0; 2.0; 2.0 |] beliefs.Alpha
    Expect.close 0.0 "β" [| 2.0; 3.0; 1.0 |] beliefs.Beta

    let arms: IContinuousDistribution[] = Array.map2 (fun a b -> Beta(a, b)) beliefs.Alpha beliefs.Beta
    let probabilities = bestProbabilities 0.0 1.0 arms
    Expect.closeNumber 1e-6 "Σ" 1.0 (Array.sum probabilities)
    agree 20_000 probabilities (Bandits.thompsonBernoulli beliefs) (Rng.create 3UL)

[<Fact>]
let ``Thompson sampling chooses a Gaussian arm with the probability that it is the best`` () =
    let beliefs =
        [ 0, 1.0; 0, 1.4; 1, 0.2; 1, 1.8; 1, 1.5; 2, 1.1 ]
        |> List.fold
            (fun beliefs (arm, reward) -> Bandits.observeGaussian arm reward beliefs)
            (Bandits.gaussianBeliefs 3 0.5 2.0 0.7)

    let arms: IContinuousDistribution[] =
        Array.map2 (fun mean precision -> Normal(mean, 1.0 / sqrt precision)) beliefs.Means beliefs.Precisions

    let probabilities = bestProbabilities -8.0 10.0 arms
    Expect.closeNumber 1e-6 "Σ" 1.0 (Array.sum probabilities)
    agree 20_000 probabilities (Bandits.thompsonGaussian beliefs) (Rng.create 4UL)

[<Property>]
let ``the Gaussian posterior is that of all rewards at once`` (seed: uint64) =
    let struct (rewards, _) = uniforms 9 (Rng.create seed)
    let prior = Bandits.gaussianBeliefs 2 0.3 1.5 0.4
    let beliefs = rewards |> Array.fold (fun beliefs reward -> Bandits.observeGaussian 1 reward beliefs) prior
    let precision = 1.0 / 2.25 + 9.0 / 0.16
    Expect.closeNumber 1e-12 "precision" precision beliefs.Precisions[1]
    Expect.closeNumber 1e-12 "mean" ((0.3 / 2.25 + Array.sum rewards / 0.16) / precision) beliefs.Means[1]
    Expect.closeNumber 0.0 "other" 0.3 beliefs.Means[0]

// --- Gradient bandit
// -----------------------------------------------------------------------------------------------------

[<Property>]
let ``the gradient bandit's expected step is the exact gradient, with and without a baseline`` (seed: uint64) =
    let arms = 2 + int (seed % 4UL)
    let struct (numbers, _) = uniforms (2 * arms) (Rng.create seed)
    let paid = numbers[.. arms - 1] |> Array.map (fun u -> 4.0 * u - 1.0)

    let state = { Preferences = numbers[arms..] |> Array.map (fun u -> 3.0 * u); AverageReward = 0.7; Steps = 5 }

    let policy = Bandits.gradientPolicy state

    let gradient =
        Diff.grad
            (fun preferences -> Expr.sum (Expr.softmax -1 preferences * Expr.vector (List.ofArray paid)))
            (Expr.vector (List.ofArray state.Preferences))
        |> Reference.evaluate

    for useBaseline in [ true; false ] do
        let expected = Array.zeroCreate<float> arms

        for arm in 0 .. arms - 1 do
            let next = Bandits.observeGradient 0.1 useBaseline arm paid[arm] state

            for other in 0 .. arms - 1 do
                expected[other] <- expected[other] + policy[arm] * (next.Preferences[other] - state.Preferences[other])

        Expect.close 1e-12 "E[ΔH]" (gradient.ToArray() |> Array.map (fun g -> 0.1 * g)) expected

[<Fact>]
let ``the baseline makes the steps of a shifted bandit small and leaves them without noise alone`` () =
    // With rewards near 100, steps without the baseline are a hundred times larger.
    let spread useBaseline =
        let state = { Bandits.gradientBandit 2 with AverageReward = 100.0; Steps = 10 }

        [ 0, 101.0; 1, 99.0 ]
        |> List.map (fun (arm, reward) -> (Bandits.observeGradient 0.1 useBaseline arm reward state).Preferences[0])
        |> fun steps -> List.max steps - List.min steps

    Assert.True(spread true < 1e-12)
    Assert.True(spread false > 9.0)

[<Fact>]
let ``the baseline is the mean of the rewards so far`` () =
    let state =
        [ 1.0; 4.0; 7.0 ]
        |> List.fold (fun state reward -> Bandits.observeGradient 0.1 true 0 reward state) (Bandits.gradientBandit 2)

    Expect.closeNumber 1e-12 "mean" 4.0 state.AverageReward
    Assert.Equal(3, state.Steps)

[<Fact>]
let ``every bandit finds the best of clearly different arms`` () =
    let means = [| 0.2; 0.8; 0.4 |]

    let mutable rng = Rng.create 12UL

    let pull arm =
        let struct (won, next) = Rng.bernoulli means[arm] rng
        rng <- next
        if won then 1.0 else 0.0

    let choose (chosen: struct (int * Rng)) =
        let struct (arm, next) = chosen
        rng <- next
        arm

    let share (step: 'State -> struct (int * 'State)) (initial: 'State) =
        let mutable state = initial
        let mutable best = 0

        for time in 1..2000 do
            let struct (arm, next) = step state
            state <- next
            if time > 1000 && arm = 1 then best <- best + 1

        float best / 1000.0

    let estimating pick state =
        let arm = pick state
        struct (arm, Bandits.observe arm (pull arm) state)

    Assert.True(share (estimating Bandits.ucb1) (Bandits.estimates 3) > 0.9)

    let epsilonGreedy state = choose (Bandits.draw (Bandits.epsilonGreedy 0.1 state) rng)
    Assert.True(share (estimating epsilonGreedy) (Bandits.estimates 3) > 0.85)

    let thompson beliefs =
        let arm = choose (Bandits.thompsonBernoulli beliefs rng)
        struct (arm, Bandits.observeBernoulli arm (pull arm) beliefs)

    Assert.True(share thompson (Bandits.bernoulliBeliefs 3) > 0.95)

    let gradient state =
        let arm = choose (Bandits.draw (Bandits.gradientPolicy state) rng)
        struct (arm, Bandits.observeGradient 0.1 true arm (pull arm) state)

    Assert.True(share gradient (Bandits.gradientBandit 3) > 0.8)

[<Fact>]
let ``wrong arms, rewards and rates are refused by name`` () =
    let refuses name (action: unit -> 'T) =
        Assert.Equal(name, Assert.ThrowsAny<ArgumentException>(fun () -> action () |> ignore).ParamName)

    let state = Bandits.estimates 2
    refuses "arms" (fun () -> Bandits.estimates 0)
    refuses "arm" (fun () -> Bandits.observe 2 0.0 state)
    refuses "reward" (fun () -> Bandits.observe 0 nan state)
    refuses "epsilon" (fun () -> Bandits.epsilonGreedy 1.5 state)
    refuses "constant" (fun () -> Bandits.upperConfidence nan state)
    refuses "reward" (fun () -> Bandits.observeBernoulli 0 0.5 (Bandits.bernoulliBeliefs 2))
    refuses "noiseDeviation" (fun () -> Bandits.gaussianBeliefs 2 0.0 1.0 0.0)
    refuses "arm" (fun () -> Bandits.observeGaussian -1 0.0 (Bandits.gaussianBeliefs 2 0.0 1.0 1.0))
    refuses "stepSize" (fun () -> Bandits.observeGradient 0.0 true 0 1.0 (Bandits.gradientBandit 2))
    refuses "probabilities" (fun () -> Bandits.draw [| 0.5; 0.6 |] (Rng.create 1UL))
