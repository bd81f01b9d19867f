/// A network's outputs as a distribution over the actions of a space: in expressions for learning, on spans for acting.
namespace Rl.Core.Algorithms

open System
open Rl.Core.Foundations
open Rl.Core.Autodiff
open Rl.Core.Distributions
open Rl.Core.Environments
open Rl.Core.Networks

/// Actions inside an algorithm are rows of float32: the index 0 … count − 1 of a discrete action, or the unclipped numbers of a
/// continuous one.
[<RequireQualifiedAccess>]
module Policy =

    let private unsupportedSpace (space: Space) =
        Guard.fail
            (nameof space)
            $"Actions of {space} are not learnt by this algorithm; they must be of Discrete or Box."

    /// The head that an action space needs; `initialLogStandardDeviation` is for continuous actions. `ArgumentException` for other
    /// spaces than discrete ones and boxes.
    let headFor (initialLogStandardDeviation: float) (space: Space) =
        match space with
        | Space.Discrete(count, _) -> PolicyHead.Categorical count
        | Space.Box(low, _, _) -> PolicyHead.DiagonalNormal(low.Length, initialLogStandardDeviation)
        | Space.MultiDiscrete _
        | Space.MultiBinary _
        | Space.Tuple _
        | Space.Dict _ -> unsupportedSpace space

    let private unsupported (head: PolicyHead) =
        Guard.fail (nameof head) $"The head %A{head} does not belong to a space of discrete or box actions."

    let private normal (output: ActorCriticOutput) =
        match output.LogStandardDeviation with
        | Some logStandardDeviation -> DiagonalNormal.create output.Policy logStandardDeviation
        | None -> Guard.fail (nameof output) "The network's output has no log standard deviation."

    /// The log-probabilities [M] of actions [M, actionSize], and the entropies [M] of the distributions.
    let evaluate (head: PolicyHead) (output: ActorCriticOutput) (actions: Expr) : struct (Expr * Expr) =
        match head with
        | PolicyHead.Categorical _ ->
            let distribution = Categorical.ofLogits output.Policy
            struct (Categorical.logProbability (Expr.squeeze -1 actions) distribution, Categorical.entropy distribution)
        | PolicyHead.DiagonalNormal _ ->
            let distribution = normal output
            struct (DiagonalNormal.logProbability actions distribution, DiagonalNormal.entropy distribution)
        | _ -> unsupported head

    /// Draws a policy action from the outputs of one row: struct (its log-probability, the generator that follows).
    let sample
        (head: PolicyHead)
        (outputs: ReadOnlySpan<float32>)
        (logStandardDeviation: ReadOnlySpan<float32>)
        (action: Span<float32>)
        (rng: Rng)
        : struct (float32 * Rng) =
        match head with
        | PolicyHead.Categorical _ ->
            let struct (index, logProbability, rng) = Categorical.sample outputs rng
            action[0] <- float32 index
            struct (logProbability, rng)
        | PolicyHead.DiagonalNormal _ -> DiagonalNormal.sample outputs logStandardDeviation action rng
        | _ -> unsupported head

    /// The most probable policy action of one row.
    let mode (head: PolicyHead) (outputs: ReadOnlySpan<float32>) (action: Span<float32>) : unit =
        match head with
        | PolicyHead.Categorical _ -> action[0] <- float32 (Categorical.modeOf outputs)
        | PolicyHead.DiagonalNormal _ -> outputs.CopyTo action
        | _ -> unsupported head

    /// The environment's action for a policy action: the space's start added, or clipped to the box.
    let toEnvironment (space: Space) (policyAction: ReadOnlySpan<float32>) (action: Span<float32>) : unit =
        match space with
        | Space.Discrete(_, start) -> action[0] <- policyAction[0] + float32 start
        | Space.Box(low, high, _) ->
            for i in 0 .. action.Length - 1 do
                action[i] <- MathF.Min(float32 high[i], MathF.Max(float32 low[i], policyAction[i]))
        | Space.MultiDiscrete _
        | Space.MultiBinary _
        | Space.Tuple _
        | Space.Dict _ -> unsupportedSpace space
