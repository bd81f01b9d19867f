/// Updates of CQL and EDAC step by step, composed from the objectives and optimisers, against d3rlpy and CORL: losses,
/// gradients, new weights, targets.
module Rl.Tests.Golden.OfflineCqlGolden

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
let private uniform (u: Expr) = 2.0 * u - 1.0

/// Of each critic [M, K] values of drawn actions, from (action, what is taken off) each.
let private valuesOf p (net: string) states (drawn: struct (Expr * Expr) list) : Expr list =
    [ for struct (action, density) in drawn -> values p net states action |> List.map (fun q -> q - density) ]
    |> List.transpose
    |> List.map (Expr.stack -1)

let private logOfUniform (step: GoldenNode) =
    let rows, n = (actions step).Shape[0], (actions step).Shape[1]
    Expr.full [| rows |] (float n * Math.Log 0.5)

let private cql (case: GoldenNode) =
    let settings = case["params"]
    let training = Training(case, 1e-8)
    let count = settings.Int "n_action_samples"
    let rate (name: string) = settings.Float $"{name}_optimizer_lr"

    for step in case["steps"].Items do
        let states, next = observations step, batch step "next_observations"
        let p = training.All
        let temperature () = Expr.exp (Expr.sum training.All["log_temperature"])
        let ofTarget action = least (values p "target_critic" next action)
        let ofNext = normal case p "actor" next

        let nextValue =
            if settings.Flag "max_q_backup" then
                parts (draw step "standard_normal_next")
                |> List.map (fun noise ->
                    let struct (action, _) = squashed noise ofNext
                    ofTarget action)
                |> List.reduce Expr.maximum
            elif settings.Flag "soft_q_backup" then
                let struct (action, logProbability) = squashed (draw step "standard_normal_next") ofNext
                ofTarget action - temperature () * logProbability
            else
                ofTarget (Expr.tanh ofNext.Mean)

        check step "next_value" nextValue
        let y = OffPolicy.target (batch step "rewards") (discounts step (settings.Float "gamma")) nextValue
        check step "targets" y

        let ofPolicy = normal case p "actor" states

        let drawn =
            [
                for noise in parts (draw step "standard_normal_policy_t") -> squashed noise ofPolicy
                for noise in parts (draw step "standard_normal_policy_next") -> squashed noise ofNext
                for u in partsByState count (draw step "uniform_random_actions") ->
                    struct (uniform u, logOfUniform step)
            ]

        let gaps p =
            List.map2
                (fun others value ->
                    let gap = Expr.mean (Offline.conservativeGap 1.0 others value)
                    settings.Float "conservative_weight" * (gap - settings.Float "alpha_threshold"))
                (valuesOf p "critic" states drawn)
                (values p "critic" states (actions step))

        let alpha (p: Map<string, Expr>) = Expr.exp (Expr.sum p["log_alpha"])

        if settings.Float "alpha_learning_rate" > 0.0 then
            let loss q = -(alpha q * meanOf (gaps p))
            close step "alpha loss" [| step.Float "alpha_loss" |] (numbers (loss p))
            training.Move("log_alpha", rate "log_alpha", step, expected step "log_alpha", loss)

        let weight = Expr.stopGradient (Expr.clamp 0.0 1e6 (alpha training.All))
        let loss p = regression (values p "critic" states (actions step)) y + weight * total (gaps p)
        close step "critic loss" [| step.Float "critic_loss_backward" |] (numbers (loss training.All))
        training.Move("critic", rate "critic", step, expected step "critic", loss)

        let sample p = normal case p "actor" states |> squashed (draw step "standard_normal_actor")
        let struct (_, logProbability) = sample training.All
        let target = -float (actions step).Shape[1]

        let ofTemperature (p: Map<string, Expr>) =
            Expr.mean (OffPolicy.temperatureLoss target (Expr.exp (Expr.sum p["log_temperature"])) logProbability)

        close step "temp_loss" [| step.Float "temp_loss" |] (numbers (ofTemperature training.All))
        training.Move("log_temperature", rate "log_temperature", step, expected step "log_temperature", ofTemperature)
        let now = temperature ()

        let loss p =
            let struct (action, logProbability) = sample p
            let value = least (values p "critic" states action)
            Expr.mean (OffPolicy.softActorLoss now logProbability value value)

        close step "actor loss" [| step.Float "actor_loss_backward" |] (numbers (loss training.All))
        training.Move("actor", rate "actor", step, expected step "actor", loss)
        training.Follow("target_critic", "critic", settings.Float "tau")
        training.Check step

