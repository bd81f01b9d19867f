/// Fork and join on a fixed set of threads: the same work whatever their number, so that threads change speed, never results.
namespace Rl.Core.Foundations

open System
open System.Threading

/// `count` threads, the caller's among them. Waiting threads spin briefly, then sleep. Nothing is allocated by `Run`.
[<Sealed>]
type Workers(count: int) =
    do Guard.inIntRange (nameof count) 1 1024 count

    let spins = 4000
    let signals = Array.init (count - 1) (fun _ -> new ManualResetEventSlim(false, spins))
    let finished = new ManualResetEventSlim(true, spins)
    let failures = Array.zeroCreate<exn | null> count
    let mutable body = Action<int>(ignore)
    let mutable items = 0
    let mutable running = 0
    let mutable stopping = false

    let share worker =
        try
            let mutable item = worker

            while item < items do
                body.Invoke item
                item <- item + count
        with error ->
            failures[worker] <- error

    let threads =
        Array.init (count - 1) (fun index ->
            let thread =
                Thread(
                    (fun () ->
                        let signal = signals[index]

                        while not (Volatile.Read &stopping) do
                            signal.Wait()
                            signal.Reset()

                            if not (Volatile.Read &stopping) then
                                share (index + 1)
                                if Interlocked.Decrement &running = 0 then finished.Set()),
                    256 * 1024
                )

            thread.IsBackground <- true
            thread.Name <- $"Rl worker {index + 1}"
            thread.Start()
            thread)

    /// The number of threads.
    member _.Count = count

    /// Calls `action` with 0 … itemCount − 1, item i on thread i mod Count, and returns when all are done. The first failure by
    /// thread is raised again. Only one thread may call it at a time; do not nest.
    member _.Run(itemCount: int, action: Action<int>) =
        if count = 1 || itemCount <= 1 then
            for item in 0 .. itemCount - 1 do
                action.Invoke item
        else
            let helpers = min (count - 1) (itemCount - 1)
            body <- action
            items <- itemCount
            finished.Reset()
            Volatile.Write(&running, helpers)

            for index in 0 .. helpers - 1 do
                signals[index].Set()

            share 0
            finished.Wait()
            let mutable failure: exn | null = null

            for worker in count - 1 .. -1 .. 0 do
                match failures[worker] with
                | null -> ()
                | error ->
                    failure <- error
                    failures[worker] <- null

            match failure with
            | null -> ()
            | error -> Runtime.ExceptionServices.ExceptionDispatchInfo.Capture(error).Throw()

    interface IDisposable with
        member _.Dispose() =
            Volatile.Write(&stopping, true)

            for signal in signals do
                signal.Set()

            for thread in threads do
                thread.Join()

            for signal in signals do
                signal.Dispose()

            finished.Dispose()
