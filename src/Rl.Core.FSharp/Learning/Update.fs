/// A compiled update: it takes its groups and samples in, moves the groups, and finds the number that is not finite
/// where there is one.
namespace Rl.Core.Learning

open System
open System.Collections.Generic
open Rl.Core.Autodiff
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Kernels
open Rl.Core.Networks
open Rl.Core.Optimisers

/// The program of an update and the places in its memory.
[<Sealed>]
type internal CompiledUpdate(source: UpdateSource) =
    let program = Program.compile<float32> source.Program
    let sides = source.Analysis.Sides.Length
    let vital = source.Vital |> List.map program.OutputMemory |> List.toArray
    let inputs = source.Analysis.Inputs |> List.filter (fun input -> program.HasInput input.Input)
    let isShared (input: ColumnInput) = input.Column.Kind = ColumnKind.Shared

    // What lanes may copy for themselves, by side, and what must be there before they start.
    let byLanes (input: ColumnInput) = input.Side >= 0 && not (program.IsReadByHead input.Input)

    let plansOf (chosen: ColumnInput list) =
        chosen
        |> List.map (fun input -> struct (input.Column, program.InputMemory input.Input))
        |> List.toArray

    let first = inputs |> List.filter (fun input -> not (isShared input) && not (byLanes input)) |> plansOf

    let ofSides =
        Array.init sides (fun side ->
            inputs |> List.filter (fun input -> byLanes input && input.Side = side) |> plansOf)

    let groups =
        dict
            [
                for group, start in source.Analysis.Groups ->
                    group.Name, (program.InputMemory "theta").Slice(start, group.Layout.Count)
            ]

    let kept: struct (Memory<float32> * string * int)[] =
        [|
            for group, start in source.Analysis.Groups do
                let working = (program.InputMemory "theta").Slice(start, group.Layout.Count)

                match group.Place with
                | GroupPlace.Theta first -> struct (working, "", first)
                | GroupPlace.Array _ -> struct (working, group.Name, 0)
            for name, variables in source.Optimisers do
                for variable in variables do
                    let name = UpdateSource.variable name variable.Name
                    // Of an optimiser whose parameters are all frozen nothing is read.
                    if program.HasInput name then struct (program.InputMemory name, name, 0)
        |]

    /// What was compiled.
    member _.Source = source
    member _.Program = program
    /// The outputs that must be finite.
    member _.Vital = vital
    /// The columns that the program reads.
    member _.Inputs = inputs
    /// What must be there before lanes start.
    member _.First = first
    /// What lanes may copy for themselves, by side.
    member _.OfSides = ofSides
    /// The memory of each group by name.
    member _.Groups = groups
    /// The program's memory of what it keeps between transitions, with the name of the array that has it in a state (""
    /// for θ) and its place there.
    member _.Kept = kept

