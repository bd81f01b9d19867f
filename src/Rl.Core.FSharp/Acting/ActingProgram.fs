/// A network compiled for acting: policy, value and recurrent state of a number of rows.
namespace Rl.Core.Acting

open System
open Rl.Core.Foundations
open Rl.Core.Autodiff
open Rl.Core.Learning
open Rl.Core.Networks

/// An output of a network that was not finite while it acted. Learners tell it as a `TrainingFailure`.
[<Sealed>]
type internal NonFiniteActing(step: int, copy: int, source: ProgramSource, inputs: (string * int[] * float32[]) list) =
    inherit Exception("A network made a number that is not finite while it acted.")
    /// From 0, within what is being collected.
    member _.Step = step
    member _.Copy = copy

    /// The first operation that made it, in the copy's own row alone, so that neither threads nor other copies show.
    member _.Told(algorithm: string, update: int64) : TrainingFailure =
        let sampleAxis name = if name = "theta" then ValueNone else ValueSome 0
        TrainingFailure.find algorithm update "acting" 0 1 source sampleAxis (fun _ -> struct (step, copy)) inputs

/// Inputs are written before `Run`, outputs read after it; nothing is allocated. Not thread-safe.
[<Sealed>]
type internal ActingProgram(actor: Actor, critic: Mlp option, layout: Layout, rows: int, observationSize: int) =
    let head = actor.Distribution
    let outputs = head.Outputs
    let choices = head.Choices
    let stateSize = actor.StateSize
    let withValue = critic.IsSome

    let expressions rows =
        let parameters = Parameters.create layout (Expr.input "theta" [| layout.Count |])
        let observations = Expr.input "observations" [| rows; observationSize |]

        let state () = Expr.input "state" [| rows; stateSize |]

        match critic, stateSize with
        | Some critic, 0 -> struct (ActorCritic.apply { Actor = actor; Critic = critic } parameters observations, None)
        | Some critic, _ ->
            let network = { Actor = actor; Critic = critic }
            let struct (output, next) = ActorCritic.step network parameters observations (state ())
            struct (output, Some next)
        | None, 0 -> struct (Actor.apply actor parameters observations, None)
        | None, _ ->
            let struct (output, next) = Actor.step actor parameters observations (state ())
            struct (output, Some next)

    let struct (output, nextState) = expressions rows

    let optional name (value: Expr option) =
        match value with
        | Some value -> [ name, value ]
        | None -> []

    let program =
        Program.ofOutputs<float32>(
            [ "policy", output.Policy ]
            @ (if withValue then [ "value", output.Value ] else [])
            @ optional "logStandardDeviation" output.LogStandardDeviation
            @ optional "features" output.Features
            @ optional "nextState" nextState
        )

    let outputOf name (value: Expr option) = if value.IsSome then program.OutputMemory name else ReadOnlyMemory.Empty

    let theta = program.InputMemory "theta"
    let observations = program.InputMemory "observations"
    let state = if stateSize > 0 then program.InputMemory "state" else Memory.Empty
    let policy = program.OutputMemory "policy"
    let value = if withValue then program.OutputMemory "value" else ReadOnlyMemory.Empty
    let deviation = outputOf "logStandardDeviation" output.LogStandardDeviation
    let features = outputOf "features" output.Features
    let nextState = outputOf "nextState" nextState
    let masked = Array.zeroCreate<float32> outputs

    let deviationSize =
        match output.LogStandardDeviation with
        | Some deviation -> deviation.Shape[deviation.Rank - 1]
        | None -> 0

    /// Policy and state, without a value.
    new(actor: Actor, layout, rows, observationSize) = ActingProgram(actor, None, layout, rows, observationSize)

    /// With policy, value and state.
    new(network: ActorCritic, layout, rows, observationSize) =
        ActingProgram(network.Actor, Some network.Critic, layout, rows, observationSize)

    member _.Theta = theta.Span
    member _.Observations = observations.Span
    /// [rows, stateSize]: the recurrent states before the step.
    member _.State = state.Span
    member _.Policy = policy.Span
    member _.Value = value.Span
    /// [rows, features] of the actor, for state-dependent exploration.
    member _.Features = features.Span
    /// [rows, stateSize]: the recurrent states after the step.
    member _.NextState = nextState.Span
    /// The outputs of one row.
    member _.PolicyOf row = policy.Span.Slice(row * outputs, outputs)

    /// The deviations of one row: its own or those of all.
    member _.DeviationOf row =
        if deviation.Length > deviationSize then
            deviation.Span.Slice(row * deviationSize, deviationSize)
        else
            deviation.Span

    /// The outputs of one row with the choices that `possible` forbids ruled out; an empty mask forbids none. Valid
    /// until the next call.
    member this.PolicyOf(row: int, possible: ReadOnlySpan<bool>) : ReadOnlySpan<float32> =
        let own = this.PolicyOf row

        if possible.IsEmpty then
            own
        else
            Guard.length "mask" choices possible.Length
            own.CopyTo(Span masked)
            Policy.mask head possible (Span masked)
            ReadOnlySpan masked

    member _.Run() = program.Run()

    /// `Run` in the step of that number, row i for the copy `first` + i; raises `NonFiniteActing` where policy or value
    /// are not finite.
    member this.Run(step: int, first: int) =
        program.Run()

        if not (TrainingFailure.isFinite policy.Span && TrainingFailure.isFinite value.Span) then
            let isFinite row =
                TrainingFailure.isFinite (this.PolicyOf row) && (not withValue || Single.IsFinite(value.Span[row]))

            let row = Seq.find (fun row -> not (isFinite row)) (seq { 0 .. rows - 1 })
            let struct (output, _) = expressions 1
            let outputs = [ "policy", output.Policy ] @ (if withValue then [ "value", output.Value ] else [])
            let own (values: Memory<float32>) size = values.Span.Slice(row * size, size).ToArray()

            let inputs =
                [
                    "theta", [| layout.Count |], theta.ToArray()
                    "observations", [| 1; observationSize |], own observations observationSize
                    if stateSize > 0 then "state", [| 1; stateSize |], own state stateSize
                ]

            raise (NonFiniteActing(step, first + row, { Outputs = outputs; Carried = [] }, inputs))
