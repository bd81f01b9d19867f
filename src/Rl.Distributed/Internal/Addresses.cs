using System;
using System.Globalization;
using System.Linq;
using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;

namespace Rl.Distributed.Internal;

/// <summary>Addresses and ports of members.</summary>
internal static class Addresses
{
    /// <summary>Host and port of <c>host:port</c>, or of a host alone with the default port. An address of colons with
    /// a port is in brackets, <c>[::1]:11111</c>.</summary>
    public static (string Host, int Port) Parse(string text, string name)
    {
        // The library reads an address in brackets also where a port follows.
        if ((!text.StartsWith('[') || text.EndsWith(']')) && IPAddress.TryParse(text, out _))
        {
            return (text, RlClusterOptions.DefaultPort);
        }

        var at = text.LastIndexOf(':');
        var host = at < 0 ? text : text[..at];
        var number = 0;
        if (host.Length > 0
            && (!host.Contains(':', StringComparison.Ordinal) || IPAddress.TryParse(host, out _))
            && (at < 0
                || (int.TryParse(text[(at + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out number)
                    && number is > 0 and <= IPEndPoint.MaxPort)))
        {
            return (host, at < 0 ? RlClusterOptions.DefaultPort : number);
        }

        throw new ArgumentException($"{name} is \"{text}\"; it must be host:port, such as 10.0.0.5:11111.", name);
    }

    /// <summary>The address of a host by its number or its name.</summary>
    public static IPAddress Resolve(string host)
    {
        if (IPAddress.TryParse(host, out var address))
        {
            return address;
        }

        try
        {
            return Dns.GetHostAddresses(host)
                .OrderBy(found => found.AddressFamily != AddressFamily.InterNetwork)
                .First();
        }
        catch (Exception error) when (error is SocketException or InvalidOperationException)
        {
            throw new RlClusterException($"There is no host \"{host}\": {error.Message}", error);
        }
    }

    /// <summary>What others reach this process at.</summary>
    public static IPAddress Advertised(RlClusterOptions options)
    {
        if (options.Advertise is { } given)
        {
            return Resolve(given);
        }

        var listen = IPAddress.Parse(options.Listen);
        return IsAny(listen) ? OfMachine() : listen;
    }

    public static bool IsAny(IPAddress address) => address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any);

    private static IPAddress OfMachine() =>
        NetworkInterface.GetAllNetworkInterfaces()
            .Where(network => network.OperationalStatus == OperationalStatus.Up
                && network.NetworkInterfaceType != NetworkInterfaceType.Loopback)
            .SelectMany(network => network.GetIPProperties().UnicastAddresses)
            .Select(unicast => unicast.Address)
            .FirstOrDefault(address => address.AddressFamily == AddressFamily.InterNetwork)
        ?? throw new RlClusterException(
            "Listen is 0.0.0.0, and this machine has no address that others could reach it at; give Advertise.");

    /// <summary>A port that is free now.</summary>
    public static int FreePort(IPAddress address)
    {
        try
        {
            using var listener = new TcpListener(address, 0);
            listener.Start();
            return ((IPEndPoint)listener.LocalEndpoint).Port;
        }
        catch (SocketException error)
        {
            throw NotHere(address, error);
        }
    }

    /// <summary>Refuses a port that another process has.</summary>
    public static void RequireFree(IPAddress address, int port)
    {
        try
        {
            using var listener = new TcpListener(address, port);
            listener.Start();
        }
        catch (SocketException error) when (error.SocketErrorCode == SocketError.AddressNotAvailable)
        {
            throw NotHere(address, error);
        }
        catch (SocketException error)
        {
            throw new RlClusterException(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"Port {port} of {address} cannot be listened at ({error.Message}); choose another port."),
                error);
        }
    }
    private static RlClusterException NotHere(IPAddress address, SocketException error) => new(
        $"Listen is {address}, which this machine has not ({error.Message}); give one of its own or 0.0.0.0.", error);
}
