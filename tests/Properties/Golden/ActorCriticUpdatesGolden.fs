/// Updates of SAC, TD3 and DDPG step by step, composed from the objectives and optimisers, against Stable Baselines3
/// and CleanRL: losses, gradients, new weights, targets.
module Rl.Tests.Golden.ActorCriticUpdatesGolden

open System
open System.Collections.Generic
open Rl.Core.Autodiff
open Rl.Core.Distributions
open Rl.Core.Networks
open Rl.Core.Objectives
open Rl.Core.Optimisers
open Xunit
open Rl.Tests.Golden.AlgorithmNetworks

/// The groups of a case, their weights as they move, and an Adam for each, with this ε and the β₁ of its group.
type Training(case: GoldenNode, epsilon: float, gradientDecay: string -> float) =
    let groups = case["flat_order"].Members |> List.map (fun (name, node) -> name, texts node)
    let initial = case["initial_weights"]
    let weights = Dictionary<string, float[]>()
    let optimisers = Dictionary<string, Map<string, Tensor>>()

    do
        for name, order in groups do
            weights[name] <- concatenated order initial

    /// With PyTorch's β₁.
    new(case, epsilon: float) = Training(case, epsilon, (fun _ -> 0.9))

    member _.Weights = weights
    member _.Has(group: string) = weights.ContainsKey group

    /// All weights by name; those of one group are in θ.
    member _.Named(group: string, theta: Expr) : Map<string, Expr> =
        groups
        |> List.collect (fun (name, order) ->
            let own = if name = group then theta else Expr.vector weights[name]
            named order initial own |> Map.toList)
        |> Map.ofList

    /// All weights by name, as they are.
    member this.All = this.Named("", Expr.number 0.0)

    /// Moves a group along the gradient of a loss, which must be the expected one.
    member this.Move(group: string, rate: float, step: GoldenNode, expected: float[], loss: Map<string, Expr> -> Expr) =
        let theta = weights[group]
        let gradient = gradient (fun theta -> loss (this.Named(group, theta))) theta
        close step $"the gradient of {group}" expected gradient
        let n = theta.Length
        let transform = Optimiser.adamWith (Schedule.constant rate) (gradientDecay group) 0.999 epsilon 0.0 false

        let struct (next, state) =
            Optimiser.update
                transform
                (Expr.input "gradient" [| n |])
                (Optimiser.inputs "" n transform)
                (Expr.input "theta" [| n |])

        let known =
            match optimisers.TryGetValue group with
            | true, known -> known
            | _ -> Map.ofList (Optimiser.initialise n transform)

        let values = known.Add("gradient", Tensor.vector gradient).Add("theta", Tensor.vector theta)
        let results = Reference.evaluateMany (fun name -> values[name]) (Array.ofList (next :: state))
        let names = Optimiser.state n transform |> List.map _.Name
        optimisers[group] <- List.zip names (List.ofArray results[1..]) |> Map.ofList
        weights[group] <- results[0].ToArray()

    /// Lets a target follow.
    member _.Follow(target: string, online: string, rate: float) =
        weights[target] <- numbers (OffPolicy.polyak rate (Expr.vector weights[target]) (Expr.vector weights[online]))

    /// The weights must be those after the step.
    member _.Check(step: GoldenNode) =
        for name, node in step["weights_after"].Members do
            close step $"{name} after the step" node.AsArray.Values weights[name]

let private values (p: Map<string, Expr>) (prefix: string) (observations: Expr) (actions: Expr) : Expr list =
    Seq.initInfinite ((+) 1)
    |> Seq.takeWhile (fun k -> p.ContainsKey $"{prefix}{k}.0.weight")
    |> Seq.map (fun k ->
        Expr.concat -1 [ observations; actions ] |> mlp p $"{prefix}{k}" Expr.relu false |> Expr.squeeze -1)
    |> Seq.toList


/// γ, or each row's own power of it where returns of several steps ended early; 0 where s′ is terminal.
let discounts (step: GoldenNode) (gamma: float) =
    let continues = 1.0 - batch step "terminated"

    if step["batch"].Has "discounts" then
        batch step "discounts" * continues
    else
        gamma * continues

