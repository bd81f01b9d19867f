/// Goals in hindsight: of the same, whole episode only, and from all that may be.
[<FsCheck.Xunit.Properties(Replay = "(4719071,4719073)", MaxTest = 60)>]
module Rl.Tests.Experience.HindsightTests

#nowarn "3391" // arrays convert to spans

open System
open FsCheck.Xunit
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Training
open Xunit
open Rl.Tests.Experience.ReplayEpisodes

let private goals: GoalSpace = { Achieved = 1; Desired = 2; Size = 1 }
let private reward = GoalReward(fun achieved desired -> -abs(achieved[0] - desired[0]))

[<Property>]
let ``hindsight takes goals of the same episode only, and of whole ones only`` (seed: uint64, copies: byte, n: byte) =
    let copies, n = int copies % 3 + 1, int n % 4 + 1
    let steps = walk copies 50 (Rng.create seed)
    let kept = newest (41 * copies) steps
    let replay = Replay.ofPlan compact copies (41 * copies) |> Replay.append (data steps)
    let real = TransitionBatch(columns, [], replay.Count, n, 0.9)
    real.Read(replay, ReadOnlySpan(every replay))

    [ GoalChoice.Future; GoalChoice.Final; GoalChoice.Episode ]
    |> List.forall (fun choice ->
        let hindsight = Hindsight(columns, goals, reward, choice, 0.75)
        let batch = TransitionBatch(columns, [], replay.Count, n, 0.9)
        batch.Read(replay, ReadOnlySpan(every replay))
        hindsight.Relabel(batch, replay, Rng.create seed) |> ignore

        Seq.forall
            (fun row ->
                let own (samples: Samples) (column: Column) =
                    Array.sub samples[column] (row * column.Numbers) column.Numbers

                let seen = own batch.Samples columns.Observations
                let original = own real.Samples columns.Observations
                let goal = seen[2]
                let isRelabelled = row % 4 <> 0 && (replay.WholeEpisode row).IsSome

                let reached =
                    [
                        for other in row % copies .. copies .. kept.Length - 1 do
                            let isSame = kept[other].Episode = kept[row].Episode

                            let isChosen =
                                match choice with
                                | GoalChoice.Future -> other >= row
                                | GoalChoice.Final -> isLast kept[other]
                                | GoalChoice.Episode -> true

                            if isSame && isChosen then kept[other].Next[1]
                    ]

                let count = (batch.LastRows[row] - row) / copies + 1

                let total =
                    Seq.sum (
                        seq {
                            for k in 0 .. count - 1 do
                                Math.Pow(0.9, float k) * -float(abs (kept[row + k * copies].Next[1] - goal))
                        }
                    )

                // All but the goal is as it was.
                Array.removeAt 2 seen = Array.removeAt 2 original
                && own batch.Samples DrawnColumns.discounts = own real.Samples DrawnColumns.discounts
                && (if isRelabelled then
                        List.contains goal reached
                        && (own batch.Samples columns.NextObservations)[2] = goal
                        && abs (float batch.Samples[columns.Rewards].[row] - total) < 1e-3
                    else
                        own batch.Samples columns.NextObservations = own real.Samples columns.NextObservations
                        && seen = original
                        && batch.Samples[columns.Rewards].[row] = real.Samples[columns.Rewards].[row]))
            (every replay))

[<Fact>]
let ``hindsight's goals are drawn from all that may be`` () =
    // One episode of five steps.
    let steps =
        Array.init 5 (fun row ->
            {
                Observation = Array.create 4 (float32 row)
                Reward = 0.0f
                Next = Array.create 4 (float32 row + 1.0f)
                Terminated = (row = 4)
                Truncated = false
                Episode = 0
            })

    let replay = Replay.ofPlan compact 1 10 |> Replay.append (data steps)

    let drawn choice row =
        let hindsight = Hindsight(columns, goals, reward, choice, 1.0)
        let mutable key = Rng.create 5UL

        [
            for _ in 1..200 do
                let struct (goal, next) = hindsight.Choose(replay, row, key)
                key <- next
                goal
        ]
        |> List.distinct
        |> List.sort

    Assert.Equal<int list>([ 2; 3; 4 ], drawn GoalChoice.Future 2)
    Assert.Equal<int list>([ 4 ], drawn GoalChoice.Final 2)
    Assert.Equal<int list>([ 0; 1; 2; 3; 4 ], drawn GoalChoice.Episode 2)

