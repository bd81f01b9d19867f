/// The options of an algorithm as data: a row each, with its name, its range, and how it is written as text and read
/// back.
namespace Rl.Core.Learning

open System
open Rl.Core.Acting
open Rl.Core.Foundations
open Rl.Core.Networks

/// An end of a range.
[<RequireQualifiedAccess>]
type Bound =
    | Unbounded
    | Including of float
    | Excluding of float

/// The numbers that an option may be, as a value: it checks, prints and documents.
type Range =
    {
        Lowest: Bound
        Highest: Bound
        /// 0 is allowed beside what lies between the bounds.
        OrZero: bool
    }

/// Ranges by name; infinities and NaN lie in none.
[<RequireQualifiedAccess>]
module Range =

    let private between lowest highest = { Lowest = lowest; Highest = highest; OrZero = false }

    /// Every finite number.
    let finite = between Bound.Unbounded Bound.Unbounded

    /// [low, ∞).
    let atLeast low = between (Bound.Including low) Bound.Unbounded

    /// (low, ∞).
    let above low = between (Bound.Excluding low) Bound.Unbounded

    /// [0, ∞).
    let notNegative = atLeast 0.0

    /// (0, ∞).
    let positive = above 0.0

    /// [low, high].
    let within low high = between (Bound.Including low) (Bound.Including high)

    /// [0, 1].
    let fraction = within 0.0 1.0

    /// (0, 1].
    let positiveFraction = between (Bound.Excluding 0.0) (Bound.Including 1.0)

    /// [0, 1).
    let belowOne = between (Bound.Including 0.0) (Bound.Excluding 1.0)

    /// Widths of layers and units: [1, 65536].
    let widths = within 1.0 (float Settings.WidestLayer)

    /// The range with 0 added.
    let orZero (range: Range) = { range with OrZero = true }

    /// Whether a number lies in the range.
    let contains (range: Range) (value: float) =
        let isAbove =
            match range.Lowest with
            | Bound.Unbounded -> true
            | Bound.Including low -> value >= low
            | Bound.Excluding low -> value > low

        let isBelow =
            match range.Highest with
            | Bound.Unbounded -> true
            | Bound.Including high -> value <= high
            | Bound.Excluding high -> value < high

        Double.IsFinite value && isAbove && isBelow || range.OrZero && value = 0.0

    /// For example "in [0, 1)", "at least 1" and "0 or greater than 1": what follows "it must be".
    let print (range: Range) =
        let text = Settings.ofFloat

        let low =
            match range.Lowest with
            | Bound.Excluding low -> $"({text low}"
            | Bound.Including low -> $"[{text low}"
            | Bound.Unbounded -> "(-∞"

        let bounds =
            match range.Lowest, range.Highest with
            | Bound.Unbounded, Bound.Unbounded -> "a finite number"
            | Bound.Including 0.0, Bound.Unbounded -> "0 or more"
            | Bound.Including low, Bound.Unbounded -> $"at least {text low}"
            | Bound.Excluding low, Bound.Unbounded -> $"greater than {text low}"
            | _, Bound.Including high -> $"in {low}, {text high}]"
            | _, Bound.Excluding high -> $"in {low}, {text high})"

        if range.OrZero then $"0 or {bounds}" else bounds

    /// Fails, naming the argument, its value and the range, unless the value lies in it.
    let check (name: string) (range: Range) (value: float) =
        if not (contains range value) then
            let message = $"{name} is {Settings.ofFloat value}; it must be {print range}."
            raise (ArgumentOutOfRangeException(name, box value, message))

/// What the values of an option are.
[<RequireQualifiedAccess>]
type OptionKind =
    | Whole of Range
    | Number of Range
    /// A number that may change over training; all its values lie in the range, or at its ends also 0.
    | Schedule of Range * orZeroAtEnds: bool
    /// True or false.
    | Flag
    /// One of these names.
    | Choice of names: string list
    /// A list of widths of layers, each in the range.
    | Widths of Range
    /// Layers of convolutions.
    | Layers
    /// Layers of a user's own.
    | Network

