/// From spaces of actions to distributions, and from a policy's actions to the environment's.
namespace Rl.Core.Acting

open System
open Rl.Core.Foundations
open Rl.Core.Autodiff
open Rl.Core.Environments
open Rl.Core.Networks

/// In which units policies act where actions are numbers.
[<RequireQualifiedAccess>]
type ActionScaling =
    /// In those of the bounds: −1 and 1 are the ends of each finite interval, also within tuples and dictionaries.
    /// Numbers without two finite bounds are left alone.
    | Bounds
    /// In the environment's own, whatever the bounds.
    | None

/// Actions inside an algorithm are rows of float32: indices 0 … count − 1 of discrete choices, bits, and the unclipped
/// numbers of continuous ones in the units of the network's `ActionMap`, in the order of the space's elements.
[<RequireQualifiedAccess>]
module Policy =

    /// The distribution that an action space needs; `ofNumbers` is that of so many continuous actions.
    let rec headWith (ofNumbers: int -> ActionDistribution) (space: Space) : ActionDistribution =
        match space with
        | Space.Discrete(count, _) -> CategoricalPolicy.create count
        | Space.Box(low, _, _) -> ofNumbers low.Length
        | Space.MultiDiscrete(counts, _) -> MultiCategoricalPolicy.create (List.ofArray counts)
        | Space.MultiBinary _ -> BernoulliPolicy.create space.Size
        | Space.Tuple _
        | Space.Dict _ -> JointPolicy.create [ for _, part in space.Parts -> headWith ofNumbers part ]

    /// The distribution that an action space needs; `initialLogStandardDeviation` is for continuous actions.
    let headFor (initialLogStandardDeviation: float) (space: Space) : ActionDistribution =
        headWith (fun count -> DiagonalNormalPolicy.create count initialLogStandardDeviation) space

    /// The output with impossible choices ruled out; see `ActionDistribution.MaskOutput`.
    let maskOutput (head: ActionDistribution) (mask: Expr) (output: ActorOutput) : ActorOutput =
        head.MaskOutput mask output

    /// The log-probabilities [M] of actions [M, actionSize], and the entropies [M] of the distributions.
    let evaluate (head: ActionDistribution) (output: ActorOutput) (actions: Expr) : struct (Expr * Expr) =
        head.Evaluate output actions

    /// Rules out impossible choices in the outputs of one row; `possible` has one element a choice. Fails where a
    /// component has none.
    let mask (head: ActionDistribution) (possible: ReadOnlySpan<bool>) (outputs: Span<float32>) : unit =
        head.Mask.Invoke(possible, outputs)

    /// Draws a policy action from the outputs of one row: struct (its log-probability, the generator that follows).
    /// `logStandardDeviation` is that of the row.
    let sample
        (head: ActionDistribution)
        (outputs: ReadOnlySpan<float32>)
        (logStandardDeviation: ReadOnlySpan<float32>)
        (action: Span<float32>)
        (rng: Rng)
        : struct (float32 * Rng) =
        head.Sample.Invoke(outputs, logStandardDeviation, action, rng)

    /// The most probable policy action of one row.
    let mode (head: ActionDistribution) (outputs: ReadOnlySpan<float32>) (action: Span<float32>) : unit =
        head.Mode.Invoke(outputs, action)

    /// The map from the policy's numbers to those of a space.
    let actionMap (scaling: ActionScaling) (space: Space) : ActionMap =
        let rec units (space: Space) : struct (float * float)[] =
            match space with
            | Space.Box(low, high, _) -> Array.map2 ActionMap.unitOf low high
            | Space.Tuple _
            | Space.Dict _ -> space.Parts |> List.map (fun (_, part) -> units part) |> Array.concat
            | Space.Discrete _
            | Space.MultiDiscrete _
            | Space.MultiBinary _ -> Array.create space.Size (struct (0.0, 1.0))

        match scaling with
        | ActionScaling.Bounds -> ActionMap.ofUnits (units space)
        | ActionScaling.None -> ActionMap.identity

    /// The actor with actions of the space in the units of `scaling`.
    let scaledActor (scaling: ActionScaling) (space: Space) (actor: Actor) : Actor =
        { actor with Actions = actionMap scaling space }

    /// The network with actions of the space in the units of `scaling`.
    let scaled (scaling: ActionScaling) (space: Space) (network: ActorCritic) : ActorCritic =
        { network with Actor = scaledActor scaling space network.Actor }

    /// Moves numbers into the space in place: starts added to integers, numbers clipped to their box.
    let rec private place (space: Space) (action: Span<float32>) : unit =
        match space with
        | Space.Discrete(_, start) -> action[0] <- action[0] + float32 start
        | Space.Box(low, high, _) ->
            for i in 0 .. action.Length - 1 do
                action[i] <- MathF.Min(float32 high[i], MathF.Max(float32 low[i], action[i]))
        | Space.MultiDiscrete(_, starts) ->
            for i in 0 .. action.Length - 1 do
                action[i] <- action[i] + float32 starts[i]
        | Space.MultiBinary _ -> ()
        | Space.Tuple parts ->
            let mutable offset = 0

            for part in parts do
                place part (action.Slice(offset, part.Size))
                offset <- offset + part.Size
        | Space.Dict entries ->
            let mutable offset = 0

            for _, part in entries do
                place part (action.Slice(offset, part.Size))
                offset <- offset + part.Size

    /// The environment's action for a policy action: numbers through the map and clipped to their box, starts added to
    /// integers. Both may be the same memory.
    let toEnvironment
        (map: ActionMap)
        (space: Space)
        (policyAction: ReadOnlySpan<float32>)
        (action: Span<float32>)
        : unit =
        ActionMap.apply map policyAction action
        place space action

    /// Takes starts off integers in place.
    let rec private unplace (space: Space) (action: Span<float32>) : unit =
        match space with
        | Space.Discrete(_, start) -> action[0] <- action[0] - float32 start
        | Space.MultiDiscrete(_, starts) ->
            for i in 0 .. action.Length - 1 do
                action[i] <- action[i] - float32 starts[i]
        | Space.Box _
        | Space.MultiBinary _ -> ()
        | Space.Tuple _
        | Space.Dict _ ->
            let mutable offset = 0

            for _, part in space.Parts do
                unplace part (action.Slice(offset, part.Size))
                offset <- offset + part.Size

    /// The policy's action for an environment's: what `toEnvironment` makes the environment's of, up to rounding. Both
    /// may be the same memory.
    let ofEnvironment (map: ActionMap) (space: Space) (action: ReadOnlySpan<float32>) (policyAction: Span<float32>) =
        ActionMap.invert map action policyAction
        unplace space policyAction
