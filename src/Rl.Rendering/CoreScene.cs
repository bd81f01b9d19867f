namespace Rl.Rendering;

/// <summary>For users of the F# core: its scenes as those that are drawn here.</summary>
public static class CoreScene
{
    /// <summary>A scene of <c>BatchEnvironment.Render</c> or <c>IRenderable.Render</c>, to be drawn or added to an
    /// animation.</summary>
    public static Scene ToScene(this Core.Environments.Rendering.Scene scene)
    {
        System.ArgumentNullException.ThrowIfNull(scene);
        return Scene.OfCore(scene);
    }
}
