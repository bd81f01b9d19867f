/// How far one sees: rays against the ground.
namespace Rl.Core.Environments.Box2D

open System
open System.Numerics

[<RequireQualifiedAccess>]
module internal RayCast =

    /// The fraction of the ray at which it meets the edge, or `limit` if that is not before it.
    let private edge (origin: Vector2) (ray: Vector2) (first: Vector2) (last: Vector2) (limit: float32) =
        let along = last - first
        let normal = Vector2(along.Y, -along.X)
        let approach = Vector2.Dot(normal, ray)

        if approach = 0.0f then
            limit
        else
            let fraction = Vector2.Dot(normal, first - origin) / approach
            let where = Vector2.Dot(origin + fraction * ray - first, along) / along.LengthSquared()

            if fraction >= 0.0f && fraction < limit && where >= 0.0f && where <= 1.0f then
                fraction
            else
                limit

    /// The fraction of the ray at which it enters the block, or `limit` if that is not before it. A ray from inside
    /// meets nothing.
    let private block (origin: Vector2) (ray: Vector2) (block: Block) (limit: float32) =
        let inline enter (start: float32) (step: float32) (low: float32) (high: float32) =
            if step > 0.0f then struct ((low - start) / step, (high - start) / step)
            elif step < 0.0f then struct ((high - start) / step, (low - start) / step)
            elif start >= low && start <= high then struct (-infinityf, infinityf)
            else struct (infinityf, -infinityf)

        let struct (enterX, leaveX) = enter origin.X ray.X block.Low.X block.High.X
        let struct (enterY, leaveY) = enter origin.Y ray.Y block.Low.Y block.High.Y
        let entered = MathF.Max(enterX, enterY)

        if entered >= 0.0f && entered <= MathF.Min(leaveX, leaveY) && entered < limit then
            entered
        else
            limit

    /// The part of the way from `origin` to `target` that is free of ground, in [0, 1].
    let fraction (ground: Ground) (origin: Vector2) (target: Vector2) : float32 =
        let ray = target - origin
        let low, high = MathF.Min(origin.X, target.X), MathF.Max(origin.X, target.X)
        let first = max 0 (int (floor (float low / ground.Spacing)))
        let last = min (ground.Heights.Length - 2) (int (floor (float high / ground.Spacing)))
        let mutable nearest = 1.0f

        for index in first..last do
            nearest <- edge origin ray (ground.Corner index) (ground.Corner(index + 1)) nearest

        for index in 0 .. ground.Blocks.Length - 1 do
            nearest <- block origin ray ground.Blocks[index] nearest

        nearest
