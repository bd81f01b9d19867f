using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Threading.Tasks;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Rl.Hosting;
using Xunit;

namespace Rl.Tests.Hosting;

/// <summary>Trainings in a host: from configuration to the end, through stops and failures.</summary>
public sealed class HostTests
{
    private const string Section = "Rl:Pole";

    [Fact]
    public async Task A_training_runs_to_its_end_and_its_policy_acts_meanwhile()
    {
        using var folder = new TemporaryFolder();
        using var host = Host(Settings(folder, ("TotalSteps", "640")));
        var training = host.Services.GetRequiredKeyedService<HostedTraining>("pole");
        Assert.Equal((HostedTrainingState.Waiting, null), (training.State, training.Policy));
        await host.StartAsync();
        await training.Completion.WaitAsync(TimeSpan.FromMinutes(1));
        Assert.Equal((HostedTrainingState.Finished, null), (training.State, training.Error));
        Assert.Equal(640, training.Progress!.Steps);
        Assert.InRange(training.Policy!.PredictDiscrete([0, 0, 0, 0]), 0, 1);
        await host.StopAsync();

        // As without a host, bit for bit.
        using var alone = Agent.Create(
            Algorithms.Options("ppo", [.. SmallOptions]), Environments.Make("CartPole-v1"), 7);
        alone.Train(640);
        using var kept = Agent.Load(folder.File("pole/agent.rl"));
        Assert.True(alone.Parameters.Span.SequenceEqual(kept.Parameters.Span));
    }

    [Fact]
    public async Task A_host_that_stops_goes_on_where_it_was()
    {
        using var folder = new TemporaryFolder();
        var settings = Settings(folder, ("TotalSteps", "200000"));
        long stopped;
        using (var host = Host(settings))
        {
            var training = host.Services.GetRequiredKeyedService<HostedTraining>("pole");
            await host.StartAsync();
            await Until(() => training.Progress?.Steps >= 640);
            await host.StopAsync();
            Assert.Equal(HostedTrainingState.Stopped, training.State);
            stopped = training.Progress!.Steps;
            Assert.NotNull(training.Policy);
        }

        using (var kept = Agent.Load(folder.File("pole/agent.rl")))
        {
            Assert.Equal(stopped, kept.Steps);
        }

        settings["Rl:Pole:TotalSteps"] = $"{stopped + 640}";
        using (var host = Host(settings))
        {
            var training = host.Services.GetRequiredKeyedService<HostedTraining>("pole");
            await host.StartAsync();
            await training.Completion.WaitAsync(TimeSpan.FromMinutes(1));
            Assert.Equal((HostedTrainingState.Finished, null), (training.State, training.Error));
            Assert.Equal(stopped + 640, training.Progress!.Steps);
            Assert.Equal(10, training.Progress.Updates - (stopped / 64));
        }

        // At its end there is nothing to do, and a policy to act with.
        using (var host = Host(settings))
        {
            var training = host.Services.GetRequiredKeyedService<HostedTraining>("pole");
            await host.StartAsync();
            await training.Completion.WaitAsync(TimeSpan.FromMinutes(1));
            Assert.Equal((HostedTrainingState.Finished, null), (training.State, training.Progress));
            Assert.NotNull(training.Policy);
        }
    }

    [Fact]
    public async Task Environments_and_callbacks_of_the_program_have_its_services()
    {
        using var folder = new TemporaryFolder();
        var builder = Builder([]);
        builder.Services.AddSingleton(new Weather(12));
        var made = 0;
        builder.Services.AddRl().AddTraining(
            "tank",
            options =>
            {
                options.TotalSteps = 2_000_000;
                options.Folder = folder.File("tank");
                options.EvaluateEverySteps = 64;
                options.EvaluationEpisodes = 2;
                options.StopAtReturn = -1e9;
                foreach (var (key, value) in SmallOptions)
                {
                    options.Settings[key] = value;
                }
            },
            provider =>
            {
                made++;
                return new Tank(provider.GetRequiredService<Weather>());
            },
            provider => [new EverySteps(64, (_, _) => provider.GetRequiredService<Weather>().Calls++)]);
        using var host = builder.Build();
        var training = host.Services.GetRequiredKeyedService<HostedTraining>("tank");
        await host.StartAsync();
        await training.Completion.WaitAsync(TimeSpan.FromMinutes(1));
        Assert.Equal((HostedTrainingState.Finished, null), (training.State, training.Error));
        Assert.Contains("has reached", training.StopReason, StringComparison.Ordinal);
        Assert.Equal(2, training.LastEvaluation!.Episodes);
        Assert.True(made >= 2);
        Assert.Equal(1, host.Services.GetRequiredService<Weather>().Calls);
        Assert.True(File.Exists(folder.File("tank/best.rl")));
    }

