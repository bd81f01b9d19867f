using Rl.Core.Environments;
using Rl.Core.Foundations;
using Rl.Core.Planning;

namespace Rl.Bench.Quick;

/// <summary>Planning: model steps a second of the cross-entropy method through the true CartPole, on one
/// core.</summary>
internal static class PlanningFigures
{
    /// <summary>The figures, measured one after the other.</summary>
    public static IEnumerable<(string Name, Func<Figure> Measured)> All()
    {
        yield return ("cem_cartpole", CrossEntropy);
    }

    /// <summary>Decisions from the start of an episode: 5 fits of 350 sequences of 15 actions.</summary>
    private static Figure CrossEntropy()
    {
        var environment = Registry.make("CartPole-v1");
        var batch = environment.Vectorise(1);
        batch.Reset(RngModule.create(1));
        var defaults = CrossEntropyOptionsModule.defaults;
        var options = new CrossEntropyOptions(
            15, 350, 5, defaults.EliteFraction, defaults.Smoothing, defaults.InitialDeviation, defaults.Sampling,
            defaults.ReturnsMean, defaults.KeepsPlan);
        var judge = new EnvironmentReturns(batch.RequireSimulator(350), 1, 1);
        var planner = new CrossEntropy(options, new PlanningSpace(environment.ActionSpace));
        var state = planner.Start(RngModule.create(2));
        var observation = new float[4];
        batch.Observe(observation);
        void Decide()
        {
            judge.Begin(0, observation, state.Key);
            planner.Decide(state, judge);
        }

        Decide();
        var before = judge.Steps;
        var decisions = 0L;
        var (seconds, bytes) = Measure.Run(() =>
        {
            Decide();
            decisions++;
        });
        var steps = (judge.Steps - before) / (double)decisions;
        return new Figure("cem_cartpole", steps / seconds / 1e6, "M steps/s", null, bytes);
    }
}
