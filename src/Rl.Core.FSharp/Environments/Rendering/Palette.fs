/// The colours and captions that the scenes of the environments share.
namespace Rl.Core.Environments.Rendering

open System.Globalization

/// Muted surfaces with a few strong colours for what moves and what is wanted.
[<RequireQualifiedAccess>]
module internal Palette =
    let paper = Colour.rgb 250 250 247
    let ink = Colour.rgb 38 43 51
    let faint = Colour.rgb 206 211 217
    let sky = Colour.rgb 226 239 248
    let grass = Colour.rgb 146 178 118
    let earth = Colour.rgb 120 96 76
    let wood = Colour.rgb 202 152 101
    let steel = Colour.rgb 96 110 128
    let blue = Colour.rgb 45 108 181
    let red = Colour.rgb 204 71 65
    let green = Colour.rgb 67 148 84
    let yellow = Colour.rgb 240 190 66
    let purple = Colour.rgb 129 132 203
    let ice = Colour.rgb 214 234 244
    let water = Colour.rgb 60 116 156

/// Small figures that several environments draw.
[<RequireQualifiedAccess>]
module internal Sketch =

    /// A number with a sign and the given decimals, for captions.
    let number (decimals: int) (value: float) =
        value.ToString(
            $"+0.{System.String('0', decimals)};-0.{System.String('0', decimals)}",
            CultureInfo.InvariantCulture
        )

    /// Text in the upper left corner of a scene of a height.
    let caption (height: int) (text: string) =
        Figure.Text(Figure.point 12.0 (float height - 24.0), 13.0, TextAnchor.Left, Palette.steel, text)

    /// Text whose letters are centred on a point.
    let label (centre: Point) (height: float) (colour: Colour) (text: string) =
        Figure.Text(Figure.point centre.X (centre.Y - height / 2.0), height, TextAnchor.Centre, colour, text)

    /// A flag on a pole of a height that stands on a point.
    let flag (foot: Point) (height: float) (colour: Colour) =
        let top = foot.Y + height

        [
            Figure.segment foot (Figure.point foot.X top) 2.0 Palette.ink
            Figure.Polygon(
                [|
                    Figure.point foot.X top
                    Figure.point foot.X (top - height * 0.3)
                    Figure.point (foot.X + height * 0.5) (top - height * 0.15)
                |],
                colour
            )
        ]

    /// An arrow from a point to another.
    let arrow (tail: Point) (tip: Point) (width: float) (colour: Colour) =
        let angle = atan2 (tip.Y - tail.Y) (tip.X - tail.X)
        let size = 2.5 * width
        let head = [| Figure.point 0.0 0.0; Figure.point -size size; Figure.point -size -size |]

        [
            Figure.segment tail tip width colour
            Figure.Polygon(
                head |> Array.map (fun corner -> Figure.point (corner.X + size) corner.Y) |> Figure.place tip angle,
                colour
            )
        ]

    /// A circle as a closed line.
    let circle (centre: Point) (radius: float) (width: float) (colour: Colour) =
        let around =
            [|
                for step in 0..48 do
                    let angle = float step * System.Math.PI / 24.0
                    Figure.point (centre.X + radius * cos angle) (centre.Y + radius * sin angle)
            |]

        Figure.Line(around, width, colour)
