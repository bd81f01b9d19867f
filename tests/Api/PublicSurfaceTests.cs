using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Reflection;
using PublicApiGenerator;
using Xunit;

namespace Rl.Tests.Api;

/// <summary>What users can call is what was approved: tests/Api/Surface holds it as text, so that a change shows in
/// review.</summary>
public sealed class PublicSurfaceTests
{
    private const string Approve = "RL_APPROVE_SURFACE";

    /// <summary>What compilers add, which no user calls.</summary>
    private static readonly string[] Noise =
    [
        "Microsoft.FSharp.Core.CompilationArgumentCountsAttribute",
        "Microsoft.FSharp.Core.CompilationMappingAttribute",
        "Microsoft.FSharp.Core.CompilationSourceNameAttribute",
        "Microsoft.FSharp.Core.SealedAttribute",
        "Microsoft.FSharp.Core.StructAttribute",
        "System.Diagnostics.CodeAnalysis.DynamicDependencyAttribute",
        "System.Diagnostics.DebuggerBrowsableAttribute",
        "System.Diagnostics.DebuggerDisplayAttribute",
        "System.Runtime.CompilerServices.IsReadOnlyAttribute",
        "System.SerializableAttribute",
    ];

    [Theory]
    [InlineData("Rl.Api.CSharp")]
    [InlineData("Rl.Core.FSharp")]
    [InlineData("Rl.Data")]
    [InlineData("Rl.Distributed")]
    [InlineData("Rl.Gymnasium")]
    [InlineData("Rl.Hosting")]
    [InlineData("Rl.Onnx")]
    [InlineData("Rl.Logging")]
    [InlineData("Rl.MuJoCo")]
    [InlineData("Rl.Rendering")]
    public void The_public_surface_of_an_assembly_is_the_approved_one(string assembly)
    {
        var file = Path.Combine(Repository.Root, "tests", "Api", "Surface", $"{assembly}.txt");
        var options = new ApiGeneratorOptions { IncludeAssemblyAttributes = false, ExcludeAttributes = Noise };
        var present = Assembly.Load(assembly).GeneratePublicApi(options).ReplaceLineEndings("\n").TrimEnd() + "\n";
        if (Environment.GetEnvironmentVariable(Approve) == "1")
        {
            File.WriteAllText(file, present);
        }

        var approved = File.Exists(file) ? File.ReadAllLines(file) : [];
        var lines = present.TrimEnd().Split('\n');
        Assert.True(
            approved.SequenceEqual(lines),
            $"The public surface of {assembly} is not that of {file}:\n{Differences(approved, lines)}\n" +
            $"If the change is meant, write the file anew: {Approve}=1 dotnet run -c Release --project tests/Api -- "
                + "-class '*PublicSurfaceTests'");
    }

    private static string Differences(string[] approved, string[] present)
    {
        var gone = approved.Except(present).Select(line => $"- {line.Trim()}");
        var come = present.Except(approved).Select(line => $"+ {line.Trim()}");
        List<string> all = [.. gone.Concat(come)];
        return all.Count == 0
            ? "The same lines in another order or number."
            : string.Join('\n', all.Take(40)) + (all.Count > 40 ? $"\nand {all.Count - 40} more" : string.Empty);
    }
}
