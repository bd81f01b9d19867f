/// Which options may change in the middle of training.
namespace Rl.Core.Training

open System
open Rl.Core.Acting
open Rl.Core.Learning

/// Whether training that has begun can go on with other options.
[<RequireQualifiedAccess>]
module OptionChange =

    let private bytes (network: Actor) =
        let output = BinaryOut()
        NetworkFormat.writeActor output network
        output.ToArray()

    /// Why a learner with other options cannot go on from a state that acts with `network`: other parameters, layers or
    /// arrays of optimisers, another memory, another number of copies. Nothing if it can.
    let misfit (learner: Learner) (network: Actor) (state: TrainingState) : string option =
        match CheckpointRules.misfit learner network state with
        | Some complaint -> Some complaint
        | None when learner.Environment.Count <> state.Environments.Count ->
            Some(
                $"it has the episodes of {state.Environments.Count} copies, and its options need "
                + $"{learner.Environment.Count}"
            )
        | None when not ((bytes network).AsSpan().SequenceEqual(bytes learner.Network)) ->
            Some "its network computes otherwise with the same parameters"
        | None -> None

    /// The first array in which two first states differ that were made of the same key by different options: what such
    /// options say is said when training begins, and nobody asks for it later. Nothing if they begin alike.
    let differenceAtStart (one: TrainingState) (other: TrainingState) : string option =
        let isSame (first: float32[]) (second: float32[]) = first.AsSpan().SequenceEqual(second.AsSpan())

        if not (isSame one.Parameters other.Parameters) then
            Some "the first parameters"
        else
            one.Arrays
            |> List.tryPick (fun (name, values) ->
                match other.Arrays |> List.tryFind (fun (known, _) -> known = name) with
                | Some(_, others) when isSame values others -> None
                | _ -> Some name)
