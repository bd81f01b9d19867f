/// Limits and contacts as rows of a constraint problem: Jacobian, softness, and the acceleration that is asked for.
namespace Rl.Core.Environments.Robots

open System

/// Source: MuJoCo's documentation, chapter "Computation", "Constraint model". Friction cones are pyramids.
[<RequireQualifiedAccess>]
module internal ConstraintRows =

    /// The impedance d of a violation: from `Minimum` at 0 to `Maximum` at `Width`, along a power curve.
    let impedance (softness: inref<Softness>) (violation: float) =
        let limit (x: float) = Math.Clamp(x, 0.0001, 0.9999)
        let low, high, middle = limit softness.Minimum, limit softness.Maximum, limit softness.Midpoint
        let power = Math.Max(1.0, softness.Power)
        let width = Math.Max(0.0, softness.Width)

        if low = high || width <= 1e-15 then
            0.5 * (low + high)
        else
            let x = abs violation / width

            if x >= 1.0 then
                high
            elif x = 0.0 then
                low
            else
                let share =
                    if power = 1.0 then x
                    elif x <= middle then Math.Pow(x, power) / Math.Pow(middle, power - 1.0)
                    else 1.0 - Math.Pow(1.0 - x, power) / Math.Pow(1.0 - middle, power - 1.0)

                low + share * (high - low)

    let private row (w: Workspace) (index: int) = Span(w.Jacobian, index * w.Model.DofCount, w.Model.DofCount)

    /// A new row without its Jacobian. `weight` estimates (J M⁻¹ Jᵀ)ᵢᵢ.
    let private start (w: Workspace) kind source distance margin weight (softness: inref<Softness>) =
        let index = w.RowCount
        w.RowCount <- index + 1
        w.RowKind[index] <- kind
        w.RowSource[index] <- source
        w.RowDistance[index] <- distance
        w.RowMargin[index] <- margin
        w.RowWeight[index] <- weight
        let impedance = impedance &softness (distance - margin)
        let high = Math.Clamp(softness.Maximum, 0.0001, 0.9999)
        // A time constant below two steps would be unstable.
        let time = Math.Max(softness.TimeConstant, 2.0 * w.Model.Options.Timestep)
        w.RowImpedance[index] <- impedance
        w.RowDamping[index] <- 2.0 / (high * time)

        w.RowStiffness[index] <- 1.0 / (high * high * time * time * softness.DampingRatio * softness.DampingRatio)

        w.Regulariser[index] <- Math.Max(1e-15, (1.0 - impedance) / impedance * weight)
        w.Compliance[index] <- 1.0 / w.Regulariser[index]
        (row w index).Clear()
        index

    let private limits (w: Workspace) =
        let model = w.Model

        for number in 0 .. model.Joints.Length - 1 do
            let joint = model.Joints[number]

            if joint.IsLimited then
                let position = w.Position[joint.PositionIndex]
                let weight = model.Dofs[joint.DofIndex].InverseWeight
                let below, above = position - joint.Low, joint.High - position

                if below < joint.Margin then
                    let index = start w RowKind.Limit number below joint.Margin weight &joint.Softness
                    w.Jacobian[index * model.DofCount + joint.DofIndex] <- 1.0

                if above < joint.Margin then
                    let index = start w RowKind.Limit number above joint.Margin weight &joint.Softness
                    w.Jacobian[index * model.DofCount + joint.DofIndex] <- -1.0

    /// Adds a direction of a contact (at the second body less at the first), times a factor, to a row.
    let private addContact (w: Workspace) (contact: inref<Contact>) (direction: Vector3D) (factor: float) (index: int) =
        let pair = w.Model.Pairs[contact.Pair]
        let row = row w index
        Kinematics.addPointRow w w.Model.Geoms[pair.Second].Body contact.Position direction factor row
        Kinematics.addPointRow w w.Model.Geoms[pair.First].Body contact.Position direction -factor row

    let private contacts (w: Workspace) =
        let model = w.Model

        for number in 0 .. w.ContactCount - 1 do
            let contact = &w.Contacts[number]
            let pair = model.Pairs[contact.Pair]
            let first, second = model.Bodies[model.Geoms[pair.First].Body], model.Bodies[model.Geoms[pair.Second].Body]
            let margin = pair.Margin - pair.Gap

            if contact.Distance < margin && (first.LastDof >= 0 || second.LastDof >= 0) then
                let weight = first.TranslationalWeight + second.TranslationalWeight

                if pair.Dimension = 1 then
                    let index = start w RowKind.Frictionless number contact.Distance margin weight &pair.Softness

                    addContact w &contact contact.Normal 1.0 index
                else
                    // n + μ t₁, n − μ t₁, n + μ t₂, n − μ t₂.
                    let friction = pair.Friction
                    let weight = weight * (1.0 + friction * friction)
                    let index = start w RowKind.Pyramid number contact.Distance margin weight &pair.Softness

                    for _ in 1..3 do
                        start w RowKind.Pyramid number contact.Distance margin weight &pair.Softness |> ignore

                    addContact w &contact contact.Normal 1.0 index

                    for other in 1..3 do
                        (row w index).CopyTo(row w (index + other))

                    addContact w &contact contact.Tangent1 friction index
                    addContact w &contact contact.Tangent1 -friction (index + 1)
                    addContact w &contact contact.Tangent2 friction (index + 2)
                    addContact w &contact contact.Tangent2 -friction (index + 3)
                    // The four rows together are as soft as the normal alone would be.
                    let share = 2.0 * friction * friction
                    let regulariser = share * w.Regulariser[index]

                    for other in index .. index + 3 do
                        w.RowWeight[other] <- share * weight
                        w.Regulariser[other] <- regulariser
                        w.Compliance[other] <- 1.0 / regulariser

    /// Fills the rows of the present pose: limits by joints (lower side first), then contacts.
    let fill (w: Workspace) =
        w.RowCount <- 0
        limits w
        contacts w

    /// aref = −B (J q̇) − K d (distance − margin) of every row.
    let references (w: Workspace) =
        let size = w.Model.DofCount

        for index in 0 .. w.RowCount - 1 do
            let mutable speed = 0.0

            for dof in 0 .. size - 1 do
                speed <- speed + w.Jacobian[index * size + dof] * w.Velocity[dof]

            w.Reference[index] <-
                -w.RowDamping[index] * speed
                - w.RowStiffness[index] * w.RowImpedance[index] * (w.RowDistance[index] - w.RowMargin[index])
