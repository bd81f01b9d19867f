/// The twins of SAC, TQC and CrossQ: an update is that of one number after the other.
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
