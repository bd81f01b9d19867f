/// Courses of slopes, stairs, gaps and hurdles, and the robots that cross them.
[<FsCheck.Xunit.Properties(Replay = "(4719311,4719313)")>]
module Rl.Tests.Environments.Robots.TerrainTests

open System
open Rl.Core.Foundations
open Rl.Core.Environments
open Rl.Core.Environments.Robots
open Rl.Tests.Environments.Robots.RobotCases
open Xunit
open FsCheck.Xunit

let private kinds =
    [ CourseKind.Slopes; CourseKind.Stairs; CourseKind.Gaps; CourseKind.Hurdles; CourseKind.Mixed ]

let private course kind difficulty : CourseOptions =
    {
        Kind = kind
        Difficulty = difficulty
        Rises = true
        Scale = 1.0
        First = -2.0
        Cell = 0.05
        Finish = 20.0
    }

let private profileOf (options: CourseOptions) (seed: uint64) : float[] =
    let profile = Array.create 501 nan
    TerrainCourse.draw options (Span profile) (Rng.create seed) |> ignore
    profile

/// An environment of the registry with the state's type that it has.
let private typed (id: string) (keywords: (string * KeywordValue) list) : RobotEnvironment<RobotState640> =
    (Registry.makeWith keywords id).Accept
        { new IEnvironmentVisitor<RobotEnvironment<RobotState640>> with
            member _.Visit environment = unbox<RobotEnvironment<RobotState640>>(box environment)
        }

let private ids = [ "TerrainBiped-v0"; "TerrainQuadruped-v0" ]
let private text (value: string) = KeywordValue.Text value

let private reset (environment: RobotEnvironment<RobotState640>) (seed: uint64) =
    let struct (state, _) = (environment :> IEnvironment<RobotState640>).Reset(Rng.create seed)
    state

let private step (environment: RobotEnvironment<RobotState640>) (state: RobotState640) (action: float32[]) =
    let struct (next, outcome, _) =
        (environment :> IEnvironment<RobotState640>).Step(state, ReadOnlySpan action, Rng.create 0UL)

    struct (next, outcome)

let private terrain (environment: RobotEnvironment<RobotState640>) (state: RobotState640) =
    let mutable state = state
    (environment.Layout.Terrain(stateNumbers &state)).ToArray()

let private position (environment: RobotEnvironment<RobotState640>) (state: RobotState640) =
    let mutable state = state
    (environment.Layout.Position(stateNumbers &state)).ToArray()

let private observe (environment: RobotEnvironment<RobotState640>) (state: RobotState640) =
    let contract = environment :> IEnvironment<RobotState640>
    let numbers = Array.zeroCreate<float32> contract.ObservationSpace.Size
    contract.Observe(state, Span numbers)
    numbers

/// The state with its ground and positions changed.
let private changed
    (environment: RobotEnvironment<RobotState640>)
    (state: RobotState640)
    (change: float[] -> float[] -> unit)
    =
    let mutable state = state
    let numbers = stateNumbers &state

    let ground, place =
        (environment.Layout.Terrain numbers).ToArray(), (environment.Layout.Position numbers).ToArray()

    change ground place
    ground.CopyTo(environment.Layout.Terrain numbers)
    place.CopyTo(environment.Layout.Position numbers)
    state

[<Property(MaxTest = 50)>]
let ``courses begin evenly, are written to their ends, and are flat without difficulty`` (seed: uint64) =
    for kind in CourseKind.Flat :: kinds do
        let profile = profileOf (course kind 1.0) seed
        Assert.True(profile |> Array.forall Double.IsFinite)
        // From 2 m behind the start to 1.5 m before it.
        Assert.True(profile[..69] |> Array.forall (fun height -> height = 0.0))
        Assert.Equal(kind <> CourseKind.Flat, profile |> Array.exists (fun height -> height <> 0.0))
        Assert.Equal<float[]>(profile, profileOf (course kind 1.0) seed)

        if kind <> CourseKind.Flat then
            Assert.NotEqual<float[]>(profile, profileOf (course kind 1.0) (seed + 1UL))

        Assert.True(
            profileOf (course kind 0.0) seed
            |> Array.forall (fun height -> abs height < 1e-12 || kind = CourseKind.Mixed)
        )

