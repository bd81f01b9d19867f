/// Planners over sequences of actions: what they find, what they refuse, and that they are functions of their state.
[<FsCheck.Xunit.Properties(Replay = "(5129031,5129033)", MaxTest = 20)>]
module Rl.Tests.Planning.PlannerTests

#nowarn "3391" // arrays convert to spans

open System
open FsCheck.Xunit
open Rl.Core.Environments
open Rl.Core.Environments.ClassicControl
open Rl.Core.Foundations
open Rl.Core.Planning
open Xunit

/// A judge that is a function of one sequence [horizon · size].
let private judgeOf length (value: float[] -> float) : ISequenceReturns =
    { new IExactSequenceReturns with
        member _.JudgeExactly(actions, _, returns) =
            (actions.ToArray() |> Array.chunkBySize length |> Array.map value).CopyTo returns

        member _.Judge(actions, _, returns) =
            (actions.ToArray() |> Array.map float |> Array.chunkBySize length |> Array.map value).CopyTo returns
    }

let private box = PlanningSpace(Space.boxOf -1.0 1.0 [| 2 |])

/// −Σ wᵢ (aᵢ − goalᵢ)² with goals within the bounds: its optimum is the goal.
let private quadratic (seed: uint64) length =
    let mutable key = Rng.create seed

    let draw low high =
        let struct (value, next) = Rng.uniformIn low high key
        key <- next
        value

    let goal = Array.init length (fun _ -> draw -0.8 0.8)
    let weights = Array.init length (fun _ -> draw 0.5 2.0)
    let judge = judgeOf length (fun a -> -(Seq.sum (Seq.init length (fun i -> weights[i] * (a[i] - goal[i]) ** 2.0))))
    struct (goal, judge)

/// Every planner with room for a search of `horizon` steps.
let private planners horizon (space: PlanningSpace) : Planner list =
    [
        RandomShooting({ RandomShootingOptions.defaults with Horizon = horizon }, space)
        CrossEntropy({ CrossEntropyOptions.defaults with Horizon = horizon }, space)
        CrossEntropy(
            { CrossEntropyOptions.defaults with
                Horizon = horizon
                Sampling = CrossEntropySampling.Truncated
                ReturnsMean = false
            },
            space
        )
        ImprovedCrossEntropy({ ImprovedCrossEntropyOptions.defaults with Horizon = horizon }, space)
        ImprovedCrossEntropy(
            { ImprovedCrossEntropyOptions.defaults with
                Horizon = horizon
                Variant = ImprovedCrossEntropyVariant.MbrlLib
            },
            space
        )
        Mppi({ MppiOptions.defaults with Horizon = horizon }, space)
        FilteredMppi({ FilteredMppiOptions.defaults with Horizon = horizon }, space)
    ]

let private farthest (goal: float[]) (found: float[]) = Array.map2 (fun a b -> abs (a - b)) goal found |> Array.max

[<Property>]
let ``the cross-entropy method finds the optimum of a quadratic within a hundredth`` (seed: uint64) (truncated: bool) =
    let struct (goal, judge) = quadratic seed 6

    let options =
        { CrossEntropyOptions.defaults with
            Horizon = 3
            Population = 500
            Iterations = 30
            EliteFraction = 0.2
            Sampling =
                if truncated then
                    CrossEntropySampling.Truncated
                else
                    CrossEntropySampling.Clipped
        }

    let planner = CrossEntropy(options, box)
    let state = planner.Start(Rng.create seed)
    planner.Decide(state, judge)
    farthest goal state.Plan < 0.01

[<Property>]
let ``the improved cross-entropy method finds the optimum of a quadratic within a hundredth``
    (seed: uint64)
    (kept: bool)
    =
    let struct (goal, judge) = quadratic seed 6

    let options =
        { ImprovedCrossEntropyOptions.defaults with
            Horizon = 3
            Iterations = 20
            Population = 200
            PopulationDecay = 1.0
            KeepsElites = kept
        }

    let planner = ImprovedCrossEntropy(options, box)
    let state = planner.Start(Rng.create seed)
    planner.Decide(state, judge)
    farthest goal state.Plan < 0.01

