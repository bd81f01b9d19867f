using System;
using System.Buffers;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text;
using System.Text.Json;
using Rl.Cli.Tuning;
using Xunit;
using static Rl.Tests.Api.TuningTests;

namespace Rl.Tests.Api;

/// <summary>The search spaces of <c>rl tune</c>: how they are read, checked and told apart.</summary>
public sealed class TuningSpaceTests
{
    [Fact]
    public void Parts_of_a_choice_have_a_say_only_where_it_is_made()
    {
        var space = Space("""
            {
              "Kind": ["a", "b", "c"],
              "OfA": { "type": "float", "low": 0, "high": 1, "when": { "Kind": "a" } },
              "OfBoth": { "type": "int", "low": 1, "high": 3, "when": { "Kind": ["a", "b"] } },
              "OfThat": { "type": "flag", "when": { "OfBoth": [1, 2] } },
              "Same": 5
            }
            """);
        var seen = new HashSet<string>();
        for (var number = 0; number < 200; number++)
        {
            var settings = space.Settings(space.Draw(new Draws(2, number))).ToDictionary();
            Assert.Equal("5", settings["Same"]);
            var kind = settings["Kind"];
            seen.Add(kind);
            Assert.Equal(kind == "a", settings.ContainsKey("OfA"));
            Assert.Equal(kind is "a" or "b", settings.ContainsKey("OfBoth"));
            Assert.Equal(settings.TryGetValue("OfBoth", out var n) && n is "1" or "2", settings.ContainsKey("OfThat"));
        }

        Assert.Equal(3, seen.Count);
    }

    [Theory]
    [InlineData("""{ "A": { "type": "float", "low": 2, "high": 1 } }""", "below \"high\"")]
    [InlineData("""{ "A": { "type": "logFloat", "low": 0, "high": 1 } }""", "begins above 0")]
    [InlineData("""{ "A": { "type": "complementLogFloat", "low": 0, "high": 1 } }""", "ends below 1")]
    [InlineData("""{ "A": { "type": "int", "low": 0.5, "high": 1 } }""", "whole numbers")]
    [InlineData("""{ "A": { "type": "normal" } }""", "the types are")]
    [InlineData("""{ "A": { "type": "float", "low": 1 } }""", "needs a number \"high\"")]
    [InlineData("""{ "A": [] }""", "a choice at least")]
    [InlineData("""{ "A": [1, 1] }""", "each of them once")]
    [InlineData("""{ "A": 1 }""", "nothing to seek")]
    [InlineData("""{ "A": [1, 2], "a": 3 }""", "twice")]
    [InlineData("""{ "A": { "type": "flag", "when": { "B": 1 } }, "B": [1, 2] }""", "does not stand before it")]
    [InlineData("""{ "B": [1, 2], "A": { "type": "flag", "when": { "B": 3 } } }""", "none of its choices")]
    [InlineData("""{ "A": { "type": "flag", "when": 3 } }""", "no object of one option")]
    [InlineData("""{ "A": { "type": "int", "low": 1, "high": 9, "step": 2 } }""", "has \"step\", which the type int")]
    [InlineData("""{ "A": { "type": "flag", "wehn": { "B": 1 } } }""", "it may have \"type\", \"when\"")]
    [InlineData("""{ "A": ["linear($r, 0)"] }""", "has $r in \"linear($r, 0)\", which has no range")]
    [InlineData("""{ "$r": { "type": "float", "low": 1, "high": 2 }, "A": ["x"] }""", "stands in no option's text")]
    [InlineData("""{ "$r": [1, 2], "A": "linear($r, 0)" }""", "give it a range of numbers")]
    [InlineData("[]", "no object")]
    public void Spaces_that_are_none_are_refused(string text, string expected) =>
        Assert.Contains(
            expected, Assert.Throws<ArgumentException>(() => Space(text)).Message, StringComparison.Ordinal);

