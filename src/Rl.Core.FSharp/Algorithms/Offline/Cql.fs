/// Conservative Q-learning: SAC whose critics are held down everywhere but at the data's actions.
namespace Rl.Core.Algorithms

open System
open Rl.Core.Acting
open Rl.Core.Autodiff
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Objectives

/// Conservative Q-learning (Kumar et al., "Conservative Q-learning for offline reinforcement learning", 2020), and its
/// calibrated form (Nakamoto et al., "Cal-QL: calibrated offline RL pre-training for efficient online fine-tuning",
/// 2023).
[<RequireQualifiedAccess>]
module Cql =

    // Uniform numbers and standard normal ones for the actions that values are compared at, and for the target's.
    let private uniforms count n = Column.step "uniforms" (count * n)
    let private normals count n = Column.step "conservativeNoise" (count * n)
    let private nextNormals count n = Column.step "nextConservativeNoise" (count * n)
    let private backupNoise count n = Column.step "backupNoise" (count * n)
    /// The discounted return of the data from s on; −∞ where nobody knows.
    let private returns = Column.number "returns"

    /// ln of the weight of the excess, where it is learnt.
    [<Literal>]
    let private Multiplier = "multiplier"

    let private backupActions (c: CqlOptions) = if c.Backup = CqlBackup.Maximum then c.ConservativeActions else 1

    /// x [M, w] for each of so many actions: [count, M, w].
    let private repeated count (x: Expr) = Expr.expandAxis 0 x |> Expr.broadcastTo [| count; x.Shape[0]; x.Shape[1] |]

    /// Numbers of a column [M, count n] as [count, M, n].
    let private parts count (x: Expr) =
        Expr.reshape [| x.Shape[0]; count; x.Shape[1] / count |] x |> Expr.permute [| 1; 0; 2 |]

    let private flat (x: Expr) = Expr.reshape [| x.Shape[0] * x.Shape[1]; x.Shape[2] |] x

    /// Several actions of the policy at each state: struct ([count, M, n], ln of their densities [count, M]).
    let private drawn (soft: SoftParts) count (observations: Expr) (noise: Expr) (batch: Batch) =
        let output = Actor.apply soft.Policy.Actor (batch.Parameters "actor") observations
        SoftPolicy.action soft.Policy { output with Policy = repeated count output.Policy } (parts count noise)

    /// The values [count, M] of each critic of a group for actions [count, M, n].
    let private valuesOf (soft: SoftParts) (group: string) (observations: Expr) (actions: Expr) (batch: Batch) =
        ActionCritic.values
            soft.Critic
            (batch.Parameters group)
            (flat (repeated actions.Shape[0] observations))
            (flat actions)
        |> List.map (Expr.reshape actions.Shape[..1])

    /// y = r + γ min q̄(s′, a′), as the options say.
    let private target (c: CqlOptions) (soft: SoftParts) (batch: Batch) =
        let columns, n = soft.Columns, soft.Policy.Actions
        let next, count = batch[columns.NextObservations], backupActions c
        let struct (actions, logProbability) = drawn soft count next batch[backupNoise count n] batch
        let value = ActionCritic.least (valuesOf soft "targets" next actions batch)

        let counted =
            if c.Backup = CqlBackup.Soft then
                value - SoftPolicy.temperature batch * logProbability
            else
                value

        Expr.maxOver [| 0 |] counted
        |> OffPolicy.target batch[columns.Rewards] batch[DrawnColumns.discounts]

    /// ln Σ exp(q(s, ã) − ln density(ã)) − q(s, a) [M] of each critic, ã drawn uniformly, by the policy at s and at s′.
    let private gaps (c: CqlOptions) (soft: SoftParts) (batch: Batch) (present: Expr list) : Expr list =
        let columns, n, count = soft.Columns, soft.Policy.Actions, c.ConservativeActions
        let observations = batch[columns.Observations]
        let uniform = 2.0 * parts count batch[uniforms count n] - 1.0
        let struct (own, ownLog) = drawn soft count observations batch[normals count n] batch

        let struct (next, nextLog) = drawn soft count batch[columns.NextObservations] batch[nextNormals count n] batch

        let actions = Expr.stopGradient (Expr.concat 0 [ uniform; own; next ])
        let uniformLog = Expr.full ownLog.Shape (float n * Math.Log 0.5)
        let densities = Expr.stopGradient (Expr.concat 0 [ uniformLog; ownLog; nextLog ])

        valuesOf soft "critics" observations actions batch
        |> List.map2
            (fun value others ->
                let bounded =
                    if c.Calibrated then
                        let ofUniform = Expr.slice 0 0 count others
                        let ofPolicy = Expr.slice 0 count (3 * count) others
                        Expr.concat 0 [ ofUniform; Expr.maximum ofPolicy (Expr.expandAxis 0 batch[returns]) ]
                    else
                        others

                Offline.conservativeGap 1.0 (Expr.transpose (bounded - densities)) value)
            present

    let private isLearnt (c: CqlOptions) = c.TargetGap >= 0.0

    /// Σᵢ (qᵢ(s, a) − y)² + α Σᵢ (gapᵢ − target), and −α (mean gap − target) for a learnt α, all with α of before.
    let private evaluation (c: CqlOptions) (soft: SoftParts) (batch: Batch) =
        let present =
            ActionCritic.values
                soft.Critic
                (batch.Parameters "critics")
                batch[soft.Columns.Observations]
                batch[soft.Columns.Actions]

        let y = target c soft batch
        let errors = OffPolicy.criticLosses present y
        let gaps = gaps c soft batch present
        let total = List.reduce (+) gaps

        [
            Term.mean "criticLoss" 1.0 errors
            if isLearnt c then
                let weight = Expr.exp (batch.Block(Multiplier, "logWeight"))
                let bounded = Expr.stopGradient (Expr.minimum (Expr.number 1e6) weight)
                let excess = total * (1.0 / float gaps.Length) - c.TargetGap
                Term.mean "conservativeLoss" 1.0 (bounded * c.ConservativeWeight * total)
                Term.mean "multiplierLoss" 1.0 (-(weight * c.ConservativeWeight * Expr.stopGradient excess))
            else
                Term.mean "conservativeLoss" c.ConservativeWeight total
            Term.report "gap" (total * (1.0 / float gaps.Length))
        ]

    /// α ln π(a|s) − min q(s, a), and the temperature's.
    let private improvement (soft: SoftParts) (batch: Batch) =
        let columns = soft.Columns
        let struct (action, logProbability) = SoftPolicy.atPresent soft.Policy (batch.Parameters "actor") columns batch

        ActionCritic.values soft.Critic (batch.Parameters "critics") batch[columns.Observations] action
        |> ActionCritic.least
        |> SoftPolicy.improvement soft.Policy batch logProbability

    /// What the return of a row that nobody knows counts as.
    [<Literal>]
    let private Unknown = -1e30f

    /// The discounted return of each row from which an episode came to its end; what follows a cut is not known.
    let private returnsFrom (discount: float) (columns: TransitionColumns) (replay: Replay) =
        let result = Array.create<float32> replay.Count Unknown

        for struct (first, last) in RecordedReplay.episodes replay do
            let isWhole = replay.Number(columns.Ends, last) <> 0.0f && replay.Number(columns.Continues, last) = 0.0f

            if isWhole then
                let mutable sum = 0.0

                for row in last .. -1 .. first do
                    sum <- float (replay.Number(columns.Rewards, row)) + discount * sum
                    result[row] <- float32 sum

        result

    let private extras (c: CqlOptions) (columns: TransitionColumns) : OfflineExtras =
        let values = Array.zeroCreate<float32> c.Soft.OffPolicy.BatchSize
        let mutable known: float32[] = [||]

        if not c.Calibrated then
            OfflineLearning.noExtras
        else
            {
                Further = [ returns, values ]
                Rows = ValueNone
                Begin = fun replay -> known <- returnsFrom c.Soft.OffPolicy.Discount columns replay
                Fill =
                    fun _ batch scale ->
                        let rows = batch.Rows

                        for index in 0 .. values.Length - 1 do
                            let row = rows[index]
                            let value = if row < known.Length then known[row] else Unknown
                            values[index] <- if value = Unknown then Unknown else scale * value
            }

    let private stepsOf (c: CqlOptions) (soft: SoftParts) : SoftSteps =
        let n, count = soft.Policy.Actions, c.ConservativeActions
        let uniform = DrawnNoise.Uniform([ uniforms count n ], c.Soft.OffPolicy.BatchSize)

        let normal =
            DrawnNoise(
                [ normals count n; nextNormals count n; backupNoise (backupActions c) n ],
                c.Soft.OffPolicy.BatchSize
            )

        let further =
            if isLearnt c then
                [
                    ParameterGroup.beside
                        Multiplier
                        [ { Name = "logWeight"; Shape = [||]; Initial = 0.0 } ]
                        (ActorCritics.learns "multiplierOptimiser" (SoftOptions.criticRate c.Soft))
                ]
            else
                []

        { SoftActorCritics.stepsWith further soft c.TargetRate (evaluation c soft) (improvement soft) with
            Drawn = uniform.Columns @ normal.Columns
            Draw = fun _ rng -> rng |> uniform.Draw |> normal.Draw
        }

    let private networksOf (c: CqlOptions) = SoftNetworks.create "cql" c.Soft c.Critics

    /// Binds options to environments, or to recorded data alone, whose actions must be numbers within finite bounds.
    /// `workers` share the work; the results do not depend on their number.
    let create (options: CqlOptions) (environment: BatchEnvironment) (workers: Workers) : Learner =
        CqlOptions.validate options
        let columns = TransitionColumns.ofEnvironment environment

        let soft =
            { SoftParts.create "cql" (CqlOptions.toPairs options) options.Soft (networksOf options) 1 environment with
                Bind = OfflineLearning.learnerOf options.Recorded (extras options columns)
                Reported = [ "criticLoss"; "gap" ]
            }

        let steps = stepsOf options soft
        SoftActorCritics.learner soft steps (SoftActorCritics.ofGroup steps) environment workers

    let private parameters (c: CqlOptions) (observations: Space) (actions: Space) : int =
        (SoftNetworks.layout (networksOf c observations actions)).Count

    /// What there is to know of it.
    let entry =
        AlgorithmEntry.create
            {
                Id = "cql"
                Name = "Conservative Q-learning"
                Summary =
                    ("From recorded steps: SAC whose critics are held down where the data has no actions; calibrated, "
                     + "it goes on in an environment (Kumar et al. 2020).")
                Source = "Kumar et al., \"Conservative Q-learning for offline reinforcement learning\" (2020)"
                Family = AlgorithmFamily.Offline
            }
            CqlOptions.defaults
            CqlOptions.rows
            (RecordedOptions.small @ [ "ConservativeActions", "3" ])
            CqlOptions.validate
            create
        |> AlgorithmEntry.withActions ActorCritics.suits
        |> AlgorithmEntry.withParameters CqlOptions.ofPairs parameters
        |> AlgorithmEntry.withData
