using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text.Json;
using Rl.Logging;
using Xunit;

namespace Rl.Tests.Logging;

/// <summary>Monitor files, tables and lines of JSON.</summary>
public sealed class TextLogTests
{
    [Fact]
    public void A_monitor_file_is_as_Stable_Baselines3_writes_it_and_sums_up_to_the_episodes()
    {
        using var folder = new TemporaryFolder();
        using var agent = Runs.Ppo();
        var path = folder.File("monitor.csv");
        var reports = new List<TrainingProgress>();
        using (var both = new TrainingLogs(new MonitorLog(agent, path), Runs.Into(reports)))
        {
            agent.Train(both);
        }

        var lines = File.ReadAllLines(path);
        Assert.Equal('#', lines[0][0]);
        using var header = JsonDocument.Parse(lines[0][1..]);
        Assert.Equal(["t_start", "env_id"], header.RootElement.EnumerateObject().Select(field => field.Name));
        Assert.Equal("CartPole-v1", header.RootElement.GetProperty("env_id").GetString());
        var start = header.RootElement.GetProperty("t_start").GetDouble();
        Assert.InRange(start, 1.7e9, (DateTime.UtcNow - DateTime.UnixEpoch).TotalSeconds);
        Assert.Equal("r,l,t", lines[1]);
        var rows = lines[2..]
            .Select(line => Array.ConvertAll(line.Split(','), cell => double.Parse(cell, CultureInfo.InvariantCulture)))
            .ToArray();
        var episodes = reports.SelectMany(report => report.Episodes).ToArray();
        Assert.True(episodes.Length > 50);
        Assert.Equal(episodes.Length, rows.Length);
        Assert.Equal(episodes.Sum(episode => episode.Return), rows.Sum(row => row[0]), 3);
        Assert.Equal(episodes.Sum(episode => (double)episode.Length), rows.Sum(row => row[1]));
        Assert.Equal(rows.Select(row => row[2]).Order(), rows.Select(row => row[2]));
        Assert.True(rows[0][2] >= 0);
    }

    [Fact]
    public void A_monitor_file_goes_on_after_the_episodes_that_the_agent_knows()
    {
        using var folder = new TemporaryFolder();
        var (path, saved) = (folder.File("monitor.csv"), folder.File("agent.rl"));
        using (var agent = Runs.Ppo())
        using (var log = new MonitorLog(agent, path))
        {
            agent.TrainFor(3_000, log);
            log.Flush();
            agent.Save(saved);
            agent.TrainFor(4_000, log);
        }

        var header = File.ReadAllLines(path)[..2];
        using (var agent = Agent.Load(saved, threads: 1))
        using (var log = new MonitorLog(agent, path))
        {
            agent.Train(log);
        }

        var lines = File.ReadAllLines(path);
        Assert.Equal(header, lines[..2]);
        Assert.Equal(2, lines.Count(line => !char.IsDigit(line[0])));
        var lengths = lines[2..].Select(line => long.Parse(line.Split(',')[1], CultureInfo.InvariantCulture));
        Assert.InRange(lengths.Sum(), 7_000, 9_500);
    }

    [Fact]
    public void A_table_has_the_reports_as_rows_and_each_number_reads_back()
    {
        using var folder = new TemporaryFolder();
        using var agent = Runs.Ppo();
        var path = folder.File("progress.csv");
        var reports = new List<TrainingProgress>();
        using (var both = new TrainingLogs(new CsvLog(agent, path), Runs.Into(reports)))
        {
            agent.Train(both);
        }

        var lines = File.ReadAllLines(path).Select(line => line.Split(',')).ToArray();
        string[] own = ["steps", "updates", "seconds", "stepsPerSecond", "episodes", "meanReturn", "meanLength"];
        Assert.Equal([.. own, .. reports[0].Metrics.Select(metric => metric.Key)], lines[0]);
        Assert.Equal(reports.Count + 1, lines.Length);
        for (var row = 0; row < reports.Count; row++)
        {
            var numbers =
                Array.ConvertAll(lines[row + 1], cell => double.Parse(cell, CultureInfo.InvariantCulture));
            Assert.Equal(reports[row].Steps, numbers[0]);
            Assert.Equal(reports[row].MeanReturn, numbers[5], 1e-6);
            Assert.All(
                reports[row].Metrics.Zip(numbers[7..]),
                pair => Assert.Equal(pair.First.Value, pair.Second, 1e-8 * Math.Abs(pair.First.Value)));
        }
    }