    [Fact]
    public void Every_space_that_comes_with_the_program_fits_its_algorithm_and_gives_options_that_go_together()
    {
        Assert.Contains("ppo", SearchSpaceFile.Algorithms());
        foreach (var algorithm in SearchSpaceFile.Algorithms())
        {
            var space = SearchSpaceFile.Default(algorithm)!;
            SpaceCheck.Against(space, Algorithms.Describe(algorithm), Environments.Make("CartPole-v1"));
            for (var number = 0; number < 30; number++)
            {
                Algorithms.Options(algorithm, space.Settings(space.Draw(new Draws(1, number)))).Validate();
            }
        }
    }

    [Fact]
    public void The_space_on_the_page_of_the_command_fits_the_algorithm_that_it_is_for()
    {
        var page = File.ReadAllText(Path.Combine(Repository.Root, "docs", "command-line.md"));
        var text = page.Split("### Search spaces")[1].Split("```json")[1].Split("```")[0];
        var space = Space(text);
        SpaceCheck.Against(space, Algorithms.Describe("ppo"), Environments.Make("CartPole-v1"));
        for (var number = 0; number < 10; number++)
        {
            // On a task with choices, as on one with numbers.
            var options = Algorithms.Options("ppo", space.Settings(space.Draw(new Draws(1, number))));
            using var agent = Agent.Create(options, Environments.Make("CartPole-v1"), 1);
            Assert.Equal(16, options.EnvironmentCopies);
        }
    }

    [Fact]
    public void Numbers_stand_within_texts_of_options()
    {
        var space = Space("""
            {
              "$rate": { "type": "logFloat", "low": 1e-4, "high": 1e-2 },
              "LearningRate": ["$rate", "linear($rate, 0)"],
              "$end": { "type": "float", "low": 0.1, "high": 0.2 },
              "ClipRange": "linear(0.5, $end)"
            }
            """);
        Assert.Equal(
            new Dictionary<string, string> { ["LearningRate"] = "0.001", ["ClipRange"] = "linear(0.5, 0.1)" },
            space.Settings([0.5, 0, 0]).ToDictionary());
        Assert.Equal(
            new Dictionary<string, string> { ["LearningRate"] = "linear(0.01, 0)", ["ClipRange"] = "linear(0.5, 0.2)" },
            space.Settings([1, 1, 1]).ToDictionary());

        // What is settled elsewhere takes the numbers of its texts along.
        var rest = space.Without([new("learningrate", "0.1")]);
        Assert.Equal(["$end"], rest.Dimensions.Select(dimension => dimension.Name));
        Assert.Equal("linear(0.5, 0.15)", rest.Settings([0.5]).Single().Value);
    }

    [Fact]
    public void What_depends_on_an_option_that_is_settled_elsewhere_is_sought_only_with_its_value()
    {
        var space = SearchSpaceFile.Default("ddpg")!;
        string[] Names(string value) =>
            [.. space.Without([new("exploration", value)]).Dimensions.Select(dimension => dimension.Name)];
        Assert.DoesNotContain("ExplorationPull", Names("normal"));
        Assert.Contains("ExplorationPull", Names("OrnsteinUhlenbeck"));
    }

