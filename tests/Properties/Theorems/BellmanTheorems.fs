/// Law 3: Bellman operators are monotone γ-contractions, and every way to their fixed points arrives at the same
/// values.
module Rl.Tests.Theorems.BellmanTheorems

open System
open Rl.Core.Tabular
open Xunit

let private tolerance = 1e-9

/// Every operator on V of an instance, by name.
let private operators (instance: Instance) : (string * (float[] -> float[])) list =
    let mdp = Instance.mdp instance
    let struct (policy, _) = Instance.policy instance
    let struct (reference, _) = Instance.other instance

    [
        "evaluation", Bellman.evaluation mdp policy
        "optimality", Bellman.optimality mdp
        "soft", Bellman.soft 0.3 mdp
        "divergence", Bellman.regularised (Regulariser.divergence 0.7 reference) mdp
        "Tsallis", Bellman.regularised (Regulariser.tsallis 0.5) mdp
        "regularised evaluation", Bellman.regularisedEvaluation (Regulariser.entropy 0.3) mdp policy
    ]

/// Every operator on Q of an instance, by name.
let private actionOperators (instance: Instance) : (string * (float[] -> float[])) list =
    let mdp = Instance.mdp instance
    let struct (policy, _) = Instance.policy instance
    [ "evaluation of Q", Bellman.actionEvaluation mdp policy; "optimality of Q", Bellman.actionOptimality mdp ]

let private forAll (check: Mdp -> string -> (float[] -> float[]) -> float[] -> float[] -> unit) (instance: Instance) =
    let mdp = Instance.mdp instance

    for count, named in [ mdp.States, operators instance; mdp.States * mdp.Actions, actionOperators instance ] do
        let first, second = Instance.normals 0 count instance, Instance.normals 1 count instance

        for name, operator in named do
            check mdp name operator first second

[<Theorem>]
let ``law 3: every Bellman operator is a γ-contraction`` (instance: Instance) =
    instance
    |> forAll (fun mdp name operator first second ->
        let before, after = Bellman.distance first second, Bellman.distance (operator first) (operator second)

        if after > mdp.Discount * before + 1e-12 then
            failwith $"{name}: the distance {before} became {after}, more than γ = {mdp.Discount} times as much.")

[<Theorem>]
let ``law 3: every Bellman operator is monotone`` (instance: Instance) =
    instance
    |> forAll (fun _ name operator first second ->
        let larger = Array.map2 (fun value more -> value + abs more) first second

        if not (Array.forall2 (fun low high -> low <= high + 1e-12) (operator first) (operator larger)) then
            failwith $"{name} is not monotone.")

[<Theorem>]
let ``law 3: adding c to every value adds at most γ c to every backup, and γ c where nothing ends``
    (instance: Instance)
    =
    { instance with Shape = Dense }
    |> forAll (fun mdp name operator first _ ->
        let raised = operator (first |> Array.map ((+) 2.0))
        Expect.close 1e-12 name (operator first |> Array.map ((+) (2.0 * mdp.Discount))) raised)

[<Theorem>]
let ``law 3: optimality is the largest evaluation, and greedy policies attain it`` (instance: Instance) =
    let mdp = Instance.mdp instance
    let values = Instance.normals 0 mdp.States instance
    let best = Bellman.optimality mdp values
    let struct (policy, _) = Instance.policy instance
    Assert.True(Array.forall2 (fun value most -> value <= most + 1e-12) (Bellman.evaluation mdp policy values) best)
    Expect.close 1e-12 "greedy" best (Bellman.evaluation mdp (Bellman.greedy mdp values) values)

[<Theorem>]
let ``law 3: a regularised backup is the largest regularised evaluation, and its policy attains it``
    (instance: Instance)
    =
    let mdp = Instance.mdp instance
    let values = Instance.normals 0 mdp.States instance
    let struct (policy, _) = Instance.policy instance
    let struct (reference, _) = Instance.other instance

    for regulariser in [ Regulariser.entropy 0.4; Regulariser.divergence 0.4 reference; Regulariser.tsallis 0.4 ] do
        let best = Bellman.regularised regulariser mdp values
        let other = Bellman.regularisedEvaluation regulariser mdp policy values
        Assert.True(Array.forall2 (fun value most -> value <= most + 1e-12) other best)
        let attained = Bellman.regularisedPolicy regulariser mdp values
        Expect.close 1e-12 "attained" best (Bellman.regularisedEvaluation regulariser mdp attained values)

