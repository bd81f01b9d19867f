using System;
using System.Collections.Generic;
using System.Linq;

namespace Rl.Cli.Tuning;

/// <summary>What a population seeks, and how.</summary>
internal sealed record PopulationPlan
{
    public required SearchSpace Space { get; init; }

    /// <summary>Where all randomness comes from.</summary>
    public required ulong Seed { get; init; }

    /// <summary>Steps of the whole training of a member.</summary>
    public required long Steps { get; init; }

    /// <summary>Steps after which members are compared.</summary>
    public required long Ready { get; init; }

    /// <summary>The members.</summary>
    public required int Members { get; init; }

    /// <summary>The share of members that copy, and of those that are copied.</summary>
    public required double Fraction { get; init; }

    /// <summary>How often an option of a member that copies is drawn anew.</summary>
    public required double Resampling { get; init; }

    /// <summary>Where the options without a search lie, which the first member begins with; null where all are
    /// drawn.</summary>
    public double[]? Known { get; init; }

    /// <summary>Those options, as far as they are sought.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> KnownSettings { get; init; } = [];

    /// <summary>Options of the program's space that stay as they are, since they cannot change in the middle of
    /// training, with the reasons.</summary>
    public IReadOnlyList<(string Name, string Why)> Left { get; init; } = [];

    /// <summary>How often members are compared: the last time at the end.</summary>
    public int Generations => (int)((Steps + Ready - 1) / Ready);

    /// <summary>The seeds of members: each begins with parameters of its own.</summary>
    public ulong SeedOf(int member) => (Seed * 1_000) + (ulong)member;

    /// <summary>A seed of evaluations that no member was compared by.</summary>
    public ulong FreshSeed(int number) => (Seed * 1_000) + 900 + (ulong)number;

    /// <summary>The steps of a member at the end of a generation.</summary>
    public long Target(int generation) => Math.Min(Steps, (generation + 1) * Ready);

    /// <summary>The random numbers that the first options of a member come from.</summary>
    public Draws First(int member) => new(Seed, member);

    /// <summary>Those by which members choose whom they copy after a generation.</summary>
    public Draws Selection(int generation) => new(Seed, Members + (generation * (Members + 1)));

    /// <summary>Those by which the options of a member change after a generation.</summary>
    public Draws Exploration(int generation, int member) =>
        new(Seed, Members + (generation * (Members + 1)) + 1 + member);
}

/// <summary>A member of a population in a generation.</summary>
/// <param name="Number">Its number, from 0 on.</param>
/// <param name="Point">Where its options lie in the space.</param>
/// <param name="Settings">Those options.</param>
/// <param name="Source">Whose training it goes on with: its own, or that of the member that it copied.</param>
internal sealed record Member(
    int Number, double[] Point, IReadOnlyList<KeyValuePair<string, string>> Settings, int Source)
{
    /// <summary>Whether it goes on from another's training.</summary>
    public bool HasCopied => Source != Number;
}

/// <summary>What members did from one comparison to the next.</summary>
/// <param name="Number">From 0 on.</param>
/// <param name="Steps">Their steps at its end.</param>
/// <param name="Members">The members.</param>
/// <param name="Scores">What each was worth at its end; NaN for one that failed.</param>
internal sealed record Generation(
    int Number, long Steps, IReadOnlyList<Member> Members, IReadOnlyList<double> Scores)
{
    /// <summary>The members from the best to the worst.</summary>
    public IReadOnlyList<int> Ranked => Core.Training.PopulationBased.ranked([.. Scores]);

    /// <summary>The middle score of those that did not fail; NaN if all did.</summary>
    public double Median
    {
        get
        {
            double[] known = [.. Scores.Where(double.IsFinite).Order()];
            return known.Length == 0 ? double.NaN : (known[(known.Length - 1) / 2] + known[known.Length / 2]) / 2;
        }
    }
}
