using System;

namespace Rl.Data.Internal;

/// <summary>What writes episodes in a format.</summary>
internal interface IEpisodeSink : IDisposable
{
    /// <summary>Writes an episode.</summary>
    void Add(DatasetEpisode episode);

    /// <summary>Writes what is left and puts everything in its place.</summary>
    void Complete();
}
