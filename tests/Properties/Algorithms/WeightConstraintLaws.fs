/// The law of weight constraints: whatever learns, after its updates the weights of hidden layers are where the option
/// holds them.
module Rl.Tests.Algorithms.WeightConstraintLaws

open System
open MathNet.Numerics.LinearAlgebra
open Rl.Core.Acting
open Rl.Core.Algorithms
open Rl.Core.Foundations
open Rl.Core.Networks
open Xunit

/// Power iterations go on from step to step, and these take one step a transition.
let private transitions (algorithm: string) =
    if List.contains algorithm [ "a2c"; "appo"; "impala"; "vmpo"; "vpg" ] then
        40
    else
        4

/// An algorithm that has the option, a task, options besides.
let private places: (string * string * (string * string) list) list =
    [
        for entry in Catalogue.entries do
            if entry.Options |> List.exists (fun option -> option.Name = "WeightConstraint") then
                let id =
                    [ "Pendulum-v1"; "CartPole-v1" ]
                    |> List.find (fun id -> entry.Suits (LearnerLaws.environment id).ActionSpace)

                entry.Id, id, []
        for id in [ "dqn"; "iqn"; "rainbow" ] do
            id, "CartPole-v1", [ "NoisyNetworks", "factorised"; "Hidden", "8x6"; "Optimiser", "muon" ]
        "ppo", "CartPole-v1", [ "SharedTrunk", "true"; "Hidden", "8x6" ]
        "ppo", "Spot-v0", [ "Hidden", "8"; "Optimiser", "muon" ]
        "dqn", "Spot-v0", [ "Hidden", "8" ]
    ]

let rows: TheoryData<int> =
    let data = TheoryData<int>()
    places |> List.iteri (fun index _ -> data.Add index)
    data

let private hiddenOf row kind =
    let algorithm, id, besides = places[row]
    use workers = new Workers(1)
    use learner = LearnerLaws.make algorithm (besides @ [ "WeightConstraint", kind ]) id 3 workers
    let state, _ = LearnerLaws.run learner (learner.Initialise(Rng.create 5UL)) (transitions algorithm)

    [
        for block in learner.Layout.Blocks do
            // A model of the world has an optimiser of its own.
            if HiddenWeights.contains block && not (block.Name.StartsWith("model/", StringComparison.Ordinal)) then
                let columns = block.Count / block.Shape[0]
                let values = Array.sub state.Parameters block.Offset block.Count |> Array.map float

                algorithm + " " + block.Name,
                block,
                Matrix<float>.Build.DenseOfRowMajor(block.Shape[0], columns, values)
    ]

[<Theory; MemberData(nameof rows)>]
let ``the largest singular value of each hidden layer is 1`` (row: int) =
    let layers = hiddenOf row "spectralNorm"
    Assert.NotEmpty layers

    for name, _, matrix in layers do
        let size = matrix.Svd(true).S[0]
        Assert.True(abs (size - 1.0) < 0.02, $"{name}: {size}")

[<Theory; MemberData(nameof rows)>]
let ``the weights of each unit of hidden layers have length 1`` (row: int) =
    let layers = hiddenOf row "unitNorm"
    Assert.NotEmpty layers

    for name, block, matrix in layers do
        let units =
            if block.Shape.Length = 2 then
                matrix.EnumerateColumns()
            else
                matrix.EnumerateRows()

        for unit in units do
            Assert.True(abs (unit.L2Norm() - 1.0) < 1e-5, $"{name}: {unit.L2Norm()}")
