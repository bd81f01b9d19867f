/// Schedules as values: what they are at each share of training, as text, and what is refused.
[<FsCheck.Xunit.Properties(Replay = "(4719001,4719003)")>]
module Rl.Tests.Learning.RateScheduleTests

open System
open FsCheck.FSharp
open FsCheck.Xunit
open Rl.Core.Algorithms
open Rl.Core.Learning
open Rl.Tests.Algorithms.Twins
open Xunit

let private schedules: FsCheck.Gen<RateSchedule> =
    let value = Gen.choose (1, 100_000) |> Gen.map (fun i -> float i / 1e4)
    let share = Gen.choose (0, 1000) |> Gen.map (fun i -> float i / 1e3)
    let curve make = Gen.map3 (fun a b over -> make (a, b, over)) value value share

    let piecewise =
        Gen.map2
            (fun initial (shares: (float * float) list) ->
                RateSchedule.Piecewise(initial, shares |> List.distinctBy fst |> List.sortBy fst))
            value
            (Gen.listOf (Gen.zip share value))

    let plain =
        Gen.oneof
            [
                Gen.map RateSchedule.Constant value
                curve RateSchedule.Linear
                Gen.map2 (fun a over -> RateSchedule.Linear(a, 0.0, over)) value share
                curve RateSchedule.Cosine
                curve RateSchedule.Exponential
                piecewise
            ]

    let warm = Gen.map2 (fun over next -> RateSchedule.WarmUp(min 0.9 over, next)) share plain
    Gen.frequency [ 4, plain; 1, warm ]

let private property f = Prop.forAll (Arb.fromGen (Gen.zip schedules (Gen.choose (0, 1200)))) f

[<Property(MaxTest = 500)>]
let ``a schedule has the values of its definition, within its extremes`` () =
    property (fun (schedule, steps) ->
        let total = 1000L
        let value = RateSchedule.after total (int64 steps) schedule
        let expected = PlainRates.after { TotalSteps = total } (int64 steps) schedule
        Assert.Equal(expected, value, 1e-12 * (1.0 + abs expected))
        Assert.Equal(value, RateSchedule.at (float steps / float total) schedule, 1e-12 * (1.0 + abs value))
        let extremes = RateSchedule.extremes schedule
        Assert.InRange(value, List.min extremes - 1e-12, List.max extremes + 1e-12)

        // What optimisers multiply is the value.
        let share = RateSchedule.shareAfter total (int64 steps) schedule
        Assert.Equal(value, RateSchedule.scale schedule * share, 1e-15 * (1.0 + abs value)))

[<Property(MaxTest = 500)>]
let ``what is printed is read back, and is no fault`` () =
    property (fun (schedule, _) ->
        RateSchedule.check "Rate" schedule
        Assert.Equal(schedule, RateSchedule.parse "Rate" (RateSchedule.print schedule)))

[<Theory;
  InlineData("3e-4", "0.0003");
  InlineData(" linear( 3e-4 ,0 ) ", "linear(0.0003, 0)");
  InlineData("Linear(1, 0.05, 20%)", "linear(1, 0.05, 0.2)");
  InlineData("lin_2.5e-4", "linear(0.00025, 0)");
  InlineData("linear(1,0,1)", "linear(1, 0)");
  InlineData("piecewise(1, 50%:0.1)", "piecewise(1, 0.5: 0.1)");
  InlineData("warmup(5%, cosine(1, 0.1, 0.5))", "warmup(0.05, cosine(1, 0.1, 0.5))")>]
let ``texts that people write are read`` (text: string) (printed: string) =
    Assert.Equal(printed, RateSchedule.print (RateSchedule.parse "Rate" text))

[<Theory;
  InlineData("");
  InlineData("fast");
  InlineData("linear");
  InlineData("linear(1)");
  InlineData("linear(1, 2, 3, 4)");
  InlineData("linear(1, two)");
  InlineData("linear(1, 0");
  InlineData("linear 1, 0)");
  InlineData("lin_");
  InlineData("sine(1, 0)");
  InlineData("piecewise()");
  InlineData("piecewise(1, 0.5)");
  InlineData("warmup(0.1)");
  InlineData("warmup(0.1, )");
  InlineData("warmup(0.1, linear(1, 0)")>]
