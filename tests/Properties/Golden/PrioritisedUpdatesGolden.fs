/// Updates of TD3 by LAP, PAL and prioritised replay, of tianshou's SAC and TD3 from its ring, and of TD7, step by
/// step, composed from the objectives and optimisers: losses, gradients, priorities, new weights, targets.
module Rl.Tests.Golden.PrioritisedUpdatesGolden

open System
open Rl.Core.Autodiff
open Rl.Core.Experience
open Rl.Core.Networks
open Rl.Core.Objectives
open Xunit
open Rl.Tests.Golden.ActorCriticUpdatesGolden
open Rl.Tests.Golden.AlgorithmNetworks
open Rl.Tests.Golden.RingCases

let private value (p: Map<string, Expr>) (net: string) (observations: Expr) (actions: Expr) =
    Expr.concat -1 [ observations; actions ] |> mlp p net Expr.relu false |> Expr.squeeze -1

let private critics (prefix: string) : string list = [ 1; 2 ] |> List.map (fun index -> $"{prefix}{index}")

let private values (p: Map<string, Expr>) prefix observations actions =
    critics prefix |> List.map (fun net -> value p net observations actions)

/// tanh of the network, in units of the bound.
let private policy (bound: float) (p: Map<string, Expr>) net (observations: Expr) =
    bound * Expr.tanh (mlp p net Expr.relu false observations)

/// The largest error of each row's critics.
let private largest (errors: Expr list) = errors |> List.map Expr.abs |> List.reduce Expr.maximum

/// The leaves of tianshou's tree: all begin at 1.
type private Leaves(case: GoldenNode) =
    let leaves = Array.create (case["buffer"].Int "size") 1.0

    /// Sets those of a step's rows by the mean error of two critics.
    member _.Set(step: GoldenNode, errors: Expr list) =
        let mean = numbers (List.reduce (+) errors * 0.5)
        close step "td_for_priority" (step.Floats "td_for_priority") mean

        if step.Has "priorities_after" then
            let exponent = (case["params"].Floats "prioritized_alpha_beta")[0]
            // The least distance of two numbers of 32 bits around 1.
            let rule = PriorityRule.Proportional(Math.Pow(2.0, -23.0))

            Array.iter2
                (fun row error -> leaves[row] <- Priority.ofError rule error ** exponent)
                (step["batch"].Ints "indices")
                mean

            close step "priorities_after" (step.Floats "priorities_after") leaves

/// Both critics of a tianshou update, each with an optimiser of its own: their errors before it.
let private moveCritics (training: Training) (step: GoldenNode) (rate: float) (rows: Rows) (y: Expr) : Expr list =
    let y = Expr.vector (numbers y)
    check step "returns" y

    let errors =
        values training.All "critic" rows.Observations rows.Actions
        |> List.map (fun q -> Expr.vector (numbers (q - y)))

    for net in critics "critic" do
        let loss p = Expr.mean (rows.Weights * OffPolicy.criticLoss (value p net rows.Observations rows.Actions) y)
        close step $"{net}_loss" [| step.Float $"{net}_loss" |] (numbers (loss training.All))
        training.Move(net, rate, step, step["gradients"].Floats net, loss)

    errors

let private followCritics (training: Training) (rate: float) =
    for net in critics "critic" do
        training.Follow($"target_{net}", net, rate)

