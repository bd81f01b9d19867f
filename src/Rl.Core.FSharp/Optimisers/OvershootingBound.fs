/// Learning from one sample at a time: eligibility traces, and steps so small that they do not overshoot.
namespace Rl.Core.Optimisers

open Rl.Core.Foundations
open Rl.Core.Autodiff

/// Overshooting-bounded gradient descent (Elsayed, Vasan and Mahmood, "Streaming deep reinforcement learning finally
/// works", 2024). What is traced is the gradient of a prediction v, not of a loss: parameters move along the trace z by
/// the error δ of the prediction. Where v is linear in θ with features of size at most 1, a step without trace changes
/// it by at most δ / κ, so that κ ≥ 1 never takes it beyond its target.
[<RequireQualifiedAccess>]
module OvershootingBound =

    /// The name of the variable z.
    [<Literal>]
    let TraceName = "eligibilityTrace"

    /// z ← decay · z + x; what goes on is z, what is kept is keep · z. decay is γλ, and 0 where nothing before x is to
    /// be credited; keep is 0 where an episode ends, else 1. Both are scalars.
    let trace (decay: Expr) (keep: Expr) : Transform =
        {
            State = fun n -> [ { Name = TraceName; Shape = [| n |]; Initial = 0.0 } ]
            Update =
                fun _ x state _ ->
                    match state with
                    | [ before ] ->
                        let z = decay * before + Scaled.toVector x
                        struct (Scaled.ofVector z, [ keep * z ])
                    | _ -> Guard.fail (nameof state) $"The state has {state.Length} variables; a trace is one."
            ForMatrices = None
        }

    /// α / max(1, α κ max(|δ|, 1) ‖z‖₁): the size of a step.
    let stepSize (rate: Expr) (factor: float) (error: Expr) (z: Expr) : Expr =
        let one = Expr.number 1.0
        let bound = rate * factor * Expr.maximum (Expr.abs error) one * Expr.sum (Expr.abs z)
        rate / Expr.maximum bound one

    /// z becomes α / max(1, α κ max(|δ|, 1) ‖z‖₁) · δ · z, with α from the schedule, the factor κ > 0 and the error δ,
    /// a scalar.
    let scale (rate: Schedule) (factor: float) (error: Expr) : Transform =
        Guard.positiveNumber (nameof factor) factor

        {
            State = fun _ -> []
            Update =
                fun count x state _ ->
                    let z = Scaled.toVector x
                    struct ({ Scale = stepSize (rate count) factor error z * error; Direction = z }, state)
            ForMatrices = None
        }

    /// ObGD: θ ← θ + α / max(1, α κ max(|δ|, 1) ‖z‖₁) · δ · z with z ← decay · z + ∇v; then z ← keep · z.
    let descent (rate: Schedule) (factor: float) (decay: Expr) (keep: Expr) (error: Expr) : Transform =
        Transform.chain [ trace decay keep; scale rate factor error ]
