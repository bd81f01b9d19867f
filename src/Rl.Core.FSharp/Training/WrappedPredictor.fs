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

/// An environment that shows the observations that it is given, a row a copy, and keeps the actions that it gets.
[<Sealed>]
type private Given(wrapping: Wrapping, facts: ActingFacts, rows: int) =
    inherit BatchEnvironment()
    let observationSize, actionSize = wrapping.ObservationSpace.Size, wrapping.ActionSpace.Size
    let observations = Array.zeroCreate<float32>(rows * observationSize)
    let actions = Array.zeroCreate<float32>(rows * actionSize)
    member _.Observations = observations
    member _.Actions = actions
    override _.Id = "the wrapped environment"
    override _.Count = rows
    override _.ObservationSpace = wrapping.ObservationSpace
    override _.ActionSpace = wrapping.ActionSpace
    override _.ObservationSize = observationSize
    override _.ActionSize = actionSize
    override _.MaxEpisodeSteps = facts.MaxEpisodeSteps
    override _.HasActionMasks = facts.HasActionMasks
    override _.RewardThreshold = nan
    override _.Reset _ = ()
    override _.Observe shown = ReadOnlySpan(observations).CopyTo shown

    override _.Step(_, _, taken, result) =
        taken.CopyTo(Span actions)
        ReadOnlySpan(observations).CopyTo result.Observations.Span

    override this.Capture() = invalidOp $"{this.Id} has no state."
    override this.Restore _ = invalidOp $"{this.Id} has no state."

/// A wrapper of which the time limit alone is left.
[<Sealed>]
type private LimitAlone(wrapper: Wrapper, inner: BatchEnvironment, limit: int) =
    inherit WrappedBatch(wrapper, inner, None, None)
    override _.MaxEpisodeSteps = limit

