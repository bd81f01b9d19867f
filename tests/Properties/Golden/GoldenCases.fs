/// What the golden tests of estimators share: arguments of a case as expressions and data, results as trees, and the
/// run over a file.
namespace Rl.Tests.Golden

open System
open System.Text.RegularExpressions
open Rl.Core.Autodiff
open Xunit

/// What a function under test returns, in the form of the file's `computed`.
type Outcome =
    | Value of Expr
    | Several of Outcome list
    | Fields of (string * Outcome) list

/// The arguments of one call: arrays by name (differentiable leaves), and parameters.
type GoldenArguments(case: GoldenNode, settings: Map<string, float>, arrays: Map<string, Expr>) =
    let value name = Reference.evaluate (Map.find name arrays)

    let parameter (name: string) =
        case["params"].TryGet name
        |> Option.filter (fun node -> node.Element.ValueKind <> Text.Json.JsonValueKind.String || name = "tx_pair")

    member _.Case = case
    member _.Arrays = arrays
    /// Whether an array of the name is given.
    member _.Has(name: string) = arrays.ContainsKey name
    /// An array as an expression that derivatives can be taken in.
    member _.Expr(name: string) : Expr = arrays[name]
    /// An array's shape.
    member _.Shape(name: string) = arrays[name].Shape
    /// An array's numbers.
    member _.Data(name: string) : float[] = (value name).ToArray()
    /// An array's numbers as integers.
    member _.Ints(name: string) : int[] = (value name).ToArray() |> Array.map int
    /// An input that is an object or text.
    member _.Node(name: string) : GoldenNode = case["inputs"].[name]

    /// A number: from the function's name, the parameters or a scalar input.
    member _.NumberOr(name: string, otherwise: float) : float =
        match settings.TryFind name with
        | Some number -> number
        | None ->
            match parameter name with
            | Some node -> node.AsFloat
            | None -> if arrays.ContainsKey name then (value name).Scalar else otherwise

    member this.Number(name: string) : float =
        let found = this.NumberOr(name, nan)
        if Double.IsNaN found then failwith $"{case.Path}: there is no number {name}."
        found

    /// A text from the inputs or the parameters.
    member _.Text(name: string) : string =
        match case["inputs"].TryGet name with
        | Some node -> string (node.Element.GetString())
        | None -> case["params"].Text name

    /// An array of the name, or its number for each of `count` elements.
    member this.DataOr(name: string, count: int, otherwise: float) : float[] =
        if arrays.ContainsKey name && arrays[name].Rank > 0 then
            this.Data name
        else
            Array.create count (this.NumberOr(name, otherwise))

