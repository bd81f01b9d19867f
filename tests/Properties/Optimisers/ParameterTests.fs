/// Every number that an optimiser or a transformation is made with changes its steps; and the first steps by hand.
module Rl.Tests.Optimisers.ParameterTests

open System
open Rl.Core.Autodiff
open Rl.Core.Optimisers
open Xunit

/// θ after each of several gradients.
let private path (transform: Transform) : float[] =
    let theta = [| 1.0; -2.0; 0.5 |]
    let n = theta.Length

    let struct (next, state) =
        Optimiser.update
            transform
            (Expr.input "g" [| n |])
            (Optimiser.inputs "state/" n transform)
            (Expr.input "theta" [| n |])

    let names = "theta" :: (Optimiser.state n transform |> List.map (fun variable -> "state/" + variable.Name))

    let initial =
        Optimiser.initialise n transform
        |> List.map (fun (name, value) -> "state/" + name, value)
        |> List.append [ "theta", Tensor.vector theta ]
        |> Map.ofList

    // The first gradient is small beside the others, so that maxima and clips come to act.
    let gradients =
        [|
            [| 0.1; -0.2; 0.3 |]
            [| 1.5; 0.4; -2.0 |]
            [| -0.7; 0.2; 0.9 |]
            [| 0.05; -0.6; 0.02 |]
            [| 0.3; 0.1; -0.4 |]
            [| -0.2; 0.5; 0.6 |]
            [| 0.4; -0.3; 0.1 |]
        |]

    let step (values: Map<string, Tensor>) (gradient: float[]) =
        let values = Map.add "g" (Tensor.vector gradient) values
        let results = Reference.evaluateMany (fun name -> values[name]) (Array.ofList (next :: state))
        Seq.fold2 (fun values name result -> Map.add name result values) values names results

    Array.scan step initial gradients
    |> Array.tail
    |> Array.collect (fun values -> values["theta"].ToArray())

/// What is made of a list of numbers, and those numbers with others instead of them.
let private made: (string * (float[] -> Transform) * (float * float)[])[] =
    let rate value = Schedule.constant value
    let isOn value = value > 0.5

    [|
        "sgd", (fun p -> Optimiser.sgd (rate p[0]) p[1] p[2] false p[3]), [| 0.1, 0.2; 0.5, 0.7; 0.2, 0.4; 0.1, 0.2 |]
        "Nesterov's sgd", (fun p -> Optimiser.sgd (rate 0.1) 0.5 0.0 (isOn p[0]) 0.0), [| 0.0, 1.0 |]
        "adam",
        (fun p -> Optimiser.adamWith (rate p[0]) p[1] p[2] p[3] p[4] (isOn p[5])),
        [| 0.1, 0.2; 0.9, 0.8; 0.5, 0.7; 0.01, 0.1; 0.1, 0.2; 0.0, 1.0 |]
        "adam with an ε", (fun p -> Optimiser.adam (rate p[0]) p[1]), [| 0.1, 0.2; 1e-3, 1e-2 |]
        "adamW",
        (fun p -> Optimiser.adamW (rate p[0]) p[1] p[2] p[3] p[4] (isOn p[5])),
        [| 0.1, 0.2; 0.9, 0.8; 0.5, 0.7; 0.01, 0.1; 0.1, 0.2; 0.0, 1.0 |]
        "rAdam",
        (fun p -> Optimiser.rAdam (rate p[0]) p[1] p[2] p[3] p[4]),
        // With β₂ from 0.9 to 0.95 the second moment is known at the sixth step.
        [| 0.1, 0.2; 0.9, 0.8; 0.95, 0.9; 0.01, 0.1; 0.1, 0.2 |]
        "rmsProp",
        (fun p -> Optimiser.rmsProp (rate p[0]) p[1] p[2] p[3] p[4] (isOn p[5])),
        [| 0.1, 0.2; 0.9, 0.7; 0.01, 0.1; 0.1, 0.2; 0.5, 0.3; 0.0, 1.0 |]
        "rmsPropInsideRoot",
        (fun p -> Optimiser.rmsPropInsideRoot (rate p[0]) p[1] p[2]),
        [| 0.1, 0.2; 0.9, 0.7; 0.01, 0.1 |]
        "adagrad",
        (fun p -> Optimiser.adagrad (rate p[0]) p[1] p[2] p[3]),
        [| 0.1, 0.2; 0.01, 0.1; 0.3, 0.0; 0.1, 0.2 |]
        "adadelta",
        (fun p -> Optimiser.adadelta (rate p[0]) p[1] p[2] p[3]),
        [| 0.1, 0.2; 0.9, 0.7; 0.01, 0.1; 0.1, 0.2 |]
        "adamax",
        (fun p -> Optimiser.adamax (rate p[0]) p[1] p[2] p[3] p[4]),
        [| 0.1, 0.2; 0.9, 0.7; 0.5, 0.9; 0.01, 0.1; 0.1, 0.2 |]
        "clipping by norm",
        (fun p -> Optimiser.clipped p[0] (Optimiser.sgd (rate 0.1) 0.0 0.0 false 0.0)),
        [| 0.5, 1.0 |]
        "clipping by value", (fun p -> Transform.clipByValue p[0]), [| 0.5, 0.25 |]
        "scaling", (fun p -> Transform.scale p[0]), [| 0.5, 0.25 |]
        "scaling by RMS",
        (fun p -> Transform.scaleByRms p[0] p[1] (isOn p[2]) (isOn p[3]) p[4]),
        [| 0.9, 0.7; 0.01, 0.1; 0.0, 1.0; 0.0, 1.0; 0.5, 0.0 |]
        "momentum", (fun p -> Transform.trace p[0] p[1] false), [| 0.5, 0.3; 0.1, 0.4 |]
        "linear",
        (fun p -> Transform.scaleByLearningRate (Schedule.linear p[0] p[1] (int p[2]))),
        [| 0.1, 0.2; 0.0, 0.05; 3.0, 5.0 |]
        "exponential",
        (fun p -> Transform.scaleByLearningRate (Schedule.exponential p[0] p[1] (int p[2]))),
        [| 0.1, 0.2; 0.5, 0.25; 2.0, 3.0 |]
        "cosine",
        (fun p -> Transform.scaleByLearningRate (Schedule.cosine p[0] p[1] (int p[2]))),
        [| 0.1, 0.2; 0.0, 0.05; 3.0, 5.0 |]
        "inverse time",
        (fun p -> Transform.scaleByLearningRate (Schedule.inverseTime p[0] p[1])),
        [| 0.1, 0.2; 0.5, 0.25 |]
        "warm-up",
        (fun p -> Transform.scaleByLearningRate (Schedule.warmUp (int p[0]) (rate p[1]))),
        [| 2.0, 3.0; 0.1, 0.2 |]
    |]

