using System;
using System.Collections.Generic;
using System.CommandLine.Completions;
using System.IO;
using System.Linq;
using Rl.Cli.Runs;

namespace Rl.Cli;

/// <summary>What a shell offers for arguments: ids, options of algorithms, and runs.</summary>
internal static class Completions
{
    public static IEnumerable<CompletionItem> Algorithms(CompletionContext context) =>
        Items(Rl.Algorithms.All.Select(algorithm => algorithm.Id));

    public static IEnumerable<CompletionItem> Environments(CompletionContext context) => Items(Rl.Environments.Ids);

    /// <summary>The runs under runs/, by their names.</summary>
    public static IEnumerable<CompletionItem> Runs(CompletionContext context) => Items(RunPlaces.Names());

    /// <summary>The options of the algorithm that the line names, each with the sign before its value.</summary>
    public static IEnumerable<CompletionItem> Options(CompletionContext context)
    {
        var words = context.ParseResult.Tokens.Select(token => token.Value);
        return Items(
            Rl.Algorithms.All
                .Where(algorithm => words.Contains(algorithm.Id, StringComparer.OrdinalIgnoreCase))
                .Take(1)
                .SelectMany(algorithm => algorithm.Options)
                .Select(option => $"{option.Name}="));
    }

    private static IEnumerable<CompletionItem> Items(IEnumerable<string> texts) =>
        texts.Select(text => new CompletionItem(text));
}
