using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Threading;
using Rl.Cli.Commands;
using Rl.Cli.Data;
using Rl.Internal;

namespace Rl.Cli.Tuning;

/// <summary>Trainings on one thread each, in pieces: what may go on at a later rung is kept as an agent file.</summary>
/// <param name="algorithm">The algorithm's id.</param>
/// <param name="environment">Where it is trained, or evaluated where it learns from data; null for data alone.</param>
/// <param name="data">The recorded data that it learns from; null for an algorithm that learns in the
/// environment.</param>
/// <param name="common">Options of all trials, which those of a trial go before.</param>
/// <param name="wrappers">Wrappers of all trials, next to the environment; those of a trial come around them.</param>
/// <param name="steps">The plan of each training.</param>
/// <param name="folder">Where agents that may go on are kept.</param>
internal sealed class TrialTraining(
    string algorithm,
    BuiltInEnvironment? environment,
    TrialData? data,
    IReadOnlyList<KeyValuePair<string, string>> common,
    IReadOnlyList<string> wrappers,
    long steps,
    string folder)
{
    /// <summary>The options of a trial.</summary>
    public AgentOptions Options(IEnumerable<KeyValuePair<string, string>> settings) =>
        Algorithms.Options(algorithm, [.. common, .. WrapperName.Options(settings)]) with
        {
            TotalSteps = steps,
            Threads = 1,
        };

    /// <summary>The wrappers of a trial, the one next to the environment first.</summary>
    public IReadOnlyList<string> Wrappers(IEnumerable<KeyValuePair<string, string>> settings) =>
        [.. wrappers, .. WrapperName.Wrappers(settings)];

    /// <summary>An agent with the options of a trial in its environment, with its data, not trained.</summary>
    public Agent New(IReadOnlyList<KeyValuePair<string, string>> settings, ulong seed) =>
        data is null ? Rl.Agent.Create(Options(settings), Environment(settings), seed)
        : environment is null ? Rl.Agent.Create(Options(settings), data.Episodes, seed)
        : Rl.Agent.Create(Options(settings), data.Episodes, environment, seed);

    /// <summary>Trains to so many steps and evaluates, by the data where there is no environment.</summary>
    /// <param name="unit">The training.</param>
    /// <param name="settings">Its own options.</param>
    /// <param name="target">The steps after which it pauses or ends.</param>
    /// <param name="episodes">The episodes of the evaluation.</param>
    /// <param name="interruption">Stops it between two updates.</param>
    public TrialScore Measure(
        TrialUnit unit, IReadOnlyList<KeyValuePair<string, string>> settings, long target, int episodes,
        CancellationToken interruption)
    {
        var watch = Stopwatch.StartNew();
        try
        {
            using var agent = Agent(unit, settings);
            if (agent.Steps < target)
            {
                agent.TrainFor(target - agent.Steps, null, interruption);
            }

            if (target < steps)
            {
                agent.Save(PathOf(unit));
            }

            return new(Judge(agent, episodes, null, interruption), null, watch.Elapsed.TotalSeconds);
        }
        catch (Exception error) when (TrainingPiece.IsOfOptions(error))
        {
            // Options that do not go together, or that do not learn, are a bad trial and no end of the study.
            return new(double.NaN, error.Message.ReplaceLineEndings(" "), watch.Elapsed.TotalSeconds);
        }
    }

    /// <summary>What an agent is worth: the mean return of an evaluation, or an estimate by the data where there is no
    /// environment.</summary>
    /// <param name="agent">The agent.</param>
    /// <param name="episodes">The episodes of the evaluation.</param>
    /// <param name="seed">Where its randomness comes from; null for the agent's own seed.</param>
    /// <param name="interruption">Stops it.</param>
    public double Judge(Agent agent, int episodes, ulong? seed, CancellationToken interruption) =>
        environment is null
            ? data!.Estimate(agent)
            : FiniteEvaluation.Of(agent, episodes, seed, true, interruption).Result.Mean;

    /// <summary>Reads an agent of a trial, with its environment and data.</summary>
    public Agent Load(string path, IReadOnlyList<KeyValuePair<string, string>> settings)
    {
        if (data is null)
        {
            return Rl.Agent.Load(path, Environment(settings), threads: 1);
        }

        var agent = Rl.Agent.Load(path, threads: 1);
        agent.UseData(data.Episodes);
        return agent;
    }

    /// <summary>Deletes what was kept of a trial that goes no farther.</summary>
    public void Forget(int trial, IEnumerable<ulong> seeds)
    {
        foreach (var seed in seeds)
        {
            File.Delete(PathOf(new(trial, 0, seed)));
        }
    }

    private Agent Agent(TrialUnit unit, IReadOnlyList<KeyValuePair<string, string>> settings)
    {
        var path = PathOf(unit);
        if (unit.Rung == 0 || !File.Exists(path))
        {
            // Without the file of an earlier rung the same steps are taken again, and lead to the same.
            return New(settings, unit.Seed);
        }

        return Load(path, settings);
    }

    private IEnvironment Environment(IEnumerable<KeyValuePair<string, string>> settings) =>
        WrapperText.Apply(environment!, Wrappers(settings));

    private string PathOf(TrialUnit unit) =>
        Path.Combine(
            folder, string.Create(CultureInfo.InvariantCulture, $"trial-{unit.Trial}-seed-{unit.Seed}.rl"));
}
