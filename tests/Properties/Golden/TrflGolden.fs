/// trfl's own tests and its functions on random inputs, with their gradients, against ours.
module Rl.Tests.Golden.TrflGolden

#nowarn "3391" // arrays convert to spans

open System
open Rl.Core.Autodiff
open Rl.Core.Distributions
open Rl.Core.Objectives
open Xunit
open Rl.Tests.Golden.TrflReturnsGolden

let private value name (f: GoldenArguments -> Expr) = name, (fun (a: GoldenArguments) -> Value(f a))

let private loss (error: Expr) (target: Expr) =
    [
        "loss", Value(0.5 * Expr.square error)
        "extra", Fields [ "target", Value target; "td_error", Value error ]
    ]

/// One-step errors: the target is the error and the prediction together.
let private oneStep name (prediction: GoldenArguments -> Expr) (f: GoldenArguments -> Expr) =
    name,
    (fun (a: GoldenArguments) ->
        let error = f a
        Fields(loss error (error + prediction a)))

let private chosen (a: GoldenArguments) = ValueLearning.chosen (a.Expr "a_tm1") (a.Expr "q_tm1")
let private reward (a: GoldenArguments) = a.Expr "r_t"
let private discount (a: GoldenArguments) = a.Expr "pcont_t"

let private multistep name (fill: GoldenArguments -> float[] -> unit) =
    name,
    (fun (a: GoldenArguments) ->
        let target = filled a "r_t" (fill a)
        Fields(loss (ValueLearning.error (chosen a) target) target))

// --- Policy gradients
// ---------------------------------------------------------------------------------------------------

let private score logits actions (values: Expr) =
    PolicyGradients.score (Categorical.logProbability actions (Categorical.ofLogits logits)) values

/// Several policies that act at once lie on a first axis.
let private policies (a: GoldenArguments) (x: Expr) =
    let several =
        a.Case.TryGet "tests"
        |> Option.map _.Items
        |> Option.defaultValue []
        |> List.exists (fun test -> string(test.Element.GetString()).Contains("MultiActions", StringComparison.Ordinal))

    if several then
        [ for i in 0 .. x.Shape[0] - 1 -> x |> Expr.slice 0 i (i + 1) |> Expr.squeeze 0 ]
    else
        [ x ]

let private logCount (logits: Expr) = Math.Log(float logits.Shape[logits.Rank - 1])

/// The actor-critic loss of a sequence; several policies may act at once, on a first axis.
let private actorCritic (a: GoldenArguments) =
    let several = (a.Shape "policy_logits").Length > 3

    let parts name =
        let x = a.Expr name

        if several then
            [ for i in 0 .. x.Shape[0] - 1 -> x |> Expr.slice 0 i (i + 1) |> Expr.squeeze 0 ]
        else
            [ x ]

    let logits, actions = parts "policy_logits", parts "actions"
    let returns = lambdaReturns a
    let advantages = ValueLearning.error (a.Expr "baseline_values") returns
    let overTime = Expr.sumOver [| 0 |]

    let policy =
        List.map2 (fun l actions -> score l actions advantages) logits actions
        |> List.reduce (+)
        |> overTime

    let entropy = logits |> List.map (fun l -> -(PolicyGradients.negativeEntropy l)) |> List.reduce (+) |> overTime

    let scale =
        if a.NumberOr("normalise_entropy", 0.0) <> 0.0 then
            logits |> List.sumBy logCount
        else
            1.0

    let entropyLoss = -(a.Number "entropy_cost" / scale * entropy)
    let baseline = a.Number "baseline_cost" * overTime (0.5 * Expr.square advantages)

    Fields
        [
            "loss", Value(policy + entropyLoss + baseline)
            "extra",
            Fields
                [
                    "entropy", Value entropy
                    "entropy_loss", Value entropyLoss
                    "baseline_loss", Value baseline
                    "policy_gradient_loss", Value policy
                    "advantages", Value advantages
                    "discounted_returns", Value returns
                ]
        ]

