/// The twins that follow gradients: A2C, VPG, PPO, PPG.
module Rl.Tests.Algorithms.Twins.PlainGradients

open Rl.Core.Acting
open Rl.Core.Algorithms
open Rl.Core.Experience
open Rl.Core.Learning

open PlainCredit

/// Advantage actor-critic: one step of RMSprop along mean(−ln π · A + v · ½ (V − R)² − c · H) (Mnih et al. 2016).
let a2c (c: A2cOptions) (view: TwinView) : Expected =
    let network, state = view.Network, view.State
    let collected = collectFirst c.Rollout view
    let steps, all = collected.Steps, [| 0 .. collected.Steps.Length - 1 |]
    let advantages = advantages c.Rollout collected

    let struct (values, gradient) =
        differentiate view.Theta (fun theta ->
            let policies = steps |> Array.map (policyOf network theta)

            [
                term
                    "policyLoss"
                    1.0
                    (meanOver all (fun i -> -advantages[i] * PlainPolicy.logProbability policies[i] steps[i].Action))
                term "valueLoss" c.ValueCoefficient (valueLoss network theta steps collected.Returns all)
                let entropy = meanOver all (fun i -> PlainPolicy.entropy policies[i])
                term "entropy" -(PlainRates.start c.EntropyCoefficient) entropy
            ])

    let rate = PlainRates.after c.Plan view.State.Steps c.Rate.LearningRate
    let rms = PlainRmsProp("optimiser", rate, c.RmsDecay, c.RmsEpsilon, c.EpsilonInsideRoot, state)
    let theta = rms.Step(view.Theta, Gradient.clip c.MaxGradientNorm gradient)

    let metrics =
        values
        @ [ "gradientNorm", Gradient.norm gradient; "learningRate", rate; explainedVariance collected ]

    expect collected state.Key theta rms.Arrays metrics

/// The vanilla policy gradient: one step of Adam along mean(−ln π · A) − c · mean H, then some of the values towards
/// rewards-to-go (Schulman et al. 2016).
let vpg (c: VpgOptions) (view: TwinView) : Expected =
    let network, theta = view.Network, view.Theta
    let collected = collectFirst c.Rollout view
    let steps, all = collected.Steps, [| 0 .. collected.Steps.Length - 1 |]
    let advantages = advantages c.Rollout collected
    let policy = PlainAdam("policy", PlainRates.start c.LearningRate, 1e-8, view.State)
    let value = PlainAdam("value", PlainRates.start c.ValueLearningRate, 1e-8, view.State)

    let moved =
        movePolicy network theta policy 0.0 (fun theta ->
            let policies = steps |> Array.map (policyOf network theta)

            [
                term
                    "policyLoss"
                    1.0
                    (meanOver all (fun i -> -advantages[i] * PlainPolicy.logProbability policies[i] steps[i].Action))
                let entropy = meanOver all (fun i -> PlainPolicy.entropy policies[i])
                term "entropy" -(PlainRates.start c.EntropyCoefficient) entropy
            ])

    let fitted = [ for _ in 1 .. c.ValueSteps -> fitValues network theta value 0.0 steps collected.ToGo all ]

    expect
        collected
        view.State.Key
        theta
        (policy.Arrays @ value.Arrays)
        (moved @ List.last fitted @ [ explainedVariance collected ])

/// −min(ρ A, clip(ρ, 1 − ε, 1 + ε) A); where A < 0 no more than −c A (Schulman et al. 2017; Ye et al. 2020).
let private clippedLoss (range: float) (dual: float) (ratio: Scalar) (advantage: float) : Scalar =
    let clipped =
        Scalar.largerOf (Scalar.smallerOf ratio (Scalar.constant (1.0 + range))) (Scalar.constant (1.0 - range))

    let surrogate = Scalar.smallerOf (ratio * advantage) (clipped * advantage)

    if dual > 0.0 && advantage < 0.0 then
        -(Scalar.largerOf surrogate (Scalar.constant (dual * advantage)))
    else
        -surrogate

/// (ρ − 1) − ln ρ.
let private approximateKl (ratio: Scalar) = ratio - 1.0 - Scalar.log ratio

let private isClipped range (ratio: Scalar) = if abs (ratio.Value - 1.0) > range then 1.0 else 0.0

