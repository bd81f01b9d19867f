using System;
using System.IO;
using System.Linq;
using System.Threading;
using Rl.Cli;
using Xunit;
using static Rl.Tests.Api.CommandCalls;

namespace Rl.Tests.Api;

/// <summary>What is drawn in terminals: tables of every width, and a live one while an agent trains.</summary>
public sealed class TerminalTests : IDisposable
{
    private readonly TemporaryFolder folder = new();
    private readonly string run;

    public TerminalTests() => run = folder.File("run");

    public void Dispose() => folder.Dispose();

    [Fact]
    public void A_terminal_gets_tables()
    {
        var output = new StringWriter();
        Assert.Equal(0, CommandLine.Run(["environments"], new(output, output, true), CancellationToken.None));
        Assert.Contains("CartPole-v1", output.ToString(), StringComparison.Ordinal);
        Assert.Equal(
            0,
            CommandLine.Run(
                ["train", "ppo", "CartPole-v1", "--steps", "3000", "--run", run], new(output, output, true),
                CancellationToken.None));
        Assert.Contains("evaluation", output.ToString(), StringComparison.Ordinal);
        Assert.Contains("learning-curve.png", output.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(30)]
    [InlineData(50)]
    [InlineData(80)]
    [InlineData(140)]
    public void A_narrow_terminal_breaks_no_name(int columns)
    {
        string[] Draw(params string[] arguments)
        {
            var output = new StringWriter();
            Assert.Equal(0, CommandLine.Run(arguments, new(output, output, true, columns, 24), CancellationToken.None));
            return Plain(output).Split('\n');
        }

        var environments = Draw("environments");
        Assert.All(Environments.Ids, id => Assert.Single(environments, line => line.Split(' ', '│').Contains(id)));
        Assert.All(
            environments.Where(line => line.Contains('│', StringComparison.Ordinal)),
            line => Assert.InRange(line.TrimEnd().Length, 1, columns));
        Assert.True(environments.Length < Environments.Ids.Count + 10);
        var algorithms = Draw("algorithms");
        Assert.All(
            Algorithms.All,
            algorithm => Assert.Single(algorithms, line => line.Split(' ', '│').Contains(algorithm.Id)));
        var lake = string.Join('\n', Draw("environments", "FrozenLake-v1"));
        Assert.All(
            Environments.Describe("FrozenLake-v1").Options,
            option => Assert.Contains(option.Name, lake, StringComparison.Ordinal));
        var ppo = string.Join('\n', Draw("algorithms", "ppo"));
        Assert.All(
            Algorithms.Describe("ppo").Defaults.ToSettings(),
            setting => Assert.Contains(setting.Key, ppo, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(40, 12)]
    [InlineData(80, 24)]
    public void The_live_table_fits_its_terminal(int columns, int rows)
    {
        var output = new StringWriter();
        Assert.Equal(
            0,
            CommandLine.Run(
                ["train", "ppo", "CartPole-v1", "--steps", "3000", "--run", run],
                new(output, output, true, columns, rows), CancellationToken.None));
        var live = Plain(output);
        live = live[..live.LastIndexOf(" left", StringComparison.Ordinal)];
        live = live[live.LastIndexOf('╭')..];
        Assert.Contains("mean return", live, StringComparison.Ordinal);
        Assert.InRange(live.Split('\n').Length, 4, rows);
        Assert.All(
            live.Split('\n').Where(line => line.Contains('│', StringComparison.Ordinal)),
            line => Assert.InRange(line.TrimEnd().Length, 1, columns));
        if (columns == 80)
        {
            Assert.Contains("approximate kl", live, StringComparison.Ordinal);
        }

        Assert.Contains("rl watch", output.ToString(), StringComparison.Ordinal);
    }
}
