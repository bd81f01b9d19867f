using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Threading;
using Rl.Logging;
using Xunit;

namespace Rl.Tests.Logging;

/// <summary>What TensorBoard is told, read back from the files.</summary>
public sealed class TensorBoardLogTests
{
    [Fact]
    public void Every_number_of_a_run_of_PPO_is_a_curve_with_the_reported_values()
    {
        using var folder = new TemporaryFolder();
        using var agent = Runs.Ppo();
        var reports = new List<TrainingProgress>();
        using (var log = new TensorBoardLog(agent, folder.Path, new() { EverySteps = 1 }))
        using (var both = new TrainingLogs(log, Runs.Into(reports)))
        {
            agent.Train(both);
        }

        var events = EventReader.Read(folder.Path);
        Assert.Equal(["brain.Event:2"], events.Versions);
        Assert.Equal([0L], events.Starts);
        string[] own =
        [
            "episodes/count", "episodes/meanLength", "episodes/meanReturn", "time/seconds", "time/stepsPerSecond",
            "time/updates",
        ];
        string[] metrics =
        [
            "policyLoss", "valueLoss", "entropy", "approximateKl", "clipFraction", "gradientNorm",
            "explainedVariance", "learningRate", "epochs", "clipRange",
        ];
        Assert.Equal(
            own.Concat(metrics.Select(name => $"learning/{name}")).Order(StringComparer.Ordinal), events.ScalarTags);
        Assert.Equal(8, reports.Count);
        foreach (var name in metrics)
        {
            Assert.Equal(
                reports.Select(report => (report.Steps, (float)Metric(report, name))),
                events.Of($"learning/{name}").Select(value => (value.Step, (float)value.Scalar)));
        }

        var means = reports.Where(report => report.EpisodeCount > 0);
        Assert.Equal(
            means.Select(report => (report.Steps, (float)report.MeanReturn)),
            events.Of("episodes/meanReturn").Select(value => (value.Step, (float)value.Scalar)));
        Assert.All(
            events.Values,
            value => Assert.InRange(value.WallTime, 1.7e9, (DateTime.UtcNow - DateTime.UnixEpoch).TotalSeconds));
    }

    [Fact]
    public void A_log_among_callbacks_has_their_evaluations()
    {
        using var folder = new TemporaryFolder();
        using var agent = Runs.Ppo();
        var reports = new List<TrainingProgress>();
        var evaluations = new EvaluationCallback(2 * (agent.Options.TotalSteps / 8)) { Episodes = 2 };
        using (var log = new TensorBoardLog(agent, folder.Path, new() { EverySteps = 1 }))
        {
            agent.Train(
                agent.Options.TotalSteps, [log, evaluations, new ProgressCallback(Runs.Into(reports))]);
        }

        var events = EventReader.Read(folder.Path);
        Assert.Equal(8, reports.Count);
        Assert.Equal(
            reports.Select(report => report.Steps), events.Of("time/seconds").Select(value => value.Step));
        Assert.Equal(4, evaluations.Results.Count);
        Assert.Equal(
            evaluations.Results.Select(result => (result.Steps, (float)result.Result.Mean)),
            events.Of("evaluation/meanReturn").Select(value => (value.Step, (float)value.Scalar)));
    }

    [Fact]
    public void A_run_of_DQN_has_its_curves_from_the_first_update_on_and_its_actions()
    {
        using var folder = new TemporaryFolder();
        using var agent = Runs.Dqn();
        using (var log = new TensorBoardLog(agent, folder.Path))
        {
            agent.Train(log);
        }

        var events = EventReader.Read(folder.Path);
        string[] metrics =
        [
            "actionValue", "explorationRate", "gradientNorm", "gradientSteps", "learningRate", "remembered",
            "valueLoss",
        ];
        foreach (var name in metrics)
        {
            Assert.Contains($"learning/{name}", events.ScalarTags);
        }

        Assert.Equal(6 + metrics.Length, events.ScalarTags.Length);
        Assert.All(events.Of("learning/valueLoss"), value => Assert.False(double.IsNaN(value.Scalar)));
        Assert.True(events.Of("learning/valueLoss")[0].Step > events.Of("learning/explorationRate")[0].Step);
        var actions = events.Of("actions")[^1].Histogram;
        Assert.Equal(2_000, actions.Double(3));
        Assert.Equal(0, actions.Double(1));
        Assert.Equal(1, actions.Double(2));
        Assert.Equal(actions.Double(4), actions.Doubles(7)[^1]);
    }

