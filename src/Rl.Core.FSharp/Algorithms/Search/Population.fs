/// Judging many policies by their episodes: what the gradient-free methods share.
namespace Rl.Core.Algorithms

open System
open System.Collections.Generic
open Rl.Core.Acting
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks

/// What candidates did.
type internal PopulationResult =
    {
        /// The mean return of each candidate's episodes.
        Fitness: float[]
        /// The episodes that ended, by candidate, then by time.
        Episodes: EpisodeResult[]
        /// The state after acting, whose parameters are still to be moved.
        State: TrainingState
    }

/// What one candidate did.
[<Sealed>]
type internal CandidateResult() =
    /// Rewards less the bonus, over all episodes.
    member val Total = 0.0 with get, set
    member val Steps = 0 with get, set
    member val Ended = List<EpisodeResult>() with get

/// The steps of one copy as the returns of candidates, one after the other, each with some episodes.
[<Sealed>]
type internal FitnessSink(share: ActorShare, part: Part, copies: int, episodes: int, maxEpisodeSteps: int, bonus: float)
    =
    let seen = List<float32>()
    let mutable candidates: float32[][] = [||]
    let mutable results: CandidateResult[] = [||]
    let mutable index = 0
    let mutable left = 0
    let mutable length = 0

    /// All that was observed since `Start`, encoded, before normalisation.
    member _.Seen = seen

    /// Before the first step: the copy plays the candidates of its number, of its number + N, and so on.
    member _.Start(all: float32[][], into: CandidateResult[]) =
        candidates <- all
        results <- into
        index <- share.First - copies
        left <- 0
        seen.Clear()

    interface ISink with
        member _.NeedsFinals = false
        member _.Acts _ = true
        member _.Cut(_, _) = ()

        member _.Asks(share, _) =
            if left = 0 then
                index <- index + copies
                left <- episodes
                length <- 0

                if index < candidates.Length then
                    candidates[index].CopyTo(share.Theta.Slice part.First)

            index < candidates.Length

        member _.Before(share, _) =
            CollectionExtensions.AddRange(seen, share.Shown)
            true

        member _.After(share, _) =
            let result = results[index]
            result.Total <- result.Total + float share.Rewards[0] - bonus
            result.Steps <- result.Steps + 1
            length <- length + 1

            if share.EpisodeLengths[0] > 0 then
                result.Ended.Add { Return = share.EpisodeReturns[0]; Length = share.EpisodeLengths[0] }
                left <- left - 1
                length <- 0
            elif length >= maxEpisodeSteps then
                left <- left - 1
                length <- 0
                // The next candidate begins an episode of its own.
                share.Cut 0

/// Judges candidates, which are vectors of the policy's parameters: candidate i plays in copy i mod N, so that what
/// it meets depends neither on threads nor on how long others play. Not thread-safe.
[<Sealed>]
type internal Population
    (actor: Actor, environment: BatchEnvironment, episodes: int, maxEpisodeSteps: int, bonus: float, workers: Workers) =
    do
        environment.RequireSameStep()

        if environment.IsCoupled then
            Guard.fail
                (nameof environment)
                ($"{environment.Id} has wrappers that couple its copies, and candidates are judged copy by copy; "
                 + "leave out NormalizeObservation and NormalizeReward, or restore their statistics frozen.")

    let copies = environment.Count
    let actors = Actors(actor, None, Actor.layout actor, environment, Explorer.Mode, true, copies, workers)
    let part = Part.mode actor

    let sinks =
        actors.Shares
        |> Array.map (fun share -> FitnessSink(share, part, copies, episodes, maxEpisodeSteps, bonus))

    /// The mean returns of candidates, observations normalised with the state's statistics, which take in what was
    /// seen afterwards.
    member _.Evaluate(state: TrainingState, candidates: float32[][]) : PopulationResult =
        let results = Array.init candidates.Length (fun _ -> CandidateResult())

        for sink in sinks do
            sink.Start(candidates, results)

        let acted = actors.Collect(state, sinks |> Array.map (fun sink -> sink :> ISink))

        {
            Fitness = results |> Array.map (fun result -> result.Total / float episodes)
            Episodes = results |> Seq.collect _.Ended |> Seq.toArray
            State =
                { acted with
                    Steps = state.Steps + (results |> Array.sumBy (fun result -> int64 result.Steps))
                    Updates = state.Updates + 1L
                    Observations =
                        sinks
                        |> Array.fold
                            (fun statistics sink ->
                                if statistics.Size = 0 then
                                    statistics
                                else
                                    RunningStatistics.update (ReadOnlySpan(sink.Seen.ToArray())) statistics)
                            state.Observations
                }
        }

