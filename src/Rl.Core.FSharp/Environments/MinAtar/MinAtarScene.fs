/// The pictures of the MinAtar games: a grid of cells, one colour a channel.
namespace Rl.Core.Environments.MinAtar

open Rl.Core.Environments.Rendering

/// A channel's name and colour. Of several things in a cell the last of a game's channels with a colour is seen.
type MinAtarChannel =
    {
        /// Its name in the reference implementation (`diver_guage` included).
        Name: string
        /// How it is drawn; none if another channel shows the same.
        Colour: Colour voption
    }

[<RequireQualifiedAccess>]
module internal MinAtarScene =

    /// The side of a cell, in pixels.
    [<Literal>]
    let CellSize = 40

    let private background = Colour.rgb 24 28 38
    let private gridLine = Colour.rgb 37 43 56

    /// A channel that is drawn.
    let shown (name: string) (red: int) (green: int) (blue: int) : MinAtarChannel =
        { Name = name; Colour = ValueSome(Colour.rgb red green blue) }

    /// A channel that is not drawn.
    let unseen (name: string) : MinAtarChannel = { Name = name; Colour = ValueNone }

    /// The picture of an observation [channels, 10, 10]; `order` lists channels from the back to the front.
    let draw (channels: MinAtarChannel[]) (order: int[]) (observation: float32[]) : Scene =
        let colours = Array.create Cells.Count background

        for channel in order do
            match channels[channel].Colour with
            | ValueSome colour ->
                for cell in 0 .. Cells.Count - 1 do
                    if observation[Cells.Count * channel + cell] > 0.0f then colours[cell] <- colour
            | ValueNone -> ()

        let side = Cells.Side * CellSize
        let size = float side

        let lines =
            [
                for index in 0 .. Cells.Side do
                    let place = float (index * CellSize)
                    Figure.segment (Figure.point place 0.0) (Figure.point place size) 2.0 gridLine
                    Figure.segment (Figure.point 0.0 place) (Figure.point size place) 2.0 gridLine
            ]

        {
            Width = side
            Height = side
            Background = background
            Figures = Figure.Cells(Figure.point 0.0 size, float CellSize, Cells.Side, Cells.Side, colours) :: lines
        }
