using System;
using System.Diagnostics;
using System.IO;
using Xunit;

namespace Rl.Tests.Data;

/// <summary>Python with h5py, where it is installed: what others read our files with.</summary>
internal static class Python
{
    private static readonly Lazy<string?> Interpreter = new(() =>
        Array.Find(["/usr/bin/python3", "python3"], name => Try(name, "import h5py", out _)));

    /// <summary>Runs a script; the test is skipped without h5py.</summary>
    /// <param name="script">The text.</param>
    /// <param name="arguments">What <c>sys.argv[1:]</c> has.</param>
    public static string Run(string script, params string[] arguments)
    {
        if (Interpreter.Value is not { } interpreter)
        {
            Assert.Skip("Python with h5py is not installed (Debian: python3-h5py).");
            return string.Empty;
        }

        Assert.True(Try(interpreter, script, out var output, arguments), output);
        return output;
    }

    private static bool Try(string interpreter, string script, out string output, params string[] arguments)
    {
        var start = new ProcessStartInfo(interpreter, ["-c", script, .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        try
        {
            using var process = Process.Start(start)!;
            var errors = process.StandardError.ReadToEndAsync();
            output = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            output = process.ExitCode == 0 ? output : output + errors.Result;
            return process.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception error)
        {
            output = error.Message;
            return false;
        }
    }
}
