/// What twins of actor-critics share, and those of TD3 and DDPG: acting, remembering and learning one number at a time.
module Rl.Tests.Algorithms.Twins.PlainActorCritics

open System
open Rl.Core.Algorithms
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks

/// What fewer steps earned and where they led to, as networks see it, and how much their return counts.
type ShorterReturn = { Counts: float; Earns: float; Discounts: float; LeadsTo: float[] }

/// What an update learns from: what some steps earned and where they led to, as networks see it.
type Drawn =
    {
        Seen: float[]
        Taken: float[]
        Earned: float
        Factor: float
        Led: float[]
        /// How much that return counts beside those of 1, 2, … steps.
        Share: float
        Shorter: ShorterReturn list
        /// The place of its next action's noise, which is after those of the others.
        Place: int
    }

/// Of how many states a return counts the values.
let statesOf (c: OffPolicyOptions) = if c.ReturnLambda < 1.0 then c.ReturnSteps else 1

/// What of a twin depends on its algorithm.
type Parts =
    {
        /// The action of a copy at an observation as networks see it, and the stream that follows.
        Act: int -> float[] -> Rng -> float[] * Rng
        /// An update after so many environment steps: the stream that follows.
        Learn: Drawn[] -> int64 -> Rng -> Rng
        /// A copy's episode has ended.
        End: int -> unit
    }

let single (x: float) = float (float32 x)

/// A remembered step and up to n − 1 that follow it, as networks see them.
let private drawn (c: OffPolicyOptions) see (memory: PlainMemory) row : Drawn =
    let steps = PlainMemory.ahead c.ReturnSteps memory row
    let first, last, lambda, longest = List.head steps, List.last steps, c.ReturnLambda, steps.Length

    let earned steps =
        steps
        |> List.mapi (fun i (step: PlainTransition) -> c.Discount ** float i * step.Reward)
        |> List.sum

    let shorter count =
        let steps = List.truncate count steps

        {
            Counts = (1.0 - lambda) * lambda ** float (count - 1)
            Earns = earned steps
            Discounts = c.Discount ** float count
            LeadsTo = see (List.last steps).Next
        }

    {
        Seen = see first.State
        Taken = first.Action
        Earned = earned steps
        Factor = if last.Terminated then 0.0 else c.Discount ** float longest
        Led = see last.Next
        Share = lambda ** float (longest - 1)
        Shorter = if lambda < 1.0 then List.map shorter [ 1 .. longest - 1 ] else []
        Place = statesOf c - 1
    }

/// The returns of a row together, from the value of what each led to and the place of its noise.
let targetOf (row: Drawn) (value: float[] -> int -> float) : float =
    let ofShorter place shorter = shorter.Counts * (shorter.Earns + shorter.Discounts * value shorter.LeadsTo place)

    row.Share * (row.Earned + row.Factor * value row.Led row.Place)
    + List.sum (List.mapi ofShorter row.Shorter)

/// A number of each of so many normal ones, row by row.
let normals rows numbers (key: Rng) : float[][] * Rng =
    Array.mapFold
        (fun key _ ->
            Array.mapFold
                (fun key _ ->
                    let struct (value, key) = Rng.normal key
                    single value, key)
                key
                [| 1..numbers |])
        key
        [| 1..rows |]

