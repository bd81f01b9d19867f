/// Wrappers that change each reward by itself, and the one that reports returns of what stands below it.
namespace Rl.Core.Wrappers

open System
open Rl.Core.Foundations
open Rl.Core.Environments

/// A function of each reward.
[<Sealed>]
type internal RewardWrapper(wrapper: Wrapper, inner: BatchEnvironment, transform: Func<float, float>) =
    inherit WrappedBatch(wrapper, inner, None, None)

    override _.OnReward reward =
        let changed = transform.Invoke reward

        if not (Double.IsFinite changed) then
            Guard.fail
                "reward"
                $"{wrapper} made {changed} of the reward {reward} of {inner.Id}; a reward must be finite."

        changed

/// Undiscounted returns and lengths of episodes, of the rewards and steps at this place.
[<Sealed>]
type internal EpisodeStatistics(wrapper: Wrapper, inner: BatchEnvironment) as this =
    inherit WrappedBatch(wrapper, inner, None, None)
    let returns = this.Remember(Array.zeroCreate<float> inner.Count)
    let lengths = this.Remember(Array.zeroCreate<int> inner.Count)

    let report copy (result: StepBuffers) =
        result.EpisodeReturns.Span[copy] <- returns[copy]
        result.EpisodeLengths.Span[copy] <- lengths[copy]

    override _.LearnReward(copy, reward, _) =
        returns[copy] <- returns[copy] + reward
        lengths[copy] <- lengths[copy] + 1

    override _.OnStep(copy, _, hasEnded, result) = if hasEnded then report copy result
    override _.OnCut(copy, result) = report copy result
    override _.ReturnSoFar copy = returns[copy]

    override _.OnBegin copy =
        returns[copy] <- 0.0
        lengths[copy] <- 0