    [Fact]
    public async Task All_faults_of_the_configuration_stop_the_start_at_once()
    {
        using var folder = new TemporaryFolder();
        var settings = Settings(
            folder,
            ("TotalSteps", "0"),
            ("Environment", "CartPole-v9"),
            ("StopAtReturn", "475"),
            ("EvaluationEpisodes", "0"),
            ("CheckpointInterval", "-00:00:01"),
            ("Settings:LearningRate", "fast"),
            ("Settings:LearnRate", "1"));
        settings["Rl:Pole:Folder"] = " ";
        using var host = Host(settings);
        var error = await Assert.ThrowsAsync<OptionsValidationException>(() => host.StartAsync());
        string[] named =
        [
            "TotalSteps is 0", "CartPole-v9", "StopAtReturn judges evaluations", "EvaluationEpisodes is 0",
            "CheckpointInterval is -00:00:01", "Folder is missing", "\"fast\"", "LearnRate",
        ];
        Assert.All(named, name => Assert.Single(
            error.Failures, failure => failure.Contains(name, StringComparison.Ordinal)));
        Assert.Equal(named.Length, error.Failures.Count());
        Assert.All(
            error.Failures, failure => Assert.StartsWith("Training \"pole\": ", failure, StringComparison.Ordinal));

        using var unknown = Host(Settings(folder, ("TotalSteps", "640"), ("Algorithm", "ppp")));
        error = await Assert.ThrowsAsync<OptionsValidationException>(() => unknown.StartAsync());
        Assert.Contains(
            "Algorithm is \"ppp\"; it must be one of", Assert.Single(error.Failures), StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_cannot_be_read_is_told_with_the_other_faults()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File("file"), "");
        using var host = Host(Settings(
            folder,
            ("TotalSteps", "viele"),
            ("CheckpointInterval", "2 s"),
            ("Seed", "-1"),
            ("Seeed", "3"),
            ("EvaluateEverySteps", "1e3"),
            ("EvaluationEpisodes", "0"),
            ("StopAtReturn", "high"),
            ("Folder", folder.File("file/pole"))));
        var error = await Assert.ThrowsAsync<OptionsValidationException>(() => host.StartAsync());
        string[] named =
        [
            "TotalSteps is \"viele\"; it must be a whole number.", "CheckpointInterval is \"2 s\"; it must be hours",
            "Seed is \"-1\"; it must be a whole number from 0.", "There is no option Seeed; there are Algorithm, ",
            "EvaluateEverySteps is \"1e3\"", "EvaluationEpisodes is 0", "StopAtReturn is \"high\"", "Folder is \"",
        ];
        Assert.All(named, name => Assert.Single(
            error.Failures, failure => failure.StartsWith($"Training \"pole\": {name}", StringComparison.Ordinal)));
        Assert.Equal(named.Length, error.Failures.Count());

        using var days = Host(Settings(folder, ("TotalSteps", "640"), ("CheckpointInterval", "30")));
        error = await Assert.ThrowsAsync<OptionsValidationException>(() => days.StartAsync());
        Assert.Contains("such as 00:00:30", Assert.Single(error.Failures), StringComparison.Ordinal);
        Assert.Equal([folder.File("file")], Directory.GetFileSystemEntries(folder.Path));
    }

