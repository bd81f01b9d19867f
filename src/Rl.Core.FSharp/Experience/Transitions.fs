/// Steps as transitions (s, a, r, s′), in the order of time, then of copy: what a replay remembers.
namespace Rl.Core.Experience

open System
open Rl.Core.Acting
open Rl.Core.Environments
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks

/// The columns of transitions.
type TransitionColumns =
    {
        /// s, encoded, before normalisation.
        Observations: Column
        /// a, the policy's.
        Actions: Column
        /// r.
        Rewards: Column
        /// 0 where s′ is terminal, else 1: what a discount is multiplied with.
        Continues: Column
        /// s′; of an episode's last step the true last observation, whether it terminated or was cut.
        NextObservations: Column
        /// 1 at the last step of an episode, whether it terminated or was cut.
        Ends: Column
    }

    /// All of them.
    member this.All =
        [ this.Observations; this.Actions; this.Rewards; this.Continues; this.NextObservations; this.Ends ]

/// The columns of transitions of an environment.
[<RequireQualifiedAccess>]
module TransitionColumns =

    /// The columns for observations, encoded, and actions of so many numbers.
    let ofSizes (observationSize: int) (actionSize: int) : TransitionColumns =
        {
            Observations = Column.step "observations" observationSize
            Actions = Column.step "actions" actionSize
            Rewards = Column.number "rewards"
            Continues = Column.number "continues"
            NextObservations = Column.step "nextObservations" observationSize
            Ends = Column.number "ends"
        }

    /// The columns for an environment's spaces.
    let ofEnvironment (environment: BatchEnvironment) : TransitionColumns =
        ofSizes (Encoding.size environment.ObservationSpace) environment.ActionSize

    /// How numbers of a space, encoded, are best kept: bits where all are 0 or 1, bytes where it is an image of the
    /// levels 0 … 255.
    let storage (space: Space) : ColumnStorage =
        let isBits (part: SpacePart) =
            match part.Space with
            | Space.Discrete _
            | Space.MultiDiscrete _
            | Space.MultiBinary _ -> true
            | _ -> false

        match space with
        | Space.Box(low, high, shape) when
            shape.Length = 3 && Array.forall ((=) 0.0) low && Array.forall ((=) 255.0) high
            ->
            ColumnStorage.Bytes
        | _ when Space.layout space |> List.forall isBits -> ColumnStorage.Bits
        | _ -> ColumnStorage.Singles

    /// How a replay keeps transitions with observations of a space: these once, as the space allows.
    let planOf (observations: Space) (columns: TransitionColumns) : ReplayPlan =
        let storage = storage observations

        let keep (column: Column) =
            if column.Name = columns.Observations.Name then
                { Column = column; Storage = storage; NextOf = None }
            elif column.Name = columns.NextObservations.Name then
                { Column = column; Storage = storage; NextOf = Some columns.Observations }
            else
                { Column = column; Storage = ColumnStorage.Singles; NextOf = None }

        { Columns = List.map keep columns.All; Ends = Some columns.Ends }

    /// How a replay keeps the transitions of an environment.
    let plan (environment: BatchEnvironment) (columns: TransitionColumns) : ReplayPlan =
        planOf environment.ObservationSpace columns

/// The steps of a share as its rows of transitions.
[<Sealed>]
type internal TransitionSink
    (share: ActorShare, copies: int, steps: int, columns: TransitionColumns, data: (Column * float32[]) list) =
    let first, number = share.First, share.Number

    let of' (column: Column) =
        let _, values = data |> List.find (fun (known, _) -> known.Name = column.Name)
        values

    let observations, actions = of' columns.Observations, of' columns.Actions
    let rewards, continues = of' columns.Rewards, of' columns.Continues
    let nextObservations, ends = of' columns.NextObservations, of' columns.Ends

    /// The share's rows of step t.
    let put (source: ReadOnlySpan<float32>) (target: float32[]) t size =
        source.CopyTo(Span<float32>(target, (t * copies + first) * size, number * size))

    interface ISink with
        member _.NeedsFinals = true
        member _.Acts _ = true
        member _.Asks(_, t) = t < steps

        member _.Before(share, t) =
            put share.Shown observations t share.ObservationSize
            true

        member _.After(share, t) =
            put share.Actions actions t share.ActionSize
            put share.Rewards rewards t 1
            put share.Shown nextObservations t share.ObservationSize

            for row in 0 .. number - 1 do
                let index = t * copies + first + row
                let terminated, truncated = share.Terminated[row], share.Truncated[row]
                continues[index] <- if terminated then 0.0f else 1.0f

                if terminated then
                    let size = share.ObservationSize
                    (share.FinalOf row).CopyTo(Span<float32>(nextObservations, index * size, size))

                ends[index] <- if terminated || truncated then 1.0f else 0.0f

        member _.Cut(share, t) =
            let size = share.ObservationSize

            for row in 0 .. number - 1 do
                if share.Truncated[row] then
                    let target = Span<float32>(nextObservations, (t * copies + first + row) * size, size)
                    share.Finals.Slice(row * size, size).CopyTo target

/// Keeps the encoded next observations [T, N, n] of a rollout, of an episode's last step the true last one, beside what
/// another sink makes of its T steps.
[<Sealed>]
type internal NextObservationSink(share: ActorShare, inner: ISink, copies: int, target: float32[]) =
    let first, number, size = share.First, share.Number, share.ObservationSize
    let rowOf t row = Span<float32>(target, (t * copies + first + row) * size, size)

    interface ISink with
        member _.NeedsFinals = true
        member _.Asks(share, t) = inner.Asks(share, t)
        member _.Before(share, t) = inner.Before(share, t)
        member _.Acts row = inner.Acts row

        member _.After(share, t) =
            share.Shown.CopyTo(Span<float32>(target, (t * copies + first) * size, number * size))

            for row in 0 .. number - 1 do
                if share.Terminated[row] then (share.FinalOf row).CopyTo(rowOf t row)

            inner.After(share, t)

        member _.Cut(share, t) =
            for row in 0 .. number - 1 do
                if share.Truncated[row] then
                    share.Finals.Slice(row * size, size).CopyTo(rowOf t row)

            inner.Cut(share, t)

/// Collects transitions: a fixed number of steps of each copy. What it gives is valid until the next time; a replay
/// copies it.
[<Sealed>]
type TransitionSource
    (
        actor: Actor,
        layout: Layout,
        environment: BatchEnvironment,
        explorer: Explorer,
        normalise: bool,
        steps: int,
        workers: Workers
    ) =
    do Guard.positive (nameof steps) steps
    let columns = TransitionColumns.ofEnvironment environment
    let copies = environment.Count

    let data =
        columns.All
        |> List.map (fun column -> column, Array.zeroCreate<float32>(steps * copies * column.Numbers))

    let actors = Actors(actor, None, layout, environment, explorer, normalise, workers.Count, workers)

    let sinks: ISink[] = actors.Shares |> Array.map (fun share -> TransitionSink(share, copies, steps, columns, data))

    /// The columns of what it collects.
    member _.Columns = columns

    /// An empty replay of such transitions.
    member _.Replay(capacity: int) : Replay = Replay.ofPlan (TransitionColumns.plan environment columns) copies capacity

    /// Runs the state's policy: struct (the transitions by column, the state after acting).
    member _.Collect(state: TrainingState) : struct ((Column * float32[]) list * TrainingState) =
        let acted = actors.Collect(state, sinks)
        struct (data, { acted with Steps = state.Steps + int64 (steps * copies) })
