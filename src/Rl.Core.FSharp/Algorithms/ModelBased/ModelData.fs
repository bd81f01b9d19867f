/// Steps as examples that a model of the world learns from, and the units in which it sees them.
namespace Rl.Core.Algorithms

open System
open Rl.Core.Experience
open Rl.Core.Foundations

/// N steps, row by row: what a model is fitted to.
type ModelData =
    {
        /// s [N, observations].
        Observations: float32[]
        /// a [N, actions].
        Actions: float32[]
        /// r [N].
        Rewards: float32[]
        /// 0 where s′ is terminal, else 1 [N].
        Continues: float32[]
        /// s′ [N, observations].
        NextObservations: float32[]
    }

    /// N.
    member this.Count = this.Rewards.Length
    /// The numbers of an observation.
    member this.ObservationSize = this.Observations.Length / max 1 this.Count
    /// The numbers of an action.
    member this.ActionSize = this.Actions.Length / max 1 this.Count

/// Gathering examples.
[<RequireQualifiedAccess>]
module ModelData =

    let private requireFinite name width (values: float32[]) =
        match Guard.indexOfNonFinite (ReadOnlySpan values) with
        | -1 -> ()
        | index ->
            Guard.fail
                "data"
                ($"Step {index / width} of the data has {values[index]} in component {index % width} of its {name}; a "
                 + "model is fitted to finite numbers alone: leave the step out.")

    /// Fails, naming step, component and value, for numbers that are not finite, and for columns of different lengths.
    let require (data: ModelData) : unit =
        Guard.notEmpty "data" data.Count
        let rows name (values: float32[]) width = Guard.length name (data.Count * width) values.Length
        rows "Observations" data.Observations data.ObservationSize
        rows "NextObservations" data.NextObservations data.ObservationSize
        rows "Actions" data.Actions data.ActionSize
        rows "Continues" data.Continues 1
        requireFinite "observation" data.ObservationSize data.Observations
        requireFinite "action" data.ActionSize data.Actions
        requireFinite "reward" 1 data.Rewards
        requireFinite "next observation" data.ObservationSize data.NextObservations

    /// All that a memory of transitions holds, from the oldest on.
    let ofReplay (columns: TransitionColumns) (replay: Replay) : ModelData =
        {
            Observations = replay.All columns.Observations
            Actions = replay.All columns.Actions
            Rewards = replay.All columns.Rewards
            Continues = replay.All columns.Continues
            NextObservations = replay.All columns.NextObservations
        }

    /// The steps of recorded episodes, in their order, in the environment's own numbers.
    let ofEpisodes (episodes: RecordedEpisode list) : ModelData =
        let steps = episodes |> List.sumBy _.Steps

        if steps = 0 then
            Guard.fail (nameof episodes) "There are no episodes; a model needs at least one step."

        let size = episodes.Head.Observations.Length / (episodes.Head.Steps + 1)
        let each (part: RecordedEpisode -> float32[]) = episodes |> List.map part |> Array.concat

        {
            Observations = each (fun episode -> episode.Observations[.. episode.Steps * size - 1])
            Actions = each _.Actions
            Rewards = each (fun episode -> Array.map float32 episode.Rewards)
            Continues =
                each (fun episode ->
                    Array.init episode.Steps (fun step ->
                        if episode.Terminated && step = episode.Steps - 1 then 0.0f else 1.0f))
            NextObservations = each (fun episode -> episode.Observations[size..])
        }

    /// Both, one after the other.
    let append (first: ModelData) (second: ModelData) : ModelData =
        {
            Observations = Array.append first.Observations second.Observations
            Actions = Array.append first.Actions second.Actions
            Rewards = Array.append first.Rewards second.Rewards
            Continues = Array.append first.Continues second.Continues
            NextObservations = Array.append first.NextObservations second.NextObservations
        }

/// The units of what a model takes and gives: x̃ = (x − mean) / scale. Inputs are observation and action, targets the
/// difference s′ − s and, where it is learnt, the reward.
type ModelFrame = { InputMean: float32[]; InputScale: float32[]; TargetMean: float32[]; TargetScale: float32[] }

