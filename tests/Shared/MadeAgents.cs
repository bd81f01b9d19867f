using System;

namespace Rl.Tests;

/// <summary>Agents of any algorithm with what it needs beside an environment: recorded data, or an expert.</summary>
internal static class MadeAgents
{
    /// <summary>A new agent; data is that of <see cref="MadeData"/>, and an expert always does the same.</summary>
    public static Agent Of(AgentOptions options, Func<IEnvironment> environment, ulong seed)
    {
        var algorithm = Algorithms.Describe(options.Algorithm);
        return (algorithm.NeedsExpert, algorithm.NeedsData) switch
        {
            (true, _) => Agent.Create(options, environment, Habit(environment()), seed),
            (_, true) => Agent.Create(options, MadeData.Of(environment()), environment, seed),
            _ => Agent.Create(options, environment, seed),
        };
    }

    /// <summary>A new agent in an environment of the library.</summary>
    public static Agent Of(AgentOptions options, string environment, ulong seed)
    {
        var place = Environments.Make(environment);
        var algorithm = Algorithms.Describe(options.Algorithm);
        return (algorithm.NeedsExpert, algorithm.NeedsData) switch
        {
            (true, _) => Agent.Create(options, place, Habit(place), seed),
            (_, true) => Agent.Create(options, MadeData.Of(Environments.Make(environment)), place, seed),
            _ => Agent.Create(options, place, seed),
        };
    }

    /// <summary>An agent from a file with what files do not hold: its data or its expert.</summary>
    public static Agent Given(Agent agent, string environment)
    {
        var algorithm = Algorithms.Describe(agent.Options.Algorithm);
        if (algorithm.NeedsExpert)
        {
            agent.Teach(Habit(Environments.Make(environment)));
        }
        else if (algorithm.NeedsData)
        {
            agent.UseData(MadeData.Of(Environments.Make(environment)));
        }

        return agent;
    }

    /// <summary>An expert who always does the same of what is possible.</summary>
    public static Expert Habit(IEnvironment environment)
    {
        var space = environment.ActionSpace;
        return new("an expert of habit", (_, mask, action) =>
        {
            var drawn = new Random(3);
            (mask.IsEmpty ? space.Sample(drawn) : space.Sample(drawn, mask)).CopyTo(action);
        });
    }
}
