/// The mathematics of world models against TD-MPC2 and mbrl-lib: symlog, two-hot codes, squashed policies, percentile
/// scales, simplicial codes, normed layers, returns of sequences by particles, rollout lengths.
module Rl.Tests.Golden.WorldModelGolden

open System
open Rl.Core.Algorithms
open Rl.Core.Autodiff
open Rl.Core.Distributions
open Rl.Core.Foundations
open Rl.Core.Networks
open Rl.Core.Objectives
open Xunit
open Rl.Tests.Golden.AlgorithmNetworks

let private input (case: GoldenNode) (name: string) = GoldenCases.ofNode case[name]

let private symlog (case: GoldenNode) =
    let x, y = input case "x", input case "y"
    check case "symlog" (Transforms.signedLog x)
    check case "symexp_of_symlog" (Transforms.signedExp (Transforms.signedLog x))
    check case "symexp" (Transforms.signedExp y)

let private twoHot (case: GoldenNode) =
    let settings = case["params"]

    let pair =
        Transforms.transformedTwoHotPair
            Transforms.signedLogPair
            (settings.Float "vmin")
            (settings.Float "vmax")
            (settings.Int "num_bins")

    let code = pair.Apply(input case "values")
    check case "two_hot" code
    let logits = input case "logits"
    check case "decoded_value" (pair.Invert(Expr.softmax -1 logits))
    check case "soft_cross_entropy" (Losses.crossEntropy code logits)
    let leaf = Expr.fresh logits
    let gradients = Diff.gradients (Expr.sum (Losses.crossEntropy code leaf)) [| leaf |]
    check case "logit_gradient_of_sum" gradients[0]

/// float32's ½ ln 2π, which TD-MPC2 has.
let private roundedConstant = 0.9189385175704956

let private squash (case: GoldenNode) =
    let settings = case["params"]
    let least = settings.Float "log_std_min"
    let logDeviation = Heads.squash least (least + settings.Float "log_std_dif") (input case "raw_log_std")
    check case "log_std" logDeviation
    let normal = DiagonalNormal.create (input case "mean") logDeviation
    let u = DiagonalNormal.reparameterise (input case "standard_normal") normal
    let count = float u.Shape[1]
    let exact = 0.5 * Math.Log(2.0 * Math.PI)
    let logProbability = DiagonalNormal.logProbability u normal + count * (exact - roundedConstant)
    check case "log_prob_before_squash" logProbability
    check case "squashed_mean" (Expr.tanh normal.Mean)
    let action = Expr.tanh u
    check case "action" action
    let slope = Expr.log (Expr.relu (1.0 - Expr.square action) + settings.Float "epsilon")
    check case "log_prob" (logProbability - Expr.sumOver [| -1 |] slope)

let private scale (case: GoldenNode) =
    let settings = case["params"]
    let mutable scale = settings.Float "initial"

    for update in case["updates"].Items do
        let values = update.Floats "values"
        let percentile p = WorldModels.percentile p (ReadOnlySpan values)
        close update "the percentiles" (update.Floats "percentiles_5_95") [| percentile 5.0; percentile 95.0 |]
        scale <- WorldModels.percentileScale (settings.Float "tau") scale (ReadOnlySpan values)
        close update "the scale" [| update.Float "scale_after" |] [| scale |]

let private simplicial (case: GoldenNode) =
    let x = Expr.fresh (input case "input")
    let y = WorldModels.simplicial (case["params"].Int "group") x
    check case "output" y
    let gradients = Diff.gradients (Expr.dot y (input case "cotangent")) [| x |]
    check case "input_gradient" gradients[0]

/// Linear, dropout in the first layer, layer normalisation, mish; the last layer without dropout, plain or with
/// normalisation and simplicial codes.
let private normed (case: GoldenNode) =
    let settings, weights = case["params"], case["weights"]
    let order = texts case["flat_order"]
    let theta = Expr.fresh (Expr.vector (concatenated order weights))
    let p = named order weights theta
    let x = Expr.fresh (input case "input")
    let rate = settings.Float "dropout"
    let last = (settings.Ints "hidden").Length

    let layer isTraining (x: Expr) k =
        let y = linear p $"net.{k}" x

        let y =
            if isTraining && rate > 0.0 && k = 0 then
                // Kept where the uniform number is not below the rate.
                let keep = input case "dropout_keep_masks" |> Expr.slice 0 0 1 |> Expr.squeeze 0
                Dropout.apply rate (Expr.select keep (Expr.number 0.999) (Expr.number 0.0)) y
            else
                y

        let y =
            if p.ContainsKey $"net.{k}.norm.weight" then
                LayerNormalisation.normalise (settings.Float "layer_norm_eps") y * p[$"net.{k}.norm.weight"]
                + p[$"net.{k}.norm.bias"]
            else
                y

        if k < last then Expr.mish y
        elif settings.Has "last_activation" then WorldModels.simplicial 4 y
        else y

    let apply isTraining = List.fold (layer isTraining) x [ 0..last ]
    let y = apply true
    check case "output" y
    let gradients = Diff.gradients (Expr.dot y (input case "cotangent")) [| x; theta |]
    check case "input_gradient" gradients[0]
    check case "weight_gradient" gradients[1]
    check case "output_in_evaluation_mode" (apply false)

