using Rl.Core.Foundations;
using Rl.Core.Tabular;
using Rl.Core.Objectives;

namespace Rl.Bench.Quick;

/// <summary>The estimators and the exact side: returns, corrections, projections, planning.</summary>
internal static class MathematicsFigures
{
    private const int Steps = 128;
    private const int Copies = 1024;

    /// <summary>The figures, measured one after the other.</summary>
    public static IEnumerable<(string Name, Func<Figure> Measured)> All()
    {
        // The same count of elements as the rollout's, so the same caches.
        var bandwidth = new Lazy<double>(() => PeakRate.Bandwidth(Steps * Copies));
        yield return ("stream_128x1024", () => new Figure("stream_128x1024", bandwidth.Value / 1e9, "GB/s", 1.0, 0));
        yield return ("gae_128x1024", () => Advantages(bandwidth.Value));
        yield return ("vtrace_128x1024", () => VTrace(bandwidth.Value));
        yield return ("c51_projection_512x51", Projection);
        yield return ("value_iteration_frozenlake8x8", ValueIteration);
        yield return ("exact_policy_gradient_500", ExactGradient);
    }

    private static Figure Advantages(double bandwidth)
    {
        var rewards = Numbers(Steps * Copies, 1);
        var values = Numbers(Steps * Copies, 2);
        var lastValues = Numbers(Copies, 3);
        var finalValues = Numbers(Steps * Copies, 4);
        var terminated = Flags(5, 0.005);
        var truncated = Flags(6, 0.001);
        var result = new float[Steps * Copies];
        var (seconds, bytes) = Measure.Run(() => Returns.RolloutAdvantages(
            new RolloutSteps<float>(
                Copies, 0.99f, 0.95f, rewards, values, lastValues, terminated, truncated, finalValues), result));
        return new Figure("gae_128x1024", seconds * 1e6, "us", Traffic(3) / seconds / bandwidth, bytes);
    }

    private static Figure VTrace(double bandwidth)
    {
        var ratios = Array.ConvertAll(Numbers(Steps * Copies, 1), x => MathF.Exp(0.2f * x));
        var rewards = Numbers(Steps * Copies, 2);
        var values = Numbers(Steps * Copies, 3);
        var lastValues = Numbers(Copies, 4);
        var finalValues = Numbers(Steps * Copies, 7);
        var terminated = Flags(5, 0.005);
        var truncated = Flags(6, 0.001);
        var result = new float[Steps * Copies];
        var (seconds, bytes) = Measure.Run(() => Corrections.RolloutVTrace(
            new RolloutSteps<float>(Copies, 0.99f, 1f, rewards, values, lastValues, terminated, truncated, finalValues),
            ratios,
            1f,
            result));
        return new Figure("vtrace_128x1024", seconds * 1e6, "us", Traffic(4) / seconds / bandwidth, bytes);
    }

    /// <summary>Bytes that a pass over a rollout must move: its streams of float32 and two of flags.</summary>
    private static double Traffic(int streams) => Steps * Copies * ((streams * sizeof(float)) + (2.0 * sizeof(bool)));

    private static Figure Projection()
    {
        const int Rows = 512;
        const int Atoms = 51;
        var from = Array.ConvertAll(Numbers(Rows * Atoms, 1), x => 5f * x);
        var probabilities = new float[Rows * Atoms];
        Array.Fill(probabilities, 1f / Atoms);
        var result = new float[Rows * Atoms];
        var (seconds, bytes) = Measure.Run(
            () => CategoricalProjection.Evenly(Atoms, -10f, 10f, Atoms, from, probabilities, result));
        return new Figure("c51_projection_512x51", seconds * 1e6, "us", null, bytes);
    }

    private static Figure ValueIteration()
    {
        var mdp = ToyText.frozenLakeLarge(0.99).Mdp;
        var (seconds, _) = Measure.Run(() => DynamicProgramming.valueIteration(1e-10, 100_000, mdp));
        return new Figure("value_iteration_frozenlake8x8", seconds * 1e3, "ms", null, null);
    }

    private static Figure ExactGradient()
    {
        var mdp = Generators.sparse(500, 4, 5, 0.95, RngModule.create(1UL)).Item1;
        var policy = TabularPolicyModule.random(1.0, 500, 4, RngModule.create(2UL)).Item1;
        var (seconds, _) = Measure.Run(() => Exact.softmaxGradient(mdp, policy));
        return new Figure("exact_policy_gradient_500", seconds * 1e3, "ms", null, null);
    }

    private static float[] Numbers(int count, ulong seed)
    {
        var rng = RngModule.create(seed);
        var numbers = new float[count];
        for (var i = 0; i < count; i++)
        {
            var draw = RngModule.normal(rng);
            numbers[i] = (float)draw.Item1;
            rng = draw.Item2;
        }

        return numbers;
    }

    private static bool[] Flags(ulong seed, double probability)
    {
        var rng = RngModule.create(seed);
        var flags = new bool[Steps * Copies];
        for (var i = 0; i < flags.Length; i++)
        {
            var draw = RngModule.bernoulli(probability, rng);
            flags[i] = draw.Item1;
            rng = draw.Item2;
        }

        return flags;
    }
}
