/// Parallelised Q-learning against CleanRL: returns of a rollout, and the losses, norms and weights of its minibatches.
module Rl.Tests.Golden.PqnGolden

open System
open Rl.Core.Acting
open Rl.Core.Algorithms
open Rl.Core.Autodiff
open Rl.Core.Environments
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Objectives
open Xunit
open Rl.Tests.Golden.AlgorithmNetworks
open Rl.Tests.Golden.DqnGolden

let private iteration (case: GoldenNode) : unit =
    let settings, rollout, weights = case["params"], case["rollout"], case["initial_weights"]
    let close what expected actual = Golden.close 1e-9 1e-9 case what expected actual
    let inputs = (weights.Shape "q.0.weight")[1]

    let options =
        { PqnOptions.defaults with
            Network = { PqnOptions.defaults.Network with Hidden = settings.Ints "hidden" |> Array.toList }
            MaxGradientNorm = settings.Float "max_grad_norm"
        }

    let actions = (weights.Shape "q.2.bias")[0] |> Space.discrete
    let network = Pqn.network options (Space.boxOf -1.0 1.0 [| inputs |]) actions
    let order = texts case["flat_order"].["q"]
    let layout flat = toLayout id order weights flat
    let mutable online = layout (concatenated order weights)

    // maxₐ Q(s, a) of the network of before the updates.
    let parameters = Parameters.create (Actor.layout network) (Expr.vector online)

    let values (observations: float[]) =
        let rows = Expr.vector observations |> Expr.reshape [| observations.Length / inputs; inputs |]
        numbers (Actor.policy network parameters rows |> Expr.maxOver [| -1 |])

    let observations, copies = rollout.Floats "observations", (rollout.Shape "rewards")[1]
    let known = values observations
    close "values" (rollout.Floats "values") known

    // CleanRL takes a time limit for a terminal state; what it calls done of a step says that the one before was.
    let dones = rollout.Floats "dones"
    let ends = Array.append dones[copies..] (rollout.Floats "next_done")
    let discounts = ends |> Array.map (fun ended -> settings.Float "gamma" * (1.0 - ended))
    let nextValues = Array.append known[copies..] (values (rollout.Floats "next_observation"))
    let traces = Array.create known.Length (settings.Float "q_lambda")
    let returns = Array.zeroCreate<float> known.Length

    Returns.Lambda(
        Steps<float>(
            copies,
            ReadOnlySpan(rollout.Floats "rewards"),
            ReadOnlySpan discounts,
            ReadOnlySpan nextValues,
            ReadOnlySpan traces
        ),
        ReadOnlySpan.Empty,
        Span returns
    )

    close "returns" (case.Floats "returns") returns

    let size = settings.Int "minibatch_size"
    let columns = columnsOf inputs
    let plan = Pqn.plan options network columns false size

    // Its loss has no ½, which tells where gradients are clipped and while Adam is not rectified yet.
    let doubled (term: Term) = { term with Weight = 2.0 * term.Weight }
    let plan = { plan with Loss = plan.Loss >> List.map doubled }
    let mutable moments: Map<string, Tensor> = Map.empty

    let minibatches =
        [|
            for permutation in case["permutations"].Items do
                yield! permutation.AsArray.Values |> Array.map int |> Array.chunkBySize size
        |]

    let losses, norms = case.Floats "losses", case.Floats "gradient_norms_before_clip"
    Assert.Equal(losses.Length, minibatches.Length)

    for number, rows in Array.indexed minibatches do
        let data =
            Map.ofList
                [
                    columns.Observations.Name,
                    Tensor.create
                        [| size; inputs |]
                        (rows |> Array.collect (fun row -> Array.sub observations (row * inputs) inputs))
                    columns.Actions.Name,
                    Tensor.create [| size; 1 |] (rows |> Array.map (fun row -> (rollout.Floats "actions")[row]))
                    "returns", Tensor.vector (rows |> Array.map (fun row -> returns[row]))
                    "learningRate", Tensor.create [||] [| settings.Float "lr" |]
                ]

        let struct (output, moved, kept) = run plan data online [||] moments
        close $"loss {number}" [| losses[number] |] [| 2.0 * (output "valueLoss").Scalar |]
        close $"norm {number}" [| norms[number] |] [| (output "gradientNorm").Scalar |]
        online <- moved
        moments <- kept

    close "weights" (layout (case["weights_after"].Floats "q")) online

[<Fact>]
let ``iterations of PQN have CleanRL's returns, losses, norms and weights`` () =
    Golden.verifyWhere "update_dqn" (fun case -> case.Id.StartsWith "cleanrl-pqn") iteration
