using System;
using System.Collections.Generic;
using System.Linq;
using System.Reflection;
using Rl.Core.Acting;
using Rl.Core.Algorithms;
using Xunit;
using Rl.Core.Learning;

namespace Rl.Tests.Api;

public sealed class OptionsTests
{
    public static TheoryData<string, string, string> OutOfRange => new()
    {
        { "ppo", "LearningRate", "-1" },
        { "ppo", "LearningRate", "NaN" },
        { "ppo", "Discount", "1.5" },
        { "ppo", "GaeLambda", "-0.1" },
        { "ppo", "Epochs", "0" },
        { "ppo", "RolloutSteps", "0" },
        { "ppo", "MinibatchSize", "1" },
        { "ppo", "ClipRange", "0" },
        { "ppo", "TotalSteps", "0" },
        { "ppo", "EnvironmentCopies", "0" },
        { "ppo", "Threads", "-1" },
        { "reinforce", "EpisodesPerUpdate", "0" },
        { "reinforce", "ValueSteps", "-3" },
        { "a2c", "RmsDecay", "1" },
        { "airl", "GradientPenalty", "-1" },
        { "appo", "LargestRatio", "0.5" },
        { "ars", "TopDirections", "9" },
        { "awr", "Temperature", "0" },
        { "basic-mbrl", "Horizon", "0" },
        { "bc", "Components", "0" },
        { "c51", "Atoms", "1" },
        { "cem", "Population", "1" },
        { "crossq", "BatchSize", "1" },
        { "droq", "DropoutRate", "1" },
        { "dagger", "ExpertDecay", "1.5" },
        { "deep-dyna-q", "PlanningSteps", "-1" },
        { "es", "Deviation", "0" },
        { "gail", "DiscriminatorSteps", "0" },
        { "impala", "RatioClip", "0" },
        { "mbpo", "Elites", "9" },
        { "npg", "CgSteps", "0" },
        { "on-policy-mbrl", "EliteFraction", "0" },
        { "pets", "Particles", "0" },
        { "pqn", "Lambda", "1.5" },
        { "ppg", "CloneCoefficient", "-1" },
        { "fqf", "Fractions", "1" },
        { "iqn", "Quantiles", "0" },
        { "qrdqn", "Quantiles", "0" },
        { "redq", "TargetCritics", "11" },
        { "sqil", "DemonstrationShare", "1" },
        { "steve", "Critics", "1" },
        { "stream-ac", "ValueOvershootingFactor", "0" },
        { "stream-q", "Sparsity", "1" },
        { "tqc", "DroppedQuantiles", "25" },
        { "r2d2", "RecurrentUnits", "0" },
        { "rainbow", "NoiseDeviation", "-1" },
        { "trpo", "TargetKl", "0" },
        { "vmpo", "TopFraction", "1.5" },
        { "vpg", "ValueSteps", "0" },
        { "xqc", "Atoms", "1" },
    };

    public static TheoryData<string, string, string> Unreadable => new()
    {
        { "ppo", "Epochs", "many" },
        { "ppo", "Threads", "all" },
        { "ppo", "Hidden", "64,64" },
        { "ppo", "Activation", "swish" },
        { "ppo", "LearningRate", "linear(1e-3)" },
        { "ppo", "AnnealLearningRate", "yes" },
        { "cem", "ActionScaling", "wide" },
        { "reinforce", "Baseline", "constant" },
    };

    [Theory]
    [MemberData(nameof(OutOfRange))]
    public void An_option_out_of_its_range_is_refused_by_name_and_value(string algorithm, string name, string value)
    {
        var options = Algorithms.Options(algorithm, [new(name, value)]);
        var message = Assert.ThrowsAny<ArgumentException>(options.Validate).Message;
        Assert.Contains(name, message, StringComparison.Ordinal);
        Assert.Contains(value, message, StringComparison.Ordinal);
        Assert.ThrowsAny<ArgumentException>(() => Agent.Create(options, Environments.Make("CartPole-v1"), 1));
    }