[<Theorem>]
let ``law 3: soft backups lie between the largest value and τ ln A above it`` (instance: Instance) =
    let mdp = Instance.mdp instance
    let values = Instance.normals 0 mdp.States instance
    let hard = Bellman.optimality mdp values

    for temperature in [ 1e-3; 0.1; 2.0 ] do
        let above = temperature * log (float mdp.Actions)

        Array.forall2
            (fun low value -> value >= low - 1e-12 && value <= low + above + 1e-12)
            hard
            (Bellman.soft temperature mdp values)
        |> Assert.True

[<Theorem>]
let ``law 3: the fixed point of evaluation is the linear solve`` (DiscountedInstance instance) =
    let mdp = Instance.mdp instance
    let struct (policy, _) = Instance.policy instance
    let values = Exact.values mdp policy
    Expect.close tolerance "T_π V" values (Bellman.evaluation mdp policy values)
    let actionValues = Exact.actionValues mdp policy
    Expect.close tolerance "T_π Q" actionValues (Bellman.actionEvaluation mdp policy actionValues)

[<Theorem>]
let ``law 3: every planner and the linear program agree on the fixed point of optimality``
    (DiscountedInstance instance)
    =
    let mdp = Instance.mdp instance
    let program = LinearProgramming.solve mdp
    let expected = program.Solution
    Expect.close tolerance "T V" expected.Values (Bellman.optimality mdp expected.Values)

    let planners =
        [
            "value iteration", DynamicProgramming.valueIteration 1e-12 100_000 mdp
            "policy iteration", DynamicProgramming.policyIteration mdp
            "modified policy iteration", DynamicProgramming.modifiedPolicyIteration 5 1e-12 100_000 mdp
            "Gauss-Seidel", AsynchronousProgramming.gaussSeidel 1e-12 100_000 mdp
            "prioritised sweeping", AsynchronousProgramming.prioritisedSweeping 1e-12 1_000_000 mdp
        ]

    for name, solution in planners do
        Expect.close tolerance name expected.Values solution.Values
        let policy = TabularPolicy.deterministic mdp.Actions solution.Choices
        Expect.close tolerance $"the policy of {name}" expected.Values (Exact.values mdp policy)

[<Theorem>]
let ``law 3: the linear program's occupancy is that of an optimal policy, and duality is tight``
    (DiscountedInstance instance)
    =
    let mdp = Instance.mdp instance
    let weights = Array.create mdp.States (1.0 / float mdp.States)
    let program = LinearProgramming.solve mdp
    let value = Array.fold2 (fun total w v -> total + w * v) 0.0 weights program.Solution.Values
    Expect.closeNumber tolerance "b·y = c·x" program.Objective value

    let probabilities =
        Array.init (mdp.States * mdp.Actions) (fun pair ->
            let row = Array.sub program.Occupancy (pair / mdp.Actions * mdp.Actions) mdp.Actions
            program.Occupancy[pair] / Array.sum row)

    let policy = TabularPolicy.create mdp.States mdp.Actions probabilities
    let occupancy = Exact.pairOccupancy (Mdp.withStart weights mdp) policy
    Expect.close tolerance "d" occupancy program.Occupancy

[<Theorem>]
let ``law 3: whatever the start weights, the linear program has the same values and the occupancy from those starts``
    (DiscountedInstance instance)
    =
    let mdp = Instance.mdp instance
    let weights = Instance.normals 0 mdp.States instance |> Array.map exp
    let program = LinearProgramming.solveFor weights mdp
    Expect.close tolerance "V" (LinearProgramming.solve mdp).Solution.Values program.Solution.Values
    let value = Array.fold2 (fun total w v -> total + w * v) 0.0 weights program.Solution.Values
    Expect.closeNumber tolerance "w·V" value program.Objective
    let policy = TabularPolicy.deterministic mdp.Actions program.Solution.Choices
    let total = Array.sum weights
    let start = weights |> Array.map (fun weight -> weight / total)
    let occupancy = Exact.pairOccupancy (Mdp.withStart start mdp) policy
    let value = Array.fold2 (fun sum d r -> sum + total * d * r) 0.0 occupancy (Mdp.expectedRewards mdp)
    Expect.closeNumber tolerance "Σ d r of its policy" program.Objective value

    // Twice the weights are twice the flow.
    let doubled = LinearProgramming.solveFor (weights |> Array.map ((*) 2.0)) mdp
    Expect.closeNumber tolerance "2 w" (2.0 * program.Objective) doubled.Objective

    for bad in [ 0.0; -1.0; nan ] do
        let error =
            Assert.ThrowsAny<ArgumentException>(fun () ->
                LinearProgramming.solveFor (Array.create mdp.States bad) mdp |> ignore)

        Assert.Equal("weights", error.ParamName)

