/// Objectives at their limits: ties and odd numbers, bounds that are met exactly, and targets that carry no derivative.
module Rl.Tests.Objectives.LimitTests

#nowarn "3391" // arrays convert to spans

open System
open Rl.Core.Autodiff
open Rl.Core.Foundations
open Rl.Core.Networks
open Rl.Core.Objectives
open Xunit

let private random (shape: Shape) (scale: float) (seed: uint64) : Expr =
    let struct (values, _) = Initialiser.sample shape (Initialiser.Normal(0.0, scale)) (Rng.create seed)
    Expr.constant (Tensor.create shape values)

let private numbers (x: Expr) = (Reference.evaluate x).ToArray()

// --- V-MPO's better half
// --------------------------------------------------------------------------------------------------------------

[<Fact>]
let ``of M samples the ⌊fraction · M⌋ largest count, and all of the last one's equals`` () =
    for fraction in [ 0.25; 0.5; 0.75 ] do
        for count in 4..23 do
            let advantages = random [| count |] 1.0 (uint64 count)
            let kept = numbers (Mpo.topWeights fraction (Expr.ones [| count |]) advantages)
            let expected = int (floor (fraction * float count))
            let least = (Array.sortDescending (numbers advantages))[expected - 1]

            Assert.Equal<float[]>(
                numbers advantages |> Array.map (fun value -> if value >= least then 1.0 else 0.0),
                kept
            )

    let tied = Expr.vector [ 3.0; 1.0; 2.0; 2.0; 2.0; 0.0; -1.0 ]
    let kept = numbers (Mpo.topWeights 0.5 (Expr.ones [| 7 |]) tied)
    Assert.Equal<float[]>([| 1.0; 0.0; 1.0; 1.0; 1.0; 0.0; 0.0 |], kept)
    // A sample that restarts neither counts nor takes the place of another.
    let restarting = Expr.vector [ 0.0; 1.0; 1.0; 1.0; 0.0; 1.0; 1.0 ]
    let kept = numbers (Mpo.topWeights 0.5 restarting (Expr.vector [ 9.0; 5.0; 4.0; 3.0; 8.0; 2.0; 1.0 ]))
    Assert.Equal<float[]>([| 0.0; 1.0; 1.0; 1.0; 0.0; 0.0; 0.0 |], kept)

    Assert.ThrowsAny<ArgumentException>(fun () -> Mpo.topWeights 0.1 (Expr.ones [| 7 |]) tied |> ignore)
    |> ignore

// --- PopArt's scale
// --------------------------------------------------------------------------------------------------------------

[<Fact>]
let ``PopArt's deviation stays within its bounds, which are deviations too`` () =
    for lowest, highest in [ 0.01, 5.0; 0.3, 0.4; 2.0, 30.0; 1e-4, 1e6 ] do
        // Equal targets have no deviation; far ones have more than any bound.
        let update (targets: float[]) =
            let tasks = Array.zeroCreate<int> targets.Length

            let state =
                List.fold
                    (fun state _ -> PopArt.update 0.2 lowest highest targets tasks state)
                    (PopArt.initial 1)
                    [ 1..200 ]

            Assert.Equal(Array.average targets, state.Shift[0], 1e-6 * (1.0 + abs (Array.max targets)))
            state.Scale[0]

        Assert.Equal(lowest, update [| 3.0; 3.0; 3.0 |], 1e-9 * lowest)
        Assert.Equal(highest, update [| -1e8; 1e8 |], 1e-9 * highest)
        // Between them it is the deviation itself.
        let inside = sqrt (lowest * highest)
        let scale = update [| -inside; inside |]
        Assert.InRange(scale, 0.98 * inside, 1.02 * inside)

// --- The line search
// --------------------------------------------------------------------------------------------------------------

[<Fact>]
let ``a line search takes what meets its bounds exactly, and nothing beyond them`` () =
    let search divergence surrogate =
        let evaluate (theta: float[]) =
            // Only the second candidate, half the step, is as given; the first is far out and the others are bad.
            if theta[0] = 1.5 then struct (surrogate, divergence)
            elif theta[0] = 2.0 then struct (9.0, 9.0)
            else struct (-1.0, 0.0)

        TrustRegion.lineSearch 0.5 3 0.3 0.7 evaluate [| 1.0 |] [| 1.0 |]

    let accepted divergence surrogate =
        let found = search divergence surrogate
        Assert.Equal((if found.Fraction = 0.0 then 3 else 2), found.Tried.Length)
        Assert.Equal<float[]>([| (if found.Fraction = 0.0 then 1.0 else 1.5) |], found.Parameters)
        found.Fraction = 0.5

    Assert.True(accepted 0.3 0.7)
    Assert.True(accepted 0.0 0.7)
    Assert.True(accepted 0.3 0.8)
    Assert.False(accepted (Math.BitIncrement 0.3) 0.8)
    Assert.False(accepted 0.1 (Math.BitDecrement 0.7))
    Assert.False(accepted nan 0.8)
    Assert.False(accepted 0.1 nan)

// --- Targets
// --------------------------------------------------------------------------------------------------------------

/// A loss of named arguments, those that its derivative flows into, and those of its target.
type private Learned = { Name: string; Loss: Map<string, Expr> -> Expr; Predicted: string list; Target: string list }

let private rows, actions, atoms = 3, 4, 5
let private integers = Expr.vector [ 2.0; 0.0; 3.0 ]
let private support = Expr.vector [ -2.0; -1.0; 0.0; 1.0; 2.0 ]
let private levels = Expr.broadcastTo [| rows; atoms |] (ValueDistributions.midpointLevels atoms)

