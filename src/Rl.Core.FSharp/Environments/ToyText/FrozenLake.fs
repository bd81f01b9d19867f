/// A lake of ice with holes, as in Gymnasium's `FrozenLake-v1`.
namespace Rl.Core.Environments.ToyText

open Rl.Core.Tabular
open Rl.Core.Environments.Finite
open Rl.Core.Environments.Rendering

/// What may vary in FrozenLake.
type FrozenLakeOptions =
    {
        Id: string
        MaxEpisodeSteps: int
        RewardThreshold: float
        /// Rows of S (start), F (frozen), H (hole) and G (goal).
        Map: string[]
        IsSlippery: bool
        /// How often slippery ice takes the wanted direction.
        SuccessRate: float
        Rewards: FrozenLakeRewards
    }

/// Walk over slippery ice from S to G; holes and the goal end the episode. Actions left, down, right, up; observations
/// are row · columns + column. The table is `ToyText.frozenLake`.
[<RequireQualifiedAccess>]
module FrozenLake =

    let private directions = [| GridScene.left; GridScene.down; GridScene.right; GridScene.up |]
    let private names = [| "left"; "down"; "right"; "up" |]

    let internal draw (map: string[]) (state: FiniteState) : Scene =
        let columns = map[0].Length
        let frame = GridScene.frame map.Length columns
        let size = frame.Cell
        let row, column = state.State / columns, state.State % columns

        let tile row column =
            let centre = frame.Centre(row, column)

            match map[row][column] with
            | 'H' ->
                [
                    frame.Tile(row, column, Palette.ice)
                    Figure.Disc(centre, 0.38 * size, Palette.water)
                    Figure.Disc(Figure.point centre.X (centre.Y - 0.03 * size), 0.32 * size, Palette.ink)
                ]
            | 'G' ->
                frame.Tile(row, column, Palette.ice)
                :: Sketch.flag
                    (Figure.point (centre.X - 0.12 * size) (centre.Y - 0.36 * size))
                    (0.72 * size)
                    Palette.green
            | 'S' -> [ frame.Tile(row, column, Palette.ice); Sketch.label centre (0.15 * size) Palette.steel "START" ]
            | _ ->
                let glint dx dy =
                    Figure.segment
                        (Figure.point (centre.X + (dx - 0.07) * size) (centre.Y + (dy - 0.07) * size))
                        (Figure.point (centre.X + (dx + 0.07) * size) (centre.Y + (dy + 0.07) * size))
                        1.5
                        Colour.white

                [ frame.Tile(row, column, Palette.ice); glint -0.25 0.2; glint 0.22 -0.24 ]

        let fellIn = map[row][column] = 'H'

        frame.Scene(
            Palette.paper,
            GridScene.caption names state + (if fellIn then " in a hole" else ""),
            [
                for r in 0 .. map.Length - 1 do
                    for c in 0 .. columns - 1 do
                        yield! tile r c
                yield!
                    GridScene.agent
                        frame
                        row
                        column
                        (GridScene.direction directions state.LastAction)
                        (if fellIn then Palette.blue else Palette.red)
            ]
        )

    /// `FrozenLake-v1`: 4 × 4 slippery tiles, 100 steps, solved at a mean return of 0.7.
    let v1: FrozenLakeOptions =
        {
            Id = "FrozenLake-v1"
            MaxEpisodeSteps = 100
            RewardThreshold = 0.7
            Map = ToyText.frozenLake4x4
            IsSlippery = true
            SuccessRate = 1.0 / 3.0
            Rewards = ToyText.frozenLakeRewards
        }

    /// `FrozenLake8x8-v1`: 8 × 8 slippery tiles, 200 steps, solved at 0.85.
    let large: FrozenLakeOptions =
        { v1 with
            Id = "FrozenLake8x8-v1"
            MaxEpisodeSteps = 200
            RewardThreshold = 0.85
            Map = ToyText.frozenLake8x8
        }

    /// The environment; `ArgumentException` if the map has rows of different lengths, other tiles, no start or no goal.
    let create (options: FrozenLakeOptions) : FiniteMdpEnvironment =
        let table = ToyText.frozenLake options.Map options.IsSlippery options.SuccessRate options.Rewards 1.0

        FiniteMdpEnvironment
            {
                Id = options.Id
                Mdp = table.Mdp
                MaxEpisodeSteps = options.MaxEpisodeSteps
                RewardThreshold = options.RewardThreshold
                Observation = FiniteObservation.State
                Draw = draw options.Map
            }
