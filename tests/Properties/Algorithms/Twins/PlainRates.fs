/// Rates over training as their definitions say, for learners that are written out plainly.
[<RequireQualifiedAccess>]
module Rl.Tests.Algorithms.Twins.PlainRates

open System
open Rl.Core.Learning

/// The value where this share of training is done.
let rec at (share: float) (schedule: RateSchedule) : float =
    // Of a change that takes the share `over`: how much of it is done.
    let part over = if over = 0.0 then 1.0 else min 1.0 (share / over)

    match schedule with
    | RateSchedule.Constant value -> value
    | RateSchedule.Linear(initial, final, over) -> initial * (1.0 - part over) + final * part over
    | RateSchedule.Cosine(initial, final, over) ->
        let left = 0.5 + 0.5 * cos (Math.PI * part over)
        left * initial + (1.0 - left) * final
    | RateSchedule.Exponential(initial, final, over) -> exp (log initial + part over * (log final - log initial))
    | RateSchedule.Piecewise(initial, from) ->
        match from |> List.tryFindBack (fun (start, _) -> start <= share) with
        | Some(_, value) -> value
        | None -> initial
    | RateSchedule.WarmUp(over, next) ->
        if share < over then
            at 0.0 next * share / over
        else
            at ((share - over) / (1.0 - over)) next

/// The value after so many environment steps.
let after (plan: PlanOptions) (steps: int64) (schedule: RateSchedule) : float =
    at (float steps / float plan.TotalSteps) schedule

/// The first value.
let start (schedule: RateSchedule) : float = at 0.0 schedule