/// An update of a plan's groups for samples of its shape. `Load`, then choose samples and `Run` as often as you like,
/// then `Store`. Not thread-safe.
[<Sealed>]
type Update internal (plan: UpdatePlan) =
    let mutable compiled = CompiledUpdate(UpdateSource.create plan)
    let analysis = compiled.Source.Analysis
    let parts, sides = analysis.Parts, analysis.Sides.Length
    let units, length = plan.Shape.Units, max 1 plan.Shape.Sequence
    let lanesMayGather = parts * sides > 1

    /// Compiles for other frozen blocks, with the shared columns as they were set.
    let freeze (blocks: FrozenBlock list) =
        let frozen = UpdateSource.frozenWithin plan blocks

        if frozen <> compiled.Source.Frozen then
            let before = compiled
            compiled <- CompiledUpdate(UpdateSource.createWith frozen plan)

            for input in compiled.Inputs do
                let isKnown = input.Column.Kind = ColumnKind.Shared && before.Program.HasInput input.Input

                if isKnown then
                    (before.Program.InputMemory input.Input).CopyTo(compiled.Program.InputMemory input.Input)

    // Of step l and unit u: the row of the samples that is row l · units + u here. Single steps need no such list.
    let rows = Array.zeroCreate<int>(if plan.Shape.Sequence > 0 then units * length else 0)
    let mutable samples: Samples voption = ValueNone
    let mutable chosen = ArraySegment<int>()
    // Whether the chosen samples are still to be copied.
    let mutable isNew = false
    let everything = lazy (Array.init units id)

    /// Copies a column's rows of the units `from` to `until` − 1.
    let fill (struct (column: Column, memory: Memory<float32>)) from until =
        let width = column.Numbers
        let data = ReadOnlySpan samples.Value[column]

        match column.Kind with
        | ColumnKind.Step when rows.Length > 0 ->
            for l in 0 .. length - 1 do
                let start = l * units + from
                let target = memory.Span.Slice(start * width, (until - from) * width)
                Rows.gather (data, width, ReadOnlySpan(rows, start, until - from), target)
        | _ ->
            let own = ReadOnlySpan(chosen.Array, chosen.Offset + from, until - from)
            Rows.gather (data, width, own, memory.Span.Slice(from * width, own.Length * width))

    let gather side from until =
        for plan in compiled.OfSides[side] do
            fill plan from until

    let gatherLane =
        Action<int>(fun lane ->
            let part = lane / sides
            gather (lane % sides) (part * units / parts) ((part + 1) * units / parts))

    let gatherAll () =
        for side in 0 .. sides - 1 do
            gather side 0 units

    /// The step and copy of a row or unit of the chosen samples.
    let placeOf row : struct (int * int) =
        match samples with
        | ValueNone -> struct (-1, -1)
        | ValueSome known ->
            let unit = chosen[row]

            if rows.Length > 0 then
                let copies = known.Copies
                known.Place((unit / copies * length) * copies + unit % copies)
            else
                known.Place unit

    let optimisers =
        HashSet<string>(
            seq {
                for name, variables in compiled.Source.Optimisers do
                    for variable in variables do
                        UpdateSource.variable name variable.Name
            }
        )

    let isOptimisers name = optimisers.Contains name

    let mutable runs = 0
    let mutable position: Minibatch voption = ValueNone
    let mutable watched: struct (string * int64) voption = ValueNone

    let isFinite () =
        let mutable finite = true

        for output in compiled.Vital do
            finite <- finite && Single.IsFinite output.Span[0]

        finite

    let thetaIsFinite () = TrainingFailure.isFinite (Span.op_Implicit (compiled.Program.Input "theta"))

    let failure (algorithm: string) update before =
        let axes =
            compiled.Inputs
            |> List.map (fun input -> input.Input, input.Column.SampleAxis plan.Shape)
            |> Map.ofList

        let axisOf name = axes.TryFind name |> Option.defaultValue ValueNone
        let isVital (name, _) = List.contains name compiled.Source.Vital
        let outputs = compiled.Source.Program.Outputs |> List.filter isVital

        let struct (epoch, number) =
            match position with
            | ValueSome minibatch -> struct (minibatch.Epoch, minibatch.Number)
            | ValueNone -> struct (0, runs)

        TrainingFailure.find
            algorithm
            update
            plan.Name
            epoch
            number
            { compiled.Source.Program with Outputs = outputs }
            axisOf
            placeOf
            before

    /// The arrays of the state that the update keeps between transitions, with their first values, in the order of
    /// files of version 2.
    member _.Arrays: (string * float32[]) list =
        [
            for group, _ in analysis.Groups do
                match group.Place with
                | GroupPlace.Array initial -> group.Name, initial
                | GroupPlace.Theta _ -> ()
            for name, variables in compiled.Source.Optimisers do
                for variable in variables do
                    UpdateSource.variable name variable.Name,
                    Array.create (Shape.count variable.Shape) (float32 variable.Initial)
        ]

    /// What was compiled: its input "theta" holds the groups one after the other.
    member _.Source: ProgramSource = compiled.Source.Program
    /// The compiled program; another one after `Load` of a state with other frozen blocks.
    member _.Program = compiled.Program
    /// The samples of a run.
    member _.Shape = plan.Shape

    /// The numbers of a group as runs have left them, to be read and written between runs until the next `Load`; fails
    /// if there is no such group.
    member _.Group(name: string) : Memory<float32> =
        match compiled.Groups.TryGetValue name with
        | true, numbers -> numbers
        | _ -> Guard.fail (nameof name) $"The {plan.Name} has no group {name}."

    /// Takes over θ's groups, the groups beside θ, the optimisers' variables, and which blocks of θ are frozen: runs
    /// leave these and what optimisers keep of them as they are, and count them as constants.
    member _.Load(draft: Draft) : unit =
        freeze draft.Frozen

        for struct (working, name, first) in compiled.Kept do
            let source = if name = "" then draft.CurrentTheta else draft.Current name
            ReadOnlySpan(source, first, working.Length).CopyTo working.Span

        runs <- 0

    /// Writes them back; `NonFiniteStep` where one of θ is not finite. Optimisers' variables that have decayed to
    /// subnormal numbers become 0.
    member this.Store(draft: Draft) : unit =
        if not (thetaIsFinite ()) then raise (NonFiniteStep this)

        for struct (working, name, first) in compiled.Kept do
            let target = if name = "" then draft.Theta else draft.Overwritten name
            let target = target.AsSpan(first, working.Length)

            if isOptimisers name then
                Subnormal.copyWithout (Span.op_Implicit working.Span) target
            else
                working.Span.CopyTo target

    /// Sets a column that all samples share, if the loss or an optimiser reads it.
    member _.Set(column: Column, values: ReadOnlySpan<float32>) : unit =
        if compiled.Program.HasInput column.Name then
            compiled.Program.Set(column.Name, values)

    /// Sets a scalar that all samples share, if the loss or an optimiser reads it.
    member this.Set(column: Column, value: float) : unit =
        let value = float32 value
        this.Set(column, ReadOnlySpan<float32>(&value))

    /// Chooses the samples of the next runs: these units, as many as the update's shape has. Sequence k of N copies
    /// is that of steps ⌊k / N⌋ · L … of copy k mod N. The list is read until the next choice.
    member _.Choose(data: Samples, these: ArraySegment<int>) : unit =
        Guard.length (nameof these) units these.Count
        samples <- ValueSome data
        chosen <- these

        if rows.Length > 0 then
            let copies = data.Copies

            for unit in 0 .. units - 1 do
                let first = (these[unit] / copies * length) * copies + these[unit] % copies

                for l in 0 .. length - 1 do
                    rows[l * units + unit] <- first + l * copies

        for plan in compiled.First do
            fill plan 0 units

        isNew <- true
        position <- ValueNone

    /// Chooses all samples, in their order.
    member this.ChooseAll(data: Samples) : unit = this.Choose(data, ArraySegment everything.Value)

    /// Chooses the samples of a minibatch.
    member this.Choose(data: Samples, minibatch: Minibatch) : unit =
        this.Choose(data, minibatch.Units)
        position <- ValueSome minibatch

    /// Moves the groups on by the chosen samples; `NonFiniteStep` where a term or the gradient is not finite. The
    /// result does not depend on the number of threads. Each thread copies the samples that it is going to read.
    member this.Run(workers: Workers) : unit =
        let program = compiled.Program
        runs <- runs + 1
        let isWatched = watched.IsSome

        let before =
            if isWatched then
                if isNew then gatherAll ()
                isNew <- false
                TrainingFailure.inputs program
            else
                []

        if not isNew then
            program.Run workers
        elif workers.Count > 1 && lanesMayGather then
            program.Run(workers, gatherLane)
        else
            gatherAll ()
            program.Run workers

        isNew <- false

        match watched with
        | ValueSome(struct (algorithm, update)) ->
            if not (isFinite () && thetaIsFinite ()) then
                raise (failure algorithm update before)
        | ValueNone -> if not (isFinite ()) then raise (NonFiniteStep this)

    /// A term's value, or "gradientNorm", of the last run.
    member _.Scalar(name: string) : float = float (compiled.Program.Scalar name)

    /// The numbers of a term of every sample (`Term.each`) in the last run, in the order of the chosen samples.
    member _.Each(name: string) : ReadOnlyMemory<float32> =
        match analysis.Terms |> List.tryFind (fun term -> term.Name = name && term.Kind.IsEach) with
        | Some _ -> compiled.Program.OutputMemory name
        | None -> Guard.fail (nameof name) $"The {plan.Name} has no term {name} of every sample."

    /// From the next run on, each is examined, and the first that makes a number that is not finite raises
    /// `TrainingFailure`.
    member internal _.Watch(algorithm: string, update: int64) = watched <- ValueSome(struct (algorithm, update))

    /// Runs are quick again.
    member internal _.Unwatch() = watched <- ValueNone

