/// Copies of an environment in a worker, as its learner wants them; and what answers for them.
namespace Rl.Core.Distributed

open System
open Rl.Core.Environments
open Rl.Core.Wrappers

/// Answers a learner's requests in a worker.
type IShareWorker =
    inherit IDisposable
    /// Does what is asked for; `InvalidDataException` for a request that is damaged, `ArgumentException` for one of
    /// another description.
    abstract Answer: request: byte[] -> byte[]

/// One that several threads may ask at once.
type IConcurrentShareWorker =
    inherit IShareWorker

[<RequireQualifiedAccess>]
module internal ShareCopies =

    /// The learner's wrappers around a bare batch; a user's functions are known to their maker alone.
    let private wrap (contract: ShareContract) (batch: BatchEnvironment) =
        let wrappers = contract.Wrapping.Wrappers

        if batch.Wrappers.IsEmpty && List.forall Wrapper.isComplete wrappers then
            Wrapper.apply wrappers batch
        else
            batch

    /// So many copies made by `create`; `ShareRefusal` where they do not fit what the learner has.
    let make (contract: ShareContract) (create: Func<int, BatchEnvironment>) (number: int) : BatchEnvironment =
        let batch = create.Invoke number

        try
            let batch = wrap contract batch

            match ShareContract.misfit contract (ShareContract.ofBatch batch) with
            | Some complaint -> raise (ShareRefusal complaint)
            | None -> batch
        with _ ->
            batch.Release()
            reraise ()
