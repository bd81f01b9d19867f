/// The contacts of a pose, and the forces that they put on bodies.
namespace Rl.Core.Environments.Robots

/// All pairs of a model, in order.
[<RequireQualifiedAccess>]
module internal ContactSearch =

    let private shape (w: Workspace) (geom: int) : PlacedShape =
        { Centre = w.GeomPosition[geom]; Frame = w.GeomRotation[geom]; Size = w.Model.Geoms[geom].Size }

    /// How far a shape reaches from its centre.
    let private reach (geom: Geom) =
        match geom.Kind with
        | GeomKind.Capsule -> geom.Size.X + geom.Size.Y
        | GeomKind.Cylinder -> sqrt (geom.Size.X * geom.Size.X + geom.Size.Y * geom.Size.Y)
        | _ -> geom.Size.X

    /// How far apart the centres of bounding spheres may be within the margin; of a plane, how high above it. A field
    /// of heights looks for itself.
    let reachOf (model: RobotModel) (pair: GeomPair) =
        let second = reach model.Geoms[pair.Second]

        match pair.FirstKind with
        | GeomKind.HeightField -> infinity
        | GeomKind.Plane -> pair.Margin + second
        | _ -> pair.Margin + reach model.Geoms[pair.First] + second

    /// Whether bounding spheres (against the plane or each other) are within the margin.
    let private isNear (w: Workspace) (pair: GeomPair) =
        let far = reachOf w.Model pair
        let between = w.GeomPosition[pair.Second] - w.GeomPosition[pair.First]

        if pair.FirstKind = GeomKind.HeightField then
            true
        elif pair.FirstKind = GeomKind.Plane then
            Vector3D.dot w.GeomRotation[pair.First].Z between <= far
        else
            Vector3D.dot between between <= far * far

    /// Adds the contacts of a pair whose shapes are placed.
    let findPair (w: Workspace) (index: int) (first: PlacedShape) (second: PlacedShape) =
        let pair = w.Model.Pairs[index]

        match pair.FirstKind, pair.SecondKind with
        | GeomKind.Plane, GeomKind.Sphere -> ContactDetectors.planeSphere w index first second
        | GeomKind.Plane, GeomKind.Capsule -> ContactDetectors.planeCapsule w index first second
        | GeomKind.Plane, _ -> ContactDetectors.planeCylinder w index first second
        | GeomKind.HeightField, GeomKind.Sphere -> FieldContacts.sphere w index first second
        | GeomKind.HeightField, _ -> FieldContacts.capsule w index first second
        | GeomKind.Sphere, GeomKind.Sphere -> ContactDetectors.sphereSphere w index first second
        | GeomKind.Sphere, _ -> ContactDetectors.sphereCapsule w index first second
        | _, GeomKind.Capsule -> ContactDetectors.capsuleCapsule w index first second
        | _ -> ContactDetectors.capsuleCylinder w index first second

    /// Fills the contacts of the present pose.
    let find (w: Workspace) =
        w.ContactCount <- 0
        let pairs = w.Model.Pairs

        for index in 0 .. pairs.Length - 1 do
            let pair = pairs[index]

            if isNear w pair then
                findPair w index (shape w pair.First) (shape w pair.Second)

    /// The force of a contact in the world's axes, on the second body; the first row of the contact is `row`.
    let private force (w: Workspace) (contact: inref<Contact>) (row: int) =
        let pair = w.Model.Pairs[contact.Pair]

        if pair.Dimension = 1 then
            w.RowForce[row] * contact.Normal
        else
            let f0, f1, f2, f3 = w.RowForce[row], w.RowForce[row + 1], w.RowForce[row + 2], w.RowForce[row + 3]

            (f0 + f1 + f2 + f3) * contact.Normal
            + (pair.Friction * (f0 - f1)) * contact.Tangent1
            + (pair.Friction * (f2 - f3)) * contact.Tangent2

    /// Fills the com-based forces of contacts on bodies (torque; force); the world's stay zero, limits do not count.
    let forces (w: Workspace) =
        System.Array.Fill(w.ContactForce, Spatial.zero)
        let mutable row = 0

        while row < w.RowCount do
            if w.RowKind[row] = RowKind.Limit then
                row <- row + 1
            else
                let contact = &w.Contacts[w.RowSource[row]]
                let pair = w.Model.Pairs[contact.Pair]
                let force = force w &contact row

                let push (body: int) (force: Vector3D) (position: Vector3D) =
                    if body > 0 then
                        let arm = position - w.SubtreeCentre[w.Model.Bodies[body].Root]
                        w.ContactForce[body] <- w.ContactForce[body] + Spatial(Vector3D.cross arm force, force)

                push w.Model.Geoms[pair.First].Body (-force) contact.Position
                push w.Model.Geoms[pair.Second].Body force contact.Position
                row <- row + (if pair.Dimension = 1 then 1 else 4)