[<Theorem>]
let ``law 3: policy iteration never gets worse in any state and ends at the optimum`` (DiscountedInstance instance) =
    let mdp = Instance.mdp instance
    let first = Array.init mdp.States (fun state -> (int instance.Seed + state) % mdp.Actions)
    let policies = DynamicProgramming.policiesFrom first mdp |> List.map (fun struct (_, values) -> values)

    for before, after in List.pairwise policies do
        Assert.True(Array.forall2 (fun low high -> low <= high + 1e-9) before after)
        Assert.True(Bellman.distance before after > 0.0)

    let last = List.last policies
    Expect.close tolerance "T V" last (Bellman.optimality mdp last)

[<Theorem>]
let ``law 3: no policy is better than the optimum anywhere`` (DiscountedInstance instance) =
    let mdp = Instance.mdp instance
    let struct (policy, _) = Instance.policy instance
    let best = (DynamicProgramming.policyIteration mdp).Values
    Array.forall2 (fun value most -> value <= most + 1e-9) (Exact.values mdp policy) best

[<Theorem>]
let ``law 3: regularised value iteration ends at a policy that is optimal for rewards less its cost``
    (DiscountedInstance instance)
    =
    let mdp = Instance.mdp instance
    let struct (reference, _) = Instance.other instance

    for regulariser in [ Regulariser.entropy 0.4; Regulariser.divergence 0.4 reference; Regulariser.tsallis 0.4 ] do
        let struct (values, policy) = DynamicProgramming.regularisedValueIteration regulariser 1e-13 100_000 mdp
        Expect.close tolerance "T_Ω V" values (Bellman.regularised regulariser mdp values)

        // The cost of the policy is a reward of the state, whatever the action.
        let costly =
            mdp
            |> Mdp.withRewards (fun state _ outcome ->
                outcome.Reward - regulariser.Cost state (policy.Of(state).ToArray()))

        // An absorbing state pays costs for ever, and so is no longer one: only those that end elsewhere compare.
        if not (Seq.exists mdp.IsAbsorbing (seq { 0 .. mdp.States - 1 })) then
            Expect.close 1e-8 "V of the policy" values (Exact.values costly policy)

[<Theorem>]
let ``law 3: finite-horizon optima are value iteration, step by step`` (instance: Instance) =
    let mdp = Instance.mdp instance
    let struct (values, choices) = FiniteHorizon.optimal mdp instance.Horizon
    let zero = Array.zeroCreate mdp.States

    for time in 0 .. instance.Horizon do
        let expected = Bellman.iterate (instance.Horizon - time) (Bellman.optimality mdp) zero
        Expect.close 1e-12 $"V({time})" expected values[time]

    Assert.All(choices, fun row -> Assert.All(row, fun action -> Assert.InRange(action, 0, mdp.Actions - 1)))

[<Fact>]
let ``planners that cannot converge say why and name the average-reward form`` () =
    let struct (mdp, _) = Generators.periodic 3 2 1.0 (Rl.Core.Foundations.Rng.create 4UL)

    let explains (plan: Mdp -> 'Result) =
        let error = Assert.ThrowsAny<ArgumentException>(fun () -> plan mdp |> ignore)
        Assert.Contains("AverageReward", error.Message)

    explains (DynamicProgramming.valueIteration 1e-9 200)
    explains (DynamicProgramming.modifiedPolicyIteration 3 1e-9 200)
    explains (DynamicProgramming.policyIteration)
    explains (AsynchronousProgramming.gaussSeidel 1e-9 200)
    explains (AsynchronousProgramming.prioritisedSweeping 1e-9 200)
    explains (LinearProgramming.solve)
