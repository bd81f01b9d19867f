/// The twin of CrossQ, and the batch renormalisation of its layers, one number after the other.
module Rl.Tests.Algorithms.Twins.PlainCrossQ

open System
open Rl.Core.Algorithms
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Tests.Algorithms.Twins.PlainActorCritics
open Rl.Tests.Algorithms.Twins.PlainSoftActorCritics

/// Layers that normalise what they take: each has its weights [inputs, outputs] and biases, then a scale and a shift of
/// each input in θ, and beside it a mean and a variance of each input and a count of batches.
type Normalised = { Widths: int list; Hidden: Scalar -> Scalar; Rate: float; Starts: int }

[<RequireQualifiedAccess>]
module Normalised =

    let private layers net = List.pairwise net.Widths
    let weights net = layers net |> List.sumBy (fun (inputs, outputs) -> (inputs + 1) * outputs + 2 * inputs)
    let statistics net = layers net |> List.sumBy (fun (inputs, _) -> 2 * inputs + 1)

    /// √x, with a slope of 0 at 0.
    let private root (x: Scalar) =
        let y = sqrt x.Value
        Scalar(y, [| x |], [| if y > 0.0 then 0.5 / y else 0.0 |])

    let private epsilon = 1e-3

    /// A feature of all rows: struct (normalised, mean, variance) after the batch; batches before it.
    let private trained net (batches: float) (mean: float) (variance: float) (x: Scalar[]) =
        let m = Scalar.mean x
        let s = Scalar.sum (x |> Array.map (fun x -> Scalar.square (x - m))) / float (x.Length - 1)
        let running = sqrt (variance + epsilon)
        let isWarm = batches > float net.Starts
        let clip low high value = max low (min high value)

        let r =
            if isWarm then
                clip (1.0 / 3.0) 3.0 (sqrt (s.Value + epsilon) / running)
            else
                1.0

        let d = if isWarm then clip -5.0 5.0 ((m.Value - mean) / running) else 0.0
        let deviation = root (s / (r * r) + epsilon)
        let moved = d / r * root s
        let next old found = old + net.Rate * (found - old)
        struct (x |> Array.map (fun x -> (x - m + moved) / deviation), next mean m.Value, next variance s.Value)

    let private acting (mean: float) (variance: float) (x: Scalar[]) =
        x |> Array.map (fun x -> (x - mean) / sqrt (variance + epsilon))

    /// All features of rows, and what is carried after them; scales and shifts lie in θ, and what is carried, from
    /// their places on.
    let normalise isTraining net (theta: Scalar[]) scale (carried: float[]) start (rows: Scalar[][]) =
        let inputs = rows[0].Length
        let batches = carried[start + 2 * inputs]

        let features, statistics =
            Array.init inputs (fun i ->
                let mean, variance = carried[start + i], carried[start + inputs + i]
                let x = rows |> Array.map (fun row -> row[i])

                let struct (y, mean, variance) =
                    if isTraining then
                        trained net batches mean variance x
                    else
                        struct (acting mean variance x, mean, variance)

                y |> Array.map (fun y -> y * theta[scale + i] + theta[scale + inputs + i]), (mean, variance))
            |> Array.unzip

        rows |> Array.mapi (fun row _ -> features |> Array.map (fun feature -> feature[row])),
        [| yield! Array.map fst statistics; yield! Array.map snd statistics; batches + 1.0 |]

    /// The outputs of rows, and what is carried after them; θ and what is carried from their places on.
    let apply isTraining net (theta: Scalar[]) first (carried: float[]) start (rows: Scalar[][]) =
        let count = (layers net).Length

        let layer (rows: Scalar[][], first, start, after) (index, (inputs, outputs)) =
            let scale = first + (inputs + 1) * outputs
            let rows, own = normalise isTraining net theta scale carried start rows

            let next =
                rows
                |> Array.map (fun x ->
                    Array.init outputs (fun output ->
                        let weights = Array.init inputs (fun input -> theta[first + input * outputs + output])
                        let y = Scalar.affine weights x theta[first + inputs * outputs + output]
                        if index = count - 1 then y else net.Hidden y))

            next, scale + 2 * inputs, start + 2 * inputs + 1, after @ [ own ]

        let outputs, _, _, after = layers net |> List.indexed |> List.fold layer (rows, first, start, [])
        outputs, Array.concat after

