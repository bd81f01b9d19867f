/// Drawing by priority: rows with large errors come more often, and weights undo the bias (Schaul et al. 2016; LAP:
/// Fujimoto, Meger and Precup 2020).
namespace Rl.Core.Experience

open System
open System.Numerics
open Rl.Core.Foundations

/// What an error δ makes a row's priority p.
[<RequireQualifiedAccess>]
type PriorityRule =
    /// p = |δ| + ε (Schaul et al.'s proportional variant), ε ≥ 0.
    | Proportional of epsilon: float
    /// p = max(|δ|, 1): LAP, which goes with the Huber loss and needs no weights.
    | AtLeastOne

/// How weights are scaled.
[<RequireQualifiedAccess>]
type WeightScale =
    /// Divided by the largest of the drawn rows, so that none exceeds 1.
    | Batch
    /// As they are: with β = 1 a weighted mean over drawn rows has the expectation of the mean over all rows.
    | Unscaled
    /// All are 1, as LAP has it.
    | Ones

/// Which of several errors of one row counts, where a batch drew it more than once.
[<RequireQualifiedAccess>]
type Duplicates =
    /// The last (CleanRL, tianshou, TD7).
    | LastWins
    /// The first (Fujimoto's LAP).
    | FirstWins

/// How rows are drawn by priority.
type PriorityOptions =
    {
        /// α ≥ 0: row i is drawn with probability pᵢ^α / Σ p^α; 0 draws all alike.
        Exponent: float
        Rule: PriorityRule
        Weights: WeightScale
        /// Whether draw b of B comes from the b-th of B equal parts of Σ p^α, rather than from anywhere: less variance,
        /// the same expectation.
        IsStratified: bool
        Duplicates: Duplicates
    }

/// Priorities' formulas.
[<RequireQualifiedAccess>]
module Priority =

    /// α = 0.6, ε = 10⁻⁶, weights divided by the batch's largest, stratified, the last of duplicates wins.
    let defaults: PriorityOptions =
        {
            Exponent = 0.6
            Rule = PriorityRule.Proportional 1e-6
            Weights = WeightScale.Batch
            IsStratified = true
            Duplicates = Duplicates.LastWins
        }

    /// LAP: p = max(|δ|, 1), α = 0.4, no weights.
    let lap: PriorityOptions =
        { defaults with
            Exponent = 0.4
            Rule = PriorityRule.AtLeastOne
            Weights = WeightScale.Ones
            IsStratified = false
        }

    /// p of an error.
    let ofError (rule: PriorityRule) (error: float) : float =
        match rule with
        | PriorityRule.Proportional epsilon -> abs error + epsilon
        | PriorityRule.AtLeastOne -> max (abs error) 1.0

    /// Puts wᵢ = (n pᵢ^α / Σ p^α)^−β in the place of each pᵢ^α of rows that were drawn from n, scaled as asked for. It
    /// does not matter whether the n are in one memory or in several: n and Σ p^α are those of all.
    let internal weigh (scale: WeightScale) (count: float) (total: float) (exponent: float) (powers: Span<float>) =
        match scale with
        | WeightScale.Ones -> powers.Fill 1.0
        | scale ->
            let mutable least = infinity

            for index in 0 .. powers.Length - 1 do
                least <- min least powers[index]

            // The largest weight is that of the least priority; dividing first keeps all finite.
            let unit = if scale = WeightScale.Batch then least else total / count

            for index in 0 .. powers.Length - 1 do
                powers[index] <- powers[index] / unit

            Powers.raise powers -exponent

    /// The weights' exponent after `steps` environment steps: from `initial` in a straight line to `final` at `total`,
    /// constant afterwards.
    let exponentAt (initial: float) (final: float) (total: int64) (steps: int64) : float =
        if total <= 0L then
            Guard.fail (nameof total) $"total is {total}; it must be at least 1."

        initial + (final - initial) * Math.Clamp(float steps / float total, 0.0, 1.0)

