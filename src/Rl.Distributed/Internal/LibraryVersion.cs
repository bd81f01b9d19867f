using System.Reflection;

namespace Rl.Distributed.Internal;

/// <summary>The version that learner and workers compare.</summary>
internal static class LibraryVersion
{
    public static string Text { get; } =
        typeof(LibraryVersion).Assembly
            .GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion
        ?? "unknown";

    /// <summary>Why a worker does nothing for a learner of another version; null for one of the same.</summary>
    public static string? Misfit(string learner) => learner == Text
        ? null
        : $"The worker runs version {Text} of Rl, the learner {learner}: install the same version on both.";
}
