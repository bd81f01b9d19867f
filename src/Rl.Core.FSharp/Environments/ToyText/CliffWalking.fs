/// A walk along a cliff, as in Gymnasium's `CliffWalking-v1`.
namespace Rl.Core.Environments.ToyText

open Rl.Core.Tabular
open Rl.Core.Environments.Finite
open Rl.Core.Environments.Rendering

/// From the lower left of 4 × 12 cells to the lower right at −1 a step; the cliff between them costs 100 and leads
/// back. Actions up, right, down, left; observations are 12 · row + column. No time limit. The table is
/// `ToyText.cliffWalking`.
[<RequireQualifiedAccess>]
module CliffWalking =

    let private rows, private columns = 4, 12
    let private directions = [| GridScene.up; GridScene.right; GridScene.down; GridScene.left |]
    let private names = [| "up"; "right"; "down"; "left" |]

    let internal draw (state: FiniteState) : Scene =
        let frame = { GridScene.frame rows columns with Cell = 60.0 }
        let size = frame.Cell

        let tile row column =
            let centre = frame.Centre(row, column)

            if row < rows - 1 || column = 0 || column = columns - 1 then
                let tuft dx dy =
                    let at = Figure.point (centre.X + dx * size) (centre.Y + dy * size)

                    Figure.segment
                        at
                        (Figure.point (at.X + 0.03 * size) (at.Y + 0.12 * size))
                        1.5
                        (Colour.withOpacity 0.5 Palette.green)

                [ frame.Tile(row, column, Palette.grass); tuft -0.2 0.1; tuft 0.15 -0.2 ]
            else
                let wave dy =
                    Figure.Line(
                        [|
                            for step in 0..8 do
                                let x = float step / 8.0 - 0.5

                                Figure.point
                                    (centre.X + 0.9 * size * x)
                                    (centre.Y + size * (dy + 0.04 * sin (12.6 * x)))
                        |],
                        1.5,
                        Colour.withOpacity 0.5 Colour.white
                    )

                [
                    frame.Tile(row, column, Palette.water)
                    Figure.rectangle
                        (centre.X - size / 2.0)
                        (centre.Y + 0.38 * size)
                        (centre.X + size / 2.0)
                        (centre.Y + size / 2.0)
                        Palette.earth
                    wave 0.1
                    wave -0.2
                ]

        let goal = frame.Centre(rows - 1, columns - 1)

        frame.Scene(
            Palette.paper,
            GridScene.caption names state,
            [
                for row in 0 .. rows - 1 do
                    for column in 0 .. columns - 1 do
                        yield! tile row column
                Sketch.label (frame.Centre(rows - 1, 0)) 11.0 Palette.ink "START"
                yield! Sketch.flag (Figure.point (goal.X - 6.0) (goal.Y - 22.0)) 44.0 Palette.red
                yield!
                    GridScene.agent
                        frame
                        (state.State / columns)
                        (state.State % columns)
                        (GridScene.direction directions state.LastAction)
                        Palette.blue
            ]
        )

    /// The environment under an id, on firm or slippery ground.
    let create (id: string) (isSlippery: bool) : FiniteMdpEnvironment =
        let table = ToyText.cliffWalking isSlippery 1.0

        FiniteMdpEnvironment
            {
                Id = id
                Mdp = table.Mdp
                MaxEpisodeSteps = 0
                RewardThreshold = nan
                Observation = FiniteObservation.State
                Draw = draw
            }
