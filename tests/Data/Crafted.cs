using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Rl.Data;
using Rl.Data.Internal;
using Rl.Data.Internal.Hdf5;

namespace Rl.Tests.Data;

/// <summary>Harmless data sets with one thing wrong, as other programs might write them.</summary>
internal static class Crafted
{
    /// <summary>The arrays of an episode of two steps, by their names.</summary>
    public static Dictionary<string, DataArray> Arrays() => new(StringComparer.Ordinal)
    {
        ["observations"] = new(new[] { 1f, 2, 3, 4, 5, 6 }, 3, 2),
        ["actions"] = new(new[] { 0.5f, -1 }, 2, 1),
        ["rewards"] = new(new[] { 1.0, 2.0 }, 2),
        ["terminations"] = new(new[] { false, true }, 2),
        ["truncations"] = new(new[] { false, false }, 2),
    };

    /// <summary>A Minari folder of three episodes, of which the second is changed.</summary>
    /// <param name="folder">Where it comes into being.</param>
    /// <param name="change">Changes the arrays of episode 1.</param>
    /// <param name="metadata">Changes the metadata's text.</param>
    /// <param name="stated">What the attribute total_steps says.</param>
    public static string Minari(
        TemporaryFolder folder,
        Action<Dictionary<string, DataArray>> change,
        Func<string, string>? metadata = null,
        long stated = 2)
    {
        var data = Directory.CreateDirectory(folder.File("crafted-v0/data")).FullName;
        using (var writer = new Hdf5Writer(File.Create(Path.Combine(data, "main_data.hdf5"))))
        {
            for (var number = 0; number < 3; number++)
            {
                var arrays = Arrays();
                if (number == 1)
                {
                    change(arrays);
                }

                writer.Root.Group($"episode_{number}", group =>
                {
                    group.Attribute("total_steps", new(new[] { number == 1 ? stated : 2L }));
                    foreach (var (name, array) in arrays)
                    {
                        group.Array(name, array);
                    }
                });
            }

            writer.Finish();
        }

        var text = $$"""
            {"total_episodes": 3, "total_steps": 6, "data_format": "hdf5",
             "observation_space": {{Quoted(Space.Unbounded(2))}}, "action_space": {{Quoted(Space.Box(-1, 1, 1))}},
             "dataset_id": "crafted-v0", "minari_version": "0.5.3"}
            """;
        File.WriteAllText(Path.Combine(data, "metadata.json"), metadata is null ? text : metadata(text));
        return folder.File("crafted-v0");
    }

    private static string Quoted(Space space) => PythonJson.Quoted(GymSpace.Of(space).Text);
}
