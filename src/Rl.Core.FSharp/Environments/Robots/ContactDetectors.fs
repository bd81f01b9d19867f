/// Where two shapes touch or nearly do: closed forms for planes, spheres, capsules and cylinders.
namespace Rl.Core.Environments.Robots

open System

/// A shape in the world. Its axis is the z axis of its frame.
[<Struct; NoComparison>]
type internal PlacedShape = { Centre: Vector3D; Frame: Rotation; Size: Vector3D }

/// Source: MuJoCo's documentation, chapter "Computation", "Collision detection"; the order of the contacts of a pair is
/// its order.
[<RequireQualifiedAccess>]
module internal ContactDetectors =

    /// Adds a contact if it is within the margin; `hint` gives the direction of the first tangent, zero for none.
    let add (w: Workspace) (pair: int) (distance: float) (position: Vector3D) (normal: Vector3D) (hint: Vector3D) =
        if distance <= w.Model.Pairs[pair].Margin then
            let hint =
                if Vector3D.dot hint hint >= 0.25 then hint
                elif abs normal.Y < 0.5 then Vector3D.unit 1
                else Vector3D.unit 2

            let tangent = hint - Vector3D.dot hint normal * normal
            let tangent = Vector3D.normaliseOr (Vector3D.unit 0) tangent

            w.Contacts[w.ContactCount] <-
                {
                    Pair = pair
                    Distance = distance
                    Position = position
                    Normal = normal
                    Tangent1 = tangent
                    Tangent2 = Vector3D.cross normal tangent
                }

            w.ContactCount <- w.ContactCount + 1

    let private planeBall w pair (plane: PlacedShape) (centre: Vector3D) (radius: float) (hint: Vector3D) =
        let normal = plane.Frame.Z
        let distance = Vector3D.dot normal (centre - plane.Centre) - radius
        add w pair distance (centre - (0.5 * distance + radius) * normal) normal hint

    let planeSphere w pair (plane: PlacedShape) (sphere: PlacedShape) =
        planeBall w pair plane sphere.Centre sphere.Size.X Vector3D.zero

    /// The end along +axis first; the first tangent lies along the capsule.
    let planeCapsule w pair (plane: PlacedShape) (capsule: PlacedShape) =
        let normal, axis = plane.Frame.Z, capsule.Frame.Z
        let along = axis - Vector3D.dot normal axis * normal
        let along = Vector3D.normaliseOr (Vector3D.unit 0) along
        let half = capsule.Size.Y * axis
        planeBall w pair plane (capsule.Centre + half) capsule.Size.X along
        planeBall w pair plane (capsule.Centre - half) capsule.Size.X along

    let private balls w pair (first: PlacedShape) c1 r1 (second: PlacedShape) c2 r2 =
        let between = c2 - c1
        let size = Vector3D.length between

        let normal =
            if size < 1e-15 then
                Vector3D.normaliseOr (Vector3D.unit 0) (Vector3D.cross first.Frame.Z second.Frame.Z)
            else
                (1.0 / size) * between

        let distance = size - r1 - r2
        add w pair distance (c1 + (r1 + 0.5 * distance) * normal) normal Vector3D.zero

    let sphereSphere w pair (first: PlacedShape) (second: PlacedShape) =
        balls w pair first first.Centre first.Size.X second second.Centre second.Size.X

    let sphereCapsule w pair (sphere: PlacedShape) (capsule: PlacedShape) =
        let axis, half = capsule.Frame.Z, capsule.Size.Y
        let along = Math.Clamp(Vector3D.dot axis (sphere.Centre - capsule.Centre), -half, half)
        balls w pair sphere sphere.Centre sphere.Size.X capsule (capsule.Centre + along * axis) capsule.Size.X

    /// One contact at the nearest points of the segments; of parallel capsules up to two, at their ends.
    let capsuleCapsule (w: Workspace) pair (first: PlacedShape) (second: PlacedShape) =
        let axis1, axis2 = first.Size.Y * first.Frame.Z, second.Size.Y * second.Frame.Z
        let between = first.Centre - second.Centre
        let a, b, c = Vector3D.dot axis1 axis1, -Vector3D.dot axis1 axis2, Vector3D.dot axis2 axis2
        let u, v = -Vector3D.dot axis1 between, Vector3D.dot axis2 between
        let determinant = a * c - b * b
        let clamp (x: float) = Math.Clamp(x, -1.0, 1.0)

        let touch (x1: float) (x2: float) =
            let p1, p2 = first.Centre + x1 * axis1, second.Centre + x2 * axis2
            balls w pair first p1 first.Size.X second p2 second.Size.X

        if abs determinant >= 1e-15 then
            let x1 = (c * u - b * v) / determinant
            let x2 = (a * v - b * u) / determinant

            let struct (x1, x2) =
                if x1 > 1.0 then struct (1.0, (v - b) / c)
                elif x1 < -1.0 then struct (-1.0, (v + b) / c)
                else struct (x1, x2)

            if x2 > 1.0 then touch (clamp ((u - b) / a)) 1.0
            elif x2 < -1.0 then touch (clamp ((u + b) / a)) -1.0
            else touch x1 x2
        else
            let limit = w.ContactCount + 2
            touch 1.0 (clamp ((v - b) / c))
            touch -1.0 (clamp ((v + b) / c))
            if w.ContactCount < limit then touch (clamp ((u - b) / a)) 1.0
            if w.ContactCount < limit then touch (clamp ((u + b) / a)) -1.0

    /// The nearest point of the rim, that of the other disk, and two more of the near disk at ±120°.
    let planeCylinder w pair (plane: PlacedShape) (cylinder: PlacedShape) =
        let normal = plane.Frame.Z
        let radius, half = cylinder.Size.X, cylinder.Size.Y
        let rise = Vector3D.dot normal cylinder.Frame.Z
        // The axis is turned downwards.
        let axis = (if rise > 0.0 then -half else half) * cylinder.Frame.Z
        let rise = -abs rise
        let down = rise * ((1.0 / half) * axis) - normal
        let steep = Vector3D.length down

        let rim = if steep < 1e-15 then radius * cylinder.Frame.X else (radius / steep) * down

        let height = Vector3D.dot normal (cylinder.Centre - plane.Centre)
        let alongAxis, alongRim = half * rise, Vector3D.dot normal rim

        let touch (offset: Vector3D) (distance: float) =
            add w pair distance (cylinder.Centre + offset - (0.5 * distance) * normal) normal Vector3D.zero

        let nearest = height + alongAxis + alongRim

        if nearest <= w.Model.Pairs[pair].Margin then
            touch (rim + axis) nearest
            touch (rim - axis) (height - alongAxis + alongRim)
            let side = Vector3D.normaliseOr (Vector3D.unit 0) (Vector3D.cross rim axis)
            let side = (radius * Math.Sqrt 3.0 / 2.0) * side
            let other = height + alongAxis - 0.5 * alongRim
            touch (axis + side - 0.5 * rim) other
            touch (axis - side - 0.5 * rim) other

    /// The signed distance of a point (in the cylinder's frame) from a solid cylinder and its derivative along a
    /// direction. The distance is convex.
    let private cylinderDistance (radius: float) (half: float) (p: Vector3D) (d: Vector3D) : struct (float * float) =
        let around = Math.Sqrt(p.X * p.X + p.Y * p.Y)

        let aroundRate =
            if around < 1e-15 then
                Math.Sqrt(d.X * d.X + d.Y * d.Y)
            else
                (p.X * d.X + p.Y * d.Y) / around

        let beyond, above = around - radius, abs p.Z - half
        let aboveRate = float (sign p.Z) * d.Z

        if beyond > 0.0 && above > 0.0 then
            let distance = Math.Sqrt(beyond * beyond + above * above)
            struct (distance, (beyond * aroundRate + above * aboveRate) / distance)
        elif beyond > above then
            struct (beyond, aroundRate)
        else
            struct (above, aboveRate)

    /// The place in [−1, 1] along start + x axis where the distance from a cylinder begins to rise by more than
    /// `least`, or an end.
    let private risesFrom (radius: float) (half: float) (start: Vector3D) (axis: Vector3D) (least: float) =
        let inline rises (x: float) =
            let struct (_, rate) = cylinderDistance radius half (start + x * axis) axis
            rate > least

        let mutable low, high = -1.0, 1.0

        if rises low then
            low
        elif not (rises high) then
            high
        else
            for _ in 1..70 do
                let middle = 0.5 * (low + high)
                if rises middle then high <- middle else low <- middle

            0.5 * (low + high)

    /// One contact at the point of the capsule's segment that is nearest to the solid cylinder (deepest in it), found
    /// by bisecting the distance's derivative; the middle of the nearest points if there are many.
    let capsuleCylinder (w: Workspace) pair (capsule: PlacedShape) (cylinder: PlacedShape) =
        let radius, half = cylinder.Size.X, cylinder.Size.Y
        let start = Rotation.applyInverse cylinder.Frame (capsule.Centre - cylinder.Centre)
        let axis = Rotation.applyInverse cylinder.Frame (capsule.Size.Y * capsule.Frame.Z)
        let tiny = 1e-14 * capsule.Size.Y
        let from = risesFrom radius half start axis -tiny
        let until = risesFrom radius half start axis tiny
        let nearest = start + (0.5 * (from + until)) * axis
        let struct (distance, _) = cylinderDistance radius half nearest axis
        let around = Math.Sqrt(nearest.X * nearest.X + nearest.Y * nearest.Y)
        let beyond, above = around - radius, abs nearest.Z - half
        let outwards = Vector3D.normaliseOr (Vector3D.unit 0) (Vector3D(nearest.X, nearest.Y, 0.0))
        let upwards = Vector3D(0.0, 0.0, (if nearest.Z < 0.0 then -1.0 else 1.0))

        let away =
            if beyond > 0.0 && above > 0.0 then
                Vector3D.normaliseOr upwards (beyond * outwards + above * upwards)
            elif beyond > above then
                outwards
            else
                upwards

        // Bisection ends within rounding of the edge, where the two formulas agree.
        let normal = Rotation.apply cylinder.Frame (-away)
        let centre = cylinder.Centre + Rotation.apply cylinder.Frame nearest
        let gap = distance - capsule.Size.X
        add w pair gap (centre + (capsule.Size.X + 0.5 * gap) * normal) normal Vector3D.zero
