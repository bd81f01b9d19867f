/// The choice of the largest mean of a distribution of returns: what C51 and QR-DQN act as. Outputs are K numbers for
/// each action, action by action; of a dueling network K numbers of the state come first.
namespace Rl.Core.Acting

open System
open Rl.Core.Autodiff
open Rl.Core.Foundations
open Rl.Core.Networks

/// The mean of an action's distribution, from the outputs of one row.
type internal ReturnMean = delegate of action: int * outputs: ReadOnlySpan<float32> -> float

/// How many outputs there are, and in what order.
[<RequireQualifiedAccess>]
module ReturnOutputs =

    /// The outputs that a network must have for K numbers of each action.
    let count (isDueling: bool) (actions: int) (numbers: int) : int =
        (if isDueling then actions + 1 else actions) * numbers

    /// What a network's outputs are of: the actions, or the state and the actions. Files have it for whether it is
    /// dueling, as their sizes are at least 1.
    let internal streams (isDueling: bool) : int = if isDueling then 2 else 1

    let private first isDueling numbers = if isDueling then numbers else 0

    /// Outputs [..., outputs] as [..., actions, K]; of a dueling network V + A − the mean of A over actions (Wang et
    /// al. 2016).
    let arrange (isDueling: bool) (actions: int) (numbers: int) (outputs: Expr) : Expr =
        let start = first isDueling numbers
        let own = ActionDistribution.cut start (actions * numbers) outputs |> Heads.atoms actions numbers

        if isDueling then
            let state = ActionDistribution.cut 0 numbers outputs |> Heads.atoms 1 numbers
            state + (own - Expr.meanKeep [| -2 |] own)
        else
            own

    /// The sum of the k-th numbers of the actions that are not ruled out, and their count.
    let private total isDueling actions numbers k (outputs: ReadOnlySpan<float32>) : struct (float * int) =
        let mutable sum, count = 0.0, 0

        for action in 0 .. actions - 1 do
            let own = float outputs[first isDueling numbers + action * numbers + k]

            if not (Double.IsNegativeInfinity own) then
                sum <- sum + own
                count <- count + 1

        struct (sum, count)

    /// The k-th number of an action's distribution, which is not ruled out.
    let internal number isDueling actions numbers action k (outputs: ReadOnlySpan<float32>) : float =
        let own = float outputs[first isDueling numbers + action * numbers + k]

        if isDueling then
            let struct (sum, count) = total isDueling actions numbers k outputs
            float outputs[k] + own - sum / float count
        else
            own

    /// Whether a mask has ruled an action out.
    let internal isRuledOut isDueling numbers action (outputs: ReadOnlySpan<float32>) : bool =
        Single.IsNegativeInfinity outputs[first isDueling numbers + action * numbers]

    /// Sets the numbers of impossible actions to −∞. The state's numbers move so that, with the mean over the possible
    /// actions alone, the distributions of these stay what they were.
    let internal mask isDueling numbers (possible: ReadOnlySpan<bool>) (outputs: Span<float32>) : unit =
        ActionDistribution.requireChoice possible
        let actions = possible.Length

        for k in 0 .. numbers - 1 do
            let struct (before, all) = total isDueling actions numbers k (Span.op_Implicit outputs)

            for action in 0 .. actions - 1 do
                if not possible[action] then
                    outputs[first isDueling numbers + action * numbers + k] <- Single.NegativeInfinity

            if isDueling then
                let struct (after, left) = total isDueling actions numbers k (Span.op_Implicit outputs)
                outputs[k] <- float32 (float outputs[k] + after / float left - before / float all)

    /// The same of outputs [..., outputs] with masks [..., actions] of 1 and 0.
    let internal maskOutput isDueling actions numbers (mask: Expr) (output: ActorOutput) : ActorOutput =
        let start = first isDueling numbers
        let own = ActionDistribution.cut start (actions * numbers) output.Policy |> Heads.atoms actions numbers
        let possible = Expr.expandAxis -1 mask
        let shape = Array.append own.Shape[.. own.Rank - 3] [| actions * numbers |]
        let ruled = Expr.select possible own (Expr.number ActionDistribution.Never) |> Expr.reshape shape

        if isDueling then
            let ofPossible = Expr.sumOver [| -2 |] (possible * own) / Expr.sumOver [| -2 |] possible
            let state = ActionDistribution.cut 0 numbers output.Policy + ofPossible - Expr.meanOver [| -2 |] own
            { output with Policy = Expr.concat -1 [ state; ruled ] }
        else
            { output with Policy = ruled }

    /// The first action of the largest mean, of those that are not ruled out.
    let private best isDueling actions numbers (mean: ReturnMean) (outputs: ReadOnlySpan<float32>) : int =
        let mutable chosen, largest = -1, nan

        for action in 0 .. actions - 1 do
            if not (isRuledOut isDueling numbers action outputs) then
                let value = mean.Invoke(action, outputs)

                if chosen < 0 || value > largest then
                    chosen <- action
                    largest <- value

        chosen

    /// The distribution over actions of a format that takes the action of the largest mean; `means` has those of all
    /// actions, from [..., actions, K].
    let internal greedy format isDueling actions numbers (mean: ReturnMean) (means: Expr -> Expr) : ActionDistribution =
        { ActionDistribution.numbers format (count isDueling actions numbers) 1 with
            Choices = actions
            MaskOutput = maskOutput isDueling actions numbers
            Mask = MaskOutputs(fun possible outputs -> mask isDueling numbers possible outputs)
            Sample =
                SampleAction(fun outputs _ action rng ->
                    action[0] <- float32 (best isDueling actions numbers mean outputs)
                    struct (0.0f, rng))
            Mode = ModeAction(fun outputs action -> action[0] <- float32 (best isDueling actions numbers mean outputs))
            Choice =
                ActionDistribution.undrawn (fun mask output ->
                    arrange isDueling actions numbers output.Policy
                    |> means
                    |> CategoricalPolicy.possible mask
                    |> CategoricalPolicy.largest)
        }

