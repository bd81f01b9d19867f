/// What is noted of steps beside the steps themselves: statistics of observations and returns, and episodes that ended.
namespace Rl.Core.Algorithms

open System
open System.Collections.Generic
open Rl.Core.Experience
open Rl.Core.Learning

/// Which copies act here, of all copies of a learner.
[<Struct>]
type internal CopyPlace =
    {
        /// The first, among all.
        First: int
        /// N: how many there are of all.
        Copies: int
    }

/// Vector steps of some copies, in the order of time, then of copy.
[<NoEquality; NoComparison>]
type internal NotedSteps =
    {
        /// Encoded, before normalisation; empty where nobody normalises.
        Observations: float32[]
        Rewards: float32[]
        /// Of episodes that ended in the step.
        EpisodeReturns: float[]
        /// Of episodes that ended in the step; 0 elsewhere.
        EpisodeLengths: int[]
    }

/// The running notes of N copies that take T vector steps at a time. Observations are noted where they are
/// normalised, discounted returns where there is a discount. Not thread-safe.
[<Sealed>]
type internal StepRecords(copies: int, vectorSteps: int, normalise: bool, rewardDiscount: float voption) =
    let mutable statistics = RunningStatistics.create 0
    let mutable returns: float[] = [||]
    let mutable returnStatistics = RunningStatistics.create 0
    let episodes = List<EpisodeResult>()

    let addEpisodes (rows: NotedSteps) =
        for index in 0 .. rows.EpisodeLengths.Length - 1 do
            if rows.EpisodeLengths[index] > 0 then
                episodes.Add { Return = rows.EpisodeReturns[index]; Length = rows.EpisodeLengths[index] }

    /// Takes the discounted returns up to each step in.
    let addReturns (rows: NotedSteps) (discount: float) =
        for t in 0 .. vectorSteps - 1 do
            for n in 0 .. copies - 1 do
                returns[n] <- returns[n] * discount + float rows.Rewards[t * copies + n]

            returnStatistics <- RunningStatistics.updateExact (ReadOnlySpan returns) returnStatistics

            for n in 0 .. copies - 1 do
                if rows.EpisodeLengths[t * copies + n] > 0 then returns[n] <- 0.0

    /// Of observations so far; of size 0 when they are not normalised.
    member _.Statistics = statistics
    /// 1 over the standard deviation of the discounted returns so far, where rewards are normalised.
    member _.RewardScale = float32 (1.0 / Math.Sqrt(RunningStatistics.variance 0 returnStatistics + 1e-8))
    /// Those that ended since `Begin`, in order of time, then of copy.
    member _.Episodes = episodes.ToArray()

    /// Goes on from a state.
    member _.Begin(state: TrainingState) : unit =
        statistics <- state.Observations
        returns <- Array.copy state.DiscountedReturns
        returnStatistics <- state.Rewards
        episodes.Clear()

    /// Goes on with statistics of others, and forgets the episodes.
    member _.Know(known: RunningStatistics) : unit =
        statistics <- known
        episodes.Clear()

    /// Notes T vector steps of all copies.
    member _.Add(rows: NotedSteps) : unit =
        addEpisodes rows
        rewardDiscount |> ValueOption.iter (addReturns rows)

        if normalise then
            statistics <- RunningStatistics.update (ReadOnlySpan rows.Observations) statistics

    /// The state with what was noted.
    member _.End(state: TrainingState) : TrainingState =
        { state with Observations = statistics; Rewards = returnStatistics; DiscountedReturns = returns }
