/// Soft actor-critic: return and entropy maximised from replayed steps.
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
open Rl.Core.Optimisers

/// Options of soft actor-critic (Haarnoja et al. 2018).
type SacOptions =
    {
        Plan: PlanOptions
        OffPolicy: OffPolicyOptions
        Network: NetworkOptions
        /// The actor's.
        Rate: RateOptions
        /// Adam's step size α for the critics.
        CriticLearningRate: float
        /// Adam's step size for ln α.
        TemperatureLearningRate: float
        /// The temperature α that training starts with.
        InitialTemperature: float
        /// Learn the temperature; else it stays as it starts.
        LearnTemperature: bool
        /// Where actions are numbers: the entropy that the temperature aims at, times the numbers of an action; −1 in
        /// most implementations.
        TargetEntropyPerAction: float
        /// The share τ of the critics in their targets when these move.
        TargetRate: float
        Choices: SacChoiceOptions
        /// The number of critics, of which the least value counts.
        Critics: int
        /// The least ln σ of the policy.
        LeastLogDeviation: float
        /// The largest ln σ of the policy.
        LargestLogDeviation: float
    }

/// Defaults, rows, checks and texts.
[<RequireQualifiedAccess>]
module SacOptions =

    /// Those of small tasks: narrow layers and large steps; Stable Baselines3 has two layers of 256 and steps of 3e-4.
    /// ln σ is squashed into [−5, 2] as in CleanRL, so that it has a derivative everywhere.
    let defaults =
        {
            Plan = { TotalSteps = 20_000L }
            OffPolicy = { OffPolicyOptions.defaults with LearningStarts = 100; GradientSteps = -1; BatchSize = 100 }
            Network = { NetworkOptions.defaults [ 64; 64 ] with Activation = Activation.Relu }
            Rate = { LearningRate = 1e-3; AnnealLearningRate = false }
            CriticLearningRate = 1e-3
            TemperatureLearningRate = 1e-3
            InitialTemperature = 1.0
            LearnTemperature = true
            TargetEntropyPerAction = -1.0
            TargetRate = 0.005
            Choices = SacChoiceOptions.defaults
            Critics = 2
            LeastLogDeviation = -5.0
            LargestLogDeviation = 2.0
        }

    /// A row an option, in the order of files.
    let rows: OptionRow<SacOptions> list =
        let d = defaults
        let plan rows = Options.group (fun (c: SacOptions) -> c.Plan) (fun v c -> { c with Plan = v }) rows

        let offPolicy rows =
            Options.group (fun (c: SacOptions) -> c.OffPolicy) (fun v c -> { c with OffPolicy = v }) rows

        let network rows = Options.group (fun (c: SacOptions) -> c.Network) (fun v c -> { c with Network = v }) rows
        let choices rows = Options.group (fun (c: SacOptions) -> c.Choices) (fun v c -> { c with Choices = v }) rows
        let rate rows = Options.group (fun (c: SacOptions) -> c.Rate) (fun v c -> { c with Rate = v }) rows

        [
            yield! plan PlanOptions.rows
            yield! offPolicy OffPolicyOptions.rows
            yield! rate ActorCritics.rateRows
            Options.number (nameof d.CriticLearningRate) Range.positive _.CriticLearningRate (fun v c ->
                { c with CriticLearningRate = v })
            Options.number (nameof d.TemperatureLearningRate) Range.positive _.TemperatureLearningRate (fun v c ->
                { c with TemperatureLearningRate = v })
            Options.number (nameof d.InitialTemperature) Range.positive _.InitialTemperature (fun v c ->
                { c with InitialTemperature = v })
            Options.flag (nameof d.LearnTemperature) _.LearnTemperature (fun v c -> { c with LearnTemperature = v })
            Options.number (nameof d.TargetEntropyPerAction) Range.finite _.TargetEntropyPerAction (fun v c ->
                { c with TargetEntropyPerAction = v })
            Options.number (nameof d.TargetRate) Range.positiveFraction _.TargetRate (fun v c ->
                { c with TargetRate = v })
            Options.whole (nameof d.Critics) (Range.within 1.0 100.0) _.Critics (fun v c -> { c with Critics = v })
            Options.number (nameof d.LeastLogDeviation) Range.finite _.LeastLogDeviation (fun v c ->
                { c with LeastLogDeviation = v })
            Options.number (nameof d.LargestLogDeviation) Range.finite _.LargestLogDeviation (fun v c ->
                { c with LargestLogDeviation = v })
            yield! network NetworkOptions.normaliseObservations
            yield! network NetworkOptions.layers
            yield! choices SacChoiceOptions.rows
        ]

    /// Fails for the first option that is out of its range, naming it.
    let validate (options: SacOptions) =
        Options.validate rows options
        OffPolicyOptions.validate options.OffPolicy

        if not (options.LeastLogDeviation < options.LargestLogDeviation) then
            Guard.fail
                (nameof options.LeastLogDeviation)
                ($"LeastLogDeviation is {options.LeastLogDeviation} and LargestLogDeviation "
                 + $"{options.LargestLogDeviation}; the first must be less.")

    /// The options as named texts.
    let toPairs (options: SacOptions) : (string * string) list = Options.toPairs rows options

    /// The defaults with the named options replaced; names are matched whatever their case.
    let ofPairs (pairs: (string * string) list) : SacOptions = Options.ofPairs rows pairs defaults

