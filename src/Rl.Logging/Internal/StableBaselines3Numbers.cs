using System;
using System.Collections.Generic;
using System.Linq;
using System.Text;

namespace Rl.Logging.Internal;

/// <summary>The keys of Stable-Baselines3, with numbers in its units.</summary>
internal sealed class StableBaselines3Numbers(Agent agent) : LoggedNumbers
{
    private const string LogStandardDeviation = "actor/logStandardDeviation";

    private readonly Dictionary<string, string> names = [];
    private readonly bool hasDeviation = agent.ParameterBlocks.Any(block => block.Name == LogStandardDeviation);
    private long stepsBefore = agent.Steps;

    public override string MeanReturn => "rollout/ep_rew_mean";

    public override string EvaluationReturn => "eval/mean_reward";

    public override string EvaluationLength => "eval/mean_ep_length";

    public override string Steps => "time/total_timesteps";

    /// <summary>Whether it collects rollouts: then time is counted in iterations, else in episodes.</summary>
    private bool HasRollouts => agent.Options.ToSettings().Any(setting => setting.Key == "RolloutSteps");

    public override IEnumerable<KeyValuePair<string, double>> Curves(TrainingProgress now)
    {
        if (now.EpisodeCount > 0)
        {
            yield return Pair(MeanReturn, now.MeanReturn);
            yield return Pair("rollout/ep_len_mean", now.MeanLength);
        }

        yield return Pair("time/fps", Math.Floor(now.StepsPerSecond));
        foreach (var number in Learning(now, Measured(now)))
        {
            yield return number;
        }
    }

    public override IEnumerable<KeyValuePair<string, double>> Row(TrainingProgress now) =>
    [
        Pair(Steps, now.Steps),
        HasRollouts ? Pair("time/iterations", now.Updates) : Pair("time/episodes", now.EpisodeCount),
        Pair("time/time_elapsed", Math.Floor(now.Elapsed.TotalSeconds)),
        Pair("time/fps", Math.Floor(now.StepsPerSecond)),
        Pair(MeanReturn, now.MeanReturn),
        Pair("rollout/ep_len_mean", now.MeanLength),
        .. Learning(now, Metrics(now)),
    ];

    private IEnumerable<KeyValuePair<string, double>> Learning(
        TrainingProgress now, IEnumerable<KeyValuePair<string, double>> metrics)
    {
        foreach (var (name, value) in metrics)
        {
            yield return Number(name, value);
        }

        foreach (var number in OfOptions(now))
        {
            yield return number;
        }

        if (hasDeviation)
        {
            var logs = agent.ParameterBlocks.First(block => block.Name == LogStandardDeviation).Values;
            yield return Pair("train/std", logs.ToArray().Average(log => Math.Exp(log)));
        }

        stepsBefore = now.Steps;
    }

    /// <summary>A metric by its key there. Its loss of values is twice ours, the mean of (V − G)² without ½; its loss
    /// of entropy is the entropy's negative.</summary>
    private KeyValuePair<string, double> Number(string name, double value) => name switch
    {
        "explorationRate" => Pair("rollout/exploration_rate", value),
        "entropy" => Pair("train/entropy_loss", -value),
        "policyLoss" => Pair(
            agent.Options is PpoOptions ? "train/policy_gradient_loss" : "train/policy_loss", value),
        "valueLoss" when HasRollouts => Pair("train/value_loss", 2 * value),
        "valueLoss" => Pair("train/loss", value),
        "valueClipRange" => Pair("train/clip_range_vf", value),
        "approximateKl" => Pair("train/approx_kl", value),
        "temperature" => Pair("train/ent_coef", value),
        "temperatureLoss" => Pair("train/ent_coef_loss", value),
        _ => Pair(Spelled(name), value),
    };

    /// <summary>What follows from PPO's options: its ranges of clipping, where they are no metrics because they
    /// stay, and the sum of its losses.</summary>
    private IEnumerable<KeyValuePair<string, double>> OfOptions(TrainingProgress now)
    {
        if (agent.Options is not PpoOptions ppo)
        {
            yield break;
        }

        var done = Math.Min(1, (double)stepsBefore / ppo.TotalSteps);
        if (ppo.ValueClipRange.IsConstant && ppo.ValueClipRange.At(0) > 0)
        {
            yield return Pair("train/clip_range_vf", ppo.ValueClipRange.At(done));
        }

        if (ppo.ClipRange.IsConstant)
        {
            yield return Pair("train/clip_range", ppo.ClipRange.At(done));
        }

        double Metric(string name) => now.Metrics.First(metric => metric.Key == name).Value;
        yield return Pair(
            "train/loss",
            Metric("policyLoss") - (ppo.EntropyCoefficient.At(done) * Metric("entropy"))
                + (ppo.ValueCoefficient * Metric("valueLoss")));
    }

    /// <summary>learningRate as train/learning_rate.</summary>
    private string Spelled(string name)
    {
        if (!names.TryGetValue(name, out var spelled))
        {
            var text = new StringBuilder("train/");
            foreach (var letter in name)
            {
                text.Append(char.IsUpper(letter) ? $"_{char.ToLowerInvariant(letter)}" : letter);
            }

            names[name] = spelled = text.ToString();
        }

        return spelled;
    }
}
