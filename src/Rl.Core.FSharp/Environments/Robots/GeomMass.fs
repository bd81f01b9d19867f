/// Masses and inertias of shapes, and of bodies made of shapes.
namespace Rl.Core.Environments.Robots

open System

/// Mass with the inertia about its centre in the axes of a frame.
[<Struct; NoComparison>]
type internal MassPart =
    {
        Mass: float
        Position: Vector3D
        Orientation: Quaternion
        /// Principal moments in the axes of `Orientation`.
        Inertia: Vector3D
    }

/// Closed forms.
[<RequireQualifiedAccess>]
module internal GeomMass =

    /// The volume of a shape; 0 for a plane.
    let volume (kind: GeomKind) (size: Vector3D) =
        match kind with
        | GeomKind.Sphere -> 4.0 / 3.0 * Math.PI * size.X * size.X * size.X
        | GeomKind.Capsule -> Math.PI * (size.X * size.X * 2.0 * size.Y + 4.0 / 3.0 * size.X * size.X * size.X)
        | GeomKind.Cylinder -> Math.PI * size.X * size.X * 2.0 * size.Y
        | GeomKind.Ellipsoid -> 4.0 / 3.0 * Math.PI * size.X * size.Y * size.Z
        | GeomKind.Box -> 8.0 * size.X * size.Y * size.Z
        | _ -> 0.0

    /// The principal moments of a solid shape of a mass about its centre, along its own axes.
    let inertia (kind: GeomKind) (size: Vector3D) (mass: float) : Vector3D =
        let xx, yy, zz = size.X * size.X, size.Y * size.Y, size.Z * size.Z

        match kind with
        | GeomKind.Sphere ->
            let moment = 0.4 * mass * xx
            Vector3D(moment, moment, moment)
        | GeomKind.Capsule ->
            // A cylinder and two half spheres, whose centres of mass lie 3/8 r beyond the cylinder's ends.
            let radius, height = size.X, 2.0 * size.Y
            let ends = mass * 4.0 * radius / (4.0 * radius + 3.0 * height)
            let middle = mass - ends

            let across =
                middle * (3.0 * xx + height * height) / 12.0
                + 0.4 * ends * xx
                + ends * height * (3.0 * radius + 2.0 * height) / 8.0

            Vector3D(across, across, 0.5 * middle * xx + 0.4 * ends * xx)
        | GeomKind.Cylinder ->
            let height = 2.0 * size.Y
            let across = mass * (3.0 * xx + height * height) / 12.0
            Vector3D(across, across, 0.5 * mass * xx)
        | GeomKind.Ellipsoid -> 0.2 * mass * Vector3D(yy + zz, xx + zz, xx + yy)
        | GeomKind.Box -> mass / 3.0 * Vector3D(yy + zz, xx + zz, xx + yy)
        | _ -> Vector3D.zero

    /// The eigenvectors (as a rotation) and eigenvalues, largest first, of a symmetric 3 x 3 matrix, by Jacobi's
    /// rotations.
    let principalAxes (matrix: float[,]) : struct (Quaternion * Vector3D) =
        let a = Array2D.copy matrix
        let v = Array2D.init 3 3 (fun row column -> if row = column then 1.0 else 0.0)
        let scale = abs a[0, 0] + abs a[1, 1] + abs a[2, 2]
        let mutable sweeps = 0

        while sweeps < 60 && abs a[0, 1] + abs a[0, 2] + abs a[1, 2] > 1e-18 * scale do
            sweeps <- sweeps + 1

            for p, q in [ 0, 1; 0, 2; 1, 2 ] do
                if a[p, q] <> 0.0 then
                    let theta = (a[q, q] - a[p, p]) / (2.0 * a[p, q])
                    let sign = if theta < 0.0 then -1.0 else 1.0
                    let t = sign / (abs theta + Math.Sqrt(theta * theta + 1.0))
                    let cosine = 1.0 / Math.Sqrt(t * t + 1.0)
                    let sine = t * cosine

                    for k in 0..2 do
                        let akp, akq = a[k, p], a[k, q]
                        a[k, p] <- cosine * akp - sine * akq
                        a[k, q] <- sine * akp + cosine * akq

                    for k in 0..2 do
                        let apk, aqk = a[p, k], a[q, k]
                        a[p, k] <- cosine * apk - sine * aqk
                        a[q, k] <- sine * apk + cosine * aqk
                        let vkp, vkq = v[k, p], v[k, q]
                        v[k, p] <- cosine * vkp - sine * vkq
                        v[k, q] <- sine * vkp + cosine * vkq

        let order = [| 0; 1; 2 |] |> Array.sortBy (fun axis -> -a[axis, axis])
        let column (axis: int) = Vector3D(v[0, axis], v[1, axis], v[2, axis])
        let first, second = column order[0], column order[1]
        let axes = Rotation(first, second, Vector3D.cross first second)
        let moment (place: int) = a[order[place], order[place]]
        struct (Quaternion.ofRotation axes, Vector3D(moment 0, moment 1, moment 2))

    /// The mass, centre, principal axes and moments of parts that are rigidly one. One part keeps its own axes.
    let combine (parts: MassPart list) : MassPart =
        match parts with
        | [] -> { Mass = 0.0; Position = Vector3D.zero; Orientation = Quaternion.identity; Inertia = Vector3D.zero }
        | [ part ] -> part
        | parts ->
            let mass = parts |> List.sumBy _.Mass

            let centre = (Vector3D.zero, parts) ||> List.fold (fun sum part -> sum + part.Mass / mass * part.Position)

            let total =
                (SpatialInertia.zero, parts)
                ||> List.fold (fun sum part ->
                    let axes = Quaternion.toRotation part.Orientation
                    sum + SpatialInertia.create axes part.Inertia part.Mass (part.Position - centre))

            let matrix =
                array2D
                    [
                        [ total.XX; total.XY; total.XZ ]
                        [ total.XY; total.YY; total.YZ ]
                        [ total.XZ; total.YZ; total.ZZ ]
                    ]

            let struct (orientation, inertia) = principalAxes matrix
            { Mass = mass; Position = centre; Orientation = orientation; Inertia = inertia }
