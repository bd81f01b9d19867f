/// Answers for copies that act and remember in a worker.
namespace Rl.Core.Distributed

open System
open System.Collections.Generic
open Rl.Core.Algorithms
open Rl.Core.Environments
open Rl.Core.Foundations

/// Acts and remembers for one learner, by the parts of its algorithm, which it makes of the algorithm's options. It
/// holds what its copies remember: if it is lost, so is that. Not thread-safe.
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

    let shards = Dictionary<struct (int * int), MemoryShard>()

    let drop (range: struct (int * int)) =
        shards[range].Batch.Release()
        shards.Remove range |> ignore

    /// Copies that begin here, in the place of all that they overlap.
    let begin' (first: int) (number: int) : MemoryShard =
        let overlaps (struct (other, size)) = other < first + number && first < other + size

        for range in shards.Keys |> Seq.filter overlaps |> Seq.toArray do
            drop range

        let batch = make number

        try
            let shard = MemoryShard(known.Copies, first, batch, extras, options, parts, workers)
            shards.Add(struct (first, number), shard)
            shard
        with _ ->
            batch.Release()
            reraise ()

    interface IShareWorker with
        /// Empty where it does not have the copies that the request goes on with.
        member _.Answer(bytes) =
            let request = MemoryFormat.readRequest bytes

            if request.Key <> key then
                Guard.fail (nameof request) "The request is for another description; give the worker that first."

            if request.Number > known.Copies - request.First then
                Guard.fail
                    (nameof request)
                    $"The request is for {request.Number} copies from {request.First} on of {known.Copies}."

            let range = struct (request.First, request.Number)

            let shard =
                match request.Act, shards.TryGetValue range with
                | ValueSome { Start = ValueSome _ }, _ -> ValueSome(begin' request.First request.Number)
                | _, (true, shard) -> ValueSome shard
                | _ -> ValueNone

            match shard with
            | ValueNone -> [||]
            | ValueSome shard ->
                try
                    shard.Answer request
                with error ->
                    drop range

                    match ShareFormat.failureOf request.First error with
                    | ValueSome failure -> ShareFormat.writeFailure failure
                    | ValueNone -> reraise ()

        member _.Dispose() =
            for range in Seq.toArray shards.Keys do
                drop range

            one.Release()
            (workers :> IDisposable).Dispose()
