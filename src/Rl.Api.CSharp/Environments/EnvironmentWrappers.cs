using System;
using System.Collections.Generic;
using Wrapper = Rl.Core.Wrappers.Wrapper;

namespace Rl;

/// <summary>Writes the transform of a row of numbers.</summary>
/// <param name="source">What is transformed.</param>
/// <param name="destination">Receives the result.</param>
public delegate void RowFunction(ReadOnlySpan<float> source, Span<float> destination);

/// <summary>What a stack of frames holds before as many observations have been made.</summary>
public enum FramePadding
{
    /// <summary>The first observation of the episode.</summary>
    Reset,

    /// <summary>Zeros.</summary>
    Zero,
}

/// <summary>Gymnasium's wrappers, for environments of the library and your own:
/// <c>Environments.Make("Pendulum-v1").RescaleAction(-1, 1).NormalizeObservation()</c>. The first that is called stands
/// next to the environment.</summary>
/// <remarks>An environment of the library within wrappers is given to an agent as it is, which makes copies; one of
/// your own as a factory, <c>() => new MyEnvironment().NormalizeObservation()</c>. Each throws
/// <see cref="ArgumentException"/> where it does not fit the environment's spaces or a parameter is out of range; the
/// message says what is needed.</remarks>
public static class EnvironmentWrappers
{
    /// <summary>Cuts episodes after a number of steps.</summary>
    public static WrappedEnvironment TimeLimit(this IEnvironment environment, int maxEpisodeSteps) =>
        With(environment, Wrapper.NewTimeLimit(maxEpisodeSteps));

    /// <summary>Reports returns and lengths of episodes by the rewards and steps at this place; else they are the
    /// environment's own.</summary>
    public static WrappedEnvironment RecordEpisodeStatistics(this IEnvironment environment) =>
        With(environment, Wrapper.RecordEpisodeStatistics);

    /// <summary>Observations less their running mean, divided by their running standard deviation.</summary>
    public static WrappedEnvironment NormalizeObservation(this IEnvironment environment, double epsilon = 1e-8) =>
        With(environment, Wrapper.NewNormalizeObservation(epsilon));

    /// <summary>Rewards divided by the running standard deviation of discounted returns.</summary>
    public static WrappedEnvironment NormalizeReward(
        this IEnvironment environment, double discount = 0.99, double epsilon = 1e-8) =>
        With(environment, Wrapper.NewNormalizeReward(discount, epsilon));

    /// <summary>Adds <paramref name="scale"/> / √n to rewards, n being how often a step of any copy has led to the same
    /// cell of observations: integers and bits by value, boxes by <paramref name="bins"/> of equal width, one number or
    /// one an element.</summary>
    /// <remarks>Evaluations and reported returns are without the bonus.</remarks>
    public static WrappedEnvironment CountBonus(this IEnvironment environment, double scale, params int[] bins) =>
        With(environment, Wrapper.NewCountBonus(scale, bins));

    /// <summary>Adds <paramref name="scale"/> times what a network cannot predict yet to rewards: its error at saying
    /// what a fixed random network says of the observation, over the running deviation of the discounted sums of
    /// errors.</summary>
    /// <remarks>Evaluations and reported returns are without the bonus. The networks follow from
    /// <paramref name="seed"/>; <paramref name="width"/> is the number of units of their layers and of their
    /// outputs.</remarks>
    public static WrappedEnvironment RandomNetworkDistillation(
        this IEnvironment environment, double scale = 1, double learningRate = 1e-4, int width = 64, int seed = 0) =>
        With(environment, Wrapper.NewRandomNetworkDistillation(scale, learningRate, width, seed));

    /// <summary>Observations by a function. A file holds its name alone: to load an agent, give the environment with
    /// its wrappers.</summary>
    public static WrappedEnvironment TransformObservation(
        this IEnvironment environment, string name, RowFunction transform, Space? space = null) =>
        With(environment, Convert.TransformObservation(name, transform, space));

    /// <summary>Rewards by a function. A file holds its name alone: to load an agent, give the environment with its
    /// wrappers.</summary>
    public static WrappedEnvironment TransformReward(
        this IEnvironment environment, string name, Func<double, double> transform) =>
        With(environment, Convert.TransformReward(name, transform));

