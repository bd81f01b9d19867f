/// Fork and join: every item once, failures told, threads released.
module Rl.Tests.Foundations.WorkersTests

open System
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
let ``zero threads are refused`` () =
    let error = Assert.Throws<ArgumentOutOfRangeException>(fun () -> new Workers(0) |> ignore)
    Assert.Equal("count", error.ParamName)
