/// Hindsight: drawn transitions told again as if what was reached later had been the goal (Andrychowicz et al. 2017).
namespace Rl.Core.Experience

open System
open Rl.Core.Environments
open Rl.Core.Foundations

/// The reward of a step that led to `achieved` where `desired` was the goal.
type GoalReward = delegate of achieved: ReadOnlySpan<float32> * desired: ReadOnlySpan<float32> -> float32

/// Where the goals stand in an encoded observation.
type GoalSpace =
    {
        /// The first number of what was reached.
        Achieved: int
        /// The first number of what was to be reached.
        Desired: int
        /// The numbers of a goal.
        Size: int
    }

/// Observations with goals.
[<RequireQualifiedAccess>]
module GoalSpace =

    /// The names that Gymnasium's robots have for the parts of an observation.
    [<Literal>]
    let AchievedName = "achieved_goal"

    /// The name of the part that says what is to be reached.
    [<Literal>]
    let DesiredName = "desired_goal"

    /// The goals of a space: a dictionary with the entries `achieved_goal` and `desired_goal`, which are the same
    /// space.
    let ofSpace (space: Space) : GoalSpace =
        let entries =
            match space with
            | Space.Dict entries -> entries
            | _ -> []

        let offsets = entries |> List.scan (fun offset (_, part) -> offset + Space.encodedSize part) 0

        let find name =
            match entries |> List.tryFindIndex (fun (known, _) -> known = name) with
            | Some index -> struct (offsets[index], snd entries[index])
            | None ->
                Guard.fail
                    (nameof space)
                    ("Hindsight needs observations that are a Dict with the entries "
                     + $"observation, {AchievedName} and {DesiredName}; this one is {space}.")

        let struct (achieved, achievedSpace) = find AchievedName
        let struct (desired, desiredSpace) = find DesiredName

        if
            achievedSpace.Shape <> desiredSpace.Shape
            || Space.encodedSize achievedSpace <> Space.encodedSize desiredSpace
        then
            Guard.fail
                (nameof space)
                ($"A goal that is achieved, {achievedSpace}, must be able to be "
                 + $"one that is desired, {desiredSpace}: give both the same space.")

        { Achieved = achieved; Desired = desired; Size = Space.encodedSize achievedSpace }

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
/// whole episodes get one. Whether a step ended the episode stays as it was. Not thread-safe.
[<Sealed>]
type Hindsight(columns: TransitionColumns, goals: GoalSpace, reward: GoalReward, choice: GoalChoice, ratio: float) =
    do Guard.inRange (nameof ratio) 0.0 1.0 ratio
    let next = Array.zeroCreate<float32> columns.NextObservations.Numbers
    let goal = Array.zeroCreate<float32> goals.Size
    let places = ReplayPlaces [ columns.NextObservations ]

    do
        let size = columns.Observations.Numbers

        if goals.Achieved + goals.Size > size || goals.Desired + goals.Size > size then
            Guard.fail (nameof goals) $"Goals of {goals.Size} numbers lie outside observations of {size}."

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
        let achieved = ReadOnlySpan<float32>(next, goals.Achieved, goals.Size)
        achieved.CopyTo(Span goal)

        for column in [| columns.Observations; columns.NextObservations |] do
            achieved.CopyTo(Span(samples[column], index * size + goals.Desired, goals.Size))

        let first = batch.Rows[index]
        let count = (batch.LastRows[index] - first) / replay.Copies + 1

        let rewardOf k =
            replay.Unpack(place, first + k * replay.Copies, Span next)
            float (reward.Invoke(ReadOnlySpan(next, goals.Achieved, goals.Size), ReadOnlySpan goal))

        samples[columns.Rewards].[index] <- float32 (MultiStep.total batch.MultiStep.Discount count rewardOf)

    /// Gives `ratio` of a batch's transitions, spread evenly over it, other goals; the generator that follows.
    member this.Relabel(batch: TransitionBatch, replay: Replay, key: Rng) : Rng =
        let mutable key = key

        for index in 0 .. batch.Size - 1 do
            if Math.Floor(float (index + 1) * ratio) > Math.Floor(float index * ratio) then
                let struct (goalRow, following) = this.Choose(replay, batch.Rows[index], key)
                key <- following
                if goalRow >= 0 then this.Relabel(batch, replay, index, goalRow)

        key
