/// Elements of an MJCF text with their lines: attributes as numbers, with defaults, and errors that name the place.
namespace Rl.Core.Environments.Robots

open System
open System.Collections.Generic
open System.Globalization
open System.IO
open System.Xml
open System.Xml.Linq

/// Messages of a text that cannot be read, and the attributes that may stand in it.
[<RequireQualifiedAccess>]
module internal Mjcf =

    /// The line of an element or attribute; 0 if unknown.
    let line (place: XObject) =
        match place :> IXmlLineInfo with
        | info when info.HasLineInfo() -> info.LineNumber
        | _ -> 0

    /// Fails, with the line of an element or attribute.
    let fail (place: XObject) (message: string) : 'T = raise (InvalidDataException $"Line {line place}: {message}")

    /// An element as a message shows it: `<geom name="foot">`.
    let show (element: XElement) =
        match element.Attribute "name" with
        | null -> $"<{element.Name.LocalName}>"
        | name -> $"<{element.Name.LocalName} name=\"{name.Value}\">"

    /// What only looks or documents: read over.
    let private decorative = set [ "rgba"; "material"; "group"; "user"; "class"; "childclass"; "name" ]

    let private known =
        let frame = "pos quat axisangle euler xyaxes zaxis"

        dict
            [
                "body", frame
                "geom",
                frame
                + " type size fromto mass density friction condim contype conaffinity margin gap solref solimp solmix"
                + " priority hfield"
                "hfield", "size nrow ncol elevation"
                "joint",
                "type pos axis range limited margin ref springref stiffness damping armature solreflimit solimplimit"
                "freejoint", ""
                "inertial", frame + " mass diaginertia fullinertia"
                "site", frame + " type size fromto"
                "motor", "joint gear ctrllimited ctrlrange forcelimited forcerange"
                "position", "joint gear kp kv ctrllimited ctrlrange forcelimited forcerange"
                "velocity", "joint gear kv ctrllimited ctrlrange forcelimited forcerange"
                "fixed", ""
                "pair", "geom1 geom2 condim friction margin gap solref solimp"
                "exclude", "body1 body2"
                "compiler",
                "angle coordinate inertiafromgeom settotalmass autolimits eulerseq"
                + " balanceinertia boundmass boundinertia"
                "option",
                "timestep integrator solver iterations tolerance gravity wind density viscosity cone jacobian impratio"
                + " noslip_iterations"
            ]

    /// Fails for an attribute that is neither supported nor read over.
    let checkAttributes (element: XElement) =
        let names = known[element.Name.LocalName].Split(' ', StringSplitOptions.RemoveEmptyEntries)

        for attribute in element.Attributes() do
            let name = attribute.Name.LocalName

            if not (attribute.IsNamespaceDeclaration || decorative.Contains name || Array.contains name names) then
                let list = String.Join(", ", names)

                fail
                    attribute
                    $"{show element} has the attribute \"{name}\", which is not supported; it may have {list}."

    /// The elements within one, each of which must have one of these names.
    let children (names: string list) (element: XElement) : XElement list =
        [
            for child in element.Elements() do
                if not (List.contains child.Name.LocalName names) then
                    let list = String.Join(", ", names |> List.map (fun name -> $"<{name}>"))

                    fail child $"{show child} within <{element.Name.LocalName}> is not supported; there may be {list}."

                child
        ]

/// The attributes of an element, with those of its class of defaults behind them.
type internal MjcfElement(element: XElement, defaults: IReadOnlyDictionary<string, XAttribute>) =

    let find (name: string) : XAttribute voption =
        match element.Attribute name with
        | null ->
            match defaults.TryGetValue name with
            | true, attribute -> ValueSome attribute
            | _ -> ValueNone
        | attribute -> ValueSome attribute

    let numbers (attribute: XAttribute) =
        attribute.Value.Split([| ' '; '\t'; '\n'; '\r' |], StringSplitOptions.RemoveEmptyEntries)
        |> Array.map (fun text ->
            match Double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture) with
            | true, number when Double.IsFinite number -> number
            | _ ->
                Mjcf.fail
                    attribute
                    $"{Mjcf.show element}: {attribute.Name.LocalName} is \"{attribute.Value}\"; \"{text}\" is not a \
                      finite number.")

    member _.Element = element
    /// Whether the attribute is given, by the element or its class.
    member _.Has(name: string) = (find name).IsSome
    /// Whether the element itself has the attribute.
    member _.HasOwn(name: string) = not (isNull (element.Attribute name))
    /// Fails at this element.
    member _.Fail(message: string) : 'T = Mjcf.fail element $"{Mjcf.show element}: {message}"

    /// A text, or the default.
    member _.Text(name: string, otherwise: string) =
        match find name with
        | ValueSome attribute -> attribute.Value.Trim()
        | ValueNone -> otherwise

    /// A text that must be given.
    member this.Required(name: string) =
        match find name with
        | ValueSome attribute when attribute.Value.Trim() <> "" -> attribute.Value.Trim()
        | _ -> this.Fail $"the attribute \"{name}\" is missing."

    /// All numbers of an attribute, if it is given.
    member _.TryNumbers(name: string) : float[] voption = find name |> ValueOption.map numbers

    /// Exactly as many numbers as the default has.
    member _.Numbers(name: string, otherwise: float[]) : float[] =
        match find name with
        | ValueNone -> otherwise
        | ValueSome attribute ->
            let values = numbers attribute

            if values.Length <> otherwise.Length then
                Mjcf.fail
                    attribute
                    $"{Mjcf.show element}: {name} has {values.Length} numbers; it must have {otherwise.Length}."

            values

    /// Up to as many numbers as the default has; those that are missing are the default's.
    member _.LeadingNumbers(name: string, otherwise: float[]) : float[] =
        match find name with
        | ValueNone -> otherwise
        | ValueSome attribute ->
            let values = numbers attribute

            if values.Length = 0 || values.Length > otherwise.Length then
                Mjcf.fail
                    attribute
                    $"{Mjcf.show element}: {name} has {values.Length} numbers; it must have 1 to {otherwise.Length}."

            Array.init otherwise.Length (fun index -> if index < values.Length then values[index] else otherwise[index])

    member this.Number(name: string, otherwise: float) = this.Numbers(name, [| otherwise |])[0]

    member this.Vector(name: string, otherwise: Vector3D) =
        let values = this.Numbers(name, [| otherwise.X; otherwise.Y; otherwise.Z |])
        Vector3D(values[0], values[1], values[2])

    /// A whole number within bounds.
    member this.Whole(name: string, low: int, high: int, otherwise: int) =
        let number = this.Number(name, float otherwise)

        if number <> Math.Floor number || number < float low || number > float high then
            this.Fail $"{name} is {number}; it must be a whole number from {low} to {high}."

        int number

    /// A number ≥ 0.
    member this.NotNegative(name: string, otherwise: float) =
        let number = this.Number(name, otherwise)

        if number < 0.0 then this.Fail $"{name} is {number}; it must not be negative."

        number

    /// One of some words.
    member this.Choice(name: string, choices: (string * 'Value) list, otherwise: string) : 'Value =
        let word = this.Text(name, otherwise)

        match List.tryFind (fun (choice, _) -> choice = word) choices with
        | Some(_, value) -> value
        | None ->
            let list = String.Join(", ", List.map fst choices)
            this.Fail $"{name} is \"{word}\", which is not supported; it may be {list}."
