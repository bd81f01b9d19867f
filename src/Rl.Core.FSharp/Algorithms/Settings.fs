/// Configurations as named texts: what files, logs and command lines hold.
namespace Rl.Core.Algorithms

open System
open System.Globalization
open Rl.Core.Foundations
open Rl.Core.Networks

/// Printing and parsing of the values that configurations are made of; printing loses nothing.
[<RequireQualifiedAccess>]
module internal Settings =

    let ofInt (value: int) = value.ToString CultureInfo.InvariantCulture
    let ofLong (value: int64) = value.ToString CultureInfo.InvariantCulture
    let ofFloat (value: float) = value.ToString("R", CultureInfo.InvariantCulture)
    let ofBool (value: bool) = if value then "true" else "false"
    let ofWidths (widths: int list) = String.Join("x", widths)

    let activations =
        [
            "tanh", Activation.Tanh
            "relu", Activation.Relu
            "elu", Activation.Elu
            "gelu", Activation.Gelu
            "silu", Activation.Silu
        ]

    let ofActivation (value: Activation) =
        match activations |> List.tryFind (fun (_, activation) -> activation = value) with
        | Some(name, _) -> name
        | None ->
            Guard.fail "Activation" $"The activation %A{value} has no name here; use tanh, relu, elu, gelu or silu."

    let private refuse (name: string) (text: string) (what: string) =
        Guard.fail name $"{name} is \"{text}\"; it must be {what}."

    let toInt name (text: string) =
        match Int32.TryParse(text, NumberStyles.Integer, CultureInfo.InvariantCulture) with
        | true, value -> value
        | _ -> refuse name text "a whole number"

    let toLong name (text: string) =
        match Int64.TryParse(text, NumberStyles.Integer, CultureInfo.InvariantCulture) with
        | true, value -> value
        | _ -> refuse name text "a whole number"

    let toFloat name (text: string) =
        match Double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture) with
        | true, value -> value
        | _ -> refuse name text "a number"

    let toBool name (text: string) =
        match text.ToLowerInvariant() with
        | "true" -> true
        | "false" -> false
        | _ -> refuse name text "true or false"

    let toWidths name (text: string) : int list =
        text.Split('x', StringSplitOptions.RemoveEmptyEntries ||| StringSplitOptions.TrimEntries)
        |> Array.map (fun part ->
            match Int32.TryParse(part, NumberStyles.Integer, CultureInfo.InvariantCulture) with
            | true, width when width > 0 -> width
            | _ -> refuse name text "widths of hidden layers such as 64x64")
        |> Array.toList

    let toActivation name (text: string) =
        match activations |> List.tryFind (fun (known, _) -> known = text.ToLowerInvariant()) with
        | Some(_, activation) -> activation
        | None -> refuse name text "tanh, relu, elu, gelu or silu"

    /// Applies each pair to a configuration by the setter of its name; an unknown name lists those there are.
    let apply (setters: (string * (string -> 'Configuration -> 'Configuration)) list) pairs (start: 'Configuration) =
        pairs
        |> List.fold
            (fun configuration (name: string, text: string) ->
                match
                    setters
                    |> List.tryFind (fun (known, _) -> String.Equals(known, name, StringComparison.OrdinalIgnoreCase))
                with
                | Some(_, set) -> set text configuration
                | None ->
                    let known = String.Join(", ", setters |> List.map fst)
                    Guard.fail name $"There is no option \"{name}\"; the options are {known}.")
            start
