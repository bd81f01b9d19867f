/// The twin of SAC where an action is one of several choices, one number at a time.
module Rl.Tests.Algorithms.Twins.PlainDiscreteSac

open System
open Rl.Core.Algorithms
open Rl.Core.Foundations

/// ln π over the possible choices of some logits; others have no probability and no number here.
let private logs (isPossible: int -> bool) (logits: Scalar[]) : Map<int, Scalar> =
    let possible = [| 0 .. logits.Length - 1 |] |> Array.filter isPossible
    let largest = possible |> Array.map (fun choice -> logits[choice].Value) |> Array.max
    let total = possible |> Array.map (fun choice -> Scalar.exp (logits[choice] - largest)) |> Scalar.sum
    Map.ofArray [| for choice in possible -> choice, logits[choice] - largest - Scalar.log total |]

/// Σ π f over the possible choices.
let private expectation (logs: Map<int, Scalar>) (f: int -> Scalar -> Scalar) : Scalar =
    [| for KeyValue(choice, log) in logs -> Scalar.exp log * f choice log |] |> Scalar.sum

/// A round of plain discrete soft actor-critic (Christodoulou 2019). `maskOf` is what is possible at an observation;
/// empty where all is.
let transition (c: SacOptions) (maskOf: float[] -> bool[]) (view: TwinView) : Expected =
    let network, state, replayed = view.Network, view.State, c.Soft.OffPolicy
    let world = TwinWorld(view.Environment, state)
    let count = view.Environment.ActionSpace.Choices
    let masks = if view.Environment.HasActionMasks then count else 0
    let size = network.ActorCount
    // The critics have the actor's layers.
    let outputs theta (observation: float[]) = (PlainNetwork.policy network theta observation [||]).Outputs
    let mutable actor, critics = Array.splitAt size view.Theta
    let mutable targets = state.Array "targets" |> Array.map float
    let mutable logTemperature = float (state.Array "temperature").[0]
    let share = ref 1.0
    let adam name rate = PlainAdam(name, (fun () -> share.Value * rate), 1e-8, state)

    let ofActor, ofCritics =
        adam "actorOptimiser" c.Soft.Rate.LearningRate, adam "criticOptimiser" c.Soft.CriticLearningRate

    let ofTemperature = lazy adam "temperatureOptimiser" c.Soft.TemperatureLearningRate
    let priorities = PlainPriorities(replayed.PriorityExponent, replayed.BufferSize, state)
    let reported = Collections.Generic.List<string * float>()

    let values (theta: Scalar[]) observation =
        Array.chunkBySize size theta |> Array.map (fun own -> outputs own observation)

    let least (theta: Scalar[]) observation = values theta observation |> Array.reduce (Array.map2 Scalar.smallerOf)

    let isPossible (mask: bool[]) choice = mask.Length = 0 || mask[choice]

    let choose _ (steps: int64) seen mask key =
        if steps < int64 replayed.LearningStarts then
            PlainReplayed.uniform count mask key
        else
            let logs = logs (isPossible mask) (outputs (Array.map Scalar.constant actor) seen)
            let struct (u, key) = Rng.uniform key
            let sums = logs |> Map.toList |> List.map (fun (_, log) -> exp log.Value) |> List.scan (+) 0.0 |> List.tail
            let place = sums |> List.tryFindIndex (fun sum -> sum > u) |> Option.defaultValue (sums.Length - 1)
            [| float (Seq.item place logs.Keys) |], key

    let follow (before: int64) (after: int64) =
        if c.Choices.TargetUpdateInterval > 0 then
            let every = int64 (max 1 (c.Choices.TargetUpdateInterval / world.Copies))

            for step in before + 1L .. after do
                if step % every = 0L then
                    targets <- Array.map2 (fun f t -> f + c.TargetRate * (t - f)) targets critics

    let correction (steps: int64) =
        let gone = min 1.0 (float steps / float c.Soft.Plan.TotalSteps)
        replayed.PriorityCorrection + (1.0 - replayed.PriorityCorrection) * gone

    let learn memory statistics (steps: int64) key =
        let rows, weights, key =
            if replayed.PriorityExponent > 0.0 then
                priorities.Draw(replayed.BatchSize, memory, correction steps, key)
            else
                let rows, key = PlainMemory.draw replayed.BatchSize memory key
                rows, Array.create rows.Length 1.0, key

        if c.Soft.Rate.AnnealLearningRate then
            share.Value <- max 0.0 (1.0 - float steps / float c.Soft.Plan.TotalSteps)

        let see = PlainStatistics.normalise statistics
        let temperature = exp logTemperature
        let policy, frozen = Array.map Scalar.constant actor, Array.map Scalar.constant targets

        // What a transition should be worth: nothing where that cannot be known.
        let target (steps: PlainTransition list) =
            let last = List.last steps
            let earned = steps |> List.mapi (fun i step -> replayed.Discount ** float i * step.Reward) |> List.sum

            if last.Terminated then
                Some earned
            elif last.NextMask.Length > 0 && not (Array.contains true last.NextMask) then
                None
            else
                let led = see last.Next
                let q = least frozen led

                let soft =
                    expectation (logs (isPossible last.NextMask) (outputs policy led)) (fun choice log ->
                        q[choice] - temperature * log)

                Some(earned + replayed.Discount ** float steps.Length * soft.Value)

        let first = rows |> Array.map (fun row -> PlainMemory.ahead replayed.ReturnSteps memory row |> List.head)
        let wanted = rows |> Array.map (PlainMemory.ahead replayed.ReturnSteps memory >> target)
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
                            values theta (see step.State)
                            |> Array.map (fun q ->
                                match wanted with
                                | None -> Scalar.constant 0.0
                                | Some wanted -> q[int step.Action[0]] - wanted))
                        first
                        wanted

                errors <- deviations |> Array.map (Array.averageBy (fun error -> abs error.Value))

                Array.map2 (fun weight errors -> weight * (errors |> Array.map cost |> Scalar.sum)) weights deviations
                |> Scalar.mean)

        reported.Add(("criticLoss", loss))
        critics <- ofCritics.Step(critics, gradient |> Array.map ((*) 0.5))

        if c.Choices.TargetUpdateInterval = 0 then
            targets <- Array.map2 (fun f t -> f + c.TargetRate * (t - f)) targets critics

        let still = Array.map Scalar.constant critics

        let logsOf theta (step: PlainTransition) =
            logs (isPossible (maskOf step.State)) (outputs theta (see step.State))

        let entropy logs = -(expectation logs (fun _ log -> log))
        let present = first |> Array.map (logsOf policy)
        reported.Add(("entropy", present |> Array.averageBy (fun logs -> (entropy logs).Value)))

        let struct (loss, gradient) =
            actor
            |> Scalar.differentiate (fun theta ->
                first
                |> Array.map (fun step ->
                    let q = least still (see step.State)
                    expectation (logsOf theta step) (fun choice log -> temperature * log - q[choice].Value))
                |> Scalar.mean)

        reported.Add(("actorLoss", loss))
        actor <- ofActor.Step(actor, gradient)

        if c.Soft.LearnTemperature then
            let excess =
                present
                |> Array.averageBy (fun logs ->
                    (entropy logs).Value - c.Choices.TargetEntropyShare * log (float logs.Count))

            reported.Add(("temperatureLoss", logTemperature * excess))
            logTemperature <- ofTemperature.Value.Step([| logTemperature |], [| excess |])[0]

        if replayed.PriorityExponent > 0.0 then priorities.Set(memory, rows, errors)
        key

    let struct (memory, statistics, steps, key) =
        PlainReplayed.round replayed masks state world priorities choose follow learn

    {
        Theta = Array.append actor critics
        Arrays =
            [
                "targets", targets
                "temperature", [| logTemperature |]
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
                "temperature", exp logTemperature
                "remembered", float memory.Steps.Length
                "steps", float (steps - state.Steps)
                yield! [ for name, values in Seq.groupBy fst reported -> name, Seq.averageBy snd values ]
            ]
    }
