/// Slide 13: the mean return of N trajectories is an unbiased estimate of J, and its standard error falls as 1/√N.
namespace Lecture

open Rl.Core.Foundations
open Rl.Core.Tabular

/// J(θ) ≈ (1/N) Σᵢ Σₜ r, equation 8, beside the exact J of a small process.
[<RequireQualifiedAccess>]
module Slide13UnbiasedObjective =

    let private horizon = 12

    let run (setting: Setting) =
        Report.title "Slide 13: the mean return is an unbiased estimate of J"
        let struct (mdp, rng) = Generators.grid 3 3 0.2 1.0 (Rng.create 13UL)
        let struct (policy, _, _) = TabularPolicy.random 1.0 mdp.States mdp.Actions rng
        let exact = FiniteHorizon.objective mdp horizon policy
        let runs, most = if setting.Quick then 4, 1_000 else 12, 10_000

        let sampleReturn rng =
            let struct (trajectory, rng) = Trajectories.sample mdp policy horizon rng
            struct (Trajectories.discountedReturn mdp.Discount trajectory, rng)

        let struct (returns, _) = Numbers.draw (runs * most) sampleReturn (Rng.create 1UL)
        let ofRun = Array.chunkBySize most returns
        let sizes = [ 10; 30; 100; 300; 1_000; 3_000; 10_000 ] |> List.filter (fun size -> size <= most)

        Report.table
            [ "N"; "estimate"; "± error"; "exact J"; "errors apart" ]
            [
                for size in sizes ->
                    let sample = Array.take size ofRun[0]
                    let estimate, error = Array.average sample, Numbers.standardError sample
                    [ $"{size}"; $"{estimate:F4}"; $"{error:F4}"; $"{exact:F4}"; $"{(estimate - exact) / error:F2}" ]
            ]

        // No bias at any N: many estimates from 10 trajectories each are right on average.
        let small = returns |> Array.chunkBySize 10 |> Array.map Array.average
        let error = Numbers.standardError small
        let apart = (Array.average small - exact) / error

        let mean = $"{Array.average small:F4} ± {error:F4}, {apart:F2} errors from J"
        printfn $"the mean of {small.Length:N0} estimates from 10 trajectories each: {mean}"

        // The deviation of one return, to draw the cone that the estimates should stay in.
        let deviation = Numbers.standardError returns * sqrt (float returns.Length)
        let counts = Numbers.range (log10 10.0) (log10 (float most)) 120 |> Array.map (fun x -> int (round (10.0 ** x)))
        let xs = counts |> Array.map (float >> log10)
        let width = counts |> Array.map (fun count -> 2.0 * deviation / sqrt (float count))
        let plot = Picture.create "Mean return of N trajectories, and the exact J" "trajectories N" "mean return"
        Picture.logarithmicX plot

        Picture.band
            plot
            "exact J ± 2 standard errors"
            Ink.blue
            xs
            (width |> Array.map (fun w -> exact - w))
            (width |> Array.map (fun w -> exact + w))

        ofRun
        |> Array.iteri (fun index sample ->
            let sums = Array.scan (+) 0.0 sample
            let means = counts |> Array.map (fun count -> sums[count] / float count)
            Picture.faint plot (if index = 0 then "independent runs" else "") Ink.black xs means)

        Picture.line plot "exact J" Ink.orange 3.0 [| xs[0]; xs[xs.Length - 1] |] [| exact; exact |]
        Picture.save setting "slide13-unbiased" plot
