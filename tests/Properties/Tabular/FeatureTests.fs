/// Linear values: least squares finds the projected fixed point, gradient methods rest there, and Baird's
/// counterexample tells them apart.
module Rl.Tests.Tabular.FeatureTests

open System
open Rl.Core.Autodiff
open Rl.Core.Foundations
open Rl.Core.Tabular
open Rl.Core.Objectives
open Rl.Tests.Theorems
open Xunit

/// All outcomes of all pairs, weighted with d(s) π(a|s) P: exact expectations of one step.
let private everything (mdp: Mdp) (policy: TabularPolicy) (visits: float[]) =
    [|
        for state in 0 .. mdp.States - 1 do
            for action in 0 .. mdp.Actions - 1 do
                for transition in Transition.expected mdp state action ->
                    { transition with Weight = transition.Weight * visits[state] * policy[state, action] }
    |]

let private dense (instance: Instance) = { instance with Shape = Dense }

[<Theorem>]
let ``LSTD with one feature a state is the linear solve`` (DiscountedInstance instance) =
    let mdp = Instance.mdp (dense instance)
    let struct (policy, _) = Instance.policy (dense instance)
    let steps = everything mdp policy (Array.create mdp.States 1.0)
    let weights = LeastSquares.lstd 0.0 0.0 (LinearFeatures.tabular mdp.States) [| steps |]
    Expect.close 1e-8 "V" (Exact.values mdp policy) weights

[<Theorem>]
let ``LSTD(λ) of a deterministic ring is its value for every λ`` (DiscountedInstance instance) =
    let instance = { instance with Shape = Periodic }
    let mdp = Instance.mdp instance
    let policy = TabularPolicy.deterministic mdp.Actions (Array.create mdp.States 0)
    let struct (trajectory, _) = Trajectories.sample mdp policy (4 * mdp.States) (Rng.create instance.Seed)
    let episode = Transition.ofTrajectory mdp trajectory

    for lambda in [ 0.0; 0.5; 1.0 ] do
        let weights = LeastSquares.lstd lambda 0.0 (LinearFeatures.tabular mdp.States) [| episode |]
        Expect.close 1e-7 $"λ = {lambda}" (Exact.values mdp policy) weights

[<Theorem>]
let ``LSPI with one feature a pair is policy iteration, and fitted Q-iteration value iteration``
    (DiscountedInstance instance)
    =
    let mdp = Mdp.withDiscount (min 0.9 instance.Discount) (Instance.mdp (dense instance))
    let steps = everything mdp (TabularPolicy.uniform mdp) (Array.create mdp.States 1.0)
    let features = LinearFeatures.tabular (mdp.States * mdp.Actions)
    let optimum = DynamicProgramming.policyIteration mdp
    let expected = Mdp.actionValues mdp optimum.Values
    let policy = LeastSquares.lspi 0.0 50 features mdp.Actions steps
    let fitted = LeastSquares.fittedQ 0.0 1e-12 2_000 features mdp.Actions steps
    Assert.True(policy.Converged && fitted.Converged)
    Expect.close 1e-8 "Q of LSPI" expected policy.Weights
    Expect.close 1e-8 "Q of fitted Q" expected fitted.Weights
    Assert.True(policy.Iterations <= fitted.Iterations + 2)

[<Theorem>]
let ``LSTD-Q with one feature a pair is Q of the policy, whatever policy made the data`` (DiscountedInstance instance) =
    let mdp = Instance.mdp (dense instance)
    let struct (behaviour, _) = Instance.policy (dense instance)
    let choices = Array.init mdp.States (fun state -> (int instance.Seed + state) % mdp.Actions)
    let steps = everything mdp behaviour (Array.create mdp.States 1.0)
    let features = LinearFeatures.tabular (mdp.States * mdp.Actions)
    let expected = Exact.actionValues mdp (TabularPolicy.deterministic mdp.Actions choices)
    Expect.close 1e-8 "Q" expected (LeastSquares.lstdQ 0.0 features mdp.Actions choices steps)

/// Two features of three or more states: values that they cannot all represent.
let private poor (instance: Instance) =
    let instance = { dense instance with States = 3 }
    let mdp = Instance.mdp instance
    let struct (policy, _) = Instance.policy instance
    let features = LinearFeatures.create 2 (Instance.normals 4 6 instance)
    let visits = AverageReward.stationary mdp policy
    struct (instance, mdp, policy, features, visits, everything mdp policy visits)

