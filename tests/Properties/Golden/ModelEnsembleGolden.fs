/// Ensembles of models against mbrl-lib: losses with learnt bounds, gradients, Adam with weight decay, errors, elites,
/// propagation, and the step of a transition model.
module Rl.Tests.Golden.ModelEnsembleGolden

open System
open Rl.Core.Algorithms
open Rl.Core.Autodiff
open Rl.Core.Networks
open Rl.Core.Objectives
open Rl.Core.Optimisers
open Xunit
open Rl.Tests.Golden.AlgorithmNetworks

/// The library's network with the sizes of a file's weights [members, in, out].
let networkOf (weights: GoldenNode) (activation: Activation) (isGaussian: bool) (learnsBounds: bool) : ModelNetwork =
    let layers =
        Seq.initInfinite (fun k -> $"model.{k}.weight")
        |> Seq.takeWhile weights.Has
        |> Seq.map weights.Shape
        |> Seq.toList

    let hidden = layers |> List.take (layers.Length - 1) |> List.map (fun shape -> shape[2])
    let outputs = (List.last layers)[2]
    let numbers = if isGaussian then outputs / 2 else outputs
    ModelNetwork.create activation layers.Head[0] layers.Head[1] hidden numbers isGaussian learnsBounds false

/// A member's parameters from the file's weights, which share the bounds of ln σ² and have the members along an axis.
let memberOf (network: ModelNetwork) (p: Map<string, Expr>) (index: int) : Parameters =
    let layout = ModelNetwork.layoutOfMember network
    let own (name: string) = Expr.slice 0 index (index + 1) p[name] |> Expr.reshape [| -1 |]

    let blocks =
        [
            for k in 0 .. network.Layers.Hidden.Length do
                own $"model.{k}.weight"
                own $"model.{k}.bias"
            if network.IsGaussian then
                Expr.reshape [| -1 |] p["model.min_logvar"]
                Expr.reshape [| -1 |] p["model.max_logvar"]
        ]

    Parameters.create layout (Expr.concat 0 blocks)

/// What each member predicts; inputs are [members, B, in], or [B, in] for all.
let private predictions (network: ModelNetwork) p (inputs: Expr) : ModelPrediction list =
    [
        for index in 0 .. network.Members - 1 ->
            let x =
                if inputs.Rank = 3 then
                    Expr.slice 0 index (index + 1) inputs |> Expr.squeeze 0
                else
                    inputs

            ModelNetwork.predict network (memberOf network p index) x
    ]

let private stacked (part: ModelPrediction -> Expr) parts = parts |> List.map part |> Expr.stack 0

/// mbrl-lib's loss: the sum over members of their mean losses, and one pull at the bounds that they share; a sum of
/// squares where they are deterministic.
let private lossOf (network: ModelNetwork) (inputs: Expr) (targets: Expr) (p: Map<string, Expr>) : Expr =
    let each =
        predictions network p inputs
        |> List.mapi (fun index prediction ->
            let own =
                if targets.Rank = 3 then
                    Expr.slice 0 index (index + 1) targets |> Expr.squeeze 0
                else
                    targets

            let loss = ModelNetwork.loss prediction own

            if network.IsGaussian then
                Expr.mean loss
            else
                float network.Numbers * Expr.sum loss)
        |> List.reduce (+)

    if network.IsGaussian then
        let struct (least, largest) = ModelNetwork.bounds network (memberOf network p 0)
        each + 0.01 * ModelLearning.boundsSpread least largest
    else
        each