[<Property(MaxTest = 50)>]
let ``slopes, steps, gaps and hurdles are as large as they may be`` (seed: uint64) =
    let jumps kind =
        let profile = profileOf { course kind 1.0 with Rises = false } seed
        Array.pairwise profile |> Array.map (fun (a, b) -> b - a)

    let tallest = Array.map abs >> Array.max
    // tan 20° a cell of 5 cm.
    Assert.InRange(
        jumps CourseKind.Slopes |> tallest,
        0.05 * Math.Tan(0.4 * Math.PI / 9.0),
        0.05 * Math.Tan(Math.PI / 9.0)
    )

    Assert.InRange(jumps CourseKind.Stairs |> tallest, 0.1, 0.22)
    Assert.InRange(jumps CourseKind.Hurdles |> tallest, 0.15, 0.4)
    Assert.Equal(1.2, jumps CourseKind.Gaps |> tallest, 12)
    // Each gap and hurdle ends at the height where it began.
    for kind in [ CourseKind.Gaps; CourseKind.Hurdles ] do
        Assert.Equal(0.0, Array.last (profileOf (course kind 1.0) seed), 12)

    let gaps = profileOf { course CourseKind.Gaps 1.0 with Rises = false } seed

    let widths =
        let mutable width = 0

        [
            for height in gaps do
                if height < -0.5 then
                    width <- width + 1
                elif width > 0 then
                    0.05 * float width
                    width <- 0
        ]

    Assert.NotEmpty widths
    Assert.All(widths, fun width -> Assert.InRange(width, 0.4 - 0.026, 0.9 + 0.026))

[<Fact>]
let ``difficulty rises from a quarter to the whole along the course`` () =
    let options = course CourseKind.Mixed 0.8
    Assert.Equal(0.2, TerrainCourse.difficultyAt options -1.0, 12)
    Assert.Equal(0.5, TerrainCourse.difficultyAt options 10.0, 12)
    Assert.Equal(0.8, TerrainCourse.difficultyAt options 99.0, 12)
    Assert.Equal(0.8, TerrainCourse.difficultyAt { options with Rises = false } 0.0, 12)

    // So are hurdles, on average over many courses.
    let height (first: float) =
        [
            for seed in 1UL .. 200UL do
                let profile = profileOf (course CourseKind.Hurdles 1.0) seed
                profile[int ((first + 2.0) / 0.05) .. int ((first + 7.0) / 0.05)] |> Array.max
        ]
        |> List.average

    Assert.InRange(height 13.0 / height 2.0, 1.6, 2.6)

[<Property(MaxTest = 100)>]
let ``heights between vertices lie on a line, and the highest around is the highest vertex`` (seed: uint64) =
    let options = course CourseKind.Mixed 1.0
    let profile = profileOf options seed
    let struct (x, rng) = Rng.uniformIn -1.9 22.9 (Rng.create seed)
    let index = int (Math.Floor((x + 2.0) / 0.05))
    let share = (x + 2.0) / 0.05 - float index
    let expected = (1.0 - share) * profile[index] + share * profile[index + 1]
    Assert.Equal(expected, TerrainCourse.heightAt options (ReadOnlySpan profile) x, 9)
    Assert.Equal(profile[0], TerrainCourse.heightAt options (ReadOnlySpan profile) -50.0)
    Assert.Equal(profile[500], TerrainCourse.heightAt options (ReadOnlySpan profile) 50.0)
    let struct (distance, _) = Rng.uniformIn 0.1 1.0 rng
    let highest = TerrainCourse.highestAround options (ReadOnlySpan profile) x distance

    for step in -20 .. 20 do
        let x = x + (distance - 0.026) * float step / 20.0
        Assert.True(TerrainCourse.heightAt options (ReadOnlySpan profile) x <= highest + 1e-12)

    Assert.Contains(highest, profile)

[<Fact>]
let ``an episode draws its ground, a copied state keeps it, and so does every step`` () =
    for id in ids do
        let environment = typed id []
        let state = reset environment 5UL
        let ground = terrain environment state
        Assert.Equal<float[]>(ground, terrain environment (reset environment 5UL))
        Assert.NotEqual<float[]>(ground, terrain environment (reset environment 6UL))
        let action = Array.create (environment :> IEnvironment<_>).ActionSpace.Size 0.1f
        let mutable a, b = state, state

        for number in 1..8 do
            let struct (next, outcome) = step environment a action
            step environment (reset environment (uint64 (100 + number))) action |> ignore
            let struct (again, same) = step environment b action
            Assert.Equal(outcome.Reward, same.Reward)
            Assert.Equal<float32[]>(observe environment next, observe environment again)
            Assert.Equal<float[]>(ground, terrain environment next)
            a <- next
            b <- again

