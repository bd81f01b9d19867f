/// What all copies are to do once in other processes: requests for ranges of copies, and where their answers go.
namespace Rl.Core.Distributed

open System
open System.Collections.Generic
open System.IO
open System.Threading
open Rl.Core.Foundations
open Rl.Core.Environments
open Rl.Core.Learning

/// What copies did whose answer was taken in.
[<Struct>]
type ShareDone =
    {
        /// Environment steps.
        Steps: int64
        /// How long the worker took.
        Seconds: float
    }

/// One rollout, or one playing of candidates, of all copies. Requests may be made for any ranges, several times and in
/// any order: whoever answers, the bits are the same. All members may be called by several threads at once.
[<Sealed>]
type DistributedRound
    internal
    (
        description: byte[],
        key: uint64,
        plan: ShareDescription,
        restoresEpisodes: bool,
        state: TrainingState,
        work: IRoundWork
    ) =
    let copies = state.Environments.Count
    let sizes = plan.Contract.CopyBytes
    let stateSize = plan.Work.Actor.StateSize
    let streams number = if work.Candidates.IsSome then 0 else number
    let environments = Array.copy state.Environments.Bytes
    let keys = Array.copy state.ActionKeys
    let before = if stateSize > 0 then state.Array ArrayNames.RecurrentStates else [||]
    let recurrent = Array.copy before
    let observationSize = plan.Contract.Observations.Size
    let shown = Array.zeroCreate<float32>(copies * observationSize)
    let isDone = Array.zeroCreate<bool> copies
    let failures = List<ShareFailure>()
    let mutable blowups = 0L
    let mutable restarted = 0

    /// What stays the same from round to round of a learner: what a `ShareWorker` is made of.
    member _.Description = description
    /// The hash of the description.
    member _.Key = key
    /// N: how many copies are to act.
    member _.Copies = copies
    /// Whether any worker can take up any copy's episode. Else a range should stay with the worker that has it, for
    /// another one begins new episodes.
    member _.RestoresEpisodes = restoresEpisodes
    /// Copies whose episodes a worker began anew because it did not have them.
    member _.RestartedCopies = Volatile.Read &restarted

    /// Whether all copies have acted.
    member _.IsComplete = not (Array.contains false isDone)

    /// What `number` copies from `first` on are to do.
    member _.Request(first: int, number: int) : byte[] =
        Guard.inIntRange (nameof first) 0 (copies - 1) first
        Guard.inIntRange (nameof number) 1 (copies - first) number

        ShareFormat.writeRequest
            {
                Key = key
                First = first
                Number = number
                Parameters = state.Parameters
                Observations = work.Observations
                Keys = Array.sub state.ActionKeys first (streams number)
                Recurrent = Array.sub before (first * stateSize) (number * stateSize)
                Environments = SnapshotBytes.cut sizes copies first number state.Environments.Bytes
                Candidates = work.Candidates
            }

    /// Takes in what these copies did; `InvalidDataException` for an answer that is damaged, of which nothing is taken.
    member _.Accept(first: int, number: int, answer: byte[]) : ShareDone =
        Guard.inIntRange (nameof first) 0 (copies - 1) first
        Guard.inIntRange (nameof number) 1 (copies - first) number

        let requireLength what needed found =
            if found <> needed then
                raise (
                    InvalidDataException $"The answer of {number} copies has {found} {what} where {needed} are needed."
                )

        match ShareFormat.readAnswer answer (streams number) (fun input -> work.Read(first, number, input)) with
        | Ok(struct (answer, take)) ->
            requireLength "numbers of recurrent states" (number * stateSize) answer.Recurrent.Length
            requireLength "bytes of environments" (number * List.sum sizes) answer.Environments.Length
            requireLength "numbers of observations" (number * observationSize) answer.Shown.Length
            let steps = take ()
            Array.Copy(answer.Keys, 0, keys, first, answer.Keys.Length)
            Array.Copy(answer.Shown, 0, shown, first * observationSize, answer.Shown.Length)
            Array.Copy(answer.Recurrent, 0, recurrent, first * stateSize, answer.Recurrent.Length)
            SnapshotBytes.paste sizes copies first number answer.Environments environments
            Interlocked.Add(&blowups, answer.Blowups) |> ignore
            if answer.HasRestarted then Interlocked.Add(&restarted, number) |> ignore
            Array.fill isDone first number true
            { Steps = steps; Seconds = answer.Seconds }
        | Error failure ->
            lock failures (fun () -> failures.Add failure)
            Array.fill isDone first number true
            { Steps = 0L; Seconds = 0.0 }

    /// [N, observationSize]: what the copies show afterwards.
    member internal _.Shown = shown

    /// Episodes that ended because numbers lost their sense.
    member internal _.Blowups = Volatile.Read &blowups

    /// The failure to tell of, the same whoever answered first: that of the environment in the lowest copy, else the
    /// network's earliest.
    member internal _.Failure: ShareFailure option =
        let order failure =
            match failure with
            | ShareFailure.Environment(_, _, copy, _, _, _) -> struct (0, copy, 0)
            | ShareFailure.NonFinite(step, copy) -> struct (1, step, copy)

        if failures.Count = 0 then None else Some(Seq.minBy order failures)

    /// The state after acting.
    member internal _.Acted: TrainingState =
        { state with
            ActionKeys = keys
            Environments = { state.Environments with Bytes = environments; Instances = [] }
            Arrays =
                if stateSize > 0 then
                    NamedArrays.replace ArrayNames.RecurrentStates recurrent state.Arrays
                else
                    state.Arrays
        }

/// Has rounds done by workers in other processes.
type IRoundCarrier =
    /// Returns when all copies of the round have acted and their answers are accepted.
    abstract Carry: round: DistributedRound -> unit
