/// What soft actor-critics share, whatever their critics: a policy with a temperature, and the two updates of a step.
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

/// Options of soft actor-critics: step sizes, temperature, policy.
type SoftOptions =
    {
        /// Adam's step size α for the critics.
        CriticLearningRate: float
        /// Adam's step size for ln α.
        TemperatureLearningRate: float
        /// The temperature α that training starts with.
        InitialTemperature: float
        /// Learn the temperature; else it stays as it starts.
        LearnTemperature: bool
        /// The entropy that the temperature aims at, times the numbers of an action; −1 in most implementations.
        TargetEntropyPerAction: float
        /// The least ln σ of the policy.
        LeastLogDeviation: float
        /// The largest ln σ of the policy.
        LargestLogDeviation: float
    }

/// Defaults, rows and checks.
[<RequireQualifiedAccess>]
module SoftOptions =
    let private o = Unchecked.defaultof<SoftOptions>

    /// Large steps for small tasks. ln σ is squashed into [−5, 2] as in CleanRL, so that it has a derivative
    /// everywhere.
    let defaults: SoftOptions =
        {
            CriticLearningRate = 1e-3
            TemperatureLearningRate = 1e-3
            InitialTemperature = 1.0
            LearnTemperature = true
            TargetEntropyPerAction = -1.0
            LeastLogDeviation = -5.0
            LargestLogDeviation = 2.0
        }

    /// Rows of step sizes and temperature, in the order of files.
    let temperature: OptionRow<SoftOptions> list =
        [
            Options.number (nameof o.CriticLearningRate) Range.positive _.CriticLearningRate (fun v c ->
                { c with CriticLearningRate = v })
            Options.number (nameof o.TemperatureLearningRate) Range.positive _.TemperatureLearningRate (fun v c ->
                { c with TemperatureLearningRate = v })
            Options.number (nameof o.InitialTemperature) Range.positive _.InitialTemperature (fun v c ->
                { c with InitialTemperature = v })
            Options.flag (nameof o.LearnTemperature) _.LearnTemperature (fun v c -> { c with LearnTemperature = v })
            Options.number (nameof o.TargetEntropyPerAction) Range.finite _.TargetEntropyPerAction (fun v c ->
                { c with TargetEntropyPerAction = v })
        ]

    /// Rows of the policy's deviation.
    let deviation: OptionRow<SoftOptions> list =
        [
            Options.number (nameof o.LeastLogDeviation) Range.finite _.LeastLogDeviation (fun v c ->
                { c with LeastLogDeviation = v })
            Options.number (nameof o.LargestLogDeviation) Range.finite _.LargestLogDeviation (fun v c ->
                { c with LargestLogDeviation = v })
        ]

    /// Fails for options that do not go together.
    let validate (options: SoftOptions) : unit =
        if not (options.LeastLogDeviation < options.LargestLogDeviation) then
            Guard.fail
                (nameof options.LeastLogDeviation)
                ($"LeastLogDeviation is {options.LeastLogDeviation} and LargestLogDeviation "
                 + $"{options.LargestLogDeviation}; the first must be less.")

/// A squashed normal distribution over actions within bounds, whose entropy counts by a temperature α.
[<NoEquality; NoComparison>]
type internal SoftPolicy = { Actor: Actor; Actions: int; Options: SoftOptions }

