namespace Rl;

/// <summary>Something that can be looked at. Implement it beside <see cref="IEnvironment"/>, and an environment of your
/// own can be watched and recorded as those of the library.</summary>
public interface IRenderable
{
    /// <summary>The steps a second that look like the environment's own time; greater than 0.</summary>
    double FramesPerSecond => 30;

    /// <summary>What the present state looks like. It changes nothing.</summary>
    Scene Render();
}
