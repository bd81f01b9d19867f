/// How wrappers are laid out in a checkpoint.
namespace Rl.Core.Training

open Rl.Core.Environments
open Rl.Core.Wrappers

/// Wrappers, and what they are around.
type Wrapping =
    {
        /// The innermost first.
        Wrappers: Wrapper list
        /// The observations below the wrappers.
        ObservationSpace: Space
        /// The actions below the wrappers.
        ActionSpace: Space
    }

[<RequireQualifiedAccess>]
module Wrapping =

    /// No wrappers.
    let none (observationSpace: Space) (actionSpace: Space) =
        { Wrappers = []; ObservationSpace = observationSpace; ActionSpace = actionSpace }

    /// The wrappers of a batch.
    let ofBatch (batch: BatchEnvironment) : Wrapping =
        let rec descend (outer: Wrapper list) (batch: BatchEnvironment) =
            match batch with
            | :? DynamicsRandomised as robot ->
                { none robot.Bare.ObservationSpace robot.Bare.ActionSpace with Wrappers = robot.Wrapper :: outer }
            | :? WrappedBatch as wrapped -> descend (wrapped.Wrapper :: outer) wrapped.Inner
            | _ -> { none batch.ObservationSpace batch.ActionSpace with Wrappers = outer }

        descend [] batch

