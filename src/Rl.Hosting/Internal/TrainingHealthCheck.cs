using System;
using System.Collections.Generic;
using System.Threading;
using System.Threading.Tasks;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Rl.Hosting.Internal;

/// <summary>Whether a training is well.</summary>
internal sealed class TrainingHealthCheck(HostedTraining training, TimeSpan patience, TimeProvider time) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(
        HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(Check());

    private HealthCheckResult Check()
    {
        var data = new Dictionary<string, object> { ["state"] = $"{training.State}" };
        if (training.Progress is { } progress)
        {
            data["steps"] = progress.Steps;
            data["totalSteps"] = progress.TotalSteps;
            data["meanReturn"] = progress.MeanReturn;
            data["stepsPerSecond"] = progress.StepsPerSecond;
        }

        var silence = time.GetUtcNow() - training.LastSeen;
        return training.State switch
        {
            HostedTrainingState.Failed => HealthCheckResult.Unhealthy(
                $"The training has failed: {training.Error?.Message}", training.Error, data),
            HostedTrainingState.Waiting => HealthCheckResult.Degraded("The training has not begun.", null, data),
            HostedTrainingState.Training when silence > patience => HealthCheckResult.Degraded(
                $"The last update was {silence:g} ago.", null, data),
            _ => HealthCheckResult.Healthy(null, data),
        };
    }
}
