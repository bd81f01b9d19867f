/// The twins of algorithms from recorded steps that keep values low where nothing was seen: CQL, EDAC, and conservative
/// Q-learning of choices.
module Rl.Tests.Algorithms.Twins.PlainOfflineCritics

open System
open Rl.Core.Algorithms
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Tests.Algorithms.Twins.PlainActorCritics
open Rl.Tests.Algorithms.Twins.PlainOffline
open Rl.Tests.Algorithms.Twins.PlainSoftActorCritics

/// What CQL and EDAC have in common: SAC's actor and temperature, critics, and their targets.
type private Soft(c: SoftOptions, critics: int, targetRate: float, view: OfflineView) =
    let environment = view.Learner.Environment
    let n = environment.ActionSize
    let networks = Networks(c.Network, environment.ObservationSize, n, 2 * n, id, critics)
    let first, rest = Array.splitAt networks.ActorCount (Array.map float view.State.Parameters)
    let reports = Reports()
    let actor = SoftActor(c, 0.9, first, view.State, reports)
    let ofCritics = Adam("criticOptimiser", view.State)
    member val Critics = rest with get, set
    member val Targets = arrayOf view "targets" with get, set
    member _.Actions = n
    member _.Networks = networks
    member _.Reports = reports
    member _.Temperature = actor.Temperature

    /// An action of the policy at an observation and its ln π.
    member _.Draw(seen: float[], noise: float[]) : Scalar[] * Scalar =
        sample c (networks.Policy(constants actor.Theta, seen)) noise

    member this.Evaluate(steps, gradient: float[]) : unit =
        this.Critics <- ofCritics.Step(rateOf c.Plan steps c.CriticLearningRate, this.Critics, gradient)
        this.Targets <- follow targetRate this.Critics this.Targets

    member this.Improve(batch: Recorded[], steps, noise: float[][]) : unit =
        let frozen = constants this.Critics

        actor.Step(
            steps,
            noise,
            (fun theta -> batch |> Array.map (fun row -> networks.Policy(theta, row.Seen.Seen))),
            fun i action -> least (networks.Values(frozen, batch[i].Seen.Seen, action))
        )

    member this.Theta = Array.append actor.Theta this.Critics
    member this.Arrays = ("targets", this.Targets) :: actor.Arrays @ ofCritics.Arrays
    member this.Metrics = ("temperature", this.Temperature) :: reports.Means

let private logSumExp (values: Scalar[]) : Scalar =
    let largest = values |> Array.map Scalar.value |> Array.max
    Scalar.log (values |> Array.map (fun value -> Scalar.exp (value - largest)) |> Scalar.sum) + largest

/// The discounted return of the data from each row on where its episode came to an end, −∞ elsewhere.
let private returnsFrom (discount: float) (data: PlainMemory) : float[] =
    let steps = List.toArray data.Steps

    Array.init steps.Length (fun row ->
        let last = Seq.find (fun next -> steps[next].Ended) (seq { row .. steps.Length - 1 })

        if steps[last].Terminated then
            Seq.sum (seq { for next in row..last -> discount ** float (next - row) * steps[next].Reward })
        else
            -infinity)

