/// Losses of users: PPO's own, written as one, gives PPO's bits; what cannot be learned from says why.
module Rl.Tests.Algorithms.PolicyLossTests

open System
open Rl.Core.Algorithms
open Rl.Core.Autodiff
open Rl.Core.Foundations
open Rl.Core.Learning
open Xunit

let private lossOf terms : PolicyLoss = { Id = "own"; Name = "own"; Summary = "A test's."; Terms = terms }

let private surrogate (range: Expr) (samples: PolicySamples) =
    let low, high = 1.0 - range, 1.0 + range
    let ratio = samples.Ratio
    let clipped = Expr.select (Expr.less ratio low) low (Expr.select (Expr.less high ratio) high ratio)
    -(Expr.minimum (ratio * samples.Advantages) (clipped * samples.Advantages))

let private squares (samples: PolicySamples) = 0.5 * Expr.square (samples.Value - samples.Returns)

/// PPO's loss with its default weights, and an entropy bonus.
let private proximalWithin range =
    lossOf (fun samples ->
        [
            Term.mean "policyLoss" 1.0 (surrogate (range samples) samples)
            Term.mean "entropy" -0.01 samples.Entropy
            Term.mean "valueLoss" 0.5 (squares samples)
        ])

let private proximal = proximalWithin (fun _ -> Expr.number 0.2)

let private states (entry: AlgorithmEntry) options id threads transitions =
    use workers = new Workers(threads)
    use learner = entry.Create options ((LearnerLaws.environment id).Vectorise 4) workers
    LearnerLaws.run learner (learner.Initialise(Rng.create 9UL)) transitions

let private small = Ppo.entry.Small @ [ "TotalSteps", "2000" ]
let private constantClip = [ "AnnealClipRange", "false"; "EntropyCoefficient", "0.01" ]

[<Theory>]
[<InlineData("CartPole-v1", "")>]
[<InlineData("Pendulum-v1", "NormaliseAdvantages=false")>]
[<InlineData("Forbidden-v0", "SharedTrunk=true")>]
[<InlineData("CartPole-v1", "Recurrence=gru RecurrentUnits=5 SequenceLength=8")>]
[<InlineData("CartPole-v1", "TargetKl=0.001 Optimiser=muon WeightConstraint=unitNorm")>]
let ``PPO's loss as a loss of one's own gives PPO's bits`` (id: string) (texts: string) =
    let besides =
        texts.Split(' ', StringSplitOptions.RemoveEmptyEntries)
        |> Array.map (fun text -> text.Split('=')[0], text.Split('=')[1])
        |> Array.toList

    for threads in 1..2 do
        let expected, reports = states Ppo.entry (small @ besides @ constantClip) id threads 4
        let actual, own = states (PolicyLoss.entry proximal) (small @ besides) id threads 4
        Assert.Equal<float32[]>(expected.Parameters, actual.Parameters)
        Assert.Equal<(string * float32[]) list>(expected.Arrays, actual.Arrays)

        for name in [ "policyLoss"; "entropy"; "valueLoss"; "approximateKl"; "gradientNorm"; "epochs" ] do
            let metric (reports: Report list) =
                reports
                |> List.map (fun report ->
                    let struct (_, value) = report.Metrics |> Array.find (fun (struct (known, _)) -> known = name)
                    value)

            Assert.Equal<float list>(metric reports, metric own)

[<Fact>]
let ``what is left of the plan anneals a range as PPO does`` () =
    let annealed = PolicyLoss.entry (proximalWithin (fun samples -> 0.2 * samples.PlanLeft))
    let options = small @ [ "LearningRate", "0.02" ]
    let after n entry besides = (fst (states entry (options @ besides) "CartPole-v1" 1 n)).Parameters
    let clip = [ "EntropyCoefficient", "0.01" ]
    Assert.Equal<float32[]>(after 1 Ppo.entry clip, after 1 annealed [])

    // 0.2 times the share is rounded after the product here and before it there.
    Array.iter2
        (fun (a: float32) (b: float32) -> Assert.Equal(float a, float b, 2e-3))
        (after 8 Ppo.entry clip)
        (after 8 annealed [])

    Assert.NotEqual<float32[]>(after 8 Ppo.entry (constantClip), after 8 annealed [])

