/// One update of each algorithm, end to end, composed from the objectives, distributions and optimisers: losses,
/// gradients, new weights.
module Rl.Tests.Golden.AlgorithmUpdatesGolden

#nowarn "3391" // arrays convert to spans

open System
open Rl.Core.Autodiff
open Rl.Core.Distributions
open Rl.Core.Objectives
open Rl.Core.Optimisers
open Xunit
open Rl.Tests.Golden.AlgorithmNetworks

// --- Policies
// -----------------------------------------------------------------------------------------------------------

/// Log-probabilities of the batch's actions and entropies under the actor of θ; `divergence` is KL from the actor of
/// another θ.
let private policy (case: GoldenNode) order (weights: GoldenNode) (theta: Expr) =
    let p = named order weights theta
    let output = mlp p "actor" Expr.tanh false (batch case "observations")
    let actions = batch case "actions"

    if p.ContainsKey "log_std" then
        let normal = DiagonalNormal.create output p["log_std"]
        DiagonalNormal.logProbability actions normal, DiagonalNormal.entropy normal, Choice2Of2 normal
    else
        let categorical = Categorical.ofLogits output
        Categorical.logProbability actions categorical, Categorical.entropy categorical, Choice1Of2 categorical

let private ppo (case: GoldenNode) =
    let order, weights, settings = texts case["flat_order"], case["initial_weights"], case["params"]
    let range = Expr.number (settings.Float "clip_epsilon")

    let advantages =
        let given = batch case "advantages"

        if settings.Flag "normalize_advantages" then
            PolicyGradients.standardise given
        else
            given

    let parts (theta: Expr) =
        let logProbability, entropy, _ = policy case order weights theta

        let values =
            mlp (named order weights theta) "critic" Expr.tanh false (batch case "observations")
            |> Expr.squeeze -1

        let ratio = PolicyGradients.ratio logProbability (batch case "old_log_probs")
        let returns = batch case "returns"

        let valueLoss =
            if settings.Flag "clip_value_loss" then
                PolicyGradients.clippedValueLoss range values (batch case "old_values") returns
            else
                PolicyGradients.valueLoss values returns

        let policyLoss = Expr.mean (PolicyGradients.clippedSurrogate range ratio advantages)
        let entropy, valueLoss = Expr.mean entropy, Expr.mean valueLoss

        [
            "log_probs", logProbability
            "values", values
            "ratio", ratio
            "policy_loss", policyLoss
            "value_loss", valueLoss
            "entropy", entropy
            "total_loss", policyLoss + settings.Float "value_coef" * valueLoss - settings.Float "entropy_coef" * entropy
            "clip_fraction", Expr.mean (PolicyGradients.isClipped range ratio)
            "approx_kl", Expr.mean (PolicyGradients.approximateKl logProbability (batch case "old_log_probs"))
        ]

    let total theta = parts theta |> List.find (fun (name, _) -> name = "total_loss") |> snd
    let theta = concatenated order weights
    check case "advantages_used" advantages

    for name, part in parts (Expr.vector theta) do
        check case name part

    close case "gradient" (case.Floats "gradient") (gradient total theta)

    let optimiser =
        Optimiser.clipped (settings.Float "max_grad_norm") (adam (settings.Float "lr") (settings.Float "adam_eps"))

    checkSteps case "weights_after_adam_steps" (steps 5 optimiser total theta)

