/// BipedalWalker: a hand-written gait walks, the ground is built as it should be, LIDAR sees it, and the contract's
/// corners.
[<FsCheck.Xunit.Properties(Replay = "(4719321,4719323)", MaxTest = 10)>]
module Rl.Tests.Environments.BipedalWalkerTests

open System
open System.Numerics
open Rl.Core.Foundations
open Rl.Core.Environments
open Rl.Core.Environments.Box2D
open Rl.Core.Environments.Rendering
open Xunit
open FsCheck.Xunit

type private Stage =
    /// One leg bears the walker while the other swings forward.
    | Swing
    /// The swinging leg is put down.
    | PutDown
    /// The leg behind pushes off.
    | PushOff

type private Gait = { Stage: Stage; Moving: int; Knee: float }

let private hip leg = 4 + 5 * leg
let private knee leg = 6 + 5 * leg
let private contact leg = 8 + 5 * leg

/// What the gait does at an observation, and how it goes on: stages may follow each other at once.
let private advance (gait: Gait) (o: float[]) : Gait * Gait =
    let bearing = 1 - gait.Moving

    let swung =
        if gait.Stage = Swing then
            let lift = if o[2] > 0.29 then 0.06 else 0.03
            let stage = if o[hip bearing] < 0.1 then PutDown else Swing
            { gait with Stage = stage; Knee = min 0.1 (gait.Knee + lift) }
        else
            gait

    let now =
        if swung.Stage = PutDown && o[contact gait.Moving] > 0.0 then
            { swung with Stage = PushOff; Knee = min 0.1 o[knee gait.Moving] }
        else
            swung

    let isDone = now.Stage = PushOff && (o[knee bearing] > 0.88 || o[2] > 1.2 * 0.29)
    now, (if isDone then { now with Stage = Swing; Moving = bearing } else now)

/// Proportional-derivative control of hips and knees towards what the stage wants of the moving and the bearing leg.
let private control (gait: Gait) (o: float[]) : float32[] =
    let wanted leg =
        match gait.Stage, leg = gait.Moving with
        | Swing, true -> Some 1.1, Some -0.6
        | PutDown, true -> Some 0.1, Some 0.1
        | PushOff, true -> None, Some gait.Knee
        | PushOff, false -> None, Some 1.0
        | _, false -> None, Some gait.Knee

    [|
        for leg in 0..1 do
            let hipTarget, kneeTarget = wanted leg
            let towards gain place target = gain * (target - o[place]) - 0.25 * o[place + 1]
            let hipTorque = Option.fold (fun _ target -> towards 0.9 (hip leg) target) 0.0 hipTarget
            let kneeTorque = Option.fold (fun _ target -> towards 4.0 (knee leg) target) 0.0 kneeTarget
            yield float32 (Math.Clamp(0.5 * (hipTorque + 0.9 * o[0] + 1.5 * o[1]), -1.0, 1.0))
            yield float32 (Math.Clamp(0.5 * (kneeTorque - 15.0 * o[3]), -1.0, 1.0))
    |]

/// The return of one episode with the gait.
let private gaitReturn (seed: uint64) =
    let environment = BipedalWalker BipedalWalker.V3 :> IEnvironment<BipedalWalkerState>
    let inPlace = environment :?> IInPlace<BipedalWalkerState>
    let struct (start, next) = environment.Reset(Rng.create seed)
    let observation = Array.zeroCreate<float32> 24
    let mutable state, rng = start, next
    let mutable gait, total, step, isOver = { Stage = Swing; Moving = 0; Knee = 0.1 }, 0.0, 0, false

    while not isOver do
        environment.Observe(state, Span observation)
        let o = Array.map float observation
        let now, next = advance gait o
        gait <- next
        let action = control now o
        let outcome = inPlace.StepInPlace(&state, ReadOnlySpan action, &rng)
        total <- total + outcome.Reward
        step <- step + 1
        isOver <- outcome.Terminated || step = environment.MaxEpisodeSteps

    total

[<Fact>]
let ``a hand-written gait walks`` () =
    let returns = [ for seed in 1UL .. 8UL -> gaitReturn seed ]
    Console.WriteLine $"the gait's mean return over 8 episodes: {List.average returns:F1}"
    // Falling at once is worth −100, the end of the ground about 300. The gait is open to chance: on Box2D a third of
    // its walks end well.
    let arrived = returns |> List.filter (fun value -> value > 250.0) |> List.length
    Assert.True(arrived >= 2, $"the returns are {returns}")

let private start (options: BipedalWalkerOptions) (seed: uint64) =
    let struct (state, _) = (BipedalWalker options :> IEnvironment<BipedalWalkerState>).Reset(Rng.create seed)
    state

[<Property(MaxTest = 100)>]
let ``the ground begins flat, and only the hardcore one has blocks`` (seed: uint64) =
    let mutable easy, hard = start BipedalWalker.V3 seed, start BipedalWalker.HardcoreV3 seed
    let heights = (BipedalModel.ground &easy).Heights.ToArray()
    let blocks = (BipedalModel.ground &hard).Blocks.ToArray()

    easy.BlockCount = 0
    && hard.BlockCount > 0
    && hard.BlockCount <= BipedalTerrain.MaxBlocks
    && heights[..20] |> Array.forall (fun height -> height = float32 BipedalTerrain.Height)
    && heights |> Array.distinct |> Array.length > 100
    && blocks
       |> Array.forall (fun block ->
           block.Low.X < block.High.X
           && block.Low.Y < block.High.Y
           && block.Low.X >= float32 (float BipedalTerrain.StartPad * BipedalTerrain.Spacing) - 1e-3f)

