/// Updates of AWAC, IQL, CRR and cloning step by step, composed from the objectives and optimisers, against d3rlpy and
/// CORL: losses, gradients, new weights, targets.
module Rl.Tests.Golden.OfflineWeightedGolden

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

/// Moves the critics, which the libraries have in one optimiser or in one each.
let private moveCritics (training: Training) rate (step: GoldenNode) (loss: Map<string, Expr> -> Expr) =
    for group in [ "critic"; "critic1"; "critic2" ] do
        if training.Has group then
            training.Move(group, rate, step, expected step group, loss)

let private followAll (training: Training) rate =
    for group in [ "critic"; "critic1"; "critic2"; "actor" ] do
        if training.Has("target_" + group) then
            training.Follow("target_" + group, group, rate)

let private awac (case: GoldenNode) =
    let settings = case["params"]
    let training = Training(case, 1e-8)

    for step in case["steps"].Items do
        let next = batch step "next_observations"
        let p = training.All
        let own = normal case p "actor" next
        let struct (nextAction, logProbability) = squashed (draw step "standard_normal_next") own
        let entropy = Expr.number (settings.Float "entropy_temperature") * logProbability
        let nextValue = least (values p "target_critic" next nextAction) - entropy
        check step "next_value" nextValue
        let y = OffPolicy.target (batch step "rewards") (discounts step (settings.Float "gamma")) nextValue
        check step "targets" y
        let loss p = regression (values p "critic" (observations step) (actions step)) y
        close step "critic loss" [| step.Float "critic_loss_backward" |] (numbers (loss training.All))
        training.Move("critic", settings.Float "critic_optimizer_lr", step, expected step "critic", loss)

        let p = training.All
        let own = around (normal case p "actor" (observations step))

        let baseline =
            parts (draw step "standard_normal_advantage")
            |> List.map (fun noise -> values p "critic" (observations step) (clipped noise own) |> least)
            |> meanOf

        let advantage = least (values p "critic" (observations step) (actions step)) - baseline
        let weight = Offline.normalisedWeight (1.0 / settings.Float "lam") advantage
        check step "weights" weight

        // The sum over the batch, not the mean.
        let loss p =
            around (normal case p "actor" (observations step))
            |> DiagonalNormal.logProbability (actions step)
            |> Offline.weightedCloning weight
            |> Expr.sum

        close step "actor loss" [| step.Float "actor_loss_backward" |] (numbers (loss training.All))
        training.Move("actor", settings.Float "actor_optimizer_lr", step, expected step "actor", loss)
        followAll training (settings.Float "tau")
        training.Check step

/// V, then the critics at values of V from before, then the actor.
let private expectile level p step =
    let value = mlp p "value" Expr.relu false (observations step) |> Expr.squeeze -1
    Offline.expectileLoss level value (least (values p "target_critic" (observations step) (actions step)))

let private valueOf p x = mlp p "value" Expr.relu false x |> Expr.squeeze -1

let private advantage p step =
    least (values p "target_critic" (observations step) (actions step)) - valueOf p (observations step)

let private iql (case: GoldenNode) =
    let settings = case["params"]
    let training = Training(case, 1e-8)
    let rate = settings.Float "critic_optimizer_lr"

    for step in case["steps"].Items do
        let nextValue = valueOf training.All (batch step "next_observations")
        check step "next_value" nextValue
        let y = OffPolicy.target (batch step "rewards") (discounts step (settings.Float "gamma")) nextValue
        check step "targets" y

        let ofCritics p = regression (values p "critic" (observations step) (actions step)) y
        let ofValue p = Expr.mean (expectile (settings.Float "expectile") p step)
        let p = training.All
        close step "critic loss" [| step.Float "critic_loss_backward" |] (numbers (ofCritics p + ofValue p))

        // One optimiser has both.
        match cut (expected step "critic") [ for name in [ "critic"; "value" ] -> training.Weights[name].Length ] with
        | [ critic; value ] ->
            training.Move("critic", rate, step, critic, ofCritics)
            training.Move("value", rate, step, value, ofValue)
        | _ -> failwith "The gradient has two parts."

        let limit = settings.Float "max_weight"
        let weight = Offline.exponentialWeight (settings.Float "weight_temp") limit (advantage training.All step)
        check step "weights" weight

        let loss p =
            around (normal case p "actor" (observations step))
            |> DiagonalNormal.logProbability (actions step)
            |> Offline.weightedCloning weight
            |> Expr.mean

        close step "actor loss" [| step.Float "actor_loss_backward" |] (numbers (loss training.All))
        training.Move("actor", settings.Float "actor_optimizer_lr", step, expected step "actor", loss)
        followAll training (settings.Float "tau")
        training.Check step