    [Fact]
    public void Curves_have_the_keys_and_units_of_Stable_Baselines3_if_asked()
    {
        using var folder = new TemporaryFolder();
        using var agent = Runs.Ppo();
        var reports = new List<TrainingProgress>();
        using (var log = new TensorBoardLog(
            agent, folder.Path, new() { Keys = LogKeys.StableBaselines3, EverySteps = 1 }))
        using (var both = new TrainingLogs(log, Runs.Into(reports)))
        {
            agent.Train(both);
        }

        var events = EventReader.Read(folder.Path);
        string[] theirs =
        [
            "rollout/ep_len_mean", "rollout/ep_rew_mean", "time/fps", "train/approx_kl", "train/clip_fraction",
            "train/clip_range", "train/entropy_loss", "train/explained_variance", "train/learning_rate", "train/loss",
            "train/policy_gradient_loss", "train/value_loss",
        ];
        string[] ours = ["train/epochs", "train/gradient_norm"];
        Assert.Equal(theirs.Concat(ours).Order(StringComparer.Ordinal), events.ScalarTags);
        var options = (PpoOptions)agent.Options;
        for (var index = 0; index < reports.Count; index++)
        {
            var report = reports[index];
            Assert.Equal((float)-Metric(report, "entropy"), events.Of("train/entropy_loss")[index].Scalar);
            Assert.Equal((float)(2 * Metric(report, "valueLoss")), events.Of("train/value_loss")[index].Scalar);
            Assert.Equal((float)Metric(report, "policyLoss"), events.Of("train/policy_gradient_loss")[index].Scalar);
            Assert.Equal(
                Metric(report, "policyLoss") - (options.EntropyCoefficient.At(0) * Metric(report, "entropy"))
                    + (options.ValueCoefficient * Metric(report, "valueLoss")),
                events.Of("train/loss")[index].Scalar,
                1e-5);

            // By what was done of the plan before the update.
            Assert.Equal(0.2 * (1 - (index / 8.0)), events.Of("train/clip_range")[index].Scalar, 1e-6);
        }
    }

    [Fact]
    public void Other_algorithms_have_the_keys_of_Stable_Baselines3_too()
    {
        using var folder = new TemporaryFolder();
        var ofDqn = TagsOf(Runs.Dqn(2_000), folder.File("dqn"));
        Assert.Contains("rollout/exploration_rate", ofDqn);
        Assert.Contains("train/loss", ofDqn);
        Assert.Contains("train/learning_rate", ofDqn);
        var sac = new SacOptions { TotalSteps = 600, LearningStarts = 100, Threads = 1, EnvironmentCopies = 1 };
        var ofSac = TagsOf(Agent.Create(sac, Environments.Make("Pendulum-v1"), seed: 1), folder.File("sac"));
        foreach (var key in new[] { "actor_loss", "critic_loss", "ent_coef", "ent_coef_loss" })
        {
            Assert.Contains($"train/{key}", ofSac);
        }

        Assert.Contains("train/std", TagsOf(Runs.Ppo(2_048, "Pendulum-v1"), folder.File("ppo")));
        var a2c = new A2cOptions { TotalSteps = 400, Threads = 1 };
        Assert.Contains(
            "train/policy_loss",
            TagsOf(Agent.Create(a2c, Environments.Make("CartPole-v1"), seed: 1), folder.File("a2c")));
    }