/// Proximal policy optimisation (Schulman et al. 2017) of a rollout with its credit.
let ppoOf (c: PpoOptions) (view: TwinView) (collected: Collected) : Expected =
    let network, state, theta = view.Network, view.State, view.Theta
    let steps = collected.Steps
    let rate = PlainRates.after c.Plan view.State.Steps c.Rate.LearningRate
    let range = PlainRates.after c.Plan view.State.Steps c.ClipRange
    let penalty = if c.KlPenalty > 0.0 then float ((state.Array "klPenalty").[0]) else 0.0
    let adam = PlainAdam("optimiser", rate, c.AdamEpsilon, state)

    let valueLoss (theta: Scalar[]) i =
        let value = PlainNetwork.value network theta steps[i].Observation
        let error (value: Scalar) = Scalar.square (value - collected.Returns[i])

        if PlainRates.start c.ValueClipRange > 0.0 then
            let old = steps[i].Value
            let change = Scalar.smallerOf (value - old) (Scalar.constant (PlainRates.start c.ValueClipRange))
            let near = old + Scalar.largerOf change (Scalar.constant -(PlainRates.start c.ValueClipRange))
            0.5 * Scalar.largerOf (error value) (error near)
        else
            0.5 * error value

    let terms (minibatch: int[]) theta =
        let chosen = minibatch |> Array.map (fun i -> collected.Advantages[i])

        let advantages =
            if c.Rollout.NormaliseAdvantages then
                PlainExperience.standardise chosen
            else
                chosen

        let policies = minibatch |> Array.map (fun i -> policyOf network theta steps[i])
        let all = [| 0 .. minibatch.Length - 1 |]

        let ratios =
            all
            |> Array.map (fun row ->
                let step = steps[minibatch[row]]
                Scalar.exp (PlainPolicy.logProbability policies[row] step.Action - step.LogProbability))

        let surrogate row =
            if c.ClipRange = RateSchedule.Constant 0.0 then
                penalty * approximateKl ratios[row] - ratios[row] * advantages[row]
            else
                clippedLoss range c.DualClip ratios[row] advantages[row] + penalty * approximateKl ratios[row]

        let clipped row =
            Scalar.constant (
                if c.ClipRange = RateSchedule.Constant 0.0 then
                    0.0
                else
                    isClipped range ratios[row]
            )

        [
            term "policyLoss" 1.0 (meanOver all surrogate)
            term
                "entropy"
                -(PlainRates.start c.EntropyCoefficient)
                (meanOver all (fun row -> PlainPolicy.entropy policies[row]))
            term "approximateKl" 0.0 (meanOver all (fun row -> approximateKl ratios[row]))
            term "clipFraction" 0.0 (meanOver all clipped)
            term "valueLoss" c.ValueCoefficient (meanOver minibatch (valueLoss theta))
        ]

    let reports = ResizeArray<(string * float) list>()
    let struct (count, _) as cut = cut steps.Length c.MinibatchSize
    let mutable last = 0.0

    let learn minibatch =
        let struct (values, gradient) = differentiate theta (terms minibatch)
        (adam.Step(theta, Gradient.clip c.MaxGradientNorm gradient)).CopyTo(theta, 0)
        reports.Add(values @ [ "gradientNorm", Gradient.norm gradient ])

    let isFar () =
        last <-
            reports
            |> Seq.skip (reports.Count - count)
            |> Seq.averageBy (fun values -> values |> List.find (fst >> (=) "approximateKl") |> snd)

        PlainRates.start c.TargetKl > 0.0 && last > 1.5 * PlainRates.start c.TargetKl

    let struct (epochs, key) = epochs steps.Length cut c.Epochs state.Key learn isFar

    let adapted =
        if c.KlPenaltyTarget = 0.0 then penalty
        elif last < c.KlPenaltyTarget / 1.5 then penalty / 2.0
        elif last > c.KlPenaltyTarget * 1.5 then penalty * 2.0
        else penalty

    let arrays = adam.Arrays @ [ if c.KlPenalty > 0.0 then "klPenalty", [| adapted |] ]

    let metrics = means reports @ [ "learningRate", rate; "epochs", float epochs; explainedVariance collected ]

    expect collected key theta arrays metrics

/// Proximal policy optimisation (Schulman et al. 2017).
let ppo (c: PpoOptions) (view: TwinView) : Expected = collectFirst c.Rollout view |> ppoOf c view

