using Rl.Core.Learning;
using Rl.Core.Training;

namespace Rl;

/// <content>What packages that export agents need.</content>
public sealed partial class Agent
{
    /// <summary>What acts, a value that later training does not change, the wrappers around it, and what is known of
    /// the environment below them.</summary>
    internal (PolicyModel Policy, Wrapping Wrapping, ActingFacts Facts) Exported()
    {
        using var _ = Enter(mayBeReporting: true);
        return (policy, wrapping, facts);
    }
}
