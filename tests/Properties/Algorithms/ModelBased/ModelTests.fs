/// Theorems about learnt models: their loss, what they do not know, and that they find what there is to be found.
module Rl.Tests.Algorithms.ModelBased.ModelTests

open System
open FsCheck.FSharp
open FsCheck.Xunit
open Rl.Core.Algorithms
open Rl.Core.Autodiff
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Objectives
open Rl.Core.Planning
open Xunit

let private evaluate (x: Expr) = (Reference.evaluate x).ToArray()

let private normals (count: int) (key: Rng) =
    let values = Array.zeroCreate<float32> count
    Rng.normals (Span values) key |> ignore
    values

[<Property>]
let ``the gradient of the Gaussian loss is its closed form`` (seed: uint64) =
    let values = normals 18 (Rng.create seed) |> Array.map float
    let part first = Expr.fresh (Expr.constant (Tensor.create [| 2; 3 |] values[first .. first + 5]))
    let mean, logVariance, target = part 0, part 6, part 12
    let loss = Expr.sum (ModelLearning.gaussianLoss mean logVariance target)
    let gradients = Diff.gradients loss [| mean; logVariance |]

    for index in 0..5 do
        let error, precision = values[index] - values[12 + index], Math.Exp -values[6 + index]
        Assert.Equal(2.0 * error * precision, (evaluate gradients[0])[index], 1e-9)
        Assert.Equal(1.0 - error * error * precision, (evaluate gradients[1])[index], 1e-9)

[<Fact>]
let ``the Gaussian loss is least at the mean and the variance of the data`` () =
    let data = Expr.vector [ 1.0; 2.0; 4.0; 9.0 ]

    let loss (p: Expr) =
        let part index = Expr.slice 0 index (index + 1) p
        Expr.mean (ModelLearning.gaussianLoss (part 0) (part 1) data)

    let gradient = Diff.grad loss (Expr.vector [ 4.0; Math.Log 9.5 ]) |> evaluate
    Assert.All(gradient, (fun value -> Assert.Equal(0.0, value, 1e-12)))

[<Property>]
let ``bounded variances lie between their bounds, rise with what they are made of, and keep what is far within``
    (seed: uint64)
    =
    let raw = normals 8 (Rng.create seed) |> Array.map (fun x -> 10.0 * float x) |> Array.sort
    let bounded = ModelLearning.boundLogVariance (Expr.number -10.0) (Expr.number 0.5) (Expr.vector raw) |> evaluate
    // softplus adds at most ln 2 at its bend, and never takes away.
    Assert.All(bounded, (fun value -> Assert.InRange(value, -10.0, 0.5 + 1e-4)))
    Assert.Equal<float[]>(Array.sort bounded, bounded)
    let middle = ModelLearning.boundLogVariance (Expr.number -40.0) (Expr.number 40.0) (Expr.number 1.25) |> evaluate
    Assert.Equal(1.25, middle[0], 1e-12)

[<Property>]
let ``the variance of the mixture of members is what they do not know and the noise, exactly`` (seed: uint64) =
    let members, count = 4, 6
    let values = normals (2 * members * count) (Rng.create seed) |> Array.map float
    let means = values[.. members * count - 1]
    let logarithms = values[members * count ..]
    let tensor values = Expr.constant (Tensor.create [| members; 2; 3 |] values)
    let total = ModelLearning.totalVariance (tensor means) (tensor logarithms) |> evaluate
    let known = ModelLearning.aleatoric (tensor logarithms) |> evaluate
    let unknown = ModelLearning.epistemic (tensor means) |> evaluate

    for index in 0 .. count - 1 do
        let ofMember m = means[m * count + index], Math.Exp logarithms[m * count + index]
        let each = List.init members ofMember
        // E[y²] − (E y)² of one of the members, each as likely.
        let first = each |> List.averageBy fst
        let second = each |> List.averageBy (fun (mean, variance) -> mean * mean + variance)
        Assert.Equal(second - first * first, total[index], 1e-9)
        Assert.Equal(total[index], unknown[index] + known[index], 1e-12)
        Assert.True(unknown[index] >= 0.0)

