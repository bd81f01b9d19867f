/// What learners from recorded steps share: rounds of updates from the data, and later of steps in an environment with
/// an update each.
namespace Rl.Core.Algorithms

open System
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning

/// What some algorithms ask for beside drawn transitions.
[<NoEquality; NoComparison>]
type internal OfflineExtras =
    {
        /// Columns of samples beside those of transitions, which `Fill` writes.
        Further: (Column * float32[]) list
        /// Is told the replay of each transition.
        Begin: Replay -> unit
        /// Writes them for the drawn rows of a replay, whose rewards are multiplied by the last argument.
        Fill: Replay -> TransitionBatch -> float32 -> unit
        /// The rows of data that are drawn; none for all.
        Rows: (Replay -> int[]) voption
    }

/// Learners from recorded steps, made of the parts of learners from replayed ones.
[<RequireQualifiedAccess>]
module internal OfflineLearning =

    /// Of those who ask for nothing more.
    let noExtras: OfflineExtras = { Further = []; Begin = ignore; Fill = (fun _ _ _ -> ()); Rows = ValueNone }

    /// Fails where steps in an environment are asked for and cannot be taken.
    let private requireOnline (recorded: RecordedOptions) (total: int64) (environment: BatchEnvironment) =
        if recorded.OfflineSteps > 0L && total > recorded.OfflineSteps then
            let asked = $"OfflineSteps is {recorded.OfflineSteps} and TotalSteps {total}"

            if environment :? RecordedSpaces then
                Guard.fail
                    (nameof recorded.OfflineSteps)
                    ($"{asked}: steps after the first act in an environment, and there is recorded data alone. Give an "
                     + "environment beside it, or leave OfflineSteps at 0.")

            if environment.Count <> 1 then
                Guard.fail
                    (nameof recorded.OfflineSteps)
                    ($"{asked}: steps after the first act in one copy of the environment, and there are "
                     + $"{environment.Count}. Use one copy.")

            if environment.HasActionMasks then
                Guard.fail
                    (nameof recorded.OfflineSteps)
                    ($"{asked}: {environment.Id} has action masks, which recorded data does not hold. Learn from the "
                     + "data alone (OfflineSteps at 0).")

    /// The state with statistics of the data, where it keeps any and has none yet.
    let private observe
        (replayed: OffPolicyOptions)
        (columns: TransitionColumns)
        (data: Replay)
        (state: TrainingState)
        =
        let isNew (statistics: RunningStatistics) = statistics.Size > 0 && statistics.Count = 0.0

        { state with
            Observations =
                if isNew state.Observations then
                    RecordedReplay.observationStatistics columns data
                else
                    state.Observations
            Rewards =
                if isNew state.Rewards then
                    RecordedReplay.returnStatistics columns replayed.Discount data
                else
                    state.Rewards
        }

    let private rewardScale (state: TrainingState) =
        if state.Rewards.Size = 0 then
            1.0f
        else
            float32 (1.0 / Math.Sqrt(RunningStatistics.variance 0 state.Rewards + 1e-8))

    /// How the data is drawn from: the samples, and what draws the next ones. Not thread-safe.
    [<Sealed>]
    type private Draws(extras: OfflineExtras, columns: TransitionColumns, replayed: OffPolicyOptions, normalise: bool) =
        let batch = TransitionBatch(columns, [], replayed.BatchSize, 1, replayed.Discount)

        let samples =
            if extras.Further.IsEmpty then
                batch.Samples
            else
                batch.Samples.With extras.Further

        let drawn = Array.zeroCreate<int> replayed.BatchSize
        let mutable chosen: struct (Replay * int[]) voption = ValueNone

        let rowsOf (choose: Replay -> int[]) (replay: Replay) =
            match chosen with
            | ValueSome(struct (known, rows)) when obj.ReferenceEquals(known, replay) -> rows
            | _ ->
                let rows = choose replay
                chosen <- ValueSome(struct (replay, rows))
                rows

        let normaliseBy statistics (column: Column) =
            let values = samples[column]
            Encoding.normalise statistics Encoding.Limit (ReadOnlySpan values) (Span values)

        member _.Samples = samples
        member _.Begin(replay: Replay) : unit = extras.Begin replay

        /// Draws the next samples: the generator that follows.
        member _.Next(replay: Replay, statistics: RunningStatistics, scale: float32, key: Rng) : Rng =
            let next =
                match extras.Rows with
                | ValueNone -> batch.Draw(replay, key)
                | ValueSome choose ->
                    let rows = rowsOf choose replay
                    let mutable key = key

                    for index in 0 .. drawn.Length - 1 do
                        let struct (place, next) = Rng.below rows.Length key
                        drawn[index] <- rows[place]
                        key <- next

                    batch.Read(replay, ReadOnlySpan drawn)
                    key

            if normalise then
                normaliseBy statistics columns.Observations
                normaliseBy statistics columns.NextObservations

            if scale <> 1.0f then
                let rewards = samples[columns.Rewards]

                for index in 0 .. rewards.Length - 1 do
                    rewards[index] <- rewards[index] * scale

            extras.Fill replay batch scale
            next

    /// First states with target networks that begin as copies; they have no replay of their own.
    let private start (recorded: RecordedOptions) (parts: OffPolicyParts) environment : StateStart =
        let plain = Learners.start parts.Layout environment parts.NormaliseObservations recorded.NormaliseRewards

        let copied (state: TrainingState) (arrays: (string * float32[]) list) (name: string, part: Part) =
            NamedArrays.replace name ((Part.elements part state.Parameters).ToArray()) arrays

        { plain with
            Initialise =
                fun arrays key ->
                    let state = plain.Initialise arrays key
                    { state with Arrays = List.fold (copied state) state.Arrays parts.Targets }
        }

    /// A learner of rounds of updates. It binds as `Replayed.learnerOf` does, and takes the same parts; the states that
    /// it is given hold data (`LearnerData`).
    let learnerOf (recorded: RecordedOptions) (extras: OfflineExtras) : OffPolicyBinding =
        fun offPolicy replayed parts environment workers ->
            let observations, actions = environment.ObservationSpace, environment.ActionSpace
            let columns = RecordedReplay.columns observations actions
            let data = LearnerData(parts.Algorithm, observations, actions)
            let draws = Draws(extras, columns, replayed, parts.NormaliseObservations)
            let offline = if recorded.OfflineSteps > 0L then recorded.OfflineSteps else Int64.MaxValue
            requireOnline recorded parts.TotalSteps environment

            let interaction =
                lazy
                    Interaction(
                        parts.Actor,
                        parts.Layout,
                        environment,
                        parts.Explore,
                        0L,
                        parts.ActionScaling,
                        parts.NormaliseObservations,
                        1,
                        false,
                        offPolicy.EpisodeEnded,
                        (if recorded.NormaliseRewards then ValueSome replayed.Discount else ValueNone),
                        { First = 0; Copies = environment.Count },
                        workers
                    )

            // Until the next report, the plan's end or the first step in the environment.
            let roundFrom (steps: int64) =
                let until bound = if bound > steps then bound - steps else Int64.MaxValue
                int (List.reduce min [ int64 replayed.RoundSteps; until offline; until parts.TotalSteps ])

            let ofData (replay: Replay) (state: TrainingState) count =
                let scale = rewardScale state
                let mutable key = state.Key

                for index in 0 .. count - 1 do
                    key <- draws.Next(replay, state.Observations, scale, key)
                    key <- parts.Learn draws.Samples (state.Steps + int64 index) key

                struct ({ state with Steps = state.Steps + int64 count }, key, [||])

            let ofBoth (replay: Replay) (state: TrainingState) count =
                requireOnline recorded Int64.MaxValue environment
                let acting = interaction.Value

                // Of data alone nothing is dropped; each of the agent's own steps takes a row more.
                let capacity = int64 replay.Count + int64 count
                let replay = Replay.withCapacity (int (max (int64 replay.Capacity) capacity)) replay

                let state =
                    if state.Environments.EnvironmentId = environment.Id then
                        state
                    else
                        { TrainingState.startAnew environment state with Replay = state.Replay }

                acting.Begin { state with Replay = Some replay }
                acting.Follow(parts.Policy().Span)
                let mutable key = state.Key

                for index in 0 .. count - 1 do
                    acting.Continue()
                    let scale = if recorded.NormaliseRewards then acting.RewardScale else 1.0f
                    key <- draws.Next(acting.Replay, acting.Statistics, scale, key)
                    key <- parts.Learn draws.Samples (state.Steps + int64 index) key
                    acting.Follow(parts.Policy().Span)

                struct (acting.End state, key, acting.Episodes)

            let learn (given: TrainingState) () =
                let isOnline = given.Steps >= offline
                let struct (replay, state) = data.Adopt(given, isOnline)
                let state = observe replayed columns replay state
                let draft = Draft state
                parts.Load draft
                draws.Begin replay
                let count = roundFrom state.Steps

                let struct (acted, key, episodes) =
                    if isOnline then ofBoth replay state count else ofData replay state count

                parts.Store draft
                let next = { draft.Onto acted with Key = key; Updates = state.Updates + 1L }

                let metrics = [| yield! parts.Metrics next.Steps; yield struct ("gradientSteps", float count) |]

                struct (next, { Steps = next.Steps; Updates = next.Updates; Episodes = episodes; Metrics = metrics })

            Learner.ofFunctions
                {
                    Algorithm = parts.Algorithm
                    Environment = environment
                    Network = parts.Actor
                    Options = parts.Options
                    TotalSteps = parts.TotalSteps
                    Arrays = parts.Arrays @ [ LearnerData.Name, LearnerData.Initial ]
                    Start = start recorded parts environment
                    Collect = ignore
                    Learn = learn
                }
