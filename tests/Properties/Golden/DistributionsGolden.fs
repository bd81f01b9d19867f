/// The distributions against PyTorch's: log-probability, entropy, divergence, mode and their gradients.
module Rl.Tests.Golden.DistributionsGolden

open Rl.Core.Autodiff
open Rl.Core.Distributions
open Xunit

let private tensor (node: GoldenNode) =
    let array = node.AsArray
    Tensor.create array.Shape array.Values

let private constant (node: GoldenNode) = Expr.constant (tensor node)

/// Compares what a case holds of the named quantity: its value, and, within `slack`, the gradients of its sum in the
/// parameters.
let private compareWithin
    (slack: float)
    (case: GoldenNode)
    (name: string)
    (parameters: (string * Expr) list)
    (actual: Expr)
    =
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
                    slack
                    slack
                    case
                    what
                    (gradients.Floats parameter)
                    ((Reference.evaluate computed[index]).ToArray())

let private compare = compareWithin 1e-9

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

let private find (parameters: (string * Expr) list) name =
    parameters |> List.find (fun (other, _) -> other = name) |> snd

/// What all element-wise distributions with a divergence are compared on.
let private comparePair slack (case: GoldenNode) make logProbability entropy kl =
    let parameters = parametersOf case["params"]
    let p = make parameters
    compareWithin slack case "log_prob" parameters (logProbability (constant case["x"]) p)
    compareWithin slack case "entropy" parameters (entropy p)

    if case.Has "other" then
        let q = make (parametersOf case["other"])
        compareWithin slack case "kl_to_other" parameters (kl p q)
        compareWithin slack case "kl_from_other" parameters (kl q p)

    p

[<Fact>]
let ``the Bernoulli distribution is PyTorch's`` () =
    Golden.verifyWhere "distributions" (is "Bernoulli") (fun case ->
        let make parameters =
            match parameters with
            | [ "logits", logits ] -> Bernoulli.ofLogits logits
            | [ "probs", probabilities ] -> Bernoulli.ofProbabilities probabilities
            | other -> failwith $"{case.Path}: unexpected parameters {other}."

        let p = comparePair 1e-9 case make Bernoulli.logProbability Bernoulli.entropy Bernoulli.kl
        compare case "probs" [] (Bernoulli.probabilities p)
        compare case "mean" [] (Bernoulli.probabilities p)
        compare case "variance" [] (Bernoulli.variance p))

[<Fact>]
let ``the Beta distribution is PyTorch's`` () =
    Golden.verifyWhere "distributions" (is "Beta") (fun case ->
        let make parameters = Beta.create (find parameters "alpha") (find parameters "beta")
        // PyTorch's trigamma function has eight digits for arguments below 1, ours all.
        let p = comparePair 1e-8 case make Beta.logProbability Beta.entropy Beta.kl
        compare case "mean" [] (Beta.mean p)
        compare case "variance" [] (Beta.variance p))

[<Fact>]
let ``the normal distribution of one number is PyTorch's`` () =
    Golden.verifyWhere "distributions" (is "Normal") (fun case ->
        let make parameters = Normal.create (find parameters "loc") (Expr.log (find parameters "scale"))
        let p = comparePair 1e-9 case make Normal.logProbability Normal.entropy Normal.kl
        compare case "mean" [] (Normal.mode p)
        compare case "variance" [] (Expr.square (Normal.standardDeviation p))
        compare case "cdf" [] (Normal.distributionFunction (constant case["x"]) p)
        let mean, deviation = case["params"].Floats "loc", case["params"].Floats "scale"
        let quantiles = Array.map3 Normal.quantile mean deviation (case.Floats "u")
        Golden.close 1e-9 1e-9 case "icdf" (case.Floats "icdf") quantiles)

[<Fact>]
let ``the multivariate normal distribution is PyTorch's`` () =
    Golden.verifyWhere "distributions" (is "MultivariateNormal") (fun case ->
        let make parameters = MultivariateNormal.create (find parameters "loc") (find parameters "scale_tril")
        let parameters = parametersOf case["params"]
        let p = make parameters
        let location = [ "loc", find parameters "loc" ]
        compare case "covariance" [] (MultivariateNormal.covariance p)
        compare case "log_prob" location (MultivariateNormal.logProbability (constant case["x"]) p)
        compare case "entropy" location (MultivariateNormal.entropy p)
        let q = make (parametersOf case["other"])
        compare case "kl_to_other" location (MultivariateNormal.kl p q)
        compare case "kl_from_other" location (MultivariateNormal.kl q p))

[<Fact>]
let ``the squashed normal distribution is PyTorch's, from either side of tanh`` () =
    Golden.verifyWhere "distributions" (is "TanhNormal") (fun case ->
        let parameters = parametersOf case["params"] |> List.filter (fun (name, _) -> name = "loc" || name = "scale")
        let bound name = Expr.number (case["params"].Float name)
        let normal = DiagonalNormal.create (find parameters "loc") (Expr.log (find parameters "scale"))
        let p = SquashedNormal.create (bound "low") (bound "high") normal
        let struct (u, x) = SquashedNormal.reparameterise (constant case["noise"]) p
        compare case "pre_tanh" [] u
        compare case "x" [] x
        compare case "reparameterised_log_prob" parameters (SquashedNormal.logProbabilityOf u p)
        let direct = SquashedNormal.logProbability (constant case["x"]) p
        Golden.close 1e-6 1e-6 case "log_prob" (case.Floats "log_prob") ((Reference.evaluate direct).ToArray()))

[<Fact>]
let ``every distribution of the file is covered`` () =
    let known = [ "Categorical"; "DiagonalNormal"; "Bernoulli"; "Beta"; "Normal"; "MultivariateNormal"; "TanhNormal" ]
    let cases = Golden.cases "distributions"
    let unknown = cases |> List.filter (fun case -> not (List.contains (case.Text "distribution") known))
    Assert.Empty unknown
