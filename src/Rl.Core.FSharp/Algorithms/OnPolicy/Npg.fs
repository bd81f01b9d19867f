/// The natural policy gradient: the steepest direction as divergence measures it, whatever the parametrisation.
namespace Rl.Core.Algorithms

open Rl.Core.Acting
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Objectives
open Rl.Core.Optimisers

/// Options of the natural policy gradient (Kakade 2001).
type NpgOptions =
    {
        Plan: PlanOptions
        Rollout: OnPolicyOptions
        Network: NetworkOptions
        Exploration: ExplorationOptions
        Solver: ConjugateGradientOptions
        ValueFit: ValueFitOptions
        /// δ: the divergence of a step by its quadratic model, from which the step's length follows.
        TargetKl: RateSchedule
        /// α of θ ← θ + α F⁻¹∇J as Kakade has it; 0 for the length that δ gives.
        LearningRate: RateSchedule
    }

/// Defaults, rows, checks and texts.
[<RequireQualifiedAccess>]
module NpgOptions =

    /// Those of TRPO in Stable Baselines3's contributions, without its line search.
    let defaults =
        {
            Plan = { TotalSteps = 100_000L }
            Rollout = OnPolicyOptions.defaults 256 0.95
            Network = NetworkOptions.defaults [ 64; 64 ]
            Exploration = { InitialLogStandardDeviation = 0.0 }
            Solver = { CgSteps = 15; CgDamping = 0.1 }
            ValueFit = { ValueEpochs = 10; ValueMinibatchSize = 128; ValueLearningRate = RateSchedule.Constant 1e-3 }
            TargetKl = RateSchedule.Constant 0.01
            LearningRate = RateSchedule.Constant 0.0
        }

    /// A row an option, in the order of files.
    let rows: OptionRow<NpgOptions> list =
        let d = defaults
        let plan rows = Options.group (fun (c: NpgOptions) -> c.Plan) (fun v c -> { c with Plan = v }) rows
        let rollout rows = Options.group (fun (c: NpgOptions) -> c.Rollout) (fun v c -> { c with Rollout = v }) rows
        let network rows = Options.group (fun (c: NpgOptions) -> c.Network) (fun v c -> { c with Network = v }) rows

        let exploration rows =
            Options.group (fun (c: NpgOptions) -> c.Exploration) (fun v c -> { c with Exploration = v }) rows

        let solver rows = Options.group (fun (c: NpgOptions) -> c.Solver) (fun v c -> { c with Solver = v }) rows
        let valueFit rows = Options.group (fun (c: NpgOptions) -> c.ValueFit) (fun v c -> { c with ValueFit = v }) rows

        [
            yield! plan PlanOptions.rows
            yield! rollout OnPolicyOptions.steps
            Options.schedule (nameof d.TargetKl) Range.positive _.TargetKl (fun v c -> { c with TargetKl = v })
            yield! solver ConjugateGradientOptions.rows
            Options.schedule (nameof d.LearningRate) Range.notNegative _.LearningRate (fun v c ->
                { c with LearningRate = v })
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
    let validate (options: NpgOptions) = NetworkOptions.validate rows defaults options

    /// The options as named texts.
    let toPairs (options: NpgOptions) : (string * string) list = Options.toPairs rows options

    /// The defaults with the named options replaced; names are matched whatever their case.
    let ofPairs (pairs: (string * string) list) : NpgOptions = Options.ofPairs rows pairs defaults

/// The natural policy gradient θ ← θ + α F⁻¹∇J (Kakade, "A natural policy gradient", 2001; with the length √(2δ /
/// gᵀF⁻¹g) as in Rajeswaran et al. 2017; slide 18).
[<RequireQualifiedAccess>]
module Npg =

    let private bind (c: NpgOptions) (environment: BatchEnvironment) (workers: Workers) : Learner =
        let network = OnPolicy.network (OnPolicy.apart c.Network) c.Exploration environment
        let source = RolloutSource(network, environment, OnPolicy.rollouts c.Rollout c.Network, workers)
        let columns = source.Columns

        let geometry =
            NaturalGradient("npg", network, columns, source.Samples, c.Solver.CgSteps, c.Solver.CgDamping, workers)

        let values = ValueFit(network, columns, source.Samples, c.Plan, c.ValueFit, workers)

        let learn (state: TrainingState) (rollout: CreditedRollout) =
            let draft = Draft rollout.State
            let theta = draft.Theta
            let samples = OnPolicy.samples columns c.Rollout.NormaliseAdvantages rollout
            let natural = geometry.Solve(rollout.State.Updates, state.Frozen, samples, theta)

            let length =
                if not (RateSchedule.isZero c.LearningRate) || natural.Curvature = 0.0 then
                    PlanOptions.after c.Plan state.Steps c.LearningRate
                else
                    TrustRegion.stepScale (PlanOptions.after c.Plan state.Steps c.TargetKl) natural.Curvature

            let policy = Array.map2 (fun t x -> t + length * x) (geometry.Policy theta) natural.Direction
            geometry.Write(policy, theta)
            let struct (surrogate, divergence) = geometry.Evaluate policy
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
                            struct ("stepLength", length)
                            struct ("residual", natural.Residual)

                            yield!
                                [
                                    Rate.create (nameof c.TargetKl) c.TargetKl
                                    Rate.create (nameof c.LearningRate) c.LearningRate
                                ]
                                |> Rate.metrics c.Plan state.Steps

                            yield! values.Metrics state.Steps
                        |]
                        [||])

        Learner.ofFunctions
            {
                Algorithm = "npg"
                Environment = environment
                Network = network.Actor
                Options = NpgOptions.toPairs c
                TotalSteps = c.Plan.TotalSteps
                Arrays = values.Arrays
                Start = source.Start
                Collect = source.Collect
                Learn = learn
            }

    /// Binds options to environments. `workers` share the work; the results do not depend on their number.
    let create (options: NpgOptions) (environment: BatchEnvironment) (workers: Workers) : Learner =
        NpgOptions.validate options
        bind options environment workers

    /// What there is to know of it.
    let entry =
        AlgorithmEntry.create
            {
                Id = "npg"
                Name = "Natural policy gradient"
                Summary = "Steps along F⁻¹∇J, the steepest direction per unit of divergence (Kakade 2001)."
                Source = "Kakade, \"A natural policy gradient\" (2001)"
                Family = AlgorithmFamily.OnPolicy
            }
            NpgOptions.defaults
            NpgOptions.rows
            [ "RolloutSteps", "32"; "CgSteps", "5"; "ValueEpochs", "2"; "ValueMinibatchSize", "48" ]
            NpgOptions.validate
            create
        |> AlgorithmEntry.withParameters NpgOptions.ofPairs (fun c ->
            OnPolicy.parameters (OnPolicy.apart c.Network) c.Exploration)
