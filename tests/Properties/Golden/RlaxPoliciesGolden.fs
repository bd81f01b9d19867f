/// rlax's distributions, policy gradients and (V-)MPO as calls of ours.
module Rl.Tests.Golden.RlaxPoliciesGolden

open System
open Rl.Core.Autodiff
open Rl.Core.Distributions
open Rl.Core.Objectives

let private value name (f: GoldenArguments -> Expr) = name, (fun (a: GoldenArguments) -> Value(f a))

// --- Distributions
// ------------------------------------------------------------------------------------------------------

let private categorical (name: string) (make: GoldenArguments -> Expr -> Categorical) (input: string) =
    [
        value $"distributions.{name}.probs" (fun a -> Categorical.probabilities (make a (a.Expr input)))
        value $"distributions.{name}.entropy" (fun a -> Categorical.entropy (make a (a.Expr input)))
        value $"distributions.{name}.logprob" (fun a ->
            Categorical.logProbability (a.Expr "sample") (make a (a.Expr input)))
        value $"distributions.{name}.kl" (fun a ->
            Categorical.kl (make a (a.Expr "p_logits")) (make a (a.Expr "q_logits")))
    ]

let private softmax (a: GoldenArguments) = EpsilonGreedy.boltzmann (a.NumberOr("temperature", 1.0))
let private logits name (a: GoldenArguments) = Categorical.ofLogits (a.Expr name)

let private normal (a: GoldenArguments) mean deviation =
    DiagonalNormal.create (a.Expr mean) (Expr.log (a.Expr deviation))

let private standard (p: DiagonalNormal) = DiagonalNormal.create (Expr.zeros p.Mean.Shape) (Expr.number 0.0)

/// rlax's squashed Gaussian limits its parameters: tanh μ, and ln σ between two bounds.
let private limited (a: GoldenArguments) mean deviation =
    let low, high = a.NumberOr("sigma_min", -4.0), a.NumberOr("sigma_max", 0.0)
    DiagonalNormal.create (Expr.tanh (a.Expr mean)) (low + 0.5 * (high - low) * (Expr.tanh (a.Expr deviation) + 1.0))

let private squashed (a: GoldenArguments) =
    let bounds = a.Node "action_spec"

    SquashedNormal.create
        (GoldenCases.ofNode bounds["minimum"])
        (GoldenCases.ofNode bounds["maximum"])
        (limited a "mu" "sigma")

let private distributions: (string * (GoldenArguments -> Outcome)) list =
    [
        yield! categorical "softmax" softmax "logits"
        yield!
            categorical "clipped_entropy_softmax" softmax "logits"
            |> List.filter (fun (name, _) -> not (name.EndsWith "entropy"))
        yield! categorical "greedy" (fun _ -> EpsilonGreedy.greedy) "preferences"
        yield!
            categorical
                "epsilon_greedy"
                (fun a -> EpsilonGreedy.create (a.NumberOr("_0", a.NumberOr("epsilon", nan))))
                "preferences"
        value "distributions.clipped_entropy_softmax.entropy" (fun a ->
            let logits = a.Expr "logits"
            let most = a.NumberOr("entropy_clip", 1.0) * Math.Log(float logits.Shape[logits.Rank - 1])
            Expr.minimum (Categorical.entropy (softmax a logits)) (Expr.number most))
        value "distributions.gaussian_diagonal.logprob" (fun a ->
            DiagonalNormal.logProbability (a.Expr "sample") (normal a "mu" "sigma"))
        value "distributions.gaussian_diagonal.prob" (fun a ->
            Expr.exp (DiagonalNormal.logProbability (a.Expr "sample") (normal a "mu" "sigma")))
        value "distributions.gaussian_diagonal.entropy" (fun a -> DiagonalNormal.entropy (normal a "mu" "sigma"))
        value "distributions.gaussian_diagonal.kl" (fun a ->
            DiagonalNormal.kl (normal a "mu_0" "sigma_0") (normal a "mu_1" "sigma_1"))
        value "distributions.gaussian_diagonal.kl_to_standard_normal" (fun a ->
            let p = normal a "mu" "sigma"
            DiagonalNormal.kl p (standard p))
        value "distributions.multivariate_normal_kl_divergence" (fun a ->
            DiagonalNormal.kl (normal a "mu_0" "sigma_0") (normal a "mu_1" "sigma_1"))
        value "distributions.squashed_gaussian.logprob" (fun a ->
            SquashedNormal.logProbability (a.Expr "sample") (squashed a))
        value "distributions.squashed_gaussian.prob" (fun a ->
            Expr.exp (SquashedNormal.logProbability (a.Expr "sample") (squashed a)))
        value "distributions.squashed_gaussian.entropy" (fun a -> DiagonalNormal.entropy (limited a "mu" "sigma"))
        value "distributions.squashed_gaussian.kl" (fun a ->
            DiagonalNormal.kl (limited a "mu_0" "sigma_0") (limited a "mu_1" "sigma_1"))
        value "distributions.squashed_gaussian.kl_to_standard_normal" (fun a ->
            let p = limited a "mu" "sigma"
            DiagonalNormal.kl p (standard p))
        value "distributions.categorical_importance_sampling_ratios" (fun a ->
            let at name = Categorical.logProbability (a.Expr "a_t") (logits name a)
            PolicyGradients.ratio (at "pi_logits_t") (at "mu_logits_t"))
        value "distributions.categorical_cross_entropy" (fun a ->
            Losses.crossEntropy (a.Expr "labels") (a.Expr "logits"))
        value "distributions.categorical_kl_divergence" (fun a ->
            Categorical.kl (softmax a (a.Expr "p_logits")) (softmax a (a.Expr "q_logits")))
    ]

