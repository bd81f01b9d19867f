/// trfl's returns, Retrace and V-trace as calls of ours; arrays are time-major.
module Rl.Tests.Golden.TrflReturnsGolden

#nowarn "3391" // arrays convert to spans

open System
open Rl.Core.Autodiff
open Rl.Core.Distributions
open Rl.Core.Objectives

/// The number of columns of time-major arrays.
let columns (a: GoldenArguments) name =
    let shape = a.Shape name
    Shape.count shape[1..1]

let filled (a: GoldenArguments) like (fill: float[] -> unit) : Expr =
    let shape = (a.Shape like)[..1]
    let result = Array.zeroCreate<float>(Shape.count shape)
    fill result
    GoldenCases.constant shape result

/// The rows of a value after the first, and one more.
let private shifted (a: GoldenArguments) values bootstrap =
    Array.append (Array.skip (columns a values) (a.Data values)) (a.Data bootstrap)

let traces (a: GoldenArguments) like otherwise = a.DataOr("lambda_", Shape.count ((a.Shape like)[..1]), otherwise)

let lambdaReturns (a: GoldenArguments) =
    filled a "rewards" (fun result ->
        let values =
            if a.Has "values" then "values"
            else if a.Has "state_values" then "state_values"
            else "baseline_values"

        let next = shifted a values "bootstrap_value"

        let traces = traces a "rewards" 1.0
        let steps = Steps<float>(columns a "rewards", a.Data "rewards", a.Data "pcontinues", next, traces)
        Returns.Lambda(steps, ReadOnlySpan.Empty, result))

// --- Retrace
// ------------------------------------------------------------------------------------------------------------

/// ½ (Retrace − q)², the traces c and the targets, from arrays of T steps.
let private retrace
    qNow
    aNow
    (r: float[])
    (d: float[])
    (q: float[])
    (pi: float[])
    (mu: float[])
    (a: int[])
    lambda
    shape
    actions
    =
    let fill (write: float[] -> unit) =
        let result = Array.zeroCreate<float> r.Length
        write result
        result

    let choose (values: float[]) = fill (fun result -> ActionValues.Chosen<float>(actions, values, a, result))
    let ratios: float[] = Array.map2 (/) (choose pi) mu
    let expected: float[] = fill (fun result -> ActionValues.Expected<float>(actions, q, pi, result))

    let nextQ: float[] = choose q
    let traces: float[] = Array.create r.Length lambda

    let target =
        fill (fun result ->
            Corrections.Retrace(Steps<float>(Array.last shape, r, d, expected, traces), nextQ, ratios, result))
        |> GoldenCases.constant shape

    let error = ValueLearning.error (ValueLearning.chosen aNow qNow) target
    let weights = ratios |> Array.map (fun ratio -> lambda * min 1.0 ratio) |> GoldenCases.constant shape
    0.5 * Expr.square error, weights, target

let retraceCore (a: GoldenArguments) =
    let result, weights, target =
        retrace
            (a.Expr "q_tm1")
            (a.Expr "a_tm1")
            (a.Data "r_t")
            (a.Data "pcont_t")
            (a.Data "targnet_q_t")
            (a.Data "target_policy_t")
            (a.Data "behaviour_policy_t")
            (a.Ints "a_t")
            (a.Number "lambda_")
            (a.Shape "r_t")
            (Array.last (a.Shape "q_tm1"))

    Fields [ "loss", Value result; "extra", Fields [ "retrace_weights", Value weights; "target", Value target ] ]

let retraceWhole (a: GoldenArguments) =
    let steps = (a.Shape "rewards")[0] - 1
    let cut start name = a.Expr name |> Expr.slice 0 start (start + steps)
    let data start name = (Reference.evaluate (cut start name)).ToArray()

    let result, _, _ =
        retrace
            (cut 0 "qs")
            (cut 0 "actions")
            (data 0 "rewards")
            (data 0 "pcontinues")
            (data 1 "targnet_qs")
            (data 1 "target_policy_probs")
            (data 1 "behaviour_policy_probs")
            (data 1 "actions" |> Array.map int)
            (a.Number "lambda_")
            [| steps; columns a "rewards" |]
            (Array.last (a.Shape "qs"))

    Fields [ "loss", Value result ]

