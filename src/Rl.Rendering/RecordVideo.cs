using System;
using System.IO;
using Rl.Internal;

namespace Rl.Rendering;

/// <summary>An environment whose every k-th episode becomes an animation: a wrapper for loops of your own and for
/// environments of your own, as Gymnasium's. For an agent see <see cref="Recording"/>.</summary>
/// <remarks>The file of an episode is in its place when the episode is over, the next one begins, or this is disposed.
/// Action masks and time limits for answers are those of the environment; it does not clone.</remarks>
public sealed class RecordVideo : IEnvironmentWrapper, IMaskedEnvironment, IRenderable, IDisposable
{
    private readonly IEnvironment environment;
    private readonly IRenderable view;
    private readonly string folder;
    private readonly int everyEpisodes;
    private readonly double? scale;
    private AnimationWriter? animation;
    private int step;
    private double sum;

    /// <summary>Wraps an environment.</summary>
    /// <param name="environment">A <see cref="BuiltInEnvironment"/>, or one of your own that is an
    /// <see cref="IRenderable"/> too.</param>
    /// <param name="folder">Where the files go, <c>episode-000001.gif</c> and so on; give each copy of an environment
    /// its own.</param>
    /// <param name="everyEpisodes">Record the first episode and then every so many; at least 1.</param>
    /// <param name="scale">Pixels a unit of the scene; null for 1, or more where the picture would be narrower than 400
    /// pixels.</param>
    /// <exception cref="ArgumentException">The environment is no <see cref="IRenderable"/>.</exception>
    public RecordVideo(IEnvironment environment, string folder, int everyEpisodes = 1, double? scale = null)
    {
        ArgumentNullException.ThrowIfNull(environment);
        ArgumentException.ThrowIfNullOrEmpty(folder);
        ArgumentOutOfRangeException.ThrowIfLessThan(everyEpisodes, 1);
        view = environment as IRenderable
            ?? throw new ArgumentException(
                $"{environment.Name} cannot be looked at; let it implement IRenderable.", nameof(environment));
        this.environment = environment;
        this.folder = folder;
        this.everyEpisodes = everyEpisodes;
        this.scale = scale;
    }

    /// <inheritdoc/>
    public IEnvironment Inner => environment;

    /// <summary>Episodes so far, the one in progress included.</summary>
    public int Episodes { get; private set; }

    /// <inheritdoc/>
    public Space ObservationSpace => environment.ObservationSpace;

    /// <inheritdoc/>
    public Space ActionSpace => environment.ActionSpace;

    /// <inheritdoc/>
    public int MaxEpisodeSteps => environment.MaxEpisodeSteps;

    /// <inheritdoc/>
    public double RewardThreshold => environment.RewardThreshold;

    /// <inheritdoc/>
    public string Name => environment.Name;

    /// <inheritdoc/>
    public double FramesPerSecond => view.FramesPerSecond;

    /// <inheritdoc/>
    public bool HasActionMask => Abilities.Masked(environment) is not null;

    /// <inheritdoc/>
    public void ActionMask(Span<bool> mask) => environment.ActionMask().CopyTo(mask);

    /// <inheritdoc/>
    public ReadOnlyMemory<float> Reset(ulong seed)
    {
        Finish();
        var observation = environment.Reset(seed);
        (step, sum) = (0, 0);
        if (Episodes++ % everyEpisodes == 0)
        {
            var scene = view.Render();
            animation = new(
                Path.Combine(folder, $"episode-{Episodes:000000}.gif"), FramesPerSecond,
                scale ?? Recording.ScaleOf(scene));
            Add(scene, 0, false);
        }

        return observation;
    }

    /// <inheritdoc/>
    public StepResult Step(ReadOnlySpan<float> action)
    {
        var result = environment.Step(action);
        step++;
        sum += result.Reward;
        if (animation is not null)
        {
            // An agent applies the time limit of an environment of one's own: it will not step this one again.
            var isLast = result.IsOver || step == MaxEpisodeSteps;
            Add(view.Render(), result.Reward, isLast);
            if (isLast)
            {
                Finish();
            }
        }

        return result;
    }

    /// <inheritdoc/>
    public Scene Render() => view.Render();

    /// <summary>Finishes the recording in progress. The environment within stays its maker's, who disposes of it; an
    /// agent does so with both.</summary>
    public void Dispose() => Finish();

    private void Add(Scene scene, double reward, bool isLast) =>
        animation!.Add(
            Caption.Of(new(scene, Episodes, step, reward, sum, isLast)), isLast ? Recording.LastFrame : null);

    private void Finish()
    {
        animation?.Dispose();
        animation = null;
    }
}