    /// <summary>Actions of <paramref name="space"/> (null: the environment's) by a function to the environment's. A
    /// file holds its name alone: to load an agent, give the environment with its wrappers.</summary>
    public static WrappedEnvironment TransformAction(
        this IEnvironment environment, string name, RowFunction transform, Space? space = null) =>
        With(environment, Convert.TransformAction(name, transform, space));

    /// <summary>Lets any numbers be actions and clips them to the box.</summary>
    public static WrappedEnvironment ClipAction(this IEnvironment environment) => With(environment, Wrapper.ClipAction);

    /// <summary>Rewards clipped to a range.</summary>
    public static WrappedEnvironment ClipReward(
        this IEnvironment environment, double low = double.NegativeInfinity, double high = double.PositiveInfinity) =>
        With(environment, Wrapper.NewClipReward(low, high));

    /// <summary>Actions from <paramref name="low"/> to <paramref name="high"/> stand for the whole box of
    /// actions.</summary>
    public static WrappedEnvironment RescaleAction(this IEnvironment environment, double low, double high) =>
        With(environment, Wrapper.NewRescaleAction([low], [high]));

    /// <summary>The whole box of observations is mapped to the range from <paramref name="low"/> to
    /// <paramref name="high"/>.</summary>
    public static WrappedEnvironment RescaleObservation(this IEnvironment environment, double low, double high) =>
        With(environment, Wrapper.NewRescaleObservation([low], [high]));

    /// <summary>The last observations, the newest last; a new first axis.</summary>
    public static WrappedEnvironment FrameStackObservation(
        this IEnvironment environment, int size, FramePadding padding = FramePadding.Reset) =>
        With(environment, Convert.FrameStack(size, padding));

    /// <summary>The time since the episode began: as a last element, or as the entry "time" of a dictionary; in steps,
    /// or as a part of the time limit.</summary>
    public static WrappedEnvironment TimeAwareObservation(
        this IEnvironment environment, bool flatten = true, bool normalizeTime = false) =>
        With(environment, Wrapper.NewTimeAwareObservation(flatten, normalizeTime));

    /// <summary>Observations that are <paramref name="delay"/> steps old; zeros before.</summary>
    public static WrappedEnvironment DelayObservation(this IEnvironment environment, int delay) =>
        With(environment, Wrapper.NewDelayObservation(delay));

    /// <summary>Observations as vectors for networks: <see cref="Space.Encode"/>.</summary>
    public static WrappedEnvironment FlattenObservation(this IEnvironment environment) =>
        With(environment, Wrapper.FlattenObservation);

    /// <summary>Some entries of a dictionary, or parts of a tuple by number.</summary>
    public static WrappedEnvironment FilterObservation(
        this IEnvironment environment, params IReadOnlyList<string> names) =>
        With(environment, Convert.FilterObservation(names));

    /// <summary>Boxes of another shape with the same elements.</summary>
    public static WrappedEnvironment ReshapeObservation(this IEnvironment environment, params int[] shape) =>
        With(environment, Wrapper.NewReshapeObservation(shape));

    /// <summary>Colour images as grey ones; the axis of channels is left out, or kept with length 1.</summary>
    public static WrappedEnvironment GrayscaleObservation(this IEnvironment environment, bool keepChannel = false) =>
        With(environment, Wrapper.NewGrayscaleObservation(keepChannel));

    /// <summary>Images of another height and width; each pixel is the mean of the old ones over its area.</summary>
    public static WrappedEnvironment ResizeObservation(this IEnvironment environment, int height, int width) =>
        With(environment, Wrapper.NewResizeObservation(height, width));

    /// <summary>Observations in bins of equal width: as one integer, or one an element.</summary>
    public static WrappedEnvironment DiscretizeObservation(
        this IEnvironment environment, int bins, bool multiDiscrete = false) =>
        With(environment, Wrapper.NewDiscretizeObservation([bins], multiDiscrete));

