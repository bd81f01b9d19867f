using Rl.Core.Learning;
using Rl.Core.Training;

namespace Rl;

/// <content>What packages that export or import agents need.</content>
public sealed partial class Agent
{
    /// <summary>What acts, a value that later training does not change, the wrappers around it, and what is known of
    /// the environment below them.</summary>
    internal (PolicyModel Policy, Wrapping Wrapping, ActingFacts Facts) Exported()
    {
        using var _ = Enter(mayBeReporting: true);
        return (policy, wrapping, facts);
    }

    /// <summary>Gives what acts other parameters, in the order of its blocks; targets that are still copies of it
    /// follow.</summary>
    internal void ReplaceActor(float[] parameters)
    {
        using var _ = Enter();
        state = TrainingStateModule.replaceActor(parameters, state);
        policy = Learner().Policy(state);
    }
}
