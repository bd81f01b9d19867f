/// What is drawn from a replay: by priority without bias, several steps as defined, goals of the same episode,
/// sequences of one copy, and compact rows that are what was appended.
[<FsCheck.Xunit.Properties(Replay = "(4719071,4719073)", MaxTest = 60)>]
module Rl.Tests.Experience.ReplayDrawTests

#nowarn "3391" // arrays convert to spans

open System
open FsCheck.Xunit
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Training
open Xunit

// --- Steps of made-up episodes
// ---------------------------------------------------------------------------------------

/// Four numbers of an observation: the copy and step, a goal that is achieved, one that is desired.
let private columns: TransitionColumns =
    {
        Observations = Column.step "observations" 4
        Actions = Column.step "actions" 2
        Rewards = Column.number "rewards"
        Continues = Column.number "continues"
        NextObservations = Column.step "nextObservations" 4
        Ends = Column.number "ends"
    }

let private compactOf storage : ReplayPlan =
    let keep (column: Column) =
        if column = columns.Observations then
            { Column = column; Storage = storage; NextOf = None }
        elif column = columns.NextObservations then
            { Column = column; Storage = storage; NextOf = Some columns.Observations }
        else
            { Column = column; Storage = ColumnStorage.Singles; NextOf = None }

    { Columns = List.map keep columns.All; Ends = Some columns.Ends }

let private compact = compactOf ColumnStorage.Singles
let private plain = { ReplayPlan.plain columns.All with Ends = Some columns.Ends }

/// A step as it was made; where it ends an episode, what it led to is not what comes next.
type private Step =
    {
        Observation: float32[]
        Reward: float32
        Next: float32[]
        Terminated: bool
        Truncated: bool
        /// Which episode of its copy.
        Episode: int
    }

let private isLast step = step.Terminated || step.Truncated

/// `count` rounds of steps of N copies, drawn; by row.
let private walk copies rounds (key: Rng) : Step[] =
    let mutable key = key

    let draw bound =
        let struct (value, next) = Rng.below bound key
        key <- next
        value

    let observation () = Array.init 4 (fun _ -> float32 (draw 256))
    let present = Array.init copies (fun _ -> observation ())
    let episode = Array.zeroCreate<int> copies

    [|
        for _ in 1..rounds do
            for copy in 0 .. copies - 1 do
                let next = observation ()
                let outcome = draw 6

                let step =
                    {
                        Observation = present[copy]
                        Reward = float32 (draw 9 - 4)
                        Next = next
                        Terminated = (outcome = 0)
                        Truncated = (outcome = 1)
                        Episode = episode[copy]
                    }

                present[copy] <- if isLast step then observation () else next
                if isLast step then episode[copy] <- episode[copy] + 1
                step
    |]

let private flag value = if value then 1.0f else 0.0f

let private data (steps: Step[]) =
    [
        columns.Observations, steps |> Array.collect _.Observation
        columns.Actions, steps |> Array.collect (fun step -> [| step.Reward; -step.Reward |])
        columns.Rewards, steps |> Array.map _.Reward
        columns.Continues, steps |> Array.map (fun step -> flag (not step.Terminated))
        columns.NextObservations, steps |> Array.collect _.Next
        columns.Ends, steps |> Array.map (fun step -> flag (isLast step))
    ]

let private read (replay: Replay) (column: Column) (rows: int[]) =
    let values = Array.zeroCreate<float32>(rows.Length * column.Numbers)
    replay.Read(column, rows, values)
    values

let private every (replay: Replay) = Array.init replay.Count id

/// Whether a replay holds these steps, all of each.
let private holds (replay: Replay) (steps: Step[]) =
    replay.Count = steps.Length
    && data steps |> List.forall (fun (column, values) -> read replay column (every replay) = values)

let private newest capacity (steps: Step[]) = Array.skip (max 0 (steps.Length - capacity)) steps

// --- Rows
// ------------------------------------------------------------------------------------------------------------

