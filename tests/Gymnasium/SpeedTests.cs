using System;
using System.Diagnostics;
using Rl.Gymnasium;
using Xunit;

namespace Rl.Tests.Gymnasium;

/// <summary>The table of speed of docs/gymnasium.md; run where <c>RL_GYMNASIUM_SPEED</c> is 1, on a quiet
/// machine.</summary>
[Collection("variables")]
public sealed class SpeedTests
{
    [Fact]
    public void Steps_a_second_through_the_bridge()
    {
        Assert.SkipUnless(
            Environment.GetEnvironmentVariable("RL_GYMNASIUM_SPEED") == "1", "Set RL_GYMNASIUM_SPEED=1 to measure.");
        var options = RealTests.Options();
        var lines = new System.Text.StringBuilder();
        using (var single = GymnasiumEnvironment.Make("CartPole-v1", options))
        {
            single.Reset(1);
            Add(lines, "CartPole-v1, one environment", 1, step =>
            {
                if (single.Step(step & 1).IsOver)
                {
                    single.Reset(1);
                }
            });
        }

        foreach (var (kind, count) in new[]
            { (Vectorization.Each, 8), (Vectorization.Each, 64), (Vectorization.EntryPoint, 64) })
        {
            using var vector = GymnasiumVector.Make("CartPole-v1", count, kind, options);
            vector.Reset(1);
            var actions = new float[count];
            Add(lines, $"CartPole-v1, {count} copies, {kind}", count, step =>
            {
                for (var copy = 0; copy < count; copy++)
                {
                    actions[copy] = (step + copy) & 1;
                }

                vector.Step(actions);
            });
        }

        TestContext.Current.TestOutputHelper!.WriteLine(lines.ToString());
        Console.WriteLine(lines);
    }

    private static void Add(System.Text.StringBuilder lines, string name, int copies, Action<int> step)
    {
        var best = 0.0;
        for (var trial = 0; trial < 5; trial++)
        {
            var watch = Stopwatch.StartNew();
            var steps = 0;
            while (watch.Elapsed < TimeSpan.FromSeconds(1))
            {
                step(steps++);
            }

            best = Math.Max(best, steps * copies / watch.Elapsed.TotalSeconds);
        }

        lines.AppendLine(FormattableString.Invariant($"| {name} | {best:N0} |"));
    }
}
