using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Reflection;
using System.Text.RegularExpressions;
using Xunit;

namespace Rl.Tests.Api;

/// <summary>What the documentation says of options is what they are.</summary>
public sealed partial class DocumentationTests
{
    private static readonly string[] Measured = ["on-policy.csv", "off-policy.csv"];

    private static readonly string[] Programs = ["samples", "tests"];

    private static readonly string[] Lines = File.ReadAllLines(Path.Combine(Repository.Root, "docs", "algorithms.md"));

    public static TheoryData<string> Ids => new(Algorithms.All.Select(algorithm => algorithm.Id));

    [Fact]
    public void Every_algorithm_has_its_section_and_no_other_has_one() =>
        Assert.Equal(
            Algorithms.All.Select(algorithm => algorithm.Id),
            Lines.Where(line => line.StartsWith("## ", StringComparison.Ordinal)).Select(line => line[3..]));

    [Fact]
    public void The_index_names_every_algorithm_in_order() =>
        Assert.Equal(
            Algorithms.All.Select(algorithm => $"[`{algorithm.Id}`](#{algorithm.Id})"),
            Lines.Where(line => line.StartsWith("| [`", StringComparison.Ordinal))
                .Select(line => line.Split('|', StringSplitOptions.TrimEntries)[1]));

    [Theory]
    [MemberData(nameof(Ids))]
    public void The_table_of_an_algorithm_has_its_options_and_their_defaults(string id)
    {
        var expected = Algorithms.Describe(id).Defaults.ToSettings()
            .Select(setting => (setting.Key, setting.Value.Length == 0 ? "none" : setting.Value));
        Assert.Equal(expected, Options(id));
    }

    [Fact]
    public void The_table_of_wrappers_has_every_wrapper_with_its_arguments()
    {
        var rows = File.ReadAllLines(Path.Combine(Repository.Root, "docs", "wrappers.md"));
        var methods = typeof(EnvironmentWrappers).GetMethods(
            BindingFlags.Public | BindingFlags.Static | BindingFlags.DeclaredOnly);
        Assert.True(methods.Length >= 26);
        foreach (var method in methods)
        {
            var row = Assert.Single(rows, line => line.StartsWith($"| `{method.Name}(", StringComparison.Ordinal));
            Assert.All(
                method.GetParameters()
                    .Skip(1)
                    .Where(parameter => !typeof(Delegate).IsAssignableFrom(parameter.ParameterType)),
                parameter => Assert.Contains(parameter.Name!, row, StringComparison.Ordinal));
        }

        foreach (var name in
            typeof(Core.Wrappers.Wrapper).GetNestedType("Tags")!.GetFields().Select(field => field.Name))
        {
            Assert.Contains(rows, line => line.StartsWith('|') && line.Contains($"`{name}", StringComparison.Ordinal));
        }
    }

    [Fact]
    public void Every_block_of_csharp_in_the_pages_stands_in_a_program_that_is_compiled()
    {
        var sources = Programs
            .SelectMany(folder => Directory.EnumerateFiles(
                Path.Combine(Repository.Root, folder), "*.cs", SearchOption.AllDirectories))
            .Select(file => Unindented(File.ReadLines(file)))
            .ToArray();
        var blocks = 0;
        foreach (var page in Directory.EnumerateFiles(
            Path.Combine(Repository.Root, "docs"), "*.md", SearchOption.AllDirectories))
        {
            var lines = File.ReadAllLines(page);
            foreach (var line in Enumerable.Range(0, lines.Length).Where(line => lines[line] == "```csharp"))
            {
                var block = Unindented(lines.Skip(line + 1).TakeWhile(text => text != "```"));
                Assert.True(
                    sources.Any(source => source.Contains(block, StringComparison.Ordinal)),
                    $"{Path.GetFileName(page)}: in no program: {lines[line + 1]}");
                blocks++;
            }
        }

        Assert.True(blocks >= 30, $"{blocks} blocks");
    }

    [Fact]
    public void The_fsharp_of_the_pages_stands_in_its_sample_and_their_signatures_are_those_of_functions()
    {
        var sample = string.Concat(
            Directory.GetFiles(Path.Combine(Repository.Root, "samples", "FSharpGuide"), "*.fs")
                .Select(file => Spaced(File.ReadLines(file))));
        var (blocks, signatures) = (0, 0);
        foreach (var page in Directory.EnumerateFiles(
            Path.Combine(Repository.Root, "docs"), "*.md", SearchOption.AllDirectories)
            .Append(Path.Combine(Repository.Root, "README.md")))
        {
            var lines = File.ReadAllLines(page);
            foreach (var line in Enumerable.Range(0, lines.Length).Where(line => lines[line] == "```fsharp"))
            {
                var code = new List<string>();
                foreach (var text in lines.Skip(line + 1).TakeWhile(text => text != "```"))
                {
                    if (Signature().Match(text) is { Success: true } signature)
                    {
                        RequireFunction(page, signature);
                        signatures++;
                    }
                    else if (text.Length > 0 && !text.StartsWith("///", StringComparison.Ordinal))
                    {
                        code.Add(text);
                    }
                }

                Assert.True(
                    sample.Contains(Spaced(code), StringComparison.Ordinal),
                    $"{Path.GetFileName(page)}: not in samples/FSharpGuide: {code.FirstOrDefault()}");
                blocks++;
            }
        }

        Assert.True(blocks >= 24 && signatures >= 20, $"{blocks} blocks, {signatures} signatures");
    }

