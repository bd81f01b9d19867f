/// A policy as a graph of ONNX operators.
namespace Rl.Core.Export

open Rl.Core.Acting
open Rl.Core.Autodiff
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Training

[<RequireQualifiedAccess>]
module OnnxPolicy =

    let private typeOf (elements: PolicyElements) =
        match elements with
        | PolicyElements.Numbers -> OnnxType.Float32
        | PolicyElements.Bytes -> OnnxType.UInt8
        | PolicyElements.Integers _ -> OnnxType.Int64
        | PolicyElements.Truths -> OnnxType.Bool

    let private ofPort (port: PolicyPort) : OnnxPort =
        {
            Name = port.Name
            Type = typeOf port.Elements
            Shape = OnnxLength.Rows 1 :: (port.Shape |> Array.map OnnxLength.Fixed |> List.ofArray)
            Meaning = port.Meaning
        }

    let private reshaped (builder: OnnxBuilder) (value: string) (shape: int[]) =
        builder.Node("Reshape", [ value; builder.Integers(Array.append [| -1 |] shape) ])

    let private cast (builder: OnnxBuilder) (value: string) (kind: int64) =
        builder.Node("Cast", [ value ], [ "to", OnnxAttribute.Integer kind ])

    let private starts (builder: OnnxBuilder) (starts: int[]) =
        builder.Constant("constant", [| starts.Length |], OnnxNumbers.Int64(Array.map int64 starts))

    /// An input as the expression [rows, elements] has it.
    let private read (builder: OnnxBuilder) (port: PolicyPort) : OnnxValue =
        let size = Shape.count port.Shape

        let flat value = if port.Shape.Length = 1 then value else reshaped builder value [| size |]

        let name =
            match port.Elements with
            | PolicyElements.Numbers
            | PolicyElements.Truths -> flat port.Name
            | PolicyElements.Bytes -> flat (cast builder port.Name 1L)
            | PolicyElements.Integers first ->
                let whole = flat port.Name

                let counted =
                    if Array.forall ((=) 0) first then
                        whole
                    else
                        builder.Node("Sub", [ whole; starts builder first ])

                cast builder counted 1L

        {
            Name = name
            Shape = [| OnnxLength.Rows 1; OnnxLength.Fixed size |]
            IsTruth = port.Elements.IsTruths
        }

    /// A value [rows, elements] as an output has it.
    let private write (builder: OnnxBuilder) (port: PolicyPort) (value: OnnxValue) : unit =
        let whole =
            match port.Elements with
            | PolicyElements.Integers first ->
                let integers = cast builder value.Name 7L

                if Array.forall ((=) 0) first then
                    integers
                else
                    builder.Node("Add", [ integers; starts builder first ])
            | _ -> value.Name

        let shaped = if port.Shape.Length = 1 then whole else reshaped builder whole port.Shape
        builder.Output(port.Name, shaped)

    /// The policy of a model behind wrappers for any number of rows. `NotSupportedException` for a wrapper or an
    /// operation that ONNX has not.
    let graph (options: ExportOptions) (wrapping: Wrapping) (facts: ActingFacts) (model: PolicyModel) : OnnxGraph =
        let trace = PolicyExpressions.trace options wrapping facts model
        let few, many = trace OnnxRows.few, trace OnnxRows.many

        let layout = Actor.layout model.Network

        if model.Parameters.Length < layout.Count then
            Guard.length "Parameters" layout.Count model.Parameters.Length

        let theta = model.Parameters |> Seq.take layout.Count |> Seq.map float |> Tensor.vector

        let nameOf (_: string) (offset: int) (count: int) =
            layout.Blocks
            |> Seq.tryFind (fun block -> block.Offset = offset && block.Count = count)
            |> Option.map _.Name

        let builder = OnnxBuilder()

        for port in few.Inputs @ few.Outputs do
            builder.Reserve port.Name

        let values = few.Inputs |> List.map (fun port -> port.Name, read builder port) |> Map.ofList
        let operators = OnnxOperators(builder, values, Map [ "theta", theta ], nameOf)
        let roots (expressions: PolicyExpressions) = [| for port in expressions.Outputs -> port.Value |]
        let outputs = operators.Add(roots few, roots many)
        List.iteri (fun index port -> write builder port outputs[index]) few.Outputs

        {
            Inputs = List.map ofPort few.Inputs
            Outputs = List.map ofPort few.Outputs
            Constants = builder.Constants
            Nodes = builder.Nodes
        }
