/// What deterministic policies explore with, for their twins: an action's noise one number at a time.
namespace Rl.Tests.Algorithms.Twins

open Rl.Core.Algorithms
open Rl.Core.Foundations
open Rl.Core.Learning

/// The noise of all copies, from what a state carries of it.
[<Sealed>]
type PlainNoise(c: NoiseOptions, actions: int, state: TrainingState) =
    let single (x: float) = float (float32 x)

    let width =
        match c.Exploration with
        | ExplorationNoise.Normal
        | ExplorationNoise.Parameters -> 0
        | ExplorationNoise.OrnsteinUhlenbeck -> actions
        | ExplorationNoise.Pink -> 1 + 12 * actions

    let carried =
        if width > 0 then
            state.Array "explorationNoise" |> Array.map float |> Array.chunkBySize width
        else
            [||]

    let normal (key: Rng) =
        let struct (value, key) = Rng.normal key
        value, key

    /// A sum of processes with memories of ½ · 2ᵏ steps and equal variances.
    let pink (own: float[]) component' (key: Rng) =
        let values, key =
            [ 0..11 ]
            |> List.mapFold
                (fun key k ->
                    let z, key = normal key
                    let place = 1 + 12 * component' + k
                    let kept = exp (-2.0 / 2.0 ** float k)
                    let moved = kept * own[place] + sqrt (1.0 - kept ** 2.0) * z
                    own[place] <- single (if own[0] = 1.0 then moved else z)
                    own[place], key)
                key

        PlainRates.start c.ExplorationDeviation * List.sum values / sqrt 12.0, key

    /// The noise on each number of a copy's action, and the stream that follows.
    member _.Draw(copy: int, key: Rng) : float[] * Rng =
        match c.Exploration with
        | ExplorationNoise.Normal ->
            [| 1..actions |]
            |> Array.mapFold
                (fun key _ ->
                    let z, key = normal key
                    PlainRates.start c.ExplorationDeviation * z, key)
                key
        | ExplorationNoise.OrnsteinUhlenbeck ->
            [| 0 .. actions - 1 |]
            |> Array.mapFold
                (fun key i ->
                    let z, key = normal key
                    let x = carried[copy][i]
                    let next = x - c.ExplorationPull * x * 0.01 + PlainRates.start c.ExplorationDeviation * 0.1 * z
                    carried[copy][i] <- single next
                    next, key)
                key
        | ExplorationNoise.Pink ->
            let drawn = [| 0 .. actions - 1 |] |> Array.mapFold (fun key i -> pink carried[copy] i key) key
            carried[copy][0] <- 1.0
            drawn
        | ExplorationNoise.Parameters -> Array.zeroCreate actions, key

    /// The copy's episode has ended.
    member _.End(copy: int) : unit = if width > 0 then carried[copy] <- Array.zeroCreate width

    /// What a state carries of it.
    member _.Arrays: (string * float[]) list = if width > 0 then [ "explorationNoise", Array.concat carried ] else []
