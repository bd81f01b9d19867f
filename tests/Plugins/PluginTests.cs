using System;
using System.Diagnostics;
using System.IO;
using System.Linq;
using Rl.Samples;
using Xunit;

namespace Rl.Tests.Plugins;

/// <summary>A twelfth algorithm and an environment of an assembly outside the library do what the library's own
/// do.</summary>
[Collection("Algorithms are registered one after the other")]
public sealed class PluginTests(LoadedPlugin loaded) : IClassFixture<LoadedPlugin>
{
    [Fact]
    public void Its_algorithms_and_environments_are_listed_with_options_ranges_and_meanings()
    {
        Assert.Equal("Annealing", loaded.Plugin.Name);
        Assert.Equal(["annealing"], loaded.Plugin.Algorithms);
        Assert.Equal(["Thermostat-v0"], loaded.Plugin.Environments);
        Assert.Equal(
            Algorithms.All.Select(algorithm => algorithm.Id).Order(StringComparer.Ordinal),
            Algorithms.All.Select(algorithm => algorithm.Id));
        var annealing = Assert.Single(Algorithms.All, algorithm => algorithm.Id == "annealing");
        Assert.Equal(
            ["TotalSteps", "Episodes", "Deviation", "Temperature", "Network", "Hidden", "Activation"],
            annealing.Options.Select(option => option.Name));
        Assert.All(annealing.Options, option => Assert.NotEmpty(option.Meaning));
        Assert.Equal("greater than 0", annealing.Options.Single(option => option.Name == "Deviation").Range);
        Assert.Equal(200_000, annealing.Defaults.TotalSteps);
        var thermostat = Environments.Describe("Thermostat-v0");
        Assert.Equal(
            ("Keep a room at 20 °C whatever the weather.", 50, -60.0),
            (thermostat.Summary, thermostat.MaxEpisodeSteps, thermostat.RewardThreshold));
        Assert.Contains("Thermostat-v0", Environments.Ids);
    }

    [Fact]
    public void Registering_again_changes_nothing_and_taken_ids_are_refused()
    {
        var (algorithms, environments) = (Algorithms.All.Count, Environments.Ids.Count);
        Assert.Equal(loaded.Plugin, Plugin.Load(loaded.Path));
        Assert.Equal((algorithms, environments), (Algorithms.All.Count, Environments.Ids.Count));

        // The same classes from another file are others.
        var error = Assert.Throws<ArgumentException>(() => Plugin.Register(typeof(Thermostat).Assembly));
        Assert.Contains("\"annealing\" already", error.Message, StringComparison.Ordinal);
        Assert.Equal((algorithms, environments), (Algorithms.All.Count, Environments.Ids.Count));
    }

