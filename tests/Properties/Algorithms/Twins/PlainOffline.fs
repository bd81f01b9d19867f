/// What the twins of learners from recorded steps share, and those that clone by weights: IQL, AWAC, CRR and cloning of
/// the best episodes, one number at a time.
module Rl.Tests.Algorithms.Twins.PlainOffline

open System
open Rl.Core.Algorithms
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Tests.Algorithms.Twins.PlainActorCritics

/// What a twin learns from: the data, and the state of the learner that learns beside it.
type OfflineView = { Learner: Learner; Data: PlainMemory; State: TrainingState }

/// A drawn step: its row, and what an update sees of it.
type Recorded = { Row: int; Seen: Drawn }

/// The discounted sum of rewards up to each step of its episode.
let private sums (discount: float) (data: PlainMemory) : float[] =
    data.Steps
    |> List.toArray
    |> Array.mapFold
        (fun running step ->
            let sum = step.Reward + discount * running
            sum, (if step.Ended then 0.0 else sum))
        0.0
    |> fst

/// A round of gradient steps from the data alone, drawn from some rows (none: all); what to expect of it follows from
/// θ, arrays and metrics.
let live (c: OffPolicyOptions) (rows: int[] voption) (view: OfflineView) learn =
    let state, steps = view.State, List.toArray view.Data.Steps
    let isNew (statistics: RunningStatistics) = statistics.Count = 0.0
    let observations, rewards = PlainStatistics.ofRunning state.Observations, PlainStatistics.ofRunning state.Rewards

    let statistics =
        if isNew state.Observations then
            PlainStatistics.add (steps |> Array.map _.State) observations
        else
            observations

    let ofReturns =
        if isNew state.Rewards then
            PlainStatistics.add (sums c.Discount view.Data |> Array.map Array.singleton) rewards
        else
            rewards

    let scale =
        if ofReturns.Mean.Length = 0 then
            1.0
        else
            single (1.0 / PlainStatistics.deviation ofReturns 0)

    let see = PlainStatistics.normalise statistics
    let mutable key = state.Key

    for index in 0 .. c.RoundSteps - 1 do
        let drawn, next =
            match rows with
            | ValueNone -> PlainMemory.draw c.BatchSize view.Data key
            | ValueSome rows ->
                [| 1 .. c.BatchSize |]
                |> Array.mapFold
                    (fun key _ ->
                        let struct (place, key) = Rng.below rows.Length key
                        rows[place], key)
                    key

        let batch =
            drawn
            |> Array.map (fun row ->
                let step = steps[row]

                {
                    Row = row
                    Seen =
                        {
                            Seen = see step.State
                            Taken = step.Action
                            Earned = scale * step.Reward
                            Factor = if step.Terminated then 0.0 else c.Discount
                            Led = see step.Next
                            Share = 1.0
                            Shorter = []
                            Place = 0
                        }
                })

        key <- learn batch (state.Steps + int64 index) next

    fun theta arrays metrics ->
        {
            Theta = theta
            Arrays = arrays
            Observations = statistics
            Rewards = ofReturns
            DiscountedReturns = state.DiscountedReturns
            Key = key
            ActionKeys = state.ActionKeys
            Metrics = metrics @ [ "gradientSteps", float c.RoundSteps; "steps", float c.RoundSteps ]
        }

/// An array of a state.
let arrayOf (view: OfflineView) name = view.State.Array name |> Array.map float

/// θ in parts of these lengths, and what is left.
let cut (counts: int list) (theta: float[]) : float[][] =
    let starts = List.scan (+) 0 counts

    [|
        for start, count in List.zip (List.truncate counts.Length starts) counts do
            Array.sub theta start count
        Array.skip (List.last starts) theta
    |]

let clamp (low: float) (high: float) (x: Scalar) : Scalar =
    if x.Value < low then Scalar.constant low
    elif x.Value > high then Scalar.constant high
    else x

/// ln of the density of a normal distribution at each number, summed.
let logDensity (action: float[]) (means: Scalar[]) (deviations: Scalar[]) : Scalar =
    Array.init action.Length (fun i ->
        let z = (action[i] - means[i]) / Scalar.exp deviations[i]
        -0.5 * Scalar.square z - deviations[i] - 0.5 * log (2.0 * Math.PI))
    |> Scalar.sum

/// The rate of a schedule after so many steps.
let rateOf (plan: PlanOptions) (steps: int64) (schedule: RateSchedule) = PlainRates.after plan steps schedule

