/// Pictures as values: what an environment shows, before anything is drawn.
namespace Rl.Core.Environments.Rendering

open System
open Rl.Core.Foundations

/// A colour with 8 bits a channel; `Alpha` 255 is opaque.
[<Struct>]
type Colour = { Red: byte; Green: byte; Blue: byte; Alpha: byte }

/// Colours by their channels.
[<RequireQualifiedAccess>]
module Colour =

    /// An opaque colour from channels in 0 … 255.
    let rgb (red: int) (green: int) (blue: int) : Colour =
        Guard.inIntRange (nameof red) 0 255 red
        Guard.inIntRange (nameof green) 0 255 green
        Guard.inIntRange (nameof blue) 0 255 blue
        { Red = byte red; Green = byte green; Blue = byte blue; Alpha = 255uy }

    /// The same colour with an opacity in [0, 1].
    let withOpacity (opacity: float) (colour: Colour) : Colour =
        Guard.inRange (nameof opacity) 0.0 1.0 opacity
        { colour with Alpha = byte (Math.Round(255.0 * opacity)) }

    let black = rgb 0 0 0
    let white = rgb 255 255 255

/// A point of a scene: x to the right, y upwards, from the lower left corner.
[<Struct>]
type Point = { X: float; Y: float }

/// Where a text lies relative to its position.
[<RequireQualifiedAccess>]
type TextAnchor =
    | Left
    | Centre
    | Right

/// One thing in a scene; later ones cover earlier ones.
[<RequireQualifiedAccess>]
type Figure =
    /// A filled polygon with at least three corners.
    | Polygon of corners: Point[] * fill: Colour
    /// A line through at least two points with round joints and ends.
    | Line of points: Point[] * width: float * colour: Colour
    /// A filled disc.
    | Disc of centre: Point * radius: float * fill: Colour
    /// One line of text on its baseline; `height` is that of a capital letter's line.
    | Text of position: Point * height: float * anchor: TextAnchor * colour: Colour * text: string
    /// An image of `columns` x `rows` square cells of side `size`, row-major from the top row, its upper left corner at
    /// `corner`.
    | Cells of corner: Point * size: float * columns: int * rows: int * colours: Colour[]

/// A picture of `Width` x `Height` units; drawn at scale 1, a unit is a pixel.
type Scene =
    {
        Width: int
        Height: int
        Background: Colour
        /// From the back to the front.
        Figures: Figure list
    }

/// Figures from a few numbers.
[<RequireQualifiedAccess>]
module Figure =

    let point x y : Point = { X = x; Y = y }

    /// The rectangle between two corners.
    let rectangle (left: float) (bottom: float) (right: float) (top: float) (fill: Colour) =
        Figure.Polygon([| point left bottom; point right bottom; point right top; point left top |], fill)

    /// Corners turned by `angle` (rad, counter-clockwise) about the origin and then moved to `centre`.
    let place (centre: Point) (angle: float) (corners: Point[]) : Point[] =
        let struct (sine, cosine) = Math.SinCos angle

        corners
        |> Array.map (fun corner ->
            point (centre.X + cosine * corner.X - sine * corner.Y) (centre.Y + sine * corner.X + cosine * corner.Y))

    /// A straight line between two points.
    let segment (first: Point) (last: Point) (width: float) (colour: Colour) =
        Figure.Line([| first; last |], width, colour)
