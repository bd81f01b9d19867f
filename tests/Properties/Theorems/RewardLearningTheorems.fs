/// Rewards learnt from experts, exactly: rewards that match features, AIRL's up to shaping, SQIL's, and preferences.
module Rl.Tests.Theorems.RewardLearningTheorems

open System
open MathNet.Numerics.LinearAlgebra
open Rl.Core.Foundations
open Rl.Core.Autodiff
open Rl.Core.Objectives
open Rl.Core.Tabular
open Xunit
open Rl.Tests.Theorems.ImitationTheorems

[<Theorem>]
let ``maximum causal entropy: the likelihood's gradient is the difference of feature expectations``
    (instance: Instance)
    =
    let mdp, horizon, size = Instance.mdp instance, instance.Horizon, 2
    let features = Instance.normals 0 (mdp.States * mdp.Actions * size) instance
    let weights, others = Instance.normals 1 size instance, Instance.normals 2 size instance
    let solved weights = MaximumCausalEntropy.solve (MaximumCausalEntropy.withReward size features weights mdp) horizon
    let expert = solved others
    let expectations = MaximumCausalEntropy.featureExpectations mdp size features expert

    /// Σ γᵗ E_expert[ln π_w(t, a|s)].
    let direct weights =
        let own = solved weights

        Seq.sum (
            seq {
                for time in 0 .. horizon - 1 do
                    for pair in 0 .. mdp.States * mdp.Actions - 1 do
                        let share = expert.Occupancy[time][pair / mdp.Actions] * expert.Policies[time].Table[pair]

                        if share > 0.0 then
                            mdp.Discount ** float time * share * log own.Policies[time].Table[pair]
            }
        )

    let struct (value, gradient) = MaximumCausalEntropy.likelihood mdp horizon size features expectations weights
    Expect.closeNumber 1e-9 "likelihood" (direct weights) value

    let finite =
        Array.init size (fun index ->
            let moved by = weights |> Array.mapi (fun i w -> if i = index then w + by else w)
            (direct (moved 1e-5) - direct (moved -1e-5)) / 2e-5)

    Expect.close 1e-6 "gradient" finite gradient

[<Theorem>]
let ``maximum causal entropy: the fitted reward's soft policy has the expert's expected features``
    (instance: Instance)
    =
    let mdp, horizon, size = Instance.mdp instance, instance.Horizon, 2
    let features = Instance.normals 0 (mdp.States * mdp.Actions * size) instance
    let others = Instance.normals 2 size instance
    let solved weights = MaximumCausalEntropy.solve (MaximumCausalEntropy.withReward size features weights mdp) horizon
    let expert = MaximumCausalEntropy.featureExpectations mdp size features (solved others)
    let fitted = MaximumCausalEntropy.fit mdp horizon size features expert 5000 1e-7

    MaximumCausalEntropy.featureExpectations mdp size features (solved fitted)
    |> Expect.close 1e-5 "features" expert

/// A process with certain outcomes, a reward of states alone, and its soft values and log-probabilities with γ.
type private Certain = { Next: int[]; Reward: float[]; Values: float[]; LogProbabilities: float[] }

let private discount = 0.8

let private softly (next: int[]) (reward: float[]) : Certain =
    let states = reward.Length
    let actions = next.Length / states
    let mutable values = Array.zeroCreate<float> states

    let q (values: float[]) =
        Array.init next.Length (fun pair -> reward[pair / actions] + discount * values[next[pair]])

    for _ in 1..400 do
        values <-
            q values
            |> Array.chunkBySize actions
            |> Array.map (fun row -> Array.max row + log (row |> Array.sumBy (fun x -> exp (x - Array.max row))))

    {
        Next = next
        Reward = reward
        Values = values
        LogProbabilities = q values |> Array.mapi (fun pair value -> value - values[pair / actions])
    }