[<Fact>]
let ``one member knows nothing of what it does not know`` () =
    let error =
        Assert.Throws<ArgumentException>(fun () -> ModelLearning.epistemic (Expr.zeros [| 1; 2; 3 |]) |> ignore)

    Assert.Contains("at least 2", error.Message)
    let network = ModelNetwork.create Activation.Silu 1 2 [ 4 ] 1 true true false
    let predictions = ModelPredictions(network, 3)

    let error =
        Assert.Throws<ArgumentException>(fun () ->
            predictions.Uncertainty(Span(Array.zeroCreate 3), Span(Array.zeroCreate 3)))

    Assert.Contains("Members is 1", error.Message)

[<Property>]
let ``uncertainties of predictions are those of the expressions`` (seed: uint64) =
    let network = ModelNetwork.create Activation.Tanh 3 2 [ 4 ] 2 true true false
    let layout = ModelNetwork.layout network
    let struct (theta, key) = Layout.initialise (Rng.create seed) layout
    let predictions = ModelPredictions(network, 5)
    (Array.map float32 theta).CopyTo predictions.Theta
    Rng.normals predictions.Inputs key |> ignore
    use workers = new Workers(1)
    predictions.Run workers
    let epistemic, aleatoric = Array.zeroCreate<float32> 10, Array.zeroCreate<float32> 10
    predictions.Uncertainty(Span epistemic, Span aleatoric)
    let tensor (values: float32[]) = Expr.constant (Tensor.create [| 3; 5; 2 |] (Array.map float values))
    let unknown = ModelLearning.epistemic (tensor (predictions.Mean.ToArray())) |> evaluate
    let noise = ModelLearning.aleatoric (tensor (predictions.LogVariance.ToArray())) |> evaluate

    for index in 0..9 do
        Assert.Equal(unknown[index], float epistemic[index], 1e-6)
        Assert.Equal(noise[index], float aleatoric[index], 1e-6)

// --- Bootstrap ------------------------------------------------------------------------------------------------------

[<Fact>]
let ``bootstrapped rows are those given, each as often as any other in the mean, and a third of them are left out`` () =
    let given = [| 3; 5; 8; 13; 21; 34; 55; 89; 144; 233 |]
    let rows = Array.zeroCreate<int> given.Length
    let counts = Array.zeroCreate<int> given.Length
    let rounds = 20_000
    let mutable key = Rng.create 1UL
    let mutable missing = 0

    for _ in 1..rounds do
        key <- Bootstrap.draw true (ReadOnlySpan given) (Span rows) key

        for row in rows do
            counts[Array.IndexOf(given, row)] <- counts[Array.IndexOf(given, row)] + 1

        missing <- missing + (given |> Array.filter (fun row -> not (Array.contains row rows))).Length

    // Each count is binomial: mean 20,000, deviation √(200,000 · 0.1 · 0.9) = 134.
    Assert.All(counts, (fun count -> Assert.InRange(count, rounds - 700, rounds + 700)))
    // (1 − 1/10)¹⁰ of the rows are in no draw.
    Assert.Equal(Math.Pow(0.9, 10.0), float missing / float (rounds * given.Length), 0.01)

[<Property>]
let ``without replacement each row is there once`` (seed: uint64) =
    let given = Array.init 20 (fun index -> index * index)
    let rows = Array.zeroCreate<int> 20
    Bootstrap.draw false (ReadOnlySpan given) (Span rows) (Rng.create seed) |> ignore
    Assert.Equal<int[]>(given, Array.sort rows)

// --- Fits -----------------------------------------------------------------------------------------------------------

