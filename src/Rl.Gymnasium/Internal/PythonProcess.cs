using System;
using System.Buffers.Binary;
using System.ComponentModel;
using System.Diagnostics;
using System.IO;
using System.Threading;

namespace Rl.Gymnasium.Internal;

/// <summary>A process of Python that answers requests in frames over its standard input and output: one at a time, in
/// time, or not at all.</summary>
/// <remarks>A timer ends the process when an answer is late, which ends the wait for it. A process that nobody refers
/// to any more sees its input end, and so does one whose parent was killed.</remarks>
internal sealed class PythonProcess : IDisposable
{
    private const int LongestFrame = 1 << 30;
    private const int LongestDescription = 1 << 26;
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(2);

    private readonly string name;
    private readonly GymnasiumOptions options;
    private readonly Process process;
    private readonly Stream input;
    private readonly Stream output;
    private readonly ShortWait wait;
    private readonly OutputTail tail;
    private readonly Timer timer;
    private byte[] sending = new byte[256];
    private byte[] received = new byte[1 << 16];
    private TimeSpan limit;
    private long askedAt;
    private bool isStarted;
    private volatile bool isLate;
    private string? failure;
    private volatile bool isDisposed;

    private PythonProcess(string name, GymnasiumOptions options, Process process)
    {
        this.name = name;
        this.options = options;
        this.process = process;
        input = process.StandardInput.BaseStream;
        output = process.StandardOutput.BaseStream;
        wait = new(output);
        tail = OutputTail.Of(process.StandardError.BaseStream, options.Output);
        limit = options.StartTimeout;
        var shortest = options.Timeout < options.StartTimeout ? options.Timeout : options.StartTimeout;
        var period = TimeSpan.FromMilliseconds(
            shortest < TimeSpan.Zero ? 1000 : Math.Clamp(shortest.TotalMilliseconds / 8, 10, 1000));
        timer = new(
            static state =>
            {
                if (((WeakReference<PythonProcess>)state!).TryGetTarget(out var watched))
                {
                    watched.EndIfLate();
                }
            },
            new WeakReference<PythonProcess>(this),
            period,
            period);
    }

    /// <summary>Starts Python with a program; <paramref name="name"/> is what messages call the environment.</summary>
    public static PythonProcess Start(string name, GymnasiumOptions options, string program)
    {
        var start = new ProcessStartInfo(options.Python)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
            CreateNoWindow = true,
            WorkingDirectory = options.WorkingDirectory ?? "",
        };
        start.ArgumentList.Add("-X");
        start.ArgumentList.Add("faulthandler");
        start.ArgumentList.Add("-c");
        start.ArgumentList.Add(program);
        foreach (var (variable, value) in options.Variables)
        {
            start.Environment[variable] = value;
        }

