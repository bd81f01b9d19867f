/// Copies of an environment's world that planners move as they like, without touching the world itself.
namespace Rl.Core.Environments

open System
open System.Runtime.InteropServices
open Rl.Core.Foundations

/// A number of places, each with a state of one environment, and a root: the state from which planning begins. What
/// happens in a place is what would happen in the environment, but for chance: places draw from streams of their own,
/// since to plan with the environment's own draws would be to foresee them. Not thread-safe.
[<AbstractClass>]
type Simulator(id: string, observationSpace: Space, actionSpace: Space, places: int) =
    do Guard.positive (nameof places) places
    let streams = Array.zeroCreate<Rng> places

    /// The environment's id.
    member _.Id = id
    /// What is observed in a place.
    member _.ObservationSpace = observationSpace
    /// What can be done in a place.
    member _.ActionSpace = actionSpace
    /// The number of places.
    member _.Places = places
    /// The stream of each place.
    member internal _.Streams = streams

    /// Gives each place a stream of its own, split from the key.
    member _.Seed(key: Rng) : unit =
        let mutable rest = key

        for place in 0 .. places - 1 do
            let struct (stream, next) = Rng.split rest
            streams[place] <- stream
            rest <- next

    /// Gives every place the same stream, so that chance is the same in all of them.
    member _.SeedAlike(first: int, count: int, stream: Rng) : unit = Array.fill streams first count stream

    /// How many numbers the state of a place is, where it is numbers in which it moves smoothly; otherwise 0, and
    /// nobody asks for them.
    abstract StateSize: int
    default _.StateSize = 0
    /// The relative error of what a step computes.
    abstract StepError: float
    default _.StepError = nan
    /// Writes the numbers of the state of a place.
    abstract ReadState: place: int * numbers: Span<float> -> unit
    default _.ReadState(_, _) = invalidOp $"The states of {id} cannot be read as numbers; ask StateSize first."
    /// Sets the numbers of the state of a place; whatever else it has stays.
    abstract WriteState: place: int * numbers: ReadOnlySpan<float> -> unit
    default _.WriteState(_, _) = invalidOp $"The states of {id} cannot be set by numbers; ask StateSize first."

    /// Whether a step from a state leads to one state alone: then what follows an action need not be tried twice.
    abstract IsDeterministic: bool
    /// The root ← the present state of a copy of the batch that the simulator belongs to, which shows `observation`.
    abstract Begin: copy: int * observation: ReadOnlySpan<float32> -> unit
    /// The states of the places first … first + count − 1 ← the root.
    abstract Spread: first: int * count: int -> unit
    /// The state of a place ← that of another.
    abstract Copy: source: int * target: int -> unit

    /// Steps the places first … first + count − 1, of which none is terminal, by actions [count, actionSize];
    /// outcomes[i] is that of place first + i.
    abstract Step: first: int * count: int * actions: ReadOnlySpan<float32> * outcomes: Span<Outcome> -> unit

    /// Writes the observation of a place.
    abstract Observe: place: int * observation: Span<float32> -> unit
    /// Whether two places have the same state.
    abstract AreEqual: first: int * second: int -> bool
    /// Whether `ActionMask` may be asked.
    abstract HasActionMask: bool
    /// mask[i] ← whether choice i is possible in a place.
    abstract ActionMask: place: int * mask: Span<bool> -> unit

/// Places of a pure environment: to copy a state is to copy its bytes. `state` reads the present state of a copy.
[<Sealed>]
type internal PureSimulator<'State
    when 'State: unmanaged and 'State: struct and 'State: (new: unit -> 'State) and 'State :> ValueType>
    (environment: IEnvironment<'State>, state: Func<int, 'State>, places: int) =
    inherit Simulator(environment.Id, environment.ObservationSpace, environment.ActionSpace, places)

    let actionSize = environment.ActionSpace.Size
    let states = Lines<'State> places
    let mutable root = Unchecked.defaultof<'State>

    let kernel =
        match environment with
        | :? IBatchKernel<'State> as kernel -> Some kernel
        | _ -> None

    let inPlaceMany =
        match environment with
        | :? IInPlaceMany<'State> as inPlaceMany -> Some inPlaceMany
        | _ -> None

    let masks =
        match environment with
        | :? IActionMasks<'State> as masks when environment.ActionSpace.Choices > 0 -> Some masks
        | _ -> None

    let continuous =
        match environment with
        | :? IContinuousState<'State> as continuous -> Some continuous
        | _ -> None

    override _.StateSize = continuous |> Option.map _.StateSize |> Option.defaultValue 0
    override _.StepError = continuous |> Option.map _.StepError |> Option.defaultValue nan

    override _.ReadState(place: int, numbers: Span<float>) =
        match continuous with
        | Some continuous -> continuous.ReadState(states[place], numbers)
        | None -> base.ReadState(place, numbers)

    override _.WriteState(place: int, numbers: ReadOnlySpan<float>) =
        match continuous with
        | Some continuous -> states[place] <- continuous.WithState(states[place], numbers)
        | None -> base.WriteState(place, numbers)

    override _.IsDeterministic = kernel.IsSome
    override _.Begin(copy: int, _: ReadOnlySpan<float32>) = root <- state.Invoke copy
    override _.Spread(first: int, count: int) = states.Span(first, count).Fill root
    override _.Copy(source: int, target: int) = states[target] <- states[source]

    override this.Step(first: int, count: int, actions: ReadOnlySpan<float32>, outcomes: Span<Outcome>) =
        match kernel, inPlaceMany with
        | Some kernel, _ -> kernel.StepMany(states.Span(first, count), actions, outcomes)
        | None, Some inPlaceMany ->
            inPlaceMany.StepManyInPlace(states.Span(first, count), actions, Span(this.Streams, first, count), outcomes)
        | None, None ->
            for index in 0 .. count - 1 do
                let place = first + index
                let action = actions.Slice(index * actionSize, actionSize)
                let struct (next, outcome, stream) = environment.Step(states[place], action, this.Streams[place])
                states[place] <- next
                this.Streams[place] <- stream
                outcomes[index] <- outcome

    override _.Observe(place: int, observation: Span<float32>) = environment.Observe(states[place], observation)

    override _.AreEqual(first: int, second: int) =
        let bytes = MemoryMarshal.AsBytes(states.Span(first, 1))
        bytes.SequenceEqual(Span.op_Implicit (MemoryMarshal.AsBytes(states.Span(second, 1))))

    override _.HasActionMask = masks.IsSome

    override _.ActionMask(place: int, mask: Span<bool>) =
        match masks with
        | Some masks -> masks.ActionMask(states[place], mask)
        | None -> mask.Fill true
