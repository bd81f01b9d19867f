/// Law 6 on finite processes, and slide 5: differences of performance, natural gradients, and the expectation that
/// makes a step smooth.
module Rl.Tests.Theorems.PerformanceTheorems

open System
open MathNet.Numerics.LinearAlgebra
open Rl.Core.Autodiff
open Rl.Core.Tabular
open Rl.Core.Objectives
open Xunit

let private dot (a: float[]) (b: float[]) = Array.fold2 (fun total x y -> total + x * y) 0.0 a b

// --- The performance-difference lemma (Kakade and Langford 2002)
// ----------------------------------------------------------

[<Theorem>]
let ``law 6: J(π′) − J(π) = Σ d_π′(s, a) A_π(s, a)`` (DiscountedInstance instance) =
    let mdp = Instance.mdp instance
    let struct (policy, _) = Instance.policy instance
    let struct (other, _) = Instance.other instance
    let difference = Exact.objective mdp other - Exact.objective mdp policy
    Expect.closeNumber 1e-9 "J′ − J" difference (dot (Exact.pairOccupancy mdp other) (Exact.advantages mdp policy))

[<Theorem>]
let ``law 6: the performance difference over a finite horizon`` (instance: Instance) =
    let mdp = Instance.mdp instance
    let struct (policy, _) = Instance.policy instance
    let struct (other, _) = Instance.other instance

    let before, after =
        FiniteHorizon.evaluate mdp instance.Horizon policy, FiniteHorizon.evaluate mdp instance.Horizon other

    let sum =
        Array.map2
            (fun (advantages: float[]) (occupancy: float[]) ->
                advantages
                |> Array.mapi (fun pair advantage ->
                    let state = pair / mdp.Actions
                    occupancy[state] * other[state, pair % mdp.Actions] * advantage)
                |> Array.sum)
            (FiniteHorizon.advantages before)
            after.Occupancy
        |> Array.sum

    Expect.closeNumber 1e-10 "J′ − J" (after.Objective - before.Objective) sum

[<Theorem>]
let ``law 6: the surrogate Σ d_π(s) π′(a|s) A_π(s, a) has the gradient of J at π′ = π`` (DiscountedInstance instance) =
    let mdp = Instance.mdp instance
    let struct (policy, logits) = Instance.policy instance
    let shape = [| mdp.States; mdp.Actions |]
    let occupancy = Exact.pairOccupancy mdp policy
    let advantages = Expr.constant (Tensor.create shape (Exact.advantages mdp policy))
    let old = Expr.constant (Tensor.create shape (policy.Probabilities.ToArray() |> Array.map log))

    let surrogate theta =
        let ratio = PolicyGradients.ratio (TabularPolicy.softmaxOf theta).LogProbabilities old
        Expr.sum (Expr.constant (Tensor.create shape occupancy) * ratio * advantages)

    let gradient = Diff.grad surrogate (Expr.constant (Tensor.create shape logits))
    Expect.close 1e-9 "∇J" (Exact.softmaxGradient mdp policy) ((Reference.evaluate gradient).ToArray())

// --- The natural gradient
// ------------------------------------------------------------------------------------------------

/// F⁺ g by the singular values: F is singular along the constants of each state's parameters.
let private solve (size: int) (matrix: float[]) (gradient: float[]) : float[] =
    let fisher = Matrix<float>.Build.Dense(size, size, fun row column -> matrix[row * size + column])
    let decomposition = fisher.Svd()
    let cut = 1e-10 * decomposition.S.Maximum()
    let rotated = decomposition.U.TransposeThisAndMultiply(Vector<float>.Build.DenseOfArray gradient)

    let scaled =
        rotated.MapIndexed(fun index value ->
            if decomposition.S[index] > cut then value / decomposition.S[index] else 0.0)

    decomposition.VT.TransposeThisAndMultiply(scaled).ToArray()

/// The change of log π(a|s) that a direction in θ makes: what two parametrisations can be compared by.
let private effect (policy: TabularPolicy) (direction: float[]) =
    Array.init (policy.States * policy.Actions) (fun pair ->
        let state = pair / policy.Actions
        let row = Array.sub direction (state * policy.Actions) policy.Actions
        dot (TabularPolicy.score policy state (pair % policy.Actions)) row)

/// Where every state is visited, and so every parameter matters.
let private visited (instance: Instance) = { instance with Shape = Dense }

[<Theorem>]
let ``law 6: the natural gradient of softmax parameters changes log π by the advantage (Kakade 2001)``
    (DiscountedInstance instance)
    =
    let mdp = Instance.mdp (visited instance)
    let struct (policy, _) = Instance.policy (visited instance)
    let pairs = mdp.States * mdp.Actions
    let natural = solve pairs (Exact.fisher mdp policy) (Exact.softmaxGradient mdp policy)
    Expect.close 1e-7 "Δ log π" (Exact.advantages mdp policy) (effect policy natural)

