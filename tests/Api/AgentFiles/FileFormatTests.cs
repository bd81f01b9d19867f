using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.RegularExpressions;
using Xunit;

namespace Rl.Tests.Api.AgentFiles;

/// <summary>What docs/file-format.md says of agent files is so.</summary>
public sealed class FileFormatTests : IDisposable
{
    private static readonly string Page = File.ReadAllText(Path.Combine(Repository.Root, "docs", "file-format.md"));

    private readonly TemporaryFolder folder = new();

    public static TheoryData<string> Kept => new(Present);

    /// <summary>The kept files of the version that the page describes.</summary>
    private static IEnumerable<string> Present =>
        GoldenAgents.Kept.Where(name => name.StartsWith($"version{FileReader.Version}/", StringComparison.Ordinal));

    public void Dispose() => folder.Dispose();

    [Theory]
    [MemberData(nameof(Kept))]
    public void A_reader_written_from_the_page_finds_what_the_library_finds(string name)
    {
        var path = GoldenAgents.PathOf(name);
        var file = new FileReader(File.ReadAllBytes(path));
        using var agent = Agent.Load(path, 1);
        Assert.Equal(FileReader.Version, file.Found);
        Assert.Equal((agent.Options.Algorithm, agent.EnvironmentId, agent.Seed), file.Names);

        // Options that came after the file have their defaults, and so have those that its Network replaces.
        var defaults = Algorithms.Options(agent.Options.Algorithm, []).ToSettings().ToDictionary();
        string[] replaced = file.Options.GetValueOrDefault("Network", "auto") == "auto" ? [] : ["Hidden", "Activation"];
        foreach (var (option, value) in agent.Options.ToSettings())
        {
            var isRead = file.Options.ContainsKey(option) && !replaced.Contains(option);
            Assert.Equal((option, isRead ? file.Options[option] : defaults[option]), (option, value));
        }

        Assert.Subset(defaults.Keys.ToHashSet(), file.Options.Keys.ToHashSet());
        Assert.Equal(agent.Parameters.ToArray(), file.Parameters);
        Assert.Equal((agent.Steps, agent.Updates), file.Progress);
        Assert.All(file.Arrays.Values.SelectMany(values => values), value => Assert.False(float.IsNaN(value)));
    }

    [Fact]
    public void The_page_lists_the_parts_in_the_order_of_the_file()
    {
        var listed = Regex.Matches(Page, "^\\| `([A-Z]{4})` ", RegexOptions.Multiline)
            .Select(row => row.Groups[1].Value)
            .ToList();
        foreach (var name in Present)
        {
            var file = new FileReader(File.ReadAllBytes(GoldenAgents.PathOf(name)));
            Assert.Equal(file.Parts.Select(part => part.Tag), listed);
        }
    }

    [Theory]
    [InlineData(FileReader.Version + 1, "newer version")]
    [InlineData(1, "train the agent again")]
    [InlineData(-1, "damaged")]
    public void Files_of_other_versions_are_refused_with_advice(int version, string advice)
    {
        var bytes = File.ReadAllBytes(GoldenAgents.PathOf($"version{FileReader.Version}/ppo"));
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(8), version);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(bytes.Length - 4), FileReader.Crc(bytes.AsSpan(..^4)));
        var path = folder.File("agent.rl");
        File.WriteAllBytes(path, bytes);
        var message = Assert.Throws<InvalidDataException>(() => Agent.Load(path)).Message;
        Assert.Contains(path, message, StringComparison.Ordinal);
        Assert.Contains(advice, message, StringComparison.Ordinal);
    }
}