/// Phasic policy gradient: PPO's clipped steps of the policy and fits of the values on some rollouts, then an auxiliary
/// phase in which the policy's features learn the returns while the policy is held (Cobbe et al. 2021).
let ppg (c: PpgOptions) (view: TwinView) : Expected =
    let network, state, theta = view.Network, view.State, view.Theta
    let world = TwinWorld(view.Environment, state)
    let policyAdam = PlainAdam("policy", PlainRates.start c.LearningRate, c.AdamEpsilon, state)
    let valueAdam = PlainAdam("value", PlainRates.start c.LearningRate, c.AdamEpsilon, state)
    let auxiliaryAdam = PlainAdam("auxiliary", PlainRates.start c.LearningRate, c.AdamEpsilon, state)
    let samples = c.Rollout.RolloutSteps * world.Copies
    let struct (_, size) as policyCut = cut samples c.MinibatchSize
    let policyReports, valueReports, auxiliaryReports = ResizeArray(), ResizeArray(), ResizeArray()
    let never () = false
    let mutable key = state.Key
    let mutable collected = nothing state
    let rollouts = ResizeArray<Collected>()

    for _ in 1 .. c.PolicyRollouts do
        collected <- collect c.Rollout network theta world collected
        rollouts.Add collected
        let steps, returns = collected.Steps, collected.Returns
        let advantages = advantages c.Rollout collected

        let learnPolicy minibatch =
            movePolicy network theta policyAdam c.MaxGradientNorm (fun theta ->
                let policies = dict [ for i in minibatch -> i, policyOf network theta steps[i] ]

                let ratio i =
                    Scalar.exp (PlainPolicy.logProbability policies[i] steps[i].Action - steps[i].LogProbability)

                [
                    term
                        "policyLoss"
                        1.0
                        (meanOver minibatch (fun i ->
                            clippedLoss (PlainRates.start c.ClipRange) 0.0 (ratio i) advantages[i]))
                    term
                        "entropy"
                        -(PlainRates.start c.EntropyCoefficient)
                        (meanOver minibatch (fun i -> PlainPolicy.entropy policies[i]))
                    term "approximateKl" 0.0 (meanOver minibatch (ratio >> approximateKl))
                    term
                        "clipFraction"
                        0.0
                        (meanOver minibatch (ratio >> isClipped (PlainRates.start c.ClipRange) >> Scalar.constant))
                ])
            |> policyReports.Add

        let learnValues minibatch =
            valueReports.Add(fitValues network theta valueAdam c.MaxGradientNorm steps returns minibatch)

        let struct (_, next) = epochs samples policyCut c.PolicyEpochs key learnPolicy never
        let struct (_, next) = epochs samples policyCut c.ValueEpochs next learnValues never
        key <- next

    // The auxiliary phase: all rollouts again, one after the other.
    let steps = rollouts |> Seq.collect _.Steps |> Seq.toArray
    let returns = rollouts |> Seq.collect _.Returns |> Seq.toArray
    let old = frozenPolicies network theta steps
    let head = state.Array "auxiliaryHead" |> Array.map float
    let width = head.Length - 1

    let learnBoth (minibatch: int[]) =
        let struct (values, gradient) =
            differentiate (Array.append theta head) (fun leaves ->
                let theta = leaves[.. theta.Length - 1]
                let weight, bias = leaves[theta.Length .. theta.Length + width - 1], leaves[theta.Length + width]

                let error i =
                    let features = PlainNetwork.features network.Actor theta steps[i].Observation
                    0.5 * Scalar.square (Scalar.affine weight features bias - returns[i])

                let divergence i = PlainPolicy.kl old[i] (policyOf network theta steps[i])

                [
                    term "auxiliaryLoss" 1.0 (meanOver minibatch error)
                    term "cloneKl" c.CloneCoefficient (meanOver minibatch divergence)
                ])

        // What it moves: the actor and the head, not the critic.
        let own (values: float[]) = Array.append values[.. network.ActorCount - 1] values[theta.Length ..]
        let moved = auxiliaryAdam.Step(own (Array.append theta head), Gradient.clip c.MaxGradientNorm (own gradient))
        moved[.. network.ActorCount - 1].CopyTo(theta, 0)
        moved[network.ActorCount ..].CopyTo(head, 0)
        auxiliaryReports.Add values
        fitValues network theta valueAdam c.MaxGradientNorm steps returns minibatch |> ignore

    let auxiliaryCut = struct (steps.Length / size, size)
    let struct (_, next) = epochs steps.Length auxiliaryCut c.AuxiliaryEpochs key learnBoth never

    expect
        collected
        next
        theta
        (("auxiliaryHead", head) :: policyAdam.Arrays @ valueAdam.Arrays @ auxiliaryAdam.Arrays)
        (means policyReports @ means valueReports @ means auxiliaryReports @ [ explainedVariance collected ])
