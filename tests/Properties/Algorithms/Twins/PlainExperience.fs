/// What the twins live through: the same environments and the same streams as the learners, one copy and one step at a
/// time, with the values, log-probabilities, statistics and credits of the plain network.
namespace Rl.Tests.Algorithms.Twins

open System
open Rl.Core.Acting
open Rl.Core.Algorithms
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning

/// Count, mean and variance of the vectors seen so far.
type PlainStatistics = { Seen: float; Mean: float[]; Variance: float[] }

[<RequireQualifiedAccess>]
module PlainStatistics =

    let ofRunning (statistics: RunningStatistics) =
        let count = statistics.Count
        let variance = statistics.SquaredDeviation |> Array.map (fun squared -> squared / max count 1.0)
        { Seen = count; Mean = statistics.Mean; Variance = variance }

    /// The statistics after further vectors, by sums of values and of squares.
    let add (vectors: float[][]) (old: PlainStatistics) : PlainStatistics =
        if old.Mean.Length = 0 then
            old
        else
            let seen = old.Seen + float vectors.Length

            let mean =
                old.Mean
                |> Array.mapi (fun i mean -> (old.Seen * mean + Array.sumBy (fun (x: float[]) -> x[i]) vectors) / seen)

            let variance =
                Array.init mean.Length (fun i ->
                    let squares =
                        old.Seen * (old.Variance[i] + old.Mean[i] * old.Mean[i])
                        + Array.sumBy (fun (x: float[]) -> x[i] * x[i]) vectors

                    squares / seen - mean[i] * mean[i])

            { Seen = seen; Mean = mean; Variance = variance }

    /// What there is to divide by.
    let deviation (statistics: PlainStatistics) i =
        sqrt ((if statistics.Seen < 2.0 then 1.0 else statistics.Variance[i]) + 1e-8)

    /// The vector in units of deviations from the mean, at most ten.
    let normalise (statistics: PlainStatistics) (vector: float[]) : float[] =
        if statistics.Mean.Length = 0 then
            vector
        else
            vector
            |> Array.mapi (fun i x -> Math.Clamp((x - statistics.Mean[i]) / deviation statistics i, -10.0, 10.0))

/// One step of one copy.
type TwinStep =
    {
        Raw: float[]
        /// As the network saw it.
        Observation: float[]
        Action: float[]
        /// The choices that were possible; empty where all always are.
        Mask: bool[]
        LogProbability: float
        Value: float
        Reward: float
        Terminated: bool
        Truncated: bool
        /// V of the state that the step led to: at a time limit that of the true last one.
        NextValue: float
    }

