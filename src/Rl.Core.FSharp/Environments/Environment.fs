/// The contract of an environment: a pure function on value-type states.
namespace Rl.Core.Environments

open System
open Rl.Core.Foundations
open Rl.Core.Environments.Rendering

/// What a step yields besides the next state.
[<Struct>]
type Outcome =
    {
        /// r(s, a, s′).
        Reward: float
        /// The next state is terminal: no reward follows, its value is 0.
        Terminated: bool
        /// The environment cut the episode itself for a reason outside its Markov state; the next state still has a
        /// value. Time limits (`MaxEpisodeSteps`) are not applied here but by the batch.
        Truncated: bool
    }

/// A Markov decision process as values in, values out (slides 3 and 6): no field changes, so that copying a state
/// copies the world. `'State` is unmanaged: its bytes are the whole of it, so lay it out without gaps (`Pack = 1` where
/// fields differ in size).
type IEnvironment<'State when 'State: unmanaged> =
    /// The registered id, for example `CartPole-v1`.
    abstract Id: string
    /// What is observed.
    abstract ObservationSpace: Space
    /// What can be done.
    abstract ActionSpace: Space
    /// The number of steps after which an episode is truncated; 0 for no limit.
    abstract MaxEpisodeSteps: int
    /// The mean episode return that counts as solved; NaN for none.
    abstract RewardThreshold: float
    /// s₁ ~ p(s₁), and the generator that follows.
    abstract Reset: rng: Rng -> struct ('State * Rng)

    /// s′ ~ p(s′ | s, a). The action has `ActionSpace.Size` elements: a box's values are clipped to it as Gymnasium's
    /// environments do; an integer outside its space and NaN raise `ArgumentException`. A terminal state is refused
    /// with `InvalidOperationException` where the environment can tell it by its state.
    abstract Step: state: 'State * action: ReadOnlySpan<float32> * rng: Rng -> struct ('State * Outcome * Rng)

    /// Writes the observation of a state, `ObservationSpace.Size` elements.
    abstract Observe: state: 'State * observation: Span<float32> -> unit

/// What an environment without randomness in its steps can offer besides `Step`: many states at once, with SIMD.
/// The results are those of `Step` and `Observe` bit for bit; actions are valid and no state is terminal.
type IBatchKernel<'State when 'State: unmanaged> =
    /// states[i] ← the state after actions[i]; outcomes[i]: its outcome. Actions are [n, actionSize].
    abstract StepMany: states: Span<'State> * actions: ReadOnlySpan<float32> * outcomes: Span<Outcome> -> unit

    /// Row i of observations [n, observationSize] ← the observation of states[i].
    abstract ObserveMany: states: ReadOnlySpan<'State> * observations: Span<float32> -> unit

/// What an environment with a large state can offer besides `Step`: the same step, bit for bit, without copies of the
/// state.
type IInPlace<'State when 'State: unmanaged> =
    /// state ← s′ and rng ← the generator that follows.
    abstract StepInPlace: state: byref<'State> * action: ReadOnlySpan<float32> * rng: byref<Rng> -> Outcome

/// What an environment with a large state can offer for many copies: their steps at once, each bit for bit that of
/// `Step`.
type IInPlaceMany<'State when 'State: unmanaged> =
    inherit IInPlace<'State>

    /// For every i, states[i] ← s′ and rngs[i] ← the generator that follows, by actions[i]; outcomes[i]: the outcome.
    /// Actions are [n, actionSize]. May be called by several threads at once, each with states of its own.
    abstract StepManyInPlace:
        states: Span<'State> * actions: ReadOnlySpan<float32> * rngs: Span<Rng> * outcomes: Span<Outcome> -> unit

/// What an environment whose numbers may lose their sense, such as a simulation of forces, can offer.
type IBlowups<'State when 'State: unmanaged> =
    /// Whether an episode ended in the state because its numbers lost their sense (NaN, or beyond what means
    /// something), and for no reason of the task's.
    abstract HasBlownUp: state: 'State -> bool

/// What an environment tells of its states beside what is observed, such as whether a goal is reached: Gymnasium's
/// `info`. Nothing learns from it.
type IInfo<'State when 'State: unmanaged> =
    /// What the numbers are called, in their order.
    abstract InfoNames: string list
    /// Writes the numbers of a state; a pure function.
    abstract ReadInfo: state: 'State * values: Span<float> -> unit

