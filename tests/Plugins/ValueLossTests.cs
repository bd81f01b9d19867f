using System;
using System.IO;
using System.Linq;
using Rl.Onnx;
using Xunit;
using static Rl.Expr;

namespace Rl.Tests.Plugins;

/// <summary>Losses of action values in C#: DQN's own gives DQN's bits; agents of them are trained, saved, resumed and
/// exported as any other; mistakes are told.</summary>
[Collection("Algorithms are registered one after the other")]
public sealed class ValueLossTests : IDisposable
{
    private static readonly ValueLoss Squares = ValueLoss.Register(
        "test-squares",
        samples =>
        [
            new("valueLoss", Square(samples.Error)),
            LossTerm.Report("largeErrors", Abs(samples.Error) > 1),
        ],
        "DQN's squares, written by a user.");

    private static readonly DqnOptions Small = new()
    {
        TotalSteps = 2_000,
        BufferSize = 1_000,
        LearningStarts = 100,
        BatchSize = 32,
        Hidden = [16],
        GradientSteps = 1,
        EnvironmentCopies = 4,
        Threads = 1,
    };

    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("rl-losses-");

    public void Dispose() => folder.Delete(true);

    [Fact]
    public void Dqns_loss_written_by_a_user_gives_Dqns_bits_and_metrics()
    {
        using var builtIn = Make(Small with { Loss = ValueError.Squared });
        using var own = Make(Squares.Options(Small));
        var expected = builtIn.Train();
        TrainingProgress? last = null;
        own.Train(new SynchronousProgress<TrainingProgress>(now => last = now));
        Assert.Equal(builtIn.Parameters.ToArray(), own.Parameters.ToArray());
        Assert.Equal(expected.Steps, own.Steps);
        Assert.Equal(
            ["valueLoss", "largeErrors", "actionValue", "gradientNorm"],
            last!.Metrics.Take(4).Select(metric => metric.Key));
    }

    [Fact]
    public void It_is_listed_saved_resumed_and_exported_as_any_other()
    {
        Assert.Equal("test-squares", Squares.Id);
        var description = Algorithms.Describe(Squares.Id);
        Assert.Equal("DQN's squares, written by a user.", description.Summary);
        Assert.DoesNotContain(description.Options, option => option.Name == "Loss");
        var designed = new DqnOptions
        {
            TotalSteps = 2_000,
            LearningStarts = 100,
            GradientSteps = 1,
            Network = Network.Of(network => network.Dense(8).LayerNormalisation()),
            EnvironmentCopies = 4,
            Threads = 1,
        };
        using var whole = Make(Squares.Options(designed));
        whole.TrainFor(600);
        var path = Path.Combine(folder.FullName, "agent.rl");
        whole.Save(path);
        whole.TrainFor(600);
        using var loaded = Agent.Load(path, threads: 2);
        Assert.Equal("test-squares", loaded.Options.Algorithm);
        Assert.Equal("dense(8, relu) norm", loaded.Options.ToSettings().ToDictionary()["Network"]);
        loaded.TrainFor(600);
        Assert.Equal(whole.Parameters.ToArray(), loaded.Parameters.ToArray());
        loaded.ExportOnnx(Path.Combine(folder.FullName, "agent.onnx"));
        Assert.True(new FileInfo(Path.Combine(folder.FullName, "agent.onnx")).Length > 100);

        // By its id, as the command line makes it.
        using var byId = Make(Algorithms.Options("TEST-squares", [new("TotalSteps", "1000"), new("Dueling", "true")]));
        Assert.Equal(("test-squares", 1_000), (byId.Options.Algorithm, byId.Options.TotalSteps));
    }

    [Fact]
    public void Mistakes_are_told_when_a_loss_is_registered_or_an_agent_is_made()
    {
        Says("DQN's own loss", () => Squares.Options(Small with { Loss = ValueError.Squared }));
        Says("\"test-squares\" already", () => ValueLoss.Register("test-squares", samples => []));
        Says("\"dqn\" already", () => ValueLoss.Register("dqn", samples => []));
        Says("letters and digits", () => ValueLoss.Register("my loss", samples => []));
        Says("letters and digits", () => PolicyLoss.Register("loss/1", samples => []));
        var noTerms = ValueLoss.Register("test-no-value-terms", samples => []);
        Says("no terms", () => Make(noTerms.Options(Small)));
        var idle = ValueLoss.Register("test-idle", samples => [new("idle", samples.Target)]);
        Says("depends on no parameter", () => Make(idle.Options(Small)));
        var comma = ValueLoss.Register("test-comma", samples => [new("a, b", Square(samples.Error))]);
        Says("\"a, b\"", () => Make(comma.Options(Small)));
        var none = ValueLoss.Register("test-null-values", samples => null!);
        Assert.Throws<InvalidOperationException>(() => Make(none.Options(Small)));
    }

    private static Agent Make(AgentOptions options) =>
        Agent.Create(options, Environments.Make("CartPole-v1"), seed: 1);

    private static void Says(string part, Action action) =>
        Assert.Contains(part, Assert.ThrowsAny<ArgumentException>(action).Message, StringComparison.Ordinal);
}
