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

    /// <summary>Looks in the folders of RL_MINARI_PATH first; warnings of other packages' age are not of
    /// interest.</summary>
    private const string FindMinari = """
        import os, sys, warnings
        warnings.simplefilter('ignore')
        sys.path[:0] = [place for place in os.environ.get('RL_MINARI_PATH', '').split(os.pathsep) if place]

        """;

    private static readonly Lazy<string?> MinariInterpreter = new(() =>
        Array.Find(["/usr/bin/python3", "python3"], name => Try(name, $"{FindMinari}import h5py, minari", out _)));

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

    /// <summary>Runs a script that may import minari; the test is skipped without it.</summary>
    /// <param name="script">The text.</param>
    /// <param name="arguments">What <c>sys.argv[1:]</c> has.</param>
    public static string RunWithMinari(string script, params string[] arguments)
    {
        if (MinariInterpreter.Value is not { } interpreter)
        {
            Assert.Skip(
                "Python with minari is not installed (python3 -m pip install \"minari[hdf5]\"), and RL_MINARI_PATH "
                + "names no folder with it.");
            return string.Empty;
        }

        Assert.True(Try(interpreter, FindMinari + script, out var output, arguments), output);
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
