/// Twin delayed deterministic policy gradient: a deterministic actor that follows the first of two critics.
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

/// What a learner that learns as TD3 does is made of.
[<NoEquality; NoComparison>]
type internal Td3Networks = { Actor: Actor; Critic: ActionCritic; Actions: int }

/// What others who learn as TD3 do make of its losses.
[<NoEquality; NoComparison>]
type internal Td3Variation =
    {
        /// Where steps come from. It is told of the networks and of the critics' update, whose groups "targetActor" and
        /// "targets" are the target networks.
        Bind: Td3Networks -> Update -> OffPolicyBinding
        /// A column with the targets y themselves, and where its numbers lie when critics learn; else they follow from
        /// the target networks.
        Targets: (Column * float32[]) option
        /// What the critics are, made of TD3's.
        Critics: ActionCritic -> ActionCritic
        /// What counts of the values by all target critics.
        TargetValue: Expr list -> Expr
        /// The value of s′ of a batch by the target policy's action and what the critics say of it.
        NextValue: Batch -> Expr -> Expr -> Expr
        /// What the actor follows of the values by all critics; the first where nothing is said.
        Followed: (Expr list -> Expr) option
        /// The actor's samples depend on all of a batch.
        ActorIsWhole: bool
        /// The actor's loss from a batch, its action and the action's value.
        ActorLoss: Batch -> Expr -> Expr -> Expr
    }

[<RequireQualifiedAccess>]
module internal Td3Variation =

    /// TD3 itself.
    let none: Td3Variation =
        {
            Bind = fun _ _ -> Replayed.learnerOf
            Targets = None
            Critics = id
            TargetValue = ActionCritic.least
            NextValue = fun _ _ value -> value
            Followed = None
            ActorIsWhole = false
            ActorLoss = fun _ _ value -> OffPolicy.deterministicActorLoss value
        }

