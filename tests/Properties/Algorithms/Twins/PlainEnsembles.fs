/// Soft actor-critics of many updates a step, REDQ and DroQ, as plainly as they can be written: what the learners are
/// compared with.
module Rl.Tests.Algorithms.Twins.PlainEnsembles

open System
open Rl.Core.Algorithms
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Tests.Algorithms.Twins.PlainActorCritics
open Rl.Tests.Algorithms.Twins.PlainSoftActorCritics

/// Randomised ensembled double Q-learning (Chen et al. 2021, algorithm 1).
let redq (c: RedqOptions) (view: TwinView) : Expected =
    let n = view.Environment.ActionSize
    let networks = Networks(c.Soft.Network, view.Environment.ObservationSize, n, 2 * n, id, c.Critics)
    let first, rest = Array.splitAt networks.ActorCount view.Theta
    let reports = Reports()
    let actor = SoftActor(c.Soft, 0.9, first, view.State, reports)
    let ofCritics = Adam("criticOptimiser", view.State)
    let mutable critics = rest
    let mutable targets = view.State.Array "targets" |> Array.map float
    let mutable waited = if c.PolicyDelay > 1 then int (view.State.Array "criticSteps").[0] else 0
    let outputs observation = networks.Policy(constants actor.Theta, observation)

    /// Some of the critics: those still wanted are as likely as any other of those still to come.
    let subset key =
        let struct (chosen, key) =
            Seq.fold
                (fun (struct (chosen: int list, key)) critic ->
                    let struct (place, key) = Rng.below (c.Critics - critic) key
                    struct ((if place < c.TargetCritics - chosen.Length then critic :: chosen else chosen), key))
                (struct ([], key))
                (seq { 0 .. c.Critics - 1 })

        chosen, key

    let learn (batch: Drawn[]) steps key =
        waited <- waited + 1
        let moves = waited = c.PolicyDelay
        let noise, key = if moves then normals batch.Length n key else [||], key
        let nextNoise, key = normals batch.Length (statesOf c.Soft.OffPolicy * n) key
        let chosen, key = subset key

        let y =
            softTargets c.Soft outputs actor.Temperature nextNoise batch (fun led action ->
                let values = networks.Values(constants targets, led, action) |> Array.map Scalar.value
                let own = chosen |> List.map (fun index -> values[index])

                match c.TargetValue with
                | SubsetValue.Least -> List.min own
                | SubsetValue.Mean -> List.average own)

        let struct (loss, gradient) = critics |> Scalar.differentiate (squaredErrors networks batch y)
        reports.Add("criticLoss", loss)
        let rate = shareOf c.Soft.Rate c.Soft.Plan steps * PlainRates.start c.Soft.CriticLearningRate
        critics <- ofCritics.Step(rate, critics, gradient |> Array.map (fun g -> g / float c.Critics))
        targets <- follow c.TargetRate critics targets

        if moves then
            waited <- 0
            let frozen = constants critics

            actor.Step(
                steps,
                noise,
                (fun theta -> batch |> Array.map (fun row -> networks.Policy(theta, row.Seen))),
                fun i action -> Scalar.mean (networks.Values(frozen, batch[i].Seen, action))
            )

        key

    let act _ observation key = act c.Soft n outputs observation key
    let expect = live c.Soft.OffPolicy n view { Act = act; Learn = learn; End = ignore }

    expect
        (Array.append actor.Theta critics)
        [
            "targets", targets
            if c.PolicyDelay > 1 then "criticSteps", [| float waited |]
            yield! actor.Arrays
            yield! ofCritics.Arrays
        ]
        (("temperature", actor.Temperature) :: reports.Means)

/// A critic whose hidden layers are weights, dropout, layer normalisation and activation, in this order; θ has a
/// layer's weights [inputs, outputs], biases, scales and shifts, and after the hidden layers the last one's weights and
/// biases.
type private Dropped = { Inputs: int; Widths: int list; Activate: Scalar -> Scalar }

[<RequireQualifiedAccess>]
module private Dropped =

    let count net =
        let hidden = List.pairwise (net.Inputs :: net.Widths) |> List.sumBy (fun (a, b) -> (a + 3) * b)
        hidden + List.last (net.Inputs :: net.Widths) + 1

    let private dense (theta: Scalar[]) first inputs outputs (x: Scalar[]) =
        Array.init outputs (fun output ->
            let weights = Array.init inputs (fun input -> theta[first + input * outputs + output])
            Scalar.affine weights x theta[first + inputs * outputs + output])

    let private normalise (x: Scalar[]) =
        let mean = Scalar.mean x
        let centred = x |> Array.map (fun x -> x - mean)
        let variance = centred |> Array.map Scalar.square |> Scalar.mean
        let deviation = Scalar.exp (0.5 * Scalar.log (variance + 1e-5))
        centred |> Array.map (fun x -> x / deviation)

    /// The value of one row; `kept` says from a place on which elements of hidden layers are.
    let value net rate (theta: Scalar[]) first (kept: bool[]) place (x: Scalar[]) : Scalar =
        let layer (x: Scalar[], first, place) (inputs, outputs) =
            let y =
                dense theta first inputs outputs x
                |> Array.mapi (fun i y -> if kept[place + i] then y / (1.0 - rate) else 0.0 * y)
                |> normalise

            let scale = first + (inputs + 1) * outputs
            let next = y |> Array.mapi (fun i y -> net.Activate(y * theta[scale + i] + theta[scale + outputs + i]))
            next, scale + 2 * outputs, place + outputs

        let h, first, _ = List.pairwise (net.Inputs :: net.Widths) |> List.fold layer (x, first, place)
        (dense theta first h.Length 1 h)[0]

