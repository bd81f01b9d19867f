/// The twins whose steps divergences bound: NPG, TRPO, V-MPO.
module Rl.Tests.Algorithms.Twins.PlainDivergences

open Rl.Core.Acting
open Rl.Core.Algorithms
open Rl.Core.Experience
open Rl.Core.Learning

open PlainCredit

/// The Fisher information of the actor, formed: the mean over steps of E[∇ln π ∇ln πᵀ].
let private fisher (network: PlainNetwork) (theta: float[]) (steps: TwinStep[]) : float[][] =
    let n = network.ActorCount
    let matrix = Array.init n (fun _ -> Array.zeroCreate<float> n)

    for step in steps do
        let leaves = Array.map Scalar.constant theta

        for weight, score in PlainPolicy.scores (policyOf network leaves step) do
            let slope = Scalar.gradient score leaves

            for i in 0 .. n - 1 do
                for j in 0 .. n - 1 do
                    matrix[i][j] <- matrix[i][j] + weight * slope[i] * slope[j] / float steps.Length

    matrix

let private dot (a: float[]) (b: float[]) = Array.fold2 (fun sum x y -> sum + x * y) 0.0 a b
let private along (a: float[]) (scale: float) (b: float[]) = Array.map2 (fun x y -> x + scale * y) a b

/// x of A x = b after some steps of conjugate gradients from 0, and ‖b − A x‖ (Hestenes and Stiefel 1952).
let private conjugateGradients (steps: int) (multiply: float[] -> float[]) (b: float[]) =
    let rec go left (x: float[]) (r: float[]) (p: float[]) =
        if left = 0 || Gradient.norm r <= 1e-6 * Gradient.norm b then
            struct (x, Gradient.norm r)
        else
            let product = multiply p
            let step = dot r r / dot p product
            let next = along r -step product
            go (left - 1) (along x step p) next (along next (dot next next / dot r r) p)

    go steps (Array.zeroCreate b.Length) b b

/// The natural direction of a rollout, and what it is measured by.
type private Natural =
    {
        Direction: float[]
        /// xᵀ (F + damping) x.
        Curvature: float
        Residual: float
        /// struct (mean(π/π_old · A), mean KL(π_old ‖ π)) of an actor.
        Judge: float[] -> struct (float * float)
        Entropy: float
    }

let private natural (c: ConjugateGradientOptions) (rollout: OnPolicyOptions) (view: TwinView) (collected: Collected) =
    let network, start = view.Network, view.Theta
    let steps, all = collected.Steps, [| 0 .. collected.Steps.Length - 1 |]
    let advantages = advantages rollout collected
    let old = frozenPolicies network start steps

    let surrogate theta =
        meanOver all (fun i ->
            let logProbability = PlainPolicy.logProbability (policyOf network theta steps[i]) steps[i].Action
            advantages[i] * Scalar.exp (logProbability - steps[i].LogProbability))

    let struct (_, gradient) = Scalar.differentiate surrogate start
    let gradient = gradient[.. network.ActorCount - 1]
    let fisher = fisher network start steps
    let multiply x = fisher |> Array.mapi (fun i row -> dot row x + c.CgDamping * x[i])
    let struct (direction, residual) = conjugateGradients c.CgSteps multiply gradient

    {
        Direction = direction
        Curvature = dot direction (multiply direction)
        Residual = residual / Gradient.norm gradient
        Judge =
            fun actor ->
                let theta = Array.append actor start[network.ActorCount ..] |> Array.map Scalar.constant
                let divergence = meanOver all (fun i -> PlainPolicy.kl old[i] (policyOf network theta steps[i]))
                struct ((surrogate theta).Value, divergence.Value)
        Entropy = (meanOver all (fun i -> PlainPolicy.entropy old[i])).Value
    }

/// The values' regression on the returns, in epochs of minibatches; θ is changed in place: struct (the mean loss, the
/// optimiser's variables, the key that follows).
let private fit (c: ValueFitOptions) (view: TwinView) (theta: float[]) (collected: Collected) =
    let adam = PlainAdam("value", PlainRates.start c.ValueLearningRate, 1e-8, view.State)
    let reports = ResizeArray()
    let samples = collected.Steps.Length

    let learn minibatch = reports.Add(fitValues view.Network theta adam 0.0 collected.Steps collected.Returns minibatch)

    let cut = cut samples c.ValueMinibatchSize
    let struct (_, key) = epochs samples cut c.ValueEpochs view.State.Key learn (fun () -> false)
    struct (means reports, adam.Arrays, key)

let private finish (c: ValueFitOptions) (view: TwinView) (collected: Collected) natural (actor: float[]) metrics =
    let theta = view.Theta
    actor.CopyTo(theta, 0)
    let struct (surrogate, divergence) = natural.Judge actor
    let struct (fitted, arrays, key) = fit c view theta collected

    expect
        collected
        key
        theta
        arrays
        (fitted
         @ metrics
         @ [
             "surrogate", surrogate
             "kl", divergence
             "entropy", natural.Entropy
             "residual", natural.Residual
             explainedVariance collected
         ])

/// The natural policy gradient: θ + α x with (F + damping) x = g, and α given or √(2δ / xᵀ(F + damping)x) (Kakade
/// 2001).
let npg (c: NpgOptions) (view: TwinView) : Expected =
    let collected = collectFirst c.Rollout view
    let natural = natural c.Solver c.Rollout view collected

    let length =
        if PlainRates.start c.LearningRate > 0.0 then
            PlainRates.start c.LearningRate
        else
            sqrt (2.0 * PlainRates.start c.TargetKl / natural.Curvature)

    let actor = along view.Theta[.. view.Network.ActorCount - 1] length natural.Direction
    finish c.ValueFit view collected natural actor [ "stepLength", length ]

