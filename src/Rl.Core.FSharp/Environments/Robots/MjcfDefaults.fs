/// Classes of defaults of an MJCF text: what an element has that does not say it itself.
namespace Rl.Core.Environments.Robots

open System.Collections.Generic
open System.Xml.Linq

/// The attributes of one class by the kind of element; a class within another begins with the other's.
[<Sealed>]
type internal MjcfClass(name: string, attributes: Map<string, Map<string, XAttribute>>) =
    member _.Name = name
    member _.Attributes = attributes

    /// What elements of a kind have in this class.
    member _.Of(kind: string) : IReadOnlyDictionary<string, XAttribute> =
        match attributes.TryFind kind with
        | Some found -> found
        | None -> Map.empty

/// Reads classes of defaults.
[<RequireQualifiedAccess>]
module internal MjcfDefaults =

    let private actuators = [ "motor"; "position"; "velocity" ]

    /// Actuators share what they all have, as in MuJoCo.
    let private shared = set [ "gear"; "ctrllimited"; "ctrlrange"; "forcelimited"; "forcerange" ]

    let private supported = [ "joint"; "geom"; "site"; "pair"; "default" ] @ actuators

    /// Elements of defaults that only look.
    let private decorative = set [ "camera"; "light"; "material"; "mesh" ]

    let private extend (element: XElement) (attributes: Map<string, Map<string, XAttribute>>) =
        Mjcf.checkAttributes element
        let kind = element.Name.LocalName

        let add (kind: string) (attribute: XAttribute) (attributes: Map<string, Map<string, XAttribute>>) =
            let present = attributes.TryFind kind |> Option.defaultValue Map.empty
            attributes.Add(kind, present.Add(attribute.Name.LocalName, attribute))

        (attributes, element.Attributes())
        ||> Seq.fold (fun attributes attribute ->
            if List.contains kind actuators && shared.Contains attribute.Name.LocalName then
                List.foldBack (fun kind attributes -> add kind attribute attributes) actuators attributes
            else
                add kind attribute attributes)

    /// Every class within `<default>` elements, by name; the outermost is "main".
    let read (roots: XElement list) : Map<string, MjcfClass> =
        let rec readClass (fallback: string option) (inherited: Map<string, Map<string, XAttribute>>) found element =
            let name =
                match (element: XElement).Attribute "class" with
                | null ->
                    match fallback with
                    | Some name -> name
                    | None -> Mjcf.fail element "a <default> within another must name its class."
                | attribute -> attribute.Value

            let parts =
                element.Elements()
                |> Seq.filter (fun child -> not (decorative.Contains child.Name.LocalName))
                |> Seq.toList

            for part in parts do
                if not (List.contains part.Name.LocalName supported) then
                    Mjcf.fail part $"{Mjcf.show part} within <default> is not supported."

            let inner, own = parts |> List.partition (fun part -> part.Name.LocalName = "default")
            let attributes = (inherited, own) ||> List.fold (fun attributes part -> extend part attributes)
            let found = Map.add name (MjcfClass(name, attributes)) found
            (found, inner) ||> List.fold (readClass None attributes)

        let empty = Map.ofList [ "main", MjcfClass("main", Map.empty) ]

        (empty, roots)
        ||> List.fold (fun found root -> readClass (Some "main") found["main"].Attributes found root)
