using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Threading;
using Rl.Logging;
using Xunit;

namespace Rl.Tests.Logging;

/// <summary>Sessions that end early, go on, share a folder, or whose disk fails.</summary>
public sealed class SessionTests
{
    [Fact]
    public void A_run_that_is_cancelled_in_the_middle_leaves_a_whole_file()
    {
        using var folder = new TemporaryFolder();
        using var agent = Runs.Ppo();
        using var cancellation = new CancellationTokenSource();
        using (var log = new TensorBoardLog(agent, folder.Path, new() { EverySteps = 1 }))
        {
            using var both = new TrainingLogs(log, new SynchronousProgress<TrainingProgress>(now =>
            {
                if (now.Updates == 3)
                {
                    cancellation.Cancel();
                }
            }));
            Assert.Throws<OperationCanceledException>(() => agent.Train(both, cancellation.Token));
        }

        var events = EventReader.Read(folder.Path);
        Assert.Equal([1_024L, 2_048, 3_072], events.Of("time/updates").Select(value => value.Step));

        // Nobody knows whether what was stopped succeeded.
        Assert.Equal(0, events.Of("_hparams_/session_end_info").Single().PluginData.Message(4).Integer(1));
    }

    [Fact]
    public void A_file_of_a_process_that_was_killed_reads_to_its_last_whole_record()
    {
        using var folder = new TemporaryFolder();
        using var agent = Runs.Ppo();
        using (var log = new TensorBoardLog(agent, folder.Path, new() { EverySteps = 1 }))
        {
            agent.Train(log);
        }

        var path = Directory.GetFiles(folder.Path).Single();
        var bytes = File.ReadAllBytes(path);
        var whole = EventReader.Read(folder.Path).Values.Count;
        var random = new Random(3);
        for (var attempt = 0; attempt < 50; attempt++)
        {
            File.WriteAllBytes(path, bytes[..random.Next(bytes.Length)]);
            Assert.InRange(EventReader.Read(folder.Path).Values.Count, 0, whole);
        }
    }

    [Fact]
    public void An_agent_that_goes_on_from_a_file_voids_what_was_logged_beyond_it()
    {
        using var folder = new TemporaryFolder();
        var (saved, csv, lines) = (folder.File("agent.rl"), folder.File("progress.csv"), folder.File("progress.jsonl"));
        using (var agent = Runs.Ppo())
        using (var log = Logs(agent))
        {
            agent.TrainFor(3_000, log);
            agent.Save(saved);
            agent.TrainFor(2_000, log);
        }

        var reports = new List<TrainingProgress>();
        using (var agent = Agent.Load(saved, threads: 1))
        using (var log = Logs(agent))
        using (var both = new TrainingLogs(log, Runs.Into(reports)))
        {
            Assert.Equal(3_072, agent.Steps);
            agent.Train(both);
        }

        var events = EventReader.Read(folder.Path);
        Assert.Equal(2, events.Files);
        Assert.Equal([0L, 3_073], events.Starts);
        long[] all = [.. Enumerable.Range(1, 8).Select(update => 1_024L * update)];

        // As TensorBoard reads them: a later start drops the points from its step on.
        var second = events.Values.FindLastIndex(value => value.Tag == "options");
        Assert.Equal(
            all,
            events.Values
                .Where((value, index) => value.Tag == "time/updates" && (index > second || value.Step < 3_073))
                .Select(value => value.Step));
        Assert.Equal(
            all.Select(step => $"{step}"), File.ReadAllLines(csv).Skip(1).Select(line => line.Split(',')[0]));
        Assert.Equal(8, File.ReadAllLines(lines).Length);

        TrainingLogs Logs(Agent agent) => new(
            new TensorBoardLog(agent, folder.Path, new() { EverySteps = 1 }),
            new CsvLog(agent, csv),
            new JsonLinesLog(agent, lines));
    }

