using System;
using System.Collections.Generic;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Rl.Hosting;
using Rl.Hosting.Internal;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Reinforcement learning in a host.</summary>
public static class RlServices
{
    /// <summary>Trainings and policies of a host: <c>services.AddRl().AddTraining("tank",
    /// configuration.GetSection("Rl:Tank"), _ => new Tank())</c>.</summary>
    /// <param name="services">The host's services.</param>
    public static RlBuilder AddRl(this IServiceCollection services)
    {
        ArgumentNullException.ThrowIfNull(services);
        return new(services);
    }

    /// <summary>A health check of a training: unhealthy when it has failed, degraded when no update came for a while,
    /// else healthy; its data tell steps, mean return and speed.</summary>
    /// <param name="builder">The host's health checks.</param>
    /// <param name="name">The training's name; the check is called <c>rl-NAME</c>.</param>
    /// <param name="patience">How long an update may take; 5 minutes if not given.</param>
    /// <param name="tags">Tags of the check.</param>
    public static IHealthChecksBuilder AddRlTraining(
        this IHealthChecksBuilder builder, string name, TimeSpan? patience = null, IEnumerable<string>? tags = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        var longest = patience ?? TimeSpan.FromMinutes(5);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(longest, TimeSpan.Zero, nameof(patience));
        return builder.Add(new(
            $"rl-{name}",
            provider => new TrainingHealthCheck(
                provider.GetRequiredKeyedService<HostedTraining>(name),
                longest,
                provider.GetRequiredService<TimeProvider>()),
            HealthStatus.Unhealthy,
            tags));
    }
}
