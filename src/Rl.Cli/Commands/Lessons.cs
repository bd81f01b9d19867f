using System;
using Rl.Cli.Runs;

namespace Rl.Cli.Commands;

/// <summary>Agents that imitate: created with an expert to ask, or with what it is recorded doing.</summary>
internal static class Lessons
{
    /// <summary>A new agent, with the expert that was asked for.</summary>
    public static Agent Create(AgentOptions options, IEnvironment environment, ulong seed, TrainRequest request)
    {
        var algorithm = Algorithms.Describe(options.Algorithm);
        if (request.Expert is not { } path)
        {
            return Imitates(algorithm)
                ? throw new ArgumentException(
                    $"{options.Algorithm} learns from what somebody else does: give it --expert with an agent's file, "
                        + "such as runs/ppo-CartPole-v1-seed1/agent.rl, which it asks or whose episodes it is shown.")
                : Agent.Create(options, environment, seed);
        }

        RequireImitation(algorithm);
        var expert = Expert.Load(RunPlaces.FindAgent(path));
        return algorithm.NeedsExpert
            ? Agent.Create(options, environment, expert, seed)
            : Agent.Create(options, expert.Record(environment, request.ExpertEpisodes, seed), environment, seed);
    }

    /// <summary>Gives an agent of a run that goes on its expert, or records the same episodes again.</summary>
    public static void Give(Agent agent, TrainRequest request)
    {
        var algorithm = Algorithms.Describe(agent.Options.Algorithm);
        if (request.Expert is not { } path)
        {
            if (Imitates(algorithm))
            {
                throw new ArgumentException(
                    $"The run's {algorithm.Id} learns from an expert, whom it does not keep: give the same --expert "
                        + "again, and --expert-episodes if they were given.");
            }

            return;
        }

        RequireImitation(algorithm);
        var expert = Expert.Load(RunPlaces.FindAgent(path));
        if (algorithm.NeedsExpert)
        {
            agent.Teach(expert);
        }
        else
        {
            agent.UseData(agent.Watch(expert, request.ExpertEpisodes));
        }
    }

    private static bool Imitates(AlgorithmDescription algorithm) => algorithm.NeedsExpert || algorithm.NeedsData;

    private static void RequireImitation(AlgorithmDescription algorithm)
    {
        if (!Imitates(algorithm))
        {
            throw new ArgumentException(
                $"--expert is for algorithms that imitate, such as dagger, bc and gail; {algorithm.Id} learns by "
                    + "itself.");
        }
    }
}
