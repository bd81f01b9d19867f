/// The element-wise functions between the layers of a network.
namespace Rl.Core.Networks

open System
open Rl.Core.Autodiff

/// An element-wise function.
[<RequireQualifiedAccess>]
type Activation =
    | Identity
    | Tanh
    /// max(x, 0).
    | Relu
    /// x for x > 0, slope · x elsewhere (Maas et al. 2013).
    | LeakyRelu of slope: float
    /// x for x > 0, eˣ − 1 elsewhere (Clevert et al. 2016).
    | Elu
    /// x Φ(x) (Hendrycks and Gimpel 2016).
    | Gelu
    /// x · sigmoid(x) (Elfwing et al. 2018).
    | Silu
    | Sigmoid
    /// ln(1 + eˣ).
    | Softplus

/// Evaluation of activations, and the gains that go with them.
[<RequireQualifiedAccess>]
module Activation =

    /// f(x), element by element.
    let apply (activation: Activation) (x: Expr) : Expr =
        match activation with
        | Activation.Identity -> x
        | Activation.Tanh -> Expr.tanh x
        | Activation.Relu -> Expr.relu x
        | Activation.LeakyRelu slope -> Expr.select (Expr.less (Expr.number 0.0) x) x (slope * x)
        | Activation.Elu -> Expr.elu x
        | Activation.Gelu -> Expr.gelu x
        | Activation.Silu -> Expr.silu x
        | Activation.Sigmoid -> Expr.sigmoid x
        | Activation.Softplus -> Expr.softplus x

    /// The factor by which weights before the activation grow to keep the variance: 5/3 for tanh, √2 for rectifiers,
    /// √(2 / (1 + slope²)) for the leaky one, else 1 (He et al. 2015; PyTorch's `calculate_gain`).
    let gain (activation: Activation) =
        match activation with
        | Activation.Tanh -> 5.0 / 3.0
        | Activation.Relu
        | Activation.Elu
        | Activation.Gelu
        | Activation.Silu -> Math.Sqrt 2.0
        | Activation.LeakyRelu slope -> Math.Sqrt(2.0 / (1.0 + slope * slope))
        | Activation.Identity
        | Activation.Sigmoid
        | Activation.Softplus -> 1.0