/// Conservative Q-learning (Kumar et al. 2020), calibrated or not (Nakamoto et al. 2023).
let cql (c: CqlOptions) (view: OfflineView) : Expected =
    let soft = Soft(c.Soft, c.Critics, c.TargetRate, view)
    let n, count = soft.Actions, c.ConservativeActions
    let backups = if c.Backup = CqlBackup.Maximum then count else 1
    let isLearnt = c.TargetGap >= 0.0
    let ofMultiplier = lazy Adam("multiplierOptimiser", view.State)
    let mutable logWeight = if isLearnt then (arrayOf view "multiplier")[0] else 0.0

    let scale =
        let ofSteps = PlainStatistics.ofRunning view.State.Rewards

        fun () ->
            if not c.Recorded.NormaliseRewards then
                1.0
            else
                let running =
                    view.Data.Steps
                    |> List.toArray
                    |> Array.mapFold
                        (fun sum step ->
                            let sum = step.Reward + c.Soft.OffPolicy.Discount * sum
                            [| sum |], (if step.Ended then 0.0 else sum))
                        0.0
                    |> fst

                let known = if ofSteps.Seen = 0.0 then PlainStatistics.add running ofSteps else ofSteps
                1.0 / PlainStatistics.deviation known 0

    let scale = scale ()
    let returns = returnsFrom c.Soft.OffPolicy.Discount view.Data
    let piece j (row: float[]) = Array.sub row (j * n) n

    let learn (batch: Recorded[]) steps key =
        let rows = batch.Length
        let noise, key = normals rows n key
        // SAC's of the next action, which nobody reads.
        let _, key = normals rows n key

        let uniforms, key =
            Array.mapFold
                (fun key _ ->
                    Array.mapFold
                        (fun key _ ->
                            let struct (u, key) = Rng.uniform key
                            2.0 * single u - 1.0, key)
                        key
                        [| 1 .. count * n |])
                key
                [| 1..rows |]

        let own, key = normals rows (count * n) key
        let next, key = normals rows (count * n) key
        let backup, key = normals rows (backups * n) key

        let y =
            batch
            |> Array.mapi (fun i row ->
                let values =
                    Array.init backups (fun j ->
                        let action, log = soft.Draw(row.Seen.Led, piece j backup[i])
                        let value = (least (soft.Networks.Values(constants soft.Targets, row.Seen.Led, action))).Value

                        if c.Backup = CqlBackup.Soft then
                            value - soft.Temperature * log.Value
                        else
                            value)

                row.Seen.Earned + row.Seen.Factor * Array.max values)

        // What values are compared at, with ln of the density, and whether the policy has drawn it.
        let others =
            batch
            |> Array.mapi (fun i row ->
                let drawn seen (noise: float[]) j =
                    let action, log = soft.Draw(seen, piece j noise)
                    Array.map Scalar.value action, log.Value, true

                [|
                    for j in 0 .. count - 1 -> piece j uniforms[i], float n * log 0.5, false
                    for j in 0 .. count - 1 -> drawn row.Seen.Seen own[i] j
                    for j in 0 .. count - 1 -> drawn row.Seen.Led next[i] j
                |])

        let weight = exp logWeight
        let mutable gap, errors = 0.0, 0.0

        let struct (_, gradient) =
            soft.Critics
            |> Scalar.differentiate (fun theta ->
                let terms =
                    batch
                    |> Array.mapi (fun i row ->
                        let seen = row.Seen.Seen
                        let present = soft.Networks.Values(theta, seen, constants row.Seen.Taken)

                        let compared =
                            others[i]
                            |> Array.map (fun (action, log, isOwn) ->
                                soft.Networks.Values(theta, seen, constants action)
                                |> Array.map (fun value ->
                                    let known = scale * returns[row.Row]
                                    let isLow = c.Calibrated && isOwn && value.Value < known
                                    (if isLow then Scalar.constant known else value) - log))

                        let gaps =
                            present
                            |> Array.mapi (fun k q -> logSumExp (compared |> Array.map (fun v -> v[k])) - q)
                            |> Scalar.sum

                        errorsFrom y[i] present, gaps)

                let error, gaps = Scalar.mean (Array.map fst terms), Scalar.mean (Array.map snd terms)
                errors <- error.Value
                gap <- gaps.Value / float c.Critics
                error + (if isLearnt then min 1e6 weight else 1.0) * c.ConservativeWeight * gaps)

        soft.Reports.Add("criticLoss", errors)
        soft.Reports.Add("gap", gap)
        soft.Evaluate(steps, gradient)

        if isLearnt then
            let slope = -weight * c.ConservativeWeight * (gap - c.TargetGap)
            let rate = rateOf c.Soft.Plan steps c.Soft.CriticLearningRate
            logWeight <- ofMultiplier.Value.Step(rate, [| logWeight |], [| slope |])[0]

        soft.Improve(batch, steps, noise)
        key

    let expect = live c.Soft.OffPolicy ValueNone view learn

    expect
        soft.Theta
        (soft.Arrays
         @ (if isLearnt then
                ("multiplier", [| logWeight |]) :: ofMultiplier.Value.Arrays
            else
                []))
        soft.Metrics

