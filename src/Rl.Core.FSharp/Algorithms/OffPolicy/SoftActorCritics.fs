/// What soft actor-critics share, whatever their critics: the two updates of a step, and the learner that makes them.
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

/// What a soft actor-critic is made of, whatever its losses.
[<NoEquality; NoComparison>]
type internal SoftParts =
    {
        /// For example "sac".
        Algorithm: string
        /// The options as named texts.
        Texts: (string * string) list
        Soft: SoftOptions
        Networks: SoftNetworks
        Columns: TransitionColumns
        /// Updates of the critics for one of the actor.
        PolicyDelay: int
        Temperatures: SoftTemperature list
        /// Environment steps between moves of the targets, where these do not move with each update, and the share that
        /// they move by.
        TargetMoves: struct (int * float) voption
        Extras: OffPolicyExtras
        /// Where steps come from.
        Bind: OffPolicyBinding
        /// The terms of the critics' update to report.
        Reported: string list
    }

    member this.Policy: SoftPolicy = this.Networks.Policy
    member this.Critic: ActionCritic = this.Networks.Critic
    /// Where the actor lies in θ.
    member this.ActorPart: Part = { First = 0; Layout = Actor.layout this.Policy.Actor }
    /// Where the critics lie in θ.
    member this.CriticPart: Part = { First = this.ActorPart.Layout.Count; Layout = ActionCritic.layout this.Critic }

[<RequireQualifiedAccess>]
module internal SoftParts =

    /// The parts of an algorithm for environments; `networks` gives those for spaces of observations and actions.
    let create algorithm texts (soft: SoftOptions) networks (delay: int) (environment: BatchEnvironment) : SoftParts =
        {
            Algorithm = algorithm
            Texts = texts
            Soft = soft
            Networks = networks environment.ObservationSpace environment.ActionSpace
            Columns = TransitionColumns.ofEnvironment environment
            PolicyDelay = delay
            Temperatures = [ SoftTemperature.first ]
            TargetMoves = ValueNone
            Extras = Replayed.noExtras
            Bind = Replayed.learnerOf
            Reported = [ "criticLoss" ]
        }

/// The two updates of a step, each of which may read what the other moves.
[<NoEquality; NoComparison>]
type internal SoftSteps =
    {
        Critic: Update
        Actor: Update
        /// Groups that the critics' update moves and the actor's reads.
        OfCritic: string list
        /// Groups that the actor's update moves and the critics' reads.
        OfActor: string list
        /// Target networks, which begin as copies of parts of θ.
        Targets: (string * Part) list
        /// Columns that both updates may read beside noise.
        Drawn: (Column * float32[]) list
        /// Draws those and what else updates read, before each step: the generator that follows. It is told whether the
        /// actor moves in the step.
        Draw: bool -> Rng -> Rng
    }

