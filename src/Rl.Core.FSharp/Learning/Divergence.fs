/// Divergences between two policies of one network, and the outputs of a policy on many observations at once.
namespace Rl.Core.Learning

open System
open Rl.Core.Acting
open Rl.Core.Autodiff
open Rl.Core.Experience
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

    /// The divergences [M] of V-MPO's trust regions: that of the discrete parts if there are any; then, of the normal
    /// ones, that of the means at the old deviations and that of the deviations at the old means (Song et al. 2020,
    /// appendix).
    let decoupled (head: ActionDistribution) (p: ActorCriticOutput) (q: ActorCriticOutput) : Expr list =
        let normals, discrete = pairs head p q |> List.partition isNormal
        let total f parts = parts |> List.map (fun (part, struct (p, q)) -> f part p q) |> List.reduce (+)

        [
            if not discrete.IsEmpty then total ofPart discrete

            if not normals.IsEmpty then
                total (fun part p q -> ofPart part p { p with Policy = q.Policy }) normals
                total (fun part p q -> ofPart part p { q with Policy = p.Policy }) normals
        ]

    /// The columns of another policy's outputs, such as the old one's: logits or means [M, outputs], and ln σ [n] of
    /// normal policies.
    let columns (head: ActionDistribution) : struct (Column * Column) =
        struct (Column.step "oldOutputs" (head.Outputs), Column.shared "oldLogStandardDeviation" (head.Deviations))

    /// The output that those columns hold.
    let ofColumns (head: ActionDistribution) (batch: Batch) : ActorCriticOutput =
        let struct (outputs, deviation) = columns head

        {
            Policy = batch[outputs]
            LogStandardDeviation = if deviation.Width = 0 then None else Some batch[deviation]
            Features = None
            Value = Expr.number 0.0
        }

/// The outputs of a policy on M observations, in lanes, before masks. Not thread-safe.
[<Sealed>]
type internal PolicyOutputs(network: ActorCritic, m: int, workers: Workers) =
    let part = Part.actor network
    let width = network.Head.Outputs
    let observations = Column.step "observations" (ActorCritic.inputs network)
    let shape = SampleShape.steps m

    let batches =
        let theta = Expr.input "theta" [| part.Layout.Count |]
        LaneSums.batches shape [ "actor", Parameters.create part.Layout theta ]

    let first lane = lane * m / batches.Length

    let program =
        Program.ofOutputs<float32>(
            batches
            |> List.mapi (fun lane batch ->
                string lane, ActorCritic.policy network (batch.Parameters "actor") batch[observations])
        )

    /// Elements a row.
    member _.Width = width

    /// Writes the outputs [M, width] of the policy θ on observations [M, inputs].
    member _.Run(theta: float32[], observations: ReadOnlySpan<float32>, result: Span<float32>) =
        program.Set("theta", Span.op_Implicit (Part.elements part theta))
        program.Set("observations", observations)
        program.Run workers

        for lane in 0 .. batches.Length - 1 do
            (program.Output(string lane)).CopyTo(result.Slice(first lane * width))

    /// ln σ [n] in θ; empty for discrete actions.
    member _.LogStandardDeviation(theta: float32[]) : float32[] =
        match network.Head.Deviations with
        | 0 -> [||]
        | count ->
            let first = part.First + part.Layout["actor/logStandardDeviation"].Offset
            theta[first .. first + count - 1]
