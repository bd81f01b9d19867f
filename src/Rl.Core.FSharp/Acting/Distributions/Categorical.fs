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
            Noise = None
        }
