/// An agent at work, step by step, for those who look: pictures with the numbers that belong to them.
namespace Rl.Core.Training

open System
open Rl.Core.Acting
open Rl.Core.Foundations
open Rl.Core.Environments
open Rl.Core.Environments.Rendering
open Rl.Core.Learning

/// What is seen after a step.
type Frame =
    {
        Scene: Scene
        /// The number of the episode, from 1.
        Episode: int
        /// Steps of the episode so far; 0 for its first picture.
        Step: int
        /// The reward of the step as wrappers show it; 0 for the first picture.
        Reward: float
        /// The undiscounted sum of the episode's rewards so far, the environment's own, as evaluations report it.
        Return: float
        /// Whether this is the episode's last picture.
        IsLast: bool
    }

/// Watching episodes.
[<RequireQualifiedAccess>]
module Playback =

    /// Acts as a policy does. `deterministic`: the most probable actions, else drawn ones.
    let ofPolicy (model: PolicyModel) (deterministic: bool) : IPlayer =
        let predictor = Predictor(model, 1)
        let keys = Array.zeroCreate<Rng> 1

        { new IRewardedPlayer with
            member _.Earn reward = predictor.Earn(0, reward)
          interface IPlayer with
              member _.Begin() = predictor.Forget()

              member _.Act(observation, mask, action, key) =
                  if deterministic then
                      predictor.Predict(observation, mask, action)
                      key
                  else
                      keys[0] <- key
                      predictor.Sample(observation, mask, action, Span keys)
                      keys[0]
        }

    /// Acts at random, uniformly where the space of actions is bounded.
    let atRandom (actions: Space) : IPlayer =
        { new IPlayer with
            member _.Begin() = ()

            member _.Act(_, mask, action, key) =
                if mask.IsEmpty then
                    actions.Sample(key, action)
                else
                    actions.Sample(key, mask, action)
        }

    /// The frames of `episodes` ≥ 1 whole episodes in a batch of one copy, which is reset from `key` at the start: one
    /// for each first state and one a step, computed as they are asked for. `InvalidOperationException` if the
    /// environment cannot be looked at.
    let run (player: IPlayer) (environment: BatchEnvironment) (episodes: int) (key: Rng) : Frame seq =
        Guard.positive (nameof episodes) episodes
        environment.RequireSameStep()

        if environment.Count <> 1 then
            Guard.fail (nameof environment) $"environment has {environment.Count} copies; playback needs a batch of 1."

        let picture (scene: Scene voption) =
            match scene with
            | ValueSome scene -> scene
            | ValueNone -> invalidOp $"{environment.Id} cannot be looked at; let it implement IRenderable."

        let first episode =
            player.Begin()
            let scene = picture (environment.Render 0)
            { Scene = scene; Episode = episode; Step = 0; Reward = 0.0; Return = 0.0; IsLast = false }

        seq {
            let struct (environmentKey, actionKey) = Rng.split key
            let buffers = environment.AllocateBuffers()
            let action = Array.zeroCreate<float32> environment.ActionSize
            let mask = Array.zeroCreate<bool>(if environment.HasActionMasks then environment.ActionSpace.Choices else 0)
            let mutable actionKey = actionKey
            environment.Reset environmentKey
            environment.Observe buffers.Observations.Span
            let mutable frame = first 1
            yield frame

            while not (frame.IsLast && frame.Episode = episodes) do
                if frame.IsLast then
                    frame <- first (frame.Episode + 1)
                else
                    if mask.Length > 0 then environment.ActionMasks(0, 1, Span mask)

                    actionKey <-
                        player.Act(
                            Span.op_Implicit buffers.Observations.Span,
                            ReadOnlySpan mask,
                            Span action,
                            actionKey
                        )

                    environment.StepAll(ReadOnlySpan action, buffers)
                    let isLast = buffers.EpisodeLengths.Span[0] > 0
                    let reward = float buffers.Rewards.Span[0]

                    match player with
                    | :? IRewardedPlayer as player when not isLast -> player.Earn reward
                    | _ -> ()

                    frame <-
                        { frame with
                            Scene = picture (if isLast then environment.RenderFinal 0 else environment.Render 0)
                            Step = frame.Step + 1
                            Reward = reward
                            Return = if isLast then buffers.EpisodeReturns.Span[0] else environment.ReturnSoFar 0
                            IsLast = isLast
                        }

                yield frame
        }
