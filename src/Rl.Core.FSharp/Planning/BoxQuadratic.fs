/// Least values of quadratic functions in boxes.
namespace Rl.Core.Planning

open MathNet.Numerics.LinearAlgebra
open Rl.Core.Foundations

/// The least value of ½ xᵀHx + gᵀx with low ≤ x ≤ high.
type BoxMinimum =
    {
        /// Where it is.
        Point: Vector<float>
        /// Which elements do not stay at a bound.
        IsFree: bool[]
    }

/// Projected Newton steps (Bertsekas 1982; Tassa, Mansard and Todorov, "Control-limited differential dynamic
/// programming", 2014, algorithm 1).
[<RequireQualifiedAccess>]
module BoxQuadratic =

    let private clamp (low: Vector<float>) (high: Vector<float>) (x: Vector<float>) =
        x.Map2((fun value bound -> min value bound), high).Map2((fun value bound -> max value bound), low)

    /// The least value for a symmetric positive definite H [m, m] and g [m], from `start`; none if H is not positive
    /// definite on the free elements. `low` ≤ `high` may be infinite.
    let minimise
        (hessian: Matrix<float>)
        (slope: Vector<float>)
        (low: Vector<float>)
        (high: Vector<float>)
        (start: Vector<float>)
        : BoxMinimum option =
        let m = slope.Count
        let value (x: Vector<float>) = 0.5 * (x * (hessian * x)) + slope * x

        let rec search (x: Vector<float>) rounds =
            let gradient = hessian * x + slope

            let isFree =
                Array.init m (fun i ->
                    not (x[i] <= low[i] && gradient[i] > 0.0 || x[i] >= high[i] && gradient[i] < 0.0))

            let free = [| 0 .. m - 1 |] |> Array.filter (fun i -> isFree[i])

            if free.Length = 0 then
                Some { Point = x; IsFree = isFree }
            else
                let inner = Matrix<float>.Build.Dense(free.Length, free.Length, fun i j -> hessian[free[i], free[j]])

                let factor =
                    try
                        Some(inner.Cholesky())
                    with :? System.ArgumentException ->
                        None

                match factor with
                | None -> None
                | Some factor ->
                    let inwards = factor.Solve(Vector<float>.Build.Dense(free.Length, fun i -> -gradient[free[i]]))
                    let direction = Vector<float>.Build.Dense m
                    free |> Array.iteri (fun i index -> direction[index] <- inwards[i])
                    let descent = -(direction * gradient)
                    let scale = 1.0 + abs (value x)

                    if rounds = 0 || descent <= 1e-16 * scale then
                        Some { Point = x; IsFree = isFree }
                    else
                        // Steps are halved until the value falls enough along the projected way (Armijo).
                        let rec along step =
                            let next = clamp low high (x + step * direction)

                            if step < 1e-12 || value x - value next >= 0.1 * (gradient * (x - next)) then
                                next
                            else
                                along (0.5 * step)

                        search (along 1.0) (rounds - 1)

        search (clamp low high start) 100
