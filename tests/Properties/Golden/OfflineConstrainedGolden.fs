/// Updates of TD3+BC, ReBRAC, BCQ and BEAR step by step, composed from the objectives and optimisers, against d3rlpy
/// and the authors' TD3+BC: losses, gradients, new weights, targets.
module Rl.Tests.Golden.OfflineConstrainedGolden

open System
open Rl.Core.Autodiff
open Rl.Core.Distributions
open Rl.Core.Objectives
open Xunit
open Rl.Tests.Golden.AlgorithmNetworks
open Rl.Tests.Golden.ActorCriticUpdatesGolden
open Rl.Tests.Golden.OfflineUpdates

let private observations step = batch step "observations"
let private actions step = batch step "actions"

let private smoothed (deviation: float) (limit: float) (most: float) (step: GoldenNode) (action: Expr) =
    OffPolicy.smoothedAction
        deviation
        limit
        (Expr.number -most)
        (Expr.number most)
        (draw step "smoothing_standard_normal")
        action

let private follow (training: Training) rate =
    training.Follow("target_actor", "actor", rate)
    training.Follow("target_critic", "critic", rate)

/// TD3+BC and ReBRAC, which differ in their penalties.
let private regularised (case: GoldenNode) =
    let settings = case["params"]
    let training = Training(case, 1e-8)
    let isReBrac = case.Text "algorithm" = "ReBRAC"
    let isAuthors = case.Text "implementation" = "sfujim"
    let number (name: string) (authors: string) = settings.Float(if isAuthors then authors else name)
    let most = if isAuthors then settings.Float "max_action" else 1.0
    let policy p (net: string) x = most * Expr.tanh (mlp p net Expr.relu false x)

    case["steps"].Items
    |> List.iteri (fun index step ->
        let next = batch step "next_observations"
        let p = training.All

        let deviation, limit =
            number "target_smoothing_sigma" "policy_noise", number "target_smoothing_clip" "noise_clip"

        let nextAction = smoothed deviation limit most step (policy p "target_actor" next)
        let nextValue = least (values p "target_critic" next nextAction)
        let discount = discounts step (settings.Float "gamma")

        let y =
            if isReBrac then
                let penalty = settings.Float "critic_beta"

                Offline.regularisedTarget
                    penalty
                    (batch step "rewards")
                    discount
                    nextValue
                    nextAction
                    (batch step "next_actions")
            else
                OffPolicy.target (batch step "rewards") discount nextValue

        check step "targets" y
        let loss p = regression (values p "critic" (observations step) (actions step)) y
        let name = if isAuthors then "critic_loss" else "critic_loss_backward"
        close step name [| step.Float name |] (numbers (loss p))
        training.Move("critic", number "critic_optimizer_lr" "lr", step, expected step "critic", loss)

        if step["gradients"].Has "actor" then
            let loss p =
                let action = policy p "actor" (observations step)
                let values = values p "critic" (observations step) action

                if isReBrac then
                    let value = least values
                    let scale = Offline.valueScale 1.0 0.0 value
                    Offline.regularisedActorLoss (settings.Float "actor_beta") scale value action (actions step)
                else
                    let scale = Offline.valueScale (settings.Float "alpha") 0.0 values.Head
                    Offline.clonedActorLoss scale values.Head action (actions step)
                |> Expr.mean

            let name = if isAuthors then "actor_loss" else "actor_loss_backward"
            close step name [| step.Float name |] (numbers (loss training.All))
            training.Move("actor", number "actor_optimizer_lr" "lr", step, expected step "actor", loss)
            follow training (settings.Float "tau")

        // d3rlpy counts updates from 0, the authors from 1.
        let interval =
            if isAuthors then
                settings.Int "policy_freq"
            else
                settings.Int "update_actor_interval"

        Assert.Equal((index + (if isAuthors then 1 else 0)) % interval = 0, step["gradients"].Has "actor")
        training.Check step)

/// The encoder's normal distribution and the decoder's action, before any squash.
let private encoder (case: GoldenNode) p states actions =
    let settings = case["params"]
    let hidden = mlp p "vae_encoder" Expr.relu true (Expr.concat -1 [ states; actions ])

    DiagonalNormal.create
        (linear p "vae_encoder.mean" hidden)
        (Expr.clamp
            (settings.Float "vae_min_logstd")
            (settings.Float "vae_max_logstd")
            (linear p "vae_encoder.log_std" hidden))

let private decoder p (states: Expr) (latent: Expr) =
    mlp p "vae_decoder" Expr.relu false (Expr.concat -1 [ states; latent ])

let private vaeLoss (case: GoldenNode) (weight: float) (step: GoldenNode) p =
    let own = encoder case p (observations step) (actions step)
    let latent = DiagonalNormal.reparameterise (draw step "standard_normal_vae") own
    let error = Expr.mean (Expr.square (decoder p (observations step) latent - actions step))
    error + weight * Expr.mean (Offline.latentDivergence own.Mean own.LogStandardDeviation)

let private limited (latent: Expr) = Expr.clamp -0.5 0.5 latent

let private moveVae case (training: Training) (settings: GoldenNode) (weight: float) step =
    let loss = vaeLoss case weight step
    close step "vae loss" [| step.Float "vae_loss_backward" |] (numbers (loss training.All))
    training.Move("vae", settings.Float "vae_optimizer_lr", step, expected step "vae", loss)

