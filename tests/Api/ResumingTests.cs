using System;
using System.IO;
using System.Threading;
using System.Threading.Tasks;
using Xunit;

namespace Rl.Tests.Api;

/// <summary>Going on across starts of a program: agents from a file or new ones, and training that is stopped without
/// an exception.</summary>
public sealed class ResumingTests : IDisposable
{
    private static readonly A2cOptions Options = new() { Hidden = [8], EnvironmentCopies = 4, TotalSteps = 640 };

    private readonly TemporaryFolder folder = new();
    private readonly string path;

    public ResumingTests() => path = folder.File("agent.rl");

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Starts_one_after_the_other_end_with_the_bits_of_one_that_was_never_stopped()
    {
        using var whole = Agent.Create(Options, Environments.Make("CartPole-v1"), 3);
        whole.Train();
        for (var start = 0; start < 3; start++)
        {
            using var agent = Agent.LoadOrCreate(path, Options, Environments.Make("CartPole-v1"), seed: 3);
            Assert.Equal(start == 0, agent.Steps == 0);
            agent.TrainFor(160);
            agent.Save(path);
        }

        using var last = Agent.LoadOrCreate(path, Options, Environments.Make("CartPole-v1"), seed: 99);
        Assert.Equal(3UL, last.Seed);
        last.Train();
        Assert.True(whole.Parameters.Span.SequenceEqual(last.Parameters.Span));
    }

    [Fact]
    public void The_plan_and_the_threads_may_change()
    {
        Make(Options);
        using var agent = Agent.LoadOrCreate(
            path, Options with { TotalSteps = 1_280, Threads = 1 }, Environments.Make("CartPole-v1"), 1);
        Assert.Equal((1_280, 1), (agent.Options.TotalSteps, agent.Options.Threads));
        Assert.True(agent.Train().Steps >= 1_280);
    }

    [Fact]
    public void A_file_of_something_else_is_refused_by_what_differs_and_stays_as_it_is()
    {
        Make(Options);
        var bytes = File.ReadAllBytes(path);
        Says("holds an agent of a2c, and the options are of ppo", () =>
            Agent.LoadOrCreate(path, new PpoOptions(), Environments.Make("CartPole-v1"), 1));
        Says("LearningRate is 0.0007 there and 0.01 here", () =>
            Agent.LoadOrCreate(path, Options with { LearningRate = 0.01 }, Environments.Make("CartPole-v1"), 1));
        Says("EnvironmentCopies is 4 there and 2 here", () =>
            Agent.LoadOrCreate(path, Options with { EnvironmentCopies = 2 }, Environments.Make("CartPole-v1"), 1));
        Says("Use an environment with the same spaces", () =>
            Agent.LoadOrCreate(path, Options, Environments.Make("Acrobot-v1"), 1));
        Says("is a folder", () =>
            Agent.LoadOrCreate(folder.Path, Options, Environments.Make("CartPole-v1"), 1));
        Assert.Equal(bytes, File.ReadAllBytes(path));
        File.WriteAllText(path, "no agent");
        Assert.Throws<InvalidDataException>(() =>
            Agent.LoadOrCreate(path, Options, Environments.Make("CartPole-v1"), 1));
        Assert.Equal("no agent", File.ReadAllText(path));
    }

    [Fact]
    public void An_environment_of_ones_own_is_given_as_a_factory()
    {
        for (var start = 0; start < 2; start++)
        {
            using var agent = Agent.LoadOrCreate(path, Options, () => new Corridor(), seed: 3);
            agent.TrainFor(80);
            agent.Save(path);
        }

        using var loaded = Agent.Load(path, () => new Corridor());
        Assert.Equal(160, loaded.Steps);
    }

    [Fact]
    public async Task Training_that_a_callback_stops_by_a_token_returns_what_it_did()
    {
        using var stop = new CancellationTokenSource();
        using var agent = Agent.Create(Options, Environments.Make("CartPole-v1"), 1);
        var result = await agent.TrainAsync(
            1_000_000, [new StopOnCancellation(stop.Token), new EverySteps(200, (_, _) => stop.Cancel())],
            TestContext.Current.CancellationToken);
        Assert.Equal(StopOnCancellation.Reason, result.StopReason);
        Assert.InRange(result.StepsTaken, 200, 400);
        Assert.Equal(agent.Steps, result.Steps);

        // Cancelled before it begins, it does nothing.
        var none = agent.Train(2_000_000, [new StopOnCancellation(stop.Token)], TestContext.Current.CancellationToken);
        Assert.Equal((0, StopOnCancellation.Reason), (none.StepsTaken, none.StopReason));

        // The other token throws, as .NET's own do.
        Assert.Throws<OperationCanceledException>(() => agent.Train(2_000_000, [], stop.Token));
    }

    [Fact]
    public void Arrays_with_masks_are_predicted_as_spans_are()
    {
        using var agent = Agent.Create(
            new DqnOptions { Hidden = [8] }, Environments.Make("CartPole-v1"), 1);
        float[] observation = [0.1f, -0.2f, 0.3f, 0];
        bool[] mask = [false, true];
        Assert.Equal([1f], agent.Predict(observation, mask));
        Assert.Equal([1f], agent.ToPolicy().Predict(observation, mask));
        mask = [true, false];
        Assert.Equal([0f], agent.Predict(observation, mask));
        Assert.Equal([0f], agent.ToPolicy().Predict(observation, mask));
        Assert.Throws<ArgumentException>(() => agent.Predict(observation, new[] { true }));
    }

    private void Make(AgentOptions options)
    {
        using var agent = Agent.Create(options, Environments.Make("CartPole-v1"), 1);
        agent.TrainFor(160);
        agent.Save(path);
    }

    private static void Says(string expected, Func<Agent> load)
    {
        var error = Assert.Throws<ArgumentException>(() => load().Dispose());
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
    }
}
