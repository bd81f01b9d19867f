using BenchmarkDotNet.Attributes;
using Rl.Core.Autodiff;
using Compile = Rl.Core.Autodiff.Program;

namespace Rl.Bench.Careful;

/// <summary>One PPO minibatch step: forward, loss, gradient, clipping, Adam.</summary>
[MemoryDiagnoser]
public class MinibatchBenchmarks
{
    private Program<float> program = null!;

    /// <summary>Samples in the minibatch.</summary>
    [Params(64, 256, 2048)]
    public int Size { get; set; }

    [GlobalSetup]
    public void Setup() => program = Workloads.Minibatch(Size);

    [Benchmark]
    public void Update() => program.Run();
}

/// <summary>Actor and critic on a few observations.</summary>
[MemoryDiagnoser]
public class ForwardBenchmarks
{
    private Program<float> program = null!;

    /// <summary>Observations.</summary>
    [Params(1, 8, 64)]
    public int Rows { get; set; }

    [GlobalSetup]
    public void Setup() => program = Workloads.Forward(Rows);

    [Benchmark]
    public void Forward() => program.Run();
}

/// <summary>Products of square matrices.</summary>
[MemoryDiagnoser]
public class ProductBenchmarks
{
    private Program<float> program = null!;

    /// <summary>Rows and columns.</summary>
    [Params(64, 128, 256, 512)]
    public int N { get; set; }

    [GlobalSetup]
    public void Setup() => program = Workloads.Product(N);

    [Benchmark]
    public void Product() => program.Run();
}

/// <summary>Compilation of the train step.</summary>
[MemoryDiagnoser]
public class CompileBenchmarks
{
    private readonly ProgramSource source = Workloads.MinibatchSource(128);

    [Benchmark]
    public object CompileStep() => Compile.compile<float>(source);
}