[<Fact>]
let ``the ground is seen ahead, relative to the trunk`` () =
    for id, scale, height in [ "TerrainBiped-v0", 1.0, 1; "TerrainQuadruped-v0", 0.5, 2 ] do
        let environment = typed id []
        let model = environment.Task.Model

        let state =
            changed environment (reset environment 3UL) (fun ground place ->
                // A ramp of 10 cm a metre.
                for index in 0 .. ground.Length - 1 do
                    ground[index] <- 0.1 * (0.05 * float index - 2.0)

                model.Positions0.CopyTo(place, 0)
                place[0] <- 4.0
                place[height] <- place[height] + 0.4)

        let action = Array.zeroCreate<float32> (environment :> IEnvironment<_>).ActionSpace.Size
        let struct (next, _) = step environment state action
        let place = position environment next
        let seen = observe environment next

        for index, ahead in [ 0, -0.5; 3, 0.0; 13, 1.0; 19, 2.5 ] do
            Assert.Equal(0.1 * (place[0] + scale * ahead) - place[height], float seen[index], 1e-5)

[<Fact>]
let ``the reward is the speed along the course with small costs`` () =
    let flat = [ "course", text "flat"; "reset_noise_scale", KeywordValue.Number 0.0 ]
    let quadruped = typed "TerrainQuadruped-v0" flat
    let state = reset quadruped 1UL
    let action = [| 0.5f; -0.25f; 0.0f; 0.0f; 1.0f; 0.0f; 0.0f; 0.25f |]
    let struct (next, outcome) = step quadruped state action
    let before, after = position quadruped state, position quadruped next
    let upright = 1.0 - 2.0 * (after[4] * after[4] + after[5] * after[5])
    let squares = 0.25 + 0.0625 + 1.0 + 0.0625
    let expected = (after[0] - before[0]) / 0.02 + 0.05 * upright - 0.01 * squares - 0.05 * after[1] * after[1]
    Assert.Equal(expected, outcome.Reward, 1e-12)
    let biped = typed "TerrainBiped-v0" flat
    let state = reset biped 1UL
    let action = [| 0.5f; -0.25f; 0.0f; 0.0f; 1.0f; 0.0f |]
    let struct (next, outcome) = step biped state action
    let before, after = position biped state, position biped next
    let known = 10.0 * (after[0] - before[0]) / 0.02 + 0.5 * Math.Cos after[2] - 0.1 * (0.25 + 0.0625 + 1.0)
    // The trunk is a little lower or higher above its feet than it stood.
    Assert.InRange(known - outcome.Reward, 0.0, 0.05)

[<Fact>]
let ``falling, leaving the course and finishing end an episode, and nothing else does`` () =
    let flat = [ "course", text "flat" ]

    let ends id (change: float[] -> float[] -> unit) =
        let environment = typed id flat
        let action = Array.zeroCreate<float32> (environment :> IEnvironment<_>).ActionSpace.Size
        let struct (_, outcome) = step environment (changed environment (reset environment 2UL) change) action
        outcome.Terminated

    for id in ids do
        Assert.False(ends id (fun _ _ -> ()))
        Assert.False(ends id (fun _ place -> place[0] <- 19.9))
        Assert.True(ends id (fun _ place -> place[0] <- 20.1))
        Assert.True(ends id (fun _ place -> place[0] <- -1.2))

    Assert.True(ends "TerrainBiped-v0" (fun _ place -> place[2] <- 1.2))
    Assert.True(ends "TerrainQuadruped-v0" (fun _ place -> place[1] <- 2.1))

    // On its side.
    Assert.True(
        ends "TerrainQuadruped-v0" (fun _ place ->
            place[3] <- Math.Sqrt 0.5
            place[4] <- Math.Sqrt 0.5)
    )

    // In a gap, whose rim is nearly as high as the trunk.
    let sink (depth: float) (ground: float[]) (place: float[]) =
        for vertex in 34..48 do
            ground[vertex] <- -1.2

        place[0] <- 0.05
        place[1] <- place[1] - depth

    Assert.True(ends "TerrainBiped-v0" (sink 0.8))
    Assert.False(ends "TerrainBiped-v0" (sink 0.5))

    // Over a wall that nearly meets the trunk.
    let wall (height: float) (ground: float[]) (place: float[]) =
        ground[40] <- height
        place[0] <- 0.0

    Assert.True(ends "TerrainQuadruped-v0" (wall 0.32))
    Assert.False(ends "TerrainQuadruped-v0" (wall 0.27))

