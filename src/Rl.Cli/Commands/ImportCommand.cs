using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using Rl.Cli.Views;
using Rl.Onnx;

namespace Rl.Cli.Commands;

/// <summary>What <c>rl import</c> was asked for.</summary>
internal sealed record ImportRequest
{
    public required string File { get; init; }

    public required string Environment { get; init; }

    public IReadOnlyList<KeyValuePair<string, string>> EnvironmentSettings { get; init; } = [];

    /// <summary>The agent file; null for one beside the network.</summary>
    public string? Output { get; init; }

    public string Algorithm { get; init; } = "ppo";

    public IReadOnlyList<KeyValuePair<string, string>> Settings { get; init; } = [];

    /// <summary>How the network is read.</summary>
    public AgentImportOptions Options { get; init; } = new();

    public bool Json { get; init; }
}

/// <summary><c>rl import</c>: an agent file of a network that another program has trained.</summary>
internal static class ImportCommand
{
    private const string Safetensors = ".safetensors";

    public static int Run(ImportRequest request, Terminal terminal)
    {
        RequireNetwork(request.File);
        var output = request.Output ?? Path.ChangeExtension(request.File, ".rl");
        if (Path.GetFullPath(output) == Path.GetFullPath(request.File))
        {
            throw new ArgumentException($"{output} is the network itself; give the agent another file with --output.");
        }

        var environment = EnvironmentArgument.Make(request.Environment, request.EnvironmentSettings, terminal);
        var options = request.Options with { Learning = Algorithms.Options(request.Algorithm, request.Settings) };
        var isSafetensors = Path.GetExtension(request.File).Equals(Safetensors, StringComparison.OrdinalIgnoreCase);
        using var agent = isSafetensors
            ? AgentImport.FromSafetensors(request.File, environment, options)
            : AgentImport.FromOnnx(request.File, environment, options);
        agent.Save(output);
        var settings = agent.Options.ToSettings().ToDictionary();
        var network = $"{settings["Hidden"]}, {settings["Activation"]}";
        if (request.Json)
        {
            JsonLine.Write(terminal.Output, "import", writer =>
            {
                writer.WriteString("file", request.File);
                writer.WriteString("agent", output);
                writer.WriteString("algorithm", agent.Options.Algorithm);
                writer.WriteString("environment", agent.EnvironmentId);
                writer.WriteString("network", network);
                writer.WriteNumber("parameters", agent.Parameters.Length);
            });
        }
        else
        {
            terminal.Output.WriteLine(Shown.Text(string.Create(
                CultureInfo.InvariantCulture,
                $"{agent.Options.Algorithm} on {agent.EnvironmentId} with the layers of {request.File} ({network}): "
                    + $"{output}")));
            terminal.Output.WriteLine(Shown.Text($"rl evaluate {output} measures it"));
        }

        return ExitCode.Success;
    }

    /// <summary>Refuses what people have at hand and what is no file of a network.</summary>
    private static void RequireNetwork(string file)
    {
        var advice = Path.GetExtension(file).ToLowerInvariant() switch
        {
            ".rl" => "is an agent already: rl evaluate, rl watch and Agent.Load read it.",
            ".zip" or ".pt" or ".pth" or ".pkl" or ".pickle" =>
                "holds pickled objects, which could do anything when they are read and never are: write the policy's "
                    + "state_dict as safetensors, or export it as ONNX.",
            _ => null,
        };
        if (advice is not null)
        {
            throw new ArgumentException($"{file} {advice}");
        }
    }
}
