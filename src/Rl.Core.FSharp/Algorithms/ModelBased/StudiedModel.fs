/// A model of the world beside an algorithm that learns from replayed steps: fitted to all of them now and then.
namespace Rl.Core.Algorithms

open System
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks

/// What learners report of a fit.
[<RequireQualifiedAccess>]
module internal ModelFitMetrics =

    /// Those of the last fit of a round, NaN where there was none: the columns of a run are always the same.
    let ofReport (report: ModelFitReport voption) : struct (string * float)[] =
        let told (number: ModelFitReport -> float) =
            match report with
            | ValueSome report -> number report
            | ValueNone -> nan

        [|
            struct ("modelLoss", told _.Loss)
            struct ("modelError", told (fun report -> Array.average report.HeldOut))
            struct ("modelEpochs", told (fun report -> float report.Epochs))
        |]

/// The ensemble with its part of a training state: θ from `first` on, the frame and the elites. `follow` is told
/// whenever there is another model to imagine with. Not thread-safe.
[<Sealed>]
type internal StudiedModel
    (
        network: ModelNetwork,
        options: ModelOptions,
        observations: int,
        first: int,
        workers: Workers,
        follow: ModelFrame -> int[] -> (int -> ReadOnlyMemory<float32>) -> unit
    ) =
    let fit = ModelFit(network, options, first, workers)
    let learnsReward = network.Numbers > observations
    let mutable frame = ModelFrame.identity network.Layers.Inputs network.Numbers
    let mutable elites: int[] = [||]
    let mutable report: ModelFitReport voption = ValueNone
    let tell () = if elites.Length > 0 then follow frame elites fit.Parameters

    /// Of its part of θ.
    member _.Layout: Layout = Layout.under "model" (ModelNetwork.layout network)

    /// The arrays that states carry for it, with their first values.
    member _.Arrays: (string * float32[]) list = fit.Arrays @ ModelArrays.initial options network

    /// Takes θ and the arrays in.
    member _.Load(draft: Draft) : unit =
        fit.Load draft
        frame <- ModelArrays.frame network (draft.Current ModelArrays.Frame)
        elites <- ModelArrays.elites options (draft.Current ModelArrays.Elites)
        report <- ValueNone
        tell ()

    /// Fits it to the data of all steps where it never was fitted, and where a multiple of `ModelInterval` lies between
    /// the numbers of environment steps before and now; the generator that follows.
    member _.Study(data: unit -> ModelData, struct (before: int64, now: int64), key: Rng) : Rng =
        let interval = int64 options.ModelInterval

        if elites.Length > 0 && now / interval = before / interval then
            key
        else
            let data = data ()
            frame <- ModelFrame.ofData options.NormaliseTargets learnsReward data
            let struct (fitted, key) = fit.Fit(data, frame, key)
            report <- ValueSome fitted
            elites <- fitted.Elites
            tell ()
            key

    /// Writes θ and the arrays back.
    member _.Store(draft: Draft) : unit =
        fit.Store draft

        if elites.Length > 0 then
            (ModelFrame.toArray frame).CopyTo(draft.Overwritten ModelArrays.Frame, 0)
            (Array.map float32 elites).CopyTo(draft.Overwritten ModelArrays.Elites, 0)

    /// What to report of the last fit of a round.
    member _.Metrics: struct (string * float)[] = ModelFitMetrics.ofReport report
