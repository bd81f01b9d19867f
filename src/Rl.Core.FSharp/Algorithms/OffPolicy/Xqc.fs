/// XQC: soft actor-critic whose critics are well conditioned: normalised over batches, with weights of length 1, and
/// distributions of returns that cross-entropy fits.
namespace Rl.Core.Algorithms

open Rl.Core.Acting
open Rl.Core.Autodiff
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Objectives

/// Options of XQC (Palenicek et al. 2025).
type XqcOptions =
    {
        Soft: SoftOptions
        /// The share τ of the critics in their targets after each step.
        TargetRate: float
        /// Updates of the critics for one of the actor and the temperature.
        PolicyDelay: int
        /// The number of critics, of which the least value counts.
        Critics: int
        /// K: returns are told apart by so many atoms, at equal distances.
        Atoms: int
        /// The lowest atom; lower returns count as this one.
        LowestReturn: float
        /// The highest atom; higher returns count as this one.
        HighestReturn: float
        /// Learn from rewards over the running standard deviation of the discounted return, so that returns fit the
        /// atoms.
        NormaliseRewards: bool
        /// The share of a batch in the running means and variances of layers.
        StatisticsRate: float
    }

/// Defaults, rows, checks and texts.
[<RequireQualifiedAccess>]
module XqcOptions =

    /// The paper's, but for the layers, batches and step sizes of SAC for small tasks.
    let defaults =
        let d = SacOptions.defaults

        {
            Soft = { d.Soft with InitialTemperature = 0.01; TargetEntropyPerAction = -0.5 }
            TargetRate = d.TargetRate
            PolicyDelay = 3
            Critics = d.Critics
            Atoms = 101
            LowestReturn = -5.0
            HighestReturn = 5.0
            NormaliseRewards = true
            StatisticsRate = 0.01
        }

    /// A row an option, in the order of files.
    let rows: OptionRow<XqcOptions> list =
        let d = defaults

        SoftOptions.around
            _.Soft
            (fun v (c: XqcOptions) -> { c with Soft = v })
            [
                Options.number (nameof d.TargetRate) Range.positiveFraction _.TargetRate (fun v c ->
                    { c with TargetRate = v })
                Options.whole (nameof d.PolicyDelay) (Range.atLeast 1.0) _.PolicyDelay (fun v c ->
                    { c with PolicyDelay = v })
                Options.whole (nameof d.Critics) (Range.within 1.0 100.0) _.Critics (fun v c -> { c with Critics = v })
                Options.whole (nameof d.Atoms) (Range.within 2.0 1000.0) _.Atoms (fun v c -> { c with Atoms = v })
                Options.number (nameof d.LowestReturn) Range.finite _.LowestReturn (fun v c ->
                    { c with LowestReturn = v })
                Options.number (nameof d.HighestReturn) Range.finite _.HighestReturn (fun v c ->
                    { c with HighestReturn = v })
                Options.flag (nameof d.NormaliseRewards) _.NormaliseRewards (fun v c -> { c with NormaliseRewards = v })
                Options.number (nameof d.StatisticsRate) Range.positiveFraction _.StatisticsRate (fun v c ->
                    { c with StatisticsRate = v })
            ]
        |> OffPolicyOptions.withoutLambda
        // All weights have length 1 in any case.
        |> List.filter (fun row -> row.Name <> nameof d.Soft.Network.WeightConstraint)

    /// Fails for the first option that is out of its range, naming it.
    let validate (options: XqcOptions) =
        NetworkOptions.validate rows defaults options
        SoftOptions.validate options.Soft
        NormalisedCritics.validate options.Soft.OffPolicy

        if not (options.LowestReturn < options.HighestReturn) then
            Guard.fail
                (nameof options.LowestReturn)
                ($"LowestReturn is {options.LowestReturn}; it must be lower than HighestReturn, "
                 + $"{options.HighestReturn}.")

    /// The options as named texts.
    let toPairs (options: XqcOptions) : (string * string) list = Options.toPairs rows options

    /// The defaults with the named options replaced; names are matched whatever their case.
    let ofPairs (pairs: (string * string) list) : XqcOptions = Options.ofPairs rows pairs defaults

