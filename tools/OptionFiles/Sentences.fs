/// The sentences of the core's documentation comments, from the file that the compiler writes beside the assembly.
module Rl.Tools.Sentences

open System
open System.Collections.Generic
open System.Text.RegularExpressions
open System.Xml.Linq
open Rl.Core.Algorithms
open Rl.Core.Learning

let private members =
    lazy
        (let assembly = typeof<AlgorithmEntry>.Assembly.Location
         let path = $"{assembly[.. assembly.Length - 5]}.xml"
         let texts = Dictionary<string, string>()

         for element in XDocument.Load(path).Descendants "member" do
             match element.Attribute "name", element.Element "summary" with
             | null, _
             | _, null -> ()
             | name, summary -> texts[name.Value] <- Regex.Replace(summary.Value, @"\s+", " ").Trim()

         texts)

let private find (id: string) =
    match members.Value.TryGetValue id with
    | true, text when text <> "" -> text
    | _ -> invalidOp $"{id} has no documentation comment in the core; write one sentence above it."

/// Of a type.
let ofType (record: Type) = find $"T:{record.FullName}"

/// Of a record's field.
let ofField (record: Type) (name: string) = find $"P:{record.FullName}.{name}"

/// Of a union's case.
let ofCase (union: Type) (name: string) = find $"T:{union.FullName}.{name}"

/// What an option means, without its range.
let ofOption (option: OptionDescription) =
    if option.Meaning <> "" then
        option.Meaning
    else
        ofField option.Owner option.Name

/// What an option means, with its range.
let whole (option: OptionDescription) = $"{ofOption option} {OptionKind.sentence option.Kind}".TrimEnd()
