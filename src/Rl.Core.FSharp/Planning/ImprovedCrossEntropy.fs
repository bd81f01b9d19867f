/// The improved cross-entropy method: coloured noise, fewer sequences from fit to fit, and a memory of elites.
namespace Rl.Core.Planning

open System
open Rl.Core.Foundations
open Rl.Core.Learning

/// Where implementations of iCEM differ.
type ImprovedCrossEntropyVariant =
    /// Its authors': of the elites the best are kept, in every iteration but the first; the last step of shifted elites
    /// is that of a new sequence; in the last iteration the mean stands in the place of the first sequence; what is
    /// decided on is the best of the last iteration; the next search begins at the last mean. Population i is
    /// ⌊population (i − 1) / decay⌋.
    | Original = 0
    /// mbrl-lib's: elites are kept at random; the last step of shifted ones is drawn from the distribution; in the last
    /// iteration the mean is tried instead of them; what is decided on is the best sequence of all iterations, and the
    /// next search begins there. Population i is ⌈population / decayⁱ⌉.
    | MbrlLib = 1

/// Options of the improved cross-entropy method.
type ImprovedCrossEntropyOptions =
    {
        /// The number of actions that are thought ahead.
        Horizon: int
        /// Sequences drawn in the first iteration.
        Population: int
        /// How often the distribution is fitted for each decision.
        Iterations: int
        /// The number of sequences that it is fitted to, at most half of the population. No iteration draws fewer than
        /// twice as many.
        Elites: int
        /// The weight of the old mean and deviation in the fit.
        Smoothing: float
        /// By what the population is divided from one iteration to the next.
        PopulationDecay: float
        /// β of the noise's power spectrum f^(−β): 0 white, 1 pink, 2 red.
        NoiseExponent: float
        /// The standard deviations that a search begins with, as a share of half the width between the bounds.
        InitialDeviation: float
        /// The share of the elites that are tried again.
        KeptFraction: float
        /// Whether kept elites take part in the next iteration of a decision.
        KeepsElites: bool
        /// Whether kept elites, shifted by one step, take part in the first iteration of the next decision.
        ShiftsElites: bool
        /// Whether the mean takes part in the last iteration.
        TriesMean: bool
        /// Whose rules hold where implementations differ.
        Variant: ImprovedCrossEntropyVariant
    }

/// Defaults and rows.
[<RequireQualifiedAccess>]
module ImprovedCrossEntropyOptions =

    /// 3 fits of 100 sequences of 30 actions, pink noise.
    let defaults =
        {
            Horizon = 30
            Population = 100
            Iterations = 3
            Elites = 10
            Smoothing = 0.1
            PopulationDecay = 1.25
            NoiseExponent = 1.0
            InitialDeviation = 0.5
            KeptFraction = 0.3
            KeepsElites = true
            ShiftsElites = true
            TriesMean = true
            Variant = ImprovedCrossEntropyVariant.Original
        }

    /// A row an option.
    let rows: OptionRow<ImprovedCrossEntropyOptions> list =
        let d = defaults

        let variants =
            [ "original", ImprovedCrossEntropyVariant.Original; "mbrl-lib", ImprovedCrossEntropyVariant.MbrlLib ]

        [
            Options.whole (nameof d.Horizon) (Range.atLeast 1.0) _.Horizon (fun v c -> { c with Horizon = v })
            Options.whole (nameof d.Population) (Range.atLeast 4.0) _.Population (fun v c -> { c with Population = v })
            Options.whole (nameof d.Iterations) (Range.atLeast 1.0) _.Iterations (fun v c -> { c with Iterations = v })
            Options.whole (nameof d.Elites) (Range.atLeast 2.0) _.Elites (fun v c -> { c with Elites = v })
            Options.number (nameof d.Smoothing) Range.belowOne _.Smoothing (fun v c -> { c with Smoothing = v })
            Options.number (nameof d.PopulationDecay) (Range.atLeast 1.0) _.PopulationDecay (fun v c ->
                { c with PopulationDecay = v })
            Options.number (nameof d.NoiseExponent) Range.notNegative _.NoiseExponent (fun v c ->
                { c with NoiseExponent = v })
            Options.number (nameof d.InitialDeviation) Range.positive _.InitialDeviation (fun v c ->
                { c with InitialDeviation = v })
            Options.number (nameof d.KeptFraction) Range.fraction _.KeptFraction (fun v c ->
                { c with KeptFraction = v })
            Options.flag (nameof d.KeepsElites) _.KeepsElites (fun v c -> { c with KeepsElites = v })
            Options.flag (nameof d.ShiftsElites) _.ShiftsElites (fun v c -> { c with ShiftsElites = v })
            Options.flag (nameof d.TriesMean) _.TriesMean (fun v c -> { c with TriesMean = v })
            Options.choice variants (nameof d.Variant) _.Variant (fun v c -> { c with Variant = v })
        ]

    /// The number of sequences that the distribution is fitted to.
    let eliteCount (options: ImprovedCrossEntropyOptions) : int = min options.Elites (options.Population / 2)

    /// The number of sequences drawn in each iteration.
    let populations (options: ImprovedCrossEntropyOptions) : int[] =
        let least = 2 * options.Elites

        match options.Variant with
        | ImprovedCrossEntropyVariant.MbrlLib ->
            Array.init options.Iterations (fun iteration ->
                let shrunk = float options.Population * options.PopulationDecay ** float -iteration
                int (ceil (max shrunk (float least))))
        | _ ->
            Array.init (options.Iterations - 1) id
            |> Array.scan (fun count _ -> max least (int (float count / options.PopulationDecay))) options.Population

    /// The number of elites that are tried again.
    let keptCount (options: ImprovedCrossEntropyOptions) : int =
        let share = options.KeptFraction * float (eliteCount options)

        match options.Variant with
        | ImprovedCrossEntropyVariant.MbrlLib -> int (ceil share)
        | _ -> int share

    /// The most sequences that are judged at once.
    let capacity (options: ImprovedCrossEntropyOptions) : int =
        Array.max (populations options) + max (keptCount options) 1

