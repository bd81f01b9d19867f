/// Estimates of a policy's return from episodes of another: their expectations are exact on finite processes, and their
/// intervals hold what they should.
module Rl.Tests.Objectives.OfflineEvaluationTests

open System
open Rl.Core.Foundations
open Rl.Core.Objectives
open Rl.Core.Tabular
open Rl.Tests.Theorems
open Xunit

[<Literal>]
let private Horizon = 4

let private discount = 0.9

/// A process, a behaviour, a policy, and all episodes of the behaviour with their probabilities.
let private setting seed =
    let struct (mdp, rng) = Generators.absorbing 3 2 0.3 discount (Rng.create seed)
    let struct (behaviour, _, rng) = TabularPolicy.random 0.7 mdp.States 2 rng
    let struct (policy, _, _) = TabularPolicy.random 1.0 mdp.States 2 rng
    mdp, behaviour, policy, Trajectories.enumerate mdp behaviour Horizon

/// An episode with these ratios and estimates of values by time, state and action.
let private weighed
    (ratio: int -> int -> float)
    (values: int -> int -> float)
    (actionValues: int -> int -> int -> float)
    (trajectory: Trajectory)
    =
    let steps = trajectory.Actions.Length

    {
        Rewards = trajectory.Rewards
        Ratios = Array.init steps (fun t -> ratio trajectory.States[t] trajectory.Actions[t])
        ActionValues = Array.init steps (fun t -> actionValues t trajectory.States[t] trajectory.Actions[t])
        Values = Array.init (steps + 1) (fun t -> values t trajectory.States[t])
        Terminated = trajectory.Terminated
    }

/// The expectation of an estimate over episodes, one at a time: of those that are linear in episodes.
let private expected estimator (episodes: (float * WeighedEpisode) seq) =
    episodes
    |> Seq.sumBy (fun (probability, episode) ->
        probability * OfflineEvaluation.estimate estimator discount [| episode |])

let private none _ _ = 0.0
let private noneOf _ _ _ = 0.0

[<Theory; InlineData(1); InlineData(2); InlineData(3)>]
let ``ordinary and per-decision estimates have the policy's return as expectation`` (seed: int) =
    let mdp, behaviour, policy, all = setting (uint64 seed)
    let ratio s a = policy[s, a] / behaviour[s, a]
    let truth = (FiniteHorizon.evaluate mdp Horizon policy).Objective
    let episodes = [ for one in all -> one.Probability, weighed ratio none noneOf one.Trajectory ]
    Expect.closeNumber 1e-9 "ordinary" truth (expected OfflineEstimator.Ordinary episodes)
    Expect.closeNumber 1e-9 "per decision" truth (expected OfflineEstimator.PerDecision episodes)

[<Theory; InlineData(1); InlineData(2); InlineData(3)>]
let ``doubly robust estimates are right where the ratios are, or the values are, whatever the others`` (seed: int) =
    let mdp, behaviour, policy, all = setting (uint64 seed)
    let exact = FiniteHorizon.evaluate mdp Horizon policy
    let ratio s a = policy[s, a] / behaviour[s, a]

    // Any action values, with the state values that follow from them.
    let guess t s a = Math.Sin(float (7 * t + 3 * s + 5 * a))

    let guessed t s =
        if t = Horizon then
            0.0
        else
            Seq.sum (seq { for a in 0..1 -> policy[s, a] * guess t s a })

    let byRatios = [ for one in all -> one.Probability, weighed ratio guessed guess one.Trajectory ]
    Expect.closeNumber 1e-9 "right ratios" exact.Objective (expected OfflineEstimator.DoublyRobust byRatios)

    let values t s = if t = Horizon then 0.0 else exact.Values[t][s]
    let actionValues t s a = exact.ActionValues[t][s * 2 + a]
    let wrong s a = 0.3 + 0.2 * float s + 0.1 * float a
    let byValues = [ for one in all -> one.Probability, weighed wrong values actionValues one.Trajectory ]
    Expect.closeNumber 1e-9 "right values" exact.Objective (expected OfflineEstimator.DoublyRobust byValues)
    Expect.closeNumber 1e-9 "values alone" exact.Objective (expected OfflineEstimator.Values byValues)
    // Neither is right: nothing holds it.
    let byNeither = [ for one in all -> one.Probability, weighed wrong guessed guess one.Trajectory ]
    Assert.True(abs (expected OfflineEstimator.DoublyRobust byNeither - exact.Objective) > 1e-3)

