/// Newton's method on the constraint problems of eight copies: `NewtonSolver` in lanes.
namespace Rl.Core.Environments.Robots

open System
open System.Runtime.CompilerServices
open System.Runtime.Intrinsics

/// Copies that are done wait for the others; no operation on one copy depends on another.
[<RequireQualifiedAccess>]
module internal FleetSolver =

    let private dot (count: int) (a: LaneArray) (b: LaneArray) : Lanes =
        let mutable sum = Lane.zero

        for index in 0 .. count - 1 do
            sum <- sum + a[index] * b[index]

        sum

    /// The copies in which a row pushes.
    let inline private pushes (f: FleetWorkspace) (row: int) : Lanes =
        Lane.both f.RowMask[row] (Lane.less f.Residual[row] Lane.zero)

    /// residual ← J x − r; returns the rows' cost on top of `cost`.
    let private residuals (f: FleetWorkspace) (x: LaneArray) (target: LaneArray) (cost: Lanes) : Lanes =
        let mutable cost = cost

        for row in 0 .. f.RowCount - 1 do
            let residual = FleetRows.product f row x - f.Reference[row]
            target[row] <- residual
            let more = cost + Lane.all 0.5 * f.Compliance[row] * residual * residual
            cost <- Lane.select (Lane.both f.RowMask[row] (Lane.less residual Lane.zero)) more cost

        cost

    /// residual ← J x − r; product ← M (x − a); returns the cost.
    let private evaluate (f: FleetWorkspace) (x: LaneArray) : Lanes =
        let size = f.Model.DofCount

        for dof in 0 .. size - 1 do
            f.Direction[dof] <- x[dof] - f.SmoothAcceleration[dof]

        FleetDynamics.multiply f f.Direction f.Product
        residuals f x f.Residual (Lane.all 0.5 * dot size f.Direction f.Product)

    /// gradient ← M (x − a) + Jᵀ D min(0, residual), after `evaluate`; where it is not zero but for rounding.
    let private gradient (f: FleetWorkspace) : Lanes =
        let size = f.Model.DofCount
        let mutable scale = Lane.zero

        for dof in 0 .. size - 1 do
            f.Gradient[dof] <- f.Product[dof]
            scale <- scale + Lane.abs f.Product[dof]

        for row in 0 .. f.RowCount - 1 do
            let pushes = pushes f row

            if Lane.any pushes then
                let force = f.Compliance[row] * f.Residual[row]
                let chain, entries = f.RowChain[row], f.RowStart[row]

                for place in 0 .. chain.Length - 1 do
                    let share = force * f.Jacobian[entries + place]
                    let before = f.Gradient[chain[place]]
                    f.Gradient[chain[place]] <- Lane.select pushes (before + share) before
                    scale <- Lane.select pushes (scale + Lane.abs share) scale

        let mutable size1 = Lane.zero

        for dof in 0 .. size - 1 do
            size1 <- size1 + Lane.abs f.Gradient[dof]

        Lane.less (Lane.all 1e-15 * scale) size1

    /// Adds J D J of a row to the lower triangles.
    let private addRow (f: FleetWorkspace) (row: int) (pushes: Lanes) =
        let size, h = f.Model.DofCount, f.Hessian
        let chain, entries = f.RowChain[row], f.RowStart[row]

        for i in 0 .. chain.Length - 1 do
            let scaled = f.Compliance[row] * f.Jacobian[entries + i]

            for j in 0..i do
                let place = chain[i] * size + chain[j]
                let before = h[place]
                h[place] <- Lane.select pushes (before + scaled * f.Jacobian[entries + j]) before

    /// The lower triangles of M + Jᵀ D J over the active rows, factored as L Lᵀ; on the diagonal stand the inverses of
    /// L's.
    let private factorHessian (f: FleetWorkspace) =
        let size, h = f.Model.DofCount, f.Hessian

        for i in 0 .. size - 1 do
            for j in 0..i do
                h[i * size + j] <- f.MassMatrix[i * size + j]

        for row in 0 .. f.RowCount - 1 do
            let pushes = pushes f row
            if Lane.any pushes then addRow f row pushes

        for j in 0 .. size - 1 do
            let mutable pivot = h[j * size + j]

            for k in 0 .. j - 1 do
                let entry = h[j * size + k]
                pivot <- pivot - entry * entry

            let inverse = Lane.all 1.0 / Lane.sqrt pivot
            h[j * size + j] <- inverse

            for i in j + 1 .. size - 1 do
                let mutable entry = h[i * size + j]

                for k in 0 .. j - 1 do
                    entry <- entry - h[i * size + k] * h[j * size + k]

                h[i * size + j] <- entry * inverse

    /// direction ← −(L Lᵀ)⁻¹ gradient.
    let private solveDirection (f: FleetWorkspace) =
        let size, h, x = f.Model.DofCount, f.Hessian, f.Direction

        for i in 0 .. size - 1 do
            let mutable value = -f.Gradient[i]

            for k in 0 .. i - 1 do
                value <- value - h[i * size + k] * x[k]

            x[i] <- value * h[i * size + i]

        for i in size - 1 .. -1 .. 0 do
            let mutable value = x[i]

            for k in i + 1 .. size - 1 do
                value <- value - h[k * size + i] * x[k]

            x[i] <- value * h[i * size + i]

    /// rowChange ← J direction; where a row changes sides along the whole step.
    let private changesSides (f: FleetWorkspace) : Lanes =
        let mutable changes = Lane.zero

        for row in 0 .. f.RowCount - 1 do
            let change = FleetRows.product f row f.Direction
            f.RowChange[row] <- change
            let before = Lane.less f.Residual[row] Lane.zero
            let after = Lane.less (f.Residual[row] + change) Lane.zero
            changes <- Lane.either changes (Lane.both f.RowMask[row] (Vector512.Xor(before, after)))

        changes

    /// The step lengths at which the costs along the directions are least, in the copies of `wanted`.
    let private lineSearch (f: FleetWorkspace) (slope0: Lanes) (curvature0: Lanes) (wanted: Lanes) : Lanes =
        let mutable low = Lane.zero
        let mutable high = Lane.all infinity
        let mutable step = Lane.all 1.0
        let mutable steps = 0
        let mutable searching = wanted

        while Lane.any searching && steps < 60 do
            let mutable slope = slope0 + step * curvature0
            let mutable curvature = curvature0

            for row in 0 .. f.RowCount - 1 do
                let residual = f.Residual[row] + step * f.RowChange[row]
                let pushes = Lane.both f.RowMask[row] (Lane.less residual Lane.zero)
                let weighted = f.Compliance[row] * f.RowChange[row]
                slope <- Lane.select pushes (slope + weighted * residual) slope
                curvature <- Lane.select pushes (curvature + weighted * f.RowChange[row]) curvature

            let falls = Lane.less slope Lane.zero
            low <- Lane.select falls step low
            high <- Lane.select falls high step
            let newton = step - slope / curvature
            let isWithin = Lane.both (Lane.less low newton) (Lane.less newton high)
            let isOpen = Vector512.Equals(high, Lane.all infinity)

            let next =
                Lane.select isWithin newton (Lane.select isOpen (Lane.all 2.0 * step) (Lane.all 0.5 * (low + high)))

            let isClose = Lane.atMost (Lane.abs (newton - step)) (Lane.all 1e-15 * step)
            searching <- Lane.without searching (Lane.either (Lane.isZero slope) isClose)
            step <- Lane.select searching next step
            steps <- steps + 1

        step

    /// Moves the accelerations of copies by multiples of the directions.
    let private move (f: FleetWorkspace) (step: Lanes) (moving: Lanes) =
        for dof in 0 .. f.Model.DofCount - 1 do
            let before = f.Acceleration[dof]
            f.Acceleration[dof] <- Lane.select moving (before + step * f.Direction[dof]) before

    /// Where the warm start costs less than the accelerations without constraints, it begins; evaluates the start.
    let private chooseStart (f: FleetWorkspace) (constrained: Lanes) =
        let warm = evaluate f f.WarmStart
        // The rows' changes along a direction are not needed yet.
        let cold = residuals f f.SmoothAcceleration f.RowChange Lane.zero
        let isWarm = Lane.both constrained (Lane.less warm cold)

        for dof in 0 .. f.Model.DofCount - 1 do
            f.Acceleration[dof] <- Lane.select isWarm f.WarmStart[dof] f.SmoothAcceleration[dof]
            f.Product[dof] <- Lane.select isWarm f.Product[dof] Lane.zero

        for row in 0 .. f.RowCount - 1 do
            f.Residual[row] <- Lane.select isWarm f.Residual[row] f.RowChange[row]

    /// One step of Newton's method in the copies of `active`; returns those that are not done.
    let private newton (f: FleetWorkspace) (active: Lanes) : Lanes =
        let size = f.Model.DofCount
        factorHessian f
        solveDirection f
        let searching = Lane.both active (changesSides f)
        let mutable step = Lane.all 1.0

        if Lane.any searching then
            let slope = dot size f.Direction f.Product
            // evaluate and gradient are done with the product: it is M p from here on.
            FleetDynamics.multiply f f.Direction f.Product
            let found = lineSearch f slope (dot size f.Direction f.Product) searching
            step <- Lane.select searching found step

        move f step active
        evaluate f f.Acceleration |> ignore
        let isSteep = gradient f
        // The minimum of this piece; a second step removes the first one's rounding.
        let again = Lane.both (Lane.without active searching) isSteep

        if Lane.any again then
            solveDirection f
            move f (Lane.all 1.0) again
            evaluate f f.Acceleration |> ignore

        Lane.both searching isSteep

    /// Solves for the accelerations and the rows' forces. Copies without rows keep their smooth accelerations.
    let solve (f: FleetWorkspace) =
        let mutable constrained = Lane.zero

        for row in 0 .. f.RowCount - 1 do
            constrained <- Lane.either constrained f.RowMask[row]

        chooseStart f constrained
        let mutable active = Lane.both constrained (gradient f)
        let mutable steps = 0

        while Lane.any active && steps < 100 do
            active <- newton f active
            steps <- steps + 1

        for row in 0 .. f.RowCount - 1 do
            f.RowForce[row] <- -f.Compliance[row] * Vector512.Min(Lane.zero, f.Residual[row])