let private reinforce (case: GoldenNode) =
    let order, weights, settings = texts case["flat_order"], case["initial_weights"], case["params"]
    let mine (net: string) = order |> List.filter (fun name -> name.StartsWith net)
    let actor, critic = mine "actor", mine "baseline"
    let returns = batch case "returns"

    let baseline theta =
        mlp (named critic weights theta) "baseline" Expr.tanh false (batch case "observations")
        |> Expr.squeeze -1

    let policyLoss (baseline: Expr) theta =
        let logProbability, _, _ = policy case actor weights theta
        Expr.mean (PolicyGradients.score logProbability (returns - baseline))

    let baselineLoss theta = Expr.mean (Expr.square (baseline theta - returns))
    let actorTheta, criticTheta = concatenated actor weights, concatenated critic weights
    let fixedBaseline = baseline (Expr.vector criticTheta)
    check case "baseline" fixedBaseline
    check case "policy_loss" (policyLoss fixedBaseline (Expr.vector actorTheta))
    check case "baseline_loss" (baselineLoss (Expr.vector criticTheta))
    close case "policy_gradient" (case.Floats "policy_gradient") (gradient (policyLoss fixedBaseline) actorTheta)
    close case "baseline_gradient" (case.Floats "baseline_gradient") (gradient baselineLoss criticTheta)
    let sgd = Optimiser.sgd (Schedule.constant 0.1) 0.0 0.0 false 0.0
    let name = "policy_weights_after_1_sgd_step_lr0.1"
    let stepped = steps 1 sgd (policyLoss fixedBaseline) actorTheta
    close case name (case.Floats name) stepped[1]

    // Two optimisers side by side: the actor of each step sees the baseline of that step.
    let adamOf rate = adam (settings.Float rate) (settings.Float "adam_eps")
    let actorAdam, criticAdam = adamOf "lr_policy", adamOf "lr_baseline"
    let n, m = actorTheta.Length, criticTheta.Length
    let actorInput, criticInput = Expr.input "actor" [| n |], Expr.input "critic" [| m |]
    let actorSlope = Diff.grad (policyLoss (Expr.stopGradient (baseline criticInput))) actorInput

    let struct (nextActor, actorState) =
        Optimiser.update actorAdam actorSlope (Optimiser.inputs "a." n actorAdam) actorInput

    let struct (nextCritic, criticState) =
        Optimiser.update
            criticAdam
            (Diff.grad baselineLoss criticInput)
            (Optimiser.inputs "c." m criticAdam)
            criticInput

    let prefixed prefix = List.map (fun (name, value) -> prefix + name, value)
    let actorStart, criticStart = Optimiser.initialise n actorAdam, Optimiser.initialise m criticAdam

    let start =
        [ "actor", Tensor.vector actorTheta; "critic", Tensor.vector criticTheta ]
        @ prefixed "a." actorStart
        @ prefixed "c." criticStart

    let names = start |> List.map fst |> Array.ofList
    let outputs = Array.ofList ([ nextActor; nextCritic ] @ actorState @ criticState)

    (Map.ofList start, [| 1..5 |])
    ||> Array.scan (fun values _ ->
        Map.ofArray (Array.zip names (Reference.evaluateMany (fun name -> values[name]) outputs)))
    |> Array.map (fun values -> Array.append (values["actor"].ToArray()) (values["critic"].ToArray()))
    |> checkSteps case "weights_after_adam_steps"

let private dqn isDouble (case: GoldenNode) =
    let order, weights, settings = texts case["flat_order"], case["initial_weights"], case["params"]
    let values theta observations = mlp (named order weights theta) "q" Expr.relu false (batch case observations)
    let target = Expr.vector (concatenated order case["target_weights"])
    let discount = settings.Float "gamma" * (1.0 - batch case "terminated")
    let actions, rewards = batch case "actions", batch case "rewards"

    let error theta =
        let now, next = values theta "observations", values target "next_observations"

        if isDouble then
            ValueLearning.doubleQLearning now actions rewards discount next (values theta "next_observations")
        else
            ValueLearning.qLearning now actions rewards discount next

    let loss theta = Expr.mean (Losses.huber (settings.Float "huber_delta") (error theta))
    let start = concatenated order weights
    let theta = Expr.vector start
    let chosen = ValueLearning.chosen actions (values theta "observations")
    check case "q_values" (values theta "observations")
    check case "q_selected" chosen
    check case "targets" (error theta + chosen)
    check case "loss" (loss theta)
    close case "gradient" (case.Floats "gradient") (gradient loss start)

    for name in [ "adam"; "rmsprop"; "rmsprop_centered" ] do
        let field = $"weights_after_{name}_steps"
        let optimiser = case[field].["optimizer"]
        let rate = Schedule.constant (optimiser.Float "lr")

        let transform =
            if optimiser.Has "alpha" then
                Optimiser.rmsProp
                    rate
                    (optimiser.Float "alpha")
                    (optimiser.Float "eps")
                    0.0
                    0.0
                    (field.Contains "centered")
            else
                Optimiser.adam rate (optimiser.Float "eps")

        checkSteps case field (steps 5 transform loss start)

