using System;
using System.Collections.Generic;
using System.Linq;
using Rl.Core.Acting;
using Rl.Core.Learning;

namespace Rl.Onnx.Internal;

/// <summary>An agent whose actor is a perceptron of a file.</summary>
internal static class NetworkAgent
{
    private const string Hidden = "Hidden";
    private const string ActivationOption = "Activation";
    private const string Output = "actor/output/";

    /// <summary>Parts of an actor that a file does not hold, and that its most probable actions do not depend
    /// on.</summary>
    private const string Deviations = "actor/logStandardDeviation";

    /// <summary>The distribution that the tanh of a normal one has.</summary>
    private const string SquashedNormal = "squashedNormal";

    /// <summary>Distributions whose most probable action is the outputs themselves, their tanh, or the greatest of
    /// them.</summary>
    private static readonly string[] Plain =
    [
        "bernoulli", "branchingGreedy", "categorical", "deterministic", "diagonalNormal", "greedy", "multiCategorical",
        SquashedNormal,
    ];

    private const double SameUnits = 1e-5;

    public static Agent Create(
        string path, ImportedNetwork network, IEnvironment environment, AgentImportOptions options)
    {
        var learning = options.Learning ?? new PpoOptions();
        var agent = Agent.Create(Learning(path, network, learning, options.Activation), environment, options.Seed);
        try
        {
            new Placement(path, network, agent, options).Place();
            return agent;
        }
        catch
        {
            agent.Dispose();
            throw;
        }
    }

    /// <summary>The algorithm's options with the network's hidden layers.</summary>
    private static AgentOptions Learning(
        string path, ImportedNetwork network, AgentOptions learning, Activation? asked)
    {
        var settings = learning.ToSettings().ToDictionary();
        foreach (var name in new[] { Hidden, ActivationOption })
        {
            if (!settings.ContainsKey(name))
            {
                throw new ArgumentException(
                    $"{learning.Algorithm} has no option {name}: its networks are no perceptrons. Choose another "
                        + "algorithm.");
            }
        }

        settings[Hidden] = string.Join('x', network.Layers.SkipLast(1).Select(layer => layer.Outputs));
        if ((network.Activation ?? asked) is { } activation)
        {
#pragma warning disable CA1308 // Names of options are in lower case.
            settings[ActivationOption] = activation.ToString().ToLowerInvariant();
#pragma warning restore CA1308
        }

        try
        {
            var options = Algorithms.Options(learning.Algorithm, settings) with
            {
                EnvironmentCopies = learning.EnvironmentCopies,
                Threads = learning.Threads,
            };
            options.Validate();
            return options;
        }
        catch (ArgumentException error)
        {
            throw new ArgumentException(
                $"{path} has hidden layers that {learning.Algorithm} cannot have: {error.Message}",
                error);
        }
    }

    /// <summary>The numbers of a file in the places of an agent's.</summary>
    private sealed class Placement(string path, ImportedNetwork network, Agent agent, AgentImportOptions options)
    {
        private readonly PolicyModel policy = agent.Exported().Policy;

        public void Place()
        {
            var blocks = ActorModule.layout(policy.Network).Blocks.ToDictionary(block => block.Name);
            RequirePerceptron(blocks.Keys);
            var fitted = Fitted();
            var parameters = agent.Parameters.Span[..blocks.Values.Sum(block => block.Count)].ToArray();
            for (var number = 0; number < fitted.Count; number++)
            {
                var isLast = number == fitted.Count - 1;
                var prefix = isLast ? Output : $"actor/{number}/";
                Write(parameters, fitted[number], blocks[$"{prefix}weight"], blocks[$"{prefix}bias"], isLast);
            }

            agent.ReplaceActor(parameters);
        }

        private void RequirePerceptron(IEnumerable<string> names)
        {
            HashSet<string> known =
            [
                Deviations,
                .. Enumerable.Range(0, network.Layers.Count - 1)
                    .SelectMany(number => new[] { $"actor/{number}/weight", $"actor/{number}/bias" }),
                $"{Output}weight", $"{Output}bias"];
            var distribution = policy.Network.Distribution.Format.Name;
            if ((names.FirstOrDefault(name => !known.Contains(name))
                    ?? (Plain.Contains(distribution) ? null : distribution)) is { } other)
            {
                throw new ArgumentException(
                    $"The actor of {agent.Options.Algorithm} with these options has more than a perceptron ({other}); "
                        + "leave out the options that bring it, or choose another algorithm.");
            }
        }

        /// <summary>The layers in the units of the actor.</summary>
        private IReadOnlyList<ImportedLayer> Fitted()
        {
            var inputs = ActorModule.inputs(policy.Network);
            if (network.Inputs != inputs)
            {
                throw new ArgumentException(
                    $"{path} takes {network.Inputs} numbers; observations of {agent.EnvironmentId}, "
                        + $"{agent.ObservationSpace}, are {inputs}.");
            }

            var isNumbers = policy.ActionSpace.IsBox;
            var outputs = isNumbers ? policy.ActionSpace.Size : policy.Network.Distribution.Outputs;
            if (network.Outputs != outputs)
            {
                throw new ArgumentException(
                    $"{path} gives {network.Outputs} numbers; actions of {agent.EnvironmentId}, {agent.ActionSpace}, "
                        + $"need {outputs}.");
            }

            var isSquashed = IsSquashed();
            if (network.IsComplete && network.IsSquashed != isSquashed)
            {
                throw new ArgumentException(
                    network.IsSquashed
                        ? $"{path} ends with a tanh, which an actor of {agent.Options.Algorithm} has not; td3, ddpg "
                            + "and sac have one where actions are numbers."
                        : $"The actor of {agent.Options.Algorithm} ends with a tanh, and {path} does not; ppo and a2c "
                            + "have none.");
            }

            if (network.IsChoice && isNumbers)
            {
                throw new ArgumentException(
                    $"{path} chooses the greatest of its numbers; actions of {agent.EnvironmentId} are numbers, "
                        + $"{agent.ActionSpace}.");
            }

            return isNumbers ? InUnits(isSquashed) : Chosen();
        }