let private draws (count: int) (seed: uint64) (draw: Rng -> struct ('T * Rng)) : 'T[] =
    let mutable rng = Rng.create seed

    Array.init count (fun _ ->
        let struct (value, next) = draw rng
        rng <- next
        value)

[<Theorem>]
let ``AIRL: where f(s, a, s′) is the soft advantage, the state's part is the reward up to a constant, in any dynamics``
    (instance: Instance)
    =
    let states, actions = 5, 3

    let certain =
        softly
            (draws (states * actions) instance.Seed (Rng.below states))
            (draws states (instance.Seed + 1UL) Rng.normal)
    // With g = r and h = V the log-odds are 0: nothing tells the expert from the policy that is optimal for r.
    let vector (values: float[]) = Expr.vector values
    let of' (values: float[]) = vector (Array.init (states * actions) (fun pair -> values[pair / actions]))
    let after (values: float[]) = vector (certain.Next |> Array.map (fun next -> values[next]))

    Regression.airlLogits
        (of' certain.Reward)
        (Expr.number discount)
        (of' certain.Values)
        (after certain.Values)
        (vector certain.LogProbabilities)
    |> numbers
    |> Expect.close 1e-9 "log-odds" (Array.zeroCreate (states * actions))

    // All solutions of g(s) + γ h(s′) − h(s) = ln π(a|s): where the dynamics are decomposable the only freedom is a
    // constant, (c − γ c, c).
    let equations =
        Matrix<float>
            .Build.Dense(
                states * actions,
                2 * states,
                fun pair column ->
                    let own, next = pair / actions, certain.Next[pair]

                    if column < states then
                        (if column = own then 1.0 else 0.0)
                    else
                        let state = column - states
                        (if state = next then discount else 0.0) - (if state = own then 1.0 else 0.0)
            )

    let factors = equations.Svd false
    let rank = factors.S |> Seq.filter (fun s -> s > 1e-9) |> Seq.length

    if rank = 2 * states - 1 then
        let solution = (equations.PseudoInverse() * Vector<float>.Build.DenseOfArray certain.LogProbabilities).ToArray()
        let found = Array.sub solution 0 states
        let shift = Array.average found - Array.average certain.Reward
        Expect.close 1e-7 "reward" certain.Reward (found |> Array.map (fun g -> g - shift))
        // So it prescribes the same in a process with other outcomes, which the advantage of the first would not.
        let elsewhere = draws (states * actions) (instance.Seed + 2UL) (Rng.below states)

        (softly elsewhere found).LogProbabilities
        |> Expect.close 1e-6 "elsewhere" (softly elsewhere certain.Reward).LogProbabilities

[<Theorem>]
let ``SQIL is cloning, a penalty on errors without a reward, and a sum that telescopes`` (instance: Instance) =
    let states, actions, steps, discount = 4, 3, 5, 0.9

    // Of the expert, then of the policy: states that follow one another, and what was done.
    let visited who = draws (steps + 1) (instance.Seed + uint64 (2 * who)) (Rng.below states)
    let taken who = draws steps (instance.Seed + uint64 (2 * who + 1)) (Rng.below actions)
    let chosen places = Array.init (states * actions) (fun pair -> if places pair then 1.0 else 0.0) |> Expr.vector
    let value state q = Expr.log (Expr.sum (chosen (fun pair -> pair / actions = state) * Expr.exp q))
    let worth pair q = Expr.sum (chosen (fun other -> other = pair) * q)

    let sum who (term: int -> int -> int -> Expr) =
        let visited, taken = visited who, taken who

        [ for step in 0 .. steps - 1 -> term visited[step] (visited[step] * actions + taken[step]) visited[step + 1] ]
        |> List.reduce (+)

    let errors reward who q =
        sum who (fun _ pair next -> 0.5 * Expr.square (worth pair q - reward - discount * value next q))

    let paid q = errors 1.0 0 q + errors 0.0 1 q

    let cloned q =
        let cloning = sum 0 (fun state pair _ -> Regression.behaviourCloning (worth pair q - value state q))
        let along = sum 0 (fun state _ next -> value state q - discount * value next q)
        errors 0.0 0 q + errors 0.0 1 q + cloning - along

    let q = Expr.vector (Instance.normals 0 (states * actions) instance)
    Expect.close 1e-10 "slopes" (numbers (Diff.grad cloned q)) (numbers (Diff.grad paid q))
    Expect.close 1e-10 "values" [| 0.5 * float steps |] (numbers (paid q - cloned q))

[<Theorem>]
let ``preferences: the model is that of returns, symmetric, and indifferent where returns are alike``
    (instance: Instance)
    =
    let first = Expr.reshape [| 2; 3 |] (Expr.vector (Instance.normals 0 6 instance))
    let second = Expr.reshape [| 2; 3 |] (Expr.vector (Instance.normals 1 6 instance))
    let noise = 0.2
    let probability a b = numbers (Preferences.probability 0.9 noise 4.0 a b)
    let there, back = probability first second, probability second first
    Expect.close 1e-12 "both ways" [| 1.0; 1.0 |] (Array.map2 (+) there back)
    Expect.close 1e-12 "alike" [| 0.5; 0.5 |] (probability first first)

    for p in there do
        Assert.InRange(p, noise / 2.0, 1.0 - noise / 2.0)

    // A difference that every step has counts Σ γᵗ of it.
    let raised = probability (first + 0.1) first
    let expected = 0.5 * noise + (1.0 - noise) / (1.0 + exp (-0.1 * (1.0 + 0.9 + 0.81)))
    Expect.close 1e-12 "raised" [| expected; expected |] raised
    let far = probability (first + 100.0) first
    let most = 0.5 * noise + (1.0 - noise) / (1.0 + exp -4.0)
    Expect.close 1e-12 "clipped" [| most; most |] far
