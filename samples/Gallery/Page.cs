using System;
using System.Globalization;
using System.Linq;
using System.Text;
using Rl;

namespace Rl.Samples;

/// <summary>docs/environments.md as a text.</summary>
internal static class Page
{
    public const string Name = "environments.md";

    public static string FileName(string id) => id.Replace('/', '-');

    /// <summary>Where the animation of an environment lies, from the page.</summary>
    public static string Picture(string id) => $"images/environments/{FileName(Newest(id))}.gif";

    /// <summary>The newest version of an environment, whose picture is that of all: versions differ in their numbers,
    /// not in what they look like.</summary>
    public static string Newest(string id)
    {
        static string NameOf(string id) => id[..id.LastIndexOf("-v", StringComparison.Ordinal)];
        return Environments.Ids.Where(other => NameOf(other) == NameOf(id)).MaxBy(VersionOf)!;
    }

    private static int VersionOf(string id) =>
        int.Parse(id[(id.LastIndexOf("-v", StringComparison.Ordinal) + 2)..], CultureInfo.InvariantCulture);

    public static string Text()
    {
        var text = new StringBuilder();
        text.Append(
            """
            # Environments

            What the registry holds. The pictures show random actions. Look at one yourself, or at an agent in it:

            ```
            rl watch --environment CartPole-v1       in the terminal
            rl watch my-run
            rl record my-run --output episode.gif    an animation for any browser
            ```

            Environments that are *masked* say which actions are possible, and agents learn, are evaluated and act among
            those alone: `agent.Predict(observation, environment)` in C#. Gymnasium leaves the others in (it offers the
            mask in `info`), so that its "solved" is of another task: that is theirs with the option `action_masks` =
            false.

            This page and its pictures are written by `dotnet run -c Release --project samples/Gallery -- docs`.

            | environment | picture | observations, actions | steps, solved at | options (default) |
            |---|---|---|---|---|

            """);
        foreach (var id in Environments.Ids)
        {
            Row(text, Environments.Describe(id), Environments.Make(id).CanRender);
        }

        text.Append(
            """

            ## LunarLander against Box2D

            Gymnasium's heuristic over 3,000 episodes (one stream of seed 11), with standard errors; a test repeats the
            first 1,500.

            | | mean return | landed |
            |---|---|---|
            | LunarLander-v3 on Box2D 2.3.1 | 237.1 (1.9) | 91.4 % (0.5) |
            | LunarLander-v3 here | 233.7 (2.0) | 90.6 % (0.5) |
            | LunarLanderContinuous-v3 here | 282.8 (0.4) | 99.8 % (0.1) |

            """);
        return text.ToString();
    }

    private static void Row(StringBuilder text, EnvironmentDescription environment, bool canRender)
    {
        var picture =
            canRender ? $"<img src=\"{Picture(environment.Id)}\" width=\"200\" alt=\"{environment.Id}\">" : "";
        var limit = environment.MaxEpisodeSteps == 0
            ? "no limit"
            : environment.MaxEpisodeSteps.ToString(CultureInfo.InvariantCulture);
        var threshold = double.IsNaN(environment.RewardThreshold)
            ? ""
            : $"; {environment.RewardThreshold.ToString("G4", CultureInfo.InvariantCulture)}";
        var options = string.Join(
            "<br>", environment.Options.Select(option => $"`{option.Name}` ({Option(option)}): {option.Summary}"));
        string[] cells =
        [
            $"**{environment.Id}**<br>{environment.Summary}",
            picture,
            $"{environment.ObservationSpace}<br>{environment.ActionSpace}",
            $"{limit}{threshold}{(environment.HasActionMasks ? "; masked" : "")}",
            options,
        ];
        text.Append("| ")
            .AppendJoin(" | ", cells.Select(cell => cell.Replace("|", "\\|", System.StringComparison.Ordinal)))
            .Append(" |\n");
    }

    private static string Option(EnvironmentOption option) =>
        option.Choices.Count == 0
            ? option.Default
            : $"{option.Default}; {string.Join(", ", option.Choices.Where(choice => choice != option.Default))}";
}
