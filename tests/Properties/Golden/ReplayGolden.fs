/// What other libraries' replay memories draw: priorities, steps, rings.
module Rl.Tests.Golden.ReplayGolden

#nowarn "3391" // arrays convert to spans

open System
open Rl.Core.Experience
open Xunit

// --- Priorities
// ------------------------------------------------------------------------------------------------------

let private number = Column.number "number"

/// A replay of numbered rows, and its priorities.
type private Ring(options: PriorityOptions, capacity: int, offset: int) =
    // `offset` rows are forgotten at once: slots begin there.
    let mutable replay =
        Replay.create [ number ] 1 capacity
        |> Replay.append [ number, Array.zeroCreate offset ]
        |> Replay.withoutRows

    let priorities = Priorities<float>(options, capacity)
    do priorities.Load(priorities.Initial, replay)
    let mutable added = 0

    member _.Priorities = priorities
    member _.Replay = replay
    /// The slot of a reference's index.
    member _.Slot(index: int) : int = (index + offset) % capacity
    member ring.Leaves = Array.init capacity (fun index -> priorities.Tree[ring.Slot index])

    /// The row that is at a reference's index.
    member _.Row(index: int) : int =
        let oldest = added - replay.Count
        ((index - oldest) % capacity + capacity) % capacity

    /// The reference's index of a row.
    member _.Index(row: int) : int = (added - replay.Count + row) % capacity

    member _.Add(count: int) =
        replay <- Replay.append [ number, Array.init count (fun i -> float32 (added + i)) ] replay
        added <- added + count
        priorities.Append replay

    member ring.Draw(uniforms: float[]) =
        let rows = Array.zeroCreate<int> uniforms.Length
        priorities.Choose(replay, uniforms, rows)
        rows

    member _.Weights(rows: int[], exponent: float) =
        let weights = Array.zeroCreate<float> rows.Length
        priorities.Weights(replay, rows, exponent, weights)
        weights

    member ring.Update(indices: int[], errors: float[]) =
        let rows: int[] = Array.map ring.Row indices
        priorities.Update<float>(replay, ReadOnlySpan rows, ReadOnlySpan errors)

    /// The number that a row holds, 0 where nothing is yet.
    member _.Stored(row: int) : float = if row < replay.Count then float (replay.Number(number, row)) else 0.0

    /// Saving and loading what a training state keeps changes nothing.
    member _.Reload() =
        let stored = priorities.Store()
        let total = priorities.Tree.Total
        priorities.Load(Array.copy stored, replay)
        Assert.Equal(total, priorities.Tree.Total)

let private exact = Golden.close 1e-12 1e-12

let private indices (node: GoldenNode) name (actual: int[]) =
    exact node name (node.Floats name) (Array.map float actual)

let private options (settings: GoldenNode) =
    { Priority.defaults with
        Exponent = settings.Float "alpha"
        Rule = PriorityRule.Proportional(settings.Float "eps")
    }

let private cleanRl (case: GoldenNode) =
    let settings = case["params"]
    let capacity = settings.Int "capacity"
    // Its leaves lie in a heap of capacity − 1 inner nodes: those of the deepest level come first along the sum.
    let shift = int (Numerics.BitOperations.RoundUpToPowerOf2(uint32 capacity)) - capacity
    let ring = Ring(options settings, capacity, (capacity - shift) % capacity)

    for step in case["operations"].Items do
        match step.Text "operation" with
        | "add" -> ring.Add(step.Int "count")
        | "sample" ->
            let rows = ring.Draw(step.Floats "uniforms")
            indices step "indices" (Array.map ring.Index rows)
            exact step "stored_ids" (step.Floats "stored_ids") (rows |> Array.map ring.Stored)
            exact step "weights" (step.Floats "weights") (ring.Weights(rows, step.Float "beta"))
        | "update" ->
            ring.Update(step.Ints "indices", step.Floats "td_errors")
            ring.Reload()
        | _ ->
            for row in 0 .. ring.Replay.Count - 1 do
                ring.Priorities.Tree.Set(ring.Slot(ring.Index row), 1.0)

        exact step "leaves" (step.Floats "leaves") ring.Leaves
        Golden.closeNumber 1e-12 1e-12 step "total" (step.Float "total") ring.Priorities.Tree.Total
        Golden.closeNumber 1e-12 1e-12 step "max_priority" (step.Float "max_priority") ring.Priorities.Largest

