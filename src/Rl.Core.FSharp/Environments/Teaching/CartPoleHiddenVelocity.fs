/// CartPole whose velocities cannot be seen: a partially observed task.
namespace Rl.Core.Environments.Teaching

open Rl.Core.Environments
open Rl.Core.Environments.ClassicControl
open Rl.Core.Environments.Rendering

/// `CartPole` that shows the position and the angle alone, so that a good policy needs memory or stacked frames.
[<Sealed>]
type CartPoleHiddenVelocity(options: CartPoleOptions) =
    let cartPole = CartPole options
    let environment = cartPole :> IEnvironment<CartPoleState>
    let kernel = cartPole :> IBatchKernel<CartPoleState>

    let observationSpace =
        match environment.ObservationSpace with
        | Space.Box(low, high, _) -> Space.box [| low[0]; low[2] |] [| high[0]; high[2] |] [| 2 |]
        | other -> other

    /// `CartPoleHiddenVelocity-v1`: otherwise `CartPole-v1`.
    static member V1: CartPoleOptions = { CartPole.V1 with Id = "CartPoleHiddenVelocity-v1" }

    interface IEnvironment<CartPoleState> with
        member _.Id = options.Id
        member _.ObservationSpace = observationSpace
        member _.ActionSpace = environment.ActionSpace
        member _.MaxEpisodeSteps = options.MaxEpisodeSteps
        member _.RewardThreshold = options.RewardThreshold
        member _.Reset(rng) = environment.Reset rng
        member _.Step(state, action, rng) = environment.Step(state, action, rng)

        member _.Observe(state, observation) =
            observation[0] <- float32 state.Position
            observation[1] <- float32 state.Angle

    interface IBatchKernel<CartPoleState> with
        member _.StepMany(states, actions, outcomes) = kernel.StepMany(states, actions, outcomes)

        member _.ObserveMany(states, observations) =
            for index in 0 .. states.Length - 1 do
                observations[2 * index] <- float32 states[index].Position
                observations[2 * index + 1] <- float32 states[index].Angle

    interface IRenderable<CartPoleState> with
        member _.Render(state) = CartPoleScene.ofState state.Position state.Angle
