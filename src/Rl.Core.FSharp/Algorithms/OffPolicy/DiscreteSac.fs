/// Soft actor-critic where an action is one of several choices: expectations over the policy are sums.
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

/// Options of soft actor-critic that count where an action is one of several choices.
type SacChoiceOptions =
    {
        /// Where an action is one of n choices: the entropy that the temperature aims at, as a share of that of n equal
        /// probabilities, ln n. Choices that are impossible in a state do not count there.
        TargetEntropyShare: float
        /// Where an action is one of several choices: what errors of the critics cost, the square or Huber's loss.
        CriticLoss: ValueError
        /// Where an action is one of several choices: environment steps between moves of the targets; 0: they move
        /// after each update.
        TargetUpdateInterval: int
    }

/// Defaults and rows.
[<RequireQualifiedAccess>]
module SacChoiceOptions =

    /// CleanRL's entropy, squared errors, targets that move after each update.
    let defaults: SacChoiceOptions =
        { TargetEntropyShare = 0.89; CriticLoss = ValueError.Squared; TargetUpdateInterval = 0 }

    let private errors = [ "squared", ValueError.Squared; "huber", ValueError.Huber ]

    /// A row an option, in the order of files.
    let rows: OptionRow<SacChoiceOptions> list =
        let d = defaults

        [
            Options.number (nameof d.TargetEntropyShare) Range.fraction _.TargetEntropyShare (fun v c ->
                { c with TargetEntropyShare = v })
            Options.choice errors (nameof d.CriticLoss) _.CriticLoss (fun v c -> { c with CriticLoss = v })
            Options.whole (nameof d.TargetUpdateInterval) (Range.atLeast 0.0) _.TargetUpdateInterval (fun v c ->
                { c with TargetUpdateInterval = v })
        ]

/// What discrete soft actor-critic is made of.
[<NoEquality; NoComparison>]
type internal DiscreteSacParts =
    {
        /// The options as named texts.
        Texts: (string * string) list
        Soft: SoftOptions
        TargetRate: float
        Critics: int
        Choices: SacChoiceOptions
    }