/// Runs a file of calls against a table of functions.
[<RequireQualifiedAccess>]
module GoldenCases =

    /// A constant of given shape.
    let constant (shape: int[]) (values: float[]) : Expr = Expr.constant (Tensor.create shape values)

    /// A JSON list as a constant.
    let ofNode (node: GoldenNode) : Expr =
        let array = node.AsArray
        constant array.Shape array.Values

    let rec private flatten (outcome: Outcome) (path: string list) : Outcome =
        match outcome, path with
        | _, [] -> outcome
        | Several items, index :: rest -> flatten items[int index] rest
        | Fields fields, name :: rest -> flatten (fields |> List.find (fun (other, _) -> other = name) |> snd) rest
        | Value x, index :: rest ->
            flatten (Value(x |> Expr.slice 0 (int index) (int index + 1) |> Expr.squeeze 0)) rest

    /// The part of a result at a path such as "extra.target" or "0".
    let at (path: string) (outcome: Outcome) : Outcome =
        flatten outcome (List.ofArray (path.Split('.', StringSplitOptions.RemoveEmptyEntries)))

    let private numbers (outcome: Outcome) =
        match outcome with
        | Value x -> (Reference.evaluate x).ToArray()
        | _ -> failwith "This result is not one array."

    /// Compares a result with the JSON of the same structure; members that the JSON leaves null are not compared.
    let rec compare absolute relative (what: string) (expected: GoldenNode) (outcome: Outcome) : unit =
        match outcome with
        | Value x ->
            let array = expected.AsArray
            // A scalar may be written as a list of one.
            if Array.filter ((<>) 1) array.Shape <> Array.filter ((<>) 1) x.Shape then
                failwith $"{what} has shape {Shape.print x.Shape} instead of {Shape.print array.Shape}."

            Golden.close absolute relative expected what array.Values (numbers outcome)
        | Several items ->
            items |> List.iteri (fun i item -> compare absolute relative $"{what}[{i}]" expected.Items[i] item)
        | Fields fields ->
            for name, field in fields do
                match expected.TryGet name with
                | Some node -> compare absolute relative $"{what}.{name}" node field
                | None -> ()

    /// "a.b(k=1, 2).c" is the function "a.b.c" with k = 1 and _1 = 2.
    let private parse (name: string) =
        let found = Regex.Match(name, @"^(.*?)\((.*?)\)(.*)$")

        if not found.Success then
            name, Map.empty
        else
            let settings =
                found.Groups[2]
                    .Value.Split(',', StringSplitOptions.RemoveEmptyEntries ||| StringSplitOptions.TrimEntries)
                |> Array.mapi (fun i text ->
                    match text.Split '=' with
                    | [| key; value |] -> key, float value
                    | _ -> $"_{i}", float text)

            found.Groups[1].Value + found.Groups[3].Value, Map.ofArray settings

    let private isArray (node: GoldenNode) =
        let rec numeric (element: Text.Json.JsonElement) =
            match element.ValueKind with
            | Text.Json.JsonValueKind.Array -> Seq.forall numeric (element.EnumerateArray())
            | Text.Json.JsonValueKind.Object -> false
            | Text.Json.JsonValueKind.String -> List.contains (element.GetString()) [ "NaN"; "Infinity"; "-Infinity" ]
            | Text.Json.JsonValueKind.Null -> false
            | _ -> true

        numeric node.Element
        && (try
                node.AsArray |> ignore
                true
            with _ ->
                false)

    let private leaves (case: GoldenNode) =
        Map.ofList
            [
                for name, node in case["inputs"].Members do
                    if isArray node then name, Expr.fresh (ofNode node)
            ]

    /// Calls a function, mapped over axis 0 of the inputs that the case names.
    let private call (case: GoldenNode) settings (leaves: Map<string, Expr>) (f: GoldenArguments -> Outcome) : Outcome =
        match case.TryGet "vmapped_over_axis0" with
        // The one function here that was mapped over another axis (that of the batch) takes batches itself.
        | Some _ when case.Text("function").EndsWith "pixel_control_rewards" ->
            f (GoldenArguments(case, settings, leaves))
        | None -> f (GoldenArguments(case, settings, leaves))
        | Some names ->
            let mapped = [ for item in names.Items -> string (item.Element.GetString()) ]
            let count = leaves[mapped.Head].Shape[0]

            let rec stack (outcomes: Outcome list) =
                match outcomes.Head with
                | Value _ ->
                    Value(
                        Expr.stack
                            0
                            (outcomes
                             |> List.map (function
                                 | Value x -> x
                                 | _ -> failwith "mixed"))
                    )
                | Several items ->
                    Several [ for i in 0 .. items.Length - 1 -> stack (outcomes |> List.map (at (string i))) ]
                | Fields fields -> Fields [ for name, _ in fields -> name, stack (outcomes |> List.map (at name)) ]

            stack
                [
                    for row in 0 .. count - 1 do
                        let pick name (x: Expr) =
                            if List.contains name mapped then
                                x |> Expr.slice 0 row (row + 1) |> Expr.squeeze 0
                            else
                                x

                        f (GoldenArguments(case, settings, Map.map pick leaves))
                ]

    let private verifyExpected
        (case: GoldenNode)
        (leaves: Map<string, Expr>)
        (outcome: Outcome)
        (expected: GoldenNode)
        =
        let absolute, relative = expected.Float "atol", expected.Float "rtol"

        let path =
            match expected.TryGet "output" with
            | Some _ ->
                let output = expected.Text "output"
                if output.StartsWith "gradient" || not (output.Contains ' ') then output else ""
            | None -> ""

        let transform =
            match expected.TryGet "transform" with
            | Some _ -> expected.Text "transform"
            | None -> ""

        let sum path =
            match at path outcome with
            | Value x -> Expr.sum x
            | _ -> failwith "A gradient needs one array."

        // "x.2" is the third row of x.
        let gradient objective (name: string) =
            match name.Split '.' with
            | [| array; index |] -> at index (Value((Diff.gradients objective [| leaves[array] |])[0]))
            | _ -> Value((Diff.gradients objective [| leaves[name] |])[0])

        let inPath = Regex.Match(path, @"^gradient of sum\((-?)(.*)\) wrt (.*)$")
        let inTransform = Regex.Match(transform, @"^gradient wrt (.*)$")

        let actual =
            if inPath.Success then
                let objective = sum inPath.Groups[2].Value
                gradient (if inPath.Groups[1].Value = "-" then -objective else objective) inPath.Groups[3].Value
            elif inTransform.Success then
                gradient (sum path) inTransform.Groups[1].Value
            else
                match at path outcome, transform with
                // The function's table gives what these ask for.
                | value, ""
                | value, "mean after each update"
                | value, "gradient of the mean temperature loss"
                | value, "gradient of mean(weights)" -> value
                | value, "gradients (kl_loss is output 0, alpha_loss output 1)" -> value
                | Value x, "sum over the last axis, per example" -> Value(Expr.sumOver [| -1 |] x)
                | Value x, "0.5*square" -> Value(0.5 * Expr.square x)
                | Value x, "sum" -> Value(Expr.sum x)
                | Value x, "mean" -> Value(Expr.mean x)
                | _, other -> failwith $"{case.Path}: the transformation {other} is not known here."

        compare absolute relative (path + " " + transform) expected["value"] actual

    let private verifyGradients (case: GoldenNode) (leaves: Map<string, Expr>) absolute relative (outcome: Outcome) =
        match case.TryGet "gradient_of_summed_loss", outcome with
        | Some gradients, (Value loss | Fields((_, Value loss) :: _)) ->
            let objective = Expr.sum loss

            for name, node in gradients.Members do
                compare
                    absolute
                    relative
                    $"gradient in {name}"
                    node
                    (Value((Diff.gradients objective [| leaves[name] |])[0]))
        | _ -> ()

        // The files name inputs without a derivative in the loss or in one of its parts.
        let losses =
            match outcome with
            | Value loss -> [ loss ]
            | Fields fields ->
                let extra =
                    fields
                    |> List.collect (function
                        | _, Fields parts -> parts
                        | _ -> [])

                fields @ extra
                |> List.choose (function
                    | name, Value x when name.EndsWith "loss" -> Some x
                    | _ -> None)
            | Several _ -> []

        match case.TryGet "no_gradient_wrt" with
        | Some names when not losses.IsEmpty ->
            for item in names.Items do
                match leaves.TryFind(string (item.Element.GetString())) with
                | Some leaf ->
                    let vanishes (loss: Expr) =
                        let gradients = Diff.gradients (Expr.sum loss) [| leaf |]
                        (Reference.evaluate gradients[0]).ToArray() |> Array.forall ((=) 0.0)

                    if not (List.exists vanishes losses) then
                        failwith $"A derivative flows into {item.Element}."
                | None -> ()
        | _ -> ()

    /// Runs every case of a topic whose function is in `functions`; those in `listed` (name of a function or id of a
    /// case, reason) are left out and counted; others fail. Prints the counts.
    let verify
        (topic: string)
        (absolute: float)
        (relative: float)
        (listed: (string * string) list)
        (functions: Map<string, GoldenArguments -> Outcome>)
        : unit =
        let mutable run, left, passed = 0, 0, 0

        let failures =
            [
                for case in Golden.cases topic do
                    let name, settings = parse (case.Text "function")

                    if listed |> List.exists (fun (other, _) -> other = name || other = case.Id) then
                        left <- left + 1
                    else
                        run <- run + 1

                        try
                            match functions.TryFind name with
                            | None -> failwith $"the function {name} is neither known nor listed in Golden/README.md."
                            | Some f ->
                                let leaves = leaves case
                                let outcome = call case settings leaves f

                                let expected =
                                    case.TryGet "expected"
                                    |> Option.map (fun node -> node.Items)
                                    |> Option.defaultValue []

                                expected |> List.iter (verifyExpected case leaves outcome)

                                if expected.IsEmpty then
                                    match case.TryGet "computed" with
                                    | Some computed -> compare absolute relative "result" computed outcome
                                    | None -> ()

                                verifyGradients case leaves absolute relative outcome
                                passed <- passed + 1
                        with error ->
                            $"{case.Path} ({name}): {error.Message}"
            ]

        Console.WriteLine $"golden {topic}: {run} run, {left} listed, {passed} passed"

        if not failures.IsEmpty then
            let list = String.Join("\n  ", List.truncate 60 failures)
            Assert.Fail $"{failures.Length} of {run} cases of {topic} fail:\n  {list}"
