/// OpenAI's evolution strategies: the gradient of the return of randomly perturbed policies, estimated from their
/// ranks.
namespace Rl.Core.Algorithms

open System
open Rl.Core.Acting
open Rl.Core.Autodiff
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Optimisers

/// Options of OpenAI's evolution strategies (Salimans et al. 2017).
type EsOptions =
    {
        Plan: PlanOptions
        Network: NetworkOptions
        Candidates: CandidateOptions
        /// n: random directions of an update; two policies each.
        Directions: int
        /// Adam's step size.
        LearningRate: RateSchedule
        /// σ: the standard deviation of the perturbations.
        Deviation: RateSchedule
        /// The weight of the L2 penalty.
        WeightDecay: float
    }

/// Defaults, rows, checks and texts.
[<RequireQualifiedAccess>]
module EsOptions =

    /// The paper's ingredients (mirrored sampling, ranks, Adam with an L2 penalty of 0.005) with a population, noise
    /// and step size for small tasks.
    let defaults =
        {
            Plan = { TotalSteps = 500_000L }
            Network = NetworkOptions.defaults [ 32; 32 ]
            Candidates = { EpisodesPerCandidate = 1; MaxEpisodeSteps = 10_000 }
            Directions = 16
            LearningRate = RateSchedule.Constant 0.05
            Deviation = RateSchedule.Constant 0.1
            WeightDecay = 0.005
        }

    /// A row an option, in the order of files.
    let rows: OptionRow<EsOptions> list =
        let d = defaults
        let plan rows = Options.group (fun (c: EsOptions) -> c.Plan) (fun v c -> { c with Plan = v }) rows
        let network rows = Options.group (fun (c: EsOptions) -> c.Network) (fun v c -> { c with Network = v }) rows

        let candidates rows =
            Options.group (fun (c: EsOptions) -> c.Candidates) (fun v c -> { c with Candidates = v }) rows

        [
            yield! plan PlanOptions.rows
            Options.whole (nameof d.Directions) (Range.atLeast 1.0) _.Directions (fun v c -> { c with Directions = v })
            yield! candidates CandidateOptions.rows
            Options.rate (nameof d.LearningRate) _.LearningRate (fun v c -> { c with LearningRate = v })
            Options.schedule (nameof d.Deviation) Range.positive _.Deviation (fun v c -> { c with Deviation = v })
            Options.number (nameof d.WeightDecay) Range.notNegative _.WeightDecay (fun v c ->
                { c with WeightDecay = v })
            yield! network NetworkOptions.normaliseObservations
            yield! network NetworkOptions.policyLayers
            yield! network NetworkOptions.actionScaling
        ]

    /// Fails for the first option that is out of its range, naming it.
    let validate (options: EsOptions) = NetworkOptions.validate rows defaults options

    /// The options as named texts.
    let toPairs (options: EsOptions) : (string * string) list = Options.toPairs rows options

    /// The defaults with the named options replaced; names are matched whatever their case.
    let ofPairs (pairs: (string * string) list) : EsOptions = Options.ofPairs rows pairs defaults

