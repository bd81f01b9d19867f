using System;
using System.IO;
using System.Linq;
using Rl.Onnx;
using Xunit;
using static Rl.Expr;

namespace Rl.Tests.Plugins;

/// <summary>Losses of users in C#: PPO's own gives PPO's bits; agents of them are trained, saved, resumed and exported
/// as any other; mistakes are told.</summary>
[Collection("Algorithms are registered one after the other")]
public sealed class PolicyLossTests : IDisposable
{
    private static readonly PolicyLoss Proximal = PolicyLoss.Register(
        "test-proximal",
        samples =>
        [
            new(
                "policyLoss",
                -Minimum(
                    samples.Ratio * samples.Advantages,
                    Clamp(samples.Ratio, 0.8, 1.2) * samples.Advantages)),
            new("entropy", samples.Entropy, weight: -0.01),
            LossTerm.Report("clipFraction", Abs(samples.Ratio - 1) > 0.2),
            new("valueLoss", 0.5 * Square(samples.Value - samples.Returns), weight: 0.5),
        ],
        "PPO's loss, written by a user.");

    private static readonly PpoOptions Small = new()
    {
        TotalSteps = 4_000,
        RolloutSteps = 64,
        MinibatchSize = 64,
        Epochs = 3,
        Hidden = [16],
        EnvironmentCopies = 4,
        Threads = 1,
    };

    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("rl-losses-");

    public void Dispose() => folder.Delete(true);

    [Fact]
    public void Ppos_loss_written_by_a_user_gives_Ppos_bits_and_metrics()
    {
        using var builtIn = Make(Small with { ClipRange = 0.2, EntropyCoefficient = 0.01 });
        using var own = Make(Proximal.Options(Small));
        var expected = builtIn.Train();
        TrainingProgress? last = null;
        own.Train(new SynchronousProgress<TrainingProgress>(now => last = now));
        Assert.Equal(builtIn.Parameters.ToArray(), own.Parameters.ToArray());
        Assert.Equal(expected.Steps, own.Steps);
        Assert.Equal(
            ["policyLoss", "entropy", "clipFraction", "valueLoss", "approximateKl", "gradientNorm"],
            last!.Metrics.Take(6).Select(metric => metric.Key));
    }

    [Fact]
    public void It_is_listed_saved_resumed_and_exported_as_any_other()
    {
        Assert.Equal("test-proximal", Proximal.Id);
        var description = Algorithms.Describe(Proximal.Id);
        Assert.Equal("PPO's loss, written by a user.", description.Summary);
        Assert.DoesNotContain(description.Options, option => option.Name == "ClipRange");
        using var whole = Make(Proximal.Options(Small));
        whole.TrainFor(1_000);
        var path = Path.Combine(folder.FullName, "agent.rl");
        whole.Save(path);
        whole.TrainFor(1_000);
        using var loaded = Agent.Load(path, threads: 2);
        Assert.Equal("test-proximal", loaded.Options.Algorithm);
        loaded.TrainFor(1_000);
        Assert.Equal(whole.Parameters.ToArray(), loaded.Parameters.ToArray());
        float[] observation = [0.01f, -0.02f, 0.03f, 0.04f];
        Assert.Equal(
            loaded.PredictDiscrete(observation), loaded.ToPolicy().PredictDiscrete(observation));
        loaded.ExportOnnx(Path.Combine(folder.FullName, "agent.onnx"));
        Assert.True(new FileInfo(Path.Combine(folder.FullName, "agent.onnx")).Length > 100);

        // By its id, as the command line makes it.
        var options = Algorithms.Options("TEST-proximal", [new("Epochs", "2"), new("TotalSteps", "1000")]);
        using var byId = Make(options);
        Assert.Equal(("test-proximal", 1_000), (byId.Options.Algorithm, byId.Options.TotalSteps));
    }

    [Fact]
    public void Frozen_blocks_stay_with_a_loss_of_ones_own()
    {
        using var agent = Make(Proximal.Options(Small));
        var before = agent.GetParameter("actor/0/weight").Values.ToArray();
        agent.Freeze("actor/0/");
        agent.TrainFor(1_000);
        Assert.Equal(before, agent.GetParameter("actor/0/weight").Values.ToArray());
    }

    [Fact]
    public void Mistakes_are_told_when_an_agent_is_made()
    {
        Says("PPO's own loss", () => Proximal.Options(Small with { EntropyCoefficient = 0.1 }));
        Says("EntropyCoefficient is 0.1", () => Proximal.Options(Small with { EntropyCoefficient = 0.1 }));
        Says("\"test-proximal\" already", () => PolicyLoss.Register("test-proximal", samples => []));
        Says("\"PPO\" already", () => PolicyLoss.Register("PPO", samples => []));
        var hole = PolicyLoss.Register("test-hole", samples => [null!]);
        Says("is null", () => Make(hole.Options(Small)));
        var noTerms = PolicyLoss.Register("test-no-terms", samples => []);
        Says("no terms", () => Make(noTerms.Options(Small)));
        var wide = PolicyLoss.Register("test-wide", samples =>
        [
            new("policyLoss", -samples.Ratio * ExpandAxis(samples.Advantages, 1)),
            new("valueLoss", Square(samples.Value - samples.Returns)),
        ]);
        Says("policyLoss has shape", () => Make(wide.Options(Small)));
        var none = PolicyLoss.Register("test-null", samples => null!);
        Assert.Throws<InvalidOperationException>(() => Make(none.Options(Small)));
        Assert.Throws<ArgumentException>(() => new LossTerm(" ", 1.0));
    }

    [Fact]
    public void A_term_that_is_not_a_number_stops_training_and_leaves_the_agent_whole()
    {
        var broken = PolicyLoss.Register("test-not-finite", samples =>
        [
            new("policyLoss", -samples.Ratio * samples.Advantages),
            new("valueLoss", Log(samples.Value - 1e6)),
        ]);
        using var agent = Make(broken.Options(Small));
        var before = agent.Parameters.ToArray();
        var failure = Assert.Throws<TrainingFailureException>(() => agent.Train());
        Assert.Equal("test-not-finite", failure.Details.Algorithm);
        Assert.Equal(before, agent.Parameters.ToArray());
    }

    private static Agent Make(AgentOptions options) =>
        Agent.Create(options, Environments.Make("CartPole-v1"), seed: 1);

    private static void Says(string part, Action action) =>
        Assert.Contains(part, Assert.ThrowsAny<ArgumentException>(action).Message, StringComparison.Ordinal);
}