        private bool IsSquashed() =>
            policy.Network.Layers.OutputActivation.IsTanh
            || policy.Network.Distribution.Format.Name == SquashedNormal;

        private IReadOnlyList<ImportedLayer> Chosen() =>
            network.Low is null && network.High is null
                ? network.Layers
                : throw new ArgumentException(
                    $"{path} clips its numbers, which are to choose by; give the output before that.");

        /// <summary>The last layer so that what the actor's units make of it are the actions of the file.</summary>
        private IReadOnlyList<ImportedLayer> InUnits(bool isSquashed)
        {
            var space = BoxSpace.Of(policy.ActionSpace);
            var isScaled = options.ScaledActions ?? (!network.IsComplete && isSquashed);
            var (scale, shift) = (new double[network.Outputs], new double[network.Outputs]);
            for (var index = 0; index < scale.Length; index++)
            {
                // The file's number y is the action factor · y + offset; the actor's number x is centre + half · x.
                var (centre, half) = Unit(policy.Network.Actions, index);
                var (low, high) = (space.Low[index], space.High[index]);
                if (isScaled && !(float.IsFinite(low) && float.IsFinite(high)))
                {
                    throw new ArgumentException(
                        $"{path} gives actions in units of their bounds; {agent.EnvironmentId} has actions without "
                            + $"bounds, {space}.");
                }

                var (factor, offset) = isScaled ? ((high - low) / 2.0, (high + low) / 2.0) : (1.0, 0.0);
                RequireBounds(index, (low - offset) / factor, (high - offset) / factor);
                (scale[index], shift[index]) = isSquashed
                    ? Squashed(index, factor, offset, centre, half)
                    : (factor / half, (offset - centre) / half);
            }

            if (isSquashed)
            {
                return network.Layers;
            }

            var last = network.Layers[^1];
            return
            [
                .. network.Layers.SkipLast(1),
                last with
                {
                    Weight = [.. last.Weight.Select((value, index) => value * scale[index % last.Outputs])],
                    Bias = [.. last.Bias.Select((value, index) => (value * scale[index]) + shift[index])],
                },
            ];
        }

        private (double, double) Squashed(int index, double factor, double offset, double centre, double half)
        {
            var whole = factor * ImportedNetwork.At(network.Scale, index, 1);
            var middle = offset + (factor * ImportedNetwork.At(network.Shift, index, 0));
            return Math.Abs(whole - half) <= SameUnits * half
                && Math.Abs(middle - centre) <= SameUnits * Math.Max(half, Math.Abs(centre))
                ? (1, 0)
                : throw new ArgumentException(
                    FormattableString.Invariant(
                        $"{path} gives action {index} from {middle - whole} to {middle + whole}; an actor of ")
                    + FormattableString.Invariant(
                        $"{agent.Options.Algorithm} gives it from {centre - half} to {centre + half}. ")
                    + "If the file is in units of the bounds, say so (ScaledActions, --scaled-actions).");
        }

        /// <summary>Requires that a file clips, if it does, to what the actor clips to.</summary>
        private void RequireBounds(int index, double low, double high)
        {
            bool Is(double[]? given, double bound) => given is null
                || Math.Abs(ImportedNetwork.At(given, index, 0) - bound) <= SameUnits * Math.Max(1, Math.Abs(bound))
                || ImportedNetwork.At(given, index, 0) == bound;

            if (!Is(network.Low, low) || !Is(network.High, high))
            {
                throw new ArgumentException(
                    FormattableString.Invariant($"{path} clips action {index} to ")
                    + FormattableString.Invariant(
                        $"[{ImportedNetwork.At(network.Low, index, double.NegativeInfinity)}, ")
                    + FormattableString.Invariant(
                        $"{ImportedNetwork.At(network.High, index, double.PositiveInfinity)}]; ")
                    + FormattableString.Invariant($"{agent.EnvironmentId} has [{low}, {high}]."));
            }
        }

        private static (double Centre, double Half) Unit(ActionMap map, int index) =>
            map.Centres.Length == 0 ? (0, 1) : (map.Centres[index], map.HalfRanges[index]);

        /// <summary>Writes a layer; of a last one that has more outputs, the means come first and the others stay as
        /// they begin.</summary>
        private static void Write(
            float[] parameters, ImportedLayer layer, Core.Networks.Block weight, Core.Networks.Block bias, bool isLast)
        {
            var outputs = isLast ? bias.Count : layer.Outputs;
            for (var row = 0; row < layer.Inputs; row++)
            {
                for (var column = 0; column < layer.Outputs; column++)
                {
                    parameters[weight.Offset + (row * outputs) + column] =
                        (float)layer.Weight[(row * layer.Outputs) + column];
                }
            }

            for (var column = 0; column < layer.Outputs; column++)
            {
                parameters[bias.Offset + column] = (float)layer.Bias[column];
            }
        }
    }
}
