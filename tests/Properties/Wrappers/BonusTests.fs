/// Bonuses for what is new: what they are, that evaluations have none, and that a restored batch goes on with them.
module Rl.Tests.Wrappers.BonusTests

open System
open System.Collections.Generic
open System.Threading
open Rl.Core.Foundations
open Rl.Core.Autodiff
open Rl.Core.Algorithms
open Rl.Core.Environments
open Rl.Core.Networks
open Rl.Core.Training
open Rl.Core.Wrappers
open Rl.Tests.Autodiff
open Rl.Tests.Wrappers.Compositions
open Xunit

let private distillation = Wrapper.RandomNetworkDistillation(0.5, 1e-2, 4, 7)

let private batch (id: string) limit copies wrappers =
    let batch = Wrapper.apply wrappers ((Registry.make id).Vectorise(copies, limit))
    batch.Reset(Rng.create 3UL)
    batch

/// A copy's step: the observation that it led to, its reward, and, where its episode ended, its return and length.
type private Seen = { Led: float32[]; Reward: float; Return: float; Length: int }

/// Each step of each copy under the same actions.
let private walk (batch: BatchEnvironment) (actions: float32[][]) : Seen[][] =
    let buffers, size = batch.AllocateBuffers(), batch.ObservationSize

    actions
    |> Array.map (fun row ->
        batch.StepAll(ReadOnlySpan row, buffers)

        Array.init batch.Count (fun copy ->
            let ended = buffers.Terminated.Span[copy] || buffers.Truncated.Span[copy]
            let shown = if ended then buffers.FinalObservations else buffers.Observations

            {
                Led = shown.Slice(copy * size, size).ToArray()
                Reward = float buffers.Rewards.Span[copy]
                Return = buffers.EpisodeReturns.Span[copy]
                Length = buffers.EpisodeLengths.Span[copy]
            }))

/// The bonuses of a walk, and the walk without them, whose observations and returns must be the same.
let private bonuses id limit copies (wrapper: Wrapper) steps =
    let plain, wrapped = batch id limit copies [], batch id limit copies [ wrapper ]
    let actions = randomActions plain 5UL steps
    let own, changed = walk plain actions, walk wrapped actions

    let bonus (own: Seen) (changed: Seen) =
        Assert.Equal<float32[]>(own.Led, changed.Led)
        Assert.Equal((own.Return, own.Length), (changed.Return, changed.Length))
        changed.Reward - own.Reward

    Assert.Contains(Array.concat own, (fun step -> step.Length > 0))
    own, Array.map2 (Array.map2 bonus) own changed

/// 0.5 / √n of the cell of each observation, the copies counted one after the other.
let private counted (cellOf: float32[] -> int list) (own: Seen[][]) (found: float[][]) =
    let counts = Dictionary<int list, int>()

    for step in 0 .. own.Length - 1 do
        for copy in 0 .. own[step].Length - 1 do
            let cell = cellOf own[step].[copy].Led
            counts[cell] <- (if counts.ContainsKey cell then counts[cell] else 0) + 1
            Assert.Equal(0.5 / sqrt (float counts[cell]), found[step].[copy], 1e-6)

    Assert.True(counts.Count > 1 && Seq.max counts.Values > 5)

[<Fact>]
let ``a count bonus is that of the bin that a step led to`` () =
    let own, found = bonuses "MountainCar-v0" 11 3 (Wrapper.CountBonus(0.5, [| 7; 5 |])) 60

    let bin low high count (value: float32) =
        int (Math.Clamp(Math.Floor((float value - low) / (high - low) * count), 0.0, count - 1.0))

    counted (fun led -> [ bin -1.2 0.6 7.0 led[0]; bin -0.07 0.07 5.0 led[1] ]) own found

[<Fact>]
let ``integers are counted by value`` () =
    let own, found = bonuses "FrozenLake-v1" 9 2 (Wrapper.CountBonus(0.5, [||])) 50
    counted (fun led -> [ int led[0] ]) own found

/// The mean over the outputs of (f̂ − f)², with plain loops.
let private plainError (networks: Distillation) (theta: float[]) (x: float[]) =
    let layers (mlp: Mlp) (theta: float[]) =
        let layout = Mlp.layout mlp

        let apply isLast name (x: float[]) =
            let weight, bias = layout[name + "/weight"], layout[name + "/bias"]
            let outputs = bias.Count

            Array.init outputs (fun j ->
                let sum = Seq.sum (seq { for i in 0 .. x.Length - 1 -> x[i] * theta[weight.Offset + i * outputs + j] })
                let y = sum + theta[bias.Offset + j]
                if isLast then y else max 0.0 y)

        let hidden = [ for index in 0 .. mlp.Hidden.Length - 1 -> apply false (string index) ]
        List.fold (fun x layer -> layer x) x (hidden @ [ apply true "output" ])

    Array.map2
        (fun said known -> (said - known) * (said - known))
        (layers networks.Predictor theta)
        (layers networks.Target networks.TargetStart)
    |> Array.average

