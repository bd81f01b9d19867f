/// The twin of BEAR: an actor within a bounded discrepancy of a generator of the data's actions.
module Rl.Tests.Algorithms.Twins.PlainBear

open Rl.Core.Algorithms
open Rl.Core.Learning
open Rl.Tests.Algorithms.Twins.PlainActorCritics
open Rl.Tests.Algorithms.Twins.PlainOffline

/// √ of the mean kernel within two samples less twice that between them, and 10⁻⁶.
let private discrepancy (c: BearOptions) (x: Scalar[][]) (y: Scalar[][]) : Scalar =
    let kernel (a: Scalar[]) (b: Scalar[]) =
        let size (difference: Scalar) =
            match c.Kernel with
            | DiscrepancyKernel.Gaussian -> Scalar.square difference
            | DiscrepancyKernel.Laplacian -> if difference.Value < 0.0 then -difference else difference

        let distance = Array.map2 (fun (p: Scalar) (q: Scalar) -> size (p - q)) a b |> Scalar.sum
        Scalar.exp (distance * (-0.5 / c.KernelDeviation))

    let all a b = Array.allPairs a b |> Array.map (fun (p, q) -> kernel p q) |> Scalar.mean
    Scalar.exp (0.5 * Scalar.log (all x x + all y y - 2.0 * all x y + 1e-6))

/// BEAR (Kumar et al. 2019).
let bear (c: BearOptions) (view: OfflineView) : Expected =
    let environment = view.Learner.Environment
    let observed, n = environment.ObservationSize, environment.ActionSize
    let d = 2 * n
    let hidden = activation c.Network.Activation
    let net inputs outputs last = { Widths = [ inputs ] @ c.Network.Hidden @ [ outputs ]; Hidden = hidden; Last = last }
    let ofActor, ofCritic = net observed d id, net (observed + n) 1 id
    let ofDecoder, ofEncoder = net (observed + d) n Scalar.tanh, net (observed + n) (2 * d) id
    let size = Perceptron.count ofCritic

    let parts =
        Array.map float view.State.Parameters
        |> cut [ Perceptron.count ofActor; c.Critics * size; Perceptron.count ofDecoder ]

    let mutable actor, critics, decoder, encoder = parts[0], parts[1], parts[2], parts[3]
    let mutable targetActor, targets = arrayOf view "targetActor", arrayOf view "targets"
    let mutable logWeight = (arrayOf view "multiplier")[0]
    let adam name = Adam(name, view.State)
    let forEncoder, forDecoder, forCritics = adam "encoderOptimiser", adam "decoderOptimiser", adam "criticOptimiser"
    let forActor, forMultiplier = adam "actorOptimiser", adam "multiplierOptimiser"
    let reports = Reports()
    let beside (seen: float[]) (further: Scalar[]) = Array.append (constants seen) further
    let decode theta seen (latents: Scalar[]) = Perceptron.apply ofDecoder theta 0 (beside seen latents)

    let values theta seen action =
        Array.init c.Critics (fun k -> (Perceptron.apply ofCritic theta (k * size) (beside seen action))[0])

    /// tanh (μ + σ z) with ln σ squashed into its bounds.
    let draw theta (seen: float[]) (noise: float[]) =
        let outputs = Perceptron.apply ofActor theta 0 (constants seen)
        let range = c.LargestLogDeviation - c.LeastLogDeviation

        Array.init n (fun i ->
            let deviation = c.LeastLogDeviation + 0.5 * range * (Scalar.tanh outputs[n + i] + 1.0)
            Scalar.tanh (outputs[i] + Scalar.exp deviation * noise[i]))

    let learn (batch: Recorded[]) steps key =
        let noise, key = normals batch.Length d key
        let next, key = normals batch.Length (c.ActionSamples * n) key
        let present, key = normals batch.Length (c.DiscrepancySamples * n) key
        let latents, key = normals batch.Length (c.DiscrepancySamples * d) key

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
                    let action = draw (constants targetActor) row.Seen.Led (Array.sub next[i] (k * n) n)
                    let q = values (constants targets) row.Seen.Led action |> Array.map Scalar.value
                    c.LeastShare * Array.min q + (1.0 - c.LeastShare) * Array.max q

                row.Seen.Earned + row.Seen.Factor * Array.max (Array.init c.ActionSamples worth))

        let struct (loss, gradient) =
            critics
            |> Scalar.differentiate (fun theta ->
                batch
                |> Array.mapi (fun i row -> values theta row.Seen.Seen (constants row.Seen.Taken) |> errorsFrom y[i])
                |> Scalar.mean)

        reports.Add("criticLoss", loss)
        critics <- forCritics.Step(rateOf c.Plan steps c.CriticLearningRate, critics, gradient)
        targets <- follow c.TargetRate critics targets
        let weight, share = exp logWeight, rateOf c.Plan steps c.ValueWeight
        let mutable apart = 0.0

        let struct (loss, gradient) =
            actor
            |> Scalar.differentiate (fun theta ->
                let terms =
                    batch
                    |> Array.mapi (fun i row ->
                        let seen = row.Seen.Seen
                        let piece size (values: float[]) j = Array.sub values (j * size) size
                        let own = Array.init c.DiscrepancySamples (piece n present[i] >> draw theta seen)

                        let ofData =
                            Array.init c.DiscrepancySamples (fun j ->
                                piece d latents[i] j
                                |> Array.map (fun z -> Scalar.constant (max -0.5 (min 0.5 z)))
                                |> decode (constants decoder) seen)

                        let value = least (values (constants critics) seen own[0])
                        discrepancy c own ofData, value)

                let differs = Scalar.mean (Array.map fst terms)
                apart <- differs.Value
                weight * (differs - c.DiscrepancyBound) - share * Scalar.mean (Array.map snd terms))

        reports.Add("actorLoss", loss)
        reports.Add("discrepancy", apart)
        actor <- forActor.Step(rateOf c.Plan steps c.Rate.LearningRate, actor, gradient)
        targetActor <- follow c.TargetRate actor targetActor
        let slope = -weight * (apart - c.DiscrepancyBound)
        let moved = forMultiplier.Step(rateOf c.Plan steps c.MultiplierLearningRate, [| logWeight |], [| slope |])
        logWeight <- max -5.0 (min 10.0 moved[0])
        key

    let expect = live c.Replayed ValueNone view learn

    expect
        (Array.concat [ actor; critics; decoder; encoder ])
        [
            "targetActor", targetActor
            "targets", targets
            "multiplier", [| logWeight |]
            for own in [ forEncoder; forDecoder; forCritics; forActor; forMultiplier ] do
                yield! own.Arrays
        ]
        reports.Means
