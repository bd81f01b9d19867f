/// The choice of the largest action value of each component of an action: what a branching Q-network acts as.
namespace Rl.Core.Acting

open Rl.Core.Autodiff
open Rl.Core.Distributions
open Rl.Core.Networks

/// The outputs are action values of the components one after the other, Q₁(s, ·) … Q_D(s, ·) [..., Σ choices]; of a
/// dueling network the value of the state comes first, and those that follow are advantages (Tavakoli, Pardo and
/// Kormushev 2018).
[<RequireQualifiedAccess>]
module BranchingGreedyPolicy =

    let internal name = "branchingGreedy"
    let internal duelingName = "duelingBranchingGreedy"

    let private first isDueling = if isDueling then 1 else 0

    /// Takes the first of the largest in each component; impossible choices count as −∞. It draws nothing: its samples
    /// are its mode, of log-probability 0.
    let create (isDueling: bool) (choices: int list) : ActionDistribution =
        let total, start = List.sum choices, first isDueling
        let name = if isDueling then duelingName else name
        let format = { Name = name; Sizes = choices; Numbers = []; Parts = [] }

        let maskOutput (mask: Expr) (output: ActorOutput) =
            let own = ActionDistribution.cut start total output.Policy
            let own = Expr.select mask own (Expr.number ActionDistribution.Never)

            if isDueling then
                { output with Policy = Expr.concat -1 [ ActionDistribution.cut 0 1 output.Policy; own ] }
            else
                { output with Policy = own }

        let mode =
            ModeAction(fun outputs action ->
                let mutable place, index = start, 0

                for size in choices do
                    action[index] <- float32 (Categorical.modeOf (outputs.Slice(place, size)))
                    place <- place + size
                    index <- index + 1)

        { ActionDistribution.numbers format (start + total) choices.Length with
            Choices = total
            MaskOutput = maskOutput
            Mask =
                MaskOutputs(fun possible outputs ->
                    let mutable place = 0

                    for size in choices do
                        CategoricalPolicy.mask (possible.Slice(place, size)) (outputs.Slice(start + place, size))
                        place <- place + size)
            Sample =
                SampleAction(fun outputs _ action rng ->
                    mode.Invoke(outputs, action)
                    struct (0.0f, rng))
            Mode = mode
            Choice =
                ActionDistribution.undrawn (fun mask output ->
                    ActionDistribution.cut start total output.Policy
                    |> CategoricalPolicy.possible mask
                    |> Heads.split choices
                    |> List.map CategoricalPolicy.largest
                    |> Expr.concat -1)
        }

    /// Q_d(s, ·) [..., choices] of each component, of outputs [..., outputs]: of a dueling network V + A_d − the mean
    /// of A_d.
    let values (isDueling: bool) (choices: int list) (outputs: Expr) : Expr list =
        if isDueling then
            match Heads.split (1 :: choices) outputs with
            | value :: advantages -> advantages |> List.map (Heads.dueling value)
            | [] -> invalidOp "A split into several parts has at least one."
        else
            Heads.split choices outputs
