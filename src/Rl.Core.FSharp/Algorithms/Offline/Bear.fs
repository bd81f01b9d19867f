/// BEAR: an actor that may take any action that the data has, however seldom, and stays within a bounded discrepancy of
/// them.
namespace Rl.Core.Algorithms

open System
open Rl.Core.Acting
open Rl.Core.Autodiff
open Rl.Core.Distributions
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Objectives

/// Bootstrapping error accumulation reduction (Kumar et al., "Stabilizing off-policy Q-learning via bootstrapping error
/// reduction", 2019). θ: actor, critics, decoder, encoder.
[<RequireQualifiedAccess>]
module Bear =

    [<NoEquality; NoComparison>]
    type private Networks = { Actor: Actor; Critics: ActionCritic; Generator: Generator; Actions: int }

    let private networksOf (c: BearOptions) (observations: Space) (actions: Space) : Networks =
        let n = ActorCritics.actionCount "bear" actions

        {
            Actor =
                SquashedNormalPolicy.create n c.LeastLogDeviation c.LargestLogDeviation
                |> ActorCritics.actor c.Network c.Convolutions observations actions Activation.Identity
            Critics = ActorCritics.critics c.Network c.Convolutions observations n c.Critics
            Generator = Generator.create c.Network c.Convolutions observations n
            Actions = n
        }

    let private layoutOf (networks: Networks) : Layout =
        Layout.concat
            [
                Actor.layout networks.Actor
                ActionCritic.layout networks.Critics |> Layout.under "critics"
                ActionCritic.layout networks.Generator.Decoder |> Layout.under "decoder"
                ActionCritic.layout networks.Generator.Encoder |> Layout.under "encoder"
            ]

    /// Where actor, critics, decoder and encoder lie in θ.
    let private partsOf (networks: Networks) : struct (Part * Part * Part * Part) =
        let actor, critics = Actor.layout networks.Actor, ActionCritic.layout networks.Critics
        let decoder = ActionCritic.layout networks.Generator.Decoder
        let first = actor.Count + critics.Count

        struct ({ First = 0; Layout = actor },
                { First = actor.Count; Layout = critics },
                { First = first; Layout = decoder },
                { First = first + decoder.Count; Layout = ActionCritic.layout networks.Generator.Encoder })

    /// ln of the weight of the discrepancy.
    [<Literal>]
    let private Multiplier = "multiplier"

    // Standard normal numbers: of actions at s′, of the policy's actions at s, of the generator's.
    let private nextNoise count n = Column.step "nextNoise" (count * n)
    let private presentNoise count n = Column.step "noise" (count * n)
    let private latents count d = Column.step "latents" (count * d)

    /// Numbers of a column [M, count w] as [M count, w].
    let private each count (x: Expr) = Expr.reshape [| x.Shape[0] * count; x.Shape[1] / count |] x

    /// Several actions of the policy at each state, those of a state one after the other: [M count, n].
    let private drawn
        (c: BearOptions)
        (networks: Networks)
        count
        (actor: Parameters)
        (observations: Expr)
        (noise: Expr)
        =
        let output = Actor.apply networks.Actor actor observations

        let distribution =
            { output with Policy = ActionCandidates.repeat count output.Policy }
            |> SquashedNormalPolicy.distribution networks.Actions c.LeastLogDeviation c.LargestLogDeviation

        let struct (_, action) = SquashedNormal.reparameterise (each count noise) distribution
        action

    /// Σᵢ (qᵢ(s, a) − y)² with y = r + γ max over drawn a′ of λ min q̄(s′, a′) + (1 − λ) max q̄(s′, a′).
    let private evaluation (c: BearOptions) (networks: Networks) (columns: TransitionColumns) (batch: Batch) =
        let next, count = batch[columns.NextObservations], c.ActionSamples
        let noise = batch[nextNoise count networks.Actions]
        let actions = drawn c networks count (batch.Parameters "targetActor") next noise

        let y =
            ActionCritic.values
                networks.Critics
                (batch.Parameters "targets")
                (ActionCandidates.repeat count next)
                actions
            |> Offline.mixedValue c.LeastShare
            |> Expr.reshape [| next.Shape[0]; count |]
            |> Expr.maxOver [| -1 |]
            |> OffPolicy.target batch[columns.Rewards] batch[DrawnColumns.discounts]

        let present =
            ActionCritic.values
                networks.Critics
                (batch.Parameters "critics")
                batch[columns.Observations]
                batch[columns.Actions]

        OffPolicy.criticLosses present y |> Term.mean "criticLoss" 1.0 |> List.singleton

    /// −w min q(s, a) + α (D − ε) for the actor, D the discrepancy of its actions from the generator's, and −α (D − ε)
    /// for ln α, which sees the actor as it is before the step.
    let private improvement (c: BearOptions) (networks: Networks) (columns: TransitionColumns) (batch: Batch) =
        let observations, count, n = batch[columns.Observations], c.DiscrepancySamples, networks.Actions
        let rows = observations.Shape[0]
        let shaped (x: Expr) = Expr.reshape [| rows; count; n |] x
        let noise = batch[presentNoise count n]
        let own = drawn c networks count (batch.Parameters "actor") observations noise |> shaped

        let ofData =
            let limit = ActionCandidates.LatentLimit
            let latents = batch[latents count networks.Generator.Latents] |> each count |> Expr.clamp -limit limit

            ActionCritic.apply
                networks.Generator.Decoder
                (batch.Parameters "decoder")
                (ActionCandidates.repeat count observations)
                latents
            |> List.head
            |> shaped

        let discrepancy = Offline.discrepancy (c.Kernel = DiscrepancyKernel.Gaussian) c.KernelDeviation own ofData
        let weight = Expr.exp (batch.Block(Multiplier, "logWeight"))
        let excess = discrepancy - c.DiscrepancyBound

        let value =
            ActionCritic.values
                networks.Critics
                (batch.Parameters "critics")
                observations
                (Expr.slice 1 0 1 own |> Expr.squeeze 1)
            |> ActionCritic.least

        [
            Term.mean
                "actorLoss"
                1.0
                (Expr.stopGradient weight * excess - Rate.value batch (BearOptions.valueWeight c) * value)
            Term.mean "multiplierLoss" 1.0 (-(weight * Expr.stopGradient excess))
            Term.report "discrepancy" discrepancy
        ]

    /// ln α stays where the authors keep it.
    let private within (x: Expr) : Expr = Expr.clamp -5.0 10.0 x

    let private updatesOf (c: BearOptions) (networks: Networks) (columns: TransitionColumns) : OfflineUpdates =
        let struct (actor, critics, decoder, encoder) = partsOf networks
        let learns name rate = ActorCritics.learnsWith 0.9 c.Network name rate
        let follows name = GroupMotion.Follows(name, c.TargetRate)

        let generation =
            Generator.update
                c.Replayed
                c.Network
                (BearOptions.generatorRate c)
                c.DivergenceWeight
                networks.Generator
                (struct (encoder, decoder))
                columns

        let evaluation =
            OfflineUpdates.update
                c.Replayed
                "critic step"
                false
                [
                    ParameterGroup.ofPart "critics" critics (learns "criticOptimiser" (BearOptions.criticRate c))
                    ParameterGroup.target "targetActor" actor.Layout GroupMotion.Stays
                    ParameterGroup.target "targets" critics.Layout (follows "critics")
                ]
                (evaluation c networks columns)

        let improvement =
            OfflineUpdates.update
                c.Replayed
                "actor step"
                false
                [
                    ParameterGroup.ofPart "actor" actor (learns "actorOptimiser" (BearOptions.actorRate c))
                    ParameterGroup.ofPart "decoder" decoder GroupMotion.Stays
                    ParameterGroup.ofPart "critics" critics GroupMotion.Stays
                    ParameterGroup.target "targetActor" actor.Layout (follows "actor")
                    { ParameterGroup.beside
                          Multiplier
                          [ { Name = "logWeight"; Shape = [||]; Initial = Math.Log c.InitialMultiplier } ]
                          (ActorCritics.learns "multiplierOptimiser" (BearOptions.multiplierRate c)) with
                        Project = Some within
                    }
                ]
                (improvement c networks columns)

        {
            Updates =
                [
                    generation, Generator.reported
                    evaluation, [ "criticLoss" ]
                    improvement, [ "actorLoss"; "discrepancy" ]
                ]
            Passes =
                [
                    generation, generation, "decoder", improvement
                    evaluation, evaluation, "critics", improvement
                    improvement, improvement, "targetActor", evaluation
                ]
            Targets = [ "targetActor", actor; "targets", critics ]
            Noise =
                [
                    Generator.noise networks.Generator
                    nextNoise c.ActionSamples networks.Actions
                    presentNoise c.DiscrepancySamples networks.Actions
                    latents c.DiscrepancySamples networks.Generator.Latents
                ]
        }

    let private explore (networks: Networks) : ExploreAction =
        ExploreAction(fun _ _ outputs deviation _ action rng ->
            let struct (_, rng) = Policy.sample networks.Actor.Distribution outputs deviation action rng
            rng)

    /// Binds options to environments, or to recorded data alone, whose actions must be numbers within finite bounds.
    /// `workers` share the work; the results do not depend on their number.
    let create (options: BearOptions) (environment: BatchEnvironment) (workers: Workers) : Learner =
        BearOptions.validate options
        let networks = networksOf options environment.ObservationSpace environment.ActionSpace
        let updates = updatesOf options networks (TransitionColumns.ofEnvironment environment)
        let actor = fst (List.last updates.Updates)

        OfflineUpdates.learner
            {
                Algorithm = "bear"
                Texts = BearOptions.toPairs options
                Plan = options.Plan
                Replayed = options.Replayed
                Recorded = options.Recorded
                NormaliseObservations = options.Network.NormaliseObservations
                Rates =
                    [
                        BearOptions.actorRate options
                        BearOptions.criticRate options
                        BearOptions.generatorRate options
                        BearOptions.multiplierRate options
                        BearOptions.valueWeight options
                    ]
                Actor = networks.Actor
                Layout = layoutOf networks
                Explore = explore networks
                Policy = fun _ -> Memory.op_Implicit (actor.Group "actor")
            }
            updates
            environment
            workers

    let private parameters (c: BearOptions) (observations: Space) (actions: Space) : int =
        (layoutOf (networksOf c observations actions)).Count

    /// What there is to know of it.
    let entry =
        AlgorithmEntry.create
            {
                Id = "bear"
                Name = "Bootstrapping error accumulation reduction"
                Summary =
                    ("From recorded steps: an actor that follows the least critic within a bounded discrepancy from "
                     + "what a generator makes of the data's actions (Kumar et al. 2019).")
                Source =
                    ("Kumar et al., \"Stabilizing off-policy Q-learning via bootstrapping error reduction\" (2019)")
                Family = AlgorithmFamily.Offline
            }
            BearOptions.defaults
            BearOptions.rows
            (RecordedOptions.small @ [ "ActionSamples", "3"; "DiscrepancySamples", "3" ])
            BearOptions.validate
            create
        |> AlgorithmEntry.withActions ActorCritics.suits
        |> AlgorithmEntry.withParameters BearOptions.ofPairs parameters
        |> AlgorithmEntry.withData
