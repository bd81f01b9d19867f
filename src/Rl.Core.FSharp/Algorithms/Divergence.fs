/// Divergences between two policies of one network, and the policy of a state on many observations at once.
namespace Rl.Core.Algorithms

open System
open Rl.Core.Autodiff
open Rl.Core.Distributions
open Rl.Core.Foundations
open Rl.Core.Networks

[<RequireQualifiedAccess>]
module internal Divergence =

    let private unsupported (head: PolicyHead) =
        Guard.fail
            (nameof head)
            $"There is no divergence here between policies with the head %A{head}; use discrete or box actions."

    let private normal (output: ActorCriticOutput) =
        match output.LogStandardDeviation with
        | Some deviation -> DiagonalNormal.create output.Policy deviation
        | None -> Guard.fail (nameof output) "The network's output has no log standard deviation."

    /// KL(p ‖ q) [M] of two outputs of a policy.
    let kl (head: PolicyHead) (p: ActorCriticOutput) (q: ActorCriticOutput) : Expr =
        match head with
        | PolicyHead.Categorical _ -> Categorical.kl (Categorical.ofLogits p.Policy) (Categorical.ofLogits q.Policy)
        | PolicyHead.DiagonalNormal _ -> DiagonalNormal.kl (normal p) (normal q)
        | _ -> unsupported head

    /// The divergences [M] of V-MPO's trust regions: the whole of it for discrete actions; for normal ones that of the means at the old
    /// deviations, and that of the deviations at the old means (Song et al. 2020, appendix).
    let decoupled (head: PolicyHead) (p: ActorCriticOutput) (q: ActorCriticOutput) : Expr list =
        match head with
        | PolicyHead.DiagonalNormal _ ->
            [
                DiagonalNormal.kl (normal p) (normal { p with Policy = q.Policy })
                DiagonalNormal.kl (normal p) (normal { q with Policy = p.Policy })
            ]
        | _ -> [ kl head p q ]

    /// The output that is data: logits or means [M, outputs], and ln σ [n] for normal policies.
    let ofData (head: PolicyHead) (outputs: Expr) (logStandardDeviation: Expr) : ActorCriticOutput =
        {
            Policy = outputs
            LogStandardDeviation =
                match head with
                | PolicyHead.DiagonalNormal _ -> Some logStandardDeviation
                | _ -> None
            Value = Expr.number 0.0
        }

    /// The input "oldLogStandardDeviation" [n] of programs that compare normal policies; nothing for others.
    let deviationInput (head: PolicyHead) : Expr =
        match head with
        | PolicyHead.DiagonalNormal(count, _) -> Expr.input "oldLogStandardDeviation" [| count |]
        | _ -> Expr.number 0.0

    /// Writes that input, where a program has it.
    let setDeviation (program: Program<float32>) (logStandardDeviation: float32[]) =
        if program.HasInput "oldLogStandardDeviation" then
            program.Set("oldLogStandardDeviation", ReadOnlySpan logStandardDeviation)

/// The outputs of a policy on M observations, in lanes. Not thread-safe.
[<Sealed>]
type internal PolicyOutputs(network: ActorCritic, observationSize: int, m: int, workers: Workers) =
    let part = Part.actor network
    let width = PolicyHead.outputs network.Head
    let lanes = PpoStep.lanes m
    let first lane = lane * m / lanes

    let program =
        let theta = Expr.input "theta" [| part.Layout.Count |]
        let observations = Expr.input "observations" [| m; observationSize |]

        Program.ofOutputs<float32>
            [
                for lane in 0 .. lanes - 1 do
                    let rows = Expr.slice 0 (first lane) (first (lane + 1)) observations
                    let rows = if lanes = 1 then rows else Expr.lane lane rows
                    string lane, (Part.policy network (Parameters.create part.Layout theta) rows).Policy
            ]

    /// Elements a row.
    member _.Width = width

    /// Writes the outputs [M, width] of the policy θ on observations [M, observationSize].
    member _.Run(theta: float32[], observations: ReadOnlySpan<float32>, result: Span<float32>) =
        program.Set("theta", Span.op_Implicit (Part.elements part theta))
        program.Set("observations", observations)
        program.Run workers

        for lane in 0 .. lanes - 1 do
            (program.Output(string lane)).CopyTo(result.Slice(first lane * width))

    /// ln σ [n] in θ; empty for discrete actions.
    member _.LogStandardDeviation(theta: float32[]) : float32[] =
        match network.Head with
        | PolicyHead.DiagonalNormal(count, _) ->
            let place = part.Layout["actor/logStandardDeviation"]
            theta[part.First + place.Offset .. part.First + place.Offset + count - 1]
        | _ -> [||]