// --- Policy gradients and (V-)MPO
// ---------------------------------------------------------------------------------------

let private policyGradients =
    [
        value "policy_gradients.policy_gradient_loss" (fun a ->
            let chosen = Categorical.logProbability (a.Expr "a_t") (logits "logits_t" a)
            Expr.mean (PolicyGradients.score chosen (a.Expr "adv_t") * a.Expr "w_t"))
        value "policy_gradients.entropy_loss" (fun a ->
            Expr.mean (PolicyGradients.negativeEntropy (a.Expr "logits_t") * a.Expr "w_t"))
        value "policy_gradients.dpg_loss" (fun a ->
            // rlax clips the norm and keeps the coordinates apart.
            let gradient = PolicyGradients.clipNorm (a.NumberOr("dqda_clipping", 1e300)) (a.Expr "dqda_t")
            PolicyGradients.deterministic infinity (Expr.expandAxis -1 (a.Expr "a_t")) (Expr.expandAxis -1 gradient))
        value "policy_gradients.qpg_loss" (fun a ->
            Expr.mean (PolicyGradients.allAction (a.Expr "logits_t") (a.Expr "q_t")))
        value "policy_gradients.rm_loss" (fun a ->
            Expr.mean (PolicyGradients.regretMatching (a.Expr "logits_t") (a.Expr "q_t")))
        value "policy_gradients.rpg_loss" (fun a ->
            Expr.mean (PolicyGradients.regret (a.Expr "logits_t") (a.Expr "q_t")))
        value "policy_gradients.clipped_surrogate_pg_loss" (fun a ->
            PolicyGradients.clippedSurrogate
                (Expr.number (a.Number "epsilon"))
                (a.Expr "prob_ratios_t")
                (a.Expr "adv_t")
            |> Expr.mean)
    ]

let private penalty (node: GoldenNode) : LagrangePenalty =
    {
        Multiplier = Expr.fresh (GoldenCases.ofNode node["alpha"])
        Bound = node.Float "epsilon"
        PerDimension = node.Flag "per_dimension"
    }

let private constraints (a: GoldenArguments) =
    [ for item in (a.Node "kl_constraints").Items -> GoldenCases.ofNode item.Items[0], penalty item.Items[1] ]

let private coefficients (a: GoldenArguments) =
    let weight name = a.NumberOr(name + "_loss_weight", 1.0)
    struct (weight "policy", weight "temperature", weight "kl", weight "alpha")

