/// What actor-critics from replayed steps share: actions within bounds, targets beside θ, drawn noise.
namespace Rl.Core.Algorithms

open Rl.Core.Acting
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Optimisers

/// Small functions of off-policy actor-critics.
[<RequireQualifiedAccess>]
module ActorCritics =

    /// Whether all numbers of an action have two finite bounds, so that (−1, 1) can be mapped to them.
    let suits (actions: Space) : bool =
        match actions with
        | Space.Box(low, high, _) ->
            Array.forall2 (fun l h -> abs l < ActionMap.Boundless && abs h < ActionMap.Boundless && l < h) low high
        | _ -> false

    /// The numbers of an action; fails where `suits` does not hold.
    let actionCount (algorithm: string) (actions: Space) : int =
        if suits actions then
            actions.Size
        else
            Guard.fail
                "environment"
                $"{algorithm} needs a Box action space whose bounds are all finite; the actions are {actions}. ppo, a2c, trpo and cem take any action space."

    /// An actor with hidden layers of PyTorch's start, in units of the bounds; `last` stands after its outputs.
    let actor activation (hidden: int list) (observations: Space) (actions: Space) (last: Activation) distribution =
        let actor = Actor.create activation (Encoding.size observations) hidden distribution

        { actor with
            Layers =
                { actor.Layers with
                    HiddenWeight = ActionCritic.startOfWeights
                    OutputWeight = ActionCritic.startOfWeights
                    OutputActivation = last
                }
        }
        |> Policy.scaledActor ActionScaling.Bounds actions

    /// Numbers beside θ with a layout, which begin as copies of a part of θ (`OffPolicyParts.Targets`).
    let target (name: string) (layout: Layout) (motion: GroupMotion) : ParameterGroup =
        {
            Name = name
            Layout = layout
            Place = GroupPlace.Array(Array.zeroCreate layout.Count)
            Motion = motion
            Project = None
        }

    /// Adam with PyTorch's constants, which moves what names it.
    let learns (name: string) (rate: float) : GroupMotion =
        GroupMotion.Learns(name, Optimiser.adam (Schedule.constant rate) 1e-8)

    /// Samples with standard normal numbers in further columns, drawn in their order: struct (samples, the generator
    /// that follows). The arrays are written anew each time.
    let withNoise (noise: (Column * float32[]) list) (samples: Samples) (key: Rng) : struct (Samples * Rng) =
        let mutable key = key

        for _, values in noise do
            for i in 0 .. values.Length - 1 do
                let struct (value, next) = Rng.normal key
                values[i] <- float32 value
                key <- next

        struct (samples.With noise, key)

    /// Copies a group's numbers from the update that has moved them to another that reads them.
    let pass (group: string) (from: Update) (into: Update) : unit =
        (from.Group group).Span.CopyTo((into.Group group).Span)

    /// The arrays of several updates, of which some are in more than one.
    let arrays (updates: Update list) : (string * float32[]) list =
        updates |> List.collect _.Arrays |> List.distinctBy fst