[<RequireQualifiedAccess>]
module internal WrapperFormat =

    let private writeFlag (output: BinaryOut) flag = output.Byte(if flag then 1 else 0)
    let private readFlag (input: BinaryIn) = input.Byte() <> 0

    let private writeFunction (output: BinaryOut) (f: UserFunction<'Function>) =
        output.Text f.Name
        writeFlag output f.Space.IsSome
        f.Space |> Option.iter (CheckpointFormat.writeSpace output)

    /// The name and the space; the function itself is in no file.
    let private readFunction (input: BinaryIn) : UserFunction<'Function> =
        let name = input.Text()
        UserFunction(name, (if readFlag input then Some(CheckpointFormat.readSpace input) else None), None)

    let private write (output: BinaryOut) (wrapper: Wrapper) =
        let tag (kind: int) = output.Byte kind

        match wrapper with
        | Wrapper.TimeLimit steps ->
            tag 0
            output.Int steps
        | Wrapper.RecordEpisodeStatistics -> tag 1
        | Wrapper.NormalizeObservation epsilon ->
            tag 2
            output.Float epsilon
        | Wrapper.NormalizeReward(discount, epsilon) ->
            tag 3
            output.Float discount
            output.Float epsilon
        | Wrapper.TransformObservation f ->
            tag 4
            writeFunction output f
        | Wrapper.TransformReward f ->
            tag 5
            writeFunction output f
        | Wrapper.TransformAction f ->
            tag 6
            writeFunction output f
        | Wrapper.ClipAction -> tag 7
        | Wrapper.ClipReward(low, high) ->
            tag 8
            output.Float low
            output.Float high
        | Wrapper.RescaleAction(low, high) ->
            tag 9
            output.Floats low
            output.Floats high
        | Wrapper.RescaleObservation(low, high) ->
            tag 10
            output.Floats low
            output.Floats high
        | Wrapper.FrameStackObservation(size, padding) ->
            tag 11
            output.Int size

            match padding with
            | FramePadding.Reset -> tag 0
            | FramePadding.Zero -> tag 1
            | FramePadding.Value values ->
                tag 2
                output.Singles values
        | Wrapper.TimeAwareObservation(isFlat, isNormalised) ->
            tag 12
            writeFlag output isFlat
            writeFlag output isNormalised
        | Wrapper.DelayObservation delay ->
            tag 13
            output.Int delay
        | Wrapper.FlattenObservation -> tag 14
        | Wrapper.FilterObservation names ->
            tag 15
            CheckpointFormat.writeList (fun output name -> output.Text name) output names
        | Wrapper.ReshapeObservation shape ->
            tag 16
            output.Ints shape
        | Wrapper.GrayscaleObservation keepsChannel ->
            tag 17
            writeFlag output keepsChannel
        | Wrapper.ResizeObservation(height, width) ->
            tag 18
            output.Int height
            output.Int width
        | Wrapper.DiscretizeObservation(bins, isMulti) ->
            tag 19
            output.Ints bins
            writeFlag output isMulti
        | Wrapper.DiscretizeAction(bins, isMulti) ->
            tag 20
            output.Ints bins
            writeFlag output isMulti
        | Wrapper.MaxAndSkipObservation skip ->
            tag 21
            output.Int skip
        | Wrapper.RepeatAction count ->
            tag 22
            output.Int count
        | Wrapper.StickyAction(probability, shortest, longest) ->
            tag 23
            output.Float probability
            output.Int shortest
            output.Int longest
        | Wrapper.PassiveEnvironmentChecker -> tag 24
        | Wrapper.NextStepAutoreset -> tag 25
        | Wrapper.CountBonus(scale, bins) ->
            tag 26
            output.Float scale
            output.Ints bins
        | Wrapper.RandomNetworkDistillation(scale, learningRate, width, seed) ->
            tag 27
            output.Float scale
            output.Float learningRate
            output.Int width
            output.Int seed
        | Wrapper.RandomizeDynamics ranges ->
            tag 28

            output.Floats
                [|
                    for own in DynamicsRanges.bounds ranges do
                        yield! [ own.Low; own.High ]
                |]

            CheckpointFormat.writeList (fun output name -> output.Text name) output ranges.Bodies
            writeFlag output ranges.ShowsPrivileged

    let private readRanges (input: BinaryIn) : DynamicsRanges =
        let bounds = input.Floats()

        if bounds.Length <> 2 * DynamicsRanges.names.Length then
            input.Fail
                $"it has {bounds.Length} bounds of a robot's numbers; there are {2 * DynamicsRanges.names.Length}"

        let range index = DynamicsRanges.range bounds[2 * index] bounds[2 * index + 1]
        let bodies = CheckpointFormat.readList (fun input -> input.Text()) input

        {
            Mass = range 0
            Friction = range 1
            Damping = range 2
            Strength = range 3
            ActionDelay = range 4
            ObservationNoise = range 5
            Bodies = bodies
            ShowsPrivileged = readFlag input
        }

    let private readPadding (input: BinaryIn) =
        match input.Byte() with
        | 0 -> FramePadding.Reset
        | 1 -> FramePadding.Zero
        | 2 -> FramePadding.Value(input.Singles())
        | kind -> input.Fail $"it holds a padding of the unknown kind {kind}"

    let private read (input: BinaryIn) : Wrapper =
        /// Two values in the order of the file.
        let two (first: unit -> 'A) (second: unit -> 'B) make =
            let one = first ()
            make (one, second ())

        let flag () = readFlag input

        match input.Byte() with
        | 0 -> Wrapper.TimeLimit(input.Int())
        | 1 -> Wrapper.RecordEpisodeStatistics
        | 2 -> Wrapper.NormalizeObservation(input.Float())
        | 3 -> two input.Float input.Float Wrapper.NormalizeReward
        | 4 -> Wrapper.TransformObservation(readFunction input)
        | 5 -> Wrapper.TransformReward(readFunction input)
        | 6 -> Wrapper.TransformAction(readFunction input)
        | 7 -> Wrapper.ClipAction
        | 8 -> two input.Float input.Float Wrapper.ClipReward
        | 9 -> two input.Floats input.Floats Wrapper.RescaleAction
        | 10 -> two input.Floats input.Floats Wrapper.RescaleObservation
        | 11 -> two input.Int (fun () -> readPadding input) Wrapper.FrameStackObservation
        | 12 -> two flag flag Wrapper.TimeAwareObservation
        | 13 -> Wrapper.DelayObservation(input.Int())
        | 14 -> Wrapper.FlattenObservation
        | 15 -> Wrapper.FilterObservation(CheckpointFormat.readList (fun input -> input.Text()) input)
        | 16 -> Wrapper.ReshapeObservation(input.Ints())
        | 17 -> Wrapper.GrayscaleObservation(flag ())
        | 18 -> two input.Int input.Int Wrapper.ResizeObservation
        | 19 -> two input.Ints flag Wrapper.DiscretizeObservation
        | 20 -> two input.Ints flag Wrapper.DiscretizeAction
        | 21 -> Wrapper.MaxAndSkipObservation(input.Int())
        | 22 -> Wrapper.RepeatAction(input.Int())
        | 23 ->
            let probability = input.Float()
            let shortest = input.Int()
            Wrapper.StickyAction(probability, shortest, input.Int())
        | 24 -> Wrapper.PassiveEnvironmentChecker
        | 25 -> Wrapper.NextStepAutoreset
        | 26 -> two input.Float input.Ints Wrapper.CountBonus
        | 27 ->
            let scale = input.Float()
            let learningRate = input.Float()
            let width = input.Int()
            Wrapper.RandomNetworkDistillation(scale, learningRate, width, input.Int())
        | 28 -> Wrapper.RandomizeDynamics(readRanges input)
        | kind -> input.Fail $"it holds a wrapper of the unknown kind {kind}"

    let writeWrapping (output: BinaryOut) (wrapping: Wrapping) =
        CheckpointFormat.writeSpace output wrapping.ObservationSpace
        CheckpointFormat.writeSpace output wrapping.ActionSpace
        CheckpointFormat.writeList write output wrapping.Wrappers

    let readWrapping (input: BinaryIn) : Wrapping =
        let observationSpace = CheckpointFormat.readSpace input
        let actionSpace = CheckpointFormat.readSpace input

        let wrappers = CheckpointFormat.readList read input

        if wrappers.Length > Wrapper.Most then
            input.Fail $"it has {wrappers.Length} wrappers, more than {Wrapper.Most}"

        { Wrappers = wrappers; ObservationSpace = observationSpace; ActionSpace = actionSpace }
