/// Acting with a trained policy: a compiled program for a fixed number of observations at once.
namespace Rl.Core.Training

open System
open Rl.Core.Foundations
open Rl.Core.Autodiff
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Networks
open Rl.Core.Algorithms

/// The policy of a model for `rows` observations. Observations are normalised as in training (limit ± 10); actions are those of the
/// environment: integers of a discrete space, numbers within a box. After construction nothing is allocated. Not thread-safe.
[<Sealed>]
type Predictor(model: PolicyModel, rows: int) =
    do Guard.positive (nameof rows) rows

    let observationSpace, actionSpace = model.ObservationSpace, model.ActionSpace
    let observationSize, actionSize = observationSpace.Size, actionSpace.Size
    let layout = ActorCritic.layout model.Network
    let head = model.Network.Head
    let outputs = PolicyHead.outputs head
    let mutable statistics = model.Observations

    let program =
        let theta = Expr.input "theta" [| layout.Count |]
        let observations = Expr.input "observations" [| rows; observationSize |]
        let parameters = Parameters.create layout theta

        Program.ofOutputs<float32>
            [
                "policy", ActorCritic.policy model.Network parameters observations
                match ActorCritic.logStandardDeviation model.Network parameters with
                | Some deviation -> "logStandardDeviation", deviation
                | None -> ()
            ]

    let theta = program.InputMemory "theta"
    let input = program.InputMemory "observations"
    let policy = program.OutputMemory "policy"

    let deviation =
        match head with
        | PolicyHead.DiagonalNormal _ -> program.OutputMemory "logStandardDeviation"
        | _ -> ReadOnlyMemory.Empty

    let policyAction = Array.zeroCreate<float32> actionSize

    let load (model: PolicyModel) =
        Guard.length "Parameters" layout.Count model.Parameters.Length
        ReadOnlySpan(model.Parameters).CopyTo theta.Span
        statistics <- model.Observations

    do load model

    let run (observations: ReadOnlySpan<float32>) (actions: Span<float32>) =
        if observations.Length <> rows * observationSize then
            Guard.fail
                (nameof observations)
                $"observations has {observations.Length} elements; it must have {rows * observationSize}, those of {rows} from {observationSpace}."

        Guard.length (nameof actions) (rows * actionSize) actions.Length
        let bad = Guard.indexOfNonFinite observations

        if bad >= 0 then
            Guard.fail
                (nameof observations)
                $"Component {bad % observationSize} of observation {bad / observationSize} is {observations[bad]}; observations must be finite."

        if statistics.Size > 0 then
            RunningStatistics.normalise statistics 10.0f observations input.Span
        else
            observations.CopyTo input.Span

        program.Run()

    /// The number of observations at once.
    member _.Rows = rows
    /// Elements of one observation.
    member _.ObservationSize = observationSize
    /// Elements of one action.
    member _.ActionSize = actionSize

    /// Takes over the parameters and statistics of another model with the same network.
    member _.Update(model: PolicyModel) = load model

    /// The most probable action of each observation: observations [rows, observationSize] to actions [rows, actionSize].
    /// `ArgumentException` for a wrong length, NaN or infinity.
    member _.Predict(observations: ReadOnlySpan<float32>, actions: Span<float32>) : unit =
        run observations actions

        for row in 0 .. rows - 1 do
            Policy.mode head (policy.Span.Slice(row * outputs, outputs)) (Span policyAction)
            let action = actions.Slice(row * actionSize, actionSize)
            Policy.toEnvironment actionSpace (ReadOnlySpan policyAction) action

    /// Draws an action for each observation, row i with keys[i], which moves on: observations [rows, observationSize] to actions
    /// [rows, actionSize]. `ArgumentException` for a wrong length, NaN or infinity.
    member _.Sample(observations: ReadOnlySpan<float32>, actions: Span<float32>, keys: Span<Rng>) : unit =
        Guard.length (nameof keys) rows keys.Length
        run observations actions

        for row in 0 .. rows - 1 do
            let struct (_, key) =
                Policy.sample
                    head
                    (policy.Span.Slice(row * outputs, outputs))
                    deviation.Span
                    (Span policyAction)
                    keys[row]

            keys[row] <- key
            let action = actions.Slice(row * actionSize, actionSize)
            Policy.toEnvironment actionSpace (ReadOnlySpan policyAction) action
