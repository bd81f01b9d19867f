using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Text.Json;
using Rl.Cli.Runs;
using Rl.Cli.Views;
using Rl.Onnx;

namespace Rl.Cli.Commands;

/// <summary>What <c>rl export</c> was asked for.</summary>
internal sealed record ExportRequest
{
    public required string Run { get; init; }

    public string Format { get; init; } = ExportCommand.Onnx;

    /// <summary>The file; null for one beside the agent.</summary>
    public string? Output { get; init; }

    public OnnxExportOptions Options { get; init; } = new();

    public bool Json { get; init; }
}

/// <summary><c>rl export</c>: a trained agent for programs without the library.</summary>
internal static class ExportCommand
{
    public const string Onnx = "onnx";

    public static int Run(ExportRequest request, Terminal terminal)
    {
        if (!string.Equals(request.Format, Onnx, StringComparison.OrdinalIgnoreCase))
        {
            throw new ArgumentException($"--format is \"{request.Format}\"; it must be {Onnx}.");
        }

        var path = RunPlaces.FindAgent(request.Run);
        using var agent = Agent.Load(path);
        var model = agent.ExportOnnx(request.Output ?? Path.ChangeExtension(path, ".onnx"), request.Options);
        if (request.Json)
        {
            JsonLine.Write(terminal.Output, "export", writer =>
            {
                writer.WriteString("agent", path);
                writer.WriteString("algorithm", agent.Options.Algorithm);
                writer.WriteString("environment", agent.EnvironmentId);
                writer.WriteString("format", Onnx);
                writer.WriteString("file", model.Path);
                writer.WriteNumber("bytes", model.Bytes);
                Write(writer, "inputs", model.Inputs);
                Write(writer, "outputs", model.Outputs);
            });
        }
        else
        {
            var size = string.Create(CultureInfo.InvariantCulture, $"{model.Bytes / 1_024.0:0} KiB");
            terminal.Output.WriteLine(
                $"{agent.Options.Algorithm} on {Shown.Text(agent.EnvironmentId)}: {Shown.Text(model.Path)} ({size})");
            Show(terminal, "input", model.Inputs);
            Show(terminal, "output", model.Outputs);
        }

        return ExitCode.Success;
    }

    private static void Show(Terminal terminal, string kind, IReadOnlyList<OnnxPort> ports)
    {
        foreach (var port in ports)
        {
            terminal.Output.WriteLine(Shown.Text($"{kind,-7} {port}: {port.Meaning}"));
        }
    }

    private static void Write(Utf8JsonWriter writer, string name, IReadOnlyList<OnnxPort> ports)
    {
        writer.WriteStartArray(name);
        foreach (var port in ports)
        {
            writer.WriteStartObject();
            writer.WriteString("name", port.Name);
            writer.WriteString("type", port.ElementType);
            writer.WriteStartArray("shape");
            foreach (var length in port.Shape)
            {
                writer.WriteNumberValue(length);
            }

            writer.WriteEndArray();
            writer.WriteString("meaning", port.Meaning);
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
    }
}
