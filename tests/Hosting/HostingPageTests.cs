using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Runtime.CompilerServices;
using Xunit;

namespace Rl.Tests.Hosting;

/// <summary>The code of docs/hosting.md is that of a sample, which runs.</summary>
public sealed class HostingPageTests
{
    [Fact]
    public void Every_block_of_code_stands_in_the_sample()
    {
        var root = Path.Combine(Path.GetDirectoryName(Here())!, "..", "..");
        var sample = Unindented(File.ReadLines(Path.Combine(root, "samples", "AspNetInference", "Program.cs")));
        var page = File.ReadAllLines(Path.Combine(root, "docs", "hosting.md"));
        var blocks = Enumerable.Range(0, page.Length).Where(line => page[line] == "```csharp").ToList();
        Assert.Equal(2, blocks.Count);
        Assert.All(blocks, start => Assert.Contains(
            Unindented(page.Skip(start + 1).TakeWhile(line => line != "```")), sample, StringComparison.Ordinal));
    }

    [Fact]
    public void Every_option_stands_in_the_table()
    {
        var root = Path.Combine(Path.GetDirectoryName(Here())!, "..", "..");
        var page = File.ReadAllText(Path.Combine(root, "docs", "hosting.md"));
        Assert.All(
            typeof(Rl.Hosting.HostedTrainingOptions).GetProperties(),
            property => Assert.Contains($"`{property.Name}`", page, StringComparison.Ordinal));
    }

    private static string Unindented(IEnumerable<string> lines) => string.Join('\n', lines.Select(line => line.Trim()));

    private static string Here([CallerFilePath] string path = "") => path;
}
