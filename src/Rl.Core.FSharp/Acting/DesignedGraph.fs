/// From layers that a user has put together to the graphs that they are for an observation space: of policies, and of
/// critics, which take an action beside what they observe.
namespace Rl.Core.Acting

open System
open Rl.Core.Autodiff
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Networks

/// Graphs of designs. Errors blame the argument "Network" and name the layer.
[<RequireQualifiedAccess>]
module DesignedGraph =

    /// The parts of observations in the order of a network's inputs: path, first input, number of inputs, space.
    let private parts (observations: Space) =
        let parts = Space.layout observations
        let sizes = parts |> List.map (fun part -> Space.encodedSize part.Space)
        let starts = List.scan (+) 0 sizes
        List.zip3 parts (List.truncate parts.Length starts) sizes

    /// What layers take of a space: its shape, and what it is multiplied with.
    let private shapeOf (space: Space) : struct (Shape * float) =
        match space with
        | Space.Box(_, high, ([| _; _; _ |] as image)) ->
            struct (image, (if Array.forall ((=) 255.0) high then 1.0 / 255.0 else 1.0))
        | space -> struct ([| Space.encodedSize space |], 1.0)

    /// The layers of a design on a shape, with the start of weights, and the shape that they make of it.
    let rec private build (weight: Initialiser) (place: string) (shape: Shape) (layers: LayerDesign list) =
        let add (shape: Shape) (index, design) =
            let place = $"{place} {index + 1}"

            let layer =
                match design with
                | LayerDesign.Dense(units, activation) ->
                    let inputs = if shape.Length = 1 then shape[0] else 1
                    let bias = Initialiser.Constant 0.0
                    let dense = { Inputs = inputs; Outputs = units; Weight = weight; Bias = bias }
                    GraphLayer.Dense(dense, activation)
                | LayerDesign.Convolution(channels, kernel, stride, padding, activation) ->
                    let own = ConvolutionLayer.create shape[0] channels kernel stride
                    GraphLayer.Convolution({ own with Padding = padding }, activation)
                | LayerDesign.Flatten -> GraphLayer.Flatten
                | LayerDesign.LayerNormalisation -> GraphLayer.Normalisation shape[0]
                | LayerDesign.Residual inner ->
                    GraphLayer.Residual(fst (build weight $"{place}, within it layer" shape inner))

            layer, LayerGraph.shapeAfter place shape layer

        layers |> List.indexed |> List.mapFold add shape

    /// A branch for a part of observations, the shape that it gives, and the parts that it takes.
    let private branch (weight: Initialiser) (observations: Space) (name: string, layers: LayerDesign list) =
        let known = parts observations
        let isUnder (path: string) = path = name || path.StartsWith(name + ".", StringComparison.Ordinal)

        match known |> List.filter (fun (part, _, _) -> isUnder part.Path) with
        | [] ->
            let names = known |> List.map (fun (part, _, _) -> $"\"{part.Path}\"") |> String.concat ", "

            Guard.fail
                "Network"
                $"Network has a branch for \"{name}\", which the observations have not; their parts are {names}."
        | (first, start, _) :: _ as taken ->
            let struct (shape, scale) =
                match taken with
                | [ _ ] -> shapeOf first.Space
                | several -> struct ([| several |> List.sumBy (fun (_, _, size) -> size) |], 1.0)

            let built, after = build weight $"Network: in the branch \"{name}\" layer" shape layers

            struct ({ Name = name; First = start; Shape = shape; Scale = scale; Layers = built }, after, taken)

    /// Parts without those that nothing which acts may see.
    let private visible (observations: Space) =
        parts observations |> List.filter (fun (part, _, _) -> not (PrivilegedPart.isPath part.Path))

    /// The branches of a path, which take each part once, and the shapes that they give.
    let private branchesOn
        (known: (SpacePart * int * int) list)
        weight
        (observations: Space)
        (path: PathDesign)
        : struct (GraphBranch * Shape) list =
        let built = path.Branches |> List.map (branch weight observations)

        for part, _, _ in known do
            let takers =
                built
                |> List.filter (fun struct (_, _, taken) ->
                    taken |> List.exists (fun (own, _, _) -> own.Path = part.Path))

            if takers.Length <> 1 then
                Guard.fail
                    "Network"
                    ($"Network has {takers.Length} branches that take \"{part.Path}\" of the observations; it must "
                     + "have one: add a branch for it, which may be without layers, or let one take it.")

        built |> List.map (fun struct (own, after, _) -> struct (own, after))

    let private branches weight (observations: Space) (path: PathDesign) =
        branchesOn (parts observations) weight observations path

    /// The observation as it is, as the only branch.
    let private whole (shape: Shape) (scale: float) : GraphBranch =
        { Name = "all"; First = 0; Shape = shape; Scale = scale; Layers = [] }

    /// What the branches give, as a vector.
    let private joined (branches: struct (GraphBranch * Shape) list) : Shape =
        [| branches |> List.sumBy (fun struct (_, after) -> Shape.count after) |]

    let private ofBranches (branches: struct (GraphBranch * Shape) list) =
        branches |> List.map (fun struct (own, _) -> own)

    /// The graph of a path for observations, with the start of weights. Fails where branches do not take each part
    /// once, and where shapes do not fit.
    let create (weight: Initialiser) (observations: Space) (path: PathDesign) : LayerGraph =
        let inputs = Encoding.size observations

        if path.Branches.IsEmpty then
            let struct (shape, scale) = shapeOf observations
            let layers, _ = build weight "Network: layer" shape path.Layers
            { Inputs = inputs; Branches = [ whole shape scale ]; Layers = layers }
        else
            let built = branches weight observations path

            let shape =
                match built with
                | [ struct (_, after) ] -> after
                | several -> joined several

            let layers, _ = build weight "Network: after the branches, layer" shape path.Layers
            { Inputs = inputs; Branches = ofBranches built; Layers = layers }

    /// The graph of a path for what acts on observations: as `create`, without the part that is for critics alone,
    /// which no branch may take.
    let acting (weight: Initialiser) (observations: Space) (path: PathDesign) : LayerGraph =
        if not (PrivilegedPart.isIn observations) then
            create weight observations path
        else
            match path.Branches |> List.tryFind (fun (name, _) -> PrivilegedPart.isPath name) with
            | Some(name, _) ->
                Guard.fail
                    "Network"
                    ($"Network has a branch for \"{name}\" in what acts, and that part is for critics alone: give "
                     + "actor and critic layers of their own, and the branch to the critic.")
            | None -> ()

            let known = visible observations

            if known.IsEmpty then
                Guard.fail
                    "observations"
                    $"The observations are {observations}; they need a part beside {PrivilegedPart.Name} to act on."

            let path =
                if path.Branches.IsEmpty then
                    { path with Branches = known |> List.map (fun (part, _, _) -> part.Path, []) }
                else
                    path

            let built = branchesOn known weight observations path

            let shape =
                match built with
                | [ struct (_, after) ] -> after
                | several -> joined several

            let layers, _ = build weight "Network: after the branches, layer" shape path.Layers
            { Inputs = Encoding.size observations; Branches = ofBranches built; Layers = layers }

    let rec private hasDense (layer: LayerDesign) =
        match layer with
        | LayerDesign.Dense _ -> true
        | LayerDesign.Residual layers -> List.exists hasDense layers
        | LayerDesign.Convolution _
        | LayerDesign.Flatten
        | LayerDesign.LayerNormalisation -> false

    /// Layers up to the first dense one that stands in no residual layer, and those from it on.
    let private beforeDense (layers: LayerDesign list) =
        let count = layers |> List.tryFindIndex _.IsDense |> Option.defaultValue layers.Length
        List.splitAt count layers

    /// The graph of a path for critics: of observations followed by the numbers of an action. The action is a branch of
    /// its own after the others; without branches it comes in where the first dense layer does. Fails as `create` does,
    /// and where no dense layer comes after the action, in which values would be linear.
    let critic (weight: Initialiser) (observations: Space) (actions: int) (path: PathDesign) : LayerGraph =
        let plain = create weight observations path

        let earlier, later = if path.Branches.IsEmpty then beforeDense path.Layers else [], path.Layers

        if actions = 0 then
            plain
        elif not (List.exists hasDense later) then
            Guard.fail
                "Network"
                ("Network gives a critic no dense layer that takes the action; values would be linear in it: add a "
                 + "dense layer, after the branches where there are any.")
        else
            let inputs = plain.Inputs
            let action = { whole [| actions |] 1.0 with Name = "action"; First = inputs }
            let own = struct (action, [| actions |])

            let branches =
                if path.Branches.IsEmpty then
                    let struct (shape, scale) = shapeOf observations
                    let layers, after = build weight "Network: layer" shape earlier

                    if layers.IsEmpty && scale = 1.0 then
                        // A vector and the action beside it are one vector.
                        let both = [| inputs + actions |]
                        [ struct (whole both 1.0, both) ]
                    else
                        [ struct ({ whole shape scale with Layers = layers }, after); own ]
                else
                    branches weight observations path @ [ own ]

            let place = "Network: in a critic, after what it observes and the action, layer"
            let layers, _ = build weight place (joined branches) later
            { Inputs = inputs + actions; Branches = ofBranches branches; Layers = layers }

    /// Whether a layer has parameters.
    let private isLearned (layer: GraphLayer) =
        match layer with
        | GraphLayer.Flatten -> false
        | GraphLayer.Dense _
        | GraphLayer.Convolution _
        | GraphLayer.Normalisation _
        | GraphLayer.Residual _ -> true

    /// A graph in two, between which something else comes in: features, and the layers on them, if there are any. The
    /// features end with the branches or convolutions, before the first dense layer; where there are none, after it.
    let split (graph: LayerGraph) : struct (LayerGraph * LayerGraph option) =
        let dense = graph.Layers |> List.tryFindIndex _.IsDense

        let isLearnedBefore place =
            (graph.Branches |> List.collect (fun branch -> branch.Layers)) @ List.take place graph.Layers
            |> List.exists isLearned

        let place =
            match dense with
            | None -> graph.Layers.Length
            | Some place when isLearnedBefore place -> place
            | Some place -> place + 1

        let first, rest = List.splitAt place graph.Layers
        let features = { graph with Layers = first }

        match rest with
        | [] -> struct (features, None)
        | rest ->
            let width = LayerGraph.outputs features
            let own = { Inputs = width; Branches = [ whole [| width |] 1.0 ]; Layers = rest }
            struct (features, Some own)
