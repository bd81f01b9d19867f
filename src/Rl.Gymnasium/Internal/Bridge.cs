using System;
using System.Buffers.Binary;
using System.IO;
using System.Runtime.InteropServices;

namespace Rl.Gymnasium.Internal;

/// <summary>Copies of an environment in one process of Python: requests and answers in their layout.</summary>
internal sealed class Bridge : IDisposable
{
    private const int Head = 9;

    /// <summary>The program that Python runs.</summary>
    internal static string Program { get; } = Resource("spaces.py") + Resource("bridge.py");

    private readonly PythonProcess process;

    private Bridge(PythonProcess process, Description description, int copies)
    {
        this.process = process;
        Description = description;
        Copies = copies;
        Choices = description.IsMasked ? description.Actions.Choices : 0;
    }

    public Description Description { get; }

    public int Copies { get; }

    /// <summary>The elements of a mask; 0 where there are none.</summary>
    public int Choices { get; }

    /// <summary>Starts Python and makes the environment.</summary>
    public static Bridge Start(string id, string mode, int copies, GymnasiumOptions options)
    {
        var configuration = Configuration.Write(id, mode, copies, options);
        var process = PythonProcess.Start(id, options, Program);
        try
        {
            configuration.CopyTo(process.Request(configuration.Length));
            process.Send();
            return new(process, Described(process, id), copies);
        }
        catch
        {
            process.Dispose();
            throw;
        }
    }

    public void SendReset(int first, ReadOnlySpan<ulong> seeds)
    {
        var request = Begin(Requests.Reset, first, seeds.Length, Head + (8 * seeds.Length));
        WriteSeeds(request[Head..], seeds);
        process.Send();
    }

    /// <summary>Sends actions; seeds of the episodes that may begin, or none for those that follow by
    /// themselves.</summary>
    public void SendStep(int first, int count, ReadOnlySpan<float> actions, ReadOnlySpan<ulong> seeds)
    {
        var width = 4 * actions.Length;
        var request = Begin(Requests.Step, first, count, Head + width + (8 * seeds.Length));
        MemoryMarshal.AsBytes(actions).CopyTo(request[Head..]);
        WriteSeeds(request[(Head + width)..], seeds);
        process.Send();
    }

    public void ReceiveReset(int count, Span<bool> masks, Span<float> observations)
    {
        var body = process.Receive();
        var expected = count * (Choices + Description.Row.Width);
        if (body.Length != expected)
        {
            throw process.Broken($"{body.Length} bytes instead of {expected} to a reset");
        }

        ReadMasks(body[..(count * Choices)], masks);
        Description.Row.Read(body[(count * Choices)..], observations);
    }

    /// <summary>Reads what a step yields.</summary>
    /// <param name="rewards">One a copy.</param>
    /// <param name="flags">One a copy.</param>
    /// <param name="masks">One row a copy, where there are any.</param>
    /// <param name="observations">One row a copy.</param>
    /// <param name="finals">One row a copy; rows of copies that go on are left alone.</param>
    /// <param name="hasFinals">Whether the last observations of episodes follow.</param>
    public void ReceiveStep(
        Span<double> rewards,
        Span<StepFlags> flags,
        Span<bool> masks,
        Span<float> observations,
        Span<float> finals,
        bool hasFinals)
    {
        var body = process.Receive();
        var row = Description.Row;
        var count = rewards.Length;
        var fixedPart = count * (9 + Choices + row.Width);
        if (body.Length < fixedPart)
        {
            throw process.Broken($"{body.Length} bytes instead of {fixedPart} to a step");
        }

        body[..(8 * count)].CopyTo(MemoryMarshal.AsBytes(rewards));
        body.Slice(8 * count, count).CopyTo(MemoryMarshal.AsBytes(flags));
        ReadMasks(body.Slice(9 * count, count * Choices), masks);
        row.Read(body.Slice(count * (9 + Choices), count * row.Width), observations);
        var rest = body[fixedPart..];
        for (var copy = 0; hasFinals && copy < count; copy++)
        {
            if ((flags[copy] & (StepFlags.Terminated | StepFlags.Truncated)) != 0)
            {
                if (rest.Length < row.Width)
                {
                    throw process.Broken($"no last observation of copy {copy}");
                }

                row.Read(rest[..row.Width], finals.Slice(copy * row.Elements, row.Elements));
                rest = rest[row.Width..];
            }
        }

        if (!rest.IsEmpty)
        {
            throw process.Broken($"{rest.Length} bytes more than a step has");
        }
    }

    /// <summary>The picture of a copy: rows of red, green and blue bytes from the top.</summary>
    public ReadOnlySpan<byte> Render(int copy, out int width, out int height)
    {
        Begin(Requests.Render, copy, 1, Head);
        process.Send();
        var body = process.Receive();
        (width, height) = (0, 0);
        if (body.Length >= 8)
        {
            height = BinaryPrimitives.ReadInt32LittleEndian(body);
            width = BinaryPrimitives.ReadInt32LittleEndian(body[4..]);
        }

        return body.Length >= 8 && body.Length == 8 + (3L * width * height)
            ? body[8..]
            : throw process.Broken($"{body.Length} bytes as a picture");
    }

    public void Dispose() => process.Dispose();

    private static Description Described(PythonProcess process, string id)
    {
        var body = process.Receive();
        try
        {
            return Description.Read(body);
        }
        catch (ArgumentException error)
        {
            throw new GymnasiumException(
                $"{id} has a space that the library does not take: {error.Message}", inner: error);
        }
        catch (Exception error) when (error is System.Text.Json.JsonException or InvalidOperationException
            or System.Collections.Generic.KeyNotFoundException or FormatException)
        {
            throw process.Broken("no description");
        }
    }

    private static string Resource(string name)
    {
        using var stream = typeof(Bridge).Assembly.GetManifestResourceStream(name)!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }

    private static void WriteSeeds(Span<byte> destination, ReadOnlySpan<ulong> seeds)
    {
        for (var index = 0; index < seeds.Length; index++)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(destination[(8 * index)..], Seed(seeds[index]));
        }
    }

    /// <summary>Seeds below 2³¹ as they are; larger ones folded, since many environments take no more.</summary>
    private static ulong Seed(ulong seed) =>
        seed <= int.MaxValue ? seed : (seed ^ (seed >> 31) ^ (seed >> 62)) & int.MaxValue;

    private static void ReadMasks(ReadOnlySpan<byte> source, Span<bool> masks)
    {
        for (var index = 0; index < source.Length; index++)
        {
            masks[index] = source[index] != 0;
        }
    }

    private Span<byte> Begin(byte request, int first, int count, int length)
    {
        var body = process.Request(length);
        body[0] = request;
        BinaryPrimitives.WriteInt32LittleEndian(body[1..], first);
        BinaryPrimitives.WriteInt32LittleEndian(body[5..], count);
        return body;
    }
}
