/// The twin of SAC where actions have choices, one number at a time: choices alone, numbers beside them, and numbers in
/// a tuple.
module Rl.Tests.Algorithms.Twins.PlainHybridSac

open System
open Rl.Core.Algorithms
open Rl.Core.Foundations
open Rl.Tests.Algorithms.Twins.PlainActorCritics

/// ln π over the possible choices of some logits; others have no probability and no number here.
let private logs (mask: bool[]) (logits: Scalar[]) : Map<int, Scalar> =
    let possible = [| 0 .. logits.Length - 1 |] |> Array.filter (fun choice -> mask.Length = 0 || mask[choice])
    let largest = possible |> Array.map (fun choice -> logits[choice].Value) |> Array.max
    let total = possible |> Array.map (fun choice -> Scalar.exp (logits[choice] - largest)) |> Scalar.sum
    Map.ofArray [| for choice in possible -> choice, logits[choice] - largest - Scalar.log total |]

/// What a policy says in a state: of each component that is a choice how many it has and ln π of the possible ones; of
/// numbers, what they are and ln π of them.
type private Said = { Components: (int * Map<int, Scalar>) list; Numbers: Scalar[]; LogNumbers: Scalar }

let private sizeOf (part: PlainPart) =
    match part with
    | Choice count
    | Bits count
    | Normals count -> count

