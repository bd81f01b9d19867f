/// Fork and join on a fixed set of threads: the same work whatever their number, so that threads change speed, never
/// results.
namespace Rl.Core.Foundations

open System
open System.Diagnostics
open System.Runtime.CompilerServices
open System.Runtime.ExceptionServices
open System.Threading

/// What the threads share. They keep it alive, and nothing else: whoever holds the `Workers` may be forgotten while
/// they wait.
[<Sealed>]
type private WorkerPool(count: int) =
    let spins = 300
    let yields = 16
    // Cursors lie in cache lines of their own, two apart for the sake of prefetching in pairs.
    let stride = 16
    let signals = Array.init (count - 1) (fun _ -> new AutoResetEvent(false))
    let sleeping = Array.zeroCreate<int>(count - 1)
    let callerSignal = new AutoResetEvent(false)
    let mutable callerSleeps = 0
    let failures = Array.zeroCreate<exn | null> count
    let failedItems = Array.zeroCreate<int> count
    let nothing = Action<int, int>(fun _ _ -> ())
    let plainNothing = Action<int>(ignore)
    let mutable body = nothing
    let mutable plain = plainNothing
    let invokePlain = Action<int, int>(fun item _ -> plain.Invoke item)
    let mutable items = 0
    let mutable completed = 0
    let mutable generation = 0
    let mutable stopping = false

    /// Of each thread's items, (generation of the run, how many are taken): the upper and lower half. A claim names the
    /// run that it is for.
    let cursors = Array.zeroCreate<int64>(count * stride)

    // Accounts of the actions that were run last, found by identity, of which the hash code reminds without keeping
    // anything alive.
    let accountOf = Array.zeroCreate<int> 8
    let accounts = Array.init accountOf.Length (fun _ -> Sharing())
    let mutable oldestAccount = 0

    let account (action: Delegate) =
        let identity = RuntimeHelpers.GetHashCode action
        let index = Array.IndexOf(accountOf, identity)

        if index >= 0 then
            accounts[index]
        else
            let index = oldestAccount
            oldestAccount <- (index + 1) % accounts.Length
            accountOf[index] <- identity
            accounts[index] <- Sharing()
            accounts[index]

    /// The next of the owner's items in the run of that generation, or −1 if none is left or the run is over.
    let claim owner run number =
        let cursor = &cursors[owner * stride]
        let mutable result = -2

        while result = -2 do
            let value = Volatile.Read &cursor
            let item = int64 owner + (value &&& 0xFFFFFFFFL) * int64 count

            if int (value >>> 32) <> run || item >= int64 number then
                result <- -1
            elif Interlocked.CompareExchange(&cursor, value + 1L, value) = value then
                result <- int item

        result

    let note worker item error =
        if isNull (box failures[worker]) || item < failedItems[worker] then
            failures[worker] <- error
            failedItems[worker] <- item

    /// Does items of the run, the worker's own first, until all are taken; returns how many it did.
    let share worker run =
        // Read before any claim: where a claim succeeds they are those of the run, for `Run` closes the cursors before
        // it writes them.
        let action, number = body, items
        let mutable mine = 0

        // A thread beyond the number of items is not expected.
        for turn in 0 .. (if worker < number then count - 1 else -1) do
            let owner = (worker + turn) % count
            let mutable item = claim owner run number

            while item >= 0 do
                try
                    action.Invoke(item, worker)
                with error ->
                    note worker item error

                mine <- mine + 1
                item <- claim owner run number

        if
            mine > 0
            && Interlocked.Add(&completed, mine) = number
            && worker > 0
            && Volatile.Read &callerSleeps = 1
        then
            callerSignal.Set() |> ignore

        mine

    /// Waits until the generation differs from the one seen.
    let await index seen =
        let mutable spin = 0

        while Volatile.Read &generation = seen && spin < spins do
            Thread.SpinWait 8
            spin <- spin + 1

        while Volatile.Read &generation = seen do
            // Announce the sleep, look once more, then sleep: `Run` moves the generation first and looks for sleepers
            // after.
            Interlocked.Exchange(&sleeping[index], 1) |> ignore
            if Volatile.Read &generation = seen then signals[index].WaitOne() |> ignore
            Interlocked.Exchange(&sleeping[index], 0) |> ignore

        Volatile.Read &generation

    let work index () =
        let mutable seen = 0

        while not (Volatile.Read &stopping) do
            seen <- await index seen
            if not (Volatile.Read &stopping) then share (index + 1) seen |> ignore

    let wake number =
        for index in 0 .. number - 1 do
            if Volatile.Read &sleeping[index] = 1 then signals[index].Set() |> ignore

    /// Waits for the items that others hold: spinning, then giving way to other threads, then asleep.
    let awaitOthers number =
        let mutable spin = 0

        while Volatile.Read &completed < number && spin < spins do
            Thread.SpinWait 8
            spin <- spin + 1

        let mutable turn = 0

        while Volatile.Read &completed < number && turn < yields do
            Thread.Yield() |> ignore
            turn <- turn + 1

        while Volatile.Read &completed < number do
            Interlocked.Exchange(&callerSleeps, 1) |> ignore
            if Volatile.Read &completed < number then callerSignal.WaitOne() |> ignore
            Interlocked.Exchange(&callerSleeps, 0) |> ignore

    let setCursors run =
        for owner in 0 .. count - 1 do
            Interlocked.Exchange(&cursors[owner * stride], int64 run <<< 32) |> ignore

    /// Hands the items out and returns when all are done: struct (those done here, when these were).
    let runShared itemCount action =
        let before = Volatile.Read &generation
        // Nobody claims in the run between the two.
        setCursors (before + 1)
        body <- action
        items <- itemCount
        completed <- 0
        setCursors (before + 2)
        Interlocked.Exchange(&generation, before + 2) |> ignore
        wake (min count itemCount - 1)
        let mine = share 0 (before + 2)
        let worked = Stopwatch.GetTimestamp()
        awaitOthers itemCount
        struct (mine, worked)

    let raiseFailure () =
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

    let run itemCount (action: Action<int, int>) (key: Delegate) =
        let sharing = if count > 1 && itemCount > 1 then ValueSome(account key) else ValueNone
        let began = Stopwatch.GetTimestamp()

        match sharing with
        | ValueSome sharing when sharing.Pays began ->
            let struct (mine, worked) = runShared itemCount action
            let ended = Stopwatch.GetTimestamp()
            // What the action holds must not live as long as the threads do.
            body <- nothing
            sharing.Note(ended, mine, worked - began, itemCount - mine, ended - worked)
            raiseFailure ()
        | _ ->
            for item in 0 .. itemCount - 1 do
                action.Invoke(item, 0)

    let threads =
        Array.init (count - 1) (fun index ->
            let thread = Thread(work index, 1024 * 1024)
            thread.IsBackground <- true
            thread.Name <- $"Rl worker {index + 1}"
            thread.Start()
            thread)

    member _.IsStopping = Volatile.Read &stopping

    member _.Run(itemCount: int, action: Action<int>) =
        plain <- action

        try
            run itemCount invokePlain action
        finally
            plain <- plainNothing

    member _.RunByThread(itemCount: int, action: Action<int, int>) = run itemCount action action

    /// Lets the threads end; they do so by themselves.
    member _.Stop() =
        Volatile.Write(&stopping, true)
        Interlocked.Increment &generation |> ignore
        wake (count - 1)

    /// Waits until the threads have ended.
    member _.Join() =
        for thread in threads do
            thread.Join()

        for signal in signals do
            signal.Dispose()

        callerSignal.Dispose()

