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
        ("BufferSize", "10000"), ("TargetUpdateInterval", "500"), ("Hidden", "120x84"), ("LearningRate", "2.5e-4"),
        ("Target", "maximum"), ("Loss", "squared"), ("MaxGradientNorm", "0"),
    ];

    private static readonly (string, string)[] MinAtar =
    [
        ("LearningStarts", "1000"), ("TrainFrequency", "4"), ("GradientSteps", "1"), ("BatchSize", "32"),
        ("BufferSize", "100000"), ("TargetUpdateInterval", "1000"), ("Hidden", "128"), ("LearningRate", "2.5e-4"),
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
        yield return ("replay_sample_256", () => Draw("replay_sample_256", isPrioritised: false));
        yield return ("per_sample_256", () => Draw("per_sample_256", isPrioritised: true));
    }

    private static (string Name, Func<Figure> Measured) Steps(
        string name,
        string algorithm,
        string environment,
        int threads,
        (string Name, string Value)[] settings) => (name, () =>
    {
        using var run = new OffPolicyWorkload(algorithm, environment, threads, settings);
        var (seconds, bytes) = Measure.Run(run.Transition);
        const int Taken = OffPolicyWorkload.StepsPerTransition;
        return new Figure(name, Taken / seconds, "steps/s", null, bytes / Taken);
    }
    );

    private static Figure Draw(string name, bool isPrioritised)
    {
        var columns = TransitionColumnsModule.ofSizes(ObservationSize, ActionSize);
        var replay = Filled(columns);
        var batch = new TransitionBatch(columns, FSharpList<Column>.Empty, Drawn, 1, 0.99);
        var priorities = new Priorities<float>(Priority.defaults, ReplayRows);
        priorities.Append(replay);
        var errors = new float[Drawn];
        var key = RngModule.create(3UL);

        void Sample() => key = batch.Draw(replay, key);

        void SampleByPriority()
        {
            key = batch.Draw(replay, priorities, 0.5, key);
            for (var index = 0; index < Drawn; index++)
            {
                errors[index] = batch.Samples[columns.Rewards][index];
            }

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
    /// <summary>Environment steps of a transition.</summary>
    public const int StepsPerTransition = 1_000;

    private const long Endless = 1_000_000_000;
    private readonly Workers workers;
    private readonly Learner learner;
    private TrainingState state;

    public OffPolicyWorkload(string algorithm, string environment, int threads, (string Name, string Value)[] settings)
    {
        workers = new Workers(threads);
        var given = new[]
        {
            ("TotalSteps", Endless.ToString(CultureInfo.InvariantCulture)),
            ("RoundSteps", StepsPerTransition.ToString(CultureInfo.InvariantCulture)),
        };
        var options = given.Concat(settings).Select(setting => Tuple.Create(setting.Item1, setting.Item2));
        learner = Catalogue.tryFind(algorithm)!.Value.Create
            .Invoke(ListModule.OfSeq(options))
            .Invoke(Registry.make(environment).Vectorise(1))
            .Invoke(workers);
        state = learner.Initialise(RngModule.create(1UL));
        while (state.Steps < 2 * StepsPerTransition)
        {
            Transition();
        }
    }

    /// <summary>Acting, remembering and learning.</summary>
    public void Transition() => state = learner.Transition(state).Item1;

    public void Dispose()
    {
        ((IDisposable)learner).Dispose();
        ((IDisposable)workers).Dispose();
    }
}
