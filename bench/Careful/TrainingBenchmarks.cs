using BenchmarkDotNet.Attributes;
using Rl.Core.Foundations;
using Rl.Core.Learning;

namespace Rl.Bench.Careful;

/// <summary>Stepping 1024 copies of an environment with random actions.</summary>
[MemoryDiagnoser]
public class EnvironmentBenchmarks
{
    private EnvironmentWorkload workload = null!;

    /// <summary>The environment.</summary>
    [Params(
        "CartPole-v1",
        "Pendulum-v1",
        "MinAtar/Asterix-v0",
        "MinAtar/Breakout-v0",
        "MinAtar/Freeway-v0",
        "MinAtar/Seaquest-v0",
        "MinAtar/SpaceInvaders-v0")]
    public string Id { get; set; } = string.Empty;

    [GlobalSetup]
    public void Setup() => workload = Workloads.Environment(Id, 1024);

    [Benchmark(OperationsPerInvoke = 1024)]
    public void Step() => workload.Step();
}

/// <summary>One transition (512 environment steps) of PPO with CleanRL's settings.</summary>
[MemoryDiagnoser]
public class PpoBenchmarks
{
    private Workers workers = null!;
    private Learner learner = null!;
    private TrainingState state = null!;

    /// <summary>Threads.</summary>
    [Params(1, 2)]
    public int Threads { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        workers = new Workers(Threads);
        learner = Workloads.CartPolePpo(workers, totalSteps: 1_000_000_000);
        state = learner.Initialise(RngModule.create(1UL));
    }

    [GlobalCleanup]
    public void Cleanup()
    {
        ((IDisposable)learner).Dispose();
        ((IDisposable)workers).Dispose();
    }

    [Benchmark(OperationsPerInvoke = 512)]
    public void Transition() => state = learner.Transition(state).Item1;
}