/// The environments of a state, and each copy's stream of actions, as they move on.
[<Sealed>]
type TwinWorld(environment: BatchEnvironment, state: TrainingState) =
    let size, actionSize = environment.ObservationSize, environment.ActionSize
    let buffers = environment.AllocateBuffers()
    let actions = Array.zeroCreate<float32>(environment.Count * actionSize)
    let present = Array.zeroCreate<float32>(environment.Count * size)

    do
        environment.Restore state.Environments
        environment.Observe(Span present)

    let row copy (values: Span<float32>) = values.Slice(copy * size, size).ToArray()
    let take copy = (row copy buffers.Observations.Span).CopyTo(present, copy * size)

    /// Numbers of the policy become the environment's: about the centre of finite bounds, in half-ranges, kept inside.
    let rec place (space: Space) (action: float[]) : float[] =
        match space with
        | Space.Discrete(_, start) -> [| action[0] + float start |]
        | Space.MultiDiscrete(_, starts) -> action |> Array.mapi (fun i choice -> choice + float starts[i])
        | Space.MultiBinary _ -> action
        | Space.Box(low, high, _) ->
            action
            |> Array.mapi (fun i x ->
                let moved = (low[i] + high[i]) / 2.0 + (high[i] - low[i]) / 2.0 * x
                Math.Clamp(moved, low[i], high[i]))
        | Space.Tuple(first :: rest) ->
            Array.append (place first action[.. first.Size - 1]) (place (Space.Tuple rest) action[first.Size ..])
        | _ -> [||]

    member _.Copies = environment.Count
    /// Is told of a copy whose episode has ended.
    member val Ended: int -> unit = ignore with get, set
    /// The recurrent state of a copy, to be remembered with a step.
    member val Remembered: int -> float[] = (fun _ -> [||]) with get, set
    member val Keys = Array.copy state.ActionKeys
    /// What a copy shows.
    member _.Present copy = row copy (Span present) |> Array.map float

    /// The choices that are possible in a copy.
    member _.Mask(copy, choices) : bool[] =
        if environment.HasActionMasks then
            let all = Array.zeroCreate<bool>(environment.Count * choices)
            environment.ActionMasks(copy, 1, Span all)
            Array.sub all (copy * choices) choices
        else
            [||]

    /// struct (reward, terminated, truncated, what the step led to).
    member this.Step(copy, action: float[]) : struct (float * bool * bool * float[]) =
        let own = place environment.ActionSpace action |> Array.map float32
        own.CopyTo(actions, copy * actionSize)
        environment.Step(copy, 1, ReadOnlySpan actions, buffers)
        take copy
        let terminated, truncated = buffers.Terminated.Span[copy], buffers.Truncated.Span[copy]
        if terminated || truncated then this.Ended copy

        let led =
            if terminated || truncated then
                buffers.FinalObservations.Span
            else
                buffers.Observations.Span

        struct (float buffers.Rewards.Span[copy], terminated, truncated, Array.map float (row copy led))

    /// A copy leaves its episode.
    member _.Cut copy =
        environment.Cut(copy, buffers)
        take copy