[<Fact>]
let ``every number and switch of an optimiser changes its path`` () =
    for name, make, values in made do
        let usual = Array.map fst values
        let before = path (make usual)
        Assert.All(before, (fun value -> Assert.True(Double.IsFinite value)))

        for index in 0 .. values.Length - 1 do
            let other = Array.updateAt index (snd values[index]) usual
            let after = path (make other)
            let moved = Array.fold2 (fun most (a: float) b -> max most (abs (a - b))) 0.0 before after
            Assert.True(moved > 1e-6, $"number {index} of {name} moves nothing")

/// What a transformation makes of a first gradient g beside θ.
let private first (transform: Transform) (gradient: float[]) (theta: float[]) : float[] =
    let n = gradient.Length

    let struct (update, _) =
        transform.Update
            (Expr.number 0.0)
            (Scaled.ofVector (Expr.vector gradient))
            (transform.State n |> List.map (fun variable -> Expr.full variable.Shape variable.Initial))
            (Expr.vector theta)

    (Reference.evaluate (Scaled.toVector update)).ToArray()

[<Fact>]
let ``first steps are those of the formulas, from where the averages start`` () =
    let gradient, theta = [| 0.3; -2.0; 0.0 |], [| 1.0; -0.5; 2.0 |]

    let check (name: string) transform (formula: float -> float -> float) =
        Array.map2 formula gradient theta
        |> Array.iteri2
            (fun index actual expected ->
                if not (abs (expected - actual) <= 1e-12 * (1.0 + abs expected)) then
                    Assert.Fail $"{name}: element {index} is {actual:R}, not {expected:R}")
            (first transform gradient theta)

    for initial in [ 0.0; 0.1; 4.0 ] do
        check $"Adagrad from {initial}" (Transform.scaleByAdagrad 0.01 initial) (fun g _ ->
            g / (sqrt (initial + g * g) + 0.01))

        check $"RMSprop from {initial}" (Transform.scaleByRms 0.9 0.01 false false initial) (fun g _ ->
            g / (sqrt (0.9 * initial + 0.1 * g * g) + 0.01))

        check $"RMSprop with ε inside from {initial}" (Transform.scaleByRms 0.9 0.01 false true initial) (fun g _ ->
            g / sqrt (0.9 * initial + 0.1 * g * g + 0.01))

        check $"centred RMSprop from {initial}" (Transform.scaleByRms 0.9 0.01 true false initial) (fun g _ ->
            g / (sqrt (0.9 * initial + 0.09 * g * g) + 0.01))

    check "Adam" (Transform.scaleByAdam 0.9 0.99 0.01 false) (fun g _ -> g / (abs g + 0.01))
    check "AMSGrad" (Transform.scaleByAdam 0.9 0.99 0.01 true) (fun g _ -> g / (abs g + 0.01))
    check "Adamax" (Transform.scaleByAdamax 0.9 0.99 0.01) (fun g _ -> g / (abs g + 0.01))

    check "Adadelta" (Transform.scaleByAdadelta 0.9 0.01) (fun g _ -> sqrt (0.01 / (0.1 * g * g + 0.01)) * g)

    check "momentum" (Transform.trace 0.9 0.4 false) (fun g _ -> g)
    check "Nesterov's momentum" (Transform.trace 0.9 0.0 true) (fun g _ -> 1.9 * g)
    check "weight decay" (Transform.addDecayedWeights 0.2) (fun g theta -> g + 0.2 * theta)
    check "clipping by value" (Transform.clipByValue 0.5) (fun g _ -> Math.Clamp(g, -0.5, 0.5))
    let norm = sqrt (0.09 + 4.0)
    check "clipping by norm" (Transform.clipByGlobalNorm 0.5) (fun g _ -> g * 0.5 / (norm + 1e-6))
    check "no clipping below the norm" (Transform.clipByGlobalNorm 5.0) (fun g _ -> g)
