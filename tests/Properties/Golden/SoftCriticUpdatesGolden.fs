/// Updates of TQC, CrossQ and REDQ step by step, composed from the objectives, networks and optimisers, against
/// sb3-contrib and tianshou: losses, gradients, new weights, targets, running statistics.
module Rl.Tests.Golden.SoftCriticUpdatesGolden

open System
open Rl.Core.Autodiff
open Rl.Core.Networks
open Rl.Core.Objectives
open Xunit
open Rl.Tests.Golden.AlgorithmNetworks
open Rl.Tests.Golden.ActorCriticUpdatesGolden

let private column (x: Expr) = Expr.expandAxis -1 x

/// The critics of a prefix, as many as there are.
let private critics (p: Map<string, Expr>) (prefix: string) : string list =
    Seq.initInfinite (fun k -> $"{prefix}{k + 1}")
    |> Seq.takeWhile (fun name -> p.ContainsKey(name + ".0.weight"))
    |> Seq.toList

/// α of before the step, and the step of ln α: −ln α (ln π + H).
let private temperatureOf (case: GoldenNode) (training: Training) =
    if training.Has "log_alpha" then
        Math.Exp training.Weights["log_alpha"].[0]
    else
        case["params"].Float "ent_coef"

let private moveTemperatureBy (rate: float) (case: GoldenNode) (training: Training) (step: GoldenNode) logProbability =
    if training.Has "log_alpha" then
        let target = case["params"].Float "target_entropy"

        training.Move(
            "log_alpha",
            rate,
            step,
            step["gradients"].Floats "log_alpha",
            fun p -> Expr.mean (OffPolicy.temperatureLoss target (Expr.sum p["log_alpha"]) logProbability)
        )

let private moveTemperature (case: GoldenNode) = moveTemperatureBy (case["params"].Float "lr") case

let private truncatedQuantiles (case: GoldenNode) =
    let settings = case["params"]
    let training = Training(case, 1e-8)
    let count, dropped = settings.Int "n_quantiles", settings.Int "top_quantiles_to_drop_per_net"

    /// [M, quantiles] of each critic.
    let quantiles (p: Map<string, Expr>) prefix (observations: Expr) (actions: Expr) =
        let x = Expr.concat -1 [ observations; actions ]
        critics p prefix |> List.map (fun net -> mlp p net Expr.relu false x)

    for step in case["steps"].Items do
        let observations, next = batch step "observations", batch step "next_observations"
        let noise = draw step "standard_normal_current"
        let temperature = temperatureOf case training
        let _, logProbability = sample case training.All observations noise
        moveTemperature case training step logProbability
        let nextAction, nextLogProbability = sample case training.All next (draw step "standard_normal_next")
        let pooled = quantiles training.All "target_critic" next nextAction |> Expr.concat -1
        let left = pooled.Shape[1] / count * (count - dropped)
        let kept = TruncatedQuantiles.least left pooled

        let y =
            pooled - column (temperature * nextLogProbability)
            |> OffPolicy.target (column (batch step "rewards")) (column (discounts step (settings.Float "gamma")))

        let targets, isKept = numbers y, numbers kept

        // In sb3-contrib's order, from the least on.
        [|
            for row in 0 .. pooled.Shape[0] - 1 do
                let places = [| row * pooled.Shape[1] .. (row + 1) * pooled.Shape[1] - 1 |]

                yield!
                    places |> Array.filter (fun k -> isKept[k] = 1.0) |> Array.map (fun k -> targets[k]) |> Array.sort
        |]
        |> close step "target_quantiles" (step.Floats "target_quantiles")

        let loss p =
            let present = quantiles p "critic" observations (batch step "actions")
            let levels = ValueDistributions.midpointLevels count

            present
            |> List.map (fun locations -> Expr.mean (TruncatedQuantiles.regression locations levels y kept left))
            |> List.reduce (+)
            |> fun total -> total * (1.0 / float present.Length)

        close step "critic_loss" [| step.Float "critic_loss" |] (numbers (loss training.All))
        training.Move("critic", settings.Float "lr", step, step["gradients"].Floats "critic", loss)

        let actorLoss p =
            let action, logProbability = sample case p observations noise
            let values = quantiles p "critic" observations action |> List.map (Expr.meanOver [| -1 |])
            let value = List.reduce (+) values * (1.0 / float values.Length)
            Expr.mean (OffPolicy.softActorLoss (Expr.number temperature) logProbability value value)

        close step "actor_loss" [| step.Float "actor_loss" |] (numbers (actorLoss training.All))
        training.Move("actor", settings.Float "lr", step, step["gradients"].Floats "actor", actorLoss)
        training.Follow("target_critic", "critic", settings.Float "tau")
        training.Check step

