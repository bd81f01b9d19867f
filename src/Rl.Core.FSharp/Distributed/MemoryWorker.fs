/// Answers for copies that act and remember in a worker.
namespace Rl.Core.Distributed

open System
open System.Collections.Generic
open Rl.Core.Algorithms
open Rl.Core.Environments
open Rl.Core.Foundations

/// Acts and remembers for one learner, by the parts of its algorithm, which it makes of the algorithm's options. It
/// holds what its copies remember: if it is lost, so is that. Copies act one request after the other; meanwhile other
/// threads may draw.
[<Sealed>]
type internal MemoryWorker(description: byte[], create: Func<int, BatchEnvironment>, threads: int) =
    let key = ShareFormat.key description
    let known = MemoryFormat.readDescription description
    let make number = ShareCopies.make known.Contract create number
    // Spaces alone are asked for.
    let one = make 1
    let workers = new Workers(threads)

    let struct (extras, options, parts) =
        let batch = PartsBatch(one, known.Copies)

        try
            match Catalogue.tryFind known.Algorithm with
            | Some entry ->
                entry.Create known.Options batch workers |> ignore
                batch.Parts
            | None ->
                Guard.fail
                    (nameof description)
                    $"The worker has no algorithm {known.Algorithm}: install the same version on both."
        with _ ->
            one.Release()
            (workers :> IDisposable).Dispose()
            reraise ()

    // Held while copies act: they share the parts of the algorithm and the threads.
    let acting = obj ()
    // Written to by whoever holds `acting` too.
    let shards = Dictionary<struct (int * int), MemoryShard>()

    let drop (range: struct (int * int)) =
        let batch = shards[range].Batch
        lock shards (fun () -> shards.Remove range |> ignore)
        batch.Release()

    let known' (request: MemoryRequest) : MemoryShard voption =
        lock shards (fun () ->
            match shards.TryGetValue(struct (request.First, request.Number)) with
            | true, shard when shard.Life = request.Life -> ValueSome shard
            | _ -> ValueNone)

    /// Copies that begin here, in the place of all that they overlap.
    let begin' (first: int) (number: int) (life: int64) : MemoryShard =
        let overlaps (struct (other, size)) = other < first + number && first < other + size

        for range in shards.Keys |> Seq.filter overlaps |> Seq.toArray do
            drop range

        let batch = make number

        try
            let shard = MemoryShard(life, known.Copies, first, batch, extras, options, parts, workers)
            lock shards (fun () -> shards.Add(struct (first, number), shard))
            shard
        with _ ->
            batch.Release()
            reraise ()

    let answerActing (request: MemoryRequest) : byte[] =
        lock acting (fun () ->
            let shard =
                match request.Act with
                | ValueSome { Start = ValueSome _ } -> ValueSome(begin' request.First request.Number request.Life)
                | _ -> known' request

            match shard with
            | ValueNone -> [||]
            | ValueSome shard ->
                try
                    shard.Answer request
                with error ->
                    drop (struct (request.First, request.Number))

                    match ShareFormat.failureOf request.First error with
                    | ValueSome failure -> ShareFormat.writeFailure failure
                    | ValueNone -> reraise ())

    interface IConcurrentShareWorker with
        /// Empty where it does not have the copies that the request goes on with.
        member _.Answer(bytes) =
            let request = MemoryFormat.readRequest bytes

            if request.Key <> key then
                Guard.fail (nameof request) "The request is for another description; give the worker that first."

            if request.Number > known.Copies - request.First then
                Guard.fail
                    (nameof request)
                    $"The request is for {request.Number} copies from {request.First} on of {known.Copies}."

            if request.Act.IsSome then
                answerActing request
            else
                match known' request with
                | ValueSome shard -> shard.Answer request
                | ValueNone -> [||]

        member _.Dispose() =
            lock acting (fun () ->
                for range in Seq.toArray shards.Keys do
                    drop range

                one.Release()
                (workers :> IDisposable).Dispose())