    /// <summary>Actions by the middles of bins of equal width: as one integer, or one an element.</summary>
    public static WrappedEnvironment DiscretizeAction(
        this IEnvironment environment, int bins, bool multiDiscrete = false) =>
        With(environment, Wrapper.NewDiscretizeAction([bins], multiDiscrete));

    /// <summary>Takes each action several times, adds the rewards, and shows the element-wise maximum of the last two
    /// observations.</summary>
    public static WrappedEnvironment MaxAndSkipObservation(this IEnvironment environment, int skip = 4) =>
        With(environment, Wrapper.NewMaxAndSkipObservation(skip));

    /// <summary>Takes each action several times and adds the rewards.</summary>
    public static WrappedEnvironment RepeatAction(this IEnvironment environment, int count) =>
        With(environment, Wrapper.NewRepeatAction(count));

    /// <summary>With a probability an action is not taken but the one before, for some steps.</summary>
    public static WrappedEnvironment StickyAction(
        this IEnvironment environment, double probability, int shortest = 1, int longest = 1) =>
        With(environment, Wrapper.NewStickyAction(probability, shortest, longest));

    /// <summary>Domain randomisation of a robot (Tobin et al. 2017): each episode draws numbers of its own, uniformly
    /// between two bounds, and <see cref="WrappedEnvironment.Info"/> tells them. It changes the robot itself and stands
    /// next to it, before all other wrappers.</summary>
    /// <param name="environment">A robot of the library, such as <c>Hopper-v5</c>.</param>
    /// <param name="mass">Bounds of the factor of masses and moments of inertia. Above 0.</param>
    /// <param name="friction">Bounds of the factor of all coefficients of friction. At least 0.</param>
    /// <param name="damping">Bounds of the factor of the joints' damping. At least 0.</param>
    /// <param name="strength">Bounds of the factor of the actuators' forces. At least 0.</param>
    /// <param name="actionDelay">Bounds of the steps between an action and its taking effect, in [0, 16].</param>
    /// <param name="observationNoise">Bounds of the standard deviation of normal noise on each number that is
    /// observed, goals excepted. At least 0.</param>
    /// <param name="bodies">The bodies whose mass changes; all if not given.</param>
    /// <param name="privileged">Whether observations have the further part <c>privileged</c>, which critics see and
    /// actors do not: the six numbers that were drawn, and the observation without noise.</param>
    /// <exception cref="ArgumentException">The environment is no robot of the library, has wrappers already, or has not
    /// such a body; or bounds are reversed or lie where they may not.</exception>
    public static WrappedEnvironment RandomizeDynamics(
        this IEnvironment environment,
        double[]? mass = null,
        double[]? friction = null,
        double[]? damping = null,
        double[]? strength = null,
        int[]? actionDelay = null,
        double[]? observationNoise = null,
        IReadOnlyList<string>? bodies = null,
        bool privileged = false) =>
        With(environment, Convert.RandomizeDynamics(
            mass, friction, damping, strength, actionDelay, observationNoise, bodies, privileged));

    /// <summary>Refuses observations outside their space and actions outside theirs.</summary>
    public static WrappedEnvironment PassiveEnvironmentChecker(this IEnvironment environment) =>
        With(environment, Wrapper.PassiveEnvironmentChecker);

    /// <summary>For colour images of games, of the shape [3, height, width]: actions repeated, the maximum of the last
    /// two images, grey levels in [0, 1], a square size, and a stack of the last images. Observations are
    /// [<paramref name="frameStack"/>, <paramref name="screenSize"/>, <paramref name="screenSize"/>]. Source: Mnih et
    /// al. (2015).</summary>
    public static WrappedEnvironment AtariPreprocessing(
        this IEnvironment environment, int frameSkip = 4, int screenSize = 84, int frameStack = 4) =>
        With(environment, Convert.AtariPreprocessing(frameSkip, screenSize, frameStack));

    private static WrappedEnvironment With(IEnvironment environment, params Wrapper[] wrappers)
    {
        ArgumentNullException.ThrowIfNull(environment);
        return environment is WrappedEnvironment wrapped
            ? new(wrapped.Inner, [.. wrapped.CoreWrappers, .. wrappers])
            : new(environment, wrappers);
    }
}