    [Fact]
    public async Task Names_are_read_in_any_case_and_lists_by_their_elements()
    {
        using var folder = new TemporaryFolder();
        var settings = Settings(
            folder, ("totalSteps", "640"), ("StopAtReturn", null), ("Settings:Hidden:0", "8"),
            ("Settings:Hidden:1", "4"));
        settings.Remove("Rl:Pole:Settings:Hidden");
        using var host = Host(settings);
        var training = host.Services.GetRequiredKeyedService<HostedTraining>("pole");
        await host.StartAsync();
        await training.Completion.WaitAsync(TimeSpan.FromMinutes(1));
        Assert.Null(training.Error);
        using var kept = Agent.Load(folder.File("pole/agent.rl"));
        Assert.Equal([8, 4], Assert.IsType<PpoOptions>(kept.Options).Hidden);
    }

    [Fact]
    public void Policies_refuse_what_was_not_observed_by_an_argument_exception()
    {
        using var agent = Agent.Create(new PpoOptions(), Environments.Make("FrozenLake-v1"), 1);
        var policy = agent.ToPolicy();
        Assert.InRange(policy.Predict([15])[0], 0, 3);
        Assert.All(
            (float[][])[[2.5f], [float.NaN], [-1], [16], [1, 2], []],
            bad => Assert.ThrowsAny<ArgumentException>(() => policy.Predict(bad)));
    }

    [Fact]
    public async Task What_fails_is_unhealthy_and_the_host_goes_on()
    {
        using var folder = new TemporaryFolder();
        var settings = Settings(folder, ("TotalSteps", "640"));
        Directory.CreateDirectory(folder.File("pole"));
        File.WriteAllText(folder.File("pole/agent.rl"), "no agent");
        using var host = Host(settings);
        var training = host.Services.GetRequiredKeyedService<HostedTraining>("pole");
        await host.StartAsync();
        await training.Completion.WaitAsync(TimeSpan.FromMinutes(1));
        Assert.Equal(HostedTrainingState.Failed, training.State);
        Assert.IsType<InvalidDataException>(training.Error);
        Assert.Equal("no agent", File.ReadAllText(folder.File("pole/agent.rl")));
        var (status, description) = await Health(host);
        Assert.Equal(HealthStatus.Unhealthy, status);
        Assert.Contains("The training has failed", description, StringComparison.Ordinal);
        Assert.False(host.Services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping
            .IsCancellationRequested);
    }

    [Fact]
    public async Task A_folder_of_another_algorithm_is_refused()
    {
        using var folder = new TemporaryFolder();
        using (var other = Agent.Create(new A2cOptions(), Environments.Make("CartPole-v1"), 1))
        {
            other.Save(folder.File("pole/agent.rl"));
        }

        using var host = Host(Settings(folder, ("TotalSteps", "640")));
        var training = host.Services.GetRequiredKeyedService<HostedTraining>("pole");
        await host.StartAsync();
        await training.Completion.WaitAsync(TimeSpan.FromMinutes(1));
        Assert.Contains("holds an agent of a2c, and ppo", training.Error!.Message, StringComparison.Ordinal);
        using var kept = Agent.Load(folder.File("pole/agent.rl"));
        Assert.Equal("a2c", kept.Options.Algorithm);
    }

    [Fact]
    public async Task Health_follows_the_training()
    {
        using var folder = new TemporaryFolder();
        var clock = new Clock();
        using var host = Host(Settings(folder, ("TotalSteps", "10000000")), clock);
        Assert.Equal((HealthStatus.Degraded, "The training has not begun."), await Health(host));
        var training = host.Services.GetRequiredKeyedService<HostedTraining>("pole");
        await host.StartAsync();
        await Until(() => training.Progress is not null);
        Assert.Equal(HealthStatus.Healthy, (await Health(host)).Status);
        await host.StopAsync();

        // As if no update came for six minutes.
        var hung = new HostedTraining("hung");
        using var agent = Agent.Create(
            Algorithms.Options("ppo", [.. SmallOptions]), Environments.Make("CartPole-v1"), 7);
        hung.Begin(agent, clock.GetUtcNow());
        var check = new Rl.Hosting.Internal.TrainingHealthCheck(hung, TimeSpan.FromMinutes(5), clock);
        Assert.Equal(HealthStatus.Healthy, (await check.CheckHealthAsync(new())).Status);
        clock.Now += TimeSpan.FromMinutes(6);
        var late = await check.CheckHealthAsync(new());
        Assert.Equal(HealthStatus.Degraded, late.Status);
        Assert.Equal("The last update was 0:06:00 ago.", late.Description);
    }