/// Twin delayed deterministic policy gradient (Fujimoto, van Hoof and Meger, "Addressing function approximation error
/// in actor-critic methods", 2018).
[<RequireQualifiedAccess>]
module Td3 =

    /// Standard normal numbers that smooth the target's actions.
    let private smoothing (c: Td3Options) n = Column.step "smoothing" (OffPolicyOptions.states c.OffPolicy * n)

    let private actorRate (c: Td3Options) = Rate.create (nameof c.Rate.LearningRate) c.Rate.LearningRate
    let private criticRate (c: Td3Options) = Rate.create (nameof c.CriticLearningRate) c.CriticLearningRate
    let private smoothingDeviation (c: Td3Options) = Rate.create (nameof c.SmoothingDeviation) c.SmoothingDeviation
    let private rates (c: Td3Options) = [ actorRate c; criticRate c; smoothingDeviation c ]

    /// Steps of the critics since the actor's last.
    [<Literal>]
    let private Waited = "criticSteps"

    let private networksOf
        variation
        (algorithm: string)
        (c: Td3Options)
        (observations: Space)
        (actions: Space)
        : Td3Networks =
        let n = ActorCritics.actionCount algorithm actions

        {
            Actor =
                DeterministicPolicy.create n
                |> ActorCritics.actor c.Network c.Convolutions observations actions Activation.Tanh
            Critic = ActorCritics.critics c.Network c.Convolutions observations n c.Critics |> variation.Critics
            Actions = n
        }

    /// θ: the actor, then the critics.
    let private layoutOf (networks: Td3Networks) =
        Layout.append (Actor.layout networks.Actor) (ActionCritic.layout networks.Critic |> Layout.under "critics")

    /// y = r + γ min q̄(s′, ã), ã the target policy's smoothed action.
    let private targetOf variation (c: Td3Options) (networks: Td3Networks) (columns: TransitionColumns) (batch: Batch) =
        let next = NextStates.ofBatch c.OffPolicy columns None batch

        let normals =
            Expr.reshape [| next.Observations.Shape[0]; networks.Actions |] batch[smoothing c networks.Actions]

        let deviation, noise =
            match c.SmoothingDeviation with
            | RateSchedule.Constant deviation -> deviation, normals
            | _ -> 1.0, Rate.value batch (smoothingDeviation c) * normals

        let action =
            Actor.policy networks.Actor (batch.Parameters "targetActor") next.Observations
            |> OffPolicy.smoothedAction deviation c.SmoothingLimit (Expr.number -1.0) (Expr.number 1.0) noise

        ActionCritic.values networks.Critic (batch.Parameters "targets") next.Observations action
        |> variation.TargetValue
        |> variation.NextValue batch action
        |> NextStates.target batch[columns.Rewards] next

    /// Σᵢ (qᵢ(s, a) − y)².
    let private evaluation variation (c: Td3Options) networks (columns: TransitionColumns) (batch: Batch) =
        let y =
            match variation.Targets with
            | Some(column, _) -> batch[column]
            | None -> targetOf variation c networks columns batch

        let present =
            ActionCritic.values
                networks.Critic
                (batch.Parameters "critics")
                batch[columns.Observations]
                batch[columns.Actions]

        let loss =
            present
            |> List.map (fun q -> batch[DrawnColumns.weights] * OffPolicy.criticLoss q y)
            |> List.reduce (+)

        [
            Term.mean "criticLoss" 1.0 loss
            if c.OffPolicy.PriorityExponent > 0.0 then
                Term.each ActorCritics.Errors (ActorCritics.errors present y)
        ]

    /// π(s) with noise on the parameters.
    let private noisyAction (networks: Td3Networks) (batch: Batch) (observations: Expr) : Expr =
        let own, noise = batch.Parameters "actor", batch.Parameters ParameterNoise.Group
        Actor.policy networks.Actor { own with Theta = own.Theta + noise.Theta } observations

    /// −q₁(s, π(s)).
    let private improvement variation (c: Td3Options) networks (columns: TransitionColumns) (batch: Batch) =
        let observations = batch[columns.Observations]
        let action = Actor.policy networks.Actor (batch.Parameters "actor") observations
        let critics = batch.Parameters "critics"

        let value =
            match variation.Followed with
            | Some followed -> followed (ActionCritic.values networks.Critic critics observations action)
            | None -> ActionCritic.value networks.Critic 0 critics observations action

        [
            Term.mean "actorLoss" 1.0 (variation.ActorLoss batch action value)
            if c.Noise.Exploration.IsParameters then
                let moved = noisyAction networks batch observations - action
                Term.report ParameterNoise.Distance (Expr.meanOver [| -1 |] (Expr.square moved))
        ]

    /// The two updates: the critics, then the actor with all targets, which move as seldom as it does.
    let private updates variation (c: Td3Options) networks (columns: TransitionColumns) : struct (Update * Update) =
        let actor, critics = Actor.layout networks.Actor, ActionCritic.layout networks.Critic
        let criticPart: Part = { First = actor.Count; Layout = critics }
        let follows name = GroupMotion.Follows(name, c.TargetRate)
        let learns name rate = ActorCritics.learnsBy c.Optimiser c.Network name rate

        let update name groups isWhole loss =
            let shape = if isWhole then SampleShape.wholeBatch else SampleShape.steps

            Update.create
                {
                    Name = name
                    Groups = groups
                    Shape = shape c.OffPolicy.BatchSize
                    MaxGradientNorm = 0.0
                    Loss = loss variation c networks columns
                }

        let critic =
            update
                "critic step"
                [
                    ParameterGroup.ofPart "critics" criticPart (learns "criticOptimiser" (criticRate c))
                    ParameterGroup.target "targetActor" actor GroupMotion.Stays
                    ParameterGroup.target "targets" critics GroupMotion.Stays
                ]
                false
                evaluation

        let policy =
            update
                "actor step"
                [
                    ParameterGroup.ofPart "actor" { First = 0; Layout = actor } (learns "actorOptimiser" (actorRate c))
                    ParameterGroup.ofPart "critics" criticPart GroupMotion.Stays
                    ParameterGroup.target "targetActor" actor (follows "actor")
                    ParameterGroup.target "targets" critics (follows "critics")
                    if c.Noise.Exploration.IsParameters then
                        ParameterGroup.target ParameterNoise.Group actor GroupMotion.Stays
                ]
                variation.ActorIsWhole
                improvement

        struct (critic, policy)

    /// A learner of an algorithm that these options and the variation describe; `texts` are its own.
    let internal bindWith variation algorithm texts (c: Td3Options) (environment: BatchEnvironment) workers : Learner =
        let networks = networksOf variation algorithm c environment.ObservationSpace environment.ActionSpace
        let columns = TransitionColumns.ofEnvironment environment
        let struct (critic, policy) = updates variation c networks columns
        let actor, critics = Actor.layout networks.Actor, ActionCritic.layout networks.Critic
        let given = Option.toList variation.Targets
        let drawn = DrawnNoise([ smoothing c networks.Actions ], c.OffPolicy.BatchSize, given)

        let deviation (steps: int64) = PlanOptions.after c.Plan steps c.Noise.ExplorationDeviation
        let noise = ActorNoise(c.Noise, deviation, environment.Count, networks.Actions)
        let parameterNoise = ParameterNoise(c.Noise, deviation, policy, "actor")
        let mutable ofCritic, ofPolicy = Means(critic, []), Means(policy, [])
        let mutable waited = 0

        let both = [ critic; policy ]
        let rates = rates c

        let learn samples steps key =
            let samples, key = drawn.With samples, drawn.Draw(parameterNoise.Draw(steps, key))

            Rate.set c.Plan steps rates both

            critic.ChooseAll samples
            critic.Run workers
            ofCritic.Add()
            ActorCritics.pass "critics" critic policy
            waited <- waited + 1

            if waited >= c.PolicyDelay then
                waited <- 0
                policy.ChooseAll samples
                policy.Run workers
                ofPolicy.Add()
                parameterNoise.Measure()
                ActorCritics.pass "targetActor" policy critic
                ActorCritics.pass "targets" policy critic

            key

        variation.Bind
            networks
            critic
            { Replayed.noExtras with EpisodeEnded = noise.End }
            c.OffPolicy
            {
                Algorithm = algorithm
                Options = texts
                TotalSteps = c.Plan.TotalSteps
                Actor = networks.Actor
                Layout = layoutOf networks
                ActionScaling = ActionScaling.Bounds
                NormaliseObservations = c.Network.NormaliseObservations
                Arrays =
                    [
                        yield! ActorCritics.arrays [ critic; policy ]
                        Waited, [| 0.0f |]
                        yield! noise.Arrays
                        yield! parameterNoise.Arrays
                    ]
                Targets =
                    [
                        "targetActor", { First = 0; Layout = actor }
                        "targets", { First = actor.Count; Layout = critics }
                    ]
                Explore = noise.Explore
                Load =
                    fun draft ->
                        critic.Load draft
                        policy.Load draft
                        let counter = draft.Array Waited
                        waited <- int counter[0]
                        noise.Load draft
                        parameterNoise.Load draft
                        ofCritic <- Means(critic, [ "criticLoss" ])
                        ofPolicy <- Means(policy, [ "actorLoss" ])
                Policy = fun () -> parameterNoise.Acting
                Stepped = fun _ _ -> ()
                Learn = learn
                Errors = fun () -> critic.Each ActorCritics.Errors
                Store =
                    fun draft ->
                        critic.Store draft
                        policy.Store draft
                        let counter = draft.Array Waited
                        counter[0] <- float32 waited
                        noise.Store draft
                        parameterNoise.Store draft
                Metrics =
                    fun steps ->
                        let deviation = c.Noise.ExplorationDeviation

                        [|
                            yield! ofCritic.All
                            yield! ofPolicy.All
                            yield! parameterNoise.Metrics
                            yield! Rate.metrics c.Plan steps rates
                            yield!
                                Rate.metrics
                                    c.Plan
                                    steps
                                    [ Rate.create (nameof c.Noise.ExplorationDeviation) deviation ]
                        |]
            }
            environment
            workers

    /// A learner of an algorithm that these options describe; `texts` are its own.
    let internal bind algorithm texts (c: Td3Options) (environment: BatchEnvironment) (workers: Workers) : Learner =
        bindWith Td3Variation.none algorithm texts c environment workers

    /// Binds options to environments, whose actions must be numbers within finite bounds. `workers` share the work; the
    /// results do not depend on their number.
    let create (options: Td3Options) (environment: BatchEnvironment) (workers: Workers) : Learner =
        Td3Options.validate options
        bind "td3" (Td3Options.toPairs options) options environment workers

    /// The size of θ.
    let internal parametersWith variation algorithm (c: Td3Options) (observations: Space) (actions: Space) : int =
        (layoutOf (networksOf variation algorithm c observations actions)).Count

    /// The size of θ.
    let internal parameters algorithm (c: Td3Options) observations actions : int =
        parametersWith Td3Variation.none algorithm c observations actions

    /// What there is to know of it.
    let entry =
        AlgorithmEntry.create
            {
                Id = "td3"
                Name = "Twin delayed deterministic policy gradient"
                Summary =
                    ("A deterministic actor that follows the first of two critics, with smoothed targets and a "
                     + "delay (Fujimoto et al. 2018).")
                Source =
                    ("Fujimoto, van Hoof and Meger, \"Addressing function approximation error in actor-critic "
                     + "methods\" (2018)")
                Family = AlgorithmFamily.OffPolicy
            }
            Td3Options.defaults
            Td3Options.rows
            OffPolicyOptions.small
            Td3Options.validate
            create
        |> AlgorithmEntry.withActions ActorCritics.suits
        |> AlgorithmEntry.withParameters Td3Options.ofPairs (parameters "td3")
