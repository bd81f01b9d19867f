// Two winters of a thermostat's log are all there is: no simulator, and nobody lets a program that knows nothing heat
// the home. The log becomes data by a mapping of its columns, ways of learning from it become candidates, and what each
// would earn is estimated from weeks that it has not seen. The best is taken only if even its pessimistic estimate is
// above that of doing as was always done. Then, and only then, the sample looks behind the scenes: it computes exactly
// what each is worth, what the old thermostat is worth, and what the best possible is.
using System;
using System.IO;
using System.Linq;
using Rl;
using Rl.Data;
using Rl.Samples;

const double Discount = 0.96; // an hour; what comes in a day counts 0.38
var isQuick = args.Contains("--quick");
var folder = Directory.CreateTempSubdirectory("thermostat-").FullName;
try
{
    var log = Dataset.Open(History.Write(folder, weeks: 104, seed: 1));
    foreach (var finding in DatasetCheck.Run(log))
    {
        Console.WriteLine(finding.Message);
    }

    // Every other week is kept apart: who judges by what he has learned from is too kind to himself.
    var all = log.ToRecordedData();
    RecordedData Weeks(bool areApart) => new(
        all.ObservationSpace,
        all.ActionSpace,
        [.. all.Episodes.Where((_, week) => week % 2 == 1 == areApart)],
        all.Source);
    var (learning, apart) = (Weeks(areApart: false), Weeks(areApart: true));
    Console.WriteLine($"{log}: {all.Episodes.Count()} weeks of {all.ObservationSpace} and {all.ActionSpace}");

    var steps = isQuick ? 4_000 : 10_000;
    (string Name, AgentOptions Options)[] recipes =
    [
        ("cloned", new FilteredCloningOptions { BestShare = 1, TotalSteps = steps, Hidden = [64, 64] }),
        ("implicit Q-learning", new IqlOptions
        {
            TotalSteps = steps, Discount = Discount, Expectile = 0.9, InverseTemperature = 100, Hidden = [64, 64],
            LearningRate = 1e-3, CriticLearningRate = 1e-3, TargetRate = 0.02,
        }),
        ("TD3 with cloning", new Td3BcOptions
        {
            TotalSteps = steps, Discount = Discount, ValueWeight = 100, Hidden = [64, 64], LearningRate = 1e-3,
            CriticLearningRate = 1e-3, TargetRate = 0.02,
        }),
    ];
    var judging = new OfflineEvaluationOptions
    {
        Discount = Discount,
        Hidden = [64, 64],
        Steps = 4_000,
        TargetRate = 0.05,
    };
    var candidates = recipes.Select(recipe =>
    {
        using var agent = Agent.Create(recipe.Options, learning, seed: 1);
        agent.Train();
        var estimate = agent.EvaluateOffline(apart, judging, seed: 2)
            .Single(each => each.Estimator == OfflineEstimator.Values);
        return (recipe.Name, Policy: agent.ToPolicy(), Estimate: estimate);
    }).ToArray();

    // Cloning does as was always done; what is to replace it must be better beyond doubt. Intervals know that other
    // weeks might have been kept apart; how wrong the critic is they do not know: a small lead is none.
    var (usual, best) = (candidates[0], candidates[1..].MaxBy(candidate => candidate.Estimate.Low));
    var isTrusted = best.Estimate.Low > usual.Estimate.High;

    double Truth(HomeValues values) => apart.Episodes.Average(week => values[Home.StateOf(week.Observations.Span)]);
    var old = Truth(HomeValues.Of(Home.OldThermostat, Discount));
    var optimum = Truth(HomeValues.Best(Discount));
    var truths = candidates.Select(each => Truth(HomeValues.Of(HomeValues.Table(each.Policy), Discount))).ToArray();
    Console.WriteLine();
    Console.WriteLine($"{"discounted balance in euros",-28}{"estimated from the log",-26}in truth");
    foreach (var ((name, _, estimate), truth) in candidates.Zip(truths))
    {
        var interval = $"{estimate.Value:0.00} [{estimate.Low:0.00}, {estimate.High:0.00}]";
        Console.WriteLine($"  {name,-26}{interval,-26}{truth:0.00}");
    }

    Console.WriteLine($"  {"the old thermostat",-52}{old:0.00}");
    Console.WriteLine($"  {"the best possible",-52}{optimum:0.00}");
    Console.WriteLine();
    if (!isTrusted)
    {
        Console.WriteLine("No candidate is better beyond doubt: the old thermostat stays.");
        return 1;
    }

    var share = (truths[Array.IndexOf(candidates, best)] - old) / (optimum - old);
    Console.WriteLine($"{best.Name} is trusted, and has {share:0%} of what there was to gain.");
    return share >= (isQuick ? 0.5 : 0.6) ? 0 : 1;
}
finally
{
    Directory.Delete(folder, recursive: true);
}
