/// Projected Gauss-Seidel for eight copies: their dual problems in lanes, the sweeps over them copy by copy.
namespace Rl.Core.Environments.Robots

open System.Runtime.Intrinsics

/// `GaussSeidelSolver` in lanes. Copies need different numbers of sweeps.
[<RequireQualifiedAccess>]
module internal FleetSweeps =

    /// The place of an entry of a lower triangle.
    let inline private entry (row: int) (column: int) = row * (row + 1) / 2 + column

    /// M⁻¹ Jᵀ of a row.
    let private solveRow (f: FleetWorkspace) (row: int) =
        let size = f.Model.DofCount
        let first, chain = row * size, f.RowChain[row]

        for dof in 0 .. size - 1 do
            f.Direction[dof] <- Lane.zero

        for place in 0 .. chain.Length - 1 do
            f.Direction[chain[place]] <- f.Jacobian[f.RowStart[row] + place]

        FleetDynamics.solve f.Model f.Factor f.InverseDiagonal f.Direction

        for dof in 0 .. size - 1 do
            f.DualRows[first + dof] <- f.Direction[dof]

    /// −r + J x of a row.
    let private lack (f: FleetWorkspace) (row: int) (x: LaneArray) : Lanes =
        let chain, entries = f.RowChain[row], f.RowStart[row]
        let mutable sum = -f.Reference[row]

        for place in 0 .. chain.Length - 1 do
            sum <- sum + f.Jacobian[entries + place] * x[chain[place]]

        sum

    let private fillDual (f: FleetWorkspace) =
        let size, rows = f.Model.DofCount, f.RowCount

        if f.DualMatrix.Count < entry rows 0 then
            f.DualMatrix <- LaneArray(2 * entry rows 0)

        for i in 0 .. rows - 1 do
            solveRow f i
            f.DualBias[i] <- lack f i f.SmoothAcceleration

            for j in 0..i do
                let chain, entries = f.RowChain[j], f.RowStart[j]
                let mutable sum = Lane.zero

                for place in 0 .. chain.Length - 1 do
                    sum <- sum + f.DualRows[i * size + chain[place]] * f.Jacobian[entries + place]

                f.DualMatrix[entry i j] <- sum

            f.DualMatrix[entry i i] <- f.DualMatrix[entry i i] + f.Regulariser[i]

    /// The forces that the warm start stands for.
    let private start (f: FleetWorkspace) =
        // The scalar products are over all coordinates: one without sense spoils every row. Here it is 0 or NaN.
        let mutable spoilt = Lane.zero

        for dof in 0 .. f.Model.DofCount - 1 do
            spoilt <- spoilt + Lane.zero * f.WarmStart[dof]

        for row in 0 .. f.RowCount - 1 do
            f.RowForce[row] <- -f.Compliance[row] * Vector512.Min(Lane.zero, lack f row f.WarmStart + spoilt)

    /// The problem of one copy, into its workspace.
    let private load (f: FleetWorkspace) (lane: int) (w: Workspace) =
        let rows = w.RowCount
        let mutable i = 0

        for row in 0 .. f.RowCount - 1 do
            if Lane.isSet f.RowMask[row] lane then
                w.RowForce[i] <- f.RowForce.Get(row, lane)
                w.DualBias[i] <- f.DualBias.Get(row, lane)
                let mutable j = 0

                for column in 0..row do
                    if Lane.isSet f.RowMask[column] lane then
                        let value = f.DualMatrix.Get(entry row column, lane)
                        w.DualMatrix[i * rows + j] <- value
                        w.DualMatrix[j * rows + i] <- value
                        j <- j + 1

                i <- i + 1

    let private count (f: FleetWorkspace) (lane: int) =
        let mutable rows = 0

        for row in 0 .. f.RowCount - 1 do
            if Lane.isSet f.RowMask[row] lane then rows <- rows + 1

        rows

    let private sweep (f: FleetWorkspace) (lane: int) =
        let w = f.Single
        w.RowCount <- count f lane

        if w.RowCount > 0 then
            load f lane w
            GaussSeidelSolver.sweep w
            let mutable solved = 0

            for row in 0 .. f.RowCount - 1 do
                if Lane.isSet f.RowMask[row] lane then
                    f.RowForce.Set(row, lane, w.RowForce[solved])
                    solved <- solved + 1

    /// Solves for the accelerations and the rows' forces. Copies without rows keep their smooth accelerations.
    let solve (f: FleetWorkspace) =
        let size = f.Model.DofCount
        fillDual f
        start f

        for lane in 0 .. Lane.Count - 1 do
            if Lane.isSet f.Alive lane then sweep f lane

        f.Acceleration.CopyFrom(f.SmoothAcceleration, size)

        for row in 0 .. f.RowCount - 1 do
            let force = f.RowForce[row]
            let isFelt = Lane.without f.RowMask[row] (Lane.isZero force)

            if Lane.any isFelt then
                for dof in 0 .. size - 1 do
                    let before = f.Acceleration[dof]
                    f.Acceleration[dof] <- Lane.select isFelt (before + f.DualRows[row * size + dof] * force) before
