/// What answers in a worker, by what its learner describes.
namespace Rl.Core.Distributed

open System
open Rl.Core.Environments

/// Workers of all kinds.
[<RequireQualifiedAccess>]
module ShareWorkers =

    /// What answers a learner's requests by its description: copies that act, or that remember as well. `create` makes
    /// a batch of so many copies. Raises `ShareRefusal` where version, environment or spaces are not those of the
    /// description. Not thread-safe.
    let create (description: byte[]) (create: Func<int, BatchEnvironment>) (threads: int) : IShareWorker =
        if MemoryFormat.isDescription description then
            new MemoryWorker(description, create, threads)
        else
            new ShareWorker(description, create, threads)