/// Frames from data, and examples in them.
[<RequireQualifiedAccess>]
module ModelFrame =

    /// Below this a standard deviation counts as 1: the number does not vary.
    [<Literal>]
    let LeastScale = 1e-12

    /// Numbers as they are.
    let identity (inputs: int) (targets: int) : ModelFrame =
        {
            InputMean = Array.zeroCreate inputs
            InputScale = Array.create inputs 1.0f
            TargetMean = Array.zeroCreate targets
            TargetScale = Array.create targets 1.0f
        }

    /// Mean and unbiased standard deviation of each column of [rows, width].
    let private moments (width: int) (values: float32[]) : struct (float32[] * float32[]) =
        let statistics = RunningStatistics.update (ReadOnlySpan values) (RunningStatistics.create width)

        let scale index =
            if statistics.Count < 2.0 then
                1.0f
            else
                let deviation = Math.Sqrt(statistics.SquaredDeviation[index] / (statistics.Count - 1.0))
                if deviation < LeastScale then 1.0f else float32 deviation

        struct (Array.map float32 statistics.Mean, Array.init width scale)

    /// Row by row observation and action: [N, observations + actions].
    let inputs (data: ModelData) : float32[] =
        let o, a = data.ObservationSize, data.ActionSize
        let values = Array.zeroCreate<float32>(data.Count * (o + a))

        for row in 0 .. data.Count - 1 do
            Array.Copy(data.Observations, row * o, values, row * (o + a), o)
            Array.Copy(data.Actions, row * a, values, row * (o + a) + o, a)

        values

    /// Row by row s′ − s and, where it is learnt, the reward.
    let targets (learnsReward: bool) (data: ModelData) : float32[] =
        let o = data.ObservationSize
        let width = if learnsReward then o + 1 else o
        let values = Array.zeroCreate<float32>(data.Count * width)

        for row in 0 .. data.Count - 1 do
            for i in 0 .. o - 1 do
                let difference = float data.NextObservations[row * o + i] - float data.Observations[row * o + i]
                values[row * width + i] <- float32 difference

            if learnsReward then values[row * width + o] <- data.Rewards[row]

        values

    /// The frame of data: inputs get mean 0 and standard deviation 1, targets too unless they are to stay as they are.
    let ofData (normalisesTargets: bool) (learnsReward: bool) (data: ModelData) : ModelFrame =
        let inputs, targets = inputs data, targets learnsReward data
        let struct (inputMean, inputScale) = moments (data.ObservationSize + data.ActionSize) inputs
        let width = targets.Length / data.Count

        let struct (targetMean, targetScale) =
            if normalisesTargets then
                moments width targets
            else
                struct (Array.zeroCreate width, Array.create width 1.0f)

        {
            InputMean = inputMean
            InputScale = inputScale
            TargetMean = targetMean
            TargetScale = targetScale
        }

    /// (x − mean) / scale of rows, in place.
    let normalise (mean: float32[]) (scale: float32[]) (values: float32[]) : unit =
        let width = mean.Length

        for index in 0 .. values.Length - 1 do
            let column = index % width
            values[index] <- (values[index] - mean[column]) / scale[column]

    /// The numbers of a frame, one part after the other.
    let toArray (frame: ModelFrame) : float32[] =
        Array.concat [ frame.InputMean; frame.InputScale; frame.TargetMean; frame.TargetScale ]

    /// A frame from its numbers.
    let ofArray (inputs: int) (targets: int) (values: ReadOnlySpan<float32>) : ModelFrame =
        Guard.length (nameof values) (2 * (inputs + targets)) values.Length

        {
            InputMean = values.Slice(0, inputs).ToArray()
            InputScale = values.Slice(inputs, inputs).ToArray()
            TargetMean = values.Slice(2 * inputs, targets).ToArray()
            TargetScale = values.Slice(2 * inputs + targets, targets).ToArray()
        }