/// The outputs, mask, noise and action of each part.
let private split (parts: PlainPart list) (outputs: 'T[]) (mask: bool[]) (noise: float[]) (action: float[]) =
    let cut first count (values: 'U[]) = if values.Length = 0 then [||] else Array.sub values first count

    parts
    |> List.mapFold
        (fun (output, choice, number, element) part ->
            let outputCount, choiceCount, numberCount, size =
                match part with
                | Choice count -> count, count, 0, 1
                | Bits count -> count, 2 * count, 0, count
                | Normals count -> 2 * count, 0, count, count

            (part,
             cut output outputCount outputs,
             (if choiceCount = 0 then [||] else cut choice choiceCount mask),
             (if numberCount = 0 then [||] else cut number numberCount noise),
             cut element size action),
            (output + outputCount, choice + choiceCount, number + numberCount, element + size))
        (0, 0, 0, 0)
    |> fst

let private say (c: SacOptions) parts (outputs: Scalar[]) mask noise : Said =
    let all = split parts outputs mask noise [||]

    let numbers =
        [
            for part, own, _, noise, _ in all do
                match part with
                | Normals _ -> PlainSoftActorCritics.sample c.Soft own noise
                | _ -> ()
        ]

    {
        Components =
            [
                for part, own, mask, _, _ in all do
                    match part with
                    | Choice count -> count, logs mask own
                    | Bits count ->
                        for bit in 0 .. count - 1 do
                            let pair = if mask.Length = 0 then [||] else mask[2 * bit .. 2 * bit + 1]
                            2, logs pair [| Scalar.constant 0.0; own[bit] |]
                    | Normals _ -> ()
            ]
        Numbers = numbers |> List.map fst |> Array.concat
        LogNumbers = numbers |> List.map snd |> List.toArray |> Scalar.sum
    }

/// ln π of each possible combination of choices.
let private combinations (said: Said) : (int * Scalar) list =
    said.Components
    |> List.fold
        (fun before (count, own) ->
            [
                for first, a in before do
                    for KeyValue(second, b) in own -> first * count + second, a + b
            ])
        [ 0, Scalar.constant 0.0 ]

/// Σ π(d) (q(d) − α ln π(d)) − β ln π(x).
let private softValue (alpha: float) (beta: float) (said: Said) (q: Scalar[]) : Scalar =
    let ofChoices = [| for d, log in combinations said -> Scalar.exp log * (q[d] - alpha * log) |] |> Scalar.sum

    ofChoices - beta * said.LogNumbers

let private entropyOf (said: Said) : float =
    [| for _, log in combinations said -> -(Scalar.exp log * log) |] |> Scalar.sum |> Scalar.value

/// The combination of choices and the numbers of an action.
let private read parts (action: float[]) : int * Scalar[] =
    let all = split parts [||] [||] [||] action

    let combination =
        all
        |> List.fold
            (fun before (part, _, _, _, own) ->
                match part with
                | Choice count -> before * count + int own[0]
                | Bits _ -> own |> Array.fold (fun before bit -> before * 2 + int bit) before
                | Normals _ -> before)
            0

    combination,
    [|
        for part, _, _, _, own in all do
            match part with
            | Normals _ -> yield! constants own
            | _ -> ()
    |]

/// A round of plain soft actor-critic with choices (Christodoulou 2019; Delalleau et al. 2019). `maskOf` is what is
/// possible at an observation; empty where all is.
let transition (c: SacOptions) (maskOf: float[] -> bool[]) (view: TwinView) : Expected =
    let state, replayed = view.State, c.Soft.OffPolicy
    let world = TwinWorld(view.Environment, state)
    let parts = PlainPolicy.partsOf view.Environment.ActionSpace

    let sum f = List.sumBy f parts
    let numbers = sum (fun part -> if part.IsNormals then sizeOf part else 0)

    let count =
        parts
        |> List.fold
            (fun product part ->
                match part with
                | Choice count -> product * count
                | Bits count -> product * (1 <<< count)
                | Normals _ -> product)
            1

    let outputs = sum (fun part -> if part.IsNormals then 2 * sizeOf part else sizeOf part)

    let networks = Networks(c.Soft.Network, view.Environment.ObservationSize, numbers, outputs, id, c.Critics, count)

    let masks =
        if view.Environment.HasActionMasks then
            view.Environment.ActionSpace.Choices
        else
            0

    let mutable actor, critics = Array.splitAt networks.ActorCount view.Theta
    let mutable targets = state.Array "targets" |> Array.map float
    // Of numbers, then of choices; or the only one.
    let mutable logTemperatures = state.Array "temperature" |> Array.map float
    let share = ref 1.0
    let adam name rate = PlainAdam(name, (fun () -> share.Value * rate), 1e-8, state)

    let ofActor, ofCritics =
        adam "actorOptimiser" (PlainRates.start c.Soft.Rate.LearningRate),
        adam "criticOptimiser" (PlainRates.start c.Soft.CriticLearningRate)

    let ofTemperature = lazy adam "temperatureOptimiser" (PlainRates.start c.Soft.TemperatureLearningRate)
    let priorities = PlainPriorities(replayed.PriorityExponent, replayed.BufferSize, state)
    let reported = Collections.Generic.List<string * float>()
    let least theta seen action = networks.Outputs(theta, seen, action) |> Array.reduce (Array.map2 Scalar.smallerOf)

    let atRandom (part, mask: bool[]) key =
        match part with
        | Choice count -> PlainReplayed.uniform count mask key
        | Bits count ->
            let bits, key =
                [| 0 .. count - 1 |]
                |> Array.mapFold
                    (fun key bit ->
                        let pair = if mask.Length = 0 then [||] else mask[2 * bit .. 2 * bit + 1]
                        PlainReplayed.uniform 2 pair key)
                    key

            Array.concat bits, key
        | Normals count ->
            [| 1..count |]
            |> Array.mapFold
                (fun key _ ->
                    let struct (value, key) = Rng.uniformIn -1.0 1.0 key
                    single value, key)
                key

    let drawn (part, outputs: Scalar[], mask: bool[]) key =
        match part with
        | Choice _ ->
            let logs = logs mask outputs
            let struct (u, key) = Rng.uniform key
            let sums = logs |> Map.toList |> List.map (fun (_, log) -> exp log.Value) |> List.scan (+) 0.0 |> List.tail
            let place = sums |> List.tryFindIndex (fun sum -> sum > u) |> Option.defaultValue (sums.Length - 1)
            [| float (Seq.item place logs.Keys) |], key
        | Bits count ->
            [| 0 .. count - 1 |]
            |> Array.mapFold
                (fun key bit ->
                    let struct (u, key) = Rng.uniform key
                    let may value = mask.Length = 0 || mask[2 * bit + value]
                    let isOne = may 1 && (not (may 0) || u < 1.0 / (1.0 + exp -outputs[bit].Value))
                    (if isOne then 1.0 else 0.0), key)
                key
        | Normals count -> PlainSoftActorCritics.act c.Soft count (fun _ -> outputs) [||] key

    let choose _ (steps: int64) seen mask key =
        let outputs = networks.Policy(constants actor, seen)

        let actions, key =
            split parts outputs mask [||] [||]
            |> List.mapFold
                (fun key (part, outputs, mask, _, _) ->
                    if steps < int64 replayed.LearningStarts then
                        atRandom (part, mask) key
                    else
                        drawn (part, outputs, mask) key)
                key

        Array.concat actions, key

    let follow (before: int64) (after: int64) =
        if c.Choices.TargetUpdateInterval > 0 then
            let every = int64 (max 1 (c.Choices.TargetUpdateInterval / world.Copies))

            for step in before + 1L .. after do
                if step % every = 0L then
                    targets <- Array.map2 (fun f t -> f + c.TargetRate * (t - f)) targets critics

    let correction (steps: int64) = PlainRates.after c.Soft.Plan steps replayed.ImportanceExponent

    let learn memory statistics (steps: int64) key =
        let rows, weights, key =
            if replayed.PriorityExponent > 0.0 then
                priorities.Draw(replayed.BatchSize, memory, correction steps, key)
            else
                let rows, key = PlainMemory.draw replayed.BatchSize memory key
                rows, Array.create rows.Length 1.0, key

        let noise, key = normals rows.Length numbers key
        let nextNoise, key = normals rows.Length numbers key

        let first = PlainRates.start c.Soft.Rate.LearningRate
        share.Value <- PlainRates.after c.Soft.Plan steps c.Soft.Rate.LearningRate / first

        let see = PlainStatistics.normalise statistics
        let beta, alpha = exp logTemperatures[0], exp (Array.last logTemperatures)
        let policy, frozen = constants actor, constants targets

        // What a transition should be worth: nothing where that cannot be known.
        let target (steps: PlainTransition list) noise =
            let last = List.last steps
            let earned = steps |> List.mapi (fun i step -> replayed.Discount ** float i * step.Reward) |> List.sum

            if last.Terminated then
                Some earned
            elif last.NextMask.Length > 0 && not (Array.contains true last.NextMask) then
                None
            else
                let led = see last.Next
                let said = say c parts (networks.Policy(policy, led)) last.NextMask noise
                let soft = softValue alpha beta said (least frozen led said.Numbers)
                Some(earned + replayed.Discount ** float steps.Length * soft.Value)

        let ahead row = PlainMemory.ahead replayed.ReturnSteps memory row
        let first = rows |> Array.map (ahead >> List.head)
        let wanted = Array.map2 (fun row noise -> target (ahead row) noise) rows nextNoise
        let mutable errors = [||]

        let cost (error: Scalar) =
            match c.Choices.CriticLoss with
            | ValueError.Squared -> Scalar.square error
            | ValueError.Huber when abs error.Value <= 1.0 -> Scalar.square error
            | ValueError.Huber -> 2.0 * (if error.Value > 0.0 then error else -error) - 1.0

        let struct (loss, gradient) =
            critics
            |> Scalar.differentiate (fun theta ->
                let deviations =
                    Array.map2
                        (fun (step: PlainTransition) wanted ->
                            let combination, numbers = read parts step.Action

                            networks.Outputs(theta, see step.State, numbers)
                            |> Array.map (fun q ->
                                match wanted with
                                | None -> Scalar.constant 0.0
                                | Some wanted -> q[combination] - wanted))
                        first
                        wanted

                errors <- deviations |> Array.map (Array.averageBy (fun error -> abs error.Value))

                Array.map2 (fun weight errors -> weight * (errors |> Array.map cost |> Scalar.sum)) weights deviations
                |> Scalar.mean)

        reported.Add(("criticLoss", loss))
        critics <- ofCritics.Step(critics, gradient |> Array.map ((*) 0.5))

        if c.Choices.TargetUpdateInterval = 0 then
            targets <- Array.map2 (fun f t -> f + c.TargetRate * (t - f)) targets critics

        let still = constants critics

        let saidBy theta =
            Array.map2
                (fun (step: PlainTransition) noise ->
                    say c parts (networks.Policy(theta, see step.State)) (maskOf step.State) noise)
                first
                noise

        let present = saidBy policy

        let struct (loss, gradient) =
            actor
            |> Scalar.differentiate (fun theta ->
                saidBy theta
                |> Array.map2
                    (fun (step: PlainTransition) said ->
                        -(softValue alpha beta said (least still (see step.State) said.Numbers)))
                    first
                |> Scalar.mean)

        reported.Add(("actorLoss", loss))
        actor <- ofActor.Step(actor, gradient)

        // The name of each temperature before "Temperature", its entropy, and how far that is above the one to keep.
        let entropies =
            [
                if numbers > 0 then
                    let entropy = present |> Array.averageBy (fun said -> -said.LogNumbers.Value)
                    "", entropy, entropy - c.Soft.TargetEntropyPerAction * float numbers
                if count > 1 then
                    let room said = said.Components |> List.sumBy (fun (_, own) -> log (float own.Count))
                    let entropy = present |> Array.averageBy entropyOf
                    let aim = present |> Array.averageBy (fun said -> c.Choices.TargetEntropyShare * room said)
                    (if numbers > 0 then "choice" else ""), entropy, entropy - aim
            ]

        let called (kind: string) (name: string) =
            if kind = "" then name else kind + name[..0].ToUpperInvariant() + name[1..]

        for index, (kind, entropy, excess) in List.indexed entropies do
            reported.Add((called kind "entropy", entropy))

            if c.Soft.LearnTemperature then
                reported.Add((called kind "temperatureLoss", logTemperatures[index] * excess))

        if c.Soft.LearnTemperature then
            let slopes = [| for _, _, excess in entropies -> excess |]
            logTemperatures <- ofTemperature.Value.Step(logTemperatures, slopes)

        if replayed.PriorityExponent > 0.0 then priorities.Set(memory, rows, errors)
        key

    let struct (memory, statistics, steps, key) =
        PlainReplayed.round replayed masks state world priorities choose follow learn

    {
        Theta = Array.append actor critics
        Arrays =
            [
                "targets", targets
                "temperature", logTemperatures
                yield! ofActor.Arrays
                yield! ofCritics.Arrays
                if c.Soft.LearnTemperature then yield! ofTemperature.Value.Arrays
                yield! priorities.Arrays
            ]
        Observations = statistics
        Rewards = PlainStatistics.ofRunning state.Rewards
        DiscountedReturns = state.DiscountedReturns
        Key = key
        ActionKeys = world.Keys
        Metrics =
            [
                "temperature", exp logTemperatures[0]
                if logTemperatures.Length > 1 then "choiceTemperature", exp logTemperatures[1]
                "remembered", float memory.Steps.Length
                "steps", float (steps - state.Steps)
                yield! [ for name, values in Seq.groupBy fst reported -> name, Seq.averageBy snd values ]
            ]
    }
