/// Acting with a policy that was trained in a wrapped environment: observations and actions are those below the
/// wrappers.
namespace Rl.Core.Training

open System
open Rl.Core.Foundations
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Learning
open Rl.Core.Wrappers

/// What must be known of the environment below the wrappers besides its spaces.
type ActingFacts =
    {
        /// The number of steps after which an episode is truncated; 0 for no limit, or where it is not known.
        MaxEpisodeSteps: int
        /// Whether the policy was trained with action masks.
        HasActionMasks: bool
    }

/// An environment of one copy that shows the observation that it is given and keeps the action that it gets.
[<Sealed>]
type private Given(wrapping: Wrapping, facts: ActingFacts) =
    inherit BatchEnvironment()
    let observation = Array.zeroCreate<float32> wrapping.ObservationSpace.Size
    let action = Array.zeroCreate<float32> wrapping.ActionSpace.Size
    member _.Observation = observation
    member _.Action = action
    override _.Id = "the wrapped environment"
    override _.Count = 1
    override _.ObservationSpace = wrapping.ObservationSpace
    override _.ActionSpace = wrapping.ActionSpace
    override _.ObservationSize = observation.Length
    override _.ActionSize = action.Length
    override _.MaxEpisodeSteps = facts.MaxEpisodeSteps
    override _.HasActionMasks = facts.HasActionMasks
    override _.RewardThreshold = nan
    override _.Reset _ = ()
    override _.Observe rows = ReadOnlySpan(observation).CopyTo rows

    override _.Step(_, _, actions, result) =
        actions.CopyTo(Span action)
        ReadOnlySpan(observation).CopyTo result.Observations.Span

    override this.Capture() = invalidOp $"{this.Id} has no state."
    override this.Restore _ = invalidOp $"{this.Id} has no state."

/// A wrapper of which the time limit alone is left.
[<Sealed>]
type private LimitAlone(wrapper: Wrapper, inner: BatchEnvironment, limit: int) =
    inherit WrappedBatch(wrapper, inner, None, None)
    override _.MaxEpisodeSteps = limit

