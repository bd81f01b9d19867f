/// Trust-region policy optimisation: the natural direction, as far as a bounded divergence and a better surrogate
/// allow.
namespace Rl.Core.Algorithms

open Rl.Core.Acting
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Objectives
open Rl.Core.Optimisers

/// Options of trust-region policy optimisation (Schulman et al. 2015).
type TrpoOptions =
    {
        Plan: PlanOptions
        Rollout: OnPolicyOptions
        Network: NetworkOptions
        Exploration: ExplorationOptions
        Solver: ConjugateGradientOptions
        ValueFit: ValueFitOptions
        /// δ: no step moves the policy by a larger mean KL divergence.
        TargetKl: RateSchedule
        /// Each try of the line search is this fraction of the one before.
        LineSearchShrink: float
        /// Tries of the line search; without success θ stays.
        LineSearchTries: int
    }

/// Defaults, rows, checks and texts.
[<RequireQualifiedAccess>]
module TrpoOptions =

    /// Those of Stable Baselines3's contributions: 2,048 steps an update (256 of each of 8 copies), 15 iterations of
    /// conjugate gradients with damping 0.1, a line search of at most 10 tries that shrinks by 0.8, 10 passes of
    /// minibatches of 128 for the value function.
    let defaults =
        {
            Plan = { TotalSteps = 100_000L }
            Rollout = OnPolicyOptions.defaults 256 0.95
            Network = NetworkOptions.defaults [ 64; 64 ]
            Exploration = { InitialLogStandardDeviation = 0.0 }
            Solver = { CgSteps = 15; CgDamping = 0.1 }
            ValueFit = { ValueEpochs = 10; ValueMinibatchSize = 128; ValueLearningRate = RateSchedule.Constant 1e-3 }
            TargetKl = RateSchedule.Constant 0.01
            LineSearchShrink = 0.8
            LineSearchTries = 10
        }

    /// A row an option, in the order of files.
    let rows: OptionRow<TrpoOptions> list =
        let d = defaults
        let plan rows = Options.group (fun (c: TrpoOptions) -> c.Plan) (fun v c -> { c with Plan = v }) rows
        let rollout rows = Options.group (fun (c: TrpoOptions) -> c.Rollout) (fun v c -> { c with Rollout = v }) rows
        let network rows = Options.group (fun (c: TrpoOptions) -> c.Network) (fun v c -> { c with Network = v }) rows

        let exploration rows =
            Options.group (fun (c: TrpoOptions) -> c.Exploration) (fun v c -> { c with Exploration = v }) rows

        let solver rows = Options.group (fun (c: TrpoOptions) -> c.Solver) (fun v c -> { c with Solver = v }) rows
        let valueFit rows = Options.group (fun (c: TrpoOptions) -> c.ValueFit) (fun v c -> { c with ValueFit = v }) rows

        [
            yield! plan PlanOptions.rows
            yield! rollout OnPolicyOptions.steps
            Options.schedule (nameof d.TargetKl) Range.positive _.TargetKl (fun v c -> { c with TargetKl = v })
            yield! solver ConjugateGradientOptions.rows
            Options.number (nameof d.LineSearchShrink) Range.positiveFraction _.LineSearchShrink (fun v c ->
                { c with LineSearchShrink = v })
            Options.whole (nameof d.LineSearchTries) (Range.atLeast 1.0) _.LineSearchTries (fun v c ->
                { c with LineSearchTries = v })
            yield! valueFit ValueFitOptions.rows
            yield! rollout OnPolicyOptions.credit
            yield! rollout OnPolicyOptions.normaliseAdvantages
            yield! network NetworkOptions.normaliseObservations
            yield! rollout OnPolicyOptions.normaliseRewards
            yield! network (NetworkOptions.ofTwo NetworkOptions.freeLayers)
            yield! exploration ExplorationOptions.rows
            yield! network NetworkOptions.actionScaling
        ]

    /// Fails for the first option that is out of its range, naming it.
    let validate (options: TrpoOptions) = NetworkOptions.validate rows defaults options

    /// The options as named texts.
    let toPairs (options: TrpoOptions) : (string * string) list = Options.toPairs rows options

    /// The defaults with the named options replaced; names are matched whatever their case.
    let ofPairs (pairs: (string * string) list) : TrpoOptions = Options.ofPairs rows pairs defaults

