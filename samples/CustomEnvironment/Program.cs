// An environment of your own: a class with Reset and Step. A boat in a current holds its place over a mark.
using System;
using System.Linq;
using Rl;

var totalSteps = args.Contains("--quick") ? 20_000 : 300_000;
using var agent = Agent.Create(new PpoOptions { NormaliseObservations = true }, () => new Mooring(), seed: 1);
Console.WriteLine($"before: {agent.Evaluate(episodes: 50)}");
agent.Train(totalSteps, new SynchronousProgress<TrainingProgress>(progress =>
{
    if (progress.Updates % 50 == 0)
    {
        Console.WriteLine($"{progress.Steps,8:N0} steps  mean return {progress.MeanReturn:0.0}");
    }
}));
Console.WriteLine($"after:  {agent.Evaluate(episodes: 50)}");
agent.Save("artifacts/mooring.rl");

/// <summary>A boat on a line; thrust works against a current that differs from episode to episode.</summary>
internal sealed class Mooring : IEnvironment
{
    private float position, velocity, current;

    public Space ObservationSpace { get; } = Space.Box(-20, 20, 2);

    public Space ActionSpace { get; } = Space.Box(-1, 1, 1);

    public int MaxEpisodeSteps => 100;

    public ReadOnlyMemory<float> Reset(ulong seed)
    {
        var random = new Random((int)(seed >> 33));
        (position, velocity) = ((random.NextSingle() * 4) - 2, 0);
        current = (random.NextSingle() * 0.6f) - 0.3f;
        return Observe();
    }

    public StepResult Step(ReadOnlySpan<float> action)
    {
        velocity += 0.1f * (action[0] + current - (0.2f * velocity));
        position += 0.1f * velocity;
        return new(Observe(), Reward: 1 - Math.Abs(position), Terminated: Math.Abs(position) > 10);
    }

    private float[] Observe() => [position, velocity];
}
