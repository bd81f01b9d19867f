using System;
using System.Collections.Generic;
using System.IO;
using System.IO.Compression;
using System.Linq;
using System.Text;
using System.Text.Json;
using System.Threading;
using Rl.Cli;
using Rl.Cli.Runs;
using Rl.Data;
using Xunit;
using static Rl.Tests.Api.CommandCalls;

namespace Rl.Tests.Api;

/// <summary><c>rl train --data</c>, <c>rl resume</c> and <c>rl evaluate --data</c>: learning from data sets on
/// disk.</summary>
public sealed class OfflineTrainCommandTests : IDisposable
{
    private const string Pendulum = "Pendulum-v1";

    private readonly TemporaryFolder folder = new();

    public static TheoryData<string> OfflineAlgorithms =>
        [.. Algorithms.All.Where(algorithm => algorithm.NeedsData).Select(algorithm => algorithm.Id)];

    public void Dispose() => folder.Dispose();

    [Theory]
    [MemberData(nameof(OfflineAlgorithms))]
    public void Every_algorithm_from_data_becomes_the_same_from_any_format(string algorithm)
    {
        var environment = algorithm.StartsWith("discrete", StringComparison.Ordinal) ? "CartPole-v1" : Pendulum;
        var places = Places(environment);
        var agents = places.Select((place, format) =>
        {
            var run = folder.File($"run{format}");
            string[] words = [
                "train", algorithm, environment, "--data", place, "--next-observations", "--run", run,
                .. SmallFor(algorithm)];
            var (code, output, error) = Run([.. words, "--episodes", "1"]);
            Assert.Equal((0, ""), (code, error));
            Assert.Contains($"learning from {place}", output, StringComparison.Ordinal);
            Assert.Contains("300 steps, mean return", output, StringComparison.Ordinal);
            Assert.Contains("evaluation ", output, StringComparison.Ordinal);
            using var agent = Agent.Load(Path.Combine(run, RunFiles.Agent), threads: 1);
            Assert.Equal(environment, agent.EnvironmentId);
            return agent.Parameters.ToArray();
        }).ToList();
        Assert.All(agents, parameters => Assert.Equal(agents[0], parameters));
    }

    [Fact]
    public void Data_that_name_an_environment_need_none_and_others_do_without()
    {
        var places = Places(Pendulum);
        var (named, alone) = (folder.File("named"), folder.File("alone"));
        var trained = Run(["train", "td3-bc", "--data", places[0], "--run", named, "--episodes", "1", .. Small]);
        Assert.Equal((0, ""), (trained.Code, trained.Error));
        Assert.Contains("training td3-bc on Pendulum-v1", trained.Output, StringComparison.Ordinal);

        trained = Run([
            "train", "td3-bc", "--data", places[1], "--next-observations", "--clip-actions", "--run", alone,
            .. Small]);
        Assert.Equal((0, ""), (trained.Code, trained.Error));
        Assert.Contains("training td3-bc on data", trained.Output, StringComparison.Ordinal);
        Assert.Contains("evaluation none: there is no environment", trained.Output, StringComparison.Ordinal);
        var info = Run("info", alone);
        Assert.Equal(0, info.Code);
        Assert.Contains("ended", info.Output, StringComparison.Ordinal);
        foreach (var command in (string[][])[
            ["compare", alone], ["report", alone, "--output", folder.File("report.html")]])
        {
            var shown = Run(command);
            Assert.Equal((0, ""), (shown.Code, shown.Error));
        }

        Fails(1, "estimate its return from data with --data", "evaluate", alone);
        Fails(2, "--evaluate-every needs an environment", [
            "train", "td3-bc", "--data", places[1], "--evaluate-every", "10", "--run", folder.File("x"), .. Small]);
    }

    [Fact]
    public void Evaluations_are_the_curve_of_a_run_without_episodes()
    {
        var run = folder.File("run");
        var trained = Run([
            "train", "td3-bc", Pendulum, "--data", Places(Pendulum)[0], "--run", run, "--episodes", "1",
            "--evaluate-every", "8", "--evaluate-episodes", "1", "--set", "RoundSteps=8", .. Small]);
        Assert.Equal((0, ""), (trained.Code, trained.Error));
        var record = Assert.Single(RunRecord.Find([run]));
        Assert.Equal([8.0, 16, 24, 24], record.Episodes().Select(point => point.Steps));
        Assert.True(record.Return < -500);
        Assert.Equal(record.Return, new ObservedRun(run).Return);
    }