[<RequireQualifiedAccess>]
module internal SoftPolicy =

    /// Standard normal numbers for the actions at s and at s′.
    let noise, nextNoise = (fun (n: int) -> Column.step "noise" n), (fun (n: int) -> Column.step "nextNoise" n)

    /// For the actions of a space, which must be within finite bounds.
    let create (algorithm: string) (network: NetworkOptions) (soft: SoftOptions) observations (actions: Space) =
        let n = ActorCritics.actionCount algorithm actions
        let distribution = SquashedNormalPolicy.create n soft.LeastLogDeviation soft.LargestLogDeviation

        {
            Actor = ActorCritics.actor network observations actions Activation.Identity distribution
            Actions = n
            Options = soft
        }

    /// A reparametrised action: struct (a [M, n], ln π(a|s) [M]).
    let action (policy: SoftPolicy) (output: ActorOutput) (noise: Expr) : struct (Expr * Expr) =
        let distribution =
            output
            |> SquashedNormalPolicy.distribution
                policy.Actions
                policy.Options.LeastLogDeviation
                policy.Options.LargestLogDeviation

        let struct (u, action) = SquashedNormal.reparameterise noise distribution
        struct (action, SquashedNormal.logProbabilityOf u distribution)

    /// a ~ π(·|s).
    let atPresent (policy: SoftPolicy) (actor: Parameters) (columns: TransitionColumns) (batch: Batch) =
        action policy (Actor.apply policy.Actor actor batch[columns.Observations]) batch[noise policy.Actions]

    /// a′ ~ π(·|s′).
    let atNext (policy: SoftPolicy) (actor: Parameters) (columns: TransitionColumns) (batch: Batch) =
        action policy (Actor.apply policy.Actor actor batch[columns.NextObservations]) batch[nextNoise policy.Actions]

    let private logTemperature (batch: Batch) = batch.Block("temperature", "logTemperature")

    /// α.
    let temperature (batch: Batch) : Expr = Expr.exp (logTemperature batch)

    /// ln α as a group of an update.
    let temperatureGroup (soft: SoftOptions) (motion: GroupMotion) : ParameterGroup =
        let start = Math.Log soft.InitialTemperature
        ParameterGroup.beside "temperature" [ { Name = "logTemperature"; Shape = [||]; Initial = start } ] motion

    /// α ln π(a|s) − q(s, a) for the actor, and −ln α (ln π(a|s) + H) where the temperature is learnt; both see the
    /// temperature of before the step.
    let improvement (policy: SoftPolicy) (batch: Batch) (logProbability: Expr) (value: Expr) : Term list =
        [
            Term.mean "actorLoss" 1.0 (OffPolicy.softActorLoss (temperature batch) logProbability value value)
            Term.report "entropy" -logProbability
            if policy.Options.LearnTemperature then
                let target = policy.Options.TargetEntropyPerAction * float policy.Actions
                Term.mean "temperatureLoss" 1.0 (OffPolicy.temperatureLoss target (logTemperature batch) logProbability)
        ]

/// What a soft actor-critic is made of, whatever its losses.
[<NoEquality; NoComparison>]
type internal SoftParts =
    {
        /// For example "sac".
        Algorithm: string
        /// The options as named texts.
        Texts: (string * string) list
        Plan: PlanOptions
        OffPolicy: OffPolicyOptions
        Network: NetworkOptions
        Rate: RateOptions
        Policy: SoftPolicy
        /// The parameters of all critics, which follow the actor's in θ.
        Critics: Layout
        /// Updates of the critics for one of the actor.
        PolicyDelay: int
    }

    /// Where the actor lies in θ.
    member this.ActorPart: Part = { First = 0; Layout = Actor.layout this.Policy.Actor }
    /// Where the critics lie in θ.
    member this.CriticPart: Part = { First = this.ActorPart.Layout.Count; Layout = this.Critics }

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
        /// Draws those and what else updates read, before each step: the generator that follows.
        Draw: Rng -> Rng
    }

