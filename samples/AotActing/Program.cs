// A program that only acts: it reads a trained agent's file and balances the pole. Published, it is one native file:
//
//     rl train ppo CartPole-v1
//     dotnet publish -c Release samples/AotActing -o out
//     out/AotActing runs/ppo-CartPole-v1-seed1/agent.rl
//
// Without a file it trains an agent itself first, which a native program can do too.
using System;
using System.Diagnostics;
using System.IO;
using System.Linq;
using Rl;

var path = args.FirstOrDefault(argument => !argument.StartsWith("--", StringComparison.Ordinal)) ?? Trained();
var policy = Policy.Load(path);
var environment = Environments.Make("CartPole-v1");
var observation = environment.Reset(seed: 1);
var action = policy.Predict(observation.Span);
var sinceStart = DateTime.Now - Process.GetCurrentProcess().StartTime;

double sum = 0;
for (var isOver = false; !isOver;)
{
    var result = environment.Step(action);
    sum += result.Reward;
    (observation, isOver) = (result.Observation, result.IsOver);
    policy.Predict(observation.Span, action);
}

Console.WriteLine($"{policy}: return {sum:0}, {sinceStart.TotalMilliseconds:0} ms from the start to the first action");
return;

static string Trained()
{
    var file = Path.Combine(Directory.CreateTempSubdirectory("rl-aot").FullName, "agent.rl");
    var options = new PpoOptions { LearningRate = Schedule.Linear(1e-3, 0) };
    using var agent = Agent.Create(options, Environments.Make("CartPole-v1"), seed: 1);
    agent.Train(totalSteps: 20_000);
    agent.Save(file);
    return file;
}
