/// Optimisers at the edges of float32: squares beyond it, quotients of nothing by nothing, counts beyond 2²⁴.
module Rl.Tests.Optimisers.LargeNumberTests

open System
open Rl.Core.Autodiff
open Rl.Core.Optimisers
open Xunit

/// A float32 program of one update, with its state at the beginning and θ = 0.
let private program (n: int) (transform: Transform) =
    let theta, gradient = Expr.input "theta" [| n |], Expr.input "gradient" [| n |]
    let state = Optimiser.inputs "state/" n transform
    let struct (moved, newState) = Optimiser.update transform gradient state theta
    let program = Program.compile<float32> { Outputs = []; Carried = (theta, moved) :: List.zip state newState }

    for name, value in Optimiser.initialise n transform do
        program.Set("state/" + name, ReadOnlySpan(value.ToArray() |> Array.map float32))

    program

/// θ after updates of 0 by gradients.
let private trained transform (gradients: float32[] list) =
    let program = program gradients.Head.Length transform

    for gradient in gradients do
        program.Set("gradient", ReadOnlySpan gradient)
        program.Run()

    (program.Input "theta").ToArray()

let private one = Schedule.constant 1.0

[<Fact>]
let ``gradients whose squares exceed float32 are clipped to their norm`` () =
    let clipped = Optimiser.clipped 1.0 (Optimiser.sgd one 0.0 0.0 false 0.0)
    Assert.Equal(-1.0f, (trained clipped [ [| 1e25f |] ])[0], 1e-5f)
    let pair = trained clipped [ [| 3e30f; -4e30f |] ]
    Assert.Equal(-0.6f, pair[0], 1e-5f)
    Assert.Equal(0.8f, pair[1], 1e-5f)
    // Adam takes one whole step, where the square alone would have been infinite.
    let adam = Transform.chain [ Transform.clipByValue 1e18; Optimiser.adam one 1e-8 ]
    Assert.Equal(-1.0f, (trained adam [ [| 1e20f |] ])[0], 1e-4f)
    // Infinity is still no step.
    let broken = trained clipped [ [| infinityf |] ]
    Assert.False(Single.IsFinite broken[0])

[<Fact>]
let ``ordinary norms keep every bit`` () =
    let random = Random 4
    let values = Array.init 1000 (fun _ -> float32 (random.NextDouble() - 0.5))
    let x = Expr.input "x" [| 1000 |]
    let plain = Expr.sqrt (Expr.sum (Expr.square x))
    let program = Program.ofOutputs<float32> [ "norm", Scaled.norm (Scaled.ofVector x); "plain", plain ]
    program.Set("x", ReadOnlySpan values)
    program.Run()
    Assert.Equal(program.Scalar "plain", program.Scalar "norm")

[<Fact>]
let ``with ε = 0 a gradient of 0 is a step of 0`` () =
    for name, transform in
        [
            "Adam", Optimiser.adam one 0.0
            "AMSGrad", Optimiser.adamWith one 0.9 0.999 0.0 0.0 true
            "Adamax", Optimiser.adamax one 0.9 0.999 0.0 0.0
            "RMSprop", Optimiser.rmsProp one 0.99 0.0 0.0 0.0 false
            "centred RMSprop", Optimiser.rmsProp one 0.99 0.0 0.0 0.0 true
            "Adagrad", Optimiser.adagrad one 0.0 0.0 0.0
        ] do
        let theta = trained transform [ [| 0.0f; 1.0f |]; [| 0.0f; 1.0f |] ]
        Assert.True(theta[0] = 0.0f, $"{name}: {theta[0]}")
        Assert.True(theta[1] < 0.0f, $"{name}: {theta[1]}")

[<Fact>]
let ``schedules go on beyond a count of 2²⁴`` () =
    let rate = Schedule.linear 1.0 0.0 30_000_000
    let transform = Optimiser.sgd rate 0.0 0.0 false 0.0
    let program = program 1 transform
    program.Set("state/count", ReadOnlySpan [| 16_777_200.0f |])
    program.Set("gradient", ReadOnlySpan [| 1.0f |])

    /// The learning rate of the next update.
    let next () =
        (program.Input "theta")[0] <- 0.0f
        program.Run()
        -(float (program.Input("theta")[0]))

    let runs = 200_000

    for _ in 1..runs do
        next () |> ignore

    Assert.Equal(1.0 - (16_777_200.0 + float runs) / 30e6, next (), 1e-6)

    // Far beyond, where two counts are a unit of the last place apart: set, as nobody waits for so many.
    program.Set("state/missedMillions", ReadOnlySpan [| 12.0f |])
    program.Set("state/missedCounts", ReadOnlySpan [| 1_048_575.0f |])
    next () |> ignore
    Assert.Equal(13.0f, program.Input("state/missedMillions")[0])
    Assert.Equal(0.0f, program.Input("state/missedCounts")[0])
    Assert.Equal(0.0, next (), 1e-12)

[<Fact>]
let ``schedules that do not ask for the count keep none`` () =
    for schedule in [ Schedule.constant 0.1; Schedule.input "learningRate" ] do
        let state = Optimiser.state 3 (Optimiser.adam schedule 1e-8) |> List.map _.Name
        Assert.Equal<string list>([ "count"; "firstMoment"; "secondMoment" ], state)

let private muonOfOneMatrix =
    let muon = Optimiser.muon one 0.9 0.9 0.999 1e-5 0.0
    muon.ForMatrices.Value [ { First = 0; Rows = 5; Columns = 8; UnitsAreRows = false } ]

/// Of each optimiser that averages gradients, one, and the average's name.
let private averaging =
    [
        "firstMoment", Optimiser.adam one 1e-5
        "firstMoment", Optimiser.rAdam one 0.9 0.999 1e-5 0.0
        "firstMoment", Optimiser.adamax one 0.9 0.999 1e-5 0.0
        "trace", Optimiser.sgd one 0.9 0.0 false 0.0
        "trace", Optimiser.sgd one 0.9 0.0 true 0.0
        "firstMoment", muonOfOneMatrix
    ]

[<Fact>]
let ``an average of gradients that stay away ends at zero and is never a subnormal number`` () =
    for name, transform in averaging do
        let n = 40
        let program = program n transform
        program.Set("gradient", ReadOnlySpan(Array.init n (fun i -> MathF.ScaleB(1.0f, -i))))
        program.Run()
        program.Set("gradient", ReadOnlySpan(Array.zeroCreate<float32> n))
        let average () = (program.Input("state/" + name)).ToArray()

        for _ in 1..900 do
            program.Run()
            Assert.All(average (), fun value -> Assert.False(Single.IsSubnormal value))

        Assert.All(average (), fun value -> Assert.Equal(0.0f, value))
