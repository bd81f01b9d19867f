/// The code of the pages of mathematics, a function a page.
module MathematicsPages

open System
open Rl.Core.Foundations
open Rl.Core.Autodiff
open Rl.Core.Distributions
open Rl.Core.Environments
open Rl.Core.Objectives
open Rl.Core.Tabular
open Rl.Core.Wrappers

let finiteProcesses () =
    let logits = Array.zeroCreate<float>(9 * 4)
    let struct (mdp, rng) = Generators.grid 3 3 0.2 0.95 (Rng.create 1UL) // also dense, sparse, chain, bandit, periodic
    let policy = TabularPolicy.softmax mdp.Actions logits // logits [S, A]
    let lake = (ToyText.frozenLake ToyText.frozenLake4x4 true (1.0 / 3.0) ToyText.frozenLakeRewards 0.99).Mdp

    let theta = Expr.reshape [| 9; 4 |] (Expr.vector logits)
    let gradient = Diff.grad (DifferentiableObjective.finiteHorizon mdp 10) theta // theta [S, A]

    printfn $"{lake.States} states of a lake, {policy.Actions} actions, ∂J/∂θ₀ = {(Reference.evaluate gradient)[0]:F4}"

let bellman () =
    let solution = DynamicProgramming.valueIteration 1e-10 10_000 (ToyText.frozenLakeLarge 0.99).Mdp
    let values, choices = solution.Values, solution.Choices // V* and a greedy action for each state

    printfn $"V*(start) = {values[0]:F4} by action {choices[0]}"

let returns () =
    let rewards, nextValues = [| 1.0; 1.0; 1.0 |], [| 2.0; 1.0; 5.0 |]
    // All arrays are time-major [T, N], flat; here one copy of three steps, the last of which terminated.
    let discounts, traces = [| 0.99; 0.99; 0.0 |], [| 0.95; 0.95; 0.0 |]
    let result = Array.zeroCreate<float> 3
    let steps = Steps<float>(1, rewards, discounts, nextValues, traces)
    Returns.Lambda(steps, ReadOnlySpan.Empty, result)
    printfn $"λ-returns %A{result}"

let corrections () =
    let columns, ratioClip = 1, 1.0f
    let rewards, nextValues = [| 1.0f; 1.0f |], [| 2.0f; 1.0f |]
    let discounts, traces = [| 0.99f; 0.99f |], [| 1.0f; 1.0f |]
    let values, ratios, errors = [| 1.0f; 2.0f |], [| 0.5f; 2.0f |], Array.zeroCreate<float32> 2
    // errors [T, N]; ratioClip is ρ̄; everything time-major.
    let steps = Steps<float32>(columns, rewards, discounts, nextValues, traces)
    Corrections.VTrace(steps, values, ratios, ratioClip, errors)
    printfn $"V-trace errors %A{errors}"

let distributions () =
    let logits, actions, advantages =
        Expr.input "logits" [| 2; 3 |], Expr.input "actions" [| 2 |], Expr.input "a" [| 2 |]

    let row = ReadOnlySpan [| 0.0f; 1.0f; 2.0f |]
    let rng = Rng.create 1UL
    let policy = Categorical.ofLogits logits // logits [M, A]
    let loss = Expr.mean (PolicyGradients.score (Categorical.logProbability actions policy) advantages)
    let bonus = Expr.mean (Categorical.entropy policy)

    let struct (action, logProbability, rng) = Categorical.sample row rng // one row of logits, float32
    printfn $"a loss {Shape.print (loss + bonus).Shape}; action {action} of log-probability {logProbability}"

let exploration () =
    let reward, rng = 1.0, Rng.create 1UL
    let beliefs = Bandits.bernoulliBeliefs 5
    let struct (arm, rng) = Bandits.thompsonBernoulli beliefs rng
    let beliefs = Bandits.observeBernoulli arm reward beliefs
    printfn $"arm {arm}: α %A{beliefs.Alpha}"

let policyGradients () =
    let gradient states actions advantages =
        Diff.grad (fun theta ->
            let policy = Categorical.ofLogits (Expr.matmul states (Expr.reshape [| 4; 2 |] theta))
            Expr.mean (PolicyGradients.score (Categorical.logProbability actions policy) advantages))

    let states = Expr.reshape [| 1; 4 |] (Expr.vector [ 1.0; 0.0; 0.0; 0.0 ])
    let slope = gradient states (Expr.vector [ 0.0 ]) (Expr.vector [ 1.0 ]) (Expr.vector (Array.zeroCreate 8))
    printfn $"−∇ log π · A = %A{(Reference.evaluate slope).ToArray()}"

let valueLearning () =
    // DQN's loss with double Q-learning and Huber's error: values [M, A], everything else [M].
    let loss (values: Expr) (actions: Expr) (rewards: Expr) (discounts: Expr) (nextValues: Expr) (nextSelector: Expr) =
        ValueLearning.doubleQLearning values actions rewards discounts nextValues nextSelector
        |> Losses.huber 1.0
        |> Expr.mean

    let table = Expr.reshape [| 1; 2 |] (Expr.vector [ 1.0; 2.0 ])
    let one (number: float) = Expr.vector [ number ]
    printfn $"a loss of {(Reference.evaluate (loss table (one 0.0) (one 1.0) (one 0.9) table table))[0]:F4}"

let valueDistributions () =
    let struct (mdp, _) = Generators.grid 2 2 0.2 0.9 (Rng.create 1UL)
    let policy = TabularPolicy.softmax mdp.Actions (Array.zeroCreate (mdp.States * mdp.Actions))
    let at value = Array.init mdp.States (fun _ -> ReturnDistribution.certain value)
    let first, second = at 0.0, at 1.0
    let backup = DistributionalBellman.evaluation mdp policy // of ReturnDistribution[], one a state
    let distance = DistributionalBellman.distance 2.0 (backup first) (backup second) // ≤ γ times what it was
    let atoms = Transforms.linearAtoms -10.0 10.0 51
    let levels = ValueDistributions.midpointLevels 32
    printfn $"a distance of {distance:F3} after a backup; {atoms.Count} atoms, {levels.Count} levels"

let wrappers () =
    let batch = (Registry.make "Pendulum-v1").Vectorise 8

    let list = [ Wrapper.RescaleAction([| -1.0 |], [| 1.0 |]); Wrapper.NormalizeObservation 1e-8 ]
    let wrapped = Wrapper.apply list batch
    printfn $"{wrapped.Count} copies with actions in {wrapped.ActionSpace}"

let imitation () =
    let struct (mdp, rng) = Generators.dense 3 2 0.9 (Rng.create 2UL)
    let struct (_, features, _) = TabularPolicy.random 1.0 (mdp.States * mdp.Actions) 2 rng
    let expert = MaximumCausalEntropy.solve (MaximumCausalEntropy.withReward 2 features [| 1.0; -1.0 |] mdp) 10
    let expectations = MaximumCausalEntropy.featureExpectations mdp 2 features expert
    let weights = MaximumCausalEntropy.fit mdp 10 2 features expectations 1_000 1e-6
    let explained = MaximumCausalEntropy.withReward 2 features weights mdp
    printfn $"weights %A{weights}, a first reward of {explained.ExpectedReward(0, 0):F3}"
