/// Keywords of the tasks of robots, with Gymnasium's names, and their values.
namespace Rl.Core.Environments.Robots

open System
open System.Globalization
open Rl.Core.Foundations
open Rl.Core.Environments

/// The keywords that several tasks take.
[<RequireQualifiedAccess>]
module internal RobotKeywords =

    /// Keywords and their checked values.
    type Values = Map<string, KeywordValue>

    let private text (value: float) =
        if Double.IsPositiveInfinity value then "inf"
        elif Double.IsNegativeInfinity value then "-inf"
        else value.ToString("R", CultureInfo.InvariantCulture)

    /// A keyword that is an interval, written as `0.7, inf`.
    let range name (low: float) (high: float) summary =
        Keyword.text name $"{text low}, {text high}" [] $"{summary}, as in \"0.2, inf\""

    let private bound (word: string) : float voption =
        match word.Trim() with
        | "inf"
        | "+inf" -> ValueSome infinity
        | "-inf" -> ValueSome -infinity
        | word ->
            match Double.TryParse(word, NumberStyles.Float, CultureInfo.InvariantCulture) with
            | true, number when not (Double.IsNaN number) -> ValueSome number
            | _ -> ValueNone

    /// The value of an interval.
    let rangeOf (values: Values) (name: string) : Bounds =
        let value = Keyword.textOf values name
        let words = value.Trim().TrimStart('(', '[').TrimEnd(')', ']').Split ','

        match words |> Array.map bound with
        | [| ValueSome low; ValueSome high |] when low < high -> { Low = low; High = high }
        | _ ->
            Guard.fail
                name
                $"{name} is \"{value}\"; it must be two numbers with a comma, the first below the second, as in \
                  \"0.2, 1\" or \"-inf, 10\"."

    let frameSkip (standard: int) =
        Keyword.number "frame_skip" (float standard) "steps of the simulation for one of the task"

    let frameSkipOf (values: Values) (standard: int) =
        if values.ContainsKey "frame_skip" then
            Keyword.wholeNumber values "frame_skip" 1 10000
        else
            standard

    let noise (standard: float) = Keyword.number "reset_noise_scale" standard "how far first states lie apart"

    /// A number that a version may not have as a keyword.
    let numberOr (standard: float) (values: Values) name =
        if values.ContainsKey name then
            let number = Keyword.numberOf values name
            Guard.finite name number
            number
        else
            standard

    /// A flag that a version may not have as a keyword.
    let flagOr (standard: bool) (values: Values) name =
        if values.ContainsKey name then Keyword.isSet values name else standard

    /// An interval that a version may not have as a keyword.
    let rangeOr (standard: Bounds) (values: Values) name =
        if values.ContainsKey name then rangeOf values name else standard

    let weight name (standard: float) summary = Keyword.number name standard summary

    let hidesPlace =
        Keyword.flag
            "exclude_current_positions_from_observation"
            true
            "whether where the robot is along the ground is left out of what is seen"

    let terminates = Keyword.flag "terminate_when_unhealthy" true "whether falling ends the episode"