[<Fact>]
let ``the bonus of random network distillation is the predictor's error in units of its discounted sums`` () =
    let own, found = bonuses "Pendulum-v1" 8 2 distillation 25
    let networks = Distillation.create 3 4 (Rng.create 7UL)
    Assert.Equal<int list>([ 4 ], networks.Target.Hidden)
    Assert.Equal<int list>([ 4; 4 ], networks.Predictor.Hidden)
    // A predictor that began as its target's first layer would have nothing to learn there.
    Assert.NotEqual<float[]>(networks.TargetStart[..11], networks.PredictorStart[..11])
    let mutable theta = networks.PredictorStart
    let m, v = Array.zeroCreate<float> theta.Length, Array.zeroCreate<float> theta.Length
    let returns = Array.zeroCreate<float> 2
    // Count, mean and variance, from mean 0 and variance 1 of the weight 10⁻⁴ on.
    let take (count: float, mean: float, variance: float) (value: float) =
        let total = count + 1.0
        let next = mean + (value - mean) / total
        total, next, (count * variance + (value - mean) * (value - next)) / total

    let mutable observed = Array.create 3 (1e-4, 0.0, 1.0)
    let mutable sums = 1e-4, 0.0, 1.0

    let gradient (theta: float[]) (rows: float[][]) =
        let input = Expr.input "theta" [| theta.Length |]
        let x = Expr.constant (Tensor.create [| 2; 3 |] (Array.concat rows))
        let loss = Expr.mean (Distillation.errors networks input x)
        let inputs = Map.ofList [ "theta", Tensor.vector theta ]
        let found = Evaluator.reference inputs (Diff.gradients loss [| input |])
        found[0].ToArray()

    for step in 0 .. own.Length - 1 do
        for copy in 0..1 do
            observed <- Array.map2 take observed (own[step].[copy].Led |> Array.map float)

        let known = observed

        let normalise (led: float32[]) =
            Array.map2
                (fun (value: float32) (_, mean, variance) ->
                    Math.Clamp((float value - mean) / sqrt (variance + 1e-8), -5.0, 5.0))
                led
                known

        let rows = own[step] |> Array.map (fun seen -> normalise seen.Led)
        let errors = rows |> Array.map (plainError networks theta)

        for copy in 0..1 do
            returns[copy] <- 0.99 * returns[copy] + errors[copy]
            sums <- take sums returns[copy]

        let _, _, variance = sums

        for copy in 0..1 do
            let expected = 0.5 * min 5.0 (errors[copy] / sqrt (variance + 1e-8))
            Assert.Equal(expected, found[step].[copy], 2e-3 * expected + 4e-6)

        let g = gradient theta rows
        let t = float (step + 1)

        for i in 0 .. theta.Length - 1 do
            m[i] <- 0.9 * m[i] + 0.1 * g[i]
            v[i] <- 0.999 * v[i] + 0.001 * g[i] * g[i]

        theta <-
            theta
            |> Array.mapi (fun i w -> w - 0.01 * (m[i] / (1.0 - 0.9 ** t)) / (sqrt (v[i] / (1.0 - 0.999 ** t)) + 1e-8))

[<Fact>]
let ``what is seen again and again earns less and less`` () =
    let wrapped = batch "CliffWalking-v1" 1000 1 [ Wrapper.RandomNetworkDistillation(1.0, 1e-2, 16, 1) ]
    // To the left, at the start, is where the walk is already.
    let still = walk wrapped (Array.create 200 [| 3.0f |]) |> Array.map (fun row -> row[0])
    let bonus (seen: Seen) = seen.Reward + 1.0
    Assert.All(still, (fun seen -> Assert.Equal(still[0].Led[0], seen.Led[0])))
    let known = bonus (Array.last still)
    // Upwards is new.
    let fresh = walk wrapped [| [| 0.0f |] |]
    Assert.NotEqual(still[0].Led[0], fresh[0].[0].Led[0])
    Assert.True(bonus fresh[0].[0] > 20.0 * known, $"{bonus fresh[0].[0]} for what is new, {known} for the known")

