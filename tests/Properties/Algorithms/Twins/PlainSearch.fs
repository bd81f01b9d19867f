/// The twins that search: CEM, ARS, ES.
module Rl.Tests.Algorithms.Twins.PlainSearch

open System
open Rl.Core.Acting
open Rl.Core.Algorithms
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning

/// What candidates earned.
type private Trial =
    {
        /// The mean return of each.
        Fitness: float[]
        Observations: PlainStatistics
        Steps: int64
    }

/// The parameters that a search moves: all but ln σ.
let private searched (network: PlainNetwork) =
    let struct (first, count) = network.Deviations
    [| 0 .. network.Count - 1 |] |> Array.filter (fun i -> i < first || i >= first + count)

/// Candidate i plays in copy i mod N, one after the other, each some episodes of no more than so many steps; it takes
/// the most probable actions. A bonus is subtracted from each reward.
let private trial (c: CandidateOptions) (bonus: float) (view: TwinView) (candidates: float[][]) : Trial =
    let network, world = view.Network, TwinWorld(view.Environment, view.State)
    let statistics = PlainStatistics.ofRunning view.State.Observations
    let fitness = Array.zeroCreate<float> candidates.Length
    let seen = ResizeArray<float[]>()

    let playEpisode copy (theta: Scalar[]) =
        let rec go steps total =
            let raw = world.Present copy
            seen.Add raw
            let mask = world.Mask(copy, PlainExperience.choicesOf network)
            let policy = PlainNetwork.policy network theta (PlainStatistics.normalise statistics raw) mask
            let struct (reward, terminated, truncated, _) = world.Step(copy, PlainExperience.mode policy)
            let total = total + reward - bonus

            if terminated || truncated then
                total
            elif steps + 1 >= c.MaxEpisodeSteps then
                world.Cut copy
                total
            else
                go (steps + 1) total

        go 0 0.0

    for copy in 0 .. world.Copies - 1 do
        for index in copy .. world.Copies .. candidates.Length - 1 do
            let theta = view.Theta
            Array.iter2 (fun place value -> theta[place] <- value) (searched network) candidates[index]
            let theta = Array.map Scalar.constant theta
            fitness[index] <- Seq.average [ for _ in 1 .. c.EpisodesPerCandidate -> playEpisode copy theta ]

    {
        Fitness = fitness
        Observations = PlainStatistics.add (seen.ToArray()) statistics
        Steps = int64 seen.Count
    }

/// Standard normal vectors of the length of what is searched, each from a stream of its own.
let private directions (view: TwinView) count : float[][] =
    let struct (keys, _) = Rng.splitMany count view.State.Key

    keys
    |> Array.map (fun key ->
        searched view.Network
        |> Array.mapFold
            (fun key _ ->
                let struct (noise, key) = Rng.normal key
                noise, key)
            key
        |> fst)

let private own (view: TwinView) = searched view.Network |> Array.map (fun place -> view.Theta[place])

let private finish (view: TwinView) drawn (trial: Trial) (moved: float[]) arrays metrics : Expected =
    let theta = view.Theta
    let struct (_, key) = Rng.splitMany drawn view.State.Key
    Array.iter2 (fun place value -> theta[place] <- value) (searched view.Network) moved

    {
        Theta = theta
        Arrays = arrays
        Observations = trial.Observations
        Rewards = PlainStatistics.ofRunning view.State.Rewards
        DiscountedReturns = view.State.DiscountedReturns
        Key = key
        ActionKeys = view.State.ActionKeys
        Metrics =
            [
                "meanReturn", Array.average trial.Fitness
                "bestReturn", Array.max trial.Fitness
                "steps", float trial.Steps
            ]
            @ metrics
    }