let ``other texts are refused, with what would be right`` (text: string) =
    let error = Assert.ThrowsAny<ArgumentException>(fun () -> RateSchedule.parse "Rate" text |> ignore)
    Assert.Equal("Rate", error.ParamName)
    Assert.Contains("linear(3e-4, 0)", error.Message)

/// Algorithm, option, text, part of the message.
[<Theory;
  InlineData("ppo", "LearningRate", "linear(1e-3, 0, 2)", "share of training");
  InlineData("ppo", "LearningRate", "linear(1e-3, 0, NaN)", "share of training");
  InlineData("ppo", "LearningRate", "exponential(1e-3, 0)", "use linear or cosine");
  InlineData("ppo", "LearningRate", "piecewise(1, 0.5: 2, 0.5: 3)", "rise");
  InlineData("ppo", "LearningRate", "linear(0, 0)", "0 nearly all the time");
  InlineData("ppo", "LearningRate", "linear(1e-3, 0, 0%)", "0 nearly all the time");
  InlineData("ppo", "LearningRate", "warmup(1, 1e-3)", "warm-up ends before");
  InlineData("ppo", "LearningRate", "warmup(0.1, warmup(0.1, 1))", "warm-up comes once");
  InlineData("ppo", "LearningRate", "linear(1e-3, -1e-5)", "goes to -1E-05");
  InlineData("ppo", "LearningRate", "linear(NaN, 0)", "goes to NaN");
  InlineData("ppo", "LearningRate", "0", "LearningRate is 0");
  InlineData("ppo", "ClipRange", "piecewise(0.2, 0.5: -0.1)", "goes to -0.1");
  InlineData("dqn", "ExplorationRate", "linear(1.5, 0)", "in [0, 1] all the time");
  InlineData("es", "Deviation", "linear(0.1, 0)", "greater than 0 all the time")>]
let ``every value of a schedule must lie in the range`` (id: string) (name: string) (text: string) (part: string) =
    let entry = Catalogue.entries |> List.find (fun entry -> entry.Id = id)
    let error = Assert.ThrowsAny<ArgumentException>(fun () -> entry.Validate [ name, text ])
    Assert.Equal(name, error.ParamName)
    Assert.Contains(part, error.Message)

/// Algorithm, texts of an earlier file, what one of them says now.
let earlier: TheoryData<string, string, string, string> =
    TheoryData<string, string, string, string>(
        [|
            struct ("ppo", "AnnealLearningRate=false", "LearningRate", "0.001")
            struct ("ppo", "AnnealLearningRate=true LearningRate=0.01", "LearningRate", "linear(0.01, 0)")
            struct ("ppo", "AnnealClipRange=false ClipRange=0.1", "ClipRange", "0.1")
            struct ("sac", "AnnealLearningRate=true", "TemperatureLearningRate", "linear(0.001, 0)")
            struct ("td3", "CriticLearningRate=0.02 AnnealLearningRate=true", "CriticLearningRate", "linear(0.02, 0)")
            struct ("fqf", "AnnealLearningRate=false", "FractionLearningRate", "2.5E-05")
            struct ("dqn", "FinalExploration=0.1", "ExplorationRate", "linear(1, 0.1, 0.2)")
            struct ("dqn",
                    "ExplorationFraction=0 InitialExploration=0.5 FinalExploration=0.1",
                    "ExplorationRate",
                    "linear(0.5, 0.1, 0)")
            struct ("dqn", "priorityCorrection=0.6", "ImportanceExponent", "linear(0.6, 1)")
        |]
    )

[<Theory; MemberData(nameof earlier)>]
let ``options of earlier files mean what they meant`` (id: string) (texts: string) (name: string) (now: string) =
    let entry = Catalogue.entries |> List.find (fun entry -> entry.Id = id)

    let pairs =
        texts.Split ' '
        |> Array.map (fun text ->
            let parts = text.Split '='
            parts[0], parts[1])
        |> Array.toList

    Assert.Equal(now, (dict (entry.Settings pairs))[name])

[<Fact>]
let ``a flag of earlier files does not go with a schedule`` () =
    let entry = Catalogue.entries |> List.find (fun entry -> entry.Id = "ppo")
    let pairs = [ "LearningRate", "cosine(1e-3, 0)"; "AnnealLearningRate", "true" ]
    let error = Assert.ThrowsAny<ArgumentException>(fun () -> entry.Settings pairs |> ignore)
    Assert.Equal("AnnealLearningRate", error.ParamName)
    Assert.Contains("leave it out", error.Message)
