/// Schedules at their landmarks, and laws of the gradient transformations.
[<FsCheck.Xunit.Properties(Replay = "(4718103,4718105)")>]
module Rl.Tests.Optimisers.OptimiserTests

open System
open FsCheck.Xunit
open Rl.Core.Foundations
open Rl.Core.Autodiff
open Rl.Core.Networks
open Rl.Core.Optimisers
open Xunit

let private random count (scale: float) (seed: uint64) =
    let struct (values, _) = Initialiser.sample [| count |] (Initialiser.Normal(0.0, scale)) (Rng.create seed)
    values

let private near (tolerance: float) (expected: float) (actual: float) =
    if not (abs (expected - actual) <= tolerance * (1.0 + abs expected)) then
        Assert.Fail $"{actual:R} instead of {expected:R}"

/// θ after each of several gradients, with the learning rate bound to 0.1 where it is an input.
let private run (transform: Transform) (theta: float[]) (gradients: float[][]) =
    let n = theta.Length

    let struct (next, state) =
        Optimiser.update
            transform
            (Expr.input "g" [| n |])
            (Optimiser.inputs "state/" n transform)
            (Expr.input "theta" [| n |])

    let names =
        "theta" :: (Optimiser.state n transform |> List.map (fun variable -> "state/" + variable.Name))
        |> Array.ofList

    let initial =
        Optimiser.initialise n transform
        |> List.map (fun (name, value) -> "state/" + name, value)
        |> List.append [ "theta", Tensor.vector theta; "rate", Tensor.scalar 0.1 ]
        |> Map.ofList

    let step (values: Map<string, Tensor>) (gradient: float[]) =
        let values = Map.add "g" (Tensor.vector gradient) values
        let results = Reference.evaluateMany (fun name -> values[name]) (Array.ofList (next :: state))
        Seq.fold2 (fun values name result -> Map.add name result values) values names results

    Array.scan step initial gradients |> Array.tail

let private thetas transform theta gradients =
    run transform theta gradients |> Array.map (fun values -> values["theta"].ToArray())

let private gradientsOf seed = Array.init 6 (fun step -> random 4 2.0 (seed + uint64 step))

let private same tolerance (expected: float[][]) (actual: float[][]) =
    Array.iter2 (Array.iter2 (near tolerance)) expected actual

let private rate = Schedule.constant 0.1

let private all =
    [
        "sgd", Optimiser.sgd rate 0.0 0.0 false 0.0
        "momentum", Optimiser.sgd rate 0.9 0.0 true 0.01
        "adam", Optimiser.adam rate 1e-8
        "amsgrad", Optimiser.adamWith rate 0.9 0.999 1e-8 0.01 true
        "adamW", Optimiser.adamW rate 0.9 0.999 1e-8 0.01 false
        "rAdam", Optimiser.rAdam rate 0.9 0.999 1e-8 0.01
        "rmsProp", Optimiser.rmsProp (Schedule.constant 0.02) 0.9 1e-8 0.0 0.5 true
        "rmsPropInsideRoot", Optimiser.rmsPropInsideRoot rate 0.99 1e-5
        "adagrad", Optimiser.adagrad (Schedule.constant 0.5) 1e-10 0.0 0.0
        "adadelta", Optimiser.adadelta (Schedule.constant 1.0) 0.9 1e-4 0.0
        "adamax", Optimiser.adamax rate 0.9 0.999 1e-8 0.0
    ]

// --- Schedules
// -------------------------------------------------------------------------------------------------------------

[<Property>]
let ``each schedule has its values at its landmarks`` (steps: byte) (first: int8) (last: int8) =
    let steps, first, last = 1 + int steps, float first / 16.0, float last / 16.0
    let check expected count schedule = near 1e-12 expected (Schedule.valueAt count schedule)
    let middle = (first + last) / 2.0

    for count in [ 0; steps; 10 * steps ] do
        check first count (Schedule.constant first)

    for schedule in [ Schedule.linear; Schedule.cosine ] do
        check first 0 (schedule first last (2 * steps))
        check middle steps (schedule first last (2 * steps))
        check last (2 * steps) (schedule first last (2 * steps))
        check last (5 * steps) (schedule first last (2 * steps))

    for schedule in [ Schedule.exponential; Schedule.staircase ] do
        check first 0 (schedule first 0.5 steps)
        check (first * 0.5) steps (schedule first 0.5 steps)
        check (first * 0.125) (3 * steps) (schedule first 0.5 steps)

    check (first * 0.5) (2 * steps - 1) (Schedule.staircase first 0.5 steps)
    check (first * sqrt 0.5) steps (Schedule.exponential first 0.5 (2 * steps))
    check (first / 3.0) (2 * steps) (Schedule.inverseTime first (1.0 / float steps))
    let piecewise = Schedule.piecewise first [ steps, last; 2 * steps, 7.0 ]
    check first (steps - 1) piecewise
    check last steps piecewise
    check last (2 * steps - 1) piecewise
    check 7.0 (2 * steps) piecewise
    let joined = Schedule.join steps (Schedule.constant last) (Schedule.linear first last steps)
    check last (steps - 1) joined
    check first steps joined
    check last (2 * steps) joined
    let warm = Schedule.warmUp steps (Schedule.linear first last steps)
    check (first / float (steps + 1)) 0 warm
    check (first * float steps / float (steps + 1)) (steps - 1) warm
    check first steps warm
    check last (2 * steps) warm