/// ∂q/∂a of a critic of tanh layers, as numbers that θ has slopes in: the chain rule forwards, one action's number at a
/// time.
let private slopes (widths: int list) (theta: Scalar[]) first (seen: float[]) (action: float[]) : Scalar[] =
    let layers = List.pairwise widths

    let through (tangent: int) =
        let x = Array.append seen action |> constants

        let start = Array.init x.Length (fun i -> Scalar.constant (if i = seen.Length + tangent then 1.0 else 0.0))

        layers
        |> List.indexed
        |> List.fold
            (fun (x: Scalar[], slope: Scalar[], first) (index, (inputs, outputs)) ->
                let weights output = Array.init inputs (fun input -> theta[first + input * outputs + output])

                let y =
                    Array.init outputs (fun output ->
                        Scalar.affine (weights output) x theta[first + inputs * outputs + output])

                let moved =
                    Array.init outputs (fun output -> Scalar.affine (weights output) slope (Scalar.constant 0.0))

                let next = first + (inputs + 1) * outputs

                if index = layers.Length - 1 then
                    y, moved, next
                else
                    let h = Array.map Scalar.tanh y
                    h, Array.map2 (fun (h: Scalar) (m: Scalar) -> (1.0 - Scalar.square h) * m) h moved, next)
            (x, start, first)
        |> fun (_, slope, _) -> slope[0]

    Array.init action.Length through

/// SAC with the least of many critics that are kept from learning alike (An et al. 2021), of tanh layers.
let edac (c: EdacOptions) (view: OfflineView) : Expected =
    let soft = Soft(c.Soft, c.Critics, c.TargetRate, view)
    let n = soft.Actions
    let widths = [ view.Learner.Environment.ObservationSize + n ] @ c.Soft.Network.Hidden @ [ 1 ]
    let size = soft.Critics.Length / c.Critics

    let learn (batch: Recorded[]) steps key =
        let noise, key = normals batch.Length n key
        let nextNoise, key = normals batch.Length n key

        let y =
            batch
            |> Array.mapi (fun i row ->
                let action, log = soft.Draw(row.Seen.Led, nextNoise[i])
                let value = (least (soft.Networks.Values(constants soft.Targets, row.Seen.Led, action))).Value
                row.Seen.Earned + row.Seen.Factor * (value - soft.Temperature * log.Value))

        let mutable errors, alike = 0.0, 0.0

        let struct (_, gradient) =
            soft.Critics
            |> Scalar.differentiate (fun theta ->
                let error =
                    batch
                    |> Array.mapi (fun i row ->
                        soft.Networks.Values(theta, row.Seen.Seen, constants row.Seen.Taken) |> errorsFrom y[i])
                    |> Scalar.mean

                let likeness =
                    batch
                    |> Array.map (fun row ->
                        let directions =
                            Array.init c.Critics (fun index ->
                                let slope = slopes widths theta (index * size) row.Seen.Seen row.Seen.Taken
                                let square = slope |> Array.map Scalar.square |> Scalar.sum
                                let length = Scalar.exp (0.5 * Scalar.log (square + 1e-20)) + 1e-10
                                slope |> Array.map (fun x -> x / length))

                        [|
                            for i in 0 .. c.Critics - 1 do
                                for j in 0 .. c.Critics - 1 do
                                    if i <> j then for k in 0 .. n - 1 -> directions[i][k] * directions[j][k]
                        |]
                        |> Scalar.sum
                        |> fun sum -> sum / float (c.Critics - 1))
                    |> Scalar.mean

                errors <- error.Value
                alike <- likeness.Value
                error + c.DiversityWeight * likeness)

        soft.Reports.Add("criticLoss", errors)
        if c.DiversityWeight > 0.0 then soft.Reports.Add("likeness", alike)
        soft.Evaluate(steps, gradient)
        soft.Improve(batch, steps, noise)
        key

    let expect = live c.Soft.OffPolicy ValueNone view learn
    expect soft.Theta soft.Arrays soft.Metrics

