/// rlax's returns, corrections and value-learning functions as calls of ours; one stream each, so one column.
module Rl.Tests.Golden.RlaxReturnsGolden

#nowarn "3391" // arrays convert to spans

open System
open Rl.Core.Autodiff
open Rl.Core.Objectives

let private vector (values: float[]) = Value(Expr.vector values)

/// Applies one of the static methods that fill a result of `count` numbers.
let private filled (count: int) (fill: float[] -> unit) : float[] =
    let result = Array.zeroCreate<float> count
    fill result
    result

let private count (a: GoldenArguments) = (a.Shape "r_t")[0]

let lambdaReturns (a: GoldenArguments) (nextValues: float[]) (traces: float[]) =
    filled (count a) (fun result ->
        let steps = Steps<float>(1, a.Data "r_t", a.Data "discount_t", nextValues, traces)
        Returns.Lambda(steps, ReadOnlySpan.Empty, result))

let private traces (a: GoldenArguments) = a.DataOr("lambda_", count a, 1.0)

let private subtract (a: float[]) (b: float[]) = Array.map2 (-) a b

/// q of the actions of each step.
let private taken (a: GoldenArguments) values actions =
    filled (count a) (fun result ->
        ActionValues.Chosen<float>((a.Shape values)[1], a.Data values, a.Ints actions, result))

let private best (a: GoldenArguments) values =
    filled (count a) (fun result -> ActionValues.Maximum<float>((a.Shape values)[1], a.Data values, result))

let private gae (a: GoldenArguments) =
    let values = a.Data "values"
    let now, next = Array.take (count a) values, Array.skip 1 values

    filled (count a) (fun result ->
        let steps = Steps<float>(1, a.Data "r_t", a.Data "discount_t", next, traces a)
        Returns.Advantages(steps, now, ReadOnlySpan.Empty, result))
    |> vector

let private importanceCorrected (a: GoldenArguments) =
    let values = a.Data "values"
    let now, next = Array.take (count a) values, Array.skip 1 values

    filled (count a) (fun result ->
        let steps = Steps<float>(1, a.Data "r_t", a.Data "discount_t", next, traces a)
        ImportanceSampling.ImportanceCorrectedErrors(steps, now, a.Data "rho_tm1", result))
    |> vector

/// Pads what rlax gives without a last element, which nothing reads.
let private padded (a: GoldenArguments) (values: float[]) =
    Array.append values (Array.zeroCreate (count a - values.Length))

let private generalOffPolicy (a: GoldenArguments) (rewards: float[]) (nextValues: float[]) nextActionValues traces =
    filled (count a) (fun result ->
        let steps = Steps<float>(1, rewards, a.Data "discount_t", nextValues, padded a traces)
        Corrections.GeneralOffPolicy(steps, padded a nextActionValues, result))

let private retraceTargets (a: GoldenArguments) (q: float[]) =
    let actions = (a.Shape "q_t")[1]

    let choose (values: float[]) =
        filled (count a) (fun result -> ActionValues.Chosen<float>(actions, values, a.Ints "a_t", result))
    // rlax divides by μ + 10⁻⁸.
    let ratios =
        Array.map2 (fun target behaviour -> target / (behaviour + 1e-8)) (choose (a.Data "pi_t")) (a.Data "mu_t")

    let expected = filled (count a) (fun result -> ActionValues.Expected<float>(actions, q, a.Data "pi_t", result))

    filled (count a) (fun result ->
        let steps = Steps<float>(1, a.Data "r_t", a.Data "discount_t", expected, traces a)
        Corrections.Retrace(steps, choose q, ratios, result))

let private retraceContinuous (a: GoldenArguments) =
    let n = count a
    let ratios = padded a (a.Data "log_rhos" |> Array.map exp)

    let traces =
        if a.Has "lambda_" then
            padded a (a.Data "lambda_")
        else
            Array.create n (a.Number "lambda_")

    let targets =
        filled n (fun result ->
            let steps = Steps<float>(1, a.Data "r_t", a.Data "discount_t", a.Data "v_t", traces)
            Corrections.Retrace(steps, padded a (a.Data "q_t"), ratios, result))

    vector (subtract targets (a.Data "q_tm1"))

let private mixed (mixing: string option) (a: GoldenArguments) =
    match mixing with
    | Some name -> a.NumberOr(name, 1.0)
    | None -> 1.0

let private vtrace (mixing: string option) (a: GoldenArguments) =
    filled (count a) (fun result ->
        let steps = Steps<float>(1, a.Data "r_t", a.Data "discount_t", a.Data "v_t", traces a)
        let clip = a.NumberOr("clip_rho_threshold", 1.0)
        Corrections.LeakyVTrace(steps, a.Data "v_tm1", a.Data "rho_tm1", mixed mixing a, clip, result))

