using System;
using System.Collections.Concurrent;

namespace Rl.Distributed.Internal;

/// <summary>The requests that a worker is at, by the keys of its grains and the numbers that the learner gave them. It
/// outlives a grain that Orleans makes anew.</summary>
internal sealed class WorkAtHand
{
    private readonly ConcurrentDictionary<(string Key, long Request), bool> requests = new();

    /// <summary>Notes a request until the result is disposed of.</summary>
    public IDisposable Begin(string key, long request)
    {
        requests[(key, request)] = true;
        return new Ending(this, (key, request));
    }

    public bool Has(string key, long request) => requests.ContainsKey((key, request));

    private sealed class Ending(WorkAtHand all, (string Key, long Request) one) : IDisposable
    {
        public void Dispose() => all.requests.TryRemove(one, out _);
    }
}
