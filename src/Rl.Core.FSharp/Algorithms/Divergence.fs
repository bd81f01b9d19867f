/// Divergences between two policies of one network, and the outputs of a policy on many observations at once.
namespace Rl.Core.Algorithms

open System
open Rl.Core.Acting
open Rl.Core.Autodiff
open Rl.Core.Foundations
open Rl.Core.Networks

[<RequireQualifiedAccess>]
module internal Divergence =

    let private isNormal (head: ActionDistribution, _) = head.Deviations > 0

    let private pairs head p q =
        List.map2
            (fun (part, p) (_, q) -> part, struct (p, q))
            (ActionDistribution.partsOf head p)
            (ActionDistribution.partsOf head q)

    let private ofPart (part: ActionDistribution) p q = part.Kl p q

    /// KL(p ‖ q) [M] of two outputs of a policy: of independent parts, their sum.
    let kl (head: ActionDistribution) (p: ActorCriticOutput) (q: ActorCriticOutput) : Expr = head.Kl p q

    /// Whether a head has discrete parts, and whether it has normal ones.
    let kinds (head: ActionDistribution) : struct (bool * bool) = struct (head.Choices > 0, head.Deviations > 0)

    /// The divergences [M] of V-MPO's trust regions: that of the discrete parts if there are any; then, of the normal ones, that of the means at
    /// the old deviations and that of the deviations at the old means (Song et al. 2020, appendix).
    let decoupled (head: ActionDistribution) (p: ActorCriticOutput) (q: ActorCriticOutput) : Expr list =
        let normals, discrete = pairs head p q |> List.partition isNormal
        let total f parts = parts |> List.map (fun (part, struct (p, q)) -> f part p q) |> List.reduce (+)

        [
            if not discrete.IsEmpty then total ofPart discrete

            if not normals.IsEmpty then
                total (fun part p q -> ofPart part p { p with Policy = q.Policy }) normals
                total (fun part p q -> ofPart part p { q with Policy = p.Policy }) normals
        ]

    /// The input "oldLogStandardDeviation" [n] of programs that compare normal policies.
    let private deviationInput = "oldLogStandardDeviation"

    /// The output that is data: logits or means [M, outputs], and ln σ [n] as an input of its own for normal policies.
    let ofData (head: ActionDistribution) (outputs: Expr) : ActorCriticOutput =
        {
            Policy = outputs
            LogStandardDeviation =
                match head.Deviations with
                | 0 -> None
                | count -> Some(Expr.input deviationInput [| count |])
            Features = None
            Value = Expr.number 0.0
        }

    /// Writes ln σ into a program that asks for it.
    let setDeviation (program: Program<float32>) (logStandardDeviation: float32[]) =
        if program.HasInput deviationInput then
            program.Set(deviationInput, ReadOnlySpan logStandardDeviation)

/// The outputs of a policy on M observations, in lanes, before masks. Not thread-safe.
[<Sealed>]
type internal PolicyOutputs(network: ActorCritic, m: int, workers: Workers) =
    let part = Part.actor network
    let width = network.Head.Outputs
    let lanes = PpoStep.lanes m
    let first lane = lane * m / lanes

    let program =
        let theta = Expr.input "theta" [| part.Layout.Count |]
        let observations = Expr.input "observations" [| m; ActorCritic.inputs network |]

        Program.ofOutputs<float32>
            [
                for lane in 0 .. lanes - 1 do
                    let rows = Expr.slice 0 (first lane) (first (lane + 1)) observations
                    let rows = if lanes = 1 then rows else Expr.lane lane rows
                    string lane, ActorCritic.policy network (Parameters.create part.Layout theta) rows
            ]

    /// Elements a row.
    member _.Width = width

    /// Writes the outputs [M, width] of the policy θ on observations [M, inputs].
    member _.Run(theta: float32[], observations: ReadOnlySpan<float32>, result: Span<float32>) =
        program.Set("theta", Span.op_Implicit (Part.elements part theta))
        program.Set("observations", observations)
        program.Run workers

        for lane in 0 .. lanes - 1 do
            (program.Output(string lane)).CopyTo(result.Slice(first lane * width))

    /// ln σ [n] in θ; empty for discrete actions.
    member _.LogStandardDeviation(theta: float32[]) : float32[] =
        match network.Head.Deviations with
        | 0 -> [||]
        | count ->
            let first = part.First + part.Layout["actor/logStandardDeviation"].Offset
            theta[first .. first + count - 1]