    [Fact]
    public void Policies_of_files_are_services()
    {
        using var folder = new TemporaryFolder();
        using (var agent = Agent.Create(new PpoOptions(), Environments.Make("CartPole-v1"), 1))
        {
            agent.Save(folder.File("pilot.rl"));
        }

        var builder = Builder([]);
        builder.Services.AddRl().AddPolicy("pilot", folder.File("pilot.rl"));
        using var host = builder.Build();
        var policy = host.Services.GetRequiredKeyedService<Policy>("pilot");
        Assert.Same(policy, host.Services.GetRequiredKeyedService<Policy>("pilot"));
        Assert.InRange(policy.PredictDiscrete([0, 0, 0, 0]), 0, 1);
    }

    internal static IEnumerable<KeyValuePair<string, string>> SmallOptions =>
    [
        new("RolloutSteps", "32"), new("MinibatchSize", "64"), new("EnvironmentCopies", "2"), new("Hidden", "16"),
        new("Threads", "1"),
    ];

    private static Dictionary<string, string?> Settings(
        TemporaryFolder folder, params (string Key, string? Value)[] settings)
    {
        var all = new Dictionary<string, string?>
        {
            [$"{Section}:Environment"] = "CartPole-v1",
            [$"{Section}:Seed"] = "7",
            [$"{Section}:Folder"] = folder.File("pole"),
        };
        foreach (var (key, value) in SmallOptions)
        {
            all[$"{Section}:Settings:{key}"] = value;
        }

        foreach (var (key, value) in settings)
        {
            all[$"{Section}:{key}"] = value;
        }

        return all;
    }

    private static HostApplicationBuilder Builder(Dictionary<string, string?> settings)
    {
        var builder = Microsoft.Extensions.Hosting.Host.CreateEmptyApplicationBuilder(new());
        builder.Configuration.AddInMemoryCollection(settings);
        return builder;
    }

    private static IHost Host(Dictionary<string, string?> settings, TimeProvider? clock = null)
    {
        var builder = Builder(settings);
        if (clock is not null)
        {
            builder.Services.AddSingleton(clock);
        }

        builder.Services.AddRl().AddTraining("pole", builder.Configuration.GetSection(Section));
        builder.Services.AddHealthChecks().AddRlTraining("pole");
        return builder.Build();
    }

    private static async Task<(HealthStatus Status, string? Description)> Health(IHost host)
    {
        var report = await host.Services.GetRequiredService<HealthCheckService>().CheckHealthAsync();
        var entry = report.Entries["rl-pole"];
        return (entry.Status, entry.Description);
    }

    private static async Task Until(Func<bool> condition)
    {
        var end = DateTime.UtcNow + TimeSpan.FromMinutes(1);
        while (!condition())
        {
            Assert.True(DateTime.UtcNow < end, "It took too long.");
            await Task.Delay(5);
        }
    }

    private sealed class Clock : TimeProvider
    {
        public DateTimeOffset Now { get; set; } = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

        public override DateTimeOffset GetUtcNow() => Now;
    }

    private sealed class Weather(float outside)
    {
        public float Outside => outside;

        public int Calls { get; set; }
    }

    private sealed class Tank(Weather weather) : IEnvironment
    {
        private float temperature;
        private int left;

        public Space ObservationSpace { get; } = Space.Box(-50, 150, 1);

        public Space ActionSpace { get; } = Space.Box(0, 1, 1);

        public ReadOnlyMemory<float> Reset(ulong seed)
        {
            (temperature, left) = (weather.Outside, 10);
            return new[] { temperature };
        }

        public StepResult Step(ReadOnlySpan<float> action)
        {
            temperature += action[0];
            left--;
            return new(new[] { temperature }, -Math.Abs(temperature - 15), false, left == 0);
        }
    }
}
