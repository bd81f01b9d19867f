/// Imagined steps: many rows at once, each by one member of an ensemble.
namespace Rl.Core.Algorithms

open System
open Rl.Core.Autodiff
open Rl.Core.Foundations
open Rl.Core.Networks

/// How a trajectory of an ensemble goes on from step to step (Chua et al. 2018, section 5).
[<RequireQualifiedAccess>]
type Propagation =
    /// A particle is of another member, drawn at random, at each step.
    | TrajectorySampling
    /// A particle stays with its member.
    | TrajectorySamplingInfinite
    /// All particles follow the mean of the members' predictions.
    | Expectation

/// The expressions of an imagined step.
[<RequireQualifiedAccess>]
module ModelStepExpressions =

    /// x [rows, width] in units of a frame: (x − mean) / scale.
    let normalise (mean: Expr) (scale: Expr) (x: Expr) : Expr = (x - mean) / scale

    /// What follows from a prediction and standard normal numbers z [rows, n]: (μ + e^(½ ln σ²) z) · scale + mean, in
    /// the units of targets. A deterministic model has no noise.
    let sample (targetMean: Expr) (targetScale: Expr) (noise: Expr) (mean: Expr) (logVariance: Expr option) : Expr =
        let drawn =
            match logVariance with
            | Some logVariance -> mean + Expr.exp (0.5 * logVariance) * noise
            | None -> mean

        drawn * targetScale + targetMean

    /// s + the first numbers of the targets [rows, observations], and the last one, the reward [rows], where there is
    /// one more.
    let outcome (observations: Expr) (targets: Expr) : struct (Expr * Expr option) =
        let size, width = observations.Shape[1], targets.Shape[1]
        let next = observations + Expr.slice 1 0 size targets

        let reward =
            if width > size then
                Some(Expr.squeeze 1 (Expr.slice 1 size (size + 1) targets))
            else
                None

        struct (next, reward)

/// A compiled step of `slots` members with `rowsEach` rows each: rows m · rowsEach … of the inputs are those of the
/// member in slot m. With `Propagation.Expectation` every row is the mean of all slots' predictions, and there are
/// `rowsEach` rows. Not thread-safe.
[<Sealed>]
type ModelStep(network: ModelNetwork, observations: int, slots: int, rowsEach: int, propagation: Propagation) =
    do
        Guard.inIntRange (nameof slots) 1 network.Members slots
        Guard.positive (nameof rowsEach) rowsEach

    let inputs, numbers = network.Layers.Inputs, network.Numbers
    let actions = inputs - observations
    let own = ModelNetwork.layoutOfMember network
    let isMean = propagation.IsExpectation
    let rows = if isMean then rowsEach else slots * rowsEach

    let outputs =
        let input name width = Expr.input name [| rows; width |]
        let theta = Expr.input "theta" [| slots * own.Count |]
        let frame name width = Expr.input name [| width |]
        let seen, action, noise = input "observations" observations, input "actions" actions, input "noise" numbers
        let inputMean, inputScale = frame "inputMean" inputs, frame "inputScale" inputs
        let targetMean, targetScale = frame "targetMean" numbers, frame "targetScale" numbers

        let part slot (x: Expr) =
            (if isMean then x else Expr.slice 0 (slot * rowsEach) ((slot + 1) * rowsEach) x) |> Expr.lane slot

        let predict slot : ModelPrediction =
            let parameters =
                Expr.lane slot theta
                |> Expr.slice 0 (slot * own.Count) ((slot + 1) * own.Count)
                |> Parameters.create own

            Expr.concat 1 [ part slot seen; part slot action ]
            |> ModelStepExpressions.normalise inputMean inputScale
            |> ModelNetwork.predict network parameters

        let outcome slot noise (prediction: ModelPrediction) =
            let targets =
                ModelStepExpressions.sample targetMean targetScale noise prediction.Mean prediction.LogVariance

            let struct (next, reward) = ModelStepExpressions.outcome (if isMean then seen else part slot seen) targets

            next, reward, prediction.Termination

        let predictions = List.init slots predict

        let results =
            if isMean then
                let mean (parts: Expr list) = List.reduce (+) parts * (1.0 / float slots)

                let optional (parts: Expr option list) =
                    if List.forall Option.isSome parts then
                        Some(mean (List.map Option.get parts))
                    else
                        None

                [
                    outcome
                        0
                        noise
                        {
                            Mean = mean (predictions |> List.map _.Mean)
                            LogVariance = optional (predictions |> List.map _.LogVariance)
                            Termination = optional (predictions |> List.map _.Termination)
                        }
                ]
            else
                predictions |> List.mapi (fun slot prediction -> outcome slot (part slot noise) prediction)

        let joined part = results |> List.map part |> Expr.concat 0

        [
            "next", joined (fun (next, _, _) -> next)
            if numbers > observations then
                "reward", joined (fun (_, reward, _) -> Option.get reward)
            if network.PredictsTermination then
                "termination", joined (fun (_, _, termination) -> Option.get termination)
        ]

    let program = Program.ofOutputs<float32> outputs
    let optional name isThere = if isThere then program.OutputMemory name else ReadOnlyMemory.Empty
    let seen, action = program.InputMemory "observations", program.InputMemory "actions"
    // A deterministic model reads no noise.
    let noise = if program.HasInput "noise" then program.InputMemory "noise" else Memory.Empty
    let next = program.OutputMemory "next"
    let reward = optional "reward" (numbers > observations)
    let termination = optional "termination" network.PredictsTermination

    /// The rows of a run.
    member _.Rows = rows
    /// Members that rows are dealt to.
    member _.Slots = slots

    /// Takes a frame and the members of the slots over; `parameters` gives those of a member.
    member _.Load(frame: ModelFrame, elites: ReadOnlySpan<int>, parameters: int -> ReadOnlyMemory<float32>) : unit =
        Guard.length (nameof elites) slots elites.Length
        program.Set("inputMean", ReadOnlySpan frame.InputMean)
        program.Set("inputScale", ReadOnlySpan frame.InputScale)
        program.Set("targetMean", ReadOnlySpan frame.TargetMean)
        program.Set("targetScale", ReadOnlySpan frame.TargetScale)
        let theta = program.Input "theta"

        for slot in 0 .. slots - 1 do
            (parameters elites[slot]).Span.CopyTo(theta.Slice(slot * own.Count, own.Count))

    /// s [rows, observations], to be written before a run.
    member _.Observations: Span<float32> = seen.Span
    /// a [rows, actions], to be written before a run.
    member _.Actions: Span<float32> = action.Span
    /// Standard normal numbers [rows, n], to be written before a run; empty where nothing is drawn.
    member _.Noise: Span<float32> = noise.Span
    /// Steps. `workers` share the members; the results do not depend on their number.
    member _.Run(workers: Workers) : unit = program.Run workers
    /// s′ [rows, observations].
    member _.Next: ReadOnlySpan<float32> = next.Span
    /// r [rows]; empty where it is not learnt.
    member _.Rewards: ReadOnlySpan<float32> = reward.Span
    /// The log-odds that s′ is terminal [rows]; empty where they are not learnt.
    member _.Terminations: ReadOnlySpan<float32> = termination.Span
    /// Arithmetic operations of a run.
    member _.Flops = program.Flops