/// The policy of a model behind the wrappers of its training, with their statistics frozen. Wrappers of rewards and
/// of episodes do nothing here.
/// Where observations depend on earlier ones (a frame stack, a delay, the time, a recurrent network), each prediction
/// takes the next observation of the episode, which begins at construction and at `Forget`.
/// `InvalidOperationException` for a time that is shown as a part of a limit that is not known. After construction
/// nothing is allocated. Not thread-safe.
[<Sealed>]
type WrappedPredictor(model: PolicyModel, wrapping: Wrapping, facts: ActingFacts) =
    let predictor = Predictor(model, 1)
    let seen, acted = Given(wrapping, facts), Given(wrapping, facts)

    /// Binds what changes observations, and of the others the limit.
    let observing (batch: BatchEnvironment) (wrapper: Wrapper) : BatchEnvironment =
        match wrapper with
        | Wrapper.TimeLimit limit ->
            let below = batch.MaxEpisodeSteps
            LimitAlone(wrapper, batch, (if below = 0 then limit else min limit below))
        | Wrapper.RepeatAction times
        | Wrapper.MaxAndSkipObservation times -> LimitAlone(wrapper, batch, RepeatedSteps.limit times batch)
        | Wrapper.TimeAwareObservation(_, true) when batch.MaxEpisodeSteps = 0 ->
            invalidOp (
                $"The policy was trained within {wrapper}, which shows the time as a part of the environment's time "
                + "limit, and that is not known here. Load the agent with its environment."
            )
        | _ when Wrapper.changesStep wrapper && not (Wrapper.changesAction wrapper) -> Wrapper.wrap batch wrapper
        | _ -> batch

    let observations = List.fold observing seen wrapping.Wrappers
    let actions = Wrapper.apply (List.filter Wrapper.changesAction wrapping.Wrappers) acted
    let hasMemory = wrapping.Wrappers |> List.exists Wrapper.hasMemory
    let observationBuffers, actionBuffers = observations.AllocateBuffers(), actions.AllocateBuffers()
    let observation = observationBuffers.Observations
    let outerAction = Array.zeroCreate<float32> actions.ActionSize
    let noAction = Array.zeroCreate<float32> acted.ActionSize
    let mutable isFirst = true

    let load (model: PolicyModel) =
        let learning =
            wrapping.Wrappers
            |> List.filter (function
                | Wrapper.NormalizeObservation _
                | Wrapper.NormalizeReward _ -> true
                | _ -> false)

        Guard.length "WrapperStatistics" learning.Length model.WrapperStatistics.Length

        let ofObservations =
            List.zip learning model.WrapperStatistics
            |> List.choose (function
                | Wrapper.NormalizeObservation _, statistics -> Some statistics
                | _ -> None)

        observations.RestoreStatistics(ofObservations, true)

    do load model

    /// Refuses a mask before a policy with a memory has seen the observation: it may be given again with a better one.
    let checkMask (mask: ReadOnlySpan<bool>) =
        if
            not mask.IsEmpty
            && (hasMemory || model.Network.StateSize > 0)
            && not (model.ActionSpace.AllowsAction mask)
        then
            Guard.fail "mask" "mask allows no choice of a component of the action; at least one must be possible."

    /// Shows the policy the observation of the wrapped environment.
    let show (raw: ReadOnlySpan<float32>) (action: Span<float32>) =
        if raw.Length <> seen.ObservationSize then
            let outside =
                if raw.Length = observations.ObservationSize then
                    " The agent applies the wrappers of its training itself: give it observations from below them."
                else
                    ""

            Guard.fail
                "observations"
                $"observations has {raw.Length} elements; it must have {seen.ObservationSize}, those of 1 from \
                  {seen.ObservationSpace}.{outside}"

        let bad = Guard.indexOfNonFinite raw

        if bad >= 0 then
            Guard.fail "observations" $"Component {bad} of observation 0 is {raw[bad]}; observations must be finite."

        Guard.length "actions" acted.ActionSize action.Length
        raw.CopyTo(Span seen.Observation)

        if isFirst || not hasMemory then
            observations.Reset(Rng.create 0UL)
            observations.Observe observation.Span
        else
            observations.StepAll(ReadOnlySpan noAction, observationBuffers)

        isFirst <- false

    /// Hands the policy's action through the wrappers.
    let act (action: Span<float32>) =
        actions.StepAll(ReadOnlySpan outerAction, actionBuffers)
        ReadOnlySpan(acted.Action).CopyTo action

    /// Elements of an action mask.
    member _.Choices = predictor.Choices

    /// Takes over the parameters and statistics of another model with the same network.
    member _.Update(model: PolicyModel) =
        predictor.Update model
        load model

    /// A new episode begins: what was seen before is forgotten.
    member _.Forget() : unit =
        predictor.Forget()
        isFirst <- true

    /// The most probable action for an observation below the wrappers, among the choices that `mask` allows (an empty
    /// one: all). `ArgumentException` for a wrong length, NaN or infinity.
    member _.Predict(raw: ReadOnlySpan<float32>, mask: ReadOnlySpan<bool>, action: Span<float32>) : unit =
        checkMask mask
        show raw action
        predictor.Predict(Span.op_Implicit observation.Span, mask, Span outerAction)
        act action

    /// Draws an action with the key, which moves on, among the choices that `mask` allows (an empty one: all).
    member _.Sample
        (raw: ReadOnlySpan<float32>, mask: ReadOnlySpan<bool>, action: Span<float32>, keys: Span<Rng>)
        : unit =
        checkMask mask
        show raw action
        predictor.Sample(Span.op_Implicit observation.Span, mask, Span outerAction, keys)
        act action