    [Fact]
    public void Histograms_are_of_each_part_of_the_parameters_and_count_all_of_them()
    {
        using var folder = new TemporaryFolder();
        using var agent = Runs.Ppo();
        using (var log = new TensorBoardLog(agent, folder.Path, new() { HistogramEverySteps = 2_048 }))
        {
            agent.Train(log);
        }

        var histograms = EventReader.Read(folder.Path).Values.Where(value => value.IsHistogram).ToArray();
        Assert.Equal([1_024L, 3_072, 5_120, 7_168], histograms.Select(value => value.Step).Distinct());
        Assert.Equal(
            agent.ParameterBlocks.Select(block => $"parameters/{block.Name}"),
            histograms.Where(value => value.Step == 1_024).Select(value => value.Tag));
        Assert.Contains("parameters/critic/0/weight", histograms.Select(value => value.Tag));
        foreach (var at in histograms.GroupBy(value => value.Step))
        {
            Assert.Equal(agent.Parameters.Length, at.Sum(value => value.Histogram.Double(3)));
            Assert.Equal(agent.Parameters.Length, at.Sum(value => value.Histogram.Doubles(7).Sum()));
            Assert.All(
                at, value => Assert.Equal(value.Histogram.Doubles(6).Length, value.Histogram.Doubles(7).Length));
        }
    }

    [Fact]
    public void No_histograms_are_written_if_none_are_asked_for()
    {
        using var folder = new TemporaryFolder();
        using var agent = Runs.Ppo(2_048);
        using (var log = new TensorBoardLog(agent, folder.Path, new() { HistogramEverySteps = 0 }))
        {
            agent.Train(log);
        }

        Assert.DoesNotContain(EventReader.Read(folder.Path).Values, value => value.IsHistogram);
    }

    [Fact]
    public void Options_are_hyper_parameters_with_their_kinds_and_the_run_ends_with_success()
    {
        using var folder = new TemporaryFolder();
        using var agent = Runs.Ppo(2_048);
        using (var log = new TensorBoardLog(agent, folder.Path))
        {
            agent.Train(log);
            log.AddEvaluation(agent.Evaluate(5), agent.Steps);
        }

        var events = EventReader.Read(folder.Path);
        var start = events.Of("_hparams_/session_start_info").Single();
        Assert.Equal("hparams", start.Plugin);
        Assert.Equal(0, start.PluginData.Integer(1));
        var given = start.PluginData.Message(3).Messages(1)
            .ToDictionary(entry => entry.Text(1), entry => entry.Message(2));
        Assert.Equal("ppo", given["algorithm"].Text(3));
        Assert.Equal("CartPole-v1", given["environment"].Text(3));
        Assert.Equal(1, given["seed"].Double(2));
        Assert.Equal("linear(0.001, 0)", given["LearningRate"].Text(3));
        Assert.Equal(0.5, given["ValueCoefficient"].Double(2));
        Assert.Equal(1, given["NormaliseAdvantages"].Integer(4));
        Assert.Equal("tanh", given["Activation"].Text(3), ignoreCase: true);
        Assert.Equal(agent.Options.ToSettings().Count + 4, given.Count);
        var experiment = events.Of("_hparams_/experiment").Single().PluginData.Message(2);
        Assert.Equal(given.Keys, experiment.Messages(4).Select(info => info.Text(1)));
        var judged = experiment.Messages(5).Select(info => info.Message(1).Text(2)).ToArray();
        Assert.Equal(["evaluation/meanReturn", "episodes/meanReturn"], judged);
        Assert.All(judged, tag => Assert.Contains(tag, events.ScalarTags));
        Assert.Equal(1, events.Of("_hparams_/session_end_info").Single().PluginData.Message(4).Integer(1));
        var options = events.Of("options").Single();
        Assert.Equal("text", options.Plugin);
        Assert.Contains("| LearningRate | linear(0.001, 0) |", options.Text, StringComparison.Ordinal);
    }

