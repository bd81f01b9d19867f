/// Model-predictive path-integral control: the plan moves to the mean of noisy plans, weighted by what they return.
namespace Rl.Core.Planning

open System
open MathNet.Numerics.LinearAlgebra
open Rl.Core.Foundations
open Rl.Core.Learning

/// Options of model-predictive path-integral control.
type MppiOptions =
    {
        /// The number of actions that are thought ahead.
        Horizon: int
        /// Sequences drawn in each iteration.
        Population: int
        /// How often the plan is moved for each decision.
        Iterations: int
        /// λ: the larger, the more sequences count. A sequence that returns λ less than the best weighs e times less.
        Temperature: float
        /// Standard deviation of the noise as a share of half the width between the bounds.
        NoiseDeviation: float
        /// The weight of the cost λ uᵀ Σ⁻¹ ε that keeps the plan from moving far; 0 for none.
        ControlCost: float
        /// Whether that cost takes the noise's absolute value.
        AbsoluteNoiseCost: bool
        /// Whether the first sequence is the action 0 (of each step), instead of a noisy one.
        TriesNullAction: bool
    }

/// Defaults and rows.
[<RequireQualifiedAccess>]
module MppiOptions =

    /// 3 moves by 200 sequences of 30 actions.
    let defaults =
        {
            Horizon = 30
            Population = 200
            Iterations = 3
            Temperature = 1.0
            NoiseDeviation = 0.5
            ControlCost = 0.0
            AbsoluteNoiseCost = false
            TriesNullAction = false
        }

    /// A row an option.
    let rows: OptionRow<MppiOptions> list =
        let d = defaults

        [
            Options.whole (nameof d.Horizon) (Range.atLeast 1.0) _.Horizon (fun v c -> { c with Horizon = v })
            Options.whole (nameof d.Population) (Range.atLeast 1.0) _.Population (fun v c -> { c with Population = v })
            Options.whole (nameof d.Iterations) (Range.atLeast 1.0) _.Iterations (fun v c -> { c with Iterations = v })
            Options.number (nameof d.Temperature) Range.positive _.Temperature (fun v c -> { c with Temperature = v })
            Options.number (nameof d.NoiseDeviation) Range.positive _.NoiseDeviation (fun v c ->
                { c with NoiseDeviation = v })
            Options.number (nameof d.ControlCost) Range.notNegative _.ControlCost (fun v c ->
                { c with ControlCost = v })
            Options.flag (nameof d.AbsoluteNoiseCost) _.AbsoluteNoiseCost (fun v c -> { c with AbsoluteNoiseCost = v })
            Options.flag (nameof d.TriesNullAction) _.TriesNullAction (fun v c -> { c with TriesNullAction = v })
        ]

/// Weights of sequences by their returns.
[<RequireQualifiedAccess>]
module internal PathIntegral =

    /// weights[k] ← exp((R_k − max R)/λ)/Σ; those of sequences of −∞ are 0. With no finite return, equal weights.
    let weigh (returns: ReadOnlySpan<float>) (temperature: float) (weights: Span<float>) : unit =
        let mutable best = -infinity

        for value in returns do
            best <- max best value

        let mutable sum = 0.0

        for index in 0 .. returns.Length - 1 do
            let weight =
                if returns[index] = best then
                    1.0
                else
                    exp ((returns[index] - best) / temperature)

            weights[index] <- weight
            sum <- sum + weight

        for index in 0 .. returns.Length - 1 do
            weights[index] <- weights[index] / sum