/// The critics give the values of all choices at once, so that nothing is drawn to learn (Christodoulou, "Soft
/// actor-critic for discrete action settings", 2019).
[<RequireQualifiedAccess>]
module internal DiscreteSac =

    /// `Critic` is each critic's network; a mask column is there where some choices may be impossible.
    type private Networks =
        {
            Actor: Actor
            Critic: Actor
            Count: int
            Choices: int
            Masks: Column option
            NextMasks: Column option
        }

    let private networksOf (c: DiscreteSacParts) (observations: Space) (choices: int) (hasMasks: bool) : Networks =
        let { NetworkOptions.Activation = activation; Hidden = hidden } = c.Soft.Network
        let network = PolicyNetwork.values c.Soft.Convolutions activation hidden observations

        {
            Actor = network (CategoricalPolicy.create choices)
            Critic = network (GreedyPolicy.create choices)
            Count = c.Critics
            Choices = choices
            Masks = if hasMasks then Some(ReplayColumns.masks choices) else None
            NextMasks = if hasMasks then Some(ReplayColumns.nextMasks choices) else None
        }

    /// Each critic's blocks lie under its number.
    let private criticLayout (networks: Networks) : Layout =
        Layout.merge [ for index in 0 .. networks.Count - 1 -> string index, Actor.layout networks.Critic ]

    /// q₁(s, ·), q₂(s, ·), …: each [M, choices].
    let private values (networks: Networks) (parameters: Parameters) (observations: Expr) : Expr list =
        [
            for index in 0 .. networks.Count - 1 do
                Actor.policy networks.Critic (Parameters.at (string index) parameters) observations
        ]

    /// ln α.
    let private logTemperature (batch: Batch) : Expr = batch.Block("temperature", "logTemperature")

    /// What the errors of a critic cost: (q − y)², or twice Huber's loss, which is the same for small ones.
    let private cost (c: DiscreteSacParts) (target: Expr) (value: Expr) : Expr =
        match c.Choices.CriticLoss with
        | ValueError.Squared -> OffPolicy.criticLoss value target
        | ValueError.Huber -> 2.0 * Losses.huber 1.0 (value - target)

    /// π(·|s), over the possible choices; over all where nobody knows which are.
    let private policy (networks: Networks) (mask: Column option) (batch: Batch) (observations: Expr) : Categorical =
        let logits = Actor.policy networks.Actor (batch.Parameters "actor") observations

        match mask with
        | None -> Categorical.ofLogits logits
        | Some mask ->
            let nobodyKnows = 1.0 - Expr.maxKeep [| -1 |] batch[mask]
            Categorical.masked (Expr.maximum batch[mask] nobodyKnows) logits

    /// The entropy to keep [M], or the same number for all: a share of the logarithm of the number of possible choices.
    let private targetEntropy (c: DiscreteSacParts) (networks: Networks) (batch: Batch) : Expr =
        match networks.Masks with
        | None -> Expr.number (c.Choices.TargetEntropyShare * log (float networks.Choices))
        | Some mask -> c.Choices.TargetEntropyShare * Expr.log (Expr.sumOver [| -1 |] batch[mask])

    /// ½ Σᵢ (qᵢ(s, a) − y)² with y = r + γ Σ π(a′|s′) (min q̄(s′, a′) − α ln π(a′|s′)).
    let private evaluation (c: DiscreteSacParts) (networks: Networks) (columns: TransitionColumns) (batch: Batch) =
        let next = batch[columns.NextObservations]
        let temperature = Expr.exp (logTemperature batch)

        let y =
            values networks (batch.Parameters "targets") next
            |> ActionCritic.least
            |> OffPolicy.softValue temperature (policy networks networks.NextMasks batch next)
            |> OffPolicy.target batch[columns.Rewards] batch[DrawnColumns.discounts]

        let observations, actions = batch[columns.Observations], Expr.squeeze -1 batch[columns.Actions]

        let chosen =
            values networks (batch.Parameters "critics") observations |> List.map (ValueLearning.chosen actions)

        // Where an episode was cut, nobody knows what is possible at its last state: it teaches the critics nothing.
        let known (x: Expr) =
            match networks.NextMasks with
            | None -> x
            | Some mask -> Expr.maxOver [| -1 |] batch[mask] * x

        let loss = known batch[DrawnColumns.weights] * (chosen |> List.map (cost c y) |> List.reduce (+))

        [
            Term.mean "criticLoss" 0.5 loss
            if c.Soft.OffPolicy.PriorityExponent > 0.0 then
                Term.each ActorCritics.Errors (known (ActorCritics.errors chosen y))
        ]

    /// Σ π(a|s) (α ln π(a|s) − min q(s, a)) and ln α (H(π(·|s)) − H).
    let private improvement (c: DiscreteSacParts) (networks: Networks) (columns: TransitionColumns) (batch: Batch) =
        let observations = batch[columns.Observations]
        let policy = policy networks networks.Masks batch observations
        let least = values networks (batch.Parameters "critics") observations |> ActionCritic.least
        let logTemperature = logTemperature batch
        let temperature, entropy = Expr.exp logTemperature, Categorical.entropy policy

        [
            Term.mean "actorLoss" 1.0 (-(OffPolicy.softValue temperature policy least))
            if c.Soft.LearnTemperature then
                let excess = targetEntropy c networks batch - entropy
                Term.mean "temperatureLoss" 1.0 (OffPolicy.temperatureLoss 0.0 logTemperature excess)
            Term.report "entropy" entropy
        ]

    let private layoutOf (networks: Networks) : Layout =
        Layout.append (Actor.layout networks.Actor) (Layout.under "critics" (criticLayout networks))

    /// The two updates of a step: critics with their targets, then the actor with the temperature.
    let private updates (c: DiscreteSacParts) (networks: Networks) columns : struct (Update * Update) =
        let actor, critics = Actor.layout networks.Actor, criticLayout networks
        let actorPart: Part = { First = 0; Layout = actor }
        let criticPart: Part = { First = actor.Count; Layout = critics }
        let isAnnealed = c.Soft.Rate.AnnealLearningRate
        let learns name rate = ActorCritics.learnsWith 0.9 c.Soft.Network name isAnnealed rate

        let temperature = SoftPolicy.temperatureGroup c.Soft
        let update name = SoftActorCritics.update name (SampleShape.steps c.Soft.OffPolicy.BatchSize)

        let temperatureMotion =
            if c.Soft.LearnTemperature then
                ActorCritics.learns "temperatureOptimiser" isAnnealed c.Soft.TemperatureLearningRate
            else
                GroupMotion.Stays

        let targetMotion =
            if c.Choices.TargetUpdateInterval = 0 then
                GroupMotion.Follows("critics", c.TargetRate)
            else
                GroupMotion.Stays

        let critic =
            update
                "critic step"
                [
                    ParameterGroup.ofPart "actor" actorPart GroupMotion.Stays
                    ParameterGroup.ofPart "critics" criticPart (learns "criticOptimiser" c.Soft.CriticLearningRate)
                    ParameterGroup.target "targets" critics targetMotion
                    temperature GroupMotion.Stays
                ]
                (evaluation c networks columns)

        let policy =
            update
                "actor step"
                [
                    ParameterGroup.ofPart "actor" actorPart (learns "actorOptimiser" c.Soft.Rate.LearningRate)
                    ParameterGroup.ofPart "critics" criticPart GroupMotion.Stays
                    temperature temperatureMotion
                ]
                (improvement c networks columns)

        struct (critic, policy)

    /// The size of θ for so many choices.
    let parameters (c: DiscreteSacParts) (observations: Space) (choices: int) : int =
        (layoutOf (networksOf c observations choices false)).Count

    /// A learner for `choices` choices.
    let learner (c: DiscreteSacParts) (choices: int) (environment: BatchEnvironment) (workers: Workers) : Learner =
        let networks = networksOf c environment.ObservationSpace choices environment.HasActionMasks
        let struct (critic, policy) = updates c networks (TransitionColumns.ofEnvironment environment)
        let actor, critics = networks.Actor, criticLayout networks
        let online, targets = critic.Group "critics", critic.Group "targets"
        let interval = c.Choices.TargetUpdateInterval
        let mutable ofCritic, ofPolicy = Means(critic, []), Means(policy, [])

        let both = [ critic; policy ]

        // The critics, then the actor, which sees the new critics, and the temperature. All see the old temperature.
        let learn samples steps key =
            if c.Soft.Rate.AnnealLearningRate then
                ActorCritics.anneal (ActorCritics.shareLeft c.Soft.Plan steps) both

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

        let follow before after =
            for _ in 1 .. Replayed.due interval environment.Count before after do
                Replayed.follow c.TargetRate (Span.op_Implicit online.Span) targets.Span

        Replayed.learnerOf
            { Replayed.noExtras with RemembersMasks = true }
            c.Soft.OffPolicy
            {
                Algorithm = "sac"
                Options = c.Texts
                TotalSteps = c.Soft.Plan.TotalSteps
                Actor = actor
                Layout = layoutOf networks
                ActionScaling = ActionScaling.None
                NormaliseObservations = c.Soft.Network.NormaliseObservations
                Arrays = ActorCritics.arrays both
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
                        let learnt = if c.Soft.LearnTemperature then [ "temperatureLoss" ] else []
                        ofPolicy <- Means(policy, learnt @ [ "actorLoss"; "entropy" ])
                Policy = fun () -> Memory.op_Implicit (policy.Group "actor")
                Stepped = fun before after -> if interval > 0 then follow before after
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
