/// REINFORCE: run whole episodes, credit each action with a return, step along ∇log π · credit.
namespace Rl.Core.Algorithms

open System
open System.Collections.Generic
open Rl.Core.Foundations
open Rl.Core.Autodiff
open Rl.Core.Environments
open Rl.Core.Networks
open Rl.Core.Objectives
open Rl.Core.Optimisers

/// The credit of each action: returns and advantages of trajectories as plain numbers.
[<RequireQualifiedAccess>]
module Credit =

    /// The estimate Ĝₜ of each step of one trajectory: Σₖ γᵏ rₖ over the whole of it, or Σ_{k ≥ t} γᵏ⁻ᵗ rₖ from t on, with
    /// γ^T · bootstrap after the last step.
    let returns (estimate: ReturnEstimate) (discount: float) (bootstrap: float) (rewards: float[]) : float[] =
        let result = Array.zeroCreate<float> rewards.Length
        let mutable following = bootstrap

        for t in rewards.Length - 1 .. -1 .. 0 do
            following <- rewards[t] + discount * following
            result[t] <- following

        match estimate with
        | ReturnEstimate.RewardToGo -> result
        | ReturnEstimate.FullReturn -> Array.create rewards.Length following

    /// The average baseline of each step of each trajectory: the mean of the estimates at the same step over the trajectories that
    /// reach it. For full returns at step 0 it is the lecture's b = (1/N) Σ r(τ) (slide 14).
    let averageBaseline (estimate: ReturnEstimate) (returns: float[][]) : float[][] =
        match estimate with
        | ReturnEstimate.FullReturn ->
            let mean = returns |> Array.averageBy (fun trajectory -> trajectory[0])
            returns |> Array.map (fun trajectory -> Array.create trajectory.Length mean)
        | ReturnEstimate.RewardToGo ->
            let longest = returns |> Array.map Array.length |> Array.max

            let means =
                Array.init longest (fun t ->
                    returns
                    |> Array.filter (fun trajectory -> t < trajectory.Length)
                    |> Array.averageBy (fun trajectory -> trajectory[t]))

            returns |> Array.map (fun trajectory -> Array.init trajectory.Length (fun t -> means[t]))

/// The compiled steps; samples are padded to a few sizes with weight 0, and programs are kept by size.
[<RequireQualifiedAccess>]
module ReinforceStep =

    /// The smallest power of two ≥ 64 that holds `samples`.
    let paddedSize (samples: int) = int (Numerics.BitOperations.RoundUpToPowerOf2(uint32 (max 64 samples)))

    let private optimiser (c: ReinforceConfiguration) rate =
        Optimiser.adam (Schedule.constant rate) 1e-8 |> Optimiser.clipped c.MaxGradientNorm

    /// The policy's optimiser.
    let policyOptimiser (c: ReinforceConfiguration) = optimiser c c.LearningRate
    /// The learned baseline's optimiser.
    let valueOptimiser (c: ReinforceConfiguration) = optimiser c c.ValueLearningRate

    /// A step on Σ over lanes of a loss of (observations, actions, credit, weight) rows, with one optimiser.
    let private step (network: ActorCritic) observationSize hasMasks m transform loss =
        let layout = ActorCritic.layout network
        let theta = Expr.input "theta" [| layout.Count |]
        let state = Optimiser.inputs "optimiser." layout.Count transform
        let observations = Expr.input "observations" [| m; observationSize |]
        let actions = Expr.input "actions" [| m; network.Head.ActionSize |]
        let masks = Expr.input "masks" [| m; max 1 network.Head.Choices |]
        let credit = Expr.input "credit" [| m |]
        let weights = Expr.input "weights" [| m |]
        let lanes = PpoStep.lanes m

        let part lane =
            let take (x: Expr) =
                let rows = Expr.slice 0 (lane * m / lanes) ((lane + 1) * m / lanes) x
                if lanes = 1 then rows else Expr.lane lane rows

            let output = ActorCritic.apply network (Parameters.create layout theta) (take observations)
            let output = if hasMasks then Policy.maskOutput network.Head (take masks) output else output
            let loss, metrics: Expr * Expr[] = loss output (take actions) (take credit) (take weights)
            (Diff.gradients loss [| theta |])[0], metrics

        let parts = Array.init lanes part
        let gradient = parts |> Array.map fst |> Array.reduce (+)
        let metrics = parts |> Array.map snd |> Array.reduce (Array.map2 (+))
        let struct (newTheta, newState) = Optimiser.update transform gradient state theta
        struct (metrics, gradient, (theta, newTheta) :: List.zip state newState)

    /// The policy's step: Σ w (−log π(a|s) · A − c · entropy). Inputs: theta, "optimiser." state, observations [M, o], actions [M, a],
    /// masks [M, choices] if there are any, credit [M] (the advantages), weights [M]. Outputs: policyLoss, entropy, gradientNorm.
    let policy (c: ReinforceConfiguration) (network: ActorCritic) observationSize hasMasks (m: int) : ProgramSource =
        let struct (metrics, gradient, carried) =
            step network observationSize hasMasks m (policyOptimiser c) (fun output actions advantages weights ->
                let struct (logProbability, entropy) = Policy.evaluate network.Head output actions
                let loss = Expr.sum (weights * PolicyGradients.score logProbability advantages)
                let entropy = Expr.sum (weights * entropy)
                loss - c.EntropyCoefficient * entropy, [| loss; entropy |])

        {
            Outputs =
                [
                    "policyLoss", metrics[0]
                    "entropy", metrics[1]
                    "gradientNorm", Expr.sqrt (Expr.sum (Expr.square gradient))
                ]
            Carried = carried
        }

    /// The learned baseline's step: Σ w ½ (V(s) − G)²; credit [M] holds the returns. Output: valueLoss.
    let value (c: ReinforceConfiguration) (network: ActorCritic) observationSize hasMasks (m: int) : ProgramSource =
        let struct (metrics, _, carried) =
            step network observationSize hasMasks m (valueOptimiser c) (fun output _ returns weights ->
                let loss = Expr.sum (weights * PolicyGradients.valueLoss output.Value returns)
                loss, [| loss |])

        { Outputs = [ "valueLoss", metrics[0] ]; Carried = carried }
