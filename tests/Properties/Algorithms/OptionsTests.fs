/// The options of the algorithms: texts that are refused, ranges that are kept, and values that survive.
module Rl.Tests.Algorithms.OptionsTests

open System
open System.Globalization
open System.IO
open Rl.Core.Acting
open Rl.Core.Algorithms
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Xunit
open Rl.Core.Learning

let private find id =
    match Catalogue.tryFind id with
    | Some entry -> entry
    | None -> invalidOp $"no algorithm {id}"

[<Theory;
  InlineData("ppo", "Hidden", "65537");
  InlineData("vpg", "Hidden", "64x65537");
  InlineData("ppo", "DualClip", "0.5");
  InlineData("ppo", "Convolutions", "0x3x1");
  InlineData("reinforce", "Baseline", "constant");
  InlineData("vpg", "TotalSteps", "0");
  InlineData("vpg", "GaeLambda", "1.5");
  InlineData("vpg", "ValueSteps", "0");
  InlineData("vpg", "LearningRate", "NaN");
  InlineData("vpg", "Hidden", "64x0");
  InlineData("a2c", "RmsDecay", "1");
  InlineData("a2c", "RmsEpsilon", "0");
  InlineData("a2c", "MaxGradientNorm", "-1");
  InlineData("a2c", "Activation", "step");
  InlineData("impala", "RatioClip", "0");
  InlineData("impala", "PolicyLag", "-1");
  InlineData("appo", "PolicyRatioClip", "Infinity");
  InlineData("appo", "TargetInterval", "0");
  InlineData("appo", "LargestRatio", "0.9");
  InlineData("npg", "LearningRate", "-0.1");
  InlineData("npg", "CgSteps", "0");
  InlineData("trpo", "TargetKl", "0");
  InlineData("trpo", "CgDamping", "-1");
  InlineData("trpo", "LineSearchShrink", "0");
  InlineData("trpo", "LineSearchShrink", "1.1");
  InlineData("trpo", "LineSearchTries", "0");
  InlineData("trpo", "ValueMinibatchSize", "many");
  InlineData("ppg", "Hidden", "");
  InlineData("ppg", "PolicyRollouts", "0");
  InlineData("ppg", "CloneCoefficient", "-1");
  InlineData("ppg", "MinibatchSize", "1");
  InlineData("vmpo", "TopFraction", "0");
  InlineData("vmpo", "KlBound", "0");
  InlineData("vmpo", "InitialTemperature", "Infinity");
  InlineData("cem", "Population", "1");
  InlineData("cem", "EliteFraction", "1.2");
  InlineData("ars", "TopDirections", "9");
  InlineData("ars", "Deviation", "0");
  InlineData("es", "WeightDecay", "-0.1");
  InlineData("es", "MaxEpisodeSteps", "0");
  InlineData("es", "NoSuchOption", "1")>]
let ``an option out of its range is refused by name`` (algorithm: string) (name: string) (value: string) =
    let error = Assert.ThrowsAny<ArgumentException>(fun () -> (find algorithm).Validate [ name, value ])
    Assert.Equal(name, error.ParamName)

[<Fact>]
let ``the defaults and the small options of tests are valid`` () =
    for entry in Catalogue.entries do
        entry.Validate []
        entry.Validate entry.Small

[<Fact>]
let ``ids are ordered and the rows of an algorithm are fields of records, each once`` () =
    let ids = Catalogue.entries |> List.map _.Id
    Assert.Equal<string list>(List.sort ids, ids)

    for entry in Catalogue.entries do
        Assert.Equal<string list>(List.distinct (entry.Options |> List.map _.Name), entry.Options |> List.map _.Name)

        for option in entry.Options do
            Assert.NotNull(option.Owner.GetProperty option.Name)

/// Algorithm, option, default, another value: as files had them before options were rows.
let private earlier =
    File.ReadAllLines(Path.Combine(AppContext.BaseDirectory, "option-texts.tsv"))
    |> Array.map (fun line -> line.Split '\t')

