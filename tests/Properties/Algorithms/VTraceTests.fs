/// What V-trace's learners share: what a policy says of rollouts that it did not make, and credit that is PPO's where
/// it did.
module Rl.Tests.Algorithms.VTraceTests

open System
open Rl.Core.Acting
open Rl.Core.Algorithms
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Xunit

let private layers: LayerOptions =
    {
        Design = NetworkDesign.Automatic
        Hidden = [ 8 ]
        Activation = Activation.Tanh
        SharedTrunk = false
        Convolutions = Convolutions.Automatic
        Recurrence = None
        RecurrentUnits = 5
        OrthogonalInitialisation = false
        InitialLogStandardDeviation = -0.3
        StateDependentExploration = false
    }

let private rollouts sequence : RolloutOptions =
    { RolloutOptions.Plain(24, 0.9, 0.7, false, false) with Sequence = sequence }

/// A network's source in an environment with 7 copies, and the state after two rollouts.
let private collected layers (id: string) sequence (workers: Workers) =
    let environment = (LearnerLaws.environment id).Vectorise 7
    let network = PolicyNetwork.create layers environment.ObservationSpace environment.ActionSpace
    let source = RolloutSource(network, environment, rollouts sequence, workers)
    let start = source.Start.Initialise source.Arrays (Rng.create 5UL)
    network, environment, source, (source.Collect start).State

let private near (tolerance: float) (expected: float32[]) (actual: float32[]) =
    Assert.Equal(expected.Length, actual.Length)
    Array.iter2 (fun (e: float32) (a: float32) -> Assert.InRange(float (a - e), -tolerance, tolerance)) expected actual

[<Theory;
  InlineData("CartPole-v1", "", 0, 1);
  InlineData("Pendulum-v1", "", 0, 3);
  InlineData("Match-v0", "", 0, 2);
  InlineData("Spot-v0", "", 0, 2);
  InlineData("CartPole-v1", "lstm", 24, 2);
  InlineData("Match-v0", "gru", 8, 3)>]
let ``a policy says of its own rollout what it said when it acted``
    (id: string)
    (cell: string)
    (sequence: int)
    threads
    =
    let recurrence =
        match cell with
        | "lstm" -> Some RecurrentCell.Lstm
        | "gru" -> Some RecurrentCell.Gru
        | _ -> None

    use workers = new Workers(threads)
    let network, environment, source, state = collected { layers with Recurrence = recurrence } id sequence workers
    let credited = source.Collect state
    let evaluation = RolloutEvaluation(network, source.Columns, environment.Count, 24, sequence, workers)
    let logs, values = Array.zeroCreate<float32> source.Samples, Array.zeroCreate<float32> source.Samples
    evaluation.Run(state.Parameters, credited.Samples, logs, values)
    near 1e-4 credited.Rollout.LogProbabilities logs
    near 1e-4 credited.Rollout.Values values

    // The number of threads changes no bit, and another policy says something else.
    use alone = new Workers(1)
    let again = RolloutEvaluation(network, source.Columns, environment.Count, 24, sequence, alone)
    let other, same = Array.copy logs, Array.copy values
    again.Run(state.Parameters, credited.Samples, other, same)
    Assert.Equal<float32[]>(logs, other)
    Assert.Equal<float32[]>(values, same)
    again.Run(Array.map ((*) 1.5f) state.Parameters, credited.Samples, other, same)
    Assert.NotEqual<float32[]>(logs, other)
    Assert.NotEqual<float32[]>(values, same)

[<Theory; InlineData(1.0, 1.0); InlineData(3.0, 1.5)>]
let ``on policy, V-trace's credit is that of generalised advantages, whatever clips of at least 1`` clip policyClip =
    use workers = new Workers(2)
    let network, environment, source, state = collected layers "CartPole-v1" 0 workers
    let options = { VTraceOptions.defaults with RatioClip = clip; PolicyRatioClip = policyClip }
    let correction = VTrace.correct options 1 2.0 environment workers network (rollouts 0)
    let expected = source.Collect state
    let advantages, returns = Array.copy expected.Advantages, Array.copy expected.Returns
    let actual = correction.Collect state
    near 1e-3 advantages actual.Advantages
    near 1e-3 returns actual.Returns
    let find name = correction.Metrics() |> Array.pick (fun (struct (n, v)) -> if n = name then Some v else None)
    Assert.Equal(0.0, find "lag")
    Assert.Equal<float32[]>(state.Parameters, actual.State.Parameters)

[<Fact>]
let ``whoever acts is as many updates behind as asked, and no more than there were`` () =
    use workers = new Workers(1)
    let options = [ "PolicyLag", "3"; "RolloutSteps", "8" ]
    let learner = LearnerLaws.make "impala" options "CartPole-v1" 3 workers
    let mutable state = learner.Initialise(Rng.create 3UL)
    let theta = ResizeArray [ state.Parameters ]

    for update in 0..5 do
        let struct (next, report) = learner.Transition state
        let lag = report.Metrics |> Array.pick (fun (struct (n, v)) -> if n = "lag" then Some(int v) else None)
        Assert.Equal(min 3 update, lag)
        // What acted is what θ was then.
        for updates in 1 .. min 3 (update + 1) do
            Assert.Equal<float32[]>(theta[update + 1 - updates], next.Array $"laggedParameters{updates}")

        state <- next
        theta.Add state.Parameters

[<Fact>]
let ``copies that act elsewhere cannot lag by order, nor follow the returns of each`` () =
    let refused (changes: (string * string) list) =
        use workers = new Workers(1)
        let inner = (Registry.make "CartPole-v1").Vectorise 3

        let carrier =
            { new Rl.Core.Distributed.IRoundCarrier with
                member _.Carry _ = ()
            }

        let batch = Rl.Core.Distributed.DistributedBatch(inner, carrier)
        let make () = Impala.create (ImpalaOptions.ofPairs changes) batch workers |> ignore
        (Assert.ThrowsAny<ArgumentException>(Action make)).ParamName

    Assert.Equal("PolicyLag", refused [ "PolicyLag", "1" ])
    Assert.Equal("NormaliseRewards", refused [ "NormaliseRewards", "true" ])
