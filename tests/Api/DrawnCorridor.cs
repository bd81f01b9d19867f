using System;

namespace Rl.Tests.Api;

/// <summary>A user's environment that can be looked at: a dot walks to the right end of a corridor of 9
/// squares.</summary>
internal sealed class DrawnCorridor : IEnvironment, IRenderable
{
    private int position;
    private int steps;

    public Space ObservationSpace { get; } = Space.Box(0, 10, 1);

    public Space ActionSpace { get; } = Space.Discrete(2);

    public int MaxEpisodeSteps => 30;

    public double FramesPerSecond { get; init; } = 10;

    public Func<Scene>? Draw { get; init; }

    public ReadOnlyMemory<float> Reset(ulong seed)
    {
        (position, steps) = (4, 0);
        return new float[] { position };
    }

    public StepResult Step(ReadOnlySpan<float> action)
    {
        steps++;
        position = Math.Max(0, position + (action[0] == 1 ? 1 : -1));
        return new(new float[] { position }, position == 8 ? 1 : -0.1, position == 8);
    }

    public Scene Render() => Draw is null
        ? Scene.Create(90, 10, "#ffffff").Rectangle(80, 0, 10, 10, "#00ff00").Disc((10 * position) + 5, 5, 4, "#ff0000")
        : Draw();
}
