using System;
using System.Collections.Generic;
using System.Threading;
using Rl.Cli.Data;
using Rl.Cli.Tuning;

namespace Rl.Cli.Commands;

/// <summary>What <c>rl tune</c> was asked for.</summary>
internal sealed record TuneRequest
{
    public required string Algorithm { get; init; }

    /// <summary>Null for the one that the data name, or none.</summary>
    public string? Environment { get; init; }

    /// <summary>The recorded data to learn from; null for an algorithm that learns in the environment.</summary>
    public DataRequest? Data { get; init; }

    /// <summary>Whether trials are judged by the data alone.</summary>
    public bool WithoutEnvironment { get; init; }

    /// <summary>Gradient steps of each fitted Q evaluation; null for as many as is usual.</summary>
    public int? FittedSteps { get; init; }

    /// <summary>A file with the search space; null for the one that comes with the program.</summary>
    public string? Space { get; init; }

    /// <summary>The folder of the study; null for one under runs/ that is named after the task.</summary>
    public string? Output { get; init; }

    public bool Overwrite { get; init; }

    public TuningMethod Method { get; init; }

    /// <summary>Of the method of populations alone; null for others.</summary>
    public PopulationRequest? Population { get; init; }

    /// <summary>Has workers elsewhere train the pieces of a population, who are told of by the first argument, until it
    /// is disposed of; null for this process.</summary>
    public Func<Action<string>, CancellationToken, IMemberPieces>? Place { get; init; }

    /// <summary>How many points are tried.</summary>
    public int Trials { get; init; } = 45;

    /// <summary>The time after which no rung begins; null for no limit.</summary>
    public TimeSpan? Time { get; init; }

    /// <summary>Environment steps of a whole training; null for those of <c>rl train</c>.</summary>
    public long? Steps { get; init; }

    public int Seeds { get; init; } = 2;

    public ulong Seed { get; init; } = 1;

    public int Rungs { get; init; } = 3;

    public int Reduction { get; init; } = 3;

    /// <summary>The episodes of each evaluation of the search.</summary>
    public int Episodes { get; init; } = 20;

    /// <summary>The trials among which fresh seeds choose.</summary>
    public int Finalists { get; init; } = 3;

    /// <summary>The fresh seeds of the score that is reported.</summary>
    public int ConfirmationSeeds { get; init; } = 10;

    /// <summary>Trainings at once; 0 for one a core.</summary>
    public int Workers { get; init; }

    /// <summary>Whether other options than the sought are the algorithm's defaults, even where better are
    /// known.</summary>
    public bool Defaults { get; init; }

    public string? OptionsFile { get; init; }

    public IReadOnlyList<KeyValuePair<string, string>> Settings { get; init; } = [];

    public IReadOnlyList<KeyValuePair<string, string>> EnvironmentSettings { get; init; } = [];

    /// <summary>Wrappers of all trials, the one next to the environment first.</summary>
    public IReadOnlyList<string> Wrappers { get; init; } = [];

    public bool Json { get; init; }

    /// <summary>Requires what numbers must be.</summary>
    /// <exception cref="ArgumentException">One is not; the message names it.</exception>
    public void Validate()
    {
        if (Environment is null && Data is null)
        {
            throw new ArgumentException("tune needs an environment, or --data to learn from. Try rl tune --help.");
        }

        if (Environment is null && EnvironmentSettings.Count > 0)
        {
            throw new ArgumentException("--environment-set belongs to an environment; name it behind the algorithm.");
        }

        if (WithoutEnvironment && Data is null)
        {
            throw new ArgumentException("--without-environment judges trials by --data; give that too.");
        }

        if (FittedSteps is not null && !WithoutEnvironment)
        {
            throw new ArgumentException("--fitted-steps belongs to --without-environment; give that too.");
        }

        Population?.Validate(Steps);
        if (Place is not null && Population is null)
        {
            throw new ArgumentException(
                "Workers train the members of populations, --method pbt; the trials of other methods are trained on "
                    + "this machine by rl tune.");
        }

        if (Place is not null && Data is not null)
        {
            throw new ArgumentException(
                "Workers train in environments, and have no recorded data: leave --data out, or use rl tune.");
        }

        Require("--seeds", Seeds, 1, StudyPlan.MostSeeds);
        Require("--confirm-seeds", ConfirmationSeeds, 2, StudyPlan.MostSeeds);
        Require("--rungs", Rungs, 1, 8);
        Require("--reduction", Reduction, 2, 10);
        if (Seed > ulong.MaxValue / 1_000 - 1)
        {
            throw new ArgumentException($"--seed is {Seed}; it must be at most {(ulong.MaxValue / 1_000) - 1}.");
        }
    }

    private static void Require(string option, int value, int least, int most)
    {
        if (value < least || value > most)
        {
            throw new ArgumentException($"{option} is {value}; it must be from {least} to {most}.");
        }
    }
}
