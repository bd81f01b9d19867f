// A program that trains on the machines of others: published, it is one file that needs no .NET.
//
//     dotnet publish -c Release samples/SingleFileTraining -o out
//     out/SingleFileTraining tank.rl
//
// It holds the level of a tank whose outflow comes and goes, goes on where it was when it is started again, and ends
// with what it has when Ctrl-C is pressed. What it learns is compared with a valve that opens in proportion to what is
// missing, and with a rule that knows the tank.
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
    Console.WriteLine(
        $"{result.StepsTaken:N0} steps, {result.StepsPerSecond:N0} a second; {result.StopReason ?? "done"}");
}

var learned = agent.Evaluate(episodes: 200, seed: 7);
double Rule(Func<Tank, double> rule) =>
    Enumerable.Range(0, 200).Average(episode => Tank.ReturnOf(rule, (ulong)episode));
var (proportional, balanced) = (Rule(tank => tank.Proportional()), Rule(tank => tank.Balanced()));
Console.WriteLine(
    $"return: agent {learned.Mean:0.0}, proportional rule {proportional:0.0}, rule that knows the tank {balanced:0.0}");
Console.WriteLine($"the agent is in {file}");
return stop.IsCancellationRequested || (learned.Mean > proportional && learned.Mean > 1.3 * balanced) ? 0 : 1;
