using Microsoft.FSharp.Collections;
using Rl.Core.Acting;
using Rl.Core.Algorithms;
using Rl.Core.Autodiff;
using Rl.Core.Environments;
using Rl.Core.Foundations;
using Rl.Core.Kernels;
using Rl.Core.Learning;
using Rl.Core.Networks;
using Compile = Rl.Core.Autodiff.Program;

namespace Rl.Bench;

using PpoOptions = Core.Algorithms.PpoOptions;

/// <summary>The things that are measured, the same for the quick table and for BenchmarkDotNet.</summary>
internal static class Workloads
{
    private const int ObservationSize = 4;
    private const int Actions = 2;
    private static readonly int[] Hidden = [64, 64];

    /// <summary>CleanRL's defaults for <c>ppo.py</c>: 128 steps, 4 epochs of minibatches of 128, 2x64 tanh, separate
    /// networks.</summary>
    public static PpoOptions CleanRl(long totalSteps) => Options(
        ("TotalSteps", totalSteps.ToString(System.Globalization.CultureInfo.InvariantCulture)),
        ("RolloutSteps", "128"),
        ("MinibatchSize", "128"),
        ("Epochs", "4"),
        ("LearningRate", "linear(2.5e-4, 0)"),
        ("Discount", "0.99"),
        ("GaeLambda", "0.95"),
        ("ClipRange", "linear(0.2, 0)"),
        ("ValueClipRange", "0.2"),
        ("NormaliseAdvantages", "true"),
        ("EntropyCoefficient", "0.01"),
        ("ValueCoefficient", "0.5"),
        ("MaxGradientNorm", "0.5"),
        ("Hidden", "64x64"),
        ("Activation", "tanh"));

    /// <summary>RLtools' PPO benchmark on Pendulum-v1: 64 copies x 128 steps, one epoch of minibatches of 1024, 2x32
    /// tanh, normalised observations.</summary>
    public static PpoOptions RlTools(long totalSteps) => Options(
        ("TotalSteps", totalSteps.ToString(System.Globalization.CultureInfo.InvariantCulture)),
        ("RolloutSteps", "128"),
        ("MinibatchSize", "1024"),
        ("Epochs", "1"),
        ("LearningRate", "1e-3"),
        ("Discount", "0.9"),
        ("GaeLambda", "0.95"),
        ("ClipRange", "0.2"),
        ("EntropyCoefficient", "0.1"),
        ("MaxGradientNorm", "0"),
        ("NormaliseObservations", "true"),
        ("InitialLogStandardDeviation", "0.6931"),
        ("ActionScaling", "none"),
        ("Hidden", "32x32"),
        ("Activation", "tanh"));

    /// <summary>Stable-Baselines3's defaults for PPO: 2048 steps of each copy, 10 epochs of minibatches of 64, 2x64
    /// tanh, separate networks.</summary>
    public static PpoOptions StableBaselines3(long totalSteps) => Options(
        ("TotalSteps", totalSteps.ToString(System.Globalization.CultureInfo.InvariantCulture)),
        ("RolloutSteps", "2048"),
        ("MinibatchSize", "64"),
        ("Epochs", "10"),
        ("LearningRate", "3e-4"),
        ("Discount", "0.99"),
        ("GaeLambda", "0.95"),
        ("ClipRange", "0.2"),
        ("MaxGradientNorm", "0.5"),
        ("Hidden", "64x64"),
        ("Activation", "tanh"));

    /// <summary>CleanRL's settings with minibatches of 2048 from 64 copies, large enough to be shared by
    /// threads.</summary>
    public static PpoOptions LargeMinibatches(long totalSteps) =>
        PpoOptionsModule.ofPairs(ListModule.OfSeq(
            PpoOptionsModule.toPairs(CleanRl(totalSteps)).Select(pair =>
                pair.Item1 == "MinibatchSize" ? Tuple.Create(pair.Item1, "2048") : pair)));

    /// <summary>The tuned options of <c>MinAtar/*</c>: a convolution of 16 filters and 128 units, shared by actor and
    /// critic.</summary>
    public static PpoOptions MinAtar(long totalSteps) => Options(
        ("TotalSteps", totalSteps.ToString(System.Globalization.CultureInfo.InvariantCulture)),
        ("RolloutSteps", "32"),
        ("MinibatchSize", "256"),
        ("Epochs", "3"),
        ("LearningRate", "linear(2e-3, 0)"),
        ("Discount", "0.99"),
        ("GaeLambda", "0.8"),
        ("EntropyCoefficient", "0.01"),
        ("Hidden", "128"),
        ("Activation", "relu"));

    /// <summary>A step on the loss of the PyTorch script: clipped surrogate, entropy 0.01, value loss 0.25 (V − R)²,
    /// clip 0.5, Adam.</summary>
    public static PpoOptions Script() => Options(
        ("EntropyCoefficient", "0.01"), ("NormaliseAdvantages", "false"), ("MaxGradientNorm", "0.5"));

    private static PpoOptions Options(params (string Name, string Value)[] settings) =>
        PpoOptionsModule.ofPairs(ListModule.OfSeq(settings.Select(option => Tuple.Create(option.Name, option.Value))));

    private static ActorCritic Network() => Network(ObservationSize, Hidden, CategoricalPolicy.create(Actions));

    /// <summary>Separate tanh networks for actor and critic.</summary>
    public static ActorCritic Network(int inputs, int[] hidden, ActionDistribution head) =>
        ActorCriticModule.separate(Rl.Core.Networks.Activation.Tanh, inputs, ListModule.OfSeq(hidden), head);

    /// <summary>The network that PPO makes for an environment.</summary>
    public static ActorCritic Network(PpoOptions options, BatchEnvironment environment) =>
        PolicyNetwork.create(options.Layers, environment.ObservationSpace, environment.ActionSpace);