/// s′ = s + A s + B a, r = s₀ − a₀, of random states and actions; noise of deviation σ on the first number.
let private linear (count: int) (deviation: float32) (key: Rng) : ModelData =
    let values = normals (4 * count) key
    let noise = normals count (Rng.create 77UL)
    let state = Array.init (2 * count) (fun index -> values[index])
    let action = values[2 * count .. 3 * count - 1]

    let next =
        Array.init (2 * count) (fun index ->
            let row = index / 2
            let s, v, a = state[2 * row], state[2 * row + 1], action[row]

            if index % 2 = 0 then
                s + 0.1f * v + deviation * noise[row]
            else
                v - 0.3f * s + 0.5f * a)

    {
        Observations = state
        Actions = action
        Rewards = Array.init count (fun row -> state[2 * row] - action[row])
        Continues = Array.init count (fun row -> if state[2 * row] > 1.0f then 0.0f else 1.0f)
        NextObservations = next
    }

let private options: ModelOptions =
    { ModelOptions.defaults with
        Members = 3
        Elites = 2
        ModelHidden = []
        ModelBatchSize = 64
        ModelLearningRate = 0.03
        ModelWeightDecay = 0.0
        ModelPatience = 20
        ModelEpochs = 60
    }

/// A fit of the options to data: network, fit, frame, report.
let private fitted (options: ModelOptions) (learnsEnds: bool) (data: ModelData) (threads: int) =
    let network = ModelOptions.network options 2 1 true learnsEnds
    let layout = ModelNetwork.layout network
    use workers = new Workers(threads)
    let fit = ModelFit(network, options, 0, workers)
    let struct (theta, key) = Layout.initialise (Rng.create 3UL) layout

    let state =
        TrainingState.create ((Registry.make "Pendulum-v1").Vectorise 1) (Array.map float32 theta) fit.Arrays key

    let draft = Draft state
    fit.Load draft
    let frame = ModelFrame.ofData true true data
    let struct (report, _) = fit.Fit(data, frame, Rng.create 4UL)
    fit.Store draft
    network, fit, frame, report, draft.Theta

[<Theory; InlineData(true); InlineData(false)>]
let ``a model of a linear system recovers it`` (isGaussian: bool) =
    let kind = if isGaussian then ModelKind.Gaussian else ModelKind.Deterministic

    let network, fit, frame, report, _ =
        fitted { options with Model = kind } false (linear 1000 0.0f (Rng.create 1UL)) 1
    // Normalised numbers have variance 1.
    Assert.All(report.HeldOut, (fun error -> Assert.InRange(error, 0.0, 1e-4)))
    let other = linear 64 0.0f (Rng.create 2UL)
    use workers = new Workers(1)
    let step = ModelStep(network, 2, 2, 32, Propagation.TrajectorySampling)
    step.Load(frame, ReadOnlySpan report.Elites, fit.Parameters)
    other.Observations.CopyTo step.Observations
    other.Actions.CopyTo step.Actions
    step.Run workers
    let next = step.Next.ToArray()
    Array.iter2 (fun (e: float32) a -> Assert.Equal(e, a, 0.03f)) other.NextObservations next
    Array.iter2 (fun (e: float32) a -> Assert.Equal(e, a, 0.05f)) other.Rewards (step.Rewards.ToArray())

[<Fact>]
let ``a Gaussian model finds the noise, and members agree where there are data`` () =
    let data = linear 2000 0.2f (Rng.create 1UL)
    let options = { options with ModelHidden = [ 16 ]; ModelLearningRate = 5e-3 }
    let network, fit, frame, _, _ = fitted options false data 1
    let predictions = ModelPredictions(network, 64)
    let count = (ModelNetwork.layoutOfMember network).Count

    for index in 0..2 do
        fit.Parameters(index).Span.CopyTo(predictions.Theta.Slice(index * count, count))

    use workers = new Workers(1)
    let inputs = ModelFrame.inputs data
    ModelFrame.normalise frame.InputMean frame.InputScale inputs

    let uncertainty (scale: float32) =
        for index in 0 .. 64 * 3 - 1 do
            predictions.Inputs[index] <- scale * inputs[index]

        predictions.Run workers
        let unknown, noise = Array.zeroCreate<float32>(64 * 3), Array.zeroCreate<float32>(64 * 3)
        predictions.Uncertainty(Span unknown, Span noise)
        let ofFirst (values: float32[]) = Seq.init 64 (fun row -> float values[3 * row]) |> Seq.average
        ofFirst unknown, ofFirst noise

    let unknown, noise = uncertainty 1.0f
    let scale = float frame.TargetScale[0]
    Assert.Equal(0.2, Math.Sqrt noise * scale, 0.03)
    Assert.True(unknown < 0.1 * noise, $"{unknown} {noise}")
    let far, _ = uncertainty 20.0f
    Assert.True(far > 20.0 * unknown, $"{far} {unknown}")

