/// The forces of constraints by projected Gauss-Seidel: a fixed number of sweeps over the rows, as MuJoCo's PGS.
namespace Rl.Core.Environments.Robots

open System

/// min over f ≥ 0 of ½ fᵀ A f + fᵀ b with A = J M⁻¹ Jᵀ + diag(R), b = J a − r: the dual of Newton's problem. Sweeps end
/// before it is solved, so the result depends on the start and on the order of the rows. Source: MuJoCo's
/// documentation, chapter "Computation", "Constraint solver"; the humanoid asks for it.
[<RequireQualifiedAccess>]
module internal GaussSeidelSolver =

    let private fillDual (w: Workspace) =
        let size, rows = w.Model.DofCount, w.RowCount

        for i in 0 .. rows - 1 do
            let solved = Span(w.DualRows, i * size, size)
            ReadOnlySpan(w.Jacobian, i * size, size).CopyTo solved
            MassMatrix.solve w.Model (ReadOnlySpan w.Factor) (ReadOnlySpan w.InverseDiagonal) solved
            let mutable bias = -w.Reference[i]

            for dof in 0 .. size - 1 do
                bias <- bias + w.Jacobian[i * size + dof] * w.SmoothAcceleration[dof]

            w.DualBias[i] <- bias

            for j in 0..i do
                let mutable entry = 0.0

                for dof in 0 .. size - 1 do
                    entry <- entry + w.DualRows[i * size + dof] * w.Jacobian[j * size + dof]

                w.DualMatrix[i * rows + j] <- entry
                w.DualMatrix[j * rows + i] <- entry

            w.DualMatrix[i * rows + i] <- w.DualMatrix[i * rows + i] + w.Regulariser[i]

    /// (A f + b)ᵢ.
    let private residual (w: Workspace) (row: int) =
        let rows = w.RowCount
        let mutable sum = w.DualBias[row]

        for other in 0 .. rows - 1 do
            sum <- sum + w.DualMatrix[row * rows + other] * w.RowForce[other]

        sum

    /// The forces that the warm start stands for.
    let private start (w: Workspace) =
        let size = w.Model.DofCount

        for row in 0 .. w.RowCount - 1 do
            let mutable residual = -w.Reference[row]

            for dof in 0 .. size - 1 do
                residual <- residual + w.Jacobian[row * size + dof] * w.WarmStart[dof]

            w.RowForce[row] <- -w.Compliance[row] * Math.Min(0.0, residual)

    /// No forces where those of the start would cost more than none.
    let private check (w: Workspace) =
        let mutable cost = 0.0

        for row in 0 .. w.RowCount - 1 do
            cost <- cost + 0.5 * w.RowForce[row] * (residual w row + w.DualBias[row])

        if cost > 0.0 then Array.Clear(w.RowForce, 0, w.RowCount)

    /// Improves the forces of a dual problem, from those of the start.
    let sweep (w: Workspace) =
        let size, rows = w.Model.DofCount, w.RowCount
        let options = w.Model.Options
        let scale = 1.0 / (w.Model.MeanInertia * float (max 1 size))
        check w
        let mutable sweeps = 0
        let mutable isDone = false

        while not isDone && sweeps < options.Iterations do
            let mutable improvement = 0.0

            for row in 0 .. rows - 1 do
                let diagonal = w.DualMatrix[row * rows + row]
                let slope = residual w row
                let before = w.RowForce[row]
                let after = Math.Max(0.0, before - slope / diagonal)
                let change = after - before
                let cost = 0.5 * change * change * diagonal + change * slope

                if cost <= 1e-10 then
                    w.RowForce[row] <- after
                    improvement <- improvement - cost

            sweeps <- sweeps + 1
            isDone <- improvement * scale < options.Tolerance

        w.SolverSteps <- sweeps

    /// Solves for the acceleration and the rows' forces.
    let solve (w: Workspace) =
        let size, rows = w.Model.DofCount, w.RowCount
        fillDual w
        start w
        sweep w
        Array.Copy(w.SmoothAcceleration, w.Acceleration, size)

        for row in 0 .. rows - 1 do
            let force = w.RowForce[row]

            if force <> 0.0 then
                for dof in 0 .. size - 1 do
                    w.Acceleration[dof] <- w.Acceleration[dof] + w.DualRows[row * size + dof] * force
