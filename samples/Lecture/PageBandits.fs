/// The picture of docs/maths/exploration.md: the regret of bandits.
namespace Lecture

open Rl.Core.Foundations
open Rl.Core.Tabular

/// Five Bernoulli arms, the same for all; regret is what the best arm would have paid more, in expectation.
[<RequireQualifiedAccess>]
module PageBandits =

    let private means = [| 0.3; 0.45; 0.5; 0.55; 0.7 |]
    let private best = Array.max means

    /// The mean regret after each pull over `runs` runs, of an agent that is a state, a choice and a step.
    let private regret
        (runs: int)
        (pulls: int)
        (initial: 'State)
        (choose: 'State -> Rng -> struct (int * Rng))
        (observe: int -> float -> 'State -> 'State)
        (rng: Rng)
        : float[] =
        let total = Array.zeroCreate<float> pulls
        let mutable rng = rng

        for _ in 1..runs do
            let mutable state = initial
            let mutable lost = 0.0

            for pull in 0 .. pulls - 1 do
                let struct (arm, next) = choose state rng
                let struct (won, next) = Rng.bernoulli means[arm] next
                rng <- next
                state <- observe arm (if won then 1.0 else 0.0) state
                lost <- lost + best - means[arm]
                total[pull] <- total[pull] + lost / float runs

        total

    let run (setting: Setting) =
        Report.title "Bandits: regret"
        let runs, pulls = (if setting.Quick then 5 else 100), 3_000
        let measure initial choose observe = regret runs pulls initial choose observe (Rng.create 5UL)
        let estimates = Bandits.estimates means.Length
        let greedy epsilon state rng = Bandits.draw (Bandits.epsilonGreedy epsilon state) rng

        let curves =
            [
                "ε-greedy, ε = 0.1", Ink.orange, measure estimates (greedy 0.1) Bandits.observe
                "UCB1", Ink.blue, measure estimates (fun state rng -> struct (Bandits.ucb1 state, rng)) Bandits.observe
                "gradient, with baseline",
                Ink.purple,
                measure
                    (Bandits.gradientBandit means.Length)
                    (fun state rng -> Bandits.draw (Bandits.gradientPolicy state) rng)
                    (Bandits.observeGradient 0.1 true)
                "Thompson",
                Ink.green,
                measure (Bandits.bernoulliBeliefs means.Length) Bandits.thompsonBernoulli Bandits.observeBernoulli
            ]

        let shown = [ 10; 100; 1_000; 3_000 ]

        Report.table
            ("pulls" :: [ for name, _, _ in curves -> name ])
            [ for pull in shown -> $"{pull}" :: [ for _, _, lost in curves -> $"{lost[pull - 1]:F1}" ] ]

        let plot = Picture.create "Five arms that pay 1 or 0" "pulls" "regret so far"
        let at = [| 0..10 .. pulls - 1 |]

        for name, colour, lost in curves do
            Picture.line plot name colour 3.0 (at |> Array.map float) (at |> Array.map (fun index -> lost[index]))

        Picture.save setting "bandits-regret" plot
