/// Acting with a trained policy: the compiled program does what the network's expressions say, for any number of rows.
[<FsCheck.Xunit.Properties(Replay = "(4719017,4719019)")>]
module Rl.Tests.Training.PredictorTests

open System
open FsCheck.Xunit
open Xunit
open Rl.Core.Acting
open Rl.Core.Foundations
open Rl.Core.Autodiff
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Training

let private model (actions: Space) (size: int) (normalised: bool) (seed: uint64) : PolicyModel =
    let network = Actor.create Activation.Tanh size [ 7; 5 ] (Policy.headFor -0.5 actions)
    let struct (theta, rng) = Layout.initialise (Rng.create seed) (Actor.layout network)
    let struct (first, rng) = Rng.uniform rng
    let struct (second, _) = Rng.uniform rng

    {
        Network = network
        ObservationSpace = Space.unbounded [| size |]
        ActionSpace = actions
        // The last layer starts small; larger parameters tell actions apart.
        Parameters = theta |> Array.map (fun value -> float32 (4.0 * value))
        WrapperStatistics = []
        Plans = None
        Observations =
            if normalised then
                {
                    Count = 10.0
                    Mean = Array.create size first
                    SquaredDeviation = Array.create size (5.0 + second)
                }
            else
                RunningStatistics.create 0
    }

let private observations (rows: int) (size: int) (seed: uint64) =
    let mutable rng = Rng.create (~~~seed)

    Array.init (rows * size) (fun _ ->
        let struct (value, next) = Rng.normal rng
        rng <- next
        float32 value)

/// The network's output for one observation by the reference evaluator, at float64.
let private reference (model: PolicyModel) (observation: float32[]) =
    let layout = Actor.layout model.Network
    let seen = Array.zeroCreate<float32> observation.Length

    if model.Observations.Size > 0 then
        RunningStatistics.normalise model.Observations 10.0f (ReadOnlySpan observation) (Span seen)
    else
        observation.CopyTo(seen, 0)

    let theta = Expr.vector (Array.map float model.Parameters)
    let row = Expr.reshape [| 1; seen.Length |] (Expr.vector (Array.map float seen))
    let output = Reference.evaluate (Actor.policy model.Network (Parameters.create layout theta) row)
    output.Values.ToArray()

let private predict (predictor: Predictor) (observations: float32[]) =
    let actions = Array.zeroCreate<float32>(predictor.Rows * predictor.ActionSize)
    predictor.Predict(ReadOnlySpan observations, Span actions)
    actions

let private message (action: unit -> unit) = Assert.ThrowsAny<ArgumentException>(Action action).Message

[<Property(MaxTest = 40)>]
let ``the predicted action is the mode of the network's distribution, normalised as in training``
    (seed: uint64)
    (normalised: bool)
    (rows: byte)
    =
    let rows = 1 + int rows % 5
    let discrete = model (Space.discreteFrom 3 4) 3 normalised seed
    let box = model (Space.boxOf -0.2 0.3 [| 2 |]) 3 normalised seed
    let observed = observations rows 3 seed
    let indices = predict (Predictor(discrete, rows)) observed
    let numbers = predict (Predictor(box, rows)) observed

    [ 0 .. rows - 1 ]
    |> List.forall (fun row ->
        let observation = observed[3 * row .. 3 * row + 2]
        let logits = reference discrete observation
        let chosen = logits[int indices[row] - 3]
        let means = reference box observation |> Array.map (fun mean -> min 0.3 (max -0.2 mean))

        chosen >= Array.max logits - 1e-4
        && Array.forall2
            (fun (mean: float) (action: float32) -> abs (mean - float action) < 1e-4)
            means
            numbers[2 * row .. 2 * row + 1])

[<Property(MaxTest = 40)>]
let ``a row's action does not depend on the rows beside it`` (seed: uint64) =
    let model = model (Space.boxOf -1.0 1.0 [| 2 |]) 3 true seed
    let observed = observations 6 3 seed
    let together = predict (Predictor(model, 6)) observed
    let alone = Predictor(model, 1)
    let separate = [| for row in 0..5 -> predict alone observed[3 * row .. 3 * row + 2] |] |> Array.concat
    together = separate

