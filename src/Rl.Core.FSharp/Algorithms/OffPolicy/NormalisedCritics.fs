/// What soft actor-critics share whose layers are normalised over batches, CrossQ and XQC: critics that see (s, a) and
/// (s′, a′) at once, and θ that holds what normalisations carry.
namespace Rl.Core.Algorithms

open System
open Rl.Core.Acting
open Rl.Core.Autodiff
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks

/// Beside each of the groups "actor" and "critics" there is one of what its normalisations carry, "actorStatistics" and
/// "criticsStatistics"; θ has those of the actor, which acts by them, right after the actor.
[<RequireQualifiedAccess>]
module internal NormalisedCritics =

    /// Fails for batches that have no variance.
    let validate (replay: OffPolicyOptions) : unit =
        if replay.BatchSize < 2 then
            Guard.fail
                (nameof replay.BatchSize)
                ($"BatchSize is {replay.BatchSize}; layers are normalised over batches, whose variance "
                 + "needs at least 2 transitions.")

    /// Networks whose layers are normalised, with these settings, at these places.
    let normalised
        (place: NormalisationPlace)
        (settings: BatchRenormalisation -> BatchRenormalisation)
        (networks: SoftNetworks)
        : SoftNetworks =
        let own (layers: Mlp) =
            { layers with
                BatchNormalisation = Some(settings (BatchRenormalisation.create layers.Inputs))
                NormalisationPlace = place
            }

        let { Policy = policy; Critic = critic } = networks

        {
            Policy = { policy with SoftPolicy.Actor.Layers = own policy.Actor.Layers }
            Critic = { critic with Layers = own critic.Layers }
        }

    /// The parameters of a network, with what the normalisations of `carrier` carry: its own, or those of another
    /// network with the same layers.
    let withStatistics (network: string) (carrier: string) (batch: Batch) : Parameters =
        batch.Parameters network |> Parameters.beside (batch.Parameters(carrier + "Statistics"))

    /// a′ ~ π(·|s′) and ln π(a′|s′), as when acting.
    let next (parts: SoftParts) (batch: Batch) : struct (Expr * Expr) =
        SoftPolicy.atNext parts.Policy (withStatistics "actor" "actor" batch) parts.Columns batch

    /// Critics in training, in one pass over (s, a) and (s′, a′), which share the statistics of the batch.
    let joint (parts: SoftParts) (critics: Parameters) (batch: Batch) (nextAction: Expr) : TrainedMlp list =
        let columns = parts.Columns

        ActionCritic.train
            (fun _ y -> y)
            parts.Critic
            critics
            (Expr.concat 0 [ batch[columns.Observations]; batch[columns.NextObservations] ])
            (Expr.concat 0 [ batch[columns.Actions]; nextAction ])

    /// The outputs for (s, a).
    let present (batch: Batch) (trained: TrainedMlp list) : Expr list =
        trained |> List.map (fun one -> Expr.slice 0 0 batch.Samples one.Output)

    /// The outputs for (s′, a′).
    let following (batch: Batch) (trained: TrainedMlp list) : Expr list =
        trained |> List.map (fun one -> Expr.slice 0 batch.Samples (2 * batch.Samples) one.Output)

    /// What the critics carry after a batch.
    let carried (trained: TrainedMlp list) : Term =
        Term.becomes "criticsStatistics" (trained |> List.choose _.Statistics |> Expr.concat 0)

    /// α ln π(a|s) − min q(s, a), and −ln α (ln π(a|s) + H); the actor in training, the critics as when acting.
    /// `values` gives each critic's for parameters, observations and actions.
    let improvement values (parts: SoftParts) (batch: Batch) : Term list =
        let observations = batch[parts.Columns.Observations]

        let struct (output, statistics) =
            Actor.train parts.Policy.Actor (withStatistics "actor" "actor" batch) observations

        let struct (action, logProbability) =
            SoftPolicy.action parts.Policy output batch[SoftPolicy.noise parts.Policy.Actions]

        let least = values (withStatistics "critics" "critics" batch) observations action |> ActionCritic.least

        [
            yield! SoftPolicy.improvement parts.Policy batch logProbability least
            Term.becomes "actorStatistics" statistics.Value
        ]

    /// The two updates of a step. Adam has this β₁, `placed` says where moved numbers are allowed; target critics,
    /// where there are any, follow at a rate.
    let steps
        (parts: SoftParts)
        (gradientDecay: float)
        (placed: ParameterGroup -> ParameterGroup)
        (targetRate: float voption)
        evaluation
        improvement
        : SoftSteps =
        let soft = parts.Soft
        // All rows at once: each depends on all.
        let shape = SampleShape.wholeBatch soft.OffPolicy.BatchSize

        let learns name rate = ActorCritics.learnsWith gradientDecay soft.Network name rate

        let stays name part =
            [
                ParameterGroup.ofPart name (Part.weights part) GroupMotion.Stays
                ParameterGroup.ofPart (name + "Statistics") (Part.statistics part) GroupMotion.Stays
            ]

        let moves name part motion =
            [
                placed (ParameterGroup.ofPart name (Part.weights part) motion)
                ParameterGroup.ofPart (name + "Statistics") (Part.statistics part) GroupMotion.Becomes
            ]

        let learned = Part.weights parts.CriticPart

        {
            Critic =
                SoftActorCritics.update
                    "critic step"
                    shape
                    [
                        yield! stays "actor" parts.ActorPart
                        yield! moves "critics" parts.CriticPart (learns "criticOptimiser" (SoftOptions.criticRate soft))
                        match targetRate with
                        | ValueSome rate ->
                            ParameterGroup.target "targets" learned.Layout (GroupMotion.Follows("critics", rate))
                        | ValueNone -> ()
                        SoftPolicy.temperatureGroup soft GroupMotion.Stays
                    ]
                    evaluation
            Actor =
                SoftActorCritics.update
                    "actor step"
                    shape
                    [
                        yield! moves "actor" parts.ActorPart (learns "actorOptimiser" (SoftOptions.actorRate soft))
                        yield! stays "critics" parts.CriticPart
                        SoftPolicy.temperatureGroup soft (SoftActorCritics.temperatureMotion parts)
                    ]
                    improvement
            OfCritic = [ "critics"; "criticsStatistics" ]
            OfActor = [ "actor"; "actorStatistics"; "temperature" ]
            Targets = if targetRate.IsSome then [ "targets", learned ] else []
            Drawn = []
            Draw = fun _ rng -> rng
        }

    /// A learner of the two updates.
    let learner (parts: SoftParts) (steps: SoftSteps) (environment: BatchEnvironment) (workers: Workers) : Learner =
        let whole = Array.zeroCreate<float32> parts.ActorPart.Layout.Count

        // The actor's part of θ: what it has learned, then what its normalisations carry.
        let acting () : ReadOnlyMemory<float32> =
            let weights, statistics = steps.Actor.Group "actor", steps.Actor.Group "actorStatistics"
            weights.Span.CopyTo(Span whole)
            statistics.Span.CopyTo(whole.AsSpan weights.Length)
            ReadOnlyMemory whole

        SoftActorCritics.learner parts steps acting environment workers
