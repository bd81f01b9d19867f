/// Updates of discrete SAC step by step, composed from the objectives and optimisers, against CleanRL, tianshou and
/// d3rlpy: targets, losses, gradients, new weights, targets.
module Rl.Tests.Golden.DiscreteSacGolden

open System
open Rl.Core.Autodiff
open Rl.Core.Distributions
open Rl.Core.Networks
open Rl.Core.Objectives
open Xunit
open Rl.Tests.Golden.ActorCriticUpdatesGolden
open Rl.Tests.Golden.AlgorithmNetworks
open Rl.Tests.Golden.RingCases

let private ofBatch (case: GoldenNode) (step: GoldenNode) : Rows =
    let gamma = case["params"].Float "gamma"

    let powers =
        if step["batch"].Has "intervals" then
            step["batch"].Floats "intervals" |> Array.map (fun steps -> gamma ** steps)
        else
            (step["batch"].Floats "terminated") |> Array.map (fun _ -> gamma)

    {
        Observations = batch step "observations"
        Actions = batch step "actions"
        Rewards = batch step "rewards"
        Discounts = Expr.vector powers * (1.0 - batch step "terminated")
        NextObservations = batch step "next_observations"
        Weights = Expr.number 1.0
    }

let private critic (p: Map<string, Expr>) (name: string) (observations: Expr) = mlp p name Expr.relu false observations

let private policy (p: Map<string, Expr>) (observations: Expr) =
    Categorical.ofLogits (mlp p "actor" Expr.relu false observations)

/// The means of losses that a step of one library names, weighed as it does, and when its groups move.
let private discrete (case: GoldenNode) =
    let settings = case["params"]
    let isIn name = case.Text "implementation" = name
    let training = Training(case, settings.Float "adam_eps")
    let rate name = if settings.Has name then settings.Float name else settings.Float "lr"
    let logName = if isIn "d3rlpy" then "log_temperature" else "log_alpha"
    let logTemperature (p: Map<string, Expr>) = Expr.sum p[logName]
    let temperature () = Expr.number (Math.Exp training.Weights[logName].[0])
    let mutable number = 0

    for step in case["steps"].Items do
        let rows = if case.Has "buffer" then ofRing case step else ofBatch case step
        let actions = (numbers (critic training.All "critic1" rows.Observations)).Length / rows.Observations.Shape[0]
        let gradients = step["gradients"]

        let next =
            [ "target_critic1"; "target_critic2" ]
            |> List.map (fun name -> critic training.All name rows.NextObservations)
            |> ActionCritic.least
            |> OffPolicy.softValue (temperature ()) (policy training.All rows.NextObservations)

        let y = OffPolicy.target rows.Rewards rows.Discounts next
        if isIn "d3rlpy" then check step "next_value" (Expr.expandAxis -1 next)
        if isIn "cleanrl" then check step "targets" y
        if isIn "tianshou" then check step "returns" (Expr.expandAxis -1 y)

        let criticLoss name (p: Map<string, Expr>) =
            let q = critic p name rows.Observations |> ValueLearning.chosen rows.Actions

            if isIn "d3rlpy" then
                Expr.mean (Losses.huber 1.0 (q - y))
            else
                Expr.mean (rows.Weights * OffPolicy.criticLoss q y)

        let moveCritics (group: string) names named =
            let loss p = names |> List.map (fun name -> criticLoss name p) |> List.reduce (+)
            close step named [| step.Float named |] (numbers (loss training.All))
            training.Move(group, rate "critic_learning_rate", step, gradients.Floats group, loss)

        if isIn "tianshou" then
            let errors =
                [ "critic1"; "critic2" ]
                |> List.map (fun name ->
                    (critic training.All name rows.Observations |> ValueLearning.chosen rows.Actions) - y)

            check step "td_for_priority" (0.5 * List.reduce (+) errors)
            moveCritics "critic1" [ "critic1" ] "critic1_loss"
            moveCritics "critic2" [ "critic2" ] "critic2_loss"
        else
            moveCritics "critic" [ "critic1"; "critic2" ] "critic_loss"

        // CleanRL takes means over the choices too.
        let share = if isIn "cleanrl" then 1.0 / float actions else 1.0
        let present = policy training.All rows.Observations |> Categorical.entropy

        let moveTemperature () =
            let target =
                if isIn "d3rlpy" then
                    0.98 * Math.Log(float actions)
                else
                    settings.Float "target_entropy"

            let loss p =
                let x = logTemperature p
                let multiplier = if isIn "tianshou" then x else Expr.exp x
                share * Expr.mean (OffPolicy.temperatureLoss target multiplier -present)

            let named = if isIn "d3rlpy" then "temp_loss" else "alpha_loss"
            close step named [| step.Float named |] (numbers (loss training.All))
            let rate = if isIn "d3rlpy" then rate "temp_learning_rate" else rate "alpha_lr"
            training.Move(logName, rate, step, gradients.Floats logName, loss)

        if isIn "d3rlpy" then moveTemperature ()
        let now = temperature ()

        let actorLoss p =
            let least =
                [ "critic1"; "critic2" ]
                |> List.map (fun name -> critic p name rows.Observations)
                |> ActionCritic.least

            -share * Expr.mean (OffPolicy.softValue now (policy p rows.Observations) least)

        close step "actor_loss" [| step.Float "actor_loss" |] (numbers (actorLoss training.All))
        training.Move("actor", rate "actor_learning_rate", step, gradients.Floats "actor", actorLoss)
        if not (isIn "d3rlpy") then moveTemperature ()

        match case.Text "implementation" with
        | "tianshou" ->
            training.Follow("target_critic1", "critic1", settings.Float "tau")
            training.Follow("target_critic2", "critic2", settings.Float "tau")
        | "cleanrl" ->
            if step.Flag "target_updated" then
                training.Follow("target_critic", "critic", settings.Float "tau")
        | _ ->
            if number % settings.Int "target_update_interval" = 0 then
                training.Follow("target_critic", "critic", 1.0)

        training.Check step
        number <- number + 1

[<Fact>]
let ``discrete SAC moves as in CleanRL, tianshou and d3rlpy, step by step`` () =
    Golden.verify "update_sac_discrete" discrete
