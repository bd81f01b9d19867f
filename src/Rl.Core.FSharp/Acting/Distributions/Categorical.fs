/// One of several choices: logits [..., actions] of a categorical distribution.
namespace Rl.Core.Acting

open System
open Rl.Core.Autodiff
open Rl.Core.Distributions
open Rl.Core.Networks

[<RequireQualifiedAccess>]
module CategoricalPolicy =

    let internal name = "categorical"

    let internal mask (possible: ReadOnlySpan<bool>) (outputs: Span<float32>) =
        ActionDistribution.requireChoice possible

        for choice in 0 .. possible.Length - 1 do
            if not possible[choice] then outputs[choice] <- Single.NegativeInfinity

    let internal maskOutput (mask: Expr) (output: ActorOutput) =
        { output with Policy = Categorical.maskLogits mask output.Policy }

    /// Outputs [..., actions] of which those that a mask rules out are −∞.
    let internal possible (mask: Expr option) (outputs: Expr) : Expr =
        match mask with
        | Some mask -> Expr.select mask outputs (Expr.number -infinity)
        | None -> outputs

    /// The first index of the largest of outputs [..., actions]: [..., 1].
    let internal largest (outputs: Expr) : Expr = outputs |> Expr.argMax -1 |> Expr.expandAxis -1

    /// Numbers of Gumbel's distribution from uniform ones: the largest of logits with one added to each is a draw of
    /// their categorical distribution.
    let internal gumbel (uniform: Expr) : Expr = -(Expr.log (-(Expr.log uniform)))

    /// The policy over the choices 0 … actions − 1.
    let create (actions: int) : ActionDistribution =
        {
            Format = { Name = name; Sizes = [ actions ]; Numbers = []; Parts = [] }
            Outputs = actions
            ActionSize = 1
            Choices = actions
            Deviations = 0
            Parameters = Layout.empty
            Parts = []
            Spread = ActionDistribution.noSpread
            MaskOutput = maskOutput
            Evaluate =
                fun output actions ->
                    let distribution = Categorical.ofLogits output.Policy

                    struct (Categorical.logProbability (Expr.squeeze -1 actions) distribution,
                            Categorical.entropy distribution)
            Kl = fun p q -> Categorical.kl (Categorical.ofLogits p.Policy) (Categorical.ofLogits q.Policy)
            Mask = MaskOutputs(fun possible outputs -> mask possible outputs)
            Sample =
                SampleAction(fun outputs _ action rng ->
                    let struct (index, logProbability, rng) = Categorical.sample outputs rng
                    action[0] <- float32 index
                    struct (logProbability, rng))
            Mode = ModeAction(fun outputs action -> action[0] <- float32 (Categorical.modeOf outputs))
            Choice =
                {
                    Mode = fun mask output -> possible mask output.Policy |> largest
                    Uniforms = actions
                    Normals = 0
                    Draw =
                        fun mask output (struct (uniform, _)) -> largest (possible mask output.Policy + gumbel uniform)
                }
            Noise = None
        }
