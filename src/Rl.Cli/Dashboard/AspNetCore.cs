using System;
using System.IO;
using System.Linq;
using System.Reflection;
using System.Runtime.Loader;

namespace Rl.Cli.Dashboard;

/// <summary>Finds ASP.NET Core beside the .NET that runs, when the dashboard is asked for. A reference to it would make
/// every command start more slowly, and none where only the smaller runtime is installed.</summary>
internal static class AspNetCore
{
    private const string Framework = "Microsoft.AspNetCore.App";
    private static string? folder;

    /// <summary>Makes its assemblies known to this process.</summary>
    /// <exception cref="NotSupportedException">It is not installed; the message says what to do.</exception>
    public static void Load()
    {
        if (folder is not null)
        {
            return;
        }

        folder = Find() ?? throw new NotSupportedException(
            $"The dashboard needs ASP.NET Core {Environment.Version.Major}, which is not beside the .NET that runs; "
                + $"install its runtime (aspnetcore-runtime-{Environment.Version.ToString(2)}) or the SDK. rl report "
                + "needs neither.");
        AssemblyLoadContext.Default.Resolving += Resolve;
    }

    /// <summary>The newest version of the same .NET: .../shared/Microsoft.AspNetCore.App/10.0.x.</summary>
    private static string? Find()
    {
        var runtime = Path.GetDirectoryName(typeof(object).Assembly.Location);
        var shared = Path.GetDirectoryName(Path.GetDirectoryName(runtime));
        var versions = shared is null ? "" : Path.Combine(shared, Framework);
        return Directory.Exists(versions)
            ? Directory.EnumerateDirectories(versions)
                .Select(path => (path, version: Version.TryParse(Path.GetFileName(path), out var found) ? found : null))
                .Where(found => found.version is { } version && version.Major == Environment.Version.Major
                    && version.Minor == Environment.Version.Minor)
                .OrderBy(found => found.version)
                .Select(found => found.path)
                .LastOrDefault()
            : null;
    }

    private static Assembly? Resolve(AssemblyLoadContext context, AssemblyName name) =>
        Path.Combine(folder!, $"{name.Name}.dll") is var path && File.Exists(path)
            ? context.LoadFromAssemblyPath(path)
            : null;
}