    /// <summary>The train step for a minibatch, as an uncompiled program.</summary>
    public static ProgramSource MinibatchSource(int size) => MinibatchSource(Script(), Network(), size);

    /// <summary>The compiled train step with plausible data in its inputs.</summary>
    public static Program<float> Minibatch(int size) => Minibatch(Script(), Network(), size, []);

    /// <summary>The compiled train step of any network, of actions 0 and 1, with plausible data in its inputs:
    /// some observations again and again, or normal numbers if there are none.</summary>
    public static Program<float> Minibatch(PpoOptions options, ActorCritic network, int size, float[] some)
    {
        var program = Compile.compile<float>(MinibatchSource(options, network, size));
        Initialise(network, program);
        var rng = RngModule.create(7UL);
        var observations = program.Input("observations");
        rng = FillNormal(observations, 0f, 1f, rng);
        for (var i = 0; some.Length > 0 && i < observations.Length; i++)
        {
            observations[i] = some[i % some.Length];
        }

        if (program.HasInput("critic/observations"))
        {
            observations.CopyTo(program.Input("critic/observations"));
        }

        rng = FillNormal(program.Input("advantages"), 0f, 1f, rng);
        rng = FillNormal(program.Input("returns"), 0f, 1f, rng);
        rng = FillNormal(program.Input("oldLogProbabilities"), -0.69f, 0.1f, rng);
        foreach (ref var action in program.Input("actions"))
        {
            var draw = RngModule.below(Actions, rng);
            action = draw.Item1;
            rng = draw.Item2;
        }

        // θ stays, and with it gradients and moments: repeated steps would else come to rest, where moments become
        // subnormal numbers, which are slow.
        program.Input("learningRate")[0] = 0f;
        program.Input("clipRange")[0] = 0.2f;
        return program;
    }

    /// <summary>Actor and critic for a number of observations.</summary>
    public static Program<float> Forward(int rows) => Forward(Network(), rows);

    /// <summary>Any actor and critic for a number of observations.</summary>
    public static Program<float> Forward(ActorCritic network, int rows)
    {
        var layout = ActorCriticModule.layout(network);
        var theta = ExprModule.input("theta", [layout.Count]);
        var observations = ExprModule.input("observations", [rows, ActorCriticModule.inputs(network)]);
        var output = ActorCriticModule.apply(network, ParametersModule.create(layout, theta), observations);
        var program = Compile.ofOutputs<float>(ListModule.OfSeq(new[]
        {
            Tuple.Create("policy", output.Policy), Tuple.Create("value", output.Value),
        }));
        Initialise(network, program);
        FillNormal(program.Input("observations"), 0f, 1f, RngModule.create(7UL));
        return program;
    }

    private static ProgramSource MinibatchSource(PpoOptions options, ActorCritic network, int size) =>
        UpdateSourceModule.create(Rl.Core.Algorithms.Ppo.plan(options, network, false, size)).Program;

    /// <summary>A product of two n x n matrices by the fastest kernels of this machine.</summary>
    public static Program<float> Product(int n) => Compile.ofOutputs<float>(ListModule.OfSeq(new[]
    {
        Tuple.Create("c", ExprModule.matmul(ExprModule.input("a", [n, n]), ExprModule.input("b", [n, n]))),
    }));

    /// <summary>PPO with CleanRL's settings on 4 copies of CartPole-v1.</summary>
    public static Learner CartPolePpo(Workers workers, long totalSteps) =>
        Ppo(CleanRl(totalSteps), "CartPole-v1", 4, workers);

    /// <summary>PPO on copies of an environment.</summary>
    public static Learner Ppo(PpoOptions options, string environment, int copies, Workers workers) =>
        Core.Algorithms.Ppo.create(options, Registry.make(environment).Vectorise(copies), workers);

    /// <summary>Copies of an environment with their buffers and room for actions.</summary>
    public static EnvironmentWorkload Environment(string id, int copies) => new(Registry.make(id).Vectorise(copies));

    private static void Initialise(ActorCritic network, Program<float> program)
    {
        var values = LayoutModule.initialise(RngModule.create(1UL), ActorCriticModule.layout(network)).Item1;
        Array.ConvertAll(values, value => (float)value).CopyTo(program.Input("theta"));
    }

    private static Rng FillNormal(Span<float> values, float mean, float deviation, Rng rng)
    {
        foreach (ref var value in values)
        {
            var draw = RngModule.normal(rng);
            value = mean + (deviation * (float)draw.Item1);
            rng = draw.Item2;
        }

        return rng;
    }
}

/// <summary>A batch of environments stepped with random actions.</summary>
internal sealed class EnvironmentWorkload
{
    private readonly BatchEnvironment batch;
    private readonly StepBuffers buffers;
    private readonly float[] actions;
    private Rng rng = RngModule.create(3UL);

    public EnvironmentWorkload(BatchEnvironment batch)
    {
        this.batch = batch;
        buffers = batch.AllocateBuffers();
        actions = new float[batch.Count * batch.ActionSize];
        batch.Reset(RngModule.create(1UL));
    }

    public int Count => batch.Count;

    public BatchEnvironment Batch => batch;

    /// <summary>What the copies see after a few steps.</summary>
    public float[] Observations()
    {
        const int Steps = 50;
        for (var step = 0; step < Steps; step++)
        {
            Step();
        }

        return buffers.Observations.ToArray();
    }

    /// <summary>Draws an action for each copy and steps all of them.</summary>
    public void Step()
    {
        rng = batch.ActionSpace.SampleMany(rng, actions);
        batch.StepAll(actions, buffers);
    }
}
