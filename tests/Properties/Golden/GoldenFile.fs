/// Reads golden files (JSON with the numbers of reference projects) and compares against them, naming file, case and
/// element.
///
/// A test reads
/// `Golden.verify "optimizers" (fun case -> Golden.close 1e-10 1e-10 case "weights" (case.Floats "weights") actual)`.
/// Files come from the folder `golden` beside the test assembly, or from the folder that the environment variable
/// `RL_GOLDEN_DIR` names; a file that this folder does not hold is skipped with a notice.
namespace Rl.Tests.Golden

open System
open System.Collections.Generic
open System.IO
open System.Text.Json
open Xunit

/// A row-major array as a nested JSON list.
type GoldenArray = { Shape: int[]; Values: float[] }

/// One JSON value of a golden file with the path that leads to it, such as `optimizers/optim-s-03/weights`.
type GoldenNode(path: string, element: JsonElement) =

    static let number (path: string) (element: JsonElement) =
        match element.ValueKind with
        | JsonValueKind.Number -> element.GetDouble()
        | JsonValueKind.True -> 1.0
        | JsonValueKind.False -> 0.0
        | JsonValueKind.String ->
            match element.GetString() with
            | "NaN" -> nan
            | "Infinity" -> infinity
            | "-Infinity" -> -infinity
            | text -> failwith $"{path}: \"{text}\" is not a number."
        | kind -> failwith $"{path}: expected a number but found {kind}."

    static let rec shape (element: JsonElement) =
        if element.ValueKind <> JsonValueKind.Array then []
        elif element.GetArrayLength() = 0 then [ 0 ]
        else element.GetArrayLength() :: shape element[0]

    static let rec flatten path (sizes: int list) (element: JsonElement) (values: List<float>) =
        match sizes with
        | [] -> values.Add(number path element)
        | size :: inner ->
            if element.ValueKind <> JsonValueKind.Array || element.GetArrayLength() <> size then
                failwith $"{path}: the nested lists do not all have the same length."

            for item in element.EnumerateArray() do
                flatten path inner item values

    /// Where the value stands, for messages.
    member _.Path = path
    /// The JSON value itself.
    member _.Element = element
    /// The case's `id`.
    member this.Id = this.Text "id"

    /// The member `name` if it is there and not null.
    member _.TryGet(name: string) =
        match element.ValueKind with
        | JsonValueKind.Object ->
            match element.TryGetProperty name with
            | true, value when value.ValueKind <> JsonValueKind.Null -> Some(GoldenNode($"{path}/{name}", value))
            | _ -> None
        | _ -> None

    /// Whether the member `name` is there and not null.
    member this.Has(name: string) = (this.TryGet name).IsSome

    /// The member `name`; fails if it is absent or null.
    member this.Item
        with get (name: string): GoldenNode =
            match this.TryGet name with
            | Some node -> node
            | None -> failwith $"{path}: there is no member \"{name}\"."

    /// The names and values of an object's members.
    member _.Members =
        [ for item in element.EnumerateObject() -> item.Name, GoldenNode($"{path}/{item.Name}", item.Value) ]

    /// The elements of a list.
    member _.Items =
        [ for item in Seq.indexed (element.EnumerateArray()) -> GoldenNode($"{path}[{fst item}]", snd item) ]

    /// The value as a number; booleans are 1 and 0, "NaN", "Infinity" and "-Infinity" are read.
    member _.AsFloat = number path element

    /// The value as an array of any rank; a number has shape [||].
    member _.AsArray =
        let sizes = shape element
        let values = List<float>()
        flatten path sizes element values
        { Shape = Array.ofList sizes; Values = values.ToArray() }

    member this.Float(name: string) = this[name].AsFloat
    member this.Int(name: string) = int this[name].AsFloat
    member this.Text(name: string) : string = string (this[name].Element.GetString())
    member this.Flag(name: string) = this[name].AsFloat = 1.0
    /// The numbers of a nested list, flat in row-major order.
    member this.Floats(name: string) = this[name].AsArray.Values
    member this.Floats32(name: string) = this[name].AsArray.Values |> Array.map float32
    member this.Ints(name: string) = this[name].AsArray.Values |> Array.map int
    member this.Flags(name: string) = this[name].AsArray.Values |> Array.map (fun value -> value = 1.0)
    member this.Shape(name: string) = this[name].AsArray.Shape

