/// The other half of law 1: what baselines and critics do to the variance of the gradient, exactly.
module Rl.Tests.Theorems.VarianceTheorems

open System
open Rl.Core.Autodiff
open Rl.Core.Tabular
open Rl.Core.Objectives
open Xunit

/// Σ p |∇ log π(aₜ|sₜ)|² f over the steps of each time, [T]: with f = Â² the second moment of a step's estimate.
let private momentsOf (f: int -> float) (data: Enumerated) =
    let batch = data.Batch

    Array.init batch.Steps (fun time ->
        [| 0 .. batch.Count - 1 |]
        |> Array.sumBy (fun column ->
            let at = time * batch.Count + column

            if batch.Mask[at] = 0.0 then
                0.0
            else
                let score = TabularPolicy.score data.Policy batch.States[at] batch.Actions[at]
                data.Probabilities[column] * Array.sumBy (fun value -> value * value) score * f at))

let private secondMoments (estimate: float[]) (data: Enumerated) =
    momentsOf (fun at -> estimate[at] * estimate[at]) data

/// ∇ log π(aₜ|sₜ) of a step as a vector over all pairs [S · A], 0 after the end.
let private stepScore (data: Enumerated) (at: int) =
    let score = Array.zeroCreate<float>(data.Policy.States * data.Policy.Actions)

    if data.Batch.Mask[at] <> 0.0 then
        let ofState = TabularPolicy.score data.Policy data.Batch.States[at] data.Batch.Actions[at]
        ofState.CopyTo(score, data.Batch.States[at] * data.Policy.Actions)

    score

let private notAbove (what: string) (high: float[]) (low: float[]) =
    Array.iter2
        (fun most value ->
            if not (value <= most * (1.0 + 1e-12) + 1e-12) then
                failwith $"{what}: {value} exceeds {most}.")
        high
        low

[<Theorem>]
let ``law 1, variance: the true action value never has more than the reward to go (Rao and Blackwell)``
    (instance: Instance)
    =
    // The means agree by law 2, so second moments compare as variances do.
    let data = Enumerated.onPolicy instance
    let sampled = secondMoments (Enumerated.rewardsToGo data) data
    notAbove "second moment" sampled (secondMoments (Enumerated.actionValues data) data)

[<Theorem>]
let ``law 1, variance: bₜ = E[|∇ log π|² Gₜ] / E[|∇ log π|²] is the best baseline of time`` (instance: Instance) =
    let data = Enumerated.onPolicy instance
    let toGo = Enumerated.rewardsToGo data
    let weight = momentsOf (fun _ -> 1.0) data
    let count = data.Batch.Count

    let best =
        Array.init data.Batch.Steps (fun time ->
            let scores = Array.init count (fun column -> stepScore data (time * count + column))
            Baselines.optimal data.Probabilities scores (Array.sub toGo (time * count) count))

    let less (baselines: float[]) = toGo |> Array.mapi (fun at value -> value - baselines[at / data.Batch.Count])
    let least = secondMoments (less best) data
    let noise = Instance.normals 0 best.Length instance
    notAbove "no baseline" (secondMoments toGo data) least
    notAbove "another baseline" (secondMoments (less (Array.map2 (+) best noise)) data) least

    // The variance is a parabola in the baseline: at distance x from the best it is higher by x² E[|∇ log π|²].
    Expect.close
        1e-9
        "the parabola"
        (Array.map3 (fun low shift norm -> low + shift * shift * norm) least noise weight)
        (secondMoments (less (Array.map2 (+) best noise)) data)

