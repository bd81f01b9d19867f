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
}