// --- Off-policy actor-critics
// -------------------------------------------------------------------------------------------

let private critic (case: GoldenNode) order (theta: Expr) net observations (action: Expr) =
    Expr.concat -1 [ batch case observations; action ]
    |> mlp (named order case["critic_weights"] theta) net Expr.relu false
    |> Expr.squeeze -1

let private discount (case: GoldenNode) = case["params"].Float "gamma" * (1.0 - batch case "terminated")

let private twinLoss (case: GoldenNode) order (backup: Expr) (theta: Expr) =
    let loss net =
        OffPolicy.criticLoss (critic case order theta net "observations" (batch case "actions")) backup
        |> Expr.mean

    loss "q1", loss "q2"

let private sac (case: GoldenNode) =
    let actorOrder, criticOrder, settings =
        texts case["actor_flat_order"], texts case["critic_flat_order"], case["params"]

    let alpha = Expr.number (settings.Float "alpha")

    /// ln π and the action of noise, and what they are made of. The file leaves the stretching by the limit out of ln
    /// π.
    let act observations noise theta =
        let p = named actorOrder case["actor_weights"] theta
        let features = mlp p "trunk" Expr.relu true (batch case observations)
        let mean = linear p "mu" features

        let logDeviation =
            linear p "log_std" features
            |> Expr.clamp (settings.Float "log_std_min") (settings.Float "log_std_max")

        let squashed =
            SquashedNormal.create (Expr.number -1.0) (Expr.number 1.0) (DiagonalNormal.create mean logDeviation)

        let struct (u, x) = SquashedNormal.reparameterise (GoldenCases.ofNode case[noise]) squashed
        SquashedNormal.logProbabilityOf u squashed, settings.Float "action_limit" * x, u, mean, logDeviation

    let actorStart, criticStart =
        concatenated actorOrder case["actor_weights"], concatenated criticOrder case["critic_weights"]

    let targetStart = concatenated criticOrder case["target_critic_weights"]
    let actor, critics, target = Expr.vector actorStart, Expr.vector criticStart, Expr.vector targetStart
    let nextLog, nextAction, _, _, _ = act "next_observations" "noise_next" actor
    let nextValue net = critic case criticOrder target net "next_observations" nextAction

    let backup =
        OffPolicy.softTarget alpha (batch case "rewards") (discount case) (nextValue "q1") (nextValue "q2") nextLog

    check case "next_action" nextAction
    check case "next_log_prob" nextLog
    check case "backup" backup

    let first, second = twinLoss case criticOrder backup critics
    check case "critic_loss_1" first
    check case "critic_loss_2" second
    let criticLoss theta = twinLoss case criticOrder backup theta ||> (+)
    close case "critic_gradient" (case.Floats "critic_gradient") (gradient criticLoss criticStart)

    let logProbability, action, u, mean, logDeviation = act "observations" "noise_current" actor
    check case "mu" mean
    check case "log_std" logDeviation
    check case "pre_tanh" u
    check case "action" action
    check case "log_prob" logProbability
    let value net = critic case criticOrder critics net "observations"
    check case "min_q" (Expr.minimum (value "q1" action) (value "q2" action))

    let actorLoss theta =
        let logProbability, action, _, _, _ = act "observations" "noise_current" theta
        OffPolicy.softActorLoss alpha logProbability (value "q1" action) (value "q2" action) |> Expr.mean

    check case "actor_loss" (actorLoss actor)
    close case "actor_gradient" (case.Floats "actor_gradient") (gradient actorLoss actorStart)

    for form, multiplier in [ "log", id; "exp", Expr.exp ] do
        let loss (logAlpha: Expr) =
            OffPolicy.temperatureLoss (settings.Float "target_entropy") (multiplier logAlpha) logProbability
            |> Expr.mean

        let logAlpha = Expr.number (settings.Float "log_alpha")
        check case $"alpha_loss_{form}_form" (loss logAlpha)
        check case $"alpha_grad_{form}_form" (Diff.grad loss logAlpha)

    let optimiser = adam (settings.Float "lr") 1e-8
    let criticSteps, actorSteps = steps 1 optimiser criticLoss criticStart, steps 1 optimiser actorLoss actorStart
    close case "critic step" (case.Floats "critic_weights_after_1_adam_step") criticSteps[1]
    close case "actor step" (case.Floats "actor_weights_after_1_adam_step") actorSteps[1]
    let moved = OffPolicy.polyak (1.0 - settings.Float "polyak") target (Expr.vector criticSteps[1])
    check case "target_critic_weights_after_polyak" moved

