/// A least-squares regression that tests of updates run: columns, plans, data, and its gradient at float64.
module Rl.Tests.Learning.UpdateRegression

open System
open Rl.Core.Acting
open Rl.Core.Autodiff
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Optimisers
open Xunit

let x = Column.step "x" 2
let y = Column.number "y"
let rate = Column.scalar "rate"

let vector name (values: float list) : StateVariable list =
    [ for i in 0 .. values.Length - 1 -> { Name = $"{name}{i}"; Shape = Shape.scalar; Initial = values[i] } ]

let sgd name step = GroupMotion.Learns(name, Optimiser.sgd (Schedule.constant step) 0.0 0.0 false 0.0)
let beside name values motion = ParameterGroup.beside name (vector name values) motion
let theta (batch: Batch) group = (batch.Parameters group).Theta

/// Σ over rows of (x · w − y)² for the parameters w [2] of a group.
let errors (batch: Batch) group =
    let w = Expr.reshape [| 2; 1 |] (theta batch group)
    Expr.square (Expr.squeeze -1 (Expr.matmul batch[x] w) - batch[y])

let plan groups limit m loss : UpdatePlan =
    {
        Name = "step"
        Groups = groups
        Shape = SampleShape.steps m
        MaxGradientNorm = limit
        Loss = loss
    }

let data m =
    let noise (seed: uint64) count =
        let mutable rng = Rng.create seed

        Array.init count (fun _ ->
            let struct (value, next) = Rng.normal rng
            rng <- next
            float32 value)

    noise 3UL (2 * m), noise 4UL m

let stateOf (update: Update) : TrainingState =
    let network = ActorCritic.separate Activation.Tanh 4 [] (CategoricalPolicy.create 2)
    let environment = (Registry.make "CartPole-v1").Vectorise 1
    (Learners.start (ActorCritic.layout network) environment false false).Initialise update.Arrays (Rng.create 1UL)

/// The draft after some runs on all samples.
let run (update: Update) (xs: float32[]) (ys: float32[]) threads times =
    use workers = new Workers(threads)
    let draft = Draft(stateOf update)
    update.Load draft
    update.ChooseAll(Samples.OfRollout(1, [ x, xs; y, ys ]))

    for _ in 1..times do
        update.Run workers

    update.Store draft
    draft

/// ∇ mean (x · w − y)² at float64.
let gradient (xs: float32[]) (ys: float32[]) (w: float[]) =
    let m = ys.Length

    Array.init 2 (fun i ->
        Seq.sum (
            seq {
                for row in 0 .. m - 1 ->
                    let a, b = float xs[2 * row], float xs[2 * row + 1]
                    let error = a * w[0] + b * w[1] - float ys[row]
                    2.0 * error * (if i = 0 then a else b) / float m
            }
        ))

let close (expected: float[]) (actual: float32[]) =
    Array.iter2 (fun (a: float) (b: float32) -> Assert.Equal(a, float b, 1e-5)) expected actual
