/// Tabular learners: their expected step is the Bellman backup, exactly, and what they converge to is its fixed point.
module Rl.Tests.Tabular.TabularTests

open System
open Rl.Core.Foundations
open Rl.Core.Objectives
open Rl.Core.Tabular
open Rl.Tests.Theorems
open Xunit

/// The mean over outcomes of what a step at a pair makes of one entry of the table.
let private expectedEntry (mdp: Mdp) (pair: int) (entry: int) (step: Transition -> float[]) =
    Transition.expected mdp (pair / mdp.Actions) (pair % mdp.Actions)
    |> Array.sumBy (fun transition -> transition.Weight * (step transition)[entry])

/// E[step at (s, a)] = Q(s, a) + α (T Q − Q)(s, a) for the given operator.
let private movesBy
    (what: string)
    (operator: float[] -> float[])
    (step: float[] -> Transition -> float[])
    (instance: Instance)
    =
    let mdp = Instance.mdp instance
    let table = Instance.normals 0 (mdp.States * mdp.Actions) instance
    let backed = operator table

    for pair in 0 .. table.Length - 1 do
        let expected = table[pair] + 0.3 * (backed[pair] - table[pair])
        Expect.closeNumber 1e-12 what expected (expectedEntry mdp pair pair (step table))

let private rowOf (policy: TabularPolicy) state = policy.Of(state).ToArray()

[<Theorem>]
let ``the expected step of Q-learning is the optimality backup`` (instance: Instance) =
    let mdp = Instance.mdp instance

    instance
    |> movesBy "Q-learning" (Bellman.actionOptimality mdp) (TabularControl.qLearning 0.3 mdp.Actions)

[<Theorem>]
let ``the expected step of expected Sarsa is the evaluation backup`` (instance: Instance) =
    let mdp = Instance.mdp instance
    let struct (policy, _) = Instance.policy instance

    instance
    |> movesBy "expected Sarsa" (Bellman.actionEvaluation mdp policy) (fun table transition ->
        TabularControl.expectedSarsa 0.3 (rowOf policy transition.Next) table transition)

[<Theorem>]
let ``the expected step of Sarsa over next actions is that of expected Sarsa`` (instance: Instance) =
    let mdp = Instance.mdp instance
    let struct (policy, _) = Instance.policy instance

    instance
    |> movesBy "Sarsa" (Bellman.actionEvaluation mdp policy) (fun table transition ->
        [|
            for next in 0 .. mdp.Actions - 1 ->
                TabularControl.sarsa 0.3 mdp.Actions table transition next
                |> Array.map (fun value -> policy[transition.Next, next] * value)
        |]
        |> Array.reduce (Array.map2 (+)))

[<Theorem>]
let ``double Q-learning with equal tables is Q-learning, and moves only the table it was given`` (instance: Instance) =
    let mdp = Instance.mdp instance
    let table = Instance.normals 0 (mdp.States * mdp.Actions) instance
    let tables = { First = table; Second = table }

    instance
    |> movesBy "double Q" (Bellman.actionOptimality mdp) (fun _ transition ->
        let moved = TabularControl.doubleQOf (instance.Seed % 2UL = 0UL) 0.3 mdp.Actions tables transition

        let own, other =
            if instance.Seed % 2UL = 0UL then
                moved.First, moved.Second
            else
                moved.Second, moved.First

        Assert.Equal<float[]>(table, other)
        own)

[<Theorem>]
let ``double Q-learning judges the choice of one table by the other`` (instance: Instance) =
    let mdp = Instance.mdp instance
    let count = mdp.States * mdp.Actions
    let own, other = Instance.normals 0 count instance, Instance.normals 1 count instance
    let struct (transition, _) = Transition.sample mdp 0 0 (Rng.create instance.Seed)
    let choice = TabularControl.greedyAction mdp.Actions own transition.Next
    let target = transition.Reward + transition.Discount * other[transition.Next * mdp.Actions + choice]
    let moved = TabularControl.doubleQOf true 1.0 mdp.Actions { First = own; Second = other } transition
    Expect.closeNumber 1e-12 "target" target moved.First[0]

[<Theorem>]
let ``the expected step of TD(0) is the evaluation backup`` (instance: Instance) =
    let mdp = Instance.mdp instance
    let struct (policy, _) = Instance.policy instance
    let values = Instance.normals 0 mdp.States instance
    let backed = Bellman.evaluation mdp policy values

    for state in 0 .. mdp.States - 1 do
        let mean =
            [| 0 .. mdp.Actions - 1 |]
            |> Array.sumBy (fun action ->
                policy[state, action]
                * expectedEntry mdp (state * mdp.Actions + action) state (Tabular.td0 0.3 values))

        Expect.closeNumber 1e-12 "TD(0)" (values[state] + 0.3 * (backed[state] - values[state])) mean