[<RequireQualifiedAccess>]
module internal SoftActorCritics =

    /// Adam with PyTorch's constants for networks.
    let learns (parts: SoftParts) name rate = ActorCritics.learnsWith 0.9 parts.Soft.Network name rate

    /// How ln α moves with the actor.
    let temperatureMotion (parts: SoftParts) : GroupMotion =
        if parts.Soft.LearnTemperature then
            ActorCritics.learns "temperatureOptimiser" (SoftOptions.temperatureRate parts.Soft)
        else
            GroupMotion.Stays

    /// share · Σᵢ w (qᵢ(s, a) − y)², and the errors that priorities follow.
    let regression (parts: SoftParts) (share: float) (batch: Batch) (present: Expr list) (y: Expr) : Term list =
        let loss =
            present
            |> List.map (fun q -> batch[DrawnColumns.weights] * OffPolicy.criticLoss q y)
            |> List.reduce (+)

        [
            Term.mean "criticLoss" share loss
            if parts.Soft.OffPolicy.PriorityExponent > 0.0 then
                Term.each ActorCritics.Errors (ActorCritics.errors present y)
        ]

    /// An update of the batch's shape.
    let update (name: string) (shape: SampleShape) (groups: ParameterGroup list) (loss: Batch -> Term list) : Update =
        Update.create { Name = name; Groups = groups; Shape = shape; MaxGradientNorm = 0.0; Loss = loss }

    /// The critics with targets that follow them at a rate, by the terms of `evaluation`; then the actor with the
    /// temperature, by those of `improvement`. `further` groups are those of the critics' update alone.
    let stepsWith further (parts: SoftParts) (targetRate: float) evaluation improvement : SoftSteps =
        let soft = parts.Soft
        let shape = SampleShape.steps soft.OffPolicy.BatchSize
        let temperatures = SoftPolicy.temperatureGroupOf parts.Temperatures soft

        let targetMotion =
            if parts.TargetMoves.IsSome then
                GroupMotion.Stays
            else
                GroupMotion.Follows("critics", targetRate)

        {
            Critic =
                update
                    "critic step"
                    shape
                    [
                        ParameterGroup.ofPart "actor" parts.ActorPart GroupMotion.Stays
                        ParameterGroup.ofPart
                            "critics"
                            parts.CriticPart
                            (learns parts "criticOptimiser" (SoftOptions.criticRate soft))
                        ParameterGroup.target "targets" parts.CriticPart.Layout targetMotion
                        temperatures GroupMotion.Stays
                        yield! further
                    ]
                    evaluation
            Actor =
                update
                    "actor step"
                    shape
                    [
                        ParameterGroup.ofPart
                            "actor"
                            parts.ActorPart
                            (learns parts "actorOptimiser" (SoftOptions.actorRate soft))
                        ParameterGroup.ofPart "critics" parts.CriticPart GroupMotion.Stays
                        temperatures (temperatureMotion parts)
                    ]
                    improvement
            OfCritic = [ "critics" ]
            OfActor = [ "actor"; "temperature" ]
            Targets = [ "targets", parts.CriticPart ]
            Drawn = []
            Draw = fun _ rng -> rng
        }

    /// `stepsWith` no further groups.
    let steps (parts: SoftParts) (targetRate: float) evaluation improvement : SoftSteps =
        stepsWith [] parts targetRate evaluation improvement

    /// Steps of the critics since the actor's last; kept where it waits.
    [<Literal>]
    let private Waited = "criticSteps"

    /// Pink noise of variance 1 for the actions of all copies; nothing where they are drawn each for itself, or are not
    /// numbers alone.
    let private pinkNoise (policy: SoftPolicy) (copies: int) : ActorNoise voption =
        match policy.Options.Exploration with
        | PolicyNoise.Pink when policy.Actor.Distribution.Choices = 0 ->
            let pink = { NoiseOptions.defaults with Exploration = ExplorationNoise.Pink }
            ValueSome(ActorNoise(pink, (fun _ -> 1.0), copies, policy.Actions))
        | _ -> ValueNone

    /// How a copy acts while it explores.
    let private explore (policy: SoftPolicy) (pink: ActorNoise voption) : ExploreAction =
        match pink with
        | ValueNone ->
            ExploreAction(fun _ _ outputs deviation _ action rng ->
                let struct (_, rng) = Policy.sample policy.Actor.Distribution outputs deviation action rng
                rng)
        | ValueSome pink ->
            let least, most = policy.Options.LeastLogDeviation, policy.Options.LargestLogDeviation

            ExploreAction(fun steps copy outputs _ _ action rng ->
                let normals = Scratch.span<float> policy.Actions
                let rng = pink.Next(steps, copy, normals, rng)
                SquashedNormalPolicy.act least most outputs (Span.op_Implicit normals) action
                rng)

    /// A learner of a soft actor-critic. `acting` gives the actor's part of θ as updates have left it.
    let learner (parts: SoftParts) (steps: SoftSteps) acting (environment: BatchEnvironment) (workers: Workers) =
        let critic, actor = steps.Critic, steps.Actor
        let policy, soft = parts.Policy, parts.Soft
        // Choices alone need none.
        let ofNumbers column states = if policy.Actions > 0 then [ column (states * policy.Actions) ] else []
        let noise = DrawnNoise(ofNumbers SoftPolicy.noise 1, soft.OffPolicy.BatchSize)
        let ofNext = ofNumbers SoftPolicy.nextNoise (OffPolicyOptions.states soft.OffPolicy)
        let nextNoise = DrawnNoise(ofNext, soft.OffPolicy.BatchSize, steps.Drawn)
        let mutable ofCritic, ofActor = Means(critic, []), Means(actor, [])
        let waits = parts.PolicyDelay > 1
        let mutable waited = 0

        let pink = pinkNoise policy environment.Count
        let both = [ critic; actor ]
        let rates = SoftOptions.rates soft
        let passOfCritic group = ActorCritics.pass group critic actor
        let passOfActor group = ActorCritics.pass group actor critic

        // The critics, then the actor, which sees the new critics, and the temperature. All see the old temperature.
        // The actor's noise is drawn where it moves.
        let learn samples environmentSteps key =
            waited <- waited + 1
            let moves = waited >= parts.PolicyDelay
            let samples = noise.With(nextNoise.With samples)
            let key = (if moves then noise.Draw key else key) |> nextNoise.Draw |> steps.Draw moves

            Rate.set soft.Plan environmentSteps rates both

            critic.ChooseAll samples
            critic.Run workers
            ofCritic.Add()
            List.iter passOfCritic steps.OfCritic

            if moves then
                waited <- 0
                actor.ChooseAll samples
                actor.Run workers
                ofActor.Add()
                List.iter passOfActor steps.OfActor

            key

        let extras =
            match pink with
            | ValueNone -> parts.Extras
            | ValueSome pink -> { parts.Extras with EpisodeEnded = pink.End }

        let follow (struct (interval, rate)) before after =
            let online, targets = critic.Group "critics", critic.Group "targets"

            for _ in 1 .. Replayed.due interval environment.Count before after do
                Replayed.follow rate (Span.op_Implicit online.Span) targets.Span

        parts.Bind
            extras
            soft.OffPolicy
            {
                Algorithm = parts.Algorithm
                Options = parts.Texts
                TotalSteps = soft.Plan.TotalSteps
                Actor = policy.Actor
                Layout = SoftNetworks.layout parts.Networks
                ActionScaling = ActionScaling.Bounds
                NormaliseObservations = soft.Network.NormaliseObservations
                Arrays =
                    [
                        yield! ActorCritics.arrays [ critic; actor ]
                        if waits then Waited, [| 0.0f |]
                        for pink in ValueOption.toList pink do
                            yield! pink.Arrays
                    ]
                Targets = steps.Targets
                Explore = explore policy pink
                Load =
                    fun draft ->
                        critic.Load draft
                        actor.Load draft
                        if waits then waited <- int (draft.Array Waited).[0]
                        pink |> ValueOption.iter _.Load(draft)
                        ofCritic <- Means(critic, parts.Reported)

                        let reported =
                            [
                                "actorLoss"
                                for own in parts.Temperatures do
                                    own.Entropy
                                    if soft.LearnTemperature then own.Loss
                            ]

                        ofActor <- Means(actor, reported)
                Policy = acting
                Stepped =
                    fun before after -> parts.TargetMoves |> ValueOption.iter (fun moves -> follow moves before after)
                Learn = learn
                Errors = fun () -> critic.Each ActorCritics.Errors
                Store =
                    fun draft ->
                        critic.Store draft
                        actor.Store draft
                        if waits then (draft.Array Waited).[0] <- float32 waited
                        pink |> ValueOption.iter _.Store(draft)
                Metrics =
                    fun environmentSteps ->
                        let logs = actor.Group "temperature"

                        [|
                            yield! ofCritic.All
                            yield! ofActor.All

                            for index, own in List.indexed parts.Temperatures do
                                struct (own.Name, Math.Exp(float logs.Span[index]))

                            yield! Rate.metrics soft.Plan environmentSteps rates
                        |]
            }
            environment
            workers

    /// The actor's part of θ where one group has all of it.
    let ofGroup (steps: SoftSteps) () : ReadOnlyMemory<float32> = Memory.op_Implicit (steps.Actor.Group "actor")
