/// Judging many policies by their episodes: what the gradient-free methods share.
namespace Rl.Core.Algorithms

open System
open System.Collections.Generic
open System.Runtime.InteropServices
open Rl.Core.Acting
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks

/// What a candidate is judged by.
type internal CandidateTrial =
    {
        Episodes: int
        /// An episode counts for no more than this many steps.
        MaxEpisodeSteps: int
        /// Subtracted from each reward.
        Bonus: float
    }

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

/// What copies brought.
type internal CandidatesJudged =
    {
        /// By candidate; those that other copies play have done nothing.
        Results: CandidateResult[]
        /// What each copy has seen, in their order; of no components where nobody asks.
        Seen: RunningStatistics[]
        /// The state with the copies as they are afterwards.
        Acted: TrainingState
    }

/// Copies of an environment that act elsewhere, in other processes, and judge all candidates.
type internal ICandidatesElsewhere =
    /// Is told that a learner will have candidates judged by it.
    abstract Bound: unit -> unit

    /// What all copies bring.
    abstract Judge:
        actor: Actor * trial: CandidateTrial * state: TrainingState * seeds: CandidateSeeds -> CandidatesJudged

/// The steps of one copy as the returns of candidates, one after the other, each with some episodes.
[<Sealed>]
type internal FitnessSink(share: ActorShare, part: Part, trial: CandidateTrial) =
    let seen = List<float32>()
    let mutable candidates: ICandidates voption = ValueNone
    let mutable results: CandidateResult[] = [||]
    let mutable observes = false
    let mutable stride = 0
    let mutable index = 0
    let mutable left = 0
    let mutable length = 0

    /// The statistics of all that was observed since `Start`, encoded, before normalisation.
    member _.Seen: RunningStatistics =
        let seen = CollectionsMarshal.AsSpan seen
        RunningStatistics.ofBatch (if observes then share.ObservationSize else 0) (Span.op_Implicit seen)

    /// Before the first step. The copy, which is number `copy` of `copies`, plays the candidates of its number, of its
    /// number + N, and so on.
    member _.Start(all: ICandidates, copy: int, copies: int, observing: bool, into: CandidateResult[]) =
        candidates <- ValueSome all
        results <- into
        observes <- observing
        stride <- copies
        index <- copy - copies
        left <- 0
        seen.Clear()

    interface ISink with
        member _.NeedsFinals = false
        member _.Acts _ = true
        member _.Cut(_, _) = ()

        member _.Asks(share, _) =
            let candidates = candidates.Value

            if left = 0 then
                index <- index + stride
                left <- trial.Episodes
                length <- 0

                if index < candidates.Count then
                    candidates.Write(index, share.Theta.Slice(part.First, part.Layout.Count))

            index < candidates.Count

        member _.Before(share, _) =
            if observes then CollectionExtensions.AddRange(seen, share.Shown)
            true

        member _.After(share, _) =
            let result = results[index]
            result.Total <- result.Total + float share.Rewards[0] - trial.Bonus
            result.Steps <- result.Steps + 1
            length <- length + 1

            if share.EpisodeLengths[0] > 0 then
                result.Ended.Add { Return = share.EpisodeReturns[0]; Length = share.EpisodeLengths[0] }
                left <- left - 1
                length <- 0
            elif length >= trial.MaxEpisodeSteps then
                left <- left - 1
                length <- 0
                // The next candidate begins an episode of its own.
                share.Cut 0

/// Copies of an environment that judge candidates, which are vectors of the policy's parameters: candidate i plays in
/// copy i mod N, so that what it meets depends neither on threads nor on how long others play. The batch may be some
/// of N copies. Not thread-safe.
[<Sealed>]
type internal Judges(actor: Actor, environment: BatchEnvironment, trial: CandidateTrial, workers: Workers) =
    let actors = Actors(actor, None, Actor.layout actor, environment, Explorer.Mode, true, environment.Count, workers)
    let part = Part.mode actor
    let sinks = actors.Shares |> Array.map (fun share -> FitnessSink(share, part, trial))

    /// What the batch's copies, those from `first` on of `copies`, bring; observations are normalised with the state's
    /// statistics.
    member _.Judge(state: TrainingState, candidates: ICandidates, first: int, copies: int) : CandidatesJudged =
        let results = Array.init candidates.Count (fun _ -> CandidateResult())
        let observes = state.Observations.Size > 0

        for share in 0 .. sinks.Length - 1 do
            sinks[share].Start(candidates, first + share, copies, observes, results)

        let acted = actors.Collect(state, sinks |> Array.map (fun sink -> sink :> ISink))
        { Results = results; Seen = sinks |> Array.map _.Seen; Acted = acted }

/// Judges candidates in the copies of an environment, here or wherever they act. Not thread-safe.
[<Sealed>]
type internal Population(actor: Actor, environment: BatchEnvironment, trial: CandidateTrial, workers: Workers) =
    do
        environment.RequireSameStep()

        if environment.IsCoupled then
            Guard.fail
                (nameof environment)
                ($"{environment.Id} has wrappers that couple its copies, and candidates are judged copy by copy; "
                 + "leave out NormalizeObservation and NormalizeReward, or restore their statistics frozen.")

    let judge: TrainingState -> CandidateSeeds -> float32[][] -> CandidatesJudged =
        match box environment with
        | :? ICandidatesElsewhere as copies ->
            copies.Bound()
            fun state seeds _ -> copies.Judge(actor, trial, state, seeds)
        | _ ->
            let judges = Judges(actor, environment, trial, workers)

            fun state seeds directions -> judges.Judge(state, Candidates.along seeds directions, 0, environment.Count)

    /// The mean returns of candidates, whose directions have been drawn; observations are normalised with the state's
    /// statistics, which take in what was seen afterwards, copy by copy.
    member _.Evaluate(state: TrainingState, seeds: CandidateSeeds, directions: float32[][]) : PopulationResult =
        let judged = judge state seeds directions
        let results = judged.Results

        {
            Fitness = results |> Array.map (fun result -> result.Total / float trial.Episodes)
            Episodes = results |> Seq.collect _.Ended |> Seq.toArray
            State =
                { judged.Acted with
                    Steps = state.Steps + (results |> Array.sumBy (fun result -> int64 result.Steps))
                    Updates = state.Updates + 1L
                    Observations =
                        judged.Seen
                        |> Array.fold (fun statistics seen -> RunningStatistics.join seen statistics) state.Observations
                }
        }

/// Searching a policy's parameters.
[<RequireQualifiedAccess>]
module internal Search =

    /// A policy for the environment's spaces.
    let network (options: NetworkOptions) (environment: BatchEnvironment) : Actor =
        NetworkOptions.actor 0.0 environment options

    /// What candidates are judged by, of their options.
    let trial (options: CandidateOptions) (bonus: float) : CandidateTrial =
        {
            Episodes = options.EpisodesPerCandidate
            MaxEpisodeSteps = options.MaxEpisodeSteps
            Bonus = bonus
        }

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
