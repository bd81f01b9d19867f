// A program that trains on the machines of others: published, it is one file that needs no .NET.
//
//     dotnet publish -c Release samples/SingleFileTraining -o out
//     out/SingleFileTraining tank.rl
//
// It holds the level of a tank whose outflow comes and goes, goes on where it was when it is started again, and ends
// with what it has when Ctrl-C is pressed. What it learns is compared with the rule that a plant would use: a valve
// that opens in proportion to what is missing.
using System;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Runtime.InteropServices;
using System.Threading;
using Rl;
using Rl.Samples;

var isQuick = args.Contains("--quick");
var path = args.FirstOrDefault(argument => !argument.StartsWith("--", StringComparison.Ordinal));
var file = path ?? Path.Combine(Directory.CreateTempSubdirectory("rl-single-file").FullName, "tank.rl");
var options = new PpoOptions
{
    TotalSteps = isQuick ? 100_000 : 300_000,
    LearningRate = Schedule.Linear(1e-3, 0),
    Discount = 0.95,
    EnvironmentCopies = 16,
    NormaliseRewards = true,
};

using var stop = new CancellationTokenSource();
using var pressed = PosixSignalRegistration.Create(PosixSignal.SIGINT, signal =>
{
    signal.Cancel = true;
    stop.Cancel();
});
using var agent = Agent.LoadOrCreate(file, options, () => new Tank(), seed: 1);
TimeSpan? firstUpdate = null;
var result = agent.Steps >= options.TotalSteps ? null : agent.Train(
    options.TotalSteps,
    [
        new StopOnCancellation(stop.Token),
        new ProgressCallback(new SynchronousProgress<TrainingProgress>(_ =>
            firstUpdate ??= DateTime.Now - Process.GetCurrentProcess().StartTime)),
    ]);
agent.Save(file);
if (result is not null)
{
    Console.WriteLine($"{firstUpdate?.TotalMilliseconds:0} ms from the start to the first update");
    Console.WriteLine($"{result.StepsTaken:N0} steps, {result.StepsPerSecond:N0} a second; {result.StopReason ?? "done"}");
}

var learned = agent.Evaluate(episodes: 200, seed: 7);
var rule = Enumerable.Range(0, 200).Average(episode => Tank.ReturnOfRule((ulong)episode));
Console.WriteLine($"agent {learned.Mean:0.00}, proportional rule {rule:0.00} (0 is a level that never leaves its mark)");
Console.WriteLine($"the agent is in {file}");
return learned.Mean > rule || stop.IsCancellationRequested || agent.Steps < options.TotalSteps ? 0 : 1;