[<Fact>]
let ``a quadruped whose left and right are exchanged moves in the mirror`` () =
    let environment = typed "TerrainQuadruped-v0" [ "difficulty", KeywordValue.Number 1.0 ]
    let start = reset environment 8UL
    let ground = terrain environment start

    /// y, the quaternion's x and z; legs left and right. Joints are symmetric.
    let mirror (place: float[]) =
        let swap first = [| yield! place[first + 2 .. first + 3]; yield! place[first .. first + 1] |]

        [| place[0]; -place[1]; place[2]; place[3]; -place[4]; place[5]; -place[6]; yield! swap 7; yield! swap 11 |]

    let place = position environment start
    let with' (numbers: float[]) = changed environment start (fun _ place -> Array.Copy(numbers, place, numbers.Length))

    let clearVelocity (state: RobotState640) =
        let mutable state = state
        (environment.Layout.Velocity(stateNumbers &state)).Clear()
        state

    let mutable a, b = clearVelocity start, clearVelocity (with' (mirror place))
    let mutable rng = Rng.create 4UL
    Assert.Equal<float[]>(ground, terrain environment b)

    for _ in 1..30 do
        let action = Array.zeroCreate<float32> 8

        for index in 0..7 do
            let struct (value, next) = Rng.uniformIn -1.0 1.0 rng
            action[index] <- float32 value
            rng <- next

        let mirrored = [| yield! action[2..3]; yield! action[0..1]; yield! action[6..7]; yield! action[4..5] |]
        let struct (next, outcome) = step environment a action
        let struct (other, same) = step environment b mirrored
        Assert.Equal(outcome.Reward, same.Reward, 1e-5)
        closeArrays 1e-6 (mirror (position environment next)) (position environment other)
        a <- next
        b <- other

[<Fact>]
let ``keywords that mean nothing are refused by name`` () =
    for id in ids do
        for name, value, part in
            [
                "course", text "swamp", "stairs"
                "difficulty", KeywordValue.Number 1.5, "1.5"
                "difficulty", KeywordValue.Number -0.1, "-0.1"
                "difficulty", KeywordValue.Number nan, "NaN"
            ] do
            let error = Assert.ThrowsAny<ArgumentException>(fun () -> Registry.makeWith [ name, value ] id |> ignore)
            Assert.Contains(name, error.Message)
            Assert.Contains(part, error.Message)

[<Fact>]
let ``a picture shows the course with its cut, and its light and shade`` () =
    for id in ids do
        let environment = typed id [ "course", text "stairs"; "difficulty", KeywordValue.Number 1.0 ]
        let state = changed environment (reset environment 3UL) (fun _ place -> place[0] <- 8.0)
        let scene = (environment :> IRenderable<RobotState640>).Render state

        let colours =
            [
                for figure in scene.Figures do
                    match figure with
                    | Rendering.Figure.Polygon(corners, colour) ->
                        Assert.All(
                            corners,
                            fun point -> Assert.True(Double.IsFinite point.X && Double.IsFinite point.Y)
                        )

                        colour
                    | other -> failwith $"{other}"
            ]

        Assert.Contains(Rendering.Palette.earth, colours)
        Assert.Contains(Rendering.Palette.grass, colours)
        let greens = colours |> List.filter (fun colour -> colour.Green > colour.Red && colour.Green > colour.Blue)
        Assert.InRange(greens |> List.distinct |> List.length, 4, 50)
        // Shadows fall on it.
        Assert.Contains(Rendering.Colour.withOpacity 0.22 Rendering.Palette.ink, colours)

[<Fact>]
let ``shadows and squares of a flat field fill what they fall on`` () =
    // The pieces of a polygon cut by the cells of a grid have its area together.
    let polygon =
        [|
            for step in 0..11 ->
                Rendering.Figure.point
                    (0.7 * Math.Cos(float step * Math.PI / 6.0))
                    (0.4 * Math.Sin(float step * Math.PI / 6.0))
        |]

    let area (points: Rendering.Point[]) =
        0.5
        * Seq.sum
            [
                for index in 0 .. points.Length - 1 do
                    let a, b = points[index], points[(index + 1) % points.Length]
                    a.X * b.Y - b.X * a.Y
            ]

    let pieces =
        [
            for i in -10 .. 9 do
                for j in -10 .. 9 do
                    let at (x: int) (y: int) = Rendering.Figure.point (0.1 * float x) (0.1 * float y)
                    FieldScene.clip polygon [| at i j; at (i + 1) j; at (i + 1) (j + 1); at i (j + 1) |]
        ]

    Assert.Equal(area polygon, pieces |> List.sumBy area, 12)
    Assert.True(pieces |> List.forall (fun piece -> area piece <= 0.01 + 1e-12))