/// CORL's policy: mean and ln σ from one layer, ln σ stretched by two learnt numbers.
let private ofCorl (p: Map<string, Expr>) (x: Expr) : DiagonalNormal =
    let outputs = mlp p "actor" Expr.relu false x
    let n = outputs.Shape[1] / 2
    let raw = Expr.slice -1 n (2 * n) outputs
    let stretched = Expr.sum p["actor.log_std_multiplier"] * raw + Expr.sum p["actor.log_std_offset"]
    DiagonalNormal.create (Expr.slice -1 0 n outputs) (Expr.clamp -20.0 2.0 stretched)

/// Draws [M, n, k] as n of [M, k].
let private samples (x: Expr) = [ for k in 0 .. x.Shape[1] - 1 -> Expr.slice 1 k (k + 1) x |> Expr.squeeze 1 ]

let private cqlOfCorl (case: GoldenNode) =
    let settings = case["params"]
    let training = Training(case, 1e-8)
    let isLearnt = settings.Flag "use_automatic_entropy_tuning"

    for step in case["steps"].Items do
        let states, next = observations step, batch step "next_observations"
        // All losses are of before the step.
        let p = training.All
        let noise = draw step "standard_normal_current"

        let temperature =
            if isLearnt then
                settings.Float "alpha_multiplier" * Math.Exp training.Weights["log_alpha"].[0]
            else
                settings.Float "alpha_multiplier"
            |> Expr.number

        let ofTarget action = least (values p "target_critic" next action)

        let nextValue =
            if settings.Flag "cql_max_target_backup" then
                samples (draw step "standard_normal_next")
                |> List.map (fun noise ->
                    let struct (action, logProbability) = squashed noise (ofCorl p next)
                    struct (ofTarget action, logProbability))
                |> List.reduce (fun (struct (value, log)) (struct (other, otherLog)) ->
                    let isBetter = Expr.greater other value
                    struct (Expr.select isBetter other value, Expr.select isBetter otherLog log))
            else
                let struct (action, logProbability) = squashed (draw step "standard_normal_next") (ofCorl p next)
                struct (ofTarget action, logProbability)
            |> fun (struct (value, logProbability)) ->
                if settings.Flag "backup_entropy" then
                    value - temperature * logProbability
                else
                    value

        let y = OffPolicy.target (batch step "rewards") (discounts step (settings.Float "discount")) nextValue
        let isCorrected = settings.Flag "cql_importance_sample"
        let nothing = Expr.zeros [| states.Shape[0] |]

        let drawn =
            [
                for u in samples (draw step "uniform_random_actions") -> struct (uniform u, logOfUniform step)
                for noise in samples (draw step "standard_normal_cql_next") -> squashed noise (ofCorl p next)
                for noise in samples (draw step "standard_normal_cql_current") -> squashed noise (ofCorl p states)
                if not isCorrected then yield struct (actions step, nothing)
            ]
            |> List.map (fun (struct (action, density)) -> struct (action, (if isCorrected then density else nothing)))

        let low, high = settings.Float "cql_clip_diff_min", settings.Float "cql_clip_diff_max"

        let gaps p =
            List.map2
                (fun others value ->
                    Offline.conservativeGap (settings.Float "cql_temp") others value
                    |> Expr.clamp low high
                    |> Expr.mean)
                (valuesOf p "critic" states drawn)
                (values p "critic" states (actions step))

        let gapLoss (multiplier: Expr) p =
            let target =
                if settings.Flag "cql_lagrange" then
                    settings.Float "cql_target_action_gap"
                else
                    0.0

            gaps p |> List.map (fun gap -> multiplier * (settings.Float "cql_alpha" * (gap - target))) |> total

        let prime (p: Map<string, Expr>) = Expr.clamp 0.0 1e6 (Expr.exp (Expr.sum p["log_alpha_prime"]))
        let isLagrange = settings.Flag "cql_lagrange"
        let multiplier = if isLagrange then Expr.stopGradient (prime p) else Expr.number 1.0
        let ofCritics q = regression (values q "critic" states (actions step)) y + gapLoss multiplier q

        let ofActor q =
            let struct (action, logProbability) = squashed noise (ofCorl q states)
            // The critics are those of before the step.
            let critics =
                values
                    (Map.fold
                        (fun all name w -> if (name: string).StartsWith "critic" then Map.add name p[name] all else all)
                        q
                        p)
                    "critic"
                    states
                    action

            let value = least critics
            Expr.mean (OffPolicy.softActorLoss temperature logProbability value value)

        close step "policy loss" [| step.Float "policy_loss" |] (numbers (ofActor p))
        close step "critic loss" [| step.Float "qf_loss" |] (numbers (ofCritics p))

        if isLagrange then
            training.Move(
                "log_alpha_prime",
                settings.Float "qf_lr",
                step,
                expected step "log_alpha_prime",
                fun q -> -0.5 * gapLoss (prime q) p
            )

        if isLearnt then
            let struct (_, logProbability) = squashed noise (ofCorl p states)

            training.Move(
                "log_alpha",
                settings.Float "policy_lr",
                step,
                expected step "log_alpha",
                fun q ->
                    Expr.mean (
                        OffPolicy.temperatureLoss
                            (settings.Float "target_entropy")
                            (Expr.sum q["log_alpha"])
                            logProbability
                    )
            )

        training.Move("actor", settings.Float "policy_lr", step, expected step "actor", ofActor)

        for group in [ "critic1"; "critic2" ] do
            training.Move(group, settings.Float "qf_lr", step, expected step group, ofCritics)

        for group in [ "critic1"; "critic2" ] do
            training.Follow("target_" + group, group, settings.Float "soft_target_update_rate")

        training.Check step