[<RequireQualifiedAccess>]
module internal SoftActorCritics =

    /// θ: the actor, then the critics.
    let layout (policy: SoftPolicy) (critics: Layout) : Layout =
        Layout.append (Actor.layout policy.Actor) (Layout.under "critics" critics)

    /// Adam with PyTorch's constants, whose rate may be annealed.
    let learns (parts: SoftParts) name rate = ActorCritics.learns name parts.Rate.AnnealLearningRate rate

    /// How ln α moves with the actor.
    let temperatureMotion (parts: SoftParts) : GroupMotion =
        if parts.Policy.Options.LearnTemperature then
            learns parts "temperatureOptimiser" parts.Policy.Options.TemperatureLearningRate
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
            if parts.OffPolicy.PriorityExponent > 0.0 then
                Term.each ActorCritics.Errors (ActorCritics.errors present y)
        ]

    /// An update of the batch's shape.
    let update (name: string) (shape: SampleShape) (groups: ParameterGroup list) (loss: Batch -> Term list) : Update =
        Update.create { Name = name; Groups = groups; Shape = shape; MaxGradientNorm = 0.0; Loss = loss }

    /// The critics with targets that follow them at a rate, by the terms of `evaluation`; then the actor with the
    /// temperature, by those of `improvement`.
    let steps (parts: SoftParts) (targetRate: float) evaluation improvement : SoftSteps =
        let soft = parts.Policy.Options
        let shape = SampleShape.steps parts.OffPolicy.BatchSize

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
                            (learns parts "criticOptimiser" soft.CriticLearningRate)
                        ParameterGroup.target "targets" parts.Critics (GroupMotion.Follows("critics", targetRate))
                        SoftPolicy.temperatureGroup soft GroupMotion.Stays
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
                            (learns parts "actorOptimiser" parts.Rate.LearningRate)
                        ParameterGroup.ofPart "critics" parts.CriticPart GroupMotion.Stays
                        SoftPolicy.temperatureGroup soft (temperatureMotion parts)
                    ]
                    improvement
            OfCritic = [ "critics" ]
            OfActor = [ "actor"; "temperature" ]
            Targets = [ "targets", parts.CriticPart ]
            Drawn = []
            Draw = id
        }

    /// Steps of the critics since the actor's last; kept where it waits.
    [<Literal>]
    let private Waited = "criticSteps"

    /// A learner of a soft actor-critic. `acting` gives the actor's part of θ as updates have left it.
    let learner (parts: SoftParts) (steps: SoftSteps) acting (environment: BatchEnvironment) (workers: Workers) =
        let critic, actor = steps.Critic, steps.Actor
        let policy = parts.Policy
        let noise = [ SoftPolicy.noise policy.Actions; SoftPolicy.nextNoise policy.Actions ]
        let drawn = DrawnNoise(noise, parts.OffPolicy.BatchSize, steps.Drawn)
        let mutable ofCritic, ofActor = Means(critic, []), Means(actor, [])
        let waits = parts.PolicyDelay > 1
        let mutable waited = 0

        let both = [ critic; actor ]
        let passOfCritic group = ActorCritics.pass group critic actor
        let passOfActor group = ActorCritics.pass group actor critic

        // The critics, then the actor, which sees the new critics, and the temperature. All see the old temperature.
        let learn samples environmentSteps key =
            let samples, key = drawn.With samples, steps.Draw(drawn.Draw key)

            if parts.Rate.AnnealLearningRate then
                ActorCritics.anneal (ActorCritics.shareLeft parts.Plan environmentSteps) both

            critic.ChooseAll samples
            critic.Run workers
            ofCritic.Add()
            List.iter passOfCritic steps.OfCritic
            waited <- waited + 1

            if waited >= parts.PolicyDelay then
                waited <- 0
                actor.ChooseAll samples
                actor.Run workers
                ofActor.Add()
                List.iter passOfActor steps.OfActor

            key

        Replayed.learner
            parts.OffPolicy
            {
                Algorithm = parts.Algorithm
                Options = parts.Texts
                TotalSteps = parts.Plan.TotalSteps
                Actor = policy.Actor
                Layout = layout policy parts.Critics
                ActionScaling = ActionScaling.Bounds
                NormaliseObservations = parts.Network.NormaliseObservations
                Arrays = [ yield! ActorCritics.arrays [ critic; actor ]; if waits then Waited, [| 0.0f |] ]
                Targets = steps.Targets
                Explore =
                    ExploreAction(fun _ _ outputs deviation _ action rng ->
                        let struct (_, rng) = Policy.sample policy.Actor.Distribution outputs deviation action rng
                        rng)
                Load =
                    fun draft ->
                        critic.Load draft
                        actor.Load draft
                        if waits then waited <- int (draft.Array Waited).[0]
                        ofCritic <- Means(critic, [ "criticLoss" ])

                        ofActor <-
                            Means(
                                actor,
                                [ "actorLoss"; "entropy"; if policy.Options.LearnTemperature then "temperatureLoss" ]
                            )
                Policy = acting
                Stepped = fun _ _ -> ()
                Learn = learn
                Errors = fun () -> critic.Each ActorCritics.Errors
                Store =
                    fun draft ->
                        critic.Store draft
                        actor.Store draft
                        if waits then (draft.Array Waited).[0] <- float32 waited
                Metrics =
                    fun _ ->
                        let temperature = Math.Exp(float (actor.Group("temperature").Span[0]))
                        [| yield! ofCritic.All; yield! ofActor.All; struct ("temperature", temperature) |]
            }
            environment
            workers

    /// The actor's part of θ where one group has all of it.
    let ofGroup (steps: SoftSteps) () : ReadOnlyMemory<float32> = Memory.op_Implicit (steps.Actor.Group "actor")
