/// TQC and CrossQ: truncated distributions, statistics of batches that acting follows, and options that are refused.
[<FsCheck.Xunit.Properties(Replay = "(1618033,271829)")>]
module Rl.Tests.Algorithms.OffPolicy.SoftCriticTests

open System
open FsCheck.Xunit
open Rl.Core.Acting
open Rl.Core.Algorithms
open Rl.Core.Autodiff
open Rl.Core.Environments
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Objectives
open Rl.Tests.Objectives.EstimatorTests
open Xunit

let private rows (width: int) (values: float[]) = Array.chunkBySize width values

[<Property>]
let ``the least quantiles are those that sorting leaves`` (seed: uint64) =
    let x = random [| 6; 9 |] 1.0 seed

    for count in [ 1; 4; 9 ] do
        let kept = numbers (TruncatedQuantiles.least count x) |> rows 9

        Array.iter2
            (fun (x: float[]) (kept: float[]) ->
                let left = Array.zip x kept |> Array.filter (fun (_, kept) -> kept = 1.0) |> Array.map fst
                Assert.Equal<float[]>(Array.sort x |> Array.take count, Array.sort left)
                Assert.Equal(float (9 - count), kept |> Array.sumBy (fun kept -> 1.0 - kept)))
            (numbers x |> rows 9)
            kept

[<Fact>]
let ``of equal quantiles the first are left`` () =
    let least count values = numbers (TruncatedQuantiles.least count (Expr.vector values))
    Assert.Equal<float[]>([| 1.0; 1.0; 0.0; 0.0 |], least 2 [ 3.0; 3.0; 3.0; 3.0 ])
    Assert.Equal<float[]>([| 0.0; 1.0; 1.0; 0.0; 1.0 |], least 3 [ 2.0; 1.0; 1.0; 2.0; 1.0 ])
    Assert.Equal<float[]>([| 1.0; 1.0; 0.0; 1.0 |], least 3 [ 2.0; 1.0; 2.0; 1.0 ])

[<Property>]
let ``truncated regression is quantile regression towards what is left, over the number of quantiles`` (seed: uint64) =
    let locations, targets = random [| 4; 3 |] 1.0 seed, random [| 4; 7 |] 2.0 (seed + 1UL)
    let levels = ValueDistributions.midpointLevels 3

    let whole = TruncatedQuantiles.regression locations levels targets (Expr.ones [| 4; 7 |]) 7

    near 1e-12 (ValueDistributions.quantileRegression 1.0 locations levels targets * (1.0 / 3.0)) whole
    let kept = TruncatedQuantiles.least 5 targets
    let sorted = numbers targets |> rows 7 |> Array.collect (Array.sort >> Array.take 5)
    let left = Expr.constant (Tensor.create [| 4; 5 |] sorted)

    near
        1e-12
        (ValueDistributions.quantileRegression 1.0 locations levels left * (1.0 / 3.0))
        (TruncatedQuantiles.regression locations levels targets kept 5)

[<Fact>]
let ``truncation has a least where the mean of all quantiles has a bias`` () =
    // Estimates of a value of 0 by 9 quantiles with independent errors: what is left without the largest is lower.
    let atoms = random [| 200; 9 |] 1.0 5UL

    let mean count =
        let kept = TruncatedQuantiles.least count atoms
        Array.average (numbers (Expr.sumOver [| -1 |] (kept * atoms) * (1.0 / float count)))

    let means = [ for count in 1..9 -> mean count ]
    Assert.Equal<float list>(List.sort means, means)
    Assert.True(means[0] < -1.0 && abs means[8] < 0.1, $"%A{means}")

[<Fact>]
let ``numbers of quantiles out of their range, and other shapes, are refused`` () =
    let x = Expr.zeros [| 2; 4 |]
    let fails (f: unit -> Expr) = Assert.ThrowsAny<ArgumentException>(fun () -> f () |> ignore)
    Assert.Equal("count", (fails (fun () -> TruncatedQuantiles.least 0 x)).ParamName)
    Assert.Equal("count", (fails (fun () -> TruncatedQuantiles.least 5 x)).ParamName)
    let regression kept = TruncatedQuantiles.regression x (ValueDistributions.midpointLevels 4) x kept 3
    Assert.Equal("kept", (fails (fun () -> regression (Expr.zeros [| 4 |]))).ParamName)

let private small: OffPolicyOptions =
    { OffPolicyOptions.defaults with
        BufferSize = 500
        LearningStarts = 20
        BatchSize = 8
        RoundSteps = 60
    }

let private crossq = { CrossQOptions.defaults with Soft.OffPolicy = small; Soft.Network.Hidden = [ 8; 8 ] }

let private pendulum () = (Registry.make "Pendulum-v1").Vectorise 4

let private refused name (create: BatchEnvironment -> Workers -> Learner) =
    use workers = new Workers(1)
    let error = Assert.ThrowsAny<ArgumentException>(fun () -> create (pendulum ()) workers |> ignore)
    Assert.Equal(name, error.ParamName)
    Assert.Contains(name, error.Message)