[<Property>]
let ``bits and bytes are exact`` (bytes: byte[]) =
    let isSame storage (values: float32[]) =
        let packed = Array.zeroCreate<byte>(ColumnStorage.bytes storage values.Length)
        let back = Array.zeroCreate<float32> values.Length
        ColumnStorage.pack "column" storage values packed
        ColumnStorage.unpack storage packed back
        back = values

    let singles = bytes |> Array.map (fun byte -> MathF.Exp(float32 byte - 128.0f))

    isSame ColumnStorage.Bytes (Array.map float32 bytes)
    && isSame ColumnStorage.Bits (bytes |> Array.map (fun byte -> float32 (byte % 2uy)))
    && isSame ColumnStorage.Singles singles
    && ColumnStorage.bytes ColumnStorage.Bits 9 = 2

[<Fact>]
let ``what bits and bytes cannot hold is refused by column and number`` () =
    let refused storage (value: float32) =
        let error =
            Assert.Throws<ArgumentException>(fun () ->
                ColumnStorage.pack "pixels" storage (ReadOnlySpan [| 1.0f; value |]) (Span(Array.zeroCreate<byte> 2)))

        Assert.Contains("Number 1 of a row of pixels", error.Message)

    refused ColumnStorage.Bytes 0.5f
    refused ColumnStorage.Bytes 256.0f
    refused ColumnStorage.Bytes -1.0f
    refused ColumnStorage.Bytes nanf
    refused ColumnStorage.Bits 2.0f
    refused ColumnStorage.Bits nanf

[<Property>]
let ``a replay that keeps observations once gives back what was appended, whoever goes on from it``
    (choices: (byte * byte) list, seed: uint64, copies: byte)
    =
    let copies = int copies % 4 + 1

    // More rows than a chunk has, and room for fewer than are appended.
    [ 40; 4_500 ]
    |> List.forall (fun capacity ->
        let capacity = capacity / copies * copies

        let step (known: (Replay * Step[]) list) (which: byte, size: byte) =
            let replay, all = known[int which % known.Length]
            let more = walk copies (int size * capacity / 150 / copies + 1) (Rng.create (seed + uint64 known.Length))
            // The steps of another walk do not follow those before.
            let replay = Replay.interrupt replay |> Replay.append (data more)
            known @ [ replay, newest capacity (Array.append all more) ]

        let start = [ Replay.ofPlan (compactOf ColumnStorage.Bytes) copies capacity, [||] ]
        let known = List.fold step start (List.truncate 6 choices)
        known |> List.forall (fun (replay, all) -> holds replay all))

[<Property>]
let ``appending all at once or a row at a time is the same`` (seed: uint64, copies: byte) =
    let copies = int copies % 3 + 1
    let steps = walk copies 20 (Rng.create seed)
    let start = Replay.ofPlan compact copies 35
    let whole = Replay.append (data steps) start
    let rowByRow = steps |> Array.fold (fun replay step -> Replay.append (data [| step |]) replay) start
    whole = rowByRow && holds whole (newest 35 steps)

[<Property>]
let ``steps are counted from the start of their episodes, and whole episodes are those that are all here``
    (seed: uint64, copies: byte)
    =
    let copies = int copies % 3 + 1
    let steps = walk copies 60 (Rng.create seed)
    let capacity = 40 * copies
    let replay = Replay.ofPlan plain copies capacity |> Replay.append (data steps)
    let dropped = steps.Length - capacity

    Seq.forall
        (fun row ->
            let own = dropped + row

            let ofEpisode =
                [|
                    for other in own % copies .. copies .. steps.Length - 1 do
                        if steps[other].Episode = steps[own].Episode then other - dropped
                |]

            let isWhole = ofEpisode[0] >= 0 && isLast steps[dropped + Array.last ofEpisode]

            replay.Step row = Array.IndexOf(ofEpisode, row)
            && replay.LastOfEpisode row = Array.last ofEpisode
            && replay.WholeEpisode row =
                (if isWhole then
                     ValueSome(struct (ofEpisode[0], Array.last ofEpisode))
                 else
                     ValueNone))
        (every replay)

