using System;
using Rl;

internal static class Remembering
{
    public static void Run(int steps)
    {
        var options = new PpoOptions { Recurrence = Recurrence.Lstm };
        using var agent = Agent.Create(options, Environments.Make("CartPoleHiddenVelocity-v1"), seed: 1);
        agent.Train(steps);
        var environment = Environments.Make("CartPoleHiddenVelocity-v1");
        var observation = environment.Reset(seed: 5);
        agent.BeginEpisode();
        for (var step = 0; step < 20; step++)
        {
            var result = environment.Step(agent.Predict(observation.Span));
            observation = result.Observation;
            if (result.IsOver)
            {
                observation = environment.Reset(seed: 6);
                agent.BeginEpisode();
            }
        }
    }
}