[<Fact>]
let ``boundaries that do not increase are refused`` () =
    let error = Assert.ThrowsAny<ArgumentException>(fun () -> Schedule.piecewise 1.0 [ 5, 0.5; 5, 0.1 ] |> ignore)

    Assert.Contains("5", error.Message)

[<Property>]
let ``a rate from an input or from a schedule is the rate itself`` (seed: uint64) =
    let theta, gradients = random 4 1.0 seed, gradientsOf seed

    let byHand rates =
        Seq.zip rates gradients
        |> Seq.scan (fun theta (rate: float, gradient) -> Array.map2 (fun t g -> t - rate * g) theta gradient) theta
        |> Seq.tail
        |> Array.ofSeq

    let sgd rate = thetas (Optimiser.sgd rate 0.0 0.0 false 0.0) theta gradients
    same 1e-13 (byHand (Seq.replicate 6 0.1)) (sgd (Schedule.input "rate"))
    same 1e-13 (byHand [ 1.0; 0.75; 0.5; 0.25; 0.0; 0.0 ]) (sgd (Schedule.linear 1.0 0.0 4))

// --- Transformations
// --------------------------------------------------------------------------------------------------------

[<Property>]
let ``a clipped gradient keeps its direction and has at most the norm asked for`` (seed: uint64) (scale: byte) =
    let gradient = random 4 (float scale / 16.0) seed
    let norm (x: float[]) = sqrt (Array.sumBy (fun value -> value * value) x)
    let step = Transform.chain [ Transform.clipByGlobalNorm 1.5; Transform.scale -1.0 ]
    let moved = (thetas step (Array.zeroCreate 4) [| gradient |])[0]
    Assert.InRange(norm moved, 0.0, 1.5)
    let factor = min 1.0 (1.5 / (norm gradient + 1e-6))
    Array.iter2 (near 1e-13) (gradient |> Array.map (fun g -> -factor * g)) moved
    let byValue = (thetas (Transform.clipByValue 0.7) (Array.zeroCreate 4) [| gradient |])[0]
    Assert.Equal<float[]>(gradient |> Array.map (fun g -> Math.Clamp(g, -0.7, 0.7)), byValue)

[<Property>]
let ``a constant schedule scales as its constant does, and learning rates descend`` (seed: uint64) (factor: sbyte) =
    let theta, gradients = random 4 1.0 seed, gradientsOf seed
    let factor = float factor / 16.0
    let scaled = thetas (Transform.scale factor) theta gradients
    same 0.0 scaled (thetas (Transform.scaleBySchedule (Schedule.constant factor)) theta gradients)
    same 0.0 scaled (thetas (Transform.scaleByLearningRate (Schedule.constant -factor)) theta gradients)

/// Clips each gradient by hand as `clipByGlobalNorm` does.
let private clippedByHand (maximum: float) (gradient: float[]) =
    let norm = sqrt (Array.sumBy (fun g -> g * g) gradient)
    gradient |> Array.map (fun g -> g * min 1.0 (maximum / (norm + 1e-6)))

[<Property>]
let ``every optimiser sees a clipped gradient as if it had been clipped before`` (seed: uint64) =
    let theta, gradients = random 4 1.0 seed, gradientsOf seed

    for _, optimiser in all do
        let expected = thetas optimiser theta (gradients |> Array.map (clippedByHand 0.5))
        same 1e-11 expected (thetas (Optimiser.clipped 0.5 optimiser) theta gradients)

[<Property>]
let ``every optimiser sees a scaled gradient as if it had been scaled before`` (seed: uint64) =
    let theta, gradients = random 4 1.0 seed, gradientsOf seed

    for _, optimiser in all do
        let expected = thetas optimiser theta (gradients |> Array.map (Array.map (fun g -> -3.0 * g)))
        same 1e-11 expected (thetas (Transform.chain [ Transform.scale -3.0; optimiser ]) theta gradients)

[<Property>]
let ``chaining is associative`` (seed: uint64) =
    let theta, gradients = random 4 1.0 seed, gradientsOf seed

    let a, b, c =
        Transform.addDecayedWeights 0.1, Transform.trace 0.9 0.0 true, Transform.scaleByAdam 0.9 0.99 1e-8 true

    let left = Transform.chain [ Transform.chain [ a; b ]; c ]
    let right = Transform.chain [ a; Transform.chain [ b; c ] ]
    Assert.Equal<float[][]>(thetas left theta gradients, thetas right theta gradients)

