/// Experts: who is asked what to do, and what becomes of answers that cannot be followed.
namespace Rl.Core.Algorithms

open System
open System.Globalization
open Rl.Core.Environments
open Rl.Core.Foundations

/// Writes what an expert does in `rows` states: `observations` [rows, observationSize] as the environment shows them,
/// `masks` [rows, choices] of what is possible (empty where everything always is), `actions` [rows, actionSize] as the
/// environment takes them. Asked by one thread at a time.
type ExpertActions =
    delegate of
        rows: int * observations: ReadOnlySpan<float32> * masks: ReadOnlySpan<bool> * actions: Span<float32> -> unit

/// An expert did not answer, or answered what is no action. The message names it, the step and the copy.
type ExpertFailure(message: string, inner: exn | null) =
    inherit Exception(message, inner)

/// An expert by name.
[<NoEquality; NoComparison>]
type Expert =
    {
        /// What messages call it, such as "expert.rl".
        Name: string
        Act: ExpertActions
    }

/// Asking experts.
[<RequireQualifiedAccess>]
module Expert =

    let private fail (message: string) (inner: exn | null) = raise (ExpertFailure(message, inner))

    /// Clips numbers to their boxes in place.
    let rec private clip (space: Space) (action: Span<float32>) : unit =
        match space with
        | Space.Box(low, high, _) ->
            for index in 0 .. action.Length - 1 do
                action[index] <- MathF.Min(float32 high[index], MathF.Max(float32 low[index], action[index]))
        | Space.Tuple _
        | Space.Dict _ ->
            let mutable offset = 0

            for _, part in space.Parts do
                clip part (action.Slice(offset, part.Size))
                offset <- offset + part.Size
        | Space.Discrete _
        | Space.MultiDiscrete _
        | Space.MultiBinary _ -> ()

    let private print (action: ReadOnlySpan<float32>) =
        String.Join(", ", action.ToArray() |> Array.map (fun x -> x.ToString("R", CultureInfo.InvariantCulture)))

    /// Asks for the actions of some rows; `step` counts environment steps of a copy, from 0, for messages.
    /// `ExpertFailure` where it throws, or where an action is not finite or not of the space; an
    /// `OperationCanceledException` passes: the expert was asked to stop. Numbers that lie outside their box are
    /// clipped to it, as the environment would.
    let ask
        (expert: Expert)
        (actionSpace: Space)
        (step: int64)
        (observations: ReadOnlySpan<float32>)
        (masks: ReadOnlySpan<bool>)
        (actions: Span<float32>)
        : unit =
        let size = actionSpace.Size
        actions.Fill nanf

        try
            expert.Act.Invoke(actions.Length / size, observations, masks, actions)
        with
        | :? ExpertFailure
        | :? OperationCanceledException -> reraise ()
        | error ->
            fail
                ($"The expert {expert.Name} failed when it was asked at step {step}: "
                 + $"{Guard.sentence error.Message} An expert must answer every observation of the environment that it "
                 + "is imitated in.")
                error

        for row in 0 .. actions.Length / size - 1 do
            let action = actions.Slice(row * size, size)

            for index in 0 .. size - 1 do
                if not (Single.IsFinite action[index]) then
                    fail
                        ($"The expert {expert.Name} answered the action [{print (Span.op_Implicit action)}] at step "
                         + $"{step} of copy {row}; all {size} numbers of an action must be written and be finite.")
                        null

            clip actionSpace action

            if not (actionSpace.Contains(Span.op_Implicit action)) then
                fail
                    ($"The expert {expert.Name} answered the action [{print (Span.op_Implicit action)}] at step {step} "
                     + $"of copy {row}, which is none of {actionSpace}. Give actions as the environment takes them.")
                    null

    /// Whether an action of a space is possible by a mask of its choices.
    let rec private allows (space: Space) (mask: ReadOnlySpan<bool>) (action: ReadOnlySpan<float32>) : bool =
        match space with
        | Space.Box _ -> true
        | Space.Discrete(_, start) -> mask[int action[0] - start]
        | Space.MultiDiscrete(counts, starts) ->
            let mutable possible, first = true, 0

            for index in 0 .. counts.Length - 1 do
                possible <- possible && mask[first + int action[index] - starts[index]]
                first <- first + counts[index]

            possible
        | Space.MultiBinary _ ->
            let mutable possible = true

            for index in 0 .. action.Length - 1 do
                possible <- possible && mask[2 * index + int action[index]]

            possible
        | Space.Tuple _
        | Space.Dict _ ->
            let mutable possible, first, from = true, 0, 0

            for _, part in space.Parts do
                possible <- possible && allows part (mask.Slice(first, part.Choices)) (action.Slice(from, part.Size))

                first <- first + part.Choices
                from <- from + part.Size

            possible

    /// `ask` for who learns from the answers: `ExpertFailure` also where one is impossible by its mask, for a policy
    /// with masks can never do it.
    let askForPossible
        (expert: Expert)
        (actionSpace: Space)
        (step: int64)
        (observations: ReadOnlySpan<float32>)
        (masks: ReadOnlySpan<bool>)
        (actions: Span<float32>)
        : unit =
        ask expert actionSpace step observations masks actions
        let size, choices = actionSpace.Size, actionSpace.Choices

        if not masks.IsEmpty then
            for row in 0 .. actions.Length / size - 1 do
                let action: ReadOnlySpan<float32> = Span.op_Implicit (actions.Slice(row * size, size))

                if not (allows actionSpace (masks.Slice(row * choices, choices)) action) then
                    fail
                        ($"The expert {expert.Name} answered the action [{print action}] at step {step} of copy {row}, "
                         + "which is not possible there by the environment's mask. Choose among what the mask allows, "
                         + "which an expert is told together with the observation.")
                        null