let private training (case: GoldenNode) =
    let settings, initial = case["params"], case["initial_weights"]
    let isGaussian = not (settings.Flag "deterministic")
    let network = networkOf initial Activation.Relu isGaussian (settings.Flag "learn_logvar_bounds")
    let order = texts case["flat_order"].["model"]

    let transform =
        Optimiser.adamWith
            (Schedule.constant (settings.Float "lr"))
            (settings.Floats "adam_betas").[0]
            (settings.Floats "adam_betas").[1]
            (settings.Float "adam_eps")
            (settings.Float "weight_decay")
            false

    let mutable theta = concatenated order initial
    let n = theta.Length
    let mutable known = Map.ofList (Optimiser.initialise n transform)
    let all () = named order initial (Expr.vector theta)

    for step in case["steps"].Items do
        let inputs, targets = batch step "inputs", batch step "targets"
        let loss (theta: Expr) = lossOf network inputs targets (named order initial theta)
        close step "the loss" [| step.Float "loss" |] (numbers (loss (Expr.vector theta)))
        let predicted = predictions network (all ()) inputs
        check step "mean" (stacked _.Mean predicted)
        if isGaussian then check step "logvar" (stacked _.LogVariance.Value predicted)
        let gradient = gradient loss theta
        close step "the gradient" (step["gradients"].Floats "model") gradient

        let struct (next, state) =
            Optimiser.update
                transform
                (Expr.input "gradient" [| n |])
                (Optimiser.inputs "" n transform)
                (Expr.input "theta" [| n |])

        let values = known.Add("gradient", Tensor.vector gradient).Add("theta", Tensor.vector theta)
        let results = Reference.evaluateMany (fun name -> values[name]) (Array.ofList (next :: state))
        known <- List.zip (Optimiser.state n transform |> List.map _.Name) (List.ofArray results[1..]) |> Map.ofList
        theta <- results[0].ToArray()
        close step "the weights after the step" (step["weights_after"].Floats "model") theta

    let evaluation = case["evaluation"]

    let errors =
        predictions network (all ()) (GoldenCases.ofNode evaluation["inputs"])
        |> stacked (fun prediction -> Expr.square (prediction.Mean - GoldenCases.ofNode evaluation["targets"]))

    check evaluation "squared_error" errors
    check evaluation "score_per_member" (Expr.meanOver [| 1; 2 |] errors)

    if case.Has "propagation" then
        let inputs = GoldenCases.ofNode case["propagation"].["inputs"]
        let elites = if case.Has "elites" then case.Ints "elites" else Array.init network.Members id
        let rows = inputs.Shape[0]

        // Of the elites the best stand first where the file has them.
        let ofMember index = ModelNetwork.predict network (memberOf network (all ()) index)

        for name, node in case["propagation"].Members do
            let expected part (actual: Expr) = if node.Has part then check node part actual

            match name with
            | "inputs" -> ()
            | "expectation" ->
                let each = elites |> Array.map (fun index -> ofMember index inputs) |> List.ofArray
                expected "mean" (ModelLearning.expectation (stacked _.Mean each))

                if isGaussian then
                    expected "logvar" (ModelLearning.expectation (stacked _.LogVariance.Value each))
            | _ ->
                let permutation = node.Ints "permutation"
                let each = rows / elites.Length
                let memberOfRow = Array.zeroCreate<float> rows
                permutation |> Array.iteri (fun k row -> memberOfRow[row] <- float elites[k / each])
                let all = List.init network.Members (fun index -> ofMember index inputs)
                let chosen = Expr.vector memberOfRow
                expected "mean" (ModelLearning.ofMembers chosen (stacked _.Mean all))

                if isGaussian then
                    expected "logvar" (ModelLearning.ofMembers chosen (stacked _.LogVariance.Value all))

    if case.Has "propagate_functions" then
        let node = case["propagate_functions"]
        let mean, logVariance = GoldenCases.ofNode node["mean"], GoldenCases.ofNode node["logvar"]
        let indices (own: GoldenNode) name = Expr.vector (own.Floats name)
        let random, fixed' = node["random_model"], node["fixed_model"]
        check random "mean" (ModelLearning.ofMembers (indices random "indices_for_mean") mean)
        check random "logvar" (ModelLearning.ofMembers (indices random "indices_for_logvar") logVariance)
        check fixed' "mean" (ModelLearning.ofMembers (indices fixed' "indices") mean)
        check fixed' "logvar" (ModelLearning.ofMembers (indices fixed' "indices") logVariance)
        check node["expectation"] "mean" (ModelLearning.expectation mean)
        check node["expectation"] "logvar" (ModelLearning.expectation logVariance)