let private vtraceAdvantages (mixing: string option) (a: GoldenArguments) =
    let n = count a
    let errors = vtrace mixing a
    // rlax takes the bootstrap of all steps but the last from v_tm1.
    let next = Array.append (Array.skip 1 (a.Data "v_tm1")) [| Array.last (a.Data "v_t") |]
    let estimates, advantages = Array.zeroCreate<float> n, Array.zeroCreate<float> n

    let steps = Steps<float>(1, a.Data "r_t", a.Data "discount_t", next, traces a)

    Corrections.VTraceAdvantages(
        steps,
        a.Data "v_tm1",
        a.Data "rho_tm1",
        errors,
        mixed mixing a,
        a.NumberOr("clip_pg_rho_threshold", 1.0),
        estimates,
        advantages
    )

    Fields [ "errors", vector errors; "pg_advantage", vector advantages; "q_estimate", vector estimates ]

/// The named transformations of values.
let pair (name: string) =
    match name with
    | "IDENTITY_PAIR" -> Transforms.identityPair
    | "SIGNED_HYPERBOLIC_PAIR" -> Transforms.signedHyperbolicPair Transforms.DefaultEpsilon
    | "SIGNED_LOGP1_PAIR" -> Transforms.signedLogPair
    | "HYPERBOLIC_SIN_PAIR" -> Transforms.hyperbolicSinPair
    | other -> failwith $"The transformation {other} is not known here."

let private onData (f: Expr -> Expr) (values: float[]) = (Reference.evaluate (f (Expr.vector values))).ToArray()

let private transformed (a: GoldenArguments) (targets: (float[] -> float[]) -> float[]) =
    let pair = pair (a.Text "tx_pair")
    vector (subtract (onData pair.Apply (targets (onData pair.Invert))) (taken a "q_tm1" "a_tm1"))

let private nStep (a: GoldenArguments) (nextValues: float[]) =
    let traces = a.DataOr("lambda_t", count a, 1.0)

    filled (count a) (fun result ->
        let steps = Steps<float>(1, a.Data "r_t", a.Data "discount_t", nextValues, traces)
        Returns.NStep(steps, int (a.Number "n"), result))

let private oneStep name (f: GoldenArguments -> Expr) = name, (fun a -> Value(f a))

