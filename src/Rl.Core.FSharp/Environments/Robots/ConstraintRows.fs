/// Limits and contacts as rows of a constraint problem: Jacobian, softness, and the acceleration that is asked for.
namespace Rl.Core.Environments.Robots

open System

/// The impedances of a softness by violation: from `Low` at 0 to `High` at `Width` and beyond.
[<Struct; NoComparison>]
type internal ImpedanceCurve =
    {
        Low: float
        High: float
        Middle: float
        Power: float
        Width: float
    }

    /// The same at every violation: `Mean`.
    member this.IsFlat = this.Low = this.High || this.Width <= 1e-15
    member this.Mean = 0.5 * (this.Low + this.High)

/// Source: MuJoCo's documentation, chapter "Computation", "Constraint model". Friction cones are pyramids.
[<RequireQualifiedAccess>]
module internal ConstraintRows =

    let private within (x: float) = Math.Clamp(x, 0.0001, 0.9999)

    /// The curve of a softness, its numbers within their bounds.
    let curve (softness: inref<Softness>) : ImpedanceCurve =
        {
            Low = within softness.Minimum
            High = within softness.Maximum
            Middle = within softness.Midpoint
            Power = Math.Max(1.0, softness.Power)
            Width = Math.Max(0.0, softness.Width)
        }

    /// The impedance d of a violation: from `Minimum` at 0 to `Maximum` at `Width`, along a power curve.
    let impedance (softness: inref<Softness>) (violation: float) =
        let curve = curve &softness

        if curve.IsFlat then
            curve.Mean
        else
            let x = abs violation / curve.Width
            let rest = 1.0 - x

            if x >= 1.0 then
                curve.High
            else
                let share =
                    if curve.Power = 1.0 then
                        x
                    elif curve.Power = 2.0 then
                        if x <= curve.Middle then
                            x * x / curve.Middle
                        else
                            1.0 - rest * rest / (1.0 - curve.Middle)
                    elif x <= curve.Middle then
                        Math.Pow(x, curve.Power) / Math.Pow(curve.Middle, curve.Power - 1.0)
                    else
                        1.0 - Math.Pow(rest, curve.Power) / Math.Pow(1.0 - curve.Middle, curve.Power - 1.0)

                curve.Low + share * (curve.High - curve.Low)

    /// Damping B and stiffness K of a softness, as struct (B, K). A time constant below two steps would be unstable.
    let springs (softness: inref<Softness>) (timestep: float) : struct (float * float) =
        let high = within softness.Maximum
        let time = Math.Max(softness.TimeConstant, 2.0 * timestep)
        struct (2.0 / (high * time), 1.0 / (high * high * time * time * softness.DampingRatio * softness.DampingRatio))

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
        let struct (damping, stiffness) = springs &softness w.Model.Options.Timestep
        w.RowImpedance[index] <- impedance
        w.RowDamping[index] <- damping
        w.RowStiffness[index] <- stiffness
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