[<Property>]
let ``a replay in a file is the same replay, and the same in the future`` (seed: uint64, copies: byte) =
    let copies = int copies % 3 + 1
    let steps, more = walk copies 60 (Rng.create seed), walk copies 30 (Rng.create (seed + 1UL))

    [ compactOf ColumnStorage.Bytes; compact; plain; ReplayPlan.plain columns.All ]
    |> List.forall (fun plan ->
        let replay = Replay.ofPlan plan copies (40 * copies) |> Replay.append (data steps)

        [ replay; Replay.interrupt replay ]
        |> List.forall (fun replay ->
            let output = BinaryOut()
            ReplayFormat.write output (Some replay)
            let bytes = output.ToArray()
            let back = ReplayFormat.read (BinaryIn(bytes, 0, bytes.Length, id))
            back = Some replay && Replay.append (data more) back.Value = Replay.append (data more) replay))

[<Fact>]
let ``a replay of an older file is read`` () =
    let output = BinaryOut()
    output.Int -1
    output.Int 3
    output.Int 2
    output.Int 1
    output.Int 9
    output.Text "pair"
    output.Int 2
    output.Singles [| 1.0f; 2.0f; 3.0f; 4.0f |]
    output.Text "number"
    output.Int 0
    output.Singles [| 5.0f; 6.0f |]
    let bytes = output.ToArray()
    let replay = (ReplayFormat.read (BinaryIn(bytes, 0, bytes.Length, id))).Value
    Assert.Equal((2, 9, 3), (replay.Count, replay.Capacity, replay.Missing))
    Assert.Equal<float32[]>([| 1.0f; 2.0f; 3.0f; 4.0f |], read replay (Column.step "pair" 2) [| 0; 1 |])

[<Fact>]
let ``a file's replay that contradicts itself is refused`` () =
    let replay = Replay.ofPlan compact 2 40 |> Replay.append (data (walk 2 12 (Rng.create 1UL)))
    let output = BinaryOut()
    ReplayFormat.write output (Some replay)
    let whole = output.ToArray()
    let mutable refusals = 0

    for place in 0 .. whole.Length - 1 do
        for value in [ 0uy; 127uy; 255uy ] do
            let bytes = Array.copy whole
            bytes[place] <- value

            try
                ReplayFormat.read (BinaryIn(bytes, 0, bytes.Length, id)) |> ignore
            with :? IO.InvalidDataException ->
                refusals <- refusals + 1

    Assert.True(refusals > 100, $"{refusals} refusals")

[<Fact>]
let ``the memory that a replay is said to take is the most it takes`` () =
    let capacity = 5_000
    let plan = compactOf ColumnStorage.Bytes
    let mutable replay = Replay.ofPlan plan 2 capacity
    let mutable most = 0L

    for _ in 1..40 do
        replay <- Replay.append (data (walk 2 251 (Rng.create 3UL))) replay
        let chunks = replay.Parts.Chunks |> Array.sumBy (fun chunk -> chunk.Data.LongLength)
        most <- max most (chunks + replay.Parts.Newest.LongLength)

    // Two integers, two singles of the action and three others, four bytes of an observation; the next apart.
    Assert.Equal(3L * 4_096L * (8L + 20L + 4L) + 2L * 4L, Replay.bytes plan 2 capacity)
    Assert.Equal(Replay.bytes plan 2 capacity, most)
    Assert.Equal(4L, Replay.bytesApart plan)

