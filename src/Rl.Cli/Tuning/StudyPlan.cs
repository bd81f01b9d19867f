using System.Collections.Generic;
using System.Linq;

namespace Rl.Cli.Tuning;

/// <summary>How points are chosen.</summary>
internal enum TuningMethod
{
    /// <summary>By <see cref="TreeParzen"/>.</summary>
    Tpe,

    /// <summary>Without knowledge.</summary>
    Random,

    /// <summary>By <see cref="CmaSampler"/>.</summary>
    Cma,

    /// <summary>By a population whose members copy each other while they train: <see cref="Population"/>.</summary>
    Pbt,
}

/// <summary>What is sought, and how.</summary>
internal sealed record StudyPlan
{
    /// <summary>Seeds of the search lie below this number above those of the study; fresh ones lie above.</summary>
    public const int MostSeeds = 100;

    public required SearchSpace Space { get; init; }

    public required TuningMethod Method { get; init; }

    /// <summary>Where all randomness comes from.</summary>
    public required ulong Seed { get; init; }

    /// <summary>Environment steps of a whole training.</summary>
    public required long Steps { get; init; }

    /// <summary>Trainings of each trial.</summary>
    public required int Seeds { get; init; }

    public required Halving Halving { get; init; }

    /// <summary>Where the options without a search lie, which are trial 0 as they are; null where all trials are
    /// proposed.</summary>
    public double[]? Known { get; init; }

    /// <summary>The seeds of a trial's trainings: the same for all trials, so that luck of the seed is common to
    /// all.</summary>
    public IReadOnlyList<ulong> SearchSeeds => Block(0, Seeds);

    /// <summary>Fresh seeds to choose among the best trials with.</summary>
    public IReadOnlyList<ulong> ChoiceSeeds => Block(1, Seeds);

    /// <summary>Fresh seeds that had no say in any choice.</summary>
    public IReadOnlyList<ulong> ConfirmationSeeds(int count) => Block(2, count);

    private ulong[] Block(int number, int count) =>
        [.. Enumerable.Range(number * MostSeeds, count).Select(place => (Seed * 1_000) + (ulong)place)];
}

/// <summary>A training of a trial up to a rung.</summary>
/// <param name="Trial">The trial's number, from 0 on.</param>
/// <param name="Rung">The rung, from 0 on.</param>
/// <param name="Seed">The training's seed.</param>
internal readonly record struct TrialUnit(int Trial, int Rung, ulong Seed);

/// <summary>What a training came to.</summary>
/// <param name="Score">The mean return of the evaluation; NaN if it failed.</param>
/// <param name="Failure">Why it failed; null if it did not.</param>
/// <param name="Seconds">How long it took.</param>
internal sealed record TrialScore(double Score, string? Failure, double Seconds);

/// <summary>A point and how it fared.</summary>
/// <param name="Number">Its number.</param>
/// <param name="Point">The point.</param>
/// <param name="Settings">Its options.</param>
/// <param name="Scores">The mean over seeds at the end of each rung that it reached; the last is NaN if it
/// failed.</param>
internal sealed record Trial(
    int Number, double[] Point, IReadOnlyList<KeyValuePair<string, string>> Settings, IReadOnlyList<double> Scores)
{
    /// <summary>Whether a training failed.</summary>
    public bool HasFailed => double.IsNaN(Score);

    /// <summary>The score at the last rung that it reached.</summary>
    public double Score => Scores[^1];

    /// <summary>The best first: those that got farther, then those with the greater score; failures last.</summary>
    public static IReadOnlyList<Trial> Ranked(IEnumerable<Trial> trials) =>
    [
        .. trials.OrderBy(trial => trial.HasFailed)
            .ThenByDescending(trial => trial.Scores.Count)
            .ThenByDescending(trial => trial.Score)
            .ThenBy(trial => trial.Number),
    ];
}
