/// Fork and join: every item once, failures told, threads released.
module Rl.Tests.Foundations.WorkersTests

open System
open System.Diagnostics
open System.Threading
open Rl.Core.Foundations
open Xunit

[<Fact>]
let ``every item is done exactly once, however many threads and items`` () =
    for threads in 1..4 do
        use workers = new Workers(threads)

        for items in [ 0; 1; 2; 3; 7; 64 ] do
            for _ in 1..200 do
                let counts = Array.zeroCreate<int> items
                workers.Run(items, Action<int>(fun item -> Interlocked.Increment &counts[item] |> ignore))
                Assert.All(counts, (fun count -> Assert.Equal(1, count)))

[<Fact>]
let ``a failure in any thread is raised, and the threads go on working`` () =
    use workers = new Workers(3)

    for bad in 0..5 do
        let body = Action<int>(fun item -> if item = bad then invalidOp $"item {item}")
        let error = Assert.Throws<InvalidOperationException>(fun () -> workers.Run(6, body))
        Assert.Equal($"item {bad}", error.Message)

    let mutable sum = 0
    workers.Run(6, Action<int>(fun item -> Interlocked.Add(&sum, item) |> ignore))
    Assert.Equal(15, sum)

[<Fact>]
let ``threads that slept wake up`` () =
    use workers = new Workers(2)
    let mutable sum = 0

    for _ in 1..5 do
        Thread.Sleep 20
        workers.Run(2, Action<int>(fun item -> Interlocked.Add(&sum, item + 1) |> ignore))

    Assert.Equal(15, sum)

[<Fact>]
let ``items of a thread that is held up are done by the others`` () =
    use workers = new Workers(2)
    use allOthers = new CountdownEvent(5)

    let body =
        Action<int>(fun item ->
            if item = 1 then
                // Items 3 and 5 are meant for the same thread.
                Assert.True(allOthers.Wait 10_000, "the items behind one that takes long were left waiting")
            else
                allOthers.Signal() |> ignore)

    workers.Run(6, body)

[<Fact>]
let ``runs of different sizes one after the other do not mix, whatever threads come late`` () =
    use workers = new Workers(3)
    let counts = Array.zeroCreate<int> 64
    let bodies = Array.init 3 (fun own -> Action<int>(fun item -> Interlocked.Add(&counts[item], own + 1) |> ignore))
    let expected = Array.zeroCreate<int> 64

    for round in 0..20_000 do
        let size = 2 + round * 7 % 63
        workers.Run(size, bodies[round % 3])

        for item in 0 .. size - 1 do
            expected[item] <- expected[item] + round % 3 + 1

    Assert.Equal<int>(expected, counts)

[<Fact>]
let ``work that cost more waiting than others did of it is done alone for a while, and is tried again`` () =
    let millisecond = Stopwatch.Frequency / 1000L
    let sharing = Sharing()
    Assert.True(sharing.Pays 0L)
    // Two items of a millisecond each: one here, one elsewhere, nothing waited.
    sharing.Note(0L, 1, millisecond, 1, 0L)
    Assert.True(sharing.Pays 0L)
    // 20 ms waited for another of them.
    sharing.Note(0L, 1, millisecond, 1, 20L * millisecond)
    Assert.False(sharing.Pays(199L * millisecond))
    Assert.True(sharing.Pays(200L * millisecond))

[<Fact>]
let ``pauses grow while trials fail, up to a second, and shrink with gains`` () =
    let millisecond = Stopwatch.Frequency / 1000L
    let sharing = Sharing()

    let now = ref 0L

    /// How long the work is done alone after a run with such a wait, in whole milliseconds; the next run comes then.
    let pauseAfter waited =
        sharing.Note(now.Value, 0, 0L, 0, waited)
        let pause = Seq.initInfinite int64 |> Seq.find (fun ms -> sharing.Pays(now.Value + ms * millisecond))
        now.Value <- now.Value + pause * millisecond
        pause

    let pauses = List.init 12 (fun _ -> pauseAfter 1L)
    Assert.Equal<int64 list>([ 2L; 4L; 8L; 16L; 32L; 64L; 128L; 256L; 512L; 1000L; 1000L; 1000L ], pauses)

    for _ in 1..50 do
        sharing.Note(now.Value, 1, millisecond, 4, 0L)

    // The reserve of 4 ms is there again, and what overdraws it by little is a pause of ten times the wait.
    Assert.Equal(0L, pauseAfter (3L * millisecond))
    Assert.Equal(20L, pauseAfter (2L * millisecond))

[<Fact>]
let ``zero threads are refused`` () =
    let error = Assert.Throws<ArgumentOutOfRangeException>(fun () -> new Workers(0) |> ignore)
    Assert.Equal("count", error.ParamName)
