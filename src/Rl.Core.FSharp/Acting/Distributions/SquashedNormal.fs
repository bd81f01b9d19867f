/// Numbers in (-1, 1): the tanh of normal ones, as SAC's policies are.
namespace Rl.Core.Acting

open System
open Rl.Core.Autodiff
open Rl.Core.Distributions
open Rl.Core.Foundations
open Rl.Core.Networks

[<RequireQualifiedAccess>]
module SquashedNormalPolicy =

    let internal name = "squashedNormal"

    /// The distribution that outputs [..., 2n] mean, ln σ squashed into [least, most]; actions in (−1, 1).
    let distribution (count: int) (least: float) (most: float) (output: ActorOutput) : SquashedNormal =
        let deviation = ActionDistribution.cut count count output.Policy |> Heads.squash least most

        DiagonalNormal.create (ActionDistribution.cut 0 count output.Policy) deviation
        |> SquashedNormal.create (Expr.number -1.0) (Expr.number 1.0)

    /// ln σ of a component, from the network's output.
    let private deviationOf (least: float) (most: float) (raw: float32) : float32 =
        float32 (least + 0.5 * (most - least) * (Math.Tanh(float raw) + 1.0))

    /// Writes the action tanh(μ + σ z) of outputs [2n] and numbers z [n], which are standard normal for an action of
    /// the policy.
    let internal act
        (least: float)
        (most: float)
        (outputs: ReadOnlySpan<float32>)
        (normals: ReadOnlySpan<float>)
        (action: Span<float32>)
        : unit =
        for i in 0 .. normals.Length - 1 do
            let deviation = Math.Exp(float (deviationOf least most outputs[normals.Length + i]))
            action[i] <- float32 (Math.Tanh(float outputs[i] + deviation * normals[i]))

    /// Means and ln σ of u, both from the network: [..., 2n], the means first; a = tanh u. ln σ is squashed into
    /// [least, most] (Haarnoja et al. 2018 clip it). An entropy has no closed form: `Evaluate` gives the estimate −log
    /// π(a|s) from the action itself.
    let create (count: int) (least: float) (most: float) : ActionDistribution =
        if not (least < most) then
            Guard.fail (nameof least) $"least is {least} and most is {most}; least must be less than most."

        let format = { Name = name; Sizes = [ count ]; Numbers = [ least; most ]; Parts = [] }

        let ofOutput = distribution count least most

        { ActionDistribution.numbers format (2 * count) count with
            Evaluate =
                fun output actions ->
                    let logProbability = SquashedNormal.logProbability actions (ofOutput output)
                    struct (logProbability, -logProbability)
            Kl = fun p q -> SquashedNormal.kl (ofOutput p) (ofOutput q)
            Sample =
                SampleAction(fun outputs _ action rng ->
                    let deviation = Scratch.span<float32> 1
                    let mutable rng, total = rng, 0.0f

                    for i in 0 .. count - 1 do
                        deviation[0] <- deviationOf least most outputs[count + i]

                        let struct (logProbability, next) =
                            SquashedNormal.sample
                                -1.0f
                                1.0f
                                (outputs.Slice(i, 1))
                                (Span.op_Implicit deviation)
                                (action.Slice(i, 1))
                                rng

                        rng <- next
                        total <- total + logProbability

                    struct (total, rng))
            Mode =
                ModeAction(fun outputs action ->
                    for i in 0 .. count - 1 do
                        action[i] <- MathF.Tanh outputs[i])
            Choice =
                ActionDistribution.drawnNormal
                    count
                    (fun output ->
                        struct (ActionDistribution.cut 0 count output.Policy,
                                ActionDistribution.cut count count output.Policy |> Heads.squash least most))
                    Expr.tanh
        }
