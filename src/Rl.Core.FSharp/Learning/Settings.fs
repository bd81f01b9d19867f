/// Options as named texts: what files, logs and command lines hold.
namespace Rl.Core.Learning

open System
open System.Globalization
open Rl.Core.Acting
open Rl.Core.Foundations
open Rl.Core.Networks

/// Printing and parsing of the values that options are made of; printing loses nothing.
[<RequireQualifiedAccess>]
module internal Settings =

    let ofInt (value: int) = value.ToString CultureInfo.InvariantCulture
    let ofLong (value: int64) = value.ToString CultureInfo.InvariantCulture
    let ofFloat (value: float) = value.ToString("R", CultureInfo.InvariantCulture)
    let ofBool (value: bool) = if value then "true" else "false"

    /// Units of the widest layer that options take.
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

    /// Recurrent layers, and none.
    let recurrences =
        [
            "none", None
            "tanh", Some RecurrentCell.Tanh
            "gru", Some RecurrentCell.Gru
            "lstm", Some RecurrentCell.Lstm
        ]

    /// For example `auto`, `none`, or `32x8x4-64x4x2`: layers of channels x kernel x stride.
    let ofConvolutions (value: Convolutions) =
        match value with
        | Convolutions.Automatic -> "auto"
        | Convolutions.Layers [] -> "none"
        | Convolutions.Layers layers ->
            String.Join("-", layers |> List.map (fun (channels, kernel, stride) -> $"{channels}x{kernel}x{stride}"))

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

    /// What actions of a bounded box are in units of.
    let scalings = [ "bounds", ActionScaling.Bounds; "none", ActionScaling.None ]

    /// Applies each pair to options by the setter of its name; an unknown name lists those there are.
    let apply (setters: (string * (string -> 'C -> 'C)) list) pairs (start: 'C) =
        pairs
        |> List.fold
            (fun options (name: string, text: string) ->
                match
                    setters
                    |> List.tryFind (fun (known, _) -> String.Equals(known, name, StringComparison.OrdinalIgnoreCase))
                with
                | Some(_, set) -> set text options
                | None ->
                    let known = String.Join(", ", setters |> List.map fst)
                    Guard.fail name $"There is no option \"{name}\"; the options are {known}.")
            start

/// Layers of convolutions as text.
[<RequireQualifiedAccess>]
module ConvolutionLayers =

    /// For example `auto`, `none`, or `32x8x4-64x4x2`: layers of channels x kernel x stride.
    let print (convolutions: Convolutions) : string = Settings.ofConvolutions convolutions

    /// What `print` has written; fails, blaming the argument `name`, for any other text.
    let parse (name: string) (text: string) : Convolutions = Settings.toConvolutions name text
