/// Environments that play recorded episodes, and the JSON of spaces and observations, for the golden tests of wrappers.
namespace Rl.Tests.Wrappers

open System
open System.Collections.Generic
open System.Text.Json
open Rl.Core.Environments
open Rl.Tests.Golden

[<RequireQualifiedAccess>]
module Recorded =

    let rec private elements (node: GoldenNode) : seq<float> =
        if node.Element.ValueKind = JsonValueKind.Object then
            Seq.collect (fun (_, part) -> elements part) node.Members
        else
            node.AsArray.Values

    /// An observation or action, flat; the parts of a dictionary in the file's order, which is the alphabet's.
    let values (node: GoldenNode) : float32[] = elements node |> Seq.map float32 |> Array.ofSeq

    let rec space (node: GoldenNode) : Space =
        match node.Text "type" with
        | "Box" -> Space.box (node.Floats "low") (node.Floats "high") (node.Ints "shape")
        | "Discrete" -> Space.discreteFrom (node.Int "start") (node.Int "n")
        | "MultiDiscrete" -> Space.multiDiscrete (node.Ints "nvec")
        | "Dict" -> Space.dict [ for name, part in node["spaces"].Members -> name, space part ]
        | kind -> failwith $"{node.Path}: the space {kind} is not known here."

    /// [height; width; channels] to [channels; height; width].
    let channelsFirst (channels: int) (image: float32[]) : float32[] =
        let pixels = image.Length / channels
        Array.init image.Length (fun i -> image[i % pixels * channels + i / pixels])

/// Plays the episodes of a script one after the other, from the first again after the last, and keeps the actions that
/// it gets.
type RecordedScript
    (observationSpace: Space, actionSpace: Space, episodes: GoldenNode list, arrange: float32[] -> float32[]) =
    let observation (node: GoldenNode) = arrange (Recorded.values node)

    let script =
        [|
            for episode in episodes ->
                observation episode["reset_obs"],
                [|
                    for step in episode["steps"].Items ->
                        let parts = step.Items
                        observation parts[0], parts[1].AsFloat, parts[2].AsFloat = 1.0, parts[3].AsFloat = 1.0
                |]
        |]

    let actions = List<float32[]>()
    let mutable episode = -1
    let mutable step = 0
    /// The actions that reached it.
    member _.Actions = actions

    interface IMutableEnvironment with
        member _.ObservationSpace = observationSpace
        member _.ActionSpace = actionSpace
        member _.MaxEpisodeSteps = 0

        member _.Reset(_, target) =
            episode <- (episode + 1) % script.Length
            step <- 0
            ReadOnlySpan(fst script[episode]).CopyTo target

        member _.Step(action, target) =
            actions.Add(action.ToArray())
            let values, reward, terminated, truncated = (snd script[episode])[step]
            step <- step + 1
            ReadOnlySpan(values).CopyTo target
            { Reward = reward; Terminated = terminated; Truncated = truncated }