/// Searching a policy's parameters.
[<RequireQualifiedAccess>]
module internal Search =

    /// A policy for the environment's spaces.
    let network (options: NetworkOptions) (environment: BatchEnvironment) : Actor =
        NetworkOptions.actor 0.0 environment options

    /// The number of parameters of `network` for these spaces.
    let parameters (options: NetworkOptions) (observations: Space) (actions: Space) : int =
        (Actor.layout (NetworkOptions.actorOf 0.0 observations actions options)).Count

    /// The state before the first transition; with `fromZero`, all of the policy's parameters start at 0.
    let start actor environment normaliseObservations (fromZero: bool) : StateStart =
        let start = Learners.start (Actor.layout actor) environment normaliseObservations false

        { start with
            Initialise =
                fun arrays key ->
                    let state = start.Initialise arrays key
                    if fromZero then (Part.elements (Part.mode actor) state.Parameters).Clear()
                    state
        }

    /// Directions of standard normal numbers [count, n], direction i from the i-th stream of the key: struct
    /// (directions, the generator that follows).
    let directions (workers: Workers) (count: int) (n: int) (key: Rng) : struct (float32[][] * Rng) =
        let struct (keys, key) = Rng.splitMany count key
        let directions = Array.init count (fun _ -> Array.zeroCreate<float32> n)

        workers.Run(
            count,
            fun index ->
                let mutable rng = keys[index]
                let direction = directions[index]

                for i in 0 .. n - 1 do
                    let struct (value, next) = Rng.normal rng
                    rng <- next
                    direction[i] <- float32 value
        )

        struct (directions, key)

    /// The directions with 0 for what of a part of θ is frozen, where candidates then do not differ.
    let still (frozen: FrozenBlock list) (part: Part) (directions: float32[][]) : float32[][] =
        if not frozen.IsEmpty then
            let zeros = Array.zeroCreate<float32> part.Layout.Count

            for direction in directions do
                FrozenBlocks.keep frozen part.First part.Layout (ReadOnlySpan zeros) (Span direction)

        directions

    /// policy + scale · direction.
    let moved (policy: float32[]) (scale: float32) (direction: float32[]) : float32[] =
        Array.map2 (fun value step -> value + scale * step) policy direction

    /// θ + scale·d₀, θ − scale·d₀, θ + scale·d₁, …: two candidates a direction.
    let mirrored (policy: float32[]) (scale: float) (directions: float32[][]) : float32[][] =
        Array.init (2 * directions.Length) (fun index ->
            let sign = if index % 2 = 0 then 1.0f else -1.0f
            moved policy (sign * float32 scale) directions[index / 2])

    /// Σ wᵢ dᵢ, in the order of the directions.
    let combine (weights: float[]) (directions: float32[][]) : float[] =
        let sum = Array.zeroCreate<float> directions[0].Length

        for index in 0 .. directions.Length - 1 do
            for i in 0 .. sum.Length - 1 do
                sum[i] <- sum[i] + weights[index] * float (directions[index][i])

        sum

    /// √ of the mean squared distance from the mean.
    let deviation (values: float[]) =
        let mean = Array.average values
        sqrt (values |> Array.averageBy (fun value -> (value - mean) * (value - mean)))

    /// What to report of a transition.
    let report (result: PopulationResult) (metrics: struct (string * float)[]) : Report =
        {
            Steps = result.State.Steps
            Updates = result.State.Updates
            Episodes = result.Episodes
            Metrics =
                Array.append
                    [|
                        struct ("meanReturn", Array.average result.Fitness)
                        struct ("bestReturn", Array.max result.Fitness)
                    |]
                    metrics
        }