let private sumOf (steps: Transition[]) (change: Transition -> float[]) =
    steps |> Array.map change |> Array.reduce (Array.map2 (+))

[<Theorem>]
let ``semi-gradient TD, GTD2 and TDC rest at the solution of LSTD, where the projected Bellman error is 0``
    (DiscountedInstance instance)
    =
    let struct (_, _, _, features, _, steps) = poor instance
    let weights = LeastSquares.lstd 0.0 0.0 features [| steps |]
    let start = GradientTemporalDifference.create weights
    let moved (after: float[]) = Array.map2 (-) after weights
    let scale = 1.0 + (weights |> Array.fold (fun most value -> max most (abs value)) 0.0)
    let rests what change = Expect.close (1e-9 * scale) what [| 0.0; 0.0 |] (sumOf steps change)
    rests "TD" (fun step -> moved (GradientTemporalDifference.semiGradient 1.0 features weights step 1.0))
    rests "GTD2" (fun step -> moved (GradientTemporalDifference.gtd2 1.0 1.0 features start step 1.0).Weights)
    rests "TDC" (fun step -> moved (GradientTemporalDifference.tdc 1.0 1.0 features start step 1.0).Weights)
    rests "h of GTD2" (fun step -> (GradientTemporalDifference.gtd2 1.0 1.0 features start step 1.0).Auxiliary)
    rests "h of TDC" (fun step -> (GradientTemporalDifference.tdc 1.0 1.0 features start step 1.0).Auxiliary)

[<Theorem>]
let ``with the exact h, GTD2 and TDC descend the projected Bellman error: both are minus half its gradient``
    (DiscountedInstance instance)
    =
    let struct (instance, _, _, features, _, steps) = poor instance
    let weights = Instance.normals 5 2 instance
    let row index = LinearFeatures.row features index

    // b − A w, C = E[φφᵀ] and MSPBE(w) = (b − A w)ᵀ C⁻¹ (b − A w), as an expression.
    let cSum =
        sumOf steps (fun step ->
            (let x = row step.State in

             [|
                 for i in x do
                     for j in x -> step.Weight * i * j
             |]))

    let determinant = cSum[0] * cSum[3] - cSum[1] * cSum[2]
    let inverse = [| cSum[3]; -cSum[1]; -cSum[2]; cSum[0] |] |> Array.map (fun value -> value / determinant)

    if abs determinant > 1e-3 then
        let aSum =
            sumOf steps (fun step ->
                [|
                    for i in row step.State do
                        for j in Array.map2 (fun x y -> x - step.Discount * y) (row step.State) (row step.Next) ->
                            step.Weight * i * j
                |])

        let bSum =
            sumOf steps (fun step -> row step.State |> Array.map (fun value -> step.Weight * step.Reward * value))

        let matrix values = Expr.constant (Tensor.create [| 2; 2 |] values)

        let projected (w: Expr) =
            let rest = Expr.expandAxis -1 (Expr.vector bSum) - Expr.matmul (matrix aSum) (Expr.expandAxis -1 w)
            Expr.sum (rest * Expr.matmul (matrix inverse) rest)

        let gradient = (Reference.evaluate (Diff.grad projected (Expr.vector weights))).ToArray()

        let error (step: Transition) =
            (let delta =
                step.Reward + step.Discount * LinearFeatures.value features weights step.Next
                - LinearFeatures.value features weights step.State in

             step.Weight * delta)

        let deltaPhi = sumOf steps (fun (step: Transition) -> row step.State |> Array.map ((*) (error step)))

        let h =
            [|
                inverse[0] * deltaPhi[0] + inverse[1] * deltaPhi[1]
                inverse[2] * deltaPhi[0] + inverse[3] * deltaPhi[1]
            |]

        let start = { Weights = weights; Auxiliary = h }
        let moved (after: GradientWeights) = Array.map2 (-) after.Weights weights
        let expected = gradient |> Array.map (fun value -> -0.5 * value)

        Expect.close
            1e-7
            "GTD2"
            expected
            (sumOf steps (fun step -> moved (GradientTemporalDifference.gtd2 1.0 0.0 features start step 1.0)))

        Expect.close
            1e-7
            "TDC"
            expected
            (sumOf steps (fun step -> moved (GradientTemporalDifference.tdc 1.0 0.0 features start step 1.0)))