    [Fact]
    public void A_run_goes_on_with_the_same_data_where_they_were_or_are_now_and_with_no_others()
    {
        var places = Places(Pendulum);
        string[] words = [
            "train", "td3-bc", Pendulum, "--episodes", "1", "--set", "RoundSteps=8", "Hidden=8", "BatchSize=16"];
        var (whole, run) = (folder.File("whole"), folder.File("run"));
        Assert.Equal(0, Run([.. words, "--steps", "32", "--data", places[3], "--run", whole]).Code);
        Assert.Equal(0, Run([.. words, "--steps", "16", "--data", places[3], "--run", run]).Code);
        var resumed = Run("resume", run, "--steps", "24", "--episodes", "1");
        Assert.Equal((0, ""), (resumed.Code, resumed.Error));

        var moved = folder.File("moved.csv");
        File.Move(places[3], moved);
        File.Move(Path.ChangeExtension(places[3], ".json"), Path.ChangeExtension(moved, ".json"));
        Fails(1, $"{places[3]} does not exist", "resume", run, "--steps", "32");
        resumed = Run("resume", run, "--steps", "32", "--episodes", "1", "--data", moved);
        Assert.Equal((0, ""), (resumed.Code, resumed.Error));
        Assert.Equal(Parameters(whole), Parameters(run));

        var other = folder.File("other-v0");
        string[] collect = ["data", "collect", Pendulum, "--random", "--seed", "8", "--steps", "300"];
        Assert.Equal(0, Run([.. collect, "-o", other]).Code);
        Fails(2, "fingerprint", "resume", run, "--steps", "40", "--episodes", "1", "--data", other);
        Assert.Equal(Parameters(whole), Parameters(run));
        File.Delete(Path.Combine(run, RunFiles.Configuration));
        Fails(2, "does not say which data", "resume", run, "--steps", "40");
    }

    [Fact]
    public void Returns_are_estimated_from_data_with_intervals()
    {
        var places = Places(Pendulum);
        var (run, clone) = (folder.File("run"), folder.File("clone"));
        Assert.Equal(0, Run(["train", "iql", Pendulum, "--data", places[0], "--run", run, "--episodes", "1", .. Small])
            .Code);
        Assert.Equal(0, Run(["train", "filtered-bc", Pendulum, "--data", places[0], "--run", clone, "--episodes", "1",
            .. Small]).Code);
        string[] words = ["evaluate", run, "--data", places[2], "--next-observations", "--behaviour", clone];
        var judged = Run([.. words, "--discount", "0.9", "--json"]);
        Assert.Equal((0, ""), (judged.Code, judged.Error));
        var root = JsonDocument.Parse(judged.Output).RootElement;
        Assert.Equal(0.9, root.GetProperty("discount").GetDouble());
        Assert.InRange(root.GetProperty("recordedReturn").GetDouble(), -120, -5);
        var estimates = root.GetProperty("estimates").EnumerateArray().ToList();
        Assert.Equal(Enum.GetValues<OfflineEstimator>().Length, estimates.Count);
        Assert.All(estimates, estimate => Assert.True(
            estimate.GetProperty("low").GetDouble() <= estimate.GetProperty("high").GetDouble()));
        Assert.Contains("weighted doubly robust", judged.Output, StringComparison.Ordinal);
        Fails(2, "--behaviour and --discount belong to --data", "evaluate", run, "--discount", "0.9");
        Fails(2, "in place of --environment", "evaluate", run, "--data", places[0], "--environment", Pendulum);
        Fails(2, "it must be a number from 0 to 1", "evaluate", run, "--data", places[0], "--discount", "2");
    }

    [Theory]
    [InlineData("iql Pendulum-v1", "iql learns from recorded data; name them, for example --data")]
    [InlineData("sac Pendulum-v1 --data x", "sac learns in an environment, not from --data")]
    [InlineData("sac Pendulum-v1 --open-ends", "--open-ends says how --data is read; give that too")]
    [InlineData("iql", "needs an algorithm and an environment or --data")]
    [InlineData("iql --data DATA --environment-set g=1", "--environment-set belongs to an environment")]
    [InlineData("iql Pendulum-v1 --data DATA --wrap NormalizeObservation", "recorded without NormalizeObservation")]
    public void Words_that_do_not_go_together_are_refused(string words, string message)
    {
        string[] all = ["train", .. words.Replace("DATA", Places(Pendulum)[0], StringComparison.Ordinal).Split(' ')];
        Fails(2, message, [.. all, "--run", folder.File("run")]);
        Assert.False(Directory.Exists(folder.File("run")));
    }