let private inputs: Map<string, Expr> =
    Map.ofList
        [
            "v", random [| rows |] 1.0 1UL
            "q", random [| rows; actions |] 1.0 2UL
            "reward", random [| rows |] 1.0 3UL
            "discount", Expr.full [| rows |] 0.9
            "v'", random [| rows |] 1.0 4UL
            "q'", random [| rows; actions |] 1.0 5UL
            "selector", random [| rows; actions |] 1.0 6UL
            "pi'", Expr.softmax -1 (random [| rows; actions |] 1.0 7UL)
            "logits", random [| rows; actions; atoms |] 1.0 8UL
            "logits'", random [| rows; actions; atoms |] 1.0 9UL
            "row", random [| rows; atoms |] 1.0 10UL
            "row'", random [| rows; atoms |] 1.0 11UL
            "theta", random [| rows; atoms; actions |] 1.0 12UL
            "theta'", random [| rows; atoms; actions |] 1.0 13UL
            "theta selector", random [| rows; atoms; actions |] 1.0 14UL
        ]

let private learned: Learned list =
    let learned name predicted target loss = { Name = name; Loss = loss; Predicted = predicted; Target = target }
    let td = [ "reward"; "discount" ]
    let v, q = ValueLearning.temporalDifference, integers

    [
        learned "TD(0)" [ "v" ] ("v'" :: td) (fun x -> v x["v"] x["reward"] x["discount"] x["v'"])
        learned "Sarsa" [ "q" ] ("q'" :: td) (fun x -> ValueLearning.sarsa x["q"] q x["reward"] x["discount"] x["q'"] q)
        learned "expected Sarsa" [ "q" ] ("q'" :: "pi'" :: td) (fun x ->
            ValueLearning.expectedSarsa x["q"] q x["reward"] x["discount"] x["q'"] x["pi'"])
        learned "Q-learning" [ "q" ] ("q'" :: td) (fun x ->
            ValueLearning.qLearning x["q"] q x["reward"] x["discount"] x["q'"])
        learned "double Q-learning" [ "q" ] ("q'" :: "selector" :: td) (fun x ->
            ValueLearning.doubleQLearning x["q"] q x["reward"] x["discount"] x["q'"] x["selector"])
        learned "persistent Q-learning" [ "q" ] ("q'" :: td) (fun x ->
            ValueLearning.persistentQLearning 0.3 x["q"] q x["reward"] x["discount"] x["q'"])
        learned "QV-learning" [ "q" ] ("v'" :: td) (fun x ->
            ValueLearning.qvLearning x["q"] q x["reward"] x["discount"] x["v'"])
        learned "QV-max" [ "v" ] ("q'" :: td) (fun x -> ValueLearning.qvMax x["v"] x["reward"] x["discount"] x["q'"])
        learned "soft Q-learning" [ "q" ] ("q'" :: td) (fun x ->
            ValueLearning.softQLearning 0.7 x["q"] q x["reward"] x["discount"] x["q'"])
        learned "categorical TD" [ "row" ] ("row'" :: td) (fun x ->
            ValueDistributions.categoricalTd support x["row"] x["reward"] x["discount"] support x["row'"])
        learned "C51" [ "logits" ] ("logits'" :: td) (fun x ->
            ValueDistributions.categoricalQLearning
                support
                x["logits"]
                q
                x["reward"]
                x["discount"]
                support
                x["logits'"])
        learned "categorical double Q-learning" [ "logits" ] ("logits'" :: "selector" :: td) (fun x ->
            ValueDistributions.categoricalDoubleQLearning
                support
                x["logits"]
                q
                x["reward"]
                x["discount"]
                support
                x["logits'"]
                x["selector"])
        for delta in [ 0.0; 0.8 ] do
            learned $"quantile regression ({delta})" [ "row" ] [ "row'" ] (fun x ->
                ValueDistributions.quantileRegression delta x["row"] levels x["row'"])

            learned $"quantile Q-learning ({delta})" [ "theta" ] ("theta'" :: "theta selector" :: td) (fun x ->
                ValueDistributions.quantileQLearning
                    delta
                    x["theta"]
                    levels
                    q
                    x["reward"]
                    x["discount"]
                    x["theta selector"]
                    x["theta'"])

            learned $"quantile expected Sarsa ({delta})" [ "theta" ] ("theta'" :: "pi'" :: td) (fun x ->
                ValueDistributions.quantileExpectedSarsa
                    delta
                    x["theta"]
                    levels
                    q
                    x["reward"]
                    x["discount"]
                    x["theta'"]
                    x["pi'"])
    ]

[<Fact>]
let ``derivatives of value learning flow into the prediction alone`` () =
    for case in learned do
        let names = case.Predicted @ case.Target
        let free = inputs |> Map.map (fun _ value -> Expr.fresh value)
        let loss = Expr.sum (case.Loss free)
        let gradients = Diff.gradients loss [| for name in names -> free[name] |]

        List.iteri
            (fun index name ->
                let largest = numbers gradients[index] |> Array.fold (fun most value -> max most (abs value)) 0.0

                if List.contains name case.Predicted then
                    Assert.True(largest > 1e-3, $"{case.Name} does not move {name}")
                else
                    Assert.True(0.0 = largest, $"{case.Name} lets a derivative of {largest} into {name}"))
            names

        // What the target is made of counts all the same.
        let value (inputs: Map<string, Expr>) = numbers (case.Loss inputs)
        let before = value inputs

        for name in case.Target do
            if not (name.EndsWith("selector", StringComparison.Ordinal)) then
                let moved = inputs |> Map.change name (Option.map (fun x -> 0.5 * x))
                Assert.True((before <> value moved), $"{case.Name} does not ask for {name}")