/// The cross-entropy method: policies drawn around θ; θ and σ become mean and deviation of the best, whose variance is
/// raised by noise that falls to 0 (Szita and Lőrincz 2006).
let cem (c: CemOptions) (view: TwinView) : Expected =
    let deviation = view.State.Array "deviation" |> Array.map float
    let mean = own view

    let candidates =
        directions view c.Population
        |> Array.map (Array.mapi (fun i noise -> mean[i] + deviation[i] * noise))

    let trial = trial c.Candidates 0.0 view candidates
    let elite = max 2 (int (round (c.EliteFraction * float c.Population)))

    let best =
        Array.zip candidates trial.Fitness
        |> Array.sortByDescending snd
        |> Array.take elite
        |> Array.map fst

    let average f = Array.init mean.Length (fun i -> best |> Array.averageBy (fun candidate -> f i candidate))
    let moved = average (fun i candidate -> candidate[i])
    let variance = average (fun i candidate -> (candidate[i] - moved[i]) ** 2.0)
    // The update of number u = 0, 1, …: all of the noise at the first, none from `ExtraDeviationUpdates` on.
    let left = max 0.0 (1.0 - float view.State.Updates / float c.ExtraDeviationUpdates)
    let next = variance |> Array.map (fun variance -> sqrt (variance + c.ExtraDeviation ** 2.0 * left))
    finish view c.Population trial moved [ "deviation", next ] [ "deviation", Array.average next ]

/// θ ± σ ε.
let private mirrored (view: TwinView) (deviation: float) (directions: float[][]) =
    let theta = own view

    directions
    |> Array.collect (fun direction ->
        [| for sign in [ 1.0; -1.0 ] -> Array.map2 (fun x noise -> x + sign * deviation * noise) theta direction |])

/// Augmented random search: θ + α / (b σ_R) Σ (r⁺ − r⁻) δ over the b directions of the largest max(r⁺, r⁻), σ_R the
/// deviation of their returns (Mania et al. 2018, algorithm 2).
let ars (c: ArsOptions) (view: TwinView) : Expected =
    let directions = directions view c.Directions
    let trial = trial c.Candidates c.AliveBonus view (mirrored view (PlainRates.start c.Deviation) directions)
    let top = if c.TopDirections = 0 then c.Directions else c.TopDirections

    let best =
        Array.zip directions (Array.chunkBySize 2 trial.Fitness)
        |> Array.sortByDescending (fun (_, returns) -> Array.max returns)
        |> Array.take top

    let returns = best |> Array.collect snd
    let mean = Array.average returns
    let deviation = sqrt (returns |> Array.averageBy (fun value -> (value - mean) ** 2.0))

    let moved =
        own view
        |> Array.mapi (fun i x ->
            let sum = best |> Array.sumBy (fun (direction, returns) -> (returns[0] - returns[1]) * direction[i])
            x + PlainRates.start c.LearningRate / (float top * (deviation + 1e-8)) * sum)

    finish view c.Directions trial moved [] [ "returnDeviation", deviation ]

/// Evolution strategies: Adam with an L2 penalty along −1/(2nσ) Σ (u⁺ − u⁻) ε, u the returns' ranks from −½ to ½
/// (Salimans et al. 2017).
let es (c: EsOptions) (view: TwinView) : Expected =
    let directions = directions view c.Directions
    let trial = trial c.Candidates 0.0 view (mirrored view (PlainRates.start c.Deviation) directions)
    let sorted = Array.sort trial.Fitness

    // Equal returns share the mean of their ranks.
    let rank value =
        let first, last = Array.IndexOf(sorted, value), Array.LastIndexOf(sorted, value)
        float (first + last) / 2.0 / float (sorted.Length - 1) - 0.5

    let ranks = trial.Fitness |> Array.map rank |> Array.chunkBySize 2

    let gradient =
        Array.init directions[0].Length (fun i ->
            let sum = Array.map2 (fun (u: float[]) (noise: float[]) -> (u[0] - u[1]) * noise[i]) ranks directions
            -(Array.sum sum) / (2.0 * float c.Directions * PlainRates.start c.Deviation))

    let adam = PlainAdam("optimiser", PlainRates.start c.LearningRate, 1e-8, view.State)
    let theta = own view
    let penalised = Array.map2 (fun g x -> g + c.WeightDecay * x) gradient theta
    finish view c.Directions trial (adam.Step(theta, penalised)) adam.Arrays [ "gradientNorm", Gradient.norm gradient ]
