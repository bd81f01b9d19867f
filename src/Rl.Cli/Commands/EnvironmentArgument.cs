using System.Collections.Generic;
using System.Linq;

namespace Rl.Cli.Commands;

/// <summary>The environment that a command line names.</summary>
internal static class EnvironmentArgument
{
    /// <summary>Makes it, and says so where an older id stands for a newer environment.</summary>
    public static BuiltInEnvironment Make(string id, IEnumerable<KeyValuePair<string, string>> settings, Terminal terminal)
    {
        var environment = Environments.Make(id, settings.Select(setting => (setting.Key, setting.Value)));
        if (Environments.Notice(id) is { } notice)
        {
            terminal.Error.WriteLine($"rl: {notice}");
        }

        return environment;
    }
}
