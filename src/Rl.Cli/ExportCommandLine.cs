using System;
using System.CommandLine;
using System.Threading;
using Rl.Cli.Commands;

namespace Rl.Cli;

/// <summary>The words of <c>rl export</c>.</summary>
internal static class ExportCommandLine
{
    public static Command Export(Terminal terminal, CancellationToken interruption)
    {
        var run = new Argument<string>("run")
        {
            Description = "A run's name under runs/, its folder, or an agent file.",
        };
        Completions.Offer(run, Completions.Runs);
        var format = new Option<string>("--format")
        {
            Description = "What to write: onnx.",
            DefaultValueFactory = _ => ExportCommand.Onnx,
        };
        var output = new Option<string?>("--output")
        {
            Description = "The file; agent.onnx beside the agent if not given. An earlier file is replaced.",
        };
        var draw = new Option<bool>("--draw-actions")
        {
            Description = "Draw actions, from random numbers that the model takes as inputs, "
                + "instead of taking the most probable ones.",
        };
        var masks = new Option<bool?>("--masks")
        {
            Description = "Whether the model is told which choices are possible (true or false); "
                + "as the agent was trained if not given.",
            HelpName = "true|false",
        };
        var bytes = new Option<bool>("--images-as-bytes")
        {
            Description = "Take images of 0 to 255 as bytes instead of floats.",
        };
        var inside = new Option<bool>("--inside-wrappers")
        {
            Description = "Leave the wrappers of the training to the program that runs the model.",
        };
        var json = new Option<bool>("--json") { Description = "Print one JSON object." };
        var command = new Command(
            "export",
            "Write a trained agent as an ONNX model, for programs without this library: docs/deployment.md. "
            + "Examples: rl export ppo-CartPole-v1-seed1 --format onnx --output cartpole.onnx; "
            + "rl export runs/best.rl --draw-actions.")
        {
            run, format, output, draw, masks, bytes, inside, json,
        };
        command.SetAction(parsed => Interruptible.Run(
            () => ExportCommand.Run(
                new ExportRequest
                {
                    Run = parsed.GetRequiredValue(run),
                    Format = parsed.GetRequiredValue(format),
                    Output = parsed.GetValue(output),
                    Options = new()
                    {
                        DrawActions = parsed.GetValue(draw),
                        ActionMasks = parsed.GetValue(masks),
                        ImagesAsBytes = parsed.GetValue(bytes),
                        InsideWrappers = parsed.GetValue(inside),
                    },
                    Json = parsed.GetValue(json),
                },
                terminal),
            TimeSpan.Zero,
            interruption));
        return command;
    }
}
