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

[<RequireQualifiedAccess>]
module internal WeightedCloning =

    /// Adam with PyTorch's constants for networks.
    let learns (c: WeightedOptions) name rate = ActorCritics.learnsWith 0.9 c.Network name rate

    /// An update of a batch.
    let update (c: WeightedOptions) name isWhole (groups: ParameterGroup list) (loss: Batch -> Term list) : Update =
        OfflineUpdates.update c.Replayed name isWhole groups loss

    /// A learner of these updates, the last of which moves the actor. `layout` is θ's, which begins with the actor.
    let learner
        (algorithm: string)
        (texts: (string * string) list)
        (c: WeightedOptions)
        (networks: WeightedNetworks)
        (layout: Layout)
        (steps: OfflineUpdates)
        (environment: BatchEnvironment)
        (workers: Workers)
        : Learner =
        let actor = fst (List.last steps.Updates)

        OfflineUpdates.learner
            {
                Algorithm = algorithm
                Texts = texts
                Plan = c.Plan
                Replayed = c.Replayed
                Recorded = c.Recorded
                NormaliseObservations = c.Network.NormaliseObservations
                Rates = [ WeightedOptions.actorRate c; WeightedOptions.criticRate c ]
                Actor = networks.Actor
                Layout = layout
                Explore = WeightedNetworks.explore networks
                Policy = fun _ -> Memory.op_Implicit (actor.Group "actor")
            }
            steps
            environment
            workers

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

        let present =
            ActionCritic.values
                networks.Critic
                (batch.Parameters "critics")
                batch[columns.Observations]
                batch[columns.Actions]

        OffPolicy.criticLosses present y |> Term.mean "criticLoss" 1.0 |> List.singleton

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
