using System.Diagnostics;
using Microsoft.ML.OnnxRuntime;
using Rl.Core.Acting;
using Rl.Core.Autodiff;
using Rl.Core.Foundations;
using Rl.Core.Networks;
using Rl.Onnx;
using Compile = Rl.Core.Autodiff.Program;

namespace Rl.Bench.Quick;

/// <summary>Acting in an application: a policy against its bare program and against ONNX Runtime on the same network,
/// 2x64 tanh units.</summary>
internal static class ActingFigures
{
    private const int Threads = 16;
    private static readonly int[] Hidden = [64, 64];

    public static IEnumerable<(string Name, Func<Figure> Measured)> All()
    {
        var policy = new Lazy<Policy>(MakePolicy);
        yield return ("actor_1", Actor);
        yield return ("policy_predict_1", () => Predict(policy.Value, 1));
        yield return ("policy_predict_64", () => Predict(policy.Value, 64));
        yield return ("policy_16_threads", () => Together(policy.Value));
        yield return ("two_programs", TwoPrograms);
        yield return ("onnx_runtime_1", () => OnnxRuntime(1));
        yield return ("onnx_runtime_64", () => OnnxRuntime(64));
    }

    private static Agent MakeAgent() =>
        Agent.Create(
            new PpoOptions { Hidden = Hidden, EnvironmentCopies = 1, Threads = 1 },
            Environments.Make("CartPole-v1"),
            1);

    private static Policy MakePolicy()
    {
        using var agent = MakeAgent();
        return agent.ToPolicy();
    }

    /// <summary>The actor's program alone: no checks, no choice of an action.</summary>
    private static Figure Actor()
    {
        var (seconds, bytes) = Measure.Run(MakeProgram().Run);
        return new Figure("actor_1", seconds * 1e6, "us", null, bytes);
    }

    private static Program<float> MakeProgram()
    {
        var network = ActorModule.create(
            Rl.Core.Networks.Activation.Tanh, 4, [.. Hidden], CategoricalPolicy.create(2));
        var layout = ActorModule.layout(network);
        var theta = ExprModule.input("theta", [layout.Count]);
        var output = ActorModule.apply(network, ParametersModule.create(layout, theta), ExprModule.input("x", [1, 4]));
        var program = Compile.ofOutputs<float>([Tuple.Create("policy", output.Policy)]);
        Array.ConvertAll(LayoutModule.initialise(RngModule.create(1UL), layout).Item1, value => (float)value)
            .CopyTo(program.Input("theta"));
        Observations(1).CopyTo(program.Input("x"));
        return program;
    }

    private static Figure Predict(Policy policy, int rows)
    {
        var (observations, actions) = (Observations(rows), new float[rows]);
        var (seconds, bytes) = rows == 1
            ? Measure.Run(() => policy.Predict(observations, actions))
            : Measure.Run(() => policy.PredictBatch(observations, actions));
        return new Figure($"policy_predict_{rows}", seconds * 1e6, "us", null, bytes);
    }

    /// <summary>The rate of many threads that share a policy, over that of one thread.</summary>
    private static Figure Together(Policy policy)
    {
        Action Act()
        {
            var (observation, action) = (Observations(1), new float[1]);
            return () => policy.Predict(observation, action);
        }

        return new Figure("policy_16_threads", Gain(Act, Threads), "x", null, null);
    }

    /// <summary>The rate of two threads with a program each, which share nothing, over that of one: what the machine
    /// has to give.</summary>
    private static Figure TwoPrograms() => new("two_programs", Gain(() => MakeProgram().Run, 2), "x", null, null);

    /// <summary>The median over some rounds of the rate of many threads over that of one.</summary>
    private static double Gain(Func<Action> make, int threads)
    {
        Rate(make, threads);
        var ratios = Enumerable.Range(0, 7).Select(_ => Rate(make, threads) / Rate(make, 1)).Order().ToList();
        return ratios[ratios.Count / 2];
    }

    /// <summary>Calls a second of threads that all begin at one moment and end at another.</summary>
    private static double Rate(Func<Action> make, int threads)
    {
        long calls = 0;
        using var ready = new CountdownEvent(threads);
        using var start = new ManualResetEventSlim();
        var isOver = false;
        var all = Enumerable.Range(0, threads).Select(_ => new Thread(() =>
        {
            var act = make();
            long own = 0;
            ready.Signal();
            start.Wait();
            while (!Volatile.Read(ref isOver))
            {
                for (var call = 0; call < 100; call++)
                {
                    act();
                }

                own += 100;
            }

            Interlocked.Add(ref calls, own);
        })).ToList();
        all.ForEach(thread => thread.Start());
        ready.Wait();
        var watch = Stopwatch.StartNew();
        start.Set();
        Thread.Sleep(TimeSpan.FromSeconds(0.3));
        var elapsed = watch.Elapsed.TotalSeconds;
        Volatile.Write(ref isOver, true);
        all.ForEach(thread => thread.Join());
        return calls / elapsed;
    }

    /// <summary>A session of one thread with values that are bound beforehand, its fastest way.</summary>
    private static Figure OnnxRuntime(int rows)
    {
        var folder = Directory.CreateTempSubdirectory("rl-bench-");
        try
        {
            var path = Path.Combine(folder.FullName, "agent.onnx");
            using (var agent = MakeAgent())
            {
                agent.ExportOnnx(path);
            }

            using var settings = new SessionOptions { IntraOpNumThreads = 1, InterOpNumThreads = 1 };
            using var session = new InferenceSession(path, settings);
            using var options = new RunOptions();
            using var input = OrtValue.CreateTensorValueFromMemory(Observations(rows), [rows, 4]);
            using var output = OrtValue.CreateTensorValueFromMemory(new long[rows], [rows]);
            OrtValue[] inputs = [input], outputs = [output];
            string[] inputNames = ["observation"], outputNames = ["action"];
            var (seconds, bytes) = Measure.Run(
                () => session.Run(options, inputNames, inputs, outputNames, outputs));
            return new Figure($"onnx_runtime_{rows}", seconds * 1e6, "us", null, bytes);
        }
        finally
        {
            folder.Delete(true);
        }
    }

    private static float[] Observations(int rows)
    {
        var random = new Random(7);
        return [.. Enumerable.Range(0, 4 * rows).Select(_ => (float)random.NextDouble() - 0.5f)];
    }
}