    [Fact]
    public void Two_logs_in_one_folder_write_two_files_that_both_read()
    {
        using var folder = new TemporaryFolder();
        using var one = Runs.Ppo(2_048);
        using var other = Runs.Ppo(4_096);
        using (var first = new TensorBoardLog(one, folder.Path, new() { EverySteps = 1 }))
        using (var second = new TensorBoardLog(other, folder.Path, new() { EverySteps = 1 }))
        {
            one.Train(first);
            other.Train(second);
        }

        var events = EventReader.Read(folder.Path);
        Assert.Equal(2, events.Files);
        Assert.Equal(2 + 4, events.Of("time/updates").Length);
    }

    [Fact]
    public void A_second_log_on_a_file_is_refused_until_the_first_is_disposed_of()
    {
        using var folder = new TemporaryFolder();
        using var agent = Runs.Ppo(2_048);
        var path = folder.File("progress.csv");
        Func<TrainingLog>[] kinds =
        [
            () => new CsvLog(agent, path), () => new JsonLinesLog(agent, path), () => new MonitorLog(agent, path),
        ];
        foreach (var open in kinds)
        {
            using (var first = open())
            {
                foreach (var again in kinds)
                {
                    var refused = Assert.Throws<IOException>(again);
                    Assert.Contains(path, refused.Message, StringComparison.Ordinal);
                    Assert.Contains("name another file, or dispose of", refused.Message, StringComparison.Ordinal);
                }

                // However it is spelt.
                Assert.Throws<IOException>(
                    () => new CsvLog(agent, Path.Combine(folder.Path, ".", "progress.csv")));
            }

            open().Dispose();
        }

        using (var first = new CsvLog(agent, path, everySteps: 1))
        {
            agent.TrainFor(512, first);
            Assert.Throws<IOException>(() => new CsvLog(agent, path));
            agent.TrainFor(512, first);
        }

        Assert.Equal(1 + 2, File.ReadAllLines(path).Length);

        // One that cannot be opened keeps nothing.
        var blocked = folder.File("blocked");
        Directory.CreateDirectory(blocked);
        Assert.Throws<IOException>(() => new CsvLog(agent, blocked));
        Directory.Delete(blocked);
        new CsvLog(agent, blocked).Dispose();
    }

    [Fact]
    public void A_log_of_one_agent_is_refused_by_the_training_of_another_before_it_begins()
    {
        using var folder = new TemporaryFolder();
        using var agent = Runs.Ppo(2_048);
        using var other = Runs.Ppo(2_048, "Acrobot-v1");
        using var log = new MonitorLog(agent, folder.File("monitor.csv"));
        using var logs = new TrainingLogs(log);
        Action[] calls =
        [
            () => other.Train(log),
            () => other.TrainFor(1, log),
            () => other.Train(2_048, [log]),
            () => other.Train(2_048, [logs]),
            () => other.Train(logs),
        ];
        foreach (var call in calls)
        {
            var refused = Assert.Throws<InvalidOperationException>(call);
            Assert.Contains("opened with another agent", refused.Message, StringComparison.Ordinal);
            Assert.Contains("new MonitorLog(agent, path)", refused.Message, StringComparison.Ordinal);
        }

        Assert.Equal(0, other.Steps);
        agent.Train(log);
    }

    [Fact]
    public void Several_logs_are_one_callback_that_hears_of_evaluations()
    {
        using var folder = new TemporaryFolder();
        using var agent = Runs.Ppo(2_048);
        var told = new List<TrainingProgress>();
        using (var logs = new TrainingLogs(
            new TensorBoardLog(agent, folder.File("events"), new() { EverySteps = 1 }), Runs.Into(told)))
        using (var csv = new CsvLog(agent, folder.File("progress.csv"), everySteps: 1))
        {
            agent.Train(2_048, [csv, logs, new EvaluationCallback(1_024) { Episodes = 2 }]);
        }

        Assert.Equal(agent.Updates, told.Count);
        Assert.Equal(1 + told.Count, File.ReadAllLines(folder.File("progress.csv")).Length);
        var events = EventReader.Read(folder.File("events"));
        Assert.Equal(told.Count, events.Of("time/updates").Length);
        Assert.NotEmpty(events.Of("evaluation/meanReturn"));
    }