[<Fact>]
let ``names, order and texts of earlier files mean what they meant`` () =
    Assert.Equal(215, earlier.Length)

    for id, lines in earlier |> Array.groupBy (fun line -> line[0]) do
        let entry = find id
        let pairs column = [ for line in lines -> line[1], line[column] ]
        Assert.Equal<(string * string) list>(entry.Settings [], entry.Settings(pairs 2))

        Assert.Equal<(string * string) list>(
            entry.Settings [],
            entry.Options |> List.map (fun option -> option.Name, option.Default)
        )

        let present = entry.Options |> List.map _.Name
        let former = pairs 2 |> List.map fst |> List.filter (fun name -> not (List.contains name present))
        Assert.Empty(former |> List.except [ "AnnealLearningRate"; "AnnealClipRange" ])

        Assert.Equal<string list>(
            pairs 2 |> List.map fst |> List.except former,
            present |> List.filter (fun name -> List.contains name (pairs 2 |> List.map fst))
        )

        // Flags said whether a rate falls to 0.
        let other = pairs 3

        let expected (name, text: string) =
            match List.tryFind (fun (flag, _) -> flag = $"Anneal{name}") other with
            | Some(_, "true") -> name, $"linear({text}, 0)"
            | _ -> name, text

        let read = dict (entry.Settings other)

        let kept = other |> List.filter (fun (name, _) -> not (List.contains name former))

        for name, text in List.map expected kept do
            Assert.Equal(text, read[name])

[<Theory;
  InlineData("in [0, 1]", "0 0.5 1", "-0.1 1.1 NaN");
  InlineData("in (0, 1]", "0.001 1", "0 -1 1.1");
  InlineData("in [0, 1)", "0 0.999", "1 -0.001");
  InlineData("greater than 0", "1E-300 5", "0 -1 Infinity NaN");
  InlineData("0 or more", "0 1E+300", "-1 Infinity");
  InlineData("at least 2", "2 3", "1 NaN");
  InlineData("0 or greater than 1", "0 1.5", "1 0.5 -1");
  InlineData("a finite number", "-5 0 5", "Infinity -Infinity NaN")>]
let ``a range prints what it contains`` (text: string) (inside: string) (outside: string) =
    let ranges =
        [
            Range.fraction
            Range.positiveFraction
            Range.belowOne
            Range.positive
            Range.notNegative
            Range.atLeast 2.0
            Range.orZero (Range.above 1.0)
            Range.finite
        ]

    let range = ranges |> List.find (fun range -> Range.print range = text)

    let numbers (text: string) =
        text.Split ' ' |> Array.map (fun part -> Double.Parse(part, CultureInfo.InvariantCulture))

    Assert.All(numbers inside, (fun number -> Assert.True(Range.contains range number, $"{number}")))
    Assert.All(numbers outside, (fun number -> Assert.False(Range.contains range number, $"{number}")))

    for number in numbers outside do
        let error = Assert.Throws<ArgumentOutOfRangeException>(fun () -> Range.check "Rate" range number)
        Assert.Contains(text, error.Message)
        Assert.Equal("Rate", error.ParamName)

[<Fact>]
let ``rollouts and top samples that are too few are refused`` () =
    use workers = new Workers(1)
    let one = (Registry.make "CartPole-v1").Vectorise 1

    let refused name (create: unit -> Learner) =
        Assert.Equal(name, Assert.ThrowsAny<ArgumentException>(fun () -> create () |> ignore).ParamName)

    refused "environment" (fun () -> Vpg.create { VpgOptions.defaults with Rollout.RolloutSteps = 1 } one workers)

    refused "TopFraction" (fun () ->
        Vmpo.create { VmpoOptions.defaults with Rollout.RolloutSteps = 4; TopFraction = 0.2 } one workers)
