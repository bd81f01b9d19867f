using System;
using System.Linq;
using Rl.Core.Algorithms;

namespace Rl.Internal;

/// <summary>Options of an algorithm as those of a loss of a user's that takes the place of its own.</summary>
internal static class LossOptions
{
    /// <summary>The options that the loss's algorithm has; fails where another was set, which nothing would
    /// read.</summary>
    public static RegisteredOptions Of(
        AlgorithmEntry loss, AgentOptions options, AgentOptions defaults, string algorithm)
    {
        var own = loss.Options.Select(option => option.Name).ToHashSet();
        var unread = options.ToSettings()
            .Except(defaults.ToSettings())
            .Where(setting => !own.Contains(setting.Key))
            .ToArray();
        return unread.Length == 0
            ? new(loss, options.ToSettings()
                .Where(setting => own.Contains(setting.Key))
                .Select(setting => Tuple.Create(setting.Key, setting.Value)))
            {
                EnvironmentCopies = options.EnvironmentCopies,
                Threads = options.Threads,
            }
            : throw new ArgumentException(
                $"{unread[0].Key} is {unread[0].Value}, and belongs to {algorithm}'s own loss: {loss.Id} would not "
                + "read it. Leave it out, and write what it does into your loss.",
                nameof(options));
    }
}
