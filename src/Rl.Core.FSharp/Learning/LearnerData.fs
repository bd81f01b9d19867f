/// Learners from recorded data: how they are given it, and how they see that it is the same when training goes on.
namespace Rl.Core.Learning

open System
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations

/// The learner whose first states hold data, and that gives it to states which came without.
[<Sealed>]
type private LearnerWithData(inner: Learner, data: Replay) =
    inherit Learner()

    let give (state: TrainingState) =
        match state.Replay with
        | Some replay when replay.Count > 0 -> state
        | _ -> { state with Replay = Some data }

    override _.Algorithm = inner.Algorithm
    override _.Environment = inner.Environment
    override _.Network = inner.Network
    override _.Layout = inner.Layout
    override _.Options = inner.Options
    override _.TotalSteps = inner.TotalSteps
    override _.Misfit state = inner.Misfit state
    override _.Initialise key = give (inner.Initialise key)
    override _.Transition state = inner.Transition(give state)
    override _.Plans state = inner.Plans state
    override _.Dispose() = inner.Dispose()

/// What a learner from recorded data keeps of it beside the replay: how many steps, and their fingerprint, in an array
/// of its states. Files hold the array, and the data only when asked: who goes on gives it again, and other data is
/// refused. Remembers which replay it has read last. Not thread-safe.
[<Sealed>]
type LearnerData(algorithm: string, observations: Space, actions: Space) =
    let plan = RecordedReplay.plan observations actions
    let mutable known: struct (Replay * uint64) voption = ValueNone

    /// The array's name.
    static member Name = "recordedData"
    /// The array of a first state: 16 bits a number, of the fingerprint and of the number of steps; zeros before any
    /// data was seen.
    static member Initial: float32[] = Array.zeroCreate 6

    static member private Write(fingerprint: uint64, rows: int) : float32[] =
        Array.append
            (Array.init 4 (fun part -> float32 (fingerprint >>> (16 * part) &&& 0xFFFFUL)))
            [| float32 (rows &&& 0xFFFF); float32 (rows >>> 16) |]

    static member private ReadFingerprint(noted: float32[]) : uint64 =
        seq { 0..3 } |> Seq.sumBy (fun part -> uint64 noted[part] <<< (16 * part))

    /// The number of steps of the data that a state has learned from; 0 before any.
    static member RowsOf(state: TrainingState) : int =
        match state.Arrays |> List.tryFind (fun (name, _) -> name = LearnerData.Name) with
        | Some(_, noted) when noted.Length = 6 -> int noted[4] + 65536 * int noted[5]
        | _ -> 0

    /// The learner whose first states hold the data (`RecordedReplay.ofEpisodes`); states that come without it are
    /// given it.
    static member Give(data: Replay, learner: Learner) : Learner =
        Guard.notNull (nameof data) data
        new LearnerWithData(learner, data)

    /// Whether a state's replay is data that others have recorded, and nothing else: files are as good without.
    static member IsAll(state: TrainingState) : bool =
        match state.Replay with
        | Some replay -> LearnerData.RowsOf state > 0 && replay.Appended = int64 (LearnerData.RowsOf state)
        | None -> false

    member private _.Fingerprint(replay: Replay) =
        match known with
        | ValueSome(struct (last, fingerprint)) when obj.ReferenceEquals(last, replay) -> fingerprint
        | _ ->
            let fingerprint = RecordedReplay.fingerprint replay
            known <- ValueSome(struct (replay, fingerprint))
            fingerprint

    /// The state's data, and the state that has noted which it is. Fails where it has none, where it does not fit the
    /// spaces, and where it is not what the state has learned from before. With `mayHaveGrown` a replay of more steps
    /// is one to which the learner's own have come.
    member this.Adopt(state: TrainingState, mayHaveGrown: bool) : struct (Replay * TrainingState) =
        match state.Replay with
        | None ->
            Guard.fail
                "data"
                ($"{algorithm} learns from recorded data, and has none: give it with LearnerData.Give, or in C# with "
                 + "Agent.Create(options, data, seed) or agent.UseData(data).")
        | Some replay when replay.Count = 0 ->
            Guard.fail
                "data"
                ($"{algorithm} learns from recorded data, which files do not hold unless asked: give it again, all "
                 + $"{LearnerData.RowsOf state} steps in the same order (LearnerData.Give, in C# agent.UseData).")
        | Some replay when replay.Plan <> plan || replay.Copies <> 1 ->
            Guard.fail
                "data"
                ($"The data has other columns than {algorithm} needs for observations {observations} and actions "
                 + $"{actions}; make it with RecordedReplay.ofEpisodes for these spaces.")
        | Some replay ->
            let noted = state.Array LearnerData.Name
            let rows = LearnerData.RowsOf state

            if mayHaveGrown && rows > 0 && replay.Appended > int64 rows then
                struct (replay, state)
            else
                let fingerprint = this.Fingerprint replay

                if rows = 0 then
                    let array = LearnerData.Write(fingerprint, replay.Count)

                    struct (replay, { state with Arrays = NamedArrays.replace LearnerData.Name array state.Arrays })
                elif fingerprint <> LearnerData.ReadFingerprint noted then
                    Guard.fail
                        "data"
                        ($"The data has {replay.Count} steps with the fingerprint {fingerprint:x16}; the agent has "
                         + $"learned from {rows} steps with {LearnerData.ReadFingerprint noted:x16}. Give the same "
                         + "episodes in the same order, or make a new agent for other data.")
                else
                    struct (replay, state)
