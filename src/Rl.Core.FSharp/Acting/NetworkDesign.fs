/// Networks that a user designs: layers and branches as a value with a text.
namespace Rl.Core.Acting

open System
open System.Globalization
open System.Text
open Rl.Core.Foundations
open Rl.Core.Networks

/// A layer as it is asked for; what it takes follows from what stands before it.
[<RequireQualifiedAccess>]
type LayerDesign =
    /// σ(x W + b) with so many units.
    | Dense of units: int * activation: Activation
    /// σ(convolution) with a square kernel and zeros around the image.
    | Convolution of channels: int * kernel: int * stride: int * padding: int * activation: Activation
    /// An image as a vector.
    | Flatten
    /// Mean 0 and variance 1 over a vector, or over channels at each place of an image, then a learned scale and shift.
    | LayerNormalisation
    /// x + what these layers make of x.
    | Residual of LayerDesign list

/// Layers on an observation. Branches take parts of it by path, each all parts once; what they give stands one after
/// the other before the layers. Without branches the layers take the whole observation.
type PathDesign = { Branches: (string * LayerDesign list) list; Layers: LayerDesign list }

/// Paths that follow from other options.
[<RequireQualifiedAccess>]
module PathDesign =

    /// Dense layers of these widths on the whole observation.
    let ofHidden (activation: Activation) (hidden: int list) : PathDesign =
        { Branches = []; Layers = hidden |> List.map (fun units -> LayerDesign.Dense(units, activation)) }

/// The hidden layers of an agent's networks.
[<RequireQualifiedAccess>]
type NetworkDesign =
    /// Those that other options say.
    | Automatic
    /// One path for all: a policy and a value function share its parameters where an algorithm moves both at once, and
    /// have each their own elsewhere.
    | Shared of PathDesign
    /// Each its own.
    | Separate of actor: PathDesign * critic: PathDesign

