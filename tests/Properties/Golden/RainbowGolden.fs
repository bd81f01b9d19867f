/// Rainbow against other libraries: losses, errors that priorities follow, and weights of updates at float64.
module Rl.Tests.Golden.RainbowGolden

#nowarn "3391" // arrays convert to spans

open System
open Rl.Core.Acting
open Rl.Core.Algorithms
open Rl.Core.Autodiff
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Learning
open Rl.Core.Networks
open Xunit
open Rl.Tests.Golden.AlgorithmNetworks
open Rl.Tests.Golden.DqnGolden

/// A dense layer of a file within one of ours: the first input and output that it has there.
type private Piece = { Name: string; Layer: int; Input: int; Output: int }

let private isTianshou (case: GoldenNode) = case.Text "implementation" = "tianshou"
let private networkName case = if isTianshou case then "logits" else "q"

/// CleanRL's streams have hidden layers of their own; side by side they are one of ours, where what would join them
/// is 0.
let private pieces (case: GoldenNode) : Piece list =
    let hidden, atoms = case["params"].Ints "hidden", case["params"].Int "n_atoms"

    if isTianshou case then
        [ for k in 0 .. hidden.Length -> { Name = $"logits.{k}"; Layer = k; Input = 0; Output = 0 } ]
    else
        [
            { Name = "q.trunk.0"; Layer = 0; Input = 0; Output = 0 }
            { Name = "q.value.0"; Layer = 1; Input = 0; Output = 0 }
            { Name = "q.advantage.0"; Layer = 1; Input = 0; Output = hidden[1] }
            { Name = "q.value.1"; Layer = 2; Input = 0; Output = 0 }
            { Name = "q.advantage.1"; Layer = 2; Input = hidden[1]; Output = atoms }
        ]

let private optionsOf (case: GoldenNode) rows : C51Options =
    let settings = case["params"]
    let hidden = settings.Ints "hidden" |> Array.toList

    { C51Options.defaults with
        Values =
            { ValueOptions.defaults with
                OffPolicy.BatchSize = rows
                OffPolicy.Discount = settings.Float "gamma"
                OffPolicy.PriorityExponent = 0.5
                Network.Hidden = if isTianshou case then hidden else [ hidden[0]; 2 * hidden[1] ]
                AdamEpsilon = settings.Float "adam_eps"
                MaxGradientNorm = 0.0
                Dueling = not (isTianshou case)
                NoisyNetworks = if isTianshou case then NoisyNetworks.Factorised else NoisyNetworks.Independent
            }
        Double = true
        Atoms = settings.Int "n_atoms"
        LowestReturn = settings.Float "v_min"
        HighestReturn = settings.Float "v_max"
        LogProbability = if isTianshou case then LogProbability.Offset else LogProbability.Clamped
    }

/// Where the numbers of a file's weight or bias are among the means of ours.
let private places (layout: Layout) (pieces: Piece list) (weights: GoldenNode) (name: string) : int[] =
    let piece = pieces |> List.find (fun piece -> name.StartsWith(piece.Name + "."))
    let weight, bias = layout.Blocks[2 * piece.Layer], layout.Blocks[2 * piece.Layer + 1]

    match weights.Shape name with
    | [| outputs; inputs |] ->
        [|
            for o in 0 .. outputs - 1 do
                for i in 0 .. inputs - 1 -> weight.Offset + (piece.Input + i) * weight.Shape[1] + piece.Output + o
        |]
    | shape -> [| for o in 0 .. shape[0] - 1 -> bias.Offset + piece.Output + o |]

/// ε of the file's draws for a network of it.
let private noiseOf (case: GoldenNode) (noisy: NoisyNetwork) places pieces (draws: GoldenNode) prefix : Tensor =
    let noise = Array.zeroCreate<float> noisy.Count

    if isTianshou case then
        let normals =
            pieces
            |> List.map (fun (piece: Piece) ->
                Array.append
                    (draws.Floats $"{prefix}{piece.Name}.input_noise")
                    (draws.Floats $"{prefix}{piece.Name}.output_noise"))
            |> Array.concat

        noisy.Spread(normals, Span noise)
    else
        for piece: Piece in List.tail pieces do
            for part in [ "weight"; "bias" ] do
                Array.iter2
                    (fun place value -> noise[place] <- value)
                    (places $"{piece.Name}.{part}_mu")
                    (draws.Floats $"{prefix}{piece.Name}.{part}_noise")

    Tensor.vector noise