    [Fact]
    public void Lines_of_JSON_hold_each_report_with_its_episodes_also_when_rows_are_few()
    {
        using var folder = new TemporaryFolder();
        using var agent = Runs.Ppo();
        var reports = new List<TrainingProgress>();
        using (var all = new TrainingLogs(
            new JsonLinesLog(agent, folder.File("each.jsonl")),
            new JsonLinesLog(agent, folder.File("few.jsonl"), everySteps: 3_000),
            Runs.Into(reports)))
        {
            agent.Train(all);
        }

        var each = Read(folder.File("each.jsonl"));
        var few = Read(folder.File("few.jsonl"));
        Assert.Equal(reports.Select(report => report.Steps), each.Select(line => line.GetProperty("steps").GetInt64()));
        Assert.Equal([1_024L, 4_096, 7_168, 8_192], few.Select(line => line.GetProperty("steps").GetInt64()));
        var episodes = reports.SelectMany(report => report.Episodes).ToArray();
        foreach (var lines in new[] { each, few })
        {
            Assert.Equal(
                episodes.Select(episode => episode.Return),
                Elements(lines, "episodeReturns").Select(element => element.GetDouble()));
            Assert.Equal(
                episodes.Select(episode => episode.Length),
                Elements(lines, "episodeLengths").Select(element => element.GetInt32()));
        }

        Assert.Equal(
            reports[2].Metrics.Select(metric => metric.Value),
            each[2].GetProperty("metrics").EnumerateObject().Select(metric => metric.Value.GetDouble()));
    }

    [Fact]
    public void A_table_and_lines_have_the_keys_of_Stable_Baselines3_if_asked_and_null_for_what_is_no_number()
    {
        using var folder = new TemporaryFolder();
        using var agent = Runs.Dqn(1_000);
        using (var both = new TrainingLogs(
            new CsvLog(agent, folder.File("progress.csv"), LogKeys.StableBaselines3),
            new JsonLinesLog(agent, folder.File("progress.json"), LogKeys.StableBaselines3)))
        {
            agent.Train(both);
        }

        var header = File.ReadLines(folder.File("progress.csv")).First().Split(',');
        foreach (var key in new[]
        {
            "time/total_timesteps", "time/episodes", "time/time_elapsed", "time/fps", "rollout/ep_rew_mean",
            "rollout/ep_len_mean", "rollout/exploration_rate", "train/loss", "train/learning_rate",
        })
        {
            Assert.Contains(key, header);
        }

        var lines = Read(folder.File("progress.json"));
        Assert.Equal(header, lines[0].EnumerateObject().Select(field => field.Name));
        Assert.Equal(JsonValueKind.Null, lines[0].GetProperty("train/loss").ValueKind);
        Assert.Equal(JsonValueKind.Number, lines[^1].GetProperty("train/loss").ValueKind);
        Assert.Equal(agent.Steps, lines[^1].GetProperty("time/total_timesteps").GetDouble());
    }

    [Fact]
    public void A_table_of_other_columns_is_left_as_it_is()
    {
        using var folder = new TemporaryFolder();
        var (path, saved) = (folder.File("progress.csv"), folder.File("agent.rl"));
        using (var agent = Runs.Ppo())
        using (var log = new CsvLog(agent, path))
        {
            agent.TrainFor(2_000, log);
            agent.Save(saved);
        }

        var before = File.ReadAllText(path);
        using (var agent = Agent.Load(saved, threads: 1))
        {
            var failures = new List<IOException>();
            using var log = new CsvLog(agent, path, LogKeys.StableBaselines3) { Failed = failures.Add };
            agent.Train(log);
            Assert.Contains("other columns", Assert.Single(failures).Message, StringComparison.Ordinal);
        }

        Assert.Equal(before, File.ReadAllText(path));
    }

    private static IEnumerable<JsonElement> Elements(JsonElement[] lines, string name) =>
        lines.SelectMany(line => line.GetProperty(name).EnumerateArray());

    private static JsonElement[] Read(string path) =>
        [.. File.ReadLines(path).Select(line => JsonDocument.Parse(line).RootElement)];
}
