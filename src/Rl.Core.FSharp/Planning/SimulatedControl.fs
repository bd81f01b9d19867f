/// Environments as what iLQR and DDP improve trajectories in: derivatives of steps by differences.
namespace Rl.Core.Planning

open System
open MathNet.Numerics.LinearAlgebra
open Rl.Core.Environments
open Rl.Core.Foundations

/// Copies of an environment's state, stepped side by side with one number moved (or two), tell the derivatives of the
/// next state and of the reward: central differences with steps of ε^¼ of a number's size, ε being the relative error
/// of what a step computes. The cost of step t is −γᵗ rₜ; its curvature is brought to the nearest that is nowhere
/// negative (negative eigenvalues become 0), so that each iteration has a least value. Chance is one draw a step for
/// all copies. Not thread-safe.
[<Sealed>]
type internal SimulatedControl(simulator: Simulator, horizon: int, discount: float, hasMixed: bool) =
    let refuse (reason: string) = Guard.fail "environment" $"iLQR and DDP cannot plan in {simulator.Id}: {reason}."

    let struct (low, high) =
        let bounds =
            Space.layout simulator.ActionSpace
            |> List.map (fun part ->
                match part.Space with
                | Space.Box(low, high, _) -> struct (low, high)
                | _ ->
                    refuse (
                        $"its actions are {simulator.ActionSpace}, and derivatives need a Box of numbers; plan with "
                        + "cem, icem, mppi, uct or puct"
                    ))

        let all choose = bounds |> List.map choose |> Array.concat
        struct (all (fun (struct (low, _)) -> low), all (fun (struct (_, high)) -> high))

    let n, m = simulator.StateSize, low.Length

    do
        Guard.positive (nameof horizon) horizon
        Guard.inRange (nameof discount) 0.0 1.0 discount

        if n = 0 then
            refuse (
                "its state is not offered as numbers in which it moves smoothly (IContinuousState); plan with cem, "
                + "icem or mppi, or through a model of your own, whose state is what is observed"
            )

    let size = n + m
    let relative = Math.Sqrt(Math.Sqrt simulator.StepError)
    let isSingle = simulator.StepError >= StepError.OfSingles
    let rounded (value: float) = if isSingle then float (float32 value) else value

    // The points of one step: none moved, each number up, each down, and two numbers both up and both down.
    let pairs =
        [|
            if hasMixed then
                for i in 0 .. size - 1 do
                    for j in i + 1 .. size - 1 -> struct (i, j)
        |]

    let points = 1 + 2 * size + 2 * pairs.Length
    let up i = 1 + i
    let down i = 1 + size + i
    let bothUp pair = 1 + 2 * size + pair
    let bothDown pair = 1 + 2 * size + pairs.Length + pair

    let places = simulator.Places
    let actions = Array.zeroCreate<float32>(places * m)
    let outcomes = Array.zeroCreate<Outcome> places
    let numbers = Array.zeroCreate<float> n
    // [H, points, n] and [H, points]: where steps lead to, and what they pay.
    let reached = Array.zeroCreate<float>(horizon * points * n)
    let paid = Array.zeroCreate<float>(horizon * points)
    // [H, 2, size]: how far each number is moved up and down.
    let moves = Array.zeroCreate<float>(horizon * 2 * size)
    let streams = Array.create horizon (Rng.create 0UL)
    let found = Array.zeroCreate<StepDerivatives> horizon
    let ends = Array.zeroCreate<bool> horizon
    let none = Vector<float>.Build.Dense n, Matrix<float>.Build.Dense(n, n)

    let check (outcome: Outcome) =
        if Double.IsNaN outcome.Reward then
            invalidOp (
                $"{simulator.Id} returned the reward NaN while a planner thought ahead; a reward must be finite."
            )

    /// The middle around which numbers of a step are moved: a control so far within its bounds that there is room.
    let centre (x: float[]) (u: float[]) =
        Array.init size (fun i ->
            if i < n then
                x[i]
            else
                let control = i - n
                let room = high[control] - low[control]
                let step = if Double.IsFinite room then 0.5 * relative * room else relative
                let step = min step (0.25 * room)
                float (float32 (Math.Clamp(u[control], low[control] + step, high[control] - step))))

    let stepOf (z: float[]) i =
        if i < n then
            relative * max 1.0 (abs z[i])
        else
            let room = high[i - n] - low[i - n]

            if Double.IsFinite room then
                min (0.5 * relative * room) (0.25 * room)
            else
                relative * max 1.0 (abs z[i])

    /// How a point of a step differs from its middle: the sign with which a number is moved.
    let sign point i =
        if point = 0 then
            0
        elif point < 1 + size then
            (if point - 1 = i then 1 else 0)
        elif point < 1 + 2 * size then
            (if point - 1 - size = i then -1 else 0)
        else
            let index = point - 1 - 2 * size
            let struct (first, second) = pairs[index % pairs.Length]

            if i <> first && i <> second then 0
            elif index < pairs.Length then 1
            else -1

    let moved (t: int) (z: float[]) point i =
        match sign point i with
        | 1 -> z[i] + moves[(2 * t) * size + i]
        | -1 -> z[i] - moves[(2 * t + 1) * size + i]
        | _ -> z[i]

    let nextOf t point index = reached[(t * points + point) * n + index]
    let paidOf t point = paid[t * points + point]

    let first (t: int) (value: int -> float) i =
        let width = moves[(2 * t) * size + i] + moves[(2 * t + 1) * size + i]
        if width = 0.0 then 0.0 else (value (up i) - value (down i)) / width

    /// ∂²value/∂z² [size, size]; without mixed points its diagonal alone.
    let second (t: int) (value: int -> float) =
        let above i = moves[(2 * t) * size + i]
        let below i = moves[(2 * t + 1) * size + i]
        let middle = value 0
        let result = Matrix<float>.Build.Dense(size, size)

        for i in 0 .. size - 1 do
            if above i > 0.0 && below i > 0.0 then
                let rise = (value (up i) - middle) / above i
                let fall = (middle - value (down i)) / below i
                result[i, i] <- 2.0 * (rise - fall) / (above i + below i)

        for pair in 0 .. pairs.Length - 1 do
            let struct (i, j) = pairs[pair]
            let area = above i * above j + below i * below j

            if area > 0.0 then
                let apart = value (up i) + value (up j) + value (down i) + value (down j)
                let mixed = (value (bothUp pair) + value (bothDown pair) + 2.0 * middle - apart) / area
                result[i, j] <- mixed
                result[j, i] <- mixed

        result

    /// The nearest matrix without negative eigenvalues.
    let convex (curvature: Matrix<float>) =
        let parts = curvature.Evd Symmetricity.Symmetric
        let values = parts.EigenValues.Map(fun value -> max 0.0 value.Real)

        if Seq.exists (fun (value: System.Numerics.Complex) -> value.Real < 0.0) parts.EigenValues then
            parts.EigenVectors
            * Matrix<float>.Build.DenseOfDiagonalVector values
            * parts.EigenVectors.Transpose()
        else
            curvature

    let derivatives (t: int) (isOver: bool) : StepDerivatives =
        if isOver then
            // Nothing follows an end: controls stay as they are.
            {
                Dynamics = Matrix<float>.Build.Dense(n, size)
                Slope = Vector<float>.Build.Dense size
                Curvature = Matrix<float>.Build.Dense(size, size, fun i j -> if i = j && i >= n then 1.0 else 0.0)
            }
        else
            let weight = -(discount ** float t)
            let reward point = paidOf t point

            {
                Dynamics = Matrix<float>.Build.Dense(n, size, fun row i -> first t (fun point -> nextOf t point row) i)
                Slope = Vector<float>.Build.Dense(size, fun i -> weight * first t reward i)
                Curvature = convex (weight * second t reward)
            }

    /// Sequences are improved from the present state of a copy of the batch from now on, which shows `observation`,
    /// with chance from the key; the state.
    member _.Begin(copy: int, observation: ReadOnlySpan<float32>, key: Rng) : float[] =
        simulator.Begin(copy, observation)
        simulator.Spread(0, 1)
        let mutable rest = key

        for t in 0 .. horizon - 1 do
            let struct (stream, next) = Rng.split rest
            streams[t] <- stream
            rest <- next

        let state = Array.zeroCreate<float> n
        simulator.ReadState(0, Span state)
        state

    interface IControlModel with
        member _.StateSize = n
        member _.ControlSize = m
        member _.Low = low
        member _.High = high

        member _.Step(t, x, u) =
            simulator.Spread(0, 1)
            simulator.WriteState(0, ReadOnlySpan x)
            simulator.SeedAlike(0, 1, streams[t])

            for index in 0 .. m - 1 do
                actions[index] <- float32 u[index]

            simulator.Step(0, 1, ReadOnlySpan(actions, 0, m), Span(outcomes, 0, 1))
            check outcomes[0]
            let next = Array.zeroCreate<float> n
            simulator.ReadState(0, Span next)
            let ended = outcomes[0].Terminated || outcomes[0].Truncated
            struct (next, -(discount ** float t) * outcomes[0].Reward, ended)

        member _.End(_) = struct (0.0, fst none, snd none)

        member _.Linearise(states, controls) =
            let middles = Array.init controls.Length (fun t -> centre states[t] controls[t])

            for t in 0 .. controls.Length - 1 do
                for i in 0 .. size - 1 do
                    let z = middles[t]
                    let step = stepOf z i
                    let round value = if i < n then rounded value else float (float32 value)
                    moves[(2 * t) * size + i] <- round (z[i] + step) - z[i]
                    moves[(2 * t + 1) * size + i] <- z[i] - round (z[i] - step)

            let total = controls.Length * points
            let mutable finished = 0

            while finished < total do
                let count = min places (total - finished)
                simulator.Spread(0, count)

                for place in 0 .. count - 1 do
                    let t, point = (finished + place) / points, (finished + place) % points

                    for i in 0 .. n - 1 do
                        numbers[i] <- moved t middles[t] point i

                    for i in 0 .. m - 1 do
                        actions[place * m + i] <- float32 (moved t middles[t] point (n + i))

                    simulator.WriteState(place, ReadOnlySpan numbers)
                    simulator.SeedAlike(place, 1, streams[t])

                simulator.Step(0, count, ReadOnlySpan(actions, 0, count * m), Span(outcomes, 0, count))

                for place in 0 .. count - 1 do
                    check outcomes[place]
                    simulator.ReadState(place, Span(reached, (finished + place) * n, n))
                    paid[finished + place] <- outcomes[place].Reward

                    if (finished + place) % points = 0 then
                        ends[(finished + place) / points] <- outcomes[place].Terminated || outcomes[place].Truncated

                finished <- finished + count

            let mutable isOver = false

            for t in 0 .. controls.Length - 1 do
                found[t] <- derivatives t isOver
                isOver <- isOver || ends[t]

        member _.Derivatives(t) = found[t]

        member _.Bending(t, v) =
            second t (fun point ->
                let mutable sum = 0.0

                for index in 0 .. n - 1 do
                    sum <- sum + v[index] * nextOf t point index

                sum)