[<Theorem>]
let ``law 6: the natural gradient does not depend on the parametrisation; the plain one does``
    (DiscountedInstance instance)
    =
    let instance = visited { instance with Actions = max 2 instance.Actions }
    let mdp = Instance.mdp instance
    let struct (policy, _) = Instance.policy instance
    let pairs = mdp.States * mdp.Actions
    let noise = Instance.normals 0 (pairs * pairs) instance

    // θ = M φ with M near 1: F_φ = Mᵀ F M and ∇_φ = Mᵀ ∇_θ.
    let change =
        Matrix<float>
            .Build
            .Dense(pairs, pairs, fun i j -> (if i = j then 1.0 else 0.0) + 0.3 * noise[i * pairs + j] / float pairs)

    let fisher = Exact.fisher mdp policy
    let asMatrix = Matrix<float>.Build.Dense(pairs, pairs, fun row column -> fisher[row * pairs + column])
    let gradient = Vector<float>.Build.DenseOfArray(Exact.softmaxGradient mdp policy)
    let changedFisher = change.TransposeThisAndMultiply(asMatrix * change)
    let changedGradient = change.TransposeThisAndMultiply gradient
    let inPhi = solve pairs (changedFisher.ToRowMajorArray()) (changedGradient.ToArray())
    let back (direction: float[]) = (change * Vector<float>.Build.DenseOfArray direction).ToArray()
    let natural = effect policy (solve pairs fisher (gradient.ToArray()))
    Expect.close 1e-6 "Δ log π" natural (effect policy (back inPhi))

    // The plain gradient in φ is M Mᵀ ∇ in θ, another change of the policy.
    let plain, other = effect policy (gradient.ToArray()), effect policy (back (changedGradient.ToArray()))

    if Array.exists (fun value -> abs value > 1e-3) plain then
        Assert.True(Expect.distance plain other > 1e-6)

[<Theorem>]
let ``law 6: the Fisher matrix is the Hessian of KL(π_old ‖ π) at π = π_old, weighted with the occupancy``
    (DiscountedInstance instance)
    =
    let mdp = Instance.mdp instance
    let struct (policy, logits) = Instance.policy instance
    let occupancy = Expr.vector (Exact.occupancy mdp policy)
    let shape = [| mdp.States; mdp.Actions |]
    let old = Expr.constant (Tensor.create shape (policy.Probabilities.ToArray()))

    let divergence theta =
        let logPi = (TabularPolicy.softmaxOf (Expr.reshape shape theta)).LogProbabilities
        Expr.sum (occupancy * Expr.sumOver [| 1 |] (old * (Expr.log old - logPi)))

    let hessian = Reference.evaluate (Diff.hessian divergence (Expr.vector logits))
    Expect.close 1e-9 "F" (Exact.fisher mdp policy) (hessian.ToArray())

// --- Slide 5: a reward may jump, its expectation is smooth
// ----------------------------------------------------------------

/// A step reward of an action that a Normal policy draws: r(a) = 1 where a > c. E[r] = Φ((μ − c) / σ).
let private stepReward (threshold: float) (action: Expr) =
    Expr.select (Expr.less (Expr.number threshold) action) (Expr.number 1.0) (Expr.number 0.0)

let private density x = exp (-0.5 * x * x) / sqrt (2.0 * Math.PI)

/// ∫ f(a) N(a; μ, σ) da by the midpoint rule, its cells aligned to the jump at c.
let private integrate (mean: float) (deviation: float) (threshold: float) (f: float -> float) =
    let cells = 40_000
    let width = 20.0 * deviation / float cells
    let start = threshold - width * floor ((threshold - (mean - 10.0 * deviation)) / width)

    Seq.sum (
        seq {
            for cell in 0 .. cells - 1 do
                let action = start + (float cell + 0.5) * width
                f action * density ((action - mean) / deviation) / deviation * width
        }
    )

[<Theory>]
[<InlineData(0.0, 1.0, 0.3)>]
[<InlineData(-1.2, 0.5, -1.0)>]
[<InlineData(2.0, 2.0, 0.0)>]
let ``slide 5: the score function finds the slope of E[step reward], and the pathwise derivative is 0``
    (mean: float, deviation: float, threshold: float)
    =
    let exact = density ((mean - threshold) / deviation) / deviation

    // E[r ∇_μ log N(a; μ, σ)] with the library's loss, action by action.
    let action, mu = Expr.input "action" [||], Expr.input "mean" [||]

    let logProbability (mu: Expr) =
        let p = Rl.Core.Distributions.DiagonalNormal.create (Expr.reshape [| 1 |] mu) (Expr.vector [ log deviation ])
        Expr.sum (Rl.Core.Distributions.DiagonalNormal.logProbability (Expr.reshape [| 1 |] action) p)

    let loss mu = PolicyGradients.score (logProbability mu) (stepReward threshold action)
    let program = Program.ofOutputs<float> [ "gradient", Diff.grad loss mu ]

    let score =
        integrate mean deviation threshold (fun value ->
            program.Set("action", ReadOnlySpan<float> [| value |])
            program.Set("mean", ReadOnlySpan<float> [| mean |])
            program.Run()
            -program.Output("gradient").[0])

    Assert.Equal(exact, score, 7)

    // a = μ + σ ε: the derivative of the reward itself is 0 wherever it exists.
    let pathwise (noise: float) =
        let reward (mu: Expr) = stepReward threshold (mu + deviation * noise)
        (Reference.evaluate (Diff.grad reward (Expr.number mean))).Scalar

    Assert.All([ for noise in -3.05 .. 0.1..3.0 -> pathwise noise ], fun slope -> Assert.Equal(0.0, slope))
    Assert.True(exact > 0.01)

[<Fact>]
let ``slide 5, discrete: J of a softmax policy is smooth in θ though the reward jumps with the action`` () =
    let outcome reward = [| { Probability = 1.0; Next = 0; Reward = reward; Terminates = true } |]
    let mdp = Mdp.ofOutcomes 1.0 [| 1.0 |] [| [| outcome 0.0; outcome 1.0 |] |]
    let objective (shift: float) = Exact.objective mdp (TabularPolicy.softmax 2 [| 0.0; shift |])
    let sigmoid x = 1.0 / (1.0 + exp -x)

    for shift in [ -2.0; 0.0; 1.5 ] do
        Assert.Equal(sigmoid shift, objective shift, 12)
        let gradient = Exact.softmaxGradient mdp (TabularPolicy.softmax 2 [| 0.0; shift |])
        Assert.Equal(sigmoid shift * sigmoid -shift, gradient[1], 12)
