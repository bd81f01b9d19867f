using System;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text.RegularExpressions;
using System.Threading;
using Rl.Cli;
using Xunit;
using static Rl.Tests.Api.CommandCalls;

namespace Rl.Tests.Api;

/// <summary>docs/command-line.md and the commands' help say what there is.</summary>
public sealed partial class CommandPageTests
{
    private static readonly string[] Page =
        File.ReadAllLines(Path.Combine(Repository.Root, "docs", "command-line.md"));

    public static TheoryData<string> Commands => new(
        CommandLine.Root(new(TextWriter.Null, TextWriter.Null, false), CancellationToken.None).Subcommands
            .Select(command => command.Name));

    [Theory]
    [MemberData(nameof(Commands))]
    public void The_help_of_a_command_has_an_example_whose_words_it_knows(string name)
    {
        var (code, output, error) = Run(name, "--help");
        Assert.Equal((0, ""), (code, error));
        var text = string.Join(' ', output.Split('\n', StringSplitOptions.TrimEntries));
        var examples = text[text.IndexOf("Example", StringComparison.Ordinal)..text.IndexOf(
            "Usage:", StringComparison.Ordinal)];
        Assert.Matches($@"rl (\[suggest\] )?{name}\b", examples);
        var known = CommandLine.Root(new(TextWriter.Null, TextWriter.Null, false), CancellationToken.None);

        // Ids that a shell completes are not all listed there.
        Assert.DoesNotContain("|ppo|", text, StringComparison.Ordinal);
        Assert.DoesNotContain("CartPole-v0|", text, StringComparison.Ordinal);
        foreach (Match example in Example().Matches(examples))
        {
            var words = example.Groups[1].Value.Trim().TrimEnd('.', ')')
                .Split(' ', StringSplitOptions.RemoveEmptyEntries);
            Assert.Empty(known.Parse(words).Errors.Select(one => $"{example.Value}: {one.Message}"));
        }
    }

    [Fact]
    public void The_page_has_a_row_with_an_example_for_every_command_and_no_other()
    {
        var rows = Page.SkipWhile(line => !line.StartsWith("| command ", StringComparison.Ordinal))
            .Skip(2)
            .TakeWhile(line => line.StartsWith("| `", StringComparison.Ordinal))
            .Select(line => line.Split('|', StringSplitOptions.TrimEntries))
            .Select(cells => cells[3].Contains($"rl {cells[1].Trim('`')} ", StringComparison.Ordinal)
                ? cells[1].Trim('`')
                : $"{cells[1]} without an example");
        Assert.Equal(
            CommandLine.Root(new(TextWriter.Null, TextWriter.Null, false), CancellationToken.None).Subcommands
                .Select(command => command.Name).Order(StringComparer.Ordinal),
            rows.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void The_page_has_every_exit_code()
    {
        var codes = typeof(CommandLine).Assembly.GetType("Rl.Cli.ExitCode")!.GetFields()
            .Select(field => (int)field.GetRawConstantValue()!);
        Assert.All(
            codes,
            code => Assert.Contains(
                Page, line => line.StartsWith(
                    string.Create(CultureInfo.InvariantCulture, $"| {code} | "), StringComparison.Ordinal)));
    }

    [GeneratedRegex("rl ([a-z-]+ [^;|>]*)")]
    private static partial Regex Example();
}
