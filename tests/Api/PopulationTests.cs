using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Threading.Tasks;
using Rl.Cli.Tuning;
using Xunit;

namespace Rl.Tests.Api;

/// <summary>Populations of <c>rl tune --method pbt</c>: who goes on from whom and with what, and that it pays where
/// most begin with options that are no good.</summary>
public sealed class PopulationTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    /// <summary>Members with points that are scored by a function that wants x at 0.3 and the right choice.</summary>
    private static Population Run(ulong seed, double fraction = 0.25, double resampling = 0.25)
    {
        var plan = Plan() with { Seed = seed, Fraction = fraction, Resampling = resampling };
        var population = new Population(plan, (generation, members) =>
        [
            .. members.Select(member => Math.Log10(Value(member)) is var x && Choice(member) == "b"
                ? -Math.Abs(x + 2) + (0.01 * generation)
                : -10 - member.Number),
        ]);
        population.Run(() => true);
        return population;
    }

    private static PopulationPlan Plan() => new()
    {
        Space = new(
        [
            new NumberDimension("Rate", 1e-5, 1, NumberScale.Log, false, null),
            new ChoiceDimension("Kind", ["a", "b", "c"], null),
            new NumberDimension("Count", 1, 9, NumberScale.Linear, true, new("Kind", ["b", "c"])),
        ]),
        Seed = 1,
        Steps = 100,
        Ready = 7,
        Members = 12,
        Fraction = 0.25,
        Resampling = 0.25,
    };

    private static double Score(Task<TrialScore> done) => done.GetAwaiter().GetResult().Score;

    private static double Value(Member member) => Number(member, "Rate");

    private static string Choice(Member member) => member.Settings.Single(one => one.Key == "Kind").Value;

    private static double Number(Member member, string name) => double.Parse(
        member.Settings.Single(one => one.Key == name).Value, System.Globalization.CultureInfo.InvariantCulture);

    [Fact]
    public void Members_that_copy_take_the_options_of_one_of_the_best_and_move_them_within_their_ranges()
    {
        foreach (var seed in Enumerable.Range(1, 20))
        {
            var generations = Run((ulong)seed, resampling: 0).Generations;
            Assert.Equal(15, generations.Count);
            Assert.Equal(100, generations[^1].Steps);
            foreach (var (before, after) in generations.Zip(generations.Skip(1)))
            {
                Assert.Equal(12, after.Members.Count);
                var best = before.Ranked.Take(3).ToHashSet();
                var worst = before.Ranked.TakeLast(3).ToHashSet();
                foreach (var member in after.Members)
                {
                    Assert.InRange(Value(member), 1e-5, 1);
                    var source = before.Members[member.Source];
                    if (!member.HasCopied)
                    {
                        Assert.Equal(source.Settings, member.Settings);
                        continue;
                    }

                    Assert.Contains(member.Source, best);
                    Assert.Contains(member.Number, worst);
                    Assert.Equal(Choice(source), Choice(member));
                    var factor = Value(member) / Value(source);
                    Assert.True(
                        Math.Abs(factor - 1.2) < 2e-3 || Math.Abs(factor - 0.8) < 2e-3 || Value(member) is 1e-5 or 1,
                        $"{factor}");
                    if (Choice(member) != "a")
                    {
                        var count = Number(member, "Count");
                        Assert.Equal(Math.Round(count), count);
                        Assert.InRange(count, 1, 9);
                    }
                }
            }
        }
    }

    [Fact]
    public void The_same_seed_gives_the_same_population_and_another_another()
    {
        string Text(ulong seed) => string.Join(
            ';',
            Run(seed).Generations.SelectMany(generation => generation.Members).Select(member =>
                $"{member.Source}:{string.Join(',', member.Settings)}"));
        Assert.Equal(Text(3), Text(3));
        Assert.NotEqual(Text(3), Text(4));
    }

    [Fact]
    public void The_lineage_of_a_member_leads_from_the_beginning_by_whom_each_copied()
    {
        var population = Run(2);
        var best = population.Generations[^1].Ranked[0];
        var line = population.Lineage(best);
        Assert.Equal(population.Generations.Select(one => one.Number), line.Select(one => one.Generation.Number));
        Assert.Equal(best, line[^1].Member.Number);
        Assert.False(line[0].Member.HasCopied);
        Assert.All(
            line.Zip(line.Skip(1)), pair => Assert.Equal(pair.First.Member.Number, pair.Second.Member.Source));
    }

    [Fact]
    public void Options_drift_to_where_scores_are_greater()
    {
        // At the beginning a third has the right choice, and rates are anywhere in five decades.
        var gains = Enumerable.Range(1, 10).Select(seed =>
        {
            var generations = Run((ulong)seed).Generations;
            return (First: generations[0].Scores.Max(), Last: generations[^1].Scores.Max(), generations[^1].Median);
        }).ToArray();
        Assert.All(gains, gain => Assert.True(gain.Last >= gain.First));
        Assert.True(gains.Average(gain => gain.Last) > -0.25, $"{gains.Average(gain => gain.Last)}");
        Assert.True(gains.Count(gain => gain.Median > -1.5) >= 8, string.Join(' ', gains));
    }

    [Fact]
    public void A_failure_copies_a_better_one_and_a_population_of_failures_ends_with_an_error()
    {
        var plan = Plan() with { Fraction = 0.1 };
        var population = new Population(plan, (generation, members) =>
            [.. members.Select(member => generation == 0 && member.Number < 8 ? double.NaN : member.Number)]);
        population.Run(() => true);
        Assert.All(
            population.Generations[1].Members,
            member => Assert.Equal(member.Number < 8 ? 11 : member.Number, member.Source));
        var failing = new Population(plan, (_, members) => [.. members.Select(_ => double.NaN)]);
        var error = Assert.Throws<InvalidOperationException>(() => failing.Run(() => true));
        Assert.Contains("All members of the population failed before 7 steps", error.Message, StringComparison.Ordinal);
    }

    /// <summary>Of eight learning rates, evenly in the logarithm from 1e-6 to 1, two or three learn. The same members
    /// without copies are trained to the end with the rates that they began with.</summary>
    [Fact]
    public void In_CartPole_a_population_with_bad_learning_rates_ends_better_than_its_median_member_alone()
    {
        const long Steps = 24_576;
        const int Members = 8;
        var space = new SearchSpace([new NumberDimension("LearningRate", 1e-6, 1, NumberScale.Log, false, null)]);
        var training = new TrialTraining(
            "ppo",
            Environments.Make("CartPole-v1"),
            null,
            [new("Hidden", "32"), new("RolloutSteps", "128"), new("EnvironmentCopies", "8"), new("Epochs", "6")],
            [],
            Steps,
            folder.File("trials"));
        var files = new MemberFiles(Directory.CreateDirectory(folder.File("members")).FullName);
        var pieces = new LocalPieces(training, 2);
        var plan = new PopulationPlan
        {
            Space = space,
            Seed = 7,
            Steps = Steps,
            Ready = Steps / 8,
            Members = Members,
            Fraction = 0.25,
            Resampling = 0.25,
        };
        double[] Train(PopulationPlan plan, int generation, IReadOnlyList<Member> members)
        {
            var scores = new double[members.Count];
            Parallel.ForEach(members, new() { MaxDegreeOfParallelism = pieces.AtOnce }, member =>
            {
                if (generation == 0)
                {
                    using var agent = training.New(member.Settings, plan.SeedOf(member.Number));
                    agent.Save(files.Of(-1, member.Number));
                }

                scores[member.Number] = Score(pieces.Train(
                    new(
                        member,
                        files.Of(generation - 1, member.Source),
                        files.Of(generation, member.Number),
                        training.Options(member.Settings),
                        plan.Target(generation),
                        20),
                    TestContext.Current.CancellationToken));
            });
            return scores;
        }

        var population = new Population(plan, (generation, members) => Train(plan, generation, members));
        population.Run(() => true);
        var last = population.Generations[^1];
        var whole = plan with { Ready = Steps };
        var alone = new Population(whole, (generation, members) => Train(whole, generation, members));
        alone.Run(() => true);
        Assert.Equal(
            population.Generations[0].Members.Select(member => member.Settings.Single().Value),
            alone.Generations[0].Members.Select(member => member.Settings.Single().Value));
        var told =
            $"{string.Join(' ', last.Scores)} with copies, {string.Join(' ', alone.Generations[0].Scores)} alone";
        Assert.True(last.Median > 400, told);
        Assert.True(alone.Generations[0].Median < 200, told);
        TestContext.Current.TestOutputHelper?.WriteLine(told);
    }
}