/// The policy of a model behind the wrappers of its training, for `rows` observations at once, with the wrappers'
/// statistics frozen. Wrappers of rewards and of episodes do nothing here.
/// Where observations depend on earlier ones (a frame stack, a delay, the time, a recurrent network), each prediction
/// takes the next observation of each row's episode, which begin at construction and at `Forget`.
/// `InvalidOperationException` for a time that is shown as a part of a limit that is not known. After construction
/// nothing is allocated. Not thread-safe.
[<Sealed>]
type WrappedPredictor(model: PolicyModel, wrapping: Wrapping, facts: ActingFacts, rows: int) =
    let predictor = Predictor(model, rows)

    // What messages call the arguments: those of callers who have one observation.
    let nameOfObservations, nameOfMasks, nameOfActions =
        if rows = 1 then
            "observation", "mask", "action"
        else
            "observations", "masks", "actions"

    let isBare = wrapping.Wrappers.IsEmpty
    let seen, acted = Given(wrapping, facts, rows), Given(wrapping, facts, rows)

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
        | Wrapper.RandomizeDynamics ranges when ranges.ShowsPrivileged ->
            DynamicsRandomised.Unprivileged(wrapper, batch, ranges)
        | _ when Wrapper.changesStep wrapper && not (Wrapper.changesAction wrapper) -> Wrapper.wrap batch wrapper
        | _ -> batch

    let observations = List.fold observing seen wrapping.Wrappers
    let actions = Wrapper.apply (List.filter Wrapper.changesAction wrapping.Wrappers) acted
    let hasMemory = wrapping.Wrappers |> List.exists Wrapper.hasMemory
    let observationBuffers, actionBuffers = observations.AllocateBuffers(), actions.AllocateBuffers()
    let observation = observationBuffers.Observations
    let outerActions = Array.zeroCreate<float32>(rows * actions.ActionSize)
    let noActions = Array.zeroCreate<float32>(rows * acted.ActionSize)
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

    /// Refuses masks before a policy with a memory has seen the observations: they may be given again with better ones.
    let checkMasks (masks: ReadOnlySpan<bool>) =
        if not masks.IsEmpty && (hasMemory || model.HasMemory) then
            let choices = predictor.Choices
            Guard.length nameOfMasks (rows * choices) masks.Length

            for row in 0 .. rows - 1 do
                if not (model.ActionSpace.AllowsAction(masks.Slice(row * choices, choices))) then
                    Guard.fail
                        "mask"
                        "mask allows no choice of a component of the action; at least one must be possible."

    /// Shows the policy the observations of the wrapped environment.
    let show (raw: ReadOnlySpan<float32>) (taken: Span<float32>) =
        let size = seen.ObservationSize

        if raw.Length <> rows * size then
            let outside =
                if raw.Length = rows * observations.ObservationSize then
                    " The agent applies the wrappers of its training itself: give it observations from below them."
                else
                    ""

            Guard.fail
                nameOfObservations
                $"{nameOfObservations} has {raw.Length} elements; it must have {rows * size}, those of {rows} from \
                  {seen.ObservationSpace}.{outside}"

        let bad = Guard.indexOfNonFinite raw

        if bad >= 0 then
            Guard.fail
                nameOfObservations
                $"Component {bad % size} of observation {bad / size} is {raw[bad]}; observations must be finite."

        Guard.length nameOfActions (rows * acted.ActionSize) taken.Length
        raw.CopyTo(Span seen.Observations)

        if isFirst || not hasMemory then
            observations.Reset(Rng.create 0UL)
            observations.Observe observation.Span
        else
            observations.StepAll(ReadOnlySpan noActions, observationBuffers)

        isFirst <- false

    /// Hands the policy's actions through the wrappers.
    let act (taken: Span<float32>) =
        actions.StepAll(ReadOnlySpan outerActions, actionBuffers)
        ReadOnlySpan(acted.Actions).CopyTo taken

    /// For one observation at a time.
    new(model, wrapping, facts) = WrappedPredictor(model, wrapping, facts, 1)

    /// The number of observations at once.
    member _.Rows = rows
    /// Elements of an action mask.
    member _.Choices = predictor.Choices

    /// Takes over the parameters and statistics of another model with the same network.
    member _.Update(model: PolicyModel) =
        predictor.Update model
        load model

    /// New episodes begin: what was seen before is forgotten.
    member _.Forget() : unit =
        predictor.Forget()
        isFirst <- true

    /// New episodes begin, of which another return is asked than the one that the data said.
    member this.Forget(targetReturn: float) : unit =
        for row in 0 .. rows - 1 do
            predictor.Forget(row, targetReturn)

        isFirst <- true

    /// Whether the policy is asked for a return.
    member _.AsksForReturn = predictor.AsksForReturn

    /// The reward that followed the last action of a row, for policies that are asked for a return.
    member _.Earn(row: int, reward: float) : unit = predictor.Earn(row, reward)

    /// The most probable actions for observations below the wrappers, [rows, observation size] to [rows, action size],
    /// among the choices that masks [rows, choices] allow (empty ones: all). `ArgumentException` for a wrong length,
    /// NaN or infinity.
    member _.Predict(raw: ReadOnlySpan<float32>, masks: ReadOnlySpan<bool>, taken: Span<float32>) : unit =
        checkMasks masks

        if isBare then
            predictor.Predict(raw, masks, taken)
        else
            show raw taken
            predictor.Predict(Span.op_Implicit observation.Span, masks, Span outerActions)
            act taken

    /// Draws actions, row i with keys[i], which moves on, among the choices that masks allow (empty ones: all).
    member _.Sample
        (raw: ReadOnlySpan<float32>, masks: ReadOnlySpan<bool>, taken: Span<float32>, keys: Span<Rng>)
        : unit =
        checkMasks masks

        if isBare then
            predictor.Sample(raw, masks, taken, keys)
        else
            show raw taken
            predictor.Sample(Span.op_Implicit observation.Span, masks, Span outerActions, keys)
            act taken
