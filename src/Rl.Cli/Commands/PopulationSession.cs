using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Rl.Cli.Runs;
using Rl.Cli.Tuning;
using Rl.Core.Foundations;

namespace Rl.Cli.Commands;

/// <summary>A population from its first members to the best agent: pieces of training on all cores, each logged as it
/// ends, files of members from which a killed population goes on.</summary>
internal sealed class PopulationSession(
    TuneRequest request,
    PopulationPlan plan,
    TrialTraining training,
    StudyLog log,
    RunPlace place,
    string folder,
    Terminal terminal,
    CancellationToken interruption)
{
    /// <summary>The best agent.</summary>
    public const string Agent = "best.rl";

    /// <summary>Who copied whom, when, and with which options.</summary>
    public const string Lineage = "lineage.csv";

    /// <summary>Scores and options over time.</summary>
    public const string Figure = "population.png";

    private const int ConfirmationEpisodes = 100;

    private readonly PopulationView view = new(terminal, place, request.Json);
    private readonly List<IReadOnlyList<Member>> history = [];
    private IMemberPieces pieces = new LocalPieces(training, TuneCommand.AtOnce(request));
    private readonly MemberFiles files = new(Path.Combine(folder, TuneCommand.Agents));

    public void Run()
    {
        var watch = Stopwatch.StartNew();
        view.Start(request.Algorithm, plan, folder, log.Count);
        pieces = request.Place?.Invoke(view.Notice, interruption) ?? pieces;
        using var placed = pieces as IDisposable;
        Population? population = null;
        population = new(plan, Train)
        {
            Ended = (generation, next) =>
            {
                files.Forget(generation.Number - 1, plan.Members);
                PopulationFile.WriteLineage(Path.Combine(folder, Lineage), population!.Generations);
                view.Ended(generation, next, plan);
            },
        };
        population.Run(() => request.Time is not { } limit || watch.Elapsed < limit);
        if (population.Generations.Count == 0)
        {
            throw new InvalidOperationException("There was no time for a generation; give more with --time.");
        }

        var (best, score) = Choose(population.Generations[^1]);
        WholeFile.Write(Path.Combine(folder, Agent), stream =>
        {
            using var member = File.OpenRead(files.Of(population.Generations.Count - 1, best));
            member.CopyTo(stream);
        });
        var line = population.Lineage(best);
        var path = Path.Combine(folder, TuneCommand.Best);
        PopulationFile.WriteBest(path, request.Algorithm, place, plan, training, line, score);
        PopulationFigure.Save(
            Path.Combine(folder, Figure), $"{request.Algorithm} on {place.Name}, {plan.Members} members", plan,
            population.Generations, line);
        view.Result(plan, line, score, Path.Combine(folder, Agent), watch.Elapsed);
    }

    /// <summary>The best of the last generation's best by episodes that nobody was compared by, and what it reaches in
    /// further ones: the best of a comparison is partly the luckiest.</summary>
    private (int Member, double Score) Choose(Generation last)
    {
        var count = Math.Min(request.Finalists, last.Scores.Count(double.IsFinite));
        int[] finalists = [.. last.Ranked.Take(count)];
        var scores = new double[count];
        Parallel.For(0, count, Parallelism(System.Environment.ProcessorCount), index =>
            scores[index] = Judged(last, finalists[index], 0));
        var best = finalists[Enumerable.Range(0, count).MaxBy(index => scores[index])];
        return (best, Judged(last, best, 1));
    }

    private double Judged(Generation last, int member, int seed)
    {
        using var agent = training.Load(files.Of(last.Number, member), last.Members[member].Settings);
        return training.Judge(agent, ConfirmationEpisodes, plan.FreshSeed(seed), interruption);
    }

    /// <summary>The scores of members after a generation: from the log, or trained now.</summary>
    private IReadOnlyList<double> Train(int generation, IReadOnlyList<Member> members)
    {
        history.Add(members);
        TrialUnit Unit(Member member) => new(member.Number, generation, plan.SeedOf(member.Number));
        Member[] missing = [.. members.Where(member => log.Find(Unit(member)) is null)];
        Ensure(generation - 1, [.. missing.Select(member => member.Source)]);
        var done = members.Count - missing.Length;
        Pieces(generation, missing, (member, score) =>
        {
            log.Add(Unit(member), plan.Target(generation), member.Settings, score);
            view.Trained(member, plan.Target(generation), score, Interlocked.Increment(ref done), members.Count);
        });
        return [.. members.Select(member => log.Find(Unit(member))!.Score)];
    }

    /// <summary>Has the files of members after a generation, which are trained once more where they are gone: the same
    /// steps lead to the same.</summary>
    private void Ensure(int generation, IReadOnlyCollection<int> members)
    {
        int[] gone = [.. members.Distinct().Where(member => !File.Exists(files.Of(generation, member)))];
        if (gone.Length == 0)
        {
            return;
        }

        if (generation < 0)
        {
            foreach (var member in gone)
            {
                using var agent = training.New(history[0][member].Settings, plan.SeedOf(member));
                agent.Save(files.Of(generation, member));
            }

            return;
        }

        Member[] again = [.. gone.Select(member => history[generation][member])];
        Ensure(generation - 1, [.. again.Select(member => member.Source)]);
        Pieces(generation, again, (_, _) => { });
    }

    private void Pieces(int generation, IReadOnlyList<Member> members, Action<Member, TrialScore> ended) =>
        Parallel.ForEachAsync(members, Parallelism(pieces.AtOnce), async (member, stop) =>
        {
            var piece = new MemberPiece(
                member,
                files.Of(generation - 1, member.Source),
                files.Of(generation, member.Number),
                training.Options(member.Settings),
                plan.Target(generation),
                request.Episodes);
            ended(member, await pieces.Train(piece, stop).ConfigureAwait(false));
        }).GetAwaiter().GetResult();

    private ParallelOptions Parallelism(int atOnce) =>
        new() { MaxDegreeOfParallelism = atOnce, CancellationToken = interruption };
}