[<Theorem>]
let ``the residual gradient is minus half the gradient of the mean squared error δ²`` (DiscountedInstance instance) =
    let struct (instance, _, _, features, _, steps) = poor instance
    let weights = Instance.normals 5 2 instance
    let row index = Expr.vector (LinearFeatures.row features index)

    let squared (w: Expr) =
        steps
        |> Array.map (fun step ->
            let delta = step.Reward + step.Discount * Expr.dot w (row step.Next) - Expr.dot w (row step.State)
            step.Weight * Expr.square delta)
        |> Array.reduce (+)

    let gradient = (Reference.evaluate (Diff.grad squared (Expr.vector weights))).ToArray()

    let total =
        sumOf steps (fun step ->
            Array.map2 (-) (GradientTemporalDifference.residualGradient 1.0 features weights step 1.0) weights)

    Expect.close 1e-9 "Δw" (gradient |> Array.map (fun value -> -0.5 * value)) total

[<Theorem>]
let ``LSTD(λ) rests where the errors of λ-returns are orthogonal to the features, over episodes of every length``
    (DiscountedInstance instance)
    =
    let struct (instance, mdp, policy, features, _, _) = poor instance
    let lambda, ridge = Instance.uniform 6 instance, 0.1

    let episodes =
        Array.init 3 (fun index ->
            let struct (trajectory, _) =
                Trajectories.sample mdp policy (2 + 3 * index) (Rng.create (instance.Seed + uint64 index))

            Transition.ofTrajectory mdp trajectory)

    let weights = LeastSquares.lstd lambda ridge features episodes
    let value index = LinearFeatures.value features weights index

    let errors =
        episodes
        |> Array.map (fun episode ->
            let result = Array.zeroCreate<float> episode.Length

            let of' (number: Transition -> float) = Array.map number episode
            let rewards, discounts = of' _.Reward, of' _.Discount
            let here, next = of' (fun step -> value step.State), of' (fun step -> value step.Next)

            let steps = Steps<float>(1, rewards, discounts, next, (Array.create episode.Length lambda: float[]))
            Returns.Advantages(steps, here, ReadOnlySpan.Empty, result)
            Array.map2 (fun (step: Transition) error -> struct (step, error)) episode result)
        |> Array.concat

    let correlation =
        errors
        |> Array.map (fun struct (step, error) -> LinearFeatures.row features step.State |> Array.map ((*) error))
        |> Array.reduce (Array.map2 (+))

    Expect.close 1e-8 "Σ φ (Gλ − w·φ)" (weights |> Array.map ((*) ridge)) correlation

[<Theorem>]
let ``off policy, the ratio makes every gradient method's expected step that of the target policy``
    (DiscountedInstance instance)
    =
    let struct (instance, mdp, policy, features, visits, onPolicy) = poor instance
    let struct (behaviour, _) = Instance.other instance
    let offPolicy = everything mdp behaviour visits
    let ratio (step: Transition) = policy[step.State, step.Action] / behaviour[step.State, step.Action]
    let weights = Instance.normals 5 2 instance
    let start = { Weights = weights; Auxiliary = Instance.normals 6 2 instance }
    let moved before after = Array.map2 (-) after before

    let both (update: GradientWeights -> Transition -> float -> GradientWeights) step ratio =
        let after = update start step ratio
        Array.append (moved start.Weights after.Weights) (moved start.Auxiliary after.Auxiliary)

    for name, change in
        [
            "TD",
            (fun step ratio -> moved weights (GradientTemporalDifference.semiGradient 1.0 features weights step ratio))
            "residual",
            (fun step ratio ->
                moved weights (GradientTemporalDifference.residualGradient 1.0 features weights step ratio))
            "GTD2", both (GradientTemporalDifference.gtd2 1.0 1.0 features)
            "TDC", both (GradientTemporalDifference.tdc 1.0 1.0 features)
        ] do
        Expect.close
            1e-9
            name
            (sumOf onPolicy (fun step -> change step 1.0))
            (sumOf offPolicy (fun step -> change step (ratio step)))