/// A network of CrossQ as the library has it.
let private network (case: GoldenNode) inputs outputs : Mlp =
    let settings = case["params"]

    let normalisation =
        { BatchRenormalisation.create inputs with
            Momentum = settings.Float "batch_norm_momentum"
            Epsilon = settings.Float "batch_norm_eps"
            WarmUp = settings.Int "renorm_warmup_steps"
            MaximumRatio = settings.Float "rmax"
            MaximumShift = settings.Float "dmax"
        }

    { Mlp.create 1.0 inputs (List.ofArray (settings.Ints "hidden")) outputs with
        Activation = Activation.Relu
        BatchNormalisation = Some normalisation
    }

/// The library's parameters of a network from the file's weights and running statistics.
let private parameters (net: Mlp) (name: string) (p: Map<string, Expr>) (statistics: Map<string, Expr>) : Parameters =
    let depth = net.Hidden.Length
    let isActor = p.ContainsKey(name + ".mean.weight")

    /// A weight or bias of a layer; the actor's two heads are one layer here.
    let dense (layer: int) part (turned: Expr -> Expr) =
        if layer = depth && isActor then
            Expr.concat -1 [ turned p[$"{name}.mean.{part}"]; turned p[$"{name}.log_std.{part}"] ]
        else
            turned p[$"{name}.{layer}.{part}"]

    let block (own: Block) =
        let parts = own.Name.Split '/'
        let layer = if parts[0] = "output" then depth else int parts[0]

        match String.Join("/", parts[1..]) with
        | "weight" -> dense layer "weight" Expr.transpose
        | "bias" -> dense layer "bias" id
        | "inputs/scale" -> p[$"{name}.norm{layer}.scale"]
        | "inputs/shift" -> p[$"{name}.norm{layer}.bias"]
        | "inputs/statistics/mean" -> statistics[$"{name}.norm{layer}.running_mean"]
        | "inputs/statistics/variance" -> statistics[$"{name}.norm{layer}.running_var"]
        | "inputs/statistics/batches" -> statistics[$"{name}.norm{layer}.steps"]
        | other -> failwith $"The block {other} is unknown."
        |> Expr.reshape [| own.Count |]

    let layout = Mlp.layout net
    Parameters.create layout (Expr.concat 0 [ for own in layout.Blocks -> block own ])

/// Running statistics as the file names them, from those of a network in training.
let private named (net: Mlp) (name: string) (trained: TrainedMlp) : (string * Expr) list =
    let layout = Mlp.statistics net
    let values = numbers trained.Statistics.Value

    [
        for own in layout.Blocks do
            let parts = own.Name.Split '/'
            let layer = if parts[0] = "output" then net.Hidden.Length else int parts[0]

            let what =
                match Array.last parts with
                | "mean" -> "running_mean"
                | "variance" -> "running_var"
                | _ -> "steps"

            $"{name}.norm{layer}.{what}", Expr.vector values[own.Offset .. own.Offset + own.Count - 1]
    ]

let private crossQ (case: GoldenNode) =
    let settings = case["params"]
    let training = Training(case, 1e-8, (fun group -> if group = "log_alpha" then 0.9 else 0.5))
    let first = (case["steps"].Items |> List.head)["batch"]
    let observed, actions = first.Shape("observations")[1], first.Shape("actions")[1]
    let actor, critic = network case observed (2 * actions), network case (observed + actions) 1

    let mutable statistics =
        case["initial_buffers"].Members
        |> List.map (fun (name, node) -> name, Expr.vector node.AsArray.Values)
        |> Map.ofList

    let keep (after: (string * Expr) list) =
        statistics <- after |> List.fold (fun known (name, value) -> Map.add name value known) statistics

    let sampled (outputs: Expr) noise =
        squashed case (Expr.slice -1 0 actions outputs) (Expr.slice -1 actions (2 * actions) outputs) noise

    let number = settings.Int "first_update_number"

    case["steps"].Items
    |> List.iteri (fun index step ->
        let observations, next = batch step "observations", batch step "next_observations"
        let before = statistics
        let temperature = temperatureOf case training

        let nextAction, nextLogProbability =
            sampled
                (Mlp.apply actor (parameters actor "actor" training.All before) next)
                (draw step "standard_normal_next")

        let rows = observations.Shape[0]

        let joint p =
            let x = Expr.concat -1 [ observations; batch step "actions" ]
            let both = Expr.concat 0 [ x; Expr.concat -1 [ next; nextAction ] ]

            critics p "critic"
            |> List.map (fun name -> name, Mlp.train (fun _ y -> y) critic (parameters critic name p before) both)

        let values from p = joint p |> List.map (fun (_, q) -> Heads.value q.Output |> Expr.slice 0 from (from + rows))

        let y =
            ActionCritic.least (values rows training.All) - temperature * nextLogProbability
            |> OffPolicy.target (batch step "rewards") (discounts step (settings.Float "gamma"))
            |> numbers
            |> Expr.vector

        check step "targets" y

        let loss p = values 0 p |> List.map (fun q -> 0.5 * Expr.mean (OffPolicy.criticLoss q y)) |> List.reduce (+)

        close step "critic_loss" [| step.Float "critic_loss" |] (numbers (loss training.All))
        let after = joint training.All |> List.collect (fun (name, trained) -> named critic name trained)
        training.Move("critic", settings.Float "lr", step, step["gradients"].Floats "critic", loss)
        keep after

        Assert.Equal((number + index) % settings.Int "policy_delay" = 0, step.Flag "actor_updated")

        if step.Flag "actor_updated" then
            let noise = draw step "standard_normal_current"
            let trained p = Mlp.train (fun _ y -> y) actor (parameters actor "actor" p before) observations
            let _, logProbability = sampled (trained training.All).Output noise
            moveTemperature case training step logProbability

            let actorLoss p =
                let action, logProbability = sampled (trained p).Output noise
                let x = Expr.concat -1 [ observations; action ]

                let least =
                    critics p "critic"
                    |> List.map (fun name -> Heads.value (Mlp.apply critic (parameters critic name p statistics) x))
                    |> ActionCritic.least

                Expr.mean (OffPolicy.softActorLoss (Expr.number temperature) logProbability least least)

            close step "actor_loss" [| step.Float "actor_loss" |] (numbers (actorLoss training.All))
            let after = named actor "actor" (trained training.All)
            training.Move("actor", settings.Float "lr", step, step["gradients"].Floats "actor", actorLoss)
            keep after

        training.Check step

        for name, node in step["buffers_after"].Members do
            close step $"{name} after the step" node.AsArray.Values (numbers statistics[name]))

