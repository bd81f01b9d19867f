/// The twins of batch-constrained Q-learning, of numbers and of choices.
module Rl.Tests.Algorithms.Twins.PlainBcq

open Rl.Core.Algorithms
open Rl.Core.Learning
open Rl.Tests.Algorithms.Twins.PlainActorCritics
open Rl.Tests.Algorithms.Twins.PlainOffline
open Rl.Tests.Algorithms.Twins.PlainOfflineCritics

/// Batch-constrained Q-learning (Fujimoto, Meger and Precup 2019).
let bcq (c: BcqOptions) (view: OfflineView) : Expected =
    let environment = view.Learner.Environment
    let observed, n, count = environment.ObservationSize, environment.ActionSize, c.ActionSamples
    let d = 2 * n
    let hidden = activation c.Network.Activation
    let net inputs outputs last = { Widths = [ inputs ] @ c.Network.Hidden @ [ outputs ]; Hidden = hidden; Last = last }
    let ofDecoder, ofMove = net (observed + d) n Scalar.tanh, net (observed + n) n Scalar.tanh
    let ofCritic, ofEncoder = net (observed + n) 1 id, net (observed + n) (2 * d) id
    let size = Perceptron.count ofCritic

    let parts =
        Array.map float view.State.Parameters
        |> cut [ Perceptron.count ofDecoder; Perceptron.count ofMove; c.Critics * size; count * d ]

    let mutable decoder, move, critics, encoder = parts[0], parts[1], parts[2], parts[4]
    let mutable targetMove, targets = arrayOf view "targetPerturbation", arrayOf view "targets"
    let adam name = Adam(name, view.State)
    let forEncoder, forDecoder = adam "encoderOptimiser", adam "decoderOptimiser"
    let forCritics, forMove = adam "criticOptimiser", adam "perturbationOptimiser"
    let reports = Reports()
    let beside (seen: float[]) (further: Scalar[]) = Array.append (constants seen) further
    let decode theta seen (latents: Scalar[]) = Perceptron.apply ofDecoder theta 0 (beside seen latents)

    let perturb theta seen (action: Scalar[]) =
        Perceptron.apply ofMove theta 0 (beside seen action)
        |> Array.map2 (fun (a: Scalar) (xi: Scalar) -> clamp -1.0 1.0 (a + c.PerturbationReach * xi)) action

    let values theta seen action =
        Array.init c.Critics (fun k -> (Perceptron.apply ofCritic theta (k * size) (beside seen action))[0])

    /// What the decoder makes of standard normal numbers that are cut off at a half.
    let propose theta seen (noise: float[]) =
        noise |> Array.map (fun z -> Scalar.constant (max -0.5 (min 0.5 z))) |> decode theta seen

    let learn (batch: Recorded[]) steps key =
        let noise, key = normals batch.Length d key
        let next, key = normals batch.Length (count * d) key
        let present, key = normals batch.Length d key

        let struct (ofEncoding, ofDecoding) =
            PlainGenerator.gradients
                c.DivergenceWeight
                reports
                batch
                noise
                (fun theta seen action -> Perceptron.apply ofEncoder theta 0 (beside seen action))
                decode
                encoder
                decoder

        let rate = rateOf c.Plan steps c.GeneratorLearningRate
        encoder <- forEncoder.Step(rate, encoder, ofEncoding)
        decoder <- forDecoder.Step(rate, decoder, ofDecoding)

        let y =
            batch
            |> Array.mapi (fun i row ->
                let worth k =
                    let action =
                        Array.sub next[i] (k * d) d
                        |> propose (constants decoder) row.Seen.Led
                        |> perturb (constants targetMove) row.Seen.Led

                    let q = values (constants targets) row.Seen.Led action |> Array.map Scalar.value
                    c.LeastShare * Array.min q + (1.0 - c.LeastShare) * Array.max q

                row.Seen.Earned + row.Seen.Factor * Array.max (Array.init count worth))

        let struct (loss, gradient) =
            critics
            |> Scalar.differentiate (fun theta ->
                batch
                |> Array.mapi (fun i row -> values theta row.Seen.Seen (constants row.Seen.Taken) |> errorsFrom y[i])
                |> Scalar.mean)

        reports.Add("criticLoss", loss)
        critics <- forCritics.Step(rateOf c.Plan steps c.CriticLearningRate, critics, gradient)
        targets <- follow c.TargetRate critics targets

        let struct (loss, gradient) =
            move
            |> Scalar.differentiate (fun theta ->
                batch
                |> Array.mapi (fun i row ->
                    let seen = row.Seen.Seen
                    let action = propose (constants decoder) seen present[i] |> perturb theta seen
                    -(values (constants critics) seen action).[0])
                |> Scalar.mean)

        reports.Add("actorLoss", loss)
        move <- forMove.Step(rateOf c.Plan steps c.Rate.LearningRate, move, gradient)
        targetMove <- follow c.TargetRate move targetMove
        key

    let expect = live c.Replayed ValueNone view learn

    expect
        (Array.concat [ decoder; move; critics; parts[3]; encoder ])
        [
            "targetPerturbation", targetMove
            "targets", targets
            yield! forEncoder.Arrays
            yield! forDecoder.Arrays
            yield! forCritics.Arrays
            yield! forMove.Arrays
        ]
        reports.Means

/// Batch-constrained Q-learning of choices (Fujimoto et al. 2019).
let discreteBcq (c: DiscreteBcqOptions) (view: OfflineView) : Expected =
    let chooser = Chooser(c.Values, view)
    let halves (outputs: 'T[]) = Array.splitAt (outputs.Length / 2) outputs

    chooser.Expect(fun (batch: Recorded[]) steps key ->
        let online, target = constants chooser.Theta, constants chooser.Target

        let y =
            batch
            |> Array.map (fun row ->
                let values, logits = chooser.Outputs(online, row.Seen.Led) |> Array.map Scalar.value |> halves
                let shares = logits |> Array.map (fun l -> exp (l - Array.max logits))

                let permitted =
                    Array.map2
                        (fun value share -> if share > c.ProbabilityThreshold then value else -infinity)
                        values
                        shares

                let ofTarget, _ = chooser.Outputs(target, row.Seen.Led) |> Array.map Scalar.value |> halves
                row.Seen.Earned + row.Seen.Factor * ofTarget[best permitted])

        let mutable loss, imitation, chosen = 0.0, 0.0, 0.0

        let struct (_, gradient) =
            chooser.Theta
            |> Scalar.differentiate (fun theta ->
                let terms =
                    batch
                    |> Array.mapi (fun i row ->
                        let q, logits = chooser.Outputs(theta, row.Seen.Seen) |> halves
                        let taken = int row.Seen.Taken[0]
                        let error = y[i] - q[taken]
                        let total = Scalar.log (logits |> Array.map Scalar.exp |> Scalar.sum)

                        [|
                            (if c.Loss = ValueError.Huber then huber error else Scalar.square error)
                            total - logits[taken]
                            logits |> Array.map Scalar.square |> Scalar.mean
                            q[taken]
                        |])

                let part k = terms |> Array.map (fun all -> all[k]) |> Scalar.mean
                loss <- (part 0).Value
                imitation <- (part 1).Value
                chosen <- (part 3).Value
                part 0 + part 1 + c.LogitPenalty * part 2)

        chooser.Reports.Add("valueLoss", loss)
        chooser.Reports.Add("imitationLoss", imitation)
        chooser.Reports.Add("actionValue", chosen)
        chooser.Step(steps, gradient)
        key)
