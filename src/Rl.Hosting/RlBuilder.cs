using System;
using System.Collections.Generic;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Rl.Hosting.Internal;

namespace Rl.Hosting;

/// <summary>Adds trainings and policies to a host's services.</summary>
public sealed class RlBuilder
{
    internal RlBuilder(IServiceCollection services)
    {
        Services = services;
        services.TryAddSingleton(TimeProvider.System);
    }

    /// <summary>The host's services.</summary>
    public IServiceCollection Services { get; }

    /// <summary>A training that runs in the background while the host does, keeps checkpoints, stops with the host, and
    /// goes on at the next start from where it was. Its options are checked before the host starts.</summary>
    /// <param name="name">Its name, which its <see cref="HostedTraining"/> is keyed by.</param>
    /// <param name="configuration">A section with the members of <see cref="HostedTrainingOptions"/>, and no
    /// others.</param>
    /// <param name="environment">Makes a copy of an environment of yours at each call; null for the one of the library
    /// that the configuration names.</param>
    /// <param name="callbacks">Makes callbacks of yours when the training begins; null for none.</param>
    public RlBuilder AddTraining(
        string name,
        IConfiguration configuration,
        Func<IServiceProvider, IEnvironment>? environment = null,
        Func<IServiceProvider, IEnumerable<TrainingCallback>>? callbacks = null)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        Services.AddSingleton<IOptionsChangeTokenSource<HostedTrainingOptions>>(
            new ConfigurationChangeTokenSource<HostedTrainingOptions>(name, configuration));
        return Add(
            name,
            options => options.Configure(value => TrainingConfiguration.Read(configuration, value)),
            environment,
            callbacks);
    }

    /// <summary>A training whose options the program sets.</summary>
    /// <param name="name">Its name, which its <see cref="HostedTraining"/> is keyed by.</param>
    /// <param name="configure">Sets the options.</param>
    /// <param name="environment">Makes a copy of an environment of yours at each call; null for the one of the library
    /// that the options name.</param>
    /// <param name="callbacks">Makes callbacks of yours when the training begins; null for none.</param>
    public RlBuilder AddTraining(
        string name,
        Action<HostedTrainingOptions> configure,
        Func<IServiceProvider, IEnvironment>? environment = null,
        Func<IServiceProvider, IEnumerable<TrainingCallback>>? callbacks = null)
    {
        ArgumentNullException.ThrowIfNull(configure);
        return Add(name, options => options.Configure(configure), environment, callbacks);
    }

    /// <summary>A policy from a file, read when it is first asked for; any thread acts with it.</summary>
    /// <param name="name">Its name, which the <see cref="Policy"/> is keyed by.</param>
    /// <param name="path">A file that <c>agent.Save</c> or <c>rl train</c> wrote.</param>
    public RlBuilder AddPolicy(string name, string path)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        Services.AddKeyedSingleton(name, (_, _) => Policy.Load(path));
        return this;
    }

    private RlBuilder Add(
        string name,
        Action<OptionsBuilder<HostedTrainingOptions>> configure,
        Func<IServiceProvider, IEnvironment>? environment,
        Func<IServiceProvider, IEnumerable<TrainingCallback>>? callbacks)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        configure(Services.AddOptions<HostedTrainingOptions>(name).ValidateOnStart());
        Services.AddSingleton<IValidateOptions<HostedTrainingOptions>>(
            new HostedTrainingValidator(name, environment is not null));
        var training = new HostedTraining(name);
        Services.AddKeyedSingleton(name, training);
        Services.AddSingleton<IHostedService>(provider => new TrainingService(
            training,
            new(
                environment is null ? null : () => environment(provider),
                callbacks is null ? () => [] : () => callbacks(provider)),
            provider.GetRequiredService<IOptionsMonitor<HostedTrainingOptions>>(),
            provider.GetRequiredService<ILoggerFactory>(),
            provider.GetRequiredService<TimeProvider>()));
        return this;
    }
}