[<Fact>]
let ``state variables of a chain have different names, and the count increases by 1`` () =
    let twice =
        Transform.chain [ Transform.trace 0.9 0.0 false; Transform.trace 0.5 0.0 false; Transform.trace 0.1 0.0 false ]

    let names = Optimiser.state 3 twice |> List.map (fun variable -> variable.Name)
    Assert.Equal<string list>([ "count"; "trace"; "trace2"; "trace3" ], names)
    let counts = run twice [| 1.0; 2.0; 3.0 |] (Array.create 3 [| 1.0; 1.0; 1.0 |])
    Assert.Equal<float[]>([| 1.0; 2.0; 3.0 |], counts |> Array.map (fun values -> values["state/count"].Scalar))

[<Property>]
let ``Adam's first step is the rate against the sign, however large the gradient`` (seed: uint64) (power: sbyte) =
    let gradient = random 4 (10.0 ** (float power / 16.0)) seed
    let moved = (thetas (Optimiser.adam rate 0.0) (Array.zeroCreate 4) [| gradient |])[0]
    Array.iter2 (near 1e-12) (gradient |> Array.map (fun g -> -0.1 * float (sign g))) moved

[<Property>]
let ``without a gradient, decoupled decay shrinks the parameters and nothing else`` (seed: uint64) =
    let theta = random 4 1.0 seed
    let decayed = thetas (Optimiser.adamW rate 0.9 0.999 1e-8 0.2 false) theta (Array.create 5 (Array.zeroCreate 4))
    Array.iter2 (near 1e-13) (theta |> Array.map (fun t -> t * 0.98 ** 5.0)) decayed[4]

[<Property>]
let ``dampening spares the first gradient`` (seed: uint64) =
    let gradients = gradientsOf seed
    let optimiser = Optimiser.sgd (Schedule.constant 1.0) 0.9 0.3 false 0.0
    let actual = thetas optimiser (Array.zeroCreate 4) gradients
    let first = gradients[0]
    let second = Array.map2 (fun b g -> 0.9 * b + 0.7 * g) first gradients[1]
    Array.iter2 (near 1e-13) (first |> Array.map (~-)) actual[0]
    Array.iter2 (near 1e-13) (Array.map2 (fun a b -> -a - b) first second) actual[1]

[<Property>]
let ``RMSprop inside the root divides by √(v + ε) with v starting at 1`` (seed: uint64) =
    let gradient = random 4 2.0 seed
    let moved = (thetas (Optimiser.rmsPropInsideRoot rate 0.99 1e-5) (Array.zeroCreate 4) [| gradient |])[0]
    let expected = gradient |> Array.map (fun g -> -0.1 * g / sqrt (0.99 + 0.01 * g * g + 1e-5))
    Array.iter2 (near 1e-12) expected moved

[<Fact>]
let ``every optimiser finds the minimum of a quadratic`` () =
    let n = 3
    let target = [| 1.0; -2.0; 0.5 |]
    let curvature = [| 1.0; 3.0; 0.3 |]

    for name, optimiser in all do
        let theta = Expr.input "theta" [| n |]
        let loss theta = Expr.sum (Expr.vector curvature * Expr.square (theta - Expr.vector target)) * 0.5
        let gradient = Diff.grad loss theta
        let struct (next, state) = Optimiser.update optimiser gradient (Optimiser.inputs "" n optimiser) theta
        let names = "theta" :: (Optimiser.state n optimiser |> List.map (fun variable -> variable.Name))

        let step (values: Map<string, Tensor>) _ =
            Reference.evaluateMany (fun name -> values[name]) (Array.ofList (next :: state))
            |> Seq.fold2 (fun values name result -> Map.add name result values) values names

        let start = Map.ofList (("theta", Tensor.vector [ 0.0; 0.0; 0.0 ]) :: Optimiser.initialise n optimiser)
        let final = Seq.fold step start (seq { 1..400 })
        let value = (Reference.evaluate (loss (Expr.constant final["theta"]))).Scalar
        Assert.True(value < 0.02, $"{name} ends at a loss of {value}, starting from 6.54.")

[<Fact>]
let ``an update by a scaled gradient is the update by the product`` () =
    let n = 9
    let transform = Optimiser.adam (Schedule.constant 0.01) 1e-5
    let gradient, theta = Expr.input "g" [| n |], Expr.input "theta" [| n |]
    let state = Optimiser.inputs "state/" n transform
    let factor = Expr.number 0.3

    let values =
        Map.ofList
            [
                "g", Tensor.vector (random n 1.0 3UL)
                "theta", Tensor.vector (random n 1.0 4UL)
                "state/count", Tensor.scalar 5.0
                "state/firstMoment", Tensor.vector (random n 1.0 5UL)
                "state/secondMoment", Tensor.vector (random n 1.0 6UL |> Array.map abs)
            ]

    let all struct (theta: Expr, state: Expr list) =
        Reference.evaluateMany (fun name -> values[name]) (Array.ofList (theta :: state))
        |> Array.collect _.ToArray()

    let scaled = { Scale = factor; Direction = gradient }

    Array.iter2
        (near 1e-14)
        (all (Optimiser.update transform (factor * gradient) state theta))
        (all (Optimiser.updateScaled transform scaled state theta))
