/// The columns of rollouts, and what networks make of them.
namespace Rl.Core.Experience

open Rl.Core.Acting
open Rl.Core.Autodiff
open Rl.Core.Environments
open Rl.Core.Networks

/// The columns of rollouts.
type RolloutColumns =
    {
        /// sₜ as the network saw it: encoded and normalised.
        Observations: Column
        /// aₜ, the policy's.
        Actions: Column
        /// 1 for the choices that were possible, else 0.
        Masks: Column
        /// Whether some choices are impossible at times; only then are there `Masks`.
        HasMasks: bool
        /// log π_old(a|s).
        OldLogProbabilities: Column
        /// Aₜ.
        Advantages: Column
        /// The λ-returns Aₜ + V(sₜ), or what else values are fitted to.
        Returns: Column
        /// V(sₜ) when the step was taken.
        OldValues: Column
        /// Of sequences: 0 where an episode starts within one, else 1.
        Keep: Column
        /// Of sequences: the recurrent states before them.
        States: Column
    }

    /// What a policy is computed from, without what it did.
    member this.Conditions: Column list =
        if this.HasMasks then
            [ this.Observations; this.Masks ]
        else
            [ this.Observations ]

/// The columns of rollouts with a network's policy.
[<RequireQualifiedAccess>]
module RolloutColumns =

    /// The columns for a network.
    let create (network: ActorCritic) (hasMasks: bool) : RolloutColumns =
        {
            Observations = Column.step "observations" (ActorCritic.inputs network)
            Actions = Column.step "actions" network.Head.ActionSize
            Masks = Column.step "masks" network.Head.Choices
            HasMasks = hasMasks
            OldLogProbabilities = Column.number "oldLogProbabilities"
            Advantages = Column.number "advantages"
            Returns = Column.number "returns"
            OldValues = Column.number "oldValues"
            Keep = Column.number "keep"
            States = Column.unit "states" network.StateSize
        }

    /// The columns for a network and an environment.
    let ofEnvironment network (environment: BatchEnvironment) = create network environment.HasActionMasks

/// What networks make of the rows of a batch.
[<RequireQualifiedAccess>]
module Forward =

    /// A policy's output with the impossible choices of the rows ruled out.
    let masked (network: ActorCritic) (columns: RolloutColumns) (batch: Batch) (output: ActorCriticOutput) =
        if columns.HasMasks then
            Policy.maskOutput network.Head batch[columns.Masks] output
        else
            output

    /// The policy alone, of the group "actor", or "network" without it; its Value is the number 0.
    let policy (network: ActorCritic) (columns: RolloutColumns) (batch: Batch) : ActorCriticOutput =
        let group = if batch.HasGroup "actor" then "actor" else "network"

        ActorCritic.actor network (batch.Parameters group) batch[columns.Observations]
        |> masked network columns batch

    /// The values alone, of the group "critic".
    let value (network: ActorCritic) (columns: RolloutColumns) (batch: Batch) : Expr =
        ActorCritic.value network (batch.Parameters "critic") batch[columns.Observations]

    /// Policy and values: of the group "network", what they share evaluated once, or of the groups "actor" and
    /// "critic".
    let output (network: ActorCritic) (columns: RolloutColumns) (batch: Batch) : ActorCriticOutput =
        if not (batch.HasGroup "network") then
            { policy network columns batch with Value = value network columns batch }
        else
            let parameters = batch.Parameters "network"

            if network.Memory.IsSome then
                let observations, keep = batch.Sequences columns.Observations, batch.Sequences columns.Keep
                ActorCritic.unroll network parameters keep observations batch[columns.States]
            else
                ActorCritic.apply network parameters batch[columns.Observations]
            |> masked network columns batch
