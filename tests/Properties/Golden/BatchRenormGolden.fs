/// Batch renormalisation against sb3-contrib's layer, batch after batch: outputs, gradients, running statistics.
module Rl.Tests.Golden.BatchRenormGolden

open Rl.Core.Autodiff
open Rl.Core.Networks
open Rl.Tests.Autodiff
open Xunit

let private tensor (node: GoldenNode) =
    let array = node.AsArray
    Tensor.create array.Shape array.Values

let private layerOf (case: GoldenNode) : BatchRenormalisation =
    let parameters = case["params"]

    {
        Features = parameters.Int "features"
        Momentum = parameters.Float "momentum"
        Epsilon = parameters.Float "eps"
        WarmUp = parameters.Int "warmup_steps"
        MaximumRatio = parameters.Float "rmax"
        MaximumShift = parameters.Float "dmax"
    }

let private verify (evaluator: Evaluator) =
    Golden.verify "batch_renorm" (fun case ->
        let layer = layerOf case
        let layout = BatchRenormalisation.layout layer
        let isAffine = case["params"].Flag "affine"
        let constant value = Tensor.full [| layer.Features |] value
        // Without its own scale and shift the layer is one whose scale is 1 and whose shift is 0.
        let scale = if isAffine then tensor case["scale"] else constant 1.0
        let shift = if isAffine then tensor case["bias"] else constant 0.0
        let theta = Layout.pack layout [ "scale", scale; "shift", shift ]

        let batch (mean: Tensor, variance: Tensor, batches: float) (node: GoldenNode) =
            let close what (expected: string) (actual: Tensor) =
                Golden.close 1e-9 1e-9 node what (node.Floats expected) (actual.ToArray())

            let parameters = Parameters.create layout (Expr.fresh (Expr.vector theta))
            let x = Expr.fresh (Expr.constant (tensor node["input"]))

            let before: BatchStatistics =
                {
                    Mean = Expr.fresh (Expr.constant mean)
                    Variance = Expr.fresh (Expr.constant variance)
                    Batches = Expr.fresh (Expr.number batches)
                }

            let struct (y, after) = BatchRenormalisation.train layer parameters before x
            let objective = Expr.dot y (Expr.constant (tensor node["cotangent"]))
            let gradients = Diff.gradients objective [| x; parameters.Theta |]
            let acting = BatchRenormalisation.apply layer parameters after x

            let results =
                evaluator
                    Map.empty
                    [| y; gradients[0]; gradients[1]; after.Mean; after.Variance; after.Batches; acting |]

            let gradient name = Layout.read name layout (results[2].ToArray())
            close "the output" "output" results[0]
            close "the input's gradient" "input_gradient" results[1]

            if isAffine then
                close "the scale's gradient" "scale_gradient" (gradient "scale")
                close "the shift's gradient" "bias_gradient" (gradient "shift")

            close "the running mean" "running_mean_after" results[3]
            close "the running variance" "running_var_after" results[4]
            close "the number of batches" "steps_after" results[5]
            close "the output in evaluation" "evaluation_output_for_same_input" results[6]
            results[3], results[4], results[5][0]

        case["batches"].Items
        |> List.fold batch (tensor case["initial_running_mean"], tensor case["initial_running_var"], 0.0)
        |> ignore)

[<Fact>]
let ``batch renormalisation has sb3-contrib's numbers batch after batch, by the reference evaluator`` () =
    verify Evaluator.reference

[<Fact>]
let ``batch renormalisation has sb3-contrib's numbers batch after batch, compiled at float64 for every width`` () =
    for _, evaluator in Evaluator.doubles do
        verify evaluator
