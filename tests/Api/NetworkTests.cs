using System;
using System.Linq;
using Xunit;

namespace Rl.Tests.Api;

/// <summary>Networks of one's own: built, printed, compared, saved with the agent, and refused with what to
/// change.</summary>
public class NetworkTests
{
    private static readonly Network Own = Network.Of(network => network
        .Branch("picture", picture => picture.Convolution(3, 2, activation: Activation.Tanh).Flatten().Dense(8))
        .Branch("state")
        .Dense(6)
        .Residual(block => block.Dense(5, Activation.Elu).Linear(6))
        .LayerNormalisation());

    [Fact]
    public void A_network_is_a_value_with_a_text()
    {
        const string text = "branch(\"picture\")[conv(3, 2, 1, 0, tanh) flatten dense(8, relu)] branch(\"state\")[] "
            + "dense(6, relu) residual[dense(5, elu) dense(6, identity)] norm";
        Assert.Equal(text, Own.ToString());
        Assert.Equal(Own, Network.Parse(text));
        Assert.NotEqual(Own, Network.Automatic);
        Assert.Equal(Network.Automatic, new PpoOptions().Network);
        var apart = Network.Separate(actor => actor.Dense(3), critic => critic.Dense(4));
        Assert.Equal("actor[dense(3, relu)] critic[dense(4, relu)]", apart.ToString());
    }

    [Fact]
    public void Agents_with_networks_of_ones_own_are_saved_and_act_as_they_did()
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("own.rl");
        var options = new PpoOptions { Network = Own, RolloutSteps = 16, MinibatchSize = 32, Threads = 1 };
        using var agent = Agent.Create(options, () => new Look(), seed: 1);
        agent.TrainFor(512);
        agent.Save(path);
        using var loaded = Agent.Load(path, () => new Look());
        Assert.Equal(options.Network, ((PpoOptions)loaded.Options).Network);
        Assert.Equal(agent.Parameters.ToArray(), loaded.Parameters.ToArray());
        var random = new Random(3);
        for (var draw = 0; draw < 20; draw++)
        {
            var observation = agent.ObservationSpace.Sample(random);
            Assert.Equal(agent.Predict(observation), loaded.Predict(observation));
        }

        loaded.TrainFor(512);
        Assert.Equal(1_024, loaded.Steps);
    }

    public static TheoryData<AgentOptions> OfOtherAlgorithms =>
    [
        new DqnOptions { Network = Own, LearningStarts = 64, BatchSize = 16, Threads = 1 },
        new IqnOptions { Network = Own, LearningStarts = 64, BatchSize = 16, Threads = 1 },
        new R2d2Options { Network = Own, LearningStarts = 64, BatchSize = 4, Threads = 1 },
        new SacOptions { Network = Own, LearningStarts = 64, BatchSize = 16, Threads = 1 },
        new PqnOptions { Network = Own, RolloutSteps = 16, Threads = 1 },
        new A2cOptions { Network = Own, Threads = 1 },
        new TrpoOptions { Network = Own, RolloutSteps = 32, Threads = 1 },
        new StreamQOptions { Network = Own, Threads = 1 },
        new EsOptions { Network = Own, Threads = 1 },
    ];

    [Theory]
    [MemberData(nameof(OfOtherAlgorithms), DisableDiscoveryEnumeration = true)]
    public void Networks_of_ones_own_are_saved_and_act_as_they_did_with_other_algorithms(AgentOptions options)
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("own.rl");
        using var agent = Agent.Create(options, () => new Look(), seed: 1);
        agent.TrainFor(200);
        agent.Save(path);
        using var loaded = Agent.Load(path, () => new Look());
        Assert.Equal(Own.ToString(), loaded.Options.ToSettings().ToDictionary()["Network"]);
        Assert.Equal(agent.Parameters.ToArray(), loaded.Parameters.ToArray());
        var random = new Random(3);
        for (var draw = 0; draw < 20; draw++)
        {
            var observation = agent.ObservationSpace.Sample(random);
            Assert.Equal(agent.Predict(observation), loaded.Predict(observation));
        }
    }

    [Fact]
    public void Layers_of_other_options_beside_a_network_are_refused_by_name()
    {
        void Refused(string name, AgentOptions options)
        {
            var error = Assert.ThrowsAny<ArgumentException>(options.Validate);
            Assert.Equal(name, error.ParamName);
            Assert.Contains("has no effect beside Network", error.Message, StringComparison.Ordinal);
        }

        Refused("Hidden", new DqnOptions { Network = Own, Hidden = [32] });
        Refused("Activation", new SacOptions { Network = Own, Activation = Activation.Tanh });
        Refused("Convolutions", new PpoOptions { Network = Own, Convolutions = Convolutions.None });
        Refused("SharedTrunk", new PpoOptions { Network = Own, SharedTrunk = true });
        new DqnOptions { Network = Own }.Validate();
        var two = Network.Separate(actor => actor.Dense(3), critic => critic.Dense(4));
        new Td3Options { Network = two }.Validate();
        var refused = Assert.ThrowsAny<ArgumentException>(
            () => Agent.Create(new DqnOptions { Network = two }, () => new Look(), seed: 1));
        Assert.Contains("one network alone", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Layers_that_do_not_fit_are_named()
    {
        void Refused(string part, Network network)
        {
            var options = new PpoOptions { Network = network };
            var error = Assert.ThrowsAny<ArgumentException>(() => Agent.Create(options, () => new Look(), seed: 1));
            Assert.Contains(part, error.Message, StringComparison.Ordinal);
        }

        Refused("\"radar\"", Network.Of(network => network.Branch("radar").Branch("state").Dense(3)));
        Refused("0 branches that take \"state\"", Network.Of(network => network.Branch("picture").Dense(3)));
        Refused(
            "in the branch \"picture\" layer 1 is dense",
            Network.Of(network => network.Branch("picture", picture => picture.Dense(3)).Branch("state")));
        Refused("layer 1 is a convolution", Network.Of(network => network.Convolution(3, 2)));
        Assert.Throws<InvalidOperationException>(() => Network.Of(network => network.Dense(3).Branch("state")));
        Assert.ThrowsAny<ArgumentException>(() => Network.Of(_ => { }));
        Assert.ThrowsAny<ArgumentException>(() => Network.Of(network => network.Dense(0)));
        Assert.ThrowsAny<ArgumentException>(() => Network.Parse("dense(many)"));
        var missing = Assert.Throws<ArgumentNullException>(() => new PpoOptions { Network = null! }.Validate());
        Assert.Equal("Network", missing.ParamName);
    }

    /// <summary>A picture and a state; the action is to say what the state says.</summary>
    private sealed class Look : IEnvironment
    {
        private Random random = new(0);
        private float state;

        public Space ObservationSpace { get; } =
            Space.Dict(("picture", Space.Image(2, 4, 3)), ("state", Space.Box(0, 1, 1)));

        public Space ActionSpace { get; } = Space.Discrete(2);

        public int MaxEpisodeSteps => 10;

        public ReadOnlyMemory<float> Reset(ulong seed)
        {
            random = new Random((int)(seed >> 33));
            return Next();
        }

        public StepResult Step(ReadOnlySpan<float> action)
        {
            var reward = action[0] == state ? 1 : 0;
            return new(Next(), reward, Terminated: false);
        }

        private float[] Next()
        {
            var values = new float[25];
            for (var pixel = 0; pixel < 24; pixel++)
            {
                values[pixel] = random.Next(256);
            }

            values[24] = state = random.Next(2);
            return values;
        }
    }
}