    [Fact]
    public void A_place_that_cannot_be_written_is_refused_by_name_before_training()
    {
        using var folder = new TemporaryFolder();
        using var agent = Runs.Ppo();
        var file = folder.File("file");
        File.WriteAllText(file, "");
        foreach (var open in new Func<TrainingLog>[]
        {
            () => new TensorBoardLog(agent, Path.Combine(file, "log")),
            () => new CsvLog(agent, Path.Combine(file, "progress.csv")),
            () => new JsonLinesLog(agent, Path.Combine(file, "progress.jsonl")),
            () => new MonitorLog(agent, Path.Combine(file, "monitor.csv")),
        })
        {
            Assert.Contains(file, Assert.Throws<IOException>(open).Message, StringComparison.Ordinal);
        }

        Assert.Throws<ArgumentException>(() => new TensorBoardLog(agent, " "));
        Assert.Throws<ArgumentOutOfRangeException>(
            () => new TensorBoardLog(agent, folder.Path, new() { EverySteps = 0 }));
        Assert.Throws<ArgumentOutOfRangeException>(() => new CsvLog(agent, folder.File("a.csv"), everySteps: 0));
    }

    [Fact]
    public void A_disk_that_fails_stops_a_log_with_one_warning_and_no_training()
    {
        using var folder = new TemporaryFolder();
        using var agent = Runs.Ppo();
        var failures = new List<IOException>();
        var disk = new FullDisk(capacity: 12_000);
        using (var log = new TensorBoardLog(
            agent, folder.Path, new() { EverySteps = 1 }, (path, mode) => disk)
        { Failed = failures.Add })
        {
            agent.Train(new SynchronousProgress<TrainingProgress>(now =>
            {
                log.Report(now);
                log.Flush();
            }));
            Assert.NotNull(log.Failure);
            Assert.Equal(8_192, agent.Steps);
        }

        Assert.Single(failures);
        Assert.Contains(folder.Path, failures[0].Message, StringComparison.Ordinal);
        Assert.Contains("No space", failures[0].Message, StringComparison.Ordinal);

        // What is there ends with a whole record.
        File.WriteAllBytes(folder.File("events.out.tfevents.1"), disk.Bytes);
        Assert.NotEmpty(EventReader.Read(folder.Path).Values);
    }

    [Fact]
    public void A_full_device_stops_no_training_and_warns_the_agents_logger_once()
    {
        if (!OperatingSystem.IsLinux())
        {
            return;
        }

        using var agent = Runs.Ppo(2_048);
        var logger = new ListLogger();
        agent.Logger = logger;
        using (var log = new CsvLog(agent, "/dev/full"))
        using (var monitor = new MonitorLog(agent, "/dev/full"))
        using (var lines = new JsonLinesLog(agent, "/dev/full"))
        {
            agent.Train(new TrainingLogs(log, monitor, lines));
        }

        Assert.Equal(2_048, agent.Steps);
        Assert.Equal(3, logger.Warnings.Count);
        Assert.All(logger.Warnings, warning => Assert.Contains("/dev/full", warning, StringComparison.Ordinal));
    }

    [Fact]
    public void A_log_that_is_disposed_of_refuses_reports_and_is_disposed_of_again_without_harm()
    {
        using var folder = new TemporaryFolder();
        using var agent = Runs.Ppo();
        var log = new CsvLog(agent, folder.File("progress.csv"));
        log.Dispose();
        log.Dispose();
        Assert.Throws<ObjectDisposedException>(() => agent.Train(log));
        Assert.Throws<ArgumentException>(() => new TrainingLogs(log, null!));
    }

    [Fact]
    public void What_is_flushed_is_there_while_training_goes_on()
    {
        using var folder = new TemporaryFolder();
        using var agent = Runs.Ppo();
        using var log = new TensorBoardLog(agent, folder.Path, new() { EverySteps = 1 });
        agent.TrainFor(2_000, log);
        log.Flush();
        Assert.Equal(2, EventReader.Read(folder.Path).Of("time/updates").Length);
    }
}
