using BenchmarkDotNet.Running;
using Rl.Bench.Quick;

// `dotnet run -c Release --project bench -- quick [--json]` prints one table in about a minute,
// with `--only minibatch,gae` some of its lines;
// `-- profile` tells where the time of training goes;
// any other arguments go to BenchmarkDotNet, for example `-- --filter *Minibatch*`.
if (args.Length > 0 && args[0] == "quick")
{
    var only = Array.IndexOf(args, "--only");
    return QuickBench.Run(args.Contains("--json"), only >= 0 && only + 1 < args.Length ? args[only + 1] : null);
}

if (args.Length > 0 && args[0] == "profile")
{
    return TrainingProfile.Run();
}

BenchmarkSwitcher.FromAssembly(typeof(QuickBench).Assembly).Run(args);
return 0;