let private refusal terms =
    let error =
        Assert.Throws<ArgumentException>(fun () ->
            states (PolicyLoss.entry (lossOf terms)) small "CartPole-v1" 1 1 |> ignore)

    error.Message

let private policyTerm (samples: PolicySamples) = Term.mean "policyLoss" 1.0 (-(samples.Ratio * samples.Advantages))
let private valueTerm (samples: PolicySamples) = Term.mean "valueLoss" 0.5 (squares samples)

[<Fact>]
let ``losses that cannot be learned from say what is wrong`` () =
    let contains (parts: string list) (message: string) =
        for part in parts do
            Assert.Contains(part, message)

    refusal (fun _ -> []) |> contains [ "own"; "no terms" ]
    refusal (fun s -> [ policyTerm s ]) |> contains [ "value function" ]
    refusal (fun s -> [ valueTerm s ]) |> contains [ "policy's parameters" ]

    refusal (fun s -> [ policyTerm s; valueTerm s; Term.mean "idle" 1.0 s.Advantages ])
    |> contains [ "idle"; "depends on no parameter" ]

    refusal (fun s -> [ policyTerm s; valueTerm s; Term.mean "stopped" 1.0 (Expr.stopGradient s.Ratio) ])
    |> contains [ "stopped"; "depends on no parameter" ]

    refusal (fun s -> [ policyTerm s; Term.mean "valueLoss" 0.5 (Expr.mean (squares s)) ])
    |> contains [ "valueLoss"; "shape []" ]

    refusal (fun s -> [ policyTerm s; Term.mean "valueLoss" 0.5 (Expr.expandAxis 1 (squares s)) ])
    |> contains [ "valueLoss"; "number a sample" ]

    refusal (fun s -> [ policyTerm s; valueTerm s; policyTerm s ])
    |> contains [ "two terms are named policyLoss" ]

    refusal (fun s -> [ policyTerm s; valueTerm s; Term.report "epochs" s.Ratio ])
    |> contains [ "epochs" ]

    refusal (fun s -> [ policyTerm s; valueTerm s; Term.report " " s.Ratio ]) |> contains [ "blank" ]

    refusal (fun s -> [ policyTerm s; Term.mean "valueLoss" nan (squares s) ])
    |> contains [ "weight"; "NaN" ]

    refusal (fun s -> [ policyTerm s; valueTerm s; Term.sum "sum" 1.0 s.Ratio ])
    |> contains [ "sum"; "Term.mean" ]

    refusal (fun s -> [ policyTerm s; valueTerm s; Term.report "far" (s.Ratio * Expr.input "far" [||]) ])
    |> contains [ "far"; "nothing sets" ]

    let mutable calls = 0

    refusal (fun s ->
        calls <- calls + 1
        [ policyTerm s; valueTerm s; if calls > 1 then Term.report "late" s.Ratio ])
    |> contains [ "same terms" ]

[<Fact>]
let ``a loss that makes a number that is not finite stops with the term's operation and the sample`` () =
    let terms (s: PolicySamples) = [ policyTerm s; Term.mean "valueLoss" 1.0 (Expr.log (s.Value - 100.0)) ]

    let failure =
        Assert.Throws<TrainingFailure>(fun () ->
            states (PolicyLoss.entry (lossOf terms)) small "CartPole-v1" 1 1 |> ignore)

    Assert.Equal("own", failure.Record.Algorithm)
    Assert.Contains("Log", failure.Message)

[<Fact>]
let ``options of PPO's own loss are none of a loss of one's own`` () =
    let entry = PolicyLoss.entry proximal
    let names = entry.Options |> List.map _.Name
    Assert.Contains("Epochs", names)
    Assert.DoesNotContain("ClipRange", names)
    let error = Assert.Throws<ArgumentException>(fun () -> entry.Settings [ "ClipRange", "0.1" ] |> ignore)
    Assert.Contains("ClipRange", error.Message)
