/// The cross-entropy method over sequences of actions.
namespace Rl.Core.Planning

open System
open Rl.Core.Foundations
open Rl.Core.Learning

/// How sequences are drawn around the mean.
type CrossEntropySampling =
    /// From a normal distribution cut at two standard deviations, which are at most half the way to the nearer bound:
    /// no sequence leaves the bounds. What is fitted is the variance.
    | Truncated = 0
    /// From a normal distribution, clipped to the bounds. What is fitted is the standard deviation.
    | Clipped = 1

/// Options of the cross-entropy method.
type CrossEntropyOptions =
    {
        /// The number of actions that are thought ahead.
        Horizon: int
        /// Sequences drawn in each iteration.
        Population: int
        /// How often the distribution is fitted for each decision.
        Iterations: int
        /// The share of the population that it is fitted to, rounded up; at least two sequences.
        EliteFraction: float
        /// The weight of the old mean and dispersion in the fit.
        Smoothing: float
        /// The standard deviations that a search begins with, as a share of half the width between the bounds.
        InitialDeviation: float
        /// How sequences are drawn.
        Sampling: CrossEntropySampling
        /// Whether the last mean is decided on, or the best sequence ever drawn.
        ReturnsMean: bool
        /// Whether a search begins at the plan of the decision before, shifted by one step, or in the middle of the
        /// bounds.
        KeepsPlan: bool
    }

/// Defaults and rows.
[<RequireQualifiedAccess>]
module CrossEntropyOptions =

    /// 5 fits of 200 sequences of 30 actions, clipped; the mean is decided on.
    let defaults =
        {
            Horizon = 30
            Population = 200
            Iterations = 5
            EliteFraction = 0.1
            Smoothing = 0.1
            InitialDeviation = 0.5
            Sampling = CrossEntropySampling.Clipped
            ReturnsMean = true
            KeepsPlan = true
        }

    /// A row an option.
    let rows: OptionRow<CrossEntropyOptions> list =
        let d = defaults

        let samplings = [ "truncated", CrossEntropySampling.Truncated; "clipped", CrossEntropySampling.Clipped ]

        [
            Options.whole (nameof d.Horizon) (Range.atLeast 1.0) _.Horizon (fun v c -> { c with Horizon = v })
            Options.whole (nameof d.Population) (Range.atLeast 2.0) _.Population (fun v c -> { c with Population = v })
            Options.whole (nameof d.Iterations) (Range.atLeast 1.0) _.Iterations (fun v c -> { c with Iterations = v })
            Options.number (nameof d.EliteFraction) Range.positiveFraction _.EliteFraction (fun v c ->
                { c with EliteFraction = v })
            Options.number (nameof d.Smoothing) Range.belowOne _.Smoothing (fun v c -> { c with Smoothing = v })
            Options.number (nameof d.InitialDeviation) Range.positive _.InitialDeviation (fun v c ->
                { c with InitialDeviation = v })
            Options.choice samplings (nameof d.Sampling) _.Sampling (fun v c -> { c with Sampling = v })
            Options.flag (nameof d.ReturnsMean) _.ReturnsMean (fun v c -> { c with ReturnsMean = v })
            Options.flag (nameof d.KeepsPlan) _.KeepsPlan (fun v c -> { c with KeepsPlan = v })
        ]

