using System;
using System.IO;
using System.Linq;
using Rl.Cli;

namespace Rl.Tests.Plugins;

/// <summary>The sample's assembly, loaded from a folder where it stands alone: as a user's would be. Registered once
/// for the process, which is why these tests have one of their own.</summary>
public sealed class LoadedPlugin : IDisposable
{
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("rl-plugin-");

    public LoadedPlugin()
    {
        Path = File("Annealing.dll");
        System.IO.File.Copy(System.IO.Path.Combine(AppContext.BaseDirectory, "Annealing.dll"), Path);
        Plugin = Plugin.Load(Path);
    }

    /// <summary>Where the assembly is.</summary>
    public string Path { get; }

    public Plugin Plugin { get; }

    public string File(string name) => System.IO.Path.Combine(folder.FullName, name);

    /// <summary><c>rl</c> in this process.</summary>
    public (int Code, string Output, string Error) Command(params string[] arguments)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        var code = CommandLine.Run([.. arguments, "--plugin", Path], new(output, error, false), default);
        return (code, output.ToString(), error.ToString());
    }

    public void Dispose()
    {
        // The assembly stays mapped until the process ends; on Windows it cannot be deleted before.
        try
        {
            folder.Delete(true);
        }
        catch (Exception error) when (error is UnauthorizedAccessException or IOException)
        {
        }
    }

    internal static AgentOptions Small() =>
        Algorithms.Options(
            "annealing",
            [new("Episodes", "2"), new("TotalSteps", "3000"), new("EnvironmentCopies", "2"), new("Threads", "1")]);

    internal static float[] Trained(int threads)
    {
        using var agent = Agent.Create(Small() with { Threads = threads }, Environments.Make("CartPole-v1"), 3);
        agent.Train();
        return agent.Parameters.ToArray();
    }

    internal static string[] Ids(string listing) =>
        [.. listing.Split('\n').Where(line => line.Contains("\"id\"", StringComparison.Ordinal))];
}
