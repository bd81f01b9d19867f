/// How values of the core's options are written in C#.
module Rl.Tools.Values

open System
open Microsoft.FSharp.Reflection
open Rl.Core.Acting
open Rl.Core.Algorithms
open Rl.Core.Learning
open Rl.Core.Networks

/// A union whose cases have no fields, which C# knows as an enumeration of the same name.
let isChoice (value: Type) =
    FSharpType.IsUnion value
    && value.Assembly = typeof<AlgorithmEntry>.Assembly
    && FSharpType.GetUnionCases value |> Array.forall (fun case -> case.GetFields().Length = 0)

/// The C# type of a property.
let typeName (value: Type) =
    if value = typeof<int> then
        "int"
    elif value = typeof<int64> then
        "long"
    elif value = typeof<float> then
        "double"
    elif value = typeof<bool> then
        "bool"
    elif value = typeof<int list> then
        "IReadOnlyList<int>"
    elif value = typeof<Activation> then
        "Activation"
    elif value = typeof<RecurrentCell option> then
        "Recurrence"
    elif value = typeof<Convolutions> then
        "Convolutions"
    elif value = typeof<RateSchedule> then
        "Schedule"
    elif value = typeof<NetworkDesign> then
        "Network"
    elif isChoice value then
        value.Name
    else
        invalidOp $"Options of type {value} have no C# type yet; add it to tools/OptionFiles/Values.fs."

let private isPlain (value: Type) = List.contains value [ typeof<int>; typeof<int64>; typeof<float>; typeof<bool> ]

// What checks for null names the property.
let private isNamed (value: Type) = value = typeof<RateSchedule> || value = typeof<NetworkDesign>

/// An expression of the core's value from the property's.
let toCore (value: Type) (expression: string) =
    if isPlain value then expression
    elif isChoice value then $"{expression}.ToCore()"
    elif isNamed value then $"Convert.ToCore({expression}, nameof({expression}))"
    else $"Convert.ToCore({expression})"

/// An expression of the property's value from the core's.
let ofCore (value: Type) (expression: string) =
    if isPlain value then expression
    elif isChoice value then $"{expression}.OfCore()"
    else $"Convert.OfCore({expression})"