/// An environment in which not every action is possible in every state.
type IActionMasks<'State when 'State: unmanaged> =
    /// mask[i] ← whether choice i is possible: one element a choice of the (multi-)discrete action space, in its order.
    /// At least one choice of each component is possible in every state that is not terminal.
    abstract ActionMask: state: 'State * mask: Span<bool> -> unit

/// Relative errors of what steps compute.
[<RequireQualifiedAccess>]
module StepError =
    /// 2⁻⁵²: of doubles.
    [<Literal>]
    let OfDoubles = 2.220446049250313e-16

    /// 2⁻²³: of singles.
    [<Literal>]
    let OfSingles = 1.1920928955078125e-7

/// An environment whose state moves smoothly in numbers that can be read and set: what planners need that ask how the
/// next state and the reward change with the state (iLQR and DDP).
type IContinuousState<'State when 'State: unmanaged> =
    /// How many numbers there are, all that a step depends on among them.
    abstract StateSize: int
    /// The relative error of what a step computes: `StepError.OfDoubles` where nothing else is done.
    abstract StepError: float
    /// Writes the numbers of a state.
    abstract ReadState: state: 'State * numbers: Span<float> -> unit
    /// A state with these numbers; whatever else it has is that of `state`.
    abstract WithState: state: 'State * numbers: ReadOnlySpan<float> -> 'State

/// An environment that can be looked at.
type IRenderable<'State when 'State: unmanaged> =
    /// What a state looks like; a pure function.
    abstract Render: state: 'State -> Scene

/// What an environment returned is no observation, such as one of another length: said by whoever adapts it, for its
/// own code threw nothing. The message says what was returned: "returned an observation of 3 elements; ...".
[<Sealed>]
type ObservationRefusal(message: string) =
    inherit Exception(message)

/// An environment broke its contract: it threw, or its reward or observation is NaN or infinite.
[<Sealed>]
type EnvironmentFailure
    (message: string, environmentId: string, copy: int, step: int, index: int, value: float, inner: exn | null) =
    inherit Exception(message, inner)
    /// The environment's id.
    member _.EnvironmentId = environmentId
    /// The index of the copy within the batch.
    member _.Copy = copy
    /// The number of the step within its episode, from 1; 0 for the reset.
    member _.Step = step
    /// The index of the observation's element; -1 for the reward or an exception.
    member _.Component = index
    /// The value that was refused; NaN for an exception.
    member _.Value = value

    static member private Place(id: string, copy: int, step: int) =
        if step = 0 then
            $"{id} (copy {copy}, at its reset)"
        else
            $"{id} (copy {copy}, step {step} of its episode)"

    /// A reward that is not finite.
    static member Reward(id, copy, step, value: float) =
        let place = EnvironmentFailure.Place(id, copy, step)

        EnvironmentFailure(
            $"{place} returned the reward {value}; a reward must be finite as a 32-bit number.",
            id,
            copy,
            step,
            -1,
            value,
            null
        )

    /// An observation with an element that is not finite.
    static member Observation(id, copy, step, index: int, value: float) =
        let place = EnvironmentFailure.Place(id, copy, step)

        EnvironmentFailure(
            $"{place} returned an observation whose component {index} is {value}; observations must be finite.",
            id,
            copy,
            step,
            index,
            value,
            null
        )

    /// An observation with an element outside its space.
    static member Outside(id, copy, step, index: int, value: float, space: Space) =
        let place = EnvironmentFailure.Place(id, copy, step)

        EnvironmentFailure(
            $"{place} returned an observation whose component {index} is {value}; it lies outside {space}.",
            id,
            copy,
            step,
            index,
            value,
            null
        )

    /// An exception thrown by a user's environment, kept as the inner exception.
    static member Thrown(id, copy, step, error: exn) =
        let place = EnvironmentFailure.Place(id, copy, step)

        let what =
            match error with
            | :? ObservationRefusal -> error.Message
            | _ -> $"threw {error.GetType().Name}: {error.Message}"

        EnvironmentFailure($"{place} {what}", id, copy, step, -1, nan, error)
