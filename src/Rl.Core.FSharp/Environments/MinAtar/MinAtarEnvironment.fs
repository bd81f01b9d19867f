/// What the MinAtar games share: sticky actions, difficulty ramping, action sets and planes of 0 and 1 as observations.
namespace Rl.Core.Environments.MinAtar

open System
open System.Runtime.InteropServices
open Rl.Core.Foundations
open Rl.Core.Environments
open Rl.Core.Environments.Rendering

/// Where a game's random numbers come from: a generator, or a record of what was drawn. A struct whose copy is the same
/// source again.
type IDraws =
    /// A uniform number in [0, 1).
    abstract Uniform: unit -> float
    /// A uniform integer in [0, count).
    abstract Below: count: int -> int

/// Draws from a generator.
[<Struct>]
type RngDraws =
    /// The generator that follows the draws made so far.
    val mutable Rng: Rng
    new(rng) = { Rng = rng }

    interface IDraws with
        member this.Uniform() =
            let struct (value, next) = Rng.uniform this.Rng
            this.Rng <- next
            value

        member this.Below(count) =
            let struct (value, next) = Rng.below count this.Rng
            this.Rng <- next
            value

/// The six actions of every game, as they are numbered.
type MinAtarAction =
    | Noop = 0uy
    | Left = 1uy
    | Up = 2uy
    | Right = 3uy
    | Down = 4uy
    | Fire = 5uy

/// What a state holds besides the board. It and the states are packed: equal states have equal bytes.
[<Struct; StructLayout(LayoutKind.Sequential, Pack = 1)>]
type Turn =
    {
        /// The action that was carried out last.
        mutable LastAction: MinAtarAction
        /// The game is over: nothing follows.
        mutable IsTerminal: bool
    }

    /// Of a first state.
    static member First = { LastAction = MinAtarAction.Noop; IsTerminal = false }

/// The rules of one game on a board of 10 x 10 cells, as a struct without fields.
type IMinAtarRules<'State when 'State: unmanaged> =
    /// Its name within ids, such as `Breakout`.
    abstract Name: string
    /// The planes of its observation, in order.
    abstract Channels: MinAtarChannel[]
    /// The order in which planes are drawn in a picture, from the back to the front.
    abstract PaintOrder: int[]
    /// The actions that do something.
    abstract MinimalActions: MinAtarAction[]
    /// The first state.
    abstract Start<'Draws when 'Draws: struct and 'Draws :> IDraws> : draws: byref<'Draws> -> 'State

    /// state ← the next state but for its turn; `ramping`: whether the game grows harder.
    abstract Advance<'Draws when 'Draws: struct and 'Draws :> IDraws> :
        state: byref<'State> * action: MinAtarAction * ramping: bool * draws: byref<'Draws> -> Outcome

    /// The turn within a state.
    abstract Turn: state: byref<'State> -> byref<Turn>
    /// Lights cells of an observation that is 0 everywhere.
    abstract Paint: state: inref<'State> * observation: Span<float32> -> unit

/// What may vary in every game.
type MinAtarOptions =
    {
        /// The version in the id: 0 or 1.
        Version: int
        /// Only the actions that do something in this game, numbered 0, 1, … in the order of the full set.
        MinimalActionSet: bool
        /// The probability with which the last action is carried out instead of the chosen one, in [0, 1].
        StickyActionProbability: float
        /// Whether the game grows harder as it goes on.
        DifficultyRamping: bool
    }

    /// `-v0`: the full set of six actions.
    static member V0 =
        { Version = 0; MinimalActionSet = false; StickyActionProbability = 0.1; DifficultyRamping = true }

    /// `-v1`: the minimal action set.
    static member V1 = { MinAtarOptions.V0 with Version = 1; MinimalActionSet = true }

