/// Slide 24: fitting values minimises the Bellman error, not the return.
namespace Lecture

open Rl.Core.Foundations
open Rl.Core.Tabular

/// Fitted Q-iteration on exact data, with many classes of functions under two weightings of the pairs: the fit with the
/// lowest error is not the one with the highest return.
[<RequireQualifiedAccess>]
module Slide24ValueFitting =

    let private groups = 8

    /// A class of functions: states in random groups share their values, apart for each action. Fitting these always
    /// converges.
    let private grouped (mdp: Mdp) (rng: Rng) : struct (LinearFeatures * Rng) =
        let struct (group, rng) = Numbers.draw mdp.States (Rng.below groups) rng
        let size = groups * mdp.Actions

        let rows =
            Array.init (mdp.States * mdp.Actions) (fun pair ->
                let column = group[pair / mdp.Actions] * mdp.Actions + pair % mdp.Actions
                Array.init size (fun index -> if index = column then 1.0 else 0.0))

        struct (LinearFeatures.create size (Array.concat rows), rng)

    /// Every transition with its probability times the weight of its pair.
    let private data (mdp: Mdp) (weights: float[]) : Transition[] =
        [|
            for state in 0 .. mdp.States - 1 do
                for action in 0 .. mdp.Actions - 1 do
                    for transition in Transition.expected mdp state action do
                        { transition with Weight = weights[state * mdp.Actions + action] * transition.Weight }
        |]

    /// The share of pairs of fits in which the lower error has the lower return.
    let private reversed (fits: ValueFit[]) : float =
        let pairs =
            [|
                for a in fits do
                    for b in fits do
                        if a.BellmanError < b.BellmanError && a.Return <> b.Return then
                            if a.Return < b.Return then 1.0 else 0.0
            |]

        Array.average pairs

    let run (setting: Setting) =
        Report.title "Slide 24: value fitting minimises the Bellman error, not the return"
        let classes = if setting.Quick then 20 else 200
        let struct (mdp, rng) = Generators.sparse 40 3 2 0.9 (Rng.create 24UL)
        let solution = DynamicProgramming.policyIteration mdp
        let best = TabularPolicy.deterministic mdp.Actions solution.Choices
        let optimum = Exact.objective mdp best
        let occupancy = Exact.occupancy mdp best
        let struct (features, _) = Numbers.draw classes (grouped mdp) rng

        let weightings =
            [
                "every pair alike", Ink.blue, Array.create (mdp.States * mdp.Actions) 1.0
                "as the best policy meets the states",
                Ink.orange,
                Array.init (mdp.States * mdp.Actions) (fun pair -> occupancy[pair / mdp.Actions] + 1e-3)
            ]

        let results =
            [
                for name, colour, weights in weightings ->
                    let transitions = data mdp weights

                    name,
                    colour,
                    features
                    |> Array.map (fun features ->
                        let fitted = LeastSquares.fittedQ 1e-9 1e-5 2_000 features mdp.Actions transitions
                        BellmanError.againstReturn mdp weights (LinearFeatures.all features fitted.Weights))
            ]

        let row name (fit: ValueFit) = [ name; $"{fit.BellmanError:F4}"; $"{fit.Return:F3}" ]

        Report.table
            [ "weighting, fit"; "Bellman error"; "return" ]
            [
                for name, _, found in results do
                    row $"{name}, lowest error" (found |> Array.minBy _.BellmanError)
                    row $"{name}, highest return" (found |> Array.maxBy _.Return)
                [ "the optimum"; "0"; $"{optimum:F3}" ]
            ]

        for name, _, found in results do
            let share = $"{reversed found:P0} of all pairs"
            printfn $"{name}: of two fits the one with the lower error has the lower return in {share}"

        let plot =
            Picture.create
                "Fitted action values: one point a class of functions"
                "Bellman error (mean square, in the weighting that was fitted)"
                "return of the greedy policy"

        for name, colour, found in results do
            Picture.points plot name colour 7.0 0.5 (found |> Array.map _.BellmanError) (found |> Array.map _.Return)

        let lowest = [| for _, _, found in results -> found |> Array.minBy _.BellmanError |]

        Picture.points
            plot
            "lowest error"
            Ink.black
            13.0
            1.0
            (lowest |> Array.map _.BellmanError)
            (lowest |> Array.map _.Return)

        let errors =
            [|
                for _, _, found in results do
                    yield! found |> Array.map _.BellmanError
            |]

        Picture.dashed plot "the optimum" Ink.grey 2.0 [| Array.min errors; Array.max errors |] [| optimum; optimum |]
        Picture.save setting "slide24-value-fitting" plot
