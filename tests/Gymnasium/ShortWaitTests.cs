using System;
using System.IO;
using System.IO.Pipes;
using System.Linq;
using Rl.Gymnasium.Internal;
using Xunit;

namespace Rl.Tests.Gymnasium;

public sealed class ShortWaitTests
{
    private static readonly bool Looks = !OperatingSystem.IsWindows() && Environment.ProcessorCount > 1;

    [Fact]
    public void It_finds_what_can_be_read_and_the_end_and_nothing_else()
    {
        Assert.SkipUnless(Looks, "It looks where there is poll and another processor.");
        using var writer = new AnonymousPipeServerStream(PipeDirection.Out);
        using var reader = new AnonymousPipeClientStream(PipeDirection.In, writer.ClientSafePipeHandle);
        var wait = new ShortWait(reader);
        writer.WriteByte(7);
        Assert.True(wait.Look());
        Assert.Equal(7, reader.ReadByte());
        Assert.False(wait.Look());
        writer.Dispose();
        Assert.False(wait.Look());
        Assert.True(wait.Look());
        Assert.Equal(-1, reader.ReadByte());
    }

    [Fact]
    public void Where_answers_take_long_it_looks_before_one_of_sixty_four()
    {
        Assert.SkipUnless(Looks, "It looks where there is poll and another processor.");
        using var writer = new AnonymousPipeServerStream(PipeDirection.Out);
        using var reader = new AnonymousPipeClientStream(PipeDirection.In, writer.ClientSafePipeHandle);
        var wait = new ShortWait(reader);

        // Looks before the 1st, 3rd, 7th, 15th, 31st and 63rd answer miss; the next is before the 127th.
        Assert.All(Enumerable.Range(1, 63), _ => Assert.False(wait.Look()));
        writer.WriteByte(1);
        Assert.All(Enumerable.Range(64, 63), _ => Assert.False(wait.Look()));
        Assert.True(wait.Look());
        Assert.True(wait.Look());
    }

    [Fact]
    public void What_is_no_pipe_is_not_looked_at()
    {
        using var stream = new MemoryStream([1]);
        Assert.False(new ShortWait(stream).Look());
    }
}
