/// The contacts of eight copies: planes with spheres and capsules in lanes, other pairs copy by copy where they are
/// near.
namespace Rl.Core.Environments.Robots

open System.Runtime.Intrinsics

/// Contacts have the places of their pair; which copies have one says its mask. Bits are those of `ContactSearch`.
[<RequireQualifiedAccess>]
module internal FleetContacts =

    /// The copies in which bounding spheres (against the plane or each other) are within the margin.
    let private near (f: FleetWorkspace) (pair: FleetPair) : Lanes =
        let between = f.GeomPosition.Vector(3 * pair.Pair.Second) -. f.GeomPosition.Vector(3 * pair.Pair.First)

        let isNear =
            if pair.Pair.FirstKind = GeomKind.HeightField then
                f.Alive
            elif pair.Pair.FirstKind = GeomKind.Plane then
                let height = LaneVector.dot (f.GeomAxis.Vector(3 * pair.Pair.First)) between
                Lane.atMost height (Lane.all pair.Reach)
            else
                Lane.atMost (LaneVector.dot between between) (Lane.all (pair.Reach * pair.Reach))

        Lane.both f.Alive isNear

    /// Adds a contact to the copies in which it is within the margin; `hint` gives the direction of the first tangent.
    let private add
        (f: FleetWorkspace)
        (pair: FleetPair)
        (slot: int)
        (isNear: Lanes)
        (distance: Lanes)
        (position: inref<LaneVector>)
        (normal: inref<LaneVector>)
        (hint: inref<LaneVector>)
        =
        let position, normal, hint = position, normal, hint
        let touches = Lane.both isNear (Lane.atMost distance (Lane.all pair.Pair.Margin))
        f.Touches[slot] <- touches

        if Lane.any touches then
            let isHint = Lane.atMost (Lane.all 0.25) (LaneVector.dot hint hint)
            let isFlat = Lane.less (Lane.abs normal.Y) (Lane.all 0.5)

            let hint =
                LaneVector(
                    Lane.select isHint hint.X Lane.zero,
                    Lane.select isHint hint.Y (Lane.select isFlat (Lane.all 1.0) Lane.zero),
                    Lane.select isHint hint.Z (Lane.select isFlat Lane.zero (Lane.all 1.0))
                )

            let tangent = LaneVector.normalise (hint -. LaneVector.dot hint normal *. normal)
            f.Distance[slot] <- distance
            f.Place.Put(3 * slot, position)
            f.Frame.Put(9 * slot, normal)
            f.Frame.Put(9 * slot + 3, tangent)
            f.Frame.Put(9 * slot + 6, LaneVector.cross normal tangent)

    let private planeBall
        (f: FleetWorkspace)
        (pair: FleetPair)
        (slot: int)
        (isNear: Lanes)
        (centre: inref<LaneVector>)
        (hint: inref<LaneVector>)
        =
        let centre = centre
        let plane = 3 * pair.Pair.First
        let radius = Lane.all f.Model.Geoms[pair.Pair.Second].Size.X
        let normal = f.GeomAxis.Vector plane
        let distance = LaneVector.dot normal (centre -. f.GeomPosition.Vector plane) - radius
        let position = centre -. (Lane.all 0.5 * distance + radius) *. normal
        add f pair slot isNear distance &position &normal &hint

    let private planeCapsule (f: FleetWorkspace) (pair: FleetPair) (isNear: Lanes) =
        let normal, axis = f.GeomAxis.Vector(3 * pair.Pair.First), f.GeomAxis.Vector(3 * pair.Pair.Second)
        let along = LaneVector.normalise (axis -. LaneVector.dot normal axis *. normal)
        let half = Lane.all f.Model.Geoms[pair.Pair.Second].Size.Y *. axis
        let centre = f.GeomPosition.Vector(3 * pair.Pair.Second)
        let upper = centre +. half
        let lower = centre -. half
        planeBall f pair pair.FirstSlot isNear &upper &along
        planeBall f pair (pair.FirstSlot + 1) isNear &lower &along

    /// A geom of one copy.
    let private shape (f: FleetWorkspace) (geom: int) (lane: int) : PlacedShape =
        let model = f.Model.Geoms[geom]
        let place = 4 * model.Body
        let turned = f.BodyOrientation

        let orientation =
            Quaternion(
                turned.Get(place, lane),
                turned.Get(place + 1, lane),
                turned.Get(place + 2, lane),
                turned.Get(place + 3, lane)
            )

        {
            Centre = f.GeomPosition.VectorOf(3 * geom, lane)
            Frame = Quaternion.toRotation (orientation * model.Orientation)
            Size = model.Size
        }

    /// The contacts of a pair in one copy.
    let private alone (f: FleetWorkspace) (pair: FleetPair) (lane: int) =
        let w = f.Single
        w.ContactCount <- 0
        w.Heights <- f.Heights[lane]
        ContactSearch.findPair w pair.Index (shape f pair.Pair.First lane) (shape f pair.Pair.Second lane)

        for number in 0 .. w.ContactCount - 1 do
            let contact = &w.Contacts[number]
            let slot = pair.FirstSlot + number
            f.Touches[slot] <- f.Touches[slot].WithElement(lane, System.BitConverter.Int64BitsToDouble -1L)
            f.Distance.Set(slot, lane, contact.Distance)
            f.Place.SetVector(3 * slot, lane, contact.Position)
            f.Frame.SetVector(9 * slot, lane, contact.Normal)
            f.Frame.SetVector(9 * slot + 3, lane, contact.Tangent1)
            f.Frame.SetVector(9 * slot + 6, lane, contact.Tangent2)

    /// Fills the contacts of the present poses.
    let find (f: FleetWorkspace) =
        for pair in f.Pairs do
            let isNear = near f pair

            for slot in pair.FirstSlot .. pair.FirstSlot + pair.Slots - 1 do
                f.Touches[slot] <- Lane.zero

            if Lane.any isNear then
                match pair.Pair.FirstKind, pair.Pair.SecondKind with
                | GeomKind.Plane, GeomKind.Sphere ->
                    let centre = f.GeomPosition.Vector(3 * pair.Pair.Second)
                    let none = LaneVector(Lane.zero, Lane.zero, Lane.zero)
                    planeBall f pair pair.FirstSlot isNear &centre &none
                | GeomKind.Plane, GeomKind.Capsule -> planeCapsule f pair isNear
                | _ ->
                    for lane in 0 .. Lane.Count - 1 do
                        if Lane.isSet isNear lane then alone f pair lane

    /// Adds a force at a place to those on a body, in the copies that feel it.
    let private push (f: FleetWorkspace) (body: int) (feels: Lanes) (force: inref<LaneVector>) (slot: int) =
        let force = force
        let root = f.Model.Bodies[body].Root
        let arm = f.Place.Vector(3 * slot) -. f.SubtreeCentre.Vector(3 * root)
        let before, beforeForce = f.ContactForce.Vector(6 * body), f.ContactForce.Vector(6 * body + 3)
        f.ContactForce.Put(6 * body, LaneVector.select feels (before +. LaneVector.cross arm force) before)
        f.ContactForce.Put(6 * body + 3, LaneVector.select feels (beforeForce +. force) beforeForce)

    /// Fills the com-based forces of contacts on bodies, as `ContactSearch.forces`.
    let forces (f: FleetWorkspace) =
        f.ContactForce.Clear()
        let mutable row = 0

        while row < f.RowCount do
            if f.RowPair[row] < 0 then
                row <- row + 1
            else
                let pair = f.Pairs[f.RowPair[row]]
                let slot = f.RowSlot[row]
                let normal = f.Frame.Vector(9 * slot)

                let force =
                    if pair.Pair.Dimension = 1 then
                        f.RowForce[row] *. normal
                    else
                        let f0, f1, f2, f3 =
                            f.RowForce[row], f.RowForce[row + 1], f.RowForce[row + 2], f.RowForce[row + 3]

                        let friction = Lane.all pair.Pair.Friction

                        (f0 + f1 + f2 + f3) *. normal
                        +. (friction * (f0 - f1)) *. f.Frame.Vector(9 * slot + 3)
                        +. (friction * (f2 - f3)) *. f.Frame.Vector(9 * slot + 6)

                let feels = f.RowMask[row]
                let back = LaneVector(-force.X, -force.Y, -force.Z)
                if pair.FirstBody > 0 then push f pair.FirstBody feels &back slot
                if pair.SecondBody > 0 then push f pair.SecondBody feels &force slot
                row <- row + (if pair.Pair.Dimension = 1 then 1 else 4)
