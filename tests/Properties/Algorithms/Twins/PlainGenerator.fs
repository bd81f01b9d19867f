/// The twin of generators of the data's actions: a conditional variational autoencoder, one number at a time.
[<RequireQualifiedAccess>]
module Rl.Tests.Algorithms.Twins.PlainGenerator

open Rl.Tests.Algorithms.Twins.PlainActorCritics
open Rl.Tests.Algorithms.Twins.PlainOffline

/// The gradients of encoder and decoder: struct (encoder's, decoder's). `encode` gives means and ln σ of an action's
/// latent numbers, which are drawn with noise, `decode` the action; both from their own numbers and an observation.
let gradients
    (weight: float)
    (reports: Reports)
    (batch: Recorded[])
    (noise: float[][])
    encode
    decode
    (encoder: float[])
    decoder
    =
    let d = noise[0].Length
    let mutable error, divergence = 0.0, 0.0

    let struct (_, gradient) =
        Array.append encoder decoder
        |> Scalar.differentiate (fun both ->
            let ofEncoding, ofDecoding = Array.splitAt encoder.Length both

            let terms =
                batch
                |> Array.mapi (fun i row ->
                    let output: Scalar[] = encode ofEncoding row.Seen.Seen (constants row.Seen.Taken)
                    let means, logs = output[.. d - 1], Array.map (clamp -4.0 15.0) output[d..]
                    let latents = Array.init d (fun k -> means[k] + Scalar.exp logs[k] * noise[i][k])

                    let errors =
                        Array.map2
                            (fun (made: Scalar) (a: float) -> Scalar.square (made - a))
                            (decode ofDecoding row.Seen.Seen latents)
                            row.Seen.Taken

                    let divergences =
                        Array.map2
                            (fun (m: Scalar) (s: Scalar) ->
                                0.5 * (Scalar.square m + Scalar.exp (2.0 * s) - 1.0 - 2.0 * s))
                            means
                            logs

                    Scalar.mean errors, Scalar.mean divergences)

            let errors, divergences = Scalar.mean (Array.map fst terms), Scalar.mean (Array.map snd terms)
            error <- errors.Value
            divergence <- divergences.Value
            errors + weight * divergences)

    reports.Add("reconstructionLoss", error)
    reports.Add("divergence", divergence)
    let ofEncoding, ofDecoding = Array.splitAt encoder.Length gradient
    struct (ofEncoding, ofDecoding)
