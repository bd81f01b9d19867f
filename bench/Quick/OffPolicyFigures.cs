using System.Diagnostics;
using System.Globalization;
using Microsoft.FSharp.Collections;
using Microsoft.FSharp.Core;
using Rl.Core.Algorithms;
using Rl.Core.Environments;
using Rl.Core.Experience;
using Rl.Core.Foundations;
using Rl.Core.Learning;

namespace Rl.Bench.Quick;

/// <summary>Training from replayed steps with the settings of the peers in docs/performance.md, and drawing from a
/// large replay.</summary>
internal static class OffPolicyFigures
{
    private const int ReplayRows = 1_000_000;
    private const int ObservationSize = 17;
    private const int ActionSize = 6;
    private const int Drawn = 256;

    private static readonly (string, string)[] RlTools =
    [
        ("LearningStarts", "100"), ("GradientSteps", "1"), ("BatchSize", "100"), ("BufferSize", "20000"),
        ("Hidden", "64x64"),
    ];

    private static readonly (string, string)[] StableBaselines3 =
    [
        ("LearningStarts", "100"), ("GradientSteps", "1"), ("BatchSize", "256"), ("Hidden", "256x256"),
        ("LearningRate", "3e-4"), ("CriticLearningRate", "3e-4"),
    ];

    private static readonly (string, string)[] CleanRl =
    [
        ("LearningStarts", "1000"), ("TrainFrequency", "10"), ("GradientSteps", "1"), ("BatchSize", "128"),
        ("BufferSize", "10000"), ("TargetUpdateInterval", "500"), ("Hidden", "120x84"),
        ("LearningRate", "linear(2.5e-4, 0)"),
        ("Target", "maximum"), ("Loss", "squared"), ("MaxGradientNorm", "0"),
    ];

    private static readonly (string, string)[] MinAtar =
    [
        ("LearningStarts", "1000"), ("TrainFrequency", "4"), ("GradientSteps", "1"), ("BatchSize", "32"),
        ("BufferSize", "100000"), ("TargetUpdateInterval", "1000"), ("Hidden", "128"),
        ("LearningRate", "linear(2.5e-4, 0)"),
    ];

    private static readonly (string, string)[] PureJaxQl =
    [
        ("RolloutSteps", "32"), ("MinibatchSize", "128"), ("Epochs", "2"), ("Lambda", "0.65"), ("Hidden", "128"),
    ];

    /// <summary>The figures, measured one after the other.</summary>
    public static IEnumerable<(string Name, Func<Figure> Measured)> All()
    {
        yield return Steps("sac_pendulum_rltools_1core", "sac", "Pendulum-v1", 1, RlTools);
        yield return Steps("sac_pendulum_rltools_2core", "sac", "Pendulum-v1", 2, RlTools);
        yield return Steps("td3_pendulum_rltools_1core", "td3", "Pendulum-v1", 1, RlTools);
        yield return Steps("sac_256_1core", "sac", "BipedalWalker-v3", 1, StableBaselines3);
        yield return Steps("sac_256_2core", "sac", "BipedalWalker-v3", 2, StableBaselines3);
        yield return Steps("dqn_cartpole_cleanrl_1core", "dqn", "CartPole-v1", 1, CleanRl);
        yield return Steps("dqn_freeway_minatar_1core", "dqn", "MinAtar/Freeway-v1", 1, MinAtar);
        yield return Steps("pqn_cartpole_1core", "pqn", "CartPole-v1", 1, [], copies: 16);
        yield return ("pqn_cartpole_500_1core", Solve);
        yield return Steps("pqn_breakout_1core", "pqn", "MinAtar/Breakout-v1", 1, PureJaxQl, copies: 128);
        yield return ("replay_sample_256", () => Draw("replay_sample_256", isPrioritised: false));
        yield return ("per_sample_256", () => Draw("per_sample_256", isPrioritised: true));
    }

    private static (string Name, Func<Figure> Measured) Steps(
        string name,
        string algorithm,
        string environment,
        int threads,
        (string Name, string Value)[] settings,
        int copies = 1) => (name, () =>
    {
        using var run = new OffPolicyWorkload(algorithm, environment, threads, settings, copies);
        var taken = run.StepsPerTransition;
        var (seconds, bytes) = Measure.Run(run.Transition);
        return new Figure(name, taken / seconds, "steps/s", null, bytes / taken);
    }
    );

    /// <summary>The wall time of training PQN on CartPole until its policy has a return of 500 over 100 episodes, which
    /// is checked after the time is taken.</summary>
    private static Figure Solve()
    {
        const string Name = "pqn_cartpole_500_1core";
        var best = double.PositiveInfinity;
        for (var repetition = 0; repetition < 3; repetition++)
        {
            var watch = Stopwatch.StartNew();
            var options = new Rl.PqnOptions { TotalSteps = 150_000, EnvironmentCopies = 16, Threads = 1 };
            using var agent = Agent.Create(options, Environments.Make("CartPole-v1"), seed: 1);
            agent.Train();
            best = Math.Min(best, watch.Elapsed.TotalSeconds);
            var reached = agent.Evaluate(episodes: 100).Mean;
            if (reached < 500)
            {
                throw new InvalidOperationException(FormattableString.Invariant(
                    $"PQN came to {reached} instead of 500 on CartPole-v1: {Name} means nothing."));
            }
        }

        return new Figure(Name, best, "s", null, null);
    }