/// Runs checks over the cases of golden files.
[<RequireQualifiedAccess>]
module Golden =

    let private requested = Option.ofObj (Environment.GetEnvironmentVariable "RL_GOLDEN_DIR")

    /// The folder of the golden files.
    let folder =
        match requested with
        | Some folder when Directory.Exists folder -> folder
        | Some folder -> failwith $"RL_GOLDEN_DIR names the folder {folder}, which does not exist."
        | None -> Path.Combine(AppContext.BaseDirectory, "golden")

    /// The whole file of a topic; a skipped test with a notice if `RL_GOLDEN_DIR` does not hold it.
    let read (topic: string) : GoldenNode =
        let path = Path.Combine(folder, topic + ".json")

        if requested.IsSome && not (File.Exists path) then
            Assert.Skip $"{folder} holds no {topic}.json."

        use document = JsonDocument.Parse(File.ReadAllBytes path)
        GoldenNode(topic, document.RootElement.Clone())

    /// The cases of a topic, in the file's order; their paths are `topic/id`.
    let cases (topic: string) =
        let file = read topic
        [ for case in file["cases"].Items -> GoldenNode($"{topic}/{case.Id}", case.Element) ]

    /// Runs `check` on each case that `choose` takes, prints how many ran and passed, and fails once with every case
    /// that threw.
    let verifyWhere (topic: string) (choose: GoldenNode -> bool) (check: GoldenNode -> unit) =
        let chosen = cases topic |> List.filter choose

        if chosen.IsEmpty && requested.IsSome then
            Assert.Skip $"{topic}.json in {folder} has no case for this test."

        Assert.NotEmpty chosen

        let failures =
            chosen
            |> List.choose (fun case ->
                try
                    check case
                    None
                with error ->
                    Some(
                        if error.Message.StartsWith case.Path then
                            error.Message
                        else
                            $"{case.Path}: {error.Message}"
                    ))

        Console.WriteLine $"golden {topic}: {chosen.Length} run, 0 listed, {chosen.Length - failures.Length} passed"

        if not failures.IsEmpty then
            let list = String.Join("\n  ", List.truncate 40 failures)
            Assert.Fail $"{failures.Length} of {chosen.Length} cases of {topic} fail:\n  {list}"

    /// `verifyWhere` over every case.
    let verify (topic: string) (check: GoldenNode -> unit) = verifyWhere topic (fun _ -> true) check

    /// |actual − expected| ≤ absolute + relative·|expected|; NaN equals NaN, an infinity equals itself.
    let isClose (absolute: float) (relative: float) (expected: float) (actual: float) =
        actual = expected
        || Double.IsNaN expected && Double.IsNaN actual
        || Double.IsFinite expected && abs (actual - expected) <= absolute + relative * abs expected

    /// Compares element by element; a failure names the node, what was computed, the first element that differs and how
    /// many do.
    let close
        (absolute: float)
        (relative: float)
        (node: GoldenNode)
        (what: string)
        (expected: float[])
        (actual: float[])
        =
        if expected.Length <> actual.Length then
            failwith $"{node.Path}: {what} has {actual.Length} elements instead of {expected.Length}."

        let differs index = not (isClose absolute relative expected[index] actual[index])

        let wrong =
            [
                for index in 0 .. expected.Length - 1 do
                    if differs index then index
            ]

        match wrong with
        | [] -> ()
        | first :: _ ->
            failwith
                $"{node.Path}: {what}[{first}] is {actual[first]:R} instead of {expected[first]:R} \
                  ({wrong.Length} of {expected.Length} elements differ; absolute {absolute}, relative {relative})."

    /// `close` for one number.
    let closeNumber absolute relative (node: GoldenNode) (what: string) (expected: float) (actual: float) =
        close absolute relative node what [| expected |] [| actual |]