[<Fact>]
let ``observations are kept as their space allows`` () =
    let box low high shape =
        Space.Box(Array.create (Array.reduce (*) shape) low, Array.create (Array.reduce (*) shape) high, shape)

    let storage = TransitionColumns.storage
    Assert.Equal(ColumnStorage.Bits, storage (Space.MultiBinary [| 4; 10; 10 |]))
    Assert.Equal(ColumnStorage.Bits, storage (Space.Discrete(7, 0)))
    Assert.Equal(ColumnStorage.Bytes, storage (box 0.0 255.0 [| 3; 2; 2 |]))
    Assert.Equal(ColumnStorage.Singles, storage (box 0.0 255.0 [| 4 |]))
    Assert.Equal(ColumnStorage.Singles, storage (box 0.0 1.0 [| 3; 2; 2 |]))
    Assert.Equal(ColumnStorage.Singles, storage (Space.Dict [ "a", Space.Discrete(2, 0); "b", box -1.0 1.0 [| 1 |] ]))

// --- Several steps
// ---------------------------------------------------------------------------------------------------

/// What n-step returns are: r₀ + γ r₁ + … within the episode, and what follows.
let private definition (all: Step[]) copies steps (discount: float) first =
    let rec go k row total =
        let total = total + Math.Pow(discount, float k) * float all[row].Reward

        if k + 1 = steps || isLast all[row] || row + copies >= all.Length then
            struct (row, total, (if all[row].Terminated then 0.0 else Math.Pow(discount, float (k + 1))))
        else
            go (k + 1) (row + copies) total

    go 0 first 0.0

[<Property>]
let ``several steps across the ends of episodes are what their definition says`` (seed: uint64, copies: byte, n: byte) =
    let copies, n = int copies % 3 + 1, int n % 7 + 1
    let steps = walk copies 50 (Rng.create seed)
    let capacity = 41 * copies
    let kept = newest capacity steps

    [ compact; plain; ReplayPlan.plain columns.All ]
    |> List.forall (fun plan ->
        let replay = Replay.ofPlan plan copies capacity |> Replay.append (data steps)
        let batch = TransitionBatch(columns, [], replay.Count, n, 0.9)
        batch.Read(replay, ReadOnlySpan(every replay))
        let samples = batch.Samples

        Seq.forall
            (fun row ->
                let struct (last, total, discount) = definition kept copies n 0.9 row
                let own (column: Column) = Array.sub samples[column] (row * column.Numbers) column.Numbers

                batch.LastRows[row] = last
                && abs (float samples[columns.Rewards].[row] - total) < 1e-5
                && samples[DrawnColumns.discounts].[row] = float32 discount
                && own columns.Observations = kept[row].Observation
                && own columns.NextObservations = kept[last].Next
                && samples.Place row = struct (row / copies, row % copies))
            (every replay))

[<Fact>]
let ``a truncation in a replay keeps its bootstrap: a chain that is cut keeps its value`` () =
    // One state, reward 1 for ever, cut after every third step: v = 1 / (1 − γ) solves every n-step equation.
    let discount = 0.875
    let value = 1.0 / (1.0 - discount)

    let step cut row =
        {
            Observation = Array.create 4 (float32 row)
            Reward = 1.0f
            Next = Array.create 4 (if cut row then 1_000.0f + float32 row else float32 row + 1.0f)
            Terminated = false
            Truncated = cut row
            Episode = 0
        }

    let cut row = row % 3 = 2
    let replay = Replay.ofPlan compact 1 100 |> Replay.append (data (Array.init 20 (step cut)))

    for n in 1..5 do
        let batch = TransitionBatch(columns, [], 20, n, discount)
        batch.Read(replay, ReadOnlySpan(every replay))

        for row in 0..19 do
            let target =
                float batch.Samples[columns.Rewards].[row]
                + float batch.Samples[DrawnColumns.discounts].[row] * value

            Assert.Equal(value, target, 1e-6)

    // What it leads to is what was seen last, and not the next episode's first.
    Assert.Equal<float32[]>(Array.create 4 1_002.0f, read replay columns.NextObservations [| 2 |])

