/// The twins of algorithms from recorded steps whose actors are functions of the state: TD3+BC and ReBRAC.
module Rl.Tests.Algorithms.Twins.PlainOfflineDeterministic

open System
open Rl.Core.Algorithms
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Tests.Algorithms.Twins.PlainActorCritics
open Rl.Tests.Algorithms.Twins.PlainOffline
open Rl.Tests.Algorithms.Twins.PlainSoftActorCritics

/// A critic's layers by name, whose numbers begin at `first` of θ, with normalised outputs before each activation.
type private NormalisedCritic(layers: PlainLayer list, first: int, hidden: Scalar -> Scalar) =
    let normalise (theta: Scalar[]) (layer: PlainLayer) (x: Scalar[]) =
        match layer.Normalisation with
        | ValueNone -> x
        | ValueSome(struct (scale, shift)) ->
            let mean = Scalar.mean x
            let variance = x |> Array.map (fun value -> Scalar.square (value - mean)) |> Scalar.mean
            let size = Scalar.exp (0.5 * Scalar.log (variance + 1e-5))

            x
            |> Array.mapi (fun i value -> (value - mean) / size * theta[scale - first + i] + theta[shift - first + i])

    let through (theta: Scalar[]) (layer: PlainLayer) x =
        PlainNetwork.dense theta { layer with Weight = layer.Weight - first; Bias = layer.Bias - first } x

    member _.Value(theta: Scalar[], x: Scalar[]) : Scalar =
        let before, last = List.take (layers.Length - 1) layers, List.last layers

        let features =
            before
            |> List.fold (fun x layer -> through theta layer x |> normalise theta layer |> Array.map hidden) x

        (through theta last features)[0]

/// TD3 from recorded steps. `penalty` is what the value of s′ pays for a row and an action, `cost` what the actor pays
/// beside −λ q, λ = `weight` over the mean size of q.
let private deterministic (c: Td3Options) followsLeast weight penalty cost (view: OfflineView) : Expected =
    let environment = view.Learner.Environment
    let n = environment.ActionSize
    let networks = Networks(c.Network, environment.ObservationSize, n, n, Scalar.tanh, c.Critics)
    let actorCount, layout = networks.ActorCount, view.Learner.Layout

    let each =
        [|
            for index in 0 .. c.Critics - 1 ->
                let names = [ for layer in 0 .. c.Network.Hidden.Length - 1 -> string layer ] @ [ "output" ]
                let layers = names |> List.map (fun name -> PlainNetwork.layer layout $"critics/{index}/{name}")
                NormalisedCritic(layers, actorCount, activation c.Network.Activation)
        |]

    let values theta (seen: float[]) action =
        each |> Array.map (fun critic -> critic.Value(theta, Array.append (constants seen) action))

    let mutable actor, critics = Array.splitAt actorCount (Array.map float view.State.Parameters)
    let mutable targetActor, targets = arrayOf view "targetActor", arrayOf view "targets"
    let mutable waited = int (arrayOf view "criticSteps").[0]
    let ofActor, ofCritics = Adam("actorOptimiser", view.State), Adam("criticOptimiser", view.State)
    let reports = Reports()

    let learn (batch: Recorded[]) steps key =
        let noise, key = normals batch.Length n key

        let y =
            batch
            |> Array.mapi (fun i row ->
                let action =
                    networks.Policy(constants targetActor, row.Seen.Led)
                    |> Array.mapi (fun k a ->
                        let moved = rateOf c.Plan steps c.SmoothingDeviation * noise[i][k]
                        Math.Clamp(a.Value + Math.Clamp(moved, -c.SmoothingLimit, c.SmoothingLimit), -1.0, 1.0))

                let value = (least (values (constants targets) row.Seen.Led (constants action))).Value
                row.Seen.Earned + row.Seen.Factor * (value - penalty row.Row action))

        let struct (loss, gradient) =
            critics
            |> Scalar.differentiate (fun theta ->
                batch
                |> Array.mapi (fun i row -> values theta row.Seen.Seen (constants row.Seen.Taken) |> errorsFrom y[i])
                |> Scalar.mean)

        reports.Add("criticLoss", loss)
        critics <- ofCritics.Step(rateOf c.Plan steps c.CriticLearningRate, critics, gradient)
        waited <- waited + 1

        if waited = c.PolicyDelay then
            waited <- 0

            let struct (loss, gradient) =
                actor
                |> Scalar.differentiate (fun theta ->
                    let actions = batch |> Array.map (fun row -> networks.Policy(theta, row.Seen.Seen))

                    let followed =
                        Array.map2
                            (fun row action ->
                                let all = values (constants critics) row.Seen.Seen action
                                if followsLeast then least all else all[0])
                            batch
                            actions

                    let scale = weight / (followed |> Array.averageBy (fun q -> abs q.Value))

                    Array.map3
                        (fun (q: Scalar) action row -> -scale * q + cost action row.Seen.Taken)
                        followed
                        actions
                        batch
                    |> Scalar.mean)

            reports.Add("actorLoss", loss)
            actor <- ofActor.Step(rateOf c.Plan steps c.Rate.LearningRate, actor, gradient)
            targetActor <- follow c.TargetRate actor targetActor
            targets <- follow c.TargetRate critics targets

        key

    let expect = live c.OffPolicy ValueNone view learn

    expect
        (Array.append actor critics)
        [
            "targetActor", targetActor
            "targets", targets
            "criticSteps", [| float waited |]
            yield! ofActor.Arrays
            yield! ofCritics.Arrays
        ]
        reports.Means

let private distance (action: Scalar[]) (taken: float[]) : Scalar =
    Array.map2 (fun (a: Scalar) (b: float) -> Scalar.square (a - b)) action taken |> Scalar.sum

/// TD3 with behaviour cloning (Fujimoto and Gu 2021).
let td3Bc (c: Td3BcOptions) (view: OfflineView) : Expected =
    let cost (action: Scalar[]) (taken: float[]) = distance action taken / float taken.Length
    deterministic c.Td3 false c.ValueWeight (fun _ _ -> 0.0) cost view

/// ReBRAC (Tarasov et al. 2023).
let reBrac (c: ReBracOptions) (view: OfflineView) : Expected =
    let steps = List.toArray view.Data.Steps

    let penalty row (action: float[]) =
        // Nothing is known of what followed the last step of an episode.
        if steps[row].Ended || row = steps.Length - 1 then
            0.0
        else
            c.CriticPenalty * Array.sum (Array.map2 (fun a b -> (a - b) ** 2.0) action steps[row + 1].Action)

    deterministic c.Td3 true 1.0 penalty (fun action taken -> c.ActorPenalty * distance action taken) view