    [Fact]
    public void What_is_said_to_help_in_choosing_an_algorithm_is_what_was_measured()
    {
        var results = Measured
            .SelectMany(file => File.ReadLines(Path.Combine(Repository.Root, "docs", "results", file)).Skip(1))
            .Select(line => line.Split(','))
            .GroupBy(cells => (Task: cells[0], Name: cells[1], Steps: cells[2]), cells => Number(cells[4]))
            .ToDictionary(group => group.Key, group => group.ToArray());
        var task = "";
        var compared = 0;
        foreach (var cells in File.ReadLines(Path.Combine(Repository.Root, "docs", "choosing-an-algorithm.md"))
            .SkipWhile(line => !line.StartsWith("| task |", StringComparison.Ordinal))
            .Skip(2)
            .TakeWhile(line => line.StartsWith('|'))
            .Select(line => line.Split('|', StringSplitOptions.TrimEntries)))
        {
            task = cells[1].Length > 0 ? cells[1].Split(' ')[0] : task;
            var name = cells[2].Replace("-", "", StringComparison.Ordinal).ToLowerInvariant();
            var returns = results[(task, name, cells[3].Replace(",", "", StringComparison.Ordinal))];
            Assert.Equal(10, returns.Length);
            Assert.Equal(returns.Average(), Number(cells[4].Split(' ')[0]), 0.051);
            Assert.Equal(
                Math.Sqrt(returns.Sum(one => Math.Pow(one - returns.Average(), 2)) / (10 * 9)),
                Number(cells[4].Split(' ')[2]),
                0.051);
            Assert.Equal(returns.Min(), Number(cells[5].Split(' ')[0]), 0.051);
            Assert.Equal(returns.Max(), Number(cells[5].Split(' ')[2]), 0.051);
            compared++;
        }

        Assert.True(compared >= 18);
    }

    /// <summary>As one text, without blank lines, comments of documentation and the width of gaps.</summary>
    private static string Spaced(IEnumerable<string> lines) => string.Join(
        '\n',
        lines.Select(line => Gaps().Replace(line.Trim(), " "))
            .Where(line => line.Length > 0 && !line.StartsWith("///", StringComparison.Ordinal))) + "\n";

    /// <summary>The module's function has the parameters that a page says.</summary>
    private static void RequireFunction(string page, Match signature)
    {
        var (module, name) = (signature.Groups["module"].Value, signature.Groups["name"].Value);
        var said = Parameter().Matches(signature.Groups["parameters"].Value)
            .Select(match => match.Groups["name"].Value);
        var found = typeof(Core.Autodiff.Expr).Assembly.GetExportedTypes()
            .Where(type => type.Name == module || type.Name == module + "Module")
            .SelectMany(type => type.GetMethods(BindingFlags.Public | BindingFlags.Static))
            .Where(method => method.Name == name)
            .Select(method => string.Join(' ', method.GetParameters().Select(parameter => parameter.Name)))
            .ToArray();
        Assert.True(
            found.Contains(string.Join(' ', said)),
            $"{Path.GetFileName(page)}: {module}.{name} has the parameters {string.Join(" or ", found)}");
    }

    [GeneratedRegex(@"^(?<module>[A-Z]\w*)\.(?<name>[a-z]\w*) (?<parameters>.*?) : [^:]+?(//.*)?$")]
    private static partial Regex Signature();

    [GeneratedRegex(@"\((?<name>\w+): [^)]*\)|(?<name>\w+)")]
    private static partial Regex Parameter();

    [GeneratedRegex(" +")]
    private static partial Regex Gaps();

    private static double Number(string text) => double.Parse(text.Replace('−', '-'), CultureInfo.InvariantCulture);

    private static string Unindented(IEnumerable<string> lines) => string.Join('\n', lines.Select(line => line.Trim()));

    private static IEnumerable<(string Name, string Default)> Options(string id) =>
        Lines
        .SkipWhile(line => line != $"## {id}")
        .Skip(1)
        .TakeWhile(line => !line.StartsWith("## ", StringComparison.Ordinal))
        .Where(line => line.StartsWith("| `", StringComparison.Ordinal))
        .Select(line => line.Split('|', StringSplitOptions.TrimEntries))
        .Select(cells => (cells[1].Trim('`'), cells[2].Trim('`')));
}
