using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Runtime.ExceptionServices;
using System.Threading;
using System.Threading.Tasks;
using Rl.Cli.Runs;
using Rl.Cli.Tuning;

namespace Rl.Cli.Commands;

/// <summary>A study from its first trial to the confirmed score: trainings on all cores, each logged as it
/// ends.</summary>
internal sealed class TuneSession(
    TuneRequest request,
    StudyPlan plan,
    TrialTraining training,
    StudyLog log,
    RunPlace place,
    string folder,
    Terminal terminal,
    CancellationToken interruption)
{
    private const int ConfirmationEpisodes = 100;

    private readonly TuneView view = new(terminal, place, request.Json);

    public void Run()
    {
        var watch = Stopwatch.StartNew();
        view.Start(request, plan, folder, log.Count);
        var study = new Study(plan, units => Measure(units, request.Episodes))
        {
            Ended = (trial, isDropped) =>
            {
                training.Forget(trial.Number, plan.SearchSeeds);
                view.Ended(trial, isDropped, plan);
            },
        };
        study.Run(request.Trials, () => request.Time is not { } limit || watch.Elapsed < limit);
        var ranked = Trial.Ranked(study.Trials);
        var importance = Importance.Of(plan.Space, [.. ranked.Select(trial => trial.Point)]);
        var title = $"{request.Algorithm} on {place.Name}, {study.Trials.Count} trials";
        TuningFigure.Save(
            Path.Combine(folder, TuneCommand.Figure), title, study.Trials, importance, plan.Halving.Rungs);
        view.Importance(importance);
        if (ranked.FirstOrDefault(trial => !trial.HasFailed) is null)
        {
            var why = log.Failure() is { } failure ? $" The first: {failure}" : "";
            throw new InvalidOperationException(
                study.Trials.Count == 0
                    ? "There was no time for a trial; give more with --time."
                    : $"No trial could be trained to an evaluation; see {Path.Combine(folder, TuneCommand.Log)}.{why}");
        }

        var best = Choose([.. ranked.Where(trial => !trial.HasFailed).Take(request.Finalists)]);
        var outcome = Confirm(best);
        var path = Path.Combine(folder, TuneCommand.Best);
        TunedFile.Write(path, request.Algorithm, place, plan, training, outcome);
        view.Result(request, outcome, path, watch.Elapsed);
    }

    /// <summary>The finalist that is best with fresh seeds: the best of a search is partly the luckiest.</summary>
    private Trial Choose(Trial[] finalists)
    {
        if (finalists.Length == 1)
        {
            return finalists[0];
        }

        view.Phase($"the best {finalists.Length} with {TuneView.Seeds(plan.ChoiceSeeds.Count, "fresh ")}");
        var scores = Measure(
            [.. finalists.SelectMany(trial => Units(trial.Number, trial.Settings, plan.ChoiceSeeds))],
            ConfirmationEpisodes);
        var means = scores.Chunk(plan.ChoiceSeeds.Count).Select(Mean).ToArray();
        for (var index = 0; index < finalists.Length; index++)
        {
            view.Chosen(finalists[index], means[index]);
        }

        return finalists[Enumerable.Range(0, finalists.Length).MaxBy(index => Comparable(means[index]))];
    }

    /// <summary>The chosen options and those without a search, with the same seeds, none of which had a say in
    /// anything.</summary>
    private TuneOutcome Confirm(Trial best)
    {
        var seeds = plan.ConfirmationSeeds(request.ConfirmationSeeds);
        var number = TuneView.Seeds(seeds.Count, "further fresh ");
        var isFound = best.Number > 0;
        view.Phase(isFound
            ? $"trial {best.Number} and the options without a search with {number}"
            : $"the options without a search, than which nothing better was found, with {number}");
        var baseline = Units(StudyLog.Baseline, [], seeds);
        var scores = Measure(
            isFound ? [.. Units(best.Number, best.Settings, seeds), .. baseline] : [.. baseline],
            ConfirmationEpisodes);
        return new(
            best,
            [.. scores.Take(seeds.Count).Select(score => score.Score)],
            [.. scores.TakeLast(seeds.Count).Select(score => score.Score)],
            seeds);
    }

    private IEnumerable<(TrialUnit Unit, IReadOnlyList<KeyValuePair<string, string>> Settings)> Units(
        int trial, IReadOnlyList<KeyValuePair<string, string>> settings, IReadOnlyList<ulong> seeds) =>
        seeds.Select(seed => (new TrialUnit(trial, plan.Halving.Rungs - 1, seed), settings));

    /// <summary>The scores of trainings in their order: from the log, or trained now, on all workers.</summary>
    private IReadOnlyList<TrialScore> Measure(
        IReadOnlyList<(TrialUnit Unit, IReadOnlyList<KeyValuePair<string, string>> Settings)> units, int episodes)
    {
        var missing = units.Where(one => log.Find(one.Unit) is null).ToArray();
        var done = 0;
        var parallelism = new ParallelOptions
        {
            MaxDegreeOfParallelism = TuneCommand.AtOnce(request),
            CancellationToken = interruption,
        };
        try
        {
            Parallel.ForEach(
                Partitioner.Create(missing, EnumerablePartitionerOptions.NoBuffering),
                parallelism,
                one =>
                {
                    var steps = plan.Halving.Steps(plan.Steps, one.Unit.Rung);
                    var score = training.Measure(one.Unit, one.Settings, steps, episodes, interruption);
                    log.Add(one.Unit, steps, one.Settings, score);
                    view.Trained(one.Unit, steps, score, Interlocked.Increment(ref done), missing.Length);
                });
        }
        catch (AggregateException errors)
        {
            // One failure is told as it would be alone; the others would tell the same.
            ExceptionDispatchInfo.Throw(errors.InnerExceptions[0]);
        }

        return [.. units.Select(one => log.Find(one.Unit)!)];
    }

    private static double Mean(TrialScore[] scores) => scores.Average(score => score.Score);

    private static double Comparable(double score) => double.IsNaN(score) ? double.NegativeInfinity : score;
}