[<Theorem>]
let ``TD(λ) with λ = 0 is TD(0), with either kind of trace`` (instance: Instance) =
    let mdp = Instance.mdp instance
    let struct (policy, _) = Instance.policy instance
    let struct (trajectory, _) = Trajectories.sample mdp policy 20 (Rng.create instance.Seed)
    let steps = Transition.ofTrajectory mdp trajectory
    let plain = steps |> Array.fold (Tabular.td0 0.1) (Array.zeroCreate mdp.States)

    for kind in [ Accumulating; Replacing ] do
        let traced = steps |> Array.fold (Tabular.tdLambda kind 0.1 0.0) (Tabular.traces mdp.States)
        Expect.close 1e-12 "V" plain traced.Values

[<Theorem>]
let ``the backward view of TD(λ) sums to the forward view: λ-returns of fixed values`` (instance: Instance) =
    let mdp = Instance.mdp instance
    let struct (policy, _) = Instance.policy instance
    let struct (trajectory, _) = Trajectories.sample mdp policy 12 (Rng.create instance.Seed)
    let steps = Transition.ofTrajectory mdp trajectory
    let lambda, values = 0.7, Instance.normals 0 mdp.States instance

    // The backward view with values that are kept, summing the steps; α = 1.
    let mutable traces = { Values = values; Traces = Array.zeroCreate mdp.States }
    let mutable backward = Array.zeroCreate<float> mdp.States

    for step in steps do
        let moved = Tabular.tdLambda Accumulating 1.0 lambda traces step
        backward <- Array.map2 (+) backward (Array.map2 (-) moved.Values values)
        traces <- { moved with Values = values }

    let returns = Array.zeroCreate<float> steps.Length
    let last = steps.Length - 1
    let nextValues = steps |> Array.map (fun step -> values[step.Next])
    let lambdas = Array.init steps.Length (fun time -> if time = last then 0.0 else lambda)

    let rewards, discounts = steps |> Array.map _.Reward, steps |> Array.map _.Discount

    let read = Steps<float>(1, rewards, discounts, nextValues, lambdas)
    Returns.Lambda(read, ReadOnlySpan.Empty, returns)

    let forward = Array.zeroCreate<float> mdp.States

    steps
    |> Array.iteri (fun time step -> forward[step.State] <- forward[step.State] + (returns[time] - values[step.State]))

    Expect.close 1e-10 "Σ Δ" forward backward

[<Theorem>]
let ``learners change copies: the table that was given stays`` (instance: Instance) =
    let mdp = Instance.mdp instance
    let count = mdp.States * mdp.Actions
    let table = Instance.normals 0 count instance
    let before = Array.copy table
    let struct (transition, rng) = Transition.sample mdp 0 0 (Rng.create instance.Seed)
    TabularControl.qLearning 0.5 mdp.Actions table transition |> ignore
    TabularControl.sarsa 0.5 mdp.Actions table transition 0 |> ignore
    let dyna = { DynaQ.create mdp.States mdp.Actions with Values = table }
    DynaQ.step 0.5 3 mdp.Actions dyna transition rng |> ignore
    before = table && dyna.Seen.Length = 0 && dyna.Model |> Array.forall _.IsNone

[<Theorem>]
let ``R-learning rests, in expectation, at the optimal gain and its differential values`` (instance: Instance) =
    // The gain of the best deterministic policy, and Q(s, a) = r − g + P max Q.
    let mdp = Instance.mdp { instance with Shape = Dense }

    let policies =
        Seq.init (pown mdp.Actions mdp.States) (fun code ->
            Array.init mdp.States (fun state -> code / pown mdp.Actions state % mdp.Actions))

    let best =
        policies
        |> Seq.map (TabularPolicy.deterministic mdp.Actions)
        |> Seq.maxBy (AverageReward.objective mdp)

    let gain = AverageReward.objective mdp best
    let table = { Values = AverageReward.actionValues mdp best; AverageReward = gain }

    for pair in 0 .. table.Values.Length - 1 do
        let step transition = TabularControl.rLearning 0.4 0.1 mdp.Actions table transition

        Expect.closeNumber
            1e-8
            "Q"
            table.Values[pair]
            (expectedEntry mdp pair pair (fun transition -> (step transition).Values))

        Expect.closeNumber
            1e-8
            "ρ"
            gain
            (expectedEntry mdp pair 0 (fun transition -> [| (step transition).AverageReward |]))