/// TRPO: maximise mean(π/π_old · A) subject to mean KL(π_old ‖ π) ≤ δ (Schulman, Levine, Moritz, Jordan, Abbeel,
/// "Trust region policy optimization", 2015; slide 18).
[<RequireQualifiedAccess>]
module Trpo =

    let private bind (c: TrpoOptions) (environment: BatchEnvironment) (workers: Workers) : Learner =
        let network = OnPolicy.network (OnPolicy.apart c.Network) c.Exploration environment
        let source = RolloutSource(network, environment, OnPolicy.rollouts c.Rollout c.Network, workers)
        let columns = source.Columns

        let geometry =
            NaturalGradient("trpo", network, columns, source.Samples, c.Solver.CgSteps, c.Solver.CgDamping, workers)

        let values = ValueFit(network, columns, source.Samples, c.Plan, c.ValueFit, workers)

        /// The longest step along the natural direction that the quadratic model allows, shortened until it keeps its
        /// promises.
        let search (targetKl: float) (natural: NaturalStep) (policy: float[]) : LineSearchResult =
            if natural.Curvature = 0.0 then
                { Fraction = 0.0; Parameters = policy; Tried = [||] }
            else
                let length = TrustRegion.stepScale targetKl natural.Curvature
                let step = natural.Direction |> Array.map (fun x -> length * x)
                let struct (start, _) = geometry.Evaluate policy

                TrustRegion.lineSearch c.LineSearchShrink c.LineSearchTries targetKl start geometry.Evaluate policy step

        let learn (state: TrainingState) (rollout: CreditedRollout) =
            let draft = Draft rollout.State
            let theta = draft.Theta
            let samples = OnPolicy.samples columns c.Rollout.NormaliseAdvantages rollout
            let natural = geometry.Solve(rollout.State.Updates, state.Frozen, samples, theta)

            let targetKl = PlanOptions.after c.Plan state.Steps c.TargetKl
            let found = search targetKl natural (geometry.Policy theta)
            geometry.Write(found.Parameters, theta)
            let struct (surrogate, divergence) = geometry.Evaluate found.Parameters
            let struct (valueLoss, key) = values.Run(rollout, draft, state.Steps, state.Key)
            let next = { draft.Onto rollout.State with Key = key }

            struct (next,
                    OnPolicy.report
                        next
                        rollout
                        [|
                            struct ("surrogate", surrogate)
                            struct ("valueLoss", valueLoss)
                            struct ("entropy", natural.Entropy)
                            struct ("kl", divergence)
                            struct ("stepFraction", found.Fraction)
                            struct ("residual", natural.Residual)
                            yield! Rate.metrics c.Plan state.Steps [ Rate.create (nameof c.TargetKl) c.TargetKl ]
                            yield! values.Metrics state.Steps
                        |]
                        [||])

        Learner.ofFunctions
            {
                Algorithm = "trpo"
                Environment = environment
                Network = network.Actor
                Options = TrpoOptions.toPairs c
                TotalSteps = c.Plan.TotalSteps
                Arrays = values.Arrays
                Start = source.Start
                Collect = source.Collect
                Learn = learn
            }

    /// Binds options to environments. `workers` share the work; the results do not depend on their number.
    let create (options: TrpoOptions) (environment: BatchEnvironment) (workers: Workers) : Learner =
        TrpoOptions.validate options
        bind options environment workers

    /// What there is to know of it.
    let entry =
        AlgorithmEntry.create
            {
                Id = "trpo"
                Name = "Trust-region policy optimisation"
                Summary =
                    ("Natural-gradient steps with a line search that keeps the mean KL divergence below δ "
                     + "(Schulman et al. 2015).")
                Source = "Schulman, Levine, Moritz, Jordan, Abbeel, \"Trust region policy optimization\" (2015)"
                Family = AlgorithmFamily.OnPolicy
            }
            TrpoOptions.defaults
            TrpoOptions.rows
            [ "RolloutSteps", "32"; "CgSteps", "5"; "ValueEpochs", "2"; "ValueMinibatchSize", "48" ]
            TrpoOptions.validate
            create
        |> AlgorithmEntry.withParameters TrpoOptions.ofPairs (fun c ->
            OnPolicy.parameters (OnPolicy.apart c.Network) c.Exploration)