let private kinds = [ Wrapper.CountBonus(0.5, [| 7; 5 |]); distillation ]

[<Fact>]
let ``frozen there is no bonus, nothing is learned, and copies are not coupled`` () =
    for wrapper in kinds do
        let train () =
            let wrapped = batch "MountainCar-v0" 11 2 [ wrapper ]
            walk wrapped (randomActions wrapped 5UL 30) |> ignore
            wrapped

        let goOn (wrapped: BatchEnvironment) =
            wrapped.Reset(Rng.create 8UL)
            walk wrapped (randomActions wrapped 6UL 20) |> Array.map (Array.map _.Reward)

        let evaluated = train ()
        Assert.True evaluated.IsCoupled
        evaluated.RestoreStatistics([], true)
        Assert.False evaluated.IsCoupled
        let rewards = walk evaluated (randomActions evaluated 5UL 30) |> Array.concat |> Array.map _.Reward
        Assert.All(rewards, (fun reward -> Assert.Equal(-1.0, reward)))
        evaluated.RestoreStatistics([], false)
        Assert.True evaluated.IsCoupled
        // As if nothing had been between.
        let expected = goOn (train ())
        Assert.DoesNotContain(-1.0, Array.concat expected)
        Assert.Equal<float[][]>(expected, goOn evaluated)

[<Fact>]
let ``a restored batch goes on with what was learned, bit for bit`` () =
    for wrapper in kinds do
        let one = batch "MountainCar-v0" 11 2 [ wrapper ]
        let actions = randomActions one 5UL 30
        walk one actions |> ignore
        let snapshot = one.Capture()
        let other = Wrapper.apply [ wrapper ] ((Registry.make "MountainCar-v0").Vectorise(2, 11))
        other.Reset(Rng.create 9UL)
        walk other (randomActions other 8UL 5) |> ignore
        other.Restore snapshot
        let expected, found = walk one actions, walk other actions
        Assert.Equal<float[][]>(expected |> Array.map (Array.map _.Reward), found |> Array.map (Array.map _.Reward))
        Assert.Equal<byte[]>(one.Capture().Bytes, other.Capture().Bytes)

[<Fact>]
let ``training reports the returns of the environment, without the bonus`` () =
    for wrapper in kinds do
        use workers = new Workers(1)
        let wrapped = Wrapper.apply [ wrapper ] ((Registry.make "MountainCar-v0").Vectorise(2, 20))
        let options = PpoOptions.ofPairs [ "RolloutSteps", "64"; "MinibatchSize", "32"; "Hidden", "8" ]
        use learner = Ppo.create options wrapped workers
        let struct (next, report) = learner.Transition(learner.Initialise(Rng.create 1UL))
        Assert.All(report.Episodes, (fun episode -> Assert.Equal(-float episode.Length, episode.Return)))
        Assert.NotEmpty report.Episodes

        let result = Evaluate.run (learner.Policy next) wrapped 3 true (Rng.create 2UL) CancellationToken.None
        Assert.All(result.Returns, (fun value -> Assert.Equal(-20.0, value)))

[<Fact>]
let ``bonuses that make no sense are refused`` () =
    let refused (id: string) (wrapper: Wrapper) (name: string) =
        let make () = Wrapper.wrap ((Registry.make id).Vectorise 1) wrapper |> ignore
        Assert.Contains(name, (Assert.ThrowsAny<ArgumentException> make).Message)

    refused "MountainCar-v0" (Wrapper.CountBonus(-1.0, [| 4 |])) "scale"
    refused "MountainCar-v0" (Wrapper.CountBonus(1.0, [| 4; 0 |])) "bins"
    refused "MountainCar-v0" (Wrapper.CountBonus(1.0, [| 4; 4; 4 |])) "bins"
    refused "MountainCar-v0" (Wrapper.CountBonus(1.0, [| 2000; 2000 |])) "fewer bins"
    refused "CartPole-v1" (Wrapper.CountBonus(1.0, [| 4 |])) "finite bounds"
    refused "FrozenLake-v1" (Wrapper.CountBonus(1.0, [| 4 |])) "leave them out"
    refused "Blackjack-v1" (Wrapper.CountBonus(1.0, [||])) "FlattenObservation"
    refused "CartPole-v1" (Wrapper.RandomNetworkDistillation(nan, 1e-3, 4, 1)) "scale"
    refused "CartPole-v1" (Wrapper.RandomNetworkDistillation(1.0, 0.0, 4, 1)) "learningRate"
    refused "CartPole-v1" (Wrapper.RandomNetworkDistillation(1.0, 1e-3, 0, 1)) "width"