[<Fact>]
let ``steps after an interruption do not follow those before`` () =
    let step row =
        {
            Observation = Array.create 4 (float32 row)
            Reward = 1.0f
            Next = Array.create 4 (float32 row + 1.0f)
            Terminated = false
            Truncated = false
            Episode = 0
        }

    let lengths plan interrupt =
        let replay =
            Replay.ofPlan plan 2 100
            |> Replay.append (data (Array.init 8 step))
            |> (if interrupt then Replay.interrupt else id)
            // One row at a time: each copy is interrupted once.
            |> Replay.append (data [| step 8 |])
            |> Replay.append (data (Array.init 5 (fun row -> step (9 + row))))

        let multiStep = MultiStep(columns, 10, 0.5)
        Array.init 14 (fun row -> multiStep.Count(replay, row))

    Assert.Equal<int[]>([| 7; 7; 6; 6; 5; 5; 4; 4; 3; 3; 2; 2; 1; 1 |], lengths plain false)
    Assert.Equal<int[]>([| 4; 4; 3; 3; 2; 2; 1; 1; 3; 3; 2; 2; 1; 1 |], lengths plain true)

// --- Priorities
// ------------------------------------------------------------------------------------------------------

let private numbered = Column.number "numbered"

let private update (priorities: Priorities<float>) replay (rows: int[]) (errors: float[]) =
    priorities.Update<float>(replay, ReadOnlySpan rows, ReadOnlySpan errors)

let private choose (priorities: Priorities<float>) replay (uniforms: float[]) (rows: int[]) =
    priorities.Choose(replay, ReadOnlySpan uniforms, Span rows)

let private rowsOf capacity count =
    Replay.create [ numbered ] 1 capacity |> Replay.append [ numbered, Array.init count float32 ]

/// A replay and its priorities, none of which has been changed yet.
let private fresh (options: PriorityOptions) capacity count =
    let empty = Replay.create [ numbered ] 1 capacity
    let priorities = Priorities<float>(options, capacity)
    priorities.Load(priorities.Initial, empty)
    let replay = Replay.append [ numbered, Array.init count float32 ] empty
    priorities.Append replay
    struct (priorities, replay)

[<Fact>]
let ``a sample by priority with its weights is unbiased`` () =
    // |δ| = 1 … 6: p^α = |δ|, the total is 21. Uniform numbers in the middle of equal parts of [0, 1) are as good as
    // all of them where the parts end at the rows' ends.
    let errors = [| 3.0; 1.0; 5.0; 2.0; 6.0; 4.0 |]
    let value = [| 10.0; -3.0; 0.5; 7.0; -20.0; 4.0 |]

    for isStratified in [ false; true ] do
        let options =
            { Priority.defaults with
                Exponent = 1.0
                Rule = PriorityRule.Proportional 0.0
                Weights = WeightScale.Unscaled
                IsStratified = isStratified
            }

        let struct (priorities, replay) = fresh options 6 6
        update priorities (replay) (every replay) (errors)
        let size, parts = 3, 7 * 21
        let rows, weights = Array.zeroCreate<int> size, Array.zeroCreate<float> size
        let mutable sum = 0.0
        let counts = Array.zeroCreate<int> 6

        for part in 0 .. parts - 1 do
            choose priorities replay (Array.create size ((float part + 0.5) / float parts)) rows
            priorities.Weights(replay, rows, 1.0, weights)

            for index in 0 .. size - 1 do
                counts[rows[index]] <- counts[rows[index]] + 1
                sum <- sum + weights[index] * value[rows[index]]

        Assert.Equal(Array.average value, sum / float (size * parts), 1e-9)
        // Each is drawn as often as its part of the total says.
        Assert.Equal<int[]>(errors |> Array.map (fun error -> int error * 7 * size), counts)
        Assert.Equal(5.0 / 21.0, priorities.Probability(replay, 2), 1e-12)