// With quadratic costs of weights 1 … the Gibbs distribution is normal with variance λ/2w around the goal, of which
// MPPI estimates the mean.
[<Property>]
let ``path-integral control finds the optimum of a quadratic within a tenth`` (seed: uint64) =
    let struct (goal, judge) = quadratic seed 6

    let options =
        { MppiOptions.defaults with
            Horizon = 3
            Iterations = 30
            Population = 500
            Temperature = 0.02
            NoiseDeviation = 0.2
        }

    let planner = Mppi(options, box)
    let state = planner.Start(Rng.create seed)
    planner.Decide(state, judge)
    farthest goal state.Plan < 0.1

[<Property>]
let ``the mean of path-integral control is that of the sampled Gibbs distribution`` (seed: uint64) =
    // One step, one coordinate, wide bounds: the plan is the weighted mean of what was tried, by definition.
    let space = PlanningSpace(Space.boxOf -10.0 10.0 [| 1 |])
    let tried = ResizeArray<float>()

    let judge =
        judgeOf 1 (fun a ->
            tried.Add a[0]
            -(a[0] ** 2.0))

    let options =
        { MppiOptions.defaults with
            Horizon = 1
            Iterations = 1
            Population = 50
            Temperature = 0.7
            NoiseDeviation = 0.1
        }

    let planner = Mppi(options, space)
    let state = planner.Start(Rng.create seed)
    state.Mean[0] <- 1.0
    planner.Decide(state, judge)
    let weights = tried |> Seq.map (fun a -> exp (-(a ** 2.0) / 0.7)) |> Array.ofSeq
    let mean = Seq.sum (Seq.map2 (*) weights tried) / Array.sum weights
    abs (mean - state.Plan[0]) < 1e-9

[<Property>]
let ``random shooting decides on the best of uniform sequences`` (seed: uint64) =
    let tried = ResizeArray<float[]>()

    let judge =
        judgeOf 4 (fun a ->
            tried.Add a
            a[0] + a[3])

    let planner = RandomShooting({ Horizon = 2; Population = 400 }, box)
    let state = planner.Start(Rng.create seed)
    planner.Decide(state, judge)
    let best = tried |> Seq.maxBy (fun a -> a[0] + a[3])
    // The mean of 1,600 uniform numbers has a deviation of 1/√4800.
    let mean = tried |> Seq.concat |> Seq.average
    best = state.Plan && state.Value = best[0] + best[3] && abs mean < 5.0 / sqrt 4800.0

[<Property>]
let ``no sequence leaves the bounds, and plans begin a step later the next time`` (seed: uint64) =
    let space = PlanningSpace(Space.box [| -2.0; 0.5 |] [| 1.0; 3.0 |] [| 2 |])

    planners 4 space
    |> List.forall (fun planner ->
        let isInside (a: float[]) =
            a
            |> Array.indexed
            |> Array.forall (fun (i, value) -> value >= space.Low[i % 2] - 1e-12 && value <= space.High[i % 2] + 1e-12)

        let mutable inside = true

        let judge =
            judgeOf 8 (fun a ->
                inside <- inside && isInside a
                -(a[0] - 5.0) ** 2.0 - a[7])

        let state = planner.Start(Rng.create seed)

        for _ in 1..3 do
            planner.Decide(state, judge)

        let isShifted =
            match planner with
            | :? RandomShooting -> true
            | :? ImprovedCrossEntropy -> true
            | _ -> Array.sub state.Mean 0 6 = Array.sub state.Plan 2 6

        inside && isShifted && isInside state.Plan)

[<Property>]
let ``deciding is a function of options and state: planners share nothing and remember nothing themselves``
    (seed: uint64)
    =
    let struct (_, judge) = quadratic seed 8

    List.zip (planners 4 box) (planners 4 box)
    |> List.forall (fun (first, second) ->
        let start = first.Start(Rng.create seed)
        let struct (action, state) = first.Plan(start, judge)
        // The first planner decides on something else in between.
        let struct (_, _) = first.Plan(first.Start(Rng.create (seed + 1UL)), judge)
        let struct (next, _) = first.Plan(state, judge)
        let struct (sameAction, sameState) = second.Plan(second.Start(Rng.create seed), judge)
        let struct (sameNext, _) = second.Plan(sameState, judge)
        let isUntouched = start.Key = Rng.create seed && Array.forall ((=) 0.0) start.Plan
        action = sameAction && next = sameNext && isUntouched)

[<Property>]
let ``a state that was rounded, written and read decides as it did`` (seed: uint64) =
    let struct (_, judge) = quadratic seed 8

    planners 4 box
    |> List.forall (fun planner ->
        let struct (_, state) = planner.Plan(planner.Start(Rng.create seed), judge)
        state.Round()
        let kept = Array.zeroCreate<float32> state.Width
        state.Write kept
        let read = planner.Start state.Key
        read.Read kept
        let struct (action, _) = planner.Plan(state, judge)
        let struct (again, _) = planner.Plan(read, judge)
        action = again)

