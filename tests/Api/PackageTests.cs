using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.IO.Compression;
using System.Linq;
using System.Text.RegularExpressions;
using System.Threading.Tasks;
using Xunit;

namespace Rl.Tests.Api;

/// <summary>The packages as a user gets them: packed, installed from a folder into an empty project, and run.</summary>
public sealed partial class PackageTests
{
    private static readonly string[] Projects =
    [
        "Rl.Core.FSharp", "Rl.Api.CSharp", "Rl.Rendering", "Rl.Onnx", "Rl.Hosting", "Rl.Logging", "Rl.Data",
        "Rl.MuJoCo", "Rl.Gymnasium", "Rl.Distributed",
    ];

    /// <summary>A version that no machine has unpacked before: NuGet keeps the first of each that it sees.</summary>
    private const string Version = "0.0.0-test";

    private static readonly Dictionary<string, long> LargestSizes = new()
    {
        ["Rl"] = 450_000,
        ["Rl.Core"] = 3_000_000,
        ["Rl.Rendering"] = 100_000,
        ["Rl.Onnx"] = 100_000,
        ["Rl.Hosting"] = 100_000,
        ["Rl.Logging"] = 100_000,
        ["Rl.Data"] = 200_000,
        ["Rl.MuJoCo"] = 100_000,
        ["Rl.Gymnasium"] = 100_000,
        ["Rl.Distributed"] = 150_000,
    };

    [Fact]
    public async Task A_user_installs_them_and_trains_the_lines_of_README()
    {
        using var folder = new TemporaryFolder();
        var feed = folder.File("feed");
        foreach (var packed in Projects)
        {
            // What these tests run with is packed, without building it anew.
            var output = await Dotnet(
                Repository.Root,
                "pack", Path.Combine("src", packed), "-c", "Release", "--no-build", "--no-restore", "-o", feed,
                $"-p:Version={Version}");
            Assert.DoesNotContain("warning", output, StringComparison.OrdinalIgnoreCase);
        }

        foreach (var (id, largest) in LargestSizes)
        {
            RequireWhole(Path.Combine(feed, $"{id}.{Version}.nupkg"), id, largest);
            Assert.True(File.Exists(Path.Combine(feed, $"{id}.{Version}.snupkg")), id);
        }

        RequireSizesOfReadme(feed);
        Assert.Equal(2 * Projects.Length, Directory.GetFiles(feed).Length);

        var program = folder.File("program");
        WriteProject(
            program,
            feed,
            ["Rl", "Rl.Rendering", "Rl.Onnx", "Rl.Hosting", "Rl.Logging", "Rl.Data", "Rl.MuJoCo", "Rl.Gymnasium"]);
        File.WriteAllText(Path.Combine(program, "Program.cs"), Lines());
        var built = await Dotnet(program, "build", "-c", "Release");
        Assert.Contains("0 Warning(s)", built, StringComparison.Ordinal);
        var said = await Dotnet(program, "run", "-c", "Release", "--no-build");
        Assert.Matches(@"^\d+\.\d+ ± \d+\.\d+ \(100 episodes\)", said);
        Assert.True(File.Exists(Path.Combine(program, "cartpole.rl")));

        // Warnings are errors here, and FSharp.Core has some when it is trimmed; publishing takes minutes, so that only
        // check.sh does it, with the same targets.
        foreach (var kind in (string[])["PublishAot", "PublishTrimmed"])
        {
            var turnedOff = await Dotnet(program, "msbuild", "-getProperty:NoWarn", $"-p:{kind}=true");
            Assert.All(
                (string[])["IL2104", "IL3053", "IL2040"],
                warning => Assert.Contains(warning, turnedOff, StringComparison.Ordinal));
        }

        Assert.DoesNotContain(
            "IL2104", await Dotnet(program, "msbuild", "-getProperty:NoWarn"), StringComparison.Ordinal);

        // F# comes along, and shows nowhere.
        var assemblies = Directory.GetFiles(Path.Combine(program, "bin/Release/net10.0"), "*.dll")
            .Select(Path.GetFileName);
        Assert.Contains("FSharp.Core.dll", assemblies);
        var project = File.ReadAllText(Path.Combine(program, "program.csproj"));
        Assert.DoesNotContain("FSharp", project, StringComparison.Ordinal);
    }