[<Property>]
let ``the sums over priorities are those of their leaves, however they came to be``
    (changes: (byte * byte) list, size: byte)
    =
    let size = int size % 37 + 1
    let tree = SumTree size
    let plain = Array.zeroCreate<float> size

    for index, value in changes do
        tree.Set(int index % size, float value / 8.0)
        plain[int index % size] <- float value / 8.0

    let found value =
        let sums = Array.scan (+) 0.0 plain |> Array.tail
        sums |> Array.findIndex (fun sum -> value < sum)

    tree.Total = Array.sum plain
    && tree.Largest = Array.max plain
    && List.forall
        (fun first ->
            List.forall (fun last -> tree.Sum(first, last) = Array.sum plain[first .. last - 1]) [ first..size ])
        [ 0..size ]
    && Seq.forall
        (fun eighth -> tree.Find(float eighth / 8.0) = found (float eighth / 8.0))
        (seq { 0 .. int (8.0 * tree.Total) - 1 })

[<Fact>]
let ``a row of priority 0 is never drawn`` () =
    let options =
        { Priority.defaults with
            Exponent = 1.0
            Rule = PriorityRule.Proportional 0.0
            IsStratified = false
        }

    let struct (priorities, replay) = fresh options 7 7
    update priorities (replay) (every replay) ([| 0.0; 0.1; 0.0; 0.2; 0.3; 0.0; 0.0 |])
    let row = Array.zeroCreate<int> 1

    for uniform in [ 0.0; 0.4; Math.BitDecrement 0.5; 0.5; 0.9; Math.BitDecrement 1.0 ] do
        choose priorities replay ([| uniform |]) (row)
        Assert.Contains(row[0], [ 1; 3; 4 ])

[<Property>]
let ``priorities that are stored and loaded draw on as if nothing had happened`` (seed: uint64, sizes: byte list) =
    let options = Priority.defaults
    let capacity = 50

    let run (priorities: Priorities<float32>) (replay: Replay) key =
        let rows = Array.zeroCreate<int> 8
        let next = priorities.Draw(replay, rows, key)
        let weights = Array.zeroCreate<float32> 8
        priorities.Weights(replay, rows, 0.4, weights)
        let errors = rows |> Array.map (fun row -> float32 row * 0.37f - 3.0f)
        priorities.Update<float32>(replay, rows, errors)
        rows, weights, next

    let mutable replay = Replay.create [ numbered ] 1 capacity
    let going = Priorities<float32>(options, capacity)
    going.Load(going.Initial, replay)
    let mutable key = Rng.create seed
    let mutable same = true

    for size in List.truncate 12 sizes do
        replay <- Replay.append [ numbered, Array.zeroCreate<float32>(int size % 70 + 1) ] replay
        going.Append replay
        let resumed = Priorities<float32>(options, capacity)
        resumed.Load(Array.copy (going.Store()), replay)
        let rows, weights, next = run going replay key
        let rows', weights', next' = run resumed replay key
        same <- same && rows = rows' && weights = weights' && next = next' && going.Store() = resumed.Store()
        key <- next

    same

[<Fact>]
let ``new rows get the largest priority, and slots without rows none`` () =
    let options = { Priority.defaults with Exponent = 1.0; Rule = PriorityRule.Proportional 0.0 }
    let struct (priorities, replay) = fresh options 5 3
    update priorities (replay) ([| 0; 1; 2 |]) ([| 3.0; -7.0; 0.5 |])
    let grown = Replay.append [ numbered, [| 3.0f; 4.0f; 5.0f; 6.0f |] ] replay
    priorities.Append grown
    // The rows 2 … 6 are left; slots are row numbers modulo 5.
    Assert.Equal<float[]>([| 7.0; 7.0; 0.5; 7.0; 7.0 |], Array.init 5 (fun slot -> priorities.Tree[slot]))
    Assert.Equal(0.5 / 28.5, priorities.Probability(grown, 0), 1e-12)
    let without = Replay.withoutRows grown
    priorities.Load(Array.copy (priorities.Store()), without)
    Assert.Equal(0.0, priorities.Tree.Total)
    Assert.Equal(7.0, priorities.Largest)