let private transition (case: GoldenNode) =
    let settings, initial = case["params"], case["initial_weights"]
    let network = networkOf initial Activation.Relu true false
    let p = Map.ofList [ for name, node in initial.Members -> name, GoldenCases.ofNode node ]
    let observations, actions = settings.Int "state", settings.Int "action"
    let values (name: string) = (case["batch"].Floats32 name)

    let data: ModelData =
        {
            Observations = values "observations"
            Actions = values "actions"
            Rewards = values "rewards"
            Continues = Array.create (values "rewards").Length 1.0f
            NextObservations = values "next_observations"
        }

    let frame = ModelFrame.ofData false true data
    Golden.close 1e-6 1e-6 case "the mean of inputs" (case.Floats "normalizer_mean") (Array.map float frame.InputMean)

    Golden.close
        1e-6
        1e-6
        case
        "the deviation of inputs"
        (case.Floats "normalizer_std")
        (Array.map float frame.InputScale)

    Assert.Equal<float32[]>(Array.zeroCreate (observations + 1), frame.TargetMean)

    let vector (name: string) = Expr.vector (case.Floats name)
    let state, next = batch case "observations", batch case "next_observations"

    let x =
        Expr.concat 1 [ state; batch case "actions" ]
        |> ModelStepExpressions.normalise (vector "normalizer_mean") (vector "normalizer_std")

    check case "model_inputs" x
    Assert.Equal(observations + actions, x.Shape[1])

    // Numbers that mbrl-lib predicts as they are, not as differences: 1 where it does.
    let absolute =
        Array.init observations (fun i -> if Array.contains i (settings.Ints "no_delta_list") then 1.0 else 0.0)

    let from = state * (1.0 - Expr.vector absolute)
    let targets = Expr.concat 1 [ next - from; Expr.expandAxis -1 (batch case "rewards") ]
    check case "model_targets" targets

    let differences = ModelFrame.targets true data |> Array.map float

    for row in 0 .. data.Count - 1 do
        for i in 0..observations do
            if i = observations || absolute[i] = 0.0 then
                let place = row * (observations + 1) + i
                Assert.Equal((case.Floats "model_targets").[place], differences[place], 1e-5)

    close case "the loss" [| case.Float "loss" |] (numbers (lossOf network x targets p))
    let permutation = case.Ints "permutation"
    let each = permutation.Length / network.Members
    let memberOfRow = Array.zeroCreate<float> permutation.Length
    permutation |> Array.iteri (fun k row -> memberOfRow[row] <- float (k / each))
    let all = predictions network p x
    let chosen part = ModelLearning.ofMembers (Expr.vector memberOfRow) (stacked part all)
    let zero, one = Expr.zeros [| observations + 1 |], Expr.ones [| observations + 1 |]
    let noise = GoldenCases.ofNode case["draws"].["standard_normal"]

    let outcome noise =
        ModelStepExpressions.sample zero one noise (chosen _.Mean) (Some(chosen _.LogVariance.Value))
        |> ModelStepExpressions.outcome from

    let struct (sampled, reward) = outcome noise
    check case "sampled_next_observations" sampled
    check case "sampled_rewards" reward.Value
    let struct (expected, expectedReward) = outcome (Expr.zeros noise.Shape)
    check case "deterministic_next_observations" expected
    check case "deterministic_rewards" expectedReward.Value

[<Fact>]
let ``ensembles learn, are measured and are propagated as in mbrl-lib`` () =
    Golden.verify "model_ensemble" (fun case ->
        match case.Text "kind" with
        | "ensemble training" -> training case
        | "transition model" -> transition case
        | kind -> failwith $"{case.Path}: there is no test of {kind}.")
