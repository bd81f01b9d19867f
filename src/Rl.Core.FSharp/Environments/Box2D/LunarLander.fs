/// A lander between two flags on the moon, as in Gymnasium's `LunarLander-v3` and `LunarLanderContinuous-v3`.
namespace Rl.Core.Environments.Box2D

open System
open System.Numerics
open System.Threading
open Rl.Core.Foundations
open Rl.Core.Environments

/// A lander with a main engine below and two orientation engines at its sides, to be brought to rest on the pad at (0,
/// 0). Actions are 0: nothing, 1: the left engine, 2: the main engine, 3: the right engine; or, continuous, the main
/// engine's throttle (off up to 0, from 50 % to 100 % between 0 and 1) and the side engines' (left below −0.5, right
/// above 0.5). Observations are x, y, their velocities, angle, angular velocity (each scaled to about ±1) and the two
/// legs' contacts. The reward is the gain in nearness, slowness, uprightness and contacts less fuel; −100 for a crash
/// of the hull or leaving the picture, +100 for coming to rest, both of which terminate. Source: Gymnasium's
/// `lunar_lander.py`; the physics is this folder's solver with Box2D's 180 and 60 iterations a step.
[<Sealed>]
type LunarLander(options: LunarLanderOptions) =
    let model = LunarLanderModel.world options.Gravity

    do
        if not (options.Gravity > -12.0 && options.Gravity < 0.0) then
            raise (
                ArgumentOutOfRangeException(
                    "gravity",
                    options.Gravity,
                    $"gravity is {options.Gravity}; it must lie between -12 and 0."
                )
            )

        Guard.notNegativeNumber "wind_power" options.WindPower
        Guard.notNegativeNumber "turbulence_power" options.TurbulencePower

    let observationSpace =
        let high = [| 2.5; 2.5; 10.0; 10.0; 2.0 * Math.PI; 10.0; 1.0; 1.0 |]
        let low = [| -2.5; -2.5; -10.0; -10.0; -2.0 * Math.PI; -10.0; 0.0; 0.0 |]
        Space.box low high [| 8 |]

    let actionSpace = if options.IsContinuous then Space.boxOf -1.0 1.0 [| 2 |] else Space.discrete 4

    let fleets = new ThreadLocal<Fleet>(fun () -> Fleet(model, Buffer.length<Buffer16<Contact>, Contact>))

    /// What a valid action asks of the engines.
    let engines (state: inref<LunarLanderState>) (action: ReadOnlySpan<float32>) : Engines =
        if state.IsTerminal then
            invalidOp $"{options.Id}: the state is terminal; reset the episode instead of stepping it."


        if options.IsContinuous then
            Guard.length (nameof action) 2 action.Length

            if Single.IsNaN action[0] || Single.IsNaN action[1] then
                Guard.fail
                    (nameof action)
                    $"{options.Id}: the action is ({action[0]}, {action[1]}); it must not be NaN."
        elif not (actionSpace.Contains action) then
            Guard.fail
                (nameof action)
                $"{options.Id}: the action is {action[0]}; it must be 0 (nothing), 1 (left), 2 (main) or 3 (right)."

        LunarLanderModel.engines options action

    let push (engines: Engines) (state: byref<LunarLanderState>) (rng: byref<Rng>) =
        let struct (first, next) = Rng.uniformIn -1.0 1.0 rng
        let struct (second, next) = Rng.uniformIn -1.0 1.0 next
        rng <- next
        LunarLanderModel.push options model engines first second &state

    let step (state: byref<LunarLanderState>) (action: ReadOnlySpan<float32>) (rng: byref<Rng>) : Outcome =
        let engines = engines &state action
        push engines &state &rng
        Solver.step model (LunarLanderModel.ground &state) (LunarLanderModel.bodiesOf &state)
        LunarLanderModel.settle model engines &state

    /// `step` of up to `Fleet.Lanes` states.
    let stepFleet
        (states: Span<LunarLanderState>)
        (actions: ReadOnlySpan<float32>)
        (rngs: Span<Rng>)
        (outcomes: Span<Outcome>)
        =
        let fleet = fleets.Value
        let size = actionSpace.Size
        let asked = Scratch.span<Engines> states.Length

        for lane in 0 .. states.Length - 1 do
            asked[lane] <- engines &states[lane] (actions.Slice(lane * size, size))

        for lane in 0 .. states.Length - 1 do
            let state = &states[lane]
            push asked[lane] &state &rngs[lane]
            fleet.Start(lane, LunarLanderModel.ground &state, LunarLanderModel.bodiesOf &state)

        fleet.Iterate()

        for lane in 0 .. states.Length - 1 do
            let state = &states[lane]
            fleet.Finish(lane, LunarLanderModel.ground &state, LunarLanderModel.bodiesOf &state)
            outcomes[lane] <- LunarLanderModel.settle model asked[lane] &state

    /// `LunarLander-v3`: four choices, 1000 steps, solved at a mean return of 200.
    static member V3: LunarLanderOptions =
        {
            Id = "LunarLander-v3"
            IsContinuous = false
            Gravity = -10.0
            EnableWind = false
            WindPower = 15.0
            TurbulencePower = 1.5
        }

    /// `LunarLanderContinuous-v3`: two throttles.
    static member ContinuousV3: LunarLanderOptions =
        { LunarLander.V3 with Id = "LunarLanderContinuous-v3"; IsContinuous = true }

    interface IEnvironment<LunarLanderState> with
        member _.Id = options.Id
        member _.ObservationSpace = observationSpace
        member _.ActionSpace = actionSpace
        member _.MaxEpisodeSteps = 1000
        member _.RewardThreshold = 200.0

        member _.Reset(rng) =
            let draws = Scratch.span<float>(LunarLanderModel.Chunks + 1)
            let mutable rng = rng

            for index in 0 .. draws.Length - 1 do
                let struct (draw, next) = Rng.uniform rng
                draws[index] <- draw
                rng <- next

            let struct (x, next) = Rng.uniformIn -1.0 1.0 rng
            let struct (y, next) = Rng.uniformIn -1.0 1.0 next
            let struct (wind, next) = Rng.below 19998 next
            let struct (turbulence, next) = Rng.below 19998 next
            let struct (first, next) = Rng.uniformIn -1.0 1.0 next
            let struct (second, next) = Rng.uniformIn -1.0 1.0 next
            let force = Vector2(float32 x, float32 y)

            let state =
                LunarLanderModel.reset
                    options
                    model
                    (Span.op_Implicit draws)
                    force
                    (wind - 9999)
                    (turbulence - 9999)
                    first
                    second

            struct (state, next)

        member _.Step(state, action, rng) =
            let mutable state, rng = state, rng
            let outcome = step &state action &rng
            struct (state, outcome, rng)

        member _.Observe(state, observation) =
            let numbers = Scratch.span<float> 8
            LunarLanderModel.observe model &state numbers

            for index in 0..7 do
                observation[index] <- float32 numbers[index]

    interface IInPlace<LunarLanderState> with
        member _.StepInPlace(state, action, rng) = step &state action &rng

    interface IInPlaceMany<LunarLanderState> with
        member _.StepManyInPlace(states, actions, rngs, outcomes) =
            let mutable first = 0

            while first < states.Length do
                let count = min Fleet.Lanes (states.Length - first)
                let rows = actions.Slice(first * actionSpace.Size, count * actionSpace.Size)

                if Fleet.IsWorthwhile count then
                    stepFleet
                        (states.Slice(first, count))
                        rows
                        (rngs.Slice(first, count))
                        (outcomes.Slice(first, count))
                else
                    for index in 0 .. count - 1 do
                        let action = rows.Slice(index * actionSpace.Size, actionSpace.Size)
                        outcomes[first + index] <- step &states[first + index] action &rngs[first + index]

                first <- first + count

    interface IRenderable<LunarLanderState> with
        member _.Render(state) = LunarLanderScene.render model &state
