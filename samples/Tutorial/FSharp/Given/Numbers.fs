/// The gaps as functions of numbers: what the checks call.
module Rl.Tutorial.Numbers

open Rl.Core.Autodiff
open Rl.Core.Optimisers

let private run outputs (columns: (string * float32[]) list) carried read =
    let program: Program<float32> = Program.compile { Outputs = outputs; Carried = carried }

    for name, values in columns do
        program.Set(name, System.ReadOnlySpan values)

    program.Run()
    read program

/// θ after one step of plain gradient descent on ½ Σ (θ − target)².
let private descend theta target (learningRate: float) maxGradientNorm =
    let count = Array.length theta
    let sgd = Optimiser.sgd (Schedule.constant learningRate) 0.0 0.0 false 0.0
    let parameters = Expr.input "theta" [| count |]
    let loss = 0.5 * Expr.sum (Expr.square (parameters - Expr.input "target" [| count |]))
    let state = Optimiser.inputs "sgd." count sgd
    let struct (next, newState) = Exercise.descend sgd maxGradientNorm loss state parameters

    run [ "next", next ] [ "theta", theta; "target", target ] (List.zip state newState) (fun program ->
        program.Output("next").ToArray())

let private loss options (batch: LossBatch) =
    let columns =
        [
            "logProbability", batch.LogProbabilities
            "oldLogProbability", batch.OldLogProbabilities
            "advantage", batch.Advantages
            "value", batch.Values
            "return", batch.Returns
            "entropy", batch.Entropies
        ]

    let input name = Expr.input name [| batch.Advantages.Length |]

    let loss =
        Exercise.loss
            options
            {
                LogProbability = input "logProbability"
                OldLogProbability = input "oldLogProbability"
                Advantage = input "advantage"
                Value = input "value"
                Return = input "return"
                Entropy = input "entropy"
            }

    // A gap that leaves an input out would leave the program without it.
    let used = columns |> List.map (fun (name, _) -> 0.0 * Expr.sum (input name))
    run [ "loss", List.fold (+) loss used ] columns [] (fun program -> float (program.Output("loss")[0]))

/// The five gaps.
let exercise =
    { new IExercise with
        member _.Store(rollout, time, copy, transition) = Exercise.store rollout time copy transition
        member _.Act(mean, logDeviation, noise, action) = Exercise.act mean logDeviation noise action
        member _.Advantages(rollout, discount, lambda) = Exercise.advantages rollout discount lambda

        member _.Descend(theta, target, learningRate, maxGradientNorm) =
            descend theta target learningRate maxGradientNorm

        member _.Loss(batch, options) = loss options batch
    }
