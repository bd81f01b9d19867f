/// Policies of soft actor-critics over actions that have choices: the choices joined to one, numbers drawn beside them.
namespace Rl.Core.Algorithms

open Rl.Core.Acting
open Rl.Core.Autodiff
open Rl.Core.Distributions
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Objectives

/// A policy of which all components are independent in a state: integers and bits are choices, boxes squashed normal
/// numbers.
[<NoEquality; NoComparison>]
type internal HybridPolicy =
    {
        Actor: Actor
        Options: SoftOptions
        /// The spaces that an action is made of, in order, none of them a tuple or a dictionary.
        Parts: SpacePart list
        /// How many choices each component has that is one.
        Counts: int list
        /// The numbers of an action.
        Numbers: int
        /// What is possible at s, where some choices may be impossible.
        Masks: Column option
        /// What is possible at s′.
        NextMasks: Column option
    }

    /// How many combinations the choices have; 1 where there are none.
    member this.Combinations: int = List.fold (*) 1 this.Counts

/// What a policy does in some states: π(d|s) over the combinations d [M, combinations], and struct (numbers x [M, n],
/// ln π(x|s) [M]) where actions have numbers.
[<NoEquality; NoComparison>]
type internal HybridAction = { Choices: Categorical; Numbers: struct (Expr * Expr) voption }

