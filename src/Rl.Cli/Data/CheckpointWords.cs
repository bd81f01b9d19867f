using System;
using System.Collections.Generic;
using System.Globalization;

namespace Rl.Cli.Data;

/// <summary>When <c>rl train</c> saves, as people type it.</summary>
/// <param name="Interval">The time between two checkpoints; null for none by time.</param>
/// <param name="Steps">The steps between two checkpoints; null for none by steps.</param>
internal sealed record CheckpointWords(TimeSpan? Interval, long? Steps)
{
    /// <summary>30 seconds.</summary>
    public static CheckpointWords Default { get; } = new(TimeSpan.FromSeconds(30), null);

    /// <summary>Reads steps (<c>100000</c>), times (<c>30s</c>, <c>5m</c>, <c>1h</c>), or one of each.</summary>
    /// <exception cref="ArgumentException">A word is neither.</exception>
    public static CheckpointWords Read(string option, IReadOnlyList<string> words)
    {
        if (words.Count == 0)
        {
            return Default;
        }

        var read = new CheckpointWords(null, null);
        foreach (var word in words)
        {
            var unit = word.Length > 0 ? Unit(word[^1]) : null;
            if (unit is { } length
                && double.TryParse(
                    word[..^1], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var count)
                && count * length is > 0 and < 1e9)
            {
                read = read with { Interval = TimeSpan.FromSeconds(count * length) };
            }
            else if (long.TryParse(word, NumberStyles.None, CultureInfo.InvariantCulture, out var steps) && steps > 0)
            {
                read = read with { Steps = steps };
            }
            else
            {
                throw new ArgumentException(
                    $"{option} is \"{word}\"; it must be steps such as 100000, or a time such as 30s, 5m or 1h.");
            }
        }

        return read;
    }

    /// <summary>Seconds of a unit.</summary>
    private static double? Unit(char letter) => letter switch
    {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        _ => null,
    };
}