let private mpoOutcome (samples: Expr) (loss: MpoLoss) =
    Several
        [
            Value loss.Total
            Fields
                [
                    "temperature_loss", Value loss.Temperature
                    "policy_loss", Value loss.Policy
                    "kl_loss", Value loss.Divergence
                    "alpha_loss", Value loss.Multiplier
                    "normalized_weights", Value loss.Weights
                    "num_samples", Value samples
                ]
        ]

let private sampleCount (a: GoldenArguments) = Expr.number (float (a.Shape("sample_q_values")[0]))

let private mpoWeights (a: GoldenArguments) =
    let temperature = penalty (a.Node "temperature_constraint")
    let values = a.Expr "sample_q_values"
    let struct (loss, weights) = Mpo.weights values temperature

    if a.Case.Has "computed" then
        Several [ Value loss; Value weights; Value(sampleCount a) ]
    else
        // The cases without a result ask for the derivatives of the loss, or of the weights.
        let ofWeights = a.Case["expected"].Items.Head.Text "transform" = "gradient of mean(weights)"

        let gradients =
            Diff.gradients (Expr.mean (if ofWeights then weights else loss)) [| values; temperature.Multiplier |]

        Fields [ "d_sample_q_values", Value gradients[0]; "d_alpha", Value gradients[1] ]

let private topCount (a: GoldenArguments) (advantages: Expr) (restarting: Expr) =
    Mpo.topWeights (a.NumberOr("top_k_fraction", 1.0)) restarting advantages |> Expr.sum

let private mpo =
    [
        "mpo_ops.mpo_compute_weights_and_temperature_loss", mpoWeights
        "mpo_ops.mpo_loss",
        (fun a ->
            Mpo.loss
                (coefficients a)
                (a.Expr "sample_log_probs")
                (a.Expr "sample_q_values")
                (penalty (a.Node "temperature_constraint"))
                (constraints a)
            |> mpoOutcome (sampleCount a))
        "mpo_ops.vmpo_compute_weights_and_temperature_loss",
        (fun a ->
            let advantages, restarting = a.Expr "advantages", a.Expr "restarting_weights"
            let temperature = penalty (a.Node "temperature_constraint")

            let struct (loss, weights) =
                Mpo.advantageWeights
                    (a.NumberOr("top_k_fraction", 1.0))
                    advantages
                    restarting
                    (a.Expr "importance_weights")
                    temperature

            Several [ Value loss; Value weights; Value(topCount a advantages restarting) ])
        "mpo_ops.vmpo_loss",
        (fun a ->
            let advantages, restarting = a.Expr "advantages", a.Expr "restarting_weights"

            Mpo.advantageLoss
                (coefficients a)
                (a.NumberOr("top_k_fraction", 1.0))
                (a.Expr "sample_log_probs")
                advantages
                restarting
                (a.Expr "importance_weights")
                (penalty (a.Node "temperature_constraint"))
                (constraints a)
            |> mpoOutcome (topCount a advantages restarting))
        "mpo_ops.kl_constraint_loss",
        (fun a ->
            let penalty = penalty (a.Node "penalty")
            let struct (divergence, multiplier) = Mpo.divergencePenalty (a.Expr "kl") penalty

            if a.Case.Has "computed" then
                Several [ Value divergence; Value multiplier; Value penalty.Multiplier ]
            else
                let slopes (y: Expr) = Diff.gradients (Expr.sum y) [| a.Expr "kl"; penalty.Multiplier |]
                let ofDivergence, ofMultiplier = slopes divergence, slopes multiplier

                Fields
                    [
                        "d_kl_loss_d_kl", Value ofDivergence[0]
                        "d_kl_loss_d_alpha", Value ofDivergence[1]
                        "d_alpha_loss_d_kl", Value ofMultiplier[0]
                        "d_alpha_loss_d_alpha", Value ofMultiplier[1]
                    ])
        value "mpo_ops.get_top_k_weights" (fun a ->
            Mpo.topWeights
                (a.NumberOr("top_k_fraction", 1.0))
                (a.Expr "restarting_weights")
                (a.Expr "scaled_advantages"))
    ]

/// By rlax's names.
let functions: (string * (GoldenArguments -> Outcome)) list = distributions @ policyGradients @ mpo
