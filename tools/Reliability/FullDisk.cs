using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Threading;

namespace Rl.Reliability;

/// <summary>Runs of <c>rl train</c> on a disk in memory that is full from the start, becomes full, or is full for a
/// while: is the last save whole, and does the run go on where there is room again?</summary>
internal static class FullDisk
{
    private static readonly string[] Trained =
    [
        "dqn", "CartPole-v1", "--steps", "60000", "--checkpoint-every", "500", "--episodes", "1",
        "--set", "BufferSize=20000", "--set", "Hidden=32",
    ];

    public static int Run()
    {
        var folder = Directory.CreateTempSubdirectory("rl-disk-").FullName;
        var disk = Path.Combine(folder, "disk");
        Directory.CreateDirectory(disk);
        var undisturbed = Path.Combine(folder, "undisturbed");
        Require(Command.Run(["train", .. Trained, "--run", undisturbed]), 0);
        var expected = File.ReadAllBytes(Path.Combine(undisturbed, "agent.rl"));
        Console.WriteLine($"an undisturbed run ends with a file of {expected.Length:N0} bytes");
        var areRight = true;
        foreach (var experiment in new Func<string, byte[], bool>[] { FromTheStart, InTheMiddle, ForAWhile })
        {
            // Room for one agent file and half of the next.
            Shell("mount", "-t", "tmpfs", "-o", $"size={expected.Length * 3 / 2}", "tmpfs", disk);
            try
            {
                areRight &= experiment(disk, expected);
            }
            finally
            {
                Shell("umount", disk);
            }
        }

        Directory.Delete(folder, true);
        return areRight ? 0 : 1;
    }

    private static bool FromTheStart(string disk, byte[] expected)
    {
        Fill(disk);
        var run = Path.Combine(disk, "run");
        var (code, _, errors) = Command.Run(["train", .. Trained, "--run", run]);
        var isClean = code == 1 && errors.Contains("No space left", StringComparison.Ordinal)
            && errors.Contains("Make room", StringComparison.Ordinal)
            && !errors.Contains("   at ", StringComparison.Ordinal);
        Console.WriteLine($"full from the start: exit code {code}, {(isClean ? "refused" : "NOT CLEAN")}");
        Console.WriteLine($"  {errors.Trim()}");
        return isClean;
    }

    private static bool InTheMiddle(string disk, byte[] expected)
    {
        var run = Path.Combine(disk, "run");
        var (code, output, errors) = Command.Run(["train", .. Trained, "--run", run]);
        var path = Path.Combine(run, "agent.rl");
        using (var last = Agent.Load(path))
        {
            Console.WriteLine(
                $"full in the middle: exit code {code}, the last save is whole, of {last.Steps:N0} steps");
        }

        Console.WriteLine($"  {Lines(output + errors, "cannot be saved").Last().Trim()}");
        Shell("mount", "-o", $"remount,size={expected.Length * 4}", disk);
        Require(Command.Run("train", "--resume", run, "--episodes", "1"), 0);
        return IsSame(path, expected, "resumed with room");
    }

    private static bool ForAWhile(string disk, byte[] expected)
    {
        Shell("mount", "-o", $"remount,size={expected.Length * 4}", disk);
        var run = Path.Combine(disk, "run");
        var path = Path.Combine(run, "agent.rl");
        var process = Command.Start(["train", .. Trained, "--run", run]);
        var before = default(DateTime);
        while (before == default && !process.HasExited)
        {
            before = File.Exists(path) && new FileInfo(path).Length > expected.Length / 4
                ? File.GetLastWriteTimeUtc(path)
                : default;
        }

        var ballast = Fill(disk);
        var wasRunning = !process.WaitForExit(TimeSpan.FromSeconds(0.5));
        File.Delete(ballast);
        var (code, output, errors) = Command.Finish(process);
        var notices = Lines(output + errors, "tried again").Count();
        Console.WriteLine(
            $"full for half a second: exit code {code}, {notices} notices, running meanwhile: {wasRunning}");
        return code == 0 && notices > 0 && IsSame(path, expected, "the run went on");
    }

    private static bool IsSame(string path, byte[] expected, string what)
    {
        var isSame = File.ReadAllBytes(path).AsSpan().SequenceEqual(expected);
        Console.WriteLine($"  {what}: ends with {(isSame ? "the bytes of the undisturbed run" : "OTHER BYTES")}");
        return isSame;
    }

    /// <summary>Takes all the room there is; gives the file that does.</summary>
    private static string Fill(string disk)
    {
        var path = Path.Combine(disk, "ballast");
        using var file = new FileStream(path, FileMode.Append, FileAccess.Write, FileShare.None, 0);
        var block = new byte[4096];
        try
        {
            while (true)
            {
                file.Write(block);
            }
        }
        catch (IOException)
        {
            return path;
        }
    }

    private static IEnumerable<string> Lines(string text, string words) =>
        text.Split('\n').Where(line => line.Contains(words, StringComparison.Ordinal));

    private static void Require((int Code, string Output, string Errors) result, int code)
    {
        if (result.Code != code)
        {
            throw new InvalidOperationException($"rl ended with {result.Code}:\n{result.Output}\n{result.Errors}");
        }
    }

    private static void Shell(string program, params string[] words)
    {
        using var process = Process.Start(program, words);
        process.WaitForExit();
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException($"{program} {string.Join(' ', words)} ended with {process.ExitCode}.");
        }
    }
}
