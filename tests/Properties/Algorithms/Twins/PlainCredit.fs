/// What the on-policy twins share: collected and credited steps, losses as terms, minibatches, the fit of values.
namespace Rl.Tests.Algorithms.Twins

open System
open Rl.Core.Acting
open Rl.Core.Algorithms
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning

/// A learner's network, state and environments, as its twin sees them.
type TwinView =
    {
        Network: PlainNetwork
        State: TrainingState
        /// The twin's own: as many copies of the same task.
        Environment: BatchEnvironment
    }

    /// θ.
    member this.Theta = this.State.Parameters |> Array.map float

/// A rollout with what its steps are credited with, and what the state knows after it.
type Collected =
    {
        Steps: TwinStep[]
        /// Generalised advantages.
        Advantages: float[]
        /// λ-returns.
        Returns: float[]
        /// λ-returns at λ = 1.
        ToGo: float[]
        Observations: PlainStatistics
        Rewards: PlainStatistics
        DiscountedReturns: float[]
        ActionKeys: Rng[]
    }

/// A number that a loss or a report is made of: its name, its weight in the loss (0 where it is only reported), itself.
type PlainTerm = { Name: string; Weight: float; Value: Scalar }

/// Called without its name by the twins.
module PlainCredit =

    /// What is known before the first step.
    let nothing (state: TrainingState) : Collected =
        {
            Steps = [||]
            Advantages = [||]
            Returns = [||]
            ToGo = [||]
            Observations = PlainStatistics.ofRunning state.Observations
            Rewards = PlainStatistics.ofRunning state.Rewards
            DiscountedReturns = state.DiscountedReturns
            ActionKeys = state.ActionKeys
        }

    /// A rollout of the policy θ after another.
    let collect (c: OnPolicyOptions) network theta (world: TwinWorld) (before: Collected) : Collected =
        let copies = world.Copies
        let lived = PlainExperience.rollout network theta before.Observations c.RolloutSteps world

        let struct (steps, rewards, discountedReturns) =
            PlainExperience.scaleRewards copies c.Discount before.Rewards before.DiscountedReturns lived

        let returns = PlainExperience.lambdaReturns copies c.Discount c.GaeLambda steps

        {
            Steps = steps
            Advantages = Array.map2 (fun (step: TwinStep) total -> total - step.Value) steps returns
            Returns = returns
            ToGo = PlainExperience.lambdaReturns copies c.Discount 1.0 steps
            Observations = PlainStatistics.add (steps |> Array.map _.Raw) before.Observations
            Rewards = rewards
            DiscountedReturns = discountedReturns
            ActionKeys = world.Keys
        }

    /// The first rollout of a transition.
    let collectFirst (c: OnPolicyOptions) (view: TwinView) : Collected =
        nothing view.State |> collect c view.Network view.Theta (TwinWorld(view.Environment, view.State))

    /// Advantages, standardised over the rollout if the options say so.
    let advantages (c: OnPolicyOptions) (collected: Collected) =
        if c.NormaliseAdvantages then
            PlainExperience.standardise collected.Advantages
        else
            collected.Advantages

    /// 1 − Var(G − V) / Var(G).
    let explainedVariance (collected: Collected) =
        let variance (values: float[]) =
            let mean = Array.average values
            values |> Array.averageBy (fun x -> (x - mean) * (x - mean))

        let errors = Array.map2 (fun (step: TwinStep) total -> total - step.Value) collected.Steps collected.Returns
        "explainedVariance", 1.0 - variance errors / variance collected.Returns

    let policyOf network theta (step: TwinStep) = PlainNetwork.policy network theta step.Observation step.Mask

    /// The policies of steps, as they are before anything is learned.
    let frozenPolicies network (theta: float[]) (steps: TwinStep[]) =
        let theta = Array.map Scalar.constant theta
        steps |> Array.map (policyOf network theta >> PlainPolicy.frozen)

    let term name weight value = { Name = name; Weight = weight; Value = value }

    /// The mean of f over the numbers of samples.
    let meanOver (indices: int[]) (f: int -> Scalar) = indices |> Array.map f |> Scalar.mean

    /// mean ½ (V(s) − R)².
    let valueLoss network theta (steps: TwinStep[]) (returns: float[]) (indices: int[]) =
        meanOver indices (fun i ->
            0.5 * Scalar.square (PlainNetwork.value network theta steps[i].Observation - returns[i]))

    /// The terms of a loss at a point, and the gradient of their weighted sum.
    let differentiate (point: float[]) (terms: Scalar[] -> PlainTerm list) : struct ((string * float) list * float[]) =
        let mutable values = []

        let struct (_, gradient) =
            point
            |> Scalar.differentiate (fun leaves ->
                let terms = terms leaves
                values <- terms |> List.map (fun term -> term.Name, term.Value.Value)
                terms |> List.map (fun term -> term.Weight * term.Value) |> List.toArray |> Scalar.sum)

        struct (values, gradient)

    /// As few minibatches as there can be of no more than `largest` samples: struct (their number, their size).
    let cut samples largest =
        let count = (samples + largest - 1) / largest
        struct (count, samples / count)

    /// Epochs of minibatches of shuffled samples, until `isDone` after one: struct (epochs, the key that follows).
    let epochs samples (struct (count, size)) most (key: Rng) (learn: int[] -> unit) (isDone: unit -> bool) =
        let order = Array.init samples id
        let mutable key = key
        let mutable epoch = 0
        let mutable finished = false

        while epoch < most && not finished do
            epoch <- epoch + 1
            key <- Rng.shuffle (Span order) key

            for number in 0 .. count - 1 do
                learn (Array.sub order (number * size) size)

            finished <- isDone ()

        struct (epoch, key)

    /// The means of reported numbers over the steps that reported them.
    let means (reports: seq<(string * float) list>) : (string * float) list =
        reports
        |> Seq.concat
        |> Seq.groupBy fst
        |> Seq.map (fun (name, values) -> name, values |> Seq.averageBy snd)
        |> Seq.toList

    /// A step of the critic along the gradient of its loss on some samples; θ is changed in place.
    let fitValues (network: PlainNetwork) (theta: float[]) (adam: PlainAdam) bound steps returns indices =
        let struct (values, gradient) =
            differentiate theta (fun theta -> [ term "valueLoss" 1.0 (valueLoss network theta steps returns indices) ])

        let own = Gradient.clip bound gradient[network.ActorCount ..]
        (adam.Step(theta[network.ActorCount ..], own)).CopyTo(theta, network.ActorCount)
        values

    /// A step of the actor along the gradient of a loss; θ is changed in place. Gives the terms with the norm.
    let movePolicy (network: PlainNetwork) (theta: float[]) (adam: PlainAdam) bound terms =
        let struct (values, gradient) = differentiate theta terms
        let own = gradient[.. network.ActorCount - 1]
        (adam.Step(theta[.. network.ActorCount - 1], Gradient.clip bound own)).CopyTo(theta, 0)
        values @ [ "gradientNorm", Gradient.norm own ]

    /// What to expect after a rollout and its learning.
    let expect (collected: Collected) key theta arrays metrics : Expected =
        {
            Theta = theta
            Arrays = arrays
            Observations = collected.Observations
            Rewards = collected.Rewards
            DiscountedReturns = collected.DiscountedReturns
            Key = key
            ActionKeys = collected.ActionKeys
            Metrics = metrics
        }
