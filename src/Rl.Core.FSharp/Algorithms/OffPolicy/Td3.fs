/// Deterministic actors that learn from replayed steps: twin delayed deterministic policy gradient (TD3) and deep
/// deterministic policy gradient (DDPG), which is its case of one critic, no delay and no smoothing.
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

/// Options of TD3 (Fujimoto et al. 2018) and of DDPG (Lillicrap et al. 2015).
type Td3Options =
    {
        Plan: PlanOptions
        OffPolicy: OffPolicyOptions
        /// Adam's step size for the actor.
        LearningRate: float
        /// Adam's step size for the critics.
        CriticLearningRate: float
        /// The number of critics, of which the least value counts; the actor follows the first.
        Critics: int
        /// The share τ of the online networks in their targets when these move.
        TargetRate: float
        /// Steps of the critics for one of the actor and of all targets.
        PolicyDelay: int
        /// The standard deviation of the noise that smooths the target's actions, in units of the half-range.
        SmoothingDeviation: float
        /// The bound of that noise.
        SmoothingLimit: float
        /// The standard deviation of the normal noise that explores, in units of the half-range.
        ExplorationDeviation: float
        /// Widths of the hidden layers of actor and critics.
        Hidden: int list
        /// What stands after each hidden layer.
        Activation: Activation
    }

/// Defaults, rows, checks and texts.
[<RequireQualifiedAccess>]
module Td3Options =

    /// The paper's, as Stable Baselines3 has them.
    let defaults =
        {
            Plan = { TotalSteps = 1_000_000L }
            OffPolicy = { OffPolicyOptions.defaults with LearningStarts = 100; BatchSize = 256; BufferSize = 1_000_000 }
            LearningRate = 1e-3
            CriticLearningRate = 1e-3
            Critics = 2
            TargetRate = 0.005
            PolicyDelay = 2
            SmoothingDeviation = 0.2
            SmoothingLimit = 0.5
            ExplorationDeviation = 0.1
            Hidden = [ 400; 300 ]
            Activation = Activation.Relu
        }

    /// DDPG: one critic, which the actor follows at each step, and targets that are not smoothed.
    let ddpg = { defaults with Critics = 1; PolicyDelay = 1; SmoothingDeviation = 0.0; SmoothingLimit = 0.0 }

    /// A row an option, in the order of files.
    let rows: OptionRow<Td3Options> list =
        let d = defaults
        let plan rows = Options.group (fun (c: Td3Options) -> c.Plan) (fun v c -> { c with Plan = v }) rows

        let offPolicy rows =
            Options.group (fun (c: Td3Options) -> c.OffPolicy) (fun v c -> { c with OffPolicy = v }) rows

        [
            yield! plan PlanOptions.rows
            yield! offPolicy OffPolicyOptions.rows
            Options.number (nameof d.LearningRate) Range.positive _.LearningRate (fun v c ->
                { c with LearningRate = v })
            Options.number (nameof d.CriticLearningRate) Range.positive _.CriticLearningRate (fun v c ->
                { c with CriticLearningRate = v })
            Options.whole (nameof d.Critics) (Range.within 1.0 100.0) _.Critics (fun v c -> { c with Critics = v })
            Options.number (nameof d.TargetRate) Range.positiveFraction _.TargetRate (fun v c ->
                { c with TargetRate = v })
            Options.whole (nameof d.PolicyDelay) (Range.atLeast 1.0) _.PolicyDelay (fun v c ->
                { c with PolicyDelay = v })
            Options.number (nameof d.SmoothingDeviation) Range.notNegative _.SmoothingDeviation (fun v c ->
                { c with SmoothingDeviation = v })
            Options.number (nameof d.SmoothingLimit) Range.notNegative _.SmoothingLimit (fun v c ->
                { c with SmoothingLimit = v })
            Options.number (nameof d.ExplorationDeviation) Range.notNegative _.ExplorationDeviation (fun v c ->
                { c with ExplorationDeviation = v })
            Options.widths (nameof d.Hidden) _.Hidden (fun v c -> { c with Hidden = v })
            Options.activation (nameof d.Activation) _.Activation (fun v c -> { c with Activation = v })
        ]

    /// Fails for the first option that is out of its range, naming it.
    let validate (options: Td3Options) =
        Options.validate rows options
        OffPolicyOptions.validate options.OffPolicy

    /// The options as named texts.
    let toPairs (options: Td3Options) : (string * string) list = Options.toPairs rows options

    /// The defaults with the named options replaced; names are matched whatever their case.
    let ofPairs (pairs: (string * string) list) : Td3Options = Options.ofPairs rows pairs defaults