// --- Convergence from samples
// -------------------------------------------------------------------------------------------

/// A small ice: the 4x4 lake without slipping, γ = 0.9.
let private lake = (ToyText.frozenLake ToyText.frozenLake4x4 false 1.0 ToyText.frozenLakeRewards 0.9).Mdp

let private uniformly (mdp: Mdp) _ _ rng = Rng.below mdp.Actions rng
let private optimal (mdp: Mdp) = (DynamicProgramming.policyIteration mdp).Values

/// max_a Q over states where an episode can stand, against V*.
let private finds (tolerance: float) (mdp: Mdp) (table: float[]) =
    let values = optimal mdp

    for state in 0 .. mdp.States - 1 do
        Assert.Equal(values[state], TabularControl.maximum mdp.Actions table state, tolerance)

[<Fact>]
let ``Q-learning from random behaviour finds the optimal values of FrozenLake`` () =
    let learn table transition rng = struct (TabularControl.qLearning 0.5 4 table transition, rng)

    let struct (table, _) =
        Transition.interact lake 100 (uniformly lake) learn 60_000 (Array.zeroCreate 64) (Rng.create 1UL)

    finds 1e-6 lake table

[<Fact>]
let ``double Q-learning finds them with both tables`` () =
    let learn tables transition rng = TabularControl.doubleQ 0.5 4 tables transition rng

    let struct (tables, _) =
        Transition.interact lake 100 (uniformly lake) learn 120_000 (TabularControl.doubleTable 16 4) (Rng.create 2UL)

    finds 1e-6 lake tables.First
    finds 1e-6 lake tables.Second

[<Fact>]
let ``planning makes Dyna-Q find them with a fifteenth of the steps`` () =
    let learn planning (table: DynaTable) transition rng = DynaQ.step 0.5 planning 4 table transition rng

    let run planning =
        Transition.interact lake 100 (uniformly lake) (learn planning) 4_000 (DynaQ.create 16 4) (Rng.create 3UL)

    let struct (planned, _) = run 30
    let struct (unplanned, _) = run 0
    finds 1e-3 lake planned.Values
    Assert.True(Bellman.distance unplanned.Values planned.Values > 1e-3)

[<Fact>]
let ``Sarsa walks round the cliff where Q-learning walks along it`` () =
    // Sutton and Barto, example 6.6: on-policy values carry the risk of exploration.
    let mdp = (ToyText.cliffWalking false 1.0).Mdp
    let start = 36
    let epsilon = 0.1

    let explore (table: float[]) state rng = TabularControl.epsilonGreedy epsilon 4 table state rng

    let expectedSarsa table (transition: Transition) rng =
        let greedy = TabularControl.greedyAction 4 table transition.Next
        let policy = Array.init 4 (fun action -> epsilon / 4.0 + (if action = greedy then 1.0 - epsilon else 0.0))
        struct (TabularControl.expectedSarsa 0.5 policy table transition, rng)

    let qLearning table transition rng = struct (TabularControl.qLearning 0.5 4 table transition, rng)

    let learned learn =
        let struct (table: float[], _) =
            Transition.interact mdp 1000 explore learn 60_000 (Array.zeroCreate 192) (Rng.create 5UL)

        table

    /// The cells of the greedy path.
    let path (table: float[]) =
        let rec go state steps =
            if steps > 60 || state = 47 then
                []
            else
                let outcomes = mdp.Outcomes(state, TabularControl.greedyAction 4 table state).ToArray()
                state :: go outcomes[0].Next (steps + 1)

        go start 0

    let safe, risky = path (learned expectedSarsa), path (learned qLearning)
    Assert.Equal(13, risky.Length)
    Assert.True(safe.Length > 13 && safe.Length <= 17)
    Assert.DoesNotContain(30, safe)

[<Fact>]
let ``TD(λ) with falling steps approaches the values of the policy`` () =
    let struct (mdp, rng) = Generators.dense 4 2 0.8 (Rng.create 6UL)
    let policy = TabularPolicy.uniform mdp
    let act _ state rng = TabularPolicy.sample policy state rng
    let mutable steps = 0

    let learn table transition rng =
        steps <- steps + 1
        struct (Tabular.tdLambda Accumulating (10.0 / (100.0 + float steps)) 0.5 table transition, rng)

    let struct (table, _) = Transition.interact mdp Int32.MaxValue act learn 200_000 (Tabular.traces 4) rng
    Expect.close 0.03 "V" (Exact.values mdp policy) table.Values
