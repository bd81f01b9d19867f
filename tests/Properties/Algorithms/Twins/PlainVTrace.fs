/// The twins whose rollouts may be of older policies than the one that learns from them: IMPALA and APPO.
module Rl.Tests.Algorithms.Twins.PlainVTrace

open Rl.Core.Algorithms
open Rl.Core.Learning

open PlainCredit

/// A rollout of the policy of `PolicyLag` updates before, as far as there were so many, with V-trace's credit for θ
/// `target` by its definition (Espeholt et al. 2018, equation 1), and the share of ratios beyond ρ̄.
let private correct (c: OnPolicyOptions) (v: VTraceOptions) (target: float[]) (view: TwinView) =
    let lag = min v.PolicyLag (int view.State.Updates)

    let acting =
        if lag = 0 then
            view.Theta
        else
            view.State.Array $"laggedParameters{lag}" |> Array.map float

    let collected = nothing view.State |> collect c view.Network acting (TwinWorld(view.Environment, view.State))

    let steps, copies = collected.Steps, view.Environment.Count
    let theta = Array.map Scalar.constant target

    let judged =
        steps
        |> Array.map (fun step ->
            let policy = policyOf view.Network theta step

            { step with
                LogProbability = (PlainPolicy.logProbability policy step.Action).Value
                Value = (PlainNetwork.value view.Network theta step.Observation).Value
            })

    let ratio i = exp (judged[i].LogProbability - steps[i].LogProbability)
    let isLast i = steps[i].Truncated || i + copies >= steps.Length
    // At a cut the value is that of the critic that acted.
    let next i = if isLast i then steps[i].NextValue else judged[i + copies].Value
    let following i = if steps[i].Terminated then 0.0 else next i
    let error i = steps[i].Reward + c.Discount * following i - judged[i].Value

    let rec sum i weight =
        let here = weight * min v.RatioClip (ratio i) * error i

        if steps[i].Terminated || isLast i then
            here
        else
            here + sum (i + copies) (weight * c.Discount * c.GaeLambda * min 1.0 (ratio i))

    let all = [| 0 .. steps.Length - 1 |]
    let targets = all |> Array.map (fun i -> judged[i].Value + sum i 1.0)

    let advantage i =
        let after =
            if steps[i].Terminated || isLast i then
                following i
            else
                (1.0 - c.GaeLambda) * judged[i + copies].Value + c.GaeLambda * targets[i + copies]

        min v.PolicyRatioClip (ratio i) * (steps[i].Reward + c.Discount * after - judged[i].Value)

    let beyond = all |> Array.filter (fun i -> ratio i > v.RatioClip) |> Array.length

    struct ({ collected with Steps = judged; Returns = targets; Advantages = Array.map advantage all },
            steps,
            [ "clippedRatios", float beyond / float steps.Length; "lag", float lag; "largestLag", float lag ])

/// The policies that lag afterwards.
let private lagged (v: VTraceOptions) (view: TwinView) =
    [
        for updates in 1 .. v.PolicyLag do
            $"laggedParameters{updates}",
            if updates = 1 then
                view.Theta
            else
                view.State.Array $"laggedParameters{updates - 1}" |> Array.map float
    ]

/// IMPALA: one step of Adam along mean(−ln π · A + v · ½ (V − vs)² − c · H).
let impala (c: ImpalaOptions) (view: TwinView) : Expected =
    let network = view.Network
    let struct (collected, _, corrections) = correct c.Rollout c.Correction view.Theta view
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
                let entropy = meanOver all (fun i -> PlainPolicy.entropy policies[i])
                term "entropy" -(PlainRates.start c.EntropyCoefficient) entropy
                term "valueLoss" c.ValueCoefficient (valueLoss network theta steps collected.Returns all)
            ])

    let rate = PlainRates.after c.Plan view.State.Steps c.Rate.LearningRate
    let adam = PlainAdam("optimiser", rate, c.AdamEpsilon, view.State)
    let theta = adam.Step(view.Theta, Gradient.clip c.MaxGradientNorm gradient)

    expect
        collected
        view.State.Key
        theta
        (adam.Arrays @ lagged c.Correction view)
        (values @ corrections @ [ "gradientNorm", Gradient.norm gradient; explainedVariance collected ])

/// APPO: PPO on V-trace's credit for the target policy π, with the old probabilities max(π, μ / ρ).
let appo (c: AppoOptions) (view: TwinView) : Expected =
    let isNew = view.State.Updates % int64 c.TargetInterval = 0L

    let target =
        if isNew then
            view.Theta
        else
            view.State.Array "targetParameters" |> Array.map float

    let struct (collected, acted, corrections) = correct c.Ppo.Rollout c.Correction target view

    let old =
        Array.map2
            (fun (judged: TwinStep) (step: TwinStep) ->
                { judged with
                    LogProbability = max judged.LogProbability (step.LogProbability - log c.LargestRatio)
                })
            collected.Steps
            acted

    let learned = PlainGradients.ppoOf c.Ppo view { collected with Steps = old }

    { learned with
        Arrays =
            learned.Arrays
            @ lagged c.Correction view
            @ [ if c.TargetInterval > 1 then "targetParameters", target ]
        Metrics = learned.Metrics @ corrections
    }
