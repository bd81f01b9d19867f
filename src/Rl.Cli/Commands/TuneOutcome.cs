using System.Collections.Generic;
using System.Linq;
using Rl.Cli.Bench;
using Rl.Cli.Tuning;

namespace Rl.Cli.Commands;

/// <summary>How the options that a study found compare with those without a search.</summary>
internal enum TuneVerdict
{
    /// <summary>Surely better.</summary>
    Better,

    /// <summary>The difference may be chance.</summary>
    MayBeChance,

    /// <summary>Worse: nothing speaks for them.</summary>
    Worse,

    /// <summary>They are those without a search: nothing better was found.</summary>
    NothingFound,
}

/// <summary>What a study came to.</summary>
/// <param name="Best">The trial that was chosen.</param>
/// <param name="Scores">The mean returns of its trainings with fresh seeds.</param>
/// <param name="Baseline">Those of the options without a search, with the same seeds.</param>
/// <param name="Seeds">The seeds.</param>
internal sealed record TuneOutcome(
    Trial Best, IReadOnlyList<double> Scores, IReadOnlyList<double> Baseline, IReadOnlyList<ulong> Seeds)
{
    /// <summary>An interval over fewer seeds tells too little to call options better.</summary>
    private const int FewSeeds = 5;

    /// <summary>The burden of proof is on what was found: to be better it needs enough seeds, to be worse none but
    /// those that there are. A training that failed is worse than any other.</summary>
    public TuneVerdict Verdict
    {
        get
        {
            if (Best.Number == 0)
            {
                return TuneVerdict.NothingFound;
            }

            var (probability, low, high) = Improvement();
            return (Scores.Count == 1 ? probability : high) < 0.5 ? TuneVerdict.Worse
                : low > 0.5 && Seeds.Count >= FewSeeds ? TuneVerdict.Better
                : TuneVerdict.MayBeChance;
        }
    }

    /// <summary>A verdict as JSON has it.</summary>
    public static string Word(TuneVerdict verdict) => verdict switch
    {
        TuneVerdict.Better => "better",
        TuneVerdict.Worse => "worse",
        TuneVerdict.NothingFound => "nothing found",
        _ => "may be chance",
    };

    /// <summary>The mean and the middle 95 % of means over seeds drawn with replacement; NaN where a training
    /// failed.</summary>
    public static (double Mean, double Low, double High) Interval(IReadOnlyList<double> scores)
    {
        var (low, high) = Statistics.Bootstrap(scores, Enumerable.Average);
        return (scores.Average(), low, high);
    }

    /// <summary>How probable it is that a training with the chosen options is better than one without a search, with
    /// its middle 95 %.</summary>
    public (double Probability, double Low, double High) Improvement()
    {
        IReadOnlyList<double> found = [.. Scores.Select(Comparable)];
        IReadOnlyList<double> without = [.. Baseline.Select(Comparable)];
        var (low, high) = Statistics.BootstrapImprovement(found, without);
        return (Statistics.ProbabilityOfImprovement(found, without), low, high);
    }

    private static double Comparable(double score) => double.IsNaN(score) ? double.NegativeInfinity : score;
}
