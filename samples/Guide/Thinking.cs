using System;
using Rl;

/// <summary>The code of docs/planning.md.</summary>
internal static class Thinking
{
    public static void Run(bool isQuick)
    {
        var episodes = isQuick ? 2 : 20;

        var planner = Planner.CrossEntropy();
        Console.WriteLine(planner.Evaluate(Environments.Make("Pendulum-v1"), episodes));

        var careful = Planner.ImprovedCrossEntropy(new() { Horizon = 100, NoiseExponent = 2 });
        Console.WriteLine(careful.Evaluate(Environments.Make("MountainCarContinuous-v0"), episodes: 2));

        var byName = Planner.Of("uct", ("Simulations", "200"), ("Horizon", "40"));
        Console.WriteLine(byName.Evaluate(Environments.Make("CartPole-v1"), episodes: 2));

        // By derivatives, which are differences of steps in copies of the state.
        var byDerivatives = Planner.IterativeLinearQuadratic(new() { Horizon = 50 });
        Console.WriteLine(byDerivatives.Evaluate(Environments.Make("Pendulum-v1"), episodes: 2));

        // A rule of thumb, as a function of what is observed.
        var rule = Environments.Evaluate(
            Environments.Make("CartPole-v1"),
            observation => observation[2] + 0.5f * observation[3] > 0 ? 1 : 0,
            episodes: 20);
        Console.WriteLine(rule);

        // A store that can copy itself is planned in as it is.
        Console.WriteLine(Planner.TreeSearch().Evaluate(() => new Counter(), episodes: 2));

        // A model of your own: what follows a state and an action.
        var imagined = Planner.CrossEntropy().Through((state, action) =>
            new(new[] { state[0] + 1 }, action[0] == state[0] % 2 ? 1 : 0, Terminated: state[0] == 9));
        Console.WriteLine(imagined.Evaluate(() => new Counter(), episodes: 2));

        // In a loop of your own.
        var pendulum = Environments.Make("Pendulum-v1");
        var actor = Planner.PathIntegral().In(pendulum);
        var observation = pendulum.Reset(seed: 3);
        var torque = new float[1];
        var sum = 0.0;
        for (var step = 0; step < 200; step++)
        {
            actor.Act(observation.Span, torque);
            var result = pendulum.Step(torque);
            observation = result.Observation;
            sum += result.Reward;
        }

        Console.WriteLine(sum);
    }

    /// <summary>Counts to ten, and pays where the action is the count modulo two.</summary>
    private sealed class Counter : ICloneableEnvironment
    {
        private int count;

        public Space ObservationSpace { get; } = Space.Box(0, 10, 1);

        public Space ActionSpace { get; } = Space.Discrete(2);

        public ReadOnlyMemory<float> Reset(ulong seed)
        {
            count = 0;
            return new float[] { 0 };
        }

        public StepResult Step(ReadOnlySpan<float> action)
        {
            var isRight = (int)action[0] == count % 2;
            count++;
            return new(new float[] { count }, isRight ? 1 : 0, Terminated: count == 10);
        }

        public IEnvironment Clone() => (Counter)MemberwiseClone();
    }
}
