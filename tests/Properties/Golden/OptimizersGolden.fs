/// The optimisers against PyTorch's weights after each step.
module Rl.Tests.Golden.OptimizersGolden

open Rl.Core.Autodiff
open Rl.Core.Optimisers
open Rl.Tests.Autodiff
open Xunit

/// The optimiser that a case names, with PyTorch's defaults for the arguments it leaves out.
let private optimiser (case: GoldenNode) =
    let parameters = case["params"]

    let number name otherwise =
        match parameters.TryGet name with
        | Some node -> node.AsFloat
        | None -> otherwise

    let flag name = number name 0.0 <> 0.0

    let beta index otherwise =
        match parameters.TryGet "betas" with
        | Some node -> node.AsArray.Values[index]
        | None -> otherwise

    let rate otherwise = Schedule.constant (number "lr" otherwise)
    let decay = number "weight_decay" 0.0

    let transform =
        match case.Text "optimizer" with
        | "SGD" -> Optimiser.sgd (rate 1e-3) (number "momentum" 0.0) (number "dampening" 0.0) (flag "nesterov") decay
        | "Adam" ->
            Optimiser.adamWith (rate 1e-3) (beta 0 0.9) (beta 1 0.999) (number "eps" 1e-8) decay (flag "amsgrad")
        | "AdamW" ->
            let decay = number "weight_decay" 1e-2
            Optimiser.adamW (rate 1e-3) (beta 0 0.9) (beta 1 0.999) (number "eps" 1e-8) decay (flag "amsgrad")
        | "RMSprop" ->
            let averaging, epsilon = number "alpha" 0.99, number "eps" 1e-8
            Optimiser.rmsProp (rate 1e-2) averaging epsilon decay (number "momentum" 0.0) (flag "centered")
        | "Adagrad" ->
            let rate = Schedule.inverseTime (number "lr" 1e-2) (number "lr_decay" 0.0)
            Optimiser.adagrad rate (number "eps" 1e-10) (number "initial_accumulator_value" 0.0) decay
        | "Adadelta" -> Optimiser.adadelta (rate 1.0) (number "rho" 0.9) (number "eps" 1e-6) decay
        | "Adamax" -> Optimiser.adamax (rate 2e-3) (beta 0 0.9) (beta 1 0.999) (number "eps" 1e-8) decay
        | other -> failwith $"The optimiser {other} is not known here."

    if flag "maximize" then
        Transform.chain [ Transform.scale -1.0; transform ]
    else
        transform

/// Runs an optimiser over given gradients; the parameters after each step.
let private trajectory (evaluator: Evaluator) (transform: Transform) (initial: float[]) (gradients: float[][]) =
    let n = initial.Length

    let struct (theta, state) =
        Optimiser.update
            transform
            (Expr.input "gradient" [| n |])
            (Optimiser.inputs "" n transform)
            (Expr.input "theta" [| n |])

    let outputs = Array.ofList (theta :: state)
    let names = Array.ofList ("theta" :: (Optimiser.state n transform |> List.map (fun variable -> variable.Name)))

    let start = Map.ofList (("theta", Tensor.vector initial) :: Optimiser.initialise n transform)

    let step (values: Map<string, Tensor>) (gradient: float[]) =
        let values = Map.add "gradient" (Tensor.vector gradient) values
        Map.ofArray (Array.zip names (evaluator values outputs))

    gradients
    |> Array.scan step start
    |> Array.skip 1
    |> Array.map (fun values -> values["theta"].ToArray())

let private verify tolerance (evaluator: Evaluator) =
    Golden.verify "optimizers" (fun case ->
        let gradients = [| for row in case["gradients"].Items -> row.AsArray.Values |]
        let actual = trajectory evaluator (optimiser case) (case.Floats "initial") gradients
        let expected = case.Floats "weights_after_each_step"
        Golden.close tolerance tolerance case "weights" expected (Array.concat actual))

[<Fact>]
let ``every optimiser follows PyTorch's parameters step by step, by the reference evaluator`` () =
    verify 1e-10 Evaluator.reference

[<Fact>]
let ``every optimiser follows PyTorch's parameters step by step, compiled at float64 for every width`` () =
    for _, evaluator in Evaluator.doubles do
        verify 1e-10 evaluator

[<Fact>]
let ``every optimiser follows PyTorch's parameters to 1e-4, compiled at float32 for every width`` () =
    for _, evaluator in Evaluator.singles do
        verify 1e-4 evaluator
