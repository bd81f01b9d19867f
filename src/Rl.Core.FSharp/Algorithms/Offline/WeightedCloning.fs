/// What algorithms share that clone the data's actions by weights: the policy, its draws, and learners of two updates.
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

/// A normal distribution around tanh of the layers' outputs, in units of the bounds, with a deviation of its own, and
/// critics beside it.
[<NoEquality; NoComparison>]
type internal WeightedNetworks = { Actor: Actor; Critic: ActionCritic; Actions: int }

[<RequireQualifiedAccess>]
module internal WeightedNetworks =

    /// ln σ at the start.
    [<Literal>]
    let private FirstLogDeviation = -1.0

    /// For spaces of observations and actions, which must be numbers within finite bounds.
    let create (algorithm: string) (c: WeightedOptions) (observations: Space) (actions: Space) : WeightedNetworks =
        let n = ActorCritics.actionCount algorithm actions
        let first = Math.Clamp(FirstLogDeviation, c.LeastLogDeviation, c.LargestLogDeviation)

        {
            Actor =
                DiagonalNormalPolicy.create n first
                |> ActorCritics.actor c.Network c.Convolutions observations actions Activation.Tanh
            Critic = ActorCritics.critics c.Network c.Convolutions observations n c.Critics
            Actions = n
        }

    /// Where the actor lies in θ.
    let actorPart (networks: WeightedNetworks) : Part = { First = 0; Layout = Actor.layout networks.Actor }

    /// Where the critics lie in θ, after the actor.
    let criticPart (networks: WeightedNetworks) : Part =
        { First = (actorPart networks).Layout.Count; Layout = ActionCritic.layout networks.Critic }

    /// θ: the actor, then the critics.
    let layout (networks: WeightedNetworks) : Layout =
        Layout.append (Actor.layout networks.Actor) (ActionCritic.layout networks.Critic |> Layout.under "critics")

    /// π(·|s), with ln σ within its bounds.
    let policy
        (c: WeightedOptions)
        (networks: WeightedNetworks)
        (actor: Parameters)
        (observations: Expr)
        : DiagonalNormal =
        let output = Actor.apply networks.Actor actor observations
        let deviation = ActionDistribution.deviationOf output
        DiagonalNormal.create output.Policy (Expr.clamp c.LeastLogDeviation c.LargestLogDeviation deviation)

    /// An action of it within the bounds, from standard normal numbers [M, n].
    let draw (policy: DiagonalNormal) (noise: Expr) : Expr =
        Expr.clamp -1.0 1.0 (DiagonalNormal.reparameterise noise policy)

    /// Draws an action while the agent acts.
    let explore (networks: WeightedNetworks) : ExploreAction =
        ExploreAction(fun _ _ outputs deviation _ action rng ->
            let struct (_, rng) = Policy.sample networks.Actor.Distribution outputs deviation action rng
            rng)

/// A learner's updates in their order, and what passes between them.
[<NoEquality; NoComparison>]
type internal WeightedSteps =
    {
        /// Each with the terms to report.
        Updates: (Update * string list) list
        /// Groups that one update moves and another reads: after the run of which, from, group, into.
        Passes: (Update * Update * string * Update) list
        /// Target networks, which begin as copies of parts of θ.
        Targets: (string * Part) list
        /// Standard normal numbers that they read.
        Noise: Column list
    }

