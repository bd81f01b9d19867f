/// A ring of several copies, and goals in hindsight, as another library has them.
module Rl.Tests.Golden.ReplayRingGolden

#nowarn "3391" // arrays convert to spans

open System
open Rl.Core.Environments
open Rl.Core.Experience
open Xunit
open Rl.Tests.Golden.ReplayCases

// -----------------------------------------------------------------------------------------------------------

/// The observation's next is the next row's, except where an episode ends.
let private compact: ReplayPlan =
    let keep (column: Column) =
        {
            Column = column
            Storage = ColumnStorage.Singles
            NextOf = if column = columns.NextObservations then Some columns.Observations else None
        }

    { Columns = List.map keep columns.All; Ends = Some columns.Ends }

let private ring (case: GoldenNode) =
    let settings, added = case["params"], case["added"]
    let copies, size = settings.Int "n_envs", settings.Int "rows"

    let savesMemory, seesTimeLimits =
        settings.Flag "optimize_memory_usage", settings.Flag "handle_timeout_termination"

    let rewards, actions = added.Floats "rewards", added.Floats "actions"
    let terminated, truncated = added.Flags "terminated", added.Flags "truncated"
    let steps = rewards.Length / copies

    let observations, following =
        numbered copies steps (fun row -> if terminated[row] || truncated[row] then 0.5 else 1.0)

    // A quirk: without an eye for time limits it takes them for terminations.
    let dead = Array.map2 (fun a b -> a || b && not seesTimeLimits) terminated truncated

    let appendStep replay step =
        let own (values: 'V[]) = Array.sub values (step * copies) copies
        let flags values = own values |> Array.map (fun flag -> if flag then 1.0f else 0.0f)

        replay
        |> Replay.append
            [
                columns.Observations, own observations |> Array.map float32
                columns.Actions, own actions |> Array.map float32
                columns.Rewards, own rewards |> Array.map float32
                columns.Continues, own dead |> Array.map (fun flag -> if flag then 0.0f else 1.0f)
                columns.NextObservations, own following |> Array.map float32
                columns.Ends, flags (Array.map2 (||) terminated truncated)
            ]

    let replays = List.scan appendStep (Replay.ofPlan compact copies (size * copies)) [ 0 .. steps - 1 ]

    for snapshot in case["snapshots"].Items do
        let after = snapshot.Int "after_steps"
        let replay = replays[after]
        let oldest = after - replay.Count / copies
        let position = after % size
        Assert.Equal(snapshot.Int "position", position)
        Assert.Equal(snapshot.Int "size", replay.Count / copies)
        Assert.Equal(snapshot.Flag "full", (replay.Count = replay.Capacity))

        /// What the ring of the reference has at each index, 0 where nothing is yet.
        let byIndex column =
            Array.init (size * copies) (fun index ->
                let step, copy = index / copies, index % copies

                let step =
                    if step < position then
                        after - position + step
                    else
                        after - position + step - size

                if step < oldest then
                    0.0
                else
                    (read replay column [| (step - oldest) * copies + copy |])[0])

        let check name column = exact snapshot name (snapshot.Floats name) (byIndex column)

        if savesMemory then
            // A quirk: it writes the newest rows' next observations where the oldest row's observations are.
            let newest = Array.init copies (fun copy -> replay.Count - copies + copy)
            let expected = byIndex columns.Observations
            Array.blit (read replay columns.NextObservations newest) 0 expected (position * copies) copies

            exact snapshot "observations" (snapshot.Floats "observations") expected
        else
            check "observations" columns.Observations
            check "next_observations" columns.NextObservations

        check "actions" columns.Actions
        check "rewards" columns.Rewards
        check "dones" columns.Ends

    let replay = List.last replays
    let oldest = steps - replay.Count / copies
    let draws = case["sample_draws"].Items |> List.map (fun node -> node.Ints "values")

    // When its memory is shared and full, it draws the distance from the position.
    let stepOf drawn =
        if savesMemory && replay.Count = replay.Capacity then
            (drawn + steps) % size
        else
            drawn

    let rows =
        Array.map2 (fun step copy -> ((stepOf step - oldest) % size + size) % size * copies + copy) draws[0] draws[1]

    let sample = case["sample"]
    exact sample "observations" (sample.Floats "observations") (read replay columns.Observations rows)
    exact sample "actions" (sample.Floats "actions") (read replay columns.Actions rows)
    exact sample "rewards" (sample.Floats "rewards") (read replay columns.Rewards rows)

    // A fault: where an episode ends, its next observation is the next episode's first.
    let next =
        rows
        |> Array.map (fun row ->
            if savesMemory && row + copies < replay.Count then
                (read replay columns.Observations [| row + copies |])[0]
            else
                (read replay columns.NextObservations [| row |])[0])

    exact sample "next_observations" (sample.Floats "next_observations") next
    let dones = read replay columns.Continues rows |> Array.map (fun goesOn -> 1.0 - goesOn)
    exact sample "dones" (sample.Floats "dones") dones

[<Fact>]
let ``a ring of several copies holds and gives what another library's does`` () = Golden.verify "replay_ring" ring

let private goalColumns =
    { columns with
        Observations = Column.step "observations" 5
        NextObservations = Column.step "nextObservations" 5
    }

let private goals: GoalSpace = { Achieved = 1; Desired = 3; Size = 2 }

let private nearness =
    GoalReward(fun achieved desired ->
        let x, y = float (achieved[0] - desired[0]), float (achieved[1] - desired[1])
        if sqrt (x * x + y * y) <= 1.5 then 0.0f else -1.0f)

/// The reference's table: the first step, as an index, and the length of the whole episode of each row.
let private episodes (replay: Replay) size copies after =
    let oldest = after - replay.Count / copies

    Array.init (size * copies) (fun index ->
        let step = index / copies

        let step =
            if step < after % size then
                after - after % size + step
            else
                after - after % size + step - size

        if step < oldest then
            struct (0, 0)
        else
            match replay.WholeEpisode((step - oldest) * copies + index % copies) with
            | ValueNone -> struct (0, 0)
            | ValueSome(struct (first, last)) -> struct ((first / copies + oldest) % size, (last - first) / copies + 1))

let private hindsight (case: GoldenNode) =
    let settings, added = case["params"], case["added"].Items
    let copies, size = settings.Int "n_envs", settings.Int "rows"
    let plan = { ReplayPlan.plain goalColumns.All with Ends = Some goalColumns.Ends }

    let choice =
        match settings.Text "strategy" with
        | "future" -> GoalChoice.Future
        | "final" -> GoalChoice.Final
        | _ -> GoalChoice.Episode

    /// `cut`: whether the newest episode counts as cut, as the reference does when it goes on from a saved memory.
    let append cut replay step =
        let node = added[step]

        let observations more achieved =
            let achieved, desired = node.Floats achieved, node.Floats "desired_goal"

            Array.init copies (fun copy ->
                [|
                    yield float (100 * copy + step) + more
                    yield! achieved[2 * copy .. 2 * copy + 1]
                    yield! desired[2 * copy .. 2 * copy + 1]
                |])
            |> Array.concat
            |> Array.map float32

        let terminated, truncated = node.Flags "terminated", node.Flags "truncated"

        replay
        |> Replay.append
            [
                goalColumns.Observations, observations 0.0 "achieved_goal"
                goalColumns.Actions, node.Floats32 "action"
                goalColumns.Rewards, node.Floats32 "reward"
                goalColumns.Continues, terminated |> Array.map (fun flag -> if flag then 0.0f else 1.0f)
                goalColumns.NextObservations, observations 0.5 "next_achieved_goal"
                goalColumns.Ends,
                Array.map2
                    (fun a b -> if a || b || cut && step = added.Length - 1 then 1.0f else 0.0f)
                    terminated
                    truncated
            ]

    let start = Replay.ofPlan plan copies (size * copies)
    let replays = List.scan (append false) start [ 0 .. added.Length - 1 ]

    let verifyTable (node: GoldenNode) replay after =
        let lengths = node.Ints "ep_length"
        let starts = node.Ints "ep_start"
        let found = episodes replay size copies after
        exact node "ep_length" (Array.map float lengths) (found |> Array.map (fun (struct (_, length)) -> float length))
        // Where no episode is whole, the reference leaves what was there.
        let whole values = Array.zip lengths values |> Array.filter (fun (length, _) -> length > 0) |> Array.map snd
        let foundStarts = found |> Array.map (fun (struct (start, _)) -> float start)
        exact node "ep_start" (whole (Array.map float starts)) (whole foundStarts)

    case["episode_table_after_each_step"].Items
    |> List.iteri (fun step node -> verifyTable node replays[step + 1] (step + 1))

    let isCut = case.Has "after_truncate_last_trajectory"

    let replay =
        if isCut then
            List.fold (append true) start [ 0 .. added.Length - 1 ]
        else
            List.last replays

    if isCut then
        verifyTable case["after_truncate_last_trajectory"] replay added.Length

    let draws, sample = case["draws"], case["sample"]
    let oldest = added.Length - replay.Count / copies
    let rowOf flat = ((flat / copies - oldest) % size + size) % size * copies + flat % copies
    let flatOf row = (row / copies + oldest) % size * copies + row % copies

    let valid =
        [| 0 .. replay.Count - 1 |]
        |> Array.filter (fun row -> (replay.WholeEpisode row).IsSome)
        |> Array.map flatOf
        |> Array.sort

    exact draws "valid_indices" (draws.Floats "valid_indices") (Array.map float valid)
    // The reference gives the first ones that it draws other goals, and hands them back after the real ones.
    let chosen, virtuals = draws.Ints "chosen", settings.Int "virtual_count"
    let rows = Array.append chosen[virtuals..] chosen[.. virtuals - 1] |> Array.map rowOf
    let batch = TransitionBatch(goalColumns, [], rows.Length, 1, 0.98)
    batch.Read(replay, rows)
    let relabel = Hindsight(goalColumns, goals, nearness, choice, settings.Float "her_ratio")

    Golden.closeNumber
        1e-12
        1e-12
        settings
        "ratio"
        (settings.Float "her_ratio")
        (Hindsight.RatioOf(settings.Int "n_sampled_goal"))

    for index in 0 .. virtuals - 1 do
        let row = rows[rows.Length - virtuals + index]
        let struct (first, last) = (replay.WholeEpisode row).Value

        let drawn =
            match choice with
            | GoalChoice.Final -> (last - first) / copies
            | _ -> (draws.Ints "goal_steps")[index]

        if choice <> GoalChoice.Final then
            // The bounds that it draws between are those of `Choose`.
            let low = if choice = GoalChoice.Future then (row - first) / copies else 0
            Assert.Equal((draws.Ints "goal_low")[index], low)
            Assert.Equal((draws.Ints "goal_high")[index], (last - first) / copies + 1)

        relabel.Relabel(batch, replay, rows.Length - virtuals + index, first + drawn * copies)

    let part (column: Column) first number =
        batch.Samples[column]
        |> Array.chunkBySize 5
        |> Array.collect (fun row -> row[first .. first + number - 1])
        |> Array.map float

    let check name column first number = exact sample name (sample.Floats name) (part column first number)
    check "observations" goalColumns.Observations 0 1
    check "achieved_goals" goalColumns.Observations 1 2
    check "desired_goals" goalColumns.Observations 3 2
    check "next_observations" goalColumns.NextObservations 0 1
    check "next_achieved_goals" goalColumns.NextObservations 1 2
    check "next_desired_goals" goalColumns.NextObservations 3 2
    let single (column: Column) = Array.map float batch.Samples[column]
    exact sample "actions" (sample.Floats "actions") (single goalColumns.Actions)
    exact sample "rewards" (sample.Floats "rewards") (single goalColumns.Rewards)
    let dones = single goalColumns.Continues |> Array.map (fun goesOn -> 1.0 - goesOn)
    exact sample "dones" (sample.Floats "dones") dones

[<Fact>]
let ``goals in hindsight are those of another library`` () = Golden.verify "replay_her" hindsight