/// The leaf i with … < value ≤ …, as the references look it up; here it is … ≤ value < ….
let private findUpTo (tree: SumTree) (value: float) = tree.Find(Math.BitDecrement value)

let private sumTree (case: GoldenNode) =
    let size = case["params"].Int "size"
    let tree = SumTree size

    for step in case["operations"].Items do
        Array.iter2 (fun index value -> tree.Set(index, value)) (step.Ints "set_indices") (step.Floats "set_values")
        exact step "leaves" (step.Floats "leaves") (Array.init size (fun index -> tree[index]))
        Golden.closeNumber 1e-12 1e-12 step "total" (step.Float "total") tree.Total
        indices step "prefix_sum_indices" (step.Floats "queries" |> Array.map (findUpTo tree))

        let sums =
            step["ranges"].Items
            |> List.map (fun range -> range.AsArray.Values)
            |> List.map (fun range -> tree.Sum(int range[0], int range[1]))

        exact step "range_sums" (step.Floats "range_sums") (List.toArray sums)

let private tianshou (case: GoldenNode) =
    let settings = case["params"]
    let scaled = settings.Flag "weight_norm"

    let options =
        { options settings with
            IsStratified = false
            Weights = (if scaled then WeightScale.Batch else WeightScale.Unscaled)
        }

    let ring = Ring(options, settings.Int "size", 0)
    let beta = settings.Float "beta"
    let mutable least = 1.0

    for step in case["operations"].Items do
        ring.Add(step.Int "add")
        exact step "leaves_before" (step.Floats "leaves_before") ring.Leaves
        let total, count = ring.Priorities.Tree.Total, float ring.Replay.Count
        Golden.closeNumber 1e-12 1e-12 step "total" (step.Float "total") total
        let rows = ring.Draw(step.Floats "uniforms")
        indices step "indices" (Array.map ring.Index rows)

        // A quirk: without scaling it divides p^α by the least p, which has no exponent, and not by the mean of p^α.
        let unit = if scaled then 1.0 else Math.Pow(count * least / total, beta)

        exact step "weights" (step.Floats "weights") (ring.Weights(rows, beta) |> Array.map ((*) unit))
        let errors = step.Floats "td_errors"
        ring.Update(Array.map ring.Index rows, errors)
        least <- errors |> Array.fold (fun least error -> min least (abs error + settings.Float "eps")) least
        ring.Reload()
        exact step "leaves_after" (step.Floats "leaves_after") ring.Leaves
        Golden.closeNumber 1e-12 1e-12 step "max_priority" (step.Float "max_priority") ring.Priorities.Largest
        Golden.closeNumber 1e-12 1e-12 step "min_priority" (step.Float "min_priority") least

/// Priorities that are given as they are.
let private asGiven =
    { Priority.defaults with
        Exponent = 1.0
        Rule = PriorityRule.Proportional 0.0
        IsStratified = false
    }

let private lapTree (case: GoldenNode) =
    let settings = case["params"]
    let ring = Ring({ asGiven with Duplicates = Duplicates.FirstWins }, settings.Int "size", 0)
    let mutable beta = settings.Float "beta_start"

    for step in case["operations"].Items do
        ring.Add(step.Int "add")
        exact step "leaves_before" (step.Floats "leaves_before") ring.Leaves
        let rows = ring.Draw(step.Floats "uniforms")
        indices step "indices" (Array.map ring.Index rows)
        exact step "weights" (step.Floats "weights") (ring.Weights(rows, beta))
        beta <- min 1.0 (beta + 2e-7)
        Golden.closeNumber 1e-12 1e-12 step "beta_after" (step.Float "beta_after") beta
        ring.Update(Array.map ring.Index rows, step.Floats "new_priorities")
        ring.Reload()
        exact step "leaves_after" (step.Floats "leaves_after") ring.Leaves
        Golden.closeNumber 1e-12 1e-12 step "max_priority" (step.Float "max_priority") ring.Priorities.Largest

