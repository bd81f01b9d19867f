/// The F# of README.
module ReadmePage

open Rl.Core.Autodiff
open Rl.Core.Distributions

/// ∇J(θ) ≈ ∇ mean[ log π(a|s; θ) · A ]                      (Williams 1992; slide 15)
let policyGradient (states: Expr) (actions: Expr) (advantages: Expr) =
    Diff.grad (fun theta ->
        let policy = Categorical.ofLogits (Expr.matmul states (Expr.reshape [| 4; 2 |] theta))
        Expr.mean (Categorical.logProbability actions policy * advantages))

/// Derivatives nest, in any order: vᵀ∇²f v as the derivative of a derivative.
let curvature f x v = Diff.gradv (fun y -> Diff.gradv f y v) x v

/// The gradient of a policy that knows nothing, for two states, and the curvature of x⁴ at 1.
let show () =
    let states = Expr.reshape [| 2; 4 |] (Expr.vector [ 1.0; 0.0; 0.0; 0.0; 0.0; 1.0; 0.0; 0.0 ])

    let gradient =
        policyGradient states (Expr.vector [ 0.0; 1.0 ]) (Expr.vector [ 1.0; -1.0 ]) (Expr.vector (Array.zeroCreate 8))

    let fourth (x: Expr) = Expr.sum (x * x * x * x)
    let curved = curvature fourth (Expr.vector [ 1.0 ]) (Expr.vector [ 1.0 ])
    printfn $"∇J = %A{(Reference.evaluate gradient).ToArray()}, x⁴ curves by {(Reference.evaluate curved)[0]} at 1"