/// An update made a number that is not finite; doing the learning of the transition again with the update watched
/// tells where.
and internal NonFiniteStep(update: Update) =
    inherit Exception("An update made a number that is not finite.")
    member _.Update = update

/// Means of terms over the runs of an update.
[<Sealed>]
type Means(update: Update, names: string list) =
    let names = List.toArray names
    // Found at the first run: a load may have compiled the update anew.
    let mutable outputs: ReadOnlyMemory<float32>[] = [||]
    let sums = Array.zeroCreate<float> names.Length
    let mutable count = 0

    /// Takes the update's last run in.
    member _.Add() : unit =
        if count = 0 then outputs <- names |> Array.map update.Program.OutputMemory

        for index in 0 .. outputs.Length - 1 do
            sums[index] <- sums[index] + float (outputs[index].Span[0])

        count <- count + 1

    /// The sum of a term so far.
    member _.Sum(name: string) : float = sums[Array.IndexOf(names, name)]

    /// The means so far, by name.
    member _.All: struct (string * float)[] =
        names |> Array.mapi (fun index name -> struct (name, sums[index] / float (max count 1)))

/// Building updates.
[<RequireQualifiedAccess>]
module Update =

    /// The compiled update of a plan.
    let create (plan: UpdatePlan) : Update = Update plan
