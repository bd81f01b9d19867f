/// Updates of discrete CQL, BCQ and cloning step by step, composed from the objectives and optimisers, against d3rlpy:
/// losses, gradients, new weights, targets.
module Rl.Tests.Golden.OfflineDiscreteGolden

open Rl.Core.Autodiff
open Rl.Core.Objectives
open Xunit
open Rl.Tests.Golden.AlgorithmNetworks
open Rl.Tests.Golden.ActorCriticUpdatesGolden
open Rl.Tests.Golden.OfflineUpdates

let private observations step = batch step "observations"
let private actions step = batch step "actions"

/// The outputs of the critics of a prefix, counted from 1.
let private critics (p: Map<string, Expr>) (prefix: string) (x: Expr) : Expr list =
    Seq.initInfinite ((+) 1)
    |> Seq.takeWhile (fun k -> p.ContainsKey $"{prefix}{k}.0.weight")
    |> Seq.map (fun k -> mlp p $"{prefix}{k}" Expr.relu false x)
    |> Seq.toList

let private huber (values: Expr) (y: Expr) = Expr.mean (Losses.huber 1.0 (Expr.stopGradient y - values))

/// Hard copies count updates from 0.
let private copy (training: Training) (settings: GoldenNode) index =
    if index % settings.Int "target_update_interval" = 0 then
        training.Follow("target_critic", "critic", 1.0)

/// Values of choices, or the means of their quantiles.
let private conservative (case: GoldenNode) =
    let settings = case["params"]
    let training = Training(case, 1e-8)
    let quantiles = if settings.Has "n_quantiles" then settings.Int "n_quantiles" else 0

    // [M, choices] or [M, choices, quantiles].
    let outputs p net x =
        critics p net x
        |> List.map (fun q ->
            if quantiles > 0 then
                Expr.reshape [| q.Shape[0]; q.Shape[1] / quantiles; quantiles |] q
            else
                q)

    let means (outputs: Expr list) =
        meanOf (if quantiles > 0 then outputs |> List.map (Expr.meanOver [| -1 |]) else outputs)

    case["steps"].Items
    |> List.iteri (fun index step ->
        let next = batch step "next_observations"
        let p = training.All
        let best = Expr.argMax -1 (means (outputs p "critic" next))
        let reward, discount = batch step "rewards", discounts step (settings.Float "gamma")
        let column (x: Expr) = Expr.expandAxis -1 x

        // [M, choices, quantiles] at a choice: [M, quantiles].
        let at (choice: Expr) (x: Expr) = ValueDistributions.chosenLocations choice (Expr.permute [| 0; 2; 1 |] x)

        let td p =
            if quantiles > 0 then
                let y =
                    column reward + column discount * at best (List.head (outputs p "target_critic" next))
                    |> Expr.stopGradient

                let own = at (actions step) (List.head (outputs p "critic" (observations step)))

                Expr.mean (
                    ValueDistributions.quantileRegression 1.0 own (ValueDistributions.midpointLevels quantiles) y
                )
            else
                let nextValue = outputs p "target_critic" next |> List.map (ValueLearning.chosen best) |> least
                let y = OffPolicy.target reward discount nextValue

                outputs p "critic" (observations step)
                |> List.map (fun q -> huber (ValueLearning.chosen (actions step) q) y)
                |> total

        let gap p =
            let values = means (outputs p "critic" (observations step))
            Expr.mean (Offline.conservativeGap 1.0 values (ValueLearning.chosen (actions step) values))

        let targets = training.All

        let loss (p: Map<string, Expr>) =
            td (
                Map.fold
                    (fun all name w ->
                        if (name: string).StartsWith "target" then
                            Map.add name targets[name] all
                        else
                            all)
                    p
                    p
            )
            + settings.Float "alpha" * gap p

        close step "td loss" [| step["metrics"].Float "td_loss" |] (numbers (td p))
        close step "conservative loss" [| step["metrics"].Float "conservative_loss" |] (numbers (gap p))
        close step "loss" [| step.Float "loss" |] (numbers (loss p))
        training.Move("critic", settings.Float "learning_rate", step, expected step "critic", loss)
        copy training settings index
        training.Check step)

/// −ln π(a|s) + β mean l² of logits l that are log-probabilities already, as d3rlpy's are.
let private imitation (settings: GoldenNode) (logits: Expr) (actions: Expr) =
    let logs = Expr.logSoftmax -1 logits

    Expr.mean (Regression.behaviourCloning (ValueLearning.chosen actions logs))
    + settings.Float "beta" * Expr.mean (Expr.square logs)

let private batchConstrained (case: GoldenNode) =
    let settings = case["params"]
    let training = Training(case, 1e-8)

    case["steps"].Items
    |> List.iteri (fun index step ->
        let next = batch step "next_observations"
        let p = training.All
        let permitted = Offline.permitted (settings.Float "action_flexibility") (mlp p "imitator" Expr.relu false next)
        let best = Offline.bestPermitted (meanOf (critics p "critic" next)) permitted

        let y =
            critics p "target_critic" next
            |> List.map (ValueLearning.chosen best)
            |> least
            |> OffPolicy.target (batch step "rewards") (discounts step (settings.Float "gamma"))

        let ofCritic p =
            critics p "critic" (observations step)
            |> List.map (fun q -> huber (ValueLearning.chosen (actions step) q) y)
            |> total

        let ofImitator p = imitation settings (mlp p "imitator" Expr.relu false (observations step)) (actions step)
        close step "td loss" [| step["metrics"].Float "td_loss" |] (numbers (ofCritic p))
        close step "imitator loss" [| step["metrics"].Float "imitator_loss" |] (numbers (ofImitator p))
        let rate = settings.Float "learning_rate"

        // One optimiser has both.
        match
            cut (expected step "critic") [ for name in [ "critic"; "imitator" ] -> training.Weights[name].Length ]
        with
        | [ critic; imitator ] ->
            training.Move("critic", rate, step, critic, ofCritic)
            training.Move("imitator", rate, step, imitator, ofImitator)
        | _ -> failwith "The gradient has two parts."

        copy training settings index
        training.Check step)

let private cloning (case: GoldenNode) =
    let settings = case["params"]
    let training = Training(case, 1e-8)

    for step in case["steps"].Items do
        let loss p = imitation settings (mlp p "policy" Expr.relu false (observations step)) (actions step)
        close step "loss" [| step.Float "loss" |] (numbers (loss training.All))
        training.Move("policy", settings.Float "learning_rate", step, expected step "policy", loss)
        training.Check step

[<Fact>]
let ``discrete CQL moves as in d3rlpy, step by step`` () =
    Golden.verifyWhere "update_offline_discrete" (isOf "DiscreteCQL" "d3rlpy") conservative

[<Fact>]
let ``discrete BCQ moves as in d3rlpy, step by step`` () =
    Golden.verifyWhere "update_offline_discrete" (isOf "DiscreteBCQ" "d3rlpy") batchConstrained

[<Fact>]
let ``cloning of choices moves as in d3rlpy, step by step`` () =
    Golden.verifyWhere "update_offline_discrete" (isOf "DiscreteBC" "d3rlpy") cloning
