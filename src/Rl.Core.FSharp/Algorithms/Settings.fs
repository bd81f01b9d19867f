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

    /// Units of the widest layer that configurations take.
    [<Literal>]
    let WidestLayer = 65_536

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

    /// For example `auto`, `none`, or `32x8x4-64x4x2`: layers of channels x kernel x stride.
    let ofConvolutions (value: Convolutions) =
        match value with
        | Convolutions.Automatic -> "auto"
        | Convolutions.Layers [] -> "none"
        | Convolutions.Layers layers ->
            String.Join("-", layers |> List.map (fun (channels, kernel, stride) -> $"{channels}x{kernel}x{stride}"))

    let private cells = [ "tanh", RecurrentCell.Tanh; "gru", RecurrentCell.Gru; "lstm", RecurrentCell.Lstm ]

    let ofRecurrence (value: RecurrentCell option) =
        match value with
        | None -> "none"
        | Some cell -> cells |> List.find (fun (_, known) -> known = cell) |> fst

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
        (if String.IsNullOrWhiteSpace text then
             [||]
         else
             text.Split('x', StringSplitOptions.TrimEntries))
        |> Array.map (fun part ->
            match Int32.TryParse(part, NumberStyles.Integer, CultureInfo.InvariantCulture) with
            | true, width when width > 0 -> width
            | _ -> refuse name text "widths of hidden layers such as 64x64")
        |> Array.toList

    let toActivation name (text: string) =
        match activations |> List.tryFind (fun (known, _) -> known = text.ToLowerInvariant()) with
        | Some(_, activation) -> activation
        | None -> refuse name text "tanh, relu, elu, gelu or silu"

    let toConvolutions name (text: string) =
        let layer (text: string) =
            match
                text.Split 'x'
                |> Array.map (fun (part: string) -> Int32.TryParse(part, CultureInfo.InvariantCulture))
            with
            | [| (true, channels); (true, kernel); (true, stride) |] -> channels, kernel, stride
            | _ -> refuse name text "auto, none, or layers of channels x kernel x stride such as 32x8x4-64x4x2"

        match text.ToLowerInvariant() with
        | "auto" -> Convolutions.Automatic
        | "none" -> Convolutions.Layers []
        | _ -> text.Split '-' |> Array.map layer |> Array.toList |> Convolutions.Layers

    let toRecurrence name (text: string) =
        match text.ToLowerInvariant() with
        | "none" -> None
        | lower ->
            match cells |> List.tryFind (fun (known, _) -> known = lower) with
            | Some(_, cell) -> Some cell
            | None -> refuse name text "none, tanh, gru or lstm"

    let private scalings = [ "bounds", ActionScaling.Bounds; "none", ActionScaling.None ]

    let ofScaling (value: ActionScaling) = scalings |> List.find (fun (_, known) -> known = value) |> fst

    let toScaling name (text: string) =
        match scalings |> List.tryFind (fun (known, _) -> known = text.ToLowerInvariant()) with
        | Some(_, scaling) -> scaling
        | None -> refuse name text "bounds or none"

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