    private static Figure Draw(string name, bool isPrioritised)
    {
        var columns = TransitionColumnsModule.ofSizes(ObservationSize, ActionSize);
        var replay = Filled(columns);
        var batch = new TransitionBatch(columns, FSharpList<Column>.Empty, Drawn, 1, 0.99);
        var priorities = new Priorities<float>(Priority.defaults, ReplayRows);
        priorities.Append(replay);
        var errors = new float[Drawn];
        var rewards = batch.Samples[columns.Rewards];
        var key = RngModule.create(3UL);

        void Sample() => key = batch.Draw(replay, key);

        void SampleByPriority()
        {
            key = batch.Draw(replay, priorities, 0.5, key);
            rewards.AsSpan(0, Drawn).CopyTo(errors);
            priorities.Update<float>(replay, batch.Rows, errors);
        }

        var (seconds, bytes) = Measure.Run(isPrioritised ? SampleByPriority : Sample);
        return new Figure(name, seconds * 1e6, "us", null, bytes);
    }

    /// <summary>A full replay of normal numbers, in one endless episode, kept as learners keep theirs: each observation
    /// once.</summary>
    private static Replay Filled(TransitionColumns columns)
    {
        const int Block = 1_000;
        var plan = new ReplayPlan(
            ListModule.OfSeq(columns.All.Select(column => new ReplayColumn(
                column,
                ColumnStorage.Singles,
                column.Name == columns.NextObservations.Name
                    ? FSharpOption<Column>.Some(columns.Observations)
                    : null))),
            FSharpOption<Column>.Some(columns.Ends));
        var replay = ReplayModule.ofPlan(plan, 1, ReplayRows);
        var data = columns.All.ToDictionary(column => column.Name, column => new float[Block * column.Numbers]);
        var (observations, following) = (data[columns.Observations.Name], data[columns.NextObservations.Name]);
        var rng = RngModule.create(5UL);
        Array.Fill(data[columns.Continues.Name], 1f);
        for (var row = 0; row < ReplayRows; row += Block)
        {
            foreach (var values in new[] { following, data[columns.Actions.Name], data[columns.Rewards.Name] })
            {
                for (var index = 0; index < values.Length; index++)
                {
                    (var number, rng) = RngModule.uniform(rng);
                    values[index] = (float)number;
                }
            }

            // The first row's observation is what the last row of the block before has led to, at first zeros.
            Array.Copy(following, 0, observations, ObservationSize, following.Length - ObservationSize);
            replay = ReplayModule.append(
                ListModule.OfSeq(columns.All.Select(column => Tuple.Create(column, data[column.Name]))), replay);
            Array.Copy(following, following.Length - ObservationSize, observations, 0, ObservationSize);
        }

        return replay;
    }
}

/// <summary>A learner from replayed steps and where it is, past its random steps; one copy of the environment, an
/// update a step or as its settings say.</summary>
internal sealed class OffPolicyWorkload : IDisposable
{
    private const int RoundSteps = 1_000;
    private const long Endless = 1_000_000_000;
    private readonly Workers workers;
    private readonly Learner learner;
    private TrainingState state;

    public OffPolicyWorkload(
        string algorithm, string environment, int threads, (string Name, string Value)[] settings, int copies)
    {
        workers = new Workers(threads);
        var entry = Catalogue.tryFind(algorithm)!.Value;
        var given = new[]
        {
            ("TotalSteps", Endless.ToString(CultureInfo.InvariantCulture)),
            ("RoundSteps", RoundSteps.ToString(CultureInfo.InvariantCulture)),
        };
        var options = given
            .Where(setting => entry.Options.Any(option => option.Name == setting.Item1))
            .Concat(settings)
            .Select(setting => Tuple.Create(setting.Item1, setting.Item2));
        learner = entry.Create
            .Invoke(ListModule.OfSeq(options))
            .Invoke(Registry.make(environment).Vectorise(copies))
            .Invoke(workers);
        state = learner.Initialise(RngModule.create(1UL));
        var before = 0L;
        while (state.Steps < 2 * RoundSteps)
        {
            before = state.Steps;
            Transition();
        }

        StepsPerTransition = state.Steps - before;
    }

    /// <summary>Environment steps of a transition.</summary>
    public long StepsPerTransition { get; }

    /// <summary>Acting, remembering and learning.</summary>
    public void Transition() => state = learner.Transition(state).Item1;

    public void Dispose()
    {
        ((IDisposable)learner).Dispose();
        ((IDisposable)workers).Dispose();
    }
}
