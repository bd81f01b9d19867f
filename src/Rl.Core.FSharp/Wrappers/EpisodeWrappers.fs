/// Wrappers that change what a step is: time limits, repeated actions, autoreset in the next step; and the checker.
namespace Rl.Core.Wrappers

open System
open Rl.Core.Foundations
open Rl.Core.Environments

module private Below =

    /// Requires an inner batch whose copies can be stepped one by one, with autoreset in the same step.
    let requirePlain (wrapper: Wrapper) (inner: BatchEnvironment) =
        if inner.IsCoupled then
            Guard.fail
                (nameof wrapper)
                $"{wrapper} steps copies one by one, and a wrapper below couples them; put it below the normalisation."

        if inner.Autoreset = AutoresetMode.NextStep then
            Guard.fail (nameof wrapper) $"{wrapper} cannot wrap NextStepAutoreset; put it below."

/// Cuts episodes after a number of steps.
[<Sealed>]
type internal TimeLimited(wrapper: Wrapper, inner: BatchEnvironment, limit: int) as this =
    inherit WrappedBatch(wrapper, inner, None, None)
    let elapsed = this.Remember(Array.zeroCreate<int> inner.Count)

    do
        if inner.Autoreset = AutoresetMode.NextStep then
            Guard.fail (nameof wrapper) $"{wrapper} cannot wrap NextStepAutoreset; put it below."

    override _.MaxEpisodeSteps = if inner.MaxEpisodeSteps = 0 then limit else min limit inner.MaxEpisodeSteps

    override _.StepInner(first, copies, actions, result) =
        inner.Step(first, copies, actions, result)

        for copy in first .. first + copies - 1 do
            elapsed[copy] <- elapsed[copy] + 1

            if elapsed[copy] >= limit && not (result.Terminated.Span[copy] || result.Truncated.Span[copy]) then
                inner.Cut(copy, result)

    override _.OnBegin copy = elapsed[copy] <- 0

/// How many steps an episode has at most when each takes an action of an environment several times. A mask may cut
/// each of them to one.
[<RequireQualifiedAccess>]
module internal RepeatedSteps =
    let limit (times: int) (inner: BatchEnvironment) =
        if inner.HasActionMasks then
            inner.MaxEpisodeSteps
        else
            (inner.MaxEpisodeSteps + times - 1) / times

/// Takes each action several times, until the episode ends or a mask rules the action out; adds the rewards.
/// `isMaximum`: shows the element-wise maximum of the last two observations (Mnih et al. 2015), or the only one where
/// the episode ended at once.
[<Sealed>]
type internal Repeated(wrapper: Wrapper, inner: BatchEnvironment, times: int, isMaximum: bool) =
    inherit WrappedBatch(wrapper, inner, (if isMaximum then Some inner.ObservationSpace else None), None)
    do Below.requirePlain wrapper inner
    let size = inner.ObservationSize
    let before = Array.zeroCreate<float32>(if isMaximum then inner.Count * size else 0)
    let possible = PossibleActions inner
    let actionSize = inner.ActionSize

    /// Steps one copy until it has taken the action often enough.
    let repeat copy (actions: ReadOnlySpan<float32>) (result: StepBuffers) =
        let mutable total = 0.0
        let mutable taken = 0
        let mutable goesOn = true

        while goesOn do
            if isMaximum && taken > 0 then
                result.Observations.Span.Slice(copy * size, size).CopyTo(Span(before, copy * size, size))

            inner.Step(copy, 1, actions, result)
            taken <- taken + 1
            total <- total + result.ExactRewards.Span[copy]
            let hasEnded = result.Terminated.Span[copy] || result.Truncated.Span[copy]

            goesOn <-
                taken < times && not hasEnded && possible.Allow(copy, actions.Slice(copy * actionSize, actionSize))

            if isMaximum && taken > 1 && not goesOn then
                let last = if hasEnded then result.FinalObservations else result.Observations
                let row = last.Span.Slice(copy * size, size)

                for i in 0 .. size - 1 do
                    row[i] <- MathF.Max(row[i], before[copy * size + i])

        result.ExactRewards.Span[copy] <- total

    override _.MaxEpisodeSteps = RepeatedSteps.limit times inner

    override _.StepInner(first, copies, actions, result) =
        for copy in first .. first + copies - 1 do
            repeat copy actions result

