using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using Microsoft.Extensions.Configuration;

namespace Rl.Hosting.Internal;

/// <summary>Reads a training's options from a section of a configuration. What cannot be read is noted in the options
/// beside the rest, so that a host that does not start says all of its faults at once.</summary>
internal static class TrainingConfiguration
{
    private const string WholeNumber = "a whole number";

    /// <summary>How each member is read; what is wrong with it, or null.</summary>
    private static readonly Dictionary<string, Func<HostedTrainingOptions, IConfigurationSection, string?>> Members =
        new(StringComparer.OrdinalIgnoreCase)
        {
            [nameof(HostedTrainingOptions.Algorithm)] = Text((options, text) => options.Algorithm = text ?? ""),
            [nameof(HostedTrainingOptions.Settings)] = ReadSettings,
            [nameof(HostedTrainingOptions.Environment)] = Text((options, text) => options.Environment = text),
            [nameof(HostedTrainingOptions.Seed)] = Number<ulong>(
                "a whole number from 0", NumberStyles.None, (options, seed) => options.Seed = seed),
            [nameof(HostedTrainingOptions.TotalSteps)] = Number<long>(
                WholeNumber, NumberStyles.AllowLeadingSign, (options, steps) => options.TotalSteps = steps),
            [nameof(HostedTrainingOptions.Folder)] = Text((options, text) => options.Folder = text ?? ""),
            [nameof(HostedTrainingOptions.CheckpointInterval)] = ReadInterval,
            [nameof(HostedTrainingOptions.EvaluateEverySteps)] = OrNone(
                options => options.EvaluateEverySteps = null,
                Number<long>(
                    WholeNumber,
                    NumberStyles.AllowLeadingSign,
                    (options, steps) => options.EvaluateEverySteps = steps)),
            [nameof(HostedTrainingOptions.EvaluationEpisodes)] = Number<int>(
                WholeNumber, NumberStyles.AllowLeadingSign, (options, count) => options.EvaluationEpisodes = count),
            [nameof(HostedTrainingOptions.StopAtReturn)] = OrNone(
                options => options.StopAtReturn = null,
                Number<double>("a number", NumberStyles.Float, (options, mean) => options.StopAtReturn = mean)),
        };

    /// <summary>Reads the section's members into the options.</summary>
    public static void Read(IConfiguration configuration, HostedTrainingOptions options)
    {
        foreach (var section in configuration.GetChildren())
        {
            var fault = Members.TryGetValue(section.Key, out var read)
                ? read(options, section)
                : $"There is no option {section.Key}; there are {string.Join(", ", Members.Keys)}.";
            if (fault is not null)
            {
                options.Unread.Add(fault);
            }
        }
    }

    private static string Must(IConfigurationSection section, string be) =>
        section.GetChildren().Any()
            ? $"{section.Key} has parts; it must be {be}."
            : $"{section.Key} is \"{section.Value}\"; it must be {be}.";

    private static Func<HostedTrainingOptions, IConfigurationSection, string?> Text(
        Action<HostedTrainingOptions, string?> assign) => (options, section) =>
    {
        if (section.GetChildren().Any())
        {
            return Must(section, "a text");
        }

        assign(options, section.Value);
        return null;
    };

    private static Func<HostedTrainingOptions, IConfigurationSection, string?> Number<T>(
        string kind, NumberStyles styles, Action<HostedTrainingOptions, T> assign)
        where T : struct, System.Numerics.INumberBase<T> => (options, section) =>
    {
        if (!T.TryParse(section.Value?.Trim(), styles, CultureInfo.InvariantCulture, out var value))
        {
            return Must(section, kind);
        }

        assign(options, value);
        return null;
    };

    /// <summary>Null or nothing is none.</summary>
    private static Func<HostedTrainingOptions, IConfigurationSection, string?> OrNone(
        Action<HostedTrainingOptions> clear, Func<HostedTrainingOptions, IConfigurationSection, string?> read) =>
        (options, section) =>
        {
            if (!string.IsNullOrWhiteSpace(section.Value) || section.GetChildren().Any())
            {
                return read(options, section);
            }

            clear(options);
            return null;
        };

    /// <summary>A number alone would be days.</summary>
    private static string? ReadInterval(HostedTrainingOptions options, IConfigurationSection section)
    {
        if (section.Value?.Contains(':', StringComparison.Ordinal) != true
            || !TimeSpan.TryParse(section.Value, CultureInfo.InvariantCulture, out var interval))
        {
            return Must(section, "hours, minutes and seconds, such as 00:00:30");
        }

        options.CheckpointInterval = interval;
        return null;
    }

    /// <summary>The algorithm's options, where a list is one of widths: 64x64.</summary>
    private static string? ReadSettings(HostedTrainingOptions options, IConfigurationSection section)
    {
        if (!string.IsNullOrEmpty(section.Value))
        {
            return Must(section, "the algorithm's options by name");
        }

        foreach (var setting in section.GetChildren())
        {
            options.Settings[setting.Key] =
                setting.Value ?? string.Join('x', setting.GetChildren().Select(element => element.Value));
        }

        return null;
    }
}
