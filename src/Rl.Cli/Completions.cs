using System;
using System.Collections.Generic;
using System.CommandLine;
using System.CommandLine.Completions;
using System.Linq;
using Rl.Cli.Runs;

namespace Rl.Cli;

/// <summary>What a shell offers for arguments: ids, options of algorithms, and runs.</summary>
internal static class Completions
{
    /// <summary>Lets an argument be completed; its help shows its name, and not all that there is.</summary>
    public static void Offer<T>(Argument<T> argument, Func<CompletionContext, IEnumerable<CompletionItem>> source)
    {
        argument.HelpName ??= argument.Name;
        argument.CompletionSources.Add(source);
    }

    /// <inheritdoc cref="Offer{T}(Argument{T}, Func{CompletionContext, IEnumerable{CompletionItem}})"/>
    public static void Offer<T>(Option<T> option, Func<CompletionContext, IEnumerable<CompletionItem>> source)
    {
        option.HelpName ??= option.Name.TrimStart('-');
        option.CompletionSources.Add(source);
    }

    public static IEnumerable<CompletionItem> Algorithms(CompletionContext context) =>
        Items(Rl.Algorithms.All.Select(algorithm => algorithm.Id));

    public static IEnumerable<CompletionItem> Environments(CompletionContext context) => Items(Rl.Environments.Ids);

    public static IEnumerable<CompletionItem> Planners(CompletionContext context) =>
        Items(Planner.All.Select(planner => planner.Id));

    /// <summary>The options of the planner that the line names, each with the sign before its value.</summary>
    public static IEnumerable<CompletionItem> PlannerOptions(CompletionContext context)
    {
        var words = context.ParseResult.Tokens.Select(token => token.Value);
        return Items(
            Planner.All
                .Where(planner => words.Contains(planner.Id, StringComparer.OrdinalIgnoreCase))
                .Take(1)
                .SelectMany(planner => planner.Options)
                .Select(option => $"{option.Name}="));
    }

    /// <summary>The runs under runs/, by their names.</summary>
    public static IEnumerable<CompletionItem> Runs(CompletionContext context) => Items(RunPlaces.Names());

    /// <summary>The shells that there is a script for.</summary>
    public static IEnumerable<CompletionItem> Shells(CompletionContext context) => Items(CompletionScripts.Shells);

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