let private isOf algorithm (case: GoldenNode) = case.Text "algorithm" = algorithm

[<Fact>]
let ``TQC moves as in sb3-contrib, step by step`` () =
    Golden.verifyWhere "update_tqc_crossq" (isOf "TQC") truncatedQuantiles

[<Fact>]
let ``CrossQ moves as in sb3-contrib, step by step`` () = Golden.verifyWhere "update_tqc_crossq" (isOf "CrossQ") crossQ

/// tianshou's ensembles: a weight is [members][inputs][outputs], a bias [members][1][outputs].
let private redq (case: GoldenNode) =
    let settings = case["params"]
    let training = Training(case, 1e-8)
    let gamma = settings.Float "gamma"

    /// Rows of the ring.
    let rows (step: GoldenNode) (name: string) =
        let ring = GoldenCases.ofNode (case["buffer"].[name])
        Expr.concat 0 [ for index in step["batch"].Ints "indices" -> Expr.slice 0 index (index + 1) ring ]

    let values (p: Map<string, Expr>) net (observations: Expr) (actions: Expr) =
        let depth = (settings.Ints "hidden").Length

        [
            for index in 0 .. settings.Int "ensemble_size" - 1 do
                let own (x: Expr) = x |> Expr.slice 0 index (index + 1) |> Expr.squeeze 0

                ((Expr.concat -1 [ observations; actions ]), [ 0..depth ])
                ||> List.fold (fun x layer ->
                    let y = Expr.matmul x (own p[$"{net}.{layer}.weight"]) + own p[$"{net}.{layer}.bias"]
                    if layer < depth then Expr.relu y else y)
                |> Heads.value
        ]

    case["steps"].Items
    |> List.iteri (fun index step ->
        let observations, next = rows step "observations", rows step "next_observations"
        let temperature = temperatureOf case training
        let nextAction, nextLogProbability = sample case training.All next (draw step "standard_normal_next")
        let all = values training.All "target_critic" next nextAction
        let subset = [ for index in step.Ints "target_subset" -> all[index] ]

        let value =
            if settings.Text "target_mode" = "min" then
                ActionCritic.least subset
            else
                ActionCritic.mean subset

        let y =
            value - temperature * nextLogProbability
            |> OffPolicy.target (rows step "rewards") (gamma * (1.0 - rows step "terminated"))

        check step "returns" y

        let loss p =
            values p "critic" observations (rows step "actions")
            |> List.map (fun q -> Expr.mean (OffPolicy.criticLoss q y))
            |> ActionCritic.mean

        close step "critic_loss" [| step.Float "critic_loss" |] (numbers (loss training.All))
        training.Move("critic", settings.Float "lr", step, step["gradients"].Floats "critic", loss)
        Assert.Equal((index + 1) % settings.Int "actor_delay" = 0, step.Flag "actor_updated")

        if step.Flag "actor_updated" then
            let noise = draw step "standard_normal_current"
            let _, before = sample case training.All observations noise

            let actorLoss p =
                let action, logProbability = sample case p observations noise
                let value = ActionCritic.mean (values p "critic" observations action)
                Expr.mean (OffPolicy.softActorLoss (Expr.number temperature) logProbability value value)

            close step "actor_loss" [| step.Float "actor_loss" |] (numbers (actorLoss training.All))
            let logProbability = Expr.vector (numbers before)
            training.Move("actor", settings.Float "lr", step, step["gradients"].Floats "actor", actorLoss)
            moveTemperatureBy (settings.Float "alpha_lr") case training step logProbability

        training.Follow("target_critic", "critic", settings.Float "tau")
        training.Check step)

[<Fact>]
let ``REDQ moves as in tianshou, step by step`` () = Golden.verifyWhere "update_sac" (isOf "REDQ") redq
