/// Batch-constrained Q-learning: values and actions only of what a generator has learned to make of the data's actions.
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

/// Batch-constrained deep Q-learning (Fujimoto, Meger and Precup, "Off-policy deep reinforcement learning without
/// exploration", 2019). θ: decoder, perturbation, critics and the latent numbers that acting proposes actions from,
/// which is the actor; then the encoder, which only learning needs.
[<RequireQualifiedAccess>]
module Bcq =

    [<NoEquality; NoComparison>]
    type private Networks = { Candidates: ActionCandidates; Actor: Actor; Generator: Generator }

    let private networksOf (c: BcqOptions) (observations: Space) (actions: Space) : Networks =
        let n = ActorCritics.actionCount "bcq" actions
        PrivilegedPart.refuse "bcq" observations
        let generator = Generator.create c.Network c.Convolutions observations n

        let candidates: ActionCandidates =
            {
                Decoder = generator.Decoder
                Perturbation = Generator.network c.Network c.Convolutions observations n n Activation.Tanh
                Critics = ActorCritics.critics c.Network c.Convolutions observations n c.Critics
                Latents = generator.Latents
                Count = c.ActionSamples
                Reach = c.PerturbationReach
            }

        let inputs = Encoding.size observations
        let plain = Actor.create Activation.Identity inputs [] (DeterministicPolicy.create n)

        {
            Candidates = candidates
            Actor = { plain with Candidates = Some candidates } |> Policy.scaledActor ActionScaling.Bounds actions
            Generator = generator
        }

    let private layoutOf (networks: Networks) : Layout =
        Layout.append
            (Actor.layout networks.Actor)
            (ActionCritic.layout networks.Generator.Encoder |> Layout.under "encoder")

    /// Where decoder, perturbation, critics and encoder lie in θ.
    let private partsOf (networks: Networks) : struct (Part * Part * Part * Part) =
        let candidates = networks.Candidates
        let decoder = ActionCritic.layout candidates.Decoder
        let perturbation = ActionCritic.layout candidates.Perturbation
        let critics = ActionCritic.layout candidates.Critics

        struct ({ First = 0; Layout = decoder },
                { First = decoder.Count; Layout = perturbation },
                { First = decoder.Count + perturbation.Count; Layout = critics },
                {
                    First = (Actor.layout networks.Actor).Count
                    Layout = ActionCritic.layout networks.Generator.Encoder
                })

    // Standard normal numbers: of actions at s′, of an action at s.
    let private nextLatents count d = Column.step "nextLatents" (count * d)
    let private presentLatents d = Column.step "latents" d

    /// Σᵢ (qᵢ(s, a) − y)² with y = r + γ max over proposed a′ of λ min q̄(s′, a′) + (1 − λ) max q̄(s′, a′).
    let private evaluation (c: BcqOptions) (networks: Networks) (columns: TransitionColumns) (batch: Batch) =
        let candidates = networks.Candidates
        let next, count = batch[columns.NextObservations], c.ActionSamples
        let rows = next.Shape[0]
        let seen = ActionCandidates.repeat count next

        let noise = batch[nextLatents count candidates.Latents] |> Expr.reshape [| rows * count; candidates.Latents |]

        let proposed =
            ActionCandidates.propose candidates (batch.Parameters "decoder") seen noise
            |> ActionCandidates.perturb candidates (batch.Parameters "targetPerturbation") seen

        let y =
            ActionCritic.values candidates.Critics (batch.Parameters "targets") seen proposed
            |> Offline.mixedValue c.LeastShare
            |> Expr.reshape [| rows; count |]
            |> Expr.maxOver [| -1 |]
            |> OffPolicy.target batch[columns.Rewards] batch[DrawnColumns.discounts]

        let present =
            ActionCritic.values
                candidates.Critics
                (batch.Parameters "critics")
                batch[columns.Observations]
                batch[columns.Actions]

        OffPolicy.criticLosses present y |> Term.mean "criticLoss" 1.0 |> List.singleton

    /// −q₁(s, a + Φ ξ(s, a)) of a proposed action a.
    let private improvement (networks: Networks) (columns: TransitionColumns) (batch: Batch) =
        let candidates, observations = networks.Candidates, batch[columns.Observations]

        let moved =
            ActionCandidates.propose
                candidates
                (batch.Parameters "decoder")
                observations
                batch[presentLatents candidates.Latents]
            |> ActionCandidates.perturb candidates (batch.Parameters "perturbation") observations

        [
            ActionCritic.value candidates.Critics 0 (batch.Parameters "critics") observations moved
            |> OffPolicy.deterministicActorLoss
            |> Term.mean "actorLoss" 1.0
        ]

    let private updatesOf (c: BcqOptions) (networks: Networks) (columns: TransitionColumns) : OfflineUpdates =
        let struct (decoder, perturbation, critics, encoder) = partsOf networks
        let learns name rate = ActorCritics.learnsWith 0.9 c.Network name rate

        let generation =
            Generator.update
                c.Replayed
                c.Network
                (BcqOptions.generatorRate c)
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
                    ParameterGroup.ofPart "critics" critics (learns "criticOptimiser" (BcqOptions.criticRate c))
                    ParameterGroup.ofPart "decoder" decoder GroupMotion.Stays
                    ParameterGroup.target "targetPerturbation" perturbation.Layout GroupMotion.Stays
                    ParameterGroup.target "targets" critics.Layout (GroupMotion.Follows("critics", c.TargetRate))
                ]
                (evaluation c networks columns)

        let improvement =
            OfflineUpdates.update
                c.Replayed
                "actor step"
                false
                [
                    ParameterGroup.ofPart
                        "perturbation"
                        perturbation
                        (learns "perturbationOptimiser" (BcqOptions.perturbationRate c))
                    ParameterGroup.ofPart "decoder" decoder GroupMotion.Stays
                    ParameterGroup.ofPart "critics" critics GroupMotion.Stays
                    ParameterGroup.target
                        "targetPerturbation"
                        perturbation.Layout
                        (GroupMotion.Follows("perturbation", c.TargetRate))
                ]
                (improvement networks columns)

        let d = networks.Candidates.Latents

        {
            Updates = [ generation, Generator.reported; evaluation, [ "criticLoss" ]; improvement, [ "actorLoss" ] ]
            Passes =
                [
                    generation, generation, "decoder", evaluation
                    generation, generation, "decoder", improvement
                    evaluation, evaluation, "critics", improvement
                    improvement, improvement, "targetPerturbation", evaluation
                ]
            Targets = [ "targetPerturbation", perturbation; "targets", critics ]
            Noise = [ Generator.noise networks.Generator; nextLatents c.ActionSamples d; presentLatents d ]
        }

    /// The actor's numbers, of the updates that move them; its latent numbers are those of the loaded θ.
    let private policyOf (networks: Networks) (updates: OfflineUpdates) : float32[] -> ReadOnlyMemory<float32> =
        let struct (_, perturbation, critics, encoder) = partsOf networks
        let whole = Array.zeroCreate<float32> encoder.First
        let update index = fst updates.Updates[index]
        let latents = critics.First + critics.Layout.Count

        fun theta ->
            ((update 0).Group "decoder").Span.CopyTo(Span whole)
            ((update 2).Group "perturbation").Span.CopyTo(Span(whole, perturbation.First, perturbation.Layout.Count))
            ((update 1).Group "critics").Span.CopyTo(Span(whole, critics.First, critics.Layout.Count))
            ReadOnlySpan(theta, latents, whole.Length - latents).CopyTo(Span(whole, latents, whole.Length - latents))
            ReadOnlyMemory whole

    /// The policy's action with normal noise on each number, within the bounds.
    let private explore (deviation: float) : ExploreAction =
        ExploreAction(fun _ _ outputs _ _ action rng ->
            let mutable rng = rng

            for index in 0 .. action.Length - 1 do
                let struct (noise, next) = Rng.normal rng
                action[index] <- float32 (Math.Clamp(float outputs[index] + deviation * noise, -1.0, 1.0))
                rng <- next

            rng)

    /// Binds options to environments, or to recorded data alone, whose actions must be numbers within finite bounds.
    /// `workers` share the work; the results do not depend on their number.
    let create (options: BcqOptions) (environment: BatchEnvironment) (workers: Workers) : Learner =
        BcqOptions.validate options
        let networks = networksOf options environment.ObservationSpace environment.ActionSpace
        let updates = updatesOf options networks (TransitionColumns.ofEnvironment environment)

        OfflineUpdates.learner
            {
                Algorithm = "bcq"
                Texts = BcqOptions.toPairs options
                Plan = options.Plan
                Replayed = options.Replayed
                Recorded = options.Recorded
                NormaliseObservations = options.Network.NormaliseObservations
                Rates =
                    [
                        BcqOptions.perturbationRate options
                        BcqOptions.criticRate options
                        BcqOptions.generatorRate options
                    ]
                Actor = networks.Actor
                Layout = layoutOf networks
                Explore = explore options.ExplorationDeviation
                Policy = policyOf networks updates
            }
            updates
            environment
            workers

    let private parameters (c: BcqOptions) (observations: Space) (actions: Space) : int =
        (layoutOf (networksOf c observations actions)).Count

    /// What there is to know of it.
    let entry =
        AlgorithmEntry.create
            {
                Id = "bcq"
                Name = "Batch-constrained Q-learning"
                Summary =
                    ("From recorded steps: values and actions only of what a generator makes of the data's actions, "
                     + "moved a little (Fujimoto, Meger and Precup 2019).")
                Source =
                    ("Fujimoto, Meger and Precup, \"Off-policy deep reinforcement learning without exploration\" "
                     + "(2019)")
                Family = AlgorithmFamily.Offline
            }
            BcqOptions.defaults
            BcqOptions.rows
            (RecordedOptions.small @ [ "ActionSamples", "3" ])
            BcqOptions.validate
            create
        |> AlgorithmEntry.withActions ActorCritics.suits
        |> AlgorithmEntry.withParameters BcqOptions.ofPairs parameters
        |> AlgorithmEntry.withData
