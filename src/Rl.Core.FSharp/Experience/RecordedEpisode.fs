/// Episodes that somebody recorded: what imitation and offline learning learn from.
namespace Rl.Core.Experience

open System
open Rl.Core.Environments
open Rl.Core.Foundations

/// One episode (o₀, a₀, r₀, o₁, …, o_T) of T ≥ 1 steps, in the environment's own numbers: raw observations before any
/// encoding, actions as `Step` takes them.
type RecordedEpisode =
    {
        /// o₀ … o_T, [T + 1, `ObservationSpace.Size`].
        Observations: float32[]
        /// a₀ … a_{T−1}, [T, `ActionSpace.Size`].
        Actions: float32[]
        /// r₀ … r_{T−1}, [T].
        Rewards: float[]
        /// Its last state is terminal.
        Terminated: bool
        /// It was cut after its last step; also where a recording ends in the middle of an episode.
        Truncated: bool
    }

    /// T, the number of steps.
    member this.Steps = this.Rewards.Length

    /// The undiscounted sum of its rewards.
    member this.Return = Array.sum this.Rewards

/// Checks of recorded episodes.
[<RequireQualifiedAccess>]
module RecordedEpisode =

    let private length source number what (asked: int) (has: int) =
        if has <> asked then
            Guard.fail
                "episode"
                ($"Episode {number} of {source} has {has} numbers in its {what}; it needs {asked}. An episode of T "
                 + "steps has T + 1 observations, T actions and T rewards.")

    let private finite source number what width (values: float32[]) =
        let index = values |> Array.tryFindIndex (Single.IsFinite >> not)

        match index with
        | Some index ->
            Guard.fail
                "episode"
                ($"Episode {number} of {source} has {values[index]} in component {index % width} of its {what} at step "
                 + $"{index / width}; recorded numbers must be finite. Repair the recording or leave the episode out.")
        | None -> ()

    /// Fails for an episode that does not fit its spaces, naming the source (a file, or "the data"), the episode's
    /// number and the step: another length, no step, a number that is not finite, an action outside its space, an end
    /// that is neither terminated nor truncated.
    let require
        (observations: Space)
        (actions: Space)
        (source: string)
        (number: int)
        (episode: RecordedEpisode)
        : unit =
        let steps = episode.Steps

        if steps < 1 then
            Guard.fail "episode" $"Episode {number} of {source} has no step; leave it out."

        length source number "observations" ((steps + 1) * observations.Size) episode.Observations.Length
        length source number "actions" (steps * actions.Size) episode.Actions.Length
        finite source number "observations" observations.Size episode.Observations
        finite source number "actions" actions.Size episode.Actions
        finite source number "rewards" 1 (Array.map float32 episode.Rewards)

        if not (episode.Terminated || episode.Truncated) then
            Guard.fail
                "episode"
                ($"Episode {number} of {source} ends neither terminated nor truncated; a recording that stops in the "
                 + "middle of an episode is truncated there.")

        for step in 0 .. steps - 1 do
            let action = ReadOnlySpan(episode.Actions, step * actions.Size, actions.Size)

            if not (actions.Contains action) then
                let text = String.Join(", ", action.ToArray())

                Guard.fail
                    "episode"
                    ($"Episode {number} of {source} has the action [{text}] at step {step}; it lies outside {actions}. "
                     + "Clip or rescale recorded actions to the space that the policy acts in.")
