using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using Rl.Gymnasium;
using Xunit;

namespace Rl.Tests.Gymnasium;

/// <summary>Environments of the double of gymnasium in the folder <c>fake</c>, run by a Python with numpy.</summary>
internal static class Doubles
{
    private static readonly Lazy<string?> Interpreter = new(() =>
        Array.Find(["/usr/bin/python3", "python3"], name => Runs(name, "import numpy")));

    /// <summary>The folder of the double.</summary>
    public static string Folder { get; } = Path.Combine(AppContext.BaseDirectory, "fake");

    /// <summary>A Python with numpy; the test is skipped without.</summary>
    public static string Python
    {
        get
        {
            Assert.SkipWhen(Interpreter.Value is null, "Python with numpy is not installed (Debian: python3-numpy).");
            return Interpreter.Value!;
        }
    }

    /// <summary>Options for the double.</summary>
    public static GymnasiumOptions Options(params IEnumerable<(string Name, object? Value)> arguments) => new()
    {
        Python = Python,
        ModulePaths = [Folder],
        Arguments = arguments.ToDictionary(argument => argument.Name, argument => argument.Value),
        Timeout = TimeSpan.FromSeconds(30),
    };

    /// <summary>An environment of the double.</summary>
    public static GymnasiumEnvironment Make(string id, params IEnumerable<(string Name, object? Value)> arguments) =>
        GymnasiumEnvironment.Make(id, Options(arguments));

    /// <summary>Whether a Python runs a script.</summary>
    public static bool Runs(string python, string script)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(python, ["-c", script])
            {
                RedirectStandardError = true,
            })!;
            process.StandardError.ReadToEnd();
            process.WaitForExit();
            return process.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }
}