let private crr (case: GoldenNode) =
    let settings = case["params"]
    let training = Training(case, 1e-8)

    case["steps"].Items
    |> List.iteri (fun index step ->
        let next = batch step "next_observations"
        let p = training.All
        let nextAction = clipped (draw step "standard_normal_next") (around (normal case p "target_actor" next))
        let nextValue = least (values p "target_critic" next nextAction)
        check step "next_value" nextValue
        let y = OffPolicy.target (batch step "rewards") (discounts step (settings.Float "gamma")) nextValue
        check step "targets" y
        let loss p = regression (values p "critic" (observations step) (actions step)) y
        close step "critic loss" [| step.Float "critic_loss_backward" |] (numbers (loss training.All))
        training.Move("critic", settings.Float "critic_optimizer_lr", step, expected step "critic", loss)

        let p = training.All
        let own = around (normal case p "actor" (observations step))

        let drawn =
            parts (draw step "standard_normal_advantage")
            |> List.map (fun noise -> values p "critic" (observations step) (clipped noise own) |> meanOf)

        let baseline =
            if settings.Text "advantage_type" = "mean" then
                meanOf drawn
            else
                List.reduce Expr.maximum drawn

        let advantage = meanOf (values p "critic" (observations step) (actions step)) - baseline

        let weight =
            if settings.Text "weight_type" = "binary" then
                Offline.binaryWeight advantage
            else
                Offline.exponentialWeight (1.0 / settings.Float "beta") (settings.Float "max_weight") advantage

        check step "weights" weight

        let loss p =
            around (normal case p "actor" (observations step))
            |> DiagonalNormal.logProbability (actions step)
            |> Offline.weightedCloning weight
            |> Expr.mean

        close step "actor loss" [| step.Float "actor_loss_backward" |] (numbers (loss training.All))
        training.Move("actor", settings.Float "actor_optimizer_lr", step, expected step "actor", loss)

        if settings.Text "target_update_type" = "soft" then
            followAll training (settings.Float "tau")
        elif index % settings.Int "target_update_interval" = 0 then
            followAll training 1.0

        training.Check step)

/// Cloning of numbers by their squared error: of the mode, or of a draw, as d3rlpy has it.
let private cloning (case: GoldenNode) =
    let training = Training(case, 1e-8)

    for step in case["steps"].Items do
        let loss p =
            let action =
                if case["params"].Text "policy_type" = "deterministic" then
                    Expr.tanh (mlp p "policy" Expr.relu false (observations step))
                else
                    clipped (draw step "standard_normal") (around (normal case p "policy" (observations step)))

            Expr.mean (Expr.square (action - actions step))

        close step "loss" [| step.Float "loss" |] (numbers (loss training.All))
        training.Move("policy", case["params"].Float "lr", step, expected step "policy", loss)
        training.Check step

