using BenchmarkDotNet.Running;
using Rl.Bench.Quick;

// `dotnet run -c Release --project bench -- quick [--json]` prints one table in about a minute;
// `-- profile` tells where the time of training goes;
// any other arguments go to BenchmarkDotNet, for example `-- --filter *Minibatch*`.
if (args.Length > 0 && args[0] == "quick")
{
    return QuickBench.Run(json: args.Contains("--json"));
}

if (args.Length > 0 && args[0] == "profile")
{
    return TrainingProfile.Run();
}

BenchmarkSwitcher.FromAssembly(typeof(QuickBench).Assembly).Run(args);
return 0;