/// Kinds in words.
[<RequireQualifiedAccess>]
module OptionKind =

    let private listed (names: string list) =
        match List.rev names with
        | last :: (_ :: _ as before) -> $"""{String.Join(", ", List.rev before)} or {last}"""
        | names -> String.Join("", names)

    /// What a value must be, as it follows "it must be".
    let range (kind: OptionKind) =
        match kind with
        | OptionKind.Whole range
        | OptionKind.Number range -> Range.print range
        | OptionKind.Schedule(range, false) -> $"{Range.print range}, or a schedule of such numbers"
        | OptionKind.Schedule(range, true) ->
            $"{Range.print range}, or a schedule of such numbers that may begin or end at 0"
        | OptionKind.Flag -> "true or false"
        | OptionKind.Choice names -> listed names
        | OptionKind.Widths range -> $"widths such as 64x64, each {Range.print range}"
        | OptionKind.Network -> NetworkDesign.forms
        | OptionKind.Layers -> "auto, none, or layers of channels x kernel x stride such as 32x8x4-64x4x2"

    /// The range as a sentence of documentation, such as "At least 1."; empty where the type says it.
    let sentence (kind: OptionKind) =
        let ended (text: string) = $"{Char.ToUpperInvariant text[0]}{text[1..]}."

        match kind with
        | OptionKind.Whole range
        | OptionKind.Number range -> if range = Range.finite then "" else ended (Range.print range)
        | OptionKind.Schedule(range, false) -> $"A schedule; {Range.print range}."
        | OptionKind.Schedule(range, true) -> $"A schedule; {Range.print range}, at its ends also 0."
        | OptionKind.Widths range -> ended $"each {Range.print range}"
        | OptionKind.Choice names -> ended $"one of {listed names}"
        | OptionKind.Flag
        | OptionKind.Layers
        | OptionKind.Network -> ""

/// One option of the options of type 'C.
[<NoEquality; NoComparison>]
type OptionRow<'C> =
    {
        Name: string
        Kind: OptionKind
        /// The record that has it as a field; the documentation of the field is the option's.
        Owner: Type
        /// What it means, where that is not what the field's documentation says; else empty.
        Meaning: string
        /// Its value as text; nothing is lost.
        Print: 'C -> string
        /// Sets it from text; fails, naming it, if that is no such value.
        Parse: string -> 'C -> 'C
        /// Fails, naming it, if its value is out of its range.
        Check: 'C -> unit
        /// Names that older files have for what the option says now, with what their texts do to options of which all
        /// others are set.
        Former: (string * (string -> 'C -> 'C)) list
    }

