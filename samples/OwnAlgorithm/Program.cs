// A twelfth algorithm, written in F# outside the library (Annealing/SimulatedAnnealing.fs), used from C# like any
// other.
using System;
using System.IO;
using System.Linq;
using Rl;
using Rl.Samples;

// Its algorithms and environments are known by id from here on; from a file: Plugin.Load("…/Annealing.dll"), or rl
// --plugin.
var plugin = Plugin.Register(typeof(Thermostat).Assembly);
Console.WriteLine($"{plugin.Name}: {string.Join(", ", plugin.Algorithms)}; {string.Join(", ", plugin.Environments)}");

var steps = args.Contains("--quick") ? "20000" : "200000";
var options = Algorithms.Options("annealing", [new("TotalSteps", steps), new("EnvironmentCopies", "4")]);
var path = Path.Combine(Path.GetTempPath(), $"annealing-{Guid.NewGuid():N}.rl");
using (var agent = Agent.Create(options, Environments.Make("CartPole-v1"), seed: 1))
{
    Console.WriteLine($"before: {agent.Evaluate(20)}");
    agent.TrainFor(options.TotalSteps / 2);
    agent.Save(path);
}

// The file names the algorithm; it goes on as if it had never stopped.
using (var agent = Agent.Load(path))
{
    agent.Train();
    Console.WriteLine($"after {agent.Steps:N0} steps of {agent.Options.Algorithm}: {agent.Evaluate(20)}");
}

File.Delete(path);

// The environment of the same assembly, with an algorithm of the library.
using var thermostat = Agent.Create(
    new CemOptions { TotalSteps = long.Parse(steps) }, Environments.Make("Thermostat-v0"), seed: 1);
thermostat.Train();
Console.WriteLine($"Thermostat-v0: {thermostat.Evaluate(20)}");