/// A MinAtar game as an environment. Observations are [channels, 10, 10] of 0 and 1:
/// `observation[channel, row, column]`, where the reference implementation has the channel last. There is no time limit
/// (Freeway ends by itself). Source: Young and Tian, "MinAtar: An Atari-inspired testbed for thorough and reproducible
/// reinforcement learning experiments" (2019).
[<AbstractClass>]
type MinAtarEnvironment<'Rules, 'State when 'Rules: struct and 'Rules :> IMinAtarRules<'State> and 'State: unmanaged>
    (options: MinAtarOptions) =
    let rules = Unchecked.defaultof<'Rules>
    let channels = rules.Channels
    let id = $"MinAtar/{rules.Name}-v{options.Version}"

    let actions =
        if options.MinimalActionSet then
            rules.MinimalActions
        else
            Enum.GetValues<MinAtarAction>()

    let observationSpace = Space.boxOf 0.0 1.0 [| channels.Length; Cells.Side; Cells.Side |]
    let actionSpace = Space.discrete actions.Length

    do
        Guard.inRange (nameof options.StickyActionProbability) 0.0 1.0 options.StickyActionProbability
        Guard.inIntRange (nameof options.Version) 0 1 options.Version

    /// state ← the next state, from given draws.
    member private _.Advance<'Draws when 'Draws: struct and 'Draws :> IDraws>
        (state: byref<'State>, action: ReadOnlySpan<float32>, draws: byref<'Draws>)
        : Outcome =
        Guard.length (nameof action) 1 action.Length
        let turn = &rules.Turn(&state)

        if turn.IsTerminal then
            invalidOp $"{id}: the game is over in this state; reset the episode instead of stepping it."

        let number = action[0]

        if not (number >= 0.0f && number < float32 actions.Length && float32 (int number) = number) then
            Guard.fail
                (nameof action)
                $"{id}: the action is {number}; it must be an integer in [0, {actions.Length - 1}]."

        let chosen = actions[int number]
        let sticks = draws.Uniform() < options.StickyActionProbability
        turn.LastAction <- if sticks then turn.LastAction else chosen
        let outcome = rules.Advance(&state, turn.LastAction, options.DifficultyRamping, &draws)
        turn.IsTerminal <- outcome.Terminated
        outcome

    /// The names and colours of the observation's planes, in order.
    member _.Channels = Array.copy channels

    /// The actions in the order of their numbers.
    member _.Actions = Array.copy actions

    /// The first state from given draws, and the source after them.
    member _.StartWith<'Draws when 'Draws: struct and 'Draws :> IDraws>(draws: 'Draws) : struct ('State * 'Draws) =
        let mutable draws = draws
        let state = rules.Start &draws
        struct (state, draws)

    /// The step from given draws, and the source after them. The first draw decides whether the last action sticks.
    member this.StepWith<'Draws when 'Draws: struct and 'Draws :> IDraws>
        (state: 'State, action: ReadOnlySpan<float32>, draws: 'Draws)
        : struct ('State * Outcome * 'Draws) =
        let mutable state = state
        let mutable draws = draws
        let outcome = this.Advance(&state, action, &draws)
        struct (state, outcome, draws)

    interface IEnvironment<'State> with
        member _.Id = id
        member _.ObservationSpace = observationSpace
        member _.ActionSpace = actionSpace
        member _.MaxEpisodeSteps = 0
        member _.RewardThreshold = nan

        member _.Reset(rng) =
            let mutable draws = RngDraws rng
            let state = rules.Start &draws
            struct (state, draws.Rng)

        member this.Step(state, action, rng) =
            let mutable state = state
            let mutable draws = RngDraws rng
            let outcome = this.Advance(&state, action, &draws)
            struct (state, outcome, draws.Rng)

        member _.Observe(state, observation) =
            observation.Clear()
            rules.Paint(&state, observation)

    interface IInPlace<'State> with
        member this.StepInPlace(state, action, rng) =
            let mutable draws = RngDraws rng
            let outcome = this.Advance(&state, action, &draws)
            rng <- draws.Rng
            outcome

    interface IRenderable<'State> with
        member _.Render(state) =
            let observation = Array.zeroCreate observationSpace.Size
            rules.Paint(&state, Span observation)
            MinAtarScene.draw channels rules.PaintOrder observation
