using System;
using System.Globalization;
using System.IO;
using System.Threading;
using Rl.Cli.Runs;
using Rl.Cli.Views;
using Rl.Rendering;

namespace Rl.Cli.Commands;

/// <summary>What <c>rl record</c> was asked for.</summary>
internal sealed record RecordRequest
{
    public required PlayRequest Play { get; init; }

    public string? Output { get; init; }

    public double? Scale { get; init; }

    public int MaxSteps { get; init; } = Recording.DefaultMaxSteps;

    public bool Json { get; init; }
}

/// <summary><c>rl record</c>: episodes as an animation.</summary>
internal static class RecordCommand
{
    public static int Run(RecordRequest request, Terminal terminal, CancellationToken interruption)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(request.MaxSteps, 1, "--max-steps");
        return request.Play.With(terminal, (playback, player) =>
        {
            var path = request.Output ?? Default(request.Play, playback);
            try
            {
                var result =
                    playback.Record(path, request.Scale, maxSteps: request.MaxSteps, cancellationToken: interruption);
                Print(request, result, playback, player, terminal);
                return ExitCode.Success;
            }
            catch (OperationCanceledException)
            {
                terminal.Error.WriteLine($"rl: interrupted; {path} holds what was recorded.");
                return ExitCode.Interrupted;
            }
        });
    }

    /// <summary>Beside the agent, or named after the environment in the present folder.</summary>
    private static string Default(PlayRequest request, Playback playback) =>
        request.Run is null
            ? $"{playback.EnvironmentId.Replace('/', '-')}.gif"
            : Path.Combine(Path.GetDirectoryName(RunPlaces.FindAgent(request.Run)) ?? "", "episode.gif");

    private static void Print(
        RecordRequest request, RecordingResult result, Playback playback, string player, Terminal terminal)
    {
        var size = new FileInfo(result.Path).Length;
        if (request.Json)
        {
            JsonLine.Write(terminal.Output, "recording", writer =>
            {
                writer.WriteString("player", player);
                writer.WriteString("environment", playback.EnvironmentId);
                writer.WriteString("file", result.Path);
                writer.WriteNumber("bytes", size);
                writer.WriteNumber("episodes", result.Episodes);
                writer.WriteNumber("steps", result.Steps);
                writer.Number("meanReturn", result.Return);
                writer.WriteNumber("seconds", result.Duration.TotalSeconds);
            });
        }
        else
        {
            terminal.Output.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{player} on {playback.EnvironmentId}: {result.Episodes} "
                    + $"{(result.Episodes == 1 ? "episode" : "episodes")}, {result.Steps} steps, mean return "
                    + $"{Text.Return(result.Return)}; {result.Path} "
                    + $"({result.Duration.TotalSeconds:0.0} s, {size / 1_024.0:0} KiB)"));
        }
    }
}
