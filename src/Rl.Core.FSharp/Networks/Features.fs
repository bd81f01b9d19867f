/// What networks make of observations before their own layers: convolutions of images, a trunk, a recurrent layer, each
/// if there is one.
namespace Rl.Core.Networks

open Rl.Core.Foundations
open Rl.Core.Autodiff

/// From images to features: observations [..., c·h·w], scaled, through convolutions.
type ImageEncoder =
    {
        Stack: ConvolutionStack
        /// [c, h, w].
        Image: Shape
        /// What observations are multiplied with: 1/255 for bytes.
        Scale: float
    }

/// Layers that an actor and a critic may share, in this order. The blocks lie under "graph", "encoder", "trunk" and
/// "memory".
type Features =
    {
        /// A user's own layers, in place of encoder and trunk.
        Graph: LayerGraph option
        Encoder: ImageEncoder option
        Trunk: Mlp option
        Memory: Recurrent option
    }

    /// Whether there are any.
    member this.Exist = this.Graph.IsSome || this.Encoder.IsSome || this.Trunk.IsSome || this.Memory.IsSome

    /// The length of the recurrent state of a copy; 0 without a recurrent layer.
    member this.StateSize =
        match this.Memory with
        | Some memory -> memory.StateSize
        | None -> 0

/// Layouts and values of features.
[<RequireQualifiedAccess>]
module Features =

    /// Observations are the features.
    let none: Features = { Graph = None; Encoder = None; Trunk = None; Memory = None }

    /// The number of inputs; `own` is that of the layers that follow.
    let inputs (own: int) (features: Features) =
        match features.Encoder, features.Trunk, features.Memory with
        | _ when features.Graph.IsSome -> features.Graph.Value.Inputs
        | Some encoder, _, _ -> Shape.count encoder.Image
        | None, Some trunk, _ -> trunk.Inputs
        | None, None, Some memory -> memory.Inputs
        | None, None, None -> own

    /// The parameters, by the names that they lie under.
    let layouts (features: Features) : (string * Layout) list =
        [
            match features.Graph with
            | Some graph -> "graph", LayerGraph.layout graph
            | None -> ()
            match features.Encoder with
            | Some encoder -> "encoder", ConvolutionStack.layout encoder.Stack
            | None -> ()
            match features.Trunk with
            | Some trunk -> "trunk", Mlp.layout trunk
            | None -> ()
            match features.Memory with
            | Some memory -> "memory", Recurrent.layout memory
            | None -> ()
        ]

    let private encode (encoder: ImageEncoder) parameters (observations: Expr) =
        let rows = Shape.count observations.Shape / Shape.count encoder.Image
        let images = Expr.reshape (Array.append [| rows |] encoder.Image) observations
        let scaled = if encoder.Scale = 1.0 then images else encoder.Scale * images

        let features = ConvolutionStack.apply encoder.Stack (Parameters.at "encoder" parameters) scaled
        Expr.reshape (Array.append observations.Shape[.. observations.Rank - 2] [| features.Shape[1] |]) features

    /// What the layers before the recurrent one make of observations [..., inputs].
    let private beforeMemory (features: Features) parameters observations =
        let encoded =
            match features.Graph, features.Encoder with
            | Some graph, _ -> LayerGraph.apply graph (Parameters.at "graph" parameters) observations
            | None, Some encoder -> encode encoder parameters observations
            | None, None -> observations

        match features.Trunk with
        | Some trunk -> Mlp.apply trunk (Parameters.at "trunk" parameters) encoded
        | None -> encoded

    /// Observations [..., inputs] to features. For features without a recurrent layer.
    let apply (features: Features) (parameters: Parameters) (observations: Expr) : Expr =
        if features.Memory.IsSome then
            Guard.fail "network" "The network is recurrent: it needs a state; use `step` or `unroll`."

        beforeMemory features parameters observations

    let private memoryOf (features: Features) =
        match features.Memory with
        | Some memory -> memory
        | None -> Guard.fail "network" "The network is not recurrent; use `apply`."

    /// One step of recurrent features: observations [rows, inputs] and states [rows, StateSize] to struct (features,
    /// new states).
    let step (features: Features) (parameters: Parameters) (observations: Expr) (state: Expr) : struct (Expr * Expr) =
        let memory = memoryOf features
        let x = beforeMemory features parameters observations
        let next = Recurrent.step memory (Parameters.at "memory" parameters) x state
        struct (Recurrent.output memory next, next)

    /// The states [time, rows, StateSize] after each step of sequences, which `unroll` has as features.
    let remember (features: Features) (parameters: Parameters) (keep: Expr) (observations: Expr) (state: Expr) : Expr =
        let x = beforeMemory features parameters observations
        Recurrent.statesOfEpisodes (memoryOf features) (Parameters.at "memory" parameters) keep x state

    /// Recurrent states [..., StateSize], which have taken an observation in, as features [..., units].
    let ofStates (features: Features) (states: Expr) : Expr = Recurrent.output (memoryOf features) states

    /// Sequences of recurrent features: observations [time, rows, inputs], keep [time, rows] (0 where an episode
    /// starts, else 1) and the states [rows, StateSize] before the first step, to features [time · rows, units],
    /// time-major.
    let unroll (features: Features) (parameters: Parameters) (keep: Expr) (observations: Expr) (state: Expr) : Expr =
        let memory = memoryOf features
        let x = beforeMemory features parameters observations
        let struct (h, _) = Recurrent.unrollEpisodes memory (Parameters.at "memory" parameters) keep x state
        Expr.reshape [| h.Shape[0] * h.Shape[1]; memory.Hidden |] h