let private tianshouSac (case: GoldenNode) =
    let settings = case["params"]
    let training = Training(case, 1e-8)
    let leaves = Leaves case

    for step in case["steps"].Items do
        let rows = ofRing case step
        let temperature = Math.Exp training.Weights["log_alpha"].[0]
        let nextAction, logNext = sample case training.All rows.NextObservations (draw step "standard_normal_next")
        let next = values training.All "target_critic" rows.NextObservations nextAction |> ActionCritic.least
        let y = OffPolicy.target rows.Rewards rows.Discounts (next - temperature * logNext)
        leaves.Set(step, moveCritics training step (settings.Float "lr") rows y)
        let noise = draw step "standard_normal_current"
        let _, before = sample case training.All rows.Observations noise
        let before = Expr.vector (numbers before)

        let loss p =
            let action, logProbability = sample case p rows.Observations noise
            let least = values p "critic" rows.Observations action |> ActionCritic.least
            Expr.mean (OffPolicy.softActorLoss (Expr.number temperature) logProbability least least)

        close step "actor_loss" [| step.Float "actor_loss" |] (numbers (loss training.All))
        training.Move("actor", settings.Float "lr", step, step["gradients"].Floats "actor", loss)
        let target = settings.Float "target_entropy"
        let ofTemperature (p: Map<string, Expr>) = OffPolicy.temperatureLoss target (Expr.sum p["log_alpha"]) before
        let loss p = Expr.mean (ofTemperature p)
        close step "alpha_loss" [| step.Float "alpha_loss" |] (numbers (loss training.All))
        training.Move("log_alpha", settings.Float "alpha_lr", step, step["gradients"].Floats "log_alpha", loss)
        close step "alpha_after" [| step.Float "alpha_after" |] [| Math.Exp training.Weights["log_alpha"].[0] |]
        followCritics training (settings.Float "tau")
        training.Check step

let private tianshouTd3 (case: GoldenNode) =
    let settings = case["params"]
    let training = Training(case, 1e-8)
    let leaves = Leaves case

    case["steps"].Items
    |> List.iteri (fun index step ->
        let rows = ofRing case step

        // Smoothed actions stay as they are beyond the bounds.
        let nextAction =
            OffPolicy.smoothedAction
                (settings.Float "policy_noise")
                (settings.Float "noise_clip")
                (Expr.number -infinity)
                (Expr.number infinity)
                (draw step "smoothing_standard_normal")
                (policy 1.0 training.All "target_actor" rows.NextObservations)

        let y =
            values training.All "target_critic" rows.NextObservations nextAction
            |> ActionCritic.least
            |> OffPolicy.target rows.Rewards rows.Discounts

        leaves.Set(step, moveCritics training step (settings.Float "lr") rows y)
        Assert.Equal(index % settings.Int "update_actor_freq" = 0, step.Flag "actor_updated")

        if step.Flag "actor_updated" then
            let loss p =
                value p "critic1" rows.Observations (policy 1.0 p "actor" rows.Observations)
                |> OffPolicy.deterministicActorLoss
                |> Expr.mean

            close step "actor_loss" [| step.Float "actor_loss" |] (numbers (loss training.All))
            training.Move("actor", settings.Float "lr", step, step["gradients"].Floats "actor", loss)
            training.Follow("target_actor", "actor", settings.Float "tau")
            followCritics training (settings.Float "tau")

        training.Check step)

/// The next action of an update: of the target actor with clipped noise, within the bounds.
let private smoothed (noise: float) (limit: float) (bound: float) (step: GoldenNode) (action: Expr) =
    OffPolicy.smoothedAction
        noise
        limit
        (Expr.number -bound)
        (Expr.number bound)
        (draw step "smoothing_standard_normal")
        action

