/// Bellman errors: 0 at the solution, beside the noise of samples, what they bound, and that they are not the return.
module Rl.Tests.Tabular.BellmanErrorTests

open System
open Rl.Core.Foundations
open Rl.Core.Tabular
open Rl.Tests.Theorems
open Xunit

let private everything (mdp: Mdp) (weight: int -> int -> float) : Transition[] =
    [|
        for state in 0 .. mdp.States - 1 do
            for action in 0 .. mdp.Actions - 1 do
                for transition in Transition.expected mdp state action do
                    { transition with Weight = weight state action * transition.Weight }
    |]

[<Theorem>]
let ``the Bellman error is 0 at the values of the policy and at the optimum, and nowhere else``
    (DiscountedInstance instance)
    =
    let mdp = Instance.mdp instance
    let struct (policy, _) = Instance.policy instance
    let values = Exact.values mdp policy
    let ones count = Array.create count 1.0
    let pairs = ones (mdp.States * mdp.Actions)
    let optimum = Mdp.actionValues mdp (DynamicProgramming.policyIteration mdp).Values
    Assert.True(BellmanError.evaluation mdp policy (ones mdp.States) values < 1e-18)
    Assert.True(BellmanError.value mdp policy (ones mdp.States) values < 1e-18)
    Assert.True(BellmanError.optimality mdp pairs optimum < 1e-18)
    let moved = Array.mapi (fun state value -> if state = 0 then value + 1.0 else value) values
    Expect.closeNumber 1e-9 "value" (1.0 / float mdp.States) (BellmanError.value mdp policy (ones mdp.States) moved)
    Assert.True(BellmanError.evaluation mdp policy (ones mdp.States) moved > 1e-6)

[<Theorem>]
let ``the error of samples is the Bellman error and the variance of the targets`` (DiscountedInstance instance) =
    let mdp = Instance.mdp instance
    let struct (policy, _) = Instance.policy instance
    let occupancy = Exact.occupancy mdp policy
    let values = Instance.normals 0 mdp.States instance
    let transitions = everything mdp (fun state action -> occupancy[state] * policy[state, action])
    let backed = Bellman.evaluation mdp policy values

    let variance =
        transitions
        |> Array.sumBy (fun transition ->
            let target = transition.Reward + transition.Discount * values[transition.Next]
            transition.Weight * (target - backed[transition.State]) ** 2.0)

    Expect.closeNumber
        1e-9
        "E[δ²]"
        (BellmanError.evaluation mdp policy occupancy values + variance / Array.sum occupancy)
        (BellmanError.ofValues values transitions)

[<Theorem>]
let ``the error of samples of Q is its Bellman error and the variance of the targets`` (DiscountedInstance instance) =
    let mdp = Instance.mdp instance
    let pairs = mdp.States * mdp.Actions
    let table = Instance.normals 0 pairs instance
    let backed = Bellman.actionOptimality mdp table
    let transitions = everything mdp (fun _ _ -> 1.0)

    let variance =
        transitions
        |> Array.sumBy (fun transition ->
            let best = TabularControl.maximum mdp.Actions table transition.Next
            let target = transition.Reward + transition.Discount * best
            transition.Weight * (target - backed[transition.State * mdp.Actions + transition.Action]) ** 2.0)

    Expect.closeNumber
        1e-9
        "E[δ²]"
        (BellmanError.optimality mdp (Array.create pairs 1.0) table + variance / float pairs)
        (BellmanError.ofActionValues mdp.Actions table transitions)

[<Theorem>]
let ``no value is further from the truth than the largest Bellman error divided by 1 − γ``
    (DiscountedInstance instance)
    =
    let mdp = Instance.mdp instance
    let struct (policy, _) = Instance.policy instance
    let values = Instance.normals 0 mdp.States instance

    // One state at a time: a weight of 1 on it makes the mean its own squared error.
    let only state = Array.init mdp.States (fun other -> if other = state then 1.0 else 0.0)
    let states = [ 0 .. mdp.States - 1 ]

    let residual =
        states
        |> List.map (fun state -> sqrt (BellmanError.evaluation mdp policy (only state) values))
        |> List.max

    for state in states do
        let error = sqrt (BellmanError.value mdp policy (only state) values)
        Assert.True(error <= residual / (1.0 - mdp.Discount) + 1e-9)

[<Fact>]
let ``slide 24: of two tables the one with the lower Bellman error can have the lower return`` () =
    let struct (mdp, _) = Generators.sparse 8 2 3 0.9 (Rng.create 3UL)
    let weights = Array.create 16 1.0
    let optimum = Mdp.actionValues mdp (DynamicProgramming.policyIteration mdp).Values

    // Adding c moves the error to (1 − γ) c and no action; exchanging the values of two actions in every state turns
    // the policy round.
    let shifted = optimum |> Array.map (fun value -> value + 50.0)
    let exchanged = Array.init 16 (fun pair -> optimum[pair ^^^ 1])
    let good = BellmanError.againstReturn mdp weights shifted
    let bad = BellmanError.againstReturn mdp weights exchanged
    Expect.closeNumber 1e-9 "((1 − γ) c)²" 25.0 good.BellmanError
    Expect.closeNumber 1e-9 "J*" (Exact.objective mdp (TabularPolicy.greedy 2 optimum)) good.Return
    Assert.True(bad.BellmanError < good.BellmanError)
    Assert.True(bad.Return < good.Return - 0.1)

[<Fact>]
let ``churn is the share of states whose greedy action changes`` () =
    let before = [| 1.0; 0.0; 0.0; 1.0; 2.0; 2.0; 0.0; 1.0 |]
    let after = [| 0.0; 1.0; 0.0; 3.0; 2.0; 1.0; 1.0; 0.0 |]
    Assert.Equal(0.5, BellmanError.churn 2 before after)
    Assert.Equal(0.0, BellmanError.churn 2 before before)

[<Fact>]
let ``weights and transitions that cannot be averaged are refused by name`` () =
    let struct (mdp, _) = Generators.sparse 3 2 2 0.9 (Rng.create 3UL)
    let policy = TabularPolicy.uniform mdp
    let zeros = Array.zeroCreate<float> 3

    let refuses name (action: unit -> 'T) =
        Assert.Equal(name, Assert.ThrowsAny<ArgumentException>(fun () -> action () |> ignore).ParamName)

    refuses "weights" (fun () -> BellmanError.evaluation mdp policy zeros zeros)
    refuses "weights" (fun () -> BellmanError.evaluation mdp policy [| 1.0; -1.0; 1.0 |] zeros)
    refuses "weights" (fun () -> BellmanError.evaluation mdp policy [| 1.0; nan; 1.0 |] zeros)
    refuses "weights" (fun () -> BellmanError.optimality mdp [| 1.0 |] (Array.zeroCreate 6))
    refuses "transitions" (fun () -> BellmanError.ofValues zeros [||])
    refuses "values" (fun () -> BellmanError.value mdp policy zeros [| 1.0 |])