let draw (step: GoldenNode) (name: string) = GoldenCases.ofNode (step["draws"].[name])
let private isTorch (case: GoldenNode) = case.Text "implementation" = "stable-baselines3"
let private isOf names (case: GoldenNode) = List.contains (case.Text "implementation") names

/// The sum over critics of their mean squared errors.
let private criticLoss (p: Map<string, Expr>) step (y: Expr) =
    values p "critic" (batch step "observations") (batch step "actions")
    |> List.map (fun q -> Expr.mean (OffPolicy.criticLoss q y))
    |> List.reduce (+)

/// The action and its log-probability as each library has them, from means and raw ln σ: how ln σ is bounded, and what
/// stands in the logarithm of the slope.
let squashed (case: GoldenNode) (mean: Expr) (raw: Expr) (noise: Expr) : Expr * Expr =
    let settings = case["params"]

    let deviation =
        if not (settings.Has "log_std_bound") || settings.Text "log_std_bound" = "clamp" then
            Expr.clamp (settings.Float "log_std_min") (settings.Float "log_std_max") raw
        else
            Heads.squash (settings.Float "log_std_min") (settings.Float "log_std_max") raw

    let normal = DiagonalNormal.create mean deviation
    let u = DiagonalNormal.reparameterise noise normal
    let a = Expr.tanh u

    let scale, shift =
        if settings.Has "action_scale" then
            settings.Float "action_scale", settings.Float "action_bias"
        else
            1.0, 0.0

    let slope = Expr.log (scale * (1.0 - Expr.square a) + settings.Float "log_prob_epsilon")
    scale * a + shift, DiagonalNormal.logProbability u normal - Expr.sumOver [| -1 |] slope

/// The same from the actor's weights.
let sample (case: GoldenNode) (p: Map<string, Expr>) (observations: Expr) (noise: Expr) : Expr * Expr =
    let hidden = mlp p "actor" Expr.relu true observations
    squashed case (linear p "actor.mean" hidden) (linear p "actor.log_std" hidden) noise

let private soft (case: GoldenNode) =
    let settings = case["params"]
    let training = Training(case, 1e-8)
    let isTorch = isTorch case
    let rate name = if isTorch then settings.Float "lr" else settings.Float name
    let learns = training.Has "log_alpha"

    let logTemperature (p: Map<string, Expr>) = Expr.sum p["log_alpha"]

    for step in case["steps"].Items do
        let observations, next = batch step "observations", batch step "next_observations"
        let gradients = step["gradients"]

        // The temperature of before its step, for the whole update.
        let temperature =
            if learns then Math.Exp training.Weights["log_alpha"].[0]
            elif isTorch then settings.Float "ent_coef"
            else settings.Float "alpha"
            |> Expr.number

        let moveTemperature noise expected =
            if learns then
                let _, logProbability = sample case training.All observations noise
                let target = settings.Float "target_entropy"

                training.Move(
                    "log_alpha",
                    rate "alpha_lr",
                    step,
                    expected,
                    fun p ->
                        let x = logTemperature p
                        // Stable Baselines3 takes the derivative by ln α of ln α (…), CleanRL of α (…).
                        let multiplier = if isTorch then x else Expr.exp x
                        Expr.mean (OffPolicy.temperatureLoss target multiplier logProbability)
                )

        if isTorch then
            moveTemperature
                (draw step "standard_normal_current")
                (if learns then gradients.Floats "log_alpha" else [||])

        let nextAction, nextLogProbability = sample case training.All next (draw step "standard_normal_next")
        let nextValue = values training.All "target_critic" next nextAction |> ActionCritic.least

        let y =
            OffPolicy.softTarget
                temperature
                (batch step "rewards")
                (discounts step (settings.Float "gamma"))
                nextValue
                nextValue
                nextLogProbability

        check step "targets" y
        let weight = if isTorch then 0.5 else 1.0
        let loss p = weight * criticLoss p step y
        close step "critic_loss" [| step.Float "critic_loss" |] (numbers (loss training.All))
        training.Move("critic", rate "critic_lr", step, gradients.Floats "critic", loss)

        let moveActor (temperature: Expr) noise expected =
            training.Move(
                "actor",
                rate "actor_lr",
                step,
                expected,
                fun p ->
                    let action, logProbability = sample case p observations noise
                    let least = values p "critic" observations action |> ActionCritic.least
                    Expr.mean (OffPolicy.softActorLoss temperature logProbability least least)
            )

        if isTorch then
            moveActor temperature (draw step "standard_normal_current") (gradients.Floats "actor")
        elif gradients.Has "actor" then
            let rows (name: string) =
                match gradients.TryGet name with
                | Some node when node.AsArray.Shape.Length = 2 -> [ for row in node.Items -> row.AsArray.Values ]
                | Some node -> [ node.AsArray.Values ]
                | None -> []

            let actor, alpha = rows "actor", rows "log_alpha"

            for k in 0 .. actor.Length - 1 do
                let now =
                    if learns then
                        Expr.number (Math.Exp training.Weights["log_alpha"].[0])
                    else
                        temperature

                moveActor now (draw step $"standard_normal_actor_{k}") actor[k]
                if learns then moveTemperature (draw step $"standard_normal_alpha_{k}") alpha[k]

        training.Follow("target_critic", "critic", settings.Float "tau")
        training.Check step

