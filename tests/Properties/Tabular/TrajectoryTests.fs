/// The distribution of trajectories: probabilities sum to 1, samples follow them, and returns average to the exact
/// objective.
module Rl.Tests.Tabular.TrajectoryTests

open System
open Rl.Core.Foundations
open Rl.Core.Tabular
open Rl.Tests.Theorems
open Xunit

let private enumerate (instance: Instance) =
    let mdp = Instance.mdp instance
    let struct (policy, _) = Instance.policy instance
    struct (mdp, policy, Trajectories.enumerate mdp policy instance.Horizon)

[<Theorem>]
let ``Σ p(τ) = 1`` (instance: Instance) =
    let struct (_, _, all) = enumerate instance
    Expect.closeNumber 1e-12 "Σ p(τ)" 1.0 (all |> Array.sumBy _.Probability)

[<Theorem>]
let ``p(τ) is the product of start, policy and process, and its logarithm the sum`` (instance: Instance) =
    let struct (mdp, policy, all) = enumerate instance

    for weighted in all do
        let probability = Trajectories.probability mdp policy weighted.Trajectory
        Expect.closeNumber 1e-13 "p(τ)" weighted.Probability probability

        Expect.closeNumber
            1e-12
            "log p(τ)"
            (log probability)
            (Trajectories.logProbability mdp policy weighted.Trajectory)

[<Theorem>]
let ``enumerated trajectories are all different, as many as counted, and end where the process does``
    (instance: Instance)
    =
    let struct (mdp, _, all) = enumerate instance

    let key (weighted: WeightedTrajectory) =
        weighted.Trajectory.States, weighted.Trajectory.Actions, weighted.Trajectory.Outcomes

    Assert.Equal(all.Length, (all |> Array.distinctBy key).Length)
    Assert.Equal(Trajectories.count mdp instance.Horizon, float all.Length)

    for weighted in all do
        let trajectory = weighted.Trajectory
        Assert.True(trajectory.Terminated || trajectory.Actions.Length = instance.Horizon)
        Assert.Equal(trajectory.Actions.Length + 1, trajectory.States.Length)

[<Theorem>]
let ``the expected return over all trajectories is the exact objective`` (instance: Instance) =
    let struct (mdp, policy, all) = enumerate instance

    let expected =
        all
        |> Array.sumBy (fun weighted ->
            weighted.Probability * Trajectories.discountedReturn mdp.Discount weighted.Trajectory)

    Expect.closeNumber 1e-12 "J" (FiniteHorizon.objective mdp instance.Horizon policy) expected

[<Theorem>]
let ``a sampled trajectory is one of those enumerated, and the same key gives it again`` (instance: Instance) =
    let struct (mdp, policy, all) = enumerate instance
    let struct (sample, rng) = Trajectories.sample mdp policy instance.Horizon (Rng.create instance.Seed)
    let struct (again, rngAgain) = Trajectories.sample mdp policy instance.Horizon (Rng.create instance.Seed)
    Assert.Contains(sample, all |> Array.map _.Trajectory)
    sample = again && rng.Equals rngAgain

[<Fact>]
let ``samples follow p(τ): a χ² test over 20 000`` () =
    let struct (mdp, rng) = Generators.dense 2 2 0.9 (Rng.create 11UL)
    let struct (policy, _, rng) = TabularPolicy.random 1.0 2 2 rng
    let all = Trajectories.enumerate mdp policy 2
    let counts = Collections.Generic.Dictionary<_, int>()

    let key (trajectory: Trajectory) =
        struct (trajectory.States[0],
                trajectory.States[1],
                trajectory.States[2],
                trajectory.Actions[0],
                trajectory.Actions[1])

    let seen key =
        match counts.TryGetValue key with
        | true, count -> count
        | _ -> 0

    let mutable rng = rng
    let samples = 20_000

    for _ in 1..samples do
        let struct (trajectory, next) = Trajectories.sample mdp policy 2 rng
        rng <- next
        let key = key trajectory
        counts[key] <- seen key + 1

    let statistic =
        all
        |> Array.sumBy (fun weighted ->
            let expected = weighted.Probability * float samples
            (float (seen (key weighted.Trajectory)) - expected) ** 2.0 / expected)

    // 31 degrees of freedom: mean 31, standard deviation 7.9; 61.1 has the probability 0.001.
    Assert.Equal(32, all.Length)
    Assert.InRange(statistic, 10.0, 61.1)

[<Theorem>]
let ``a batch holds each trajectory and nothing after its end`` (instance: Instance) =
    let struct (mdp, _, all) = enumerate instance
    let trajectories = all |> Array.map _.Trajectory
    let batch = Trajectories.batch mdp.Discount trajectories

    trajectories
    |> Array.iteri (fun column trajectory ->
        let length = trajectory.Actions.Length
        let at time = time * batch.Count + column

        for time in 0 .. batch.Steps - 1 do
            let inside = time < length
            Assert.Equal((if inside then 1.0 else 0.0), batch.Mask[at time])
            Assert.Equal((if inside then trajectory.Rewards[time] else 0.0), batch.Rewards[at time])
            let ended = not inside || trajectory.Terminated && time = length - 1
            Assert.Equal((if ended then 0.0 else mdp.Discount), batch.Discounts[at time])

            if inside then
                Assert.Equal(trajectory.States[time], batch.States[at time])
                Assert.Equal(trajectory.States[time + 1], batch.NextStates[at time])
                Assert.Equal(trajectory.Actions[time], batch.Actions[at time]))

[<Fact>]
let ``too many trajectories are refused with their number and the remedy`` () =
    let struct (mdp, _) = Generators.dense 4 4 0.9 (Rng.create 1UL)

    let error =
        Assert.Throws<ArgumentException>(fun () -> Trajectories.enumerate mdp (TabularPolicy.uniform mdp) 8 |> ignore)

    Assert.Equal("horizon", error.ParamName)
    Assert.Contains("1.72E+10", error.Message)
    Assert.Contains("sample", error.Message)