// --- Baird's counterexample (slide 24)
// -------------------------------------------------------------------------------------

/// One sweep over all outcomes of the behaviour, each state visited alike: the expected update.
let private sweep
    (weights: 'W)
    (apply: 'W -> Transition -> float -> 'W)
    (difference: 'W -> 'W -> 'W)
    (add: 'W -> 'W -> 'W)
    : 'W =
    let mdp = Baird.mdp 0.99
    let steps = everything mdp Baird.behaviour (Array.create 7 (1.0 / 7.0))

    let changes =
        steps
        |> Array.map (fun step ->
            let ratio = Baird.target[step.State, step.Action] / Baird.behaviour[step.State, step.Action]
            difference (apply weights step ratio) weights)

    Array.fold add weights changes

let private sumWeights = Array.map2 (fun (x: float) y -> x + y)
let private lessWeights = Array.map2 (fun (x: float) y -> x - y)

let private both f (a: GradientWeights) (b: GradientWeights) : GradientWeights =
    { Weights = f a.Weights b.Weights; Auxiliary = f a.Auxiliary b.Auxiliary }

let private norm (weights: float[]) =
    sqrt (Array.sumBy (fun value -> value * value) (LinearFeatures.all Baird.features weights))

let private after count step initial = Seq.init count id |> Seq.fold (fun weights _ -> step weights) initial

[<Fact>]
let ``semi-gradient TD diverges on Baird's counterexample, even with expected updates`` () =
    let step weights =
        sweep weights (GradientTemporalDifference.semiGradient 0.01 Baird.features) lessWeights sumWeights

    let early, late = after 1_000 step Baird.initialWeights, after 8_000 step Baird.initialWeights
    Assert.True(norm early > norm Baird.initialWeights)
    Assert.True(norm late > 10.0 * norm early)

/// The root mean square of the expected δ under the target policy: what is 0 at the solution.
let private bellmanError (weights: float[]) =
    let values = LinearFeatures.all Baird.features weights
    let backed = Bellman.evaluation (Baird.mdp 0.99) Baird.target values
    sqrt (Array.averageBy (fun error -> error * error) (Array.map2 (-) backed values))

[<Fact>]
let ``TDC, GTD2 and the residual gradient converge on it: the Bellman error vanishes and the weights stay bounded`` () =
    let corrected weights =
        sweep weights (GradientTemporalDifference.tdc 0.05 0.5 Baird.features) (both lessWeights) (both sumWeights)

    let gradient weights =
        sweep weights (GradientTemporalDifference.gtd2 0.05 0.5 Baird.features) (both lessWeights) (both sumWeights)

    let residual weights =
        sweep weights (GradientTemporalDifference.residualGradient 0.05 Baird.features) lessWeights sumWeights

    let initial = GradientTemporalDifference.create Baird.initialWeights

    for name, weights in
        [
            "TDC", (after 8_000 corrected initial).Weights
            "GTD2", (after 8_000 gradient initial).Weights
            "residual gradient", after 8_000 residual Baird.initialWeights
        ] do
        let error = bellmanError weights
        Assert.True(error < 0.02 * bellmanError Baird.initialWeights, $"The Bellman error of {name} is {error}.")

        Assert.True(
            norm weights <= 1.01 * norm Baird.initialWeights,
            $"The values of {name} have the norm {norm weights}."
        )

[<Fact>]
let ``dependent features are refused with the remedy`` () =
    let struct (mdp, _) = Generators.dense 2 1 0.9 (Rng.create 1UL)
    let steps = everything mdp (TabularPolicy.uniform mdp) [| 1.0; 1.0 |]
    let same = LinearFeatures.create 2 [| 1.0; 1.0; 2.0; 2.0 |]
    let error = Assert.Throws<ArgumentException>(fun () -> LeastSquares.lstd 0.0 0.0 same [| steps |] |> ignore)
    Assert.Equal("regularisation", error.ParamName)
    Assert.Contains("dependent", error.Message)
    Assert.All(LeastSquares.lstd 0.0 1e-6 same [| steps |], fun weight -> Assert.True(Double.IsFinite weight))