/// Draws sequences from independent normal distributions, fits these to the best, and again: μ ← α μ + (1 − α)
/// mean(elites), d ← α d + (1 − α) dispersion(elites), with the unbiased variance (or its root). Sources: slide 10;
/// Rubinstein, "The cross-entropy method for combinatorial and continuous optimization" (1999); Botev, Kroese,
/// Rubinstein and L'Ecuyer, "The cross-entropy method for optimization" (2013), algorithm 3.2; the variant of PETS
/// (Chua, Calandra, McAllister and Levine 2018), in which α weighs the old.
[<Sealed>]
type CrossEntropy internal (options: CrossEntropyOptions, space: PlanningSpace, draws: IDraws) =
    inherit Planner(space, options.Horizon, max 2 (int (ceil (options.EliteFraction * float options.Population))))

    let size, count = space.Size, options.Population
    let length = options.Horizon * size
    let elites = max 2 (int (ceil (options.EliteFraction * float count)))
    let population = Population(space, options.Horizon, count)
    let mean, dispersion = Array.zeroCreate<float> length, Array.zeroCreate<float> length
    let deviation, best = Array.zeroCreate<float> length, Array.zeroCreate<float> length
    let isTruncated = (options.Sampling = CrossEntropySampling.Truncated)

    /// Turns standard normal numbers into sequences around the mean.
    let spread () =
        for index in 0 .. length - 1 do
            let low, high = space.Low[index % size], space.High[index % size]
            // Two of these deviations reach half the way to the nearer bound at most.
            let nearer = 0.5 * min (mean[index] - low) (high - mean[index])

            deviation[index] <-
                if isTruncated then
                    sqrt (min (nearer * nearer) dispersion[index])
                else
                    dispersion[index]

        for row in 0 .. count - 1 do
            let row = population.Row row

            for index in 0 .. row.Length - 1 do
                row[index] <- mean[index] + deviation[index] * row[index]

            if not isTruncated then population.Clip row

    let refit () =
        population.FitElites(elites, float (elites - 1))

        for index in 0 .. length - 1 do
            let centre, variance = population.EliteMean[index], population.EliteVariance[index]
            let fitted = if isTruncated then variance else sqrt variance
            mean[index] <- options.Smoothing * mean[index] + (1.0 - options.Smoothing) * centre
            dispersion[index] <- options.Smoothing * dispersion[index] + (1.0 - options.Smoothing) * fitted

    /// A planner for a space of actions; `ArgumentOutOfRangeException` for an option out of its range.
    new(options: CrossEntropyOptions, space: PlanningSpace) =
        Options.validate CrossEntropyOptions.rows options
        CrossEntropy(options, space, Draws.random)

    /// Called after each iteration with its number: what tests look at.
    member val internal Watch: (int -> unit) option = None with get, set
    /// The sequences of the iteration, judged and ranked.
    member internal _.Population = population
    /// The mean [horizon, size] after the iteration.
    member internal _.Mean = mean
    /// The dispersion [horizon, size] after the iteration.
    member internal _.Dispersion = dispersion

    override this.Decide(state: PlannerState, judge: ISequenceReturns) =
        state.Mean.CopyTo(mean, 0)

        for index in 0 .. length - 1 do
            let width = space.High[index % size] - space.Low[index % size]
            let deviation = 0.5 * options.InitialDeviation * width
            dispersion[index] <- if isTruncated then deviation * deviation else deviation

        let mutable value = -infinity
        let mutable key = state.Key

        for iteration in 0 .. options.Iterations - 1 do
            key <-
                if isTruncated then
                    draws.Truncated(Span population.Coordinates, key)
                else
                    draws.Normals(Span population.Coordinates, key)

            spread ()
            population.Judge(judge, 0, count)
            population.Rank count
            let first = population.Ranked 0

            if iteration = 0 || population.Returns[first] > value then
                value <- population.Returns[first]
                population.Row(first).CopyTo(Span best)

            refit ()

            match this.Watch with
            | Some watch -> watch iteration
            | None -> ()

        state.Key <- key
        let decided = if options.ReturnsMean then mean else best
        decided.CopyTo(state.Plan, 0)
        state.Value <- if options.ReturnsMean then nan else value
        state.EliteCount <- elites

        for rank in 0 .. elites - 1 do
            population.Row(population.Ranked rank).CopyTo(Span(state.Elites, rank * length, length))

        for index in 0 .. length - 1 do
            state.Mean[index] <-
                if options.KeepsPlan && index + size < length then
                    decided[index + size]
                else
                    space.Middle(index % size)
