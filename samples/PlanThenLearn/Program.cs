// The two loops of slides 10 and 11 side by side on the swing-up of a cart's pole: a model that is learnt from random
// steps and then planned with, one that is learnt where planning with it leads, and the second with an ensemble that
// knows what it does not know (PETS). What they return is compared with planning through the true dynamics, which no
// model can be expected to exceed by much.
using System;
using System.Globalization;
using System.Linq;
using Rl;

CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
var isQuick = args.Contains("--quick");
var environment = Environments.Make("CartPoleSwingUp-v0");
int[] steps = isQuick ? [200, 250] : [200, 600, 1_000, 2_000];
var (horizon, population, iterations, episodes) = isQuick ? (10, 30, 2, 1) : (20, 80, 3, 3);

// What planning alone returns where the world itself can be asked: the value to compare with.
var known = Planner
    .CrossEntropy(new() { Horizon = horizon, Population = population, Iterations = iterations })
    .Evaluate(environment, episodes);
Console.WriteLine($"planning through the true dynamics: {known}");
Console.WriteLine();

// One copy of the world each: plans follow what has just been learnt.
AgentOptions[] loops =
[
    new BasicMbrlOptions
    {
        EnvironmentCopies = 1, ModelInterval = 200, Horizon = horizon, Population = population,
        Iterations = iterations,
    },
    new OnPolicyMbrlOptions
    {
        EnvironmentCopies = 1, ModelInterval = 50, Horizon = horizon, Population = population,
        Iterations = iterations,
    },
    new PetsOptions
    {
        EnvironmentCopies = 1, ModelInterval = 50, Horizon = horizon, Population = population,
        Iterations = iterations, Members = isQuick ? 2 : 5, Elites = isQuick ? 2 : 3,
    },
];

Console.WriteLine($"{"steps in the world",-18}{string.Concat(steps.Select(count => $"{count,14:N0}"))}");
foreach (var options in loops)
{
    using var agent = Agent.Create(options, environment, seed: 1);
    Console.Write($"{options.Algorithm,-18}");
    foreach (var count in steps)
    {
        agent.TrainFor(count - agent.Steps);
        Console.Write($"{agent.Evaluate(episodes).Mean,14:0.0}");
    }

    Console.WriteLine();

    // A file holds the model; whoever reads it goes on planning with it.
    var path = $"artifacts/{options.Algorithm}.rl";
    agent.Save(path);
    using var again = Agent.Load(path);
    if (again.Evaluate(1, seed: 7).Mean != agent.Evaluate(1, seed: 7).Mean)
    {
        throw new InvalidOperationException($"{path} does not act as the agent that wrote it.");
    }
}

Console.WriteLine();
Console.WriteLine("Random steps do not show a model what planning needs: the pole at the top (slide 11).");
