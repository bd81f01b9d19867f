/// The twin of XQC: an update is that of one number after the other.
module Rl.Tests.Algorithms.Twins.PlainXqc

open System
open Rl.Core.Algorithms
open Rl.Tests.Algorithms.Twins.PlainActorCritics
open Rl.Tests.Algorithms.Twins.PlainCrossQ
open Rl.Tests.Algorithms.Twins.PlainSoftActorCritics

/// Hidden layers are weights without biases, a normalisation over the batch and an activation; the last layer has
/// biases and nothing else. What the first layer takes is normalised too. θ has the weights [inputs, outputs] of a
/// layer, then the scales and shifts of its normalisations, that of its inputs first; what is carried has the same
/// order.
type private Conditioned = { Widths: int list; Settings: Normalised }

[<RequireQualifiedAccess>]
module private Conditioned =

    let private layers net = List.pairwise net.Widths |> List.indexed
    let private isLast net index = index = net.Widths.Length - 2

    let private weightsOf net (index, (inputs, outputs)) = inputs * outputs + (if isLast net index then outputs else 0)

    let weights net =
        layers net
        |> List.sumBy (fun (index, (inputs, outputs)) ->
            weightsOf net (index, (inputs, outputs))
            + (if index = 0 then 2 * inputs else 0)
            + (if isLast net index then 0 else 2 * outputs))

    let statistics net =
        layers net
        |> List.sumBy (fun (index, (inputs, outputs)) ->
            (if index = 0 then 2 * inputs + 1 else 0) + (if isLast net index then 0 else 2 * outputs + 1))

    /// The outputs of rows, and what is carried after them; θ and what is carried from their places on.
    let apply isTraining net (theta: Scalar[]) first (carried: float[]) start (rows: Scalar[][]) =
        let normalise scale start rows = Normalised.normalise isTraining net.Settings theta scale carried start rows

        let layer (rows: Scalar[][], first, start, after) (index, (inputs, outputs)) =
            let scale = first + weightsOf net (index, (inputs, outputs))

            let rows, scale, start, after =
                if index = 0 then
                    let rows, own = normalise scale start rows
                    rows, scale + 2 * inputs, start + 2 * inputs + 1, after @ [ own ]
                else
                    rows, scale, start, after

            let y =
                rows
                |> Array.map (fun x ->
                    Array.init outputs (fun output ->
                        let weights = Array.init inputs (fun input -> theta[first + input * outputs + output])

                        if isLast net index then
                            Scalar.affine weights x theta[first + inputs * outputs + output]
                        else
                            Array.map2 (*) weights x |> Scalar.sum))

            if isLast net index then
                y, scale, start, after
            else
                let y, own = normalise scale start y
                let h = y |> Array.map (Array.map net.Settings.Hidden)
                h, scale + 2 * outputs, start + 2 * outputs + 1, after @ [ own ]

        let outputs, _, _, after = layers net |> List.fold layer (rows, first, start, [])
        outputs, Array.concat after

    /// The weights of each output of each layer over their length; networks lie one after the other.
    let onSphere net (theta: float[]) : float[] =
        let moved = Array.copy theta

        for network in 0 .. theta.Length / weights net - 1 do
            let layer first (index, (inputs, outputs)) =
                for output in 0 .. outputs - 1 do
                    let places = [ for input in 0 .. inputs - 1 -> first + input * outputs + output ]
                    let length = sqrt (places |> List.sumBy (fun place -> theta[place] * theta[place]))

                    for place in places do
                        moved[place] <- theta[place] / length

                first
                + weightsOf net (index, (inputs, outputs))
                + (if index = 0 then 2 * inputs else 0)
                + (if isLast net index then 0 else 2 * outputs)

            layers net |> List.fold layer (network * weights net) |> ignore

        moved

