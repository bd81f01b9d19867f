/// Inverse dynamics: what was done between two observations, learned where actions were recorded, to label recordings
/// without actions.
namespace Rl.Core.Training

open System
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning

/// A model p(a|s, s′) is a clone whose observations are pairs of neighbours: behaviour cloning from observation labels
/// the expert's steps by it and clones them (Torabi, Warnell and Stone 2018).
[<RequireQualifiedAccess>]
module InverseDynamics =

    /// Two observations, one after the other.
    let pairSpace (observations: Space) : Space = Space.tuple [ observations; observations ]

    /// The episode whose observation t is (oₜ, oₜ₊₁), with the same actions; the last of its T + 1 is (o_T, o_T).
    let pairs (observations: Space) (episode: RecordedEpisode) : RecordedEpisode =
        let size, steps = observations.Size, episode.Steps
        let result = Array.zeroCreate<float32>(2 * (steps + 1) * size)

        for step in 0..steps do
            Array.Copy(episode.Observations, step * size, result, 2 * step * size, size)
            Array.Copy(episode.Observations, (min (step + 1) steps) * size, result, (2 * step + 1) * size, size)

        { episode with Observations = result }

    /// The episode with the most probable actions of a model of pairs between its observations; those that it has are
    /// not read.
    let label (model: PolicyModel) (observations: Space) (episode: RecordedEpisode) : RecordedEpisode =
        if model.ObservationSpace <> pairSpace observations then
            Guard.fail
                (nameof model)
                ($"The model observes {model.ObservationSpace}; a model of inverse dynamics of {observations} observes "
                 + $"{pairSpace observations}: fit it to what InverseDynamics.pairs gives.")

        let predictor = Predictor(model, 1)
        let size, width = 2 * observations.Size, model.ActionSpace.Size
        let shown = (pairs observations episode).Observations
        let actions = Array.zeroCreate<float32>(episode.Steps * width)

        for step in 0 .. episode.Steps - 1 do
            predictor.Predict(ReadOnlySpan(shown, step * size, size), Span(actions, step * width, width))

        { episode with Actions = actions }