/// CrossQ (Bhatt et al. 2024).
let crossq (c: CrossQOptions) (view: TwinView) : Expected =
    let n = view.Environment.ActionSize

    let net inputs outputs =
        {
            Widths = [ inputs ] @ c.Soft.Network.Hidden @ [ outputs ]
            Hidden = activation c.Soft.Network.Activation
            Rate = c.StatisticsRate
            Starts = c.RenormalisationStarts
        }

    let policy = net view.Environment.ObservationSize (2 * n)
    let critic = net (view.Environment.ObservationSize + n) 1
    let size, carried = Normalised.weights critic, Normalised.statistics critic
    let first, rest = Array.splitAt (Normalised.weights policy) view.Theta
    let actorStatistics, rest = Array.splitAt (Normalised.statistics policy) rest
    let firstCritics, criticStatistics = Array.splitAt (c.Critics * size) rest
    let reports = Reports()
    let actor = SoftActor(c.Soft, c.GradientDecay, first, view.State, reports)
    let ofCritics = Adam("criticOptimiser", c.GradientDecay, view.State)
    let mutable actorStatistics, critics, criticStatistics = actorStatistics, firstCritics, criticStatistics
    let mutable waited = if c.PolicyDelay > 1 then int (view.State.Array "criticSteps").[0] else 0

    let outputs (observation: float[]) =
        Normalised.apply false policy (constants actor.Theta) 0 actorStatistics 0 [| constants observation |]
        |> fst
        |> Array.exactlyOne

    /// Of each critic the values of rows, and what it carries after them.
    let values isTraining (theta: Scalar[]) (rows: Scalar[][]) =
        Array.init c.Critics (fun k ->
            let outputs, after =
                Normalised.apply isTraining critic theta (k * size) criticStatistics (k * carried) rows

            outputs |> Array.map Array.exactlyOne, after)

    let learn (batch: Drawn[]) steps key =
        waited <- waited + 1
        let moves = waited = c.PolicyDelay
        let noise, key = if moves then normals batch.Length n key else [||], key
        let nextNoise, key = normals batch.Length n key
        let next = following c.Soft outputs batch nextNoise

        let both =
            Array.append
                (batch |> Array.map (fun row -> constants (Array.append row.Seen row.Taken)))
                (Array.map2
                    (fun row (action, _) -> constants (Array.append row.Led (Array.map Scalar.value action)))
                    batch
                    next)

        let present = values true (constants critics) both

        let y =
            next
            |> Array.mapi (fun i (_, logProbability) ->
                let value = present |> Array.map (fun (q, _) -> q[batch.Length + i]) |> least
                softTarget batch[i] actor.Temperature value.Value logProbability)

        let struct (loss, gradient) =
            critics
            |> Scalar.differentiate (fun theta ->
                values true theta both
                |> Array.map (fun (q, _) -> meanOver batch (fun i _ -> Scalar.square (q[i] - y[i])))
                |> Scalar.sum)

        reports.Add("criticLoss", loss)
        let rate = shareOf c.Soft.Rate c.Soft.Plan steps * PlainRates.start c.Soft.CriticLearningRate
        critics <- ofCritics.Step(rate, critics, gradient |> Array.map ((*) 0.5))
        criticStatistics <- present |> Array.map snd |> Array.concat

        if moves then
            waited <- 0
            let seen = batch |> Array.map (fun row -> constants row.Seen)
            let before = actorStatistics
            let mutable after = before

            actor.Step(
                steps,
                noise,
                (fun theta ->
                    let outputs, next = Normalised.apply true policy theta 0 before 0 seen
                    after <- next
                    outputs),
                fun i action ->
                    values false (constants critics) [| Array.append seen[i] action |]
                    |> Array.map (fun (q, _) -> q[0])
                    |> least
            )

            actorStatistics <- after

        key

    let act _ observation key = act c.Soft n outputs observation key
    let expect = live c.Soft.OffPolicy n view { Act = act; Learn = learn; End = ignore }

    expect
        (Array.concat [ actor.Theta; actorStatistics; critics; criticStatistics ])
        [
            if c.PolicyDelay > 1 then "criticSteps", [| float waited |]
            yield! actor.Arrays
            yield! ofCritics.Arrays
        ]
        (("temperature", actor.Temperature) :: reports.Means)
