using Rl.Core.Algorithms;
using Rl.Core.Experience;
using Rl.Core.Foundations;
using Rl.Core.Learning;

namespace Rl.Bench.Quick;

using PpoOptions = Core.Algorithms.PpoOptions;

/// <summary>Whole training, collecting and learning, with the settings of the peers in docs/performance.md.</summary>
internal static class TrainingFigures
{
    private const long Endless = 1_000_000_000;
    private const int Copies = 64;
    private const int Rounds = 5;

    public static IEnumerable<(string Name, Func<Figure> Measured)> All()
    {
        yield return Steps("ppo_cartpole_cleanrl_1core", Workloads.CleanRl(Endless), "CartPole-v1", 4, 1);
        yield return Steps("ppo_cartpole_cleanrl_2core", Workloads.CleanRl(Endless), "CartPole-v1", 4, 2);
        yield return Steps("ppo_pendulum_rltools_1core", Workloads.RlTools(Endless), "Pendulum-v1", Copies, 1);
        yield return Steps("ppo_cartpole_sb3_1core", Workloads.StableBaselines3(Endless), "CartPole-v1", 8, 1);
        yield return Steps("ppo_cartpole_sb3_2core", Workloads.StableBaselines3(Endless), "CartPole-v1", 8, 2);
        yield return Steps("ppo_freeway_minatar_1core", Workloads.MinAtar(Endless), "MinAtar/Freeway-v1", Copies, 1);
        yield return ("ppo_parallel_speedup_2core", Speedup);
    }

    private static (string Name, Func<Figure> Measured) Steps(
        string name,
        PpoOptions options,
        string environment,
        int copies,
        int threads) => (name, () =>
    {
        using var run = new TrainingWorkload(options, environment, copies, threads);
        var (seconds, bytes) = Measure.Run(run.Transition);
        return new Figure(name, run.StepsPerTransition / seconds, "steps/s", null, bytes);
    }
    );

    /// <summary>One thread and two in turns, so that what else the machine does strikes both; the median of the rounds'
    /// ratios.</summary>
    private static Figure Speedup()
    {
        using var one = new TrainingWorkload(Workloads.LargeMinibatches(Endless), "CartPole-v1", Copies, 1);
        using var two = new TrainingWorkload(Workloads.LargeMinibatches(Endless), "CartPole-v1", Copies, 2);
        var ratios = new double[Rounds];
        for (var round = 0; round < Rounds; round++)
        {
            ratios[round] = Measure.Run(one.Transition).Seconds / Measure.Run(two.Transition).Seconds;
        }

        Array.Sort(ratios);
        return new Figure("ppo_parallel_speedup_2core", ratios[Rounds / 2], "ratio", null, null);
    }
}

/// <summary>A learner and where it is.</summary>
internal sealed class TrainingWorkload : IDisposable
{
    private readonly Workers workers;
    private readonly Learner learner;
    private TrainingState state;

    public TrainingWorkload(PpoOptions options, string environment, int copies, int threads)
    {
        workers = new Workers(threads);
        learner = Workloads.Ppo(options, environment, copies, workers);
        state = learner.Initialise(RngModule.create(1UL));
        StepsPerTransition = options.Rollout.RolloutSteps * copies;
    }

    /// <summary>Environment steps of a transition.</summary>
    public int StepsPerTransition { get; }

    /// <summary>One rollout and all that is learned from it.</summary>
    public void Transition() => state = learner.Transition(state).Item1;

    public void Dispose()
    {
        ((IDisposable)learner).Dispose();
        ((IDisposable)workers).Dispose();
    }
}
