/// Hindsight: drawn transitions told again as if what was reached later had been the goal (Andrychowicz et al. 2017).
namespace Rl.Core.Experience

open System
open Rl.Core.Environments
open Rl.Core.Foundations

/// Which step of its episode gives a transition another goal: what that step led to.
[<RequireQualifiedAccess>]
type GoalChoice =
    /// Any step from the transition's own on, all alike.
    | Future
    /// The last.
    | Final
    /// Any of the episode, all alike.
    | Episode

/// Gives a part of drawn transitions other goals: the desired goal in observation and next observation becomes what a
/// step of the same episode led to, and the rewards are computed anew, that of each of n steps. Only transitions of
/// whole episodes get one. Where it is known which goals terminate an episode, so is whether the next state's value
/// counts: it does not from the first of n steps on that reaches the new goal, and it does again after a step that
/// terminated because it had reached the old one. Not thread-safe.
[<Sealed>]
type Hindsight
    private
    (
        columns: TransitionColumns,
        goals: GoalSpace,
        reward: GoalReward,
        terminates: GoalTermination voption,
        choice: GoalChoice,
        ratio: float
    ) =
    do Guard.inRange (nameof ratio) 0.0 1.0 ratio
    let next = Array.zeroCreate<float32> columns.NextObservations.Numbers
    let goal = Array.zeroCreate<float32> goals.Size
    let places = ReplayPlaces [ columns.NextObservations ]
    let mutable rewards: float[] = [||]

    /// What the step that `next` was led to by had reached, and what it was to reach.
    let achieved () = ReadOnlySpan<float32>(next, goals.Achieved, goals.Size)
    let desired () = ReadOnlySpan<float32>(next, goals.Desired, goals.Size)

    do
        let size = columns.Observations.Numbers

        if goals.Achieved + goals.Size > size || goals.Desired + goals.Size > size then
            Guard.fail (nameof goals) $"Goals of {goals.Size} numbers lie outside observations of {size}."

    /// Gives the states between of transition `index` the goal, and takes away what those from step `taken` on count.
    let relabelBetween (batch: TransitionBatch) index taken =
        let observations, discounts = batch.ObservationsBetween, batch.DiscountsBetween
        let count = discounts.Length / batch.Size

        for place in index * count .. (index + 1) * count - 1 do
            ReadOnlySpan(goal).CopyTo(Span(observations, place * next.Length + goals.Desired, goals.Size))
            if place - index * count >= taken - 1 then discounts[place] <- 0.0f

    /// Of the goals that an environment offers (`BatchEnvironment.RequireGoals`).
    new(columns: TransitionColumns, task: GoalTask, choice: GoalChoice, ratio: float) =
        Hindsight(columns, task.Space, task.Reward, ValueSome task.Terminates, choice, ratio)

    /// Of goals of which only the reward is known: whether a step ended the episode stays as it was, as in other
    /// libraries.
    new(columns: TransitionColumns, goals: GoalSpace, reward: GoalReward, choice: GoalChoice, ratio: float) =
        Hindsight(columns, goals, reward, ValueNone, choice, ratio)

    /// The ratio at which `perReal` transitions with other goals come with a real one: 1 − 1 / (perReal + 1).
    static member RatioOf(perReal: int) : float =
        Guard.notNegative (nameof perReal) perReal
        1.0 - 1.0 / (float perReal + 1.0)

    /// The row whose next achieved goal a row may have as its goal, and the generator that follows; −1 where its
    /// episode is not whole.
    member _.Choose(replay: Replay, row: int, key: Rng) : struct (int * Rng) =
        match replay.WholeEpisode row with
        | ValueNone -> struct (-1, key)
        | ValueSome(struct (first, last)) ->
            let copies = replay.Copies

            match choice with
            | GoalChoice.Final -> struct (last, key)
            | GoalChoice.Future ->
                let struct (ahead, key) = Rng.below ((last - row) / copies + 1) key
                struct (row + ahead * copies, key)
            | GoalChoice.Episode ->
                let struct (step, key) = Rng.below ((last - first) / copies + 1) key
                struct (first + step * copies, key)

    /// Gives transition `index` of a batch the goal that row `goalRow` led to.
    member _.Relabel(batch: TransitionBatch, replay: Replay, index: int, goalRow: int) : unit =
        let place = (places.Of replay).[0]
        let samples, size = batch.Samples, next.Length
        replay.Unpack(place, goalRow, Span next)
        (achieved ()).CopyTo(Span goal)
        let first = batch.Rows[index]
        let count = (batch.LastRows[index] - first) / replay.Copies + 1

        if rewards.Length < count then
            rewards <- Array.zeroCreate<float> batch.MultiStep.Steps

        let mutable taken = 0
        let mutable isReached = false

        while taken < count && not isReached do
            replay.Unpack(place, first + taken * replay.Copies, Span next)
            rewards[taken] <- float (reward.Invoke(achieved (), ReadOnlySpan goal))
            taken <- taken + 1

            match terminates with
            | ValueSome terminates -> isReached <- terminates.Invoke(achieved (), ReadOnlySpan goal)
            | ValueNone -> ()

        samples[columns.Rewards].[index] <-
            float32 (MultiStep.total batch.MultiStep.RewardDiscount taken (fun k -> rewards[k]))

        match terminates with
        | ValueSome terminates ->
            let hadReached = samples[columns.Continues].[index] = 0.0f && terminates.Invoke(achieved (), desired ())

            if isReached then
                samples[columns.Continues].[index] <- 0.0f
                samples[DrawnColumns.discounts].[index] <- 0.0f
            elif hadReached then
                samples[columns.Continues].[index] <- 1.0f
                samples[DrawnColumns.discounts].[index] <- float32 (batch.MultiStep.Power taken)
        | ValueNone -> ()

        relabelBetween batch index taken
        next.CopyTo(samples[columns.NextObservations], index * size)

        for column in [| columns.Observations; columns.NextObservations |] do
            ReadOnlySpan(goal).CopyTo(Span(samples[column], index * size + goals.Desired, goals.Size))

    /// Gives `ratio` of a batch's transitions, spread evenly over it, other goals; the generator that follows.
    member this.Relabel(batch: TransitionBatch, replay: Replay, key: Rng) : Rng =
        let mutable key = key

        for index in 0 .. batch.Size - 1 do
            if Math.Floor(float (index + 1) * ratio) > Math.Floor(float index * ratio) then
                let struct (goalRow, following) = this.Choose(replay, batch.Rows[index], key)
                key <- following
                if goalRow >= 0 then this.Relabel(batch, replay, index, goalRow)

        key
