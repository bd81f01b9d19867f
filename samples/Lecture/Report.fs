/// What a slide is given, and how it prints its table.
namespace Lecture

/// Where pictures go, and whether a short run is wanted.
type Setting = { Folder: string; Quick: bool }

[<RequireQualifiedAccess>]
module Report =

    /// The point that a slide makes.
    let title (text: string) =
        printfn ""
        printfn "%s" text
        printfn "%s" (String.replicate text.Length "-")

    /// A table with its columns aligned: the first to the left, the others to the right.
    let table (headers: string list) (rows: string list list) =
        let all = headers :: rows
        let widths = headers |> List.mapi (fun column _ -> all |> List.map (fun row -> row[column].Length) |> List.max)

        for row in all do
            row
            |> List.mapi (fun column cell ->
                if column = 0 then cell.PadRight widths[column] else cell.PadLeft widths[column])
            |> String.concat "  "
            |> printfn "%s"
