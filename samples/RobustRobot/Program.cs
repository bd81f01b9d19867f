// Domain randomisation: a legged robot is trained as its model says, and once more with masses and friction that differ
// from episode to episode (Peng et al. 2018). Both then walk on robots that neither has met: heavier ones on smooth
// ground, and lighter ones on rough ground. Who has met many robots keeps more of what it earned at home.
//
// dotnet run -c Release --project samples/RobustRobot -- [task] [--steps N] [--seeds N] [--quick]
using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using Rl;

var isQuick = args.Contains("--quick");
var steps = Number("--steps", isQuick ? 8_192 : 3_000_000);
var seeds = (int)Number("--seeds", isQuick ? 1 : 3);
var id = args.FirstOrDefault(word => word.Contains("-v", StringComparison.Ordinal)) ?? "Hopper-v5";
var episodes = isQuick ? 4 : 50;
var plain = Environments.Make(id);
var varied = plain.RandomizeDynamics(mass: [0.7, 1.4], friction: [0.5, 2.0]);

// Beyond what training has met, at its edges.
var heldOut = plain.RandomizeDynamics(mass: [1.4, 1.6], friction: [0.4, 0.5]);
var heldLight = plain.RandomizeDynamics(mass: [0.6, 0.7], friction: [2.0, 2.5]);

Console.WriteLine($"{id}, PPO, {steps:N0} steps, {seeds} seeds, {episodes} episodes for each figure");
Console.WriteLine($"{"trained",-11} {"seed",4} {"home",8} {"heavy",8} {"light",8}  kept: heavy, light");
var kept = new Dictionary<string, List<double>>();
foreach (var (name, environment) in new (string, IEnvironment)[] { ("plain", plain), ("randomised", varied) })
{
    kept[name] = [];
    for (var seed = 1; seed <= seeds; seed++)
    {
        var options = new PpoOptions
        {
            TotalSteps = steps,
            EnvironmentCopies = 64,
            RolloutSteps = 128,
            MinibatchSize = 512,
            Epochs = 10,
            LearningRate = Schedule.Linear(3e-4, 0),
            NormaliseObservations = true,
            NormaliseRewards = true,
            InitialLogStandardDeviation = -1,
        };
        using var agent = Agent.Create(options, environment, (ulong)seed);
        agent.Train();
        var home = Mean(agent, plain);
        var (heavy, light) = (Mean(agent, heldOut), Mean(agent, heldLight));
        kept[name].Add(Math.Min(heavy, light) / home);
        Console.WriteLine(
            $"{name,-11} {seed,4} {home,8:F0} {heavy,8:F0} {light,8:F0}  {heavy / home:P0}, {light / home:P0}");
    }
}

foreach (var (name, shares) in kept)
{
    Console.WriteLine($"{name}: keeps {shares.Average():P0} of its return on the worse of the robots it has not met");
}

double Mean(Agent agent, IEnvironment environment) => agent.Evaluate(environment, episodes, seed: 100).Mean;

long Number(string name, long standard)
{
    var place = Array.IndexOf(args, name);
    return place >= 0 && place + 1 < args.Length
        ? long.Parse(args[place + 1], NumberStyles.AllowThousands, CultureInfo.InvariantCulture)
        : standard;
}