[<Fact>]
let ``drawn actions come with the frequencies of the network's probabilities`` () =
    let model = model (Space.discrete 3) 2 false 5UL
    let observation = [| 0.4f; -1.2f |]
    let rows = 4
    let predictor = Predictor(model, rows)
    let observed = Array.concat (Array.replicate rows observation)
    let struct (keys, _) = Rng.splitMany rows (Rng.create 1UL)
    let actions = Array.zeroCreate<float32> rows
    let counts = Array.zeroCreate<float> 3
    let draws = 20_000

    for _ in 1..draws do
        predictor.Sample(ReadOnlySpan observed, Span actions, Span keys)

        for action in actions do
            counts[int action] <- counts[int action] + 1.0

    let weights = reference model observation |> Array.map exp
    let total = float (draws * rows)

    let chiSquare =
        Array.map2
            (fun count weight ->
                let expected = total * weight / Array.sum weights
                (count - expected) * (count - expected) / expected)
            counts
            weights
        |> Array.sum

    // Two degrees of freedom: exceeded with probability 10⁻⁵.
    Assert.True(chiSquare < 23.0, $"χ² = {chiSquare}")

[<Fact>]
let ``drawing moves each key on and gives the same actions for the same keys`` () =
    let predictor = Predictor(model (Space.boxOf -1.0 1.0 [| 1 |]) 2 false 5UL, 2)
    let observed = [| 1.0f; 2.0f; 1.0f; 2.0f |]

    let draw () =
        let keys = [| Rng.create 1UL; Rng.create 2UL |]
        let actions = Array.zeroCreate<float32> 2
        predictor.Sample(ReadOnlySpan observed, Span actions, Span keys)
        actions, keys

    let actions, keys = draw ()
    Assert.Equal((actions, keys), draw ())
    Assert.NotEqual(actions[0], actions[1])
    Assert.NotEqual(Rng.create 1UL, keys[0])

[<Fact>]
let ``prediction and drawing allocate nothing`` () =
    let predictor = Predictor(model (Space.boxOf -1.0 1.0 [| 2 |]) 3 true 1UL, 2)
    let observed = observations 2 3 1UL
    let actions = Array.zeroCreate<float32> 4
    let keys = [| Rng.create 1UL; Rng.create 2UL |]

    let both () =
        predictor.Predict(ReadOnlySpan observed, Span actions)
        predictor.Sample(ReadOnlySpan observed, Span actions, Span keys)

    both ()
    let before = GC.GetAllocatedBytesForCurrentThread()

    for _ in 1..100 do
        both ()

    Assert.Equal(0L, GC.GetAllocatedBytesForCurrentThread() - before)

[<Fact>]
let ``an updated predictor acts as a new one`` () =
    let first, second =
        model (Space.boxOf -9.0 9.0 [| 2 |]) 3 true 1UL, model (Space.boxOf -9.0 9.0 [| 2 |]) 3 true 2UL

    let observed = observations 1 3 1UL
    let predictor = Predictor(first, 1)
    let before = predict predictor observed
    predictor.Update second
    Assert.NotEqual<float32[]>(before, predict predictor observed)
    Assert.Equal<float32[]>(predict (Predictor(second, 1)) observed, predict predictor observed)

[<Fact>]
let ``wrong lengths, NaN and infinity are refused by number, row and component`` () =
    let predictor = Predictor(model (Space.discrete 2) 3 false 1UL, 2)
    let actions = Array.zeroCreate<float32> 2
    let refuse (values: float32[]) = message (fun () -> predictor.Predict(ReadOnlySpan values, Span actions))
    Assert.Contains("observations has 5 elements; it must have 6", refuse (Array.zeroCreate 5))
    Assert.Contains("Component 1 of observation 1 is NaN", refuse [| 0.0f; 0.0f; 0.0f; 0.0f; nanf; 0.0f |])
    Assert.Contains("Component 2 of observation 0 is", refuse [| 0.0f; 0.0f; infinityf; 0.0f; 0.0f; 0.0f |])

    Assert.Contains(
        "actions has 1 elements",
        message (fun () ->
            predictor.Predict(ReadOnlySpan(Array.zeroCreate<float32> 6), Span(Array.zeroCreate<float32> 1)))
    )
