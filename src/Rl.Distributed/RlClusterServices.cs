using System;
using Rl.Distributed;
using Rl.Distributed.Internal;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Workers of a cluster in a host.</summary>
public static class RlClusterServices
{
    /// <summary>Has a host act for learners while it runs: <c>services.AddRlCluster(options => { options.Learner =
    /// "10.0.0.5"; options.Secret = secret; options.Environments["Tank"] = () => new Tank(); })</c>.</summary>
    /// <param name="services">The host's services.</param>
    /// <param name="configure">Sets the options.</param>
    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    public static IServiceCollection AddRlCluster(this IServiceCollection services, Action<RlClusterOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(configure);
        var options = new RlClusterOptions();
        configure(options);
        options.Validate();
        services.AddHostedService(provider => ActivatorUtilities.CreateInstance<HostedWorker>(provider, options));
        return services;
    }
}
