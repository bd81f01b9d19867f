using System;
using System.Collections.Generic;
using System.Linq;
using Rl.Cli.Data;

namespace Rl.Cli.Tuning;

/// <summary>Names such as @FrameStackObservation, which stand in spaces for a wrapper around the environment: its value
/// is what stands in its parentheses, true for nothing there, and none or false for no such wrapper.</summary>
internal static class WrapperName
{
    /// <summary>The value of a wrapper that is not there.</summary>
    public const string None = "none";

    /// <summary>Whether a name is one, and so no option.</summary>
    public static bool Is(string name) => name.StartsWith('@');

    /// <summary>The wrappers of a point's settings in their order, as <see cref="WrapperText"/> reads them.</summary>
    public static IReadOnlyList<string> Wrappers(IEnumerable<KeyValuePair<string, string>> settings) =>
        [.. settings.Where(one => Is(one.Key)).Select(one => Text(one.Key, one.Value)).OfType<string>()];

    /// <summary>The options of a point's settings, without its wrappers.</summary>
    public static IReadOnlyList<KeyValuePair<string, string>> Options(
        IEnumerable<KeyValuePair<string, string>> settings) =>
        [.. settings.Where(one => !Is(one.Key))];

    /// <summary>A wrapper with what stands in its parentheses; null for none.</summary>
    public static string? Text(string name, string value) =>
        IsAny(value, None, "false") ? null
        : IsAny(value, "true", "") ? name[1..]
        : $"{name[1..]}({value})";

    private static bool IsAny(string value, params string[] others) =>
        others.Contains(value.Trim(), StringComparer.OrdinalIgnoreCase);
}