/// Five steps that reach 1 … 5, the last of them terminal; relabelled with the goal that a row led to, by a task whose
/// successes terminate: struct (the reward, the discount, whether it continues) of a row's up to n steps.
let private told (desired: float32) n row goalRow =
    let observation value = [| value; value; desired; 0.0f |]

    let steps =
        Array.init 5 (fun row ->
            {
                Observation = observation (float32 row)
                Reward = -1.0f
                Next = observation (float32 row + 1.0f)
                Terminated = (row = 4)
                Truncated = false
                Episode = 0
            })

    let task: GoalTask =
        {
            Space = goals
            Reward = GoalReward(fun achieved desired -> if achieved[0] = desired[0] then 0.0f else -1.0f)
            Terminates = GoalTermination(fun achieved desired -> achieved[0] = desired[0])
        }

    let replay = Replay.ofPlan compact 1 10 |> Replay.append (data steps)
    let batch = TransitionBatch(columns, [], 1, n, 0.5)
    batch.Read(replay, ReadOnlySpan [| row |])
    Hindsight(columns, task, GoalChoice.Episode, 1.0).Relabel(batch, replay, 0, goalRow)
    let number (column: Column) = batch.Samples[column].[0]
    Assert.Equal(float32 goalRow + 1.0f, batch.Samples[columns.NextObservations].[goals.Desired])
    struct (number columns.Rewards, number DrawnColumns.discounts, number columns.Continues)

[<Fact>]
let ``a goal that terminates episodes ends the steps that reach it, and one that is not reached any more does not`` () =
    // Not reached: as before.
    Assert.Equal(struct (-1.0f, 0.5f, 1.0f), told 5.0f 1 1 2)
    // Reached by the second of three steps: two count, and no value.
    Assert.Equal(struct (-1.0f, 0.0f, 0.0f), told 5.0f 3 1 2)
    Assert.Equal(struct (0.0f, 0.0f, 0.0f), told 5.0f 1 4 4)
    // The last step terminated because it reached its goal; with another one there is more to come.
    Assert.Equal(struct (-1.0f, 0.5f, 1.0f), told 5.0f 1 4 1)
    Assert.Equal(struct (-1.5f, 0.25f, 1.0f), told 5.0f 2 3 0)
    // It terminated for another reason.
    Assert.Equal(struct (-1.0f, 0.0f, 0.0f), told 9.0f 1 4 1)

[<Fact>]
let ``goals in hindsight reach the states between too, and those after the goal count nothing`` () =
    let steps =
        Array.init 5 (fun row ->
            {
                Observation = [| float32 row; float32 row; 9.0f; 0.0f |]
                Reward = -1.0f
                Next = [| float32 row + 1.0f; float32 row + 1.0f; 9.0f; 0.0f |]
                Terminated = false
                Truncated = (row = 4)
                Episode = 0
            })

    let task: GoalTask =
        {
            Space = goals
            Reward = GoalReward(fun achieved desired -> if achieved[0] = desired[0] then 0.0f else -1.0f)
            Terminates = GoalTermination(fun achieved desired -> achieved[0] = desired[0])
        }

    let replay = Replay.ofPlan compact 1 10 |> Replay.append (data steps)

    // Four steps from the second row on, of which so many lead to the goal.
    let told goalRow =
        let batch = TransitionBatch(columns, [], 1, 4, 0.5, 0.5)
        batch.Read(replay, ReadOnlySpan [| 1 |])
        Hindsight(columns, task, GoalChoice.Episode, 1.0).Relabel(batch, replay, 0, goalRow)
        let observations = batch.Samples[DrawnColumns.ofBetween 4 columns.NextObservations] |> Array.chunkBySize 4
        Assert.Equal<float32[]>([| 2.0f; 3.0f; 4.0f |], observations |> Array.map Array.head)
        Assert.All(observations, (fun seen -> Assert.Equal(float32 goalRow + 1.0f, seen[goals.Desired])))

        batch.Samples[columns.Rewards].[0],
        List.ofArray batch.Samples[DrawnColumns.discountsBetween 4],
        batch.Samples[DrawnColumns.discounts].[0]

    // Not reached: ½·½ⁱ·½^(i−1) of the states between, ½⁴·½³ of the last.
    Assert.Equal((-1.328125f, [ 0.25f; 0.0625f; 0.015625f ], 0.0078125f), told 0)
    // Reached by the second step, whose state is terminal: only the first one's value counts.
    Assert.Equal((-1.0f, [ 0.25f; 0.0f; 0.0f ], 0.0f), told 2)
    Assert.Equal((0.0f, [ 0.0f; 0.0f; 0.0f ], 0.0f), told 1)
    Assert.Equal((-1.3125f, [ 0.25f; 0.0625f; 0.015625f ], 0.0f), told 4)

[<Fact>]
let ``goals are found by name, and of one kind`` () =
    let box size = Space.Box(Array.create size -1.0, Array.create size 1.0, [| size |])
    let space = Space.Dict [ "observation", Space.Discrete(3, 0); "achieved_goal", box 2; "desired_goal", box 2 ]
    Assert.Equal({ Achieved = 3; Desired = 5; Size = 2 }, GoalSpace.ofSpace space)

    let refused (space: Space) (part: string) =
        Assert.Contains(part, Assert.Throws<ArgumentException>(fun () -> GoalSpace.ofSpace space |> ignore).Message)

    refused (box 2) "achieved_goal"
    refused (Space.Dict [ "achieved_goal", box 2; "desired_goal", box 3 ]) "the same space"
