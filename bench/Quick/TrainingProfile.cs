using System.Globalization;
using Rl.Core.Algorithms;
using Rl.Core.Experience;
using Rl.Core.Networks;
using Spectre.Console;

namespace Rl.Bench.Quick;

using PpoOptions = Core.Algorithms.PpoOptions;

/// <summary>Where the time of training goes: the parts of a transition measured alone, and the steps of its minibatch
/// program.</summary>
internal static class TrainingProfile
{
    private const long Endless = 1_000_000_000;
    private const int ProgramRuns = 2_000;
    private const int ProgramLines = 16;

    /// <summary>Measures and prints; returns the exit code.</summary>
    public static int Run()
    {
        var peak = PeakRate.Measure();
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"peak {peak / 1e9:F1} GFLOP/s"));
        Profile("CleanRL's settings", Workloads.CleanRl(Endless), "CartPole-v1", 4, peak);
        Profile("the same, minibatches of 2048", Workloads.LargeMinibatches(Endless), "CartPole-v1", 64, peak);
        Profile("Stable-Baselines3's settings", Workloads.StableBaselines3(Endless), "CartPole-v1", 8, peak);
        Profile("RLtools' settings", Workloads.RlTools(Endless), "Pendulum-v1", 64, peak);
        Profile("the options of MinAtar/*", Workloads.MinAtar(Endless), "MinAtar/Freeway-v1", 64, peak);
        return 0;
    }

    private static void Profile(
        string title,
        PpoOptions options,
        string environment,
        int copies,
        double peak)
    {
        using var run = new TrainingWorkload(options, environment, copies, 1);
        var whole = Measure.Run(run.Transition).Seconds;
        var stepped = Workloads.Environment(environment, copies);
        var network = Workloads.Network(options, stepped.Batch);
        var minibatch = Workloads.Minibatch(options, network, options.MinibatchSize, stepped.Observations());
        var steps = run.StepsPerTransition / options.MinibatchSize * options.Epochs;
        var learning = steps * Measure.Run(minibatch.Run).Seconds;
        var forward = Workloads.Forward(network, copies);
        var rollout = options.Rollout.RolloutSteps;
        var acting = (rollout + 1) * Measure.Run(forward.Run).Seconds;
        var stepping = rollout * Measure.Run(stepped.Step).Seconds;

        var table = new Table().Border(TableBorder.Rounded).Title(string.Create(
            CultureInfo.InvariantCulture,
            $"PPO on {environment}, {title}: {run.StepsPerTransition / whole:N0} steps/s"));
        table.AddColumn("part of a transition");
        table.AddColumn(new TableColumn("us").RightAligned());
        table.AddColumn(new TableColumn("share").RightAligned());
        table.AddColumn(new TableColumn("of peak").RightAligned());
        Row($"{steps} minibatch steps of {options.MinibatchSize} samples", learning, steps * minibatch.Flops);
        Row($"{rollout + 1} evaluations of the networks", acting, (rollout + 1) * forward.Flops);
        Row($"{rollout} steps of {copies} environments, with drawing their actions", stepping, null);
        Row(
            "the rest: sampling from the policy, advantages, gathering minibatches, reports",
            whole - learning - acting - stepping,
            null);
        Row("all", whole, (steps * minibatch.Flops) + ((rollout + 1) * forward.Flops));
        AnsiConsole.Write(table);

        Console.WriteLine("The minibatch step, instruction by instruction:");
        foreach (var line in minibatch.Profile(ProgramRuns).Split('\n').Take(ProgramLines))
        {
            Console.WriteLine(line);
        }

        Console.WriteLine();

        void Row(string part, double seconds, long? flops) => table.AddRow(
            part,
            (seconds * 1e6).ToString("N0", CultureInfo.InvariantCulture),
            (seconds / whole).ToString("P0", CultureInfo.InvariantCulture),
            flops is { } count ? (count / seconds / peak).ToString("P0", CultureInfo.InvariantCulture) : string.Empty);
    }
}