/// U ← U + Σ wₖ εₖ with wₖ ∝ exp((R(U + εₖ) − λ c Σₜ uₜᵀ Σ⁻¹ εₖₜ)/λ) and εₖₜ ~ N(0, Σ), clipped so that U + εₖ stays
/// within the bounds; then U moves on by a step, whose last action is the middle of the bounds. Sources: Williams,
/// Wagener, Goldfain, Drews, Rehg, Boots and Theodorou, "Information theoretic MPC for model-based reinforcement
/// learning" (2017), algorithm 2, whose γ = λ is c = 1 here.
[<Sealed>]
type Mppi internal (options: MppiOptions, space: PlanningSpace, covariance: Matrix<float>, draws: IDraws) =
    inherit Planner(space, options.Horizon, 0)

    let size, count = space.Size, options.Population
    let length = options.Horizon * size
    let population = Population(space, options.Horizon, count)
    let noise = Array.zeroCreate<float>(count * length)
    let mean = Array.zeroCreate<float> length
    let scores, weights = Array.zeroCreate<float> count, Array.zeroCreate<float> count
    let factor = covariance.Cholesky().Factor.ToArray()
    let precision = covariance.Inverse().ToArray()

    /// Turns standard normal numbers into the clipped noise of each sequence.
    let disturb () =
        for sequence in 0 .. count - 1 do
            let row = population.Row sequence
            let drawn = Span(noise, sequence * length, length)

            if options.TriesNullAction && sequence = 0 then
                row.Clear()
            elif size = 1 then
                for index in 0 .. row.Length - 1 do
                    row[index] <- mean[index] + factor[0, 0] * drawn[index]
            else
                for t in 0 .. options.Horizon - 1 do
                    for column in 0 .. size - 1 do
                        let mutable sum = mean[t * size + column]

                        for other in 0..column do
                            sum <- sum + factor[column, other] * drawn[t * size + other]

                        row[t * size + column] <- sum

            population.Clip row

            for index in 0 .. row.Length - 1 do
                drawn[index] <- row[index] - mean[index]

    /// λ c Σₜ uₜᵀ Σ⁻¹ εₜ of a sequence.
    let controlCost (sequence: int) =
        let mutable total = 0.0

        for t in 0 .. options.Horizon - 1 do
            for row in 0 .. size - 1 do
                for column in 0 .. size - 1 do
                    let drawn = noise[sequence * length + t * size + row]
                    let drawn = if options.AbsoluteNoiseCost then abs drawn else drawn
                    total <- total + drawn * precision[row, column] * mean[t * size + column]

        options.Temperature * options.ControlCost * total

    /// A planner for a space of actions, its noise independent; `ArgumentOutOfRangeException` for an option out of its
    /// range.
    new(options: MppiOptions, space: PlanningSpace) =
        Options.validate MppiOptions.rows options

        let variances =
            Array.init space.Size (fun index ->
                let deviation = 0.5 * options.NoiseDeviation * (space.High[index] - space.Low[index])
                // A coordinate whose bounds are equal has no noise, and a precision nonetheless.
                max 1e-300 (deviation * deviation))

        Mppi(options, space, Matrix<float>.Build.DenseOfDiagonalArray variances, Draws.random)

    /// Called after each iteration: what tests look at.
    member val internal Watch: (int -> unit) option = None with get, set
    /// The returns of the iteration's sequences less the cost of control.
    member internal _.Scores = scores
    /// The weights of the iteration's sequences.
    member internal _.Weights = weights

    override this.Decide(state: PlannerState, judge: ISequenceReturns) =
        state.Mean.CopyTo(mean, 0)
        let mutable key = state.Key

        for iteration in 0 .. options.Iterations - 1 do
            key <- draws.Normals(Span noise, key)
            disturb ()
            population.Judge(judge, 0, count)

            for sequence in 0 .. count - 1 do
                let cost = if options.ControlCost = 0.0 then 0.0 else controlCost sequence
                scores[sequence] <- population.Returns[sequence] - cost

            PathIntegral.weigh (ReadOnlySpan scores) options.Temperature (Span weights)

            for sequence in 0 .. count - 1 do
                if weights[sequence] > 0.0 then
                    for index in 0 .. length - 1 do
                        mean[index] <- mean[index] + weights[sequence] * noise[sequence * length + index]

            match this.Watch with
            | Some watch -> watch iteration
            | None -> ()

        state.Key <- key
        mean.CopyTo(state.Plan, 0)

        for index in 0 .. length - 1 do
            state.Mean[index] <- if index + size < length then mean[index + size] else space.Middle(index % size)