/// TD3 of Fujimoto's repository with LAP, PAL or prioritised replay.
let private prioritised (case: GoldenNode) =
    let settings = case["params"]
    let training = Training(case, 1e-8)
    let bound, exponent = settings.Float "max_action", settings.Float "alpha"
    let algorithm = case.Text "algorithm"
    let first = settings.Int "first_update_number"

    case["steps"].Items
    |> List.iteri (fun index step ->
        let observations, next = batch step "observations", batch step "next_observations"

        let nextAction =
            policy bound training.All "target_actor" next
            |> smoothed (settings.Float "policy_noise") (settings.Float "noise_clip") bound step

        let y =
            values training.All "target_critic" next nextAction
            |> ActionCritic.least
            |> OffPolicy.target (batch step "rewards") (discounts step (settings.Float "gamma"))
            |> numbers
            |> Expr.vector

        if step.Has "targets" then check step "targets" y

        let errors p = values p "critic" observations (batch step "actions") |> List.map (fun q -> q - y)

        let loss p =
            let errors = errors p
            let sum cost = errors |> List.map (cost >> Expr.mean) |> List.reduce (+)

            match algorithm with
            | "LAP-TD3" -> sum (PrioritisedLosses.lap (settings.Float "min_priority"))
            | "PAL-TD3" ->
                let least = settings.Float "min_priority"

                PrioritisedLosses.palScale least exponent (largest errors)
                * sum (PrioritisedLosses.pal least exponent)
            | _ -> sum (fun error -> batch step "importance_weights" * Expr.square error)

        close step "critic_loss" [| step.Float "critic_loss" |] (numbers (loss training.All))

        if step.Has "new_priorities" then
            let rule =
                if algorithm = "LAP-TD3" then
                    PriorityRule.AtLeastOne
                else
                    PriorityRule.Proportional 0.0

            numbers (largest (errors training.All))
            |> Array.map (fun error -> Priority.ofError rule error ** exponent)
            |> close step "new_priorities" (step.Floats "new_priorities")

        training.Move("critic", settings.Float "lr", step, step["gradients"].Floats "critic", loss)
        Assert.Equal((first + index) % settings.Int "policy_freq" = 0, step.Flag "actor_updated")

        if step.Flag "actor_updated" then
            let loss p =
                value p "critic1" observations (policy bound p "actor" observations)
                |> OffPolicy.deterministicActorLoss
                |> Expr.mean

            training.Move("actor", settings.Float "lr", step, step["gradients"].Floats "actor", loss)
            training.Follow("target_actor", "actor", settings.Float "tau")
            training.Follow("target_critic", "critic", settings.Float "tau")

        training.Check step)

/// TD7's networks, by the names of the file.
module private Sale =

    let private normalise = StateActionEmbeddings.normalise 1e-8

    let private layers (p: Map<string, Expr>) (net: string) activation names (x: Expr) =
        names |> List.fold (fun x name -> linear p $"{net}.{name}" (activation x)) x

    /// z of states.
    let state p net (observations: Expr) =
        linear p $"{net}.zs1" observations |> layers p net Expr.elu [ "zs2"; "zs3" ] |> normalise

    /// z of states and actions.
    let stateAction p net (embedding: Expr) (actions: Expr) =
        Expr.concat -1 [ embedding; actions ]
        |> linear p $"{net}.zsa1"
        |> layers p net Expr.elu [ "zsa2"; "zsa3" ]

    let values p prefix (observations: Expr) (actions: Expr) (ofAction: Expr) (ofState: Expr) =
        [
            for index in 1..2 do
                let net = $"{prefix}{index}"
                let own = linear p $"{net}.0" (Expr.concat -1 [ observations; actions ]) |> normalise

                Expr.concat -1 [ own; ofAction; ofState ]
                |> linear p $"{net}.1"
                |> layers p net Expr.elu [ "2"; "3" ]
                |> Expr.squeeze -1
        ]

    let action p net (observations: Expr) (ofState: Expr) =
        Expr.concat -1 [ linear p $"{net}.0" observations |> normalise; ofState ]
        |> linear p $"{net}.1"
        |> layers p net Expr.relu [ "2"; "3" ]
        |> Expr.tanh

