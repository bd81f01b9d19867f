/// Rates as functions of the share of training that is done: what an option of a learning rate, a clip range or an
/// exploration is, as a value with a text.
namespace Rl.Core.Learning

open System
open System.Globalization
open Rl.Core.Foundations

/// A rate over training, as a value. p is the share of the planned steps that were taken, 0 at the start and 1 at the
/// end; a rate keeps its last value where training goes on beyond its plan.
[<RequireQualifiedAccess>]
type RateSchedule =
    /// The same value always.
    | Constant of value: float
    /// initial + (final − initial) · min(1, p / over).
    | Linear of initial: float * final: float * over: float
    /// final + (initial − final) · (1 + cos(π min(1, p / over))) / 2 (Loshchilov and Hutter 2017).
    | Cosine of initial: float * final: float * over: float
    /// initial · (final / initial)^min(1, p / over), both greater than 0.
    | Exponential of initial: float * final: float * over: float
    /// The initial value, and from each share on, in rising order, the value beside it.
    | Piecewise of initial: float * from: (float * float) list
    /// In a straight line from 0 to where the other schedule starts, over this share; the other then has what is left
    /// of training as its whole.
    | WarmUp of over: float * next: RateSchedule

/// Making, asking, printing and reading schedules.
[<RequireQualifiedAccess>]
module RateSchedule =

    /// From one value to another in a straight line over all of training.
    let linear (initial: float) (final: float) : RateSchedule = RateSchedule.Linear(initial, final, 1.0)

    /// From one value to another by half a cosine over all of training.
    let cosine (initial: float) (final: float) : RateSchedule = RateSchedule.Cosine(initial, final, 1.0)

    /// From one value to another by equal factors in equal times over all of training; both are greater than 0.
    let exponential (initial: float) (final: float) : RateSchedule = RateSchedule.Exponential(initial, final, 1.0)

    /// Whether it never changes.
    let isConstant (schedule: RateSchedule) : bool = schedule.IsConstant

    /// How much of a fall or rise is done: min(1, steps / (over · total)).
    let private progress over total steps =
        let duration = over * total
        if steps >= duration then 1.0 else steps / duration

    let rec private value (total: float) (steps: float) (schedule: RateSchedule) : float =
        let between over (formula: float -> float) final =
            let x = progress over total steps
            if x = 1.0 then final else formula x

        match schedule with
        | RateSchedule.Constant value -> value
        // What falls to 0 is so many parts of its start.
        | RateSchedule.Linear(initial, 0.0, over) -> initial * (1.0 - progress over total steps)
        | RateSchedule.Linear(initial, final, over) -> between over (fun x -> initial + (final - initial) * x) final
        | RateSchedule.Cosine(initial, final, over) ->
            between over (fun x -> final + 0.5 * (initial - final) * (1.0 + Math.Cos(Math.PI * x))) final
        | RateSchedule.Exponential(initial, final, over) ->
            between over (fun x -> initial * Math.Pow(final / initial, x)) final
        | RateSchedule.Piecewise(initial, from) ->
            from
            |> List.fold (fun value (share, next) -> if steps >= share * total then next else value) initial
        | RateSchedule.WarmUp(over, next) ->
            let duration = over * total

            if steps < duration then
                value (total - duration) 0.0 next * (steps / duration)
            else
                value (total - duration) (steps - duration) next

    /// The value after `steps` of `total` planned steps, ≥ 0 and ≥ 1.
    let after (total: int64) (steps: int64) (schedule: RateSchedule) : float =
        value (float total) (float steps) schedule

    /// The value at a share of training, 0 to 1.
    let at (share: float) (schedule: RateSchedule) : float = value 1.0 share schedule

    /// A constant factor of the schedule: its start where it falls to 0 in a straight line, else 1.
    let internal scale (schedule: RateSchedule) : float =
        match schedule with
        | RateSchedule.Linear(initial, 0.0, _) -> initial
        | _ -> 1.0

    /// The value over `scale`.
    let internal shareAfter (total: int64) (steps: int64) (schedule: RateSchedule) : float =
        match schedule with
        | RateSchedule.Linear(_, 0.0, over) -> 1.0 - progress over (float total) (float steps)
        | _ -> after total steps schedule

    /// The factor k with which a schedule is k times the other at any time, where their forms alone say so.
    let internal ratio (schedule: RateSchedule) (other: RateSchedule) : float voption =
        match schedule, other with
        | RateSchedule.Constant k, RateSchedule.Constant m when m <> 0.0 -> ValueSome(k / m)
        | RateSchedule.Linear(k, 0.0, over), RateSchedule.Linear(m, 0.0, same) when over = same && m <> 0.0 ->
            ValueSome(k / m)
        | _ -> ValueNone

    /// Values between whose least and largest all others lie.
    let rec extremes (schedule: RateSchedule) : float list =
        match schedule with
        | RateSchedule.Constant value -> [ value ]
        | RateSchedule.Linear(initial, final, _)
        | RateSchedule.Cosine(initial, final, _)
        | RateSchedule.Exponential(initial, final, _) -> [ initial; final ]
        | RateSchedule.Piecewise(initial, from) -> initial :: List.map snd from
        | RateSchedule.WarmUp(_, next) -> 0.0 :: extremes next

    /// Whether it is 0 from start to end.
    let isZero (schedule: RateSchedule) : bool = extremes schedule |> List.forall ((=) 0.0)

    let private ofFloat (value: float) = value.ToString("R", CultureInfo.InvariantCulture)

    /// As text, for example `0.001`, `linear(0.001, 0)`, `cosine(0.001, 0.0001, 0.5)`,
    /// `piecewise(0.001, 0.5: 0.0003, 0.75: 0.0001)`, `warmup(0.05, linear(0.001, 0))`; nothing is lost.
    let rec print (schedule: RateSchedule) : string =
        let curve name initial final over =
            let rest = if over = 1.0 then "" else $", {ofFloat over}"
            $"{name}({ofFloat initial}, {ofFloat final}{rest})"

        match schedule with
        | RateSchedule.Constant value -> ofFloat value
        | RateSchedule.Linear(initial, final, over) -> curve "linear" initial final over
        | RateSchedule.Cosine(initial, final, over) -> curve "cosine" initial final over
        | RateSchedule.Exponential(initial, final, over) -> curve "exponential" initial final over
        | RateSchedule.Piecewise(initial, from) ->
            let parts = from |> List.map (fun (share, value) -> $"{ofFloat share}: {ofFloat value}")
            $"""piecewise({String.Join(", ", ofFloat initial :: parts)})"""
        | RateSchedule.WarmUp(over, next) -> $"warmup({ofFloat over}, {print next})"

    /// What texts of schedules look like.
    let forms =
        ("a number such as 3e-4, linear(3e-4, 0), cosine(3e-4, 0), exponential(3e-4, 3e-6), each with the share of "
         + "training that it takes as a third number, piecewise(3e-4, 0.5: 1e-4), or warmup(0.05, linear(3e-4, 0))")

    let private refuse (name: string) (text: string) = Guard.fail name $"{name} is \"{text}\"; it must be {forms}."

    // The parts between the commas that stand in no brackets.
    let private parts (text: string) =
        let depths =
            text
            |> Seq.scan
                (fun depth c ->
                    depth
                    + (if c = '(' then 1
                       elif c = ')' then -1
                       else 0))
                0

        let commas = Seq.zip text depths |> Seq.indexed |> Seq.filter (fun (_, pair) -> pair = (',', 0)) |> Seq.map fst
        let ends = Seq.append commas [ text.Length ]

        Seq.zip (Seq.append [ -1 ] ends) ends
        |> Seq.map (fun (a, b) -> text[a + 1 .. b - 1].Trim())
        |> Seq.toList

    /// What `print` has written, also shares in per cent (`linear(1, 0.05, 20%)`) and `lin_3e-4` for `linear(3e-4, 0)`;
    /// fails, blaming the argument `name`, for any other text.
    let parse (name: string) (text: string) : RateSchedule =
        let number (part: string) =
            match Double.TryParse(part, NumberStyles.Float, CultureInfo.InvariantCulture) with
            | true, value -> value
            | _ -> refuse name text

        let share (part: string) =
            if part.EndsWith '%' then
                number (part[.. part.Length - 2].TrimEnd()) / 100.0
            else
                number part

        let rec read (text: string) =
            let text = text.Trim()
            let opening = text.IndexOf '('

            if text.StartsWith("lin_", StringComparison.OrdinalIgnoreCase) then
                linear (number text[4..]) 0.0
            elif opening < 0 then
                RateSchedule.Constant(number text)
            elif not (text.EndsWith ')') then
                refuse name text
            else
                let inside = parts text[opening + 1 .. text.Length - 2]

                let curve make =
                    match inside with
                    | [ initial; final ] -> make (number initial, number final, 1.0)
                    | [ initial; final; over ] -> make (number initial, number final, share over)
                    | _ -> refuse name text

                match text[.. opening - 1].TrimEnd().ToLowerInvariant(), inside with
                | "linear", _ -> curve RateSchedule.Linear
                | "cosine", _ -> curve RateSchedule.Cosine
                | "exponential", _ -> curve RateSchedule.Exponential
                | "warmup", [ over; next ] -> RateSchedule.WarmUp(share over, read next)
                | "piecewise", initial :: from ->
                    let place (part: string) =
                        match part.Split ':' with
                        | [| from; value |] -> share (from.Trim()), number value
                        | _ -> refuse name text

                    RateSchedule.Piecewise(number initial, List.map place from)
                | _ -> refuse name text

        read text

    /// Fails, naming the argument, where the schedule is none: for shares that are not in [0, 1] or do not rise, and
    /// for exponentials from or to what is not greater than 0.
    let check (name: string) (schedule: RateSchedule) : unit =
        let fail what = Guard.fail name $"{name} is {print schedule}; {what}."

        let checkShare (share: float) =
            if not (share >= 0.0 && share <= 1.0) then
                fail $"{ofFloat share} is no share of training: it must be in [0, 1]"

        let rec go isInner schedule =
            match schedule with
            | RateSchedule.Constant _ -> ()
            | RateSchedule.Linear(_, _, over)
            | RateSchedule.Cosine(_, _, over) -> checkShare over
            | RateSchedule.Exponential(initial, final, over) ->
                checkShare over

                if not (initial > 0.0 && final > 0.0) then
                    fail "an exponential starts and ends above 0: use linear or cosine to reach 0"
            | RateSchedule.Piecewise(_, from) ->
                List.iter (fst >> checkShare) from

                if List.pairwise from |> List.exists (fun ((first, _), (second, _)) -> not (first < second)) then
                    fail "its shares must rise"
            | RateSchedule.WarmUp(over, next) ->
                checkShare over

                if isInner then
                    fail "a warm-up comes once, before what takes up the rest of training"

                if over = 1.0 then
                    fail "a warm-up ends before training does: its share must be less than 1"

                go true next

        go false schedule
