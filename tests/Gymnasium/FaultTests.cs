using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Rl.Gymnasium;
using Rl.Gymnasium.Internal;
using Xunit;

namespace Rl.Tests.Gymnasium;

/// <summary>Whatever Python does: an exception that says what, in time, and no process left behind.</summary>
public sealed class FaultTests
{
    [Fact]
    public void A_missing_Python_is_told_with_the_remedy()
    {
        var error = Assert.Throws<GymnasiumException>(
            () => GymnasiumEnvironment.Make("Walk-v0", new() { Python = "no-such-python" }));
        Assert.Contains("no-such-python", error.Message, StringComparison.Ordinal);
        Assert.Contains("RL_PYTHON", error.Message, StringComparison.Ordinal);
        Assert.Contains("pip install gymnasium", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_Python_without_gymnasium_is_told_with_the_remedy()
    {
        // Isolated from what is installed, so that there is none on any machine.
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder.File("gymnasium"));
        File.WriteAllText(
            Path.Combine(folder.File("gymnasium"), "__init__.py"),
            "raise ModuleNotFoundError(\"No module named 'gymnasium'\", name='gymnasium')");
        var error = Assert.Throws<GymnasiumException>(
            () => GymnasiumEnvironment.Make("Walk-v0", Doubles.Options() with { ModulePaths = [folder.Path] }));
        Assert.Contains("-m pip install gymnasium", error.Message, StringComparison.Ordinal);
        Assert.Contains("Traceback", error.PythonTraceback, StringComparison.Ordinal);
    }

    [Fact]
    public void An_old_gymnasium_is_refused_by_its_version()
    {
        var options = Doubles.Options() with
        {
            Variables = new Dictionary<string, string?> { ["FAKE_GYMNASIUM_VERSION"] = "0.28.1" },
        };
        var error = Assert.Throws<GymnasiumException>(() => GymnasiumEnvironment.Make("Walk-v0", options));
        Assert.Contains("gymnasium is 0.28.1; 0.29 or newer", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_no_Python_at_all_is_told()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The programs of the test are those of Linux.");
        foreach (var program in new[] { "/bin/true", "/usr/bin/yes", "/bin/cat" })
        {
            var error = Assert.Throws<GymnasiumException>(
                () => GymnasiumEnvironment.Make("Walk-v0", new() { Python = program }));
            Assert.Contains("Walk-v0: Python", error.Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("No-v0", null, "doesn't exist", "Imports")]
    [InlineData("Walk-v0", "no_such_module", "no_such_module", "ModulePaths")]
    public void What_is_not_registered_is_told(string id, string? import, string what, string remedy)
    {
        var options = Doubles.Options() with { Imports = import is null ? [] : [import] };
        var error = Assert.Throws<GymnasiumException>(() => GymnasiumEnvironment.Make(id, options));
        Assert.Contains(what, error.Message, StringComparison.Ordinal);
        Assert.Contains(remedy, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("raises", "ValueError: the arm is at 3.5 rad")]
    [InlineData("wrong shape", "the observation is of the shape (4,)")]
    [InlineData("wrong type", "the observation is of the shape ()")]
    [InlineData("old step", "step returned 4 values")]
    [InlineData("no reward", "the reward is None")]
    public void What_a_step_does_wrong_is_told_and_a_reset_goes_on(string what, string message)
    {
        using var bad = Doubles.Make("Bad-v0", ("what", what));
        bad.Reset(1);
        bad.Step(0);
        bad.Step(0);
        var error = Assert.Throws<GymnasiumException>(() => bad.Step(0));
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.Contains("fakes.py", error.PythonTraceback + "fakes.py", StringComparison.Ordinal);
        Assert.Throws<InvalidOperationException>(() => bad.Step(0));
        bad.Reset(1);
        bad.Step(0);
    }

    [Theory]
    [InlineData("exits", "with exit code 7", "last words")]
    [InlineData("leaves", "with exit code 3", "")]
    [InlineData("is killed", "by signal 9", "")]
    [InlineData("crashes", "by signal 11", "Segmentation fault")]
    [InlineData("forks", "with exit code 9", "")]
    public void A_Python_that_ends_is_told_with_what_it_said(string what, string message, string output)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Signals are those of Linux.");
        using var bad = Doubles.Make("Bad-v0", ("what", what));
        bad.Reset(1);
        bad.Step(0);
        bad.Step(0);
        var watch = Stopwatch.StartNew();
        var error = Assert.Throws<GymnasiumException>(() => bad.Step(0));
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(25), $"It took {watch.Elapsed}.");
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.Contains(output, error.Output, StringComparison.Ordinal);
        var later = Assert.Throws<GymnasiumException>(() => bad.Reset(1));
        Assert.Contains(message, later.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_Python_that_hangs_is_ended_in_time()
    {
        using var bad = GymnasiumEnvironment.Make("Bad-v0", Doubles.Options(("what", "hangs")) with
        {
            Timeout = TimeSpan.FromSeconds(1),
        });
        bad.Reset(1);
        bad.Step(0);
        bad.Step(0);
        var watch = Stopwatch.StartNew();
        var error = Assert.Throws<GymnasiumException>(() => bad.Step(0));
        Assert.InRange(watch.Elapsed, TimeSpan.FromSeconds(0.9), TimeSpan.FromSeconds(25));
        Assert.Contains("did not answer within 1 s", error.Message, StringComparison.Ordinal);
        Assert.Contains("GymnasiumOptions.Timeout", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Whatever_is_printed_harms_no_number_and_reaches_the_receiver()
    {
        var lines = new ConcurrentQueue<string>();
        using var bad = GymnasiumEnvironment.Make(
            "Bad-v0", Doubles.Options(("what", "prints")) with { Output = lines.Enqueue });
        using var walk = Doubles.Make("Walk-v0");
        Assert.Equal(walk.Reset(4).ToArray(), bad.Reset(4).ToArray());
        for (var step = 0; step < 6; step++)
        {
            Assert.Equal(walk.Step(0).Observation.ToArray(), bad.Step(0).Observation.ToArray());
        }

        Assert.True(SpinWait.SpinUntil(() => lines.Count >= 3, TimeSpan.FromSeconds(10)));
        Assert.Contains("to the standard output", lines);
        Assert.Contains(lines, line => line.Contains("to its file", StringComparison.Ordinal));
        Assert.Contains("from a child", lines);
    }

    [Fact]
    public void A_reset_of_the_old_kind_and_an_environment_that_cannot_be_made_are_told()
    {
        var error = Assert.Throws<GymnasiumException>(() => Doubles.Make("Bad-v0", ("what", "old reset")));
        Assert.Contains("reset did not return", error.Message, StringComparison.Ordinal);
        error = Assert.Throws<GymnasiumException>(() => Doubles.Make("Bad-v0", ("what", "make")));
        Assert.Contains("RuntimeError: no such robot", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("nan reward", "reward")]
    [InlineData("nan", "observation")]
    [InlineData("raises", "3.5 rad")]
    [InlineData("exits", "exit code 7")]
    public void Training_stops_with_what_failed_and_where(string what, string message)
    {
        using var bad = Doubles.Make("Bad-v0", ("what", what));
        var options = new PpoOptions { EnvironmentCopies = 3, RolloutSteps = 16, MinibatchSize = 48, Hidden = [4] };
        using var agent = Agent.Create(options, bad, seed: 1);
        var error = Assert.Throws<EnvironmentException>(() => agent.Train(1000));
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.Contains("gymnasium:Bad-v0", error.Message, StringComparison.Ordinal);
        Assert.Equal(3, error.Step);
    }

    [Fact]
    public void Disposal_ends_Python_also_in_the_midst_of_a_step()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Processes are looked for in /proc.");
        var mark = Guid.NewGuid().ToString();
        var options = Doubles.Options(("what", "hangs")) with
        {
            Variables = new Dictionary<string, string?> { ["RL_TEST_MARK"] = mark },
        };
        var bad = GymnasiumEnvironment.Make("Bad-v0", options);
        bad.Reset(1);
        bad.Step(0);
        bad.Step(0);
        Assert.Single(Marked(mark));
        var step = Task.Run(() => bad.Step(0));
        Thread.Sleep(200);
        bad.Dispose();
        Assert.True(SpinWait.SpinUntil(() => Marked(mark).Length == 0, TimeSpan.FromSeconds(10)));
        Assert.IsType<GymnasiumException>(Assert.ThrowsAny<AggregateException>(step.Wait).InnerException);
        Assert.Throws<ObjectDisposedException>(() => bad.Reset(1));
        Assert.Throws<ObjectDisposedException>(() => bad.Step(0));
        bad.Dispose();
    }

    [Fact]
    public void Python_ends_soon_after_its_parent_was_killed_also_in_an_endless_step()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Processes are looked for in /proc.");
        using var folder = new TemporaryFolder();
        var mark = Guid.NewGuid().ToString();
        var configuration = Configuration.Write("Bad-v0", "single", 1, Doubles.Options(("what", "hangs"), ("at", 1)));
        File.WriteAllText(folder.File("program"), Bridge.Program);
        File.WriteAllBytes(
            folder.File("requests"),
            [
                .. BitConverter.GetBytes(configuration.Length), .. configuration,
                .. BitConverter.GetBytes(17), 1, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0,
                .. BitConverter.GetBytes(13), 2, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0,
            ]);
        const string Parent = "import subprocess, sys, time; folder = sys.argv[1]; "
            + "child = subprocess.Popen([sys.executable, '-c', open(folder + '/program').read()], "
            + "stdin=subprocess.PIPE, stdout=subprocess.PIPE); data = open(folder + '/requests', 'rb').read(); "
            + "first = 4 + int.from_bytes(data[:4], 'little'); "
            + "send = lambda part: (child.stdin.write(part), child.stdin.flush()); "
            + "send(data[:first]); child.stdout.read(1); send(data[first:first + 21]); time.sleep(1); "
            + "send(data[first + 21:]); time.sleep(60)";
        var start = new ProcessStartInfo(Doubles.Python, ["-c", Parent, folder.Path]);
        start.Environment["RL_TEST_MARK"] = mark;
        using var parent = Process.Start(start)!;
        Assert.True(SpinWait.SpinUntil(() => Marked(mark).Length == 2, TimeSpan.FromSeconds(20)));
        Thread.Sleep(3000);
        parent.Kill();
        parent.WaitForExit();
        Assert.True(SpinWait.SpinUntil(() => Marked(mark).Length == 0, TimeSpan.FromSeconds(20)));
    }

    /// <summary>The processes whose variables have a mark.</summary>
    private static string[] Marked(string mark) =>
    [
        .. Directory.GetDirectories("/proc").Where(folder =>
        {
            try
            {
                return int.TryParse(Path.GetFileName(folder), out _)
                    && File.ReadAllText(Path.Combine(folder, "environ")).Contains(mark, StringComparison.Ordinal);
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                return false;
            }
        }),
    ];
}