/// The file's permutations and noise, step by step.
type private RecordedDraws(case: GoldenNode) =
    let horizon = case.Shape("action_sequences").[1]
    let dealt = case["permutations"].Items |> List.map (fun node -> node.AsArray.Values |> Array.map int)
    // Of one a step, the list may begin with one that is not used.
    let mutable left =
        if dealt.Length > horizon then
            List.skip (dealt.Length - horizon) dealt
        else
            dealt

    let mutable noise = case["standard_normal_per_step"].Items |> List.map _.AsArray.Values

    interface IParticleDraws with
        member _.Deal(rowAt) =
            ReadOnlySpan(left.Head).CopyTo rowAt
            left <- left.Tail

        member _.Fill(numbers) =
            for index in 0 .. numbers.Length - 1 do
                numbers[index] <- float32 noise.Head[index]

            noise <- noise.Tail

let private particles (case: GoldenNode) =
    let settings, weights = case["params"], case["weights"]
    let network = ModelEnsembleGolden.networkOf weights Activation.Relu true false
    let p = Map.ofList [ for name, node in weights.Members -> name, GoldenCases.ofNode node ]

    let parametersOf index : ReadOnlyMemory<float32> =
        numbers (ModelEnsembleGolden.memberOf network p index).Theta |> Array.map float32 |> ReadOnlyMemory

    let propagation =
        match settings.Text "propagation" with
        | "random_model" -> Propagation.TrajectorySampling
        | "fixed_model" -> Propagation.TrajectorySamplingInfinite
        | other -> failwith $"{case.Path}: there is no propagation {other}."

    let planning =
        {
            Particles = settings.Int "particles"
            Propagation = propagation
            Observations = settings.Int "state"
            Known =
                {
                    KnownTask.Reward = None
                    KnownTask.Terminated = Some(KnownTermination(fun next -> MathF.Abs next[0] > 1.5f))
                }
        }

    use workers = new Workers(2)
    let returns = ModelReturns(network, planning, network.Members, workers)
    returns.Load(ModelFrame.identity network.Layers.Inputs network.Numbers, Array.init network.Members id, parametersOf)
    returns.Start(ReadOnlySpan(case.Floats32 "initial_state"), Rng.create 1UL)
    let values = Array.zeroCreate<float> (case.Floats "values").Length
    let horizon = case.Shape("action_sequences").[1]
    returns.JudgeWith(RecordedDraws case, ReadOnlySpan(case.Floats32 "action_sequences"), horizon, Span values)
    Golden.close 1e-5 1e-5 case "the returns" (case.Floats "values") values

let private truncatedLinear (case: GoldenNode) =
    let settings = case["params"]

    case.Floats "x"
    |> Array.map (
        ModelLearning.truncatedLinear
            (settings.Float "min_x")
            (settings.Float "max_x")
            (settings.Float "min_y")
            (settings.Float "max_y")
    )
    |> close case "the lengths" (case.Floats "y")

[<Fact>]
let ``the mathematics of world models has the numbers of TD-MPC2 and mbrl-lib`` () =
    Golden.verify "world_model_math" (fun case ->
        match case.Text "function" with
        | "symlog, symexp" -> symlog case
        | "two_hot, two_hot_inv, soft_ce" -> twoHot case
        | "log_std, gaussian_logprob, squash" -> squash case
        | "RunningScale" -> scale case
        | "SimNorm" -> simplicial case
        | "mlp of NormedLinear layers" -> normed case
        | "evaluate_action_sequences" -> particles case
        | "truncated_linear (MBPO rollout length)" -> truncatedLinear case
        | other -> failwith $"{case.Path}: there is no test of {other}.")