let private deterministic (case: GoldenNode) =
    let settings = case["params"]
    let training = Training(case, 1e-8)
    let isTorch = isTorch case
    let rate name = if isTorch then settings.Float "lr" else settings.Float name

    let number name otherwise =
        match settings.TryGet name with
        | Some node -> node.AsFloat
        | None -> otherwise

    let scale, shift = number "action_scale" 1.0, number "action_bias" 0.0
    let policy (p: Map<string, Expr>) net x = scale * Expr.tanh (mlp p net Expr.relu false x) + shift

    for step in case["steps"].Items do
        let observations, next = batch step "observations", batch step "next_observations"
        let action = policy training.All "target_actor" next
        let bound name = Expr.number (settings.Float name)

        let smoothed =
            if step.Has "draws" && step["draws"].Has "smoothing_standard_normal" then
                let noise = draw step "smoothing_standard_normal"
                let low, high = bound "action_low", bound "action_high"

                if isTorch then
                    OffPolicy.smoothedAction
                        (settings.Float "target_policy_noise")
                        (settings.Float "target_noise_clip")
                        low
                        high
                        noise
                        action
                else
                    // CleanRL clips in the policy's units and scales what it has clipped.
                    let limit = scale * settings.Float "noise_clip"
                    OffPolicy.smoothedAction (scale * settings.Float "policy_noise") limit low high noise action
            else
                action

        let y =
            values training.All "target_critic" next smoothed
            |> ActionCritic.least
            |> OffPolicy.target (batch step "rewards") (discounts step (settings.Float "gamma"))

        check step "targets" y
        let loss p = criticLoss p step y
        close step "critic_loss" [| step.Float "critic_loss" |] (numbers (loss training.All))
        training.Move("critic", rate "critic_lr", step, step["gradients"].Floats "critic", loss)

        if step.Flag "actor_updated" then
            training.Move(
                "actor",
                rate "actor_lr",
                step,
                step["gradients"].Floats "actor",
                fun p ->
                    values p "critic" observations (policy p "actor" observations)
                    |> List.head
                    |> OffPolicy.deterministicActorLoss
                    |> Expr.mean
            )

            training.Follow("target_actor", "actor", settings.Float "tau")
            training.Follow("target_critic", "critic", settings.Float "tau")

        training.Check step

let private known = [ "stable-baselines3"; "cleanrl" ]

[<Fact>]
let ``SAC moves as in Stable Baselines3 and CleanRL, step by step`` () =
    Golden.verifyWhere "update_sac" (isOf known) soft

[<Fact>]
let ``TD3 and DDPG move as in Stable Baselines3 and CleanRL, step by step`` () =
    Golden.verifyWhere "update_td3_ddpg" (isOf known) deterministic
