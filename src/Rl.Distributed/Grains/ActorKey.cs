using System.Globalization;
using Orleans.Runtime;

namespace Rl.Distributed.Grains;

/// <summary>The key of an actor: the worker that it lives in, the learner that it acts for, and the plan that it acts
/// by.</summary>
internal static class ActorKey
{
    private const char Separator = '/';

    public static string Of(SiloAddress worker, SiloAddress learner, ulong plan) => string.Create(
        CultureInfo.InvariantCulture,
        $"{worker.ToParsableString()}{Separator}{learner.ToParsableString()}{Separator}{plan:x16}");

    /// <summary>The worker of a key.</summary>
    public static SiloAddress Worker(string key) => SiloAddress.FromParsableString(key[..key.IndexOf(Separator)]);
}
