// An application that acts while it learns. A telescope is kept on a star against the wind; a task in the background
// trains on a simulation of it, and every so often the application takes over what has been learnt so far, as an
// immutable policy that the training never touches again. Ctrl+C stops both in good order: what was learnt is in
// artifacts/telescope.rl, and the next start goes on from there.
using System;
using System.IO;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Rl;
using Rl.Samples;

var isQuick = args.Contains("--quick");
var path = isQuick ? Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid():n}.rl") : "artifacts/telescope.rl";
using var stop = new CancellationTokenSource();
Console.CancelKeyPress += (_, pressed) =>
{
    pressed.Cancel = true; // not the process: the training, at its next update
    stop.Cancel();
};

var options = new PpoOptions
{
    TotalSteps = isQuick ? 400_000 : 20_000_000,
    Discount = 0.95,
    LearningRate = 1e-3,
    NormaliseRewards = true,
    InitialLogStandardDeviation = -0.5,
};
using var agent = Agent.LoadOrCreate(path, options, () => new Telescope(), seed: 1);

// What acts now. One thread replaces it, another reads it; a policy itself never changes.
var acting = new Acting(agent.ToPolicy(), agent.Steps);
var training = agent.TrainAsync(
    options.TotalSteps,
    [new EverySteps(20_000, (now, told) => Volatile.Write(ref acting, new(now.Agent.ToPolicy(), told.Steps)))],
    stop.Token);

// The application goes about its work, one night after the other, and asks no lock for it.
var best = Telescope.MeanCost(Control.Best());
var tolerance = isQuick ? 1.25 : 1.1;
var cost = double.PositiveInfinity;
for (var night = 1; !training.IsCompleted && !stop.IsCancellationRequested; night++)
{
    var (policy, steps) = Volatile.Read(ref acting);
    cost = Telescope.MeanCost(state => policy.Predict(state)[0]);
    Console.WriteLine($"night {night,3}: with what {steps,9:N0} steps have taught, a mean cost of {cost:0.000}");
    if (cost < tolerance * best)
    {
        Console.WriteLine($"near enough to the best controller's {best:0.000}: the training may stop");
        await stop.CancelAsync();
    }

    await Task.Delay(TimeSpan.FromSeconds(isQuick ? 0.2 : 1));
}

try
{
    await training;
}
catch (OperationCanceledException)
{
    Console.WriteLine($"stopped at {agent.Steps:N0} steps; the agent is whole");
}

agent.Save(path);
if (isQuick)
{
    File.Delete(path);
}

// Whoever presses Ctrl+C has not failed.
return cost < tolerance * best || !isQuick ? 0 : 1;

/// <summary>A policy, and the steps that it was learnt from.</summary>
internal sealed record Acting(Policy Policy, long Steps);
