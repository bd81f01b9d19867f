/// Where spheres and capsules touch a field of heights: at every local minimum of their distance from its surface.
namespace Rl.Core.Environments.Robots

open System

/// What a search for the contacts of a pair goes through.
[<Struct; NoComparison; NoEquality>]
type internal FieldSearch =
    {
        Workspace: Workspace
        Pair: int
        /// The first contact of the pair.
        First: int
        Field: HeightField
        Heights: float[]
        Frame: PlacedShape
        Radius: float
        /// Radius and margin.
        Reach: float
    }

/// A ball touches a triangle where the foot of its centre lies in it, and an edge or vertex that stands out where no
/// triangle around comes nearer; a centre that has sunk below the surface is pushed out along the triangle above it. A
/// capsule touches with the balls at its ends, and between them over edges and vertices that stand out. So a valley
/// has a contact on each side, a ridge one, and on even ground everything is as on a plane. MuJoCo instead meets each
/// triangle's prism alone by convex collision, and has a contact for each that is touched: more of them on even ground,
/// with the same normals, and others at inner edges, where prisms stand out that the surface does not show.
[<RequireQualifiedAccess>]
module internal FieldContacts =

    /// Scalar products (m²) below which an edge counts as even ground.
    [<Literal>]
    let private Even = 1e-10

    /// Adds a contact of a ball at `centre` (in the field's frame) if it is within the margin and not there yet; of
    /// more than a pair may have, the deepest stay. `axis` is the capsule's in the world, zero for spheres.
    let private add (s: inref<FieldSearch>) (distance: float) (normal: Vector3D) (centre: Vector3D) (axis: Vector3D) =
        let w = s.Workspace
        let gap = distance - s.Radius

        if gap <= w.Model.Pairs[s.Pair].Margin then
            let normal = Rotation.apply s.Frame.Frame normal
            let centre = s.Frame.Centre + Rotation.apply s.Frame.Frame centre
            let position = centre - (0.5 * gap + s.Radius) * normal

            let along =
                if Vector3D.dot axis axis > 0.0 then
                    Vector3D.normaliseOr (Vector3D.unit 0) (axis - Vector3D.dot normal axis * normal)
                else
                    Vector3D.zero

            let mutable isNew = true
            let mutable shallowest = s.First

            for index in s.First .. w.ContactCount - 1 do
                let between = w.Contacts[index].Position - position
                if Vector3D.dot between between < 1e-12 then isNew <- false

                if w.Contacts[index].Distance > w.Contacts[shallowest].Distance then
                    shallowest <- index

            if isNew then
                let count = w.ContactCount

                if count - s.First < RobotModel.contactsOf w.Model.Pairs[s.Pair] then
                    ContactDetectors.add w s.Pair gap position normal along
                elif gap < w.Contacts[shallowest].Distance then
                    w.ContactCount <- shallowest
                    ContactDetectors.add w s.Pair gap position normal along
                    w.ContactCount <- count

    /// The triangle through the vertex `corner` with slopes along x and y: whether the foot of a ball's centre lies in
    /// it, or the sunken centre itself below it.
    let private face (s: inref<FieldSearch>) (c: Vector3D) axis (corner: Vector3D) slopeX slopeY isLower isBelow =
        let size = Math.Sqrt(1.0 + slopeX * slopeX + slopeY * slopeY)
        let rise = c.Z - corner.Z - slopeX * (c.X - corner.X) - slopeY * (c.Y - corner.Y)
        let distance = rise / size

        if distance <= s.Reach && (distance >= 0.0 || isBelow) then
            let normal = Vector3D(-slopeX / size, -slopeY / size, 1.0 / size)
            let foot = if distance >= 0.0 then c - distance * normal else c
            let u = (foot.X - corner.X) / s.Field.CellX
            let v = (foot.Y - corner.Y) / s.Field.CellY

            if u >= 0.0 && u <= 1.0 && v >= 0.0 && v <= 1.0 && (if isLower then v <= u else v >= u) then
                add &s distance normal c axis

    /// Whether going from a point at `from` towards a vertex (row, column) leads away from what lies in direction `d`;
    /// true where there is no such vertex.
    let private leadsAway (s: inref<FieldSearch>) (d: Vector3D) (from: Vector3D) row column (most: float) =
        row < 0
        || row >= s.Field.Rows
        || column < 0
        || column >= s.Field.Columns
        || Vector3D.dot d (HeightField.vertex s.Field s.Heights row column - from) <= most

    /// Whether a vertex stands out against a direction: every edge leads away.
    let private standsOut (s: inref<FieldSearch>) (d: Vector3D) (p: Vector3D) row column most =
        leadsAway &s d p row (column + 1) most
        && leadsAway &s d p row (column - 1) most
        && leadsAway &s d p (row + 1) column most
        && leadsAway &s d p (row - 1) column most
        && leadsAway &s d p (row + 1) (column + 1) most
        && leadsAway &s d p (row - 1) (column - 1) most

    /// A ball at `c` and a vertex.
    let private ballVertex (s: inref<FieldSearch>) (c: Vector3D) axis row column =
        let p = HeightField.vertex s.Field s.Heights row column
        let d = c - p

        if d.Z >= 0.0 && Vector3D.dot d d <= s.Reach * s.Reach && standsOut &s d p row column Even then
            add &s (Vector3D.length d) (Vector3D.normaliseOr (Vector3D.unit 2) d) c axis

    /// A ball at `c` and the edge from a vertex to the next by `rows` and `columns`, between two more vertices.
    let private ballEdge (s: inref<FieldSearch>) (c: Vector3D) axis row column rows columns row1 column1 row2 column2 =
        let p = HeightField.vertex s.Field s.Heights row column
        let edge = HeightField.vertex s.Field s.Heights (row + rows) (column + columns) - p
        let t = Vector3D.dot (c - p) edge / Vector3D.dot edge edge

        if t >= 0.0 && t <= 1.0 then
            let d = c - p - t * edge

            if
                d.Z >= 0.0
                && Vector3D.dot d d <= s.Reach * s.Reach
                && leadsAway &s d p row1 column1 Even
                && leadsAway &s d p row2 column2 Even
            then
                add &s (Vector3D.length d) (Vector3D.normaliseOr (Vector3D.unit 2) d) c axis

    /// The inside of a segment from `c` along `u` and a vertex.
    let private segmentVertex (s: inref<FieldSearch>) (c: Vector3D) (u: Vector3D) axis row column =
        let p = HeightField.vertex s.Field s.Heights row column
        let along = Vector3D.dot (p - c) u / Vector3D.dot u u

        if along > 0.0 && along < 1.0 then
            let centre = c + along * u
            let d = centre - p

            if d.Z > 0.0 && Vector3D.dot d d <= s.Reach * s.Reach && standsOut &s d p row column -Even then
                add &s (Vector3D.length d) (Vector3D.normaliseOr (Vector3D.unit 2) d) centre axis

    /// The inside of a segment from `c` along `u` and an edge, as for balls.
    let private segmentEdge
        (s: inref<FieldSearch>)
        (c: Vector3D)
        (u: Vector3D)
        axis
        row
        column
        rows
        columns
        row1
        column1
        row2
        column2
        =
        let p = HeightField.vertex s.Field s.Heights row column
        let edge = HeightField.vertex s.Field s.Heights (row + rows) (column + columns) - p
        let uu, ee, ue = Vector3D.dot u u, Vector3D.dot edge edge, Vector3D.dot u edge
        let from = c - p
        let along, across = Vector3D.dot u from, Vector3D.dot edge from
        let determinant = uu * ee - ue * ue

        if determinant > 1e-12 * uu * ee then
            let x = (ue * across - along * ee) / determinant
            let t = (uu * across - ue * along) / determinant

            if x > 0.0 && x < 1.0 && t >= 0.0 && t <= 1.0 then
                let centre = c + x * u
                let d = centre - p - t * edge

                if
                    d.Z > 0.0
                    && Vector3D.dot d d <= s.Reach * s.Reach
                    && leadsAway &s d p row1 column1 -Even
                    && leadsAway &s d p row2 column2 -Even
                then
                    add &s (Vector3D.length d) (Vector3D.normaliseOr (Vector3D.unit 2) d) centre axis

    /// A ball at `c`, in the field's frame.
    let private ball (s: inref<FieldSearch>) (c: Vector3D) (axis: Vector3D) =
        let field, heights, reach = s.Field, s.Heights, s.Reach

        if abs c.X <= field.HalfX + reach && abs c.Y <= field.HalfY + reach then
            let column0 = HeightField.cell field.HalfX field.CellX field.Columns (c.X - reach)
            let column1 = HeightField.cell field.HalfX field.CellX field.Columns (c.X + reach)
            let row0 = HeightField.cell field.HalfY field.CellY field.Rows (c.Y - reach)
            let row1 = HeightField.cell field.HalfY field.CellY field.Rows (c.Y + reach)

            if HeightField.highest field heights column0 column1 row0 row1 >= c.Z - reach then
                let isBelow = HeightField.isWithin field c.X c.Y && c.Z < HeightField.heightAt field heights c.X c.Y

                for row in row0..row1 do
                    for column in column0..column1 do
                        let corner = HeightField.vertex field heights row column
                        let first = row * field.Columns + column
                        let far = heights[first + field.Columns + 1]
                        let right, ahead = heights[first + 1], heights[first + field.Columns]
                        let x, y = field.CellX, field.CellY
                        face &s c axis corner ((right - corner.Z) / x) ((far - right) / y) true isBelow
                        face &s c axis corner ((far - ahead) / x) ((ahead - corner.Z) / y) false isBelow

                if not isBelow then
                    for row in row0 .. row1 + 1 do
                        for column in column0 .. column1 + 1 do
                            ballVertex &s c axis row column

                            if column <= column1 then
                                ballEdge &s c axis row column 0 1 (row + 1) (column + 1) (row - 1) column

                            if row <= row1 then
                                ballEdge &s c axis row column 1 0 (row + 1) (column + 1) row (column - 1)

                            if column <= column1 && row <= row1 then
                                ballEdge &s c axis row column 1 1 row (column + 1) (row + 1) column

    /// The inside of a segment between two points in the field's frame.
    let private segment (s: inref<FieldSearch>) (c: Vector3D) (last: Vector3D) (axis: Vector3D) =
        let field, heights, reach = s.Field, s.Heights, s.Reach
        let u = last - c
        let inline column (x: float) = HeightField.cell field.HalfX field.CellX field.Columns x
        let inline row (y: float) = HeightField.cell field.HalfY field.CellY field.Rows y
        let column0, column1 = column (Math.Min(c.X, last.X) - reach), column (Math.Max(c.X, last.X) + reach)
        let row0, row1 = row (Math.Min(c.Y, last.Y) - reach), row (Math.Max(c.Y, last.Y) + reach)
        let lowest = Math.Min(c.Z, last.Z) - reach

        if Vector3D.dot u u > 0.0 && HeightField.highest field heights column0 column1 row0 row1 >= lowest then
            for row in row0 .. row1 + 1 do
                for column in column0 .. column1 + 1 do
                    if heights[row * field.Columns + column] >= lowest then
                        segmentVertex &s c u axis row column

                    if column <= column1 then
                        segmentEdge &s c u axis row column 0 1 (row + 1) (column + 1) (row - 1) column

                    if row <= row1 then
                        segmentEdge &s c u axis row column 1 0 (row + 1) (column + 1) row (column - 1)

                    if column <= column1 && row <= row1 then
                        segmentEdge &s c u axis row column 1 1 row (column + 1) (row + 1) column

    let private search (w: Workspace) (pair: int) (frame: PlacedShape) (radius: float) : FieldSearch =
        let numbers = w.Model.Pairs[pair]
        let field = w.Model.Geoms[numbers.First].Field

        {
            Workspace = w
            Pair = pair
            First = w.ContactCount
            Field = w.Model.HeightFields[field]
            Heights = w.Heights[field]
            Frame = frame
            Radius = radius
            Reach = radius + numbers.Margin
        }

    let private local (frame: PlacedShape) (point: Vector3D) = Rotation.applyInverse frame.Frame (point - frame.Centre)

    /// Contacts of a sphere.
    let sphere (w: Workspace) (pair: int) (field: PlacedShape) (sphere: PlacedShape) =
        let search = search w pair field sphere.Size.X
        ball &search (local field sphere.Centre) Vector3D.zero

    /// Contacts of a capsule: the end along +axis first, then the other, then what is between.
    let capsule (w: Workspace) (pair: int) (field: PlacedShape) (capsule: PlacedShape) =
        let search = search w pair field capsule.Size.X
        let axis = capsule.Frame.Z
        let first = local field (capsule.Centre + capsule.Size.Y * axis)
        let last = local field (capsule.Centre - capsule.Size.Y * axis)
        ball &search first axis
        ball &search last axis
        segment &search first last axis