/// Of categorical distributions: outputs are logits of K atoms at equal distances.
[<RequireQualifiedAccess>]
module CategoricalReturnPolicy =

    let internal name = "categoricalReturn"

    /// The atoms z, from the lowest to the highest in equal steps; at least two.
    let atoms (count: int) (lowest: float) (highest: float) : float[] =
        if count < 2 then
            Guard.fail (nameof count) $"There are {count} atoms; a distribution of returns needs at least 2."

        if not (lowest < highest) then
            Guard.fail (nameof lowest) $"The lowest atom is {lowest} and the highest {highest}; it must be lower."

        Array.init count (fun k -> lowest + (highest - lowest) * float k / float (count - 1))

    /// Takes the action of the largest Σ z p; of equal ones the first. It draws nothing: its samples are its mode, of
    /// log-probability 0 (Bellemare et al. 2017).
    let create (isDueling: bool) (actions: int) (count: int) (lowest: float) (highest: float) : ActionDistribution =
        let atoms = atoms count lowest highest
        let sizes = [ actions; count; ReturnOutputs.streams isDueling ]
        let format = { Name = name; Sizes = sizes; Numbers = [ lowest; highest ]; Parts = [] }

        let mean =
            ReturnMean(fun action outputs ->
                let mutable largest = -infinity

                for k in 0 .. count - 1 do
                    largest <- max largest (ReturnOutputs.number isDueling actions count action k outputs)

                let mutable weighted, total = 0.0, 0.0

                for k in 0 .. count - 1 do
                    let share = exp (ReturnOutputs.number isDueling actions count action k outputs - largest)
                    weighted <- weighted + share * atoms[k]
                    total <- total + share

                weighted / total)

        let means outputs = Expr.sumOver [| -1 |] (Expr.softmax -1 outputs * Expr.vector atoms)
        ReturnOutputs.greedy format isDueling actions count mean means

/// Of quantiles: outputs are K places of equal probability.
[<RequireQualifiedAccess>]
module QuantileReturnPolicy =

    let internal name = "quantileReturn"

    /// Takes the action of the largest mean of places; of equal ones the first. It draws nothing: its samples are its
    /// mode, of log-probability 0 (Dabney et al. 2018).
    let create (isDueling: bool) (actions: int) (count: int) : ActionDistribution =
        Guard.positive (nameof count) count
        let sizes = [ actions; count; ReturnOutputs.streams isDueling ]
        let format = { Name = name; Sizes = sizes; Numbers = []; Parts = [] }

        let mean =
            ReturnMean(fun action outputs ->
                let mutable sum = 0.0

                for k in 0 .. count - 1 do
                    sum <- sum + ReturnOutputs.number isDueling actions count action k outputs

                sum / float count)

        ReturnOutputs.greedy format isDueling actions count mean (Expr.meanOver [| -1 |])
