using System.Diagnostics;

namespace Rl.Mutants;

/// <summary>How a run of the tests ended.</summary>
/// <param name="Passed">Whether every test passed.</param>
/// <param name="Reason">Otherwise the first test that failed, or what else stopped the run.</param>
/// <param name="Output">What the run printed.</param>
internal sealed record Outcome(bool Passed, string Reason, TimeSpan Time, string Output);

/// <summary>A copy of the core and its property tests in a temporary folder, where the faults are built in.</summary>
internal sealed class Workplace(string repository) : IDisposable
{
    private const string Core = "src/Rl.Core.FSharp";
    private const string Tests = "tests/Properties";

    private static TimeSpan BuildLimit => TimeSpan.FromMinutes(60);

    private static readonly string[] _shared =
        ["Directory.Build.props", "Directory.Packages.props", "global.json", "README.md", "LICENSE"];

    public string Folder { get; } = Directory.CreateTempSubdirectory("rl-mutants-").FullName;

    private string Program => Path.Combine(Folder, Tests, "bin/Release/net10.0/Rl.Tests.Properties.dll");

    /// <summary>Fails unless the original of each fault stands in the tree exactly once.</summary>
    public static void Check(string repository, IReadOnlyList<Fault> faults)
    {
        foreach (var (path, ofFile) in ByFile(repository, faults))
        {
            Schema.Apply(File.ReadAllText(path), ofFile);
        }
    }

    private static IEnumerable<(string Path, IEnumerable<Fault> Faults)> ByFile(
        string root, IReadOnlyList<Fault> faults) =>
        faults.GroupBy(fault => fault.File).Select(group =>
        {
            var path = Path.Combine(root, Core, group.Key);
            return File.Exists(path)
                ? (path, group.AsEnumerable())
                : throw new FormatException($"Fault {group.First().Id}: there is no file {Core}/{group.Key}.");
        });

    /// <summary>Copies the tree, puts the faults in and builds; what the compiler said, or nothing if it
    /// succeeded.</summary>
    public string Build(IReadOnlyList<Fault> faults)
    {
        foreach (var name in _shared)
        {
            File.Copy(Path.Combine(repository, name), Path.Combine(Folder, name));
        }

        foreach (var source in new[] { Core, Tests }.SelectMany(Sources))
        {
            var target = Path.Combine(Folder, source);
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(Path.Combine(repository, source), target);
        }

        foreach (var (path, ofFile) in ByFile(Folder, faults))
        {
            File.WriteAllText(path, Schema.Apply(File.ReadAllText(path), ofFile));
        }

        var project = Path.Combine(Folder, Core, "Rl.Core.FSharp.fsproj");
        const string first = "<Compile Include=\"Foundations/Guard.fs\" />";
        File.WriteAllText(Path.Combine(Folder, Core, "Foundations/Mutants.fs"), Schema.SwitchSource);
        File.WriteAllText(
            project,
            File.ReadAllText(project)
                .Replace(first, $"<Compile Include=\"Foundations/Mutants.fs\" />{first}", StringComparison.Ordinal));

        var (code, output) = Run(
            [
                "build", "-c", "Release", "-v", "quiet", "--nologo", "-p:TreatWarningsAsErrors=false",
                "-p:NoWarn=FS3390", Path.Combine(Folder, Tests),
            ],
            0,
            BuildLimit);

        return code switch
        {
            0 => "",
            null => $"The build was stopped after {BuildLimit.TotalMinutes:F0} minutes.",
            _ => output,
        };
    }

    /// <summary>The files of a folder of the tree that are kept, none of those that builds make.</summary>
    private IEnumerable<string> Sources(string folder)
    {
        foreach (var path in
            Directory.EnumerateFiles(Path.Combine(repository, folder), "*", SearchOption.AllDirectories))
        {
            var relative = Path.GetRelativePath(repository, path);
            var parts = relative.Split(Path.DirectorySeparatorChar);

            if (!parts.Contains("bin") && !parts.Contains("obj"))
            {
                yield return relative;
            }
        }
    }

    /// <summary>The classes of tests that the build holds.</summary>
    public IReadOnlyList<string> TestClasses() =>
        Run([Program, "-list", "classes", "-noColor"], 0, TimeSpan.FromMinutes(10)).Output
            .Split('\n')
            .Select(line => line.Trim())
            .Where(line => line.StartsWith("Rl.Tests.", StringComparison.Ordinal))
            .ToList();

    /// <summary>Runs classes of tests with one fault switched on, until the first failure, or with none (0), all of
    /// them.</summary>
    public Outcome Try(int fault, IReadOnlyList<string> tests, TimeSpan limit)
    {
        var watch = Stopwatch.StartNew();
        List<string> arguments = [Program, "-noColor", "-noLogo", "-parallelMode", "none"];
        if (fault != 0)
        {
            arguments.Add("-stopOnFail");
        }

        arguments.AddRange(tests.SelectMany(name => new[] { "-class", "Rl.Tests." + name }));
        var (code, output) = Run(arguments, fault, limit);

        var failed = output.Split('\n').Select(line => line.Trim())
            .FirstOrDefault(line => line.EndsWith("[FAIL]", StringComparison.Ordinal))
            ?.Replace("Rl.Tests.", "", StringComparison.Ordinal).Replace(" [FAIL]", "", StringComparison.Ordinal);

        if (code is not null and not 0 && !output.Contains("Starting:", StringComparison.Ordinal))
        {
            throw new InvalidOperationException($"The tests did not start:\n{output}");
        }

        var reason = failed ?? (code is null ? $"not done after {limit.TotalSeconds:F0} s" : "the run broke off");
        return new Outcome(code == 0, reason, watch.Elapsed, output);
    }

    /// <summary>Runs `dotnet`: its exit code (none if it was stopped after the limit) and what it printed.</summary>
    private static (int? Code, string Output) Run(IReadOnlyList<string> arguments, int fault, TimeSpan limit)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["RL_MUTANT"] =
            fault == 0 ? "" : fault.ToString(System.Globalization.CultureInfo.InvariantCulture);
        // The runs are short: what the profile would gain costs more than it brings.
        start.Environment["DOTNET_TieredPGO"] = "0";

        foreach (var argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEndAsync();

        if (!process.WaitForExit(limit))
        {
            process.Kill(entireProcessTree: true);
            process.WaitForExit();
            return (null, output.Result);
        }

        return (process.ExitCode, output.Result + errors.Result);
    }

    public void Dispose() => Directory.Delete(Folder, recursive: true);
}