/// A round of acting and learning; what to expect of it follows from θ, arrays and metrics. Rewards may be divided by
/// the deviation of the discounted returns so far.
let liveOf (scalesRewards: bool) (c: OffPolicyOptions) actionCount (view: TwinView) (parts: Parts) =
    let world = TwinWorld(view.Environment, view.State, Ended = parts.End)
    let mutable updates = 0
    let mutable returns, seen = Array.copy view.State.DiscountedReturns, view.State.Steps
    let mutable ofReturns = PlainStatistics.ofRunning view.State.Rewards

    /// Takes in what was earned since the last time.
    let addReturns (memory: PlainMemory) (steps: int64) =
        if scalesRewards then
            for together in
                memory.Steps
                |> List.skip (memory.Steps.Length - int (steps - seen))
                |> List.chunkBySize world.Copies do
                let step = List.toArray together
                returns <- Array.map2 (fun sum step -> c.Discount * sum + step.Reward) returns step
                ofReturns <- PlainStatistics.add (Array.map Array.singleton returns) ofReturns
                returns <- Array.map2 (fun sum step -> if step.Ended then 0.0 else sum) returns step

        seen <- steps

    let random (key: Rng) =
        Array.mapFold
            (fun key _ ->
                let struct (value, key) = Rng.uniformIn -1.0 1.0 key
                single value, key)
            key
            [| 1..actionCount |]

    let choose copy (before: int64) seen (_: bool[]) key =
        if before < int64 c.LearningStarts then random key else parts.Act copy seen key

    let learn (memory: PlainMemory) statistics steps key =
        let rows, key = PlainMemory.draw c.BatchSize memory key
        updates <- updates + 1
        addReturns memory steps
        let scale = if scalesRewards then 1.0 / PlainStatistics.deviation ofReturns 0 else 1.0
        let drawn row = drawn c (PlainStatistics.normalise statistics) memory row

        let scaled (row: Drawn) =
            { row with
                Earned = scale * row.Earned
                Shorter = row.Shorter |> List.map (fun shorter -> { shorter with Earns = scale * shorter.Earns })
            }

        parts.Learn (rows |> Array.map (drawn >> scaled)) steps key

    // All rows are drawn alike, and targets follow in updates.
    let priorities = PlainPriorities(0.0, c.BufferSize, view.State)

    let struct (memory, statistics, steps, key) =
        PlainReplayed.round c 0 view.State world priorities choose (fun _ _ -> ()) learn

    addReturns memory steps

    fun theta arrays metrics ->
        {
            Theta = theta
            Arrays = arrays
            Observations = statistics
            Rewards = ofReturns
            DiscountedReturns = returns
            Key = key
            ActionKeys = world.Keys
            Metrics =
                metrics
                @ [
                    "gradientSteps", float updates
                    "remembered", float memory.Steps.Length
                    "steps", float (steps - view.State.Steps)
                ]
        }

/// A round in which rewards are as they are.
let live c actionCount view parts = liveOf false c actionCount view parts

/// Layers one after the other, each of its weights [inputs, outputs] and its biases.
type Perceptron = { Widths: int list; Hidden: Scalar -> Scalar; Last: Scalar -> Scalar }

[<RequireQualifiedAccess>]
module Perceptron =

    let count net = net.Widths |> List.pairwise |> List.sumBy (fun (inputs, outputs) -> (inputs + 1) * outputs)

    let apply net (theta: Scalar[]) first (x: Scalar[]) : Scalar[] =
        let layers = List.pairwise net.Widths

        layers
        |> List.indexed
        |> List.fold
            (fun (x: Scalar[], first) (index, (inputs, outputs)) ->
                let activate = if index = layers.Length - 1 then net.Last else net.Hidden

                let y =
                    Array.init outputs (fun output ->
                        let weights = Array.init inputs (fun input -> theta[first + input * outputs + output])
                        activate (Scalar.affine weights x theta[first + inputs * outputs + output]))

                y, first + (inputs + 1) * outputs)
            (x, first)
        |> fst

let relu (x: Scalar) = Scalar.largerOf x (Scalar.constant 0.0)
let activation (a: Activation) = if a.IsRelu then relu else Scalar.tanh
let constants = Array.map Scalar.constant

/// The networks of an actor-critic over one θ: the actor's numbers, then each critic's, of some outputs.
type Networks(c: NetworkOptions, observed: int, actions: int, outputs: int, last, critics: int, values: int) =
    let hidden = activation c.Activation
    let actor = { Widths = [ observed ] @ c.Hidden @ [ outputs ]; Hidden = hidden; Last = last }
    let critic = { Widths = [ observed + actions ] @ c.Hidden @ [ values ]; Hidden = hidden; Last = id }
    let size = Perceptron.count critic
    new(c, observed, actions, outputs, last, critics) = Networks(c, observed, actions, outputs, last, critics, 1)
    member _.ActorCount = Perceptron.count actor
    member _.Policy(theta, observation: float[]) = Perceptron.apply actor theta 0 (constants observation)

    /// The outputs of each critic, whose numbers alone are in θ.
    member _.Outputs(theta, observation: float[], action: Scalar[]) : Scalar[][] =
        let x = Array.append (constants observation) action
        Array.init critics (fun index -> Perceptron.apply critic theta (index * size) x)

    /// The values by each critic.
    member this.Values(theta, observation: float[], action: Scalar[]) : Scalar[] =
        this.Outputs(theta, observation, action) |> Array.map Array.head

