/// Several choices at once: the logits of each side by side, [..., Σ choices].
namespace Rl.Core.Acting

open Rl.Core.Autodiff
open Rl.Core.Distributions
open Rl.Core.Networks

[<RequireQualifiedAccess>]
module MultiCategoricalPolicy =

    let internal name = "multiCategorical"

    /// The policy over independent choices of the given numbers of actions.
    let create (choices: int list) : ActionDistribution =
        let total = List.sum choices

        let largest outputs = Heads.split choices outputs |> List.map CategoricalPolicy.largest |> Expr.concat -1

        {
            Format = { Name = name; Sizes = choices; Numbers = []; Parts = [] }
            Outputs = total
            ActionSize = choices.Length
            Choices = total
            Deviations = 0
            Parameters = Layout.empty
            Parts = []
            Spread = ActionDistribution.noSpread
            MaskOutput =
                fun mask output -> { output with Policy = MultiCategorical.maskLogits choices mask output.Policy }
            Evaluate =
                fun output actions ->
                    let distribution = MultiCategorical.ofLogits choices output.Policy
                    struct (MultiCategorical.logProbability actions distribution, MultiCategorical.entropy distribution)
            Kl =
                fun p q ->
                    MultiCategorical.kl
                        (MultiCategorical.ofLogits choices p.Policy)
                        (MultiCategorical.ofLogits choices q.Policy)
            Mask =
                MaskOutputs(fun possible outputs ->
                    let mutable start = 0

                    for size in choices do
                        CategoricalPolicy.mask (possible.Slice(start, size)) (outputs.Slice(start, size))
                        start <- start + size)
            Sample =
                SampleAction(fun outputs _ action rng ->
                    let mutable rng, total, start, index = rng, 0.0f, 0, 0

                    for size in choices do
                        let struct (choice, logProbability, next) = Categorical.sample (outputs.Slice(start, size)) rng
                        action[index] <- float32 choice
                        total <- total + logProbability
                        rng <- next
                        start <- start + size
                        index <- index + 1

                    struct (total, rng))
            Mode =
                ModeAction(fun outputs action ->
                    let mutable start, index = 0, 0

                    for size in choices do
                        action[index] <- float32 (Categorical.modeOf (outputs.Slice(start, size)))
                        start <- start + size
                        index <- index + 1)
            Choice =
                {
                    Mode = fun mask output -> CategoricalPolicy.possible mask output.Policy |> largest
                    Uniforms = total
                    Normals = 0
                    Draw =
                        fun mask output (struct (uniform, _)) ->
                            largest (CategoricalPolicy.possible mask output.Policy + CategoricalPolicy.gumbel uniform)
                }
            Noise = None
        }
