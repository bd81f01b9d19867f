/// What BipedalWalker looks like: Gymnasium's picture of 600 x 400 that follows the walker.
namespace Rl.Core.Environments.Box2D

open System
open Rl.Core.Foundations
open Rl.Core.Environments.Rendering

[<RequireQualifiedAccess>]
module internal BipedalScene =

    let private scale = BipedalTerrain.Scale
    let private spacing = BipedalTerrain.Spacing
    let private pixel (scroll: float) (x: float) (y: float) = Figure.point (scale * (x - scroll)) (scale * y)

    /// Five-cornered clouds, the same for the same ground, that pass at half the walker's speed.
    let private clouds (seed: uint64) (scroll: float) =
        let mutable rng = Rng.create seed

        let draw (high: float) =
            let struct (value, next) = Rng.uniformIn 0.0 high rng
            rng <- next
            value

        [
            for _ in 1 .. BipedalTerrain.Length / 20 do
                let x = draw (float BipedalTerrain.Length) * spacing

                let corners =
                    [|
                        for corner in 0..4 do
                            let angle = 2.0 * Math.PI * float corner / 5.0
                            let cornerX = x + 15.0 * spacing * sin angle + draw (5.0 * spacing)
                            let cornerY = 10.0 + 5.0 * spacing * cos angle + draw (5.0 * spacing)
                            yield pixel (0.5 * scroll) cornerX cornerY
                    |]

                if corners |> Array.exists (fun corner -> corner.X > 0.0 && corner.X < 600.0) then
                    yield Figure.Polygon(corners, Colour.white)
        ]

    let private grass (heights: float32[]) (scroll: float) =
        [
            for index in 0 .. heights.Length - 2 do
                let left, right = float index * spacing, float (index + 1) * spacing

                if right >= scroll && left <= scroll + BipedalModel.Width then
                    let first = pixel scroll left (float heights[index])
                    let last = pixel scroll right (float heights[index + 1])
                    let below = [| first; last; Figure.point last.X 0.0; Figure.point first.X 0.0 |]
                    yield Figure.Polygon(below, Colour.rgb 102 153 76)
                    yield Figure.segment first last 1.5 (Colour.rgb 76 (if index % 2 = 0 then 255 else 204) 76)
        ]

    let private blocks (blocks: Block[]) (scroll: float) =
        [
            for block in blocks do
                let left, right = float block.Low.X, float block.High.X

                if right >= scroll && left <= scroll + BipedalModel.Width then
                    let low, high = pixel scroll left (float block.Low.Y), pixel scroll right (float block.High.Y)
                    let corners = [| low; Figure.point high.X low.Y; high; Figure.point low.X high.Y |]
                    yield Figure.Polygon(corners, Colour.white)
                    yield Figure.Line(Array.append corners [| low |], 1.0, Colour.rgb 153 153 153)
        ]

    /// Red lines as far as the walker sees.
    let private rays (state: inref<BipedalWalkerState>) (scroll: float) =
        let origin = BipedalModel.position &state
        let ground = BipedalModel.ground &state
        let red = Colour.withOpacity 0.3 (Colour.rgb 255 0 0)
        let mutable figures = []

        for ray in 0 .. BipedalModel.Rays - 1 do
            let target = BipedalModel.rayEnd origin ray
            let seen = origin + RayCast.fraction ground origin target * (target - origin)
            let first = pixel scroll (float origin.X) (float origin.Y)
            figures <- Figure.segment first (pixel scroll (float seen.X) (float seen.Y)) 1.0 red :: figures

        figures

    let private walker (bodies: Body[]) (scroll: float) =
        let draw index fill outline =
            BodyFigures.draw BipedalModel.world.Bodies[index] bodies[index] scale scroll fill outline

        let leg (first: int) (shade: int) =
            let fill = Colour.rgb (153 + shade) (76 + shade) (127 + shade)
            let outline = Colour.rgb (102 + shade) (51 + shade) (76 + shade)
            draw first fill outline @ draw (first + 1) fill outline

        leg 1 25 @ leg 3 -25 @ draw 0 (Colour.rgb 127 51 229) (Colour.rgb 76 76 127)

    /// The flag at the start.
    let private flag (scroll: float) =
        let x, foot = 3.0 * spacing, BipedalTerrain.Height
        let top = foot + 50.0 / scale
        let at dx y = pixel scroll (x + dx / scale) y
        let cloth = [| at 0.0 top; at 0.0 (top - 10.0 / scale); at 25.0 (top - 5.0 / scale) |]

        [ Figure.segment (at 0.0 foot) (at 0.0 top) 2.0 Colour.black; Figure.Polygon(cloth, Colour.rgb 230 51 0) ]

    /// The picture of a state.
    let render (state: inref<BipedalWalkerState>) : Scene =
        let heights = (Buffer.view<_, float32> &state.Heights).ToArray()
        let bodies = (Buffer.view<_, Body> &state.Bodies).ToArray()
        let solid = (Buffer.view<_, Block> &state.Blocks).Slice(0, state.BlockCount).ToArray()
        let scroll = float (BipedalModel.position &state).X - BipedalModel.Width / 5.0
        let seed = uint64 (BitConverter.SingleToUInt32Bits heights[heights.Length - 1])

        {
            Width = 600
            Height = 400
            Background = Colour.rgb 215 215 255
            Figures =
                List.concat
                    [
                        clouds seed scroll
                        grass heights scroll
                        rays &state scroll
                        blocks solid scroll
                        walker bodies scroll
                        flag scroll
                    ]
        }
