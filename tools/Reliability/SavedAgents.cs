using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;

namespace Rl.Reliability;

/// <summary>Small agents of every kind that a file may hold, each after some training.</summary>
internal static class SavedAgents
{
    /// <summary>The bytes of their files.</summary>
    public static IReadOnlyList<byte[]> Make(string folder)
    {
        var path = Path.Combine(folder, "agent.rl");
        return [.. All().Select(agent =>
        {
            using (agent)
            {
                agent.TrainFor(600);
                agent.Save(path);
            }

            return File.ReadAllBytes(path);
        })];
    }

    private static IEnumerable<Agent> All()
    {
        const int Copies = 2;
        int[] hidden = [8];
        var ppo = new PpoOptions
        {
            EnvironmentCopies = Copies,
            Hidden = hidden,
            RolloutSteps = 16,
            MinibatchSize = 16,
            Epochs = 1,
        };
        yield return Agent.Create(
            ppo with { NormaliseObservations = true, NormaliseRewards = true }, Environments.Make("Pendulum-v1"), 1);
        yield return Agent.Create(
            ppo with { Recurrence = Recurrence.Lstm, RecurrentUnits = 4, SequenceLength = 8 },
            Environments.Make("CartPole-v1"), 1);
        yield return Agent.Create(ppo, Environments.Make("MinAtar/Breakout-v1"), 1);
        yield return Agent.Create(ppo, Environments.Make("IdentityDict-v0"), 1);
        yield return Agent.Create(
            ppo,
            Environments.Make("Pendulum-v1").RescaleAction(-1, 1).NormalizeObservation().FrameStackObservation(3),
            1);
        yield return Agent.Create(
            new A2cOptions { EnvironmentCopies = Copies, Hidden = hidden }, Environments.Make("LunarLander-v3"), 1);
        yield return Agent.Create(
            new CemOptions { EnvironmentCopies = Copies, Hidden = hidden, Population = 4 },
            Environments.Make("CartPole-v1"), 1);
        yield return Agent.Create(
            new DqnOptions
            {
                EnvironmentCopies = Copies,
                Hidden = hidden,
                LearningStarts = 100,
                BufferSize = 1_000,
                PriorityExponent = 0.6,
            },
            Environments.Make("CartPole-v1"), 1);
        yield return Agent.Create(
            new SacOptions
            {
                EnvironmentCopies = Copies,
                Hidden = hidden,
                LearningStarts = 500,
                BufferSize = 1_000,
                BatchSize = 16,
            },
            Environments.Make("Pendulum-v1"), 1);
        yield return Agent.Create(
            new IqnOptions { EnvironmentCopies = Copies, Hidden = hidden, LearningStarts = 500, BufferSize = 1_000 },
            Environments.Make("CartPole-v1"), 1);
        yield return Agent.Create(
            new R2d2Options { EnvironmentCopies = Copies, Hidden = hidden, LearningStarts = 500, BufferSize = 1_000 },
            Environments.Make("CartPole-v1"), 1);
    }
}