let private lapSum (case: GoldenNode) =
    let settings = case["params"]
    let ring = Ring({ asGiven with Weights = WeightScale.Ones }, settings.Int "size", 0)
    let actions = ResizeArray<float>()

    for step in case["operations"].Items do
        ring.Add(step.Int "add")
        actions.AddRange(step.Floats "actions_added")
        exact step "priorities_before" (step.Floats "priorities_before") ring.Leaves
        let rows = ring.Draw(step.Floats "uniforms")
        indices step "indices" (Array.map ring.Index rows)
        Assert.All(ring.Weights(rows, 0.4), (fun weight -> Assert.Equal(1.0, weight)))
        // A quirk: actions are stored divided by their bound.
        let drawn = rows |> Array.map (fun row -> actions[actions.Count - ring.Replay.Count + row])

        exact
            step
            "actions"
            (step.Floats "actions_sampled")
            (drawn |> Array.map (fun a -> a / settings.Float "max_action"))

        ring.Update(Array.map ring.Index rows, step.Floats "new_priorities")
        exact step "priorities_after" (step.Floats "priorities_after") ring.Leaves
        Golden.closeNumber 1e-12 1e-12 step "max_priority" (step.Float "max_priority") ring.Priorities.Largest
        ring.Priorities.ResetLargest()
        let expected = step.Float "max_priority_after_reset"
        Golden.closeNumber 1e-12 1e-12 step "max_priority_after_reset" expected ring.Priorities.Largest

[<Fact>]
let ``priorities, draws and weights are those of four libraries`` () =
    Golden.verify "replay_prioritized" (fun case ->
        match case.Text "structure" with
        | "stratified PER" -> cleanRl case
        | "sum tree" -> sumTree case
        | "PER" -> tianshou case
        | "LAP sum tree" -> lapTree case
        | "LAP cumulative sum" -> lapSum case
        | structure -> failwith $"There is no test for {structure}.")

// --- Several steps
// ---------------------------------------------------------------------------------------------------

let private columns: TransitionColumns =
    {
        Observations = Column.step "observations" 1
        Actions = Column.step "actions" 1
        Rewards = Column.number "rewards"
        Continues = Column.number "continues"
        NextObservations = Column.step "nextObservations" 1
        Ends = Column.number "ends"
    }

/// Steps of N copies, in the order of time, then of copy, as a replay.
let private replayOf copies capacity observations following actions rewards (terminated: bool[]) (truncated: bool[]) =
    let flag (value: bool) = if value then 1.0f else 0.0f

    Replay.create columns.All copies capacity
    |> Replay.append
        [
            columns.Observations, Array.map float32 observations
            columns.Actions, Array.map float32 actions
            columns.Rewards, Array.map float32 rewards
            columns.Continues, terminated |> Array.map (not >> flag)
            columns.NextObservations, Array.map float32 following
            columns.Ends, Array.map2 (fun a b -> flag (a || b)) terminated truncated
        ]

let private read (replay: Replay) (column: Column) (rows: int[]) =
    let values = Array.zeroCreate<float32> rows.Length
    replay.Read(column, rows, values)
    Array.map float values

/// Of every row of a replay: the steps from there, the last row, and what they are multiplied with.
let private windows (multiStep: MultiStep) (replay: Replay) (rows: int[]) =
    let last = Array.zeroCreate<int> rows.Length
    let returns, discounts = Array.zeroCreate<float32> rows.Length, Array.zeroCreate<float32> rows.Length
    multiStep.Read(replay, rows, last, returns, discounts)
    struct (last, Array.map float returns, Array.map float discounts)

/// Observations 100 e + t of copy e at step t, and as much more where a step leads.
let private numbered copies steps (more: int -> float) =
    let observations = Array.init (steps * copies) (fun row -> float (100 * (row % copies) + row / copies))
    observations, Array.mapi (fun row observation -> observation + more row) observations

