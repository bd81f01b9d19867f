using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using Rl.Cli.Tuning;

namespace Rl.Cli.Commands;

/// <summary>What <c>rl tune --method pbt</c> was asked for beside what all methods are.</summary>
internal sealed record PopulationRequest
{
    /// <summary>How often members are compared, where nobody says.</summary>
    public const int UsualGenerations = 25;

    /// <summary>The most members: their seeds lie below those of evaluations.</summary>
    private const int MostMembers = 800;

    public int Members { get; init; } = 10;

    /// <summary>Steps after which members are compared; null for a 25th of the training.</summary>
    public long? Ready { get; init; }

    /// <summary>The share of members that copy, and of those that are copied.</summary>
    public double Fraction { get; init; } = Core.Training.PopulationBased.UsualFraction;

    /// <summary>How often an option of a member that copies is drawn anew.</summary>
    public double Resampling { get; init; } = Core.Training.PopulationBased.UsualResampling;

    /// <summary>The plan of a population for what a study seeks. What cannot change in the middle of training is
    /// refused in a space of one's own, and left as it is where the space is the program's.</summary>
    /// <exception cref="ArgumentException">An option of one's own space cannot change; the message names it, and says
    /// why and what to do.</exception>
    public PopulationPlan Plan(StudyPlan study, TrialTraining training, bool isOwn)
    {
        var space = study.Space;
        IReadOnlyList<(string Name, string Why)> left = [];
        if (isOwn)
        {
            PopulationCheck.Require(space, training, study.Seed);
        }
        else
        {
            left = PopulationCheck.Unchangeable(space, training, study.Seed);
            var known = TunedFile.Settings(training.Options([])).ToDictionary(StringComparer.OrdinalIgnoreCase);
            space = space.Without([.. left.Select(one => KeyValuePair.Create(one.Name, known[one.Name]))]);
        }

        var without = TunedFile.Settings(training.Options(space.Fixed));
        HashSet<string> sought = new(
            space.Settled.Select(one => one.Key).Concat(space.Dimensions.Select(one => one.Name)),
            StringComparer.OrdinalIgnoreCase);
        return new()
        {
            Space = space,
            Known = KnownPoint.Of(space, without),
            KnownSettings = [.. without.Where(one => sought.Contains(one.Key))],
            Left = left,
            Seed = study.Seed,
            Steps = study.Steps,
            Ready = Ready ?? Math.Max(1, study.Steps / UsualGenerations),
            Members = Members,
            Fraction = Fraction,
            Resampling = Resampling,
        };
    }

    /// <summary>Requires what numbers must be.</summary>
    /// <exception cref="ArgumentException">One is not; the message names it.</exception>
    public void Validate(long? steps)
    {
        Require(Members is >= 2 and <= MostMembers, "--population", Members, $"from 2 to {MostMembers}");
        Require(Fraction is > 0 and <= 0.5, "--fraction", Fraction, "above 0 and at most 0.5");
        Require(Resampling is >= 0 and <= 1, "--resample", Resampling, "from 0 to 1");
        if (steps is { } all && Ready is { } ready && ready > all)
        {
            throw new ArgumentException(string.Create(
                CultureInfo.InvariantCulture,
                $"--ready is {ready}, more than the {all} steps of a training; members would never be compared."));
        }
    }

    private static void Require(bool isSo, string option, IFormattable value, string must)
    {
        if (!isSo)
        {
            throw new ArgumentException(
                $"{option} is {value.ToString(null, CultureInfo.InvariantCulture)}; it must be {must}.");
        }
    }
}
