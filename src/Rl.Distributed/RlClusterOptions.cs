using System;
using System.Collections.Generic;
using System.Globalization;
using System.Net;

namespace Rl.Distributed;

/// <summary>How a process takes part in a cluster: where it listens, how the members find each other, what they must
/// know to be let in.</summary>
public sealed class RlClusterOptions
{
    /// <summary>The port of a learner that was given none.</summary>
    public const int DefaultPort = 11_111;

    internal const int DefaultLag = 8;

    /// <summary>The cluster's name; processes of other names do not see each other, also in the same store.</summary>
    public string Name { get; set; } = "rl";

    /// <summary>The address to listen at: 127.0.0.1 for this machine alone, 0.0.0.0 for all addresses.</summary>
    public string Listen { get; set; } = "127.0.0.1";

    /// <summary>The address or host name that others reach this process at; that of <see cref="Listen"/>, or of this
    /// machine where that is 0.0.0.0, if not given.</summary>
    public string? Advertise { get; set; }

    /// <summary>The port to listen at; 0 for a free one, and for a learner without a store
    /// <see cref="DefaultPort"/>.</summary>
    public int Port { get; set; }

    /// <summary>Of a worker: where the learner is, <c>host:port</c>, which keeps the list of members where there is no
    /// store; 127.0.0.1:11111 if not given.</summary>
    public string? Learner { get; set; }

    /// <summary>Where the list of members is kept: <c>redis:host:port</c>, with options of StackExchange.Redis after
    /// commas, or <c>postgres:</c> and a connection string of Npgsql. Null for a list that the learner keeps.</summary>
    public string? Store { get; set; }

    /// <summary>What all members know, at least 16 characters of which nobody guesses one: connections are encrypted,
    /// and whoever does not know it is refused. It may be left out only where all listen at loopback.</summary>
    public string? Secret { get; set; }

    /// <summary>Threads of a worker; 0 for one a core. Results do not depend on it.</summary>
    public int Threads { get; set; }

    /// <summary>How often members ask each other whether they are there; at least 100 ms. One that does not answer
    /// <see cref="MissedProbes"/> times in a row is lost.</summary>
    public TimeSpan ProbeInterval { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>How many questions in a row a member may leave without an answer; at least 1.</summary>
    public int MissedProbes { get; set; } = 3;

    /// <summary>Of a learner whose workers need not wait for it: how much older than the policy that learns the policy
    /// of a step may be; at least 0. Of IMPALA and APPO in updates, 8 if null: workers do not run further ahead, and
    /// what takes longer is thrown away and counted. Of algorithms from replayed steps (DQN, SAC, TD3 and others) in
    /// turns of TrainFrequency steps and GradientSteps updates: the copies of each memory go on while the learner
    /// learns, at most so many turns ahead, and what is learned depends on who was when; null or 0 where they take
    /// turns, which is repeatable.</summary>
    public int? MaximumLag { get; set; }

    /// <summary>Of a learner from replayed steps (DQN, SAC, TD3 and others): over how many memories the steps of its
    /// copies are spread, at most one for each copy; workers have them. What is learned depends on it, and not on how
    /// many workers there are. 0 for as many as there are workers when training begins.</summary>
    public int Memories { get; set; }

    /// <summary>Environments of your own that a worker makes by their <see cref="IEnvironment.Name"/>.</summary>
    public IDictionary<string, Func<IEnvironment>> Environments { get; } =
        new Dictionary<string, Func<IEnvironment>>(StringComparer.Ordinal);

    /// <summary>Refuses what cannot be: the message names the option, its value and what it must be.</summary>
    /// <exception cref="ArgumentException">An option is out of its range, or there is no secret where strangers can
    /// reach this process.</exception>
    public void Validate()
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(Name);
        var listen = IPAddress.TryParse(Listen, out var address)
            ? address
            : throw new ArgumentException(
                $"Listen is \"{Listen}\"; it must be an IP address, such as 127.0.0.1 or 0.0.0.0.", nameof(Listen));
        if (Port is < 0 or > IPEndPoint.MaxPort)
        {
            throw new ArgumentOutOfRangeException(
                nameof(Port), Port, Invariant($"Port is {Port}; it must lie in [0, {IPEndPoint.MaxPort}]."));
        }

        if (Threads is < 0 or > 1024)
        {
            throw new ArgumentOutOfRangeException(
                nameof(Threads), Threads, Invariant($"Threads is {Threads}; it must lie in [0, 1024]."));
        }

        if (ProbeInterval < TimeSpan.FromMilliseconds(100))
        {
            throw new ArgumentOutOfRangeException(
                nameof(ProbeInterval), ProbeInterval, $"ProbeInterval is {ProbeInterval}; it must be at least 100 ms.");
        }

        ArgumentOutOfRangeException.ThrowIfLessThan(MissedProbes, 1);
        if (MaximumLag is < 0 or > 1_000_000)
        {
            throw new ArgumentOutOfRangeException(
                nameof(MaximumLag), MaximumLag, Invariant($"MaximumLag is {MaximumLag}; it must lie in [0, 1000000]."));
        }

        if (Memories is < 0 or > 1_000_000)
        {
            throw new ArgumentOutOfRangeException(
                nameof(Memories), Memories, Invariant($"Memories is {Memories}; it must lie in [0, 1000000]."));
        }

        if (Learner is not null)
        {
            Internal.Addresses.Parse(Learner, nameof(Learner));
            if (Store is not null)
            {
                throw new ArgumentException(
                    "Learner and Store are both given; the members are listed in one of them.", nameof(Learner));
            }
        }

        if (Store is not null)
        {
            Internal.ClusterStore.Parse(Store, nameof(Store));
        }

        if (Secret is { Length: < 16 })
        {
            throw new ArgumentException(
                Invariant($"Secret has {Secret.Length} characters; it must have at least 16 that nobody guesses, such ")
                    + "as those of openssl rand -base64 32.",
                nameof(Secret));
        }

        if (Secret is null && !IPAddress.IsLoopback(listen))
        {
            throw new ArgumentException(
                $"Listen is {Listen}, where other machines reach this process, and there is no Secret: whoever "
                    + "reaches it could act for it and have it run what it likes. Give all members the same secret, or "
                    + "listen at 127.0.0.1.",
                nameof(Secret));
        }
    }

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
