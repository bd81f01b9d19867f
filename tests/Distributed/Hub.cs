using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Threading;
using System.Threading.Channels;
using System.Threading.Tasks;
using Xunit;

namespace Rl.Tests.Distributed;

/// <summary>Hosts of their own on this machine, network namespaces of Linux, and the network between them: what one
/// sends arrives at the others later, and some of it never.</summary>
/// <remarks>Each host has one end of a pair of virtual interfaces; this process holds the other ends as packet sockets
/// and passes frames on. So it takes no module of the kernel for delay and loss (netem), which many machines
/// lack.</remarks>
internal sealed class Hub : IDisposable
{
    /// <summary>One frame of so many is lost: 1 %.</summary>
    private const int LostOneOf = 100;

    private readonly List<Port> ports = [];
    private readonly CancellationTokenSource stop = new();
    private readonly TimeSpan delay;
    private long passed;

    /// <summary>Makes so many hosts.</summary>
    public Hub(int hosts, TimeSpan delay)
    {
        this.delay = delay;
        try
        {
            for (var host = 0; host < hosts; host++)
            {
                ports.Add(new(host));
            }
        }
        catch
        {
            Dispose();
            throw;
        }

        foreach (var port in ports)
        {
            _ = Task.Run(() => Receive(port));
            _ = Task.Run(() => Deliver(port));
        }
    }

    /// <summary>Frames that were sent.</summary>
    public long Sent => Interlocked.Read(ref passed);

    /// <summary>Those of them that were lost on purpose.</summary>
    public long Lost => Sent / LostOneOf;

    /// <summary>Why hosts cannot be made here; null if they can.</summary>
    public static string? WhyNot()
    {
        if (!OperatingSystem.IsLinux() || System.Environment.UserName != "root" || Program.Find("ip") is null)
        {
            return "Network namespaces take Linux, root and the command ip of iproute2.";
        }

        var probe = $"rlprobe{System.Environment.ProcessId}";
        using var made = Program.Start("ip", "/", "netns", "add", probe);
        if (made.Ends().GetAwaiter().GetResult() != 0)
        {
            return $"This machine makes no network namespaces: {made.Output}";
        }

        Ip("netns", "delete", probe);
        return null;
    }

    /// <summary>Where the others reach a host.</summary>
    public static string Address(int host) => string.Create(CultureInfo.InvariantCulture, $"10.77.7.{host + 1}");

    /// <summary>Starts <c>rl</c> in a host.</summary>
    public Program Rl(int host, string folder, params string[] words) => Program.Start(
        "ip", folder,
        ["netns", "exec", ports[host].Name, "dotnet", Path.Combine(AppContext.BaseDirectory, "rl.dll"), .. words]);

    /// <summary>Pulls a host's plug: nothing arrives there or comes from there any more.</summary>
    public void Unplug(int host) => ports[host].IsUnplugged = true;

    public void Dispose()
    {
        stop.Cancel();
        foreach (var port in ports)
        {
            port.Dispose();
        }

        stop.Dispose();
    }

    private static void Ip(params string[] words)
    {
        using var run = Program.Start("ip", "/", words);
        var code = run.Ends().GetAwaiter().GetResult();
        Assert.True(code == 0, $"ip {string.Join(' ', words)}: {run.Output}");
    }

    private async Task Receive(Port from)
    {
        var buffer = new byte[1 << 17];
        while (!stop.IsCancellationRequested)
        {
            int length;
            try
            {
                length = await from.Socket.ReceiveAsync(buffer.AsMemory(), SocketFlags.None, stop.Token);
            }
            catch (Exception error) when (error is OperationCanceledException or ObjectDisposedException)
            {
                return;
            }
            catch (SocketException)
            {
                continue;
            }

            if (from.IsUnplugged || Interlocked.Increment(ref passed) % LostOneOf == 0)
            {
                continue;
            }

            var frame = buffer[..length];
            var due = System.Environment.TickCount64 + (long)delay.TotalMilliseconds;
            foreach (var to in ports.Where(port => port != from))
            {
                to.Frames.Writer.TryWrite((due, frame));
            }
        }
    }

    private async Task Deliver(Port to)
    {
        try
        {
            await foreach (var (due, frame) in to.Frames.Reader.ReadAllAsync(stop.Token))
            {
                var left = due - System.Environment.TickCount64;
                if (left > 0)
                {
                    await Task.Delay((int)left, stop.Token);
                }

                if (!to.IsUnplugged)
                {
                    to.Send(frame);
                }
            }
        }
        catch (Exception error) when (error is OperationCanceledException or ObjectDisposedException)
        {
            // The hub is gone.
        }
    }

    /// <summary>A host and the hub's end of its cable.</summary>
    private sealed class Port : IDisposable
    {
        private const int EveryProtocol = 0x0003;
        private const int PacketLevel = 263;
        private const int IgnoreOutgoing = 23;
        private const int WithHeader = 15;

        private readonly string cable;

        public Port(int host)
        {
            var id = System.Environment.ProcessId.ToString(CultureInfo.InvariantCulture);
            Name = $"rl{id}-{host}";
            cable = $"rl{id}h{host}";
            Ip("netns", "add", Name);
            try
            {
                Ip("link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", Name);
                Ip("link", "set", cable, "addrgenmode", "none", "up");
                Ip("-n", Name, "link", "set", "lo", "up");
                Ip("-n", Name, "address", "add", $"{Address(host)}/24", "dev", "eth0");
                Ip("-n", Name, "link", "set", "eth0", "up");
                Socket = new(AddressFamily.Packet, SocketType.Raw, 0);
                Socket.SetRawSocketOption(PacketLevel, IgnoreOutgoing, BitConverter.GetBytes(1));
                // Checksums and segments that the kernel has left to the interface travel as a header before the frame.
                Socket.SetRawSocketOption(PacketLevel, WithHeader, BitConverter.GetBytes(1));
                Socket.ReceiveBufferSize = 1 << 23;
                Socket.Bind(new Link(int.Parse(
                    File.ReadAllText($"/sys/class/net/{cable}/ifindex"), CultureInfo.InvariantCulture)));
            }
            catch
            {
                Dispose();
                throw;
            }
        }

        public string Name { get; }

        public Socket Socket { get; } = null!;

        public bool IsUnplugged { get; set; }

        public Channel<(long Due, byte[] Frame)> Frames { get; } = Channel.CreateUnbounded<(long, byte[])>();

        public void Send(byte[] frame)
        {
            try
            {
                Socket.Send(frame);
            }
            catch (SocketException)
            {
                // Lost, as on any network.
            }
        }

        public void Dispose()
        {
            Socket?.Dispose();

            // The kernel keeps a namespace as long as it has connections that nobody has closed, and their interface.
            using var pulled = Program.Start("ip", "/", "link", "delete", cable);
            pulled.Ends().GetAwaiter().GetResult();
            using var deleted = Program.Start("ip", "/", "netns", "delete", Name);
            deleted.Ends().GetAwaiter().GetResult();
        }

        /// <summary>An interface by its number, as sockaddr_ll.</summary>
        private sealed class Link(int index) : EndPoint
        {
            public override AddressFamily AddressFamily => AddressFamily.Packet;

            public override SocketAddress Serialize()
            {
                var address = new SocketAddress(AddressFamily.Packet, 20);
                Span<byte> bytes = address.Buffer.Span;
                bytes[2] = EveryProtocol >> 8;
                bytes[3] = EveryProtocol & 0xFF;
                MemoryMarshal.Write(bytes[4..], in index);
                return address;
            }

            public override EndPoint Create(SocketAddress socketAddress) => this;
        }
    }
}
