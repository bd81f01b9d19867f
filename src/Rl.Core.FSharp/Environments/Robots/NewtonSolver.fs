/// The accelerations that constraints allow: Newton's method to the exact minimum of a convex problem.
namespace Rl.Core.Environments.Robots

open System

/// min over x of ½(x − a)ᵀ M (x − a) + Σ ½ Dᵢ min(0, Jᵢ x − rᵢ)², with a the acceleration without constraints and r the
/// references. The problem is strictly convex and piecewise quadratic: Newton's step with the Hessian of the active
/// rows and an exact line search ends at the minimum once the active rows stay the same. Source: MuJoCo's
/// documentation, chapter "Computation", "Constraint solver"; the minimum does not depend on the start.
[<RequireQualifiedAccess>]
module internal NewtonSolver =

    let private dot (a: ReadOnlySpan<float>) (b: ReadOnlySpan<float>) =
        let mutable sum = 0.0

        for index in 0 .. a.Length - 1 do
            sum <- sum + a[index] * b[index]

        sum

    let private jacobianRow (w: Workspace) (row: int) =
        ReadOnlySpan(w.Jacobian, row * w.Model.DofCount, w.Model.DofCount)

    /// residual ← J x − r; returns the rows' cost on top of `cost`.
    let private residuals (w: Workspace) (x: float[]) (cost: float) =
        let mutable cost = cost

        for row in 0 .. w.RowCount - 1 do
            let residual = dot (jacobianRow w row) (ReadOnlySpan x) - w.Reference[row]
            w.Residual[row] <- residual

            if residual < 0.0 then
                cost <- cost + 0.5 * w.Compliance[row] * residual * residual

        cost

    /// residual ← J x − r; product ← M (x − a); returns the cost.
    let private evaluate (w: Workspace) (x: float[]) =
        let size = w.Model.DofCount

        for dof in 0 .. size - 1 do
            w.Direction[dof] <- x[dof] - w.SmoothAcceleration[dof]

        MassMatrix.multiply w (ReadOnlySpan w.Direction) (Span w.Product)
        residuals w x (0.5 * dot (ReadOnlySpan w.Direction) (ReadOnlySpan w.Product))

    /// gradient ← M (x − a) + Jᵀ D min(0, residual), after `evaluate`; whether it is not zero but for rounding.
    let private gradient (w: Workspace) =
        let size = w.Model.DofCount
        Array.Copy(w.Product, w.Gradient, size)
        let mutable scale = 0.0

        for dof in 0 .. size - 1 do
            scale <- scale + abs w.Product[dof]

        for row in 0 .. w.RowCount - 1 do
            if w.Residual[row] < 0.0 then
                let force = w.Compliance[row] * w.Residual[row]
                let jacobian = jacobianRow w row

                for dof in 0 .. size - 1 do
                    let share = force * jacobian[dof]
                    w.Gradient[dof] <- w.Gradient[dof] + share
                    scale <- scale + abs share

        let mutable size1 = 0.0

        for dof in 0 .. size - 1 do
            size1 <- size1 + abs w.Gradient[dof]

        size1 > 1e-15 * scale

    /// The lower triangle of M + Jᵀ D J over the active rows, factored as L Lᵀ; on the diagonal stand the inverses of
    /// L's.
    let private factorHessian (w: Workspace) =
        let size = w.Model.DofCount
        let h = w.Hessian
        Array.Copy(w.MassMatrix, h, h.Length)

        for row in 0 .. w.RowCount - 1 do
            if w.Residual[row] < 0.0 then
                let weight = w.Compliance[row]
                let jacobian = jacobianRow w row

                for i in 0 .. size - 1 do
                    let scaled = weight * jacobian[i]

                    if scaled <> 0.0 then
                        for j in 0..i do
                            h[i * size + j] <- h[i * size + j] + scaled * jacobian[j]

        for j in 0 .. size - 1 do
            let mutable pivot = h[j * size + j]

            for k in 0 .. j - 1 do
                pivot <- pivot - h[j * size + k] * h[j * size + k]

            let inverse = 1.0 / Math.Sqrt pivot
            h[j * size + j] <- inverse

            for i in j + 1 .. size - 1 do
                let mutable entry = h[i * size + j]

                for k in 0 .. j - 1 do
                    entry <- entry - h[i * size + k] * h[j * size + k]

                h[i * size + j] <- entry * inverse

    /// direction ← −(L Lᵀ)⁻¹ gradient.
    let private solveDirection (w: Workspace) =
        let size = w.Model.DofCount
        let h, x = w.Hessian, w.Direction

        for i in 0 .. size - 1 do
            let mutable value = -w.Gradient[i]

            for k in 0 .. i - 1 do
                value <- value - h[i * size + k] * x[k]

            x[i] <- value * h[i * size + i]

        for i in size - 1 .. -1 .. 0 do
            let mutable value = x[i]

            for k in i + 1 .. size - 1 do
                value <- value - h[k * size + i] * x[k]

            x[i] <- value * h[i * size + i]

    /// rowChange ← J direction; whether no row changes sides along the whole step.
    let private keepsSides (w: Workspace) =
        let mutable keeps = true

        for row in 0 .. w.RowCount - 1 do
            let change = dot (jacobianRow w row) (ReadOnlySpan w.Direction)
            w.RowChange[row] <- change
            keeps <- keeps && (w.Residual[row] < 0.0) = (w.Residual[row] + change < 0.0)

        keeps

    /// The step length at which the cost along the direction is least: the root of its derivative, which rises and is
    /// linear in pieces, by Newton's method within a bracket.
    let private lineSearch (w: Workspace) (slope0: float) (curvature0: float) =
        let mutable low, high, step = 0.0, infinity, 1.0
        let mutable steps = 0
        let mutable isDone = false

        while not isDone && steps < 60 do
            let mutable slope = slope0 + step * curvature0
            let mutable curvature = curvature0

            for row in 0 .. w.RowCount - 1 do
                let residual = w.Residual[row] + step * w.RowChange[row]

                if residual < 0.0 then
                    let weighted = w.Compliance[row] * w.RowChange[row]
                    slope <- slope + weighted * residual
                    curvature <- curvature + weighted * w.RowChange[row]

            if slope < 0.0 then low <- step else high <- step
            let newton = step - slope / curvature

            let next =
                if newton > low && newton < high then newton
                elif Double.IsInfinity high then 2.0 * step
                else 0.5 * (low + high)

            isDone <- slope = 0.0 || abs (newton - step) <= 1e-15 * step
            step <- if isDone then step else next
            steps <- steps + 1

        step

    /// Moves the acceleration by a multiple of the direction.
    let private move (w: Workspace) (step: float) =
        for dof in 0 .. w.Model.DofCount - 1 do
            w.Acceleration[dof] <- w.Acceleration[dof] + step * w.Direction[dof]

    /// Solves for the acceleration and the rows' forces.
    let solve (w: Workspace) =
        let size = w.Model.DofCount
        let cold = residuals w w.SmoothAcceleration 0.0
        let warm = evaluate w w.WarmStart
        Array.Copy((if warm < cold then w.WarmStart else w.SmoothAcceleration), w.Acceleration, size)
        if not (warm < cold) then evaluate w w.Acceleration |> ignore
        let mutable steps = 0
        let mutable isDone = not (gradient w)

        while not isDone && steps < 100 do
            factorHessian w
            solveDirection w

            if keepsSides w then
                // The minimum of this piece; a second step removes the first one's rounding.
                move w 1.0
                evaluate w w.Acceleration |> ignore

                if gradient w then
                    solveDirection w
                    move w 1.0
                    evaluate w w.Acceleration |> ignore

                isDone <- true
            else
                let slope = dot (ReadOnlySpan w.Direction) (ReadOnlySpan w.Product)
                // evaluate and gradient are done with the product: it is M p from here on.
                MassMatrix.multiply w (ReadOnlySpan w.Direction) (Span w.Product)
                move w (lineSearch w slope (dot (ReadOnlySpan w.Direction) (ReadOnlySpan w.Product)))
                evaluate w w.Acceleration |> ignore
                isDone <- not (gradient w)

            steps <- steps + 1

        w.SolverSteps <- steps

        for row in 0 .. w.RowCount - 1 do
            w.RowForce[row] <- -w.Compliance[row] * Math.Min(0.0, w.Residual[row])
