/// The options of the algorithms: texts that are refused, ranges that are kept, and values that survive.
module Rl.Tests.Algorithms.ConfigurationTests

open System
open Rl.Core.Algorithms
open Rl.Core.Environments
open Rl.Core.Foundations
open Xunit

let private check ofPairs validate : (string * string) list -> unit = ofPairs >> validate

let private checks =
    dict
        [
            "vpg", check VpgConfiguration.ofPairs VpgConfiguration.validate
            "a2c", check A2cConfiguration.ofPairs A2cConfiguration.validate
            "npg", check NpgConfiguration.ofPairs NpgConfiguration.validate
            "trpo", check TrpoConfiguration.ofPairs TrpoConfiguration.validate
            "ppg", check PpgConfiguration.ofPairs PpgConfiguration.validate
            "vmpo", check VmpoConfiguration.ofPairs VmpoConfiguration.validate
            "cem", check CemConfiguration.ofPairs CemConfiguration.validate
            "ars", check ArsConfiguration.ofPairs ArsConfiguration.validate
            "es", check EsConfiguration.ofPairs EsConfiguration.validate
        ]

[<Theory;
  InlineData("vpg", "TotalSteps", "0");
  InlineData("vpg", "GaeLambda", "1.5");
  InlineData("vpg", "ValueSteps", "0");
  InlineData("vpg", "LearningRate", "NaN");
  InlineData("vpg", "Hidden", "64x0");
  InlineData("a2c", "RmsDecay", "1");
  InlineData("a2c", "RmsEpsilon", "0");
  InlineData("a2c", "MaxGradientNorm", "-1");
  InlineData("a2c", "Activation", "step");
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
    let error = Assert.ThrowsAny<ArgumentException>(fun () -> checks[algorithm] [ name, value ])
    Assert.Equal(name, error.ParamName)

[<Fact>]
let ``the defaults are valid`` () = Assert.All(checks.Values, (fun check -> check []))

[<Fact>]
let ``rollouts and top samples that are too few are refused`` () =
    use workers = new Workers(1)
    let one = (Registry.make "CartPole-v1").Vectorise 1

    let refused name (create: unit -> Learner) =
        Assert.Equal(name, Assert.ThrowsAny<ArgumentException>(fun () -> create () |> ignore).ParamName)

    refused "environment" (fun () -> Vpg.create { VpgConfiguration.defaults with RolloutSteps = 1 } one workers)

    refused "TopFraction" (fun () ->
        Vmpo.create { VmpoConfiguration.defaults with RolloutSteps = 4; TopFraction = 0.2 } one workers)