/// What IQL, AWAC and CRR have in common: a normal policy around tanh, critics, their targets.
type private Weighted(c: WeightedOptions, view: OfflineView) =
    let environment = view.Learner.Environment
    let n = environment.ActionSize
    let networks = Networks(c.Network, environment.ObservationSize, n, n, Scalar.tanh, c.Critics)
    let ofActor, ofCritics = Adam("actorOptimiser", view.State), Adam("criticOptimiser", view.State)
    let actorCount = networks.ActorCount + n
    let targets = arrayOf view "targets"
    let parts = cut [ actorCount; targets.Length ] (Array.map float view.State.Parameters)
    member val Actor = parts[0] with get, set
    member val Critics = parts[1] with get, set
    member val Targets = targets with get, set
    member _.Rest = parts[2]
    member _.Actions = n
    member _.Values(theta: float[], seen, action) = networks.Values(constants theta, seen, action)

    member _.Policy(theta: Scalar[], seen: float[]) : Scalar[] * Scalar[] =
        networks.Policy(theta, seen),
        Array.sub theta networks.ActorCount n |> Array.map (clamp c.LeastLogDeviation c.LargestLogDeviation)

    /// An action drawn by a policy.
    member this.Draw(theta: float[], seen, noise: float[]) : Scalar[] =
        let means, deviations = this.Policy(constants theta, seen)
        Array.init n (fun i -> clamp -1.0 1.0 (means[i] + Scalar.exp deviations[i] * noise[i]))

    /// Critics towards y, then their targets.
    member this.Evaluate(batch: Drawn[], y: float[], steps, reports: Reports) : unit =
        let struct (loss, gradient) = this.Critics |> Scalar.differentiate (squaredErrors networks batch y)
        reports.Add("criticLoss", loss)
        this.Critics <- ofCritics.Step(rateOf c.Plan steps c.CriticLearningRate, this.Critics, gradient)
        this.Targets <- follow c.TargetRate this.Critics this.Targets

    /// y = r + γ min q̄(s′, a′) of actions drawn by a policy.
    member this.Targets'(batch: Drawn[], actor: float[], noise: float[][]) : float[] =
        batch
        |> Array.mapi (fun i row ->
            let action = this.Draw(actor, row.Led, noise[i])
            row.Earned + row.Factor * (least (this.Values(this.Targets, row.Led, action))).Value)

    /// The policy along −w times what each row costs.
    member this.Clone
        (batch: Drawn[], weights: float[], cost: Drawn -> Scalar[] -> Scalar[] -> Scalar, steps, reports: Reports)
        =
        let struct (loss, gradient) =
            this.Actor
            |> Scalar.differentiate (fun theta ->
                meanOver batch (fun i row ->
                    let means, deviations = this.Policy(theta, row.Seen)
                    weights[i] * cost row means deviations))

        reports.Add("actorLoss", loss)
        reports.Add("weight", Array.average weights)
        this.Actor <- ofActor.Step(rateOf c.Plan steps c.Rate.LearningRate, this.Actor, gradient)

    member _.Arrays = ofActor.Arrays @ ofCritics.Arrays

let private likelihood (row: Drawn) means deviations : Scalar = -(logDensity row.Taken means deviations)

let private exponential (c: WeightedOptions) (advantage: float) =
    min c.LargestWeight (exp (c.InverseTemperature * advantage))

let private plain (batch: Recorded[]) = batch |> Array.map _.Seen

/// Implicit Q-learning (Kostrikov, Nair and Levine 2022).
let iql (c: IqlOptions) (view: OfflineView) : Expected =
    let w, reports = Weighted(c.Weighted, view), Reports()
    let ofValue = Adam("valueOptimiser", view.State)
    let observed = view.Learner.Environment.ObservationSize
    let hidden = activation c.Weighted.Network.Activation
    let net = { Widths = [ observed ] @ c.Weighted.Network.Hidden @ [ 1 ]; Hidden = hidden; Last = id }
    let mutable value = w.Rest
    let valueAt theta (seen: float[]) = (Perceptron.apply net theta 0 (constants seen))[0]

    let cost (row: Drawn) (means: Scalar[]) deviations =
        match c.Cloning with
        | CloningLoss.Likelihood -> likelihood row means deviations
        | CloningLoss.Squared ->
            Array.map2 (fun (m: Scalar) (a: float) -> Scalar.square (m - a)) means row.Taken |> Scalar.sum

    let learn batch steps key =
        let batch = plain batch

        let known = batch |> Array.map (fun row -> (least (w.Values(w.Targets, row.Seen, constants row.Taken))).Value)

        let before = value

        let advantages value =
            Array.map2 (fun q (row: Drawn) -> q - (valueAt (constants value) row.Seen).Value) known batch

        let y = batch |> Array.map (fun row -> row.Earned + row.Factor * (valueAt (constants before) row.Led).Value)

        let struct (loss, gradient) =
            before
            |> Scalar.differentiate (fun theta ->
                meanOver batch (fun i row ->
                    let u = known[i] - valueAt theta row.Seen
                    abs (c.Expectile - (if u.Value < 0.0 then 1.0 else 0.0)) * Scalar.square u))

        reports.Add("valueLoss", loss)
        value <- ofValue.Step(rateOf c.Weighted.Plan steps c.Weighted.CriticLearningRate, before, gradient)
        w.Evaluate(batch, y, steps, reports)

        let weights = advantages (if c.AdvantageAfterStep then value else before) |> Array.map (exponential c.Weighted)

        w.Clone(batch, weights, cost, steps, reports)
        key

    let expect = live c.Weighted.Replayed ValueNone view learn

    expect
        (Array.concat [ w.Actor; w.Critics; value ])
        (("targets", w.Targets) :: w.Arrays @ ofValue.Arrays)
        reports.Means