/// Begins an episode in the step after the one that ends the last: that step's action is ignored and its reward is 0.
[<Sealed>]
type internal NextStep(wrapper: Wrapper, inner: BatchEnvironment) as this =
    inherit WrappedBatch(wrapper, inner, None, None)
    do Below.requirePlain wrapper inner
    let size = inner.ObservationSize
    // The first observations of episodes that are still to be shown.
    let held = this.Remember(Array.zeroCreate<float32>(inner.Count * size))
    let waits = this.Remember(Array.zeroCreate<bool> inner.Count)
    let current = this.Remember(Array.zeroCreate<float32>(inner.Count * size))

    override _.Autoreset = AutoresetMode.NextStep

    override _.Step(first, copies, actions, result) =
        Guard.notNegative "first" first
        Guard.inIntRange "count" 0 (inner.Count - first) copies
        Guard.length "actions" (inner.Count * inner.ActionSize) actions.Length
        result.Check(inner.Count, size)

        for copy in first .. first + copies - 1 do
            let row = result.Observations.Span.Slice(copy * size, size)
            let heldRow = Span(held, copy * size, size)

            if waits[copy] then
                heldRow.CopyTo row
                waits[copy] <- false
                result.Rewards.Span[copy] <- 0.0f
                if result.ExactRewards.Length > 0 then result.ExactRewards.Span[copy] <- 0.0
                result.Terminated.Span[copy] <- false
                result.Truncated.Span[copy] <- false
                result.EpisodeReturns.Span[copy] <- nan
                result.EpisodeLengths.Span[copy] <- 0
            else
                inner.Step(copy, 1, actions, result)

                if result.Terminated.Span[copy] || result.Truncated.Span[copy] then
                    row.CopyTo heldRow
                    result.FinalObservations.Span.Slice(copy * size, size).CopyTo row
                    waits[copy] <- true

            row.CopyTo(Span(current, copy * size, size))

    override _.Reset rng =
        inner.Reset rng
        Array.Clear waits
        inner.Observe(Span current)

    override _.Observe rows =
        Guard.length "observations" current.Length rows.Length
        ReadOnlySpan(current).CopyTo rows

    override _.Cut(_, _) =
        invalidOp $"A wrapper around NextStepAutoreset cannot cut episodes of {inner.Id}; put it below."

    override _.OnBegin copy =
        waits[copy] <- false
        if copy = 0 then inner.Observe(Span current)

/// Refuses what lies outside the spaces.
[<Sealed>]
type internal Checker(wrapper: Wrapper, inner: BatchEnvironment) as this =
    inherit WrappedBatch(wrapper, inner, Some inner.ObservationSpace, Some inner.ActionSpace)
    let steps = this.Remember(Array.zeroCreate<int> inner.Count)

    override _.OnObservation(copy, isFirst, source, destination) =
        let outside = inner.ObservationSpace.IndexOfOutside source
        if isFirst then steps[copy] <- 0 else steps[copy] <- steps[copy] + 1

        if outside >= 0 then
            raise (
                EnvironmentFailure.Outside(
                    inner.Id,
                    copy,
                    steps[copy],
                    outside,
                    float source[outside],
                    inner.ObservationSpace
                )
            )

        source.CopyTo destination

    override _.OnAction(copy, source, destination) =
        let outside = inner.ActionSpace.IndexOfOutside source

        if outside >= 0 then
            Guard.fail
                "actions"
                ($"{inner.Id}: the action of copy {copy} has {source[outside]} as component {outside}; it must lie "
                 + $"in {inner.ActionSpace}.")

        source.CopyTo destination