    /// <summary>What README says that the packages take, within a fifth.</summary>
    private static void RequireSizesOfReadme(string feed)
    {
        var said = Sizes().Match(File.ReadAllText(Path.Combine(Repository.Root, "README.md")));
        Assert.True(said.Success);
        string[] ids = ["Rl", "Rl.Core"];
        Assert.All(ids, (id, index) =>
        {
            var megabytes = double.Parse(said.Groups[index + 1].Value, CultureInfo.InvariantCulture);
            var measured = new FileInfo(Path.Combine(feed, $"{id}.{Version}.nupkg")).Length / 1e6;
            Assert.True(
                Math.Abs(measured - megabytes) < 0.2 * measured, $"{id}: {measured} MB, README says {megabytes}");
        });
    }

    /// <summary>README's ten lines of C#.</summary>
    private static string Lines()
    {
        var readme = File.ReadAllText(Path.Combine(Repository.Root, "README.md"));
        var block = Block().Match(readme[readme.IndexOf("## Ten lines of C#", StringComparison.Ordinal)..]);
        Assert.True(block.Success);
        return block.Groups[1].Value;
    }

    private static void RequireWhole(string path, string id, long largest)
    {
        Assert.InRange(new FileInfo(path).Length, 1, largest);
        using var package = ZipFile.OpenRead(path);
        var names = package.Entries.Select(entry => entry.FullName).ToList();
        Assert.Contains("Package.md", names);
        Assert.Contains("icon.png", names);
        Assert.Contains(names, name => name.StartsWith("lib/net10.0/", StringComparison.Ordinal)
            && name.EndsWith(".xml", StringComparison.Ordinal));
        using var reader = new StreamReader(package.GetEntry($"{id}.nuspec")!.Open());
        var specification = reader.ReadToEnd();
        Assert.Contains("""<license type="expression">MIT</license>""", specification, StringComparison.Ordinal);
        if (id != "Rl.Core")
        {
            Assert.DoesNotContain("""<dependency id="FSharp""", specification, StringComparison.Ordinal);
        }
    }

    private static void WriteProject(string program, string feed, string[] packages)
    {
        Directory.CreateDirectory(program);
        var references = string.Concat(
            packages.Select(id => $"<PackageReference Include=\"{id}\" Version=\"{Version}\" />"));
        File.WriteAllText(
            Path.Combine(program, "program.csproj"),
            $"""
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup>
                <OutputType>Exe</OutputType>
                <TargetFramework>net10.0</TargetFramework>
                <Nullable>enable</Nullable>
                <TreatWarningsAsErrors>true</TreatWarningsAsErrors>
                <AnalysisLevel>latest-recommended</AnalysisLevel>
                <RestorePackagesPath>{Path.Combine(program, "packages")}</RestorePackagesPath>
              </PropertyGroup>
              <ItemGroup>{references}</ItemGroup>
            </Project>
            """);

        // Nothing of the repository around it counts, and packages of others are not fetched again.
        File.WriteAllText(Path.Combine(program, "Directory.Build.props"), "<Project />");
        File.WriteAllText(Path.Combine(program, "Directory.Build.targets"), "<Project />");
        File.WriteAllText(Path.Combine(program, "Directory.Packages.props"), "<Project />");
        var known = System.Environment.GetEnvironmentVariable("NUGET_PACKAGES")
            ?? Path.Combine(
                System.Environment.GetFolderPath(System.Environment.SpecialFolder.UserProfile), ".nuget", "packages");
        File.WriteAllText(
            Path.Combine(program, "nuget.config"),
            $"""
            <configuration>
              <packageSources><add key="feed" value="{feed}" /></packageSources>
              <fallbackPackageFolders><add key="known" value="{known}" /></fallbackPackageFolders>
            </configuration>
            """);
    }

    private static async Task<string> Dotnet(string folder, params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", arguments)
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };

        // Neither the server of a compiler nor a build's workers outlive the test.
        start.Environment["MSBUILDDISABLENODEREUSE"] = "1";
        start.Environment["UseSharedCompilation"] = "false";
        start.Environment["DOTNET_CLI_TELEMETRY_OPTOUT"] = "1";
        using var process = Process.Start(start)!;
        var cancellation = TestContext.Current.CancellationToken;
        var (output, errors) = (
            process.StandardOutput.ReadToEndAsync(cancellation), process.StandardError.ReadToEndAsync(cancellation));
        await process.WaitForExitAsync(cancellation);
        var all = await output + await errors;
        Assert.True(
            process.ExitCode == 0, $"dotnet {string.Join(' ', arguments)} ended with {process.ExitCode}:\n{all}");
        return all;
    }

    [GeneratedRegex(@"`Rl` has ([\d.]+) MB and brings `Rl\.Core` \(([\d.]+) MB\)")]
    private static partial Regex Sizes();

    [GeneratedRegex(@"```csharp\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex Block();
}