[<Fact>]
let ``of several errors of one row the last or the first counts, as asked`` () =
    for duplicates, expected in [ Duplicates.LastWins, 2.0; Duplicates.FirstWins, 5.0 ] do
        let options =
            { Priority.defaults with
                Exponent = 1.0
                Rule = PriorityRule.Proportional 0.0
                Duplicates = duplicates
            }

        let struct (priorities, replay) = fresh options 4 4
        update priorities (replay) ([| 1; 1; 3; 1 |]) ([| 5.0; 9.0; 1.0; 2.0 |])
        Assert.Equal(expected, priorities.Tree[1])
        // Another batch may set it again.
        update priorities (replay) ([| 1 |]) ([| 4.0 |])
        Assert.Equal(4.0, priorities.Tree[1])

[<Fact>]
let ``LAP raises small errors to 1 and weighs all alike`` () =
    let struct (priorities, replay) = fresh { Priority.lap with Exponent = 0.5 } 4 4
    update priorities (replay) (every replay) ([| 0.2; -0.9; 4.0; -9.0 |])
    Assert.Equal<float[]>([| 1.0; 1.0; 2.0; 3.0 |], Array.init 4 (fun slot -> priorities.Tree[slot]))
    let weights = Array.zeroCreate<float> 4
    priorities.Weights(replay, ReadOnlySpan(every replay), 0.4, Span weights)
    Assert.Equal<float[]>([| 1.0; 1.0; 1.0; 1.0 |], weights)

[<Fact>]
let ``errors that are no numbers are refused before anything changes`` () =
    let struct (priorities, replay) = fresh Priority.defaults 4 4
    let before = priorities.Store()

    for wrong in [ nan; infinity ] do
        let error =
            Assert.Throws<ArgumentException>(fun () -> update priorities (replay) ([| 0; 1 |]) ([| 5.0; wrong |]))

        Assert.Contains("errors[1]", error.Message)

    Assert.Equal<float[]>(before, priorities.Store())
    Assert.Throws<ArgumentException>(fun () -> priorities.Tree.Set(0, -1.0)) |> ignore
    Assert.Throws<ArgumentException>(fun () -> priorities.Tree.Set(0, nan)) |> ignore

    let other = rowsOf 9 3
    Assert.Contains("9 rows", Assert.Throws<ArgumentException>(fun () -> priorities.Append other).Message)
    let zero = { Priority.defaults with Rule = PriorityRule.Proportional 0.0 }
    let struct (none, replay) = fresh zero 2 2
    update none (replay) ([| 0; 1 |]) ([| 0.0; 0.0 |])

    Assert.Contains(
        "All priorities are 0",
        Assert.Throws<ArgumentException>(fun () -> choose none replay ([| 0.5 |]) ([| 0 |])).Message
    )

[<Fact>]
let ``the weights' exponent goes straight from its first to its last value`` () =
    let at = Priority.exponentAt 0.4 1.0 200L
    Assert.Equal<float list>([ 0.4; 0.7; 1.0; 1.0 ], [ at 0L; at 100L; at 200L; at 900L ])

// --- Hindsight
// -------------------------------------------------------------------------------------------------------

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

[<Fact>]
let ``goals are found by name, and of one kind`` () =
    let box size = Space.Box(Array.create size -1.0, Array.create size 1.0, [| size |])
    let space = Space.Dict [ "observation", Space.Discrete(3, 0); "achieved_goal", box 2; "desired_goal", box 2 ]
    Assert.Equal({ Achieved = 3; Desired = 5; Size = 2 }, GoalSpace.ofSpace space)

    let refused (space: Space) (part: string) =
        Assert.Contains(part, Assert.Throws<ArgumentException>(fun () -> GoalSpace.ofSpace space |> ignore).Message)

    refused (box 2) "achieved_goal"
    refused (Space.Dict [ "achieved_goal", box 2; "desired_goal", box 3 ]) "the same space"

// --- Sequences
// -------------------------------------------------------------------------------------------------------

