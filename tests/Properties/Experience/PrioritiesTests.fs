/// Rows by priority: drawn without bias, stored and loaded as if nothing had happened, bad errors refused.
[<FsCheck.Xunit.Properties(Replay = "(4719071,4719073)", MaxTest = 60)>]
module Rl.Tests.Experience.PrioritiesTests

#nowarn "3391" // arrays convert to spans

open System
open FsCheck.Xunit
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Training
open Xunit
open Rl.Tests.Experience.ReplayEpisodes

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

[<Theory; InlineData(1); InlineData(8); InlineData(9); InlineData(64); InlineData(65); InlineData(700)>]
let ``a tree follows from its leaves, changed one by one, together or all anew`` (size: int) =
    let one, together, anew = SumTree size, SumTree size, SumTree size
    let mutable rng = Rng.create (uint64 size)

    for _ in 1..20 do
        let changed =
            Array.init 33 (fun _ ->
                let struct (index, next) = Rng.below size rng
                let struct (value, next) = Rng.uniform next
                rng <- next
                index, (if value < 0.2 then 0.0 else value))

        for index, value in changed do
            one.Set(index, value)
            together.SetAlone(index, value)
            anew.SetAlone(index, value)

        together.AddUp(Span(Array.map fst changed))
        anew.Rebuild()
        let prefixes (tree: SumTree) = Array.init (size + 1) (fun last -> tree.Sum(0, last))
        Assert.Equal<float[]>(prefixes one, prefixes together)
        Assert.Equal<float[]>(prefixes one, prefixes anew)
        Assert.Equal(one.Total, one.Sum(0, size), 1e-9)
        let shares = Array.init 50 (fun index -> one.Total * (float index + 0.5) / 50.0)
        let found = Array.zeroCreate<int> shares.Length
        together.FindAll(Span(Array.copy shares), Span found)

        if one.Total > 0.0 then
            for index in 0 .. shares.Length - 1 do
                Assert.Equal(one.Find shares[index], found[index])
                Assert.True(one[found[index]] > 0.0)
                Assert.InRange(shares[index], one.Sum(0, found[index]) - 1e-9, one.Sum(0, found[index] + 1) + 1e-9)

[<Property>]
let ``eight numbers are searched alike by lanes and one by one, and a number of 0 is never found``
    (bytes: byte[], share: byte, isTiny: bool)
    =
    let number index = if index < bytes.Length then float (bytes[index] / 2uy) * 0.1 else 0.0
    let scale = if isTiny then 1e-17 else 1.0
    let numbers = Array.init 24 (fun index -> number index * (if index % 3 = 1 then scale else 1.0))
    let total = Array.sum numbers[8..15]
    // Shares beyond the sum are what rounding may leave.
    let rest = total * float share / 250.0
    let mutable byLanes, byOne = rest, rest
    let found = SumBlock.findByLanes numbers 8 &byLanes
    let foundByOne = SumBlock.findByOne numbers 8 &byOne

    found = foundByOne
    && byLanes = byOne
    && found >= 8
    && found < 16
    && (total = 0.0 || numbers[found] > 0.0)

[<Fact>]
let ``a number of 0 is not found where its sum is rounded up`` () =
    let mutable rng = Rng.create 7UL

    let drawn () =
        let struct (value, next) = Rng.uniform rng
        rng <- next
        value

    for _ in 1..1_000 do
        let numbers = Array.init 8 (fun index -> if index = 4 then 0.0 else drawn ())
        // The sum up to the fourth, which is the sum up to the fifth too, added in another order.
        let share = (numbers[3] + numbers[2]) + (numbers[1] + numbers[0])
        let mutable byLanes, byOne = share, share
        let found = SumBlock.findByLanes numbers 0 &byLanes
        Assert.Equal(5, found)
        Assert.Equal(found, SumBlock.findByOne numbers 0 &byOne)
        Assert.Equal(byLanes, byOne)

[<Property>]
let ``powers of several numbers are those of each`` (bytes: byte[], exponent: byte) =
    let exponent = (float exponent - 128.0) / 64.0
    let values = bytes |> Array.map (fun byte -> Math.Exp((float byte - 128.0) / 9.0))
    let powers, alone = Array.copy values, Array.copy values
    Powers.raise (Span powers) exponent

    for index in 0 .. values.Length - 1 do
        Powers.raise (Span(alone, index, 1)) exponent

    let isClose (value: float) (power: float) = abs (power / Math.Pow(value, exponent) - 1.0) < 1e-14

    powers = alone && Array.forall2 isClose values powers

[<Fact>]
let ``powers of 0 are 0, and 1 without an exponent`` () =
    let powers exponent =
        let values = [| 0.0; 1.0; 4.0 |]
        Powers.raise (Span values) exponent
        values

    Assert.Equal<float[]>([| 1.0; 1.0; 1.0 |], powers 0.0)
    Assert.Equal<float[]>([| 0.0; 1.0; 4.0 |], powers 1.0)
    Assert.Equal(0.0, (powers 0.5)[0])
    Assert.Equal(2.0, (powers 0.5)[2], 1e-15)

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
    Assert.Equal<float[]>([| 1.0; 1.0; 2.0 |], Array.init 3 (fun slot -> priorities.Tree[slot]))
    Assert.Equal(3.0, priorities.Tree[3], 1e-14)
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
