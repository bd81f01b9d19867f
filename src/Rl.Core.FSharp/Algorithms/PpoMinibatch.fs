/// Minibatches of a rollout: which samples, and their copies in the inputs of the compiled step.
namespace Rl.Core.Algorithms

open System
open Rl.Core.Foundations
open Rl.Core.Kernels
open Rl.Core.Autodiff
open Rl.Core.Networks

/// Where the samples of a minibatch come from: the units order[First …] of a rollout.
[<Struct>]
type internal MinibatchSource = { Rollout: Rollout; Returns: float32[]; Order: int[]; First: int }

/// The samples of a rollout, cut into units that are learned from as a whole (single steps, or sequences of a recurrent policy), and
/// copied into the minibatch program's inputs.
[<Sealed>]
type internal PpoMinibatch
    (step: Program<float32>, c: PpoConfiguration, network: ActorCritic, copies: int, units: int, hasMasks: bool) =
    let length = c.Sequence
    let observationSize = ActorCritic.inputs network
    let actionSize = network.Head.ActionSize
    let choices = if hasMasks then network.Head.Choices else 0

    // An input that the loss does not ask for has no place in the program.
    let input name = if step.HasInput name then step.InputMemory name else Memory.Empty

    let sides = PpoStep.sideCount network
    let parts = PpoStep.parts network units (units * length)
    let observations = Array.init sides (PpoStep.observationsOf >> input)
    let actions = input "actions"
    let masks = input "masks"
    let keep = input "keep"
    let states = input "states"
    let oldLogProbabilities = input "oldLogProbabilities"
    let oldValues = input "oldValues"
    let minibatchAdvantages = input "advantages"
    let minibatchReturns = input "returns"
    // Of a sequence's step l, unit u: the row of the rollout that is row l · units + u of the minibatch. Single steps need no such list.
    let rows = Array.zeroCreate<int>(if length = 1 then 0 else units * length)

    /// The rows `chosen` of a source [samples, width] become those of an input from `first` on.
    let fill (input: Memory<float32>) width (source: float32[]) (chosen: ReadOnlySpan<int>) first =
        if not input.IsEmpty then
            let target = input.Span.Slice(first * width, chosen.Length * width)
            Rows.gather (ReadOnlySpan source, width, chosen, target)

    /// What is not a number of the sample: what was possible, and whether its memory goes on.
    let fillFlags (rollout: Rollout) (chosen: ReadOnlySpan<int>) first =
        let masks = masks.Span
        let keep = keep.Span

        for row in 0 .. chosen.Length - 1 do
            for i in 0 .. choices - 1 do
                masks[(first + row) * choices + i] <- if rollout.Masks[chosen[row] * choices + i] then 1.0f else 0.0f

            if not keep.IsEmpty then
                // What was remembered ends with its episode.
                let isFirst = first + row < units

                keep[first + row] <-
                    if not isFirst && rollout.EpisodeLengths[chosen[row] - copies] > 0 then
                        0.0f
                    else
                        1.0f

    let mutable source: MinibatchSource voption = ValueNone

    /// Copies what a side reads of the units `from` to `until` − 1.
    let gather side from until =
        let { Rollout = rollout; Returns = returns; Order = order; First = first } = source.Value
        let own = ReadOnlySpan(order, first + from, until - from)

        for l in 0 .. length - 1 do
            let start = l * units + from
            let chosen = if length = 1 then own else ReadOnlySpan(rows, start, own.Length)
            fill observations[side] observationSize rollout.Observations chosen start

            if side = 0 then
                fill actions actionSize rollout.Actions chosen start
                fill oldLogProbabilities 1 rollout.LogProbabilities chosen start
                if choices > 0 || not keep.IsEmpty then fillFlags rollout chosen start

            if side = sides - 1 then
                fill oldValues 1 rollout.Values chosen start
                fill minibatchReturns 1 returns chosen start

        if side = 0 then fill states network.StateSize rollout.States own from

    let gatherLane =
        Action<int>(fun lane ->
            let part = lane / sides
            gather (lane % sides) (part * units / parts) ((part + 1) * units / parts))

    let readByLanes =
        [ "actions"; "masks"; "keep"; "states"; "oldLogProbabilities"; "oldValues"; "returns" ]
        |> List.append (List.init sides PpoStep.observationsOf)

    let lanesMayGather = parts * sides > 1 && not (List.exists step.IsReadByHead readByLanes)

    /// Chooses the samples: the units order[first + u] for the places u. Unit k of N copies is sequence k / N of copy k mod N.
    member _.Choose(rollout: Rollout, advantages: float32[], returns: float32[], order: int[], first: int) : unit =
        source <- ValueSome { Rollout = rollout; Returns = returns; Order = order; First = first }
        let own = ReadOnlySpan(order, first, units)

        if length > 1 then
            for unit in 0 .. units - 1 do
                for l in 0 .. length - 1 do
                    rows[l * units + unit] <- (own[unit] / copies * length + l) * copies + own[unit] % copies

        // They are standardised before lanes run.
        fill minibatchAdvantages 1 advantages (if length = 1 then own else ReadOnlySpan rows) 0

    /// Copies what the step reads of them.
    member _.Gather() : unit =
        for side in 0 .. sides - 1 do
            gather side 0 units

    /// Copies it and runs the step. Each thread copies what it is going to read.
    member this.Run(workers: Workers) : unit =
        if workers.Count > 1 && lanesMayGather then
            step.Run(workers, gatherLane)
        else
            this.Gather()
            step.Run workers