let retraceContinuous (a: GoldenArguments) =
    let n = columns a "rewards"
    let ratios = a.Data "log_rhos" |> Array.map exp
    let next: float[] = Array.append (Array.skip n ratios) (Array.zeroCreate n)
    let nextQ: float[] = Array.append (Array.skip n (a.Data "q_values")) (Array.zeroCreate n)
    let lambda = a.NumberOr("lambda_", 1.0)

    let returns =
        filled a "rewards" (fun result ->
            let traces = Array.create result.Length lambda

            let values = shifted a "values" "bootstrap_value"
            let steps = Steps<float>(n, a.Data "rewards", a.Data "discounts", values, traces)
            Corrections.Retrace(steps, nextQ, next, result))

    let shape = a.Shape "rewards"

    Fields
        [
            "qs", Value returns
            "importance_weights", Value(GoldenCases.constant shape ratios)
            "truncated_importance_weights",
            // Of the next step each, with 1 after the last.
            Value(
                Array.append (Array.skip n ratios) (Array.create n 1.0)
                |> Array.map (fun ratio -> lambda * min 1.0 ratio)
                |> GoldenCases.constant shape
            )
            "vs_minus_q_xs", Value(returns - a.Expr "q_values")
            "deltas",
            Value(
                a.Expr "rewards"
                + a.Expr "discounts" * GoldenCases.constant shape (shifted a "values" "bootstrap_value")
                - a.Expr "q_values"
            )
        ]

// --- V-trace
// ------------------------------------------------------------------------------------------------------------

let vtrace (logRatios: float[]) (a: GoldenArguments) =
    let n, count = columns a "rewards", (a.Data "rewards").Length
    let ratios = Array.map exp logRatios
    let next = shifted a "values" "bootstrap_value"
    let ones = Array.create count 1.0

    let errors, estimates, advantages =
        Array.zeroCreate<float> count, Array.zeroCreate<float> count, Array.zeroCreate<float> count

    let rewards, values, discounts = a.Data "rewards", a.Data "values", a.Data "discounts"

    let steps = Steps<float>(n, rewards, discounts, next, ones)
    Corrections.VTrace(steps, values, ratios, a.NumberOr("clip_rho_threshold", 1.0), errors)

    let clip = a.NumberOr("clip_pg_rho_threshold", 1.0)
    Corrections.VTraceAdvantages(steps, values, ratios, errors, 1.0, clip, estimates, advantages)

    let whole values = Value(GoldenCases.constant (a.Shape "rewards") values)
    [ "vs", whole (Array.map2 (+) errors values); "pg_advantages", whole advantages ]

let vtraceOfLogits (a: GoldenArguments) =
    let logOf name = Categorical.logProbability (a.Expr "actions") (Categorical.ofLogits (a.Expr name))
    let target, behaviour = logOf "target_policy_logits", logOf "behaviour_policy_logits"
    let ratios = target - behaviour

    Fields(
        vtrace ((Reference.evaluate ratios).ToArray()) a
        @ [
            "log_rhos", Value ratios
            "behaviour_action_log_probs", Value behaviour
            "target_action_log_probs", Value target
        ]
    )

// --- Sequences
// ----------------------------------------------------------------------------------------------------------

/// Sums from the back or the front; a column may end before the array does, and is 0 from there on.
let discountedSum (a: GoldenArguments) =
    let sequence = a.Expr "sequence"
    let backwards = a.NumberOr("reverse", 0.0) <> 0.0
    let sum = if backwards then Unrolled.discountedSum else Unrolled.forwardDiscountedSum

    if not (a.Has "sequence_lengths") then
        Value(sum sequence (a.Expr "decay") (a.Expr "initial_value"))
    else
        let steps = sequence.Shape[0]

        a.Ints "sequence_lengths"
        |> Array.mapi (fun column length ->
            let part = Expr.slice 1 column (column + 1)

            if length = 0 then
                Expr.zeros (part sequence).Shape
            else
                let cut name = part (a.Expr name) |> Expr.slice 0 0 length

                sum (cut "sequence") (cut "decay") (a.Expr "initial_value" |> Expr.slice 0 column (column + 1))
                |> Expr.pad 0 0 (steps - length))
        |> Expr.concat 1
        |> Value

/// λ-returns that are differentiable in everything; the last step's own value is what follows.
let forwardView (a: GoldenArguments) =
    let values = a.Expr "state_values"
    let last = values |> Expr.slice 0 (values.Shape[0] - 1) values.Shape[0] |> Expr.squeeze 0
    let traces = Expr.full values.Shape (a.NumberOr("lambda_", 1.0))
    Unrolled.lambda (a.Expr "rewards") (a.Expr "pcontinues") values traces last