    [Fact]
    public void What_one_adds_oneself_is_there_and_numbers_that_are_none_stay_so()
    {
        using var folder = new TemporaryFolder();
        using var agent = Runs.Ppo();
        byte[] gif = [.. "GIF89a"u8, 4, 0, 3, 0, 0];
        using (var log = new TensorBoardLog(agent, folder.Path))
        {
            log.AddScalar("own/number", double.NaN, 5);
            log.AddScalar("own/number", double.NegativeInfinity, 6);
            log.AddText("note", "# hello", 7);
            log.AddImage("episode", gif, 8);
            log.AddHistogram("own/spread", [1, 2, 3, float.NaN], 9);
            log.AddHistogram("own/nothing", [float.NaN], 9);
            Assert.Throws<ArgumentException>(() => log.AddScalar(" ", 1, 1));
        }

        var events = EventReader.Read(folder.Path);
        Assert.True(double.IsNaN(events.Of("own/number")[0].Scalar));
        Assert.Equal(double.NegativeInfinity, events.Of("own/number")[1].Scalar);
        Assert.Equal((7, "# hello"), (events.Of("note")[0].Step, events.Of("note")[0].Text));
        var picture = events.Of("episode")[0].Image;
        Assert.Equal((3, 4, 3), (picture.Integer(1), picture.Integer(2), picture.Integer(3)));
        Assert.Equal(gif, picture.Bytes(4));
        Assert.Equal(3, events.Of("own/spread")[0].Histogram.Double(3));
        Assert.Empty(events.Of("own/nothing"));
    }

    [Fact]
    public void A_long_plan_leaves_a_thousand_rows_evenly_and_the_last_one_is_the_end()
    {
        using var folder = new TemporaryFolder();
        using var agent = Agent.Create(
            new A2cOptions { TotalSteps = 20_000, RolloutSteps = 5, EnvironmentCopies = 1, Threads = 1 },
            Environments.Make("CartPole-v1"),
            seed: 1);
        using (var all = new TrainingLogs(
            new TensorBoardLog(agent, folder.File("run")),
            new CsvLog(agent, folder.File("progress.csv")),
            new JsonLinesLog(agent, folder.File("progress.jsonl")),
            new CsvLog(agent, folder.File("each.csv"), everySteps: 1)))
        {
            agent.Train(all);
        }

        var steps = EventReader.Read(folder.File("run")).Of("time/updates").Select(value => value.Step).ToArray();
        long[] expected = [5, .. Enumerable.Range(1, 999).Select(row => 5L + (20 * row)), 20_000];
        Assert.Equal(expected, steps);
        Assert.Equal(
            expected.Select(step => $"{step}"),
            File.ReadLines(folder.File("progress.csv")).Skip(1).Select(line => line.Split(',')[0]));
        Assert.Equal(1_001, File.ReadLines(folder.File("progress.jsonl")).Count());
        Assert.Equal(4_001, File.ReadLines(folder.File("each.csv")).Count());
    }

    [Fact]
    public void Logging_changes_nothing_of_what_is_learned()
    {
        using var folder = new TemporaryFolder();
        using var with = Runs.Dqn(2_000);
        using var without = Runs.Dqn(2_000);
        using (var log = new TensorBoardLog(with, folder.Path, new() { EverySteps = 1, HistogramEverySteps = 1 }))
        {
            with.Train(log);
        }

        without.Train();
        Assert.Equal(without.Parameters.ToArray(), with.Parameters.ToArray());
    }

    internal static double Metric(TrainingProgress report, string name) =>
        report.Metrics.Single(metric => metric.Key == name).Value;

    private static string[] TagsOf(Agent agent, string folder)
    {
        using (agent)
        using (var log = new TensorBoardLog(agent, folder, new() { Keys = LogKeys.StableBaselines3 }))
        {
            agent.Train(log);
        }

        return EventReader.Read(folder).ScalarTags;
    }
}
