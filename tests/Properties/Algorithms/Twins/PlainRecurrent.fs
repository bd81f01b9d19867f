/// Plain R2D2: one sequence, one step and one unit of a recurrent layer at a time.
namespace Rl.Tests.Algorithms.Twins

open System
open Rl.Core.Acting
open Rl.Core.Algorithms
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks

/// Layers of features, a recurrent layer and a last one, over one θ.
type PlainRecurrentNetwork =
    {
        Cell: RecurrentCell
        Units: int
        Trunk: PlainLayer list
        InputWeight: Block
        HiddenWeight: Block
        InputBias: Block
        HiddenBias: Block
        Last: PlainLayer
    }

[<RequireQualifiedAccess>]
module PlainRecurrentNetwork =

    /// That of an actor.
    let ofActor (actor: Actor) : PlainRecurrentNetwork =
        let layout = Actor.layout actor
        let memory = Option.get actor.Features.Memory

        {
            Cell = memory.Cell
            Units = memory.Hidden
            Trunk =
                match actor.Features.Trunk with
                | Some trunk ->
                    [ for index in 0 .. trunk.Hidden.Length - 1 -> $"trunk/{index}" ] @ [ "trunk/output" ]
                    |> List.map (PlainNetwork.layer layout)
                | None -> []
            InputWeight = layout["memory/inputWeight"]
            HiddenWeight = layout["memory/hiddenWeight"]
            InputBias = layout["memory/inputBias"]
            HiddenBias = layout["memory/hiddenBias"]
            Last = PlainNetwork.layer layout "actor/output"
        }

    let private sigmoid (x: Scalar) = 1.0 / (1.0 + Scalar.exp -x)

    let private affine (theta: Scalar[]) (weight: Block) (bias: Block) (x: Scalar[]) =
        let outputs = weight.Shape[1]

        Array.init outputs (fun output ->
            let weights = Array.init x.Length (fun input -> theta[weight.Offset + input * outputs + output])
            Scalar.affine weights x theta[bias.Offset + output])

    /// The state after an observation: h, and of an LSTM the cells after it.
    let step (network: PlainRecurrentNetwork) theta (observation: float[]) (state: Scalar[]) : Scalar[] =
        let n = network.Units

        let x =
            network.Trunk
            |> List.fold
                (fun x layer -> PlainNetwork.dense theta layer x |> Array.map Scalar.tanh)
                (Array.map Scalar.constant observation)

        let h = state[.. n - 1]

        let i, s =
            affine theta network.InputWeight network.InputBias x, affine theta network.HiddenWeight network.HiddenBias h

        let gate index (values: Scalar[]) unit = values[index * n + unit]

        match network.Cell with
        | RecurrentCell.Tanh -> Array.init n (fun u -> Scalar.tanh (i[u] + s[u]))
        | RecurrentCell.Gru ->
            Array.init n (fun u ->
                let reset = sigmoid (gate 0 i u + gate 0 s u)
                let update = sigmoid (gate 1 i u + gate 1 s u)
                let candidate = Scalar.tanh (gate 2 i u + reset * gate 2 s u)
                (1.0 - update) * candidate + update * h[u])
        | RecurrentCell.Lstm ->
            let cells =
                Array.init n (fun u ->
                    sigmoid (gate 1 i u + gate 1 s u) * state[n + u]
                    + sigmoid (gate 0 i u + gate 0 s u) * Scalar.tanh (gate 2 i u + gate 2 s u))

            Array.append (Array.init n (fun u -> sigmoid (gate 3 i u + gate 3 s u) * Scalar.tanh cells[u])) cells

    /// The outputs in a state.
    let outputs (network: PlainRecurrentNetwork) theta (state: Scalar[]) : Scalar[] =
        PlainNetwork.dense theta network.Last state[.. network.Units - 1]