    [Fact]
    public void What_is_no_plugin_is_refused_by_name()
    {
        Assert.Contains(
            "nowhere.dll", Assert.Throws<FileNotFoundException>(() => Plugin.Load("nowhere.dll")).Message,
            StringComparison.Ordinal);
        var text = loaded.File("text.dll");
        File.WriteAllText(text, "no assembly");
        Assert.Contains(
            "text.dll", Assert.Throws<InvalidDataException>(() => Plugin.Load(text)).Message, StringComparison.Ordinal);
        Assert.Contains(
            "has no algorithm",
            Assert.Throws<ArgumentException>(() => Plugin.Register(typeof(Enumerable).Assembly)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Its_options_are_values_that_are_checked_by_name()
    {
        var options = (RegisteredOptions)LoadedPlugin.Small();
        Assert.Equal(LoadedPlugin.Small(), options);
        Assert.Equal(options, options.With("episodes", "5").With("Episodes", "2"));
        Assert.NotEqual(options, options.With("Episodes", "5"));
        Assert.Equal(
            ("5", 2), (options.With("Episodes", "5")["EPISODES"], options.With("Episodes", "5").EnvironmentCopies));
        Assert.Equal("70", (options with { TotalSteps = 70 })["TotalSteps"]);
        Assert.Contains(
            "Episode", Assert.Throws<ArgumentException>(() => options.With("Episode", "5")).Message,
            StringComparison.Ordinal);
        var error = Assert.Throws<ArgumentOutOfRangeException>(options.With("Deviation", "0").Validate);
        Assert.Equal("Deviation", error.ParamName);
        Assert.ThrowsAny<ArgumentException>(
            () => Agent.Create(options.With("Episodes", "0"), Environments.Make("CartPole-v1"), 1));
    }

    [Fact]
    public void Training_in_pieces_saved_and_loaded_between_gives_the_same_file_and_threads_change_no_bit()
    {
        using var whole = Agent.Create(LoadedPlugin.Small(), Environments.Make("CartPole-v1"), 3);
        whole.Train();
        whole.Save(loaded.File("whole.rl"));
        using var first = Agent.Create(LoadedPlugin.Small(), Environments.Make("CartPole-v1"), 3);
        first.TrainFor(700);
        Assert.True(first.Steps < whole.Steps);
        first.Save(loaded.File("pieces.rl"));
        using var second = Agent.Load(loaded.File("pieces.rl"));
        Assert.Equal("annealing", second.Options.Algorithm);
        second.Train();
        second.Save(loaded.File("pieces.rl"));
        Assert.Equal(File.ReadAllBytes(loaded.File("whole.rl")), File.ReadAllBytes(loaded.File("pieces.rl")));
        Assert.Equal(LoadedPlugin.Trained(1), LoadedPlugin.Trained(3));
        Assert.Equal(whole.Evaluate(5).Mean, second.Evaluate(5).Mean);
    }

    [Fact]
    public void It_takes_layers_of_a_users_own()
    {
        Agent With(string network, string hidden) =>
            Agent.Create(
                Algorithms.Options("annealing", [new("Network", network), new("Hidden", hidden)]),
                Environments.Make("CartPole-v1"), 1);

        using var agent = With("dense(3)", "");
        Assert.Equal((4 * 3) + 3 + (3 * 2) + 2, agent.Parameters.Length);
        var error = Assert.Throws<ArgumentException>(
            void () => With("dense(3)", "8").Dispose());
        Assert.Contains("has no effect beside Network", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void It_learns()
    {
        using var agent = Agent.Create(
            Algorithms.Options("annealing", [new("TotalSteps", "100000"), new("EnvironmentCopies", "4")]),
            Environments.Make("CartPole-v1"), 1);
        var before = agent.Evaluate(20).Mean;
        agent.Train();
        Assert.InRange(agent.Evaluate(20).Mean, Math.Max(before, 100), 500);
    }

    [Fact]
    public void Its_environment_is_made_by_id_keeps_its_contract_and_takes_another_limit()
    {
        var environment = Environments.Make("Thermostat-v0");
        Assert.DoesNotContain(Environments.Check(environment, steps: 200), finding => !finding.IsAdvice);
        environment = environment.WithMaxEpisodeSteps(7);
        environment.Reset(1);
        var steps = 1;
        while (!environment.Step([0.5f]).IsOver)
        {
            steps++;
        }

        Assert.Equal(7, steps);
        Assert.Throws<ArgumentException>(() => Environments.Make("Thermostat-v0", ("g", "1")));
    }

    [Fact]
    public void The_command_trains_resumes_evaluates_checks_and_lists_them()
    {
        var run = loaded.File("run");
        var (code, output, error) = loaded.Command(
            "train", "annealing", "Thermostat-v0", "--steps", "2000", "--run", run, "--json", "--episodes", "3",
            "--set", "Episodes=2");
        Assert.Equal((0, string.Empty), (code, error));
        Assert.Contains("\"candidateReturn\"", output, StringComparison.Ordinal);
        Assert.Equal(0, loaded.Command("train", "--resume", run, "--steps", "3000", "--episodes", "3").Code);
        (code, output, _) = loaded.Command("evaluate", run, "--episodes", "3", "--json");
        Assert.Equal(0, code);
        Assert.Contains("\"annealing\"", output, StringComparison.Ordinal);
        Assert.Contains("Thermostat-v0", output, StringComparison.Ordinal);
        Assert.Equal(0, loaded.Command("check", "Thermostat-v0", "--steps", "100").Code);
        Assert.Contains(
            LoadedPlugin.Ids(loaded.Command("environments", "--json").Output),
            line => line.Contains("Thermostat-v0", StringComparison.Ordinal));
        Assert.Contains(
            LoadedPlugin.Ids(loaded.Command("algorithms", "--json").Output),
            line => line.Contains("\"annealing\"", StringComparison.Ordinal));
        Assert.NotEqual(0, loaded.Command("train", "annealing", "Thermostat-v0", "--plugin", "nowhere.dll").Code);

        // Another process, which has not loaded it: the message says what to do.
        using var process = Process.Start(
            new ProcessStartInfo("dotnet", ["exec", Path.Combine(AppContext.BaseDirectory, "rl.dll"), "evaluate", run])
            {
                RedirectStandardError = true,
                RedirectStandardOutput = true,
            })!;
        var message = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.Equal(1, process.ExitCode);
        Assert.Contains("--plugin", message, StringComparison.Ordinal);
    }
}
