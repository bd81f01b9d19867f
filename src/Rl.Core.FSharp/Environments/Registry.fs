/// Environments by their ids, with keywords for their variants.
namespace Rl.Core.Environments

open System
open Rl.Core.Foundations
open Rl.Core.Environments.Box2D
open Rl.Core.Environments.ClassicControl
open Rl.Core.Environments.Goals
open Rl.Core.Environments.MinAtar
open Rl.Core.Environments.Robots
open Rl.Core.Environments.Teaching
open Rl.Core.Environments.ToyText

/// The environments in the box.
[<RequireQualifiedAccess>]
module Registry =

    /// Every entry, ordered by id.
    let entries: RegistryEntry list =
        List.concat
            [
                Box2DEntries.all
                ClassicControlEntries.all
                GoalEntries.all
                MinAtarEntries.all
                RobotEntries.all
                TeachingEntries.all
                ToyTextEntries.all
            ]
        |> List.sortBy _.Id

    /// Every id, ordered.
    let ids: string list = entries |> List.map _.Id

    /// The ids of older versions that are understood besides.
    let olderIds: OlderId list = List.concat [ Box2DEntries.older ]

    let private tryFindOlder (id: string) = olderIds |> List.tryFind (fun older -> older.Older = id)

    /// The entry of an id, or of the newer version of an older one, if there is one.
    let tryFind (id: string) : RegistryEntry option =
        let current =
            match tryFindOlder id with
            | Some older -> older.Newer
            | None -> id

        entries |> List.tryFind (fun entry -> entry.Id = current)

    /// What to tell someone who asks for an older version; none for a present id.
    let notice (id: string) : string option =
        tryFindOlder id
        |> Option.map (fun older -> $"{older.Older} is an older version: {older.Newer} is used; {older.Difference}.")

    /// The number of insertions, deletions and substitutions of letters (whatever their case) between two texts
    /// (Levenshtein 1966).
    let internal editDistance (first: string) (second: string) =
        let first, second = first.ToLowerInvariant(), second.ToLowerInvariant()
        let mutable row = Array.init (second.Length + 1) id

        for i in 1 .. first.Length do
            let next = Array.create (second.Length + 1) i

            for j in 1 .. second.Length do
                let substitution = row[j - 1] + (if first[i - 1] = second[j - 1] then 0 else 1)
                next[j] <- min substitution (1 + min row[j] next[j - 1])

            row <- next

        row[second.Length]

    /// A name without its namespace and its version: `Breakout` of `MinAtar/Breakout-v1`.
    let private stem (name: string) =
        let own = name.Substring(name.LastIndexOf '/' + 1)
        let version = own.LastIndexOf("-v", StringComparison.Ordinal)

        if version > 0 && Seq.forall Char.IsAsciiDigit (own.Substring(version + 2)) then
            own.Substring(0, version)
        else
            own

    /// Up to three names near to a wrong one: those that begin with it or hold it, without namespace and version,
    /// whatever the case of its letters; if there are none, those with the fewest edits.
    let nearestOf (names: seq<string>) (wrong: string) : string list =
        let root = stem wrong

        let alike =
            if root.Length < 3 then
                []
            else
                [
                    for name in names do
                        let place = (stem name).IndexOf(root, StringComparison.OrdinalIgnoreCase)

                        if place >= 0 then yield (min place 1, editDistance wrong name), name
                ]

        match alike with
        | [] -> names |> Seq.sortBy (editDistance wrong) |> Seq.truncate 3 |> Seq.toList
        | _ -> alike |> List.sortBy fst |> List.truncate 3 |> List.map snd

    /// Up to three ids near to a wrong one.
    let nearest (id: string) : string list = nearestOf ids id

    /// The entry of an id; `ArgumentException` that lists the nearest ids if there is none.
    let find (id: string) : RegistryEntry =
        Guard.notNull (nameof id) id

        match tryFind id with
        | Some entry -> entry
        | None ->
            let names = String.Join(", ", nearest id)
            Guard.fail (nameof id) $"There is no environment \"{id}\"; the nearest ids are {names}."

    let private accept (entry: RegistryEntry) (values: Map<string, KeywordValue>) (name: string, value: KeywordValue) =
        match entry.Keywords |> List.tryFind (fun keyword -> keyword.Name = name) with
        | None ->
            let known =
                match entry.Keywords with
                | [] -> "it takes none"
                | keywords -> $"""it has {String.Join(", ", keywords |> List.map _.Name)}"""

            Guard.fail name $"{entry.Id} has no keyword \"{name}\"; {known}."
        | Some keyword ->
            match keyword.Default, value with
            | KeywordValue.Flag _, KeywordValue.Flag _
            | KeywordValue.Number _, KeywordValue.Number _ -> values.Add(name, value)
            | KeywordValue.Text _, KeywordValue.Text text when
                keyword.Choices.IsEmpty || List.contains text keyword.Choices
                ->
                values.Add(name, value)
            | KeywordValue.Flag _, _ -> Guard.fail name $"{entry.Id}: {name} is {value}; it must be true or false."
            | KeywordValue.Number _, _ -> Guard.fail name $"{entry.Id}: {name} is {value}; it must be a number."
            | KeywordValue.Text _, _ ->
                let choices = String.Join(", ", keyword.Choices |> List.map (fun choice -> $"\"{choice}\""))
                Guard.fail name $"{entry.Id}: {name} is {value}; it must be one of {choices}."

    /// Creates, and puts the given keywords before what an environment says of its own options, which may have other
    /// names.
    let private create
        (entry: RegistryEntry)
        (given: (string * KeywordValue) list)
        (values: Map<string, KeywordValue>)
        =
        let isNamed (error: ArgumentException) =
            match error.ParamName with
            | null -> false
            | name -> entry.Keywords |> List.exists (fun keyword -> keyword.Name = name)

        try
            entry.Create values
        with :? ArgumentException as error when not (given.IsEmpty || isNamed error) ->
            let keywords = String.Join(", ", given |> List.map (fun (name, value) -> $"{name} = {value}"))
            let lines = error.Message.Split('\n')
            let text = lines[0].Replace($" (Parameter '{error.ParamName}')", "").Trim()
            raise (ArgumentException($"{entry.Id} with {keywords}: {text}", fst given.Head, error))

    /// The environment of an id with some keywords changed; `ArgumentException` for an unknown id or keyword or a wrong
    /// value.
    let makeWith (keywords: (string * KeywordValue) list) (id: string) : AnyEnvironment =
        let entry = find id
        let defaults = Map.ofList [ for keyword in entry.Keywords -> keyword.Name, keyword.Default ]
        create entry keywords (List.fold (accept entry) defaults keywords)

    /// The environment of an id; `ArgumentException` if there is none.
    let make (id: string) : AnyEnvironment = makeWith [] id