let private sb3Steps (case: GoldenNode) =
    let settings, added = case["params"], case["added"]
    let copies, size = settings.Int "n_envs", settings.Int "rows"
    let rewards = added.Floats "rewards"
    let observations, following = numbered copies (rewards.Length / copies) (fun _ -> 0.5)

    let replay =
        replayOf
            copies
            (size * copies)
            observations
            following
            rewards
            rewards
            (added.Flags "terminated")
            (added.Flags "truncated")

    let multiStep = MultiStep(columns, settings.Int "n_steps", settings.Float "gamma")
    let steps = rewards.Length / copies
    let oldest = steps - replay.Count / copies

    for sample in case["samples"].Items do
        // The reference's index is a step modulo its size.
        let rowOf index = ((index - oldest) % size + size) % size * copies + sample.Int "environment"
        let rows = sample.Ints "indices" |> Array.map rowOf
        let struct (last, returns, _) = windows multiStep replay rows
        let counts = Array.map2 (fun row last -> (last - row) / copies + 1) rows last
        exact sample "observations" (sample.Floats "observations") (read replay columns.Observations rows)
        exact sample "n_step_returns" (sample.Floats "n_step_returns") returns
        let following = read replay columns.NextObservations last
        exact sample "next_observations" (sample.Floats "next_observations") following
        let terminated = read replay columns.Continues last |> Array.map (fun goesOn -> 1.0 - goesOn)
        exact sample "terminated" (sample.Floats "terminated") terminated
        exact sample "discounts" (sample.Floats "discounts") (counts |> Array.map multiStep.Power)

/// Σ γ^k r of steps that begin at each row, at float64, and the number of the steps.
let private totals (multiStep: MultiStep) (replay: Replay) (rewards: float[]) (row: int) =
    let count = multiStep.Count(replay, row)
    struct (MultiStep.total multiStep.Discount count (fun k -> rewards[row + k * replay.Copies]), count)

let private tianshouSteps (case: GoldenNode) =
    let settings, added, ring = case["params"], case["added"], case["ring"]
    let size = settings.Int "size"
    let rewards = added.Floats "rewards"
    let ids = Array.init rewards.Length float
    let replay = replayOf 1 size ids ids rewards rewards (added.Flags "terminated") (added.Flags "truncated")
    let multiStep = MultiStep(columns, settings.Int "n_step", settings.Float "gamma")
    let oldest = rewards.Length - replay.Count
    let kept = Array.skip oldest rewards
    let rowOf index = ((index - oldest) % size + size) % size
    let indexOf row = (row + oldest) % size
    let all = Array.init replay.Count id
    let values = case.Floats "next_value_by_index"
    let terminated = ring.Flags "terminated"

    // Where the ring has an index, the row has what is there.
    let ringIds = ring.Floats "observation_ids"
    exact case "ring" ringIds (Array.init ringIds.Length (fun index -> float (oldest + rowOf index)))

    let returns =
        case.Ints "indices"
        |> Array.map (fun index ->
            let row = rowOf index
            let struct (total, count) = totals multiStep replay kept row
            let last = indexOf (row + count - 1)
            total + (if terminated[last] then 0.0 else multiStep.Power count * values[last]))

    exact case "returns" (case.Floats "returns") returns
    let next row = if replay.GoesOn(columns.Ends, row) then row + 1 else row
    let previous row = if row > 0 && replay.GoesOn(columns.Ends, row - 1) then row - 1 else row
    let byIndex move = case.Ints "indices" |> Array.map (fun index -> float (indexOf (move (rowOf index))))
    exact case "next_index" (case.Floats "next_index") (byIndex next)
    exact case "previous_index" (case.Floats "previous_index") (byIndex previous)

    let unfinished =
        all
        |> Array.filter (fun row -> row = replay.Count - 1 && replay.Number(columns.Ends, row) = 0.0f)
        |> Array.map (indexOf >> float)

    exact case "unfinished_index" (case.Floats "unfinished_index") unfinished

