/// Losses of users for action values: DQN's own, written as one, gives DQN's bits; what cannot be learned from says
/// why.
module Rl.Tests.Algorithms.ValueLossTests

open System
open Rl.Core.Algorithms
open Rl.Core.Autodiff
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Objectives
open Xunit

let private lossOf terms : ValueLoss = { Id = "own-values"; Name = "own"; Summary = "A test's."; Terms = terms }

let private states (entry: AlgorithmEntry) options id threads transitions =
    use workers = new Workers(threads)
    use learner = entry.Create options ((LearnerLaws.environment id).Vectorise 4) workers
    LearnerLaws.run learner (learner.Initialise(Rng.create 9UL)) transitions

let private small = Dqn.entry.Small @ [ "TotalSteps", "2000" ]
let private huber = lossOf (fun s -> [ Term.mean "valueLoss" 1.0 (Losses.huber 1.0 s.Error) ])
let private squared = lossOf (fun s -> [ Term.mean "valueLoss" 1.0 (Expr.square s.Error) ])

let private metric name (reports: Report list) =
    reports
    |> List.map (fun report ->
        let struct (_, value) = report.Metrics |> Array.find (fun (struct (known, _)) -> known = name)
        value)

[<Theory>]
[<InlineData("CartPole-v1", "")>]
[<InlineData("CartPole-v1", "Dueling=true ReturnSteps=3 PriorityExponent=0.6")>]
[<InlineData("CartPole-v1", "Target=munchausen MunchausenTemperature=0.3")>]
[<InlineData("CartPole-v1", "NoisyNetworks=factorised Optimiser=muon")>]
[<InlineData("Forbidden-v0", "ReturnSteps=4 ReturnLambda=0.6 PriorityExponent=0.6")>]
[<InlineData("Pairs-v0", "Target=maximum PriorityExponent=0.6")>]
let ``DQN's loss as a loss of one's own gives DQN's bits`` (id: string) (texts: string) =
    let besides =
        texts.Split(' ', StringSplitOptions.RemoveEmptyEntries)
        |> Array.map (fun text -> text.Split('=')[0], text.Split('=')[1])
        |> Array.toList

    for loss, kind in [ huber, "huber"; squared, "squared" ] do
        for threads in 1..2 do
            let expected, reports = states Dqn.entry (small @ besides @ [ "Loss", kind ]) id threads 3
            let actual, own = states (ValueLoss.entry loss) (small @ besides) id threads 3
            Assert.Equal<float32[]>(expected.Parameters, actual.Parameters)
            Assert.Equal<(string * float32[]) list>(expected.Arrays, actual.Arrays)

            for name in [ "valueLoss"; "actionValue"; "gradientNorm"; "learningRate" ] do
                Assert.Equal<float list>(metric name reports, metric name own)

[<Theory>]
[<InlineData("")>]
[<InlineData("ReturnSteps=3 PriorityExponent=0.6")>]
let ``the error is what is missing to the target`` (texts: string) =
    let besides =
        texts.Split(' ', StringSplitOptions.RemoveEmptyEntries)
        |> Array.map (fun text -> text.Split('=')[0], text.Split('=')[1])
        |> Array.toList

    let ofTarget = lossOf (fun s -> [ Term.mean "valueLoss" 1.0 (Losses.huber 1.0 (s.Target - s.Value)) ])
    let expected, _ = states (ValueLoss.entry huber) (small @ besides) "CartPole-v1" 1 2
    let actual, _ = states (ValueLoss.entry ofTarget) (small @ besides) "CartPole-v1" 1 2
    Assert.Equal<float32[]>(expected.Parameters, actual.Parameters)

[<Fact>]
let ``terms add up with their weights, reports move nothing`` () =
    let parts =
        lossOf (fun s ->
            [
                Term.mean "half" 0.5 (Expr.square s.Error)
                Term.report "size" (Expr.abs s.Error)
                Term.mean "other" 0.5 (Expr.square s.Error)
                Term.report "value" s.Value
                Term.report "chosen" (Expr.gather -1 (Expr.expandAxis -1 s.Actions) s.Values |> Expr.squeeze -1)
                Term.report "left" (s.PlanLeft + 0.0 * s.Weights)
            ])

    let expected, _ = states (ValueLoss.entry squared) small "CartPole-v1" 1 2
    let actual, reports = states (ValueLoss.entry parts) small "CartPole-v1" 1 2
    Array.iter2 (fun a b -> Assert.Equal(float a, float b, 1e-5)) expected.Parameters actual.Parameters
    Assert.Equal<float list>(metric "half" reports, metric "other" reports)
    Assert.Equal<float list>(metric "value" reports, metric "actionValue" reports)
    Assert.Equal<float list>(metric "value" reports, metric "chosen" reports)
    Assert.All(metric "size" reports, fun size -> Assert.True(size > 0.0))
    let left = metric "left" reports
    Assert.True(left[0] > left[1] && left[1] > 0.0 && left[0] <= 1.0)

