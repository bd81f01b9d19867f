/// The networks of soft actor-critics: a policy whose entropy counts by a temperature, and critics beside it.
namespace Rl.Core.Algorithms

open System
open Rl.Core.Acting
open Rl.Core.Autodiff
open Rl.Core.Distributions
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Objectives

/// What a temperature is called, and what its entropy is.
type internal SoftTemperature =
    {
        /// In reports.
        Name: string
        /// The block of its logarithm.
        Block: string
        /// The entropy that it weighs, in reports.
        Entropy: string
        /// Its loss, in reports.
        Loss: string
    }

[<RequireQualifiedAccess>]
module internal SoftTemperature =

    /// The only one of most policies; that of numbers where there are choices beside them.
    let first = { Name = "temperature"; Block = "logTemperature"; Entropy = "entropy"; Loss = "temperatureLoss" }

    /// That of choices beside numbers.
    let ofChoices =
        {
            Name = "choiceTemperature"
            Block = "logChoiceTemperature"
            Entropy = "choiceEntropy"
            Loss = "choiceTemperatureLoss"
        }

/// A squashed normal distribution over actions within bounds, whose entropy counts by a temperature α.
[<NoEquality; NoComparison>]
type internal SoftPolicy = { Actor: Actor; Actions: int; Options: SoftOptions }

[<RequireQualifiedAccess>]
module internal SoftPolicy =

    /// Standard normal numbers for the actions at s and at s′.
    let noise, nextNoise = (fun (n: int) -> Column.step "noise" n), (fun (n: int) -> Column.step "nextNoise" n)

    /// For the actions of a space, which must be within finite bounds.
    let create (algorithm: string) (soft: SoftOptions) (observations: Space) (actions: Space) : SoftPolicy =
        let n = ActorCritics.actionCount algorithm actions
        let distribution = SquashedNormalPolicy.create n soft.LeastLogDeviation soft.LargestLogDeviation

        {
            Actor =
                ActorCritics.actor soft.Network soft.Convolutions observations actions Activation.Identity distribution
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

    /// a′ ~ π(·|s′) at each of the states that returns lead to.
    let atNext (policy: SoftPolicy) (actor: Parameters) (columns: TransitionColumns) (batch: Batch) =
        let next = NextStates.ofBatch policy.Options.OffPolicy columns None batch
        let noise = batch[nextNoise (next.Count * policy.Actions)]

        Expr.reshape [| next.Observations.Shape[0]; policy.Actions |] noise
        |> action policy (Actor.apply policy.Actor actor next.Observations)

    /// ln α of a temperature.
    let logOf (temperature: SoftTemperature) (batch: Batch) : Expr = batch.Block("temperature", temperature.Block)

    let private logTemperature (batch: Batch) = logOf SoftTemperature.first batch

    /// α.
    let temperature (batch: Batch) : Expr = Expr.exp (logTemperature batch)

    /// ln α of some temperatures as a group of an update.
    let temperatureGroupOf (temperatures: SoftTemperature list) (soft: SoftOptions) motion : ParameterGroup =
        let start = Math.Log soft.InitialTemperature

        ParameterGroup.beside
            "temperature"
            [ for own in temperatures -> { Name = own.Block; Shape = [||]; Initial = start } ]
            motion

    /// ln α as a group of an update.
    let temperatureGroup (soft: SoftOptions) (motion: GroupMotion) : ParameterGroup =
        temperatureGroupOf [ SoftTemperature.first ] soft motion

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

/// The networks of a soft actor-critic.
[<NoEquality; NoComparison>]
type internal SoftNetworks = { Policy: SoftPolicy; Critic: ActionCritic }

[<RequireQualifiedAccess>]
module internal SoftNetworks =

    /// Networks with the layers of the options, for the actions of a space, which must be within finite bounds.
    let create algorithm (soft: SoftOptions) (critics: int) (observations: Space) (actions: Space) : SoftNetworks =
        let policy = SoftPolicy.create algorithm soft observations actions

        {
            Policy = policy
            Critic = ActorCritics.critics soft.Network soft.Convolutions observations policy.Actions critics
        }

    /// θ: the actor, then the critics.
    let layout (networks: SoftNetworks) : Layout =
        Layout.append
            (Actor.layout networks.Policy.Actor)
            (Layout.under "critics" (ActionCritic.layout networks.Critic))