        try
        {
            return new(name, options, Process.Start(start)!);
        }
        catch (Exception error) when (error is Win32Exception or IOException or PlatformNotSupportedException)
        {
            throw new GymnasiumException(
                $"{name} needs Python, and \"{options.Python}\" cannot be started: {error.Message.TrimEnd('.')}. "
                    + "Install Python 3 with gymnasium (python3 -m pip install gymnasium), or name the program with "
                    + "GymnasiumOptions.Python or the variable RL_PYTHON.",
                inner: error);
        }
    }

    /// <summary>The room for a request of so many bytes, to be filled before <see cref="Send"/>.</summary>
    public Span<byte> Request(int length)
    {
        ObjectDisposedException.ThrowIf(isDisposed, this);
        if (failure is not null)
        {
            throw new GymnasiumException(failure, tail.Text);
        }

        if (sending.Length < length + 4)
        {
            sending = new byte[length + 4];
        }

        BinaryPrimitives.WriteInt32LittleEndian(sending, length);
        return sending.AsSpan(4, length);
    }

    /// <summary>Sends the request; <see cref="Receive"/> comes next.</summary>
    public void Send()
    {
        var length = 4 + BinaryPrimitives.ReadInt32LittleEndian(sending);
        Volatile.Write(ref askedAt, Stopwatch.GetTimestamp());
        try
        {
            input.Write(sending, 0, length);
            input.Flush();
        }
        catch (IOException error)
        {
            throw Ended(error);
        }
    }

    /// <summary>Waits for the answer: what follows the byte that says that all is well. Valid until the next
    /// request.</summary>
    /// <exception cref="GymnasiumException">Python raised, refused, ended or was late.</exception>
    public ReadOnlySpan<byte> Receive()
    {
        var have = 0;
        var length = 4;
        while (have < length)
        {
            have += Read(have);
            if (length == 4 && have >= 4)
            {
                length = 4 + FrameLength();
            }
        }

        Volatile.Write(ref askedAt, 0);
        (isStarted, limit) = (true, options.Timeout);
        var body = received.AsSpan(5, length - 5);
        return received[4] switch
        {
            0 => body,
            1 => throw Raised(body),
            _ => throw Broken($"an answer that begins with {received[4]}"),
        };
    }

    /// <summary>Gives up a process whose answer is not what it must be.</summary>
    public GymnasiumException Broken(string what)
    {
        Kill();
        return Failed(
            $"{name}: Python answered what the bridge does not understand ({what}) and was ended; something in it "
                + "writes to the file that the bridge uses.");
    }

    public void Dispose()
    {
        if (isDisposed)
        {
            return;
        }

        isDisposed = true;
        timer.Dispose();
        try
        {
            if (failure is null && Volatile.Read(ref askedAt) == 0)
            {
                input.Write([1, 0, 0, 0, Requests.Close]);
                input.Flush();
            }
        }
        catch (IOException)
        {
            // It has ended already.
        }

        input.Dispose();
        if (failure is not null || Volatile.Read(ref askedAt) != 0 || !process.WaitForExit(Grace))
        {
            Kill();
        }

        output.Dispose();
        process.Dispose();
    }

    private int FrameLength()
    {
        var length = BinaryPrimitives.ReadInt32LittleEndian(received);
        if (length < 1 || length > (isStarted ? LongestFrame : LongestDescription))
        {
            throw Broken($"a frame of {length} bytes");
        }

        if (received.Length < length + 4)
        {
            Array.Resize(ref received, length + 4);
        }

        return length;
    }

    private int Read(int offset)
    {
        try
        {
            wait.Look();
            var count = output.Read(received, offset, received.Length - offset);
            return count > 0 ? count : throw Ended(null);
        }
        catch (IOException error)
        {
            throw Ended(error);
        }
    }

    private GymnasiumException Raised(ReadOnlySpan<byte> body)
    {
        var error = PythonError.Read(body);
        var hint = error.Hint(options);
        var what = error.IsRefused ? error.Message : $"{error.Type}: {error.Message}";
        var copy = error.Copy is { } index ? $" (copy {index})" : "";
        var message = $"{name}{copy}: {what.TrimEnd('.', '\n')}. {hint}".TrimEnd();
        var raised = new GymnasiumException(message, tail.Text, error.Traceback);
        if (error.Copy is { } number)
        {
            raised.Data["copy"] = number;
        }

        return raised;
    }

    private GymnasiumException Ended(Exception? cause)
    {
        if (isDisposed)
        {
            return new($"{name} was disposed of before Python had answered.", inner: cause);
        }

        if (isLate)
        {
            return Failed(
                $"{name}: Python did not answer within {limit.TotalSeconds} s and was ended; look for an endless loop, "
                    + "or allow it more time with GymnasiumOptions."
                    + (limit == options.StartTimeout ? "StartTimeout." : "Timeout."),
                cause);
        }

        // Its input is at its end, and so it should be soon.
        input.Dispose();
        if (!process.WaitForExit(Grace))
        {
            Kill();
        }

        return Failed($"{name}: Python ended {ExitText()} instead of answering.", cause);
    }

    private GymnasiumException Failed(string message, Exception? cause = null)
    {
        tail.Wait(Grace);
        var said = tail.Text;
        failure = said.Length > 0 ? $"{message} It printed last:{Environment.NewLine}{said}" : message;
        return new(failure, said, inner: cause);
    }

    private string ExitText()
    {
        var code = process.HasExited ? process.ExitCode : -1;
        return code > 128 ? $"by signal {code - 128}" : $"with exit code {code}";
    }

    private void EndIfLate()
    {
        var since = Volatile.Read(ref askedAt);
        if (since != 0 && limit > TimeSpan.Zero && Stopwatch.GetElapsedTime(since) > limit)
        {
            isLate = true;
            Kill();
        }
    }

    private void Kill()
    {
        try
        {
            process.Kill(entireProcessTree: true);
            process.WaitForExit(Grace);
        }
        catch (Exception error) when (error is InvalidOperationException or Win32Exception or AggregateException)
        {
            // It has ended already.
        }
    }
}
