/// ObGD: traces are discounted sums of gradients, steps are those of the paper, and none takes a prediction beyond what
/// it is moved towards.
module Rl.Tests.Optimisers.OvershootingBoundTests

open System
open Rl.Core.Autodiff
open Rl.Core.Foundations
open Rl.Core.Optimisers
open Rl.Tests.Autodiff
open Xunit

let private scalar name = Expr.input name Shape.scalar

/// What a step is told, besides the gradient.
type private Told = { Decay: float; Keep: float; Error: float }

/// θ and z after each gradient of a prediction.
let private run (evaluator: Evaluator) rate factor (theta: float[]) (steps: (Told * float[]) list) =
    let n = theta.Length

    let descent =
        OvershootingBound.descent (Schedule.constant rate) factor (scalar "decay") (scalar "keep") (scalar "error")

    let struct (next, state) =
        Optimiser.update descent (Expr.input "g" [| n |]) (Optimiser.inputs "" n descent) (Expr.input "theta" [| n |])

    let names = "theta" :: (Optimiser.state n descent |> List.map _.Name) |> List.toArray
    let start = Map.ofList (("theta", Tensor.vector theta) :: Optimiser.initialise n descent)

    let step (values: Map<string, Tensor>) (told: Told, gradient: float[]) =
        let given =
            values
            |> Map.add "g" (Tensor.vector gradient)
            |> Map.add "decay" (Tensor.scalar told.Decay)
            |> Map.add "keep" (Tensor.scalar told.Keep)
            |> Map.add "error" (Tensor.scalar told.Error)

        evaluator given (Array.ofList (next :: state)) |> Array.zip names |> Map.ofArray

    steps
    |> List.scan step start
    |> List.tail
    |> List.map (fun values -> values["theta"].ToArray(), values[OvershootingBound.TraceName].ToArray())

/// Numbers in [−1, 1) from a seed.
let private numbers (seed: int) =
    let mutable rng = Rng.create (uint64 seed)

    fun () ->
        let struct (value, next) = Rng.uniformIn -1.0 1.0 rng
        rng <- next
        value

let private near (expected: float[]) (actual: float[]) =
    Array.iter2 (fun (e: float) a -> Assert.Equal(e, a, 1e-12)) expected actual

/// Steps of which some begin an episode and some explore.
let private walk: (Told * float[]) list =
    let draw = numbers 5

    [
        for index in 0..11 ->
            {
                Decay = (if index = 4 || index = 9 then 0.0 else 0.9 * 0.7)
                Keep = (if index = 6 then 0.0 else 1.0)
                Error = 3.0 * draw ()
            },
            Array.init 4 (fun _ -> draw ())
    ]

[<Fact>]
let ``a trace is the sum of the gradients since it began, discounted by the steps since`` () =
    // Its first step, of each step: the beginning, one after an exploring action cut it, one after an episode's end.
    let first index =
        if index >= 9 then 9
        elif index >= 7 then 7
        elif index >= 4 then 4
        else 0

    let found = run Evaluator.reference 0.3 2.0 (Array.create 4 0.5) walk |> List.toArray

    for index in 0..11 do
        let sum =
            Array.init 4 (fun i ->
                Seq.sum (seq { for k in first index .. index -> 0.63 ** float (index - k) * (snd walk[k]).[i] }))

        near (if index = 6 then Array.zeroCreate 4 else sum) (snd found[index])

[<Fact>]
let ``steps are those of the paper's algorithm, by every evaluator`` () =
    let rate, factor = 0.8, 2.0
    let mutable theta, z = Array.create 4 0.5, Array.zeroCreate<float> 4

    let expected =
        [
            for told, gradient in walk do
                z <- Array.map2 (fun z g -> told.Decay * z + g) z gradient
                let delta = max (abs told.Error) 1.0
                let m = rate * factor * delta * Array.sumBy abs z
                let alpha = min (rate / m) rate
                theta <- Array.map2 (fun w z -> w + alpha * told.Error * z) theta z
                if told.Keep = 0.0 then z <- Array.zeroCreate 4
                theta
        ]

    for _, evaluator in ("the reference", Evaluator.reference) :: Evaluator.doubles do
        List.iter2 (fun e (a, _) -> near e a) expected (run evaluator rate factor (Array.create 4 0.5) walk)

/// The change of a linear prediction φ · θ by a step whose trace is z before φ comes to it, and the error that it is
/// moved by.
let private change rate factor (features: float[]) (before: float[]) (error: float) =
    let told = { Decay = 1.0; Keep = 1.0; Error = 0.0 }
    let theta = Array.zeroCreate<float> features.Length
    let path = run Evaluator.reference rate factor theta [ told, before; { told with Error = error }, features ]
    Array.map2 (*) features (fst path[1]) |> Array.sum

[<Fact>]
let ``no step takes a linear prediction of features up to 1 further than its target`` () =
    let draw = numbers 11

    for trial in 0..199 do
        let features = Array.init 6 (fun _ -> if trial % 3 = 0 then float (sign (draw ())) else draw ())
        let before = Array.init 6 (fun _ -> if trial % 2 = 0 then 0.0 else 4.0 * draw ())
        let error = Math.Pow(10.0, 3.0 * draw ()) * float (sign (draw ()))
        let factor = 1.0 + abs (draw ())
        let rate = Math.Pow(10.0, 4.0 * draw ())
        let moved = change rate factor features before error
        Assert.True(abs moved <= abs error / factor * (1.0 + 1e-12), $"{moved} for an error of {error}")
        // Without an older trace it goes towards the target.
        if trial % 2 = 0 then Assert.True(moved * error >= 0.0)

[<Fact>]
let ``the bound is reached, and a plain step of the same size overshoots`` () =
    let ones = Array.create 6 1.0
    let still = Array.zeroCreate 6
    // Features of size 1 and errors of at most 1: with κ = 1 the prediction lands on its target.
    Assert.Equal(0.5, change 1.0 1.0 ones still 0.5, 1e-12)
    // Beyond 1, steps are no longer than those of an error of 1.
    Assert.Equal(1.0, change 1.0 1.0 ones still 40.0, 1e-12)
    // θ + α δ φ would go six times as far as it should.
    Assert.Equal(6.0 * 0.5, 0.5 * Array.sumBy (fun x -> x * x) ones)
    // Small steps are left alone.
    Assert.Equal(0.01 * 0.5 * 6.0, change 0.01 2.0 ones still 0.5, 1e-12)

[<Fact>]
let ``a factor that is not above 0 is refused`` () =
    let error =
        Assert.ThrowsAny<ArgumentException>(fun () ->
            OvershootingBound.scale (Schedule.constant 1.0) 0.0 (scalar "error") |> ignore)

    Assert.Contains("factor", error.Message)