[<Fact>]
let ``terminations that follow from the state are learnt`` () =
    let data = linear 2000 0.0f (Rng.create 1UL)
    let options = { options with ModelHidden = [ 16 ]; ModelLearningRate = 1e-2 }
    let network, fit, frame, report, _ = fitted options true data 1
    use workers = new Workers(1)
    let step = ModelStep(network, 2, 2, 100, Propagation.TrajectorySampling)
    step.Load(frame, ReadOnlySpan report.Elites, fit.Parameters)
    data.Observations[..399].CopyTo step.Observations
    data.Actions[..199].CopyTo step.Actions
    step.Run workers
    let logits = step.Terminations.ToArray()

    let right =
        Seq.init 200 (fun row -> (logits[row] > 0.0f) = (data.Continues[row] = 0.0f))
        |> Seq.filter id
        |> Seq.length

    Assert.InRange(right, 190, 200)

[<Fact>]
let ``elites are the members with the least error on the rows held out, and fits do not depend on threads`` () =
    let data = linear 300 0.1f (Rng.create 5UL)
    let options = { options with Members = 4; ModelHidden = [ 8 ]; ModelEpochs = 3 }
    let _, _, _, report, one = fitted options false data 1
    Assert.Equal(2, report.Elites.Length)
    let best = report.HeldOut |> Array.indexed |> Array.sortBy snd |> Array.map fst |> Array.truncate 2
    Assert.Equal<int[]>(best, report.Elites)
    let _, _, _, other, two = fitted options false data 2
    Assert.Equal<float[]>(report.HeldOut, other.HeldOut)
    Assert.Equal<float32[]>(one, two)

[<Fact>]
let ``data that are not finite are refused with step, component and value`` () =
    let data = linear 20 0.0f (Rng.create 1UL)
    data.NextObservations[7] <- nanf
    let error = Assert.Throws<ArgumentException>(fun () -> ModelData.require data)
    Assert.Contains("Step 3 of the data has NaN in component 1 of its next observation", error.Message)
    let error = Assert.Throws<ArgumentException>(fun () -> fitted options false data 1 |> ignore)
    Assert.Contains("Step 3", error.Message)

[<Fact>]
let ``examples of episodes are their steps, and those that end are known`` () =
    let episode: RecordedEpisode =
        {
            Observations = [| 1.0f; 2.0f; 3.0f; 4.0f; 5.0f; 6.0f |]
            Actions = [| 0.5f; -0.5f |]
            Rewards = [| 1.0; 2.0 |]
            Terminated = true
            Truncated = false
        }

    let data = ModelData.ofEpisodes [ episode; { episode with Terminated = false; Truncated = true } ]
    Assert.Equal(4, data.Count)
    Assert.Equal<float32[]>([| 1.0f; 2.0f; 3.0f; 4.0f; 1.0f; 2.0f; 3.0f; 4.0f |], data.Observations)
    Assert.Equal<float32[]>([| 3.0f; 4.0f; 5.0f; 6.0f; 3.0f; 4.0f; 5.0f; 6.0f |], data.NextObservations)
    Assert.Equal<float32[]>([| 1.0f; 0.0f; 1.0f; 1.0f |], data.Continues)
