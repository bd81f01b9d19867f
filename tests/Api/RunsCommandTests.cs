using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text.Json;
using System.Threading;
using Rl.Cli;
using Rl.Cli.Runs;
using SkiaSharp;
using Xunit;

namespace Rl.Tests.Api;

/// <summary><c>rl plot</c> and <c>rl compare</c>, on folders with known numbers.</summary>
public sealed class RunsCommandTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void A_mean_over_seeds_is_that_of_the_curves_at_the_steps_that_all_have()
    {
        // Straight lines: their mean is one, and so is their standard error.
        (double, double)[] one = [(0, 0), (100, 100)];
        (double, double)[] other = [(10, 20), (50, 100), (200, 400)];
        var mean = SeedCurve.Of([one, other])!;
        Assert.Equal((10, 100), (mean.Steps[0], mean.Steps[^1]));
        Assert.All(mean.Steps.Zip(mean.Mean), at => Assert.Equal(1.5 * at.First, at.Second, 9));
        Assert.All(mean.Steps.Zip(mean.Error), at => Assert.Equal(0.5 * at.First, at.Second, 9));
        Assert.Null(SeedCurve.Of([one, [(101, 1), (200, 1)]]));
        Assert.Equal([3.0], SeedCurve.Of([[(5, 2)], [(5, 4)]])!.Mean);
    }

    [Fact]
    public void A_smoothed_curve_has_means_of_the_last_episodes()
    {
        (double, double)[] episodes = [(1, 2), (2, 4), (3, 9), (4, 1)];
        Assert.Equal([(1, 2), (2, 3), (3, 6.5), (4, 5)], SeedCurve.Smoothed(episodes, 2));
        Assert.Equal(episodes, SeedCurve.Smoothed(episodes, 1));
        Assert.Equal(4.0, SeedCurve.Smoothed(episodes, 100)[^1].Return);
    }

    [Fact]
    public void Runs_that_differ_in_their_seeds_alone_are_a_group_and_others_say_in_what_they_differ()
    {
        Make("a1", "ppo", 1, [1], ("LearningRate", "0.1"), ("TotalSteps", "1000"));
        Make("a2", "ppo", 2, [1], ("LearningRate", "0.1"), ("TotalSteps", "1000"));
        Make("b1", "ppo", 1, [1], ("LearningRate", "0.2"), ("TotalSteps", "1000"));
        Make("c1", "dqn", 1, [1], ("LearningRate", "0.2"), ("TotalSteps", "1000"));
        var groups = RunGroup.Of(RunRecord.Find([folder.Path, folder.File("c1")]));
        Assert.Equal(["ppo LearningRate=0.1", "ppo LearningRate=0.2", "dqn"], groups.Select(group => group.Label));
        Assert.Equal([1UL, 2], groups[0].Runs.Select(run => run.Seed));
        Make("d1", "dqn", 1, [1], "Acrobot-v1");
        groups = RunGroup.Of(RunRecord.Find([folder.File("c1"), folder.File("d1")]));
        Assert.Equal(["dqn, CartPole-v1", "dqn, Acrobot-v1"], groups.Select(group => group.Label));
    }

    [Fact]
    public void Another_plan_makes_another_group_and_a_seed_that_is_there_again_is_no_other_sample()
    {
        Make("a1", "ppo", 1, [1], ("TotalSteps", "1000"));
        Make("a2", "ppo", 2, [2], ("TotalSteps", "1000"));
        Make("again", "ppo", 1, [1], ("TotalSteps", "1000"));
        Make("longer", "ppo", 3, [3], ("TotalSteps", "2000"));
        var groups = RunGroup.Of(RunRecord.Find([folder.Path]));
        Assert.Equal(
            [
                ("ppo TotalSteps=1000", 2), ("ppo TotalSteps=1000 (run 2 of the same seeds)", 1),
                ("ppo TotalSteps=2000", 1),
            ],
            groups.Select(group => (group.Label, group.Runs.Count)));
    }

    [Fact]
    public void One_seed_each_is_not_compared_by_a_probability()
    {
        Make("a1", "ppo", 1, [10]);
        Make("b1", "dqn", 1, [20]);
        var (code, output, _) = Run("compare", folder.File("a1"), folder.File("b1"));
        Assert.Equal(0, code);
        Assert.Contains("ppo has 10.0 and dqn 20.0; one seed says little", output, StringComparison.Ordinal);
        Assert.DoesNotContain("probability", output, StringComparison.Ordinal);
    }

    [Fact]
    public void Compare_shows_means_with_intervals_and_the_probability_of_improvement()
    {
        Make("a1", "ppo", 1, [10, 30]);
        Make("a2", "ppo", 2, [40]);
        Make("b1", "dqn", 1, [20]);
        Make("b2", "dqn", 2, [30]);
        string[] asked = ["compare", folder.File("a1"), folder.File("a2"), folder.File("b1"), folder.File("b2")];
        var (code, output, error) = Run(asked);
        Assert.Equal((0, ""), (code, error));
        var lines = output.Split('\n');
        Assert.Equal(
            ["runs", "environment", "seeds", "steps", "return [95 %]", "time a run"],
            lines[0].Split("  ", StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries));
        Assert.Contains("30.0 [20.0, 40.0]", lines[1], StringComparison.Ordinal);
        Assert.Contains("25.0 [20.0, 30.0]", lines[2], StringComparison.Ordinal);

        // 20 > 20 counts half, 20 < 30 not, 40 wins twice: 2.5 of 4.
        Assert.Contains("with probability 0.6", output, StringComparison.Ordinal);
        var json = Run([.. asked, "--json"]).Output
            .Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => JsonDocument.Parse(line).RootElement)
            .ToArray();
        Assert.Equal(3, json.Length);
        Assert.Equal(30, json[0].GetProperty("return").GetDouble());
        Assert.Equal([1, 2], json[0].GetProperty("seeds").EnumerateArray().Select(seed => seed.GetInt32()));
        Assert.Equal(0.625, json[2].GetProperty("probabilityOfImprovement").GetDouble());
    }

    [Fact]
    public void Groups_of_different_environments_are_shown_and_not_compared()
    {
        Make("a1", "ppo", 1, [10]);
        Make("b1", "ppo", 1, [-100], "Acrobot-v1");
        var (code, output, _) = Run("compare", folder.Path);
        Assert.Equal(0, code);
        Assert.Contains("different environments", output, StringComparison.Ordinal);
        Assert.DoesNotContain("probability", output, StringComparison.Ordinal);
    }

    [Fact]
    public void A_run_with_a_single_episode_is_drawn_as_a_point()
    {
        var svg = folder.File("curves.svg");
        MadeRun.Write(folder.File("single"), [[12.0]]);
        Assert.Equal(0, Run("plot", folder.File("single"), "--output", svg).Code);
        Assert.Contains("<ellipse", File.ReadAllText(svg), StringComparison.Ordinal);
        MadeRun.Write(folder.File("line"), [[12.0], [13.0]]);
        Assert.Equal(0, Run("plot", folder.File("line"), "--output", svg).Code);
        Assert.DoesNotContain("<ellipse", File.ReadAllText(svg), StringComparison.Ordinal);
    }

    [Fact]
    public void Plot_draws_a_picture_or_vectors_and_says_what_is_in_it()
    {
        Make("a1", "ppo", 1, [10, 30, 50]);
        Make("a2", "ppo", 2, [40, 60, 80]);
        Make("b1", "dqn", 1, [20, 30]);
        var png = folder.File("curves.png");
        var (code, output, error) = Run("plot", folder.Path, "--output", png, "--smooth", "1");
        Assert.Equal((0, ""), (code, error));
        Assert.Contains("ppo  2 seeds, to 300 steps, return 65.0 ± 15.0", output, StringComparison.Ordinal);
        Assert.Contains("dqn  1 seed, to 200 steps, return 30.0", output, StringComparison.Ordinal);
        using var picture = SKBitmap.Decode(png);
        Assert.Equal((1000, 600), (picture.Width, picture.Height));

        // Both groups' lines are there, in their colours.
        var colours = picture.Pixels.Distinct().ToHashSet();
        Assert.Contains(new SKColor(0x1f, 0x77, 0xb4), colours);
        Assert.Contains(new SKColor(0xff, 0x7f, 0x0e), colours);
        var svg = folder.File("curves.svg");
        var result = Run("plot", folder.File("a1"), folder.File("a2"), "--output", svg, "--json").Output;
        Assert.Equal(svg, JsonDocument.Parse(result).RootElement.GetProperty("output").GetString());
        Assert.Contains("<svg", File.ReadAllText(svg), StringComparison.Ordinal);
        Assert.Contains("solved at 475", File.ReadAllText(svg), StringComparison.Ordinal);
    }

    [Fact]
    public void What_cannot_be_drawn_or_found_is_said_in_a_line()
    {
        Make("a1", "ppo", 1, []);
        Fails(1, "No episode has ended", "plot", folder.File("a1"), "--output", folder.File("x.png"));
        Fails(1, "There is no run in", "plot", folder.File("nothing"));
        Fails(1, "There is no run in", "compare", folder.File("nothing"));
        Fails(2, "must end with .png or .svg", "plot", folder.File("a1"), "--output", "curves.pdf");
        Fails(2, "--smooth", "plot", folder.File("a1"), "--smooth", "0");
        Fails(2, "rl plot --help", "plot");
        File.WriteAllText(Path.Combine(folder.File("a1"), "configuration.json"), "{\"library\": 1, \"algorithm\": 1}");
        Fails(1, "is damaged", "compare", folder.File("a1"));
    }

    [Fact]
    public void A_run_without_an_episode_beside_others_is_left_out_with_a_word()
    {
        Make("a1", "ppo", 1, [1, 2]);
        Make("a2", "ppo", 2, []);
        var (code, output, error) = Run("plot", folder.Path, "--output", folder.File("x.png"));
        Assert.Equal(0, code);
        Assert.Contains("1 seed", output, StringComparison.Ordinal);
        Assert.Contains("one of the runs has no episode", error, StringComparison.Ordinal);
    }

    [Fact]
    public void Reading_a_run_leaves_its_files_as_they_are_also_with_half_a_row()
    {
        Make("a1", "ppo", 1, [1, 2, 3]);
        var path = Path.Combine(folder.File("a1"), "metrics.csv");
        File.AppendAllText(path, "400,4,0.1");
        var before = File.ReadAllText(path);
        var run = RunRecord.Find([folder.File("a1")]).Single();
        Assert.Equal((300L, 2.0), (run.Steps, run.Return));
        Assert.Equal(before, File.ReadAllText(path));
    }

    private static (int Code, string Output, string Error) Run(params string[] arguments)
    {
        var (output, error) = (new StringWriter(), new StringWriter());
        var code = CommandLine.Run(arguments, new(output, error, false), CancellationToken.None);
        return (code, output.ToString(), error.ToString());
    }

    private static void Fails(int code, string text, params string[] arguments)
    {
        var result = Run(arguments);
        Assert.Equal(code, result.Code);
        Assert.Contains(text, result.Error, StringComparison.Ordinal);
        Assert.Single(result.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }

    private void Make(string name, string algorithm, ulong seed, double[] returns, params (string, string)[] options) =>
        Make(name, algorithm, seed, returns, "CartPole-v1", options);

    /// <summary>A run of an update of 100 steps for each return.</summary>
    private void Make(
        string name, string algorithm, ulong seed, double[] returns, string environment,
        params (string Name, string Value)[] options)
    {
        Directory.CreateDirectory(folder.File(name));
        var set = string.Join(", ", options.Select(option => $"\"{option.Name}\": \"{option.Value}\""));
        File.WriteAllText(
            Path.Combine(folder.File(name), "configuration.json"),
            $"{{\"library\": \"0.1.0\", \"algorithm\": \"{algorithm}\", \"seed\": {seed}, \"environmentCopies\": 8, "
                + $"\"environment\": {{\"id\": \"{environment}\", \"options\": {{}}}}, \"options\": {{{set}}}}}");
        List<string> lines = ["steps,updates,seconds,stepsPerSecond,episodes,meanReturn,meanLength,episodeReturns"];
        lines.AddRange(returns.Select((value, index) => string.Create(
            CultureInfo.InvariantCulture,
            $"{100 * (index + 1)},{index + 1},{index},9,{index + 1},{value},{value},{value}")));
        File.WriteAllLines(Path.Combine(folder.File(name), "metrics.csv"), lines);
    }
}