/// Huber's loss with the threshold 1.
let huber (error: Scalar) : Scalar =
    if abs error.Value <= 1.0 then 0.5 * Scalar.square error
    elif error.Value > 0.0 then error - 0.5
    else -error - 0.5

/// The first of the largest.
let best (values: float[]) : int = Array.findIndex ((=) (Array.max values)) values

/// One update of values of choices: θ, its target, Adam with ε beside the root.
type Chooser(values: ValueOptions, view: OfflineView) =
    let adam = PlainAdam("optimiser", (fun () -> 1.0), values.AdamEpsilon, view.State)
    let network, reports = PlainNetwork.ofSearcher view.Learner, Reports()
    member val Theta = Array.map float view.State.Parameters with get, set
    member val Target = arrayOf view "target" with get, set
    member _.Reports = reports
    member _.Outputs(theta: Scalar[], seen: float[]) = (PlainNetwork.policy network theta seen [||]).Outputs

    member this.Step(steps, gradient: float[]) : unit =
        reports.Add("gradientNorm", Gradient.norm gradient)
        let rate = rateOf values.Plan steps values.Rate.LearningRate
        let moved = adam.Step(this.Theta, gradient)
        this.Theta <- Array.map2 (fun x moved -> x + rate * (moved - x)) this.Theta moved
        this.Target <- follow values.TargetRate this.Theta this.Target

    member this.Expect(learn) : Expected =
        let expect = live values.OffPolicy ValueNone view learn
        expect this.Theta (("target", this.Target) :: adam.Arrays) reports.Means

/// Conservative Q-learning of one choice (Kumar et al. 2020).
let discreteCql (c: DiscreteCqlOptions) (view: OfflineView) : Expected =
    let chooser = Chooser(c.Dqn.Values, view)

    chooser.Expect(fun (batch: Recorded[]) steps key ->
        let online, target = constants chooser.Theta, constants chooser.Target

        let y =
            batch
            |> Array.map (fun row ->
                let ofTarget = chooser.Outputs(target, row.Seen.Led) |> Array.map Scalar.value

                let value =
                    if c.Dqn.Target = ValueTarget.Double then
                        ofTarget[best (chooser.Outputs(online, row.Seen.Led) |> Array.map Scalar.value)]
                    else
                        Array.max ofTarget

                row.Seen.Earned + row.Seen.Factor * value)

        let mutable loss, chosen = 0.0, 0.0

        let struct (_, gradient) =
            chooser.Theta
            |> Scalar.differentiate (fun theta ->
                let terms =
                    batch
                    |> Array.mapi (fun i row ->
                        let q = chooser.Outputs(theta, row.Seen.Seen)
                        let own = q[int row.Seen.Taken[0]]
                        let error = y[i] - own
                        let cost = if c.Dqn.Loss = ValueError.Huber then huber error else Scalar.square error
                        cost, logSumExp q - own, own)

                let part f = Scalar.mean (Array.map f terms)
                let cost, gap = part (fun (cost, _, _) -> cost), part (fun (_, gap, _) -> gap)
                loss <- cost.Value
                chosen <- (part (fun (_, _, own) -> own)).Value
                cost + c.ConservativeWeight * gap)

        chooser.Reports.Add("valueLoss", loss)
        chooser.Reports.Add("actionValue", chosen)
        chooser.Step(steps, gradient)
        key)
