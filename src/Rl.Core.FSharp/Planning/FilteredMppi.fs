/// Path-integral control whose noise is filtered over time: the planner of PDDM.
namespace Rl.Core.Planning

open System
open Rl.Core.Foundations
open Rl.Core.Learning

/// Options of filtered path-integral control.
type FilteredMppiOptions =
    {
        /// The number of actions that are thought ahead.
        Horizon: int
        /// Sequences drawn in each iteration.
        Population: int
        /// How often the plan is moved for each decision.
        Iterations: int
        /// γ: how much more a sequence counts that returns more, exp(γ R).
        RewardWeight: float
        /// β: the weight of what is drawn for a step against the action of the step before; 1 filters nothing.
        Filter: float
        /// Standard deviation of the noise (cut at two of them) as a share of half the width between the bounds.
        NoiseDeviation: float
    }

/// Defaults and rows.
[<RequireQualifiedAccess>]
module FilteredMppiOptions =

    /// 3 moves by 200 sequences of 30 actions.
    let defaults =
        {
            Horizon = 30
            Population = 200
            Iterations = 3
            RewardWeight = 1.0
            Filter = 0.6
            NoiseDeviation = 0.5
        }

    /// A row an option.
    let rows: OptionRow<FilteredMppiOptions> list =
        let d = defaults

        [
            Options.whole (nameof d.Horizon) (Range.atLeast 1.0) _.Horizon (fun v c -> { c with Horizon = v })
            Options.whole (nameof d.Population) (Range.atLeast 1.0) _.Population (fun v c -> { c with Population = v })
            Options.whole (nameof d.Iterations) (Range.atLeast 1.0) _.Iterations (fun v c -> { c with Iterations = v })
            Options.number (nameof d.RewardWeight) Range.positive _.RewardWeight (fun v c ->
                { c with RewardWeight = v })
            Options.number (nameof d.Filter) Range.positiveFraction _.Filter (fun v c -> { c with Filter = v })
            Options.number (nameof d.NoiseDeviation) Range.positive _.NoiseDeviation (fun v c ->
                { c with NoiseDeviation = v })
        ]

/// aₜ = β (μₜ + nₜ) + (1 − β) aₜ₋₁, clipped, with a₋₁ the action that was last taken; μₜ ← Σ wₖ aₖₜ, wₖ ∝ exp(γ Rₖ);
/// then μ moves on by a step, whose last action is repeated. Source: Nagabandi, Konolige, Levine and Kumar, "Deep
/// dynamics models for learning dexterous manipulation" (2019), equations 3 and 4.
[<Sealed>]
type FilteredMppi internal (options: FilteredMppiOptions, space: PlanningSpace, draws: IDraws) =
    inherit Planner(space, options.Horizon, 0)

    let size, count = space.Size, options.Population
    let length = options.Horizon * size
    let population = Population(space, options.Horizon, count)
    let mean = Array.zeroCreate<float> length
    let weights = Array.zeroCreate<float> count

    /// Turns standard normal numbers into filtered sequences around the mean, the first step beside `past`.
    let filter (past: float[]) =
        for sequence in 0 .. count - 1 do
            let row = population.Row sequence

            for index in 0 .. row.Length - 1 do
                let column = index % size
                let deviation = 0.5 * options.NoiseDeviation * (space.High[column] - space.Low[column])
                let before = if index < size then past[index] else row[index - size]
                row[index] <- options.Filter * (mean[index] + deviation * row[index]) + (1.0 - options.Filter) * before

            population.Clip row

    /// A planner for a space of actions; `ArgumentOutOfRangeException` for an option out of its range.
    new(options: FilteredMppiOptions, space: PlanningSpace) =
        Options.validate FilteredMppiOptions.rows options
        FilteredMppi(options, space, Draws.random)

    /// Called after each iteration: what tests look at.
    member val internal Watch: (int -> unit) option = None with get, set
    /// The sequences of the iteration.
    member internal _.Population = population

    override this.Decide(state: PlannerState, judge: ISequenceReturns) =
        state.Mean.CopyTo(mean, 0)
        let mutable key = state.Key

        for iteration in 0 .. options.Iterations - 1 do
            key <- draws.Truncated(Span population.Coordinates, key)
            filter state.Past
            population.Judge(judge, 0, count)
            PathIntegral.weigh (ReadOnlySpan population.Returns) (1.0 / options.RewardWeight) (Span weights)
            Array.Clear mean

            for sequence in 0 .. count - 1 do
                if weights[sequence] > 0.0 then
                    let row = population.Row sequence

                    for index in 0 .. length - 1 do
                        mean[index] <- mean[index] + weights[sequence] * row[index]

            match this.Watch with
            | Some watch -> watch iteration
            | None -> ()

        state.Key <- key
        mean.CopyTo(state.Plan, 0)

        for index in 0 .. length - 1 do
            state.Mean[index] <- if index + size < length then mean[index + size] else mean[index]
