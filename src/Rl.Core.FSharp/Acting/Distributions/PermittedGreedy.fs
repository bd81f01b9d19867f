/// The choice of the largest action value among those that the data's policy makes often enough: what batch-constrained
/// Q-learning of choices acts as.
namespace Rl.Core.Acting

open System
open Rl.Core.Autodiff
open Rl.Core.Distributions
open Rl.Core.Foundations

[<RequireQualifiedAccess>]
module PermittedGreedyPolicy =

    let internal name = "permittedGreedy"

    /// The action values [..., actions] of outputs.
    let values (actions: int) (outputs: Expr) : Expr = ActionDistribution.cut 0 actions outputs

    /// The logits [..., actions] of the data's policy of outputs.
    let logits (actions: int) (outputs: Expr) : Expr = ActionDistribution.cut actions actions outputs

    /// Both halves of a mask's outputs.
    let private mask (possible: ReadOnlySpan<bool>) (outputs: Span<float32>) =
        let actions = possible.Length
        CategoricalPolicy.mask possible (outputs.Slice(0, actions))
        CategoricalPolicy.mask possible (outputs.Slice(actions, actions))

    let private best (actions: int) (least: float) (outputs: ReadOnlySpan<float32>) : int =
        let logits = outputs.Slice(actions, actions)
        let likeliest = Categorical.modeOf logits
        let mutable chosen = likeliest

        for choice in 0 .. actions - 1 do
            if float logits[choice] - float logits[likeliest] > least then
                let isBetter = outputs[choice] > outputs[chosen]

                if isBetter || (outputs[choice] = outputs[chosen] && choice < chosen) then
                    chosen <- choice

        chosen

    /// The outputs are action values Q(s, ·) and then logits of the data's policy β(·|s) [..., 2 actions]. Of the
    /// choices with β(a|s) / max β(·|s) > τ, 0 ≤ τ < 1, the one of the largest value is taken, of equal ones the first.
    /// It draws nothing: its samples are its mode, of log-probability 0 (Fujimoto et al. 2019, equation 18).
    let create (actions: int) (threshold: float) : ActionDistribution =
        if not (threshold >= 0.0 && threshold < 1.0) then
            Guard.fail (nameof threshold) $"threshold is {threshold}; it must be at least 0 and less than 1."

        let format = { Name = name; Sizes = [ actions ]; Numbers = [ threshold ]; Parts = [] }
        let least = Math.Log threshold

        { ActionDistribution.numbers format (2 * actions) 1 with
            Choices = actions
            MaskOutput =
                fun possible output ->
                    let both = Expr.concat -1 [ possible; possible ]
                    { output with Policy = Categorical.maskLogits both output.Policy }
            Mask = MaskOutputs(fun possible outputs -> mask possible outputs)
            Sample =
                SampleAction(fun outputs _ action rng ->
                    action[0] <- float32 (best actions least outputs)
                    struct (0.0f, rng))
            Mode = ModeAction(fun outputs action -> action[0] <- float32 (best actions least outputs))
            Choice =
                ActionDistribution.undrawn (fun possible output ->
                    let own = logits actions output.Policy |> CategoricalPolicy.possible possible
                    let permitted = Expr.greater (own - Expr.maxKeep [| -1 |] own) (Expr.number least)

                    values actions output.Policy
                    |> CategoricalPolicy.possible (Some permitted)
                    |> CategoricalPolicy.largest)
        }
