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

/// Options of twin delayed deterministic policy gradient (Fujimoto et al. 2018).
type Td3Options =
    {
        Plan: PlanOptions
        OffPolicy: OffPolicyOptions
        Network: NetworkOptions
        /// The actor's.
        Rate: RateOptions
        /// Adam's step size α for the critics.
        CriticLearningRate: RateSchedule
        Optimiser: OptimiserOptions
        /// The number of critics, of which the least value counts; the actor follows the first.
        Critics: int
        /// The share τ of the online networks in their targets when these move.
        TargetRate: float
        /// Steps of the critics for one of the actor and of all targets.
        PolicyDelay: int
        /// The standard deviation of the noise that smooths the target's actions, in units of the half-range.
        SmoothingDeviation: RateSchedule
        /// The bound of that noise.
        SmoothingLimit: float
        Noise: NoiseOptions
        /// Layers for observations that are images, of actor and critics each: those of DQN for Atari for 36 pixels and
        /// more, else those of MinAtar; or layers of your own, or none.
        Convolutions: Convolutions
    }

/// Defaults, rows, checks and texts.
[<RequireQualifiedAccess>]
module Td3Options =

    /// The paper's, as Stable Baselines3 has them, but with narrow layers: it has 400 and 300 units.
    let defaults =
        {
            Plan = { TotalSteps = 20_000L }
            OffPolicy = { OffPolicyOptions.defaults with LearningStarts = 100; GradientSteps = -1; BatchSize = 100 }
            Rate = { LearningRate = RateSchedule.Constant 1e-3 }
            CriticLearningRate = RateSchedule.Constant 1e-3
            Optimiser = OptimiserOptions.defaults
            Critics = 2
            TargetRate = 0.005
            PolicyDelay = 2
            SmoothingDeviation = RateSchedule.Constant 0.2
            SmoothingLimit = 0.5
            Noise = NoiseOptions.defaults
            Convolutions = Convolutions.Automatic
            Network = { NetworkOptions.defaults [ 64; 64 ] with Activation = Activation.Relu }
        }

    /// A row an option, in the order of files.
    let rows: OptionRow<Td3Options> list =
        let d = defaults
        let plan rows = Options.group (fun (c: Td3Options) -> c.Plan) (fun v c -> { c with Plan = v }) rows

        let offPolicy rows =
            Options.group (fun (c: Td3Options) -> c.OffPolicy) (fun v c -> { c with OffPolicy = v }) rows

        let network rows = Options.group (fun (c: Td3Options) -> c.Network) (fun v c -> { c with Network = v }) rows
        let noise rows = Options.group (fun (c: Td3Options) -> c.Noise) (fun v c -> { c with Noise = v }) rows
        let rate rows = Options.group (fun (c: Td3Options) -> c.Rate) (fun v c -> { c with Rate = v }) rows

        let optimiser rows =
            Options.group (fun (c: Td3Options) -> c.Optimiser) (fun v c -> { c with Optimiser = v }) rows

        [
            yield! plan PlanOptions.rows
            yield! offPolicy OffPolicyOptions.rows
            yield! rate ActorCritics.rateRows
            Options.rate (nameof d.CriticLearningRate) _.CriticLearningRate (fun v c ->
                { c with CriticLearningRate = v })
            yield! optimiser OptimiserOptions.rows
            Options.whole (nameof d.Critics) (Range.within 1.0 100.0) _.Critics (fun v c -> { c with Critics = v })
            Options.number (nameof d.TargetRate) Range.positiveFraction _.TargetRate (fun v c ->
                { c with TargetRate = v })
            Options.whole (nameof d.PolicyDelay) (Range.atLeast 1.0) _.PolicyDelay (fun v c ->
                { c with PolicyDelay = v })
            Options.schedule (nameof d.SmoothingDeviation) Range.notNegative _.SmoothingDeviation (fun v c ->
                { c with SmoothingDeviation = v })
            Options.number (nameof d.SmoothingLimit) Range.notNegative _.SmoothingLimit (fun v c ->
                { c with SmoothingLimit = v })
            yield! noise NoiseOptions.rows
            yield! network NetworkOptions.normaliseObservations
            yield! network (NetworkOptions.ofActionCritics NetworkOptions.layers)
            Options.convolutions (nameof d.Convolutions) _.Convolutions (fun v c -> { c with Convolutions = v })
        ]
        |> Options.former
            (nameof d.Rate.LearningRate)
            [
                Options.formerFall RateOptions.FormerFall (fun fall c ->
                    { c with
                        Rate.LearningRate = fall c.Rate.LearningRate
                        CriticLearningRate = fall c.CriticLearningRate
                    })
            ]

    /// Fails for the first option that is out of its range, naming it.
    let validate (options: Td3Options) =
        NetworkOptions.validate rows defaults options
        OffPolicyOptions.validate options.OffPolicy

    /// The options as named texts.
    let toPairs (options: Td3Options) : (string * string) list = Options.toPairs rows options

    /// The defaults with the named options replaced; names are matched whatever their case.
    let ofPairs (pairs: (string * string) list) : Td3Options = Options.ofPairs rows pairs defaults

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

    type private Networks = { Actor: Actor; Critic: ActionCritic; Actions: int }

    let private networksOf (algorithm: string) (c: Td3Options) (observations: Space) (actions: Space) : Networks =
        let n = ActorCritics.actionCount algorithm actions

        {
            Actor =
                DeterministicPolicy.create n
                |> ActorCritics.actor c.Network c.Convolutions observations actions Activation.Tanh
            Critic = ActorCritics.critics c.Network c.Convolutions observations n c.Critics
            Actions = n
        }

    /// θ: the actor, then the critics.
    let private layoutOf (networks: Networks) =
        Layout.append (Actor.layout networks.Actor) (ActionCritic.layout networks.Critic |> Layout.under "critics")

    /// Σᵢ (qᵢ(s, a) − y)² with y = r + γ min q̄(s′, ã), ã the target policy's smoothed action.
    let private evaluation (c: Td3Options) (networks: Networks) (columns: TransitionColumns) (batch: Batch) =
        let values group = ActionCritic.values networks.Critic (batch.Parameters group)
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

        let y =
            values "targets" next.Observations action
            |> ActionCritic.least
            |> NextStates.target batch[columns.Rewards] next

        let present = values "critics" batch[columns.Observations] batch[columns.Actions]

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
    let private noisyAction (networks: Networks) (batch: Batch) (observations: Expr) : Expr =
        let own, noise = batch.Parameters "actor", batch.Parameters ParameterNoise.Group
        Actor.policy networks.Actor { own with Theta = own.Theta + noise.Theta } observations

    /// −q₁(s, π(s)).
    let private improvement (c: Td3Options) (networks: Networks) (columns: TransitionColumns) (batch: Batch) =
        let observations = batch[columns.Observations]
        let action = Actor.policy networks.Actor (batch.Parameters "actor") observations
        let value = ActionCritic.value networks.Critic 0 (batch.Parameters "critics") observations action

        [
            Term.mean "actorLoss" 1.0 (OffPolicy.deterministicActorLoss value)
            if c.Noise.Exploration.IsParameters then
                let moved = noisyAction networks batch observations - action
                Term.report ParameterNoise.Distance (Expr.meanOver [| -1 |] (Expr.square moved))
        ]

    /// The two updates: the critics, then the actor with all targets, which move as seldom as it does.
    let private updates (c: Td3Options) (networks: Networks) (columns: TransitionColumns) : struct (Update * Update) =
        let actor, critics = Actor.layout networks.Actor, ActionCritic.layout networks.Critic
        let criticPart: Part = { First = actor.Count; Layout = critics }
        let follows name = GroupMotion.Follows(name, c.TargetRate)
        let learns name rate = ActorCritics.learnsBy c.Optimiser c.Network name rate

        let update name groups loss =
            Update.create
                {
                    Name = name
                    Groups = groups
                    Shape = SampleShape.steps c.OffPolicy.BatchSize
                    MaxGradientNorm = 0.0
                    Loss = loss c networks columns
                }

        let critic =
            update
                "critic step"
                [
                    ParameterGroup.ofPart "critics" criticPart (learns "criticOptimiser" (criticRate c))
                    ParameterGroup.target "targetActor" actor GroupMotion.Stays
                    ParameterGroup.target "targets" critics GroupMotion.Stays
                ]
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
                improvement

        struct (critic, policy)

    /// A learner of an algorithm that these options describe; `texts` are its own.
    let internal bind algorithm texts (c: Td3Options) (environment: BatchEnvironment) (workers: Workers) : Learner =
        let networks = networksOf algorithm c environment.ObservationSpace environment.ActionSpace
        let columns = TransitionColumns.ofEnvironment environment
        let struct (critic, policy) = updates c networks columns
        let actor, critics = Actor.layout networks.Actor, ActionCritic.layout networks.Critic
        let drawn = DrawnNoise([ smoothing c networks.Actions ], c.OffPolicy.BatchSize)

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

        Replayed.learnerOf
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

    /// Binds options to environments, whose actions must be numbers within finite bounds. `workers` share the work; the
    /// results do not depend on their number.
    let create (options: Td3Options) (environment: BatchEnvironment) (workers: Workers) : Learner =
        Td3Options.validate options
        bind "td3" (Td3Options.toPairs options) options environment workers

    /// The size of θ.
    let internal parameters algorithm (c: Td3Options) (observations: Space) (actions: Space) : int =
        (layoutOf (networksOf algorithm c observations actions)).Count

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
