using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using Rl.Cli.Data;
using Rl.Cli.Runs;
using Rl.Cli.Views;

namespace Rl.Cli.Commands;

/// <summary><c>rl evaluate --data</c>: what an agent would earn, estimated from episodes that others have
/// played.</summary>
internal static class EvaluateFromData
{
    public static int Run(EvaluateRequest request, DataRequest place, Terminal terminal)
    {
        if (request.Environment is not null || request.EnvironmentSettings.Count > 0)
        {
            throw new ArgumentException("--data is judged by in place of --environment; give one of them.");
        }

        var path = RunPlaces.FindAgent(request.Run);
        using var agent = Agent.Load(path);
        using var behaviour = request.Behaviour is { } run ? Agent.Load(RunPlaces.FindAgent(run)) : null;
        var data = place.Open(agent.BuiltIn).ToRecordedData();
        var options = new OfflineEvaluationOptions { Discount = request.Discount ?? DiscountOf(agent.Options) };
        var estimates = agent.EvaluateOffline(data, options, behaviour, request.Seed ?? 0);
        var recorded = DiscountedMean(data, options.Discount);
        if (request.Json)
        {
            JsonLine.Write(terminal.Output, "estimates", writer =>
            {
                writer.WriteString("algorithm", agent.Options.Algorithm);
                writer.WriteString("agent", path);
                writer.WriteString("data", data.Source);
                writer.Number("discount", options.Discount);
                writer.Number("recordedReturn", recorded);
                writer.WriteStartArray("estimates");
                foreach (var estimate in estimates)
                {
                    writer.WriteStartObject();
                    writer.WriteString("estimator", Word(estimate.Estimator));
                    writer.Number("value", estimate.Value);
                    writer.Number("low", estimate.Low);
                    writer.Number("high", estimate.High);
                    writer.Number("effectiveEpisodes", estimate.EffectiveEpisodes);
                    writer.WriteEndObject();
                }

                writer.WriteEndArray();
            });
            return ExitCode.Success;
        }

        terminal.Output.WriteLine(Shown.Text(string.Create(
            CultureInfo.InvariantCulture,
            $"{agent.Options.Algorithm}, the discounted return (γ = {options.Discount}) estimated from {data.Source}, "
            + $"whose own is {Text.Return(recorded)}:")));
        TextTable.Write(
            terminal,
            ["estimator", "value", "95 %", "worth episodes"],
            [.. estimates.Select(estimate => new[]
            {
                Word(estimate.Estimator),
                Text.Return(estimate.Value),
                $"{Text.Return(estimate.Low)} to {Text.Return(estimate.High)}",
                double.IsFinite(estimate.EffectiveEpisodes)
                    ? estimate.EffectiveEpisodes.ToString("0.0", CultureInfo.InvariantCulture)
                    : "-",
            })]);
        return ExitCode.Success;
    }

    /// <summary>The discount that an agent with these options learns with; 0.99 where its algorithm has none.</summary>
    public static double DiscountOf(AgentOptions options) =>
        options.ToSettings().ToDictionary().TryGetValue("Discount", out var text)
        && double.TryParse(text, CultureInfo.InvariantCulture, out var discount)
            ? discount
            : new OfflineEvaluationOptions().Discount;

    private static double DiscountedMean(RecordedData data, double discount)
    {
        List<double> returns = [];
        foreach (var episode in data.Episodes)
        {
            var sum = 0.0;
            for (var step = episode.Steps - 1; step >= 0; step--)
            {
                sum = episode.Rewards.Span[step] + (discount * sum);
            }

            returns.Add(sum);
        }

        return returns.Average();
    }

    /// <summary>WeightedPerDecision as "weighted per decision".</summary>
    private static string Word(OfflineEstimator estimator) => string.Concat(
        estimator.ToString().Select((letter, index) => char.IsUpper(letter) && index > 0
            ? $" {char.ToLowerInvariant(letter)}"
            : $"{char.ToLowerInvariant(letter)}"));
}