let private cleanRlSteps (case: GoldenNode) =
    let settings, added = case["params"], case["added"]
    let steps, discount = settings.Int "n_step", settings.Float "gamma"
    let rewards, terminated, truncated = added.Floats "rewards", added.Flags "terminated", added.Flags "truncated"
    let ended = Array.map2 (||) terminated truncated
    // Observations are numbered on, and a new episode begins one number later.
    let observations =
        ended
        |> Array.scan (fun next isEnd -> next + (if isEnd then 2.0 else 1.0)) 0.0
        |> Array.truncate rewards.Length

    let following = observations |> Array.map ((+) 1.0)
    // A quirk: a truncation does not end its windows.
    let replay =
        replayOf
            1
            rewards.Length
            observations
            following
            rewards
            rewards
            terminated
            (Array.map (fun _ -> false) truncated)

    let multiStep = MultiStep(columns, steps, discount)
    // Another: what is stored is the first of n rows that are there since it last began anew, which it does after
    // storing one with a termination; the tail of an episode is lost.
    let mutable first = 0

    let stored =
        [
            for step in 0 .. rewards.Length - 1 do
                if step - first + 1 = steps then
                    let struct (total, count) = totals multiStep replay rewards first
                    let last = first + count - 1
                    step, observations[first], total, following[last], terminated[last]
                    first <- if terminated[last] then step + 1 else first + 1
        ]

    let expected = case["stored"].Items
    Assert.Equal(expected.Length, stored.Length)

    List.iter2
        (fun (node: GoldenNode) (step, observation, total, following, isTerminated) ->
            exact node "added_at_step" [| node.Float "added_at_step" |] [| float (step: int) |]
            exact node "observation" [| node.Float "observation" |] [| observation |]
            exact node "n_step_return" [| node.Float "n_step_return" |] [| total |]
            exact node "next_observation" [| node.Float "next_observation" |] [| following |]
            exact node "done" [| node.Float "done" |] [| (if isTerminated then 1.0 else 0.0) |])
        expected
        stored

let private d3rlpySteps (case: GoldenNode) =
    let settings, episode = case["params"], case["episode"]
    let isTerminated = episode.Flag "terminated"
    // A quirk: the last step of an episode that did not terminate is not used, since its next observation is lost.
    let length = episode.Int "length" - (if isTerminated then 0 else 1)
    let rewards = episode.Floats "rewards" |> Array.truncate length
    let observations = Array.init length (fun step -> float step + 1.0)
    let last step = step = length - 1

    let replay =
        replayOf
            1
            length
            observations
            (Array.map ((+) 1.0) observations)
            rewards
            rewards
            (Array.init length (fun step -> isTerminated && last step))
            (Array.init length (fun step -> not isTerminated && last step))

    Assert.Equal(case.Int "transition_count", length)
    let multiStep = MultiStep(columns, settings.Int "n_steps", settings.Float "gamma")

    for node in case["transitions"].Items do
        let row = node.Int "index"
        let struct (total, count) = totals multiStep replay rewards row
        let last = row + count - 1
        let isTerminal = replay.Number(columns.Continues, last) = 0.0f
        exact node "observation" [| node.Float "observation" |] (read replay columns.Observations [| row |])
        exact node "return" [| node.Float "return" |] [| total |]
        exact node "interval" [| node.Float "interval" |] [| float count |]
        exact node "terminal" [| node.Float "terminal" |] [| (if isTerminal then 1.0 else 0.0) |]
        // After a terminal step the reference has zeros; nothing reads them.
        if not isTerminal then
            exact node "next" [| node.Float "next_observation" |] (read replay columns.NextObservations [| last |])

[<Fact>]
let ``transitions of several steps are those of four libraries`` () =
    Golden.verify "replay_nstep" (fun case ->
        match case.Text "implementation" with
        | "stable-baselines3" -> sb3Steps case
        | "tianshou" -> tianshouSteps case
        | "cleanrl" -> cleanRlSteps case
        | "d3rlpy" -> d3rlpySteps case
        | implementation -> failwith $"There is no test for {implementation}.")

// --- Rings
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

// --- Hindsight
// -------------------------------------------------------------------------------------------------------

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
