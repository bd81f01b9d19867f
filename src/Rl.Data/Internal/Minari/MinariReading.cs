using System;
using System.Collections.Generic;
using System.Linq;

namespace Rl.Data.Internal.Minari;

/// <summary>What HDF5 and Arrow have in common: how arrays of one episode become an episode.</summary>
internal sealed class MinariReading(GymSpace observations, GymSpace actions, DatasetOptions options)
{
    private readonly InsideCheck inside = new(observations.Space, actions.Space, options.ClipActions);

    public GymSpace Observations { get; } = observations;

    public GymSpace Actions { get; } = actions;

    /// <summary>T, from the shape of the rewards.</summary>
    /// <param name="parts">The episode.</param>
    /// <param name="shape">The shape of the rewards.</param>
    /// <param name="stated">What the episode's own metadata say; null for nothing.</param>
    public static int Steps(EpisodeParts parts, IReadOnlyList<long> shape, long? stated)
    {
        var count = shape.Aggregate(1L, (product, length) => product * length);
        if (shape.Count == 0 || count != shape[0])
        {
            throw parts.Wrong($"rewards has the shape [{string.Join(", ", shape)}]; it must have one a step");
        }

        if (stated is { } steps && steps != count)
        {
            throw parts.Wrong($"there are {count} rewards, but total_steps is {steps}");
        }

        return count is > 0 and < int.MaxValue
            ? (int)count
            : throw parts.Wrong($"it has {count} steps; at least one is needed, and fewer than {int.MaxValue}");
    }

    /// <summary>The episode of its arrays.</summary>
    public RecordedEpisode Episode(
        EpisodeParts parts,
        float[] observed,
        float[] acted,
        DataArray rewards,
        DataArray terminations,
        DataArray truncations)
    {
        if (rewards.ElementType == ElementType.Text)
        {
            throw parts.Wrong("rewards holds strings");
        }

        var steps = rewards.Rows;
        var isTerminal = parts.End("terminations", terminations, steps);
        var isCut = parts.End("truncations", truncations, steps);
        if (!isTerminal && !isCut && !options.OpenEnds)
        {
            throw parts.Wrong(
                steps - 1,
                "the last step neither terminates nor is truncated; where the recording merely stopped there, let open "
                + "ends be (OpenEnds, --open-ends)");
        }

        var episode = parts.Episode(
            observed, acted, rewards.Values as double[] ?? rewards.ToDoubles(), isTerminal, isCut);
        inside.Require(parts, observed, acted);
        return episode;
    }

    /// <summary>The pixels of images that are stored as JPEG files.</summary>
    public DataArray Decode(EpisodeParts parts, string name, GymSpace part, IReadOnlyList<byte[]> files)
    {
        if (!part.IsImage)
        {
            throw parts.Wrong($"{name} holds sequences of bytes; {part.Space} wants numbers");
        }

        if (options.JpegDecoder is not { } decode)
        {
            throw new NotSupportedException(
                $"{parts.Wrong($"{name} holds JPEG files, which are lossy").Message} Give a decoder in the options, or "
                + "let Minari write the data with jpeg_encoding=False.");
        }

        var size = part.Space.Size;
        var channels = part.Shape.Count == 3 ? part.Shape[2] : 1;
        var pixels = new byte[checked(files.Count * size)];
        for (var row = 0; row < files.Count; row++)
        {
            try
            {
                decode(files[row], channels, pixels.AsSpan(row * size, size));
            }
            catch (Exception error) when (error is not OperationCanceledException)
            {
                throw parts.Wrong(row, $"{name} holds no JPEG file of {part.Space}: {error.Message}");
            }
        }

        return new(pixels, [files.Count, .. part.Shape]);
    }
}