/// DroQ (Hiraoka et al. 2022, algorithm 2).
let droq (c: DroqOptions) (view: TwinView) : Expected =
    let n = view.Environment.ActionSize
    let observed = view.Environment.ObservationSize
    let networks = Networks(c.Soft.Network, observed, n, 2 * n, id, 1)

    let critic =
        {
            Inputs = observed + n
            Widths = c.Soft.Network.Hidden
            Activate = activation c.Soft.Network.Activation
        }

    let size, units = Dropped.count critic, List.sum c.Soft.Network.Hidden
    let first, rest = Array.splitAt networks.ActorCount view.Theta
    let reports = Reports()
    let actor = SoftActor(c.Soft, 0.9, first, view.State, reports)
    let ofCritics = Adam("criticOptimiser", view.State)
    let mutable critics = rest
    let mutable targets = view.State.Array "targets" |> Array.map float
    let mutable waited = if c.PolicyDelay > 1 then int (view.State.Array "criticSteps").[0] else 0
    let outputs observation = networks.Policy(constants actor.Theta, observation)

    /// Which elements of all rows are kept: so many in a row until the next is dropped.
    let keeps (key: Rng) : bool[] * Rng =
        let kept = Array.create (c.Soft.OffPolicy.BatchSize * c.Critics * units) true

        let rec next place key =
            if place >= kept.Length then
                key
            else
                let struct (u, key) = Rng.uniform key
                let dropped = float place + floor (log (1.0 - u) / log (1.0 - c.DropoutRate))

                if dropped < float kept.Length then
                    kept[int dropped] <- false
                    next (int dropped + 1) key
                else
                    key

        let key = if c.DropoutRate > 0.0 then next 0 key else key
        kept, key

    /// The values of a row by each critic.
    let values theta (kept: bool[]) row (observation: float[]) (action: Scalar[]) =
        let x = Array.append (constants observation) action

        Array.init c.Critics (fun k ->
            Dropped.value critic c.DropoutRate theta (k * size) kept ((row * c.Critics + k) * units) x)

    let learn (batch: Drawn[]) steps key =
        waited <- waited + 1
        let moves = waited = c.PolicyDelay
        let noise, key = if moves then normals batch.Length n key else [||], key
        let nextNoise, key = normals batch.Length n key
        let ofTargets, key = keeps key
        let ofPresent, key = keeps key
        let ofActor, key = if moves then keeps key else [||], key

        let y =
            following c.Soft outputs batch nextNoise
            |> Array.mapi (fun i (action, logProbability) ->
                let value = least (values (constants targets) ofTargets i batch[i].Led action)
                softTarget batch[i] actor.Temperature value.Value logProbability)

        let struct (loss, gradient) =
            critics
            |> Scalar.differentiate (fun theta ->
                meanOver batch (fun i row ->
                    values theta ofPresent i row.Seen (constants row.Taken) |> errorsFrom y[i]))

        reports.Add("criticLoss", loss)
        let rate = shareOf c.Soft.Rate c.Soft.Plan steps * PlainRates.start c.Soft.CriticLearningRate
        critics <- ofCritics.Step(rate, critics, gradient |> Array.map ((*) 0.5))
        targets <- follow c.TargetRate critics targets

        if moves then
            waited <- 0
            let frozen = constants critics

            actor.Step(
                steps,
                noise,
                (fun theta -> batch |> Array.map (fun row -> networks.Policy(theta, row.Seen))),
                fun i action -> Scalar.mean (values frozen ofActor i batch[i].Seen action)
            )

        key

    let act _ observation key = act c.Soft n outputs observation key
    let expect = live c.Soft.OffPolicy n view { Act = act; Learn = learn; End = ignore }

    expect
        (Array.append actor.Theta critics)
        [
            "targets", targets
            if c.PolicyDelay > 1 then "criticSteps", [| float waited |]
            yield! actor.Arrays
            yield! ofCritics.Arrays
        ]
        (("temperature", actor.Temperature) :: reports.Means)