[<RequireQualifiedAccess>]
module internal WeightedCloning =

    /// Adam with PyTorch's constants for networks.
    let learns (c: WeightedOptions) name rate = ActorCritics.learnsWith 0.9 c.Network name rate

    /// An update of a batch.
    let update (c: WeightedOptions) name isWhole (groups: ParameterGroup list) (loss: Batch -> Term list) : Update =
        let shape = if isWhole then SampleShape.wholeBatch else SampleShape.steps

        Update.create
            {
                Name = name
                Groups = groups
                Shape = shape c.Replayed.BatchSize
                MaxGradientNorm = 0.0
                Loss = loss
            }

    /// A learner of these updates. `layout` is θ's, which begins with the actor.
    let learner
        (algorithm: string)
        (texts: (string * string) list)
        (c: WeightedOptions)
        (networks: WeightedNetworks)
        (layout: Layout)
        (steps: WeightedSteps)
        (environment: BatchEnvironment)
        (workers: Workers)
        : Learner =
        let updates = steps.Updates |> List.map fst
        let rates = [ WeightedOptions.actorRate c; WeightedOptions.criticRate c ]
        let noise = DrawnNoise(steps.Noise, c.Replayed.BatchSize)
        let actor = List.last updates
        let each = List.toArray updates
        let mutable means = steps.Updates |> List.map Means |> List.toArray

        let learn samples environmentSteps key =
            let samples, key = noise.With samples, noise.Draw key
            Rate.set c.Plan environmentSteps rates updates

            for index in 0 .. each.Length - 1 do
                let update = each[index]
                update.ChooseAll samples
                update.Run workers
                means[index].Add()

                for after, from, group, into in steps.Passes do
                    if obj.ReferenceEquals(after, update) then ActorCritics.pass group from into

            key

        OfflineLearning.learnerOf c.Recorded OfflineLearning.noExtras Replayed.noExtras c.Replayed
        <| {
               Algorithm = algorithm
               Options = texts
               TotalSteps = c.Plan.TotalSteps
               Actor = networks.Actor
               Layout = layout
               ActionScaling = ActionScaling.Bounds
               NormaliseObservations = c.Network.NormaliseObservations
               Arrays = ActorCritics.arrays updates
               Targets = steps.Targets
               Explore = WeightedNetworks.explore networks
               Load =
                   fun draft ->
                       for update in updates do
                           update.Load draft

                       means <- steps.Updates |> List.map Means |> List.toArray
               Policy = fun () -> Memory.op_Implicit (actor.Group "actor")
               Stepped = fun _ _ -> ()
               Learn = learn
               Errors = fun () -> ReadOnlyMemory.Empty
               Store =
                   fun draft ->
                       for update in updates do
                           update.Store draft
               Metrics =
                   fun environmentSteps ->
                       [|
                           for mean in means do
                               yield! mean.All
                           yield! Rate.metrics c.Plan environmentSteps rates
                       |]
           }
        <| environment
        <| workers

    /// Standard normal numbers for an action of the policy at s′, and for several at s.
    let nextNoise (n: int) = Column.step "nextNoise" n
    let noise (count: int) (n: int) = Column.step "noise" (count * n)

    /// The value of the policy's own actions drawn at s: of critics by `ofCritics` (the least or the mean), of actions
    /// by `ofActions`.
    let baseline
        (c: WeightedOptions)
        (networks: WeightedNetworks)
        (columns: TransitionColumns)
        count
        ofCritics
        ofActions
        (batch: Batch)
        =
        let observations = batch[columns.Observations]
        let policy = WeightedNetworks.policy c networks (batch.Parameters "actor") observations
        let n = networks.Actions
        let drawn = batch[noise count n]

        [
            for index in 0 .. count - 1 ->
                let action = WeightedNetworks.draw policy (Expr.slice -1 (index * n) ((index + 1) * n) drawn)
                ofCritics (ActionCritic.values networks.Critic (batch.Parameters "critics") observations action)
        ]
        |> ofActions

    /// Σᵢ (qᵢ(s, a) − y)² with y = r + γ min q̄(s′, a′), a′ drawn by the policy of a group.
    let evaluation
        (c: WeightedOptions)
        (networks: WeightedNetworks)
        (columns: TransitionColumns)
        (actor: string)
        (batch: Batch)
        =
        let next = batch[columns.NextObservations]
        let policy = WeightedNetworks.policy c networks (batch.Parameters actor) next
        let action = WeightedNetworks.draw policy batch[nextNoise networks.Actions]

        let y =
            ActionCritic.values networks.Critic (batch.Parameters "targets") next action
            |> ActionCritic.least
            |> OffPolicy.target batch[columns.Rewards] batch[DrawnColumns.discounts]

        ActionCritic.values
            networks.Critic
            (batch.Parameters "critics")
            batch[columns.Observations]
            batch[columns.Actions]
        |> List.map (fun q -> OffPolicy.criticLoss q y)
        |> List.reduce (+)
        |> Term.mean "criticLoss" 1.0
        |> List.singleton

    /// −w ln π(a|s), and the mean weight; `weight` makes w of the advantage.
    let cloning
        (c: WeightedOptions)
        (networks: WeightedNetworks)
        (columns: TransitionColumns)
        (weight: Expr)
        (batch: Batch)
        =
        let policy = WeightedNetworks.policy c networks (batch.Parameters "actor") batch[columns.Observations]
        let logProbability = DiagonalNormal.logProbability batch[columns.Actions] policy

        [ Term.mean "actorLoss" 1.0 (Offline.weightedCloning weight logProbability); Term.report "weight" weight ]
