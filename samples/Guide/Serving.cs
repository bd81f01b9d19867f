using System;
using System.Threading.Tasks;
using Rl;

internal static class Serving
{
    public static void Run(int steps)
    {
        using var agent = Agent.Create(new PpoOptions(), Environments.Make("CartPole-v1"), seed: 1);
        agent.Train(steps);

        var policy = agent.ToPolicy();                       // or Policy.Load("agent.rl")
        Parallel.For(0, 8, request =>
        {
            float[] seen = [0.01f * request, 0, 0, 0];
            var push = policy.PredictDiscrete(seen);         // any thread, no lock
        });

        var crowd = new float[1_000 * policy.ObservationSpace.Size];
        var actions = new float[1_000 * policy.ActionSpace.Size];
        policy.PredictBatch(crowd, actions);
    }
}