    [Fact]
    public void Data_that_are_missing_or_damaged_are_refused_by_file_episode_and_step()
    {
        var places = Places(Pendulum);
        var hdf5 = Path.Combine(places[0], "data", "main_data.hdf5");
        Refused("missing.npz does not exist", folder.File("missing.npz"));
        var cartpole = folder.File("cartpole-v0");
        Assert.Equal(0, Run("data", "collect", "CartPole-v1", "--random", "--steps", "50", "-o", cartpole).Code);
        Refused("metadata.json: observation_space is Box([-4.8", cartpole);
        Assert.Equal(0, Run("data", "convert", cartpole, "-o", folder.File("cartpole.hdf5")).Code);
        Refused("cartpole.hdf5: rows of observations have 4 numbers, but Box", folder.File("cartpole.hdf5"));

        // NaN in a table, and in an HDF5 file.
        var table = folder.File("nan.csv");
        File.Copy(Path.ChangeExtension(places[3], ".json"), Path.ChangeExtension(table, ".json"));
        var lines = File.ReadAllLines(places[3]);
        var cells = lines[204].Split(',');
        cells[3] = "NaN";
        lines[204] = string.Join(',', cells);
        File.WriteAllLines(table, lines);
        Refused("nan.csv: episode 1, step 2 (line 205): observation_1 is NaN", table);
        var bytes = File.ReadAllBytes(hdf5);
        var observed = BitConverter.GetBytes(
            Dataset.Open(places[0]).Episodes.ElementAt(1).Steps.Observations.Span[(3 * 5) + 1]);
        observed = [.. observed, .. BitConverter.GetBytes(
            Dataset.Open(places[0]).Episodes.ElementAt(1).Steps.Observations.Span[(3 * 5) + 2])];
        var at = bytes.AsSpan().IndexOf(observed);
        BitConverter.GetBytes(float.NaN).CopyTo(bytes, at);
        File.WriteAllBytes(hdf5, bytes);
        Refused("main_data.hdf5: episode 1, step 5: the observation holds NaN at [1]", places[0]);

        // Cut off.
        File.WriteAllBytes(hdf5, bytes[..(bytes.Length / 2)]);
        Refused("it was cut off", places[0]);

        // Nothing ends, and T observations instead of T + 1.
        Refused("none of its 10 rows is terminal or a timeout", Arrays("endless", 10));
        Refused("declares the shape [1000000000, 3]", Arrays("gigantic", 10, declared: 1_000_000_000));
        Refused("observations has the shape [9, 3], but there are 10 rewards", Arrays("short", 10, observed: 9));
        Refused(
            "--like), or let actions be clipped (ClipActions, --clip-actions)",
            Arrays("outside", 10, action: 3, terminal: 4));
        Refused("none of the formats that are read", Write("text.hdf5", "no such thing"));
    }

    private static string[] Small => ["--steps", "24", "--set", "Hidden=8", "BatchSize=16", "--threads", "1"];

    /// <summary>Few and small steps of an algorithm.</summary>
    private static string[] SmallFor(string algorithm)
    {
        var described = Algorithms.Describe(algorithm);
        string[] small = described.NeedsEnvironment
            ? ["Hidden=8", "RolloutSteps=8", "MinibatchSize=8"]
            : ["Hidden=8", "BatchSize=16", "Width=8", "Context=4"];
        var known = small.Where(setting => described.Options.Any(option => option.Name == setting.Split('=')[0]));
        return ["--steps", "24", "--set", .. known, "--threads", "1"];
    }

    private void Refused(string message, string place)
    {
        var run = folder.File("refused");
        Fails(1, message, "train", "iql", Pendulum, "--data", place, "--run", run, "--set", "Hidden=8");
        Assert.False(Directory.Exists(run));
    }

    /// <summary>The same episodes in each format: Minari, D4RL, NumPy, a table.</summary>
    private string[] Places(string environment)
    {
        var minari = folder.File("random-v0");
        var made = Run("data", "collect", environment, "--random", "--steps", "300", "--output", minari);
        Assert.Equal((0, ""), (made.Code, made.Error));
        string[] files = [folder.File("data.hdf5"), folder.File("data.npz"), folder.File("data.csv")];
        foreach (var file in files)
        {
            Assert.Equal(0, Run("data", "convert", minari, "--output", file).Code);
        }

        return [minari, .. files];
    }

    /// <summary>An archive of Pendulum's arrays as another program might write them.</summary>
    private string Arrays(
        string name, int rows, int? observed = null, long? declared = null, float action = 0, int terminal = -1)
    {
        var path = folder.File($"{name}.npz");
        using var archive = ZipFile.Open(path, ZipArchiveMode.Create);
        Add("observations", "<f4", $"{declared ?? observed ?? rows}, 3", new float[3 * (observed ?? rows)]);
        Add("actions", "<f4", $"{rows}, 1", [.. Enumerable.Repeat(action, rows)]);
        Add("rewards", "<f4", $"{rows},", new float[rows]);
        Add("terminals", "<f4", $"{rows},", [.. Enumerable.Range(0, rows).Select(row => row == terminal ? 1f : 0)]);
        return path;

        void Add(string entry, string type, string shape, float[] values)
        {
            var text = $"{{'descr': '{type}', 'fortran_order': False, 'shape': ({shape}), }}".PadRight(117) + "\n";
            using var stream = archive.CreateEntry($"{entry}.npy").Open();
            stream.Write([0x93, .. "NUMPY"u8, 1, 0, (byte)text.Length, 0, .. Encoding.ASCII.GetBytes(text)]);
            stream.Write(System.Runtime.InteropServices.MemoryMarshal.AsBytes<float>(values));
        }
    }

    private string Write(string name, string text)
    {
        File.WriteAllText(folder.File(name), text);
        return folder.File(name);
    }

    private static float[] Parameters(string run)
    {
        using var agent = Agent.Load(Path.Combine(run, RunFiles.Agent), threads: 1);
        return agent.Parameters.ToArray();
    }
}
