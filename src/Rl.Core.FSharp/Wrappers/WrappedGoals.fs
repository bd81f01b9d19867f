/// What becomes of an environment's goals within each wrapper: they pass, or the wrapper says why they cannot.
namespace Rl.Core.Wrappers

open System
open Rl.Core.Environments
open Rl.Core.Foundations

[<RequireQualifiedAccess>]
module internal WrappedGoals =

    /// Where a range of numbers of an encoded observation stands when only some parts of it are kept.
    let private kept (names: string list) (space: Space) (first: int) (size: int) : int voption =
        let step (struct (before, after, found)) (name, part) =
            let own = Space.encodedSize part
            let isKept = List.contains name names

            let found =
                if isKept && first >= before && first + size <= before + own then
                    ValueSome(after + first - before)
                else
                    found

            struct (before + own, (if isKept then after + own else after), found)

        let struct (_, _, found) = List.fold step (struct (0, 0, ValueNone)) space.Parts
        found

    /// A user's function of rewards, whose result must be finite, as it must in a step.
    let private finite (wrapper: Wrapper) (transform: Func<float, float>) (reward: float) : float =
        let changed = transform.Invoke reward

        if not (Double.IsFinite changed) then
            Guard.fail "reward" $"{wrapper} made {changed} of the reward {reward} of goals; a reward must be finite."

        changed

    let private filter names (space: Space) (task: GoalTask) =
        let goals = task.Space

        match kept names space goals.Achieved goals.Size, kept names space goals.Desired goals.Size with
        | ValueSome achieved, ValueSome desired ->
            Ok { task with Space = { goals with Achieved = achieved; Desired = desired } }
        | _ ->
            Error(
                $"FilterObservation leaves goals out; keep the parts {GoalSpace.AchievedName} and "
                + GoalSpace.DesiredName
            )

    /// The goals of a wrapped environment by those within, whose observations are of `space`.
    let through (wrapper: Wrapper) (space: Space) (task: GoalTask) : Result<GoalTask, string> =
        let withheld (reason: string) = Error $"{wrapper} {reason}"

        match wrapper with
        // These change neither what is observed nor what a step pays.
        | Wrapper.TimeLimit _
        | Wrapper.RecordEpisodeStatistics
        | Wrapper.TransformAction _
        | Wrapper.ClipAction
        | Wrapper.RescaleAction _
        | Wrapper.DiscretizeAction _
        | Wrapper.StickyAction _
        | Wrapper.RandomizeDynamics _
        | Wrapper.PassiveEnvironmentChecker -> Ok task
        // The encoded observation stays, or gets numbers behind it.
        | Wrapper.FlattenObservation
        | Wrapper.ReshapeObservation _
        | Wrapper.TimeAwareObservation _ -> Ok task
        | Wrapper.FilterObservation names -> filter names space task
        | Wrapper.ClipReward(low, high) ->
            Ok(GoalTask.mapReward (fun reward -> Math.Min(high, Math.Max(low, reward))) task)
        | Wrapper.TransformReward f ->
            match f.Transform with
            | Some transform -> Ok(GoalTask.mapReward (finite wrapper transform) task)
            | None -> withheld "is not in the file, and rewards of goals go through it; give it again"
        | Wrapper.CountBonus _
        | Wrapper.RandomNetworkDistillation _ ->
            withheld "adds what depends on all that was seen, so that no reward can be computed as it was; leave it out"
        | Wrapper.NormalizeReward _ ->
            withheld "has a scale that moves, so that no reward can be computed as it was; leave it out"
        | Wrapper.NormalizeObservation _ ->
            withheld "shows goals in units that move, and rewards are not of those; leave it out"
        | Wrapper.TransformObservation _
        | Wrapper.RescaleObservation _
        | Wrapper.GrayscaleObservation _
        | Wrapper.ResizeObservation _
        | Wrapper.DiscretizeObservation _ ->
            withheld "shows goals in other numbers than rewards are computed from; leave it out"
        | Wrapper.FrameStackObservation _ ->
            withheld "shows the goals of several steps at once; leave it out, or use a recurrent network"
        | Wrapper.DelayObservation _ ->
            withheld "shows goals of earlier steps than those that rewards are for; leave it out"
        | Wrapper.MaxAndSkipObservation _
        | Wrapper.RepeatAction _ ->
            withheld "adds the rewards of steps whose goals are not shown; let the environment repeat actions itself"
        | Wrapper.NextStepAutoreset -> withheld "has steps that lead to no goal; leave it out"
