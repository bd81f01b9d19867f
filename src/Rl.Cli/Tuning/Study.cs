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
        var ranked = Trial.Ranked(trials).Select(trial => trial.Point).ToArray();
        var first = trials.Count;
        var bracket = Enumerable.Range(first, size).Select(number => Propose(number, ranked)).ToDictionary(
            trial => trial.Number);
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

    private Trial Propose(int number, double[][] ranked)
    {
        var draws = new Draws(plan.Seed, number);
        var point = plan.Method == TuningMethod.Random
            ? plan.Space.Draw(draws)
            : TreeParzen.Propose(plan.Space, ranked, draws);
        return new(number, point, plan.Space.Settings(point), []);
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
