/// A taxi in a small town, as in Gymnasium's `Taxi-v3`.
namespace Rl.Core.Environments.ToyText

open Rl.Core.Tabular
open Rl.Core.Environments.Finite
open Rl.Core.Environments.Rendering

/// Fetch a passenger at one of four places and bring him to another. Actions south, north, east, west, pick up, drop
/// off; observations are ((row · 5 + column) · 5 + passenger) · 4 + destination. Masks name the actions that change
/// something. The table is `ToyText.taxiWith`.
[<RequireQualifiedAccess>]
module Taxi =

    let private names = [| "south"; "north"; "east"; "west"; "pick up"; "drop off" |]
    let private directions = [| GridScene.down; GridScene.up; GridScene.right; GridScene.left |]
    let private placeColours = [| Palette.red; Palette.green; Palette.yellow; Palette.blue |]
    let private placeNames = [| "R"; "G"; "Y"; "B" |]
    let private places = [| 0, 0; 0, 4; 4, 0; 4, 3 |]
    /// Walls as (row, column): to the right of that cell.
    let private walls = [ 0, 1; 1, 1; 3, 0; 4, 0; 3, 2; 4, 2 ]

    let private person (foot: Point) (size: float) : Figure list =
        [
            Figure.Polygon(
                [|
                    Figure.point (foot.X - 0.12 * size) foot.Y
                    Figure.point (foot.X + 0.12 * size) foot.Y
                    Figure.point foot.X (foot.Y + 0.34 * size)
                |],
                Palette.purple
            )
            Figure.Disc(Figure.point foot.X (foot.Y + 0.38 * size), 0.1 * size, Palette.wood)
        ]

    /// A car seen from above that heads in a direction (rad).
    let private car (centre: Point) (size: float) (heading: float) (occupied: bool) : Figure list =
        let shape halfLength halfWidth offset colour =
            let corner x y = Figure.point (size * (offset + x * halfLength)) (size * y * halfWidth)

            Figure.Polygon(
                Figure.place centre heading [| corner -1.0 -1.0; corner 1.0 -1.0; corner 1.0 1.0; corner -1.0 1.0 |],
                colour
            )

        [
            shape 0.36 0.21 0.0 Palette.ink
            shape 0.34 0.19 0.0 Palette.yellow
            shape 0.06 0.15 0.12 Palette.ink
            shape 0.04 0.14 -0.22 Palette.ink
            Figure.Disc(centre, 0.1 * size, (if occupied then Palette.purple else Colour.white))
        ]

    let internal draw (state: FiniteState) : Scene =
        let frame = GridScene.frame 5 5
        let size = frame.Cell
        let number = state.State % 500
        let destination, passenger = number % 4, number / 4 % 5
        let row, column = number / 100, number / 20 % 5

        let heading = GridScene.direction directions state.LastAction |> ValueOption.defaultValue GridScene.right

        let place index =
            let at = frame.Centre(places[index])

            [ frame.Tile(fst places[index], snd places[index], Colour.withOpacity 0.45 placeColours[index]) ]
            @ [
                Sketch.label
                    (Figure.point (at.X - 0.36 * size) (at.Y + 0.36 * size))
                    (0.16 * size)
                    Palette.ink
                    placeNames[index]
            ]

        let wall (row, column) =
            let centre = frame.Centre(row, column)
            let x = centre.X + size / 2.0

            Figure.segment
                (Figure.point x (centre.Y - size / 2.0))
                (Figure.point x (centre.Y + size / 2.0))
                5.0
                Palette.earth

        let goal = frame.Centre places[destination]

        frame.Scene(
            Palette.paper,
            GridScene.caption names state
            + $"   to {placeNames[destination]}"
            + (if passenger = 4 then ", aboard" else ""),
            [
                for r in 0..4 do
                    for c in 0..4 do
                        frame.Tile(r, c, Palette.faint)
                for index in 0..3 do
                    yield! place index
                yield! List.map wall walls
                yield! car (frame.Centre(row, column)) size heading (passenger = 4)
                yield! Sketch.flag (Figure.point (goal.X + 0.2 * size) (goal.Y + 0.04 * size)) (0.42 * size) Palette.ink
                if passenger < 4 then
                    let at = frame.Centre places[passenger]
                    yield! person (Figure.point (at.X - 0.26 * size) (at.Y - 0.38 * size)) size
            ]
        )

    /// The environment under an id: 200 steps, solved at a mean return of 8. Without masks the agent must find out
    /// for itself which actions change nothing.
    let create (id: string) (isRainy: bool) (ficklePassenger: bool) (hasMasks: bool) : FiniteMdpEnvironment =
        let table = ToyText.taxiWith isRainy ficklePassenger 1.0

        let options =
            {
                Id = id
                Mdp = table.Mdp
                MaxEpisodeSteps = 200
                RewardThreshold = 8.0
                Observation = FiniteObservation.Label(500, Array.init table.Mdp.States (fun state -> state % 500))
                Draw = draw
            }

        if hasMasks then
            MaskedFiniteMdpEnvironment(options, (fun state action -> ToyText.taxiMask (state % 500) action))
        else
            FiniteMdpEnvironment options