    [Theory]
    [MemberData(nameof(Unreadable))]
    public void A_text_that_is_no_value_of_an_option_is_refused_by_name(string algorithm, string name, string value)
    {
        var message =
            Assert.ThrowsAny<ArgumentException>(() => Algorithms.Options(algorithm, [new(name, value)])).Message;
        Assert.Contains(name, message, StringComparison.Ordinal);
        Assert.Contains($"\"{value}\"", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Options_that_are_null_are_named()
    {
        var environment = Environments.Make("CartPole-v1");
        Assert.Contains(
            "Hidden is null",
            Assert.ThrowsAny<ArgumentException>(
                () => Agent.Create(new PpoOptions { Hidden = null! }, environment, 1)).Message,
            StringComparison.Ordinal);
        Assert.Contains(
            "Convolutions is null",
            Assert.ThrowsAny<ArgumentException>(() => new PpoOptions { Convolutions = null! }.Validate()).Message,
            StringComparison.Ordinal);
        Assert.Contains(
            "Hidden is null",
            Assert.ThrowsAny<ArgumentException>(() => new CemOptions { Hidden = null! }.Validate()).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void An_unknown_option_lists_those_there_are()
    {
        var message =
            Assert.Throws<ArgumentException>(() => Algorithms.Options("ppo", [new("LearninRate", "1")])).Message;
        Assert.Contains("LearninRate", message, StringComparison.Ordinal);
        Assert.Contains("LearningRate", message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_unknown_algorithm_lists_the_nearest() =>
        Assert.Contains(
            "ppo", Assert.Throws<ArgumentException>(() => Algorithms.Describe("pppo")).Message,
            StringComparison.Ordinal);

    [Fact]
    public void The_defaults_are_the_cores()
    {
        Assert.Equal(Catalogue.entries.Select(entry => entry.Id), Algorithms.All.Select(algorithm => algorithm.Id));
        foreach (var (entry, algorithm) in Catalogue.entries.Zip(Algorithms.All))
        {
            Assert.Equal(
                entry.Options.Select(option => KeyValuePair.Create(option.Name, option.Default)),
                algorithm.Defaults.ToSettings());
            Assert.Equal(entry.Options.Select(option => option.Name), algorithm.Options.Select(option => option.Name));
            Assert.All(
                algorithm.Options,
                option => Assert.True(option.Meaning.Length > 5 && option.Range.Length > 0, option.ToString()));
        }
    }

    [Fact]
    public void Options_of_the_same_values_are_equal_and_print_them()
    {
        foreach (var algorithm in Algorithms.All)
        {
            Assert.Equal(algorithm.Defaults, Algorithms.Options(algorithm.Id, []));
            Assert.Equal(algorithm.Defaults.GetHashCode(), Algorithms.Options(algorithm.Id, []).GetHashCode());
            foreach (var setting in algorithm.Defaults.ToSettings())
            {
                Assert.NotEqual(
                    algorithm.Defaults,
                    Algorithms.Options(algorithm.Id, [new(setting.Key, Other(algorithm.Id, setting))]));
            }
        }

        var widths = new List<int> { 32, 16 };
        var options = new PpoOptions { Hidden = widths };
        widths.Clear();
        Assert.Equal(new PpoOptions { Hidden = [32, 16] }, options);
        Assert.Contains("Hidden = [32, 16]", options.ToString(), StringComparison.Ordinal);
        Assert.Contains("Convolutions = auto", options.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Convolutions_are_a_value_that_texts_keep()
    {
        var layers = Convolutions.Of(new ConvolutionLayer(32, 8, 4), new ConvolutionLayer(64, 4, 2));
        Assert.Equal("32x8x4-64x4x2", layers.ToString());
        foreach (var value in new[] { Convolutions.Automatic, Convolutions.None, layers })
        {
            Assert.Equal(value, Convolutions.Parse(value.ToString()));
            Assert.Equal(
                value, ((PpoOptions)Algorithms.Options("ppo", [new("Convolutions", value.ToString())])).Convolutions);
        }

        Assert.Throws<ArgumentException>(() => Convolutions.Parse("32x8"));
        Assert.ThrowsAny<ArgumentException>(
            new PpoOptions { Convolutions = Convolutions.Of(new ConvolutionLayer(0, 3, 1)) }.Validate);
        Assert.Throws<ArgumentNullException>(() => new PpoOptions { Hidden = null! });
    }

    [Fact]
    public void The_ids_are_ordered_and_those_of_the_options()
    {
        Assert.Equal(
            Algorithms.All.Select(algorithm => algorithm.Id).Order(StringComparer.Ordinal),
            Algorithms.All.Select(algorithm => algorithm.Id));
        Assert.All(Algorithms.All, algorithm => Assert.Equal(algorithm.Id, algorithm.Defaults.Algorithm));
        Assert.All(Algorithms.All, algorithm => algorithm.Defaults.Validate());
    }

    [Fact]
    public void Every_option_of_the_core_is_a_property_and_survives_texts()
    {
        foreach (var algorithm in Algorithms.All)
        {
            var properties = algorithm.Defaults.GetType()
                .GetProperties(BindingFlags.Public | BindingFlags.Instance)
                .Select(property => property.Name).ToHashSet();
            var changed = algorithm.Defaults.ToSettings()
                .Select(setting => KeyValuePair.Create(setting.Key, Other(algorithm.Id, setting))).ToList();
            Assert.All(changed, setting => Assert.Contains(setting.Key, properties));
            Assert.Equal(changed, Algorithms.Options(algorithm.Id, changed).ToSettings());
        }
    }

    [Fact]
    public void Copies_and_threads_can_be_given_as_texts_too()
    {
        var options =
            Algorithms.Options("PPO", [new("environmentcopies", "3"), new("threads", "2"), new("epochs", "7")]);
        Assert.Equal((3, 2, 7), (options.EnvironmentCopies, options.Threads, ((PpoOptions)options).Epochs));
    }

    private static string Other(string algorithm, KeyValuePair<string, string> setting) => setting.Value switch
    {
        "true" => "false",
        "false" => "true",
        "tanh" => "silu",
        "silu" => "tanh",
        "gaussian" => algorithm == "bear" ? "laplacian" : "deterministic",
        "learned" => "average",
        "rewardToGo" => "fullReturn",
        "64x64" => "32x16x8",
        "auto" when setting.Key == "Network" => "dense(5, tanh) residual[dense(5, identity)]",
        "auto" when setting.Key == "ImaginedRewards" => "learnt",
        "policy" => "uniform",
        "auto" => "32x8x4-64x4x2",
        "bounds" => "none",
        "none" => "lstm",
        "exponential" => algorithm == "crr" ? "binary" : "normalised",
        "sample" => "soft",
        "mean" => "maximum",
        "likelihood" => "squared",
        "double" => "maximum",
        "relu" => "tanh",
        "huber" => "squared",
        "squared" => "huber",
        "future" => "episode",
        "normal" => "pink",
        "pink" => "normal",
        "deterministic" => "gaussian",
        "inverseVariance" => "longest",
        "exact" => "clamped",
        "least" => "mean",
        "stateAction" => "transition",
        "surviving" => "logOdds",
        "advantage" => "return",
        "adam" => "muon",
        "cem" => "icem",
        "tsInfinite" => "ts1",
        "rmsProp" => "adam",
        "ordered" => "signed",
        "gru" => "lstm",
        "ownStep" => "lastStep",
        "normalised" => "saturated",
        "off" => setting.Key == nameof(PpoOptions.WeightConstraint) ? "unitNorm" : "factorised",
        "factorised" => "independent",
        _ => setting.Value.Contains('.', StringComparison.Ordinal)
                || setting.Value.Contains('E', StringComparison.Ordinal)
            ? "0.123456789012345"
            : "12345",
    };
}
