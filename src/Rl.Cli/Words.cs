using System;
using System.Collections.Generic;
using System.CommandLine;
using System.Linq;
using Rl.Cli.Data;

namespace Rl.Cli;

/// <summary>Arguments and options that several commands have.</summary>
internal static class Words
{
    /// <summary>An argument that may be left out.</summary>
    public static Argument<string?> Optional(string name, string description) =>
        new(name) { Description = description, Arity = ArgumentArity.ZeroOrOne };

    /// <summary>The option that prints for programs.</summary>
    public static Option<bool> Json(string printed) => new("--json") { Description = $"Print {printed}." };

    /// <summary>The option that reads options of the algorithm from a file.</summary>
    public static Option<string?> OptionsFile() => new("--options")
    {
        Description = "A JSON file with options of the algorithm, such as {\"LearningRate\": 3e-4}, or one that "
            + "rl tune wrote. They go before those that are known to be good.",
        HelpName = "file",
    };

    /// <summary>The option of where episodes of an agent come from.</summary>
    public static Option<ulong?> EpisodeSeed() =>
        NumberOption.Whole<ulong>(
            "--seed", "Where the episodes' randomness comes from; follows from the agent's seed if not given.",
            least: 0);

    /// <summary>The option that lets an agent draw its actions.</summary>
    public static Option<bool> Stochastic() => new("--stochastic")
    {
        Description = "Draw actions from the policy instead of taking the most probable ones.",
    };

    /// <summary>The option that sets options of an environment.</summary>
    public static Option<string[]> EnvironmentSet(string whose) => Settings(
        "--environment-set", $"An option {whose}, for example g=9.81; rl environments ENVIRONMENT lists them.");

    /// <summary>The option that puts wrappers around the environment.</summary>
    public static Option<string[]> Wrappers()
    {
        var wrap = new Option<string[]>("--wrap")
        {
            Description = "A wrapper around the environment, such as NormalizeObservation or "
                + "\"FrameStackObservation(4)\"; the first is next to it. docs/wrappers.md lists them.",
            HelpName = "wrapper",
        };
        wrap.CompletionSources.Add([.. WrapperText.Names]);
        return wrap;
    }

    /// <summary>An option of texts such as name=value.</summary>
    public static Option<string[]> Settings(string name, string description) => new(name)
    {
        Description = description,
        HelpName = "name=value",
        AllowMultipleArgumentsPerToken = true,
    };

    /// <summary>The names and values of such texts.</summary>
    public static List<KeyValuePair<string, string>> Pairs(string option, string[]? texts) =>
        (texts ?? [])
        .Select(text =>
        {
            var at = text.IndexOf('=', StringComparison.Ordinal);
            return at > 0
                ? KeyValuePair.Create(text[..at].Trim(), text[(at + 1)..].Trim())
                : throw new ArgumentException(
                    $"{option} is \"{text}\"; it must be name=value, for example {option} LearningRate=3e-4.");
        })
        .ToList();
}