[<Fact>]
let ``deciding allocates nothing`` () =
    let environment = Registry.make "Pendulum-v1"
    let batch = environment.Vectorise 1
    batch.Reset(Rng.create 1UL)
    let judge = EnvironmentReturns(batch.RequireSimulator 1000, 0.99, 1)
    let observation = Array.zeroCreate<float32> 3
    let action = Array.zeroCreate<float32> 1

    for planner in planners 10 (PlanningSpace environment.ActionSpace) do
        let state = planner.Start(Rng.create 1UL)

        let decide () =
            judge.Begin(0, observation, state.Key)
            planner.Decide(state, judge)
            planner.FirstAction(state, ReadOnlySpan.Empty, action)

        decide ()
        decide ()
        let before = GC.GetAllocatedBytesForCurrentThread()
        decide ()
        Assert.Equal(0L, GC.GetAllocatedBytesForCurrentThread() - before)

[<Property>]
let ``integers are chosen by the largest preference, two and bits by a sign, among those that the mask allows``
    (preferences: FsCheck.NormalFloat list)
    =
    let space =
        PlanningSpace(Space.tuple [ Space.discreteFrom 5 3; Space.multiBinary [| 1 |]; Space.boxOf 0.0 2.0 [| 1 |] ])

    let numbers = preferences |> List.map (fun value -> Math.Tanh value.Get)
    let numbers = List.append numbers [ 0.1; -0.2; 0.3; 0.4; 0.5 ] |> List.truncate 5 |> Array.ofList
    let action = Array.zeroCreate<float32> 3
    space.ToAction(numbers, ReadOnlySpan.Empty, action)
    let best = Array.IndexOf(numbers[0..2], Array.max numbers[0..2])

    let plain =
        action[0] = float32 (5 + best)
        && action[1] = (if numbers[3] > 0.0 then 1.0f else 0.0f)
        && action[2] = float32 (Math.Clamp(numbers[4], 0.0, 2.0))

    space.ToAction(numbers, ReadOnlySpan [| false; true; false; true; false |], action)
    space.Size = 5 && plain && action[0] = 6.0f && action[1] = 0.0f

[<Fact>]
let ``bad input is refused by name`` () =
    let refuses (text: string) (action: unit -> unit) =
        let error = Assert.ThrowsAny<Exception> action
        Assert.Contains(text, error.Message)

    refuses "Horizon is 0" (fun () -> CrossEntropy({ CrossEntropyOptions.defaults with Horizon = 0 }, box) |> ignore)
    refuses "Horizon is 0" (fun () -> Mppi({ MppiOptions.defaults with Horizon = 0 }, box) |> ignore)

    refuses "Smoothing is 1" (fun () ->
        CrossEntropy({ CrossEntropyOptions.defaults with Smoothing = 1.0 }, box) |> ignore)

    refuses "element 0 has no bounds" (fun () -> PlanningSpace(Space.unbounded [| 1 |]) |> ignore)
    refuses "horizon is 0" (fun () -> ColouredNoise(0, 1.0) |> ignore)

    for planner in planners 2 box do
        let judge = judgeOf 4 (fun a -> if a[0] > 0.0 then nan else 0.0)
        refuses "returned NaN for sequence" (fun () -> planner.Decide(planner.Start(Rng.create 1UL), judge))

    // −∞ is for sequences that must not be taken.
    for planner in planners 2 box do
        let judge = judgeOf 4 (fun a -> if a[0] > 0.0 then -infinity else -(a[0] + 0.5) ** 2.0)
        let state = planner.Start(Rng.create 1UL)
        planner.Decide(state, judge)
        Assert.True(state.Plan[0] <= 0.0, $"{planner.GetType().Name} decided on {state.Plan[0]}.")

