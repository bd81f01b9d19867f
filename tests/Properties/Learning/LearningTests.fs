/// Agents learn: fixed seeds, the smallest tasks, seconds each.
module Rl.Tests.Learning.LearningTests

open Rl.Core.Algorithms
open Rl.Core.Environments
open Rl.Core.Foundations
open Xunit

/// Trains for the learner's planned steps; the mean return of the last hundred episodes.
let private train (make: Workers -> Learner) seed =
    use workers = new Workers(System.Math.Min(2, System.Environment.ProcessorCount))
    use learner = make workers
    let mutable state = learner.Initialise(Rng.create seed)
    let episodes = ResizeArray<float>()

    while state.Steps < learner.TotalSteps do
        let struct (next, report) = learner.Transition state
        state <- next
        episodes.AddRange(report.Episodes |> Array.map _.Return)

    episodes |> Seq.skip (max 0 (episodes.Count - 100)) |> Seq.average

let private ppo id copies pairs workers =
    Ppo.create (PpoConfiguration.ofPairs pairs) ((Registry.make id).Vectorise copies) workers

let private reinforce id copies pairs workers =
    Reinforce.create (ReinforceConfiguration.ofPairs pairs) ((Registry.make id).Vectorise copies) workers

[<Theory; InlineData(1UL); InlineData(2UL)>]
let ``PPO solves CartPole with its default options`` (seed: uint64) =
    Assert.InRange(train (ppo "CartPole-v1" 8 []) seed, 475.0, 500.0)

[<Fact>]
let ``PPO swings the pendulum up`` () =
    let options = [ "TotalSteps", "300000"; "Discount", "0.9"; "NormaliseObservations", "true" ]
    Assert.InRange(train (ppo "Pendulum-v1" 8 options) 1UL, -300.0, 0.0)

[<Theory;
  InlineData("fullReturn", "average", 60.0);
  InlineData("rewardToGo", "none", 100.0);
  InlineData("rewardToGo", "average", 150.0);
  InlineData("rewardToGo", "learned", 200.0)>]
let ``REINFORCE learns to balance with each credit and baseline`` (estimate: string, baseline: string, least: float) =
    let options = [ "TotalSteps", "120000"; "Estimate", estimate; "Baseline", baseline ]
    Assert.InRange(train (reinforce "CartPole-v1" 8 options) 1UL, least, 500.0)
