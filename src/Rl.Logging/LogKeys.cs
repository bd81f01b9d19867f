namespace Rl.Logging;

/// <summary>What the numbers of a log are called.</summary>
public enum LogKeys
{
    /// <summary>By the names of <see cref="TrainingProgress"/> and of the algorithm's own metrics, such as
    /// <c>episodes/meanReturn</c> and <c>learning/policyLoss</c>.</summary>
    Rl = 0,

    /// <summary>By the keys of Stable-Baselines3, such as <c>rollout/ep_rew_mean</c> and
    /// <c>train/policy_gradient_loss</c>, in its units; numbers that it does not have keep their names under
    /// <c>train/</c>, in its spelling.</summary>
    StableBaselines3 = 1,
}