/// Twin delayed deterministic policy gradient (Fujimoto, van Hoof and Meger, "Addressing function approximation error
/// in actor-critic methods", 2018) and what it grew from (Lillicrap et al., "Continuous control with deep reinforcement
/// learning", 2015).
[<RequireQualifiedAccess>]
module Td3 =

    /// Standard normal numbers that smooth the target's actions.
    let private smoothing n = Column.step "smoothing" n

    /// Steps of the critics since the actor's last.
    [<Literal>]
    let private Waited = "criticSteps"

    type private Networks = { Actor: Actor; Critic: ActionCritic; Actions: int }

    let private networksOf (algorithm: string) (c: Td3Options) (observations: Space) (actions: Space) : Networks =
        let n = ActorCritics.actionCount algorithm actions

        {
            Actor =
                DeterministicPolicy.create n
                |> ActorCritics.actor c.Activation c.Hidden observations actions Activation.Tanh
            Critic = ActionCritic.create c.Activation (Encoding.size observations) n c.Hidden c.Critics
            Actions = n
        }

    /// θ: the actor, then the critics.
    let private layoutOf (networks: Networks) =
        Layout.append (Actor.layout networks.Actor) (ActionCritic.layout networks.Critic |> Layout.under "critics")

    /// The policy with normal noise, clipped to the bounds.
    let private explore (c: Td3Options) : ExploreAction =
        ExploreAction(fun _ _ outputs _ _ action rng ->
            let mutable rng = rng

            for i in 0 .. action.Length - 1 do
                let struct (normal, next) = Rng.normal rng
                let noise = ActionNoise.gaussian 0.0 c.ExplorationDeviation normal
                action[i] <- float32 (ActionNoise.noisy noise (float outputs[i]))
                rng <- next

            rng)

    /// Σᵢ (qᵢ(s, a) − y)² with y = r + γ min q̄(s′, ã), ã the target policy's smoothed action.
    let private evaluation (c: Td3Options) (networks: Networks) (columns: TransitionColumns) (batch: Batch) =
        let values group = ActionCritic.values networks.Critic (batch.Parameters group)
        let next = batch[columns.NextObservations]

        let action =
            Actor.policy networks.Actor (batch.Parameters "targetActor") next
            |> OffPolicy.smoothedAction
                c.SmoothingDeviation
                c.SmoothingLimit
                (Expr.number -1.0)
                (Expr.number 1.0)
                batch[smoothing networks.Actions]

        let y =
            values "targets" next action
            |> ActionCritic.least
            |> OffPolicy.target batch[columns.Rewards] batch[DrawnColumns.discounts]

        let loss =
            values "critics" batch[columns.Observations] batch[columns.Actions]
            |> List.map (fun q -> batch[DrawnColumns.weights] * OffPolicy.criticLoss q y)
            |> List.reduce (+)

        [ Term.mean "criticLoss" 1.0 loss ]

    /// −q₁(s, π(s)).
    let private improvement (_: Td3Options) (networks: Networks) (columns: TransitionColumns) (batch: Batch) =
        let observations = batch[columns.Observations]
        let action = Actor.policy networks.Actor (batch.Parameters "actor") observations
        let value = ActionCritic.value networks.Critic 0 (batch.Parameters "critics") observations action
        [ Term.mean "actorLoss" 1.0 (OffPolicy.deterministicActorLoss value) ]

    /// The two updates: the critics, then the actor with all targets, which move as seldom as it does.
    let private updates (c: Td3Options) (networks: Networks) (columns: TransitionColumns) : struct (Update * Update) =
        let actor, critics = Actor.layout networks.Actor, ActionCritic.layout networks.Critic
        let criticPart: Part = { First = actor.Count; Layout = critics }
        let follows name = GroupMotion.Follows(name, c.TargetRate)

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
                    ParameterGroup.ofPart
                        "critics"
                        criticPart
                        (ActorCritics.learns "criticOptimiser" c.CriticLearningRate)
                    ActorCritics.target "targetActor" actor GroupMotion.Stays
                    ActorCritics.target "targets" critics GroupMotion.Stays
                ]
                evaluation

        let policy =
            update
                "actor step"
                [
                    ParameterGroup.ofPart
                        "actor"
                        { First = 0; Layout = actor }
                        (ActorCritics.learns "actorOptimiser" c.LearningRate)
                    ParameterGroup.ofPart "critics" criticPart GroupMotion.Stays
                    ActorCritics.target "targetActor" actor (follows "actor")
                    ActorCritics.target "targets" critics (follows "critics")
                ]
                improvement

        struct (critic, policy)

    let private bind (algorithm: string) (c: Td3Options) (environment: BatchEnvironment) (workers: Workers) : Learner =
        let networks = networksOf algorithm c environment.ObservationSpace environment.ActionSpace
        let columns = TransitionColumns.ofEnvironment environment
        let struct (critic, policy) = updates c networks columns
        let actor, critics = Actor.layout networks.Actor, ActionCritic.layout networks.Critic
        let size = c.OffPolicy.BatchSize * networks.Actions
        let drawn = [ smoothing networks.Actions, Array.zeroCreate<float32> size ]
        let mutable ofCritic, ofPolicy = Means(critic, []), Means(policy, [])
        let mutable waited = 0

        let learn samples _ key =
            let struct (samples, key) = ActorCritics.withNoise drawn samples key
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
                ActorCritics.pass "targetActor" policy critic
                ActorCritics.pass "targets" policy critic

            key

        Replayed.learner
            c.OffPolicy
            {
                Algorithm = algorithm
                Options = Td3Options.toPairs c
                TotalSteps = c.Plan.TotalSteps
                Actor = networks.Actor
                Layout = layoutOf networks
                ActionScaling = ActionScaling.Bounds
                NormaliseObservations = false
                Arrays = ActorCritics.arrays [ critic; policy ] @ [ Waited, [| 0.0f |] ]
                Targets =
                    [
                        "targetActor", { First = 0; Layout = actor }
                        "targets", { First = actor.Count; Layout = critics }
                    ]
                Explore = explore c
                Load =
                    fun draft ->
                        critic.Load draft
                        policy.Load draft
                        let counter = draft.Array Waited
                        waited <- int counter[0]
                        ofCritic <- Means(critic, [ "criticLoss" ])
                        ofPolicy <- Means(policy, [ "actorLoss" ])
                Policy = fun () -> Memory.op_Implicit (policy.Group "actor")
                Stepped = fun _ _ -> ()
                Learn = learn
                Store =
                    fun draft ->
                        critic.Store draft
                        policy.Store draft
                        let counter = draft.Array Waited
                        counter[0] <- float32 waited
                Metrics = fun _ -> [| yield! ofCritic.All; yield! ofPolicy.All |]
            }
            environment
            workers

    /// Binds options to environments, whose actions must be numbers within finite bounds. `workers` share the work; the
    /// results do not depend on their number.
    let create (options: Td3Options) (environment: BatchEnvironment) (workers: Workers) : Learner =
        Td3Options.validate options
        bind "td3" options environment workers

    /// The same, called DDPG; its options are `Td3Options.ddpg` with changes.
    let createDdpg (options: Td3Options) (environment: BatchEnvironment) (workers: Workers) : Learner =
        Td3Options.validate options
        bind "ddpg" options environment workers

    let private entryOf id name summary source defaults create =
        AlgorithmEntry.create
            { Id = id; Name = name; Summary = summary; Source = source; Family = AlgorithmFamily.OffPolicy }
            defaults
            Td3Options.rows
            [
                "LearningStarts", "32"
                "TrainFrequency", "4"
                "BatchSize", "16"
                "BufferSize", "400"
                "RoundSteps", "60"
                "Hidden", "16"
            ]
            Td3Options.validate
            create
        |> AlgorithmEntry.withActions ActorCritics.suits
        |> AlgorithmEntry.withParameters
            (fun pairs -> Options.ofPairs Td3Options.rows pairs defaults)
            (fun c observations actions -> (layoutOf (networksOf id c observations actions)).Count)

    /// What there is to know of TD3.
    let entry =
        entryOf
            "td3"
            "Twin delayed deterministic policy gradient"
            "A deterministic actor that follows the first of two critics, with smoothed targets and a delay (Fujimoto et al. 2018)."
            "Fujimoto, van Hoof and Meger, \"Addressing function approximation error in actor-critic methods\" (2018)"
            Td3Options.defaults
            create

    /// What there is to know of DDPG.
    let ddpg =
        entryOf
            "ddpg"
            "Deep deterministic policy gradient"
            "A deterministic actor that follows a critic, both from replayed steps (Lillicrap et al. 2015)."
            "Lillicrap et al., \"Continuous control with deep reinforcement learning\" (2015)"
            Td3Options.ddpg
            createDdpg