/// CORL's: everything from before the step, but the critics' targets, which have moved.
let private iqlOfCorl (case: GoldenNode) =
    let settings = case["params"]
    let training = Training(case, 1e-8)
    let rate, level = settings.Float "lr", settings.Float "iql_tau"
    let isDeterministic = (settings.Text "policy").StartsWith "deterministic"

    case["steps"].Items
    |> List.iteri (fun index step ->
        let p = training.All
        let nextValue = valueOf p (batch step "next_observations")
        let gap = advantage p step
        let y = OffPolicy.target (batch step "rewards") (discounts step (settings.Float "discount")) nextValue
        let ofValue p = Expr.mean (expectile level p step)
        close step "value loss" [| step.Float "value_loss" |] (numbers (ofValue p))
        training.Move("value", rate, step, expected step "value", ofValue)
        let ofCritics p = 0.5 * regression (values p "critic" (observations step) (actions step)) y
        close step "critic loss" [| step.Float "q_loss" |] (numbers (ofCritics training.All))
        training.Move("critic", rate, step, expected step "critic", ofCritics)
        training.Follow("target_critic", "critic", settings.Float "tau")
        let weight = Offline.exponentialWeight (settings.Float "beta") (settings.Float "exp_adv_max") gap

        let loss p =
            let mean = Expr.tanh (mlp p "actor" Expr.relu false (observations step))

            if isDeterministic then
                Expr.mean (weight * Offline.squaredDistance mean (actions step))
            else
                let deviation = Expr.clamp (settings.Float "log_std_min") (settings.Float "log_std_max") p["log_std"]

                DiagonalNormal.create mean deviation
                |> DiagonalNormal.logProbability (actions step)
                |> Offline.weightedCloning weight
                |> Expr.mean

        close step "actor loss" [| step.Float "actor_loss" |] (numbers (loss training.All))
        let share = float index / settings.Float "max_steps"
        let falling = 0.5 * rate * (1.0 + Math.Cos(Math.PI * share))
        training.Move("actor", falling, step, expected step "actor", loss)
        training.Check step)

let private awacOfCorl (case: GoldenNode) =
    let settings = case["params"]
    let training = Training(case, 1e-8)
    let rate = settings.Float "lr"

    let policy (p: Map<string, Expr>) x =
        let deviation = Expr.clamp (settings.Float "log_std_min") (settings.Float "log_std_max") p["log_std"]
        DiagonalNormal.create (mlp p "actor" Expr.relu false x) deviation

    for step in case["steps"].Items do
        let next = batch step "next_observations"
        let p = training.All
        let nextAction = clipped (draw step "standard_normal_next") (policy p next)

        let y =
            least (values p "target_critic" next nextAction)
            |> OffPolicy.target (batch step "rewards") (discounts step (settings.Float "gamma"))

        let loss p = regression (values p "critic" (observations step) (actions step)) y
        close step "critic loss" [| step.Float "critic_loss" |] (numbers (loss p))
        moveCritics training rate step loss
        let p = training.All
        let own = clipped (draw step "standard_normal_current") (policy p (observations step))

        let advantage =
            least (values p "critic" (observations step) (actions step))
            - least (values p "critic" (observations step) own)

        let weight =
            Offline.exponentialWeight (1.0 / settings.Float "awac_lambda") (settings.Float "exp_adv_max") advantage

        let loss p =
            policy p (observations step)
            |> DiagonalNormal.logProbability (actions step)
            |> Offline.weightedCloning weight
            |> Expr.mean

        close step "actor loss" [| step.Float "actor_loss" |] (numbers (loss p))
        training.Move("actor", rate, step, expected step "actor", loss)
        followAll training (settings.Float "tau")
        training.Check step

[<Fact>]
let ``AWAC moves as in d3rlpy and CORL, step by step`` () =
    Golden.verifyWhere "update_offline" (isOf "AWAC" "d3rlpy") awac
    Golden.verifyWhere "update_offline_corl" (isOf "AWAC" "corl") awacOfCorl

[<Fact>]
let ``IQL moves as in d3rlpy and CORL, step by step`` () =
    Golden.verifyWhere "update_offline" (isOf "IQL" "d3rlpy") iql
    Golden.verifyWhere "update_offline_corl" (isOf "IQL" "corl") iqlOfCorl

[<Fact>]
let ``CRR moves as in d3rlpy, step by step`` () = Golden.verifyWhere "update_offline" (isOf "CRR" "d3rlpy") crr

[<Fact>]
let ``cloning moves as in d3rlpy, step by step`` () = Golden.verifyWhere "update_offline" (isOf "BC" "d3rlpy") cloning
