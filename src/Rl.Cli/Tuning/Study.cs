using System;
using System.Collections.Generic;
using System.Linq;

namespace Rl.Cli.Tuning;

/// <summary>
/// The search: brackets of trials, each chosen by what the brackets before it came to. What is proposed depends on the
/// plan and on scores alone, not on which training ends first: a study that is begun again with the scores it had goes
/// on as if it had never stopped, on any number of workers.
/// </summary>
/// <param name="plan">What is sought, and how.</param>
/// <param name="measure">Gives the scores of trainings with these options, in their order; those that are known need
/// not be done again.</param>
internal sealed class Study(
    StudyPlan plan,
    Func<IReadOnlyList<(TrialUnit Unit, IReadOnlyList<KeyValuePair<string, string>> Settings)>,
        IReadOnlyList<TrialScore>> measure)
{
    private readonly List<Trial> trials = [];

    /// <summary>The trials so far, in the order of their numbers.</summary>
    public IReadOnlyList<Trial> Trials => trials;

    /// <summary>Is told of each trial that goes no farther.</summary>
    public Action<Trial, bool>? Ended { get; init; }

    /// <summary>Goes on until there are so many trials, or until there is no time for another rung.</summary>
    public void Run(int count, Func<bool> hasTime)
    {
        while (trials.Count < count && hasTime())
        {
            var size = Math.Min(plan.Halving.BracketSize, count - trials.Count);
            RunBracket(size, hasTime);
        }
    }

    private void RunBracket(int size, Func<bool> hasTime)
    {
        var propose = Proposals();
        var first = trials.Count;
        var bracket = Enumerable.Range(first, size)
            .Select(number => Proposed(number, propose))
            .ToDictionary(trial => trial.Number);
        IReadOnlyList<int> going = [.. bracket.Keys];
        for (var rung = 0; rung < plan.Halving.Rungs && going.Count > 0 && hasTime(); rung++)
        {
            var scores = Measure([.. going.Select(number => bracket[number])], rung);
            foreach (var (number, score) in scores)
            {
                bracket[number] = bracket[number] with { Scores = [.. bracket[number].Scores, score] };
            }

            var next = rung == plan.Halving.Rungs - 1 ? [] : plan.Halving.GoOn(scores);
            foreach (var number in going.Except(next))
            {
                Ended?.Invoke(bracket[number], rung < plan.Halving.Rungs - 1);
            }

            going = next;
        }

        // A bracket that time did not let begin has no scores.
        trials.AddRange(bracket.Values.Where(trial => trial.Scores.Count > 0).OrderBy(trial => trial.Number));
    }

    /// <summary>The first trial is of the options without a search, as they are: a search that finds nothing better
    /// must come to them.</summary>
    private Trial Proposed(int number, Func<int, double[]> propose)
    {
        if (number == 0 && plan.Known is { } known)
        {
            return new(0, known, [], []);
        }

        var point = propose(number);
        return new(number, point, plan.Space.Settings(point), []);
    }

    /// <summary>What gives the points of a bracket, of what all trials before it came to.</summary>
    private Func<int, double[]> Proposals()
    {
        switch (plan.Method)
        {
            case TuningMethod.Random:
                return number => plan.Space.Draw(new(plan.Seed, number));
            case TuningMethod.Cma:
                return new CmaSampler(plan, trials).Propose;
            default:
                double[][] ranked = [.. Trial.Ranked(trials).Select(trial => trial.Point)];
                return number => TreeParzen.Propose(plan.Space, ranked, new(plan.Seed, number));
        }
    }

    /// <summary>The mean over seeds of each trial; NaN where one of them failed.</summary>
    private IReadOnlyList<(int Trial, double Score)> Measure(IReadOnlyList<Trial> going, int rung)
    {
        var units = going.SelectMany(trial => plan.SearchSeeds.Select(
            seed => (new TrialUnit(trial.Number, rung, seed), trial.Settings))).ToArray();
        var scores = measure(units);
        return
        [
            .. going.Select((trial, index) => (
                trial.Number,
                scores.Skip(index * plan.Seeds).Take(plan.Seeds).Average(score => score.Score))),
        ];
    }
}
