/// Soft actor-critic where actions have choices: expectations over these are sums, numbers beside them are drawn.
namespace Rl.Core.Algorithms

open Rl.Core.Autodiff
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Objectives

/// Options of soft actor-critic that count where actions have choices.
type SacChoiceOptions =
    {
        /// Where an action has choices: the entropy that their temperature aims at, as a share of that of equal
        /// probabilities, ln n for each of n choices. Choices that are impossible in a state do not count there.
        TargetEntropyShare: float
        /// Where an action has choices: what errors of the critics cost, the square or Huber's loss.
        CriticLoss: ValueError
        /// Where an action has choices: environment steps between moves of the targets; 0: they move after each
        /// update.
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

/// What soft actor-critic is made of, whatever its actions.
[<NoEquality; NoComparison>]
type internal SacParts =
    {
        Algorithm: string
        /// The options as named texts.
        Texts: (string * string) list
        Soft: SoftOptions
        TargetRate: float
        Critics: int
        Choices: SacChoiceOptions
        /// What gives its updates some of their samples.
        Companion: OffPolicyCompanion option
    }

/// The critics take the observation and an action's numbers and give the values of all combinations of its choices at
/// once, so that no choice is drawn to learn (Christodoulou, "Soft actor-critic for discrete action settings", 2019;
/// with numbers: Delalleau et al., "Discrete and continuous action representation for practical reinforcement learning
/// in video games", 2019).
[<RequireQualifiedAccess>]
module internal HybridSac =

    let private networksOf (c: SacParts) (observations: Space) (policy: HybridPolicy) : SoftNetworks =
        let critic = ActorCritics.critics c.Soft.Network c.Soft.Convolutions observations policy.Numbers c.Critics

        {
            Policy = { Actor = policy.Actor; Actions = policy.Numbers; Options = c.Soft }
            Critic = { critic with Layers.Outputs = policy.Combinations }
        }

    /// q₁(s, ·, x), q₂(s, ·, x), …: each [M, combinations].
    let private values (critic: ActionCritic) (parameters: Parameters) observations (numbers: Expr voption) =
        match numbers with
        | ValueNone -> ActionCritic.ofObservations critic parameters observations
        | ValueSome numbers -> ActionCritic.apply critic parameters observations numbers

    let private numbersOf (action: HybridAction) =
        action.Numbers |> ValueOption.map (fun struct (numbers, _) -> numbers)

    /// What the errors of a critic cost: (q − y)², or twice Huber's loss, which is the same for small ones.
    let private cost (c: SacParts) (target: Expr) (value: Expr) : Expr =
        match c.Choices.CriticLoss with
        | ValueError.Squared -> OffPolicy.criticLoss value target
        | ValueError.Huber -> 2.0 * Losses.huber 1.0 (value - target)

    /// ½ Σᵢ (qᵢ(s, d, x) − y)² with y = r + γ [Σ π(d′|s′) (min q̄(s′, d′, x′) − α ln π(d′|s′)) − β ln π(x′|s′)].
    let private evaluation (c: SacParts) (parts: SoftParts) (policy: HybridPolicy) (batch: Batch) =
        let columns = parts.Columns
        let next = batch[columns.NextObservations]
        let following = HybridPolicy.at policy policy.NextMasks SoftPolicy.nextNoise batch next

        let y =
            values parts.Critic (batch.Parameters "targets") next (numbersOf following)
            |> ActionCritic.least
            |> HybridPolicy.value policy batch following
            |> OffPolicy.target batch[columns.Rewards] batch[DrawnColumns.discounts]

        let struct (combinations, numbers) = HybridPolicy.taken policy batch[columns.Actions]

        let chosen =
            values parts.Critic (batch.Parameters "critics") batch[columns.Observations] numbers
            |> List.map (ValueLearning.chosen combinations)

        // Where an episode was cut, nobody knows what is possible at its last state: it teaches the critics nothing.
        let known (x: Expr) =
            match policy.NextMasks with
            | None -> x
            | Some mask -> Expr.maxOver [| -1 |] batch[mask] * x

        let loss = known batch[DrawnColumns.weights] * (chosen |> List.map (cost c y) |> List.reduce (+))

        [
            Term.mean "criticLoss" 0.5 loss
            if c.Soft.OffPolicy.PriorityExponent > 0.0 then
                Term.each ActorCritics.Errors (known (ActorCritics.errors chosen y))
        ]

    /// Σ π(d|s) (α ln π(d|s) − min q(s, d, x)) + β ln π(x|s), and ln α (H(π(·|s)) − H) of each temperature.
    let private improvement (c: SacParts) (parts: SoftParts) (policy: HybridPolicy) (batch: Batch) =
        let observations = batch[parts.Columns.Observations]
        let action = HybridPolicy.at policy policy.Masks SoftPolicy.noise batch observations

        let values = values parts.Critic (batch.Parameters "critics") observations (numbersOf action)
        let loss = -(HybridPolicy.value policy batch action (ActionCritic.least values))

        [
            Term.mean "actorLoss" 1.0 loss
            for temperature, (entropy, target) in
                HybridPolicy.entropies policy c.Choices.TargetEntropyShare batch action do
                if c.Soft.LearnTemperature then
                    let logTemperature = SoftPolicy.logOf temperature batch
                    Term.mean temperature.Loss 1.0 (OffPolicy.temperatureLoss 0.0 logTemperature (target - entropy))

                Term.report temperature.Entropy entropy
        ]

    /// The size of θ for actions of a space.
    let parameters (c: SacParts) (observations: Space) (actions: Space) : int =
        let policy = HybridPolicy.create c.Soft observations actions false
        (SoftNetworks.layout (networksOf c observations policy)).Count

    /// A learner for environments whose actions `HybridPolicy.suits`.
    let learner (c: SacParts) (environment: BatchEnvironment) (workers: Workers) : Learner =
        let policy =
            HybridPolicy.create c.Soft environment.ObservationSpace environment.ActionSpace environment.HasActionMasks

        let networks observations _ = networksOf c observations policy
        let interval = c.Choices.TargetUpdateInterval

        let parts =
            { SoftParts.create c.Algorithm c.Texts c.Soft networks 1 environment with
                Temperatures = HybridPolicy.temperatures policy
                TargetMoves = if interval > 0 then ValueSome(struct (interval, c.TargetRate)) else ValueNone
                Extras = { Replayed.noExtras with RemembersMasks = true; Companion = c.Companion }
            }

        let steps = SoftActorCritics.steps parts c.TargetRate (evaluation c parts policy) (improvement c parts policy)
        SoftActorCritics.learner parts steps (SoftActorCritics.ofGroup steps) environment workers