[<Fact>]
let ``a ray ends at the nearest thing`` () =
    let blocks = [| { Low = Vector2(5.0f, 0.0f); High = Vector2(6.0f, 2.0f) } |]

    let look (origin: Vector2) target =
        RayCast.fraction
            {
                Heights = ReadOnlySpan [| 0.0f; 0.0f; 0.0f |]
                Spacing = 10.0
                Blocks = ReadOnlySpan blocks
                Friction = 1.0f
                Restitution = 0.0f
            }
            origin
            target

    Assert.Equal(0.25f, look (Vector2(1.0f, 1.0f)) (Vector2(1.0f, -3.0f)))
    Assert.Equal(0.5f, look (Vector2(1.0f, 1.0f)) (Vector2(9.0f, 1.0f)))
    Assert.Equal(1.0f, look (Vector2(1.0f, 3.0f)) (Vector2(9.0f, 3.0f)))
    Assert.Equal(0.5f, look (Vector2(5.5f, 4.0f)) (Vector2(5.5f, 0.0f)))
    Assert.Equal(1.0f, look (Vector2(1.0f, 1.0f)) (Vector2(1.0f, 5.0f)))

[<Fact>]
let ``bad actions and ended episodes are refused`` () =
    let environment = BipedalWalker BipedalWalker.V3 :> IEnvironment<BipedalWalkerState>
    let struct (state, rng) = environment.Reset(Rng.create 1UL)

    for action in [ [| 0.0f; 0.0f; nanf; 0.0f |]; [| 0.0f; 0.0f; 0.0f |] ] do
        Assert.Throws<ArgumentException>(fun () -> environment.Step(state, ReadOnlySpan action, rng) |> ignore)
        |> ignore

    let over = { state with IsTerminal = true }

    Assert.Throws<InvalidOperationException>(fun () ->
        environment.Step(over, ReadOnlySpan(Array.zeroCreate 4), rng) |> ignore)
    |> ignore

[<Fact>]
let ``actions beyond the motors' range count as its ends`` () =
    let environment = BipedalWalker BipedalWalker.V3 :> IEnvironment<BipedalWalkerState>
    let struct (state, rng) = environment.Reset(Rng.create 1UL)

    let observe (scale: float32) =
        let action = [| scale; -scale; -scale; scale |]
        let struct (after, outcome, _) = environment.Step(state, ReadOnlySpan action, rng)
        let observation = Array.zeroCreate<float32> 24
        environment.Observe(after, Span observation)
        observation, outcome.Reward

    Assert.Equal(observe 1.0f, observe 7.0f)

/// Whether stepping a copy gives what stepping in place gives, and observations stay finite, over a long random play.
let private copiesAgree (environment: IEnvironment<'State>) (seed: uint64) (steps: int) =
    let inPlace = environment :?> IInPlace<'State>
    let struct (first, next) = environment.Reset(Rng.create seed)
    let mutable state, rng, actions, agrees = first, next, Rng.create (seed + 1UL), true
    let action = Array.zeroCreate<float32> environment.ActionSpace.Size

    let one, other =
        Array.zeroCreate<float32> environment.ObservationSpace.Size,
        Array.zeroCreate<float32> environment.ObservationSpace.Size

    for _ in 1..steps do
        actions <- environment.ActionSpace.Sample(actions, Span action)
        let struct (stepped, outcome, after) = environment.Step(state, ReadOnlySpan action, rng)
        let outcomeInPlace = inPlace.StepInPlace(&state, ReadOnlySpan action, &rng)
        environment.Observe(stepped, Span one)
        environment.Observe(state, Span other)

        agrees <-
            agrees
            && outcome = outcomeInPlace
            && after = rng
            && one = other
            && Guard.indexOfNonFinite (ReadOnlySpan one) < 0

        if outcome.Terminated then
            let struct (fresh, next) = environment.Reset rng
            state <- fresh
            rng <- next

    agrees

[<Property>]
let ``a step of a copy is the step in place, and all numbers stay finite`` (seed: uint64) =
    copiesAgree (LunarLander LunarLander.V3) seed 300
    && copiesAgree (LunarLander { LunarLander.ContinuousV3 with EnableWind = true }) seed 300
    && copiesAgree (BipedalWalker BipedalWalker.V3) seed 200
    && copiesAgree (BipedalWalker BipedalWalker.HardcoreV3) seed 200

[<Property>]
let ``pictures show the walker near the left of their frame`` (seed: uint64) =
    let environment = BipedalWalker BipedalWalker.HardcoreV3
    let scene = (environment :> IRenderable<BipedalWalkerState>).Render(start BipedalWalker.HardcoreV3 seed)

    scene.Width = 600
    && scene.Figures
       |> List.exists (function
           | Figure.Polygon(corners, fill) when fill = Colour.rgb 127 51 229 ->
               corners |> Array.forall (fun corner -> corner.X > 80.0 && corner.X < 160.0)
           | _ -> false)
