/// The eye that looks at a robot: a pinhole camera that follows a place, and what of the world it sees.
namespace Rl.Core.Environments.Robots

open System
open Rl.Core.Environments.Rendering

/// A pinhole camera: a point p is seen at (centre + f·⟨p − eye, right⟩/d, centre + f·⟨p − eye, up⟩/d), where
/// d = ⟨p − eye, ahead⟩ is its depth in m and f the focal length in units of the picture.
type internal Camera =
    {
        Eye: Vector3D
        Right: Vector3D
        Up: Vector3D
        Ahead: Vector3D
        Focal: float
        /// What is nearer to the eye than this many m is cut off.
        Near: float
        /// The centre of the picture.
        Centre: Point
    }

[<RequireQualifiedAccess>]
module internal RobotCamera =

    /// How many widths of the picture the eye is away: the less, the stronger the perspective.
    let private distance (view: View) =
        match view with
        | View.Above -> 2.2
        | _ -> 1.6

    /// How far a view is turned about the vertical, and how far it looks down, in rad.
    let private angles (view: View) =
        match view with
        | View.Side -> struct (0.0, 0.14)
        | View.Oblique -> struct (0.52, 0.30)
        | View.Above -> struct (0.0, 0.5 * Math.PI)

    /// The camera whose picture of so many units has a place at its centre, where `metres` are as wide as the picture.
    let lookAt (view: View) (place: Vector3D) (metres: float) (width: int) (height: int) : Camera =
        let struct (turn, down) = angles view
        let struct (sine, cosine) = Math.SinCos turn
        let struct (sink, level) = Math.SinCos down
        let right = Vector3D(cosine, sine, 0.0)
        let forward = Vector3D(-sine, cosine, 0.0)
        let ahead = level * forward - sink * Vector3D.unit 2
        let away = distance view * metres

        {
            Eye = place - away * ahead
            Right = right
            Up = sink * forward + level * Vector3D.unit 2
            Ahead = ahead
            Near = 0.1 * away
            Focal = away * float width / metres
            Centre = Figure.point (0.5 * float width) (0.5 * float height)
        }

    /// How far a point is in front of the eye, in m.
    let depth (camera: Camera) (point: Vector3D) = Vector3D.dot (point - camera.Eye) camera.Ahead

    /// Units of the picture for a metre at a depth.
    let scale (camera: Camera) (depth: float) = camera.Focal / depth

    /// Where a point in front of the eye is seen.
    let project (camera: Camera) (point: Vector3D) : Point =
        let offset = point - camera.Eye
        let scale = scale camera (Vector3D.dot offset camera.Ahead)

        Figure.point
            (camera.Centre.X + scale * Vector3D.dot offset camera.Right)
            (camera.Centre.Y + scale * Vector3D.dot offset camera.Up)

    /// Whether a point is far enough in front of the eye to be seen.
    let isInFront (camera: Camera) (point: Vector3D) = depth camera point > camera.Near

    /// The corners of a flat polygon as they are seen, without the part behind the eye (Sutherland and Hodgman 1974);
    /// empty if nothing is left.
    let polygon (camera: Camera) (corners: Vector3D[]) : Point[] =
        let kept = ResizeArray<Vector3D>()

        for index in 0 .. corners.Length - 1 do
            let first, last = corners[index], corners[(index + 1) % corners.Length]
            let d1, d2 = depth camera first - camera.Near, depth camera last - camera.Near
            if d1 > 0.0 then kept.Add first
            // The edge crosses the plane; its point there is a hair in front.
            if (d1 > 0.0) <> (d2 > 0.0) then
                kept.Add(first + (d1 / (d1 - d2)) * (last - first))

        if kept.Count < 3 then
            [||]
        else
            Array.init kept.Count (fun index ->
                // Rounding may have put a cut point behind the plane.
                let point = kept[index]
                let behind = camera.Near - depth camera point
                project camera (if behind > 0.0 then point + behind * camera.Ahead else point))
