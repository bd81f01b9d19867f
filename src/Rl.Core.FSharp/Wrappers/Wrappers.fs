/// Binding wrappers to batches.
namespace Rl.Core.Wrappers

open System
open Rl.Core.Foundations
open Rl.Core.Environments

/// Checks of wrappers' parameters, compositions that have a name, and binding.
[<RequireQualifiedAccess; CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
module Wrapper =

    /// Wrappers that one environment may have.
    [<Literal>]
    let Most = 256

    /// Units of the widest layer of random network distillation.
    [<Literal>]
    let WidestDistillation = 4096

    /// Requires parameters that make sense for any environment.
    let internal check (wrapper: Wrapper) =
        match wrapper with
        | Wrapper.TimeLimit steps -> Guard.positive "maxEpisodeSteps" steps
        | Wrapper.NormalizeObservation epsilon -> Guard.positiveNumber "epsilon" epsilon
        | Wrapper.NormalizeReward(discount, epsilon) ->
            Guard.inRange "discount" 0.0 1.0 discount
            Guard.positiveNumber "epsilon" epsilon
        | Wrapper.CountBonus(scale, bins) ->
            Guard.notNegativeNumber "scale" scale
            bins |> Array.iter (Guard.positive "bins")
        | Wrapper.RandomNetworkDistillation(scale, learningRate, width, _) ->
            Guard.notNegativeNumber "scale" scale
            Guard.positiveNumber "learningRate" learningRate
            Guard.inIntRange "width" 1 WidestDistillation width
        | Wrapper.ClipReward(low, high) ->
            if not (low <= high) then
                Guard.fail "low" $"low is {low} and high is {high}; low must not be above high and neither may be NaN."
        | Wrapper.DelayObservation delay -> Guard.notNegative "delay" delay
        | Wrapper.FrameStackObservation(size, FramePadding.Value values) ->
            Guard.positive "size" size

            if Guard.indexOfNonFinite (ReadOnlySpan values) >= 0 then
                Guard.fail "padding" "padding has an element that is not finite; observations must be finite."
        | Wrapper.FrameStackObservation(size, _) -> Guard.positive "size" size
        | Wrapper.MaxAndSkipObservation skip -> Guard.positive "skip" skip
        | Wrapper.RepeatAction count -> Guard.positive "count" count
        | Wrapper.StickyAction(probability, shortest, longest) ->
            Guard.inRange "probability" 0.0 1.0 probability
            Guard.positive "shortest" shortest
            Guard.inIntRange "longest" shortest Int32.MaxValue longest
        | Wrapper.RandomizeDynamics ranges -> DynamicsRanges.check ranges
        | _ -> ()

    let private userFunction (wrapper: string) (f: UserFunction<'Function>) : 'Function =
        match f.Transform with
        | Some transform -> transform
        | None ->
            Guard.fail
                (nameof wrapper)
                $"The function \"{f.Name}\" of {wrapper} is not in the file; give the environment with its wrappers."

    let private bind (inner: BatchEnvironment) (wrapper: Wrapper) : BatchEnvironment =
        check wrapper

        if inner.Wrappers.Length >= Most then
            Guard.fail (nameof wrapper) $"{wrapper} would be wrapper {Most + 1} of {inner.Id}; there may be {Most}."

        match wrapper with
        | Wrapper.TimeLimit steps -> TimeLimited(wrapper, inner, steps)
        | Wrapper.RecordEpisodeStatistics -> EpisodeStatistics(wrapper, inner)
        | Wrapper.NormalizeObservation epsilon -> ObservationNormaliser(wrapper, inner, epsilon)
        | Wrapper.NormalizeReward(discount, epsilon) -> RewardNormaliser(wrapper, inner, discount, epsilon)
        | Wrapper.CountBonus(scale, bins) -> CountBonus(wrapper, inner, scale, bins)
        | Wrapper.RandomNetworkDistillation(scale, learningRate, width, seed) ->
            DistillationBonus(wrapper, inner, scale, learningRate, width, seed)
        | Wrapper.TransformReward f -> RewardWrapper(wrapper, inner, userFunction "TransformReward" f)
        | Wrapper.ClipReward(low, high) ->
            RewardWrapper(wrapper, inner, fun reward -> Math.Min(high, Math.Max(low, reward)))
        | Wrapper.FrameStackObservation(size, padding) -> FrameStack(wrapper, inner, size, padding)
        | Wrapper.TimeAwareObservation(isFlat, isNormalised) -> TimeAware(wrapper, inner, isFlat, isNormalised)
        | Wrapper.DelayObservation delay -> Delay(wrapper, inner, delay)
        | Wrapper.MaxAndSkipObservation skip -> Repeated(wrapper, inner, skip, true)
        | Wrapper.RepeatAction count -> Repeated(wrapper, inner, count, false)
        | Wrapper.StickyAction(probability, shortest, longest) ->
            StickyAction(wrapper, inner, probability, shortest, longest)
        | Wrapper.RandomizeDynamics ranges -> DynamicsRandomised.Bind(wrapper, inner, ranges)
        | Wrapper.PassiveEnvironmentChecker -> Checker(wrapper, inner)
        | Wrapper.NextStepAutoreset -> NextStep(wrapper, inner)
        | Wrapper.TransformObservation _
        | Wrapper.RescaleObservation _
        | Wrapper.FlattenObservation
        | Wrapper.FilterObservation _
        | Wrapper.ReshapeObservation _
        | Wrapper.GrayscaleObservation _
        | Wrapper.ResizeObservation _
        | Wrapper.DiscretizeObservation _ ->
            let space, transform = (ObservationWrappers.tryBind wrapper inner.ObservationSpace).Value
            RowWrapper(wrapper, inner, space, transform)
        | Wrapper.TransformAction _
        | Wrapper.ClipAction
        | Wrapper.RescaleAction _
        | Wrapper.DiscretizeAction _ ->
            let space, transform = (ActionWrappers.tryBind wrapper inner.ActionSpace).Value
            ActionWrapper(wrapper, inner, space, transform)

    /// Binds one wrapper to a batch, which then belongs to the result: step it through that alone. `ArgumentException`
    /// where the wrapper does not fit the batch's spaces, has a parameter out of range, or would mix what is for
    /// critics alone into what acts.
    let wrap (inner: BatchEnvironment) (wrapper: Wrapper) : BatchEnvironment =
        let result = bind inner wrapper

        match wrapper with
        | Wrapper.FilterObservation _ -> ()
        | _ when PrivilegedPart.isIn inner.ObservationSpace && not (PrivilegedPart.isIn result.ObservationSpace) ->
            Guard.fail
                (nameof wrapper)
                ($"{wrapper} would mix the part {PrivilegedPart.Name} of {inner.Id}, which is for critics alone, into "
                 + "what acts: leave it out, filter that part out first, or use the option NormaliseObservations.")
        | _ -> ()

        result

    /// Binds wrappers to a batch, the first next to the environment.
    let apply (wrappers: Wrapper list) (batch: BatchEnvironment) : BatchEnvironment = List.fold wrap batch wrappers

    /// Observations by a function, which keep their space or, with `space`, change to that.
    let transformObservation (name: string) (space: Space option) (transform: RowTransform) =
        Wrapper.TransformObservation(UserFunction(name, space, Some transform))

    /// Rewards by a function.
    let transformReward (name: string) (transform: float -> float) =
        Wrapper.TransformReward(UserFunction(name, None, Some(Func<float, float>(transform))))

    /// Actions of `space` (none: the inner one) by a function to those of the inner space.
    let transformAction (name: string) (space: Space option) (transform: RowTransform) =
        Wrapper.TransformAction(UserFunction(name, space, Some transform))

    /// For colour images of games (Mnih et al. 2015): actions repeated `skip` times, grey levels of `size` by `size`
    /// pixels in [0, 1], `stack` of them stacked; observations are [stack; size; size].
    let atariPreprocessingOf (skip: int) (size: int) (stack: int) : Wrapper list =
        [
            Wrapper.MaxAndSkipObservation skip
            Wrapper.GrayscaleObservation true
            Wrapper.ResizeObservation(size, size)
            Wrapper.RescaleObservation([| 0.0 |], [| 1.0 |])
            Wrapper.ReshapeObservation [| size; size |]
            Wrapper.FrameStackObservation(stack, FramePadding.Reset)
        ]

    /// What is usual: actions repeated four times, four images of 84 by 84 pixels.
    let atariPreprocessing: Wrapper list = atariPreprocessingOf 4 84 4

    /// Whether what the wrapper makes of an observation depends on those before it in the episode.
    let hasMemory (wrapper: Wrapper) =
        match wrapper with
        | Wrapper.FrameStackObservation _
        | Wrapper.TimeAwareObservation _
        | Wrapper.DelayObservation _ -> true
        | _ -> false

    /// Whether the wrapper changes what a policy sees or what becomes of its action in a single step; others change
    /// rewards and episodes.
    let changesStep (wrapper: Wrapper) =
        match wrapper with
        | Wrapper.TimeLimit _
        | Wrapper.RecordEpisodeStatistics
        | Wrapper.NormalizeReward _
        | Wrapper.CountBonus _
        | Wrapper.RandomNetworkDistillation _
        | Wrapper.TransformReward _
        | Wrapper.ClipReward _
        | Wrapper.MaxAndSkipObservation _
        | Wrapper.RepeatAction _
        | Wrapper.StickyAction _
        | Wrapper.PassiveEnvironmentChecker
        | Wrapper.NextStepAutoreset -> false
        | Wrapper.RandomizeDynamics ranges -> ranges.ShowsPrivileged
        | _ -> true

    /// Whether the wrapper changes actions, each by itself.
    let changesAction (wrapper: Wrapper) =
        match wrapper with
        | Wrapper.TransformAction _
        | Wrapper.ClipAction
        | Wrapper.RescaleAction _
        | Wrapper.DiscretizeAction _ -> true
        | _ -> false

    /// Whether nothing is missing that no file holds: a user's function.
    let isComplete (wrapper: Wrapper) =
        match wrapper with
        | Wrapper.TransformObservation f
        | Wrapper.TransformAction f -> f.Transform.IsSome
        | Wrapper.TransformReward f -> f.Transform.IsSome
        | _ -> true
