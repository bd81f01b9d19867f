using System;
using System.Diagnostics;
using System.IO;
using System.Threading;
using Rl.Cli;
using Rl.Cli.Commands;
using Xunit;

namespace Rl.Tests.Api;

/// <summary>A study of <c>rl tune</c> that is killed in the middle.</summary>
internal static class KilledStudy
{
    /// <summary>Runs the command in a process until its log has so many bytes, and kills it; the log's path.</summary>
    public static string Run(string folder, string[] words, int bytes)
    {
        var log = Path.Combine(folder, TuneCommand.Log);
        using (var process = Process.Start(
            new ProcessStartInfo("dotnet", [typeof(CommandLine).Assembly.Location, .. words])
            {
                RedirectStandardOutput = true,
            })!)
        {
            var limit = DateTime.UtcNow.AddSeconds(60);
            while (DateTime.UtcNow < limit && !process.HasExited
                && !(File.Exists(log) && new FileInfo(log).Length > bytes))
            {
                Thread.Sleep(5);
            }

            process.Kill();
            process.WaitForExit();
        }

        Assert.False(File.Exists(Path.Combine(folder, TuneCommand.Best)), "it ended before it was killed");
        return log;
    }
}