/// Plain R2D2 (Kapturowski et al. 2019, section 3).
[<RequireQualifiedAccess>]
module PlainR2d2 =

    /// h and its inverse, found by halving.
    let private h (x: Scalar) =
        let root = Scalar.exp (0.5 * Scalar.log (Scalar.largerOf x -x + 1.0)) - 1.0
        (if x.Value < 0.0 then -root else root) + 1e-3 * x

    let private inverse (y: float) =
        let at x = (h (Scalar.constant x)).Value
        let rec widen bound = if at bound > abs y then bound else widen (2.0 * bound)

        let rec halve low high count =
            let middle = 0.5 * (low + high)

            if count = 0 then middle
            elif at middle < abs y then halve middle high (count - 1)
            else halve low middle (count - 1)

        float (sign y) * halve 0.0 (widen 1.0) 200

    /// A round, and what is remembered after it.
    let transition (c: R2d2Options) (view: TwinView) : Expected * PlainMemory =
        let state = view.State
        let world = TwinWorld(view.Environment, state)

        let network =
            R2d2.network c view.Environment.ObservationSpace view.Environment.ActionSpace
            |> PlainRecurrentNetwork.ofActor

        let size = (state.Array "recurrentStates").Length / world.Copies
        let recurrent = state.Array "recurrentStates" |> Array.map float |> Array.chunkBySize size
        let nothing = Array.create size (Scalar.constant 0.0)
        let constants = Array.map Scalar.constant
        world.Remembered <- fun copy -> Array.copy recurrent[copy]
        world.Ended <- fun copy -> recurrent[copy] <- Array.zeroCreate size

        let values = c.Values
        let mutable theta = view.Theta
        let mutable frozen = state.Array "target" |> Array.map float
        let losses, norms, chosen = ResizeArray<float>(), ResizeArray<float>(), ResizeArray<float>()
        let count = view.Environment.ActionSpace.Choices
        let masks = if view.Environment.HasActionMasks then count else 0
        let rescale (q: Scalar) = if c.ValueRescaling then h q else q
        let undo (q: float) = if c.ValueRescaling then inverse q else q

        let actionValues theta memory =
            let outputs = PlainRecurrentNetwork.outputs network theta memory

            if values.Dueling then
                let advantages = outputs[1..]
                advantages |> Array.map (fun own -> outputs[0] + own - Scalar.mean advantages)
            else
                outputs

        let rateAt (steps: int64) = PlainRates.after values.Plan steps values.Rate.LearningRate

        let epsilon = PlainValues.epsilon values.Plan values.Exploration
        let mutable rate = PlainRates.start values.Rate.LearningRate
        let replayed = values.OffPolicy
        let length = c.BurnIn + c.SequenceLength
        let delay = (length - 1) * world.Copies
        let priorities = PlainPriorities(replayed.PriorityExponent, replayed.BufferSize, delay, state)

        let correction (steps: int64) = PlainRates.after values.Plan steps replayed.ImportanceExponent

        let adam = PlainAdam("optimiser", (fun () -> rate), values.AdamEpsilon, state)

        // The memory takes in what is seen, whatever is done.
        let choose copy (steps: int64) seen mask key =
            let memory = PlainRecurrentNetwork.step network (constants theta) seen (constants recurrent[copy])
            recurrent[copy] <- Array.map Scalar.value memory

            if steps < int64 replayed.LearningStarts then
                PlainReplayed.uniform count mask key
            else
                let struct (u, key) = Rng.uniform key

                if u < epsilon steps then
                    PlainReplayed.uniform count mask key
                else
                    [| float (PlainValues.best mask (actionValues (constants theta) memory)) |], key

        let follow (before: int64) (after: int64) =
            let every = int64 (max 1 (values.TargetUpdateInterval / world.Copies))

            for step in before + 1L .. after do
                if step % every = 0L then
                    frozen <- Array.map2 (fun f t -> f + values.TargetRate * (t - f)) frozen theta

        /// The memory after each step that is learned from.
        let memories theta see (steps: PlainTransition[]) : Scalar[][] =
            let mutable memory = constants steps[0].Memory

            [|
                for l in 0 .. length - 1 do
                    if l > 0 && steps[l - 1].Ended then memory <- nothing
                    memory <- PlainRecurrentNetwork.step network theta (see steps[l].State) memory
                    // Nothing is learned through the burn-in.
                    if l = c.BurnIn - 1 then memory <- memory |> Array.map Scalar.value |> constants
                    if l >= c.BurnIn then memory
            |]

        /// What each step that is learned from should be worth; none where that cannot be known.
        let targets see (steps: PlainTransition[]) : float option[] =
            let online, still = constants theta, constants frozen
            let own = steps[c.BurnIn ..]

            let next =
                Array.zip3 own (memories online see steps) (memories still see steps)
                |> Array.map (fun (step, ofOnline, ofFrozen) ->
                    let led memory theta = PlainRecurrentNetwork.step network theta (see step.Next) memory
                    let chooser = actionValues online (led ofOnline online)
                    let best = PlainValues.best (if PlainValues.isUnknown step then [||] else step.NextMask) chooser
                    let q = actionValues still (led ofFrozen still)
                    undo q[best].Value)

            own
            |> Array.mapi (fun l _ ->
                let last =
                    seq { l .. min (l + replayed.ReturnSteps - 1) (own.Length - 1) }
                    |> Seq.tryFind (fun k -> own[k].Ended)
                    |> Option.defaultValue (min (l + replayed.ReturnSteps - 1) (own.Length - 1))

                let earned = PlainValues.earned replayed.Discount (List.ofArray own[l..last])

                if own[last].Terminated then Some earned
                elif PlainValues.isUnknown own[last] then None
                else Some(earned + replayed.Discount ** float (last - l + 1) * next[last]))
            |> Array.map (Option.map (fun value -> (rescale (Scalar.constant value)).Value))

        let learn (memory: PlainMemory) statistics steps key =
            let possible = memory.Steps.Length - delay

            if possible <= 0 then
                key
            else
                let all = Array.ofList memory.Steps

                let rows, weights, key =
                    if replayed.PriorityExponent > 0.0 then
                        priorities.Draw(replayed.BatchSize, memory, correction steps, key)
                    else
                        let rows, key =
                            [| 1 .. replayed.BatchSize |]
                            |> Array.mapFold
                                (fun key _ ->
                                    let struct (row, key) = Rng.below possible key
                                    row, key)
                                key

                        rows, Array.create rows.Length 1.0, key

                let see = PlainStatistics.normalise statistics
                rate <- rateAt steps

                let drawn =
                    rows |> Array.map (fun row -> [| for l in 0 .. length - 1 -> all[row + l * memory.Copies] |])

                let wanted = drawn |> Array.map (targets see)
                let mutable errors = [||]

                let struct (terms, gradient) =
                    PlainCredit.differentiate theta (fun theta ->
                        let estimates =
                            drawn
                            |> Array.map (fun steps ->
                                Array.map2
                                    (fun (step: PlainTransition) memory ->
                                        (actionValues theta memory)[int step.Action[0]])
                                    steps[c.BurnIn ..]
                                    (memories theta see steps))

                        let differences =
                            Array.map2
                                (Array.map2 (fun wanted (q: Scalar) ->
                                    match wanted with
                                    | Some wanted -> wanted - q
                                    | None -> Scalar.constant 0.0))
                                wanted
                                estimates

                        errors <-
                            differences
                            |> Array.map (fun own ->
                                let sizes = own |> Array.map (fun error -> abs error.Value)
                                c.PriorityMaximum * Array.max sizes + (1.0 - c.PriorityMaximum) * Array.average sizes)

                        let cost (error: Scalar) =
                            match c.Loss with
                            | ValueError.Squared -> Scalar.square error
                            | ValueError.Huber when abs error.Value <= 1.0 -> 0.5 * Scalar.square error
                            | ValueError.Huber -> (if error.Value > 0.0 then error else -error) - 0.5

                        let costs =
                            Array.map2
                                (fun (weight: float) own -> weight * Scalar.mean (Array.map cost own))
                                weights
                                differences

                        let worth = estimates |> Array.concat |> Array.map (fun q -> Scalar.constant (undo q.Value))

                        [
                            PlainCredit.term "valueLoss" 1.0 (Scalar.mean costs)
                            PlainCredit.term "actionValue" 0.0 (Scalar.mean worth)
                        ])

                losses.Add(snd terms[0])
                chosen.Add(snd terms[1])
                norms.Add(Gradient.norm gradient)
                theta <- adam.Step(theta, Gradient.clip values.MaxGradientNorm gradient)
                if replayed.PriorityExponent > 0.0 then priorities.Set(memory, rows, errors)
                key

        let struct (memory, statistics, taken, key) =
            PlainReplayed.round replayed masks state world priorities choose follow learn

        let mean (values: ResizeArray<float>) = Seq.average values

        {
            Theta = theta
            Arrays =
                [
                    "target", frozen
                    "recurrentStates", Array.concat recurrent
                    yield! adam.Arrays
                    yield! priorities.Arrays
                ]
            Observations = statistics
            Rewards = PlainStatistics.ofRunning state.Rewards
            DiscountedReturns = state.DiscountedReturns
            Key = key
            ActionKeys = world.Keys
            Metrics =
                [
                    "explorationRate", epsilon taken
                    "learningRate", rateAt taken
                    "gradientSteps", float losses.Count
                    "remembered", float memory.Steps.Length
                    if replayed.PriorityExponent > 0.0 then "priorityCorrection", correction taken
                    if losses.Count > 0 then
                        "valueLoss", mean losses
                        "actionValue", mean chosen
                        "gradientNorm", mean norms
                ]
        },
        memory
