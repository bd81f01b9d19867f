/// EDAC: SAC whose many critics must disagree about what they learn from an action, and whose least value counts.
namespace Rl.Core.Algorithms

open Rl.Core.Acting
open Rl.Core.Autodiff
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Objectives

/// Options of EDAC (An et al. 2021).
type EdacOptions =
    {
        Soft: SoftOptions
        Recorded: RecordedOptions
        /// The number of critics, of which the least value counts: the more there are, the less an action counts that
        /// the data does not have.
        Critics: int
        /// The share τ of the online critics in their targets after each step.
        TargetRate: float
        /// η: what the likeness of the critics' gradients at the data's actions counts beside the squared errors; 0 for
        /// SAC-N, which has no such term.
        DiversityWeight: float
    }

/// Defaults, rows, checks and texts.
[<RequireQualifiedAccess>]
module EdacOptions =

    /// Ten critics and η = 1, as the paper has them for HalfCheetah and Walker2d.
    let defaults: EdacOptions =
        let cql = CqlOptions.defaults

        {
            Soft =
                { cql.Soft with
                    Rate = { LearningRate = RateSchedule.Constant 3e-4 }
                    TemperatureLearningRate = RateSchedule.Constant 3e-4
                }
            Recorded = cql.Recorded
            Critics = 10
            TargetRate = cql.TargetRate
            DiversityWeight = 1.0
        }

    /// A row an option, in the order of files.
    let rows: OptionRow<EdacOptions> list =
        let d = defaults
        let soft rows = Options.group (fun (c: EdacOptions) -> c.Soft) (fun v c -> { c with Soft = v }) rows

        [
            yield! soft CqlOptions.plan
            yield! soft CqlOptions.replayed
            yield! Options.group _.Recorded (fun v (c: EdacOptions) -> { c with Recorded = v }) RecordedOptions.rows
            Options.whole (nameof d.Critics) (Range.within 2.0 100.0) _.Critics (fun v c -> { c with Critics = v })
            Options.number (nameof d.TargetRate) Range.positiveFraction _.TargetRate (fun v c ->
                { c with TargetRate = v })
            Options.number (nameof d.DiversityWeight) Range.notNegative _.DiversityWeight (fun v c ->
                { c with DiversityWeight = v })
            yield! soft CqlOptions.own
        ]

    /// Fails for the first option that is out of its range, naming it.
    let validate (options: EdacOptions) =
        NetworkOptions.validate rows defaults options
        SoftOptions.validate options.Soft

    /// The options as named texts.
    let toPairs (options: EdacOptions) : (string * string) list = Options.toPairs rows options

    /// The defaults with the named options replaced; names are matched whatever their case.
    let ofPairs (pairs: (string * string) list) : EdacOptions = Options.ofPairs rows pairs defaults

/// Ensemble-diversified actor-critic (An et al., "Uncertainty-based offline reinforcement learning with diversified
/// Q-ensemble", 2021).
[<RequireQualifiedAccess>]
module Edac =

    /// Σᵢ (qᵢ(s, a) − y)² + η Σ_{i≠j} cos(∇ₐqᵢ, ∇ₐqⱼ) / (N − 1) with y = r + γ (min q̄(s′, a′) − α ln π(a′|s′)).
    let private evaluation (c: EdacOptions) (soft: SoftParts) (batch: Batch) =
        let columns = soft.Columns
        let observations = batch[columns.Observations]
        // Derivatives in actions are taken at a node of this lane's own.
        let actions = Expr.fresh batch[columns.Actions]
        let values = ActionCritic.values soft.Critic (batch.Parameters "critics") observations actions

        let struct (nextAction, logProbability) = SoftPolicy.atNext soft.Policy (batch.Parameters "actor") columns batch

        let y =
            ActionCritic.values soft.Critic (batch.Parameters "targets") batch[columns.NextObservations] nextAction
            |> ActionCritic.least
            |> fun value -> value - SoftPolicy.temperature batch * logProbability
            |> OffPolicy.target batch[columns.Rewards] batch[DrawnColumns.discounts]

        let errors = OffPolicy.criticLosses values y

        [
            Term.mean "criticLoss" 1.0 errors
            if c.DiversityWeight > 0.0 then
                values
                |> List.map (fun q -> (Diff.gradients (Expr.sum q) [| actions |])[0])
                |> Offline.diversity
                |> Term.mean "likeness" c.DiversityWeight
        ]

    let private networksOf (c: EdacOptions) = SoftNetworks.create "edac" c.Soft c.Critics

    /// Binds options to environments, or to recorded data alone, whose actions must be numbers within finite bounds.
    /// `workers` share the work; the results do not depend on their number.
    let create (options: EdacOptions) (environment: BatchEnvironment) (workers: Workers) : Learner =
        EdacOptions.validate options

        let soft =
            { SoftParts.create "edac" (EdacOptions.toPairs options) options.Soft (networksOf options) 1 environment with
                Bind = OfflineLearning.learnerOf options.Recorded OfflineLearning.noExtras
                Reported = [ "criticLoss"; if options.DiversityWeight > 0.0 then "likeness" ]
            }

        let steps =
            SoftActorCritics.stepsWith [] soft options.TargetRate (evaluation options soft) (Sac.improvement soft)

        SoftActorCritics.learner soft steps (SoftActorCritics.ofGroup steps) environment workers

    let private parameters (c: EdacOptions) (observations: Space) (actions: Space) : int =
        (SoftNetworks.layout (networksOf c observations actions)).Count

    /// What there is to know of it.
    let entry =
        AlgorithmEntry.create
            {
                Id = "edac"
                Name = "Ensemble-diversified actor-critic"
                Summary =
                    ("From recorded steps: SAC with the least of many critics, which are kept from learning alike "
                     + "(An et al. 2021); without that term SAC-N.")
                Source =
                    ("An et al., \"Uncertainty-based offline reinforcement learning with diversified Q-ensemble\" "
                     + "(2021)")
                Family = AlgorithmFamily.Offline
            }
            EdacOptions.defaults
            EdacOptions.rows
            (RecordedOptions.small @ [ "Critics", "3" ])
            EdacOptions.validate
            create
        |> AlgorithmEntry.withActions ActorCritics.suits
        |> AlgorithmEntry.withParameters EdacOptions.ofPairs parameters
        |> AlgorithmEntry.withData
