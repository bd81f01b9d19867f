/// iLQR and DDP as planners: a trajectory is improved by derivatives again at every step.
namespace Rl.Core.Planning

open System
open Rl.Core.Environments
open Rl.Core.Foundations
open Rl.Core.Learning

/// Options of planning by derivatives.
type DifferentialPlannerOptions =
    {
        /// The number of actions that are thought ahead.
        Horizon: int
        /// The most improvements of a trajectory for each decision.
        Iterations: int
        /// An improvement by less than this share is the last.
        Tolerance: float
        /// What is added to the diagonal of ∂²Q/∂u² at first.
        Regularisation: float
        /// Sequences drawn for each decision, beside the plan of the decision before; the best of all are improved.
        Candidates: int
        /// How many are improved for each decision.
        Starts: int
        /// β of the candidates' power spectrum f^(−β): 0 white, 1 pink, 2 red.
        NoiseExponent: float
        /// The candidates' standard deviation as a share of half the width between the bounds.
        InitialDeviation: float
        /// Whether mixed second derivatives are asked for too: the square of the numbers of state and action more
        /// steps, instead of twice as many as there are numbers.
        MixedDerivatives: bool
        /// γ of the returns that are planned for; 1 for their sum.
        Discount: float
    }

/// Defaults and rows.
[<RequireQualifiedAccess>]
module DifferentialPlannerOptions =

    /// Up to 10 improvements of the two best of 100 sequences of 40 actions.
    let defaults =
        {
            Horizon = 40
            Iterations = 10
            Tolerance = 1e-4
            Regularisation = 1e-3
            Candidates = 100
            Starts = 2
            NoiseExponent = 2.0
            InitialDeviation = 0.5
            MixedDerivatives = false
            Discount = 1.0
        }

    /// A row an option.
    let rows: OptionRow<DifferentialPlannerOptions> list =
        let d = defaults

        [
            Options.whole (nameof d.Horizon) (Range.atLeast 1.0) _.Horizon (fun v c -> { c with Horizon = v })
            Options.whole (nameof d.Iterations) (Range.atLeast 1.0) _.Iterations (fun v c -> { c with Iterations = v })
            Options.number (nameof d.Tolerance) Range.notNegative _.Tolerance (fun v c -> { c with Tolerance = v })
            Options.number (nameof d.Regularisation) Range.notNegative _.Regularisation (fun v c ->
                { c with Regularisation = v })
            Options.whole (nameof d.Candidates) Range.notNegative _.Candidates (fun v c -> { c with Candidates = v })
            Options.whole (nameof d.Starts) (Range.atLeast 1.0) _.Starts (fun v c -> { c with Starts = v })
            Options.number (nameof d.NoiseExponent) Range.notNegative _.NoiseExponent (fun v c ->
                { c with NoiseExponent = v })
            Options.number (nameof d.InitialDeviation) Range.positive _.InitialDeviation (fun v c ->
                { c with InitialDeviation = v })
            Options.flag (nameof d.MixedDerivatives) _.MixedDerivatives (fun v c -> { c with MixedDerivatives = v })
            Options.number (nameof d.Discount) Range.fraction _.Discount (fun v c -> { c with Discount = v })
        ]

/// At each step the plan of the step before, moved on by a step, the middle of the bounds and sequences drawn at random
/// are judged by stepping copies of the state; the best of them are improved by iLQR or DDP, and the first action of
/// the best that follows is taken. Not thread-safe. Sources: Tassa, Erez and Todorov, "Synthesis and stabilization of
/// complex behaviors through online trajectory optimization" (2012); Tassa, Mansard and Todorov (2014).
[<Sealed>]
type DifferentialPlanner(options: DifferentialPlannerOptions, isSecondOrder: bool, simulator: Simulator) =
    do Options.validate DifferentialPlannerOptions.rows options

    let horizon = options.Horizon
    let control = SimulatedControl(simulator, horizon, options.Discount, options.MixedDerivatives)
    let model = control :> IControlModel
    let judge = EnvironmentReturns(simulator, options.Discount, 1)
    let width = model.ControlSize
    let length = horizon * width
    // The middle of the bounds and the plan of the step before are judged beside the candidates.
    let most = options.Candidates + 2
    let noise = ColouredNoise(horizon, options.NoiseExponent)
    let normals = Array.zeroCreate<float>(noise.Coefficients * options.Candidates * width)
    let drawn = Array.zeroCreate<float>(options.Candidates * length)
    let sequences = Array.zeroCreate<float32>(most * length)
    let returns = Array.zeroCreate<float> most
    let costs = Array.zeroCreate<float> most
    let order = Array.zeroCreate<int> most
    let isBounded index = Double.IsFinite(model.High[index] - model.Low[index])

    let middle index =
        if isBounded index then
            0.5 * (model.Low[index] + model.High[index])
        else
            Math.Clamp(0.0, model.Low[index], model.High[index])

    let spread index =
        options.InitialDeviation
        * (if isBounded index then 0.5 * (model.High[index] - model.Low[index]) else 1.0)

    let improvement =
        {
            Iterations = options.Iterations
            Tolerance = options.Tolerance
            Regularisation = options.Regularisation
            RegularisationDecay = 10.0
            SecondOrder = isSecondOrder
        }

    /// The controls [H][m] of a sequence that was judged.
    let controlsOf index =
        Array.init horizon (fun t -> Array.init width (fun i -> float sequences[index * length + t * width + i]))

    /// Improves a trajectory from the present state of a copy of the batch, which shows `observation`; `before` are the
    /// controls of the decision before (empty: none), and chance comes from the key. The first controls of the result
    /// are the action.
    member _.Decide
        (copy: int, observation: ReadOnlySpan<float32>, before: float[][], key: Rng)
        : struct (DifferentialPlan * Rng) =
        let struct (search, rest) = Rng.split key
        let struct (chance, next) = Rng.split rest
        let mutable count = 1

        for index in 0 .. length - 1 do
            sequences[index] <- float32 (middle (index % width))

        if before.Length > 0 then
            for t in 0 .. horizon - 1 do
                let controls = before[min (t + 1) (horizon - 1)]

                for i in 0 .. width - 1 do
                    sequences[length + t * width + i] <- float32 controls[i]

            count <- 2

        if options.Candidates > 0 then
            Draws.random.Normals(Span normals, search) |> ignore
            noise.Fill(ReadOnlySpan normals, options.Candidates, width, Span drawn)

            for index in 0 .. drawn.Length - 1 do
                let i = index % width
                let value = middle i + spread i * drawn[index]
                sequences[count * length + index] <- float32 (Math.Clamp(value, model.Low[i], model.High[i]))

            count <- count + options.Candidates

        judge.Begin(copy, observation, chance)

        (judge :> ISequenceReturns).Judge(ReadOnlySpan(sequences, 0, count * length), horizon, Span(returns, 0, count))

        for index in 0 .. count - 1 do
            if Double.IsNaN returns[index] then
                invalidOp (
                    $"{simulator.Id} returned the reward NaN while a planner thought ahead; a reward must be finite."
                )

            costs[index] <- -returns[index]
            order[index] <- index

        Array.Sort(costs, order, 0, count)
        let start = control.Begin(copy, observation, chance)

        let best =
            [ 0 .. min options.Starts count - 1 ]
            |> List.map (fun rank ->
                DifferentialProgramming.optimiseWatched ignore improvement model start (controlsOf order[rank]))
            |> List.minBy _.Cost

        struct (best, next)

    /// Room in a simulator for what is done side by side.
    static member Places: int = 256