let private td7 (case: GoldenNode) =
    let settings = case["params"]
    let training = Training(case, 1e-8)
    let start = settings["initial_value_bounds"]
    let mutable bounds = start.Float "min_target", start.Float "max_target"
    let mutable seen = start.Float "min_seen", start.Float "max_seen"
    let first, rate = settings.Int "first_update_number", settings.Float "lr"

    case["steps"].Items
    |> List.iteri (fun index step ->
        let observations, next = batch step "observations", batch step "next_observations"
        let actions = batch step "actions"
        let before = training.All

        let encoderLoss p =
            let prediction = Sale.stateAction p "encoder" (Sale.state p "encoder" observations) actions
            Expr.mean (StateActionEmbeddings.loss prediction (Sale.state p "encoder" next))

        close step "encoder_loss" [| step.Float "encoder_loss" |] (numbers (encoderLoss before))
        training.Move("encoder", rate, step, step["gradients"].Floats "encoder", encoderLoss)
        let ofNext = Sale.state before "fixed_encoder_target" next

        let nextAction =
            Sale.action before "target_actor" next ofNext
            |> smoothed (settings.Float "target_policy_noise") (settings.Float "noise_clip") 1.0 step

        let y =
            Sale.values
                before
                "target_critic"
                next
                nextAction
                (Sale.stateAction before "fixed_encoder_target" ofNext nextAction)
                ofNext
            |> ActionCritic.least
            |> StateActionEmbeddings.boundedTarget
                (fst bounds)
                (snd bounds)
                (batch step "rewards")
                (discounts step (settings.Float "gamma"))
            |> numbers

        seen <- min (fst seen) (Array.min y), max (snd seen) (Array.max y)
        let ofState = Sale.state before "fixed_encoder" observations
        let ofAction = Sale.stateAction before "fixed_encoder" ofState actions

        let errors p =
            Sale.values p "critic" observations actions ofAction ofState
            |> List.map (fun q -> q - Expr.vector y)

        let loss p = errors p |> List.map (PrioritisedLosses.lap 1.0 >> Expr.mean) |> List.reduce (+)
        close step "critic_loss" [| step.Float "critic_loss" |] (numbers (loss before))

        numbers (largest (errors before))
        |> Array.map (fun error -> Priority.ofError PriorityRule.AtLeastOne error ** settings.Float "lap_alpha")
        |> close step "new_priorities" (step.Floats "new_priorities")

        training.Move("critic", rate, step, step["gradients"].Floats "critic", loss)
        let number = first + index
        Assert.Equal(number % settings.Int "policy_freq" = 0, step.Flag "actor_updated")

        if step.Flag "actor_updated" then
            let loss p =
                let action = Sale.action p "actor" observations ofState

                let values =
                    Sale.values
                        p
                        "critic"
                        observations
                        action
                        (Sale.stateAction p "fixed_encoder" ofState action)
                        ofState

                let climb = Expr.mean (OffPolicy.deterministicActorLoss (ActionCritic.mean values))

                if settings.Flag "offline" then
                    let size = values |> List.map (Expr.abs >> Expr.mean) |> ActionCritic.mean |> Expr.stopGradient
                    climb + settings.Float "lambda_bc" * size * Expr.mean (Expr.square (action - actions))
                else
                    climb

            close step "actor_loss" [| step.Float "actor_loss" |] (numbers (loss training.All))
            training.Move("actor", rate, step, step["gradients"].Floats "actor", loss)

        Assert.Equal(number % settings.Int "target_update_rate" = 0, step.Flag "targets_copied")

        if step.Flag "targets_copied" then
            for target, source in
                [
                    "target_actor", "actor"
                    "target_critic", "critic"
                    "fixed_encoder_target", "fixed_encoder"
                    "fixed_encoder", "encoder"
                ] do
                training.Follow(target, source, 1.0)

            bounds <- seen

        let after = step["value_bounds_after"]

        close
            step
            "value_bounds_after"
            [| for name in [ "min_seen"; "max_seen"; "min_target"; "max_target" ] -> after.Float name |]
            [| fst seen; snd seen; fst bounds; snd bounds |]

        training.Check step)

let private isBy (implementation: string) (case: GoldenNode) = case.Text "implementation" = implementation

let private isTianshouSac (case: GoldenNode) = isBy "tianshou" case && case.Text "algorithm" = "SAC"

[<Fact>]
let ``SAC moves as in tianshou, step by step`` () = Golden.verifyWhere "update_sac" isTianshouSac tianshouSac

[<Fact>]
let ``TD3 moves as in tianshou, step by step`` () = Golden.verifyWhere "update_td3_ddpg" (isBy "tianshou") tianshouTd3

[<Fact>]
let ``TD3 with LAP, PAL and prioritised replay moves as in Fujimoto's repository, step by step`` () =
    Golden.verifyWhere "update_td3_ddpg" (isBy "sfujim") prioritised

[<Fact>]
let ``TD7 moves as in Fujimoto's repository, step by step`` () = Golden.verify "update_td7" td7