    [Theory]
    [InlineData("""{ "Hidden": ["32", "abc"] }""", "Hidden = abc")]
    [InlineData("""{ "Epochs": { "type": "flag" } }""", "Epochs = false")]
    [InlineData("""{ "Epochs": { "type": "float", "low": 1, "high": 3 } }""", "Epochs = 1.74")]
    [InlineData("""{ "Epochs": { "type": "int", "low": 0, "high": 3 } }""", "Epochs = 0")]
    [InlineData("""{ "LearningRate": { "type": "float", "low": -1, "high": 1 } }""", "LearningRate = -1")]
    [InlineData("""{ "Discount": { "type": "float", "low": 0.9, "high": 1.1 } }""", "Discount = 1.1")]
    [InlineData("""{ "LearningRate": ["1e-3", "linear(1e-3, -1)"] }""", "LearningRate = linear(1e-3, -1)")]
    [InlineData("""{ "EnvironmentCopies": [0, 4] }""", "EnvironmentCopies = 0")]
    [InlineData("""{ "Hidden": ["32", "64"], "Epochs": 0 }""", "Epochs = 0")]
    [InlineData(
        """{ "$r": { "type": "float", "low": 0, "high": 2 }, "LearningRate": ["constant($r)"] }""", "LearningRate = ")]
    public void Values_that_an_algorithm_does_not_take_are_found_before_anything_is_trained(
        string text, string expected)
    {
        var error = Assert.Throws<ArgumentException>(() =>
            SpaceCheck.Against(Space(text), Algorithms.Describe("ppo"), Environments.Make("CartPole-v1")));
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
        Assert.Contains("rl algorithms ppo", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("@FrameStackObservations", "4", "There is no wrapper \"FrameStackObservations\"")]
    [InlineData("@FrameStackObservation", "0", "FrameStackObservation = 0")]
    [InlineData("@FrameStackObservation", "true", "lacks size; write FrameStackObservation(size, padding=Reset)")]
    [InlineData("@RescaleAction", "-1, 1", "does not fit CartPole-v1")]
    public void Wrappers_that_do_not_fit_are_found_before_anything_is_trained(
        string name, string value, string expected)
    {
        var error = Assert.Throws<ArgumentException>(() => SpaceCheck.Against(
            Space($$"""{ "{{name}}": ["none", "{{value}}"] }"""),
            Algorithms.Describe("ppo"), Environments.Make("CartPole-v1")));
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_value_that_only_goes_with_another_options_value_is_no_fault_of_a_space()
    {
        // Without clipping there must be a penalty.
        Assert.Throws<ArgumentException>(() => Algorithms.Options("ppo", [new("ClipRange", "0")]).Validate());
        SpaceCheck.Against(
            Space("""{ "ClipRange": [0], "KlPenalty": { "type": "float", "low": 0.1, "high": 1 } }"""),
            Algorithms.Describe("ppo"), Environments.Make("CartPole-v1"));
    }

    [Theory]
    [InlineData("""{ "A": { "type": "logFloat", "low": 1e-5, "high": 1e-2 } }""",
        """{ "A": { "type": "logFloat", "low": 1e-4, "high": 1e-2 } }""",
        "A is logFloat from 1E-05 to 0.01, and now it is logFloat from 0.0001 to 0.01")]
    [InlineData("""{ "A": ["x", "y"] }""", """{ "A": ["x", "z"] }""", "A is one of x | y, and now it is one of x | z")]
    [InlineData("""{ "A": [1, 2], "B": 3 }""", """{ "A": [1, 2], "B": 4 }""", "B is always 3, and now it is always 4")]
    [InlineData("""{ "A": [1, 2] }""", """{ "A": [1, 2], "B": 4 }""", "B is not there, and now it is always 4")]
    [InlineData("""{ "A": [1, 2], "B": { "type": "flag", "when": { "A": 1 } } }""",
        """{ "A": [1, 2], "B": { "type": "flag" } }""",
        "B is one of false | true when A is 1, and now it is one of false | true")]
    [InlineData("""{ "A": [1, 2], "B": [3, 4] }""", """{ "B": [3, 4], "A": [1, 2] }""",
        "the order is a, b, and now it is b, a")]
    public void Spaces_are_told_apart_in_words(string before, string now, string expected)
    {
        Assert.Equal(expected, SpaceText.Difference(Space(before), Space(now)));
        Assert.Null(SpaceText.Difference(Written(Space(now)), Space(now)));
    }

    private static SearchSpace Written(SearchSpace space)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            SpaceText.Write(writer, space);
        }

        return Space(Encoding.UTF8.GetString(buffer.WrittenSpan));
    }
}
