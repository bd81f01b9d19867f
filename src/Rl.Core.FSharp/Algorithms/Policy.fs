/// A network's outputs as a distribution over the actions of a space: in expressions for learning, on spans for acting.
namespace Rl.Core.Algorithms

open System
open Rl.Core.Foundations
open Rl.Core.Autodiff
open Rl.Core.Distributions
open Rl.Core.Environments
open Rl.Core.Networks

/// In which units policies act where actions are numbers.
[<RequireQualifiedAccess>]
type ActionScaling =
    /// In those of the bounds: −1 and 1 are the ends of each finite interval, also within tuples and dictionaries. Numbers without two finite
    /// bounds are left alone.
    | Bounds
    /// In the environment's own, whatever the bounds.
    | None

/// Actions inside an algorithm are rows of float32: indices 0 … count − 1 of discrete choices, bits, and the unclipped numbers of
/// continuous ones in the units of the network's `ActionMap`, in the order of the space's elements.
[<RequireQualifiedAccess>]
module Policy =

    /// The head that an action space needs; `initialLogStandardDeviation` is for continuous actions.
    let rec headFor (initialLogStandardDeviation: float) (space: Space) : PolicyHead =
        match space with
        | Space.Discrete(count, _) -> PolicyHead.Categorical count
        | Space.Box(low, _, _) -> PolicyHead.DiagonalNormal(low.Length, initialLogStandardDeviation)
        | Space.MultiDiscrete(counts, _) -> PolicyHead.MultiCategorical(List.ofArray counts)
        | Space.MultiBinary _ -> PolicyHead.Bernoulli space.Size
        | Space.Tuple _
        | Space.Dict _ -> PolicyHead.Joint [ for _, part in space.Parts -> headFor initialLogStandardDeviation part ]

    /// The log-odds that stands for an impossible bit: its probability is 0 at float32 and float64.
    [<Literal>]
    let private Never = -1e8

    let private deviationOf (output: ActorCriticOutput) =
        match output.LogStandardDeviation with
        | Some logStandardDeviation -> logStandardDeviation
        | None -> Guard.fail (nameof output) "The network's output has no log standard deviation."

    /// Cuts the last axis (of one element a row, if there is none) from `start` on.
    let private cut start length (x: Expr) =
        if start = 0 && length = x.Shape[x.Rank - 1] then
            x
        else
            Expr.slice -1 start (start + length) x

    /// Each part of a joint head with where its outputs, actions, choices and deviations begin.
    let private places (parts: PolicyHead list) =
        let starts size = parts |> List.map size |> List.scan (+) 0 |> List.take parts.Length

        List.zip
            (List.zip parts (starts PolicyHead.outputs))
            (List.zip3 (starts PolicyHead.actions) (starts PolicyHead.choices) (starts PolicyHead.deviations))

    /// The outputs of one part of a joint head.
    let private partOutput (part: PolicyHead) outputs deviations (output: ActorCriticOutput) =
        { output with
            Policy = cut outputs (PolicyHead.outputs part) output.Policy
            LogStandardDeviation =
                if PolicyHead.deviations part = 0 then
                    None
                else
                    Option.map (cut deviations (PolicyHead.deviations part)) output.LogStandardDeviation
        }

    /// The parts of a joint head and of those within it, each with its own outputs; any other head with its outputs.
    let rec internal partsOf (head: PolicyHead) (output: ActorCriticOutput) : (PolicyHead * ActorCriticOutput) list =
        match head with
        | PolicyHead.Joint parts ->
            places parts
            |> List.collect (fun ((part, outputs), (_, _, deviations)) ->
                partsOf part (partOutput part outputs deviations output))
        | _ -> [ head, output ]

    /// The output with impossible choices ruled out: mask [..., choices] holds 1 for possible ones, else 0. Their probabilities are 0,
    /// their logits have derivative 0.
    let rec maskOutput (head: PolicyHead) (mask: Expr) (output: ActorCriticOutput) : ActorCriticOutput =
        let logits = output.Policy

        match head with
        | PolicyHead.Categorical _ -> { output with Policy = Categorical.maskLogits mask logits }
        | PolicyHead.MultiCategorical choices ->
            { output with Policy = MultiCategorical.maskLogits choices mask logits }
        | PolicyHead.Bernoulli count ->
            let pairs = Expr.reshape (Array.append logits.Shape [| 2 |]) mask
            let possible bit = pairs |> Expr.slice -1 bit (bit + 1) |> Expr.squeeze -1
            let notForced = Expr.select (possible 0) logits (Expr.number -Never)
            ignore count
            { output with Policy = Expr.select (possible 1) notForced (Expr.number Never) }
        | PolicyHead.Joint parts ->
            let masked =
                places parts
                |> List.map (fun ((part, outputs), (_, choices, deviations)) ->
                    let own = partOutput part outputs deviations output

                    if PolicyHead.choices part = 0 then
                        own.Policy
                    else
                        (maskOutput part (cut choices (PolicyHead.choices part) mask) own).Policy)

            { output with Policy = Expr.concat -1 masked }
        | PolicyHead.DiagonalNormal _
        | PolicyHead.StateDependentNormal _
        | PolicyHead.StateDependentExploration _ -> output

    /// The log-probabilities [M] of actions [M, actionSize], and the entropies [M] of the distributions.
    let rec evaluate (head: PolicyHead) (output: ActorCriticOutput) (actions: Expr) : struct (Expr * Expr) =
        let sumLast (x: Expr) = Expr.sumOver [| -1 |] x

        match head with
        | PolicyHead.Categorical _ ->
            let distribution = Categorical.ofLogits output.Policy
            struct (Categorical.logProbability (Expr.squeeze -1 actions) distribution, Categorical.entropy distribution)
        | PolicyHead.MultiCategorical choices ->
            let distribution = MultiCategorical.ofLogits choices output.Policy
            struct (MultiCategorical.logProbability actions distribution, MultiCategorical.entropy distribution)
        | PolicyHead.Bernoulli _ ->
            let distribution = Bernoulli.ofLogits output.Policy
            struct (sumLast (Bernoulli.logProbability actions distribution), sumLast (Bernoulli.entropy distribution))
        | PolicyHead.DiagonalNormal _
        | PolicyHead.StateDependentExploration _ ->
            let distribution = DiagonalNormal.create output.Policy (deviationOf output)
            struct (DiagonalNormal.logProbability actions distribution, DiagonalNormal.entropy distribution)
        | PolicyHead.StateDependentNormal count ->
            let distribution =
                DiagonalNormal.create (cut 0 count output.Policy) (Expr.slice -1 count (2 * count) output.Policy)

            struct (DiagonalNormal.logProbability actions distribution, DiagonalNormal.entropy distribution)
        | PolicyHead.Joint parts ->
            places parts
            |> List.map (fun ((part, outputs), (first, _, deviations)) ->
                evaluate part (partOutput part outputs deviations output) (cut first (PolicyHead.actions part) actions))
            |> List.reduce (fun (struct (a, b)) (struct (c, d)) -> struct (a + c, b + d))

    let private requireChoice (possible: ReadOnlySpan<bool>) =
        if not (possible.Contains true) then
            Guard.fail "mask" "mask allows no choice of a component of the action; at least one must be possible."

    /// Rules out impossible choices in the outputs of one row; `possible` has one element a choice. Fails where a component has none.
    let rec mask (head: PolicyHead) (possible: ReadOnlySpan<bool>) (outputs: Span<float32>) : unit =
        match head with
        | PolicyHead.Categorical _ ->
            requireChoice possible

            for choice in 0 .. possible.Length - 1 do
                if not possible[choice] then outputs[choice] <- Single.NegativeInfinity
        | PolicyHead.MultiCategorical choices ->
            let mutable start = 0

            for size in choices do
                mask (PolicyHead.Categorical size) (possible.Slice(start, size)) (outputs.Slice(start, size))
                start <- start + size
        | PolicyHead.Bernoulli count ->
            for bit in 0 .. count - 1 do
                requireChoice (possible.Slice(2 * bit, 2))
                if not possible[2 * bit] then outputs[bit] <- float32 -Never
                if not possible[2 * bit + 1] then outputs[bit] <- float32 Never
        | PolicyHead.Joint parts ->
            let mutable output, choice = 0, 0

            for part in parts do
                let size, choices = PolicyHead.outputs part, PolicyHead.choices part

                if choices > 0 then
                    mask part (possible.Slice(choice, choices)) (outputs.Slice(output, size))

                output <- output + size
                choice <- choice + choices
        | PolicyHead.DiagonalNormal _
        | PolicyHead.StateDependentNormal _
        | PolicyHead.StateDependentExploration _ -> ()

    /// Draws a policy action from the outputs of one row: struct (its log-probability, the generator that follows).
    /// `logStandardDeviation` is that of the row.
    let rec sample
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
        | PolicyHead.DiagonalNormal _
        | PolicyHead.StateDependentExploration _ -> DiagonalNormal.sample outputs logStandardDeviation action rng
        | PolicyHead.StateDependentNormal count ->
            DiagonalNormal.sample (outputs.Slice(0, count)) (outputs.Slice(count, count)) action rng
        | PolicyHead.Bernoulli _ -> Bernoulli.sample outputs action rng
        | PolicyHead.MultiCategorical choices ->
            let mutable rng, total, start, index = rng, 0.0f, 0, 0

            for size in choices do
                let struct (choice, logProbability, next) = Categorical.sample (outputs.Slice(start, size)) rng
                action[index] <- float32 choice
                total <- total + logProbability
                rng <- next
                start <- start + size
                index <- index + 1

            struct (total, rng)
        | PolicyHead.Joint parts ->
            let mutable rng, total, output, first, deviation = rng, 0.0f, 0, 0, 0

            for part in parts do
                let size, actions, deviations =
                    PolicyHead.outputs part, PolicyHead.actions part, PolicyHead.deviations part

                let struct (logProbability, next) =
                    sample
                        part
                        (outputs.Slice(output, size))
                        (logStandardDeviation.Slice(deviation, deviations))
                        (action.Slice(first, actions))
                        rng

                rng <- next
                total <- total + logProbability
                output <- output + size
                first <- first + actions
                deviation <- deviation + deviations

            struct (total, rng)

    /// The most probable policy action of one row.
    let rec mode (head: PolicyHead) (outputs: ReadOnlySpan<float32>) (action: Span<float32>) : unit =
        match head with
        | PolicyHead.Categorical _ -> action[0] <- float32 (Categorical.modeOf outputs)
        | PolicyHead.DiagonalNormal _
        | PolicyHead.StateDependentExploration _ -> outputs.CopyTo action
        | PolicyHead.StateDependentNormal count -> outputs.Slice(0, count).CopyTo action
        | PolicyHead.Bernoulli count ->
            for bit in 0 .. count - 1 do
                action[bit] <- if outputs[bit] > 0.0f then 1.0f else 0.0f
        | PolicyHead.MultiCategorical choices ->
            let mutable start, index = 0, 0

            for size in choices do
                action[index] <- float32 (Categorical.modeOf (outputs.Slice(start, size)))
                start <- start + size
                index <- index + 1
        | PolicyHead.Joint parts ->
            let mutable output, first = 0, 0

            for part in parts do
                let size, actions = PolicyHead.outputs part, PolicyHead.actions part
                mode part (outputs.Slice(output, size)) (action.Slice(first, actions))
                output <- output + size
                first <- first + actions

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

    /// The network with actions of the space in the units of `scaling`.
    let scaled (scaling: ActionScaling) (space: Space) (network: ActorCritic) : ActorCritic =
        { network with Actions = actionMap scaling space }

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

    /// The environment's action for a policy action: numbers through the map and clipped to their box, starts added to integers. Both may be
    /// the same memory.
    let toEnvironment
        (map: ActionMap)
        (space: Space)
        (policyAction: ReadOnlySpan<float32>)
        (action: Span<float32>)
        : unit =
        ActionMap.apply map policyAction action
        place space action