/// Many episodes drawn from the behaviour.
let private drawn (mdp: Mdp) (behaviour: TabularPolicy) count seed =
    let mutable rng = Rng.create seed

    Array.init count (fun _ ->
        let struct (trajectory, next) = Trajectories.sample mdp behaviour Horizon rng
        rng <- next
        trajectory)

[<Fact>]
let ``weighted estimates come to the policy's return with more episodes, and stay within what was seen`` () =
    let mdp, behaviour, policy, _ = setting 4UL
    let ratio s a = policy[s, a] / behaviour[s, a]
    let truth = (FiniteHorizon.evaluate mdp Horizon policy).Objective
    let episodes = drawn mdp behaviour 20_000 9UL |> Array.map (weighed ratio none noneOf)

    for estimator in
        [ OfflineEstimator.Weighted; OfflineEstimator.WeightedPerDecision; OfflineEstimator.WeightedDoublyRobust ] do
        Expect.closeNumber 0.05 (string estimator) truth (OfflineEvaluation.estimate estimator discount episodes)

    let few = Array.truncate 3 episodes
    let returns = few |> Array.map (fun e -> Array.foldBack (fun r after -> r + discount * after) e.Rewards 0.0)
    let weighted = OfflineEvaluation.estimate OfflineEstimator.Weighted discount few
    Assert.InRange(weighted, Array.min returns - 1e-12, Array.max returns + 1e-12)

[<Fact>]
let ``of the behaviour's own policy every estimate is the mean return, and all episodes count`` () =
    let mdp, behaviour, _, _ = setting 5UL
    let episodes = drawn mdp behaviour 50 3UL |> Array.map (weighed (fun _ _ -> 1.0) none noneOf)

    let mean =
        episodes
        |> Array.averageBy (fun e -> Array.foldBack (fun r after -> r + discount * after) e.Rewards 0.0)

    for estimator in OfflineEvaluation.all do
        if not estimator.IsValues then
            Expect.closeNumber 1e-9 (string estimator) mean (OfflineEvaluation.estimate estimator discount episodes)

    Expect.closeNumber 1e-9 "episodes" 50.0 (OfflineEvaluation.effectiveEpisodes episodes)

[<Fact>]
let ``what follows a cut counts by its value, and nothing follows an end`` () =
    let episode terminated =
        {
            Rewards = [| 1.0 |]
            Ratios = [| 2.0 |]
            ActionValues = [| 3.0 |]
            Values = [| 4.0; 5.0 |]
            Terminated = terminated
        }

    let estimate terminated = OfflineEvaluation.estimate OfflineEstimator.DoublyRobust 0.5 [| episode terminated |]
    // 4 + 2 (1 + ½ · 5 − 3), and without what follows.
    Expect.closeNumber 1e-12 "cut" 5.0 (estimate false)
    Expect.closeNumber 1e-12 "ended" 0.0 (estimate true)

[<Fact>]
let ``an interval holds the return as often as it says, roughly`` () =
    let mdp, behaviour, policy, _ = setting 6UL
    let ratio s a = policy[s, a] / behaviour[s, a]
    let truth = (FiniteHorizon.evaluate mdp Horizon policy).Objective

    let holds =
        [ 1UL .. 60UL ]
        |> List.filter (fun seed ->
            let episodes = drawn mdp behaviour 80 seed |> Array.map (weighed ratio none noneOf)

            let struct (estimate, _) =
                OfflineEvaluation.withInterval OfflineEstimator.PerDecision discount 0.9 100 episodes (Rng.create seed)

            Assert.InRange(estimate.Value, estimate.Low - 1e-9, estimate.High + 1e-9)
            truth >= estimate.Low && truth <= estimate.High)

    // 54 on average with a deviation of 2.3; the bootstrap's intervals are a little narrow.
    Assert.InRange(holds.Length, 44, 60)

[<Fact>]
let ``episodes that cannot be are refused by number`` () =
    let good =
        {
            Rewards = [| 1.0 |]
            Ratios = [| 1.0 |]
            ActionValues = [| 0.0 |]
            Values = [| 0.0; 0.0 |]
            Terminated = true
        }

    let refused episode =
        Assert
            .Throws<ArgumentException>(fun () ->
                OfflineEvaluation.estimate OfflineEstimator.Ordinary 0.9 [| good; episode |] |> ignore)
            .Message

    Assert.Contains("Episode 1 has 1 values", refused { good with Values = [| 0.0 |] })
    Assert.Contains("Episode 1 has the ratio -1 at step 0", refused { good with Ratios = [| -1.0 |] })
    Assert.Contains("among its rewards at step 0", refused { good with Rewards = [| nan |] })
    Assert.Contains("no step", refused { good with Rewards = [||] })