/// By rlax's names.
let functions: (string * (GoldenArguments -> Outcome)) list =
    [
        "multistep.lambda_returns", (fun a -> vector (lambdaReturns a (a.DataOr("v_t", count a, 0.0)) (traces a)))
        "multistep.discounted_returns",
        (fun a -> vector (lambdaReturns a (a.DataOr("v_t", count a, 0.0)) (Array.create (count a) 1.0)))
        "multistep.n_step_bootstrapped_returns", (fun a -> vector (nStep a (a.Data "v_t")))
        "multistep.truncated_generalized_advantage_estimation", gae
        "multistep.importance_corrected_td_errors", importanceCorrected
        "multistep.general_off_policy_returns_from_q_and_v",
        (fun a -> vector (generalOffPolicy a (a.Data "r_t") (a.Data "v_t") (a.Data "q_t") (a.Data "c_t")))
        "multistep.general_off_policy_returns_from_action_values",
        (fun a ->
            let actions = (a.Shape "q_t")[1]

            let expected =
                filled (count a) (fun result ->
                    ActionValues.Expected<float>(actions, a.Data "q_t", a.Data "pi_t", result))

            vector (generalOffPolicy a (a.Data "r_t") expected (taken a "q_t" "a_t") (a.Data "c_t")))
        "vtrace.vtrace", (fun a -> vector (vtrace None a))
        "vtrace.leaky_vtrace", (fun a -> vector (vtrace (Some "alpha_") a))
        "vtrace.vtrace_td_error_and_advantage", vtraceAdvantages None
        "vtrace.leaky_vtrace_td_error_and_advantage", vtraceAdvantages (Some "alpha")
        "value_learning.td_lambda",
        (fun a -> vector (subtract (lambdaReturns a (a.Data "v_t") (traces a)) (a.Data "v_tm1")))
        "value_learning.q_lambda",
        (fun a ->
            let targets =
                filled (count a) (fun result ->
                    ActionValues.QLambda<float>(
                        1,
                        (a.Shape "q_t")[1],
                        a.Data "r_t",
                        a.Data "discount_t",
                        a.Data "q_t",
                        traces a,
                        result
                    ))

            vector (subtract targets (taken a "q_tm1" "a_tm1")))
        "value_learning.sarsa_lambda",
        (fun a ->
            let targets =
                filled (count a) (fun result ->
                    ActionValues.SarsaLambda<float>(
                        1,
                        (a.Shape "q_t")[1],
                        a.Data "r_t",
                        a.Data "discount_t",
                        a.Data "q_t",
                        a.Ints "a_t",
                        traces a,
                        result
                    ))

            vector (subtract targets (taken a "q_tm1" "a_tm1")))
        "value_learning.retrace",
        (fun a -> vector (subtract (retraceTargets a (a.Data "q_t")) (taken a "q_tm1" "a_tm1")))
        "value_learning.retrace_continuous", retraceContinuous
        "nonlinear_bellman.transformed_q_lambda",
        (fun a -> transformed a (fun invert -> lambdaReturns a (invert (best a "q_t")) (traces a)))
        "nonlinear_bellman.transformed_retrace",
        (fun a -> transformed a (fun invert -> retraceTargets a (invert (a.Data "q_t"))))
        "nonlinear_bellman.transformed_n_step_q_learning",
        (fun a -> transformed a (fun invert -> nStep a (invert (taken a "target_q_t" "a_t"))))
        oneStep "value_learning.td_learning" (fun a ->
            ValueLearning.temporalDifference (a.Expr "v_tm1") (a.Expr "r_t") (a.Expr "discount_t") (a.Expr "v_t"))
        oneStep "value_learning.sarsa" (fun a ->
            ValueLearning.sarsa
                (a.Expr "q_tm1")
                (a.Expr "a_tm1")
                (a.Expr "r_t")
                (a.Expr "discount_t")
                (a.Expr "q_t")
                (a.Expr "a_t"))
        oneStep "value_learning.expected_sarsa" (fun a ->
            ValueLearning.expectedSarsa
                (a.Expr "q_tm1")
                (a.Expr "a_tm1")
                (a.Expr "r_t")
                (a.Expr "discount_t")
                (a.Expr "q_t")
                (a.Expr "probs_a_t"))
        oneStep "value_learning.q_learning" (fun a ->
            ValueLearning.qLearning
                (a.Expr "q_tm1")
                (a.Expr "a_tm1")
                (a.Expr "r_t")
                (a.Expr "discount_t")
                (a.Expr "q_t"))
        oneStep "value_learning.double_q_learning" (fun a ->
            ValueLearning.doubleQLearning
                (a.Expr "q_tm1")
                (a.Expr "a_tm1")
                (a.Expr "r_t")
                (a.Expr "discount_t")
                (a.Expr "q_t_value")
                (a.Expr "q_t_selector"))
        oneStep "value_learning.persistent_q_learning" (fun a ->
            ValueLearning.persistentQLearning
                (a.Number "action_gap_scale")
                (a.Expr "q_tm1")
                (a.Expr "a_tm1")
                (a.Expr "r_t")
                (a.Expr "discount_t")
                (a.Expr "q_t"))
        oneStep "value_learning.qv_learning" (fun a ->
            ValueLearning.qvLearning
                (a.Expr "q_tm1")
                (a.Expr "a_tm1")
                (a.Expr "r_t")
                (a.Expr "discount_t")
                (a.Expr "v_t"))
        oneStep "value_learning.qv_max" (fun a ->
            ValueLearning.qvMax (a.Expr "v_tm1") (a.Expr "r_t") (a.Expr "discount_t") (a.Expr "q_t"))
        oneStep "value_learning.categorical_l2_project" (fun a ->
            ValueDistributions.project (a.Expr "z_p") (a.Expr "probs") (a.Expr "z_q"))
        oneStep "value_learning.categorical_td_learning" (fun a ->
            ValueDistributions.categoricalTd
                (a.Expr "v_atoms_tm1")
                (a.Expr "v_logits_tm1")
                (a.Expr "r_t")
                (a.Expr "discount_t")
                (a.Expr "v_atoms_t")
                (a.Expr "v_logits_t"))
        oneStep "value_learning.categorical_q_learning" (fun a ->
            ValueDistributions.categoricalQLearning
                (a.Expr "q_atoms_tm1")
                (a.Expr "q_logits_tm1")
                (a.Expr "a_tm1")
                (a.Expr "r_t")
                (a.Expr "discount_t")
                (a.Expr "q_atoms_t")
                (a.Expr "q_logits_t"))
        oneStep "value_learning.categorical_double_q_learning" (fun a ->
            ValueDistributions.categoricalDoubleQLearning
                (a.Expr "q_atoms_tm1")
                (a.Expr "q_logits_tm1")
                (a.Expr "a_tm1")
                (a.Expr "r_t")
                (a.Expr "discount_t")
                (a.Expr "q_atoms_t")
                (a.Expr "q_logits_t")
                (a.Expr "q_t_selector"))
        oneStep "value_learning.quantile_regression_loss" (fun a ->
            ValueDistributions.quantileRegression
                (a.NumberOr("huber_param", 0.0))
                (a.Expr "dist_src")
                (a.Expr "tau_src")
                (a.Expr "dist_target"))
        oneStep "value_learning.quantile_q_learning" (fun a ->
            ValueDistributions.quantileQLearning
                (a.NumberOr("huber_param", 0.0))
                (a.Expr "dist_q_tm1")
                (a.Expr "tau_q_tm1")
                (a.Expr "a_tm1")
                (a.Expr "r_t")
                (a.Expr "discount_t")
                (a.Expr "dist_q_t_selector")
                (a.Expr "dist_q_t"))
        oneStep "value_learning.quantile_expected_sarsa" (fun a ->
            ValueDistributions.quantileExpectedSarsa
                (a.NumberOr("huber_param", 0.0))
                (a.Expr "dist_q_tm1")
                (a.Expr "tau_q_tm1")
                (a.Expr "a_tm1")
                (a.Expr "r_t")
                (a.Expr "discount_t")
                (a.Expr "dist_q_t")
                (a.Expr "probs_a_t"))
    ]
