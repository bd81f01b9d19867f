/// Targets of action values against their definitions: double Q-learning's and Munchausen's.
module Rl.Tests.Objectives.ValueLearningTests

open Rl.Core.Autodiff
open Rl.Core.Objectives
open Xunit

[<Fact>]
let ``double Q-learning is not biased upwards where Q-learning is, exactly`` () =
    // Two actions of value 0, each estimate −1 or 1 with equal probability, independently in both networks.
    let values =
        [
            for a in [ -1.0; 1.0 ] do
                for b in [ -1.0; 1.0 ] -> [| a; b |]
        ]

    let row (values: float[]) = Expr.constant (Tensor.create [| 1; 2 |] values)
    let zero = Expr.constant (Tensor.create [| 1 |] [| 0.0 |])
    let one = Expr.constant (Tensor.create [| 1 |] [| 1.0 |])
    let prediction = row [| 0.0; 0.0 |]
    let number (x: Expr) = (Reference.evaluate x).ToArray()[0]

    let single =
        values
        |> List.averageBy (fun next -> number (ValueLearning.qLearning prediction zero zero one (row next)))

    let twofold =
        List.allPairs values values
        |> List.averageBy (fun (next, selector) ->
            number (ValueLearning.doubleQLearning prediction zero zero one (row next) (row selector)))

    Assert.Equal(0.5, single, 12)
    Assert.Equal(0.0, twofold, 12)

[<Fact>]
let ``Munchausen's target is the sum over the policy, with its bonus`` () =
    let row (values: float[]) = Expr.constant (Tensor.create [| 1; 2 |] values)
    let scalar value = Expr.constant (Tensor.create [| 1 |] [| value |])
    let temperature, scale, floor = 0.5, 0.9, -0.4
    let q, next, frozen = [| 0.3; -0.2 |], [| 1.0; 0.4 |], [| 0.1; 0.9 |]

    let logPolicy (values: float[]) =
        let total = values |> Array.sumBy (fun v -> exp (v / temperature))
        values |> Array.map (fun v -> v / temperature - log total)

    let bonus = scale * max floor (min 0.0 (temperature * (logPolicy frozen)[0]))

    let soft = Array.map2 (fun v l -> exp l * (v - temperature * l)) next (logPolicy next) |> Array.sum

    let actual =
        ValueLearning.munchausen
            temperature
            scale
            floor
            (row q)
            (scalar 0.0)
            (scalar 2.0)
            (scalar 0.9)
            (row next)
            (row frozen)

    Assert.Equal(2.0 + bonus + 0.9 * soft - q[0], (Reference.evaluate actual).ToArray()[0], 12)
    Assert.Equal(scale * floor, bonus, 12)
