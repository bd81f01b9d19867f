/// The twins of SAC and TQC: an update is that of one number after the other.
module Rl.Tests.Algorithms.Twins.PlainSoftActorCritics

open System
open Rl.Core.Algorithms
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Tests.Algorithms.Twins.PlainActorCritics

/// struct (u, ln σ) of each number of an action, from the outputs of a policy.
let private raw (c: SoftOptions) (outputs: Scalar[]) (noise: float[]) : struct (Scalar * Scalar)[] =
    let range = c.LargestLogDeviation - c.LeastLogDeviation

    Array.init noise.Length (fun i ->
        let deviation = c.LeastLogDeviation + 0.5 * range * (Scalar.tanh outputs[noise.Length + i] + 1.0)
        struct (outputs[i] + Scalar.exp deviation * noise[i], deviation))

/// The action and ln π of it.
let sample (c: SoftOptions) (outputs: Scalar[]) (noise: float[]) : Scalar[] * Scalar =
    let raw = raw c outputs noise
    let actions = raw |> Array.map (fun (struct (u, _)) -> Scalar.tanh u)

    let logProbability =
        Array.init noise.Length (fun i ->
            let struct (_, deviation) = raw[i]
            let slope = Scalar.log (1.0 - Scalar.square actions[i])
            -0.5 * noise[i] * noise[i] - 0.5 * log (2.0 * Math.PI) - deviation - slope)
        |> Scalar.sum

    actions, logProbability

/// The actor and the temperature as they move.
type SoftActor(c: SoftOptions, decay: float, first: float[], state: TrainingState, reports: Reports) =
    let ofActor = Adam("actorOptimiser", decay, state)
    let ofTemperature = lazy Adam("temperatureOptimiser", state)
    let mutable theta = first
    let mutable project: float[] -> float[] = id
    let mutable logTemperature = float (state.Array "temperature").[0]

    member _.Theta = theta

    /// Puts moved parameters where they are allowed.
    member _.Project
        with set value = project <- value

    member _.Temperature = exp logTemperature

    /// A step after so many environment steps. `outputs` gives the policy's of θ in each row, `value` what the action
    /// of a row is worth.
    member _.Step(steps, noise: float[][], outputs: Scalar[] -> Scalar[][], value: int -> Scalar[] -> Scalar) =
        let share, temperature = shareOf c.Rate c.Plan steps, exp logTemperature
        let mutable entropy = 0.0

        let struct (loss, gradient) =
            theta
            |> Scalar.differentiate (fun theta ->
                let samples = Array.map2 (sample c) (outputs theta) noise
                entropy <- samples |> Array.averageBy (fun (_, logProbability) -> -logProbability.Value)

                samples
                |> Array.mapi (fun i (action, logProbability) -> temperature * logProbability - value i action)
                |> Scalar.mean)

        reports.Add("actorLoss", loss)
        reports.Add("entropy", entropy)
        theta <- project (ofActor.Step(share * PlainRates.start c.Rate.LearningRate, theta, gradient))

        if c.LearnTemperature then
            let excess = entropy - c.TargetEntropyPerAction * float noise[0].Length
            reports.Add("temperatureLoss", logTemperature * excess)
            let rate = share * PlainRates.start c.TemperatureLearningRate
            logTemperature <- ofTemperature.Value.Step(rate, [| logTemperature |], [| excess |])[0]

    member _.Arrays =
        [
            "temperature", [| logTemperature |]
            yield! ofActor.Arrays
            if c.LearnTemperature then yield! ofTemperature.Value.Arrays
        ]

/// An action from the outputs of the policy that acts.
let act (c: SoftOptions) n (outputs: float[] -> Scalar[]) observation key =
    let noise, key = normals 1 n key

    raw c (outputs observation) noise[0]
    |> Array.map (fun (struct (u, _)) -> single (tanh (single u.Value))),
    key

/// How a policy explores with pink noise in the place of normal numbers, from what a state carries of it.
type PinkActing(c: SoftOptions, n: int, state: TrainingState) =
    let noise =
        PlainNoise(
            { NoiseOptions.defaults with
                Exploration = ExplorationNoise.Pink
                ExplorationDeviation = RateSchedule.Constant 1.0
            },
            n,
            state
        )

    member _.Act(outputs: float[] -> Scalar[], copy: int, observation: float[], key: Rng) =
        let normals, key = noise.Draw(copy, key)

        raw c (outputs observation) normals |> Array.map (fun (struct (u, _)) -> single (tanh u.Value)), key

    member _.End(copy: int) = noise.End copy
    member _.Arrays = noise.Arrays

/// a′ and ln π(a′|s′) of each row.
let following (c: SoftOptions) (outputs: float[] -> Scalar[]) (batch: Drawn[]) (noise: float[][]) =
    Array.map2 (fun row noise -> sample c (outputs row.Led) noise) batch noise

/// r + γ (value − α ln π(a′|s′)).
let softTarget (row: Drawn) (temperature: float) (value: float) (logProbability: Scalar) =
    row.Earned + row.Factor * (value - temperature * logProbability.Value)

/// The soft targets of each row's returns, from the value of an action where they led to.
let softTargets (c: SoftOptions) outputs (temperature: float) (noise: float[][]) (batch: Drawn[]) value : float[] =
    batch
    |> Array.mapi (fun i row ->
        targetOf row (fun led place ->
            let n = noise[i].Length / statesOf c.OffPolicy
            let action, logProbability = sample c (outputs led) (Array.sub noise[i] (place * n) n)
            value led action - temperature * logProbability.Value))

