using System;
using System.IO;
using System.Linq;
using Rl.Cli.Bench;
using Xunit;
using static Rl.Tests.Api.CommandCalls;

namespace Rl.Tests.Api;

/// <summary><c>rl bench</c>, of runs that are measured already.</summary>
public sealed class BenchCommandTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Json_has_a_row_a_task_with_mean_interval_and_verdict()
    {
        var task = BenchTask.Load("on-policy").First(one => one is { Algorithm: "ppo", Environment: "CartPole-v1" });
        Directory.CreateDirectory(folder.File("on-policy"));
        double[] returns = [task.Asked, task.Asked + 4];
        for (var index = 0; index < returns.Length; index++)
        {
            var seed = BenchTask.FirstSeed + (ulong)index;
            new BenchRun(seed, 2, 1_000, 1, returns[index], [(1, 1), (2, 2)]).Write(
                folder.File($"on-policy/{task.Name}-seed{seed}.json"), BenchRun.Settings(task.Options()));
        }

        string[] words = ["bench", "on-policy", "--only", task.Name, "--seeds", "2", "--output", folder.Path];
        var (code, output, error) = Run([.. words, "--json"]);
        Assert.Equal((0, ""), (code, error));
        var row = Assert.Single(Objects(output));
        Assert.Equal(("row", task.Name), (Text(row, "type"), Text(row, "task")));
        Assert.Equal(task.Asked + 2, row.GetProperty("return").GetDouble());
        Assert.True(row.GetProperty("reached").GetBoolean());
        Assert.InRange(
            task.Asked + 2, row.GetProperty("low").GetDouble(), row.GetProperty("high").GetDouble());
        Assert.Contains("2 runs measured already, 0 to go", Run(words).Output, StringComparison.Ordinal);
    }

    [Fact]
    public void The_offline_table_scores_by_the_data_and_says_who_is_below_cloning()
    {
        var tasks = OfflineTask.All()
            .Where(task => task.Place.Environment == "Pendulum-v1" && task.Set == "medium-replay").ToArray();
        var folderOfRuns = Directory.CreateDirectory(folder.File("offline")).FullName;
        var facts = new OfflineFacts(-1_200, -200)
        {
            Sets = { ["medium-replay"] = new OfflineSetFacts(20, 4_000, -1_000, -700) },
        };
        facts.Write(Path.Combine(folderOfRuns, "Pendulum-v1-data.json"), tasks[0].Place.Recipe);
        foreach (var (task, index) in tasks.Select((task, index) => (task, index)))
        {
            // BC has 50 and 60, 10 % BC 60 and 70, and so on; CQL alone is below BC.
            var first = task.Label == "CQL" ? -1_000 : -700 + (100 * index);
            new OfflineRun(101, 2, first).Write(Path.Combine(folderOfRuns, $"{task.Name}-seed101.json"), task);
            new OfflineRun(102, 4, first + 100).Write(Path.Combine(folderOfRuns, $"{task.Name}-seed102.json"), task);
        }

        string[] words =
            ["bench", "offline", "--only", "Pendulum-v1-medium-replay", "--seeds", "2", "--output", folder.Path];
        var (code, output, error) = Run(words);
        Assert.Equal((1, ""), (code, error));
        Assert.Contains("12 runs measured already, 0 to go", output, StringComparison.Ordinal);
        Assert.Contains(
            "| Pendulum-v1 medium-replay | 20, 4,000 | 20.0, 50.0 | BC | 2 | 55.0 ± 5.0 |", output,
            StringComparison.Ordinal);
        Assert.Contains("each at least 55.0, cloning's; below: CQL. ✗", output, StringComparison.Ordinal);
        Assert.Contains(
            "the best, ReBRAC with 95.0, at least 1.1 times 50.0, the best tenth of the data. ✓", output,
            StringComparison.Ordinal);
        Assert.Equal(
            output[output.IndexOf('|', StringComparison.Ordinal)..], File.ReadAllText(folder.File("offline.md")));
        Assert.Contains(
            "Pendulum-v1,medium-replay,IQL,101,", File.ReadAllText(folder.File("offline.csv")),
            StringComparison.Ordinal);
        var rows = Objects(Run([.. words, "--json"]).Output);
        Assert.Equal(tasks.Select(task => task.Name), rows.Select(row => Text(row, "task")));

        var unknown = Run("bench", "offline", "--only", "Chess", "--output", folder.Path);
        Assert.Equal(2, unknown.Code);
        Assert.Contains("No task of offline has \"Chess\"", unknown.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_offline_task_has_options_that_are_valid()
    {
        var tasks = OfflineTask.All();
        Assert.Equal(tasks.Count, tasks.Select(task => task.Name).Distinct().Count());
        foreach (var task in tasks)
        {
            task.Options().Validate();
        }
    }
}
