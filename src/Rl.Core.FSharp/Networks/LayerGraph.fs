/// Layers that a user has put together: branches for parts of an observation, then layers on what the branches give.
namespace Rl.Core.Networks

open System
open Rl.Core.Foundations
open Rl.Core.Autodiff

/// A layer of a graph.
[<RequireQualifiedAccess>]
type GraphLayer =
    /// σ(x W + b) of a vector.
    | Dense of Dense * Activation
    /// σ(convolution) of an image [c, h, w].
    | Convolution of ConvolutionLayer * Activation
    /// An image as a vector, channel by channel.
    | Flatten
    /// Layer normalisation over a vector of so many elements, or over so many channels at each place of an image.
    | Normalisation of features: int
    /// x + what these layers make of x, which has the shape of x.
    | Residual of GraphLayer list

/// Neighbouring elements of an observation with layers of their own.
type GraphBranch =
    {
        /// What its parameters lie under; unique in a graph.
        Name: string
        /// Its first element.
        First: int
        /// [n] or [c, h, w].
        Shape: Shape
        /// What its elements are multiplied with: 1/255 for bytes.
        Scale: float
        Layers: GraphLayer list
    }

/// Branches on an observation, and layers on what they give, one after the other as a vector; on what the branch gives
/// where there is one.
type LayerGraph =
    {
        /// The length of an observation.
        Inputs: int
        Branches: GraphBranch list
        Layers: GraphLayer list
    }

/// Where a dense layer stands in a graph.
[<Struct>]
type DensePlace =
    {
        /// Dense layers before it: those of branches first, then those on what they give.
        Number: int
        /// Whether some of what it takes has been through no dense layer.
        IsFirst: bool
    }

/// What a network makes of the layers of a graph that have weights, such as a normalisation within each.
[<NoEquality; NoComparison>]
type LayerTreatment =
    {
        /// The parameters of a dense layer.
        DenseLayout: DensePlace -> Dense -> Layout
        /// The parameters of a convolution.
        ConvolutionLayout: ConvolutionLayer -> Layout
        /// The parameters of a layer normalisation over so many features.
        NormalisationLayout: int -> Layout
        /// What a dense layer makes of x [..., inputs].
        Dense: DensePlace -> Activation -> Parameters -> Expr -> Expr
        /// What a convolution makes of images [n, c, h, w].
        Convolution: ConvolutionLayer -> Activation -> Parameters -> Expr -> Expr
    }

/// Treatments of layers.
[<RequireQualifiedAccess>]
module LayerTreatment =

    /// Weights, biases and activations, nothing else.
    let plain: LayerTreatment =
        {
            DenseLayout = fun _ dense -> Dense.layout dense
            ConvolutionLayout = ConvolutionLayer.layout
            NormalisationLayout = LayerNormalisation.layout
            Dense = fun _ activation parameters x -> Dense.apply parameters x |> Activation.apply activation
            Convolution =
                fun convolution activation parameters x ->
                    ConvolutionLayer.apply convolution parameters x |> Activation.apply activation
        }

