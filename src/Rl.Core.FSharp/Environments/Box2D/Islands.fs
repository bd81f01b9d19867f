/// Islands of bodies that touch or hang together: they wake together, and fall asleep together when they rest.
namespace Rl.Core.Environments.Box2D

open System
open System.Numerics

[<RequireQualifiedAccess>]
module internal Islands =

    /// Joins the islands of two bodies: bodies that touch or hang together.
    let private join (islands: Span<int>) (first: int) (second: int) =
        let mutable a, b = first, second

        while islands[a] <> a do
            a <- islands[a]

        while islands[b] <> b do
            b <- islands[b]

        islands[max a b] <- min a b

    /// islands[i] ← the first body of the island of body i.
    let find (model: WorldModel) (contacts: Span<ContactConstraint>) (islands: Span<int>) =
        for body in 0 .. islands.Length - 1 do
            islands[body] <- body

        for joint in model.Joints do
            join islands joint.First joint.Second

        for index in 0 .. contacts.Length - 1 do
            if contacts[index].First < islands.Length then
                join islands contacts[index].First contacts[index].Second

        for body in 0 .. islands.Length - 1 do
            islands[body] <- islands[islands[body]]

    /// Wakes every body of an island in which one is awake; whether any body is.
    let wake (islands: Span<int>) (bodies: Span<Body>) =
        let mutable any = false

        for body in 0 .. bodies.Length - 1 do
            if bodies[body].IsAwake then
                any <- true

                for other in 0 .. bodies.Length - 1 do
                    if islands[other] = islands[body] && not bodies[other].IsAwake then
                        bodies[other].IsAwake <- true
                        bodies[other].RestTime <- 0.0f

        any

    /// Islands of which every body has rested for half a second fall asleep.
    let sleep (time: float32) (islands: Span<int>) (isSolved: bool) (bodies: Span<Body>) =
        for index in 0 .. bodies.Length - 1 do
            let body = &bodies[index]

            if body.IsAwake then
                let isSlow =
                    body.Velocity.LengthSquared() <= Tolerances.SleepSpeed * Tolerances.SleepSpeed
                    && body.AngularVelocity * body.AngularVelocity
                       <= Tolerances.SleepAngularSpeed * Tolerances.SleepAngularSpeed

                body.RestTime <- if isSlow then body.RestTime + time else 0.0f

        if isSolved then
            for island in 0 .. bodies.Length - 1 do
                let mutable least = infinityf

                for body in 0 .. bodies.Length - 1 do
                    if islands[body] = island && bodies[body].IsAwake then
                        least <- MathF.Min(least, bodies[body].RestTime)

                if least >= Tolerances.SleepTime then
                    for index in 0 .. bodies.Length - 1 do
                        if islands[index] = island then
                            let body = &bodies[index]
                            body.IsAwake <- false
                            body.RestTime <- 0.0f
                            body.Velocity <- Vector2.Zero
                            body.AngularVelocity <- 0.0f