/// `count` threads, the caller's among them. Item i is meant for thread i mod Count, where its memory is; a thread that
/// is done with its own items takes over those that another has not begun, so that nobody waits for a thread that the
/// machine does not let run, but for the end of an item that such a thread holds. Where that has cost more than the
/// others helped, the caller goes on alone for a while (`Sharing`). A thread without work spins for about a tenth of a
/// millisecond, then sleeps. Nothing is allocated by `Run`. Threads that nobody disposes end when nobody holds them any
/// more.
[<Sealed>]
type Workers(count: int) =
    do Guard.inIntRange (nameof count) 1 1024 count
    let pool = WorkerPool count

    /// The number of threads.
    member _.Count = count

    /// Calls `action` with 0 … itemCount − 1, each once, on any of the threads, and returns when all are done. If some
    /// fail, the failure of the lowest item is raised again, whatever the number of threads. Only one thread may call
    /// it at a time; do not nest. To keep account of what sharing gains, an action that is run again and again should
    /// be the same object each time.
    member this.Run(itemCount: int, action: Action<int>) =
        ObjectDisposedException.ThrowIf(pool.IsStopping, this)
        pool.Run(itemCount, action)
        GC.KeepAlive this

    /// `Run` of an action that is told the item and the number of the thread, below both Count and itemCount, which
    /// does one item at a time.
    member internal this.RunByThread(itemCount: int, action: Action<int, int>) =
        ObjectDisposedException.ThrowIf(pool.IsStopping, this)
        pool.RunByThread(itemCount, action)
        GC.KeepAlive this

    // A constructor that has failed leaves no pool, and is finalised all the same.
    override _.Finalize() =
        match box pool with
        | null -> ()
        | _ -> pool.Stop()

    interface IDisposable with
        member this.Dispose() =
            if not pool.IsStopping then
                pool.Stop()
                pool.Join()
                GC.SuppressFinalize this
