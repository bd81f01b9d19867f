/// Bits: logits [..., n] of independent yes-or-no choices.
namespace Rl.Core.Acting

open Rl.Core.Autodiff
open Rl.Core.Distributions
open Rl.Core.Networks

[<RequireQualifiedAccess>]
module BernoulliPolicy =

    let internal name = "bernoulli"
    let private never = float32 ActionDistribution.Never

    /// The mask's pairs are whether a bit may be 0 and whether it may be 1.
    let private maskOutput (mask: Expr) (output: ActorOutput) =
        let logits = output.Policy
        let pairs = Expr.reshape (Array.append logits.Shape [| 2 |]) mask
        let possible bit = pairs |> Expr.slice -1 bit (bit + 1) |> Expr.squeeze -1
        let notForced = Expr.select (possible 0) logits (Expr.number -ActionDistribution.Never)
        { output with Policy = Expr.select (possible 1) notForced (Expr.number ActionDistribution.Never) }

    /// The logits with what a mask rules out.
    let private possible (mask: Expr option) (output: ActorOutput) : Expr =
        match mask with
        | Some mask -> (maskOutput mask output).Policy
        | None -> output.Policy

    /// The policy over `count` bits.
    let create (count: int) : ActionDistribution =
        let sumLast (x: Expr) = Expr.sumOver [| -1 |] x

        {
            Format = { Name = name; Sizes = [ count ]; Numbers = []; Parts = [] }
            Outputs = count
            ActionSize = count
            Choices = 2 * count
            Deviations = 0
            Parameters = Layout.empty
            Parts = []
            Spread = ActionDistribution.noSpread
            MaskOutput = maskOutput
            Evaluate =
                fun output actions ->
                    let distribution = Bernoulli.ofLogits output.Policy

                    struct (sumLast (Bernoulli.logProbability actions distribution),
                            sumLast (Bernoulli.entropy distribution))
            Kl = fun p q -> sumLast (Bernoulli.kl (Bernoulli.ofLogits p.Policy) (Bernoulli.ofLogits q.Policy))
            Mask =
                MaskOutputs(fun possible outputs ->
                    for bit in 0 .. count - 1 do
                        ActionDistribution.requireChoice (possible.Slice(2 * bit, 2))
                        if not possible[2 * bit] then outputs[bit] <- -never
                        if not possible[2 * bit + 1] then outputs[bit] <- never)
            Sample = SampleAction(fun outputs _ action rng -> Bernoulli.sample outputs action rng)
            Mode =
                ModeAction(fun outputs action ->
                    for bit in 0 .. count - 1 do
                        action[bit] <- if outputs[bit] > 0.0f then 1.0f else 0.0f)
            Choice =
                {
                    Mode = fun mask output -> Expr.greater (possible mask output) (Expr.number 0.0)
                    Uniforms = count
                    Normals = 0
                    Draw =
                        fun mask output (struct (uniform, _)) -> Expr.less uniform (Expr.sigmoid (possible mask output))
                }
            Noise = None
        }