/// The priorities of a replay's rows: p^α by slot, where row i has the slot (`Appended` − `Count` + i) mod capacity and
/// keeps it as long as it is held. A workspace. `Store` gives what a training state keeps under the name "priorities":
/// p^α of every slot, 0 where no row is, and the largest p so far; `Load` goes on from it, and takes the sums to be
/// what they were, bit for bit, because they follow from the numbers. The newest
/// `delay` rows cannot be drawn: sequences that begin there are not there yet. Numbers are rounded to 'T when they are
/// set. Not thread-safe.
[<Sealed>]
type Priorities<'T when 'T: struct and 'T :> IFloatingPointIeee754<'T>>
    (options: PriorityOptions, capacity: int, delay: int) =
    do
        Guard.notNegativeNumber (nameof options.Exponent) options.Exponent
        Guard.positive (nameof capacity) capacity
        Guard.inIntRange (nameof delay) 0 (capacity - 1) delay

        match options.Rule with
        | PriorityRule.Proportional epsilon -> Guard.notNegativeNumber "epsilon" epsilon
        | PriorityRule.AtLeastOne -> ()

    let tree = SumTree capacity
    let rounded (value: float) = Double.CreateTruncating('T.CreateTruncating value)

    let power (priority: float) =
        let mutable value = priority
        Powers.raise (Span<float>(&value)) options.Exponent
        value

    let mutable largest = 1.0
    // What was stored or loaded last, to see whether a state goes on from here.
    let mutable present: 'T[] = [||]
    // Rows ever appended to the replay, as far as they have priorities.
    let mutable known = 0L
    // The draw that set a slot last, for duplicates.
    let mutable seen: int[] = [||]
    let mutable update = 0
    let mutable workspace: float[] = [||]
    let mutable changed: int[] = [||]

    /// Memory for so many numbers, until the next call.
    let numbers count =
        if workspace.Length < count then workspace <- Array.zeroCreate<float> count

        Span(workspace, 0, count)

    /// The slot of a replay's oldest row.
    let oldestSlot (replay: Replay) = int ((replay.Appended - int64 replay.Count) % int64 capacity)

    /// The slot of a row, of which the oldest has this one.
    let slotFrom (oldest: int) (row: int) = if oldest < capacity - row then oldest + row else oldest - (capacity - row)

    let slot (replay: Replay) (row: int) = slotFrom (oldestSlot replay) row

    let require (replay: Replay) =
        if replay.Capacity <> capacity then
            Guard.fail
                (nameof replay)
                ($"The replay keeps {replay.Capacity} rows; these priorities "
                 + $"are for {capacity}. Make both with the same capacity.")

    let requireKnown (replay: Replay) =
        require replay

        if replay.Appended <> known then
            Guard.fail
                (nameof replay)
                $"The replay has had {replay.Appended} rows, and {known} have priorities; call Load or Append first."

    /// Gives rows that can be drawn now and could not when `known` rows had been appended the largest priority; the
    /// newest `delay` rows have none yet.
    let welcome (replay: Replay) set =
        let value = rounded (power largest)
        let first = max 0L (known - int64 delay - (replay.Appended - int64 replay.Count))
        let oldest = oldestSlot replay

        for row in int first .. replay.Count - 1 do
            set (slotFrom oldest row) (if row < replay.Count - delay then value else 0.0)

        known <- replay.Appended

    /// The rows that points of the sum belong to.
    let find (oldest: int) (points: Span<float>) (rows: Span<int>) =
        tree.FindAll(points, rows)

        for index in 0 .. rows.Length - 1 do
            let row = rows[index] - oldest
            rows[index] <- if row < 0 then row + capacity else row

    /// Priorities of rows that can all be drawn.
    new(options, capacity) = Priorities<'T>(options, capacity, 0)

    /// The name of the array in a training state.
    static member Name = "priorities"

    /// Numbers of the array in a training state.
    member _.Length = capacity + 1
    /// The sums.
    member _.Tree = tree
    /// The largest p so far, at first 1, which new rows get.
    member _.Largest = largest

    /// The array of a training state whose replay is empty.
    member _.Initial: 'T[] =
        let values = Array.zeroCreate<'T>(capacity + 1)
        values[capacity] <- 'T.One
        values

    /// Goes on from a training state: from the array that `Store` gave, for the rows of a replay. Slots that hold no
    /// row count as 0; nothing is done if the array is what was stored last.
    member _.Load(values: 'T[], replay: Replay) : unit =
        require replay
        Guard.length (nameof values) (capacity + 1) values.Length

        if not (obj.ReferenceEquals(values, present) && known = replay.Appended) then
            for index in 0 .. capacity - 1 do
                tree.SetAlone(index, 0.0)

            let oldest = oldestSlot replay

            for row in 0 .. replay.Count - 1 do
                let index = slotFrom oldest row
                tree.SetAlone(index, Double.CreateTruncating values[index])

            tree.Rebuild()
            largest <- Double.CreateTruncating values[capacity]
            Guard.positiveNumber "largest" largest
            known <- replay.Appended
            present <- values

    /// What a training state keeps: a copy.
    member _.Store() : 'T[] =
        let values = Array.zeroCreate<'T>(capacity + 1)

        for index in 0 .. capacity - 1 do
            values[index] <- 'T.CreateTruncating tree[index]

        values[capacity] <- 'T.CreateTruncating largest
        present <- values
        values

    /// Gives the rows that a replay has got since the last time the largest priority, and forgets those it dropped.
    member _.Append(replay: Replay) : unit =
        require replay
        let added = replay.Appended - known

        if added < 0L then
            Guard.fail
                (nameof replay)
                $"The replay has had {replay.Appended} rows, and {known} have priorities; call Load first."

        present <- [||]

        if added > int64 capacity / 16L then
            welcome replay (fun index value -> tree.SetAlone(index, value))
            tree.Rebuild()
        else
            welcome replay (fun index value -> tree.Set(index, value))

    /// The rows that uniform numbers in [0, 1) draw.
    member _.Choose(replay: Replay, uniforms: ReadOnlySpan<float>, rows: Span<int>) : unit =
        requireKnown replay
        Guard.length (nameof rows) uniforms.Length rows.Length

        if replay.Count = 0 then
            Guard.fail (nameof replay) "The replay is empty; append rows first."

        let total = tree.Total

        if not (total > 0.0) then
            Guard.fail (nameof replay) "All priorities are 0: nothing can be drawn. Give ε a number above 0."

        let oldest = oldestSlot replay
        let part = total / float rows.Length

        let points = numbers rows.Length

        for index in 0 .. rows.Length - 1 do
            let value =
                if options.IsStratified then
                    (float index + uniforms[index]) * part
                else
                    uniforms[index] * total

            points[index] <- min value (Math.BitDecrement total)

        find oldest points rows

    /// The rows that points of Σ p^α draw, which are used up: each at least 0 and below it.
    member internal _.ChooseAt(replay: Replay, points: Span<float>, rows: Span<int>) : unit =
        requireKnown replay
        find (oldestSlot replay) points rows

    /// Draws rows, each by its priority; the generator that follows.
    member this.Draw(replay: Replay, rows: Span<int>, key: Rng) : Rng =
        let uniforms = Scratch.span<float> 256
        let mutable key = key

        if rows.Length <= 256 then
            for index in 0 .. rows.Length - 1 do
                let struct (uniform, next) = Rng.uniform key
                uniforms[index] <- uniform
                key <- next

            this.Choose(replay, Span.op_Implicit (uniforms.Slice(0, rows.Length)), rows)
        else
            let uniforms = Array.zeroCreate<float> rows.Length

            for index in 0 .. rows.Length - 1 do
                let struct (uniform, next) = Rng.uniform key
                uniforms[index] <- uniform
                key <- next

            this.Choose(replay, ReadOnlySpan uniforms, rows)

        key

    /// The probability pᵢ^α / Σ p^α of a row.
    member _.Probability(replay: Replay, row: int) : float =
        requireKnown replay
        tree[slot replay row] / tree.Total

    /// wᵢ = (n pᵢ^α / Σ p^α)^−β of drawn rows of n, scaled as the options say. β ∈ [0, 1].
    member this.Weights(replay: Replay, rows: ReadOnlySpan<int>, exponent: float, weights: Span<'T>) : unit =
        requireKnown replay
        Guard.inRange (nameof exponent) 0.0 1.0 exponent
        Guard.length (nameof weights) rows.Length weights.Length

        if options.Weights = WeightScale.Ones then
            weights.Fill 'T.One
        else
            let powers = numbers rows.Length
            this.Powers(replay, rows, powers)
            Priority.weigh options.Weights (float replay.Count) tree.Total exponent powers

            for index in 0 .. rows.Length - 1 do
                weights[index] <- 'T.CreateTruncating powers[index]

    /// p^α of some rows.
    member internal _.Powers(replay: Replay, rows: ReadOnlySpan<int>, powers: Span<float>) : unit =
        requireKnown replay
        let oldest = oldestSlot replay

        for index in 0 .. rows.Length - 1 do
            powers[index] <- tree[slotFrom oldest rows[index]]

    /// Sets the priorities of drawn rows by their errors δ, whose sign does not matter. NaN and infinity are refused,
    /// before anything changes.
    member _.Update<'E when 'E: struct and 'E :> INumberBase<'E>>
        (replay: Replay, rows: ReadOnlySpan<int>, errors: ReadOnlySpan<'E>)
        : unit =
        requireKnown replay
        Guard.length (nameof errors) rows.Length errors.Length
        Guard.finiteSpan (nameof errors) errors
        present <- [||]

        let oldest = oldestSlot replay
        let firstWins = options.Duplicates = Duplicates.FirstWins
        if firstWins && seen.Length = 0 then seen <- Array.zeroCreate<int> capacity
        update <- update + 1

        if changed.Length < rows.Length then
            changed <- Array.zeroCreate<int> rows.Length

        let priorities = numbers rows.Length

        for index in 0 .. rows.Length - 1 do
            let priority = Priority.ofError options.Rule (Double.CreateTruncating errors[index])
            priorities[index] <- priority
            largest <- max largest (rounded priority)

        Powers.raise priorities options.Exponent

        for index in 0 .. rows.Length - 1 do
            let slot = slotFrom oldest rows[index]
            changed[index] <- slot

            if not (firstWins && seen[slot] = update) then
                tree.SetAlone(slot, rounded priorities[index])
                if firstWins then seen[slot] <- update

        tree.AddUp(Span(changed, 0, rows.Length))

    /// The largest p becomes that of the rows that are held (TD7 does so now and then).
    member _.ResetLargest() : unit =
        let leaf = tree.Largest
        present <- [||]

        if leaf > 0.0 && options.Exponent > 0.0 then
            largest <- rounded (Math.Pow(leaf, 1.0 / options.Exponent))