/// A case's updates: losses, errors and weights.
let private rainbow (case: GoldenNode) : unit =
    let weights, settings, pieces = case["initial_weights"], case["params"], pieces case
    let inputs = (weights.Shape(if isTianshou case then "logits.0.weight_mu" else "q.trunk.0.weight"))[1]
    let columns = columnsOf inputs
    let close what expected actual = Golden.close 1e-9 1e-9 case what expected actual

    let network options =
        C51.network options (Space.boxOf -1.0 1.0 [| inputs |]) (Space.discrete (settings.Int "n_actions"))

    let noisy = (ValueNetwork.noisy (optionsOf case 1).Values (network (optionsOf case 1))).Value
    let places = places noisy.Means pieces weights
    let order = texts case["flat_order"].[networkName case]

    // The place in θ of each number of the file's flat vectors.
    let map =
        order
        |> List.map (fun name ->
            let own = places name

            if name.EndsWith "_sigma" then
                own |> Array.map (fun place -> noisy.Means.Count + place)
            else
                own)
        |> Array.concat

    let toTheta (flat: float[]) =
        let theta = Array.zeroCreate<float> noisy.Layout.Count
        Array.iter2 (fun place value -> theta[place] <- value) map flat
        theta

    let ofFile (theta: float[]) = map |> Array.map (fun place -> theta[place])
    let mutable online = toTheta (concatenated order weights)
    let mutable target = toTheta (concatenated (order |> List.map (fun name -> "target_" + name)) weights)
    let mutable moments = Map.empty
    let mutable number = 0

    for step in case["steps"].Items do
        let copiesBefore = step.Has "target_updated_before_step" && step.Flag "target_updated_before_step"
        let noise = noiseOf case noisy places pieces step["draws"]
        // tianshou's copy of the weights takes the noise along.
        let targetNoise = noise (if copiesBefore then "" else "target_")
        if copiesBefore then target <- online
        let batch = batchOf case columns step
        let rows = (Map.find columns.Rewards.Name (Map.ofList batch)).Length
        let options = optionsOf case rows

        let batch =
            if isTianshou case then
                batch
            else
                // Always γⁿ, and the weights of the file.
                batch
                |> List.map (fun (name, values) ->
                    if name = DrawnColumns.discounts.Name then
                        let ahead = settings.Float "gamma" ** settings.Float "n_step"

                        name,
                        step["batch"].Floats "terminated" |> Array.map (fun terminated -> ahead * (1.0 - terminated))
                    elif name = DrawnColumns.weights.Name then
                        name, step["batch"].Floats "importance_weights"
                    else
                        name, values)

        let data =
            tensorsOf rows batch
            |> Map.add "learningRate" (Tensor.create [||] [| settings.Float "lr" |])
            |> Map.add "noise" (noise "")
            |> Map.add "targetNoise" targetNoise

        let struct (output, moved, kept) =
            run (C51.plan options (network options) columns None) data online target moments

        close "loss" [| step.Float "loss" |] [| (output "valueLoss": Tensor).Scalar |]
        let errors = if isTianshou case then "td_for_priority" else "new_priorities"
        close errors (step.Floats errors) ((output "errors").ToArray())
        let after = step["weights_after"]
        close $"weights after {number}" (after.Floats(networkName case)) (ofFile moved)
        // What would join CleanRL's streams stays 0.
        online <- toTheta (ofFile moved)
        moments <- kept
        if step.Has "target_updated" && step.Flag "target_updated" then target <- online
        close $"target after {number}" (after.Floats $"target_{networkName case}") (ofFile target)
        number <- number + 1

[<Fact>]
let ``updates of Rainbow have two libraries' losses, errors and weights`` () =
    // Both are C51 with noise and priorities: tianshou's without streams, CleanRL's with its own logarithm.
    Golden.verify "update_rainbow" rainbow