/// Rows by the type of the value, and what is done with all rows of an algorithm.
[<RequireQualifiedAccess>]
module Options =

    let private row
        kind
        (print: 'V -> string)
        (parse: string -> string -> 'V)
        (check: string -> 'V -> unit)
        (name: string)
        (get: 'C -> 'V)
        (set: 'V -> 'C -> 'C)
        : OptionRow<'C> =
        {
            Name = name
            Kind = kind
            Owner = typeof<'C>
            Meaning = ""
            Print = get >> print
            Parse = fun text options -> set (parse name text) options
            Check = fun options -> check name (get options)
            Former = []
        }

    let private anything (_: string) (_: 'V) = ()

    /// A whole number of 32 bits.
    let whole name range get set : OptionRow<'C> =
        let check name (value: int) = Range.check name range (float value)
        row (OptionKind.Whole range) Settings.ofInt Settings.toInt check name get set

    /// A whole number of 64 bits.
    let long name range get set : OptionRow<'C> =
        let check name (value: int64) = Range.check name range (float value)
        row (OptionKind.Whole range) Settings.ofLong Settings.toLong check name get set

    /// A number.
    let number name range get set : OptionRow<'C> =
        row
            (OptionKind.Number range)
            Settings.ofFloat
            Settings.toFloat
            (fun name -> Range.check name range)
            name
            get
            set

    let private scheduleOf range orZeroAtEnds name get set : OptionRow<'C> =
        let check name (schedule: RateSchedule) =
            RateSchedule.check name schedule

            let isAllowed value =
                Range.contains range value || orZeroAtEnds && value = 0.0 && not (RateSchedule.isConstant schedule)

            match RateSchedule.extremes schedule |> List.tryFind (isAllowed >> not), schedule with
            | Some value, RateSchedule.Constant _ -> Range.check name range value
            | Some value, _ ->
                let message =
                    $"{name} is {RateSchedule.print schedule}, which goes to {Settings.ofFloat value}; "
                    + $"it must be {Range.print range} all the time."

                raise (ArgumentOutOfRangeException(name, box value, message))
            | None, RateSchedule.Constant _ -> ()
            | None, _ ->
                if
                    orZeroAtEnds
                    && List.forall (fun part -> RateSchedule.at (float part / 100.0) schedule = 0.0) [ 1..99 ]
                then
                    Guard.fail
                        name
                        ($"{name} is {RateSchedule.print schedule}, which is 0 nearly all the time: nothing would be "
                         + "learned. Let it take up more of training, and begin or end above 0.")

        row (OptionKind.Schedule(range, orZeroAtEnds)) RateSchedule.print RateSchedule.parse check name get set

    /// A number that may change over training, always within the range.
    let schedule name range get set : OptionRow<'C> = scheduleOf range false name get set

    /// A step size: greater than 0, and where it changes it may begin or end at 0.
    let rate name get set : OptionRow<'C> = scheduleOf Range.positive true name get set

    /// True or false.
    let flag name get set : OptionRow<'C> = row OptionKind.Flag Settings.ofBool Settings.toBool anything name get set

    /// One of some values by name; names are matched whatever their case.
    let choice (names: (string * 'V) list) name get set : OptionRow<'C> =
        let known = List.map fst names
        let print value = names |> List.find (fun (_, known) -> known = value) |> fst

        let parse name (text: string) =
            match
                names
                |> List.tryFind (fun (known, _) -> String.Equals(known, text, StringComparison.OrdinalIgnoreCase))
            with
            | Some(_, value) -> value
            | None -> Guard.fail name $"{name} is \"{text}\"; it must be {OptionKind.range (OptionKind.Choice known)}."

        row (OptionKind.Choice known) print parse anything name get set

    /// Widths of hidden layers.
    let widths name get set : OptionRow<'C> =
        let check name widths = widths |> List.iter (fun (width: int) -> Range.check name Range.widths (float width))
        row (OptionKind.Widths Range.widths) Settings.ofWidths Settings.toWidths check name get set

    /// What stands between layers.
    let activation name get set : OptionRow<'C> = choice Settings.activations name get set

    /// A recurrent layer or none.
    let recurrence name get set : OptionRow<'C> = choice Settings.recurrences name get set

    /// Layers of convolutions.
    let convolutions name get set : OptionRow<'C> =
        let check name (value: Convolutions) =
            match value with
            | Convolutions.Automatic -> ()
            | Convolutions.Layers layers ->
                for channels, kernel, stride in layers do
                    for number in [ channels; kernel; stride ] do
                        Range.check name (Range.atLeast 1.0) (float number)

        row OptionKind.Layers Settings.ofConvolutions Settings.toConvolutions check name get set

    /// Layers of a user's own, or none.
    let network name get set : OptionRow<'C> =
        row OptionKind.Network NetworkDesign.print NetworkDesign.parse NetworkDesign.check name get set

    /// The rows of a group of options that is a field of the options.
    let group (get: 'C -> 'G) (set: 'G -> 'C -> 'C) (rows: OptionRow<'G> list) : OptionRow<'C> list =
        rows
        |> List.map (fun row ->
            {
                Name = row.Name
                Kind = row.Kind
                Owner = row.Owner
                Meaning = row.Meaning
                Print = get >> row.Print
                Parse = fun text options -> set (row.Parse text (get options)) options
                Check = get >> row.Check
                Former =
                    row.Former
                    |> List.map (fun (name, parse) ->
                        name, (fun text options -> set (parse text (get options)) options))
            })

    /// Rows of which one means something else in this algorithm than its field's documentation says.
    let meaning (name: string) (meaning: string) (rows: OptionRow<'C> list) : OptionRow<'C> list =
        rows |> List.map (fun row -> if row.Name = name then { row with Meaning = meaning } else row)

    /// Rows of which one also reads names that older files have.
    let former (name: string) (former: (string * (string -> 'C -> 'C)) list) (rows: OptionRow<'C> list) =
        rows |> List.map (fun row -> if row.Name = name then { row with Former = former } else row)

    /// The flag of older files by which rates fell in a straight line to 0 at the end of training.
    let formerFall (name: string) (map: (RateSchedule -> RateSchedule) -> 'C -> 'C) : string * (string -> 'C -> 'C) =
        let fall isFalling (schedule: RateSchedule) =
            match schedule, isFalling with
            | RateSchedule.Constant rate, true
            | RateSchedule.Linear(rate, 0.0, 1.0), true -> RateSchedule.linear rate 0.0
            | RateSchedule.Constant rate, false
            | RateSchedule.Linear(rate, 0.0, 1.0), false -> RateSchedule.Constant rate
            | _ ->
                Guard.fail
                    name
                    ($"{name} does not go with the schedule {RateSchedule.print schedule}; leave it out: a rate is a "
                     + "schedule by itself, such as linear(3e-4, 0).")

        name, (fun text -> map (fall (Settings.toBool name text)))

    /// Rows but those of these names.
    let without (names: string list) (rows: OptionRow<'C> list) : OptionRow<'C> list =
        rows |> List.filter (fun row -> not (List.contains row.Name names))

    /// Fails for the first option that is out of its range.
    let validate (rows: OptionRow<'C> list) (options: 'C) =
        for row in rows do
            row.Check options

    /// The options as named texts.
    let toPairs (rows: OptionRow<'C> list) (options: 'C) : (string * string) list =
        rows |> List.map (fun row -> row.Name, row.Print options)

    /// The options with the named ones replaced; names are matched whatever their case.
    /// Names that only older files have are read after all others.
    let ofPairs (rows: OptionRow<'C> list) (pairs: (string * string) list) (start: 'C) : 'C =
        let former = rows |> List.collect _.Former

        let isFormer (name: string, _: string) =
            former
            |> List.exists (fun (known, _) -> String.Equals(known, name, StringComparison.OrdinalIgnoreCase))

        let former', present = List.partition isFormer pairs

        Settings.apply (rows |> List.map (fun row -> row.Name, row.Parse)) present start
        |> Settings.apply former former'
