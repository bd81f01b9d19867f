/// Priorities, draws and weights of other libraries' replay memories.
module Rl.Tests.Golden.ReplayPrioritiesGolden

#nowarn "3391" // arrays convert to spans

open System
open Rl.Core.Experience
open Xunit
open Rl.Tests.Golden.ReplayCases

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

/// The leaf i with … < value ≤ …, as the references look it up; here it is … ≤ value < …. At 0 they find leaf 0, even
/// one of 0, which is never found here.
let private findUpTo (tree: SumTree) (value: float) = if value = 0.0 then 0 else tree.Find(Math.BitDecrement value)

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
