using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using Rl.Cli.Runs;

namespace Rl.Cli.Reports;

/// <summary>An option of a run beside its default.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Value">What it was.</param>
/// <param name="Default">What it would have been; null where that is not known.</param>
internal sealed record OptionRow(string Name, string Value, string? Default)
{
    /// <summary>Whether the run has another value than the default; not if that is not known.</summary>
    public bool IsChanged => Default is not null && Value != Default;

    /// <summary>The options of algorithm and environment.</summary>
    public static IReadOnlyList<OptionRow> Of(RunConfiguration configuration)
    {
        var defaults = Known(() => Algorithms.Options(configuration.Algorithm, []));
        var own = defaults?.ToSettings().ToDictionary();
        var around = Known(() => Environments.Make(configuration.Environment).Options)?.ToDictionary();
        return
        [
            .. configuration.AlgorithmOptions.Select(option => Row(option, own)),
            .. configuration.Copies is { } copies
                ? [new(nameof(AgentOptions.EnvironmentCopies), copies, Number(defaults?.EnvironmentCopies))]
                : Array.Empty<OptionRow>(),
            .. configuration.EnvironmentOptions.Select(option => Row(option, around)),
        ];
    }

    private static string? Number(int? number) => number?.ToString(CultureInfo.InvariantCulture);

    private static OptionRow Row(KeyValuePair<string, string> option, IReadOnlyDictionary<string, string>? defaults) =>
        new(option.Key, option.Value, defaults?.GetValueOrDefault(option.Key));

    private static T? Known<T>(Func<T> defaults)
        where T : class
    {
        try
        {
            return defaults();
        }
        catch (Exception error) when (error is ArgumentException or InvalidOperationException)
        {
            // A user's own that is not loaded.
            return null;
        }
    }
}
