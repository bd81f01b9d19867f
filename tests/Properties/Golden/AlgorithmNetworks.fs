/// What the golden updates of algorithms share: networks over one vector in the file's order of weights, and optimiser
/// steps.
module Rl.Tests.Golden.AlgorithmNetworks

open System
open Rl.Core.Autodiff
open Rl.Core.Optimisers

let texts (node: GoldenNode) = [ for item in node.Items -> string (item.Element.GetString()) ]

let concatenated (order: string list) (weights: GoldenNode) = order |> List.map weights.Floats |> Array.concat

/// The named weights of a vector, with the shapes that the file gives.
let named (order: string list) (weights: GoldenNode) (theta: Expr) : Map<string, Expr> =
    let sizes = order |> List.map (fun name -> Shape.count (weights.Shape name))
    let starts = List.scan (+) 0 sizes

    List.zip3 order (List.take order.Length starts) sizes
    |> List.map (fun (name, start, size) ->
        name, theta |> Expr.slice 0 start (start + size) |> Expr.reshape (weights.Shape name))
    |> Map.ofList

let linear (p: Map<string, Expr>) (layer: string) (x: Expr) =
    Expr.matmul x (Expr.transpose p[layer + ".weight"]) + p[layer + ".bias"]

/// x W₀ᵀ + b₀, activation, … ; the activation follows the last layer too if `toTheEnd`.
let mlp (p: Map<string, Expr>) (net: string) (activation: Expr -> Expr) toTheEnd (x: Expr) =
    let count = Seq.initInfinite id |> Seq.takeWhile (fun k -> p.ContainsKey $"{net}.{k}.weight") |> Seq.length

    (x, [ 0 .. count - 1 ])
    ||> List.fold (fun x k ->
        let y = linear p $"{net}.{k}" x
        if k = count - 1 && not toTheEnd then y else activation y)

let batch (case: GoldenNode) name = GoldenCases.ofNode (case["batch"].[name])
let numbers (x: Expr) = (Reference.evaluate x).ToArray()

let close (case: GoldenNode) what (expected: float[]) (actual: float[]) =
    Golden.close 1e-9 1e-9 case what expected actual

let check (case: GoldenNode) name (actual: Expr) = close case name (case.Floats name) (numbers actual)
let gradient (loss: Expr -> Expr) (theta: float[]) = numbers (Diff.grad loss (Expr.vector theta))

/// Parameters after each of `count` updates on the same loss.
let steps count (optimiser: Transform) (loss: Expr -> Expr) (theta: float[]) : float[][] =
    let n = theta.Length
    let input = Expr.input "theta" [| n |]

    let struct (next, state) =
        Optimiser.update optimiser (Diff.grad loss input) (Optimiser.inputs "" n optimiser) input

    let outputs = Array.ofList (next :: state)
    let names = "theta" :: (Optimiser.state n optimiser |> List.map (fun variable -> variable.Name)) |> Array.ofList
    let start = Map.ofList (("theta", Tensor.vector theta) :: Optimiser.initialise n optimiser)

    (start, [| 1..count |])
    ||> Array.scan (fun values _ ->
        Map.ofArray (Array.zip names (Reference.evaluateMany (fun name -> values[name]) outputs)))
    |> Array.map (fun values -> values["theta"].ToArray())

let checkSteps (case: GoldenNode) field (trajectory: float[][]) =
    for name, node in case[field].Members do
        match Int32.TryParse name with
        | true, step -> Golden.close 1e-8 1e-8 case $"{field}/{name}" node.AsArray.Values trajectory[step]
        | _ -> ()

let adam rate epsilon = Optimiser.adam (Schedule.constant rate) epsilon
