/// The tables of options in docs/algorithms.md; the text around them is written by hand.
module Rl.Tools.Tables

open Rl.Core.Algorithms
open Rl.Core.Learning

[<Literal>]
let private Head = "| option | default | meaning |"

let private row (option: OptionDescription) =
    let value = if option.Default = "" then "none" else $"`{option.Default}`"
    let meaning = (Sentences.whole option).Replace("|", "\\|")
    $"| `{option.Name}` | {value} | {meaning} |"

/// The page with the table of each algorithm's section replaced.
let page (entries: AlgorithmEntry list) (text: string) : string =
    let rec go (section: string) (lines: string list) =
        match lines with
        | [] -> []
        | line :: rest when line.StartsWith "## " -> line :: go (line[3..].Trim()) rest
        | line :: rest when line = Head ->
            let after = rest |> List.skipWhile (fun line -> line.StartsWith "|")

            match entries |> List.tryFind (fun entry -> entry.Id = section) with
            | Some entry -> [ Head; "|---|---|---|" ] @ List.map row entry.Options @ go section after
            | None -> line :: go section rest
        | line :: rest -> line :: go section rest

    let missing = entries |> List.filter (fun entry -> not (text.Contains($"\n## {entry.Id}\n")))

    if not missing.IsEmpty then
        let ids = missing |> List.map _.Id |> String.concat ", "

        invalidOp (
            $"docs/algorithms.md has no section for {ids}; write \"## id\", a paragraph, and a line \"{Head}\" "
            + "where the table belongs."
        )

    text.Split '\n' |> Array.toList |> go "" |> String.concat "\n"
