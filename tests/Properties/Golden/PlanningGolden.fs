/// Planners over sequences of actions against mbrl-lib, iCEM's authors and pytorch_mppi, their random numbers given.
module Rl.Tests.Golden.PlanningGolden

#nowarn "3391" // arrays convert to spans

open System
open System.Collections.Generic
open MathNet.Numerics.LinearAlgebra
open Rl.Core.Environments
open Rl.Core.Foundations
open Rl.Core.Planning
open Xunit

/// Recorded numbers, handed out in the order in which they were drawn.
type private Recorded(numbers: float seq, permutations: int[] seq) =
    let numbers, permutations = Queue<float>(numbers), Queue<int[]>(permutations)

    let take (values: Span<float>) key =
        for index in 0 .. values.Length - 1 do
            values[index] <- numbers.Dequeue()

        key

    member _.Left = numbers.Count

    interface IDraws with
        member _.Uniforms(values, key) = take values key
        member _.Normals(values, key) = take values key
        member _.Truncated(values, key) = take values key

        member _.Permutation(order, key) =
            permutations.Dequeue().CopyTo order
            key

/// A judge of sequences as a function of one sequence [horizon, size].
let private judgeOf size (value: float[] -> float) =
    let judge (actions: float[]) horizon = actions |> Array.chunkBySize (horizon * size) |> Array.map value

    { new IExactSequenceReturns with
        member _.JudgeExactly(actions, horizon, returns) = (judge (actions.ToArray()) horizon).CopyTo returns

        member _.Judge(actions, horizon, returns) =
            (judge (actions.ToArray() |> Array.map float) horizon).CopyTo returns
    }

/// −Σ (|xₜ₊₁ − goal|² + weight |aₜ|²) with xₜ₊₁ = xₜ + aₜ.
let private reaching (objective: GoldenNode) =
    let goal, start, weight = objective.Floats "goal", objective.Floats "start", objective.Float "weight"
    let size = goal.Length

    judgeOf size (fun sequence ->
        let position = Array.copy start
        let mutable cost = 0.0

        for t in 0 .. sequence.Length / size - 1 do
            for i in 0 .. size - 1 do
                let action = sequence[t * size + i]
                position[i] <- position[i] + action
                cost <- cost + (position[i] - goal[i]) ** 2.0 + weight * action * action

        -cost)

/// Bounds of the file's doubles, which `Space.box` would round.
let private spaceOf (settings: GoldenNode) =
    let all bound = Array.create (settings.Int "action") (settings.Float bound)
    PlanningSpace(Space.Box(all "low", all "high", [| settings.Int "action" |]))

let private near = Golden.close 1e-9 1e-9
let private key = Rng.create 1UL

let private crossEntropy (case: GoldenNode) =
    let settings = case["params"]
    let space = spaceOf settings
    let isClipped = settings.Flag "clipped_normal"
    let width = settings.Float "high" - settings.Float "low"

    let options =
        { CrossEntropyOptions.defaults with
            Horizon = settings.Int "horizon"
            Population = settings.Int "population"
            Iterations = settings.Int "iterations"
            EliteFraction = settings.Float "elite_ratio"
            Smoothing = settings.Float "alpha"
            // The reference's clipped search begins with a deviation of 1 whatever the bounds are.
            InitialDeviation = if isClipped then 2.0 / width else 0.5
            Sampling =
                if isClipped then
                    CrossEntropySampling.Clipped
                else
                    CrossEntropySampling.Truncated
            ReturnsMean = settings.Flag "return_mean_elites"
        }

    let draws = Recorded(case.Floats "noise_per_iteration", [])
    let planner = CrossEntropy(options, space, draws)
    let state = planner.Start key
    (case.Floats "initial_mean").CopyTo(state.Mean, 0)
    let iterations = case["iterations"].Items
    let judge = reaching case["objective"]
    let mutable asked = 0

    // A quirk: the reference takes −10⁻¹⁰ for a value that is not a number.
    let judge =
        if settings.Flag "nan_value_at_index_1" then
            { new IExactSequenceReturns with
                member _.Judge(_, _, _) = invalidOp "asked in single precision"

                member _.JudgeExactly(actions, horizon, returns) =
                    judge.JudgeExactly(actions, horizon, returns)
                    asked <- asked + 1
                    returns[1] <- -1e-10
            }
        else
            judge

    planner.Watch <-
        Some(fun iteration ->
            let expected = iterations[iteration]
            let count, length = options.Population, options.Horizon * space.Size

            if not (settings.Flag "nan_value_at_index_1") then
                near expected "values" (expected.Floats "values") (Array.sub planner.Population.Returns 0 count)

            let first index = Array.sub planner.Population.Coordinates (index * length) space.Size
            let actions = Array.init count first |> Array.concat
            near expected "population" (expected.Floats "population_first_actions") actions
            let elites = Array.init (settings.Int "elite_count") (planner.Population.Ranked >> first) |> Array.concat
            near expected "elites" (expected.Floats "elite_first_actions") elites
            near expected "mean" (expected.Floats "mean_after") planner.Mean
            near expected "dispersion" (expected.Floats "dispersion_after") planner.Dispersion)

    planner.Decide(state, judge)
    near case "solution" (case.Floats "solution") state.Plan
    Assert.Equal(0, draws.Left)

