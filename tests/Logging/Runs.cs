using System;
using System.Collections.Generic;

namespace Rl.Tests.Logging;

/// <summary>Short runs to log.</summary>
internal static class Runs
{
    public static Agent Ppo(long totalSteps = 8_192, string environment = "CartPole-v1") => Agent.Create(
        new PpoOptions { TotalSteps = totalSteps, RolloutSteps = 128, Threads = 1 },
        Environments.Make(environment),
        seed: 1);

    public static Agent Dqn(long totalSteps = 4_000) => Agent.Create(
        new DqnOptions
        {
            TotalSteps = totalSteps,
            LearningStarts = 500,
            BufferSize = 2_000,
            RoundSteps = 100,
            Threads = 1,
            EnvironmentCopies = 1,
        },
        Environments.Make("CartPole-v1"),
        seed: 1);

    /// <summary>Remembers what is reported.</summary>
    public static SynchronousProgress<TrainingProgress> Into(List<TrainingProgress> reports) => new(reports.Add);
}