/// Soft actor-critic (Haarnoja et al., "Soft actor-critic algorithms and applications", 2018).
[<RequireQualifiedAccess>]
module Sac =

    /// Standard normal numbers for the actions at s and at s′.
    let private noise, nextNoise = (fun n -> Column.step "noise" n), (fun n -> Column.step "nextNoise" n)

    type private Networks = { Actor: Actor; Critic: ActionCritic; Actions: int }

    let private networksOf (c: SacOptions) (observations: Space) (actions: Space) : Networks =
        let n = ActorCritics.actionCount "sac" actions
        let distribution = SquashedNormalPolicy.create n c.LeastLogDeviation c.LargestLogDeviation

        {
            Actor = ActorCritics.actor c.Network observations actions Activation.Identity distribution
            Critic = ActionCritic.create c.Network.Activation (Encoding.size observations) n c.Network.Hidden c.Critics
            Actions = n
        }

    /// θ: the actor, then the critics.
    let private layoutOf (networks: Networks) =
        Layout.append (Actor.layout networks.Actor) (ActionCritic.layout networks.Critic |> Layout.under "critics")

    /// A reparametrised action at some observations: struct (a [M, n], ln π(a|s) [M]).
    let private sample (c: SacOptions) (networks: Networks) (actor: Parameters) (observations: Expr) (noise: Expr) =
        let policy =
            Actor.apply networks.Actor actor observations
            |> SquashedNormalPolicy.distribution networks.Actions c.LeastLogDeviation c.LargestLogDeviation

        let struct (u, action) = SquashedNormal.reparameterise noise policy
        struct (action, SquashedNormal.logProbabilityOf u policy)

    let private logTemperature (batch: Batch) = batch.Block("temperature", "logTemperature")

    /// ½ Σᵢ (qᵢ(s, a) − y)² with y = r + γ (min q̄(s′, a′) − α ln π(a′|s′)).
    let private evaluation (c: SacOptions) (networks: Networks) (columns: TransitionColumns) (batch: Batch) =
        let actor = batch.Parameters "actor"
        let values group = ActionCritic.values networks.Critic (batch.Parameters group)
        let next = batch[columns.NextObservations]
        let struct (action, logProbability) = sample c networks actor next batch[nextNoise networks.Actions]
        let temperature = Expr.exp (logTemperature batch)
        let soft = ActionCritic.least (values "targets" next action) - temperature * logProbability
        let y = OffPolicy.target batch[columns.Rewards] batch[DrawnColumns.discounts] soft

        let present = values "critics" batch[columns.Observations] batch[columns.Actions]

        let loss =
            present
            |> List.map (fun q -> batch[DrawnColumns.weights] * OffPolicy.criticLoss q y)
            |> List.reduce (+)

        [
            Term.mean "criticLoss" 0.5 loss
            if c.OffPolicy.PriorityExponent > 0.0 then
                Term.each ActorCritics.Errors (ActorCritics.errors present y)
        ]

    /// α ln π(a|s) − min q(s, a) and −ln α (ln π(a|s) + H).
    let private improvement (c: SacOptions) (networks: Networks) (columns: TransitionColumns) (batch: Batch) =
        let observations = batch[columns.Observations]

        let struct (action, logProbability) =
            sample c networks (batch.Parameters "actor") observations batch[noise networks.Actions]

        let least =
            ActionCritic.values networks.Critic (batch.Parameters "critics") observations action
            |> ActionCritic.least

        let temperature = Expr.exp (logTemperature batch)

        [
            Term.mean "actorLoss" 1.0 (OffPolicy.softActorLoss temperature logProbability least least)
            if c.LearnTemperature then
                let target = c.TargetEntropyPerAction * float networks.Actions

                Term.mean "temperatureLoss" 1.0 (OffPolicy.temperatureLoss target (logTemperature batch) logProbability)
            Term.report "entropy" -logProbability
        ]

    /// The two updates of a step: critics with their targets, then the actor with the temperature.
    let private updates (c: SacOptions) (networks: Networks) (columns: TransitionColumns) : struct (Update * Update) =
        let actor, critics = Actor.layout networks.Actor, ActionCritic.layout networks.Critic
        let actorPart: Part = { First = 0; Layout = actor }
        let criticPart: Part = { First = actor.Count; Layout = critics }
        let learns name rate = ActorCritics.learns name c.Rate.AnnealLearningRate rate

        let temperature motion =
            let start = Math.Log c.InitialTemperature
            ParameterGroup.beside "temperature" [ { Name = "logTemperature"; Shape = [||]; Initial = start } ] motion

        let update name groups loss =
            Update.create
                {
                    Name = name
                    Groups = groups
                    Shape = SampleShape.steps c.OffPolicy.BatchSize
                    MaxGradientNorm = 0.0
                    Loss = loss c networks columns
                }

        let temperatureMotion =
            if c.LearnTemperature then
                learns "temperatureOptimiser" c.TemperatureLearningRate
            else
                GroupMotion.Stays

        let critic =
            update
                "critic step"
                [
                    ParameterGroup.ofPart "actor" actorPart GroupMotion.Stays
                    ParameterGroup.ofPart "critics" criticPart (learns "criticOptimiser" c.CriticLearningRate)
                    ParameterGroup.target "targets" critics (GroupMotion.Follows("critics", c.TargetRate))
                    temperature GroupMotion.Stays
                ]
                evaluation

        let policy =
            update
                "actor step"
                [
                    ParameterGroup.ofPart "actor" actorPart (learns "actorOptimiser" c.Rate.LearningRate)
                    ParameterGroup.ofPart "critics" criticPart GroupMotion.Stays
                    temperature temperatureMotion
                ]
                improvement

        struct (critic, policy)

    let private bind (c: SacOptions) (environment: BatchEnvironment) (workers: Workers) : Learner =
        let networks = networksOf c environment.ObservationSpace environment.ActionSpace
        let columns = TransitionColumns.ofEnvironment environment
        let struct (critic, policy) = updates c networks columns
        let critics = ActionCritic.layout networks.Critic
        let actor = networks.Actor
        let drawn = DrawnNoise([ noise networks.Actions; nextNoise networks.Actions ], c.OffPolicy.BatchSize)
        let mutable ofCritic, ofPolicy = Means(critic, []), Means(policy, [])

        // The critics, then the actor, which sees the new critics, and the temperature. All see the old temperature.
        let both = [ critic; policy ]

        let learn samples steps key =
            let samples, key = drawn.With samples, drawn.Draw key

            if c.Rate.AnnealLearningRate then
                ActorCritics.anneal (ActorCritics.shareLeft c.Plan steps) both

            critic.ChooseAll samples
            critic.Run workers
            ActorCritics.pass "critics" critic policy
            policy.ChooseAll samples
            policy.Run workers
            ActorCritics.pass "actor" policy critic
            ActorCritics.pass "temperature" policy critic
            ofCritic.Add()
            ofPolicy.Add()
            key

        Replayed.learner
            c.OffPolicy
            {
                Algorithm = "sac"
                Options = SacOptions.toPairs c
                TotalSteps = c.Plan.TotalSteps
                Actor = actor
                Layout = layoutOf networks
                ActionScaling = ActionScaling.Bounds
                NormaliseObservations = c.Network.NormaliseObservations
                Arrays = ActorCritics.arrays [ critic; policy ]
                Targets = [ "targets", { First = (Actor.layout actor).Count; Layout = critics } ]
                Explore =
                    ExploreAction(fun _ _ outputs deviation _ action rng ->
                        let struct (_, rng) = Policy.sample actor.Distribution outputs deviation action rng
                        rng)
                Load =
                    fun draft ->
                        critic.Load draft
                        policy.Load draft
                        ofCritic <- Means(critic, [ "criticLoss" ])

                        ofPolicy <-
                            Means(
                                policy,
                                [
                                    if c.LearnTemperature then "temperatureLoss"
                                    "actorLoss"
                                    "entropy"
                                ]
                            )
                Policy = fun () -> Memory.op_Implicit (policy.Group "actor")
                Stepped = fun _ _ -> ()
                Learn = learn
                Errors = fun () -> critic.Each ActorCritics.Errors
                Store =
                    fun draft ->
                        critic.Store draft
                        policy.Store draft
                Metrics =
                    fun _ ->
                        let temperature = Math.Exp(float (policy.Group("temperature").Span[0]))
                        [| yield! ofCritic.All; yield! ofPolicy.All; struct ("temperature", temperature) |]
            }
            environment
            workers

    /// Whether it has actions of a space: one of several choices, or numbers within finite bounds.
    let private suits (actions: Space) : bool = actions.IsDiscrete || ActorCritics.suits actions

    let private forChoices (c: SacOptions) : DiscreteSacParts =
        {
            Texts = SacOptions.toPairs c
            Plan = c.Plan
            OffPolicy = c.OffPolicy
            Network = c.Network
            Rate = c.Rate
            CriticLearningRate = c.CriticLearningRate
            TemperatureLearningRate = c.TemperatureLearningRate
            InitialTemperature = c.InitialTemperature
            LearnTemperature = c.LearnTemperature
            TargetRate = c.TargetRate
            Critics = c.Critics
            Choices = c.Choices
        }

    /// Binds options to environments, whose actions must be one of several choices or numbers within finite bounds.
    /// `workers` share the work; the results do not depend on their number.
    let create (options: SacOptions) (environment: BatchEnvironment) (workers: Workers) : Learner =
        SacOptions.validate options

        match environment.ActionSpace with
        | Space.Discrete(choices, _) -> DiscreteSac.learner (forChoices options) choices environment workers
        | actions when suits actions -> bind options environment workers
        | actions ->
            Guard.fail
                "environment"
                ("sac needs a Discrete action space, or a Box whose bounds are all finite; the actions are "
                 + $"{actions}. ppo, a2c, trpo and cem take any action space.")

    let private parameters (c: SacOptions) (observations: Space) (actions: Space) : int =
        match actions with
        | Space.Discrete(choices, _) -> DiscreteSac.parameters (forChoices c) observations choices
        | actions -> (layoutOf (networksOf c observations actions)).Count

    /// What there is to know of it.
    let entry =
        AlgorithmEntry.create
            {
                Id = "sac"
                Name = "Soft actor-critic"
                Summary =
                    ("A stochastic actor that maximises return and entropy from replayed steps, with twin critics "
                     + "and a learnt temperature (Haarnoja et al. 2018).")
                Source = "Haarnoja et al., \"Soft actor-critic algorithms and applications\" (2018)"
                Family = AlgorithmFamily.OffPolicy
            }
            SacOptions.defaults
            SacOptions.rows
            OffPolicyOptions.small
            SacOptions.validate
            create
        |> AlgorithmEntry.withActions suits
        |> AlgorithmEntry.withParameters SacOptions.ofPairs parameters
