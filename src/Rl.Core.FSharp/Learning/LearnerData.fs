/// Learners from recorded data: how they are given it, and how they see that it is the same when training goes on.
namespace Rl.Core.Learning

open System
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations

/// A learner that does what another does, but for what is overridden.
[<AbstractClass>]
type internal LearnerAround(inner: Learner) =
    inherit Learner()
    override _.Algorithm = inner.Algorithm
    override _.Environment = inner.Environment
    override _.Network = inner.Network
    override _.Layout = inner.Layout
    override _.Options = inner.Options
    override _.TotalSteps = inner.TotalSteps
    override _.Misfit state = inner.Misfit state
    override _.Initialise key = inner.Initialise key
    override _.Transition state = inner.Transition state
    override _.Plans state = inner.Plans state
    override _.Dispose() = inner.Dispose()

/// A learner that keeps recorded steps beside its states, which hold what it did itself.
[<AbstractClass>]
type internal ShownLearner(inner: Learner) =
    inherit LearnerAround(inner)
    /// The steps from now on.
    abstract Show: data: Replay -> unit

/// The learner whose first states hold data, and that gives it to states which came without.
[<Sealed>]
type private LearnerWithData(inner: Learner, data: Replay) =
    inherit LearnerAround(inner)

    let give (state: TrainingState) =
        match state.Replay with
        | Some replay when replay.Count > 0 -> state
        | _ -> { state with Replay = Some data }

    override _.Initialise key = give (inner.Initialise key)
    override _.Transition state = inner.Transition(give state)

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

    static member private RowsIn(noted: float32[]) : int = int noted[4] + 65536 * int noted[5]

    /// The number of steps of the data that a state has learned from; 0 before any.
    static member RowsOf(state: TrainingState) : int =
        match state.Arrays |> List.tryFind (fun (name, _) -> name = LearnerData.Name) with
        | Some(_, noted) when noted.Length = 6 -> LearnerData.RowsIn noted
        | _ -> 0

    /// The learner whose first states hold the data (`RecordedReplay.ofEpisodes`); states that come without it are
    /// given it. One that keeps it beside its own memory is given it once.
    static member Give(data: Replay, learner: Learner) : Learner =
        Guard.notNull (nameof data) data

        match learner with
        | :? ShownLearner as shown ->
            shown.Show data
            learner
        | _ -> new LearnerWithData(learner, data)

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

    /// The data, and the array that notes which it is, that of a state if this knows it already. Fails where there is
    /// none, where it does not fit the spaces, and where it is not what was noted. With `mayHaveGrown` a replay of more
    /// steps is one to which the learner's own have come.
    member internal this.Check
        (data: Replay option, noted: float32[], mayHaveGrown: bool)
        : struct (Replay * float32[]) =
        let rows = LearnerData.RowsIn noted

        match data with
        | None ->
            Guard.fail
                "data"
                ($"{algorithm} learns from recorded data, and has none: give it with LearnerData.Give, or in C# with "
                 + "Agent.Create(options, data, seed) or agent.UseData(data).")
        | Some replay when replay.Count = 0 ->
            Guard.fail
                "data"
                ($"{algorithm} learns from recorded data, which files do not hold unless asked: give it again, all "
                 + $"{rows} steps in the same order (LearnerData.Give, in C# agent.UseData).")
        | Some replay when replay.Plan <> plan || replay.Copies <> 1 ->
            Guard.fail
                "data"
                ($"The data has other columns than {algorithm} needs for observations {observations} and actions "
                 + $"{actions}; make it with RecordedReplay.ofEpisodes for these spaces.")
        | Some replay ->
            if mayHaveGrown && rows > 0 && replay.Appended > int64 rows then
                struct (replay, noted)
            else
                let fingerprint = this.Fingerprint replay

                if rows = 0 then
                    struct (replay, LearnerData.Write(fingerprint, replay.Count))
                elif fingerprint <> LearnerData.ReadFingerprint noted then
                    Guard.fail
                        "data"
                        ($"The data has {replay.Count} steps with the fingerprint {fingerprint:x16}; the agent has "
                         + $"learned from {rows} steps with {LearnerData.ReadFingerprint noted:x16}. Give the same "
                         + "episodes in the same order, or make a new agent for other data.")
                else
                    struct (replay, noted)

    /// A state's data, and the state that has noted which it is. Fails where it has none, where it does not fit the
    /// spaces, and where it is not what the state has learned from before. With `mayHaveGrown` a replay of more steps
    /// is one to which the learner's own have come.
    member this.Adopt(state: TrainingState, mayHaveGrown: bool) : struct (Replay * TrainingState) =
        let before = state.Array LearnerData.Name
        let struct (replay, noted) = this.Check(state.Replay, before, mayHaveGrown)

        if obj.ReferenceEquals(noted, before) then
            struct (replay, state)
        else
            struct (replay, { state with Arrays = NamedArrays.replace LearnerData.Name noted state.Arrays })
