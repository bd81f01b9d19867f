using Rl.Samples;

namespace Rl.Tests.Plugins;

/// <summary>The code of docs/plugins.md, which a test of tests/Api looks for here: it compiles. What it does is tested
/// elsewhere in this project.</summary>
internal static class PluginsPage
{
    public static string Train()
    {
        var plugin = Plugin.Register(typeof(Thermostat).Assembly);   // or Plugin.Load("bin/Release/net10.0/My.dll")
        var options = Algorithms.Options("annealing", [new("TotalSteps", "200000")]);
        using var agent = Agent.Create(options, Environments.Make("Thermostat-v0"), seed: 1);
        agent.Train();
        agent.Save("thermostat.rl");   // the file names the algorithm and the environment
        return plugin.Name;
    }
}
