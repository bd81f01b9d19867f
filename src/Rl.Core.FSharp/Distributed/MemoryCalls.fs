/// What is asked of the memories of a learner's copies in workers, and what becomes of the answers.
namespace Rl.Core.Distributed

open System
open System.Threading
open System.Threading.Tasks
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Learning
open Rl.Core.Algorithms

/// What some copies and their memory are asked for.
[<Sealed>]
type MemoryCall internal (shard: int, first: int, number: int, steps: int64, begins: bool, lag: int, request: byte[]) =
    /// The number of the memory.
    member _.Shard = shard
    /// The first copy.
    member _.First = first
    /// How many.
    member _.Number = number
    /// Environment steps that it takes.
    member _.Steps = steps
    /// Whether copies begin with an empty memory, so that any worker will do; else only the one that has them.
    member _.Begins = begins
    /// How many turns older the policy that it acts by is than the one that learns when its steps' turn comes; 0 where
    /// copies and learner take turns.
    member _.Lag = lag
    /// What they are to do.
    member _.Request = request

/// Has copies act and remember in other processes.
type IMemoryCarrier =
    /// Over how many memories the steps of so many copies are spread; at least 1. What is learned depends on it, and
    /// not on how many workers have them. May wait for a worker.
    abstract Memories: copies: int -> int

    /// How many turns copies may be ahead of the learner; 0 where they take turns.
    abstract Lead: int

    /// Asks one, beside others that are asked meanwhile; as `Ask`.
    abstract Begin: description: byte[] * key: uint64 * call: MemoryCall -> Task<byte[]>

    /// Asks for all: the answers in the order of the calls; null or empty where whoever had the copies is lost or has
    /// them no more.
    abstract Ask: description: byte[] * key: uint64 * calls: MemoryCall[] -> byte[][]

/// Rows that were drawn from the memories, in the order of the points.
[<NoEquality; NoComparison>]
type internal DrawnRows =
    {
        /// The memory of each.
        Shards: int[]
        /// The lives of all memories then.
        Lives: int64[]
        Numbers: int64[]
        /// pᵢ^α, of Σ p^α in all.
        Powers: float[]
        Total: float
        /// The rows of all memories.
        Held: int
        /// Copies row i of the draws to a row of the columns' data.
        Write: int -> int -> unit
    }

/// The numbers of lives of memories, of which no two are the same.
[<RequireQualifiedAccess>]
module internal MemoryLives =
    let private last = [| 0L |]
    let next () : int64 = Interlocked.Increment(&last[0])

/// Steps that a memory's copies have taken, and whose turn has not come.
[<NoEquality; NoComparison>]
type internal AheadSteps = { Answer: ShareAnswer; Acted: MemoryActed; Lag: int }

[<RequireQualifiedAccess>]
module internal MemoryCalls =

    let raiseFailure (failure: ShareFailure) : 'T =
        match failure with
        | ShareFailure.Environment(message, id, copy, step, index, value) ->
            raise (EnvironmentFailure(message, id, copy, step, index, value, null))
        | ShareFailure.NonFinite(step, copy) ->
            invalidOp
                $"A worker's network made a number that is not finite in step {step} of copy {copy}: use a smaller \
                  learning rate or a bound for gradients, or look for large observations or rewards."

    /// Room for the steps of some copies, with so many numbers of observations each.
    let newRows (samples: int) (observed: int) : NotedSteps =
        {
            Observations = Array.zeroCreate (samples * observed)
            Rewards = Array.zeroCreate samples
            EpisodeReturns = Array.zeroCreate samples
            EpisodeLengths = Array.zeroCreate samples
        }

    /// Copies the steps of `number` copies from `first` on of N to where they belong among those of all.
    let place vectorSteps copies first number (from: NotedSteps) (into: NotedSteps) observed =
        let place (source: 'T[]) (target: 'T[]) width =
            for t in 0 .. vectorSteps - 1 do
                Array.Copy(source, t * number * width, target, (t * copies + first) * width, number * width)

        place from.Observations into.Observations observed
        place from.Rewards into.Rewards 1
        place from.EpisodeReturns into.EpisodeReturns 1
        place from.EpisodeLengths into.EpisodeLengths 1
