/// Exact solutions: values, occupancies, gains and gradients agree with their definitions and with each other.
module Rl.Tests.Tabular.ExactTests

open System
open FsCheck.Xunit
open Rl.Core.Foundations
open Rl.Core.Tabular
open Rl.Tests.Theorems
open Xunit

let private dot (a: float[]) (b: float[]) = Array.fold2 (fun total x y -> total + x * y) 0.0 a b

/// The derivative of `f` in each number of θ by the five-point central difference.
let private differences (f: float[] -> float) (theta: float[]) =
    let h = 1e-3

    Array.init theta.Length (fun index ->
        let at shift = f (theta |> Array.mapi (fun i value -> if i = index then value + shift else value))
        (8.0 * (at h - at -h) - (at (2.0 * h) - at (-2.0 * h))) / (12.0 * h))

[<Theorem>]
let ``V solves Bellman's equation, and A has mean zero under the policy`` (DiscountedInstance instance) =
    let mdp = Instance.mdp instance
    let struct (policy, _) = Instance.policy instance
    let values = Exact.values mdp policy
    let actionValues = Exact.actionValues mdp policy
    let advantages = Exact.advantages mdp policy

    for state in 0 .. mdp.States - 1 do
        let under (table: float[]) =
            Seq.sum (
                seq {
                    for action in 0 .. mdp.Actions - 1 -> policy[state, action] * table[state * mdp.Actions + action]
                }
            )

        Expect.closeNumber 1e-10 "V = Σ π Q" values[state] (under actionValues)
        Expect.closeNumber 1e-10 "Σ π A" 0.0 (under advantages)

[<Theorem>]
let ``J is both the start's value and the rewards weighted by occupancy`` (DiscountedInstance instance) =
    let mdp = Instance.mdp instance
    let struct (policy, _) = Instance.policy instance
    let ofPairs = dot (Exact.pairOccupancy mdp policy) (Mdp.expectedRewards mdp)
    Expect.closeNumber 1e-10 "J" (Exact.objective mdp policy) ofPairs

[<Theorem>]
let ``where nothing ends, occupancies sum to 1 / (1 − γ)`` (DiscountedInstance instance) =
    let instance = { instance with Shape = Dense }
    let mdp = Instance.mdp instance
    let struct (policy, _) = Instance.policy instance
    Expect.closeNumber 1e-10 "Σ d" (1.0 / (1.0 - mdp.Discount)) (Array.sum (Exact.occupancy mdp policy))

[<Theorem>]
let ``a long finite horizon has the values, occupancy and gradient of none`` (DiscountedInstance instance) =
    let mdp = Mdp.withDiscount (min 0.9 instance.Discount) (Instance.mdp instance)
    let struct (policy, _) = Instance.policy instance
    let evaluation = FiniteHorizon.evaluate mdp 400 policy
    Expect.close 1e-12 "V" (Exact.values mdp policy) evaluation.Values[0]
    Expect.close 1e-12 "Q" (Exact.actionValues mdp policy) evaluation.ActionValues[0]
    let occupancy = evaluation.Occupancy |> Array.reduce (Array.map2 (+))
    Expect.close 1e-12 "d" (Exact.occupancy mdp policy) occupancy
    Expect.close 1e-12 "∇J" (Exact.softmaxGradient mdp policy) (FiniteHorizon.softmaxGradient mdp 400 policy)

[<Theorem>]
let ``∂J/∂π is d(s) Q(s, a): the linearised objective of a small change`` (DiscountedInstance instance) =
    let mdp = Instance.mdp instance
    let struct (policy, _) = Instance.policy instance
    let struct (other, _) = Instance.other instance
    let h = 1e-5

    let mixed share =
        TabularPolicy.create
            mdp.States
            mdp.Actions
            (Array.map2
                (fun p q -> (1.0 - share) * p + share * q)
                (policy.Probabilities.ToArray())
                (other.Probabilities.ToArray()))

    let direction = Array.map2 (-) (other.Probabilities.ToArray()) (policy.Probabilities.ToArray())
    let slope = (Exact.objective mdp (mixed h) - Exact.objective mdp policy) / h
    let scale = 1.0 / (1.0 - mdp.Discount) ** 2.0
    Expect.closeNumber (1e-3 * scale) "slope" (dot (Exact.probabilityGradient mdp policy) direction) slope

