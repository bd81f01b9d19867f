using System;
using System.Collections.Generic;
using System.Linq;

namespace Rl.Cli.Commands;

/// <summary>The environment that a command line names.</summary>
internal static class EnvironmentArgument
{
    /// <summary>Requires that options are those of an environment that is named too, where a run has one of its
    /// own.</summary>
    public static void RequireNamed(string? id, IReadOnlyList<KeyValuePair<string, string>> settings)
    {
        if (settings.Count > 0 && id is null)
        {
            throw new ArgumentException("--environment-set belongs to --environment; name the environment.");
        }
    }

    /// <summary>Makes it, and says so where an older id stands for a newer environment.</summary>
    public static BuiltInEnvironment Make(
        string id, IEnumerable<KeyValuePair<string, string>> settings, Terminal terminal)
    {
        var environment = Environments.Make(id, settings.Select(setting => (setting.Key, setting.Value)));
        if (Environments.Notice(id) is { } notice)
        {
            terminal.Error.WriteLine($"rl: {notice}");
        }

        return environment;
    }
}
