using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json;
using System.Text.RegularExpressions;
using System.Threading;
using Rl.Cli;
using Xunit;

namespace Rl.Tests.Api;

/// <summary>Calls of the command line where no terminal is, and what they wrote.</summary>
internal static partial class CommandCalls
{
    /// <summary>Runs a command to its end.</summary>
    public static (int Code, string Output, string Error) Run(params string[] arguments)
    {
        var (output, error) = (new StringWriter(), new StringWriter());
        var code = CommandLine.Run(arguments, new(output, error, false), CancellationToken.None);
        return (code, output.ToString(), error.ToString());
    }

    /// <summary>Runs a command and interrupts it when it first writes a text.</summary>
    public static (int Code, string Output) Interrupted(string text, params string[] arguments)
    {
        using var interruption = new CancellationTokenSource();
        using var output = new CallingWriter(written =>
        {
            if (written.Contains(text, StringComparison.Ordinal))
            {
                interruption.Cancel();
            }
        });
        var code = CommandLine.Run(arguments, new(output, output, false), interruption.Token);
        return (code, output.ToString());
    }

    /// <summary>Runs a command that fails with an exit code and one line of error.</summary>
    public static void Fails(int code, string text, params string[] arguments)
    {
        var result = Run(arguments);
        Assert.Equal(code, result.Code);
        Assert.Contains(text, result.Error, StringComparison.Ordinal);
        Assert.Single(result.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.DoesNotContain("   at ", result.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("(Parameter", result.Error, StringComparison.Ordinal);
    }

    /// <summary>The JSON objects of an output, one a line.</summary>
    public static IEnumerable<JsonElement> Objects(string output) =>
        output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement);

    /// <summary>A member of a JSON object that is text.</summary>
    public static string? Text(JsonElement element, string name) => element.GetProperty(name).GetString();

    /// <summary>What was written, without the colours.</summary>
    public static string Plain(StringWriter output) => Colour().Replace(output.ToString(), "");

    [GeneratedRegex("\e\\[[0-9;]*m")]
    private static partial Regex Colour();
}
