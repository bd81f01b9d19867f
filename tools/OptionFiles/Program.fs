/// The files that follow from the options of the core: C# records, and the tables of docs/algorithms.md.
/// `dotnet run -c Release --project tools/OptionFiles` writes them; with `-- --check` it only says which are out of
/// date.
module Rl.Tools.Program

open System
open System.IO
open Rl.Core.Algorithms
open Rl.Core.Learning

let rec private root (folder: DirectoryInfo) =
    if File.Exists(Path.Combine(folder.FullName, "Rl.sln")) then
        folder.FullName
    else
        match folder.Parent with
        | null -> invalidOp "Rl.sln is in no folder above; run this within the repository."
        | parent -> root parent

/// Each file with the text that it should have.
let private files (root: string) =
    let generated name = Path.Combine(root, "src", "Rl.Api.CSharp", "Options", "Generated", name)
    let page = Path.Combine(root, "docs", "algorithms.md")

    [
        for entry in Catalogue.entries do
            generated $"{entry.OptionsType.Name}.cs", Records.file entry
        for choice in Records.choices Catalogue.entries do
            generated $"{choice.Name}.cs", Records.choice choice
        generated "OptionRecords.cs", Records.list Catalogue.entries
        page, Tables.page Catalogue.entries (File.ReadAllText page)
    ]

[<EntryPoint>]
let main arguments =
    let root = root (DirectoryInfo AppContext.BaseDirectory)

    let stale =
        files root
        |> List.filter (fun (path, text) -> not (File.Exists path) || File.ReadAllText path <> text)

    let names = stale |> List.map (fun (path, _) -> Path.GetRelativePath(root, path))

    match arguments, names with
    | _, [] ->
        printfn "the files of the options are up to date"
        0
    | [| "--check" |], _ ->
        eprintfn $"""Out of date: {String.Join(", ", names)}."""
        eprintfn "Write them again with: dotnet run -c Release --project tools/OptionFiles"
        1
    | [||], _ ->
        for path, text in stale do
            Directory.CreateDirectory(Path.GetDirectoryName path |> Option.ofObj |> Option.defaultValue ".")
            |> ignore

            File.WriteAllText(path, text)
            printfn $"{Path.GetRelativePath(root, path)}"

        0
    | _ ->
        eprintfn "The only argument is --check."
        2