/// Acting, collecting and crediting.
[<RequireQualifiedAccess>]
module PlainExperience =

    let private outputsOf (policy: PlainPolicy) = policy.Outputs |> Array.map Scalar.value

    /// Elements of a mask.
    let choicesOf (network: PlainNetwork) =
        network.Parts
        |> List.sumBy (fun part ->
            match part with
            | Choice count -> count
            | Bits count -> 2 * count
            | Normals _ -> 0)

    let private isPossible (mask: bool[]) choice = mask.Length = 0 || mask[choice]

    /// A policy's action of one part, and the stream that follows: by inverting the distribution function.
    let private drawPart (part: PlainPart) (policy: PlainPolicy) (key: Rng) : float[] * Rng =
        let outputs = outputsOf policy

        match part with
        | Choice count ->
            let weights = Array.init count (fun i -> if isPossible policy.Mask i then exp outputs[i] else 0.0)
            let struct (uniform, key) = Rng.uniform key
            let sums = Array.scan (+) 0.0 weights
            let chosen = Seq.findIndex (fun sum -> sum > uniform * sums[count]) (Seq.skip 1 sums)
            [| float chosen |], key
        | Bits count ->
            [| 0 .. count - 1 |]
            |> Array.mapFold
                (fun key bit ->
                    let struct (uniform, key) = Rng.uniform key

                    let isOne =
                        isPossible policy.Mask (2 * bit + 1)
                        && (not (isPossible policy.Mask (2 * bit)) || uniform < 1.0 / (1.0 + exp -outputs[bit]))

                    (if isOne then 1.0 else 0.0), key)
                key
        | Normals count ->
            [| 0 .. count - 1 |]
            |> Array.mapFold
                (fun key i ->
                    let struct (noise, key) = Rng.normal key
                    // Actions are kept as float32.
                    float (float32 (outputs[i] + exp policy.LogDeviations[i].Value * noise)), key)
                key

    /// A policy's action, and the stream that follows.
    let draw (policy: PlainPolicy) (key: Rng) : float[] * Rng =
        let actions, key =
            PlainPolicy.split policy |> List.mapFold (fun key (part, own, _) -> drawPart part own key) key

        Array.concat actions, key

    /// The most probable action: of equal choices the first.
    let mode (policy: PlainPolicy) : float[] =
        PlainPolicy.split policy
        |> List.map (fun (part, own, _) ->
            let outputs = outputsOf own

            match part with
            | Choice count ->
                [|
                    [| 0 .. count - 1 |]
                    |> Array.filter (isPossible own.Mask)
                    |> Array.maxBy (fun i -> outputs[i])
                    |> float
                |]
            | Bits count ->
                Array.init count (fun bit ->
                    let mayBeOne, mayBeZero = isPossible own.Mask (2 * bit + 1), isPossible own.Mask (2 * bit)
                    if mayBeOne && (not mayBeZero || outputs[bit] > 0.0) then 1.0 else 0.0)
            | Normals _ -> outputs)
        |> Array.concat

    /// T steps of each copy, in the order of samples: step by step, within a step copy by copy.
    let rollout (network: PlainNetwork) (theta: float[]) statistics (steps: int) (world: TwinWorld) : TwinStep[] =
        let theta = Array.map Scalar.constant theta
        let value raw = (PlainNetwork.value network theta (PlainStatistics.normalise statistics raw)).Value

        [|
            for _ in 1..steps do
                for copy in 0 .. world.Copies - 1 do
                    let raw = world.Present copy
                    let seen = PlainStatistics.normalise statistics raw
                    let mask = world.Mask(copy, choicesOf network)
                    let policy = PlainNetwork.policy network theta seen mask
                    let action, key = draw policy world.Keys[copy]
                    world.Keys[copy] <- key
                    let struct (reward, terminated, truncated, led) = world.Step(copy, action)

                    {
                        Raw = raw
                        Observation = seen
                        Action = action
                        Mask = mask
                        LogProbability = (PlainPolicy.logProbability policy action).Value
                        Value = value raw
                        Reward = reward
                        Terminated = terminated
                        Truncated = truncated
                        NextValue = value led
                    }
        |]

    /// λ-returns of N copies' steps, each by the one that follows in its copy: values bootstrap where an episode is
    /// cut, and at the end.
    let lambdaReturns copies (discount: float) (lambda: float) (steps: TwinStep[]) : float[] =
        let result = Array.zeroCreate<float> steps.Length

        for index in steps.Length - 1 .. -1 .. 0 do
            let step = steps[index]
            let isLast = step.Truncated || index + copies >= steps.Length

            let rest =
                if step.Terminated then 0.0
                elif isLast then step.NextValue
                else (1.0 - lambda) * step.NextValue + lambda * result[index + copies]

            result[index] <- step.Reward + discount * rest

        result

    /// (x − mean) / (unbiased deviation + 10⁻⁸).
    let standardise (values: float[]) : float[] =
        let mean = Array.average values
        let squares = values |> Array.sumBy (fun x -> (x - mean) * (x - mean))
        let deviation = sqrt (squares / float (values.Length - 1))
        values |> Array.map (fun x -> (x - mean) / (deviation + 1e-8))

    /// Rewards over the deviation of the discounted returns up to their step, within ± 10, from statistics and each
    /// copy's return so far: struct (the steps with them, the statistics, the returns).
    let scaleRewards copies (discount: float) (statistics: PlainStatistics) (returns: float[]) (steps: TwinStep[]) =
        let mutable statistics = statistics
        let returns = Array.copy returns
        let scaled = Array.copy steps

        if returns.Length > 0 then
            for first in 0..copies .. steps.Length - 1 do
                for copy in 0 .. copies - 1 do
                    returns[copy] <- discount * returns[copy] + steps[first + copy].Reward

                statistics <- PlainStatistics.add (returns |> Array.map Array.singleton) statistics

                for copy in 0 .. copies - 1 do
                    let step = steps[first + copy]
                    let reward = step.Reward / PlainStatistics.deviation statistics 0
                    scaled[first + copy] <- { step with Reward = Math.Clamp(reward, -10.0, 10.0) }
                    if step.Terminated || step.Truncated then returns[copy] <- 0.0

        struct (scaled, statistics, returns)
