/// Slide 24: fitting values minimises the Bellman error, not the return.
namespace Lecture

open Rl.Core.Foundations
open Rl.Core.Mdp
open Rl.Core.Planning

/// Fitted Q-iteration with two classes of functions, each under many weightings of the same exact data: where the error is lowest the
/// return is not highest.
[<RequireQualifiedAccess>]
module Slide24ValueFitting =

    /// Features of pairs that are 1 in the group of the pair's state and 0 elsewhere, apart for each action. With them fitting
    /// always converges.
    let private grouped (groups: int) (group: int -> int) (mdp: Mdp) : LinearFeatures =
        Array.init (mdp.States * mdp.Actions) (fun pair ->
            let column = group (pair / mdp.Actions) * mdp.Actions + pair % mdp.Actions
            Array.init (groups * mdp.Actions) (fun index -> if index = column then 1.0 else 0.0))
        |> Array.concat
        |> LinearFeatures.create (groups * mdp.Actions)

    /// Every transition with its probability, each pair weighted by an exponential draw.
    let private weighted (mdp: Mdp) (rng: Rng) : struct (Transition[] * Rng) =
        let mutable rng = rng

        let transitions =
            [|
                for state in 0 .. mdp.States - 1 do
                    for action in 0 .. mdp.Actions - 1 do
                        let struct (uniform, next) = Rng.uniform rng
                        rng <- next
                        let weight = -log(1.0 - uniform)

                        for transition in Transition.expected mdp state action do
                            { transition with Weight = weight * transition.Weight }
            |]

        struct (transitions, rng)

    let run (setting: Setting) =
        Report.title "Slide 24: value fitting minimises the Bellman error, not the return"
        let fits = if setting.Quick then 20 else 150
        let struct (mdp, rng) = Generators.grid 6 6 0.2 0.95 (Rng.create 24UL)
        let uniform = Array.create (mdp.States * mdp.Actions) 1.0

        let optimal =
            Exact.objective
                mdp
                (TabularPolicy.deterministic mdp.Actions (DynamicProgramming.policyIteration mdp).Choices)

        let classes =
            [
                "blocks of 2 x 2 cells", Ink.blue, grouped 9 (fun state -> state / 12 * 3 + state % 6 / 2) mdp
                "rows of cells", Ink.orange, grouped 6 (fun state -> state / 6) mdp
            ]

        let mutable rng = rng

        let results =
            [
                for name, colour, features in classes do
                    let found =
                        Array.init fits (fun _ ->
                            let struct (transitions, next) = weighted mdp rng
                            rng <- next
                            let fitted = LeastSquares.fittedQ 1e-9 1e-5 2_000 features mdp.Actions transitions
                            BellmanError.againstReturn mdp uniform (LinearFeatures.all features fitted.Weights))

                    name, colour, found
            ]

        let row name (fit: ValueFit) = [ name; $"{fit.BellmanError:G4}"; $"{fit.Return:F3}" ]

        Report.table
            [ "fit"; "Bellman error"; "return" ]
            [
                for name, _, found in results do
                    row $"{name}: lowest error" (found |> Array.minBy _.BellmanError)
                    row $"{name}: highest return" (found |> Array.maxBy _.Return)
                [ "optimal values"; "0"; $"{optimal:F3}" ]
            ]

        let plot =
            Picture.create
                "Fitted action values under many weightings of the same data"
                "Bellman error (mean square over all pairs)"
                "return of the greedy policy"

        for name, colour, found in results do
            Picture.points plot name colour 7.0 0.45 (found |> Array.map _.BellmanError) (found |> Array.map _.Return)

        let lowest = results |> List.map (fun (_, _, found) -> found |> Array.minBy _.BellmanError)

        Picture.points
            plot
            "lowest error of its class"
            Ink.black
            14.0
            1.0
            [| for fit in lowest -> fit.BellmanError |]
            [| for fit in lowest -> fit.Return |]

        let errors =
            [|
                for _, _, found in results do
                    yield! found |> Array.map _.BellmanError
            |]

        Picture.dashed plot "the optimum" Ink.grey 2.0 [| Array.min errors; Array.max errors |] [| optimal; optimal |]
        Picture.save setting "slide24-value-fitting" plot