/// Advantages over the values of so many actions of the policy, made of critics and actions as they are told.
let private advantagesOf (w: Weighted) count ofCritics ofActions (batch: Drawn[]) (noise: float[][]) : float[] =
    batch
    |> Array.mapi (fun i row ->
        let value action = ofCritics (w.Values(w.Critics, row.Seen, action) |> Array.map Scalar.value)

        let drawn =
            Array.init count (fun j -> value (w.Draw(w.Actor, row.Seen, Array.sub noise[i] (j * w.Actions) w.Actions)))

        value (constants row.Taken) - ofActions drawn)

/// Advantage-weighted actor-critic (Nair et al. 2020).
let awac (c: AwacOptions) (view: OfflineView) : Expected =
    let w, reports = Weighted(c.Weighted, view), Reports()

    let learn batch steps key =
        let batch = plain batch
        let nextNoise, key = normals batch.Length w.Actions key
        let noise, key = normals batch.Length (c.AdvantageActions * w.Actions) key
        w.Evaluate(batch, w.Targets'(batch, w.Actor, nextNoise), steps, reports)
        let advantages = advantagesOf w c.AdvantageActions Array.min Array.average batch noise

        let weights =
            match c.Weights with
            | AdvantageWeights.Exponential -> advantages |> Array.map (exponential c.Weighted)
            | AdvantageWeights.Normalised ->
                let shares = advantages |> Array.map (fun a -> exp (c.Weighted.InverseTemperature * a))
                shares |> Array.map (fun share -> float shares.Length * share / Array.sum shares)

        w.Clone(batch, weights, likelihood, steps, reports)
        key

    let expect = live c.Weighted.Replayed ValueNone view learn
    expect (Array.append w.Actor w.Critics) (("targets", w.Targets) :: w.Arrays) reports.Means

/// Critic-regularised regression (Wang et al. 2020).
let crr (c: CrrOptions) (view: OfflineView) : Expected =
    let w, reports = Weighted(c.Weighted, view), Reports()
    let mutable targetActor = arrayOf view "targetActor"

    let learn batch steps key =
        let batch = plain batch
        let nextNoise, key = normals batch.Length w.Actions key
        let noise, key = normals batch.Length (c.AdvantageActions * w.Actions) key
        w.Evaluate(batch, w.Targets'(batch, targetActor, nextNoise), steps, reports)

        let ofActions =
            match c.Baseline with
            | AdvantageBaseline.Mean -> Array.average
            | AdvantageBaseline.Maximum -> Array.max

        let weights =
            advantagesOf w c.AdvantageActions Array.average ofActions batch noise
            |> Array.map (fun advantage ->
                match c.Weights with
                | CrrWeights.Exponential -> exponential c.Weighted advantage
                | CrrWeights.Binary -> if advantage > 0.0 then 1.0 else 0.0)

        w.Clone(batch, weights, likelihood, steps, reports)
        targetActor <- follow c.Weighted.TargetRate w.Actor targetActor
        key

    let expect = live c.Weighted.Replayed ValueNone view learn

    expect
        (Array.append w.Actor w.Critics)
        ([ "targets", w.Targets; "targetActor", targetActor ] @ w.Arrays)
        reports.Means

/// Cloning of the best episodes, found by sorting their returns.
let filteredCloning (c: FilteredCloningOptions) (view: OfflineView) : Expected =
    let network, reports = PlainNetwork.ofSearcher view.Learner, Reports()
    let adam = Adam("optimiser", view.State)
    let mutable theta = Array.map float view.State.Parameters

    // The rows of each episode.
    let episodes =
        view.Data.Steps
        |> List.indexed
        |> List.fold
            (fun (whole, present) (row, step) ->
                let present = row :: present
                if step.Ended then (List.rev present :: whole), [] else whole, present)
            ([], [])
        |> fst
        |> List.rev

    let steps = List.toArray view.Data.Steps
    let count = int (ceil (c.BestShare * float episodes.Length))

    let rows =
        episodes
        |> List.sortByDescending (List.sumBy (fun row -> steps[row].Reward))
        |> List.take count
        |> List.concat
        |> List.sort
        |> List.toArray

    let learn (batch: Recorded[]) after key =
        let policies theta = batch |> Array.map (fun row -> PlainNetwork.policy network theta row.Seen.Seen [||])

        let struct (loss, gradient) =
            theta
            |> Scalar.differentiate (fun theta ->
                Array.map2
                    (fun policy row -> -(PlainPolicy.logProbability policy row.Seen.Taken))
                    (policies theta)
                    batch
                |> Scalar.mean)

        reports.Add("actorLoss", loss)
        reports.Add("entropy", policies (constants theta) |> Array.averageBy (fun p -> (PlainPolicy.entropy p).Value))
        theta <- adam.Step(rateOf c.Plan after c.Rate.LearningRate, theta, gradient)
        key

    let expect = live c.Replayed (ValueSome rows) view learn
    expect theta adam.Arrays reports.Means
