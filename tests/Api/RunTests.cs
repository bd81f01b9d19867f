using System;

namespace Rl.Tests.Api;

/// <summary>Tests of commands that leave runs: a folder of their own, and the run in it.</summary>
public abstract class RunTests : IDisposable
{
    private protected readonly TemporaryFolder folder = new();
    private protected readonly string run;

    private protected RunTests() => run = folder.File("run");

    public void Dispose()
    {
        folder.Dispose();
        GC.SuppressFinalize(this);
    }
}
