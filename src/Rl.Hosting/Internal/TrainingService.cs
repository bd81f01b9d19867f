using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Rl.Hosting.Internal;

/// <summary>What a program gives a training.</summary>
internal sealed record TrainingParts(Func<IEnvironment>? Environment, Func<IEnumerable<TrainingCallback>> Callbacks);

/// <summary>Trains while the host runs.</summary>
internal sealed partial class TrainingService(
    HostedTraining training,
    TrainingParts parts,
    IOptionsMonitor<HostedTrainingOptions> options,
    ILoggerFactory loggers,
    TimeProvider time) : BackgroundService
{
    private readonly ILogger logger = loggers.CreateLogger($"Rl.Training.{training.Name}");

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // The host goes on starting: reading an agent may take a while.
        await Task.Yield();
        var (state, error, reason) = (HostedTrainingState.Failed, (Exception?)null, (string?)null);
        Agent? agent = null;
        try
        {
            var wanted = options.Get(training.Name);
            agent = Find(wanted);
            training.Begin(agent, time.GetUtcNow());
            if (agent.Steps < wanted.TotalSteps)
            {
                var result = await agent.TrainAsync(wanted.TotalSteps, Callbacks(wanted), stoppingToken)
                    .ConfigureAwait(false);
                reason = result.StopReason;
            }

            state = HostedTrainingState.Finished;
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            state = HostedTrainingState.Stopped;
        }
#pragma warning disable CA1031 // A training that fails must not end its host.
        catch (Exception caught)
#pragma warning restore CA1031
        {
            // The host and what else it does go on; health checks tell.
            error = caught;
            Failed(logger, caught, training.Name);
        }
        finally
        {
            training.End(state, error, reason, time.GetUtcNow());
            agent?.Dispose();
        }
    }

    /// <summary>The agent of the newest checkpoint, or a new one.</summary>
    private Agent Find(HostedTrainingOptions wanted)
    {
        var path = wanted.ToCheckpoints().AgentPath;
        var agent = File.Exists(path) ? Load(path, wanted) : Create(wanted);
        agent.Logger = logger;
        return agent;
    }

    private Agent Create(HostedTrainingOptions wanted)
    {
        var agentOptions = wanted.ToAgentOptions();
        return parts.Environment is { } factory
            ? Agent.Create(agentOptions, factory, wanted.Seed)
            : Agent.Create(agentOptions, Environments.Make(wanted.Environment!), wanted.Seed);
    }

    private Agent Load(string path, HostedTrainingOptions wanted)
    {
        var agent = parts.Environment is { } factory
            ? Agent.Load(path, factory)
            : Agent.Load(path, Environments.Make(wanted.Environment!));
        try
        {
            if (agent.Options.Algorithm != wanted.Algorithm)
            {
                throw new InvalidOperationException(
                    $"{path} holds an agent of {agent.Options.Algorithm}, and {wanted.Algorithm} is to be trained: "
                    + "use another folder, or remove the file.");
            }

            var before = agent.Options.ToSettings().ToDictionary(setting => setting.Key, setting => setting.Value);
            var after = wanted.ToAgentOptions().ToSettings().Where(setting => setting.Key != "TotalSteps");
            foreach (var (key, value) in after)
            {
                if (wanted.Settings.ContainsKey(key) && before.GetValueOrDefault(key) != value)
                {
                    OtherSetting(logger, path, key, before.GetValueOrDefault(key), value);
                }
            }

            GoesOn(logger, training.Name, agent.Steps, path);
            return agent;
        }
        catch
        {
            agent.Dispose();
            throw;
        }
    }

    private List<TrainingCallback> Callbacks(HostedTrainingOptions wanted)
    {
        List<TrainingCallback> callbacks =
        [
            new Observer(training, time),
            new TelemetryCallback(training.Name),
            new CheckpointCallback(wanted.ToCheckpoints()),
        ];
        if (wanted.StopAtReturn is { } threshold)
        {
            callbacks.Add(new StopAtReturn(threshold));
        }

        callbacks.AddRange(parts.Callbacks());
        return callbacks;
    }

    [LoggerMessage(1, LogLevel.Information, "Training {Name} goes on at step {Steps} from {Path}")]
    private static partial void GoesOn(ILogger logger, string name, long steps, string path);

    [LoggerMessage(
        2, LogLevel.Warning,
        "{Path} was trained with {Setting} {Before}, not {After}; it goes on as it was. Use another folder for other "
            + "settings")]
    private static partial void OtherSetting(ILogger logger, string path, string setting, string? before, string after);

    [LoggerMessage(3, LogLevel.Error, "Training {Name} has failed")]
    private static partial void Failed(ILogger logger, Exception error, string name);

    /// <summary>Tells the host's status of each update and evaluation.</summary>
    private sealed class Observer(HostedTraining training, TimeProvider time) : TrainingCallback
    {
        protected override void OnUpdate(TrainingContext context, TrainingProgress progress) =>
            training.Report(progress, time.GetUtcNow());

        protected override void OnEvaluated(TrainingContext context, EvaluationResult evaluation) =>
            training.Report(evaluation, time.GetUtcNow());
    }
}
