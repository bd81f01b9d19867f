/// The optimisers by name, and the step θ ← θ + update that they take, all as expressions.
namespace Rl.Core.Optimisers

open Rl.Core.Foundations
open Rl.Core.Autodiff

/// A transformation of gradients into updates, with the count of updates as the first variable of its state.
[<RequireQualifiedAccess>]
module Optimiser =

    /// The state for n parameters: the scalar "count" (completed updates), then what the transformation keeps.
    let state (n: int) (transform: Transform) : StateVariable list =
        Guard.notNegative (nameof n) n
        { Name = "count"; Shape = Shape.scalar; Initial = 0.0 } :: transform.State n

    /// The values of the state before the first update.
    let initialise (n: int) (transform: Transform) : (string * Tensor) list =
        state n transform
        |> List.map (fun variable -> variable.Name, Tensor.full variable.Shape variable.Initial)

    /// The state as inputs of a program, each named prefix + variable name.
    let inputs (prefix: string) (n: int) (transform: Transform) : Expr list =
        state n transform |> List.map (fun variable -> Expr.input (prefix + variable.Name) variable.Shape)

    /// One update of θ [n] by the gradient Scale · Direction [n] of a loss: struct (new θ, new state), the state in the
    /// order of `state`.
    let updateScaled
        (transform: Transform)
        (gradient: Scaled)
        (state: Expr list)
        (theta: Expr)
        : struct (Expr * Expr list) =
        let direction = gradient.Direction

        if direction.Shape <> theta.Shape || theta.Rank <> 1 then
            Guard.fail
                (nameof gradient)
                ($"The gradient has shape {Shape.print direction.Shape} and theta {Shape.print theta.Shape}; both "
                 + "must be the same vector.")

        match state with
        | count :: rest ->
            let struct (step, rest) = transform.Update count gradient rest theta
            struct (theta + Scaled.toVector step, count + 1.0 :: rest)
        | [] -> Guard.fail (nameof state) "The state is empty; it starts with the count of updates."

    /// `updateScaled` by a plain gradient [n].
    let update (transform: Transform) (gradient: Expr) (state: Expr list) (theta: Expr) : struct (Expr * Expr list) =
        updateScaled transform (Scaled.ofVector gradient) state theta

    let private learningRate rate = Transform.scaleByLearningRate rate

    /// θ ← θ − α · b, b the trace of g + decay · θ; defaults of PyTorch: momentum 0, dampening 0, no Nesterov, decay 0.
    let sgd (rate: Schedule) (momentum: float) (dampening: float) (nesterov: bool) (decay: float) =
        if nesterov && (momentum <= 0.0 || dampening <> 0.0) then
            Guard.fail (nameof nesterov) "Nesterov's method needs a momentum above 0 and a dampening of 0."

        Transform.chain
            [
                Transform.addDecayedWeights decay
                if momentum <> 0.0 then Transform.trace momentum dampening nesterov
                learningRate rate
            ]

    /// θ ← θ − α · m̂ / (√v̂ + ε) (Kingma and Ba 2015) with an L2 penalty; PyTorch's defaults: β = (0.9, 0.999), ε =
    /// 10⁻⁸, decay 0.
    let adamWith (rate: Schedule) (beta1: float) (beta2: float) (epsilon: float) (decay: float) (amsgrad: bool) =
        Transform.chain
            [ Transform.addDecayedWeights decay; Transform.scaleByAdam beta1 beta2 epsilon amsgrad; learningRate rate ]

    /// Adam with PyTorch's defaults and the given ε (10⁻⁸ there, 10⁻⁵ in most PPO implementations).
    let adam (rate: Schedule) (epsilon: float) = adamWith rate 0.9 0.999 epsilon 0.0 false

    /// Adam with decoupled weight decay: θ ← θ − α (m̂ / (√v̂ + ε) + decay · θ) (Loshchilov and Hutter 2019); PyTorch's
    /// default decay is 0.01.
    let adamW (rate: Schedule) (beta1: float) (beta2: float) (epsilon: float) (decay: float) (amsgrad: bool) =
        Transform.chain
            [ Transform.scaleByAdam beta1 beta2 epsilon amsgrad; Transform.addDecayedWeights decay; learningRate rate ]

    /// Muon for matrices and Adam for all other parameters, with decoupled weight decay: θ ← θ − α (step + decay · θ);
    /// μ = 0.95 (Jordan et al. 2024; Liu et al. 2025, whose scale lets both have one rate).
    let muon (rate: Schedule) (momentum: float) (beta1: float) (beta2: float) (epsilon: float) (decay: float) =
        Transform.chain
            [
                Muon.scale momentum (Transform.scaleByAdam beta1 beta2 epsilon false)
                Transform.addDecayedWeights decay
                learningRate rate
            ]

    /// Rectified Adam: Adam whose first steps, before the second moment is known, are those of momentum (Liu et al.
    /// 2020), with an L2 penalty; PyTorch's defaults: β = (0.9, 0.999), ε = 10⁻⁸, decay 0. PQN learns with it.
    let rAdam (rate: Schedule) (beta1: float) (beta2: float) (epsilon: float) (decay: float) =
        Transform.chain
            [ Transform.addDecayedWeights decay; Transform.scaleByRAdam beta1 beta2 epsilon; learningRate rate ]

    /// PyTorch's RMSprop: θ ← θ − α · b, b the trace of g / (√v + ε); defaults decay of averages 0.99, ε = 10⁻⁸,
    /// momentum 0.
    let rmsProp (rate: Schedule) (averaging: float) (epsilon: float) (decay: float) (momentum: float) (centred: bool) =
        Transform.chain
            [
                Transform.addDecayedWeights decay
                Transform.scaleByRms averaging epsilon centred false 0.0
                if momentum > 0.0 then Transform.trace momentum 0.0 false
                learningRate rate
            ]

    /// RMSprop as TensorFlow 1 had it, which A2C was tuned with: ε inside the root and v starting at 1.
    let rmsPropInsideRoot (rate: Schedule) (averaging: float) (epsilon: float) =
        Transform.chain [ Transform.scaleByRms averaging epsilon false true 1.0; learningRate rate ]

    /// θ ← θ − α · g / (√Σg² + ε) (Duchi, Hazan and Singer 2011); PyTorch's defaults: ε = 10⁻¹⁰, initial 0, decay 0.
    let adagrad (rate: Schedule) (epsilon: float) (initial: float) (decay: float) =
        Transform.chain
            [ Transform.addDecayedWeights decay; Transform.scaleByAdagrad epsilon initial; learningRate rate ]

    /// Zeiler's Adadelta (2012); PyTorch's defaults: rate 1, averaging 0.9, ε = 10⁻⁶, decay 0.
    let adadelta (rate: Schedule) (averaging: float) (epsilon: float) (decay: float) =
        Transform.chain
            [ Transform.addDecayedWeights decay; Transform.scaleByAdadelta averaging epsilon; learningRate rate ]

    /// Adamax (Kingma and Ba 2015); PyTorch's defaults: rate 0.002, β = (0.9, 0.999), ε = 10⁻⁸, decay 0.
    let adamax (rate: Schedule) (beta1: float) (beta2: float) (epsilon: float) (decay: float) =
        Transform.chain
            [ Transform.addDecayedWeights decay; Transform.scaleByAdamax beta1 beta2 epsilon; learningRate rate ]

    /// The gradient clipped to a global norm before the optimiser sees it.
    let clipped (maximumNorm: float) (transform: Transform) =
        Transform.chain [ Transform.clipByGlobalNorm maximumNorm; transform ]