[<Fact>]
let ``weights of prioritised replay count in the library, not in the loss`` () =
    let doubled = lossOf (fun s -> [ Term.mean "valueLoss" 1.0 (s.Weights * Losses.huber 1.0 s.Error) ])
    let run loss besides = (fst (states (ValueLoss.entry loss) (small @ besides) "CartPole-v1" 1 3)).Parameters
    Assert.Equal<float32[]>(run huber [], run doubled [])
    let prioritised = [ "PriorityExponent", "0.6" ]
    Assert.NotEqual<float32[]>(run huber prioritised, run doubled prioritised)

let private refusal terms =
    let error =
        Assert.Throws<ArgumentException>(fun () ->
            states (ValueLoss.entry (lossOf terms)) small "CartPole-v1" 1 1 |> ignore)

    error.Message

let private contains (parts: string list) (message: string) =
    for part in parts do
        Assert.Contains(part, message)

let private own (s: ValueSamples) = Term.mean "valueLoss" 1.0 (Expr.square s.Error)

[<Fact>]
let ``losses that cannot be learned from say what is wrong`` () =
    refusal (fun _ -> []) |> contains [ "own-values"; "no terms" ]
    refusal (fun s -> [ Term.report "size" s.Error ]) |> contains [ "no term is minimised" ]

    refusal (fun s -> [ Term.mean "idle" 1.0 s.Target ])
    |> contains [ "idle"; "depends on no parameter" ]

    refusal (fun s -> [ own s; Term.mean "stopped" 1.0 (Expr.stopGradient s.Value) ])
    |> contains [ "stopped"; "Value, Error or Values" ]

    refusal (fun s -> [ Term.mean "valueLoss" 1.0 (Expr.mean (Expr.square s.Error)) ])
    |> contains [ "valueLoss"; "shape []" ]

    refusal (fun s -> [ Term.mean "valueLoss" 1.0 s.Values ]) |> contains [ "number a sample" ]
    refusal (fun s -> [ own s; own s ]) |> contains [ "two terms are named valueLoss" ]

    for reserved in [ "errors"; "actionValue"; "explorationRate"; "planLeft" ] do
        refusal (fun s -> [ own s; Term.report reserved s.Value ]) |> contains [ reserved; "another name" ]

    refusal (fun s -> [ own s; Term.report "far" (s.Value * Expr.input "far" [||]) ])
    |> contains [ "far"; "nothing sets" ]

[<Theory>]
[<InlineData("value loss")>]
[<InlineData("loss, of values")>]
[<InlineData("loss/0")>]
[<InlineData("Wert\u00fc")>]
[<InlineData("-loss")>]
[<InlineData("loss\nloss")>]
let ``names of terms and ids have plain characters`` (name: string) =
    refusal (fun s -> [ own s; Term.report name s.Value ])
    |> contains [ name; "letters and digits of ASCII" ]

    let value = { lossOf (fun s -> [ own s ]) with Id = name }
    let ofValue = Assert.Throws<ArgumentException>(fun () -> ValueLoss.entry value |> ignore)
    Assert.Equal("id", ofValue.ParamName)
    Assert.Contains("letters and digits of ASCII", ofValue.Message)
    let policy: PolicyLoss = { Id = name; Name = "own"; Summary = "A test's."; Terms = fun _ -> [] }
    let ofPolicy = Assert.Throws<ArgumentException>(fun () -> PolicyLoss.entry policy |> ignore)
    Assert.Contains("at most 64", ofPolicy.Message)

[<Fact>]
let ``ids of plain characters are ids`` () =
    for id in [ "log-cosh"; "My_loss.2"; String('a', 64) ] do
        Assert.Equal(id, (ValueLoss.entry { huber with Id = id }).Id)

    let long = { huber with Id = String('a', 65) }
    Assert.Throws<ArgumentException>(fun () -> ValueLoss.entry long |> ignore) |> ignore

[<Fact>]
let ``the option of DQN's own loss is none of a loss of one's own`` () =
    let entry = ValueLoss.entry huber
    let names = entry.Options |> List.map _.Name
    Assert.Contains("Target", names)
    Assert.DoesNotContain("Loss", names)
    let error = Assert.Throws<ArgumentException>(fun () -> entry.Settings [ "Loss", "squared" ] |> ignore)
    Assert.Contains("Loss", error.Message)
