/// What a practitioner would say of the sizes of numbers that a run shows its networks.
namespace Rl.Core.Training

open System
open System.Numerics
open Rl.Core.Environments
open Rl.Core.Acting
open Rl.Core.Learning

/// Looks at observations and actions besides the reports that `Warnings` reads.
[<RequireQualifiedAccess>]
module ScaleWarnings =

    /// A new policy draws numbers around 0 ± 1. It meets an interval whose centre is not further away, and whose
    /// half-range is within these.
    let private fits (low: float) (high: float) =
        let struct (centre, halfRange) = ActionMap.unitOf low high
        abs centre <= 1.0 && halfRange >= 0.2 && halfRange <= 5.0

    /// A complaint about numbers of actions that a policy would hardly meet with the units it acts in.
    let private actions (model: PolicyModel) : (WarningKind * string) option =
        let isUnmet (bound: struct (float * float) voption) =
            match bound with
            | ValueSome(struct (low, high)) -> not (fits low high)
            | ValueNone -> false

        let bounds = Scales.bounds model.ActionSpace

        match bounds |> Array.tryFindIndex isUnmet with
        | Some index when model.Plans.IsNone && model.Network.Actions = ActionMap.identity ->
            let struct (low, high) = bounds[index].Value

            Some(
                WarningKind.UnscaledActions,
                ($"component {index} of the actions lies in [{low}, {high}], and the policy acts around 0 ± 1: set "
                 + "ActionScaling to bounds, or rescale the actions?")
            )
        | _ -> None

    /// A complaint about what the copies show now.
    let private observations (model: PolicyModel) (environment: BatchEnvironment) : (WarningKind * string) option =
        if model.Observations.Size > 0 then
            None
        else
            let seen = Array.zeroCreate<float32>(environment.Count * environment.ObservationSize)
            environment.Observe(Span seen)
            let gauge = ScaleGauge environment.ObservationSpace
            gauge.Observe(ReadOnlySpan seen)

            match gauge.LargeObservation with
            | ValueSome(struct (index, size)) ->
                Some(
                    WarningKind.LargeObservations,
                    $"component {index} of the observations is of order {Scales.order size}: normalise them"
                )
            | ValueNone -> None

    /// What is new to say after a transition that led to the state, each kind once. Observations are looked at after
    /// updates 1, 2, 4, 8, …
    let observe
        (learner: Learner)
        (state: TrainingState)
        (watch: TrainingWatch)
        : struct (TrainingWatch * TrainingWarning list) =
        if not (BitOperations.IsPow2 state.Updates) then
            struct (watch, [])
        else
            let model = learner.Policy state

            [ actions model; observations model learner.Environment ]
            |> List.choose id
            |> Warnings.raiseNew state.Updates watch