/// Evolution strategies (Salimans, Ho, Chen, Sidor, Sutskever, "Evolution strategies as a scalable alternative to
/// reinforcement learning", 2017): ∇E[R(θ + σε)] ≈ (1/(2nσ)) Σ (u(θ + σεᵢ) − u(θ − σεᵢ)) εᵢ with u the centred rank
/// of the return.
[<RequireQualifiedAccess>]
module Es =

    /// Ranks from −½ (the least) to ½ (the largest); equal values share the mean of their ranks.
    let centredRanks (values: float[]) : float[] =
        let last = float (values.Length - 1)

        values
        |> Array.map (fun value ->
            let below = values |> Array.sumBy (fun other -> if other < value then 1.0 else 0.0)
            let equal = values |> Array.sumBy (fun other -> if other = value then 1.0 else 0.0)
            if last = 0.0 then 0.0 else (below + 0.5 * (equal - 1.0)) / last - 0.5)

    let private learningRate (c: EsOptions) = Rate.create (nameof c.LearningRate) c.LearningRate

    let private transform (c: EsOptions) =
        Optimiser.adamWith (Rate.stepSize (learningRate c)) 0.9 0.999 1e-8 c.WeightDecay false

    let private gradient n = Column.shared "gradient" n

    /// What moves θ: Adam on the estimate, which is the gradient of the product with it.
    let private update (c: EsOptions) (part: Part) =
        let n = part.Layout.Count

        let loss (batch: Batch) =
            [ Term.once "product" 1.0 (Expr.sum (batch[gradient n] * (batch.Parameters "policy").Theta)) ]

        Update.create
            {
                Name = "policy step"
                Groups = [ ParameterGroup.ofPart "policy" part (GroupMotion.Learns("optimiser", transform c)) ]
                Shape = SampleShape.steps 1
                MaxGradientNorm = 0.0
                Loss = loss
            }

    let private bind (c: EsOptions) (environment: BatchEnvironment) (workers: Workers) : Learner =
        let network = Search.network c.Network environment
        let part = Part.mode network
        let n = part.Layout.Count

        // What it collects: the returns of θ ± σ ε.
        let population = Population(network, environment, Search.trial c.Candidates 0.0, workers)
        let update = update c part

        let collect (state: TrainingState) =
            let deviation = PlanOptions.after c.Plan state.Steps c.Deviation
            let seeds = Candidates.seeds part state c.Directions (CandidateSpread.Mirrored deviation)
            let struct (directions, key) = Candidates.directions workers part seeds
            struct (directions, population.Evaluate(state, seeds, directions), key)

        let learn (state: TrainingState) (struct (directions: float32[][], result: PopulationResult, key)) =
            let ranks = centredRanks result.Fitness
            let weights = Array.init c.Directions (fun i -> ranks[2 * i] - ranks[2 * i + 1])
            let deviation = PlanOptions.after c.Plan state.Steps c.Deviation
            let scale = -1.0 / (2.0 * float c.Directions * deviation)
            let estimate = Search.combine weights directions |> Array.map (fun sum -> float32 (scale * sum))
            let draft = Draft state
            update.Load draft
            Rate.set c.Plan state.Steps [ learningRate c ] [ update ]
            update.Set(gradient n, ReadOnlySpan estimate)
            update.Run workers
            update.Store draft
            let next = { draft.Onto result.State with Key = key }

            struct (next,
                    Search.report
                        result
                        [|
                            struct ("gradientNorm", update.Scalar "gradientNorm")

                            yield!
                                [ learningRate c; Rate.create (nameof c.Deviation) c.Deviation ]
                                |> Rate.metrics c.Plan state.Steps
                        |])

        Learner.ofFunctions
            {
                Algorithm = "es"
                Environment = environment
                Network = network
                Options = EsOptions.toPairs c
                TotalSteps = c.Plan.TotalSteps
                Arrays = update.Arrays
                Start = Search.start network environment c.Network.NormaliseObservations false
                Collect = collect
                Learn = learn
            }

    /// Binds options to environments. `workers` share the work; the results do not depend on their number.
    let create (options: EsOptions) (environment: BatchEnvironment) (workers: Workers) : Learner =
        EsOptions.validate options
        bind options environment workers

    /// What there is to know of it.
    let entry =
        AlgorithmEntry.create
            {
                Id = "es"
                Name = "Evolution strategies"
                Summary =
                    ("Climbs the smoothed return with mirrored perturbations and ranks (OpenAI-ES, Salimans et "
                     + "al. 2017).")
                Source =
                    ("Salimans, Ho, Chen, Sidor, Sutskever, \"Evolution strategies as a scalable alternative to "
                     + "reinforcement learning\" (2017)")
                Family = AlgorithmFamily.Search
            }
            EsOptions.defaults
            EsOptions.rows
            [ "Directions", "3" ]
            EsOptions.validate
            create
        |> AlgorithmEntry.withParameters EsOptions.ofPairs (fun c -> Search.parameters c.Network)
