/// The options of a configuration as one table: a row gives an option's name, its text and its range.
namespace Rl.Core.Algorithms

open Rl.Core.Foundations
open Rl.Core.Networks

/// One option of the configurations of type 'C.
type internal OptionRow<'C> =
    {
        Name: string
        Print: 'C -> string
        Parse: string -> 'C -> 'C
        /// Fails, naming the option, when its value is out of range.
        Check: 'C -> unit
    }

/// Rows by the type of the value; `check` is given the option's name and value, as the functions of `Guard` are.
[<RequireQualifiedAccess>]
module internal OptionTable =

    let private row print parse (name: string) (check: string -> 'V -> unit) (get: 'C -> 'V) (set: 'V -> 'C -> 'C) =
        {
            Name = name
            Print = get >> print
            Parse = fun text configuration -> set (parse name text) configuration
            Check = fun configuration -> check name (get configuration)
        }

    let int name check get set = row Settings.ofInt Settings.toInt name check get set
    let float name check get set = row Settings.ofFloat Settings.toFloat name check get set
    let bool name get set = row Settings.ofBool Settings.toBool name (fun _ _ -> ()) get set

    /// A number of environment steps, at least 1.
    let totalSteps name get set =
        let check name (steps: int64) = if steps < 1L then Guard.fail name $"{name} is {steps}; it must be at least 1."

        row Settings.ofLong Settings.toLong name check get set

    /// Widths of hidden layers, each at least 1.
    let hidden name get set =
        row Settings.ofWidths Settings.toWidths name (fun name widths -> List.iter (Guard.positive name) widths) get set

    let activation name get set =
        row Settings.ofActivation Settings.toActivation name (fun _ (_: Activation) -> ()) get set

    let actionScaling name get set =
        row Settings.ofScaling Settings.toScaling name (fun _ (_: ActionScaling) -> ()) get set

    /// The range [0, 1].
    let fraction (name: string) (value: float) = Guard.inRange name 0.0 1.0 value

    /// The range (0, 1].
    let positiveFraction (name: string) (value: float) =
        Guard.positiveNumber name value
        fraction name value

    /// At least 2.
    let atLeastTwo (name: string) (value: int) = Guard.inIntRange name 2 System.Int32.MaxValue value

    /// Fails for the first option that is out of its range.
    let validate (table: OptionRow<'C> list) (configuration: 'C) =
        for row in table do
            row.Check configuration

    /// The options as named texts.
    let toPairs (table: OptionRow<'C> list) (configuration: 'C) : (string * string) list =
        table |> List.map (fun row -> row.Name, row.Print configuration)

    /// A configuration with the named options replaced; names are matched whatever their case.
    let ofPairs (table: OptionRow<'C> list) (pairs: (string * string) list) (start: 'C) : 'C =
        Settings.apply (table |> List.map (fun row -> row.Name, row.Parse)) pairs start
