using System.Collections.Generic;
using System.Globalization;
using System.Reflection;

namespace Rl.Onnx.Internal;

/// <summary>What a model's file says of its agent, as pairs of texts.</summary>
internal static class AgentFacts
{
    /// <summary>The version of the library.</summary>
    public static string Version { get; } =
        typeof(Agent).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion
            .Split('+')[0] ?? "";

    public static IReadOnlyList<KeyValuePair<string, string>> Of(Agent agent, OnnxExportOptions options)
    {
        var wrappers = string.Join("; ", agent.Wrappers);
        return
        [
            new("rl.version", Version),
            new("rl.algorithm", agent.Options.Algorithm),
            new("rl.environment", agent.EnvironmentId),
            new("rl.observation_space", $"{agent.ObservationSpace}"),
            new("rl.action_space", $"{agent.ActionSpace}"),
            new("rl.wrappers", wrappers),
            new("rl.wrappers_inside_model", wrappers.Length > 0 && !options.InsideWrappers ? "true" : "false"),
            new("rl.actions", options.DrawActions ? "drawn" : "most probable"),
            new("rl.seed", agent.Seed.ToString(CultureInfo.InvariantCulture)),
            new("rl.steps", agent.Steps.ToString(CultureInfo.InvariantCulture)),
        ];
    }
}