/// Sequences of coloured noise around a mean, fitted to elites that are remembered: μ ← α μ + (1 − α) mean(elites), σ ←
/// α σ + (1 − α) deviation(elites), with the biased deviation (mbrl-lib: variances). Source: Pinneri, Sawant, Blaes,
/// Achterhold, Stückler, Rolínek and Martius, "Sample-efficient cross-entropy method for real-time planning" (2020),
/// algorithm 1.
[<Sealed>]
type ImprovedCrossEntropy internal (options: ImprovedCrossEntropyOptions, space: PlanningSpace, draws: IDraws) =
    inherit Planner(space, options.Horizon, ImprovedCrossEntropyOptions.eliteCount options)

    let size = space.Size
    let length = options.Horizon * size
    let elites = ImprovedCrossEntropyOptions.eliteCount options
    let counts = ImprovedCrossEntropyOptions.populations options
    let isOriginal = (options.Variant = ImprovedCrossEntropyVariant.Original)

    let kept = ImprovedCrossEntropyOptions.keptCount options
    let capacity = ImprovedCrossEntropyOptions.capacity options
    let population = Population(space, options.Horizon, capacity)
    let noise = ColouredNoise(options.Horizon, options.NoiseExponent)
    let coefficients = Array.zeroCreate<float>(noise.Coefficients * capacity * size)
    let lastSteps = Array.zeroCreate<float>(kept * size)
    let order = Array.zeroCreate<int> elites
    // What is fitted is a deviation, or mbrl-lib's variance.
    let mean, dispersion = Array.zeroCreate<float> length, Array.zeroCreate<float> length
    let deviation, best = Array.zeroCreate<float> length, Array.zeroCreate<float> length
    let eliteReturns = Array.zeroCreate<float> elites

    /// Writes `count` new sequences around the mean from place `first` on.
    let draw (first: int) (count: int) (key: Rng) : Rng =
        let drawn = Span(coefficients, 0, noise.Coefficients * count * size)
        let key = draws.Normals(drawn, key)
        let rows = Span(population.Coordinates, first * length, count * length)
        noise.Fill(Span.op_Implicit drawn, count, size, rows)

        for index in 0 .. length - 1 do
            deviation[index] <- if isOriginal then dispersion[index] else sqrt dispersion[index]

        for row in first .. first + count - 1 do
            let row = population.Row row

            for index in 0 .. row.Length - 1 do
                row[index] <- mean[index] + deviation[index] * row[index]

            population.Clip row

        key

    /// Writes elites of the decision before, shifted by one step, behind `count` sequences.
    let shiftElites (state: PlannerState) (count: int) (key: Rng) : Rng =
        let mutable key = key
        let last = length - size

        if isOriginal then
            // New sequences, of which the last steps remain.
            key <- draw count kept key
        else
            key <- draws.Normals(Span lastSteps, key)

        for index in 0 .. kept - 1 do
            let row = population.Row(count + index)
            let elite = ReadOnlySpan(state.Elites, order[index] * length, length)
            elite.Slice(size).CopyTo row

            if not isOriginal then
                for column in 0 .. size - 1 do
                    let place = last + column
                    row[place] <- mean[place] + deviation[place] * lastSteps[index * size + column]

                population.Clip row

        key

    let refit () =
        population.FitElites(elites, float elites)

        for index in 0 .. length - 1 do
            let centre, variance = population.EliteMean[index], population.EliteVariance[index]
            let fitted = if isOriginal then sqrt variance else variance
            mean[index] <- options.Smoothing * mean[index] + (1.0 - options.Smoothing) * centre
            dispersion[index] <- options.Smoothing * dispersion[index] + (1.0 - options.Smoothing) * fitted

    /// A planner for a space of actions; `ArgumentOutOfRangeException` for an option out of its range.
    new(options: ImprovedCrossEntropyOptions, space: PlanningSpace) =
        Options.validate ImprovedCrossEntropyOptions.rows options
        ImprovedCrossEntropy(options, space, Draws.random)

    /// Called after each iteration with its number and that of its sequences: what tests look at.
    member val internal Watch: (int -> int -> unit) option = None with get, set
    /// The sequences of the iteration, judged and ranked.
    member internal _.Population = population
    /// The mean [horizon, size] after the iteration.
    member internal _.Mean = mean
    /// The dispersion [horizon, size] after the iteration.
    member internal _.Dispersion = dispersion

    override this.Decide(state: PlannerState, judge: ISequenceReturns) =
        state.Mean.CopyTo(mean, 0)

        for index in 0 .. length - 1 do
            let deviation = 0.5 * options.InitialDeviation * (space.High[index % size] - space.Low[index % size])

            dispersion[index] <- if isOriginal then deviation else deviation * deviation

        let last = options.Iterations - 1
        let mutable value = -infinity
        let mutable key = state.Key

        for iteration in 0..last do
            key <- draw 0 counts[iteration] key
            let mutable count = counts[iteration]
            let mutable judged = count

            if isOriginal then
                if options.TriesMean && iteration = last then
                    ReadOnlySpan(mean).CopyTo(population.Row 0)

                for index in 0 .. elites - 1 do
                    order[index] <- index
            elif state.EliteCount > 0 then
                key <- draws.Permutation(Span order, key)

            if state.EliteCount > 0 then
                if iteration = 0 then
                    if options.ShiftsElites then
                        key <- shiftElites state count key
                        count <- count + kept
                        judged <- count
                elif not isOriginal && iteration = last then
                    if options.TriesMean then
                        ReadOnlySpan(mean).CopyTo(population.Row count)
                        count <- count + 1
                        judged <- count
                elif options.KeepsElites then
                    for index in 0 .. kept - 1 do
                        ReadOnlySpan(state.Elites, order[index] * length, length).CopyTo(population.Row(count + index))
                        // Known already, from the same state.
                        population.Returns[count + index] <- eliteReturns[order[index]]

                    count <- count + kept

            population.Judge(judge, 0, judged)
            population.Rank count
            let first = population.Ranked 0

            if isOriginal || iteration = 0 || population.Returns[first] > value then
                value <- population.Returns[first]
                population.Row(first).CopyTo(Span best)

            state.EliteCount <- elites

            for rank in 0 .. elites - 1 do
                let index = population.Ranked rank
                population.Row(index).CopyTo(Span(state.Elites, rank * length, length))
                eliteReturns[rank] <- population.Returns[index]

            refit ()

            match this.Watch with
            | Some watch -> watch iteration count
            | None -> ()

        state.Key <- key
        best.CopyTo(state.Plan, 0)
        state.Value <- value
        // The next search begins a step later; its last step is that of this one, or the middle.
        let start = if isOriginal then mean else best

        for index in 0 .. length - 1 do
            state.Mean[index] <-
                if index + size < length then start[index + size]
                elif isOriginal then start[index]
                else space.Middle(index % size)
