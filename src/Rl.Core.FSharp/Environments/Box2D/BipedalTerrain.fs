/// The ground that the bipedal walker walks on: uneven grass, and in its hardcore form stumps, stairs and pits. Sizes
/// are those of Gymnasium's `bipedal_walker.py`.
namespace Rl.Core.Environments.Box2D

open System
open System.Numerics
open Rl.Core.Foundations

[<RequireQualifiedAccess>]
module internal BipedalTerrain =

    /// Pixels a metre.
    [<Literal>]
    let Scale = 30.0

    /// The distance of neighbouring corners, m.
    let Spacing = 14.0 / Scale

    /// The number of corners.
    [<Literal>]
    let Length = 200

    /// The height that grass tends to, m.
    let Height = 400.0 / Scale / 4.0

    /// Grass between obstacles is half of this to this long, in corners.
    [<Literal>]
    let Grass = 10

    /// The first corners are flat.
    [<Literal>]
    let StartPad = 20

    /// The most blocks: an obstacle of at most four blocks takes at least seven corners with its grass.
    [<Literal>]
    let MaxBlocks = 64

    [<Literal>]
    let Friction = 2.5f

    type private Kind =
        | Grass = 0
        | Stump = 1
        | Stairs = 2
        | Pit = 3

    /// An obstacle's draws: a stump's size, a pit's width, or the number of stairs and whether they rise.
    [<Struct>]
    type private Obstacle = { Size: int; Rises: bool }

    let private integer (low: int) (high: int) (rng: byref<Rng>) =
        let struct (value, next) = Rng.below (high - low) rng
        rng <- next
        low + value

    let private draw (kind: Kind) (rng: byref<Rng>) : Obstacle =
        match kind with
        | Kind.Stump -> { Size = integer 1 3 &rng; Rises = true }
        | Kind.Stairs ->
            let rises = integer 0 2 &rng = 1
            { Size = integer 3 5 &rng; Rises = rises }
        | _ -> { Size = integer 3 5 &rng; Rises = false }

    [<Literal>]
    let private StairWidth = 4

    /// Adds a rectangle that begins at corner `first` and is `width` corners wide; returns the number of blocks.
    let private add (first: int) (width: int) (low: float) (high: float) (count: int) (blocks: Span<Block>) =
        let left, right = float first * Spacing, float (first + width) * Spacing

        blocks[count] <- { Low = Vector2(float32 left, float32 low); High = Vector2(float32 right, float32 high) }

        count + 1

    /// Adds an obstacle that begins at a corner; returns the number of blocks.
    let private build (kind: Kind) (obstacle: Obstacle) (corner: int) (y: float) (count: int) (blocks: Span<Block>) =
        match kind with
        | Kind.Stump -> add corner obstacle.Size y (y + float obstacle.Size * Spacing) count blocks
        | Kind.Pit ->
            let count = add corner 1 (y - 4.0 * Spacing) y count blocks
            add (corner + obstacle.Size) 1 (y - 4.0 * Spacing) y count blocks
        | _ ->
            let mutable count = count

            for stair in 0 .. obstacle.Size - 1 do
                let top = y + float (if obstacle.Rises then stair else -stair) * Spacing
                count <- add (corner + stair * StairWidth) StairWidth (top - Spacing) top count blocks

            count

    /// How many corners an obstacle is long.
    let private length (kind: Kind) (obstacle: Obstacle) =
        match kind with
        | Kind.Stairs -> obstacle.Size * StairWidth
        | Kind.Pit -> obstacle.Size + 2
        | _ -> obstacle.Size

    /// The height of a corner within an obstacle that has `left` corners to come, where the ground before it is at `y`.
    let private within (kind: Kind) (obstacle: Obstacle) (left: int) (y: float) (current: float) =
        match kind with
        | Kind.Pit -> if left > 1 then y - 4.0 * Spacing else y
        | Kind.Stairs ->
            let direction = if obstacle.Rises then 1 else -1
            let passed = obstacle.Size * StairWidth - left - direction
            y + float passed / float StairWidth * float direction * Spacing
        | _ -> current

    /// Draws heights and blocks; returns the number of blocks and the generator that follows.
    let generate (hardcore: bool) (heights: Span<float32>) (blocks: Span<Block>) (rng: Rng) : struct (int * Rng) =
        let mutable rng = rng
        let mutable kind, obstacle = Kind.Grass, Unchecked.defaultof<Obstacle>
        let mutable y, before, velocity = Height, Height, 0.0
        let mutable left, begins, count = StartPad, false, 0

        for corner in 0 .. Length - 1 do
            if begins && kind <> Kind.Grass then
                obstacle <- draw kind &rng
                left <- length kind obstacle
                before <- y
                count <- build kind obstacle corner y count blocks
            elif kind <> Kind.Grass then
                y <- within kind obstacle left before y
            elif not begins then
                velocity <- 0.8 * velocity + 0.01 * float (sign (Height - y))

                if corner > StartPad then
                    let struct (bump, next) = Rng.uniformIn -1.0 1.0 rng
                    rng <- next
                    velocity <- velocity + bump / Scale

                y <- y + velocity

            begins <- false
            heights[corner] <- float32 y
            left <- left - 1

            if left = 0 then
                left <- integer (Grass / 2) Grass &rng
                begins <- true

                kind <-
                    if kind = Kind.Grass && hardcore then
                        enum<Kind>(integer 1 4 &rng)
                    else
                        Kind.Grass

        struct (count, rng)
