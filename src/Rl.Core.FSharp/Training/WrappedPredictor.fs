/// Acting with a policy that was trained in a wrapped environment: observations and actions are those below the wrappers.
namespace Rl.Core.Training

open System
open Rl.Core.Foundations
open Rl.Core.Environments
open Rl.Core.Algorithms
open Rl.Core.Experience
open Rl.Core.Wrappers

/// An environment of one copy that shows the observation that it is given and keeps the action that it gets.
[<Sealed>]
type private Given(observationSpace: Space, actionSpace: Space) =
    inherit BatchEnvironment()
    let observation = Array.zeroCreate<float32> observationSpace.Size
    let action = Array.zeroCreate<float32> actionSpace.Size
    member _.Observation = observation
    member _.Action = action
    override _.Id = "the wrapped environment"
    override _.Count = 1
    override _.ObservationSpace = observationSpace
    override _.ActionSpace = actionSpace
    override _.ObservationSize = observation.Length
    override _.ActionSize = action.Length
    override _.MaxEpisodeSteps = 0
    override _.RewardThreshold = nan
    override _.Reset _ = ()
    override _.Observe rows = ReadOnlySpan(observation).CopyTo rows

    override _.Step(_, _, actions, result) =
        actions.CopyTo(Span action)
        ReadOnlySpan(observation).CopyTo result.Observations.Span

    override this.Capture() = invalidOp $"{this.Id} has no state."
    override this.Restore _ = invalidOp $"{this.Id} has no state."

/// The policy of a model behind the wrappers of its training, with their statistics frozen. Wrappers of rewards and of episodes do nothing here;
/// one whose observations depend on earlier ones (a frame stack, a delay, the time) is refused with `InvalidOperationException`, because a single
/// observation does not tell them. After construction nothing is allocated. Not thread-safe.
[<Sealed>]
type WrappedPredictor(model: PolicyModel, wrapping: Wrapping) =
    let predictor = Predictor(model, 1)
    let given = Given(wrapping.ObservationSpace, wrapping.ActionSpace)

    /// Wrappers that change single observations or actions, and whether each of all wrappers is one that learns.
    let acting (wrapper: Wrapper) =
        match wrapper with
        | Wrapper.TimeLimit _
        | Wrapper.RecordEpisodeStatistics
        | Wrapper.NormalizeReward _
        | Wrapper.TransformReward _
        | Wrapper.ClipReward _
        | Wrapper.MaxAndSkipObservation _
        | Wrapper.RepeatAction _
        | Wrapper.StickyAction _
        | Wrapper.PassiveEnvironmentChecker
        | Wrapper.NextStepAutoreset -> false
        | _ -> true

    let kept = wrapping.Wrappers |> List.filter acting

    do
        match kept |> List.tryFind Wrapper.hasMemory with
        | Some wrapper ->
            invalidOp
                $"The policy was trained within {wrapper}, whose observations depend on earlier ones; a single observation does not tell its action. Step the environment with its wrappers, or evaluate it."
        | None -> ()

    let batch = Wrapper.apply kept given
    let buffers = batch.AllocateBuffers()
    let observation = Array.zeroCreate<float32> batch.ObservationSize
    let outerAction = Array.zeroCreate<float32> batch.ActionSize

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

        batch.RestoreStatistics(ofObservations, true)

    do load model

    /// Shows the policy the observation of the wrapped environment.
    let show (raw: ReadOnlySpan<float32>) (action: Span<float32>) =
        let bad = if raw.Length = given.ObservationSize then Guard.indexOfNonFinite raw else -1

        if raw.Length <> given.ObservationSize then
            Guard.fail
                "observations"
                $"observations has {raw.Length} elements; it must have {given.ObservationSize}, those of 1 from {given.ObservationSpace}."

        if bad >= 0 then
            Guard.fail "observations" $"Component {bad} of observation 0 is {raw[bad]}; observations must be finite."

        Guard.length "actions" given.ActionSize action.Length
        raw.CopyTo(Span given.Observation)
        batch.Reset(Rng.create 0UL)
        batch.Observe(Span observation)

    /// Hands the policy's action through the wrappers.
    let act (action: Span<float32>) =
        batch.StepAll(ReadOnlySpan outerAction, buffers)
        ReadOnlySpan(given.Action).CopyTo action

    /// Takes over the parameters and statistics of another model with the same network.
    member _.Update(model: PolicyModel) =
        predictor.Update model
        load model

    /// A new episode begins: a recurrent policy forgets what it has seen.
    member _.Forget() : unit = predictor.Forget()

    /// The most probable action for an observation below the wrappers, among the choices that `mask` allows (an empty one: all).
    /// `ArgumentException` for a wrong length, NaN or infinity.
    member _.Predict(raw: ReadOnlySpan<float32>, mask: ReadOnlySpan<bool>, action: Span<float32>) : unit =
        show raw action
        predictor.Predict(ReadOnlySpan observation, mask, Span outerAction)
        act action

    /// Draws an action with the key, which moves on, among the choices that `mask` allows (an empty one: all).
    member _.Sample
        (raw: ReadOnlySpan<float32>, mask: ReadOnlySpan<bool>, action: Span<float32>, keys: Span<Rng>)
        : unit =
        show raw action
        predictor.Sample(ReadOnlySpan observation, mask, Span outerAction, keys)
        act action