[<Property>]
let ``coloured noise has the spectrum of its exponent and the deviation 1`` (seed: uint64) =
    let struct (draw, key) = Rng.below 12 (Rng.create seed)
    let struct (exponent, _) = Rng.uniformIn 0.1 3.0 key
    let horizon = draw + 2
    let noise = ColouredNoise(horizon, exponent)
    // Noise is linear in its coefficients: row c is what coefficient c alone makes, so that the covariance is BᵀB.
    let rows =
        Array.init noise.Coefficients (fun c ->
            let coefficients = Array.init noise.Coefficients (fun i -> if i = c then 1.0 else 0.0)
            let row = Array.zeroCreate<float> horizon
            noise.Fill(coefficients, 1, 1, row)
            row)

    let covariance s t = rows |> Array.sumBy (fun row -> row[s] * row[t])
    // It is stationary: only the distance of two steps matters, taken around.
    let isStationary =
        Seq.allPairs [ 0 .. horizon - 1 ] [ 0 .. horizon - 1 ]
        |> Seq.forall (fun (s, t) -> abs (covariance s t - covariance 0 ((t - s + horizon) % horizon)) < 1e-9)

    let power k =
        Seq.sum (Seq.init horizon (fun t -> covariance 0 t * cos (2.0 * Math.PI * float (k * t) / float horizon)))

    // S(k) ∝ (k/horizon)^(−β), a coefficient that is real alone having half of a complex one's power.
    let share k =
        let isSingle = 2 * k = horizon
        power k / (if isSingle then 1.0 else 2.0) * (float k / float horizon) ** exponent

    let isPower = Seq.forall (fun k -> abs (share k / share 1 - 1.0) < 1e-9) [ 1 .. horizon / 2 ]
    let constantPart = power 0 / float horizon
    isStationary && isPower && abs (covariance 0 0 - constantPart - 1.0) < 1e-9

[<Property>]
let ``the environment's judge returns what the environment pays`` (seed: uint64) =
    [ "Pendulum-v1"; "CartPole-v1"; "MountainCarContinuous-v0"; "Acrobot-v1"; "Taxi-v3" ]
    |> List.forall (fun id ->
        let environment = Registry.make id
        let batch = environment.Vectorise 1
        batch.Reset(Rng.create seed)
        let width, horizon, count = environment.ActionSpace.Size, 30, 7
        let actions = Array.zeroCreate<float32>(count * horizon * width)
        environment.ActionSpace.SampleMany(Rng.create seed, actions) |> ignore
        let discount = 0.9
        // Five places at once, so that seven sequences are judged in parts.
        let judge = EnvironmentReturns(batch.RequireSimulator 5, discount, 1)
        let returns = Array.zeroCreate<float> count
        judge.Begin(0, ReadOnlySpan(Array.zeroCreate<float32> environment.ObservationSpace.Size), Rng.create seed)
        (judge :> ISequenceReturns).Judge(actions, horizon, returns)
        let snapshot = batch.Capture()
        let buffers = batch.AllocateBuffers()

        let expected =
            Array.init count (fun sequence ->
                batch.Restore snapshot
                let mutable total, weight, t, isOver = 0.0, 1.0, 0, false

                while t < horizon && not isOver do
                    batch.StepAll(ReadOnlySpan(actions, (sequence * horizon + t) * width, width), buffers)
                    total <- total + weight * float buffers.Rewards.Span[0]
                    weight <- weight * discount
                    isOver <- buffers.EpisodeLengths.Span[0] > 0
                    t <- t + 1

                total)

        Array.forall2 (fun a b -> abs (a - b) < 1e-4 * (1.0 + abs b)) returns expected)

[<Fact>]
let ``chance is averaged over particles with draws of their own`` () =
    // FrozenLake slips: the mean over many particles is near the exact probability of what pays.
    let environment = Registry.make "FrozenLake-v1"
    let batch = environment.Vectorise 1
    batch.Reset(Rng.create 1UL)
    let particles = 4000
    let judge = EnvironmentReturns(batch.RequireSimulator(particles), 1.0, particles)
    let horizon = 8
    // Down, down, right, right, down, right on the ice that slips with probability 2/3.
    let sequence = [| 1.0f; 1.0f; 2.0f; 2.0f; 1.0f; 2.0f; 2.0f; 2.0f |]

    let judged seed =
        let returns = [| 0.0 |]
        judge.Begin(0, ReadOnlySpan [| 0.0f |], Rng.create seed)
        (judge :> ISequenceReturns).Judge(sequence, horizon, returns)
        returns[0]

    let first, second = judged 1UL, judged 2UL
    Assert.NotEqual(first, second)
    Assert.Equal(first, judged 1UL)
    // Two means of 4,000 draws of a probability differ by less than 5 deviations.
    Assert.True(first > 0.0 && abs (first - second) < 5.0 * sqrt (2.0 * 0.25 / float particles))
