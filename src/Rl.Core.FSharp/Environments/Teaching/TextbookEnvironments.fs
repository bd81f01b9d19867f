/// The processes of `Textbook` as environments.
namespace Rl.Core.Environments.Teaching

open Rl.Core.Tabular
open Rl.Core.Environments.Finite
open Rl.Core.Environments.Rendering

/// Environments without an end have no time limit either: judge them by the average reward, or give them a limit.
[<RequireQualifiedAccess>]
module TextbookEnvironments =

    let private options id (mdp: Mdp) draw : FiniteMdpOptions =
        {
            Id = id
            Mdp = mdp
            MaxEpisodeSteps = 0
            RewardThreshold = nan
            Observation = FiniteObservation.State
            Draw = draw
        }

    /// `Textbook.chain` with five states, truncated after 1000 steps.
    let chain (id: string) (slip: float) : FiniteMdpEnvironment =
        let mdp = Textbook.chain 5 slip 1.0
        FiniteMdpEnvironment { options id mdp (StateRow.draw mdp.States string) with MaxEpisodeSteps = 1000 }

    /// `Textbook.riverSwim` with six states, without end.
    let riverSwim (id: string) : FiniteMdpEnvironment =
        let mdp = Textbook.riverSwim 6 1.0
        FiniteMdpEnvironment(options id mdp (StateRow.draw mdp.States string))

    /// `Textbook.gridWorld`, truncated after 100 steps.
    let gridWorld (id: string) (height: int) (width: int) : FiniteMdpEnvironment =
        let mdp = Textbook.gridWorld height width 1.0
        let frame = GridScene.frame height width
        let directions = [| GridScene.up; GridScene.right; GridScene.down; GridScene.left |]

        let draw (state: FiniteState) : Scene =
            frame.Scene(
                Palette.paper,
                GridScene.caption [| "up"; "right"; "down"; "left" |] state,
                [
                    for cell in 0 .. mdp.States - 1 do
                        let isEnd = cell = 0 || cell = mdp.States - 1
                        frame.Tile(cell / width, cell % width, (if isEnd then Palette.green else Palette.faint))
                    yield!
                        GridScene.agent
                            frame
                            (state.State / width)
                            (state.State % width)
                            (GridScene.direction directions state.LastAction)
                            Palette.blue
                ]
            )

        FiniteMdpEnvironment { options id mdp draw with MaxEpisodeSteps = 100 }

    /// `Textbook.accessControl` with ten servers, without end; masks, if there are any, forbid accepting when no
    /// server is free.
    let accessControl (id: string) (hasMasks: bool) : FiniteMdpEnvironment =
        let servers, kinds = 10, Textbook.accessPriorities.Length
        let mdp = Textbook.accessControl servers 0.06 1.0
        let height = 190

        let draw (state: FiniteState) : Scene =
            let free, priority = state.State / kinds, Textbook.accessPriorities[state.State % kinds]

            let server index =
                let colour = if index < free then Palette.green else Palette.red
                let left = 150.0 + 42.0 * float index
                Figure.rectangle left 60.0 (left + 34.0) 110.0 colour

            {
                Width = 600
                Height = height
                Background = Palette.paper
                Figures =
                    [
                        for index in 0 .. servers - 1 do
                            server index
                        Figure.Disc(Figure.point 70.0 85.0, 14.0 + 3.0 * priority, Palette.purple)
                        Sketch.label (Figure.point 70.0 85.0) 16.0 Colour.white (string priority)
                        Sketch.caption
                            height
                            (GridScene.caption [| "rejected"; "accepted" |] state
                             + $"   {free} of {servers} servers free")
                    ]
            }

        if hasMasks then
            MaskedFiniteMdpEnvironment(options id mdp draw, (fun state action -> action = 0 || state / kinds > 0))
        else
            FiniteMdpEnvironment(options id mdp draw)

    /// `Textbook.baird` that shows Baird's features, without end.
    let baird (id: string) : FiniteMdpEnvironment =
        let mdp = Textbook.baird 0.99

        FiniteMdpEnvironment
            { options id mdp (StateRow.draw mdp.States (fun state -> string (state + 1))) with
                Observation = FiniteObservation.Features(8, Array.map float32 Textbook.bairdFeatures)
            }
