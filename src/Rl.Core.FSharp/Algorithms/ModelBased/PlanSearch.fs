/// How agents that plan with a model of their own search for sequences of actions.
namespace Rl.Core.Algorithms

open System
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Planning

/// A search for sequences of actions.
[<RequireQualifiedAccess>]
type PlanSearch =
    /// The cross-entropy method, as PETS has it (Chua et al. 2018).
    | CrossEntropy
    /// The cross-entropy method with noise that is correlated over time and a memory of the best sequences (Pinneri et
    /// al. 2020).
    | ImprovedCrossEntropy

/// Options of the search.
type PlanSearchOptions =
    {
        /// How sequences of actions are searched for: by the cross-entropy method, or by the improved one, whose noise
        /// is correlated over time and which tries its best sequences again.
        Planner: PlanSearch
        /// The number of actions that are thought ahead.
        Horizon: int
        /// Sequences drawn in each iteration.
        Population: int
        /// How often the distribution of sequences is fitted for each decision.
        Iterations: int
        /// The share of the population that it is fitted to, rounded up; at least two sequences.
        EliteFraction: float
        /// The weight of the old mean and deviation in the fit.
        Smoothing: float
        /// The standard deviations that a search begins with, as a share of half the width between the bounds.
        InitialDeviation: float
        /// β of the power spectrum f^(−β) of the improved method's noise: 0 white, 1 pink, 2 red.
        NoiseExponent: float
        /// The share of the best sequences that the improved method tries again.
        KeptFraction: float
    }

/// Defaults, rows and the planners that they make.
[<RequireQualifiedAccess>]
module PlanSearchOptions =

    /// 4 fits of 100 sequences of 30 actions by the cross-entropy method.
    let defaults: PlanSearchOptions =
        let plain, improved = CrossEntropyOptions.defaults, ImprovedCrossEntropyOptions.defaults

        {
            Planner = PlanSearch.CrossEntropy
            Horizon = plain.Horizon
            Population = 100
            Iterations = 4
            EliteFraction = plain.EliteFraction
            Smoothing = plain.Smoothing
            InitialDeviation = plain.InitialDeviation
            NoiseExponent = improved.NoiseExponent
            KeptFraction = improved.KeptFraction
        }

    let private planners = [ "cem", PlanSearch.CrossEntropy; "icem", PlanSearch.ImprovedCrossEntropy ]

    /// A row an option.
    let rows: OptionRow<PlanSearchOptions> list =
        let d = defaults

        [
            Options.choice planners (nameof d.Planner) _.Planner (fun v c -> { c with Planner = v })
            Options.whole (nameof d.Horizon) (Range.atLeast 1.0) _.Horizon (fun v c -> { c with Horizon = v })
            Options.whole (nameof d.Population) (Range.atLeast 4.0) _.Population (fun v c -> { c with Population = v })
            Options.whole (nameof d.Iterations) (Range.atLeast 1.0) _.Iterations (fun v c -> { c with Iterations = v })
            Options.number (nameof d.EliteFraction) Range.positiveFraction _.EliteFraction (fun v c ->
                { c with EliteFraction = v })
            Options.number (nameof d.Smoothing) Range.belowOne _.Smoothing (fun v c -> { c with Smoothing = v })
            Options.number (nameof d.InitialDeviation) Range.positive _.InitialDeviation (fun v c ->
                { c with InitialDeviation = v })
            Options.number (nameof d.NoiseExponent) Range.notNegative _.NoiseExponent (fun v c ->
                { c with NoiseExponent = v })
            Options.number (nameof d.KeptFraction) Range.fraction _.KeptFraction (fun v c ->
                { c with KeptFraction = v })
        ]

    /// The planner in a space of actions. The cross-entropy method decides on its last mean, the improved one on the
    /// best sequence of its last iteration.
    let create (options: PlanSearchOptions) (space: PlanningSpace) : Planner =
        match options.Planner with
        | PlanSearch.CrossEntropy ->
            CrossEntropy(
                { CrossEntropyOptions.defaults with
                    Horizon = options.Horizon
                    Population = options.Population
                    Iterations = options.Iterations
                    EliteFraction = options.EliteFraction
                    Smoothing = options.Smoothing
                    InitialDeviation = options.InitialDeviation
                    ReturnsMean = true
                },
                space
            )
        | PlanSearch.ImprovedCrossEntropy ->
            let elites = int (Math.Ceiling(options.EliteFraction * float options.Population))

            ImprovedCrossEntropy(
                { ImprovedCrossEntropyOptions.defaults with
                    Horizon = options.Horizon
                    Population = options.Population
                    Iterations = options.Iterations
                    Elites = Math.Clamp(elites, 2, options.Population / 2)
                    Smoothing = options.Smoothing
                    InitialDeviation = options.InitialDeviation
                    NoiseExponent = options.NoiseExponent
                    KeptFraction = options.KeptFraction
                },
                space
            )
