using System.Threading.Tasks;
using Orleans;

namespace Rl.Tests.Distributed;

/// <summary>A grain of a user's own, beside environments that workers load as a plug-in: it must not bring Orleans
/// into the worker a second time.</summary>
[Alias("Rl.Tests.Distributed.IGreeter")]
public interface IGreeter : IGrainWithIntegerKey
{
    [Alias("Greet")]
    Task<string> Greet(string name);
}

/// <inheritdoc cref="IGreeter"/>
public sealed class Greeter : Grain, IGreeter
{
    public Task<string> Greet(string name) => Task.FromResult($"Hello, {name}");
}
