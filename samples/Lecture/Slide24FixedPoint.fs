/// Slide 24: Q-learning is a fixed-point iteration, value iteration with samples for expectations.
namespace Lecture

open Rl.Core.Foundations
open Rl.Core.Tabular

/// Q ← T Q beside Q(s, a) ← Q(s, a) + α (r + γ max Q(s′, ·) − Q(s, a)), one sample of every pair a sweep.
[<RequireQualifiedAccess>]
module Slide24FixedPoint =

    /// One sweep of Q-learning: a sampled transition from every pair in turn.
    let private sweep (mdp: Mdp) (stepSize: float) (table: float[]) (rng: Rng) : struct (float[] * Rng) =
        let mutable table = table
        let mutable rng = rng

        for state in 0 .. mdp.States - 1 do
            for action in 0 .. mdp.Actions - 1 do
                let struct (transition, next) = Transition.sample mdp state action rng
                rng <- next
                table <- TabularControl.qLearning stepSize mdp.Actions table transition

        struct (table, rng)

    /// max |Q − Q*| after 0, 1, … sweeps with the step size of each sweep.
    let private learn (mdp: Mdp) (optimum: float[]) (sweeps: int) (stepSize: int -> float) (rng: Rng) : float[] =
        let mutable table = Array.zeroCreate<float> optimum.Length
        let mutable rng = rng

        Array.init (sweeps + 1) (fun index ->
            if index > 0 then
                let struct (learned, next) = sweep mdp (stepSize index) table rng
                table <- learned
                rng <- next

            Bellman.distance table optimum)

    let run (setting: Setting) =
        Report.title "Slide 24: Q-learning is a fixed-point iteration"
        let sweeps = if setting.Quick then 300 else 10_000
        let struct (mdp, rng) = Generators.grid 4 4 0.3 0.9 (Rng.create 24UL)
        let solution = DynamicProgramming.valueIteration 1e-13 10_000 mdp
        let optimum = Mdp.actionValues mdp solution.Values
        let zero = Array.zeroCreate<float> optimum.Length
        let start = Bellman.distance zero optimum

        let iterated =
            Seq.unfold (fun table -> Some(Bellman.distance table optimum, Bellman.actionOptimality mdp table)) zero
            |> Seq.take (sweeps + 1)
            |> Array.ofSeq

        let bound = Array.init (sweeps + 1) (fun index -> start * mdp.Discount ** float index)
        let large = learn mdp optimum sweeps (fun _ -> 0.5) rng
        let small = learn mdp optimum sweeps (fun _ -> 0.05) rng
        let falling = learn mdp optimum sweeps (fun index -> 1.0 / (1.0 + 0.1 * float index)) rng

        Report.table
            [ "sweeps"; "value iteration"; "γᵏ bound"; "Q, α = 0.5"; "Q, α = 0.05"; "Q, α falling" ]
            [
                for index in [ 0; 1; 10; 30; 100; 300; 1_000; 3_000; 10_000 ] do
                    if index <= sweeps then
                        $"{index}"
                        :: [ for curve in [ iterated; bound; large; small; falling ] -> $"{curve[index]:E2}" ]
            ]

        let lowest = 1e-4
        let plot = Picture.create "Distance from the optimal action values" "sweeps over all pairs" "largest error of Q"
        Picture.logarithmicX plot
        Picture.logarithmicY plot

        // From the first sweep on; what has converged leaves the picture.
        let curve draw label colour (errors: float[]) =
            let shown = Picture.logarithmically sweeps |> Array.filter (fun index -> errors[index] > lowest)

            draw
                plot
                label
                colour
                2.5
                (shown |> Array.map (float >> log10))
                (shown |> Array.map (fun index -> log10 errors[index]))

        curve Picture.line "Q-learning, step 0.5" Ink.yellow large
        curve Picture.line "step 0.05" Ink.orange small
        curve Picture.line "falling steps" Ink.green falling
        curve Picture.line "value iteration" Ink.blue iterated
        curve Picture.dashed "its bound" Ink.grey bound
        Picture.save setting "slide24-fixed-point" plot
