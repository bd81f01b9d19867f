using System;
using System.Buffers.Binary;
using System.IO;
using System.Net;
using System.Net.Sockets;
using System.Threading;
using System.Threading.Tasks;

namespace Rl.Tests.Distributed;

/// <summary>What lies between a learner and its worker: passes on what they send, frame by frame, and damages large
/// ones.</summary>
internal sealed class Wire : IDisposable
{
    private readonly TcpListener listener;
    private readonly IPEndPoint target;
    private readonly bool isAtWorker;
    private readonly Damage damage;
    private readonly CancellationTokenSource stop = new();

    /// <summary>Listens at an address for one that listens at 127.0.0.1 with the same port.</summary>
    public Wire(string address, int port, bool isAtWorker, Damage damage)
    {
        (this.isAtWorker, this.damage, target) = (isAtWorker, damage, new(IPAddress.Loopback, port));
        listener = new(IPAddress.Parse(address), port);
        listener.Start();
        _ = Task.Run(Accept);
    }

    public void Dispose()
    {
        stop.Cancel();
        listener.Dispose();
        stop.Dispose();
    }

    private async Task Accept()
    {
        while (!stop.IsCancellationRequested)
        {
            try
            {
                var dialled = await listener.AcceptTcpClientAsync(stop.Token);
                _ = Task.Run(() => Pass(dialled));
            }
            catch (Exception error) when (error is OperationCanceledException or SocketException
                or ObjectDisposedException)
            {
                return;
            }
        }
    }

    private async Task Pass(TcpClient dialled)
    {
        using var here = dialled;
        using var there = new TcpClient();
        try
        {
            await there.ConnectAsync(target, stop.Token);
            await Task.WhenAny(
                Frames(here.GetStream(), there.GetStream(), isFromWorker: !isAtWorker),
                Frames(there.GetStream(), here.GetStream(), isFromWorker: isAtWorker));
        }
        catch (Exception error) when (error is OperationCanceledException or SocketException or IOException
            or ObjectDisposedException)
        {
            // Either side has left.
        }
    }

    /// <summary>First a message of its length alone, by which they know each other; then frames of a head and a
    /// body.</summary>
    private async Task Frames(NetworkStream from, NetworkStream to, bool isFromWorker)
    {
        try
        {
            var lengths = new byte[8];
            await from.ReadExactlyAsync(lengths.AsMemory(0, 4), stop.Token);
            var first = new byte[BinaryPrimitives.ReadInt32LittleEndian(lengths)];
            await from.ReadExactlyAsync(first, stop.Token);
            await to.WriteAsync(lengths.AsMemory(0, 4), stop.Token);
            await to.WriteAsync(first, stop.Token);
            while (true)
            {
                await from.ReadExactlyAsync(lengths, stop.Token);
                var head = BinaryPrimitives.ReadInt32LittleEndian(lengths);
                var body = BinaryPrimitives.ReadInt32LittleEndian(lengths.AsSpan(4));
                var frame = new byte[head + body];
                await from.ReadExactlyAsync(frame, stop.Token);
                if (damage.Takes(isFromWorker, body))
                {
                    if (damage.Cuts)
                    {
                        return;
                    }

                    frame.AsSpan(head).Fill(0xFF);
                }

                await to.WriteAsync(lengths, stop.Token);
                await to.WriteAsync(frame, stop.Token);
            }
        }
        catch (Exception error) when (error is OperationCanceledException or SocketException or IOException
            or ObjectDisposedException)
        {
            // Either side has left.
        }
    }
}

/// <summary>What happens to so many of the large messages of one side: their bodies are overwritten, or the connection
/// ends in their place.</summary>
internal sealed class Damage(bool ofWorker, int times, bool cuts)
{
    private const int Large = 3_000;

    private int left = times;

    public bool Cuts => cuts;

    public bool IsDone => Volatile.Read(ref left) <= 0;

    public bool Takes(bool isFromWorker, int body) =>
        isFromWorker == ofWorker && body >= Large && Interlocked.Decrement(ref left) >= 0;
}