/// XQC (Palenicek et al., "XQC: well-conditioned optimization accelerates deep reinforcement learning", 2025).
[<RequireQualifiedAccess>]
module Xqc =

    /// Small against every length.
    [<Literal>]
    let private Epsilon = 1e-8

    /// A hidden layer is weights of length 1, normalisation over the batch, activation; the first one's inputs are
    /// normalised too.
    let private networksOf (c: XqcOptions) (observations: Space) (actions: Space) : SoftNetworks =
        let plain (layer: BatchRenormalisation) =
            { layer with Momentum = c.StatisticsRate; MaximumRatio = 1.0; MaximumShift = 0.0 }

        let onSphere (layers: Mlp) =
            { layers with
                Graph = layers.Graph |> Option.map (LayerGraph.withWeights Initialiser.UnitColumns)
                HiddenWeight = Initialiser.UnitColumns
                OutputWeight = Initialiser.UnitColumns
            }

        let { Policy = policy; Critic = critic } =
            SoftNetworks.create "xqc" c.Soft c.Critics observations actions
            |> NormalisedCritics.normalised NormalisationPlace.Hidden plain

        {
            Policy = { policy with SoftPolicy.Actor.Layers = onSphere policy.Actor.Layers }
            Critic = { critic with Layers = onSphere { critic.Layers with Outputs = c.Atoms } }
        }

    /// A network whose weights are put back on the sphere after each step: of each output they have the length 1.
    let private onSphere (group: ParameterGroup) : ParameterGroup =
        { group with Project = Some(UnitNorm.project Epsilon group.Layout) }

    let private atoms (c: XqcOptions) : Expr =
        CategoricalReturnPolicy.atoms c.Atoms c.LowestReturn c.HighestReturn |> Expr.vector

    let private column (x: Expr) = Expr.expandAxis -1 x

    /// Of each row the logits [M, K] of the critic with the least mean; of equal ones the first.
    let internal least (atoms: Expr) (critics: Expr list) : Expr =
        let mean = ValueDistributions.mean atoms

        let lesser (logits, value) other =
            let own = mean other
            Expr.select (column (Expr.less own value)) other logits, Expr.minimum own value

        critics.Tail |> List.fold lesser (critics.Head, mean critics.Head) |> fst

    /// Σᵢ of the cross-entropies of Zᵢ(s, a) and r + γ (Z̄(s′, a′) − α ln π(a′|s′)), projected to the atoms, Z̄ that of
    /// the target critics with the least mean.
    let private evaluation (c: XqcOptions) (parts: SoftParts) (batch: Batch) =
        let columns, atoms = parts.Columns, atoms c
        let struct (action, logProbability) = NormalisedCritics.next parts batch

        let trained group =
            NormalisedCritics.joint parts (NormalisedCritics.withStatistics group "critics" batch) batch action

        let critics = trained "critics"
        let present = NormalisedCritics.present batch critics
        let next = trained "targets" |> NormalisedCritics.following batch |> least atoms
        let soft = atoms - column (SoftPolicy.temperature batch * logProbability)

        let target =
            Expr.softmax -1 next
            |> ValueDistributions.projectEvenly
                c.LowestReturn
                c.HighestReturn
                c.Atoms
                (column batch[columns.Rewards] + column batch[DrawnColumns.discounts] * soft)
            |> Expr.stopGradient

        let loss = present |> List.map (Losses.crossEntropy target) |> List.reduce (+)

        [
            Term.mean "criticLoss" 1.0 (batch[DrawnColumns.weights] * loss)
            if c.Soft.OffPolicy.PriorityExponent > 0.0 then
                let values = present |> List.map (ValueDistributions.mean atoms)
                Term.each ActorCritics.Errors (ActorCritics.errors values (Expr.sumOver [| -1 |] (target * atoms)))
            NormalisedCritics.carried critics
        ]

    /// The mean return of each critic.
    let private values (c: XqcOptions) (parts: SoftParts) critics observations actions =
        ActionCritic.apply parts.Critic critics observations actions
        |> List.map (ValueDistributions.mean (atoms c))

    let private bind (c: XqcOptions) (environment: BatchEnvironment) (workers: Workers) : Learner =
        let parts =
            { SoftParts.create "xqc" (XqcOptions.toPairs c) c.Soft (networksOf c) c.PolicyDelay environment with
                Extras = { Replayed.noExtras with NormalisesRewards = c.NormaliseRewards }
            }

        let steps =
            NormalisedCritics.steps
                parts
                0.9
                onSphere
                (ValueSome c.TargetRate)
                (evaluation c parts)
                (NormalisedCritics.improvement (values c parts) parts)

        NormalisedCritics.learner parts steps environment workers

    /// Binds options to environments, whose actions must be numbers within finite bounds. `workers` share the work; the
    /// results do not depend on their number.
    let create (options: XqcOptions) (environment: BatchEnvironment) (workers: Workers) : Learner =
        XqcOptions.validate options
        bind options environment workers

    /// What there is to know of it.
    let entry =
        AlgorithmEntry.create
            {
                Id = "xqc"
                Name = "XQC"
                Summary =
                    ("Soft actor-critic with well-conditioned critics: batch normalisation, weights of length 1, "
                     + "distributions of returns by cross-entropy (Palenicek et al. 2025).")
                Source =
                    ("Palenicek et al., \"XQC: well-conditioned optimization accelerates deep reinforcement "
                     + "learning\" (2025)")
                Family = AlgorithmFamily.OffPolicy
            }
            XqcOptions.defaults
            XqcOptions.rows
            (OffPolicyOptions.small @ [ "Atoms", "11" ])
            XqcOptions.validate
            create
        |> AlgorithmEntry.withActions ActorCritics.suits
        |> AlgorithmEntry.withParameters XqcOptions.ofPairs (fun c observations actions ->
            (SoftNetworks.layout (networksOf c observations actions)).Count)