[<Theorem>]
let ``law 1, variance: of whole trajectories b*ᵢ is best in each component, and b* in their sum; the mean stays``
    (instance: Instance)
    =
    let data = Enumerated.onPolicy instance
    let count = data.Batch.Count
    let returns = Array.sub (Enumerated.rewardsToGo data) 0 count

    let scores =
        Array.init count (fun column ->
            Array.init data.Batch.Steps (fun time -> stepScore data (time * count + column))
            |> Array.reduce (Array.map2 (+)))

    let size = scores[0].Length

    let expectation (f: int -> int -> float) =
        Array.init size (fun i -> Seq.sum (seq { for n in 0 .. count - 1 -> data.Probabilities[n] * f n i }))

    let second (baselines: float[]) = expectation (fun n i -> (scores[n][i] * (returns[n] - baselines[i])) ** 2.0)
    let norms = expectation (fun n i -> scores[n][i] ** 2.0)
    let each = Baselines.optimalPerComponent data.Probabilities scores returns
    let one = Baselines.optimal data.Probabilities scores returns
    let shifts = Instance.normals 0 size instance

    Expect.close
        1e-9
        "the parabola of each component"
        (Array.map3 (fun least shift norm -> least + shift * shift * norm) (second each) shifts norms)
        (second (Array.map2 (+) each shifts))

    let total (baseline: float) = Array.sum (second (Array.create size baseline))
    let shift = shifts[0]
    Expect.closeNumber 1e-9 "the parabola" (total one + shift * shift * Array.sum norms) (total (one + shift))
    let average = Array.fold2 (fun sum p value -> sum + p * value) 0.0 data.Probabilities returns
    notAbove "one number" [| total one |] [| Array.sum (second each) |]
    notAbove "the average" [| total average |] [| total one |]
    let mean (baselines: float[]) = expectation (fun n i -> scores[n][i] * (returns[n] - baselines[i]))
    Expect.close 1e-12 "the mean" (mean (Array.zeroCreate size)) (mean each)

[<Fact>]
let ``samples without scores need no baseline, and what is no sample is refused by name`` () =
    Assert.Equal(0.0, Baselines.optimal [| 1.0 |] [| [| 0.0 |] |] [| 7.0 |])
    Assert.Equal<float[]>([| 0.0; 7.0 |], Baselines.optimalPerComponent [| 2.0 |] [| [| 0.0; 3.0 |] |] [| 7.0 |])

    let refused (name: string) weights scores returns =
        for compute in
            [
                (fun () -> Baselines.optimal weights scores returns |> ignore)
                (fun () -> Baselines.optimalPerComponent weights scores returns |> ignore)
            ] do
            Assert.Equal(name, Assert.ThrowsAny<ArgumentException>(compute).ParamName)

    refused "weights" [||] [||] [||]
    refused "weights" [| -1.0 |] [| [| 1.0 |] |] [| 1.0 |]
    refused "scores" [| 1.0; 1.0 |] [| [| 1.0 |] |] [| 1.0; 1.0 |]
    refused "scores" [| 1.0; 1.0 |] [| [| 1.0 |]; [||] |] [| 1.0; 1.0 |]
    refused "scores" [| 1.0 |] [| [| nan |] |] [| 1.0 |]
    refused "returns" [| 1.0 |] [| [| 1.0 |] |] [| infinity |]

[<Fact>]
let ``law 1, variance: the table of the lecture's baselines on one process`` () =
    let instance = { Seed = 5UL; Shape = Dense; States = 3; Actions = 2; Horizon = 3; Discount = 0.9 }
    let data = Enumerated.onPolicy instance
    let toGo, values = Enumerated.rewardsToGo data, Enumerated.values data
    let total estimate = Array.sum (secondMoments estimate data)
    let raised = toGo |> Array.map ((+) 5.0)
    let critic = Array.map2 (-) (Enumerated.actionValues data) values
    // Rewards that are 5 too high drown the gradient; a baseline brings it back; the critic does better still.
    Assert.True(total raised > 3.0 * total (Array.map2 (-) toGo values))
    Assert.True(total (Array.map2 (-) toGo values) < total toGo)
    Assert.True(total critic < 0.5 * total (Array.map2 (-) toGo values))
    Assert.True(total critic > 0.0)

[<Theorem>]
let ``law 1: the score is the derivative of ln π, and its mean under π is zero`` (instance: Instance) =
    let struct (policy, logits) = Instance.policy instance
    let actions = policy.Actions

    for state in 0 .. policy.States - 1 do
        let theta = Expr.vector (Array.sub logits (state * actions) actions)
        let scores = Array.init actions (TabularPolicy.score policy state)

        scores
        |> Array.iteri (fun action score ->
            let logPi theta = Expr.sum (Expr.slice 0 action (action + 1) (Expr.logSoftmax -1 theta))
            Expect.close 1e-12 "∇ ln π" ((Reference.evaluate (Diff.grad logPi theta)).ToArray()) score)

        let mean =
            scores
            |> Array.mapi (fun action score -> score |> Array.map ((*) policy[state, action]))
            |> Array.reduce (Array.map2 (+))

        Expect.close 1e-12 "E[∇ ln π]" (Array.zeroCreate actions) mean
