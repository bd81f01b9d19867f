using System;
using System.Collections.Generic;
using System.Threading.Tasks;

namespace Rl.Distributed.Runs;

/// <summary>One run in a store: a record of who writes it and what it consists of, and chunks of bytes.</summary>
internal interface IRunChunks : IAsyncDisposable
{
    /// <summary>The list of what the run consists of; null if nothing has been saved.</summary>
    Task<string?> Read();

    /// <summary>Makes somebody the one who writes the run, whoever did before.</summary>
    Task Take(string writer);

    /// <summary>Puts another list in the place of the run's, at one blow; false, and nothing is changed, where another
    /// writes it by now.</summary>
    Task<bool> Switch(string writer, string list);

    /// <summary>Puts a chunk there; it is nobody's until a list names it.</summary>
    Task Put(string id, ReadOnlyMemory<byte> bytes);

    /// <summary>A chunk; null if it is not there.</summary>
    Task<byte[]?> Get(string id);

    /// <summary>All chunks of the run, also those that no list names.</summary>
    Task<IReadOnlyList<string>> Ids();

    Task Delete(IReadOnlyCollection<string> ids);

    /// <summary>The names of the cluster's runs, in order.</summary>
    Task<IReadOnlyList<string>> Names();
}