/// Goes through the layers of a graph in the order of their parameters and tells dense layers where they stand.
[<Sealed>]
type internal GraphWalk() =
    let mutable number, isRaw = 0, true

    /// The place of the dense layer that comes next.
    member _.Next() : DensePlace =
        let place = { Number = number; IsFirst = isRaw }
        number <- number + 1
        isRaw <- false
        place

    /// Whether some of what has come so far has been through no dense layer.
    member _.IsRaw = isRaw

    /// A residual layer: what it takes stays part of what it gives.
    member _.Residual(layers: unit -> 'T) : 'T =
        let before = isRaw
        let result = layers ()
        isRaw <- before
        result

    /// Branches, each of which begins with the observation.
    member _.Branches (branches: GraphBranch list) (visit: GraphBranch -> 'T) : 'T list =
        let visited =
            branches
            |> List.map (fun branch ->
                isRaw <- true
                let result = visit branch
                struct (result, isRaw))

        isRaw <- visited |> List.exists (fun struct (_, raw) -> raw)
        visited |> List.map (fun struct (result, _) -> result)

/// Shapes, parameters and values of graphs. The parameters of branch b lie under "branches/b/0",
/// "branches/b/1", …, those of the layers after it under "0", "1", …, those within a residual layer under its own.
[<RequireQualifiedAccess>]
module LayerGraph =

    /// Residual layers within residual layers.
    [<Literal>]
    let DeepestResidual = 16

    /// Numbers that a layer may give.
    [<Literal>]
    let MostFeatures = 268_435_456L

    /// The argument that errors of shapes blame.
    [<Literal>]
    let private Argument = "Network"

    let private fail place what = Guard.fail Argument $"{place} {what}"

    /// What a layer makes of a shape; fails, naming the layer, where it cannot take it. `place` is such as "layer 2 of
    /// branch camera".
    let rec private after (depth: int) (place: string) (shape: Shape) (layer: GraphLayer) : Shape =
        let given = $"is given {Shape.print shape}"

        match layer, shape with
        | GraphLayer.Dense(dense, _), [| inputs |] when inputs = dense.Inputs -> [| dense.Outputs |]
        | GraphLayer.Dense _, [| _; _; _ |] ->
            fail place $"is dense and {given}, an image: flatten it first, or convolve it."
        | GraphLayer.Dense(dense, _), _ -> fail place $"is dense, takes [{dense.Inputs}] and {given}."
        | GraphLayer.Convolution(convolution, _), [| channels; height; width |] ->
            let padding = convolution.Padding

            if channels <> convolution.InputChannels then
                fail place $"is a convolution of {convolution.InputChannels} channels and {given}."

            if
                padding < 0
                || padding >= max convolution.KernelHeight convolution.KernelWidth
                || convolution.Stride < 1
            then
                fail place $"is a convolution with a padding of {padding} and a stride of {convolution.Stride}."

            if height + 2 * padding < convolution.KernelHeight || width + 2 * padding < convolution.KernelWidth then
                fail
                    place
                    ($"is a convolution of {convolution.KernelHeight}x{convolution.KernelWidth} and {given}, which is "
                     + "smaller: use a smaller kernel or stride before it, or padding.")

            ConvolutionLayer.outputShape convolution shape
        | GraphLayer.Convolution _, _ ->
            fail
                place
                ($"is a convolution and {given}; it takes images [channels, height, width]: let it come before Flatten "
                 + "and dense layers, in a branch that takes an image.")
        | GraphLayer.Flatten, _ -> [| Shape.count shape |]
        | GraphLayer.Normalisation features, _ ->
            if shape[0] <> features then
                fail place $"normalises {features} features and {given}."

            shape
        | GraphLayer.Residual layers, _ ->
            if layers.IsEmpty || depth >= DeepestResidual then
                fail place $"is a residual layer without layers, or more than {DeepestResidual} deep."

            let inner = through (depth + 1) $"{place}, within it layer" shape layers

            if inner <> shape then
                fail
                    place
                    ($"is residual, {given} and its layers give {Shape.print inner}; these must be the same, since "
                     + "they are added: let its last layer have as many units, or channels of the same size.")

            shape

    and private through depth prefix shape layers =
        layers
        |> List.indexed
        |> List.fold
            (fun shape (index, layer) ->
                let place = $"{prefix} {index + 1}"
                let next = after depth place shape layer
                let count = next |> Array.fold (fun count size -> count * int64 size) 1L

                if count > MostFeatures then
                    fail place $"gives {Shape.print next}, more than {MostFeatures} numbers."

                next)
            shape

    /// The shape that a layer makes of another; for building graphs.
    let shapeAfter (place: string) (shape: Shape) (layer: GraphLayer) : Shape = after 0 place shape layer

    let private branchShape (branch: GraphBranch) = through 0 $"Branch {branch.Name}: layer" branch.Shape branch.Layers

    /// What stands before the layers after the branches.
    let private joined (graph: LayerGraph) : Shape =
        match graph.Branches with
        | [ only ] -> branchShape only
        | branches -> [| branches |> List.sumBy (branchShape >> Shape.count) |]

    /// The number of features that a graph gives. Fails where layers do not fit each other or branches the observation.
    let outputs (graph: LayerGraph) : int =
        if graph.Branches.IsEmpty then fail "The network" "has no branches."

        for branch in graph.Branches do
            let count = branch.Shape |> Array.fold (fun count size -> count * int64 size) 1L
            let isShape = branch.Shape.Length = 1 || branch.Shape.Length = 3

            if not isShape || Array.exists (fun size -> size < 1) branch.Shape then
                fail $"Branch {branch.Name}" $"takes the shape {Shape.print branch.Shape}."

            if branch.First < 0 || int64 branch.First + count > int64 graph.Inputs then
                fail
                    $"Branch {branch.Name}"
                    $"takes {count} elements from {branch.First} on of an observation of {graph.Inputs}."

        through 0 "Layer" (joined graph) graph.Layers |> Shape.count

    let rec private layerLayout treatment (walk: GraphWalk) (layer: GraphLayer) : Layout =
        match layer with
        | GraphLayer.Dense(dense, _) -> treatment.DenseLayout (walk.Next()) dense
        | GraphLayer.Convolution(convolution, _) -> treatment.ConvolutionLayout convolution
        | GraphLayer.Flatten -> Layout.empty
        | GraphLayer.Normalisation features -> treatment.NormalisationLayout features
        | GraphLayer.Residual layers -> walk.Residual(fun () -> layersLayout treatment walk layers)

    and private layersLayout treatment walk layers =
        layers
        |> List.mapi (fun index layer -> Layout.under (string index) (layerLayout treatment walk layer))
        |> Layout.concat

    /// The parameters of layers that are treated so.
    let layoutOf (treatment: LayerTreatment) (graph: LayerGraph) : Layout =
        let walk = GraphWalk()

        let ofBranches =
            walk.Branches graph.Branches (fun branch ->
                Layout.under $"branches/{branch.Name}" (layersLayout treatment walk branch.Layers))

        Layout.concat (ofBranches @ [ layersLayout treatment walk graph.Layers ])

    /// The parameters.
    let layout (graph: LayerGraph) : Layout = layoutOf LayerTreatment.plain graph

    let rec private denseOf (layer: GraphLayer) : Dense list =
        match layer with
        | GraphLayer.Dense(dense, _) -> [ dense ]
        | GraphLayer.Residual layers -> List.collect denseOf layers
        | _ -> []

    /// The widths of the dense layers, by their numbers.
    let widths (graph: LayerGraph) : int list =
        (graph.Branches |> List.collect (fun branch -> branch.Layers)) @ graph.Layers
        |> List.collect denseOf
        |> List.map _.Outputs

    /// Whether some of the features have been through no dense layer.
    let isRaw (graph: LayerGraph) : bool =
        let walk = GraphWalk()

        let rec visit layer =
            match layer with
            | GraphLayer.Dense _ -> walk.Next() |> ignore
            | GraphLayer.Residual layers -> walk.Residual(fun () -> List.iter visit layers)
            | _ -> ()

        walk.Branches graph.Branches (fun branch -> List.iter visit branch.Layers) |> ignore
        List.iter visit graph.Layers
        walk.IsRaw

    /// The graph with another start of the weights of dense layers.
    let withWeights (start: Initialiser) (graph: LayerGraph) : LayerGraph =
        let rec own layer =
            match layer with
            | GraphLayer.Dense(dense, activation) -> GraphLayer.Dense({ dense with Weight = start }, activation)
            | GraphLayer.Residual layers -> GraphLayer.Residual(List.map own layers)
            | other -> other

        { graph with
            Branches = graph.Branches |> List.map (fun branch -> { branch with Layers = List.map own branch.Layers })
            Layers = List.map own graph.Layers
        }

    /// How many weights and biases there are at least, counted without overflow.
    let parameters (graph: LayerGraph) : float =
        let rec ofLayer layer =
            match layer with
            | GraphLayer.Dense(dense, _) -> (float dense.Inputs + 1.0) * float dense.Outputs
            | GraphLayer.Convolution(convolution, _) ->
                float convolution.InputChannels
                * float convolution.OutputChannels
                * float convolution.KernelHeight
                * float convolution.KernelWidth
            | GraphLayer.Flatten -> 0.0
            | GraphLayer.Normalisation features -> 2.0 * float features
            | GraphLayer.Residual layers -> List.sumBy ofLayer layers

        let ofBranches = graph.Branches |> List.collect (fun branch -> branch.Layers)
        List.sumBy ofLayer (graph.Layers @ ofBranches)

    // Images are [rows, c, h, w], vectors [..., n] with one or two axes before the last.
    let private isImage (x: Expr) = x.Rank = 4

    let private flat (x: Expr) =
        if isImage x then
            Expr.reshape [| x.Shape[0]; Shape.count x.Shape[1..] |] x
        else
            x

    let rec private applyLayer treatment (walk: GraphWalk) (parameters: Parameters) (x: Expr) (layer: GraphLayer) =
        match layer with
        | GraphLayer.Dense(_, activation) -> treatment.Dense (walk.Next()) activation parameters x
        | GraphLayer.Convolution(convolution, activation) -> treatment.Convolution convolution activation parameters x
        | GraphLayer.Flatten -> flat x
        | GraphLayer.Normalisation _ when isImage x ->
            LayerNormalisation.applyToChannels LayerNormalisation.defaultEpsilon parameters x
        | GraphLayer.Normalisation _ -> LayerNormalisation.apply LayerNormalisation.defaultEpsilon parameters x
        | GraphLayer.Residual layers ->
            let inner = walk.Residual(fun () -> applyLayers treatment walk parameters x layers)
            x + inner

    and private applyLayers treatment walk parameters x layers =
        layers
        |> List.indexed
        |> List.fold
            (fun x (index, layer) -> applyLayer treatment walk (Parameters.at (string index) parameters) x layer)
            x

    /// Observations [..., inputs] to features [..., outputs], through layers that are treated so.
    let applyOf (treatment: LayerTreatment) (graph: LayerGraph) (parameters: Parameters) (observations: Expr) : Expr =
        let walk = GraphWalk()
        let rows = Shape.count observations.Shape / graph.Inputs

        // Only images need rows without sequences.
        let isPlain =
            observations.Rank = 2
            || observations.Rank = 3 && graph.Branches |> List.forall (fun branch -> branch.Shape.Length = 1)

        let x =
            if isPlain then
                observations
            else
                Expr.reshape [| rows; graph.Inputs |] observations

        let ofBranch (branch: GraphBranch) =
            let count = Shape.count branch.Shape

            let own =
                if count = graph.Inputs then
                    x
                else
                    Expr.slice -1 branch.First (branch.First + count) x

            let shaped =
                if branch.Shape.Length = 1 then
                    own
                else
                    Expr.reshape (Array.append [| rows |] branch.Shape) own

            let scaled = if branch.Scale = 1.0 then shaped else branch.Scale * shaped
            applyLayers treatment walk (Parameters.at $"branches/{branch.Name}" parameters) scaled branch.Layers

        let joined =
            match walk.Branches graph.Branches ofBranch with
            | [ only ] -> only
            | branches -> branches |> List.map flat |> Expr.concat -1

        let features = applyLayers treatment walk parameters joined graph.Layers |> flat

        if isPlain then
            features
        else
            Expr.reshape (Array.append observations.Shape[.. observations.Rank - 2] [| features.Shape[1] |]) features

    /// Observations [..., inputs] to features [..., outputs].
    let apply (graph: LayerGraph) (parameters: Parameters) (observations: Expr) : Expr =
        applyOf LayerTreatment.plain graph parameters observations
