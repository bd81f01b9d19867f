using System;
using Rl;

internal static class Dealing
{
    public static void Run(int steps)
    {
        using var agent = Agent.Create(new PpoOptions(), () => new Cards(), seed: 1);
        agent.Train(steps);
        var game = new Cards();
        var observation = game.Reset(seed: 3);
        while (true)
        {
            // With the environment itself: only what is possible in it is chosen.
            var card = agent.PredictDiscrete(observation.Span, game);
            var result = game.Step([card]);
            observation = result.Observation;
            if (result.IsOver)
            {
                break;
            }
        }
    }
}
