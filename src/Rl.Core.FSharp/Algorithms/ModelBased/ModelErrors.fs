/// How wrong a model is the further it looks ahead: errors of imagined trajectories against recorded ones.
namespace Rl.Core.Algorithms

open System
open Rl.Core.Experience
open Rl.Core.Foundations

/// Errors by horizon.
[<RequireQualifiedAccess>]
module ModelErrors =

    /// For h = 1 … horizon the root of the mean squared difference between the state that the model imagines h steps
    /// on from a recorded one, under the recorded actions, and the state that was recorded there; each number in units
    /// of its standard deviation over all episodes, so that 1 is as bad as guessing their mean. The mean trajectory of
    /// the ensemble is followed. All steps with so many after them in their episode count; fails if there is none.
    let byHorizon
        (network: ModelNetwork)
        (frame: ModelFrame)
        (elites: int[])
        (parameters: int -> ReadOnlyMemory<float32>)
        (horizon: int)
        (episodes: RecordedEpisode list)
        (workers: Workers)
        : float[] =
        Guard.positive (nameof horizon) horizon

        let starts =
            [|
                for episode in episodes do
                    for step in 0 .. episode.Steps - horizon do
                        struct (episode, step)
            |]

        if starts.Length = 0 then
            Guard.fail
                (nameof horizon)
                ($"horizon is {horizon}; none of the {episodes.Length} episodes has as many steps: use a shorter "
                 + "horizon or longer episodes.")

        let size = frame.TargetMean.Length
        let size = min size (episodes.Head.Observations.Length / (episodes.Head.Steps + 1))
        let actions = network.Layers.Inputs - size
        let data = ModelData.ofEpisodes episodes
        let statistics = RunningStatistics.update (ReadOnlySpan data.Observations) (RunningStatistics.create size)
        let scale = Array.init size (fun index -> max 1e-9 (Math.Sqrt(RunningStatistics.variance index statistics)))
        let rows = min 256 starts.Length
        let step = ModelStep(network, size, elites.Length, rows, Propagation.Expectation)
        step.Load(frame, ReadOnlySpan elites, parameters)
        // Without noise: the means alone.
        step.Noise.Clear()
        let squares = Array.zeroCreate<float> horizon

        for first in 0..rows .. starts.Length - 1 do
            let count = min rows (starts.Length - first)

            let at row =
                let struct (episode, start) = starts[first + min row (count - 1)]
                episode, start

            for row in 0 .. rows - 1 do
                let episode, start = at row
                let seen = ReadOnlySpan(episode.Observations, start * size, size)
                seen.CopyTo(step.Observations.Slice(row * size, size))

            for h in 0 .. horizon - 1 do
                for row in 0 .. rows - 1 do
                    let episode, start = at row
                    let given = ReadOnlySpan(episode.Actions, (start + h) * actions, actions)
                    given.CopyTo(step.Actions.Slice(row * actions, actions))

                step.Run workers

                for row in 0 .. count - 1 do
                    let episode, start = at row

                    for i in 0 .. size - 1 do
                        let recorded = float episode.Observations[(start + h + 1) * size + i]
                        let error = (float step.Next[row * size + i] - recorded) / scale[i]
                        squares[h] <- squares[h] + error * error

                step.Next.CopyTo step.Observations

        squares |> Array.map (fun sum -> Math.Sqrt(sum / float (starts.Length * size)))
