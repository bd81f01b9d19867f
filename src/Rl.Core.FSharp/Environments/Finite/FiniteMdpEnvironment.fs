/// Any finite Markov decision process as an environment.
namespace Rl.Core.Environments.Finite

open System
open Rl.Core.Foundations
open Rl.Core.Tabular
open Rl.Core.Environments
open Rl.Core.Environments.Rendering

/// Whether an episode goes on.
type EpisodePhase =
    | Running = 0
    | Ended = 1

/// The state of the process, and what a picture shows besides: the action that led here (−1 at the start).
[<Struct>]
type FiniteState = { State: int; LastAction: int; Phase: EpisodePhase }

/// What an agent sees of a state.
[<RequireQualifiedAccess>]
type FiniteObservation =
    /// Its number, 0 … S − 1.
    | State
    /// The number in `labels` [S], each in 0 … count − 1: several states may look alike.
    | Label of count: int * labels: int[]
    /// The row of features [S, n], row-major, of a state.
    | Features of count: int * features: float32[]

/// A process and what an environment needs besides.
type FiniteMdpOptions =
    {
        Id: string
        Mdp: Mdp
        /// 0 for no limit.
        MaxEpisodeSteps: int
        /// NaN for none.
        RewardThreshold: float
        Observation: FiniteObservation
        Draw: FiniteState -> Scene
    }

/// A row of states, for processes without a picture of their own.
[<RequireQualifiedAccess>]
module internal StateRow =
    let private columns = 12

    /// The states as discs in rows of twelve, the present one filled; `label` names a state.
    let draw (states: int) (label: int -> string) (state: FiniteState) : Scene =
        let shown = min states columns
        let rows = (states + columns - 1) / columns
        let width, height = 50 * shown + 50, 60 * rows + 90

        let centre index =
            Figure.point (50.0 + 50.0 * float (index % columns)) (float height - 80.0 - 60.0 * float (index / columns))

        let last = if state.LastAction < 0 then "start" else $"action {state.LastAction}"

        {
            Width = max 300 width
            Height = height
            Background = Palette.paper
            Figures =
                [
                    for index in 0 .. states - 1 do
                        let isHere = index = state.State

                        if isHere then
                            Figure.Disc(centre index, 20.0, Palette.blue)
                        else
                            Sketch.circle (centre index) 19.0 2.0 Palette.faint

                        Sketch.label (centre index) 12.0 (if isHere then Colour.white else Palette.steel) (label index)
                    Sketch.caption height (if state.Phase = EpisodePhase.Ended then $"{last}, ended" else last)
                ]
        }

/// A finite process, drawn by its own probabilities: an outcome is the first whose cumulative probability exceeds a
/// uniform number. Actions are 0 … A − 1. An episode terminates with an outcome that does, or in an absorbing state.
type FiniteMdpEnvironment(options: FiniteMdpOptions) =
    let mdp = options.Mdp
    let actionSpace = Space.discrete mdp.Actions

    let observationSpace =
        match options.Observation with
        | FiniteObservation.State -> Space.discrete mdp.States
        | FiniteObservation.Label(count, labels) ->
            Guard.length "labels" mdp.States labels.Length

            for label in labels do
                Guard.inIntRange "labels" 0 (count - 1) label

            Space.discrete count
        | FiniteObservation.Features(count, features) ->
            Guard.positive "count" count
            Guard.length "features" (mdp.States * count) features.Length
            let column index = Array.init mdp.States (fun state -> float features[state * count + index])
            let bound reduce = Array.init count (column >> reduce)
            Space.box (bound Array.min) (bound Array.max) [| count |]

    /// An environment that shows the state's number, without a time limit or a threshold.
    new(id: string, mdp: Mdp) =
        FiniteMdpEnvironment(
            {
                Id = id
                Mdp = mdp
                MaxEpisodeSteps = 0
                RewardThreshold = nan
                Observation = FiniteObservation.State
                Draw = StateRow.draw mdp.States string
            }
        )

    /// The process.
    member _.Mdp = mdp

    interface IEnvironment<FiniteState> with
        member _.Id = options.Id
        member _.ObservationSpace = observationSpace
        member _.ActionSpace = actionSpace
        member _.MaxEpisodeSteps = options.MaxEpisodeSteps
        member _.RewardThreshold = options.RewardThreshold

        member _.Reset(rng) =
            let struct (state, rng) = Mdp.sampleStart mdp rng
            struct ({ State = state; LastAction = -1; Phase = EpisodePhase.Running }, rng)

        member _.Step(state, action, rng) =
            if state.Phase = EpisodePhase.Ended then
                invalidOp
                    $"{options.Id}: the episode has ended in state {state.State}; reset it instead of stepping it."

            if not (actionSpace.Contains action) then
                Guard.fail
                    (nameof action)
                    $"{options.Id}: the action is {action[0]}; it must be an integer from 0 to {mdp.Actions - 1}."

            let action = int action[0]
            let struct (_, outcome, rng) = Mdp.sample mdp state.State action rng
            let ended = not (mdp.Continues outcome)

            struct ({
                        State = outcome.Next
                        LastAction = action
                        Phase = (if ended then EpisodePhase.Ended else EpisodePhase.Running)
                    },
                    { Reward = outcome.Reward; Terminated = ended; Truncated = false },
                    rng)

        member _.Observe(state, observation) =
            match options.Observation with
            | FiniteObservation.State -> observation[0] <- float32 state.State
            | FiniteObservation.Label(_, labels) -> observation[0] <- float32 labels[state.State]
            | FiniteObservation.Features(count, features) ->
                Span(features, state.State * count, count).CopyTo observation

    interface IRenderable<FiniteState> with
        member _.Render(state) = options.Draw state

/// A finite process in which `isPossible state action` says which actions make sense; the others are allowed all the
/// same.
[<Sealed>]
type MaskedFiniteMdpEnvironment(options: FiniteMdpOptions, isPossible: int -> int -> bool) =
    inherit FiniteMdpEnvironment(options)
    let actions = options.Mdp.Actions
    let masks = Array.init (options.Mdp.States * actions) (fun pair -> isPossible (pair / actions) (pair % actions))

    interface IActionMasks<FiniteState> with
        member _.ActionMask(state, mask) = Span(masks, state.State * actions, actions).CopyTo mask
