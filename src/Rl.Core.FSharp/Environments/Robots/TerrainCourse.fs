/// Courses: grounds with slopes, stairs, gaps and hurdles one after the other, drawn for each episode.
namespace Rl.Core.Environments.Robots

open System
open Rl.Core.Foundations

/// What a course has.
[<RequireQualifiedAccess>]
type internal CourseKind =
    | Flat
    | Slopes
    | Stairs
    | Gaps
    | Hurdles
    /// One of these after the other, at random.
    | Mixed

/// A course that goes ahead along x from its start at x = 0.
type internal CourseOptions =
    {
        Kind: CourseKind
        /// From 0 (all is flat) to 1 (as hard as the robot's size allows).
        Difficulty: float
        /// Difficulty rises with the distance, from a quarter at the start to the whole at the finish.
        Rises: bool
        /// How large obstacles are: 1 for legs of 1 m.
        Scale: float
        /// Where the first vertex lies, and the sides of cells, in m along x.
        First: float
        Cell: float
        /// Where the course ends, in m; obstacles begin 1 m before it at the latest.
        Finish: float
    }

/// Courses are profiles: heights along x, in m. After Heess et al. 2017, section 3: obstacles grow along the course, so
/// that what an agent meets grows with what it can do.
[<RequireQualifiedAccess>]
module internal TerrainCourse =

    /// Where obstacles begin, in m.
    [<Literal>]
    let private Begin = 1.5

    let private within (low: float) (high: float) (rng: byref<Rng>) : float =
        let struct (value, next) = Rng.uniformIn low high rng
        rng <- next
        value

    let private below (bound: int) (rng: byref<Rng>) : int =
        let struct (value, next) = Rng.below bound rng
        rng <- next
        value

    /// How hard a place is.
    let difficultyAt (options: CourseOptions) (x: float) =
        let share = Math.Clamp(x / options.Finish, 0.0, 1.0)
        options.Difficulty * (if options.Rises then 0.25 + 0.75 * share else 1.0)

    /// How many cells a length has, at least one.
    let private cells (options: CourseOptions) (length: float) = Math.Max(1, int (Math.Round(length / options.Cell)))

    /// Gives the vertices of some cells the heights from where they begin, rising by `slope` a cell; returns the cell
    /// after them.
    let private lay (profile: Span<float>) (first: int) (count: int) (start: float) (slope: float) : int =
        for index in first .. Math.Min(first + count, profile.Length) - 1 do
            profile[index] <- start + slope * float (index - first)

        first + count

    /// Up or down an incline of up to 20°.
    let private slope options hard (profile: Span<float>) first level (rng: byref<Rng>) : struct (int * float) =
        let count = cells options (options.Scale * within 1.0 2.5 &rng)
        let angle = hard * within 0.4 1.0 &rng * Math.PI / 9.0
        let sign = if below 2 &rng = 0 then 1.0 else -1.0
        let rise = sign * Math.Tan angle * options.Cell
        struct (lay profile first count level rise, level + rise * float count)

    /// Three to six steps of up to 0.22 m, up or down.
    let private stairs options hard (profile: Span<float>) first level (rng: byref<Rng>) : struct (int * float) =
        let steps = 3 + below 4 &rng
        let sign = if below 2 &rng = 0 then 1.0 else -1.0
        let rise = sign * options.Scale * hard * within 0.1 0.22 &rng
        let run = cells options (options.Scale * within 0.35 0.6 &rng)
        let mutable next = first
        let mutable level = level

        for _ in 1..steps do
            level <- level + rise
            next <- lay profile next run level 0.0

        struct (next, level)

    /// A gap of up to 0.9 m, deeper than the robot can stand in.
    let private gap options hard (profile: Span<float>) first level (rng: byref<Rng>) : struct (int * float) =
        let count = Math.Round(options.Scale * hard * within 0.4 0.9 &rng / options.Cell)
        let next = lay profile first (int count) (level - 1.2 * options.Scale) 0.0
        struct (next, level)

    /// A wall of up to 0.4 m.
    let private hurdle options hard (profile: Span<float>) first level (rng: byref<Rng>) : struct (int * float) =
        let count = cells options (options.Scale * within 0.1 0.25 &rng)
        let next = lay profile first count (level + options.Scale * hard * within 0.15 0.4 &rng) 0.0
        struct (next, level)

    /// Fills a profile, a height a vertex.
    let draw (options: CourseOptions) (profile: Span<float>) (rng: Rng) : Rng =
        let mutable rng = rng
        let vertex (x: float) = int (Math.Round((x - options.First) / options.Cell))
        let last = vertex (options.Finish - 1.0)
        let mutable next = lay profile 0 (vertex Begin) 0.0 0.0
        let mutable level = 0.0

        while options.Kind <> CourseKind.Flat && next < last do
            let hard = difficultyAt options (options.First + float next * options.Cell)

            let kind =
                match options.Kind with
                | CourseKind.Mixed ->
                    match below 4 &rng with
                    | 0 -> CourseKind.Slopes
                    | 1 -> CourseKind.Stairs
                    | 2 -> CourseKind.Gaps
                    | _ -> CourseKind.Hurdles
                | kind -> kind

            let struct (after, height) =
                match kind with
                | CourseKind.Slopes -> slope options hard profile next level &rng
                | CourseKind.Stairs -> stairs options hard profile next level &rng
                | CourseKind.Gaps -> gap options hard profile next level &rng
                | _ -> hurdle options hard profile next level &rng

            level <- height
            // Room to land and to take off.
            let rest = if kind = CourseKind.Slopes then 0.3 else 1.2
            next <- lay profile after (cells options (options.Scale * within rest (rest + 1.0) &rng)) level 0.0

        if next < profile.Length then
            lay profile next (profile.Length - next) level 0.0 |> ignore

        rng

    /// The height of a profile at x: between vertices along a line, beyond its ends that of the end.
    let heightAt (options: CourseOptions) (profile: ReadOnlySpan<float>) (x: float) : float =
        let place = Math.Clamp((x - options.First) / options.Cell, 0.0, float (profile.Length - 1))
        let index = Math.Min(int place, profile.Length - 2)
        let share = place - float index
        profile[index] + share * (profile[index + 1] - profile[index])

    /// The highest vertex within a distance of x.
    let highestAround (options: CourseOptions) (profile: ReadOnlySpan<float>) (x: float) (distance: float) : float =
        let last = profile.Length - 1

        let vertex (x: float) = Math.Clamp(int (Math.Round((x - options.First) / options.Cell)), 0, last)

        let mutable highest = -infinity

        for index in vertex (x - distance) .. vertex (x + distance) do
            highest <- Math.Max(highest, profile[index])

        highest
