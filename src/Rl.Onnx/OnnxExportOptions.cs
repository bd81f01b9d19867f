namespace Rl.Onnx;

/// <summary>How an exported agent acts.</summary>
public sealed record OnnxExportOptions
{
    /// <summary>Whether actions are drawn from the policy, as in training, by numbers that the model takes as inputs
    /// "uniform" and "normal"; else they are the most probable ones. A model draws nothing itself: its runs are
    /// repeatable, and no two copies of it explore alike. Policies that draw nothing, such as DQN's, have neither
    /// input.</summary>
    public bool DrawActions { get; init; }

    /// <summary>Whether the model takes which choices are possible as an input "mask"; null for whether the agent was
    /// trained with action masks. Agents without choices have none.</summary>
    public bool? ActionMasks { get; init; }

    /// <summary>Whether images of numbers from 0 to 255 come as bytes, a quarter of the size; else as floats. Unity
    /// takes floats alone.</summary>
    public bool ImagesAsBytes { get; init; }

    /// <summary>Whether the model is what stands inside the wrappers of the training: it then takes what they make of
    /// observations, and its actions go through them. Else observations and actions are the environment's own, as with
    /// <c>Predict</c>.</summary>
    public bool InsideWrappers { get; init; }
}
