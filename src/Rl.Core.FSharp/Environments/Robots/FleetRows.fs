/// Limits and contacts of eight copies as rows of constraint problems: `ConstraintRows` in lanes.
namespace Rl.Core.Environments.Robots

open System
open System.Runtime.Intrinsics

[<RequireQualifiedAccess>]
module internal FleetRows =

    /// `ConstraintRows.impedance` of violations; those of copies without the row mean nothing.
    let private impedance (softness: inref<Softness>) (violation: Lanes) (mask: Lanes) : Lanes =
        let curve = ConstraintRows.curve &softness

        if curve.IsFlat then
            Lane.all curve.Mean
        elif curve.Power = 1.0 || curve.Power = 2.0 then
            let x = Lane.abs violation / Lane.all curve.Width

            let share =
                if curve.Power = 1.0 then
                    x
                else
                    let rest = Lane.all 1.0 - x
                    let isLow = Lane.atMost x (Lane.all curve.Middle)

                    Lane.select
                        isLow
                        (x * x / Lane.all curve.Middle)
                        (Lane.all 1.0 - rest * rest / Lane.all (1.0 - curve.Middle))

            let between = Lane.all curve.Low + share * Lane.all (curve.High - curve.Low)
            Lane.select (Lane.atMost (Lane.all 1.0) x) (Lane.all curve.High) between
        else
            let mutable result = Lane.all 0.5

            for lane in 0 .. Lane.Count - 1 do
                if Lane.isSet mask lane then
                    let value = ConstraintRows.impedance &softness (violation.GetElement lane)
                    result <- result.WithElement(lane, value)

            result

    /// New rows with a chain, of which the first one's numbers are filled but for the Jacobian; returns its index.
    let private start
        (f: FleetWorkspace)
        (count: int)
        (chain: int[])
        (mask: Lanes)
        (distance: Lanes)
        (margin: float)
        (weight: float)
        (softness: inref<Softness>)
        : int =
        let index = f.RowCount
        f.RowCount <- index + count
        let violation = distance - Lane.all margin
        let impedance = impedance &softness violation mask
        let struct (damping, stiffness) = ConstraintRows.springs &softness f.Model.Options.Timestep

        let regulariser = Vector512.Max(Lane.all 1e-15, (Lane.all 1.0 - impedance) / impedance * Lane.all weight)

        let compliance = Lane.all 1.0 / regulariser

        for row in index .. index + count - 1 do
            f.RowChain[row] <- chain
            f.RowStart[row] <- f.EntryCount
            f.EntryCount <- f.EntryCount + chain.Length
            f.RowPair[row] <- -1
            f.RowMask[row] <- mask
            f.RowViolation[row] <- violation
            f.RowImpedance[row] <- impedance
            f.RowDamping[row] <- damping
            f.RowStiffness[row] <- stiffness
            f.Regulariser[row] <- regulariser
            f.Compliance[row] <- compliance

        index

    let private limit (f: FleetWorkspace) (number: int) (joint: Joint) (distance: Lanes) (sign: float) =
        let mask = Lane.both f.Alive (Lane.less distance (Lane.all joint.Margin))

        if Lane.any mask then
            let weight = f.Model.Dofs[joint.DofIndex].InverseWeight
            let row = start f 1 f.LimitChains[number] mask distance joint.Margin weight &joint.Softness
            f.RowJoint[row] <- number
            f.Jacobian[f.RowStart[row]] <- Lane.all sign

    let private limits (f: FleetWorkspace) =
        let joints = f.Model.Joints

        for number in 0 .. joints.Length - 1 do
            let joint = joints[number]

            if joint.IsLimited then
                let position = f.Position[joint.PositionIndex]
                limit f number joint (position - Lane.all joint.Low) 1.0
                limit f number joint (Lane.all joint.High - position) -1.0

    /// Adds a direction at a slot's place times a factor to a row, and takes it from the row after that if there is one
    /// of the opposite factor.
    let private addPoint
        (f: FleetWorkspace)
        (pair: FleetPair)
        (body: int)
        (places: int[])
        (slot: int)
        (axis: int)
        (factor: float)
        (row: int)
        (hasOpposite: bool)
        =
        if places.Length > 0 then
            let root = f.Model.Bodies[body].Root
            let direction = f.Frame.Vector(9 * slot + 3 * axis)
            let arm = f.Place.Vector(3 * slot) -. f.SubtreeCentre.Vector(3 * root)
            let torque = Lane.all factor *. LaneVector.cross arm direction
            let force = Lane.all factor *. direction
            let first, second = f.RowStart[row], f.RowStart[row] + pair.Chain.Length

            for place in places do
                let dof = pair.Chain[place]
                let linear = LaneVector.dot (f.Motion.Vector(6 * dof + 3)) force
                let angular = LaneVector.dot (f.Motion.Vector(6 * dof)) torque
                f.Jacobian[first + place] <- f.Jacobian[first + place] + linear + angular

                if hasOpposite then
                    f.Jacobian[second + place] <- f.Jacobian[second + place] - linear - angular

    /// A direction at the second body less at the first.
    let private addContact (f: FleetWorkspace) (pair: FleetPair) slot axis (factor: float) row hasOpposite =
        addPoint f pair pair.SecondBody pair.SecondPlaces slot axis factor row hasOpposite
        addPoint f pair pair.FirstBody pair.FirstPlaces slot axis -factor row hasOpposite

    let private contact (f: FleetWorkspace) (pair: FleetPair) (slot: int) (mask: Lanes) =
        let model, numbers = f.Model, pair.Pair
        let first, second = model.Bodies[pair.FirstBody], model.Bodies[pair.SecondBody]
        let margin = numbers.Margin - numbers.Gap
        let weight = first.TranslationalWeight + second.TranslationalWeight
        let count = if numbers.Dimension = 1 then 1 else 4
        let friction = numbers.Friction
        let weight = if numbers.Dimension = 1 then weight else weight * (1.0 + friction * friction)
        let row = start f count pair.Chain mask f.Distance[slot] margin weight &numbers.Softness

        for other in row .. row + count - 1 do
            f.RowPair[other] <- pair.Index
            f.RowSlot[other] <- slot

        let entries = f.RowStart[row]

        for place in 0 .. pair.Chain.Length - 1 do
            f.Jacobian[entries + place] <- Lane.zero

        addContact f pair slot 0 1.0 row false

        if count = 4 then
            // n + μ t₁, n − μ t₁, n + μ t₂, n − μ t₂.
            for place in 0 .. pair.Chain.Length - 1 do
                let normal = f.Jacobian[entries + place]

                for other in 1..3 do
                    f.Jacobian[entries + other * pair.Chain.Length + place] <- normal

            addContact f pair slot 1 friction row true
            addContact f pair slot 2 friction (row + 2) true
            // The four rows together are as soft as the normal alone would be.
            let regulariser = Lane.all (2.0 * friction * friction) * f.Regulariser[row]
            let compliance = Lane.all 1.0 / regulariser

            for other in row .. row + 3 do
                f.Regulariser[other] <- regulariser
                f.Compliance[other] <- compliance

    /// Fills the rows of the present poses: limits by joints (lower side first), then contacts.
    let fill (f: FleetWorkspace) =
        f.RowCount <- 0
        f.EntryCount <- 0
        limits f

        for pair in f.Pairs do
            if pair.Moves then
                for slot in pair.FirstSlot .. pair.FirstSlot + pair.Slots - 1 do
                    let within = Lane.less f.Distance[slot] (Lane.all (pair.Pair.Margin - pair.Pair.Gap))
                    let mask = Lane.both f.Touches[slot] within
                    if Lane.any mask then contact f pair slot mask

    /// Σ J x of a row.
    let product (f: FleetWorkspace) (row: int) (x: LaneArray) : Lanes =
        let chain, entries = f.RowChain[row], f.RowStart[row]
        let mutable sum = Lane.zero

        for place in 0 .. chain.Length - 1 do
            sum <- sum + f.Jacobian[entries + place] * x[chain[place]]

        sum

    /// aref = −B (J q̇) − K d (distance − margin) of every row.
    let references (f: FleetWorkspace) =
        for row in 0 .. f.RowCount - 1 do
            let speed = product f row f.Velocity

            f.Reference[row] <-
                Lane.all -f.RowDamping[row] * speed
                - Lane.all f.RowStiffness[row] * f.RowImpedance[row] * f.RowViolation[row]

    /// Jᵀ f of the solved rows.
    let forces (f: FleetWorkspace) =
        f.ConstraintForce.Clear()

        for row in 0 .. f.RowCount - 1 do
            let force = f.RowForce[row]
            let isFelt = Lane.without f.RowMask[row] (Lane.isZero force)

            if Lane.any isFelt then
                let chain, entries = f.RowChain[row], f.RowStart[row]

                for place in 0 .. chain.Length - 1 do
                    let before = f.ConstraintForce[chain[place]]

                    f.ConstraintForce[chain[place]] <-
                        Lane.select isFelt (before + f.Jacobian[entries + place] * force) before
