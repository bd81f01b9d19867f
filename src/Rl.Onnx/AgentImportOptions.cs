using System.Collections.Generic;

namespace Rl.Onnx;

/// <summary>How a network of a file becomes an agent.</summary>
public sealed record AgentImportOptions
{
    /// <summary>What the agent learns with if it is trained on; its hidden layers and activation become those of the
    /// file. The defaults of <see cref="PpoOptions"/> if not given.</summary>
    public AgentOptions? Learning { get; init; }

    /// <summary>Where the randomness of all that the file does not hold comes from, such as critics.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>The output of an ONNX model that is the action, or what its choice follows from; the first if not
    /// given.</summary>
    public string? Output { get; init; }

    /// <summary>Of a safetensors file, the parts whose layers follow each other, such as
    /// <c>["mlp_extractor.policy_net", "action_net"]</c>; those of Stable-Baselines3's policies are found by
    /// themselves.</summary>
    public IReadOnlyList<string>? Layers { get; init; }

    /// <summary>What stands between the layers of a safetensors file, which does not say it; the algorithm's own
    /// default if not given.</summary>
    public Activation? Activation { get; init; }

    /// <summary>Whether numbers of actions are given in units of their bounds, −1 for the lower and 1 for the upper, as
    /// Stable-Baselines3's SAC, TD3 and DDPG give them; of a safetensors file, so it is for these algorithms if not
    /// given.</summary>
    public bool? ScaledActions { get; init; }
}