let private edac (case: GoldenNode) =
    let settings = case["params"]
    let training = Training(case, 1e-8)
    let rate = settings.Float "lr"
    let count = settings.Int "num_critics"

    /// The members' values, whose layers are parts of one tensor.
    let ensemble (p: Map<string, Expr>) (net: string) (states: Expr) (actions: Expr) : Expr list =
        let layers = Seq.initInfinite id |> Seq.takeWhile (fun k -> p.ContainsKey $"{net}.{k}.weight") |> Seq.length
        let own (name: string) member' = Expr.slice 0 member' (member' + 1) p[name] |> Expr.squeeze 0

        [
            for index in 0 .. count - 1 ->
                (Expr.concat -1 [ states; actions ], [ 0 .. layers - 1 ])
                ||> List.fold (fun x k ->
                    let y = Expr.matmul x (own $"{net}.{k}.weight" index) + own $"{net}.{k}.bias" index
                    if k = layers - 1 then y else Expr.relu y)
                |> Expr.squeeze -1
        ]

    for step in case["steps"].Items do
        let states, next = observations step, batch step "next_observations"
        let log (p: Map<string, Expr>) = Expr.sum p["log_alpha"]
        let _, logProbability = sample case training.All states (draw step "standard_normal_alpha")

        let ofTemperature p =
            Expr.mean (OffPolicy.temperatureLoss (settings.Float "target_entropy") (log p) logProbability)

        close step "alpha loss" [| step.Float "alpha_loss" |] (numbers (ofTemperature training.All))
        training.Move("log_alpha", settings.Float "alpha_lr", step, expected step "log_alpha", ofTemperature)
        let temperature = Expr.number (Math.Exp training.Weights["log_alpha"].[0])

        let ofActor p =
            let action, logProbability = sample case p states (draw step "standard_normal_actor")
            let value = least (ensemble p "critic" states action)
            Expr.mean (OffPolicy.softActorLoss temperature logProbability value value)

        close step "actor loss" [| step.Float "actor_loss" |] (numbers (ofActor training.All))
        training.Move("actor", rate, step, expected step "actor", ofActor)
        let p = training.All
        let nextAction, nextLogProbability = sample case p next (draw step "standard_normal_next")

        let y =
            least (ensemble p "target_critic" next nextAction) - temperature * nextLogProbability
            |> OffPolicy.target (batch step "rewards") (discounts step (settings.Float "gamma"))

        let diversity p =
            let leaf = Expr.fresh (actions step)

            ensemble p "critic" states leaf
            |> List.map (fun q -> (Diff.gradients (Expr.sum q) [| leaf |])[0])
            |> Offline.diversity
            |> Expr.mean

        let loss p = regression (ensemble p "critic" states (actions step)) y + settings.Float "eta" * diversity p

        close step "diversity" [| step.Float "diversity_loss" |] (numbers (diversity p))
        close step "critic loss" [| step.Float "critic_loss" |] (numbers (loss p))
        training.Move("critic", rate, step, expected step "critic", loss)
        training.Follow("target_critic", "critic", settings.Float "tau")
        training.Check step

[<Fact>]
let ``CQL moves as in d3rlpy and CORL, step by step`` () =
    Golden.verifyWhere "update_offline" (isOf "CQL" "d3rlpy") cql
    Golden.verifyWhere "update_offline_corl" (isOf "CQL" "corl") cqlOfCorl

[<Fact>]
let ``EDAC moves as in CORL, step by step`` () = Golden.verifyWhere "update_offline_corl" (isOf "EDAC" "corl") edac
