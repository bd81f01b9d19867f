using System;
using System.IO;

namespace Rl.Tests.Api;

/// <summary>Text that is written, and a call for each piece of it.</summary>
internal sealed class CallingWriter(Action<string> call) : StringWriter
{
    private bool isWithin;

    public override void Write(string? value) => Once(() => base.Write(value), value);

    public override void Write(char[] buffer, int index, int count) =>
        Once(() => base.Write(buffer, index, count), new string(buffer, index, count));

    public override void WriteLine(string? value) => Once(() => base.WriteLine(value), value);

    /// <summary>A line is written by writing its text, which must not count twice.</summary>
    private void Once(Action write, string? value)
    {
        if (isWithin)
        {
            write();
            return;
        }

        isWithin = true;
        write();
        isWithin = false;
        call(value ?? string.Empty);
    }
}