let private functions =
    Map.ofList
        [
            oneStep "action_value_ops.qlearning" chosen (fun a ->
                ValueLearning.qLearning (a.Expr "q_tm1") (a.Expr "a_tm1") (reward a) (discount a) (a.Expr "q_t"))
            "action_value_ops.double_qlearning",
            (fun a ->
                let error =
                    ValueLearning.doubleQLearning
                        (a.Expr "q_tm1")
                        (a.Expr "a_tm1")
                        (reward a)
                        (discount a)
                        (a.Expr "q_t_value")
                        (a.Expr "q_t_selector")

                let best = Value(Expr.argMax -1 (a.Expr "q_t_selector"))

                match loss error (error + chosen a) with
                | [ first; name, Fields extra ] -> Fields [ first; name, Fields(("best_action", best) :: extra) ]
                | _ -> failwith "unreachable")
            oneStep "action_value_ops.persistent_qlearning" chosen (fun a ->
                ValueLearning.persistentQLearning
                    (a.Number "action_gap_scale")
                    (a.Expr "q_tm1")
                    (a.Expr "a_tm1")
                    (reward a)
                    (discount a)
                    (a.Expr "q_t"))
            oneStep "action_value_ops.sarsa" chosen (fun a ->
                ValueLearning.sarsa
                    (a.Expr "q_tm1")
                    (a.Expr "a_tm1")
                    (reward a)
                    (discount a)
                    (a.Expr "q_t")
                    (a.Expr "a_t"))
            oneStep "action_value_ops.sarse" chosen (fun a ->
                ValueLearning.expectedSarsa
                    (a.Expr "q_tm1")
                    (a.Expr "a_tm1")
                    (reward a)
                    (discount a)
                    (a.Expr "q_t")
                    (a.Expr "probs_a_t"))
            oneStep "action_value_ops.qv_learning" chosen (fun a ->
                ValueLearning.qvLearning (a.Expr "q_tm1") (a.Expr "a_tm1") (reward a) (discount a) (a.Expr "v_t"))
            oneStep "value_ops.td_learning" (fun a -> a.Expr "v_tm1") (fun a ->
                ValueLearning.temporalDifference (a.Expr "v_tm1") (reward a) (discount a) (a.Expr "v_t"))
            oneStep "value_ops.qv_max" (fun a -> a.Expr "v_tm1") (fun a ->
                ValueLearning.qvMax (a.Expr "v_tm1") (reward a) (discount a) (a.Expr "q_t"))
            multistep "action_value_ops.qlambda" (fun a result ->
                ActionValues.QLambda<float>(
                    columns a "r_t",
                    Array.last (a.Shape "q_t"),
                    a.Data "r_t",
                    a.Data "pcont_t",
                    a.Data "q_t",
                    traces a "r_t" 1.0,
                    result
                ))
            multistep "action_value_ops.sarsa_lambda" (fun a result ->
                ActionValues.SarsaLambda<float>(
                    columns a "r_t",
                    Array.last (a.Shape "q_t"),
                    a.Data "r_t",
                    a.Data "pcont_t",
                    a.Data "q_t",
                    a.Ints "a_t",
                    traces a "r_t" 1.0,
                    result
                ))
            value "value_ops.generalized_lambda_returns" lambdaReturns
            "value_ops.td_lambda",
            (fun a ->
                let returns = lambdaReturns a
                let errors = ValueLearning.error (a.Expr "state_values") returns

                Fields
                    [
                        "loss", Value(Expr.sumOver [| 0 |] (0.5 * Expr.square errors))
                        "extra", Fields [ "temporal_differences", Value errors; "discounted_returns", Value returns ]
                    ])
            "sequence_ops.scan_discounted_sum", discountedSum
            value "sequence_ops.multistep_forward_view" forwardView
            "retrace_ops.retrace", retraceWhole
            "retrace_ops.retrace_core", retraceCore
            "continuous_retrace_ops.retrace_from_importance_weights", retraceContinuous
            "vtrace_ops.vtrace_from_importance_weights", (fun a -> Fields(vtrace (a.Data "log_rhos") a))
            "vtrace_ops.vtrace_from_logits", vtraceOfLogits
            value "vtrace_ops.log_probs_from_logits_and_actions" (fun a ->
                Categorical.logProbability (a.Expr "actions") (Categorical.ofLogits (a.Expr "policy_logits")))
            "discrete_policy_gradient_ops.discrete_policy_entropy_loss",
            (fun a ->
                // Several policies with different numbers of actions are a list.
                let logits =
                    if a.Has "policy_logits" then
                        policies a (a.Expr "policy_logits")
                    else
                        (a.Node "policy_logits").Items |> List.map GoldenCases.ofNode

                let entropy = -(logits |> List.map PolicyGradients.negativeEntropy |> List.reduce (+))
                let scale = if a.NumberOr("normalise", 0.0) <> 0.0 then List.sumBy logCount logits else 1.0
                Fields [ "loss", Value(-(entropy / scale)); "extra", Fields [ "entropy", Value entropy ] ])
            value "discrete_policy_gradient_ops.discrete_policy_gradient" (fun a ->
                score (a.Expr "policy_logits") (a.Expr "actions") (a.Expr "action_values"))
            value "discrete_policy_gradient_ops.discrete_policy_gradient_loss" (fun a ->
                List.map2
                    (fun logits actions -> score logits actions (a.Expr "action_values"))
                    (policies a (a.Expr "policy_logits"))
                    (policies a (a.Expr "actions"))
                |> List.reduce (+)
                |> Expr.sumOver [| 0 |])
            "discrete_policy_gradient_ops.sequence_advantage_actor_critic_loss", actorCritic
            "dist_value_ops.categorical_dist_td_learning",
            (fun a ->
                let atoms = a.Expr "atoms_tm1"

                let target =
                    ValueDistributions.categoricalTarget
                        atoms
                        (reward a)
                        (discount a)
                        (a.Expr "atoms_t")
                        (a.Expr "logits_v_t")

                let loss =
                    ValueDistributions.categoricalTd
                        atoms
                        (a.Expr "logits_v_tm1")
                        (reward a)
                        (discount a)
                        (a.Expr "atoms_t")
                        (a.Expr "logits_v_t")

                Fields [ "loss", Value loss; "extra", Fields [ "target", Value target ] ])
            "dist_value_ops.categorical_dist_qlearning",
            (fun a ->
                ValueDistributions.categoricalQLearning
                    (a.Expr "atoms_tm1")
                    (a.Expr "logits_q_tm1")
                    (a.Expr "a_tm1")
                    (reward a)
                    (discount a)
                    (a.Expr "atoms_t")
                    (a.Expr "logits_q_t")
                |> fun loss ->
                    let best = Expr.argMax -1 (ValueDistributions.mean (a.Expr "atoms_t") (a.Expr "logits_q_t"))
                    let next = ValueDistributions.chosen best (a.Expr "logits_q_t")

                    let target =
                        ValueDistributions.categoricalTarget
                            (a.Expr "atoms_tm1")
                            (reward a)
                            (discount a)
                            (a.Expr "atoms_t")
                            next

                    Fields [ "loss", Value loss; "extra", Fields [ "target", Value target ] ])
            "dist_value_ops.categorical_dist_double_qlearning",
            (fun a ->
                let next = ValueDistributions.chosen (Expr.argMax -1 (a.Expr "q_t_selector")) (a.Expr "logits_q_t")

                let target =
                    ValueDistributions.categoricalTarget
                        (a.Expr "atoms_tm1")
                        (reward a)
                        (discount a)
                        (a.Expr "atoms_t")
                        next

                let loss =
                    ValueDistributions.categoricalDoubleQLearning
                        (a.Expr "atoms_tm1")
                        (a.Expr "logits_q_tm1")
                        (a.Expr "a_tm1")
                        (reward a)
                        (discount a)
                        (a.Expr "atoms_t")
                        (a.Expr "logits_q_t")
                        (a.Expr "q_t_selector")

                Fields [ "loss", Value loss; "extra", Fields [ "target", Value target ] ])
            value "distribution_ops.l2_project" (fun a ->
                ValueDistributions.project (a.Expr "z_p") (a.Expr "p") (a.Expr "z_q"))
            value "distribution_ops.factorised_kl_gaussian" (fun a ->
                let normal which =
                    Normal.create (a.Expr(which + "_mean")) (Expr.log (a.Expr(which + "_covariance_or_scale")))

                let struct (means, deviations) = Normal.klParts (normal "dist1") (normal "dist2")
                Expr.stack 0 [ Expr.sumOver [| -1 |] means; Expr.sumOver [| -1 |] deviations ])
            "dpg_ops.dpg",
            (fun a ->
                // The case gives ∂q/∂a in place of the critic.
                let gradient = GoldenCases.ofNode a.Case["computed"].["extra"].["dqda"]
                let clip = a.NumberOr("dqda_clipping", infinity)
                Fields [ "loss", Value(PolicyGradients.deterministic clip (a.Expr "a_max") gradient) ])
            value "indexing_ops.batched_index" (fun a -> ValueLearning.chosen (a.Expr "indices") (a.Expr "values"))
            value "clipping_ops.huber_loss" (fun a ->
                Losses.huber (a.NumberOr("quadratic_linear_boundary", 1.0)) (a.Expr "input_tensor"))
            "policy_ops.epsilon_greedy",
            (fun a ->
                let epsilon, values = a.Number "epsilon", a.Expr "action_values"

                let p =
                    if a.Has "legal_actions_mask" then
                        EpsilonGreedy.masked epsilon (a.Expr "legal_actions_mask") values
                    else
                        EpsilonGreedy.create epsilon values

                Fields [ "probs", Value(Categorical.probabilities p) ])
        ]

[<Fact>]
let ``trfl's own tests hold`` () = GoldenCases.verify "trfl_tests" 1e-6 1e-6 [] functions

[<Fact>]
let ``every function has trfl's results and gradients on random inputs`` () =
    GoldenCases.verify "trfl_random" 1e-9 1e-9 [] functions
