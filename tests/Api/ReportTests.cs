using System;
using System.IO;
using System.Linq;
using System.Text.Json;
using System.Text.RegularExpressions;
using Rl.Cli.Reports;
using Rl.Cli.Runs;
using Xunit;
using static Rl.Tests.Api.CommandCalls;

namespace Rl.Tests.Api;

/// <summary><c>rl report</c>: what is in the page, whatever is in the runs.</summary>
public sealed partial class ReportTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void The_page_holds_the_runs_own_numbers_and_those_that_JSON_does_not_have_as_null()
    {
        string[] losses = ["NaN", "Infinity", "-Infinity", "0.25", "1E+30", "0.125"];
        MadeRun.Write(folder.File("run"), [[1], [2, 4], [], [8], [16], [32]], loss: update => losses[update]);
        var charts = Data(Page("--smooth", "1")).GetProperty("sections")[0].GetProperty("charts");
        var returns = Series(charts, "return");
        Assert.Equal(["100", "150", "200", "400", "500", "600"], Texts(returns.GetProperty("x")));
        Assert.Equal(["1", "2", "4", "8", "16", "32"], Texts(returns.GetProperty("y")));
        var loss = Series(charts, "policyLoss");
        Assert.Equal(["null", "null", "null", "0.25", "1E+30", "0.125"], Texts(loss.GetProperty("y")));
        Assert.Equal(475, charts[0].GetProperty("threshold").GetDouble());
    }

    [Fact]
    public void A_million_episodes_make_a_page_of_bounded_size_with_their_extremes()
    {
        var (updates, each) = (10_000, 100);
        MadeRun.Write(
            folder.File("run"),
            [
                .. Enumerable.Range(0, updates).Select(update =>
                    Enumerable.Range(0, each)
                        .Select(index => (update == 7_777 && index == 33 ? 1e6 : update % 97) + 0.5)
                        .ToArray()),
            ]);
        var page = Page("--smooth", "100");
        Assert.InRange(page.Length, 10_000, 400_000);
        var charts = Data(page).GetProperty("sections")[0].GetProperty("charts");
        var raw = Texts(Series(charts, "return").GetProperty("raw"));
        Assert.InRange(raw.Length, 500, 1_000);
        Assert.Contains("1E+06", raw);
        Assert.Contains("1,000,000", page, StringComparison.Ordinal);
    }

    /// <summary>The column of means begins anew when a run goes on; the curve is of the episodes.</summary>
    [Fact]
    public void Episode_lengths_of_a_run_that_went_on_are_one_curve()
    {
        MadeRun.Write(folder.File("run"), [[1, 1], [1, 1]]);
        var metrics = Path.Combine(folder.File("run"), "metrics.csv");
        File.WriteAllText(
            metrics,
            "steps,updates,seconds,stepsPerSecond,episodes,meanReturn,meanLength,episodeLengths,episodeReturns\n"
                + "100,1,1,9,2,1,20,10;30,1;1\n200,2,2,9,4,1,900,20;40,1;1\n300,3,3,9,4,1,900,,\n");
        var charts = Data(Page("--smooth", "4")).GetProperty("sections")[0].GetProperty("charts");
        var lengths = Series(charts, "meanLength");
        Assert.Equal(["10", "20", "20", "25"], Texts(lengths.GetProperty("y")));
        Assert.Equal(["10", "30", "20", "40"], Texts(lengths.GetProperty("raw")));
    }

    [Fact]
    public void A_run_that_ended_and_has_lost_its_metrics_says_so()
    {
        var run = folder.File("run");
        Assert.Equal(0, Run("train", "a2c", "CartPole-v1", "--steps", "600", "--run", run, "--episodes", "2").Code);
        var whole = Page();
        Assert.DoesNotContain("metrics missing", whole, StringComparison.Ordinal);
        File.WriteAllText(Path.Combine(run, "metrics.csv"), "");
        var page = Page();
        Assert.Contains("metrics missing", page, StringComparison.Ordinal);
        Assert.Contains("metrics.csv ends at 0 steps, and the run took", page, StringComparison.Ordinal);
        var (code, _, error) = Run("compare", run);
        Assert.Equal(0, code);
        Assert.Contains("has no update in metrics.csv", error, StringComparison.Ordinal);
    }

    [Fact]
    public void Damaged_lines_are_left_out_with_a_note_and_an_interrupted_run_says_how_it_goes_on()
    {
        MadeRun.Write(folder.File("run"), [[1], [2], [3]], options: [("TotalSteps", "900")]);
        var metrics = Path.Combine(folder.File("run"), "metrics.csv");
        File.AppendAllText(
            metrics,
            "rubbish\n400,4,3,9,4,4,20,0.5,4\n50,4,3,9,4,4,20,0.5,4\n500,5,x,9,5,4,20,0.5,4\n600,6");
        var page = Page();
        Assert.Contains("3 damaged lines of metrics.csv are left out", page, StringComparison.Ordinal);
        Assert.Contains("interrupted", page, StringComparison.Ordinal);
        Assert.Contains("400 of 900", page, StringComparison.Ordinal);
        Assert.Contains("rl resume", page, StringComparison.Ordinal);
    }

    [Fact]
    public void No_text_of_a_run_becomes_a_part_of_the_page()
    {
        const string Script = "</script><script>alert(1)</script>";
        MadeRun.Write(
            folder.File("<script>alert('2')<script>"[..(OperatingSystem.IsWindows() ? 0 : 26)] + "run"), [[1]], Script,
            environment: "\"><b>", options: [(Script, "&amp;"), ("b", "\u001b[31m")]);
        var page = Page("--without-animation");
        Assert.Equal(2, Regex.Count(page, "<script"));
        Assert.DoesNotContain("<b>", page, StringComparison.Ordinal);
        Assert.Contains("&amp;amp;", page, StringComparison.Ordinal);
        Assert.Contains("\\u001B[31m", page, StringComparison.Ordinal);
        Assert.Contains("default-src 'none'", page, StringComparison.Ordinal);
    }

    [Fact]
    public void A_trained_run_is_shown_with_its_options_machine_evaluations_and_agent()
    {
        var run = folder.File("run");
        Assert.Equal(
            0,
            Run(
                "train", "ppo", "CartPole-v1", "--steps", "3000", "--threads", "1", "--run", run, "--episodes", "5",
                "--evaluate-every", "1000", "--set", "LearningRate=2e-3").Code);
        var (code, output, error) = Run("report", run, "--json");
        Assert.Equal((0, ""), (code, error));
        var said = Objects(output).Single();
        Assert.Equal(Path.Combine(run, "report.html"), Text(said, "output"));
        Assert.Equal("finished", Text(said.GetProperty("runs")[0], "state"));
        var page = File.ReadAllText(Path.Combine(run, "report.html"));
        Assert.Matches(@"<tr class=""changed"">\s*<th scope=""row"">LearningRate \*</th>\s*<td>0.002</td>", page);
        Assert.Matches(@"<tr>\s*<th scope=""row"">GaeLambda</th>", page);
        Assert.Contains("src=\"data:image/gif;base64,R0lGOD", page, StringComparison.Ordinal);
        Assert.Contains(".NET 10", page, StringComparison.Ordinal);
        var evaluations = Data(page).GetProperty("sections")[0].GetProperty("charts")[0].GetProperty("evaluations");
        Assert.True(evaluations.GetArrayLength() >= 3);
        Assert.Equal(5, evaluations[evaluations.GetArrayLength() - 1].GetProperty("episodes").GetInt32());
        Assert.DoesNotContain(Directory.GetFiles(run), file => file.EndsWith(".tmp", StringComparison.Ordinal));

        // A run begun anew in the folder leaves no page of the earlier one.
        Run("train", "ppo", "CartPole-v1", "--steps", "100", "--run", run, "--episodes", "1", "--overwrite");
        Assert.False(File.Exists(Path.Combine(run, "report.html")));
    }

    [Fact]
    public void Runs_of_several_environments_have_charts_of_their_own()
    {
        MadeRun.Write(folder.File("a"), [[1]], "ppo");
        MadeRun.Write(folder.File("b"), [[1]], "ppo", seed: 2);
        MadeRun.Write(folder.File("c"), [[-100]], "ppo", environment: "Pendulum-v1");
        var page = Page("--without-animation");
        var data = Data(page);
        Assert.Equal(
            ["ppo, CartPole-v1", "ppo, Pendulum-v1"],
            data.GetProperty("groups").EnumerateArray().Select(group => Text(group, "label")));
        Assert.Equal(
            ["CartPole-v1", "Pendulum-v1"],
            data.GetProperty("sections").EnumerateArray().Select(section => Text(section, "title")));
        Assert.Contains("<title>3 runs</title>", page, StringComparison.Ordinal);
    }

    [Fact]
    public void A_run_that_is_trained_now_is_running_and_one_without_an_update_has_a_page()
    {
        MadeRun.Write(folder.File("run"), []);
        using (RunLock.TryTake(folder.File("run")))
        {
            Assert.Contains(">running</span>", Page(), StringComparison.Ordinal);
        }

        Assert.DoesNotContain(">running</span>", Page(), StringComparison.Ordinal);
    }

    [Fact]
    public void What_cannot_be_written_or_found_is_said_in_a_line()
    {
        MadeRun.Write(folder.File("run"), [[1]]);
        Fails(2, "must end with .html", "report", folder.File("run"), "--output", "page.pdf");
        Fails(1, "There is no run in", "report", folder.File("nothing"));
        File.WriteAllText(folder.File("file"), "");
        Fails(1, "file", "report", folder.File("run"), "--output", Path.Combine(folder.File("file"), "page.html"));
        File.WriteAllText(Path.Combine(folder.File("run"), "configuration.json"), "{\"library\": 1, \"algorithm\": 1}");
        Fails(1, "is damaged", "report", folder.File("run"));
    }

    private string Page(params string[] arguments)
    {
        var path = folder.File("report.html");
        var (code, _, error) = Run(["report", folder.Path, "--output", path, .. arguments]);
        Assert.Equal((0, ""), (code, error));
        return File.ReadAllText(path);
    }

    private static JsonElement Data(string page) =>
        JsonDocument.Parse(DataBlock().Match(page).Groups[1].Value).RootElement;

    private static JsonElement Series(JsonElement charts, string key) =>
        charts.EnumerateArray().Single(chart => Text(chart, "key") == key)
            .GetProperty("series")[0].GetProperty("runs")[0];

    private static string[] Texts(JsonElement numbers) =>
        [.. numbers.EnumerateArray().Select(number => number.GetRawText())];

    [GeneratedRegex("<script type=\"application/json\" id=\"data\">(.*?)</script>", RegexOptions.Singleline)]
    private static partial Regex DataBlock();
}