let private improvedOfMbrlLib (case: GoldenNode) =
    let settings = case["params"]
    let space = spaceOf settings

    let options =
        { ImprovedCrossEntropyOptions.defaults with
            Horizon = settings.Int "horizon"
            Population = settings.Int "population"
            Iterations = settings.Int "iterations"
            Elites = settings.Int "elite_count"
            Smoothing = settings.Float "alpha"
            PopulationDecay = settings.Float "population_decay_factor"
            NoiseExponent = settings.Float "colored_noise_exponent"
            KeptFraction = settings.Float "keep_elite_frac"
            Variant = ImprovedCrossEntropyVariant.MbrlLib
        }

    let horizon, size = options.Horizon, space.Size
    let mutable state = None
    let mutable mean: float[] = [||]

    for call in case["calls"].Items do
        let fourier = call["fourier_standard_normal"].Items |> List.map _.AsArray.Values
        let ends = call["end_action_standard_normal"].AsArray.Values
        let numbers = Seq.concat [ fourier.Head; ends; Array.concat fourier.Tail ]

        let permutations =
            call["elite_permutations"].Items |> List.map (fun item -> item.AsArray.Values |> Array.map int)

        let draws = Recorded(numbers, permutations)

        // The noise on its own.
        let noise = ColouredNoise(horizon, options.NoiseExponent)

        List.iter2
            (fun (coefficients: float[]) (expected: GoldenNode) ->
                let count = coefficients.Length / (noise.Coefficients * size)
                let sequences = Array.zeroCreate<float>(count * horizon * size)
                noise.Fill(coefficients, count, size, sequences)
                // The file has [count, size, horizon].
                let transposed =
                    Array.init sequences.Length (fun index ->
                        let t, column, row = index % horizon, index / horizon % size, index / (horizon * size)
                        sequences[(row * horizon + t) * size + column])

                near expected "noise" expected.AsArray.Values transposed)
            fourier
            call["colored_noise"].Items

        let planner = ImprovedCrossEntropy(options, space, draws)
        let now = state |> Option.defaultWith (fun () -> planner.Start key)

        // What the reference returned is what it goes on from, shifted: the mean, where it returned that.
        if state.IsSome && settings.Flag "return_mean_elites" then
            Array.blit mean size now.Mean 0 (mean.Length - size)

        let iterations = call["iterations"].Items

        planner.Watch <-
            Some(fun iteration count ->
                let expected = iterations[iteration]
                Assert.Equal(expected.Int "population_size", count)
                near expected "values" (expected.Floats "values") (Array.sub planner.Population.Returns 0 count))

        planner.Decide(now, reaching case["objective"])
        near call "elites" (call.Floats "elites_after") now.Elites
        // The mean, where the reference returns it, else the best sequence.
        let solution = if settings.Flag "return_mean_elites" then planner.Mean else now.Plan
        near call "solution" (call.Floats "solution") solution
        mean <- Array.copy planner.Mean
        Assert.Equal(0, draws.Left)
        state <- Some now

let private improved (case: GoldenNode) =
    let settings = case["params"]
    let space = spaceOf settings

    let options =
        { ImprovedCrossEntropyOptions.defaults with
            Horizon = settings.Int "horizon"
            Population = settings.Int "num_simulated_trajectories"
            Iterations = settings.Int "opt_iterations"
            Elites = settings.Int "elites_size"
            Smoothing = settings.Float "alpha"
            PopulationDecay = settings.Float "factor_decrease_num"
            // The file has the noise itself.
            NoiseExponent = 0.0
            InitialDeviation = settings.Float "init_std"
            KeptFraction = settings.Float "fraction_elites_reused"
            KeepsElites = settings.Flag "keep_previous_elites"
            ShiftsElites = settings.Flag "shift_elites_over_time"
            TriesMean = settings.Flag "use_mean_actions"
        }

    let horizon, size = options.Horizon, space.Size
    let mutable state = None

    for call in case["calls"].Items do
        // [count, size, horizon] in the file.
        let numbers =
            call["noise"].Items
            |> Seq.collect (fun item ->
                let noise = item.AsArray.Values

                Array.init noise.Length (fun index ->
                    let column, t, row = index % size, index / size % horizon, index / (horizon * size)
                    noise[(row * size + column) * horizon + t]))

        let draws = Recorded(numbers, [])
        let planner = ImprovedCrossEntropy(options, space, draws)
        let now = state |> Option.defaultWith (fun () -> planner.Start key)
        let iterations = call["iterations"].Items

        planner.Watch <-
            Some(fun iteration count ->
                let expected = iterations[iteration]
                let costs = Array.init count (fun index -> -planner.Population.Returns[index])
                near expected "costs" (expected.Floats "costs") costs
                near expected "mean" (expected.Floats "mean_after") planner.Mean
                near expected "deviation" (expected.Floats "std_after") planner.Dispersion
                let ranked rank = -planner.Population.Returns[planner.Population.Ranked rank]
                near expected "elites" (expected.Floats "elite_costs") (Array.init (settings.Int "num_elites") ranked))

        planner.Decide(now, reaching case["objective"])
        near call "action" (call.Floats "action") (Array.sub now.Plan 0 size)
        near call "next mean" (call.Floats "mean_for_next_call") now.Mean
        Assert.Equal(0, draws.Left)
        state <- Some now

