/// Graphs of ONNX operators as values: what a model's file holds, before it is one.
namespace Rl.Core.Export

open System
open System.Collections.Generic

/// The types of elements that graphs use.
[<RequireQualifiedAccess>]
type OnnxType =
    | Float32
    | Int64
    | Bool
    | UInt8

/// The length of an axis.
[<RequireQualifiedAccess>]
type OnnxLength =
    | Fixed of int
    /// A multiple of the number of rows, which whoever runs the graph decides.
    | Rows of factor: int

/// The numbers of a constant, row-major.
[<RequireQualifiedAccess>]
type OnnxNumbers =
    | Float32 of float32[]
    | Int64 of int64[]

/// What a graph holds besides its operators, such as weights.
type OnnxConstant = { Name: string; Shape: int[]; Numbers: OnnxNumbers }

/// A setting of an operator.
[<RequireQualifiedAccess>]
type OnnxAttribute =
    | Integer of int64
    | Integers of int64[]

/// One operator of the standard set; it gives one value.
type OnnxNode =
    {
        /// For example "MatMul".
        Operator: string
        /// Names of inputs of the graph, of constants and of earlier nodes' outputs.
        Inputs: string list
        Output: string
        Attributes: (string * OnnxAttribute) list
    }

/// An input or an output of a graph.
type OnnxPort =
    {
        Name: string
        Type: OnnxType
        /// The first is that of the rows.
        Shape: OnnxLength list
        /// What it holds, in words.
        Meaning: string
    }

/// Operators in the order in which they can run.
type OnnxGraph =
    {
        Inputs: OnnxPort list
        Outputs: OnnxPort list
        Constants: OnnxConstant list
        Nodes: OnnxNode list
    }

/// The graph in the making. Equal nodes and equal small constants are there once.
[<Sealed>]
type internal OnnxBuilder() =
    let nodes = List<OnnxNode>()
    let constants = List<OnnxConstant>()
    let knownNodes = Dictionary<string * string list * (string * OnnxAttribute) list, string>(HashIdentity.Structural)
    let knownConstants = Dictionary<int list * Choice<int[], int64[]>, string>(HashIdentity.Structural)
    let names = HashSet<string>()
    let numbers = Dictionary<string, int>()

    /// Constants up to this size are compared with earlier ones.
    let small = 256

    /// A name that nothing has: the wanted one, or with a number.
    let rec take (wanted: string) (isNumbered: bool) =
        if not isNumbered && names.Add wanted then
            wanted
        else
            let number =
                match numbers.TryGetValue wanted with
                | true, number -> number + 1
                | _ -> 1

            numbers[wanted] <- number
            let name = $"{wanted}_{number}"
            if names.Add name then name else take wanted true

    /// Keeps a name for an input or an output.
    member _.Reserve(name: string) = names.Add name |> ignore

    /// A constant under the wanted name, or, if it is there already, the name that it has.
    member _.Constant(wanted: string, shape: int[], values: OnnxNumbers) : string =
        let add () =
            let name = take wanted (wanted = "constant")
            constants.Add { Name = name; Shape = shape; Numbers = values }
            name

        let key =
            match values with
            // Bits, so that 0 and −0 differ.
            | OnnxNumbers.Float32 values -> Choice1Of2(Array.map BitConverter.SingleToInt32Bits values)
            | OnnxNumbers.Int64 values -> Choice2Of2 values

        let key = List.ofArray shape, key

        if Array.fold (*) 1 shape > small then
            add ()
        else
            match knownConstants.TryGetValue key with
            | true, name -> name
            | _ ->
                let name = add ()
                knownConstants[key] <- name
                name

    /// A vector of integers, as operators take shapes and axes.
    member this.Integers(values: seq<int>) : string =
        let values = values |> Seq.map int64 |> Array.ofSeq
        this.Constant("constant", [| values.Length |], OnnxNumbers.Int64 values)

    /// One number.
    member this.Number(value: float32) : string = this.Constant("constant", [||], OnnxNumbers.Float32 [| value |])

    /// The output of a node with these inputs, a new one or an equal one.
    member _.Node(operator: string, inputs: string list, attributes: (string * OnnxAttribute) list) : string =
        let key = operator, inputs, attributes

        match knownNodes.TryGetValue key with
        | true, output -> output
        | _ ->
            let output = take operator true
            nodes.Add { Operator = operator; Inputs = inputs; Output = output; Attributes = attributes }
            knownNodes[key] <- output
            output

    /// A node without attributes.
    member this.Node(operator: string, inputs: string list) : string = this.Node(operator, inputs, [])

    /// Gives a value the reserved name of an output.
    member _.Output(name: string, value: string) : unit =
        nodes.Add { Operator = "Identity"; Inputs = [ value ]; Output = name; Attributes = [] }

    /// In the order in which they can run.
    member _.Nodes: OnnxNode list = List.ofSeq nodes

    /// Those that nodes use.
    member _.Constants: OnnxConstant list =
        let used = HashSet<string>(nodes |> Seq.collect _.Inputs)
        constants |> Seq.filter (fun constant -> used.Contains constant.Name) |> List.ofSeq
