using System;
using System.CommandLine;
using System.Linq;
using Rl.Cli.Data;

namespace Rl.Cli;

/// <summary>The options that say what a data set does not say of itself, for all commands that read one.</summary>
internal sealed class DataWords
{
    private readonly Option<int> limit = NumberOption.Whole(
        "--max-episode-steps", "The time limit that cut episodes, for D4RL files without timeouts; 0 for none.",
        least: 0, otherwise: 0);

    private readonly Option<bool> next = new("--next-observations")
    {
        Description = "Use the file's next_observations, and so keep the last step of each cut episode.",
    };

    private readonly Option<bool> clip = new("--clip-actions")
    {
        Description = "Move actions outside their box onto its bounds.",
    };

    private readonly Option<bool> open = new("--open-ends")
    {
        Description = "Take episodes that merely stop as truncated.",
    };

    private readonly Option<string?> mapping = new("--mapping")
    {
        Description = "The JSON file that says what a table's columns are; by default beside the table.",
        HelpName = "file",
    };

    private Option[] All => [limit, next, clip, open, mapping];

    /// <summary>What stands for a data set on a command line.</summary>
    public const string Places =
        "Minari's folder (with metadata.json, or the one above), a D4RL .hdf5, an .npz or a .csv";

    public void AddTo(Command command)
    {
        foreach (var option in All)
        {
            command.Add(option);
        }
    }

    /// <summary>What was said of the data at a path.</summary>
    public DataRequest Read(ParseResult parsed, string path, string? like = null) => new()
    {
        Path = path,
        Like = like,
        MaxEpisodeSteps = parsed.GetValue(limit),
        NextObservations = parsed.GetValue(next),
        ClipActions = parsed.GetValue(clip),
        OpenEnds = parsed.GetValue(open),
        Mapping = parsed.GetValue(mapping),
    };

    /// <summary>What was said of the data that an option names; null where it names none.</summary>
    /// <exception cref="ArgumentException">Something was said of data that are not named.</exception>
    public DataRequest? ReadBeside(ParseResult parsed, Option<string?> place) =>
        parsed.GetValue(place) is { } path ? Read(parsed, path)
        : All.FirstOrDefault(option => parsed.GetResult(option) is { Implicit: false }) is { } given
            ? throw new ArgumentException($"{given.Name} says how {place.Name} is read; give that too.")
            : null;
}