let private td3 (case: GoldenNode) =
    let actorOrder, criticOrder, settings =
        texts case["actor_flat_order"], texts case["critic_flat_order"], case["params"]

    let limit = settings.Float "action_limit"

    let act field observations theta =
        limit
        * Expr.tanh (mlp (named actorOrder case[field] theta) "pi" Expr.relu false (batch case observations))

    let actorStart, criticStart =
        concatenated actorOrder case["actor_weights"], concatenated criticOrder case["critic_weights"]

    let critics, target =
        Expr.vector criticStart, Expr.vector (concatenated criticOrder case["target_critic_weights"])

    let targetActor = Expr.vector (concatenated actorOrder case["target_actor_weights"])
    let plain = act "target_actor_weights" "next_observations" targetActor
    let bound = Expr.number limit

    let next =
        OffPolicy.smoothedAction
            (settings.Float "target_noise")
            (settings.Float "noise_clip")
            (-bound)
            bound
            (GoldenCases.ofNode case["noise"])
            plain

    let nextValue net action = critic case criticOrder target net "next_observations" action
    let rewards = batch case "rewards"
    let backup = OffPolicy.twinTarget rewards (discount case) (nextValue "q1" next) (nextValue "q2" next)
    check case "target_policy_action" plain
    check case "next_action" next
    check case "backup" backup
    let first, second = twinLoss case criticOrder backup critics
    check case "critic_loss_1" first
    check case "critic_loss_2" second
    let criticLoss theta = twinLoss case criticOrder backup theta ||> (+)
    close case "critic_gradient" (case.Floats "critic_gradient") (gradient criticLoss criticStart)

    let actorLoss theta =
        act "actor_weights" "observations" theta
        |> critic case criticOrder critics "q1" "observations"
        |> OffPolicy.deterministicActorLoss
        |> Expr.mean

    check case "actor_loss" (actorLoss (Expr.vector actorStart))
    close case "actor_gradient" (case.Floats "actor_gradient") (gradient actorLoss actorStart)

    let ddpgBackup = OffPolicy.target rewards (discount case) (nextValue "q1" plain)
    check case "ddpg_backup" ddpgBackup
    let ddpgLoss theta = fst (twinLoss case criticOrder ddpgBackup theta)
    check case "ddpg_critic_loss" (ddpgLoss critics)
    let expected = case.Floats "ddpg_critic_gradient_q1"
    close case "ddpg_critic_gradient_q1" expected (Array.take expected.Length (gradient ddpgLoss criticStart))

// --- Trust region
// -------------------------------------------------------------------------------------------------------

