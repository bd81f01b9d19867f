// A program that only acts: it reads a trained agent's file and balances a pole. Published, it is one native file:
//
//     dotnet publish -c Release samples/AotActing -o out
//     out/AotActing
//
// The file beside it, pole.rl, was made by `rl train ppo CartPole-v1 --run pole` and is runs/pole/agent.rl; another agent
// of the same task may be named instead.
using System;
using System.Diagnostics;
using System.IO;
using System.Linq;
using Rl;
using Rl.Samples;

var path = args.FirstOrDefault(argument => !argument.StartsWith("--", StringComparison.Ordinal))
    ?? Path.Combine(AppContext.BaseDirectory, "pole.rl");
var policy = Policy.Load(path);
var (pole, sensors, action) = (new Pole(), new float[policy.ObservationSpace.Size], new float[policy.ActionSpace.Size]);
pole.Read(sensors);
policy.Predict(sensors, action);
var sinceStart = DateTime.Now - Process.GetCurrentProcess().StartTime;

var steps = 0;
while (pole.Stands && steps < 500)
{
    pole.Push(toTheRight: action[0] == 1);
    pole.Read(sensors);
    policy.Predict(sensors, action);
    steps++;
}

Console.WriteLine(
    $"{policy}: {steps} steps, {sinceStart.TotalMilliseconds:0} ms from the start to the first action");
return pole.Stands ? 0 : 1;