[<Theorem>]
let ``with γ = 1 and certain ends, J is the expected sum of rewards`` (instance: Instance) =
    let mdp = Instance.mdp { instance with Shape = Absorbing; Discount = 1.0 }
    let struct (policy, _) = Instance.policy { instance with Shape = Absorbing }
    Expect.closeNumber 1e-9 "J" (FiniteHorizon.objective mdp 500 policy) (Exact.objective mdp policy)

// --- Average reward
// -----------------------------------------------------------------------------------------------------

let private continuing (instance: Instance) =
    let mdp = Mdp.restarting (Instance.mdp instance)
    let struct (policy, logits) = Instance.policy instance
    struct (mdp, policy, logits)

[<Theorem>]
let ``gain and bias solve Poisson's equation g + h = r + P h with P g = g`` (instance: Instance) =
    let struct (mdp, policy, _) = continuing instance
    let gains, bias = AverageReward.gains mdp policy, AverageReward.bias mdp policy
    let kernel, rewards = Mdp.transitions mdp, Mdp.expectedRewards mdp

    let expected (values: float[]) (extra: int -> float) =
        Array.init mdp.States (fun state ->
            [| 0 .. mdp.Actions - 1 |]
            |> Array.sumBy (fun action ->
                let pair = state * mdp.Actions + action
                let next = Array.sub kernel (pair * mdp.States) mdp.States
                policy[state, action] * (extra pair + dot next values)))

    Expect.close 1e-9 "g + h" (Array.map2 (+) gains bias) (expected bias (fun pair -> rewards[pair]))
    Expect.close 1e-10 "g" gains (expected gains (fun _ -> 0.0))
    Expect.closeNumber 1e-9 "μ h" 0.0 (dot (AverageReward.stationary mdp policy) bias)

[<Theorem>]
let ``as γ → 1, (1 − γ) V tends to the gain and V − g / (1 − γ) to the bias`` (instance: Instance) =
    let struct (mdp, policy, _) = continuing instance
    let gains, bias = AverageReward.gains mdp policy, AverageReward.bias mdp policy
    let discount = 1.0 - 1e-6
    let values = Exact.values (Mdp.withDiscount discount mdp) policy
    Expect.close 1e-4 "(1 − γ) V" gains (values |> Array.map (fun value -> (1.0 - discount) * value))

    Expect.close
        1e-3
        "V − g / (1 − γ)"
        bias
        (Array.map2 (fun value gain -> value - gain / (1.0 - discount)) values gains)

[<Theorem>]
let ``the gradient of the gain is its finite difference`` (instance: Instance) =
    let shape = if instance.Shape = Sparse then Dense else instance.Shape
    let struct (mdp, policy, logits) = continuing { instance with Shape = shape }
    let gain theta = AverageReward.objective mdp (TabularPolicy.softmax mdp.Actions theta)

    // The absorbing state is a class of its own; leaving it out leaves one class.
    if shape <> Absorbing then
        Expect.close 1e-7 "∇g" (differences gain logits) (AverageReward.softmaxGradient mdp policy)

[<Fact>]
let ``a chain with two recurrent classes has a gain for each, and transient states mix them`` () =
    let stay = [| 0.0; 1.0; 0.0 |], [| 0.0; 0.0; 1.0 |]

    let mdp =
        Mdp.create
            1.0
            [| 1.0; 0.0; 0.0 |]
            [| [| [| 0.5; 0.125; 0.375 |] |]; [| fst stay |]; [| snd stay |] |]
            [| [| 9.0 |]; [| 4.0 |]; [| 8.0 |] |]

    let policy = TabularPolicy.uniform mdp
    Expect.close 1e-12 "g" [| 7.0; 4.0; 8.0 |] (AverageReward.gains mdp policy)
    // h(0) = (9 − 7) + ½ h(0)
    Expect.close 1e-12 "h" [| 4.0; 0.0; 0.0 |] (AverageReward.bias mdp policy)
    let error = Assert.Throws<ArgumentException>(fun () -> AverageReward.softmaxGradient mdp policy |> ignore)
    Assert.Contains("2 recurrent classes", error.Message)