[<Fact>]
let ``truncating all quantiles, and batches without a variance, are refused`` () =
    refused "DroppedQuantiles" (Tqc.create { TqcOptions.defaults with Quantiles = 3; DroppedQuantiles = 3 })
    refused "BatchSize" (CrossQ.create { crossq with Soft.OffPolicy.BatchSize = 1 })

[<Fact>]
let ``options survive their texts`` () =
    let tqc = { TqcOptions.defaults with Quantiles = 7; DroppedQuantiles = 3; Soft.InitialTemperature = 0.5 }
    Assert.Equal(tqc, TqcOptions.ofPairs (TqcOptions.toPairs tqc))

    let crossq =
        { crossq with
            GradientDecay = 0.25
            PolicyDelay = 5
            RenormalisationStarts = 7
            StatisticsRate = 0.5
        }

    Assert.Equal(crossq, CrossQOptions.ofPairs (CrossQOptions.toPairs crossq))

[<Fact>]
let ``what CrossQ's normalisations carry lies in θ, moves with batches, and acts`` () =
    use workers = new Workers(1)
    use learner = CrossQ.create crossq (pendulum ()) workers
    let start = learner.Initialise(Rng.create 3UL)
    // No target network is kept.
    Assert.DoesNotContain(start.Arrays, (fun (name, _) -> name = "targets"))

    let after =
        Seq.fold
            (fun state _ ->
                let struct (next, _) = learner.Transition state
                next)
            start
            (seq { 1..3 })

    let layout = Actor.layout learner.Network
    let read (state: TrainingState) name = state.Parameters[layout[name].Offset]
    let updates = float32 ((after.Steps - 20L) / 4L * 4L)
    let batches = "actor/output/inputs/statistics/batches"
    Assert.Equal(0.0f, read start batches)
    Assert.True(read after batches > 0.0f && read after batches * 3.0f <= updates)
    Assert.NotEqual(read start "actor/0/inputs/statistics/mean", read after "actor/0/inputs/statistics/mean")

    /// The mode at one observation.
    let mode (state: TrainingState) =
        let theta = state.Parameters[.. layout.Count - 1] |> Array.map float
        let observation = Expr.constant (Tensor.create [| 1; 3 |] [| 0.6; -0.8; 2.0 |])
        (numbers (Actor.policy learner.Network (Parameters.create layout (Expr.vector theta)) observation))[0]

    // Other statistics make other actions, from the same weights.
    let forgotten =
        let theta = Array.copy after.Parameters

        for block in layout.Blocks do
            if BatchRenormalisation.isStatistic block then
                Array.blit start.Parameters block.Offset theta block.Offset block.Count

        { after with Parameters = theta }

    Assert.NotEqual(mode forgotten, mode after)

[<Fact>]
let ``more target critics than critics are refused`` () =
    refused "TargetCritics" (Redq.create { RedqOptions.defaults with Critics = 3; TargetCritics = 4 })

[<Fact>]
let ``each critic is drawn as often as any other, each pair too`` () =
    let draws = 20_000
    let chosen = Array.zeroCreate<float32> 5
    let pairs = Array2D.zeroCreate<int> 5 5
    let mutable rng = Rng.create 17UL

    for _ in 1..draws do
        rng <- Redq.choose 2 chosen rng

        let own =
            [
                for index in 0..4 do
                    if chosen[index] = 1.0f then index
            ]

        Assert.Equal(2, own.Length)
        Assert.All(chosen, (fun value -> Assert.True((value = 0.0f || value = 1.0f))))
        pairs[own[0], own[1]] <- pairs[own[0], own[1]] + 1

    for first in 0..4 do
        for second in first + 1 .. 4 do
            // One of ten pairs; five standard deviations of its count.
            Assert.InRange(float pairs[first, second] / float draws, 0.1 - 0.011, 0.1 + 0.011)

[<Theory; InlineData(0.0); InlineData(0.01); InlineData(0.3); InlineData(0.9)>]
let ``elements are dropped with their probability, independently of their neighbours`` (rate: float) =
    let kept = Array.zeroCreate<float32> 100_000
    let rng = Droq.drop rate kept (Rng.create 23UL)
    let again = Array.zeroCreate<float32> 100_000
    Droq.drop rate again rng |> ignore

    let near expected (values: seq<float>) =
        let tolerance = 5.0 * sqrt (expected * (1.0 - expected) / 100_000.0)
        Assert.InRange(Seq.average values, expected - tolerance - 1e-12, expected + tolerance + 1e-12)

    let isDropped (value: float32) = if value = 0.0f then 1.0 else 0.0
    Assert.All(kept, (fun value -> Assert.True((value = 0.0f || value = 1.0f))))
    near rate (Seq.map isDropped kept)
    near (rate * rate) (Seq.pairwise kept |> Seq.map (fun (a, b) -> isDropped a * isDropped b))
    near (rate * rate) (Seq.map2 (fun a b -> isDropped a * isDropped b) kept again)
    // The first element is no exception.
    let firsts =
        [
            for seed in 1UL .. 2_000UL do
                let one = [| 0.0f |]
                Droq.drop rate one (Rng.create seed) |> ignore
                isDropped one[0]
        ]

    Assert.InRange(List.average firsts, rate - 0.06, rate + 0.06)