/// Why a candidate of a line search was not taken.
type Refusal =
    | TooFar
    | Worse

/// Trust-region policy optimisation: the natural step, shortened until the divergence is no more than δ and the
/// surrogate no less than before (Schulman et al. 2015): struct (what is expected, why candidates were not taken).
let trpo (c: TrpoOptions) (view: TwinView) : struct (Expected * Refusal list) =
    let collected = collectFirst c.Rollout view
    let natural = natural c.Solver c.Rollout view collected
    let start = view.Theta[.. view.Network.ActorCount - 1]
    let length = sqrt (2.0 * PlainRates.start c.TargetKl / natural.Curvature)
    let struct (before, _) = natural.Judge start

    let rec search tries fraction refusals =
        if tries = 0 then
            struct (0.0, start, refusals)
        else
            let candidate = along start (fraction * length) natural.Direction
            let struct (surrogate, divergence) = natural.Judge candidate

            if divergence > PlainRates.start c.TargetKl then
                search (tries - 1) (fraction * c.LineSearchShrink) (TooFar :: refusals)
            elif surrogate < before then
                search (tries - 1) (fraction * c.LineSearchShrink) (Worse :: refusals)
            else
                struct (fraction, candidate, refusals)

    let struct (fraction, actor, refusals) = search c.LineSearchTries 1.0 []
    struct (finish c.ValueFit view collected natural actor [ "stepFraction", fraction ], refusals)

/// V-MPO: the policy is fitted to the better samples, weighted by exp(A/η), and held near the old one by multipliers
/// that learn, for discrete parts one, for normals one of the means and one of the deviations (Song et al. 2020).
let vmpo (c: VmpoOptions) (view: TwinView) : Expected =
    let network, state = view.Network, view.State
    let collected = collectFirst c.Rollout view
    let steps, all = collected.Steps, [| 0 .. collected.Steps.Length - 1 |]
    let advantages = advantages c.Rollout collected
    let old = frozenPolicies network view.Theta steps
    let n = network.Count

    // Each with its name, its bound and its divergence from the old policy.
    let regions =
        [
            if network.Parts |> List.exists (PlainPolicy.isNormal >> not) then
                "multiplierLoss", c.KlBound, PlainPolicy.klOf (PlainPolicy.isNormal >> not)

            if network.Parts |> List.exists PlainPolicy.isNormal then
                let normals = PlainPolicy.klOf PlainPolicy.isNormal

                "meanMultiplierLoss",
                c.KlBound,
                (fun old policy -> normals old { policy with LogDeviations = old.LogDeviations })

                "deviationMultiplierLoss",
                c.DeviationKlBound,
                (fun old policy -> normals old { policy with Outputs = old.Outputs })
        ]

    let best =
        all
        |> Array.sortByDescending (fun i -> advantages[i])
        |> Array.take (int (floor (c.TopFraction * float all.Length)))

    let terms (leaves: Scalar[]) =
        let theta, temperature, multipliers = leaves[.. n - 1], leaves[n], leaves[n + 1 ..]
        let policies = steps |> Array.map (policyOf network theta)
        let powers = best |> Array.map (fun i -> exp (advantages[i] / temperature.Value))
        let total = Array.sum powers
        let logMean = best |> Array.map (fun i -> Scalar.exp (advantages[i] / temperature)) |> Scalar.mean |> Scalar.log

        let fitted =
            Array.map2
                (fun i power -> power / total * PlainPolicy.logProbability policies[i] steps[i].Action)
                best
                powers

        [
            term "policyLoss" 1.0 (-(Scalar.sum fitted))
            term "temperatureLoss" 1.0 (temperature * (c.TemperatureBound + logMean))
            term "valueLoss" c.ValueCoefficient (valueLoss network theta steps collected.Returns all)

            for (name, bound, divergence), multiplier in List.zip regions (List.ofArray multipliers) do
                let divergence = meanOver all (fun i -> divergence old[i] policies[i])
                term name 1.0 (multiplier.Value * divergence + multiplier * (bound - divergence.Value))

            term "entropy" 0.0 (meanOver all (fun i -> PlainPolicy.entropy policies[i]))
            term "kl" 0.0 (meanOver all (fun i -> PlainPolicy.kl old[i] policies[i]))
            term "temperature" 0.0 (temperature * 1.0)
        ]

    let adam = PlainAdam("optimiser", PlainRates.start c.LearningRate, 1e-8, state)
    let mutable point = Array.append view.Theta (state.Array "multipliers" |> Array.map float)
    let mutable metrics = []

    for _ in 1 .. c.Epochs do
        let struct (values, gradient) = differentiate point terms
        let isReported (name: string, _) = name = "policyLoss" || name = "valueLoss" || not (name.EndsWith "Loss")
        metrics <- List.filter isReported values @ [ "gradientNorm", Gradient.norm gradient ]
        let moved = adam.Step(point, Gradient.clip c.MaxGradientNorm gradient)
        point <- moved |> Array.mapi (fun i x -> if i < n then x else max 1e-8 x)

    expect
        collected
        state.Key
        point[.. n - 1]
        (("multipliers", point[n..]) :: adam.Arrays)
        (metrics @ [ explainedVariance collected ])