let private moveCritic (training: Training) (settings: GoldenNode) (step: GoldenNode) nextValue =
    check step "next_value" nextValue
    let y = OffPolicy.target (batch step "rewards") (discounts step (settings.Float "gamma")) nextValue
    check step "targets" y
    let loss p = regression (values p "critic" (observations step) (actions step)) y
    close step "critic loss" [| step.Float "critic_loss_backward" |] (numbers (loss training.All))
    training.Move("critic", settings.Float "critic_optimizer_lr", step, expected step "critic", loss)

let private bcq (case: GoldenNode) =
    let settings = case["params"]
    let training = Training(case, 1e-8)

    let perturbed p (net: string) states (action: Expr) =
        let moved = Expr.tanh (mlp p net Expr.relu false (Expr.concat -1 [ states; action ]))
        Expr.clamp -1.0 1.0 (action + settings.Float "action_flexibility" * moved)

    for step in case["steps"].Items do
        let next = batch step "next_observations"
        moveVae case training settings (settings.Float "beta") step
        let p = training.All

        let nextValue =
            draw step "standard_normal_latent_next"
            |> partsByState (settings.Int "n_action_samples")
            |> List.map (fun latent ->
                let action = perturbed p "target_actor" next (decoder p next (limited latent))
                Offline.mixedValue (settings.Float "lam") (values p "target_critic" next action))
            |> List.reduce Expr.maximum

        moveCritic training settings step nextValue

        let loss p =
            let states = observations step
            let drawn = Expr.stopGradient (decoder p states (limited (draw step "standard_normal_latent_actor")))

            values p "critic" states (perturbed p "actor" states drawn)
            |> List.head
            |> OffPolicy.deterministicActorLoss
            |> Expr.mean

        close step "actor loss" [| step.Float "actor_loss_backward" |] (numbers (loss training.All))
        training.Move("actor", settings.Float "actor_optimizer_lr", step, expected step "actor", loss)
        follow training (settings.Float "tau")
        training.Check step

let private bear (case: GoldenNode) =
    let settings = case["params"]
    let training = Training(case, 1e-8)

    for step in case["steps"].Items do
        let states, next = observations step, batch step "next_observations"
        let isWarm = settings.Int "warmup_steps" > 0
        moveVae case training settings (settings.Float "vae_kl_weight") step
        let p = training.All
        let temperature () = Expr.exp (Expr.sum training.All["log_temperature"])

        let nextValue =
            let own = normal case p "actor" next

            let drawn =
                parts (draw step "standard_normal_next")
                |> List.map (fun noise ->
                    let struct (action, logProbability) = squashed noise own
                    Offline.mixedValue (settings.Float "lam") (values p "target_critic" next action), logProbability)

            // The entropy is that of the best action.
            let best, ofBest =
                drawn
                |> List.reduce (fun (value, log) (other, otherLog) ->
                    let isBetter = Expr.greater other value
                    Expr.select isBetter other value, Expr.select isBetter otherLog log)

            best - temperature () * ofBest

        moveCritic training settings step nextValue

        let discrepancy p =
            let own = normal case p "actor" states
            let count = settings.Int "n_mmd_action_samples"

            let ofPolicy =
                parts (draw step "standard_normal_mmd_policy")
                |> List.map (fun noise -> DiagonalNormal.reparameterise noise own)
                |> Expr.stack 1

            let ofData =
                draw step "standard_normal_mmd_latent"
                |> Expr.reshape [| count; states.Shape[0]; -1 |]
                |> parts
                |> List.map (fun latent -> Expr.tanh (decoder p states (limited latent)))
                |> Expr.stack 1
                |> Expr.stopGradient

            let isGaussian = settings.Text "mmd_kernel" = "gaussian"
            Offline.discrepancy isGaussian (settings.Float "mmd_sigma") ofPolicy ofData

        let weight = Math.Exp training.Weights["log_alpha"].[0]
        let penalty p = weight * Expr.mean (discrepancy p - settings.Float "alpha_threshold")

        let loss =
            if isWarm then
                penalty
            else
                let sample p = normal case p "actor" states |> squashed (draw step "standard_normal_actor")
                let struct (_, logProbability) = sample training.All

                training.Move(
                    "log_temperature",
                    settings.Float "log_temperature_optimizer_lr",
                    step,
                    expected step "log_temperature",
                    fun p ->
                        let target = -float (actions step).Shape[1]

                        OffPolicy.temperatureLoss target (Expr.exp (Expr.sum p["log_temperature"])) logProbability
                        |> Expr.mean
                )

                let now = temperature ()

                fun p ->
                    let struct (action, logProbability) = sample p
                    let value = least (values p "critic" states action)
                    Expr.mean (OffPolicy.softActorLoss now logProbability value value) + penalty p

        close step "actor loss" [| step.Float "actor_loss_backward" |] (numbers (loss training.All))
        training.Move("actor", settings.Float "actor_optimizer_lr", step, expected step "actor", loss)
        training.Follow("target_critic", "critic", settings.Float "tau")
        training.Check step

let private isOfAny names (case: GoldenNode) = List.contains (case.Text "algorithm") names

[<Fact>]
let ``TD3+BC and ReBRAC move as in d3rlpy and as their authors', step by step`` () =
    Golden.verifyWhere "update_offline_constrained" (isOfAny [ "TD3PlusBC"; "TD3-BC"; "ReBRAC" ]) regularised

[<Fact>]
let ``BCQ moves as in d3rlpy, step by step`` () =
    Golden.verifyWhere "update_offline_constrained" (isOfAny [ "BCQ" ]) bcq

[<Fact>]
let ``BEAR moves as in d3rlpy, step by step`` () =
    Golden.verifyWhere "update_offline_constrained" (isOfAny [ "BEAR" ]) bear
