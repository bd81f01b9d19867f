/// Slide 2: data are not independent where outputs influence future inputs: errors of cloning compound, DAgger's do
/// not.
namespace Lecture

open Rl.Core.Foundations
open Rl.Core.Tabular

/// A road and four depths of the ditch beside it. One of five actions keeps to the road, any other leads into the
/// ditch; in it one action climbs a step out and any other goes deeper. Each step in the ditch costs 1. The expert is
/// never there, so that recordings of it do not show the way out.
[<RequireQualifiedAccess>]
module Slide02CompoundingError =

    let private depths, actions = 4, 5
    let private right state = state % actions

    let private road: Mdp =
        Array.init (depths + 1) (fun state ->
            Array.init actions (fun action ->
                let next = if action = right state then max 0 (state - 1) else min depths (state + 1)
                let cost = if state > 0 then 1.0 else 0.0
                [| { Probability = 1.0; Next = next; Reward = cost; Terminates = false } |]))
        |> Mdp.ofOutcomes 1.0 (Array.init (depths + 1) (fun state -> if state = 0 then 1.0 else 0.0))

    let private expert = TabularPolicy.deterministic actions (Array.init (depths + 1) right)

    /// Labels of the expert in `weights` [S] of the states, of which a share ε are slips of the hand: what a table
    /// learns from as many of them as there can be.
    let private learn (epsilon: float) (weights: float[]) : TabularPolicy =
        Array.init (weights.Length * actions) (fun pair ->
            let state = pair / actions

            let label =
                if pair % actions = right state then
                    1.0 - epsilon
                else
                    epsilon / float (actions - 1)

            weights[state] * label)
        |> TabularImitation.clone weights.Length actions

    /// The same from `count` labels in states that are drawn.
    let private learnFrom (epsilon: float) (weights: float[]) (count: int) (rng: Rng) : struct (TabularPolicy * Rng) =
        let counts = Array.zeroCreate<float>(weights.Length * actions)
        let total = Array.sum weights
        let mutable rng = rng

        for _ in 1..count do
            let struct (place, next) = Rng.uniform rng
            let struct (slip, next) = Rng.uniform next
            let struct (wrong, next) = Rng.below (actions - 1) next
            rng <- next
            let sums = Array.scan (+) 0.0 weights
            let state = sums |> Array.findIndexBack (fun sum -> sum <= place * total) |> min (weights.Length - 1)
            let label = if slip < epsilon then (right state + 1 + wrong) % actions else right state
            counts[state * actions + label] <- counts[state * actions + label] + 1.0

        struct (TabularImitation.clone weights.Length actions counts, rng)

    let private met horizon policy =
        (FiniteHorizon.evaluate road horizon policy).Occupancy |> Array.reduce (Array.map2 (+))

    let private share round = if round = 0 then 1.0 else 0.0

    let private dagger horizon learn =
        TabularImitation.dagger road horizon 12 share expert expert learn |> Array.last |> fst

    let run (setting: Setting) =
        Report.title "Slide 2: errors of cloning compound, DAgger's do not"
        let epsilon = 0.004
        let horizons = [| 2; 3; 4; 6; 8; 12; 16; 24; 32; 48; 64; 96; 128; 192; 256 |]
        let cost horizon policy = FiniteHorizon.objective road horizon policy

        // What one error costs where the expert goes on: u of the bound.
        let most = FiniteHorizon.evaluate road 256 expert |> FiniteHorizon.advantages |> Array.concat |> Array.max

        let cloned = horizons |> Array.map (fun horizon -> cost horizon (learn epsilon (met horizon expert)))
        let aggregated = horizons |> Array.map (fun horizon -> cost horizon (dagger horizon (learn epsilon)))
        let labels = if setting.Quick then 2_000 else 20_000
        let mutable rng = Rng.create 2UL

        let sampled make =
            horizons
            |> Array.map (fun horizon ->
                let fit (weights: float[]) =
                    let struct (policy, next) = learnFrom epsilon weights labels rng
                    rng <- next
                    policy

                cost horizon (make horizon fit))

        let clonedFromSamples = sampled (fun horizon fit -> fit (met horizon expert))
        let aggregatedFromSamples = sampled dagger
        let bound power = horizons |> Array.map (fun horizon -> float horizon ** power * epsilon)
        let quadratic, linear = bound 2.0, bound 1.0 |> Array.map (fun x -> most * x)

        Report.table
            [ "horizon T"; "cloning"; "T² ε"; "DAgger"; "u T ε" ]
            [
                for index in 0..2 .. horizons.Length - 1 do
                    [
                        string horizons[index]
                        $"{cloned[index]:F3}"
                        $"{quadratic[index]:F3}"
                        $"{aggregated[index]:F3}"
                        $"{linear[index]:F3}"
                    ]
            ]

        let plot =
            Picture.create
                $"Steps in the ditch, for a learner that errs in {epsilon * 100.0:F1} %% of the expert's states"
                "horizon T"
                "expected cost"

        let logs (values: float[]) = values |> Array.map log10
        let xs = horizons |> Array.map (float >> log10)
        Picture.dashed plot "T² ε" Ink.orange 2.0 xs (logs quadratic)
        Picture.line plot "cloning" Ink.orange 3.0 xs (logs cloned)
        Picture.points plot $"cloning, from {labels:N0} labels" Ink.orange 8.0 0.7 xs (logs clonedFromSamples)
        Picture.dashed plot "u T ε" Ink.blue 2.0 xs (logs linear)
        Picture.line plot "DAgger" Ink.blue 3.0 xs (logs aggregated)
        Picture.points plot $"DAgger, from {labels:N0} labels a round" Ink.blue 8.0 0.7 xs (logs aggregatedFromSamples)
        Picture.logarithmicX plot
        Picture.logarithmicY plot
        Picture.save setting "slide02-compounding-error" plot
