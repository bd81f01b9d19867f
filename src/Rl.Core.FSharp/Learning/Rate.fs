/// Rates of the options inside updates: constants of a compiled program, or its inputs where they change.
namespace Rl.Core.Learning

open System
open Rl.Core.Autodiff
open Rl.Core.Experience
open Rl.Core.Optimisers

/// A rate of an algorithm: what programs and reports call it, and how it changes.
type Rate = { Name: string; Schedule: RateSchedule }

/// What updates read of rates. A rate that changes is an input, set before a run: no program is compiled again.
[<RequireQualifiedAccess>]
module Rate =

    /// The rate of an option, called as it is with a small letter.
    let create (option: string) (schedule: RateSchedule) : Rate =
        { Name = $"{Char.ToLowerInvariant option[0]}{option[1..]}"; Schedule = schedule }

    let private column (rate: Rate) = Column.scalar rate.Name

    let private scaled (rate: Rate) (input: Expr) =
        match RateSchedule.scale rate.Schedule with
        | 1.0 -> input
        | scale -> scale * input

    /// As the step size of an optimiser.
    let stepSize (rate: Rate) : Schedule =
        match rate.Schedule with
        | RateSchedule.Constant value -> Schedule.constant value
        | _ -> fun count -> scaled rate (Schedule.input rate.Name count)

    /// As a number of a loss.
    let value (batch: Batch) (rate: Rate) : Expr =
        match rate.Schedule with
        | RateSchedule.Constant value -> Expr.number value
        | _ -> scaled rate batch[column rate]

    /// The terms of a bonus, of `kind` `Term.mean` or `Term.sum`: rate times x is added to what is maximised, and x is
    /// reported.
    let bonus (kind: string -> float -> Expr -> Term) (batch: Batch) (rate: Rate) (name: string) (x: Expr) =
        match rate.Schedule with
        | RateSchedule.Constant value -> [ kind name -value x ]
        | _ -> [ kind name 0.0 x; kind (name + "Bonus") -1.0 (value batch rate * x) ]

    /// The value after so many environment steps.
    let after (plan: PlanOptions) (steps: int64) (rate: Rate) : float = PlanOptions.after plan steps rate.Schedule

    /// Tells updates the rates that change, after so many environment steps.
    let set (plan: PlanOptions) (steps: int64) (rates: Rate list) (updates: Update list) : unit =
        for rate in rates do
            if not (RateSchedule.isConstant rate.Schedule) then
                let share = RateSchedule.shareAfter plan.TotalSteps steps rate.Schedule

                for update in updates do
                    update.Set(column rate, share)

    /// Rates that change, with the values that they have after so many environment steps: what there is to report.
    let metrics (plan: PlanOptions) (steps: int64) (rates: Rate list) : struct (string * float)[] =
        [|
            for rate in rates do
                if not (RateSchedule.isConstant rate.Schedule) then
                    struct (rate.Name, after plan steps rate)
        |]