[<Property>]
let ``a sequence is the steps of one copy, and tells where episodes begin`` (seed: uint64, copies: byte, length: byte) =
    let copies, length = int copies % 3 + 1, int length % 6 + 1
    let burnIn = length / 2
    let steps = walk copies 40 (Rng.create seed)
    let replay = Replay.ofPlan compact copies (30 * copies) |> Replay.append (data steps)
    let kept = newest (30 * copies) steps
    let batch = SequenceBatch(columns, [ columns.Actions ], 5, length, burnIn, 2, 0.9)
    let delay = SequenceBatch.Delay(length, copies)
    let priorities = Priorities<float32>(Priority.defaults, replay.Capacity, delay)
    let empty = Replay.ofPlan compact copies (30 * copies)
    priorities.Load(priorities.Initial, empty)
    let grown = Replay.append (data steps) empty
    priorities.Append grown

    let check () =
        Seq.forall
            (fun (sequence, step) ->
                let row = batch.FirstRows[sequence] + step * copies
                let index = step * 5 + sequence
                let isStart = row < copies || isLast kept[row - copies]
                // The first row that is held may be in the middle of its episode; its predecessor is not known.
                let starts = batch.Samples[SequenceColumns.starts].[index]

                row < replay.Count
                && Array.sub batch.Samples[columns.Observations] (4 * index) 4 = kept[row].Observation
                && batch.Samples[SequenceColumns.learns].[index] = flag (step >= burnIn)
                && (row < copies || starts = flag isStart))
            (Seq.allPairs (seq { 0..4 }) (seq { 0 .. length - 1 }))

    batch.Draw(replay, Rng.create seed) |> ignore
    let uniform = check ()
    batch.Draw(grown, priorities, 0.4, Rng.create seed) |> ignore

    uniform
    && check ()
    && Array.forall (fun weight -> weight = 1.0f) batch.Samples[DrawnColumns.weights]

[<Fact>]
let ``sequences that cannot be are refused`` () =
    let replay = Replay.ofPlan compact 2 40 |> Replay.append (data (walk 2 5 (Rng.create 2UL)))

    let refused (part: string) length (these: int[]) =
        let batch = SequenceBatch(columns, [], these.Length, length, 0, 1, 0.9)
        let error = Assert.Throws<ArgumentException>(fun () -> batch.Read(replay, these))
        Assert.Contains(part, error.Message)

    refused "not there yet" 3 [| 6 |]

    Assert.Throws<ArgumentException>(fun () ->
        SequenceBatch(columns, [], 2, 6, 0, 1, 0.9).Draw(replay, Rng.create 1UL) |> ignore)
    |> ignore

    Assert.Throws<ArgumentOutOfRangeException>(fun () -> SequenceBatch(columns, [], 2, 3, 3, 1, 0.9) |> ignore)
    |> ignore

// --- Cost
// ------------------------------------------------------------------------------------------------------------

[<Fact>]
let ``drawing allocates nothing once it runs`` () =
    let replay = Replay.ofPlan compact 2 400 |> Replay.append (data (walk 2 250 (Rng.create 2UL)))
    let batch = TransitionBatch(columns, [], 64, 3, 0.9)
    let priorities = Priorities<float32>(Priority.defaults, 400)
    let empty = Replay.ofPlan compact 2 400
    priorities.Load(priorities.Initial, empty)
    priorities.Append(Replay.append (data (walk 2 250 (Rng.create 2UL))) empty)
    let errors = Array.init 64 float32
    let mutable key = Rng.create 1UL

    let draw () =
        key <- batch.Draw(replay, key)
        key <- batch.Draw(replay, priorities, 0.5, key)
        priorities.Update<float32>(replay, batch.Rows, errors)

    for _ in 1..100 do
        draw ()

    let before = GC.GetAllocatedBytesForCurrentThread()

    for _ in 1..100 do
        draw ()

    Assert.Equal(0L, GC.GetAllocatedBytesForCurrentThread() - before)