let private trpo (case: GoldenNode) =
    let order, weights, settings = texts case["flat_order"], case["initial_weights"], case["params"]
    let start = concatenated order weights
    let _, _, oldPolicy = policy case order weights (Expr.vector start)

    let surrogate theta =
        let logProbability, _, _ = policy case order weights theta
        TrustRegion.surrogate logProbability (GoldenCases.ofNode case["old_log_probs"]) (batch case "advantages")

    let divergence theta =
        let _, _, newPolicy = policy case order weights theta

        match oldPolicy, newPolicy with
        | Choice1Of2 p, Choice1Of2 q -> Expr.mean (Categorical.kl p q)
        | Choice2Of2 p, Choice2Of2 q -> Expr.mean (DiagonalNormal.kl p q)
        | _ -> failwith "unreachable"

    let product direction =
        TrustRegion.fisherVectorProduct
            (settings.Float "damping")
            divergence
            (Expr.vector start)
            (Expr.vector direction)

    check case "surrogate_at_start" (surrogate (Expr.vector start))
    check case "kl_at_start" (divergence (Expr.vector start))
    let slope = gradient surrogate start
    close case "surrogate_gradient" (case.Floats "surrogate_gradient") slope
    check case "fisher_vector_product" (product (case.Floats "fvp_direction"))
    let multiply direction = numbers (product direction)
    let solved = TrustRegion.conjugateGradient (int (settings.Float "cg_iterations")) multiply slope
    Golden.close 1e-7 1e-7 case "cg_solution" (case.Floats "cg_solution") solved.Solution
    Golden.close 1e-7 1e-7 case "cg_residual_norms" (case.Floats "cg_residual_norms") solved.ResidualNorms
    let exact = TrustRegion.conjugateGradient (4 * start.Length) multiply slope
    Golden.close 1e-7 1e-7 case "exact_solution" (case.Floats "exact_solution") exact.Solution
    let curvature = Array.map2 (*) solved.Solution (multiply solved.Solution) |> Array.sum
    Golden.closeNumber 1e-7 1e-7 case "x_H_x" (case.Float "x_H_x") curvature
    let scale = TrustRegion.stepScale (settings.Float "delta") curvature
    Golden.closeNumber 1e-7 1e-7 case "step_scale" (case.Float "step_scale") scale
    let step = solved.Solution |> Array.map (fun x -> scale * x)
    Golden.close 1e-7 1e-7 case "full_step" (case.Floats "full_step") step

    let evaluate theta =
        let theta = Expr.vector theta
        struct ((Reference.evaluate (surrogate theta)).Scalar, (Reference.evaluate (divergence theta)).Scalar)

    let struct (atStart, _) = evaluate start

    let result =
        TrustRegion.lineSearch (settings.Float "backtrack_coef") 10 (settings.Float "delta") atStart evaluate start step

    let tried =
        result.Tried
        |> Array.collect (fun struct (fraction, surrogate, kl) -> [| fraction; kl; surrogate |])

    let expected =
        [|
            for item in case["line_search"].Items do
                item.Float "step_fraction"
                item.Float "kl"
                item.Float "surrogate"
        |]

    Golden.close 1e-7 1e-7 case "line_search" expected tried
    Golden.close 1e-7 1e-7 case "accepted_weights" (case.Floats "accepted_weights") result.Parameters

[<Fact>]
let ``one update of every algorithm has the reference's losses, gradients and weights`` () =
    Golden.verify "algorithm_updates" (fun case ->
        match case.Text "algorithm" with
        | "PPO" -> ppo case
        | "REINFORCE with baseline" -> reinforce case
        | "DQN" -> dqn false case
        | "Double DQN" -> dqn true case
        | "SAC" -> sac case
        | "TD3 (and DDPG)" -> td3 case
        | "TRPO" -> trpo case
        | other -> failwith $"The algorithm {other} is not known here.")
