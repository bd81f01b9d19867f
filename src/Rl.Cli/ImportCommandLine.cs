using System;
using System.CommandLine;
using System.Threading;
using Rl.Cli.Commands;

namespace Rl.Cli;

/// <summary>The words of <c>rl import</c>.</summary>
internal static class ImportCommandLine
{
    public static Command Import(Terminal terminal, CancellationToken interruption)
    {
        var file = new Argument<string>("file")
        {
            Description = "The network: an ONNX model, or a safetensors file, whose name ends with .safetensors.",
        };
        var environment = new Option<string>("--environment")
        {
            Description = "The id of the environment that it acts in.",
            Required = true,
        };
        Completions.Offer(environment, Completions.Environments);
        var environmentSet = Words.EnvironmentSet("of the environment");
        var output = new Option<string?>("--output")
        {
            Description = "The agent file; beside the network if not given. An earlier file is replaced.",
        };
        var algorithm = new Option<string>("--algorithm")
        {
            Description = "What the agent learns with if it is trained on.",
            DefaultValueFactory = _ => "ppo",
        };
        Completions.Offer(algorithm, Completions.Algorithms);
        var set = Words.Settings("--set", "An option of the algorithm, for example LearningRate=3e-4.");
        var modelOutput = new Option<string?>("--model-output")
        {
            Description = "The output of an ONNX model that is the action, or what it is chosen by; the first if not "
                + "given.",
            HelpName = "name",
        };
        var layers = new Option<string[]>("--layers")
        {
            Description = "Of a safetensors file, the parts whose layers follow each other, such as "
                + "mlp_extractor.policy_net action_net; those of Stable-Baselines3 are found by themselves.",
            HelpName = "parts",
            AllowMultipleArgumentsPerToken = true,
        };
        var activation = new Option<Activation?>("--activation")
        {
            Description = "What stands between the layers of a safetensors file; the algorithm's default if not given.",
        };
        var scaled = new Option<bool?>("--scaled-actions")
        {
            Description = "Whether numbers of actions are in units of their bounds, from -1 to 1 (true or false).",
            HelpName = "true|false",
        };
        var seed = NumberOption.Whole(
            "--seed", "Where the randomness of what the file does not hold comes from.", least: 0UL, otherwise: 1UL);
        var json = Words.Json("one JSON object");
        const string Summary = "Make an agent of a perceptron that another program has trained, which acts as the file "
            + "and can be evaluated, watched, exported and trained on: docs/deployment.md. No pickle is ever read. "
            + "Examples: rl import model.onnx --environment Pendulum-v1 --output agent.rl; "
            + "rl import sb3.safetensors --environment CartPole-v1 --algorithm dqn.";
        var command = new Command("import", Summary)
        {
            file, environment, environmentSet, output, algorithm, set, modelOutput, layers, activation, scaled, seed,
            json,
        };
        command.SetAction(parsed => Interruptible.Run(
            () => ImportCommand.Run(
                new ImportRequest
                {
                    File = parsed.GetRequiredValue(file),
                    Environment = parsed.GetRequiredValue(environment),
                    EnvironmentSettings = Words.Pairs("--environment-set", parsed.GetValue(environmentSet)),
                    Output = parsed.GetValue(output),
                    Algorithm = parsed.GetRequiredValue(algorithm),
                    Settings = Words.Pairs("--set", parsed.GetValue(set)),
                    Options = new()
                    {
                        Seed = parsed.GetValue(seed),
                        Output = parsed.GetValue(modelOutput),
                        Layers = parsed.GetValue(layers) is { Length: > 0 } parts ? parts : null,
                        Activation = parsed.GetValue(activation),
                        ScaledActions = parsed.GetValue(scaled),
                    },
                    Json = parsed.GetValue(json),
                },
                terminal),
            TimeSpan.Zero,
            interruption));
        return command;
    }
}
