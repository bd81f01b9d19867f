/// The distributions against PyTorch's: log-probability, entropy, divergence, mode and their gradients.
module Rl.Tests.Golden.DistributionsGolden

open Rl.Core.Autodiff
open Rl.Core.Distributions
open Xunit

let private tensor (node: GoldenNode) =
    let array = node.AsArray
    Tensor.create array.Shape array.Values

let private constant (node: GoldenNode) = Expr.constant (tensor node)

/// Compares what a case holds of the named quantity: its value, and the gradients of its sum in the parameters.
let private compare (case: GoldenNode) (name: string) (parameters: (string * Expr) list) (actual: Expr) =
    match case.TryGet name with
    | None -> ()
    | Some expected ->
        let expected = expected.AsArray
        Assert.Equal<int[]>(expected.Shape, actual.Shape)
        Golden.close 1e-9 1e-9 case name expected.Values ((Reference.evaluate actual).ToArray())

        match case.TryGet(name + "_grad") with
        | None -> ()
        | Some gradients ->
            let wrt = parameters |> List.map snd |> Array.ofList
            let computed = Diff.gradients (Expr.sum actual) wrt

            for index in 0 .. wrt.Length - 1 do
                let parameter = fst parameters[index]
                let what = $"{name}_grad/{parameter}"

                Golden.close
                    1e-9
                    1e-9
                    case
                    what
                    (gradients.Floats parameter)
                    ((Reference.evaluate computed[index]).ToArray())

let private is (name: string) (case: GoldenNode) = case.Text "distribution" = name

let private parametersOf (node: GoldenNode) =
    node.Members |> List.map (fun (name, value) -> name, Expr.fresh (constant value))

[<Fact>]
let ``the categorical distribution is PyTorch's`` () =
    Golden.verifyWhere "distributions" (is "Categorical") (fun case ->
        let make (parameters: (string * Expr) list) =
            match parameters with
            | [ "logits", logits ] -> Categorical.ofLogits logits
            | [ "probs", probabilities ] -> Categorical.ofProbabilities probabilities
            | other -> failwith $"{case.Path}: unexpected parameters {other}."

        let parameters = parametersOf case["params"]
        let p = make parameters
        compare case "probs" [] (Categorical.probabilities p)
        compare case "normalized_logits" [] p.LogProbabilities
        compare case "mode" [] (Categorical.mode p)
        compare case "log_prob" parameters (Categorical.logProbability (constant case["x"]) p)
        compare case "entropy" parameters (Categorical.entropy p)

        if case.Has "other" then
            let q = make (parametersOf case["other"])
            compare case "kl_to_other" parameters (Categorical.kl p q)
            compare case "kl_from_other" parameters (Categorical.kl q p))

[<Fact>]
let ``the diagonal normal distribution is PyTorch's`` () =
    Golden.verifyWhere "distributions" (is "DiagonalNormal") (fun case ->
        let make (parameters: (string * Expr) list) =
            let find name = parameters |> List.find (fun (other, _) -> other = name) |> snd
            DiagonalNormal.create (find "loc") (Expr.log (find "scale"))

        let parameters = parametersOf case["params"]
        let p = make parameters
        compare case "mean" [] (DiagonalNormal.mode p)
        compare case "variance" [] (Expr.square (DiagonalNormal.standardDeviation p))
        compare case "log_prob" parameters (DiagonalNormal.logProbability (constant case["x"]) p)
        compare case "entropy" parameters (DiagonalNormal.entropy p)

        if case.Has "other" then
            let q = make (parametersOf case["other"])
            compare case "kl_to_other" parameters (DiagonalNormal.kl p q)
            compare case "kl_from_other" parameters (DiagonalNormal.kl q p))
