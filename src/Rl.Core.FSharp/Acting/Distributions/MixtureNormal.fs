/// Numbers from a mixture of normal distributions, all of whose parameters are outputs of the network: for experts who
/// do one thing or another in one state.
namespace Rl.Core.Acting

open System
open Rl.Core.Autodiff
open Rl.Core.Distributions
open Rl.Core.Foundations
open Rl.Core.Networks

/// Mixture density networks (Bishop 1994).
[<RequireQualifiedAccess>]
module MixtureNormalPolicy =

    let internal name = "mixtureNormal"

    /// ln σ of a component, from the network's output.
    let private deviationOf (least: float) (most: float) (raw: float32) : float32 =
        float32 (least + 0.5 * (most - least) * (Math.Tanh(float raw) + 1.0))

    /// The means of a component, of K logits, K rows of n means and as many ln σ.
    let private meansOf (count: int) (components: int) (outputs: ReadOnlySpan<float32>) (chosen: int) =
        outputs.Slice(components + chosen * count, count)

    /// ln Σ wₖ pₖ(a) of one row.
    let private logProbabilityOf
        (least: float)
        (most: float)
        (components: int)
        (outputs: ReadOnlySpan<float32>)
        (action: ReadOnlySpan<float32>)
        : float =
        let count = action.Length
        let joint = Scratch.span<float> components
        let mutable top, largest, weights, total = -infinity, -infinity, 0.0, 0.0

        for k in 0 .. components - 1 do
            top <- max top (float outputs[k])

        for k in 0 .. components - 1 do
            weights <- weights + Math.Exp(float outputs[k] - top)
            let mutable sum = float outputs[k]

            for i in 0 .. count - 1 do
                let place = components + k * count + i
                let deviation = float (deviationOf least most outputs[place + components * count])
                let z = (float action[i] - float outputs[place]) * Math.Exp -deviation
                sum <- sum - 0.5 * z * z - deviation - 0.5 * Math.Log(2.0 * Math.PI)

            joint[k] <- sum
            largest <- max largest sum

        for k in 0 .. components - 1 do
            total <- total + Math.Exp(joint[k] - largest)

        largest + Math.Log total - top - Math.Log weights

    /// K logits, then K means of n numbers, then as many ln σ, squashed into [least, most]: [..., K (1 + 2 n)] for K =
    /// `components`. The mode is the mean of the component of the largest weight. An entropy has no closed form:
    /// `Evaluate` gives the estimate −log π(a|s) from the action itself.
    let create (count: int) (components: int) (least: float) (most: float) : ActionDistribution =
        Guard.positive (nameof count) count
        Guard.positive (nameof components) components

        if not (least < most) then
            Guard.fail (nameof least) $"least is {least} and most is {most}; least must be less than most."

        let format = { Name = name; Sizes = [ count; components ]; Numbers = [ least; most ]; Parts = [] }
        let size = components * count

        /// [..., K, n] of the outputs from `start` on.
        let table start (output: Expr) =
            let cut = ActionDistribution.cut start size output
            Expr.reshape (Array.append cut.Shape[.. cut.Rank - 2] [| components; count |]) cut

        let logits (output: ActorOutput) = ActionDistribution.cut 0 components output.Policy

        let ofOutput (output: ActorOutput) =
            let deviations = table (components + size) output.Policy |> Heads.squash least most

            DiagonalNormal.create (table components output.Policy) deviations
            |> Mixture.create (Categorical.ofLogits (logits output))

        /// The rows of some components of a table [..., K, n], chosen by [..., 1].
        let pick (chosen: Expr) (table: Expr) =
            let shape = Array.copy table.Shape
            shape[shape.Length - 2] <- 1
            Expr.gather -2 (Expr.broadcastTo shape (Expr.expandAxis -1 chosen)) table |> Expr.squeeze -2

        { ActionDistribution.numbers format (components + 2 * size) count with
            Evaluate =
                fun output actions ->
                    let logProbability = Mixture.logProbability actions (ofOutput output)
                    struct (logProbability, -logProbability)
            Sample =
                SampleAction(fun outputs _ action rng ->
                    let struct (chosen, _, rng) = Categorical.sample (outputs.Slice(0, components)) rng
                    let deviations = Scratch.span<float32> count

                    for i in 0 .. count - 1 do
                        deviations[i] <- deviationOf least most outputs[components + size + chosen * count + i]

                    let struct (_, rng) =
                        DiagonalNormal.sample
                            (meansOf count components outputs chosen)
                            (Span.op_Implicit deviations)
                            action
                            rng

                    let own = logProbabilityOf least most components outputs (Span.op_Implicit action)
                    struct (float32 own, rng))
            Mode =
                ModeAction(fun outputs action ->
                    let chosen = Categorical.modeOf (outputs.Slice(0, components))
                    (meansOf count components outputs chosen).CopyTo action)
            Choice =
                {
                    Mode =
                        fun _ output ->
                            table components output.Policy |> pick (CategoricalPolicy.largest (logits output))
                    Uniforms = components
                    Normals = count
                    Draw =
                        fun _ output (struct (uniform, normal)) ->
                            let chosen = CategoricalPolicy.largest (logits output + CategoricalPolicy.gumbel uniform)
                            let deviation = table (components + size) output.Policy |> Heads.squash least most
                            pick chosen (table components output.Policy) + Expr.exp (pick chosen deviation) * normal
                }
        }
