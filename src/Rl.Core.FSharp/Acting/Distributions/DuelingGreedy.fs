/// The choice of the largest action value of a dueling network: its outputs are a value and an advantage for each
/// action.
namespace Rl.Core.Acting

open Rl.Core.Autodiff
open Rl.Core.Distributions
open Rl.Core.Networks

[<RequireQualifiedAccess>]
module DuelingGreedyPolicy =

    let internal name = "duelingGreedy"

    /// The outputs are V(s) and A(s, ·) [..., 1 + actions]; of equal advantages the first is taken. Impossible choices
    /// count as −∞. It draws nothing: its samples are its mode, of log-probability 0 (Wang et al. 2016).
    let create (actions: int) : ActionDistribution =
        let format = { Name = name; Sizes = [ actions ]; Numbers = []; Parts = [] }

        let maskOutput (mask: Expr) (output: ActorOutput) =
            let value = ActionDistribution.cut 0 1 output.Policy
            let advantages = { output with Policy = ActionDistribution.cut 1 actions output.Policy }

            { output with
                Policy = Expr.concat -1 [ value; (CategoricalPolicy.maskOutput mask advantages).Policy ]
            }

        { ActionDistribution.numbers format (1 + actions) 1 with
            Choices = actions
            MaskOutput = maskOutput
            Mask = MaskOutputs(fun possible outputs -> CategoricalPolicy.mask possible (outputs.Slice 1))
            Sample =
                SampleAction(fun outputs _ action rng ->
                    action[0] <- float32 (Categorical.modeOf (outputs.Slice 1))
                    struct (0.0f, rng))
            Mode = ModeAction(fun outputs action -> action[0] <- float32 (Categorical.modeOf (outputs.Slice 1)))
            Choice =
                ActionDistribution.undrawn (fun mask output ->
                    ActionDistribution.cut 1 actions output.Policy
                    |> CategoricalPolicy.possible mask
                    |> CategoricalPolicy.largest)
        }

    /// Q(s, ·) [..., actions] of outputs [..., 1 + actions]: V + A − mean A.
    let values (outputs: Expr) : Expr =
        match Heads.split [ 1; outputs.Shape[outputs.Rank - 1] - 1 ] outputs with
        | [ value; advantages ] -> Heads.dueling value advantages
        | _ -> invalidOp "A split into two parts has two."
