/// A robot on two legs that walks over uneven ground, as in Gymnasium's `BipedalWalker-v3` and
/// `BipedalWalkerHardcore-v3`.
namespace Rl.Core.Environments.Box2D

open System
open System.Threading
open Rl.Core.Foundations
open Rl.Core.Environments

/// What may vary in BipedalWalker.
type BipedalWalkerOptions =
    {
        Id: string
        MaxEpisodeSteps: int
        /// With stumps, stairs and pits.
        IsHardcore: bool
    }

/// A hull on two legs with hips and knees. Actions are the four motors' torques in [−1, 1] (hip and knee behind, hip
/// and knee in front), with which they seek ±4 rad/s at the hips and ±6 at the knees. Observations (24) are the hull's
/// angle, angular velocity, and velocities, each leg's joint angles, speeds and contact, and ten LIDAR distances. The
/// reward is the way forward (about 300 to the end) less an unlevel hull and the torques spent; −100 when the hull
/// touches the ground or leaves to the left, which terminates, as the far end does. Source: Gymnasium's
/// `bipedal_walker.py`.
[<Sealed>]
type BipedalWalker(options: BipedalWalkerOptions) =
    let observationSpace =
        let leg = [| Math.PI; 5.0; Math.PI; 5.0; 5.0 |]
        let high = Array.concat [ [| Math.PI; 5.0; 5.0; 5.0 |]; leg; leg; Array.create BipedalModel.Rays 1.0 ]
        let low = Array.mapi (fun index bound -> if index = 8 || index = 13 then 0.0 else -bound) high
        Space.box low high [| 24 |]

    let actionSpace = Space.boxOf -1.0 1.0 [| 4 |]

    let fleets =
        new ThreadLocal<Fleet>(fun () -> Fleet(BipedalModel.world, Buffer.length<Buffer32<Contact>, Contact>))

    let check (state: inref<BipedalWalkerState>) (action: ReadOnlySpan<float32>) =
        if state.IsTerminal then
            invalidOp $"{options.Id}: the state is terminal; reset the episode instead of stepping it."

        Guard.length (nameof action) 4 action.Length

        for index in 0..3 do
            if Single.IsNaN action[index] then
                Guard.fail (nameof action) $"{options.Id}: action[{index}] is NaN; it must be a number in [-1, 1]."

    let step (state: byref<BipedalWalkerState>) (action: ReadOnlySpan<float32>) : Outcome =
        check &state action
        BipedalModel.advance action &state

    /// `step` of up to `Fleet.Lanes` states.
    let stepFleet (states: Span<BipedalWalkerState>) (actions: ReadOnlySpan<float32>) (outcomes: Span<Outcome>) =
        let fleet = fleets.Value
        let efforts = Scratch.span<float> states.Length

        for lane in 0 .. states.Length - 1 do
            check &states[lane] (actions.Slice(4 * lane, 4))

        for lane in 0 .. states.Length - 1 do
            let state = &states[lane]
            efforts[lane] <- BipedalModel.push (actions.Slice(4 * lane, 4)) &state
            fleet.Start(lane, BipedalModel.ground &state, BipedalModel.bodiesOf &state)

        fleet.Iterate()

        for lane in 0 .. states.Length - 1 do
            let state = &states[lane]
            fleet.Finish(lane, BipedalModel.ground &state, BipedalModel.bodiesOf &state)
            outcomes[lane] <- BipedalModel.settle efforts[lane] &state

    /// `BipedalWalker-v3`: 1600 steps, solved at a mean return of 300.
    static member V3: BipedalWalkerOptions = { Id = "BipedalWalker-v3"; MaxEpisodeSteps = 1600; IsHardcore = false }

    /// `BipedalWalkerHardcore-v3`: 2000 steps.
    static member HardcoreV3: BipedalWalkerOptions =
        { Id = "BipedalWalkerHardcore-v3"; MaxEpisodeSteps = 2000; IsHardcore = true }

    interface IEnvironment<BipedalWalkerState> with
        member _.Id = options.Id
        member _.ObservationSpace = observationSpace
        member _.ActionSpace = actionSpace
        member _.MaxEpisodeSteps = options.MaxEpisodeSteps
        member _.RewardThreshold = 300.0
        member _.Reset(rng) = BipedalModel.reset options.IsHardcore rng

        member _.Step(state, action, rng) =
            let mutable state = state
            let outcome = step &state action
            struct (state, outcome, rng)

        member _.Observe(state, observation) = BipedalModel.observe &state observation

    interface IInPlace<BipedalWalkerState> with
        member _.StepInPlace(state, action, _) = step &state action

    interface IInPlaceMany<BipedalWalkerState> with
        member _.StepManyInPlace(states, actions, _, outcomes) =
            let mutable first = 0

            while first < states.Length do
                let count = min Fleet.Lanes (states.Length - first)
                let rows = actions.Slice(4 * first, 4 * count)

                if Fleet.IsWorthwhile count then
                    stepFleet (states.Slice(first, count)) rows (outcomes.Slice(first, count))
                else
                    for index in 0 .. count - 1 do
                        outcomes[first + index] <- step &states[first + index] (rows.Slice(4 * index, 4))

                first <- first + count

    interface IRenderable<BipedalWalkerState> with
        member _.Render(state) = BipedalScene.render &state