/// XQC (Palenicek et al. 2025).
let xqc (c: XqcOptions) (view: TwinView) : Expected =
    let n = view.Environment.ActionSize

    let settings =
        {
            Widths = []
            Hidden = activation c.Soft.Network.Activation
            Rate = c.StatisticsRate
            Starts = Int32.MaxValue
        }

    let net inputs outputs = { Widths = [ inputs ] @ c.Soft.Network.Hidden @ [ outputs ]; Settings = settings }
    let policy = net view.Environment.ObservationSize (2 * n)
    let critic = net (view.Environment.ObservationSize + n) c.Atoms
    let size, carried = Conditioned.weights critic, Conditioned.statistics critic
    let first, rest = Array.splitAt (Conditioned.weights policy) view.Theta
    let firstStatistics, rest = Array.splitAt (Conditioned.statistics policy) rest
    let firstCritics, ofCriticsFirst = Array.splitAt (c.Critics * size) rest
    let reports = Reports()
    let actor = SoftActor(c.Soft, 0.9, first, view.State, reports, Project = Conditioned.onSphere policy)
    let ofCritics = Adam("criticOptimiser", view.State)
    let mutable actorStatistics, critics, criticStatistics = firstStatistics, firstCritics, ofCriticsFirst
    let mutable targets = view.State.Array "targets" |> Array.map float
    let mutable waited = if c.PolicyDelay > 1 then int (view.State.Array "criticSteps").[0] else 0
    let distance = (c.HighestReturn - c.LowestReturn) / float (c.Atoms - 1)
    let atoms = Array.init c.Atoms (fun j -> c.LowestReturn + distance * float j)

    let outputs (observation: float[]) =
        Conditioned.apply false policy (constants actor.Theta) 0 actorStatistics 0 [| constants observation |]
        |> fst
        |> Array.exactlyOne

    /// Of each critic the logits of rows, and what it carries after them.
    let logits isTraining (theta: Scalar[]) (rows: Scalar[][]) =
        Array.init c.Critics (fun k ->
            Conditioned.apply isTraining critic theta (k * size) criticStatistics (k * carried) rows)

    /// ln of the probabilities.
    let logs (logits: Scalar[]) =
        let largest = logits |> Array.map Scalar.value |> Array.max
        let total = logits |> Array.map (fun x -> Scalar.exp (x - largest)) |> Scalar.sum
        logits |> Array.map (fun x -> x - largest - Scalar.log total)

    let mean (logits: Scalar[]) = Array.map2 (fun log atom -> atom * Scalar.exp log) (logs logits) atoms |> Scalar.sum

    /// Probabilities of places, shared between the atoms beside each.
    let projected (places: float[]) (probabilities: float[]) =
        let result = Array.zeroCreate<float> c.Atoms

        for place, p in Array.zip places probabilities do
            let at = (Math.Clamp(place, c.LowestReturn, c.HighestReturn) - c.LowestReturn) / distance
            let below = min (c.Atoms - 2) (int (floor at))
            result[below] <- result[below] + p * (1.0 - (at - float below))
            result[below + 1] <- result[below + 1] + p * (at - float below)

        result

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

        let ofTargets = logits true (constants targets) both |> Array.map fst

        let wanted =
            next
            |> Array.mapi (fun i (_, logProbability: Scalar) ->
                let own = ofTargets |> Array.map (fun rows -> rows[batch.Length + i])
                let chosen = own |> Array.minBy (fun logits -> (mean logits).Value)
                let entropy = actor.Temperature * logProbability.Value
                let places = atoms |> Array.map (fun atom -> batch[i].Earned + batch[i].Factor * (atom - entropy))
                projected places (logs chosen |> Array.map (fun log -> exp log.Value)))

        let struct (loss, gradient) =
            critics
            |> Scalar.differentiate (fun theta ->
                logits true theta both
                |> Array.map (fun (rows, _) ->
                    meanOver batch (fun i _ ->
                        -(Array.map2 (fun (p: float) log -> p * log) wanted[i] (logs rows[i]) |> Scalar.sum)))
                |> Scalar.sum)

        reports.Add("criticLoss", loss)
        let after = logits true (constants critics) both |> Array.map snd |> Array.concat
        let rate = shareOf c.Soft.Rate c.Soft.Plan steps * PlainRates.start c.Soft.CriticLearningRate
        critics <- ofCritics.Step(rate, critics, gradient) |> Conditioned.onSphere critic
        criticStatistics <- after
        targets <- follow c.TargetRate critics targets

        if moves then
            waited <- 0
            let seen = batch |> Array.map (fun row -> constants row.Seen)
            let before = actorStatistics
            let mutable after = before

            actor.Step(
                steps,
                noise,
                (fun theta ->
                    let outputs, next = Conditioned.apply true policy theta 0 before 0 seen
                    after <- next
                    outputs),
                fun i action ->
                    logits false (constants critics) [| Array.append seen[i] action |]
                    |> Array.map (fun (rows, _) -> mean rows[0])
                    |> least
            )

            actorStatistics <- after

        key

    let act _ observation key = act c.Soft n outputs observation key

    let expect = liveOf c.NormaliseRewards c.Soft.OffPolicy n view { Act = act; Learn = learn; End = ignore }

    expect
        (Array.concat [ actor.Theta; actorStatistics; critics; criticStatistics ])
        [
            "targets", targets
            if c.PolicyDelay > 1 then "criticSteps", [| float waited |]
            yield! actor.Arrays
            yield! ofCritics.Arrays
        ]
        (("temperature", actor.Temperature) :: reports.Means)
