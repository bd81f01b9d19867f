/// Fork and join on a fixed set of threads: the same work whatever their number, so that threads change speed, never results.
namespace Rl.Core.Foundations

open System
open System.Runtime.ExceptionServices
open System.Threading

/// What the threads share. They keep it alive, and nothing else: whoever holds the `Workers` may be forgotten while they wait.
[<Sealed>]
type private WorkerPool(count: int) =
    let spins = 300
    let signals = Array.init (count - 1) (fun _ -> new AutoResetEvent(false))
    let sleeping = Array.zeroCreate<int>(count - 1)
    let failures = Array.zeroCreate<exn | null> count
    let failedItems = Array.zeroCreate<int> count
    let nothing = Action<int>(ignore)
    let mutable body = nothing
    let mutable items = 0
    let mutable generation = 0
    let mutable running = 0
    let mutable stopping = false

    let share worker =
        let mutable item = worker

        try
            while item < items do
                body.Invoke item
                item <- item + count
        with error ->
            failures[worker] <- error
            failedItems[worker] <- item

    /// Waits until the generation differs from the one seen.
    let await index seen =
        let mutable spin = 0

        while Volatile.Read &generation = seen && spin < spins do
            Thread.SpinWait 8
            spin <- spin + 1

        while Volatile.Read &generation = seen do
            // Announce the sleep, look once more, then sleep: `Run` moves the generation first and looks for sleepers after.
            Interlocked.Exchange(&sleeping[index], 1) |> ignore
            if Volatile.Read &generation = seen then signals[index].WaitOne() |> ignore
            Interlocked.Exchange(&sleeping[index], 0) |> ignore

        Volatile.Read &generation

    let work index () =
        let mutable seen = 0

        while not (Volatile.Read &stopping) do
            seen <- await index seen

            if not (Volatile.Read &stopping) then
                share (index + 1)
                Interlocked.Decrement &running |> ignore

    let wake () =
        Interlocked.Increment &generation |> ignore

        for index in 0 .. count - 2 do
            if Volatile.Read &sleeping[index] = 1 then signals[index].Set() |> ignore

    let threads =
        Array.init (count - 1) (fun index ->
            let thread = Thread(work index, 1024 * 1024)
            thread.IsBackground <- true
            thread.Name <- $"Rl worker {index + 1}"
            thread.Start()
            thread)

    member _.IsStopping = Volatile.Read &stopping

    member _.Run(itemCount: int, action: Action<int>) =
        body <- action
        items <- itemCount
        Volatile.Write(&running, count - 1)
        wake ()
        share 0
        let mutable spin = SpinWait()

        while Volatile.Read &running > 0 do
            spin.SpinOnce -1

        // What the action holds must not live as long as the threads do.
        body <- nothing
        let mutable failure: exn | null = null
        let mutable lowest = Int32.MaxValue

        for worker in 0 .. count - 1 do
            match failures[worker] with
            | null -> ()
            | error ->
                failures[worker] <- null

                if failedItems[worker] < lowest then
                    failure <- error
                    lowest <- failedItems[worker]

        match failure with
        | null -> ()
        | error -> ExceptionDispatchInfo.Capture(error).Throw()

    /// Lets the threads end; they do so by themselves.
    member _.Stop() =
        Volatile.Write(&stopping, true)
        wake ()

    /// Waits until the threads have ended.
    member _.Join() =
        for thread in threads do
            thread.Join()

        for signal in signals do
            signal.Dispose()

/// `count` threads, the caller's among them. A thread without work spins for about a tenth of a millisecond, then sleeps. Nothing
/// is allocated by `Run`. Threads that nobody disposes end when nobody holds them any more.
[<Sealed>]
type Workers(count: int) =
    do Guard.inIntRange (nameof count) 1 1024 count
    let pool = WorkerPool count

    /// The number of threads.
    member _.Count = count

    /// Calls `action` with 0 … itemCount − 1, item i on thread i mod Count, and returns when all are done. If some fail, the failure
    /// of the lowest item is raised again, whatever the number of threads. Only one thread may call it at a time; do not nest.
    member this.Run(itemCount: int, action: Action<int>) =
        ObjectDisposedException.ThrowIf(pool.IsStopping, this)

        if count = 1 || itemCount <= 1 then
            for item in 0 .. itemCount - 1 do
                action.Invoke item
        else
            pool.Run(itemCount, action)
            GC.KeepAlive this

    override _.Finalize() = pool.Stop()

    interface IDisposable with
        member this.Dispose() =
            if not pool.IsStopping then
                pool.Stop()
                pool.Join()
                GC.SuppressFinalize this
