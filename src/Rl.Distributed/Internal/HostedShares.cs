using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Linq;
using System.Threading;
using Rl.Core.Distributed;

namespace Rl.Distributed.Internal;

/// <summary>What the actors of a worker act with, by their keys: copies, and what these remember. It outlives an actor
/// that Orleans makes anew in the same worker, as it does where the member is lost that knew where the actor
/// is.</summary>
internal sealed class HostedShares : IDisposable
{
    /// <summary>How long nobody may ask for what is kept.</summary>
    public static readonly TimeSpan LongestRest = TimeSpan.FromMinutes(30);

    private readonly Lock gate = new();
    private readonly Dictionary<string, Entry> entries = [];

    /// <summary>Has something answer for an actor, unless there is something already.</summary>
    public void Begin(string key, Func<IShareWorker> create)
    {
        EndResting();
        var entry = Of(key, isNew: true)!;
        lock (entry)
        {
            try
            {
                entry.Worker ??= create();
            }
            catch
            {
                Remove(key);
                throw;
            }
        }
    }

    /// <summary>Answers a request; null where nothing is there for the actor.</summary>
    public byte[]? Answer(string key, byte[] request)
    {
        if (Of(key, isNew: false) is not { } entry)
        {
            return null;
        }

        entry.Asked = Stopwatch.GetTimestamp();
        if (entry.Worker is IConcurrentShareWorker worker)
        {
            return AnswerAmongOthers(entry, worker, request);
        }

        // An actor that was made anew may come while the former is still at its last request.
        lock (entry)
        {
            return entry.Worker?.Answer(request);
        }
    }

    /// <summary>The actor is not needed any more.</summary>
    public void End(string key)
    {
        if (Remove(key) is { } entry)
        {
            lock (entry)
            {
                while (entry.Answering > 0)
                {
                    Monitor.Wait(entry);
                }

                entry.Worker?.Dispose();
                entry.Worker = null;
            }
        }
    }

    public void Dispose()
    {
        foreach (var key in Keys(_ => true))
        {
            End(key);
        }
    }

    private static byte[]? AnswerAmongOthers(Entry entry, IConcurrentShareWorker worker, byte[] request)
    {
        lock (entry)
        {
            // It has ended meanwhile.
            if (entry.Worker is null)
            {
                return null;
            }

            entry.Answering++;
        }

        try
        {
            return worker.Answer(request);
        }
        finally
        {
            lock (entry)
            {
                entry.Answering--;
                Monitor.PulseAll(entry);
            }
        }
    }

    private void EndResting()
    {
        foreach (var key in Keys(entry => Stopwatch.GetElapsedTime(entry.Asked) > LongestRest))
        {
            End(key);
        }
    }

    private List<string> Keys(Predicate<Entry> isWanted)
    {
        lock (gate)
        {
            return [.. entries.Where(pair => isWanted(pair.Value)).Select(pair => pair.Key)];
        }
    }

    private Entry? Of(string key, bool isNew)
    {
        lock (gate)
        {
            if (!entries.TryGetValue(key, out var entry) && isNew)
            {
                entries.Add(key, entry = new());
            }

            return entry;
        }
    }

    private Entry? Remove(string key)
    {
        lock (gate)
        {
            return entries.Remove(key, out var entry) ? entry : null;
        }
    }

    private sealed class Entry
    {
        public IShareWorker? Worker { get; set; }

        /// <summary>Threads that are at requests which need not wait for each other.</summary>
        public int Answering { get; set; }

        public long Asked { get; set; } = Stopwatch.GetTimestamp();
    }
}
