using System;
using System.Collections.Frozen;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Reflection;

namespace Rl.MuJoCo.Internal;

/// <summary>Where the fields of MuJoCo's structures lie in one version, in bytes. They have no functions that read
/// them, and they move from version to version; <c>tools/MujocoLayouts</c> writes them from the versions'
/// headers.</summary>
internal sealed class Layout
{
    private static readonly Lazy<(int[] Versions, Dictionary<string, int[]> Rows)> Table = new(Read);

    private readonly FrozenDictionary<string, int> numbers;

    private Layout(int column) =>
        numbers = Table.Value.Rows.ToFrozenDictionary(row => row.Key, row => row.Value[column]);

    /// <summary>The versions whose layouts are known, as MuJoCo numbers them: 222, …, 337, …, 3012000.</summary>
    public static IReadOnlyList<int> Versions => Table.Value.Versions;

    /// <summary>The layout of a version; null if it is not known.</summary>
    public static Layout? Find(int version)
    {
        var column = Array.IndexOf(Table.Value.Versions, version);
        return column < 0 ? null : new(column);
    }

    /// <summary>The number of a row.</summary>
    public int this[string name] => numbers[name];

    /// <summary>A version as text: 222 is 2.2.2, 3012001 is 3.12.1.</summary>
    public static string Name(int version) => version switch
    {
        >= 1_000_000 => string.Create(
            CultureInfo.InvariantCulture, $"{version / 1_000_000}.{version / 1_000 % 1_000}.{version % 1_000}"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{version / 100}.{version / 10 % 10}.{version % 10}"),
    };

    private static (int[] Versions, Dictionary<string, int[]> Rows) Read()
    {
        using var stream = Assembly.GetExecutingAssembly().GetManifestResourceStream("Layouts.tsv")!;
        using var reader = new StreamReader(stream);
        var rows = reader.ReadToEnd()
            .Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            .Select(line => line.Split('\t'))
            .ToDictionary(
                words => words[0],
                words => words.Skip(1).Select(word => int.Parse(word, CultureInfo.InvariantCulture)).ToArray());
        return (rows["version"], rows);
    }
}
