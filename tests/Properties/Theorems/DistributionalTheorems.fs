/// Law 3 for laws of returns: the distributional Bellman operator contracts the Wasserstein distance, and its fixed
/// point has the values as means.
module Rl.Tests.Theorems.DistributionalTheorems

open System
open Rl.Core.Autodiff
open Rl.Core.Tabular
open Rl.Core.Objectives
open Xunit

/// The instance's process with a uniformly drawn γ, and its policy.
let private drawn (most: float) (instance: Instance) =
    let mdp = Mdp.withDiscount (most * Instance.uniform 8 instance) (Instance.mdp instance)
    let struct (policy, _) = Instance.policy instance
    struct (mdp, policy)

/// A random law of four atoms for each state.
let private laws (stream: int) (mdp: Mdp) (instance: Instance) : ReturnDistribution[] =
    let atoms = Instance.normals stream (4 * mdp.States) instance
    let weights = Instance.normals (stream + 1) (4 * mdp.States) instance |> Array.map exp

    Array.init mdp.States (fun state ->
        let own = Array.sub weights (4 * state) 4
        let total = Array.sum own
        ReturnDistribution.create (Array.sub atoms (4 * state) 4) (own |> Array.map (fun weight -> weight / total)))

/// The same law with c added to every return.
let private shifted (c: float) (law: ReturnDistribution) =
    ReturnDistribution.create (law.Atoms.ToArray() |> Array.map ((+) c)) (law.Probabilities.ToArray())

let private means = Array.map ReturnDistribution.mean

[<Theorem>]
let ``law 3: the distributional Bellman operator is a γ-contraction in the largest Wasserstein distance of any order``
    (instance: Instance)
    =
    let struct (mdp, policy) = drawn 1.0 instance
    let first, second = laws 0 mdp instance, laws 2 mdp instance
    let after = DistributionalBellman.evaluation mdp policy

    // Powers are compared: rounding that moves 10⁻¹⁶ of the probability is not much larger in W_pᵖ, but is in W_p.
    for power in [ 1.0; 1.5; 2.0; 3.0 ] do
        let before = DistributionalBellman.distance power first second
        let now = DistributionalBellman.distance power (after first) (after second)

        if now ** power > (mdp.Discount * before) ** power + 1e-12 then
            failwith $"W_{power}: {before} became {now}, more than γ = {mdp.Discount} times as much."

[<Theorem>]
let ``law 3: adding c to every return moves the law by γ c where nothing ends, so γ is the best factor``
    (instance: Instance)
    =
    let instance = { instance with Shape = Dense }
    let struct (mdp, policy) = drawn 1.0 instance
    let first = laws 0 mdp instance
    let second = first |> Array.map (shifted 2.0)
    let after = DistributionalBellman.evaluation mdp policy

    for power in [ 1.0; 2.0 ] do
        Expect.closeNumber 1e-7 "W before" 2.0 (DistributionalBellman.distance power first second)
        let moved = DistributionalBellman.distance power (after first) (after second)
        Expect.closeNumber 1e-7 "W after" (2.0 * mdp.Discount) moved

[<Theorem>]
let ``law 3: the mean of a distributional backup is the backup of the means, so the fixed point's means are V``
    (instance: Instance)
    =
    let struct (mdp, policy) = drawn 0.95 instance
    let after = DistributionalBellman.evaluation mdp policy
    let any = laws 0 mdp instance
    Expect.close 1e-12 "E[T η]" (Bellman.evaluation mdp policy (means any)) (means (after any))
    let values = Exact.values mdp policy
    let centred = Array.map2 (fun law value -> shifted (value - ReturnDistribution.mean law) law) any values
    Expect.close 1e-9 "V" values (means (after (after centred)))

[<Theorem>]
let ``law 3: H distributional backups of nothing are the law of the return of H steps`` (instance: Instance) =
    let mdp = Instance.mdp instance
    let struct (policy, _) = Instance.policy instance
    let nothing = Array.create mdp.States (ReturnDistribution.certain 0.0)

    let backed =
        Seq.fold
            (fun laws _ -> DistributionalBellman.evaluation mdp policy laws)
            nothing
            (seq { 1 .. instance.Horizon })

    for state in 0 .. mdp.States - 1 do
        if not (mdp.IsAbsorbing state) then
            let start = Array.init mdp.States (fun other -> if other = state then 1.0 else 0.0)
            let all = Trajectories.enumerate (Mdp.withStart start mdp) policy instance.Horizon

            let returns =
                all |> Array.map (fun weighted -> Returns.Discounted(mdp.Discount, weighted.Trajectory.Rewards))

            let law = ReturnDistribution.create returns (all |> Array.map _.Probability)
            Expect.closeNumber 1e-12 "W₁" 0.0 (ReturnDistribution.wasserstein 1.0 law backed[state])