/// Soft actor-critic (Haarnoja et al. 2018).
let sac (c: SacOptions) (view: TwinView) : Expected =
    let n = view.Environment.ActionSize
    let networks = Networks(c.Soft.Network, view.Environment.ObservationSize, n, 2 * n, id, c.Critics)
    let first, rest = Array.splitAt networks.ActorCount view.Theta
    let reports = Reports()
    let actor = SoftActor(c.Soft, 0.9, first, view.State, reports)
    let ofCritics = Adam("criticOptimiser", view.State)
    let mutable critics = rest
    let mutable targets = view.State.Array "targets" |> Array.map float
    let outputs observation = networks.Policy(constants actor.Theta, observation)

    let learn (batch: Drawn[]) steps key =
        let noise, key = normals batch.Length n key
        let nextNoise, key = normals batch.Length (statesOf c.Soft.OffPolicy * n) key

        let y =
            softTargets c.Soft outputs actor.Temperature nextNoise batch (fun led action ->
                (least (networks.Values(constants targets, led, action))).Value)

        let struct (loss, gradient) = critics |> Scalar.differentiate (squaredErrors networks batch y)
        reports.Add("criticLoss", loss)
        let rate = shareOf c.Soft.Rate c.Soft.Plan steps * PlainRates.start c.Soft.CriticLearningRate
        critics <- ofCritics.Step(rate, critics, gradient |> Array.map ((*) 0.5))
        targets <- follow c.TargetRate critics targets
        let frozen = constants critics

        actor.Step(
            steps,
            noise,
            (fun theta -> batch |> Array.map (fun row -> networks.Policy(theta, row.Seen))),
            fun i action -> least (networks.Values(frozen, batch[i].Seen, action))
        )

        key

    let pink =
        if c.Soft.Exploration.IsPink then
            Some(PinkActing(c.Soft, n, view.State))
        else
            None

    let act copy observation key =
        match pink with
        | Some pink -> pink.Act(outputs, copy, observation, key)
        | None -> act c.Soft n outputs observation key

    let ended copy = pink |> Option.iter _.End(copy)
    let expect = live c.Soft.OffPolicy n view { Act = act; Learn = learn; End = ended }

    expect
        (Array.append actor.Theta critics)
        [
            "targets", targets
            yield! actor.Arrays
            yield! ofCritics.Arrays
            for pink in Option.toList pink do
                yield! pink.Arrays
        ]
        (("temperature", actor.Temperature) :: reports.Means)

/// Truncated quantile critics (Kuznetsov et al. 2020, algorithm 1).
let tqc (c: TqcOptions) (view: TwinView) : Expected =
    let n = view.Environment.ActionSize
    let networks = Networks(c.Soft.Network, view.Environment.ObservationSize, n, 2 * n, id, c.Critics, c.Quantiles)
    let first, rest = Array.splitAt networks.ActorCount view.Theta
    let reports = Reports()
    let actor = SoftActor(c.Soft, 0.9, first, view.State, reports)
    let ofCritics = Adam("criticOptimiser", view.State)
    let mutable critics = rest
    let mutable targets = view.State.Array "targets" |> Array.map float
    let outputs observation = networks.Policy(constants actor.Theta, observation)

    /// |τ − 1[u < 0]| times the Huber loss of u = y − θ.
    let cost (level: float) (location: Scalar) (y: float) =
        let error = y - location
        let weight = abs (level - (if error.Value < 0.0 then 1.0 else 0.0))

        weight
        * (if abs error.Value <= 1.0 then 0.5 * Scalar.square error
           elif error.Value > 0.0 then error - 0.5
           else -error - 0.5)

    let learn (batch: Drawn[]) steps key =
        let noise, key = normals batch.Length n key
        let nextNoise, key = normals batch.Length n key

        let wanted =
            following c.Soft outputs batch nextNoise
            |> Array.map2
                (fun row (action, logProbability) ->
                    networks.Outputs(constants targets, row.Led, action)
                    |> Array.concat
                    |> Array.map Scalar.value
                    |> Array.sort
                    |> Array.take (c.Critics * (c.Quantiles - c.DroppedQuantiles))
                    |> Array.map (fun atom -> softTarget row actor.Temperature atom logProbability))
                batch

        let struct (loss, gradient) =
            critics
            |> Scalar.differentiate (fun theta ->
                meanOver batch (fun i row ->
                    [|
                        for locations in networks.Outputs(theta, row.Seen, constants row.Taken) do
                            for quantile in 0 .. c.Quantiles - 1 do
                                let level = (float quantile + 0.5) / float c.Quantiles
                                for y in wanted[i] -> cost level locations[quantile] y
                    |]
                    |> Scalar.mean))

        reports.Add("criticLoss", float c.Critics * loss)

        critics <-
            ofCritics.Step(
                shareOf c.Soft.Rate c.Soft.Plan steps * PlainRates.start c.Soft.CriticLearningRate,
                critics,
                gradient
            )

        targets <- follow c.TargetRate critics targets
        let frozen = constants critics

        actor.Step(
            steps,
            noise,
            (fun theta -> batch |> Array.map (fun row -> networks.Policy(theta, row.Seen))),
            fun i action -> networks.Outputs(frozen, batch[i].Seen, action) |> Array.concat |> Scalar.mean
        )

        key

    let act _ observation key = act c.Soft n outputs observation key
    let expect = live c.Soft.OffPolicy n view { Act = act; Learn = learn; End = ignore }

    expect
        (Array.append actor.Theta critics)
        [ "targets", targets; yield! actor.Arrays; yield! ofCritics.Arrays ]
        (("temperature", actor.Temperature) :: reports.Means)