/// An Adam whose rate may be another at each step.
type Adam(name, gradientDecay: float, state: TrainingState) =
    let adam = PlainAdam(name, gradientDecay, (fun () -> 1.0), 1e-8, state)
    new(name, state) = Adam(name, 0.9, state)

    member _.Step(rate: float, theta: float[], gradient: float[]) : float[] =
        Array.map2 (fun x moved -> x + rate * (moved - x)) theta (adam.Step(theta, gradient))

    member _.Arrays = adam.Arrays

let least (values: Scalar[]) = Array.reduce Scalar.smallerOf values

let shareOf (rate: RateOptions) (plan: PlanOptions) (steps: int64) =
    PlainRates.after plan steps rate.LearningRate / PlainRates.start rate.LearningRate

let follow rate (online: float[]) (target: float[]) = Array.map2 (fun x y -> (1.0 - rate) * y + rate * x) online target

/// Reported numbers, of which the means are reported.
type Reports() =
    let known = Collections.Generic.List<string * float>()
    member _.Add(name: string, value: float) = known.Add((name, value))

    member _.Means =
        known
        |> Seq.groupBy fst
        |> Seq.map (fun (name, values) -> name, Seq.averageBy snd values)
        |> Seq.toList

let meanOver (batch: Drawn[]) f = batch |> Array.mapi f |> Scalar.mean

/// Of all critics of a row: the sum of the squares by which they miss a target.
let errorsFrom (target: float) (values: Scalar[]) : Scalar =
    values |> Array.map (fun q -> Scalar.square (q - target)) |> Scalar.sum

let squaredErrors (networks: Networks) (batch: Drawn[]) (y: float[]) theta =
    meanOver batch (fun i row -> networks.Values(theta, row.Seen, constants row.Taken) |> errorsFrom y[i])

/// What learners like TD3 do in their own way.
type Variation =
    {
        /// The target of a row from the target policy's action in a state and the target critics' values of both; else
        /// TD3's.
        Target: ((float[] -> float[]) -> (float[] -> float[] -> float[]) -> Drawn -> float) option
        /// What counts of the values by the target critics.
        Counts: Scalar[] -> Scalar
        /// What the actor follows of the values by the critics.
        Followed: Scalar[] -> Scalar
    }