[<Theorem>]
let ``law 3: projected on atoms the operator has a fixed point, and its means are V`` (instance: Instance) =
    let struct (mdp, policy) = drawn 0.9 instance

    let reward =
        Seq.max (
            seq {
                for state in 0 .. mdp.States - 1 do
                    for action in 0 .. mdp.Actions - 1 do
                        for outcome in mdp.Outcomes(state, action).ToArray() -> abs outcome.Reward
            }
        )

    // No return lies outside, so that the projection keeps all means.
    let limit = 1e-3 + reward / (1.0 - mdp.Discount)
    let atoms = Array.init 11 (fun index -> limit * (float index / 5.0 - 1.0))
    let project = Array.map (ReturnDistribution.project atoms)
    let backup laws = project (DistributionalBellman.evaluation mdp policy laws)
    let start = Array.create mdp.States (ReturnDistribution.certain 0.0)
    let fixedPoint = Seq.fold (fun laws _ -> backup laws) start (seq { 1..300 })

    Expect.closeNumber
        (1e-9 * limit)
        "Π T η = η"
        0.0
        (DistributionalBellman.distance 1.0 fixedPoint (backup fixedPoint))

    Expect.close 1e-8 "V" (Exact.values mdp policy) (means fixedPoint)

    // The projection is that of categorical learning.
    let moved = DistributionalBellman.evaluation mdp policy fixedPoint

    for law, projected in Array.zip moved (project moved) do
        let vector (numbers: ReadOnlyMemory<float>) = Expr.vector (numbers.ToArray())

        let masses =
            ValueDistributions.project (vector law.Atoms) (vector law.Probabilities) (Expr.vector atoms)
            |> Reference.evaluate

        let expected = ReturnDistribution.create atoms (masses.ToArray())
        Expect.closeNumber 1e-9 "Π" 0.0 (ReturnDistribution.wasserstein 1.0 expected projected)

[<Theorem>]
let ``Wasserstein distances of laws are those of quantiles and of distribution functions`` (instance: Instance) =
    let x, y = Array.sort (Instance.normals 0 5 instance), Array.sort (Instance.normals 1 5 instance)
    let equal = Array.create 5 0.2
    let p, q = ReturnDistribution.create (Array.rev x) equal, ReturnDistribution.create y equal
    let number (e: Expr) = (Reference.evaluate e).Scalar

    for power in [ 1.0; 2.0; 3.5 ] do
        let quantiles = number (ValueDistributions.wassersteinOfQuantiles power (Expr.vector x) (Expr.vector y))
        Expect.closeNumber 1e-12 $"W_{power}" quantiles (ReturnDistribution.wasserstein power p q)
        Expect.closeNumber 1e-12 "W(p, p)" 0.0 (ReturnDistribution.wasserstein power p p)

    // ∫ |F − G| over the atoms of both.
    let atoms = Array.sort (Array.append x y)
    let masses (own: float[]) = atoms |> Array.map (fun atom -> if Array.contains atom own then 0.2 else 0.0)
    let area = ValueDistributions.wasserstein (Expr.vector atoms) (Expr.vector (masses x)) (Expr.vector (masses y))
    Expect.closeNumber 1e-12 "∫ |F − G|" (number area) (ReturnDistribution.wasserstein 1.0 p q)

[<Fact>]
let ``what is no law of a return is refused by name`` () =
    let law = ReturnDistribution.certain 1.0

    let refused (name: string) (action: unit -> obj) =
        Assert.Equal(name, Assert.ThrowsAny<ArgumentException>(fun () -> action () |> ignore).ParamName)

    refused "atoms" (fun () -> ReturnDistribution.create [| nan |] [| 1.0 |])
    refused "probabilities" (fun () -> ReturnDistribution.create [| 1.0; 2.0 |] [| 0.5; 0.4 |])
    refused "probabilities" (fun () -> ReturnDistribution.create [| 1.0 |] [||])
    refused "power" (fun () -> ReturnDistribution.wasserstein 0.5 law law)
    refused "atoms" (fun () -> ReturnDistribution.project [| 1.0; 1.0 |] law)
    refused "atoms.Length" (fun () -> ReturnDistribution.project [| 1.0 |] law)
    refused "second" (fun () -> DistributionalBellman.distance 1.0 [| law |] [||])
    let mdp = Instance.mdp { Seed = 1UL; Shape = Dense; States = 2; Actions = 2; Horizon = 1; Discount = 0.9 }
    refused "distributions" (fun () -> DistributionalBellman.evaluation mdp (TabularPolicy.uniform mdp) [| law |])