[<RequireQualifiedAccess>]
module internal HybridPolicy =

    /// The most combinations of several choices: critics give a value to each.
    [<Literal>]
    let MostCombinations = 4096

    let private countsOf (space: Space) : int list =
        match space with
        | Space.Discrete(count, _) -> [ count ]
        | Space.MultiDiscrete(counts, _) -> List.ofArray counts
        | Space.MultiBinary _ -> List.replicate space.Size 2
        | _ -> []

    /// Whether it has actions of a space: choices whose combinations are not too many, and numbers within finite
    /// bounds.
    let suits (actions: Space) : bool =
        let parts = Space.layout actions |> List.map _.Space
        let multiplied product count = if product > int64 MostCombinations then product else product * int64 count

        let isWithin =
            match List.collect countsOf parts with
            | [ _ ] -> true
            | counts -> List.fold multiplied 1L counts <= int64 MostCombinations

        isWithin
        && parts |> List.forall (fun part -> not (countsOf part).IsEmpty || ActorCritics.suits part)

    /// The policy over actions of a space that `suits`.
    let create (soft: SoftOptions) (observations: Space) (actions: Space) (hasMasks: bool) : HybridPolicy =
        let distribution =
            actions
            |> Policy.headWith (fun count ->
                SquashedNormalPolicy.create count soft.LeastLogDeviation soft.LargestLogDeviation)

        let parts = Space.layout actions
        let masks column = if hasMasks then Some(column actions.Choices) else None

        {
            Actor =
                ActorCritics.actor soft.Network soft.Convolutions observations actions Activation.Identity distribution
            Options = soft
            Parts = parts
            Counts = parts |> List.collect (_.Space >> countsOf)
            Numbers = parts |> List.sumBy (fun part -> if part.Space.Choices = 0 then part.Size else 0)
            Masks = masks ReplayColumns.masks
            NextMasks = masks ReplayColumns.nextMasks
        }

    /// The temperatures: one of numbers, one of choices; or one, where all is of a kind.
    let temperatures (policy: HybridPolicy) : SoftTemperature list =
        if policy.Numbers > 0 && not policy.Counts.IsEmpty then
            [ SoftTemperature.first; SoftTemperature.ofChoices ]
        else
            [ SoftTemperature.first ]

    /// α of choices.
    let choiceTemperature (policy: HybridPolicy) (batch: Batch) : Expr =
        Expr.exp (SoftPolicy.logOf (List.last (temperatures policy)) batch)

    /// What each choice of a part is drawn from.
    let private choicesOf (space: Space) (logits: Expr) : Categorical list =
        match space with
        | Space.Discrete _ -> [ Categorical.ofLogits logits ]
        | Space.MultiDiscrete(counts, _) -> (MultiCategorical.ofLogits (List.ofArray counts) logits).Components
        | Space.MultiBinary _ ->
            // The odds of a bit are those of two choices, the first of which has the logit 0.
            [
                for bit in 0 .. space.Size - 1 do
                    let own = Expr.slice -1 bit (bit + 1) logits
                    Categorical.ofLogits (Expr.concat -1 [ Expr.zeros own.Shape; own ])
            ]
        | _ -> []

    /// The product of independent distributions: combination i · B + j is choice i of the first and j of the second,
    /// which has B. One choice that is certain, if there are none.
    let private joined (rows: int) (components: Categorical list) : Categorical =
        let join (first: Expr) (second: Expr) =
            let size = first.Shape[1] * second.Shape[1]
            Expr.reshape [| rows; size |] (Expr.expandAxis 2 first + Expr.expandAxis 1 second)

        match components with
        | [] -> { LogProbabilities = Expr.zeros [| rows; 1 |] }
        | components -> { LogProbabilities = components |> List.map _.LogProbabilities |> List.reduce join }

    /// Numbers of all boxes from their outputs and standard normal noise [M, numbers].
    let private numbersOf (soft: SoftOptions) (boxes: (SpacePart * ActorOutput) list) (noise: Expr) =
        let draw (part: SpacePart, output) noise =
            let distribution =
                SquashedNormalPolicy.distribution part.Size soft.LeastLogDeviation soft.LargestLogDeviation output

            let struct (u, x) = SquashedNormal.reparameterise noise distribution
            x, SquashedNormal.logProbabilityOf u distribution

        let own = Heads.split [ for part, _ in boxes -> part.Size ] noise
        let drawn = List.map2 draw boxes own
        struct (Expr.concat -1 (List.map fst drawn), drawn |> List.map snd |> List.reduce (+))

    /// What the policy does at observations, over the possible choices, and over all where nobody knows which are.
    let at (policy: HybridPolicy) (mask: Column option) (noise: int -> Column) (batch: Batch) observations =
        let distribution = policy.Actor.Distribution
        let output = Actor.apply policy.Actor (batch.Parameters "actor") observations

        let possible =
            match mask with
            | None -> output
            | Some mask ->
                let nobodyKnows = 1.0 - Expr.maxKeep [| -1 |] batch[mask]
                Policy.maskOutput distribution (Expr.maximum batch[mask] nobodyKnows) output

        let parts = List.zip policy.Parts (ActionDistribution.partsOf distribution possible |> List.map snd)
        let choices = parts |> List.collect (fun (part, output) -> choicesOf part.Space output.Policy)

        {
            Choices = joined observations.Shape[0] choices
            Numbers =
                match parts |> List.filter (fun (part, _) -> part.Space.Choices = 0) with
                | [] -> ValueNone
                | boxes -> ValueSome(numbersOf policy.Options boxes batch[noise policy.Numbers])
        }

    /// Of remembered actions [M, size]: the combination of choices [M], and the numbers [M, n] if there are any.
    let taken (policy: HybridPolicy) (actions: Expr) : struct (Expr * Expr voption) =
        let boxes, others = policy.Parts |> List.partition (fun part -> part.Space.Choices = 0)

        let elements =
            [
                for part in others do
                    for index in part.Offset .. part.Offset + part.Size - 1 do
                        Expr.squeeze -1 (ActionDistribution.cut index 1 actions)
            ]

        let combination =
            match elements with
            | [] -> Expr.zeros [| actions.Shape[0] |]
            | first :: rest ->
                List.fold2 (fun before count element -> before * float count + element) first policy.Counts.Tail rest

        let numbers = [ for part in boxes -> ActionDistribution.cut part.Offset part.Size actions ]
        struct (combination, (if boxes.IsEmpty then ValueNone else ValueSome(Expr.concat -1 numbers)))

    /// The soft value of an action from the values [M, combinations] at its numbers.
    let value (policy: HybridPolicy) (batch: Batch) (action: HybridAction) (values: Expr) : Expr =
        let ofChoices = choiceTemperature policy batch

        match action.Numbers with
        | ValueNone -> OffPolicy.softValue ofChoices action.Choices values
        | ValueSome(struct (_, logProbability)) ->
            values
            |> OffPolicy.hybridSoftValue ofChoices (SoftPolicy.temperature batch) action.Choices logProbability

    /// The logarithm of how many of each component's choices are possible at s, summed [M], or the same for all.
    let private roomOf (policy: HybridPolicy) (batch: Batch) : Expr =
        match policy.Masks with
        | None -> Expr.number (policy.Counts |> List.sumBy (fun count -> log (float count)))
        | Some mask ->
            Heads.split policy.Counts batch[mask]
            |> List.map (fun possible -> Expr.log (Expr.sumOver [| -1 |] possible))
            |> List.reduce (+)

    /// Of each temperature: itself, the entropy at s [M] that it weighs, and the entropy to keep. Choices keep a share
    /// of that of equal probabilities.
    let entropies (policy: HybridPolicy) (share: float) (batch: Batch) (action: HybridAction) =
        let ofNumbers =
            match action.Numbers with
            | ValueNone -> []
            | ValueSome(struct (_, logProbability)) ->
                [ -logProbability, Expr.number (policy.Options.TargetEntropyPerAction * float policy.Numbers) ]

        let ofChoices =
            if policy.Counts.IsEmpty then
                []
            else
                [ Categorical.entropy action.Choices, share * roomOf policy batch ]

        List.zip (temperatures policy) (ofNumbers @ ofChoices)
