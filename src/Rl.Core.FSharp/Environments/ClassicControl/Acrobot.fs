/// Two links swung up from the joint between them, as in Gymnasium's `Acrobot-v1`.
namespace Rl.Core.Environments.ClassicControl

open System
open System.Runtime.InteropServices
open System.Runtime.Intrinsics
open System.Runtime.Intrinsics.X86
open Rl.Core.Foundations
open Rl.Core.Environments
open Rl.Core.Environments.Rendering

/// What may vary in Acrobot.
type AcrobotOptions =
    {
        Id: string
        MaxEpisodeSteps: int
        RewardThreshold: float
        /// Which equations move the links.
        Dynamics: AcrobotDynamics
        /// Torques are disturbed by a uniform number in ± this, N·m; 0 for none.
        TorqueNoise: float
    }

module private AcrobotSpaces =
    let observationSpace =
        let high = [| 1.0; 1.0; 1.0; 1.0; AcrobotMotion.MaxVelocity1; AcrobotMotion.MaxVelocity2 |]
        Space.box (Array.map (~-) high) high [| 6 |]

    let actionSpace = Space.discrete 3

    let v1 =
        {
            Id = "Acrobot-v1"
            MaxEpisodeSteps = 500
            RewardThreshold = -100.0
            Dynamics = AcrobotDynamics.Book
            TorqueNoise = 0.0
        }

    let outcome terminated = { Reward = (if terminated then 0.0 else -1.0); Terminated = terminated; Truncated = false }

    let requireStep (id: string) (state: AcrobotState) (action: ReadOnlySpan<float32>) =
        if AcrobotMotion.isTerminal state then
            invalidOp $"{id}: the state {state} is terminal; reset the episode instead of stepping it."

        if not (actionSpace.Contains action) then
            Guard.fail
                (nameof action)
                $"{id}: the action is {action[0]}; it must be 0, 1 or 2: a torque of -1, 0 or 1 N·m."

    let step (dynamics: AcrobotDynamics) state torque rng : struct (AcrobotState * Outcome * Rng) =
        let next = AcrobotMotion.advance dynamics state torque
        struct (next, outcome (AcrobotMotion.isTerminal next), rng)

    let reset (rng: Rng) : struct (AcrobotState * Rng) =
        let struct (angle1, rng) = Rng.uniformIn -0.1 0.1 rng
        let struct (angle2, rng) = Rng.uniformIn -0.1 0.1 rng
        let struct (velocity1, rng) = Rng.uniformIn -0.1 0.1 rng
        let struct (velocity2, rng) = Rng.uniformIn -0.1 0.1 rng
        struct ({ Angle1 = angle1; Angle2 = angle2; Velocity1 = velocity1; Velocity2 = velocity2 }, rng)

open AcrobotSpaces

/// Two hanging links of 1 m and 1 kg with a torque of −1, 0 or 1 N·m on the joint between them (actions 0, 1, 2), whose
/// tip is to be lifted 1 m above the fixed joint. Reward −1 a step and 0 for the last; terminates when −cos θ₁ − cos(θ₁
/// + θ₂) > 1. Observations are cos θ₁, sin θ₁, cos θ₂, sin θ₂ and the velocities. `options.TorqueNoise` must be 0:
/// `NoisyAcrobot` has noise. Source: Sutton, "Generalization in reinforcement learning" (NIPS 1996); Sutton and Barto
/// (1998), section 11.3.
[<Sealed>]
type Acrobot(options: AcrobotOptions) =
    do
        if options.TorqueNoise <> 0.0 then
            Guard.fail
                "options.TorqueNoise"
                $"options.TorqueNoise is {options.TorqueNoise}; make a NoisyAcrobot for other noise than 0."

    /// `Acrobot-v1`: 500 steps, solved at a mean return of −100.
    static member V1: AcrobotOptions = v1

    interface IEnvironment<AcrobotState> with
        member _.Id = options.Id
        member _.ObservationSpace = observationSpace
        member _.ActionSpace = actionSpace
        member _.MaxEpisodeSteps = options.MaxEpisodeSteps
        member _.RewardThreshold = options.RewardThreshold
        member _.Reset(rng) = reset rng

        member _.Step(state, action, rng) =
            requireStep options.Id state action
            step options.Dynamics state (float action[0] - 1.0) rng

        member _.Observe(state, observation) = AcrobotMotion.observe state observation

    interface IBatchKernel<AcrobotState> with
        member _.StepMany(states, actions, outcomes) =
            let mutable index = 0

            if Avx512F.IsSupported then
                let actionVectors = MemoryMarshal.Cast<float32, Vector256<float32>> actions

                while index + 8 <= states.Length do
                    let eight = MemoryMarshal.Cast<AcrobotState, Vector512<float>>(states.Slice(index, 8))
                    let results = MemoryMarshal.Cast<Outcome, Vector512<float>>(outcomes.Slice(index, 8))
                    let chosen = Avx512F.ConvertToVector512Double actionVectors[index / 8]
                    let risen = AcrobotMotion.advanceEight options.Dynamics eight (chosen - Vector512<float>.One)
                    StateLanes.packOutcomes (Vector512.AndNot(Vector512.Create -1.0, risen), risen, results)
                    index <- index + 8

            while index < states.Length do
                let next = AcrobotMotion.advance options.Dynamics states[index] (float actions[index] - 1.0)
                states[index] <- next
                outcomes[index] <- outcome (AcrobotMotion.isTerminal next)
                index <- index + 1

        member _.ObserveMany(states, observations) =
            let mutable index = 0

            if Avx512F.IsSupported then
                while index + 8 <= states.Length do
                    AcrobotMotion.observeEight (states.Slice(index, 8)) (observations.Slice(6 * index, 48))
                    index <- index + 8

            while index < states.Length do
                AcrobotMotion.observe states[index] (observations.Slice(6 * index, 6))
                index <- index + 1

    interface IRenderable<AcrobotState> with
        member _.Render(state) = AcrobotScene.draw state

/// `Acrobot` with a torque that is off by a uniform number in ±`options.TorqueNoise` ≥ 0 at every step.
[<Sealed>]
type NoisyAcrobot(options: AcrobotOptions) =
    do Guard.notNegativeNumber "torque_noise_max" options.TorqueNoise

    interface IEnvironment<AcrobotState> with
        member _.Id = options.Id
        member _.ObservationSpace = observationSpace
        member _.ActionSpace = actionSpace
        member _.MaxEpisodeSteps = options.MaxEpisodeSteps
        member _.RewardThreshold = options.RewardThreshold
        member _.Reset(rng) = reset rng

        member _.Step(state, action, rng) =
            requireStep options.Id state action
            let struct (noise, rng) = Rng.uniformIn -options.TorqueNoise options.TorqueNoise rng
            step options.Dynamics state (float action[0] - 1.0 + noise) rng

        member _.Observe(state, observation) = AcrobotMotion.observe state observation

    interface IRenderable<AcrobotState> with
        member _.Render(state) = AcrobotScene.draw state