/// Texts of designs, and graphs from them.
[<RequireQualifiedAccess>]
module NetworkDesign =

    let private activations =
        [
            "identity", Activation.Identity
            "tanh", Activation.Tanh
            "relu", Activation.Relu
            "elu", Activation.Elu
            "gelu", Activation.Gelu
            "silu", Activation.Silu
        ]

    /// Whether an activation has a text, which layers of designs need.
    let hasText (activation: Activation) : bool = activations |> List.exists (fun (_, known) -> known = activation)

    /// What texts look like.
    let forms =
        ("auto, or layers such as: branch(\"camera\")[conv(16, 3) flatten dense(64, relu)] "
         + "branch(\"state\")[dense(32)] dense(64) norm residual[dense(64)], also within actor[...] critic[...]")

    let private printActivation activation =
        match activations |> List.tryFind (fun (_, known) -> known = activation) with
        | Some(name, _) -> name
        | None -> Guard.fail "Network" $"Network has layers with the activation {activation}, which has no text."

    let rec private printLayer (layer: LayerDesign) =
        match layer with
        | LayerDesign.Dense(units, activation) -> $"dense({units}, {printActivation activation})"
        | LayerDesign.Convolution(channels, kernel, stride, padding, activation) ->
            $"conv({channels}, {kernel}, {stride}, {padding}, {printActivation activation})"
        | LayerDesign.Flatten -> "flatten"
        | LayerDesign.LayerNormalisation -> "norm"
        | LayerDesign.Residual layers -> $"residual[{printLayers layers}]"

    and private printLayers (layers: LayerDesign list) = String.Join(" ", List.map printLayer layers)

    let private quoted (name: string) = "\"" + name.Replace("\\", "\\\\").Replace("\"", "\\\"") + "\""

    let private printPath (path: PathDesign) =
        let branches = path.Branches |> List.map (fun (part, layers) -> $"branch({quoted part})[{printLayers layers}]")
        let layers = if path.Layers.IsEmpty then [] else [ printLayers path.Layers ]
        String.Join(" ", branches @ layers)

    /// The design as text; nothing is lost.
    let print (design: NetworkDesign) : string =
        match design with
        | NetworkDesign.Automatic -> "auto"
        | NetworkDesign.Shared path -> printPath path
        | NetworkDesign.Separate(actor, critic) -> $"actor[{printPath actor}] critic[{printPath critic}]"

    /// What `print` has written, with strides, paddings and activations left out where they are 1, 0 and relu; fails,
    /// blaming the argument `name`, for any other text.
    let parse (name: string) (text: string) : NetworkDesign =
        let refuse what = Guard.fail name $"{name} is \"{text}\": {what}; it must be {forms}."
        let mutable at = 0

        let skip () =
            while at < text.Length && Char.IsWhiteSpace text[at] do
                at <- at + 1

        let peek () =
            skip ()
            if at < text.Length then text[at] else '\000'

        let take (expected: char) =
            if peek () <> expected then refuse $"there is no '{expected}' at place {at + 1}"

            at <- at + 1

        let word () =
            skip ()
            let start = at

            while at < text.Length && Char.IsLetterOrDigit text[at] do
                at <- at + 1

            text[start .. at - 1].ToLowerInvariant()

        let quotedText () =
            take '"'
            let result = StringBuilder()

            while at < text.Length && text[at] <> '"' do
                if text[at] = '\\' && at + 1 < text.Length then at <- at + 1

                result.Append text[at] |> ignore
                at <- at + 1

            take '"'
            result.ToString()

        let arguments () =
            take '('
            let inside = ResizeArray<string>()
            inside.Add(word ())

            while peek () = ',' do
                at <- at + 1
                inside.Add(word ())

            take ')'
            List.ofSeq inside

        let number (text: string) =
            match Int32.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture) with
            | true, value -> value
            | _ -> refuse $"\"{text}\" is no whole number"

        let activation (text: string) =
            match activations |> List.tryFind (fun (known, _) -> known = text) with
            | Some(_, value) -> value
            | None ->
                let known = activations |> List.map fst |> String.concat ", "
                refuse $"\"{text}\" is no activation; there are {known}"

        let isNumber (text: string) = text <> "" && Seq.forall Char.IsDigit text

        let rec layer depth (kind: string) =
            match kind with
            | "dense" ->
                match arguments () with
                | [ units ] -> LayerDesign.Dense(number units, Activation.Relu)
                | [ units; own ] -> LayerDesign.Dense(number units, activation own)
                | _ -> refuse "dense takes units and an activation"
            | "conv" ->
                let all = arguments ()
                let own = if isNumber (List.last all) then Activation.Relu else activation (List.last all)

                match all |> List.filter isNumber |> List.map number with
                | [ channels; kernel ] -> LayerDesign.Convolution(channels, kernel, 1, 0, own)
                | [ channels; kernel; stride ] -> LayerDesign.Convolution(channels, kernel, stride, 0, own)
                | [ channels; kernel; stride; padding ] ->
                    LayerDesign.Convolution(channels, kernel, stride, padding, own)
                | _ -> refuse "conv takes channels, kernel, stride, padding and an activation"
            | "flatten" -> LayerDesign.Flatten
            | "norm" -> LayerDesign.LayerNormalisation
            | "residual" when depth < LayerGraph.DeepestResidual -> LayerDesign.Residual(layers (depth + 1))
            | "" -> refuse $"there is no layer at place {at + 1}"
            | other -> refuse $"there is no layer \"{other}\""

        and layers depth =
            take '['
            let inside = ResizeArray<LayerDesign>()

            while peek () <> ']' do
                inside.Add(layer depth (word ()))

            take ']'
            List.ofSeq inside

        let path (isEnd: char -> bool) =
            let branches, own = ResizeArray(), ResizeArray()

            while not (isEnd (peek ())) do
                match word () with
                | "branch" ->
                    if own.Count > 0 then refuse "branches come before the layers on what they give"

                    take '('
                    let part = quotedText ()
                    take ')'
                    branches.Add((part, layers 0))
                | kind -> own.Add(layer 0 kind)

            { Branches = List.ofSeq branches; Layers = List.ofSeq own }

        let within (kind: string) =
            if word () <> kind then refuse $"there is no \"{kind}[...]\""

            take '['
            let own = path ((=) ']')
            take ']'
            own

        let trimmed = text.Trim()

        if trimmed.Equals("auto", StringComparison.OrdinalIgnoreCase) then
            NetworkDesign.Automatic
        elif trimmed = "" then
            refuse "it is empty"
        elif trimmed.StartsWith("actor", StringComparison.OrdinalIgnoreCase) then
            let actor = within "actor"
            let critic = within "critic"

            if peek () <> '\000' then
                refuse $"something follows the critic at place {at + 1}"

            NetworkDesign.Separate(actor, critic)
        else
            NetworkDesign.Shared(path ((=) '\000'))

    /// The paths of a design with what messages call them.
    let private paths design =
        match design with
        | NetworkDesign.Automatic -> []
        | NetworkDesign.Shared path -> [ path ]
        | NetworkDesign.Separate(actor, critic) -> [ actor; critic ]

    /// Fails, naming the argument, for numbers that no layer can have, parts that several branches take, and paths
    /// without layers.
    let check (name: string) (design: NetworkDesign) : unit =
        let fail what = Guard.fail name $"{name} {what}."

        let rec checkLayer depth layer =
            let atLeast least what value =
                if value < least || value > 65_536 then
                    fail $"has a layer of {value} {what}; it must be in [{least}, 65536]"

            match layer with
            | LayerDesign.Dense(units, activation) ->
                atLeast 1 "units" units
                printActivation activation |> ignore
            | LayerDesign.Convolution(channels, kernel, stride, padding, activation) ->
                atLeast 1 "channels" channels
                atLeast 1 "kernel" kernel
                atLeast 1 "stride" stride
                atLeast 0 "padding" padding
                printActivation activation |> ignore

                if padding >= kernel then
                    fail $"has a convolution with a padding of {padding}; it must be less than its kernel, {kernel}"
            | LayerDesign.Flatten
            | LayerDesign.LayerNormalisation -> ()
            | LayerDesign.Residual layers ->
                if layers.IsEmpty || depth >= LayerGraph.DeepestResidual then
                    fail (
                        "has a residual layer without layers, or more than "
                        + $"{LayerGraph.DeepestResidual} within each other"
                    )

                List.iter (checkLayer (depth + 1)) layers

        for path in paths design do
            if path.Branches.IsEmpty && path.Layers.IsEmpty then
                fail "has a path without layers"

            for part, same in List.countBy fst path.Branches do
                if same > 1 then
                    fail $"has {same} branches that take \"{part}\"; a part goes to one"

            List.iter (checkLayer 0) path.Layers
            path.Branches |> List.iter (snd >> List.iter (checkLayer 0))

    /// The layers of a policy; none where other options say them.
    let actor (design: NetworkDesign) : PathDesign option =
        match design with
        | NetworkDesign.Automatic -> None
        | NetworkDesign.Shared path
        | NetworkDesign.Separate(path, _) -> Some path

    /// The layers of a value function; none where other options say them.
    let critic (design: NetworkDesign) : PathDesign option =
        match design with
        | NetworkDesign.Automatic -> None
        | NetworkDesign.Shared path
        | NetworkDesign.Separate(_, path) -> Some path

    /// The layers of a network that is the only one; none where other options say them. Fails, blaming the argument
    /// "Network", for layers of two.
    let only (design: NetworkDesign) : PathDesign option =
        match design with
        | NetworkDesign.Separate _ ->
            Guard.fail
                "Network"
                ($"Network is {print design}, and there is one network alone, no actor beside a critic: give its "
                 + "layers without actor[...] and critic[...].")
        | design -> actor design

    /// The design with the parameters of policy and value function apart.
    let apart (design: NetworkDesign) : NetworkDesign =
        match design with
        | NetworkDesign.Shared path -> NetworkDesign.Separate(path, path)
        | design -> design
