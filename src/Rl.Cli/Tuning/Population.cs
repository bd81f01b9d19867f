using System;
using System.Collections.Generic;
using System.Linq;
using Rl.Core.Training;

namespace Rl.Cli.Tuning;

/// <summary>
/// Population-based training (Jaderberg et al. 2017): members train side by side; after each generation the worst copy
/// the best, whole, and go on with options that are a little different. All members of a generation wait for each
/// other, other than in the paper, so that who copies whom follows from the plan and the scores alone: a population
/// that is begun again with the scores it had goes on as if it had never stopped, on any number of cores.
/// </summary>
/// <param name="plan">What is sought, and how.</param>
/// <param name="train">Trains the members of a generation and gives their scores in their order.</param>
internal sealed class Population(
    PopulationPlan plan, Func<int, IReadOnlyList<Member>, IReadOnlyList<double>> train)
{
    private readonly List<Generation> generations = [];

    /// <summary>The generations so far.</summary>
    public IReadOnlyList<Generation> Generations => generations;

    /// <summary>Is told of each generation, with the members of the next one.</summary>
    public Action<Generation, IReadOnlyList<Member>>? Ended { get; init; }

    /// <summary>Goes on to the end of the plan, or until there is no time for another generation.</summary>
    /// <exception cref="InvalidOperationException">All members failed.</exception>
    public void Run(Func<bool> hasTime)
    {
        var members = First();
        while (generations.Count < plan.Generations && hasTime())
        {
            var number = generations.Count;
            var ended = new Generation(number, plan.Target(number), members, train(number, members));
            generations.Add(ended);
            members = ended.Scores.Any(double.IsFinite) ? Next(ended) : [];
            Ended?.Invoke(ended, members);
            if (members.Length == 0)
            {
                throw new InvalidOperationException(
                    $"All members of the population failed before {plan.Target(number)} steps; give the options "
                        + "narrower ranges.");
            }
        }
    }

    /// <summary>The generations of the member that is the best in the end, from the first on: whom it copied, and whom
    /// that one had copied.</summary>
    public IReadOnlyList<(Generation Generation, Member Member)> Lineage(int member)
    {
        var line = new List<(Generation, Member)>();
        foreach (var generation in generations.AsEnumerable().Reverse())
        {
            line.Add((generation, generation.Members[member]));
            member = generation.Members[member].Source;
        }

        line.Reverse();
        return line;
    }

    private Member[] First() =>
    [
        .. Enumerable.Range(0, plan.Members).Select(number =>
        {
            if (number == 0 && plan.Known is { } known)
            {
                return new Member(0, known, plan.KnownSettings, 0);
            }

            var point = plan.Space.Draw(plan.First(number));
            return new Member(number, point, plan.Space.Settings(point), number);
        }),
    ];

    private Member[] Next(Generation ended)
    {
        var sources = plan.Selection(ended.Number).Exploit(plan.Fraction, [.. ended.Scores]);
        return
        [
            .. ended.Members.Select(member =>
            {
                if (sources[member.Number] == member.Number)
                {
                    return member with { Source = member.Number };
                }

                var source = ended.Members[sources[member.Number]];
                var point = Explored(source.Point, plan.Exploration(ended.Number, member.Number));
                return new Member(member.Number, point, plan.Space.Settings(point), source.Number);
            }),
        ];
    }

    /// <summary>A point near another: numbers are multiplied by 0.8 or 1.2, choices stay, and either is now and then
    /// drawn anew; so is what has a say only now.</summary>
    private double[] Explored(double[] from, Draws draws) => plan.Space.Fill(index =>
    {
        var dimension = plan.Space.Dimensions[index];
        return double.IsNaN(from[index]) || draws.Uniform() < plan.Resampling ? dimension.Draw(draws)
            : dimension is NumberDimension number ? number.Coordinate(
                draws.Perturbed(
                    new ExploredNumber(
                        number.Low, number.High, number.Scale == NumberScale.LogComplement, number.IsWhole),
                    number.Value(from[index])))
            : from[index];
    });
}