let private filtered (case: GoldenNode) =
    let settings = case["params"]
    let space = spaceOf settings
    let size = space.Size

    let options =
        {
            Horizon = settings.Int "horizon"
            Population = settings.Int "population"
            Iterations = settings.Int "iterations"
            RewardWeight = settings.Float "gamma"
            Filter = settings.Float "beta"
            // A quirk: the reference's noise has a deviation of 1 whatever its option says; half the width is 1 here.
            NoiseDeviation = 1.0
        }

    let mutable state = None

    for call in case["calls"].Items do
        let draws = Recorded(call.Floats "noise_per_iteration", [])
        let planner = FilteredMppi(options, space, draws)

        let now =
            match state with
            | Some now -> now
            | None ->
                // The reference shifts its mean before it searches.
                let now = planner.Start key
                let mean = case.Floats "initial_mean"
                Shift.into size (ReadOnlySpan mean) (ReadOnlySpan(mean, mean.Length - size, size)) (Span now.Mean)
                now

        // A quirk: what the reference takes for the last action is the first of the mean.
        Array.sub now.Mean 0 size |> fun past -> past.CopyTo(now.Past, 0)
        let iterations = call["iterations"].Items

        planner.Watch <-
            Some(fun iteration ->
                let expected = iterations[iteration]
                near expected "population" (expected.Floats "population") planner.Population.Coordinates
                near expected "values" (expected.Floats "values") planner.Population.Returns)

        planner.Decide(now, reaching case["objective"])
        near call "solution" (call.Floats "solution") now.Plan
        Assert.Equal(0, draws.Left)
        state <- Some now

let private pathIntegral (case: GoldenNode) =
    let settings = case["params"]
    let bound, size, horizon = settings.Float "bound", settings.Int "action", settings.Int "horizon"
    let space = PlanningSpace(Space.boxOf -bound bound [| size |])
    let goal = case.Floats "goal"
    let isTerminal = settings.Has "terminal_cost"

    let options =
        { MppiOptions.defaults with
            Horizon = horizon
            Population = settings.Int "samples"
            Iterations = 1
            Temperature = settings.Float "lambda"
            ControlCost = 1.0
            AbsoluteNoiseCost = settings.Flag "noise_abs_cost"
            TriesNullAction = settings.Flag "sample_null_action"
        }

    let covariance = Matrix<float>.Build.DenseOfRowMajor(size, size, settings.Floats "noise_covariance")
    let mutable state = None

    for call in case["calls"].Items do
        let draws = Recorded(call.Floats "standard_normal", [])
        let planner = Mppi(options, space, covariance, draws)

        let now =
            match state with
            | Some now -> now
            | None ->
                let now = planner.Start key
                let controls = ReadOnlySpan(case.Floats "initial_control_sequence")
                Shift.into size controls (ReadOnlySpan(Array.zeroCreate size)) (Span now.Mean)
                now

        let start = call.Floats "state"

        let judge =
            judgeOf size (fun sequence ->
                let x = Array.copy start
                let distance () = Array.fold2 (fun sum x goal -> sum + (x - goal) ** 2.0) 0.0 x goal
                let mutable cost = 0.0

                for t in 0 .. horizon - 1 do
                    for i in 0 .. size - 1 do
                        x[i] <- x[i] + 0.3 * sequence[t * size + i]
                        cost <- cost + 0.05 * sequence[t * size + i] ** 2.0

                    cost <- cost + distance ()

                -(if isTerminal then cost + 5.0 * distance () else cost))

        planner.Watch <-
            Some(fun _ ->
                near call "costs" (call.Floats "costs") (planner.Scores |> Array.map (~-))
                near call "weights" (call.Floats "weights") planner.Weights)

        planner.Decide(now, judge)
        near call "control sequence" (call.Floats "control_sequence_after") now.Plan
        near call "action" (call.Floats "action") (Array.sub now.Plan 0 size)
        Assert.Equal(0, draws.Left)
        state <- Some now

[<Fact>]
let ``planners draw, judge, fit and decide as mbrl-lib, iCEM's authors and pytorch_mppi do`` () =
    Golden.verify "planning" (fun case ->
        match case.Text "planner", case.Text "implementation" with
        | "CEM", _ -> crossEntropy case
        | "iCEM", _ -> improvedOfMbrlLib case
        | "iCEM (original)", _ -> improved case
        | "MPPI", _ -> filtered case
        | "MPPI (information-theoretic)", _ -> pathIntegral case
        | planner, source -> failwith $"The planner {planner} of {source} is not known here.")
