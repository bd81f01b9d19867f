using System.Collections.Generic;
using System.Linq;

namespace Rl.Logging.Internal;

/// <summary>The numbers of a report by the keys of a log, in an order that stays.</summary>
internal abstract class LoggedNumbers
{
    private const string GradientSteps = "gradientSteps";

    public static LoggedNumbers Of(LogKeys keys, Agent agent) =>
        keys == LogKeys.StableBaselines3 ? new StableBaselines3Numbers(agent) : new OwnNumbers();

    /// <summary>The mean return of the last episodes.</summary>
    public abstract string MeanReturn { get; }

    /// <summary>The mean return of an evaluation.</summary>
    public abstract string EvaluationReturn { get; }

    /// <summary>The mean length of the episodes of an evaluation.</summary>
    public abstract string EvaluationLength { get; }

    /// <summary>For curves over steps; without means of episodes before the first one has ended.</summary>
    public abstract IEnumerable<KeyValuePair<string, double>> Curves(TrainingProgress now);

    /// <summary>For rows of a table: the steps first, and everything in each row.</summary>
    public abstract IEnumerable<KeyValuePair<string, double>> Row(TrainingProgress now);

    /// <summary>The key of the steps in a row.</summary>
    public abstract string Steps { get; }

    /// <summary>The algorithm's own numbers; NaN for what is not measured yet: before the first update from replayed
    /// steps the means over updates are 0.</summary>
    public static IEnumerable<KeyValuePair<string, double>> Metrics(TrainingProgress now) =>
        HasLearned(now)
            ? now.Metrics
            : now.Metrics.Select(metric => metric.Value == 0 && metric.Key != GradientSteps
                ? Pair(metric.Key, double.NaN)
                : metric);

    /// <summary>Those that are measured.</summary>
    protected static IEnumerable<KeyValuePair<string, double>> Measured(TrainingProgress now) =>
        HasLearned(now) ? now.Metrics : Metrics(now).Where(metric => !double.IsNaN(metric.Value));

    protected static KeyValuePair<string, double> Pair(string key, double value) => new(key, value);

    private static bool HasLearned(TrainingProgress now) =>
        now.Metrics.All(metric => metric.Key != GradientSteps || metric.Value > 0);
}

/// <summary>The library's own keys.</summary>
internal sealed class OwnNumbers : LoggedNumbers
{
    public override string MeanReturn => "episodes/meanReturn";

    public override string EvaluationReturn => "evaluation/meanReturn";

    public override string EvaluationLength => "evaluation/meanLength";

    public override string Steps => "steps";

    public override IEnumerable<KeyValuePair<string, double>> Curves(TrainingProgress now)
    {
        if (now.EpisodeCount > 0)
        {
            yield return Pair(MeanReturn, now.MeanReturn);
            yield return Pair("episodes/meanLength", now.MeanLength);
        }

        yield return Pair("episodes/count", now.EpisodeCount);
        yield return Pair("time/stepsPerSecond", now.StepsPerSecond);
        yield return Pair("time/seconds", now.Elapsed.TotalSeconds);
        yield return Pair("time/updates", now.Updates);
        foreach (var (name, value) in Measured(now))
        {
            yield return Pair($"learning/{name}", value);
        }
    }

    public override IEnumerable<KeyValuePair<string, double>> Row(TrainingProgress now) =>
    [
        Pair(Steps, now.Steps),
        Pair("updates", now.Updates),
        Pair("seconds", now.Elapsed.TotalSeconds),
        Pair("stepsPerSecond", now.StepsPerSecond),
        Pair("episodes", now.EpisodeCount),
        Pair("meanReturn", now.MeanReturn),
        Pair("meanLength", now.MeanLength),
        .. Metrics(now),
    ];
}