/// Twin delayed deterministic policy gradient (Fujimoto et al. 2018), in some way.
let td3With (variation: Variation) (c: Td3Options) (view: TwinView) : Expected =
    let n = view.Environment.ActionSize
    let networks = Networks(c.Network, view.Environment.ObservationSize, n, n, Scalar.tanh, c.Critics)
    let mutable actor, critics = Array.splitAt networks.ActorCount view.Theta
    let mutable targetActor = view.State.Array "targetActor" |> Array.map float
    let mutable targets = view.State.Array "targets" |> Array.map float
    let mutable waited = int (view.State.Array "criticSteps").[0]
    let ofActor, ofCritics = Adam("actorOptimiser", view.State), Adam("criticOptimiser", view.State)
    let reports = Reports()
    let noise = PlainNoise(c.Noise, n, view.State)
    let moves = c.Noise.Exploration.IsParameters

    let mutable perturbation =
        if moves then
            view.State.Array "parameterNoise" |> Array.map float
        else
            Array.zeroCreate actor.Length

    // σ, the stretch of steps, the mean square of how far actions were moved.
    let progress =
        if moves then
            view.State.Array "parameterNoiseProgress" |> Array.map float
        else
            [||]

    let act copy observation key =
        let outputs = networks.Policy(constants (Array.map2 (+) actor perturbation), observation)
        let moved, key = noise.Draw(copy, key)
        Array.init n (fun i -> single (max -1.0 (min 1.0 (outputs[i].Value + moved[i])))), key

    let perturb (steps: int64) key =
        let stretch = float (steps / int64 c.Noise.ExplorationSteps)

        if not moves || stretch = progress[1] then
            key
        else
            if progress[1] >= 0.0 then
                let isTooFar = sqrt progress[2] > PlainRates.start c.Noise.ExplorationDeviation
                progress[0] <- if isTooFar then progress[0] / 1.01 else progress[0] * 1.01

            progress[1] <- stretch
            let drawn, key = normals 1 actor.Length key
            perturbation <- drawn[0] |> Array.map (fun z -> progress[0] * z)
            key

    let learn (batch: Drawn[]) steps key =
        let noise, key = normals batch.Length (statesOf c.OffPolicy * n) (perturb steps key)
        let share = shareOf c.Rate c.Plan steps
        let frozenActor, frozen = constants targetActor, constants targets

        let y =
            batch
            |> Array.mapi (fun i row ->
                match variation.Target with
                | Some target ->
                    let policy state = networks.Policy(frozenActor, state) |> Array.map _.Value
                    let values state action = networks.Values(frozen, state, constants action) |> Array.map _.Value
                    target policy values row
                | None ->
                    targetOf row (fun led place ->
                        let action =
                            networks.Policy(frozenActor, led)
                            |> Array.mapi (fun k a ->
                                let moved = PlainRates.start c.SmoothingDeviation * noise[i][place * n + k]
                                let shift = max -c.SmoothingLimit (min c.SmoothingLimit moved)
                                Scalar.constant (max -1.0 (min 1.0 (a.Value + shift))))

                        (variation.Counts(networks.Values(frozen, led, action))).Value))

        let struct (loss, gradient) = critics |> Scalar.differentiate (squaredErrors networks batch y)
        reports.Add("criticLoss", loss)
        critics <- ofCritics.Step(share * PlainRates.start c.CriticLearningRate, critics, gradient)
        waited <- waited + 1

        if waited = c.PolicyDelay then
            waited <- 0
            let fixedCritics = constants critics

            let struct (loss, gradient) =
                actor
                |> Scalar.differentiate (fun theta ->
                    meanOver batch (fun _ row ->
                        -(variation.Followed(
                            networks.Values(fixedCritics, row.Seen, networks.Policy(theta, row.Seen))
                        ))))

            reports.Add("actorLoss", loss)

            if moves then
                let distance (row: Drawn) =
                    let policy theta = networks.Policy(constants theta, row.Seen)

                    Array.map2
                        (fun (a: Scalar) (b: Scalar) -> (a.Value - b.Value) ** 2.0)
                        (policy actor)
                        (policy (Array.map2 (+) actor perturbation))
                    |> Array.average

                progress[2] <- batch |> Array.averageBy distance

            actor <- ofActor.Step(share * PlainRates.start c.Rate.LearningRate, actor, gradient)
            targetActor <- follow c.TargetRate actor targetActor
            targets <- follow c.TargetRate critics targets

        key

    let expect = live c.OffPolicy n view { Act = act; Learn = learn; End = noise.End }

    expect
        (Array.append actor critics)
        [
            "targetActor", targetActor
            "targets", targets
            "criticSteps", [| float waited |]
            yield! noise.Arrays
            if moves then
                "parameterNoise", perturbation
                "parameterNoiseProgress", progress
            yield! ofActor.Arrays
            yield! ofCritics.Arrays
        ]
        (reports.Means @ (if moves then [ "parameterNoise", progress[0] ] else []))

/// Twin delayed deterministic policy gradient (Fujimoto et al. 2018).
let td3 (c: Td3Options) (view: TwinView) : Expected =
    td3With { Target = None; Counts = least; Followed = Array.head } c view

/// Deep deterministic policy gradient (Lillicrap et al. 2015), no delay, no smoothing, of some critics, in some way.
let ddpgWith variation critics (c: DdpgOptions) (view: TwinView) : Expected =
    view
    |> td3With
        variation
        {
            Plan = c.Plan
            OffPolicy = c.OffPolicy
            Network = c.Network
            Rate = c.Rate
            CriticLearningRate = c.CriticLearningRate
            Critics = critics
            TargetRate = c.TargetRate
            PolicyDelay = 1
            SmoothingDeviation = RateSchedule.Constant 0.0
            SmoothingLimit = 1.0
            Optimiser = c.Optimiser
            Noise = c.Noise
            Convolutions = c.Convolutions
        }

/// Deep deterministic policy gradient: one critic.
let ddpg (c: DdpgOptions) (view: TwinView) : Expected =
    ddpgWith { Target = None; Counts = least; Followed = Array.head } 1 c view
